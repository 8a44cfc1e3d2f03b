//! The command could not be run: 126, 127, or 255 of a container that wrote nothing.

use super::super::commands;
use super::super::evidence::Source;
use super::super::start_failure::{self, Kind, Reader, kind, says};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::{earlier_ends, ended_by_itself, named, unread_logs};

pub const RULE: Rule = Rule {
    cause: Cause::EntrypointFailed,
    details: &[],
    about: "126, 127, or 255 when nothing shows that the command had run, or the runtime says that the command cannot run",
    judge,
};

pub const READER: Reader = Reader { cause: Cause::EntrypointFailed, kinds: KINDS, reads };

const KINDS: &[Kind] = &[kind(
    None,
    "executable file not found",
    "the command could not be run",
    "Look at command and entryPoint of the task definition, at PATH and permissions in the image, and whether it was built for the task's CPU.",
    &["executable file not found", "exec format error"],
)];

/// Docker's and runc's words for a command that cannot run; a mount that fails uses some of them too.
fn reads(plain: &str) -> Option<&'static Kind> {
    let tried = says(plain, &["exec:", "exec /", "exec \"", "exec user process", "container process", "init process"]);
    let failed = says(plain, &["permission denied", "no such file or directory", "is a directory", "not a directory", "argument list too long"]);
    let of_mount = says(plain, &["mount", "rootfs"]) && !plain.contains("exec:");
    (start_failure::first(KINDS, plain).is_some() || tried && failed && !of_mount).then(|| &KINDS[0])
}

fn never_started(timeline: &Timeline) -> Option<Finding> {
    let told = start_failure::of_cause(timeline, Cause::EntrypointFailed)?;
    let mut finding = told.finding(timeline, "The command could not be run");
    let command = finding.container.as_deref().and_then(|name| timeline.definition_of(name)).map(|definition| definition.command.join(" ")).filter(|command| !command.is_empty());
    let whose = finding.container.as_ref().map_or_else(|| "The container".to_owned(), |name| format!("Container {name}"));
    let meaning = if told.says(&["exec format error"]) {
        "its command is built for another CPU, or is a script without a first line that names its interpreter"
    } else if told.says(&["permission denied"]) {
        "its command may not be executed"
    } else if told.says(&["is a directory"]) {
        "its command is a directory"
    } else {
        "its command is not in the image"
    };
    finding.summary = format!("{whose} did not start: {meaning} [{}].", told.n);
    if let Some(command) = command {
        finding.summary.push_str(&format!(" The task definition's command is `{command}`."));
    }
    finding.summary.push_str(&format!(" AWS's words: “{}”.", told.quoted()));
    if let Some(command) = commands::describe_task_definition(&timeline.evidence.task) {
        finding.next_steps.push(NextStep::run("See entryPoint, command and runtimePlatform of the definition", command));
    }
    Some(finding)
}

/// The words of a shell, or of the runtime, for a command that did not run.
fn is_refusal(plain: &str) -> bool {
    reads(plain).is_some() || says(plain, &["not found", "no such file", "permission denied", "cannot execute", "can't execute"])
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    if let Some(finding) = never_started(timeline) {
        return finding.into();
    }
    let Some((container, line)) = ended_by_itself(timeline) else { return Judgement::No };
    let times = &timeline.evidence.task.times;
    let lived = times.started.zip(times.stopping).is_some_and(|(from, to)| to.as_millisecond() - from.as_millisecond() > 60_000);
    let wrote = timeline.log_lines(&container.name).next().is_some();
    // The runtime's or the shell's own word that nothing ran is no sign of a run.
    let ran = timeline.log_lines(&container.name).any(|(_, logged)| reads(&logged.text.to_lowercase()).is_none());
    let of_script = timeline.log_lines(&container.name).any(|(_, logged)| !is_refusal(&logged.text.to_lowercase()));
    let meaning = match container.exit_code {
        // A shell hands on the 126 or 127 of the last command of a script that had long been at work.
        Some(126 | 127) if lived && wrote => return Judgement::No,
        Some(126) if of_script => "a command of its script was found and could not be executed",
        Some(126) => "the command was found and could not be executed (permissions, or a file for another CPU)",
        Some(127) if of_script => "a command of its script was not found in the image",
        Some(127) => "the command was not found in the image",
        Some(255) => {
            // A line in its log shows that it had run; an unread log shows nothing either way.
            if ran || lived && !wrote || unread_logs(timeline, &container.name).is_some() || !timeline.was_read(Source::Logs) {
                return Judgement::No;
            }
            if wrote { "the command could not be executed" } else { "the entry point gave up before it wrote anything" }
        }
        _ => return Judgement::No,
    };
    let unread = unread_logs(timeline, &container.name);
    let confidence = if container.exit_code == Some(255) || lived || of_script || unread.is_some() { Confidence::Likely } else { Confidence::Certain };
    let mut finding = Finding::new(confidence, "The command could not be run");
    finding.container = Some(container.name.clone());
    finding.evidence = [Some(line), timeline.stop_line()].into_iter().flatten().map(|line| line.n).collect();
    finding.summary = format!("{} left with {} [{}]: {meaning}.", named(container), container.exit_code.unwrap_or_default(), line.n);
    if let Some(gap) = unread {
        finding.summary.push_str(&format!(" What it wrote was not read ({gap})."));
    }
    if let Some((log, _)) = timeline.log_lines(&container.name).next_back() {
        finding.summary.push_str(&format!(" It wrote {} [{}].", log.event.quoted(), log.n));
        finding.evidence.push(log.n);
    }
    finding.summary.push_str(&earlier_ends(timeline, container));
    if let Some(command) = commands::describe_task_definition(&timeline.evidence.task) {
        finding.next_steps.push(NextStep::run("See entryPoint and command of the definition", command));
    }
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::event::Level;
    use crate::diagnosis::evidence::Source;

    fn left(code: i64) -> crate::diagnosis::evidence::Evidence {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(code));
        evidence.task.times.started = Some(at(-3_000));
        evidence
    }

    #[test]
    fn a_255_after_minutes_of_running_is_an_error_of_the_application() {
        let mut evidence = left(255);
        evidence.task.times.started = Some(at(-600_000));
        assert!(verdict(evidence).starts_with("app-error"));
    }

    #[test]
    fn a_script_that_had_been_at_work_for_minutes_failed_in_its_own_way() {
        let mut evidence = left(127);
        evidence.task.times.started = Some(at(-7_200_000));
        assert!(verdict(logged(evidence, -60_000, Level::Info, "INFO working", false)).starts_with("app-error"));
    }

    #[test]
    fn a_255_whose_only_line_says_that_nothing_could_run_never_ran() {
        assert_eq!(verdict(logged(left(255), -2_900, Level::Error, "exec /app: exec format error", false)), "entrypoint-failed - likely");
        assert!(verdict(logged(left(255), -2_900, Level::Info, "ready on :8080", false)).starts_with("app-error"));
    }

    #[test]
    fn a_command_that_is_not_there_is_not_an_error_of_the_application() {
        assert_eq!(verdict(left(127)), "entrypoint-failed - certain");
        assert_eq!(verdict(left(126)), "entrypoint-failed - certain");
    }

    #[test]
    fn a_127_after_minutes_of_work_may_be_a_command_inside_a_script() {
        let mut evidence = left(127);
        evidence.task.times.started = Some(at(-600_000));
        assert_eq!(verdict(evidence), "entrypoint-failed - likely");
    }

    #[test]
    fn a_255_that_had_written_is_an_error_of_the_application() {
        assert!(verdict(logged(left(255), -5_000, Level::Info, "listening", false)).starts_with("app-error"));
        assert!(verdict(left(255)).starts_with("entrypoint-failed"));
    }

    #[test]
    fn the_runtime_says_that_the_command_cannot_run() {
        for reason in [
            "CannotStartContainerError: Error response from daemon: failed to create task for container: exec: \"/app/start\": stat /app/start: no such file or directory: unknown",
            "CannotStartContainerError: Error response from daemon: OCI runtime create failed: exec: \"./run\": permission denied: unknown",
            "ContainerRuntimeError: exec /usr/bin/app: exec format error",
        ] {
            assert_eq!(verdict(stopped("TaskFailedToStart", reason, None)), "entrypoint-failed - certain", "{reason}");
        }
        let mount = "CannotStartContainerError: error mounting \"/data\" to rootfs: no such file or directory";
        assert!(verdict(stopped("TaskFailedToStart", mount, None)).starts_with("container-start other"));
    }

    #[test]
    fn a_255_with_the_log_denied_is_not_claimed() {
        assert!(verdict(hide(left(255), Source::Logs)).starts_with("app-error"));
    }
}
