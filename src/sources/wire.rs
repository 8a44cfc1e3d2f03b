//! The one place every request to the account passes: the list of allowed actions, CloudTrail's pace, the second try beside
//! what hangs, and the recording and replay of AWS's own answers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::retry::ErrorKind;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use tokio::time::Instant;

use super::account::Session;
use super::actions;
use super::case::{Case, Exchange, Unanswered, body_value};
use super::cbor;
use super::failing::{Failing, innermost, is_throttle};
use super::pace::Pace;
use super::redact;
use super::replay::Replay;

/// The one operation with a budget so small that it is shared.
const PACED: &str = "cloudtrail:LookupEvents";
/// How long the first of them is waited for once another has been refused.
const GRACE: Duration = Duration::from_secs(2);
/// What AWS bills each time it is asked for.
const BILLED: [&str; 2] = ["cloudtrail:StartQuery", "logs:StartQuery"];
/// So many times a request is made before an answer to the first has come. Then it has failed, and may be tried anew.
const MOST_AT_ONCE: u32 = 3;

/// What `-v` prints of each request.
#[derive(Debug, Clone)]
pub struct Passed {
    pub action: String,
    pub region: String,
    /// For CloudTrail's budget, before it left.
    pub waited: Duration,
    pub took: Duration,
    /// `200`, `400 AccessDeniedException`, `no answer in time` …
    pub outcome: String,
}

type Observer = Arc<dyn Fn(Passed) + Send + Sync>;

/// An HTTP client for the SDK that keeps the promises about what leaves this process.
#[derive(Clone)]
pub struct Wire(Arc<Inner>);

struct Inner {
    far_end: FarEnd,
    /// How long a request is waited for, from the moment it may leave until its last byte, before it is made once more.
    attempt: Duration,
    /// How long for it and those beside it, in all.
    limit: Duration,
    pace: Pace,
    recorded: Option<Mutex<Vec<Recorded>>>,
    /// Secrets go before anything else sees an answer, so that a live run and its replay read the same.
    redact: bool,
    observer: Option<Observer>,
    /// Requests whose last answer was a refusal that calls for another attempt.
    refused: Mutex<BTreeMap<(String, String), Failing>>,
    /// The far end's clock on the last answer that told it, and when that came.
    dated: Mutex<Option<(jiff::Timestamp, Instant)>>,
}

enum FarEnd {
    Aws(SharedHttpClient),
    Case(Replay),
}

struct Recorded {
    /// The SDK's name for an operation, which its retries share.
    invocation: String,
    exchange: Exchange,
    /// Another attempt would have followed, had the run gone on.
    may_go_on: bool,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

/// The case holds no answer to this request.
#[derive(Debug, thiserror::Error)]
#[error("the case holds no answer to {0}: it was not asked, or had not answered, when the case was saved")]
pub struct NotInCase(String);

/// A request that is on no list of what ecs-trace may ask.
#[derive(Debug, thiserror::Error)]
#[error("refused to send {0}: it is not on the list of actions")]
pub struct NotOnTheList(String);

/// Every operation on the list answers with a body; nothing at all would read as "there is nothing".
#[derive(Debug, thiserror::Error)]
#[error("an empty answer")]
struct EmptyAnswer;

/// A proxy's page, an error sent as a success: whatever it is, it does not say that there is nothing.
#[derive(Debug, thiserror::Error)]
#[error("an answer without {0}")]
struct LacksItsList(&'static str);

/// The SDK's XML reader takes what it can get and calls the rest absent; JSON it reads whole or not at all.
#[derive(Debug, thiserror::Error)]
#[error("an answer that is no whole XML")]
struct BrokenXml;

#[derive(Debug, thiserror::Error)]
#[error("no whole answer within {0:?}")]
struct TooLong(Duration);

/// What kept an answer away when the case was saved.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoAnswerThen(String);

impl Wire {
    #[must_use]
    pub fn to_aws(client: SharedHttpClient, pace: Pace, session: &Session, observer: Option<Observer>) -> Self {
        let recorded = session.record.then(Mutex::default);
        Self(Arc::new(Inner {
            far_end: FarEnd::Aws(client),
            attempt: session.attempt,
            limit: session.limit.max(session.attempt),
            pace,
            recorded,
            redact: !session.shows_secrets,
            observer,
            refused: Mutex::default(),
            dated: Mutex::default(),
        }))
    }

    #[must_use]
    pub fn to_case(case: Arc<Case>, redact: bool, observer: Option<Observer>) -> Self {
        let far_end = FarEnd::Case(Replay::of(case));
        Self(Arc::new(Inner {
            far_end,
            attempt: Duration::from_secs(60),
            limit: Duration::from_secs(60),
            pace: Pace::default(),
            recorded: None,
            redact,
            observer,
            refused: Mutex::default(),
            dated: Mutex::default(),
        }))
    }

    /// Whether secrets are taken out of answers.
    #[must_use]
    pub fn redacts(&self) -> bool {
        self.0.redact
    }

    /// What AWS's clock said on its last answer, and when that came.
    #[must_use]
    pub fn dated(&self) -> Option<(jiff::Timestamp, Instant)> {
        *self.0.dated.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What was recorded so far, in the order in which it was asked. What still waits for an answer is cut; so is what
    /// waited for its next attempt, where the run did not end by itself.
    #[must_use]
    pub fn recorded(&self, is_complete: bool) -> Vec<Exchange> {
        let told = |recorded: &Recorded| match &recorded.exchange {
            exchange if recorded.may_go_on && !is_complete => exchange.cut(self.0.refusal(&exchange.action, &exchange.request)),
            exchange => exchange.clone(),
        };
        self.0.records().map(|recorded| recorded.iter().map(told).collect()).unwrap_or_default()
    }

    /// AWS's word on a request of this action about this thing that it had refused and that was to be made again. A request
    /// whose body is no JSON is about anything.
    #[must_use]
    pub fn refusal_of(&self, action: &str, about: &str) -> Option<Failing> {
        let is_about = |request: &str| !request.starts_with('{') || request.contains(about);
        self.0.refused().iter().find(|((of, request), _)| of == action && is_about(request)).map(|(_, refusal)| refusal.clone())
    }

    #[must_use]
    pub fn mark(&self) -> usize {
        self.0.records().map_or(0, |recorded| recorded.len())
    }

    pub fn forget_since(&self, mark: usize) {
        if let Some(mut recorded) = self.0.records() {
            recorded.truncate(mark);
        }
    }
}

impl Inner {
    fn records(&self) -> Option<std::sync::MutexGuard<'_, Vec<Recorded>>> {
        self.recorded.as_ref().map(|recorded| recorded.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), Failing>> {
        self.refused.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn refusal(&self, action: &str, request: &Value) -> Option<Failing> {
        self.refused().get(&(action.to_owned(), request.to_string())).cloned()
    }

    /// Whether the last word on a request was a refusal of that kind.
    fn note(&self, action: &str, body: &[u8], refusal: Option<Failing>) {
        let mut refused = self.refused();
        match refusal {
            Some(refusal) => drop(refused.insert((action.to_owned(), body_value(body).to_string()), refusal)),
            None if refused.is_empty() => {}
            None => drop(refused.remove(&(action.to_owned(), body_value(body).to_string()))),
        }
    }

    /// A retry's better answer takes the place of the refusal before it.
    fn record(&self, invocation: &str, exchange: Exchange, may_go_on: bool) {
        let Some(mut recorded) = self.records() else { return };
        let is_same = |earlier: &Exchange| earlier.action == exchange.action && earlier.region == exchange.region && earlier.request == exchange.request;
        match recorded.iter_mut().find(|earlier| !invocation.is_empty() && earlier.invocation == invocation && is_same(&earlier.exchange)) {
            Some(earlier) => (earlier.exchange, earlier.may_go_on) = (exchange, may_go_on),
            None => recorded.push(Recorded { invocation: invocation.to_owned(), exchange, may_go_on }),
        }
    }
}

impl HttpClient for Wire {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let far = match &self.0.far_end {
            FarEnd::Aws(client) => Some(client.http_connector(settings, components)),
            FarEnd::Case(_) => None,
        };
        SharedHttpConnector::new(Line { inner: self.0.clone(), far })
    }
}

#[derive(Clone)]
struct Line {
    inner: Arc<Inner>,
    far: Option<SharedHttpConnector>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let line = self.clone();
        HttpConnectorFuture::new(async move { line.pass(request).await })
    }
}

impl Line {
    async fn pass(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let region = region_of(&request);
        let Some(action) = action_of(&request, &body) else {
            let what = request.uri().to_owned();
            return Err(ConnectorError::user(NotOnTheList(what).into()));
        };
        let far = match &self.inner.far_end {
            FarEnd::Case(replay) => return self.answer_from(replay, &action, &region, &body).await,
            FarEnd::Aws(_) => self.far.as_ref(),
        };
        let Some(far) = far else { return Err(ConnectorError::user(NotOnTheList(action).into())) };
        let invocation = request.headers().get("amz-sdk-invocation-id").unwrap_or_default().to_owned();
        let is_last = is_last_attempt(&request);
        if self.inner.recorded.is_some() {
            let before = self.inner.refusal(&action, &body_value(&body));
            self.inner.record(&invocation, Exchange::without_answer(&action, &region, &body, &Unanswered::Cut(before)), false);
        }
        let is_paced = action == PACED;
        let (status, headers, bytes) = match self.asked(far, request, &action, &region).await {
            Ok(answer) => answer,
            Err(error) => {
                self.inner.note(&action, &body, None);
                if self.inner.recorded.is_some() {
                    let why = if error.is_timeout() { Unanswered::TimedOut } else { Unanswered::Failed(innermost(&error)) };
                    self.inner.record(&invocation, Exchange::without_answer(&action, &region, &body, &why), !is_last);
                }
                return Err(error);
            }
        };
        if let Some(date) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("date")).and_then(|(_, date)| jiff::fmt::rfc2822::parse(date).ok()) {
            *self.inner.dated.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((date.timestamp(), Instant::now()));
        }
        let bytes = signed_exit_codes(&action, bytes);
        match status {
            400.. if is_paced && (status == 429 || error_code(&bytes).is_some_and(|code| is_throttle(&code))) => self.inner.pace.refused(&region).await,
            200 if is_paced => self.inner.pace.answered(&region).await,
            _ => {}
        }
        let mut bytes = bytes;
        let may_go_on = !is_last && (status >= 500 || status == 429 || status >= 400 && is_throttled(&headers, &bytes));
        if self.inner.redact || self.inner.recorded.is_some() {
            let mut exchange = Exchange::new(&action, &region, &body, status, error_type(&headers), &bytes);
            if self.inner.redact && redact::exchange(&mut exchange) {
                bytes = exchange.response_bytes();
            }
            self.inner.record(&invocation, exchange, may_go_on);
        }
        self.inner.note(&action, &body, may_go_on.then(|| refusal_in(status, &headers, &bytes)));
        Ok(response(status, headers, bytes))
    }

    /// The first answer to a request. Where none comes in the time of an attempt, it is made again beside the first: a
    /// connection that hangs is not waited for, and an answer that is only slow is not thrown away.
    async fn asked(&self, far: &SharedHttpConnector, request: HttpRequest, action: &str, region: &str) -> Result<Answer, ConnectorError> {
        // What is billed by the piece is asked for once, however long it takes.
        let most = if BILLED.contains(&action) { 1 } else { MOST_AT_ONCE };
        let (attempt, limit) = (self.inner.attempt, self.inner.limit);
        let mut unanswered = FuturesUnordered::new();
        let mut last = Err(ConnectorError::timeout(TooLong(attempt).into()));
        let (mut next, mut first) = (Some(request), None);
        for place in 1..=most {
            let Some(this) = next.take() else { break };
            next = this.try_clone();
            // The first waits for its pace before its time begins, those after it while the others may be answered.
            let waited = if place == 1 { self.paced(action, region).await } else { Duration::ZERO };
            unanswered.push(async move {
                let waited = if place == 1 { waited } else { self.paced(action, region).await };
                let began = Instant::now();
                let result = whole_answer(far, this).await.and_then(|answer| told(action, answer));
                self.observe(action, region, (waited, began), &result);
                result
            });
            let began = Instant::now();
            let first = *first.get_or_insert(began);
            let until = if place == most { first + limit } else { began + attempt };
            if let Ok(Some(result)) = tokio::time::timeout_at(until, unanswered.next()).await {
                // What the second is refused, the first may still be granted.
                let is_refused = !matches!(&result, Ok((200..=299, ..)));
                if is_refused && let Ok(Some(other @ Ok((200..=299, ..)))) = tokio::time::timeout(GRACE, unanswered.next()).await {
                    return other;
                }
                return result;
            }
            last = Err(ConnectorError::timeout(TooLong(first.elapsed()).into()));
            self.observe(action, region, (waited, began), &last);
        }
        last
    }

    /// Waits for CloudTrail's pace, where the request is one that has it.
    async fn paced(&self, action: &str, region: &str) -> Duration {
        if action == PACED { self.inner.pace.wait(region).await } else { Duration::ZERO }
    }

    async fn answer_from(&self, replay: &Replay, action: &str, region: &str, body: &[u8]) -> Result<HttpResponse, ConnectorError> {
        let began = Instant::now();
        // Nothing else waits in a replay: this is where Ctrl-C is heard.
        tokio::task::yield_now().await;
        let exchange = replay.answer(action, region, body);
        let result = match exchange.map(|exchange| (exchange, exchange.unanswered())) {
            None => Err(ConnectorError::user(NotInCase(action.to_owned()).into())),
            Some((_, Some(Unanswered::Cut(refusal)))) => {
                self.inner.note(action, body, refusal);
                std::future::pending().await
            }
            Some((_, Some(Unanswered::TimedOut))) => Err(ConnectorError::timeout(NoAnswerThen("no answer in time".to_owned()).into())),
            Some((_, Some(Unanswered::Failed(words)))) => Err(ConnectorError::other(NoAnswerThen(words).into(), None)),
            Some((exchange, None)) => {
                let mut headers = vec![("content-type".to_owned(), exchange.content_type().to_owned())];
                if exchange.is_binary() {
                    headers.push(("smithy-protocol".to_owned(), "rpc-v2-cbor".to_owned()));
                }
                headers.extend(exchange.error_type.iter().map(|error| ("x-amzn-errortype".to_owned(), error.clone())));
                let mut told = exchange.clone();
                if self.inner.redact {
                    redact::exchange(&mut told);
                }
                Ok((exchange.status, headers, signed_exit_codes(action, told.response_bytes())))
            }
        };
        self.observe(action, region, (Duration::ZERO, began), &result);
        result.map(|(status, headers, bytes)| response(status, headers, bytes))
    }

    fn observe(&self, action: &str, region: &str, (waited, began): (Duration, Instant), result: &Result<Answer, ConnectorError>) {
        let Some(observer) = &self.inner.observer else { return };
        let outcome = match result {
            Ok((status, headers, bytes)) if *status >= 400 => {
                let code = error_type(headers).or_else(|| error_code(bytes)).unwrap_or_default();
                format!("{status} {code}").trim().to_owned()
            }
            Ok((status, ..)) => status.to_string(),
            Err(error) if error.is_timeout() => "no answer in time".to_owned(),
            Err(error) => std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string),
        };
        observer(Passed { action: action.to_owned(), region: region.to_owned(), waited, took: began.elapsed(), outcome });
    }
}

type Answer = (u16, Vec<(String, String)>, Vec<u8>);

async fn whole_answer(far: &SharedHttpConnector, request: HttpRequest) -> Result<Answer, ConnectorError> {
    let mut answer = far.call(request).await?;
    let status = answer.status().as_u16();
    // What the error is called is read from the answer's body, as in a replay, and not from what older clients knew.
    let told = answer.headers().iter().filter(|(name, _)| !name.eq_ignore_ascii_case("x-amzn-query-error"));
    let headers = told.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
    let bytes = ByteStream::new(body).collect().await.map_err(|broken| ConnectorError::io(broken.into()))?.to_vec();
    Ok((status, headers, bytes))
}

/// The answer, unless it claims success and says nothing: that would read as "there is nothing".
fn told(action: &str, answer: Answer) -> Result<Answer, ConnectorError> {
    let (status, _, bytes) = &answer;
    match status {
        200..=299 if bytes.is_empty() => Err(ConnectorError::other(EmptyAnswer.into(), Some(ErrorKind::TransientError))),
        200..=299 if is_broken_xml(action, bytes) => Err(ConnectorError::other(BrokenXml.into(), None)),
        200..=299 => match lacks(action, bytes) {
            Some(list) => Err(ConnectorError::other(LacksItsList(list).into(), None)),
            None => Ok(answer),
        },
        _ => Ok(answer),
    }
}

/// The list that AWS always writes into this action's answer, be it empty, and that this one in JSON does not have.
fn lacks(action: &str, bytes: &[u8]) -> Option<&'static str> {
    let lists: &[&str] = match action {
        "application-autoscaling:DescribeScalingActivities" => &["ScalingActivities"],
        "cloudtrail:LookupEvents" => &["Events"],
        "ecs:DescribeContainerInstances" => &["containerInstances", "failures"],
        "ecs:DescribeServiceDeployments" => &["serviceDeployments", "failures"],
        "ecs:DescribeServiceRevisions" => &["serviceRevisions", "failures"],
        "ecs:DescribeServices" => &["services", "failures"],
        "ecs:DescribeTasks" => &["tasks", "failures"],
        "ecs:ListClusters" => &["clusterArns"],
        "ecs:ListServiceDeployments" => &["serviceDeployments"],
        "ecs:ListServices" => &["serviceArns"],
        "ecs:ListTaskDefinitionFamilies" => &["families"],
        "ecs:ListTasks" => &["taskArns"],
        "logs:DescribeLogGroups" => &["logGroups"],
        "logs:FilterLogEvents" | "logs:GetLogEvents" => &["events"],
        _ => return None,
    };
    // Another protocol, or no JSON at all: whoever reads it will say so.
    let serde_json::Value::Object(answer) = serde_json::from_slice(bytes).ok()? else { return None };
    let has = |list: &&str| answer.get(*list).is_some_and(|value| !value.is_null());
    if lists.iter().any(has) { None } else { lists.first().copied() }
}

fn response(status: u16, headers: Vec<(String, String)>, bytes: Vec<u8>) -> HttpResponse {
    let status = StatusCode::try_from(status).unwrap_or_else(|_| StatusCode::try_from(500).expect("500 is a status"));
    let mut response = HttpResponse::new(status, SdkBody::from(bytes));
    for (name, value) in headers {
        let _ = response.headers_mut().try_insert(name, value);
    }
    response
}

fn error_type(headers: &[(String, String)]) -> Option<String> {
    headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amzn-errortype")).map(|(_, value)| value.clone())
}

fn error_code(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    if let Some((_, rest)) = text.split_once("<Code>") {
        return rest.split('<').next().map(str::to_owned);
    }
    let value: serde_json::Value = serde_json::from_slice(bytes).ok().or_else(|| cbor::read(bytes))?;
    value.get("__type")?.as_str()?.rsplit('#').next().map(str::to_owned)
}

fn is_throttled(headers: &[(String, String)], bytes: &[u8]) -> bool {
    code_in(headers, bytes).is_some_and(|code| is_throttle(&code))
}

/// AWS's own code for an error: `ThrottlingException` of `aws.x#ThrottlingException:http://…`.
fn code_in(headers: &[(String, String)], bytes: &[u8]) -> Option<String> {
    let told = error_type(headers).or_else(|| error_code(bytes))?;
    let code = told.split(':').next().unwrap_or_default().rsplit('#').next().unwrap_or_default();
    Some(code.to_owned()).filter(|code| !code.is_empty())
}

/// The same words that the SDK's error would give, had it not tried again.
fn refusal_in(status: u16, headers: &[(String, String)], bytes: &[u8]) -> Failing {
    let text = String::from_utf8_lossy(bytes);
    let in_xml = || text.split_once("<Message>")?.1.split('<').next().map(str::to_owned);
    let in_value = || {
        let value: Value = serde_json::from_slice(bytes).ok().or_else(|| cbor::read(bytes))?;
        ["message", "Message"].iter().find_map(|name| value.get(name)?.as_str().map(str::to_owned))
    };
    Failing::refused(status, code_in(headers, bytes), in_value().or_else(in_xml))
}

/// Whether the SDK makes no further attempt after this one: `attempt=5; max=5`.
fn is_last_attempt(request: &HttpRequest) -> bool {
    let told = request.headers().get("amz-sdk-request").unwrap_or_default();
    let number = |name: &str| told.split("; ").find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse::<u32>().ok());
    number("attempt").zip(number("max")).is_none_or(|(attempt, most)| attempt >= most)
}

/// What the SDK asks to get credentials, and nothing else: this goes past the list, the record and the pace.
#[must_use]
pub fn for_credentials_alone(client: SharedHttpClient) -> impl HttpClient + 'static {
    Gate(client)
}

#[derive(Debug)]
struct Gate(SharedHttpClient);

impl HttpClient for Gate {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Gated(self.0.http_connector(settings, components)))
    }
}

#[derive(Debug)]
struct Gated(SharedHttpConnector);

impl HttpConnector for Gated {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match is_for_credentials(&request) {
            true => self.0.call(request),
            false => HttpConnectorFuture::ready(Err(ConnectorError::user(NotOnTheList(request.uri().to_owned()).into()))),
        }
    }
}

/// Operations of STS that give credentials.
const GIVING: [&str; 3] = ["AssumeRole", "AssumeRoleWithWebIdentity", "GetSessionToken"];

/// STS; single sign-on and the metadata of containers and instances, which are read without a signature; the tokens of both.
fn is_for_credentials(request: &HttpRequest) -> bool {
    let uri = request.uri();
    let behind = uri.split_once("://").map_or(uri, |(_, behind)| behind);
    let path = behind.find('/').map_or("/", |at| &behind[at..]);
    let path = path.split('?').next().unwrap_or_default();
    let is_signed = request.headers().get("authorization").is_some_and(|told| told.starts_with("AWS4"));
    match request.method() {
        "GET" => !is_signed && request.headers().get("x-amz-target").is_none(),
        "PUT" => path == "/latest/api/token",
        "POST" if matches!(path, "/token" | "/v1/token") => !is_signed,
        "POST" => {
            let form = request.body().bytes().and_then(|body| std::str::from_utf8(body).ok()).unwrap_or_default();
            let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            field("Version") == Some("2011-06-15") && field("Action").is_some_and(|action| GIVING.contains(&action))
        }
        _ => false,
    }
}

/// `service:Operation` as IAM spells it, if it is on the list.
fn action_of(request: &HttpRequest, body: &[u8]) -> Option<String> {
    let target = request.headers().get("x-amz-target");
    let name = match target {
        None if request.headers().get("smithy-protocol") == Some("rpc-v2-cbor") => {
            let (_, path) = request.uri().split_once("/service/")?;
            match path.split_once("/operation/")? {
                ("GraniteServiceVersion20100801", operation) => format!("cloudwatch:{operation}"),
                _ => return None,
            }
        }
        Some(target) => {
            let (prefix, operation) = target.rsplit_once('.')?;
            let service = match prefix {
                "AmazonEC2ContainerServiceV20141113" => "ecs",
                "CloudTrail_20131101" | "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101" => "cloudtrail",
                "Logs_20140328" => "logs",
                "AnyScaleFrontendService" => "application-autoscaling",
                _ => return None,
            };
            format!("{service}:{operation}")
        }
        None => {
            let form = std::str::from_utf8(body).ok()?;
            let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            match field("Version")? {
                "2015-12-01" => format!("elasticloadbalancing:{}", field("Action")?),
                "2011-06-15" => format!("sts:{}", field("Action")?),
                _ => return None,
            }
        }
    };
    actions::named(&name).map(|action| action.name.to_owned())
}

/// Whether an answer in XML is not closed by its own root element, or its tags do not balance.
fn is_broken_xml(action: &str, body: &[u8]) -> bool {
    let Some(operation) = action.strip_prefix("elasticloadbalancing:").or_else(|| action.strip_prefix("sts:")) else { return false };
    let Ok(text) = std::str::from_utf8(body) else { return true };
    let (mut open, mut rest) = (Vec::new(), text);
    while let Some((_, behind)) = rest.split_once('<') {
        let Some((tag, after)) = behind.split_once('>') else { return true };
        rest = after;
        if tag.starts_with(['?', '!']) || tag.ends_with('/') {
            continue;
        }
        match tag.strip_prefix('/') {
            Some(name) if open.pop() != Some(name.trim()) => return true,
            Some(_) => {}
            None => open.push(tag.split_whitespace().next().unwrap_or_default()),
        }
    }
    !open.is_empty() || !text.trim_end().ends_with(&format!("</{operation}Response>"))
}

/// Windows counts exit codes without a sign (3221225786); the SDK's integer has one and would refuse the whole answer.
fn signed_exit_codes(action: &str, body: Vec<u8>) -> Vec<u8> {
    const KEY: &str = "\"exitCode\":";
    if action != "ecs:DescribeTasks" {
        return body;
    }
    let Ok(text) = std::str::from_utf8(&body) else { return body };
    let (mut told, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once(KEY) {
        let number = after.trim_start();
        let digits = number.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(number.len());
        let code = number[..digits].parse::<u32>().ok().filter(|code| i32::try_from(*code).is_err());
        told.push_str(before);
        told.push_str(KEY);
        rest = match code {
            Some(code) => {
                told.push_str(&code.cast_signed().to_string());
                &number[digits..]
            }
            None => after,
        };
    }
    told.push_str(rest);
    told.into_bytes()
}

/// The region a request is signed for.
fn region_of(request: &HttpRequest) -> String {
    let signed = request.headers().get("authorization").and_then(|value| value.split("Credential=").nth(1));
    signed.and_then(|scope| scope.split('/').nth(2)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_runtime_api::client::result::SdkError;

    use super::*;

    /// Counts what would leave the process.
    #[derive(Debug, Clone, Default)]
    struct Counting(Arc<AtomicUsize>);

    impl HttpConnector for Counting {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            self.0.fetch_add(1, Ordering::Relaxed);
            HttpConnectorFuture::ready(Ok(response(200, Vec::new(), br#"{"clusterArns":[]}"#.to_vec())))
        }
    }

    impl HttpClient for Counting {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    fn refused<O, E: std::error::Error + 'static>(answer: Result<O, SdkError<E, HttpResponse>>) -> bool {
        let Err(error) = answer else { return false };
        std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source()).any(|error| error.is::<NotOnTheList>())
    }

    #[tokio::test]
    async fn what_is_not_on_the_list_never_leaves_the_process() {
        let leaving = Counting::default();
        let wire = Wire::to_aws(SharedHttpClient::new(leaving.clone()), Pace::default(), &Session { attempt: Duration::from_secs(1), ..Session::default() }, None);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")))
            .http_client(wire)
            .build();
        let ecs = aws_sdk_ecs::Client::new(&config);
        assert!(refused(ecs.stop_task().task("x").send().await));
        assert!(refused(ecs.run_task().task_definition("x").send().await));
        assert!(refused(ecs.update_service().service("x").send().await));
        assert!(refused(aws_sdk_cloudtrail::Client::new(&config).delete_trail().name("x").send().await));
        assert!(refused(aws_sdk_cloudwatchlogs::Client::new(&config).delete_log_group().log_group_name("x").send().await));
        assert!(refused(aws_sdk_cloudwatch::Client::new(&config).delete_alarms().alarm_names("x").send().await));
        assert!(refused(aws_sdk_elasticloadbalancingv2::Client::new(&config).delete_target_group().target_group_arn("x").send().await));
        let scaling = aws_sdk_applicationautoscaling::Client::new(&config);
        assert!(refused(scaling.delete_scaling_policy().policy_name("x").service_namespace("ecs".into()).resource_id("x").scalable_dimension("x".into()).send().await));
        assert!(refused(aws_sdk_sts::Client::new(&config).assume_role().role_arn("x").role_session_name("x").send().await));
        assert_eq!(leaving.0.load(Ordering::Relaxed), 0);
        assert!(ecs.list_clusters().send().await.is_ok());
        assert_eq!(leaving.0.load(Ordering::Relaxed), 1, "and what is on it does");
    }

    #[tokio::test]
    async fn who_asks_for_credentials_can_ask_for_nothing_else() {
        let leaving = Counting::default();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")))
            .http_client(for_credentials_alone(SharedHttpClient::new(leaving.clone())))
            .build();
        let (ecs, sts) = (aws_sdk_ecs::Client::new(&config), aws_sdk_sts::Client::new(&config));
        assert!(refused(ecs.stop_task().task("x").send().await) && refused(ecs.list_clusters().send().await));
        assert!(refused(aws_sdk_elasticloadbalancingv2::Client::new(&config).delete_target_group().target_group_arn("x").send().await));
        assert!(refused(sts.get_caller_identity().send().await), "it is on the list, and goes through the other client");
        assert_eq!(leaving.0.load(Ordering::Relaxed), 0);
        let _ = sts.assume_role().role_arn("x").role_session_name("x").send().await;
        let _ = sts.assume_role_with_web_identity().role_arn("x").role_session_name("x").web_identity_token("x").send().await;
        assert_eq!(leaving.0.load(Ordering::Relaxed), 2, "and what gives credentials passes");
        let plain = |method: &str, uri: &'static str| {
            let mut request = HttpRequest::new(SdkBody::empty());
            request.set_uri(uri).expect("a URI");
            request.set_method(method).expect("a method");
            is_for_credentials(&request)
        };
        assert!(plain("GET", "http://169.254.169.254/latest/meta-data/iam/security-credentials/") && plain("PUT", "http://169.254.169.254/latest/api/token"));
        assert!(plain("GET", "https://portal.sso.eu-west-1.amazonaws.com/federation/credentials?role_name=x") && plain("POST", "https://oidc.eu-west-1.amazonaws.com/token"));
        assert!(!plain("PUT", "https://bucket.s3.amazonaws.com/key") && !plain("DELETE", "https://x/latest/api/token") && !plain("POST", "https://x/"));
    }

    #[test]
    fn an_answer_without_its_list_is_none_and_an_empty_list_is_one() {
        for none in ["{}", r#"{"Events":null}"#, r#"{"__type":"AccessDeniedException"}"#, r#"{"error":"login required"}"#] {
            assert_eq!(lacks("cloudtrail:LookupEvents", none.as_bytes()), Some("Events"), "{none}");
        }
        assert_eq!(lacks("cloudtrail:LookupEvents", br#"{"Events":[]}"#), None);
        assert_eq!(lacks("ecs:DescribeServices", br#"{"failures":[{"reason":"MISSING"}]}"#), None);
        for status in [200, 202, 204] {
            assert!(told("cloudtrail:LookupEvents", (status, Vec::new(), Vec::new())).is_err());
        }
    }

    #[test]
    fn an_operation_is_known_by_its_whole_name_and_service() {
        let request = |headers: &[(&'static str, &'static str)], uri: &'static str| {
            let mut request = HttpRequest::new(SdkBody::empty());
            request.set_uri(uri).expect("a URI");
            headers.iter().for_each(|(name, value)| drop(request.headers_mut().try_insert(*name, *value)));
            request
        };
        let of = |headers: &[(&'static str, &'static str)], uri: &'static str, body: &str| action_of(&request(headers, uri), body.as_bytes());
        let aws = "https://x.amazonaws.com/";
        assert_eq!(of(&[("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListTasks")], aws, "{}").as_deref(), Some("ecs:ListTasks"));
        for target in ["AmazonEC2ContainerServiceV20141113.StopTask", "DynamoDB_20120810.ListTables", "ListTasks", "AmazonEC2ContainerServiceV20141113.", "Logs_20140328.ListTasks"]
        {
            assert_eq!(of(&[("x-amz-target", target)], aws, "{}"), None, "{target}");
        }
        assert_eq!(of(&[], aws, "Action=DescribeTargetHealth&Version=2015-12-01").as_deref(), Some("elasticloadbalancing:DescribeTargetHealth"));
        assert_eq!(of(&[], aws, "Action=DeleteTargetGroup&Version=2015-12-01"), None);
        assert_eq!(of(&[], aws, "Action=DescribeTargetHealth&Version=2016-11-15"), None, "of another service");
        assert_eq!(of(&[], "https://bucket.s3.amazonaws.com/key", ""), None);
        assert_eq!(of(&[("smithy-protocol", "rpc-v2-cbor")], "https://x/service/GraniteServiceVersion20100801/operation/PutMetricData", ""), None);
        assert_eq!(of(&[("smithy-protocol", "rpc-v2-cbor")], "https://x/service/Another/operation/GetMetricData", ""), None);
    }

    #[test]
    fn an_exit_code_of_windows_keeps_its_bits_and_every_other_number_stays() {
        let patched = |action: &str, body: &str| String::from_utf8(signed_exit_codes(action, body.as_bytes().to_vec())).expect("text");
        assert_eq!(patched("ecs:DescribeTasks", r#"{"exitCode": 3221225786,"a":{"exitCode":137}}"#), r#"{"exitCode":-1073741510,"a":{"exitCode":137}}"#);
        assert_eq!(patched("ecs:ListTasks", r#"{"exitCode":3221225786}"#), r#"{"exitCode":3221225786}"#);
        assert_eq!(patched("ecs:DescribeTasks", "{}"), "{}");
    }

    #[test]
    fn xml_that_is_cut_or_crossed_is_broken() {
        let broken = |body: &str| is_broken_xml("elasticloadbalancing:DescribeTargetHealth", body.as_bytes());
        assert!(!broken("<?xml version='1.0'?><DescribeTargetHealthResponse xmlns=\"x\"><A><b/></A></DescribeTargetHealthResponse>\n"));
        assert!(broken("<DescribeTargetHealthResponse><A>"));
        assert!(broken("<DescribeTargetHealthResponse><A></B></DescribeTargetHealthResponse>"));
        assert!(broken("<html></html>"));
        assert!(!is_broken_xml("ecs:DescribeTasks", b"{}"));
    }
}
