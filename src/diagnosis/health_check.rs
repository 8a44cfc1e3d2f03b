//! The arithmetic of a kill by health check, and what else tells whether the task had ever been healthy.

use super::event::{LogLine, What};
use super::service::{MessageKind, ServiceMessage, TargetGroup, in_parentheses};
use super::timeline::{Line, Timeline};
use super::words;

/// Milliseconds between the deciding probe and the stop: registration, and ECS's own pace of looking.
const ECS_TAKES: i64 = 60_000;
/// One "unhealthy" message may stand for a while before the stop; ECS leaves out repeats.
const MESSAGE_REACH: i64 = 300_000;

/// How long a task lives that never passes a check, against how long this one did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reckoning {
    /// Seconds after RUNNING in which failures are not held against it.
    pub spared: i64,
    /// Seconds that the failures in a row take.
    pub failing: i64,
    /// Seconds more that each probe may hang.
    pub hanging: i64,
    /// Milliseconds from RUNNING to the stop.
    pub lived: i64,
}

/// What the time alone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// It lived no longer than a task that never passes.
    NeverHealthy,
    /// It would long have been stopped had it never passed.
    HealthyBefore,
    Either,
}

impl Reckoning {
    /// Seconds from RUNNING until a task that never passes is stopped.
    #[must_use]
    pub fn until_stopped(&self) -> i64 {
        self.spared + self.failing
    }

    #[must_use]
    pub fn says(&self) -> Says {
        let never_passing = self.until_stopped() * 1000;
        if self.lived <= never_passing + self.hanging * 1000 + ECS_TAKES {
            Says::NeverHealthy
        } else if self.lived > 2 * (never_passing + self.hanging * 1000) + 5 * ECS_TAKES {
            Says::HealthyBefore
        } else {
            Says::Either
        }
    }

    /// `It had run for 52.4 s, with a grace period of 10 s; one that never passes is stopped some 30 s after RUNNING: …`
    #[must_use]
    pub fn sentence(&self, spared: &str) -> String {
        let spared = if self.spared > 0 { format!(", with {spared} of {} s", self.spared) } else { String::new() };
        let says = match self.says() {
            Says::NeverHealthy => "by that it was never healthy",
            Says::HealthyBefore => "it had been healthy before",
            Says::Either => "the time alone does not tell whether it ever was healthy",
        };
        format!("It had run for {}{spared}; a task that never passes is stopped some {} s after RUNNING: {says}.", words::duration(self.lived), self.until_stopped())
    }
}

/// Milliseconds from RUNNING to the stop.
#[must_use]
pub fn lived(timeline: &Timeline) -> Option<i64> {
    let times = &timeline.evidence.task.times;
    let lived = times.stopping?.as_millisecond() - times.started?.as_millisecond();
    (lived >= 0).then_some(lived)
}

/// The messages about this very target, in order: by task id, or by its address and port; only where there is none,
/// those that name neither task nor target. A message that names another task or another address is another task's.
#[must_use]
pub fn own_messages<'a>(timeline: &'a Timeline, group: Option<&str>) -> Vec<(usize, &'a ServiceMessage)> {
    let task = &timeline.evidence.task;
    let Some(stop) = task.stop_anchor().map(jiff::Timestamp::as_millisecond) else { return Vec::new() };
    let addresses = task.private_ips();
    let instance_id = timeline.evidence.host.as_ref().and_then(|host| host.instance_id.as_deref());
    let ports: Vec<i64> = task.containers.iter().flat_map(|container| &container.ports).map(|(_, host)| *host).collect();
    let fit = |message: &ServiceMessage| -> Option<u8> {
        let MessageKind::Unhealthy { target_group, instance, port, .. } = &message.kind else { return None };
        if group.is_some() && target_group.is_some() && target_group.as_deref() != group {
            return None;
        }
        if message.tasks.contains(&task.id) {
            return Some(0);
        }
        if !message.tasks.is_empty() {
            return None;
        }
        match instance.as_deref() {
            Some(target) if addresses.iter().any(|address| address == target) => Some(1),
            // An instance hosts many tasks: the host port tells them apart.
            Some(target) if Some(target) == instance_id && (ports.is_empty() || port.is_some_and(|port| ports.contains(&port))) => Some(1),
            // Older messages leave the port out.
            Some(target) if Some(target) == instance_id && port.is_none() => Some(2),
            Some(target) if target.starts_with("i-") && instance_id.is_none() && port.is_some_and(|port| ports.contains(&port)) => Some(2),
            Some(_) => None,
            None => Some(3),
        }
    };
    let ranked = |(n, message): (usize, &'a ServiceMessage)| {
        let before = stop - message.at.as_millisecond();
        let rank = fit(message)?;
        // What names the task is its own however early; an address may have been another's before.
        (before >= -5_000 && (rank == 0 || before <= MESSAGE_REACH)).then_some((rank, n, message))
    };
    let fitting: Vec<(u8, usize, &ServiceMessage)> = timeline.messages().filter_map(ranked).collect();
    let Some(best) = fitting.iter().map(|(rank, ..)| *rank).min() else { return Vec::new() };
    fitting.into_iter().filter(|(rank, ..)| *rank <= best.max(1)).map(|(_, n, message)| (n, message)).collect()
}

/// What an unhealthy message gives as the load balancer's reason.
#[must_use]
pub fn reason_of(message: &ServiceMessage) -> Option<&str> {
    match &message.kind {
        MessageKind::Unhealthy { reason, .. } => reason.as_deref().map(|reason| reason.trim_end_matches('.')),
        _ => None,
    }
}

/// `The load balancer's word: … [18].` Where its word changed, each in turn; where it came long before, since when.
#[must_use]
pub fn told_in_turn(messages: &[(usize, &ServiceMessage)]) -> Option<(String, Vec<usize>)> {
    let mut turns: Vec<(usize, &str)> = Vec::new();
    for (n, message) in messages {
        let Some(reason) = reason_of(message) else { continue };
        if turns.last().is_none_or(|(_, last)| *last != reason) {
            turns.push((*n, reason));
        }
    }
    let last = messages.iter().rev().find(|(_, message)| reason_of(message).is_some())?;
    let mut lines: Vec<usize> = turns.iter().map(|(n, _)| *n).collect();
    // AWS puts the codes into the brackets in which this program cites its lines.
    let turns: Vec<(usize, String)> = turns.into_iter().map(|(n, reason)| (n, reason.replace(['[', ']'], ""))).collect();
    let text = match turns.as_slice() {
        [(first, only)] if *first != last.0 => {
            lines.push(last.0);
            format!("The load balancer's word, from [{first}] to [{}]: {only}.", last.0)
        }
        [(n, only)] => format!("The load balancer's word: {only} [{n}]."),
        many => {
            let told: Vec<String> = many.iter().map(|(n, reason)| format!("{reason} [{n}]")).collect();
            format!("The load balancer's word, which changed: {}.", told.join(", then "))
        }
    };
    Some((text, lines))
}

/// What an application writes while it is not ready yet, and once it is.
const STARTING: [&str; 12] =
    ["starting", "booting", "initializ", "initialis", "migrat", "warming", "not ready", "loading", "building", "waiting for", "connecting to", "bootstrapping"];
const READY: [&str; 8] = ["listening on", "started in", "ready to accept", "is ready", "server started", "startup complete", "ready for connections", "started application"];

/// The last line that speaks of starting, where none after it says that it was done.
#[must_use]
pub fn still_starting(timeline: &Timeline) -> Option<&Line> {
    let stop = timeline.evidence.task.stop_anchor()?;
    for line in timeline.lines.iter().rev().filter(|line| line.event.at <= stop) {
        let What::Logged(logged) = &line.event.what else { continue };
        let text = logged.text.to_ascii_lowercase();
        if STARTING.iter().any(|word| text.contains(word)) {
            return Some(line);
        }
        if READY.iter().any(|word| text.contains(word)) {
            return None;
        }
    }
    None
}

/// The load balancer's probes in the application's own access log: how many are shown, the last status it gave them,
/// and that line. A probe that is not shown may still have come.
#[must_use]
pub fn own_probes(timeline: &Timeline) -> Option<(usize, Option<&str>, &Line)> {
    let stop = timeline.evidence.task.stop_anchor()?;
    let mut probes = timeline.lines.iter().filter(|line| line.event.at <= stop).filter_map(|line| match &line.event.what {
        What::Logged(logged) if logged.text.contains("ELB-HealthChecker") => Some((line, logged)),
        _ => None,
    });
    let (mut last, mut count) = (probes.next()?, 1);
    for probe in probes {
        (last, count) = (probe, count + 1);
    }
    Some((count, status_in(last.1), last.0))
}

/// The three digits behind the request line of an access log: `"GET /healthz HTTP/1.1" 503 12`.
fn status_in(line: &LogLine) -> Option<&str> {
    let is_status = |word: &&str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()) && matches!(word.as_bytes()[0], b'1'..=b'5');
    let behind = line.text.split_once("HTTP/").map_or(line.text.as_str(), |(_, behind)| behind);
    behind.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.').find(is_status)
}

/// The group's other targets when asked, those of this task left out.
pub struct Others {
    pub unhealthy: usize,
    /// All that are healthy or unhealthy.
    pub all: usize,
    /// So many of them, at the least, were there when this task failed; the others may have come in its place.
    pub there_before: usize,
}

/// How the group's other targets are when asked. `None` if there is none.
#[must_use]
pub fn others_now(timeline: &Timeline, group: &TargetGroup) -> Option<Others> {
    let addresses = timeline.evidence.task.private_ips();
    let others = || group.health.iter().filter(|target| !addresses.contains(&target.target) && !target.state.contains("draining"));
    let unhealthy = others().filter(|target| target.state.starts_with("unhealthy")).count();
    let judged = others().filter(|target| target.state.starts_with("unhealthy") || target.state == "healthy").count();
    let there_before = judged.saturating_sub(came_since(timeline, group).unwrap_or(judged));
    (judged > 0).then_some(Others { unhealthy, all: judged, there_before })
}

/// How many targets, or tasks for them, the service has added since this task failed; `None` where nobody can tell, or
/// where there was no other to begin with.
fn came_since(timeline: &Timeline, group: &TargetGroup) -> Option<usize> {
    let service = timeline.evidence.service.as_ref().filter(|service| service.desired_count != 1)?;
    let failed = own_messages(timeline, None).first().map(|(_, message)| message.at).or(timeline.evidence.task.stop_anchor())?;
    let since = || service.messages.iter().filter(|message| message.at >= failed);
    let number = |message: &ServiceMessage| message.text.split(' ').find_map(|word| word.parse::<usize>().ok()).unwrap_or(1);
    let of_group = |message: &&ServiceMessage| matches!(&message.kind, MessageKind::Registered { target_group } if target_group.as_ref().is_none_or(|arn| *arn == group.arn));
    let registered: usize = since().filter(of_group).map(number).sum();
    let started: usize = since().filter(|message| message.kind == MessageKind::Started).map(number).sum();
    Some(registered.max(started))
}

/// The port the check goes to: its own, or the one the service registers its container with.
#[must_use]
pub fn port(timeline: &Timeline, group: &TargetGroup) -> Option<String> {
    let own = group.health_port.as_deref().filter(|port| port.parse::<u16>().is_ok()).map(str::to_owned);
    let balancers = timeline.evidence.service.iter().flat_map(|service| &service.load_balancers);
    let registered = balancers.filter(|balancer| balancer.target_group_arn == group.arn).find_map(|balancer| balancer.container_port);
    // An instance is probed on the port that the host gave to the container's.
    let on_host = |port: i64| {
        let mut bound = timeline.evidence.task.containers.iter().flat_map(|container| &container.ports);
        bound.find(|(inside, _)| *inside == port).map(|(_, host)| *host).filter(|_| group.target_type.as_deref() == Some("instance"))
    };
    own.or_else(|| registered.map(|port| on_host(port).unwrap_or(port).to_string()))
}

/// The target group, or the Classic Load Balancer, that ECS's reason names.
#[must_use]
pub fn named_in(reason: &str) -> Option<&str> {
    in_parentheses(reason, "target-group").or_else(|| in_parentheses(reason, "elb"))
}

#[cfg(test)]
mod tests {
    use super::super::event::Level;
    use super::super::rules::fixtures::{ID, at, logged, said, stopped};
    use super::*;

    fn reckoned(spared: i64, failing: i64, lived: i64) -> Says {
        Reckoning { spared, failing, hanging: 0, lived: lived * 1000 }.says()
    }

    #[test]
    fn a_life_no_longer_than_that_of_a_task_that_never_passes_was_never_healthy() {
        assert_eq!(reckoned(0, 60, 97), Says::NeverHealthy);
        assert_eq!(reckoned(10, 20, 52), Says::NeverHealthy);
        assert_eq!(reckoned(0, 60, 200), Says::Either);
        assert_eq!(reckoned(0, 60, 25_200), Says::HealthyBefore);
        // A grace period longer than the life says nothing of health.
        assert_eq!(reckoned(3600, 60, 25_200), Says::HealthyBefore);
        assert_eq!(reckoned(3600, 60, 3700), Says::NeverHealthy);
    }

    #[test]
    fn a_word_that_changed_is_told_in_turn_and_one_that_did_not_once() {
        let word = |code: &str| format!("(service web) (task {ID}) (port 80) is unhealthy in (target-group arn:t) due to (reason Health checks failed with these codes: [{code}])");
        let evidence = said(said(said(stopped("ServiceSchedulerInitiated", "x", Some(0)), -90_000, &word("503")), -60_000, &word("503")), -1_000, &word("502"));
        let timeline = Timeline::new(evidence);
        let (text, lines) = told_in_turn(&own_messages(&timeline, None)).expect("words");
        assert!(text.contains("changed") && text.find("codes: 503 [") < text.find("codes: 502 [") && !text.contains("[50"), "{text}");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_message_with_the_tasks_id_counts_however_early_and_one_without_only_near_the_stop() {
        let named = format!("(service web) (task {ID}) is unhealthy in (target-group arn:t) due to (reason Request timed out)");
        let early = |text: &str| own_messages(&Timeline::new(said(stopped("ServiceSchedulerInitiated", "x", Some(0)), -500_000, text)), None).len();
        assert_eq!((early(&named), early("(service web) (port 80) is unhealthy in (target-group arn:t) due to (reason Request timed out)")), (1, 0));
    }

    #[test]
    fn a_start_that_was_done_is_not_still_going_on() {
        let starting = || logged(stopped("ServiceSchedulerInitiated", "x", Some(0)), -20_000, Level::Info, "applying migration 12", false);
        assert!(still_starting(&Timeline::new(starting())).is_some());
        assert!(still_starting(&Timeline::new(logged(starting(), -10_000, Level::Info, "listening on 0.0.0.0:3000", false))).is_none());
    }

    #[test]
    fn probes_in_an_access_log_give_the_status_they_were_answered_with() {
        let line = r#"10.0.1.7 - - [22/Nov/2026:14:02:09 +0000] "GET /healthz HTTP/1.1" 503 19 "-" "ELB-HealthChecker/2.0""#;
        let timeline = Timeline::new(logged(stopped("ServiceSchedulerInitiated", "x", Some(0)), -9_000, Level::Info, line, false));
        assert!(matches!(own_probes(&timeline), Some((1, Some("503"), _))), "{:?}", own_probes(&timeline));
        assert!(at(0) > at(-9_000));
    }
}
