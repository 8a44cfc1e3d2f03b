//! A stop that somebody asked for with StopTask.

use super::super::actors;
use super::super::call::{ApiCall, RUN_TASK, STOP_TASK};
use super::super::task::last_segment;
use super::super::timeline::{Line, Timeline};

use super::absent::{absent, call_gap};
use super::forgotten::earlier_call_unread;
use super::{CALL_FITS_TO_THE_SECOND, CALL_MAY_TRAIL_BY, Status, StoppedBy, call_hop, calls, found};

const CALL_MAY_LEAD_BY: i64 = 150_000;
/// A stop that begins later than this after a call was mostly begun by another.
const BEGINS_SOON: i64 = 10_000;

pub(super) fn by_stop_task(timeline: &Timeline) -> StoppedBy {
    let Some(anchor) = timeline.evidence.task.stop_anchor() else {
        return StoppedBy::without(Status::Unreadable, "Unknown: ECS gives no time for the stop, so no call can be matched to it.".to_owned());
    };
    let complete = call_gap(timeline, STOP_TASK).is_none();
    let fitting = || {
        calls(timeline, STOP_TASK).filter(|(_, call)| call.succeeded()).filter(|(_, call)| {
            let lead = anchor.as_millisecond() - call.time.as_millisecond();
            // Half-read history may hide an earlier call; then only one that fits to the second is believed.
            let limit = if complete { CALL_MAY_LEAD_BY } else { CALL_FITS_TO_THE_SECOND };
            (-CALL_MAY_TRAIL_BY..=limit).contains(&lead)
        })
    };
    // ECS repeats the reason of the call that counted. A stop begins with the first call that is accepted: among equals
    // one in the seconds before it counts before one that came long before, and of those the first.
    let repeated = timeline.evidence.task.stopped_reason.as_deref();
    let to_the_second = |call: &ApiCall| anchor.as_millisecond() - call.time.as_millisecond() <= CALL_FITS_TO_THE_SECOND;
    // A call that gave another reason did not make this stop; where one of the two is silent, it may, if it came with it.
    let silent = |call: &ApiCall| call.parameters.reason.is_none() || repeated == Some(UNTOLD_REASON);
    let may_be_it = |call: &ApiCall| repeated.is_none() || silent(call) && to_the_second(call);
    let gave_it = |call: &ApiCall| repeated.is_some_and(|reason| is_same_reason(call, reason));
    let accepted = fitting()
        .find(|(_, call)| gave_it(call) && anchor.as_millisecond() - call.time.as_millisecond() <= BEGINS_SOON)
        .or_else(|| fitting().find(|(_, call)| gave_it(call)))
        .or_else(|| fitting().find(|(_, call)| may_be_it(call)));
    match accepted {
        // Where nothing but the call dates the stop, one before it would have made the stop.
        Some((_, call)) if let Some(gap) = earlier_call_unread(timeline) => {
            let first = actors::describe(call).name;
            let sentence = format!("Unknown: the first StopTask call that was read is by {first}, and an earlier one may be unread ({}).", gap.sentence());
            StoppedBy { kind: Some(actors::Kind::Unknown), ..StoppedBy::without(Status::Unreadable, sentence) }
        }
        Some((line, call)) => {
            let run = started(timeline).filter(|(_, run)| run.identity.is_same_caller(&call.identity));
            let names_itself = starter_in_words(timeline).is_some_and(|starter| starter == actors::describe(call).name);
            let how = if run.is_some() || names_itself { "by StopTask, having run the task itself" } else { "by StopTask" };
            let mut by = found(timeline, (line.n, call), Vec::new(), how);
            by.chain.extend(run.map(|(line, run)| call_hop(line.n, run)));
            by
        }
        None => {
            let mut by = absent(timeline, &[], STOP_TASK, "Somebody called StopTask");
            if let Some(starter) = starter_in_words(timeline) {
                by.sentence.push_str(&format!(" {starter} ran the task, and may stop what it runs; that it did is not shown."));
            }
            by
        }
    }
}

/// The RunTask call whose answer names this task.
fn started(timeline: &Timeline) -> Option<(&Line, &ApiCall)> {
    let own = &timeline.evidence.task.id;
    calls(timeline, RUN_TASK).find(|(_, call)| call.succeeded() && call.response_tasks.iter().any(|arn| last_segment(arn) == own))
}

/// The AWS service that ran the task, by the mark it leaves in `startedBy`.
fn starter_in_words(timeline: &Timeline) -> Option<&'static str> {
    let mark = timeline.evidence.task.started_by.as_deref()?;
    [("AWS Step Functions", "Step Functions"), ("events-rule/", "EventBridge"), ("chronos-schedule/", "EventBridge Scheduler"), ("AWS Batch", "AWS Batch")]
        .into_iter()
        .find(|(begin, _)| mark.starts_with(begin))
        .map(|(_, name)| name)
}

/// What ECS writes where the caller gave no reason.
const UNTOLD_REASON: &str = "Task stopped by user";

/// ECS cuts long reasons, and what was secret in the call's is not shown.
fn is_same_reason(call: &ApiCall, repeated: &str) -> bool {
    let given = call.parameters.reason.as_deref().unwrap_or(UNTOLD_REASON);
    let shown = given.split("[redacted]").next().unwrap_or_default();
    let most = |text: &str| text.trim().chars().take(100).collect::<String>();
    match shown.len() < given.len() {
        true => repeated.starts_with(shown),
        false => most(given) == most(repeated),
    }
}
