//! The service was deleted.

use super::super::actors;
use super::super::evidence::{Reading, Source, Status};
use super::super::scheduling::Story;
use super::super::service::FORGOTTEN;
use super::super::stopped_by;
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::scheduled_stop;

pub const RULE: Rule = Rule { cause: Cause::ServiceDeleted, details: &[], about: "the service was deleted", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(stop) = scheduled_stop(timeline).filter(|_| stopped_by::story_of(timeline) == Story::ServiceDeleted) else { return Judgement::No };
    let status = timeline.evidence.service.as_ref().map(|service| service.status.clone()).unwrap_or_default();
    let mut finding = Finding::new(Confidence::Likely, "The service was deleted");
    finding.evidence.push(stop.n);
    match stopped_by::deletion(timeline) {
        Some((line, call)) => {
            finding.confidence = Confidence::Certain;
            finding.evidence.push(line.n);
            let who = actors::describe(call).name;
            finding.summary = format!("{who} deleted the service with DeleteService [{}], and its scheduler stopped this task [{}].", line.n, stop.n);
        }
        None => {
            let gone =
                if status == FORGOTTEN { "ECS knows the service no longer".to_owned() } else { format!("The service is {status}, which is what ECS calls one that was deleted") };
            finding.summary = format!("{gone}, and its scheduler stopped this task [{}].", stop.n);
            if let Some(why) = deleted_at_another_time(timeline) {
                finding.confidence = Confidence::Possible;
                finding.unchecked.push((Cause::ScaleIn, why));
            }
        }
    }
    finding.next_steps.push(NextStep::say("If nobody meant to, create the service again; its deployments are gone with it."));
    finding.into()
}

/// Where CloudTrail was read late enough to hold a deletion that came before the stop, and holds none.
fn deleted_at_another_time(timeline: &Timeline) -> Option<String> {
    let settled =
        |reading: &&Reading| reading.source == Source::Cloudtrail && reading.about.as_deref() == Some("DeleteService") && matches!(reading.status, Status::Ok | Status::Empty);
    timeline.evidence.readings.iter().find(settled)?;
    Some("no DeleteService call before the stop is recorded: the service may have been deleted later, and have wanted fewer tasks before".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::{Evidence, Reading, Source, Status};

    fn scaled(status: &str) -> Evidence {
        let mut evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143));
        evidence.service.as_mut().expect("a service").status = status.to_owned();
        evidence
    }

    #[test]
    fn a_draining_service_was_deleted() {
        assert_eq!(verdict(scaled("DRAINING")), "service-deleted - likely");
    }

    #[test]
    fn an_active_one_was_not() {
        assert!(!verdict(scaled("ACTIVE")).starts_with("service"));
    }

    #[test]
    fn one_that_is_gone_hours_after_the_stop_may_have_been_deleted_since() {
        for status in ["INACTIVE", "MISSING"] {
            let late = |hours: i64| {
                let mut evidence = scaled(status);
                evidence.taken_at = at(0) + jiff::SignedDuration::from_hours(hours);
                evidence
            };
            assert!(verdict(late(0)).starts_with("service-deleted"), "{status}");
            assert!(verdict(late(2)).starts_with("unknown"), "{status}");
            let trace = judged(called(late(2), -4_000, "DeleteService", "tomas", |_| {}));
            assert_eq!((trace.verdict.cause.as_str(), trace.stopped_by.actor.as_deref()), ("service-deleted", Some("tomas")));
        }
        assert!(judged(scaled("MISSING")).verdict.summary.starts_with("ECS knows the service no longer"));
    }

    #[test]
    fn with_the_service_hidden_it_is_not_claimed() {
        assert!(verdict(hide(scaled("DRAINING"), Source::Service)).starts_with("unknown"));
    }

    #[test]
    fn a_deletion_before_the_stop_is_certain_and_one_that_is_not_recorded_is_possible() {
        let trace = judged(called(scaled("INACTIVE"), -4_000, "DeleteService", "tomas", |_| {}));
        assert_eq!((trace.verdict.confidence.as_str(), trace.stopped_by.actor.as_deref()), ("certain", Some("tomas")));
        let mut settled = scaled("INACTIVE");
        settled.readings.push(Reading { about: Some("DeleteService".to_owned()), ..Reading::new(Source::Cloudtrail, Status::Empty) });
        assert_eq!(verdict(settled), "service-deleted - possible");
    }

    #[test]
    fn a_service_that_was_emptied_and_then_deleted_lost_its_task_to_the_count() {
        let emptied = called(scaled("INACTIVE"), -6_000, "UpdateService", "rita", |call| (call.parameters.desired_count, call.response_running) = (Some(0), Some(2)));
        let trace = judged(emptied);
        assert_eq!((trace.verdict.cause.as_str(), trace.stopped_by.actor.as_deref()), ("scale-in", Some("rita")));
    }

    #[test]
    fn one_that_was_deleted_only_after_the_stop_did_not_lose_its_task_to_that() {
        assert!(verdict(called(scaled("INACTIVE"), 240_000, "DeleteService", "tomas", |_| {})).starts_with("unknown"));
    }
}
