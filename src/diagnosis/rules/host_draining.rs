//! The container instance under the task was drained or deregistered.

use super::super::commands;
use super::super::desired_count;
use super::super::event::{What, Witness};
use super::super::scheduling::Story;
use super::super::service::Host;
use super::super::stopped_by::{self, Status, StoppedBy};
use super::super::task::StopCode;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::scheduled_stop;

pub const RULE: Rule = Rule { cause: Cause::HostDraining, details: &[], about: "its container instance was drained or deregistered", judge };

/// The calls that take a container instance out of its cluster.
const TAKING_OUT: [&str; 2] = ["UpdateContainerInstancesState", "DeregisterContainerInstance"];

fn judge(timeline: &Timeline, stopped_by: &StoppedBy) -> Judgement {
    if matches!(timeline.stop_code(), Some(StopCode::UserInitiated)) {
        return Judgement::No;
    }
    let reason = timeline.stopped_reason();
    let deregistered = reason.contains("deregistration forced by user");
    let told = deregistered || reason.contains("DRAINING") || reason.contains("is draining");
    let host = timeline.evidence.host.as_ref();
    // A deployment or a rebalancing explains the stop by itself, whatever the host is being used for by now; so does a lower count.
    let unexplained = || scheduled_stop(timeline).is_some() && matches!(stopped_by::story_of(timeline), Story::FewerWanted | Story::Unclear(_));
    let was_drained = || stopped_by::drained(timeline).is_some() || host.is_some_and(Host::is_leaving) && desired_count::behind(timeline).is_none();
    let fits = told || unexplained() && was_drained();
    if !fits {
        return Judgement::No;
    }
    let Some(stop) = timeline.stop_line() else { return Judgement::No };
    let mut finding = Finding::new(if told { Confidence::Certain } else { Confidence::Likely }, if deregistered { "Its host was deregistered" } else { "Its host was drained" });
    finding.evidence.push(stop.n);
    finding.expected = !deregistered;
    let which = host.and_then(|host| host.instance_id.clone()).map_or_else(|| "the container instance".to_owned(), |id| format!("instance {id}"));
    finding.summary = if deregistered {
        format!("ECS stopped it because {which} was deregistered by force [{}].", stop.n)
    } else if told {
        format!("ECS moved it away because {which} was being drained [{}].", stop.n)
    } else if !host.is_some_and(Host::is_leaving) {
        format!("The scheduler stopped it [{}], no newer deployment was there, and {which} under it had been set to drain: ECS moves tasks off such an instance.", stop.n)
    } else {
        let seen = state_of_the_host(timeline);
        finding.evidence.extend(seen);
        let cite = seen.map(|n| format!(" [{n}]")).unwrap_or_default();
        let is = if timeline.evidence.task.is_forgotten() { "was" } else { "is" };
        finding.alternatives.push((Cause::ScaleIn, "ECS uses the same words where the service wants fewer tasks".to_owned()));
        format!("The scheduler stopped it [{}], no newer deployment was there, and {which} under it {is} being drained{cite}: ECS moves tasks off such an instance.", stop.n)
    };
    if let (Status::Found, Some((n, call)), Some(actor)) = (stopped_by.status, &stopped_by.call, &stopped_by.actor)
        && TAKING_OUT.contains(&call.name.as_str())
    {
        finding.evidence.push(*n);
        finding.summary.push_str(&format!(" {actor} began it with {} [{n}].", call.name));
    }
    let task = &timeline.evidence.task;
    if let Some(arn) = &task.container_instance_arn {
        finding.next_steps.push(NextStep::run("See the container instance", commands::describe_container_instance(arn, task)));
    }
    if !deregistered && !task.is_on_managed_instances() {
        finding.next_steps.push(NextStep::say("A drained instance takes no new tasks: UpdateContainerInstancesState to ACTIVE undoes it."));
    }
    finding.into()
}

/// The line that tells how the stop found the host; where none does, the one that tells how it is now.
fn state_of_the_host(timeline: &Timeline) -> Option<usize> {
    let stop = timeline.evidence.task.stop_anchor();
    let mut told = timeline.lines.iter().filter(|line| matches!(line.event.what, What::HostNow { .. }));
    let found = told.clone().rfind(|line| line.event.witness == Witness::Archive && stop.is_some_and(|stop| line.event.at.as_millisecond() <= stop.as_millisecond() + 2_000));
    found.or_else(|| told.next()).map(|line| line.n)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::Evidence;
    use crate::diagnosis::service::{Deployment, Host};

    fn on(status: &str) -> Evidence {
        let mut evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143));
        evidence.task.launch_type = Some("EC2".to_owned());
        evidence.host = Some(Host { instance_id: Some("i-0a1b2c3d4e5f60718".to_owned()), status: Some(status.to_owned()), agent_connected: true, ..Host::default() });
        evidence
    }

    #[test]
    fn ecs_says_that_the_host_was_deregistered() {
        let trace = judged(stopped("", "Container instance deregistration forced by user", None));
        assert_eq!((trace.verdict.cause.as_str(), trace.verdict.confidence.as_str()), ("host-draining", "certain"));
        assert_ne!(trace.stopped_by.status.as_str(), "nobody");
    }

    #[test]
    fn a_scheduled_stop_on_a_draining_host_is_likely_its_drain_and_an_active_one_is_not() {
        assert_eq!(verdict(on("DRAINING")), "host-draining - likely");
        assert!(verdict(on("ACTIVE")).starts_with("scale-in"));
    }

    #[test]
    fn a_deployment_explains_the_stop_whatever_the_host_does() {
        let mut evidence = on("DRAINING");
        let newer = Deployment { id: "ecs-svc/2".to_owned(), created_at: Some(at(-90_000)), ..Deployment::default() };
        evidence.service.as_mut().expect("a service").deployments.insert(0, newer);
        assert!(verdict(evidence).starts_with("deployment"));
    }

    #[test]
    fn a_reason_somebody_typed_is_not_the_hosts() {
        assert!(verdict(stopped("UserInitiated", "instance DRAINING before patching", Some(0))).starts_with("stop-requested"));
    }

    #[test]
    fn a_recorded_drain_counts_where_the_host_is_gone_and_a_lower_count_after_it_outweighs_it() {
        let mut gone = on("ACTIVE");
        gone.host = None;
        gone.task.container_instance_arn = Some("arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/aafcf67445c52f67fe9b954939233b4d".to_owned());
        let unseen = judged(gone.clone()).verdict;
        assert!(unseen.confidence.as_str() == "possible" && unseen.unchecked.iter().any(|(cause, _)| cause.as_str() == "host-draining"), "{unseen:?}");
        let drained = called(gone, -60_000, "UpdateContainerInstancesState", "oskar", |call| call.parameters.status = Some("DRAINING".to_owned()));
        let trace = judged(drained.clone());
        assert!(trace.verdict.cause.as_str() == "host-draining" && trace.verdict.summary.contains("oskar began it"), "{}", trace.verdict.summary);
        let lowered = called(drained, -8_000, "UpdateService", "pavel", |call| (call.parameters.desired_count, call.response_running) = (Some(1), Some(3)));
        let trace = judged(lowered);
        assert_eq!((trace.verdict.cause.as_str(), trace.stopped_by.actor.as_deref()), ("scale-in", Some("pavel")));
    }
}
