//! Where a name stands: in ARNs and in the other paths that AWS builds from names.

use std::sync::LazyLock;

use regex::Regex;

use super::forms::{account, is_everybodys};
use super::names::{Names, Of};
use super::words::{Words, formed};

/// An ARN that is still one: of the same service, region, kind and ids.
pub fn arn(text: &str, names: &mut Names) -> String {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [head, partition, service, region, owner, resource] = parts.as_slice() else { return text.to_owned() };
    format!("{head}:{partition}:{service}:{region}:{}:{}", account(owner, names), self::resource(service, resource, names))
}

fn resource(service: &str, text: &str, names: &mut Names) -> String {
    let segments = segments(text);
    let kind = segments.first().map_or("", |(word, _)| *word);
    let is_untyped = matches!(service, "s3" | "sns" | "sqs" | "execute-api" | "codepipeline" | "codecommit");
    let stream = segments.iter().position(|(word, _)| *word == "log-stream").unwrap_or(segments.len());
    let mut told = String::with_capacity(text.len());
    for (at, (word, separator)) in segments.iter().enumerate() {
        let other = match (service, kind, at) {
            (_, _, 0) if !is_untyped => (*word).to_owned(),
            ("ecs", _, _) if *word == "ecs-svc" => (*word).to_owned(),
            ("ecs", "cluster", _) | ("ecs", "task" | "container" | "container-instance" | "service" | "service-deployment" | "service-revision" | "task-set", 1)
                if at == 1 && !is_old(kind, &segments) =>
            {
                placed(Of::Cluster, word, names)
            }
            ("ecs", "service", _) => placed(Of::Service, word, names),
            ("ecs", "service-deployment" | "service-revision" | "task-set", _) => name(Of::Service, word, names),
            ("ecs", "task-definition", 1) => placed(Of::Family, word, names),
            ("iam", "role", _) if is_aws_path(word) => (*word).to_owned(),
            ("iam" | "sts", "role" | "assumed-role", 1) => name(Of::Role, word, names),
            ("iam", "role", _) => name(Of::Role, word, names),
            ("iam" | "sts", "user" | "federated-user", _) | ("sts", "assumed-role", _) => placed(Of::User, word, names),
            ("iam", "oidc-provider" | "saml-provider", 1) => provider(word, names),
            ("elasticloadbalancing", "loadbalancer" | "listener" | "listener-rule", 1) if matches!(*word, "app" | "net" | "gwy") => (*word).to_owned(),
            ("elasticloadbalancing", _, _) | ("cloudwatch", "alarm", _) => name(Of::Other, word, names),
            ("autoscaling", "scalingPolicy" | "scheduledAction", 2..=4 | 7) | ("autoscaling", "autoScalingGroup", 2) => (*word).to_owned(),
            ("autoscaling", _, 5) => name(Of::Cluster, word, names),
            ("autoscaling", _, 6) => name(Of::Service, word, names),
            ("autoscaling", _, _) => name(Of::Other, word, names),
            ("logs", _, _) if *word == "log-stream" => (*word).to_owned(),
            ("logs", _, _) if at > stream => name(Of::Container, word, names),
            ("logs", _, _) => name(Of::Logs, word, names),
            ("ecr", "repository", _) => name(Of::Image, word, names),
            (_, "instance" | "network-interface" | "subnet" | "security-group" | "vpc" | "volume" | "file-system", _) => Words::without_names().replaced(word, names),
            _ => names.quietly(Of::Other, word),
        };
        told.push_str(&other);
        told.extend(*separator);
    }
    told
}

/// `task/ID` of the old form has no cluster in it.
fn is_old(kind: &str, segments: &[(&str, Option<char>)]) -> bool {
    kind != "cluster" && segments.len() == 2
}

fn is_aws_path(word: &str) -> bool {
    matches!(word, "aws-service-role" | "aws-reserved" | "service-role" | "sso.amazonaws.com") || word.ends_with(".amazonaws.com")
}

fn provider(word: &str, names: &mut Names) -> String {
    if word.contains('.') { registry(word, names) } else { names.of(Of::Other, word) }
}

/// Each segment with what ends it.
fn segments(text: &str) -> Vec<(&str, Option<char>)> {
    text.split_inclusive(['/', ':'])
        .map(|piece| match piece.strip_suffix(['/', ':']) {
            Some(word) => (word, piece.chars().next_back()),
            None => (piece, None),
        })
        .collect()
}

/// Words that stand between names where a pipeline's subject, a resource's id or a group is built from them.
const GRAMMAR: [&str; 32] = [
    "targetgroup",
    "loadbalancer",
    "service",
    "family",
    "repo",
    "ref",
    "refs",
    "heads",
    "tags",
    "environment",
    "pull_request",
    "project_path",
    "ref_type",
    "branch",
    "tag",
    "system",
    "serviceaccount",
    "organization",
    "pipeline",
    "project",
    "workspace",
    "run_phase",
    "plan",
    "apply",
    "org",
    "user",
    "commit",
    "step",
    "https",
    "http",
    "s3",
    "ecs-svc",
];

/// How Application Auto Scaling names the alarms it makes.
static TRACKING: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^TargetTracking-(service/[^/]+/.+)(-Alarm(?:High|Low)-[0-9a-f-]+)$").expect("a pattern"));

/// Names joined by slashes and colons: `repo:shop/web:ref:refs/heads/main`, `acme/web:41`, `/ecs/web`, `service:web`.
pub fn path(of: Of, text: &str, names: &mut Names) -> String {
    if text.starts_with("arn:") {
        return arn(text, names);
    }
    if let Some(tracking) = TRACKING.captures(text) {
        return format!("TargetTracking-{}{}", path(Of::Service, &tracking[1], names), &tracking[2]);
    }
    let segments = segments(text);
    let many = segments.len();
    let mut told = String::with_capacity(text.len());
    for (at, (word, separator)) in segments.into_iter().enumerate() {
        // `app/NAME/ID` is a load balancer, as metrics know it.
        let is_kind = at == 0 && many == 3 && matches!(word, "app" | "net" | "gwy") && of == Of::Other;
        let is_grammar = is_kind || many > 1 && GRAMMAR.contains(&word) && at + 1 < many || word == "ecs-svc";
        let is_host = at == 0 && many > 1 && of == Of::Image && (word.contains('.') || separator == Some(':') && word == "localhost");
        told.push_str(&match word {
            _ if is_grammar => word.to_owned(),
            _ if is_host => registry(word, names),
            _ if of == Of::User && word.contains('@') && many > 1 => joined(word, names),
            _ if is_placed(of) && (many == 1 || of == Of::User && at == 1 && KEY.is_match(text.split(':').next().unwrap_or_default())) => placed(of, word, names),
            _ if of == Of::Other && text.starts_with("s3://") => names.quietly(of, word),
            _ => name(of, word, names),
        });
        told.extend(separator);
    }
    told
}

/// Where a field holds nothing else.
fn is_placed(of: Of) -> bool {
    matches!(of, Of::Cluster | Of::Service | Of::Family | Of::Container | Of::User | Of::Role)
}

/// The host of an image or of an identity provider is one by its place, whatever it ends in.
fn registry(word: &str, names: &mut Names) -> String {
    let (host, port) = word.split_at(word.find(':').unwrap_or(word.len()));
    let told = Words::without_names().replaced(host, names);
    let other = if told == host && !is_everybodys(host) { names.quietly(Of::Host, host) } else { told };
    format!("{other}{port}")
}

/// `shop@12`: a name and its number.
fn joined(word: &str, names: &mut Names) -> String {
    match word.split_once('@') {
        Some((name, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => format!("{}@{number}", names.of(Of::User, name)),
        _ => names.of(Of::User, word),
    }
}

/// A path or subject that somebody wrote: its parts may as well be ordinary words.
pub fn written(of: Of, text: &str, names: &mut Names) -> String {
    let mut told = String::with_capacity(text.len());
    for piece in text.split_inclusive(['/', ':', '@']) {
        let (word, sign) = piece.split_at(piece.trim_end_matches(['/', ':', '@']).len());
        let (word, ending) = word.strip_suffix(".git").map_or((word, ""), |word| (word, ".git"));
        let is_kept = GRAMMAR.contains(&word) || FORGES.contains(&word) || word.bytes().all(|byte| byte.is_ascii_punctuation());
        let other = match formed(word, names) {
            _ if is_kept => word.to_owned(),
            Some(other) => other,
            None => names.met(of, word),
        };
        told.extend([&other, ending, sign]);
    }
    told
}

/// Words in the paths of forges.
const FORGES: [&str; 26] = [
    "_git",
    "scm",
    "projects",
    "repos",
    "actions",
    "runs",
    "job",
    "jobs",
    "attempts",
    "tree",
    "blob",
    "raw",
    "pull",
    "pulls",
    "merge",
    "merge_requests",
    "issues",
    "releases",
    "download",
    "archive",
    "pipelines",
    "commits",
    "compare",
    "v3",
    "api",
    "packages",
];

static KEY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(?:A[A-Z]{3}[A-Z0-9]{4,}|[0-9]{12})$").expect("a pattern"));

/// One that is a name whatever it looks like.
fn placed(of: Of, word: &str, names: &mut Names) -> String {
    if word.contains('@') {
        return name(of, word, names);
    }
    formed(word, names).unwrap_or_else(|| names.placed(of, word))
}

/// One name, or what is an address or an id in its place.
pub fn name(of: Of, word: &str, names: &mut Names) -> String {
    // A person's address is a name as a whole, and known in sentences, too.
    match formed(word, names) {
        Some(told) if !word.contains('@') || KEY.is_match(word) => told,
        _ => names.of(of, word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_stay_arns_of_their_kind() {
        let mut names = Names::default();
        for (said, told) in [
            ("arn:aws:ecs:eu-west-1:111122223333:cluster/prod", "arn:aws:ecs:eu-west-1:100000000001:cluster/cluster-1"),
            ("arn:aws:ecs:eu-west-1:111122223333:task/prod/3c59dc048e8850243be8079a5c74d079", "arn:aws:ecs:eu-west-1:100000000001:task/cluster-1/3c59dc048e8850243be8079a5c74d079"),
            ("arn:aws:ecs:eu-west-1:111122223333:service/web", "arn:aws:ecs:eu-west-1:100000000001:service/service-1"),
            (
                "arn:aws:ecs:eu-west-1:111122223333:task-set/prod/web/ecs-svc/3343406658139428150",
                "arn:aws:ecs:eu-west-1:100000000001:task-set/cluster-1/service-1/ecs-svc/3343406658139428150",
            ),
            ("arn:aws:ecs:eu-west-1:111122223333:task-definition/worker:41", "arn:aws:ecs:eu-west-1:100000000001:task-definition/family-1:41"),
            (
                "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef",
                "arn:aws:iam::100000000001:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_PermissionSet1_0000000000000001",
            ),
            ("arn:aws:sts::111122223333:assumed-role/deploy/GitHubActions", "arn:aws:sts::100000000001:assumed-role/role-1/GitHubActions"),
            ("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/Name1"),
            (
                "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/shop/88c2f39520c8f939",
                "arn:aws:elasticloadbalancing:eu-west-1:100000000001:loadbalancer/app/name-2/88c2f39520c8f939",
            ),
            (
                "arn:aws:logs:eu-west-1:111122223333:log-group:/ecs/web:log-stream:ecs/app/1:*",
                "arn:aws:logs:eu-west-1:100000000001:log-group:/ecs/service-1:log-stream:ecs/container-1/1:*",
            ),
            ("arn:aws:s3:::bucket-of-acme/app.env", "arn:aws:s3:::name-3/name.4"),
            ("arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com", "arn:aws:iam::100000000001:oidc-provider/token.actions.githubusercontent.com"),
        ] {
            assert_eq!(arn(said, &mut names), told);
        }
    }

    #[test]
    fn other_paths_keep_what_stands_between_the_names() {
        let mut names = Names::default();
        for (of, said, told) in [
            (Of::User, "repo:shop/web-api:ref:refs/heads/main", "repo:user-1/user-2:ref:refs/heads/main"),
            (Of::Service, "service:web-api", "service:user-2"),
            (Of::Image, "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/web:41", "100000000001.dkr.ecr.eu-west-1.amazonaws.com/image-1/image-2:41"),
            (Of::Logs, "/ecs/web", "/ecs/image-2"),
            (Of::Logs, "/aws/ecs/containerinsights/prod/performance", "/aws/ecs/containerinsights/logs-1/performance"),
            (Of::User, "AROA696BF608E1003B06:jenkins-storefront-991", "AROAEXAMPLE000000001:jenkins-1"),
            (Of::User, "ecs-svc/2149528845195808794", "ecs-svc/2149528845195808794"),
        ] {
            assert_eq!(path(of, said, &mut names), told);
        }
    }
}
