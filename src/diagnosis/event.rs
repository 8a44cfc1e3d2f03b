//! One dated fact from one witness.

use jiff::Timestamp;

use super::call::{ApiCall, Report};
use super::measure::{Counted, Utilization};
use super::scaling::ScalingActivity;
use super::service::{MessageKind, ServiceMessage, TargetHealth, target_group_name};
use super::task::{Reported, StopCode};
use super::words;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Witness {
    Cloudtrail,
    Autoscaling,
    Deployment,
    Logs,
    Ecs,
    Service,
    Elb,
    Metric,
    Host,
    Archive,
}

impl Witness {
    /// As it stands in `timeline[].witness`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cloudtrail => "cloudtrail",
            Self::Autoscaling => "autoscaling",
            Self::Deployment => "deployment",
            Self::Logs => "logs",
            Self::Ecs => "ecs",
            Self::Service => "service",
            Self::Elb => "elb",
            Self::Metric => "metric",
            Self::Host => "host",
            Self::Archive => "archive",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// How exactly `Event::at` is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    Millisecond,
    /// Cut to the second: it happened within the second that begins at `at`.
    Second,
    /// Of the whole minute that begins at `at`: a metric tells no more.
    Minute,
    /// At `at` or earlier: ECS gives no time per container, only when the last one had ended.
    AtOrBefore,
}

impl Precision {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Millisecond => "ms",
            Self::Second => "s",
            Self::Minute => "min",
            Self::AtOrBefore => "at-or-before",
        }
    }

    /// Milliseconds after `at` in which it may still have happened.
    #[must_use]
    pub fn spread(self) -> i64 {
        match self {
            Self::Second => 999,
            Self::Minute => 59_999,
            Self::Millisecond | Self::AtOrBefore => 0,
        }
    }
}

/// The station of a task's life an event falls into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Before,
    Provision,
    Pull,
    Start,
    Run,
    Stop,
    After,
}

impl Phase {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Provision => "provision",
            Self::Pull => "pull",
            Self::Start => "start",
            Self::Run => "run",
            Self::Stop => "stop",
            Self::After => "after",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: Timestamp,
    pub precision: Precision,
    pub witness: Witness,
    pub level: Level,
    pub container: Option<String>,
    pub what: What,
}

/// One variant for each kind of fact that rules look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Created {
        /// `by service web`, or the free text of `startedBy` as such.
        how: Option<String>,
    },
    Connected,
    PullStarted,
    /// Milliseconds since the pull began.
    PullStopped {
        took: Option<i64>,
    },
    Started,
    Stopping {
        code: Option<StopCode>,
        reason: Option<String>,
    },
    ContainerEnded {
        exit_code: Option<i64>,
        reason: Option<String>,
        last_status: Option<String>,
        /// Where it is told, if not by ECS itself.
        reported: Option<Reported>,
    },
    ExecutionStopped,
    Stopped,
    /// A station of a task that ECS has forgotten, as a recorded call or its answer tells it.
    Kept {
        call: Reported,
        what: Box<What>,
    },
    Said(ServiceMessage),
    DeploymentCreated {
        id: String,
        text: String,
    },
    ServiceDeployment {
        /// The ARN of the service deployment.
        id: String,
        /// `ecs-svc/<digits>` of the revision it brings.
        target: String,
        text: String,
    },
    Called(Box<ApiCall>),
    /// What Application Auto Scaling did to the service, or tried to.
    Scaled(Box<ScalingActivity>),
    Logged(LogLine),
    /// Asked after the stop: the state of that moment, not of the stop's.
    TargetNow {
        target_group: String,
        health: TargetHealth,
    },
    HostNow {
        text: String,
    },
    /// A network interface or volume could not be given to the task, in AWS's words.
    AttachmentFailed {
        kind: String,
        reason: String,
    },
    /// Where a container's lines are if not here, or that there are none.
    NotLogged {
        text: String,
    },
    /// Other tasks of the cluster whose stop began within a minute of this one's.
    StoppedBeside {
        text: String,
    },
    /// The first of the stops in a row that ended as this one did.
    StoppedAlike {
        text: String,
    },
    /// Of the event's container, or of the whole task where it names none.
    Sampled(Sample),
    /// Shares of what is reserved, of one minute: of the task, or of all that its service or family runs.
    Utilized(Utilization),
    /// What a load balancer counted of a target group in one minute.
    Counted(Counted),
}

/// Memory and CPU over one minute. A minute's sample misses what happens between two of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sample {
    /// MiB.
    pub memory: Option<i64>,
    /// MiB, as the metric gives it: of a container it may be the soft limit.
    pub memory_reserved: Option<i64>,
    /// MiB. The hard limit, which the definition and the task give; absent where nothing limits it.
    pub memory_limit: Option<i64>,
    /// CPU units, 1024 a core.
    pub cpu: Option<i64>,
    /// CPU units.
    pub cpu_reserved: Option<i64>,
    /// The highest before the last one, which is told beside it.
    pub peak: bool,
}

impl Sample {
    /// Memory in per cent of the hard limit, rounded down.
    #[must_use]
    pub fn memory_percent(&self) -> Option<i64> {
        let limit = self.memory_limit.filter(|limit| *limit > 0)?;
        Some(self.memory?.saturating_mul(100) / limit)
    }

    /// CPU in per cent of what is reserved, rounded down.
    #[must_use]
    pub fn cpu_percent(&self) -> Option<i64> {
        Some(self.cpu?.saturating_mul(100) / self.cpu_reserved.filter(|reserved| *reserved > 0)?)
    }

    fn text(&self, of: &str) -> String {
        let mut parts = Vec::new();
        if let Some(used) = self.memory {
            parts.push(match (self.memory_limit, self.memory_reserved) {
                (Some(limit), _) => format!("memory {used} of {limit} MiB"),
                (None, Some(soft)) => format!("memory {used} MiB, {soft} reserved and no hard limit"),
                (None, None) => format!("memory {used} MiB"),
            });
        }
        match (self.cpu, self.cpu_reserved) {
            (Some(used), Some(reserved)) => parts.push(format!("CPU {used} of {reserved} units")),
            (Some(used), None) => parts.push(format!("CPU {used} units")),
            _ => {}
        }
        format!("{of} {}{}", parts.join(", "), if self.peak { " (highest)" } else { "" })
    }
}

/// One thing a container wrote; a stack trace is one of these.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogLine {
    /// The line that tells most: of a stack trace the exception, of a JSON object its message.
    pub text: String,
    /// How many further lines belong to it.
    pub more: usize,
    /// A message of a runtime that it ran out of memory, in the words that runtime uses.
    pub out_of_memory: bool,
    pub stream: String,
}

impl Event {
    /// A service event; one that CloudTrail kept is told to the second.
    #[must_use]
    pub fn said(message: ServiceMessage, precision: Precision) -> Self {
        let level = match message.kind {
            MessageKind::Unhealthy { .. } | MessageKind::CouldNotPlace | MessageKind::DeploymentFailed | MessageKind::RollingBack => Level::Warn,
            _ => Level::Info,
        };
        Self { at: message.at, precision, witness: Witness::Service, level, container: None, what: What::Said(message) }
    }

    /// What stands in the line: the witness's own words wherever it used any.
    #[must_use]
    pub fn text(&self) -> String {
        let container = self.container.as_deref().unwrap_or("container");
        match &self.what {
            What::Created { how: Some(how) } => format!("created {how}"),
            What::Created { how: None } => "created".to_owned(),
            What::Kept { call, what } => format!("{}: {}", call.call, Self { what: What::clone(what), ..self.clone() }.text()),
            What::Connected => "connected".to_owned(),
            What::PullStarted => "pull started".to_owned(),
            What::PullStopped { took: Some(took) } => format!("pull stopped, {}", words::duration(*took)),
            What::PullStopped { took: None } => "pull stopped".to_owned(),
            What::Started => "started".to_owned(),
            What::Stopping { code, reason } => match (code, reason) {
                (Some(code), Some(reason)) => format!("stopping: {reason} ({})", code.as_str()),
                (None, Some(reason)) => format!("stopping: {reason}"),
                (Some(code), None) => format!("stopping ({})", code.as_str()),
                (None, None) => "stopping".to_owned(),
            },
            What::ContainerEnded { exit_code, reason, last_status, reported } => {
                let told = reported.as_ref().map(|from| format!("{}: ", from.call)).unwrap_or_default();
                let end = match (exit_code, last_status.as_deref()) {
                    (Some(code), _) => format!("{container} exited {code}"),
                    (None, Some(status)) if status != "STOPPED" => format!("{container} was still {status}, no exit code"),
                    (None, _) => format!("{container} stopped, no exit code"),
                };
                match reason {
                    Some(reason) => format!("{told}{end}, {reason}"),
                    None => format!("{told}{end}"),
                }
            }
            What::ExecutionStopped => "execution stopped".to_owned(),
            What::Stopped => "stopped".to_owned(),
            What::Said(message) => message.text.clone(),
            What::DeploymentCreated { text, .. }
            | What::ServiceDeployment { text, .. }
            | What::HostNow { text }
            | What::NotLogged { text }
            | What::StoppedBeside { text }
            | What::StoppedAlike { text } => text.clone(),
            What::AttachmentFailed { kind, reason } => format!("{kind} failed: {reason}"),
            What::Called(call) => called(call),
            What::Scaled(activity) => activity.text(),
            What::Sampled(sample) => sample.text(self.container.as_deref().unwrap_or("task")),
            What::Utilized(utilization) => utilization.text(),
            What::Counted(counted) => counted.text(),
            What::Logged(line) if line.more > 0 => format!("{} (+{})", line.text, words::count(line.more, "line")),
            What::Logged(line) => line.text.clone(),
            What::TargetNow { target_group, health } => {
                let port = health.port.map(|port| format!(":{port}")).unwrap_or_default();
                let why = health.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                format!("when asked, target {}{port} was {} in {}{why}", health.target, health.state, target_group_name(target_group))
            }
        }
    }

    /// What was written, in quotes: our own count of further lines is none of its words.
    #[must_use]
    pub fn quoted(&self) -> String {
        match &self.what {
            What::Logged(line) => words::quoted(&line.text),
            _ => words::quoted(&self.text()),
        }
    }

    /// Whether it tells of this deployment, by its own id or by the revision it brings.
    #[must_use]
    pub fn is_of_deployment(&self, deployment: &str) -> bool {
        match &self.what {
            What::DeploymentCreated { id, .. } => id == deployment,
            What::ServiceDeployment { id, target, .. } => id == deployment || target == deployment,
            _ => false,
        }
    }

    /// The id under which the witness keeps it: CloudTrail's event id, ECS's event id, a scaling activity, a log stream, a deployment.
    #[must_use]
    pub fn reference(&self) -> Option<String> {
        match &self.what {
            What::Said(message) => Some(message.id.clone()),
            What::DeploymentCreated { id, .. } | What::ServiceDeployment { id, .. } => Some(id.clone()),
            What::Called(call) => Some(call.event_id.clone()),
            What::ContainerEnded { reported, .. } => reported.as_ref().map(|from| from.event_id.clone()),
            What::Kept { call, .. } => Some(call.event_id.clone()).filter(|id| !id.is_empty()),
            What::Scaled(activity) => Some(activity.id.clone()).filter(|id| !id.is_empty()),
            What::Logged(line) => Some(line.stream.clone()),
            What::TargetNow { target_group, .. } => Some(target_group.clone()),
            What::Counted(counted) => Some(counted.target_group.clone()),
            _ => None,
        }
    }

    /// Which of two events of one instant comes first: what asks before what obeys, an end before what follows from it.
    pub(super) fn rank(&self) -> u8 {
        match self.what.plain() {
            What::Created { .. } => 0,
            What::Connected => 1,
            What::PullStarted => 2,
            What::PullStopped { .. } => 3,
            What::Called(_) | What::Scaled(_) => 4,
            What::DeploymentCreated { .. } | What::ServiceDeployment { .. } => 5,
            What::Started => 6,
            What::Logged(_) => 7,
            What::ContainerEnded { .. } => 8,
            What::AttachmentFailed { .. } => 8,
            What::Stopping { .. } => 9,
            What::Said(_) => 10,
            What::ExecutionStopped => 11,
            What::Stopped => 12,
            What::HostNow { .. } | What::NotLogged { .. } | What::StoppedBeside { .. } | What::StoppedAlike { .. } => 13,
            What::TargetNow { .. } => 14,
            What::Sampled(_) | What::Utilized(_) | What::Counted(_) | What::Kept { .. } => 6,
        }
    }
}

impl What {
    /// The fact itself, wherever it is kept.
    #[must_use]
    pub fn plain(&self) -> &Self {
        match self {
            Self::Kept { what, .. } => what,
            plain => plain,
        }
    }
}

fn called(call: &ApiCall) -> String {
    let who = super::actors::describe(call).name;
    let mut text = format!("{} by {who}", call.name);
    if let Some(container) = &call.parameters.container {
        text.push_str(&format!(", container {container}"));
    }
    if let Some(command) = &call.parameters.command {
        text.push_str(&format!(", command: {command}"));
    }
    let asked = &call.parameters;
    let mut parts = Vec::new();
    parts.extend(asked.desired_count.map(|count| format!("desired count {count}")));
    parts.extend(asked.task_definition.as_deref().map(|name| format!("task definition {}", super::task::last_segment(name))));
    parts.extend(asked.force_new_deployment.then(|| "force new deployment".to_owned()));
    parts.extend(asked.status.as_ref().filter(|_| call.report.is_none()).map(|status| format!("status {status}")));
    parts.extend(asked.task_set.as_deref().map(|set| format!("task set {}", super::scheduling::digits(set))));
    parts.extend(asked.scale.map(|scale| format!("scale {scale} %")));
    parts.extend(asked.min_capacity.map(|least| format!("minimum capacity {least}")));
    parts.extend(asked.max_capacity.map(|most| format!("maximum capacity {most}")));
    parts.extend(asked.policy.as_ref().map(|policy| format!("{} {policy}", if call.name == super::call::PUT_SCHEDULE { "scheduled action" } else { "policy" })));
    parts.extend(call.code_deployment.as_ref().map(|id| format!("deployment {id}")));
    parts.extend(asked.targets.iter().map(|target| {
        let port = target.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("target {}{port} of {}", target.id, target_group_name(&target.group))
    }));
    parts.extend(call.report.iter().flat_map(|report| reported(report)));
    // What it found running needs no word.
    parts.extend(call.response_status.as_deref().filter(|status| *status != "RUNNING").map(|status| format!("the task was then {status}")));
    if !parts.is_empty() {
        text.push_str(&format!(", {}", parts.join(", ")));
    }
    if let Some(reason) = &asked.reason {
        text.push_str(&format!(", reason: {reason}"));
    }
    if let Some(code) = &call.error_code {
        text.push_str(&format!(", refused: {code}"));
    }
    text
}

/// What an agent said of the task and of each container.
fn reported(report: &Report) -> Vec<String> {
    let whole = report.status.iter().map(|status| match &report.reason {
        Some(reason) => format!("the task {status}, {reason}"),
        None => format!("the task {status}"),
    });
    let each = report.containers.iter().map(|container| {
        let end = match (container.exit_code, container.status.as_deref()) {
            (Some(code), _) => format!("exited {code}"),
            (None, Some(status)) => status.to_owned(),
            (None, None) => "without a status".to_owned(),
        };
        let reason = container.reason.as_deref().map(|reason| format!(", {reason}")).unwrap_or_default();
        format!("{} {end}{reason}", container.name)
    });
    whole.chain(each).collect()
}
