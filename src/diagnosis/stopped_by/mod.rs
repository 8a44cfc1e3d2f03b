//! Who or what stopped it: the chain from the stop outward, and an honest state where there is none.
//!
//! "Nobody" rests on ECS's own word. Where somebody must have begun the stop, a missing call is told as what it
//! is: not yet delivered, not recorded, not readable, or too old.

mod absent;
mod forgotten;
mod host;
mod scheduler;
mod stop_task;
mod story;

use jiff::{SignedDuration, Timestamp};

use super::actors::{self, Kind};
use super::call::{ApiCall, EXECUTE_COMMAND, Identity, PUT_POLICY, PUT_SCHEDULE, RUN_TASK};
use super::event::What;
use super::kept_calls::Queries;
use super::scheduling::{self, Story};
use super::task::{StopCode, Task};
use super::timeline::{Line, Timeline};

pub use absent::{LAKE_QUERY, lower_first};
use host::by_host;
pub use host::{TAKES_THE_HOST, host_calls, spot_eviction};
use scheduler::{by_scheduler, calls_beside};
use stop_task::by_stop_task;
pub use story::{deletion, drained, host_was_not_read, lowered_just_before, story_of, story_of_deployments};

/// Until then a call may still be on its way to CloudTrail: mostly minutes, hours have been seen.
pub const SETTLES_AFTER: SignedDuration = SignedDuration::from_hours(2);
/// How long CloudTrail's event history keeps a call.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
/// `stoppingAt` follows an accepted StopTask at once; record times are cut to the second and clocks differ.
pub(super) const CALL_MAY_TRAIL_BY: i64 = 2_000;

/// Whether a call came at most so many milliseconds before a moment, or as far behind it as clocks differ.
fn came_before(call: &ApiCall, moment: Timestamp, within: i64) -> bool {
    (-CALL_MAY_TRAIL_BY..=within).contains(&(moment.as_millisecond() - call.time.as_millisecond()))
}

/// So near, a call is believed where others may be unseen.
pub(super) const CALL_FITS_TO_THE_SECOND: i64 = 3_000;
/// Milliseconds before the stop in which a call that led to it is looked for, and believed: a lower count, a service or a task
/// set that was taken away.
pub const LED_TO_IT_WITHIN: i64 = 900_000;
/// The call that ends a deployment and puts the former one back.
pub const UNDO: &str = "StopServiceDeployment";

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
    /// ECS's word is lost.
    Lost,
}

#[must_use]
pub fn find(timeline: &Timeline) -> StoppedBy {
    match beginning(timeline) {
        Beginning::None { kind, sentence } => StoppedBy { kind, ..StoppedBy::without(Status::Nobody, sentence) },
        Beginning::StopTask => by_stop_task(timeline),
        Beginning::Scheduler => by_scheduler(timeline),
        Beginning::Host => by_host(timeline),
        Beginning::Untold(sentence) => StoppedBy { kind: Some(Kind::Unknown), ..StoppedBy::without(Status::Unreadable, sentence) },
        Beginning::Lost => forgotten::untold(timeline),
    }
    .with_attempts(timeline)
}

/// Calls about a task that stop none, whatever becomes of them.
const STOPS_NOTHING: [&str; 6] = [EXECUTE_COMMAND, RUN_TASK, PUT_POLICY, PUT_SCHEDULE, "RegisterTargets", "DeregisterTargets"];

impl StoppedBy {
    fn without(status: Status, sentence: String) -> Self {
        Self { status, kind: None, actor: None, through: None, call: None, chain: Vec::new(), attempts: Vec::new(), sentence, settles_at: None, queries: None }
    }

    fn with_attempts(mut self, timeline: &Timeline) -> Self {
        // A shell that was refused was no attempt to stop anything, nor was an agent's report or a word to a load balancer.
        let would_stop = |call: &ApiCall| !STOPS_NOTHING.contains(&call.name.as_str()) && !call.begins_a_session() && call.report.is_none();
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

    /// The line of the call, or of the scaling activity where no call is recorded, that names who did it.
    #[must_use]
    pub fn deciding_line(&self) -> Option<usize> {
        let found = self.status == Status::Found;
        self.call.as_ref().map(|(n, _)| *n).or_else(|| self.chain.first()?.n).filter(|_| found)
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
        Some(StopCode::ServiceSchedulerInitiated) if timeline.rebalanced_in_a_lost_stop().is_some() => aws("Nobody: ECS moved the task to another zone."),
        // A deployment of that time may be what stopped it, and its targets were unhealthy besides.
        Some(StopCode::ServiceSchedulerInitiated) if timeline.unhealthy_before_a_lost_stop().is_some() && calls_beside(timeline).is_empty() => {
            aws("Nobody asked for it, as far as it is kept: ECS stopped it seconds after its load balancer had called it unhealthy.")
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
        None if task.is_forgotten() => Beginning::Lost,
        None => Beginning::Untold("Unknown: ECS gives neither a stop code nor a reason.".to_owned()),
    }
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
    .of_its_service(timeline)
}

impl StoppedBy {
    /// The same with more to say.
    fn with(mut self, more: Option<String>) -> Self {
        self.sentence.extend(more);
        self
    }

    /// A task that called, with what it is one of.
    fn of_its_service(mut self, timeline: &Timeline) -> Self {
        let Some(actor) = self.actor.as_deref().filter(|_| self.kind == Some(Kind::Workload)) else { return self };
        let caller = timeline.evidence.callers.iter().find(|task| actor.contains(&task.id));
        if let Some(of) = caller.and_then(Task::of) {
            self.sentence = self.sentence.replacen(actor, &format!("{actor} ({of})"), 1);
            self.through = Some(self.through.map_or_else(|| of.clone(), |through| format!("{through}, {of}")));
        }
        self
    }

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

#[cfg(test)]
mod tests;
