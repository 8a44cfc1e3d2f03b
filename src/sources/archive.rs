//! Asks the archives of ECS's events for a task that ECS itself has forgotten: log groups that an EventBridge rule fills.
//!
//! Known are the group of AWS's sample template, the console's event capture (one group a cluster), and any other
//! group of events below the same prefixes. Which exist is asked first, by name.

use aws_sdk_cloudwatchlogs::types::{LogGroup, LogGroupClass};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::diagnosis::evidence::{Reading, Source, Status};
use crate::diagnosis::task::{Task, last_segment};

use super::account::Account;
use super::document;
use super::failing::{Failing, failing};
use super::ledger::Ledger;
use super::pages::{Pages, Turn};
use super::target::Place;
use super::task::plausible;

/// Where EventBridge rules and AWS's own templates put ECS's events.
pub(super) const PREFIXES: [&str; 2] = ["/aws/events/", "/ecs/"];
/// And where what else tells of ECS is kept.
const SURVEYED: [&str; 4] = ["/aws/events/", "/ecs/", "/aws/ecs/containerinsights/", "/aws/vendedlogs/ecs/action-logs/"];
/// The console's event capture has a group for each cluster.
const CAPTURE: &str = "/aws/events/ecs/containerinsights/";
const PERFORMANCE: &str = "/performance";
/// Groups asked at once; an account has one or two of them.
const MOST_GROUPS: usize = 8;
/// A page may be empty and still not be the last.
const MOST_PAGES: usize = 40;
/// No archive is asked for longer than its own retention could matter to anybody on call.
const REACH_BACK: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The newest word of any archive on a task, if one holds it. Leaves a reading for every group it asked.
pub async fn find(account: &Account, ledger: &Ledger, place: &Place, now: Timestamp) -> Option<Task> {
    let of_cluster = |groups: Vec<String>| groups.into_iter().filter(|group| is_archive(group, place.cluster.as_deref())).take(MOST_GROUPS).collect::<Vec<_>>();
    let known = of_cluster(account.known_groups.read(now));
    if let Some(task) = in_groups(account, ledger, &known, place, now).await {
        return Some(task);
    }
    let found: Vec<String> = archives(account, ledger, None).await?.into_iter().map(|kept| kept.group).collect();
    account.known_groups.keep(&found, now);
    let groups = of_cluster(found);
    if groups.is_empty() {
        ledger.note(Reading::new(Source::Archive, Status::Empty).detailed("no log group of ECS events exists (below /aws/events/)"));
        return None;
    }
    let others: Vec<String> = groups.into_iter().filter(|group| !known.contains(group)).collect();
    in_groups(account, ledger, &others, place, now).await
}

async fn in_groups(account: &Account, ledger: &Ledger, groups: &[String], place: &Place, now: Timestamp) -> Option<Task> {
    let answers = join_all(groups.iter().map(|group| in_group(account, ledger, group, place, now))).await;
    // Delivery is at least once and in any order: the highest version is the last word.
    answers.into_iter().flatten().max_by_key(|task| task.version)
}

/// What a log group keeps of ECS, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeps {
    /// Events of every cluster that its rule lets through.
    Events,
    /// The console's event capture: the events of one cluster.
    EventsOf(String),
    /// ECS action logs of one cluster: service deployments and managed daemons, no single tasks.
    ActionLogs(String),
    /// Container Insights of one cluster: memory and CPU, minute by minute.
    Insights(String),
}

impl Keeps {
    /// Whether a task that ECS has forgotten can be rebuilt from it.
    #[must_use]
    pub fn is_archive(&self) -> bool {
        matches!(self, Self::Events | Self::EventsOf(_))
    }

    fn of(name: &str) -> Option<Self> {
        let between = |begin: &str, end: &str| name.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end)).filter(|of| !of.is_empty() && !of.contains('/')).map(str::to_owned);
        if let Some(cluster) = between(CAPTURE, PERFORMANCE) {
            return Some(Self::EventsOf(cluster));
        }
        if let Some(cluster) = between("/aws/ecs/containerinsights/", PERFORMANCE) {
            return Some(Self::Insights(cluster));
        }
        if let Some(cluster) = between("/aws/vendedlogs/ecs/action-logs/", "") {
            return Some(Self::ActionLogs(cluster));
        }
        is_archive(name, None).then_some(Self::Events)
    }
}

/// One log group that keeps something of ECS.
#[derive(Debug, Clone)]
pub struct Kept {
    pub group: String,
    pub keeps: Keeps,
    /// Absent where events never expire.
    pub retention_days: Option<i32>,
    /// What is stored, in bytes, as CloudWatch Logs counts it.
    pub stored: i64,
    pub created: Option<Timestamp>,
    /// The account that the group is of, where AWS says it.
    pub account: Option<String>,
}

impl Kept {
    fn of(group: &LogGroup) -> Option<Self> {
        let name = group.log_group_name()?;
        Some(Self {
            keeps: Keeps::of(name)?,
            group: name.to_owned(),
            retention_days: group.retention_in_days(),
            stored: group.stored_bytes().unwrap_or_default(),
            created: group.creation_time().and_then(plausible),
            account: group.arn().and_then(|arn| arn.split(':').nth(4)).filter(|account| !account.is_empty()).map(str::to_owned),
        })
    }

    /// The oldest time of which it can hold anything: since its creation, as far as its retention reaches.
    #[must_use]
    pub fn begins(&self, now: Timestamp) -> Option<Timestamp> {
        let kept_from = self.retention_days.and_then(|days| now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).ok());
        self.created.into_iter().chain(kept_from).max()
    }
}

/// Every group of the region that keeps something of ECS, the archives first.
///
/// # Errors
/// The first refusal, if any prefix could not be asked to its end.
pub async fn survey(account: &Account) -> Result<Vec<Kept>, Failing> {
    let mut kept = Vec::new();
    for found in join_all(SURVEYED.map(|prefix| below(account, prefix, || ()))).await {
        kept.extend(found?);
    }
    kept.sort_by(|a: &Kept, b| (!a.keeps.is_archive(), &a.group).cmp(&(!b.keeps.is_archive(), &b.group)));
    Ok(kept)
}

/// The archives that can hold events of this cluster, or of any where none is named; leaves a reading for every prefix it
/// asked. `None` where that may not be asked.
pub async fn archives(account: &Account, ledger: &Ledger, cluster: Option<&str>) -> Option<Vec<Kept>> {
    let asked = PREFIXES.map(|prefix| async move {
        let inquiry = ledger.ask(Source::Archive, "logs:DescribeLogGroups", prefix);
        match below(account, prefix, || inquiry.request()).await {
            Ok(mut found) => {
                found.retain(|kept| kept.keeps.is_archive() && is_archive(&kept.group, cluster));
                inquiry.count(found.len());
                inquiry.done();
                Some(found)
            }
            Err(failing) => {
                inquiry.fail(&failing);
                None
            }
        }
    });
    let found: Option<Vec<Vec<Kept>>> = join_all(asked).await.into_iter().collect();
    found.map(|found| found.concat())
}

/// The groups below a prefix that keep something of ECS, page by page.
async fn below(account: &Account, prefix: &str, request: impl Fn()) -> Result<Vec<Kept>, Failing> {
    let client = account.logs(&account.region);
    let (mut found, mut pages) = (Vec::new(), Pages::default());
    loop {
        request();
        let answer = client.describe_log_groups().log_group_name_prefix(prefix).set_next_token(pages.token()).send().await.map_err(|error| failing(&error))?;
        // One that is for vended logs alone can be asked neither by FilterLogEvents nor by a query.
        let groups = answer.log_groups().iter().filter(|group| group.log_group_class() != Some(&LogGroupClass::Delivery)).filter_map(Kept::of);
        found.extend(groups.filter(|kept| kept.group.starts_with(prefix)));
        match pages.turn(answer.next_token) {
            Turn::Next => {}
            Turn::End => return Ok(found),
            Turn::Repeated => return Err(Failing::repeated_token()),
        }
    }
}

/// Whether a group's name says that it holds ECS's events, of this cluster where it is one cluster's.
pub(super) fn is_archive(name: &str, cluster: Option<&str>) -> bool {
    if let Some(of) = name.strip_prefix(CAPTURE).and_then(|rest| rest.strip_suffix(PERFORMANCE)) {
        return cluster.is_none_or(|cluster| last_segment(cluster) == of);
    }
    let plain = name.to_ascii_lowercase();
    plain.contains("ecs") && (plain.starts_with("/aws/events/") || plain.contains("stoppedtask") || plain.contains("event"))
}

async fn in_group(account: &Account, ledger: &Ledger, group: &str, place: &Place, now: Timestamp) -> Option<Task> {
    let inquiry = ledger.ask(Source::Archive, "logs:FilterLogEvents", group);
    let from = now - REACH_BACK;
    inquiry.looked(Some(from), Some(now));
    let client = account.logs(&account.region);
    // The quoted id stands in every form of the task's ARN.
    let pattern = format!("\"{}\"", place.id);
    let (mut newest, mut pages) = (None::<Task>, Pages::default());
    for page in 0.. {
        if page == MOST_PAGES {
            inquiry.fail(&Failing::unreadable(format!("not read to its end after {MOST_PAGES} pages")));
            return newest;
        }
        inquiry.request();
        let asked = client.filter_log_events().log_group_name(group).filter_pattern(&pattern).start_time(from.as_millisecond()).end_time(now.as_millisecond());
        let answer = match asked.set_next_token(pages.token()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                inquiry.fail(&failing(&error));
                return newest;
            }
        };
        for message in answer.events().iter().filter_map(|event| event.message()) {
            for task in document::tasks_of_event(message).into_iter().filter(|task| is_it(task, place)) {
                inquiry.count(1);
                newest = newest.into_iter().chain([task]).max_by_key(|task| task.version);
            }
        }
        match pages.turn(answer.next_token) {
            Turn::Next => {}
            Turn::End => break,
            Turn::Repeated => {
                inquiry.fail(&Failing::repeated_token());
                return newest;
            }
        }
    }
    inquiry.done();
    newest
}

/// An event may name a task beside the one it is about.
fn is_it(task: &Task, place: &Place) -> bool {
    let agrees = |theirs: &str, ours: Option<&str>| ours.is_none_or(|ours| ours == theirs);
    task.id == place.id && agrees(&task.cluster, place.cluster.as_deref().map(last_segment)) && agrees(&task.account, place.account.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_the_consoles_and_a_groups_own_name_are_archives() {
        assert!(is_archive("/aws/events/ECSStoppedTasksEvent", Some("prod")));
        assert!(is_archive("/ecs/ECSStoppedTasksEvent", Some("prod")));
        assert!(is_archive("/aws/events/ecs/containerinsights/prod/performance", Some("prod")));
        assert!(is_archive("/aws/events/ecs/containerinsights/prod/performance", None));
    }

    #[test]
    fn a_groups_name_tells_what_it_keeps_of_ecs() {
        assert_eq!(Keeps::of("/aws/events/ecs-trace"), Some(Keeps::Events));
        assert_eq!(Keeps::of("/aws/events/ecs/containerinsights/prod/performance"), Some(Keeps::EventsOf("prod".into())));
        assert_eq!(Keeps::of("/aws/ecs/containerinsights/prod/performance"), Some(Keeps::Insights("prod".into())));
        assert_eq!(Keeps::of("/aws/vendedlogs/ecs/action-logs/prod"), Some(Keeps::ActionLogs("prod".into())));
        assert_eq!(Keeps::of("/ecs/web-api"), None);
        assert!(!Keeps::Insights("prod".into()).is_archive(), "no event is in there");
    }

    #[test]
    fn another_clusters_capture_and_an_applications_log_are_none() {
        assert!(!is_archive("/aws/events/ecs/containerinsights/dev/performance", Some("prod")));
        assert!(!is_archive("/ecs/web-api", Some("prod")));
        assert!(!is_archive("/aws/events/s3-uploads", Some("prod")));
    }

    #[test]
    fn a_task_of_the_same_id_elsewhere_is_another() {
        let task = Task { id: "5d6c".to_owned(), cluster: "prod".to_owned(), account: "1".to_owned(), ..Task::default() };
        let place = |cluster: Option<&str>, account: Option<&str>| Place {
            id: "5d6c".to_owned(),
            cluster: cluster.map(str::to_owned),
            account: account.map(str::to_owned),
            ..Place::default()
        };
        assert!(is_it(&task, &place(Some("prod"), Some("1"))) && is_it(&task, &place(None, None)));
        assert!(!is_it(&task, &place(Some("dev"), None)) && !is_it(&task, &place(None, Some("2"))));
    }
}
