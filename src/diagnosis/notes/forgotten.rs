//! ECS has forgotten the task: who tells of it now, what was lost with ECS's own memory and when, and until when the rest is kept.

use jiff::{SignedDuration, Timestamp};

use super::super::stopped_by::KEPT_FOR;
use super::super::task::{StopCode, Teller};
use super::super::timeline::Timeline;
use super::super::verdict::Note;
use super::super::words;

/// How long ECS describes a stopped task, about.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn note(timeline: &Timeline) -> Option<Note> {
    let task = &timeline.evidence.task;
    let teller = match task.told_by {
        Teller::Ecs => return None,
        Teller::Archive => "an archive of its events",
        Teller::Cloudtrail => "CloudTrail's records of calls about it",
        Teller::Insights => "Container Insights' records of it",
        Teller::Logs => "its log streams alone",
    };
    let stop = task.times.stopped.or(task.stop_anchor());
    // Of its last line or record nobody knows how long after it the task stopped.
    let about = if task.times.stopped.is_some() { "at" } else { "about" };
    if let Some(gap) = timeline.may_still_run() {
        let text = format!("ECS knows the task in none of the clusters that could be asked, and it may be in another ({}); it is told here by {teller}.", gap.sentence());
        return Some(Note { code: "forgotten", text, evidence: Vec::new() });
    }
    // Sometimes it forgets sooner.
    let forgot = match stop.and_then(|stop| stop.checked_add(REMEMBERED_FOR).ok()).filter(|at| *at <= timeline.evidence.taken_at) {
        Some(at) => format!("ECS forgot this task about an hour after its stop, {about} {}; it is told here by {teller}.", words::moment(at)),
        None => format!("ECS has forgotten this task, as it does about an hour after a stop; it is told here by {teller}."),
    };
    let mut lost: Vec<String> = Vec::new();
    if task.stopped_reason.is_none() && matches!(task.stop_code, None | Some(StopCode::ServiceSchedulerInitiated)) {
        lost.push("ECS's reason for the stop".to_owned());
    }
    let untold: Vec<String> =
        task.containers.iter().filter(|container| container.exit_code.is_none() && container.reason.is_none()).map(|container| container.name.clone()).collect();
    if task.containers.is_empty() {
        lost.push("its containers and how they ended".to_owned());
    } else if !untold.is_empty() {
        lost.push(format!("how {} ended", words::list(&untold)));
    }
    if task.definition_arn.is_none() {
        lost.push("which task definition it ran".to_owned());
    }
    if task.group.is_none() && task.service.is_none() {
        lost.push("whether it was a service's".to_owned());
    }
    let mut unread: Vec<String> = timeline.unread_memory().iter().map(|gap| gap.source.as_str().to_owned()).collect();
    unread.sort();
    unread.dedup();
    let lost = match (lost.as_slice(), unread.as_slice()) {
        ([], _) => String::new(),
        (lost, []) => format!(" Lost with it, and told by nobody else: {}.", words::list(lost)),
        (lost, unread) => format!(" Lost with it, as far as could be read (not read in full: {}): {}.", words::list(unread), words::list(lost)),
    };
    let kept = stop.and_then(|stop| stop.checked_add(KEPT_FOR).ok()).map(|until| match until > timeline.evidence.taken_at {
        true => format!(" CloudTrail keeps the calls around the stop until {}.", day(until)),
        false => format!(" CloudTrail lost the calls around the stop on {}.", day(until)),
    });
    let remedy = if task.told_by == Teller::Archive { "" } else { " What keeps more from now on: ecs-trace archive template." };
    Some(Note { code: "forgotten", text: format!("{forgot}{lost}{}{remedy}", kept.unwrap_or_default()), evidence: timeline.stop_line().map(|line| line.n).into_iter().collect() })
}

fn day(at: Timestamp) -> String {
    at.strftime("%F").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::super::rules::fixtures::*;
    use super::*;

    fn told(teller: Teller) -> Option<String> {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(1));
        evidence.task.told_by = teller;
        evidence.taken_at = evidence.task.stop_anchor().expect("a stop") + SignedDuration::from_hours(5);
        judged(evidence).verdict.notes.into_iter().find(|note| note.code == "forgotten").map(|note| note.text)
    }

    #[test]
    fn what_was_lost_and_when_is_said_of_a_forgotten_task_alone() {
        assert_eq!(told(Teller::Ecs), None);
        let archived = told(Teller::Archive).expect("a note");
        assert!(archived.starts_with("ECS forgot this task about an hour after its stop, at 20") && archived.contains("told here by an archive"), "{archived}");
        assert!(!archived.contains("how app ended") && archived.contains("CloudTrail"), "{archived}");
        assert!(told(Teller::Insights).is_some_and(|note| note.contains("told here by Container Insights' records of it")));
    }

    #[test]
    fn what_nobody_tells_any_more_is_named() {
        let mut evidence = stopped("EssentialContainerExited", "x", None);
        (evidence.task.told_by, evidence.task.stop_code, evidence.task.stopped_reason) = (Teller::Logs, None, None);
        (evidence.task.times, evidence.task.definition_arn, evidence.task.group) = (Default::default(), None, None);
        evidence.task.service = None;
        evidence.taken_at = Timestamp::from_second(2_000_000_000).expect("a time");
        evidence.task.times.last_word = Timestamp::from_second(1_000_000_000).ok();
        let note = judged(evidence).verdict.notes.into_iter().find(|note| note.code == "forgotten").expect("a note").text;
        assert!(note.contains("about 2001-09-09 02:46 UTC; it is told here by its log streams alone"), "{note}");
        assert!(note.contains("ECS's reason for the stop, how app ended, which task definition it ran and whether it was a service's"), "{note}");
        assert!(note.contains("CloudTrail lost the calls around the stop on 2001-12-08"), "{note}");
    }
}
