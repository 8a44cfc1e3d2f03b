//! Where the region, the profile and the credentials of a run came from, in words.

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use jiff::Timestamp;

use crate::diagnosis::access::Told;

use super::account::{Origins, Session};
use super::profiles::Profiles;

pub(super) fn of(session: &Session, region: &str, credentials: &Credentials) -> Origins {
    let profile = profile(session.profile.as_deref());
    let name = profile.as_ref().map_or("default", |profile| profile.value.as_str());
    let features = credentials.get_property::<Vec<Feature>>().map_or(&[] as &[Feature], Vec::as_slice);
    Origins {
        region: Told::new(region, region_from(session, name)),
        credentials: Told::new(credentials.access_key_id(), credentials_from(features, name)),
        expires: credentials.expiry().and_then(|expiry| Timestamp::try_from(expiry).ok()),
        endpoint: endpoint(session.endpoint_url.as_deref()),
        profile,
    }
}

/// Profile, region and endpoint as they are written down, where there are no credentials.
pub(super) fn known(session: &Session) -> (Option<Told>, Option<Told>, Option<Told>) {
    let profile = profile(session.profile.as_deref());
    let name = profile.as_ref().map_or("default", |profile| profile.value.as_str());
    let written = || set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")).or_else(|| Profiles::load().region(session.profile.as_deref()));
    let region = session.region.clone().or_else(written).map(|region| Told::new(region, region_from(session, name)));
    (profile, region, endpoint(session.endpoint_url.as_deref()))
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn profile(option: Option<&str>) -> Option<Told> {
    option.map(|name| Told::new(name, "--profile")).or_else(|| Some(Told::new(set("AWS_PROFILE")?, "AWS_PROFILE")))
}

fn endpoint(option: Option<&str>) -> Option<Told> {
    option.map(|url| Told::new(url, "--endpoint-url")).or_else(|| Some(Told::new(set("AWS_ENDPOINT_URL")?, "AWS_ENDPOINT_URL")))
}

fn region_from(session: &Session, profile: &str) -> String {
    match ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find(|name| set(name).is_some()) {
        _ if session.region.is_some() => "--region".to_owned(),
        Some(name) => name.to_owned(),
        None => format!("profile {profile}"),
    }
}

fn credentials_from(features: &[Feature], profile: &str) -> String {
    let has = |feature: Feature| features.contains(&feature);
    let way = match () {
        () if has(Feature::CredentialsStsAssumeRole) => ", which assumes a role",
        () if has(Feature::CredentialsProfileStsWebIdToken) => ", by a web identity token",
        () if has(Feature::CredentialsSso) || has(Feature::CredentialsProfileSso) => ", by single sign-on",
        () if has(Feature::CredentialsProfileLogin) || has(Feature::CredentialsLogin) => ", by aws login",
        () if has(Feature::CredentialsProcess) || has(Feature::CredentialsProfileProcess) => ", by its credential_process",
        () if has(Feature::CredentialsHttp) => ", by the container's role",
        () if has(Feature::CredentialsImds) => ", by the EC2 instance's role",
        () => "",
    };
    match () {
        () if has(Feature::CredentialsProfile) => format!("profile {profile}{way}"),
        () if has(Feature::CredentialsEnvVars) => "the environment (AWS_ACCESS_KEY_ID)".to_owned(),
        () if has(Feature::CredentialsProfileStsWebIdToken) => "a web identity token (AWS_WEB_IDENTITY_TOKEN_FILE)".to_owned(),
        () if has(Feature::CredentialsHttp) => "the container's role".to_owned(),
        () if has(Feature::CredentialsImds) => "the EC2 instance's role".to_owned(),
        () => format!("profile {profile}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_said_to_come_from_where_they_came() {
        let from = |features: &[Feature]| credentials_from(features, "oncall");
        assert_eq!(from(&[Feature::CredentialsEnvVars]), "the environment (AWS_ACCESS_KEY_ID)");
        assert_eq!(from(&[Feature::CredentialsProfile]), "profile oncall");
        assert_eq!(from(&[Feature::CredentialsSso, Feature::CredentialsProfile]), "profile oncall, by single sign-on");
        assert_eq!(from(&[Feature::CredentialsStsAssumeRole, Feature::CredentialsProfile]), "profile oncall, which assumes a role");
        assert_eq!(from(&[Feature::CredentialsProfileStsWebIdToken]), "a web identity token (AWS_WEB_IDENTITY_TOKEN_FILE)");
        assert_eq!(from(&[Feature::CredentialsImds]), "the EC2 instance's role");
    }
}
