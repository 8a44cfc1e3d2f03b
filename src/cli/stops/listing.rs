//! How many stops are told: counted, a line each, one document or a table, and never more of them held than that needs.

use jiff::Timestamp;

use crate::diagnosis::brief::{By, Counted, Stop};
use crate::diagnosis::evidence::Reading;
use crate::diagnosis::task::last_segment;
use crate::render::json::v1;
use crate::render::list::{Entry, List};
use crate::render::sheet::Shown;
use crate::render::{html, markdown, stops as table, told};
use crate::sources::stops::Scope;

use super::super::args::{Everywhere, Format};
use super::super::failure::Failure;
use super::super::output::{Growing, cannot_fill, rendered};
use super::super::screen::{Bars, Screen};
use super::Run;

/// Rows that are laid out as one table, each column as wide as its widest cell; of more, the first so many settle that.
const MOST_AT_ONCE: usize = 1_000;

pub(super) struct Listing<'a> {
    options: &'a Everywhere,
    screen: &'a Screen,
    now: Timestamp,
    /// Whether stops of several clusters may come.
    several_clusters: bool,
    shape: Shape,
    /// What a pager is given at the end.
    paged: String,
    told: usize,
}

enum Shape {
    Counted(By, Counted, Option<List>),
    Lines,
    Document(Growing),
    /// The document of which `--query` picks: that takes all of it.
    Queried(Vec<v1::Stop>),
    Table {
        waiting: Vec<Stop>,
        columns: Option<table::Columns>,
    },
    Markdown(List),
    Html(List),
}

impl<'a> Listing<'a> {
    pub fn new(by: Option<By>, run: &Run<'a>) -> Self {
        let Run { account, scope, options, screen, now, .. } = *run;
        let list = || List::new(by, &words_of(scope, &account.region), now, &screen.page.clock);
        let shape = match (by, options.output) {
            (Some(by), format) => Shape::Counted(by, Counted::new(by), matches!(format, Format::Markdown | Format::Html).then(list)),
            (None, Format::Markdown) => Shape::Markdown(list()),
            (None, Format::Html) => Shape::Html(list()),
            (None, Format::Jsonl) => Shape::Lines,
            (None, Format::Json) if options.query.is_none() => Shape::Document(Growing::new("stops")),
            (None, Format::Json) => Shape::Queried(Vec::new()),
            (None, Format::Text) => Shape::Table { waiting: Vec::new(), columns: None },
        };
        Self { options, screen, now, several_clusters: scope.cluster.is_none(), shape, paged: String::new(), told: 0 }
    }

    /// How many were told by now.
    pub fn told(&self) -> usize {
        self.told
    }

    /// Tells the next ones, none of which is newer than those before. Whether anybody still reads it.
    ///
    /// # Errors
    /// If it cannot be written, or `--query` cannot be answered.
    pub fn tell(&mut self, stops: Vec<Stop>, bars: &Bars) -> Result<bool, Failure> {
        let is_first = self.told == 0 && !stops.is_empty();
        self.told += stops.len();
        let (screen, now) = (self.screen, self.now);
        let mut out = String::new();
        match &mut self.shape {
            Shape::Counted(_, counted, _) => stops.iter().for_each(|stop| counted.add(stop)),
            Shape::Lines => {
                for stop in &stops {
                    out.push_str(&rendered(self.options, || v1::Stop::from(stop), String::new)?);
                }
            }
            Shape::Document(growing) => {
                for stop in &stops {
                    out.push_str(&growing.item(&v1::Stops::listed(&[], &[]), &v1::Stop::from(stop))?);
                }
            }
            Shape::Queried(all) => all.extend(stops.iter().map(v1::Stop::from)),
            Shape::Markdown(list) => {
                out = if is_first { markdown::head(list) } else { String::new() };
                out.push_str(&markdown::rows(&entries(&stops, screen)));
            }
            Shape::Html(list) => {
                out = if is_first { html::around(list, false, &[]).map_err(cannot_fill)?.0 } else { String::new() };
                out.push_str(&html::rows(&entries(&stops, screen)).map_err(cannot_fill)?);
            }
            Shape::Table { waiting, columns } => {
                waiting.extend(stops);
                if columns.is_some() || waiting.len() > MOST_AT_ONCE {
                    let columns = columns.get_or_insert_with(|| table::Columns::of(&waiting[..MOST_AT_ONCE.min(waiting.len())], self.several_clusters, &screen.page));
                    out = columns.told(waiting, now, &screen.page);
                    waiting.clear();
                }
            }
        }
        if !matches!(self.shape, Shape::Lines) && screen.is_paging() {
            self.paged.push_str(&out);
            return Ok(true);
        }
        if out.is_empty() { Ok(true) } else { bars.hidden_while(|| screen.tell_while_heard(&out)) }
    }

    /// Prints what is left, with what was asked for it.
    ///
    /// # Errors
    /// If it cannot be written, or `--query` cannot be answered.
    pub fn finish(self, readings: &[Reading]) -> Result<(), Failure> {
        let Self { options, screen, now, paged, .. } = self;
        let (is_empty, clock) = (self.told == 0, &screen.page.clock);
        let unseen: Vec<Shown> = told::gaps(readings).iter().map(|gap| Shown::of(gap)).collect();
        let rest = match self.shape {
            Shape::Counted(_, counted, Some(list)) => {
                let entries: Vec<Entry> = counted.groups().iter().map(|group| Entry::of_group(group, clock)).collect();
                match options.output {
                    Format::Html => html::around(&list, is_empty, &unseen).and_then(|(head, tail)| Ok(head + &html::rows(&entries)? + &tail)).map_err(cannot_fill)?,
                    _ => markdown::head(&list) + &markdown::rows(&entries) + &markdown::tail(&list, is_empty, &unseen),
                }
            }
            Shape::Markdown(list) => {
                let head = if is_empty { markdown::head(&list) } else { String::new() };
                head + &markdown::tail(&list, is_empty, &unseen)
            }
            Shape::Html(list) => {
                let (head, tail) = html::around(&list, is_empty, &unseen).map_err(cannot_fill)?;
                if is_empty { head + &tail } else { tail }
            }
            Shape::Counted(by, counted, None) => {
                let groups = counted.groups();
                let text = || if groups.is_empty() { String::new() } else { table::groups(&groups, by, now, &screen.page) };
                rendered(options, || v1::Stops::grouped(&groups, readings), text)?
            }
            Shape::Lines => return Ok(()),
            Shape::Document(growing) => growing.end(&v1::Stops::listed(&[], readings))?,
            Shape::Queried(stops) => rendered(options, || v1::Stops { stops: Some(stops), ..v1::Stops::listed(&[], readings) }, String::new)?,
            Shape::Table { waiting, columns: None } if !waiting.is_empty() => table::table(&waiting, now, &screen.page),
            Shape::Table { .. } => String::new(),
        };
        // Of what was written at once the rest is written so, too.
        if paged.is_empty() && self.told > 0 && !screen.is_paging() { screen.tell(&rest) } else { screen.answer(&(paged + &rest)) }
    }
}

fn entries(stops: &[Stop], screen: &Screen) -> Vec<Entry> {
    stops.iter().map(|stop| Entry::of(stop, &screen.page.clock)).collect()
}

/// Of what they are, for a title.
fn words_of(scope: Scope<'_>, region: &str) -> String {
    let service = scope.service.map(|service| format!("service {service}, "));
    let cluster = scope.cluster.map(|cluster| format!("cluster {}, ", last_segment(cluster)));
    [service, cluster, Some(region.to_owned())].into_iter().flatten().collect()
}
