//! What CloudTrail still knows of the task itself where others have forgotten it: how its agent said it ended, which
//! service events a later answer kept, when a load balancer was told of it.
//!
//! Each costs a look-up of the two a second, so each is made only where it can change the answer, or where it was
//! asked for.

use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::call::REPORTS;
use crate::diagnosis::scheduling;
use crate::diagnosis::service::{Service, in_parentheses};
use crate::diagnosis::stopped_by::host_calls;
use crate::diagnosis::task::{StopCode, Task};

use super::super::Asking;
use super::chain::{Search, of_the_start};
use super::subject::Subject;

/// An agent tells an end within seconds; its host's clock is another than ECS's.
const REPORT_LEADS_BY: SignedDuration = SignedDuration::from_secs(30);
const REPORT_TRAILS_BY: SignedDuration = SignedDuration::from_secs(60);
/// A service keeps a hundred events: an answer of the next hours still holds those of the stop.
const EVENTS_STAY_FOR: [SignedDuration; 3] = [SignedDuration::from_mins(10), SignedDuration::from_hours(1), SignedDuration::from_hours(12)];
/// A target is registered once its container runs, and taken out before or after the order to stop.
const REGISTERED_WITHIN: SignedDuration = SignedDuration::from_mins(10);
const TAKEN_OUT_BEFORE: SignedDuration = SignedDuration::from_mins(10);
const TAKEN_OUT_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// Busy clusters make hundreds of these calls a minute: they are not worth a minute of looking.
const MOST_PAGES: usize = 8;

/// The look-ups that can tell something of this task which no other witness does; with `--deep` all there are.
pub(super) async fn of_the_memory(asking: &Asking<'_>, stop: Timestamp) -> Vec<Search> {
    let reach = asking.reach;
    let task = reach.task;
    let mut searches = Vec::new();
    let service = if task.service.is_some() { asking.service.clone().await } else { None };
    if has_an_agent(task) && (reach.deep || reach.trail_lake.is_none() && has_an_end_untold(task)) {
        let end = task.times.execution_stopped.unwrap_or(stop);
        let window = (stop.min(end) - REPORT_LEADS_BY, stop.max(end) + REPORT_TRAILS_BY);
        // Where ECS says nothing of the end, the verdict rests on it.
        let decides = has_an_end_untold(task);
        searches.push(Search { aside: !decides, decides, ..Search::of(REPORTS[0], window, Subject::Task) });
        if reach.deep {
            searches.push(Search { aside: true, ..Search::of(REPORTS[1], window, Subject::Task) });
        }
    }
    if task.service.is_some() && (reach.deep || !reach.asks_sparingly() && has_lost_its_reason(task, service.as_deref(), stop)) {
        // The nearest answer holds the most, and of a window the newest is read first: so the windows grow.
        let mut from = stop;
        for until in EVENTS_STAY_FOR.map(|after| reach.now.min(stop + after)) {
            if until > from || from == stop {
                let window = (from, until.max(stop));
                searches.push(Search { aside: true, only_messages: true, ..Search::of("UpdateService", window, Subject::Service) });
                from = until;
            }
        }
    }
    if reach.deep {
        let asked = matches!(task.told_stop_code(), Some(StopCode::UserInitiated));
        searches.extend(of_the_start(task).filter(|_| !asked));
        let groups = target_groups(task, service.as_deref());
        if !groups.is_empty()
            && let Some(subject) = as_target(asking, groups).await
        {
            // Before its life and after it an address is another task's.
            let (born, gone) = (task.times.created.unwrap_or(stop - REGISTERED_WITHIN), task.last_known().unwrap_or(stop).max(stop) + TAKEN_OUT_AFTER);
            let registered = (born, (task.times.started.unwrap_or(born) + REGISTERED_WITHIN).min(gone));
            let taken_out = ((stop - TAKEN_OUT_BEFORE).max(born), gone);
            let of = |name: &'static str, window: (Timestamp, Timestamp)| Search { aside: true, ..Search::of(name, window, subject.clone()) };
            searches.extend([of("RegisterTargets", registered), of("DeregisterTargets", taken_out)]);
        }
    }
    searches.into_iter().map(|search| Search { most_pages: MOST_PAGES, ..search }).collect()
}

/// Whether an agent on an instance of the user's told ECS of it: that of Fargate makes no such calls.
fn has_an_agent(task: &Task) -> bool {
    !task.runs_on_fargate() && !task.is_on_managed_instances() && (task.container_instance_arn.is_some() || task.launch_type.as_deref() == Some("EXTERNAL"))
}

/// Whether a container that had run ended without a code and without a reason, and its end is what stopped the task.
fn has_an_end_untold(task: &Task) -> bool {
    let of_its_host = host_calls(task.stopped_reason.as_deref().unwrap_or_default()).is_some();
    let by_itself = !of_its_host && matches!(task.told_stop_code(), None | Some(StopCode::EssentialContainerExited | StopCode::Other(_)));
    let ran = task.times.started.is_some() || task.is_archived;
    let untold = || task.containers.is_empty() || task.containers.iter().any(|container| container.has_ended() && container.exit_code.is_none() && container.reason.is_none());
    by_itself && ran && untold()
}

/// Whether the service's events no longer reach back to the stop. They alone say what the load balancer saw, and whether
/// ECS moved the task to another zone, which it calls by the same reason as a scale-in.
fn has_lost_its_reason(task: &Task, service: Option<&Service>, stop: Timestamp) -> bool {
    let reason = task.stopped_reason.as_deref().unwrap_or_default();
    let by_balancer = reason.contains("failed ELB health checks");
    // Of task sets three other names are asked.
    let by_scheduler = scheduling::is_scaling_reason(reason) && service.is_some_and(|service| !service.uses_task_sets());
    (by_balancer || by_scheduler) && service.is_some_and(|service| service.messages.iter().map(|message| message.at).min().is_none_or(|oldest| oldest > stop))
}

/// The service's target groups, those of blue/green deployments among them, and the one that ECS's reason names.
fn target_groups(task: &Task, service: Option<&Service>) -> Vec<String> {
    let named = task.stopped_reason.as_deref().and_then(|reason| in_parentheses(reason, "target-group")).map(str::to_owned);
    let of_service = service.iter().flat_map(|service| &service.load_balancers).flat_map(|balancer| balancer.alternate_arn.iter().chain([&balancer.target_group_arn]).cloned());
    of_service.chain(named).collect()
}

/// The task as its load balancer knows it: by its own addresses, or by its instance and the ports it has there.
async fn as_target(asking: &Asking<'_>, groups: Vec<String>) -> Option<Subject> {
    let task = asking.reach.task;
    let addresses = task.private_ips();
    if !addresses.is_empty() {
        return Some(Subject::Targets { groups, ids: addresses, ports: Vec::new() });
    }
    let instance = asking.host.clone().await?.instance_id.clone()?;
    let ports: Vec<i64> = task.containers.iter().flat_map(|container| container.ports.iter().map(|(_, host)| *host)).collect();
    (!ports.is_empty()).then(|| Subject::Targets { groups, ids: vec![instance], ports })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::service::ServiceMessage;
    use crate::diagnosis::task::Container;

    fn ended(exit_code: Option<i64>, reason: Option<&str>) -> Task {
        let container = Container { name: "app".into(), last_status: Some("STOPPED".into()), exit_code, reason: reason.map(str::to_owned), ..Container::default() };
        let mut task = Task { launch_type: Some("EC2".into()), container_instance_arn: Some("arn:c".into()), containers: vec![container], ..Task::default() };
        (task.stop_code, task.times.started) = (Some(StopCode::EssentialContainerExited), Some(Timestamp::UNIX_EPOCH));
        task
    }

    #[test]
    fn an_agent_is_asked_for_an_end_that_ecs_does_not_tell_and_for_no_other() {
        assert!(has_an_end_untold(&ended(None, None)) && has_an_agent(&ended(None, None)));
        assert!(!has_an_end_untold(&ended(Some(0), None)), "0 is an end");
        assert!(!has_an_end_untold(&ended(None, Some("CannotStartContainerError: x"))));
        let asked = Task { stop_code: Some(StopCode::UserInitiated), ..ended(None, None) };
        assert!(!has_an_end_untold(&asked), "what was asked for is not explained by the end");
        let mut never_ran = ended(None, None);
        never_ran.times.started = None;
        assert!(!has_an_end_untold(&never_ran));
        assert!(!has_an_agent(&Task { launch_type: Some("FARGATE".into()), ..ended(None, None) }));
        assert!(has_an_agent(&Task { launch_type: Some("EXTERNAL".into()), container_instance_arn: None, ..ended(None, None) }));
    }

    #[test]
    fn a_later_answer_is_looked_for_where_the_services_events_begin_after_the_stop() {
        let stop = Timestamp::from_second(1_000).expect("a time");
        let failed = Task { stopped_reason: Some("Task failed ELB health checks in (target-group arn:t)".into()), ..Task::default() };
        let with = |second: i64| Service { messages: vec![ServiceMessage::read("e", Timestamp::from_second(second).expect("a time"), "x")], ..Service::default() };
        assert!(has_lost_its_reason(&failed, Some(&with(1_001)), stop));
        assert!(has_lost_its_reason(&failed, Some(&Service::default()), stop));
        assert!(!has_lost_its_reason(&failed, Some(&with(900)), stop));
        assert!(!has_lost_its_reason(&failed, None, stop), "a service that could not be read has lost nothing");
        assert!(!has_lost_its_reason(&Task::default(), Some(&with(1_001)), stop));
    }
}
