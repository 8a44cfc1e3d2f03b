//! The task's deployment failed and was rolled back.

use super::super::commands;
use super::super::scheduling::{Rollback, Story};
use super::super::stopped_by::{self, StoppedBy};
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::scheduled_stop;

pub const RULE: Rule = Rule { cause: Cause::Rollback, about: "its deployment failed and was rolled back: circuit-breaker, alarm, manual", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(stop) = scheduled_stop(timeline) else { return Judgement::No };
    let Story::RolledBack { how, .. } = stopped_by::story_of(timeline) else { return Judgement::No };
    let (detail, what) = match how {
        Rollback::CircuitBreaker => ("circuit-breaker", "the deployment circuit breaker"),
        Rollback::Alarm => ("alarm", "an alarm"),
        Rollback::Manual => ("manual", "somebody"),
    };
    let mut finding = Finding::new(Confidence::Likely, "Rolled back");
    finding.detail = Some(detail);
    finding.evidence.push(stop.n);
    finding.summary = format!("Its deployment was rolled back by {what}, and the scheduler stopped this task for it [{}].", stop.n);
    if let Some(command) = commands::describe_service(&timeline.evidence.task) {
        finding.next_steps.push(NextStep::run("See why the deployment failed", command));
    }
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::{Evidence, Source};
    use crate::diagnosis::service::Deployment;

    fn rolled_back(state: &str) -> Evidence {
        let mut evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(143));
        let service = evidence.service.as_mut().expect("a service");
        service.deployments[0].rollout_state = Some(state.to_owned());
        service.deployments.insert(0, Deployment { id: "ecs-svc/2".to_owned(), created_at: Some(at(-90_000)), ..Deployment::default() });
        evidence
    }

    #[test]
    fn a_failed_deployment_with_a_successor_was_rolled_back() {
        assert_eq!(verdict(rolled_back("FAILED")), "rollback circuit-breaker likely");
    }

    #[test]
    fn a_completed_one_was_replaced() {
        assert!(verdict(rolled_back("COMPLETED")).starts_with("deployment"));
    }

    #[test]
    fn with_the_service_hidden_it_is_not_claimed() {
        assert!(verdict(hide(rolled_back("FAILED"), Source::Service)).starts_with("unknown"));
    }
}
