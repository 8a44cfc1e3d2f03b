//! Callers whom an OIDC provider vouches for: pipelines, pods, people.

use super::super::call::{ApiCall, Identity};
use super::{Actor, Kind};

pub(super) fn describe(identity: &Identity, call: &ApiCall) -> Actor {
    // CloudTrail joins provider, audience and subject into the principal's id, and repeats the subject as the user's name.
    let subject = identity.user_name.as_deref().or_else(|| identity.principal_id.as_deref().and_then(subject_in)).unwrap_or("web identity");
    let actor = of_subject(subject, identity.web_provider.as_deref());
    // A pipeline that numbers its sessions tells which run it was.
    let session = call.parameters.session.as_deref().filter(|_| call.begins_a_session());
    let numbered = session.filter(|session| actor.kind == Kind::Pipeline && session.bytes().any(|byte| byte.is_ascii_digit()));
    let name = numbered.map_or_else(|| actor.name.clone(), |session| format!("{}, session {session}", actor.name));
    Actor { name, ..actor }
}

/// The subject inside `arn:…:oidc-provider/HOST:AUDIENCE:SUBJECT`.
fn subject_in(principal: &str) -> Option<&str> {
    let (_, rest) = principal.split_once(":oidc-provider/")?;
    const BEGINNINGS: [&str; 5] = [":repo:", ":project_path:", ":system:serviceaccount:", ":organization:", ":org/"];
    BEGINNINGS.iter().find_map(|beginning| rest.find(beginning)).map(|at| &rest[at + 1..]).filter(|subject| !subject.is_empty())
}

/// What kind of callers a provider vouches for, by its host; `None` where it may be anybody.
pub(super) fn kind_of_provider(provider: &str) -> Option<Kind> {
    const PIPELINES: [&str; 10] =
        ["githubusercontent", "gitlab", "circleci", "buildkite", "bitbucket", "app.terraform.io", "vstoken.dev.azure.com", "spacelift", "travis-ci", "jenkins"];
    let provider = provider.to_ascii_lowercase();
    if PIPELINES.iter().any(|host| provider.contains(host)) {
        Some(Kind::Pipeline)
    } else if provider.contains("oidc.eks.") || provider.contains("oidc-eks.") || provider.contains("container.googleapis.com") {
        Some(Kind::Workload)
    } else {
        None
    }
}

/// GitHub `repo:OWNER/NAME:ref:refs/heads/main`, GitLab `project_path:GROUP/NAME:ref_type:branch:ref:main`,
/// Kubernetes `system:serviceaccount:NAMESPACE:NAME`, Buildkite and Terraform `organization:O:pipeline:P:…`.
pub(super) fn of_subject(subject: &str, provider: Option<&str>) -> Actor {
    let told = provider.and_then(kind_of_provider);
    let (name, kind) = if let Some(rest) = subject.strip_prefix("repo:") {
        let (repository, context) = rest.split_once(':').unwrap_or((rest, ""));
        (in_context(&without_numbers(repository), &github_context(context)), Kind::Pipeline)
    } else if let Some(rest) = subject.strip_prefix("project_path:") {
        let (project, context) = rest.split_once(':').unwrap_or((rest, ""));
        let (kind, reference) = (value_of(context, "ref_type"), value_of(context, "ref"));
        let context = [kind, reference].into_iter().flatten().collect::<Vec<_>>().join(" ");
        (in_context(project, &context), Kind::Pipeline)
    } else if let Some((namespace, account)) = subject.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        (format!("service account {namespace}/{account}"), Kind::Workload)
    } else if let Some((organization, pipeline)) = value_of(subject, "organization").zip(value_of(subject, "pipeline")) {
        (in_context(&format!("{organization}/{pipeline}"), value_of(subject, "ref").unwrap_or_default()), Kind::Pipeline)
    } else if let Some((organization, workspace)) = value_of(subject, "organization").zip(value_of(subject, "workspace")) {
        let phase = value_of(subject, "run_phase").unwrap_or_default();
        (in_context(&format!("workspace {organization}/{workspace}"), phase), Kind::Pipeline)
    } else {
        (subject.to_owned(), told.unwrap_or(Kind::Person))
    };
    Actor { name, kind, through: Some("web identity".to_owned()) }
}

/// `ref:refs/heads/main` · `environment:production` · `pull_request` · `ref:…:job_workflow_ref:…` and other claims.
fn github_context(context: &str) -> String {
    if let Some(environment) = value_of(context, "environment") {
        return format!("environment {environment}");
    }
    value_of(context, "ref").map_or_else(|| context.to_owned(), str::to_owned)
}

fn in_context(name: &str, context: &str) -> String {
    if context.is_empty() { name.to_owned() } else { format!("{name} ({context})") }
}

/// Subjects that outlive a renaming carry ids: `owner@123/name@456`.
fn without_numbers(repository: &str) -> String {
    let bare = |part: &str| match part.split_once('@') {
        Some((name, id)) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
        _ => part.to_owned(),
    };
    repository.split('/').map(bare).collect::<Vec<_>>().join("/")
}

/// The value behind a key in `key:value:key:value`. Keys stand at even places; a value holds no colon.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let parts: Vec<&str> = text.split(':').collect();
    parts.chunks(2).find(|pair| pair[0] == key).and_then(|pair| pair.get(1)).copied().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(subject: &str) -> (String, Kind) {
        let actor = of_subject(subject, None);
        (actor.name, actor.kind)
    }

    #[test]
    fn a_github_subject_is_a_repository_and_its_ref_or_environment() {
        assert_eq!(told("repo:shop/web-api:ref:refs/heads/main"), ("shop/web-api (refs/heads/main)".to_owned(), Kind::Pipeline));
        assert_eq!(told("repo:shop/web-api:environment:production"), ("shop/web-api (environment production)".to_owned(), Kind::Pipeline));
        assert_eq!(told("repo:shop/web-api:pull_request"), ("shop/web-api (pull_request)".to_owned(), Kind::Pipeline));
        assert_eq!(told("repo:shop@12/web-api@345:ref:refs/tags/v1"), ("shop/web-api (refs/tags/v1)".to_owned(), Kind::Pipeline));
    }

    #[test]
    fn a_gitlab_subject_is_a_project_and_its_branch() {
        assert_eq!(told("project_path:shop/back/api:ref_type:branch:ref:main"), ("shop/back/api (branch main)".to_owned(), Kind::Pipeline));
    }

    #[test]
    fn a_service_account_of_kubernetes_is_a_workload() {
        assert_eq!(told("system:serviceaccount:ops:reaper"), ("service account ops/reaper".to_owned(), Kind::Workload));
    }

    #[test]
    fn what_other_systems_put_into_a_subject_is_read_by_its_keys() {
        assert_eq!(told("organization:acme:pipeline:deploy:ref:refs/heads/main:commit:1f:step:").0, "acme/deploy (refs/heads/main)");
        assert_eq!(told("organization:acme:project:Default:workspace:ecs-prod:run_phase:apply").0, "workspace acme/ecs-prod (apply)");
        assert_eq!(of_subject("org/1/project/2/user/3", Some("oidc.circleci.com/org/1")).kind, Kind::Pipeline);
        assert_eq!(told("ann@example.com"), ("ann@example.com".to_owned(), Kind::Person));
    }

    #[test]
    fn without_a_user_name_the_subject_is_read_from_the_principal() {
        let id = "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:repo:shop/web-api:ref:refs/heads/main";
        let identity = Identity { kind: "WebIdentityUser".into(), principal_id: Some(id.into()), ..Identity::default() };
        assert_eq!(describe(&identity, &ApiCall::default()).name, "shop/web-api (refs/heads/main)");
    }
}
