//! A task that ECS has forgotten, of whose stop no reason was kept: what is known of who may be behind it.

use super::super::actors;
use super::super::evidence::{Reading, Source};
use super::super::task::Teller;
use super::super::timeline::Timeline;
use super::super::words;

use super::calls;

/// Why nobody can be named, and not even that nobody was.
pub(super) fn untold(timeline: &Timeline) -> String {
    let task = &timeline.evidence.task;
    if let Some(gap) = timeline.may_still_run() {
        return format!("Unknown: not every cluster could be asked for the task ({}), so it is not known whether it has stopped; its logs name nobody.", gap.sentence());
    }
    if task.told_by == Teller::Logs {
        return match timeline.unread_memory().as_slice() {
            [] => "Unknown: all that is left of the task are its logs, and they name nobody.".to_owned(),
            unread => format!("Unknown: its logs name nobody, and not every other witness could be read ({}).", words::list(&sentences(unread))),
        };
    }
    let dated = task.times.stopping.or(task.times.execution_stopped).or(task.times.stopped).is_some();
    let known = if dated { "ECS has forgotten the task, and its reason for the stop is lost" } else { "ECS has forgotten the task, and when and how it ended was not kept" };
    if let Some((line, call)) = calls(timeline, "StopTask").find(|(_, call)| call.succeeded()) {
        let who = actors::describe(call).name;
        return format!("Unknown: {known}. {who} called StopTask for it [{}], and nothing shows that this stopped it.", line.n);
    }
    match stop_calls(timeline) {
        Asked::Gap(gap) => format!("Unknown: {known}; whether somebody called StopTask is not known either ({}).", gap.sentence()),
        Asked::Read => format!("Unknown: {known}. CloudTrail holds no StopTask call for it."),
        Asked::Not => format!("Unknown: {known}."),
    }
}

/// How the search for StopTask calls ended, near the stop or in all that CloudTrail keeps.
enum Asked<'a> {
    Not,
    Read,
    Gap(&'a Reading),
}

fn stop_calls(timeline: &Timeline) -> Asked<'_> {
    let all = || timeline.evidence.readings.iter().filter(|reading| reading.source == Source::Cloudtrail && reading.about.as_deref() == Some("StopTask"));
    match all().find(|reading| reading.status.is_gap()) {
        Some(gap) => Asked::Gap(gap),
        None if all().next().is_some() => Asked::Read,
        None => Asked::Not,
    }
}

/// Why a StopTask call that came before all that are known may be unread, where such a call is all that dates the stop.
pub(super) fn earlier_call_unread(timeline: &Timeline) -> Option<&Reading> {
    let times = &timeline.evidence.task.times;
    let undated = times.stopping.is_none() && times.asked_to_stop.is_some();
    match stop_calls(timeline) {
        Asked::Gap(gap) if undated => Some(gap),
        _ => None,
    }
}

fn sentences(readings: &[&Reading]) -> Vec<String> {
    let mut all: Vec<String> = readings.iter().map(|reading| reading.sentence()).collect();
    all.dedup();
    all
}
