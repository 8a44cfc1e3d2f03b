//! Asks ECS for the container instance under a task, where the host is the user's own.

use std::sync::Arc;

use futures::FutureExt;

use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::{Source, Status};
use crate::diagnosis::service::Host;

use super::failing::failing;
use super::{Asker, Asking, Reach};

pub const SOURCE: Asker = Asker { source: Source::Host, collect: |asking| collect(asking).boxed_local() };

async fn collect(asking: &Asking<'_>) {
    asking.host.clone().await;
}

/// The instance as it is now; ECS forgets it when it is deregistered.
pub(super) async fn fetch(reach: &Reach<'_>, skip: bool) -> Option<Arc<Host>> {
    let arn = reach.task.container_instance_arn.as_deref().filter(|_| !skip)?;
    let inquiry = reach.ledger.ask(Source::Host, "ecs:DescribeContainerInstances", arn);
    inquiry.request();
    match reach.account.ecs().describe_container_instances().cluster(&reach.task.cluster).container_instances(arn).send().await {
        Ok(answer) => {
            let Some(instance) = answer.container_instances().first() else {
                inquiry.detail("ECS no longer knows the container instance: it was deregistered");
                inquiry.end(Status::Empty);
                return None;
            };
            let host = Host {
                instance_id: instance.ec2_instance_id().map(str::to_owned),
                status: instance.status().map(str::to_owned),
                status_reason: instance.status_reason().map(str::to_owned),
                agent_connected: instance.agent_connected(),
            };
            let agent = if host.agent_connected { "connected" } else { "not connected" };
            let text = format!(
                "when asked, instance {} was {}, agent {agent}",
                host.instance_id.as_deref().unwrap_or("without an id"),
                host.status.as_deref().unwrap_or("in an unknown state")
            );
            inquiry.tell(Event { at: reach.now, precision: Precision::Millisecond, witness: Witness::Host, level: Level::Info, container: None, what: What::HostNow { text } });
            inquiry.done();
            Some(Arc::new(host))
        }
        Err(error) => {
            inquiry.fail(&failing(&error));
            None
        }
    }
}
