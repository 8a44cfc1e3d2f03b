//! ECS stopped the task because a container failed its own health check.

use super::super::commands;
use super::super::health_check::{self, Reckoning, Says};
use super::super::notes;
use super::super::stopped_by::StoppedBy;
use super::super::task::{Container, HealthCheck};
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::last_words;

pub const RULE: Rule = Rule { cause: Cause::ContainerHealthCheck, details: &[], about: "stopped for failing its own container health check", judge };

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
            Some(check) => finding.summary.push_str(&format!(" {}", settings(&container.name, check))),
            None => finding.summary.push_str(&format!(" It was {}'s.", container.name)),
        }
        if let Some((check, lived)) = check.zip(health_check::lived(timeline)) {
            let reckoning = Reckoning { spared: check.start_period, failing: check.interval * check.retries, hanging: check.timeout * check.retries, lived };
            finding.summary.push_str(&format!(" {}", reckoning.sentence("a start period")));
            if let Some(line) = health_check::still_starting(timeline).filter(|_| reckoning.says() == Says::NeverHealthy) {
                finding.evidence.push(line.n);
                finding.summary.push_str(&format!(" Its log still speaks of starting: {} [{}].", line.event.quoted(), line.n));
                finding
                    .next_steps
                    .push(NextStep::say(format!("If {} was still starting, give it a longer startPeriod (now {} s, at most 300).", container.name, check.start_period)));
            }
        }
    }
    // A starved container answers its own check late or not at all.
    if let Some((sentence, lines)) = notes::near_limits(timeline) {
        finding.evidence.extend(lines);
        finding.summary.push_str(&format!(" {sentence}"));
    }
    finding.summary.push_str(
        " What the check printed is in no API; its exit code 0 means healthy, 1 unhealthy, 2 is reserved, and any other fails it too (127: the command is not in the image).",
    );
    finding.next_steps.extend(last_words(timeline, finding.container.as_deref(), "Read what the application wrote while it failed"));
    if let Some(command) = commands::describe_task_definition(&timeline.evidence.task) {
        finding.next_steps.push(NextStep::run("See the health check", command));
    }
    finding.into()
}

/// `app's check is `…`, every 30 s with 5 s to answer; 3 failures in a row, 90 s, make it unhealthy.`
fn settings(container: &str, check: &HealthCheck) -> String {
    let start = if check.start_period > 0 { format!("; those of its first {} s do not count", check.start_period) } else { String::new() };
    let HealthCheck { interval, timeout, retries, .. } = check;
    format!(
        "{container}'s check is `{}`, every {interval} s with {timeout} s to answer; {retries} failures in a row, {} s, make it unhealthy{start}.",
        check.command.join(" "),
        interval * retries
    )
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
    use crate::diagnosis::event::Level;
    use crate::diagnosis::evidence::Source;
    use crate::diagnosis::task::HealthCheck;

    #[test]
    fn ecs_says_so() {
        assert_eq!(verdict(stopped("ServiceSchedulerInitiated", "Task failed container health checks", Some(143))), "container-health-check - certain");
    }

    #[test]
    fn a_load_balancers_check_is_another_cause() {
        assert!(!verdict(stopped("ServiceSchedulerInitiated", "Task failed ELB health checks in (elb web)", Some(143))).starts_with("container"));
    }

    #[test]
    fn the_arithmetic_of_the_check_tells_a_task_that_never_passed_from_one_that_once_did() {
        let with = |lived: i64| {
            let mut evidence = stopped("ServiceSchedulerInitiated", "Task failed container health checks", Some(143));
            evidence.task.times.started = Some(at(-lived * 1000));
            let check = HealthCheck { command: vec!["CMD".to_owned(), "/check".to_owned()], interval: 10, timeout: 5, retries: 3, start_period: 20 };
            evidence.definition.as_mut().expect("a definition").containers[0].health_check = Some(check);
            judged(logged(evidence, -5_000, Level::Info, "warming caches, 40 %", false)).verdict
        };
        let (young, old) = (with(70), with(40_000));
        assert!(young.summary.contains("50 s after RUNNING: by that it was never healthy") && young.summary.contains("warming caches"), "{}", young.summary);
        assert!(old.summary.contains("healthy before") && !old.summary.contains("warming"), "{}", old.summary);
        assert_eq!(young.container.as_deref(), Some("app"));
    }

    #[test]
    fn the_unhealthy_container_is_named_even_without_the_service() {
        let mut evidence = hide(stopped("ServiceSchedulerInitiated", "Task failed container health checks", Some(143)), Source::Service);
        evidence.task.containers[0].health_status = Some("UNHEALTHY".to_owned());
        assert_eq!(judged(evidence).verdict.container.as_deref(), Some("app"));
    }
}
