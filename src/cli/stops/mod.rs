//! `stops`: recently stopped tasks at a glance, counted by what they share, or told as they happen.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::brief::{By, Stop};
use crate::diagnosis::evidence::{Reading, Source};
use crate::diagnosis::task::{Task, last_segment};
use crate::diagnosis::trace;
use crate::diagnosis::words::{self, shell};
use crate::render::json::v1;
use crate::render::list::Entry;
use crate::render::printable::printable;
use crate::render::sheet::{Sheet, Shown};
use crate::render::{markdown, stops as table, text};
use crate::sources::account::Account;
use crate::sources::deadline::Deadline;
use crate::sources::failing::Kind;
use crate::sources::ledger::Ledger;
use crate::sources::stops::{Listed, Scope, UnreadCluster, list, must_exist, services};
use crate::sources::target::Target;
use crate::sources::task::NotFound;
use crate::sources::{Ended, Limits, Reach, gather};

mod archived;
mod gathered;
mod listing;

use super::Done;
use super::args::{Everywhere, Format, duration};
use super::failure::{Exit, Failure};
use super::gathering::{Wanted, cluster_region, interrupted, open, runtime};
use super::output::{handed_on, line};
use super::screen::{Bars, Screen};
use listing::Listing;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Grouping {
    Cause,
    Service,
    Revision,
}

/// Recently stopped tasks, newest first, each with its cause
///
/// As far as ECS says it of the task alone: the cause, and who began the stop. ECS remembers stopped tasks for about an
/// hour; with --since beyond that, archives of its events are read too, where there are any (ecs-trace archive status).
/// Everything about one of them: ecs-trace timeline TASK.
///
/// WHO is ECS's own word: `itself` a container ended, or the task could not start; `scheduler ?` its service's scheduler,
/// for whom is not asked here; `StopTask ?` somebody called StopTask, who is not asked here: ecs-trace who-stopped TASK.
/// The mark is ✗ for a failure, ✓ for business as usual, ? where the cause is open.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace stops web-api                  of one service
  ecs-trace stops --by cause --since 30m   what happened most, in all clusters
  ecs-trace stops --by service --since 7d  of a week, from the archive
  ecs-trace stops --since 7d -o jsonl      one stop a line, as they come
  ecs-trace stops --watch                  each new stop, as it happens")]
pub struct Arguments {
    /// A service by name, or CLUSTER/NAME; without one, every stopped task
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// Count them by what they share
    #[arg(long, value_name = "WHAT")]
    by: Option<Grouping>,
    /// Only those that stopped within this time, such as 30m; beyond an hour, such as 7d, also from the archives of ECS's
    /// events, by CloudWatch Logs Insights, which AWS bills by the data scanned
    #[arg(long, value_name = "DURATION", value_parser = StringValueParser::new().try_map(|text| duration(&text)))]
    since: Option<Duration>,
    /// Go on, and print each new stop's verdict as it happens, until Ctrl-C; the list is read every 15 s, or as often as
    /// the value behind = says, 5 s at the least
    #[arg(long, value_name = "EVERY", num_args = 0..=1, require_equals = true, default_missing_value = "15s", conflicts_with_all = ["by", "since"], value_parser = StringValueParser::new().try_map(|text| pause(&text)))]
    watch: Option<Duration>,
}

fn pause(text: &str) -> Result<Duration, String> {
    let pause = duration(text)?;
    if pause < LEAST_PAUSE { Err(format!("wanted 5s at the least: ECS answers a whole account's questions from one budget, and {text} would eat it")) } else { Ok(pause) }
}

/// How often the list may be read while it is watched.
const LEAST_PAUSE: Duration = Duration::from_secs(5);
/// Of many stops at once so many are asked about in full: each costs several look-ups of CloudTrail's two a second.
const MOST_IN_FULL: usize = 5;
/// A stop that is not over after so long is told as it stands.
const STOPPING_TAKES: SignedDuration = SignedDuration::from_mins(5);
/// How long ECS describes a stopped task at the least.
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);

pub fn run(arguments: &Arguments, options: &Everywhere, screen: &Screen, now: Timestamp) -> Done {
    let options = &match arguments.watch {
        Some(_) => going_on(options)?,
        None => options.clone(),
    };
    let (cluster, service) = scope(arguments.service.as_deref(), options)?;
    let scope = Scope { cluster: cluster.as_deref(), service: service.as_deref() };
    let runtime = runtime()?;
    runtime.block_on(async {
        let began = tokio::time::Instant::now();
        let deadline = Deadline::after(options.limit());
        let account = tokio::select! {
            opened = open(options, cluster_region(options), Wanted::default(), screen, screen.observer(), &deadline) => opened?,
            () = interrupted() => return Err(Failure::new(Exit::Interrupted, "interrupted before anything was asked")),
        };
        if let Some(pause) = arguments.watch {
            return watch(&account, scope, pause, options, screen, (now, began)).await;
        }
        let run = Run { account: &account, scope, options, screen, now, deadline: &deadline };
        let by = arguments.by.map(By::from);
        match arguments.since {
            Some(since) if since > REMEMBERED_FOR => archived::listed(&run, by, since).await,
            since => listed(&run, by, since).await,
        }
    })
}

/// The options of a list that goes on, which cannot be one document. A default of the config file gives way.
fn going_on(options: &Everywhere) -> Result<Everywhere, Failure> {
    let instead = match options.output {
        Format::Json if !options.output_is_usual() => return Err(Failure::usage("--watch goes on, and -o json is one document: use -o jsonl")),
        Format::Html if !options.output_is_usual() => return Err(Failure::usage("--watch goes on, and -o html is one document: use -o text, markdown or jsonl")),
        Format::Json => Format::Jsonl,
        Format::Html => Format::Text,
        format => format,
    };
    Ok(Everywhere { output: instead, ..options.clone() })
}

/// Cluster and service of what was typed: `NAME`, `CLUSTER/NAME`, and the same behind `service/`.
fn scope(typed: Option<&str>, options: &Everywhere) -> Result<(Option<String>, Option<String>), Failure> {
    let cluster = options.cluster.clone();
    let Some(typed) = typed else { return Ok((cluster, None)) };
    if matches!(Target::parse(typed), Ok(Target::File(_) | Target::Demo(_) | Target::Stdin)) {
        return Err(Failure::usage(format!("`{typed}` is a case of one task; wanted is a service, NAME or CLUSTER/NAME"))
            .hint(format!("see that task: ecs-trace timeline {}", shell(typed))));
    }
    let bare = typed.strip_prefix("service/").unwrap_or(typed);
    match bare.split_once('/') {
        None if !bare.is_empty() && !bare.contains(':') => Ok((cluster, Some(bare.to_owned()))),
        Some((own, name)) if !own.is_empty() && !name.is_empty() && !name.contains('/') && !own.contains(':') => {
            super::gathering::agree_on_cluster(own, options)?;
            Ok((Some(own.to_owned()), Some(name.to_owned())))
        }
        _ => Err(Failure::usage(format!("`{typed}` is no service; wanted is NAME or CLUSTER/NAME")).hint("one task alone: ecs-trace timeline TASK")),
    }
}

/// What a list is made with.
struct Run<'a> {
    account: &'a Account,
    scope: Scope<'a>,
    options: &'a Everywhere,
    screen: &'a Screen,
    now: Timestamp,
    deadline: &'a Deadline,
}

impl From<Grouping> for By {
    fn from(grouping: Grouping) -> Self {
        match grouping {
            Grouping::Cause => Self::Cause,
            Grouping::Service => Self::Service,
            Grouping::Revision => Self::Revision,
        }
    }
}

/// Those that ECS itself remembers.
async fn listed(run: &Run<'_>, by: Option<By>, since: Option<Duration>) -> Done {
    let Run { account, scope, options, screen, now, deadline } = *run;
    let bars = Arc::new(screen.progress());
    let painted = Arc::clone(&bars);
    let ledger = Ledger::new(move |progress| painted.update(progress));
    let from = since.and_then(|since| Some(now - SignedDuration::try_from(since).ok()?));
    let recent = |stop: &Stop| from.is_none_or(|from| stop.at().is_none_or(|at| at >= from));
    let found: RefCell<Vec<Stop>> = RefCell::default();
    let told = |tasks: Vec<Task>| found.borrow_mut().extend(tasks.into_iter().map(|task| Stop::of(task, now)).filter(recent));
    let ended = tokio::select! {
        ended = list(account, &ledger, scope, before(deadline.at()), |_| true, told) => ended,
        () = deadline.passed() => {
            if found.borrow().is_empty() {
                bars.clear();
                return Err(unanswered(options));
            }
            screen.note(&format!("not read to the end within {:?}: more time with --timeout 60s", options.limit()));
            Ok(Listed { unread: vec![UnreadCluster { why: "out of time".to_owned(), ..UnreadCluster::default() }], ..Listed::default() })
        }
        () = interrupted() => {
            bars.clear_after_interrupt();
            super::screen::say("interrupted: what had arrived is shown");
            ledger.close(Ended::Interrupted, |_, _| None);
            print(run, by, found.take(), &ledger.evidence(now).readings, &bars)?;
            return Ok(Exit::Interrupted);
        }
    };
    let stops = match ended {
        Ok(_) => judged_with_services(found.take(), account, &ledger, deadline, now).await,
        Err(_) => Vec::new(),
    };
    bars.clear();
    let ended = ended?;
    ledger.close(Ended::OutOfTime, |action, about| account.refusal_of(action, about));
    let readings = ledger.evidence(now).readings;
    let gap = gap_of_services(&readings);
    if let Some(gap) = gap {
        screen.note(&format!("what the scheduler stopped may stay unknown: {}", gap.sentence()));
    }
    tell_unread(&ended, screen);
    if stops.is_empty() && ended.unread.is_empty() {
        if let Some(service) = scope.service {
            must_exist(account, &ledger, service, &ended.clusters).await?;
        }
        screen.note(&format!(
            "{}; ECS remembers them for about an hour, an archive of its events for longer: look further back with --since 7d",
            nothing(&ended.clusters, scope.service, since, &account.region)
        ));
    }
    let is_short = !ended.unread.is_empty() || gap.is_some() && stops.iter().any(Stop::may_be_told_by_its_service);
    print(run, by, stops, &readings, &bars)?;
    Ok(if is_short { Exit::Inconclusive } else { Exit::Answered })
}

/// So long before the run's end a cluster that has not answered is named and waited for no longer.
const NAMED_BEFORE: Duration = Duration::from_millis(400);

/// A little before that end.
pub(super) fn before(end: tokio::time::Instant) -> tokio::time::Instant {
    end.checked_sub(NAMED_BEFORE).unwrap_or(end)
}

/// A little before so long from now.
pub(super) fn soon(limit: Duration) -> tokio::time::Instant {
    before(tokio::time::Instant::now() + limit)
}

fn unanswered(options: &Everywhere) -> Failure {
    Failure::new(Exit::Other, format!("ECS did not answer within {:?}", options.limit())).hint("give it more time: --timeout 60s, or see each request with -v")
}

fn gap_of_services(readings: &[Reading]) -> Option<&Reading> {
    readings.iter().find(|reading| reading.source == Source::Service && !reading.aside && reading.status.is_gap())
}

fn tell_unread(listed: &Listed, screen: &Screen) {
    for unread in listed.unread.iter().filter(|unread| !unread.cluster.is_empty()) {
        screen.note(&format!("cluster {} {}: {}", unread.cluster, unread.extent(), unread.why));
    }
}

/// Of each service that could tell more of these tasks the latest one.
fn latest<'t>(tasks: impl Iterator<Item = &'t Task>) -> BTreeMap<(String, String), Task> {
    let mut latest: BTreeMap<(String, String), Task> = BTreeMap::new();
    for task in tasks {
        let Some(service) = task.service.clone() else { continue };
        let known = latest.entry((task.cluster.clone(), service)).or_insert_with(|| task.clone());
        if task.stop_anchor() > known.stop_anchor() {
            *known = task.clone();
        }
    }
    latest
}

/// The scheduler gives one reason for many causes: those stops are judged anew with what their service says.
pub(super) async fn judged_with_services(stops: Vec<Stop>, account: &Account, ledger: &Ledger, deadline: &Deadline, now: Timestamp) -> Vec<Stop> {
    let latest = latest(stops.iter().filter(|stop| stop.may_be_told_by_its_service()).map(Stop::task));
    let known = tokio::select! {
        known = services(account, ledger, latest, now) => known,
        () = deadline.passed() => return stops,
    };
    let judge = |stop: Stop| {
        let of = (stop.task().cluster.clone(), stop.task().service.clone().unwrap_or_default());
        match known.get(&of).filter(|_| stop.may_be_told_by_its_service()) {
            Some((service, history)) => Stop::beside(stop.task().clone(), Some((service, history)), now),
            None => stop,
        }
    };
    stops.into_iter().map(judge).collect()
}

fn nothing(clusters: &[String], service: Option<&str>, since: Option<Duration>, region: &str) -> String {
    let of = service.map(|service| format!(" of service {service}")).unwrap_or_default();
    let place = match clusters {
        [] => format!("{region}, which has no cluster"),
        [one] => format!("cluster {one} of {region}"),
        many => format!("the {} clusters of {region}", many.len()),
    };
    let within = since.map(|since| format!(" within {}", words::duration(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))).unwrap_or_default();
    format!("no stopped task{of} in {place}{within}")
}

fn print(run: &Run<'_>, by: Option<By>, mut stops: Vec<Stop>, readings: &[Reading], bars: &Bars) -> Result<(), Failure> {
    newest_first(&mut stops);
    let mut listing = Listing::new(by, run);
    listing.tell(stops, bars)?;
    listing.finish(readings)
}

fn newest_first(stops: &mut [Stop]) {
    stops.sort_by(|a, b| (b.at(), &b.task().id).cmp(&(a.at(), &a.task().id)));
}

/// Reads the list again and again; of each task that has stopped since it began, asks every source and prints the verdict.
async fn watch(account: &Account, scope: Scope<'_>, pause: Duration, options: &Everywhere, screen: &Screen, (began, start): (Timestamp, tokio::time::Instant)) -> Done {
    let clock = || began + SignedDuration::try_from(start.elapsed()).unwrap_or_default();
    let mut told: HashSet<String> = HashSet::new();
    let mut is_first = true;
    // What could not be read the last time, and the clusters of which nothing had been when the watch began.
    let mut none_read_at_first = false;
    let (mut missing, mut unread_at_first): (Vec<UnreadCluster>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
    loop {
        let now = clock();
        let fresh: RefCell<Vec<Task>> = RefCell::default();
        let ledger = Ledger::new(|_| {});
        let reading =
            tokio::time::timeout(options.limit(), list(account, &ledger, scope, soon(options.limit()), |arn| !told.contains(arn), |tasks| fresh.borrow_mut().extend(tasks)));
        let read = tokio::select! {
            read = reading => read,
            () = interrupted() => return Ok(Exit::Interrupted),
        };
        let mut fresh = fresh.take();
        match read {
            Ok(Ok(listed)) if is_first => {
                told.extend(fresh.drain(..).filter(|task| has_stopped(task, now)).map(|task| task.arn));
                unread_at_first.extend(listed.unread.iter().map(|unread| unread.cluster.clone()));
                let place = if listed.clusters.len() == 1 { format!("cluster {}", listed.clusters[0]) } else { format!("{} clusters", listed.clusters.len()) };
                screen.note(&format!("watching {place} of {}: {} so far; Ctrl-C ends it", account.region, words::count(told.len(), "stopped task")));
                is_first = false;
                tell_changes(&mut missing, listed.unread, screen);
            }
            Ok(Ok(listed)) => tell_changes(&mut missing, listed.unread, screen),
            Ok(Err(error)) if is_first && !is_for_now(&error) => return Err(error.into()),
            // Nothing is known of what had stopped before: none of it is news.
            Ok(Err(error)) => {
                none_read_at_first |= std::mem::take(&mut is_first);
                screen.note(&format!("not read this time: {error}"));
            }
            Err(_) => {
                none_read_at_first |= std::mem::take(&mut is_first);
                screen.note("not read this time: no answer in time");
            }
        }
        fresh.retain(|task| has_stopped(task, now));
        // What had stopped before the watch began is no news, whenever its cluster can be read.
        let is_old = |task: &Task| (none_read_at_first || unread_at_first.contains(&task.cluster)) && task.times.stopped.or(task.stop_anchor()).is_some_and(|stop| stop < began);
        told.extend(fresh.extract_if(.., |task| is_old(task)).map(|task| task.arn));
        fresh.sort_by_key(|task| task.times.stopped);
        for (at, task) in fresh.into_iter().enumerate() {
            told.insert(task.arn.clone());
            let limits = Limits { deadline: tokio::time::Instant::now() + options.limit(), only_logs: false };
            if at >= MOST_IN_FULL {
                tell_briefly(&Stop::of(task, now), options, screen, now)?;
                continue;
            }
            let ledger = Ledger::new(|_| {});
            let reach = Reach { task: &task, account, ledger: &ledger, now: clock(), redact: !options.no_redact, before: None, deep: false, archives: &[], trail_lake: None };
            let (evidence, ended) = gather(&reach, limits, interrupted()).await;
            let trace = trace(evidence);
            let heading = || format!("{}\n", text::why(&trace, &screen.page));
            screen.tell(&handed_on(options, || v1::Document::from(&trace), heading, || Sheet::why(&trace, &screen.page.clock))?)?;
            if ended == Ended::Interrupted {
                return Ok(Exit::Interrupted);
            }
        }
        if screen.is_closed() {
            return Ok(Exit::Answered);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = interrupted() => return Ok(Exit::Interrupted),
        }
    }
}

/// Whether the next time may go better.
fn is_for_now(error: &NotFound) -> bool {
    matches!(error, NotFound::Refused { failing, .. } if matches!(failing.kind, Kind::Throttled | Kind::TimedOut))
}

/// Names what cannot be read, once for as long as it is so, and says when all of it can be again.
fn tell_changes(missing: &mut Vec<UnreadCluster>, unread: Vec<UnreadCluster>, screen: &Screen) {
    for new in unread.iter().filter(|unread| !missing.contains(unread)) {
        screen.note(&format!("cluster {} {}: {}; what stops there may not be told", new.cluster, new.extent(), new.why));
    }
    for old in missing.iter().filter(|old| unread.iter().all(|unread| unread.cluster != old.cluster)) {
        screen.note(&format!("cluster {} can be read again", old.cluster));
    }
    *missing = unread;
}

/// Of a crowd the rest: what the task itself says, and how to ask for more.
fn tell_briefly(stop: &Stop, options: &Everywhere, screen: &Screen, now: Timestamp) -> Result<(), Failure> {
    if options.output == Format::Jsonl {
        return screen.tell(&line(&v1::Stop::from(stop))?);
    }
    let more = words::shell(&format!("{}/{}", stop.task().cluster, last_segment(&stop.task().id)));
    if options.output == Format::Markdown {
        return screen.tell(&markdown::briefly(&Entry::of(stop, &screen.page.clock), &Shown::of(&format!("ecs-trace why {more}"))));
    }
    let row = table::table(std::slice::from_ref(stop), now, &screen.page);
    let row = row.lines().nth(1).unwrap_or_default();
    screen.tell(&format!("{row}\n  all of it: ecs-trace why {}\n\n", printable(&more)))
}

/// A task stands among the stopped ones from the order to stop on; its verdict waits for its end.
fn has_stopped(task: &Task, now: Timestamp) -> bool {
    task.last_status.as_deref() == Some("STOPPED") || task.stop_anchor().is_some_and(|stop| now.duration_since(stop) > STOPPING_TAKES)
}
