//! Asks ECS for the service's deployment history: what the service itself no longer lists.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecs::types as sdk;
use aws_smithy_types::DateTime;
use futures::FutureExt;
use futures::future::{Either, select};
use jiff::Timestamp;

use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::{Source, Status};
use crate::diagnosis::service::{Rollback, ServiceDeployment};
use crate::diagnosis::task::last_segment;

use super::account::Account;
use super::failing::{Failing, failing};
use super::ledger::Ledger;
use super::pages::{Pages, Turn};
use super::task::moment;
use super::{Asker, Asking, Reach};

pub const SOURCE: Asker = Asker { source: Source::Service, collect: |asking| collect(asking).boxed_local() };

/// Blue/green tasks end in the clean-up, long after their deployment began.
const REACH_BACK: i64 = 24 * 3600;
/// DescribeServiceDeployments takes this many.
const MOST: usize = 20;
/// Of one service within days.
const MOST_OVER_DAYS: usize = 400;
/// As long as three refusals for asking too much take.
const BROUGHT_GRACE: Duration = Duration::from_millis(1_500);

async fn collect(asking: &Asking<'_>) {
    asking.history.clone().await;
}

/// Deployments that began within a day before the stop.
pub(super) async fn fetch(reach: &Reach<'_>, skip: bool) -> Option<Arc<Vec<ServiceDeployment>>> {
    let task = reach.task;
    let (Some(name), Some(stop), false) = (task.service.as_deref(), task.stop_anchor(), skip) else { return None };
    let service = format!("arn:aws:ecs:{}:{}:service/{}/{name}", task.region, task.account, task.cluster);
    let inquiry = reach.ledger.ask(Source::Service, "ecs:ListServiceDeployments", &service);
    inquiry.request();
    let window = sdk::CreatedAt::builder().after(DateTime::from_secs(stop.as_second() - REACH_BACK)).before(DateTime::from_secs(stop.as_second() + 600)).build();
    let listed = reach.account.ecs().list_service_deployments().cluster(&task.cluster).service(name).created_at(window).max_results(100).send().await;
    let (arns, revisions): (Vec<String>, Vec<String>) = match listed {
        Ok(answer) => {
            let briefs: Vec<&sdk::ServiceDeploymentBrief> = answer.service_deployments().iter().filter(|brief| brief.service_deployment_arn().is_some()).take(MOST).collect();
            inquiry.count(briefs.len());
            inquiry.done();
            let mut revisions: Vec<String> = briefs.iter().filter_map(|brief| brief.target_service_revision_arn().map(str::to_owned)).collect();
            revisions.sort();
            revisions.dedup();
            (briefs.iter().filter_map(|brief| brief.service_deployment_arn().map(str::to_owned)).collect(), revisions)
        }
        Err(error) => {
            let failing = failing(&error);
            if failing.is("ServiceNotFoundException") {
                inquiry.detail("the service is gone and its deployment history with it");
                inquiry.end(Status::Empty);
            } else {
                inquiry.fail(&failing);
            }
            return None;
        }
    };
    if arns.is_empty() {
        return Some(Arc::default());
    }
    let inquiry = reach.ledger.ask(Source::Service, "ecs:DescribeServiceDeployments", &service);
    inquiry.request();
    let described = reach.account.ecs().describe_service_deployments().set_service_deployment_arns(Some(arns)).send();
    // The list names both: what each brought is asked beside how each went, not after it.
    let (described, brought) = described_and_brought(described, definitions(reach, &service, revisions)).await;
    match described {
        Ok(answer) => {
            let definition = |deployment: &ServiceDeployment| brought.get(deployment.target_revision.as_ref()?).cloned();
            let deployments = answer.service_deployments().iter().map(read);
            let deployments: Vec<ServiceDeployment> = deployments.map(|deployment| ServiceDeployment { target_definition: definition(&deployment), ..deployment }).collect();
            for deployment in &deployments {
                let Some(at) = deployment.created_at else { continue };
                let what = What::ServiceDeployment {
                    id: deployment.arn.clone(),
                    target: deployment.target_revision.as_ref().map(|digits| format!("ecs-svc/{digits}")).unwrap_or_default(),
                    text: describe(deployment),
                };
                let level = if deployment.status.starts_with("ROLLBACK") { Level::Warn } else { Level::Info };
                inquiry.tell(Event { at, precision: Precision::Millisecond, witness: Witness::Deployment, level, container: None, what });
            }
            inquiry.done();
            Some(Arc::new(deployments))
        }
        Err(error) => {
            inquiry.fail(&failing(&error));
            None
        }
    }
}

/// The deployments of a service that began between two times, without what each brought: no verdict rests on that.
pub(super) async fn over(account: &Account, ledger: &Ledger, (cluster, service): (&str, &str), (from, to): (Timestamp, Timestamp)) -> Result<Vec<ServiceDeployment>, Failing> {
    let about = format!("{cluster}/{service}");
    let inquiry = ledger.ask(Source::Service, "ecs:ListServiceDeployments", &about);
    let window = sdk::CreatedAt::builder().after(DateTime::from_secs(from.as_second() - REACH_BACK)).before(DateTime::from_secs(to.as_second())).build();
    let (mut arns, mut pages) = (Vec::new(), Pages::default());
    loop {
        inquiry.request();
        let asked = account.ecs().list_service_deployments().cluster(cluster).service(service).created_at(window.clone()).max_results(100).set_next_token(pages.token());
        match asked.send().await {
            Ok(answer) => {
                arns.extend(answer.service_deployments().iter().filter_map(|brief| brief.service_deployment_arn().map(str::to_owned)));
                match pages.turn(answer.next_token) {
                    Turn::Next if arns.len() < MOST_OVER_DAYS => {}
                    _ => break,
                }
            }
            Err(error) => {
                let failing = failing(&error);
                if failing.is("ServiceNotFoundException") {
                    inquiry.end(Status::Empty);
                    return Ok(Vec::new());
                }
                inquiry.fail(&failing);
                return Err(failing);
            }
        }
    }
    inquiry.count(arns.len());
    inquiry.done();
    let mut found = Vec::new();
    for some in arns.chunks(MOST) {
        let inquiry = ledger.ask(Source::Service, "ecs:DescribeServiceDeployments", &about);
        inquiry.request();
        match account.ecs().describe_service_deployments().set_service_deployment_arns(Some(some.to_vec())).send().await {
            Ok(answer) => {
                inquiry.count(answer.service_deployments().len());
                inquiry.done();
                found.extend(answer.service_deployments().iter().map(read));
            }
            Err(error) => {
                let failing = failing(&error);
                inquiry.fail(&failing);
                return Err(failing);
            }
        }
    }
    Ok(found)
}

/// The second is waited for a moment only: it must not hold up what verdicts rest on.
async fn described_and_brought<T>(described: impl Future<Output = T>, brought: impl Future<Output = HashMap<String, String>>) -> (T, HashMap<String, String>) {
    tokio::pin!(described, brought);
    match select(described, brought).await {
        Either::Left((described, brought)) => (described, tokio::time::timeout(BROUGHT_GRACE, brought).await.unwrap_or_default()),
        Either::Right((brought, described)) => (described.await, brought),
    }
}

/// The task definition that each service revision runs, by the revision's digits. No verdict rests on it.
async fn definitions(reach: &Reach<'_>, service: &str, revisions: Vec<String>) -> HashMap<String, String> {
    if revisions.is_empty() {
        return HashMap::new();
    }
    let inquiry = reach.ledger.ask(Source::Service, "ecs:DescribeServiceRevisions", service);
    inquiry.aside();
    inquiry.request();
    match reach.account.ecs().describe_service_revisions().set_service_revision_arns(Some(revisions)).send().await {
        Ok(answer) => {
            let definition =
                |revision: &sdk::ServiceRevision| Some((last_segment(revision.service_revision_arn()?).to_owned(), last_segment(revision.task_definition()?).to_owned()));
            let found: HashMap<String, String> = answer.service_revisions().iter().filter_map(definition).collect();
            inquiry.count(found.len());
            inquiry.done();
            found
        }
        Err(error) => {
            inquiry.fail(&failing(&error));
            HashMap::new()
        }
    }
}

fn describe(deployment: &ServiceDeployment) -> String {
    let brings = deployment.target_definition.as_ref().map(|definition| format!(" to {definition}")).unwrap_or_default();
    let mut text = format!("service deployment {}{brings} began, now {}", last_segment(&deployment.arn), deployment.status);
    if let Some(reason) = &deployment.status_reason {
        text.push_str(&format!(": {}", reason.trim_end_matches('.')));
    }
    let of_rollback = deployment.rollback.as_ref().and_then(|rollback| rollback.reason.as_ref());
    if let Some(reason) = of_rollback.filter(|reason| deployment.status_reason.as_ref() != Some(*reason)) {
        text.push_str(&format!(", rolled back: {reason}"));
    }
    if !deployment.alarms_triggered.is_empty() {
        text.push_str(&format!(", alarms: {}", deployment.alarms_triggered.join(", ")));
    }
    text
}

fn read(deployment: &sdk::ServiceDeployment) -> ServiceDeployment {
    let digits = |arn: Option<&str>| arn.map(|arn| last_segment(arn).to_owned());
    ServiceDeployment {
        arn: deployment.service_deployment_arn().unwrap_or_default().to_owned(),
        status: deployment.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        status_reason: deployment.status_reason().map(str::to_owned),
        created_at: deployment.created_at().and_then(moment),
        started_at: deployment.started_at().and_then(moment),
        finished_at: deployment.finished_at().and_then(moment),
        source_revisions: deployment.source_service_revisions().iter().filter_map(|revision| digits(revision.arn())).collect(),
        target_definition: None,
        target_revision: digits(deployment.target_service_revision().and_then(|revision| revision.arn())),
        rollback: deployment.rollback().map(|rollback| Rollback { reason: rollback.reason().map(str::to_owned), started_at: rollback.started_at().and_then(moment) }),
        circuit_breaker: deployment.deployment_circuit_breaker().and_then(|breaker| breaker.status()).map(|status| status.as_str().to_owned()),
        alarms_triggered: deployment.alarms().map(|alarms| alarms.triggered_alarm_names().to_vec()).unwrap_or_default(),
    }
}
