//! The EC2 instance under the task went away.

use super::super::evidence::Source;
use super::super::service::{MessageKind, in_parentheses};
use super::super::stopped_by::{self, Status, StoppedBy};
use super::super::task::StopCode;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::super::words::{shell, value};

pub const RULE: Rule = Rule { cause: Cause::HostLost, details: &[], about: "its EC2 instance stopped, terminated, or its agent went away", judge };

fn judge(timeline: &Timeline, stopped_by: &StoppedBy) -> Judgement {
    let reason = timeline.stopped_reason();
    if stopped_by::spot_eviction(timeline).is_some() {
        return Judgement::No;
    }
    let by_user = matches!(timeline.stop_code(), Some(StopCode::UserInitiated));
    let Some(stop) = timeline.stop_line().filter(|_| !by_user && reason.starts_with("Host EC2 (instance")) else { return Judgement::No };
    let instance = in_parentheses(&reason, "instance").unwrap_or("its instance").to_owned();
    let how = if reason.contains("terminated") { "was terminated" } else { "was stopped" };
    let mut finding = Finding::new(Confidence::Certain, "Its host went away");
    finding.evidence.push(stop.n);
    finding.summary = format!("Instance {instance} {how}, and the task with it [{}].", stop.n);
    match (stopped_by.status, &stopped_by.call, &stopped_by.actor) {
        (Status::Found, Some((n, call)), Some(actor)) => {
            finding.evidence.push(*n);
            finding.summary.push_str(&format!(" {actor} did that with {} [{n}].", call.name));
        }
        _ => {
            finding.summary.push_str(" ECS does not say why: a hand, Auto Scaling, and Spot all look like this.");
            if let Err(gap) = timeline.seen_by(Source::Cloudtrail) {
                finding.confidence = Confidence::Likely;
                finding.unchecked.push((Cause::SpotInterruption, gap.sentence()));
            }
        }
    }
    let containers: Vec<&str> = timeline.evidence.task.containers.iter().filter(|container| container.exit_code.is_none()).map(|container| container.name.as_str()).collect();
    if !containers.is_empty() {
        finding.summary.push_str(" Its containers have no exit code, since the agent could not report their end.");
    }
    let first = if stopped_by.status == Status::Found { "See all that CloudTrail keeps of the instance" } else { "See who ended the instance" };
    finding.next_steps.push(NextStep::run(
        first,
        format!("aws cloudtrail lookup-events --lookup-attributes AttributeKey=ResourceName,AttributeValue={} --region{}", shell(&instance), value(&timeline.evidence.task.region)),
    ));
    if let Some((n, _)) = timeline.messages().filter(|(n, message)| *n > stop.n && message.kind == MessageKind::CouldNotPlace).last() {
        finding.evidence.push(n);
        finding.next_steps.push(NextStep::run(
            format!("Its service could not place another task since [{n}]: see which instances are left"),
            format!("aws ecs list-container-instances --cluster{} --region{}", value(&timeline.evidence.task.cluster), value(&timeline.evidence.task.region)),
        ));
    }
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::Source;

    #[test]
    fn who_is_known_is_not_looked_for_and_a_service_without_room_gets_a_step() {
        let lost = || stopped("", "Host EC2 (instance i-06aab15feb4568492) terminated.", None);
        let steps = |evidence| judged(evidence).verdict.next_steps.into_iter().map(|step| step.text).collect::<Vec<_>>();
        assert_eq!(steps(lost()), ["See who ended the instance"]);
        let by_ines = called(lost(), -5_000, "TerminateInstances", "ines", |_| {});
        assert_eq!(judged(by_ines.clone()).stopped_by.actor.as_deref(), Some("ines"));
        assert_eq!(steps(by_ines), ["See all that CloudTrail keeps of the instance"]);
        let unplaced = said(lost(), 20_000, "(service web) was unable to place a task because no container instance met all of its requirements.");
        assert!(steps(unplaced)[1].starts_with("Its service could not place another task since ["));
    }

    #[test]
    fn stopped_and_terminated_hosts_are_both_lost() {
        for end in ["stopped", "terminated"] {
            assert_eq!(verdict(stopped("", &format!("Host EC2 (instance i-06aab15feb4568492) {end}."), None)), "host-lost - certain");
        }
    }

    #[test]
    fn a_reason_somebody_typed_is_not_the_host() {
        assert!(!verdict(stopped("UserInitiated", "Host EC2 (instance i-06aab15feb4568492) stopped.", Some(0))).starts_with("host"));
    }

    #[test]
    fn nobody_is_not_said_of_it() {
        assert_ne!(judged(stopped("", "Host EC2 (instance i-06aab15feb4568492) terminated.", None)).stopped_by.status.as_str(), "nobody");
    }

    #[test]
    fn with_cloudtrail_hidden_it_may_have_been_spot() {
        let verdict = judged(hide(stopped("", "Host EC2 (instance i-06aab15feb4568492) terminated.", None), Source::Cloudtrail)).verdict;
        assert_eq!((verdict.confidence.as_str(), verdict.unchecked[0].0.as_str()), ("likely", "spot-interruption"));
    }
}
