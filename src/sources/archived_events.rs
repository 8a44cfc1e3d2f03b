//! What the archives keep of the service, its deployments and the container instance around the end of a task that ECS has
//! forgotten: by then ECS may list the deployment no longer, and tells the host as it is now.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use futures::FutureExt;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::Source;
use crate::diagnosis::scheduling::{digits, stopped_for_another};
use crate::diagnosis::service::{Host, MessageKind, Rollback, ServiceDeployment, ServiceMessage, is_task_id};
use crate::diagnosis::stopped_by::LED_TO_IT_WITHIN;
use crate::diagnosis::task::{EcsArn, Task, last_segment};
use crate::diagnosis::timeline::concerns;

use super::archive::action_logs_of;
use super::document::{items, text, time};
use super::failing::Failing;
use super::filtered::{PagesLeft, each_event};
use super::ledger::Inquiry;
use super::{Asker, Asking, Reach};

pub const SOURCE: Asker = Asker { source: Source::Archive, collect: |asking| collect(asking).boxed_local() };

const FILTER: &str = "logs:FilterLogEvents";
/// Blue/green tasks end in the clean-up, long after their deployment began.
const BACK: SignedDuration = SignedDuration::from_hours(24);
/// Of the run, what the archives are waited for: who else needs what they tell still can.
pub(super) const SHARE: f64 = 0.4;
const AFTER_STOP: SignedDuration = SignedDuration::from_mins(10);
/// Delivery may be late; what an event tells is dated by itself.
const STORED_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// The state of an instance is a line of its own for so long before the stop.
const HOST_TOLD_FOR: SignedDuration = SignedDuration::from_hours(1);
/// What comes so shortly after the stop may have led to it: events are dated by who sends them.
const MAY_TRAIL_BY: SignedDuration = SignedDuration::from_secs(2);
/// No service has so much to tell in a day.
const MOST_PAGES: usize = 40;
/// No service deploys so often in a day: of more turns the last ones are followed.
const MOST_TURNS: usize = 2_000;

/// What was going on around the task, as the archives keep it.
#[derive(Debug, Clone, Default)]
pub struct ArchivedEvents {
    /// Those of the service that were told of until the stop.
    pub deployments: Vec<ServiceDeployment>,
    /// The container instance as it was at the stop.
    pub host: Option<Host>,
    /// Since when it had been so.
    pub host_since: Option<Timestamp>,
    /// What they keep of it was not read to its end: it may be otherwise than it looks now.
    pub host_unread: bool,
}

async fn collect(asking: &Asking<'_>) {
    asking.archived.clone().await;
}

/// Asks every archive that can hold them, all at once and no longer than until then.
pub(super) async fn fetch(reach: &Reach<'_>, until: Instant, skip: bool) -> Option<Arc<ArchivedEvents>> {
    let task = reach.task;
    let groups: Vec<&str> = reach.archives.iter().filter(|kept| kept.keeps.is_of(Some(&task.cluster))).map(|kept| kept.group.as_str()).collect();
    let stop = task.stop_anchor().filter(|_| !skip && task.is_forgotten() && !task.cluster.is_empty())?;
    if task.service.is_none() && task.container_instance_arn.is_none() {
        return None;
    }
    let window = (stop - BACK, (stop + STORED_WITHIN).min(reach.now.max(stop)));
    let of_service = join_all(groups.iter().filter_map(|group| {
        let name = task.service.as_deref()?;
        // The words stand in the ARN of the service, of the new form or the old, which is the event's resource.
        Some(read(reach, group, format!("?\"service/{}/{name}\" ?\"service/{name}\"", task.cluster), window, until))
    }));
    let of_host = join_all(groups.iter().filter_map(|group| {
        let arn = task.container_instance_arn.as_deref()?;
        Some(read(reach, group, format!("{{ $.detail-type = \"{INSTANCE}\" && $.detail.containerInstanceArn = \"{arn}\" }}"), window, until))
    }));
    let action_logs = action_logs_of(&task.cluster);
    let of_actions = async {
        match task.service.as_deref() {
            Some(name) => read_actions(reach, &action_logs, format!("\"/{}/{name}\"", task.cluster), window, until).await,
            None => (Vec::new(), None),
        }
    };
    let (of_service, of_host, (of_actions, given_up)) = futures::join!(of_service, of_host, of_actions);
    // The oldest comes first: of a reading that was cut nobody knows what the last word would have been.
    let host_unread = of_host.iter().any(|told| !told.is_whole);
    let of_host = of_host.into_iter().filter(|told| told.is_whole);
    let (archived, lines) = told_around(of_service.into_iter().chain(of_host).flat_map(|told| told.events), task, stop);
    let mut archived = ArchivedEvents { host_unread: host_unread && archived.host.is_none(), ..archived };
    // An event names the deployment as the task does; a log's entry by another id.
    let is_known = |deployment: &ServiceDeployment| archived.deployments.iter().any(|known| known.target_revision == deployment.target_revision);
    let given_up = given_up.filter(|deployment| !is_known(deployment));
    archived.deployments.extend(given_up);
    lines.into_iter().chain(of_actions).for_each(|line| reach.ledger.tell(line));
    Some(Arc::new(archived))
}

/// What events tell of the time around a task's stop, and a line for each that belongs in its story.
pub(crate) fn told_around(events: impl Iterator<Item = Value>, task: &Task, stop: Timestamp) -> (ArchivedEvents, Vec<Event>) {
    let is_near = |at: Timestamp| at >= stop - BACK && at <= stop + AFTER_STOP;
    let (mut turns, mut states, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for told in once(events).iter().filter_map(|event| told_of(event, task)) {
        match told {
            Told::Said(message) if is_near(message.at) && concerns(&message, task) => lines.push(of_archive(message)),
            Told::Turned(turn) if is_near(turn.at) => turns.push(turn),
            Told::Was(state) if is_near(state.at) => states.push(state),
            _ => {}
        }
    }
    turns.sort_by(|a, b| (a.at, a.name.as_str()).cmp(&(b.at, b.name.as_str())));
    states.sort_by_key(|state| (state.at, state.version));
    carry_over(&mut states);
    lines.extend(turns.iter().filter(|turn| is_told(turn, task)).map(Turning::line));
    lines.extend(host_lines(&states, stop));
    turns.retain(|turn| turn.at <= stop + MAY_TRAIL_BY);
    turns.drain(..turns.len().saturating_sub(MOST_TURNS));
    // An instance that is drained takes no new tasks: one that was told so before the task was there took it back.
    let is_of_now = |state: &&State| !state.host.is_leaving() || task.times.created.is_none_or(|created| state.at >= created);
    let host = at_the_stop(&states, stop).filter(is_of_now).map(|state| state.host.clone());
    (ArchivedEvents { deployments: deployments(&turns, task), host_since: since(&states, stop).filter(|_| host.is_some()), host, host_unread: false }, lines)
}

/// One group's events, and whether these are all.
struct Kept {
    events: Vec<Value>,
    is_whole: bool,
}

/// One group's events that the pattern fits; leaves a reading.
async fn read(reach: &Reach<'_>, group: &str, pattern: String, window: (Timestamp, Timestamp), until: Instant) -> Kept {
    let inquiry = reach.ledger.ask(Source::Archive, FILTER, group);
    let (events, ended) = read_until(reach, &inquiry, (group, &pattern), window, until).await;
    inquiry.count(events.len());
    let is_whole = ended.is_ok();
    match ended {
        Ok(()) => inquiry.done(),
        Err(failing) => inquiry.fail(&failing),
    }
    Kept { events, is_whole }
}

/// What is JSON of the group's events, as far as it came until then, and how the reading ended.
async fn read_until(reach: &Reach<'_>, inquiry: &Inquiry<'_>, asked: (&str, &str), window: (Timestamp, Timestamp), until: Instant) -> (Vec<Value>, Result<(), Failing>) {
    inquiry.looked(Some(window.0), Some(window.1));
    let (mut events, pages_left) = (Vec::new(), PagesLeft::of(MOST_PAGES));
    let hear = |event: &FilteredLogEvent| events.extend(event.message().and_then(|message| serde_json::from_str(message).ok()));
    let ended = timeout_at(until, each_event(&reach.account.logs(&reach.account.region), inquiry, asked, window, &pages_left, hear)).await;
    (events, ended.unwrap_or_else(|_| Err(reach.account.out_of_time(FILTER, asked.0))))
}

/// What ECS's action logs of the cluster keep of the service's deployments. Few have them: that there are none is no word.
async fn read_actions(reach: &Reach<'_>, group: &str, pattern: String, window: (Timestamp, Timestamp), until: Instant) -> (Vec<Event>, Option<ServiceDeployment>) {
    let inquiry = reach.ledger.ask(Source::Archive, FILTER, group);
    inquiry.aside();
    let (entries, ended) = read_until(reach, &inquiry, (group, &pattern), window, until).await;
    let actions: Vec<Action> = entries.iter().filter_map(|entry| of_action(entry, reach.task)).filter(|action| (window.0..=window.1).contains(&action.at)).collect();
    let given_up = given_up(&actions, reach.task);
    let lines: Vec<Event> = actions.into_iter().map(Action::line).collect();
    inquiry.count(lines.len());
    match ended {
        Err(failing) if failing.is("ResourceNotFoundException") => inquiry.withdraw(),
        Ok(()) if lines.is_empty() => inquiry.withdraw(),
        Ok(()) => inquiry.done(),
        Err(failing) => inquiry.fail(&failing),
    }
    (lines, given_up)
}

/// Delivery is at least once: the same event may stand there several times, and in several archives.
fn once(events: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let name = |event: &Value| event.get("id").and_then(Value::as_str).map_or_else(|| event.to_string(), str::to_owned);
    events.filter(|event| seen.insert(name(event))).collect()
}

const ACTION: &str = "ECS Service Action";
const DEPLOYMENT: &str = "ECS Deployment State Change";
const INSTANCE: &str = "ECS Container Instance State Change";

/// One event, as far as it is of this task's service or container instance.
enum Told {
    Said(ServiceMessage),
    Turned(Turning),
    Was(State),
}

/// A turn in the story of a deployment.
#[derive(Debug, Clone)]
struct Turning {
    event_id: String,
    at: Timestamp,
    /// `SERVICE_DEPLOYMENT_IN_PROGRESS`, `…_COMPLETED`, `…_FAILED`.
    name: String,
    /// `ecs-svc/<digits>`
    deployment: String,
    reason: String,
}

/// A container instance at one time.
#[derive(Debug, Clone)]
struct State {
    at: Timestamp,
    version: i64,
    host: Host,
}

/// What an event tells, where ECS sent it and it is about the task's own service or instance: of that name, cluster,
/// account and region. The envelope's own time may be far off; that in the detail counts.
fn told_of(event: &Value, task: &Task) -> Option<Told> {
    let detail = event.get("detail")?;
    let (source, kind) = (text(event, "source")?, text(event, "detail-type")?);
    let is_ours = |arn: &EcsArn| arn.region == task.region && arn.account == task.account;
    if source != "aws.ecs" {
        return None;
    }
    let event_id = text(event, "id").unwrap_or_default();
    if kind == INSTANCE {
        let arn = text(detail, "containerInstanceArn")?;
        if task.container_instance_arn.as_deref() != Some(arn.as_str()) {
            return None;
        }
        let host = Host {
            instance_id: text(detail, "ec2InstanceId"),
            status: text(detail, "status"),
            status_reason: text(detail, "statusReason"),
            agent_connected: detail.get("agentConnected").and_then(Value::as_bool).unwrap_or_default(),
        };
        let at = time(detail, "updatedAt").or_else(|| time(event, "time"))?;
        return Some(Told::Was(State { at, version: detail.get("version").and_then(Value::as_i64).unwrap_or_default(), host }));
    }
    let service = items(event, "resources").iter().filter_map(Value::as_str).filter_map(EcsArn::parse).find(|arn| arn.kind == "service")?;
    let cluster = service.cluster.clone().or_else(|| text(detail, "clusterArn").map(|arn| last_segment(&arn).to_owned()))?;
    if !is_ours(&service) || cluster != task.cluster || Some(service.name.as_str()) != task.service.as_deref() {
        return None;
    }
    let name = text(detail, "eventName")?;
    let reason = text(detail, "reason").unwrap_or_default();
    match kind.as_str() {
        DEPLOYMENT => {
            let at = time(detail, "updatedAt").or_else(|| time(event, "time"))?;
            let deployment = format!("ecs-svc/{}", digits(&text(detail, "deploymentId")?));
            Some(Told::Turned(Turning { event_id, at, name, deployment, reason }))
        }
        ACTION => {
            let at = time(detail, "createdAt").or_else(|| time(event, "time"))?;
            let tasks: Vec<String> = named_in(detail, "taskArns").into_iter().filter(|id| is_task_id(id)).map(str::to_owned).collect();
            let words = action_words(&name, &reason, detail, &tasks);
            Some(Told::Said(ServiceMessage { id: event_id, at, kind: kind_of_action(&name, &reason), text: words, tasks }))
        }
        _ => None,
    }
}

/// ECS's own words, and what they are about.
fn action_words(name: &str, reason: &str, detail: &Value, tasks: &[String]) -> String {
    let mut words = name.to_owned();
    if !reason.is_empty() {
        words.push_str(&format!(": {reason}"));
    }
    if let Some(count) = detail.get("desiredCount").and_then(Value::as_i64) {
        words.push_str(&format!(", desired count {count}"));
    }
    for (what, field) in [("on", "containerInstanceArns"), ("in", "targetGroupArns"), ("by", "capacityProviderArns")] {
        if let Some(names) = first_of(&named_in(detail, field)) {
            words.push_str(&format!(" {what} {names}"));
        }
    }
    if let Some(names) = first_of(tasks) {
        words.push_str(&format!(" (task {names})"));
    }
    words
}

/// The last parts of the ARNs in a field.
fn named_in<'a>(detail: &'a Value, field: &str) -> Vec<&'a str> {
    items(detail, field).iter().filter_map(Value::as_str).map(last_segment).collect()
}

/// `one and 3 more`
fn first_of(names: &[impl std::fmt::Display]) -> Option<String> {
    match names {
        [] => None,
        [only] => Some(only.to_string()),
        [first, rest @ ..] => Some(format!("{first} and {} more", rest.len())),
    }
}

fn kind_of_action(name: &str, reason: &str) -> MessageKind {
    match name {
        "SERVICE_STEADY_STATE" | "TASKSET_STEADY_STATE" | "CAPACITY_PROVIDER_STEADY_STATE" => MessageKind::SteadyState,
        "SERVICE_TASK_PLACEMENT_FAILURE" | "SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED" | "SERVICE_TASK_START_IMPAIRED" => MessageKind::CouldNotPlace,
        "TASKS_STOPPED" if reason.to_ascii_lowercase().contains("rebalanc") => MessageKind::Rebalancing,
        "TASKS_STOPPED" => MessageKind::Stopped,
        _ if name.starts_with("SERVICE_REBALANCING_") => MessageKind::Rebalancing,
        _ => MessageKind::Other,
    }
}

/// A line of an archive, whatever it tells of.
fn of_archive(message: ServiceMessage) -> Event {
    Event { witness: Witness::Archive, ..Event::said(message, Precision::Millisecond) }
}

/// The task's own deployment, and what became of the others while the task was there.
fn is_told(turn: &Turning, task: &Task) -> bool {
    task.started_by.as_deref() == Some(turn.deployment.as_str()) || task.times.created.is_none_or(|created| turn.at >= created)
}

impl Turning {
    fn is(&self, state: &str) -> bool {
        self.name.strip_prefix("SERVICE_DEPLOYMENT_") == Some(state)
    }

    /// Whether it tells of the way back, and not of a deployment that somebody began.
    fn rolls_back(&self) -> bool {
        self.reason.to_ascii_lowercase().contains("rolling back")
    }

    /// The deployment that was put back, where the reason names it.
    fn put_back(&self) -> Option<String> {
        let (_, behind) = self.reason.split_once("ecs-svc/")?;
        let id: String = behind.chars().take_while(char::is_ascii_digit).collect();
        (self.rolls_back() && !id.is_empty()).then(|| format!("ecs-svc/{id}"))
    }

    fn line(&self) -> Event {
        let words = format!("{} (deployment {}){}", self.name, self.deployment, if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) });
        let kind = if self.rolls_back() {
            MessageKind::RollingBack
        } else if self.is("FAILED") {
            MessageKind::DeploymentFailed
        } else if self.is("COMPLETED") {
            MessageKind::DeploymentCompleted
        } else {
            let what = What::ServiceDeployment { id: self.deployment.clone(), target: self.deployment.clone(), text: words };
            return Event { at: self.at, precision: Precision::Millisecond, witness: Witness::Archive, level: Level::Info, container: None, what };
        };
        of_archive(ServiceMessage { id: self.event_id.clone(), at: self.at, text: words, kind, tasks: Vec::new() })
    }
}

/// The story of each deployment, from its turns in order: in the form in which ECS's history tells it.
fn deployments(turns: &[Turning], task: &Task) -> Vec<ServiceDeployment> {
    let mut all: Vec<ServiceDeployment> = Vec::new();
    let begun = |id: &str, at: Option<Timestamp>| ServiceDeployment {
        arn: id.to_owned(),
        status: "IN_PROGRESS".to_owned(),
        created_at: at,
        started_at: at,
        target_revision: Some(digits(id).to_owned()),
        ..ServiceDeployment::default()
    };
    let last = |all: &[ServiceDeployment], id: &str| all.iter().rposition(|known| known.arn == id);
    for turn in turns {
        let id = turn.deployment.as_str();
        match last(&all, id) {
            _ if turn.rolls_back() => {
                let put_back = turn.put_back().unwrap_or_else(|| id.to_owned());
                let failed = if put_back == id { all.iter().rposition(|known| known.status == "FAILED" && known.arn != id) } else { last(&all, id) };
                let failed = failed.unwrap_or_else(|| {
                    // Which one failed is known where it is not the one that is put back.
                    let known = if put_back == id { String::new() } else { id.to_owned() };
                    all.push(begun(&known, None));
                    all.len() - 1
                });
                rolled_back(&mut all[failed], turn);
                if last(&all, &put_back).is_none_or(|at| all[at].status != "IN_PROGRESS") {
                    all.push(begun(&put_back, Some(turn.at)));
                }
            }
            Some(at) if turn.is("IN_PROGRESS") && all[at].status == "IN_PROGRESS" => {}
            _ if turn.is("IN_PROGRESS") => all.push(begun(id, Some(turn.at))),
            known if turn.is("COMPLETED") || turn.is("FAILED") => {
                let at = known.unwrap_or_else(|| {
                    all.push(begun(id, None));
                    all.len() - 1
                });
                let deployment = &mut all[at];
                deployment.finished_at = Some(turn.at);
                deployment.status = if turn.is("FAILED") { "FAILED" } else { "SUCCESSFUL" }.to_owned();
                if turn.is("FAILED") {
                    deployment.status_reason = Some(turn.reason.clone()).filter(|reason| !reason.is_empty());
                    tripped(deployment, &turn.reason);
                }
            }
            _ => {}
        }
    }
    // Without a way back a failed deployment keeps its tasks. ECS's reason tells of one where it names another deployment,
    // unless somebody began that one anew.
    let put_back = stopped_for_another(task).filter(|named| !turns.iter().any(|turn| turn.deployment == *named && turn.is("IN_PROGRESS") && !turn.rolls_back()));
    for deployment in all.iter_mut().filter(|known| known.status == "FAILED" && put_back.is_some() && task.started_by.as_deref() == Some(known.arn.as_str())) {
        deployment.rollback = Some(Rollback { reason: deployment.status_reason.clone(), started_at: deployment.finished_at });
    }
    all.retain(|known| !known.arn.is_empty());
    all
}

fn rolled_back(deployment: &mut ServiceDeployment, turn: &Turning) {
    "ROLLBACK_IN_PROGRESS".clone_into(&mut deployment.status);
    tripped(deployment, &turn.reason);
    deployment.rollback.get_or_insert(Rollback { reason: Some(turn.reason.clone()), started_at: Some(turn.at) });
}

fn tripped(deployment: &mut ServiceDeployment, reason: &str) {
    if reason.to_ascii_lowercase().contains("circuit breaker") {
        deployment.circuit_breaker = Some("TRIGGERED".to_owned());
    }
}

fn at_the_stop(states: &[State], stop: Timestamp) -> Option<&State> {
    states.iter().rfind(|state| state.at <= stop + MAY_TRAIL_BY)
}

/// An event that does not say a thing changes nothing of it.
fn carry_over(states: &mut [State]) {
    for at in 1..states.len() {
        let (earlier, later) = states.split_at_mut(at);
        let (before, now) = (&earlier[at - 1].host, &mut later[0].host);
        now.status = now.status.take().or_else(|| before.status.clone());
        now.instance_id = now.instance_id.take().or_else(|| before.instance_id.clone());
    }
}

/// Since when the instance had been in the state in which the stop found it.
fn since(states: &[State], stop: Timestamp) -> Option<Timestamp> {
    let until: Vec<&State> = states.iter().filter(|state| state.at <= stop + MAY_TRAIL_BY).collect();
    let found = until.last()?.host.status.as_deref();
    until.iter().rev().take_while(|state| state.host.status.as_deref() == found).last().map(|state| state.at)
}

/// A line for each turn of the instance's state near the stop, and for the state in which the stop found it. Its agent
/// comes and goes several times an hour: that is none.
fn host_lines(states: &[State], stop: Timestamp) -> Vec<Event> {
    let found = at_the_stop(states, stop).map(|state| state.at);
    let mut before: Option<&str> = None;
    let mut lines = Vec::new();
    for state in states {
        let status = state.host.status.as_deref();
        let has_turned = before.is_some() && status != before;
        before = status;
        let is_near = state.at >= stop - HOST_TOLD_FOR;
        if !(has_turned && is_near || Some(state.at) == found) {
            continue;
        }
        let agent = if state.host.agent_connected { "connected" } else { "not connected" };
        let why = state.host.status_reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let text = format!("instance {} was {}, agent {agent}{why}", state.host.instance_id.as_deref().unwrap_or("without an id"), status.unwrap_or("in an unknown state"));
        lines.push(Event { at: state.at, precision: Precision::Millisecond, witness: Witness::Archive, level: Level::Info, container: None, what: What::HostNow { text } });
    }
    lines
}

/// An entry of ECS's action logs about a deployment of the task's service.
struct Action {
    at: Timestamp,
    /// Of the service deployment, else of the service.
    arn: String,
    /// `IN_PROGRESS`, `ROLLBACK_SUCCESSFUL` …
    status: Option<String>,
    reason: Option<String>,
    words: String,
    level: Level,
}

impl Action {
    fn line(self) -> Event {
        let what = What::ServiceDeployment { id: self.arn, target: String::new(), text: self.words };
        Event { at: self.at, precision: Precision::Millisecond, witness: Witness::Archive, level: self.level, container: None, what }
    }

    fn rolls_back(&self) -> bool {
        self.status.as_deref().is_some_and(|status| status.starts_with("ROLLBACK_"))
    }
}

/// The task's own deployment, where ECS says that it stopped the task for another one and was rolling one back just then: the
/// entries name deployments by ids of their own.
fn given_up(actions: &[Action], task: &Task) -> Option<ServiceDeployment> {
    let (stop, own) = (task.stop_anchor()?, task.started_by.as_deref()?);
    stopped_for_another(task)?;
    let led_to_it = |action: &&Action| action.at <= stop + MAY_TRAIL_BY && stop.as_millisecond() - action.at.as_millisecond() <= LED_TO_IT_WITHIN;
    let back = actions.iter().filter(|action| action.rolls_back()).filter(led_to_it).min_by_key(|action| action.at)?;
    let its = || actions.iter().filter(|action| action.arn == back.arn);
    // An entry that names no deployment is of any of the service's.
    let is_one = back.arn.contains(":service-deployment/");
    let begun = its().filter(|action| is_one && matches!(action.status.as_deref(), Some("PENDING" | "IN_PROGRESS"))).map(|action| action.at).min();
    let reason = its().filter(|action| action.rolls_back()).find_map(|action| action.reason.clone());
    let mut deployment = ServiceDeployment {
        arn: back.arn.clone(),
        status: back.status.clone().unwrap_or_default(),
        status_reason: reason.clone(),
        created_at: begun,
        started_at: begun,
        target_revision: Some(digits(own).to_owned()),
        rollback: Some(Rollback { reason: reason.clone(), started_at: Some(back.at) }),
        ..ServiceDeployment::default()
    };
    tripped(&mut deployment, &reason.unwrap_or_default());
    Some(deployment)
}

fn of_action(entry: &Value, task: &Task) -> Option<Action> {
    let detail = entry.get("detail").unwrap_or(&Value::Null);
    let name = text(entry, "eventName")?;
    let arns = [text(entry, "resourceArn"), text(detail, "serviceDeploymentArn")].into_iter().flatten();
    // `service/CLUSTER/NAME` and `service-deployment/CLUSTER/NAME/ID` alike.
    let is_of = |arn: &str| {
        let mut parts = arn.splitn(6, ':').skip(3);
        let (region, account) = (parts.next(), parts.next());
        let mut path = parts.next().unwrap_or_default().split('/').skip(1);
        (region, account) == (Some(task.region.as_str()), Some(task.account.as_str())) && (path.next(), path.next()) == (Some(task.cluster.as_str()), task.service.as_deref())
    };
    let arn = arns.into_iter().find(|arn| is_of(arn))?;
    let at = time(entry, "eventTimestamp").or_else(|| time(entry, "timestamp"))?;
    let mut words = name;
    let said = ["status", "statusReason", "stopCode", "containerStoppedReason"].map(|field| text(detail, field));
    for said in said.into_iter().flatten() {
        words.push_str(&format!(", {}", said.trim_end_matches('.')));
    }
    let level = if text(entry, "logLevel").is_some_and(|level| level.eq_ignore_ascii_case("ERROR")) { Level::Warn } else { Level::Info };
    let arn = text(detail, "serviceDeploymentArn").unwrap_or(arn);
    Some(Action { at, arn, status: text(detail, "status"), reason: text(detail, "statusReason"), words, level })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HEAD: &str = "arn:aws:ecs:us-west-2:111122223333";

    fn task() -> Task {
        let mut task = Task {
            id: "5d6c".to_owned(),
            cluster: "default".to_owned(),
            region: "us-west-2".to_owned(),
            account: "111122223333".to_owned(),
            service: Some("servicetest".to_owned()),
            started_by: Some("ecs-svc/123".to_owned()),
            container_instance_arn: Some(format!("{HEAD}:container-instance/default/c1")),
            ..Task::default()
        };
        task.times.created = "2020-05-23T12:00:00Z".parse().ok();
        task.times.stopping = "2020-05-23T12:31:24Z".parse().ok();
        task
    }

    fn event(kind: &str, id: &str, detail: Value) -> Value {
        json!({"version": "0", "id": id, "detail-type": kind, "source": "aws.ecs", "account": "111122223333", "time": "2020-05-23T12:31:14Z", "region": "us-west-2",
            "resources": [format!("{HEAD}:service/default/servicetest")], "detail": detail})
    }

    fn turned(name: &str, deployment: &str, at: &str, reason: &str) -> Value {
        event(DEPLOYMENT, at, json!({"eventType": "INFO", "eventName": format!("SERVICE_DEPLOYMENT_{name}"), "deploymentId": deployment, "updatedAt": at, "reason": reason}))
    }

    fn folded(events: &[Value]) -> Vec<ServiceDeployment> {
        let turns: Vec<Turning> = events.iter().filter_map(|event| if let Told::Turned(turn) = told_of(event, &task())? { Some(turn) } else { None }).collect();
        deployments(&turns, &task())
    }

    #[test]
    fn the_circuit_breakers_way_back_is_told_of_the_deployment_that_failed() {
        let told = [
            turned("IN_PROGRESS", "ecs-svc/123", "2020-05-23T12:00:00Z", "ECS deployment ecs-svc/123 in progress."),
            turned("FAILED", "ecs-svc/123", "2020-05-23T12:31:13Z", "ECS deployment circuit breaker: tasks failed to start."),
            turned("IN_PROGRESS", "ecs-svc/99", "2020-05-23T12:31:14Z", "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/99."),
        ];
        for also in [None, Some("ecs-svc/123")] {
            let mut told = told.clone();
            // Whichever of the two the event names.
            if let Some(named) = also {
                told[2]["detail"]["deploymentId"] = named.into();
            }
            let folded = folded(&told);
            let own = folded.iter().find(|deployment| deployment.arn == "ecs-svc/123").expect("its own");
            assert_eq!((own.status.as_str(), own.circuit_breaker.as_deref()), ("ROLLBACK_IN_PROGRESS", Some("TRIGGERED")));
            let since = own.rollback.as_ref().and_then(|rollback| rollback.started_at).map(|at| at.to_string());
            assert_eq!((since.as_deref(), own.created_at.map(|at| at.to_string()).as_deref()), (Some("2020-05-23T12:31:14Z"), Some("2020-05-23T12:00:00Z")));
            let back = folded.iter().find(|deployment| deployment.arn == "ecs-svc/99").expect("what was put back");
            assert_eq!((back.rollback.is_none(), back.created_at.map(|at| at.to_string()).as_deref()), (true, Some("2020-05-23T12:31:14Z")));
        }
    }

    #[test]
    fn a_failed_deployment_without_a_way_back_is_no_rollback_and_one_that_completed_is_over() {
        let failed = folded(&[turned("FAILED", "ecs-svc/123", "2020-05-23T12:31:13Z", "ECS deployment circuit breaker: tasks failed to start.")]);
        assert!(failed[0].rollback.is_none() && failed[0].status == "FAILED");
        let done = folded(&[turned("IN_PROGRESS", "ecs-svc/7", "2020-05-23T12:00:00Z", ""), turned("COMPLETED", "ecs-svc/7", "2020-05-23T12:10:00Z", "")]);
        assert_eq!((done.len(), done[0].status.as_str(), done[0].finished_at.is_some()), (1, "SUCCESSFUL", true));
        let again = folded(&[
            turned("IN_PROGRESS", "ecs-svc/7", "2020-05-23T12:00:00Z", ""),
            turned("COMPLETED", "ecs-svc/7", "2020-05-23T12:10:00Z", ""),
            turned("IN_PROGRESS", "ecs-svc/7", "2020-05-23T12:20:00Z", ""),
        ]);
        assert_eq!((again.len(), again[1].finished_at), (2, None));
    }

    #[test]
    fn a_failed_deployment_that_somebody_followed_up_with_another_was_not_rolled_back() {
        let told = [
            turned("FAILED", "ecs-svc/123", "2020-05-23T12:10:00Z", "ECS deployment circuit breaker: tasks failed to start."),
            turned("IN_PROGRESS", "ecs-svc/124", "2020-05-23T12:25:00Z", "ECS deployment ecs-svc/124 in progress."),
        ];
        let named = Task { stopped_reason: Some("Scaling activity initiated by (deployment ecs-svc/124)".to_owned()), ..task() };
        let followed = |events: &[Value]| {
            let stop = named.times.stopping.expect("a stop");
            let (archived, _) = told_around(events.iter().cloned(), &named, stop);
            crate::diagnosis::scheduling::story(&named, None, &archived.deployments)
        };
        use crate::diagnosis::scheduling::Story;
        assert!(matches!(followed(&told), Story::Replaced(change) if change.id == "ecs-svc/124"));
        assert!(matches!(followed(&told[..1]), Story::RolledBack { .. }), "nobody is known to have begun the other one");
    }

    #[test]
    fn of_an_instance_that_says_nothing_new_the_old_holds_and_one_that_was_drained_before_the_task_came_was_taken_back() {
        let arn = format!("{HEAD}:container-instance/default/c1");
        let was = |at: &str, version: i64, status: Option<&str>| {
            event(INSTANCE, at, json!({"containerInstanceArn": arn, "ec2InstanceId": "i-0abc", "status": status, "agentConnected": true, "version": version, "updatedAt": at}))
        };
        let told = |events: Vec<Value>| told_around(events.into_iter(), &task(), task().times.stopping.expect("a stop")).0;
        let drained = told(vec![was("2020-05-23T12:20:00Z", 1, Some("DRAINING")), was("2020-05-23T12:31:00Z", 2, None)]);
        assert!(drained.host.as_ref().is_some_and(Host::is_leaving));
        assert_eq!(drained.host_since.map(|at| at.to_string()).as_deref(), Some("2020-05-23T12:20:00Z"));
        let before = told(vec![was("2020-05-23T11:00:00Z", 1, Some("DRAINING"))]);
        assert!(before.host.is_none() && before.host_since.is_none());
    }

    #[test]
    fn what_is_of_another_service_cluster_account_or_sender_is_not_told() {
        let own = turned("FAILED", "ecs-svc/123", "2020-05-23T12:31:13Z", "");
        assert!(told_of(&own, &task()).is_some());
        // Under the old form of its ARN, the cluster stands in the detail alone.
        let mut old = own.clone();
        old["resources"] = json!([format!("{HEAD}:service/servicetest")]);
        assert!(told_of(&old, &task()).is_none(), "of whichever cluster");
        for (cluster, is_its) in [("default", true), ("prod", false)] {
            old["detail"]["clusterArn"] = format!("{HEAD}:cluster/{cluster}").into();
            assert_eq!(told_of(&old, &task()).is_some(), is_its, "{cluster}");
        }
        let text = own.to_string();
        for (what, other) in [
            ("service/default/servicetest", "service/default/servicetest-2"),
            ("service/default/", "service/prod/"),
            ("service/default/", "service/"),
            ("us-west-2:111122223333", "us-west-2:999988887777"),
            ("\"aws.ecs\"", "\"shop\""),
            (DEPLOYMENT, "ECS Task State Change"),
        ] {
            let bent: Value = serde_json::from_str(&text.replace(what, other)).expect("JSON");
            assert!(told_of(&bent, &task()).is_none(), "{other}");
        }
        assert!(told_of(&json!({"detail": 3}), &task()).is_none() && told_of(&Value::Null, &task()).is_none());
    }

    #[test]
    fn the_instance_is_told_as_the_stop_found_it_and_its_agents_coming_and_going_is_not() {
        let was = |at: &str, version: i64, status: &str, agent: bool| {
            let arn = format!("{HEAD}:container-instance/default/c1");
            let detail = json!({"containerInstanceArn": arn, "ec2InstanceId": "i-0abc", "status": status, "agentConnected": agent, "version": version, "updatedAt": at});
            match told_of(&event(INSTANCE, at, detail), &task()) {
                Some(Told::Was(state)) => state,
                _ => panic!("no state"),
            }
        };
        let states = [
            was("2020-05-23T11:00:00Z", 1, "ACTIVE", true),
            was("2020-05-23T12:20:00Z", 2, "ACTIVE", false),
            was("2020-05-23T12:30:00Z", 3, "DRAINING", true),
            was("2020-05-23T12:35:00Z", 4, "INACTIVE", false),
        ];
        let stop = task().times.stopping.expect("a stop");
        assert_eq!(at_the_stop(&states, stop).and_then(|state| state.host.status.as_deref()), Some("DRAINING"));
        let lines: Vec<String> = host_lines(&states, stop).iter().map(Event::text).collect();
        assert_eq!(lines, ["instance i-0abc was DRAINING, agent connected", "instance i-0abc was INACTIVE, agent not connected"]);
    }

    #[test]
    fn a_service_action_is_told_in_ecs_own_words() {
        let detail = json!({"eventType": "ERROR", "eventName": "SERVICE_TASK_PLACEMENT_FAILURE", "clusterArn": format!("{HEAD}:cluster/default"),
            "containerInstanceArns": [format!("{HEAD}:container-instance/default/2dd1")], "reason": "RESOURCE:CPU", "createdAt": "2020-05-23T12:31:00.087Z"});
        let Some(Told::Said(message)) = told_of(&event(ACTION, "e", detail), &task()) else { panic!("no message") };
        assert_eq!((message.text.as_str(), message.kind), ("SERVICE_TASK_PLACEMENT_FAILURE: RESOURCE:CPU on 2dd1", MessageKind::CouldNotPlace));
        assert_eq!(message.at.to_string(), "2020-05-23T12:31:00.087Z");
    }

    #[test]
    fn tasks_that_ecs_stopped_to_rebalance_zones_are_told_as_such() {
        let stopped = |reason: &str| {
            let id = "5a6b7c8d9e0f4a1b8c2d3e4f5a6b7c8d";
            let detail = json!({"eventName": "TASKS_STOPPED", "reason": reason, "taskArns": [format!("{HEAD}:task/default/{id}")], "createdAt": "2020-05-23T12:31:00Z"});
            match told_of(&event(ACTION, "e", detail), &task()) {
                Some(Told::Said(message)) => (message.kind, message.tasks == [id]),
                _ => panic!("no message"),
            }
        };
        assert_eq!(stopped("service rebalancing"), (MessageKind::Rebalancing, true));
        assert_eq!(stopped("scale in"), (MessageKind::Stopped, true));
    }

    #[test]
    fn an_action_log_entry_is_told_of_its_own_service_alone() {
        let entry = |arn: &str| {
            json!({"eventTimestamp": "2020-05-23T12:31:00Z", "logLevel": "ERROR", "resourceArn": arn, "eventName": "SERVICE_DEPLOYMENT_FAILED",
                "detail": {"status": "ROLLBACK_SUCCESSFUL", "statusReason": "circuit breaker threshold exceeded."}})
        };
        let own = of_action(&entry(&format!("{HEAD}:service-deployment/default/servicetest/abc")), &task()).expect("its own");
        assert_eq!(own.line().text(), "SERVICE_DEPLOYMENT_FAILED, ROLLBACK_SUCCESSFUL, circuit breaker threshold exceeded");
        assert!(of_action(&entry(&format!("{HEAD}:service/default/servicetest-2")), &task()).is_none());
        assert!(of_action(&entry(&format!("{HEAD}:service/prod/servicetest")), &task()).is_none());
    }

    #[test]
    fn a_way_back_that_the_action_logs_alone_tell_is_of_the_tasks_own_deployment_where_ecs_stopped_it_for_another() {
        let entry = |at: &str, id: &str, status: &str, reason: &str| {
            let arn = format!("{HEAD}:service-deployment/default/servicetest/{id}");
            json!({"eventTimestamp": at, "resourceArn": format!("{HEAD}:service/default/servicetest"), "eventName": "x", "detail": {"serviceDeploymentArn": arn, "status": status, "statusReason": reason}})
        };
        let told = |entries: &[Value], reason: &str| {
            let task = Task { stopped_reason: Some(reason.to_owned()), ..task() };
            let actions: Vec<Action> = entries.iter().filter_map(|entry| of_action(entry, &task)).collect();
            given_up(&actions, &task)
        };
        let entries = [
            entry("2020-05-23T11:59:50Z", "b", "IN_PROGRESS", ""),
            entry("2020-05-23T11:00:00Z", "a", "SUCCESSFUL", ""),
            entry("2020-05-23T12:31:20Z", "b", "ROLLBACK_IN_PROGRESS", "rolled back because the circuit breaker threshold was exceeded."),
            entry("2020-05-23T12:33:00Z", "b", "ROLLBACK_SUCCESSFUL", ""),
        ];
        let for_another = "Scaling activity initiated by (deployment ecs-svc/99)";
        let own = told(&entries, for_another).expect("its own");
        assert_eq!((own.target_revision.as_deref(), own.circuit_breaker.as_deref(), own.status.as_str()), (Some("123"), Some("TRIGGERED"), "ROLLBACK_IN_PROGRESS"));
        let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let since = own.rollback.and_then(|rollback| rollback.started_at);
        assert_eq!((at(own.created_at).as_deref(), at(since).as_deref()), (Some("2020-05-23T11:59:50Z"), Some("2020-05-23T12:31:20Z")));
        assert!(told(&entries, "Scaling activity initiated by (deployment ecs-svc/123)").is_none(), "stopped for its own deployment");
        assert!(told(&entries[..2], for_another).is_none() && told(&entries[3..], for_another).is_none(), "nothing was rolled back by then");
    }
}
