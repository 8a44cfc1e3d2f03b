//! Asks ECS for the cluster's other stopped tasks: which stopped beside this one, and which ended alike before it.
//!
//! Two requests at most, a page each. No verdict rests on them.

use futures::FutureExt;

use crate::diagnosis::evidence::Source;
use crate::diagnosis::neighbours::Neighbours;

use super::failing::{Failing, failing};
use super::task::read_task;
use super::{Asker, Asking, Reach};

pub const SOURCE: Asker = Asker { source: Source::Ecs, collect: |asking| collect(asking).boxed_local() };

/// A page of ListTasks, and as many as DescribeTasks takes.
pub(super) const MOST_NEIGHBOURS: usize = 100;

async fn collect(asking: &Asking<'_>) {
    let reach = asking.reach;
    if !reach.task.is_stopping() || reach.task.cluster.is_empty() {
        return;
    }
    let Some((arns, goes_on)) = listed(reach).await else { return };
    let others: Vec<String> = arns.into_iter().filter(|arn| *arn != reach.task.arn).collect();
    let mut tasks = reach.ledger.described_of(&others);
    let unknown: Vec<String> = others.into_iter().filter(|arn| !tasks.iter().any(|task| task.arn == *arn)).collect();
    let is_cut = goes_on || unknown.len() > MOST_NEIGHBOURS;
    if !unknown.is_empty() {
        let inquiry = reach.ledger.ask(Source::Ecs, "ecs:DescribeTasks", reach.task.cluster.clone());
        inquiry.aside();
        inquiry.request();
        let asked = unknown.into_iter().take(MOST_NEIGHBOURS).collect();
        let answer = match reach.account.ecs().describe_tasks().cluster(&reach.task.cluster).set_tasks(Some(asked)).send().await {
            Ok(answer) if answer.tasks().is_empty() && answer.failures().is_empty() => return inquiry.fail(&Failing::unreadable("an empty answer")),
            Ok(answer) => answer,
            Err(error) => return inquiry.fail(&failing(&error)),
        };
        tasks.extend(answer.tasks().iter().map(|task| read_task(task, &reach.task.cluster)));
        inquiry.count(answer.tasks().len());
        inquiry.done();
    }
    reach.ledger.tell_neighbours(Neighbours { tasks, is_cut });
}

/// The stopped tasks of the cluster, as far as they were listed on the way to the task or stand on one page, and whether
/// there are more.
async fn listed(reach: &Reach<'_>) -> Option<(Vec<String>, bool)> {
    let cluster = &reach.task.cluster;
    if let Some(arns) = reach.ledger.stopped_in(cluster) {
        return Some((arns, false));
    }
    let inquiry = reach.ledger.ask(Source::Ecs, "ecs:ListTasks", cluster.clone());
    inquiry.aside();
    inquiry.request();
    match reach.account.ecs().list_tasks().cluster(cluster).desired_status(aws_sdk_ecs::types::DesiredStatus::Stopped).send().await {
        Ok(answer) => {
            let goes_on = answer.next_token().is_some_and(|token| !token.is_empty());
            let arns = answer.task_arns.unwrap_or_default();
            if goes_on {
                inquiry.detail(format!("the first {} stopped tasks of the cluster; there are more", arns.len()));
            }
            inquiry.count(arns.len());
            inquiry.done();
            Some((arns, goes_on))
        }
        Err(error) => {
            inquiry.fail(&failing(&error));
            None
        }
    }
}
