//! A trace as text for a tired reader: the verdict first, then the lines it rests on, then what was not seen.
//!
//! Laid out bare, painted afterwards; a mark and a word carry every meaning that a colour repeats.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use owo_colors::Style;

use crate::diagnosis::Trace;
use crate::diagnosis::actors;
use crate::diagnosis::call::{ApiCall, STOP_TASK};
use crate::diagnosis::commands;
use crate::diagnosis::event::{Event, Level, Precision, What};
use crate::diagnosis::evidence::{Evidence, Reading, Source, Status};
use crate::diagnosis::neighbours::unique_beginning;
use crate::diagnosis::service::{is_task_id, target_group_name};
use crate::diagnosis::task::{StopCode, Teller};
use crate::diagnosis::timeline::{Line, Timeline};
use crate::diagnosis::verdict::{Cause, Confidence, NextStep, Verdict};
use crate::diagnosis::words;

use super::Page;
use super::clock::offset;
use super::columns::{cut, padded, width, wrapped};
use super::lines::Lines;
use super::printable::printable;

/// `timeline`: everything.
#[must_use]
pub fn timeline(trace: &Trace, page: &Page) -> String {
    let mut out = Out::new(page);
    out.heading(&trace.timeline.evidence);
    out.lines.blank();
    out.verdict(trace);
    out.lines.blank();
    out.lines(&trace.timeline, trace.timeline.lines.iter());
    out.lines.blank();
    out.next_steps(trace.verdict.next_steps.iter());
    out.sources(&trace.timeline.evidence);
    out.lines.text()
}

/// `why`: the verdict, the lines it cites, the next steps.
#[must_use]
pub fn why(trace: &Trace, page: &Page) -> String {
    let mut out = Out::new(page);
    out.heading(&trace.timeline.evidence);
    out.lines.blank();
    out.verdict(trace);
    out.lines.blank();
    let cited = |line: &&Line| trace.verdict.evidence.contains(&line.n) || trace.verdict.notes.iter().any(|note| note.evidence.contains(&line.n));
    out.lines(&trace.timeline, trace.timeline.lines.iter().filter(cited));
    out.lines.blank();
    out.next_steps(trace.verdict.next_steps.iter());
    out.others(&trace.verdict);
    out.gaps(&trace.timeline.evidence);
    out.lines.text()
}

/// `who-stopped`: one line, the chain, the refused attempts.
#[must_use]
pub fn who_stopped(trace: &Trace, page: &Page) -> String {
    let mut out = Out::new(page);
    let by = &trace.stopped_by;
    let style = if by.is_answered() { &page.look.strong } else { &page.look.doubt };
    out.paragraph("", "", &by.sentence, style);
    if let Some(queries) = &by.queries {
        // Each on one line of its own, whatever the width: a break inside a text would spoil it.
        for (place, query) in [("CloudTrail Lake, if the account has an event data store:", &queries.lake), ("Athena, over a trail in S3:", &queries.athena)] {
            out.lines.blank();
            out.paragraph("  ", "  ", place, &Style::new());
            out.lines.put(&format!("  {}", printable(query)));
        }
    }
    for hop in &by.chain {
        out.timed(&hop.what, hop.time);
        let line = hop.n.and_then(|n| trace.timeline.lines.get(n - 1));
        if let Some(What::Called(call)) = line.map(|line| &line.event.what) {
            out.origin(call);
        }
    }
    if !by.attempts.is_empty() {
        out.lines.blank();
        out.paragraph("", "", "Refused attempts; they did not stop it:", &page.look.strong);
        for (_, call) in &by.attempts {
            let who = actors::describe(call).name;
            out.timed(&format!("{} by {who}: {}", call.name, call.error_code.as_deref().unwrap_or_default()), Some(call.time));
            out.paragraph("    ", "    ", &format!("CloudTrail event {}", call.event_id), &Style::new());
        }
    }
    let chosen = by.call.as_ref().map(|(n, _)| *n);
    for line in trace.timeline.lines.iter().filter(|line| Some(line.n) != chosen) {
        // Another accepted call for the same task is no secret, even where it came too late or was not the one ECS repeats.
        if let What::Called(call) = &line.event.what
            && call.name == STOP_TASK
            && call.succeeded()
        {
            out.lines.blank();
            out.paragraph("", "", "Accepted too, and not taken for the cause:", &page.look.strong);
            out.timed(&format!("{} by {}", call.name, actors::describe(call).name), Some(call.time));
            out.origin(call);
        }
    }
    // Which one it was, where a service or its latest was asked for: below the name, which comes first.
    out.lines.blank();
    out.heading(&trace.timeline.evidence);
    if !by.is_answered() {
        out.lines.blank();
        out.paragraph("", "", &format!("{}. {}", trace.verdict.headline, without_cites(&trace.verdict.summary)), &Style::new());
        out.lines.blank();
        out.next_steps(trace.verdict.steps_towards_who());
        out.gaps(&trace.timeline.evidence);
    }
    out.lines.text()
}

/// `logs`: each container's last words.
#[must_use]
pub fn logs(trace: &Trace, page: &Page) -> String {
    let mut out = Out::new(page);
    let timeline = &trace.timeline;
    out.heading(&timeline.evidence);
    for container in &timeline.evidence.task.containers {
        out.lines.blank();
        let end = timeline.container_line(&container.name).map(|line| line.event.text()).unwrap_or_else(|| container.name.clone());
        out.paragraph("", "", &end, &page.look.strong);
        let logged: Vec<&Line> = timeline.log_lines(&container.name).map(|(line, _)| line).collect();
        if logged.is_empty() {
            let words = if timeline.seen_by(Source::Logs).is_err() { "not read, see below" } else { "no lines" };
            out.paragraph("  ", "  ", words, &page.look.faint);
        } else {
            out.lines(timeline, logged.into_iter());
        }
        if let Some(command) = commands::tail_log(timeline, &container.name) {
            out.paragraph("      ", "      ", "all of it from a quarter of an hour before the stop on:", &page.look.faint);
            out.lines.put(&format!("         {}", page.look.paint(&page.look.command, &printable(&command))));
        }
    }
    out.lines.blank();
    out.sources(&timeline.evidence);
    out.lines.text()
}

struct Out<'a> {
    page: &'a Page,
    lines: Lines,
}

impl<'a> Out<'a> {
    fn new(page: &'a Page) -> Self {
        Self { page, lines: Lines::default() }
    }

    fn heading(&mut self, evidence: &Evidence) {
        let task = &evidence.task;
        if !task.exists() {
            let service = format!("service {}", task.service.as_deref().unwrap_or_default());
            let line = printable(&service).into_owned();
            let line = self.page.look.paint(&self.page.look.strong, &line);
            self.lines.put(&format!("{line}  {}", printable(&format!("{}  cluster {}  no stopped task", task.region, task.cluster))));
            return;
        }
        let id = printable(&task.id);
        let beginning = unique_beginning(&id, evidence.neighbours.iter().flat_map(|neighbours| &neighbours.tasks).map(|other| other.id.as_str()));
        let short = match self.page.measure() < 100 && id.len() > beginning.len() {
            true => format!("{beginning}…"),
            false => id.into_owned(),
        };
        let mut parts = Vec::new();
        parts.extend(task.definition_name());
        let kind = match (task.launch_type.as_deref(), task.capacity_provider.as_deref()) {
            (Some("FARGATE"), _) => Some("Fargate"),
            (Some(kind), _) => Some(kind),
            (None, provider) => provider,
        };
        parts.push([kind, task.availability_zone.as_deref().or(Some(&task.region))].into_iter().flatten().collect::<Vec<_>>().join(" "));
        parts.extend(task.service.as_ref().map(|service| format!("service {service}")));
        parts.extend(Some(format!("cluster {}", task.cluster)).filter(|_| !task.cluster.is_empty()));
        let mut unkept = false;
        // A time and its zone stay together: the wrapping breaks at blanks alone.
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
            None if task.is_stopping() && task.last_status.as_deref() != Some("STOPPED") => ("stopping since", task.stop_anchor()),
            None if task.times.last_word.is_some() && task.stop_anchor() == task.times.last_word => ("last heard of", task.times.last_word),
            stopped => ("stopped", stopped.or(task.stop_anchor())),
        };
        parts.extend(
            at.map(|at| format!("{word} {}", self.page.clock.full(at)))
                .into_iter()
                .chain(unkept.then(|| "its end was not kept".to_owned()))
                .reduce(|at, end| format!("{at}, {end}"))
                .map(|told| told.replace(' ', "\u{a0}")),
        );
        let rest = printable(&parts.join("  ")).into_owned();
        let first = format!("task {short}");
        let lines = wrapped(&format!("{first}  {rest}"), self.page.measure());
        for (at, line) in lines.iter().map(|line| line.replace('\u{a0}', " ")).enumerate() {
            let line = if at == 0 { line.replacen(&first, &self.page.look.paint(&self.page.look.strong, &first), 1) } else { format!("  {line}") };
            self.lines.put(&line);
        }
    }

    /// A paragraph whose first line begins with `head` and the others with `indent`, painted as a whole.
    fn paragraph(&mut self, head: &str, indent: &str, text: &str, style: &Style) {
        let room = self.page.measure().saturating_sub(width(head).max(width(indent)));
        for (at, line) in wrapped(&printable(&self.page.clock.told(text)), room).iter().enumerate() {
            let line = self.page.look.paint(style, line);
            let before = if at == 0 { head } else { indent };
            self.lines.put(&format!("{before}{line}"));
        }
    }

    /// A labelled paragraph: `who   …`, continued below its own text.
    fn labelled(&mut self, label: &str, text: &str, style: &Style) {
        self.hanging(label, text, 0, style);
    }

    /// As `labelled`, every line but the first set in by `hang` more.
    fn hanging(&mut self, label: &str, text: &str, hang: usize, style: &Style) {
        let label = padded(label, 6);
        let painted = self.page.look.paint(&self.page.look.faint, &label);
        // In a pipe a line stays whole: an ARN that is broken cannot be found again.
        let room = if self.page.width.is_some() { self.page.measure().saturating_sub(6 + hang) } else { 100_000 };
        for (at, line) in wrapped(&printable(&self.page.clock.told(text)), room).iter().enumerate() {
            let line = self.page.look.paint(style, line);
            let before = if at == 0 { painted.clone() } else { " ".repeat(6 + hang) };
            self.lines.put(&format!("{before}{line}"));
        }
    }

    fn verdict(&mut self, trace: &Trace) {
        let verdict = &trace.verdict;
        let look = &self.page.look;
        let (mark, style) = match (verdict.cause, verdict.confidence, verdict.expected) {
            (Cause::Unknown, ..) | (_, Confidence::Possible, _) => ("?", &look.doubt),
            (_, _, true) => ("✓", &look.good),
            (_, _, false) => ("✗", &look.bad),
        };
        let doubt = match (verdict.cause, verdict.confidence) {
            (Cause::Unknown, _) | (_, Confidence::Certain) => String::new(),
            (_, confidence) => format!(" ({})", confidence.as_str()),
        };
        let headline = format!("{mark} {}{doubt}.", verdict.headline);
        // Wrapped together, painted apart: the headline may be broken by a narrow page.
        let lines = wrapped(&printable(&format!("{headline}  {}", self.page.clock.told(&verdict.summary))), self.page.measure() - 2);
        for (at, line) in lines.iter().enumerate() {
            match line.strip_prefix(headline.as_str()).filter(|_| at == 0) {
                Some(rest) => self.lines.put(&format!("{}{rest}", look.paint(style, &headline))),
                None => self.lines.put(&format!("{}{line}", if at == 0 { "" } else { "  " })),
            }
        }
        let by = &trace.stopped_by;
        let cite = by.deciding_line().map(|n| format!(" [{n}]")).unwrap_or_default();
        let sentence = format!("{}{cite}", by.sentence.trim_end_matches('.'));
        let style = if by.is_answered() { Style::new() } else { look.doubt };
        self.labelled("who", &format!("{sentence}."), &style);
        for note in &verdict.notes {
            // A number that stands where it belongs is not said again behind it all.
            let cites = note.evidence.iter().map(|n| format!("[{n}]")).filter(|cite| !note.text.contains(cite.as_str()));
            let words: Vec<String> = std::iter::once(note.text.clone()).chain(cites).collect();
            self.labelled("note", &words.join(" "), &Style::new());
        }
    }

    /// The table: number, time, distance, witness, what.
    fn lines<'l>(&mut self, timeline: &Timeline, lines: impl Iterator<Item = &'l Line>) {
        let lines: Vec<&Line> = lines.collect();
        let Some(first) = lines.first() else { return };
        let clock = &self.page.clock;
        let several_days = lines.iter().any(|line| clock.day(line.event.at) != clock.day(first.event.at));
        // In a pipe each line stands for itself; on a terminal a day is said once, where it begins.
        let dated = several_days && self.page.width.is_none();
        let mut day = String::new();
        let ids = ids_in(timeline);
        let zero = timeline.zero();
        let distances = self.page.measure() >= 72;
        let moment = zero.unwrap_or(first.event.at);
        let zone = format!("TIME ({})", clock.zone_at(moment));
        let time_columns = if dated { 19 } else { 13 }.max(width(&zone) + 1);
        let witness_columns = lines.iter().map(|line| width(&witness(&line.event)) + 2).max().unwrap_or(12).clamp(9, 20);
        let mut head = format!("{}{}", " ".repeat(6), padded(&zone, time_columns + 1));
        if distances {
            head.push_str(&padded("OFFSET", 10));
        }
        head.push_str(&format!("{}  WHAT", padded("WITNESS", witness_columns)));
        self.lines.put(&self.page.look.paint(&self.page.look.faint, &head));
        let before_what = 6 + time_columns + 1 + if distances { 10 } else { 0 } + witness_columns;
        for line in lines {
            let event = &line.event;
            if several_days && !dated && day != clock.day(event.at) {
                day = clock.day(event.at);
                self.lines.put(&self.page.look.paint(&self.page.look.faint, &format!("      {day}")));
            }
            let mut time = clock.time(event.at, event.precision);
            if dated {
                time = format!("{} {time}", clock.date(event.at));
            }
            // `~`: at that time or before it, or its order among its neighbours is not certain.
            let tie = if line.tied { "~" } else { " " };
            let distance = zero.map(|zero| offset(event.at, zero)).unwrap_or_default();
            let look = &self.page.look;
            let mut row = format!("{}  {}{tie}", look.paint(&look.faint, &format!("{:>4}", line.n)), padded(&time, time_columns));
            if distances {
                row.push_str(&look.paint(&look.faint, &padded(&distance, 10)));
            }
            row.push_str(&padded(&cut(&printable(&witness(event)), witness_columns - 1), witness_columns));
            let (mark, style) = match event.level {
                Level::Error => ("✗ ", look.bad),
                Level::Warn => ("! ", look.doubt),
                Level::Info => ("  ", Style::new()),
            };
            row.push_str(&look.paint(&style, mark));
            let text = printable(&event.text()).into_owned();
            match self.page.width {
                None => self.lines.put(&format!("{row}{text}")),
                Some(_) => {
                    let text = shorter(event, &text, &ids);
                    let room = self.page.measure().saturating_sub(before_what + 2);
                    let all = wrapped(&text, room);
                    // A log line is a pointer into the log; what ECS and CloudTrail say is shown whole.
                    let most = if matches!(event.what, What::Logged(_)) { 3 } else { usize::MAX };
                    for (at, part) in all.iter().take(most).enumerate() {
                        let part = if at + 1 == most && all.len() > most { cut(&format!("{part}…"), room) } else { part.clone() };
                        let before = if at == 0 { row.clone() } else { " ".repeat(before_what + 2) };
                        self.lines.put(&format!("{before}{part}"));
                    }
                }
            }
        }
    }

    fn next_steps<'s>(&mut self, steps: impl Iterator<Item = &'s NextStep>) {
        for (at, step) in steps.enumerate() {
            let label = if at == 0 { "next" } else { "" };
            let number = format!("{}. ", at + 1);
            let text = match &step.command {
                Some(_) => format!("{number}{}:", step.text.trim_end_matches('.')),
                None => format!("{number}{}", step.text),
            };
            self.hanging(label, &text, number.len(), &Style::new());
            if let Some(command) = &step.command {
                // Never wrapped: a command is there to be copied.
                let look = &self.page.look;
                let command = look.paint(&look.command, &printable(command));
                self.lines.put(&format!("         {command}"));
            }
        }
    }

    fn others(&mut self, verdict: &Verdict) {
        for (cause, why) in &verdict.alternatives {
            self.labelled("or", &format!("{}: {why}", cause.as_str()), &Style::new());
        }
        // One gap may leave several causes open.
        let mut open: Vec<(Vec<String>, &str)> = Vec::new();
        for (cause, why) in &verdict.unchecked {
            match open.iter_mut().find(|(_, of)| of == why) {
                Some((causes, _)) => causes.push(cause.as_str().to_owned()),
                None => open.push((vec![cause.as_str().to_owned()], why)),
            }
        }
        for (causes, why) in open {
            self.labelled("open", &format!("{} could not be checked: {why}", words::list(&causes)), &self.page.look.doubt.clone());
        }
    }

    /// `seen`, `not` and `n/a`: which witnesses spoke, which could not be heard, which cannot exist.
    fn sources(&mut self, evidence: &Evidence) {
        let mut seen: Vec<(&str, Vec<String>)> = Vec::new();
        for reading in evidence.readings.iter().filter(|reading| reading.status.was_read()) {
            let name = reading.source.as_str();
            let told = describe_reading(reading, evidence, self.page);
            match seen.iter_mut().find(|(of, _)| *of == name) {
                Some((_, details)) => details.extend(told),
                None => seen.push((name, told.into_iter().collect())),
            }
        }
        if !seen.is_empty() {
            // What was read and held nothing is no witness; that no call was recorded is one.
            let spoke = |reading: &Reading| reading.status.was_read() && (reading.status != Status::Empty || reading.source == Source::Cloudtrail);
            let mark = |name: &str| if evidence.readings.iter().any(|reading| reading.source.as_str() == name && spoke(reading)) { "✓" } else { "–" };
            let entry = |(name, details): &(&str, Vec<String>)| {
                if details.is_empty() { format!("{name} {}", mark(name)) } else { format!("{name} {} ({})", mark(name), details.join("; ")) }
            };
            self.labelled("seen", &seen.iter().map(entry).collect::<Vec<_>>().join("  "), &Style::new());
        }
        self.gaps(evidence);
        let mut cannot: Vec<&str> = evidence.readings.iter().filter(|reading| reading.status == Status::NotApplicable).map(|reading| reading.source.as_str()).collect();
        cannot.dedup();
        cannot.retain(|name| !evidence.readings.iter().any(|reading| reading.source.as_str() == *name && reading.status != Status::NotApplicable));
        if !cannot.is_empty() {
            self.labelled("n/a", &cannot.join("  "), &self.page.look.faint.clone());
        }
        // A container whose lines go elsewhere is not silent: say where they go.
        for reading in evidence.readings.iter().filter(|reading| reading.source == Source::Logs && reading.status == Status::NotApplicable) {
            if let Some(detail) = &reading.detail {
                self.labelled("", &format!("logs: {detail}"), &self.page.look.faint.clone());
            }
        }
    }

    fn gaps(&mut self, evidence: &Evidence) {
        // Sources with one and the same gap stand in one line.
        let mut gaps: Vec<(String, String)> = Vec::new();
        for (name, why) in evidence.readings.iter().filter(|reading| reading.status.is_gap()).map(|reading| (reading.source.as_str().to_owned(), reading.gap())) {
            match gaps.iter_mut().find(|(_, same)| *same == why) {
                Some((names, _)) if !names.split(", ").any(|known| known == name) => *names = format!("{names}, {name}"),
                Some(_) => {}
                None => gaps.push((name, why)),
            }
        }
        for (at, (names, why)) in gaps.iter().enumerate() {
            self.labelled(if at == 0 { "not" } else { "" }, &format!("{names}: {why}"), &self.page.look.doubt.clone());
        }
    }

    /// A line of the chain, its time at the right where there is room.
    fn timed(&mut self, text: &str, at: Option<jiff::Timestamp>) {
        let time = at.map(|at| self.page.clock.full(at)).unwrap_or_default();
        let room = self.page.measure().saturating_sub(width(&time) + 4);
        let text = printable(text).into_owned();
        if width(&text) <= room {
            let time = self.page.look.paint(&self.page.look.faint, &time);
            self.lines.put(&format!("  {}  {time}", padded(&text, room)));
        } else {
            self.paragraph("  ", "    ", &text, &Style::new());
            let time = self.page.look.paint(&self.page.look.faint, &time);
            self.lines.put(&format!("    {time}"));
        }
    }

    fn origin(&mut self, call: &ApiCall) {
        let mut parts = Vec::new();
        parts.extend(actors::describe(call).through);
        parts.extend(call.source_ip.as_ref().map(|ip| format!("from {ip}")));
        parts.extend(actors::tool(call).map(|tool| if tool == "console" { "in the console".to_owned() } else { format!("with {tool}") }));
        parts.extend(actors::place(call).map(str::to_owned));
        // For a role or a single sign-on session `false` says nothing about how its owner signed in.
        let signed_in_here = matches!(call.identity.kind.as_str(), "IAMUser" | "Root");
        parts.extend(call.identity.mfa.filter(|mfa| *mfa || signed_in_here).map(|mfa| if mfa { "MFA".to_owned() } else { "no MFA".to_owned() }));
        self.paragraph("    ", "    ", &parts.join(", "), &Style::new());
        if let Some(reason) = &call.parameters.reason {
            let remark = actors::reasons::whose_words(reason).map(|program| format!(" (the stock words of {program})")).unwrap_or_default();
            self.paragraph("    ", "    ", &format!("reason given: {reason}{remark}"), &Style::new());
        }
        self.paragraph("    ", "    ", &format!("CloudTrail event {}", call.event_id), &Style::new());
    }
}

/// Line numbers mean nothing where the lines are not shown.
fn without_cites(text: &str) -> String {
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

/// For a terminal: target groups by name, ids by their beginning (which any command takes), log lines without the
/// time that already stands in front of them. JSON and pipes get every word.
fn shorter(event: &Event, text: &str, ids: &BTreeSet<&str>) -> String {
    if matches!(event.what, What::Logged(_)) {
        return without_time(text).to_owned();
    }
    let words: Vec<String> = text.split(' ').map(|word| shorter_word(word, ids)).collect();
    words.join(" ")
}

/// Ids of the tasks that are spoken of, or stopped beside this one: none is shortened to what another begins with.
fn ids_in(timeline: &Timeline) -> BTreeSet<&str> {
    let evidence = &timeline.evidence;
    let neighbours = evidence.neighbours.iter().flat_map(|neighbours| &neighbours.tasks).map(|task| task.id.as_str());
    let told = timeline.messages().flat_map(|(_, message)| &message.tasks).map(String::as_str);
    neighbours.chain(told).chain([evidence.task.id.as_str()]).collect()
}

fn shorter_word(word: &str, ids: &BTreeSet<&str>) -> String {
    let bare = word.trim_end_matches([')', '.', ',', ';', ':']);
    let rest = &word[bare.len()..];
    if bare.contains(":targetgroup/") {
        return format!("{}{rest}", target_group_name(bare));
    }
    if is_task_id(bare) {
        return format!("{}…{rest}", unique_beginning(bare, ids.iter().copied()));
    }
    match bare.split_once("ecs-svc/") {
        Some((before, digits)) if digits.len() > 8 && digits.bytes().all(|byte| byte.is_ascii_digit()) => format!("{before}ecs-svc/{}…{rest}", &digits[..6]),
        _ => word.to_owned(),
    }
}

/// The line without a leading date and time, where something is left then.
fn without_time(text: &str) -> &str {
    let digits = |part: &str| part.bytes().filter(u8::is_ascii_digit).count();
    let is_clock = |part: &str| digits(part) >= 6 && part.contains(':') && part.bytes().all(|byte| byte.is_ascii_digit() || b"-:T.,Z+/[]".contains(&byte));
    let is_date = |part: &str| digits(part) == 8 && part.bytes().all(|byte| byte.is_ascii_digit() || b"-/[".contains(&byte));
    let Some((first, rest)) = text.split_once(' ') else { return text };
    let rest = if is_clock(first) {
        rest
    } else if is_date(first) {
        match rest.split_once(' ') {
            Some((second, rest)) if is_clock(second) => rest,
            _ => return text,
        }
    } else {
        return text;
    };
    if rest.trim().is_empty() { text } else { rest.trim_start() }
}

fn witness(event: &Event) -> String {
    match (&event.what, &event.container) {
        (What::Logged(_), Some(container)) => format!("logs {container}"),
        _ => event.witness.as_str().to_owned(),
    }
}

/// What a reading adds to its tick: CloudTrail's window and count, the number of log lines.
fn describe_reading(reading: &Reading, evidence: &Evidence, page: &Page) -> Option<String> {
    let alone = |source: Source| !evidence.readings.iter().any(|other| other.source == source && other.status == Status::Ok);
    match (&reading.about, reading.looked_from, reading.looked_to) {
        (Some(about), Some(from), Some(to)) => {
            let time = |at| page.clock.time(at, Precision::Second);
            let early = if reading.status == Status::TooEarly { ", and more may come" } else { "" };
            let count = |what: &str| crate::diagnosis::words::count(reading.events, what);
            let told = if reading.kept { format!("{} in {about} answers", count("service event")) } else { count(&format!("{about} call")) };
            // Of a window of days its hours say nothing.
            let is_long = to.duration_since(from) > SignedDuration::from_hours(24);
            Some(if is_long { format!("{told} since {}{early}", page.clock.full(from)) } else { format!("{told} in {}–{}{early}", time(from), time(to)) })
        }
        _ if reading.source == Source::Logs => reading.detail.clone(),
        _ if reading.source == Source::Metrics && reading.status == Status::Empty && alone(Source::Metrics) => reading.detail.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_loses_its_own_time_and_nothing_else() {
        assert_eq!(without_time("2026-11-24 01:16:36,936 WARN [gc] 97%"), "WARN [gc] 97%");
        assert_eq!(without_time("2026-11-24T01:16:36.936Z  INFO x"), "INFO x");
        assert_eq!(without_time("GET /x 200"), "GET /x 200");
        assert_eq!(without_time("12:30:11"), "12:30:11");
        assert_eq!(without_time("4096 is the limit"), "4096 is the limit");
    }

    #[test]
    fn long_names_are_shortened_to_what_can_still_be_pasted() {
        assert_eq!(shorter_word("arn:aws:elasticloadbalancing:r:1:targetgroup/web/73e2)", &BTreeSet::new()), "web)");
        assert_eq!(shorter_word("9f3c2b7e51d84a6fb0c1d2e3f4a5b6c7).", &BTreeSet::new()), "9f3c2b7e…).");
        assert_eq!(shorter_word("ecs-svc/4815162342108151623", &BTreeSet::new()), "ecs-svc/481516…");
    }
}
