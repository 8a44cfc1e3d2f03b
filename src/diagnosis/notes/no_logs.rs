//! A container that decided, and of which there is not one line: never without the reason why there is none.

use jiff::SignedDuration;

use super::super::evidence::NoLines;
use super::super::rules::unread_logs;
use super::super::task::{Container, StopCode};
use super::super::timeline::{Timeline, is_essential};
use super::super::verdict::Note;

/// The shortest retention a log group can have.
const SHORTEST_RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// Of the deciding container; where the start failed, of every essential one.
pub(super) fn notes(timeline: &Timeline, decided: Option<&str>) -> Vec<Note> {
    let by_itself = matches!(timeline.stop_code(), Some(StopCode::EssentialContainerExited));
    let decided = decided.or_else(|| timeline.culprit().filter(|_| by_itself).map(|container| container.name.as_str()));
    let failed_to_start = matches!(timeline.stop_code(), Some(StopCode::TaskFailedToStart));
    let of_interest = |container: &&Container| match decided {
        Some(name) if !failed_to_start => container.name == name,
        _ => failed_to_start && is_essential(&timeline.evidence, container) && container.injected_by().is_none(),
    };
    timeline.evidence.task.containers.iter().filter(of_interest).filter_map(|container| note(timeline, container)).collect()
}

fn note(timeline: &Timeline, container: &Container) -> Option<Note> {
    let name = &container.name;
    if timeline.log_lines(name).next().is_some() {
        return None;
    }
    let (text, own_line) = reason(timeline, container)?;
    let own = timeline.unlogged_line(name).filter(|_| own_line);
    let evidence: Vec<usize> = [timeline.container_line(name), own].into_iter().flatten().map(|line| line.n).collect();
    (!evidence.is_empty()).then_some(Note { code: "no-logs", text, evidence })
}

/// Whether a container never ran: ECS knows no exit of it, and the task never was started.
fn never_started(timeline: &Timeline, container: &Container) -> bool {
    container.exit_code.is_none() && timeline.evidence.task.times.started.is_none() && container.last_status.as_deref() != Some("RUNNING")
}

/// Why there is no line, and whether the witness of the logs has a line of its own for it.
fn reason(timeline: &Timeline, container: &Container) -> Option<(String, bool)> {
    let evidence = &timeline.evidence;
    let name = &container.name;
    if never_started(timeline, container) {
        return Some((format!("No log of {name}: it never started."), false));
    }
    let cited = timeline.unlogged_line(name).map(|line| format!(" [{}]", line.n)).unwrap_or_default();
    let unlogged = evidence.unlogged.iter().find(|unlogged| unlogged.container == *name);
    let Some(unlogged) = unlogged else {
        let gap = unread_logs(timeline, name)?;
        return Some((format!("No log of {name}: it was not read ({gap}), so what it wrote is not known."), false));
    };
    let kept_long = evidence.task.last_known().is_none_or(|end| evidence.taken_at.duration_since(end) < SHORTEST_RETENTION);
    let text = match &unlogged.why {
        NoLines::Silent { .. } if kept_long => format!("No log of {name}: it started, and nothing of it arrived: its stream is empty{cited}."),
        NoLines::NoStream { .. } if kept_long => format!("No log of {name}: it started, and nothing of it arrived: it has no stream{cited}."),
        NoLines::Silent { .. } => format!("No log of {name}: its stream is empty{cited}; the stop is so long ago that the group's retention may have removed its lines."),
        NoLines::NoStream { .. } => format!("No log of {name}: its stream is not there{cited}; the stop is so long ago that it may have been removed."),
        NoLines::NoGroup { group, region } => format!("No log of {name}: its log group {group} is gone or never was in {region}{cited}."),
        NoLines::NoDriver if evidence.task.runs_on_fargate() => format!("No log of {name}: no log driver is configured{cited}, and Fargate keeps what it wrote nowhere."),
        NoLines::NoDriver => format!("No log of {name}: no log driver is configured{cited}; what it wrote stayed on its host, in the Docker daemon's own log."),
        NoLines::OtherDriver { driver, destination } => {
            let there = destination.as_ref().map_or_else(|| "where that driver sends them".to_owned(), |to| format!("in {to}"));
            format!("No log of {name} in CloudWatch Logs: its driver is {driver}{cited}; its lines are {there}.")
        }
    };
    Some((text, true))
}

#[cfg(test)]
mod tests {
    use super::super::super::evidence::{Evidence, Reading, Source, Status, Unlogged};
    use super::super::super::rules::fixtures::*;
    use super::*;
    use crate::diagnosis::event::Level;

    fn failed() -> Evidence {
        stopped("EssentialContainerExited", "Essential container in task exited", Some(1))
    }

    fn why(mut evidence: Evidence, why: NoLines) -> Evidence {
        evidence.unlogged.push(Unlogged { container: "app".to_owned(), why });
        evidence
    }

    /// The note's words, and whether it cites a line of the logs.
    fn told(evidence: Evidence) -> Option<(String, bool)> {
        let trace = judged(evidence);
        let note = trace.verdict.notes.iter().find(|note| note.code == "no-logs")?;
        assert!(!note.evidence.is_empty(), "{}", note.text);
        let of_logs = |n: &usize| trace.timeline.lines[n - 1].event.witness == crate::diagnosis::event::Witness::Logs;
        Some((note.text.clone(), note.evidence.iter().any(of_logs)))
    }

    #[test]
    fn each_reason_has_its_own_words_and_a_line() {
        let stream = || "web/app/1".to_owned();
        for (no_lines, words) in [
            (NoLines::NoStream { stream: stream() }, "started, and nothing of it arrived"),
            (NoLines::Silent { stream: stream() }, "started, and nothing of it arrived"),
            (NoLines::NoDriver, "no log driver"),
            (NoLines::OtherDriver { driver: "awsfirelens".to_owned(), destination: Some("datadog".to_owned()) }, "its lines are in datadog"),
            (NoLines::NoGroup { group: "/ecs/web".to_owned(), region: "eu-west-1".to_owned() }, "/ecs/web is gone"),
        ] {
            let (text, of_logs) = told(why(failed(), no_lines)).expect("a note");
            assert!(text.contains(words) && of_logs, "{text}");
        }
    }

    #[test]
    fn a_container_that_never_started_can_have_written_nothing() {
        let mut evidence = hide(stopped("TaskFailedToStart", "CannotPullContainerError: manifest unknown", None), Source::Logs);
        evidence.task.times.started = None;
        assert!(told(evidence).expect("a note").0.contains("never started"));
    }

    #[test]
    fn a_hidden_log_is_unread_and_never_silent() {
        let (text, of_logs) = told(hide(failed(), Source::Logs)).expect("a note");
        assert!(text.contains("was not read (logs: AccessDenied") && !of_logs, "{text}");
    }

    #[test]
    fn another_containers_hidden_log_says_nothing_of_this_one() {
        let mut evidence = failed();
        evidence.readings.push(Reading { container: Some("sidecar".to_owned()), ..Reading::new(Source::Logs, Status::Denied) });
        assert_eq!(told(evidence), None);
    }

    #[test]
    fn where_there_is_a_line_there_is_no_note() {
        assert_eq!(told(logged(failed(), -500, Level::Info, "bye", false)), None);
        // A log that broke off on its way is no log without lines.
        assert_eq!(told(logged(hide(failed(), Source::Logs), -500, Level::Info, "bye", false)), None);
    }

    #[test]
    fn a_stop_of_yesterday_may_have_lost_its_lines() {
        let mut evidence = why(failed(), NoLines::NoStream { stream: "web/app/1".to_owned() });
        evidence.taken_at = at(3 * 86_400_000);
        assert!(told(evidence).expect("a note").0.contains("may have been removed"));
    }

    #[test]
    fn a_silent_container_that_decided_nothing_is_no_matter() {
        assert_eq!(told(why(stopped("UserInitiated", "Task stopped by user", Some(143)), NoLines::NoDriver)), None);
    }
}
