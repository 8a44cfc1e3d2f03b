//! What the scheduler was doing, from the deployments and from the calls around the stop.

use jiff::{SignedDuration, Timestamp};

use super::super::call::ApiCall;
use super::super::desired_count::{self, Change};
use super::super::event::{What, Witness};
use super::super::evidence::{Reading, Source};
use super::super::scheduling::{self, Story};
use super::super::service::Host;
use super::super::timeline::{Line, Timeline};

use super::{CALL_MAY_TRAIL_BY, LED_TO_IT_WITHIN, UNDO, all_calls, calls, came_before};

/// What the scheduler was doing, from this timeline's evidence.
///
/// Where the deployments leave it open, a change that lowered the count seconds before the stop settles it: but only
/// if the deployments were read, since one that replaced the task would come first.
#[must_use]
pub fn story_of(timeline: &Timeline) -> Story {
    match story_of_deployments(timeline) {
        Story::Unclear(why) => match named_newer(timeline) {
            Some(change) => Story::Replaced(change),
            None if timeline.seen_by(Source::Service).is_ok() && lowered_just_before(timeline).is_some() => Story::FewerWanted,
            None => Story::Unclear(why),
        },
        // A service is emptied before it is deleted: its last tasks went for the count.
        Story::ServiceDeleted => match (desired_count::behind(timeline), deletion(timeline), scheduling::stopped_for_another(&timeline.evidence.task)) {
            (Some(_), None, _) => Story::FewerWanted,
            // The service and its deployments are gone, and ECS's reason is not: it names another one than the task's own.
            (None, None, Some(id)) => Story::Replaced(scheduling::Change { created_at: told_by_a_call(timeline, &id), id, definition: None }),
            (None, None, None) if later_deletion(timeline).is_some() => Story::Unclear("the service was deleted only after the stop, and its deployments with it".to_owned()),
            (None, None, None) if may_have_outlived(timeline) => Story::Unclear("its service is gone by now: nothing tells whether it was deleted before the stop".to_owned()),
            (Some(lowered), Some((_, deleted)), _) if deleted.time < lowered.at => Story::FewerWanted,
            _ => Story::ServiceDeleted,
        },
        // Somebody stopped the task's deployment in the moment in which the other one began: that is the way back.
        Story::Replaced(change) => match change.created_at.and_then(|created| undoing(timeline, created)).is_some() {
            true => Story::RolledBack { failed: own_deployment(timeline), since: change.created_at, change, how: scheduling::Rollback::Manual },
            false => Story::Replaced(change),
        },
        story => story,
    }
}

/// When a deployment began, by the answer to any call that lists it.
pub(super) fn told_by_a_call(timeline: &Timeline, id: &str) -> Option<Timestamp> {
    all_calls(timeline).find_map(|(_, call)| call.deployment(id)?.created_at)
}

/// The deployment for which ECS says that it stopped the task, where it is listed no longer and the answer to a call tells
/// that it brought a later revision: what brings an earlier one may be a way back.
fn named_newer(timeline: &Timeline) -> Option<scheduling::Change> {
    let task = &timeline.evidence.task;
    let id = scheduling::stopped_for_another(task)?;
    let told = all_calls(timeline).find_map(|(_, call)| call.deployment(&id))?;
    let change = scheduling::Change { created_at: told.created_at, definition: told.definition.clone(), id };
    scheduling::brings_newer(task, change.definition.as_deref()).then_some(change)
}

/// The same from the service and its deployments alone.
#[must_use]
pub fn story_of_deployments(timeline: &Timeline) -> Story {
    let evidence = &timeline.evidence;
    scheduling::story(&evidence.task, evidence.service.as_ref(), &evidence.service_deployments)
}

/// The accepted call that deleted the service before the stop.
#[must_use]
pub fn deletion(timeline: &Timeline) -> Option<(&Line, &ApiCall)> {
    let stop = timeline.evidence.task.stop_anchor()?;
    let near = |call: &ApiCall| call.succeeded() && came_before(call, stop, LED_TO_IT_WITHIN);
    calls(timeline, "DeleteService").filter(|(_, call)| near(call)).max_by_key(|(_, call)| call.time)
}

/// For so long after a stop a service that is gone was likely deleted with it.
const GONE_WITH_IT: SignedDuration = SignedDuration::from_hours(1);

/// Whether so much time has passed since the stop that the service may have been deleted in it. One that is still being
/// deleted was not.
fn may_have_outlived(timeline: &Timeline) -> bool {
    let evidence = &timeline.evidence;
    let is_gone = evidence.service.as_ref().is_some_and(|service| service.status != "DRAINING");
    is_gone && evidence.task.stop_anchor().is_some_and(|stop| evidence.taken_at.duration_since(stop) > GONE_WITH_IT)
}

/// The accepted call that deleted the service when the task had long been stopped.
fn later_deletion(timeline: &Timeline) -> Option<&Line> {
    let stop = timeline.evidence.task.stop_anchor()?.as_millisecond();
    calls(timeline, "DeleteService").find(|(_, call)| call.succeeded() && call.time.as_millisecond() > stop + CALL_MAY_TRAIL_BY).map(|(line, _)| line)
}

/// Milliseconds between the call that ends a deployment and the way back.
const UNDONE_WITHIN: i64 = 120_000;

/// The accepted call that ended a deployment, where the way back began at `since`.
pub(super) fn undoing(timeline: &Timeline, since: Timestamp) -> Option<(&Line, &ApiCall)> {
    let near = |call: &ApiCall| call.succeeded() && came_before(call, since, UNDONE_WITHIN);
    calls(timeline, UNDO).filter(|(_, call)| near(call)).max_by_key(|(_, call)| call.time)
}

fn own_deployment(timeline: &Timeline) -> scheduling::Change {
    let evidence = &timeline.evidence;
    let id = evidence.task.started_by.clone().unwrap_or_default();
    let listed = evidence.service.as_ref().and_then(|service| service.deployments.iter().find(|deployment| deployment.id == id));
    scheduling::Change { created_at: listed.and_then(|deployment| deployment.created_at), definition: evidence.task.definition_name(), id }
}

/// What lowered the count seconds before the stop.
#[must_use]
pub fn lowered_just_before(timeline: &Timeline) -> Option<Change<'_>> {
    let stop = timeline.evidence.task.stop_anchor()?;
    desired_count::behind(timeline).filter(|change| change.is_just_before(stop))
}

fn is_host_archived(timeline: &Timeline) -> bool {
    timeline.lines.iter().any(|line| line.event.witness == Witness::Archive && matches!(line.event.what, What::HostNow { .. }))
}

/// Why it is not known how the stop of a forgotten task found its host: how it is now says little of that.
#[must_use]
pub fn host_was_not_read(timeline: &Timeline) -> Option<&Reading> {
    let task = &timeline.evidence.task;
    if task.container_instance_arn.is_none() || !task.is_forgotten() || is_host_archived(timeline) { None } else { timeline.seen_by(Source::Archive).err() }
}

/// The accepted call that set this task's container instance to DRAINING, where none took that back before the stop, no
/// archive tells that the stop found it otherwise, and no lower count came after it.
#[must_use]
pub fn drained(timeline: &Timeline) -> Option<(&Line, &ApiCall)> {
    let stop = timeline.evidence.task.stop_anchor()?;
    // How it is now says little of how it was: the drain may have been undone since.
    let leaving = timeline.evidence.host.as_ref().is_none_or(Host::is_leaving) || !is_host_archived(timeline);
    let before = |call: &ApiCall| call.succeeded() && call.time.as_millisecond() <= stop.as_millisecond() + CALL_MAY_TRAIL_BY;
    let lowered = desired_count::behind(timeline).map(|change| change.at);
    // The last call counts: one to ACTIVE undoes the drain before it.
    calls(timeline, "UpdateContainerInstancesState")
        .filter(|(_, call)| before(call))
        .max_by_key(|(_, call)| call.time)
        .filter(|(_, call)| leaving && call.parameters.status.as_deref() == Some("DRAINING") && lowered.is_none_or(|lowered| call.time >= lowered))
}
