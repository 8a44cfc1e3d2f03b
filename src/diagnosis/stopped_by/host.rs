//! A stop whose reason speaks of the host: who took the instance, or its place in the cluster, away.

use super::super::actors::Kind;
use super::super::call::ApiCall;
use super::super::event::What;
use super::super::service::in_parentheses;
use super::super::timeline::{Line, Timeline};

use super::absent::absent;
use super::{CALL_MAY_TRAIL_BY, Hop, Status, StoppedBy, call_hop, calls, found};

/// How ECS begins its reason where the EC2 instance went away.
const HOST_WENT: &str = "Host EC2 (instance";
pub(super) const SPOT_EVICTION: &str = "BidEvictedEvent";

/// The calls by which somebody, or Spot, takes an EC2 instance away from under its tasks.
pub const TAKES_THE_HOST: [&str; 3] = ["TerminateInstances", "StopInstances", SPOT_EVICTION];

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

pub(super) fn by_host(timeline: &Timeline) -> StoppedBy {
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
    let reason = timeline.stopped_reason();
    let instance = in_parentheses(&reason, "instance").map(|id| format!(" {id}")).unwrap_or_default();
    let went = match reason.starts_with(HOST_WENT) {
        true => format!("by taking its instance{instance} away"),
        false => "by taking its container instance out of the cluster".to_owned(),
    };
    let asked = latest("TerminateInstanceInAutoScalingGroup").filter(|_| names.contains(&"TerminateInstanceInAutoScalingGroup"));
    let acted = names.iter().filter(|name| **name != "TerminateInstanceInAutoScalingGroup" && **name != SPOT_EVICTION).find_map(|name| latest(name));
    match (acted, asked) {
        // Auto Scaling carries out what somebody asked it to.
        (acted, Some((line, call))) => found(timeline, (line.n, call), acted.map(|(line, call)| call_hop(line.n, call)).into_iter().collect(), &went),
        (Some((line, call)), None) => found(timeline, (line.n, call), Vec::new(), &went),
        (None, None) => absent(timeline, &[], names.first().copied().unwrap_or("TerminateInstances"), "Its host was taken away"),
    }
}
