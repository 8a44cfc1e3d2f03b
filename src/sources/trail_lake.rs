//! Asks an event data store of CloudTrail Lake, which keeps calls for years, in LookupEvents' place. AWS bills it by the
//! data scanned: only where the user named the store.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::QueryStatus;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::failing::{Failing, failing};
use super::pages::{Pages, Turn};

/// An event data store, by id or ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDataStore {
    pub id: String,
    /// An organisation's store may lie in another region than the task.
    pub region: Option<String>,
}

impl EventDataStore {
    /// `None` where it is neither an id nor the ARN of a store.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, region) = match text.split_once(":eventdatastore/") {
            Some((head, id)) => (id, Some(head.strip_prefix("arn:")?.split(':').nth(2)?.to_owned())),
            None => (text, None),
        };
        // It goes into a query as it is.
        let is_id = id.len() >= 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_id.then(|| Self { id: id.to_owned(), region })
    }
}

/// What of a record is read, and the place it has in the record's JSON: columns of the published schema alone, since one
/// that it lacks fails the whole query. It spells `inScopeOf.credentialsIssuedTo` in a way that may be a slip. Maps hold nested values as JSON in a text.
const IDENTITY: [&str; 16] = [
    "type",
    "arn",
    "accountId",
    "userName",
    "principalId",
    "accessKeyId",
    "invokedBy",
    "identityProvider",
    "sessionContext.sessionIssuer.userName",
    "sessionContext.sessionIssuer.arn",
    "sessionContext.attributes.creationDate",
    "sessionContext.attributes.mfaAuthenticated",
    "sessionContext.webIdFederationData.federatedProvider",
    "sessionContext.sourceIdentity",
    "sessionContext.ec2RoleDelivery",
    "onBehalfOf.userId",
];
const PLAIN: [&str; 9] = ["eventID", "eventName", "eventSource", "eventTime", "awsRegion", "recipientAccountId", "sourceIPAddress", "userAgent", "errorCode"];
const PARAMETERS: [&str; 36] = [
    "cluster",
    "task",
    "service",
    "serviceName",
    "serviceArn",
    "serviceDeploymentArn",
    "reason",
    "container",
    "desiredCount",
    "taskDefinition",
    "forceNewDeployment",
    "instancesSet",
    "instanceId",
    "containerInstances",
    "containerInstance",
    "roleSessionName",
    "status",
    "taskSet",
    "primaryTaskSet",
    "scale",
    "resourceId",
    "scalableDimension",
    "minCapacity",
    "maxCapacity",
    "command",
    "force",
    "policyName",
    "scheduledActionName",
    "targetGroupArn",
    "targets",
    "containers",
    "containerName",
    "runtimeId",
    "imageDigest",
    "exitCode",
    "executionStoppedAt",
];
const NUMBERS: [&str; 6] = ["desiredCount", "minCapacity", "maxCapacity", "forceNewDeployment", "force", "exitCode"];
const ANSWERS: [&str; 8] = ["task", "taskArn", "containerName", "service", "taskSet", "credentials", "tasks", "deploymentId"];

/// Each column with the JSON pointer it fills.
fn columns() -> Vec<(String, String)> {
    let plain = PLAIN.iter().map(|name| ((*name).to_owned(), format!("/{name}")));
    let identity = IDENTITY.iter().map(|path| (format!("userIdentity.{path}"), format!("/userIdentity/{}", path.replace('.', "/"))));
    let of_map = |map: &'static str, name: &'static str| (format!("element_at({map}, '{name}')"), format!("/{map}/{name}"));
    let parameters = PARAMETERS.iter().map(|name| of_map("requestParameters", name));
    let answers = ANSWERS.iter().map(|name| of_map("responseElements", name));
    plain.chain(identity).chain(parameters).chain(answers).chain([of_map("serviceEventDetails", "instanceIdSet")]).collect()
}

fn statement(store: &EventDataStore, name: &str, (from, to): (Timestamp, Timestamp)) -> String {
    let columns: Vec<String> = columns().iter().enumerate().map(|(at, (column, _))| format!("{column} AS c{at}")).collect();
    let time = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string();
    format!("SELECT {} FROM {} WHERE eventName = '{name}' AND eventTime >= '{}' AND eventTime <= '{}'", columns.join(", "), store.id, time(from), time(to))
}

const FIRST_PAUSE: Duration = Duration::from_millis(300);
const MOST_PAUSE: Duration = Duration::from_secs(3);

/// Where asking failed: the action that is to blame, and how.
pub struct Unanswered {
    pub action: &'static str,
    pub failing: Failing,
}

pub const START: &str = crate::diagnosis::stopped_by::LAKE_QUERY;
pub const RESULTS: &str = "cloudtrail:GetQueryResults";

/// All records of one name in one window, in the form in which CloudTrail delivers them. `request` is told of each request
/// that is about to leave.
pub async fn records(client: &Client, store: &EventDataStore, name: &str, window: (Timestamp, Timestamp), request: impl Fn(&'static str)) -> Result<Vec<Value>, Unanswered> {
    let starting = |failing: Failing| Unanswered { action: START, failing };
    let reading = |failing: Failing| Unanswered { action: RESULTS, failing };
    request(START);
    let started = client.start_query().query_statement(statement(store, name, window)).send().await.map_err(|error| starting(failing(&error)))?;
    let Some(query) = started.query_id() else { return Err(starting(Failing::unreadable("the query was given no id".to_owned()))) };
    let (mut pages, mut found, mut pause) = (Pages::default(), Vec::new(), FIRST_PAUSE);
    loop {
        request(RESULTS);
        let answer = client.get_query_results().query_id(query).set_next_token(pages.token()).send().await.map_err(|error| reading(failing(&error)))?;
        match answer.query_status() {
            Some(QueryStatus::Queued | QueryStatus::Running) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MOST_PAUSE);
                continue;
            }
            Some(QueryStatus::Finished) => {}
            other => {
                let status = other.map_or("no status", QueryStatus::as_str);
                let why = answer.error_message().map(|message| format!(": {message}")).unwrap_or_default();
                return Err(reading(Failing::unreadable(format!("the query ended as {status}{why}"))));
            }
        }
        found.extend(answer.query_result_rows().iter().map(|row| record(row)));
        match pages.turn(answer.next_token) {
            Turn::Next => {}
            Turn::End => return Ok(found),
            Turn::Repeated => return Err(reading(Failing::repeated_token())),
        }
    }
}

/// One row, put together again: each column at its place, and what is JSON inside a text unfolded.
fn record(row: &[HashMap<String, String>]) -> Value {
    let mut whole = json!({});
    for (at, (_, pointer)) in columns().iter().enumerate() {
        let Some(text) = row.iter().find_map(|cell| cell.get(&format!("c{at}"))).filter(|text| !text.is_empty() && *text != "null") else { continue };
        let name = pointer.rsplit('/').next().unwrap_or_default();
        let value = match name {
            "eventTime" | "creationDate" => json!(moment(text)),
            _ if text.starts_with(['{', '[']) || NUMBERS.contains(&name) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            _ => json!(text),
        };
        put(&mut whole, pointer, value);
    }
    whole
}

fn put(whole: &mut Value, pointer: &str, value: Value) {
    let mut place = whole;
    for part in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(part).or_insert(Value::Null);
    }
    *place = value;
}

/// `2026-03-03 14:08:00.000`, which is UTC, as the record itself has it.
fn moment(text: &str) -> String {
    let text = text.trim_end_matches(" UTC");
    if text.contains('T') { text.to_owned() } else { format!("{}Z", text.replacen(' ', "T", 1)) }
}

#[cfg(test)]
mod tests {
    use super::super::api_calls::call_from;
    use super::*;

    #[test]
    fn a_store_is_named_by_id_or_arn_and_nothing_else_reaches_the_query() {
        let id = "c1f5a3b2-8d47-4e57-9d0e-2f3f2b1c0d9e";
        assert_eq!(EventDataStore::parse(id), Some(EventDataStore { id: id.to_owned(), region: None }));
        let arn = format!("arn:aws:cloudtrail:us-east-1:123456789012:eventdatastore/{id}");
        assert_eq!(EventDataStore::parse(&arn), Some(EventDataStore { id: id.to_owned(), region: Some("us-east-1".to_owned()) }));
        for wrong in ["", "my-store", "x; DROP", "arn:aws:s3:::bucket", "c1f5a3b2 OR 1=1"] {
            assert_eq!(EventDataStore::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_row_reads_like_the_record_it_came_from() {
        let cells: HashMap<&str, &str> = [
            ("eventID", "e"),
            ("eventName", "StopTask"),
            ("eventTime", "2026-03-03 14:08:00.000"),
            ("awsRegion", "eu-west-1"),
            ("userIdentity.type", "IAMUser"),
            ("userIdentity.userName", "alice"),
            ("userIdentity.sessionContext.attributes.creationDate", "2026-03-03 13:40:00.000"),
            ("element_at(requestParameters, 'task')", "9f3c"),
            ("element_at(requestParameters, 'desiredCount')", "3"),
            ("element_at(requestParameters, 'instancesSet')", r#"{"items":[{"instanceId":"i-1"}]}"#),
            ("element_at(responseElements, 'task')", r#"{"taskArn":"arn:aws:ecs:eu-west-1:1:task/prod/9f3c"}"#),
            ("errorCode", ""),
        ]
        .into();
        let row: Vec<HashMap<String, String>> = columns()
            .into_iter()
            .enumerate()
            .map(|(at, (column, _))| HashMap::from([(format!("c{at}"), cells.get(column.as_str()).copied().unwrap_or("null").to_owned())]))
            .collect();
        let call = call_from(&record(&row)).expect("a call");
        assert_eq!((call.name.as_str(), call.identity.user_name.as_deref(), call.parameters.task.as_deref()), ("StopTask", Some("alice"), Some("9f3c")));
        assert_eq!((call.time.to_string().as_str(), call.parameters.desired_count), ("2026-03-03T14:08:00Z", Some(3)));
        assert_eq!((call.parameters.instances.as_slice(), call.response_task_arn.is_some(), call.succeeded()), (["i-1".to_owned()].as_slice(), true, true));
        assert!(call.identity.session_created.is_some());
    }
}
