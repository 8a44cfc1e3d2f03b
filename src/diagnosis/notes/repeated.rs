//! The rhythm: this stop is one of a row of stops that ended alike, within the hour that ECS remembers.

use super::super::event::What;
use super::super::neighbours::{alike_before, in_a_row, opening};
use super::super::task::{StopCode, Task};
use super::super::timeline::Timeline;
use super::super::verdict::Note;
use super::super::words;

pub(super) fn note(timeline: &Timeline) -> Option<Note> {
    let evidence = &timeline.evidence;
    let own = &evidence.task;
    let by_itself = matches!(own.told_stop_code(), Some(StopCode::EssentialContainerExited));
    let container = by_itself.then(|| timeline.culprit()).flatten();
    let alike = alike_before(evidence, container.map(|container| container.name.as_str()));
    let (number, first) = (in_a_row(&alike)?, alike.last()?);
    let line = timeline.lines.iter().find(|line| matches!(line.event.what, What::StoppedAlike { .. }))?;
    let at_least = if evidence.neighbours.as_ref().is_some_and(|neighbours| neighbours.is_cut) { "at least " } else { "" };
    let code = own.told_stop_code();
    let end = match container.and_then(|container| Some((container, container.exit_code?))) {
        Some((container, exit)) => format!("{} exited {exit}", container.name),
        None => {
            let opening = opening(own.stopped_reason.as_deref().unwrap_or_default());
            let words = opening.trim_end_matches(" in").trim_end_matches(" by");
            let code = code.as_ref().map(StopCode::as_str).unwrap_or_default();
            if words.is_empty() { code.to_owned() } else { format!("{code}, “{words}”") }
        }
    };
    let mut text = format!("This is {at_least}stop number {number} in a row of {} that ended alike ({end}), within the hour that ECS remembers.", own.of()?);
    if let Some(median) = median_life(alike.iter().copied().chain([own])) {
        text.push_str(&format!(" In the median they ran for {}.", words::duration(median)));
    }
    let before = own.stop_anchor().zip(first.stop_anchor()).map(|(stop, first)| stop.as_millisecond() - first.as_millisecond());
    let ran = first.definition_name().map(|name| format!(" of {name}")).unwrap_or_default();
    text.push_str(&format!(" The first was a task{ran}, {} before this one [{}].", words::duration(before?), line.n));
    let own_lines = [container.and_then(|container| timeline.container_line(&container.name)), timeline.stop_line()];
    let evidence = std::iter::once(line.n).chain(own_lines.into_iter().flatten().map(|line| line.n)).collect();
    Some(Note { code: "repeated", text, evidence })
}

/// Milliseconds from start to stop, of those that started at all.
fn median_life<'a>(tasks: impl Iterator<Item = &'a Task>) -> Option<i64> {
    let life = |task: &Task| Some(task.stop_anchor()?.as_millisecond() - task.times.started?.as_millisecond());
    let mut lives: Vec<i64> = tasks.filter_map(life).filter(|life| *life >= 0).collect();
    lives.sort_unstable();
    let upper = *lives.get(lives.len() / 2)?;
    if lives.len() % 2 == 1 { Some(upper) } else { Some(i64::midpoint(lives[lives.len() / 2 - 1], upper)) }
}

#[cfg(test)]
mod tests {
    use super::super::super::evidence::{Evidence, Reading, Source, Status};
    use super::super::super::neighbours::fixtures::beside;
    use super::super::super::rules::fixtures::*;
    use super::*;

    fn crashed() -> Evidence {
        stopped("EssentialContainerExited", "Essential container in task exited", Some(1))
    }

    fn told(evidence: Evidence) -> Option<String> {
        let trace = judged(evidence);
        let note = trace.verdict.notes.iter().find(|note| note.code == "repeated")?;
        assert!(note.evidence.iter().any(|n| matches!(trace.timeline.lines[n - 1].event.what, What::StoppedAlike { .. })));
        Some(note.text.clone())
    }

    fn twice_before(evidence: Evidence, change: impl Fn(&mut Task)) -> Evidence {
        beside(beside(evidence, -1_200_000, &change), -600_000, &change)
    }

    #[test]
    fn the_third_stop_alike_is_a_row_with_its_median_and_its_first_revision() {
        let text = told(beside(twice_before(crashed(), |_| ()), -1_800_000, |task| task.revision = Some(40))).expect("a note");
        for words in ["stop number 4 in a row of service web", "app exited 1", "ran for 1m 00s", "of web:40, 30m 00s before"] {
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn two_are_no_row() {
        assert_eq!(told(beside(crashed(), -600_000, |_| ())), None);
    }

    #[test]
    fn a_different_stop_between_ends_the_row() {
        let row = beside(twice_before(crashed(), |_| ()), -300_000, |task| task.containers[0].exit_code = Some(137));
        assert_eq!(told(row), None);
        let other_service = beside(twice_before(crashed(), |_| ()), -300_000, |task| task.service = Some("api".to_owned()));
        assert!(told(other_service).is_some());
    }

    #[test]
    fn later_stops_do_not_count() {
        assert_eq!(told(beside(beside(crashed(), -600_000, |_| ()), 600_000, |_| ())), None);
    }

    #[test]
    fn replaced_tasks_and_finished_jobs_are_no_row() {
        assert_eq!(told(twice_before(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(0)), |_| ())), None);
        let mut job = stopped("EssentialContainerExited", "Essential container in task exited", Some(0));
        job.task.service = None;
        assert_eq!(told(twice_before(job, |_| ())), None);
    }

    #[test]
    fn starts_that_fail_alike_are_a_row_and_those_that_fail_otherwise_are_not() {
        let pull = || stopped("TaskFailedToStart", "CannotPullContainerError: manifest unknown", None);
        assert!(told(twice_before(pull(), |task| task.stopped_reason = Some("CannotPullContainerError: not found".to_owned()))).is_some());
        assert_eq!(told(twice_before(pull(), |task| task.stopped_reason = Some("ResourceInitializationError: x".to_owned()))), None);
    }

    #[test]
    fn a_list_that_was_cut_gives_at_least_and_an_unread_one_nothing() {
        let mut cut = twice_before(crashed(), |_| ());
        cut.neighbours.as_mut().expect("neighbours").is_cut = true;
        assert!(told(cut).expect("a note").contains("at least stop number 3"));
        let mut unread = crashed();
        unread.readings.push(Reading { aside: true, ..Reading::new(Source::Ecs, Status::Denied) });
        assert_eq!(told(unread), None);
    }
}
