//! Profile, region, credentials, endpoint, certificates: one account in one region, and the clients for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::sdk_config::SharedTimeSource;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::diagnosis::access::Told;

use super::aws_cli::{self, AwsCli, Trouble};
use super::cache;
use super::case::{Case, Exchange};
use super::failing::Failing;
use super::known_groups::KnownGroups;
use super::origin;
use super::pace::Pace;
use super::wire::{self, Passed, Wire};

/// Three throttled attempts must not lose a source: the SDK's own limit is three in all.
const ATTEMPTS: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const MOST_BACKOFF: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_millis(3_100);

/// How the user reaches AWS, as far as the command line says.
#[derive(Debug, Clone, Default)]
pub struct Session {
    pub profile: Option<String>,
    /// From `--region` or the task's own ARN or URL; else the environment and the profile are asked.
    pub region: Option<String>,
    pub endpoint_url: Option<String>,
    /// A PEM file to trust instead of the one that `AWS_CA_BUNDLE` names, or the system's.
    pub ca_bundle: Option<String>,
    /// Whether and how far the installed AWS CLI may be asked for credentials that the SDK cannot get.
    pub aws_cli: Option<AwsCli>,
    /// How long one request is waited for before it is made once more beside it.
    pub attempt: Duration,
    /// How long a request and those beside it are waited for in all.
    pub limit: Duration,
    /// Keep every answer, to write a case.
    pub record: bool,
    /// Leave secrets in the answers.
    pub shows_secrets: bool,
}

/// Why no account can be reached.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    #[error("no region")]
    NoRegion { profile: Option<String> },
    /// From the environment, a profile or a case: one that was typed is looked at before.
    #[error("`{name}` is no region; wanted is a name such as eu-west-1")]
    BadRegion { name: String },
    /// They would break the header they are sent in.
    #[error("{what} holds a letter that no request can carry, such as the end of a line")]
    BadCredentials { what: &'static str },
    #[error("no profile `{name}`")]
    NoProfile { name: String },
    #[error("no credentials ({why})")]
    NoCredentials { why: String, profile: Option<String> },
    #[error("the single sign-on session has expired or was never begun ({why})")]
    SignOnExpired { why: String, profile: Option<String> },
    #[error("profile `{profile}` needs an MFA code, which the AWS CLI asks for, and {trouble}")]
    NoMfa { profile: String, trouble: Trouble },
    #[error("no credentials ({why}); the AWS CLI was asked too: {trouble}")]
    NotServed { profile: String, why: String, trouble: Trouble },
    #[error("cannot read the certificates in `{path}` ({why})")]
    BadCertificates { path: String, why: String },
}

/// Clients of one account in one region, all through one [`Wire`].
pub struct Account {
    config: SdkConfig,
    wire: Wire,
    pub region: String,
    /// Where region and credentials came from.
    pub origins: Origins,
    /// Log groups that keep ECS's events, as they were found lately; none where a case is kept or replayed.
    pub(super) known_groups: KnownGroups,
    ecs: Mutex<HashMap<String, aws_sdk_ecs::Client>>,
    logs: Mutex<HashMap<String, aws_sdk_cloudwatchlogs::Client>>,
}

/// What was found in the environment and the profile, and where.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    pub profile: Option<Told>,
    pub region: Told,
    /// The access key id.
    pub credentials: Told,
    pub expires: Option<jiff::Timestamp>,
    pub endpoint: Option<Told>,
}

type Observer = Arc<dyn Fn(Passed) + Send + Sync>;

impl Account {
    /// Finds region and credentials the way the AWS CLI does.
    ///
    /// # Errors
    /// If there is no region, no such profile, or no credentials.
    pub async fn open(session: &Session, observer: Option<Observer>) -> Result<Self, Unreachable> {
        let profile = session.profile.clone();
        let named = profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok()).filter(|name| !name.is_empty());
        if let Some(name) = named.filter(|name| !is_known(name)) {
            return Err(Unreachable::NoProfile { name });
        }
        let region = match &session.region {
            Some(region) => Region::new(region.clone()),
            None => find_region(profile.as_deref()).await.ok_or_else(|| Unreachable::NoRegion { profile: profile.clone() })?,
        };
        if !is_host_label(region.as_ref()) {
            return Err(Unreachable::BadRegion { name: region.to_string() });
        }
        let http = http_client(session.ca_bundle.as_deref())?;
        let asking_for_credentials = SharedHttpClient::new(wire::for_credentials_alone(http.clone()));
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region.clone())
            .http_client(asking_for_credentials.clone())
            .app_name(AppName::new("ecs-trace").expect("a valid name"))
            .retry_config(retries())
            .timeout_config(timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(profile) = &profile {
            loader = loader.profile_name(profile).credentials_provider(of_profile(profile, &region, &asking_for_credentials));
        }
        if let Some(url) = &session.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = without_empty_endpoints(loader.load().await);
        // Asked for once, before anything else: a dozen clients would each find out for themselves.
        let credentials = credentials(&config, session).await?;
        if let Some(what) = unsendable(&credentials) {
            return Err(Unreachable::BadCredentials { what });
        }
        // The key tells the account apart where the credentials do not name it.
        let asking = credentials.account_id().map_or_else(|| credentials.access_key_id().to_owned(), |account| account.as_str().to_owned());
        let endpoint = session.endpoint_url.clone().or_else(|| std::env::var("AWS_ENDPOINT_URL_CLOUDTRAIL").ok()).or_else(|| std::env::var("AWS_ENDPOINT_URL").ok());
        let pace = Pace::shared(endpoint.as_deref(), &asking);
        // What is kept for a replay must have been asked.
        let folder = if session.record { None } else { cache::meeting_place() };
        let known_groups = KnownGroups::of(folder, endpoint.as_deref(), credentials.access_key_id(), region.as_ref());
        let origins = origin::of(session, region.as_ref(), &credentials);
        let renewing = SharedCredentialsProvider::new(Renewing::of(credentials, &config));
        let wire = Wire::to_aws(http, pace, session, observer);
        let config = config.into_builder().http_client(wire.clone()).credentials_provider(renewing).build();
        Ok(Self { origins, known_groups, ..Self::with(config, wire, region.to_string()) })
    }

    /// An account that answers from a case: no network, no credentials.
    #[must_use]
    pub fn replay(case: Arc<Case>, redact: bool, observer: Option<Observer>) -> Self {
        let region = case.region.clone();
        let wire = Wire::to_case(case, redact, observer);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .http_client(wire.clone())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("replay", "replay", None, None, "case")))
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .build();
        Self::with(config, wire, region)
    }

    fn with(config: SdkConfig, wire: Wire, region: String) -> Self {
        Self { config, wire, region, origins: Origins::default(), known_groups: KnownGroups::default(), ecs: Mutex::default(), logs: Mutex::default() }
    }

    /// AWS's word on what was to be asked again when its time was over: where AWS had refused it, that is why.
    #[must_use]
    pub fn refusal_of(&self, action: &str, about: &str) -> Option<Failing> {
        self.wire.refusal_of(action, about)
    }

    /// How asking for something ended that had a share of the run and did not come to its end in it.
    #[must_use]
    pub fn out_of_time(&self, action: &str, about: &str) -> Failing {
        self.refusal_of(action, about).unwrap_or_else(Failing::out_of_time)
    }

    /// Every answer so far, if this account was opened to record; what still waits for one stands there as unanswered.
    #[must_use]
    pub fn recorded(&self, is_complete: bool) -> Vec<Exchange> {
        self.wire.recorded(is_complete)
    }

    /// How many answers there are so far.
    #[must_use]
    pub fn mark(&self) -> usize {
        self.wire.mark()
    }

    /// Drops what was recorded since then: its answers changed nothing.
    pub fn forget_since(&self, mark: usize) {
        self.wire.forget_since(mark);
    }

    /// Whether secrets are taken out of answers.
    #[must_use]
    pub fn redacts(&self) -> bool {
        self.wire.redacts()
    }

    /// What AWS's clock said on its last answer, and when that came.
    #[must_use]
    pub fn dated(&self) -> Option<(jiff::Timestamp, tokio::time::Instant)> {
        self.wire.dated()
    }

    #[must_use]
    pub fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.config)
    }

    #[must_use]
    pub fn ecs(&self) -> aws_sdk_ecs::Client {
        let mut clients = self.ecs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        clients.entry(self.region.clone()).or_insert_with(|| aws_sdk_ecs::Client::new(&self.config)).clone()
    }

    #[must_use]
    pub fn cloudtrail(&self) -> aws_sdk_cloudtrail::Client {
        aws_sdk_cloudtrail::Client::new(&self.config)
    }

    /// An event data store may lie in another region than the task.
    #[must_use]
    pub fn cloudtrail_in(&self, region: Option<&str>) -> aws_sdk_cloudtrail::Client {
        let own = aws_sdk_cloudtrail::config::Builder::from(&self.config);
        aws_sdk_cloudtrail::Client::from_conf(region.into_iter().fold(own, |config, region| config.region(Region::new(region.to_owned()))).build())
    }

    #[must_use]
    pub fn load_balancing(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        aws_sdk_elasticloadbalancingv2::Client::new(&self.config)
    }

    #[must_use]
    pub fn scaling(&self) -> aws_sdk_applicationautoscaling::Client {
        aws_sdk_applicationautoscaling::Client::new(&self.config)
    }

    #[must_use]
    pub fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.config)
    }

    /// A log group may lie in another region than the task.
    #[must_use]
    pub fn logs(&self, region: &str) -> aws_sdk_cloudwatchlogs::Client {
        let mut clients = self.logs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let make = || {
            let config = aws_sdk_cloudwatchlogs::config::Builder::from(&self.config).region(Region::new(region.to_owned())).build();
            aws_sdk_cloudwatchlogs::Client::from_conf(config)
        };
        clients.entry(region.to_owned()).or_insert_with(make).clone()
    }
}

/// Whether a name can stand in the name of a host.
#[must_use]
pub fn is_host_label(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric();
    (1..=63).contains(&name.len()) && name.bytes().all(|byte| is_letter(byte) || byte == b'-') && name.bytes().next().is_some_and(is_letter) && !name.ends_with('-')
}

/// Which of them cannot stand in a header.
fn unsendable(credentials: &Credentials) -> Option<&'static str> {
    let is_bad = |text: &str| !text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_bad(credentials.access_key_id()) {
        return Some("the access key id");
    }
    credentials.session_token().is_some_and(is_bad).then_some("the session token")
}

/// Credentials that were asked for once, and are asked for again when they run out: a watch may outlive a session.
#[derive(Debug)]
struct Renewing {
    held: tokio::sync::Mutex<Credentials>,
    provider: Option<SharedCredentialsProvider>,
    clock: Option<SharedTimeSource>,
}

/// Renewed so long before they run out, since a request takes its time.
const RENEWED_BEFORE: Duration = Duration::from_secs(30);

impl Renewing {
    fn of(held: Credentials, config: &SdkConfig) -> Self {
        Self { held: tokio::sync::Mutex::new(held), provider: config.credentials_provider(), clock: config.time_source() }
    }

    async fn credentials(&self) -> Credentials {
        let mut held = self.held.lock().await;
        let runs_out = held.expiry().zip(self.clock.as_ref()).is_some_and(|(expiry, clock)| expiry <= clock.now() + RENEWED_BEFORE);
        if let Some(provider) = self.provider.as_ref().filter(|_| runs_out)
            && let Ok(newer) = provider.provide_credentials().await
            && unsendable(&newer).is_none()
        {
            *held = newer;
        }
        // Where there are no newer ones, AWS's word on the old ones says what to do.
        held.clone()
    }
}

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move { Ok(self.credentials().await) })
    }
}

/// An endpoint that is set and empty is none, as for the AWS CLI; the SDK would give up at it.
fn without_empty_endpoints(config: SdkConfig) -> SdkConfig {
    let endpoint = config.endpoint_url().filter(|url| !url.is_empty()).map(str::to_owned);
    let mut builder = config.clone().into_builder();
    builder.set_endpoint_url(endpoint);
    if config.service_config().is_some() {
        builder.set_service_config(Some(NotEmpty(config)));
    }
    builder.build()
}

/// What environment and profile say of single services, without what is empty.
#[derive(Debug)]
struct NotEmpty(SdkConfig);

impl LoadServiceConfig for NotEmpty {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        self.0.service_config()?.load_config(key).filter(|told| !told.is_empty())
    }
}

fn retries() -> RetryConfig {
    let attempts = std::env::var("AWS_MAX_ATTEMPTS").ok().and_then(|attempts| attempts.trim().parse().ok()).filter(|attempts| *attempts > 0).unwrap_or(ATTEMPTS);
    RetryConfig::standard().with_max_attempts(attempts).with_initial_backoff(FIRST_BACKOFF).with_max_backoff(MOST_BACKOFF)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT).build()
}

/// `AWS_REGION`, `AWS_DEFAULT_REGION`, then the profile; never the instance's metadata, as in the AWS CLI.
async fn find_region(profile: Option<&str>) -> Option<Region> {
    if let Some(region) = EnvironmentVariableRegionProvider::new().region().await.filter(|region| !region.as_ref().is_empty()) {
        return Some(region);
    }
    let mut provider = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        provider = provider.profile_name(profile);
    }
    provider.build().region().await
}

/// What a profile that was named gives, or the container or instance; keys in the environment are not asked, as in the AWS CLI.
fn of_profile(profile: &str, region: &Region, http: &SharedHttpClient) -> CredentialsProviderChain {
    let how = ProviderConfig::without_region().with_region(Some(region.clone())).with_http_client(http.clone()).with_retry_config(retries()).with_timeout_config(timeouts());
    CredentialsProviderChain::first_try("Profile", ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&how).build())
        .or_else("EcsContainer", EcsCredentialsProvider::builder().configure(&how).build())
        .or_else("Ec2InstanceMetadata", ImdsCredentialsProvider::builder().configure(&how).build())
}

/// From the SDK, or from the installed AWS CLI where a profile is of a kind that only it can serve.
async fn credentials(config: &SdkConfig, session: &Session) -> Result<Credentials, Unreachable> {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let named = session.profile.clone().or_else(|| set("AWS_PROFILE"));
    let profile = named.clone().unwrap_or_else(|| "default".to_owned());
    let keys_win = session.profile.is_none() && set("AWS_ACCESS_KEY_ID").is_some();
    if !keys_win && needs_mfa(&profile).await {
        let credentials = match &session.aws_cli {
            Some(cli) if cli.may_ask => aws_cli::credentials(&profile, &cli.until).await,
            _ => Err(Trouble::NoTerminal),
        };
        return credentials.map_err(|trouble| Unreachable::NoMfa { profile, trouble });
    }
    let Some(provider) = config.credentials_provider() else {
        return Err(Unreachable::NoCredentials { why: "nothing to ask for them".to_owned(), profile: named });
    };
    let error = match provider.provide_credentials().await {
        Ok(credentials) => return Ok(credentials),
        Err(error) => error,
    };
    // A profile that is not understood, unlike one whose keys are wrong or refused.
    let is_of_another_kind = matches!(error, CredentialsError::InvalidConfiguration(_));
    match (no_credentials(&error, named), &session.aws_cli) {
        (Unreachable::NoCredentials { why, .. }, Some(cli)) if is_of_another_kind => {
            aws_cli::credentials(&profile, &cli.until).await.map_err(|trouble| Unreachable::NotServed { profile, why, trouble })
        }
        (failure, _) => Err(failure),
    }
}

/// Whether the profile's role wants an MFA code. Files that cannot be read are the SDK's to complain about.
async fn needs_mfa(profile: &str) -> bool {
    let files = EnvConfigFiles::default();
    aws_config::profile::load(&Fs::real(), &Env::real(), &files, None).await.is_ok_and(|profiles| aws_cli::asks_for_mfa(&profiles, profile))
}

/// The SDK's error in words that say what to do about it.
fn no_credentials(error: &CredentialsError, profile: Option<String>) -> Unreachable {
    let mut words = error.to_string();
    let mut innermost: &dyn std::error::Error = error;
    while let Some(inner) = innermost.source() {
        words = format!("{words}: {inner}");
        innermost = inner;
    }
    let last = innermost.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let about_sign_on = words.contains("SSO") || words.contains("sso");
    if words.contains("could not find profile") || (words.contains("profile") && words.contains("was not defined")) {
        Unreachable::NoProfile { name: profile.unwrap_or_default() }
    } else if about_sign_on && !words.contains("no credentials found in chain") && (words.contains("expired") || words.contains("token") || words.contains("Unauthorized")) {
        Unreachable::SignOnExpired { why: last, profile }
    } else if words.contains("no credentials found in chain") || words.contains("not enabled") || words.contains("IMDS") {
        // The SDK lists every provider it tried, in five hundred letters.
        Unreachable::NoCredentials { why: "none in the environment, the profile, or from the container or instance".to_owned(), profile }
    } else {
        Unreachable::NoCredentials { why: last, profile }
    }
}

/// Whether a config file has the profile. Unreadable files are the SDK's to complain about.
fn is_known(name: &str) -> bool {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    let files = [("AWS_CONFIG_FILE", ".aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")];
    let headings = [format!("[{name}]"), format!("[profile {name}]")];
    files.into_iter().any(|(variable, usual)| {
        // Without a home there is no usual place, least of all the folder one happens to be in.
        let path = std::env::var_os(variable).map(std::path::PathBuf::from).or_else(|| Some(home.as_ref()?.join(usual)));
        let Some(Ok(text)) = path.map(std::fs::read_to_string) else { return false };
        text.lines().any(|line| {
            let heading: String =
                line.split(['#', ';']).next().unwrap_or_default().replace('"', "").split_whitespace().collect::<Vec<_>>().join(" ").replace("[ ", "[").replace(" ]", "]");
            headings.contains(&heading)
        })
    })
}

/// One HTTP stack for everything; `--ca-bundle` or `AWS_CA_BUNDLE` replaces the system's certificates, as in the AWS CLI.
fn http_client(bundle: Option<&str>) -> Result<SharedHttpClient, Unreachable> {
    let Some(path) = bundle.map(str::to_owned).or_else(|| std::env::var("AWS_CA_BUNDLE").ok()).filter(|path| !path.is_empty()) else {
        return Ok(https(TlsContext::default()));
    };
    let bad = |why: String| Unreachable::BadCertificates { path: path.clone(), why };
    let pem = std::fs::read(&path).map_err(|error| bad(error.to_string()))?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(bad("no certificate in it".to_owned()));
    }
    let trust = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(|error| bad(error.to_string()))?;
    Ok(https(context))
}

/// Through `HTTPS_PROXY` and past `NO_PROXY`, as in the AWS CLI.
fn https(context: TlsContext) -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc)).tls_context(context.clone()).build()
    })
}
