//! An answer as a sheet to be handed on: its parts in order, every text from outside made inert, no format yet.

use std::collections::BTreeSet;
use std::fmt;

use crate::diagnosis::Trace;
use crate::diagnosis::event::Level;
use crate::diagnosis::timeline::{Line, Timeline};
use crate::diagnosis::verdict::{NextStep, Verdict};

use super::clock::Clock;
use super::columns::{padded, width};
use super::printable::printable;
use super::told::{self, Act, Axis, Mark};

/// Text that has passed `printable`. There is no other way to make one, so no format can forget it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(printable(text).into_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A part of a sentence of the diagnosis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Words(Shown),
    /// What stands between quotation marks, which belong to the words beside it.
    Quoted(Shown),
    /// The number of a line that is on this sheet and that the verdict rests on.
    Cite(usize),
}

/// A sentence, its times by the sheet's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prose(pub Vec<Piece>);

impl Prose {
    fn of(sentence: &str, clock: &Clock, cited: &BTreeSet<usize>) -> Self {
        let told = printable(&clock.told(sentence)).into_owned();
        let (mut pieces, mut rest) = (Vec::new(), told.as_str());
        while let Some(begin) = rest.find('“').map(|at| at + '“'.len_utf8())
            && let Some(end) = rest[begin..].find('”').map(|at| at + begin)
        {
            cites(&rest[..begin], cited, &mut pieces);
            pieces.push(Piece::Quoted(Shown::of(&rest[begin..end])));
            rest = &rest[end..];
        }
        cites(rest, cited, &mut pieces);
        Self(pieces)
    }
}

/// Words with their citations. Only a number that stands alone in its brackets is one, as the diagnosis writes it.
fn cites(words: &str, cited: &BTreeSet<usize>, pieces: &mut Vec<Piece>) {
    let (mut from, mut at) = (0, 0);
    while let Some(open) = words[at..].find('[').map(|found| found + at) {
        at = open + 1;
        let Some(close) = words[at..].find(']').map(|found| found + at) else { break };
        let number = words[at..close].parse().ok().filter(|n| cited.contains(n) && words[at..close].bytes().all(|byte| byte.is_ascii_digit()));
        let begins = words[..open].chars().next_back().is_none_or(|before| matches!(before, ' ' | '('));
        // At the beginning of a block a number with a colon would be the address of a link.
        let ends = words[close + 1..].chars().next().is_none_or(|after| matches!(after, ' ' | '.' | ',' | ';' | ')') || after == ':' && open > 0);
        if let (Some(n), true, true) = (number, begins, ends) {
            pieces.extend(Some(&words[from..open]).filter(|words| !words.is_empty()).map(|words| Piece::Words(Shown::of(words))));
            pieces.push(Piece::Cite(n));
            (from, at) = (close + 1, close + 1);
        }
    }
    pieces.extend(Some(&words[from..]).filter(|words| !words.is_empty()).map(|words| Piece::Words(Shown::of(words))));
}

/// One answer about one task.
#[derive(Debug)]
pub struct Sheet {
    /// What it answers, and of which task, in one line.
    pub title: Shown,
    pub kind: &'static str,
    pub name: Shown,
    pub facts: Vec<Shown>,
    pub verdict: Option<Told>,
    pub caller: Option<Caller>,
    pub table: Option<Table>,
    pub containers: Vec<Container>,
    pub steps: Vec<Step>,
    pub others: Vec<Other>,
    pub seen: Vec<Shown>,
    pub unseen: Vec<Shown>,
    /// Witnesses that cannot exist for the task, and where lines go that are not in CloudWatch.
    pub absent: Vec<Shown>,
    pub as_of: Shown,
}

#[derive(Debug)]
pub struct Told {
    pub mark: Mark,
    pub headline: Prose,
    pub summary: Prose,
    /// Absent where a whole section tells it.
    pub who: Option<Prose>,
    pub notes: Vec<Prose>,
}

/// Who or what stopped it, in full.
#[derive(Debug)]
pub struct Caller {
    pub is_answered: bool,
    pub sentence: Prose,
    pub queries: Vec<(&'static str, Shown)>,
    pub chain: Vec<Deed>,
    pub attempts: Vec<Deed>,
    pub accepted_too: Vec<Deed>,
}

#[derive(Debug)]
pub struct Deed {
    pub what: Prose,
    pub time: Shown,
    pub details: Vec<Prose>,
}

/// Lines of the timeline.
#[derive(Debug)]
pub struct Table {
    pub zone: Shown,
    pub rows: Vec<Row>,
}

#[derive(Debug)]
pub struct Row {
    pub n: usize,
    /// For machines, in UTC.
    pub moment: String,
    pub time: Shown,
    /// At that time or before it, or its order among its neighbours is not certain.
    pub tied: bool,
    pub offset: Shown,
    pub witness: Shown,
    pub level: Level,
    pub sign: &'static str,
    pub text: Shown,
}

/// A container's last words.
#[derive(Debug)]
pub struct Container {
    pub end: Shown,
    pub table: Option<Table>,
    pub silence: &'static str,
    pub command: Option<Shown>,
}

#[derive(Debug)]
pub struct Step {
    pub text: Prose,
    /// To be copied as it is.
    pub command: Option<Shown>,
}

/// Another reading (`or`), or a cause that nobody could look for (`open`).
#[derive(Debug)]
pub struct Other {
    pub label: &'static str,
    pub text: Prose,
}

impl Sheet {
    /// `timeline`: everything.
    #[must_use]
    pub fn timeline(trace: &Trace, clock: &Clock) -> Self {
        let lines: Vec<&Line> = trace.timeline.lines.iter().collect();
        let evidence = &trace.timeline.evidence;
        Self {
            verdict: Some(Told::of(trace, clock)),
            table: Table::of(&trace.timeline, &lines, clock),
            steps: steps(trace.verdict.next_steps.iter(), clock, &told::cited(&trace.verdict)),
            seen: shown(told::seen(evidence, clock)),
            unseen: shown(told::gaps(&evidence.readings)),
            absent: absent(&trace.timeline),
            ..Self::headed("Why", "stopped", trace, clock)
        }
    }

    /// `why`: the verdict, the lines it cites, the next steps.
    #[must_use]
    pub fn why(trace: &Trace, clock: &Clock) -> Self {
        let cited = told::cited(&trace.verdict);
        let lines: Vec<&Line> = trace.timeline.lines.iter().filter(|line| cited.contains(&line.n)).collect();
        Self {
            verdict: Some(Told::of(trace, clock)),
            table: Table::of(&trace.timeline, &lines, clock),
            steps: steps(trace.verdict.next_steps.iter(), clock, &cited),
            others: others(&trace.verdict, clock, &cited),
            unseen: shown(told::gaps(&trace.timeline.evidence.readings)),
            ..Self::headed("Why", "stopped", trace, clock)
        }
    }

    /// `who-stopped`: the name, the chain, the refused attempts; where nobody is named, what is known of the cause.
    #[must_use]
    pub fn who_stopped(trace: &Trace, clock: &Clock) -> Self {
        let caller = Caller::of(trace, clock);
        let (is_answered, no_lines) = (caller.is_answered, BTreeSet::new());
        let mut sheet = Self { caller: Some(caller), ..Self::headed("Who stopped", "", trace, clock) };
        if !is_answered {
            let summary = told::without_cites(&trace.verdict.summary);
            sheet.verdict = Some(Told { who: None, notes: Vec::new(), summary: Prose::of(&summary, clock, &no_lines), ..Told::of(trace, clock) });
            sheet.steps = steps(trace.verdict.steps_towards_who(), clock, &no_lines);
            sheet.unseen = shown(told::gaps(&trace.timeline.evidence.readings));
        }
        sheet
    }

    /// `logs`: each container's last words.
    #[must_use]
    pub fn logs(trace: &Trace, clock: &Clock) -> Self {
        let timeline = &trace.timeline;
        let container = |words: told::LastWords<'_>| Container {
            end: Shown::of(&words.end),
            table: Table::of(timeline, &words.lines, clock),
            silence: words.silence,
            command: words.command.as_deref().map(Shown::of),
        };
        Self {
            containers: told::last_words(timeline).into_iter().map(container).collect(),
            seen: shown(told::seen(&timeline.evidence, clock)),
            unseen: shown(told::gaps(&timeline.evidence.readings)),
            absent: absent(timeline),
            ..Self::headed("Last words of", "", trace, clock)
        }
    }

    /// Which task it is of, and nothing said of it yet.
    fn headed(before: &str, behind: &str, trace: &Trace, clock: &Clock) -> Self {
        let evidence = &trace.timeline.evidence;
        let facts = told::facts(evidence, clock);
        Self {
            title: Shown::of(format!("{before} {} {} {behind}", facts.kind, facts.name).trim_end()),
            kind: facts.kind,
            name: Shown::of(&facts.name),
            facts: shown(facts.rest.into_iter().chain(facts.end)),
            verdict: None,
            caller: None,
            table: None,
            containers: Vec::new(),
            steps: Vec::new(),
            others: Vec::new(),
            seen: Vec::new(),
            unseen: Vec::new(),
            absent: Vec::new(),
            as_of: Shown::of(&clock.full(evidence.taken_at)),
        }
    }
}

impl Told {
    fn of(trace: &Trace, clock: &Clock) -> Self {
        let verdict = &trace.verdict;
        let mut cited = told::cited(verdict);
        let prose = |text: &str, cited: &BTreeSet<usize>| Prose::of(text, clock, cited);
        let notes = verdict.notes.iter().map(|note| prose(&told::note(note), &cited)).collect();
        let (headline, summary) = (prose(&told::headline(verdict), &cited), prose(&verdict.summary, &cited));
        cited.extend(trace.stopped_by.deciding_line());
        Self { mark: Mark::of(verdict), headline, summary, who: Some(prose(&told::who(&trace.stopped_by), &cited)), notes }
    }
}

impl Caller {
    fn of(trace: &Trace, clock: &Clock) -> Self {
        let by = &trace.stopped_by;
        let prose = |text: &str| Prose::of(text, clock, &BTreeSet::new());
        let deed = |act: Act| Deed {
            what: prose(&act.what),
            time: Shown::of(&act.at.map(|at| clock.full(at)).unwrap_or_default()),
            details: act.details.iter().filter(|detail| !detail.is_empty()).map(|detail| prose(detail)).collect(),
        };
        let deeds = |acts: Vec<Act>| acts.into_iter().map(deed).collect();
        Self {
            is_answered: by.is_answered(),
            sentence: prose(&by.sentence),
            queries: told::queries(by).into_iter().map(|(place, query)| (place, Shown::of(query))).collect(),
            chain: deeds(told::chain(trace)),
            attempts: deeds(told::attempts(trace)),
            accepted_too: deeds(told::accepted_too(trace)),
        }
    }
}

impl Table {
    /// `None` where there are no lines.
    fn of(timeline: &Timeline, lines: &[&Line], clock: &Clock) -> Option<Self> {
        let axis = Axis::of(timeline, lines, clock)?;
        let row = |line: &&Line| Row {
            n: line.n,
            moment: line.event.at.to_string(),
            time: Shown::of(&axis.dated(&line.event)),
            tied: line.tied,
            offset: Shown::of(&axis.offset(&line.event)),
            witness: Shown::of(&told::witness(&line.event)),
            level: line.event.level,
            sign: told::sign(line.event.level),
            text: Shown::of(&line.event.text()),
        };
        Some(Self { zone: Shown::of(&axis.zone()), rows: lines.iter().map(row).collect() })
    }
}

impl Table {
    /// Its rows as lines in line with each other: what stands before the text, and the row.
    #[must_use]
    pub fn laid(&self) -> Vec<(String, &Row)> {
        let widest = |of: fn(&Row) -> &str| self.rows.iter().map(|row| width(of(row))).max().unwrap_or_default();
        let (times, offsets) = (widest(|row| row.time.as_str()), widest(|row| row.offset.as_str()));
        let before = |row: &Row| format!("{:>4}  {}  {}  ", row.n, padded(row.time.as_str(), times), padded(row.offset.as_str(), offsets));
        self.rows.iter().map(|row| (before(row), row)).collect()
    }
}

fn shown(texts: impl IntoIterator<Item = String>) -> Vec<Shown> {
    texts.into_iter().map(|text| Shown::of(&text)).collect()
}

fn steps<'s>(steps: impl Iterator<Item = &'s NextStep>, clock: &Clock, cited: &BTreeSet<usize>) -> Vec<Step> {
    steps.map(|step| Step { text: Prose::of(&told::step(step), clock, cited), command: step.command.as_deref().map(Shown::of) }).collect()
}

fn others(verdict: &Verdict, clock: &Clock, cited: &BTreeSet<usize>) -> Vec<Other> {
    told::others(verdict).into_iter().map(|(label, text)| Other { label, text: Prose::of(&text, clock, cited) }).collect()
}

fn absent(timeline: &Timeline) -> Vec<Shown> {
    shown(told::absent(&timeline.evidence).into_iter().map(str::to_owned).chain(told::elsewhere(&timeline.evidence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(sentence: &str) -> Vec<Piece> {
        Prose::of(sentence, &Clock::utc(), &BTreeSet::from([7, 19])).0
    }

    #[test]
    fn nothing_is_shown_that_would_be_obeyed() {
        assert_eq!(Shown::of("a\u{202e}b\u{1b}[2J\nc").as_str(), "a\\u{202e}b\\e[2J␤c");
    }

    #[test]
    fn a_cited_line_is_one_and_a_number_in_somebodys_words_is_none() {
        let words = |text: &str| Piece::Words(Shown::of(text));
        let told = pieces("It was killed [19]. Its log says “[7] x\u{202e}” ([7]).");
        let quoted = Piece::Quoted(Shown("[7] x\\u{202e}".to_owned()));
        assert_eq!(told, [words("It was killed "), Piece::Cite(19), words(". Its log says “"), quoted, words("” ("), Piece::Cite(7), words(").")]);
        assert_eq!(pieces("drained [7]: ECS"), [words("drained "), Piece::Cite(7), words(": ECS")]);
        for text in ["x[7]", "[7](http://evil.example)", "[7]: http://evil.example", "[7][7]", "[8]", "[+7]", "[07", "[]", "“[7]", "[^7]"] {
            assert_eq!(pieces(text), [words(text)]);
        }
    }
}
