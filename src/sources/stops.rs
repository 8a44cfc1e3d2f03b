//! Lists the stopped tasks that ECS still remembers: of every cluster at once, page by page, described by hundreds.
//!
//! ListTasks by service is known to leave stopped tasks out, so the whole cluster is listed and its tasks picked here.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::diagnosis::evidence::Source;
use crate::diagnosis::service::{Service, ServiceDeployment};
use crate::diagnosis::task::{Task, last_segment};

use super::Reach;
use super::account::Account;
use super::deployments;
use super::failing::failing;
use super::ledger::Ledger;
use super::pages::{Pages, Turn};
use super::service;
use super::task::{Described, Finder, NotFound};

/// Clusters asked at the same time; ListTasks has a bucket of its own for each account.
const AT_ONCE: usize = 8;

/// Which stopped tasks are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope<'a> {
    /// A name or an ARN; without one every cluster of the region is asked.
    pub cluster: Option<&'a str>,
    pub service: Option<&'a str>,
}

/// What became of asking.
#[derive(Debug, Default)]
pub struct Listed {
    /// Names of the clusters that were asked.
    pub clusters: Vec<String>,
    /// Clusters that could not be read, or not to their end.
    pub unread: Vec<UnreadCluster>,
}

/// A cluster that was not read to its end, and why.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct UnreadCluster {
    pub cluster: String,
    pub why: String,
    /// Whether some of its tasks were told before.
    pub in_part: bool,
}

impl UnreadCluster {
    /// How much of it is missing, behind its name.
    #[must_use]
    pub fn extent(&self) -> &'static str {
        if self.in_part { "was not read to its end" } else { "is missing here" }
    }
}

/// Lists until then, and describes those whose ARN is `wanted`; `told` is given each hundred as it arrives, of one cluster at a time.
///
/// # Errors
/// If the clusters cannot be listed, there is no such cluster, or nothing of any of them could be read.
pub async fn list(account: &Account, ledger: &Ledger, scope: Scope<'_>, until: Instant, wanted: impl Fn(&str) -> bool, told: impl Fn(Vec<Task>)) -> Result<Listed, NotFound> {
    let finder = Finder { account, ledger };
    let clusters = finder.clusters_or(scope.cluster).await?;
    let told_of: RefCell<BTreeSet<String>> = RefCell::default();
    let telling = |tasks: Vec<Task>| {
        told_of.borrow_mut().extend(tasks.iter().map(|task| task.cluster.clone()));
        told(tasks);
    };
    let (wanted, told) = (&wanted, &telling);
    let answers: Vec<(String, Result<(), NotFound>)> = stream::iter(&clusters)
        .map(|cluster| {
            let finder = &finder;
            async move {
                let name = last_segment(cluster).to_owned();
                let asking = Cell::new("ecs:ListTasks");
                let late = || NotFound::Refused { action: asking.get(), failing: account.out_of_time(asking.get(), &name) };
                let answer = timeout_at(until, in_cluster(finder, cluster, (scope.service, &asking), wanted, told)).await.unwrap_or_else(|_| Err(late()));
                (name, answer)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut listed = Listed::default();
    let mut refused = None;
    for (cluster, answer) in answers {
        match answer {
            Ok(()) => {}
            Err(error @ NotFound::NoCluster { .. }) => return Err(error),
            Err(error) => {
                let in_part = told_of.borrow().contains(&cluster);
                listed.unread.push(UnreadCluster { cluster: cluster.clone(), why: error.to_string(), in_part });
                refused = Some(error);
            }
        }
        listed.clusters.push(cluster);
    }
    listed.clusters.sort();
    match refused {
        Some(error) if listed.unread.len() == listed.clusters.len() && listed.unread.iter().all(|unread| !unread.in_part) => Err(error),
        _ => Ok(listed),
    }
}

/// `asking` is what it waits for at any time.
async fn in_cluster(
    finder: &Finder<'_>,
    cluster: &str,
    (service, asking): (Option<&str>, &Cell<&'static str>),
    wanted: &impl Fn(&str) -> bool,
    told: &impl Fn(Vec<Task>),
) -> Result<(), NotFound> {
    let (mut pages, mut seen) = (Pages::default(), BTreeSet::new());
    loop {
        let (mut arns, next) = finder.page_of_stopped(cluster, pages.token()).await?;
        // A page that comes again tells nothing new.
        arns.retain(|arn| wanted(arn) && seen.insert(arn.clone()));
        if !arns.is_empty() {
            asking.set("ecs:DescribeTasks");
            let described = finder.describe(cluster, &arns).await.map_err(|failing| NotFound::Refused { action: "ecs:DescribeTasks", failing })?;
            if let Described::Tasks(mut tasks) = described {
                tasks.retain(|task| service.is_none_or(|service| task.service.as_deref() == Some(service)));
                told(tasks);
            }
            asking.set("ecs:ListTasks");
        }
        match pages.turn(next) {
            Turn::Next => {}
            Turn::End => return Ok(()),
            Turn::Repeated => return Err(NotFound::Refused { action: "ecs:ListTasks", failing: super::failing::Failing::repeated_token() }),
        }
    }
}

/// As many services as DescribeServices takes.
const MOST_SERVICES: usize = 10;

/// A service and its deployments of the last day.
pub type Known = (Service, Vec<ServiceDeployment>);

/// The services of these tasks, by cluster and name, with the deployments before each task's stop. Those that ECS has
/// forgotten or may not be asked about are left out.
pub async fn services(account: &Account, ledger: &Ledger, latest: BTreeMap<(String, String), Task>, now: Timestamp) -> BTreeMap<(String, String), Known> {
    let mut by_cluster: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (cluster, name) in latest.keys() {
        by_cluster.entry(cluster).or_default().push(name.clone());
    }
    let parts = by_cluster.iter().flat_map(|(cluster, names)| names.chunks(MOST_SERVICES).map(move |names| (*cluster, names.to_vec())));
    let described = join_all(parts.map(|(cluster, names)| async move { (cluster, described(account, ledger, cluster, names).await) }));
    let histories = join_all(latest.iter().map(|(of, task)| async move {
        let reach = Reach { task, account, ledger, now, redact: true, before: None, deep: false, archives: &[], trail_lake: None };
        (of, deployments::fetch(&reach, false).await)
    }));
    let (described, histories) = futures::join!(described, histories);
    let mut histories: BTreeMap<&(String, String), Vec<ServiceDeployment>> = histories.into_iter().filter_map(|(of, history)| Some((of, history?.to_vec()))).collect();
    let services = described.into_iter().flat_map(|(cluster, services)| services.into_iter().map(move |service| ((cluster.to_owned(), service.name.clone()), service)));
    services.map(|(of, service)| (of.clone(), (service, histories.remove(&of).unwrap_or_default()))).collect()
}

/// What is known of a service over days: itself, where ECS still has it, and its deployments, where they could be read.
pub type History = (Option<Service>, Option<Vec<ServiceDeployment>>);

/// These services, by cluster and name, with their deployments since a day before `from`. What cannot be read leaves a
/// reading, and the first refusal of deployments ends asking for them: `false` then.
pub async fn histories(account: &Account, ledger: &Ledger, of: Vec<(String, String)>, window: (Timestamp, Timestamp)) -> (BTreeMap<(String, String), History>, bool) {
    let mut by_cluster: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (cluster, name) in &of {
        by_cluster.entry(cluster).or_default().push(name.clone());
    }
    let parts = by_cluster.iter().flat_map(|(cluster, names)| names.chunks(MOST_SERVICES).map(move |names| (*cluster, names.to_vec())));
    let described = join_all(parts.map(|(cluster, names)| async move { (cluster, described(account, ledger, cluster, names).await) }));
    let is_refused = Cell::new(false);
    let deployments = stream::iter(&of)
        .map(|(cluster, name)| {
            let is_refused = &is_refused;
            async move {
                let read = if is_refused.get() { None } else { Some(deployments::over(account, ledger, (cluster, name), window).await) };
                is_refused.set(is_refused.get() || matches!(read, Some(Err(_))));
                ((cluster.clone(), name.clone()), read.and_then(Result::ok))
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>();
    let (described, deployments) = futures::join!(described, deployments);
    let mut known: BTreeMap<(String, String), History> = deployments.into_iter().map(|(of, deployments)| (of, (None, deployments))).collect();
    for (cluster, services) in described {
        for service in services {
            if let Some((known, _)) = known.get_mut(&(cluster.to_owned(), service.name.clone())) {
                *known = Some(service);
            }
        }
    }
    (known, !is_refused.get())
}

async fn described(account: &Account, ledger: &Ledger, cluster: &str, names: Vec<String>) -> Vec<Service> {
    let inquiry = ledger.ask(Source::Service, "ecs:DescribeServices", cluster);
    inquiry.request();
    match account.ecs().describe_services().cluster(cluster).set_services(Some(names)).send().await {
        Ok(answer) => {
            let found: Vec<Service> = answer.services().iter().map(service::read).collect();
            inquiry.count(found.len());
            inquiry.done();
            found
        }
        Err(error) => {
            inquiry.fail(&failing(&error));
            Vec::new()
        }
    }
}

/// Whether ECS knows a service of that name in any of the clusters: what a list without tasks cannot tell.
///
/// # Errors
/// If no cluster knows it.
pub async fn must_exist(account: &Account, ledger: &Ledger, service: &str, clusters: &[String]) -> Result<(), NotFound> {
    let finder = Finder { account, ledger };
    let mut unread = false;
    for cluster in clusters {
        match finder.list(cluster, Some(service), aws_sdk_ecs::types::DesiredStatus::Running).await {
            Ok(_) => return Ok(()),
            Err(failing) => unread |= !failing.is("ServiceNotFoundException"),
        }
    }
    if unread {
        return Ok(());
    }
    let others = finder.services_of(clusters).await;
    Err(NotFound::NoService { service: service.to_owned(), region: account.region.clone(), looked_in: clusters.to_vec(), others })
}
