//! A task that ECS itself has forgotten, looked for in the archives of its events: all at once, each from its newest time
//! backwards, as far as it reaches. What one of them tells counts, whatever becomes of the others.

use std::cell::RefCell;
use std::pin::pin;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::diagnosis::evidence::{Reading, Source, Status};
use crate::diagnosis::task::{Task, Teller, Times, last_segment};
use crate::diagnosis::words;

use super::account::Account;
use super::archive::{Keeps, Kept, archives};
use super::document;
use super::failing::{Failing, Kind};
use super::filtered::{PagesLeft, each_event};
use super::ledger::{Inquiry, Ledger};
use super::target::Place;

const FILTER: &str = "logs:FilterLogEvents";
/// Groups asked at the same time: AWS answers 5 to 25 such questions a second, by region.
const AT_ONCE: usize = 5;
/// Once one of them has told the end of the task, the others are waited for no longer than this.
const GRACE: Duration = Duration::from_secs(2);
/// A page may be empty and still not be the last.
const MOST_PAGES: usize = 200;
/// Most stops that are asked about are of today. A part is read from its oldest event on, so the last day is one for itself.
const NEWEST_PART: SignedDuration = SignedDuration::from_hours(24);
/// The part before it, in hours; each older one is three times as long.
const FIRST_PART: i64 = 30 * 24;
/// Where a group says neither since when it is nor for how long it keeps events.
const UNKNOWN_AGE: SignedDuration = SignedDuration::from_hours(400 * 24);
/// The beginning of an id is looked for no further back.
const BEGINNING_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is looked for: a place whose id is whole, or is the beginning of one.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'a> {
    pub place: &'a Place,
    pub is_beginning: bool,
}

/// What the archives told.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest word on each task that is meant; of a whole id there is one at the most.
    pub tasks: Vec<Task>,
    /// A task of the id that is of another cluster, region or account than was asked for.
    pub elsewhere: Vec<Task>,
    /// The archives that were read in full and hold nothing of it, and since when.
    pub without: Vec<(String, Timestamp)>,
    /// Where there is none to ask: of what, in words.
    pub no_archive: Option<String>,
    /// Whose log groups they are, where AWS says it.
    pub account: Option<String>,
    /// The archives that were known in the end, of whatever cluster.
    groups: Vec<Kept>,
    /// Those that did not answer in time.
    hung: Vec<String>,
}

impl Found {
    /// The archives that can be asked for more: one that did not answer would be waited for in vain once more.
    pub fn take_readable(&mut self) -> Vec<Kept> {
        let hung = &self.hung;
        std::mem::take(&mut self.groups).into_iter().filter(|kept| !kept.only_queried && !hung.contains(&kept.group)).collect()
    }
}

/// Whether its events tell neither why it stopped nor when: the archive may keep no others.
#[must_use]
pub fn tells_no_end(task: &Task) -> bool {
    task.stop_code.is_none() && task.stopped_reason.is_none() && task.last_status.as_deref() != Some("STOPPED")
}

/// What CloudTrail tells of its end, with what the archive alone tells of the task; where no call tells of it, the archived
/// task, and until when others heard of it.
#[must_use]
pub fn with_the_end(archived: Task, elsewhere: Task) -> Task {
    if elsewhere.told_by != Teller::Cloudtrail {
        return Task { streams: elsewhere.streams, times: Times { last_word: elsewhere.times.last_word, ..archived.times }, ..archived };
    }
    elsewhere.filled(archived)
}

/// Asks every archive that can hold its events: which there are until then, and what they hold until the limit, which may
/// be brought nearer. Leaves a reading for every group it asked.
pub async fn find(account: &Account, ledger: &Ledger, sought: Sought<'_>, now: Timestamp, (until, limit): (Instant, &watch::Sender<Instant>)) -> Found {
    let cluster = sought.place.cluster.as_deref();
    let search = Search { account, ledger, sought, now, limit, found: RefCell::default() };
    let of_cluster = |mut groups: Vec<Kept>| {
        groups.retain(|kept| kept.keeps.is_of(cluster));
        // One of all clusters is likelier to hold it than any that is of one alone.
        groups.sort_by_key(|kept| kept.keeps != Keeps::Events);
        groups
    };
    let known = of_cluster(account.known_groups.read(now));
    search.found.borrow_mut().groups.clone_from(&known);
    search.read(&known, true).await;
    if search.has_found() {
        return search.found.into_inner();
    }
    let Some(all) = archives(account, ledger, None, until).await else { return search.found.into_inner() };
    account.known_groups.keep(&all, now);
    let is_any = !all.is_empty();
    search.found.borrow_mut().groups.clone_from(&all);
    let groups = of_cluster(all);
    if groups.is_empty() {
        let (detail, why) = match cluster.filter(|_| is_any) {
            Some(cluster) => {
                let why = format!("no log group keeps the events of cluster {}", last_segment(cluster));
                (why.clone(), why)
            }
            None => ("no log group of ECS events exists (below /aws/events/)".to_owned(), "no archive of ECS events was found".to_owned()),
        };
        ledger.note(Reading::new(Source::Archive, Status::Empty).detailed(detail));
        search.found.borrow_mut().no_archive = Some(why);
    }
    let others: Vec<Kept> = groups.into_iter().filter(|kept| known.iter().all(|known| known.group != kept.group)).collect();
    search.read(&others, false).await;
    search.found.into_inner()
}

struct Search<'a> {
    account: &'a Account,
    ledger: &'a Ledger,
    sought: Sought<'a>,
    now: Timestamp,
    /// When no group is waited for any more.
    limit: &'a watch::Sender<Instant>,
    found: RefCell<Found>,
}

/// What one part of a group's time told.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    /// Events of the task itself.
    its: usize,
    /// Events of one that has its id, of another place.
    elsewhere: usize,
}

impl Heard {
    fn has_told(self) -> bool {
        self.its + self.elsewhere > 0
    }
}

/// How an event's task and the one that is looked for agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Its,
    Elsewhere,
    Another,
}

impl Search<'_> {
    /// Whether what was looked for is there, so that no older or other place need be asked.
    fn has_found(&self) -> bool {
        let found = self.found.borrow();
        !found.tasks.is_empty() || !found.elsewhere.is_empty()
    }

    /// Whether the end of the very task is told, after which nothing new comes.
    fn has_end(&self) -> bool {
        !self.sought.is_beginning && self.found.borrow().tasks.iter().any(|task| task.last_status.as_deref() == Some("STOPPED"))
    }

    async fn read(&self, groups: &[Kept], is_known: bool) {
        if let Some(id) = groups.iter().find_map(|kept| kept.account.clone()) {
            self.found.borrow_mut().account = Some(id);
        }
        let (mut waiting, mut running) = (groups.iter(), FuturesUnordered::new());
        loop {
            while running.len() < AT_ONCE && !self.has_end() && Instant::now() < *self.limit.borrow() {
                let Some(kept) = waiting.next() else { break };
                running.push(self.in_group(kept, is_known));
            }
            if running.next().await.is_none() {
                break;
            }
            if self.has_end() {
                let soon = Instant::now() + GRACE;
                self.limit.send_if_modified(|limit| {
                    soon < *limit && {
                        *limit = soon;
                        true
                    }
                });
            }
        }
        if !self.has_end() && waiting.len() > 0 {
            let reading = Reading::new(Source::Archive, Status::TimedOut);
            let names: Vec<String> = waiting.as_slice().iter().take(2).map(|kept| kept.group.clone()).collect();
            self.ledger.note(reading.detailed(format!("{} more were not asked in time: {} …", words::count(waiting.len(), "archive"), names.join(", "))));
        }
    }

    async fn in_group(&self, kept: &Kept, is_known: bool) {
        if kept.only_queried {
            let reading = Reading { resource: Some(kept.group.clone()), ..Reading::new(Source::Archive, Status::Skipped) };
            let why = "log group of class INFREQUENT_ACCESS, which only a query can read, for money: ecs-trace stops --since 7d";
            return self.ledger.note(reading.detailed(format!("{}: {why}", kept.group)));
        }
        let inquiry = self.ledger.ask(Source::Archive, FILTER, &kept.group);
        let outcome = match select(pin!(self.backwards(kept, &inquiry)), pin!(self.over())).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), _)) => Err(self.account.out_of_time(FILTER, &kept.group)),
        };
        match outcome {
            Ok(Some(since)) => {
                self.found.borrow_mut().without.push((kept.group.clone(), since));
                inquiry.done();
            }
            Ok(None) => inquiry.done(),
            // It was there within the hour: whether another has taken its place is seen next.
            Err(failing) if is_known && failing.is("ResourceNotFoundException") => {
                self.account.known_groups.forget();
                inquiry.withdraw();
            }
            Err(failing) => {
                if matches!(failing.kind, Kind::TimedOut | Kind::Throttled) {
                    self.found.borrow_mut().hung.push(kept.group.clone());
                }
                inquiry.fail(&failing);
            }
        }
    }

    /// When the time for all of them is over, which the first that knows the end brings nearer.
    async fn over(&self) {
        let mut limit = self.limit.subscribe();
        loop {
            let at = *limit.borrow_and_update();
            tokio::select! {
                biased;
                changed = limit.changed() => if changed.is_err() { return },
                () = sleep_until(at) => return,
            }
        }
    }

    /// Part by part, the newest first, until one tells of it. Where none does: since when the group was read.
    async fn backwards(&self, kept: &Kept, inquiry: &Inquiry<'_>) -> Result<Option<Timestamp>, Failing> {
        let begins = kept.begins(self.now).unwrap_or(self.now - UNKNOWN_AGE).min(self.now);
        let begins = if self.sought.is_beginning { begins.max(self.now - BEGINNING_BACK) } else { begins };
        let pages_left = PagesLeft::of(MOST_PAGES);
        let part = |from, to| self.part(kept, inquiry, (from, to), &pages_left);
        let (newest, mut hours) = ((self.now - NEWEST_PART).max(begins), FIRST_PART);
        let back = |to: Timestamp, hours: i64| to.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(begins).max(begins);
        let mut from = back(newest, hours);
        // The last day and what is before it, at once: what the day tells is the task's newest word.
        let before = async { if from < newest { part(from, newest).await } else { Ok(Heard::default()) } };
        let told = match select(pin!(part(newest, self.now)), pin!(before)).await {
            Either::Left((Ok(day), _)) if day.has_told() => Ok(day),
            Either::Left((Ok(_), before)) => before.await.map_err(|failing| no_further(newest, failing)),
            Either::Left((Err(failing), _)) => Err(failing),
            Either::Right((before, day)) => match day.await {
                Ok(day) if !day.has_told() => before.map_err(|failing| no_further(newest, failing)),
                day => day,
            },
        };
        let mut heard = told?;
        loop {
            inquiry.looked(Some(from), Some(self.now));
            if heard.has_told() {
                // Of what was read at the same time only that counts which decided.
                inquiry.count(heard.its);
                return Ok(None);
            }
            if from == begins {
                return Ok(Some(begins));
            }
            hours = hours.saturating_mul(3);
            let to = from;
            from = back(to, hours);
            heard = part(from, to).await.map_err(|failing| no_further(to, failing))?;
        }
    }

    /// What the time between tells of it.
    async fn part(&self, kept: &Kept, inquiry: &Inquiry<'_>, window: (Timestamp, Timestamp), pages_left: &PagesLeft) -> Result<Heard, Failing> {
        let id = &self.sought.place.id;
        let pattern = match self.sought.is_beginning {
            true => format!("{{ $.detail.taskArn = \"*/{id}*\" }}"),
            // The quoted id stands in every form of the task's ARN.
            false => format!("\"{id}\""),
        };
        let mut heard = Heard::default();
        let hear = |event: &FilteredLogEvent| event.message().into_iter().flat_map(document::tasks_of_event).for_each(|task| self.hear(task, &mut heard));
        each_event(&self.account.logs(&self.account.region), inquiry, (&kept.group, &pattern), window, pages_left, hear).await?;
        Ok(heard)
    }

    fn hear(&self, task: Task, heard: &mut Heard) {
        let mut found = self.found.borrow_mut();
        let found = &mut *found;
        let known = match fit(&task, self.sought, &self.account.region, found.account.as_deref()) {
            Fit::Another => return,
            Fit::Its => {
                heard.its += 1;
                &mut found.tasks
            }
            Fit::Elsewhere => {
                heard.elsewhere += 1;
                &mut found.elsewhere
            }
        };
        match known.iter_mut().find(|known| known.arn == task.arn) {
            // Delivery is at least once and in any order: the highest version is the last word.
            Some(known) if is_older(known, &task) => *known = task,
            Some(_) => {}
            None => known.push(task),
        }
    }
}

/// Whether the other one is the later word on the same task. Where a version is missing the times tell.
fn is_older(known: &Task, other: &Task) -> bool {
    let by_version = known.version.zip(other.version).filter(|(known, other)| known != other);
    by_version.map_or_else(|| known.last_known() < other.last_known(), |(known, other)| known < other)
}

/// What was read before it failed.
fn no_further(back_to: Timestamp, failing: Failing) -> Failing {
    Failing { message: format!("read back to {} and no further: {}", back_to.strftime("%F"), failing.message), ..failing }
}

/// An event may name a task beside the one it is about, and a bus may bring events of other accounts and regions.
fn fit(task: &Task, sought: Sought<'_>, region: &str, account: Option<&str>) -> Fit {
    let place = sought.place;
    let is_meant = if sought.is_beginning { task.id.starts_with(&place.id) } else { task.id == place.id };
    let agrees = |theirs: &str, ours: Option<&str>| ours.is_none_or(|ours| ours == theirs);
    match is_meant {
        false => Fit::Another,
        true if task.region == region
            && agrees(&task.account, account)
            && agrees(&task.account, place.account.as_deref())
            && agrees(&task.cluster, place.cluster.as_deref().map(last_segment)) =>
        {
            Fit::Its
        }
        true => Fit::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_word_has_the_higher_version_or_where_one_is_missing_the_later_time() {
        let told = |version: Option<i64>, stopped: i64| Task { version, times: Times { stopped: Timestamp::from_second(stopped).ok(), ..Times::default() }, ..Task::default() };
        assert!(is_older(&told(Some(4), 9), &told(Some(5), 1)) && !is_older(&told(Some(5), 1), &told(Some(4), 9)));
        assert!(is_older(&told(Some(4), 1), &told(None, 9)) && !is_older(&told(None, 9), &told(Some(4), 1)));
        assert!(is_older(&told(Some(5), 1), &told(Some(5), 9)));
    }

    #[test]
    fn a_task_of_the_same_id_elsewhere_is_another() {
        let task = Task { id: "5d6c".to_owned(), cluster: "prod".to_owned(), account: "1".to_owned(), region: "eu-west-1".to_owned(), ..Task::default() };
        let of = |id: &str, cluster: Option<&str>, is_beginning: bool, region: &str, account: Option<&str>| {
            let place = Place { id: id.to_owned(), cluster: cluster.map(str::to_owned), ..Place::default() };
            fit(&task, Sought { place: &place, is_beginning }, region, account)
        };
        assert_eq!([of("5d6c", Some("prod"), false, "eu-west-1", Some("1")), of("5d6c", None, false, "eu-west-1", None), of("5d", None, true, "eu-west-1", None)], [Fit::Its; 3]);
        assert_eq!(
            [of("5d6c", Some("dev"), false, "eu-west-1", None), of("5d6c", None, false, "us-east-1", None), of("5d6c", None, false, "eu-west-1", Some("2"))],
            [Fit::Elsewhere; 3]
        );
        assert_eq!([of("5d", None, false, "eu-west-1", None), of("6d", None, true, "eu-west-1", None)], [Fit::Another; 2]);
    }
}
