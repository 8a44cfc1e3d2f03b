//! Asks CloudTrail who called: LookupEvents by name, in the shortest window that can hold the call.
//!
//! ECS events carry no indexed resources, so the search is by event name and the match is made here. Two requests
//! a second is all there is; the connector keeps that pace.

use aws_sdk_cloudtrail::types::{Event as Record, LookupAttribute, LookupAttributeKey};
use aws_smithy_types::DateTime;
use futures::FutureExt;
use futures::channel::oneshot;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::diagnosis::call::{ApiCall, Identity, Parameters};
use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::{Reading, Source, Status};
use crate::diagnosis::scheduling::{self, Story};
use crate::diagnosis::stopped_by::{KEPT_FOR, SETTLES_AFTER};
use crate::diagnosis::task::{EcsArn, StopCode, Task, last_segment};

use super::failing::{Failing, failing};
use super::pages::{Pages, Turn};
use super::{Asker, Asking, Reach, redact};

pub const SOURCE: Asker = Asker { source: Source::Cloudtrail, collect: |asking| collect(asking).boxed_local() };

/// A stop begins within a second of an accepted call; refused attempts come somewhat earlier.
const BEFORE_STOP: SignedDuration = SignedDuration::from_secs(150);
const AFTER_STOP: SignedDuration = SignedDuration::from_secs(15);
/// A shell may have been open for a while, and what was done there may take its time.
const BEFORE_STOP_IN_SHELL: SignedDuration = SignedDuration::from_secs(3600);
const EXECUTE_COMMAND: &str = "ExecuteCommand";
/// 50 calls each: 2,000 calls of one name within three minutes is more than any account makes.
const MOST_PAGES: usize = 40;

async fn collect(asking: &Asking<'_>) {
    let reach = asking.reach;
    let Some(stop) = reach.task.stop_anchor() else {
        reach.ledger.note(Reading::new(Source::Cloudtrail, Status::NotApplicable).detailed("the task has not been stopped"));
        return;
    };
    if reach.now.duration_since(stop) > KEPT_FOR {
        reach.ledger.note(Reading::new(Source::Cloudtrail, Status::Expired).detailed("CloudTrail's event history keeps 90 days, and the stop is older"));
        return;
    }
    let stop_task = Search { name: "StopTask", from: stop - BEFORE_STOP, to: stop + AFTER_STOP, decides: matches!(reach.task.told_stop_code(), Some(StopCode::UserInitiated)) };
    let (known, first) = oneshot::channel::<()>();
    let others = async {
        let search = for_scheduler(asking, stop).await;
        drop(known);
        if let Some(search) = search {
            lookup(reach, &search, |call| concerns_service(call, reach.task)).await;
        }
    };
    // Of the few requests a second, those that can name who stopped it go first.
    let session = async {
        let _ = first.await;
        if reach.task.allows_exec() {
            let entered = Search { name: EXECUTE_COMMAND, from: stop - BEFORE_STOP_IN_SHELL, to: stop, decides: false };
            lookup(reach, &entered, |call| call.succeeded() && (entered.from..=stop).contains(&call.time) && concerns_task(call, reach.task)).await;
        }
    };
    futures::join!(lookup(reach, &stop_task, |call| concerns_task(call, reach.task)), others, session);
}

/// One name in one window.
struct Search {
    name: &'static str,
    from: Timestamp,
    to: Timestamp,
    /// Whether such a call must be behind this stop: only then is its absence too early to believe.
    decides: bool,
}

/// What to look for where the scheduler stopped the task: the call that began the deployment, or changed the count.
async fn for_scheduler(asking: &Asking<'_>, stop: Timestamp) -> Option<Search> {
    let task = asking.reach.task;
    let scheduled = matches!(task.told_stop_code(), Some(StopCode::ServiceSchedulerInitiated)) && scheduling::is_scaling_reason(task.stopped_reason.as_deref().unwrap_or_default());
    if !scheduled {
        return None;
    }
    let service = asking.service.clone().await;
    let mut story = scheduling::story(task, service.as_deref(), &[]);
    if !matches!(story, Story::Replaced(_)) {
        let history = asking.history.clone().await;
        story = scheduling::story(task, service.as_deref(), history.as_deref().map(Vec::as_slice).unwrap_or_default());
    }
    let around = |at: Timestamp, before: i64| (at - SignedDuration::from_secs(before), at + SignedDuration::from_secs(5));
    let (from, to) = match story {
        Story::Replaced(change) | Story::RolledBack { change, .. } => around(change.created_at.unwrap_or(stop), 60),
        Story::FewerWanted | Story::Unclear(_) => around(stop, 900),
        Story::ServiceDeleted => {
            let (from, to) = around(stop, 900);
            return Some(Search { name: "DeleteService", from, to, decides: true });
        }
        Story::Rebalanced => return None,
    };
    Some(Search { name: "UpdateService", from, to, decides: true })
}

/// Reads every page of one search and tells the calls that match.
async fn lookup(reach: &Reach<'_>, search: &Search, matches: impl Fn(&ApiCall) -> bool) {
    let inquiry = reach.ledger.ask(Source::Cloudtrail, "cloudtrail:LookupEvents", "*");
    inquiry.about(search.name);
    if search.name == EXECUTE_COMMAND {
        inquiry.aside();
    }
    let (from, to) = (search.from.as_second(), search.to.as_second() + 1);
    inquiry.looked(Timestamp::from_second(from).ok(), Timestamp::from_second(to).ok());
    let attribute = match LookupAttribute::builder().attribute_key(LookupAttributeKey::EventName).attribute_value(search.name).build() {
        Ok(attribute) => attribute,
        Err(error) => return inquiry.fail(&Failing::unreadable(error.to_string())),
    };
    let client = reach.account.cloudtrail();
    let (mut pages, mut matched, mut unreadable) = (Pages::default(), 0_usize, 0_usize);
    for page in 0.. {
        if page == MOST_PAGES {
            return inquiry.fail(&Failing::unreadable(format!("more than {} {} calls in the window: not read to the end", MOST_PAGES * 50, search.name)));
        }
        inquiry.request();
        let asked = client.lookup_events().lookup_attributes(attribute.clone()).start_time(DateTime::from_secs(from)).end_time(DateTime::from_secs(to)).max_results(50);
        let answer = match asked.set_next_token(pages.token()).send().await {
            Ok(answer) => answer,
            Err(error) => return inquiry.fail(&failing(&error)),
        };
        for record in answer.events() {
            let Some(mut call) = read(record) else {
                unreadable += 1;
                continue;
            };
            if call.name == search.name && matches(&call) {
                if reach.redact {
                    for typed in [&mut call.parameters.reason, &mut call.parameters.command].into_iter().flatten() {
                        *typed = redact::text(typed).into_owned();
                    }
                }
                matched += 1;
                let level = if call.succeeded() { Level::Info } else { Level::Warn };
                inquiry.tell(Event { at: call.time, precision: Precision::Second, witness: Witness::Cloudtrail, level, container: None, what: What::Called(Box::new(call)) });
            }
        }
        match pages.turn(answer.next_token) {
            Turn::Next => {}
            Turn::End => break,
            Turn::Repeated => return inquiry.fail(&Failing::repeated_token()),
        }
    }
    if unreadable > 0 {
        return inquiry.fail(&Failing::unreadable(format!("{unreadable} records could not be read")));
    }
    let early = search.decides && matched == 0 && reach.now.duration_since(search.to) < SETTLES_AFTER;
    if early { inquiry.end(Status::TooEarly) } else { inquiry.done() }
}

/// Whether a StopTask or ExecuteCommand call was for this very task: its id in its cluster, in this account and region.
fn concerns_task(call: &ApiCall, task: &Task) -> bool {
    if !in_account(call, task) {
        return false;
    }
    if let Some(arn) = &call.response_task_arn {
        // An old ARN names no cluster: then the one that was typed has to agree.
        let names_cluster = EcsArn::parse(arn).is_some_and(|arn| arn.cluster.is_some());
        return is_arn_of(arn, task) && (names_cluster || in_cluster(call.parameters.cluster.as_deref(), task));
    }
    let Some(typed) = call.parameters.task.as_deref() else { return false };
    let own = if typed.starts_with("arn:") { is_arn_of(typed, task) } else { typed.eq_ignore_ascii_case(&task.id) };
    // An ARN names its cluster itself; only where it does not is an absent parameter `default`.
    let cluster_in_arn = EcsArn::parse(typed).is_some_and(|arn| arn.cluster.is_some());
    own && match call.parameters.cluster.as_deref() {
        None if cluster_in_arn => true,
        typed => in_cluster(typed, task),
    }
}

fn concerns_service(call: &ApiCall, task: &Task) -> bool {
    let Some(service) = task.service.as_deref() else { return false };
    let Some(typed) = call.parameters.service.as_deref() else { return false };
    if !in_account(call, task) || last_segment(typed) != service {
        return false;
    }
    match EcsArn::parse(typed).and_then(|arn| arn.cluster) {
        Some(cluster) => cluster == task.cluster,
        None => in_cluster(call.parameters.cluster.as_deref(), task),
    }
}

fn in_account(call: &ApiCall, task: &Task) -> bool {
    let agrees = |theirs: &Option<String>, ours: &str| theirs.as_deref().is_none_or(|theirs| ours.is_empty() || theirs == ours);
    agrees(&call.region, &task.region) && agrees(&call.recipient_account, &task.account)
}

/// The cluster parameter is a name, an ARN, or absent, which means `default`.
fn in_cluster(typed: Option<&str>, task: &Task) -> bool {
    last_segment(typed.filter(|typed| !typed.is_empty()).unwrap_or("default")) == task.cluster
}

fn is_arn_of(arn: &str, task: &Task) -> bool {
    EcsArn::parse(arn).is_some_and(|arn| {
        arn.kind == "task"
            && arn.name.eq_ignore_ascii_case(&task.id)
            && arn.cluster.is_none_or(|cluster| cluster == task.cluster)
            && (task.region.is_empty() || arn.region == task.region)
            && (task.account.is_empty() || arn.account == task.account)
    })
}

/// The JSON inside the record; the fields around it say less.
fn read(record: &Record) -> Option<ApiCall> {
    let value: Value = serde_json::from_str(record.cloud_trail_event()?).ok()?;
    call_from(&value)
}

/// One CloudTrail record as JSON, read leniently: only its id, name and time must be there.
pub(super) fn call_from(value: &Value) -> Option<ApiCall> {
    let text = |path: &str| value.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let identity = |name: &str| text(&format!("/userIdentity/{name}"));
    let parameter = |name: &str| text(&format!("/requestParameters/{name}"));
    let federated = text("/userIdentity/sessionContext/webIdFederationData/federatedProvider").or_else(|| identity("identityProvider"));
    Some(ApiCall {
        event_id: text("/eventID")?,
        name: text("/eventName")?,
        time: text("/eventTime")?.parse().ok()?,
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
            session_created: identity("sessionContext/attributes/creationDate").and_then(|date| date.parse().ok()),
            invoked_by: identity("invokedBy"),
            source_identity: identity("sessionContext/sourceIdentity"),
            web_provider: federated,
            on_behalf_of: identity("onBehalfOf/userId"),
            issued_to: identity("inScopeOf/credentialsIssuedTo"),
        },
        parameters: Parameters {
            cluster: parameter("cluster"),
            task: parameter("task"),
            service: parameter("service").or_else(|| parameter("serviceName")),
            reason: parameter("reason"),
            container: parameter("container").or_else(|| text("/responseElements/containerName")),
            command: parameter("command"),
            desired_count: value.pointer("/requestParameters/desiredCount").and_then(Value::as_i64),
            task_definition: parameter("taskDefinition"),
            force_new_deployment: value.pointer("/requestParameters/forceNewDeployment").and_then(Value::as_bool).unwrap_or_default(),
        },
        response_task_arn: text("/responseElements/task/taskArn").or_else(|| text("/responseElements/taskArn")),
        response_running: value.pointer("/responseElements/service/runningCount").and_then(Value::as_i64),
        response_deployments: value
            .pointer("/responseElements/service/deployments")
            .and_then(Value::as_array)
            .map(|deployments| deployments.iter().filter_map(|deployment| deployment.get("id")?.as_str().map(str::to_owned)).collect())
            .unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8";

    fn task(cluster: &str) -> Task {
        Task { id: ID.into(), cluster: cluster.into(), region: "eu-west-1".into(), account: "1".into(), ..Task::default() }
    }

    fn call(parameters: Value) -> ApiCall {
        call_from(&json!({"eventID": "e", "eventName": "StopTask", "eventTime": "2026-03-03T14:00:00Z", "awsRegion": "eu-west-1", "recipientAccountId": "1", "requestParameters": parameters}))
            .expect("a call")
    }

    #[test]
    fn the_task_may_be_typed_as_id_or_arn_and_the_cluster_as_name_or_arn() {
        for parameters in [
            json!({"cluster": "prod", "task": ID}),
            json!({"cluster": "arn:aws:ecs:eu-west-1:1:cluster/prod", "task": ID}),
            json!({"cluster": "prod", "task": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")}),
        ] {
            assert!(concerns_task(&call(parameters.clone()), &task("prod")), "{parameters}");
        }
        assert!(concerns_task(&call(json!({"task": ID})), &task("default")));
        assert!(concerns_task(&call(json!({"task": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")})), &task("prod")));
        assert!(!concerns_task(&call(json!({"cluster": "staging", "task": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")})), &task("prod")));
    }

    #[test]
    fn another_cluster_task_region_or_account_is_another_task() {
        for parameters in [
            json!({"cluster": "staging", "task": ID}),
            json!({"task": ID}),
            json!({"cluster": "prod", "task": "5d6c7b8a99a8b7c6d5e4f3a2b1c0d900"}),
            json!({"cluster": "prod", "task": format!("arn:aws:ecs:us-east-1:1:task/prod/{ID}")}),
            json!({"cluster": "prod", "task": format!("arn:aws:ecs:eu-west-1:2:task/prod/{ID}")}),
            json!({"cluster": "prod"}),
        ] {
            assert!(!concerns_task(&call(parameters.clone()), &task("prod")), "{parameters}");
        }
        let elsewhere = ApiCall { region: Some("us-east-1".into()), ..call(json!({"cluster": "prod", "task": ID})) };
        assert!(!concerns_task(&elsewhere, &task("prod")));
    }

    #[test]
    fn a_session_names_its_task_its_container_and_what_was_run() {
        let session = call_from(&json!({"eventID": "e", "eventName": "ExecuteCommand", "eventTime": "2026-03-03T14:00:00Z", "awsRegion": "eu-west-1", "recipientAccountId": "1",
            "requestParameters": {"cluster": "prod", "task": ID, "command": "/bin/sh", "interactive": true},
            "responseElements": {"containerName": "app", "taskArn": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")}}))
        .expect("a call");
        assert!(concerns_task(&session, &task("prod")) && !concerns_task(&session, &task("staging")));
        assert_eq!((session.parameters.container.as_deref(), session.parameters.command.as_deref()), (Some("app"), Some("/bin/sh")));
    }

    #[test]
    fn the_response_outweighs_what_was_typed() {
        let mut other = call(json!({"cluster": "prod", "task": ID}));
        other.response_task_arn = Some(format!("arn:aws:ecs:eu-west-1:1:task/staging/{ID}"));
        assert!(!concerns_task(&other, &task("prod")));
    }

    #[test]
    fn a_record_without_id_name_or_time_is_none() {
        assert_eq!(call_from(&json!({"eventName": "StopTask", "eventTime": "2026-03-03T14:00:00Z"})), None);
        assert_eq!(call_from(&json!(null)), None);
    }
}
