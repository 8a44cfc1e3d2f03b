//! Asks the witnesses. The only folder that speaks to AWS.
//!
//! The task comes first; it alone gives the window. Then every source is asked at once, each its own chain of
//! calls; what two of them need is fetched once and shared. A source that fails leaves a reading, never an error.

pub mod account;
pub mod actions;
pub mod anonymise;
pub mod api_calls;
pub mod archive;
pub mod archived_events;
pub mod archived_stops;
pub mod archived_task;
mod autoscaling;
pub mod aws_cli;
pub mod cache;
pub mod case;
pub mod cbor;
pub mod deadline;
pub mod demos;
mod deployments;
pub mod document;
pub mod failing;
mod filtered;
mod host;
pub mod kept_insights;
pub mod kept_logs;
mod known_groups;
pub mod ledger;
mod load_balancer;
pub(crate) mod log_lines;
mod log_query;
mod logs;
mod metrics;
pub mod names;
mod neighbours;
mod origin;
mod pace;
mod pages;
pub mod permissions;
pub mod profiles;
pub mod redact;
mod replay;
mod service;
pub mod stops;
pub mod target;
mod target_health;
pub mod task;
pub mod trail_lake;
mod wire;

pub use wire::Passed;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, LocalBoxFuture, Shared, join_all, select};
use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::event::{Event, What};
use crate::diagnosis::evidence::{Evidence, Reading, Source, Status};
use crate::diagnosis::service::{Host, Service, ServiceDeployment, TargetGroup};
use crate::diagnosis::task::{Task, TaskDefinition};

use account::Account;
use archive::Kept;
use archived_events::ArchivedEvents;
use ledger::Ledger;

/// One witness's asker: its name, the IAM actions it may use, and how it asks.
pub struct Asker {
    pub source: Source,
    pub collect: for<'a, 'b> fn(&'a Asking<'b>) -> LocalBoxFuture<'a, ()>,
}

/// Every source there is, the task itself apart. A new witness is one file and one line here.
const SOURCES: &[Asker] =
    &[service::SOURCE, deployments::SOURCE, api_calls::SOURCE, logs::SOURCE, target_health::SOURCE, metrics::SOURCE, autoscaling::SOURCE, host::SOURCE, archived_events::SOURCE];
/// Asked at the same time for notes alone; nobody waits for it much longer than for all others.
const ASIDE: &Asker = &neighbours::SOURCE;
const ASIDE_GRACE: Duration = Duration::from_secs(3);

/// What every source is given.
pub struct Reach<'a> {
    pub task: &'a Task,
    pub account: &'a Account,
    pub ledger: &'a Ledger,
    pub now: Timestamp,
    pub redact: bool,
    /// What was found before, where CloudTrail alone is asked once more, only for the calls that must have been and may have
    /// come since.
    pub before: Option<&'a Evidence>,
    /// Also for what can only add to the answer.
    pub deep: bool,
    /// Where ECS's events are kept, as far as was found while a forgotten task was looked for.
    pub archives: &'a [Kept],
    /// Asked in the place of CloudTrail's event history.
    pub trail_lake: Option<&'a trail_lake::EventDataStore>,
}

impl Reach<'_> {
    /// Whether calls that decide nothing are left alone: what is asked again has told them, and a query costs money.
    fn asks_sparingly(&self) -> bool {
        self.before.is_some() || self.trail_lake.is_some()
    }
}

type Fetched<'a, T> = Shared<LocalBoxFuture<'a, Option<Arc<T>>>>;

/// A source's view: the task, the account, and what it shares with the others.
pub struct Asking<'a> {
    pub reach: &'a Reach<'a>,
    /// Absent where it could not be read; the reading says why.
    pub definition: Fetched<'a, TaskDefinition>,
    pub service: Fetched<'a, Service>,
    pub history: Fetched<'a, Vec<ServiceDeployment>>,
    pub host: Fetched<'a, Host>,
    /// What the archives keep of service and host, where ECS has forgotten the task.
    pub archived: Fetched<'a, ArchivedEvents>,
    /// The scaling activities around the stop.
    pub activities: Fetched<'a, Vec<Event>>,
    /// The target group ECS's reason names, and none else: it is known before the service is.
    pub named_group: Fetched<'a, TargetGroup>,
    /// What only narrows a search down is waited for no longer than until then.
    patience: tokio::time::Instant,
}

/// How long a run may take and which of the sources it asks.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub deadline: tokio::time::Instant,
    /// `logs` asks only ECS and the logs.
    pub only_logs: bool,
}

/// How the gathering ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Complete,
    OutOfTime,
    Interrupted,
}

/// Asks every source that can exist for the task, all at once, until the deadline or an interrupt.
///
/// Never fails: what had arrived is in the evidence, what had not has a reading that says so.
pub async fn gather(reach: &Reach<'_>, limits: Limits, interrupt: impl Future<Output = ()>) -> (Evidence, Ended) {
    let asking = Asking {
        reach,
        definition: task::definition(reach).boxed_local().shared(),
        service: service::fetch(reach, limits.only_logs).boxed_local().shared(),
        history: deployments::fetch(reach, limits.only_logs).boxed_local().shared(),
        host: host::fetch(reach, limits.only_logs).boxed_local().shared(),
        archived: archived_events::fetch(reach, share(limits.deadline, archived_events::SHARE), limits.only_logs).boxed_local().shared(),
        activities: autoscaling::fetch(reach, limits.only_logs).boxed_local().shared(),
        named_group: target_health::named(reach, limits.only_logs).boxed_local().shared(),
        patience: share(limits.deadline, 0.5),
    };
    // A service without a task to show is known to ECS and its load balancer alone.
    let can_exist = |source: Source| reach.task.exists() || matches!(source, Source::Service | Source::Elb);
    let wanted = SOURCES.iter().filter(|asker| can_exist(asker.source) && (!limits.only_logs || asker.source == Source::Logs));
    let deciding = join_all(wanted.map(|asker| (asker.collect)(&asking)).chain([asking.definition.clone().map(drop).boxed_local()]));
    let all = async {
        if limits.only_logs || !reach.task.exists() {
            deciding.await;
            return;
        }
        match select(deciding, (ASIDE.collect)(&asking)).await {
            Either::Left((_, aside)) => drop(tokio::time::timeout(ASIDE_GRACE, aside).await),
            Either::Right(((), deciding)) => drop(deciding.await),
        }
    };
    let ended = tokio::select! {
        _ = all => Ended::Complete,
        () = tokio::time::sleep_until(limits.deadline) => Ended::OutOfTime,
        () = interrupt => Ended::Interrupted,
    };
    reach.ledger.close(ended, |action, about| reach.account.refusal_of(action, about));
    let mut evidence = asking.so_far();
    evidence.readings.extend(unasked(&evidence, limits, ended));
    evidence.readings.sort_by(|a, b| (a.source, a.status, &a.action, &a.resource).cmp(&(b.source, b.status, &b.action, &b.resource)));
    (evidence, ended)
}

/// The same evidence with what CloudTrail has by now: its newer readings stand for the older ones of the same name, and
/// whatever it told before stays told.
pub async fn ask_cloudtrail_again(reach: &Reach<'_>, before: &Evidence) -> Evidence {
    let activities = before.events.iter().filter(|event| matches!(event.what, What::Scaled(_))).cloned().collect();
    let asking = Asking {
        reach,
        definition: known(before.definition.clone()),
        service: known(before.service.clone()),
        history: known(Some(before.service_deployments.clone())),
        host: known(before.host.clone()),
        archived: known(None),
        activities: known(Some(activities)),
        named_group: known(None),
        patience: tokio::time::Instant::now(),
    };
    (api_calls::SOURCE.collect)(&asking).await;
    let mut evidence = asking.so_far();
    evidence.readings.sort_by(|a, b| (a.source, a.status, &a.action, &a.resource).cmp(&(b.source, b.status, &b.action, &b.resource)));
    evidence
}

impl Asking<'_> {
    /// What is known by now, of what was asked before and of what has arrived since; nothing is waited for.
    fn so_far(&self) -> Evidence {
        let newer = self.reach.ledger.evidence(self.reach.now);
        let mut evidence = match self.reach.before {
            Some(before) => renewed(before.clone(), newer),
            None => newer,
        };
        evidence.task = self.reach.task.clone();
        if self.reach.before.is_none() {
            evidence.definition = arrived(&self.definition);
            evidence.service = arrived(&self.service);
            let archived = arrived(&self.archived).unwrap_or_default();
            evidence.service_deployments = with_archived(arrived(&self.history).unwrap_or_default(), &archived);
            evidence.host = as_it_was(arrived(&self.host), &archived);
        }
        evidence
    }
}

/// The history, and what the archives alone know of: ECS's own word on a deployment counts more.
fn with_archived(mut history: Vec<ServiceDeployment>, archived: &ArchivedEvents) -> Vec<ServiceDeployment> {
    let known: Vec<_> = history.iter().map(|deployment| deployment.target_revision.clone()).collect();
    history.extend(archived.deployments.iter().filter(|deployment| !known.contains(&deployment.target_revision)).cloned());
    history
}

/// The host at the stop, where that was kept, instead of how it is now.
fn as_it_was(now: Option<Host>, archived: &ArchivedEvents) -> Option<Host> {
    let Some(then) = archived.host.clone() else { return now };
    let instance_id = then.instance_id.clone().or_else(|| now?.instance_id);
    Some(Host { instance_id, ..then })
}

fn arrived<T: Clone>(fetched: &Fetched<'_, T>) -> Option<T> {
    fetched.peek()?.as_ref().map(|found| T::clone(found))
}

/// What was told stays told; CloudTrail's newer readings stand for the older ones of the same name.
fn renewed(mut evidence: Evidence, newer: Evidence) -> Evidence {
    evidence.taken_at = newer.taken_at;
    evidence.callers.extend(newer.callers);
    let call = |event: &Event| match &event.what {
        What::Called(call) => Some(call.event_id.clone()),
        _ => None,
    };
    let told: Vec<_> = evidence.events.iter().filter_map(call).collect();
    evidence.events.extend(newer.events.into_iter().filter(|event| call(event).is_none_or(|id| !told.contains(&id))));
    let is_newer = |reading: &Reading| newer.readings.iter().any(|later| (&later.about, later.aside) == (&reading.about, reading.aside));
    evidence.readings.retain(|reading| reading.source != Source::Cloudtrail || !is_newer(reading));
    evidence.readings.extend(newer.readings.clone());
    evidence
}

/// Where this part of what is left of the run is over.
fn share(deadline: tokio::time::Instant, part: f64) -> tokio::time::Instant {
    let now = tokio::time::Instant::now();
    now + deadline.saturating_duration_since(now).mul_f64(part)
}

fn known<'a, T: 'a>(what: Option<T>) -> Fetched<'a, T> {
    futures::future::ready(what.map(Arc::new)).boxed_local().shared()
}

/// A reading for each source that left none: it was not its turn, or this version does not ask it.
fn unasked(evidence: &Evidence, limits: Limits, ended: Ended) -> Vec<Reading> {
    let missing = Source::ALL.into_iter().filter(|source| !evidence.readings.iter().any(|reading| reading.source == *source));
    missing
        .filter(|source| !limits.only_logs || matches!(source, Source::Ecs | Source::Logs))
        .map(|source| {
            let fargate = evidence.task.runs_on_fargate();
            match source {
                _ if !evidence.task.exists() => Reading::new(source, Status::NotApplicable).detailed("the service has no task to ask about"),
                Source::Host if fargate => Reading::new(source, Status::NotApplicable).detailed("Fargate: the host is AWS's"),
                Source::Archive => Reading::new(source, Status::NotApplicable).detailed("ECS itself still describes the task"),
                _ if ended == Ended::Interrupted => Reading::new(source, Status::Skipped).detailed("interrupted before its turn"),
                _ if ended == Ended::OutOfTime => Reading::new(source, Status::Skipped).detailed("the run ended before its turn"),
                _ => Reading::new(source, Status::Skipped).detailed("what it needs could not be read"),
            }
        })
        .collect()
}

/// Written while stopping, or late.
const AFTER_END: SignedDuration = SignedDuration::from_secs(60);

/// From `before` the stop, but not earlier than `lead` before the task was there, to a minute after its end.
fn around_stop(task: &Task, now: Timestamp, before: SignedDuration, lead: SignedDuration) -> (Timestamp, Timestamp) {
    let stop = task.stop_anchor().unwrap_or(now);
    let born = task.times.created.unwrap_or(stop - before) - lead;
    let end = task.last_known().unwrap_or(stop).max(stop) + AFTER_END;
    ((stop - before).max(born), end.min(now.max(stop)))
}

/// What a source of services has of a task that is of none; of one that ECS has forgotten that may not be known.
fn of_no_service(source: Source, task: &Task) -> Reading {
    if task.is_forgotten() && task.group.is_none() {
        return Reading::new(source, Status::Skipped).detailed("whether the task was of a service is not known any more");
    }
    Reading::new(source, Status::NotApplicable).detailed("the task is no part of a service")
}

/// Nothing that AWS answers from memory takes longer.
const LONGEST_ATTEMPT: std::time::Duration = std::time::Duration::from_secs(8);

/// The share of the run after which a request is made once more: a hung connection must leave time for another.
#[must_use]
pub fn attempt_limit(run: Duration) -> Duration {
    run.mul_f64(0.4).clamp(Duration::from_millis(500), LONGEST_ATTEMPT)
}
