//! What an identity may read: the outcome of one cheap question for every action, and where its settings came from.

use jiff::{SignedDuration, Timestamp};

use super::evidence::Source;

/// A value that is in force, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    pub value: String,
    /// `--region`, `AWS_REGION`, `profile oncall` …
    pub from: String,
}

impl Told {
    #[must_use]
    pub fn new(value: impl Into<String>, from: impl Into<String>) -> Self {
        Self { value: value.into(), from: from.into() }
    }
}

/// How the question for one action was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    MayRead,
    /// It costs money, or what it needs could not be found.
    NotTried,
    /// Allowed, and what was named to be asked about does not exist.
    NotThere,
    TimedOut,
    Throttled,
    Failed,
    Denied,
}

impl Access {
    /// As it stands in the JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MayRead => "may-read",
            Self::NotTried => "not-tried",
            Self::NotThere => "not-there",
            Self::TimedOut => "timed-out",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }

    /// Whether something stands between the identity and the source.
    #[must_use]
    pub fn is_obstacle(self) -> bool {
        !matches!(self, Self::MayRead | Self::NotTried)
    }
}

/// AWS's refusal, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Denial {
    pub resource: Option<String>,
    /// `identity-based policy`, `service control policy`, `permissions boundary` …; absent where AWS does not say.
    pub policy: Option<String>,
    /// A policy forbids it: to allow it elsewhere changes nothing.
    pub explicit: bool,
}

impl Denial {
    /// Reads `User: … is not authorized to perform: … on resource: … because no … policy allows the … action` and its kin.
    #[must_use]
    pub fn read(message: &str) -> Self {
        const KINDS: [&str; 8] = [
            "identity-based policy",
            "resource-based policy",
            "service control policy",
            "resource control policy",
            "permissions boundary",
            "session policy",
            "VPC endpoint policy",
            "role trust policy",
        ];
        let (before, why) = match (message.find(" with an explicit deny"), message.find(" because no ")) {
            (Some(at), _) | (None, Some(at)) => message.split_at(at),
            (None, None) => (message, ""),
        };
        let resource = before.split_once("on resource:").map(|(_, resource)| resource.trim().trim_end_matches('.').to_owned()).filter(|resource| !resource.is_empty());
        let policy = KINDS.into_iter().find(|kind| why.contains(kind)).map(str::to_owned);
        Self { resource, policy, explicit: why.contains("explicit deny") }
    }

    /// Whether a statement that allows the action would open the way.
    #[must_use]
    pub fn yields_to_an_allow(&self) -> bool {
        !self.explicit && self.policy.as_deref().is_none_or(|policy| policy == "identity-based policy")
    }

    /// Why, in a clause: `no identity-based policy allows it`, `an explicit deny in a service control policy`.
    #[must_use]
    pub fn why(&self) -> String {
        let article = |policy: &str| if policy.starts_with('i') { "an" } else { "a" };
        match (&self.policy, self.explicit) {
            (Some(policy), true) => format!("an explicit deny in {} {policy}", article(policy)),
            (Some(policy), false) => format!("no {policy} allows it"),
            (None, true) => "an explicit deny".to_owned(),
            (None, false) => "AWS does not say by which policy".to_owned(),
        }
    }
}

/// One action, and whether it may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// `service:Operation`, as IAM spells it.
    pub action: &'static str,
    pub source: Option<Source>,
    /// What is lost without it.
    pub answers: &'static str,
    pub access: Access,
    /// What it was asked about.
    pub about: Option<String>,
    pub denial: Option<Denial>,
    /// AWS's own words, or why it was not tried.
    pub detail: Option<String>,
}

/// Who the credentials are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub account: String,
    pub arn: String,
}

/// Why AWS did not say who the credentials are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unidentified {
    /// In AWS's own words, where it gave some.
    pub why: String,
    /// They have expired or are none: nothing else will be answered either.
    pub credentials_are_refused: bool,
}

/// Whether something exists that makes answers better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// By name: log groups, clusters.
    There(Vec<String>),
    None,
    /// Why it could not be seen.
    Unknown(String),
}

/// Container Insights of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insights {
    pub cluster: String,
    /// `enabled`, `enhanced` or `disabled`; absent where it could not be seen.
    pub setting: Option<String>,
}

impl Insights {
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.setting.as_deref().is_some_and(|setting| setting != "disabled")
    }
}

/// Why no account could be asked, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// `no region`, `no credentials (…)`.
    pub why: String,
    /// Each an imperative.
    pub remedies: Vec<String>,
}

/// All that `doctor` found.
#[derive(Debug, Clone)]
pub struct Checkup {
    pub taken_at: Timestamp,
    pub identity: Result<Identity, Unidentified>,
    /// Why nothing at all was asked: there is no region, or there are no credentials.
    pub unreached: Option<Unreached>,
    pub profile: Option<Told>,
    pub region: Option<Told>,
    /// The access key id; it opens nothing.
    pub credentials: Option<Told>,
    pub expires: Option<Timestamp>,
    pub endpoint: Option<Told>,
    pub cluster: Option<Told>,
    /// In the order of the list of actions.
    pub probes: Vec<Probe>,
    /// Log groups that keep ECS's events.
    pub archive: Presence,
    /// One entry for each cluster that was asked about.
    pub insights: Vec<Insights>,
    /// How far the clock here is ahead of AWS's; negative where it is behind.
    pub skew: Option<SignedDuration>,
    /// Ctrl-C ended it: what has not answered was not given the time to.
    pub interrupted: bool,
}

/// AWS refuses what is signed further from its own clock than this.
pub const MOST_SKEW: SignedDuration = SignedDuration::from_mins(5);

impl Checkup {
    /// Whether the clock here spoils signatures and windows.
    #[must_use]
    pub fn clock_is_off(&self) -> bool {
        self.skew.is_some_and(|skew| skew.abs() > MOST_SKEW)
    }

    /// Whether nothing stands in the way of any source. That AWS does not say who asks is no obstacle, unless it refuses the
    /// credentials themselves.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        let is_refused = self.identity.as_ref().is_err_and(|unknown| unknown.credentials_are_refused);
        self.unreached.is_none() && !is_refused && !self.clock_is_off() && !self.probes.iter().any(|probe| probe.source.is_some() && probe.access.is_obstacle())
    }

    /// The groups of probes in the order of [`Source::ALL`], identity first.
    #[must_use]
    pub fn by_source(&self) -> Vec<(Option<Source>, Vec<&Probe>)> {
        let groups = std::iter::once(None).chain(Source::ALL.into_iter().map(Some));
        let of = |source: Option<Source>| self.probes.iter().filter(move |probe| probe.source == source).collect::<Vec<_>>();
        groups.map(|source| (source, of(source))).filter(|(_, probes)| !probes.is_empty()).collect()
    }

    /// The actions that a statement of an identity-based policy would open.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let opens = |probe: &&Probe| probe.access == Access::Denied && probe.denial.as_ref().is_none_or(Denial::yields_to_an_allow);
        self.probes.iter().filter(opens).map(|probe| probe.action).collect()
    }

    /// The denials that no such statement opens.
    #[must_use]
    pub fn forbidden(&self) -> Vec<(&'static str, &Denial)> {
        let of = |probe: &'_ Probe| probe.denial.as_ref().filter(|denial| !denial.yields_to_an_allow()).is_some();
        self.probes.iter().filter(|probe| probe.access == Access::Denied && of(probe)).filter_map(|probe| Some((probe.action, probe.denial.as_ref()?))).collect()
    }
}

/// How a source is called in a report: `identity` for what belongs to none.
#[must_use]
pub fn group(source: Option<Source>) -> &'static str {
    source.map_or("identity", Source::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "User: arn:aws:sts::1:assumed-role/reader/x is not authorized to perform: ecs:DescribeTasks";

    #[test]
    fn a_missing_allow_and_an_explicit_deny_are_told_apart() {
        let missing = Denial::read(&format!("{USER} on resource: arn:aws:ecs:eu-west-1:1:task/prod/0000 because no identity-based policy allows the ecs:DescribeTasks action"));
        assert_eq!(missing.resource.as_deref(), Some("arn:aws:ecs:eu-west-1:1:task/prod/0000"));
        assert!(missing.yields_to_an_allow() && missing.why() == "no identity-based policy allows it");
        let forbidden = Denial::read(&format!("{USER} on resource: * with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-x/p-y"));
        assert_eq!((forbidden.resource.as_deref(), forbidden.explicit), (Some("*"), true));
        assert!(!forbidden.yields_to_an_allow() && forbidden.why() == "an explicit deny in a service control policy");
        let identity = Denial::read(&format!("{USER} on resource: * with an explicit deny in an identity-based policy"));
        assert_eq!(identity.why(), "an explicit deny in an identity-based policy");
    }

    #[test]
    fn a_boundary_or_an_endpoint_does_not_yield_to_another_allow() {
        for policy in ["permissions boundary", "session policy", "VPC endpoint policy", "service control policy"] {
            let denial = Denial::read(&format!("{USER} on resource: * because no {policy} allows the ecs:DescribeTasks action"));
            assert!(!denial.yields_to_an_allow() && denial.policy.as_deref() == Some(policy), "{denial:?}");
        }
    }

    #[test]
    fn a_refusal_without_a_reason_claims_none() {
        let denial = Denial::read(USER);
        assert_eq!(denial, Denial::default());
        assert!(denial.yields_to_an_allow());
    }
}
