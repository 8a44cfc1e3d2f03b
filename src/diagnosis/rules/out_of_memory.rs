//! The memory limit killed the container, or its runtime ran out of heap and gave up: never 137 alone.

use super::super::commands;
use super::super::event::{Level, LogLine};
use super::super::evidence::Source;
use super::super::stopped_by::StoppedBy;
use super::super::task::{Container, StopCode};
use super::super::timeline::{AT_THE_LIMIT, Line, Timeline, is_error_name, memory_limit};
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::super::words;
use super::{MemoryBeforeEnd, earlier_ends, ended_by_itself, memory_before_end, memory_of_all, named, unless_asked_first};

pub const RULE: Rule =
    Rule { cause: Cause::OutOfMemory, details: &["heap"], about: "the memory limit of the container or the task killed it, or its heap was full and the runtime gave up", judge };

/// A heap message explains the end only if little was written after it.
const LAST_WORDS: i64 = 30_000;

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some((container, line)) = ended_by_itself(timeline).or_else(|| killed_at_start(timeline)).or_else(|| timeline.reported_kill()) else { return Judgement::No };
    // EC2 says it of the container, Fargate sometimes of the task alone.
    let told = [container.reason.as_deref(), timeline.evidence.task.stopped_reason.as_deref()].into_iter().flatten().any(|reason| is_error_name(reason, "OutOfMemoryError"));
    let heap = heap_message(timeline, container);
    let sampled = memory_before_end(timeline, &container.name);
    let mut finding = match (told, container.exit_code, heap) {
        (true, Some(137), _) => {
            let mut finding = Finding::new(Confidence::Certain, "Out of memory");
            finding.summary = format!("{} was killed for memory, exit 137 [{}].", named(container), line.n);
            finding
        }
        // Docker marks the container when any process in it was killed: exit 0 is another rule's.
        (true, Some(0), _) => return Judgement::No,
        (true, code, _) => {
            let mut finding = Finding::new(Confidence::Likely, "Out of memory");
            let end = code.map_or_else(|| "no exit code was reported".to_owned(), |code| format!("the main process then left with {code}"));
            finding.summary = format!("A process in container {} was killed for memory; {end} [{}].", container.name, line.n);
            finding.alternatives.push((Cause::AppError, "ECS sets the same mark when any process of the container was killed".to_owned()));
            finding
        }
        (false, Some(137), Some((log, _))) => {
            let mut finding = Finding::new(Confidence::Likely, "Out of memory");
            finding.summary = format!("{} wrote that it was out of memory [{}] and was killed, exit 137 [{}].", named(container), log.n, line.n);
            finding
        }
        (false, Some(code), Some((log, _))) if code != 0 => {
            let mut finding = Finding::new(Confidence::Likely, "Out of memory in the heap");
            finding.detail = Some("heap");
            finding.summary = format!("The runtime of container {} ran out of heap [{}] and ended itself with {code} [{}].", container.name, log.n, line.n);
            if let Some(memory) = sampled.as_ref().filter(|memory| memory.percent < AT_THE_LIMIT) {
                finding.evidence.push(memory.n);
                finding.summary.push_str(&format!(" {} {} in its last sample [{}]: its own heap was full, not the limit of ECS.", subject(memory), memory.words, memory.n));
            }
            finding
        }
        // Fargate often gives no reason: then the last sample may.
        (false, Some(137), None) if sampled.is_none() => {
            let Some(memory) = memory_of_all(timeline).filter(|memory| memory.percent >= AT_THE_LIMIT) else { return Judgement::No };
            let mut finding = Finding::new(if memory.was_this_task.is_some() { Confidence::Likely } else { Confidence::Possible }, "Out of memory");
            let whose = memory.was_this_task.as_deref().unwrap_or("it may have been another than this one");
            finding.summary =
                format!("Container {} was killed, exit 137 [{}]. In the last minute {} [{}]: {whose}; ECS gives no reason.", container.name, line.n, memory.words, memory.n);
            finding.evidence.push(memory.n);
            finding.alternatives.push((Cause::Killed, "ECS itself does not say that memory was the reason".to_owned()));
            if memory.was_this_task.is_none() {
                let gap = timeline.seen_by(Source::Metrics).err().map(|gap| format!(" ({})", gap.sentence())).unwrap_or_default();
                finding.unchecked.push((Cause::OutOfMemory, format!("whether it was this task: the metric is of all of them, and there is no sample of this one{gap}")));
            }
            finding
        }
        (false, Some(137), None) => {
            let Some(memory) = sampled.as_ref().filter(|memory| memory.percent >= AT_THE_LIMIT) else { return Judgement::No };
            let mut finding = Finding::new(Confidence::Likely, "Out of memory");
            finding.summary = format!(
                "Container {} was killed, exit 137 [{}]. {} {} in its last sample [{}]; ECS gives no reason.",
                container.name,
                line.n,
                subject(memory),
                memory.words,
                memory.n
            );
            finding.evidence.push(memory.n);
            finding.alternatives.push((Cause::Killed, "ECS itself does not say that memory was the reason".to_owned()));
            finding
        }
        _ => return Judgement::No,
    };
    if told && let Some(memory) = &sampled {
        let missed = if memory.percent < AT_THE_LIMIT { "; one sample a minute misses what came after" } else { "" };
        finding.summary.push_str(&format!(" {} {} in its last sample [{}]{missed}.", subject(memory), memory.words, memory.n));
        finding.evidence.push(memory.n);
    }
    if told
        && sampled.is_none()
        && let Some(memory) = memory_of_all(timeline).filter(|memory| memory.percent >= AT_THE_LIMIT)
    {
        finding.summary.push_str(&format!(" In the last minute {} [{}].", memory.words, memory.n));
        finding.evidence.push(memory.n);
    }
    finding.container = Some(container.name.clone());
    finding.evidence.push(line.n);
    if let Some((log, message)) = heap {
        finding.evidence.push(log.n);
        if finding.detail.is_none() && told {
            finding.summary.push_str(&format!(" Its log says {} [{}].", words::quoted(&message.text), log.n));
        }
    }
    let may_have_been_asked = unless_asked_first(timeline, &mut finding);
    if let Some(stop) = timeline.stop_line().filter(|_| !may_have_been_asked) {
        finding.evidence.push(stop.n);
        finding.summary.push_str(" Nothing had asked it to stop.");
    }
    finding.summary.push_str(&earlier_ends(timeline, container));
    finding.next_steps = next_steps(timeline, container, finding.detail == Some("heap"), told);
    finding.into()
}

/// A task whose container is killed so early that ECS never saw it run counts as failed to start.
fn killed_at_start(timeline: &Timeline) -> Option<(&Container, &Line)> {
    let failed = matches!(timeline.stop_code(), Some(StopCode::TaskFailedToStart));
    let killed = timeline.evidence.task.containers.iter().find(|container| failed && container.exit_code == Some(137) && container.was_killed_for_memory())?;
    Some((killed, timeline.container_line(&killed.name)?))
}

fn subject(memory: &MemoryBeforeEnd) -> &'static str {
    if memory.is_own { "It" } else { "Its task" }
}

/// The runtime's own out-of-memory message among the container's last words.
fn heap_message<'a>(timeline: &'a Timeline, container: &'a Container) -> Option<(&'a Line, &'a LogLine)> {
    let last = timeline.log_lines(&container.name).next_back()?.0.event.at.as_millisecond();
    timeline.log_lines(&container.name).rev().find(|(line, logged)| logged.out_of_memory && line.event.level == Level::Error && last - line.event.at.as_millisecond() <= LAST_WORDS)
}

fn next_steps(timeline: &Timeline, container: &Container, heap: bool, told: bool) -> Vec<NextStep> {
    let task = &timeline.evidence.task;
    let definition = timeline.definition_of(&container.name);
    let hard = definition.and_then(|definition| definition.memory);
    let limit = match memory_limit(&timeline.evidence, Some(&container.name)) {
        Some(limit) if hard == Some(limit) => format!("its {limit} MiB"),
        Some(limit) => format!("the task's {limit} MiB"),
        None => "its limit".to_owned(),
    };
    let first = if let Some(by) = container.injected_by() {
        format!("Give the task more memory than it has: {by} takes its share of {limit}.")
    } else if heap {
        format!("Give {}'s runtime a larger heap, below {limit} (for the JVM: -XX:MaxRAMPercentage=75), or find what fills it.", container.name)
    } else {
        format!("Give {} more memory than {limit}, or make it use less (cap a JVM's heap with -XX:MaxRAMPercentage=75).", container.name)
    };
    let mut steps = vec![NextStep::say(first)];
    if let Some(soft) = definition.and_then(|definition| definition.memory_reservation).filter(|_| hard.is_none()) {
        steps.push(NextStep::say(format!("memoryReservation ({soft} MiB) is a soft limit and stops nothing.")));
    }
    // Where ECS says it outright nobody is misled.
    if !heap && (!told || hard.is_none()) {
        steps.push(NextStep::say(super::what_free_shows(timeline)));
    }
    if let Some(command) = commands::describe_task_definition(task) {
        steps.push(NextStep::run("See the limits it ran with", command));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::event::{Level, What};
    use crate::diagnosis::evidence::Evidence;

    fn ended(exit: Option<i64>, reason: Option<&str>) -> Evidence {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", exit);
        evidence.task.containers[0].reason = reason.map(str::to_owned);
        evidence
    }

    #[test]
    fn ecs_says_so_with_137_in_either_letter_case() {
        assert_eq!(verdict(ended(Some(137), Some("OutOfMemoryError: Container killed due to memory usage"))), "out-of-memory - certain");
        assert_eq!(verdict(ended(Some(137), Some("OutOfMemoryError: container killed due to memory usage"))), "out-of-memory - certain");
    }

    #[test]
    fn the_mark_with_exit_1_is_likely_and_with_exit_0_it_is_not_the_cause() {
        assert_eq!(verdict(ended(Some(1), Some("OutOfMemoryError: Container killed due to memory usage"))), "out-of-memory - likely");
        assert_eq!(verdict(ended(Some(0), Some("OutOfMemoryError: Container killed due to memory usage"))), "completed - likely");
    }

    #[test]
    fn a_137_alone_is_not_out_of_memory() {
        assert!(verdict(ended(Some(137), None)).starts_with("killed"));
    }

    fn limited(mut evidence: Evidence) -> Evidence {
        evidence.task.memory = Some("1024".to_owned());
        evidence.definition.as_mut().expect("a definition").containers[0].memory = Some(512);
        evidence
    }

    #[test]
    fn a_137_with_memory_at_the_hard_limit_in_the_last_sample_is_likely_and_cites_it() {
        let trace = judged(sampled(limited(ended(Some(137), None)), -20_000, 505, None));
        assert_eq!((trace.verdict.cause.as_str(), trace.verdict.confidence.as_str()), ("out-of-memory", "likely"));
        let (line, _) = trace.timeline.last_samples().find(|(line, _)| line.event.container.as_deref() == Some("app")).expect("the sample");
        assert!(trace.verdict.evidence.contains(&line.n), "{:?}", trace.verdict.evidence);
    }

    #[test]
    fn memory_below_the_limit_or_minutes_ago_or_above_a_soft_limit_alone_is_not_out_of_memory() {
        assert_eq!(verdict(sampled(limited(ended(Some(137), None)), -20_000, 470, None)), "killed - likely");
        // Nothing was sampled in the last minutes: on Fargate nothing speaks against memory then.
        assert_eq!(verdict(sampled(limited(ended(Some(137), None)), -300_000, 511, None)), "killed - possible");
        let mut soft = limited(ended(Some(137), None));
        (soft.task.launch_type, soft.definition.as_mut().expect("a definition").containers[0].memory) = (Some("EC2".to_owned()), None);
        soft.definition.as_mut().expect("a definition").containers[0].memory_reservation = Some(512);
        assert_eq!(verdict(sampled(soft, -20_000, 1020, None)), "killed - likely");
    }

    #[test]
    fn the_highest_of_several_tasks_at_the_limit_is_only_possible_and_of_the_only_task_likely() {
        let ended = || ended(Some(137), None);
        let one = judged(utilized(ended(), -40_000, 998, 998, 1, 998)).verdict;
        assert_eq!((one.cause.as_str(), one.confidence.as_str()), ("out-of-memory", "likely"));
        let all = judged(utilized(ended(), -40_000, 998, 960, 3, 998)).verdict;
        assert_eq!((all.cause.as_str(), all.confidence.as_str()), ("out-of-memory", "likely"));
        let some = judged(utilized(ended(), -40_000, 998, 300, 3, 998)).verdict;
        assert_eq!((some.cause.as_str(), some.confidence.as_str()), ("out-of-memory", "possible"));
        assert!(!some.is_conclusive() && some.unchecked[0].1.contains("whether it was this task"), "{:?}", some.unchecked);
        assert!(some.alternatives.iter().any(|(cause, _)| cause.as_str() == "killed"));
    }

    #[test]
    fn a_highest_that_fell_with_the_tasks_end_was_this_task() {
        let with = |after: i64| {
            let mut evidence = utilized(ended(Some(137), None), -40_000, 998, 300, 3, 998);
            if let What::Utilized(utilization) = &mut evidence.events.last_mut().expect("an event").what {
                utilization.memory.as_mut().expect("memory").after = Some(after);
            }
            judged(evidence).verdict
        };
        let (fell, stayed) = (with(610), with(990));
        assert!(fell.confidence.as_str() == "likely" && fell.summary.contains("fell to 61.0 %"), "{}", fell.summary);
        assert_eq!((stayed.cause.as_str(), stayed.confidence.as_str()), ("out-of-memory", "possible"));
    }

    #[test]
    fn a_sample_of_the_container_itself_outweighs_the_service() {
        let evidence = sampled(utilized(limited(ended(Some(137), None)), -40_000, 998, 300, 3, 998), -20_000, 200, None);
        assert_eq!(verdict(evidence), "killed - likely");
    }

    #[test]
    fn a_service_above_what_it_reserves_softly_is_not_out_of_memory() {
        let mut evidence = utilized(ended(Some(137), None), -40_000, 1400, 1400, 1, 1400);
        evidence.task.launch_type = Some("EC2".to_owned());
        evidence.definition.as_mut().expect("a definition").containers[0].memory_reservation = Some(256);
        assert_eq!(verdict(evidence), "killed - likely");
    }

    #[test]
    fn memory_at_the_limit_does_not_make_another_exit_code_out_of_memory() {
        assert!(verdict(sampled(limited(ended(Some(1), None)), -20_000, 511, None)).starts_with("app-error"));
    }

    #[test]
    fn a_full_heap_that_made_the_runtime_abort_comes_before_the_crash() {
        let evidence = logged(ended(Some(134), None), -900, Level::Error, "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", true);
        assert_eq!(verdict(evidence), "out-of-memory heap likely");
    }

    #[test]
    fn a_heap_message_that_was_survived_does_not_explain_a_later_end() {
        let evidence = logged(logged(ended(Some(1), None), -400_000, Level::Error, "java.lang.OutOfMemoryError: Java heap space", true), -500, Level::Info, "bye", false);
        assert!(verdict(evidence).starts_with("app-error"));
    }
}
