//! When a command cannot answer: one line that says what was wrong, hints that say what to type, a return code.

use crate::diagnosis::service::is_task_id;
use crate::diagnosis::words::{shell, value};
use crate::sources::account::Unreachable;
use crate::sources::aws_cli::Trouble;
use crate::sources::document::NotADocument;
use crate::sources::failing::Kind;
use crate::sources::target::NotATarget;
use crate::sources::task::{Clue, NotFound};

use super::nearest::nearest;

/// Return codes; 252 to 255 are the AWS CLI's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Answered = 0,
    /// Answered, but nothing that can be acted on: a witness is missing.
    Inconclusive = 3,
    NoSuchTask = 4,
    Interrupted = 130,
    /// By SIGTERM.
    Terminated = 143,
    Usage = 252,
    /// No region, no credentials.
    NoAccess = 253,
    /// AWS refused the one call that must work.
    Refused = 254,
    Other = 255,
}

/// Why there is no answer. `message` is a lower-case fragment; each hint is an imperative.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    pub hints: Vec<String>,
}

impl Failure {
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hints: Vec::new() }
    }

    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Names the one that was meant, if one of them is like what was typed.
    #[must_use]
    pub fn meant<N: AsRef<str>>(self, typed: &str, names: &[N]) -> Self {
        match nearest(typed, names.iter().map(AsRef::as_ref)) {
            Some(name) => self.hint(format!("did you mean `{name}`?")),
            None => self,
        }
    }
}

impl From<NotATarget> for Failure {
    fn from(error: NotATarget) -> Self {
        let failure = Self::usage(error.to_string());
        // `--wait 30m` takes no value behind a blank, so that the task may stand there.
        let failure = match super::args::duration(&error.text) {
            Ok(_) if !error.text.bytes().all(|byte| byte.is_ascii_digit()) => failure.hint(format!("if that is how long to wait: --wait={}", error.text)),
            _ => failure,
        };
        failure.hint("see what can be pasted: ecs-trace timeline --help")
    }
}

impl From<NotADocument> for Failure {
    fn from(error: NotADocument) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<Unreachable> for Failure {
    fn from(error: Unreachable) -> Self {
        let failure = Self::new(Exit::NoAccess, error.to_string());
        let flag = |profile: &Option<String>| profile.as_ref().map(|name| format!(" --profile{}", value(name))).unwrap_or_default();
        match &error {
            Unreachable::NoRegion { profile } => failure.hint(format!("name one: --region eu-west-1, or set AWS_REGION, or: aws configure set region eu-west-1{}", flag(profile))),
            Unreachable::BadRegion { .. } => failure.hint("it is in AWS_REGION, AWS_DEFAULT_REGION or the profile; another: --region NAME"),
            Unreachable::BadCredentials { .. } => failure.hint("set AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN, or the profile, without it, or sign in again: aws sso login"),
            Unreachable::NoProfile { .. } => failure.hint("see the profiles there are: aws configure list-profiles"),
            Unreachable::NoCredentials { profile, .. } => {
                failure.hint(format!("sign in: aws sso login{}, or: aws configure{}", flag(profile), flag(profile))).hint("or use another profile: --profile NAME")
            }
            Unreachable::SignOnExpired { profile, .. } => failure.hint(format!("sign in again: aws sso login{}", flag(profile))),
            Unreachable::NoMfa { profile, trouble } | Unreachable::NotServed { profile, trouble, .. } => lent(failure, profile, trouble),
            Unreachable::BadCertificates { .. } => failure.hint("name a file of PEM certificates by --ca-bundle or AWS_CA_BUNDLE, or neither"),
        }
    }
}

/// What to do where the AWS CLI lent no credentials.
fn lent(failure: Failure, profile: &str, trouble: &Trouble) -> Failure {
    let ask = format!("aws configure export-credentials --profile{}", value(profile));
    match trouble {
        Trouble::NoTerminal => {
            failure.hint("run it on a terminal").hint(format!("or put a session into the environment beforehand, and leave --profile out: eval \"$({ask} --format env)\""))
        }
        Trouble::Missing | Trouble::NotRunnable(_) | Trouble::TooOld => failure
            .hint("install version 2 of the AWS CLI, 2.9 or newer; version 1 has no such command")
            .hint("or put a session into the environment, and leave --profile out: aws sts get-session-token --serial-number ARN --token-code CODE"),
        Trouble::NoAnswer => failure.hint(format!("give it more time: --timeout 60s, or see for yourself: {ask}")),
        Trouble::Refused(_) | Trouble::Garbled => failure.hint(format!("see for yourself: {ask}")),
    }
}

impl From<NotFound> for Failure {
    fn from(error: NotFound) -> Self {
        let message = error.to_string();
        match error {
            NotFound::Missing { id, region, looked_in, denied, clue, is_named } => {
                let failure = Self::new(Exit::NoSuchTask, message);
                let failure = match id.len() {
                    letters @ 24..32 => failure.hint(format!("that is {letters} of the 32 characters of an id: if it was meant to be whole, some are missing")),
                    _ => failure,
                };
                match clue.map(|clue| *clue) {
                    Some(Clue::Cluster(cluster)) => return failure.hint(format!("it is in cluster `{cluster}`: ecs-trace timeline {}", shell(&format!("{cluster}/{id}")))),
                    Some(Clue::Account { theirs, ours }) => {
                        return failure.hint(format!("its ARN is of account {theirs}, and account {ours} was asked: take a profile of the other account with --profile NAME"));
                    }
                    Some(Clue::Nearly(tasks)) => {
                        let most = 5;
                        let failure = tasks.iter().take(most).fold(failure, |failure, task| failure.hint(format!("did you mean {task}?")));
                        return if tasks.len() > most { failure.hint(format!("and {} more begin nearly so", tasks.len() - most)) } else { failure };
                    }
                    None => {}
                }
                let mut failure = failure
                    .hint("ECS forgets a stopped task about an hour after it stopped; a service's later ones: ecs-trace timeline service/NAME")
                    .hint(format!("if it ran in another region than {region}: --region NAME"));
                failure = match looked_in.as_slice() {
                    [] => failure,
                    [one] if !is_named => failure.hint(format!("cluster `{one}` is the only one there that can be seen; of another account: --profile NAME")),
                    [one] => failure.hint(format!("if it ran in another cluster than `{one}`: --cluster NAME, or leave the cluster out and all are asked")),
                    many => failure.hint(format!("asked: {}", many.join(", "))),
                };
                if denied.is_empty() { failure } else { failure.hint(format!("not allowed to look into: {}", denied.join(", "))) }
            }
            NotFound::NoCluster { cluster, others, region } => {
                let failure = Self::new(Exit::NoSuchTask, message).meant(&cluster, &others);
                if others.is_empty() {
                    failure.hint(format!("{region} has no cluster this profile may see; name another region: --region NAME"))
                } else {
                    failure.hint(format!("there are: {}", others.join(", ")))
                }
            }
            NotFound::NoService { service, region, looked_in, others } => Self::new(Exit::NoSuchTask, message)
                .meant(&service, &others)
                .hint(format!("looked in {}; another region than {region}: --region NAME", if looked_in.is_empty() { "no cluster".to_owned() } else { looked_in.join(", ") }))
                .hint(format!("if it was deleted, its stops, where an archive keeps them: ecs-trace stops {} --since 1d", shell(&service))),
            NotFound::NothingStopped { service, .. } => {
                let about = service.as_ref().map(|service| format!(" of service {service}")).unwrap_or_default();
                let named = service.map(|service| format!(" {}", shell(&service))).unwrap_or_default();
                Self::new(Exit::NoSuchTask, message)
                    .hint(format!("nothing{about} stopped within the hour that ECS remembers"))
                    .hint(format!("earlier stops, where an archive keeps them: ecs-trace stops{named} --since 1d"))
            }
            NotFound::Ambiguous { candidates, prefix } => {
                let wanted = if is_task_id(&prefix) { "name one of them, or --cluster" } else { "give more of it" };
                let mut failure = Self::usage(format!("{message}; {wanted}"));
                for candidate in candidates.iter().take(20) {
                    failure = failure.hint(format!("{}/{}  {}", candidate.cluster, candidate.id, candidate.about));
                }
                if candidates.len() > 20 { failure.hint(format!("and {} more", candidates.len() - 20)) } else { failure }
            }
            NotFound::Refused { action, failing } => {
                let exit = match failing.kind {
                    Kind::Denied | Kind::Throttled | Kind::Unexpected => Exit::Refused,
                    Kind::Credentials => Exit::NoAccess,
                    Kind::TimedOut | Kind::Unreachable | Kind::NotRecorded => Exit::Other,
                };
                let failure = Self::new(exit, message);
                match failing.kind {
                    Kind::Denied if action == "ecs:ListClusters" => failure
                        .hint("name the cluster, which needs no such permission: --cluster NAME")
                        .hint(format!("or allow {action} for this identity, or use another one: --profile NAME")),
                    Kind::Denied if action == "ecs:ListTasks" => failure
                        .hint("name the task in full, which needs no list: ecs-trace timeline CLUSTER/ID, or its ARN")
                        .hint(format!("or allow {action} for this identity, or use another one: --profile NAME")),
                    Kind::Denied => failure.hint(format!("allow {action} for this identity, or use another one: --profile NAME")),
                    Kind::Credentials if failing.is_of_the_clock() => failure.hint("set the clock of this machine; how far it is off: ecs-trace doctor"),
                    Kind::Credentials => failure.hint("sign in again: aws sso login, or renew the credentials"),
                    Kind::Throttled => failure.hint("AWS is throttling; try again in a minute"),
                    Kind::TimedOut => failure.hint("give it more time: --timeout 60s, or see each request with -v"),
                    Kind::Unreachable => failure.hint("see each request with -v; check --endpoint-url, proxy and network"),
                    Kind::NotRecorded => failure.hint("the case is of another task or damaged"),
                    Kind::Unexpected => failure,
                }
            }
        }
    }
}
