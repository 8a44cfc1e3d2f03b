//! One query of CloudWatch Logs Insights: started, waited for, read. AWS bills it by the data scanned, so it runs only
//! where the command line asked for a window that ECS itself does not remember.
//!
//! A query that is left behind is not stopped: it ends by itself, and StopQuery would be the one call here that changes
//! anything.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::QueryStatus;
use jiff::Timestamp;

use super::failing::{Failing, Kind, failing};
use super::pages::{Pages, Turn};

pub(super) const START: &str = "logs:StartQuery";
pub(super) const RESULTS: &str = "logs:GetQueryResults";

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MOST_PAUSE: Duration = Duration::from_secs(2);
/// So often a query is begun anew where others of the account are running as many as AWS lets them.
const MOST_STARTS: u32 = 4;

/// What is asked, of which groups, and for which seconds, both of them among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub groups: Vec<String>,
    pub text: String,
    pub from: i64,
    pub to: i64,
}

/// One line that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub at: Option<Timestamp>,
    pub message: String,
}

/// Why there is no answer: the action that is to blame, and how it failed.
#[derive(Debug, Clone)]
pub(super) struct Unanswered {
    pub action: &'static str,
    pub failing: Failing,
    /// AWS took the query and did not finish it: another one, of a shorter time, may be.
    pub by_itself: bool,
}

/// Runs it to its end. `request` is told of each request that is about to leave.
pub(super) async fn run(client: &Client, query: &Query, request: impl Fn(&'static str)) -> Result<Vec<Row>, Unanswered> {
    let id = start(client, query, &request).await?;
    let reading = |failing: Failing| Unanswered { action: RESULTS, failing, by_itself: false };
    let (mut pages, mut found, mut pause) = (Pages::default(), Vec::new(), FIRST_PAUSE);
    loop {
        request(RESULTS);
        let answer = client.get_query_results().query_id(&id).set_next_token(pages.token()).send().await.map_err(|error| reading(failing(&error)))?;
        match answer.status() {
            // What it has found by now is no answer yet: the newest need not be among it.
            Some(QueryStatus::Scheduled | QueryStatus::Running) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 3 / 2).min(MOST_PAUSE);
                continue;
            }
            Some(QueryStatus::Complete) => {}
            other => {
                let status = other.map_or("no status", QueryStatus::as_str);
                return Err(Unanswered { by_itself: true, ..reading(Failing::unreadable(format!("the query ended as {status}"))) });
            }
        }
        let next = answer.next_token;
        found.extend(answer.results.unwrap_or_default().into_iter().filter_map(row));
        match pages.turn(next) {
            Turn::Next => {}
            Turn::End => return Ok(found),
            Turn::Repeated => return Err(reading(Failing::repeated_token())),
        }
    }
}

async fn start(client: &Client, query: &Query, request: &impl Fn(&'static str)) -> Result<String, Unanswered> {
    let starting = |failing: Failing| Unanswered { action: START, failing, by_itself: false };
    let mut pause = FIRST_PAUSE * 2;
    for attempt in 1.. {
        request(START);
        // Seconds, not milliseconds as everywhere else in CloudWatch Logs. Whether the last second counts in full is not
        // documented: one more is asked for.
        let asked = client.start_query().set_log_group_names(Some(query.groups.clone())).query_string(&query.text).start_time(query.from).end_time(query.to + 1);
        match asked.send().await {
            Ok(started) => return started.query_id.ok_or_else(|| starting(Failing::unreadable("the query was given no id"))),
            Err(error) => {
                let mut failing = failing(&error);
                if failing.is("LimitExceededException") {
                    failing.kind = Kind::Throttled;
                }
                if failing.kind != Kind::Throttled || attempt == MOST_STARTS {
                    return Err(starting(failing));
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
    }
    Err(starting(Failing::unreadable("never begun")))
}

/// Every value is a text: `2026-03-03 14:08:00.000` is a time, in UTC. `@ptr` stands beside whatever was asked for.
fn row(cells: Vec<aws_sdk_cloudwatchlogs::types::ResultField>) -> Option<Row> {
    let (mut at, mut message) = (None, None);
    for cell in cells {
        match cell.field.as_deref() {
            Some("@timestamp") => at = cell.value.as_deref().and_then(moment),
            Some("@message") => message = cell.value,
            _ => {}
        }
    }
    Some(Row { at, message: message? })
}

fn moment(text: &str) -> Option<Timestamp> {
    text.trim().parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cloudwatchlogs::types::ResultField;

    #[test]
    fn a_row_is_texts_alone_and_its_time_is_utc() {
        let cell = |field: &str, value: &str| ResultField::builder().field(field).value(value).build();
        let found = row(vec![cell("@timestamp", "2026-03-03 14:08:00.250"), cell("@message", "{}"), cell("@ptr", "CmEK")]).expect("a row");
        assert_eq!((found.at.map(|at| at.to_string()).as_deref(), found.message.as_str()), (Some("2026-03-03T14:08:00.25Z"), "{}"));
        assert_eq!(row(vec![cell("@message", "{}")]).expect("a row").at, None);
        assert_eq!(row(vec![cell("@timestamp", "yesterday"), cell("@message", "{}")]).expect("a row").at, None);
        assert_eq!(row(vec![cell("@timestamp", "2026-03-03 14:08:00.250")]), None, "without its line it is nothing");
    }
}
