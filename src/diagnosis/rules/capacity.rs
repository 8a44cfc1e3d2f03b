//! AWS had no capacity of that kind at that moment.

use super::super::start_failure::{self, Kind, Reader, kind};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Judgement, NextStep, Rule};

pub const RULE: Rule = Rule { cause: Cause::Capacity, details: &[], about: "AWS had no capacity at that moment", judge };

pub const READER: Reader = Reader { cause: Cause::Capacity, kinds: KINDS, reads };

const KINDS: &[Kind] = &[kind(
    None,
    "Capacity is unavailable",
    "AWS had no capacity of that kind at that moment",
    "Spread the service over more zones, use another size or FARGATE beside FARGATE_SPOT; it passes.",
    &["capacity is unavailable", "insufficientinstancecapacity", "insufficient capacity", "resource:fargate"],
)];

fn reads(plain: &str) -> Option<&'static Kind> {
    start_failure::first(KINDS, plain)
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(told) = start_failure::of_cause(timeline, Cause::Capacity) else { return Judgement::No };
    let task = &timeline.evidence.task;
    let mut finding = told.finding(timeline, "AWS had no capacity");
    finding.container = None;
    if told.says(&["resource:fargate"]) {
        // ECS writes the same word where the account's own limit is reached.
        finding.confidence = Confidence::Likely;
        finding.alternatives.push((Cause::Quota, "ECS gives RESOURCE:FARGATE for a reached vCPU limit too".to_owned()));
    }
    let provider = task.capacity_provider.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let zone = task.availability_zone.as_ref().map(|zone| format!(" in {zone}")).unwrap_or_default();
    finding.summary = format!("{}: {}{provider}{zone} [{}]. AWS's words: “{}”.", told.could_not_start(timeline), told.kind.entry.means, told.n, told.quoted());
    finding.next_steps.push(NextStep::say(told.kind.entry.then));
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    #[test]
    fn aws_says_so() {
        assert_eq!(
            verdict(stopped("TaskFailedToStart", "Capacity is unavailable at this time. Please try again later or in a different availability zone.", None)),
            "capacity - certain"
        );
    }

    #[test]
    fn resource_fargate_may_be_a_limit_as_well() {
        assert_eq!(verdict(stopped("TaskFailedToStart", "TaskFailedToStart: RESOURCE:FARGATE", None)), "capacity - likely");
    }

    #[test]
    fn a_full_cluster_of_ones_own_is_placement() {
        assert!(verdict(stopped("TaskFailedToStart", "TaskFailedToStart: RESOURCE:CPU", None)).starts_with("placement cpu"));
    }
}
