//! Profiles of the AWS config files, and who one of them makes of the user: told from the files and the environment
//! alone, without a request and without running anything.

use aws_config::profile::{Profile, ProfileSet, load};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};
use futures::FutureExt;

/// Longer chains of `source_profile` than anybody has; a ring of them ends here, too.
const LONGEST_CHAIN: usize = 16;

/// What decides for whom a profile's credentials speak. Secrets are not among it.
const SPEAKS_FOR: &[&str] = &[
    "aws_access_key_id",
    "role_arn",
    "source_profile",
    "credential_source",
    "external_id",
    "role_session_name",
    "mfa_serial",
    "credential_process",
    "web_identity_token_file",
    "login_session",
    "sso_session",
    "sso_account_id",
    "sso_role_name",
    "sso_start_url",
    "sso_region",
    "endpoint_url",
    "ignore_configured_endpoint_urls",
    "services",
];

/// The same in the environment.
const ENVIRONMENT: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ECS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
];

/// Both config files, read as the SDK reads them.
pub struct Profiles {
    /// None where the SDK would refuse them.
    read: Option<ProfileSet>,
}

impl Profiles {
    /// `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, or the usual files.
    #[must_use]
    pub fn load() -> Self {
        // The SDK's loader is async for the day it may wait; today it never does.
        let read = load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None).now_or_never().and_then(Result::ok);
        Self { read }
    }

    /// Every profile's name, in order, with what it stands for.
    #[must_use]
    pub fn names(&self) -> Vec<(String, String)> {
        let Some(read) = &self.read else { return Vec::new() };
        let mut names: Vec<(String, String)> = read.profiles().filter_map(|name| Some((name.to_owned(), about(read.get_profile(name)?)))).collect();
        names.sort();
        names
    }

    /// The region the profile names.
    #[must_use]
    pub fn region(&self, profile: Option<&str>) -> Option<String> {
        let profile = self.read.as_ref()?.get_profile(&selected(profile))?;
        profile.get("region").filter(|region| !region.is_empty()).map(str::to_owned)
    }

    /// What the profile says of a setting; an empty word is said, too.
    #[must_use]
    pub fn setting(&self, profile: Option<&str>, key: &str) -> Option<String> {
        self.read.as_ref()?.get_profile(&selected(profile))?.get(key).map(str::to_owned)
    }

    /// Everything that decides who asks: two users, roles, accounts or endpoints never have the same.
    #[must_use]
    pub fn identity(&self, profile: Option<&str>) -> Vec<String> {
        let name = selected(profile);
        let mut told = vec![format!("profile={name}"), format!("explicit={}", profile.is_some())];
        told.extend(ENVIRONMENT.iter().filter_map(|variable| Some(format!("{variable}={}", std::env::var(variable).ok()?))));
        for profile in self.chain(&name) {
            told.push(format!("[{}]", profile.name()));
            told.extend(SPEAKS_FOR.iter().filter_map(|key| Some(format!("{key}={}", profile.get(key)?))));
            let session = profile.get("sso_session").and_then(|name| self.read.as_ref()?.sso_session(name));
            let of_session = ["sso_start_url", "sso_region"].iter().filter_map(|key| Some(format!("session.{key}={}", session?.get(key)?)));
            told.extend(of_session);
        }
        told
    }

    /// Whether credentials come without a program or a question: no `credential_process`, no MFA on the way to them.
    #[must_use]
    pub fn are_silent(&self, profile: Option<&str>) -> bool {
        // What is exported is used as it is, unless a profile was asked for by name.
        let exported = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].iter().all(|variable| std::env::var(variable).is_ok_and(|value| !value.is_empty()));
        if exported && profile.is_none() {
            return true;
        }
        let may_ask = |profile: &Profile| profile.get("credential_process").is_some() || profile.get("mfa_serial").is_some();
        self.read.is_some() && !self.chain(&selected(profile)).iter().any(|profile| may_ask(profile))
    }

    /// The profile and those it takes its credentials from.
    fn chain(&self, name: &str) -> Vec<&Profile> {
        let mut chain: Vec<&Profile> = Vec::new();
        let mut next = self.read.as_ref().and_then(|read| read.get_profile(name));
        while let Some(profile) = next.filter(|profile| chain.len() < LONGEST_CHAIN && !chain.iter().any(|seen| seen.name() == profile.name())) {
            chain.push(profile);
            next = profile.get("source_profile").and_then(|source| self.read.as_ref()?.get_profile(source));
        }
        chain
    }
}

/// The profile in force: the one that was typed, the environment's, `default`.
fn selected(profile: Option<&str>) -> String {
    profile.map(str::to_owned).or_else(|| std::env::var("AWS_PROFILE").ok()).filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned())
}

/// Account, role and region, as far as they are written down.
fn about(profile: &Profile) -> String {
    let role = profile.get("role_arn").map(|arn| arn.strip_prefix("arn:aws:iam::").unwrap_or(arn).replace(":role/", " "));
    let signed_on = profile.get("sso_account_id").map(|account| format!("{account} {}", profile.get("sso_role_name").unwrap_or_default()).trim_end().to_owned());
    let told = [role, signed_on, profile.get("region").map(str::to_owned)];
    told.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles(config: &str) -> Profiles {
        use aws_runtime::env_config::file::EnvConfigFileKind;
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, config).build();
        Profiles { read: load(&Fs::real(), &Env::from_slice(&[]), &files, None).now_or_never().and_then(Result::ok) }
    }

    const CONFIG: &str = "[default]\nregion = eu-west-1\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n\
        [profile asks]\nrole_arn = arn:aws:iam::111122223333:role/reader\nsource_profile = vault\n\
        [profile vault]\ncredential_process = aws-vault export\n\
        [profile mfa]\nrole_arn = arn:aws:iam::111122223333:role/reader\nsource_profile = default\nmfa_serial = arn:aws:iam::1:mfa/x\n\
        [profile ring]\nrole_arn = arn:aws:iam::111122223333:role/reader\nsource_profile = ring\n\
        [profile signed-on]\nsso_session = corp\nsso_account_id = 444455556666\nsso_role_name = PowerUser\n\
        [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n";

    #[test]
    fn a_profile_is_told_by_its_account_role_and_region() {
        let names = profiles(CONFIG).names();
        assert_eq!(names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["asks", "default", "mfa", "ring", "signed-on", "vault"]);
        assert_eq!(names[0].1, "111122223333 reader");
        assert_eq!(names[1].1, "eu-west-1");
        assert_eq!(names[4].1, "444455556666 PowerUser");
    }

    #[test]
    fn a_program_or_a_question_anywhere_on_the_way_to_the_credentials_is_not_silent() {
        let profiles = profiles(CONFIG);
        let silent: Vec<&str> = ["default", "asks", "vault", "mfa", "ring", "signed-on", "unknown"].into_iter().filter(|name| profiles.are_silent(Some(name))).collect();
        assert_eq!(silent, ["default", "ring", "signed-on", "unknown"]);
        assert!(!Profiles { read: None }.are_silent(Some("default")));
    }

    #[test]
    fn who_asks_is_told_apart_by_key_role_and_session_and_holds_no_secret() {
        let told = |config: &str, name: &str| profiles(config).identity(Some(name));
        assert_ne!(told(CONFIG, "default"), told(&CONFIG.replace("AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"), "default"));
        assert_ne!(told(CONFIG, "asks"), told(&CONFIG.replace("aws-vault export", "aws-vault export other"), "asks"));
        assert_ne!(told(CONFIG, "signed-on"), told(&CONFIG.replace("corp.awsapps", "other.awsapps"), "signed-on"));
        assert_eq!(told(CONFIG, "default"), told(&CONFIG.replace("aws_secret_access_key = x", "aws_secret_access_key = y"), "default"));
        assert_eq!(profiles(CONFIG).region(Some("default")).as_deref(), Some("eu-west-1"));
        let paged = profiles("[default]\ncli_pager =\n[profile lessful]\ncli_pager = less -S\n");
        assert_eq!(paged.setting(Some("default"), "cli_pager").as_deref(), Some(""), "an empty one switches it off");
        assert_eq!(paged.setting(Some("lessful"), "cli_pager").as_deref(), Some("less -S"));
        assert_eq!(paged.setting(Some("other"), "cli_pager"), None);
    }
}
