//! A task that ECS has forgotten and no archive holds, put together from what CloudTrail keeps for 90 days: the answers
//! to the calls that started and stopped it, what its agent reported, and the service events in answers to UpdateService.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::diagnosis::call::{ApiCall, REPORTS, RUN_TASK, STOP_TASK};
use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::evidence::Source;
use crate::diagnosis::service::{MessageKind, ServiceMessage};
use crate::diagnosis::stopped_by::KEPT_FOR;
use crate::diagnosis::task::{EcsArn, Reported, Station, StopCode, Task, Teller, last_segment};
use crate::diagnosis::words;

use super::super::account::Account;
use super::super::document::task_from;
use super::super::ledger::Ledger;
use super::super::redact;
use super::super::target::Place;
use super::record::{call_from, messages, written_time};
use super::subject::is_of_its_service;
use super::{Asked, each_record};

/// The answer to it holds up to a hundred of the service's events, long after ECS has dropped them.
const UPDATE: &str = "UpdateService";
/// What each call is asked for at the most, in pages of 50; the later ones tell more and win.
const ASKED: [(&str, usize); 4] = [(UPDATE, 3), (RUN_TASK, 3), (STOP_TASK, 8), (REPORTS[0], 3)];
/// A task that is being stopped, or has been, is known to ECS for a few hours at most: a call that came earlier than this
/// before another was refused or stopped it.
const STOPS_AGAIN_WITHIN: SignedDuration = SignedDuration::from_hours(6);
/// What a service's event calls unhealthy is stopped within so long.
const CALLED_SO_WITHIN: SignedDuration = SignedDuration::from_secs(60);
/// Records are cut to the second, and the clocks of who keeps them differ.
const CLOCKS_DIFFER_BY: SignedDuration = SignedDuration::from_secs(2);

/// The task as CloudTrail remembers it, as far as that is read `until` then. Leaves a reading for every name it asked.
pub async fn find(account: &Account, ledger: &Ledger, place: &Place, now: Timestamp, until: Instant) -> Option<Task> {
    let client = account.cloudtrail();
    let asked = ASKED.map(|(name, most_pages)| {
        let client = client.clone();
        async move {
            let inquiry = ledger.ask(Source::Cloudtrail, "cloudtrail:LookupEvents", "*");
            inquiry.about(name);
            inquiry.aside();
            // Of the last seconds nothing has been delivered yet, and of those before 90 days nothing is kept.
            let window = (now - KEPT_FOR + SignedDuration::from_mins(1), now);
            let mut told: Vec<Told> = Vec::new();
            let reading = each_record(&client, &inquiry, Asked { name, window, most_pages }, |record| {
                let parts = parts(record, name, place, account);
                told.extend(parts);
                // Of several calls to stop it the first one did: they come newest first.
                told.is_empty() || name == STOP_TASK && may_hold_an_earlier(record, &told)
            });
            let ended = tokio::time::timeout_at(until, reading).await;
            // Of a service's events those that name the task are lines of their own.
            let mut said: BTreeMap<String, ServiceMessage> = BTreeMap::new();
            said.extend(told.iter_mut().flat_map(|told| told.said.drain(..)).map(|message| (message.id.clone(), message)));
            if name == UPDATE {
                inquiry.kept();
                said.into_values().for_each(|message| inquiry.tell(Event::said(message, Precision::Second)));
            } else {
                inquiry.count(told.len());
            }
            match ended {
                Ok(Ok(())) => inquiry.done(),
                Ok(Err(failing)) => inquiry.fail(&failing),
                Err(_) => inquiry.fail(&account.out_of_time("cloudtrail:LookupEvents", name)),
            }
            told
        }
    });
    let told = of_one_cluster(futures::future::join_all(asked).await.into_iter().flatten().collect());
    told.iter().filter_map(|told| told.called.clone()).for_each(|call| ledger.tell(line_of(call, account)));
    let names: std::collections::BTreeSet<&str> = told.iter().map(|told| told.call).collect();
    if !names.is_empty() {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        ledger.remark(format!("ECS has forgotten this task: it is put together from what CloudTrail keeps of it ({})", words::list(&names)));
    }
    let last_report = told.iter().rfind(|told| told.call == REPORTS[0]);
    let reported_from = last_report.and_then(|told| told.instance.clone());
    let report = last_report.and_then(|told| Some((told.event_id.clone(), told.at?, reported_containers(&told.task))));
    let kept = kept(&told);
    let asked_to_stop = told.iter().filter(|told| told.call == STOP_TASK && may_have_stopped_it(&told.task)).filter_map(|told| told.at).min();
    let whole = told.into_iter().map(|told| told.task).reduce(over)?;
    let mut task = task_from(&whole)?;
    (task.told_by, task.kept, task.reported_from) = (Teller::Cloudtrail, kept, reported_from);
    // ECS answered that it knows no such task; what an answer held of its state was true hours ago.
    task.last_status = Some("STOPPED".to_owned());
    task.desired_status = Some("STOPPED".to_owned());
    if let Some((event_id, at, names)) = report {
        let at = task.times.execution_stopped.unwrap_or(at);
        for container in task.containers.iter_mut().filter(|container| names.contains(&container.name)) {
            container.reported = Some(Reported { call: REPORTS[0].to_owned(), event_id: event_id.clone(), at });
        }
    }
    let by_a_call = matches!(task.stop_code, None | Some(StopCode::UserInitiated));
    task.times.asked_to_stop = asked_to_stop.filter(|asked| by_a_call && task.times.stopping.is_none() && task.may_have_been_asked(*asked));
    Some(task)
}

/// What tells of one and the same task: an id alone may have been typed for another cluster's, and only an answer or an
/// agent shows where the task was.
fn of_one_cluster(mut told: Vec<Told>) -> Vec<Told> {
    let cluster = |told: &Told| told.task.get("clusterArn").and_then(Value::as_str).map(|cluster| last_segment(cluster).to_owned());
    let shown = told.iter().find(|told| told.is_shown && cluster(told).is_some()).or(told.first()).and_then(cluster);
    if let Some(shown) = shown {
        told.retain(|told| cluster(told).is_none_or(|cluster| cluster == shown));
    }
    told
}

/// Whether an older record can still be the call that stopped the task.
fn may_hold_an_earlier(record: &Value, told: &[Told]) -> bool {
    let Some(at) = record.get("eventTime").and_then(Value::as_str).and_then(written_time) else { return true };
    let dated = told.iter().filter_map(|told| told.task.get("stoppingAt")?.as_str().and_then(written_time)).min();
    match (dated, told.iter().filter_map(|told| told.at).min()) {
        (Some(stopping), _) => at >= stopping - CLOCKS_DIFFER_BY,
        (None, Some(first)) => at >= first - STOPS_AGAIN_WITHIN,
        (None, None) => true,
    }
}

/// The line of a call that is told here, with secrets taken out of what its caller typed.
fn line_of(mut call: ApiCall, account: &Account) -> Event {
    if account.redacts() {
        call.parameters.reason = call.parameters.reason.take().map(|reason| redact::text(&reason).into_owned());
    }
    Event { at: call.time, precision: Precision::Second, witness: Witness::Cloudtrail, level: Level::Info, container: None, what: What::Called(Box::new(call)) }
}

/// Which record dates each station: as for all that is told, the last one that does.
fn kept(told: &[Told]) -> Vec<(Station, Reported)> {
    let mut kept: Vec<(Station, Reported)> = Vec::new();
    for told in told {
        for (field, at) in told.task.as_object().into_iter().flatten() {
            let at = at.as_str().and_then(written_time);
            let Some((station, at)) = Station::of_field(field).zip(at) else { continue };
            kept.retain(|(known, _)| *known != station);
            kept.push((station, Reported { call: told.call.to_owned(), event_id: told.event_id.clone(), at }));
        }
    }
    // The order to stop without its time is told by the call that gave it.
    if !kept.iter().any(|(station, _)| *station == Station::Stopping)
        && let Some(stop) = told.iter().rfind(|told| told.call == STOP_TASK)
        && let Some(at) = stop.at
    {
        kept.push((Station::Stopping, Reported { call: STOP_TASK.to_owned(), event_id: stop.event_id.clone(), at }));
    }
    kept
}

fn reported_containers(task: &Value) -> Vec<String> {
    let all = task.get("containers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(|container| container.get("name")?.as_str().map(str::to_owned)).collect()
}

/// What one record tells of the task.
struct Told {
    call: &'static str,
    event_id: String,
    at: Option<Timestamp>,
    /// In the form in which ECS describes it.
    task: Value,
    /// The service's events that name it.
    said: Vec<ServiceMessage>,
    /// The call itself, where it is a line of its own.
    called: Option<ApiCall>,
    /// Whether more names the task than what a caller typed.
    is_shown: bool,
    /// The instance that called: an agent's session has its name.
    instance: Option<String>,
}

fn parts(record: &Value, name: &'static str, place: &Place, account: &Account) -> Vec<Told> {
    if record.get("eventName").and_then(Value::as_str) != Some(name) || record.get("errorCode").is_some_and(|code| !code.is_null()) {
        return Vec::new();
    }
    let region = record.get("awsRegion").and_then(Value::as_str);
    let mut said = Vec::new();
    let mut tasks: Vec<Value> = match name {
        UPDATE => {
            said = messages(record).into_iter().filter(|message| message.tasks.iter().any(|id| id.eq_ignore_ascii_case(&place.id))).collect();
            record.pointer("/responseElements/service").filter(|_| !said.is_empty()).and_then(|service| of_service(service, &said, place)).into_iter().collect()
        }
        STOP_TASK => stopped(record, place, &account.region).into_iter().collect(),
        RUN_TASK => record.pointer("/responseElements/tasks").and_then(Value::as_array).into_iter().flatten().map(begun).collect(),
        _ => record.get("requestParameters").and_then(reported).into_iter().collect(),
    };
    let called = call_from(record);
    tasks.retain(|task| called.as_ref().is_none_or(is_of_its_service) && region.is_none_or(|region| region == account.region) && is_it(task, place));
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let told = |task: Value| Told {
        call: name,
        event_id: text("eventID").to_owned(),
        at: written_time(text("eventTime")),
        task: in_iso(task),
        said: std::mem::take(&mut said),
        called: called.clone().filter(|_| matches!(name, STOP_TASK | RUN_TASK)),
        instance: called.as_ref().and_then(|call| call.identity.session()).filter(|session| name == REPORTS[0] && session.starts_with("i-")).map(str::to_owned),
        is_shown: name != STOP_TASK || record.pointer("/responseElements/task/taskArn").is_some_and(Value::is_string),
    };
    tasks.into_iter().map(told).collect()
}

fn is_it(task: &Value, place: &Place) -> bool {
    let Some(arn) = task.get("taskArn").and_then(Value::as_str).and_then(EcsArn::parse) else { return false };
    let cluster = task.get("clusterArn").and_then(Value::as_str).map(last_segment).map(str::to_owned).or(arn.cluster);
    let agrees = |theirs: Option<&str>, ours: Option<&str>| ours.is_none() || theirs == ours;
    arn.name.eq_ignore_ascii_case(&place.id) && agrees(cluster.as_deref(), place.cluster.as_deref().map(last_segment)) && agrees(Some(&arn.account), place.account.as_deref())
}

/// What a service's events tell of a task of its: that it was started, and that the scheduler stopped it.
fn of_service(service: &Value, said: &[ServiceMessage], place: &Place) -> Option<Value> {
    let text = |name: &str| service.get(name).and_then(Value::as_str);
    let (cluster, name) = (text("clusterArn")?, text("serviceName")?);
    let (head, cluster_name) = cluster.split_once(":cluster/")?;
    let mut task = Map::new();
    let mut put = |name: &str, value: String| drop(task.insert(name.to_owned(), Value::String(value)));
    put("taskArn", format!("{head}:task/{cluster_name}/{}", place.id));
    put("clusterArn", cluster.to_owned());
    put("group", format!("service:{name}"));
    put("lastStatus", "STOPPED".to_owned());
    put("desiredStatus", "STOPPED".to_owned());
    let stopped = said.iter().find(|message| message.says_it_stopped(&place.id)).map(|message| message.at);
    for message in said {
        // Why, in the words that ECS's own reason has in it, and when: it stops what it calls so, at once.
        let is_why = stopped.is_none_or(|stopped| stopped.duration_since(message.at).abs() <= CALLED_SO_WITHIN);
        if !is_why && message.text.contains("failed ") {
            continue;
        }
        if let Some(at) = ["failed ELB health checks", "failed container health checks"].iter().find_map(|words| message.text.find(words)) {
            put("stoppedReason", message.text[at..].trim_end_matches('.').to_owned());
            put("stopCode", "ServiceSchedulerInitiated".to_owned());
            if !said.iter().any(|other| other.kind == MessageKind::Stopped) {
                put("stoppingAt", message.at.to_string());
            }
        // Of a rebalancing the same words stand among others.
        } else if message.kind == MessageKind::Stopped || message.text.contains("has stopped") {
            put("stoppingAt", message.at.to_string());
            put("stopCode", "ServiceSchedulerInitiated".to_owned());
        } else if message.kind == MessageKind::Started || message.text.contains("has started") {
            put("createdAt", message.at.to_string());
        }
    }
    Some(Value::Object(task))
}

/// The answer to StopTask is the task as it was when it was told to stop. What was asked names it where there is no answer
/// to read; then nothing is known but that, and when.
fn stopped(record: &Value, place: &Place, region: &str) -> Option<Value> {
    let answer = record.pointer("/responseElements/task").cloned().map(as_it_stood).unwrap_or_else(|| json!({}));
    let mut task = match answer.get("taskArn").and_then(Value::as_str) {
        Some(_) => json!({}),
        None => asked_for(record, place, region)?,
    };
    let (fields, answer) = (task.as_object_mut()?, answer.as_object().cloned().unwrap_or_default());
    let has_answer = !answer.is_empty();
    fields.extend(answer.into_iter().filter(|(_, value)| !value.is_null()));
    if has_answer && may_have_stopped_it(&task) {
        task.as_object_mut()?.entry("stopCode").or_insert_with(|| json!("UserInitiated"));
    }
    Some(task)
}

/// The task that a StopTask call names: an id or an ARN, in a cluster that is a name, an ARN, or `default`.
fn asked_for(record: &Value, place: &Place, region: &str) -> Option<Value> {
    let text = |path: &str| record.pointer(path).and_then(Value::as_str).filter(|text| !text.is_empty());
    let typed = text("/requestParameters/task")?;
    let region = text("/awsRegion").unwrap_or(region);
    let owner = text("/recipientAccountId").or_else(|| text("/userIdentity/accountId")).or(place.account.as_deref());
    let named = EcsArn::parse(typed);
    if named.as_ref().is_some_and(|arn| arn.kind != "task" || arn.region != region || owner.is_some_and(|owner| owner != arn.account)) {
        return None;
    }
    let cluster = text("/requestParameters/cluster").map(last_segment);
    let cluster = named.as_ref().and_then(|arn| arn.cluster.as_deref()).or(cluster).unwrap_or("default");
    let partition = [place.arn.as_deref(), text("/userIdentity/arn")].into_iter().flatten().find_map(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    let of = |what: &str| format!("arn:{partition}:ecs:{region}:{}:{what}", owner.unwrap_or_default());
    let arn = if named.is_some() { typed.to_owned() } else { of(&format!("task/{cluster}/{typed}")) };
    Some(json!({"taskArn": arn, "clusterArn": of(&format!("cluster/{cluster}"))}))
}

/// Whether the call that answered so can have begun the stop: one that found it stopped did not.
fn may_have_stopped_it(answer: &Value) -> bool {
    answer.get("lastStatus").and_then(Value::as_str) != Some("STOPPED")
}

/// The answer to RunTask is the task as it was when it was begun.
fn begun(task: &Value) -> Value {
    as_it_stood(task.clone())
}

/// How its containers stood then is not how they ended, unless they had.
fn as_it_stood(mut task: Value) -> Value {
    let containers = task.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut);
    for container in containers.filter(|container| container.get("lastStatus").and_then(Value::as_str) != Some("STOPPED")) {
        container.remove("lastStatus");
    }
    task
}

/// An agent's last report as ECS would describe the task after it.
fn reported(parameters: &Value) -> Option<Value> {
    if parameters.get("status")?.as_str()? != "STOPPED" {
        return None;
    }
    let container = |told: &Value| {
        let mut container = Map::new();
        let names =
            [("containerName", "name"), ("status", "lastStatus"), ("exitCode", "exitCode"), ("reason", "reason"), ("imageDigest", "imageDigest"), ("runtimeId", "runtimeId")];
        container.extend(names.into_iter().filter_map(|(theirs, ours)| Some((ours.to_owned(), told.get(theirs)?.clone()))));
        container.extend(told.get("networkBindings").map(|bindings| ("networkBindings".to_owned(), bindings.clone())));
        Value::Object(container)
    };
    let mut task = Map::new();
    task.insert("taskArn".to_owned(), parameters.get("task")?.clone());
    // An ARN of the old form names no cluster.
    let cluster = parameters.get("cluster").and_then(Value::as_str).filter(|cluster| !cluster.is_empty());
    task.extend(cluster.map(|cluster| ("clusterArn".to_owned(), json!(cluster))));
    let same = ["pullStartedAt", "pullStoppedAt", "executionStoppedAt"];
    task.extend(same.into_iter().filter_map(|name| Some((name.to_owned(), parameters.get(name)?.clone()))));
    task.extend(parameters.get("reason").and_then(Value::as_str).filter(|reason| !reason.is_empty()).map(|reason| ("stoppedReason".to_owned(), json!(reason))));
    task.insert("lastStatus".to_owned(), json!("STOPPED"));
    task.insert("desiredStatus".to_owned(), json!("STOPPED"));
    let told = parameters.get("containers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    task.insert("containers".to_owned(), told.iter().map(container).collect());
    Some(Value::Object(task))
}

/// CloudTrail writes an answer's times as Java writes them for people.
fn in_iso(mut task: Value) -> Value {
    for (_, told) in task.as_object_mut().into_iter().flatten().filter(|(name, _)| name.ends_with("At")) {
        if let Some(at) = told.as_str().and_then(written_time) {
            *told = json!(at.to_string());
        }
    }
    task
}

/// The later word over the earlier one; containers by their names.
fn over(earlier: Value, later: Value) -> Value {
    let (Value::Object(mut whole), Value::Object(later)) = (earlier, later) else { return Value::Null };
    for (name, value) in later {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("containers", Value::Array(told)) => {
                let known = whole.entry(name).or_insert_with(|| json!([]));
                for container in told {
                    let named = |of: &Value| of.get("name") == container.get("name");
                    match known.as_array_mut().and_then(|known| known.iter_mut().find(|of| named(of))) {
                        Some(known) => *known = over(known.take(), container),
                        None => known.as_array_mut().into_iter().for_each(|known| known.push(container.clone())),
                    }
                }
            }
            (_, value) => {
                whole.insert(name, value);
            }
        }
    }
    Value::Object(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:ecs:eu-west-1:123456789012:task/prod/5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8";

    fn place(id: &str, cluster: Option<&str>) -> Place {
        Place { id: id.to_owned(), cluster: cluster.map(str::to_owned), ..Place::default() }
    }

    #[test]
    fn the_calls_that_started_and_stopped_it_and_its_agents_report_make_a_task() {
        let run = begun(
            &json!({"taskArn": ARN, "group": "family:render", "startedBy": "nightly", "createdAt": "Apr 26, 2026, 9:34:33\u{202f}PM", "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/render:7",
            "lastStatus": "PROVISIONING", "launchType": "EC2", "containers": [{"name": "app", "image": "render:7", "lastStatus": "PENDING"}]}),
        );
        let answer = json!({"taskArn": ARN, "lastStatus": "RUNNING", "stoppedReason": "enough", "stoppingAt": "Apr 26, 2026, 9:40:00 PM", "containers": [{"name": "app", "lastStatus": "RUNNING"}]});
        let stop = stopped(&json!({"eventTime": "2026-04-26T21:40:00Z", "responseElements": {"task": answer}}), &place("x", None), "eu-west-1").expect("a task");
        let report = reported(&json!({"task": ARN, "status": "STOPPED", "reason": "", "executionStoppedAt": "2026-04-26T21:40:31Z", "containers": [{"containerName": "app", "exitCode": 137, "status": "STOPPED"}]})).expect("an end");
        let whole = [run, stop, report].into_iter().map(in_iso).reduce(over).expect("one");
        let task = task_from(&whole).expect("a task");
        assert_eq!((task.started_by.as_deref(), task.family.as_deref(), task.stopped_reason.as_deref()), (Some("nightly"), Some("render"), Some("enough")));
        assert_eq!((task.containers.len(), task.containers[0].exit_code, task.containers[0].image.as_deref()), (1, Some(137), Some("render:7")));
        assert_eq!(task.times.created.map(|at| at.to_string()).as_deref(), Some("2026-04-26T21:34:33Z"));
        assert_eq!((task.times.stopping.map(|at| at.to_string()).as_deref(), task.last_status.as_deref()), (Some("2026-04-26T21:40:00Z"), Some("STOPPED")));
        assert!(task.stop_code.is_some_and(|code| code.as_str() == "UserInitiated"));
    }

    #[test]
    fn a_services_events_in_a_later_answer_tell_when_the_scheduler_stopped_its_task() {
        let record = |message: &str| {
            json!({"eventName": "UpdateService", "eventID": "e", "eventTime": "2026-04-27T02:18:03Z", "responseElements": {"service": {
                "serviceName": "web", "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/prod",
                "events": [{"id": "m", "createdAt": "Apr 26, 2026, 9:34:33\u{202f}PM", "message": message}]}}})
        };
        let place = place("5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8", None);
        let told = |message: &str| {
            let record = record(message);
            let said: Vec<ServiceMessage> = messages(&record).into_iter().filter(|message| message.tasks.contains(&place.id)).collect();
            of_service(record.pointer("/responseElements/service")?, &said, &place).filter(|_| !said.is_empty()).and_then(|task| task_from(&task))
        };
        let task = told("(service web) has stopped 1 running tasks: (task 5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8).").expect("a task");
        assert_eq!((task.service.as_deref(), task.cluster.as_str(), task.arn.as_str()), (Some("web"), "prod", ARN));
        assert_eq!(task.times.stopping.map(|at| at.to_string()).as_deref(), Some("2026-04-26T21:34:33Z"));
        assert!(task.stop_code.is_some_and(|code| code.as_str() == "ServiceSchedulerInitiated"));
        let started = told("(service web) has started 1 tasks: (task 5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8).").expect("a task");
        assert!(started.stop_code.is_none() && started.times.stopping.is_none() && started.times.created.is_some(), "that it was started does not say how it ended");
        assert!(told("(service web) has stopped 1 running tasks: (task 00000000000000000000000000000000).").is_none());
    }

    #[test]
    fn a_stop_without_an_answer_is_known_by_what_was_asked() {
        const ID: &str = "5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8";
        let asked = |parameters: Value| {
            let record = json!({"recipientAccountId": "123456789012", "awsRegion": "eu-west-1", "requestParameters": parameters, "responseElements": null});
            stopped(&record, &place(ID, None), "eu-west-1").and_then(|task| task_from(&task)).map(|task| (task.arn, task.cluster, task.stop_code))
        };
        let known = Some((ARN.to_owned(), "prod".to_owned(), None));
        assert_eq!(asked(json!({"cluster": "prod", "task": ID})), known);
        assert_eq!(asked(json!({"cluster": "arn:aws:ecs:eu-west-1:123456789012:cluster/prod", "task": ID})), known);
        assert_eq!(asked(json!({"task": ARN})), known, "an ARN names its cluster");
        assert_eq!(asked(json!({"task": ID})).map(|(_, cluster, _)| cluster).as_deref(), Some("default"));
        assert_eq!(asked(json!({"task": ARN.replace("123456789012", "999988887777")})), None, "another account's");
        assert_eq!(asked(json!({"cluster": "prod"})), None);
    }

    #[test]
    fn an_earlier_stop_is_looked_for_until_none_can_be_the_first() {
        let told =
            |task: Value, at: &str| Told { call: STOP_TASK, event_id: String::new(), at: written_time(at), task, said: Vec::new(), instance: None, called: None, is_shown: true };
        let goes_on = |at: &str, told: Told| may_hold_an_earlier(&json!({"eventTime": at}), &[told]);
        let undated = || told(json!({}), "2026-04-26T12:00:00Z");
        assert!(goes_on("2026-04-26T11:00:00Z", undated()) && !goes_on("2026-04-26T05:00:00Z", undated()));
        let dated = || told(json!({"stoppingAt": "2026-04-26T11:59:00Z"}), "2026-04-26T12:00:00Z");
        assert!(goes_on("2026-04-26T11:59:30Z", dated()) && !goes_on("2026-04-26T11:00:00Z", dated()), "ECS says when the stop began");
    }

    #[test]
    fn what_was_typed_for_another_cluster_is_not_told_of_the_task_that_an_answer_shows() {
        let told = |cluster: &str, is_shown: bool| Told {
            call: STOP_TASK,
            event_id: cluster.to_owned(),
            at: None,
            task: json!({"clusterArn": cluster}),
            said: Vec::new(),
            instance: None,
            called: None,
            is_shown,
        };
        let left: Vec<String> = of_one_cluster(vec![told("dev", false), told("prod", true), told("prod", false)]).into_iter().map(|told| told.event_id).collect();
        assert_eq!(left, ["prod", "prod"]);
    }

    #[test]
    fn a_services_event_that_names_failed_health_checks_is_the_reason() {
        let said = [ServiceMessage::read(
            "m",
            "2026-04-26T21:34:33Z".parse().expect("a time"),
            "(service web) (task 5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8) failed ELB health checks in (target-group arn:t).",
        )];
        let service = json!({"serviceName": "web", "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/prod"});
        let task = of_service(&service, &said, &place("5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8", None)).and_then(|task| task_from(&task)).expect("a task");
        assert_eq!(task.stopped_reason.as_deref(), Some("failed ELB health checks in (target-group arn:t)"));
        assert!(task.times.stopping.is_some() && task.stop_code.is_some_and(|code| code.as_str() == "ServiceSchedulerInitiated"));
    }

    #[test]
    fn another_task_another_cluster_and_a_task_that_runs_on_are_not_it() {
        let told = json!({"taskArn": ARN});
        assert!(is_it(&told, &place("5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8", Some("prod"))) && is_it(&told, &place("5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8", None)));
        assert!(!is_it(&told, &place("5d6c7b8a99a8b7c6d5e4f3a2b1c0d900", None)) && !is_it(&told, &place("5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8", Some("dev"))));
        assert_eq!(reported(&json!({"task": ARN, "status": "RUNNING"})), None);
    }
}
