//! The container runtime could not create or start the container.

use super::super::commands;
use super::super::start_failure::{self, Kind, Reader, kind, says, with_detail};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Judgement, NextStep, Rule};

pub const RULE: Rule = Rule { cause: Cause::ContainerStart, details: &["timeout", "other"], about: "the runtime could not create or start it", judge };

pub const READER: Reader = Reader { cause: Cause::ContainerStart, kinds: KINDS, reads };

const KINDS: &[Kind] = &[
    kind(
        Some("timeout"),
        "DockerTimeoutError",
        "the container runtime did not answer in time",
        "On EC2 the host is overloaded, mostly its disk (burst balance); on Fargate start the task again.",
        &["containerruntimetimeouterror", "ephemeralstorage provisioning"],
    ),
    kind(
        Some("other"),
        "CannotStartContainerError",
        "the runtime could not create or start the container",
        "The rest of the message tells: mounts, devices, names, ulimits, or options the host does not know.",
        &[
            "cannotstartcontainererror",
            "cannotcreatecontainererror",
            "containerruntimeerror",
            "dockerstateerror",
            "cannotinspectcontainererror",
            "hostconfigerror",
            "invalidvolumeerror",
            "cannotcreatevolumeerror",
        ],
    ),
];

fn reads(plain: &str) -> Option<&'static Kind> {
    // What did not stop in time belongs to the end of a task and tells nothing of its start.
    if says(plain, &["could not transition to stopped", "cannotstopcontainererror"]) {
        return None;
    }
    let late = says(plain, &["could not transition to", "timed out after waiting"]) && plain.contains("timed out");
    if late { with_detail(KINDS, "timeout") } else { start_failure::first(KINDS, plain) }
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(told) = start_failure::of_cause(timeline, Cause::ContainerStart) else { return Judgement::No };
    let task = &timeline.evidence.task;
    let mut finding = told.finding(timeline, "The container could not be started");
    let whose = finding.container.as_ref().map_or_else(String::new, |name| format!("Container {name}: "));
    finding.summary = format!("{whose}{} [{}]. AWS's words: “{}”.", told.kind.entry.means, told.n, told.quoted());
    finding.next_steps.push(NextStep::say(told.kind.entry.then));
    if !task.runs_on_fargate() && told.kind.detail == Some("timeout") {
        finding.next_steps.push(NextStep::say("On the host: /var/log/ecs/ecs-agent.log, and iowait in `top`."));
    }
    if let Some(command) = commands::describe_task_definition(task) {
        finding.next_steps.push(NextStep::run("See what the task definition asks for", command));
    }
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    #[test]
    fn a_runtime_that_did_not_answer_in_time_is_told_from_one_that_refused() {
        for (reason, detail) in [
            ("DockerTimeoutError: Could not transition to created; timed out after waiting 4m0s", "timeout"),
            ("ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m: context deadline exceeded", "timeout"),
            ("CannotCreateContainerError: Error response from daemon: invalid mount config for type \"bind\"", "other"),
        ] {
            assert_eq!(verdict(stopped("TaskFailedToStart", reason, None)), format!("container-start {detail} certain"), "{reason}");
        }
    }

    #[test]
    fn a_container_that_would_not_stop_had_started() {
        assert!(!verdict(stopped("", "DockerTimeoutError: Could not transition to stopped; timed out after waiting 2m0s", None)).starts_with("container-start"));
    }

    #[test]
    fn an_error_beside_an_exit_code_of_its_own_is_not_the_start() {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(1));
        evidence.task.containers[0].reason = Some("DockerStateError: something".to_owned());
        assert!(verdict(evidence).starts_with("app-error"));
    }
}
