//! The service was deleted.

use super::super::actors;
use super::super::evidence::{Reading, Source, Status};
use super::super::scheduling::Story;
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
            finding.summary = format!("The service is {status}, which is what ECS calls one that was deleted, and its scheduler stopped this task [{}].", stop.n);
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
    use crate::diagnosis::evidence::{Evidence, Source};

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
    fn with_the_service_hidden_it_is_not_claimed() {
        assert!(verdict(hide(scaled("DRAINING"), Source::Service)).starts_with("unknown"));
    }
}
