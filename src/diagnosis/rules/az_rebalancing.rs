//! ECS moved the task to another zone.

use super::super::scheduling::Story;
use super::super::service::MessageKind;
use super::super::stopped_by;
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::scheduled_stop;

pub const RULE: Rule = Rule { cause: Cause::AzRebalancing, details: &[], about: "ECS moved it to another zone", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    if let Some(n) = timeline.rebalanced_in_a_lost_stop() {
        let mut finding = Finding::new(Confidence::Likely, "Moved to another zone");
        finding.expected = true;
        finding.evidence.push(n);
        finding.summary = format!("The service says that it stopped this task to spread itself over the zones [{n}]; ECS's own reason is lost.");
        return finding.into();
    }
    let Some(stop) = scheduled_stop(timeline).filter(|_| stopped_by::story_of(timeline) == Story::Rebalanced) else { return Judgement::No };
    let id = &timeline.evidence.task.id;
    let mut finding = Finding::new(Confidence::Certain, "Moved to another zone");
    finding.expected = true;
    finding.evidence.push(stop.n);
    let told: Vec<usize> = timeline.messages().filter(|(_, message)| message.kind == MessageKind::Rebalancing && message.tasks.contains(id)).map(|(n, _)| n).collect();
    let cites: String = told.iter().map(|n| format!(" [{n}]")).collect();
    finding.summary = format!("ECS says that it stopped this task to spread the service over the zones{cites}; its reason alone [{}] would not tell.", stop.n);
    finding.evidence.extend(told);
    finding.next_steps.push(NextStep::say("availabilityZoneRebalancing of the service switches this off."));
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::Evidence;

    fn scaled() -> Evidence {
        stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143))
    }

    #[test]
    fn the_service_says_that_it_moved_this_task() {
        let evidence = said(scaled(), 20, &format!("(service web) has stopped 1 running tasks in eu-west-1a due to AZ rebalancing: (task {ID})."));
        assert_eq!(verdict(evidence), "az-rebalancing - certain");
    }

    #[test]
    fn moving_another_task_is_another_story() {
        let evidence = said(scaled(), 20, "(service web) has stopped 1 running tasks in eu-west-1a due to AZ rebalancing: (task 00000000000000000000000000000001).");
        assert!(!verdict(evidence).starts_with("az"));
    }

    #[test]
    fn without_its_message_nothing_is_claimed() {
        assert!(!verdict(scaled()).starts_with("az"));
    }
}
