//! The archives of ECS's events: log groups that an EventBridge rule fills, known by their names.
//!
//! Known are the group of our template and of AWS's sample, the console's event capture (one group a cluster), and any
//! other below the same folder that ECS is a word of. What applications log elsewhere is none, whatever its name.

use aws_sdk_cloudwatchlogs::types::{LogGroup, LogGroupClass};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use crate::diagnosis::evidence::Source;
use crate::diagnosis::task::last_segment;

use super::account::Account;
use super::failing::{Failing, failing};
use super::ledger::Ledger;
use super::pages::{Pages, Turn};
use super::task::plausible;

/// EventBridge and the console put events here, and no application logs below it.
pub(super) const EVENTS: &str = "/aws/events/";
/// The group of AWS's sample where somebody gave it this name; all others below `/ecs/` are of applications.
const SAMPLE_ELSEWHERE: &str = "/ecs/ECSStoppedTasksEvent";
const PREFIXES: [&str; 2] = [EVENTS, SAMPLE_ELSEWHERE];
/// The console's event capture has a group for each cluster.
const CAPTURE: &str = "/aws/events/ecs/containerinsights/";
/// Container Insights has a group for each cluster below it.
pub(super) const INSIGHTS: &str = "/aws/ecs/containerinsights/";
const PERFORMANCE: &str = "/performance";
const ACTION_LOGS: &str = "/aws/vendedlogs/ecs/action-logs/";
/// And where what else tells of ECS is kept.
const SURVEYED: [&str; 4] = [EVENTS, SAMPLE_ELSEWHERE, INSIGHTS, ACTION_LOGS];

/// The group of ECS's action logs of a cluster.
pub(super) fn action_logs_of(cluster: &str) -> String {
    format!("{ACTION_LOGS}{cluster}")
}

/// What a log group keeps of ECS, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keeps {
    /// Events of every cluster that its rule lets through.
    Events,
    /// The console's event capture: the events of one cluster.
    EventsOf(String),
    /// ECS action logs of one cluster: service deployments and managed daemons, no single tasks.
    ActionLogs(String),
    /// Container Insights of one cluster: memory and CPU of each task and container, minute by minute.
    Insights(String),
}

impl Keeps {
    /// Whether a task that ECS has forgotten can be rebuilt from it, with why and how it ended.
    #[must_use]
    pub fn is_archive(&self) -> bool {
        matches!(self, Self::Events | Self::EventsOf(_))
    }

    /// Whether it can hold anything of this cluster, or of any where none is named.
    #[must_use]
    pub fn is_of(&self, cluster: Option<&str>) -> bool {
        match self {
            Self::Events => true,
            Self::EventsOf(of) | Self::ActionLogs(of) | Self::Insights(of) => cluster.is_none_or(|cluster| last_segment(cluster) == of),
        }
    }

    fn of(name: &str) -> Option<Self> {
        let between = |begin: &str, end: &str| name.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end)).filter(|of| !of.is_empty() && !of.contains('/')).map(str::to_owned);
        if let Some(cluster) = between(CAPTURE, PERFORMANCE) {
            return Some(Self::EventsOf(cluster));
        }
        if let Some(cluster) = between(INSIGHTS, PERFORMANCE) {
            return Some(Self::Insights(cluster));
        }
        if let Some(cluster) = between(ACTION_LOGS, "") {
            return Some(Self::ActionLogs(cluster));
        }
        (name == SAMPLE_ELSEWHERE || name.strip_prefix(EVENTS).is_some_and(says_ecs)).then_some(Self::Events)
    }
}

/// Whether one of its words begins with ECS: `my-ecs`, `ECSStoppedTasksEvent` and `prodEcsEvents` do, `specs` does not.
fn says_ecs(name: &str) -> bool {
    let begins = |before: u8, first: u8| !before.is_ascii_alphanumeric() || !before.is_ascii_uppercase() && first.is_ascii_uppercase();
    let bytes = name.as_bytes();
    bytes.windows(3).enumerate().any(|(at, word)| word.eq_ignore_ascii_case(b"ecs") && (at == 0 || begins(bytes[at - 1], word[0])))
}

/// One log group that keeps something of ECS.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// `aws`, or `aws-cn` and its like.
    #[serde(default)]
    pub partition: Option<String>,
    /// Of class `INFREQUENT_ACCESS`: only Logs Insights reads it, and no single task is looked for there.
    #[serde(default)]
    pub only_queried: bool,
}

/// What a survey found, and below which names the groups could not be listed.
pub struct Survey {
    pub kept: Vec<Kept>,
    pub unlisted: Vec<(&'static str, Failing)>,
}

impl Kept {
    fn of(group: &LogGroup) -> Option<Self> {
        let name = group.log_group_name()?;
        let of_arn = |at: usize| group.arn().and_then(|arn| arn.split(':').nth(at)).filter(|part| !part.is_empty()).map(str::to_owned);
        Some(Self {
            keeps: Keeps::of(name)?,
            group: name.to_owned(),
            retention_days: group.retention_in_days(),
            stored: group.stored_bytes().unwrap_or_default(),
            created: group.creation_time().and_then(plausible),
            account: of_arn(4),
            partition: of_arn(1),
            only_queried: group.log_group_class() == Some(&LogGroupClass::InfrequentAccess),
        })
    }

    /// The oldest time of which it can hold anything: since its creation, as far as its retention reaches.
    #[must_use]
    pub fn begins(&self, now: Timestamp) -> Option<Timestamp> {
        let kept_from = self.retention_days.and_then(|days| now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).ok());
        self.created.into_iter().chain(kept_from).max()
    }
}

/// Every group of the region that keeps something of ECS, the archives first, as far as they are listed until then.
///
/// # Errors
/// The first refusal, if no prefix could be asked to its end.
pub async fn survey(account: &Account, until: Instant) -> Result<Survey, Failing> {
    let (mut kept, mut unlisted) = (Vec::new(), Vec::new());
    for (prefix, found) in SURVEYED.iter().zip(join_all(SURVEYED.map(|prefix| timeout_at(until, below(account, prefix, || ())))).await) {
        match found.unwrap_or_else(|_| Err(account.out_of_time("logs:DescribeLogGroups", prefix))) {
            Ok(found) => kept.extend(found),
            Err(failing) => unlisted.push((*prefix, failing)),
        }
    }
    if unlisted.len() == SURVEYED.len() {
        let (_, failing) = unlisted.swap_remove(0);
        return Err(failing);
    }
    kept.sort_by(|a: &Kept, b| (!a.keeps.is_archive(), &a.group).cmp(&(!b.keeps.is_archive(), &b.group)));
    Ok(Survey { kept, unlisted })
}

/// The archives that can hold events of this cluster, or of any where none is named, as far as they can be found until
/// then; leaves a reading for every prefix it asked. `None` where none was found and one could not be asked.
pub async fn archives(account: &Account, ledger: &Ledger, cluster: Option<&str>, until: Instant) -> Option<Vec<Kept>> {
    let asked = PREFIXES.map(|prefix| async move {
        let inquiry = ledger.ask(Source::Archive, "logs:DescribeLogGroups", prefix);
        let answer = timeout_at(until, below(account, prefix, || inquiry.request())).await;
        match answer.unwrap_or_else(|_| Err(account.out_of_time("logs:DescribeLogGroups", prefix))) {
            Ok(mut found) => {
                found.retain(|kept| kept.keeps.is_archive() && kept.keeps.is_of(cluster));
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
    let answers = join_all(asked).await;
    let is_whole = answers.iter().all(Option::is_some);
    let found: Vec<Kept> = answers.into_iter().flatten().flatten().collect();
    (is_whole || !found.is_empty()).then_some(found)
}

/// The log groups of Container Insights, that of this cluster or of all where none is named.
pub(super) async fn insights(account: &Account, cluster: Option<&str>, request: impl Fn()) -> Result<Vec<Kept>, Failing> {
    let prefix = cluster.map_or_else(|| INSIGHTS.to_owned(), |cluster| format!("{INSIGHTS}{}{PERFORMANCE}", last_segment(cluster)));
    let mut found = below(account, &prefix, request).await?;
    found.retain(|kept| matches!(kept.keeps, Keeps::Insights(_)) && kept.keeps.is_of(cluster));
    Ok(found)
}

/// The groups below a prefix that keep something of ECS, page by page.
async fn below(account: &Account, prefix: &str, request: impl Fn()) -> Result<Vec<Kept>, Failing> {
    let client = account.logs(&account.region);
    let (mut found, mut pages) = (Vec::new(), Pages::default());
    loop {
        request();
        let answer = client.describe_log_groups().log_group_name_prefix(prefix).set_next_token(pages.token()).send().await.map_err(|error| failing(&error))?;
        if answer.log_groups().iter().any(|group| group.log_group_name().is_none()) {
            return Err(Failing::unreadable("a log group without its name"));
        }
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
    Keeps::of(name).is_some_and(|keeps| keeps.is_archive() && keeps.is_of(cluster))
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
    fn another_clusters_capture_and_what_applications_log_are_none() {
        assert!(!is_archive("/aws/events/ecs/containerinsights/dev/performance", Some("prod")));
        for name in
            ["/ecs/web-api", "/ecs/event-processor", "/ecs/payments-events", "/ecs/ecs-events", "/ecs/ECSStoppedTasksEvents", "/aws/events/s3-uploads", "/aws/events/specs-catalog"]
        {
            assert!(!is_archive(name, None), "{name}");
        }
        for name in ["/aws/events/ecs-trace", "/aws/events/my-ecs", "/aws/events/prod/ecs_events", "/aws/events/prodEcsEvents", "/aws/events/team2.ecs", "/aws/events/ecsevents"] {
            assert!(is_archive(name, Some("prod")), "{name}");
        }
    }
}
