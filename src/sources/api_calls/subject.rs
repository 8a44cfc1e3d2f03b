//! Whether a call concerns the task: its own id, its service, its host, in its cluster, region and account.

use jiff::Timestamp;

use crate::diagnosis::call::{ApiCall, CREATE_DEPLOYMENT, PUT_POLICY, PUT_SCHEDULE, Target};
use crate::diagnosis::task::{EcsArn, Task, last_segment};

/// What a call has to be about to concern the task.
#[derive(Clone)]
pub(super) enum Subject {
    Task,
    Service,
    /// The call that started it, by what the call answered.
    Start,
    /// The service as a target of Application Auto Scaling.
    ScalableTarget,
    /// A shell in the task that was opened, and not refused, in that time.
    Shell {
        from: Timestamp,
        to: Timestamp,
    },
    /// A policy or a scheduled action of the service, by its name.
    Policy(String),
    /// A deployment of CodeDeploy, by its id.
    CodeDeployment(String),
    /// The task as a load balancer's target, by its addresses, or by its instance and ports.
    Targets {
        /// ARNs of its service's target groups: another network may have the same addresses.
        groups: Vec<String>,
        ids: Vec<String>,
        ports: Vec<i64>,
    },
    /// The session that this access key opens.
    Key(String),
    /// Its EC2 instance and its container instance, as far as they are known.
    Host {
        instance: Option<String>,
        container_instance: Option<String>,
    },
}

impl Subject {
    /// Of a call about many things, those that concern the task.
    pub(super) fn narrow(&self, call: &mut ApiCall) {
        if let Self::Targets { groups, ids, ports } = self {
            call.parameters.targets.retain(|target| is_own_target(target, groups, ids, ports));
        }
    }

    pub(super) fn concerns(&self, call: &ApiCall, task: &Task) -> bool {
        match self {
            Self::Task => concerns_task(call, task),
            Self::Service => concerns_service(call, task),
            Self::Start => call.succeeded() && in_account(call, task) && call.response_tasks.iter().any(|arn| is_arn_of(arn, task)),
            Self::ScalableTarget => in_account(call, task) && call.parameters.scalable_target.is_some() && call.parameters.scalable_target == scalable_target(task),
            Self::Policy(name) => Self::ScalableTarget.concerns(call, task) && call.parameters.policy.as_deref() == Some(name),
            Self::CodeDeployment(id) => in_account(call, task) && call.code_deployment.as_deref() == Some(id),
            Self::Targets { groups, ids, ports } => in_account(call, task) && call.parameters.targets.iter().any(|target| is_own_target(target, groups, ids, ports)),
            Self::Shell { from, to } => call.succeeded() && (*from..=*to).contains(&call.time) && concerns_task(call, task),
            Self::Key(key) => call.issued_key.as_deref() == Some(key),
            Self::Host { instance, container_instance } => {
                let ends_the_instance = instance.as_ref().is_some_and(|id| call.parameters.instances.contains(id));
                let drains = |id: &String| call.parameters.container_instances.iter().any(|named| is_container_instance(named, id, call, task));
                in_account(call, task) && (ends_the_instance || container_instance.as_ref().is_some_and(drains))
            }
        }
    }
}

/// An address is the task's own; an instance has several tasks, which their ports tell apart.
fn is_own_target(target: &Target, groups: &[String], ids: &[String], ports: &[i64]) -> bool {
    groups.contains(&target.group) && ids.contains(&target.id) && (!target.id.starts_with("i-") || target.port.is_some_and(|port| ports.contains(&port)))
}

/// The service as Application Auto Scaling calls it.
fn scalable_target(task: &Task) -> Option<String> {
    task.service.as_ref().map(|service| format!("service/{}/{service}", task.cluster))
}

/// Other services have calls of the same names.
pub(super) fn is_of_its_service(call: &ApiCall) -> bool {
    let service = match call.name.as_str() {
        "TerminateInstances" | "StopInstances" | "BidEvictedEvent" => "ec2",
        "TerminateInstanceInAutoScalingGroup" => "autoscaling",
        "RegisterTargets" | "DeregisterTargets" => "elasticloadbalancing",
        CREATE_DEPLOYMENT => "codedeploy",
        // Under either name: its records used to bear that of EC2's.
        "RegisterScalableTarget" | PUT_POLICY | PUT_SCHEDULE => {
            return call.source.as_deref().is_none_or(|source| matches!(source.split('.').next(), Some("application-autoscaling" | "autoscaling")));
        }
        name if name.starts_with("AssumeRole") => "sts",
        _ => "ecs",
    };
    call.source.as_deref().is_none_or(|source| source.split('.').next() == Some(service))
}

/// Whether a StopTask or ExecuteCommand call was for this very task: its id in its cluster, in this account and region.
pub(super) fn concerns_task(call: &ApiCall, task: &Task) -> bool {
    if !in_account(call, task) {
        return false;
    }
    if let Some(arn) = &call.response_task_arn {
        // An old ARN names no cluster: then the one that was typed has to agree.
        let names_cluster = EcsArn::parse(arn).is_some_and(|arn| arn.cluster.is_some());
        return is_arn_of(arn, task) && (names_cluster || in_cluster(call.parameters.cluster.as_deref(), task));
    }
    let Some(typed) = call.parameters.task.as_deref() else { return false };
    let own = if typed.starts_with("arn:") { is_arn_of(typed, task) } else { typed.eq_ignore_ascii_case(&task.id) };
    // An ARN names its cluster itself; only where it does not is an absent parameter `default`.
    let cluster_in_arn = EcsArn::parse(typed).is_some_and(|arn| arn.cluster.is_some());
    own && match call.parameters.cluster.as_deref() {
        None if cluster_in_arn => true,
        typed => in_cluster(typed, task),
    }
}

fn concerns_service(call: &ApiCall, task: &Task) -> bool {
    let Some(service) = task.service.as_deref() else { return false };
    let Some(typed) = call.parameters.service.as_deref() else { return false };
    if !in_account(call, task) || last_segment(typed) != service {
        return false;
    }
    match EcsArn::parse(typed).and_then(|arn| arn.cluster) {
        Some(cluster) => cluster == task.cluster,
        None => in_cluster(call.parameters.cluster.as_deref(), task),
    }
}

fn in_account(call: &ApiCall, task: &Task) -> bool {
    let agrees = |theirs: &Option<String>, ours: &str| theirs.as_deref().is_none_or(|theirs| ours.is_empty() || theirs == ours);
    agrees(&call.region, &task.region) && agrees(&call.recipient_account, &task.account)
}

/// The cluster parameter is a name, an ARN, or absent, which means `default`.
fn in_cluster(typed: Option<&str>, task: &Task) -> bool {
    last_segment(typed.filter(|typed| !typed.is_empty()).unwrap_or("default")) == task.cluster
}

fn is_arn_of(arn: &str, task: &Task) -> bool {
    EcsArn::parse(arn).is_some_and(|arn| {
        arn.kind == "task"
            && arn.name.eq_ignore_ascii_case(&task.id)
            && arn.cluster.is_none_or(|cluster| cluster == task.cluster)
            && (task.region.is_empty() || arn.region == task.region)
            && (task.account.is_empty() || arn.account == task.account)
    })
}

/// A container instance by id or ARN: only an ARN of the new form names its cluster itself.
fn is_container_instance(typed: &str, own: &str, call: &ApiCall, task: &Task) -> bool {
    let arn = EcsArn::parse(typed);
    let is_elsewhere = arn.as_ref().is_some_and(|arn| !task.region.is_empty() && arn.region != task.region || !task.account.is_empty() && arn.account != task.account);
    let cluster = arn.and_then(|arn| arn.cluster);
    let same_cluster = cluster.map_or_else(|| in_cluster(call.parameters.cluster.as_deref(), task), |cluster| cluster == task.cluster);
    last_segment(typed) == last_segment(own) && !is_elsewhere && same_cluster
}
