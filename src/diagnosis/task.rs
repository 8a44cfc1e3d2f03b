//! What ECS calls things: a stopped task, its containers, and the definition it ran from.
//!
//! Every field that AWS may leave out is an `Option` or an empty `Vec`; an absent exit code is not 0.

use jiff::Timestamp;

/// How ECS begins its reason where a start failed. A sentence that merely speaks of a pull or of a dependency may be a
/// caller's own.
const START_ERRORS: [&str; 10] = [
    "TaskFailedToStart",
    "CannotPull",
    "CannotStartContainerError",
    "CannotCreateContainerError",
    "CannotCreateVolumeError",
    "ContainerRuntime",
    "ResourceInitializationError",
    "Fetching secret data from",
    "Unexpected EC2 error while attempting to",
    "Timeout waiting for",
];

/// Milliseconds by which the clocks of who keeps records differ.
const CLOCKS_DIFFER_BY: i64 = 2_000;

/// Why ECS says a task stopped. An open set: AWS adds codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopCode {
    TaskFailedToStart,
    EssentialContainerExited,
    UserInitiated,
    ServiceSchedulerInitiated,
    SpotInterruption,
    /// Fargate Spot, as ECS called it before `SpotInterruption`.
    TerminationNotice,
    Other(String),
}

impl StopCode {
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "TaskFailedToStart" => Self::TaskFailedToStart,
            "EssentialContainerExited" => Self::EssentialContainerExited,
            "UserInitiated" => Self::UserInitiated,
            "ServiceSchedulerInitiated" => Self::ServiceSchedulerInitiated,
            "SpotInterruption" => Self::SpotInterruption,
            "TerminationNotice" => Self::TerminationNotice,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The code that one of ECS's own fixed reasons stands for. A caller of StopTask may type any of them, so it
    /// counts only where ECS gives no code.
    #[must_use]
    pub fn of_reason(reason: &str) -> Option<Self> {
        let begins = |text: &str| reason.starts_with(text);
        if begins("Essential container in task exited") {
            Some(Self::EssentialContainerExited)
        } else if begins("Task stopped by user") {
            Some(Self::UserInitiated)
        } else if begins("Task failed ELB health checks") || begins("Task failed container health checks") || begins("Scaling activity initiated by") {
            Some(Self::ServiceSchedulerInitiated)
        } else if begins("Your Spot Task was interrupted") {
            Some(Self::SpotInterruption)
        } else if begins("Task failed to start") || START_ERRORS.iter().any(|name| begins(name)) {
            Some(Self::TaskFailedToStart)
        } else {
            None
        }
    }

    /// ECS's own spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            Self::SpotInterruption => "SpotInterruption",
            Self::TerminationNotice => "TerminationNotice",
            Self::Other(name) => name,
        }
    }
}

/// A task as ECS describes it. Times are rounded to milliseconds, the precision ECS means.
#[derive(Debug, Clone, Default)]
pub struct Task {
    pub arn: String,
    /// The last segment of the ARN: 32 hexadecimal digits, or a UUID in the old form.
    pub id: String,
    /// The cluster's name, taken from `clusterArn` (old task ARNs carry none).
    pub cluster: String,
    pub region: String,
    pub account: String,
    /// From `group` (`service:NAME`): `startedBy` holds no service name.
    pub service: Option<String>,
    pub group: Option<String>,
    pub started_by: Option<String>,
    pub definition_arn: Option<String>,
    pub family: Option<String>,
    pub revision: Option<i64>,
    pub launch_type: Option<String>,
    pub capacity_provider: Option<String>,
    pub platform_version: Option<String>,
    pub availability_zone: Option<String>,
    pub container_instance_arn: Option<String>,
    pub last_status: Option<String>,
    pub desired_status: Option<String>,
    pub health_status: Option<String>,
    pub stop_code: Option<StopCode>,
    pub stopped_reason: Option<String>,
    /// CPU units, as text, as ECS gives it.
    pub cpu: Option<String>,
    /// MiB, as text, as ECS gives it.
    pub memory: Option<String>,
    pub version: Option<i64>,
    pub told_by: Teller,
    /// Whether ECS Exec was switched on for it: then somebody may have had a shell in it.
    pub execute_command: bool,
    pub times: Times,
    pub containers: Vec<Container>,
    pub attachments: Vec<Attachment>,
    /// Log streams that bear its id, where no task definition tells of them.
    pub streams: Vec<LogStream>,
    /// Which recorded call tells of a station, where calls are all that tells of the task.
    pub kept: Vec<(Station, Reported)>,
    /// The EC2 instance whose agent reported its end, where that report is all that tells of it.
    pub reported_from: Option<String>,
    /// Stations that another than the teller of the whole dates, of a task that ECS has forgotten.
    pub dated_by: Vec<(Station, Teller)>,
}

/// What ECS dates of a task's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Station {
    Created,
    Connected,
    PullStarted,
    PullStopped,
    Started,
    Stopping,
    ExecutionStopped,
    Stopped,
}

impl Station {
    /// By the field in which ECS dates it.
    #[must_use]
    pub fn of_field(name: &str) -> Option<Self> {
        Some(match name {
            "createdAt" => Self::Created,
            "connectivityAt" => Self::Connected,
            "pullStartedAt" => Self::PullStarted,
            "pullStoppedAt" => Self::PullStopped,
            "startedAt" => Self::Started,
            "stoppingAt" => Self::Stopping,
            "executionStoppedAt" => Self::ExecutionStopped,
            "stoppedAt" => Self::Stopped,
            _ => return None,
        })
    }
}

/// Who told of the task, where ECS itself has forgotten it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Teller {
    #[default]
    Ecs,
    /// An archive of ECS's events.
    Archive,
    /// Calls about it, and what their answers held.
    Cloudtrail,
    /// The records of Container Insights: what ran and until when, and not how it ended.
    Insights,
    /// Its log streams, and nothing else.
    Logs,
}

/// A log stream of CloudWatch Logs: `prefix/container/task id`, as the awslogs driver names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogStream {
    pub group: String,
    /// Empty where it is the task's own.
    pub region: String,
    pub name: String,
}

impl LogStream {
    /// The container that writes it, by its name.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        self.name.rsplit('/').nth(1)
    }
}

/// When a task passed each of its stations.
#[derive(Debug, Clone, Default)]
pub struct Times {
    pub created: Option<Timestamp>,
    pub connected: Option<Timestamp>,
    pub pull_started: Option<Timestamp>,
    pub pull_stopped: Option<Timestamp>,
    pub started: Option<Timestamp>,
    /// When ECS began to stop the task: the anchor of nearly every question.
    pub stopping: Option<Timestamp>,
    /// When the last container ended. On Fargate reported some 11 s late; on EC2 whole seconds.
    pub execution_stopped: Option<Timestamp>,
    pub stopped: Option<Timestamp>,
    /// When the first known StopTask call for it was, where nothing tells when its stop began.
    pub asked_to_stop: Option<Timestamp>,
    /// Its last line in a log, where nothing else tells of its end.
    pub last_word: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
pub struct Container {
    pub name: String,
    pub image: Option<String>,
    pub image_digest: Option<String>,
    pub runtime_id: Option<String>,
    pub last_status: Option<String>,
    pub exit_code: Option<i64>,
    pub reason: Option<String>,
    pub health_status: Option<String>,
    pub private_ips: Vec<String>,
    /// `(container port, host port)` of every binding.
    pub ports: Vec<(i64, i64)>,
    /// The agent that ECS Exec needs was running in it, now or once.
    pub exec_agent: bool,
    /// Where its end is told, if not by ECS itself.
    pub reported: Option<Reported>,
}

/// The recorded call that tells something of a task which ECS itself does not, or no longer: an agent's report of an end,
/// an answer that holds the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    pub call: String,
    /// CloudTrail's.
    pub event_id: String,
    /// When what it tells was; of an end that an agent does not date, when it said so. To the second.
    pub at: Timestamp,
}

/// What an ordered stop leaves behind: 0, SIGKILL's 137, SIGTERM's 143. As much an end of its own as a consequence.
#[must_use]
pub fn may_follow_an_order(exit_code: i64) -> bool {
    matches!(exit_code, 0 | 137 | 143)
}

impl Container {
    /// Whether ECS says that the kernel killed it, or a process in it, for memory.
    #[must_use]
    pub fn was_killed_for_memory(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| super::timeline::is_error_name(reason, "OutOfMemoryError"))
    }

    /// What AWS puts beside the user's containers, by the names it gives them.
    #[must_use]
    pub fn injected_by(&self) -> Option<&'static str> {
        if self.name.starts_with("ecs-service-connect-") {
            Some("Service Connect")
        } else if self.name.starts_with("aws-guardduty-agent-") {
            Some("GuardDuty")
        } else {
            None
        }
    }

    /// Whether ECS reported the container's end, in whichever of the three fields it did.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.exit_code.is_some() || self.last_status.as_deref() == Some("STOPPED")
    }
}

#[derive(Debug, Clone, Default)]
pub struct Attachment {
    pub id: String,
    pub kind: String,
    pub status: String,
    pub details: Vec<(String, String)>,
}

impl Attachment {
    /// An EBS volume; events and the API name the type differently.
    #[must_use]
    pub fn is_volume(&self) -> bool {
        let kind = self.kind.to_ascii_lowercase();
        kind.contains("elasticblockstorage") || kind == "ebs" || self.details.iter().any(|(name, _)| name == "volumeId" || name == "volumeName")
    }

    /// Why it could not be had; AWS gives it only where it failed.
    #[must_use]
    pub fn status_reason(&self) -> Option<&str> {
        self.details.iter().find(|(name, value)| name == "statusReason" && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

impl Task {
    /// The stop code; where ECS gives none, the one its fixed reason stands for.
    #[must_use]
    pub fn told_stop_code(&self) -> Option<StopCode> {
        self.stop_code.clone().or_else(|| StopCode::of_reason(self.stopped_reason.as_deref()?))
    }

    /// False where a service is asked about that has no task to show: then only cluster, service and the like are known.
    #[must_use]
    pub fn exists(&self) -> bool {
        !self.id.is_empty()
    }

    /// The instant around which everything else is looked for: the start of the stop where ECS gives it; the last line in a
    /// log where that is all that is left.
    #[must_use]
    pub fn stop_anchor(&self) -> Option<Timestamp> {
        let times = &self.times;
        let reported = || self.containers.iter().filter_map(|container| container.reported.as_ref()).map(|reported| reported.at).min();
        times.stopping.or(times.asked_to_stop).or(times.execution_stopped).or(times.stopped).or_else(reported).or(times.last_word)
    }

    /// Whether ECS has forgotten it, and nobody kept the reason it gave.
    #[must_use]
    pub fn is_reason_lost(&self) -> bool {
        self.is_forgotten() && self.stopped_reason.is_none()
    }

    /// When the first of its containers had ended, or the task had, as far as that is told.
    #[must_use]
    pub fn ended(&self) -> Option<Timestamp> {
        let reported = self.containers.iter().filter_map(|container| container.reported.as_ref()).map(|reported| reported.at);
        reported.chain(self.times.execution_stopped).chain(self.times.stopped).min()
    }

    /// Whether an order of that moment can be behind its end: record times are cut to the second, and clocks differ. An end
    /// that no order leaves behind must have come after it.
    #[must_use]
    pub fn may_have_been_asked(&self, at: Timestamp) -> bool {
        let is_own = self.containers.iter().any(|container| container.was_killed_for_memory() || container.exit_code.is_some_and(|code| !may_follow_an_order(code)));
        self.ended().is_none_or(|ended| if is_own { at < ended } else { at.as_millisecond() <= ended.as_millisecond() + CLOCKS_DIFFER_BY })
    }

    /// The last instant ECS knows of, for windows that must cover the whole life.
    #[must_use]
    pub fn last_known(&self) -> Option<Timestamp> {
        let times = &self.times;
        [times.stopped, times.execution_stopped, times.stopping, times.asked_to_stop, times.started, times.created, times.last_word].into_iter().flatten().max()
    }

    /// Whether ECS no longer tells of it. It forgets no task that runs.
    #[must_use]
    pub fn is_forgotten(&self) -> bool {
        self.told_by != Teller::Ecs
    }

    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.is_forgotten() || self.desired_status.as_deref() == Some("STOPPED") || self.times.stopping.is_some() || self.last_status.as_deref() == Some("STOPPED")
    }

    /// Whether ECS Exec could open a shell in it.
    #[must_use]
    pub fn allows_exec(&self) -> bool {
        self.execute_command || self.containers.iter().any(|container| container.exec_agent)
    }

    /// `cluster/id`, or the id alone where its cluster is not known.
    #[must_use]
    pub fn place(&self) -> String {
        if self.cluster.is_empty() { self.id.clone() } else { format!("{}/{}", self.cluster, self.id) }
    }

    /// Who dates a station of it.
    #[must_use]
    pub fn teller_of(&self, station: Station) -> Teller {
        self.dated_by.iter().find(|(of, _)| *of == station).map_or(self.told_by, |(_, teller)| *teller)
    }

    /// This telling of the task, with what only the other has of its life: two tellings of one task that ECS has forgotten.
    /// Of its end nothing is taken from the other.
    #[must_use]
    pub fn filled(mut self, other: Self) -> Self {
        if self.group.is_none() && self.service.is_none() {
            (self.group, self.service) = (other.group, other.service);
        }
        if self.definition_arn.is_none() {
            (self.definition_arn, self.family, self.revision) = (other.definition_arn, other.family.or(self.family), other.revision.or(self.revision));
        }
        self.started_by = self.started_by.or(other.started_by);
        self.launch_type = self.launch_type.or(other.launch_type);
        self.capacity_provider = self.capacity_provider.or(other.capacity_provider);
        self.availability_zone = self.availability_zone.or(other.availability_zone);
        self.container_instance_arn = self.container_instance_arn.or(other.container_instance_arn);
        self.memory = self.memory.or(other.memory);
        self.cpu = self.cpu.or(other.cpu);
        self.execute_command |= other.execute_command;
        if self.containers.is_empty() {
            self.containers = other.containers;
        }
        if self.attachments.is_empty() {
            self.attachments = other.attachments;
        }
        let (ours, theirs) = (&mut self.times, other.times);
        let stations = [
            (Station::Created, &mut ours.created, theirs.created),
            (Station::Connected, &mut ours.connected, theirs.connected),
            (Station::PullStarted, &mut ours.pull_started, theirs.pull_started),
            (Station::PullStopped, &mut ours.pull_stopped, theirs.pull_stopped),
            (Station::Started, &mut ours.started, theirs.started),
        ];
        for (station, ours, theirs) in stations {
            if ours.is_none() && theirs.is_some() {
                *ours = theirs;
                self.dated_by.push((station, other.told_by));
            }
        }
        self
    }

    /// The recorded call that tells of this station.
    #[must_use]
    pub fn kept_in(&self, station: Station) -> Option<&Reported> {
        self.kept.iter().find(|(of, _)| *of == station).map(|(_, call)| call)
    }

    /// What it is one of: its service, or its family where it has none.
    #[must_use]
    pub fn of(&self) -> Option<String> {
        let service = self.service.as_ref().map(|service| format!("service {service}"));
        service.or_else(|| self.family.as_ref().map(|family| format!("family {family}")))
    }

    #[must_use]
    pub fn runs_on_fargate(&self) -> bool {
        self.launch_type.as_deref() == Some("FARGATE") || self.capacity_provider.as_deref().is_some_and(|name| name.starts_with("FARGATE"))
    }

    /// Whether AWS looks after the instance under it: nobody sets such a host's state by hand.
    #[must_use]
    pub fn is_on_managed_instances(&self) -> bool {
        self.launch_type.as_deref() == Some("MANAGED_INSTANCES")
    }

    /// Every private address the task had, attachments and containers together, each once.
    #[must_use]
    pub fn private_ips(&self) -> Vec<String> {
        let attached = self.attachments.iter().flat_map(|a| &a.details).filter(|(name, _)| name == "privateIPv4Address").map(|(_, value)| value);
        let mut all: Vec<String> = attached.chain(self.containers.iter().flat_map(|c| &c.private_ips)).cloned().collect();
        all.sort();
        all.dedup();
        all
    }

    /// `family:revision`, or the family alone.
    #[must_use]
    pub fn definition_name(&self) -> Option<String> {
        let family = self.family.as_ref()?;
        Some(self.revision.map_or_else(|| family.clone(), |revision| format!("{family}:{revision}")))
    }
}

/// The parts of an ARN of ECS, whichever generation it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcsArn {
    pub region: String,
    pub account: String,
    /// `task`, `cluster`, `service` …
    pub kind: String,
    /// Absent in the old form of task and service ARNs.
    pub cluster: Option<String>,
    /// The last segment.
    pub name: String,
}

impl EcsArn {
    /// `None` unless it is `arn:PARTITION:ecs:REGION:ACCOUNT:KIND/…` with something behind the slash.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, _partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        // The region becomes part of the name of the host that is asked.
        let is_region = region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if arn != "arn" || service != "ecs" || !is_region {
            return None;
        }
        let mut segments = resource.split('/');
        let kind = segments.next()?.to_owned();
        let rest: Vec<&str> = segments.collect();
        let name = rest.last().filter(|last| !last.is_empty())?.to_string();
        let cluster = (rest.len() > 1).then(|| rest[0].to_owned());
        Some(Self { region: region.to_owned(), account: account.to_owned(), kind, cluster, name })
    }
}

/// The last segment of an ARN or path, or the text itself.
#[must_use]
pub fn last_segment(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// The task definition a task ran from.
#[derive(Debug, Clone, Default)]
pub struct TaskDefinition {
    pub network_mode: Option<String>,
    /// MiB for the whole task.
    pub memory: Option<i64>,
    pub execution_role_arn: Option<String>,
    /// `X86_64` or `ARM64`, where the definition says.
    pub cpu_architecture: Option<String>,
    pub volumes: Vec<Volume>,
    pub containers: Vec<ContainerDefinition>,
}

impl TaskDefinition {
    #[must_use]
    pub fn container(&self, name: &str) -> Option<&ContainerDefinition> {
        self.containers.iter().find(|container| container.name == name)
    }
}

#[derive(Debug, Clone, Default)]
pub struct ContainerDefinition {
    pub name: String,
    pub image: Option<String>,
    pub essential: bool,
    /// Hard limit, MiB.
    pub memory: Option<i64>,
    /// Soft limit, MiB. No limit at all.
    pub memory_reservation: Option<i64>,
    /// Seconds between SIGTERM and SIGKILL.
    pub stop_timeout: Option<i64>,
    pub health_check: Option<HealthCheck>,
    pub log: Option<LogConfiguration>,
    /// `entryPoint` and `command`, one after the other.
    pub command: Vec<String>,
    /// ARNs of secrets and names or ARNs of parameters, those of the log driver among them.
    pub secrets: Vec<String>,
    /// The secret that opens a private registry.
    pub repository_credentials: Option<String>,
    /// ARNs of objects in S3.
    pub environment_files: Vec<String>,
    /// `(container, condition)`: `START`, `COMPLETE`, `SUCCESS` or `HEALTHY`.
    pub depends_on: Vec<(String, String)>,
    /// Absent where it has none or has it switched off.
    pub restart_policy: Option<RestartPolicy>,
}

/// Starts a container again in its place: the task runs on, and ECS shows the last exit alone.
#[derive(Debug, Clone, Default)]
pub struct RestartPolicy {
    /// With these it is not started again.
    pub ignored_exit_codes: Vec<i64>,
    /// Seconds it must have run to be started again.
    pub attempt_period: i64,
}

/// What a definition says of one volume; where it is bound at launch, not more than its name.
#[derive(Debug, Clone, Default)]
pub struct Volume {
    pub name: String,
    /// `fs-…`
    pub file_system: Option<String>,
    /// `fsap-…`
    pub access_point: Option<String>,
}

/// A container's own health check. Times in seconds.
#[derive(Debug, Clone, Default)]
pub struct HealthCheck {
    pub command: Vec<String>,
    pub interval: i64,
    pub timeout: i64,
    pub retries: i64,
    pub start_period: i64,
}

#[derive(Debug, Clone, Default)]
pub struct LogConfiguration {
    pub driver: String,
    pub options: Vec<(String, String)>,
}

impl LogConfiguration {
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_task_arn_has_no_cluster() {
        let arn = EcsArn::parse("arn:aws:ecs:us-east-2:667471847564:task/e9511a82-9247-4239-89e9-ffd548ed9ee4").expect("an ARN");
        assert_eq!((arn.cluster, arn.name.as_str()), (None, "e9511a82-9247-4239-89e9-ffd548ed9ee4"));
    }

    #[test]
    fn a_new_task_arn_names_its_cluster() {
        let arn = EcsArn::parse("arn:aws-cn:ecs:cn-north-1:1:task/prod/0123").expect("an ARN");
        assert_eq!((arn.cluster.as_deref(), arn.name.as_str(), arn.region.as_str()), (Some("prod"), "0123", "cn-north-1"));
    }

    #[test]
    fn an_arn_of_another_service_or_without_a_name_is_none() {
        assert_eq!(EcsArn::parse("arn:aws:s3:::bucket/key"), None);
        assert_eq!(EcsArn::parse("arn:aws:ecs:eu-west-1:1:task/"), None);
        assert_eq!(EcsArn::parse("9f2c"), None);
    }

    #[test]
    fn without_a_code_only_ecss_own_opening_words_tell_a_failed_start() {
        assert_eq!(StopCode::of_reason("CannotPullContainerError: manifest unknown"), Some(StopCode::TaskFailedToStart));
        assert_eq!(StopCode::of_reason("restarting it, the worker depends on a fresh cache"), None);
        assert_eq!(StopCode::of_reason("oncall: saw CannotPullContainerError on the sibling"), None);
    }

    #[test]
    fn a_stop_code_that_aws_adds_later_is_kept_in_its_own_words() {
        assert_eq!(StopCode::named("InfrastructureHealth").as_str(), "InfrastructureHealth");
    }
}
