//! The last lines may be missing: a log driver that does not wait loses what it had not sent.

use jiff::Timestamp;

use super::super::event::Level;
use super::super::evidence::NoLines;
use super::super::task::LogConfiguration;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Note};
use super::stop_timeout;

/// 2025-06-25: since then a definition without `mode` gets the account's default, which is non-blocking.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html>, `defaultLogDriverMode`.
const NON_BLOCKING_BY_DEFAULT: Timestamp = Timestamp::constant(1_750_809_600, 0);

/// Where the verdict rests on a container's last line, or misses one: it was killed, it crashed, it failed silently.
pub(super) fn notes(timeline: &Timeline, cause: Cause, decided: Option<&str>) -> Vec<Note> {
    let silent = |name: &&str| !timeline.log_lines(name).any(|(line, _)| line.event.level == Level::Error);
    let decided = match cause {
        Cause::Killed | Cause::OutOfMemory | Cause::Crashed => decided,
        Cause::AppError => decided.filter(silent),
        _ => None,
    };
    let killed = stop_timeout::timed_out(timeline).into_iter().map(|container| container.name.as_str());
    let mut containers: Vec<&str> = decided.into_iter().chain(killed).collect();
    containers.dedup();
    containers.into_iter().filter_map(|container| note(timeline, container)).collect()
}

fn note(timeline: &Timeline, container: &str) -> Option<Note> {
    let log = timeline.definition_of(container)?.log.as_ref()?;
    // Where the whole log is gone, its end is not what is missing.
    if timeline.evidence.unlogged.iter().any(|unlogged| unlogged.container == container && matches!(unlogged.why, NoLines::NoGroup { .. })) {
        return None;
    }
    let how = loses(log, timeline.evidence.task.times.created)?;
    let ended = timeline.container_line(container)?;
    let last = timeline.log_lines(container).next_back().map(|(line, _)| line.n);
    let seen = last.map(|n| format!(" Its last line here [{n}] need not be its last word.")).unwrap_or_default();
    let text = format!("{container} logs {how}: lines it had not sent when it ended [{}] are lost.{seen}", ended.n);
    Some(Note { code: "logs-may-be-lost", text, evidence: std::iter::once(ended.n).chain(last).collect() })
}

/// How a container's driver can lose lines, if it can.
fn loses(log: &LogConfiguration, created: Option<Timestamp>) -> Option<String> {
    let buffer = log.option("max-buffer-size").map(|size| format!(", buffer {size}")).unwrap_or_default();
    match (log.driver.as_str(), log.option("mode").filter(|mode| !mode.is_empty())) {
        ("awslogs", Some("non-blocking")) => Some(format!("in non-blocking mode{buffer}")),
        ("awslogs", None) if created.is_some_and(|created| created >= NON_BLOCKING_BY_DEFAULT) => {
            Some(format!("in the account's default mode{buffer}, non-blocking since June 2025 unless defaultLogDriverMode was set"))
        }
        ("awsfirelens", _) => Some("through FireLens, whose router holds lines back".to_owned()),
        (driver @ ("fluentd" | "splunk"), _) => Some(format!("through the {driver} driver, which holds lines back{buffer}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::evidence::Evidence;
    use super::super::super::rules::fixtures::*;
    use super::*;

    fn with(mut evidence: Evidence, driver: &str, mode: Option<&str>) -> Evidence {
        let options = mode.map(|mode| ("mode".to_owned(), mode.to_owned())).into_iter().collect();
        evidence.definition.as_mut().expect("a definition").containers[0].log = Some(LogConfiguration { driver: driver.to_owned(), options });
        evidence
    }

    fn ended(exit: i64) -> Evidence {
        stopped("EssentialContainerExited", "Essential container in task exited", Some(exit))
    }

    fn told(evidence: Evidence) -> Option<String> {
        judged(evidence).verdict.notes.into_iter().find(|note| note.code == "logs-may-be-lost").map(|note| note.text)
    }

    #[test]
    fn non_blocking_loses_a_killed_containers_last_lines() {
        for exit in [137, 139, 1] {
            assert!(told(with(ended(exit), "awslogs", Some("non-blocking"))).expect("a note").contains("non-blocking mode"), "{exit}");
        }
    }

    #[test]
    fn blocking_loses_nothing() {
        assert_eq!(told(with(ended(137), "awslogs", Some("blocking"))), None);
    }

    #[test]
    fn without_a_mode_the_day_of_the_task_decides_and_the_default_is_worded_as_one() {
        let old = with(ended(137), "awslogs", None);
        let mut new = old.clone();
        assert_eq!(told(old), None);
        let years = jiff::SignedDuration::from_hours(3 * 365 * 24);
        for time in [&mut new.task.times.created, &mut new.task.times.started, &mut new.task.times.stopping, &mut new.task.times.execution_stopped, &mut new.task.times.stopped] {
            *time = time.map(|at| at + years);
        }
        new.taken_at += years;
        assert!(told(new).expect("a note").contains("unless defaultLogDriverMode"));
    }

    #[test]
    fn an_error_that_tells_why_is_all_that_is_needed() {
        assert_eq!(told(logged(with(ended(1), "awslogs", Some("non-blocking")), -500, Level::Error, "panic: no table", false)), None);
    }

    #[test]
    fn drivers_with_a_buffer_of_their_own_lose_too() {
        for driver in ["awsfirelens", "fluentd", "splunk"] {
            assert!(told(with(ended(137), driver, None)).is_some(), "{driver}");
        }
        assert_eq!(told(with(ended(137), "json-file", None)), None);
    }

    #[test]
    fn a_healthy_stop_has_no_such_note_and_a_killed_one_has() {
        let order = |exit: i64| with(stopped("UserInitiated", "Task stopped by user", Some(exit)), "awslogs", Some("non-blocking"));
        assert_eq!(told(order(0)), None);
        let mut late = order(137);
        late.task.times.execution_stopped = Some(at(43_000));
        assert!(told(late).is_some());
    }

    #[test]
    fn without_the_definition_nothing_is_said_of_the_driver() {
        let mut evidence = with(ended(137), "awslogs", Some("non-blocking"));
        evidence.definition = None;
        assert_eq!(told(evidence), None);
    }
}
