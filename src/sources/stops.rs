//! Lists the stopped tasks that ECS still remembers: of every cluster at once, page by page, described by hundreds.
//!
//! ListTasks by service is known to leave stopped tasks out, so the whole cluster is listed and its tasks picked here.

use futures::stream::{self, StreamExt};

use crate::diagnosis::task::{Task, last_segment};

use super::account::Account;
use super::ledger::Ledger;
use super::pages::{Pages, Turn};
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
    /// Clusters that could not be read, each with why.
    pub unread: Vec<(String, String)>,
}

/// Lists and describes; `told` is given each hundred as it arrives, of one cluster at a time.
///
/// # Errors
/// If the clusters cannot be listed, there is no such cluster, or none of them could be read.
pub async fn list(account: &Account, ledger: &Ledger, scope: Scope<'_>, told: impl Fn(Vec<Task>)) -> Result<Listed, NotFound> {
    let finder = Finder { account, ledger };
    let clusters = finder.clusters_or(scope.cluster).await?;
    let told = &told;
    let answers: Vec<(String, Result<(), NotFound>)> = stream::iter(&clusters)
        .map(|cluster| {
            let finder = &finder;
            async move { (last_segment(cluster).to_owned(), in_cluster(finder, cluster, scope.service, told).await) }
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
                listed.unread.push((cluster.clone(), error.to_string()));
                refused = Some(error);
            }
        }
        listed.clusters.push(cluster);
    }
    listed.clusters.sort();
    match refused {
        Some(error) if listed.unread.len() == listed.clusters.len() => Err(error),
        _ => Ok(listed),
    }
}

async fn in_cluster(finder: &Finder<'_>, cluster: &str, service: Option<&str>, told: &impl Fn(Vec<Task>)) -> Result<(), NotFound> {
    let mut pages = Pages::default();
    loop {
        let (arns, next) = finder.page_of_stopped(cluster, pages.token()).await?;
        if !arns.is_empty() {
            let described = finder.describe(cluster, &arns).await.map_err(|failing| NotFound::Refused { action: "ecs:DescribeTasks", failing })?;
            if let Described::Tasks(mut tasks) = described {
                tasks.retain(|task| service.is_none_or(|service| task.service.as_deref() == Some(service)));
                told(tasks);
            }
        }
        match pages.turn(next) {
            Turn::Next => {}
            Turn::End => return Ok(()),
            Turn::Repeated => return Err(NotFound::Refused { action: "ecs:ListTasks", failing: super::failing::Failing::repeated_token() }),
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
    if unread { Ok(()) } else { Err(NotFound::NoService { service: service.to_owned(), region: account.region.clone(), looked_in: clusters.to_vec() }) }
}
