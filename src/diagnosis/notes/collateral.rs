//! The other containers of a task that one container's end brought down.

use super::super::task::{Container, StopCode};
use super::super::timeline::{Timeline, is_essential};
use super::super::verdict::{Cause, Note};
use super::super::words;

pub(super) fn note(timeline: &Timeline, cause: Cause, culprit: Option<&str>) -> Option<Note> {
    let by_itself = matches!(timeline.stop_code(), Some(StopCode::EssentialContainerExited)) && cause != Cause::Unknown;
    let culprit = culprit.filter(|_| by_itself)?;
    let others: Vec<&Container> =
        timeline.evidence.task.containers.iter().filter(|container| container.name != culprit && container.has_ended() && !ended_for_itself(timeline, container)).collect();
    if others.is_empty() {
        return None;
    }
    let told: Vec<String> = others
        .iter()
        .map(|container| {
            let code = container.exit_code.map(|code| format!(" ({code})")).unwrap_or_default();
            let injected = container.injected_by().map(|by| format!(", put there by {by}")).unwrap_or_default();
            let optional = if is_essential(&timeline.evidence, container) { "" } else { ", not essential" };
            format!("{}{code}{injected}{optional}", container.name)
        })
        .collect();
    let lines = others.iter().filter_map(|container| timeline.container_line(&container.name)).map(|line| line.n).collect();
    Some(Note { code: "collateral", text: format!("Ended with it: {}.", words::list(&told)), evidence: lines })
}

/// Its end came first and is no consequence: another container waited for it, or the kernel killed it.
fn ended_for_itself(timeline: &Timeline, container: &Container) -> bool {
    let awaited = |(name, condition): &(String, String)| *name == container.name && matches!(condition.as_str(), "COMPLETE" | "SUCCESS");
    container.was_killed_for_memory()
        || container.exit_code == Some(0) && timeline.evidence.definition.iter().flat_map(|definition| &definition.containers).any(|other| other.depends_on.iter().any(awaited))
}

#[cfg(test)]
mod tests {
    use super::super::super::evidence::Evidence;
    use super::super::super::rules::fixtures::*;
    use super::super::super::task::ContainerDefinition;
    use super::*;

    fn with(code: &str, name: &str, exit: i64) -> Evidence {
        let mut evidence = stopped(code, if code == "UserInitiated" { "Task stopped by user" } else { "Essential container in task exited" }, Some(1));
        evidence.task.containers.push(Container { name: name.to_owned(), exit_code: Some(exit), ..Container::default() });
        evidence
    }

    fn told(evidence: Evidence) -> Option<String> {
        judged(evidence).verdict.notes.into_iter().find(|note| note.code == "collateral").map(|note| note.text)
    }

    #[test]
    fn a_sidecar_that_ended_with_it_is_told_with_who_put_it_there() {
        assert_eq!(
            told(with("EssentialContainerExited", "ecs-service-connect-x1", 143)).as_deref(),
            Some("Ended with it: ecs-service-connect-x1 (143), put there by Service Connect.")
        );
    }

    #[test]
    fn what_an_order_ended_is_no_collateral() {
        assert_eq!(told(with("UserInitiated", "ecs-service-connect-x1", 143)), None);
    }

    #[test]
    fn a_container_that_was_awaited_and_done_did_not_end_with_it() {
        let mut evidence = with("EssentialContainerExited", "migrate", 0);
        let definition = evidence.definition.as_mut().expect("a definition");
        definition.containers[0].depends_on = vec![("migrate".to_owned(), "SUCCESS".to_owned())];
        definition.containers.push(ContainerDefinition { name: "migrate".to_owned(), ..ContainerDefinition::default() });
        assert_eq!(told(evidence), None);
    }
}
