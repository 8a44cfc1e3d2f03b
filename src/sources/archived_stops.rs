//! Reads the stops of days from the archives of ECS's events, by CloudWatch Logs Insights, in slices of time.
//!
//! A query gives its newest rows up to a limit. One that comes back full leaves the rest of its slice, which is cut
//! anew, as finely as what was read of it says. Slices run several at a time, the newest first.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;

use crate::diagnosis::evidence::Source;
use crate::diagnosis::task::{Task, last_segment};

use super::account::Account;
use super::archive::Kept;
use super::document;
use super::failing::Kind;
use super::ledger::{Inquiry, Ledger};
use super::log_query::{Query, START, Unanswered, run};
use super::stops::Scope;

/// Rows of one query. AWS gives 10,000 at the most; an event is some kilobytes long, and these lie in memory several
/// times over while they are read.
const ROWS: usize = 2_500;
/// What AWS gives at the most, for a single second that is not read with fewer.
const MOST_ROWS: usize = 10_000;
/// Queries at a time, with those that have answered before a newer one. AWS lets an account run 30 to 100 at once, and
/// others of it are looking, too.
const AT_ONCE: usize = 5;
/// A window is cut into so many slices at first, all archives together, and into none shorter than this.
const SLICES: i64 = 10;
const SHORTEST: i64 = 1_800;
/// Pieces of the rest of a full slice.
const MOST_PIECES: i64 = 8;

/// What of the archives is wanted, from then to then.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// What one query told.
#[derive(Debug)]
pub struct Part {
    pub tasks: Vec<Task>,
    /// Nothing newer than this is still to come; without it nothing at all is.
    pub settled: Option<Timestamp>,
    /// Slices read, and slices there are as far as is known.
    pub read: usize,
    pub slices: usize,
}

/// A time of one archive that was not read, and why, where it is not the end of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    pub group: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub why: Option<String>,
}

/// Seconds of one archive, both ends among them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slice {
    archive: usize,
    from: i64,
    to: i64,
    rows: usize,
}

/// One reading of several archives. It keeps its own account, so that whatever ends it, what is missing can be named.
pub struct Reading<'a> {
    account: &'a Account,
    ledger: &'a Ledger,
    archives: &'a [Kept],
    scope: Scope<'a>,
    account_id: Option<String>,
    book: RefCell<Book<'a>>,
}

#[derive(Default)]
struct Book<'a> {
    waiting: Vec<Slice>,
    running: Vec<Slice>,
    read: usize,
    lost: Vec<(Slice, String)>,
    inquiries: BTreeMap<usize, Inquiry<'a>>,
}

impl<'a> Reading<'a> {
    #[must_use]
    pub fn new(account: &'a Account, ledger: &'a Ledger, archives: &'a [Kept], scope: Scope<'a>, window: Window) -> Self {
        let mut book = Book::default();
        for (at, archive) in archives.iter().enumerate() {
            // AWS refuses a query that ends before its group begins.
            let from = archive.begins(window.to).map_or(window.from, |begins| begins.max(window.from)).as_second().clamp(0, window.to.as_second());
            let inquiry = ledger.ask(Source::Archive, START, &archive.group);
            inquiry.looked(Timestamp::from_second(from).ok(), Some(window.to));
            book.inquiries.insert(at, inquiry);
            let pieces = (SLICES / i64::try_from(archives.len()).unwrap_or(SLICES)).max(1);
            book.waiting.extend(cut(&Slice { archive: at, from, to: window.to.as_second(), rows: ROWS }, pieces, SHORTEST));
        }
        Self { account, ledger, archives, scope, account_id: archives.iter().find_map(|archive| archive.account.clone()), book: RefCell::new(book) }
    }

    /// Reads them all; `told` is given each query's tasks and says whether anybody still listens: where nobody does, `false`
    /// comes back. A task may come twice.
    pub async fn read(&self, told: impl AsyncFn(Part) -> bool) -> bool {
        let client = self.account.logs(&self.account.region);
        let text = [false, true].map(|is_single| query(self.scope, if is_single { MOST_ROWS } else { ROWS }));
        let mut running = FuturesUnordered::new();
        let mut ahead: Vec<Slice> = Vec::new();
        loop {
            while running.is_empty() || running.len() + ahead.len() < AT_ONCE {
                let Some(slice) = self.next() else { break };
                let query =
                    Query { groups: vec![self.archives[slice.archive].group.clone()], text: text[usize::from(slice.rows == MOST_ROWS)].clone(), from: slice.from, to: slice.to };
                let client = &client;
                running.push(async move {
                    let answer = run(client, &query, |_| self.counted(slice.archive, Inquiry::request)).await;
                    (slice, answer)
                });
            }
            let Some((slice, answer)) = running.next().await else { return true };
            let tasks = match answer {
                Ok(rows) => {
                    let oldest = rows.iter().map(|row| row.at.map(Timestamp::as_second)).min().flatten();
                    let is_full = rows.len() >= slice.rows;
                    let tasks = self.tasks(rows.into_iter().map(|row| row.message));
                    self.counted(slice.archive, |inquiry| inquiry.count(tasks.len()));
                    self.is_read(&slice, is_full.then(|| rest(&slice, oldest)));
                    tasks
                }
                Err(unanswered) => {
                    self.is_lost(&slice, &unanswered);
                    Vec::new()
                }
            };
            ahead.push(slice);
            let settled = self.settled();
            ahead.retain(|slice| settled.is_some_and(|settled| slice.from < settled.as_second()));
            let (read, slices) = self.progress();
            if !told(Part { tasks, settled, read, slices }).await {
                return false;
            }
        }
    }

    /// What was not read, the newest first; neighbours of one archive with one reason stand together.
    #[must_use]
    pub fn unread(&self) -> Vec<Unread> {
        let book = self.book.borrow();
        let open = book.waiting.iter().chain(&book.running).map(|slice| (slice, None));
        let mut slices: Vec<(&Slice, Option<&String>)> = open.chain(book.lost.iter().map(|(slice, why)| (slice, Some(why)))).collect();
        slices.sort_by_key(|(slice, _)| (slice.archive, std::cmp::Reverse(slice.to)));
        let mut unread: Vec<Unread> = Vec::new();
        for (slice, why) in slices {
            let (Ok(from), Ok(to)) = (Timestamp::from_second(slice.from), Timestamp::from_second(slice.to)) else { continue };
            let group = &self.archives[slice.archive].group;
            match unread.last_mut() {
                Some(last) if last.group == *group && last.why.as_ref() == why && last.from.as_second() <= slice.to + 1 => last.from = last.from.min(from),
                _ => unread.push(Unread { group: group.clone(), from, to, why: why.cloned() }),
            }
        }
        unread
    }

    /// The newest slice that waits.
    fn next(&self) -> Option<Slice> {
        let mut book = self.book.borrow_mut();
        let newest = book.waiting.iter().enumerate().max_by_key(|(_, slice)| slice.to)?.0;
        let slice = book.waiting.swap_remove(newest);
        book.running.push(slice.clone());
        Some(slice)
    }

    fn counted(&self, archive: usize, count: impl FnOnce(&Inquiry<'a>)) {
        if let Some(inquiry) = self.book.borrow().inquiries.get(&archive) {
            count(inquiry);
        }
    }

    fn is_read(&self, slice: &Slice, rest: Option<Rest>) {
        let mut book = self.book.borrow_mut();
        book.running.retain(|running| running != slice);
        book.read += 1;
        match rest {
            None => {}
            Some(Rest::Pieces(pieces)) => book.waiting.extend(pieces),
            Some(Rest::TooMany) => {
                let why = format!("more than {MOST_ROWS} events within a second");
                book.lost.push((slice.clone(), why));
            }
        }
        self.end_if_over(&mut book, slice.archive);
    }

    fn is_lost(&self, slice: &Slice, unanswered: &Unanswered) {
        let mut book = self.book.borrow_mut();
        book.running.retain(|running| running != slice);
        // A window that ends before its group begins, by AWS's own clock, holds nothing.
        if unanswered.failing.is("MalformedQueryException") && unanswered.failing.message.contains("retention") {
            book.read += 1;
            return self.end_if_over(&mut book, slice.archive);
        }
        let why = match unanswered.failing.kind {
            Kind::Denied => format!("AccessDenied, needs {} on it", unanswered.action),
            _ => unanswered.failing.code.iter().chain([&unanswered.failing.message]).map(String::as_str).collect::<Vec<_>>().join(": "),
        };
        if let Some(inquiry) = book.inquiries.remove(&slice.archive) {
            // Another action than the one the entry is about gets an entry of its own.
            let of_it = if unanswered.action == START { None } else { Some(self.ledger.ask(Source::Archive, unanswered.action, &self.archives[slice.archive].group)) };
            match of_it {
                Some(other) => {
                    other.fail(&unanswered.failing);
                    inquiry.done();
                }
                None => inquiry.fail(&unanswered.failing),
            }
        }
        if !unanswered.by_itself {
            // What was refused once is refused again.
            let (given_up, waiting) = std::mem::take(&mut book.waiting).into_iter().partition(|waiting| waiting.archive == slice.archive);
            book.waiting = waiting;
            let given_up: Vec<Slice> = given_up;
            book.lost.extend(given_up.into_iter().map(|slice| (slice, why.clone())));
        }
        book.lost.push((slice.clone(), why));
    }

    fn end_if_over(&self, book: &mut Book<'a>, archive: usize) {
        let is_open = book.waiting.iter().chain(&book.running).any(|slice| slice.archive == archive);
        if !is_open && let Some(inquiry) = book.inquiries.remove(&archive) {
            inquiry.done();
        }
    }

    /// The end of the newest slice that is not read yet.
    fn settled(&self) -> Option<Timestamp> {
        let book = self.book.borrow();
        let newest = book.waiting.iter().chain(&book.running).map(|slice| slice.to).max()?;
        Timestamp::from_second(newest + 1).ok()
    }

    /// Slices read, and slices there are as far as is known.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        let book = self.book.borrow();
        let read = book.read + book.lost.len();
        (read, read + book.waiting.len() + book.running.len())
    }

    /// Those of the wanted tasks that have stopped, of each its newest word, without those of other accounts and regions.
    fn tasks(&self, messages: impl Iterator<Item = String>) -> Vec<Task> {
        let mut newest: BTreeMap<String, Task> = BTreeMap::new();
        for task in messages.flat_map(|message| document::tasks_of_event(&message)).filter(|task| self.is_wanted(task)) {
            match newest.get(&task.arn) {
                Some(known) if known.version >= task.version => {}
                _ => drop(newest.insert(task.arn.clone(), task)),
            }
        }
        newest.into_values().collect()
    }

    fn is_wanted(&self, task: &Task) -> bool {
        let has_stopped = task.times.stopped.is_some() || task.last_status.as_deref() == Some("STOPPED");
        let agrees = |ours: Option<&str>, theirs: &str| ours.is_none_or(|ours| ours == theirs);
        has_stopped
            && agrees(self.scope.cluster.map(last_segment), &task.cluster)
            && self.scope.service.is_none_or(|service| task.service.as_deref() == Some(service))
            && task.region == self.account.region
            && agrees(self.account_id.as_deref(), &task.account)
    }
}

/// The events of stopped tasks, the newest first. Whole lines: what is read of them is what FilterLogEvents would give.
///
/// Discovered fields end at the 200th of a line, and a task of many containers has more: its text is asked, too. Names go
/// into the query only where nothing in them could mean something there.
fn query(scope: Scope<'_>, rows: usize) -> String {
    let is_plain = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let service = scope.service.filter(is_plain).map(|service| format!(" | filter @message like '\"service:{service}\"'")).unwrap_or_default();
    let cluster = scope.cluster.map(last_segment).filter(is_plain).map(|cluster| format!(" | filter @message like ':cluster/{cluster}\"'")).unwrap_or_default();
    format!("fields @timestamp, @message | filter detail.lastStatus = 'STOPPED' or @message like '\"stoppedAt\"'{service}{cluster} | sort @timestamp desc | limit {rows}")
}

#[derive(Debug, PartialEq, Eq)]
enum Rest {
    Pieces(Vec<Slice>),
    /// A single second holds more than AWS gives.
    TooMany,
}

/// What a full slice leaves: everything up to its oldest row, whose second may hold more.
fn rest(slice: &Slice, oldest: Option<i64>) -> Rest {
    match oldest {
        Some(oldest) if (slice.from..slice.to).contains(&oldest) => {
            let left = Slice { to: oldest, rows: ROWS, ..slice.clone() };
            let (seconds_read, seconds_left) = (slice.to - oldest, oldest - slice.from + 1);
            Rest::Pieces(cut(&left, (seconds_left / seconds_read + 1).min(MOST_PIECES), 1))
        }
        // Without a time to go by, or with all rows in the slice's last second.
        _ if slice.from < slice.to && oldest.is_none_or(|oldest| oldest < slice.from) => Rest::Pieces(cut(slice, 2, 1)),
        _ if slice.rows < MOST_ROWS => {
            let last = Slice { from: slice.to, rows: MOST_ROWS, ..slice.clone() };
            let before = Slice { to: slice.to - 1, ..slice.clone() };
            Rest::Pieces(if slice.from < slice.to { vec![last, before] } else { vec![last] })
        }
        _ => Rest::TooMany,
    }
}

/// Into that many pieces, or as many as there are of the shortest length.
fn cut(slice: &Slice, pieces: i64, shortest: i64) -> Vec<Slice> {
    let seconds = slice.to - slice.from + 1;
    let pieces = pieces.min(seconds / shortest).max(1);
    let edge = |at: i64| slice.from + seconds * at / pieces;
    (0..pieces).map(|at| Slice { from: edge(at), to: edge(at + 1) - 1, ..slice.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(from: i64, to: i64) -> Slice {
        Slice { archive: 0, from, to, rows: ROWS }
    }

    /// Every second once, none left out.
    fn seconds(slices: &[Slice]) -> Vec<i64> {
        let mut seconds: Vec<i64> = slices.iter().flat_map(|slice| slice.from..=slice.to).collect();
        seconds.sort_unstable();
        seconds
    }

    #[test]
    fn a_slice_is_cut_into_pieces_that_leave_no_second_out() {
        for (pieces, shortest, wanted) in [(3, 1, 3), (10, 40, 2), (1, 1, 1), (500, 1, 100), (4, 1_000, 1)] {
            let cut = cut(&slice(1_000, 1_099), pieces, shortest);
            assert_eq!((cut.len(), seconds(&cut)), (wanted, (1_000..=1_099).collect()), "{pieces} of {shortest}");
        }
    }

    #[test]
    fn a_full_slice_leaves_what_is_older_than_its_rows_cut_by_how_many_there_were() {
        let Rest::Pieces(pieces) = rest(&slice(0, 999), Some(800)) else { panic!("there is more") };
        assert_eq!((pieces.len(), seconds(&pieces)), (5, (0..=800).collect()), "a fifth was read, so five more");
        let Rest::Pieces(pieces) = rest(&slice(0, 999), Some(10)) else { panic!("there is more") };
        assert_eq!(pieces, [slice(0, 10)]);
    }

    #[test]
    fn a_second_that_alone_is_full_is_asked_for_with_all_that_aws_gives_and_then_said_to_be_too_much() {
        let Rest::Pieces(pieces) = rest(&slice(0, 9), Some(9)) else { panic!("there is more") };
        assert_eq!(pieces, [Slice { rows: MOST_ROWS, ..slice(9, 9) }, slice(0, 8)]);
        assert_eq!(rest(&slice(9, 9), Some(9)), Rest::Pieces(vec![Slice { rows: MOST_ROWS, ..slice(9, 9) }]));
        assert_eq!(rest(&Slice { rows: MOST_ROWS, ..slice(9, 9) }, Some(9)), Rest::TooMany);
    }

    #[test]
    fn rows_without_a_time_halve_their_slice_until_it_is_a_second() {
        let Rest::Pieces(pieces) = rest(&slice(0, 9), None) else { panic!("there is more") };
        assert_eq!(pieces, [slice(0, 4), slice(5, 9)]);
        assert_eq!(rest(&Slice { rows: MOST_ROWS, ..slice(3, 3) }, None), Rest::TooMany);
    }

    #[test]
    fn the_query_names_what_is_plain_and_nothing_that_could_end_a_text() {
        let told = query(Scope { cluster: Some("arn:aws:ecs:eu-west-1:1:cluster/prod"), service: Some("web-api") }, 10);
        assert!(told.contains("like '\"service:web-api\"'") && told.contains("like ':cluster/prod\"'") && told.ends_with("limit 10"), "{told}");
        let hostile = query(Scope { cluster: None, service: Some("x'/ | display 1") }, 10);
        assert_eq!(hostile, query(Scope::default(), 10), "its tasks are picked from what comes");
    }
}
