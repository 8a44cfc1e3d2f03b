//! What codes and messages mean, without looking at any task: exit codes, stop codes, error names, reasons.

use super::service::straight_quotes;
use super::start_failure::{self, READERS};

/// One thing that can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// As TAB offers it and as a person types it.
    pub key: &'static str,
    /// One line.
    pub means: &'static str,
    /// What to look at, in one or two sentences.
    pub then: &'static str,
    /// Texts that stand for it in messages, lower case; the key itself always does.
    marks: &'static [&'static str],
}

impl Entry {
    /// Whether its key or one of its marks stands in a text of lower case and straight quotes.
    #[must_use]
    pub fn stands_in(&self, plain: &str) -> bool {
        self.key.len() > 4 && plain.contains(&self.key.to_lowercase()) || self.marks_stand_in(plain)
    }

    #[must_use]
    pub fn marks_stand_in(&self, plain: &str) -> bool {
        self.marks.iter().any(|mark| plain.contains(mark))
    }
}

pub(super) const fn entry(key: &'static str, means: &'static str, then: &'static str, marks: &'static [&'static str]) -> Entry {
    Entry { key, means, then, marks }
}

/// Exit codes. 128 and more is 128 + the signal's number.
const EXIT_CODES: &[Entry] = &[
    entry("0", "the process ended without an error", "Right for a job. A service's container should not end at all; after an ordered stop it is only a consequence.", &[]),
    entry("1", "the application ended with an error of its own", "Its last log lines say which.", &[]),
    entry("2", "the application, often a shell or a flag parser, was used wrongly", "Look at command and entryPoint of the task definition.", &[]),
    entry("3", "the application ended with an error of its own; on Windows a C runtime that gave up ends so, too", "Its last log lines say which.", &[]),
    entry("101", "a Rust program panicked", "The panic message is in its log.", &[]),
    entry("125", "the container runtime itself failed", "Look at the container's reason.", &[]),
    entry("126", "the command was found and could not be executed", "No execute permission, or a file for another CPU.", &[]),
    entry("127", "the command was not found in the image", "Look at command and entryPoint, and at PATH in the image.", &[]),
    entry("129", "128 + 1, SIGHUP: its terminal or its parent went away", "A shell as entry point, or a supervisor inside, sends it.", &["sighup"]),
    entry("130", "ended by SIGINT", "Somebody or something inside interrupted it.", &["sigint"]),
    entry("131", "128 + 3, SIGQUIT", "Somebody or something inside asked for a dump: of a JVM or a Go program it stands in the log.", &["sigquit"]),
    entry("132", "SIGILL, an illegal instruction", "An image built for a newer or another CPU.", &["sigill"]),
    entry("133", "128 + 5, SIGTRAP", "A breakpoint or an assertion in native code (V8 and Swift end so).", &["sigtrap"]),
    entry("134", "SIGABRT, the process aborted itself", "An assertion, or a runtime that gave up (Node does so when its heap is full). The message is in its log.", &["sigabrt"]),
    entry("135", "SIGBUS, a bus error", "A mapped file was cut short, or /dev/shm is full.", &["sigbus"]),
    entry("136", "SIGFPE, an arithmetic error", "A division by zero in native code.", &["sigfpe"]),
    entry(
        "137",
        "SIGKILL; the code does not say who sent it",
        "Out of memory only where a reason, a log or a metric says so; after an ordered stop it means that SIGTERM was not obeyed within stopTimeout (30 s by default).",
        &["sigkill"],
    ),
    entry("138", "128 + 10, SIGUSR1, which the process did not handle", "Something inside signals it: a log rotation, a reload.", &["sigusr1"]),
    entry(
        "139",
        "SIGSEGV, a segmentation fault",
        "A bug in native code or an image for another CPU. It is no sign of memory running out; `free` in a container shows the host's memory, not the limit.",
        &["sigsegv", "segmentation fault"],
    ),
    entry("140", "128 + 12, SIGUSR2, which the process did not handle", "Something inside signals it: a log rotation, a reload.", &["sigusr2"]),
    entry("141", "128 + 13, SIGPIPE: it wrote to what nobody reads any more", "A pipe in the entry point, or a connection that was closed.", &["sigpipe"]),
    entry("142", "128 + 14, SIGALRM: its own timer ran out", "A timeout of its own.", &["sigalrm"]),
    entry("143", "SIGTERM, asked to stop and obeyed", "After an ordered stop a mere consequence; ask who-stopped for the order.", &["sigterm"]),
    entry("152", "128 + 24, SIGXCPU: it used more CPU time than its ulimit allows", "Look at ulimits in the task definition.", &["sigxcpu"]),
    entry("153", "128 + 25, SIGXFSZ: a file grew beyond its ulimit", "Look at ulimits in the task definition.", &["sigxfsz"]),
    entry("255", "outside the range, or -1; often an entry point that gave up", "With no log line the command may never have run.", &[]),
    entry(
        "3221225786",
        "Windows 0xC000013A: ended by Ctrl-C, which is how Windows containers are asked to stop",
        "A consequence of an ordered stop.",
        &["0xc000013a", "-1073741510"],
    ),
    entry("3221225477", "Windows 0xC0000005: access violation", "A bug in native code.", &["0xc0000005", "-1073741819"]),
];

const STOP_CODES: &[Entry] = &[
    entry("TaskFailedToStart", "ECS could not start the task", "The reason is in stoppedReason on Fargate and in the container's reason on EC2.", &["task failed to start"]),
    entry(
        "EssentialContainerExited",
        "an essential container ended, so ECS stopped the rest",
        "Which one, with which code, and what it logged last.",
        &["essential container in task exited"],
    ),
    entry(
        "UserInitiated",
        "someone or something called StopTask",
        "A person, a pipeline or an AWS service: who-stopped names it. The reason may be any text.",
        &["task stopped by user"],
    ),
    entry(
        "ServiceSchedulerInitiated",
        "the service scheduler stopped it",
        "One code for health checks, deployments, rollbacks, scale-in, rebalancing, maintenance and deletion: the reason and the deployments tell which.",
        &[],
    ),
    entry("SpotInterruption", "Spot took the capacity back", "Nobody did it; keep a base of on-demand capacity.", &["your spot task was interrupted"]),
    entry("TerminationNotice", "Fargate Spot took the capacity back (the older name)", "As SpotInterruption.", &[]),
];

const MESSAGES: &[Entry] = &[
    entry(
        "OutOfMemoryError",
        "a process in the container was killed for memory",
        "With exit 137 the container itself; with 0 or 1 one of its processes. Compare limit and use.",
        &["outofmemoryerror", "oomkilled", "oom-killed", "oom killed"],
    ),
    entry(
        "AccessDeniedException",
        "the role may not do what it asked for",
        "Have the action behind “not authorized to perform” allowed: for pulls, secrets and logs to the execution role, for the application's own calls to the task role. ecr:GetAuthorizationToken is allowed on * alone.",
        &["accessdenied", "is not authorized to perform"],
    ),
    entry(
        "context deadline exceeded",
        "something did not answer in time",
        "While a task starts it is the registry, Secrets Manager, CloudWatch Logs or the container runtime: look at route, NAT or VPC endpoints and security groups.",
        &[],
    ),
    entry("RESOURCE:ENI", "no container instance had a network interface free", "Larger instances, or ENI trunking (awsvpcTrunking).", &["resource:eni"]),
    entry(
        "failed ELB health checks",
        "the load balancer called the target unhealthy and ECS stopped it",
        "The codes are in the service's events; compare path, port, matcher and grace period.",
        &["failed elb health checks", "is unhealthy in"],
    ),
    entry(
        "failed container health checks",
        "a container's own health check failed too often",
        "0 is healthy, 1 unhealthy, 2 reserved. What the check printed is in no API.",
        &["failed container health checks"],
    ),
    entry(
        "Scaling activity initiated by",
        "a deployment replaced the task, or the service wanted fewer",
        "ECS prints the same words for both; timeline tells them apart.",
        &["scaling activity initiated by"],
    ),
    entry(
        "maintenance",
        "AWS retired the infrastructure under the task",
        "No fault of the application; AWS Health announces most of these.",
        &["maintenance on the underlying infrastructure"],
    ),
    entry("Host EC2 terminated", "the EC2 instance under the task went away", "A hand, Auto Scaling or Spot: CloudTrail of the minutes before tells.", &["host ec2 (instance"]),
];

/// Everything that can be explained, in the order of the page. Failures to start are kept where the rules read them.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    let of_starts = READERS.iter().flat_map(|reader| reader.kinds).map(|kind| &kind.entry);
    EXIT_CODES.iter().chain(STOP_CODES).chain(MESSAGES).chain(of_starts)
}

/// What a code or a pasted text means: every entry that stands in it, the most telling first.
#[must_use]
pub fn explain(text: &str) -> Vec<&'static Entry> {
    let plain = straight_quotes(text.trim()).to_lowercase();
    let of_code = |code: &str| EXIT_CODES.iter().filter(|entry| entry.key == code || entry.marks.contains(&code)).collect::<Vec<_>>();
    if let Some(code) = exit_code(&plain) {
        return of_code(&code);
    }
    // Several, as a list of containers has them.
    if let Some(codes) = plain.split([' ', ',']).filter(|word| !word.is_empty()).map(exit_code).collect::<Option<Vec<_>>>() {
        let mut found: Vec<&'static Entry> = Vec::new();
        for entry in codes.iter().flat_map(|code| of_code(code)) {
            if !found.contains(&entry) {
                found.push(entry);
            }
        }
        return found;
    }
    // Three letters stand in too many words to be a mark.
    let plain = if plain == "oom" { "oomkilled".to_owned() } else { plain };
    let named = |entry: &&Entry| plain == entry.key.to_lowercase();
    if let Some(entry) = entries().find(named) {
        return vec![entry];
    }
    let stands = |entry: &&&Entry| entry.stands_in(&plain);
    let of_start = start_failure::read(text).map(|(_, kind)| &kind.entry);
    // A message says more than the stop code or the signal that stands beside it.
    of_start
        .into_iter()
        .chain(MESSAGES.iter().filter(|entry| stands(&entry)))
        .chain(STOP_CODES.iter().filter(|entry| stands(&entry)))
        .chain(EXIT_CODES.iter().filter(|entry| entry.marks.iter().any(|mark| plain.contains(mark))))
        .collect()
}

/// `137`, `exit code 137`, `exited with 137`, `exit status: 137`.
fn exit_code(text: &str) -> Option<String> {
    let bare = text.strip_prefix("exit").map_or(text, |rest| rest.trim_start_matches("ed").trim_start());
    let bare = bare.trim_start_matches("with").trim_start().trim_start_matches("code").trim_start_matches("status").trim_start_matches([':', '=', ' ']).trim();
    let number = bare.parse::<i64>().is_ok() || bare.strip_prefix("0x").is_some_and(|hex| !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    // A process knows no negative code: what it gave is cut to a byte.
    number.then(|| if bare == "-1" { "255".to_owned() } else { bare.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<&'static str> {
        explain(text).into_iter().map(|entry| entry.key).collect()
    }

    #[test]
    fn codes_are_found_bare_and_in_a_phrase() {
        for text in ["137", "exit code 137", "exited with 137", "exit status: 137"] {
            assert_eq!(keys(text), ["137"], "{text}");
        }
        assert_eq!(keys("-1073741510"), ["3221225786"]);
        assert!(keys("77").is_empty());
        assert_eq!(keys("137 143"), ["137", "143"]);
        assert_eq!([keys("-1"), keys("138"), keys("141"), keys("3")], [["255"], ["138"], ["141"], ["3"]]);
    }

    #[test]
    fn what_people_paste_first_is_known() {
        assert_eq!([keys("OOM"), keys("OOMKilled"), keys("oom")], [["OutOfMemoryError"]; 3]);
        assert_eq!(keys("context deadline exceeded"), ["context deadline exceeded"]);
        assert_eq!(keys("AccessDeniedException: User is not authorized to perform: ecr:GetAuthorizationToken"), ["AccessDeniedException"]);
        assert!(keys("room").is_empty());
    }

    #[test]
    fn a_pasted_message_is_found_with_curly_quotes_too() {
        assert_eq!(keys("service x was unable to place a task. Reason: You’ve reached the limit on the number of vCPUs you can run concurrently"), ["limit on tasks"]);
        assert_eq!(keys("ResourceInitializationError: unable to pull secrets or registry auth"), ["ResourceInitializationError"]);
        assert_eq!(keys("Essential container in task exited"), ["EssentialContainerExited"]);
        assert_eq!(keys("resource:memory"), ["RESOURCE:MEMORY"]);
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert!(keys("hello").is_empty() && keys("").is_empty());
    }

    #[test]
    fn no_key_stands_twice() {
        let all: Vec<&str> = entries().map(|entry| entry.key).collect();
        let mut once = all.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), all.len());
    }
}
