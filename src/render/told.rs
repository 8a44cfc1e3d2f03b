//! What an answer says, before any format lays it out: marks, words and their order, once for text, Markdown and HTML.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::Trace;
use crate::diagnosis::actors;
use crate::diagnosis::call::{ApiCall, STOP_TASK};
use crate::diagnosis::commands;
use crate::diagnosis::event::{Event, Level, Precision, What};
use crate::diagnosis::evidence::{Evidence, Reading, Source, Status};
use crate::diagnosis::stopped_by::StoppedBy;
use crate::diagnosis::task::{Container, StopCode, Teller};
use crate::diagnosis::timeline::{Line, Timeline};
use crate::diagnosis::verdict::{Cause, Confidence, NextStep, Note, Verdict};
use crate::diagnosis::words;

use super::clock::{Clock, offset};

/// What a verdict's sign says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Bad,
    Good,
    Doubt,
}

impl Mark {
    #[must_use]
    pub fn of(verdict: &Verdict) -> Self {
        match (verdict.cause, verdict.confidence, verdict.expected) {
            (Cause::Unknown, ..) | (_, Confidence::Possible, _) => Self::Doubt,
            (_, _, true) => Self::Good,
            (_, _, false) => Self::Bad,
        }
    }

    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Bad => "✗",
            Self::Good => "✓",
            Self::Doubt => "?",
        }
    }

    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Good => "good",
            Self::Doubt => "doubt",
        }
    }
}

/// The headline as a sentence, with how sure it is.
#[must_use]
pub fn headline(verdict: &Verdict) -> String {
    match (verdict.cause, verdict.confidence) {
        (Cause::Unknown, _) | (_, Confidence::Certain) => format!("{}.", verdict.headline),
        (_, confidence) => format!("{} ({}).", verdict.headline, confidence.as_str()),
    }
}

/// Who or what stopped it, with the line that says so.
#[must_use]
pub fn who(by: &StoppedBy) -> String {
    let cite = by.deciding_line().map(|n| format!(" [{n}]")).unwrap_or_default();
    format!("{}{cite}.", by.sentence.trim_end_matches('.'))
}

/// A note and its lines. A number that stands where it belongs is not said again behind it all.
#[must_use]
pub fn note(note: &Note) -> String {
    let cites = note.evidence.iter().map(|n| format!("[{n}]")).filter(|cite| !note.text.contains(cite.as_str()));
    std::iter::once(note.text.clone()).chain(cites).collect::<Vec<_>>().join(" ")
}

/// A step in words; a colon leads to its command.
#[must_use]
pub fn step(step: &NextStep) -> String {
    match &step.command {
        Some(_) => format!("{}:", step.text.trim_end_matches('.')),
        None => step.text.clone(),
    }
}

/// The lines that a verdict and its notes rest on.
#[must_use]
pub fn cited(verdict: &Verdict) -> BTreeSet<usize> {
    verdict.evidence.iter().chain(verdict.notes.iter().flat_map(|note| &note.evidence)).copied().collect()
}

/// Line numbers mean nothing where the lines are not shown.
#[must_use]
pub fn without_cites(text: &str) -> String {
    let mut parts = text.split(" [");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => kept.push_str(rest),
            _ => kept.push_str(&format!(" [{part}")),
        }
    }
    kept
}

/// Which task it is about.
#[derive(Debug)]
pub struct Facts {
    /// `task`, or `service` where it has none that stopped.
    pub kind: &'static str,
    pub name: String,
    pub rest: Vec<String>,
    /// When it stopped, or how far it had come.
    pub end: Option<String>,
}

#[must_use]
pub fn facts(evidence: &Evidence, clock: &Clock) -> Facts {
    let task = &evidence.task;
    if !task.exists() {
        let rest = vec![task.region.clone(), format!("cluster {}", task.cluster), "no stopped task".to_owned()];
        return Facts { kind: "service", name: task.service.clone().unwrap_or_default(), rest, end: None };
    }
    let mut rest = Vec::new();
    rest.extend(task.definition_name());
    let kind = match (task.launch_type.as_deref(), task.capacity_provider.as_deref()) {
        (Some("FARGATE"), _) => Some("Fargate"),
        (Some(kind), _) => Some(kind),
        (None, provider) => provider,
    };
    rest.push([kind, task.availability_zone.as_deref().or(Some(&task.region))].into_iter().flatten().collect::<Vec<_>>().join(" "));
    rest.extend(task.service.as_ref().map(|service| format!("service {service}")));
    rest.extend(Some(format!("cluster {}", task.cluster)).filter(|_| !task.cluster.is_empty()));
    let mut unkept = false;
    let times = &task.times;
    let by_hand = matches!(task.stop_code, None | Some(StopCode::UserInitiated));
    let (word, at) = match times.stopped {
        None if task.told_by == Teller::Logs && task.last_status.is_none() => ("last heard of", times.last_word),
        // Of a task that ECS has forgotten nothing goes on.
        None if task.is_forgotten() && times.execution_stopped.is_none() && times.asked_to_stop.or(times.stopping.filter(|_| by_hand)).is_some() => {
            unkept = true;
            ("asked to stop", task.stop_anchor())
        }
        None if task.is_forgotten() && task.stop_anchor().is_none() => {
            unkept = true;
            ("", None)
        }
        None if task.times.last_word.is_some() && task.stop_anchor() == task.times.last_word => ("last heard of", task.times.last_word),
        None if task.is_stopping() && task.last_status.as_deref() != Some("STOPPED") => ("stopping since", task.stop_anchor()),
        stopped => ("stopped", stopped.or(task.stop_anchor())),
    };
    let end = at.map(|at| format!("{word} {}", clock.full(at))).into_iter().chain(unkept.then(|| "its end was not kept".to_owned())).reduce(|at, end| format!("{at}, {end}"));
    Facts { kind: "task", name: task.id.clone(), rest, end }
}

/// How the times of some lines are told.
#[derive(Debug)]
pub struct Axis<'a> {
    clock: &'a Clock,
    zero: Option<Timestamp>,
    moment: Timestamp,
    pub several_days: bool,
}

impl<'a> Axis<'a> {
    /// `None` where there are no lines.
    #[must_use]
    pub fn of(timeline: &Timeline, lines: &[&Line], clock: &'a Clock) -> Option<Self> {
        let first = lines.first()?;
        let several_days = lines.iter().any(|line| clock.day(line.event.at) != clock.day(first.event.at));
        let zero = timeline.zero();
        Some(Self { clock, zero, moment: zero.unwrap_or(first.event.at), several_days })
    }

    /// The zone all of them are in.
    #[must_use]
    pub fn zone(&self) -> String {
        self.clock.zone_at(self.moment)
    }

    #[must_use]
    pub fn day(&self, event: &Event) -> String {
        self.clock.day(event.at)
    }

    #[must_use]
    pub fn time(&self, event: &Event) -> String {
        self.clock.time(event.at, event.precision)
    }

    /// The same, with its date where they are of several days.
    #[must_use]
    pub fn dated(&self, event: &Event) -> String {
        if self.several_days { format!("{} {}", self.clock.date(event.at), self.time(event)) } else { self.time(event) }
    }

    /// The distance from the deciding moment; empty where there is none.
    #[must_use]
    pub fn offset(&self, event: &Event) -> String {
        self.zero.map(|zero| offset(event.at, zero)).unwrap_or_default()
    }
}

#[must_use]
pub fn sign(level: Level) -> &'static str {
    match level {
        Level::Error => "✗",
        Level::Warn => "!",
        Level::Info => "",
    }
}

#[must_use]
pub fn witness(event: &Event) -> String {
    match (&event.what, &event.container) {
        (What::Logged(_), Some(container)) => format!("logs {container}"),
        _ => event.witness.as_str().to_owned(),
    }
}

/// Other readings (`or`), and causes that nobody could look for (`open`).
#[must_use]
pub fn others(verdict: &Verdict) -> Vec<(&'static str, String)> {
    let mut told: Vec<(&str, String)> = verdict.alternatives.iter().map(|(cause, why)| ("or", format!("{}: {why}", cause.as_str()))).collect();
    // One gap may leave several causes open.
    let mut open: Vec<(Vec<String>, &str)> = Vec::new();
    for (cause, why) in &verdict.unchecked {
        match open.iter_mut().find(|(_, of)| of == why) {
            Some((causes, _)) => causes.push(cause.as_str().to_owned()),
            None => open.push((vec![cause.as_str().to_owned()], why)),
        }
    }
    told.extend(open.into_iter().map(|(causes, why)| ("open", format!("{} could not be checked: {why}", words::list(&causes)))));
    told
}

/// Which witnesses were read, each with what it adds to its tick.
#[must_use]
pub fn seen(evidence: &Evidence, clock: &Clock) -> Vec<String> {
    let mut seen: Vec<(&str, Vec<String>)> = Vec::new();
    for reading in evidence.readings.iter().filter(|reading| reading.status.was_read()) {
        let name = reading.source.as_str();
        let told = describe_reading(reading, evidence, clock);
        match seen.iter_mut().find(|(of, _)| *of == name) {
            Some((_, details)) => details.extend(told),
            None => seen.push((name, told.into_iter().collect())),
        }
    }
    // What was read and held nothing is no witness; that no call was recorded is one.
    let spoke = |reading: &Reading| reading.status.was_read() && (reading.status != Status::Empty || reading.source == Source::Cloudtrail);
    let mark = |name: &str| if evidence.readings.iter().any(|reading| reading.source.as_str() == name && spoke(reading)) { "✓" } else { "–" };
    let entry = |(name, details): &(&str, Vec<String>)| {
        if details.is_empty() { format!("{name} {}", mark(name)) } else { format!("{name} {} ({})", mark(name), details.join("; ")) }
    };
    seen.iter().map(entry).collect()
}

/// What a reading adds to its tick: CloudTrail's window and count, the number of log lines.
fn describe_reading(reading: &Reading, evidence: &Evidence, clock: &Clock) -> Option<String> {
    let alone = |source: Source| !evidence.readings.iter().any(|other| other.source == source && other.status == Status::Ok);
    match (&reading.about, reading.looked_from, reading.looked_to) {
        (Some(about), Some(from), Some(to)) => {
            let time = |at| clock.time(at, Precision::Second);
            let early = if reading.status == Status::TooEarly { ", and more may come" } else { "" };
            let count = |what: &str| words::count(reading.events, what);
            let told = if reading.kept { format!("{} in {about} answers", count("service event")) } else { count(&format!("{about} call")) };
            // Of a window of days its hours say nothing.
            let is_long = to.duration_since(from) > SignedDuration::from_hours(24);
            Some(if is_long { format!("{told} since {}{early}", clock.full(from)) } else { format!("{told} in {}–{}{early}", time(from), time(to)) })
        }
        _ if reading.source == Source::Logs => reading.detail.clone(),
        _ if reading.source == Source::Metrics && reading.status == Status::Empty && alone(Source::Metrics) => reading.detail.clone(),
        _ => None,
    }
}

/// What could not be seen, and why. Sources with one and the same gap stand together.
#[must_use]
pub fn gaps(readings: &[Reading]) -> Vec<String> {
    let mut gaps: Vec<(String, String)> = Vec::new();
    for (name, why) in readings.iter().filter(|reading| reading.status.is_gap()).map(|reading| (reading.source.as_str().to_owned(), reading.gap())) {
        match gaps.iter_mut().find(|(_, same)| *same == why) {
            Some((names, _)) if !names.split(", ").any(|known| known == name) => *names = format!("{names}, {name}"),
            Some(_) => {}
            None => gaps.push((name, why)),
        }
    }
    gaps.into_iter().map(|(names, why)| format!("{names}: {why}")).collect()
}

/// Which witnesses cannot exist for this task.
#[must_use]
pub fn absent(evidence: &Evidence) -> Vec<&'static str> {
    let mut absent: Vec<&str> = evidence.readings.iter().filter(|reading| reading.status == Status::NotApplicable).map(|reading| reading.source.as_str()).collect();
    absent.dedup();
    absent.retain(|name| !evidence.readings.iter().any(|reading| reading.source.as_str() == *name && reading.status != Status::NotApplicable));
    absent
}

/// A container whose lines go elsewhere is not silent: where they go.
#[must_use]
pub fn elsewhere(evidence: &Evidence) -> Vec<String> {
    let elsewhere = |reading: &&Reading| reading.source == Source::Logs && reading.status == Status::NotApplicable;
    evidence.readings.iter().filter(elsewhere).filter_map(|reading| Some(format!("logs: {}", reading.detail.as_deref()?))).collect()
}

/// One act on the way from the stop to who began it.
#[derive(Debug)]
pub struct Act {
    pub what: String,
    pub at: Option<Timestamp>,
    pub details: Vec<String>,
}

/// From the stop outward.
#[must_use]
pub fn chain(trace: &Trace) -> Vec<Act> {
    let called = |n: Option<usize>| match n.and_then(|n| trace.timeline.lines.get(n - 1)).map(|line| &line.event.what) {
        Some(What::Called(call)) => origin(call),
        _ => Vec::new(),
    };
    trace.stopped_by.chain.iter().map(|hop| Act { what: hop.what.clone(), at: hop.time, details: called(hop.n) }).collect()
}

/// Calls that were refused, and so stopped nothing.
#[must_use]
pub fn attempts(trace: &Trace) -> Vec<Act> {
    let attempt = |call: &ApiCall| Act {
        what: format!("{} by {}: {}", call.name, actors::describe(call).name, call.error_code.as_deref().unwrap_or_default()),
        at: Some(call.time),
        details: vec![event_id(call)],
    };
    trace.stopped_by.attempts.iter().map(|(_, call)| attempt(call)).collect()
}

/// Another accepted call for the same task is no secret, even where it came too late or was not the one ECS repeats.
#[must_use]
pub fn accepted_too(trace: &Trace) -> Vec<Act> {
    let chosen = trace.stopped_by.call.as_ref().map(|(n, _)| *n);
    let other = |line: &Line| match &line.event.what {
        What::Called(call) if call.name == STOP_TASK && call.succeeded() => {
            Some(Act { what: format!("{} by {}", call.name, actors::describe(call).name), at: Some(call.time), details: origin(call) })
        }
        _ => None,
    };
    trace.timeline.lines.iter().filter(|line| Some(line.n) != chosen).filter_map(other).collect()
}

/// Where the calls may still be kept, each with what to ask there.
#[must_use]
pub fn queries(by: &StoppedBy) -> Vec<(&'static str, &str)> {
    let places = by
        .queries
        .as_ref()
        .map(|queries| [("CloudTrail Lake, if the account has an event data store:", queries.lake.as_str()), ("Athena, over a trail in S3:", queries.athena.as_str())]);
    places.into_iter().flatten().collect()
}

/// From where and with what a call came, the reason it gave, and where it is recorded.
fn origin(call: &ApiCall) -> Vec<String> {
    let mut parts = Vec::new();
    parts.extend(actors::describe(call).through);
    parts.extend(call.source_ip.as_ref().map(|ip| format!("from {ip}")));
    parts.extend(actors::tool(call).map(|tool| if tool == "console" { "in the console".to_owned() } else { format!("with {tool}") }));
    parts.extend(actors::place(call).map(str::to_owned));
    // For a role or a single sign-on session `false` says nothing about how its owner signed in.
    let signed_in_here = matches!(call.identity.kind.as_str(), "IAMUser" | "Root");
    parts.extend(call.identity.mfa.filter(|mfa| *mfa || signed_in_here).map(|mfa| if mfa { "MFA".to_owned() } else { "no MFA".to_owned() }));
    let mut told = vec![parts.join(", ")];
    if let Some(reason) = &call.parameters.reason {
        let remark = actors::reasons::whose_words(reason).map(|program| format!(" (the stock words of {program})")).unwrap_or_default();
        told.push(format!("reason given: {reason}{remark}"));
    }
    told.push(event_id(call));
    told
}

fn event_id(call: &ApiCall) -> String {
    format!("CloudTrail event {}", call.event_id)
}

/// What a container logged last.
#[derive(Debug)]
pub struct LastWords<'t> {
    /// How it ended, or its name.
    pub end: String,
    pub lines: Vec<&'t Line>,
    /// What is said where there are no lines.
    pub silence: &'static str,
    /// Prints all of it.
    pub command: Option<String>,
}

#[must_use]
pub fn last_words<'t>(timeline: &'t Timeline) -> Vec<LastWords<'t>> {
    let silence = if timeline.seen_by(Source::Logs).is_err() { "not read, see below" } else { "no lines" };
    let of = |container: &'t Container| LastWords {
        end: timeline.container_line(&container.name).map(|line| line.event.text()).unwrap_or_else(|| container.name.clone()),
        lines: timeline.log_lines(&container.name).map(|(line, _)| line).collect(),
        silence,
        command: commands::tail_log(timeline, &container.name),
    };
    timeline.evidence.task.containers.iter().map(of).collect()
}

/// Behind the lines of a container, the command that prints all of them.
pub const ALL_OF_IT: &str = "all of it from a quarter of an hour before the stop on:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_lines_go_where_there_are_no_lines_and_other_brackets_stay() {
        assert_eq!(without_cites("It was killed [19]. Its log says “[x] y” [18]."), "It was killed. Its log says “[x] y”.");
    }
}
