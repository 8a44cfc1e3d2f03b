//! An essential container ended by itself with 0: a finished job, or a server that must not end.

use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, Rule};
use super::{earlier_ends, ended_by_itself, last_words};

pub const RULE: Rule = Rule { cause: Cause::Completed, details: &[], about: "an essential container ended by itself with 0; expected for a job, not for a service", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let ended = ended_by_itself(timeline).or_else(|| timeline.reported_end_of_a_job());
    let Some((container, line)) = ended.filter(|(container, _)| container.exit_code == Some(0)) else { return Judgement::No };
    let task = &timeline.evidence.task;
    let mut finding = Finding::new(Confidence::Certain, "Completed");
    finding.container = Some(container.name.clone());
    finding.evidence = [Some(line), timeline.stop_line()].into_iter().flatten().map(|line| line.n).collect();
    finding.expected = task.service.is_none();
    let is_lost = timeline.reported_end_of_a_job().is_some();
    finding.summary = format!("Container {} {} with exit code 0 [{}].", container.name, if is_lost { "left" } else { "ended by itself" }, line.n);
    match &task.service {
        None => finding.summary.push_str(" A task that is no part of a service is done when it ends so."),
        Some(service) => {
            finding.headline = "The server ended by itself".to_owned();
            finding.summary.push_str(&format!(" Service {service} wants it to go on and replaces it; a container of a service should not end, even with 0."));
            finding.next_steps.extend(last_words(timeline, Some(&container.name), &format!("See what {} did last", container.name)));
        }
    }
    finding.summary.push_str(&earlier_ends(timeline, container));
    if is_lost {
        finding.confidence = Confidence::Possible;
        finding.summary.push_str(" ECS's reason for the stop is lost: an order, or the end of its host, may have come before.");
        finding.unchecked.push((Cause::StopRequested, "ECS's reason for the stop is lost".to_owned()));
    }
    if container.was_killed_for_memory() {
        finding.confidence = Confidence::Likely;
        finding.alternatives.push((Cause::OutOfMemory, "a process inside the container was killed for memory, and its main process still ended with 0".to_owned()));
    }
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    #[test]
    fn a_job_that_ends_with_0_is_done_and_expected() {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(0));
        evidence.task.service = None;
        let verdict = judged(evidence).verdict;
        assert_eq!((verdict.cause.as_str(), verdict.expected), ("completed", true));
    }

    #[test]
    fn a_server_that_ends_with_0_is_not_expected() {
        assert!(!judged(stopped("EssentialContainerExited", "Essential container in task exited", Some(0))).verdict.expected);
    }

    #[test]
    fn exit_0_after_an_order_is_a_consequence() {
        assert_ne!(judged(stopped("UserInitiated", "Task stopped by user", Some(0))).verdict.cause.as_str(), "completed");
    }

    #[test]
    fn without_an_exit_code_nothing_is_called_completed() {
        assert_ne!(judged(stopped("EssentialContainerExited", "Essential container in task exited", None)).verdict.cause.as_str(), "completed");
    }
}
