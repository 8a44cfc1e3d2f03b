//! Where a task stood in the network, and the commands that show whether it could reach AWS from there.

use super::task::{Task, TaskDefinition};
use super::timeline::Timeline;
use super::verdict::NextStep;
use super::words::{self, shell, value, values};

/// The subnet the task's own interface was in; else those the service may use.
#[must_use]
pub fn subnets(timeline: &Timeline) -> Vec<String> {
    let own = timeline.evidence.task.attachments.iter().flat_map(|attachment| &attachment.details).find(|(name, _)| name == "subnetId").map(|(_, id)| id.clone());
    own.map_or_else(|| timeline.evidence.service.as_ref().map(|service| service.subnets.clone()).unwrap_or_default(), |id| vec![id])
}

/// ` It ran in subnet-0a1b without a public IP address (assignPublicIp DISABLED).`, or less where less is known.
#[must_use]
pub fn sentence(timeline: &Timeline) -> String {
    let subnets = subnets(timeline);
    let at = match subnets.as_slice() {
        [] => return String::new(),
        [one] => format!("subnet {one}"),
        many => format!("one of the subnets {}", words::list(many)),
    };
    match timeline.evidence.service.as_ref().and_then(|service| service.assign_public_ip.as_deref()) {
        Some("ENABLED") => format!(" It was in {at} with a public IP address (assignPublicIp ENABLED)."),
        Some(setting) => format!(" It was in {at} without a public IP address (assignPublicIp {setting}): its way out is a NAT gateway or VPC endpoints."),
        None => format!(" It was in {at}."),
    }
}

/// What to look at where an endpoint could not be reached from the task's subnet.
#[must_use]
pub fn steps(timeline: &Timeline) -> Vec<NextStep> {
    let task = &timeline.evidence.task;
    let mut steps = Vec::new();
    let subnets = subnets(timeline);
    if !subnets.is_empty() {
        let filter = shell(&format!("Name=association.subnet-id,Values={}", subnets.join(",")));
        steps.push(NextStep::run(
            "See the subnet's route: 0.0.0.0/0 must lead to a NAT gateway, or to an internet gateway where the task has a public address (nothing listed: the main route table holds)",
            format!("aws ec2 describe-route-tables --filters {filter} --region{}", value(&task.region)),
        ));
    }
    steps.push(NextStep::run(
        "See the VPC endpoints and their security groups (443 from the task must be let in)",
        format!("aws ec2 describe-vpc-endpoints --region{}", value(&task.region)),
    ));
    let groups = timeline.evidence.service.as_ref().map(|service| service.security_groups.clone()).unwrap_or_default();
    if !groups.is_empty() {
        steps.push(NextStep::run(
            "See whether the task's security groups let 443 out",
            format!("aws ec2 describe-security-groups --group-ids{} --region{}", values(&groups), value(&task.region)),
        ));
    }
    steps
}

/// Asks IAM whether the execution role may do these.
#[must_use]
pub fn simulate(definition: Option<&TaskDefinition>, actions: &[&str]) -> Option<NextStep> {
    let role = definition?.execution_role_arn.as_deref()?;
    let actions = actions.join(" ");
    Some(NextStep::run("Ask IAM what the execution role may do", format!("aws iam simulate-principal-policy --policy-source-arn{} --action-names {actions}", value(role))))
}

/// `the execution role arn:…`, or that the definition names none.
#[must_use]
pub fn role(task: &Task, definition: Option<&TaskDefinition>) -> String {
    match definition {
        Some(TaskDefinition { execution_role_arn: Some(role), .. }) => format!("the execution role {role}"),
        Some(_) if task.runs_on_fargate() => "no role at all: the task definition names no executionRoleArn".to_owned(),
        Some(_) => "the container instance's role, since the task definition names no executionRoleArn".to_owned(),
        None => "the execution role".to_owned(),
    }
}
