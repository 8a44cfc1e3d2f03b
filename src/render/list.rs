//! Many stops as rows of a sheet to be handed on: whole ids and absolute times, since it is read another day.

use jiff::Timestamp;

use crate::diagnosis::brief::{By, Group, Stop};

use super::clock::Clock;
use super::sheet::Shown;
use super::stops::split;
use super::told::Mark;

/// What stands above the rows, and beside them.
#[derive(Debug)]
pub struct List {
    pub title: Shown,
    pub columns: &'static [&'static str],
    pub as_of: Shown,
}

#[derive(Debug)]
pub enum Cell {
    /// What the row is about.
    Head(Shown),
    Words(Shown),
    Marked(Mark, Shown),
    /// Somebody else's sentence.
    Quoted(Shown),
}

#[derive(Debug)]
pub struct Entry(pub Vec<Cell>);

impl List {
    /// Of single stops, or of groups of them. `of` is where they stopped.
    #[must_use]
    pub fn new(by: Option<By>, of: &str, now: Timestamp, clock: &Clock) -> Self {
        let columns: &[&str] = match by {
            None => &["Task", "Stopped", "Cluster", "Service", "Cause", "Who", "What ECS says"],
            Some(By::Cause) => &["Cause", "Stops", "Latest", "Task", "Services"],
            Some(By::Service) => &["Service", "Stops", "Latest", "Task", "Causes"],
            Some(By::Revision) => &["Revision", "Stops", "Latest", "Task", "Causes"],
        };
        Self { title: Shown::of(&format!("Stopped tasks of {of}")), columns, as_of: Shown::of(&clock.full(now)) }
    }
}

impl Entry {
    #[must_use]
    pub fn of(stop: &Stop, clock: &Clock) -> Self {
        let task = stop.task();
        let words = |text: &str| Cell::Words(Shown::of(text));
        Self(vec![
            Cell::Head(Shown::of(&task.id)),
            words(&stop.at().map(|at| clock.full(at)).unwrap_or_default()),
            words(&task.cluster),
            words(&stop.of_what()),
            Cell::Marked(Mark::of(&stop.trace.verdict), Shown::of(&stop.cause())),
            words(stop.who()),
            Cell::Quoted(Shown::of(&stop.words())),
        ])
    }

    #[must_use]
    pub fn of_group(group: &Group, clock: &Clock) -> Self {
        let words = |text: &str| Cell::Words(Shown::of(text));
        Self(vec![
            Cell::Head(Shown::of(&group.key)),
            words(&group.count.to_string()),
            words(&group.latest.map(|at| clock.full(at)).unwrap_or_default()),
            words(&group.sample),
            words(&split(group)),
        ])
    }
}
