//! The service wanted fewer tasks.

use super::super::actors;
use super::super::commands;
use super::super::desired_count::{self, By, Change};
use super::super::event::What;
use super::super::evidence::{Reading, Source, Status};
use super::super::scaling::{ScalingActivity, Trigger};
use super::super::scheduling::Story;
use super::super::stopped_by::{self, StoppedBy};
use super::super::task::Task;
use super::super::timeline::{Line, Timeline};
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::super::words::value;
use super::scheduled_stop;

pub const RULE: Rule = Rule { cause: Cause::ScaleIn, details: &[], about: "the service wanted fewer tasks: autoscaling, or a hand that changed the desired count", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(stop) = scheduled_stop(timeline) else { return Judgement::No };
    let service_gap = timeline.seen_by(Source::Service).err();
    let change = desired_count::behind(timeline);
    let is_just_before = change.zip(timeline.evidence.task.stop_anchor()).is_some_and(|(change, stop)| change.is_just_before(stop));
    let confidence = match stopped_by::story_of(timeline) {
        Story::FewerWanted => {
            let alone = matches!(stopped_by::story_of_deployments(timeline), Story::FewerWanted);
            // What ran tells what was wanted only where nothing is on its way.
            let inferred = change.is_some_and(|change| change.running.is_some() && matches!(change.by, By::Call { .. }));
            if is_just_before && alone && !inferred && service_gap.is_none() { Confidence::Certain } else { Confidence::Likely }
        }
        // What the deployments would tell is told to be unchecked by their own rules.
        Story::Unclear(_) if service_gap.is_some() && stopped_by::lowered_just_before(timeline).is_some() => Confidence::Possible,
        // A daemon service has no count that could be lowered.
        Story::Unclear(_) if timeline.evidence.service.as_ref().is_some_and(|service| service.is_daemon) => return Judgement::No,
        Story::Unclear(why) => return Judgement::CannotTell(why),
        _ => return Judgement::No,
    };
    let mut finding = Finding::new(confidence, "Scaled in");
    finding.expected = true;
    finding.evidence.push(stop.n);
    match change {
        Some(change) => tell_change(&mut finding, &change, stop),
        None => finding.summary = format!("No newer deployment was there, so the scheduler stopped it because the service wanted fewer tasks [{}].", stop.n),
    }
    if confidence == Confidence::Possible {
        finding.summary.push_str(" Whether a newer deployment replaced it could not be read.");
    } else if let Some(gap) = service_gap {
        finding.confidence = if change.is_some() { Confidence::Likely } else { Confidence::Possible };
        finding.unchecked.push((Cause::Deployment, gap.sentence()));
    }
    if let Err(gap) = timeline.seen_by(Source::Autoscaling) {
        let most = if change.is_some() { Confidence::Likely } else { Confidence::Possible };
        finding.confidence = finding.confidence.min(most);
        finding.unchecked.push((Cause::ScaleIn, format!("which policy or schedule, {}", gap.sentence())));
    }
    if change.is_none()
        && let Some(why) = nothing_lowered(timeline)
    {
        finding.confidence = Confidence::Possible;
        finding.unchecked.push((Cause::ScaleIn, why));
    }
    let hidden = stopped_by::host_was_not_read(timeline);
    if let Some(arn) = timeline.evidence.task.container_instance_arn.as_deref().filter(|_| change.is_none() && (timeline.evidence.host.is_none() || hidden.is_some())) {
        finding.confidence = Confidence::Possible;
        finding.summary = format!(
            "No newer deployment was there: the scheduler stopped it because the service wanted fewer tasks, or because its container instance, which could not be seen, was drained [{}].",
            stop.n
        );
        let command = commands::describe_container_instance(arn, &timeline.evidence.task);
        finding.next_steps.push(NextStep::run("See whether its container instance was drained", command));
        let why = hidden.or(timeline.seen_by(Source::Host).err()).map_or_else(|| "ECS no longer knows the container instance".to_owned(), |gap| gap.sentence());
        finding.unchecked.push((Cause::HostDraining, why));
    }
    finding.summary.push_str(" Why it took this task and not another is in no API.");
    finding.next_steps.extend(next_steps(&timeline.evidence.task, change));
    finding.into()
}

/// Where everything that changes a count was read, and none of it lowered this one's.
fn nothing_lowered(timeline: &Timeline) -> Option<String> {
    let raised = timeline.lines.iter().filter(|line| matches!(&line.event.what, What::Called(call) if call.succeeded() && call.parameters.desired_count.is_some()));
    let cites: Vec<String> = raised.map(|line| format!("[{}]", line.n)).collect();
    if !cites.is_empty() {
        return Some(format!("the recorded changes of the desired count do not lower it {}", cites.join(" ")));
    }
    let settled = |reading: &Reading| !reading.aside && reading.about.as_deref() == Some("UpdateService") && matches!(reading.status, Status::Ok | Status::Empty);
    let read = timeline.evidence.readings.iter().any(settled) && timeline.was_read(Source::Autoscaling) && timeline.seen_by(Source::Autoscaling).is_ok();
    read.then(|| "no call and no scaling activity that lowered the desired count is recorded".to_owned())
}

fn tell_change(finding: &mut Finding, change: &Change, stop: &Line) {
    let counts = change.counts();
    finding.summary = match change.by {
        By::Call { n, call } => {
            finding.evidence.push(n);
            format!("{} set the desired count{counts} [{n}], and the scheduler stopped this task for it [{}].", actors::describe(call).name, stop.n)
        }
        By::Activity { n, activity, call } => {
            finding.evidence.push(n);
            finding.evidence.extend(call.map(|(n, _)| n));
            let same = call.map(|(n, _)| format!(", in the call at [{n}]")).unwrap_or_default();
            let (who, why) = (activity.actor_in_words(), activity.reason_in_words());
            format!("{who} set the desired count{counts}{why} [{n}]{same}, and the scheduler stopped this task for it [{}].", stop.n)
        }
    };
}

/// What shows the policy or schedule as it is, its alarm, and the activities.
fn next_steps(task: &Task, change: Option<Change>) -> Vec<NextStep> {
    let Some(service) = &task.service else { return Vec::new() };
    let ask = |operation: &str, more: &str| {
        let resource = format!("service/{}/{service}", task.cluster);
        format!("aws application-autoscaling {operation} --service-namespace ecs --resource-id{}{more} --region{}", value(&resource), value(&task.region))
    };
    let mut steps = Vec::new();
    if let Some(Change { by: By::Activity { activity, .. }, .. }) = change {
        steps.extend(about_trigger(activity, ask));
        if let Some(alarm) = activity.alarm() {
            let command = format!("aws cloudwatch describe-alarm-history --alarm-name{} --history-item-type StateUpdate --region{}", value(alarm), value(&task.region));
            steps.push(NextStep::run("See when and on what its alarm went off", command));
        }
    }
    steps.push(NextStep::run("See the scaling activities", ask("describe-scaling-activities", "")));
    steps
}

fn about_trigger(activity: &ScalingActivity, ask: impl Fn(&str, &str) -> String) -> Option<NextStep> {
    match activity.trigger() {
        Trigger::Policy(name) => Some(NextStep::run(format!("See what policy {name} is set to"), ask("describe-scaling-policies", &format!(" --policy-names{}", value(name))))),
        Trigger::Schedule(name) => {
            Some(NextStep::run(format!("See when {name} acts and what it sets"), ask("describe-scheduled-actions", &format!(" --scheduled-action-names{}", value(name)))))
        }
        Trigger::Untold => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::{Evidence, Reading, Source, Status};
    use crate::diagnosis::service::Deployment;

    const LOW: &str = "monitor alarm TargetTracking-service/prod/web-AlarmLow-1f in state ALARM triggered policy cpu60";

    fn scheduled() -> Evidence {
        stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(137))
    }

    #[test]
    fn with_only_its_own_deployment_it_was_scaled_in() {
        assert_eq!(verdict(scheduled()), "scale-in - likely");
    }

    #[test]
    fn a_finished_job_is_no_scale_in() {
        assert!(!verdict(stopped("EssentialContainerExited", "Essential container in task exited", Some(0))).starts_with("scale-in"));
    }

    #[test]
    fn with_the_service_hidden_it_is_not_claimed() {
        let evidence = hide(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(137)), Source::Service);
        assert!(verdict(evidence).starts_with("unknown"));
    }

    #[test]
    fn an_activity_that_lowered_the_count_seconds_before_makes_it_certain_and_is_cited() {
        let trace = judged(scaled(scheduled(), -13_000, 2, LOW, |activity| activity.set_before = Some(3)));
        let verdict = &trace.verdict;
        assert_eq!((verdict.cause.as_str(), verdict.confidence.as_str(), verdict.expected), ("scale-in", "certain", true));
        assert!(verdict.summary.starts_with("Policy cpu60 set the desired count from 3 to 2 for alarm TargetTracking-service/prod/web-AlarmLow-1f ["), "{}", verdict.summary);
        let cited = |n: &usize| trace.timeline.lines[n - 1].event.witness.as_str();
        assert!(verdict.evidence.iter().any(|n| cited(n) == "autoscaling"));
        let commands: Vec<&str> = verdict.next_steps.iter().filter_map(|step| step.command.as_deref()).collect();
        assert!(commands[0].contains("describe-scaling-policies") && commands[0].contains("--policy-names cpu60"), "{commands:?}");
        assert!(commands[1].contains("describe-alarm-history --alarm-name TargetTracking-service/prod/web-AlarmLow-1f"), "{commands:?}");
    }

    #[test]
    fn an_activity_that_raised_the_count_or_of_no_known_direction_makes_it_no_surer() {
        let high = LOW.replace("AlarmLow", "AlarmHigh");
        let evidence = scaled(scheduled(), -13_000, 4, &high, |_| {});
        assert!(!judged(evidence.clone()).verdict.summary.contains("cpu60"));
        assert_eq!(verdict(evidence), "scale-in - likely");
        assert_eq!(verdict(scaled(scheduled(), -13_000, 2, "monitor alarm quiet in state ALARM triggered policy step", |_| {})), "scale-in - likely");
        assert_eq!(verdict(scaled(scheduled(), -130_000, 2, LOW, |_| {})), "scale-in - likely", "minutes before");
    }

    #[test]
    fn a_newer_deployment_stays_the_cause_beside_an_activity() {
        let mut evidence = scaled(scheduled(), -13_000, 2, LOW, |_| {});
        let newer = Deployment { id: "ecs-svc/2".to_owned(), created_at: Some(at(-90_000)), ..Deployment::default() };
        evidence.service.as_mut().expect("a service").deployments.insert(0, newer);
        assert!(verdict(evidence).starts_with("deployment"));
    }

    #[test]
    fn where_the_deployments_leave_it_open_an_lowered_just_before_makes_it_likely() {
        let started = |evidence: Evidence| said(evidence, -20_000, "(service web) has started 1 tasks: (task 6cf721bbfe204243ad7edae943867298).");
        assert!(verdict(started(scheduled())).starts_with("unknown"));
        assert_eq!(verdict(started(scaled(scheduled(), -13_000, 2, LOW, |_| {}))), "scale-in - likely");
        assert!(verdict(started(scaled(scheduled(), -130_000, 2, LOW, |_| {}))).starts_with("unknown"));
    }

    #[test]
    fn with_the_service_hidden_an_activity_makes_it_possible_and_the_deployment_is_unchecked() {
        let verdict = judged(hide(scaled(scheduled(), -13_000, 2, LOW, |_| {}), Source::Service)).verdict;
        assert_eq!((verdict.cause.as_str(), verdict.confidence.as_str(), verdict.is_conclusive()), ("scale-in", "possible", false));
        assert!(verdict.unchecked.iter().any(|(cause, _)| cause.as_str() == "deployment"));
    }

    #[test]
    fn with_autoscaling_hidden_a_recorded_call_makes_it_likely_and_nothing_makes_it_possible() {
        let hidden = |mut evidence: Evidence| {
            evidence.readings.push(Reading::new(Source::Autoscaling, Status::Denied));
            judged(evidence).verdict
        };
        let lowered = called(scheduled(), -10_000, "UpdateService", "ann", |call| (call.parameters.desired_count, call.response_running) = (Some(2), Some(3)));
        assert_eq!(verdict(lowered.clone()), "scale-in - likely", "what ran is not what was wanted");
        let verdict = hidden(lowered);
        assert_eq!(verdict.confidence.as_str(), "likely");
        assert!(verdict.unchecked.iter().any(|(_, why)| why.contains("autoscaling: AccessDenied")), "{:?}", verdict.unchecked);
        assert_eq!(hidden(scheduled()).confidence.as_str(), "possible");
    }
}
