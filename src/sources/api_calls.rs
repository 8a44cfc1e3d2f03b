//! Asks CloudTrail who called: LookupEvents by name, in the shortest window that can hold the call.
//!
//! ECS events carry no indexed resources, so the search is by event name and the match is made here. Two requests
//! a second is all there is; the connector keeps that pace.

use aws_sdk_cloudtrail::types::{Event as Record, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use futures::FutureExt;
use futures::channel::oneshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::diagnosis::actors::{self, Kind};
use crate::diagnosis::call::{ApiCall, EXECUTE_COMMAND, Identity, Parameters, RUN_TASK};
use crate::diagnosis::desired_count;
use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::{Reading, Source, Status};
use crate::diagnosis::scheduling::{self, Story};
use crate::diagnosis::service::{Host, in_parentheses, is_task_id};
use crate::diagnosis::stopped_by::{KEPT_FOR, SETTLES_AFTER, UNDO, host_calls};
use crate::diagnosis::task::{EcsArn, StopCode, Task, last_segment};

use super::failing::{Failing, failing};
use super::ledger::Inquiry;
use super::pages::{Pages, Turn};
use super::trail_lake::{self, EventDataStore};
use super::{Asker, Asking, Reach, redact};

pub const SOURCE: Asker = Asker { source: Source::Cloudtrail, collect: |asking| collect(asking).boxed_local() };

/// A stop begins within a second of an accepted call; refused attempts come somewhat earlier.
const BEFORE_STOP: SignedDuration = SignedDuration::from_secs(150);
const AFTER_STOP: SignedDuration = SignedDuration::from_secs(15);
/// A shell may have been open for a while, and what was done there may take its time.
const BEFORE_STOP_IN_SHELL: SignedDuration = SignedDuration::from_secs(3600);
/// 50 calls each: 2,000 calls of one name within three minutes is more than any account makes.
const MOST_PAGES: usize = 40;

async fn collect(asking: &Asking<'_>) {
    let reach = asking.reach;
    let Some(stop) = reach.task.stop_anchor() else {
        reach.ledger.note(Reading::new(Source::Cloudtrail, Status::NotApplicable).detailed("the task has not been stopped"));
        return;
    };
    if reach.now.duration_since(stop) > KEPT_FOR && reach.trail_lake.is_none() {
        reach.ledger.note(Reading::new(Source::Cloudtrail, Status::Expired).detailed("CloudTrail's event history keeps 90 days, and the stop is older"));
        return;
    }
    let stop_task = Search {
        name: "StopTask",
        from: stop - BEFORE_STOP,
        to: stop + AFTER_STOP,
        subject: Subject::Task,
        decides: matches!(reach.task.told_stop_code(), Some(StopCode::UserInitiated)),
        goes_on: false,
    };
    let (known, first) = oneshot::channel::<()>();
    let others = async {
        let mut accepted = Vec::new();
        let Chain { searches, wants_fewer } = of_the_chain(asking, stop).await;
        drop(known);
        for search in searches.into_iter().filter(|search| search.decides || !reach.asks_sparingly()) {
            let found = lookup(reach, &search).await;
            // What a nearer window or a likelier name has answered needs no further look; but an AWS service acts for somebody.
            let answered = found.iter().any(|call| actors::describe(call).kind != Kind::Aws);
            accepted.extend(found);
            if answered && !search.goes_on {
                break;
            }
        }
        if wants_fewer && let Some(search) = of_the_bounds(asking, stop).await {
            // Its session is the first to be followed: an activity that obeyed a bound has no other beginning.
            accepted.splice(0..0, lookup(reach, &search).await);
        }
        accepted
    };
    // Of the few requests a second, those that can name who stopped it go first.
    let shell = async {
        let _ = first.await;
        if reach.task.allows_exec() && !reach.asks_sparingly() {
            let from = stop - BEFORE_STOP_IN_SHELL;
            lookup(reach, &Search { name: EXECUTE_COMMAND, from, to: stop, subject: Subject::Shell { from, to: stop }, decides: false, goes_on: false }).await;
        }
    };
    let stops = async { if stop_task.decides || !reach.asks_sparingly() { lookup(reach, &stop_task).await } else { Vec::new() } };
    let (stops, others, ()) = futures::join!(stops, others, shell);
    // Somebody's call for another reason is not followed: only one that can be behind this stop.
    let stops = stops.into_iter().filter(|_| stop_task.decides);
    let mut followed = Vec::new();
    for call in stops.chain(others).filter(|call| call.name != RUN_TASK) {
        if let Some(key) = call.identity.access_key_id.clone().filter(|key| !followed.contains(key))
            && followed.len() < MOST_SESSIONS
        {
            followed.push(key);
            who_began_the_session(reach, call).await;
        }
    }
}

/// Sessions followed back to who began them, and how far each may go.
const MOST_SESSIONS: usize = 2;
const MOST_SESSION_HOPS: usize = 3;

/// Follows a role's session to the call that handed out its key, and that call's own session further.
async fn who_began_the_session(reach: &Reach<'_>, mut call: ApiCall) {
    for _ in 0..MOST_SESSION_HOPS {
        let Some((key, created)) = session_to_follow(&call) else { return };
        let mut found = None;
        for name in session_calls(&call) {
            let (from, to) = (created - SESSION_BEGINS_WITHIN, created + SESSION_BEGINS_WITHIN);
            let search = Search { name, from, to, subject: Subject::Key(key.clone()), decides: false, goes_on: false };
            found = lookup(reach, &search).await.pop();
            if found.is_some() {
                break;
            }
        }
        match found {
            Some(earlier) => call = earlier,
            None => return,
        }
    }
}

/// `creationDate` is the moment of the AssumeRole call; records are cut to the second.
const SESSION_BEGINS_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// Key and beginning of a session whose name does not tell who stands behind it.
fn session_to_follow(call: &ApiCall) -> Option<(String, Timestamp)> {
    let identity = &call.identity;
    let role = identity.role_name()?;
    // A person signed on, a task, an instance and AWS itself are known by the session alone.
    let known = role.starts_with("AWSReservedSSO_") || role.starts_with("AWSServiceRoleFor") || identity.invoked_by.is_some() || identity.issued_to.is_some();
    let named = identity.session().is_some_and(|session| is_task_id(session) || session.starts_with("i-"));
    let key = identity.access_key_id.clone().filter(|key| key.starts_with("ASIA"))?;
    (identity.kind == "AssumedRole" && !known && !named).then_some((key, identity.session_created?))
}

/// The names under which a session like this one can have begun, the likeliest first.
fn session_calls(call: &ApiCall) -> Vec<&'static str> {
    let (web, role, saml) = ("AssumeRoleWithWebIdentity", "AssumeRole", "AssumeRoleWithSAML");
    if call.identity.web_provider.is_some() {
        vec![web]
    } else if actors::describe(call).kind == Kind::Pipeline {
        vec![web, role]
    } else if call.identity.session().is_some_and(|session| session.contains('@')) {
        vec![role, saml, web]
    } else {
        vec![role, web, saml]
    }
}

/// One name in one window.
struct Search {
    name: &'static str,
    from: Timestamp,
    to: Timestamp,
    subject: Subject,
    /// Whether such a call must be behind this stop: only then is its absence too early to believe.
    decides: bool,
    /// Whether the next name is asked for even where this one has answered: each is a step of its own.
    goes_on: bool,
}

/// What a call has to be about to concern the task.
#[derive(Clone)]
enum Subject {
    Task,
    Service,
    /// The call that started it, by what the call answered.
    Start,
    /// The service as a target of Application Auto Scaling.
    ScalableTarget,
    /// A shell in the task that was opened, and not refused, in that time.
    Shell {
        from: Timestamp,
        to: Timestamp,
    },
    /// The session that this access key opens.
    Key(String),
    /// Its EC2 instance and its container instance, as far as they are known.
    Host {
        instance: Option<String>,
        container_instance: Option<String>,
    },
}

impl Subject {
    fn concerns(&self, call: &ApiCall, task: &Task) -> bool {
        match self {
            Self::Task => concerns_task(call, task),
            Self::Service => concerns_service(call, task),
            Self::Start => call.succeeded() && in_account(call, task) && call.response_tasks.iter().any(|arn| is_arn_of(arn, task)),
            Self::ScalableTarget => in_account(call, task) && call.parameters.scalable_target.is_some() && call.parameters.scalable_target == scalable_target(task),
            Self::Shell { from, to } => call.succeeded() && (*from..=*to).contains(&call.time) && concerns_task(call, task),
            Self::Key(key) => call.issued_key.as_deref() == Some(key),
            Self::Host { instance, container_instance } => {
                let ends_the_instance = instance.as_ref().is_some_and(|id| call.parameters.instances.contains(id));
                let drains = |id: &String| call.parameters.container_instances.iter().any(|named| is_container_instance(named, id, call, task));
                in_account(call, task) && (ends_the_instance || container_instance.as_ref().is_some_and(drains))
            }
        }
    }
}

/// A new service's deployment is made in the same call.
const FIRST_DEPLOYMENT_WITHIN: SignedDuration = SignedDuration::from_secs(5);
/// A host is taken away minutes before ECS notices; a drain may take the better part of an hour.
const BEFORE_HOST: i64 = 15 * 60;
const LONG_BEFORE_HOST: i64 = 2 * 3600;

/// Names asked for beside StopTask, ExecuteCommand and those that begin a session.
const MOST_NAMES: usize = 3;

struct Chain {
    searches: Vec<Search>,
    /// Whether a lower count is behind the stop, so that a bound of the scaling may be behind the count.
    wants_fewer: bool,
}

impl Chain {
    fn of(searches: impl IntoIterator<Item = Search>) -> Self {
        Self { searches: searches.into_iter().collect(), wants_fewer: false }
    }
}

/// The searches that lead from the stop to who began it, the likeliest first.
async fn of_the_chain(asking: &Asking<'_>, stop: Timestamp) -> Chain {
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
        let near = |name: &'static str| {
            let (from, to) = around(stop, BEFORE_HOST, 30);
            Search { name, from, to, subject: subject.clone(), decides: true, goes_on: false }
        };
        let far = |name: &'static str| Search {
            name,
            from: stop - SignedDuration::from_secs(LONG_BEFORE_HOST),
            to: stop - SignedDuration::from_secs(BEFORE_HOST + 1),
            subject: subject.clone(),
            decides: true,
            goes_on: false,
        };
        return Chain::of(names.iter().copied().map(near).chain(names.first().copied().map(far)));
    }
    if matches!(task.told_stop_code(), Some(StopCode::UserInitiated)) && task.service.is_none() {
        // What ran a task by itself may be what stopped it.
        let run =
            task.times.created.map(|created| around(created, 60, 5)).map(|(from, to)| Search { name: RUN_TASK, from, to, subject: Subject::Start, decides: false, goes_on: false });
        return Chain::of(run);
    }
    if !was_scheduled(task) {
        return Chain::of([]);
    }
    let service = asking.service.clone().await;
    let mut story = scheduling::story(task, service.as_deref(), &[]);
    // An older revision in the task's place is a rollback more often than not, and only the history tells.
    let brings_newer = |change: &scheduling::Change| {
        change.definition.as_deref().and_then(|name| name.rsplit_once(':')?.1.parse::<i64>().ok()).zip(task.revision).is_some_and(|(new, own)| new > own)
    };
    let mut may_be_undone = false;
    if !matches!(&story, Story::Replaced(change) if brings_newer(change)) {
        let history = asking.history.clone().await;
        may_be_undone = history.is_none();
        story = scheduling::story(task, service.as_deref(), history.as_deref().map(Vec::as_slice).unwrap_or_default());
    }
    let of_task_sets = service.as_ref().is_some_and(|service| service.uses_task_sets());
    // A service's first deployment begins with the service itself.
    let is_first = |change: &scheduling::Change| {
        let born = service.as_ref().and_then(|service| service.created_at);
        born.zip(change.created_at).is_some_and(|(born, created)| created.duration_since(born).abs() <= FIRST_DEPLOYMENT_WITHIN)
    };
    let beginnings = |change: &scheduling::Change| -> &'static [&'static str] { if is_first(change) { &["CreateService", "UpdateService"] } else { &["UpdateService"] } };
    let of_service = |name: &'static str, (from, to): (Timestamp, Timestamp)| Search { name, from, to, subject: Subject::Service, decides: true, goes_on: false };
    match story {
        Story::RolledBack { failed, since, how, .. } => {
            let at = around(failed.created_at.unwrap_or(stop), 60, 5);
            let began = beginnings(&failed).iter().map(|name| of_service(name, at));
            let undone = of_service(UNDO, around(since.unwrap_or(stop), 120, 5));
            if how == scheduling::Rollback::Manual { Chain::of(std::iter::once(undone).chain(began)) } else { Chain::of(began) }
        }
        Story::Replaced(change) => {
            let at = around(change.created_at.unwrap_or(stop), 60, 5);
            if of_task_sets {
                // Made, switched to, and the task's own taken away: three acts, minutes apart.
                let shifted = (at.0, stop + SignedDuration::from_secs(5));
                let acts = [("CreateTaskSet", at), ("DeleteTaskSet", around(stop, 900, 5)), ("UpdateServicePrimaryTaskSet", shifted)];
                return Chain::of(acts.map(|(name, window)| Search { goes_on: true, ..of_service(name, window) }));
            }
            let names = if is_first(&change) { beginnings(&change) } else { ["UpdateService", "UpdateExpressGatewayService"].as_slice() };
            let undone = may_be_undone.then(|| Search { goes_on: true, ..of_service(UNDO, around(change.created_at.unwrap_or(stop), 120, 5)) });
            Chain::of(undone.into_iter().chain(names.iter().map(|name| of_service(name, at))))
        }
        Story::FewerWanted | Story::Unclear(_) => {
            let names: &[&'static str] = if of_task_sets { &["UpdateService", "DeleteTaskSet", "UpdateTaskSet"] } else { &["UpdateService"] };
            let mut searches: Vec<Search> = names.iter().map(|name| Search { goes_on: of_task_sets, ..of_service(name, around(stop, 900, 5)) }).collect();
            let found = asking.host.clone().await;
            let may_leave = task.container_instance_arn.is_some() && found.as_ref().is_none_or(|host| host.is_leaving());
            if may_leave {
                let (from, to) = around(stop, LONG_BEFORE_HOST, 5);
                searches.truncate(MOST_NAMES - 1);
                // A count that was lowered since would outweigh an old drain.
                searches.insert(0, Search { name: "UpdateContainerInstancesState", from, to, subject: host(found.as_deref()), decides: found.is_some(), goes_on: true });
            }
            Chain { wants_fewer: searches.len() < MOST_NAMES, searches }
        }
        // A service is emptied before it is deleted.
        Story::ServiceDeleted => Chain::of(["DeleteService", "UpdateService"].map(|name| Search { goes_on: true, ..of_service(name, around(stop, 900, 5)) })),
        Story::Rebalanced => Chain::of([]),
    }
}

/// Whether the scheduler stopped it, and gave the reason it gives for replacement and scale-in alike.
fn was_scheduled(task: &Task) -> bool {
    matches!(task.told_stop_code(), Some(StopCode::ServiceSchedulerInitiated)) && scheduling::is_scaling_reason(task.stopped_reason.as_deref().unwrap_or_default())
}

/// Where a bound of the scaling, and no policy, lowered the count just before the stop: who moved it.
async fn of_the_bounds(asking: &Asking<'_>, stop: Timestamp) -> Option<Search> {
    let activities = asking.activities.clone().await?;
    let lowered = activities.iter().rev().find_map(|event| match &event.what {
        What::Scaled(activity) if activity.did_set_the_count() && event.at <= stop => Some((event.at, activity)),
        _ => None,
    });
    let (at, _) = lowered.filter(|(at, activity)| activity.follows_a_bound() && stop.duration_since(*at) <= desired_count::SCALE_IN_TAKES)?;
    let (from, to) = (at - desired_count::BOUND_ACTS_WITHIN, at + SignedDuration::from_secs(2));
    Some(Search { name: "RegisterScalableTarget", from, to, subject: Subject::ScalableTarget, decides: false, goes_on: false })
}

/// The service as Application Auto Scaling calls it.
fn scalable_target(task: &Task) -> Option<String> {
    task.service.as_ref().map(|service| format!("service/{}/{service}", task.cluster))
}

/// Reads every page of one search and tells the calls that concern the task; gives those that were accepted.
async fn lookup(reach: &Reach<'_>, search: &Search) -> Vec<ApiCall> {
    if let Some(store) = reach.trail_lake {
        return lookup_in(store, reach, search).await;
    }
    let inquiry = reach.ledger.ask(Source::Cloudtrail, "cloudtrail:LookupEvents", "*");
    inquiry.about(search.name);
    if search.name == EXECUTE_COMMAND || search.name == RUN_TASK {
        inquiry.aside();
    }
    let (from, to) = (search.from.as_second(), search.to.as_second() + 1);
    inquiry.looked(Timestamp::from_second(from).ok(), Timestamp::from_second(to).ok());
    let attribute = match LookupAttribute::builder().attribute_key(LookupAttributeKey::EventName).attribute_value(search.name).build() {
        Ok(attribute) => attribute,
        Err(error) => {
            inquiry.fail(&Failing::unreadable(error.to_string()));
            return Vec::new();
        }
    };
    let client = reach.account.cloudtrail();
    let (mut pages, mut matched, mut unreadable, mut accepted) = (Pages::default(), 0_usize, 0_usize, Vec::new());
    for page in 0.. {
        if page == MOST_PAGES {
            inquiry.fail(&Failing::unreadable(format!("more than {} {} calls in the window: not read to the end", MOST_PAGES * 50, search.name)));
            return accepted;
        }
        inquiry.request();
        let asked = client.lookup_events().lookup_attributes(attribute.clone()).start_time(DateTime::from_secs(from)).end_time(DateTime::from_secs(to)).max_results(50);
        let answer = match asked.set_next_token(pages.token()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                inquiry.fail(&failing(&error));
                return accepted;
            }
        };
        for record in answer.events() {
            let Some(mut call) = read(record) else {
                unreadable += 1;
                continue;
            };
            if take(reach, search, &inquiry, &mut call) {
                matched += 1;
                if call.succeeded() {
                    accepted.push(call);
                }
            }
        }
        match pages.turn(answer.next_token) {
            Turn::Next => {}
            Turn::End => break,
            Turn::Repeated => {
                inquiry.fail(&Failing::repeated_token());
                return accepted;
            }
        }
    }
    if unreadable > 0 {
        inquiry.fail(&Failing::unreadable(format!("{unreadable} records could not be read")));
        return accepted;
    }
    close(reach, search, inquiry, matched);
    accepted
}

/// Tells the call if it is what the search is for, with secrets taken out of what its caller typed.
fn take(reach: &Reach<'_>, search: &Search, inquiry: &Inquiry<'_>, call: &mut ApiCall) -> bool {
    if call.name != search.name || !is_of_its_service(call) || !search.subject.concerns(call, reach.task) {
        return false;
    }
    if reach.redact {
        for typed in [&mut call.parameters.reason, &mut call.parameters.command].into_iter().flatten() {
            *typed = redact::text(typed).into_owned();
        }
    }
    let level = if call.succeeded() { Level::Info } else { Level::Warn };
    inquiry.tell(Event { at: call.time, precision: Precision::Second, witness: Witness::Cloudtrail, level, container: None, what: What::Called(Box::new(call.clone())) });
    true
}

/// Read in full: but where such a call must have been, its absence may be too early to believe.
fn close(reach: &Reach<'_>, search: &Search, inquiry: Inquiry<'_>, matched: usize) {
    let early = search.decides && matched == 0 && reach.now.duration_since(search.to) < SETTLES_AFTER;
    if early { inquiry.end(Status::TooEarly) } else { inquiry.done() }
}

/// The same search in an event data store.
async fn lookup_in(store: &EventDataStore, reach: &Reach<'_>, search: &Search) -> Vec<ApiCall> {
    let inquiry = reach.ledger.ask(Source::Cloudtrail, trail_lake::START, &store.id);
    inquiry.about(search.name);
    inquiry.looked(Some(search.from), Some(search.to));
    let client = reach.account.cloudtrail_in(store.region.as_deref());
    let records = match trail_lake::records(&client, store, search.name, (search.from, search.to), || inquiry.request()).await {
        Ok(records) => records,
        Err(unanswered) => {
            if unanswered.action != trail_lake::START {
                let reading = reach.ledger.ask(Source::Cloudtrail, unanswered.action, &store.id);
                reading.about(search.name);
                reading.fail(&unanswered.failing);
            }
            inquiry.fail(&unanswered.failing);
            return Vec::new();
        }
    };
    let mut calls: Vec<ApiCall> = records.iter().filter_map(call_from).collect();
    let unreadable = records.len() - calls.len();
    calls.retain_mut(|call| take(reach, search, &inquiry, call));
    let matched = calls.len();
    let accepted = calls.into_iter().filter(ApiCall::succeeded).collect();
    if unreadable > 0 {
        inquiry.fail(&Failing::unreadable(format!("{unreadable} records could not be read")));
    } else {
        close(reach, search, inquiry, matched);
    }
    accepted
}

/// Other services have calls of the same names.
fn is_of_its_service(call: &ApiCall) -> bool {
    let service = match call.name.as_str() {
        "TerminateInstances" | "StopInstances" | "BidEvictedEvent" => "ec2",
        "TerminateInstanceInAutoScalingGroup" => "autoscaling",
        // Under either name: its records used to bear that of EC2's.
        "RegisterScalableTarget" => return call.source.as_deref().is_none_or(|source| matches!(source.split('.').next(), Some("application-autoscaling" | "autoscaling"))),
        name if name.starts_with("AssumeRole") => "sts",
        _ => "ecs",
    };
    call.source.as_deref().is_none_or(|source| source.split('.').next() == Some(service))
}

/// Whether a StopTask or ExecuteCommand call was for this very task: its id in its cluster, in this account and region.
fn concerns_task(call: &ApiCall, task: &Task) -> bool {
    if !in_account(call, task) {
        return false;
    }
    if let Some(arn) = &call.response_task_arn {
        // An old ARN names no cluster: then the one that was typed has to agree.
        let names_cluster = EcsArn::parse(arn).is_some_and(|arn| arn.cluster.is_some());
        return is_arn_of(arn, task) && (names_cluster || in_cluster(call.parameters.cluster.as_deref(), task));
    }
    let Some(typed) = call.parameters.task.as_deref() else { return false };
    let own = if typed.starts_with("arn:") { is_arn_of(typed, task) } else { typed.eq_ignore_ascii_case(&task.id) };
    // An ARN names its cluster itself; only where it does not is an absent parameter `default`.
    let cluster_in_arn = EcsArn::parse(typed).is_some_and(|arn| arn.cluster.is_some());
    own && match call.parameters.cluster.as_deref() {
        None if cluster_in_arn => true,
        typed => in_cluster(typed, task),
    }
}

fn concerns_service(call: &ApiCall, task: &Task) -> bool {
    let Some(service) = task.service.as_deref() else { return false };
    let Some(typed) = call.parameters.service.as_deref() else { return false };
    if !in_account(call, task) || last_segment(typed) != service {
        return false;
    }
    match EcsArn::parse(typed).and_then(|arn| arn.cluster) {
        Some(cluster) => cluster == task.cluster,
        None => in_cluster(call.parameters.cluster.as_deref(), task),
    }
}

fn in_account(call: &ApiCall, task: &Task) -> bool {
    let agrees = |theirs: &Option<String>, ours: &str| theirs.as_deref().is_none_or(|theirs| ours.is_empty() || theirs == ours);
    agrees(&call.region, &task.region) && agrees(&call.recipient_account, &task.account)
}

/// The cluster parameter is a name, an ARN, or absent, which means `default`.
fn in_cluster(typed: Option<&str>, task: &Task) -> bool {
    last_segment(typed.filter(|typed| !typed.is_empty()).unwrap_or("default")) == task.cluster
}

fn is_arn_of(arn: &str, task: &Task) -> bool {
    EcsArn::parse(arn).is_some_and(|arn| {
        arn.kind == "task"
            && arn.name.eq_ignore_ascii_case(&task.id)
            && arn.cluster.is_none_or(|cluster| cluster == task.cluster)
            && (task.region.is_empty() || arn.region == task.region)
            && (task.account.is_empty() || arn.account == task.account)
    })
}

/// A container instance by id or ARN: only an ARN of the new form names its cluster itself.
fn is_container_instance(typed: &str, own: &str, call: &ApiCall, task: &Task) -> bool {
    let arn = EcsArn::parse(typed);
    let is_elsewhere = arn.as_ref().is_some_and(|arn| !task.region.is_empty() && arn.region != task.region || !task.account.is_empty() && arn.account != task.account);
    let cluster = arn.and_then(|arn| arn.cluster);
    let same_cluster = cluster.map_or_else(|| in_cluster(call.parameters.cluster.as_deref(), task), |cluster| cluster == task.cluster);
    last_segment(typed) == last_segment(own) && !is_elsewhere && same_cluster
}

/// The JSON inside the record; the fields around it say less.
fn read(record: &Record) -> Option<ApiCall> {
    let value: Value = serde_json::from_str(record.cloud_trail_event()?).ok()?;
    call_from(&value)
}

/// The service of `…:service-deployment/CLUSTER/SERVICE/ID`, as an ARN that names its cluster too.
fn service_in(deployment: &str) -> Option<String> {
    let (head, rest) = deployment.split_once(":service-deployment/")?;
    let (service, _) = rest.rsplit_once('/')?;
    Some(format!("{head}:service/{service}"))
}

fn listed(value: &Value, path: &str) -> Vec<String> {
    value.pointer(path).and_then(Value::as_array).map(|items| items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()).unwrap_or_default()
}

/// EC2 and Auto Scaling name instances in ways of their own, and a Spot eviction in a third.
fn instances(value: &Value) -> Vec<String> {
    let items = value.pointer("/requestParameters/instancesSet/items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of_ec2 = items.iter().filter_map(|item| item.get("instanceId")?.as_str().map(str::to_owned));
    let of_scaling = value.pointer("/requestParameters/instanceId").and_then(Value::as_str).map(str::to_owned);
    of_ec2.chain(of_scaling).chain(listed(value, "/serviceEventDetails/instanceIdSet")).collect()
}

/// `HOST:sub` among the attributes that a web identity's session keeps.
fn web_subject(value: &Value) -> Option<String> {
    let attributes = value.pointer("/userIdentity/sessionContext/webIdFederationData/attributes")?.as_object()?;
    attributes.iter().find(|(name, _)| name.ends_with(":sub")).and_then(|(_, subject)| subject.as_str()).filter(|subject| !subject.is_empty()).map(str::to_owned)
}

/// One CloudTrail record as JSON, read leniently: only its id, name and time must be there.
pub(super) fn call_from(value: &Value) -> Option<ApiCall> {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let identity = |name: &str| text(&format!("/userIdentity/{name}"));
    let parameter = |name: &str| text(&format!("/requestParameters/{name}"));
    let number = |name: &str| value.pointer(&format!("/requestParameters/{name}")).and_then(Value::as_i64);
    let named = |path: &str, name: &str| -> Vec<String> {
        let items = value.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| item.get(name)?.as_str().map(str::to_owned)).collect()
    };
    let federated = text("/userIdentity/sessionContext/webIdFederationData/federatedProvider").or_else(|| identity("identityProvider"));
    Some(ApiCall {
        event_id: text("/eventID")?,
        name: text("/eventName")?,
        source: text("/eventSource"),
        time: text("/eventTime")?.parse().ok()?,
        region: text("/awsRegion"),
        recipient_account: text("/recipientAccountId"),
        source_ip: text("/sourceIPAddress"),
        user_agent: text("/userAgent"),
        error_code: text("/errorCode"),
        from_console: value.get("sessionCredentialFromConsole").is_some_and(|flag| flag.as_str() == Some("true") || flag.as_bool() == Some(true)),
        identity: Identity {
            kind: identity("type").unwrap_or_default(),
            arn: identity("arn"),
            account: identity("accountId"),
            user_name: identity("userName"),
            principal_id: identity("principalId"),
            access_key_id: identity("accessKeyId"),
            role: identity("sessionContext/sessionIssuer/userName"),
            role_arn: identity("sessionContext/sessionIssuer/arn"),
            mfa: value.pointer("/userIdentity/sessionContext/attributes/mfaAuthenticated").and_then(|flag| flag.as_bool().or_else(|| flag.as_str()?.parse().ok())),
            session_created: identity("sessionContext/attributes/creationDate").and_then(|date| date.parse().ok()),
            invoked_by: identity("invokedBy"),
            source_identity: identity("sessionContext/sourceIdentity"),
            web_provider: federated,
            web_subject: web_subject(value),
            delivered_by_ec2: identity("sessionContext/ec2RoleDelivery").is_some(),
            on_behalf_of: identity("onBehalfOf/userId"),
            issued_to: identity("inScopeOf/credentialsIssuedTo"),
        },
        parameters: Parameters {
            cluster: parameter("cluster"),
            task: parameter("task"),
            service: parameter("service").or_else(|| parameter("serviceName")).or_else(|| parameter("serviceArn")).or_else(|| service_in(&parameter("serviceDeploymentArn")?)),
            reason: parameter("reason"),
            container: parameter("container").or_else(|| text("/responseElements/containerName")),
            command: parameter("command"),
            desired_count: number("desiredCount"),
            task_definition: parameter("taskDefinition"),
            force_new_deployment: value.pointer("/requestParameters/forceNewDeployment").and_then(Value::as_bool).unwrap_or_default(),
            instances: instances(value),
            container_instances: listed(value, "/requestParameters/containerInstances").into_iter().chain(parameter("containerInstance")).collect(),
            session: parameter("roleSessionName"),
            status: parameter("status"),
            task_set: parameter("taskSet").or_else(|| parameter("primaryTaskSet")),
            scale: value.pointer("/requestParameters/scale/value").and_then(Value::as_f64).map(|percent| percent.floor() as i64),
            scalable_target: parameter("resourceId").filter(|_| parameter("scalableDimension").is_none_or(|dimension| dimension == "ecs:service:DesiredCount")),
            min_capacity: number("minCapacity"),
            max_capacity: number("maxCapacity"),
        },
        issued_key: text("/responseElements/credentials/accessKeyId"),
        response_task_arn: text("/responseElements/task/taskArn").or_else(|| text("/responseElements/taskArn")),
        response_running: value.pointer("/responseElements/service/runningCount").and_then(Value::as_i64),
        response_tasks: named("/responseElements/tasks", "taskArn"),
        response_deployments: named("/responseElements/service/deployments", "id").into_iter().chain(text("/responseElements/taskSet/id")).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8";

    fn task(cluster: &str) -> Task {
        Task { id: ID.into(), cluster: cluster.into(), region: "eu-west-1".into(), account: "1".into(), ..Task::default() }
    }

    fn call(parameters: Value) -> ApiCall {
        call_from(&json!({"eventID": "e", "eventName": "StopTask", "eventTime": "2026-03-03T14:00:00Z", "awsRegion": "eu-west-1", "recipientAccountId": "1", "requestParameters": parameters}))
            .expect("a call")
    }

    #[test]
    fn the_task_may_be_typed_as_id_or_arn_and_the_cluster_as_name_or_arn() {
        for parameters in [
            json!({"cluster": "prod", "task": ID}),
            json!({"cluster": "arn:aws:ecs:eu-west-1:1:cluster/prod", "task": ID}),
            json!({"cluster": "prod", "task": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")}),
        ] {
            assert!(concerns_task(&call(parameters.clone()), &task("prod")), "{parameters}");
        }
        assert!(concerns_task(&call(json!({"task": ID})), &task("default")));
        assert!(concerns_task(&call(json!({"task": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")})), &task("prod")));
        assert!(!concerns_task(&call(json!({"cluster": "staging", "task": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")})), &task("prod")));
    }

    #[test]
    fn another_cluster_task_region_or_account_is_another_task() {
        for parameters in [
            json!({"cluster": "staging", "task": ID}),
            json!({"task": ID}),
            json!({"cluster": "prod", "task": "5d6c7b8a99a8b7c6d5e4f3a2b1c0d900"}),
            json!({"cluster": "prod", "task": format!("arn:aws:ecs:us-east-1:1:task/prod/{ID}")}),
            json!({"cluster": "prod", "task": format!("arn:aws:ecs:eu-west-1:2:task/prod/{ID}")}),
            json!({"cluster": "prod"}),
        ] {
            assert!(!concerns_task(&call(parameters.clone()), &task("prod")), "{parameters}");
        }
        let elsewhere = ApiCall { region: Some("us-east-1".into()), ..call(json!({"cluster": "prod", "task": ID})) };
        assert!(!concerns_task(&elsewhere, &task("prod")));
    }

    #[test]
    fn a_session_names_its_task_its_container_and_what_was_run() {
        let session = call_from(&json!({"eventID": "e", "eventName": "ExecuteCommand", "eventTime": "2026-03-03T14:00:00Z", "awsRegion": "eu-west-1", "recipientAccountId": "1",
            "requestParameters": {"cluster": "prod", "task": ID, "command": "/bin/sh", "interactive": true},
            "responseElements": {"containerName": "app", "taskArn": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")}}))
        .expect("a call");
        assert!(concerns_task(&session, &task("prod")) && !concerns_task(&session, &task("staging")));
        assert_eq!((session.parameters.container.as_deref(), session.parameters.command.as_deref()), (Some("app"), Some("/bin/sh")));
    }

    #[test]
    fn the_response_outweighs_what_was_typed() {
        let mut other = call(json!({"cluster": "prod", "task": ID}));
        other.response_task_arn = Some(format!("arn:aws:ecs:eu-west-1:1:task/staging/{ID}"));
        assert!(!concerns_task(&other, &task("prod")));
    }

    #[test]
    fn a_record_without_id_name_or_time_is_none() {
        assert_eq!(call_from(&json!({"eventName": "StopTask", "eventTime": "2026-03-03T14:00:00Z"})), None);
        assert_eq!(call_from(&json!(null)), None);
    }

    #[test]
    fn a_host_is_known_by_each_of_the_ways_in_which_a_record_names_it() {
        let read = |text: &str| call_from(&serde_json::from_str(text).expect("JSON")).expect("a record");
        let head = r#""eventID":"1","eventTime":"2026-03-03T14:00:00Z""#;
        let stop = read(&format!(r#"{{{head},"eventName":"StopInstances","requestParameters":{{"instancesSet":{{"items":[{{"instanceId":"i-1"}},{{"instanceId":"i-2"}}]}}}}}}"#));
        assert_eq!(stop.parameters.instances, ["i-1", "i-2"]);
        let scaling =
            read(&format!(r#"{{{head},"eventName":"TerminateInstanceInAutoScalingGroup","requestParameters":{{"instanceId":"i-3","shouldDecrementDesiredCapacity":true}}}}"#));
        assert_eq!(scaling.parameters.instances, ["i-3"]);
        let spot = read(&format!(r#"{{{head},"eventName":"BidEvictedEvent","requestParameters":null,"serviceEventDetails":{{"instanceIdSet":["i-4"]}}}}"#));
        assert_eq!(spot.parameters.instances, ["i-4"]);
        let drain =
            read(&format!(r#"{{{head},"eventName":"UpdateContainerInstancesState","requestParameters":{{"cluster":"lab","containerInstances":["7979"],"status":"DRAINING"}}}}"#));
        let task = Task { cluster: "lab".to_owned(), container_instance_arn: Some("arn:aws:ecs:eu-west-2:1:container-instance/lab/7979".to_owned()), ..Task::default() };
        let subject = Subject::Host { instance: None, container_instance: task.container_instance_arn.clone() };
        assert!(subject.concerns(&drain, &task));
        assert!(!subject.concerns(&drain, &Task { cluster: "prod".to_owned(), ..task }));
        assert!(!Subject::Host { instance: Some("i-9".to_owned()), container_instance: None }.concerns(&stop, &Task::default()));
    }

    /// Whole records as CloudTrail delivers them, one for every type of identity: `name, kind, through`.
    const IDENTITIES: &[(&str, &str)] = &[
        ("another-account", "jump of account 222233334444, unknown, another account"),
        ("autoscaling", "Application Auto Scaling, autoscaling, role AWSServiceRoleForApplicationAutoScaling_ECSService"),
        ("aws-service", "Step Functions, aws, states.amazonaws.com"),
        ("batch", "AWS Batch, aws, role AWSServiceRoleForBatch"),
        ("cloudformation-for-a-person", "alice, person, IAM user"),
        ("codebuild", "AWSCodeBuild-4f6a1d3e-0b5e-4a39-9a0e-2f3f2b1c0d9e, pipeline, role codebuild-web-service-role"),
        ("codedeploy", "CodeDeploy, aws, role CodeDeployRole"),
        ("codepipeline", "CodePipeline, pipeline, role pipeline-role"),
        ("directory", "CORP, unknown, directory"),
        ("ecs-task", "task 5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8, workload, role worker-task-role"),
        ("ecs-task-issued", "task 5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8 of cluster jobs, workload, role worker-task-role"),
        ("eventbridge", "EventBridge, aws, role ecsEventsRole"),
        ("fault-injection", "Fault Injection Service, aws, role fis-experiments"),
        ("federated-user", "build, person, federated user, let in by alice"),
        ("github", "shop/web-api (refs/heads/main), session run-1841, pipeline, web identity"),
        ("github-environment", "shop/web-api (environment production), pipeline, web identity"),
        ("github-session", "GitHubActions, pipeline, role deploy"),
        ("gitlab", "shop/back/api (branch main), pipeline, web identity"),
        ("iam-user", "alice, person, IAM user"),
        ("iam-user-of-another-account", "alice of account 222233334444, person, IAM user"),
        ("identity-center-user", "Identity Center user 544894e8-80c1-707f-60e3-3ba6510dfac1, person, Identity Center"),
        ("instance", "instance i-0090e844314b41b0f, workload, role runner"),
        ("jenkins-on-an-instance", "role jenkins-deploy on instance i-0090e844314b41b0f, pipeline, role jenkins-deploy"),
        ("kubernetes", "service account ops/reaper, workload, web identity"),
        ("kubernetes-session", "role reaper, workload, role reaper"),
        ("lambda", "function janitor, workload, role janitor-role"),
        ("role-taken-on-in-a-task", "reaper, workload, role dev-reaper"),
        ("role-with-a-person", "ravi@example.com, person, role admin"),
        ("role-with-source-identity", "jane, person, role breakglass, session botocore-session-1772546000"),
        ("role-without-a-name", "role deploy, unknown, role deploy, session botocore-session-1772546000"),
        ("root", "root of account 123456789012, person, root user"),
        ("saml", "ann@example.com, person, SAML"),
        ("single-sign-on", "jane@example.com, person, permission set PowerUserAccess"),
        ("step-functions", "Step Functions, aws, role StepFunctions-nightly-role"),
        ("unknown", "an unknown caller, unknown, -"),
    ];

    #[test]
    fn every_type_of_identity_is_named_from_its_whole_record() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cloudtrail");
        let mut files: Vec<String> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").file_name().to_string_lossy().replace(".json", "")).collect();
        files.sort();
        let told: Vec<(String, String)> = files
            .into_iter()
            .map(|name| {
                let text = std::fs::read_to_string(format!("{folder}/{name}.json")).expect("a record");
                let actor = actors::describe(&call_from(&serde_json::from_str(&text).expect("JSON")).expect("a call"));
                let words = format!("{}, {}, {}", actor.name, actor.kind.as_str(), actor.through.unwrap_or_else(|| "-".to_owned()));
                (name, words)
            })
            .collect();
        let wanted: Vec<(String, String)> = IDENTITIES.iter().map(|(name, words)| ((*name).to_owned(), (*words).to_owned())).collect();
        assert_eq!(told, wanted);
    }

    /// What the task's own call would say, and one value of it that makes it another's.
    #[derive(Debug, Clone)]
    struct Stranger {
        name: &'static str,
        foreign: usize,
        value: String,
        typed_as_arn: bool,
        offset: i64,
        refused: bool,
    }

    fn strangers() -> impl proptest::strategy::Strategy<Value = Stranger> {
        use proptest::prelude::*;
        let names = prop::sample::select(vec![
            "StopTask",
            "RunTask",
            "UpdateService",
            "CreateService",
            "DeleteService",
            "StopServiceDeployment",
            "CreateTaskSet",
            "DeleteTaskSet",
            "UpdateTaskSet",
            "UpdateServicePrimaryTaskSet",
            "RegisterScalableTarget",
            "TerminateInstances",
            "StopInstances",
            "TerminateInstanceInAutoScalingGroup",
            "BidEvictedEvent",
            "UpdateContainerInstancesState",
            "DeregisterContainerInstance",
        ]);
        (names, 0_usize..4, "[a-z0-9]{1,12}", any::<bool>(), -120_i64..3, prop::bool::weighted(0.1)).prop_map(|(name, foreign, value, typed_as_arn, offset, refused)| Stranger {
            name,
            foreign,
            // No value drawn is one of the task's own.
            value: format!("other{value}"),
            typed_as_arn,
            offset,
            refused,
        })
    }

    const STOP: i64 = 1_772_546_880;

    /// The record of a call by the same hand in the same seconds, about another account, region, cluster or thing.
    fn record(stranger: &Stranger, at: usize) -> Value {
        let mut own = [("123456789012", "999988887777"), ("eu-west-1", "us-east-1"), ("prod", stranger.value.as_str()), ("", "")].map(|(own, _)| own.to_owned());
        let (mut task, mut service, mut thing) = (ID.to_owned(), "web".to_owned(), "7979".to_owned());
        match stranger.foreign {
            0 => own[0] = "999988887777".to_owned(),
            1 => own[1] = "us-east-1".to_owned(),
            // A host's instance is known by its id whatever cluster it served: for those the thing itself differs.
            2 if !stranger.name.ends_with("Instances") && !stranger.name.ends_with("Group") && stranger.name != "BidEvictedEvent" => own[2].clone_from(&stranger.value),
            _ => (task, service, thing) = ("0".repeat(32), stranger.value.clone(), stranger.value.clone()),
        }
        let [account, region, cluster, _] = own;
        let arn = |kind: &str, name: &str| format!("arn:aws:ecs:{region}:{account}:{kind}/{cluster}/{name}");
        let typed = |kind: &str, name: &str| if stranger.typed_as_arn { arn(kind, name) } else { name.to_owned() };
        let instance = format!("i-0{thing}");
        let (source, parameters, response) = match stranger.name {
            "StopTask" => ("ecs", json!({"cluster": cluster, "task": typed("task", &task)}), json!({})),
            "RunTask" => ("ecs", json!({"cluster": cluster}), json!({"tasks": [{"taskArn": arn("task", &task)}]})),
            "StopServiceDeployment" => ("ecs", json!({"serviceDeploymentArn": format!("{}/x", arn("service-deployment", &service))}), json!({})),
            "CreateService" => ("ecs", json!({"cluster": cluster, "serviceName": service}), json!({"service": {"deployments": [{"id": "ecs-svc/2"}]}})),
            "RegisterScalableTarget" => ("application-autoscaling", json!({"resourceId": format!("service/{cluster}/{service}"), "maxCapacity": 3}), json!({})),
            "TerminateInstances" | "StopInstances" => ("ec2", json!({"instancesSet": {"items": [{"instanceId": instance}]}}), json!({})),
            "TerminateInstanceInAutoScalingGroup" => ("autoscaling", json!({"instanceId": instance}), json!({})),
            "BidEvictedEvent" => ("ec2", json!({}), json!({})),
            "UpdateContainerInstancesState" => ("ecs", json!({"cluster": cluster, "containerInstances": [typed("container-instance", &thing)], "status": "DRAINING"}), json!({})),
            "DeregisterContainerInstance" => ("ecs", json!({"cluster": cluster, "containerInstance": typed("container-instance", &thing), "force": true}), json!({})),
            _ => (
                "ecs",
                json!({"cluster": cluster, "service": typed("service", &service), "taskSet": "ecs-svc/1", "scale": {"value": 0.0}, "desiredCount": 0}),
                json!({"service": {"runningCount": 9, "deployments": [{"id": "ecs-svc/2"}]}}),
            ),
        };
        json!({
            "eventID": format!("stranger-{at}"), "eventName": stranger.name, "eventSource": format!("{source}.amazonaws.com"),
            "eventTime": Timestamp::from_second(STOP + stranger.offset).expect("a time").to_string(),
            "awsRegion": region, "recipientAccountId": account, "errorCode": stranger.refused.then_some("AccessDenied"),
            "userIdentity": {"type": "IAMUser", "userName": "mallory", "accountId": account},
            "requestParameters": parameters, "responseElements": response,
            "serviceEventDetails": (stranger.name == "BidEvictedEvent").then(|| json!({"instanceIdSet": [instance]})),
        })
    }

    /// Every way in which a call may concern a task: a stranger's call must fit none of them.
    fn subjects(task: &Task) -> Vec<Subject> {
        let host = |instance: Option<&str>| Subject::Host { instance: instance.map(str::to_owned), container_instance: task.container_instance_arn.clone() };
        vec![Subject::Task, Subject::Service, Subject::Start, Subject::ScalableTarget, host(Some("i-07979")), host(None)]
    }

    fn told(code: &str, reason: &str, calls: &[ApiCall]) -> crate::diagnosis::stopped_by::StoppedBy {
        let mut task = Task {
            arn: format!("arn:aws:ecs:eu-west-1:123456789012:task/prod/{ID}"),
            account: "123456789012".into(),
            service: Some("web".into()),
            started_by: Some("ecs-svc/1".into()),
            container_instance_arn: Some("arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/7979".into()),
            last_status: Some("STOPPED".into()),
            desired_status: Some("STOPPED".into()),
            stop_code: (!code.is_empty()).then(|| StopCode::named(code)),
            stopped_reason: Some(reason.into()),
            ..task("prod")
        };
        let at = |offset: i64| Timestamp::from_second(STOP + offset).ok();
        (task.times.created, task.times.started, task.times.stopping, task.times.stopped) = (at(-3_600), at(-3_500), at(0), at(30));
        let deployment = |id: &str, offset: i64| crate::diagnosis::service::Deployment { id: id.into(), created_at: at(offset), ..Default::default() };
        let service = crate::diagnosis::service::Service {
            name: "web".into(),
            status: "ACTIVE".into(),
            created_at: at(-90),
            deployments: if reason.contains("svc/2") { vec![deployment("ecs-svc/2", -90), deployment("ecs-svc/1", -7_200)] } else { vec![deployment("ecs-svc/1", -7_200)] },
            ..Default::default()
        };
        let host = Host { status: Some("DRAINING".into()), instance_id: Some("i-07979".into()), ..Default::default() };
        let concerned = calls.iter().filter(|call| is_of_its_service(call) && subjects(&task).iter().any(|subject| subject.concerns(call, &task)));
        let events = concerned.map(|call| Event {
            at: call.time,
            precision: Precision::Second,
            witness: Witness::Cloudtrail,
            level: Level::Info,
            container: None,
            what: What::Called(Box::new(call.clone())),
        });
        let evidence = crate::diagnosis::evidence::Evidence {
            taken_at: Timestamp::from_second(STOP + 600).expect("a time"),
            events: events.collect(),
            task: task.clone(),
            service: Some(service),
            host: Some(host),
            ..Default::default()
        };
        crate::diagnosis::trace(evidence).stopped_by
    }

    const STOPS: [(&str, &str); 6] = [
        ("UserInitiated", "Task stopped by user"),
        ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"),
        ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)"),
        ("", "Host EC2 (instance i-07979) terminated."),
        ("", "Host EC2 (instance i-07979) stopped."),
        ("", "Container instance deregistration forced by user"),
    ];

    proptest::proptest! {
        #[test]
        fn no_calls_of_others_ever_name_anybody(strangers in proptest::collection::vec(strangers(), 0..40)) {
            let calls: Vec<ApiCall> = strangers.iter().enumerate().map(|(at, stranger)| call_from(&record(stranger, at)).expect("a call")).collect();
            for (code, reason) in STOPS {
                let by = told(code, reason, &calls);
                proptest::prop_assert!(by.status != crate::diagnosis::stopped_by::Status::Found, "{code} {reason}: {} {:?}", by.sentence, by.call);
                proptest::prop_assert!(by.actor.is_none() && by.attempts.is_empty() && by.call.is_none());
            }
        }
    }

    #[test]
    fn the_same_calls_about_the_task_itself_do_name_somebody() {
        // What the law above is worth: with nothing foreign in it, each of these stops leads to its caller.
        let own = |name: &'static str, offset: i64| {
            let mut text = record(&Stranger { name, foreign: 0, value: String::new(), typed_as_arn: false, offset, refused: false }, 0).to_string();
            text = text.replace("999988887777", "123456789012");
            call_from(&serde_json::from_str(&text).expect("JSON")).expect("a call")
        };
        let names = ["StopTask", "UpdateService", "CreateService", "TerminateInstances", "StopInstances", "DeregisterContainerInstance"];
        for ((code, reason), (name, offset)) in STOPS.into_iter().zip(names.into_iter().zip([-1, -20, -90, -60, -60, -20])) {
            assert_eq!(told(code, reason, &[own(name, offset)]).actor.as_deref(), Some("mallory"), "{name}: {reason}");
        }
    }
}
