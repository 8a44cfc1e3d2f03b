//! AWS services that act themselves, or lend a role to something that does.

use super::{Actor, Kind};

/// What a session is that an AWS service lent a role to, by the service's principal.
#[must_use]
pub fn borrower(service: &str, session: &str) -> Option<Actor> {
    let through = Some(service.to_owned());
    let named = |name: String, kind: Kind| Some(Actor { name, kind, through: through.clone() });
    match service.trim_end_matches(".amazonaws.com") {
        "lambda" => named(format!("function {session}"), Kind::Workload),
        "ec2" => named(format!("instance {session}"), Kind::Workload),
        "ecs-tasks" => named(format!("task {session}"), Kind::Workload),
        "pods.eks" => named(format!("EKS pod {session}"), Kind::Workload),
        "codebuild" | "codepipeline" => named(session.to_owned(), Kind::Pipeline),
        "states" | "batch" | "events" | "scheduler" | "cloudformation" | "codedeploy" | "fis" => Some(service_actor(service)),
        _ => None,
    }
}

/// Whether the service stops and starts tasks with a session of its own, whatever that session is called. Others call
/// with the identity of whoever used them, and are named beside that.
pub(super) fn acts_by_itself(service: &str) -> bool {
    matches!(service.trim_end_matches(".amazonaws.com"), "states" | "batch" | "events" | "scheduler" | "codedeploy" | "codepipeline" | "codebuild" | "fis" | "autoscaling")
}

pub(super) fn service_actor(service: &str) -> Actor {
    let name = match service.trim_end_matches(".amazonaws.com") {
        "batch" => "AWS Batch".to_owned(),
        "states" => "Step Functions".to_owned(),
        "events" => "EventBridge".to_owned(),
        "scheduler" => "EventBridge Scheduler".to_owned(),
        "cloudformation" => "CloudFormation".to_owned(),
        "codedeploy" => "CodeDeploy".to_owned(),
        "autoscaling" => "EC2 Auto Scaling".to_owned(),
        "ecs" => "ECS".to_owned(),
        "fis" => "Fault Injection Service".to_owned(),
        "lambda" => "Lambda".to_owned(),
        "ssm" => "Systems Manager".to_owned(),
        pipeline @ ("codepipeline" | "codebuild") => {
            let name = if pipeline == "codebuild" { "CodeBuild" } else { "CodePipeline" };
            return Actor { name: name.to_owned(), kind: Kind::Pipeline, through: Some(service.to_owned()) };
        }
        scaling if scaling.ends_with("application-autoscaling") => {
            return Actor { name: "Application Auto Scaling".to_owned(), kind: Kind::Autoscaling, through: Some(service.to_owned()) };
        }
        _ => service.to_owned(),
    };
    Actor { name, kind: Kind::Aws, through: Some(service.to_owned()) }
}
