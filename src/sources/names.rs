//! Lists the names that can be typed: the clusters of a region, the services of its clusters.

use futures::stream::{self, StreamExt};

use crate::diagnosis::evidence::Source;
use crate::diagnosis::task::last_segment;

use super::account::Account;
use super::failing::{Failing, failing};
use super::ledger::Ledger;
use super::pages::{Pages, Turn};
use super::task::{Finder, NotFound};

/// Clusters asked at the same time.
const AT_ONCE: usize = 8;
/// A region can have thousands of services, and nobody reads a list of them.
const MOST_CLUSTERS: usize = 30;
const MOST_PAGES: usize = 10;

/// Names of the region's clusters.
///
/// # Errors
/// If AWS refused the question or did not answer.
pub async fn clusters(account: &Account, ledger: &Ledger) -> Result<Vec<String>, NotFound> {
    let found = Finder { account, ledger }.clusters_or(None).await?;
    Ok(found.iter().map(|arn| last_segment(arn).to_owned()).collect())
}

/// Cluster and name of every service of these clusters, the first some of them.
///
/// # Errors
/// If none of the clusters could be read.
pub async fn services(account: &Account, ledger: &Ledger, clusters: &[String]) -> Result<Vec<(String, String)>, NotFound> {
    let answers: Vec<(&str, Result<Vec<String>, Failing>)> = stream::iter(clusters.iter().take(MOST_CLUSTERS))
        .map(|cluster| async move { (last_segment(cluster), in_cluster(account, ledger, cluster).await) })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let (mut services, mut refused, mut has_answer) = (Vec::new(), None, false);
    for (cluster, answer) in answers {
        match answer {
            Ok(names) => {
                has_answer = true;
                services.extend(names.into_iter().map(|name| (cluster.to_owned(), name)));
            }
            Err(failing) => refused = Some(failing),
        }
    }
    services.sort();
    match refused {
        Some(failing) if !has_answer => Err(NotFound::Refused { action: "ecs:ListServices", failing }),
        _ => Ok(services),
    }
}

async fn in_cluster(account: &Account, ledger: &Ledger, cluster: &str) -> Result<Vec<String>, Failing> {
    let inquiry = ledger.ask(Source::Service, "ecs:ListServices", last_segment(cluster));
    let (mut names, mut pages) = (Vec::new(), Pages::default());
    for _ in 0..MOST_PAGES {
        inquiry.request();
        match account.ecs().list_services().cluster(cluster).max_results(100).set_next_token(pages.token()).send().await {
            Ok(answer) => {
                names.extend(answer.service_arns().iter().map(|arn| last_segment(arn).to_owned()));
                if pages.turn(answer.next_token) != Turn::Next {
                    break;
                }
            }
            Err(error) => {
                let failing = failing(&error);
                inquiry.fail(&failing);
                return Err(failing);
            }
        }
    }
    inquiry.count(names.len());
    inquiry.done();
    Ok(names)
}
