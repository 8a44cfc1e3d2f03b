//! A task that ECS has forgotten, and an archive of its events that has not.

use std::time::Duration;

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, run, statuses};

const CASE: &str = "app-error";
const FORGOTTEN: (&str, Fault) = ("ecs:DescribeTasks", Fault::Answers(200, r#"{"tasks": [], "failures": [{"arn": "x", "reason": "MISSING"}]}"#));
const GROUP: (&str, Fault) =
    ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": [{"logGroupName": "/aws/events/ECSStoppedTasksEvent"}, {"logGroupName": "/aws/events/other"}]}"#));

/// Events as EventBridge delivers them: twice, out of order, and one of another task.
fn archived(version_of_last: i64) -> Fault {
    let aws = FakeAws::serving(CASE);
    let event = |id: &str, version: i64, status: &str, exit: Option<i64>| {
        let arn = aws.task_arn.replace(aws.task_id(), id);
        let (base, _) = arn.split_once(":task/").unwrap();
        let message = serde_json::json!({"detail-type": "ECS Task State Change", "source": "aws.ecs", "detail": {
            "taskArn": arn, "clusterArn": format!("{base}:cluster/{}", aws.cluster), "version": version, "lastStatus": status, "desiredStatus": "STOPPED",
            "group": "service:importer", "launchType": "FARGATE", "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
            "startedAt": "2026-11-20T10:00:00.5Z", "stoppingAt": "2026-11-20T11:00:00.25Z", "stoppedAt": "2026-11-20T11:00:30Z",
            "taskDefinitionArn": format!("{base}:task-definition/importer:31"), "containers": [{"name": "app", "exitCode": exit, "lastStatus": status}]}});
        serde_json::json!({"timestamp": 1_795_000_000_000_i64 + version, "message": message.to_string()})
    };
    let own = aws.task_id();
    let events = vec![
        event(own, version_of_last, "STOPPED", Some(3)),
        event(own, 5, "RUNNING", None),
        event(own, version_of_last, "STOPPED", Some(3)),
        event(&"0".repeat(32), 9, "STOPPED", Some(0)),
    ];
    Fault::Answers(200, serde_json::json!({"events": events}).to_string().leak())
}

#[test]
fn a_forgotten_task_is_rebuilt_from_its_newest_event_and_says_so() {
    let aws = FakeAws::with(CASE, &[FORGOTTEN, GROUP, ("logs:FilterLogEvents", archived(6))], Duration::ZERO);
    let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
    assert_eq!((&document["verdict"]["cause"], &document["task"]["containers"][0]["exitCode"]), (&"app-error".into(), &3.into()));
    assert!(statuses(&document, "archive").contains(&"ok".to_owned()));
    let end = document["timeline"].as_array().unwrap().iter().find(|line| line["text"] == "app exited 3").unwrap();
    assert_eq!(end["witness"], "archive");
}

#[test]
fn without_any_archive_or_with_a_hidden_one_it_is_no_such_task_and_says_why() {
    let nothing = ("logs:FilterLogEvents", Fault::Answers(200, r#"{"events": []}"#));
    let no_group = ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": []}"#));
    for (faults, says) in [
        (vec![FORGOTTEN, no_group], "no archive of ECS events"),
        (vec![FORGOTTEN, GROUP, nothing], "holds no event of it"),
        (vec![FORGOTTEN, ("logs:DescribeLogGroups", Fault::Denied)], "logs:DescribeLogGroups"),
        (vec![FORGOTTEN, GROUP, ("logs:FilterLogEvents", Fault::Denied)], "logs:FilterLogEvents"),
    ] {
        let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
        let ran = run(&mut against(&aws, &["timeline", &aws.task_arn])).code(&[4]);
        assert!(ran.stdout.is_empty() && ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
}

#[test]
fn what_is_kept_is_shown_and_where_nothing_is_how_to_keep_it() {
    let groups = r#"{"logGroups": [{"logGroupName": "/aws/events/ecs-trace", "retentionInDays": 30, "storedBytes": 7}, {"logGroupName": "/ecs/web"}]}"#;
    let aws = FakeAws::with(CASE, &[("logs:DescribeLogGroups", Fault::Answers(200, groups))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["archive", "status"])).code(&[0]);
    assert!(ran.stdout.contains("are kept in") && ran.stdout.contains("/aws/events/ecs-trace") && ran.stdout.contains("30 days"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("/ecs/web") && !ran.stdout.contains("cloudformation deploy"), "{}", ran.stdout);
    let json = run(&mut against(&aws, &["archive", "status", "-o", "json", "--query", "groups[?archive] | [0].retentionDays"])).code(&[0]);
    assert_eq!(json.stdout.trim(), "30");

    let aws = FakeAws::with(CASE, &[("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": []}"#))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["archive", "status"])).code(&[0]);
    assert!(ran.stdout.contains("No archive") && ran.stdout.contains("ecs-trace archive template"), "{}", ran.stdout);
    let aws = FakeAws::with(CASE, &[("logs:DescribeLogGroups", Fault::Denied)], Duration::ZERO);
    let ran = run(&mut against(&aws, &["archive", "status"])).code(&[254]);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("allow logs:DescribeLogGroups"), "{}", ran.stderr);
}

#[test]
fn the_template_is_printed_as_it_is_kept_and_names_a_group_that_is_found() {
    let ran = run(&mut super::program::program(&["archive", "template"])).code(&[0]);
    assert_eq!(ran.stdout, include_str!("../../templates/archive.yaml"));
    assert!(ran.stdout.contains("Default: /aws/events/ecs-trace"));
}
