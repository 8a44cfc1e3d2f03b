//! ECS stopped the task because its load balancer called it unhealthy.

use super::super::commands;
use super::super::evidence::Source;
use super::super::notes;
use super::super::service::{MessageKind, ServiceMessage, TargetGroup, in_parentheses, target_group_name};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::super::words;

pub const RULE: Rule = Rule { cause: Cause::ElbHealthCheck, about: "stopped for failing load balancer health checks: codes, timeout, refused, unknown", judge };

/// One "unhealthy" message may stand for a while before the stop; ECS leaves out repeats.
const MESSAGE_REACH: i64 = 300_000;

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let reason = timeline.stopped_reason();
    if !reason.contains("failed ELB health checks") {
        return Judgement::No;
    }
    let Some(stop) = timeline.stop_line() else { return Judgement::No };
    let classic = in_parentheses(&reason, "elb");
    let named = in_parentheses(&reason, "target-group").or(classic);
    let said = own_message(timeline, named);
    let why = said.and_then(|(_, message)| match &message.kind {
        MessageKind::Unhealthy { reason, .. } => reason.clone(),
        _ => None,
    });
    let group = timeline.evidence.target_groups.iter().find(|group| Some(group.arn.as_str()) == named).or(match timeline.evidence.target_groups.as_slice() {
        [only] => Some(only),
        _ => None,
    });

    let mut finding = Finding::new(Confidence::Certain, "Failed load balancer health checks");
    finding.detail = Some(detail(why.as_deref()));
    finding.evidence.push(stop.n);
    let group_name = match (classic, named) {
        (Some(name), _) => format!("Classic Load Balancer {name}"),
        (None, Some(arn)) => format!("target group {}", target_group_name(arn)),
        (None, None) => "its load balancer".to_owned(),
    };
    finding.summary = format!("ECS stopped it because {group_name} called it unhealthy [{}].", stop.n);
    match (said, &why) {
        (Some((n, _)), Some(why)) => {
            finding.evidence.push(n);
            finding.summary.push_str(&format!(" The load balancer's word: {} [{n}].", why.trim_end_matches('.')));
        }
        _ => finding.summary.push_str(" No service event tells which codes it saw."),
    }
    if let Some(sentence) = group.and_then(arithmetic) {
        finding.summary.push_str(&format!(" {sentence}"));
    }
    let times = &timeline.evidence.task.times;
    if let (Some(started), Some(stopping)) = (times.started, times.stopping) {
        let lived = stopping.as_millisecond() - started.as_millisecond();
        let grace = timeline.evidence.service.as_ref().and_then(|service| service.grace_period).filter(|grace| *grace > 0);
        let grace = grace.map(|grace| format!(", with a grace period of {grace} s")).unwrap_or_default();
        if lived >= 0 {
            finding.summary.push_str(&format!(" It had run for {}{grace}.", words::duration(lived)));
        }
    }
    // A starved application answers late or not at all.
    if let Some((sentence, lines)) = notes::near_limits(timeline) {
        finding.evidence.extend(lines);
        finding.summary.push_str(&format!(" {sentence}"));
    }
    if let Err(gap) = timeline.seen_by(Source::Service) {
        finding.unchecked.push((Cause::ElbHealthCheck, format!("codes unknown, {}", gap.sentence())));
    }
    finding.next_steps = next_steps(timeline, group, named, finding.detail);
    finding.into()
}

/// The message about this very target: by task id; else by its address and port; else one that names neither task
/// nor target. A message that names another task or another address is another task's.
fn own_message<'a>(timeline: &'a Timeline, group: Option<&str>) -> Option<(usize, &'a ServiceMessage)> {
    let task = &timeline.evidence.task;
    let stop = task.stop_anchor()?.as_millisecond();
    let addresses = task.private_ips();
    let instance_id = timeline.evidence.host.as_ref().and_then(|host| host.instance_id.as_deref());
    let ports: Vec<i64> = task.containers.iter().flat_map(|container| &container.ports).map(|(_, host)| *host).collect();
    let fit = |message: &ServiceMessage| -> Option<u8> {
        let MessageKind::Unhealthy { target_group, instance, port, .. } = &message.kind else { return None };
        if group.is_some() && target_group.is_some() && target_group.as_deref() != group {
            return None;
        }
        if message.tasks.contains(&task.id) {
            return Some(0);
        }
        if !message.tasks.is_empty() {
            return None;
        }
        match instance.as_deref() {
            Some(target) if addresses.iter().any(|address| address == target) => Some(1),
            // An instance hosts many tasks: the host port tells them apart.
            Some(target) if Some(target) == instance_id && (ports.is_empty() || port.is_some_and(|port| ports.contains(&port))) => Some(1),
            // Older messages leave the port out.
            Some(target) if Some(target) == instance_id && port.is_none() => Some(2),
            Some(target) if target.starts_with("i-") && instance_id.is_none() && port.is_some_and(|port| ports.contains(&port)) => Some(2),
            Some(_) => None,
            None => Some(3),
        }
    };
    timeline
        .messages()
        .filter(|(_, message)| (-5_000..=MESSAGE_REACH).contains(&(stop - message.at.as_millisecond())))
        .filter_map(|(n, message)| fit(message).map(|rank| (rank, stop - message.at.as_millisecond(), n, message)))
        .min_by_key(|(rank, before, ..)| (*rank, before.abs()))
        .map(|(_, _, n, message)| (n, message))
}

fn detail(why: Option<&str>) -> &'static str {
    match why.map(str::to_ascii_lowercase) {
        Some(why) if why.contains("codes") => "codes",
        Some(why) if why.contains("timed out") || why.contains("timeout") => "timeout",
        Some(why) if why.contains("health checks failed") => "refused",
        _ => "unknown",
    }
}

/// `GET /healthz on port 3000 every 10 s; 2 failures in a row, so 20 s, make a target unhealthy.`
fn arithmetic(group: &TargetGroup) -> Option<String> {
    let (interval, failures) = (group.interval?, group.unhealthy_threshold?);
    let probe = match (&group.path, &group.protocol) {
        (Some(path), _) => format!("GET {path}"),
        (None, Some(protocol)) => format!("a {protocol} connection"),
        (None, None) => "a probe".to_owned(),
    };
    let wanted = group.matcher.as_ref().map(|matcher| format!(", wanting {matcher}")).unwrap_or_default();
    Some(format!("It asks {probe}{wanted} every {interval} s; {failures} failures in a row, {} s, make a target unhealthy.", interval * failures))
}

fn next_steps(timeline: &Timeline, group: Option<&TargetGroup>, named: Option<&str>, detail: Option<&str>) -> Vec<NextStep> {
    let task = &timeline.evidence.task;
    let mut steps = Vec::new();
    let path = group.and_then(|group| group.path.as_deref()).unwrap_or("the health check's path");
    steps.push(match detail {
        Some("codes") => NextStep::run(format!("Find out why {path} answered so"), commands::ecs_trace("logs", task)),
        Some("timeout") => NextStep::say(format!("The load balancer got no answer from {path} in time: look for a busy or starved application, then at security groups.")),
        Some("refused") => NextStep::say("Nothing took the connection: compare the port the application listens on with the container port of the service.".to_owned()),
        _ => NextStep::run("Read the application's last words", commands::ecs_trace("logs", task)),
    });
    let network = timeline.evidence.service.as_ref().filter(|service| !service.security_groups.is_empty() && matches!(detail, Some("timeout" | "refused")));
    if let Some(service) = network {
        let subnets = if service.subnets.is_empty() { String::new() } else { format!(" (subnets {})", words::list(&service.subnets)) };
        let port = group
            .and_then(|group| group.health_port.as_deref())
            .filter(|port| port.parse::<u16>().is_ok())
            .map_or_else(|| "the target's port".to_owned(), |port| format!("port {port}"));
        let groups = words::list(&service.security_groups);
        steps.push(NextStep::say(format!("Compare the tasks' security groups {groups}{subnets} with the load balancer's: they must let it in on {port}.")));
    }
    let grace = timeline.evidence.service.as_ref().and_then(|service| service.grace_period).unwrap_or_default();
    let young = task.times.started.zip(task.times.stopping).is_some_and(|(from, to)| to.as_millisecond() - from.as_millisecond() < 300_000);
    if young {
        steps.push(NextStep::say(format!("If the application was still starting, raise healthCheckGracePeriodSeconds (now {grace}).")));
    }
    if let Some(arn) = named.filter(|arn| arn.starts_with("arn:")) {
        steps.push(NextStep::run("See how the targets are now", commands::describe_target_health(arn, task)));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::{Evidence, Source};

    const GROUP: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/73e2d6bc24d8a067";

    fn failed() -> Evidence {
        stopped("ServiceSchedulerInitiated", &format!("Task failed ELB health checks in (target-group {GROUP})"), Some(0))
    }

    #[test]
    fn the_message_about_this_task_gives_the_codes() {
        let evidence = said(
            failed(),
            -400,
            &format!("(service web) (task {ID}) (port 80) is unhealthy in (target-group {GROUP}) due to (reason Health checks failed with these codes: [502])"),
        );
        let trace = judged(evidence);
        assert_eq!(trace.verdict.detail, Some("codes"));
        assert!(trace.verdict.summary.contains("[502]"));
    }

    #[test]
    fn a_starved_application_and_the_security_groups_to_compare_are_told() {
        let mut evidence = said(failed(), -400, &format!("(service web) (task {ID}) is unhealthy in (target-group {GROUP}) due to (reason Request timed out)"));
        evidence.service.as_mut().expect("a service").security_groups = vec!["sg-0a1b2c3d".to_owned()];
        let starved = judged(sampled(evidence.clone(), -30_000, 10, Some((255, 256)))).verdict;
        assert!(starved.summary.contains("255 of its 256 CPU units"), "{}", starved.summary);
        assert!(starved.next_steps.iter().any(|step| step.text.contains("sg-0a1b2c3d")));
        assert!(!judged(sampled(evidence, -30_000, 10, Some((20, 256)))).verdict.summary.contains("CPU"));
    }

    #[test]
    fn another_tasks_message_gives_nothing() {
        let evidence =
            said(failed(), -400, &format!("(service web) (task 00000000000000000000000000000001) is unhealthy in (target-group {GROUP}) due to (reason Request timed out)"));
        assert_eq!(verdict(evidence), "elb-health-check unknown certain");
    }

    #[test]
    fn another_address_is_another_task() {
        let evidence = said(failed(), -400, &format!("(service web) (instance 10.0.0.9) (port 80) is unhealthy in (target-group {GROUP}) due to (reason Request timed out)"));
        assert_eq!(verdict(evidence), "elb-health-check unknown certain");
    }

    #[test]
    fn a_classic_load_balancers_word_counts_for_the_tasks_own_instance_alone() {
        let mut evidence = stopped("ServiceSchedulerInitiated", "Task failed ELB health checks in (elb web-classic)", Some(0));
        evidence.host = Some(crate::diagnosis::service::Host { instance_id: Some("i-0a1b2c3d4e5f60718".to_owned()), ..Default::default() });
        let word = |instance: &str| {
            format!(
                "(service web) (instance {instance}) is unhealthy in (elb web-classic) due to (reason Instance has failed at least the UnhealthyThreshold number of health checks consecutively.)"
            )
        };
        let own = judged(said(evidence.clone(), -400, &word("i-0a1b2c3d4e5f60718"))).verdict;
        assert!(own.summary.contains("Classic Load Balancer web-classic") && own.summary.contains("UnhealthyThreshold"), "{}", own.summary);
        assert!(!judged(said(evidence, -400, &word("i-0ffffffffffffffff"))).verdict.summary.contains("UnhealthyThreshold"));
    }

    #[test]
    fn without_the_service_ecs_own_word_still_stands() {
        assert_eq!(verdict(hide(failed(), Source::Service)), "elb-health-check unknown certain");
    }
}
