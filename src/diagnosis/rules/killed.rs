//! SIGKILL out of nowhere: 137 with no sign of memory and no ordered stop.

use super::super::evidence::Source;
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::{earlier_ends, ended_by_itself, last_words, memory_before_end, memory_of_all, named, tell_killed_beside, unread_logs, what_free_shows};

pub const RULE: Rule = Rule { cause: Cause::Killed, details: &[], about: "137 by itself, with no sign of memory and no ordered stop", judge };

/// Per cent. What stays below it in every minute is far from the limit.
const LOW: i64 = 80;

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some((container, line)) = ended_by_itself(timeline).filter(|(container, _)| container.exit_code == Some(137)) else { return Judgement::No };
    if container.was_killed_for_memory() {
        return Judgement::No;
    }
    let unread: Vec<String> = [Source::Logs, Source::Metrics]
        .into_iter()
        .filter(|source| !timeline.does_not_apply(*source))
        .filter_map(|source| match timeline.seen_by(source) {
            Err(gap) => Some(gap.sentence()),
            Ok(()) if !timeline.was_read(source) => Some(format!("{}: not read", source.as_str())),
            Ok(()) => None,
        })
        .collect();
    // A log that was read would mostly show a full heap; without the log nothing speaks against memory.
    let heard = unread_logs(timeline, &container.name).is_none() && timeline.was_read(Source::Logs);
    let memory = memory_before_end(timeline, &container.name);
    // On the user's own hosts the agent tells of the kernel's memory kills; Fargate often does not, and then only a sample speaks against one.
    let of_all = memory_of_all(timeline).filter(|_| memory.is_none());
    // What no task of the service used in any minute, this one did not use either.
    let low = of_all.as_ref().is_some_and(|of_all| of_all.peak < LOW);
    let weighed = memory.is_some() || low || !timeline.evidence.task.runs_on_fargate();
    let mut finding = Finding::new(if heard && weighed { Confidence::Likely } else { Confidence::Possible }, "Killed by SIGKILL");
    finding.container = Some(container.name.clone());
    finding.evidence = [Some(line), timeline.stop_line()].into_iter().flatten().map(|line| line.n).collect();
    finding.summary = format!("{} was killed, exit 137 [{}], and nothing had asked it to stop. Exit 137 is SIGKILL; it does not say who sent it.", named(container), line.n);
    if let Some(memory) = &memory {
        let of = if memory.is_own { &container.name } else { "the task" };
        finding.evidence.push(memory.n);
        finding.summary.push_str(&format!(" Last sampled, {of} {} [{}]; one sample a minute can miss a spike.", memory.words, memory.n));
    }
    if let Some(of_all) = &of_all {
        finding.evidence.push(of_all.n);
        let peak = if low { format!(", and never more than {} % in the minutes read", of_all.peak + 1) } else { String::new() };
        finding.summary.push_str(&format!(" In the last minute {} [{}]{peak}; one sample a minute can miss a spike.", of_all.words, of_all.n));
    }
    tell_killed_beside(timeline, container, &mut finding);
    finding.summary.push_str(&earlier_ends(timeline, container));
    let silent = if timeline.evidence.task.runs_on_fargate() { ", and Fargate often reports no memory reason" } else { "" };
    finding.alternatives.push((Cause::OutOfMemory, format!("the kernel kills with the same signal{silent}")));
    if unread.is_empty() && !weighed {
        finding.unchecked.push((Cause::OutOfMemory, "metrics: there is no sample of its own memory".to_owned()));
    }
    for gap in unread {
        finding.unchecked.push((Cause::OutOfMemory, gap));
    }
    finding.next_steps.push(NextStep::say(format!("Compare {}'s memory with its limit in the minutes before.", container.name)));
    finding.next_steps.push(NextStep::say(what_free_shows(timeline)));
    finding.next_steps.extend(last_words(timeline, Some(&container.name), "Read its last words"));
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::Source;

    fn killed() -> crate::diagnosis::evidence::Evidence {
        stopped("EssentialContainerExited", "Essential container in task exited", Some(137))
    }

    fn low(mut evidence: crate::diagnosis::evidence::Evidence) -> crate::diagnosis::evidence::Evidence {
        evidence.task.memory = Some("512".to_owned());
        sampled(evidence, -20_000, 200, None)
    }

    #[test]
    fn with_the_log_read_and_memory_low_it_is_likely() {
        assert_eq!(verdict(low(killed())), "killed - likely");
    }

    #[test]
    fn on_fargate_without_any_sample_it_is_only_possible_and_memory_stays_unchecked() {
        let verdict = judged(killed()).verdict;
        assert!(verdict.confidence.as_str() == "possible" && !verdict.is_conclusive());
    }

    #[test]
    fn a_service_whose_highest_task_stayed_low_in_every_minute_speaks_against_memory() {
        let low = judged(utilized(killed(), -40_000, 420, 380, 3, 500)).verdict;
        assert!(low.confidence.as_str() == "likely" && low.summary.contains("42.0 %"), "{}", low.summary);
        assert_eq!(verdict(utilized(killed(), -40_000, 420, 380, 3, 900)), "killed - possible");
        assert_eq!(verdict(utilized(killed(), -400_000, 420, 380, 3, 500)), "killed - possible");
    }

    #[test]
    fn on_ec2_the_agent_would_have_told_of_memory() {
        let mut evidence = killed();
        evidence.task.launch_type = Some("EC2".to_owned());
        assert_eq!(verdict(evidence), "killed - likely");
    }

    #[test]
    fn with_the_log_hidden_it_is_only_possible_and_memory_stays_unchecked() {
        let verdict = judged(hide(low(killed()), Source::Logs)).verdict;
        assert_eq!(verdict.confidence.as_str(), "possible");
        assert!(!verdict.is_conclusive());
    }

    #[test]
    fn unread_metrics_stay_unchecked() {
        assert!(!judged(hide(low(killed()), Source::Metrics)).verdict.unchecked.is_empty());
    }

    #[test]
    fn low_memory_is_cited_and_memory_near_the_limit_is_noted() {
        let with = |memory: i64| {
            let mut evidence = killed();
            evidence.task.memory = Some("512".to_owned());
            judged(sampled(evidence, -20_000, memory, None)).verdict
        };
        let (low, near) = (with(200), with(450));
        assert!(low.summary.contains("200 of 512 MiB") && low.summary.contains("can miss a spike"), "{}", low.summary);
        assert!(low.notes.iter().all(|note| note.code != "near-limit"));
        assert!(near.cause == crate::diagnosis::verdict::Cause::Killed && near.notes.iter().any(|note| note.code == "near-limit"));
    }

    #[test]
    fn another_containers_memory_reason_is_told_and_is_not_the_cause() {
        let mut evidence = killed();
        let reason = Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
        evidence.task.containers.push(crate::diagnosis::task::Container { name: "sidecar".to_owned(), exit_code: Some(137), reason, ..Default::default() });
        evidence.definition.as_mut().expect("a definition").containers.push(crate::diagnosis::task::ContainerDefinition { name: "sidecar".to_owned(), ..Default::default() });
        let verdict = judged(evidence).verdict;
        assert_eq!(verdict.cause.as_str(), "killed");
        assert!(verdict.summary.contains("sidecar was killed for memory"), "{}", verdict.summary);
    }

    #[test]
    fn a_137_after_an_order_is_a_consequence() {
        assert!(!verdict(stopped("UserInitiated", "Task stopped by user", Some(137))).starts_with("killed"));
    }
}
