//! Asks ECS for the service: its events, deployments and load balancers.

use std::sync::Arc;

use futures::FutureExt;

use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::{Source, Status};
use crate::diagnosis::service::{Deployment, FORGOTTEN, LoadBalancer, Service, ServiceMessage};
use crate::diagnosis::task::last_segment;
use crate::diagnosis::timeline::concerns;

use super::failing::{Failing, failing};
use super::task::moment;
use super::{Asker, Asking, Reach, of_no_service};

pub const SOURCE: Asker = Asker { source: Source::Service, collect: |asking| collect(asking).boxed_local() };

async fn collect(asking: &Asking<'_>) {
    asking.service.clone().await;
}

/// The service, fetched once for all who need it. Its events and deployments are told on the way.
pub(super) async fn fetch(reach: &Reach<'_>, skip: bool) -> Option<Arc<Service>> {
    if skip {
        return None;
    }
    let task = reach.task;
    let Some(name) = task.service.as_deref() else {
        reach.ledger.note(of_no_service(Source::Service, task));
        return None;
    };
    let inquiry = reach.ledger.ask(Source::Service, "ecs:DescribeServices", format!("arn:aws:ecs:{}:{}:service/{}/{name}", task.region, task.account, task.cluster));
    inquiry.request();
    let answer = match reach.account.ecs().describe_services().cluster(&task.cluster).services(name).send().await {
        Ok(answer) => answer,
        Err(error) => {
            inquiry.fail(&failing(&error));
            return None;
        }
    };
    let Some(found) = answer.services().first() else {
        if answer.failures().is_empty() {
            inquiry.fail(&Failing::unreadable("an empty answer"));
        } else {
            inquiry.detail(format!("no service `{name}` any more: ECS forgets deleted ones"));
            inquiry.end(Status::Empty);
            return Some(Arc::new(Service { name: name.to_owned(), status: FORGOTTEN.to_owned(), ..Service::default() }));
        }
        return None;
    };
    let service = read(found);
    for message in service.messages.iter().filter(|message| concerns(message, task)) {
        inquiry.tell(Event::said(message.clone(), Precision::Millisecond));
    }
    for deployment in service.deployments.iter().filter(|deployment| matters(deployment, task)) {
        let Some(at) = deployment.created_at else { continue };
        let mut text = format!("deployment {} created", deployment.id);
        if let Some(definition) = &deployment.definition {
            text.push_str(&format!(", {definition}"));
        }
        text.push_str(&format!(", now {}", deployment.status));
        if let Some(state) = &deployment.rollout_state {
            text.push_str(&format!(" {state}"));
        }
        if deployment.failed_tasks > 0 {
            text.push_str(&format!(", {} failed tasks", deployment.failed_tasks));
        }
        if let Some(reason) = deployment.rollout_reason.as_deref().filter(|_| deployment.rollout_state.as_deref() == Some("FAILED")) {
            text.push_str(&format!(": {}", reason.trim_end_matches('.')));
        }
        if !task.exists() {
            text.push_str(&format!(", {} of {} wanted tasks running", deployment.running_count, deployment.desired_count));
        }
        let what = What::DeploymentCreated { id: deployment.id.clone(), text };
        inquiry.tell(Event { at, precision: Precision::Millisecond, witness: Witness::Deployment, level: Level::Info, container: None, what });
    }
    // A service is something read even where none of its words concern this task.
    inquiry.end(Status::Ok);
    Some(Arc::new(service))
}

/// The task's own deployment, and every one that began in its lifetime.
fn matters(deployment: &Deployment, task: &crate::diagnosis::task::Task) -> bool {
    if !task.exists() {
        return deployment.status != "INACTIVE";
    }
    let own = task.started_by.as_deref() == Some(deployment.id.as_str());
    let during = deployment.created_at >= task.times.created && task.times.created.is_some();
    let before_end = task.stop_anchor().is_none_or(|stop| deployment.created_at.is_some_and(|at| at.as_millisecond() <= stop.as_millisecond() + 600_000));
    own || (during && before_end)
}

fn of_task_set(set: &aws_sdk_ecs::types::TaskSet) -> Deployment {
    Deployment {
        id: set.id().map(|id| if id.starts_with("ecs-svc/") { id.to_owned() } else { format!("ecs-svc/{id}") }).unwrap_or_default(),
        status: set.status().unwrap_or_default().to_owned(),
        definition: set.task_definition().map(|arn| last_segment(arn).to_owned()),
        desired_count: i64::from(set.computed_desired_count()),
        running_count: i64::from(set.running_count()),
        created_at: set.created_at().and_then(moment),
        updated_at: set.updated_at().and_then(moment),
        code_deployment: set.external_id().filter(|id| id.starts_with("d-")).map(str::to_owned),
        ..Deployment::default()
    }
}

pub(super) fn read(service: &aws_sdk_ecs::types::Service) -> Service {
    let network = service.network_configuration().and_then(|network| network.awsvpc_configuration());
    Service {
        name: service.service_name().unwrap_or_default().to_owned(),
        arn: service.service_arn().unwrap_or_default().to_owned(),
        status: service.status().unwrap_or_default().to_owned(),
        desired_count: i64::from(service.desired_count()),
        running_count: i64::from(service.running_count()),
        pending_count: i64::from(service.pending_count()),
        grace_period: service.health_check_grace_period_seconds().map(i64::from),
        security_groups: network.map(|network| network.security_groups().to_vec()).unwrap_or_default(),
        subnets: network.map(|network| network.subnets().to_vec()).unwrap_or_default(),
        assign_public_ip: network.and_then(|network| network.assign_public_ip()).map(|setting| setting.as_str().to_owned()),
        created_at: service.created_at().and_then(moment),
        strategy: service.deployment_configuration().and_then(|configuration| configuration.strategy()).map(|strategy| strategy.as_str().to_owned()),
        is_daemon: service.scheduling_strategy().is_some_and(|strategy| *strategy == aws_sdk_ecs::types::SchedulingStrategy::Daemon),
        deployments: service
            .deployments()
            .iter()
            .map(|deployment| Deployment {
                id: deployment.id().unwrap_or_default().to_owned(),
                status: deployment.status().unwrap_or_default().to_owned(),
                definition: deployment.task_definition().map(|arn| last_segment(arn).to_owned()),
                desired_count: i64::from(deployment.desired_count()),
                running_count: i64::from(deployment.running_count()),
                failed_tasks: i64::from(deployment.failed_tasks()),
                created_at: deployment.created_at().and_then(moment),
                updated_at: deployment.updated_at().and_then(moment),
                rollout_state: deployment.rollout_state().map(|state| state.as_str().to_owned()),
                rollout_reason: deployment.rollout_state_reason().map(str::to_owned),
                code_deployment: None,
            })
            .chain(service.task_sets().iter().map(of_task_set))
            .collect(),
        controller: service.deployment_controller().map(|controller| controller.r#type().as_str().to_owned()),
        load_balancers: service
            .load_balancers()
            .iter()
            .filter_map(|balancer| {
                Some(LoadBalancer {
                    target_group_arn: balancer.target_group_arn()?.to_owned(),
                    alternate_arn: balancer.advanced_configuration().and_then(|advanced| advanced.alternate_target_group_arn()).map(str::to_owned),
                    container: balancer.container_name().map(str::to_owned),
                    container_port: balancer.container_port().map(i64::from),
                })
            })
            .collect(),
        classic_load_balancers: service.load_balancers().iter().filter_map(|balancer| balancer.load_balancer_name().map(str::to_owned)).collect(),
        messages: service
            .events()
            .iter()
            .filter_map(|event| Some(ServiceMessage::read(event.id().unwrap_or_default(), moment(event.created_at()?)?, event.message().unwrap_or_default())))
            .collect(),
    }
}
