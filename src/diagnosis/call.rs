//! One recorded API call, as CloudTrail tells it.

use jiff::Timestamp;

/// The call that opens a shell in a container.
pub const EXECUTE_COMMAND: &str = "ExecuteCommand";
/// The call that starts a task of no service.
pub const STOP_TASK: &str = "StopTask";
pub const RUN_TASK: &str = "RunTask";
/// The calls by which an ECS agent tells how a task and its containers ended.
pub const REPORTS: [&str; 2] = ["SubmitTaskStateChange", "SubmitContainerStateChange"];
/// The calls that put a scaling policy, and a scheduled action, in place or change it.
pub const PUT_POLICY: &str = "PutScalingPolicy";
pub const PUT_SCHEDULE: &str = "PutScheduledAction";
/// The call that begins a deployment of CodeDeploy.
pub const CREATE_DEPLOYMENT: &str = "CreateDeployment";

/// A CloudTrail record, reduced to what can name a cause or a caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiCall {
    pub event_id: String,
    /// `StopTask`, `UpdateService` …
    pub name: String,
    /// The service it was made to, `ecs.amazonaws.com`; absent in sparse records.
    pub source: Option<String>,
    /// Whole seconds, cut, not rounded: the call came at this second or up to 999 ms later.
    pub time: Timestamp,
    pub region: Option<String>,
    pub recipient_account: Option<String>,
    pub source_ip: Option<String>,
    pub user_agent: Option<String>,
    /// Set where the call failed: then it is an attempt and never a cause.
    pub error_code: Option<String>,
    pub identity: Identity,
    /// `sessionCredentialFromConsole` of the record.
    pub from_console: bool,
    pub parameters: Parameters,
    /// `responseElements.task.taskArn`, of ExecuteCommand `responseElements.taskArn`: always the full ARN where it is there.
    pub response_task_arn: Option<String>,
    /// ARNs of the tasks that a RunTask call started.
    pub response_tasks: Vec<String>,
    /// `responseElements.service.runningCount` at the moment of the call.
    pub response_running: Option<i64>,
    /// The access key that an AssumeRole… call handed out: it signs whatever that session does.
    pub issued_key: Option<String>,
    /// The deployments inside `responseElements.service.deployments`, the newest first; of CreateTaskSet the new set.
    pub response_deployments: Vec<ToldDeployment>,
    /// `d-…` of the deployment that CodeDeploy's CreateDeployment call began.
    pub code_deployment: Option<String>,
    /// Where the task stood when a StopTask call came: `responseElements.task.lastStatus`.
    pub response_status: Option<String>,
    /// What an ECS agent told of the task's end.
    pub report: Option<Box<Report>>,
}

/// A deployment as an answer lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldDeployment {
    /// `ecs-svc/<digits>`.
    pub id: String,
    /// To the second.
    pub created_at: Option<Timestamp>,
    /// `family:revision` of what it brings.
    pub definition: Option<String>,
}

impl ApiCall {
    /// The deployment of that id, where the answer lists it.
    #[must_use]
    pub fn deployment(&self, id: &str) -> Option<&ToldDeployment> {
        self.response_deployments.iter().find(|deployment| deployment.id == id)
    }
}

/// What the agent of an EC2 or external instance tells ECS of a task: SubmitTaskStateChange, SubmitContainerStateChange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub status: Option<String>,
    pub reason: Option<String>,
    pub containers: Vec<ReportedContainer>,
    pub execution_stopped: Option<Timestamp>,
}

/// One container in an agent's report. An absent exit code is not 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedContainer {
    pub name: String,
    pub status: Option<String>,
    pub exit_code: Option<i64>,
    pub reason: Option<String>,
    pub image_digest: Option<String>,
    pub runtime_id: Option<String>,
}

/// What a load balancer was told to send to, or no longer to: RegisterTargets, DeregisterTargets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// ARN of the target group.
    pub group: String,
    /// An address or an EC2 instance id.
    pub id: String,
    /// Absent where the target group's own port is meant.
    pub port: Option<i64>,
}

/// What the caller typed, before any normalisation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// A name, an ARN, or absent, which means `default`.
    pub cluster: Option<String>,
    /// An id or an ARN.
    pub task: Option<String>,
    pub service: Option<String>,
    pub reason: Option<String>,
    /// `ExecuteCommand` only: the container that was entered, and what was run in it.
    pub container: Option<String>,
    pub command: Option<String>,
    pub desired_count: Option<i64>,
    pub task_definition: Option<String>,
    pub force_new_deployment: bool,
    /// An UpdateService call that changes nothing for which ECS begins a deployment.
    pub begins_none: bool,
    /// EC2 instance ids, also those of a Spot eviction, which is an event and no call.
    pub instances: Vec<String>,
    /// Container instances by id or ARN.
    pub container_instances: Vec<String>,
    /// The session's name in an AssumeRole… call.
    pub session: Option<String>,
    /// `DRAINING` or `ACTIVE`, of UpdateContainerInstancesState.
    pub status: Option<String>,
    /// Of UpdateTaskSet and DeleteTaskSet, an id or an ARN; of UpdateServicePrimaryTaskSet the new primary.
    pub task_set: Option<String>,
    /// Per cent of the service's count that a task set is to have, rounded down.
    pub scale: Option<i64>,
    /// `service/CLUSTER/NAME`, of RegisterScalableTarget, PutScalingPolicy and PutScheduledAction.
    pub scalable_target: Option<String>,
    /// The name of the policy or the scheduled action that was put.
    pub policy: Option<String>,
    pub targets: Vec<Target>,
    pub min_capacity: Option<i64>,
    pub max_capacity: Option<i64>,
}

/// Who CloudTrail says called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// `IAMUser`, `AssumedRole`, `Root`, `AWSService` … : an open set.
    pub kind: String,
    pub arn: Option<String>,
    pub account: Option<String>,
    pub user_name: Option<String>,
    pub principal_id: Option<String>,
    /// Links hops and opens nothing: never redacted.
    pub access_key_id: Option<String>,
    pub role: Option<String>,
    pub role_arn: Option<String>,
    pub mfa: Option<bool>,
    pub session_created: Option<Timestamp>,
    /// The AWS service that called on somebody's behalf.
    pub invoked_by: Option<String>,
    pub source_identity: Option<String>,
    /// OIDC provider of a web identity session, e.g. `token.actions.githubusercontent.com`.
    pub web_provider: Option<String>,
    /// The subject that provider vouched for, where the session keeps it.
    pub web_subject: Option<String>,
    /// Handed out by the metadata service of an EC2 instance.
    pub delivered_by_ec2: bool,
    /// Identity Center user id.
    pub on_behalf_of: Option<String>,
    /// ARN of the instance, function or task the credentials were issued to.
    pub issued_to: Option<String>,
}

impl Identity {
    /// The session name of an assumed role: behind the colon of the principal id, else the ARN's last segment.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        let from_principal = self.principal_id.as_deref().and_then(|id| id.split_once(':')).map(|(_, session)| session);
        let from_arn = || self.arn.as_deref().filter(|arn| arn.contains(":assumed-role/")).and_then(|arn| arn.splitn(3, '/').nth(2));
        from_principal.or_else(from_arn).filter(|session| !session.is_empty())
    }

    /// Whether both are one caller: the same user or session, or one AWS service with the same role. Another session of a
    /// role that people share is somebody else.
    #[must_use]
    pub fn is_same_caller(&self, other: &Self) -> bool {
        let same = |ours: &Option<String>, theirs: &Option<String>| ours.is_some() && ours == theirs;
        let of_service = same(&self.invoked_by, &other.invoked_by) && self.role_arn == other.role_arn;
        of_service || same(&self.arn, &other.arn) || same(&self.access_key_id, &other.access_key_id)
    }

    /// The role's name, from the session issuer or, failing that, the ARN.
    #[must_use]
    pub fn role_name(&self) -> Option<&str> {
        let from_arn = || self.arn.as_deref().filter(|arn| arn.contains(":assumed-role/")).and_then(|arn| arn.split('/').nth(1));
        self.role.as_deref().or_else(from_arn)
    }
}

impl ApiCall {
    /// Whether it handed out a session's credentials.
    #[must_use]
    pub fn begins_a_session(&self) -> bool {
        self.name.starts_with("AssumeRole")
    }

    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.error_code.is_none()
    }
}
