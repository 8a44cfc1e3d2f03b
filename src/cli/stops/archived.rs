//! `stops` over days: what ECS still remembers, and what its archives keep, told as it comes.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::brief::By;
use crate::diagnosis::evidence::{Reading as Outcome, Source, Status};
use crate::diagnosis::task::last_segment;
use crate::diagnosis::words;
use crate::sources::Ended;
use crate::sources::archive::{Keeps, Kept, archives};
use crate::sources::archived_stops::{Part, Reading, Unread, Window};
use crate::sources::ledger::Ledger;
use crate::sources::stops::{Listed, list, must_exist};
use crate::sources::task::NotFound;

use super::super::Done;
use super::super::failure::{Exit, Failure};
use super::super::gathering::interrupted;
use super::super::screen::{Screen, say};
use super::gathered::Gathered;
use super::listing::Listing;
use super::{Run, before, gap_of_services, nothing, tell_unread, unanswered};

/// Notes of one kind, beyond which only their number is told.
const MOST_NOTES: usize = 4;

pub(super) async fn listed(run: &Run<'_>, by: Option<By>, since: Duration) -> Done {
    let Run { account, scope, options, screen, now, deadline } = *run;
    let bars = Arc::new(screen.progress());
    let painted = Arc::clone(&bars);
    let ledger = Ledger::new(move |progress| painted.update(progress));
    let from = SignedDuration::try_from(since).ok().and_then(|since| now.checked_sub(since).ok()).map_or(Timestamp::UNIX_EPOCH, |from| from.max(Timestamp::UNIX_EPOCH));
    let gathered = Gathered::new(account, &ledger, (from, now));
    let listing = RefCell::new(Listing::new(by, run));
    // All of it outlives what fills it: whatever ends the run, what had come is told, and what had not is named.
    let (live_answer, broken) = (RefCell::new(None::<Result<Listed, NotFound>>), RefCell::new(None::<Failure>));
    let (kept, reading) = (OnceCell::<Option<Vec<Kept>>>::new(), OnceCell::<Reading<'_>>::new());

    let tell = async || {
        gathered.learn().await;
        let told = listing.borrow_mut().tell(gathered.settled(), &bars);
        match told {
            Ok(is_heard) => is_heard,
            Err(failure) => {
                *broken.borrow_mut() = Some(failure);
                false
            }
        }
    };
    let live = async {
        let answer = list(account, &ledger, scope, before(deadline.at()), |_| true, |tasks| gathered.take(tasks)).await;
        *live_answer.borrow_mut() = Some(answer);
        gathered.live_is_over();
        if tell().await { Ok(()) } else { Err(Unheard) }
    };
    let archived = async {
        // One name that is not listed in time keeps none that were from being read.
        let began = tokio::time::Instant::now();
        let until = began + deadline.at().saturating_duration_since(began).mul_f64(0.4);
        let found = archives(account, &ledger, scope.cluster, until).await;
        if let Some(kept) = kept.get_or_init(|| found).as_deref().filter(|kept| !kept.is_empty()) {
            bars.hidden_while(|| screen.note(&announced(kept, from, screen)));
            let reading = reading.get_or_init(|| Reading::new(account, &ledger, kept, scope, Window { from, to: now }));
            let (read, slices) = reading.progress();
            bars.tell_archive(read, slices, gathered.waiting());
            let told = async |part: Part| {
                gathered.take(part.tasks);
                gathered.archives_settled(part.settled);
                bars.tell_archive(part.read, part.slices, listing.borrow().told() + gathered.waiting());
                tell().await
            };
            if !reading.read(told).await {
                return Err(Unheard);
            }
        }
        gathered.archives_settled(None);
        if tell().await { Ok(()) } else { Err(Unheard) }
    };
    let both = async { futures::try_join!(live, archived).map(drop) };
    let end = tokio::select! {
        over = both => match over {
            Ok(()) => Ended::Complete,
            Err(Unheard) => {
                bars.clear();
                return broken.take().map_or(Ok(Exit::Answered), Err);
            }
        },
        () = deadline.passed() => Ended::OutOfTime,
        () = interrupted() => Ended::Interrupted,
    };
    match end {
        Ended::Interrupted => {
            bars.clear_after_interrupt();
            say("interrupted: what had arrived is shown");
        }
        Ended::Complete | Ended::OutOfTime => bars.clear(),
    }
    ledger.close(end, |action, about| account.refusal_of(action, about));
    let live = live_answer.take();
    let mut listing = listing.into_inner();
    listing.tell(gathered.rest(), &bars)?;
    let is_empty = listing.told() == 0;
    match live {
        Some(Err(error)) if is_empty => return Err(error.into()),
        None if is_empty && end == Ended::OutOfTime => return Err(unanswered(options)),
        _ => {}
    }
    let clusters = live.as_ref().and_then(|live| live.as_ref().ok()).map(|live| live.clusters.clone()).unwrap_or_default();
    let kept = kept.get();
    let unread = reading.get().map(Reading::unread).unwrap_or_default();
    if is_empty
        && end == Ended::Complete
        && unread.is_empty()
        && let (Some(service), Some(Some(_))) = (scope.service, kept)
    {
        tokio::select! {
            exists = must_exist(account, &ledger, service, &clusters) => exists?,
            () = deadline.passed() => {}
        }
    }
    let readings = ledger.evidence(now).readings;
    let gap = gap_of_services(&readings).filter(|_| gathered.is_vague());
    if let Some(gap) = gap {
        screen.note(&format!("what the scheduler stopped may stay unknown: {}", gap.sentence()));
    }
    let is_live_short = match &live {
        Some(Ok(live)) => {
            tell_unread(live, screen);
            !live.unread.is_empty()
        }
        Some(Err(error)) => {
            screen.note(&format!("what ECS itself remembers is missing here: {error}"));
            true
        }
        None => {
            screen.note("what ECS itself remembers is missing here: it had not answered yet");
            true
        }
    };
    let place = || nothing(&clusters, scope.service, Some(since), &account.region);
    match kept {
        Some(Some(kept)) if kept.is_empty() => screen.note(&without_archive(is_empty.then(place), &account.region)),
        Some(Some(kept)) => {
            if is_empty && unread.is_empty() {
                screen.note(&place());
            }
            several(beginnings(kept, &clusters, from, now, screen), screen);
            several(unread.iter().map(|unread| missing(unread, from, end, run)).collect(), screen);
        }
        Some(None) => screen.note(&format!("stops older than about an hour are not here: whether an archive keeps them could not be seen: {}", hidden(&readings))),
        None => screen.note("stops older than about an hour are not here: whether an archive keeps them was still being asked"),
    }
    let unlisted = readings.iter().any(|reading| reading.source == Source::Archive && reading.action.as_deref() == Some("logs:DescribeLogGroups") && reading.status.is_gap());
    if unlisted && matches!(kept, Some(Some(_))) {
        screen.note(&format!("whether another archive keeps more could not be seen: {}", hidden(&readings)));
    }
    let is_short = is_live_short || unlisted || gap.is_some() || !unread.is_empty() || !matches!(kept, Some(Some(_)));
    listing.finish(&readings)?;
    Ok(match end {
        Ended::Interrupted => Exit::Interrupted,
        _ if is_short => Exit::Inconclusive,
        _ => Exit::Answered,
    })
}

/// Nobody reads the answer any more, or it cannot be written.
struct Unheard;

/// What will be asked, and of what, before AWS bills for it.
fn announced(kept: &[Kept], from: Timestamp, screen: &Screen) -> String {
    let of = match kept {
        [one] => format!("the archive {}", one.group),
        many => format!("{} archives", many.len()),
    };
    format!("reading {of} from {} on, by CloudWatch Logs Insights: AWS bills it by the data scanned", screen.page.clock.full(from))
}

fn without_archive(nothing: Option<String>, region: &str) -> String {
    let found = match nothing {
        Some(nothing) => format!("{nothing}, as far as is known: ECS remembers about an hour, and there is no archive of its events in {region}"),
        None => format!("only about the last hour is here: ECS forgets older stops, and there is no archive of its events in {region}"),
    };
    format!("{found}; to keep them from now on: ecs-trace archive template")
}

/// Where an archive begins later than what was asked for, by cluster where they differ.
fn beginnings(kept: &[Kept], clusters: &[String], from: Timestamp, now: Timestamp, screen: &Screen) -> Vec<String> {
    let holds = |archive: &Kept, cluster: &str| match &archive.keeps {
        Keeps::EventsOf(of) => of == last_segment(cluster),
        keeps => keeps.is_archive(),
    };
    // Of a cluster whose name is not known what is kept of any.
    let unnamed = [String::new()];
    let clusters = if clusters.is_empty() { &unnamed } else { clusters };
    let mut later: BTreeMap<Option<(Timestamp, Option<i32>)>, Vec<&str>> = BTreeMap::new();
    for cluster in clusters {
        let of_it = kept.iter().filter(|archive| cluster.is_empty() || holds(archive, cluster));
        let begins = of_it
            .map(|archive| archive.begins(now).map(|begins| (begins, archive.retention_days.filter(|_| archive.created < Some(begins)))))
            .min_by_key(|begins| begins.map(|begins| begins.0));
        match begins {
            None => later.entry(None).or_default().push(cluster),
            Some(Some(begins)) if begins.0 > from => later.entry(Some(begins)).or_default().push(cluster),
            Some(_) => {}
        }
    }
    let is_of_all = |of: &[&str]| of.len() == clusters.len();
    let told = |(begins, of): (Option<(Timestamp, Option<i32>)>, Vec<&str>)| {
        let which = if is_of_all(&of) { String::new() } else { format!(" of cluster {}", of.join(", ")) };
        match begins {
            None => format!("no archive keeps the events{which}: only the hour that ECS remembers is here"),
            Some((begins, days)) => {
                let why = days
                    .map_or_else(|| "when its log group was made".to_owned(), |days| format!("since it keeps {}", words::count(usize::try_from(days).unwrap_or_default(), "day")));
                format!("the archive{which} begins at {}, {why}: what stopped before is not here", screen.page.clock.full(begins))
            }
        }
    };
    later.into_iter().map(told).collect()
}

/// A time that was not read, why, and what to do for it.
fn missing(unread: &Unread, from: Timestamp, end: Ended, run: &Run<'_>) -> String {
    let clock = &run.screen.page.clock;
    let when = if unread.from <= from { format!("before {}", clock.full(unread.to)) } else { format!("between {} and {}", clock.full(unread.from), clock.full(unread.to)) };
    let when = if unread.from <= from && unread.to >= run.now { "of all that time".to_owned() } else { when };
    let why = match (&unread.why, end) {
        (Some(why), _) => format!(": {why}"),
        (None, Ended::Interrupted) => String::new(),
        (None, _) => format!(" within {:?}; more time with --timeout {}s", run.options.limit(), (run.options.limit() * 3).as_secs().max(60)),
    };
    format!("stops {when} may be missing, {} was not read there{why}", unread.group)
}

fn several(notes: Vec<String>, screen: &Screen) {
    notes.iter().take(MOST_NOTES).for_each(|note| screen.note(note));
    if notes.len() > MOST_NOTES {
        screen.note(&format!("and {} more such times", notes.len() - MOST_NOTES));
    }
}

/// Why nobody knows whether there is an archive.
fn hidden(readings: &[Outcome]) -> String {
    let gap = readings.iter().find(|reading| reading.source == Source::Archive && reading.status.is_gap() && reading.status != Status::Skipped);
    gap.map_or_else(|| "no answer".to_owned(), Outcome::gap)
}
