//! A CloudTrail identity in a colleague's words: who called, with what, from where.

use super::call::{ApiCall, Identity};
use super::service::is_task_id;

/// What kind of caller stands behind a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Person,
    Pipeline,
    /// Another task, a function, an instance.
    Workload,
    Autoscaling,
    Aws,
    Unknown,
}

impl Kind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Pipeline => "pipeline",
            Self::Workload => "workload",
            Self::Autoscaling => "autoscaling",
            Self::Aws => "aws",
            Self::Unknown => "unknown",
        }
    }
}

/// A caller, named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What a colleague would say: a user name, an address, a repository, a task id.
    pub name: String,
    pub kind: Kind,
    /// How the name came to act: `IAM user`, `role deploy`, `permission set PowerUser`.
    pub through: Option<String>,
}

/// Names the caller of one recorded call.
#[must_use]
pub fn describe(call: &ApiCall) -> Actor {
    let identity = &call.identity;
    let mut actor = by_type(identity, call);
    // A service that called for somebody is named beside that somebody; alone, it is the actor.
    if actor.kind == Kind::Unknown
        && let Some(service) = identity.invoked_by.as_deref().filter(|service| service.ends_with(".amazonaws.com"))
    {
        actor = service_actor(service);
    }
    // An account other than the task's own is part of the name.
    if let (Some(theirs), Some(ours)) = (&identity.account, &call.recipient_account)
        && theirs != ours
        && matches!(actor.kind, Kind::Person | Kind::Pipeline | Kind::Unknown | Kind::Workload)
        && !actor.name.contains(theirs.as_str())
    {
        actor.name = format!("{} of account {theirs}", actor.name);
    }
    actor
}

fn by_type(identity: &Identity, call: &ApiCall) -> Actor {
    let account = identity.account.clone().unwrap_or_else(|| "unknown".to_owned());
    match identity.kind.as_str() {
        "Root" => Actor { name: format!("root of account {account}"), kind: Kind::Person, through: Some("root user".to_owned()) },
        "IAMUser" => Actor {
            name: identity.user_name.clone().or_else(|| arn_tail(identity)).unwrap_or_else(|| "an IAM user".to_owned()),
            kind: Kind::Person,
            through: Some("IAM user".to_owned()),
        },
        "AssumedRole" | "Role" => assumed_role(identity, call),
        "WebIdentityUser" if call.begins_a_session() => {
            let actor = web_identity(identity.user_name.as_deref().unwrap_or("web identity"), identity.web_provider.as_deref());
            // A pipeline that numbers its sessions tells which run it was.
            let numbered = call.parameters.session.as_deref().filter(|session| actor.kind == Kind::Pipeline && session.bytes().any(|byte| byte.is_ascii_digit()));
            let name = numbered.map_or_else(|| actor.name.clone(), |session| format!("{}, session {session}", actor.name));
            Actor { name, ..actor }
        }
        "WebIdentityUser" => web_identity(identity.user_name.as_deref().unwrap_or("web identity"), identity.web_provider.as_deref()),
        "SAMLUser" => Actor { name: identity.user_name.clone().unwrap_or_else(|| "a SAML user".to_owned()), kind: Kind::Person, through: Some("SAML".to_owned()) },
        "FederatedUser" => Actor {
            name: identity.user_name.clone().or_else(|| arn_tail(identity)).unwrap_or_else(|| "a federated user".to_owned()),
            kind: Kind::Person,
            through: Some("federated user".to_owned()),
        },
        "IdentityCenterUser" => Actor {
            name: identity.user_name.clone().or_else(|| identity.on_behalf_of.clone()).unwrap_or_else(|| "an Identity Center user".to_owned()),
            kind: Kind::Person,
            through: Some("Identity Center".to_owned()),
        },
        "AWSService" => service_actor(identity.invoked_by.as_deref().or(call.source_ip.as_deref()).unwrap_or("an AWS service")),
        "AWSAccount" => Actor { name: format!("account {account}"), kind: Kind::Unknown, through: Some("another account".to_owned()) },
        _ => Actor { name: identity.user_name.clone().or_else(|| arn_tail(identity)).unwrap_or_else(|| "an unknown caller".to_owned()), kind: Kind::Unknown, through: None },
    }
}

fn arn_tail(identity: &Identity) -> Option<String> {
    identity.arn.as_deref().and_then(|arn| arn.rsplit(['/', ':']).next()).filter(|tail| !tail.is_empty()).map(str::to_owned)
}

fn assumed_role(identity: &Identity, call: &ApiCall) -> Actor {
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
    let agent = call.user_agent.as_deref().unwrap_or_default();
    let issued_to = identity.issued_to.as_deref().unwrap_or_default();
    if identity.web_provider.is_some() || session == "GitHubActions" || agent.contains("configure-aws-credentials-for-github-actions") {
        return Actor { name: session.to_owned(), kind: Kind::Pipeline, through };
    }
    if session.starts_with("AWSCodeBuild-") || agent.contains("AWS_CODEBUILD") || role.to_ascii_lowercase().contains("codebuild") {
        return named(session, Kind::Pipeline);
    }
    if names_a_pipeline(role) || names_a_pipeline(session) {
        return named(session, Kind::Pipeline);
    }
    if is_task_id(session) || issued_to.contains(":ecs:") {
        return Actor { name: format!("task {session}"), kind: Kind::Workload, through };
    }
    if session.strip_prefix("i-").is_some_and(|id| id.len() >= 3 && id.bytes().all(|byte| byte.is_ascii_hexdigit())) || issued_to.contains(":instance/") {
        return Actor { name: format!("instance {session}"), kind: Kind::Workload, through };
    }
    if issued_to.contains(":lambda:") || agent.contains("AWS_Lambda") {
        return Actor { name: format!("function {session}"), kind: Kind::Workload, through };
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
    named(session, if by_hand { Kind::Person } else { Kind::Unknown })
}

/// Names that only build and deployment systems bear.
fn names_a_pipeline(name: &str) -> bool {
    const SYSTEMS: [&str; 13] = [
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
    let name = name.to_ascii_lowercase();
    SYSTEMS.iter().any(|system| name.contains(system))
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

fn web_identity(subject: &str, provider: Option<&str>) -> Actor {
    let provider = provider.unwrap_or_default();
    // GitHub: repo:OWNER/NAME:ref:refs/heads/main · GitLab: project_path:GROUP/NAME:ref_type:branch:ref:main
    let name = if let Some(rest) = subject.strip_prefix("repo:") {
        let (repository, context) = rest.split_once(':').unwrap_or((rest, ""));
        let context = context.strip_prefix("ref:").unwrap_or(context);
        if context.is_empty() { repository.to_owned() } else { format!("{repository} ({context})") }
    } else if let Some(rest) = subject.strip_prefix("project_path:") {
        rest.split(':').next().unwrap_or(rest).to_owned()
    } else {
        subject.to_owned()
    };
    let pipeline = subject.starts_with("repo:") || subject.starts_with("project_path:") || provider.contains("githubusercontent") || provider.contains("gitlab");
    let workload = subject.starts_with("system:serviceaccount:");
    let kind = if pipeline {
        Kind::Pipeline
    } else if workload {
        Kind::Workload
    } else {
        Kind::Person
    };
    Actor { name, kind, through: Some("web identity".to_owned()) }
}

/// What a session is that an AWS service lent a role to, by the service's principal.
#[must_use]
pub fn borrower(service: &str, session: &str) -> Option<Actor> {
    let through = Some(service.to_owned());
    let named = |name: String, kind: Kind| Some(Actor { name, kind, through: through.clone() });
    match service.trim_end_matches(".amazonaws.com") {
        "lambda" => named(format!("function {session}"), Kind::Workload),
        "ec2" => named(format!("instance {session}"), Kind::Workload),
        "ecs-tasks" => named(format!("task {session}"), Kind::Workload),
        "codebuild" | "codepipeline" => named(session.to_owned(), Kind::Pipeline),
        "states" | "batch" | "events" | "scheduler" | "cloudformation" | "codedeploy" | "fis" => Some(service_actor(service)),
        _ => None,
    }
}

fn service_actor(service: &str) -> Actor {
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
        scaling if scaling.ends_with("application-autoscaling") => {
            return Actor { name: "Application Auto Scaling".to_owned(), kind: Kind::Autoscaling, through: Some(service.to_owned()) };
        }
        _ => service.to_owned(),
    };
    Actor { name, kind: Kind::Aws, through: Some(service.to_owned()) }
}

/// The program that made the call, from its user agent: `console`, `aws-cli 2.24.10`, `Terraform 1.9.5`.
#[must_use]
pub fn tool(call: &ApiCall) -> Option<String> {
    let agent = call.user_agent.as_deref()?;
    if call.from_console || agent.starts_with("Mozilla/") || agent.contains("console.amazonaws.com") || agent.contains("signin.amazonaws.com") {
        return Some("console".to_owned());
    }
    let version_of = |name: &str| {
        let start = agent.find(name)? + name.len();
        let version: String = agent[start..].trim_start_matches(['/', ' ', '#']).chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '.').collect();
        version.starts_with(|letter: char| letter.is_ascii_digit()).then_some(version)
    };
    // The more telling name first: Terraform, Pulumi and the like stand on an SDK that names itself too.
    const KNOWN: [(&str, &str); 17] = [
        ("Terraform/", "Terraform"),
        ("HashiCorp Terraform", "Terraform"),
        ("OpenTofu", "OpenTofu"),
        ("Pulumi", "Pulumi"),
        ("cloudformation.amazonaws.com", "CloudFormation"),
        ("configure-aws-credentials-for-github-actions", "GitHub Actions"),
        ("aws-cdk", "AWS CDK"),
        ("copilot", "AWS Copilot"),
        ("ecspresso", "ecspresso"),
        ("ecsta", "ecsta"),
        ("Spinnaker", "Spinnaker"),
        ("codedeploy.amazonaws.com", "CodeDeploy"),
        ("Ansible", "Ansible"),
        ("aws-cli", "aws-cli"),
        ("Boto3", "Boto3"),
        ("Botocore", "Botocore"),
        ("Amazon ECS Agent", "ECS agent"),
    ];
    for (mark, name) in KNOWN {
        if agent.contains(mark) {
            return Some(version_of(mark.trim_end_matches('/')).map_or_else(|| name.to_owned(), |version| format!("{name} {version}")));
        }
    }
    Some(agent.split_whitespace().next().unwrap_or(agent).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(role: &str, session: &str) -> ApiCall {
        let identity = Identity { kind: "AssumedRole".into(), role: Some(role.into()), principal_id: Some(format!("AROA:{session}")), ..Identity::default() };
        ApiCall { identity, ..ApiCall::default() }
    }

    #[test]
    fn a_single_sign_on_user_is_named_by_the_session_and_the_permission_set() {
        let actor = describe(&role("AWSReservedSSO_PowerUserAccess_1a2b3c4d5e6f7a8b", "jane@example.com"));
        assert_eq!((actor.name.as_str(), actor.kind, actor.through.as_deref()), ("jane@example.com", Kind::Person, Some("permission set PowerUserAccess")));
    }

    #[test]
    fn a_session_named_by_a_task_id_is_another_task() {
        let actor = describe(&role("worker", "9ce3d7dbf27dd659235f76cf8e9ea852"));
        assert_eq!((actor.name.as_str(), actor.kind), ("task 9ce3d7dbf27dd659235f76cf8e9ea852", Kind::Workload));
    }

    #[test]
    fn a_session_named_by_an_instance_is_a_workload() {
        assert_eq!(describe(&role("runner", "i-0090e844314b41b0f")).kind, Kind::Workload);
    }

    #[test]
    fn a_session_name_an_sdk_invented_names_nobody() {
        let actor = describe(&role("deploy", "botocore-session-1700000000"));
        assert_eq!((actor.name.as_str(), actor.kind), ("role deploy", Kind::Unknown));
    }

    #[test]
    fn a_role_session_without_any_sign_of_a_hand_is_not_called_a_person() {
        assert_eq!(describe(&role("batch", "batch-reaper")).kind, Kind::Unknown);
    }

    #[test]
    fn the_scaling_role_is_autoscaling() {
        assert_eq!(describe(&role("AWSServiceRoleForApplicationAutoScaling_ECSService", "AutoScaling-UpdateDesiredCapacity")).kind, Kind::Autoscaling);
    }

    #[test]
    fn root_and_a_foreign_account_are_said() {
        let identity = Identity { kind: "Root".into(), account: Some("1".into()), ..Identity::default() };
        assert_eq!(describe(&ApiCall { identity, ..ApiCall::default() }).name, "root of account 1");
        let identity = Identity { kind: "IAMUser".into(), user_name: Some("ann".into()), account: Some("2".into()), ..Identity::default() };
        let call = ApiCall { identity, recipient_account: Some("1".into()), ..ApiCall::default() };
        assert_eq!(describe(&call).name, "ann of account 2");
    }

    #[test]
    fn a_github_subject_is_a_repository_and_its_ref() {
        let actor = web_identity("repo:shop/web-api:ref:refs/heads/main", None);
        assert_eq!((actor.name.as_str(), actor.kind), ("shop/web-api (refs/heads/main)", Kind::Pipeline));
    }

    #[test]
    fn the_tool_is_read_from_the_user_agent() {
        let with = |agent: &str| tool(&ApiCall { user_agent: Some(agent.into()), ..ApiCall::default() });
        assert_eq!(with("aws-cli/2.24.10 md/awscrt").as_deref(), Some("aws-cli 2.24.10"));
        assert_eq!(with("APN/1.0 HashiCorp/1.0 Terraform/1.9.5 aws-sdk-go-v2/1.30").as_deref(), Some("Terraform 1.9.5"));
        assert_eq!(with("Mozilla/5.0 (Macintosh)").as_deref(), Some("console"));
        assert_eq!(with("Boto3/1.37.0").as_deref(), Some("Boto3 1.37.0"));
        assert_eq!(with("my-tool/3").as_deref(), Some("my-tool/3"));
    }
}
