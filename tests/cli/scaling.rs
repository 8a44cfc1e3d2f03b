//! A scale-in over the wire: who lowered the count, as far as each witness may be read.

use std::time::Duration;

use ecs_trace::sources::case::{Case, Exchange};
use serde_json::{Value, json};

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, run, statuses};

const CASE: &str = "scale-in";
const ACTIVITIES: &str = "application-autoscaling:DescribeScalingActivities";
const CALL: &str = "e0000000-0000-4000-8000-000000000001";

#[test]
fn the_policy_is_named_with_its_activity_and_the_call_of_the_same_act() {
    let aws = FakeAws::serving(CASE);
    let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0]).json();
    let by = &document["stoppedBy"];
    assert_eq!((&by["status"], &by["kind"], &by["actor"], &by["eventId"]), (&"found".into(), &"autoscaling".into(), &"catalog-cpu".into(), &CALL.into()));
    assert_eq!((by["chain"].as_array().unwrap().len(), &by["chain"][0]["kind"], &by["chain"][1]["eventId"]), (2, &"autoscaling".into(), &CALL.into()));
    assert_eq!((&document["verdict"]["cause"], &document["verdict"]["confidence"]), (&"scale-in".into(), &"certain".into()));
    let told: Vec<&str> = document["timeline"].as_array().unwrap().iter().filter(|line| line["witness"] == "autoscaling").map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(told.len(), 2, "another service's activity is not told: {told:?}");
    assert!(told[1].starts_with("Setting desired count to 3.") && told[1].contains("triggered policy catalog-cpu"), "{told:?}");
    assert!(!document.to_string().contains("olga"));
    assert_eq!(aws.journal().iter().filter(|asked| asked.action == ACTIVITIES).count(), 1);
}

#[test]
fn what_may_not_be_read_weakens_the_answer_and_never_names_another() {
    for (faults, code, confidence, status, actor) in [
        (vec![("cloudtrail:LookupEvents", Fault::Denied)], 0, "certain", "found", Some("catalog-cpu")),
        (vec![(ACTIVITIES, Fault::Denied)], 0, "likely", "found", Some("Application Auto Scaling")),
        (vec![(ACTIVITIES, Fault::Denied), ("cloudtrail:LookupEvents", Fault::Denied)], 3, "possible", "unreadable", None),
        (vec![("ecs:DescribeServices", Fault::Denied)], 3, "possible", "unreadable", None),
    ] {
        let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
        let document = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json"])).code(&[code]).json();
        let by = &document["stoppedBy"];
        assert_eq!((&by["status"], by["actor"].as_str()), (&status.into(), actor), "{faults:?}");
        assert_eq!((&document["verdict"]["cause"], &document["verdict"]["confidence"]), (&"scale-in".into(), &confidence.into()), "{faults:?}");
    }
}

#[test]
fn activities_that_are_not_read_to_their_end_are_a_gap() {
    let endless = r#"{"ScalingActivities": [], "NextToken": "again"}"#;
    let aws = FakeAws::with(CASE, &[(ACTIVITIES, Fault::Answers(200, endless))], Duration::ZERO);
    let document = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json"])).code(&[0]).json();
    assert_eq!(statuses(&document, "autoscaling"), ["failed"]);
    assert_eq!(document["stoppedBy"]["actor"], "Application Auto Scaling");
    let aws = FakeAws::with(CASE, &[(ACTIVITIES, Fault::Answers(200, r#"{"ScalingActivities": []}"#))], Duration::ZERO);
    let document = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json"])).code(&[0]).json();
    assert_eq!(statuses(&document, "autoscaling"), ["empty"]);
}

/// A RegisterScalableTarget call as CloudTrail delivers it, seconds before the activity.
fn moved(case: &Case, user: &str, at: f64, service: &str) -> Value {
    let account = case.task.arn.split(':').nth(4).unwrap();
    let event = json!({
        "eventID": format!("bound-{user}"), "eventName": "RegisterScalableTarget", "eventSource": "autoscaling.amazonaws.com",
        "eventTime": jiff::Timestamp::from_second(at as i64).unwrap().to_string(), "awsRegion": case.region, "recipientAccountId": account,
        "userIdentity": {"type": "IAMUser", "userName": user, "accountId": account, "arn": format!("arn:aws:iam::{account}:user/{user}")},
        "requestParameters": {"serviceNamespace": "ecs", "scalableDimension": "ecs:service:DesiredCount", "resourceId": format!("service/{}/{service}", case.task.cluster), "maxCapacity": 3},
    });
    json!({"EventId": format!("bound-{user}"), "EventName": "RegisterScalableTarget", "EventTime": at.floor(), "CloudTrailEvent": event.to_string()})
}

/// The same scale-in, but a bound that somebody moved made it and no policy.
fn by_a_bound(case: &mut Case) {
    let mut lowered = 0.0;
    for exchange in case.exchanges.iter_mut().filter(|exchange| exchange.action == ACTIVITIES) {
        for activity in exchange.response["ScalingActivities"].as_array_mut().unwrap() {
            if activity["Description"].as_str().unwrap().contains("to 3") {
                activity["Cause"] = json!("maximum capacity was set to 3");
                lowered = activity["StartTime"].as_f64().unwrap();
            }
        }
    }
    let own = case.exchanges.iter().find(|exchange| exchange.action == "ecs:DescribeTasks").unwrap();
    let service = own.response["tasks"][0]["group"].as_str().unwrap().trim_start_matches("service:").to_owned();
    let events = [moved(case, "rosa", lowered - 4.0, &service), moved(case, "mallory", lowered - 2.0, "another")];
    case.exchanges.push(Exchange {
        action: "cloudtrail:LookupEvents".to_owned(),
        region: case.region.clone(),
        request: json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "RegisterScalableTarget"}]}),
        status: 200,
        error_type: None,
        response_encoding: None,
        response: json!({"Events": events}),
    });
}

#[test]
fn behind_a_bound_that_was_moved_is_who_moved_it_and_it_is_asked_for_only_then() {
    let aws = FakeAws::changed(CASE, &[], Duration::ZERO, by_a_bound);
    let document = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json"])).code(&[0]).json();
    let by = &document["stoppedBy"];
    assert_eq!((&by["status"], &by["kind"], &by["actor"], &by["eventId"]), (&"found".into(), &"person".into(), &"rosa".into(), &"bound-rosa".into()));
    assert!(!document.to_string().contains("mallory"));
    let aws = FakeAws::serving(CASE);
    run(&mut against(&aws, &["who-stopped", &aws.task_arn])).code(&[0]);
    assert!(aws.journal().iter().all(|asked| !asked.body.contains("RegisterScalableTarget")));
}
