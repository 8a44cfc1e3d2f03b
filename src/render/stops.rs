//! Many stops as a table, newest first, or counted by what they share.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use owo_colors::Style;

use crate::diagnosis::brief::{By, Group, Stop};

use super::Page;
use super::columns::{cut, padded, width};
use super::printable::printable;
use super::told::Mark;

/// Columns for what ECS says, below which a cause goes without its detail.
const ROOM_FOR_WORDS: usize = 40;
/// As many letters of a task's id as are shown at the least.
pub const FEWEST_LETTERS: usize = 8;
/// Among a hundred thousand ids eight letters are one id's too often.
const LETTERS_OF_MANY: usize = 10;

/// The stops as a table. On a terminal ids are cut to what is still unique, and what ECS said to what is left of the line.
#[must_use]
pub fn table(stops: &[Stop], now: Timestamp, page: &Page) -> String {
    let several = stops.iter().map(|stop| stop.task().cluster.as_str()).collect::<BTreeSet<_>>().len() > 1;
    Columns { age: "AGE", letters: Letters::of(stops, FEWEST_LETTERS), several_clusters: several, is_narrow: is_narrow(stops, page), widths: None }.told(stops, now, page)
}

/// A table of more stops than are at hand: its first rows settle how wide the columns are.
#[derive(Debug)]
pub struct Columns {
    /// As wide as the ages below it can get.
    age: &'static str,
    letters: Letters,
    several_clusters: bool,
    is_narrow: bool,
    widths: Option<Widths>,
}

impl Columns {
    /// For the first of them, and whether there may be other clusters among those that follow.
    #[must_use]
    pub fn of(first: &[Stop], several_clusters: bool, page: &Page) -> Self {
        Self { age: "AGE ", letters: Letters::of(first, LETTERS_OF_MANY), several_clusters, is_narrow: is_narrow(first, page), widths: None }
    }

    /// The next rows, below a head if they are the first.
    pub fn told(&mut self, stops: &[Stop], now: Timestamp, page: &Page) -> String {
        let mut head = vec![self.age, "TASK", "SERVICE", "CAUSE", "WHO", "WHAT ECS SAYS"];
        if self.several_clusters {
            head.insert(2, "CLUSTER");
        }
        let rows: Vec<Row> = stops.iter().map(|stop| self.row(stop, now, page)).collect();
        match &self.widths {
            Some(widths) => lines(None, &rows, widths, page),
            None => {
                let widths = Widths::of(&head, &rows, page);
                let told = lines(Some(&head), &rows, &widths, page);
                self.widths = Some(widths);
                told
            }
        }
    }

    fn row<'p>(&self, stop: &Stop, now: Timestamp, page: &'p Page) -> Row<'p> {
        let verdict = &stop.trace.verdict;
        let mark = Mark::of(verdict);
        let id = &stop.task().id;
        let id = if page.width.is_some() { self.letters.shown(id) } else { id };
        let mut cells = vec![
            age(stop.at(), now),
            printable(id).into_owned(),
            printable(&stop.of_what()).into_owned(),
            if self.is_narrow { verdict.cause.as_str().to_owned() } else { stop.cause() },
            stop.who().to_owned(),
            printable(&stop.words()).into_owned(),
        ];
        if self.several_clusters {
            cells.insert(2, printable(&stop.task().cluster).into_owned());
        }
        Row { mark: mark.sign(), style: page.look.of(mark), painted: cells.len() - 3, cells }
    }
}

/// ECS's own words tell the detail, too: where there is little room, they say it alone.
fn is_narrow(stops: &[Stop], page: &Page) -> bool {
    let detailed = stops.iter().map(|stop| width(&stop.cause())).max().unwrap_or_default();
    let fixed = 2 + 6 + FEWEST_LETTERS + 2 + stops.iter().map(|stop| width(&stop.of_what())).max().unwrap_or_default() + detailed + 20;
    page.width.is_some_and(|columns| columns < fixed + ROOM_FOR_WORDS)
}

/// The groups as a table, the most frequent first.
#[must_use]
pub fn groups(groups: &[Group], by: By, now: Timestamp, page: &Page) -> String {
    let (key, of_what) = match by {
        By::Cause => ("CAUSE", "SERVICES"),
        By::Service => ("SERVICE", "CAUSES"),
        By::Revision => ("REVISION", "CAUSES"),
    };
    let letters = Letters::among(groups.iter().map(|group| group.sample.as_str()), FEWEST_LETTERS);
    let rows: Vec<Row> = groups
        .iter()
        .map(|group| {
            let id = if page.width.is_some() { letters.shown(&group.sample) } else { &group.sample };
            let cells =
                vec![group.count.to_string(), printable(&group.key).into_owned(), age(group.latest, now), printable(id).into_owned(), printable(&split(group)).into_owned()];
            Row { mark: "", style: &page.look.strong, painted: 1, cells }
        })
        .collect();
    laid_out(&["STOPS", key, "LATEST", "TASK", of_what], &rows, page)
}

/// What a group consists of, the most frequent first.
#[must_use]
pub fn split(group: &Group) -> String {
    let mut split: Vec<(&String, &usize)> = group.split.iter().collect();
    split.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
    split.into_iter().map(|(name, count)| if group.split.len() > 1 { format!("{name} {count}") } else { name.clone() }).collect::<Vec<_>>().join(", ")
}

struct Row<'a> {
    mark: &'static str,
    style: &'a Style,
    /// Which cell is painted with the mark.
    painted: usize,
    cells: Vec<String>,
}

/// The rows below their head.
fn laid_out(head: &[&str], rows: &[Row<'_>], page: &Page) -> String {
    lines(Some(head), rows, &Widths::of(head, rows, page), page)
}

#[derive(Debug)]
struct Widths {
    of: Vec<usize>,
    is_marked: bool,
    shows_last: bool,
}

impl Widths {
    /// Columns as wide as their widest cell; the last one takes what is left of the line.
    fn of(head: &[&str], rows: &[Row<'_>], page: &Page) -> Self {
        let last = head.len() - 1;
        let mut widths: Vec<usize> = head.iter().map(|name| width(name)).collect();
        for row in rows {
            for (at, cell) in row.cells.iter().enumerate() {
                widths[at] = widths[at].max(width(cell));
            }
        }
        let is_marked = rows.iter().any(|row| !row.mark.is_empty());
        let before = if is_marked { 2 } else { 0 };
        if let Some(columns) = page.width {
            // A long name yields before what comes behind it is lost; a whole column goes where nothing useful would be left.
            let taken = |widths: &[usize]| before + widths[..last].iter().map(|width| width + 2).sum::<usize>();
            let named = usize::from(head.len() > 5) + 1;
            let wanted = 16;
            let over = (taken(&widths) + wanted).saturating_sub(columns);
            let least = width(head[named]).max(12).min(widths[named]);
            widths[named] = widths[named].saturating_sub(over).max(least);
            // What is still too much is taken from the cause, which the words tell too, and from the name.
            for (at, least) in [(last - 2.min(last), 12), (named, 8), (named - 1, 8), (last - 2.min(last), 6), (named, 4)] {
                // The task's own id is never cut: half of it says nothing.
                if head[at] == "TASK" {
                    continue;
                }
                let over = taken(&widths).saturating_sub(columns);
                widths[at] = widths[at].saturating_sub(over).max(least.min(widths[at]));
            }
            widths[last] = columns.saturating_sub(taken(&widths));
        }
        let shows_last = page.width.is_none() || widths[last] >= 8;
        Self { of: widths, is_marked, shows_last }
    }
}

fn lines(head: Option<&[&str]>, rows: &[Row<'_>], widths: &Widths, page: &Page) -> String {
    let last = widths.of.len() - 1;
    let mut out = String::new();
    let mut line = |mark: &str, cells: Vec<String>, style: &dyn Fn(usize) -> Option<Style>| {
        let mut text = if widths.is_marked { format!("{} ", padded(mark, 1)) } else { String::new() };
        for (at, cell) in cells.iter().enumerate().filter(|(at, _)| widths.shows_last || *at < last) {
            let cell = if page.width.is_some() { cut(cell, widths.of[at]) } else { cell.clone() };
            let ends = at == last || at + 1 == last && !widths.shows_last;
            let laid = if ends { cell } else { padded(&cell, widths.of[at]) };
            text.push_str(&style(at).map_or_else(|| laid.clone(), |style| page.look.paint(&style, &laid)));
            if !ends {
                text.push_str("  ");
            }
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    if let Some(head) = head {
        line("", head.iter().map(|name| name.trim_end().to_owned()).collect(), &|_| Some(page.look.faint));
    }
    for row in rows {
        let mark = page.look.paint(row.style, row.mark);
        let mark = if row.mark.is_empty() { String::new() } else { mark };
        line(&mark, row.cells.clone(), &|at| (at == row.painted).then_some(*row.style));
    }
    out
}

/// How much of each id is shown: the fewest letters with which no other of them begins.
#[derive(Debug)]
pub struct Letters {
    least: usize,
    longer: BTreeMap<String, usize>,
}

impl Letters {
    /// `least` letters of every id, and of those that are alike in them so many more as it takes.
    #[must_use]
    pub fn of(stops: &[Stop], least: usize) -> Self {
        Self::among(stops.iter().map(|stop| stop.task().id.as_str()), least)
    }

    fn among<'i>(ids: impl Iterator<Item = &'i str>, least: usize) -> Self {
        let ids: BTreeSet<&str> = ids.collect();
        let shared = |one: &str, other: &str| one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
        // In order, the one most like another stands beside it.
        let ids: Vec<&str> = ids.into_iter().collect();
        let needed = |at: usize| {
            let beside = [at.checked_sub(1), Some(at + 1)].into_iter().flatten().filter_map(|at| ids.get(at));
            beside.map(|other| shared(ids[at], other) + 1).max().unwrap_or_default()
        };
        let longer = (0..ids.len()).filter(|at| needed(*at) > least).map(|at| (ids[at].to_owned(), needed(at))).collect();
        Self { least, longer }
    }

    #[must_use]
    pub fn shown<'i>(&self, id: &'i str) -> &'i str {
        id.get(..self.longer.get(id).copied().unwrap_or(self.least)).unwrap_or(id)
    }
}

/// `12s`, `4m`, `2h`, `3d`: one unit is enough beside others, and the nearest is told, in three letters.
#[must_use]
pub fn age(at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(at) = at else { return "-".to_owned() };
    let seconds = now.duration_since(at).as_secs().max(0);
    let (minutes, hours) = ((seconds + 30) / 60, (seconds + 1_800) / 3_600);
    match () {
        () if seconds < 100 => format!("{seconds}s"),
        () if minutes < 100 => format!("{minutes}m"),
        () if hours < 48 => format!("{hours}h"),
        () => format!("{}d", (seconds + 43_200) / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Clock;
    use super::super::look::Look;
    use super::*;
    use crate::diagnosis::rules::fixtures::stopped;

    fn stop(id: &str, service: &str) -> Stop {
        let mut task = stopped("EssentialContainerExited", "Essential container in task exited", Some(3)).task;
        (task.id, task.service) = (id.to_owned(), Some(service.to_owned()));
        Stop::of(task, Timestamp::from_second(2_000_000_000).expect("a time"))
    }

    fn page(width: Option<usize>) -> Page {
        Page { width, look: Look::plain(), clock: Clock::utc() }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_the_cause_is_always_there() {
        let stops = [stop("9f2c41d07ab84e5f9d3c2b1a60f7e8d9", "a-service-with-quite-a-long-name-of-its-own"), stop("9f2c41d17ab84e5f9d3c2b1a60f7e8d9", "web")];
        let now = Timestamp::from_second(2_000_000_000).expect("a time");
        for columns in [60, 80, 120, 200] {
            let told = table(&stops, now, &page(Some(columns)));
            assert!(told.lines().all(|line| width(line) <= columns), "{columns}:\n{told}");
            assert_eq!(told.matches("app-error").count(), 2, "{told}");
        }
        let piped = table(&stops, now, &page(None));
        assert!(piped.contains("9f2c41d07ab84e5f9d3c2b1a60f7e8d9") && piped.contains("app exited 3"), "{piped}");
    }

    #[test]
    fn an_id_is_as_long_as_it_takes_to_tell_it_from_the_others() {
        let stops = ["ba7c000000000000000000000000ba01", "ba7c000000000000000000000000ba02", "9f2c41d07ab84e5f9d3c2b1a60f7e8d9"].map(|id| stop(id, "batch"));
        let letters = Letters::of(&stops, FEWEST_LETTERS);
        assert_eq!(stops.each_ref().map(|stop| letters.shown(&stop.task().id)), ["ba7c000000000000000000000000ba01", "ba7c000000000000000000000000ba02", "9f2c41d0"]);
        let told = table(&stops, Timestamp::from_second(2_000_000_000).expect("a time"), &page(Some(80)));
        assert!(told.lines().all(|line| width(line) <= 80), "{told}");
    }

    #[test]
    fn hostile_names_stay_on_their_line() {
        let told = table(&[stop("9f2c41d07ab84e5f9d3c2b1a60f7e8d9", "web\u{1b}[2J\nx")], Timestamp::UNIX_EPOCH, &page(Some(80)));
        assert_eq!(told.lines().count(), 2);
        assert!(!told.contains('\u{1b}'));
    }

    #[test]
    fn an_age_has_one_unit() {
        let now = Timestamp::from_second(1_000_000).expect("a time");
        let ago = |seconds: i64| age(Timestamp::from_second(1_000_000 - seconds).ok(), now);
        assert_eq!([ago(5), ago(300), ago(8_000), ago(200_000), ago(-9)], ["5s", "5m", "2h", "2d", "0s"]);
        assert_eq!([ago(99), ago(110), ago(6_500), ago(10_680), ago(172_000)], ["99s", "2m", "2h", "3h", "2d"]);
        assert!((0..400_000).step_by(7).all(|seconds| ago(seconds).len() <= 3));
        assert_eq!(age(None, now), "-");
    }
}
