//! A limit on tasks or vCPUs was reached.

use super::super::start_failure::{self, Kind, Reader, kind};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Judgement, NextStep, Rule};
use super::super::words::value;

pub const RULE: Rule = Rule { cause: Cause::Quota, details: &[], about: "a limit on tasks or vCPUs was reached", judge };

pub const READER: Reader = Reader { cause: Cause::Quota, kinds: KINDS, reads };

const KINDS: &[Kind] = &[kind(
    None,
    "limit on tasks",
    "the account's limit of tasks or vCPUs in the region is reached",
    "Ask for more: aws service-quotas request-service-quota-increase --service-code fargate --quota-code L-3032A538 --desired-value N (L-36FBB829 for Spot), or stop what is not needed.",
    &["you've reached the limit", "reached the limit on the number", "above your limit", "vcpulimitexceeded", "provisioning capacity limit exceeded"],
)];

/// Service Quotas: vCPUs of Fargate On-Demand, and of Fargate Spot.
const ON_DEMAND: &str = "L-3032A538";
const SPOT: &str = "L-36FBB829";

fn reads(plain: &str) -> Option<&'static Kind> {
    start_failure::first(KINDS, plain)
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(told) = start_failure::of_cause(timeline, Cause::Quota) else { return Judgement::No };
    let task = &timeline.evidence.task;
    let mut finding = told.finding(timeline, "A quota was reached");
    finding.container = None;
    finding.summary = format!("{}: {} [{}]. AWS's words: “{}”.", told.could_not_start(timeline), told.kind.entry.means, told.n, told.quoted());
    if told.says(&["provisioning capacity"]) {
        finding.next_steps.push(NextStep::say("A cluster may have 500 tasks in PROVISIONING at once: start fewer at a time."));
        return finding.into();
    }
    let code = if task.capacity_provider.as_deref() == Some("FARGATE_SPOT") { SPOT } else { ON_DEMAND };
    let region = value(&task.region);
    finding.next_steps.push(NextStep::run("See the limit there is", format!("aws service-quotas get-service-quota --service-code fargate --quota-code {code} --region{region}")));
    finding.next_steps.push(NextStep::run(
        "Ask for a higher one",
        format!("aws service-quotas request-service-quota-increase --service-code fargate --quota-code {code} --desired-value 1000 --region{region}"),
    ));
    finding.next_steps.push(NextStep::say("Until then, stop what is not needed in the region: all clusters of the account share the limit."));
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    #[test]
    fn the_limit_is_known_with_curly_and_with_straight_quotes_and_the_request_is_given() {
        for reason in [
            "You’ve reached the limit on the number of vCPUs you can run concurrently",
            "You've reached the limit on the number of tasks you can run concurrently",
            "The requested CPU configuration is above your limit.",
        ] {
            let trace = judged(stopped("TaskFailedToStart", reason, None));
            assert_eq!((trace.verdict.cause.as_str(), trace.verdict.confidence.as_str()), ("quota", "certain"), "{reason}");
            assert!(trace.verdict.next_steps.iter().any(|step| step.command.as_ref().is_some_and(|command| command.contains("request-service-quota-increase"))));
        }
    }

    #[test]
    fn a_moment_without_capacity_is_no_quota() {
        assert!(
            verdict(stopped("TaskFailedToStart", "Capacity is unavailable at this time. Please try again later or in a different availability zone.", None))
                .starts_with("capacity")
        );
    }

    #[test]
    fn a_memory_limit_in_a_log_is_no_quota() {
        assert!(!verdict(stopped("EssentialContainerExited", "Essential container in task exited", Some(137))).starts_with("quota"));
    }
}
