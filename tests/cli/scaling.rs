//! A scale-in over the wire: who lowered the count, as far as each witness may be read.

use std::time::Duration;

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
