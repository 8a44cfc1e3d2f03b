//! What CloudWatch measured in one minute: shares of memory and CPU, and a load balancer's counts.
//!
//! A minute's number is of the whole minute that begins at its time. A service's is of all its tasks.

use super::service::target_group_name;
use super::words;

/// Whose memory and CPU it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Task,
    Container(String),
    /// Of all tasks of the service: the highest is one of them, nobody knows which.
    Service(String),
    /// Of all tasks of the task definition's family.
    Family(String),
}

impl Scope {
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Task => "task",
            Self::Container(name) | Self::Service(name) | Self::Family(name) => name,
        }
    }

    /// Whether it is of this one task and not of others beside it.
    #[must_use]
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Task | Self::Container(_))
    }

    /// Whom the highest share is of.
    #[must_use]
    pub fn one_of(&self) -> String {
        match self {
            Self::Task => "the task".to_owned(),
            Self::Container(name) => name.clone(),
            Self::Service(name) => format!("a task of service {name}"),
            Self::Family(name) => format!("a task of family {name}"),
        }
    }

    /// AWS's names of the memory and the CPU metric.
    pub(super) fn metrics(&self) -> (&'static str, &'static str) {
        match self {
            Self::Task => ("TaskMemoryUtilization", "TaskCpuUtilization"),
            Self::Container(_) => ("ContainerMemoryUtilization", "ContainerCpuUtilization"),
            Self::Service(_) => ("MemoryUtilization", "CPUUtilization"),
            Self::Family(_) => ("MemoryUtilized", "CpuUtilized"),
        }
    }
}

/// Memory and CPU of one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utilization {
    pub scope: Scope,
    pub memory: Option<Share>,
    pub cpu: Option<Share>,
    /// The highest before the last one, which is told beside it.
    pub peak: bool,
}

/// A part of what is reserved, in tenths of a per cent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Share {
    pub highest: i64,
    pub average: Option<i64>,
    pub lowest: Option<i64>,
    /// How many were measured: of a service, its tasks.
    pub samples: Option<i64>,
    /// The highest of all minutes that were read until the stop.
    pub peak: i64,
    /// The highest in the minutes that began after the stop, where there are any.
    pub after: Option<i64>,
}

impl Share {
    fn text(&self, metric: &str) -> String {
        match self.average.filter(|average| *average != self.highest) {
            Some(average) => format!("{metric} highest {}, average {}", percent(self.highest), percent(average)),
            None => format!("{metric} {}", percent(self.highest)),
        }
    }
}

/// Tenths as `99.8 %`.
#[must_use]
pub fn percent(tenths: i64) -> String {
    format!("{}.{} %", tenths / 10, tenths % 10)
}

impl Utilization {
    pub(super) fn text(&self) -> String {
        let (memory, cpu) = self.scope.metrics();
        let of_reserved = if matches!(self.scope, Scope::Family(_)) { " of MemoryReserved" } else { "" };
        let memory = self.memory.as_ref().map(|share| format!("{}{of_reserved}", share.text(memory)));
        let cpu = self.cpu.as_ref().map(|share| share.text(cpu));
        let kind = match self.scope {
            Scope::Service(_) => "service ",
            Scope::Family(_) => "family ",
            Scope::Task | Scope::Container(_) => "",
        };
        let told: Vec<String> = [memory, cpu].into_iter().flatten().collect();
        format!("{kind}{} {}{}", self.scope.name(), told.join(", "), if self.peak { " (highest)" } else { "" })
    }
}

/// One number of a target group, which is of all its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// An ARN.
    pub target_group: String,
    /// AWS's own name.
    pub metric: &'static str,
    /// A count; of `TargetResponseTime` milliseconds.
    pub value: i64,
    pub turn: Turn,
}

/// Why of all minutes this one is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The first above 0, or the first that was read at all.
    First {
        already: bool,
        healthy: Option<i64>,
    },
    Worst {
        healthy: Option<i64>,
    },
    /// The sum of all minutes, told at the first.
    Total {
        minutes: usize,
        requests: Option<i64>,
    },
    /// Milliseconds.
    Slowest {
        average: Option<i64>,
    },
}

impl Counted {
    /// As a part of a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.text()
    }

    pub(super) fn text(&self) -> String {
        let (metric, value, group) = (self.metric, self.value, target_group_name(&self.target_group));
        let beside = |healthy: Option<i64>| healthy.map(|healthy| format!(", HealthyHostCount {healthy}")).unwrap_or_default();
        match self.turn {
            Turn::First { already: true, healthy } => format!("{metric} was already {value} in {group}{}", beside(healthy)),
            Turn::First { already: false, healthy } => format!("{metric} rose to {value} in {group}{}", beside(healthy)),
            Turn::Worst { healthy } => format!("{metric} {value} in {group}, its worst minute{}", beside(healthy)),
            Turn::Total { minutes, requests } => {
                let of = requests.map(|requests| format!(", of {}", words::count(usize::try_from(requests).unwrap_or_default(), "request"))).unwrap_or_default();
                format!("{metric} {value} in {group}, in {}{of}", words::count(minutes, "minute"))
            }
            Turn::Slowest { average } => {
                let average = average.map(|average| format!(", {} on average", words::duration(average))).unwrap_or_default();
                format!("{metric} up to {} in {group}{average}", words::duration(value))
            }
        }
    }
}
