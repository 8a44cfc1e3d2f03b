//! FilterLogEvents, page by page, as far as a reader may go.

use std::cell::Cell;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::Timestamp;

use super::failing::{Failing, failing};
use super::ledger::Inquiry;
use super::pages::{Pages, Turn};

/// Pages that one reader may still ask for; one may be empty and still not be the last.
pub(super) struct PagesLeft {
    most: usize,
    left: Cell<usize>,
}

impl PagesLeft {
    pub fn of(most: usize) -> Self {
        Self { most, left: Cell::new(most) }
    }

    fn take(&self) -> Result<(), Failing> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(Failing::unreadable(format!("not read to its end after {} pages", self.most))),
        }
        Ok(())
    }
}

/// Shows every event of the group between two times that the pattern fits.
///
/// # Errors
/// The first refusal, a repeated token, or that there are more pages than may be asked for. What was shown before counts.
pub(super) async fn each_event(
    client: &Client,
    inquiry: &Inquiry<'_>,
    (group, pattern): (&str, &str),
    (from, to): (Timestamp, Timestamp),
    pages_left: &PagesLeft,
    mut hear: impl FnMut(&FilteredLogEvent),
) -> Result<(), Failing> {
    let mut pages = Pages::default();
    loop {
        pages_left.take()?;
        inquiry.request();
        let asked = client.filter_log_events().log_group_name(group).filter_pattern(pattern).start_time(from.as_millisecond()).end_time(to.as_millisecond());
        let answer = asked.set_next_token(pages.token()).send().await.map_err(|error| failing(&error))?;
        answer.events().iter().for_each(&mut hear);
        match pages.turn(answer.next_token) {
            Turn::Next => {}
            Turn::End => return Ok(()),
            Turn::Repeated => return Err(Failing::repeated_token()),
        }
    }
}
