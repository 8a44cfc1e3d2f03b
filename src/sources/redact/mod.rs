//! Secrets go before anything is printed or saved. What is told of them is decided by where a text stands: names, ids and
//! addresses are never rewritten, AWS's own sentences only where they quote somebody, and what anybody wrote is searched.
//! Access key ids in CloudTrail's identities stay: they link the hops of a chain and open nothing.

mod named;
mod private_key;
mod text;

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::case::{Case, Exchange};

use text::{Words, clean, has_mark};

const GONE: &str = "[redacted]";

/// `NAME` that holds a secret, as an environment variable, a JSON key or a parameter.
static SECRET_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)passw(or)?d|passphrase|passcode|secret|token|(api|access|account|private|encryption|signing|master|shared|license|ssh|app|tls|ssl|hmac|jwt|webhook|deploy)[_-]?key|credential|authorization|cookie|j?session[_-]?id|sessid|signature|connection[_-]?string|(^|[_-])(pwd|pass|pw|auth|sig|dsn)$",
    )
    .expect("a pattern")
});

/// A name whose value is a secret even where it is a number.
static PASSWORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?i)passw(or)?d|passphrase|passcode|secret").expect("a pattern"));

/// A header whose value stands behind it in a list.
static HEADER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?i)^(?:(?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]*(?:key|token|secret))$").expect("a pattern"));

/// What a person or a program wrote, without the secrets in it. Idempotent: redacting twice changes nothing more.
#[must_use]
pub fn text(line: &str) -> Cow<'_, str> {
    clean(line, Words::Anybody)
}

/// A sentence of AWS's, which may quote a secret and has words such as "token: 429 Too Many Requests" of its own.
#[must_use]
pub fn sentence(told: &str) -> Cow<'_, str> {
    clean(told, Words::Aws)
}

/// Whether a name says that its value is a secret.
fn is_secret_name(name: &str) -> bool {
    SECRET_NAME.is_match(name)
}

/// A case as it may be given away: environment values, secrets in logs and parameters are gone.
#[must_use]
pub fn case(mut case: Case) -> Case {
    for told in &mut case.exchanges {
        exchange(told);
    }
    if let Some(given) = case.run.as_mut().and_then(|run| run.given.as_mut()) {
        document(given);
    }
    case
}

/// Takes the secrets out of an answer; says whether there were any.
pub fn exchange(exchange: &mut Exchange) -> bool {
    if exchange.is_binary() || exchange.status == 0 {
        return false;
    }
    let part = if exchange.action.starts_with("logs:") { In::Logs } else { In::Answer };
    match &mut exchange.response {
        Value::String(body) => replaced(body, body_text),
        body => json(body, part),
    }
}

/// The same for a document that somebody pasted.
pub fn document(value: &mut Value) -> bool {
    json(value, In::Answer)
}

fn replaced(text: &mut String, clean: impl Fn(&str) -> Cow<'_, str>) -> bool {
    let other = match clean(text) {
        Cow::Owned(other) if other != *text => other,
        _ => return false,
    };
    *text = other;
    true
}

/// A body that is not JSON, or none that can be read: XML keeps its marks.
fn body_text(body: &str) -> Cow<'_, str> {
    let trimmed = body.trim_start();
    if trimmed.starts_with('{') {
        static VALUE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"("value"\s*:\s*")(?:[^"\\]|\\.)*"#).expect("a pattern"));
        return match VALUE.replace_all(body, format!("${{1}}{GONE}")) {
            Cow::Owned(clean) if clean != body => Cow::Owned(text(&clean).into_owned()),
            _ => text(body),
        };
    }
    if !trimmed.starts_with('<') {
        return text(body);
    }
    if !has_mark(body) {
        return Cow::Borrowed(body);
    }
    let mut clean = String::with_capacity(body.len());
    for piece in body.split_inclusive('>') {
        let (told, mark) = piece.split_at(piece.find('<').unwrap_or(piece.len()));
        clean.push_str(&sentence(told));
        clean.push_str(mark);
    }
    if clean == body { Cow::Borrowed(body) } else { Cow::Owned(clean) }
}

/// What a JSON value is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    /// AWS's answer: a text is a name, unless its field is known to hold a sentence.
    Answer,
    /// An answer of `CloudWatch` Logs, whose messages are anybody's.
    Logs,
    /// `userIdentity`, key ids and page tokens in CloudTrail's and other answers: all of it stays.
    Identity,
    /// A log line: nothing in it is known to be harmless.
    Log,
    /// A row of an event data store, whose columns have no names: a key id that stands alone is an identity's.
    Row,
    /// A command and its arguments.
    Command,
}

/// Sentences of AWS's in its answers, by their fields.
const SENTENCES: [&str; 15] = [
    "stoppedReason",
    "reason",
    "Reason",
    "message",
    "Message",
    "errorMessage",
    "statusReason",
    "rolloutStateReason",
    "statusMessage",
    "StatusMessage",
    "StatusReason",
    "cause",
    "description",
    "Description",
    "detail",
];

/// What a caller typed or calls itself.
const TYPED: [&str; 4] = ["userAgent", "StoppedReason", "reasonGiven", "command"];

/// Takes the secrets out; says whether there were any.
fn json(value: &mut Value, part: In) -> bool {
    match value {
        Value::Object(fields) => object(fields, part),
        Value::Array(items) => list(items, part),
        Value::String(_) if part == In::Identity => false,
        Value::String(told) if part == In::Row => row(told),
        Value::String(told) if part == In::Log => replaced(told, nested),
        Value::String(told) if part == In::Command => replaced(told, text),
        Value::String(told) => replaced(told, |told| clean(told, Words::Name)),
        _ => false,
    }
}

fn object(fields: &mut Map<String, Value>, part: In) -> bool {
    let text_of = |name: &str| fields.get(name).and_then(Value::as_str);
    // `{"name": "DB_PASSWORD", "value": "…"}`
    let named = ["name", "Name", "key", "Key"].into_iter().find_map(text_of);
    let announces = part != In::Identity && named.is_some_and(|name| is_secret_name(name) && !name.starts_with("ecs.") && !name.starts_with("com.amazonaws."));
    // A person's own words, where the task was stopped by hand.
    let is_typed = text_of("stopCode").is_some_and(|code| code == "UserInitiated");
    // A row of a query: what is in a column is no log line, unless it is the message.
    let is_column = text_of("field").is_some_and(|field| field != "@message");
    let mut changed = false;
    for (name, value) in fields.iter_mut() {
        changed |= match (name.as_str(), &mut *value) {
            ("value" | "Value", value) if announces => gone(value),
            ("stoppedReason", Value::String(told)) if is_typed && part == In::Answer => replaced(told, text),
            ("value", Value::String(told)) if is_column && part == In::Logs => replaced(told, |told| if told.starts_with('{') { nested(told) } else { sentence(told) }),
            (name, value) => field(name, value, part),
        };
    }
    changed
}

fn list(items: &mut [Value], part: In) -> bool {
    let mut changed = false;
    if matches!(part, In::Log | In::Command) {
        let mut before: Option<String> = None;
        for item in items.iter_mut() {
            let is_announced = before.as_deref().is_some_and(|name| HEADER.is_match(name) || name.starts_with('-') && !name.contains('=') && is_secret_name(name));
            let own = item.as_str().map(str::to_owned);
            if is_announced && own.as_deref().is_some_and(|own| !own.starts_with('-') && !HEADER.is_match(own)) {
                changed |= gone(item);
                before = None;
            } else {
                before = own;
            }
        }
    }
    let mut key = private_key::Lines::default();
    for item in items.iter_mut() {
        changed |= json(item, part);
        if part == In::Logs
            && let Some(Value::String(line)) = item.get_mut("message")
            && key.holds(line)
            && line != GONE
        {
            GONE.clone_into(line);
            changed = true;
        }
    }
    changed
}

fn field(name: &str, value: &mut Value, part: In) -> bool {
    match (name, value) {
        (_, value) if part == In::Identity => json(value, part),
        ("environment" | "env" | "Env" | "environ", value @ (Value::Array(_) | Value::Object(_))) => environment(value),
        ("environmentFiles" | "credentialSpecs" | "credentialsParameter" | "valueFrom", value) if part != In::Log => json(value, part),
        ("QueryResultRows", value) if part == In::Answer => json(value, In::Row),
        ("CloudTrailEvent", Value::String(inner)) => replaced(inner, |inner| Cow::Owned(record(inner))),
        ("message", Value::String(line)) if part == In::Logs => replaced(line, nested),
        ("value", Value::String(line)) if part == In::Logs && line.starts_with('{') => replaced(line, nested),
        ("userIdentity" | "accessKeyId" | "AccessKeyId" | "nextToken" | "NextToken" | "nextForwardToken" | "nextBackwardToken" | "subjectFromWebIdentityToken", value)
            if matches!(part, In::Answer | In::Logs) =>
        {
            json(value, In::Identity)
        }
        ("command" | "entryPoint" | "Command", value @ Value::Array(_)) => json(value, In::Command),
        ("requestParameters", Value::Object(parameters)) if part == In::Answer => {
            // Its caller wrote it, and a container's command with it.
            let mut changed = false;
            for name in ["reason", "command", "cause", "description"] {
                if let Some(Value::String(told)) = parameters.get_mut(name) {
                    changed |= replaced(told, text);
                }
            }
            object(parameters, part) || changed
        }
        (name, value @ (Value::Array(_) | Value::Object(_))) if part == In::Log && is_secret_name(name) => below(value) || json(value, part),
        (name, Value::Array(items)) if is_secret_name(name) => items.iter_mut().fold(false, |changed, item| changed | (secret(name, item) || json(item, part))),
        (name, Value::String(told)) if part == In::Answer && TYPED.contains(&name) => replaced(told, text),
        (name, Value::String(told)) if matches!(part, In::Answer | In::Logs) && SENTENCES.contains(&name) => replaced(told, sentence),
        (name, value) => secret(name, value) || json(value, part),
    }
}

/// A value whose name says that it is a secret. ARNs are addresses, and open nothing.
fn secret(name: &str, value: &mut Value) -> bool {
    let is_secret = match value {
        Value::String(told) => is_secret_name(name) && !name.ends_with("Arn") && !told.starts_with("arn:aws") && !matches!(told.as_str(), "" | "true" | "false" | GONE),
        Value::Number(_) => PASSWORD.is_match(name),
        _ => false,
    };
    is_secret && gone(value)
}

/// Whatever stands below a name that says that all of it is secret.
fn below(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => {
            let told = |name: &str| matches!(name, "name" | "Name" | "type" | "kind" | "valueFrom" | "alg" | "algorithm" | "expires" | "key");
            fields.iter_mut().filter(|(name, _)| !told(name)).fold(false, |changed, (_, value)| changed | below(value))
        }
        Value::Array(items) => items.iter_mut().fold(false, |changed, item| changed | below(item)),
        Value::String(told) if told.starts_with("arn:aws") || matches!(told.as_str(), "" | "true" | "false") => false,
        Value::String(_) => gone(value),
        _ => false,
    }
}

fn gone(value: &mut Value) -> bool {
    let is_told = !value.is_null() && value.as_str() != Some(GONE);
    if is_told {
        *value = Value::String(GONE.to_owned());
    }
    is_told
}

fn row(told: &mut String) -> bool {
    static KEY_ID: LazyLock<Regex> = LazyLock::new(|| Regex::new("^(?:AKIA|ASIA)[A-Z0-9]{16}$").expect("a pattern"));
    if KEY_ID.is_match(told) {
        return false;
    }
    let words = if told.contains(char::is_whitespace) { Words::Anybody } else { Words::Name };
    replaced(told, |told| match told.trim_start().starts_with(['{', '[']) {
        true => Cow::Owned(record(told)),
        false => clean(told, words),
    })
}

/// The record inside CloudTrail's answer.
fn record(inner: &str) -> String {
    match serde_json::from_str::<Value>(inner) {
        Ok(mut record) => match json(&mut record, In::Answer) {
            true => record.to_string(),
            false => inner.to_owned(),
        },
        Err(_) => text(inner).into_owned(),
    }
}

/// Names with values, as ECS writes them, as a map, or as `NAME=value`.
fn environment(value: &mut Value) -> bool {
    match value {
        Value::Array(items) => items.iter_mut().fold(false, |changed, item| {
            let this = match item {
                Value::String(pair) => match pair.split_once('=') {
                    Some((name, told)) if told != GONE => {
                        *pair = format!("{name}={GONE}");
                        true
                    }
                    _ => false,
                },
                Value::Object(pair) => ["value", "Value"].into_iter().filter_map(|name| pair.get_mut(name).map(gone)).fold(false, |a, b| a | b),
                _ => false,
            };
            this || changed
        }),
        Value::Object(pairs) => pairs.values_mut().fold(false, |changed, value| changed | if value.is_object() { environment(value) } else { gone(value) }),
        _ => false,
    }
}

/// A log line; JSON is cleaned key by key, so that what is left is still JSON.
#[must_use]
pub fn log_message(line: &str) -> String {
    nested(line).into_owned()
}

fn nested(line: &str) -> Cow<'_, str> {
    if line.trim_start().starts_with(['{', '['])
        && let Ok(mut value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str::<Value>(line)
    {
        let part = if is_awss(&value) { In::Answer } else { In::Log };
        return if json(&mut value, part) { Cow::Owned(value.to_string()) } else { Cow::Borrowed(line) };
    }
    text(line)
}

/// An event of ECS or a record of CloudTrail, kept in a log group: its names are names there, too.
fn is_awss(value: &Value) -> bool {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_event = text("source") == "aws.ecs" && text("detail-type").starts_with("ECS ") && value.get("detail").is_some_and(Value::is_object);
    let is_record = text("eventSource").ends_with(".amazonaws.com") && !text("eventID").is_empty() && !text("eventName").is_empty() && value.get("userIdentity").is_some();
    is_event || is_record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_free_text_go_and_the_rest_stays() {
        for (line, kept) in [
            ("login with password=hunter22 failed", "login with password=[redacted] failed"),
            (r#"{"apiKey": "abcd1234", "n": 1}"#, r#"{"apiKey": "[redacted]", "n": 1}"#),
            ("connecting to postgres://app:s3cr3t@db:5432/x", "connecting to postgres://app:[redacted]@db:5432/x"),
            ("redis://:p@ss@cache/0 is down", "redis://:[redacted]@cache/0 is down"),
            ("clone https://0123456789abcdef0123@git.example.com/x", "clone https://[redacted]@git.example.com/x"),
            ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer [redacted]"),
            ("Authorization: AWS4-HMAC-SHA256 Credential=x/y, Signature=abc123", "Authorization: AWS4-HMAC-SHA256 [redacted]"),
            (r#"{"a":"Authorization: AWS4-HMAC-SHA256 Credential=x, Signature=abc123","b":1}"#, r#"{"a":"Authorization: AWS4-HMAC-SHA256 [redacted]","b":1}"#),
            (r#"Authorization: Digest username="bob", response="0a1b""#, "Authorization: Digest [redacted]"),
            ("Proxy-Authorization: Basic dXNlcjpwYXNz next", "Proxy-Authorization: Basic [redacted] next"),
            ("Cookie: sid=abc; theme=dark; auth=xyz", "Cookie: [redacted]"),
            ("GET /?X-Amz-Signature=0a1b2c&x=1", "GET /?X-Amz-Signature=[redacted]&x=1"),
            ("Server=db;User Id=sa;Password=Pa55;Encrypt=true", "Server=db;User Id=sa;Password=[redacted];Encrypt=true"),
            ("AccountKey=abcDEF012==;EndpointSuffix=x", "AccountKey=[redacted];EndpointSuffix=x"),
            ("posting to https://hooks.slack.com/services/T000/B000/XXXXXXXX", "posting to https://hooks.slack.com/services/[redacted]"),
            ("using ghp_0123456789abcdefABCD and sk_live_0123456789abcdef", "using [redacted] and [redacted]"),
            ("key AKIAIOSFODNN7EXAMPLE used", "key [redacted] used"),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln x", "jwt [redacted] x"),
            ("-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY----- after", "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY----- after"),
            ("secret='quoted secretval' x", "secret='[redacted]' x"),
            (r#"password="two words", next"#, r#"password="[redacted]", next"#),
            ("deploy --token clitoken22 --region eu", "deploy --token [redacted] --region eu"),
            ("deploy --db-password 'hunter 22'", "deploy --db-password '[redacted]'"),
        ] {
            assert_eq!(text(line), kept);
            assert_eq!(text(kept), kept, "twice");
        }
    }

    #[test]
    fn ordinary_lines_and_the_words_of_aws_are_left_alone() {
        for line in [
            "GET /token-service/health 200",
            "usage: deploy --token --region NAME",
            "0 errors, 3 passwords rotated",
            "java.lang.OutOfMemoryError: Java heap space",
            "allocation of 67108864 bytes",
            "unable to retrieve secret: AccessDeniedException: User is not authorized",
            "secret arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf: no such secret",
            "ExpiredToken: The security token included in the request is expired",
            "no basic auth credentials: access denied",
        ] {
            assert_eq!(text(line), line);
        }
    }

    #[test]
    fn names_and_addresses_are_never_rewritten() {
        let record = serde_json::json!({"eventName": "UpdateService", "requestParameters": {"cluster": "npm-registry-prod", "taskDefinition": "reset-password:212", "service": "pypi-mirror-europe"}}).to_string();
        let mut value = serde_json::json!({"clusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/npm-registry-prod", "clusterName": "npm-registry-prod", "family": "refresh-token",
            "taskDefinition": "reset-password:212", "image": "refresh-token:2.0.0", "group": "service:ghs-gateway-internal", "logGroupName": "/ecs/hvs-storage-service",
            "containers": [{"name": "sk-proj-orders-service", "image": "team/jwt-token:2.0.0-rc1", "imageDigest": "sha256:0123"}], "CloudTrailEvent": record,
            "attributes": [{"name": "ecs.capability.secrets.asm", "value": "kept"}], "credentialSpecs": ["credentialspec:arn:aws:s3:::a/b"]});
        let before = value.clone();
        assert!(!json(&mut value, In::Answer), "{value}");
        assert_eq!(value, before);
        let event = serde_json::json!({"source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": {"taskDefinitionArn": "arn:aws:ecs:r:1:task-definition/password:212", "group": "family:password:212"}}).to_string();
        assert_eq!(log_message(&event), event, "an event in a log group is AWS's, too");
        for line in [
            "rolled out reset-password:212",
            "pulling acme/refresh-token:2.0.0 of npm-registry-prod",
            "arn:aws:ecs:eu-west-1:111122223333:task-definition/password:212 is inactive",
        ] {
            assert_eq!(text(line), line);
        }
    }

    #[test]
    fn the_words_of_aws_stay_and_what_they_quote_goes() {
        for line in [
            "failed to fetch anonymous token: unexpected status from GET request to https://auth.docker.io/token?scope=repository: 401 Unauthorized",
            "failed to fetch oauth token: TLS handshake timeout",
            "failed to fetch anonymous token: toomanyrequests: You have reached your pull rate limit.",
            "failed to fetch anonymous token: 429 Too Many Requests",
            r#"failed to fetch anonymous token: Get "https://auth.docker.io/token": lookup auth.docker.io: no such host"#,
            "asm fetching secret from the service for prod/jwt-token: RequestCanceled: request context canceled",
            "failed to resolve ref d/refresh-token:2.0.0: not found",
        ] {
            let mut task = serde_json::json!({"stoppedReason": line, "containers": [{"reason": line}]});
            assert!(!json(&mut task, In::Answer), "{task}");
            assert_eq!(text(line), line, "nor in a log");
        }
        let mut task = serde_json::json!({"stoppedReason": "exec: serve --password geheim1 --url=postgres://a:geheim2@h/x API_KEY=geheim3", "overrides": {"command": ["serve", "--password", "geheim4"]}});
        assert!(json(&mut task, In::Answer) && !task.to_string().contains("geheim"), "{task}");
        let mut stopped = serde_json::json!({"stopCode": "UserInitiated", "stoppedReason": "rotating, new password: geheim1"});
        assert!(json(&mut stopped, In::Answer) && !stopped.to_string().contains("geheim"), "{stopped}");
        let mut tags = serde_json::json!({"tags": [{"key": "db-password", "value": "geheim1"}, {"key": "team", "value": "payments"}]});
        assert!(json(&mut tags, In::Answer) && tags["tags"][1]["value"] == "payments" && !tags.to_string().contains("geheim"), "{tags}");
    }

    #[test]
    fn secrets_go_in_whatever_way_they_are_written() {
        for line in [
            "HTTP_AUTHORIZATION='Basic geheim1=='",
            r#""HTTP_COOKIE"=>"sid=geheim1; theme=dark""#,
            "('Authorization', 'Basic geheim1==')",
            "(b'cookie', b'sid=geheim1')",
            r#"{"headers":[["authorization","Basic geheim1=="]]}"#,
            r#"{"headers":[{"name":"Authorization","value":"Basic geheim1=="}]}"#,
            r#"{"rawHeaders":["Host","x","Authorization","Basic geheim1=="]}"#,
            "Authorization: GenieKey geheim1-0001",
            r#""password"=>"geheim1""#,
            "<settings><password>geheim1</password></settings>",
            r#"body="{\"password\":\"geheim1\"}""#,
            r#"{"log":"{\"body\":\"{\\\"password\\\":\\\"geheim1\\\"}\"}"}"#,
            "X-Amz-Security-Token%3Dgeheim1%26x",
            r"?X-Amz-Signature\u003dgeheim1\u0026a",
            "DB_PASS=geheim1",
            "smtp pass=geheim1",
            "SECRET_KEY_BASE=geheim1",
            "APP_KEY=base64:geheim1=",
            "TLS_KEY=geheim1",
            "PASSWORD_HASH=geheim1",
            r#"password := "geheim1""#,
            "password -> geheim1",
            "password=abc,geheim1",
            "password=abc;geheim1!",
            "password=abcd&geheim1",
            r#"password=abc"geheim1"#,
            r#"{"password":{"value":"geheim1"}}"#,
            r#"env: {"name": "DB_PASSWORD", "value": "geheim1"}"#,
            r#"{"argv":["serve","--password","geheim1"]}"#,
            "https://a.blob.core.windows.net/c?sv=2022&sig=geheim1%3D",
            "jdbc:oracle:thin:scott/geheim1@//db:1521/X",
            "curl -u admin:geheim1 https://x",
            "https://discord.com/api/webhooks/1234567890/geheim1geheim1",
            "https://acme.webhook.office.com/webhookb2/geheim1@x/IncomingWebhook/y",
            "https://api.telegram.org/bot123456789:AAgeheim1geheim1geheim1/send",
            "dckr_pat_geheim1geheim1geheim1",
            "hf_geheim1geheim1geheim1geheim1geheim1",
            "glsa_geheim1geheim1geheim1geheim1",
            "glrt-geheim1geheim1geheim1",
            "sk-svcacct-Geheim1geheim1geheim1",
            "ATATT3xFfGF0geheim1geheim1geheim1",
            "eyJhbGciOiJkaXIifQ..geheim1.geheim1.geheim1",
            r#"{"tokens":["geheim1"]}"#,
            r#"<property name="db.password" value="geheim1"/>"#,
        ] {
            let told = log_message(line);
            assert!(!told.to_ascii_lowercase().contains("geheim"), "{line}: {told}");
            assert_eq!(log_message(&told), told, "twice");
        }
    }

    #[test]
    fn a_private_key_behind_what_a_logger_writes_goes_and_other_lines_stay() {
        let events = |lines: &[&str]| serde_json::json!({"events": lines.iter().map(|line| serde_json::json!({"message": line})).collect::<Vec<_>>()});
        let mut value = events(&[
            "10:00 INFO -----BEGIN RSA PRIVATE KEY-----",
            "10:00 INFO GEHEIM0123456789abcdef",
            "GET /health 200",
            "10:00 INFO GEHEIM9876543210abcdef",
            "10:00 INFO -----END RSA PRIVATE KEY-----",
            "10:01 INFO deadbeefdeadbeefdeadbeef",
            r#"{"msg":"-----BEGIN PRIVATE KEY-----"}"#,
            r#"{"msg":"GEHEIM0123456789abcdef"}"#,
            r#"{"msg":"-----END PRIVATE KEY-----"}"#,
            "PuTTY-User-Key-File-2: ssh-rsa",
            "Private-Lines: 1",
            "GEHEIM0123456789abcdef",
            "Private-MAC: 00",
        ]);
        assert!(json(&mut value, In::Logs));
        let told = value.to_string();
        assert!(!told.contains("GEHEIM") && told.contains("GET /health 200") && told.contains("deadbeef"), "{told}");
        assert!(!json(&mut value, In::Logs), "twice");
    }

    #[test]
    fn environment_values_go_and_key_ids_of_identities_stay() {
        let record = serde_json::json!({"userIdentity": {"accessKeyId": "ASIAEXAMPLE000000001"}, "requestParameters": {"password": "x1y2"},
            "responseElements": {"credentials": {"accessKeyId": "ASIAEXAMPLE000000002", "sessionToken": "geheim"}, "subjectFromWebIdentityToken": "repo:shop/web"}})
        .to_string();
        let mut value = serde_json::json!({"overrides": {"containerOverrides": [{"environment": [{"name": "DB", "value": "geheim"}]}]}, "CloudTrailEvent": record,
            "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::bucket/app.env"}], "secrets": [{"name": "DB", "valueFrom": "arn:aws:secretsmanager:r:1:secret:db"}]});
        assert!(json(&mut value, In::Answer));
        let text = value.to_string();
        assert!(!text.contains("geheim") && !text.contains("x1y2"), "{text}");
        let mut lake = serde_json::json!({"QueryResultRows": [[{"c1": "ASIAEXAMPLE000000001"}, {"c2": "{\"accessKeyId\":\"ASIAEXAMPLE000000002\",\"sessionToken\":\"geheim\"}"}, {"c3": "with ASIAEXAMPLE000000003"}]]});
        assert!(json(&mut lake, In::Answer));
        let told = lake.to_string();
        assert!(told.contains("000000001") && told.contains("000000002") && !told.contains("geheim") && !told.contains("000000003"), "{told}");
        for kept in ["ASIAEXAMPLE000000001", "ASIAEXAMPLE000000002", "repo:shop/web", "bucket/app.env", "secret:db"] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        assert!(!json(&mut value, In::Answer), "twice");
    }

    #[test]
    fn nothing_in_a_log_line_is_an_identity() {
        let line = r#"{"userIdentity":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE"},"headers":{"Authorization":["Bearer abc"],"cookie":"a=b"},"password":12345,"env":["A=geheim"],"environment":"prod"}"#;
        let told = log_message(line);
        for gone in ["AKIAIOSFODNN7EXAMPLE", "Bearer abc", "a=b", "12345", "geheim"] {
            assert!(!told.contains(gone), "{gone}: {told}");
        }
        assert!(told.contains(r#""environment":"prod""#), "{told}");
        assert_eq!(log_message(&told), told);
    }

    #[test]
    fn a_private_key_that_was_logged_line_by_line_goes() {
        let events = |lines: &[&str]| serde_json::json!({"events": lines.iter().map(|line| serde_json::json!({"message": line})).collect::<Vec<_>>()});
        let mut value = events(&["start", "-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "abcd==", "-----END PRIVATE KEY-----", "deadbeef"]);
        assert!(json(&mut value, In::Logs));
        assert_eq!(value, events(&["start", "-----BEGIN PRIVATE KEY-----[redacted]", GONE, GONE, "-----END PRIVATE KEY-----", "deadbeef"]));
        assert!(!json(&mut value, In::Logs), "twice");
    }

    #[test]
    fn xml_keeps_its_marks_and_broken_json_its_environment_to_itself() {
        assert_eq!(body_text("<a><b>password=geheim1</b><c>x</c></a>"), "<a><b>password=[redacted]</b><c>x</c></a>");
        assert_eq!(body_text(r#"{"environment":[{"name":"A","value":"geheim"}"#), r#"{"environment":[{"name":"A","value":"[redacted]"}"#);
    }

    #[test]
    fn whatever_is_a_secret_has_a_mark() {
        let samples = [
            "password=abc",
            "x-amz-credential=abc",
            "jsessionid=abc",
            "PHPSESSID=abc",
            "signature=abc",
            "account_key: abc1",
            "https://0123456789abcdef0@host",
            "ghp_0123456789abcdefA",
            "npm_0123456789abcdefA",
            "SG.0123456789abcdef.0123456789abcdef",
            "ya29.0123456789abcdef0123",
            "xoxb-0123456789-0123456789abcdef",
            "glsa_0123456789abcdef01234567",
            "https://x.blob.core.windows.net/c?sv=1&sig=abcdef0123",
            "curl -u admin:geheim",
            "mysql -h db -pgeheim",
            "redis-cli -a geheim",
        ];
        for line in samples {
            assert!(has_mark(line) && text(line) != line, "{line}");
        }
    }

    #[test]
    fn nothing_is_left_behind_a_quote_that_is_not_closed() {
        for (line, told) in [
            (r#"token="aaa password="hunter2" done"#, r#"token="[redacted]" done"#),
            ("token='aaa password='hunter2' done", "token='[redacted]' done"),
            (r#"DB_PASSWORD="p1 API_TOKEN="x9y8z7" done"#, r#"DB_PASSWORD="[redacted]" done"#),
            (r#"password="line one and two"#, r#"password="[redacted]"#),
            ("password=\"line one\nrest of it\" done", "password=\"[redacted]\" done"),
            ("password=\"line one\r\nrest of it\" done", "password=\"[redacted]\" done"),
            (r#"password=="two words" x"#, r#"password=="[redacted]" x"#),
            (r#"password==\"two words\" x"#, r#"password==\"[redacted]\" x"#),
        ] {
            assert_eq!(text(line), told);
        }
        let lines = "secret: \"abc def\nat main.rs:7\nat lib.rs:9\nuser=jane said \"hello\"";
        assert_eq!(text(lines), lines.replace("abc def", "[redacted]"), "of a value that was cut other lines are no part");
    }

    #[test]
    fn a_line_of_nothing_but_announcements_is_read_in_a_time_that_grows_with_its_length() {
        let pieces = [
            r#""password":""#,
            r#"\"password\":\""#,
            "'password':'",
            "token: \"",
            "token: \u{201c}",
            "secret='",
            "token:a&",
            "password=1,",
            "{'password': 'abcd', 'n': 1}, ",
            "\\\\\\\\\"",
        ];
        for piece in pieces {
            let began = std::time::Instant::now();
            let _ = text(&piece.repeat(200_000 / piece.len()));
            assert!(began.elapsed().as_secs() < 20, "{piece}: {:?}", began.elapsed());
        }
    }

    proptest::proptest! {
        #[test]
        fn redacting_twice_changes_nothing_more(parts in proptest::collection::vec("(password|secret|token|Cookie|Authorization|Bearer|--token|api_key|://|eyJabcdefgh\\.abcdefgh|-----BEGIN PRIVATE KEY-----|-----END PRIVATE KEY-----|AKIAIOSFODNN7EXAMPLE|[:=@\"' ,;\\[\\]]|[a-zA-Z0-9]{1,20})", 0..12)) {
            let once = text(&parts.concat()).into_owned();
            proptest::prop_assert_eq!(text(&once).into_owned(), once);
        }
    }
}
