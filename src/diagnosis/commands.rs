//! The exact commands that verdicts suggest, complete and quoted for a shell.

use super::evidence::Status;
use super::service::{Balancer, KeptLogs};
use super::task::Task;
use super::timeline::Timeline;
use super::words::{shell, value};

/// `ecs-trace VERB cluster/id`, with the region where the task's ARN gives one.
#[must_use]
pub fn ecs_trace(verb: &str, task: &Task) -> String {
    let (place, region) = (task.place(), value(&task.region));
    match place.starts_with('-') {
        // No cluster is called so; a case may say so, and its word must not be read as an option.
        true => format!("ecs-trace {verb} --region{region} -- {}", shell(&place)),
        false => format!("ecs-trace {verb} {} --region{region}", shell(&place)),
    }
}

/// All that ECS still remembers of a service's stopped tasks.
#[must_use]
pub fn stops_of(service: &str, task: &Task) -> String {
    let (place, region) = (format!("{}/{service}", task.cluster), value(&task.region));
    match place.starts_with('-') {
        true => format!("ecs-trace stops --region{region} -- {}", shell(&place)),
        false => format!("ecs-trace stops {} --region{region}", shell(&place)),
    }
}

/// Prints the container's log from a quarter of an hour before the stop on, where it writes to CloudWatch Logs and there is
/// anything to be read: not where it may not be read, nor where it was seen to be empty or absent.
#[must_use]
pub fn tail_log(timeline: &Timeline, container: &str) -> Option<String> {
    let was_late = timeline.log_gap(container).is_some_and(|gap| matches!(gap.status, Status::TimedOut | Status::Throttled));
    if timeline.log_lines(container).next().is_none() && !was_late {
        return None;
    }
    let task = &timeline.evidence.task;
    let log = timeline.definition_of(container)?.log.as_ref().filter(|log| log.driver == "awslogs")?;
    let (group, prefix) = (log.option("awslogs-group")?, log.option("awslogs-stream-prefix")?);
    let stream = format!("{prefix}/{container}/{}", task.id);
    let region = log.option("awslogs-region").unwrap_or(&task.region);
    let from = task.stop_anchor()?.as_millisecond() - 900_000;
    Some(format!("aws logs filter-log-events --log-group-name{} --log-stream-names{} --start-time {from} --region{}", value(group), value(&stream), value(region)))
}

#[must_use]
pub fn describe_service(task: &Task) -> Option<String> {
    let service = task.service.as_deref()?;
    Some(format!("aws ecs describe-services --cluster{} --services{} --region{}", value(&task.cluster), value(service), value(&task.region)))
}

/// `instance` is a container instance, by id or ARN.
#[must_use]
pub fn describe_container_instance(instance: &str, task: &Task) -> String {
    format!("aws ecs describe-container-instances --cluster{} --container-instances{} --region{}", value(&task.cluster), value(instance), value(&task.region))
}

#[must_use]
pub fn describe_target_health(arn: &str, task: &Task) -> String {
    format!("aws elbv2 describe-target-health --target-group-arn{} --region{}", value(arn), value(&task.region))
}

/// Lists what a load balancer wrote into S3 on the day of the stop. `kind` is how the files' names begin:
/// `health_check_log`, or `log` for access logs, whose names do not say so.
#[must_use]
pub fn list_load_balancer_logs(logs: &KeptLogs, kind: &str, balancer: &Balancer, task: &Task) -> Option<String> {
    let bucket = logs.bucket.as_deref()?;
    let prefix = logs.prefix.as_deref().map(|prefix| format!("{}/", prefix.trim_matches('/'))).unwrap_or_default();
    let day = task.stop_anchor()?.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y/%m/%d").to_string();
    let (account, region) = (&task.account, &task.region);
    let begin = if kind == "log" { String::new() } else { format!("{kind}_") };
    let file = format!("{begin}{account}_elasticloadbalancing_{region}_{}", balancer.path().replace('/', "."));
    let place = format!("s3://{bucket}/{prefix}AWSLogs/{account}/elasticloadbalancing/{region}/{day}/{file}");
    Some(format!("aws s3 ls {} --region{}", shell(&place), value(region)))
}

#[must_use]
pub fn describe_task_definition(task: &Task) -> Option<String> {
    let name = task.definition_name()?;
    Some(format!("aws ecs describe-task-definition --task-definition{} --region{}", value(&name), value(&task.region)))
}
