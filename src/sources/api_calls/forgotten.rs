//! A task that ECS has forgotten and no archive holds, put together from what CloudTrail keeps for 90 days: the answers
//! to the calls that started and stopped it, what its agent reported, and the service events in answers to UpdateService.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::diagnosis::call::{REPORTS, RUN_TASK};
use crate::diagnosis::event::{Event, Precision};
use crate::diagnosis::evidence::Source;
use crate::diagnosis::service::{MessageKind, ServiceMessage};
use crate::diagnosis::stopped_by::KEPT_FOR;
use crate::diagnosis::task::{EcsArn, Reported, Task, Teller, last_segment};
use crate::diagnosis::words;

use super::super::account::Account;
use super::super::document::task_from;
use super::super::failing::{Failing, Kind};
use super::super::ledger::Ledger;
use super::super::target::Place;
use super::record::{messages, written_time};
use super::{Asked, each_record};

/// The answer to it holds up to a hundred of the service's events, long after ECS has dropped them.
const UPDATE: &str = "UpdateService";
/// What each call is asked for at the most, in pages of 50; the later ones tell more and win.
const ASKED: [(&str, usize); 4] = [(UPDATE, 3), (RUN_TASK, 3), ("StopTask", 8), (REPORTS[0], 3)];

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
            let mut told = Vec::new();
            let reading = each_record(&client, &inquiry, Asked { name, window, most_pages }, |record| {
                let parts = parts(record, name, place, account);
                told.extend(parts);
                told.is_empty()
            });
            let ended = tokio::time::timeout_at(until, reading).await;
            // Of a service's events those that name the task are lines of their own.
            let mut said: BTreeMap<String, ServiceMessage> = BTreeMap::new();
            said.extend(told.iter_mut().flat_map(|told| told.said.drain(..)).map(|message| (message.id.clone(), message)));
            if name == UPDATE {
                inquiry.kept();
                inquiry.count(said.len());
                said.into_values().for_each(|message| inquiry.tell(Event::said(message, Precision::Second)));
            } else {
                inquiry.count(told.len());
            }
            match ended {
                Ok(Ok(())) => inquiry.done(),
                Ok(Err(failing)) => inquiry.fail(&failing),
                Err(_) => inquiry.fail(&Failing { kind: Kind::TimedOut, code: None, message: "not read to the end in time".to_owned() }),
            }
            told
        }
    });
    let told: Vec<Told> = futures::future::join_all(asked).await.into_iter().flatten().collect();
    let names: std::collections::BTreeSet<&str> = told.iter().map(|told| told.call).collect();
    if !names.is_empty() {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        ledger.remark(format!("ECS has forgotten this task: it is put together from what CloudTrail keeps of it ({})", words::list(&names)));
    }
    let report = told.iter().rfind(|told| told.call == REPORTS[0]).and_then(|told| Some((told.event_id.clone(), told.at?)));
    let whole = told.into_iter().map(|told| told.task).reduce(over)?;
    let mut task = task_from(&whole)?;
    task.told_by = Teller::Cloudtrail;
    if let Some((event_id, at)) = report {
        let at = task.times.execution_stopped.unwrap_or(at);
        for container in task.containers.iter_mut().filter(|container| container.last_status.as_deref() == Some("STOPPED")) {
            container.reported = Some(Reported { call: REPORTS[0].to_owned(), event_id: event_id.clone(), at });
        }
    }
    Some(task)
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
        "StopTask" => record.pointer("/responseElements/task").map(|task| stopped(task, record)).into_iter().collect(),
        RUN_TASK => record.pointer("/responseElements/tasks").and_then(Value::as_array).cloned().unwrap_or_default(),
        _ => record.get("requestParameters").and_then(reported).into_iter().collect(),
    };
    tasks.retain(|task| region.is_none_or(|region| region == account.region) && is_it(task, place));
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let told = |task: Value| Told { call: name, event_id: text("eventID").to_owned(), at: text("eventTime").parse().ok(), task: in_iso(task), said: std::mem::take(&mut said) };
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
    for message in said {
        // Of a rebalancing the same words stand among others.
        if message.kind == MessageKind::Stopped || message.text.contains("has stopped") {
            put("stoppingAt", message.at.to_string());
            put("stopCode", "ServiceSchedulerInitiated".to_owned());
        } else if message.kind == MessageKind::Started || message.text.contains("has started") {
            put("createdAt", message.at.to_string());
        }
    }
    Some(Value::Object(task))
}

/// The answer to StopTask is the task as it was when it was told to stop.
fn stopped(task: &Value, record: &Value) -> Value {
    let mut task = task.clone();
    if let (Some(fields), Some(at)) = (task.as_object_mut(), record.get("eventTime")) {
        if !fields.contains_key("stoppingAt") {
            fields.insert("stoppingAt".to_owned(), at.clone());
        }
        fields.entry("stopCode").or_insert_with(|| json!("UserInitiated"));
        // How its containers stood then is not how they ended.
        for container in fields.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
            container.remove("lastStatus");
        }
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
        let run = json!({"taskArn": ARN, "group": "family:render", "startedBy": "nightly", "createdAt": "Apr 26, 2026, 9:34:33\u{202f}PM", "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/render:7",
            "lastStatus": "PROVISIONING", "launchType": "EC2", "containers": [{"name": "app", "image": "render:7", "lastStatus": "PENDING"}]});
        let stop = stopped(
            &json!({"taskArn": ARN, "lastStatus": "RUNNING", "stoppedReason": "enough", "containers": [{"name": "app", "lastStatus": "RUNNING"}]}),
            &json!({"eventTime": "2026-04-26T21:40:00Z"}),
        );
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
    fn another_task_another_cluster_and_a_task_that_runs_on_are_not_it() {
        let told = json!({"taskArn": ARN});
        assert!(is_it(&told, &place("5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8", Some("prod"))) && is_it(&told, &place("5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8", None)));
        assert!(!is_it(&told, &place("5d6c7b8a99a8b7c6d5e4f3a2b1c0d900", None)) && !is_it(&told, &place("5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8", Some("dev"))));
        assert_eq!(reported(&json!({"task": ARN, "status": "RUNNING"})), None);
    }
}
