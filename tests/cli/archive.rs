//! A task that ECS has forgotten, and an archive of its events that has not.

use std::time::Duration;

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, run, statuses};

const CASE: &str = "app-error";
pub const FORGOTTEN: (&str, Fault) = ("ecs:DescribeTasks", Fault::Answers(200, r#"{"tasks": [], "failures": [{"arn": "x", "reason": "MISSING"}]}"#));
pub const NO_STREAM: (&str, Fault) = ("logs:GetLogEvents", Fault::Answers(400, r#"{"__type":"ResourceNotFoundException","message":"The specified log stream does not exist."}"#));
pub const GROUP: (&str, Fault) =
    ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": [{"logGroupName": "/aws/events/ECSStoppedTasksEvent"}, {"logGroupName": "/aws/events/other"}]}"#));

/// Events as EventBridge delivers them: twice, out of order, and one of another task.
pub fn archived(version_of_last: i64) -> Fault {
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
        let aws = FakeAws::with(CASE, &[faults, vec![NO_STREAM]].concat(), Duration::ZERO);
        let ran = run(&mut against(&aws, &["timeline", &aws.task_arn])).code(&[4]);
        assert!(ran.stdout.is_empty() && ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
}

#[test]
fn the_archives_that_were_found_are_not_looked_for_again_within_the_hour() {
    let cache = tempfile::tempdir().unwrap();
    let aws = FakeAws::with(CASE, &[FORGOTTEN, GROUP, ("logs:FilterLogEvents", archived(7))], Duration::ZERO);
    let ask = || run(against(&aws, &["why", &aws.task_arn]).env("XDG_CACHE_HOME", cache.path()).env_remove("XDG_RUNTIME_DIR")).code(&[0, 3]).stdout;
    let looked = || aws.journal().iter().filter(|asked| asked.action == "logs:DescribeLogGroups").count();
    let first = ask();
    let times = looked();
    assert!(times > 0);
    assert_eq!((ask(), looked()), (first, times));
    // One that was made meanwhile is found where those that are known do not hold the task.
    let aws = FakeAws::with(CASE, &[FORGOTTEN, GROUP, NO_STREAM, ("logs:FilterLogEvents", Fault::Answers(200, r#"{"events": []}"#))], Duration::ZERO);
    let ask = || run(against(&aws, &["why", &aws.task_arn]).env("XDG_CACHE_HOME", cache.path()).env_remove("XDG_RUNTIME_DIR")).code(&[4]);
    (0..2).for_each(|_| drop(ask()));
    assert_eq!(aws.journal().iter().filter(|asked| asked.action == "logs:DescribeLogGroups").count(), 2 * times);
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

/// CloudTrail's answer, whatever name it is asked for: two calls about the task, one about another, one that was refused.
pub fn remembered() -> Fault {
    let aws = FakeAws::serving(CASE);
    let own = aws.task_arn.clone();
    let other = own.replace(aws.task_id(), &"0".repeat(32));
    let (base, _) = own.split_once(":task/").unwrap();
    let record = |name: &str, id: &str, parameters: serde_json::Value, response: serde_json::Value, error: Option<&str>| {
        let document = serde_json::json!({"eventID": id, "eventName": name, "eventSource": "ecs.amazonaws.com", "eventTime": "2026-11-20T11:00:00Z", "awsRegion": aws.region,
            "userIdentity": {"type": "IAMUser", "userName": "vera", "accessKeyId": "AKIAVERA", "accountId": "111122223333"}, "sourceIPAddress": "198.51.100.9", "userAgent": "aws-cli/2.27.2",
            "requestParameters": parameters, "responseElements": response, "errorCode": error});
        serde_json::json!({"EventId": id, "EventName": name, "CloudTrailEvent": document.to_string()})
    };
    let task = |arn: &str, reason: &str| {
        serde_json::json!({"task": {"taskArn": arn, "clusterArn": format!("{base}:cluster/{}", aws.cluster), "group": "family:importer", "launchType": "EC2",
        "containerInstanceArn": format!("{base}:container-instance/{}/7979", aws.cluster), "taskDefinitionArn": format!("{base}:task-definition/importer:31"), "lastStatus": "RUNNING", "desiredStatus": "STOPPED",
        "stopCode": "UserInitiated", "stoppedReason": reason, "createdAt": "Nov 20, 2026, 10:00:00\u{202f}AM", "startedAt": "Nov 20, 2026, 10:01:00 AM", "containers": [{"name": "app", "lastStatus": "RUNNING"}]}})
    };
    let report = serde_json::json!({"cluster": aws.cluster, "task": own, "status": "STOPPED", "reason": "", "executionStoppedAt": "2026-11-20T11:00:09Z",
        "containers": [{"containerName": "app", "exitCode": 143, "status": "STOPPED"}]});
    let events = [
        record("StopTask", "e0", serde_json::json!({"cluster": aws.cluster, "task": other}), task(&other, "not this one"), None),
        record("StopTask", "e1", serde_json::json!({"cluster": aws.cluster, "task": own}), serde_json::Value::Null, Some("AccessDenied")),
        record("StopTask", "e2", serde_json::json!({"cluster": aws.cluster, "task": own, "reason": "moved"}), task(&own, "moved"), None),
        record("SubmitTaskStateChange", "e3", report, serde_json::Value::Null, None),
    ];
    Fault::Answers(200, serde_json::json!({"Events": events}).to_string().leak())
}

#[test]
fn a_task_that_only_cloudtrail_remembers_is_put_together_from_its_calls() {
    let no_group = ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": []}"#));
    let aws = FakeAws::with(CASE, &[FORGOTTEN, no_group, ("cloudtrail:LookupEvents", remembered())], Duration::ZERO);
    let ran = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]);
    let document = ran.json();
    assert!(ran.stderr.contains("put together from what CloudTrail keeps of it (StopTask and SubmitTaskStateChange)"), "{}", ran.stderr);
    assert_eq!((&document["verdict"]["cause"], &document["stoppedBy"]["actor"], &document["stoppedBy"]["eventId"]), (&"stop-requested".into(), &"vera".into(), &"e2".into()));
    assert_eq!((&document["task"]["family"], &document["task"]["containers"][0]["exitCode"]), (&"importer".into(), &143.into()));
    let lines = document["timeline"].as_array().unwrap();
    let line = |text: &str| lines.iter().find(|line| line["text"].as_str().unwrap().starts_with(text)).unwrap_or_else(|| panic!("{text} of {lines:#?}"));
    assert_eq!((&line("StopTask: created")["witness"], &line("StopTask: created")["time"]), (&"cloudtrail".into(), &"2026-11-20T10:00:00Z".into()));
    assert_eq!(line("SubmitTaskStateChange: app exited 143")["witness"], "cloudtrail");
    assert_eq!(line("StopTask: stopping: moved")["witness"], "cloudtrail");

    let nothing = ("cloudtrail:LookupEvents", Fault::Answers(200, r#"{"Events": []}"#));
    for (fault, says) in [(nothing, "remembers no call of the last 90 days, since 20"), (("cloudtrail:LookupEvents", Fault::Denied), "cloudtrail:LookupEvents")] {
        let aws = FakeAws::with(CASE, &[FORGOTTEN, no_group, fault, NO_STREAM], Duration::ZERO);
        let ran = run(&mut against(&aws, &["timeline", &aws.task_arn])).code(&[4]);
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
}

#[test]
fn a_task_of_which_only_its_logs_are_left_is_told_by_them_and_nothing_is_made_up() {
    let no_group = ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": []}"#));
    let nothing = ("cloudtrail:LookupEvents", Fault::Answers(200, r#"{"Events": []}"#));
    let aws = FakeAws::with(CASE, &[FORGOTTEN, no_group, nothing], Duration::ZERO);
    let whole = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[3]);
    assert!(whole.stderr.contains("all that is left of it are its logs"), "{}", whole.stderr);
    let document = whole.json();
    assert_eq!((&document["verdict"]["cause"], &document["stoppedBy"]["status"]), (&"unknown".into(), &"unreadable".into()));
    let lines = document["timeline"].as_array().unwrap();
    assert!(lines.len() > 3 && lines.iter().all(|line| line["witness"] == "logs"), "{lines:#?}");
    let note = document["verdict"]["notes"].as_array().unwrap().iter().find(|note| note["code"] == "forgotten").unwrap();
    assert!(note["text"].as_str().unwrap().contains("ECS's reason for the stop"), "{note}");

    // A pasted log stream leads to its container alone.
    let stream = lines.iter().find_map(|line| Some((line["container"].as_str()?, line["text"].as_str()?))).unwrap();
    let journal = aws.journal();
    let asked = journal.iter().filter(|asked| asked.action == "logs:GetLogEvents").find(|asked| asked.body.contains(&format!("/{}/", stream.0))).unwrap();
    let name = serde_json::from_str::<serde_json::Value>(&asked.body).unwrap()["logStreamName"].as_str().unwrap().to_owned();
    let alone = run(&mut against(&aws, &["timeline", &name, "-o", "json"])).code(&[3]).json();
    assert!(alone["timeline"].as_array().unwrap().iter().all(|line| line["container"] == stream.0), "{alone:#}");

    let aws = FakeAws::with(CASE, &[FORGOTTEN, no_group, nothing, ("logs:GetLogEvents", Fault::Denied)], Duration::ZERO);
    let hidden = run(&mut against(&aws, &["timeline", &aws.task_arn])).code(&[4]);
    assert!(hidden.stderr.contains("its logs, which may be all that is left of it, could not be read"), "{}", hidden.stderr);
}
