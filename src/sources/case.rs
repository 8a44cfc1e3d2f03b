//! A case: AWS's own answers about one task, as they came over the wire, to replay when AWS has forgotten.
//!
//! One JSON file is fixture, demo, bug report and regression test. Bodies stay as AWS wrote them, so that a newer
//! rule can judge an older case.

use std::io::Read;

use aws_smithy_types::base64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnosis::service::is_task_id;
use crate::diagnosis::task::last_segment;

use super::cbor;
use super::neighbours::MOST_NEIGHBOURS;
use super::task::datable;

/// The version of the file format this program writes. Older ones are read, newer ones refused.
pub const FORMAT: u32 = 1;
/// How a binary response is marked.
const BASE64: &str = "base64";
/// A case of a task is some hundred kilobytes; what is much larger is not one.
const MOST_BYTES: u64 = 256 << 20;

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
    pub exchanges: Vec<Exchange>,
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
    #[error("not a case file: {0}")]
    NotACase(String),
    #[error("a case of format {0}, and this version reads up to {FORMAT}: a newer ecs-trace wrote it")]
    Newer(u32),
    #[error("larger than {} MiB: no case of one task is", MOST_BYTES >> 20)]
    TooLarge,
}

impl Case {
    /// Reads a case, gzipped or not.
    ///
    /// # Errors
    /// If it is damaged, foreign, newer than this program, or far too large.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let plain;
        let text = if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = Vec::new();
            let mut unpacker = flate2::read::GzDecoder::new(bytes).take(MOST_BYTES + 1);
            unpacker.read_to_end(&mut unpacked).map_err(|broken| Unreadable::NotACase(format!("its gzip data is damaged ({broken})")))?;
            plain = unpacked;
            plain.as_slice()
        } else {
            bytes
        };
        if text.len() as u64 > MOST_BYTES {
            return Err(Unreadable::TooLarge);
        }
        let value: Value = serde_json::from_slice(text).map_err(|broken| Unreadable::NotACase(format!("not JSON ({broken})")))?;
        let Some(format) = value.get("ecsTraceCase") else {
            return Err(Unreadable::NotACase("it has no `ecsTraceCase`".to_owned()));
        };
        match format.as_u64().and_then(|format| u32::try_from(format).ok()) {
            Some(format) if format > FORMAT => Err(Unreadable::Newer(format)),
            Some(_) => {
                let case: Self = serde_json::from_value(value).map_err(|broken| Unreadable::NotACase(broken.to_string()))?;
                // Every window is reckoned from it.
                match datable(case.taken_at.as_millisecond()) {
                    Some(_) => Ok(case),
                    None => Err(Unreadable::NotACase(format!("its `takenAt` is {}", case.taken_at))),
                }
            }
            None => Err(Unreadable::NotACase("its `ecsTraceCase` is no number".to_owned())),
        }
    }

    /// Keeps the one task, and the cluster's other stopped tasks that were read beside it, and drops how it was found:
    /// however it was pasted, the case replays it. `None` if ECS never described it.
    #[must_use]
    pub fn of_one_task(mut self) -> Option<Self> {
        let discovery = |exchange: &Exchange| matches!(exchange.action.as_str(), "ecs:DescribeTasks" | "ecs:ListTasks" | "ecs:ListClusters");
        let described = self.exchanges.iter().filter(|exchange| exchange.action == "ecs:DescribeTasks").find_map(|exchange| {
            let tasks = exchange.response.get("tasks")?.as_array()?;
            tasks.iter().find(|task| task.get("taskArn").and_then(Value::as_str) == Some(self.task.arn.as_str())).cloned()
        })?;
        let neighbours = self.neighbours();
        let own = last_segment(&self.task.arn).to_owned();
        // A task that made a call is asked for by its id alone.
        let of_a_caller = |exchange: &Exchange| {
            let asked: Vec<&str> = exchange.request.get("tasks").and_then(Value::as_array).map(|ids| ids.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
            exchange.action == "ecs:DescribeTasks" && asked.len() == 1 && is_task_id(asked[0]) && asked[0] != own
        };
        self.exchanges.retain(|exchange| !discovery(exchange) || of_a_caller(exchange));
        let request = serde_json::json!({"cluster": self.task.cluster, "tasks": [self.task.arn]});
        let response = serde_json::json!({"tasks": [described], "failures": []});
        self.exchanges
            .insert(0, Exchange { action: "ecs:DescribeTasks".to_owned(), region: self.region.clone(), request, status: 200, error_type: None, response, response_encoding: None });
        self.exchanges.extend(neighbours);
        Some(self)
    }

    /// The questions after the cluster's other stopped tasks, as they are asked where the task was given by its ARN.
    fn neighbours(&self) -> Vec<Exchange> {
        let of_cluster = |exchange: &&Exchange| exchange.request.get("cluster").and_then(Value::as_str).map(last_segment) == Some(self.task.cluster.as_str());
        let asked = |action: &'static str| self.exchanges.iter().filter(move |exchange| exchange.action == action).filter(of_cluster);
        let whole = |exchange: &&Exchange| {
            let has = |name: &str| exchange.request.get(name).is_some();
            exchange.request.get("desiredStatus").and_then(Value::as_str) == Some("STOPPED") && !has("serviceName") && !has("nextToken")
        };
        let Some(listed) = asked("ecs:ListTasks").find(whole) else { return Vec::new() };
        let mut list = listed.clone();
        list.request = serde_json::json!({"cluster": self.task.cluster, "desiredStatus": "STOPPED"});
        let arns = listed.response.get("taskArns").and_then(Value::as_array).cloned().unwrap_or_default();
        let others: Vec<Value> = arns.into_iter().filter(|arn| arn.as_str() != Some(self.task.arn.as_str())).take(MOST_NEIGHBOURS).collect();
        let request = serde_json::json!({"cluster": self.task.cluster, "tasks": others});
        let refused = asked("ecs:DescribeTasks").find(|exchange| exchange.status != 200 && exchange.request == request).cloned();
        let described: Vec<Value> = asked("ecs:DescribeTasks").filter_map(|exchange| exchange.response.get("tasks")?.as_array()).flatten().cloned().collect();
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for arn in &others {
            match described.iter().find(|task| task.get("taskArn") == Some(arn)) {
                Some(task) => tasks.push(task.clone()),
                None => failures.push(serde_json::json!({"arn": arn, "reason": "MISSING"})),
            }
        }
        let response = serde_json::json!({"tasks": tasks, "failures": failures});
        let answer = Exchange { action: "ecs:DescribeTasks".to_owned(), region: self.region.clone(), request, status: 200, error_type: None, response, response_encoding: None };
        let describe = refused.or(Some(answer)).filter(|_| !others.is_empty());
        std::iter::once(list).chain(describe).collect()
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

/// CloudTrail is asked for one name in several windows: one that lies elsewhere says nothing of this one.
fn may_answer(asked: &Value, asks: &Value) -> bool {
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

fn body_value(body: &[u8]) -> Value {
    match serde_json::from_slice::<Value>(body) {
        Ok(value @ Value::Object(_)) => value,
        // XML and forms are text, and no text is a map in CBOR; anything else is kept as well as text can keep it.
        _ if std::str::from_utf8(body).is_err() => cbor::read(body).unwrap_or_else(|| Value::String(String::from_utf8_lossy(body).into_owned())),
        _ => Value::String(String::from_utf8_lossy(body).into_owned()),
    }
}

const WINDOW: [&str; 7] = ["startTime", "endTime", "StartTime", "EndTime", "limit", "MaxResults", "maxResults"];

fn without_window(request: &Value) -> Value {
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
        let case = Case { ecs_trace_case: FORMAT, title: None, taken_at: Timestamp::UNIX_EPOCH, region: "eu-west-1".to_owned(), task, exchanges: vec![exchange] };
        let written = serde_json::to_vec(&super::super::redact::case(case)).expect("JSON");
        let read = Case::read(&written).expect("a case");
        let found = read.answer("cloudwatch:GetMetricData", "eu-west-1", &asked(9)).expect("an answer");
        assert_eq!((found.response_bytes(), found.content_type()), (answer, "application/cbor"));
    }

    #[test]
    fn text_and_json_stay_readable_as_they_were_before() {
        let xml = Exchange::new("elasticloadbalancing:DescribeTargetHealth", "", b"Action=x", 200, None, b"<a>\xc3\xa9</a>");
        assert_eq!((xml.response.as_str(), xml.is_binary(), xml.content_type()), (Some("<a>\u{e9}</a>"), false, "text/xml"));
        let json = Exchange::new("ecs:DescribeTasks", "", b"{}", 200, None, br#"{"tasks": []}"#);
        assert!(!json.is_binary() && !serde_json::to_string(&json).expect("JSON").contains("responseEncoding"));
    }
}
