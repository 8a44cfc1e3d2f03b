//! ECS stopped the task because its load balancer called it unhealthy.

use super::super::commands;
use super::super::evidence::Source;
use super::super::health_check::{self, Reckoning, Says};
use super::super::notes;
use super::super::service::{Balancer, MessageKind, TargetGroup, in_parentheses, target_group_name};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::super::words;
use super::last_words;

pub const RULE: Rule = Rule { cause: Cause::ElbHealthCheck, details: &["codes", "timeout", "refused", "unknown"], about: "stopped for failing load balancer health checks", judge };

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let reason = timeline.stopped_reason();
    if !reason.contains("failed ELB health checks") {
        return told_by_the_service(timeline);
    }
    let Some(stop) = timeline.stop_line() else { return Judgement::No };
    let classic = in_parentheses(&reason, "elb");
    let named = health_check::named_in(&reason);
    let messages = health_check::own_messages(timeline, named);
    let why = messages.iter().rev().find_map(|(_, message)| health_check::reason_of(message));
    let groups = &timeline.evidence.target_groups;
    let cut = reason.split_once("(target-group ").map(|(_, begun)| begun).filter(|_| named.is_none());
    let mut begun_so = groups.iter().filter(|group| cut.is_some_and(|cut| group.arn.starts_with(cut)));
    let single = begun_so.next().filter(|_| begun_so.next().is_none());
    let group = groups.iter().find(|group| Some(group.arn.as_str()) == named).or(single).or(match groups.as_slice() {
        [only] => Some(only),
        _ => None,
    });

    let mut finding = Finding::new(Confidence::Certain, "Failed load balancer health checks");
    finding.detail = Some(detail(why));
    finding.evidence.push(stop.n);
    let group_name = match (classic, named) {
        (Some(name), _) => format!("Classic Load Balancer {name}"),
        (None, Some(arn)) => format!("target group {}", target_group_name(arn)),
        // AWS cut its reason: the only group that fits is meant.
        (None, None) => match group {
            Some(group) => format!("target group {}", group.name),
            None => "its load balancer".to_owned(),
        },
    };
    finding.summary = format!("ECS stopped it because {group_name} called it unhealthy [{}].", stop.n);
    match health_check::told_in_turn(&messages) {
        Some((sentence, lines)) => {
            finding.evidence.extend(lines);
            finding.summary.push_str(&format!(" {sentence}"));
        }
        None => finding.summary.push_str(" No service event tells which codes it saw."),
    }
    if let Some(sentence) = group.and_then(|group| settings(timeline, group)) {
        finding.summary.push_str(&format!(" {sentence}"));
    }
    let says = tell_life(timeline, group, &mut finding);
    tell_application(timeline, says, &mut finding);
    tell_load_balancer(timeline, named, group, &mut finding);
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

/// The same where ECS's reason is lost, and its service's events tell what came before the stop.
fn told_by_the_service(timeline: &Timeline) -> Judgement {
    let Some((n, message)) = timeline.unhealthy_before_a_lost_stop() else { return Judgement::No };
    let mut finding = Finding::new(Confidence::Likely, "Failed load balancer health checks");
    let why = health_check::reason_of(message);
    finding.detail = Some(detail(why));
    finding.evidence.push(n);
    let named = match &message.kind {
        MessageKind::Unhealthy { target_group, .. } => target_group.as_deref(),
        _ => None,
    };
    let group_name = named.map_or_else(|| "Its load balancer".to_owned(), |arn| format!("Target group {}", target_group_name(arn)));
    let told = why.map(|why| format!(": {}", words::quoted(why))).unwrap_or_default();
    finding.summary = format!("{group_name} called it unhealthy [{n}]{told}, and seconds later the scheduler stopped it");
    match timeline.messages().find(|(_, message)| message.says_it_stopped(&timeline.evidence.task.id)) {
        Some((stop, _)) => {
            finding.evidence.push(stop);
            finding.summary.push_str(&format!(" [{stop}]; its own reason is lost."));
        }
        None => finding.summary.push('.'),
    }
    let group = timeline.evidence.target_groups.iter().find(|group| Some(group.arn.as_str()) == named);
    finding.next_steps = next_steps(timeline, group, named, finding.detail);
    finding.into()
}

fn detail(why: Option<&str>) -> &'static str {
    match why.map(str::to_ascii_lowercase) {
        Some(why) if why.contains("codes") => "codes",
        Some(why) if why.contains("timed out") || why.contains("timeout") => "timeout",
        Some(why) if why.contains("health checks failed") => "refused",
        _ => "unknown",
    }
}

/// `It asks GET /healthz on port 3000 every 10 s and wants 200 within 5 s; 2 failures in a row, 20 s, make a target unhealthy.`
fn settings(timeline: &Timeline, group: &TargetGroup) -> Option<String> {
    let (interval, failures) = (group.interval?, group.unhealthy_threshold?);
    let probe = match (&group.path, &group.protocol) {
        (Some(path), Some(protocol)) if protocol != "HTTP" => format!("asks GET {path} by {protocol}"),
        (Some(path), _) => format!("asks GET {path}"),
        (None, Some(protocol)) => format!("opens a {protocol} connection"),
        (None, None) => "sends a probe".to_owned(),
    };
    let port = health_check::port(timeline, group).map(|port| format!(" on port {port}")).unwrap_or_default();
    let wanted = match (&group.matcher, group.timeout) {
        (Some(matcher), Some(timeout)) => format!(" and wants {matcher} within {timeout} s"),
        (Some(matcher), None) => format!(" and wants {matcher}"),
        (None, Some(timeout)) => format!(" and waits {timeout} s"),
        (None, None) => String::new(),
    };
    let again = group.healthy_threshold.map(|healthy| format!(", {healthy} good ones in a row a healthy one again")).unwrap_or_default();
    let delay = group.deregistration_delay.map(|delay| format!("; deregistration delay {delay} s")).unwrap_or_default();
    let slow = group.slow_start.filter(|slow| *slow > 0).map(|slow| format!(", slow start {slow} s")).unwrap_or_default();
    Some(format!("It {probe}{port} every {interval} s{wanted}; {failures} failures in a row, {} s, make a target unhealthy{again}{delay}{slow}.", interval * failures))
}

/// How long it lived against how long a task lives that never passes; a steady state in between proves that it did.
fn tell_life(timeline: &Timeline, group: Option<&TargetGroup>, finding: &mut Finding) -> Option<Says> {
    let lived = health_check::lived(timeline)?;
    let grace = timeline.evidence.service.as_ref().and_then(|service| service.grace_period).unwrap_or_default();
    let started = timeline.evidence.task.times.started?;
    let first_bad = health_check::own_messages(timeline, None).first().map(|(_, message)| message.at).or(timeline.evidence.task.times.stopping)?;
    let steady = timeline.messages().find(|(_, message)| message.kind == MessageKind::SteadyState && message.at > started && message.at < first_bad);
    // Without the service nobody knows how long it was spared.
    let known = group.filter(|_| timeline.evidence.service.is_some());
    let reckoning =
        known.and_then(|group| Some(Reckoning { spared: grace, failing: group.interval? * group.unhealthy_threshold?, hanging: group.timeout.unwrap_or_default(), lived }));
    let (sentence, says) = match (reckoning, steady) {
        (_, Some((n, _))) => {
            finding.evidence.push(n);
            (format!("It had run for {} and had been healthy before: the service was steady [{n}].", words::duration(lived)), Some(Says::HealthyBefore))
        }
        (Some(reckoning), None) => (reckoning.sentence("a grace period"), Some(reckoning.says())),
        (None, None) => {
            let grace = if grace > 0 { format!(", with a grace period of {grace} s") } else { String::new() };
            (format!("It had run for {}{grace}.", words::duration(lived)), None)
        }
    };
    finding.summary.push_str(&format!(" {sentence}"));
    says
}

/// What the application's own log says of the checks: still starting, or answering them.
fn tell_application(timeline: &Timeline, says: Option<Says>, finding: &mut Finding) {
    if let Some(line) = health_check::still_starting(timeline).filter(|_| says == Some(Says::NeverHealthy)) {
        finding.evidence.push(line.n);
        finding.summary.push_str(&format!(" Its log still speaks of starting: {} [{}].", line.event.quoted(), line.n));
    }
    if let Some((count, status, line)) = health_check::own_probes(timeline) {
        finding.evidence.push(line.n);
        let answered = status.map(|status| format!(", the last answered {status}")).unwrap_or_default();
        finding.summary.push_str(&format!(" Its own log shows {} of ELB-HealthChecker{answered} [{}]: the probes reached it.", words::count(count, "probe"), line.n));
    }
}

/// What the load balancer counted in those minutes, and how the other targets are now.
fn tell_load_balancer(timeline: &Timeline, named: Option<&str>, group: Option<&TargetGroup>, finding: &mut Finding) {
    let counted: Vec<String> = named
        .into_iter()
        .flat_map(|arn| timeline.counted(arn))
        .map(|(line, counted)| {
            finding.evidence.push(line.n);
            format!("{} [{}]", counted.sentence(), line.n)
        })
        .collect();
    if !counted.is_empty() {
        finding.summary.push_str(&format!(" Of the whole target group CloudWatch says: {}.", words::list(&counted)));
    }
    if let Some(health_check::Others { unhealthy, all: others, there_before }) = group.and_then(|group| health_check::others_now(timeline, group)) {
        let told = match (unhealthy, others) {
            // A target that came afterwards never was beside this one.
            (0, 1) if there_before == 0 => "The one other target is healthy now; it may have come in place of this task, so it says nothing of it".to_owned(),
            (0, _) if there_before == 0 => format!("All {others} other targets are healthy now; they may have come since, so they say nothing of this task"),
            (0, _) if there_before < others => {
                format!(
                    "All {others} other targets are healthy now, at least {there_before} of which {} there when this task failed, which points at this task",
                    if there_before == 1 { "was" } else { "were" }
                )
            }
            (0, 1) => "The one other target is healthy now, which points at this task".to_owned(),
            (1, 1) => "The one other target is unhealthy too now, which points at the application or the check".to_owned(),
            (0, _) => format!("All {others} other targets are healthy now, which points at this task"),
            (all, others) if all == others => format!("All {others} other targets are unhealthy now, which points at the application or the check"),
            (some, others) => format!("{some} of {others} other targets are unhealthy now"),
        };
        finding.summary.push_str(&format!(" {told}."));
    }
}

fn next_steps(timeline: &Timeline, group: Option<&TargetGroup>, named: Option<&str>, detail: Option<&str>) -> Vec<NextStep> {
    let task = &timeline.evidence.task;
    let mut steps = Vec::new();
    let path = group.and_then(|group| group.path.as_deref()).unwrap_or("the health check's path");
    steps.extend(match detail {
        Some("codes") => last_words(timeline, None, &format!("Find out why {path} answered so")),
        Some("timeout") => Some(NextStep::say(format!("The load balancer got no answer from {path} in time: look for a busy or starved application, then at security groups."))),
        Some("refused") => Some(NextStep::say("Nothing took the connection: compare the port the application listens on with the container port of the service.")),
        _ => last_words(timeline, None, "Read the application's last words"),
    });
    if matches!(detail, Some("timeout" | "refused")) {
        steps.extend(compare_networks(timeline, group));
    }
    let grace = timeline.evidence.service.as_ref().and_then(|service| service.grace_period).unwrap_or_default();
    let young = task.times.started.zip(task.times.stopping).is_some_and(|(from, to)| to.as_millisecond() - from.as_millisecond() < 300_000);
    if young {
        steps.push(NextStep::say(format!("If the application was still starting, raise healthCheckGracePeriodSeconds (now {grace}).")));
    }
    if let Some(arn) = named.filter(|arn| arn.starts_with("arn:")) {
        steps.push(NextStep::run("See how the targets are now", commands::describe_target_health(arn, task)));
    }
    steps.extend(timeline.evidence.balancers.iter().flat_map(|balancer| kept_logs(timeline, balancer)));
    steps
}

/// Security groups and subnets of both sides, by id.
fn compare_networks(timeline: &Timeline, group: Option<&TargetGroup>) -> Option<NextStep> {
    let service = timeline.evidence.service.as_ref().filter(|service| !service.security_groups.is_empty())?;
    let of = |security_groups: &[String], subnets: &[String]| {
        let subnets = if subnets.is_empty() { String::new() } else { format!(" (subnets {})", words::list(subnets)) };
        format!("{}{subnets}", words::list(security_groups))
    };
    let port = group.and_then(|group| health_check::port(timeline, group)).map_or_else(|| "the target's port".to_owned(), |port| format!("port {port}"));
    let theirs = match timeline.evidence.balancers.iter().find(|balancer| !balancer.security_groups.is_empty() || !balancer.subnets.is_empty()) {
        Some(balancer) if !balancer.security_groups.is_empty() => format!("those of load balancer {}, {}", balancer.name, of(&balancer.security_groups, &balancer.subnets)),
        Some(balancer) => format!("the subnets of load balancer {}, which has no security group: {}", balancer.name, words::list(&balancer.subnets)),
        None => "the load balancer's".to_owned(),
    };
    let ours = of(&service.security_groups, &service.subnets);
    Some(NextStep::say(format!("Compare the tasks' security groups {ours} with {theirs}: the tasks' must let it in on {port}.")))
}

/// Where the load balancer wrote down each probe and each request, or that it does not.
fn kept_logs(timeline: &Timeline, balancer: &Balancer) -> Vec<NextStep> {
    let task = &timeline.evidence.task;
    let mut steps = Vec::new();
    match &balancer.health_check_logs {
        Some(logs) if logs.enabled => {
            let text = format!("Read each probe of those minutes in {}'s health check logs (one file in 5 minutes, named by its end)", balancer.name);
            steps.extend(commands::list_load_balancer_logs(logs, "health_check_log", balancer, task).map(|command| NextStep::run(text, command)));
        }
        Some(_) if balancer.path().starts_with("app/") => {
            steps.push(NextStep::say(format!("{} keeps no health check logs: turn on health_check_logs.s3.enabled to see each probe the next time.", balancer.name)));
        }
        _ => {}
    }
    // Those of a Network Load Balancer hold TLS connections alone.
    if let Some(logs) = balancer.access_logs.as_ref().filter(|logs| logs.enabled && balancer.path().starts_with("app/")) {
        let text = format!("Read the requests of those minutes in {}'s access logs (they hold no health checks)", balancer.name);
        steps.extend(commands::list_load_balancer_logs(logs, "log", balancer, task).map(|command| NextStep::run(text, command)));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
    use crate::diagnosis::evidence::{Evidence, Source};
    use crate::diagnosis::measure::{Counted, Turn};
    use crate::diagnosis::service::{Balancer, KeptLogs, TargetGroup, TargetHealth};

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
        assert!(trace.verdict.summary.contains("codes: 502 ["), "{}", trace.verdict.summary);
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

    fn group() -> TargetGroup {
        TargetGroup {
            arn: GROUP.to_owned(),
            name: "web".to_owned(),
            path: Some("/healthz".to_owned()),
            protocol: Some("HTTP".to_owned()),
            interval: Some(30),
            timeout: Some(5),
            unhealthy_threshold: Some(2),
            healthy_threshold: Some(5),
            ..TargetGroup::default()
        }
    }

    fn target(address: &str, state: &str) -> TargetHealth {
        TargetHealth { target: address.to_owned(), state: state.to_owned(), ..TargetHealth::default() }
    }

    fn counted(mut evidence: Evidence, offset: i64, metric: &'static str, value: i64, turn: Turn) -> Evidence {
        let what = What::Counted(Counted { target_group: GROUP.to_owned(), metric, value, turn });
        evidence.events.push(Event { at: at(offset), precision: Precision::Minute, witness: Witness::Metric, level: Level::Warn, container: None, what });
        evidence
    }

    #[test]
    fn a_life_as_short_as_that_of_a_task_that_never_passes_was_never_healthy_and_a_steady_service_proves_the_contrary() {
        let mut evidence = failed();
        evidence.task.times.started = Some(at(-97_000));
        evidence.target_groups = vec![group()];
        let young = judged(logged(evidence.clone(), -9_000, Level::Info, "applying migration 12 of 94", false)).verdict;
        assert!(young.summary.contains("60 s after RUNNING: by that it was never healthy") && young.summary.contains("applying migration"), "{}", young.summary);
        let steady = judged(said(evidence.clone(), -30_000, "(service web) has reached a steady state.")).verdict;
        assert!(steady.summary.contains("had been healthy before: the service was steady"), "{}", steady.summary);
        evidence.task.times.started = Some(at(-25_200_000));
        assert!(judged(evidence).verdict.summary.contains("it had been healthy before"));
    }

    #[test]
    fn without_the_service_the_grace_period_is_unknown_and_nothing_is_reckoned() {
        let mut evidence = hide(failed(), Source::Service);
        evidence.target_groups = vec![group()];
        let summary = judged(evidence).verdict.summary;
        assert!(!summary.contains("never healthy") && !summary.contains("healthy before"), "{summary}");
    }

    #[test]
    fn siblings_that_all_fail_point_at_the_application_and_healthy_ones_at_this_task() {
        let with = |states: [&str; 2]| {
            let mut evidence = failed();
            evidence.target_groups = vec![TargetGroup { health: vec![target("10.0.0.1", states[0]), target("10.0.0.2", states[1]), target("10.0.0.3", "draining")], ..group() }];
            judged(evidence).verdict.summary
        };
        assert!(with(["unhealthy", "unhealthy"]).contains("All 2 other targets are unhealthy now, which points at the application"));
        assert!(with(["healthy", "healthy"]).contains("All 2 other targets are healthy now, which points at this task"));
        assert!(with(["healthy", "unhealthy"]).contains("1 of 2 other targets are unhealthy now."));
        assert!(!with(["initial", "initial"]).contains("other target"));
    }

    #[test]
    fn a_target_that_came_in_its_place_is_no_evidence_against_the_task() {
        let with = |evidence: Evidence, states: &[&str]| {
            let mut evidence = evidence;
            let health = states.iter().enumerate().map(|(at, state)| target(&format!("10.0.0.{}", at + 1), state)).collect();
            evidence.target_groups = vec![TargetGroup { health, ..group() }];
            judged(evidence).verdict.summary
        };
        let replaced = || {
            let started = said(failed(), 20_000, "(service web) has started 1 tasks: (task 00000000000000000000000000000001).");
            said(started, 40_000, &format!("(service web) registered 1 targets in (target-group {GROUP})"))
        };
        let one = with(replaced(), &["healthy"]);
        assert!(one.contains("it may have come in place of this task") && !one.contains("points at this task"), "{one}");
        let two = with(replaced(), &["healthy", "healthy"]);
        assert!(two.contains("at least 1 of which was there when this task failed, which points at this task"), "{two}");
        assert!(with(replaced(), &["unhealthy"]).contains("points at the application"));
        assert!(!with(hide(failed(), Source::Service), &["healthy"]).contains("points at this task"), "unread events tell of no replacement");
    }

    #[test]
    fn what_the_load_balancer_counted_is_cited_and_another_groups_numbers_are_not() {
        let evidence = counted(failed(), -120_000, "UnHealthyHostCount", 1, Turn::First { already: false, healthy: Some(2) });
        let trace = judged(evidence.clone());
        assert!(trace.verdict.summary.contains("UnHealthyHostCount rose to 1 in web, HealthyHostCount 2"), "{}", trace.verdict.summary);
        let mut other = evidence;
        other.task.stopped_reason = Some(format!("Task failed ELB health checks in (target-group {}0)", GROUP));
        assert!(!judged(other).verdict.summary.contains("UnHealthyHostCount"));
    }

    #[test]
    fn both_sides_of_an_unreachable_task_are_to_be_compared_by_id_and_kept_logs_to_be_read() {
        let mut evidence = said(failed(), -400, &format!("(service web) (task {ID}) is unhealthy in (target-group {GROUP}) due to (reason Request timed out)"));
        evidence.service.as_mut().expect("a service").security_groups = vec!["sg-task".to_owned()];
        let arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/public/50dc6c495c0c9188".to_owned();
        let logs = KeptLogs { enabled: true, bucket: Some("probes".to_owned()), prefix: Some("lb".to_owned()) };
        let balancer = Balancer {
            arn,
            name: "public".to_owned(),
            security_groups: vec!["sg-lb".to_owned()],
            subnets: vec!["subnet-lb".to_owned()],
            health_check_logs: Some(logs),
            ..Balancer::default()
        };
        evidence.balancers = vec![balancer];
        let steps = judged(evidence.clone()).verdict.next_steps;
        assert!(steps.iter().any(|step| step.text.contains("sg-task") && step.text.contains("load balancer public, sg-lb (subnets subnet-lb)")), "{steps:?}");
        let command = steps.iter().filter_map(|step| step.command.as_deref()).find(|command| command.starts_with("aws s3 ls")).expect("a command");
        assert_eq!(
            command,
            "aws s3 ls s3://probes/lb/AWSLogs/123456789012/elasticloadbalancing/eu-west-1/2023/11/14/health_check_log_123456789012_elasticloadbalancing_eu-west-1_app.public.50dc6c495c0c9188 --region eu-west-1"
        );
        evidence.balancers[0].health_check_logs = Some(KeptLogs::default());
        assert!(judged(evidence.clone()).verdict.next_steps.iter().any(|step| step.text.contains("keeps no health check logs")));
        evidence.balancers[0].health_check_logs = None;
        assert!(judged(evidence).verdict.next_steps.iter().all(|step| !step.text.contains("health check logs")));
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
