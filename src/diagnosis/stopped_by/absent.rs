//! Somebody must have begun the stop, and no call for it is known: what that means.

use super::super::actors::Kind;
use super::super::evidence::{Reading, Source, Status as Read};
use super::super::kept_calls::Queries;
use super::super::timeline::Timeline;
use super::super::words;

use super::{Hop, KEPT_FOR, SETTLES_AFTER, Status, StoppedBy};

/// Why calls of that name may be missing: a failure's own words, or that they were not asked for.
pub(super) fn call_gap(timeline: &Timeline, name: &str) -> Option<String> {
    let mut asked = timeline.evidence.readings.iter().filter(|reading| reading.source == Source::Cloudtrail && !reading.aside && reading.about.as_deref() == Some(name)).peekable();
    if asked.peek().is_none() {
        let any = timeline.evidence.readings.iter().find(|reading| reading.source == Source::Cloudtrail && reading.status.is_gap());
        return Some(any.map_or_else(|| format!("CloudTrail was not asked for {name}"), Reading::sentence));
    }
    asked.find(|reading| reading.status.is_gap() && reading.status != Read::Expired).map(Reading::sentence)
}

/// The action by which CloudTrail Lake is asked, which keeps calls for years.
pub const LAKE_QUERY: &str = "cloudtrail:StartQuery";

/// Whether calls of that name were asked of an event data store: then their age says nothing.
fn was_read_elsewhere(timeline: &Timeline, name: &str) -> bool {
    timeline.evidence.readings.iter().any(|reading| reading.action.as_deref() == Some(LAKE_QUERY) && reading.about.as_deref() == Some(name))
}

/// The status of a stop that somebody must have begun and no call for it was found.
pub(super) fn absent(timeline: &Timeline, chain: &[Hop], name: &str, known: &str) -> StoppedBy {
    let evidence = &timeline.evidence;
    let age = evidence.task.stop_anchor().map(|stop| evidence.taken_at.duration_since(stop)).unwrap_or_default();
    let known = known.trim_end_matches('.');
    let queries = Queries::for_call(&evidence.task, name).filter(|_| age > KEPT_FOR && !was_read_elsewhere(timeline, name));
    let (status, sentence, settles_at) = if age > KEPT_FOR && !was_read_elsewhere(timeline, name) {
        (Status::Expired, format!("Unknown by now: {}. CloudTrail keeps calls for 90 days, and the stop is older.", lower_first(known)), None)
    } else if let Some(gap) = call_gap(timeline, name) {
        (Status::Unreadable, format!("Unknown: {}, and CloudTrail could not be read ({gap}).", lower_first(known)), None)
    } else if age < SETTLES_AFTER {
        let settles = evidence.task.stop_anchor().and_then(|stop| stop.checked_add(SETTLES_AFTER).ok());
        let left = words::duration(i64::try_from((SETTLES_AFTER - age).as_millis()).unwrap_or_default());
        (
            Status::NotYet,
            format!("Not known yet: {}, and CloudTrail may not have delivered the {name} call. For another {left} its absence proves nothing.", lower_first(known)),
            settles,
        )
    } else {
        (Status::NotRecorded, format!("Not recorded: {}, and CloudTrail, read in full for that time, has no {name} call for it.", lower_first(known)), None)
    };
    StoppedBy { kind: Some(Kind::Unknown), chain: chain.to_vec(), settles_at, queries, ..StoppedBy::without(status, sentence) }
}

pub fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
