//! Memory or CPU near its limit in the last minutes.

use super::super::timeline::Timeline;
use super::super::verdict::Note;
use super::super::words;

/// Per cent of the hard limit from which memory is near it, and of the reserved units from which CPU is.
const NEAR: i64 = 80;
/// What came near a limit in the last minutes, as one sentence with the lines it cites.
pub(in crate::diagnosis) fn near_limits(timeline: &Timeline) -> Option<(String, Vec<usize>)> {
    let (mut told, mut lines) = (Vec::new(), Vec::new());
    for (line, sample) in timeline.last_samples() {
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
    lines.dedup();
    (!told.is_empty()).then(|| (format!("In the last minutes {}.", words::list(&told)), lines))
}

pub(super) fn note(timeline: &Timeline) -> Option<Note> {
    near_limits(timeline).map(|(text, evidence)| Note { code: "near-limit", text, evidence })
}
