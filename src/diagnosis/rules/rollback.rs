//! The task's deployment failed and was rolled back.

use super::super::commands;
use super::super::event::What;
use super::super::evidence::Source;
use super::super::scheduling::{Rollback, Story, digits};
use super::super::service::MessageKind;
use super::super::stopped_by::{self, Status, StoppedBy};
use super::super::timeline::{Line, Timeline};
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::super::words::value;
use super::scheduled_stop;

pub const RULE: Rule = Rule { cause: Cause::Rollback, details: &["circuit-breaker", "alarm", "manual"], about: "its deployment failed and was rolled back", judge };

fn judge(timeline: &Timeline, stopped_by: &StoppedBy) -> Judgement {
    let Some(stop) = scheduled_stop(timeline) else { return Judgement::No };
    let Story::RolledBack { change, failed, how, .. } = stopped_by::story_of(timeline) else { return Judgement::No };
    let (detail, what) = match how {
        Rollback::CircuitBreaker => ("circuit-breaker", "the deployment circuit breaker"),
        Rollback::Alarm => ("alarm", "an alarm"),
        Rollback::Manual => ("manual", "hand"),
    };
    let mut finding = Finding::new(Confidence::Likely, "Rolled back");
    finding.detail = Some(detail);
    finding.evidence.push(stop.n);
    let told = timeline.messages().any(|(_, message)| message.kind == MessageKind::RollingBack)
        || timeline.evidence.service_deployments.iter().any(|deployment| deployment.rollback.is_some());
    // The reason names the deployment that was put back: then ECS itself says for which one the task was stopped.
    if told && !change.id.is_empty() && timeline.stopped_reason().contains(&change.id) {
        finding.confidence = Confidence::Certain;
    }
    let own = timeline.lines.iter().find(|line| line.event.is_of_deployment(&failed.id));
    // What tells that it failed, rather than that it began.
    let says_so = timeline.messages().find(|(_, message)| is_of_rollback(&message.kind) && message.text.contains(&failed.id)).map(|(n, _)| n);
    let logged = logged_way_back(timeline, digits(&failed.id));
    finding.evidence.extend(logged);
    let cite = says_so.or(logged).or(own.map(|line| line.n)).map(|n| format!(" [{n}]")).unwrap_or_default();
    finding.evidence.extend(own.map(|line| line.n));
    finding.summary = format!("Its deployment {} was rolled back by {what}{cite}, and the scheduler stopped this task for it [{}].", failed.id, stop.n);
    for (n, message) in timeline.messages().filter(|(_, message)| is_of_rollback(&message.kind)) {
        finding.evidence.push(n);
        finding.summary.push_str(&format!(" ECS: “{}” [{n}].", message.text.trim_end_matches('.')));
    }
    if let (Status::Found, Some((n, call)), Some(actor)) = (stopped_by.status, &stopped_by.call, &stopped_by.actor) {
        finding.evidence.push(*n);
        finding.summary.push_str(&if how == Rollback::Manual {
            format!(" {actor} asked for it with {} [{n}].", call.name)
        } else {
            format!(" {actor} had begun it with {} [{n}].", call.name)
        });
    }
    if let Err(gap) = timeline.seen_by(Source::Service) {
        finding.confidence = Confidence::Likely;
        finding.unchecked.push((Cause::Rollback, format!("why it failed, {}", gap.sentence())));
    }
    let task = &timeline.evidence.task;
    if let Some(service) = &task.service {
        finding.next_steps.push(NextStep::run(
            // Not `why service/…`: the latest stopped task may be this very one, again and again.
            "See how the tasks of it ended that came before",
            commands::stops_of(service, task),
        ));
        finding.next_steps.push(NextStep::run(
            "See the service's deployments",
            format!("aws ecs list-service-deployments --cluster{} --service{} --region{}", value(&task.cluster), value(service), value(&task.region)),
        ));
    }
    finding.into()
}

/// The line of the moment in which the deployment's way back began, as ECS's logs of its actions tell it.
fn logged_way_back(timeline: &Timeline, own: &str) -> Option<usize> {
    let (arn, since) = timeline.evidence.service_deployments.iter().find_map(|deployment| {
        let since = deployment.rollback.as_ref()?.started_at?;
        (deployment.target_revision.as_deref() == Some(own)).then_some((&deployment.arn, since))
    })?;
    let is_it = |line: &&Line| matches!(&line.event.what, What::ServiceDeployment { id, .. } if id == arn) && line.event.at == since;
    timeline.lines.iter().find(is_it).map(|line| line.n)
}

fn is_of_rollback(kind: &MessageKind) -> bool {
    matches!(kind, MessageKind::DeploymentFailed | MessageKind::RollingBack)
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
    fn ecs_saying_that_it_rolls_back_makes_it_certain() {
        assert_eq!(verdict(said(rolled_back("FAILED"), -80_000, "(service web) rolling back to deployment ecs-svc/2.")), "rollback circuit-breaker certain");
    }

    #[test]
    fn no_step_leads_back_to_the_same_task() {
        let steps = judged(rolled_back("FAILED")).verdict.next_steps;
        assert_eq!(steps[0].command.as_deref(), Some("ecs-trace stops prod/web --region eu-west-1"));
        assert!(steps.iter().all(|step| !step.command.as_deref().unwrap_or_default().starts_with("ecs-trace why ")), "{steps:?}");
    }

    #[test]
    fn a_completed_one_was_replaced() {
        assert!(verdict(rolled_back("COMPLETED")).starts_with("deployment"));
    }

    #[test]
    fn with_the_service_hidden_it_is_not_claimed() {
        assert!(verdict(hide(rolled_back("FAILED"), Source::Service)).starts_with("unknown"));
    }

    #[test]
    fn a_deployment_that_somebody_stopped_was_rolled_back_by_hand() {
        let stopped = called(rolled_back("COMPLETED"), -95_000, "StopServiceDeployment", "ines", |_| {});
        let trace = judged(stopped);
        assert_eq!((trace.verdict.detail, trace.stopped_by.actor.as_deref()), (Some("manual"), Some("ines")));
    }
}
