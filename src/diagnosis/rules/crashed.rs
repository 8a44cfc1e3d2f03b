//! The process died of a fatal signal of its own.

use super::super::evidence::Source;
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::{earlier_ends, ended_by_itself, last_error, last_words, named, tell_killed_beside, unless_asked_first, what_free_shows};

pub const RULE: Rule = Rule {
    cause: Cause::Crashed,
    details: &["segmentation-fault", "aborted", "illegal-instruction", "bus-error", "arithmetic"],
    about: "a fatal signal of its own: SIGSEGV (139), SIGABRT (134), SIGILL (132), SIGBUS (135), SIGFPE (136)",
    judge,
};

/// Exit code (128 + signal), detail, signal, what usually lies behind it.
const SIGNALS: [(i64, &str, &str, &str); 5] = [
    (139, "segmentation-fault", "SIGSEGV", "a bug in native code, a broken native module, or an image built for another CPU"),
    (134, "aborted", "SIGABRT", "an assertion or the runtime's own abort; the message is in the log"),
    (132, "illegal-instruction", "SIGILL", "an image built for a newer or another CPU than the task's"),
    (135, "bus-error", "SIGBUS", "a mapped file cut short, or shared memory full (/dev/shm is 64 MiB by default)"),
    (136, "arithmetic", "SIGFPE", "a division by zero in native code"),
];

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some((container, line)) = ended_by_itself(timeline).or_else(|| timeline.reported_kill()) else { return Judgement::No };
    let Some((code, detail, signal, usual)) = SIGNALS.into_iter().find(|(code, ..)| container.exit_code == Some(*code)) else { return Judgement::No };
    let mut finding = Finding::new(Confidence::Certain, format!("Crashed by {signal}"));
    finding.detail = Some(detail);
    finding.container = Some(container.name.clone());
    finding.evidence = vec![line.n];
    finding.summary = format!("{} died of {signal}, exit {code} [{}]. Usually {usual}.", named(container), line.n);
    if let Some(error) = last_error(timeline, &container.name) {
        finding.summary.push_str(&format!(" Its last error was {} [{}].", error.event.quoted(), error.n));
        finding.evidence.push(error.n);
    }
    // A runtime that gives up on a full heap aborts itself: only its log tells the two apart.
    if code == 134
        && let Err(gap) = timeline.seen_by(Source::Logs)
    {
        finding.confidence = Confidence::Likely;
        finding.unchecked.push((Cause::OutOfMemory, gap.sentence()));
    }
    tell_killed_beside(timeline, container, &mut finding);
    finding.summary.push_str(&earlier_ends(timeline, container));
    let may_have_been_asked = unless_asked_first(timeline, &mut finding);
    if let Some(stop) = timeline.stop_line().filter(|_| !may_have_been_asked) {
        finding.evidence.push(stop.n);
    }
    if code == 139 {
        finding.next_steps.push(NextStep::say(format!("Free memory says nothing of this: a limit kills with 137. {}", what_free_shows(timeline))));
    }
    finding.next_steps.extend(last_words(timeline, Some(&container.name), &format!("Read {}'s last words", container.name)));
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    #[test]
    fn a_segmentation_fault_is_a_crash_and_never_memory() {
        assert_eq!(verdict(stopped("EssentialContainerExited", "Essential container in task exited", Some(139))), "crashed segmentation-fault certain");
    }

    #[test]
    fn killed_is_no_crash() {
        assert!(!verdict(stopped("EssentialContainerExited", "Essential container in task exited", Some(137))).starts_with("crashed"));
    }

    #[test]
    fn a_crash_while_being_stopped_is_a_consequence() {
        assert!(!verdict(stopped("UserInitiated", "Task stopped by user", Some(139))).starts_with("crashed"));
    }
}
