//! What surrounds a task: its service, the deployments, the target groups, the host.

use jiff::Timestamp;

/// What ECS answers for a service that it knows no longer, or never knew.
pub const FORGOTTEN: &str = "MISSING";

#[derive(Debug, Clone, Default)]
pub struct Service {
    pub name: String,
    pub arn: String,
    /// `ACTIVE`, `DRAINING` (being deleted), `INACTIVE` (deleted) or [`FORGOTTEN`].
    pub status: String,
    pub desired_count: i64,
    pub running_count: i64,
    pub pending_count: i64,
    /// Seconds after RUNNING in which failing load balancer checks are not held against a task.
    pub grace_period: Option<i64>,
    pub security_groups: Vec<String>,
    pub subnets: Vec<String>,
    /// `ENABLED` or `DISABLED`; absent where the service has no network of its own.
    pub assign_public_ip: Option<String>,
    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    pub controller: Option<String>,
    /// Task sets stand here too: they are the deployments of the other two controllers, with ids of the same form.
    pub deployments: Vec<Deployment>,
    pub load_balancers: Vec<LoadBalancer>,
    /// Names of Classic Load Balancers: they know instances and no tasks.
    pub classic_load_balancers: Vec<String>,
    pub messages: Vec<ServiceMessage>,
    pub created_at: Option<Timestamp>,
    /// `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`; absent where ECS gives none.
    pub strategy: Option<String>,
    /// One task on each container instance, and no count to change.
    pub is_daemon: bool,
}

impl Service {
    /// Whether CodeDeploy or another controller deploys it, and not ECS.
    #[must_use]
    pub fn uses_task_sets(&self) -> bool {
        matches!(self.controller.as_deref(), Some("CODE_DEPLOY" | "EXTERNAL"))
    }

    /// The deployment of CodeDeploy, `d-…`, that made a task set.
    #[must_use]
    pub fn code_deployment(&self, id: &str) -> Option<&str> {
        // Another controller may give its task sets any name at all.
        let set = self.deployments.iter().find(|deployment| deployment.id == id)?;
        set.code_deployment.as_deref().filter(|_| self.controller.as_deref() == Some("CODE_DEPLOY"))
    }
}

#[derive(Debug, Clone, Default)]
pub struct LoadBalancer {
    pub target_group_arn: String,
    /// The other one of a blue/green deployment.
    pub alternate_arn: Option<String>,
    pub container: Option<String>,
    pub container_port: Option<i64>,
}

/// One entry of `DescribeServices.deployments`: lives only while it matters to the service.
#[derive(Debug, Clone, Default)]
pub struct Deployment {
    /// `ecs-svc/<digits>`; the digits are also the service revision's and stand in `task.startedBy`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// `family:revision`
    pub definition: Option<String>,
    pub desired_count: i64,
    pub running_count: i64,
    pub failed_tasks: i64,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub rollout_state: Option<String>,
    pub rollout_reason: Option<String>,
    /// Of a task set that CodeDeploy made: `d-…`, the deployment there.
    pub code_deployment: Option<String>,
}

/// One entry of the service deployment history (90 days, since October 2024).
#[derive(Debug, Clone, Default)]
pub struct ServiceDeployment {
    pub arn: String,
    pub status: String,
    pub status_reason: Option<String>,
    pub created_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Digits of the service revisions it replaced.
    pub source_revisions: Vec<String>,
    /// Digits of the service revision it brings.
    pub target_revision: Option<String>,
    /// `family:revision` that the service revision runs, where that could be read.
    pub target_definition: Option<String>,
    pub rollback: Option<Rollback>,
    /// `TRIGGERED` where the circuit breaker went off.
    pub circuit_breaker: Option<String>,
    pub alarms_triggered: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Rollback {
    pub reason: Option<String>,
    pub started_at: Option<Timestamp>,
}

/// One service event, in AWS's words and taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceMessage {
    pub id: String,
    pub at: Timestamp,
    pub text: String,
    pub kind: MessageKind,
    /// Task ids named in the message.
    pub tasks: Vec<String>,
}

/// What a service event says. Wording differs between generations: matched by stable parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageKind {
    SteadyState,
    Started,
    Stopped,
    /// ECS moved tasks between zones.
    Rebalancing,
    Registered {
        target_group: Option<String>,
    },
    Deregistered {
        target_group: Option<String>,
    },
    Draining,
    /// The load balancer's word on one target, as ECS passes it on.
    Unhealthy {
        /// An ARN, or the name of a Classic Load Balancer.
        target_group: Option<String>,
        instance: Option<String>,
        port: Option<i64>,
        reason: Option<String>,
    },
    CouldNotPlace,
    DeploymentFailed,
    DeploymentCompleted,
    RollingBack,
    Other,
}

impl ServiceMessage {
    /// Whether it says that the scheduler stopped this task.
    #[must_use]
    pub fn says_it_stopped(&self, task: &str) -> bool {
        let stops = self.kind == MessageKind::Stopped || self.kind == MessageKind::Rebalancing && self.text.contains("has stopped");
        stops && self.tasks.iter().any(|id| id == task)
    }

    #[must_use]
    pub fn read(id: &str, at: Timestamp, text: &str) -> Self {
        let plain = straight_quotes(text);
        Self { id: id.to_owned(), at, text: text.to_owned(), kind: kind_of(&plain), tasks: task_ids(&plain) }
    }
}

fn kind_of(text: &str) -> MessageKind {
    let group = || in_parentheses(text, "target-group").map(str::to_owned);
    if text.contains("is unhealthy in") || text.contains("is not healthy in") {
        return MessageKind::Unhealthy {
            target_group: group().or_else(|| in_parentheses(text, "elb").map(str::to_owned)),
            instance: in_parentheses(text, "instance").map(str::to_owned),
            port: in_parentheses(text, "port").and_then(|port| port.parse().ok()),
            reason: in_parentheses(text, "reason").map(str::to_owned).or_else(|| text.split_once("due to ").map(|(_, rest)| rest.trim_end_matches('.').to_owned())),
        };
    }
    if text.contains("AZ Rebalanc") || text.contains("AZ rebalanc") || text.contains("AZ balanced") {
        MessageKind::Rebalancing
    } else if text.contains("reached a steady state") {
        MessageKind::SteadyState
    } else if text.contains("has stopped") && text.contains("running tasks") {
        MessageKind::Stopped
    } else if text.contains("has started") {
        MessageKind::Started
    } else if text.contains("deregistered") {
        MessageKind::Deregistered { target_group: group() }
    } else if text.contains("registered") && text.contains("target") {
        MessageKind::Registered { target_group: group() }
    } else if text.contains("begun draining") {
        MessageKind::Draining
    } else if text.contains("unable to place") || text.contains("No Container Instances were found") || text.contains("unable to consistently start") {
        MessageKind::CouldNotPlace
    } else if text.contains("rolling back") {
        MessageKind::RollingBack
    } else if text.contains("deployment failed") {
        MessageKind::DeploymentFailed
    } else if text.contains("deployment completed") {
        MessageKind::DeploymentCompleted
    } else {
        MessageKind::Other
    }
}

/// The value of `(NAME value)`, in service events and stop reasons alike; a reason may hold brackets and further parentheses of its own.
#[must_use]
pub fn in_parentheses<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = text.find(&format!("({name} "))? + name.len() + 2;
    let mut depth = 1;
    for (at, letter) in text[start..].char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(text[start..start + at].trim());
        }
    }
    None
}

/// Ids of tasks in a message: `(task <32 hex>)`, or bare ids where AWS lists them behind a colon.
fn task_ids(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = text.split(|letter: char| !(letter.is_ascii_hexdigit() || letter == '-')).filter(|word| is_task_id(word)).map(str::to_owned).collect();
    ids.dedup();
    ids
}

/// 32 hexadecimal digits, or the UUID of the old form.
#[must_use]
pub fn is_task_id(text: &str) -> bool {
    match text.len() {
        32 => text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        36 => text.bytes().enumerate().all(|(at, byte)| if [8, 13, 18, 23].contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() }),
        _ => false,
    }
}

/// AWS mixes typographic and straight quotes within one message family.
#[must_use]
pub fn straight_quotes(text: &str) -> String {
    text.replace(['\u{2018}', '\u{2019}', '\u{02BC}'], "'").replace(['\u{201C}', '\u{201D}'], "\"")
}

/// Settings of a target group and what it says of the task's own target.
#[derive(Debug, Clone, Default)]
pub struct TargetGroup {
    pub arn: String,
    pub name: String,
    /// `ip` or `instance`.
    pub target_type: Option<String>,
    pub protocol: Option<String>,
    pub port: Option<i64>,
    pub path: Option<String>,
    pub matcher: Option<String>,
    pub health_port: Option<String>,
    /// Seconds.
    pub interval: Option<i64>,
    /// Seconds.
    pub timeout: Option<i64>,
    pub healthy_threshold: Option<i64>,
    pub unhealthy_threshold: Option<i64>,
    /// Seconds.
    pub deregistration_delay: Option<i64>,
    /// Seconds.
    pub slow_start: Option<i64>,
    pub health: Vec<TargetHealth>,
    /// ARNs of the load balancers that send to it; one at the most.
    pub load_balancers: Vec<String>,
}

/// A load balancer, as far as it bears on reaching a task and on what it kept of its checks.
#[derive(Debug, Clone, Default)]
pub struct Balancer {
    pub arn: String,
    pub name: String,
    /// A Network Load Balancer may have none.
    pub security_groups: Vec<String>,
    pub subnets: Vec<String>,
    /// Absent where it was not read; where it was read and is off, `enabled` is false.
    pub health_check_logs: Option<KeptLogs>,
    pub access_logs: Option<KeptLogs>,
}

/// Whether a load balancer keeps a kind of log, and where in S3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptLogs {
    pub enabled: bool,
    pub bucket: Option<String>,
    pub prefix: Option<String>,
}

impl Balancer {
    /// `app/NAME/HASH` or `net/NAME/HASH`: by it metrics and log files are named.
    #[must_use]
    pub fn path(&self) -> &str {
        self.arn.rsplit_once(":loadbalancer/").map_or("", |(_, path)| path)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetHealth {
    /// An address or an instance id.
    pub target: String,
    pub port: Option<i64>,
    pub state: String,
    pub reason: Option<String>,
    pub description: Option<String>,
}

/// The name inside `…:targetgroup/NAME/HASH`.
#[must_use]
pub fn target_group_name(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}

/// The container instance a task ran on.
#[derive(Debug, Clone, Default)]
pub struct Host {
    pub instance_id: Option<String>,
    pub status: Option<String>,
    pub status_reason: Option<String>,
    /// False several times an hour in normal operation: no cause by itself.
    pub agent_connected: bool,
}

impl Host {
    /// Whether ECS is moving its tasks away.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.status.as_deref(), Some("DRAINING" | "DEREGISTERING"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ServiceMessage {
        ServiceMessage::read("1", Timestamp::UNIX_EPOCH, text)
    }

    #[test]
    fn an_unhealthy_message_gives_its_target_and_its_codes() {
        let message = read(
            "(service web) (task 5a6b7c8d9e0f4a1b8c2d3e4f5a6b7c8d) (instance 10.0.0.7) (port 3000) is unhealthy in (target-group arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1f) due to (reason Health checks failed with these codes: [500])",
        );
        assert_eq!(message.tasks, ["5a6b7c8d9e0f4a1b8c2d3e4f5a6b7c8d"]);
        let MessageKind::Unhealthy { target_group, instance, port, reason } = message.kind else { panic!("not unhealthy") };
        assert_eq!(target_group.as_deref().map(target_group_name), Some("web"));
        assert_eq!((instance.as_deref(), port), (Some("10.0.0.7"), Some(3000)));
        assert_eq!(reason.as_deref(), Some("Health checks failed with these codes: [500]"));
    }

    #[test]
    fn every_group_of_an_unhealthy_message_may_be_missing() {
        let MessageKind::Unhealthy { instance, port, reason, .. } = read("service x (port 80) is unhealthy in (target-group arn:t) due to (reason Request timed out)").kind else {
            panic!("not unhealthy")
        };
        assert_eq!((instance, port, reason.as_deref()), (None, Some(80), Some("Request timed out")));
    }

    #[test]
    fn a_classic_load_balancer_stands_where_a_target_group_would() {
        let MessageKind::Unhealthy { target_group, instance, reason, .. } = read(
            "(service web) (instance i-0a1b2c3d4e5f60718) is unhealthy in (elb web-classic) due to (reason Instance has failed at least the UnhealthyThreshold number of health checks consecutively.)",
        )
        .kind
        else {
            panic!("not unhealthy")
        };
        assert_eq!((target_group.as_deref(), instance.as_deref()), (Some("web-classic"), Some("i-0a1b2c3d4e5f60718")));
        assert!(reason.is_some_and(|reason| reason.contains("UnhealthyThreshold")));
    }

    #[test]
    fn several_tasks_may_stand_in_one_message() {
        let message = read("(service a) has stopped 2 running tasks: (task da13604f7d5245dcbc9548588bdf7a8f) (task 6cf721bbfe204243ad7edae943867298).");
        assert_eq!(message.tasks.len(), 2);
        assert_eq!(message.kind, MessageKind::Stopped);
    }

    #[test]
    fn deregistered_is_not_registered() {
        assert!(matches!(read("(service a) deregistered 1 targets in (target-group arn:t)").kind, MessageKind::Deregistered { .. }));
        assert!(matches!(read("(service a) registered 1 targets in (target-group arn:t)").kind, MessageKind::Registered { .. }));
    }
}
