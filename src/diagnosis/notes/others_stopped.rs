//! The blast radius: which other tasks stopped in the same minute, and what most of them share with this one.

use super::super::event::What;
use super::super::evidence::Evidence;
use super::super::neighbours::stopped_beside;
use super::super::task::{Task, last_segment};
use super::super::timeline::Timeline;
use super::super::verdict::Note;
use super::super::words;

pub(super) fn note(timeline: &Timeline) -> Option<Note> {
    let evidence = &timeline.evidence;
    let beside = stopped_beside(evidence);
    let line = timeline.lines.iter().find(|line| matches!(line.event.what, What::StoppedBeside { .. })).filter(|_| !beside.is_empty())?;
    let at_least = if evidence.neighbours.as_ref().is_some_and(|neighbours| neighbours.is_cut) { "At least " } else { "" };
    let text = format!(
        "{at_least}{} stopped within a minute of it [{}]: {}.{}",
        words::count(beside.len(), "other task"),
        line.n,
        grouped(&beside),
        shared(evidence, &beside).map(|shared| format!(" {shared}.")).unwrap_or_default()
    );
    Some(Note { code: "others-stopped", text, evidence: [Some(line), timeline.stop_line()].into_iter().flatten().map(|line| line.n).collect() })
}

/// In a mass stop more names would push the verdict off the screen.
const MOST_GROUPS: usize = 5;

/// `3 of service web, 1 of family migrate`, the most first.
fn grouped(tasks: &[&Task]) -> String {
    let mut groups: Vec<(String, usize)> = Vec::new();
    for task in tasks {
        let of = task.of().unwrap_or_else(|| "no service".to_owned());
        match groups.iter_mut().find(|(known, _)| *known == of) {
            Some((_, count)) => *count += 1,
            None => groups.push((of, 1)),
        }
    }
    groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut told: Vec<String> = groups.iter().take(MOST_GROUPS).map(|(of, count)| format!("{count} of {of}")).collect();
    let rest: usize = groups.iter().skip(MOST_GROUPS).map(|(_, count)| count).sum();
    told.extend((rest > 0).then(|| format!("{rest} of {} further services", groups.len() - MOST_GROUPS)));
    told.join(", ")
}

/// What explains most: the host and the deployment before the zone; what all share before what some do.
fn shared(evidence: &Evidence, beside: &[&Task]) -> Option<String> {
    let own = &evidence.task;
    let deployment = |task: &Task| task.started_by.clone().filter(|by| by.starts_with("ecs-svc/"));
    let counted = |of: fn(&Task) -> Option<String>| of(own).map(|ours| beside.iter().filter(|task| of(task).as_ref() == Some(&ours)).count()).unwrap_or_default();
    let factors = [
        (counted(|task| task.container_instance_arn.clone()), format!("on {}", host(evidence))),
        (
            beside.iter().filter(|task| deployment(task).is_some() && deployment(task) == deployment(own)).count(),
            format!("of deployment {}", own.started_by.as_deref().unwrap_or_default()),
        ),
        (counted(|task| task.availability_zone.clone()), format!("in {}", own.availability_zone.as_deref().unwrap_or_default())),
    ];
    let all = beside.len();
    let common: Vec<&str> = factors.iter().filter(|(count, _)| *count == all).map(|(_, words)| words.as_str()).collect();
    if !common.is_empty() {
        // A host has but one zone.
        let told = if common[0].starts_with("on ") { common.iter().filter(|words| !words.starts_with("in ")).copied().collect() } else { common };
        let number = if all == 1 { "Both".to_owned() } else { format!("All {}", all + 1) };
        return Some(format!("{number} were {}", told.join(", ")));
    }
    let (count, words) = factors.iter().filter(|(count, _)| *count > 0).max_by_key(|(count, _)| *count)?;
    Some(format!("{} of the {} were {words}", count + 1, all + 1))
}

/// The instance by its EC2 id where that is known.
fn host(evidence: &Evidence) -> String {
    let arn = evidence.task.container_instance_arn.as_deref().unwrap_or_default();
    match evidence.host.as_ref().and_then(|host| host.instance_id.as_ref()) {
        Some(id) => format!("instance {id}"),
        None => format!("container instance {}", last_segment(arn)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::evidence::{Reading, Source, Status};
    use super::super::super::neighbours::fixtures::beside;
    use super::super::super::rules::fixtures::*;
    use super::*;
    use crate::diagnosis::service::Host;

    fn own() -> Evidence {
        stopped("EssentialContainerExited", "Essential container in task exited", Some(1))
    }

    fn told(evidence: Evidence) -> Option<String> {
        let trace = judged(evidence);
        let note = trace.verdict.notes.iter().find(|note| note.code == "others-stopped")?;
        assert!(note.evidence.iter().any(|n| matches!(trace.timeline.lines[n - 1].event.what, What::StoppedBeside { .. })));
        Some(note.text.clone())
    }

    #[test]
    fn the_common_host_explains_all_of_them() {
        let instance = Some("arn:aws:ecs:eu-west-1:1:container-instance/prod/abc".to_owned());
        let mut evidence = own();
        evidence.task.container_instance_arn.clone_from(&instance);
        evidence.host = Some(Host { instance_id: Some("i-0abc".to_owned()), ..Host::default() });
        for (service, offset) in [("web", -20_000), ("web", 1_000), ("api", 59_000)] {
            evidence = beside(evidence, offset, |task| {
                task.service = Some(service.to_owned());
                task.started_by = Some(format!("ecs-svc/{service}"));
            });
        }
        let text = told(evidence).expect("a note");
        assert!(text.contains("3 other tasks") && text.contains("2 of service web, 1 of service api") && text.contains("All 4 were on instance i-0abc"), "{text}");
    }

    #[test]
    fn where_nothing_is_common_to_all_the_most_is_said() {
        let mut evidence = own();
        evidence.task.availability_zone = Some("eu-west-1a".to_owned());
        for zone in ["eu-west-1a", "eu-west-1a", "eu-west-1b"] {
            evidence = beside(evidence, 1_000, |task| {
                task.availability_zone = Some(zone.to_owned());
                task.started_by = None;
            });
        }
        let text = told(evidence).expect("a note");
        assert!(text.contains("3 of the 4 were in eu-west-1a"), "{text}");
    }

    #[test]
    fn a_stop_of_two_minutes_before_is_another_story() {
        assert_eq!(told(beside(own(), -120_000, |_| ())), None);
        assert_eq!(told(own()), None);
    }

    #[test]
    fn a_list_that_was_cut_gives_at_least() {
        let mut evidence = beside(own(), 1_000, |_| ());
        evidence.neighbours.as_mut().expect("neighbours").is_cut = true;
        assert!(told(evidence).expect("a note").starts_with("At least 1 other task stopped"));
    }

    #[test]
    fn unread_neighbours_are_no_absence_and_weaken_no_verdict() {
        let plain = judged(own()).verdict;
        let mut evidence = own();
        evidence.readings.push(Reading { aside: true, ..Reading::new(Source::Ecs, Status::Denied) });
        let verdict = judged(evidence).verdict;
        assert_eq!((verdict.confidence, verdict.unchecked, verdict.notes), (plain.confidence, plain.unchecked, plain.notes));
    }
}
