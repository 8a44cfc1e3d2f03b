//! A task that ECS has forgotten, as Container Insights keeps it: a record a minute of the task and of each of its
//! containers, for a day where nobody chose otherwise. They tell what ran and until when, and neither why nor how it ended.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::diagnosis::evidence::Source;
use crate::diagnosis::task::{Container, Task, Teller, Times};

use super::account::Account;
use super::archive::{INSIGHTS, Keeps, Kept, insights};
use super::document::time;
use super::failing::Failing;
use super::filtered::{PagesLeft, each_event};
use super::ledger::{Inquiry, Ledger};
use super::metrics::stamp;
use super::target::Place;

/// Groups asked at the same time: AWS answers 5 to 25 such questions a second, by region.
const AT_ONCE: usize = 5;
/// Once one of them has told of the task, the others are waited for no longer than this.
const GRACE: Duration = Duration::from_secs(2);
/// A page may be empty and still not be the last.
const MOST_PAGES: usize = 100;
/// The newest part that is read for itself, in hours; each older one is twice as long, up to a day.
const FIRST_PART: i64 = 3;
const LONGEST_PART: i64 = 24;
/// No group is read further back, however long it keeps its records.
const FURTHEST: SignedDuration = SignedDuration::from_hours(15 * 24);
/// Records are a minute apart and come within a few.
const GONE_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// What ECS itself puts beside a task's containers is none of them.
const INTERNAL: &str = "~internal~";

/// The task, as far as its records tell it, and the log group that they are in, read `until` then. Leaves a reading.
pub async fn find(account: &Account, ledger: &Ledger, place: &Place, now: Timestamp, until: Instant) -> Option<(Task, String)> {
    let cluster = place.cluster.as_deref();
    let inquiry = ledger.ask(Source::Metrics, "logs:DescribeLogGroups", INSIGHTS);
    inquiry.aside();
    let mut groups =
        match timeout_at(until, insights(account, cluster, || inquiry.request())).await.unwrap_or_else(|_| Err(account.out_of_time("logs:DescribeLogGroups", INSIGHTS))) {
            Ok(groups) => {
                inquiry.count(groups.len());
                inquiry.done();
                groups
            }
            Err(failing) => {
                inquiry.fail(&failing);
                return None;
            }
        };
    // Whose log groups these are, its tasks are.
    groups.retain(|kept| place.account.is_none() || kept.account.is_none() || place.account == kept.account);
    if groups.is_empty() {
        return None;
    }
    Search { account, ledger, place, now }.read(&groups, until).await
}

struct Search<'a> {
    account: &'a Account,
    ledger: &'a Ledger,
    place: &'a Place,
    now: Timestamp,
}

impl Search<'_> {
    async fn read(&self, groups: &[Kept], until: Instant) -> Option<(Task, String)> {
        let about = if let [only] = groups { only.group.clone() } else { "*".to_owned() };
        let inquiry = self.ledger.ask(Source::Metrics, "logs:FilterLogEvents", about);
        inquiry.aside();
        inquiry.looked(groups.iter().map(|kept| self.begins(kept)).max(), Some(self.now));
        let readings: Vec<Reading<'_>> = groups.iter().map(|kept| Reading { kept, seen: RefCell::default(), outcome: RefCell::default() }).collect();
        self.read_all(&readings, &inquiry, until).await;
        let told = readings.iter().filter(|reading| reading.seen.borrow().records > 0).max_by_key(|reading| (reading.seen.borrow().last, &reading.kept.group));
        inquiry.count(told.map_or(0, |told| told.seen.borrow().records));
        // Once one has told of the task, the others have nothing to add.
        let unread = |reading: &&Reading<'_>| !matches!(*reading.outcome.borrow(), Some(Ok(())));
        match told.map_or_else(|| readings.iter().find(unread), |told| Some(told).filter(unread)) {
            None => inquiry.done(),
            Some(Reading { kept, outcome, .. }) => {
                let failing = outcome.take().and_then(Result::err).unwrap_or_else(|| self.account.out_of_time("logs:FilterLogEvents", &kept.group));
                let message = if groups.len() > 1 { format!("{}: {}", kept.group, failing.message) } else { failing.message };
                inquiry.fail(&Failing { message, ..failing });
            }
        }
        let told = told?;
        let task = told.seen.borrow().task(&self.account.region, self.place, told.kept)?;
        Some((task, told.kept.group.clone()))
    }

    /// All groups, some at a time, until the time is over or one of them has told of the task and the others had theirs.
    async fn read_all(&self, readings: &[Reading<'_>], inquiry: &Inquiry<'_>, until: Instant) {
        let in_group = |reading| async move {
            let outcome = self.in_group(reading, inquiry).await;
            *reading.outcome.borrow_mut() = Some(outcome);
            reading.seen.borrow().records > 0
        };
        let mut answers = pin!(stream::iter(readings).map(in_group).buffer_unordered(AT_ONCE));
        let mut limit = until;
        while let Ok(Some(has_told)) = timeout_at(limit, answers.next()).await {
            if has_told {
                limit = limit.min(Instant::now() + GRACE);
            }
        }
    }

    fn begins(&self, kept: &Kept) -> Timestamp {
        let furthest = self.now - FURTHEST;
        kept.begins(self.now).unwrap_or(furthest).max(furthest).min(self.now)
    }

    /// Part by part, the newest first, until one tells of the task.
    async fn in_group(&self, reading: &Reading<'_>, inquiry: &Inquiry<'_>) -> Result<(), Failing> {
        let begins = self.begins(reading.kept);
        let (mut to, mut hours, pages_left) = (self.now, FIRST_PART, PagesLeft::of(MOST_PAGES));
        loop {
            let from = (to - SignedDuration::from_hours(hours)).max(begins);
            let is_second = reading.seen.borrow().records > 0;
            self.part(reading, (from, to), inquiry, &pages_left).await?;
            // Its last minute may lie in one part, and the record of the task as a whole in the one before.
            if from == begins || is_second || reading.seen.borrow().task.is_some() {
                return Ok(());
            }
            (to, hours) = (from, (hours * 2).min(LONGEST_PART));
        }
    }

    async fn part(&self, reading: &Reading<'_>, window: (Timestamp, Timestamp), inquiry: &Inquiry<'_>, pages_left: &PagesLeft) -> Result<(), Failing> {
        let Keeps::Insights(cluster) = &reading.kept.keeps else { return Ok(()) };
        let pattern = format!("{{ $.TaskId = \"{}\" }}", self.place.id);
        let hear = |event: &FilteredLogEvent| reading.seen.borrow_mut().hear(cluster, &self.place.id, event.message().unwrap_or_default(), event.timestamp());
        each_event(&self.account.logs(&self.account.region), inquiry, (&reading.kept.group, &pattern), window, pages_left, hear).await
    }
}

/// One log group, what it told by now, and how its reading ended; not at all where the time was over.
struct Reading<'a> {
    kept: &'a Kept,
    seen: RefCell<Seen>,
    outcome: RefCell<Option<Result<(), Failing>>>,
}

/// The newest record of each kind.
#[derive(Debug, Default)]
struct Seen {
    records: usize,
    last: Option<Timestamp>,
    task: Option<(Timestamp, Value)>,
    containers: BTreeMap<String, (Timestamp, Value)>,
}

impl Seen {
    /// Takes in a record of this task, be it written as JSON. Any line may hold a task's id.
    fn hear(&mut self, cluster: &str, id: &str, message: &str, written: Option<i64>) {
        let Ok(record) = serde_json::from_str::<Value>(message) else { return };
        let says = |name: &str| record.get(name).and_then(Value::as_str);
        if says("TaskId") != Some(id) || says("ClusterName").is_some_and(|theirs| theirs != cluster) {
            return;
        }
        let Some(at) = stamp(&record, written) else { return };
        let newest = |known: Option<&(Timestamp, Value)>| known.is_none_or(|(before, _)| *before <= at);
        match (says("Type"), says("ContainerName").map(str::to_owned)) {
            (Some("Task"), _) if newest(self.task.as_ref()) => self.task = Some((at, record)),
            (Some("Container"), Some(name)) if newest(self.containers.get(&name)) => drop(self.containers.insert(name, (at, record))),
            (Some("Task" | "Container"), _) => {}
            _ => return,
        }
        self.records += 1;
        self.last = self.last.max(Some(at));
    }

    /// What the newest record that says it says.
    fn told(&self, name: &str) -> Option<&Value> {
        let mut all: Vec<&(Timestamp, Value)> = self.task.iter().chain(self.containers.values()).collect();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().rev().find_map(|(_, record)| record.get(name).filter(|told| !told.is_null()))
    }

    fn task(&self, region: &str, place: &Place, kept: &Kept) -> Option<Task> {
        let Keeps::Insights(cluster) = &kept.keeps else { return None };
        let text = |name: &str| self.told(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let account = place.account.clone().or(kept.account.clone()).unwrap_or_default();
        let partition = place.arn.as_deref().and_then(|arn| arn.split(':').nth(1)).or(kept.partition.as_deref()).unwrap_or("aws");
        let of = |what: String| format!("arn:{partition}:ecs:{region}:{account}:{what}");
        let family = text("TaskDefinitionFamily");
        let revision = self.told("TaskDefinitionRevision").and_then(|told| told.as_i64().or_else(|| told.as_str()?.parse().ok()));
        let definition = family.as_ref().zip(revision).filter(|_| !account.is_empty());
        let service = text("ServiceName");
        // A time behind the last record is in another unit than it seems.
        let dated = |name: &str| self.task.as_ref().and_then(|(_, record)| time(record, name)).filter(|at| self.last.is_none_or(|last| *at <= last));
        let times = Times { created: dated("CreatedAt"), started: dated("StartedAt"), last_word: Some(self.last?), ..Times::default() };
        let container = |(name, (_, record)): (&String, &(Timestamp, Value))| Container {
            name: name.clone(),
            image: record.get("Image").and_then(Value::as_str).filter(|image| !image.is_empty()).map(str::to_owned),
            ..Container::default()
        };
        Some(Task {
            arn: place.arn.clone().unwrap_or_else(|| of(format!("task/{cluster}/{}", place.id))),
            id: place.id.clone(),
            cluster: cluster.clone(),
            region: region.to_owned(),
            group: service.as_ref().map(|service| format!("service:{service}")),
            service,
            definition_arn: definition.map(|(family, revision)| of(format!("task-definition/{family}:{revision}"))),
            family,
            revision,
            launch_type: text("LaunchType"),
            // ECS was asked for it in this cluster, and it forgets no task that runs.
            last_status: Some("STOPPED".to_owned()),
            desired_status: Some("STOPPED".to_owned()),
            told_by: Teller::Insights,
            times,
            containers: self.containers.iter().filter(|(name, _)| !name.starts_with(INTERNAL)).map(container).collect(),
            account,
            ..Task::default()
        })
    }
}

/// What another tells of the task, with what only these records tell.
#[must_use]
pub fn filled(task: Task, records: Task) -> Task {
    if !task.cluster.is_empty() && task.cluster != records.cluster {
        return task;
    }
    let last_word = records.times.last_word;
    let mut task = Task { cluster: records.cluster.clone(), ..task }.filled(records);
    // A record comes every minute: a call long after the last one found no task to stop.
    let was_gone = |asked: &Timestamp| last_word.is_some_and(|last| asked.duration_since(last) > GONE_AFTER);
    task.times.asked_to_stop = task.times.asked_to_stop.filter(|asked| !was_gone(asked));
    task.times.last_word = task.times.last_word.max(last_word);
    task
}

#[cfg(test)]
mod tests {
    use crate::diagnosis::task::Station;

    use super::*;

    const ID: &str = "5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8";

    fn kept(cluster: &str) -> Kept {
        Kept {
            group: format!("/aws/ecs/containerinsights/{cluster}/performance"),
            keeps: Keeps::Insights(cluster.to_owned()),
            retention_days: Some(1),
            stored: 1,
            created: None,
            account: Some("123456789012".to_owned()),
            partition: Some("aws-cn".to_owned()),
            only_queried: false,
        }
    }

    fn seen(records: &[(&str, i64)]) -> Seen {
        let mut seen = Seen::default();
        records.iter().for_each(|(record, second)| seen.hear("prod", ID, &record.replace("ID", ID), Some(second * 1000)));
        seen
    }

    fn task(seen: &Seen) -> Option<Task> {
        seen.task("cn-north-1", &Place { id: ID.to_owned(), ..Place::default() }, &kept("prod"))
    }

    const WHOLE: &str = r#"{"Type":"Task","TaskId":"ID","ClusterName":"prod","ServiceName":"web","TaskDefinitionFamily":"web","TaskDefinitionRevision":"7","LaunchType":"FARGATE",
        "KnownStatus":"RUNNING","CreatedAt":1794256600000,"StartedAt":"2026-11-09T20:37:00.5Z"}"#;
    const APP: &str = r#"{"Type":"Container","TaskId":"ID","ClusterName":"prod","ContainerName":"app","Image":"web:7","ContainerKnownStatus":"RUNNING"}"#;

    #[test]
    fn its_records_tell_what_ran_and_until_when_and_not_how_it_ended() {
        let task = task(&seen(&[(APP, 1_794_257_000), (WHOLE, 1_794_257_060), (APP, 1_794_256_940)])).expect("a task");
        assert_eq!(
            (task.cluster.as_str(), task.service.as_deref(), task.group.as_deref(), task.launch_type.as_deref()),
            ("prod", Some("web"), Some("service:web"), Some("FARGATE"))
        );
        assert_eq!(task.arn, format!("arn:aws-cn:ecs:cn-north-1:123456789012:task/prod/{ID}"));
        assert_eq!(task.definition_arn.as_deref(), Some("arn:aws-cn:ecs:cn-north-1:123456789012:task-definition/web:7"));
        assert_eq!((task.told_by, task.last_status.as_deref(), task.stop_code, task.stopped_reason), (Teller::Insights, Some("STOPPED"), None, None));
        let moment = |at: Option<Timestamp>| at.map(|at| at.as_millisecond());
        assert_eq!(
            (moment(task.times.created), moment(task.times.started), moment(task.times.last_word)),
            (Some(1_794_256_600_000), Some(1_794_256_620_500), Some(1_794_257_060_000))
        );
        assert_eq!((task.times.stopping, task.times.stopped), (None, None));
        let app = &task.containers[0];
        assert_eq!((task.containers.len(), app.name.as_str(), app.image.as_deref()), (1, "app", Some("web:7")));
        assert!(!app.has_ended() && app.last_status.is_none(), "how it stood when a record was taken is not how it ended");
    }

    #[test]
    fn the_newest_word_counts_and_what_is_in_no_record_stays_open() {
        let older = WHOLE.replace("\"7\"", "6").replace("\"web\",\"TaskDefinitionRevision", "\"web-old\",\"TaskDefinitionRevision");
        let told = task(&seen(&[(WHOLE, 1_794_257_060), (&older, 1_794_257_000)])).expect("a task");
        assert_eq!((told.family.as_deref(), told.revision), (Some("web"), Some(7)));
        assert_eq!(task(&seen(&[(&older, 1_794_257_000)])).and_then(|task| task.revision), Some(6), "a number is one, too");
        let bare = task(&seen(&[(r#"{"Type":"Task","TaskId":"ID","CreatedAt":1794256600000000000}"#, 1_794_257_000)])).expect("a task");
        assert_eq!((bare.service, bare.group, bare.definition_arn, bare.containers.len(), bare.times.created), (None, None, None, 0, None));
        let later = r#"{"Type":"Task","TaskId":"ID","StartedAt":1994256600000}"#;
        assert_eq!(task(&seen(&[(later, 1_794_257_000)])).expect("a task").times.started, None, "nothing starts behind its last record");
    }

    #[test]
    fn another_tasks_another_clusters_and_half_a_record_are_none() {
        let other = WHOLE.replace("ID", "ffff");
        for record in [other.as_str(), &WHOLE.replace("prod", "dev"), r#"{"Type":"Task","TaskId":"ID""#, r#"{"Type":"Volume","TaskId":"ID"}"#, r#"saw "TaskId":"ID""#] {
            assert!(task(&seen(&[(record, 1_794_257_000)])).is_none(), "{record}");
        }
        assert!(task(&seen(&[(WHOLE, -1)])).is_none(), "a record without a time tells no last word");
    }

    #[test]
    fn what_calls_tell_stands_and_what_they_do_not_is_taken_from_the_records() {
        let records = || task(&seen(&[(WHOLE, 1_794_257_060), (APP, 1_794_257_060)])).expect("a task");
        let called = |cluster: &str| Task { id: ID.to_owned(), cluster: cluster.to_owned(), told_by: Teller::Cloudtrail, ..Task::default() };
        let bare = filled(called("prod"), records());
        assert_eq!((bare.told_by, bare.service.as_deref(), bare.revision, bare.containers.len(), bare.dated_by.len()), (Teller::Cloudtrail, Some("web"), Some(7), 1, 2));
        let created = Timestamp::from_second(1_794_256_000).ok();
        let group = Some("family:job".to_owned());
        let known = filled(Task { group: group.clone(), times: Times { created, ..Times::default() }, ..called("prod") }, records());
        assert_eq!((known.group, known.service, known.times.created, known.dated_by), (group, None, created, vec![(Station::Started, Teller::Insights)]));
        let elsewhere = filled(called("dev"), records());
        assert_eq!((elsewhere.service, elsewhere.cluster.as_str()), (None, "dev"), "the same id in another cluster is another task");
    }

    #[test]
    fn a_call_to_stop_long_after_the_last_record_found_no_task_to_stop() {
        let at = |second: i64| Timestamp::from_second(second).ok();
        let asked = |second: i64| {
            let called = Task { cluster: "prod".to_owned(), times: Times { asked_to_stop: at(second), ..Times::default() }, ..Task::default() };
            let records = Task { cluster: "prod".to_owned(), times: Times { last_word: at(1_000_000), ..Times::default() }, ..Task::default() };
            filled(called, records).times.asked_to_stop
        };
        assert_eq!((asked(1_000_060), asked(1_002_400)), (at(1_000_060), None));
    }
}
