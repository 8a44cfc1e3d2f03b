//! Who or what stopped it: the chain from the stop outward, and an honest state where there is none.
//!
//! "Nobody" rests on ECS's own word. Where somebody must have begun the stop, a missing call is told as what it
//! is: not yet delivered, not recorded, not readable, or too old.

use jiff::{SignedDuration, Timestamp};

use super::actors::{self, Kind};
use super::call::{ApiCall, Identity, RUN_TASK};
use super::desired_count::{self, By, Change};
use super::event::What;
use super::evidence::{Source, Status as Read};
use super::kept_calls::Queries;
use super::scaling::{ScalingActivity, Trigger};
use super::scheduling::{self, Story};
use super::task::StopCode;
use super::timeline::{Line, Timeline};
use super::words;

/// Until then a call may still be on its way to CloudTrail: mostly minutes, hours have been seen.
pub const SETTLES_AFTER: SignedDuration = SignedDuration::from_hours(2);
/// How long CloudTrail's event history keeps a call.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// `stoppingAt` follows an accepted StopTask at once; record times are cut to the second and clocks differ.
pub(super) const CALL_MAY_TRAIL_BY: i64 = 2_000;
/// So near, a call is believed where others may be unseen.
pub(super) const CALL_FITS_TO_THE_SECOND: i64 = 3_000;
const CALL_MAY_LEAD_BY: i64 = 150_000;
const BEGINS_WITHIN: i64 = 5_000;
/// How long before the stop a service may have been deleted.
const DELETED_WITHIN: i64 = 900_000;
/// The call that ends a deployment and puts the former one back.
pub const UNDO: &str = "StopServiceDeployment";
const UNDONE_WITHIN: i64 = 120_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Found,
    Nobody,
    NotYet,
    NotRecorded,
    Unreadable,
    Expired,
}

impl Status {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Nobody => "nobody",
            Self::NotYet => "not-yet",
            Self::NotRecorded => "not-recorded",
            Self::Unreadable => "unreadable",
            Self::Expired => "expired",
        }
    }
}

/// The answer to "who stopped it", with the way that leads there.
#[derive(Debug, Clone)]
pub struct StoppedBy {
    pub status: Status,
    /// Absent where nobody acted at all: the task ended by itself.
    pub kind: Option<Kind>,
    pub actor: Option<String>,
    pub through: Option<String>,
    /// The call behind the stop, with its line's number.
    pub call: Option<(usize, ApiCall)>,
    /// From the stop outward.
    pub chain: Vec<Hop>,
    /// Calls for this very task that were refused: never the cause.
    pub attempts: Vec<(usize, ApiCall)>,
    /// The answer as one sentence.
    pub sentence: String,
    /// `NotYet` only: from when on absence proves something.
    pub settles_at: Option<Timestamp>,
    /// `Expired` only: how to ask where the calls may still be kept.
    pub queries: Option<Queries>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    pub what: String,
    /// `deployment`, or the kind of the caller.
    pub kind: &'static str,
    pub id: Option<String>,
    pub time: Option<Timestamp>,
    pub call: Option<String>,
    pub event_id: Option<String>,
    pub actor: Option<String>,
    /// The line it stands in.
    pub n: Option<usize>,
}

/// What kind of beginning the stop had, by ECS's own word.
enum Beginning {
    /// No one asked.
    None {
        kind: Option<Kind>,
        sentence: String,
    },
    StopTask,
    Scheduler,
    /// Somebody or something acted on the host.
    Host,
    /// ECS's word allows no reading.
    Untold(String),
}

#[must_use]
pub fn find(timeline: &Timeline) -> StoppedBy {
    match beginning(timeline) {
        Beginning::None { kind, sentence } => StoppedBy { kind, ..StoppedBy::without(Status::Nobody, sentence) },
        Beginning::StopTask => by_stop_task(timeline),
        Beginning::Scheduler => by_scheduler(timeline),
        Beginning::Host => by_host(timeline),
        Beginning::Untold(sentence) => StoppedBy { kind: Some(Kind::Unknown), ..StoppedBy::without(Status::Unreadable, sentence) },
    }
    .with_attempts(timeline)
}

impl StoppedBy {
    fn without(status: Status, sentence: String) -> Self {
        Self { status, kind: None, actor: None, through: None, call: None, chain: Vec::new(), attempts: Vec::new(), sentence, settles_at: None, queries: None }
    }

    fn with_attempts(mut self, timeline: &Timeline) -> Self {
        // A shell that was refused was no attempt to stop anything.
        let would_stop = |call: &ApiCall| call.name != super::call::EXECUTE_COMMAND && !call.begins_a_session();
        self.attempts = all_calls(timeline).filter(|(_, call)| !call.succeeded() && would_stop(call)).map(|(line, call)| (line.n, call.clone())).collect();
        self
    }

    /// The sentence, and behind it what to paste where the calls may still be kept.
    #[must_use]
    pub fn summary(&self) -> String {
        self.queries.as_ref().map_or_else(|| self.sentence.clone(), |queries| format!("{} {}", self.sentence, queries.in_words()))
    }

    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.call.as_ref().map(|(_, call)| &call.identity)
    }

    /// When the act behind the stop was: its call's time, or that of the scaling activity where no call is recorded.
    #[must_use]
    pub fn began_at(&self) -> Option<Timestamp> {
        let of_hop = || self.chain.first().filter(|_| self.status == Status::Found)?.time;
        self.call.as_ref().map(|(_, call)| call.time).or_else(of_hop)
    }

    /// Return code 0 answers, 3 does not: nobody could be named although somebody must have begun it.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        matches!(self.status, Status::Found | Status::Nobody)
    }
}

fn beginning(timeline: &Timeline) -> Beginning {
    let task = &timeline.evidence.task;
    let reason = timeline.stopped_reason();
    let aws = |sentence: &str| Beginning::None { kind: Some(Kind::Aws), sentence: sentence.to_owned() };
    if !task.exists() {
        return Beginning::None { kind: None, sentence: "Nobody: there is no task of the service that was stopped.".to_owned() };
    }
    if !task.is_stopping() {
        return Beginning::None { kind: None, sentence: "Nobody: the task has not been stopped.".to_owned() };
    }
    // A caller of StopTask may type any reason at all: the code comes first.
    if matches!(timeline.stop_code(), Some(StopCode::UserInitiated)) {
        return Beginning::StopTask;
    }
    if host_calls(&reason).is_some() {
        return Beginning::Host;
    }
    match timeline.stop_code() {
        Some(StopCode::EssentialContainerExited) => {
            Beginning::None { kind: None, sentence: "Nobody: an essential container ended by itself, and ECS stopped the rest of the task.".to_owned() }
        }
        Some(StopCode::TaskFailedToStart) => Beginning::None { kind: None, sentence: "Nobody: the task failed to start, and ECS gave it up.".to_owned() },
        Some(StopCode::SpotInterruption | StopCode::TerminationNotice) => aws("Nobody: Spot took the capacity back."),
        Some(StopCode::ServiceSchedulerInitiated) if reason.contains("failed ELB health checks") => {
            aws("Nobody asked for it: ECS stopped it, since it failed its load balancer's health checks.")
        }
        Some(StopCode::ServiceSchedulerInitiated) if reason.contains("failed container health checks") => {
            aws("Nobody asked for it: ECS stopped it, since it failed its container health check.")
        }
        Some(_) if reason.contains("maintenance on the underlying infrastructure") => aws("Nobody: AWS retired the infrastructure under the task."),
        Some(StopCode::ServiceSchedulerInitiated) if scheduling::is_scaling_reason(&reason) => match story_of(timeline) {
            Story::Rebalanced => aws("Nobody: ECS moved the task to another zone."),
            _ => Beginning::Scheduler,
        },
        Some(StopCode::ServiceSchedulerInitiated) => Beginning::Scheduler,
        Some(StopCode::UserInitiated) => Beginning::StopTask,
        Some(StopCode::Other(code)) => Beginning::Untold(format!("Unknown: ECS gives the stop code {code}, which tells no beginning this version knows.")),
        None if task.stopped_reason.is_some() => Beginning::Untold("Unknown: ECS gives no stop code, and its reason tells no beginning this version knows.".to_owned()),
        None => Beginning::Untold("Unknown: ECS gives neither a stop code nor a reason.".to_owned()),
    }
}

/// What the scheduler was doing, from this timeline's evidence.
///
/// Where the deployments leave it open, a change that lowered the count seconds before the stop settles it: but only
/// if the deployments were read, since one that replaced the task would come first.
#[must_use]
pub fn story_of(timeline: &Timeline) -> Story {
    match story_of_deployments(timeline) {
        Story::Unclear(_) if timeline.seen_by(Source::Service).is_ok() && lowered_just_before(timeline).is_some() => Story::FewerWanted,
        // A service is emptied before it is deleted: its last tasks went for the count.
        Story::ServiceDeleted => match (desired_count::behind(timeline), deletion(timeline)) {
            (Some(_), None) => Story::FewerWanted,
            (Some(lowered), Some((_, deleted))) if deleted.time < lowered.at => Story::FewerWanted,
            _ => Story::ServiceDeleted,
        },
        Story::Replaced(change) => match undone_by_hand(timeline, &change) {
            true => Story::RolledBack { failed: own_deployment(timeline), since: change.created_at, change, how: scheduling::Rollback::Manual },
            false => Story::Replaced(change),
        },
        story => story,
    }
}

/// The accepted call that deleted the service before the stop.
#[must_use]
pub fn deletion(timeline: &Timeline) -> Option<(&Line, &ApiCall)> {
    let stop = timeline.evidence.task.stop_anchor()?.as_millisecond();
    let near = |call: &ApiCall| call.succeeded() && (-CALL_MAY_TRAIL_BY..=DELETED_WITHIN).contains(&(stop - call.time.as_millisecond()));
    calls(timeline, "DeleteService").filter(|(_, call)| near(call)).max_by_key(|(_, call)| call.time)
}

/// Whether somebody stopped the task's deployment in the moment in which the other one began: that is the way back, and no deployment anew.
fn undone_by_hand(timeline: &Timeline, change: &scheduling::Change) -> bool {
    let near = |call: &ApiCall| change.created_at.is_some_and(|created| (-CALL_MAY_TRAIL_BY..=UNDONE_WITHIN).contains(&(created.as_millisecond() - call.time.as_millisecond())));
    calls(timeline, UNDO).any(|(_, call)| call.succeeded() && near(call))
}

fn own_deployment(timeline: &Timeline) -> scheduling::Change {
    let evidence = &timeline.evidence;
    let id = evidence.task.started_by.clone().unwrap_or_default();
    let listed = evidence.service.as_ref().and_then(|service| service.deployments.iter().find(|deployment| deployment.id == id));
    scheduling::Change { created_at: listed.and_then(|deployment| deployment.created_at), definition: evidence.task.definition_name(), id }
}

/// The same from the service and its deployments alone.
#[must_use]
pub fn story_of_deployments(timeline: &Timeline) -> Story {
    let evidence = &timeline.evidence;
    scheduling::story(&evidence.task, evidence.service.as_ref(), &evidence.service_deployments)
}

/// What lowered the count seconds before the stop.
#[must_use]
pub fn lowered_just_before(timeline: &Timeline) -> Option<Change<'_>> {
    let stop = timeline.evidence.task.stop_anchor()?;
    desired_count::behind(timeline).filter(|change| change.is_just_before(stop))
}

/// Calls that concern this task, refused ones among them.
fn all_calls(timeline: &Timeline) -> impl Iterator<Item = (&Line, &ApiCall)> {
    timeline.lines.iter().filter_map(|line| match &line.event.what {
        What::Called(call) => Some((line, call.as_ref())),
        _ => None,
    })
}

fn calls<'a>(timeline: &'a Timeline, name: &'a str) -> impl Iterator<Item = (&'a Line, &'a ApiCall)> {
    all_calls(timeline).filter(move |(_, call)| call.name == name)
}

/// How ECS begins its reason where the EC2 instance went away.
const HOST_WENT: &str = "Host EC2 (instance";
const SPOT_EVICTION: &str = "BidEvictedEvent";

/// The calls that can be behind a stop whose reason speaks of the host, the likeliest first; `None` where it does not.
#[must_use]
pub fn host_calls(reason: &str) -> Option<&'static [&'static str]> {
    if reason.starts_with(HOST_WENT) {
        return Some(if reason.contains("terminated") { &["TerminateInstances", SPOT_EVICTION, "TerminateInstanceInAutoScalingGroup"] } else { &["StopInstances", SPOT_EVICTION] });
    }
    if reason.contains("deregistration forced by user") {
        return Some(&["DeregisterContainerInstance"]);
    }
    reason.contains("DRAINING").then_some(&["UpdateContainerInstancesState"])
}

/// EC2's word that Spot took this task's instance back.
#[must_use]
pub fn spot_eviction(timeline: &Timeline) -> Option<&Line> {
    let host_went = timeline.stopped_reason().starts_with(HOST_WENT);
    calls(timeline, SPOT_EVICTION).map(|(line, _)| line).find(|_| host_went)
}

fn by_host(timeline: &Timeline) -> StoppedBy {
    if let Some(line) = spot_eviction(timeline)
        && let What::Called(event) = &line.event.what
    {
        let hop = Hop { what: "Spot took the instance back".to_owned(), kind: Kind::Aws.as_str(), actor: None, ..call_hop(line.n, event) };
        let sentence = "Nobody: Spot took the instance under the task back.".to_owned();
        return StoppedBy { kind: Some(Kind::Aws), chain: vec![hop], ..StoppedBy::without(Status::Nobody, sentence) };
    }
    let names = host_calls(&timeline.stopped_reason()).unwrap_or_default();
    let Some(stop) = timeline.evidence.task.stop_anchor() else {
        return StoppedBy::without(Status::Unreadable, "Unknown: ECS gives no time for the stop, so no call can be matched to it.".to_owned());
    };
    let latest = |name: &'static str| {
        let before = |call: &ApiCall| call.time.as_millisecond() <= stop.as_millisecond() + CALL_MAY_TRAIL_BY;
        let undone = |call: &ApiCall| call.name == "UpdateContainerInstancesState" && call.parameters.status.as_deref() != Some("DRAINING");
        calls(timeline, name).filter(|(_, call)| call.succeeded() && before(call) && !undone(call)).max_by_key(|(_, call)| call.time)
    };
    let went = if timeline.stopped_reason().starts_with(HOST_WENT) { "by taking its instance away" } else { "by taking its container instance out of the cluster" };
    let asked = latest("TerminateInstanceInAutoScalingGroup").filter(|_| names.contains(&"TerminateInstanceInAutoScalingGroup"));
    let acted = names.iter().filter(|name| **name != "TerminateInstanceInAutoScalingGroup" && **name != SPOT_EVICTION).find_map(|name| latest(name));
    match (acted, asked) {
        // Auto Scaling carries out what somebody asked it to.
        (acted, Some((line, call))) => found(timeline, (line.n, call), acted.map(|(line, call)| call_hop(line.n, call)).into_iter().collect(), went),
        (Some((line, call)), None) => found(timeline, (line.n, call), Vec::new(), went),
        (None, None) => absent(timeline, &[], names.first().copied().unwrap_or("TerminateInstances"), "Its host was taken away"),
    }
}

fn by_stop_task(timeline: &Timeline) -> StoppedBy {
    let Some(anchor) = timeline.evidence.task.stop_anchor() else {
        return StoppedBy::without(Status::Unreadable, "Unknown: ECS gives no time for the stop, so no call can be matched to it.".to_owned());
    };
    let complete = call_gap(timeline, "StopTask").is_none();
    let fitting = || {
        calls(timeline, "StopTask").filter(|(_, call)| call.succeeded()).filter(|(_, call)| {
            let lead = anchor.as_millisecond() - call.time.as_millisecond();
            // Half-read history may hide an earlier call; then only one that fits to the second is believed.
            let limit = if complete { CALL_MAY_LEAD_BY } else { CALL_FITS_TO_THE_SECOND };
            (-CALL_MAY_TRAIL_BY..=limit).contains(&lead)
        })
    };
    // ECS repeats the reason of the call that counted; among equals the first one counts.
    let repeated = timeline.evidence.task.stopped_reason.as_deref();
    let to_the_second = |call: &ApiCall| anchor.as_millisecond() - call.time.as_millisecond() <= CALL_FITS_TO_THE_SECOND;
    // A call that gave another reason did not make this stop; where one of the two is silent, it may, if it came with it.
    let silent = |call: &ApiCall| call.parameters.reason.is_none() || repeated == Some(UNTOLD_REASON);
    let may_be_it = |call: &ApiCall| repeated.is_none() || silent(call) && to_the_second(call);
    let accepted = fitting().find(|(_, call)| repeated.is_some_and(|reason| is_same_reason(call, reason))).or_else(|| fitting().find(|(_, call)| may_be_it(call)));
    match accepted {
        Some((line, call)) => {
            let run = started(timeline).filter(|(_, run)| run.identity.is_same_caller(&call.identity));
            let names_itself = starter_in_words(timeline).is_some_and(|starter| starter == actors::describe(call).name);
            let how = if run.is_some() || names_itself { "by StopTask, having run the task itself" } else { "by StopTask" };
            let mut by = found(timeline, (line.n, call), Vec::new(), how);
            by.chain.extend(run.map(|(line, run)| call_hop(line.n, run)));
            by
        }
        None => {
            let mut by = absent(timeline, &[], "StopTask", "Somebody called StopTask");
            if let Some(starter) = starter_in_words(timeline) {
                by.sentence.push_str(&format!(" {starter} ran the task, and may stop what it runs; that it did is not shown."));
            }
            by
        }
    }
}

/// The RunTask call whose answer names this task.
fn started(timeline: &Timeline) -> Option<(&Line, &ApiCall)> {
    let own = &timeline.evidence.task.id;
    calls(timeline, RUN_TASK).find(|(_, call)| call.succeeded() && call.response_tasks.iter().any(|arn| super::task::last_segment(arn) == own))
}

/// The AWS service that ran the task, by the mark it leaves in `startedBy`.
fn starter_in_words(timeline: &Timeline) -> Option<&'static str> {
    let mark = timeline.evidence.task.started_by.as_deref()?;
    [("AWS Step Functions", "Step Functions"), ("events-rule/", "EventBridge"), ("chronos-schedule/", "EventBridge Scheduler"), ("AWS Batch", "AWS Batch")]
        .into_iter()
        .find(|(begin, _)| mark.starts_with(begin))
        .map(|(_, name)| name)
}

/// What ECS writes where the caller gave no reason.
const UNTOLD_REASON: &str = "Task stopped by user";

/// ECS cuts long reasons, and what was secret in the call's is not shown.
fn is_same_reason(call: &ApiCall, repeated: &str) -> bool {
    let given = call.parameters.reason.as_deref().unwrap_or(UNTOLD_REASON);
    let shown = given.split("[redacted]").next().unwrap_or_default();
    let most = |text: &str| text.trim().chars().take(100).collect::<String>();
    match shown.len() < given.len() {
        true => repeated.starts_with(shown),
        false => most(given) == most(repeated),
    }
}

fn by_scheduler(timeline: &Timeline) -> StoppedBy {
    let Some(stop) = timeline.evidence.task.stop_anchor() else {
        return StoppedBy::without(Status::Unreadable, "Unknown: ECS gives no time for the stop.".to_owned());
    };
    let before = |limit: Timestamp, reach: i64| {
        move |call: &ApiCall| {
            let lead = limit.as_millisecond() - call.time.as_millisecond();
            call.succeeded() && (-CALL_MAY_TRAIL_BY..=reach).contains(&lead)
        }
    };
    let story = story_of(timeline);
    let drained = drain(timeline, stop);
    let set_gone = task_set_gone(timeline, stop);
    if let (Story::FewerWanted | Story::Unclear(_), Some((line, call))) = (&story, set_gone) {
        return found(timeline, (line.n, call), Vec::new(), "by taking its task set away");
    }
    if let (Story::FewerWanted | Story::Unclear(_), Some((line, call))) = (&story, drained) {
        return found(timeline, (line.n, call), Vec::new(), "by draining its container instance");
    }
    let is_leaving = timeline.evidence.host.as_ref().is_some_and(super::service::Host::is_leaving);
    if let Story::FewerWanted | Story::Unclear(_) = &story
        && is_leaving
        && desired_count::behind(timeline).is_none()
    {
        let mut by = absent(timeline, &[], "UpdateContainerInstancesState", "Its container instance is being drained; somebody, or its capacity provider, set that off");
        by.sentence.push_str(" Where ECS drains for a capacity provider, it makes no such call.");
        return by;
    }
    match story {
        Story::Replaced(change) => {
            let mut chain = vec![deployment_hop(timeline, &change)];
            let shifted = primary_shifted(timeline, &change, stop);
            match (maker(timeline, &change, stop), set_gone) {
                (Some((line, call)), gone) => {
                    // Each act once, from the stop outward.
                    let acts = gone.into_iter().chain(shifted).filter(|(_, act)| act.event_id != call.event_id);
                    chain.extend(acts.map(|(line, call)| call_hop(line.n, call)));
                    found(timeline, (line.n, call), chain, "through a deployment")
                }
                (None, Some((line, call))) => found(timeline, (line.n, call), chain, "by taking its task set away after a deployment"),
                (None, None) => absent(timeline, &chain, deploying_by(timeline), "A deployment replaced the task; somebody began it"),
            }
        }
        Story::RolledBack { change, failed, since, how } => {
            let back = (!change.id.is_empty()).then(|| deployment_hop(timeline, &change));
            let mut chain: Vec<Hop> = back.into_iter().collect();
            if how == scheduling::Rollback::Manual {
                let near = before(since.unwrap_or(stop), UNDONE_WITHIN);
                return match calls(timeline, UNDO).filter(|(_, call)| near(call)).max_by_key(|(_, call)| call.time) {
                    Some((line, call)) => found(timeline, (line.n, call), chain, "by rolling the deployment back"),
                    None => absent(timeline, &chain, UNDO, "The task's deployment was rolled back; somebody asked for it"),
                };
            }
            chain.push(failed_hop(timeline, &failed, how));
            match maker(timeline, &failed, stop) {
                Some((line, call)) => found(timeline, (line.n, call), chain, "through a deployment that failed and was rolled back"),
                None => absent(timeline, &chain, deploying_by(timeline), "The task's deployment failed and was rolled back; somebody began it"),
            }
        }
        Story::FewerWanted => match desired_count::behind(timeline) {
            Some(Change { by: By::Call { n, call }, .. }) => found(timeline, (n, call), Vec::new(), "by changing the desired count"),
            Some(change @ Change { by: By::Activity { n, activity, call }, .. }) => match bound_moved(timeline, &change, activity) {
                Some((line, moved)) => {
                    let mut chain = vec![activity_hop(&change, n, activity)];
                    chain.extend(call.map(|(n, call)| call_hop(n, call)));
                    found(timeline, (line.n, moved), chain, &format!("by moving the bounds of its scaling, which set the desired count{}", change.counts()))
                }
                None => by_activity(&change, n, activity, call),
            },
            None => {
                let mut by = absent(timeline, &[], "UpdateService", "The service wanted fewer tasks; a policy or a hand changed its desired count");
                let seen = calls(timeline, "UpdateService").filter(|(_, call)| call.succeeded()).count();
                if seen > 0 {
                    by.sentence.push_str(&format!(" Of the {} around it none lowered the count.", words::count(seen, "recorded UpdateService call")));
                }
                if let Err(gap) = timeline.seen_by(Source::Autoscaling) {
                    by.sentence.push_str(&format!(" The scaling activities, in which a policy would stand, were not read: {}.", gap.gap()));
                }
                by
            }
        },
        Story::ServiceDeleted => match deletion(timeline) {
            Some((line, call)) => found(timeline, (line.n, call), Vec::new(), "by deleting the service"),
            None => absent(timeline, &[], "DeleteService", "The service was deleted"),
        },
        Story::Rebalanced => absent(timeline, &[], "UpdateService", "The scheduler replaced the task"),
        Story::Unclear(why) if timeline.seen_by(Source::Service).is_err() => {
            let mut sentence = format!("Unknown: the service scheduler stopped it, and {why}, so it cannot be told whose call was behind it.");
            let hop = lowered_just_before(timeline).map(|change| match change.by {
                By::Activity { n, activity, .. } => (activity_hop(&change, n, activity), activity.actor_in_words()),
                By::Call { n, call } => (call_hop(n, call), actors::describe(call).name),
            });
            if let Some((_, actor)) = &hop {
                sentence.push_str(&format!(" {actor} lowered the desired count just before, which would fit a scale-in."));
            }
            let chain = hop.into_iter().map(|(hop, _)| hop).collect();
            StoppedBy { kind: Some(Kind::Unknown), chain, ..StoppedBy::without(Status::Unreadable, sentence) }
        }
        Story::Unclear(why) => absent(timeline, &[], "UpdateService", &format!("The service scheduler stopped it, and {why}")),
    }
}

/// The calls by which a deployment begins: of ECS, and of the controllers that work with task sets.
const DEPLOYING: [&str; 5] = ["UpdateService", "UpdateExpressGatewayService", "CreateTaskSet", "UpdateServicePrimaryTaskSet", "CreateService"];

/// The name under which the beginning of a deployment is looked for first.
fn deploying_by(timeline: &Timeline) -> &'static str {
    if timeline.evidence.service.as_ref().is_some_and(super::service::Service::uses_task_sets) { "CreateTaskSet" } else { DEPLOYING[0] }
}

/// How long before the stop a task set may have been taken away.
const TASK_SET_GOES_WITHIN: i64 = 900_000;

/// The accepted call that deleted the task's own task set, or left it no share of the service.
fn task_set_gone(timeline: &Timeline, stop: Timestamp) -> Option<(&Line, &ApiCall)> {
    let own = timeline.evidence.task.started_by.as_deref()?.strip_prefix("ecs-svc/")?;
    let of_own = |call: &ApiCall| call.succeeded() && call.parameters.task_set.as_deref().is_some_and(|set| scheduling::digits(set) == own);
    let near = |call: &ApiCall| (-CALL_MAY_TRAIL_BY..=TASK_SET_GOES_WITHIN).contains(&(stop.as_millisecond() - call.time.as_millisecond()));
    let takes_away = |call: &ApiCall| call.name == "DeleteTaskSet" || call.name == "UpdateTaskSet" && call.parameters.scale == Some(0);
    all_calls(timeline).filter(|(_, call)| takes_away(call) && of_own(call) && near(call)).min_by_key(|(_, call)| call.time)
}

/// The accepted call that made the new task set the service's primary one.
fn primary_shifted<'a>(timeline: &'a Timeline, change: &scheduling::Change, stop: Timestamp) -> Option<(&'a Line, &'a ApiCall)> {
    let of_new = |call: &ApiCall| call.succeeded() && call.parameters.task_set.as_deref().is_some_and(|set| scheduling::digits(set) == scheduling::digits(&change.id));
    let before = |call: &ApiCall| call.time.as_millisecond() <= stop.as_millisecond() + CALL_MAY_TRAIL_BY;
    calls(timeline, "UpdateServicePrimaryTaskSet").filter(|(_, call)| of_new(call) && before(call)).max_by_key(|(_, call)| call.time)
}

/// The call that began a deployment: it came in the same second. One that lists its deployments and not this one made another.
fn maker<'a>(timeline: &'a Timeline, change: &scheduling::Change, stop: Timestamp) -> Option<(&'a Line, &'a ApiCall)> {
    let created = change.created_at.unwrap_or(stop);
    let near = |call: &ApiCall| call.succeeded() && (-CALL_MAY_TRAIL_BY..=BEGINS_WITHIN).contains(&(created.as_millisecond() - call.time.as_millisecond()));
    let made_it = |call: &ApiCall| call.response_deployments.is_empty() || call.response_deployments.contains(&change.id);
    all_calls(timeline)
        .filter(|(_, call)| DEPLOYING.contains(&call.name.as_str()) && near(call) && made_it(call))
        // Every later call lists the deployment too: the first one made it.
        .min_by_key(|(_, call)| (!call.response_deployments.contains(&change.id), call.time))
}

fn failed_hop(timeline: &Timeline, failed: &scheduling::Change, how: scheduling::Rollback) -> Hop {
    let by = match how {
        scheduling::Rollback::CircuitBreaker => "the circuit breaker",
        scheduling::Rollback::Alarm => "an alarm",
        scheduling::Rollback::Manual => "hand",
    };
    let what = timeline.evidence.task.definition_name().unwrap_or_else(|| "it".to_owned());
    let hop = deployment_hop(timeline, failed);
    Hop { what: format!("deployment {} of {what} failed and was rolled back by {by}", failed.id), ..hop }
}

/// The drain that is behind the stop, where one is recorded.
#[must_use]
pub fn drained(timeline: &Timeline) -> Option<(&Line, &ApiCall)> {
    drain(timeline, timeline.evidence.task.stop_anchor()?)
}

/// The accepted call that set this task's container instance to DRAINING, where it is still leaving or can no longer be
/// seen, and no lower count came after it.
fn drain(timeline: &Timeline, stop: Timestamp) -> Option<(&Line, &ApiCall)> {
    let leaving = timeline.evidence.host.as_ref().is_none_or(super::service::Host::is_leaving);
    let began =
        |call: &ApiCall| call.succeeded() && call.parameters.status.as_deref() == Some("DRAINING") && call.time.as_millisecond() <= stop.as_millisecond() + CALL_MAY_TRAIL_BY;
    let lowered = desired_count::behind(timeline).map(|change| change.at);
    calls(timeline, "UpdateContainerInstancesState")
        .filter(|(_, call)| leaving && began(call) && lowered.is_none_or(|lowered| call.time >= lowered))
        .max_by_key(|(_, call)| call.time)
}

fn deployment_hop(timeline: &Timeline, change: &scheduling::Change) -> Hop {
    let old = timeline.evidence.task.definition_name();
    let what = match (&old, &change.definition) {
        (Some(old), Some(new)) if old != new => format!("deployment {} replaced {old} by {new}", change.id),
        (Some(old), _) => format!("deployment {} replaced {old}", change.id),
        _ => format!("deployment {}", change.id),
    };
    let n = timeline.lines.iter().find(|line| line.event.is_of_deployment(&change.id)).map(|line| line.n);
    Hop { what, kind: "deployment", id: Some(change.id.clone()), time: change.created_at, call: None, event_id: None, actor: None, n }
}

fn call_hop(n: usize, call: &ApiCall) -> Hop {
    let actor = actors::describe(call);
    Hop {
        what: format!("{} by {}", call.name, actor.name),
        kind: actor.kind.as_str(),
        id: None,
        time: Some(call.time),
        call: Some(call.name.clone()),
        event_id: Some(call.event_id.clone()),
        actor: Some(actor.name),
        n: Some(n),
    }
}

fn found(timeline: &Timeline, (n, call): (usize, &ApiCall), mut chain: Vec<Hop>, how: &str) -> StoppedBy {
    let actor = actors::describe(call);
    chain.push(call_hop(n, call));
    StoppedBy {
        kind: Some(actor.kind),
        sentence: format!("{} did, {how}.", actor.name),
        actor: Some(actor.name),
        through: actor.through,
        call: Some((n, call.clone())),
        chain,
        ..StoppedBy::without(Status::Found, String::new())
    }
    .followed_back(timeline, how)
}

/// The call that moved the bound an activity obeyed: the last one before it, with the very bound that its cause tells.
fn bound_moved<'a>(timeline: &'a Timeline, change: &Change, activity: &ScalingActivity) -> Option<(&'a Line, &'a ApiCall)> {
    if !activity.follows_a_bound() {
        return None;
    }
    let lead = |call: &ApiCall| change.at.as_millisecond() - call.time.as_millisecond();
    let within = i64::try_from(desired_count::BOUND_ACTS_WITHIN.as_millis()).unwrap_or(i64::MAX);
    let set_it = |call: &ApiCall| change.count.is_some() && [call.parameters.min_capacity, call.parameters.max_capacity].contains(&change.count);
    calls(timeline, "RegisterScalableTarget").filter(|(_, call)| call.succeeded() && set_it(call) && (-1_000..=within).contains(&lead(call))).max_by_key(|(_, call)| call.time)
}

/// Application Auto Scaling's own word names the policy or the schedule; its call, where recorded, is the same act.
fn by_activity(change: &Change, n: usize, activity: &ScalingActivity, call: Option<(usize, &ApiCall)>) -> StoppedBy {
    let mut chain = vec![activity_hop(change, n, activity)];
    chain.extend(call.map(|(n, call)| call_hop(n, call)));
    let how = match activity.trigger() {
        Trigger::Policy(_) => "a scaling policy",
        Trigger::Schedule(_) => "a scheduled action",
        Trigger::Untold => "a scaling activity",
    };
    StoppedBy {
        kind: Some(Kind::Autoscaling),
        actor: Some(activity.actor().to_owned()),
        through: call.and_then(|(_, call)| actors::describe(call).through).or_else(|| Some(how.to_owned())),
        call: call.map(|(n, call)| (n, call.clone())),
        chain,
        ..StoppedBy::without(Status::Found, format!("{} did, {how}: it set the desired count{}{}.", activity.actor(), change.counts(), activity.reason_in_words()))
    }
}

fn activity_hop(change: &Change, n: usize, activity: &ScalingActivity) -> Hop {
    let cause = if activity.cause.is_empty() { String::new() } else { format!(": {}", activity.cause) };
    Hop {
        what: format!("scaling activity set the desired count{}{cause}", change.counts()),
        kind: Kind::Autoscaling.as_str(),
        id: Some(activity.id.clone()).filter(|id| !id.is_empty()),
        time: Some(change.at),
        call: None,
        event_id: None,
        actor: Some(activity.actor().to_owned()),
        n: Some(n),
    }
}

impl StoppedBy {
    /// Who began the session that called, as far back as its keys lead: the person or pipeline behind the role.
    fn followed_back(mut self, timeline: &Timeline, how: &str) -> Self {
        let Some((_, call)) = &self.call else { return self };
        let mut key = call.identity.access_key_id.clone();
        let mut passed = std::collections::BTreeSet::new();
        while let Some(held) = key.take().filter(|held| passed.insert(held.clone())) {
            let began = all_calls(timeline).find(|(_, call)| call.begins_a_session() && call.succeeded() && call.issued_key.as_deref() == Some(held.as_str()));
            let Some((line, call)) = began else { break };
            let lender = call.identity.invoked_by.as_deref().filter(|_| self.kind == Some(Kind::Unknown));
            let borrower = lender.and_then(|service| actors::borrower(service, call.parameters.session.as_deref()?));
            let actor = borrower.unwrap_or_else(|| actors::describe(call));
            self.chain.push(call_hop(line.n, call));
            // A service that lends a role stands for nobody: then the session's own name has said more.
            if actor.kind != Kind::Unknown && (actor.kind != Kind::Aws || self.kind == Some(Kind::Unknown)) {
                self.sentence = format!("{} did, {how}.", actor.name);
                self.through = self.through.map(|through| match &actor.through {
                    Some(outer) if *outer != through => format!("{through}, begun by {outer}"),
                    _ => through,
                });
                (self.kind, self.actor) = (Some(actor.kind), Some(actor.name));
            }
            key.clone_from(&call.identity.access_key_id);
        }
        self
    }
}

/// Why calls of that name may be missing: a failure's own words, or that they were not asked for.
fn call_gap(timeline: &Timeline, name: &str) -> Option<String> {
    let mut asked = timeline.evidence.readings.iter().filter(|reading| reading.source == Source::Cloudtrail && reading.about.as_deref() == Some(name)).peekable();
    if asked.peek().is_none() {
        let any = timeline.evidence.readings.iter().find(|reading| reading.source == Source::Cloudtrail && reading.status.is_gap());
        return Some(any.map_or_else(|| format!("CloudTrail was not asked for {name}"), super::evidence::Reading::sentence));
    }
    asked.find(|reading| reading.status.is_gap() && reading.status != Read::Expired).map(super::evidence::Reading::sentence)
}

/// The action by which CloudTrail Lake is asked, which keeps calls for years.
pub const LAKE_QUERY: &str = "cloudtrail:StartQuery";

/// Whether calls of that name were asked of an event data store: then their age says nothing.
fn was_read_elsewhere(timeline: &Timeline, name: &str) -> bool {
    timeline.evidence.readings.iter().any(|reading| reading.action.as_deref() == Some(LAKE_QUERY) && reading.about.as_deref() == Some(name))
}

/// The status of a stop that somebody must have begun and no call for it was found.
fn absent(timeline: &Timeline, chain: &[Hop], name: &str, known: &str) -> StoppedBy {
    let evidence = &timeline.evidence;
    let age = evidence.task.stop_anchor().map(|stop| evidence.taken_at.duration_since(stop)).unwrap_or_default();
    let known = known.trim_end_matches('.');
    let queries = Queries::for_call(&evidence.task, name).filter(|_| age > KEPT_FOR && !was_read_elsewhere(timeline, name));
    let (status, sentence, settles_at) = if age > KEPT_FOR && !was_read_elsewhere(timeline, name) {
        (Status::Expired, format!("Unknown by now: {}. CloudTrail keeps calls for 90 days, and the stop is older.", lower_first(known)), None)
    } else if let Some(gap) = call_gap(timeline, name) {
        (Status::Unreadable, format!("Unknown: {}, and CloudTrail could not be read ({gap}).", lower_first(known)), None)
    } else if age < SETTLES_AFTER {
        let settles = evidence.task.stop_anchor().and_then(|stop| stop.checked_add(SETTLES_AFTER).ok());
        let left = words::duration(i64::try_from((SETTLES_AFTER - age).as_millis()).unwrap_or_default());
        (
            Status::NotYet,
            format!("Not known yet: {}, and CloudTrail may not have delivered the {name} call. For another {left} its absence proves nothing.", lower_first(known)),
            settles,
        )
    } else {
        (Status::NotRecorded, format!("Not recorded: {}, and CloudTrail, read in full for that time, has no {name} call for it.", lower_first(known)), None)
    };
    StoppedBy { kind: Some(Kind::Unknown), chain: chain.to_vec(), settles_at, queries, ..StoppedBy::without(status, sentence) }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::evidence::{Evidence, Reading};
    use super::super::rules::fixtures::{at, called as call, hide, judged, scaled, stopped};
    use super::super::service::Deployment;
    use super::*;

    fn read(mut evidence: Evidence, name: &str, status: Read) -> Evidence {
        evidence.readings.push(Reading { about: Some(name.to_owned()), ..Reading::new(Source::Cloudtrail, status) });
        evidence
    }

    fn ordered() -> Evidence {
        read(stopped("UserInitiated", "Task stopped by user", Some(0)), "StopTask", Read::Ok)
    }

    fn told(evidence: Evidence) -> String {
        let by = judged(evidence).stopped_by;
        format!("{} {}", by.status.as_str(), by.actor.unwrap_or_else(|| "-".to_owned()))
    }

    #[test]
    fn the_first_accepted_call_counts_and_neither_a_refused_nor_a_later_one() {
        let evidence = call(ordered(), -40_000, "StopTask", "eve", |call| call.error_code = Some("AccessDenied".to_owned()));
        let evidence = call(call(evidence, -1_000, "StopTask", "jane", |_| {}), 20_000, "StopTask", "larry", |_| {});
        let by = judged(evidence).stopped_by;
        assert_eq!(by.actor.as_deref(), Some("jane"));
        assert_eq!(by.attempts.len(), 1);
    }

    #[test]
    fn a_call_that_gave_another_reason_than_ecs_repeats_is_not_the_cause() {
        let evidence = || read(stopped("UserInitiated", "INC-1 restart", Some(0)), "StopTask", Read::Ok);
        let given = |reason: &'static str| move |call: &mut ApiCall| call.parameters.reason = Some(reason.to_owned());
        assert_eq!(told(call(evidence(), -1_000, "StopTask", "mallory", given("something else"))), "not-yet -");
        assert_eq!(told(call(evidence(), -1_000, "StopTask", "jane", given("INC-1 restart"))), "found jane");
        assert_eq!(told(call(evidence(), -1_000, "StopTask", "jane", |_| {})), "found jane");
        assert_eq!(told(call(evidence(), -90_000, "StopTask", "early", |_| {})), "not-yet -");
    }

    #[test]
    fn a_typed_reason_that_sounds_like_the_hosts_is_still_a_call() {
        for reason in ["Host EC2 (instance i-0abc) is old, moving", "instance DRAINING before patching"] {
            let evidence = read(stopped("UserInitiated", reason, Some(0)), "StopTask", Read::Ok);
            assert_eq!(told(call(evidence, -1_000, "StopTask", "jane", |_| {})), "found jane", "{reason}");
        }
    }

    #[test]
    fn a_call_of_another_time_is_not_the_cause() {
        assert_eq!(told(call(ordered(), 30_000, "StopTask", "late", |_| {})), "not-yet -");
        assert_eq!(told(call(ordered(), -400_000, "StopTask", "early", |_| {})), "not-yet -");
    }

    #[test]
    fn absence_is_not_yet_then_not_recorded_then_expired() {
        assert_eq!(told(ordered()), "not-yet -");
        let mut old = ordered();
        old.taken_at = at(3 * 3_600_000);
        assert_eq!(told(old), "not-recorded -");
        let mut older = ordered();
        older.taken_at = at(91 * 86_400_000);
        assert_eq!(told(older.clone()), "expired -");
        let trace = judged(older.clone());
        assert!(trace.stopped_by.summary().contains("FROM cloudtrail_logs") && trace.stopped_by.summary().contains("LIKE '%5d6c7b8a"), "{}", trace.stopped_by.summary());
        let commands: Vec<_> = trace.verdict.next_steps.iter().filter_map(|step| step.command.as_deref()).collect();
        assert!(commands.iter().any(|command| command.contains("start-query")) && commands.iter().any(|command| command.contains("FROM cloudtrail_logs")), "{commands:?}");
        older.readings.last_mut().expect("a reading").action = Some(LAKE_QUERY.to_owned());
        assert_eq!(told(older), "not-recorded -", "an event data store was read");
    }

    #[test]
    fn what_could_not_be_read_is_unreadable_however_old() {
        for status in [Read::Denied, Read::Throttled, Read::Failed, Read::TimedOut, Read::Skipped] {
            let mut evidence = read(stopped("UserInitiated", "Task stopped by user", Some(0)), "StopTask", status);
            evidence.taken_at = at(3 * 3_600_000);
            assert_eq!(told(evidence), "unreadable -", "{status:?}");
        }
    }

    #[test]
    fn half_read_a_call_is_believed_only_where_it_fits_to_the_second() {
        let half = || read(stopped("UserInitiated", "Task stopped by user", Some(0)), "StopTask", Read::Throttled);
        assert_eq!(told(call(half(), -1_000, "StopTask", "jane", |_| {})), "found jane");
        assert_eq!(told(call(half(), -60_000, "StopTask", "jane", |_| {})), "unreadable -");
    }

    fn replaced() -> Evidence {
        let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(143)), "UpdateService", Read::Ok);
        evidence.service.as_mut().expect("a service").deployments.push(Deployment { id: "ecs-svc/2".to_owned(), created_at: Some(at(-90_000)), ..Deployment::default() });
        evidence
    }

    #[test]
    fn the_call_in_the_deployments_own_second_began_it_and_an_earlier_one_did_not() {
        assert_eq!(told(call(replaced(), -91_000, "UpdateService", "rosa", |_| {})), "found rosa");
        assert_eq!(told(call(replaced(), -140_000, "UpdateService", "nora", |_| {})), "not-yet -");
        let other = call(replaced(), -91_000, "UpdateService", "nora", |call| call.response_deployments = vec!["ecs-svc/3".to_owned()]);
        assert_eq!(told(other), "not-yet -");
    }

    #[test]
    fn a_hand_that_raised_the_count_did_not_scale_in() {
        let scaled = || {
            let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), "UpdateService", Read::Ok);
            evidence.service.as_mut().expect("a service").desired_count = 2;
            evidence
        };
        assert_eq!(told(call(scaled(), -20_000, "UpdateService", "olga", |call| call.parameters.desired_count = Some(2))), "found olga");
        assert_eq!(told(call(scaled(), -20_000, "UpdateService", "olga", |call| call.parameters.desired_count = Some(6))), "not-yet -");
        assert_eq!(told(call(scaled(), -20_000, "UpdateService", "olga", |_| {})), "not-yet -");
    }

    #[test]
    fn of_several_counts_the_one_that_lowered_is_named_and_a_later_restoring_one_is_not() {
        let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), "UpdateService", Read::Ok);
        evidence.service.as_mut().expect("a service").desired_count = 4;
        let set = |count, running| move |call: &mut ApiCall| (call.parameters.desired_count, call.response_running) = (Some(count), running);
        let told_both = call(call(evidence.clone(), -30_000, "UpdateService", "alice", set(1, Some(4))), -5_000, "UpdateService", "bob", set(4, Some(4)));
        assert_eq!(told(told_both), "found alice");
        let untold = call(call(evidence.clone(), -30_000, "UpdateService", "alice", set(1, None)), -5_000, "UpdateService", "bob", set(4, None));
        assert_eq!(told(untold), "not-yet -");
        assert_eq!(told(call(evidence, -1_000, "UpdateService", "scaling", set(3, Some(3)))), "found scaling");
    }

    fn lowered(cause: &str) -> Evidence {
        let evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143));
        scaled(evidence, -12_500, 3, cause, |activity| (activity.id, activity.set_before) = ("a1".to_owned(), Some(8)))
    }

    fn by_scaling(evidence: Evidence, offset: i64, count: i64) -> Evidence {
        call(evidence, offset, "UpdateService", "scaling", |call| {
            let role = Some("AWSServiceRoleForApplicationAutoScaling_ECSService".to_owned());
            call.identity = Identity { kind: "AssumedRole".to_owned(), role, ..Identity::default() };
            call.parameters.desired_count = Some(count);
        })
    }

    #[test]
    fn a_schedule_that_lowered_the_count_is_named_and_needs_no_cloudtrail() {
        let evidence = lowered("maximum capacity was set to 3; scheduled action name night-shift was triggered");
        let by = judged(read(evidence, "UpdateService", Read::Denied)).stopped_by;
        assert_eq!((by.status, by.kind, by.actor.as_deref()), (Status::Found, Some(Kind::Autoscaling), Some("night-shift")));
        let hop = &by.chain[0];
        assert_eq!((by.chain.len(), hop.kind, hop.id.as_deref(), hop.time), (1, "autoscaling", Some("a1"), Some(at(-12_500))));
        assert!(hop.what.contains("from 8 to 3: maximum capacity"), "{}", hop.what);
        assert_eq!((by.began_at(), by.call.is_none()), (Some(at(-12_500)), true));
        assert_eq!(by.sentence, "night-shift did, a scheduled action: it set the desired count from 8 to 3.");
    }

    #[test]
    fn the_call_of_an_activity_is_the_same_act_and_stands_behind_it() {
        let evidence = by_scaling(lowered("monitor alarm quiet in state ALARM triggered policy step"), -12_000, 3);
        let by = judged(read(evidence, "UpdateService", Read::Ok)).stopped_by;
        assert_eq!(by.actor.as_deref(), Some("step"));
        assert_eq!(by.call.as_ref().map(|(_, call)| call.event_id.as_str()), Some("scaling--12000"));
        let ids: Vec<_> = by.chain.iter().map(|hop| (hop.id.as_deref(), hop.event_id.as_deref())).collect();
        assert_eq!(ids, [(Some("a1"), None), (None, Some("scaling--12000"))]);
    }

    #[test]
    fn without_the_activities_the_call_alone_is_autoscalings() {
        let mut evidence = by_scaling(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), -12_000, 3);
        evidence.service.as_mut().expect("a service").desired_count = 3;
        evidence.readings.push(Reading::new(Source::Autoscaling, Read::Denied));
        let by = judged(read(evidence, "UpdateService", Read::Ok)).stopped_by;
        assert_eq!((by.status, by.kind, by.actor.as_deref()), (Status::Found, Some(Kind::Autoscaling), Some("Application Auto Scaling")));
        assert_eq!(by.call.map(|(_, call)| call.event_id).as_deref(), Some("scaling--12000"));
    }

    #[test]
    fn with_nothing_that_lowered_the_count_unread_activities_are_said() {
        let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), "UpdateService", Read::Ok);
        evidence.taken_at = at(3 * 3_600_000);
        let sentence = |evidence: &Evidence| judged(evidence.clone()).stopped_by.sentence;
        assert!(!sentence(&evidence).contains("scaling activities"), "{}", sentence(&evidence));
        evidence.readings.push(Reading::new(Source::Autoscaling, Read::Expired));
        assert!(sentence(&evidence).contains("scaling activities"), "{}", sentence(&evidence));
        assert_eq!(told(evidence), "not-recorded -");
    }

    #[test]
    fn with_the_service_hidden_an_activity_is_told_and_nobody_is_named() {
        let evidence = hide(lowered("monitor alarm TargetTracking-a-AlarmLow-b in state ALARM triggered policy cpu60"), Source::Service);
        let by = judged(read(evidence, "UpdateService", Read::Ok)).stopped_by;
        assert_eq!((by.status, by.actor), (Status::Unreadable, None));
        assert!(by.sentence.contains("Policy cpu60 lowered the desired count just before"), "{}", by.sentence);
        assert_eq!(by.chain[0].id.as_deref(), Some("a1"));
    }

    #[test]
    fn nobody_rests_on_ecs_own_word_and_needs_no_cloudtrail() {
        for (code, reason) in [
            ("EssentialContainerExited", "Essential container in task exited"),
            ("TaskFailedToStart", "Task failed to start"),
            ("SpotInterruption", "Your Spot Task was interrupted."),
            ("ServiceSchedulerInitiated", "Task failed container health checks"),
            ("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn:t)"),
        ] {
            assert_eq!(told(read(stopped(code, reason, Some(1)), "StopTask", Read::Denied)), "nobody -", "{code}");
        }
        assert_eq!(told(stopped("InfrastructureHealth", "Something new", Some(1))), "unreadable -");
    }

    const HOST: &str = "i-06aab15feb4568492";

    fn lost(end: &str) -> Evidence {
        read(stopped("", &format!("Host EC2 (instance {HOST}) {end}."), None), if end == "stopped" { "StopInstances" } else { "TerminateInstances" }, Read::Ok)
    }

    fn of_host(call: &mut ApiCall) {
        call.parameters.instances = vec![HOST.to_owned()];
    }

    #[test]
    fn a_lost_host_leads_to_who_took_it_away_and_a_refused_try_is_an_attempt() {
        let evidence = call(lost("stopped"), -75_000, "StopInstances", "anna", of_host);
        let evidence = call(evidence, -300_000, "StopInstances", "ben", |call| call.error_code = Some("Client.UnauthorizedOperation".to_owned()));
        let by = judged(evidence).stopped_by;
        assert_eq!((by.actor.as_deref(), by.attempts.len()), (Some("anna"), 1));
        assert_eq!(told(call(lost("stopped"), 60_000, "StopInstances", "late", of_host)), "not-yet -");
        let mut unread = lost("stopped");
        unread.readings.last_mut().expect("a reading").status = Read::Denied;
        assert_eq!(told(unread), "unreadable -");
    }

    #[test]
    fn auto_scaling_carries_out_what_somebody_asked_it_to() {
        let scaling =
            |call: &mut ApiCall| call.identity = Identity { kind: "AWSService".to_owned(), invoked_by: Some("autoscaling.amazonaws.com".to_owned()), ..Identity::default() };
        let alone = call(lost("terminated"), -60_000, "TerminateInstances", "x", scaling);
        assert_eq!(told(alone.clone()), "found EC2 Auto Scaling");
        let by = judged(call(alone, -90_000, "TerminateInstanceInAutoScalingGroup", "rosa", of_host)).stopped_by;
        assert_eq!(by.actor.as_deref(), Some("rosa"));
        let calls: Vec<_> = by.chain.iter().filter_map(|hop| hop.call.as_deref()).collect();
        assert_eq!(calls, ["TerminateInstances", "TerminateInstanceInAutoScalingGroup"]);
    }

    #[test]
    fn a_spot_eviction_of_the_host_was_nobody_and_is_told_as_what_it_is() {
        let trace = judged(call(lost("terminated"), -30_000, "BidEvictedEvent", "x", of_host));
        assert_eq!((trace.stopped_by.status, trace.stopped_by.kind), (Status::Nobody, Some(Kind::Aws)));
        assert_eq!(trace.stopped_by.chain[0].event_id.as_deref(), Some("x--30000"));
        assert_eq!((trace.verdict.cause.as_str(), trace.verdict.confidence.as_str()), ("spot-interruption", "certain"));
    }

    #[test]
    fn a_drained_host_leads_to_who_drained_it() {
        let mut evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143));
        evidence.host = Some(super::super::service::Host { status: Some("DRAINING".to_owned()), ..Default::default() });
        let evidence = read(read(evidence, "UpdateContainerInstancesState", Read::Ok), "UpdateService", Read::Ok);
        let drains = |call: &mut ApiCall| call.parameters.status = Some("DRAINING".to_owned());
        let trace = judged(call(evidence.clone(), -40_000, "UpdateContainerInstancesState", "dora", drains));
        assert_eq!((trace.stopped_by.actor.as_deref(), trace.verdict.cause.as_str()), (Some("dora"), "host-draining"));
        let back = call(evidence, -40_000, "UpdateContainerInstancesState", "dora", |call| call.parameters.status = Some("ACTIVE".to_owned()));
        assert_eq!(told(back), "not-yet -");
    }

    fn rolled_back(how: &str) -> Evidence {
        let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(143)), "UpdateService", Read::Ok);
        let service = evidence.service.as_mut().expect("a service");
        service.deployments = vec![Deployment { id: "ecs-svc/2".to_owned(), created_at: Some(at(-20_000)), ..Deployment::default() }];
        let rollback = super::super::service::Rollback { reason: Some(how.to_owned()), started_at: Some(at(-20_000)) };
        evidence.service_deployments = vec![super::super::service::ServiceDeployment {
            status: "ROLLBACK_SUCCESSFUL".to_owned(),
            created_at: Some(at(-540_000)),
            target_revision: Some("1".to_owned()),
            rollback: Some(rollback),
            ..Default::default()
        }];
        evidence
    }

    #[test]
    fn behind_an_automatic_rollback_is_who_began_the_deployment_that_failed() {
        let evidence = call(rolled_back("circuit breaker threshold exceeded"), -541_000, "UpdateService", "rosa", |_| {});
        let by = judged(call(evidence, -21_000, "UpdateService", "nora", |_| {})).stopped_by;
        assert_eq!(by.actor.as_deref(), Some("rosa"));
        let ids: Vec<_> = by.chain.iter().filter_map(|hop| hop.id.as_deref().or(hop.event_id.as_deref())).collect();
        assert_eq!(ids, ["ecs-svc/2", "ecs-svc/1", "rosa--541000"]);
    }

    #[test]
    fn behind_a_rollback_by_hand_is_who_asked_for_it() {
        let by_hand = || read(call(rolled_back("rolled back by request"), -541_000, "UpdateService", "rosa", |_| {}), "StopServiceDeployment", Read::Ok);
        assert_eq!(told(call(by_hand(), -21_000, "StopServiceDeployment", "ines", |_| {})), "found ines");
        assert_eq!(told(by_hand()), "not-yet -");
    }

    fn session(call: &mut ApiCall, role: &str, session: &str, key: &str) {
        call.identity = Identity {
            kind: "AssumedRole".to_owned(),
            role: Some(role.to_owned()),
            principal_id: Some(format!("AROA:{session}")),
            access_key_id: Some(key.to_owned()),
            session_created: Some(at(-60_000)),
            ..Identity::default()
        };
    }

    #[test]
    fn a_roles_session_leads_to_the_pipeline_that_began_it_and_an_unrelated_one_does_not() {
        let stop = || call(ordered(), -1_000, "StopTask", "x", |call| session(call, "deploy", "GitHubActions", "ASIA1"));
        let began = |key: &'static str| {
            move |call: &mut ApiCall| {
                call.issued_key = Some(key.to_owned());
                call.identity = Identity { kind: "WebIdentityUser".to_owned(), user_name: Some("repo:shop/web-api:ref:refs/heads/main".to_owned()), ..Identity::default() };
            }
        };
        let by = judged(call(stop(), -60_000, "AssumeRoleWithWebIdentity", "y", began("ASIA1"))).stopped_by;
        assert_eq!((by.actor.as_deref(), by.kind), (Some("shop/web-api (refs/heads/main)"), Some(Kind::Pipeline)));
        assert_eq!(by.call.as_ref().map(|(_, call)| call.event_id.as_str()), Some("x--1000"));
        assert_eq!(by.chain.last().and_then(|hop| hop.event_id.as_deref()), Some("y--60000"));
        assert_eq!(told(call(stop(), -60_000, "AssumeRoleWithWebIdentity", "y", began("ASIA2"))), "found GitHubActions");
    }

    #[test]
    fn role_chains_are_followed_to_the_person_and_keys_that_lead_in_a_circle_end() {
        let evidence = call(ordered(), -1_000, "StopTask", "x", |call| session(call, "ops", "1700000000", "ASIA1"));
        let evidence = call(evidence, -50_000, "AssumeRole", "y", |call| {
            session(call, "jump", "botocore-session-1", "ASIA2");
            call.issued_key = Some("ASIA1".to_owned());
        });
        let person = call(evidence.clone(), -70_000, "AssumeRole", "jane", |call| call.issued_key = Some("ASIA2".to_owned()));
        assert_eq!(told(person), "found jane");
        let circle = call(evidence, -70_000, "AssumeRole", "z", |call| {
            session(call, "ops", "1700000000", "ASIA1");
            call.issued_key = Some("ASIA2".to_owned());
        });
        assert_eq!(told(circle), "found role ops");
    }

    #[test]
    fn a_service_that_lends_a_role_says_what_the_session_is() {
        let evidence = call(ordered(), -1_000, "StopTask", "x", |call| session(call, "reaper", "nightly-reaper", "ASIA1"));
        let lent = call(evidence, -60_000, "AssumeRole", "y", |call| {
            call.issued_key = Some("ASIA1".to_owned());
            call.parameters.session = Some("nightly-reaper".to_owned());
            call.identity = Identity { kind: "AWSService".to_owned(), invoked_by: Some("lambda.amazonaws.com".to_owned()), ..Identity::default() };
        });
        let by = judged(lent).stopped_by;
        assert_eq!((by.actor.as_deref(), by.kind), (Some("function nightly-reaper"), Some(Kind::Workload)));
    }

    fn standalone(started_by: &str) -> Evidence {
        let mut evidence = ordered();
        evidence.task.service = None;
        evidence.task.started_by = Some(started_by.to_owned());
        evidence.service = None;
        evidence
    }

    fn by_service(service: &'static str) -> impl Fn(&mut ApiCall) {
        move |call| {
            call.identity = Identity {
                kind: "AssumedRole".to_owned(),
                role: Some("nightly".to_owned()),
                role_arn: Some("arn:aws:iam::123456789012:role/nightly".to_owned()),
                invoked_by: Some(service.to_owned()),
                ..Identity::default()
            };
            call.response_tasks = vec![super::super::rules::fixtures::ID.to_owned()];
        }
    }

    #[test]
    fn a_task_stopped_by_the_very_thing_that_ran_it_is_said_so() {
        let states = by_service("states.amazonaws.com");
        let evidence = call(standalone("AWS Step Functions"), -1_000, "StopTask", "x", &states);
        let by = judged(call(evidence.clone(), -600_000, "RunTask", "y", &states)).stopped_by;
        assert_eq!((by.actor.as_deref(), by.kind), (Some("Step Functions"), Some(Kind::Aws)));
        assert!(by.sentence.contains("having run the task itself"), "{}", by.sentence);
        assert_eq!(by.chain.iter().filter_map(|hop| hop.call.as_deref()).collect::<Vec<_>>(), ["StopTask", "RunTask"]);
        let by = judged(call(evidence, -600_000, "RunTask", "mallory", |call| call.response_tasks = vec!["other".to_owned()])).stopped_by;
        assert_eq!(by.chain.len(), 1, "another task's start is none of this one's");
    }

    #[test]
    fn who_ran_a_task_that_somebody_else_stopped_is_not_named_for_it() {
        let evidence = call(standalone("nightly"), -1_000, "StopTask", "jane", |_| {});
        let by = judged(call(evidence, -600_000, "RunTask", "robot", |call| call.response_tasks = vec![super::super::rules::fixtures::ID.to_owned()])).stopped_by;
        assert_eq!((by.actor.as_deref(), by.chain.len()), (Some("jane"), 1));
        assert_eq!(by.sentence, "jane did, by StopTask.");
    }

    #[test]
    fn without_a_record_the_service_that_ran_it_is_a_remark_and_no_name() {
        let by = judged(standalone("events-rule/nightly-report")).stopped_by;
        assert_eq!((by.status, by.actor), (Status::NotYet, None));
        assert!(by.sentence.contains("EventBridge ran the task"), "{}", by.sentence);
    }

    #[test]
    fn behind_a_bound_that_was_moved_is_who_moved_it() {
        let moved = |most: i64| move |call: &mut ApiCall| call.parameters.max_capacity = Some(most);
        let evidence = || read(by_scaling(lowered("maximum capacity was set to 3"), -12_000, 3), "UpdateService", Read::Ok);
        let by = judged(call(evidence(), -14_000, "RegisterScalableTarget", "rosa", moved(3))).stopped_by;
        assert_eq!((by.status, by.actor.as_deref(), by.kind), (Status::Found, Some("rosa"), Some(Kind::Person)));
        assert_eq!(by.chain.iter().map(|hop| hop.kind).collect::<Vec<_>>(), ["autoscaling", "autoscaling", "person"]);
        for (offset, most) in [(-14_000, 5), (-200_000, 3), (-5_000, 3)] {
            let told = told(call(evidence(), offset, "RegisterScalableTarget", "rosa", moved(most)));
            assert_eq!(told, "found Application Auto Scaling", "{offset} {most}");
        }
        let policy = read(lowered("monitor alarm quiet in state ALARM triggered policy step"), "UpdateService", Read::Ok);
        assert_eq!(told(call(policy, -14_000, "RegisterScalableTarget", "rosa", moved(3))), "found step");
    }

    #[test]
    fn a_service_and_its_first_deployment_are_made_by_one_call() {
        let mut evidence = rolled_back("circuit breaker threshold exceeded");
        evidence.service.as_mut().expect("a service").created_at = Some(at(-540_000));
        assert_eq!(told(call(evidence, -540_000, "CreateService", "rosa", |_| {})), "found rosa");
    }

    #[test]
    fn a_task_set_taken_away_leads_to_who_did_and_another_set_does_not() {
        let of = |set: &'static str| move |call: &mut ApiCall| call.parameters.task_set = Some(set.to_owned());
        let scaled = || {
            let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), "DeleteTaskSet", Read::Ok);
            evidence.service.as_mut().expect("a service").controller = Some("EXTERNAL".to_owned());
            read(evidence, "UpdateService", Read::Ok)
        };
        assert_eq!(told(call(scaled(), -20_000, "DeleteTaskSet", "rosa", of("arn:aws:ecs:eu-west-1:123456789012:task-set/prod/web/ecs-svc/1"))), "found rosa");
        assert_eq!(told(call(scaled(), -20_000, "DeleteTaskSet", "rosa", of("ecs-svc/2"))), "not-yet -");
        let share = |scale: i64| move |call: &mut ApiCall| (call.parameters.task_set, call.parameters.scale) = (Some("ecs-svc/1".to_owned()), Some(scale));
        assert_eq!(told(call(scaled(), -20_000, "UpdateTaskSet", "rosa", share(0))), "found rosa");
        assert_eq!(told(call(scaled(), -20_000, "UpdateTaskSet", "rosa", share(50))), "not-yet -");
    }

    #[test]
    fn each_act_of_a_deployment_by_task_sets_is_a_hop_and_who_made_the_set_is_named() {
        let of = |set: &'static str| move |call: &mut ApiCall| call.parameters.task_set = Some(set.to_owned());
        let evidence = call(replaced(), -91_000, "CreateTaskSet", "rosa", |call| call.response_deployments = vec!["ecs-svc/2".to_owned()]);
        let evidence = call(call(evidence, -60_000, "UpdateServicePrimaryTaskSet", "sam", of("ecs-svc/2")), -10_000, "DeleteTaskSet", "tom", of("ecs-svc/1"));
        let by = judged(call(evidence, -50_000, "UpdateServicePrimaryTaskSet", "mallory", of("ecs-svc/9"))).stopped_by;
        assert_eq!(by.actor.as_deref(), Some("rosa"));
        assert_eq!(by.chain.iter().filter_map(|hop| hop.actor.as_deref()).collect::<Vec<_>>(), ["tom", "sam", "rosa"]);
        assert_eq!(told(call(replaced(), -10_000, "DeleteTaskSet", "tom", of("ecs-svc/1"))), "found tom");
    }
}
