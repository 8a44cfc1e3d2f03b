//! The command could not be run: 126, 127, or 255 of a container that wrote nothing.

use super::super::commands;
use super::super::evidence::Source;
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::{ended_by_itself, unread_logs};

pub const RULE: Rule = Rule { cause: Cause::EntrypointFailed, about: "126, 127, or 255 when nothing shows that the command had run", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some((container, line)) = ended_by_itself(timeline) else { return Judgement::No };
    let times = &timeline.evidence.task.times;
    let lived = times.started.zip(times.stopping).is_some_and(|(from, to)| to.as_millisecond() - from.as_millisecond() > 60_000);
    let meaning = match container.exit_code {
        Some(126) => "the command was found and could not be executed (permissions, or a file for another CPU)",
        Some(127) => "the command was not found in the image",
        Some(255) => {
            // A line in its log shows that it had run; an unread log shows nothing either way.
            if lived || timeline.log_lines(&container.name).next().is_some() || unread_logs(timeline, &container.name).is_some() || !timeline.was_read(Source::Logs) {
                return Judgement::No;
            }
            "the entry point gave up before it wrote anything"
        }
        _ => return Judgement::No,
    };
    // A shell hands on the 126 or 127 of the last command of a script that had long been at work.
    let confidence = if container.exit_code == Some(255) || lived { Confidence::Likely } else { Confidence::Certain };
    let mut finding = Finding::new(confidence, "The command could not be run");
    finding.container = Some(container.name.clone());
    finding.evidence = [Some(line), timeline.stop_line()].into_iter().flatten().map(|line| line.n).collect();
    finding.summary = format!("Container {} left with {} [{}]: {meaning}.", container.name, container.exit_code.unwrap_or_default(), line.n);
    if let Some((log, _)) = timeline.log_lines(&container.name).next_back() {
        finding.summary.push_str(&format!(" It wrote “{}” [{}].", log.event.text(), log.n));
        finding.evidence.push(log.n);
    }
    if let Some(command) = commands::describe_task_definition(&timeline.evidence.task) {
        finding.next_steps.push(NextStep::run("See entryPoint and command of the definition", command));
    }
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::event::Level;
    use crate::diagnosis::evidence::Source;

    fn left(code: i64) -> crate::diagnosis::evidence::Evidence {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(code));
        evidence.task.times.started = Some(at(-3_000));
        evidence
    }

    #[test]
    fn a_255_after_minutes_of_running_is_an_error_of_the_application() {
        let mut evidence = left(255);
        evidence.task.times.started = Some(at(-600_000));
        assert!(verdict(evidence).starts_with("app-error"));
    }

    #[test]
    fn a_command_that_is_not_there_is_not_an_error_of_the_application() {
        assert_eq!(verdict(left(127)), "entrypoint-failed - certain");
        assert_eq!(verdict(left(126)), "entrypoint-failed - certain");
    }

    #[test]
    fn a_127_after_minutes_of_work_may_be_a_command_inside_a_script() {
        let mut evidence = left(127);
        evidence.task.times.started = Some(at(-600_000));
        assert_eq!(verdict(evidence), "entrypoint-failed - likely");
    }

    #[test]
    fn a_255_that_had_written_is_an_error_of_the_application() {
        assert!(verdict(logged(left(255), -5_000, Level::Info, "listening", false)).starts_with("app-error"));
        assert!(verdict(left(255)).starts_with("entrypoint-failed"));
    }

    #[test]
    fn a_255_with_the_log_denied_is_not_claimed() {
        assert!(verdict(hide(left(255), Source::Logs)).starts_with("app-error"));
    }
}
