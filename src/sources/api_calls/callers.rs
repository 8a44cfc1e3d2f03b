//! A caller that is a task itself: which service it is of, where ECS still knows it.

use crate::diagnosis::actors;
use crate::diagnosis::call::ApiCall;
use crate::diagnosis::evidence::Source;

use super::super::Reach;
use super::super::failing::failing;
use super::super::task::read_task;

/// Asks ECS for the task behind a call, if it is one: in its own cluster where its credentials tell that, else in this
/// task's.
pub(super) async fn ask_whose_task(reach: &Reach<'_>, call: &ApiCall) {
    let Some((cluster, id)) = actors::task_behind(&call.identity) else { return };
    // A task that stops itself is known already, and another account's or region's ECS is not asked.
    let issued_in = call.identity.issued_to.as_deref().and_then(|arn| arn.split(':').nth(3)).filter(|region| !region.is_empty());
    let is_elsewhere = call.identity.account.as_deref().is_some_and(|account| !reach.task.account.is_empty() && account != reach.task.account)
        || issued_in.is_some_and(|region| region != reach.task.region);
    if id == reach.task.id || is_elsewhere {
        return;
    }
    let cluster = cluster.unwrap_or(&reach.task.cluster);
    let inquiry = reach.ledger.ask(Source::Ecs, "ecs:DescribeTasks", format!("{cluster}/{id}"));
    inquiry.aside();
    inquiry.request();
    match reach.account.ecs().describe_tasks().cluster(cluster).tasks(id).send().await {
        Ok(answer) => {
            let tasks = answer.tasks().iter().map(|task| read_task(task, cluster)).filter(|task| task.id == id);
            inquiry.count(tasks.map(|task| reach.ledger.tell_caller(task)).count());
            inquiry.done();
        }
        Err(error) => inquiry.fail(&failing(&error)),
    }
}
