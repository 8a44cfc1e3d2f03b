//! Evidence in order: numbered lines, phases, ties, and the questions rules ask of it.

use std::collections::HashMap;

use jiff::Timestamp;

use super::call::STOP_TASK;
use super::event::{Event, Level, LogLine, Phase, Precision, Sample, What, Witness};
use super::evidence::{Evidence, NoLines, Reading, Source, Status};
use super::measure::{Counted, Utilization};
use super::service::{MessageKind, ServiceMessage};
use super::stopped_by::{CALL_FITS_TO_THE_SECOND, CALL_MAY_TRAIL_BY, SETTLES_AFTER, TAKES_THE_HOST};
use super::task::{Container, ContainerDefinition, Station, StopCode, Task, Teller, may_follow_an_order};
use super::words;

/// Exit codes of signals that a process raises by what it does: no order to stop sends them.
const FATAL_SIGNALS: [i64; 5] = [132, 134, 135, 136, 139];
/// Milliseconds in which ECS stops a task that it has just called unhealthy; its times in an answer are cut to the second.
const UNHEALTHY_IS_STOPPED_WITHIN: i64 = 10_000;
/// An older sample says little of the end.
const SAMPLE_REACH: i64 = 180_000;

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
    stop_code: Option<StopCode>,
}

impl Timeline {
    #[must_use]
    pub fn new(mut evidence: Evidence) -> Self {
        super::reported::fill(&mut evidence);
        remember_kept_messages(&mut evidence);
        remember_the_order(&mut evidence);
        let mut events = std::mem::take(&mut evidence.events);
        let own = task_events(&evidence, &events);
        events.extend(own);
        for event in &mut events {
            // The metric's own "reserved" may be a soft limit, which stops nothing.
            if let What::Sampled(sample) = &mut event.what {
                sample.memory_limit = memory_limit(&evidence, event.container.as_deref());
            }
        }
        events.sort_by(|a, b| (a.at, a.rank(), a.witness, &a.container).cmp(&(b.at, b.rank(), b.witness, &b.container)).then_with(|| within_stream(a, b)));
        told_once(&mut events);
        events.dedup_by(|later, earlier| later == earlier && !matches!(later.what, What::Logged(_)));
        let ties: Vec<bool> = (0..events.len()).map(|at| is_tied(&events, at)).collect();
        let lines: Vec<Line> =
            events.into_iter().zip(ties).enumerate().map(|(at, (event, tied))| Line { n: at + 1, phase: phase_of(&evidence, event.at, &event.what), event, tied }).collect();
        Self { stop_code: stop_code(&evidence, &lines), evidence, lines }
    }

    /// The lines of one witness, or the reading that says why they may be missing: a gap is not an absence.
    ///
    /// # Errors
    /// The first reading of that source that left something unseen.
    pub fn seen_by(&self, source: Source) -> Result<(), &Reading> {
        match self.evidence.readings.iter().find(|reading| reading.source == source && !reading.aside && reading.status.is_gap()) {
            Some(gap) => Err(gap),
            None => Ok(()),
        }
    }

    /// Whether the source has any reading at all that was completed.
    #[must_use]
    pub fn was_read(&self, source: Source) -> bool {
        self.evidence.readings.iter().any(|reading| reading.source == source && !reading.aside && reading.status.was_read())
    }

    /// Of a task that is known by its logs alone: why not every cluster could be asked for it. Then it may run in one of them.
    #[must_use]
    pub fn may_still_run(&self) -> Option<&Reading> {
        let finds_it = |reading: &&Reading| matches!(reading.action.as_deref(), Some("ecs:ListClusters" | "ecs:DescribeTasks")) && reading.source == Source::Ecs && !reading.aside;
        let by_logs = self.evidence.task.told_by == Teller::Logs;
        self.evidence.readings.iter().filter(finds_it).find(|reading| by_logs && reading.status.is_gap())
    }

    /// Who may remember a task that ECS has forgotten, and was not read in full.
    #[must_use]
    pub fn unread_memory(&self) -> Vec<&Reading> {
        let remembers = |reading: &&Reading| reading.may_remember() && reading.status.is_gap();
        let kept = |reading: &&Reading| !matches!(reading.status, Status::Expired | Status::Skipped);
        self.evidence.readings.iter().filter(remembers).filter(kept).collect()
    }

    #[must_use]
    pub fn does_not_apply(&self, source: Source) -> bool {
        let mut readings = self.evidence.readings.iter().filter(|reading| reading.source == source).peekable();
        readings.peek().is_some() && readings.all(|reading| reading.status == Status::NotApplicable)
    }

    /// The line that tells when, and in ECS's words why, the stop began.
    #[must_use]
    pub fn stop_line(&self) -> Option<&Line> {
        self.lines.iter().find(|line| matches!(line.event.what.plain(), What::Stopping { .. }))
    }

    #[must_use]
    pub fn container_line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| matches!(line.event.what, What::ContainerEnded { .. }) && line.event.container.as_deref() == Some(name))
    }

    /// The line that says where a container's lines are if not here, or that there are none.
    #[must_use]
    pub fn unlogged_line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| matches!(line.event.what, What::NotLogged { .. }) && line.event.container.as_deref() == Some(name))
    }

    /// Why this container's log was not read to the end. Another container's gap is not its own.
    #[must_use]
    pub fn log_gap(&self, container: &str) -> Option<&Reading> {
        let own = |reading: &&Reading| reading.source == Source::Logs && reading.status.is_gap() && reading.container.as_deref().is_none_or(|of| of == container);
        self.evidence.readings.iter().find(own)
    }

    pub fn log_lines<'a>(&'a self, container: &'a str) -> impl DoubleEndedIterator<Item = (&'a Line, &'a LogLine)> {
        self.lines.iter().filter_map(move |line| match &line.event.what {
            What::Logged(logged) if line.event.container.as_deref() == Some(container) => Some((line, logged)),
            _ => None,
        })
    }

    /// The last samples before the stop, if they are of its last minutes: the container each is of, or none for the task.
    pub fn last_samples(&self) -> impl Iterator<Item = (&Line, &Sample)> {
        let stop = self.evidence.task.stop_anchor().map(Timestamp::as_millisecond);
        self.lines.iter().filter_map(move |line| match &line.event.what {
            What::Sampled(sample) if !sample.peak && stop.is_some_and(|stop| stop - line.event.at.as_millisecond() <= SAMPLE_REACH) => Some((line, sample)),
            _ => None,
        })
    }

    /// The last minute's shares before the stop, if it is one of its last minutes.
    pub fn last_utilizations(&self) -> impl Iterator<Item = (&Line, &Utilization)> {
        let stop = self.evidence.task.stop_anchor().map(Timestamp::as_millisecond);
        self.lines.iter().filter_map(move |line| match &line.event.what {
            What::Utilized(utilization) if !utilization.peak && stop.is_some_and(|stop| stop - line.event.at.as_millisecond() <= SAMPLE_REACH) => Some((line, utilization)),
            _ => None,
        })
    }

    /// What the load balancer counted of a target group, in order.
    pub fn counted<'a>(&'a self, target_group: &'a str) -> impl Iterator<Item = (&'a Line, &'a Counted)> {
        self.lines.iter().filter_map(move |line| match &line.event.what {
            What::Counted(counted) if counted.target_group == target_group => Some((line, counted)),
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

    /// The service's word that the load balancer called this task unhealthy, seconds before the scheduler stopped it, where
    /// ECS's reason for the stop is lost.
    #[must_use]
    pub fn unhealthy_before_a_lost_stop(&self) -> Option<(usize, &ServiceMessage)> {
        let task = &self.evidence.task;
        let scheduled = matches!(self.stop_code(), Some(StopCode::ServiceSchedulerInitiated));
        let is_lost = task.is_reason_lost();
        let names_it = |message: &ServiceMessage| message.tasks.contains(&task.id);
        let (_, stopped) = self.messages().find(|(_, message)| message.says_it_stopped(&task.id)).filter(|_| scheduled && is_lost)?;
        let lead = |message: &ServiceMessage| stopped.at.as_millisecond() - message.at.as_millisecond();
        self.messages()
            .filter(|(_, message)| matches!(message.kind, MessageKind::Unhealthy { .. }) && names_it(message) && (0..=UNHEALTHY_IS_STOPPED_WITHIN).contains(&lead(message)))
            .last()
    }

    /// The service's word that it stopped this task to move it to another zone, where ECS's reason for the stop is lost.
    #[must_use]
    pub fn rebalanced_in_a_lost_stop(&self) -> Option<usize> {
        let task = &self.evidence.task;
        let is_lost = task.is_reason_lost() && matches!(self.stop_code(), Some(StopCode::ServiceSchedulerInitiated));
        let told = |(_, message): &(usize, &ServiceMessage)| message.kind == MessageKind::Rebalancing && message.says_it_stopped(&task.id);
        self.messages().find(told).map(|(n, _)| n).filter(|_| is_lost)
    }

    /// How the stop began: ECS's stop code; where it gives none, what an accepted StopTask or ECS's fixed reason says.
    #[must_use]
    pub fn stop_code(&self) -> Option<&StopCode> {
        self.stop_code.as_ref()
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
        let last_word = |name: &str| self.log_lines(name).next_back().map(|(line, _)| line.event.at);
        let stop = self.evidence.task.stop_anchor();
        culprit(&self.evidence, last_word, |name| self.lines.iter().any(|line| had_filled_its_memory(&line.event, name, stop)))
    }

    /// Of a task whose end an agent's report alone tells, the essential container that memory or a fatal signal ended: whether
    /// something had asked it to stop before is not known.
    #[must_use]
    pub fn reported_kill(&self) -> Option<(&Container, &Line)> {
        let evidence = &self.evidence;
        let is_own = |container: &Container| container.was_killed_for_memory() || container.exit_code.is_some_and(|code| FATAL_SIGNALS.contains(&code));
        let is_it = |container: &&Container| container.reported.is_some() && is_essential(evidence, container) && is_own(container);
        let killed = evidence.task.containers.iter().find(is_it).filter(|_| self.stop_code().is_none() && is_end_alone_reported(&evidence.task))?;
        Some((killed, self.container_line(&killed.name)?))
    }

    /// Of a task of no service whose end an agent's report alone tells, an essential container that left with 0, where all of
    /// them did and nobody is known to have asked for it: most likely it was done.
    #[must_use]
    pub fn reported_end_of_a_job(&self) -> Option<(&Container, &Line)> {
        let evidence = &self.evidence;
        let of_no_service = evidence.task.group.as_deref().is_some_and(|group| group.starts_with("family:"));
        let mut essential = evidence.task.containers.iter().filter(|container| is_essential(evidence, container));
        let first = essential.next().filter(|_| of_no_service && self.stop_code().is_none() && is_end_alone_reported(&evidence.task))?;
        let is_done = |container: &Container| container.reported.is_some() && container.exit_code == Some(0);
        let took_the_host = |line: &Line| matches!(&line.event.what, What::Called(call) if TAKES_THE_HOST.contains(&call.name.as_str()) && call.succeeded());
        if !(is_done(first) && essential.all(is_done)) || self.lines.iter().any(took_the_host) {
            return None;
        }
        Some((first, self.container_line(&first.name)?))
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

fn stop_code(evidence: &Evidence, lines: &[Line]) -> Option<StopCode> {
    let task = &evidence.task;
    let accepted = |line: &Line| {
        let What::Called(call) = &line.event.what else { return false };
        let lead = task.stop_anchor().map(|stop| stop.as_millisecond() - call.time.as_millisecond());
        let may_be_it = !task.is_forgotten() || task.may_have_been_asked(call.time);
        call.name == STOP_TASK && call.succeeded() && may_be_it && lead.is_some_and(|lead| (-CALL_MAY_TRAIL_BY..=CALL_FITS_TO_THE_SECOND).contains(&lead))
    };
    // The service's own word, where ECS's about the task is lost.
    let scheduled = |line: &&Line| matches!(&line.event.what, What::Said(message) if message.says_it_stopped(&task.id));
    let called = lines.iter().find(|line| accepted(line)).map(|line| line.event.at);
    let scheduled = lines.iter().find(scheduled).map(|line| line.event.at).filter(|_| task.is_forgotten());
    // The first of the two began the stop. ECS says nothing of a service's task that a call stopped.
    let is_first = |at: Timestamp| called.is_none_or(|called| called.as_millisecond() >= at.as_millisecond() - CALL_MAY_TRAIL_BY);
    let by_the_scheduler = || scheduled.filter(|at| task.stopped_reason.is_none() && is_first(*at)).map(|_| StopCode::ServiceSchedulerInitiated);
    let never_started = || {
        let reasons = task.containers.iter().filter(|container| container.reported.is_some()).filter_map(|container| container.reason.as_deref());
        reasons.filter_map(StopCode::of_reason).find(|code| *code == StopCode::TaskFailedToStart).filter(|_| is_end_alone_reported(task))
    };
    task.stop_code
        .clone()
        .or_else(by_the_scheduler)
        .or_else(|| called.map(|_| StopCode::UserInitiated))
        .or_else(|| task.told_stop_code())
        .or_else(never_started)
        .or_else(|| ended_by_itself(evidence, lines).then_some(StopCode::EssentialContainerExited))
}

/// A call to stop a task that nobody knew of when the task was put together from what CloudTrail keeps of it.
fn remember_the_order(evidence: &mut Evidence) {
    let task = &evidence.task;
    if !is_end_alone_reported(task) || task.stop_code.is_some() {
        return;
    }
    let asked = evidence.events.iter().filter_map(|event| match &event.what {
        What::Called(call) if call.name == STOP_TASK && call.succeeded() && call.response_status.as_deref() != Some("STOPPED") => Some(call.time),
        _ => None,
    });
    let first = asked.min().filter(|at| task.may_have_been_asked(*at));
    evidence.task.times.asked_to_stop = first;
}

/// Whether an agent's report is all that tells of a task's end: neither ECS's reason nor anybody's order is known.
fn is_end_alone_reported(task: &Task) -> bool {
    task.told_by == Teller::Cloudtrail && task.stopped_reason.is_none() && task.times.stopping.or(task.times.asked_to_stop).is_none()
}

/// Whether an agent's report shows that a container's own end stopped a task whose reason is lost: it was no service's, nobody
/// had called StopTask, as far as CloudTrail has had the time to tell, nobody had taken its host away, and the end is none
/// that an order or a host's shutdown leaves behind.
fn ended_by_itself(evidence: &Evidence, lines: &[Line]) -> bool {
    let task = &evidence.task;
    let of_no_service = task.group.as_deref().is_some_and(|group| group.starts_with("family:"));
    let asked = |name: &str| -> Vec<Status> {
        let of_name = |reading: &&Reading| reading.source == Source::Cloudtrail && reading.about.as_deref() == Some(name);
        evidence.readings.iter().filter(of_name).map(|reading| reading.status).collect()
    };
    let was_read = |statuses: &[Status]| statuses.iter().all(|status| status.was_read());
    let stops = asked(STOP_TASK);
    let nobody_asked = !stops.is_empty() && was_read(&stops);
    let is_settled = task.stop_anchor().is_some_and(|stop| evidence.taken_at.duration_since(stop) >= SETTLES_AFTER);
    let took_the_host =
        |line: &Line| matches!(&line.event.what, What::Called(call) if TAKES_THE_HOST.contains(&call.name.as_str()) && call.succeeded() && task.may_have_been_asked(call.time));
    let looked = |name: &str| Some(asked(name)).is_some_and(|read| !read.is_empty() && was_read(&read));
    let host_stayed = TAKES_THE_HOST.iter().all(|name| looked(name)) && !lines.iter().any(took_the_host);
    let by_itself =
        |container: &Container| container.reported.is_some() && (container.was_killed_for_memory() || container.exit_code.is_some_and(|code| !may_follow_an_order(code)));
    let mut essential = task.containers.iter().filter(|container| is_essential(evidence, container)).peekable();
    // Which of several is essential only the task definition tells.
    let ended = if evidence.definition.is_some() { essential.any(by_itself) } else { essential.peek().is_some() && essential.all(by_itself) };
    is_end_alone_reported(task) && of_no_service && nobody_asked && is_settled && host_stayed && ended
}

/// What an answer in CloudTrail kept of the service's events is the service's own word: its story is read from them, too.
fn remember_kept_messages(evidence: &mut Evidence) {
    let Some(service) = &mut evidence.service else { return };
    for event in &evidence.events {
        if let What::Said(message) = &event.what
            && !service.messages.iter().any(|known| known.id == message.id && known.text == message.text)
        {
            service.messages.push(message.clone());
        }
    }
}

/// A service event that CloudTrail has kept in several answers, or that the service itself still tells, stands once: as
/// exactly as it was told.
fn told_once(events: &mut Vec<Event>) {
    let mut told: HashMap<(String, String), Precision> = HashMap::new();
    let id = |event: &Event| match &event.what {
        What::Said(message) if !message.id.is_empty() => Some((message.id.clone(), message.text.clone())),
        _ => None,
    };
    for event in events.iter() {
        if let Some(id) = id(event) {
            told.entry(id).and_modify(|best| *best = event.precision.min(*best)).or_insert(event.precision);
        }
    }
    // The one that is kept takes its entry with it.
    events.retain(|event| id(event).is_none_or(|id| told.get(&id) == Some(&event.precision) && told.remove(&id).is_some()));
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
    if matches!(event.precision, Precision::AtOrBefore | Precision::Minute) {
        return true;
    }
    let overlaps = |a: &Event, b: &Event| b.at.as_millisecond() - a.at.as_millisecond() <= a.precision.spread();
    let near = |other: &Event| other.witness != event.witness && (event.precision != Precision::Millisecond || other.precision == Precision::Second);
    let before = events[..at].iter().rev().take_while(|other| event.at.as_millisecond() - other.at.as_millisecond() <= 999).any(|other| near(other) && overlaps(other, event));
    let after = events[at + 1..].iter().take_while(|other| other.at.as_millisecond() - event.at.as_millisecond() <= 999).any(|other| near(other) && overlaps(event, other));
    before || after
}

fn phase_of(evidence: &Evidence, at: Timestamp, what: &What) -> Phase {
    match what.plain() {
        What::PullStarted | What::PullStopped { .. } => return Phase::Pull,
        What::Created { .. } | What::Connected => return Phase::Provision,
        What::Started => return Phase::Start,
        What::Stopping { .. } | What::ContainerEnded { .. } | What::ExecutionStopped | What::Stopped => return Phase::Stop,
        What::AttachmentFailed { .. } => return Phase::Provision,
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

fn witness_of(teller: Teller) -> Witness {
    match teller {
        Teller::Ecs => Witness::Ecs,
        Teller::Archive | Teller::Logs => Witness::Archive,
        Teller::Cloudtrail => Witness::Cloudtrail,
        Teller::Insights => Witness::Metric,
    }
}

/// The dated facts of the task itself.
fn task_events(evidence: &Evidence, gathered: &[Event]) -> Vec<Event> {
    let task = &evidence.task;
    let times = &task.times;
    let mut events = Vec::new();
    let mut tell = |at: Option<Timestamp>, precision: Precision, station: Option<Station>, what: What| {
        let Some(at) = at else { return };
        let what = match station.and_then(|station| task.kept_in(station)) {
            Some(call) => What::Kept { call: call.clone(), what: Box::new(what) },
            None => what,
        };
        let witness = witness_of(station.map_or(task.told_by, |station| task.teller_of(station)));
        // CloudTrail writes the times in an answer to the second, and so may others.
        let is_cut = matches!(witness, Witness::Cloudtrail | Witness::Metric) && at.as_millisecond() % 1000 == 0;
        let precision = if is_cut && precision == Precision::Millisecond { Precision::Second } else { precision };
        events.push(Event { at, precision, witness, level: Level::Info, container: None, what });
    };
    let how = match (&task.service, &task.started_by) {
        (Some(service), Some(by)) if by.starts_with("ecs-svc/") => Some(format!("by service {service}, deployment {by}")),
        (Some(service), _) => Some(format!("by service {service}")),
        // Whoever runs a task may type anything into it.
        (None, Some(by)) => Some(format!("(startedBy {})", words::quoted(by))),
        (None, None) => None,
    };
    tell(times.created, Precision::Millisecond, Some(Station::Created), What::Created { how });
    tell(times.connected, Precision::Millisecond, Some(Station::Connected), What::Connected);
    tell(times.pull_started, Precision::Millisecond, Some(Station::PullStarted), What::PullStarted);
    let took = times.pull_started.zip(times.pull_stopped).map(|(from, to)| to.as_millisecond() - from.as_millisecond()).filter(|took| *took >= 0);
    tell(times.pull_stopped, Precision::Millisecond, Some(Station::PullStopped), What::PullStopped { took });
    tell(times.started, Precision::Millisecond, Some(Station::Started), What::Started);
    // A task may be STOPPED without a `stoppingAt` (its host vanished): the reason still gets its line.
    let told_stop = task.stop_code.is_some() || task.stopped_reason.is_some() || times.stopping.is_some();
    if told_stop {
        let what = What::Stopping { code: task.stop_code.clone(), reason: task.stopped_reason.clone() };
        let precision = if times.stopping.is_some() { Precision::Millisecond } else { Precision::AtOrBefore };
        let at = times.stopping.or(times.asked_to_stop).or(times.stopped).or(times.execution_stopped);
        tell(at.or(Some(evidence.taken_at)), precision, Some(Station::Stopping), what);
    }
    for attachment in &task.attachments {
        if let Some(reason) = attachment.status_reason() {
            let kind = if attachment.is_volume() { "EBS volume".to_owned() } else { attachment.kind.clone() };
            let at = times.stopping.or(times.stopped).or(times.execution_stopped).unwrap_or(evidence.taken_at);
            tell(Some(at), Precision::AtOrBefore, None, What::AttachmentFailed { kind, reason: reason.to_owned() });
        }
    }
    let whole_second = times.execution_stopped.is_some_and(|at| at.as_millisecond() % 1000 == 0);
    tell(times.execution_stopped, if whole_second { Precision::Second } else { Precision::Millisecond }, Some(Station::ExecutionStopped), What::ExecutionStopped);
    tell(times.stopped, Precision::Millisecond, Some(Station::Stopped), What::Stopped);

    // An end that caused the stop lies before it, whatever the (late) report of the last end says.
    let caused = matches!(task.told_stop_code(), Some(StopCode::EssentialContainerExited));
    let only_one = task.containers.iter().filter(|c| c.has_ended()).count() == 1;
    let last_end = times.execution_stopped.or(times.stopped).or(times.stopping);
    let first_end = times.stopping.filter(|_| caused).zip(last_end).map(|(stopping, last)| stopping.min(last)).or(last_end);
    let last_word = |name: &str| {
        let logged = |event: &&Event| matches!(event.what, What::Logged(_)) && event.container.as_deref() == Some(name);
        gathered.iter().filter(logged).map(|event| event.at).max()
    };
    let filled = |name: &str| gathered.iter().any(|event| had_filled_its_memory(event, name, task.stop_anchor()));
    let culprit = caused.then(|| culprit(evidence, last_word, filled)).flatten().map(|container| container.name.clone());
    for container in &task.containers {
        let untold = !container.has_ended() && container.reason.is_none();
        let tells_no_end = match task.told_by {
            Teller::Ecs => !task.is_stopping(),
            Teller::Archive => !told_stop && times.stopped.is_none(),
            // How a container stood when a call came, or a record was taken, is not how it ended.
            Teller::Cloudtrail | Teller::Insights => true,
            Teller::Logs => true,
        };
        if untold && tells_no_end {
            continue;
        }
        let is_culprit = culprit.as_deref() == Some(container.name.as_str());
        let Some(at) = (if is_culprit { first_end } else { last_end }).or(Some(evidence.taken_at)) else { continue };
        let at = container.reported.as_ref().map_or(at, |reported| reported.at);
        let exact = only_one && (times.execution_stopped == Some(at) || container.reported.is_some());
        // What a stop leaves behind (0, SIGTERM's 143, SIGKILL's 137) is a consequence and no failure.
        let consequence = !is_culprit && container.exit_code.is_none_or(may_follow_an_order);
        let failed = !consequence && container.exit_code != Some(0) || container.reason.is_some();
        events.push(Event {
            at,
            precision: match (exact, whole_second || container.reported.is_some()) {
                (true, false) => Precision::Millisecond,
                (true, true) => Precision::Second,
                (false, _) => Precision::AtOrBefore,
            },
            witness: if container.reported.is_some() { Witness::Cloudtrail } else { witness_of(task.told_by) },
            level: if failed { Level::Error } else { Level::Info },
            container: Some(container.name.clone()),
            what: What::ContainerEnded {
                exit_code: container.exit_code,
                reason: container.reason.clone(),
                last_status: container.last_status.clone(),
                reported: container.reported.clone(),
            },
        });
    }
    events.extend(not_logged(evidence));
    events.extend(super::neighbours::events(evidence, culprit.as_deref()));
    events
}

/// Of each essential container that ran and of which there is no line: why, as it was found when asked.
fn not_logged(evidence: &Evidence) -> impl Iterator<Item = Event> {
    let ran = |name: &str| evidence.task.containers.iter().any(|container| container.name == name && container.exit_code.is_some() && is_essential(evidence, container));
    evidence.unlogged.iter().filter(move |unlogged| ran(&unlogged.container)).map(|unlogged| {
        let name = &unlogged.container;
        let text = match &unlogged.why {
            NoLines::Silent { stream } => format!("when asked, the log stream {stream} was empty"),
            NoLines::NoStream { stream } => format!("when asked, there was no log stream {stream}"),
            NoLines::NoGroup { group, region } => format!("when asked, there was no log group {group} in {region}"),
            NoLines::NoDriver => format!("{name} has no log driver in its task definition"),
            NoLines::OtherDriver { driver, destination } => {
                let to = destination.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
                format!("{name} logs through {driver}{to}, not to CloudWatch Logs")
            }
        };
        let what = What::NotLogged { text };
        Event { at: evidence.taken_at, precision: Precision::Millisecond, witness: Witness::Logs, level: Level::Info, container: Some(name.clone()), what }
    })
}

/// MiB: the hard limit of a container, or of the whole task; a container may have none of its own and then shares the
/// task's, and on EC2 there may be none at all. `memoryReservation` is a soft limit and limits nothing.
#[must_use]
pub fn memory_limit(evidence: &Evidence, container: Option<&str>) -> Option<i64> {
    let defined = evidence.definition.as_ref();
    let limited = evidence.task.runs_on_fargate() || defined.is_some_and(|definition| definition.memory.is_some());
    // On EC2 ECS also gives a size to tasks that have none: the sum of what their containers reserve.
    let whole = evidence.task.memory.as_deref().filter(|_| limited).and_then(|memory| memory.trim().parse::<i64>().ok()).filter(|memory| *memory > 0);
    let whole = whole.or_else(|| defined.and_then(|definition| definition.memory));
    let own = container.and_then(|name| defined?.container(name)?.memory);
    own.into_iter().chain(whole).min()
}

/// Whether a share of "reserved" memory is one of a hard limit: on Fargate always; on EC2 only where every container has
/// a hard limit and none reserves less, for `memoryReservation` limits nothing and may be exceeded.
#[must_use]
pub fn is_reserved_a_limit(evidence: &Evidence) -> bool {
    let hard = |definition: &super::task::TaskDefinition| definition.containers.iter().all(|container| container.memory.is_some() && container.memory_reservation.is_none());
    evidence.task.runs_on_fargate() || evidence.definition.as_ref().is_some_and(|definition| definition.memory.is_some() || hard(definition))
}

/// Essential by the task definition; an unknown definition makes every container essential. Of what AWS puts beside
/// them a Service Connect proxy is (the task ends with it), a GuardDuty agent is not.
#[must_use]
pub fn is_essential(evidence: &Evidence, container: &Container) -> bool {
    match &evidence.definition {
        Some(definition) => definition.container(&container.name).map_or(container.injected_by() == Some("Service Connect"), |c| c.essential),
        None => container.injected_by() != Some("GuardDuty"),
    }
}

/// Per cent of the hard limit. One-minute samples lag behind: what stood here was at its limit or about to be.
pub(super) const AT_THE_LIMIT: i64 = 95;

/// Whether a sample of the container's last minutes shows it at its limit.
fn had_filled_its_memory(event: &Event, container: &str, stop: Option<Timestamp>) -> bool {
    let What::Sampled(sample) = &event.what else { return false };
    let is_late = stop.is_some_and(|stop| stop.as_millisecond() - event.at.as_millisecond() <= SAMPLE_REACH);
    let is_full = sample.memory_percent().is_some_and(|percent| percent >= AT_THE_LIMIT);
    event.container.as_deref() == Some(container) && !sample.peak && is_late && is_full
}

/// ECS gives no time per container. A reason of its own weighs most, then a code no ordered stop leaves behind
/// (not 0, 137, 143), then 137, then 0, then 143; among equals the one that fell silent first. A 137 beside another
/// end is a consequence where the last end came as late as SIGKILL would have.
fn culprit(evidence: &Evidence, last_word: impl Fn(&str) -> Option<Timestamp>, had_filled_its_memory: impl Fn(&str) -> bool) -> Option<&Container> {
    let times = &evidence.task.times;
    let waited = times.stopping.zip(times.execution_stopped).map_or(0, |(order, end)| end.as_millisecond() - order.as_millisecond());
    // An end that is cut to the second may be up to 999 ms later, and the host's clock is another than ECS's.
    let cut = times.execution_stopped.is_some_and(|end| end.as_millisecond() % 1_000 == 0);
    let timed_out = |container: &Container| waited + if cut { 1_999 } else { 0 } >= super::notes::allowed_seconds(evidence, container) * 1000;
    let weight = |container: &Container| {
        let told = container.was_killed_for_memory();
        match container.exit_code {
            Some(137) if told => 0,
            // The proxy is stopped like all others; only a code of its own makes it the one that stopped them.
            Some(code) if container.injected_by().is_some() && may_follow_an_order(code) => 7,
            Some(code) if !may_follow_an_order(code) => 1,
            None if container.reason.is_some() => 1,
            Some(137) if had_filled_its_memory(&container.name) => 2,
            Some(137) if timed_out(container) => 5,
            Some(137) => 3,
            Some(0) => 4,
            Some(_) => 6,
            None => 7,
        }
    };
    let ended = evidence.task.containers.iter().filter(|container| container.has_ended() && is_essential(evidence, container));
    // What still wrote after the stop had begun was stopped by it, whatever code it left with.
    let spoke_on = |container: &Container| evidence.task.times.stopping.zip(last_word(&container.name)).is_some_and(|(stopping, last)| last > stopping);
    // Where the definition is unknown, of two equals the user's own container is meant.
    let injected = |container: &Container| evidence.definition.is_none() && container.injected_by().is_some();
    ended.min_by_key(|container| {
        (weight(container) > 0 && spoke_on(container), weight(container), injected(container), last_word(&container.name).is_none(), last_word(&container.name))
    })
}

/// Whether a target of that address can be this task's; an instance hosts many tasks, which the host port tells apart.
fn may_be_target(task: &super::task::Task, instance: Option<&str>, port: Option<i64>) -> bool {
    let hosts: Vec<i64> = task.containers.iter().flat_map(|container| &container.ports).map(|(_, host)| *host).collect();
    match instance {
        Some(id) if id.starts_with("i-") => hosts.is_empty() || port.is_none_or(|port| hosts.contains(&port)),
        Some(address) => {
            let own = task.private_ips();
            own.is_empty() || own.iter().any(|ip| ip == address)
        }
        None => true,
    }
}

/// Whether a service message concerns this task: it names it, or it names none and lies near its life's turns.
#[must_use]
pub fn concerns(message: &ServiceMessage, task: &super::task::Task) -> bool {
    if !task.exists() {
        // A service is asked about: what it could not do, and when it was well.
        return matches!(
            message.kind,
            MessageKind::CouldNotPlace | MessageKind::DeploymentFailed | MessageKind::RollingBack | MessageKind::SteadyState | MessageKind::Unhealthy { .. } | MessageKind::Other
        );
    }
    if message.tasks.contains(&task.id) {
        return true;
    }
    let near = |turn: Option<Timestamp>, before: i64, after: i64| turn.is_some_and(|turn| (-before..=after).contains(&(message.at.as_millisecond() - turn.as_millisecond())));
    let around_stop = near(task.stop_anchor(), 300_000, 120_000);
    let around_start = near(task.times.started.or(task.times.created), 60_000, 60_000);
    match &message.kind {
        // Another task's start, stop or health is another story, unless it follows from this stop.
        MessageKind::Unhealthy { instance, port, .. } => around_stop && message.tasks.is_empty() && may_be_target(task, instance.as_deref(), *port),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::event::LogLine;
    use super::super::rules::fixtures::{at, judged, logged, said, stopped};
    use super::*;

    fn texts(timeline: &Timeline) -> Vec<String> {
        timeline.lines.iter().map(|line| line.event.text()).collect()
    }

    fn event(offset: i64, kind: u8, text: &str) -> Event {
        let what = match kind % 3 {
            0 => What::Said(ServiceMessage::read(&format!("{offset} {text}"), at(offset), text)),
            1 => What::Logged(LogLine { text: text.to_owned(), stream: format!("s{offset}"), ..LogLine::default() }),
            _ => What::HostNow { text: text.to_owned() },
        };
        Event { at: at(offset), precision: Precision::Millisecond, witness: Witness::Service, level: Level::Info, container: None, what }
    }

    proptest! {
        #[test]
        fn arrival_order_does_not_matter_nothing_is_lost_and_lines_are_numbered(
            events in proptest::collection::btree_set((-600_000_i64..60_000, 0_u8..3, "[a-z]{1,6}"), 0..30),
            seed in any::<u64>(),
        ) {
            let base = stopped("EssentialContainerExited", "Essential container in task exited", Some(1));
            let mut evidence = base.clone();
            evidence.events = events.iter().map(|(offset, kind, text)| event(*offset, *kind, text)).collect();
            let mut shuffled = evidence.clone();
            let count = shuffled.events.len();
            for round in 0..count {
                shuffled.events.swap(round, usize::try_from(seed).unwrap_or(7).wrapping_mul(round + 1) % count);
            }
            let bare = Timeline::new(base).lines.len();
            let timeline = Timeline::new(evidence);
            prop_assert_eq!(texts(&timeline), texts(&Timeline::new(shuffled)));
            prop_assert_eq!(timeline.lines.len(), bare + events.len());
            for (index, line) in timeline.lines.iter().enumerate() {
                prop_assert_eq!(line.n, index + 1);
            }
            for pair in timeline.lines.windows(2) {
                prop_assert!(pair[0].event.at <= pair[1].event.at);
            }
        }
    }

    #[test]
    fn a_service_event_that_an_answer_in_cloudtrail_kept_too_stands_once_and_exactly() {
        let mut evidence = stopped("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn:t)", Some(143));
        let said = |at: Timestamp, id: &str, precision: Precision| Event::said(ServiceMessage::read(id, at, "(service web) has reached a steady state."), precision);
        let exact = |offset: i64| said(at(offset + 120), "1", Precision::Millisecond);
        evidence.events = vec![said(at(0), "1", Precision::Second), exact(0), said(at(0), "1", Precision::Second), said(at(60_000), "2", Precision::Second)];
        let timeline = Timeline::new(evidence);
        let told: Vec<_> = timeline.lines.iter().filter(|line| matches!(line.event.what, What::Said(_))).map(|line| (line.event.at, line.event.precision)).collect();
        assert_eq!(told, [(at(120), Precision::Millisecond), (at(60_000), Precision::Second)]);
    }

    #[test]
    fn without_a_stop_code_ecs_own_words_tell_the_beginning_and_weaken_the_verdict() {
        let ended = judged(stopped("", "Essential container in task exited", Some(139))).verdict;
        assert_eq!((ended.cause.as_str(), ended.confidence.as_str()), ("crashed", "likely"));
        let elb = judged(stopped("", "Task failed ELB health checks in (target-group arn:t)", Some(0)));
        assert_eq!((elb.verdict.cause.as_str(), elb.stopped_by.status.as_str()), ("elb-health-check", "nobody"));
        assert_eq!(judged(stopped("", "we are done with it", Some(0))).verdict.cause.as_str(), "unknown");
    }

    #[test]
    fn a_137_that_came_as_late_as_sigkill_is_no_container_that_ended_first() {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(0));
        evidence.task.times.execution_stopped = Some(at(31_000));
        let other = Container { name: "proxy".to_owned(), exit_code: Some(137), last_status: Some("STOPPED".to_owned()), ..Container::default() };
        evidence.task.containers.push(other);
        evidence.definition.as_mut().expect("a definition").containers.push(ContainerDefinition { name: "proxy".to_owned(), essential: true, ..ContainerDefinition::default() });
        assert_eq!(judged(evidence.clone()).verdict.container.as_deref(), Some("app"));
        evidence.task.times.execution_stopped = Some(at(5_000));
        assert_eq!(judged(evidence).verdict.container.as_deref(), Some("proxy"));
    }

    #[test]
    fn which_of_two_containers_ended_the_task_is_only_possible_without_the_definition() {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(1));
        let other = Container { name: "worker".to_owned(), exit_code: Some(2), last_status: Some("STOPPED".to_owned()), ..Container::default() };
        evidence.task.containers.push(other);
        evidence.definition = None;
        let verdict = judged(evidence.clone()).verdict;
        assert_eq!((verdict.confidence.as_str(), verdict.is_conclusive()), ("possible", false));
        evidence.task.containers[1].exit_code = Some(143);
        assert_eq!(judged(evidence).verdict.confidence.as_str(), "likely");
    }

    #[test]
    fn log_lines_of_one_millisecond_keep_the_order_they_came_in() {
        let evidence = logged(logged(stopped("EssentialContainerExited", "x", Some(1)), -100, Level::Info, "zebra", false), -100, Level::Info, "ant", false);
        let texts = texts(&Timeline::new(evidence));
        assert!(texts.iter().position(|text| text == "zebra") < texts.iter().position(|text| text == "ant"));
    }

    #[test]
    fn an_end_that_caused_the_stop_stands_before_it_however_late_it_is_reported() {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(1));
        evidence.task.times.execution_stopped = Some(at(11_000));
        let timeline = Timeline::new(evidence);
        let texts = texts(&timeline);
        assert!(texts.iter().position(|text| text == "app exited 1") < texts.iter().position(|text| text.starts_with("stopping")));
        assert!(timeline.container_line("app").is_some_and(|line| line.tied && line.event.precision == Precision::AtOrBefore));
    }

    #[test]
    fn an_end_that_was_ordered_stands_behind_the_order() {
        let timeline = Timeline::new(stopped("UserInitiated", "Task stopped by user", Some(143)));
        let texts = texts(&timeline);
        assert!(texts.iter().position(|text| text.starts_with("stopping")) < texts.iter().position(|text| text == "app exited 143"));
        assert_eq!(timeline.stop_took(), Some(12_000));
    }

    #[test]
    fn of_several_essential_containers_the_code_no_stop_leaves_behind_is_the_culprits() {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(143));
        let other = |name: &str, exit_code| Container { name: name.to_owned(), exit_code, last_status: Some("STOPPED".to_owned()), ..Container::default() };
        evidence.task.containers.extend([other("worker", Some(3)), other("aws-guardduty-agent-x1", Some(1))]);
        evidence.definition.as_mut().expect("a definition").containers.push(ContainerDefinition { name: "worker".to_owned(), essential: true, ..ContainerDefinition::default() });
        assert_eq!(judged(evidence).verdict.container.as_deref(), Some("worker"));
    }

    #[test]
    fn a_container_that_wrote_on_after_the_stop_began_is_not_the_culprit() {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(0));
        evidence.task.containers.push(Container { name: "proxy".to_owned(), exit_code: Some(1), last_status: Some("STOPPED".to_owned()), ..Container::default() });
        evidence.definition.as_mut().expect("a definition").containers.push(ContainerDefinition { name: "proxy".to_owned(), essential: true, ..ContainerDefinition::default() });
        let mut evidence = logged(logged(evidence, -900, Level::Info, "done", false), 400, Level::Error, "forced shutdown", false);
        evidence.events.last_mut().expect("an event").container = Some("proxy".to_owned());
        assert_eq!(judged(evidence).verdict.container.as_deref(), Some("app"));
    }

    #[test]
    fn messages_of_other_tasks_are_another_story() {
        let task = stopped("UserInitiated", "x", Some(0)).task;
        let read = |text: &str| ServiceMessage::read("1", at(-1_000), text);
        assert!(concerns(&read(&format!("(service web) has stopped 1 running tasks: (task {}).", task.id)), &task));
        assert!(!concerns(&read("(service web) has stopped 1 running tasks: (task 00000000000000000000000000000001)."), &task));
        assert!(!concerns(&read("(service web) (task 00000000000000000000000000000001) is unhealthy in (target-group arn:t) due to (reason Request timed out)"), &task));
    }

    #[test]
    fn a_call_cut_to_the_second_is_tied_with_what_came_within_it() {
        let evidence = said(stopped("UserInitiated", "x", Some(0)), 200, "(service web) has reached a steady state.");
        let mut evidence = evidence;
        let call = super::super::call::ApiCall { name: "StopTask".to_owned(), time: at(0), ..super::super::call::ApiCall::default() };
        evidence.events.push(Event {
            at: at(0),
            precision: Precision::Second,
            witness: Witness::Cloudtrail,
            level: Level::Info,
            container: None,
            what: What::Called(Box::new(call)),
        });
        let timeline = Timeline::new(evidence);
        let tied: Vec<bool> = timeline.lines.iter().filter(|line| (0..=200).contains(&(line.event.at.as_millisecond() - at(0).as_millisecond()))).map(|line| line.tied).collect();
        assert!(tied.iter().all(|tied| *tied), "{tied:?}");
    }

    fn beside(exit: i64, injected: &str, theirs: i64) -> Evidence {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(exit));
        evidence.task.containers.insert(0, Container { name: injected.to_owned(), exit_code: Some(theirs), ..Container::default() });
        evidence
    }

    #[test]
    fn a_service_connect_proxy_is_essential_by_a_code_of_its_own_and_else_stopped_with_the_others() {
        let proxy = "ecs-service-connect-Xy1";
        for (exit, theirs, culprit) in [(143, 1, proxy), (0, 137, "app"), (0, 0, "app"), (143, 0, "app"), (1, 143, "app")] {
            for with_definition in [true, false] {
                let mut evidence = beside(exit, proxy, theirs);
                evidence.definition = evidence.definition.filter(|_| with_definition);
                assert_eq!(Timeline::new(evidence).culprit().map(|found| found.name.as_str()), Some(culprit), "app {exit}, proxy {theirs}");
            }
        }
    }

    #[test]
    fn a_guardduty_agent_never_stopped_a_task() {
        for with_definition in [true, false] {
            let mut evidence = beside(0, "aws-guardduty-agent-Xy1", 1);
            evidence.definition = evidence.definition.filter(|_| with_definition);
            assert_eq!(Timeline::new(evidence).culprit().map(|found| found.name.as_str()), Some("app"));
        }
    }

    #[test]
    fn what_only_a_note_would_need_hides_no_witness() {
        let mut evidence = stopped("EssentialContainerExited", "Essential container in task exited", Some(1));
        evidence.readings.push(Reading { aside: true, ..Reading::new(Source::Ecs, Status::Denied) });
        assert!(Timeline::new(evidence.clone()).seen_by(Source::Ecs).is_ok());
        evidence.readings.push(Reading::new(Source::Ecs, Status::Denied));
        assert!(Timeline::new(evidence).seen_by(Source::Ecs).is_err());
    }
}
