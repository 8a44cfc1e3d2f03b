//! SIGTERM was not obeyed in time: the exit code is a consequence of the stop.

use super::super::event::{Precision, What};
use super::super::evidence::Evidence;
use super::super::task::Container;
use super::super::timeline::Timeline;
use super::super::verdict::Note;
use super::super::words;
use super::was_ordered;

/// Seconds ECS waits between SIGTERM and SIGKILL where nothing sets it (agent and Fargate alike).
const DEFAULT_STOP_TIMEOUT: i64 = 30;
/// Seconds a target is drained where nothing sets it.
const DEFAULT_DEREGISTRATION_DELAY: i64 = 300;
/// Milliseconds between a timeout and what is reported of it.
const TO_THE_SECOND: i64 = 4_000;
/// Seconds; Fargate allows no more.
const FARGATE_STOP_TIMEOUT_CAP: i64 = 120;

/// Seconds a container has between SIGTERM and SIGKILL.
#[must_use]
pub fn allowed_seconds(evidence: &Evidence, container: &Container) -> i64 {
    let defined = evidence.definition.as_ref().and_then(|definition| definition.container(&container.name));
    let set = defined.and_then(|definition| definition.stop_timeout).unwrap_or(DEFAULT_STOP_TIMEOUT);
    if evidence.task.runs_on_fargate() { set.min(FARGATE_STOP_TIMEOUT_CAP) } else { set }
}

/// The containers that were killed (137) since an ordered stop took as long as they were allowed.
pub(super) fn timed_out(timeline: &Timeline) -> Vec<&Container> {
    let Some(took) = timeline.stop_took().filter(|_| was_ordered(timeline)) else { return Vec::new() };
    // The end may be cut to the second: up to 999 ms of it are missing.
    let cut = timeline.lines.iter().any(|line| matches!(line.event.what.plain(), What::ExecutionStopped) && line.event.precision == Precision::Second);
    // Fargate reports the end 10 to 12 s after it: less than that beyond the limit proves no timeout.
    let late_by = if timeline.evidence.task.runs_on_fargate() { 9_000 } else { 0 };
    let took_at_most = took + if cut { 999 } else { 0 };
    let killed = timeline.evidence.task.containers.iter().filter(|container| container.exit_code == Some(137));
    killed
        .filter(|container| {
            let over = took_at_most - allowed_seconds(&timeline.evidence, container) * 1000 - late_by;
            // To the second, or longer than anything else that may be in it.
            (0..=TO_THE_SECOND).contains(&over) || over >= may_also_take(timeline)
        })
        .collect()
}

/// Milliseconds beside the wait for SIGTERM: leaving the load balancer comes before it, and a timeout that was not read may be longer than the default.
fn may_also_take(timeline: &Timeline) -> i64 {
    let evidence = &timeline.evidence;
    let has_balancer = evidence.service.as_ref().is_some_and(|service| !service.load_balancers.is_empty()) || !evidence.target_groups.is_empty();
    let leaving = evidence.target_groups.iter().map(|group| group.deregistration_delay.unwrap_or(DEFAULT_DEREGISTRATION_DELAY)).max();
    let leaving = leaving.unwrap_or(if has_balancer { DEFAULT_DEREGISTRATION_DELAY } else { 0 });
    let unread = if evidence.definition.is_none() { FARGATE_STOP_TIMEOUT_CAP - DEFAULT_STOP_TIMEOUT } else { 0 };
    (leaving + unread) * 1000
}

pub(super) fn notes(timeline: &Timeline) -> Vec<Note> {
    let took = words::duration(timeline.stop_took().unwrap_or_default());
    let late = if timeline.evidence.task.runs_on_fargate() { "; Fargate reports the end some 11 s late" } else { "" };
    timed_out(timeline)
        .into_iter()
        .map(|container| {
            let allowed = allowed_seconds(&timeline.evidence, container);
            Note {
                code: "stop-timeout",
                text: format!(
                    "{} did not obey SIGTERM within its {allowed} s and was killed (137): {took} lie between the order and the end{late}. The exit code is a consequence of the stop.",
                    container.name
                ),
                evidence: [timeline.stop_line(), timeline.container_line(&container.name)].into_iter().flatten().map(|line| line.n).collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::rules::fixtures::*;
    use super::super::super::service::TargetGroup;
    use super::*;

    /// Whether the note is there for an ordered stop on EC2 that took so many milliseconds and ended with 137.
    fn noted(took: i64, change: impl FnOnce(&mut Evidence)) -> bool {
        let mut evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(137));
        evidence.task.launch_type = Some("EC2".to_owned());
        evidence.task.times.execution_stopped = Some(at(took));
        change(&mut evidence);
        judged(evidence).verdict.notes.iter().any(|note| note.code == "stop-timeout")
    }

    #[test]
    fn a_kill_at_the_limit_or_beyond_it_is_one_and_an_earlier_one_is_not() {
        assert!(noted(30_200, |_| {}) && noted(45_000, |_| {}));
        assert!(!noted(12_000, |_| {}));
    }

    #[test]
    fn leaving_the_load_balancer_is_no_wait_for_sigterm() {
        let behind = |delay: i64| move |evidence: &mut Evidence| evidence.target_groups = vec![TargetGroup { deregistration_delay: Some(delay), ..TargetGroup::default() }];
        assert!(!noted(45_000, behind(30)), "30 s of leaving and 15 s after it");
        assert!(noted(61_000, behind(30)));
        assert!(noted(30_400, behind(300)), "to the second");
    }

    #[test]
    fn without_the_definition_only_a_kill_at_the_default_to_the_second_is_one() {
        assert!(noted(30_300, |evidence| evidence.definition = None));
        assert!(!noted(40_000, |evidence| evidence.definition = None));
    }
}
