//! Sessions of roles: a person signed on, a pipeline, a task, an instance, a function, an AWS service.

use super::super::call::{ApiCall, Identity};
use super::super::service::is_task_id;
use super::services::{acts_by_itself, service_actor};
use super::{Actor, Kind, tool, web_identity};

pub(super) fn describe(identity: &Identity, call: &ApiCall) -> Actor {
    let role = identity.role_name().unwrap_or("unknown role");
    let session = identity.session().unwrap_or(role);
    let through = Some(format!("role {role}"));
    let named = |name: &str, kind: Kind| Actor { name: name.to_owned(), kind, through: through.clone() };

    if let Some(set) = role.strip_prefix("AWSReservedSSO_") {
        let set = set.rsplit_once('_').map_or(set, |(set, _hash)| set);
        return Actor { name: session.to_owned(), kind: Kind::Person, through: Some(format!("permission set {set}")) };
    }
    if role.starts_with("AWSServiceRoleForApplicationAutoScaling") || identity.invoked_by.as_deref().is_some_and(|by| by.ends_with("application-autoscaling.amazonaws.com")) {
        return Actor { name: "Application Auto Scaling".to_owned(), kind: Kind::Autoscaling, through };
    }
    if let Some(service) = identity.invoked_by.as_deref().filter(|_| role.starts_with("AWSServiceRoleFor")) {
        return Actor { through, ..service_actor(service) };
    }
    if let Some(service) = role.strip_prefix("AWSServiceRoleFor") {
        return Actor { name: format!("AWS {}", service.replace('_', " ")), kind: Kind::Aws, through };
    }
    // A workflow's session may be called anything, even like a task; that the service called is AWS's own word.
    if let Some(service) = identity.invoked_by.as_deref().filter(|service| acts_by_itself(service)) {
        return Actor { through, ..service_actor(service) };
    }
    // A session may be called anything; that the call came from within AWS cannot be typed.
    let came_from = |service: &str| [&call.source_ip, &call.user_agent].into_iter().flatten().any(|told| told == service || told == "AWS Internal");
    if is_code_deployment(session) && came_from("codedeploy.amazonaws.com") {
        return Actor { through: Some(format!("role {role}, deployment {session}")), ..service_actor("codedeploy.amazonaws.com") };
    }
    if session == "aws-batch" && (came_from("batch.amazonaws.com") || identity.invoked_by.as_deref() == Some("batch.amazonaws.com")) {
        return Actor { through, ..service_actor("batch.amazonaws.com") };
    }
    let agent = call.user_agent.as_deref().unwrap_or_default();
    let issued_to = identity.issued_to.as_deref().unwrap_or_default();
    if let Some(subject) = &identity.web_subject {
        let told = web_identity::of_subject(subject, identity.web_provider.as_deref());
        return Actor { through: Some(format!("role {role}, session {session}")), ..told };
    }
    if let Some(kind) = identity.web_provider.as_deref().and_then(web_identity::kind_of_provider) {
        return if is_default_session(session) { named(&format!("role {role}"), kind) } else { named(session, kind) };
    }
    if session == "GitHubActions" || agent.contains("configure-aws-credentials-for-github-actions") {
        return named(session, Kind::Pipeline);
    }
    if session.starts_with("AWSCodeBuild-") || agent.contains("AWS_CODEBUILD") || role.to_ascii_lowercase().contains("codebuild") {
        return named(session, Kind::Pipeline);
    }
    let is_instance = is_instance_id(session) || issued_to.contains(":instance/") || identity.delivered_by_ec2;
    if names_a_pipeline(role) || names_a_pipeline(session) {
        return match () {
            () if is_instance => named(&format!("role {role} on instance {session}"), Kind::Pipeline),
            () if is_default_session(session) => named(&format!("role {role}"), Kind::Pipeline),
            () => named(session, Kind::Pipeline),
        };
    }
    if is_instance {
        return named(&format!("instance {session}"), Kind::Workload);
    }
    if is_task_id(session) || issued_to.contains(":ecs:") {
        return named(&task_in_words(session, issued_to), Kind::Workload);
    }
    if let Some((_, function)) = issued_to.split_once(":function:") {
        return named(&format!("function {}", function.split(':').next().unwrap_or(function)), Kind::Workload);
    }
    if issued_to.contains(":lambda:") || agent.contains("AWS_Lambda") {
        return if is_default_session(session) { named(&format!("a function with role {role}"), Kind::Workload) } else { named(&format!("function {session}"), Kind::Workload) };
    }
    if let Some(pod) = pod_in(session) {
        return named(&format!("EKS pod {pod}"), Kind::Workload);
    }
    if let Some(service) = identity.invoked_by.as_deref().filter(|by| by.ends_with(".amazonaws.com")) {
        return Actor { through, ..service_actor(service) };
    }
    if let Some(source) = &identity.source_identity {
        return Actor { name: source.clone(), kind: Kind::Person, through: Some(format!("role {role}, session {session}")) };
    }
    if is_default_session(session) {
        return Actor { name: format!("role {role}"), kind: Kind::Unknown, through: Some(format!("role {role}, session {session}")) };
    }
    let by_hand =
        session.contains('@') || identity.mfa == Some(true) || matches!(tool(call).as_deref(), Some("console")) || tool(call).is_some_and(|tool| tool.starts_with("aws-cli"));
    // What runs in a task is a workload, even where it took on a role under a name of its own.
    let in_a_task = agent.contains("exec-env/AWS_ECS_");
    named(
        session,
        if by_hand {
            Kind::Person
        } else if in_a_task {
            Kind::Workload
        } else {
            Kind::Unknown
        },
    )
}

/// `d-` and nine capital letters or digits: CodeDeploy calls its sessions as it calls its deployments.
fn is_code_deployment(session: &str) -> bool {
    session.strip_prefix("d-").is_some_and(|id| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()))
}

/// `i-…`, or `mi-…` of a machine outside EC2 that Systems Manager manages.
fn is_instance_id(session: &str) -> bool {
    let id = session.strip_prefix("i-").or_else(|| session.strip_prefix("mi-"));
    id.is_some_and(|id| id.len() >= 3 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Cluster, where it is told, and id of the ECS task that called.
#[must_use]
pub fn task_behind(identity: &Identity) -> Option<(Option<&str>, &str)> {
    let place = identity.issued_to.as_deref().filter(|issued| issued.contains(":ecs:")).and_then(|issued| issued.split_once(":task/")).map(|(_, place)| place);
    if let Some((cluster, id)) = place.and_then(|place| place.split_once('/')) {
        return Some((Some(cluster), id));
    }
    // Step Functions and others call their sessions so too, but AWS says that it was they.
    place.or_else(|| identity.session().filter(|session| is_task_id(session) && identity.invoked_by.is_none())).map(|id| (None, id))
}

/// The task's id, with its cluster where the credentials were issued to an ARN that names one.
fn task_in_words(session: &str, issued_to: &str) -> String {
    let place = issued_to.split_once(":task/").map(|(_, place)| place);
    let id = place.and_then(|place| place.rsplit('/').next()).filter(|_| !is_task_id(session)).unwrap_or(session);
    match place.and_then(|place| place.split_once('/')) {
        Some((cluster, _)) => format!("task {id} of cluster {cluster}"),
        None => format!("task {id}"),
    }
}

/// What stands between `eks-` and the id at the end of a session that EKS Pod Identity opened: cluster and pod.
fn pod_in(session: &str) -> Option<&str> {
    let rest = session.strip_prefix("eks-")?;
    let (pod, id) = rest.split_at_checked(rest.len().checked_sub(36)?)?;
    is_task_id(id).then(|| pod.trim_end_matches('-')).filter(|pod| !pod.is_empty())
}

/// Names that only build and deployment systems bear, in lower case.
pub const PIPELINES: [&str; 13] = [
    "jenkins",
    "gitlab",
    "githubactions",
    "github-actions",
    "circleci",
    "buildkite",
    "bitbucket",
    "teamcity",
    "azure-pipelines",
    "atlantis",
    "spacelift",
    "tfc-run",
    "codepipeline",
];

fn names_a_pipeline(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PIPELINES.iter().any(|system| name.contains(system))
}

/// Session names that SDKs and the CLI invent: they say nothing about who it was.
fn is_default_session(session: &str) -> bool {
    let digits_behind = |prefix: &str| session.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
    digits_behind("botocore-session-")
        || digits_behind("aws-go-sdk-")
        || digits_behind("aws-sdk-js-")
        || digits_behind("AWSCLI-Session-")
        || session == "AWSCLI-Session"
        || session.bytes().all(|byte| byte.is_ascii_digit())
}
