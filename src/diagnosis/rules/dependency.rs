//! A container that another one waits for failed, or never became healthy.

use super::super::commands;
use super::super::start_failure::{self, Kind, Reader, Told, kind, says};
use super::super::stopped_by::StoppedBy;
use super::super::task::{Container, StopCode};
use super::super::timeline::{Timeline, is_essential};
use super::super::verdict::{Cause, Confidence, Judgement, NextStep, Rule};
use super::last_words;

pub const RULE: Rule = Rule { cause: Cause::Dependency, details: &[], about: "a container it depends on failed, or never became healthy", judge };

pub const READER: Reader = Reader { cause: Cause::Dependency, kinds: KINDS, reads };

const KINDS: &[Kind] = &[kind(
    None,
    "TaskDependencyError",
    "a container it depends on failed, or never became healthy",
    "Look at dependsOn of the task definition, and at the log of the container that was waited for.",
    &["taskdependencyerror", "dependencies cannot be resolved", "container ordering", "dependency container", "dependson", "depends on"],
)];

fn reads(plain: &str) -> Option<&'static Kind> {
    let of_a_dependency =
        says(plain, &["dependency"]) && says(plain, &["container", "task"]) && says(plain, &["healthy", "condition", "timed out", "failed", "not satisfied", "resolve"]);
    start_failure::first(KINDS, plain).or_else(|| of_a_dependency.then(|| &KINDS[0]))
}

/// A container that never started beside the one its definition makes it wait for, which failed.
pub fn unmet(timeline: &Timeline) -> Option<Told> {
    if !matches!(timeline.stop_code(), None | Some(StopCode::TaskFailedToStart | StopCode::EssentialContainerExited)) {
        return None;
    }
    let waited_for = failed_dependency(timeline)?;
    // Where an essential container ran and ended, its own end stopped the task.
    let ran = |container: &Container| container.exit_code.is_some() && is_essential(&timeline.evidence, container);
    if matches!(timeline.stop_code(), Some(StopCode::EssentialContainerExited)) && timeline.evidence.task.containers.iter().any(ran) {
        return None;
    }
    let line = timeline.container_line(&waited_for.name)?;
    Some(Told { cause: Cause::Dependency, kind: &KINDS[0], text: line.event.text(), n: line.n, container: Some(waited_for.name.clone()), of_service: false })
}

/// The container somebody waits for and whose state breaks the condition.
fn failed_dependency(timeline: &Timeline) -> Option<&Container> {
    let evidence = &timeline.evidence;
    let state = |name: &str| evidence.task.containers.iter().find(|container| container.name == name);
    let definitions = evidence.definition.iter().flat_map(|definition| &definition.containers);
    let waits = definitions.filter(|defined| state(&defined.name).is_none_or(|container| container.exit_code.is_none()));
    waits.flat_map(|defined| &defined.depends_on).find_map(|(name, condition)| {
        let container = state(name)?;
        let failed = container.exit_code.is_some_and(|code| code != 0);
        let broken = match condition.as_str() {
            "HEALTHY" => container.health_status.as_deref() == Some("UNHEALTHY") || container.exit_code.is_some(),
            "SUCCESS" => failed,
            // START and COMPLETE are met by any start and any end.
            _ => false,
        };
        broken.then_some(container)
    })
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(told) = start_failure::of_cause(timeline, Cause::Dependency) else { return Judgement::No };
    let task = &timeline.evidence.task;
    let mut finding = told.finding(timeline, "A container it waits for failed");
    // AWS's own word names the dependency; an inferred one is a step further.
    let inferred = !read_by_aws(&told);
    let culprit = if inferred { told.container.clone() } else { failed_dependency(timeline).map(|container| container.name.clone()).or_else(|| named_in(timeline, &told)) };
    if inferred {
        finding.confidence = Confidence::Likely;
        finding.summary =
            format!("A container waits for {} by dependsOn and never started, since that failed: {} [{}].", culprit.as_deref().unwrap_or("another"), told.quoted(), told.n);
    } else {
        let which = culprit.as_ref().map(|name| format!(" It is container {name}.")).unwrap_or_default();
        finding.summary = format!("The task could not start: {} [{}].{which} AWS's words: “{}”.", told.kind.entry.means, told.n, told.quoted());
    }
    if let Some(name) = &culprit {
        finding.evidence.extend(timeline.container_line(name).map(|line| line.n));
        if let Some((line, _)) = timeline.log_lines(name).next_back() {
            finding.summary.push_str(&format!(" Its last line: {} [{}].", line.event.quoted(), line.n));
            finding.evidence.push(line.n);
        }
    }
    finding.next_steps.extend(last_words(timeline, culprit.as_deref(), "Read its last words"));
    finding.container = culprit;
    if let Some(command) = commands::describe_task_definition(task) {
        finding.next_steps.push(NextStep::run("See dependsOn, startTimeout and the health check", command));
    }
    finding.into()
}

fn read_by_aws(told: &Told) -> bool {
    start_failure::read(&told.text).is_some_and(|(cause, _)| cause == Cause::Dependency)
}

/// A container of the task that AWS's text names and that is not the one it was said of.
fn named_in(timeline: &Timeline, told: &Told) -> Option<String> {
    let containers = &timeline.evidence.task.containers;
    let words: Vec<&str> = told.text.split(|letter: char| !(letter.is_alphanumeric() || letter == '-' || letter == '_')).collect();
    containers
        .iter()
        .find(|container| words.contains(&container.name.as_str()) && told.container.as_deref() != Some(container.name.as_str()))
        .map(|container| container.name.clone())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::Evidence;
    use crate::diagnosis::task::{Container, ContainerDefinition};

    fn waiting(condition: &str, exit: Option<i64>) -> Evidence {
        let mut evidence = stopped("TaskFailedToStart", "Task failed to start", None);
        evidence.task.containers.push(Container { name: "migrate".to_owned(), exit_code: exit, last_status: Some("STOPPED".to_owned()), ..Container::default() });
        let definition = evidence.definition.as_mut().expect("a definition");
        definition.containers[0].depends_on = vec![("migrate".to_owned(), condition.to_owned())];
        definition.containers.push(ContainerDefinition { name: "migrate".to_owned(), ..ContainerDefinition::default() });
        evidence
    }

    #[test]
    fn aws_says_so() {
        assert_eq!(verdict(stopped("TaskFailedToStart", "TaskDependencyError: Task dependencies cannot be resolved, taskArn: arn:x", None)), "dependency - certain");
    }

    #[test]
    fn a_step_that_had_to_succeed_and_did_not_is_named() {
        let trace = judged(waiting("SUCCESS", Some(1)));
        assert_eq!((trace.verdict.cause.as_str(), trace.verdict.container.as_deref(), trace.verdict.confidence.as_str()), ("dependency", Some("migrate"), "likely"));
    }

    #[test]
    fn a_step_that_only_had_to_end_is_no_failed_dependency() {
        assert!(verdict(waiting("COMPLETE", Some(1))).starts_with("unknown"));
    }

    #[test]
    fn without_the_definition_nothing_is_claimed() {
        let mut evidence = waiting("SUCCESS", Some(1));
        evidence.definition = None;
        assert!(!verdict(evidence).starts_with("dependency"));
    }

    #[test]
    fn a_task_whose_essential_container_never_ran_ended_for_what_it_waited_for() {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", None);
        evidence.task.containers.push(Container { name: "migrate".to_owned(), exit_code: Some(1), ..Container::default() });
        let definition = evidence.definition.as_mut().expect("a definition");
        definition.containers[0].depends_on = vec![("migrate".to_owned(), "SUCCESS".to_owned())];
        definition.containers.push(ContainerDefinition { name: "migrate".to_owned(), essential: false, ..ContainerDefinition::default() });
        assert!(verdict(evidence).starts_with("dependency"));
    }
}
