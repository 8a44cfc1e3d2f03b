//! What `doctor` prints as JSON, schema version 1: frozen.

use serde::Serialize;

use crate::diagnosis::access::{self, Checkup, Presence, group};

/// What `ecs-trace doctor -o json` prints.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Doctor {
    pub schema_version: u32,
    pub taken_at: String,
    pub identity: Identity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Told>,
    /// Absent where none is set anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Told>,
    /// Absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    pub clock: Clock,
    pub sources: Vec<Source>,
    pub archive: Archive,
    pub container_insights: Vec<Insights>,
    /// Denied actions that a statement of an identity-based policy would open.
    pub missing: Vec<String>,
}

/// A value in force and where it came from.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Told {
    pub value: String,
    pub from: String,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Why AWS did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    pub access_key_id: String,
    pub from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Clock {
    /// `right`, `off` (more than 5 minutes) or `unknown`.
    pub status: String,
    /// How far the clock here is ahead of AWS's; negative where it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skew_seconds: Option<i64>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// As in `sources[].source` of the other documents; `identity` for who is asking.
    pub source: String,
    /// The worst of its actions' statuses.
    pub status: String,
    pub actions: Vec<Action>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Action {
    pub action: String,
    /// `may-read`, `denied`, `throttled`, `failed`, `timed-out`, `not-there` or `not-tried`.
    pub status: String,
    /// What it was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// AWS's own words, or why it was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial: Option<Denial>,
    /// What is lost without it.
    pub answers: String,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Denial {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// `identity-based policy`, `service control policy`, `permissions boundary` …; absent where AWS does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// A policy forbids it; where false, none allows it.
    pub explicit: bool,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// `there`, `none` or `unknown`.
    pub status: String,
    pub log_groups: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Insights {
    pub cluster: String,
    /// `on`, `off` or `unknown`.
    pub status: String,
}

impl From<&access::Told> for Told {
    fn from(told: &access::Told) -> Self {
        Self { value: told.value.clone(), from: told.from.clone() }
    }
}

impl From<&access::Probe> for Action {
    fn from(probe: &access::Probe) -> Self {
        Self {
            action: probe.action.to_owned(),
            status: probe.access.as_str().to_owned(),
            about: probe.about.clone(),
            detail: probe.detail.clone(),
            denial: probe.denial.as_ref().map(|denial| Denial { resource: denial.resource.clone(), policy: denial.policy.clone(), explicit: denial.explicit }),
            answers: probe.answers.to_owned(),
        }
    }
}

impl From<&Checkup> for Doctor {
    fn from(checkup: &Checkup) -> Self {
        let identity = match &checkup.identity {
            Ok(told) => Identity { account: Some(told.account.clone()), arn: Some(told.arn.clone()), detail: None },
            Err(unknown) => Identity { account: None, arn: None, detail: Some(unknown.why.clone()) },
        };
        let (status, log_groups, detail) = match &checkup.archive {
            Presence::There(groups) => ("there", groups.clone(), None),
            Presence::None => ("none", Vec::new(), None),
            Presence::Unknown(why) => ("unknown", Vec::new(), Some(why.clone())),
        };
        let clock = match checkup.skew {
            None => "unknown",
            Some(_) if checkup.clock_is_off() => "off",
            Some(_) => "right",
        };
        let worst = |probes: &[&access::Probe]| probes.iter().map(|probe| probe.access).max().map_or("not-tried", access::Access::as_str).to_owned();
        let insights = |one: &access::Insights| match &one.setting {
            None => "unknown",
            Some(_) if one.are_on() => "on",
            Some(_) => "off",
        };
        Self {
            schema_version: 1,
            taken_at: checkup.taken_at.to_string(),
            identity,
            profile: checkup.profile.as_ref().map(Told::from),
            region: checkup.region.as_ref().map(Told::from),
            cluster: checkup.cluster.as_ref().map(Told::from),
            endpoint: checkup.endpoint.as_ref().map(Told::from),
            credentials: checkup.credentials.as_ref().map(|told| Credentials {
                access_key_id: told.value.clone(),
                from: told.from.clone(),
                expires_at: checkup.expires.map(|at| at.to_string()),
            }),
            clock: Clock { status: clock.to_owned(), skew_seconds: checkup.skew.map(|skew| skew.as_secs()) },
            sources: checkup
                .by_source()
                .into_iter()
                .map(|(source, probes)| Source { source: group(source).to_owned(), status: worst(&probes), actions: probes.into_iter().map(Action::from).collect() })
                .collect(),
            archive: Archive { status: status.to_owned(), log_groups, detail },
            container_insights: checkup.insights.iter().map(|one| Insights { cluster: one.cluster.clone(), status: insights(one).to_owned() }).collect(),
            missing: checkup.missing().into_iter().map(str::to_owned).collect(),
        }
    }
}
