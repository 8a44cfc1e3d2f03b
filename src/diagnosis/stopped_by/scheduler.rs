//! A stop by the service scheduler: who deployed, scaled, drained or deleted.

use jiff::Timestamp;

use super::super::actors::{self, Kind};
use super::super::call::{ApiCall, CREATE_DEPLOYMENT, PUT_POLICY, PUT_SCHEDULE};
use super::super::desired_count::{self, By, Change};
use super::super::evidence::{Reading, Source};
use super::super::scaling::{ScalingActivity, Trigger};
use super::super::scheduling::{self, Story};
use super::super::service::{Host, Service};
use super::super::task::last_segment;
use super::super::timeline::{Line, Timeline};
use super::super::words;

use super::absent::{absent, call_gap, lower_first};
use super::story::{deletion, drained, host_was_not_read, lowered_just_before, story_of, told_by_a_call, undoing};
use super::{CALL_MAY_TRAIL_BY, Hop, LED_TO_IT_WITHIN, Status, StoppedBy, UNDO, all_calls, call_hop, calls, came_before, found};

const BEGINS_WITHIN: i64 = 5_000;

pub(super) fn by_scheduler(timeline: &Timeline) -> StoppedBy {
    let Some(stop) = timeline.evidence.task.stop_anchor() else {
        return StoppedBy::without(Status::Unreadable, "Unknown: ECS gives no time for the stop.".to_owned());
    };
    // A task that ECS has forgotten may be known by its service's events alone.
    if timeline.evidence.task.is_reason_lost() {
        let sentence = "Unknown: the service scheduler stopped it. ECS's reason, which tells a deployment or a scale-in from a failed health check, is lost, so it cannot be told whose call was behind it.";
        return StoppedBy { kind: Some(Kind::Unknown), ..StoppedBy::without(Status::Unreadable, sentence.to_owned()) }.with_calls_beside(timeline);
    }
    let story = story_of(timeline);
    let set_gone = task_set_gone(timeline, stop);
    if let (Story::FewerWanted | Story::Unclear(_), Some((line, call))) = (&story, set_gone) {
        return found(timeline, (line.n, call), Vec::new(), "by taking its task set away");
    }
    if let (Story::FewerWanted | Story::Unclear(_), Some((line, call))) = (&story, drained(timeline)) {
        return found(timeline, (line.n, call), Vec::new(), "by draining its container instance");
    }
    let is_leaving = timeline.evidence.host.as_ref().is_some_and(Host::is_leaving);
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
            // CodeDeploy carries out what somebody asked it for.
            if let Some((asked, deployment)) = asked_of_code_deploy(timeline, &change) {
                let acts = set_gone.into_iter().chain(shifted).chain(maker(timeline, &change, stop));
                chain.extend(acts.map(|(line, call)| call_hop(line.n, call)));
                return found(timeline, (asked.n, deployment), chain, "through a deployment of CodeDeploy");
            }
            let unheard = code_deployer_unheard(timeline, &change);
            match (maker(timeline, &change, stop), set_gone) {
                (Some((line, call)), gone) => {
                    // Each act once, from the stop outward.
                    let acts = gone.into_iter().chain(shifted).filter(|(_, act)| act.event_id != call.event_id);
                    chain.extend(acts.map(|(line, call)| call_hop(line.n, call)));
                    found(timeline, (line.n, call), chain, "through a deployment").with(unheard)
                }
                (None, Some((line, call))) => found(timeline, (line.n, call), chain, "by taking its task set away after a deployment").with(unheard),
                (None, None) => undone_unseen(timeline, nobody_began(timeline, &chain, &change, "A deployment replaced the task; somebody began it")),
            }
        }
        Story::RolledBack { change, failed, since, how } => {
            let back = (!change.id.is_empty()).then(|| deployment_hop(timeline, &change));
            let mut chain: Vec<Hop> = back.into_iter().collect();
            if how == scheduling::Rollback::Manual {
                return match undoing(timeline, since.unwrap_or(stop)) {
                    Some((line, call)) => found(timeline, (line.n, call), chain, "by rolling the deployment back"),
                    None => absent(timeline, &chain, UNDO, "The task's deployment was rolled back; somebody asked for it"),
                };
            }
            chain.push(failed_hop(timeline, &failed, how));
            match maker(timeline, &failed, stop) {
                Some((line, call)) => found(timeline, (line.n, call), chain, "through a deployment that failed and was rolled back"),
                None => nobody_began(timeline, &chain, &failed, "The task's deployment failed and was rolled back; somebody began it"),
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
                None => by_activity(timeline, &change, n, activity, call),
            },
            None => {
                let hidden = host_was_not_read(timeline);
                let unseen = hidden.is_some() || timeline.evidence.task.container_instance_arn.is_some() && timeline.evidence.host.is_none();
                let or_drained = if unseen { ", or its container instance, which could not be seen, was drained" } else { "" };
                let known = format!("The service wanted fewer tasks; a policy or a hand changed its desired count{or_drained}");
                let mut by = absent(timeline, &[], "UpdateService", &known);
                if let (Some(gap), Status::NotYet | Status::NotRecorded) = (hidden, by.status) {
                    let sentence = format!("Unknown: {} ({}).", lower_first(&known), gap.sentence());
                    return StoppedBy { status: Status::Unreadable, sentence, settles_at: None, ..by };
                }
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
        Story::Unclear(why) => {
            let known = format!("The service scheduler stopped it, and {why}");
            with_calls_beside(timeline, &known, absent(timeline, &[], "UpdateService", &known))
        }
    }
}

/// Where it cannot be told what the scheduler was doing, the calls that may have set it off: none is chosen, none is kept back.
fn with_calls_beside(timeline: &Timeline, known: &str, mut by: StoppedBy) -> StoppedBy {
    if by.status == Status::NotRecorded && !calls_beside(timeline).is_empty() {
        by.sentence = format!("Unknown: {}.", lower_first(known));
        by.status = Status::Unreadable;
    }
    if matches!(by.status, Status::NotYet | Status::Unreadable) { by.with_calls_beside(timeline) } else { by }
}

impl StoppedBy {
    /// With the calls that may have set the stop off named beside it.
    pub(super) fn with_calls_beside(mut self, timeline: &Timeline) -> Self {
        let beside = calls_beside(timeline);
        if !beside.is_empty() {
            let named: Vec<String> = beside.iter().map(|(line, call)| format!("{} by {} [{}]", call.name, actors::describe(call).name, line.n)).collect();
            self.sentence.push_str(&format!(" In the quarter of an hour before it CloudTrail has {}; whether that set it off cannot be told.", words::list(&named)));
            self.chain.extend(beside.iter().map(|(line, call)| call_hop(line.n, call)));
        }
        self
    }
}

/// Accepted calls shortly before the stop that begin a deployment other than the task's own, or change the count.
pub(super) fn calls_beside(timeline: &Timeline) -> Vec<(&Line, &ApiCall)> {
    let task = &timeline.evidence.task;
    let Some(stop) = task.stop_anchor() else { return Vec::new() };
    let own = task.started_by.as_deref();
    let sets_off = |call: &ApiCall| {
        let asked = &call.parameters;
        let raises = asked.desired_count.zip(call.response_running).is_some_and(|(asked, running)| asked > running);
        let begins = !asked.begins_none && call.response_deployments.first().is_none_or(|newest| Some(newest.id.as_str()) != own);
        begins || asked.desired_count.is_some() && !raises
    };
    let near = |call: &ApiCall| call.succeeded() && came_before(call, stop, LED_TO_IT_WITHIN);
    let ends = |call: &ApiCall| ["DeleteService", "DeleteTaskSet"].contains(&call.name.as_str());
    all_calls(timeline).filter(|(_, call)| near(call) && (ends(call) || DEPLOYING.contains(&call.name.as_str()) && sets_off(call))).collect()
}

/// The accepted call that made CodeDeploy begin the deployment whose task set this is.
fn asked_of_code_deploy<'a>(timeline: &'a Timeline, change: &scheduling::Change) -> Option<(&'a Line, &'a ApiCall)> {
    let id = timeline.evidence.service.as_ref()?.code_deployment(&change.id)?;
    calls(timeline, CREATE_DEPLOYMENT).find(|(_, call)| call.succeeded() && call.code_deployment.as_deref() == Some(id))
}

/// That somebody asked CodeDeploy, and why that is not seen.
fn code_deployer_unheard(timeline: &Timeline, change: &scheduling::Change) -> Option<String> {
    let id = timeline.evidence.service.as_ref()?.code_deployment(&change.id)?;
    let why = call_gap(timeline, CREATE_DEPLOYMENT).unwrap_or_else(|| "CloudTrail holds no CreateDeployment call for it".to_owned());
    Some(format!(" Who asked CodeDeploy for {id} is not known: {why}."))
}

/// The calls by which a deployment begins: of ECS, and of the controllers that work with task sets.
const DEPLOYING: [&str; 5] = ["UpdateService", "UpdateExpressGatewayService", "CreateTaskSet", "UpdateServicePrimaryTaskSet", "CreateService"];

/// The name under which the beginning of a deployment is looked for first.
fn deploying_by(timeline: &Timeline) -> &'static str {
    if timeline.evidence.service.as_ref().is_some_and(Service::uses_task_sets) { "CreateTaskSet" } else { DEPLOYING[0] }
}

/// The accepted call that deleted the task's own task set, or left it no share of the service.
fn task_set_gone(timeline: &Timeline, stop: Timestamp) -> Option<(&Line, &ApiCall)> {
    let own = timeline.evidence.task.started_by.as_deref()?.strip_prefix("ecs-svc/")?;
    let of_own = |call: &ApiCall| call.succeeded() && call.parameters.task_set.as_deref().is_some_and(|set| scheduling::digits(set) == own);
    let near = |call: &ApiCall| came_before(call, stop, LED_TO_IT_WITHIN);
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
    let created = began(timeline, change)?;
    let near = |call: &ApiCall| {
        let is_there = call.time.as_millisecond() <= stop.as_millisecond() + CALL_MAY_TRAIL_BY;
        call.succeeded() && is_there && came_before(call, created, BEGINS_WITHIN)
    };
    let made_it = |call: &ApiCall| match call.response_deployments.is_empty() {
        true => can_have_made(timeline, call, change),
        false => call.deployment(&change.id).is_some(),
    };
    all_calls(timeline)
        .filter(|(_, call)| DEPLOYING.contains(&call.name.as_str()) && near(call) && made_it(call))
        // Every later call lists the deployment too: the first one made it.
        .min_by_key(|(_, call)| (call.deployment(&change.id).is_none(), call.time))
}

/// When a deployment began: ECS tells, or any answer since that lists it.
fn began(timeline: &Timeline, change: &scheduling::Change) -> Option<Timestamp> {
    change.created_at.or_else(|| told_by_a_call(timeline, &change.id))
}

/// No call began a deployment, as far as is known: which says little where it is not known when that was.
fn nobody_began(timeline: &Timeline, chain: &[Hop], change: &scheduling::Change, known: &str) -> StoppedBy {
    let by = absent(timeline, chain, deploying_by(timeline), known);
    if began(timeline, change).is_some() || !matches!(by.status, Status::NotYet | Status::NotRecorded) {
        return by;
    }
    let why = timeline.seen_by(Source::Service).err().map_or_else(|| "ECS lists it no longer".to_owned(), Reading::sentence);
    let sentence = format!("Unknown: {}, and when it began, which is where to look in CloudTrail, is not known ({why}).", lower_first(known));
    StoppedBy { status: Status::Unreadable, sentence, settles_at: None, ..by }
}

/// A way back is begun by no call: that there is none says little where an archive that may tell of one was not read.
fn undone_unseen(timeline: &Timeline, by: StoppedBy) -> StoppedBy {
    match timeline.seen_by(Source::Archive) {
        Err(gap) if matches!(by.status, Status::NotYet | Status::NotRecorded) => {
            let sentence = format!("Unknown: a deployment replaced the task, and whether it was a rollback, which no call begins, could not be read ({}).", gap.sentence());
            StoppedBy { status: Status::Unreadable, sentence, settles_at: None, ..by }
        }
        _ => by,
    }
}

/// Whether a call that lists no deployments asks for what the deployment brings.
fn can_have_made(timeline: &Timeline, call: &ApiCall, change: &scheduling::Change) -> bool {
    if call.parameters.begins_none {
        return false;
    }
    let Some(brings) = change.definition.as_deref() else { return true };
    match call.parameters.task_definition.as_deref().map(last_segment) {
        // A family alone asks for its newest revision.
        Some(asked) => asked == brings || brings.rsplit_once(':').is_some_and(|(family, _)| family == asked),
        // Without one, what was there before is deployed anew.
        None if call.name == "UpdateService" => {
            let others = timeline.evidence.service.iter().flat_map(|service| &service.deployments).filter(|deployment| deployment.id != change.id);
            timeline.evidence.task.definition_name().as_deref() == Some(brings) || others.filter_map(|deployment| deployment.definition.as_deref()).any(|other| other == brings)
        }
        None => true,
    }
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
fn by_activity(timeline: &Timeline, change: &Change, n: usize, activity: &ScalingActivity, call: Option<(usize, &ApiCall)>) -> StoppedBy {
    let mut chain = vec![activity_hop(change, n, activity)];
    chain.extend(call.map(|(n, call)| call_hop(n, call)));
    let put = put_in_place(timeline, change, activity);
    chain.extend(put.map(|(line, call)| call_hop(line.n, call)));
    let lately = put.map(|(_, call)| {
        let ago = words::duration(change.at.as_millisecond() - call.time.as_millisecond());
        format!(" {} had put it in place {ago} before.", actors::describe(call).name)
    });
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
        ..StoppedBy::without(
            Status::Found,
            format!("{} did, {how}: it set the desired count{}{}.{}", activity.actor(), change.counts(), activity.reason_in_words(), lately.unwrap_or_default()),
        )
    }
}

/// The last accepted call before the activity that put its policy or its scheduled action in place, or changed it.
fn put_in_place<'a>(timeline: &'a Timeline, change: &Change, activity: &ScalingActivity) -> Option<(&'a Line, &'a ApiCall)> {
    let (name, policy) = match activity.trigger() {
        Trigger::Policy(policy) => (PUT_POLICY, policy),
        Trigger::Schedule(action) => (PUT_SCHEDULE, action),
        Trigger::Untold => return None,
    };
    let fits = |call: &ApiCall| call.succeeded() && call.parameters.policy.as_deref() == Some(policy) && call.time <= change.at;
    calls(timeline, name).filter(|(_, call)| fits(call)).max_by_key(|(_, call)| call.time)
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
