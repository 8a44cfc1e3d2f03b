//! Somebody had a shell in the task: asked for only where ECS Exec could open one, told as a note and never as the cause.

use std::time::Duration;

use ecs_trace::sources::case::{Case, Exchange};
use serde_json::{Value, json};

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, run};

const CASE: &str = "app-error";

/// One ExecuteCommand of `user`, so many seconds before the stop, for the task with this id.
fn record(case: &Case, user: &str, before: f64, id: &str, error: Option<&str>) -> Value {
    let own = case.exchanges.iter().find(|exchange| exchange.action == "ecs:DescribeTasks").unwrap();
    let at = own.response["tasks"][0]["stoppingAt"].as_f64().unwrap() - before;
    let account = case.task.arn.split(':').nth(4).unwrap();
    let time = jiff::Timestamp::from_second(at as i64).unwrap();
    let event = json!({
        "eventID": format!("{user}-{before}"), "eventName": "ExecuteCommand", "eventSource": "ecs.amazonaws.com", "eventTime": time.to_string(),
        "awsRegion": case.region, "recipientAccountId": account, "errorCode": error,
        "userIdentity": {"type": "IAMUser", "userName": user, "accountId": account, "arn": format!("arn:aws:iam::{account}:user/{user}")},
        "requestParameters": {"cluster": case.task.cluster, "task": id, "container": "app", "command": "mysql --password=hunter22 -h db", "interactive": true},
    });
    json!({"EventId": format!("{user}-{before}"), "EventName": "ExecuteCommand", "EventTime": at.floor(), "CloudTrailEvent": event.to_string()})
}

fn entered(case: &mut Case) {
    let own = case.task.arn.rsplit('/').next().unwrap().to_owned();
    let other = "0".repeat(32);
    let events = [
        record(case, "rosa", 720.0, &own, None),
        record(case, "denis", 600.0, &own, Some("AccessDenied")),
        record(case, "mallory", 300.0, &other, None),
        record(case, "oldie", 4000.0, &own, None),
    ];
    let request = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "ExecuteCommand"}]});
    case.exchanges.push(Exchange {
        action: "cloudtrail:LookupEvents".to_owned(),
        region: case.region.clone(),
        request,
        status: 200,
        error_type: None,
        response_encoding: None,
        response: json!({"Events": events}),
    });
    for exchange in case.exchanges.iter_mut().filter(|exchange| exchange.action == "ecs:DescribeTasks") {
        exchange.response["tasks"][0]["enableExecuteCommand"] = json!(true);
    }
}

fn note(document: &Value) -> Option<String> {
    let notes = document["verdict"]["notes"].as_array().unwrap();
    notes.iter().find(|note| note["code"] == "exec-session").map(|note| note["text"].as_str().unwrap().to_owned())
}

#[test]
fn the_session_is_told_with_its_caller_and_without_the_secret_typed_there() {
    let aws = FakeAws::changed(CASE, &[], Duration::ZERO, entered);
    let ran = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0]);
    let document = ran.json();
    let text = note(&document).expect("a note");
    assert!(text.contains("rosa entered container app"), "{text}");
    assert!(document["timeline"].as_array().unwrap().iter().any(|line| line["witness"] == "cloudtrail" && line["text"].as_str().unwrap().starts_with("ExecuteCommand by rosa")));
    for word in ["hunter22", "denis", "mallory", "oldie"] {
        assert!(!ran.stdout.contains(word), "{word}");
    }
    assert_eq!((&document["verdict"]["cause"], &document["stoppedBy"]["status"]), (&"app-error".into(), &"nobody".into()));
    assert!(document["stoppedBy"].get("actor").is_none());
}

#[test]
fn without_exec_it_is_not_asked_for() {
    let aws = FakeAws::serving(CASE);
    run(&mut against(&aws, &["timeline", &aws.task_arn])).code(&[0]);
    assert!(aws.journal().iter().all(|asked| !asked.body.contains("ExecuteCommand")));
}

#[test]
fn a_refused_search_leaves_a_reading_and_no_note() {
    let aws = FakeAws::changed(CASE, &[("cloudtrail:LookupEvents", Fault::Denied)], Duration::ZERO, entered);
    let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0]).json();
    assert_eq!(note(&document), None);
    let told =
        |source: &Value| source["source"] == "cloudtrail" && source["status"] == "denied" && source["detail"].as_str().is_some_and(|detail| detail.starts_with("ExecuteCommand"));
    assert!(document["sources"].as_array().unwrap().iter().any(told), "{}", document["sources"]);
}
