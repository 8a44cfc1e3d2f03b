//! Asks the load balancer: the health check's settings, and the task's own target while it is still known.
//!
//! The answer is of now, not of the stop: an address may belong to another task by then, so only a target that is
//! still draining within its delay is taken for this task's.

use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::types as sdk;
use futures::FutureExt;
use futures::future::join_all;

use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::{Reading, Source, Status};
use crate::diagnosis::service::{TargetGroup, TargetHealth, in_parentheses};

use super::failing::{Failing, failing};
use super::{Asker, Asking, Reach, of_no_service};

pub const SOURCE: Asker = Asker { source: Source::Elb, collect: |asking| collect(asking).boxed_local() };

/// Seconds a target drains where its group does not say.
const DEFAULT_DELAY: i64 = 300;

async fn collect(asking: &Asking<'_>) {
    let reach = asking.reach;
    let named = named_in_reason(reach);
    let (service, described) = futures::join!(asking.service.clone(), asking.named_group.clone());
    let mut arns: Vec<String> = service.iter().flat_map(|service| &service.load_balancers).map(|balancer| balancer.target_group_arn.clone()).chain(named).collect();
    arns.sort();
    arns.dedup();
    if arns.is_empty() {
        let reading = match (&reach.task.service, service) {
            (None, _) => of_no_service(Source::Elb, reach.task),
            (Some(_), Some(service)) if !service.classic_load_balancers.is_empty() => {
                let names = service.classic_load_balancers.join(", ");
                Reading::new(Source::Elb, Status::Skipped).detailed(format!("Classic Load Balancer {names}: it knows instances and no tasks, and is not read by this version"))
            }
            (Some(_), Some(_)) => Reading::new(Source::Elb, Status::NotApplicable).detailed("the service has no load balancer"),
            (Some(_), None) => Reading::new(Source::Elb, Status::Skipped).detailed("the service, which names its target groups, could not be read"),
        };
        reach.ledger.note(reading);
        return;
    }
    let host = asking.host.clone().await;
    let instance = host.as_ref().and_then(|host| host.instance_id.clone());
    let others: Vec<String> = arns.iter().filter(|arn| Some(*arn) != named_in_reason(reach).as_ref()).cloned().collect();
    let balancers = described.iter().flat_map(|group| &group.load_balancers).map(|arn| super::load_balancer::tell(reach, arn));
    let (mut groups, details, _) =
        futures::join!(settings(reach, &others), join_all(arns.iter().map(|arn| async { futures::join!(attributes(reach, arn), health(reach, arn)) })), join_all(balancers));
    groups.extend(described.map(|group| TargetGroup::clone(&group)));
    for (arn, (attributes, health)) in arns.iter().zip(details) {
        let known = groups.iter().position(|group| group.arn == *arn).unwrap_or_else(|| {
            let name = crate::diagnosis::service::target_group_name(arn).to_owned();
            groups.push(TargetGroup { arn: arn.clone(), name, ..TargetGroup::default() });
            groups.len() - 1
        });
        let group = &mut groups[known];
        (group.deregistration_delay, group.slow_start) = attributes;
        group.health = health.unwrap_or_default();
        tell_own_target(reach, group, instance.as_deref());
    }
    for group in groups {
        reach.ledger.tell_target_group(group);
    }
}

/// The target group that failed the task, by ECS's own word.
fn named_in_reason(reach: &Reach<'_>) -> Option<String> {
    let reason = reach.task.stopped_reason.as_deref()?;
    in_parentheses(reason, "target-group").filter(|arn| arn.starts_with("arn:")).map(str::to_owned)
}

/// The settings of that target group, fetched once for all who need it; a failure leaves its reading.
pub(super) async fn named(reach: &Reach<'_>, skip: bool) -> Option<Arc<TargetGroup>> {
    let arn = named_in_reason(reach).filter(|_| !skip)?;
    described(reach, std::slice::from_ref(&arn)).await.ok()?.into_iter().find(|group| group.arn == arn).map(Arc::new)
}

async fn settings(reach: &Reach<'_>, arns: &[String]) -> Vec<TargetGroup> {
    if arns.is_empty() {
        return Vec::new();
    }
    match described(reach, arns).await {
        Ok(groups) => groups,
        // One group that is gone makes AWS refuse them all: then each is asked for by itself.
        Err(failing) if failing.is("TargetGroupNotFound") && arns.len() > 1 => {
            let singly = join_all(arns.iter().map(|arn| described(reach, std::slice::from_ref(arn)))).await;
            singly.into_iter().filter_map(Result::ok).flatten().collect()
        }
        Err(_) => Vec::new(),
    }
}

async fn described(reach: &Reach<'_>, arns: &[String]) -> Result<Vec<TargetGroup>, Failing> {
    let inquiry = reach.ledger.ask(Source::Elb, "elasticloadbalancing:DescribeTargetGroups", arns.join(" "));
    inquiry.request();
    match reach.account.load_balancing().describe_target_groups().set_target_group_arns(Some(arns.to_vec())).send().await {
        Ok(answer) => {
            let groups: Vec<TargetGroup> = answer.target_groups().iter().map(read).collect();
            inquiry.count(groups.len());
            inquiry.done();
            Ok(groups)
        }
        Err(error) => {
            let failing = failing(&error);
            gone_or_failed(inquiry, &failing);
            Err(failing)
        }
    }
}

fn gone_or_failed(inquiry: super::ledger::Inquiry<'_>, failing: &Failing) {
    if failing.is("TargetGroupNotFound") {
        inquiry.detail("the target group is gone");
        inquiry.end(Status::Empty);
    } else {
        inquiry.fail(failing);
    }
}

/// Deregistration delay and slow start, in seconds.
async fn attributes(reach: &Reach<'_>, arn: &str) -> (Option<i64>, Option<i64>) {
    let inquiry = reach.ledger.ask(Source::Elb, "elasticloadbalancing:DescribeTargetGroupAttributes", arn);
    inquiry.request();
    match reach.account.load_balancing().describe_target_group_attributes().target_group_arn(arn).send().await {
        Ok(answer) => {
            let value = |key: &str| answer.attributes().iter().find(|attribute| attribute.key() == Some(key)).and_then(|attribute| attribute.value()?.parse().ok());
            inquiry.count(answer.attributes().len());
            let read = (value("deregistration_delay.timeout_seconds"), value("slow_start.duration_seconds"));
            inquiry.done();
            read
        }
        Err(error) => {
            gone_or_failed(inquiry, &failing(&error));
            (None, None)
        }
    }
}

async fn health(reach: &Reach<'_>, arn: &str) -> Option<Vec<TargetHealth>> {
    let inquiry = reach.ledger.ask(Source::Elb, "elasticloadbalancing:DescribeTargetHealth", arn);
    inquiry.request();
    match reach.account.load_balancing().describe_target_health().target_group_arn(arn).send().await {
        Ok(answer) => {
            let targets: Vec<TargetHealth> = answer.target_health_descriptions().iter().map(read_health).collect();
            inquiry.count(targets.len());
            inquiry.done();
            Some(targets)
        }
        Err(error) => {
            gone_or_failed(inquiry, &failing(&error));
            None
        }
    }
}

/// Tells the task's own target, if what stands there now can only be this task's.
fn tell_own_target(reach: &Reach<'_>, group: &TargetGroup, instance: Option<&str>) {
    let task = reach.task;
    let addresses = task.private_ips();
    let ports: Vec<i64> = task.containers.iter().flat_map(|container| &container.ports).map(|(_, host)| *host).collect();
    let is_own = |health: &&TargetHealth| match group.target_type.as_deref() {
        Some("instance") => instance == Some(health.target.as_str()) && health.port.is_some_and(|port| ports.contains(&port)),
        _ => addresses.contains(&health.target),
    };
    let Some(own) = group.health.iter().find(is_own) else { return };
    let still_ours = match task.times.stopped.or(task.times.execution_stopped).or(task.times.stopping) {
        None => true,
        Some(ended) => {
            let delay = group.deregistration_delay.unwrap_or(DEFAULT_DELAY);
            own.state.contains("draining") && reach.now.duration_since(ended).as_secs() <= delay + 60
        }
    };
    if still_ours {
        let level = if own.state.starts_with("unhealthy") { Level::Warn } else { Level::Info };
        let what = What::TargetNow { target_group: group.arn.clone(), health: own.clone() };
        reach.ledger.tell(Event { at: reach.now, precision: Precision::Millisecond, witness: Witness::Elb, level, container: None, what });
    }
}

fn read(group: &sdk::TargetGroup) -> TargetGroup {
    TargetGroup {
        arn: group.target_group_arn().unwrap_or_default().to_owned(),
        name: group.target_group_name().unwrap_or_default().to_owned(),
        target_type: group.target_type().map(|kind| kind.as_str().to_owned()),
        protocol: group.health_check_protocol().or(group.protocol()).map(|protocol| protocol.as_str().to_owned()),
        port: group.port().map(i64::from),
        path: group.health_check_path().map(str::to_owned),
        matcher: group.matcher().and_then(|matcher| matcher.http_code().or(matcher.grpc_code())).map(str::to_owned),
        health_port: group.health_check_port().map(str::to_owned),
        interval: group.health_check_interval_seconds().map(i64::from),
        timeout: group.health_check_timeout_seconds().map(i64::from),
        healthy_threshold: group.healthy_threshold_count().map(i64::from),
        unhealthy_threshold: group.unhealthy_threshold_count().map(i64::from),
        load_balancers: group.load_balancer_arns().to_vec(),
        ..TargetGroup::default()
    }
}

fn read_health(description: &sdk::TargetHealthDescription) -> TargetHealth {
    let health = description.target_health();
    TargetHealth {
        target: description.target().and_then(|target| target.id()).unwrap_or_default().to_owned(),
        port: description.target().and_then(|target| target.port()).map(i64::from),
        state: health.and_then(|health| health.state()).map(|state| state.as_str().to_owned()).unwrap_or_default(),
        reason: health.and_then(|health| health.reason()).map(|reason| reason.as_str().to_owned()),
        description: health.and_then(|health| health.description()).map(str::to_owned),
    }
}
