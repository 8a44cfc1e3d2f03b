//! Whom a TAB would ask: profile, region, cluster, endpoint, and the key under which their answers are remembered.

use sha2::{Digest, Sha256};

use crate::diagnosis::task::EcsArn;
use crate::sources::profiles::Profiles;

use super::super::settings::File;
use super::typed::Typed;

/// Changes whenever what is remembered does.
const FORMAT: &str = "2";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// As typed; the environment's stays in the environment.
    pub profile: Option<String>,
    pub region: String,
    pub cluster: Option<String>,
    pub endpoint_url: Option<String>,
    pub ca_bundle: Option<String>,
    /// Credentials come without a program that might ask the user something.
    pub is_silent: bool,
    pub key: String,
}

impl Scope {
    /// None where the line is unclear or no region is known: then nobody is asked.
    #[must_use]
    pub fn of(typed: &Typed, profiles: &Profiles) -> Option<Self> {
        if typed.is_unclear {
            return None;
        }
        let region_of = |cluster: &String| EcsArn::parse(cluster).map(|arn| arn.region);
        // A default yields where the line names another region than its own.
        let yields = |cluster: &String| typed.region.is_some() && region_of(cluster).is_some_and(|region| typed.region != Some(region));
        let cluster = typed.cluster.clone().or_else(|| typed.default_cluster.clone().filter(|cluster| !yields(cluster)));
        let of_cluster = cluster.as_ref().and_then(region_of);
        let region = typed.region.clone().or(of_cluster).or_else(|| exported("AWS_REGION")).or_else(|| exported("AWS_DEFAULT_REGION"));
        let region = region.or_else(|| profiles.region(typed.profile.as_deref()))?;
        if region.is_empty() || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return None;
        }
        let (profile, endpoint_url, ca_bundle) = (typed.profile.clone(), typed.endpoint_url.clone(), typed.ca_bundle.clone());
        let mut scope = Self { is_silent: profiles.are_silent(profile.as_deref()), profile, region, cluster, endpoint_url, ca_bundle, key: String::new() };
        scope.key = scope.key_of(&profiles.identity(typed.profile.as_deref()));
        Some(scope)
    }

    /// The whole region, whatever cluster is named.
    #[must_use]
    pub fn without_cluster(mut self, profiles: &Profiles) -> Self {
        self.cluster = None;
        self.key = self.key_of(&profiles.identity(self.profile.as_deref()));
        self
    }

    fn key_of(&self, identity: &[String]) -> String {
        let mut hash = Sha256::new();
        let own = [FORMAT, &self.region, self.cluster.as_deref().unwrap_or_default(), self.endpoint_url.as_deref().unwrap_or_default()];
        for field in own.into_iter().chain(identity.iter().map(String::as_str)) {
            // With its length, so that no two lists of fields read the same.
            hash.update((field.len() as u64).to_le_bytes());
            hash.update(field.as_bytes());
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The same as options, for the child that asks.
    #[must_use]
    pub fn as_options(&self) -> Vec<String> {
        let given = [("--profile", &self.profile), ("--cluster", &self.cluster), ("--endpoint-url", &self.endpoint_url), ("--ca-bundle", &self.ca_bundle)];
        let given = given.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
        given.chain([format!("--region={}", self.region)]).collect()
    }
}

/// The cluster that is asked where the line names none: the environment's, else the config file's. For the TAB alone: the
/// child is told its cluster, or that there is none. A file that cannot be read is no business of TAB.
pub fn default_cluster(profile: Option<&str>) -> Option<String> {
    let profile = profile.map(str::to_owned).or_else(|| exported("AWS_PROFILE")).unwrap_or_else(|| "default".to_owned());
    exported("ECS_CLUSTER").or_else(|| File::read().ok()?.cluster(&profile))
}

fn exported(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}
