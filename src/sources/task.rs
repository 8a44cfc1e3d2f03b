//! Asks ECS for the task and its definition: the one answer that must come.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecs::types as sdk;
use aws_smithy_types::DateTime;
use futures::FutureExt;
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::diagnosis::evidence::{Reading, Source, Status};
use crate::diagnosis::service::is_task_id;
use crate::diagnosis::task::{
    Attachment, Container, ContainerDefinition, EcsArn, HealthCheck, LogConfiguration, RestartPolicy, StopCode, Task, TaskDefinition, Volume, last_segment,
};
use crate::diagnosis::words;

use super::Reach;
use super::account::Account;
use super::failing::{Failing, Kind, failing};
use super::ledger::{Inquiry, Ledger};
use super::pages::{Pages, Turn};
use super::target::{Place, Target};

/// The managed agent without which ECS Exec opens no shell.
pub(super) const EXEC_AGENT: &str = "ExecuteCommandAgent";

/// Why no task can be shown.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    #[error("no task `{id}` {}", place(.looked_in, .region))]
    Missing {
        id: String,
        region: String,
        looked_in: Vec<String>,
        denied: Vec<String>,
        clue: Option<Box<Clue>>,
        /// The one cluster was named, and not found by listing.
        is_named: bool,
    },
    #[error("no cluster `{cluster}` in {region}")]
    NoCluster { cluster: String, region: String, others: Vec<String> },
    #[error("no service `{service}` {}", place(.looked_in, .region))]
    NoService {
        service: String,
        region: String,
        looked_in: Vec<String>,
        /// Names of services that there are, as far as they could be listed.
        others: Vec<String>,
    },
    #[error("no stopped task {}", place(.looked_in, .region))]
    NothingStopped {
        service: Option<String>,
        region: String,
        looked_in: Vec<String>,
        /// The one cluster that has the service.
        cluster: Option<String>,
    },
    #[error("{}", several(.prefix, .candidates.len()))]
    Ambiguous { prefix: String, candidates: Vec<Candidate> },
    #[error("{action} failed: {}", .failing.message)]
    Refused { action: &'static str, failing: Failing },
}

/// Where a task that was not found is, as far as that shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clue {
    /// In another cluster of the region.
    Cluster(String),
    /// No task begins so, and these, as `cluster/id`, begin nearly so.
    Nearly(Vec<String>),
    /// Its ARN names another account than the one that was asked.
    Account { theirs: String, ours: String },
}

/// Whether an id begins as it was typed but for one letter: wrong, missing, too many, or two exchanged.
fn is_near(prefix: &str, id: &str) -> bool {
    let length = prefix.chars().count();
    (length.saturating_sub(1)..=length + 1).filter_map(|end| id.get(..end)).any(|beginning| strsim::osa_distance(prefix, beginning) <= 1)
}

fn several(prefix: &str, count: usize) -> String {
    if is_task_id(prefix) { format!("task `{prefix}` is in {count} clusters") } else { format!("`{prefix}` is the beginning of {count} tasks") }
}

fn place(looked_in: &[String], region: &str) -> String {
    match looked_in {
        [] => format!("in {region}, which has no cluster"),
        [one] => format!("in cluster `{one}` of {region}"),
        many => format!("in any of the {} clusters of {region}", many.len()),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub cluster: String,
    pub id: String,
    pub about: String,
}

/// Finds the task that was pasted. `cluster` is the one the command line or the environment names.
///
/// # Errors
/// If there is no such task, more than one, or AWS refused the question.
pub async fn find(account: &Account, ledger: &Ledger, target: &Target, cluster: Option<&str>) -> Result<Task, NotFound> {
    let finder = Finder { account, ledger };
    match target {
        Target::Task(place) => {
            let wanted = place.arn.as_deref().unwrap_or(&place.id);
            match place.cluster.as_deref().or(cluster) {
                Some(cluster) => finder.in_one(cluster, wanted, &place.id, place).await,
                None => finder.in_all(wanted, &place.id).await,
            }
        }
        Target::Prefix { prefix, cluster: own } => finder.by_prefix(prefix, own.as_deref().or(cluster)).await,
        Target::Service { cluster: own, name, .. } => finder.latest(Some(name), own.as_deref().or(cluster)).await,
        Target::Latest => finder.latest(None, cluster).await,
        Target::Stdin | Target::Demo(_) | Target::File(_) => {
            let failing = Failing::unreadable("not a question for ECS");
            Err(NotFound::Refused { action: "ecs:DescribeTasks", failing })
        }
    }
}

/// ECS's word on a task it may have forgotten: no failure if it has, or cannot be asked.
pub async fn current(account: &Account, ledger: &Ledger, place: &Place) -> Option<Task> {
    let finder = Finder { account, ledger };
    let wanted = place.arn.clone().unwrap_or_else(|| place.id.clone());
    match finder.describe(place.cluster.as_deref().unwrap_or("default"), &[wanted]).await {
        Ok(Described::Tasks(mut tasks)) if !tasks.is_empty() => Some(tasks.remove(0)),
        _ => None,
    }
}

pub(super) struct Finder<'a> {
    pub(super) account: &'a Account,
    pub(super) ledger: &'a Ledger,
}

/// Once one cluster has told what is looked for, the others are waited for no longer than this.
const OTHERS_ARE_WAITED_FOR: Duration = Duration::from_secs(3);

/// All answers, in their order; once one of them tells what is looked for, those that take longer than the grace are cut.
async fn all_or_soon<T>(asked: impl IntoIterator<Item = impl Future<Output = Result<T, Failing>>>, tells: impl Fn(&T) -> bool, grace: Duration) -> Vec<Result<T, Failing>> {
    let mut waiting: FuturesUnordered<_> = asked.into_iter().enumerate().map(|(at, answer)| answer.map(move |answer| (at, answer))).collect();
    let mut answers: Vec<Option<Result<T, Failing>>> = std::iter::repeat_with(|| None).take(waiting.len()).collect();
    let mut until: Option<Instant> = None;
    loop {
        let next = match until {
            Some(until) => timeout_at(until, waiting.next()).await.ok().flatten(),
            None => waiting.next().await,
        };
        let Some((at, answer)) = next else { break };
        if answer.as_ref().is_ok_and(&tells) {
            until.get_or_insert_with(|| Instant::now() + grace);
        }
        answers[at] = Some(answer);
    }
    answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(Failing::out_of_time()))).collect()
}

/// What DescribeTasks says of some ids in one cluster.
pub(super) enum Described {
    Tasks(Vec<Task>),
    NoCluster,
}

impl Finder<'_> {
    pub(super) async fn describe(&self, cluster: &str, ids: &[String]) -> Result<Described, Failing> {
        let inquiry = self.ledger.ask(Source::Ecs, "ecs:DescribeTasks", ids.first().cloned().unwrap_or_default());
        inquiry.request();
        match self.account.ecs().describe_tasks().cluster(cluster).set_tasks(Some(ids.to_vec())).send().await {
            Ok(answer) => {
                // Without tasks and without failures it is no answer to this question.
                if answer.tasks().is_empty() && answer.failures().is_empty() {
                    let failing = Failing { kind: Kind::Unreachable, code: None, message: "an empty answer".to_owned() };
                    inquiry.fail(&failing);
                    return Err(failing);
                }
                let tasks: Vec<Task> = answer.tasks().iter().map(|task| read_task(task, cluster)).filter(Task::exists).collect();
                if tasks.is_empty() && !answer.tasks().is_empty() {
                    let failing = Failing::unreadable("an answer that does not name its task");
                    inquiry.fail(&failing);
                    return Err(failing);
                }
                self.ledger.remember_described(&tasks);
                inquiry.count(tasks.len());
                inquiry.done();
                Ok(Described::Tasks(tasks))
            }
            Err(error) => {
                let failing = failing(&error);
                if failing.is("ClusterNotFoundException") {
                    inquiry.end(Status::Empty);
                    return Ok(Described::NoCluster);
                }
                inquiry.fail(&failing);
                Err(failing)
            }
        }
    }

    async fn in_one(&self, cluster: &str, wanted: &str, id: &str, place: &Place) -> Result<Task, NotFound> {
        let refused = |failing| NotFound::Refused { action: "ecs:DescribeTasks", failing };
        match self.describe(cluster, &[wanted.to_owned()]).await {
            Ok(Described::Tasks(tasks)) => {
                if let Some(task) = tasks.into_iter().next() {
                    return Ok(task);
                }
                let clusters = self.clusters().await.unwrap_or_default();
                let clue = match foreign(place, &clusters) {
                    Some(foreign) => Some(foreign),
                    None => self.elsewhere(&clusters, cluster, id).await.map(Clue::Cluster),
                };
                Err(self.missing(id, cluster, clue))
            }
            Ok(Described::NoCluster) => {
                let others = self.clusters().await.unwrap_or_default().iter().map(|arn| last_segment(arn).to_owned()).collect();
                Err(NotFound::NoCluster { cluster: last_segment(cluster).to_owned(), region: self.account.region.clone(), others })
            }
            // An ARN of another cluster, or a foreign account's, is refused as a parameter.
            Err(failing) if failing.is("InvalidParameterException") && place.arn.is_some() => {
                let clue = foreign(place, &self.clusters().await.unwrap_or_default());
                Err(self.missing(id, cluster, clue))
            }
            Err(failing) => Err(refused(failing)),
        }
    }

    fn missing(&self, id: &str, cluster: &str, clue: Option<Clue>) -> NotFound {
        let (region, looked_in) = (self.account.region.clone(), vec![last_segment(cluster).to_owned()]);
        NotFound::Missing { id: id.to_owned(), region, looked_in, denied: Vec::new(), clue: clue.map(Box::new), is_named: true }
    }

    /// Where else in the region the task is, to tell a wrong cluster from a forgotten task.
    async fn elsewhere(&self, clusters: &[String], not: &str, id: &str) -> Option<String> {
        let ids = [id.to_owned()];
        let others: Vec<&String> = clusters.iter().filter(|arn| last_segment(arn) != last_segment(not)).collect();
        let answers = join_all(others.iter().map(|arn| self.describe(arn, &ids))).await;
        others.iter().zip(answers).find_map(|(arn, answer)| match answer {
            Ok(Described::Tasks(tasks)) if !tasks.is_empty() => Some(last_segment(arn).to_owned()),
            _ => None,
        })
    }

    async fn in_all(&self, wanted: &str, id: &str) -> Result<Task, NotFound> {
        let clusters = self.clusters().await.map_err(|failing| NotFound::Refused { action: "ecs:ListClusters", failing })?;
        let ids = [wanted.to_owned()];
        // An id is one task's: once it is found, nobody else is waited for.
        let is_it = |described: &Described| matches!(described, Described::Tasks(tasks) if !tasks.is_empty());
        let answers = all_or_soon(clusters.iter().map(|cluster| self.describe(cluster, &ids)), is_it, Duration::from_millis(300)).await;
        let mut denied = Vec::new();
        let mut found = Vec::new();
        let mut failed = None;
        for (cluster, answer) in clusters.iter().zip(answers) {
            match answer {
                Ok(Described::Tasks(tasks)) => found.extend(tasks),
                Ok(Described::NoCluster) => {}
                Err(failing) => {
                    denied.push(last_segment(cluster).to_owned());
                    failed = Some(failing);
                }
            }
        }
        // Not found where one could look, and one could not look everywhere: the refusal is the answer.
        if let (true, Some(failing)) = (found.is_empty(), failed) {
            return Err(NotFound::Refused { action: "ecs:DescribeTasks", failing });
        }
        self.only(id, found, clusters, denied, false)
    }

    fn only(&self, id: &str, mut found: Vec<Task>, clusters: Vec<String>, denied: Vec<String>, is_named: bool) -> Result<Task, NotFound> {
        match found.len() {
            0 => Err(NotFound::Missing { id: id.to_owned(), region: self.account.region.clone(), looked_in: names(&clusters), denied, clue: None, is_named }),
            1 => Ok(found.remove(0)),
            _ => Err(ambiguous(id, &found)),
        }
    }

    /// Names or ARNs of the region's clusters, or the one that is given.
    pub(super) async fn clusters_or(&self, cluster: Option<&str>) -> Result<Vec<String>, NotFound> {
        match cluster {
            Some(cluster) => Ok(vec![cluster.to_owned()]),
            None => self.clusters().await.map_err(|failing| NotFound::Refused { action: "ecs:ListClusters", failing }),
        }
    }

    async fn clusters(&self) -> Result<Vec<String>, Failing> {
        let inquiry = self.ledger.ask(Source::Ecs, "ecs:ListClusters", "*");
        let (mut clusters, mut pages) = (Vec::new(), Pages::default());
        loop {
            inquiry.request();
            match self.account.ecs().list_clusters().set_next_token(pages.token()).send().await {
                Ok(answer) => {
                    clusters.extend(answer.cluster_arns().iter().cloned());
                    match pages.turn(answer.next_token) {
                        Turn::Next => {}
                        Turn::End => break,
                        Turn::Repeated => return Err(unfinished(inquiry)),
                    }
                }
                Err(error) => {
                    let failing = failing(&error);
                    inquiry.fail(&failing);
                    return Err(failing);
                }
            }
        }
        inquiry.count(clusters.len());
        inquiry.done();
        Ok(clusters)
    }

    /// One page of a cluster's stopped tasks, as many as DescribeTasks takes, and the token of the next.
    pub(super) async fn page_of_stopped(&self, cluster: &str, token: Option<String>) -> Result<(Vec<String>, Option<String>), NotFound> {
        let inquiry = self.ledger.ask(Source::Ecs, "ecs:ListTasks", last_segment(cluster));
        inquiry.request();
        match self.account.ecs().list_tasks().cluster(cluster).desired_status(sdk::DesiredStatus::Stopped).max_results(100).set_next_token(token).send().await {
            Ok(answer) => {
                inquiry.count(answer.task_arns().len());
                inquiry.done();
                Ok((answer.task_arns.unwrap_or_default(), answer.next_token))
            }
            Err(error) => {
                let failing = failing(&error);
                inquiry.fail(&failing);
                if failing.is("ClusterNotFoundException") {
                    let others = names(&self.clusters().await.unwrap_or_default());
                    return Err(NotFound::NoCluster { cluster: last_segment(cluster).to_owned(), region: self.account.region.clone(), others });
                }
                Err(NotFound::Refused { action: "ecs:ListTasks", failing })
            }
        }
    }

    /// ARNs of a cluster's tasks with this desired status, of a service if one is named.
    pub(super) async fn list(&self, cluster: &str, service: Option<&str>, status: sdk::DesiredStatus) -> Result<Vec<String>, Failing> {
        let inquiry = self.ledger.ask(Source::Ecs, "ecs:ListTasks", last_segment(cluster));
        let (mut tasks, mut pages) = (Vec::new(), Pages::default());
        loop {
            inquiry.request();
            let asked = self.account.ecs().list_tasks().cluster(cluster).desired_status(status.clone()).set_service_name(service.map(str::to_owned));
            match asked.set_next_token(pages.token()).send().await {
                Ok(answer) => {
                    tasks.extend(answer.task_arns().iter().cloned());
                    match pages.turn(answer.next_token) {
                        Turn::Next => {}
                        Turn::End => break,
                        Turn::Repeated => return Err(unfinished(inquiry)),
                    }
                }
                Err(error) => {
                    let failing = failing(&error);
                    if failing.is("ServiceNotFoundException") {
                        inquiry.end(Status::Empty);
                    } else {
                        inquiry.fail(&failing);
                    }
                    return Err(failing);
                }
            }
        }
        if service.is_none() && status == sdk::DesiredStatus::Stopped {
            self.ledger.remember_stopped(last_segment(cluster), &tasks);
        }
        inquiry.count(tasks.len());
        inquiry.done();
        Ok(tasks)
    }

    /// Names of the services of these clusters, to find the one that was meant.
    pub(super) async fn services_of(&self, clusters: &[String]) -> Vec<String> {
        let known = super::names::services(self.account, self.ledger, clusters).await.unwrap_or_default();
        let mut names: Vec<String> = known.into_iter().map(|(_, name)| name).collect();
        names.sort();
        names.dedup();
        names
    }

    async fn by_prefix(&self, prefix: &str, cluster: Option<&str>) -> Result<Task, NotFound> {
        let clusters = self.clusters_or(cluster).await?;
        let has_it = |listed: &Vec<(String, String)>| listed.iter().any(|(_, arn)| last_segment(arn).starts_with(prefix));
        let listed = clusters.iter().map(|cluster| async move {
            let (stopped, running) = futures::join!(self.list(cluster, None, sdk::DesiredStatus::Stopped), self.list(cluster, None, sdk::DesiredStatus::Running));
            Ok::<_, Failing>(stopped?.into_iter().chain(running?).map(|arn| (cluster.clone(), arn)).collect::<Vec<_>>())
        });
        let listed = all_or_soon(listed, has_it, OTHERS_ARE_WAITED_FOR).await;
        let (mut matching, mut others, mut refused) = (Vec::new(), Vec::new(), None);
        for answer in listed {
            match answer {
                Ok(found) => {
                    let (these, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, arn)| last_segment(arn).starts_with(prefix));
                    matching.extend(these);
                    others.extend(rest);
                }
                Err(failing) if failing.is("ClusterNotFoundException") => {
                    let others = names(&self.clusters().await.unwrap_or_default());
                    return Err(NotFound::NoCluster { cluster: cluster.map(last_segment).unwrap_or_default().to_owned(), region: self.account.region.clone(), others });
                }
                // One cluster that may not be read hides no match in another.
                Err(failing) => refused = Some(failing),
            }
        }
        if let (true, Some(failing)) = (matching.is_empty(), refused) {
            return Err(NotFound::Refused { action: "ecs:ListTasks", failing });
        }
        let near: Vec<String> =
            others.iter().filter(|(_, arn)| is_near(prefix, last_segment(arn))).map(|(cluster, arn)| format!("{}/{}", last_segment(cluster), last_segment(arn))).collect();
        if matching.is_empty() && !near.is_empty() {
            let (region, clue) = (self.account.region.clone(), Some(Box::new(Clue::Nearly(near))));
            return Err(NotFound::Missing { id: prefix.to_owned(), region, looked_in: names(&clusters), denied: Vec::new(), clue, is_named: cluster.is_some() });
        }
        let mut found = Vec::new();
        for cluster in &clusters {
            let arns: Vec<String> = matching.iter().filter(|(of, _)| of == cluster).map(|(_, arn)| arn.clone()).collect();
            for part in arns.chunks(100) {
                if let Described::Tasks(tasks) = self.describe(cluster, part).await.map_err(|failing| NotFound::Refused { action: "ecs:DescribeTasks", failing })? {
                    found.extend(tasks);
                }
            }
        }
        self.only(prefix, found, clusters, Vec::new(), cluster.is_some())
    }

    /// The latest stopped task of a service, or of the clusters.
    async fn latest(&self, service: Option<&str>, cluster: Option<&str>) -> Result<Task, NotFound> {
        let clusters = self.clusters_or(cluster).await?;
        let answers = all_or_soon(clusters.iter().map(|cluster| self.stopped_in(cluster, service)), |tasks| !tasks.is_empty(), OTHERS_ARE_WAITED_FOR).await;
        let (mut stopped, mut failed, mut having, mut unread) = (Vec::new(), None, Vec::new(), Vec::new());
        for (of, answer) in clusters.iter().zip(answers) {
            match answer {
                Ok(tasks) => {
                    having.push(last_segment(of).to_owned());
                    stopped.extend(tasks);
                }
                Err(failing) if failing.is("ServiceNotFoundException") => {}
                Err(failing) if failing.is("ClusterNotFoundException") => {
                    let others = if cluster.is_some() { self.clusters().await.unwrap_or_default() } else { Vec::new() };
                    return Err(NotFound::NoCluster { cluster: cluster.unwrap_or_default().to_owned(), region: self.account.region.clone(), others: names(&others) });
                }
                Err(failing) => {
                    unread.push(last_segment(of).to_owned());
                    failed = Some(failing);
                }
            }
        }
        let mut places: Vec<String> = stopped.iter().map(|task| task.cluster.clone()).collect();
        places.sort();
        places.dedup();
        let latest = stopped.into_iter().max_by_key(|task| (task.times.stopped.or(task.times.stopping), task.id.clone()));
        let region = self.account.region.clone();
        match (latest, failed, service) {
            (Some(task), failed, _) => {
                if let Some(failing) = failed {
                    let clusters = format!("{} {}", if unread.len() == 1 { "cluster" } else { "clusters" }, words::list(&unread));
                    self.ledger.remark(format!("a later stop may be missing: {clusters} could not be read ({})", failing.words()));
                }
                if let (Some(service), [_], [_, _, ..]) = (service, places.as_slice(), having.as_slice()) {
                    self.ledger.remark(format!(
                        "service {service} is in the clusters {}; this is its latest stopped task, of {}: service/CLUSTER/{service} or --cluster picks another",
                        having.join(", "),
                        task.cluster
                    ));
                }
                if let (Some(service), true) = (service, places.len() > 1) {
                    let (places, cluster) = (places.join(", "), &task.cluster);
                    self.ledger.remark(format!(
                        "service {service} has stopped tasks in the clusters {places}; this is the latest, of {cluster}: service/CLUSTER/{service} or --cluster picks another"
                    ));
                }
                Ok(task)
            }
            (None, Some(failing), _) => Err(NotFound::Refused { action: "ecs:ListTasks", failing }),
            (None, None, Some(service)) if having.is_empty() => {
                let others = self.services_of(&clusters).await;
                Err(NotFound::NoService { service: service.to_owned(), region, looked_in: names(&clusters), others })
            }
            (None, None, service) => {
                let cluster = service.is_some().then(|| having.pop().filter(|_| having.is_empty())).flatten();
                Err(NotFound::NothingStopped { service: service.map(str::to_owned), region, looked_in: names(&clusters), cluster })
            }
        }
    }

    async fn stopped_in(&self, cluster: &str, service: Option<&str>) -> Result<Vec<Task>, Failing> {
        let mut arns = self.list(cluster, service, sdk::DesiredStatus::Stopped).await?;
        // ListTasks by service is known to leave stopped tasks out: then the whole cluster is asked.
        if arns.is_empty() && service.is_some() {
            arns = self.list(cluster, None, sdk::DesiredStatus::Stopped).await?;
        }
        let parts: Vec<Vec<String>> = arns.chunks(100).map(<[String]>::to_vec).collect();
        let mut tasks = Vec::new();
        for answer in join_all(parts.iter().map(|part| self.describe(cluster, part))).await {
            if let Described::Tasks(some) = answer? {
                tasks.extend(some);
            }
        }
        let is_told = tasks.iter().all(|task| task.group.is_some());
        tasks.retain(|task| service.is_none_or(|service| task.service.as_deref() == Some(service)));
        if tasks.is_empty() && !is_told {
            return Err(Failing::unreadable("tasks were listed that do not tell of which service they are"));
        }
        Ok(tasks)
    }
}

/// Whether a pasted ARN is of another account than the one whose clusters these are.
fn foreign(place: &Place, clusters: &[String]) -> Option<Clue> {
    let theirs = place.account.clone()?;
    let ours = EcsArn::parse(clusters.first()?)?.account;
    (theirs != ours).then_some(Clue::Account { theirs, ours })
}

/// A list that was not read to its end proves no absence.
fn unfinished(inquiry: Inquiry<'_>) -> Failing {
    let failing = Failing::repeated_token();
    inquiry.fail(&failing);
    failing
}

fn names(arns: &[String]) -> Vec<String> {
    arns.iter().map(|arn| last_segment(arn).to_owned()).collect()
}

/// What was typed begins several tasks, wherever they were found.
#[must_use]
pub fn ambiguous(prefix: &str, tasks: &[Task]) -> NotFound {
    NotFound::Ambiguous { prefix: prefix.to_owned(), candidates: tasks.iter().map(candidate).collect() }
}

fn candidate(task: &Task) -> Candidate {
    let what = task.definition_name().unwrap_or_default();
    let state = task.last_status.clone().unwrap_or_default().to_ascii_lowercase();
    Candidate { cluster: task.cluster.clone(), id: task.id.clone(), about: format!("{what} {state}").trim().to_owned() }
}

/// Milliseconds, rounded: the SDK cuts ECS's floating seconds to something like .770999.
#[must_use]
pub fn moment(time: &DateTime) -> Option<Timestamp> {
    let nanoseconds = i128::from(time.secs()) * 1_000_000_000 + i128::from(time.subsec_nanos());
    let milliseconds = (nanoseconds + 500_000).div_euclid(1_000_000);
    plausible(i64::try_from(milliseconds).ok()?)
}

/// A time that others wrote, if windows around it stay within the calendar: from 1970 to 2200.
#[must_use]
pub fn datable(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok().filter(|_| (0..7_258_118_400_000).contains(&milliseconds))
}

/// A time between 2000 and 2200, which ECS can have meant; windows around any other would leave the calendar.
#[must_use]
pub fn plausible(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok().filter(|_| (946_684_800_000..7_258_118_400_000).contains(&milliseconds))
}

pub(super) fn read_task(task: &sdk::Task, asked_cluster: &str) -> Task {
    let arn = task.task_arn().unwrap_or_default();
    let parsed = EcsArn::parse(arn);
    let of_cluster = task.cluster_arn().map(last_segment).filter(|name| !name.is_empty());
    let group = task.group().map(str::to_owned);
    let (family, revision) = definition_name(task.task_definition_arn());
    let at = |time: Option<&DateTime>| time.and_then(moment);
    let mut read = Task {
        arn: arn.to_owned(),
        id: last_segment(arn).to_owned(),
        cluster: of_cluster.map(str::to_owned).or_else(|| parsed.as_ref().and_then(|arn| arn.cluster.clone())).unwrap_or_else(|| last_segment(asked_cluster).to_owned()),
        region: parsed.as_ref().map(|arn| arn.region.clone()).unwrap_or_default(),
        account: parsed.as_ref().map(|arn| arn.account.clone()).unwrap_or_default(),
        service: group.as_deref().and_then(|group| group.strip_prefix("service:")).map(str::to_owned),
        group,
        started_by: task.started_by().map(str::to_owned),
        definition_arn: task.task_definition_arn().map(str::to_owned),
        family,
        revision,
        launch_type: task.launch_type().map(|kind| kind.as_str().to_owned()).filter(|kind| !kind.is_empty()),
        capacity_provider: task.capacity_provider_name().map(str::to_owned),
        platform_version: task.platform_version().map(str::to_owned),
        availability_zone: task.availability_zone().map(str::to_owned),
        container_instance_arn: task.container_instance_arn().map(str::to_owned),
        last_status: task.last_status().map(str::to_owned),
        desired_status: task.desired_status().map(str::to_owned),
        health_status: task.health_status().map(|status| status.as_str().to_owned()),
        stop_code: task.stop_code().map(|code| StopCode::named(code.as_str())),
        stopped_reason: task.stopped_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
        cpu: task.cpu().map(str::to_owned),
        memory: task.memory().map(str::to_owned),
        version: Some(task.version()),
        execute_command: task.enable_execute_command(),
        containers: task.containers().iter().map(read_container).collect(),
        attachments: task
            .attachments()
            .iter()
            .map(|attachment| Attachment {
                id: attachment.id().unwrap_or_default().to_owned(),
                kind: attachment.r#type().unwrap_or_default().to_owned(),
                status: attachment.status().unwrap_or_default().to_owned(),
                details: attachment.details().iter().map(|pair| (pair.name().unwrap_or_default().to_owned(), pair.value().unwrap_or_default().to_owned())).collect(),
            })
            .collect(),
        ..Task::default()
    };
    read.times.created = at(task.created_at());
    read.times.connected = at(task.connectivity_at());
    read.times.pull_started = at(task.pull_started_at());
    read.times.pull_stopped = at(task.pull_stopped_at());
    read.times.started = at(task.started_at());
    read.times.stopping = at(task.stopping_at());
    read.times.execution_stopped = at(task.execution_stopped_at());
    read.times.stopped = at(task.stopped_at());
    read
}

/// `family` and `revision` of `…:task-definition/family:revision`.
#[must_use]
pub fn definition_name(arn: Option<&str>) -> (Option<String>, Option<i64>) {
    let Some(name) = arn.map(last_segment) else { return (None, None) };
    match name.rsplit_once(':') {
        Some((family, revision)) => (Some(family.to_owned()), revision.parse().ok()),
        None => (Some(name.to_owned()), None),
    }
}

fn read_container(container: &sdk::Container) -> Container {
    let ports = container.network_bindings().iter().filter_map(|binding| Some((i64::from(binding.container_port()?), i64::from(binding.host_port()?))));
    Container {
        name: container.name().unwrap_or_default().to_owned(),
        image: container.image().map(str::to_owned),
        image_digest: container.image_digest().map(str::to_owned),
        runtime_id: container.runtime_id().map(str::to_owned),
        last_status: container.last_status().map(str::to_owned),
        exit_code: container.exit_code().map(i64::from),
        reason: container.reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
        health_status: container.health_status().map(|status| status.as_str().to_owned()),
        private_ips: container.network_interfaces().iter().filter_map(|interface| interface.private_ipv4_address().map(str::to_owned)).collect(),
        ports: ports.collect(),
        exec_agent: container.managed_agents().iter().any(is_exec_agent),
        reported: None,
    }
}

fn is_exec_agent(agent: &sdk::ManagedAgent) -> bool {
    let named = agent.name().is_some_and(|name| name.as_str() == EXEC_AGENT);
    named && (agent.last_started_at().is_some() || agent.last_status() == Some("RUNNING"))
}

/// The task definition the stopped task ran from: its own revision, never the service's current one.
pub(super) async fn definition(reach: &Reach<'_>) -> Option<Arc<TaskDefinition>> {
    let Some(arn) = reach.task.definition_arn.as_deref() else {
        reach.ledger.note(if reach.task.exists() {
            Reading::new(Source::Ecs, Status::Skipped).detailed("the task names no task definition")
        } else {
            Reading::new(Source::Ecs, Status::Empty).detailed("no stopped task")
        });
        return None;
    };
    let inquiry = reach.ledger.ask(Source::Ecs, "ecs:DescribeTaskDefinition", arn);
    inquiry.request();
    match reach.account.ecs().describe_task_definition().task_definition(arn).send().await {
        Ok(answer) => match answer.task_definition() {
            Some(definition) => {
                inquiry.count(1);
                inquiry.done();
                Some(Arc::new(read_definition(definition)))
            }
            None => {
                inquiry.fail(&Failing { kind: Kind::Unreachable, code: None, message: "an empty answer".to_owned() });
                None
            }
        },
        Err(error) => {
            inquiry.fail(&failing(&error));
            None
        }
    }
}

pub(super) fn read_definition(definition: &sdk::TaskDefinition) -> TaskDefinition {
    TaskDefinition {
        network_mode: definition.network_mode().map(|mode| mode.as_str().to_owned()),
        memory: definition.memory().and_then(|memory| memory.parse().ok()),
        execution_role_arn: definition.execution_role_arn().map(str::to_owned),
        cpu_architecture: definition.runtime_platform().and_then(|platform| platform.cpu_architecture()).map(|name| name.as_str().to_owned()),
        volumes: definition
            .volumes()
            .iter()
            .map(|volume| {
                let efs = volume.efs_volume_configuration();
                Volume {
                    name: volume.name().unwrap_or_default().to_owned(),
                    file_system: efs.map(|efs| efs.file_system_id().to_owned()),
                    access_point: efs.and_then(|efs| efs.authorization_config()).and_then(|access| access.access_point_id()).map(str::to_owned),
                }
            })
            .collect(),
        containers: definition.container_definitions().iter().map(read_container_definition).collect(),
    }
}

fn read_container_definition(container: &sdk::ContainerDefinition) -> ContainerDefinition {
    let of_log = container.log_configuration().map(sdk::LogConfiguration::secret_options).unwrap_or_default();
    ContainerDefinition {
        name: container.name().unwrap_or_default().to_owned(),
        image: container.image().map(str::to_owned),
        // ECS's default where the definition leaves it out.
        essential: container.essential().unwrap_or(true),
        memory: container.memory().map(i64::from),
        memory_reservation: container.memory_reservation().map(i64::from),
        stop_timeout: container.stop_timeout().map(i64::from),
        health_check: container.health_check().map(|check| HealthCheck {
            command: check.command().to_vec(),
            interval: check.interval().map_or(30, i64::from),
            timeout: check.timeout().map_or(5, i64::from),
            retries: check.retries().map_or(3, i64::from),
            start_period: check.start_period().map_or(0, i64::from),
        }),
        command: container.entry_point().iter().chain(container.command()).cloned().collect(),
        secrets: container.secrets().iter().chain(of_log).map(|secret| secret.value_from().to_owned()).collect(),
        repository_credentials: container.repository_credentials().map(|credentials| credentials.credentials_parameter().to_owned()),
        environment_files: container.environment_files().iter().map(|file| file.value().to_owned()).collect(),
        depends_on: container.depends_on().iter().map(|dependency| (dependency.container_name().to_owned(), dependency.condition().as_str().to_owned())).collect(),
        restart_policy: container.restart_policy().filter(|policy| policy.enabled()).map(|policy| RestartPolicy {
            ignored_exit_codes: policy.ignored_exit_codes().iter().copied().map(i64::from).collect(),
            attempt_period: policy.restart_attempt_period().map_or(300, i64::from),
        }),
        log: container.log_configuration().map(|log| LogConfiguration {
            driver: log.log_driver().as_str().to_owned(),
            options: log.options().map(|options| options.iter().map(|(name, value)| (name.clone(), value.clone())).collect()).unwrap_or_default(),
        }),
    }
}
