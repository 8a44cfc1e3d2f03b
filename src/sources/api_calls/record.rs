//! One CloudTrail record, taken apart.

use aws_sdk_cloudtrail::types::Event as Record;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::diagnosis::call::{ApiCall, Identity, Parameters, REPORTS, Report, ReportedContainer, Target, ToldDeployment};
use crate::diagnosis::service::ServiceMessage;
use crate::diagnosis::task::last_segment;
use crate::sources::task::datable;

/// A call, and the service's events of that moment, where its answer holds the service.
pub(crate) struct Recorded {
    pub(crate) call: ApiCall,
    pub(crate) messages: Vec<ServiceMessage>,
}

/// The JSON inside the record; the fields around it say less. Null where there is none.
pub(super) fn document_in(record: &Record) -> Value {
    record.cloud_trail_event().and_then(|document| serde_json::from_str(document).ok()).unwrap_or_default()
}

pub(crate) fn recorded(value: &Value) -> Option<Recorded> {
    Some(Recorded { call: call_from(value)?, messages: messages(value) })
}

/// `responseElements.service.events`: what DescribeServices would have answered then, up to a hundred of them.
pub(super) fn messages(value: &Value) -> Vec<ServiceMessage> {
    let events = value.pointer("/responseElements/service/events").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |event: &Value, name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
    events.iter().filter_map(|event| Some(ServiceMessage::read(&text(event, "id")?, written_time(&text(event, "createdAt")?)?, &text(event, "message")?))).collect()
}

/// A time as Java writes it for people, in UTC and to the second (`Apr 26, 2026, 9:34:33 PM`), or as ISO 8601.
pub(super) fn written_time(text: &str) -> Option<Timestamp> {
    // Newer runtimes put a narrow no-break space before the half of the day.
    let plain: String = text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter }).collect();
    // Older ones put no comma behind the year; some regions count to 24.
    let bare = plain.replace(',', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    let written = ["%b %d %Y %I:%M:%S %p", "%b %d %Y %H:%M:%S"].into_iter().find_map(|form| DateTime::strptime(form, &bare).ok());
    at(&plain).or_else(|| datable(written?.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()))
}

/// A time in ISO 8601 that somebody can have lived in.
fn at(text: &str) -> Option<Timestamp> {
    let at: Timestamp = text.parse().ok()?;
    datable(at.as_millisecond()).and(Some(at))
}

/// What an ECS agent tells of a task: of the whole with its containers, or of one of them.
fn report(value: &Value) -> Option<Box<Report>> {
    let name = value.get("eventName")?.as_str()?;
    let parameters = value.get("requestParameters").filter(|_| REPORTS.contains(&name))?;
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let container = |of: &Value| {
        Some(ReportedContainer {
            name: text(of, "containerName")?,
            status: text(of, "status"),
            exit_code: of.get("exitCode").and_then(Value::as_i64),
            reason: text(of, "reason"),
            image_digest: text(of, "imageDigest"),
            runtime_id: text(of, "runtimeId"),
        })
    };
    let listed = parameters.get("containers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let alone = (name == REPORTS[1]).then(|| container(parameters)).flatten();
    Some(Box::new(Report {
        status: text(parameters, "status").filter(|_| alone.is_none()),
        reason: text(parameters, "reason").filter(|_| alone.is_none()),
        containers: listed.iter().filter_map(container).chain(alone).collect(),
        execution_stopped: text(parameters, "executionStoppedAt").and_then(|at| written_time(&at)),
    }))
}

/// Targets of a load balancer that a call registers or takes out.
fn targets(value: &Value) -> Vec<Target> {
    let Some(parameters) = value.get("requestParameters") else { return Vec::new() };
    let Some(group) = parameters.get("targetGroupArn").and_then(Value::as_str) else { return Vec::new() };
    let listed = parameters.get("targets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let target = |of: &Value| Some(Target { group: group.to_owned(), id: of.get("id")?.as_str()?.to_owned(), port: of.get("port").and_then(Value::as_i64) });
    listed.iter().filter_map(target).collect()
}

/// The service of `…:service-deployment/CLUSTER/SERVICE/ID`, as an ARN that names its cluster too.
fn service_in(deployment: &str) -> Option<String> {
    let (head, rest) = deployment.split_once(":service-deployment/")?;
    let (service, _) = rest.rsplit_once('/')?;
    Some(format!("{head}:service/{service}"))
}

fn listed(value: &Value, path: &str) -> Vec<String> {
    value.pointer(path).and_then(Value::as_array).map(|items| items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()).unwrap_or_default()
}

/// What an UpdateService call may change without a new deployment.
const KEEPS_THE_DEPLOYMENT: [&str; 11] = [
    "cluster",
    "service",
    "desiredCount",
    "deploymentConfiguration",
    "placementConstraints",
    "placementStrategy",
    "healthCheckGracePeriodSeconds",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "propagateTags",
    "availabilityZoneRebalancing",
];

fn begins_no_deployment(value: &Value) -> bool {
    let is_update = value.get("eventName").and_then(Value::as_str) == Some("UpdateService");
    let Some(parameters) = value.get("requestParameters").and_then(Value::as_object).filter(|_| is_update) else { return false };
    let unset = |value: &Value| value.is_null() || *value == Value::Bool(false);
    parameters.iter().all(|(name, value)| KEEPS_THE_DEPLOYMENT.contains(&name.as_str()) || unset(value))
}

/// The service's deployments as an answer lists them, or the one task set that it made.
fn told_deployments(value: &Value) -> Vec<ToldDeployment> {
    let listed = value.pointer("/responseElements/service/deployments").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let read = |told: &Value| {
        Some(ToldDeployment {
            id: text(told, "id")?,
            created_at: text(told, "createdAt").and_then(|at| written_time(&at)),
            definition: text(told, "taskDefinition").map(|arn| last_segment(&arn).to_owned()),
        })
    };
    listed.iter().chain(value.pointer("/responseElements/taskSet")).filter_map(read).collect()
}

/// EC2 and Auto Scaling name instances in ways of their own, and a Spot eviction in a third.
fn instances(value: &Value) -> Vec<String> {
    let items = value.pointer("/requestParameters/instancesSet/items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of_ec2 = items.iter().filter_map(|item| item.get("instanceId")?.as_str().map(str::to_owned));
    let of_scaling = value.pointer("/requestParameters/instanceId").and_then(Value::as_str).map(str::to_owned);
    of_ec2.chain(of_scaling).chain(listed(value, "/serviceEventDetails/instanceIdSet")).collect()
}

/// `HOST:sub` among the attributes that a web identity's session keeps.
fn web_subject(value: &Value) -> Option<String> {
    let attributes = value.pointer("/userIdentity/sessionContext/webIdFederationData/attributes")?.as_object()?;
    attributes.iter().find(|(name, _)| name.ends_with(":sub")).and_then(|(_, subject)| subject.as_str()).filter(|subject| !subject.is_empty()).map(str::to_owned)
}

/// One CloudTrail record as JSON, read leniently: only its id, name and time must be there.
pub(in super::super) fn call_from(value: &Value) -> Option<ApiCall> {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let identity = |name: &str| text(&format!("/userIdentity/{name}"));
    let parameter = |name: &str| text(&format!("/requestParameters/{name}"));
    let number = |name: &str| value.pointer(&format!("/requestParameters/{name}")).and_then(Value::as_i64);
    let named = |path: &str, name: &str| -> Vec<String> {
        let items = value.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        items.iter().filter_map(|item| item.get(name)?.as_str().map(str::to_owned)).collect()
    };
    let federated = text("/userIdentity/sessionContext/webIdFederationData/federatedProvider").or_else(|| identity("identityProvider"));
    Some(ApiCall {
        event_id: text("/eventID")?,
        name: text("/eventName")?,
        source: text("/eventSource"),
        time: at(&text("/eventTime")?)?,
        region: text("/awsRegion"),
        recipient_account: text("/recipientAccountId"),
        source_ip: text("/sourceIPAddress"),
        user_agent: text("/userAgent"),
        error_code: text("/errorCode"),
        from_console: value.get("sessionCredentialFromConsole").is_some_and(|flag| flag.as_str() == Some("true") || flag.as_bool() == Some(true)),
        identity: Identity {
            kind: identity("type").unwrap_or_default(),
            arn: identity("arn"),
            account: identity("accountId"),
            user_name: identity("userName"),
            principal_id: identity("principalId"),
            access_key_id: identity("accessKeyId"),
            role: identity("sessionContext/sessionIssuer/userName"),
            role_arn: identity("sessionContext/sessionIssuer/arn"),
            mfa: value.pointer("/userIdentity/sessionContext/attributes/mfaAuthenticated").and_then(|flag| flag.as_bool().or_else(|| flag.as_str()?.parse().ok())),
            session_created: identity("sessionContext/attributes/creationDate").and_then(|date| at(&date)),
            invoked_by: identity("invokedBy"),
            source_identity: identity("sessionContext/sourceIdentity"),
            web_provider: federated,
            web_subject: web_subject(value),
            delivered_by_ec2: identity("sessionContext/ec2RoleDelivery").is_some(),
            on_behalf_of: identity("onBehalfOf/userId"),
            issued_to: identity("inScopeOf/credentialsIssuedTo"),
        },
        parameters: Parameters {
            cluster: parameter("cluster"),
            task: parameter("task"),
            service: parameter("service").or_else(|| parameter("serviceName")).or_else(|| parameter("serviceArn")).or_else(|| service_in(&parameter("serviceDeploymentArn")?)),
            reason: parameter("reason"),
            container: parameter("container").or_else(|| text("/responseElements/containerName")),
            command: parameter("command"),
            desired_count: number("desiredCount"),
            task_definition: parameter("taskDefinition"),
            begins_none: begins_no_deployment(value),
            force_new_deployment: value.pointer("/requestParameters/forceNewDeployment").and_then(Value::as_bool).unwrap_or_default(),
            instances: instances(value),
            container_instances: listed(value, "/requestParameters/containerInstances").into_iter().chain(parameter("containerInstance")).collect(),
            session: parameter("roleSessionName"),
            status: parameter("status"),
            task_set: parameter("taskSet").or_else(|| parameter("primaryTaskSet")),
            scale: value.pointer("/requestParameters/scale/value").and_then(Value::as_f64).map(|percent| percent.floor() as i64),
            policy: parameter("policyName").or_else(|| parameter("scheduledActionName")),
            targets: targets(value),
            scalable_target: parameter("resourceId").filter(|_| parameter("scalableDimension").is_none_or(|dimension| dimension == "ecs:service:DesiredCount")),
            min_capacity: number("minCapacity"),
            max_capacity: number("maxCapacity"),
        },
        issued_key: text("/responseElements/credentials/accessKeyId"),
        response_task_arn: text("/responseElements/task/taskArn").or_else(|| text("/responseElements/taskArn")),
        response_running: value.pointer("/responseElements/service/runningCount").and_then(Value::as_i64),
        response_tasks: named("/responseElements/tasks", "taskArn"),
        response_deployments: told_deployments(value),
        code_deployment: text("/responseElements/deploymentId"),
        response_status: text("/responseElements/task/lastStatus"),
        report: report(value),
    })
}
