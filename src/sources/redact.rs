//! Secrets go before anything is printed or saved. Access key ids in CloudTrail identities stay: they link the
//! hops of a chain and open nothing.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::case::{Case, Exchange};

const GONE: &str = "[redacted]";

/// `NAME` that holds a secret, as an environment variable, a JSON key or a parameter.
static SECRET_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)passw(or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|authorization|cookie|session[_-]?id|(^|[_-])pwd$|(^|[_-])auth$")
        .expect("a pattern")
});

/// A secret inside free text. What is kept stands in group 1, what goes follows it.
static SECRET_TEXT: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let name = r"(?:passw(?:or)?d|passphrase|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|(?:access|auth|id|refresh|session|security|bearer)?[_-]?token|api[_-]?key|private[_-]?key|client[_-]?secret|credentials?|set-cookie|cookie)";
    [
        // password="a b", 'token': 'a b', --token a
        format!(r#"(?i)({name}["']?\s*(?:=|:|\s=>\s)\s*")[^"]{{3,}}"#),
        format!(r#"(?i)({name}["']?\s*(?:=|:|\s=>\s)\s*')[^']{{3,}}"#),
        format!(r#"(?i)(--?[\w-]*{name}\s+["']?)[^\s"'\[-][^\s"']{{2,}}"#),
        // password=…, apiKey: …
        format!(r#"(?i)({name}["']?\s*(?:=|:|\s=>\s)\s*["']?)[^\s"',;&\[]{{3,}}"#),
    ]
    .into_iter()
    .chain(
        [
            r"(?i)(\bauthorization[\x22']?\s*[:=]\s*[\x22']?(?:bearer|basic|digest|aws4-hmac-sha256)?\s*)[^\s\x22',]{6,}",
            r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{12,}",
            // user:password@host
            r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+@",
            // JSON web tokens, AWS keys and the marks of other vendors' tokens
            r"()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
            r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
            r"()\b(?:ghp|gho|ghu|ghs|ghr|glpat|xox[abpr]|sk_live|rk_live)[_-][A-Za-z0-9_-]{10,}",
            r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(?:-----END|$)",
        ]
        .map(str::to_owned),
    )
    .map(|pattern| Regex::new(&pattern).expect("a pattern"))
    .collect()
});

/// Free text without the secrets in it. Idempotent: redacting twice changes nothing more.
#[must_use]
pub fn text(line: &str) -> Cow<'_, str> {
    let mut line = Cow::Borrowed(line);
    for pattern in SECRET_TEXT.iter() {
        if pattern.is_match(&line) {
            let at_host = pattern.as_str().ends_with('@');
            let replacement = if at_host { format!("${{1}}{GONE}@") } else { format!("${{1}}{GONE}") };
            line = Cow::Owned(pattern.replace_all(&line, replacement.as_str()).into_owned());
        }
    }
    line
}

/// Whether a name says that its value is a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    SECRET_NAME.is_match(name)
}

/// A case as it may be given away: environment values, secrets in logs and parameters are gone.
#[must_use]
pub fn case(mut case: Case) -> Case {
    for exchange in &mut case.exchanges {
        body(exchange);
    }
    case
}

fn body(exchange: &mut Exchange) {
    if !exchange.is_binary() {
        json(&mut exchange.response, false);
    }
}

/// Inside `userIdentity` and CloudTrail's outer fields the key ids stay.
fn json(value: &mut Value, identity: bool) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match (name.as_str(), &mut *value) {
                    ("environment" | "environmentFiles", Value::Array(items)) => items.iter_mut().for_each(environment),
                    ("CloudTrailEvent", Value::String(inner)) => {
                        if let Ok(mut record) = serde_json::from_str::<Value>(inner) {
                            json(&mut record, false);
                            *inner = record.to_string();
                        }
                    }
                    ("userIdentity" | "accessKeyId" | "AccessKeyId" | "nextToken" | "NextToken" | "nextForwardToken" | "nextBackwardToken", _) => json(value, true),
                    ("message", Value::String(line)) => *line = log_message(line),
                    (name, Value::String(secret)) if !identity && is_secret_name(name) && !name.ends_with("Arn") => *secret = GONE.to_owned(),
                    _ => json(value, identity),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| json(item, identity)),
        Value::String(line) if !identity => {
            if let Cow::Owned(clean) = text(line) {
                *line = clean;
            }
        }
        _ => {}
    }
}

fn environment(item: &mut Value) {
    if let Some(value) = item.get_mut("value") {
        *value = Value::String(GONE.to_owned());
    }
}

/// A log line; a JSON object is cleaned key by key, so that what is left is still JSON.
#[must_use]
pub fn log_message(line: &str) -> String {
    if line.trim_start().starts_with('{')
        && let Ok(mut object) = serde_json::from_str::<Value>(line)
    {
        let before = object.clone();
        json(&mut object, false);
        return if object == before { line.to_owned() } else { object.to_string() };
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
            ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer [redacted]"),
            ("key AKIAIOSFODNN7EXAMPLE used", "key [redacted] used"),
            ("secret='quoted secretval' x", "secret='[redacted]' x"),
            (r#"password="two words", next"#, r#"password="[redacted]", next"#),
            ("deploy --token clitoken22 --region eu", "deploy --token [redacted] --region eu"),
            ("deploy --db-password 'hunter 22'", "deploy --db-password '[redacted] 22'"),
        ] {
            assert_eq!(text(line), kept);
        }
    }

    #[test]
    fn redacting_twice_changes_nothing_more() {
        for line in ["password=hunter22 and token: abcdef", "secret='a secret' --token clitoken22", "Authorization: Bearer abcdef0123456789", "postgres://a:b@c"] {
            let once = text(line).into_owned();
            assert_eq!(text(&once), once);
        }
    }

    #[test]
    fn ordinary_lines_are_left_alone() {
        for line in [
            "GET /token-service/health 200",
            "usage: deploy --token --region NAME",
            "0 errors, 3 passwords rotated",
            "java.lang.OutOfMemoryError: Java heap space",
            "allocation of 67108864 bytes",
        ] {
            assert_eq!(text(line), line);
        }
    }

    #[test]
    fn environment_values_go_and_key_ids_of_identities_stay() {
        let record = serde_json::json!({"userIdentity": {"accessKeyId": "ASIAEXAMPLE000000001"}, "requestParameters": {"password": "x1y2"}}).to_string();
        let mut value = serde_json::json!({"overrides": {"containerOverrides": [{"environment": [{"name": "DB", "value": "geheim"}]}]}, "CloudTrailEvent": record});
        json(&mut value, false);
        let text = value.to_string();
        assert!(!text.contains("geheim") && !text.contains("x1y2"), "{text}");
        assert!(text.contains("ASIAEXAMPLE000000001"), "{text}");
    }
}
