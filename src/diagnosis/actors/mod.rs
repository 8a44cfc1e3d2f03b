//! A CloudTrail identity in a colleague's words: who called, with what, from where.

mod origin;
pub mod reasons;
mod roles;
mod services;
mod web_identity;

pub use origin::{place, tool};
pub use roles::{PIPELINES, task_behind};
pub use services::borrower;

use super::call::{ApiCall, Identity};
use services::service_actor;

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
        "AssumedRole" | "Role" => roles::describe(identity, call),
        "WebIdentityUser" => web_identity::describe(identity, call),
        "SAMLUser" => Actor { name: identity.user_name.clone().unwrap_or_else(|| "a SAML user".to_owned()), kind: Kind::Person, through: Some("SAML".to_owned()) },
        // The issuer is the user, or the root user, whose long-lived key asked for the session.
        "FederatedUser" => Actor {
            name: identity.user_name.clone().or_else(|| arn_tail(identity)).unwrap_or_else(|| "a federated user".to_owned()),
            kind: Kind::Person,
            through: Some(identity.role.as_ref().map_or_else(|| "federated user".to_owned(), |issuer| format!("federated user, let in by {issuer}"))),
        },
        // CloudTrail gives an id here and no name; only the identity store knows the person behind it.
        "IdentityCenterUser" => Actor {
            name: identity
                .user_name
                .clone()
                .or_else(|| identity.on_behalf_of.as_ref().map(|id| format!("Identity Center user {id}")))
                .unwrap_or_else(|| "an Identity Center user".to_owned()),
            kind: Kind::Person,
            through: Some("Identity Center".to_owned()),
        },
        "Directory" => Actor {
            name: identity.user_name.clone().or_else(|| arn_tail(identity)).unwrap_or_else(|| "a directory user".to_owned()),
            kind: Kind::Unknown,
            through: Some("directory".to_owned()),
        },
        "AWSService" => service_actor(identity.invoked_by.as_deref().or(call.source_ip.as_deref()).unwrap_or("an AWS service")),
        // All that another account's caller leaves here is an id, and of a role its session.
        "AWSAccount" => Actor {
            name: identity.session().map_or_else(|| format!("account {account}"), |session| format!("{session} of account {account}")),
            kind: if identity.session().is_some_and(|session| session.contains('@')) { Kind::Person } else { Kind::Unknown },
            through: Some("another account".to_owned()),
        },
        _ => Actor { name: identity.user_name.clone().or_else(|| arn_tail(identity)).unwrap_or_else(|| "an unknown caller".to_owned()), kind: Kind::Unknown, through: None },
    }
}

fn arn_tail(identity: &Identity) -> Option<String> {
    identity.arn.as_deref().and_then(|arn| arn.rsplit(['/', ':']).next()).filter(|tail| !tail.is_empty()).map(str::to_owned)
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
}
