//! The secrets in a text: by their own form, by the header they stand in, and by the name in front of them. How much of
//! that is looked for depends on whose words they are.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use regex::{Captures, Regex};

use super::GONE;
use super::named;

/// Whose words a text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Words {
    /// The name, address or id of something: only what can be nothing but a secret goes.
    Name,
    /// AWS's own sentence, which may quote somebody: no word goes because of the one before it.
    Aws,
    /// A program's or a person's: whatever a name announces goes, too.
    Anybody,
}

/// A secret that is known by its form.
struct Form {
    /// From these on it is looked for.
    least: Words,
    /// The line, in small letters, holds one of these: most patterns are never needed, and never built.
    holds: &'static [&'static str],
    /// What is kept stands in group 1 and, behind it, in group 2; what goes is in between.
    pattern: &'static str,
    /// Whether what was found is a secret.
    is_secret: fn(&str) -> bool,
    built: OnceLock<Regex>,
}

const VENDORS: &[&str] = &[
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "glptt-",
    "gldt-",
    "glrt-",
    "xox",
    "xapp-",
    "k_live_",
    "k_test_",
    "whsec_",
    "shpat_",
    "shpss_",
    "npm_",
    "hvs.",
    "hvb.",
    "dop_v1_",
    "sk-",
    "pypi-",
    "dckr_pat_",
    "hf_",
    "glsa_",
    "atatt3x",
    "aiza",
    "ya29.",
    "sg.",
];

fn always(_: &str) -> bool {
    true
}

/// Digits among letters, as words have none.
fn is_mixed(told: &str) -> bool {
    told.bytes().any(|byte| byte.is_ascii_digit()) && told.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn has_digit(told: &str) -> bool {
    told.bytes().any(|byte| byte.is_ascii_digit())
}

/// A port and a path behind a host are no password.
fn is_no_port(told: &str) -> bool {
    let digits = told.bytes().take_while(u8::is_ascii_digit).count();
    digits == 0 || !told[digits..].starts_with(['/', '?', '#'])
}

static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let form = |least, holds, pattern, is_secret| Form { least, holds, pattern, is_secret, built: OnceLock::new() };
    vec![
        form(
            Words::Name,
            &["private key"][..],
            r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)[\s\S]*?(-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)",
            always as fn(&str) -> bool,
        ),
        form(Words::Name, &["private key"], r"(---- BEGIN SSH2 [A-Z ]*PRIVATE KEY ----)[\s\S]*?(---- END|$)", always),
        // user:password@host, token@host
        form(Words::Name, &["://"], r#"(\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@"']*:)[^\s/"'<>]+(@)"#, always),
        form(Words::Aws, &["://"], r#"(\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@"']+:)[^\s"'<>@]+(@)"#, is_no_port),
        form(Words::Aws, &["://"], r#"(\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s:/@"'<>\[]{16,}(@)"#, always),
        // JSON web tokens, signed and encrypted
        form(Words::Name, &["eyj"], r"()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*", always),
        form(Words::Name, &["eyj"], r"()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){3}", always),
        // The marks of vendors' tokens, with the separators and lengths that theirs have: `npm-registry-prod` is a name.
        form(
            Words::Name,
            VENDORS,
            r"()\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}|gl(?:pat|ptt|dt|rt)-[A-Za-z0-9_-]{20,}|xox[abeprs](?:\.xox[bp])?-[0-9]+-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{20,}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{12,}|shp(?:at|ss)_[a-fA-F0-9]{32,}|npm_[A-Za-z0-9]{36}|hv[sb]\.[A-Za-z0-9_-]{24,}|dop_v1_[a-f0-9]{64}|sk-ant-[a-z]+[0-9]+-[A-Za-z0-9_-]{20,}|sk-[A-Za-z0-9]{40,}|sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|pypi-AgE[A-Za-z0-9_-]{50,}|dckr_pat_[A-Za-z0-9_-]{20,}|hf_[A-Za-z0-9]{30,}|glsa_[A-Za-z0-9_]{24,}|ATATT3x[A-Za-z0-9_=-]{20,}|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,})",
            always,
        ),
        // And where anybody may write anything: cut, or of another year.
        form(
            Words::Anybody,
            VENDORS,
            r"()\b(?:gh[pousr]_|glpat-|xox[abeprs]-|sk-(?:ant|proj|svcacct|admin)-|sk-|npm_|hv[sb]\.|pypi-|dop_v1_|shp(?:at|ss)_|hf_|xapp-)[A-Za-z0-9_-]{12,}",
            is_mixed,
        ),
        form(Words::Aws, &["akia", "asia"], r"(\b(?:AKIA|ASIA)[A-Z0-9]{16}[,:;\s]+)[A-Za-z0-9/+]{30,}={0,2}", always),
        form(Words::Aws, &["akia", "asia"], r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", always),
        form(Words::Aws, &["hooks.slack"], r"(hooks\.slack\.com/(?:services|workflows|triggers)/)[A-Za-z0-9_/-]{10,}", always),
        form(Words::Aws, &["api/webhooks"], r"(discord(?:app)?\.com/api/webhooks/[0-9]+/)[A-Za-z0-9_-]{10,}", always),
        form(Words::Aws, &["webhook.office"], r#"(webhook\.office\.com/webhookb2/)[^\s"'<>]{10,}"#, always),
        form(Words::Aws, &["api.telegram"], r"(api\.telegram\.org/bot[0-9]*:?)[A-Za-z0-9_-]{20,}", always),
        form(Words::Aws, &["sig="], r#"([?&;]sig=)[^\s"'&<>\[]{8,}"#, always),
        form(Words::Aws, &["jdbc:oracle"], r#"(jdbc:oracle:\w+:[^\s/@"']+/)[^\s@"'\[]+(@)"#, always),
        form(Words::Aws, &["bearer"], r"(\b(?i-u:bearer)\s+)[A-Za-z0-9._~+/=-]{12,}", has_digit),
        // A whole header: a cookie is many pairs, a signature stands at the end of many.
        form(Words::Anybody, &["cookie"], r#"((?:\b|_)(?i-u:(?:set-)?cookie)\\*["']?\s*(?:=>|:|=)\s*\\*["'\[]*)[^"'\r\n\[\\][^"'\r\n\\]{2,}"#, always),
        form(
            Words::Aws,
            &["authorization"],
            r#"((?:\b|_)(?i-u:authorization)\\*["']?\s*(?:=>|:|=)\s*\\*["'\[]*(?i-u:aws4-hmac-sha256|digest|hawk|oauth|signature|aws)\s+)[^"'\r\n\[](?:=\\*"[^"]*"|[^"'\r\n]){5,}"#,
            always,
        ),
        form(
            Words::Aws,
            &["authorization"],
            r#"((?:\b|_)(?i-u:authorization)\\*["']?\s*(?:=>|:|=)\s*\\*["'\[]*(?i-u:bearer|basic|token|apikey|negotiate|ntlm|geniekey|splunk)\s+)[^\s"'\[\\\]]{6,}"#,
            always,
        ),
        form(Words::Anybody, &["authorization"], r#"((?:\b|_)(?i-u:authorization)\\*["']?\s*(?:=>|:|=)\s*\\*["'\[]*[A-Za-z][A-Za-z0-9_-]*\s+)[^\s"'\[\\\]]{6,}"#, has_digit),
        form(Words::Anybody, &["authorization"], r#"((?:\b|_)(?i-u:authorization)\\*["']?\s*(?:=>|:|=)\s*\\*["'\[]*)[^\s"',\[\\\]]{6,}"#, is_no_scheme),
        form(Words::Anybody, &["auth "], r"(\bAUTH (?:(?:PLAIN|LOGIN|XOAUTH2) )?)[A-Za-z0-9+/=]{12,}", is_mixed),
        form(Words::Anybody, &["curl"], r#"(\bcurl\b[^\r\n]*?\s(?:-u|--user|--proxy-user|-U)[ =]?["']?[^\s:"'\[]+:)[^\s"'\[][^\s"']*"#, always),
        form(Words::Anybody, &["mysql", "mariadb"], r#"(\b(?:mysql|mariadb)[a-z-]*\b[^\r\n]*?\s-p["']?)[^\s"'\[-][^\s"']{2,}"#, always),
        form(Words::Anybody, &["redis-cli"], r#"(\bredis-cli\b[^\r\n]*?\s-a\s+["']?)[^\s"'\[-][^\s"']{2,}"#, always),
    ]
});

/// How a caller proves who it is, is no secret, and neither is a word of the sentence that says why it could not.
fn is_no_scheme(told: &str) -> bool {
    static SCHEME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^(?i:bearer|basic|token|apikey|negotiate|ntlm|digest|hawk|oauth|signature|splunk|geniekey|aws4-hmac-sha256)$").expect("a pattern"));
    !SCHEME.is_match(told) && !named::is_prose(told) && (has_digit(told) || !told.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

impl Form {
    /// Its pattern, if a line can hold it.
    fn in_line(&self, small: &str) -> Option<&Regex> {
        self.holds.iter().any(|mark| small.contains(mark)).then(|| self.built.get_or_init(|| Regex::new(self.pattern).expect("a pattern")))
    }
}

/// What every one of those holds a piece of, and every name: most lines of most logs have none, and are read no further.
static MARK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i-u)pass|pwd|\bpw|_pw|secret|token|key|credential|session|sessid|signature|sig=|connection|cookie|auth|bearer|://|eyj|akia|asia|gh[pousr]_|github_pat|gl(?:pat|ptt|dt|rt)-|xox|xapp|_live_|_test_|whsec|shp(?:at|ss)_|npm_|hv[sb]\.|dop_v1|sk-|pypi-|hf_|glsa_|aiza|ya29|sg\.|hooks\.slack|webhook|telegram|dckr_pat|jdbc|curl|mysql|mariadb|redis-cli|atatt3x|private",
    )
    .expect("a pattern")
});

/// Whether there is anything in it that could be, or could announce, a secret.
#[must_use]
pub fn has_mark(text: &str) -> bool {
    MARK.is_match(text)
}

/// What is left may read anew, as the rest of a header behind its first word: it is read until nothing more goes.
const MOST_READINGS: usize = 6;

/// A text without its secrets. Idempotent: redacting twice changes nothing more.
#[must_use]
pub fn clean(line: &str, words: Words) -> Cow<'_, str> {
    if !has_mark(line) {
        return Cow::Borrowed(line);
    }
    let Some(mut told) = read(line, words) else { return Cow::Borrowed(line) };
    for _ in 1..MOST_READINGS {
        match read(&told, words) {
            Some(other) => told = other,
            None => break,
        }
    }
    Cow::Owned(told)
}

/// `None` where nothing goes.
fn read(line: &str, words: Words) -> Option<String> {
    let mut told = Cow::Borrowed(line);
    let small = line.to_ascii_lowercase();
    for form in FORMS.iter().filter(|form| words >= form.least) {
        let Some(pattern) = form.in_line(&small) else { continue };
        if pattern.is_match(&told) {
            let other = pattern.replace_all(&told, |found: &Captures<'_>| without_secret(found, form)).into_owned();
            if other != *told {
                told = Cow::Owned(other);
            }
        }
    }
    if words > Words::Name
        && let Some(other) = named::without_values(&told, words)
    {
        told = Cow::Owned(other);
    }
    (*told != *line).then(|| told.into_owned())
}

fn is_gone(told: &str) -> bool {
    told.trim_start_matches('[').starts_with(&GONE[1..])
}

fn without_secret(found: &Captures<'_>, form: &Form) -> String {
    let whole = found.get(0).expect("a match has a whole").as_str();
    let (kept, behind) = (found.get(1).map_or("", |kept| kept.as_str()), found.get(2).map_or("", |behind| behind.as_str()));
    let secret = &whole[kept.len()..whole.len() - behind.len()];
    match is_gone(secret) || !(form.is_secret)(secret) {
        true => whole.to_owned(),
        false => format!("{kept}{GONE}{behind}"),
    }
}
