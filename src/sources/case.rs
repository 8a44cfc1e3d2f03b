//! A case: AWS's own answers about one task, as they came over the wire, to replay when AWS has forgotten.
//!
//! One JSON file is fixture, demo, bug report and regression test. Bodies stay as AWS wrote them, so that a newer
//! rule can judge an older case.

use std::io::{Read, Write};

use aws_smithy_types::base64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cbor;
use super::failing::{Failing, Kind};
use super::task::datable;

/// The version of the file format this program writes. Older ones are read, newer ones refused.
pub const FORMAT: u32 = 1;
const TIMED_OUT: &str = "timed-out";
const FAILED: &str = "failed";
const CUT: &str = "cut";
/// How a binary response is marked.
const BASE64: &str = "base64";
/// A case of a task is some hundred kilobytes, with five talkative containers some ten megabytes; what is much larger is
/// not one.
pub const MOST_BYTES: usize = 64 << 20;
/// They stand in messages; a console's URL is the longest.
const LONGEST_NAME: usize = 4096;
/// `--wait` asks again every half minute at most; a replay judges anew each time.
const MOST_AGAIN: usize = 1_000;
/// Each of its values, outside of texts, costs up to a third of a kilobyte of memory.
const MOST_VALUES: usize = 1_000_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// Format version.
    pub ecs_trace_case: u32,
    /// One line on what happened, for lists of demos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub taken_at: Timestamp,
    pub region: String,
    pub task: Asked,
    /// How it came to be, to be gone through again; absent in a case written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    pub exchanges: Vec<Exchange>,
}

/// The run that a case was saved from, as far as it decides what was asked and what was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Run {
    /// The task, in the form in which it was pasted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typed: Option<String>,
    /// What was pasted on standard input or in a file that was no case: ECS's word on the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<Value>,
    /// Cluster by option or environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// When it began; CloudTrail may have been asked again since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// When CloudTrail was asked again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub again: Vec<Timestamp>,
    /// Ctrl-C ended it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
}

/// Which task the case is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Asked {
    pub arn: String,
    pub cluster: String,
}

/// One request and AWS's answer to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// `service:Operation`, as IAM spells it.
    pub action: String,
    pub region: String,
    /// A JSON body as JSON, a form body as text, a CBOR body as the JSON it stands for.
    pub request: Value,
    /// 0 where no answer came; the response then says how that ended.
    pub status: u16,
    /// The `x-amzn-errortype` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// A JSON body as JSON, any other as text.
    pub response: Value,
    /// `base64` where the response is binary and its text is that of its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_encoding: Option<String>,
}

/// Why a file is not a case this program can replay.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("no JSON: {0}")]
    NotJson(String),
    #[error("not a case file: {0}")]
    NotACase(String),
    #[error("a case of format {0}, and this version reads up to {FORMAT}: a newer ecs-trace wrote it")]
    Newer(u32),
    #[error("larger than {} MiB when unpacked: no case of one task is", MOST_BYTES >> 20)]
    TooLarge,
    #[error("more than {MOST_VALUES} values: no case of one task has so many")]
    TooMany,
}

/// No answer came to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// Its attempts ran out of time.
    TimedOut,
    /// The words of the innermost cause.
    Failed(String),
    /// The run had ended, or no longer waited for it; and AWS's refusal that called for another attempt, where
    /// that was its last word by then.
    Cut(Option<Failing>),
}

impl Case {
    /// Reads a case, gzipped or not.
    ///
    /// # Errors
    /// If it is damaged, foreign, newer than this program, or far too large.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let plain;
        let text = if bytes.starts_with(&GZIP) {
            plain = unpacked(bytes)?;
            plain.as_slice()
        } else {
            bytes
        };
        Self::from_value(json_of(text)?)
    }

    /// # Errors
    /// If it is no case, or newer than this program.
    pub fn from_value(value: Value) -> Result<Self, Unreadable> {
        let Some(format) = value.get("ecsTraceCase") else {
            return Err(Unreadable::NotACase("it has no `ecsTraceCase`".to_owned()));
        };
        let case: Self = match format.as_u64().and_then(|format| u32::try_from(format).ok()) {
            Some(format) if format > FORMAT => return Err(Unreadable::Newer(format)),
            Some(_) => serde_json::from_value(value).map_err(|broken| Unreadable::NotACase(short(&broken)))?,
            None => return Err(Unreadable::NotACase("its `ecsTraceCase` is no number".to_owned())),
        };
        let run = case.run.iter().flat_map(|run| run.typed.iter().chain(&run.cluster));
        if [&case.region, &case.task.arn, &case.task.cluster].into_iter().chain(run).any(|name| name.len() > LONGEST_NAME) {
            return Err(Unreadable::NotACase("what it says it is about is no name".to_owned()));
        }
        let again = case.run.as_ref().map_or(0, |run| run.again.len());
        if again > MOST_AGAIN {
            return Err(Unreadable::NotACase(format!("it says that CloudTrail was asked again {again} times, and no run does that more than {MOST_AGAIN} times")));
        }
        let times = case.run.iter().flat_map(|run| run.began.iter().chain(&run.again)).chain([&case.taken_at]);
        if let Some(odd) = times.into_iter().find(|at| datable(at.as_millisecond()).is_none()) {
            return Err(Unreadable::NotACase(format!("{odd} is no time at which a task was asked about")));
        }
        Ok(case)
    }

    /// As it is written: to be read by people, and gzipped where the file's name says so.
    ///
    /// # Errors
    /// If it is too large to be read again.
    pub fn written(&self, gzipped: bool) -> Result<Vec<u8>, Unreadable> {
        let cannot = |error: std::io::Error| Unreadable::NotACase(error.to_string());
        let text = serde_json::to_vec_pretty(self).map_err(|error| Unreadable::NotACase(error.to_string()))?;
        within_bounds(&text)?;
        if !gzipped {
            return Ok(text);
        }
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&text).and_then(|()| packer.finish()).map_err(cannot)
    }

    /// Takes the page of a log that lies furthest back out of the case; none is left at last.
    #[must_use]
    pub fn shortened(&mut self) -> bool {
        let is_older = |exchange: &Exchange| exchange.action == "logs:GetLogEvents" && exchange.request.get("nextToken").is_some();
        let Some(at) = self.exchanges.iter().rposition(is_older) else { return false };
        self.exchanges.remove(at);
        true
    }

    /// The recorded answer to a request: the very same one, else the one that differs only in its window or page size.
    ///
    /// A later version may look at another span of time; what was recorded is still what AWS said.
    #[must_use]
    pub fn answer(&self, action: &str, region: &str, body: &[u8]) -> Option<&Exchange> {
        let request = body_value(body);
        let candidates = || self.exchanges.iter().filter(|exchange| exchange.action == action && (exchange.region == region || exchange.region.is_empty()));
        candidates().find(|exchange| exchange.request == request).or_else(|| {
            let loose = without_window(&request);
            candidates().find(|exchange| without_window(&exchange.request) == loose && may_answer(&exchange.request, &request))
        })
    }
}

/// How gzipped data begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut unpacked = Vec::new();
    let mut unpacker = flate2::read::MultiGzDecoder::new(bytes).take(MOST_BYTES as u64 + 1);
    unpacker.read_to_end(&mut unpacked).map_err(|broken| Unreadable::NotACase(format!("its gzip data is damaged ({broken})")))?;
    Ok(unpacked)
}

/// The JSON in a text from anywhere, if it is not so large or so finely divided that reading it would cost much memory.
///
/// # Errors
/// If it is no JSON, or too large.
pub fn json_of(text: &[u8]) -> Result<Value, Unreadable> {
    within_bounds(text)?;
    serde_json::from_slice(text).map_err(|broken| Unreadable::NotJson(short(&broken)))
}

fn within_bounds(text: &[u8]) -> Result<(), Unreadable> {
    if text.len() > MOST_BYTES {
        return Err(Unreadable::TooLarge);
    }
    let (mut values, mut is_in_text, mut is_escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_in_text => is_escaped = true,
            b'"' => is_in_text = !is_in_text,
            b',' | b'[' | b'{' if !is_in_text => values += 1,
            _ => {}
        }
    }
    if values > MOST_VALUES { Err(Unreadable::TooMany) } else { Ok(()) }
}

/// What serde says of broken input may quote the whole of it.
fn short(broken: &serde_json::Error) -> String {
    const LONGEST: usize = 160;
    let words = broken.to_string();
    if words.chars().count() <= LONGEST { words } else { words.chars().take(LONGEST).chain(['…']).collect() }
}

/// CloudTrail is asked for one name in several windows: one that lies elsewhere says nothing of this one.
pub(super) fn may_answer(asked: &Value, asks: &Value) -> bool {
    let window = |request: &Value| request.get("LookupAttributes").and(request.get("StartTime")?.as_f64().zip(request.get("EndTime")?.as_f64()));
    match (window(asked), window(asks)) {
        (Some((from, to)), Some((other_from, other_to))) => from < other_to && other_from < to,
        _ => true,
    }
}

impl Exchange {
    #[must_use]
    pub fn new(action: &str, region: &str, request: &[u8], status: u16, error_type: Option<String>, response: &[u8]) -> Self {
        let (response, response_encoding) = match response_value(response) {
            Some(value) => (value, None),
            None => (Value::String(base64::encode(response)), Some(BASE64.to_owned())),
        };
        Self { action: action.to_owned(), region: region.to_owned(), request: body_value(request), status, error_type, response, response_encoding }
    }

    /// A request to which no answer came.
    #[must_use]
    pub fn without_answer(action: &str, region: &str, request: &[u8], why: &Unanswered) -> Self {
        let response = match why {
            Unanswered::TimedOut => json!({"unanswered": TIMED_OUT}),
            Unanswered::Failed(words) => json!({"unanswered": FAILED, "words": words}),
            Unanswered::Cut(None) => json!({"unanswered": CUT}),
            Unanswered::Cut(Some(refusal)) => json!({"unanswered": CUT, "throttled": refusal.kind == Kind::Throttled, "code": refusal.code, "message": refusal.message}),
        };
        Self { action: action.to_owned(), region: region.to_owned(), request: body_value(request), status: 0, error_type: None, response, response_encoding: None }
    }

    /// The same request, as one whose answer nobody waited for.
    #[must_use]
    pub fn cut(&self, refusal: Option<Failing>) -> Self {
        let response = Self::without_answer("", "", b"", &Unanswered::Cut(refusal)).response;
        Self { status: 0, error_type: None, response, response_encoding: None, ..self.clone() }
    }

    /// How it ended, where no answer came.
    #[must_use]
    pub fn unanswered(&self) -> Option<Unanswered> {
        let text = |name: &str| self.response.get(name).and_then(Value::as_str).unwrap_or_default();
        (self.status == 0).then(|| match text("unanswered") {
            TIMED_OUT => Unanswered::TimedOut,
            CUT => Unanswered::Cut(self.response.get("message").and_then(Value::as_str).map(|message| Failing {
                kind: if self.response.get("throttled").and_then(Value::as_bool) == Some(true) { Kind::Throttled } else { Kind::Unexpected },
                code: self.response.get("code").and_then(Value::as_str).map(str::to_owned),
                message: message.to_owned(),
            })),
            _ => Unanswered::Failed(text("words").to_owned()),
        })
    }

    /// A body that is neither JSON nor text; nothing in it is free text.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.response_encoding.as_deref() == Some(BASE64)
    }

    #[must_use]
    pub fn response_bytes(&self) -> Vec<u8> {
        match &self.response {
            Value::String(text) if self.is_binary() => base64::decode(text).unwrap_or_default(),
            Value::String(text) => text.clone().into_bytes(),
            json => serde_json::to_vec(json).unwrap_or_default(),
        }
    }

    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match &self.response {
            _ if self.is_binary() => "application/cbor",
            Value::String(_) => "text/xml",
            _ => "application/x-amz-json-1.1",
        }
    }
}

/// As JSON or text; `None` if it is neither and only its bytes tell it whole.
fn response_value(body: &[u8]) -> Option<Value> {
    match serde_json::from_slice::<Value>(body) {
        Ok(value @ Value::Object(_)) => Some(value),
        // The first byte of a map in CBOR begins no letter, so that no such body is taken for text.
        _ => std::str::from_utf8(body).ok().map(|text| Value::String(text.to_owned())),
    }
}

pub(super) fn body_value(body: &[u8]) -> Value {
    match serde_json::from_slice::<Value>(body) {
        Ok(value @ Value::Object(_)) => value,
        // XML and forms are text, and no text is a map in CBOR; anything else is kept as well as text can keep it.
        _ if std::str::from_utf8(body).is_err() => cbor::read(body).unwrap_or_else(|| Value::String(String::from_utf8_lossy(body).into_owned())),
        _ => Value::String(String::from_utf8_lossy(body).into_owned()),
    }
}

const WINDOW: [&str; 7] = ["startTime", "endTime", "StartTime", "EndTime", "limit", "MaxResults", "maxResults"];

pub(super) fn without_window(request: &Value) -> Value {
    match request {
        Value::Object(fields) => {
            let mut kept = fields.clone();
            for name in WINDOW {
                kept.remove(name);
            }
            kept.remove("createdAt");
            Value::Object(kept)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"StartTime": 1(N), "Id": "m0"}`
    fn asked(second: u8) -> Vec<u8> {
        [b"\xa2\x69StartTime\xc1\x1a\x65\x53\xf1".as_slice(), &[second], b"\x62Id\x62m0"].concat()
    }

    #[test]
    fn a_binary_answer_comes_back_byte_for_byte_to_the_request_of_another_hour() {
        let answer = b"\xa1\x66Values\x81\xfb\x40\x58\xf3\x33\x33\x33\x33\x33\xff\xfe".to_vec();
        let exchange = Exchange::new("cloudwatch:GetMetricData", "eu-west-1", &asked(0), 200, None, &answer);
        assert_eq!(exchange.request, serde_json::json!({"StartTime": 1_700_000_000, "Id": "m0"}));
        let task = Asked { arn: "a".to_owned(), cluster: "prod".to_owned() };
        let case = Case {
            ecs_trace_case: FORMAT,
            title: None,
            taken_at: Timestamp::from_second(1_700_000_000).expect("a time"),
            region: "eu-west-1".to_owned(),
            task,
            run: None,
            exchanges: vec![exchange],
        };
        let written = serde_json::to_vec(&super::super::redact::case(case)).expect("JSON");
        let read = Case::read(&written).expect("a case");
        let found = read.answer("cloudwatch:GetMetricData", "eu-west-1", &asked(9)).expect("an answer");
        assert_eq!((found.response_bytes(), found.content_type()), (answer, "application/cbor"));
    }

    #[test]
    fn a_case_that_was_asked_again_without_end_is_none() {
        let case = |times: usize| {
            let again = vec!["2026-03-03T14:00:00Z"; times];
            Case::from_value(
                serde_json::json!({"ecsTraceCase": 1, "takenAt": "2026-03-03T14:00:00Z", "region": "r", "task": {"arn": "a", "cluster": "c"}, "run": {"again": again}, "exchanges": []}),
            )
        };
        assert!(case(MOST_AGAIN).is_ok());
        assert_eq!(
            case(100_000).expect_err("refused").to_string(),
            "not a case file: it says that CloudTrail was asked again 100000 times, and no run does that more than 1000 times"
        );
    }

    #[test]
    fn text_and_json_stay_readable_as_they_were_before() {
        let xml = Exchange::new("elasticloadbalancing:DescribeTargetHealth", "", b"Action=x", 200, None, b"<a>\xc3\xa9</a>");
        assert_eq!((xml.response.as_str(), xml.is_binary(), xml.content_type()), (Some("<a>\u{e9}</a>"), false, "text/xml"));
        let json = Exchange::new("ecs:DescribeTasks", "", b"{}", 200, None, br#"{"tasks": []}"#);
        assert!(!json.is_binary() && !serde_json::to_string(&json).expect("JSON").contains("responseEncoding"));
    }
}
