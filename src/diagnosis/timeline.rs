//! Evidence in order: numbered lines, phases, ties, and the questions rules ask of it.

use jiff::Timestamp;

use super::event::{Event, Level, LogLine, Phase, Precision, What, Witness};
use super::evidence::{Evidence, Reading, Source, Status};
use super::service::{MessageKind, ServiceMessage};
use super::task::{Container, ContainerDefinition, StopCode};

/// One numbered event. `n` counts from 1; the verdict cites lines by it.
#[derive(Debug, Clone)]
pub struct Line {
    pub n: usize,
    pub event: Event,
    pub phase: Phase,
    /// Another witness's event may have come before it: their clocks do not tell.
    pub tied: bool,
}

/// The evidence of one task, its events sorted and numbered.
#[derive(Debug, Clone)]
pub struct Timeline {
    pub evidence: Evidence,
    pub lines: Vec<Line>,
}

impl Timeline {
    #[must_use]
    pub fn new(mut evidence: Evidence) -> Self {
        let mut events = std::mem::take(&mut evidence.events);
        let own = task_events(&evidence, &events);
        events.extend(own);
        events.sort_by(|a, b| (a.at, a.rank(), a.witness, &a.container).cmp(&(b.at, b.rank(), b.witness, &b.container)).then_with(|| within_stream(a, b)));
        events.dedup_by(|later, earlier| later == earlier && !matches!(later.what, What::Logged(_)));
        let ties: Vec<bool> = (0..events.len()).map(|at| is_tied(&events, at)).collect();
        let lines =
            events.into_iter().zip(ties).enumerate().map(|(at, (event, tied))| Line { n: at + 1, phase: phase_of(&evidence, event.at, &event.what), event, tied }).collect();
        Self { evidence, lines }
    }

    /// The lines of one witness, or the reading that says why they may be missing: a gap is not an absence.
    ///
    /// # Errors
    /// The first reading of that source that left something unseen.
    pub fn seen_by(&self, source: Source) -> Result<(), &Reading> {
        match self.evidence.readings.iter().find(|reading| reading.source == source && reading.status.is_gap()) {
            Some(gap) => Err(gap),
            None => Ok(()),
        }
    }

    /// Whether the source has any reading at all that was completed.
    #[must_use]
    pub fn was_read(&self, source: Source) -> bool {
        self.evidence.readings.iter().any(|reading| reading.source == source && reading.status.was_read())
    }

    #[must_use]
    pub fn does_not_apply(&self, source: Source) -> bool {
        let mut readings = self.evidence.readings.iter().filter(|reading| reading.source == source).peekable();
        readings.peek().is_some() && readings.all(|reading| reading.status == Status::NotApplicable)
    }

    /// The line that tells when, and in ECS's words why, the stop began.
    #[must_use]
    pub fn stop_line(&self) -> Option<&Line> {
        self.lines.iter().find(|line| matches!(line.event.what, What::Stopping { .. }))
    }

    #[must_use]
    pub fn container_line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| matches!(line.event.what, What::ContainerEnded { .. }) && line.event.container.as_deref() == Some(name))
    }

    pub fn log_lines<'a>(&'a self, container: &'a str) -> impl DoubleEndedIterator<Item = (&'a Line, &'a LogLine)> {
        self.lines.iter().filter_map(move |line| match &line.event.what {
            What::Logged(logged) if line.event.container.as_deref() == Some(container) => Some((line, logged)),
            _ => None,
        })
    }

    /// Service messages with the number of their line.
    pub fn messages(&self) -> impl Iterator<Item = (usize, &ServiceMessage)> {
        self.lines.iter().filter_map(|line| match &line.event.what {
            What::Said(message) => Some((line.n, message)),
            _ => None,
        })
    }

    #[must_use]
    pub fn stop_code(&self) -> Option<&StopCode> {
        self.evidence.task.stop_code.as_ref()
    }

    /// `stoppedReason` with straight quotes, or nothing.
    #[must_use]
    pub fn stopped_reason(&self) -> String {
        super::service::straight_quotes(self.evidence.task.stopped_reason.as_deref().unwrap_or_default())
    }

    #[must_use]
    pub fn definition_of(&self, container: &str) -> Option<&ContainerDefinition> {
        self.evidence.definition.as_ref()?.container(container)
    }

    /// The essential container whose end stopped the task, where the codes and reasons tell it.
    #[must_use]
    pub fn culprit(&self) -> Option<&Container> {
        culprit(&self.evidence, |name| self.log_lines(name).next_back().map(|(line, _)| line.event.at))
    }

    /// The instant OFFSET counts from: the deciding container's end where it ended by itself, else the stop.
    #[must_use]
    pub fn zero(&self) -> Option<Timestamp> {
        let by_itself = matches!(self.stop_code(), Some(StopCode::EssentialContainerExited));
        let culprit = by_itself.then(|| self.culprit()).flatten().and_then(|c| self.container_line(&c.name));
        culprit.or_else(|| self.stop_line()).map(|line| line.event.at).or_else(|| self.evidence.task.last_known())
    }

    /// Milliseconds between the order to stop and the end of the last container, where the order came first.
    ///
    /// Fargate reports the end some 11 s late and, behind a load balancer, the wait for deregistration is part of it.
    #[must_use]
    pub fn stop_took(&self) -> Option<i64> {
        let times = &self.evidence.task.times;
        let took = times.execution_stopped?.as_millisecond() - times.stopping?.as_millisecond();
        (took >= 0).then_some(took)
    }
}

/// Whether a reason begins with an error name of the ECS agent, in either letter case of what follows.
#[must_use]
pub fn is_error_name(reason: &str, name: &str) -> bool {
    reason.trim_start().get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
}

/// Log lines of one stream keep the order they came in; everything else falls back to its text.
fn within_stream(a: &Event, b: &Event) -> std::cmp::Ordering {
    match (&a.what, &b.what) {
        (What::Logged(x), What::Logged(y)) if x.stream == y.stream => std::cmp::Ordering::Equal,
        _ => a.text().cmp(&b.text()),
    }
}

fn is_tied(events: &[Event], at: usize) -> bool {
    let event = &events[at];
    if event.precision == Precision::AtOrBefore {
        return true;
    }
    let overlaps = |a: &Event, b: &Event| b.at.as_millisecond() - a.at.as_millisecond() <= a.precision.spread();
    let near = |other: &Event| other.witness != event.witness && (event.precision != Precision::Millisecond || other.precision == Precision::Second);
    let before = events[..at].iter().rev().take_while(|other| event.at.as_millisecond() - other.at.as_millisecond() <= 999).any(|other| near(other) && overlaps(other, event));
    let after = events[at + 1..].iter().take_while(|other| other.at.as_millisecond() - event.at.as_millisecond() <= 999).any(|other| near(other) && overlaps(event, other));
    before || after
}

fn phase_of(evidence: &Evidence, at: Timestamp, what: &What) -> Phase {
    match what {
        What::PullStarted | What::PullStopped { .. } => return Phase::Pull,
        What::Created { .. } | What::Connected => return Phase::Provision,
        What::Started => return Phase::Start,
        What::Stopping { .. } | What::ContainerEnded { .. } | What::ExecutionStopped | What::Stopped => return Phase::Stop,
        _ => {}
    }
    let times = &evidence.task.times;
    let past = |time: Option<Timestamp>| time.is_some_and(|time| at >= time);
    if times.created.is_none() && !past(times.stopping) {
        return Phase::Run;
    }
    if past(times.stopped) && times.stopped != Some(at) {
        Phase::After
    } else if past(times.stopping) {
        Phase::Stop
    } else if past(times.started) {
        Phase::Run
    } else if past(times.pull_stopped) {
        Phase::Start
    } else if past(times.pull_started) {
        Phase::Pull
    } else if past(times.created) {
        Phase::Provision
    } else {
        Phase::Before
    }
}

/// The dated facts of the task itself.
fn task_events(evidence: &Evidence, gathered: &[Event]) -> Vec<Event> {
    let task = &evidence.task;
    let times = &task.times;
    let mut events = Vec::new();
    let mut tell = |at: Option<Timestamp>, precision: Precision, what: What| {
        if let Some(at) = at {
            events.push(Event { at, precision, witness: Witness::Ecs, level: Level::Info, container: None, what });
        }
    };
    let by = match (&task.service, &task.started_by) {
        (Some(service), Some(by)) if by.starts_with("ecs-svc/") => Some(format!("service {service}, deployment {by}")),
        (Some(service), _) => Some(format!("service {service}")),
        (None, Some(by)) => Some(by.clone()),
        (None, None) => None,
    };
    tell(times.created, Precision::Millisecond, What::Created { by });
    tell(times.connected, Precision::Millisecond, What::Connected);
    tell(times.pull_started, Precision::Millisecond, What::PullStarted);
    let took = times.pull_started.zip(times.pull_stopped).map(|(from, to)| to.as_millisecond() - from.as_millisecond()).filter(|took| *took >= 0);
    tell(times.pull_stopped, Precision::Millisecond, What::PullStopped { took });
    tell(times.started, Precision::Millisecond, What::Started);
    // A task may be STOPPED without a `stoppingAt` (its host vanished): the reason still gets its line.
    let told_stop = task.stop_code.is_some() || task.stopped_reason.is_some() || times.stopping.is_some();
    if told_stop {
        let what = What::Stopping { code: task.stop_code.clone(), reason: task.stopped_reason.clone() };
        let precision = if times.stopping.is_some() { Precision::Millisecond } else { Precision::AtOrBefore };
        tell(times.stopping.or(times.stopped).or(times.execution_stopped).or(Some(evidence.taken_at)), precision, what);
    }
    let whole_second = times.execution_stopped.is_some_and(|at| at.as_millisecond() % 1000 == 0);
    tell(times.execution_stopped, if whole_second { Precision::Second } else { Precision::Millisecond }, What::ExecutionStopped);
    tell(times.stopped, Precision::Millisecond, What::Stopped);

    // An end that caused the stop lies before it, whatever the (late) report of the last end says.
    let caused = matches!(task.stop_code, Some(StopCode::EssentialContainerExited));
    let only_one = task.containers.iter().filter(|c| c.has_ended()).count() == 1;
    let last_end = times.execution_stopped.or(times.stopped).or(times.stopping);
    let first_end = times.stopping.filter(|_| caused).zip(last_end).map(|(stopping, last)| stopping.min(last)).or(last_end);
    let last_word = |name: &str| {
        let logged = |event: &&Event| matches!(event.what, What::Logged(_)) && event.container.as_deref() == Some(name);
        gathered.iter().filter(logged).map(|event| event.at).max()
    };
    let culprit = caused.then(|| culprit(evidence, last_word)).flatten().map(|container| container.name.clone());
    for container in &task.containers {
        if !container.has_ended() && container.reason.is_none() && !task.is_stopping() {
            continue;
        }
        let is_culprit = culprit.as_deref() == Some(container.name.as_str());
        let Some(at) = (if is_culprit { first_end } else { last_end }).or(Some(evidence.taken_at)) else { continue };
        let exact = only_one && times.execution_stopped == Some(at);
        // What a stop leaves behind (0, SIGTERM's 143, SIGKILL's 137) is a consequence and no failure.
        let consequence = !is_culprit && matches!(container.exit_code, None | Some(0 | 137 | 143));
        let failed = !consequence && container.exit_code != Some(0) || container.reason.is_some();
        events.push(Event {
            at,
            precision: match (exact, whole_second) {
                (true, false) => Precision::Millisecond,
                (true, true) => Precision::Second,
                (false, _) => Precision::AtOrBefore,
            },
            witness: Witness::Ecs,
            level: if failed { Level::Error } else { Level::Info },
            container: Some(container.name.clone()),
            what: What::ContainerEnded { exit_code: container.exit_code, reason: container.reason.clone(), last_status: container.last_status.clone() },
        });
    }
    events
}

/// Essential by the task definition; an unknown definition makes every container essential but the injected ones.
#[must_use]
pub fn is_essential(evidence: &Evidence, container: &Container) -> bool {
    match &evidence.definition {
        Some(definition) => definition.container(&container.name).map_or(container.name.starts_with("ecs-service-connect-"), |c| c.essential),
        None => container.injected_by().is_none(),
    }
}

/// ECS gives no time per container. A reason of its own weighs most, then a code no ordered stop leaves behind
/// (not 0, 137, 143), then 137, then 0, then 143; among equals the one that fell silent first.
fn culprit(evidence: &Evidence, last_word: impl Fn(&str) -> Option<Timestamp>) -> Option<&Container> {
    let weight = |container: &Container| {
        let told = container.reason.as_deref().is_some_and(|reason| is_error_name(reason, "OutOfMemoryError"));
        match container.exit_code {
            Some(137) if told => 0,
            Some(code) if ![0, 137, 143].contains(&code) => 1,
            None if container.reason.is_some() => 1,
            Some(137) => 2,
            Some(0) => 3,
            Some(_) => 4,
            None => 5,
        }
    };
    let ended = evidence.task.containers.iter().filter(|container| container.has_ended() && is_essential(evidence, container));
    ended.min_by_key(|container| (weight(container), last_word(&container.name)))
}

/// Whether a service message concerns this task: it names it, or it names none and lies near its life's turns.
#[must_use]
pub fn concerns(message: &ServiceMessage, task: &super::task::Task) -> bool {
    if message.tasks.contains(&task.id) {
        return true;
    }
    let near = |turn: Option<Timestamp>, before: i64, after: i64| turn.is_some_and(|turn| (-before..=after).contains(&(message.at.as_millisecond() - turn.as_millisecond())));
    let around_stop = near(task.stop_anchor(), 300_000, 120_000);
    let around_start = near(task.times.started.or(task.times.created), 60_000, 60_000);
    match &message.kind {
        // Another task's start, stop or health is another story, unless it follows from this stop.
        MessageKind::Unhealthy { .. } => around_stop && (message.tasks.is_empty() || message.tasks.contains(&task.id)),
        MessageKind::Started => near(task.stop_anchor(), 0, 180_000),
        MessageKind::Stopped => false,
        MessageKind::Rebalancing
        | MessageKind::Other
        | MessageKind::CouldNotPlace
        | MessageKind::RollingBack
        | MessageKind::DeploymentFailed
        | MessageKind::DeploymentCompleted => around_stop || around_start,
        MessageKind::SteadyState => near(task.stop_anchor(), 60_000, 300_000),
        MessageKind::Registered { .. } => around_start,
        MessageKind::Deregistered { .. } | MessageKind::Draining => near(task.stop_anchor(), 60_000, 60_000),
    }
}
