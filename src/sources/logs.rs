//! Asks CloudWatch Logs for each container's last words, in the group, region and stream its own task definition
//! names. Reads backwards from the end and holds one page at a time: memory does not grow with the log.

use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::OutputLogEvent;
use futures::FutureExt;
use futures::future::{Either, join_all, select};
use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::event::{Event, Level, LogLine, Precision, What, Witness};
use crate::diagnosis::evidence::{NoLines, Reading, Source, Status, Unlogged};
use crate::diagnosis::task::{Container, ContainerDefinition, LogConfiguration, LogStream, Task, TaskDefinition, Teller};
use crate::diagnosis::words::{shell, value};

use super::failing::{Failing, Kind, failing};
use super::log_lines::{RawLine, Reader, Statement};
use super::task::datable;
use super::{Asker, Asking, Reach, around_stop, redact};

pub const SOURCE: Asker = Asker { source: Source::Logs, collect: |asking| collect(asking).boxed_local() };

/// How far before the stop the window reaches.
const BEFORE_STOP: SignedDuration = SignedDuration::from_secs(15 * 60);
/// Pages read of one stream: up to 10,000 lines or 1 MiB each. What lies before them is said to be unread.
const MOST_PAGES: usize = 10;
/// Lines asked for where the window holds none.
const OLDER_LINES: i32 = 50;
/// How many statements are kept: the last ones, the errors, and those before the order to stop.
const LAST: usize = 8;
const ERRORS: usize = 5;
const BEFORE_ORDER: usize = 4;
/// Of the last statements, these many stay however old they are; the others must be near the stop.
const LAST_AT_ANY_AGE: usize = 3;
const NEAR_STOP: i64 = 120_000;

async fn collect(asking: &Asking<'_>) {
    let reach = asking.reach;
    let task = reach.task;
    if task.containers.is_empty() {
        let unasked = match task.told_by {
            Teller::Ecs => Reading::new(Source::Logs, Status::NotApplicable).detailed("no container was ever created"),
            _ => Reading::new(Source::Logs, Status::Skipped).detailed("which containers it had is not known any more"),
        };
        reach.ledger.note(unasked);
        return;
    }
    if !task.streams.is_empty() && task.definition_arn.is_none() {
        return of_streams(reach).await;
    }
    let Some(definition) = asking.definition.clone().await else {
        if !task.streams.is_empty() {
            return of_streams(reach).await;
        }
        reach.ledger.note(Reading::new(Source::Logs, Status::Skipped).detailed("the task definition, which names the logs, could not be read"));
        return;
    };
    join_all(task.containers.iter().map(|container| of_container(reach, &definition, container))).await;
}

/// Of a task that ECS has forgotten: the streams that bear its id.
async fn of_streams(reach: &Reach<'_>) {
    let task = reach.task;
    join_all(task.streams.iter().map(|stream| async {
        let Some(container) = task.containers.iter().find(|container| stream.container() == Some(&container.name)) else { return };
        let region = if stream.region.is_empty() { &task.region } else { &stream.region };
        read(reach, container, &stream.group, region, &stream.name).await;
    }))
    .await;
}

/// Where a container's log is, or why it cannot be read from CloudWatch Logs.
enum Place {
    Stream { group: String, region: String, stream: String },
    Elsewhere(NoLines, String),
    Nowhere(Status, String),
}

fn place(task: &Task, definition: &TaskDefinition, container: &Container) -> Place {
    let name = &container.name;
    let Some(defined) = definition.container(name) else {
        let by = container.injected_by().unwrap_or("AWS");
        return Place::Nowhere(Status::NotApplicable, format!("{name}: put there by {by}, its log is not in the task definition"));
    };
    let Some(log) = &defined.log else {
        return Place::Elsewhere(NoLines::NoDriver, format!("{name}: no log driver is configured"));
    };
    match log.driver.as_str() {
        "awslogs" => stream(task, container, log),
        "awsfirelens" => {
            let to = log.option("Name").or(log.option("name")).map(|to| format!("{to}{}", firelens_group(log)));
            let words = format!("{name}: FireLens sends its lines to {}", to.as_deref().unwrap_or("its own destination"));
            Place::Elsewhere(NoLines::OtherDriver { driver: "awsfirelens".to_owned(), destination: to }, words)
        }
        other => {
            let destination = destination(log).map(str::to_owned);
            Place::Elsewhere(NoLines::OtherDriver { driver: other.to_owned(), destination }, format!("{name}: log driver {other}, its lines are not in CloudWatch Logs"))
        }
    }
}

/// Where another driver sends the lines, if its options say so.
fn destination(log: &LogConfiguration) -> Option<&str> {
    let address = ["splunk-url", "fluentd-address", "gelf-address", "syslog-address"].into_iter().find_map(|name| log.option(name));
    address.or(match log.driver.as_str() {
        "json-file" => Some("a file on its host"),
        "journald" => Some("the journal of its host"),
        "syslog" => Some("the syslog of its host"),
        _ => None,
    })
}

fn firelens_group(log: &LogConfiguration) -> String {
    log.option("log_group_name").map(|group| format!(", log group {group}")).unwrap_or_default()
}

fn stream(task: &Task, container: &Container, log: &LogConfiguration) -> Place {
    let name = &container.name;
    let Some(group) = log.option("awslogs-group") else {
        return Place::Nowhere(Status::NotApplicable, format!("{name}: its log configuration names no group"));
    };
    let stream = match (log.option("awslogs-stream-prefix").filter(|prefix| !prefix.is_empty()), &container.runtime_id) {
        (Some(prefix), _) => format!("{prefix}/{name}/{}", task.id),
        // Without a prefix, on EC2, Docker names the stream by its own container id.
        (None, Some(docker_id)) => docker_id.clone(),
        (None, None) => return Place::Nowhere(Status::Empty, format!("{name}: it never got a container id, so it never wrote")),
    };
    let region = log.option("awslogs-region").filter(|region| !region.is_empty()).unwrap_or(&task.region);
    Place::Stream { group: group.to_owned(), region: region.to_owned(), stream }
}

/// The stream that a container of this definition writes for the task of an id, where that is all it is named by.
pub(super) fn stream_of(container: &ContainerDefinition, id: &str, region: &str) -> Option<LogStream> {
    let log = container.log.as_ref().filter(|log| log.driver == "awslogs")?;
    let prefix = log.option("awslogs-stream-prefix").filter(|prefix| !prefix.is_empty())?;
    let region = log.option("awslogs-region").filter(|region| !region.is_empty()).unwrap_or(region);
    Some(LogStream { group: log.option("awslogs-group")?.to_owned(), region: region.to_owned(), name: format!("{prefix}/{}/{id}", container.name) })
}

async fn of_container(reach: &Reach<'_>, definition: &TaskDefinition, container: &Container) {
    match place(reach.task, definition, container) {
        Place::Elsewhere(why, words) => {
            unlogged(reach, &container.name, why);
            reach.ledger.note(Reading::new(Source::Logs, Status::NotApplicable).detailed(words));
        }
        Place::Nowhere(status, why) => reach.ledger.note(Reading::new(Source::Logs, status).detailed(why)),
        Place::Stream { group, region, stream } => read(reach, container, &group, &region, &stream).await,
    }
}

/// How long the window's first line is waited for once the last ones have come.
const HEAD_IS_WAITED_FOR: Duration = Duration::from_secs(2);

fn unlogged(reach: &Reach<'_>, container: &str, why: NoLines) {
    reach.ledger.tell_unlogged(Unlogged { container: container.to_owned(), why });
}

async fn read(reach: &Reach<'_>, container: &Container, group: &str, region: &str, stream: &str) {
    let task = reach.task;
    // A container may write before ECS says that it started.
    let (from, to) = around_stop(task, reach.now, BEFORE_STOP, SignedDuration::from_secs(5));
    let resource = format!("arn:aws:logs:{region}:{}:log-group:{group}:log-stream:{stream}", task.account);
    let inquiry = reach.ledger.ask(Source::Logs, "logs:GetLogEvents", resource);
    inquiry.looked(Some(from), Some(to));
    inquiry.of_container(&container.name);
    let client = reach.account.logs(region);
    let order = task.times.stopping.map(Timestamp::as_millisecond);
    let mut kept = Telling { kept: Kept::default(), reach, container, stream };
    let (mut token, mut seen, mut lines, mut oldest) = (None::<String>, BTreeSet::new(), 0_usize, to);
    // Lines at the head of a page that go on with a trace begun on the page before.
    let mut carried: Vec<RawLine> = Vec::new();
    let mut cut_short = None;
    let mut first_line = None;
    for page in 0.. {
        if page == MOST_PAGES {
            cut_short = Some(oldest);
            break;
        }
        inquiry.request();
        let asked = || {
            let asked = client.get_log_events().log_group_name(group).log_stream_name(stream).start_time(from.as_millisecond());
            // Unlike the start, the end is excluded.
            asked.end_time(to.as_millisecond() + 1)
        };
        let tail = asked().start_from_head(false).set_next_token(token.clone()).send();
        let answer = if page == 0 {
            // The window's first line, asked at the same time: where the first page reaches it, no second page has to
            // be asked for only to learn that there is none.
            inquiry.request();
            let (tail, head) = match select(pin!(tail), pin!(asked().start_from_head(true).limit(1).send())).await {
                // It spares a request, and holds up no line.
                Either::Left((tail, head)) => (tail, tokio::time::timeout(HEAD_IS_WAITED_FOR, head).await.ok().and_then(Result::ok)),
                Either::Right((head, tail)) => (tail.await, head.ok()),
            };
            first_line = head.and_then(|head| head.events.unwrap_or_default().into_iter().next()).map(raw);
            tail
        } else {
            tail.await
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // What had been read is told all the same.
                inquiry.count(kept.finish().statements);
                return fail(reach, inquiry, failing(&error), &container.name, (group, region, stream)).await;
            }
        };
        lines += answer.events().len();
        let next = answer.next_backward_token().filter(|next| !next.is_empty()).map(str::to_owned);
        let mut events: Vec<RawLine> = answer.events.unwrap_or_default().into_iter().map(raw).collect();
        let reached = first_line.is_some() && events.first() == first_line.as_ref();
        if let Some(first) = events.first().and_then(|first| datable(first.at)) {
            oldest = first;
        }
        let leading = if next.is_some() { events.iter().take_while(|line| line.text.starts_with([' ', '\t'])).count().min(200) } else { 0 };
        let held_back: Vec<RawLine> = events.drain(..leading).collect();
        let mut of_page = Kept::default();
        let mut reader = Reader::new(|statement| of_page.add(statement, order));
        events.iter().chain(&carried).for_each(|line| reader.read(line));
        reader.finish();
        kept.kept.put_before(of_page);
        carried = held_back;
        match next {
            _ if reached => break,
            // The token repeats at the beginning of the stream: there is no more.
            Some(next) if token.as_ref() != Some(&next) && seen.insert(next.clone()) => token = Some(next),
            _ => break,
        }
    }
    if !carried.is_empty() {
        let mut of_page = Kept::default();
        let mut reader = Reader::new(|statement| of_page.add(statement, order));
        carried.iter().for_each(|line| reader.read(line));
        reader.finish();
        kept.kept.put_before(of_page);
    }
    let mut older = None;
    if lines == 0 {
        // Silent in the window is not silent for ever: its last words may be hours old.
        inquiry.request();
        let asked = client.get_log_events().log_group_name(group).log_stream_name(stream).end_time(to.as_millisecond() + 1).start_from_head(false).limit(OLDER_LINES);
        // Nothing at all is believed only where the whole stream was asked for.
        if let Ok(answer) = asked.send().await {
            let events: Vec<RawLine> = answer.events.unwrap_or_default().into_iter().map(raw).collect();
            lines = events.len();
            if lines == 0 {
                unlogged(reach, &container.name, NoLines::Silent { stream: stream.to_owned() });
            }
            older = events.first().and_then(|first| datable(first.at));
            let mut reader = Reader::new(|statement| kept.kept.add(statement, order));
            events.iter().for_each(|line| reader.read(line));
            reader.finish();
        }
    }
    let told = kept.finish();
    inquiry.count(told.statements);
    let name = &container.name;
    let hidden = match told.hidden_errors {
        0 => String::new(),
        many => format!(", {} not shown", crate::diagnosis::words::count(many, "earlier error")),
    };
    match cut_short {
        Some(oldest) => {
            inquiry.looked(Some(oldest), Some(to));
            inquiry.detail(format!("{name}: the last {lines} lines, back to {oldest:.0}; the log goes further back{hidden}"));
        }
        None if older.is_some() => {
            inquiry.looked(older, Some(to));
            inquiry.detail(format!("{name}: silent for a quarter of an hour before the stop, these are its last {lines} lines{hidden}"));
        }
        None if lines > 0 => inquiry.detail(format!("{name}: {}{hidden}", crate::diagnosis::words::count(lines, "line"))),
        None => inquiry.detail(format!("{name}: no line in that time")),
    }
    inquiry.done();
}

fn raw(event: OutputLogEvent) -> RawLine {
    RawLine { at: event.timestamp.unwrap_or_default(), text: event.message.unwrap_or_default() }
}

/// Tells why a log could not be read; a missing stream is evidence and no failure.
async fn fail(reach: &Reach<'_>, inquiry: super::ledger::Inquiry<'_>, failing: Failing, name: &str, (group, region, stream): (&str, &str, &str)) {
    if failing.is("ResourceNotFoundException") {
        if failing.message.contains("stream") {
            unlogged(reach, name, NoLines::NoStream { stream: stream.to_owned() });
            inquiry.detail(format!("{name}: no log stream, it never wrote a line"));
            inquiry.end(Status::Empty);
        } else {
            unlogged(reach, name, NoLines::NoGroup { group: group.to_owned(), region: region.to_owned() });
            inquiry.detail(format!("{name}: log group {group} does not exist in {region}"));
            inquiry.end(Status::Failed);
        }
        return;
    }
    // CloudWatch names the class in its refusal; where it does not, the group itself is asked.
    let of_class = failing.message.contains("INFREQUENT_ACCESS");
    if of_class || failing.kind == Kind::Unexpected && failing.code.is_some() && is_infrequent_access(reach, group, region).await {
        let command = insights_query(reach, group, region, stream);
        inquiry.detail(format!("{name}: log group {group} is of class INFREQUENT_ACCESS, which only Logs Insights can read, for money: {command}"));
        inquiry.end(Status::Skipped);
        return;
    }
    inquiry.fail(&failing);
}

/// The command that reads the same lines where only Logs Insights can; its times are seconds.
fn insights_query(reach: &Reach<'_>, group: &str, region: &str, stream: &str) -> String {
    let (from, to) = around_stop(reach.task, reach.now, BEFORE_STOP, SignedDuration::from_secs(5));
    let query = format!("fields @timestamp, @message | filter @logStream = \"{}\" | sort @timestamp desc | limit 100", stream.replace(['"', '\\'], "?"));
    let (group, region, query) = (value(group), value(region), shell(&query));
    format!("aws logs start-query --log-group-name{group} --region{region} --start-time {} --end-time {} --query-string {query}", from.as_second(), to.as_second() + 1)
}

async fn is_infrequent_access(reach: &Reach<'_>, group: &str, region: &str) -> bool {
    let answer = reach.account.logs(region).describe_log_groups().log_group_name_prefix(group).send().await;
    answer.is_ok_and(|answer| {
        answer.log_groups().iter().any(|found| found.log_group_name() == Some(group) && found.log_group_class().is_some_and(|class| class.as_str() == "INFREQUENT_ACCESS"))
    })
}

/// The few statements of a log that are shown.
#[derive(Default)]
struct Kept {
    last: VecDeque<Statement>,
    errors: VecDeque<Statement>,
    before_order: VecDeque<Statement>,
    /// How many errors there were in all.
    all_errors: usize,
}

/// What was told of a log: statements, and errors that were not among them.
#[derive(Default)]
struct Told {
    statements: usize,
    hidden_errors: usize,
}

impl Kept {
    fn add(&mut self, statement: Statement, order: Option<i64>) {
        if statement.level == Level::Error {
            self.all_errors += 1;
            push(&mut self.errors, statement.clone(), ERRORS);
        }
        if order.is_some_and(|order| (order - NEAR_STOP..=order).contains(&statement.at)) {
            push(&mut self.before_order, statement.clone(), BEFORE_ORDER);
        }
        push(&mut self.last, statement, LAST);
    }

    /// Puts an older page's statements before these, as far as there is room.
    fn put_before(&mut self, older: Self) {
        self.all_errors += older.all_errors;
        for (mine, older, room) in [(&mut self.last, older.last, LAST), (&mut self.errors, older.errors, ERRORS), (&mut self.before_order, older.before_order, BEFORE_ORDER)] {
            for statement in older.into_iter().rev().take(room.saturating_sub(mine.len())) {
                mine.push_front(statement);
            }
        }
    }

    /// Tells what is kept and says how much that was.
    fn tell(self, reach: &Reach<'_>, container: &Container, stream: &str) -> Told {
        let near = reach.task.stop_anchor().map_or(i64::MIN, |stop| stop.as_millisecond() - NEAR_STOP);
        let many = self.last.len();
        let last = self.last.into_iter().enumerate().filter(|(at, statement)| at + LAST_AT_ANY_AGE >= many || statement.at >= near);
        // One statement may be kept for two reasons; two equal statements may both have been written.
        let mut shown: Vec<Statement> = last.map(|(_, statement)| statement).collect();
        for more in [self.errors, self.before_order] {
            let extra: Vec<Statement> = more.into_iter().filter(|statement| !shown.contains(statement)).collect();
            shown.extend(extra);
        }
        shown.sort_by_key(|statement| statement.at);
        let errors = shown.iter().filter(|statement| statement.level == Level::Error).count();
        let told = Told { statements: shown.len(), hidden_errors: self.all_errors.saturating_sub(errors) };
        for statement in shown {
            let Some(at) = datable(statement.at) else { continue };
            let text = if reach.redact { redact::text(&statement.text).into_owned() } else { statement.text };
            let what = What::Logged(LogLine { text, more: statement.more, out_of_memory: statement.out_of_memory, stream: stream.to_owned() });
            reach.ledger.tell(Event { at, precision: Precision::Millisecond, witness: Witness::Logs, level: statement.level, container: Some(container.name.clone()), what });
        }
        told
    }
}

/// Statements on their way to the ledger: told even where the run ends between two pages.
struct Telling<'a> {
    kept: Kept,
    reach: &'a Reach<'a>,
    container: &'a Container,
    stream: &'a str,
}

impl Telling<'_> {
    fn finish(mut self) -> Told {
        std::mem::take(&mut self.kept).tell(self.reach, self.container, self.stream)
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        std::mem::take(&mut self.kept).tell(self.reach, self.container, self.stream);
    }
}

fn push(kept: &mut VecDeque<Statement>, statement: Statement, room: usize) {
    kept.push_back(statement);
    if kept.len() > room {
        kept.pop_front();
    }
}
