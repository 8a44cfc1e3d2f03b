//! Right answers, bent: nothing in them, half of it missing, words nobody knew, more than was asked for, no end of pages.

use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

/// How an answer that is well formed is not what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bend {
    /// No field at all.
    Bare,
    /// Lists of things without a field.
    Hollow,
    /// Every other field is missing.
    Half,
    /// This one field is missing, wherever it stands.
    Without(&'static str),
    /// States and kinds that this version has never heard of.
    NewWords,
    MoreFields,
    /// Each page names another one.
    Endless,
    /// Each page names the same one.
    Repeating,
}

/// The field that names the next page, and the one that asks for it.
pub fn page_token(action: &str) -> Option<(&'static str, &'static str)> {
    Some(match action {
        "logs:GetLogEvents" => ("nextBackwardToken", "nextToken"),
        "ecs:DescribeTasks"
        | "ecs:DescribeTaskDefinition"
        | "ecs:DescribeServices"
        | "ecs:DescribeServiceDeployments"
        | "ecs:DescribeServiceRevisions"
        | "ecs:DescribeContainerInstances"
        | "ecs:DescribeClusters"
        | "cloudtrail:StartQuery"
        | "sts:GetCallerIdentity"
        | "elasticloadbalancing:DescribeTargetHealth"
        | "elasticloadbalancing:DescribeTargetGroupAttributes"
        | "elasticloadbalancing:DescribeLoadBalancerAttributes" => return None,
        action if action.starts_with("elasticloadbalancing:") => ("NextMarker", "Marker"),
        action if action.starts_with("cloudtrail:") || action.starts_with("cloudwatch:") || action.starts_with("application-autoscaling:") => ("NextToken", "NextToken"),
        _ => ("nextToken", "nextToken"),
    })
}

const OWN: &str = "page-of-the-fake-";

/// The request for a page that only the fake knows, as the one for the first.
pub fn without_token(action: &str, body: &[u8]) -> Vec<u8> {
    let Some((_, asks)) = page_token(action) else { return body.to_vec() };
    if !body.windows(OWN.len()).any(|part| part == OWN.as_bytes()) {
        return body.to_vec();
    }
    let value = serde_json::from_slice::<Value>(body).ok().or_else(|| ecs_trace::sources::cbor::read(body));
    if let Some(Value::Object(mut fields)) = value {
        fields.remove(asks);
        return Value::Object(fields).to_string().into_bytes();
    }
    let form = String::from_utf8_lossy(body);
    form.split('&').filter(|pair| !pair.starts_with(&format!("{asks}="))).collect::<Vec<_>>().join("&").into_bytes()
}

pub fn bent(bend: Bend, action: &str, kind: &str, body: Vec<u8>, count: usize) -> Vec<u8> {
    let token = match bend {
        Bend::Endless => format!("{OWN}{count}"),
        _ => format!("{OWN}0"),
    };
    let names = page_token(action).map(|(names, _)| names).unwrap_or_default();
    if kind == "text/xml" {
        return bent_xml(bend, action, &String::from_utf8(body).unwrap(), (names, &token)).into_bytes();
    }
    if kind == super::fake_aws::CBOR {
        let value: ciborium::Value = ciborium::from_reader(body.as_slice()).unwrap();
        let mut bytes = Vec::new();
        ciborium::into_writer(&to_cbor(&bent_json(bend, from_cbor(value), (names, &token))), &mut bytes).unwrap();
        return bytes;
    }
    bent_json(bend, serde_json::from_slice(&body).unwrap(), (names, &token)).to_string().into_bytes()
}

fn bent_json(bend: Bend, mut value: Value, (names, token): (&str, &str)) -> Value {
    match bend {
        Bend::Bare => json!({}),
        Bend::Hollow => hollow(value),
        Bend::Half => half(value),
        Bend::Without(field) => without(value, field),
        Bend::NewWords => new_words(value),
        Bend::MoreFields => more_fields(value),
        Bend::Endless | Bend::Repeating => {
            value[names] = json!(token);
            value
        }
    }
}

fn hollow(value: Value) -> Value {
    let emptied = |value: Value| match value {
        Value::Object(_) => json!({}),
        Value::Array(items) => items.into_iter().map(|item| if item.is_object() { json!({}) } else { item }).collect(),
        other => other,
    };
    match value {
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, emptied(value))).collect(),
        other => other,
    }
}

fn without(value: Value, field: &str) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(name, _)| name != field).map(|(name, value)| (name, without(value, field))).collect(),
        Value::Array(items) => items.into_iter().map(|item| without(item, field)).collect(),
        other => other,
    }
}

/// Below the top, where nothing would be left of short answers.
fn half(value: Value) -> Value {
    fn of(value: Value, is_top: bool) -> Value {
        match value {
            Value::Object(fields) if fields.contains_key(TAG) => Value::Object(fields),
            Value::Object(fields) => fields.into_iter().enumerate().filter(|(at, _)| is_top || at % 2 == 0).map(|(_, (name, value))| (name, of(value, false))).collect(),
            Value::Array(items) => items.into_iter().map(|item| of(item, false)).collect(),
            other => other,
        }
    }
    of(value, true)
}

/// What enumerations are written in: capitals, as in ECS, or a single word where the field is one of those.
fn new_words(value: Value) -> Value {
    const FIELDS: [&str; 4] = ["StatusCode", "QueryStatus", "type", "launchType"];
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let is_word = value.as_str().is_some_and(|text| {
                    FIELDS.contains(&name.as_str()) || text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') || name == "stopCode"
                });
                let new = if is_word { json!("NEVER_HEARD_OF") } else { new_words(value) };
                (name, new)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(new_words).collect(),
        other => other,
    }
}

fn more_fields(value: Value) -> Value {
    match value {
        Value::Object(fields) if fields.contains_key(TAG) => Value::Object(fields),
        Value::Object(fields) => {
            // Maps of the caller's own names stay what they are.
            let is_record = !fields.values().all(Value::is_string);
            let mut more: Map<String, Value> = fields.into_iter().map(|(name, value)| (name, more_fields(value))).collect();
            if is_record {
                more.insert("somethingNew".to_owned(), json!({"of": [1, "two", null, {"three": true}]}));
            }
            Value::Object(more)
        }
        Value::Array(items) => items.into_iter().map(more_fields).collect(),
        other => other,
    }
}

fn bent_xml(bend: Bend, action: &str, body: &str, (names, token): (&str, &str)) -> String {
    let operation = action.rsplit(':').next().unwrap();
    let word = |tag: &str| ["State", "Reason", "Protocol", "HealthCheckProtocol", "TargetType", "Type", "Scheme", "IpAddressType", "Code"].contains(&tag);
    let leaf = Regex::new(r"<(\w+)>([^<]*)</\w+>").unwrap();
    match bend {
        Bend::Bare => format!("<{operation}Response><{operation}Result/></{operation}Response>"),
        // Its fields are tried in JSON alone.
        Bend::Without(_) => body.to_owned(),
        Bend::Hollow => hollow_xml(body),
        Bend::Half => {
            let mut at = 0;
            leaf.replace_all(body, |found: &Captures| {
                at += 1;
                if at % 2 == 0 { found[0].to_owned() } else { String::new() }
            })
            .into_owned()
        }
        Bend::NewWords => {
            leaf.replace_all(body, |found: &Captures| if word(&found[1]) { format!("<{0}>never-heard-of</{0}>", &found[1]) } else { found[0].to_owned() }).into_owned()
        }
        Bend::MoreFields => body.replace("<member><", "<member><SomethingNew><member>1</member></SomethingNew><"),
        Bend::Endless | Bend::Repeating => body
            .replace(&format!("<{operation}Result/>"), &format!("<{operation}Result></{operation}Result>"))
            .replace(&format!("</{operation}Result>"), &format!("<{names}>{token}</{names}></{operation}Result>")),
    }
}

/// The outermost members without what is in them.
fn hollow_xml(body: &str) -> String {
    let (mut told, mut rest, mut depth) = (String::new(), body, 0_usize);
    while let Some(at) = rest.find("<member>").into_iter().chain(rest.find("</member>")).min() {
        let opens = rest[at..].starts_with("<member>");
        if depth == 0 {
            told.push_str(&rest[..at]);
        }
        depth = if opens { depth + 1 } else { depth - 1 };
        if depth == 0 {
            told.push_str("<member/>");
        }
        rest = &rest[at + if opens { "<member>" } else { "</member>" }.len()..];
    }
    told + rest
}

/// Stands in JSON for what CBOR marks, such as a time.
const TAG: &str = "$tag";

fn from_cbor(value: ciborium::Value) -> Value {
    use ciborium::Value as Cbor;
    match value {
        Cbor::Integer(number) => json!(i64::try_from(number).unwrap()),
        Cbor::Float(number) => json!(number),
        Cbor::Text(text) => json!(text),
        Cbor::Bool(is) => json!(is),
        Cbor::Tag(tag, inner) => json!({TAG: tag, "of": from_cbor(*inner)}),
        Cbor::Array(items) => items.into_iter().map(from_cbor).collect(),
        Cbor::Map(fields) => fields.into_iter().map(|(name, value)| (name.into_text().unwrap(), from_cbor(value))).collect(),
        _ => Value::Null,
    }
}

fn to_cbor(value: &Value) -> ciborium::Value {
    use ciborium::Value as Cbor;
    match value {
        Value::Object(fields) => match fields.get(TAG).and_then(Value::as_u64) {
            Some(tag) => Cbor::Tag(tag, Box::new(to_cbor(&fields["of"]))),
            None => Cbor::Map(fields.iter().map(|(name, value)| (Cbor::Text(name.clone()), to_cbor(value))).collect()),
        },
        Value::Array(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Bool(is) => Cbor::Bool(*is),
        Value::Number(number) => number.as_i64().map_or_else(|| Cbor::Float(number.as_f64().unwrap()), |whole| Cbor::Integer(whole.into())),
        Value::Null => Cbor::Null,
    }
}
