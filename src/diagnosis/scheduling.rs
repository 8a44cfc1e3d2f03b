//! What the service scheduler was doing when it stopped a task: replacing it, or wanting fewer.
//!
//! ECS prints `Scaling activity initiated by (deployment …)` for both, so the text decides nothing: the
//! deployments do. Which task a scale-in takes is in no API; nothing here claims to know.

use jiff::Timestamp;

use super::service::{Deployment, FORGOTTEN, MessageKind, Service, ServiceDeployment, ServiceMessage, in_parentheses};
use super::task::Task;

/// Why the scheduler stopped this one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Story {
    /// A newer deployment replaced the task's own.
    Replaced(Change),
    /// The task's own deployment failed and another was put back.
    RolledBack {
        /// What was put back; empty where it is not known.
        change: Change,
        /// The task's own deployment.
        failed: Change,
        /// When the way back began.
        since: Option<Timestamp>,
        how: Rollback,
    },
    /// No newer deployment: the service wanted fewer tasks.
    FewerWanted,
    ServiceDeleted,
    /// Moved to another zone; the message is in the service's events.
    Rebalanced,
    /// Cannot be told apart, and why.
    Unclear(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollback {
    CircuitBreaker,
    Alarm,
    Manual,
}

/// One deployment taking another's place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// `ecs-svc/<digits>` of the newer one, or the ARN of a service deployment whose digits are unknown.
    pub id: String,
    pub created_at: Option<Timestamp>,
    /// `family:revision` of the newer one, where it is told.
    pub definition: Option<String>,
}

/// Milliseconds around the stop in which a started task is the stopped one's replacement.
const REPLACED_WITHIN: i64 = 60_000;
/// A deployment that was over so long before the stop stopped nothing any more.
const OVER_FOR: i64 = 60_000;
/// ECS's times of a stop and of the way back that led to it may lie so far apart in the wrong order.
const BACK_MAY_TRAIL_BY: i64 = 5_000;
/// The way back begins in the moment in which ECS gives a deployment up.
const PUT_BACK_WITHIN: i64 = 60_000;
/// ECS moves a task between zones minutes after it has told that it will.
const REBALANCES_WITHIN: i64 = 600_000;

/// Whether ECS's reason is the one it gives for replacement and scale-in alike.
#[must_use]
pub fn is_scaling_reason(reason: &str) -> bool {
    reason.contains("Scaling activity initiated by")
}

/// Tells the story from the deployments that are known; a history that was not read is empty.
#[must_use]
pub fn story(task: &Task, service: Option<&Service>, history: &[ServiceDeployment]) -> Story {
    let Some(stop) = task.stop_anchor() else { return Story::Unclear("ECS gives no time for the stop".to_owned()) };
    if let Some(service) = service {
        let moved = service
            .messages
            .iter()
            .any(|message| message.kind == MessageKind::Rebalancing && message.tasks.contains(&task.id) && message.text.to_ascii_lowercase().contains("stopped"));
        if moved {
            return Story::Rebalanced;
        }
    }
    let own = task.started_by.as_deref().and_then(|by| by.strip_prefix("ecs-svc/"));
    let replacing = newer_deployment(task, own, service, stop);
    let from_history = newer_in_history(task, own, history, stop);
    let failed = own.and_then(|own| how_own_failed(task, own, service, history, stop).or_else(|| failed_by_message(task, own, service?, history, stop)));
    let change = match (replacing, from_history) {
        (Some(deployment), _) => Some(Change { id: deployment.id.clone(), created_at: deployment.created_at, definition: deployment.definition.clone() }),
        (None, Some(deployment)) => Some(Change {
            id: deployment.target_revision.as_ref().map_or_else(|| deployment.arn.clone(), |digits| format!("ecs-svc/{digits}")),
            created_at: deployment.created_at,
            definition: deployment.target_definition.clone(),
        }),
        (None, None) => None,
    };
    match (change, failed, service) {
        (change, Some(failure), _) => {
            let change = change.unwrap_or_default();
            let since = failure.since.or(change.created_at);
            // What ECS itself names is what took the place; an event of the way back may name what it went back to.
            let change = match stopped_for_another(task) {
                Some(id) if id != change.id => Change { id, ..Change::default() },
                _ => change,
            };
            Story::RolledBack { change, failed: failure.deployment, since, how: failure.how }
        }
        (Some(change), None, _) => Story::Replaced(change),
        // A deletion after the stop explains nothing that a deployment already does.
        (None, None, Some(service)) if matches!(service.status.as_str(), "DRAINING" | "INACTIVE" | FORGOTTEN) => Story::ServiceDeleted,
        (None, None, None) => Story::Unclear("the service and its deployments could not be read".to_owned()),
        (None, None, Some(service)) if service.is_daemon => {
            Story::Unclear("a daemon service has no count to lower: its tasks go with their instances, or for a deployment".to_owned())
        }
        (None, None, Some(service)) => {
            let listed = own.is_some_and(|own| service.deployments.iter().any(|deployment| digits(&deployment.id) == own));
            let at_once = |message: &ServiceMessage| message.kind == MessageKind::Started && (message.at.as_millisecond() - stop.as_millisecond()).abs() <= REPLACED_WITHIN;
            if own.is_none() {
                Story::Unclear("ECS does not tell which deployment started the task".to_owned())
            } else if !listed {
                Story::Unclear("the task's own deployment is no longer listed, nor is one that replaced it".to_owned())
            } else if service.messages.iter().any(|message| is_rebalancing(message, stop)) {
                Story::Unclear("ECS was moving the service's tasks between zones at that time, and names none of them".to_owned())
            } else if service.messages.iter().any(at_once) {
                Story::Unclear("another task was started in the same minute, which a service that wants fewer does not do".to_owned())
            } else {
                Story::FewerWanted
            }
        }
    }
}

/// The deployment for which ECS says that it stopped the task, where that is not the task's own.
#[must_use]
pub fn stopped_for_another(task: &Task) -> Option<String> {
    let own = task.started_by.as_deref().and_then(|by| by.strip_prefix("ecs-svc/"))?;
    let named = task.stopped_reason.as_deref().and_then(|reason| in_parentheses(reason, "deployment")).map(digits)?;
    (named != own && !named.is_empty()).then(|| format!("ecs-svc/{named}"))
}

/// The newest deployment that came after the task and before its stop and is not its own.
fn newer_deployment<'a>(task: &Task, own: Option<&str>, service: Option<&'a Service>, stop: Timestamp) -> Option<&'a Deployment> {
    let deployments = &service?.deployments;
    let own_created = deployments.iter().find(|deployment| Some(digits(&deployment.id)) == own).and_then(|deployment| deployment.created_at);
    // A long rollout still starts tasks of the old deployment: the task may be younger than what replaced it.
    let after = own_created.or(task.times.created);
    // The reason names a deployment; where that is not the task's own, ECS itself says which one replaced it.
    let named = task.stopped_reason.as_deref().and_then(|reason| in_parentheses(reason, "deployment")).map(digits).filter(|_| own.is_some());
    if let Some(told) = deployments.iter().find(|deployment| named == Some(digits(&deployment.id)) && named != own) {
        return Some(told);
    }
    // Of several task sets the primary one took over; a newer one beside it may be a trial.
    let took_over = |deployment: &Deployment| service.is_some_and(Service::uses_task_sets) && deployment.status == "PRIMARY";
    deployments
        .iter()
        .filter(|deployment| Some(digits(&deployment.id)) != own)
        .filter(|deployment| own.is_some() || is_another(task, deployment.definition.as_deref()))
        .filter(|deployment| deployment.created_at.is_some_and(|at| Some(at) > after && at.as_millisecond() <= stop.as_millisecond() + 2_000))
        .max_by_key(|deployment| (took_over(deployment), deployment.created_at))
}

/// Whether a deployment brings what the task is not: all that tells it from the task's own where ECS does not name that.
fn is_another(task: &Task, definition: Option<&str>) -> bool {
    task.times.created.is_some() && definition.is_some() && task.definition_name().is_some_and(|own| Some(own.as_str()) != definition)
}

/// Whether ECS tells that it began to move tasks between zones, without saying which one it stopped.
fn is_rebalancing(message: &ServiceMessage, stop: Timestamp) -> bool {
    let text = message.text.to_ascii_lowercase();
    let lead = stop.as_millisecond() - message.at.as_millisecond();
    let has_begun =
        text.contains("not az balanced") || text.contains("rebalancing_started") || text.contains("has started") || text.contains("has stopped") && message.tasks.is_empty();
    message.kind == MessageKind::Rebalancing && has_begun && (-REPLACED_WITHIN..=REBALANCES_WITHIN).contains(&lead)
}

fn newer_in_history<'a>(task: &Task, own: Option<&str>, history: &'a [ServiceDeployment], stop: Timestamp) -> Option<&'a ServiceDeployment> {
    history
        .iter()
        .filter(|deployment| deployment.target_revision.as_deref() != own)
        .filter(|deployment| own.is_some() || is_another(task, deployment.target_definition.as_deref()))
        .filter(|deployment| deployment.created_at.is_some_and(|at| Some(at) > task.times.created && at.as_millisecond() <= stop.as_millisecond() + 2_000))
        .filter(|deployment| !was_over(deployment, stop))
        .max_by_key(|deployment| deployment.created_at)
}

/// Whether it no longer stopped tasks for what it brought: it had finished, or was being undone.
fn was_over(deployment: &ServiceDeployment, stop: Timestamp) -> bool {
    let finished = deployment.finished_at.is_some_and(|at| at.as_millisecond() + OVER_FOR < stop.as_millisecond());
    let undone = deployment.rollback.as_ref().and_then(|rollback| rollback.started_at).is_some_and(|at| at < stop);
    finished || undone
}

struct Failure {
    deployment: Change,
    since: Option<Timestamp>,
    how: Rollback,
}

/// How the task's own deployment failed, where ECS says that it did.
fn how_own_failed(task: &Task, own: &str, service: Option<&Service>, history: &[ServiceDeployment], stop: Timestamp) -> Option<Failure> {
    let id = format!("ecs-svc/{own}");
    let listed = service.and_then(|service| service.deployments.iter().find(|deployment| digits(&deployment.id) == own));
    let definition = listed.and_then(|deployment| deployment.definition.clone());
    if let Some(mine) = history.iter().find(|deployment| deployment.target_revision.as_deref() == Some(own)) {
        if !mine.status.starts_with("ROLLBACK") && mine.rollback.is_none() {
            return None;
        }
        let says = |word: &str| {
            [&mine.status_reason, &mine.rollback.as_ref().and_then(|rollback| rollback.reason.clone())]
                .into_iter()
                .flatten()
                .any(|reason| reason.to_ascii_lowercase().contains(word))
        };
        let how = if mine.circuit_breaker.as_deref() == Some("TRIGGERED") || says("circuit breaker") {
            Rollback::CircuitBreaker
        } else if !mine.alarms_triggered.is_empty() || says("alarm") {
            Rollback::Alarm
        } else {
            Rollback::Manual
        };
        let since = mine.rollback.as_ref().and_then(|rollback| rollback.started_at);
        // A way back that began after the stop led to nothing before it.
        if since.is_some_and(|since| since.as_millisecond() > stop.as_millisecond() + BACK_MAY_TRAIL_BY) {
            return None;
        }
        return Some(Failure { deployment: Change { id, created_at: mine.created_at, definition }, since, how });
    }
    let mine = listed?;
    let newer = service?.deployments.iter().filter(|deployment| deployment.created_at > mine.created_at && !brings_newer(task, deployment.definition.as_deref()));
    let newer = newer.map(|deployment| deployment.created_at).min()?;
    let failed = mine.rollout_state.as_deref() == Some("FAILED");
    let by_alarm = mine.rollout_reason.as_deref().is_some_and(|reason| reason.to_ascii_lowercase().contains("alarm"));
    let how = if by_alarm { Rollback::Alarm } else { Rollback::CircuitBreaker };
    failed.then_some(Failure { deployment: Change { id, created_at: mine.created_at, definition }, since: newer, how })
}

/// The same from the service's events, which stay when the deployment is no longer listed.
fn failed_by_message(task: &Task, own: &str, service: &Service, history: &[ServiceDeployment], stop: Timestamp) -> Option<Failure> {
    if history.iter().any(|deployment| deployment.target_revision.as_deref() == Some(own)) {
        return None;
    }
    let id = format!("ecs-svc/{own}");
    let put_back = task.stopped_reason.as_deref().and_then(|reason| in_parentheses(reason, "deployment")).filter(|named| digits(named) != own);
    let names = |message: &ServiceMessage, id: &str| in_parentheses(&message.text, "deployment") == Some(id) || message.text.split([' ', '.', ',', ')']).any(|word| word == id);
    let until_stop = || service.messages.iter().filter(|message| message.at.as_millisecond() <= stop.as_millisecond() + 2_000);
    // One that brings a newer revision, or began long after the failure, is no way back: somebody began it.
    let listed = put_back.and_then(|named| service.deployments.iter().find(|deployment| digits(&deployment.id) == digits(named)));
    if listed.is_some_and(|deployment| brings_newer(task, deployment.definition.as_deref())) {
        return None;
    }
    // Without a way back a failed deployment keeps its tasks.
    if put_back.is_none() && !until_stop().any(|message| message.kind == MessageKind::RollingBack) {
        return None;
    }
    let told = until_stop().find(|message| match message.kind {
        MessageKind::DeploymentFailed => names(message, &id),
        MessageKind::RollingBack => put_back.is_some_and(|put_back| names(message, put_back)),
        _ => false,
    })?;
    let is_later = |deployment: &Deployment| deployment.created_at.is_some_and(|at| at.as_millisecond() > told.at.as_millisecond() + PUT_BACK_WITHIN);
    if told.kind == MessageKind::DeploymentFailed && listed.is_some_and(is_later) {
        return None;
    }
    let by_alarm = service
        .messages
        .iter()
        .filter(|message| matches!(message.kind, MessageKind::DeploymentFailed | MessageKind::RollingBack))
        .any(|message| (names(message, &id) || message.id == told.id) && message.text.to_ascii_lowercase().contains("alarm"));
    let how = if by_alarm { Rollback::Alarm } else { Rollback::CircuitBreaker };
    Some(Failure { deployment: Change { id, created_at: None, definition: task.definition_name() }, since: Some(told.at), how })
}

/// Whether a deployment brings a later revision of the task's own family: a way back brings an earlier one.
pub fn brings_newer(task: &Task, definition: Option<&str>) -> bool {
    let brought = definition.and_then(|name| name.rsplit_once(':')).and_then(|(family, revision)| Some((family, revision.parse::<i64>().ok()?)));
    brought.zip(task.revision).is_some_and(|((family, new), own)| Some(family) == task.family.as_deref() && new > own)
}

/// `123` of `ecs-svc/123`.
#[must_use]
pub fn digits(id: &str) -> &str {
    super::task::last_segment(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(second).expect("a time"))
    }

    fn task() -> Task {
        let mut task = Task { started_by: Some("ecs-svc/1".into()), ..Task::default() };
        task.times.created = at(100);
        task.times.stopping = at(1_000);
        task
    }

    fn deployment(id: &str, created: i64, state: &str) -> Deployment {
        Deployment { id: format!("ecs-svc/{id}"), created_at: at(created), rollout_state: Some(state.into()), ..Deployment::default() }
    }

    fn service(deployments: Vec<Deployment>) -> Service {
        Service { status: "ACTIVE".into(), deployments, ..Service::default() }
    }

    #[test]
    fn a_newer_deployment_before_the_stop_replaced_the_task() {
        let story = story(&task(), Some(&service(vec![deployment("2", 900, "IN_PROGRESS"), deployment("1", 50, "COMPLETED")])), &[]);
        assert!(matches!(story, Story::Replaced(change) if change.id == "ecs-svc/2"));
    }

    #[test]
    fn a_task_whose_own_deployment_is_not_told_is_replaced_only_by_what_brings_another_revision() {
        let untold = Task {
            started_by: None,
            family: Some("web".into()),
            revision: Some(41),
            stopped_reason: Some("Scaling activity initiated by (deployment ecs-svc/1)".into()),
            ..task()
        };
        let brings = |id: &str, created: i64, definition: &str| Deployment { definition: Some(definition.into()), ..deployment(id, created, "COMPLETED") };
        let told = |deployments: Vec<Deployment>| story(&untold, Some(&service(deployments)), &[]);
        assert!(matches!(told(vec![brings("1", 50, "web:41")]), Story::Unclear(_)), "ECS names the task's own one for a scale-in, too");
        assert!(matches!(told(vec![brings("1", 500, "web:41")]), Story::Unclear(_)), "a scale-in after a deployment of the same revision");
        assert!(matches!(told(vec![brings("2", 900, "web:42"), brings("1", 50, "web:41")]), Story::Replaced(change) if change.id == "ecs-svc/2"));
    }

    #[test]
    fn with_only_its_own_deployment_the_service_wanted_fewer() {
        assert_eq!(story(&task(), Some(&service(vec![deployment("1", 50, "COMPLETED")])), &[]), Story::FewerWanted);
    }

    #[test]
    fn a_task_started_in_its_place_at_once_is_no_scale_in() {
        let mut moved = service(vec![deployment("1", 50, "COMPLETED")]);
        let started = |second: i64| ServiceMessage::read("e", at(second).expect("a time"), "(service web) has started 1 tasks: (task 6cf721bbfe204243ad7edae943867298).");
        moved.messages = vec![started(980)];
        assert!(matches!(story(&task(), Some(&moved), &[]), Story::Unclear(_)));
        moved.messages = vec![started(600)];
        assert_eq!(story(&task(), Some(&moved), &[]), Story::FewerWanted);
    }

    #[test]
    fn a_deployment_after_the_stop_explains_nothing() {
        assert_eq!(story(&task(), Some(&service(vec![deployment("2", 1_500, "IN_PROGRESS"), deployment("1", 50, "COMPLETED")])), &[]), Story::FewerWanted);
    }

    #[test]
    fn a_failed_deployment_with_a_newer_one_was_rolled_back() {
        let story = story(&task(), Some(&service(vec![deployment("2", 900, "IN_PROGRESS"), deployment("1", 50, "FAILED")])), &[]);
        assert!(matches!(story, Story::RolledBack { how: Rollback::CircuitBreaker, .. }));
    }

    #[test]
    fn a_deployment_that_brings_a_newer_revision_or_began_long_after_the_failure_is_no_way_back() {
        let own = Task { family: Some("web".into()), revision: Some(42), ..task() };
        let brings = |definition: &str| Deployment { definition: Some(definition.into()), ..deployment("2", 900, "COMPLETED") };
        let told = |newer: Deployment| story(&own, Some(&service(vec![newer, deployment("1", 50, "FAILED")])), &[]);
        assert!(matches!(told(brings("web:43")), Story::Replaced(change) if change.id == "ecs-svc/2"));
        assert!(matches!(told(brings("web:41")), Story::RolledBack { .. }));
        // By the service's events alone.
        let named = Task { stopped_reason: Some("Scaling activity initiated by (deployment ecs-svc/2)".into()), ..own };
        let told = |failed: i64, newer: Deployment| {
            let mut unlisted = service(vec![newer]);
            unlisted.messages = vec![ServiceMessage::read("e", at(failed).expect("a time"), "(service web) (deployment ecs-svc/1) deployment failed: tasks failed to start.")];
            story(&named, Some(&unlisted), &[])
        };
        assert!(matches!(told(890, brings("web:43")), Story::Replaced(_)));
        assert!(matches!(told(100, brings("web:41")), Story::Replaced(_)), "a quarter of an hour later");
        assert!(matches!(told(895, brings("web:41")), Story::RolledBack { .. }));
    }

    #[test]
    fn a_deployment_explains_a_stop_before_the_service_was_deleted() {
        let mut gone = service(vec![deployment("2", 900, "COMPLETED"), deployment("1", 50, "COMPLETED")]);
        gone.status = "INACTIVE".into();
        assert!(matches!(story(&task(), Some(&gone), &[]), Story::Replaced(change) if change.id == "ecs-svc/2"));
        gone.deployments.clear();
        assert_eq!(story(&task(), Some(&gone), &[]), Story::ServiceDeleted);
    }

    #[test]
    fn without_the_service_nothing_is_claimed() {
        assert!(matches!(story(&task(), None, &[]), Story::Unclear(_)));
    }

    #[test]
    fn an_unlisted_own_deployment_without_a_successor_is_not_a_scale_in() {
        assert!(matches!(story(&task(), Some(&service(vec![deployment("3", 50, "COMPLETED")])), &[]), Story::Unclear(_)));
    }

    fn of_history(target: &str, created: i64) -> ServiceDeployment {
        ServiceDeployment { target_revision: Some(target.into()), created_at: at(created), status: "SUCCESSFUL".into(), ..ServiceDeployment::default() }
    }

    #[test]
    fn a_deployment_that_was_over_or_undone_before_the_stop_replaced_nothing_any_more() {
        let own = service(vec![deployment("1", 50, "COMPLETED")]);
        assert!(matches!(story(&task(), Some(&own), &[of_history("2", 500)]), Story::Replaced(_)));
        let over = ServiceDeployment { finished_at: at(900), ..of_history("2", 500) };
        assert_eq!(story(&task(), Some(&own), &[over]), Story::FewerWanted);
        let just_over = ServiceDeployment { finished_at: at(980), ..of_history("2", 500) };
        assert!(matches!(story(&task(), Some(&own), &[just_over]), Story::Replaced(_)));
        let undone = ServiceDeployment { rollback: Some(super::super::service::Rollback { started_at: at(800), reason: None }), ..of_history("2", 500) };
        assert_eq!(story(&task(), Some(&own), &[undone]), Story::FewerWanted);
    }

    #[test]
    fn a_daemon_service_wants_no_fewer() {
        let daemon = Service { is_daemon: true, ..service(vec![deployment("1", 50, "COMPLETED")]) };
        assert!(matches!(story(&task(), Some(&daemon), &[]), Story::Unclear(_)));
    }

    #[test]
    fn a_move_between_zones_that_names_no_task_may_have_been_this_one() {
        let mut moved = service(vec![deployment("1", 50, "COMPLETED")]);
        let told = |second: i64, text: &str| vec![ServiceMessage::read("e", at(second).expect("a time"), text)];
        moved.messages = told(900, "(service web) is not AZ balanced with 3 tasks in eu-west-1a, 1 tasks in eu-west-1b. AZ Rebalancing in progress.");
        assert!(matches!(story(&task(), Some(&moved), &[]), Story::Unclear(_)));
        moved.messages = told(300, "(service web) is not AZ balanced with 3 tasks in eu-west-1a, 1 tasks in eu-west-1b. AZ Rebalancing in progress.");
        assert_eq!(story(&task(), Some(&moved), &[]), Story::FewerWanted);
        moved.messages = told(900, "(service web) is AZ balanced with 2 tasks in eu-west-1a, 2 tasks in eu-west-1b.");
        assert_eq!(story(&task(), Some(&moved), &[]), Story::FewerWanted);
    }

    #[test]
    fn the_services_events_tell_of_a_rollback_that_is_no_longer_listed() {
        let rolled_back = |failed: &str| {
            let mut put_back = service(vec![deployment("2", 950, "IN_PROGRESS")]);
            let told = |text: &str| ServiceMessage::read("e", at(960).expect("a time"), text);
            put_back.messages = vec![told(failed), told("(service web) rolling back to deployment ecs-svc/2.")];
            let task = Task { stopped_reason: Some("Scaling activity initiated by (deployment ecs-svc/2)".into()), ..task() };
            story(&task, Some(&put_back), &[])
        };
        let failed = "(service web) (deployment ecs-svc/1) deployment failed: tasks failed to start.";
        assert!(matches!(rolled_back(failed), Story::RolledBack { how: Rollback::CircuitBreaker, .. }));
        assert!(matches!(rolled_back(&failed.replace("tasks failed to start", "alarm detected")), Story::RolledBack { how: Rollback::Alarm, .. }));
    }
}
