//! The cluster's other stopped tasks that ECS still remembers: which stopped beside this one, and whether this stop
//! is one of a row that ended alike.

use super::event::{Event, Level, Precision, What, Witness};
use super::evidence::Evidence;
use super::scheduling::is_scaling_reason;
use super::service::straight_quotes;
use super::task::{StopCode, Task};
use super::words;

/// Stopped tasks of the task's cluster, itself apart, as ECS remembered them when asked: about an hour.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    pub tasks: Vec<Task>,
    /// ECS listed more than were read: there are at least these.
    pub is_cut: bool,
}

/// Milliseconds. Stops so near to each other may have one cause.
const BESIDE: i64 = 60_000;
/// Tasks a line names before it only counts them.
const NAMED: usize = 5;
/// Digits of an id that any command takes for the whole.
const DIGITS: usize = 8;

/// The other tasks whose stop began within a minute of this one's, in the order of their stops.
#[must_use]
pub fn stopped_beside(evidence: &Evidence) -> Vec<&Task> {
    let (Some(stop), Some(neighbours)) = (evidence.task.stop_anchor(), &evidence.neighbours) else { return Vec::new() };
    let near = |task: &&Task| task.stop_anchor().is_some_and(|theirs| (theirs.as_millisecond() - stop.as_millisecond()).abs() <= BESIDE);
    let mut beside: Vec<&Task> = neighbours.tasks.iter().filter(|task| task.arn != evidence.task.arn).filter(near).collect();
    beside.sort_by_key(|task| (task.stop_anchor(), &task.id));
    beside
}

/// The stops of its service, or without one of its family, that came before this one, ended as it did and had no other
/// between them: the latest first. `container` is the one whose end stopped the task, where that is known.
#[must_use]
pub fn alike_before<'a>(evidence: &'a Evidence, container: Option<&str>) -> Vec<&'a Task> {
    let own = &evidence.task;
    let (Some(stop), Some(neighbours)) = (own.stop_anchor(), &evidence.neighbours) else { return Vec::new() };
    let mut series: Vec<&Task> = neighbours.tasks.iter().filter(|task| task.arn != own.arn && task.of() == own.of() && own.of().is_some()).collect();
    series.retain(|task| task.stop_anchor().is_some_and(|theirs| theirs <= stop));
    series.sort_by_key(|task| std::cmp::Reverse((task.stop_anchor(), &task.id)));
    series.into_iter().take_while(|task| is_alike(own, task, container)).collect()
}

/// The same stop code, and what that code leaves open: the exit code of the container that decided, else ECS's reason.
fn is_alike(own: &Task, other: &Task, container: Option<&str>) -> bool {
    let exit = |task: &Task| task.containers.iter().find(|found| Some(found.name.as_str()) == container)?.exit_code;
    let reason = |task: &Task| opening(task.stopped_reason.as_deref().unwrap_or_default());
    let code = own.told_stop_code();
    if code.is_none() || code != other.told_stop_code() || is_scaling_reason(&straight_quotes(own.stopped_reason.as_deref().unwrap_or_default())) {
        return false;
    }
    match code {
        // A job that is done again and again is no row of failures.
        Some(StopCode::EssentialContainerExited) if own.service.is_none() && exit(own) == Some(0) => false,
        Some(StopCode::EssentialContainerExited) => exit(own).is_some() && exit(own) == exit(other),
        _ => reason(own) == reason(other),
    }
}

/// A reason up to what differs from task to task: ids in brackets, addresses behind a colon.
pub(super) fn opening(reason: &str) -> String {
    straight_quotes(reason).split([':', '(']).next().unwrap_or_default().trim().to_owned()
}

/// `9f3c2b7e`: so much of the id that no other task of the cluster that ECS remembers begins so.
fn short<'a>(task: &'a Task, evidence: &'a Evidence) -> &'a str {
    let others = evidence.neighbours.iter().flat_map(|neighbours| &neighbours.tasks).chain([&evidence.task]).map(|other| other.id.as_str());
    unique_beginning(&task.id, others)
}

/// The shortest beginning of an id, eight digits at the least, with which none of the others begins.
#[must_use]
pub fn unique_beginning<'i>(id: &'i str, others: impl IntoIterator<Item = &'i str>) -> &'i str {
    let alike = |other: &str| other.bytes().zip(id.bytes()).take_while(|(theirs, ours)| theirs == ours).count();
    let shared = others.into_iter().filter(|other| *other != id).map(alike).max().unwrap_or_default();
    id.get(..DIGITS.max(shared + 1)).unwrap_or(id)
}

/// What other tasks say of this stop, each as one line.
pub(super) fn events(evidence: &Evidence, container: Option<&str>) -> Vec<Event> {
    let told = |task: Option<&&Task>, what: What| {
        let at = task.and_then(|task| task.stop_anchor())?;
        Some(Event { at, precision: Precision::Millisecond, witness: Witness::Ecs, level: Level::Info, container: None, what })
    };
    let beside = stopped_beside(evidence);
    let alike = alike_before(evidence, container);
    let named = |task: &&Task| format!("{}{}", short(task, evidence), task.definition_name().map(|name| format!(" ({name})")).unwrap_or_default());
    let mut names: Vec<String> = beside.iter().take(NAMED).map(named).collect();
    if beside.len() > NAMED {
        names.push(format!("{} more", beside.len() - NAMED));
    }
    let at_least = if evidence.neighbours.as_ref().is_some_and(|neighbours| neighbours.is_cut) { "at least " } else { "" };
    let text = format!("{at_least}{} stopped within a minute of it: {}", words::count(beside.len(), "other task"), words::list(&names));
    let first = alike.last().filter(|_| in_a_row(&alike).is_some());
    let row = first.map(|first| format!("first of {at_least}{} in a row that ended alike: {}", words::count(alike.len() + 1, "stop"), named(first))).unwrap_or_default();
    [told(beside.first(), What::StoppedBeside { text }), told(first, What::StoppedAlike { text: row })].into_iter().flatten().collect()
}

/// How many stops in a row there are with this one, where it is more than chance.
#[must_use]
pub fn in_a_row(alike: &[&Task]) -> Option<usize> {
    (alike.len() >= 2).then_some(alike.len() + 1)
}

#[cfg(test)]
pub(crate) mod fixtures {
    use super::super::rules::fixtures::at;
    use super::*;

    /// Adds a stopped task like the evidence's own, whose stop began at `offset`, bent by `change`.
    pub fn beside(mut evidence: Evidence, offset: i64, change: impl FnOnce(&mut Task)) -> Evidence {
        let mut task = evidence.task.clone();
        let neighbours = evidence.neighbours.get_or_insert_default();
        task.id = format!("{:032x}", 0xbe51de + neighbours.tasks.len());
        task.arn = format!("arn:aws:ecs:eu-west-1:123456789012:task/prod/{}", task.id);
        task.times.created = Some(at(offset - 90_000));
        task.times.started = Some(at(offset - 60_000));
        task.times.stopping = Some(at(offset));
        change(&mut task);
        neighbours.tasks.push(task);
        evidence
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::fixtures::stopped;
    use super::super::timeline::Timeline;
    use super::fixtures::beside;
    use super::*;

    fn texts(evidence: Evidence) -> Vec<String> {
        Timeline::new(evidence).lines.iter().map(|line| line.event.text()).filter(|text| text.contains("within a minute") || text.contains("in a row")).collect()
    }

    #[test]
    fn a_line_names_five_and_counts_the_others() {
        let mut evidence = stopped("UserInitiated", "Task stopped by user", Some(0));
        for second in 1..=7 {
            evidence = beside(evidence, second * 1000, |task| task.service = Some("other".to_owned()));
        }
        let told = texts(evidence);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("7 other tasks stopped within a minute of it: 00000000000000000000000000be51de (web:41), ") && told[0].ends_with(" and 2 more"), "{told:?}");
    }

    #[test]
    fn a_beginning_is_as_long_as_it_takes_to_tell_it_from_the_others() {
        let ids = ["ba7c000011", "ba7c000012", "9f2c41d07a"];
        assert_eq!(ids.map(|id| unique_beginning(id, ids)), ["ba7c000011", "ba7c000012", "9f2c41d0"]);
        assert_eq!(unique_beginning("ba7c", ["ba7c0000"]), "ba7c");
    }

    #[test]
    fn without_neighbours_there_is_no_line() {
        assert!(texts(stopped("UserInitiated", "Task stopped by user", Some(0))).is_empty());
    }

    #[test]
    fn a_reason_is_compared_up_to_what_differs_from_task_to_task() {
        assert_eq!(opening("Task failed ELB health checks in (target-group arn:x)"), "Task failed ELB health checks in");
        assert_eq!(opening("CannotPullContainerError: pull image manifest has been retried 1 time(s)"), "CannotPullContainerError");
    }
}
