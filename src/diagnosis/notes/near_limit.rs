//! Memory or CPU near its limit in the last minutes.

use super::super::measure::percent;
use super::super::timeline::{Timeline, is_reserved_a_limit};
use super::super::verdict::Note;
use super::super::words;

/// Per cent of the hard limit from which memory is near it, and of the reserved units from which CPU is.
const NEAR: i64 = 80;
/// What came near a limit in the last minutes, as one sentence with the lines it cites.
pub(in crate::diagnosis) fn near_limits(timeline: &Timeline) -> Option<(String, Vec<usize>)> {
    let (mut told, mut lines) = (Vec::new(), Vec::new());
    let mut seen = Vec::new();
    for (line, sample) in timeline.last_samples() {
        // CloudWatch's minute repeats what the performance log tells of the same container.
        if seen.contains(&line.event.container) {
            continue;
        }
        seen.push(line.event.container.clone());
        let of = line.event.container.as_deref().unwrap_or("the task");
        if let (Some(used), Some(limit)) = (sample.memory, sample.memory_limit.filter(|_| sample.memory_percent() >= Some(NEAR))) {
            told.push(format!("{of} used {used} of its {limit} MiB [{}]", line.n));
            lines.push(line.n);
        }
        if let (Some(used), Some(reserved)) = (sample.cpu, sample.cpu_reserved.filter(|_| sample.cpu_percent() >= Some(NEAR))) {
            told.push(format!("{of} used {used} of its {reserved} CPU units [{}]", line.n));
            lines.push(line.n);
        }
    }
    let sampled: Vec<Option<&str>> = timeline.last_samples().map(|(line, _)| line.event.container.as_deref()).collect();
    for (line, utilization) in timeline.last_utilizations() {
        // What the performance log tells of the task itself, CloudWatch only repeats.
        if utilization.scope.is_own() && sampled.contains(&line.event.container.as_deref()) {
            continue;
        }
        let of = utilization.scope.one_of();
        let (memory, cpu) = utilization.scope.metrics();
        let limit = if is_reserved_a_limit(&timeline.evidence) { "its memory" } else { "the memory reserved for it, which is no limit" };
        for (share, metric, what) in [(&utilization.memory, memory, limit), (&utilization.cpu, cpu, "its CPU")] {
            if let Some(share) = share.as_ref().filter(|share| share.highest >= NEAR * 10) {
                told.push(format!("{of} used {} of {what} ({metric}) [{}]", percent(share.highest), line.n));
                lines.push(line.n);
            }
        }
    }
    lines.sort_unstable();
    lines.dedup();
    (!told.is_empty()).then(|| (format!("In the last minutes {}.", words::list(&told)), lines))
}

pub(super) fn note(timeline: &Timeline) -> Option<Note> {
    near_limits(timeline).map(|(text, evidence)| Note { code: "near-limit", text, evidence })
}
