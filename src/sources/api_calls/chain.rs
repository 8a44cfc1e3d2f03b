//! Which calls lead from the stop to who began it, and the window each can lie in.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::call::{CREATE_DEPLOYMENT, PUT_POLICY, PUT_SCHEDULE, RUN_TASK};
use crate::diagnosis::desired_count;
use crate::diagnosis::scaling::Trigger;
use crate::diagnosis::scheduling::{self, Story};
use crate::diagnosis::service::{FORGOTTEN, Host, in_parentheses};
use crate::diagnosis::stopped_by::{LED_TO_IT_WITHIN, TAKES_THE_HOST, UNDO, host_calls};
use crate::diagnosis::task::{StopCode, Task};
use crate::diagnosis::timeline::Timeline;

use super::super::archived_events::ArchivedEvents;
use super::super::{Asking, Fetched, as_it_was, with_archived};
use super::subject::Subject;

/// One name in one window.
pub(super) struct Search {
    pub(super) name: &'static str,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) subject: Subject,
    /// Whether such a call must be behind this stop: only then is its absence too early to believe.
    pub(super) decides: bool,
    /// Whether the next name is asked for even where this one has answered: each is a step of its own.
    pub(super) goes_on: bool,
    /// Asked for a note alone: no verdict rests on it.
    pub(super) aside: bool,
    /// Asked only for the service's events that the answers of such calls keep: the calls themselves are another story.
    pub(super) only_messages: bool,
    /// Pages of 50 calls each.
    pub(super) most_pages: usize,
}

/// 2,000 calls of one name within three minutes is more than any account makes.
const MOST_PAGES: usize = 40;

impl Search {
    pub(super) fn of(name: &'static str, (from, to): (Timestamp, Timestamp), subject: Subject) -> Self {
        Self { name, from, to, subject, decides: false, goes_on: false, aside: false, only_messages: false, most_pages: MOST_PAGES }
    }
}

/// A new service's deployment is made in the same call.
const FIRST_DEPLOYMENT_WITHIN: SignedDuration = SignedDuration::from_secs(5);
/// Seconds.
const LED_TO_IT: i64 = LED_TO_IT_WITHIN / 1_000;
/// A host is taken away minutes before ECS notices; a drain may take the better part of an hour.
const BEFORE_HOST: i64 = 15 * 60;
const LONG_BEFORE_HOST: i64 = 2 * 3600;

/// CodeDeploy runs what hooks there are before it makes the new task set.
const BEFORE_TASK_SET: SignedDuration = SignedDuration::from_secs(3600);

/// A deployment that fails is given up within so long, nearly always.
const BEFORE_UNDATED: SignedDuration = SignedDuration::from_hours(3);

/// Names asked for beside StopTask, ExecuteCommand and those that begin a session.
pub(super) const MOST_NAMES: usize = 3;

pub(super) struct Chain {
    pub(super) searches: Vec<Search>,
    /// Whether a lower count is behind the stop, so that a bound of the scaling may be behind the count.
    pub(super) wants_fewer: bool,
}

impl Chain {
    pub(super) fn of(searches: impl IntoIterator<Item = Search>) -> Self {
        Self { searches: searches.into_iter().collect(), wants_fewer: false }
    }
}

/// How long other witnesses are waited for, who only say where to look.
#[derive(Default)]
pub(super) struct Waiting {
    /// For ever, without one.
    pub(super) until: Option<tokio::time::Instant>,
    /// Whether one of them had not spoken by then.
    pub(super) in_vain: std::cell::Cell<bool>,
}

impl Waiting {
    async fn wait_for<T>(&self, fetched: &Fetched<'_, T>) -> Option<Arc<T>> {
        let Some(until) = self.until else { return fetched.clone().await };
        tokio::time::timeout_at(until, fetched.clone()).await.unwrap_or_else(|_| {
            self.in_vain.set(true);
            None
        })
    }
}

/// The searches that lead from the stop to who began it, the likeliest first.
pub(super) async fn of_the_chain(asking: &Asking<'_>, stop: Timestamp, waiting: &Waiting) -> Chain {
    let task = asking.reach.task;
    let reason = task.stopped_reason.as_deref().unwrap_or_default();
    let around = |at: Timestamp, before: i64, after: i64| (at - SignedDuration::from_secs(before), at + SignedDuration::from_secs(after));
    let host = |host: Option<&Host>| Subject::Host {
        instance: in_parentheses(reason, "instance").map(str::to_owned).or_else(|| host.and_then(|host| host.instance_id.clone())),
        container_instance: task.container_instance_arn.clone(),
    };
    let names = host_calls(reason).filter(|_| !matches!(task.told_stop_code(), Some(StopCode::UserInitiated)));
    if let Some(names) = names {
        let subject = host(None);
        let within = |name: &'static str, window: (Timestamp, Timestamp)| Search { decides: true, ..Search::of(name, window, subject.clone()) };
        let near = |name: &'static str| within(name, around(stop, BEFORE_HOST, 30));
        let far = |name: &'static str| within(name, (stop - SignedDuration::from_secs(LONG_BEFORE_HOST), stop - SignedDuration::from_secs(BEFORE_HOST + 1)));
        return Chain::of(names.iter().copied().map(near).chain(names.first().copied().map(far)));
    }
    if matches!(task.told_stop_code(), Some(StopCode::UserInitiated)) && task.service.is_none() {
        // What ran a task by itself may be what stopped it.
        return Chain::of(of_the_start(task));
    }
    if is_stop_untold(task) {
        // What was done to its service and to its host in those minutes may be behind it.
        let of_service = |name: &'static str| Search { decides: true, goes_on: true, ..Search::of(name, around(stop, LED_TO_IT, 5), Subject::Service) };
        let mut searches = Vec::new();
        if task.service.is_some() {
            searches.push(of_service("UpdateService"));
            let service = waiting.wait_for(&asking.service).await;
            let is_gone = service.as_ref().is_some_and(|service| matches!(service.status.as_str(), "DRAINING" | "INACTIVE" | FORGOTTEN));
            let uses_task_sets = service.as_ref().is_some_and(|service| service.uses_task_sets());
            searches.extend(is_gone.then(|| of_service("DeleteService")));
            searches.extend(uses_task_sets.then(|| of_service("DeleteTaskSet")));
        }
        let instance = match task.reported_from.clone() {
            None if task.container_instance_arn.is_some() => waiting.wait_for(&asking.host).await.and_then(|host| host.instance_id.clone()),
            named => named,
        };
        let of_host = TAKES_THE_HOST.iter().filter(|_| instance.is_some()).map(|name| {
            let subject = Subject::Host { instance: instance.clone(), container_instance: task.container_instance_arn.clone() };
            Search { decides: true, goes_on: true, ..Search::of(name, around(stop, BEFORE_HOST, 30), subject) }
        });
        searches.extend(of_host);
        searches.truncate(MOST_NAMES);
        return Chain::of(searches);
    }
    if !was_scheduled(task) {
        return Chain::of([]);
    }
    let service = waiting.wait_for(&asking.service).await;
    let mut story = scheduling::story(task, service.as_deref(), &[]);
    // An older revision in the task's place is a rollback more often than not, and only the history tells.
    let brings_newer = |change: &scheduling::Change| {
        change.definition.as_deref().and_then(|name| name.rsplit_once(':')?.1.parse::<i64>().ok()).zip(task.revision).is_some_and(|(new, own)| new > own)
    };
    let mut may_be_undone = false;
    if !matches!(&story, Story::Replaced(change) if brings_newer(change)) {
        let history = waiting.wait_for(&asking.history).await;
        let archived = waiting.wait_for(&asking.archived).await.map(|archived| ArchivedEvents::clone(&archived)).unwrap_or_default();
        may_be_undone = history.is_none();
        let history = with_archived(history.map(|history| Vec::clone(&history)).unwrap_or_default(), &archived);
        story = scheduling::story(task, service.as_deref(), &history);
    }
    let of_task_sets = service.as_ref().is_some_and(|service| service.uses_task_sets());
    // A service's first deployment begins with the service itself.
    let is_first = |change: &scheduling::Change| {
        let born = service.as_ref().and_then(|service| service.created_at);
        born.zip(change.created_at).is_some_and(|(born, created)| created.duration_since(born).abs() <= FIRST_DEPLOYMENT_WITHIN)
    };
    let beginnings = |change: &scheduling::Change| -> &'static [&'static str] { if is_first(change) { &["CreateService", "UpdateService"] } else { &["UpdateService"] } };
    let of_service = |name: &'static str, window: (Timestamp, Timestamp)| Search { decides: true, ..Search::of(name, window, Subject::Service) };
    match story {
        Story::RolledBack { failed, since, how, .. } => {
            // One that ECS dates no longer began before its task: some call of those hours lists it with its date.
            let undated = (task.times.created.unwrap_or(stop) - BEFORE_UNDATED, stop);
            let at = failed.created_at.map_or(undated, |created| around(created, 60, 5));
            let began = beginnings(&failed).iter().map(|name| of_service(name, at));
            let undone = of_service(UNDO, around(since.unwrap_or(stop), 120, 5));
            if how == scheduling::Rollback::Manual { Chain::of(std::iter::once(undone).chain(began)) } else { Chain::of(began) }
        }
        Story::Replaced(change) => {
            let at = around(change.created_at.unwrap_or(stop), 60, 5);
            if of_task_sets {
                // Made, switched to, and the task's own taken away: three acts, minutes apart.
                let shifted = (at.0, stop + SignedDuration::from_secs(5));
                let made = of_service("CreateTaskSet", at);
                let gone = of_service("DeleteTaskSet", around(stop, LED_TO_IT, 5));
                // CodeDeploy does all three of them; whoever asked it to is behind each.
                let by_code_deploy = service.as_ref().and_then(|service| service.code_deployment(&change.id)).map(|id| {
                    let window = (at.0 - BEFORE_TASK_SET, at.1);
                    Search { decides: true, ..Search::of(CREATE_DEPLOYMENT, window, Subject::CodeDeployment(id.to_owned())) }
                });
                let last = by_code_deploy.unwrap_or_else(|| of_service("UpdateServicePrimaryTaskSet", shifted));
                return Chain::of([made, gone, last].map(|search| Search { goes_on: true, ..search }));
            }
            let names = if is_first(&change) { beginnings(&change) } else { ["UpdateService", "UpdateExpressGatewayService"].as_slice() };
            let undone = may_be_undone.then(|| Search { goes_on: true, ..of_service(UNDO, around(change.created_at.unwrap_or(stop), 120, 5)) });
            Chain::of(undone.into_iter().chain(names.iter().map(|name| of_service(name, at))))
        }
        Story::FewerWanted | Story::Unclear(_) => {
            let names: &[&'static str] = if of_task_sets { &["UpdateService", "DeleteTaskSet", "UpdateTaskSet"] } else { &["UpdateService"] };
            let mut searches: Vec<Search> = names.iter().map(|name| Search { goes_on: of_task_sets, ..of_service(name, around(stop, LED_TO_IT, 5)) }).collect();
            let now = waiting.wait_for(&asking.host).await.map(|host| Host::clone(&host));
            let archived = waiting.wait_for(&asking.archived).await.map(|archived| ArchivedEvents::clone(&archived)).unwrap_or_default();
            let found = as_it_was(now, &archived);
            // How it is now says little of how it was, where what tells that could not be read.
            let may_leave = task.container_instance_arn.is_some() && (archived.host_unread || found.as_ref().is_none_or(|host| host.is_leaving()));
            let usual = around(stop, LONG_BEFORE_HOST, 5);
            let from = archived.host_since.map_or(usual.0, |since| usual.0.min(since - SignedDuration::from_secs(60)));
            let drain = Search::of("UpdateContainerInstancesState", (from, usual.1), host(found.as_ref()));
            if may_leave {
                searches.truncate(MOST_NAMES - 1);
                // A count that was lowered since would outweigh an old drain.
                searches.insert(0, Search { decides: found.is_some() && !archived.host_unread, goes_on: true, ..drain });
            } else if task.container_instance_arn.is_some() && archived.host.is_none() && searches.len() < MOST_NAMES - 1 {
                // A drain may have been undone since: then nobody lowered a count.
                searches.push(Search { aside: true, ..drain });
            }
            Chain { wants_fewer: searches.len() < MOST_NAMES, searches }
        }
        // A service is emptied before it is deleted.
        Story::ServiceDeleted => {
            // One that came after the stop tells that the service was still there.
            let whenever = (stop - SignedDuration::from_secs(LED_TO_IT), asking.reach.now.max(stop));
            Chain::of([of_service("DeleteService", whenever), of_service("UpdateService", around(stop, LED_TO_IT, 5))].map(|search| Search { goes_on: true, ..search }))
        }
        Story::Rebalanced => Chain::of([]),
    }
}

/// Whether ECS has forgotten the task, and nothing tells why it stopped.
fn is_stop_untold(task: &Task) -> bool {
    task.is_reason_lost() && matches!(task.stop_code, None | Some(StopCode::ServiceSchedulerInitiated))
}

/// Whether the scheduler stopped it, and gave the reason it gives for replacement and scale-in alike.
fn was_scheduled(task: &Task) -> bool {
    matches!(task.told_stop_code(), Some(StopCode::ServiceSchedulerInitiated)) && scheduling::is_scaling_reason(task.stopped_reason.as_deref().unwrap_or_default())
}

/// Who had the task run, where no service did.
pub(super) fn of_the_start(task: &Task) -> Option<Search> {
    let created = task.times.created.filter(|_| task.service.is_none())?;
    let window = (created - SignedDuration::from_secs(60), created + SignedDuration::from_secs(5));
    Some(Search { aside: true, ..Search::of(RUN_TASK, window, Subject::Start) })
}

/// Of the scaling activity that lowered the count just before the stop: who moved the bound that it obeyed, or who had
/// just put the policy or the scheduled action in place.
pub(super) async fn of_the_activity(asking: &Asking<'_>) -> Option<Search> {
    asking.activities.clone().await?;
    let timeline = Timeline::new(asking.so_far());
    let desired_count::Change { at, by: desired_count::By::Activity { activity, .. }, .. } = desired_count::behind(&timeline)? else { return None };
    match activity.trigger() {
        Trigger::Policy(name) => {
            let window = (at - desired_count::POLICY_IS_NEW_FOR, at);
            Some(Search { aside: true, ..Search::of(PUT_POLICY, window, Subject::Policy(name.to_owned())) })
        }
        Trigger::Schedule(name) => {
            let window = (at - desired_count::SCHEDULE_IS_NEW_FOR, at);
            Some(Search { aside: true, ..Search::of(PUT_SCHEDULE, window, Subject::Policy(name.to_owned())) })
        }
        Trigger::Untold if activity.follows_a_bound() => {
            let window = (at - desired_count::BOUND_ACTS_WITHIN, at + SignedDuration::from_secs(2));
            Some(Search::of("RegisterScalableTarget", window, Subject::ScalableTarget))
        }
        Trigger::Untold => None,
    }
}
