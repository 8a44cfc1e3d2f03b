//! What rides beside the cause: each note with the lines it rests on.

use super::event::What;
use super::evidence::Evidence;
use super::measure::percent;
use super::task::{Container, StopCode};
use super::timeline::{Timeline, is_essential, is_reserved_a_limit};
use super::verdict::{Cause, Note};
use super::words;

/// Seconds ECS waits between SIGTERM and SIGKILL where nothing sets it (agent and Fargate alike).
const DEFAULT_STOP_TIMEOUT: i64 = 30;
/// Seconds; Fargate allows no more.
const FARGATE_STOP_TIMEOUT_CAP: i64 = 120;

pub(super) fn all(timeline: &Timeline, cause: Cause, culprit: Option<&str>) -> Vec<Note> {
    let mut notes = stop_timeouts(timeline);
    notes.extend(collateral(timeline, cause, culprit));
    if cause != Cause::OutOfMemory {
        notes.extend(near_limits(timeline).map(|(text, evidence)| Note { code: "near-limit", text, evidence }));
    }
    notes
}

/// Whether the order to stop came before the containers' ends.
#[must_use]
pub fn was_ordered(timeline: &Timeline) -> bool {
    matches!(timeline.stop_code(), Some(StopCode::UserInitiated | StopCode::ServiceSchedulerInitiated | StopCode::SpotInterruption | StopCode::TerminationNotice))
}

/// Seconds a container has between SIGTERM and SIGKILL.
#[must_use]
pub fn allowed_seconds(evidence: &Evidence, container: &Container) -> i64 {
    let defined = evidence.definition.as_ref().and_then(|definition| definition.container(&container.name));
    let set = defined.and_then(|definition| definition.stop_timeout).unwrap_or(DEFAULT_STOP_TIMEOUT);
    if evidence.task.runs_on_fargate() { set.min(FARGATE_STOP_TIMEOUT_CAP) } else { set }
}

/// Exit 137 after an ordered stop that took as long as the container was allowed: killed for not obeying SIGTERM.
fn stop_timeouts(timeline: &Timeline) -> Vec<Note> {
    let Some(took) = timeline.stop_took().filter(|_| was_ordered(timeline)) else { return Vec::new() };
    // The end may be cut to the second: up to 999 ms of it are missing.
    let cut = timeline.lines.iter().any(|line| matches!(line.event.what, What::ExecutionStopped) && line.event.precision == super::event::Precision::Second);
    // Fargate reports the end 10 to 12 s after it: less than that beyond the limit proves no timeout.
    let late_by = if timeline.evidence.task.runs_on_fargate() { 9_000 } else { 0 };
    let took_at_most = took + if cut { 999 } else { 0 };
    let killed = timeline.evidence.task.containers.iter().filter(|container| container.exit_code == Some(137));
    killed
        .filter(|container| took_at_most >= allowed_seconds(&timeline.evidence, container) * 1000 + late_by)
        .map(|container| {
            let allowed = allowed_seconds(&timeline.evidence, container);
            let late = if timeline.evidence.task.runs_on_fargate() { "; Fargate reports the end some 11 s late" } else { "" };
            let lines: Vec<usize> = [timeline.stop_line(), timeline.container_line(&container.name)].into_iter().flatten().map(|line| line.n).collect();
            Note {
                code: "stop-timeout",
                text: format!(
                    "{} did not obey SIGTERM within its {allowed} s and was killed (137): {} lie between the order and the end{late}. The exit code is a consequence of the stop.",
                    container.name,
                    words::duration(took)
                ),
                evidence: lines,
            }
        })
        .collect()
}

/// Per cent of the hard limit from which memory is near it, and of the reserved units from which CPU is.
const NEAR: i64 = 80;
/// What came near a limit in the last minutes, as one sentence with the lines it cites.
pub(super) fn near_limits(timeline: &Timeline) -> Option<(String, Vec<usize>)> {
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

/// The other containers of a task that one container's end brought down.
fn collateral(timeline: &Timeline, cause: Cause, culprit: Option<&str>) -> Vec<Note> {
    let by_itself = matches!(timeline.stop_code(), Some(StopCode::EssentialContainerExited)) && cause != Cause::Unknown;
    let Some(culprit) = culprit.filter(|_| by_itself) else { return Vec::new() };
    let others: Vec<&Container> = timeline.evidence.task.containers.iter().filter(|container| container.name != culprit && container.has_ended()).collect();
    if others.is_empty() {
        return Vec::new();
    }
    let told: Vec<String> = others
        .iter()
        .map(|container| {
            let code = container.exit_code.map(|code| format!(" ({code})")).unwrap_or_default();
            let injected = container.injected_by().map(|by| format!(", put there by {by}")).unwrap_or_default();
            let optional = if is_essential(&timeline.evidence, container) { "" } else { ", not essential" };
            format!("{}{code}{injected}{optional}", container.name)
        })
        .collect();
    let lines = others.iter().filter_map(|container| timeline.container_line(&container.name)).map(|line| line.n).collect();
    vec![Note { code: "collateral", text: format!("Ended with it: {}.", words::list(&told)), evidence: lines }]
}
