//! ECS stopped the task because a container failed its own health check.

use super::super::commands;
use super::super::stopped_by::StoppedBy;
use super::super::task::Container;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};

pub const RULE: Rule = Rule { cause: Cause::ContainerHealthCheck, about: "stopped for failing its own container health check", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    if !timeline.stopped_reason().contains("failed container health checks") {
        return Judgement::No;
    }
    let Some(stop) = timeline.stop_line() else { return Judgement::No };
    let mut finding = Finding::new(Confidence::Certain, "Failed its container health check");
    finding.evidence.push(stop.n);
    finding.summary = format!("ECS stopped it because a container failed its health check [{}].", stop.n);
    if let Some(container) = unhealthy(timeline) {
        finding.container = Some(container.name.clone());
        finding.evidence.extend(timeline.container_line(&container.name).map(|line| line.n));
        let check = timeline.definition_of(&container.name).and_then(|definition| definition.health_check.as_ref());
        match check {
            Some(check) => finding.summary.push_str(&format!(
                " {}'s check is `{}`, every {} s, {} failures in a row, {} s to start.",
                container.name,
                check.command.join(" "),
                check.interval,
                check.retries,
                check.start_period
            )),
            None => finding.summary.push_str(&format!(" It was {}'s.", container.name)),
        }
    }
    finding.summary.push_str(" What the check printed is in no API; 0 means healthy, 1 unhealthy.");
    finding.next_steps.push(NextStep::run("Read what the application wrote while it failed", commands::ecs_trace("logs", &timeline.evidence.task)));
    if let Some(command) = commands::describe_task_definition(&timeline.evidence.task) {
        finding.next_steps.push(NextStep::run("See the health check", command));
    }
    finding.into()
}

/// The container ECS calls UNHEALTHY; else the only one that has a check at all.
fn unhealthy(timeline: &Timeline) -> Option<&Container> {
    let containers = &timeline.evidence.task.containers;
    if let Some(container) = containers.iter().find(|container| container.health_status.as_deref() == Some("UNHEALTHY")) {
        return Some(container);
    }
    let mut checked = containers.iter().filter(|container| timeline.definition_of(&container.name).is_some_and(|definition| definition.health_check.is_some()));
    checked.next().filter(|_| checked.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::Source;

    #[test]
    fn ecs_says_so() {
        assert_eq!(verdict(stopped("ServiceSchedulerInitiated", "Task failed container health checks", Some(143))), "container-health-check - certain");
    }

    #[test]
    fn a_load_balancers_check_is_another_cause() {
        assert!(!verdict(stopped("ServiceSchedulerInitiated", "Task failed ELB health checks in (elb web)", Some(143))).starts_with("container"));
    }

    #[test]
    fn the_unhealthy_container_is_named_even_without_the_service() {
        let mut evidence = hide(stopped("ServiceSchedulerInitiated", "Task failed container health checks", Some(143)), Source::Service);
        evidence.task.containers[0].health_status = Some("UNHEALTHY".to_owned());
        assert_eq!(judged(evidence).verdict.container.as_deref(), Some("app"));
    }
}
