//! A newer deployment replaced the task.

use super::super::commands;
use super::super::evidence::Source;
use super::super::scheduling::{Change, Story, digits};
use super::super::service::FORGOTTEN;
use super::super::stopped_by::{self, StoppedBy};
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::scheduled_stop;

pub const RULE: Rule = Rule { cause: Cause::Deployment, details: &[], about: "a newer deployment replaced it", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(stop) = scheduled_stop(timeline) else { return Judgement::No };
    let change = match stopped_by::story_of(timeline) {
        Story::Replaced(change) => change,
        Story::Unclear(why) => return Judgement::CannotTell(why),
        _ => return Judgement::No,
    };
    let mut finding = Finding::new(Confidence::Likely, "Replaced by a deployment");
    finding.expected = true;
    finding.evidence.push(stop.n);
    let line = timeline.lines.iter().find(|line| line.event.is_of_deployment(&change.id));
    let cite = line.map(|line| format!(" [{}]", line.n)).unwrap_or_default();
    finding.evidence.extend(line.map(|line| line.n));
    let old = timeline.evidence.task.definition_name();
    let what = match (&old, &change.definition) {
        (Some(old), Some(new)) if old != new => format!("{old} by {new}"),
        (Some(old), Some(_)) => format!("{old}, the same revision anew"),
        (Some(old), None) => old.clone(),
        _ => "it".to_owned(),
    };
    finding.summary = format!("Deployment {} replaced {what}{cite}, and the scheduler stopped this task for it [{}].", change.id, stop.n);
    if let Some("BLUE_GREEN" | "LINEAR" | "CANARY") = timeline.evidence.service.as_ref().and_then(|service| service.strategy.as_deref()) {
        finding.summary.push_str(" Its deployments keep the old (blue) tasks through the bake time and clean them up after it.");
    }
    // The reason names a deployment: where it is the new one, ECS itself says which.
    if timeline.stopped_reason().contains(&change.id) {
        finding.confidence = Confidence::Certain;
    }
    // Listed by nobody any more but the answer to a call of that time.
    let evidence = &timeline.evidence;
    let is_listed = evidence.service.iter().flat_map(|service| &service.deployments).any(|deployment| deployment.id == change.id)
        || evidence.service_deployments.iter().any(|deployment| deployment.arn == change.id || deployment.target_revision.as_deref() == Some(digits(&change.id)));
    if !is_listed {
        finding.confidence = finding.confidence.min(Confidence::Likely);
    }
    if let Err(gap) = timeline.seen_by(Source::Service) {
        finding.confidence = Confidence::Likely;
        finding.unchecked.push((Cause::Rollback, gap.sentence()));
    }
    // Of a forgotten task the archives may tell what ECS lists no longer.
    if let Err(gap) = timeline.seen_by(Source::Archive) {
        finding.confidence = if timeline.evidence.service_deployments.is_empty() { Confidence::Possible } else { Confidence::Likely };
        finding.unchecked.push((Cause::Rollback, gap.sentence()));
    }
    if timeline.evidence.service.as_ref().is_some_and(|service| service.status == FORGOTTEN) && timeline.evidence.service_deployments.is_empty() {
        finding.confidence = Confidence::Possible;
        finding.unchecked.push((Cause::Rollback, "the service is gone, and whether its deployment failed is lost with it".to_owned()));
    }
    if let Some(why) = puts_an_older_one_back(timeline, &change) {
        finding.confidence = Confidence::Possible;
        finding.unchecked.push((Cause::Rollback, why));
    }
    let is_there = timeline.evidence.service.as_ref().is_none_or(|service| service.status != FORGOTTEN);
    if let Some(command) = commands::describe_service(&timeline.evidence.task).filter(|_| is_there) {
        finding.next_steps.push(NextStep::run("See how the deployment went", command));
    }
    finding.into()
}

/// An older revision in the task's place is a rollback more often than not; without the history it cannot be told.
fn puts_an_older_one_back(timeline: &Timeline, change: &Change) -> Option<String> {
    let evidence = &timeline.evidence;
    let revision: i64 = change.definition.as_deref()?.rsplit_once(':')?.1.parse().ok()?;
    let gap = evidence.readings.iter().find(|reading| reading.source == Source::Service && reading.status.is_gap())?;
    (revision < evidence.task.revision? && evidence.service_deployments.is_empty()).then(|| format!("it put an older revision back, and {}", gap.sentence()))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::{Evidence, Reading, Source, Status};
    use crate::diagnosis::service::Deployment;

    fn replaced() -> Evidence {
        let mut evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(143));
        let newer = Deployment { id: "ecs-svc/2".to_owned(), definition: Some("web:42".to_owned()), created_at: Some(at(-90_000)), ..Deployment::default() };
        evidence.service.as_mut().expect("a service").deployments.insert(0, newer);
        evidence
    }

    #[test]
    fn of_a_service_that_is_gone_ecs_own_reason_tells_that_another_deployment_took_over_and_not_why() {
        let gone = |reason: &str| {
            let mut evidence = stopped("ServiceSchedulerInitiated", reason, Some(143));
            evidence.task.started_by = Some("ecs-svc/1".to_owned());
            evidence.service = Some(crate::diagnosis::service::Service { status: super::FORGOTTEN.to_owned(), ..Default::default() });
            evidence.taken_at = at(4 * 3_600_000);
            judged(evidence).verdict
        };
        let replaced = gone("Scaling activity initiated by (deployment ecs-svc/2)");
        assert_eq!((replaced.cause.as_str(), replaced.confidence.as_str(), replaced.unchecked[0].0.as_str()), ("deployment", "possible", "rollback"));
        assert_eq!(gone("Scaling activity initiated by (deployment ecs-svc/1)").cause.as_str(), "unknown");
    }

    #[test]
    fn a_newer_deployment_before_the_stop_is_the_cause() {
        let verdict = judged(replaced()).verdict;
        assert_eq!((verdict.cause.as_str(), verdict.expected), ("deployment", true));
        assert!(verdict.summary.contains("web:41 by web:42"));
    }

    #[test]
    fn the_same_words_without_a_newer_deployment_are_not() {
        let evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143));
        assert!(!verdict(evidence).starts_with("deployment"));
    }

    #[test]
    fn with_the_service_hidden_neither_is_claimed() {
        let verdict = judged(hide(replaced(), Source::Service)).verdict;
        assert_eq!(verdict.cause.as_str(), "unknown");
        assert!(verdict.unchecked.iter().any(|(cause, _)| cause.as_str() == "deployment"));
    }

    #[test]
    fn an_older_revision_is_only_possible_where_the_history_was_not_read() {
        let mut evidence = replaced();
        evidence.service.as_mut().expect("a service").deployments[0].definition = Some("web:40".to_owned());
        evidence.task.revision = Some(41);
        let read = judged(evidence.clone()).verdict;
        assert_ne!(read.confidence.as_str(), "possible");
        evidence.readings.push(Reading { action: Some("ecs:ListServiceDeployments".to_owned()), ..Reading::new(Source::Service, Status::Denied) });
        let unread = judged(evidence).verdict;
        assert!(unread.confidence.as_str() == "possible" && unread.unchecked.iter().any(|(cause, _)| cause.as_str() == "rollback"), "{unread:?}");
    }
}
