//! Secrets go before anything is printed or saved. Access key ids in CloudTrail identities stay: they link the
//! hops of a chain and open nothing.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use regex::{Captures, Regex};
use serde_json::Value;

use super::case::{Case, Exchange};

const GONE: &str = "[redacted]";

/// `NAME` that holds a secret, as an environment variable, a JSON key or a parameter.
static SECRET_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)passw(or)?d|passphrase|passcode|secret|token|(api|access|account|private|encryption|signing|master|shared|license|ssh)[_-]?key|credential|authorization|cookie|j?session[_-]?id|sessid|signature|connection[_-]?string|(^|[_-])(pwd|auth|sig|dsn)$",
    )
    .expect("a pattern")
});

/// A name whose value is a secret even where it is a number.
static PASSWORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?i)passw(or)?d|passphrase|passcode|secret").expect("a pattern"));

/// What is no secret, whatever stands before it: an ARN, what was redacted before, how a caller proves who it is.
static NO_SECRET: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:arn:aws|\[?redacted\]|(?i:bearer|basic|token|apikey|negotiate|digest|aws4-hmac-sha256)\s*$)").expect("a pattern"));

/// What stands behind a name and a colon in a sentence, where no secret does: `secret: AccessDeniedException`.
static PROSE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?x)^(?:
          \w*(?:Exception|Error|Denied|Expired|NotFound|Failure|Fault)
        | (?i:the|an?|not|no|is|was|are|has|could|cannot|unable|failed|failure|error|invalid|missing|expired|denied|access|service|operation|request|rpc|secrets|true|false|null|none|nil|undefined)
    )(?:[\s.,;:)]|$)")
    .expect("a pattern")
});

/// In front of `secret:` in the ARN of one, which is its address and not itself.
static SECRETS_ARN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"arn:aws[\w-]*:secretsmanager:[\w-]*:\d*:$").expect("a pattern"));

/// A secret inside free text.
struct Secret {
    /// The line, in small letters, holds one of these: most patterns are never needed, and never built.
    holds: &'static [&'static str],
    /// And this.
    too: &'static str,
    /// What is kept stands in group 1 and, behind it, in group 2; what goes is in between.
    pattern: String,
    built: OnceLock<Regex>,
}

const NAMES: &[&str] = &[
    "passw",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "_key",
    "-key",
    "apikey",
    "accountkey",
    "accesskey",
    "privatekey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "licensekey",
    "sshkey",
    "credential",
    "session_id",
    "session-id",
    "sessionid",
    "sessid",
    "signature",
    "connection_string",
    "connection-string",
    "connectionstring",
];
const VENDORS: &[&str] = &[
    "ghp",
    "gho",
    "ghu",
    "ghs",
    "ghr",
    "github_pat",
    "glpat",
    "glptt",
    "gldt",
    "xox",
    "xapp",
    "k_live",
    "k_test",
    "whsec",
    "shpat",
    "shpss",
    "npm",
    "hvs",
    "hvb",
    "dop_v1",
    "sk-ant",
    "sk-proj",
    "pypi",
];

static SECRET_TEXT: LazyLock<Vec<Secret>> = LazyLock::new(|| {
    let name = r"(?i-u:passw(?:or)?d|passphrase|passcode|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|(?:access|auth|id|refresh|session|security|bearer|csrf|xsrf)?[_-]?token|(?:api|account|private|encryption|signing|master|shared[_-]?access|license|ssh)[_-]?key|client[_-]?secret|credentials?|j?session[_-]?id|phpsessid|sharedaccesssignature|(?:x-amz-)?signature|x-amz-credential|connection[_-]?string)";
    let between = r#"["']?\s*(?:=|:|\s=>\s)\s*"#;
    [
        // A whole header: a cookie is many pairs, a signature stands at the end of many.
        (&["cookie"][..], "", r#"(\b(?i-u:(?:set-)?cookie)["']?\s*[:=]\s*["'\[]*)[^"'\r\n\[][^"'\r\n]{2,}"#.to_owned()),
        (&["authorization"], "", r#"(\b(?i-u:authorization)["']?\s*[:=]\s*["'\[]*(?i-u:aws4-hmac-sha256|digest)\s+)[^"'\r\n\[](?:=\\?"[^"]*"|[^"'\r\n]){5,}"#.to_owned()),
        (&["authorization"], "", r#"(\b(?i-u:authorization)["']?\s*[:=]\s*["'\[]*(?:(?i-u:bearer|basic|token|apikey|negotiate)\s+)?)[^\s"',\[]{6,}"#.to_owned()),
        // password="a b", 'token': 'a b', --token a
        (NAMES, "\"", format!(r#"({name}{between}")[^"]{{3,}}"#)),
        (NAMES, "'", format!(r#"({name}{between}')[^']{{3,}}"#)),
        (NAMES, "-", format!(r#"(--?[A-Za-z0-9_-]*{name}\s+["']?)[^\s"'\[-][^\s"']{{2,}}"#)),
        // password=…, apiKey: …
        (NAMES, "", format!(r#"({name}{between}["']?)[^\s"',;&\[]{{3,}}"#)),
        (&["bearer"], "", r"(\b(?i-u:bearer)\s+)[A-Za-z0-9._~+/=-]{12,}".to_owned()),
        // user:password@host, token@host
        (&["://"], "@", r#"(\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@"']*:)[^\s/"'<>]+(@)"#.to_owned()),
        (&["://"], "@", r#"(\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s:/@"'<>\[]{16,}(@)"#.to_owned()),
        // JSON web tokens, AWS keys and the marks of other vendors' tokens
        (&["eyj"], ".", r"()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*".to_owned()),
        (&["akia", "asia"], "", r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b".to_owned()),
        (VENDORS, "", r"()\b(?:ghp|gho|ghu|ghs|ghr|github_pat|glpat|glptt|gldt|xox[abeprs]|xapp|[sr]k_live|[sr]k_test|whsec|shpat|shpss|npm|hvs|hvb|dop_v1|sk-ant|sk-proj|pypi)[_.-][A-Za-z0-9_-]{10,}".to_owned()),
        (&["aiza", "ya29.", "sk-", "sg."], "", r"()\b(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})".to_owned()),
        (&["hooks.slack"], "", r"(hooks\.slack\.com/(?:services|workflows|triggers)/)[A-Za-z0-9_/-]{10,}".to_owned()),
        (&["private key"], "", r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)[\s\S]*?(-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)".to_owned()),
    ]
    .into_iter()
    .map(|(holds, too, pattern)| Secret { holds, too, pattern, built: OnceLock::new() })
    .collect()
});

impl Secret {
    /// Its pattern, if a line can hold it.
    fn in_line(&self, small: &str) -> Option<&Regex> {
        let may = small.contains(self.too) && self.holds.iter().any(|mark| small.contains(mark));
        may.then(|| self.built.get_or_init(|| Regex::new(&self.pattern).expect("a pattern")))
    }
}

/// What every one of those patterns holds a piece of: most lines of most logs have none, and are read no further.
static MARK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i-u)passw|passphrase|passcode|pwd|secret|token|key|credential|session|sessid|signature|connection|cookie|authorization|bearer|://|eyJ|AKIA|ASIA|gh[pousr]_|ghp-|gho-|ghu-|ghs-|ghr-|github_pat|gl(?:pat|ptt)|gldt|xox|xapp|_live|_test|whsec|shpat|shpss|npm[_.-]|hv[sb][_.-]|dop_v1|sk-|pypi|AIza|ya29|SG\.|hooks\.slack").expect("a pattern")
});

static KEY_BEGINS: LazyLock<Regex> = LazyLock::new(|| Regex::new("-----BEGIN [A-Z0-9 ]*PRIVATE KEY").expect("a pattern"));
/// Of a private key that was logged line by line.
static KEY_LINE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\s*(?:[A-Za-z0-9+/=]{4,}|(?:Proc-Type|DEK-Info): .*|)\s*$").expect("a pattern"));

/// Free text without the secrets in it. Idempotent: redacting twice changes nothing more.
#[must_use]
pub fn text(line: &str) -> Cow<'_, str> {
    let mut line = Cow::Borrowed(line);
    if !MARK.is_match(&line) {
        return line;
    }
    let small = line.to_ascii_lowercase();
    for pattern in SECRET_TEXT.iter().filter_map(|secret| secret.in_line(&small)) {
        if pattern.is_match(&line) {
            let clean = pattern.replace_all(&line, |found: &Captures<'_>| without_secret(found, &line)).into_owned();
            line = Cow::Owned(clean);
        }
    }
    line
}

fn without_secret(found: &Captures<'_>, line: &str) -> String {
    let whole = found.get(0).expect("a match has a whole");
    let (kept, behind) = (found.get(1).map_or("", |kept| kept.as_str()), found.get(2).map_or("", |behind| behind.as_str()));
    let secret = &whole.as_str()[kept.len()..whole.as_str().len() - behind.len()];
    let is_address = kept.ends_with(':') && kept.to_ascii_lowercase().starts_with("secret") && SECRETS_ARN.is_match(&line[..whole.start()]);
    let is_told = kept.trim_end().ends_with(':') && PROSE.is_match(secret);
    match is_address || is_told || !kept.is_empty() && NO_SECRET.is_match(secret) {
        true => whole.as_str().to_owned(),
        false => format!("{kept}{GONE}{behind}"),
    }
}

/// Whether a name says that its value is a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
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
    match &mut exchange.response {
        Value::String(body) => match body_text(body) {
            Cow::Owned(clean) => {
                *body = clean;
                true
            }
            Cow::Borrowed(_) => false,
        },
        body => json(body, In::Answer),
    }
}

/// The same for a document that somebody pasted.
pub fn document(value: &mut Value) -> bool {
    json(value, In::Answer)
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
    if !trimmed.starts_with('<') || !MARK.is_match(body) {
        return text(body);
    }
    let mut clean = String::with_capacity(body.len());
    for piece in body.split_inclusive('>') {
        let (told, mark) = piece.split_at(piece.find('<').unwrap_or(piece.len()));
        clean.push_str(&text(told));
        clean.push_str(mark);
    }
    if clean == body { Cow::Borrowed(body) } else { Cow::Owned(clean) }
}

/// What a JSON value is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    Answer,
    /// `userIdentity`, key ids and page tokens in CloudTrail's and other answers: all of it stays.
    Identity,
    /// A log line: nothing in it is known to be harmless.
    Log,
    /// A row of an event data store, whose columns have no names: a key id that stands alone is an identity's.
    Row,
}

/// Takes the secrets out; says whether there were any.
fn json(value: &mut Value, part: In) -> bool {
    match value {
        Value::Object(fields) => {
            let mut changed = false;
            for (name, value) in fields.iter_mut() {
                changed |= field(name, value, part);
            }
            changed
        }
        Value::Array(items) => {
            let mut key = false;
            items.iter_mut().fold(false, |changed, item| changed | (part == In::Answer && key_line(item, &mut key) || json(item, part)))
        }
        Value::String(told) if part == In::Row => row(told),
        Value::String(line) if part != In::Identity => clean(line),
        _ => false,
    }
}

fn field(name: &str, value: &mut Value, part: In) -> bool {
    match (name, value) {
        (_, value) if part == In::Identity => json(value, part),
        ("environment" | "env" | "Env", value @ (Value::Array(_) | Value::Object(_))) => environment(value),
        ("environmentFiles", value) => json(value, part),
        ("QueryResultRows", value) if part == In::Answer => json(value, In::Row),
        ("CloudTrailEvent", Value::String(inner)) => {
            let told = record(inner);
            let changed = told != *inner;
            *inner = told;
            changed
        }
        // A line of a log, or of a query of one.
        ("message" | "value", Value::String(inner)) if name == "message" || inner.starts_with('{') => {
            let told = log_message(inner);
            let changed = told != *inner;
            *inner = told;
            changed
        }
        ("userIdentity" | "accessKeyId" | "AccessKeyId" | "nextToken" | "NextToken" | "nextForwardToken" | "nextBackwardToken" | "subjectFromWebIdentityToken", value)
            if part == In::Answer =>
        {
            json(value, In::Identity)
        }
        (name, Value::Array(items)) if is_secret_name(name) => items.iter_mut().fold(false, |changed, item| changed | (secret(name, item) || json(item, part))),
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
    if is_secret {
        *value = Value::String(GONE.to_owned());
    }
    is_secret
}

fn row(told: &mut String) -> bool {
    static KEY_ID: LazyLock<Regex> = LazyLock::new(|| Regex::new("^(?:AKIA|ASIA)[A-Z0-9]{16}$").expect("a pattern"));
    if KEY_ID.is_match(told) {
        return false;
    }
    let other = record(told);
    let changed = other != *told;
    *told = other;
    changed
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

fn clean(line: &mut String) -> bool {
    if let Cow::Owned(clean) = text(line)
        && clean != *line
    {
        *line = clean;
        return true;
    }
    false
}

/// A line of a private key, where the lines before it began one.
fn key_line(event: &mut Value, is_in_key: &mut bool) -> bool {
    let Some(Value::String(line)) = event.get_mut("message") else { return false };
    if KEY_BEGINS.is_match(line) {
        *is_in_key = !line.contains("-----END");
        return false;
    }
    if !*is_in_key || !KEY_LINE.is_match(line) {
        *is_in_key = false;
        return false;
    }
    let is_secret = !line.trim().is_empty();
    if is_secret {
        *line = GONE.to_owned();
    }
    is_secret
}

/// Names with values, as ECS writes them, as a map, or as `NAME=value`.
fn environment(value: &mut Value) -> bool {
    let gone = |value: &mut Value| {
        let is_told = !value.is_null() && value.as_str() != Some(GONE);
        if is_told {
            *value = Value::String(GONE.to_owned());
        }
        is_told
    };
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

/// A log line; a JSON object is cleaned key by key, so that what is left is still JSON.
#[must_use]
pub fn log_message(line: &str) -> String {
    if line.trim_start().starts_with('{')
        && let Ok(mut object) = serde_json::from_str::<Value>(line)
    {
        return if json(&mut object, In::Log) { object.to_string() } else { line.to_owned() };
    }
    text(line).into_owned()
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
            ("using ghp_0123456789abcdef0123 and sk_live_0123456789abcdef", "using [redacted] and [redacted]"),
            ("key AKIAIOSFODNN7EXAMPLE used", "key [redacted] used"),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln x", "jwt [redacted] x"),
            ("-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY----- after", "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY----- after"),
            ("secret='quoted secretval' x", "secret='[redacted]' x"),
            (r#"password="two words", next"#, r#"password="[redacted]", next"#),
            ("deploy --token clitoken22 --region eu", "deploy --token [redacted] --region eu"),
            ("deploy --db-password 'hunter 22'", "deploy --db-password '[redacted] 22'"),
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
        assert!(json(&mut value, In::Answer));
        assert_eq!(value, events(&["start", "-----BEGIN PRIVATE KEY-----[redacted]", GONE, GONE, "-----END PRIVATE KEY-----", "deadbeef"]));
        assert!(!json(&mut value, In::Answer), "twice");
    }

    #[test]
    fn xml_keeps_its_marks_and_broken_json_its_environment_to_itself() {
        assert_eq!(body_text("<a><b>password: geheim1</b><c>x</c></a>"), "<a><b>password: [redacted]</b><c>x</c></a>");
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
            "ghp_0123456789abcdef",
            "npm_0123456789abcdef",
            "SG.0123456789abcdef.0123456789abcdef",
            "ya29.0123456789abcdef0123",
            "xoxb-0123456789",
        ];
        for line in samples {
            assert!(SECRET_TEXT.iter().any(|secret| Regex::new(&secret.pattern).unwrap().is_match(line)) && text(line) != *line, "{line}");
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
