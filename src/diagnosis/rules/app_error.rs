//! An essential container left with a code of its own that nothing else explains.

use super::super::commands;
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::{earlier_ends, ended_by_itself, last_error, last_words, named, tell_killed_beside, unread_logs};

pub const RULE: Rule = Rule {
    cause: Cause::AppError,
    details: &[],
    about: "an essential container ended by itself with a non-zero code that no other line explains; the log error before it is evidence",
    judge,
};

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some((container, line)) = ended_by_itself(timeline) else { return Judgement::No };
    // A signal is no code of its own; each has its rule.
    let Some(code) = container.exit_code.filter(|code| *code != 0 && !matches!(code, 132 | 134..=137 | 139 | 143)) else { return Judgement::No };
    let error = last_error(timeline, &container.name);
    let unread = unread_logs(timeline, &container.name);
    let mut finding = Finding::new(if error.is_some() { Confidence::Certain } else { Confidence::Likely }, "The application failed");
    finding.container = Some(container.name.clone());
    finding.evidence = vec![line.n];
    finding.summary = format!("{} ended by itself with exit code {code} [{}].", named(container), line.n);
    if code == 130 {
        finding.summary.push_str(" 130 is what a shell makes of SIGINT: something in the container interrupted it.");
    }
    match (error, &unread) {
        (Some(error), _) => {
            finding.summary.push_str(&format!(" Its last error was {} [{}].", error.event.quoted(), error.n));
            finding.evidence.push(error.n);
        }
        (None, Some(gap)) => finding.summary.push_str(&format!(" Why is in its log, which was not read ({gap}).")),
        (None, None) if timeline.evidence.unlogged.iter().any(|unlogged| unlogged.container == container.name) => {
            finding.summary.push_str(" There is no line of it that could say why.")
        }
        (None, None) => match timeline.log_lines(&container.name).next_back() {
            Some((last, _)) => {
                finding.summary.push_str(&format!(" Its log shows no error in the last minute; the last thing it wrote was {} [{}].", last.event.quoted(), last.n));
                finding.evidence.push(last.n);
            }
            None => finding.summary.push_str(" Its log shows no error in the last minute."),
        },
    }
    tell_killed_beside(timeline, container, &mut finding);
    finding.summary.push_str(&earlier_ends(timeline, container));
    if let Some(stop) = timeline.stop_line() {
        finding.evidence.push(stop.n);
    }
    if let Some(gap) = unread {
        finding.confidence = finding.confidence.min(Confidence::Likely);
        finding.unchecked.push((Cause::OutOfMemory, gap));
    }
    finding.next_steps.extend(last_words(timeline, Some(&container.name), &format!("Read {}'s last words", container.name)));
    if let Some(tail) = commands::tail_log(timeline, &container.name) {
        finding.next_steps.push(NextStep::run("Read all it wrote from a quarter of an hour before the stop on", tail));
    }
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::event::Level;
    use crate::diagnosis::evidence::{NoLines, Source, Unlogged};
    use crate::diagnosis::task::Container;

    fn failed() -> crate::diagnosis::evidence::Evidence {
        stopped("EssentialContainerExited", "Essential container in task exited", Some(1))
    }

    #[test]
    fn an_error_just_before_the_end_is_the_evidence() {
        let evidence = logged(logged(failed(), -2_000, Level::Error, "panic: no table", false), -500, Level::Info, "bye", false);
        let trace = judged(evidence);
        assert_eq!(trace.verdict.confidence.as_str(), "certain");
        assert!(trace.verdict.evidence.iter().any(|n| trace.timeline.lines[n - 1].event.text() == "panic: no table"));
    }

    #[test]
    fn the_quoted_error_holds_no_word_of_ours() {
        let mut evidence = logged(failed(), -2_000, Level::Error, "panic: no table", false);
        if let crate::diagnosis::event::What::Logged(line) = &mut evidence.events.last_mut().expect("a line").what {
            line.more = 1;
        }
        let summary = judged(evidence).verdict.summary;
        assert!(summary.contains("“panic: no table” ["), "{summary}");
    }

    #[test]
    fn what_cannot_be_read_is_no_next_step() {
        let steps = |evidence| judged(evidence).verdict.next_steps.into_iter().map(|step| (step.text, step.command.unwrap_or_default())).collect::<Vec<_>>();
        let readable = steps(logged(failed(), -2_000, Level::Error, "panic: no table", false));
        assert!(readable[0].0 == "Read app's last words" && readable[0].1.starts_with("ecs-trace logs prod/"), "{readable:?}");
        let denied = steps(hide(failed(), Source::Logs));
        assert!(denied.len() == 1 && denied[0].0.contains("allowed") && denied[0].0.ends_with("then read app's last words"), "{denied:?}");
        let mut late = hide(failed(), Source::Logs);
        late.readings.last_mut().expect("a reading").status = crate::diagnosis::evidence::Status::TimedOut;
        let late = steps(late);
        assert!(late[0].0.ends_with("with more time") && late[0].1.ends_with(" --timeout 60s"), "{late:?}");
        let unlogged = |why: NoLines| {
            let mut evidence = failed();
            evidence.unlogged.push(Unlogged { container: "app".to_owned(), why });
            steps(evidence)
        };
        assert_eq!(unlogged(NoLines::NoStream { stream: "web/app/1".to_owned() }), []);
        assert!(unlogged(NoLines::NoDriver)[0].0.starts_with("Give the container a log driver"));
        let elsewhere = unlogged(NoLines::OtherDriver { driver: "awsfirelens".to_owned(), destination: Some("datadog".to_owned()) });
        assert_eq!(elsewhere, [("Read app's last words in datadog.".to_owned(), String::new())]);
    }

    #[test]
    fn an_error_that_was_survived_for_minutes_is_not() {
        let evidence = logged(logged(failed(), -300_000, Level::Error, "502, trying the mirror", false), -500, Level::Info, "bye", false);
        assert_eq!(verdict(evidence), "app-error - likely");
    }

    #[test]
    fn a_log_that_is_kept_elsewhere_or_nowhere_is_not_said_to_show_no_error() {
        for (why, says) in [(NoLines::OtherDriver { driver: "splunk".to_owned(), destination: None }, "not read (logs: splunk keeps them"), (NoLines::NoDriver, "no line of it")] {
            let mut evidence = failed();
            evidence.unlogged.push(Unlogged { container: "app".to_owned(), why });
            let summary = judged(evidence).verdict.summary;
            assert!(summary.contains(says) && !summary.contains("shows no error"), "{summary}");
        }
    }

    #[test]
    fn with_the_log_denied_it_is_likely_at_most() {
        assert_eq!(verdict(hide(failed(), Source::Logs)), "app-error - likely");
    }

    #[test]
    fn another_container_that_was_killed_for_memory_is_told_and_did_not_end_with_it() {
        let mut evidence = failed();
        let reason = Some("OutOfMemoryError: Container killed due to memory usage".to_owned());
        evidence.task.containers.push(Container { name: "worker".to_owned(), exit_code: Some(137), reason, ..Container::default() });
        let verdict = judged(evidence).verdict;
        assert!(verdict.cause.as_str() == "app-error" && verdict.summary.contains("worker was killed for memory"), "{}", verdict.summary);
        assert!(verdict.notes.iter().all(|note| note.code != "collateral"));
    }

    #[test]
    fn a_container_that_aws_put_there_is_called_so() {
        let mut evidence = failed();
        evidence.task.containers[0].name = "ecs-service-connect-x1".to_owned();
        evidence.definition = None;
        assert!(judged(evidence).verdict.summary.contains("which Service Connect put there"));
    }
}
