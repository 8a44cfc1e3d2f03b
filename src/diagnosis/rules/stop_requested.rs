//! Someone or something called StopTask.

use super::super::actors::reasons;
use super::super::stopped_by::{Status, StoppedBy};
use super::super::task::{Container, StopCode};
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::super::words;

pub const RULE: Rule = Rule { cause: Cause::StopRequested, details: &[], about: "someone or something called StopTask", judge };

fn judge(timeline: &Timeline, stopped_by: &StoppedBy) -> Judgement {
    // The stop code is the key: a caller's own reason may replace the text entirely.
    if !matches!(timeline.stop_code(), Some(StopCode::UserInitiated)) {
        return Judgement::No;
    }
    let task = &timeline.evidence.task;
    let mut finding = Finding::new(Confidence::Certain, "Stopped on request");
    if let Some(line) = timeline.stop_line() {
        finding.evidence.push(line.n);
        let given = task.stopped_reason.as_deref().filter(|reason| *reason != "Task stopped by user").map(given).unwrap_or_default();
        finding.summary = format!("Somebody called StopTask [{}]{given}.", line.n);
    } else {
        finding.summary = "Somebody called StopTask.".to_owned();
    }
    if let (Status::Found, Some((n, call)), Some(actor)) = (stopped_by.status, &stopped_by.call, &stopped_by.actor) {
        finding.evidence.push(*n);
        let reason = call.parameters.reason.as_deref().map(given).unwrap_or_default();
        finding.summary = format!("{actor} called StopTask [{n}]{reason}.");
    }
    let for_memory = |container: &Container| container.was_killed_for_memory();
    let codes: Vec<String> =
        task.containers.iter().filter(|container| !for_memory(container)).filter_map(|container| container.exit_code.map(|code| format!("{} {code}", container.name))).collect();
    if !codes.is_empty() {
        let plural = if codes.len() == 1 { "code is a consequence" } else { "codes are consequences" };
        finding.summary.push_str(&format!(" The exit {plural}: {}.", words::list(&codes)));
    }
    if let Some(service) = &task.service {
        finding.next_steps.push(NextStep::say(format!("Service {service} starts another in its place; to keep it down, change the desired count.")));
    }
    finding.into()
}

/// What was typed, and whose stock phrase it is: a remark, since anybody may type it.
fn given(reason: &str) -> String {
    let remark = reasons::whose_words(reason).map(|program| format!(", the stock words of {program}")).unwrap_or_default();
    format!(", giving the reason “{reason}”{remark}")
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    #[test]
    fn a_memory_kill_during_the_stop_is_told_and_called_no_consequence() {
        let mut evidence = stopped("UserInitiated", "Task stopped by user", Some(137));
        evidence.task.containers[0].reason = Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
        let verdict = judged(evidence).verdict;
        assert_eq!(verdict.cause.as_str(), "stop-requested");
        assert!(verdict.summary.contains("killed for memory") && !verdict.summary.contains("consequence"), "{}", verdict.summary);
        assert!(verdict.alternatives.iter().any(|(cause, _)| cause.as_str() == "out-of-memory"));
    }

    #[test]
    fn the_stop_code_decides_whatever_the_reason_says() {
        assert_eq!(verdict(stopped("UserInitiated", "Essential container in task exited", Some(137))), "stop-requested - certain");
    }

    #[test]
    fn a_stock_reason_is_a_remark_and_names_nobody() {
        let trace = judged(stopped("UserInitiated", "Request stop task by user action.", Some(0)));
        assert!(trace.verdict.summary.contains("the stock words of ecsta"), "{}", trace.verdict.summary);
        assert_eq!(trace.stopped_by.actor, None);
    }

    #[test]
    fn the_words_alone_do_not() {
        assert!(!verdict(stopped("EssentialContainerExited", "Task stopped by user", Some(1))).starts_with("stop-requested"));
    }

    #[test]
    fn without_cloudtrail_the_cause_stands_and_nobody_is_named() {
        let trace = judged(stopped("UserInitiated", "Task stopped by user", Some(0)));
        assert_eq!(trace.verdict.cause.as_str(), "stop-requested");
        assert_eq!(trace.stopped_by.status.as_str(), "unreadable");
    }
}
