//! What the facts say. Pure: evidence in, [`Trace`] out; no clock, no network, nothing that can fail.
//!
//! Read in this order: the task, what happened to it, in which order, why, and who was behind it.

pub mod access;
pub mod actors;
pub mod brief;
pub mod call;
pub mod catalogue;
pub mod commands;
pub mod desired_count;
pub mod event;
pub mod evidence;
pub mod health_check;
pub mod image;
pub mod kept_calls;
pub mod measure;
pub mod neighbours;
pub mod network;
pub mod notes;
mod reported;
pub mod rules;
pub mod scaling;
pub mod scheduling;
pub mod service;
pub mod start_failure;
pub mod stopped_by;
pub mod task;
pub mod timeline;
pub mod verdict;
pub mod words;

use evidence::Evidence;
use stopped_by::StoppedBy;
use timeline::Timeline;
use verdict::Verdict;

/// The whole answer about one task: what happened, why, and who or what was behind it.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Everything dated, numbered from 1, in order; it also holds the evidence it was made from.
    pub timeline: Timeline,
    /// One cause of the closed set, with the numbers of the lines it rests on.
    pub verdict: Verdict,
    /// The person, pipeline, policy or AWS process behind the stop, or why nobody can be named.
    pub stopped_by: StoppedBy,
}

/// The program: everything else fetches for it or prints it.
///
/// Deterministic: the same evidence, in whatever order it arrived, gives the same trace.
#[must_use]
pub fn trace(evidence: Evidence) -> Trace {
    let timeline = Timeline::new(evidence);
    let stopped_by = stopped_by::find(&timeline);
    let verdict = Verdict::reach(&timeline, &stopped_by);
    Trace { timeline, verdict, stopped_by }
}
