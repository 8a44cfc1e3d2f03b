//! Where sources write down what they learn, so that a deadline or Ctrl-C loses nothing that had arrived.

use std::sync::Mutex;

use jiff::Timestamp;

use crate::diagnosis::event::Event;
use crate::diagnosis::evidence::{Evidence, Reading, Source, Status, Unlogged};
use crate::diagnosis::neighbours::Neighbours;
use crate::diagnosis::service::{Balancer, TargetGroup};
use crate::diagnosis::task::{Task, last_segment};

use super::Ended;
use super::failing::Failing;

/// What the screen is told while sources ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Asking(Source),
    Answered(Source, Status),
}

/// Shared by all sources of one run.
pub struct Ledger {
    book: Mutex<Book>,
    progress: Box<dyn Fn(Progress) + Send + Sync>,
}

#[derive(Default)]
struct Book {
    events: Vec<Event>,
    target_groups: Vec<TargetGroup>,
    balancers: Vec<Balancer>,
    unlogged: Vec<Unlogged>,
    neighbours: Option<Neighbours>,
    callers: Vec<Task>,
    /// What finding the task listed and described on the way: asked once, it is not asked again.
    listed: Vec<(String, Vec<String>)>,
    described: Vec<Task>,
    entries: Vec<Entry>,
    remarks: Vec<String>,
    ended: Option<Ended>,
}

struct Entry {
    reading: Reading,
    open: bool,
    is_withdrawn: bool,
}

impl Ledger {
    #[must_use]
    pub fn new(progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self { book: Mutex::default(), progress: Box::new(progress) }
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn tell(&self, event: Event) {
        self.book().events.push(event);
    }

    pub fn tell_target_group(&self, group: TargetGroup) {
        self.book().target_groups.push(group);
    }

    /// Something the reader of the answer should know of how the task was found.
    pub fn remark(&self, remark: String) {
        self.book().remarks.push(remark);
    }

    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        self.book().remarks.clone()
    }

    pub fn tell_balancer(&self, balancer: Balancer) {
        self.book().balancers.push(balancer);
    }

    pub fn tell_unlogged(&self, unlogged: Unlogged) {
        self.book().unlogged.push(unlogged);
    }

    pub fn tell_neighbours(&self, neighbours: Neighbours) {
        self.book().neighbours = Some(neighbours);
    }

    /// A task that made a call about this one.
    pub fn tell_caller(&self, task: Task) {
        self.book().callers.push(task);
    }

    /// The ARNs of all stopped tasks of a cluster.
    pub fn remember_stopped(&self, cluster: &str, arns: &[String]) {
        self.book().listed.push((cluster.to_owned(), arns.to_vec()));
    }

    pub fn remember_described(&self, tasks: &[Task]) {
        self.book().described.extend_from_slice(tasks);
    }

    /// The cluster's stopped tasks, if they were listed on the way.
    #[must_use]
    pub fn stopped_in(&self, cluster: &str) -> Option<Vec<String>> {
        self.book().listed.iter().find(|(of, _)| of == cluster).map(|(_, arns)| arns.clone())
    }

    /// Whether ECS refused, or failed, to say in which clusters a task is.
    #[must_use]
    pub fn was_kept_from_clusters(&self) -> bool {
        let finds_it = |reading: &Reading| matches!(reading.action.as_deref(), Some("ecs:ListClusters" | "ecs:DescribeTasks"));
        self.book().entries.iter().any(|entry| entry.reading.source == Source::Ecs && !entry.open && finds_it(&entry.reading) && entry.reading.status.is_gap())
    }

    /// Those of these tasks that were described on the way.
    #[must_use]
    pub fn described_of(&self, arns: &[String]) -> Vec<Task> {
        self.book().described.iter().filter(|task| arns.contains(&task.arn)).cloned().collect()
    }

    /// Notes an outcome that needed no request.
    pub fn note(&self, reading: Reading) {
        (self.progress)(Progress::Answered(reading.source, reading.status));
        self.book().entries.push(Entry { reading, open: false, is_withdrawn: false });
    }

    /// Opens the entry for one operation on one resource; whatever becomes of it, the entry stays.
    pub fn ask(&self, source: Source, action: &str, resource: impl Into<String>) -> Inquiry<'_> {
        let mut reading = Reading::new(source, Status::TimedOut);
        reading.action = Some(action.to_owned());
        reading.resource = Some(resource.into());
        let mut book = self.book();
        book.entries.push(Entry { reading, open: true, is_withdrawn: false });
        let at = book.entries.len() - 1;
        drop(book);
        (self.progress)(Progress::Asking(source));
        Inquiry { ledger: self, at }
    }

    /// What was asked of a source by the way has lost its meaning: another has told more.
    pub fn withdraw_asides_of(&self, source: Source) {
        self.withdraw(|reading| reading.source == source && reading.aside);
    }

    /// How much was told and remarked upon by now.
    #[must_use]
    pub fn told(&self) -> (usize, usize) {
        let book = self.book();
        (book.events.len(), book.remarks.len())
    }

    /// What these sources were asked, and all that was told since then, has lost its meaning: another has told all of it.
    pub fn forget_told_since(&self, (events, remarks): (usize, usize), sources: &[Source]) {
        self.withdraw(|reading| sources.contains(&reading.source));
        let mut book = self.book();
        book.events.truncate(events);
        book.remarks.truncate(remarks);
    }

    fn withdraw(&self, what: impl Fn(&Reading) -> bool) {
        for entry in self.book().entries.iter_mut().filter(|entry| what(&entry.reading)) {
            (entry.open, entry.is_withdrawn) = (false, true);
        }
    }

    /// The operations whose answers are still awaited.
    #[must_use]
    pub fn awaited(&self) -> Vec<String> {
        let book = self.book();
        let mut actions: Vec<String> = book.entries.iter().filter(|entry| entry.open).filter_map(|entry| entry.reading.action.clone()).collect();
        actions.sort();
        actions.dedup();
        actions
    }

    /// From now on, entries still open were cut off by this end; those whose action AWS had
    /// refused until then, by that.
    pub fn close(&self, ended: Ended, refusal_of: impl Fn(&str, &str) -> Option<Failing>) {
        let mut book = self.book();
        book.ended = Some(ended);
        for entry in book.entries.iter_mut().filter(|entry| entry.open) {
            entry.open = false;
            match ended {
                Ended::Interrupted => {
                    entry.reading.status = Status::Skipped;
                    entry.reading.detail = Some("interrupted".to_owned());
                }
                Ended::OutOfTime | Ended::Complete => match entry.reading.action.as_deref().and_then(|action| refusal_of(action, asked_about(&entry.reading))) {
                    Some(refusal) => {
                        entry.reading.status = refusal.status();
                        entry.reading.detail = Some(refusal.words());
                    }
                    None => {
                        entry.reading.status = Status::TimedOut;
                        entry.reading.detail = Some("no answer within the run's time".to_owned());
                    }
                },
            }
        }
    }

    /// Everything told so far; readings of one source with one outcome stand together.
    #[must_use]
    pub fn evidence(&self, now: Timestamp) -> Evidence {
        let book = self.book();
        let readings = merge(book.entries.iter().filter(|entry| !entry.is_withdrawn).map(|entry| entry.reading.clone()));
        Evidence {
            taken_at: now,
            events: book.events.clone(),
            target_groups: book.target_groups.clone(),
            balancers: book.balancers.clone(),
            unlogged: book.unlogged.clone(),
            neighbours: book.neighbours.clone(),
            callers: book.callers.clone(),
            readings,
            ..Evidence::default()
        }
    }
}

/// One operation being asked. Dropped without an outcome it counts as cut off.
pub struct Inquiry<'a> {
    ledger: &'a Ledger,
    at: usize,
}

impl Inquiry<'_> {
    fn with<T>(&self, change: impl FnOnce(&mut Entry) -> T) -> T {
        change(&mut self.ledger.book().entries[self.at])
    }

    /// Counts a request that is about to leave.
    pub fn request(&self) {
        self.with(|entry| entry.reading.requests += 1);
    }

    pub fn looked(&self, from: Option<Timestamp>, to: Option<Timestamp>) {
        self.with(|entry| (entry.reading.looked_from, entry.reading.looked_to) = (from, to));
    }

    /// The name CloudTrail is searched for.
    pub fn about(&self, name: &str) {
        self.with(|entry| entry.reading.about = Some(name.to_owned()));
    }

    /// Asked for a note alone: no verdict is weaker without it.
    pub fn aside(&self) {
        self.with(|entry| entry.reading.aside = true);
    }

    /// Counted are not the calls but what their answers keep.
    pub fn kept(&self) {
        self.with(|entry| entry.reading.kept = true);
    }

    /// The container whose log is read.
    pub fn of_container(&self, name: &str) {
        self.with(|entry| entry.reading.container = Some(name.to_owned()));
    }

    pub fn detail(&self, detail: impl Into<String>) {
        let detail = detail.into();
        self.with(|entry| entry.reading.detail = Some(detail));
    }

    /// Tells an event and counts it as this operation's.
    pub fn tell(&self, event: Event) {
        self.with(|entry| entry.reading.events += 1);
        self.ledger.tell(event);
    }

    /// Counts events that are told elsewhere.
    pub fn count(&self, events: usize) {
        self.with(|entry| entry.reading.events += events);
    }

    /// Read in full: `ok`, or `empty` if it told nothing.
    pub fn done(self) {
        let status = self.with(|entry| if entry.reading.events > 0 { Status::Ok } else { Status::Empty });
        self.end(status);
    }

    /// Nothing is left to say that another entry does not say already.
    pub fn withdraw(self) {
        self.with(|entry| (entry.open, entry.is_withdrawn) = (false, true));
    }

    pub fn end(self, status: Status) {
        let source = self.with(|entry| {
            entry.open = false;
            entry.reading.status = status;
            entry.reading.source
        });
        (self.ledger.progress)(Progress::Answered(source, status));
    }

    pub fn fail(self, failing: &Failing) {
        let status = failing.status();
        // A refusal says which resource it was about; everything else says what happened.
        self.with(|entry| {
            if status == Status::Denied
                && let Some(resource) = resource_in(&failing.message)
            {
                entry.reading.resource = Some(resource);
            }
            entry.reading.detail = Some(failing.words());
        });
        self.end(status);
    }
}

/// What stands in the request itself: the name CloudTrail is searched for, or the last part of an ARN or a path.
fn asked_about(reading: &Reading) -> &str {
    let resource = reading.resource.as_deref().filter(|resource| *resource != "*").unwrap_or_default();
    match &reading.about {
        Some(name) => name,
        // The name of a log group is a path that stands there whole.
        None if resource.starts_with('/') => resource,
        None => last_segment(resource),
    }
}

/// The resource of `… is not authorized to perform: A on resource: R because …`.
fn resource_in(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("on resource: ")?;
    rest.split_whitespace().next().map(|resource| resource.trim_end_matches([',', '.']).to_owned())
}

/// CloudTrail keeps an entry per call name, since who-stopped asks for them by it; other good outcomes of one
/// operation are told once.
fn merge(readings: impl Iterator<Item = Reading>) -> Vec<Reading> {
    let mut merged: Vec<Reading> = Vec::new();
    for reading in readings {
        let same = merged.iter_mut().find(|earlier| {
            earlier.about.is_none()
                && earlier.aside == reading.aside
                && earlier.source == reading.source
                && earlier.action == reading.action
                && earlier.status.was_read()
                && reading.status.was_read()
        });
        match same {
            Some(earlier) => {
                earlier.requests += reading.requests;
                earlier.events += reading.events;
                earlier.status = earlier.status.min(reading.status);
                earlier.looked_from = earlier.looked_from.into_iter().chain(reading.looked_from).min();
                earlier.looked_to = earlier.looked_to.into_iter().chain(reading.looked_to).max();
                earlier.detail = match (earlier.detail.take(), reading.detail) {
                    (Some(a), Some(b)) if a != b => Some(format!("{a}; {b}")),
                    (a, b) => a.or(b),
                };
                if earlier.resource != reading.resource {
                    earlier.resource = None;
                }
            }
            None => merged.push(reading),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_is_told_by_the_refusal_of_its_own_request_and_of_no_other() {
        let ledger = Ledger::new(|_| ());
        let group = "/aws/events/ecs-trace";
        let _asked = [
            ledger.ask(Source::Archive, "logs:FilterLogEvents", group),
            ledger.ask(Source::Metrics, "logs:FilterLogEvents", "arn:aws:logs:eu-west-1:1:log-group:/aws/ecs/containerinsights/prod/performance"),
            ledger.ask(Source::Service, "ecs:DescribeServices", "arn:aws:ecs:eu-west-1:1:service/prod/web"),
        ];
        let refused = Failing::refused(400, Some("ThrottlingException".to_owned()), Some("Rate exceeded".to_owned()));
        ledger.close(Ended::OutOfTime, |_, about| [group, "web"].contains(&about).then(|| refused.clone()));
        let told: Vec<(Status, String)> = ledger.evidence(Timestamp::UNIX_EPOCH).readings.into_iter().map(|reading| (reading.status, reading.detail.unwrap_or_default())).collect();
        let throttled = (Status::Throttled, "ThrottlingException: Rate exceeded".to_owned());
        assert_eq!(told, [throttled.clone(), (Status::TimedOut, "no answer within the run's time".to_owned()), throttled]);
    }
}
