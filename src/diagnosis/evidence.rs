//! All that was gathered about one task, and where it could not be seen.

use jiff::Timestamp;

use super::event::Event;
use super::neighbours::Neighbours;
use super::service::{Balancer, Host, Service, ServiceDeployment, TargetGroup};
use super::task::{Task, TaskDefinition};

/// The code that asks one witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    Ecs,
    Service,
    Cloudtrail,
    Logs,
    Elb,
    Metrics,
    Autoscaling,
    Host,
    Archive,
}

impl Source {
    pub const ALL: [Self; 9] = [Self::Ecs, Self::Service, Self::Cloudtrail, Self::Logs, Self::Elb, Self::Metrics, Self::Autoscaling, Self::Host, Self::Archive];

    /// As it stands in `sources[].source`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Service => "service",
            Self::Cloudtrail => "cloudtrail",
            Self::Logs => "logs",
            Self::Elb => "elb",
            Self::Metrics => "metrics",
            Self::Autoscaling => "autoscaling",
            Self::Host => "host",
            Self::Archive => "archive",
        }
    }
}

/// How asking one witness ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Read in full, and there was something.
    Ok,
    /// Read in full, and there was nothing.
    Empty,
    /// Read in full, nothing matched, and it may still be on its way.
    TooEarly,
    /// The records of that time are no longer kept.
    Expired,
    Denied,
    Throttled,
    Failed,
    TimedOut,
    /// It cannot exist for this task.
    NotApplicable,
    /// Switched off, or the run ended before its turn.
    Skipped,
}

impl Status {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Empty => "empty",
            Self::TooEarly => "too-early",
            Self::Expired => "expired",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::NotApplicable => "not-applicable",
            Self::Skipped => "skipped",
        }
    }

    /// Whether everything there was has been read.
    #[must_use]
    pub fn was_read(self) -> bool {
        matches!(self, Self::Ok | Self::Empty | Self::TooEarly)
    }

    /// Whether something that exists stayed unseen.
    #[must_use]
    pub fn is_gap(self) -> bool {
        !self.was_read() && self != Self::NotApplicable
    }
}

/// The outcome of asking one source by one AWS operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub source: Source,
    pub status: Status,
    /// IAM action, `service:Operation`. Absent where nothing was asked.
    pub action: Option<String>,
    /// What it was asked about: an ARN, or a name where the API takes names.
    pub resource: Option<String>,
    /// The API call's name that CloudTrail was searched for; one entry each.
    pub about: Option<String>,
    /// The container whose log it was.
    pub container: Option<String>,
    /// In words, what could not be seen or what was left out.
    pub detail: Option<String>,
    pub requests: usize,
    /// How many of the source's facts concern this task.
    pub events: usize,
    /// Asked for a note alone: no verdict rests on it, so none is weaker without it.
    pub aside: bool,
    /// Counted are service events that the answers of such calls keep, and not the calls.
    pub kept: bool,
    pub looked_from: Option<Timestamp>,
    pub looked_to: Option<Timestamp>,
}

impl Reading {
    #[must_use]
    pub fn new(source: Source, status: Status) -> Self {
        Self {
            source,
            status,
            action: None,
            resource: None,
            about: None,
            container: None,
            detail: None,
            requests: 0,
            events: 0,
            aside: false,
            kept: false,
            looked_from: None,
            looked_to: None,
        }
    }

    #[must_use]
    pub fn detailed(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Whether it was asked for what it remembers of a task that ECS has forgotten. Of metrics, Container Insights was, and
    /// for that alone.
    #[must_use]
    pub fn may_remember(&self) -> bool {
        matches!(self.source, Source::Archive | Source::Cloudtrail) || self.source == Source::Metrics && self.aside
    }

    /// Why it could not be seen: `AccessDenied, needs cloudtrail:LookupEvents on *`.
    #[must_use]
    pub fn gap(&self) -> String {
        match self.status {
            Status::Denied => {
                let needs = self.action.as_deref().map(|action| format!(", needs {action} on {}", self.resource.as_deref().unwrap_or("*"))).unwrap_or_default();
                format!("AccessDenied{needs}")
            }
            status => {
                // Of several archives it matters which.
                let whose = self.resource.as_deref().filter(|_| self.source == Source::Archive && self.action.as_deref() == Some("logs:FilterLogEvents"));
                let told: Vec<&str> = whose.into_iter().chain(self.detail.as_deref()).collect();
                let detail = if told.is_empty() { String::new() } else { format!(" ({})", told.join(": ")) };
                format!("{}{detail}", status.as_str())
            }
        }
    }

    /// The gap for a sentence, its source in front: `cloudtrail: AccessDenied, needs cloudtrail:LookupEvents`. On what
    /// stands once, in the list of gaps.
    #[must_use]
    pub fn sentence(&self) -> String {
        let gap = match (self.status, &self.action) {
            (Status::Denied, Some(action)) => format!("AccessDenied, needs {action}"),
            _ => self.gap(),
        };
        format!("{}: {gap}", self.source.as_str())
    }
}

/// Why there is no line of a container to show, as far as that was read in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlogged {
    pub container: String,
    pub why: NoLines,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoLines {
    /// The stream is there and empty.
    Silent {
        stream: String,
    },
    NoStream {
        stream: String,
    },
    NoGroup {
        group: String,
        region: String,
    },
    /// The definition gives no log configuration.
    NoDriver,
    /// Another driver than awslogs, and where that one sends the lines, if it says.
    OtherDriver {
        driver: String,
        destination: Option<String>,
    },
}

/// Everything the reasoning may look at, its own "now" among it.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// When AWS was asked; a case file keeps the moment of its recording.
    pub taken_at: Timestamp,
    pub task: Task,
    pub definition: Option<TaskDefinition>,
    pub service: Option<Service>,
    pub service_deployments: Vec<ServiceDeployment>,
    pub target_groups: Vec<TargetGroup>,
    /// Those of the target group that ECS's reason names.
    pub balancers: Vec<Balancer>,
    pub host: Option<Host>,
    pub unlogged: Vec<Unlogged>,
    /// Absent where it was not asked, or could not be read.
    pub neighbours: Option<Neighbours>,
    /// Tasks that made calls about this one, as far as ECS still knows them.
    pub callers: Vec<Task>,
    pub events: Vec<Event>,
    pub readings: Vec<Reading>,
}
