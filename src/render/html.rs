//! A sheet as one HTML file that needs nothing else, filled into `templates/`. What is filled in is escaped there; links lead
//! to the lines of the same page alone.

use askama::{Error, Template};

use super::list::{Cell, Entry, List};
use super::sheet::{Piece, Sheet, Shown};
use super::told::ALL_OF_IT;

#[derive(Template)]
#[template(path = "trace.html")]
struct TracePage<'a> {
    sheet: &'a Sheet,
    as_of: &'a Shown,
}

/// The sheet as a page.
///
/// # Errors
/// Never, as far as is known: nothing but writing can fail, and it writes to memory.
pub fn sheet(sheet: &Sheet) -> Result<String, Error> {
    TracePage { sheet, as_of: &sheet.as_of }.render()
}

#[derive(Template)]
#[template(path = "stops.html")]
struct StopsPage<'a> {
    list: &'a List,
    as_of: &'a Shown,
    entries: &'a [Entry],
    is_empty: bool,
    unseen: &'a [Shown],
}

#[derive(Template)]
#[template(path = "stops.html", block = "rows")]
struct Rows<'a> {
    entries: &'a [Entry],
}

/// Behind the last row. No text holds it: its `<` would be escaped.
const END_OF_ROWS: &str = "</tbody>";

/// What stands before the first row, and behind the last of a list that is empty or not.
///
/// # Errors
/// As `sheet`.
pub fn around(list: &List, is_empty: bool, unseen: &[Shown]) -> Result<(String, String), Error> {
    let page = StopsPage { list, as_of: &list.as_of, entries: &[], is_empty, unseen }.render()?;
    let at = page.find(END_OF_ROWS).unwrap_or(page.len());
    Ok((page[..at].to_owned(), page[at..].to_owned()))
}

/// The next rows.
///
/// # Errors
/// As `sheet`.
pub fn rows(entries: &[Entry]) -> Result<String, Error> {
    Rows { entries }.render()
}
