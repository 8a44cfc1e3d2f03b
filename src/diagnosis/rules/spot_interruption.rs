//! Spot took the capacity back.

use super::super::service::in_parentheses;
use super::super::stopped_by::{self, StoppedBy};
use super::super::task::StopCode;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};

pub const RULE: Rule = Rule { cause: Cause::SpotInterruption, details: &[], about: "Spot took the capacity back (task or instance)", judge };

/// EC2 reports the eviction of an instance; ECS itself only says that the host went away.
fn evicted(timeline: &Timeline) -> Option<Finding> {
    let (line, stop) = (stopped_by::spot_eviction(timeline)?, timeline.stop_line()?);
    let reason = timeline.stopped_reason();
    let instance = in_parentheses(&reason, "instance").unwrap_or("its instance").to_owned();
    let mut finding = Finding::new(Confidence::Certain, "Spot interruption");
    finding.evidence = vec![line.n, stop.n];
    finding.summary = format!("EC2 took Spot instance {instance} back [{}], and the task went with it [{}]. Nobody on your side did.", line.n, stop.n);
    finding.next_steps.push(NextStep::say("ECS_ENABLE_SPOT_INSTANCE_DRAINING=true lets the agent drain an instance in the two minutes before it goes."));
    Some(finding)
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    if let Some(finding) = evicted(timeline) {
        return finding.into();
    }
    // Fargate Spot was TerminationNotice before it was SpotInterruption.
    let Some(stop) = timeline.stop_line().filter(|_| matches!(timeline.stop_code(), Some(StopCode::SpotInterruption | StopCode::TerminationNotice))) else {
        return Judgement::No;
    };
    let mut finding = Finding::new(Confidence::Certain, "Spot interruption");
    finding.evidence.push(stop.n);
    finding.summary = format!("AWS took the Spot capacity back and stopped the task for it [{}]. Nobody on your side did.", stop.n);
    finding.next_steps.push(NextStep::say("Keep a share of the service on on-demand capacity (capacityProviderStrategy with a base), and finish within two minutes of SIGTERM."));
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    #[test]
    fn both_of_ecs_codes_for_it_are_spot() {
        assert_eq!(verdict(stopped("SpotInterruption", "Your Spot Task was interrupted.", Some(143))), "spot-interruption - certain");
        assert_eq!(verdict(stopped("TerminationNotice", "Your Spot Task was interrupted.", None)), "spot-interruption - certain");
    }

    #[test]
    fn a_reason_somebody_typed_is_not_spot() {
        assert!(!verdict(stopped("UserInitiated", "Your Spot Task was interrupted.", Some(143))).starts_with("spot"));
    }

    #[test]
    fn a_lost_host_does_not_say_spot() {
        assert!(!verdict(stopped("", "Host EC2 (instance i-04b17daec78ef4a0b) terminated.", None)).starts_with("spot"));
    }
}
