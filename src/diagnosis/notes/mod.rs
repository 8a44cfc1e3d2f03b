//! What rides beside the cause: each note with the lines it rests on. One note, one file.

mod collateral;
mod exec_session;
mod forgotten;
mod logs_may_be_lost;
mod near_limit;
mod no_logs;
mod others_stopped;
mod repeated;
mod stop_timeout;

pub(super) use near_limit::near_limits;
pub use stop_timeout::allowed_seconds;

use super::task::StopCode;
use super::timeline::Timeline;
use super::verdict::{Cause, Finding, Note};

pub(super) fn all(timeline: &Timeline, cause: Cause, finding: &Finding) -> Vec<Note> {
    let container = finding.container.as_deref();
    let mut notes = stop_timeout::notes(timeline);
    notes.extend(collateral::note(timeline, cause, container));
    notes.extend(near_limit::note(timeline).filter(|_| cause != Cause::OutOfMemory));
    notes.extend(no_logs::notes(timeline, container));
    notes.extend(logs_may_be_lost::notes(timeline, cause, container));
    notes.extend(exec_session::note(timeline));
    notes.extend(others_stopped::note(timeline));
    notes.extend(repeated::note(timeline));
    notes.extend(forgotten::note(timeline));
    for note in &mut notes {
        note.evidence.sort_unstable();
        note.evidence.dedup();
    }
    notes
}

/// Whether the order to stop came before the containers' ends.
#[must_use]
pub fn was_ordered(timeline: &Timeline) -> bool {
    matches!(timeline.stop_code(), Some(StopCode::UserInitiated | StopCode::ServiceSchedulerInitiated | StopCode::SpotInterruption | StopCode::TerminationNotice))
}
