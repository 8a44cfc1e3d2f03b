//! Secrets that a name announces: `password=…`, `"apiKey": "…"`, `--token …`, `("Authorization", "…")`, `<password>…`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::GONE;
use super::text::Words;

const NAME: &str = r"(?i-u:passw(?:or)?ds?|passphrase|passcode|pwd|secret(?:[_-]?(?:access[_-]?)?key)?s?|(?:access|auth|id|refresh|session|security|bearer|csrf|xsrf|api)?[_-]?tokens?|(?:api|account|private|encryption|signing|master|shared[_-]?access|shared|license|ssh|app|tls|ssl|hmac|jwt|crypt|webhook|deploy)[_-]?keys?|credentials?|j?session[_-]?id|phpsessid|sharedaccesssignature|(?:x-amz-)?signature|x-amz-credential|connection[_-]?string)";
/// What may stand between such a name and its end.
const SUFFIX: &str = r"(?i-u:[_-]?(?:hash|base|value|base64|b64|plain(?:text)?|text|[0-9]{1,2}))?";

/// A name and what joins its value to it.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r#"(?P<name>{NAME}{SUFFIX}|(?i-u:\b|_)(?i-u:pass|pw)\b)(?P<close>\\*["'`]?)(?P<join>\s*(?:=>|->|:=|==\s|=|:|%3[Dd]|\\u003[dD])\s*)"#)).expect("a pattern")
});

/// The first of the others.
const FLAGS: usize = 3;

static OTHERS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // --token a, --db-password 'a b'
        format!(r#"((?:^|[\s"'=(\[,])--?[A-Za-z0-9_-]*(?:{NAME}|\bpass|-pass|\bpw)\s+\\*")[^"\\\[][^"\\]*"#),
        format!(r"((?:^|[\s=(\[,])--?[A-Za-z0-9_-]*(?:{NAME}|\bpass|-pass|\bpw)\s+')[^'\[][^']*"),
        format!(r#"((?:^|[\s"'=(\[,])--?[A-Za-z0-9_-]*(?:{NAME}|\bpass|-pass|\bpw)\s+)[^\s"'\[\\-][^\s"']{{2,}}"#),
        // ["--token", "a"], ('Authorization', 'Basic a'), (b"cookie", b"a")
        format!(
            r#"([(\[,]\s*b?\\*["'](?:--?[A-Za-z0-9_-]*{NAME}|(?i-u:(?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]*(?:key|token|secret)))\\*["']\s*,\s*b?\\*["'](?:(?i-u:bearer|basic|token)\s+)?)[^"'\\\[-][^"'\\]{{2,}}"#
        ),
        // {"name": "DB_PASSWORD", "value": "a"}, <property name="password" value="a"/>
        format!(
            r#"((?i-u:\b(?:name|key))\\*["']?\s*[:=]\s*\\*["'][^"'\\]*(?:{NAME}|(?i-u:authorization|cookie)){SUFFIX}\\*["']\s*,?\s*\\*["']?(?i-u:value)\\*["']?\s*[:=]\s*\\*["'])[^"'\\\[][^"'\\]*"#
        ),
        // <password>a</password>
        format!(r"(<[\w:.-]*{NAME}{SUFFIX}(?:\s[^<>]*)?>\s*)[^<>\s\[][^<>]*"),
    ]
    .iter()
    .map(|pattern| Regex::new(pattern).expect("a pattern"))
    .collect()
});

/// What is no secret, whatever stands before it: an ARN, what was redacted before, how a caller proves who it is.
static NO_SECRET: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:arn:aws|\[?redacted\]|(?i:bearer|basic|token|apikey|negotiate|digest|aws4-hmac-sha256|true|false|null|none|nil|undefined)$)").expect("a pattern")
});

/// What stands behind a name and a colon in a sentence, where no secret does: `secret: AccessDeniedException`.
static PROSE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?x)^(?:
          \w*(?:Exception|Error|Denied|Expired|NotFound|Failure|Fault|Cancell?ed|Timeout|Unavailable)
        | (?i:the|an?|not|no|is|was|are|has|could|cannot|can't|unable|failed|failure|error|invalid|missing|expired|denied|access|service|operation|request|rpc|secrets|true|false|null|none|nil|undefined
          |unexpected|unauthorized|forbidden|toomanyrequests|timeout|timed|dial|lookup|connection|context|eof|tls|x509|http|https|status|server|unknown|unsupported|wrong|bad|empty|malformed|too|must|should|please|required)
        | (?:Get|Post|Put|Head|get|post|put|head) \s+ ["\\h]*
        | [1-5]\d\d \s+ [A-Z][a-z]+
    )(?:[\s,;:)"]|\.(?:\s|$)|$)"#)
    .expect("a pattern")
});

/// `word: more`, `word more`: the words of a sentence.
static SENTENCE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[A-Za-z]{1,20}(?::\s|\s+[A-Za-z]{2,})").expect("a pattern"));

/// What stands behind the colon of an image or a task definition.
static VERSION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(?:\d{1,5}|v?\d+(?:\.\d+)+(?:[-+.][A-Za-z0-9.-]*)?|v\d+|latest|stable|main)$").expect("a pattern"));

/// Whether it begins as a sentence does that says what became of a secret.
#[must_use]
pub fn is_prose(told: &str) -> bool {
    PROSE.is_match(told)
}

/// The text without what stands behind such names; `None` where nothing does.
#[must_use]
pub fn without_values(text: &str, words: Words) -> Option<String> {
    let mut told = String::new();
    let (mut copied, mut from) = (0, 0);
    let mut unclosed = Unclosed::default();
    while let Some(pair) = PAIR.captures_at(text, from) {
        from = pair.get(0).map_or(text.len(), |whole| whole.end());
        // A name may be part of the value before it.
        if pair.name("name").is_none_or(|name| name.start() < copied) {
            continue;
        }
        let Some(value) = value_of(text, &pair, words, &mut unclosed) else { continue };
        told.push_str(&text[copied..value.start]);
        told.push_str(GONE);
        (copied, from) = (value.end, value.end);
    }
    let mut changed = copied > 0;
    told.push_str(&text[copied..]);
    // A command line stands in AWS's sentences, too.
    for pattern in OTHERS.iter().take(if words == Words::Anybody { OTHERS.len() } else { FLAGS }) {
        if pattern.is_match(&told) {
            let other = pattern
                .replace_all(&told, |found: &Captures<'_>| {
                    let (whole, kept) = (&found[0], &found[1]);
                    if NO_SECRET.is_match(&whole[kept.len()..]) { whole.to_owned() } else { format!("{kept}{GONE}") }
                })
                .into_owned();
            changed |= other != told;
            told = other;
        }
    }
    changed.then_some(told)
}

/// Where the secret stands that the name announces, if it is one.
fn value_of(text: &str, pair: &Captures<'_>, words: Words, unclosed: &mut Unclosed) -> Option<std::ops::Range<usize>> {
    let (name, close, join) = (pair.name("name")?, pair.name("close")?.as_str(), pair.name("join")?);
    let sign = join.as_str().trim();
    let before = text[..name.start()].trim_end_matches(|letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '$' | '-'));
    let is_quoted = !close.is_empty();
    // `"https://auth.docker.io/token": lookup`, `/prod/db_password: not found`
    if is_quoted && !before.ends_with(['"', '\'', '`']) || !is_quoted && sign == ":" && before.ends_with('/') {
        return None;
    }
    if sign == ":" && !is_quoted {
        let nearby = text.floor_char_boundary(name.start().saturating_sub(LONGEST_ARN));
        let word = text[nearby..name.start()].rsplit([' ', '\t', '\n', '"', '\'', '(', ',', '[']).next().unwrap_or_default();
        if word.contains("arn:aws") {
            return None;
        }
    }
    let small = name.as_str().trim_start_matches('_').to_ascii_lowercase();
    let is_short = matches!(small.as_str(), "pass" | "pw");
    if is_short && sign == ":" && !is_quoted && !name.as_str().starts_with('_') && !text[..name.start()].ends_with('_') {
        return None;
    }
    // A whole object is no value.
    if is_quoted && text[join.end()..].starts_with('{') {
        return None;
    }
    let opened = opened(&text[join.end()..]);
    let start = join.end() + opened.length;
    let rest = &text[start..];
    if rest.is_empty() || NO_SECRET.is_match(rest) || rest.starts_with(GONE) || text[join.end()..].starts_with(GONE) {
        return None;
    }
    let is_pair = is_quoted && opened.quote.is_some();
    if words == Words::Aws && !is_pair && (sign == ":" || sign == "->" || join.as_str() != sign) {
        return None;
    }
    let length = match opened.quote {
        Some(quote) => unclosed.announced(text, start, quote, opened.is_escaped),
        None => unquoted(rest),
    };
    let secret = &rest[..length];
    let is_count = secret.bytes().all(|byte| byte.is_ascii_digit()) && (is_short || small.contains("token") && length <= 6);
    if secret.chars().count() < 3 || is_count || NO_SECRET.is_match(secret) {
        return None;
    }
    if sign == ":" && !is_quoted && opened.quote.is_none() {
        let is_apart = join.as_str().ends_with(char::is_whitespace);
        let is_sentence = is_apart && !small.contains("pass") && !small.contains("pwd") && SENTENCE.is_match(rest);
        let is_version = join.as_str() == ":" && (name.as_str().contains('-') || text[..name.start()].ends_with(['-', '.'])) && VERSION.is_match(secret);
        if is_prose(rest) || is_sentence || is_version {
            return None;
        }
    }
    Some(start..start + length)
}

struct Opened {
    length: usize,
    /// The one that ends it.
    quote: Option<char>,
    is_escaped: bool,
}

/// Quotes and brackets in front of a value: `"`, `\"`, `b'`, `["`.
fn opened(rest: &str) -> Opened {
    let mut at = 0;
    let mut is_escaped = false;
    for _ in 0..8 {
        let ahead = &rest[at..];
        let mut letters = ahead.chars();
        match (letters.next(), letters.next()) {
            _ if ahead.starts_with(GONE) => break,
            (Some('b'), Some('"' | '\'')) => at += 1,
            // `password=="x"`
            (Some('='), Some('"' | '\'' | '`' | '\\')) if at == 0 => at += 1,
            (Some('\\'), Some('\\' | '"' | '\'')) => (at, is_escaped) = (at + 1, true),
            (Some('[' | '(' | '{'), _) => at += 1,
            (Some(open @ ('"' | '\'' | '`' | '“' | '‘')), _) => {
                let quote = match open {
                    '“' => '”',
                    '‘' => '’',
                    same => same,
                };
                return Opened { length: at + open.len_utf8(), quote: Some(quote), is_escaped };
            }
            _ => break,
        }
    }
    Opened { length: at, quote: None, is_escaped }
}

/// As long as an ARN may be, and longer.
const LONGEST_ARN: usize = 2048;

/// Lines that a quoted value may go on over.
const MOST_LINES: usize = 2;
const MOST_BYTES: usize = 4096;

/// Up to a quote a few lines on, unless another name is told before it; else to the end of the line.
fn on_further_lines(rest: &str, quote: char) -> usize {
    let line = rest.find(['\r', '\n']).unwrap_or(rest.len());
    let near = &rest[..rest.floor_char_boundary(MOST_BYTES.min(rest.len()))];
    let is_one = |end: &usize| *end > line && near[..*end].matches('\n').count() <= MOST_LINES && !PAIR.is_match(&near[line..*end]);
    near.find(quote).filter(is_one).unwrap_or(line)
}

/// Quotes that are not closed before a line's end, and where it ends: nobody looks for them twice.
#[derive(Default)]
struct Unclosed(BTreeMap<(char, bool), usize>);

impl Unclosed {
    /// From `start` up to the closing quote, or to the line's end where there is none. A quote that opens the value of another
    /// announcement closes nothing: then that value goes, too.
    fn announced(&mut self, text: &str, start: usize, quote: char, is_escaped: bool) -> usize {
        let (mut from, mut quote, mut is_escaped) = (start, quote, is_escaped);
        loop {
            let Some(length) = self.quoted(text, from, quote, is_escaped) else {
                return on_further_lines(&text[start..], quote);
            };
            let end = from + length;
            let opens_another = PAIR.find_iter(&text[from..end]).last().is_some_and(|pair| from + pair.end() == end);
            let next = opened(&text[end..]);
            match next.quote.filter(|_| opens_another) {
                Some(other) => (from, quote, is_escaped) = (end + next.length, other, next.is_escaped),
                None => return end - start,
            }
        }
    }

    /// From `start` up to the closing quote, which is escaped as the opening one was; `None` where the line has none.
    fn quoted(&mut self, text: &str, start: usize, quote: char, is_escaped: bool) -> Option<usize> {
        if self.0.get(&(quote, is_escaped)).is_some_and(|end| start < *end) {
            return None;
        }
        let rest = &text[start..];
        let mut letters = rest.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' if is_escaped => {
                    while letters.next_if(|(_, next)| *next == '\\').is_some() {}
                    if letters.peek().is_some_and(|(_, next)| *next == quote) {
                        return Some(at);
                    }
                }
                '\r' | '\n' => {
                    self.0.insert((quote, is_escaped), start + at);
                    return None;
                }
                '\\' => drop(letters.next_if(|(_, next)| !matches!(next, '\r' | '\n'))),
                letter if letter == quote => return Some(at),
                _ => {}
            }
        }
        self.0.insert((quote, is_escaped), text.len());
        None
    }
}

const ENDS: [char; 10] = [',', ';', '&', '"', '\'', '`', ')', '}', ']', '>'];

/// Up to a space, or to a mark behind which something else begins: `a,b` is one value, `a, b` and `a;Name=b` are two.
fn unquoted(rest: &str) -> usize {
    let ends = |letter: char| letter.is_whitespace() || ENDS.contains(&letter);
    let mut end = rest.find(ends).unwrap_or(rest.len());
    while let Some(mark) = rest[end..].chars().next().filter(|mark| !mark.is_whitespace()) {
        let behind = &rest[end + mark.len_utf8()..];
        let next = behind.find(ends).unwrap_or(behind.len());
        let piece = &behind[..next];
        if piece.is_empty() || piece.contains(['=', ':', '{', '[', '<', '\\']) || !piece.starts_with(|first: char| first.is_alphanumeric() || "!@#$%^*_-+~?.".contains(first)) {
            break;
        }
        end += mark.len_utf8() + next;
    }
    rest[..end].trim_end_matches(['\\', '.']).len()
}
