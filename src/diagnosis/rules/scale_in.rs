//! The service wanted fewer tasks.

use super::super::evidence::Source;
use super::super::scheduling::Story;
use super::super::stopped_by::{self, Status, StoppedBy};
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::super::words::shell;
use super::scheduled_stop;

pub const RULE: Rule = Rule { cause: Cause::ScaleIn, about: "the service wanted fewer tasks: autoscaling, or a hand that changed the desired count", judge };

fn judge(timeline: &Timeline, stopped_by: &StoppedBy) -> Judgement {
    let Some(stop) = scheduled_stop(timeline) else { return Judgement::No };
    match stopped_by::story_of(timeline) {
        Story::FewerWanted => {}
        Story::Unclear(why) => return Judgement::CannotTell(why),
        _ => return Judgement::No,
    }
    let mut finding = Finding::new(Confidence::Likely, "Scaled in");
    finding.expected = true;
    finding.evidence.push(stop.n);
    finding.summary = format!("No newer deployment was there, so the scheduler stopped it because the service wanted fewer tasks [{}].", stop.n);
    if let (Status::Found, Some((n, call)), Some(actor)) = (stopped_by.status, &stopped_by.call, &stopped_by.actor) {
        finding.evidence.push(*n);
        let count = call.parameters.desired_count.map(|count| format!(" to {count}")).unwrap_or_default();
        finding.summary = format!("{actor} set the desired count{count} [{n}], and the scheduler stopped this task for it [{}].", stop.n);
    } else if let Err(gap) = timeline.seen_by(Source::Service) {
        finding.confidence = Confidence::Possible;
        finding.unchecked.push((Cause::Deployment, gap.sentence()));
    }
    finding.summary.push_str(" Why it took this task and not another is in no API.");
    let task = &timeline.evidence.task;
    if let Some(service) = &task.service {
        let resource = format!("service/{}/{service}", task.cluster);
        finding.next_steps.push(NextStep::run(
            "See the scaling activities",
            format!("aws application-autoscaling describe-scaling-activities --service-namespace ecs --resource-id {} --region {}", shell(&resource), shell(&task.region)),
        ));
    }
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::Source;

    #[test]
    fn with_only_its_own_deployment_it_was_scaled_in() {
        let evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(137));
        assert_eq!(verdict(evidence), "scale-in - likely");
    }

    #[test]
    fn a_finished_job_is_no_scale_in() {
        assert!(!verdict(stopped("EssentialContainerExited", "Essential container in task exited", Some(0))).starts_with("scale-in"));
    }

    #[test]
    fn with_the_service_hidden_it_is_not_claimed() {
        let evidence = hide(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(137)), Source::Service);
        assert!(verdict(evidence).starts_with("unknown"));
    }
}
