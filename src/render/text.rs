//! A trace as text for a tired reader: the verdict first, then the lines it rests on, then what was not seen.
//!
//! Laid out bare, painted afterwards; a mark and a word carry every meaning that a colour repeats.

use std::collections::BTreeSet;

use owo_colors::Style;

use crate::diagnosis::Trace;
use crate::diagnosis::event::{Event, Level, What};
use crate::diagnosis::evidence::Evidence;
use crate::diagnosis::neighbours::unique_beginning;
use crate::diagnosis::service::{is_task_id, target_group_name};
use crate::diagnosis::timeline::{Line, Timeline};
use crate::diagnosis::verdict::{NextStep, Verdict};

use super::Page;
use super::columns::{cut, padded, width, wrapped};
use super::lines::Lines;
use super::printable::printable;
use super::told::{self, Act, Axis, Mark, sign, without_cites, witness};

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
    let cited = told::cited(&trace.verdict);
    out.lines(&trace.timeline, trace.timeline.lines.iter().filter(|line| cited.contains(&line.n)));
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
    // Each on one line of its own, whatever the width: a break inside a text would spoil it.
    for (place, query) in told::queries(by) {
        out.lines.blank();
        out.paragraph("  ", "  ", place, &Style::new());
        out.lines.put(&format!("  {}", printable(query)));
    }
    told::chain(trace).iter().for_each(|act| out.act(act));
    let attempts = told::attempts(trace);
    if !attempts.is_empty() {
        out.lines.blank();
        out.paragraph("", "", "Refused attempts; they did not stop it:", &page.look.strong);
        attempts.iter().for_each(|act| out.act(act));
    }
    for act in told::accepted_too(trace) {
        out.lines.blank();
        out.paragraph("", "", "Accepted too, and not taken for the cause:", &page.look.strong);
        out.act(&act);
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
    for container in told::last_words(timeline) {
        out.lines.blank();
        out.paragraph("", "", &container.end, &page.look.strong);
        if container.lines.is_empty() {
            out.paragraph("  ", "  ", container.silence, &page.look.faint);
        } else {
            out.lines(timeline, container.lines.into_iter());
        }
        if let Some(command) = &container.command {
            out.paragraph("      ", "      ", told::ALL_OF_IT, &page.look.faint);
            out.lines.put(&format!("         {}", page.look.paint(&page.look.command, &printable(command))));
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
        let facts = told::facts(evidence, &self.page.clock);
        if !evidence.task.exists() {
            let line = printable(&format!("{} {}", facts.kind, facts.name)).into_owned();
            let line = self.page.look.paint(&self.page.look.strong, &line);
            self.lines.put(&format!("{line}  {}", printable(&facts.rest.join("  "))));
            return;
        }
        let id = printable(&facts.name);
        let beginning = unique_beginning(&id, evidence.neighbours.iter().flat_map(|neighbours| &neighbours.tasks).map(|other| other.id.as_str()));
        let short = match self.page.measure() < 100 && id.len() > beginning.len() {
            true => format!("{beginning}…"),
            false => id.into_owned(),
        };
        // A time and its zone stay together: the wrapping breaks at blanks alone.
        let end = facts.end.map(|end| end.replace(' ', "\u{a0}"));
        let parts: Vec<String> = facts.rest.into_iter().chain(end).collect();
        let rest = printable(&parts.join("  ")).into_owned();
        let first = format!("{} {short}", facts.kind);
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
        let mark = Mark::of(verdict);
        let style = look.of(mark);
        let headline = format!("{} {}", mark.sign(), told::headline(verdict));
        // Wrapped together, painted apart: the headline may be broken by a narrow page.
        let lines = wrapped(&printable(&format!("{headline}  {}", self.page.clock.told(&verdict.summary))), self.page.measure() - 2);
        for (at, line) in lines.iter().enumerate() {
            match line.strip_prefix(headline.as_str()).filter(|_| at == 0) {
                Some(rest) => self.lines.put(&format!("{}{rest}", look.paint(style, &headline))),
                None => self.lines.put(&format!("{}{line}", if at == 0 { "" } else { "  " })),
            }
        }
        let by = &trace.stopped_by;
        let style = if by.is_answered() { Style::new() } else { look.doubt };
        self.labelled("who", &told::who(by), &style);
        for note in &verdict.notes {
            self.labelled("note", &told::note(note), &Style::new());
        }
    }

    /// The table: number, time, distance, witness, what.
    fn lines<'l>(&mut self, timeline: &Timeline, lines: impl Iterator<Item = &'l Line>) {
        let lines: Vec<&Line> = lines.collect();
        let Some(axis) = Axis::of(timeline, &lines, &self.page.clock) else { return };
        // In a pipe each line stands for itself; on a terminal a day is said once, where it begins.
        let dated = axis.several_days && self.page.width.is_none();
        let mut day = String::new();
        let ids = ids_in(timeline);
        let distances = self.page.measure() >= 72;
        let zone = format!("TIME ({})", axis.zone());
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
            if axis.several_days && !dated && day != axis.day(event) {
                day = axis.day(event);
                self.lines.put(&self.page.look.paint(&self.page.look.faint, &format!("      {day}")));
            }
            let time = if dated { axis.dated(event) } else { axis.time(event) };
            // `~`: at that time or before it, or its order among its neighbours is not certain.
            let tie = if line.tied { "~" } else { " " };
            let look = &self.page.look;
            let mut row = format!("{}  {}{tie}", look.paint(&look.faint, &format!("{:>4}", line.n)), padded(&time, time_columns));
            if distances {
                row.push_str(&look.paint(&look.faint, &padded(&axis.offset(event), 10)));
            }
            row.push_str(&padded(&cut(&printable(&witness(event)), witness_columns - 1), witness_columns));
            let style = match event.level {
                Level::Error => look.bad,
                Level::Warn => look.doubt,
                Level::Info => Style::new(),
            };
            row.push_str(&look.paint(&style, &padded(sign(event.level), 2)));
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
            let text = format!("{number}{}", told::step(step));
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
        for (label, told) in told::others(verdict) {
            let style = if label == "open" { self.page.look.doubt } else { Style::new() };
            self.labelled(label, &told, &style);
        }
    }

    /// `seen`, `not` and `n/a`: which witnesses spoke, which could not be heard, which cannot exist.
    fn sources(&mut self, evidence: &Evidence) {
        let seen = told::seen(evidence, &self.page.clock);
        if !seen.is_empty() {
            self.labelled("seen", &seen.join("  "), &Style::new());
        }
        self.gaps(evidence);
        let absent = told::absent(evidence);
        if !absent.is_empty() {
            self.labelled("n/a", &absent.join("  "), &self.page.look.faint.clone());
        }
        for told in told::elsewhere(evidence) {
            self.labelled("", &told, &self.page.look.faint.clone());
        }
    }

    fn gaps(&mut self, evidence: &Evidence) {
        for (at, gap) in told::gaps(&evidence.readings).iter().enumerate() {
            self.labelled(if at == 0 { "not" } else { "" }, gap, &self.page.look.doubt.clone());
        }
    }

    /// A line of the chain, and below it where it came from.
    fn act(&mut self, act: &Act) {
        self.timed(&act.what, act.at);
        for told in &act.details {
            self.paragraph("    ", "    ", told, &Style::new());
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
