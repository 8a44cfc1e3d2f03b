//! The exact commands that verdicts suggest, complete and quoted for a shell.

use super::task::Task;
use super::timeline::Timeline;
use super::words::shell;

/// `ecs-trace VERB cluster/id`, with the region where the task's ARN gives one.
#[must_use]
pub fn ecs_trace(verb: &str, task: &Task) -> String {
    format!("ecs-trace {verb} {} --region {}", shell(&format!("{}/{}", task.cluster, task.id)), shell(&task.region))
}

/// Reads on in the container's log from a little before the stop, where it writes to CloudWatch Logs.
#[must_use]
pub fn tail_log(timeline: &Timeline, container: &str) -> Option<String> {
    let task = &timeline.evidence.task;
    let log = timeline.definition_of(container)?.log.as_ref().filter(|log| log.driver == "awslogs")?;
    let (group, prefix) = (log.option("awslogs-group")?, log.option("awslogs-stream-prefix")?);
    let stream = format!("{prefix}/{container}/{}", task.id);
    let region = log.option("awslogs-region").unwrap_or(&task.region);
    let from = task.stop_anchor()?.as_millisecond() - 900_000;
    Some(format!("aws logs filter-log-events --log-group-name {} --log-stream-names {} --start-time {from} --region {}", shell(group), shell(&stream), shell(region)))
}

#[must_use]
pub fn describe_service(task: &Task) -> Option<String> {
    let service = task.service.as_deref()?;
    Some(format!("aws ecs describe-services --cluster {} --services {} --region {}", shell(&task.cluster), shell(service), shell(&task.region)))
}

#[must_use]
pub fn describe_target_health(arn: &str, task: &Task) -> String {
    format!("aws elbv2 describe-target-health --target-group-arn {} --region {}", shell(arn), shell(&task.region))
}

#[must_use]
pub fn describe_task_definition(task: &Task) -> Option<String> {
    let name = task.definition_name()?;
    Some(format!("aws ecs describe-task-definition --task-definition {} --region {}", shell(&name), shell(&task.region)))
}
