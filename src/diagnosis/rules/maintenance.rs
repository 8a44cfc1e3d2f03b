//! AWS retired the infrastructure under the task.

use super::super::stopped_by::StoppedBy;
use super::super::task::StopCode;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};

pub const RULE: Rule = Rule { cause: Cause::Maintenance, details: &[], about: "AWS retired the underlying infrastructure", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let by_user = matches!(timeline.stop_code(), Some(StopCode::UserInitiated));
    let Some(stop) = timeline.stop_line().filter(|_| !by_user && timeline.stopped_reason().contains("maintenance on the underlying infrastructure")) else {
        return Judgement::No;
    };
    let mut finding = Finding::new(Confidence::Certain, "AWS maintenance");
    finding.expected = true;
    finding.evidence.push(stop.n);
    finding.summary = format!("AWS retired the infrastructure the task ran on [{}]; it is no fault of the application.", stop.n);
    finding.next_steps.push(NextStep::say("AWS Health announces most of these; fargateTaskRetirementWaitPeriod sets how long ahead."));
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    #[test]
    fn with_and_without_the_service_in_front() {
        for reason in [
            "ECS is performing maintenance on the underlying infrastructure hosting the task.",
            "Service web: ECS is performing maintenance on the underlying infrastructure hosting the task.",
        ] {
            assert_eq!(verdict(stopped("ServiceSchedulerInitiated", reason, Some(137))), "maintenance - certain");
        }
    }

    #[test]
    fn a_reason_somebody_typed_is_not_aws() {
        assert!(!verdict(stopped("UserInitiated", "we do maintenance on the underlying infrastructure", Some(0))).starts_with("maintenance"));
    }

    #[test]
    fn nobody_is_behind_it() {
        let trace = judged(stopped("ServiceSchedulerInitiated", "ECS is performing maintenance on the underlying infrastructure hosting the task.", Some(137)));
        assert_eq!(trace.stopped_by.status.as_str(), "nobody");
    }
}
