//! No container instance could take the task.

use super::super::commands;
use super::super::start_failure::{self, Kind, Reader, kind, says};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Judgement, NextStep, Rule};
use super::super::words::value;

pub const RULE: Rule = Rule {
    cause: Cause::Placement,
    details: &["no-instances", "cpu", "memory", "ports", "gpu", "attribute", "agent", "other"],
    about: "no container instance could take it",
    judge,
};

pub const READER: Reader = Reader { cause: Cause::Placement, kinds: KINDS, reads };

const KINDS: &[Kind] = &[
    kind(
        Some("no-instances"),
        "No Container Instances",
        "the cluster or capacity provider has no container instances",
        "Start some, or use Fargate; look at the Auto Scaling group, and at the instances' role and user data (ECS_CLUSTER).",
        &["no container instances were found", "no container instance was found", "no active instances", "empty capacity provider"],
    ),
    kind(Some("cpu"), "RESOURCE:CPU", "no container instance had enough CPU units free", "Add capacity, or ask for less.", &["resource:cpu", "insufficient cpu"]),
    kind(
        Some("memory"),
        "RESOURCE:MEMORY",
        "no container instance had enough memory free to place the task",
        "It is about placement, not about running out of memory. Add capacity, or reserve less.",
        &["resource:memory", "insufficient memory"],
    ),
    kind(
        Some("ports"),
        "RESOURCE:PORTS",
        "the host port was taken on every container instance",
        "Use dynamic ports (hostPort 0) or awsvpc.",
        &["resource:port", "already using a port"],
    ),
    kind(Some("gpu"), "RESOURCE:GPU", "no container instance had a GPU free", "Add instances with GPUs.", &["resource:gpu", "insufficient gpu"]),
    kind(
        Some("attribute"),
        "ATTRIBUTE",
        "no container instance has an attribute the task needs",
        "Compare requiresAttributes and placementConstraints of the definition with the instances' attributes.",
        &["taskfailedtostart: attribute", "missing an attribute", "memberof placement constraint", "memberof constraint"],
    ),
    kind(
        Some("agent"),
        "AGENT",
        "the ECS agent of the container instance was not connected",
        "Look at /var/log/ecs/ecs-agent.log on the host.",
        &["error \"agent\"", "taskfailedtostart: agent", "waiting for amazon ecs agent"],
    ),
    kind(
        Some("other"),
        "unable to place a task",
        "no container instance met all of the task's requirements",
        "Compare what the task asks for with what the instances have free.",
        &["unable to place a task", "resource:eni", "met all of its requirements", "not compatible with the selected compute strategy", "placement constraint"],
    ),
];

fn reads(plain: &str) -> Option<&'static Kind> {
    let bare = |name: &str| plain.trim() == name;
    if bare("agent") || bare("attribute") {
        return KINDS.iter().find(|kind| kind.detail == Some(plain.trim()));
    }
    // AWS's own trouble says nothing of the instances.
    if plain.contains("reason: internal error") {
        return None;
    }
    // The keys `AGENT` and `ATTRIBUTE` are words of many other sentences: only the marks count.
    KINDS.iter().find(|kind| kind.entry.marks_stand_in(plain))
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(told) = start_failure::of_cause(timeline, Cause::Placement) else { return Judgement::No };
    let task = &timeline.evidence.task;
    let mut finding = told.finding(timeline, "It could not be placed");
    finding.container = None;
    let whose =
        task.service.as_ref().filter(|_| told.of_service).map_or_else(|| "The task could not be placed".to_owned(), |service| format!("Service {service} could not place a task"));
    finding.summary = format!("{whose}: {} [{}].", told.kind.entry.means, told.n);
    let instance = super::super::service::in_parentheses(&told.text, "container-instance");
    if let Some(closest) = instance {
        finding.summary.push_str(&format!(" The closest was container instance {closest}."));
    }
    if told.kind.detail == Some("memory") {
        finding.summary.push_str(" Nothing ran out of memory: it is what the task reserves that was not free.");
    }
    if says(&told.text.to_lowercase(), &["resource:eni"]) {
        finding.summary.push_str(" The instances have no network interface free for an awsvpc task.");
        finding.next_steps.push(NextStep::say("Larger instances, or ENI trunking (account setting awsvpcTrunking)."));
    }
    if told.kind.detail == Some("other") {
        finding.summary.push_str(&format!(" AWS's words: “{}”.", told.quoted()));
    }
    finding.next_steps.push(NextStep::say(told.kind.entry.then));
    let look = match instance {
        Some(id) => commands::describe_container_instance(id, task),
        None => format!("aws ecs list-container-instances --cluster{} --region{}", value(&task.cluster), value(&task.region)),
    };
    finding.next_steps.push(NextStep::run(if instance.is_some() { "See what that instance has free" } else { "See the cluster's container instances" }, look));
    if told.of_service
        && let Some(command) = commands::describe_service(task)
    {
        finding.next_steps.push(NextStep::run("See the service's events", command));
    }
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    #[test]
    fn each_word_of_ecs_has_its_detail_with_and_without_containers() {
        for (reason, detail) in [
            ("TaskFailedToStart: RESOURCE:CPU", "cpu"),
            ("TaskFailedToStart: RESOURCE:MEMORY", "memory"),
            ("TaskFailedToStart: RESOURCE:PORTS", "ports"),
            ("TaskFailedToStart: RESOURCE:GPU", "gpu"),
            ("TaskFailedToStart: RESOURCE:ENI", "other"),
            ("TaskFailedToStart: AGENT", "agent"),
            ("AGENT", "agent"),
            ("TaskFailedToStart: ATTRIBUTE", "attribute"),
            ("TaskFailedToStart: MemberOf placement constraint unsatisfied", "attribute"),
            ("TaskFailedToStart: NO ACTIVE INSTANCES", "no-instances"),
            ("TaskFailedToStart: EMPTY CAPACITY PROVIDER", "no-instances"),
            ("The selected task definition is not compatible with the selected compute strategy.", "other"),
        ] {
            let mut evidence = stopped("TaskFailedToStart", reason, None);
            evidence.task.containers.clear();
            assert_eq!(verdict(evidence), format!("placement {detail} certain"), "{reason}");
        }
    }

    #[test]
    fn insufficient_memory_is_never_out_of_memory() {
        assert!(verdict(stopped("TaskFailedToStart", "TaskFailedToStart: RESOURCE:MEMORY", None)).starts_with("placement"));
    }

    #[test]
    fn a_sentence_about_some_agent_is_no_placement() {
        assert!(verdict(stopped("TaskFailedToStart", "the agent wrote something new about this", None)).starts_with("unknown"));
    }

    #[test]
    fn a_service_that_never_had_a_task_is_answered_from_its_newest_telling_event() {
        let mut evidence = said(
            without_a_task(),
            -600_000,
            "(service web) was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster.",
        );
        evidence = said(
            evidence,
            -60_000,
            "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance 71837b999d38c452d47693366fba0550) has insufficient memory available.",
        );
        let trace = judged(evidence.clone());
        assert_eq!((trace.verdict.cause.as_str(), trace.verdict.detail), ("placement", Some("memory")));
        assert!(trace.verdict.summary.contains("71837b999d38c452d47693366fba0550"));
        assert_eq!(trace.stopped_by.status.as_str(), "nobody");
        assert!(verdict(said(evidence, -1_000, "(service web) has reached a steady state.")).starts_with("unknown"));
    }
}
