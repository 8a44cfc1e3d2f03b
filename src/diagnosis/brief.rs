//! Many stops at a glance: each judged by what ECS says of the task and its service, and who began it where that says so.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::event::{Event, Precision};
use super::evidence::{Evidence, Reading, Source, Status as Read};
use super::service::{Service, ServiceDeployment};
use super::stopped_by::Status;
use super::task::{StopCode, Task};
use super::timeline::concerns;
use super::verdict::Cause;
use super::{Trace, trace};

/// ECS keeps so many messages of a service, the newest.
const MOST_MESSAGES: usize = 100;
/// What a service says of a stop may begin so many milliseconds before it.
const WORDS_BEFORE: i64 = 600_000;
/// And a deployment that stopped it a day: blue/green ones end long after they began.
const DEPLOYED_BEFORE: i64 = 24 * 3_600_000;

/// One stop as far as the task itself tells it.
#[derive(Debug, Clone)]
pub struct Stop {
    pub trace: Trace,
}

impl Stop {
    /// Judges a task that nothing else was asked about.
    #[must_use]
    pub fn of(task: Task, taken_at: Timestamp) -> Self {
        Self::beside(task, None, taken_at)
    }

    /// The same with what its service and that one's deployments say.
    #[must_use]
    pub fn beside(task: Task, service: Option<(&Service, &[ServiceDeployment])>, taken_at: Timestamp) -> Self {
        Self::among(task, service.map(|(service, _)| service), service.map(|(_, history)| history), taken_at)
    }

    /// The same of days ago: what its service says today counts only where its words reach back to the stop, and the
    /// service was not deleted since.
    #[must_use]
    pub fn long_ago(task: Task, service: Option<&Service>, history: Option<&[ServiceDeployment]>, taken_at: Timestamp) -> Self {
        let reaches = |service: &&Service| {
            let oldest = service.messages.iter().map(|message| message.at).min();
            let since = if service.messages.len() < MOST_MESSAGES { service.created_at.or(oldest) } else { oldest };
            service.status == "ACTIVE" && since.is_some_and(|since| task.stop_anchor().is_some_and(|stop| since.as_millisecond() + WORDS_BEFORE <= stop.as_millisecond()))
        };
        let service = service.filter(reaches);
        // As many as a look at this stop alone would have found.
        let around = |deployment: &&ServiceDeployment| {
            let lead = task.stop_anchor().zip(deployment.created_at).map(|(stop, at)| stop.as_millisecond() - at.as_millisecond());
            lead.is_some_and(|lead| (-WORDS_BEFORE..=DEPLOYED_BEFORE).contains(&lead))
        };
        let history: Option<Vec<ServiceDeployment>> = history.map(|history| history.iter().filter(around).cloned().collect());
        Self::among(task, service, history.as_deref(), taken_at)
    }

    fn among(task: Task, service: Option<&Service>, history: Option<&[ServiceDeployment]>, taken_at: Timestamp) -> Self {
        let was_read = |source: Source| source == Source::Ecs || source == Source::Service && (service.is_some() || history.is_some());
        let reading = |source: Source| match was_read(source) {
            true => Reading::new(source, Read::Ok),
            false => Reading::new(source, Read::Skipped).detailed("a list asks ECS alone"),
        };
        let service_deployments = history.map(<[_]>::to_vec).unwrap_or_default();
        let messages = service.iter().flat_map(|service| &service.messages).filter(|message| concerns(message, &task));
        let events = messages.map(|message| Event::said(message.clone(), Precision::Millisecond)).collect();
        let readings = Source::ALL.into_iter().map(reading).collect();
        Self { trace: trace(Evidence { taken_at, task, service: service.cloned(), service_deployments, events, readings, ..Evidence::default() }) }
    }

    /// Whether the service's word could tell more: the scheduler gives one reason for deployments and scale-ins alike, and
    /// what a load balancer saw stands in the service's events.
    #[must_use]
    pub fn may_be_told_by_its_service(&self) -> bool {
        self.task().service.is_some() && matches!(self.trace.timeline.stop_code(), Some(StopCode::ServiceSchedulerInitiated))
    }

    #[must_use]
    pub fn task(&self) -> &Task {
        &self.trace.timeline.evidence.task
    }

    /// When it stopped, or began to.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        self.task().times.stopped.or_else(|| self.task().stop_anchor())
    }

    /// `out-of-memory`, `image-pull not-found`.
    #[must_use]
    pub fn cause(&self) -> String {
        let verdict = &self.trace.verdict;
        verdict.detail.map_or_else(|| verdict.cause.as_str().to_owned(), |detail| format!("{} {detail}", verdict.cause.as_str()))
    }

    /// The cause in one word; of the scheduler's stops, whose reason fits several, only that they are its.
    #[must_use]
    pub fn cause_in_a_word(&self) -> &'static str {
        match self.trace.verdict.cause {
            Cause::Unknown if self.may_be_told_by_its_service() => "by the scheduler",
            cause => cause.as_str(),
        }
    }

    /// `service:revision`, or the family's where it is of no service.
    #[must_use]
    pub fn of_what(&self) -> String {
        let task = self.task();
        match (&task.service, task.revision) {
            (Some(service), Some(revision)) if task.family.as_ref() == Some(service) => format!("{service}:{revision}"),
            (Some(service), Some(_)) => format!("{service} ({})", task.definition_name().unwrap_or_default()),
            (Some(service), None) => service.clone(),
            (None, _) => task.definition_name().unwrap_or_default(),
        }
    }

    /// Who began it, where the task itself says so; a question mark where somebody must have and only CloudTrail can tell.
    #[must_use]
    pub fn who(&self) -> &'static str {
        let by = &self.trace.stopped_by;
        match (self.trace.timeline.stop_code(), by.status) {
            (Some(StopCode::SpotInterruption | StopCode::TerminationNotice), _) => "Spot",
            (Some(StopCode::EssentialContainerExited | StopCode::TaskFailedToStart), Status::Nobody) => "itself",
            (Some(StopCode::ServiceSchedulerInitiated), Status::Nobody) => "ECS",
            (_, Status::Nobody) => "nobody",
            (Some(StopCode::UserInitiated), _) => "StopTask ?",
            (Some(StopCode::ServiceSchedulerInitiated), _) => "scheduler ?",
            _ => "?",
        }
    }

    /// What ECS says of the end: the deciding container's code and reason, else its reason for the task.
    #[must_use]
    pub fn words(&self) -> String {
        let task = self.task();
        let decided = self.trace.verdict.container.as_deref().and_then(|name| task.containers.iter().find(|container| container.name == name));
        let ended = decided.or_else(|| task.containers.iter().find(|container| container.reason.is_some()));
        match ended {
            Some(container) => {
                let code = container.exit_code.map(|code| format!(" exited {code}")).unwrap_or_default();
                let reason = container.reason.as_deref().map(|reason| format!(", {reason}")).unwrap_or_default();
                let told = format!("{}{code}{reason}", container.name);
                if code.is_empty() && reason.is_empty() { task.stopped_reason.clone().unwrap_or(told) } else { told }
            }
            None => task.stopped_reason.clone().unwrap_or_default(),
        }
    }
}

/// What stops are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Cause,
    Service,
    Revision,
}

/// Stops that share a cause, a service or a revision.
#[derive(Debug, Clone)]
pub struct Group {
    pub key: String,
    pub count: usize,
    pub latest: Option<Timestamp>,
    /// How many of each cause; where grouped by cause, of each service.
    pub split: BTreeMap<String, usize>,
    /// The latest stop's task id.
    pub sample: String,
}

/// Counts stops, the most frequent group first. Holds the counts alone, however many there are.
#[derive(Debug)]
pub struct Counted {
    by: By,
    groups: BTreeMap<String, Group>,
    clusters: BTreeSet<String>,
}

impl Counted {
    #[must_use]
    pub fn new(by: By) -> Self {
        Self { by, groups: BTreeMap::new(), clusters: BTreeSet::new() }
    }

    pub fn add(&mut self, stop: &Stop) {
        let task = stop.task();
        self.clusters.insert(task.cluster.clone());
        // Another cluster's service of the same name is another service; a task of none is named by what it ran.
        let service = task.service.as_ref().map(|service| format!("{}/{service}", task.cluster));
        let service = service.unwrap_or_else(|| format!("family {}", task.family.as_deref().unwrap_or("unknown")));
        let (key, other) = match self.by {
            By::Cause => (stop.cause(), service),
            By::Service => (service, stop.cause()),
            By::Revision => (task.definition_name().unwrap_or_else(|| "unknown".to_owned()), stop.cause()),
        };
        let group = self.groups.entry(key.clone()).or_insert_with(|| Group { key, count: 0, latest: None, split: BTreeMap::new(), sample: String::new() });
        group.count += 1;
        *group.split.entry(other).or_default() += 1;
        if stop.at() >= group.latest || group.sample.is_empty() {
            group.latest = stop.at().or(group.latest);
            group.sample.clone_from(&stop.task().id);
        }
    }

    #[must_use]
    pub fn groups(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.groups.into_values().collect();
        if let (1, Some(cluster)) = (self.clusters.len(), self.clusters.first()) {
            // Of one cluster its name says nothing.
            let bare = |name: &str| name.strip_prefix(&format!("{cluster}/")).unwrap_or(name).to_owned();
            for group in &mut groups {
                group.key = bare(&group.key);
                group.split = std::mem::take(&mut group.split).into_iter().map(|(name, count)| (bare(&name), count)).collect();
            }
        }
        groups.sort_by(|a, b| (b.count, b.latest, &a.key).cmp(&(a.count, a.latest, &b.key)));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::fixtures::stopped;
    use super::*;

    fn stop(code: &str, reason: &str, exit_code: Option<i64>) -> Stop {
        Stop::of(stopped(code, reason, exit_code).task, Timestamp::from_second(2_000_000_000).expect("a time"))
    }

    #[test]
    fn a_stop_is_told_as_far_as_the_task_itself_tells_it() {
        let failed = stop("EssentialContainerExited", "Essential container in task exited", Some(3));
        assert_eq!((failed.cause().as_str(), failed.who(), failed.words().as_str()), ("app-error", "itself", "app exited 3"));
        let asked = stop("UserInitiated", "Task stopped by user", Some(143));
        assert_eq!((asked.cause().as_str(), asked.who()), ("stop-requested", "StopTask ?"), "that nobody was looked for is not nobody");
        let unhealthy = stop("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn:t)", Some(143));
        assert_eq!((unhealthy.trace.verdict.cause.as_str(), unhealthy.who()), ("elb-health-check", "ECS"));
        let replaced = stop("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(143));
        assert_eq!(replaced.who(), "scheduler ?");
    }

    #[test]
    fn the_most_frequent_group_stands_first_and_is_split() {
        let mut counted = Counted::new(By::Cause);
        for code in [Some(3), Some(1), Some(0)] {
            counted.add(&stop("EssentialContainerExited", "Essential container in task exited", code));
        }
        let groups = counted.groups();
        assert_eq!(groups.iter().map(|group| (group.key.as_str(), group.count)).collect::<Vec<_>>(), [("app-error", 2), ("completed", 1)]);
        assert_eq!(groups[0].split.values().sum::<usize>(), 2);
        assert!(!groups[0].sample.is_empty());
    }
}
