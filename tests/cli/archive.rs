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
    let of_archives = |asked: &&super::fake_aws::Asked| asked.action == "logs:DescribeLogGroups" && !asked.body.contains("/aws/ecs/containerinsights/");
    assert_eq!(aws.journal().iter().filter(of_archives).count(), 2 * times);
}

/// Events of this task, of a longer story than one: as many as there are, each as it is given.
fn filtered(events: &[String]) -> Fault {
    let events: Vec<_> = events.iter().map(|message| serde_json::json!({"timestamp": 1_795_000_000_000_i64, "message": message})).collect();
    Fault::Answers(200, serde_json::json!({"events": events}).to_string().leak())
}

fn groups(names: &[&str]) -> (&'static str, Fault) {
    let of = |name: &&str| serde_json::json!({"logGroupName": name, "arn": format!("arn:aws:logs:eu-west-1:111122223333:log-group:{name}:*")});
    ("logs:DescribeLogGroups", Fault::Answers(200, serde_json::json!({"logGroups": names.iter().map(of).collect::<Vec<_>>()}).to_string().leak()))
}

/// An event as it is, with the task's account, region, cluster and id as given.
fn event(arn: &str) -> String {
    let (base, name) = arn.split_once(":task/").unwrap();
    let parts: Vec<&str> = base.split(':').collect();
    serde_json::json!({"detail-type": "ECS Task State Change", "source": "aws.ecs", "account": parts[4], "region": parts[3], "detail": {
        "taskArn": arn, "clusterArn": format!("{base}:cluster/{}", name.split('/').next().unwrap()), "version": 6, "lastStatus": "STOPPED", "desiredStatus": "STOPPED",
        "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited", "stoppingAt": "2026-11-20T11:00:00.25Z",
        "stoppedAt": "2026-11-20T11:00:30Z", "containers": [{"name": "app", "exitCode": 3, "lastStatus": "STOPPED"}]}})
    .to_string()
}

#[test]
fn what_an_application_logs_of_a_task_is_no_event_and_its_log_group_no_archive() {
    let aws = FakeAws::serving(CASE);
    let forged =
        serde_json::json!({"msg": "saw it", "taskArn": aws.task_arn, "version": 99, "lastStatus": "STOPPED", "stopCode": "UserInitiated", "stoppedReason": "by alice"}).to_string();
    let faults = [FORGOTTEN, groups(&["/ecs/event-processor", "/aws/events/ecs-trace"]), ("logs:FilterLogEvents", filtered(&[event(&aws.task_arn), forged]))];
    let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
    let document = run(&mut against(&aws, &["why", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
    assert_eq!((&document["verdict"]["cause"], &document["task"]["stopCode"]), (&"app-error".into(), &"EssentialContainerExited".into()));
    assert!(aws.journal().iter().all(|asked| asked.action != "logs:FilterLogEvents" || !asked.body.contains("event-processor")));
}

#[test]
fn one_archive_that_hangs_hides_nothing_that_another_tells_and_is_named() {
    let faults =
        [FORGOTTEN, groups(&["/aws/events/ecs-trace", "/aws/events/my-ecs"]), ("logs:FilterLogEvents", archived(6)), ("logs:FilterLogEvents", Fault::HangOf("/aws/events/my-ecs"))];
    let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
    let document = run(&mut against(&aws, &["why", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
    assert_eq!(document["verdict"]["cause"], "app-error");
    let unread: Vec<_> = document["sources"].as_array().unwrap().iter().filter(|source| source["source"] == "archive" && source["status"] == "timed-out").collect();
    assert_eq!((unread.len(), &unread[0]["resource"]), (1, &"/aws/events/my-ecs".into()));
}

#[test]
fn an_archive_that_is_slow_is_waited_for_while_others_are_asked() {
    // After 3.2 s others are asked; after 3.6 s the archive answers, and nobody waits for them any more.
    let late = ("logs:FilterLogEvents", Fault::Slow(Duration::from_millis(3_600)));
    let faults = [FORGOTTEN, groups(&["/aws/events/ecs-trace"]), ("logs:FilterLogEvents", archived(6)), late, NO_STREAM, ("cloudtrail:LookupEvents", Fault::Hang)];
    let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
    let ran = run(&mut against(&aws, &["why", &aws.task_arn, "-o", "json", "--timeout", "8s"]));
    let document = ran.code(&[0, 3]).json();
    assert_eq!((&document["verdict"]["cause"], &document["task"]["stopCode"]), (&"app-error".into(), &"EssentialContainerExited".into()));
    assert!(statuses(&document, "archive").contains(&"ok".to_owned()), "{}", document["sources"]);
}

#[test]
fn a_task_of_another_account_region_or_cluster_is_not_taken_for_ours_and_where_it_is_is_said() {
    let own = FakeAws::serving(CASE).task_arn;
    let id = own.rsplit('/').next().unwrap().to_owned();
    let region = own.split(':').nth(3).unwrap();
    for (theirs, says) in [
        (format!("arn:aws:ecs:{region}:999988887777:task/prod/{id}"), "of account 999988887777, and account 111122223333 was asked"),
        (format!("arn:aws:ecs:ap-south-2:111122223333:task/prod/{id}"), "of region ap-south-2"),
    ] {
        let aws = FakeAws::with(CASE, &[FORGOTTEN, groups(&["/aws/events/ecs-trace"]), ("logs:FilterLogEvents", filtered(&[event(&theirs)]))], Duration::ZERO);
        let ran = run(&mut against(&aws, &["why", &id])).code(&[4]);
        assert!(ran.stdout.is_empty() && ran.stderr.contains(says) && !ran.stderr.contains("holds no event"), "{says}: {}", ran.stderr);
    }
    let there = ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": [{"logGroupName": "/aws/events/ecs-trace"}]}"#));
    let aws = FakeAws::with(CASE, &[FORGOTTEN, there, ("logs:FilterLogEvents", archived(6))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["why", &id, "--cluster", "other"])).code(&[4]);
    assert!(ran.stderr.contains(&format!("an archive holds it, of cluster `{}`", aws.cluster)), "{}", ran.stderr);
}

#[test]
fn a_cluster_that_was_deleted_since_does_not_keep_its_archive_from_being_asked() {
    let gone = ("ecs:DescribeTasks", Fault::Says(99, 400, "ClusterNotFoundException", "Cluster not found."));
    let aws = FakeAws::with(CASE, &[gone, GROUP, ("logs:FilterLogEvents", archived(6))], Duration::ZERO);
    let document = run(&mut against(&aws, &["why", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
    assert_eq!(document["verdict"]["cause"], "app-error");
    let aws = FakeAws::with(CASE, &[gone, GROUP, NO_STREAM, ("logs:FilterLogEvents", filtered(&[]))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["why", &aws.task_arn])).code(&[4]);
    assert!(ran.stderr.contains("no cluster") && ran.stderr.contains("holds no event of it since"), "{}", ran.stderr);
}

#[test]
fn an_archive_of_years_is_read_backwards_to_its_beginning() {
    let years = ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": [{"logGroupName": "/aws/events/ecs-trace", "retentionInDays": 3653}]}"#));
    let aws = FakeAws::with(CASE, &[FORGOTTEN, years, NO_STREAM, ("logs:FilterLogEvents", filtered(&[]))], Duration::ZERO);
    run(&mut against(&aws, &["why", &aws.task_arn])).code(&[4]);
    let journal = aws.journal();
    let filters: Vec<serde_json::Value> = journal.iter().filter(|asked| asked.action == "logs:FilterLogEvents").map(|asked| serde_json::from_str(&asked.body).unwrap()).collect();
    let windows: Vec<(i64, i64)> = filters
        .iter()
        .filter(|asked| asked["logGroupName"] == "/aws/events/ecs-trace")
        .map(|asked| (asked["startTime"].as_i64().unwrap(), asked["endTime"].as_i64().unwrap()))
        .collect();
    // The last day and the month before it are asked at once, in either order.
    let mut windows = windows;
    windows.sort_by_key(|window| std::cmp::Reverse(window.1));
    assert!((4..11).contains(&windows.len()) && windows.windows(2).all(|pair| pair[1].1 == pair[0].0), "{windows:?}");
    assert_eq!(windows[0].1 - windows[0].0, 86_400_000);
    assert_eq!((windows[0].1 - windows.last().unwrap().0) / 86_400_000, 3653);
}

#[test]
fn the_beginning_of_a_forgotten_tasks_id_is_looked_for_in_the_archives() {
    let own = FakeAws::serving(CASE).task_arn;
    let (head, id) = own.rsplit_once('/').unwrap();
    // ECS has forgotten all tasks, so that none is listed.
    let unlisted = ("ecs:ListTasks", Fault::Answers(200, r#"{"taskArns": []}"#));
    let other = format!("{head}/{}{}", &id[..8], "0".repeat(24));
    let asked = |events: &[String], code: i32| {
        let there = ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": [{"logGroupName": "/aws/events/ecs-trace"}]}"#));
        let aws = FakeAws::with(CASE, &[FORGOTTEN, unlisted, there, ("logs:FilterLogEvents", filtered(events))], Duration::ZERO);
        run(&mut against(&aws, &["why", &id[..8], "-o", "json"])).code(&[code])
    };
    assert_eq!(asked(&[event(&own), event(&own)], 0).json()["task"]["id"], id);
    let ran = asked(&[event(&own), event(&other)], 252);
    assert!(ran.stderr.contains("is the beginning of 2 tasks") && ran.stderr.contains(id) && ran.stderr.contains(&other[head.len() + 1..]), "{}", ran.stderr);
    let ran = asked(&[], 4);
    assert!(ran.stderr.contains("holds no event of a task that begins so since") && ran.stderr.contains("stops --since 7d"), "{}", ran.stderr);
}

#[test]
fn an_archive_that_was_deleted_within_the_hour_is_forgotten() {
    let cache = tempfile::tempdir().unwrap();
    let first = FakeAws::with(CASE, &[FORGOTTEN, GROUP, ("logs:FilterLogEvents", archived(7))], Duration::ZERO);
    // What is kept is kept for an endpoint, and CloudTrail's stands for all: both worlds are one.
    let ask =
        |aws: &FakeAws| run(against(aws, &["why", &aws.task_arn]).env("AWS_ENDPOINT_URL_CLOUDTRAIL", &first.url).env("XDG_CACHE_HOME", cache.path()).env_remove("XDG_RUNTIME_DIR"));
    ask(&first).code(&[0, 3]);
    let gone = ("logs:FilterLogEvents", Fault::Says(99, 400, "ResourceNotFoundException", "The specified log group does not exist."));
    let aws = FakeAws::with(CASE, &[FORGOTTEN, groups(&[]), NO_STREAM, gone], Duration::ZERO);
    let ran = ask(&aws).code(&[4]);
    assert!(ran.stderr.contains("no archive of ECS events was found") && !ran.stderr.contains("could not be read"), "{}", ran.stderr);
    let asked = || aws.journal().iter().filter(|asked| asked.action == "logs:FilterLogEvents").count();
    let first_time = asked();
    assert!((1..=2).contains(&first_time), "it was known, and so asked first");
    ask(&aws).code(&[4]);
    assert_eq!(asked(), first_time, "and then it was not known any more");
}

#[test]
fn an_archive_of_one_cluster_alone_keeps_nothing_of_another() {
    let aws = FakeAws::with(CASE, &[groups(&["/aws/events/ecs/containerinsights/dev/performance"])], Duration::ZERO);
    let says = |arguments: &[&str]| run(&mut against(&aws, arguments)).code(&[0]).stdout;
    let of_prod = says(&["archive", "status", "--cluster", "prod"]);
    assert!(of_prod.contains("No archive of ECS events of cluster prod") && !of_prod.contains("/dev/"), "{of_prod}");
    assert!(says(&["archive", "status", "--cluster", "dev"]).contains("ECS events of cluster dev are kept"));
    assert!(says(&["archive", "status"]).contains("ECS events of cluster dev alone are kept"));
}

#[test]
fn what_is_kept_is_shown_and_where_nothing_is_how_to_keep_it() {
    let groups = r#"{"logGroups": [{"logGroupName": "/aws/events/ecs-trace", "retentionInDays": 30, "storedBytes": 7}, {"logGroupName": "/ecs/web"}]}"#;
    let aws = FakeAws::with(CASE, &[("logs:DescribeLogGroups", Fault::Answers(200, groups))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["archive", "status"])).code(&[0]);
    assert!(ran.stdout.contains("are kept in") && ran.stdout.contains("/aws/events/ecs-trace") && ran.stdout.contains("30 days"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("/ecs/web") && !ran.stdout.contains("cloudformation deploy"), "{}", ran.stdout);
    assert_eq!(ran.stdout.lines().count(), 3, "in a pipe each is on one line: {}", ran.stdout);
    let narrow = run(against(&aws, &["archive", "status"]).env("COLUMNS", "80")).code(&[0]);
    assert!(narrow.stdout.lines().all(|line| line.chars().count() <= 80) && narrow.stdout.contains("✓  /aws/events/ecs-trace\n   30 days"), "{}", narrow.stdout);
    let json = run(&mut against(&aws, &["archive", "status", "-o", "json", "--query", "groups[?archive] | [0].retentionDays"])).code(&[0]);
    assert_eq!(json.stdout.trim(), "30");

    let aws = FakeAws::with(CASE, &[("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": []}"#))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["archive", "status"])).code(&[0]);
    assert!(ran.stdout.contains("No archive") && ran.stdout.contains("ecs-trace archive template"), "{}", ran.stdout);
    let aws = FakeAws::with(CASE, &[("logs:DescribeLogGroups", Fault::Denied)], Duration::ZERO);
    let ran = run(&mut against(&aws, &["archive", "status"])).code(&[254]);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("allow logs:DescribeLogGroups"), "{}", ran.stderr);

    // Where only some of it may be seen, that is shown, and the rest is named.
    for (there, says) in [(groups, "are kept in"), (r#"{"logGroups": []}"#, "was seen in")] {
        let faults = [("logs:DescribeLogGroups", Fault::Answers(200, there)), ("logs:DescribeLogGroups", Fault::DeniedOf("containerinsights"))];
        let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
        let ran = run(&mut against(&aws, &["archive", "status"])).code(&[3]);
        assert!(
            ran.stdout.contains(says) && ran.stderr.contains("log groups below /aws/ecs/containerinsights/ could not be listed: AccessDenied"),
            "{} {}",
            ran.stdout,
            ran.stderr
        );
    }
    let faults = [("logs:DescribeLogGroups", Fault::Answers(200, groups)), ("logs:DescribeLogGroups", Fault::HangOf("containerinsights"))];
    let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
    let ran = run(&mut against(&aws, &["archive", "status", "--timeout", "3s"])).code(&[3]);
    assert!(ran.stdout.contains("are kept in") && ran.stderr.contains("could not be listed"), "{} {}", ran.stdout, ran.stderr);
    // One that only a query can read holds no single task's events for who looks for them.
    let queried: &str = groups.replace(r#""retentionInDays": 30"#, r#""logGroupClass": "INFREQUENT_ACCESS""#).leak();
    let aws = FakeAws::with(CASE, &[("logs:DescribeLogGroups", Fault::Answers(200, queried))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["archive", "status"])).code(&[0]);
    assert!(ran.stdout.contains("in class INFREQUENT_ACCESS alone") && ran.stdout.contains("no single task is looked for"), "{}", ran.stdout);
    let ran = run(&mut against(&FakeAws::with(CASE, &[FORGOTTEN, NO_STREAM, ("logs:DescribeLogGroups", Fault::Answers(200, queried))], Duration::ZERO), &["why", aws.task_id()]));
    assert!(ran.code == 4 && ran.stderr.contains("/aws/events/ecs-trace: log group of class INFREQUENT_ACCESS") && ran.stderr.contains("stops --since 7d"), "{}", ran.stderr);
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
    assert_eq!((&document["verdict"]["cause"], &document["stoppedBy"]["status"]), (&"unknown".into(), &"not-yet".into()));
    let lines = document["timeline"].as_array().unwrap();
    assert!(lines.len() > 3 && lines.iter().all(|line| line["witness"] == "logs"), "{lines:#?}");
    // Whether it was of a service is not known, so that nothing of one could be asked: that is no proof that there is none.
    for source in ["service", "elb", "autoscaling", "metrics"] {
        let told = statuses(&document, source);
        assert!(told.contains(&"skipped".to_owned()) && !told.contains(&"not-applicable".to_owned()), "{source}: {told:?}");
    }
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

#[test]
fn an_archive_that_tells_of_no_end_keeps_nobody_else_from_telling_it() {
    let running = scheduled(&FakeAws::serving(CASE).task_arn, "").replace(r#""lastStatus":"STOPPED""#, r#""lastStatus":"RUNNING""#);
    let running = running.replace(r#""stopCode":"ServiceSchedulerInitiated","#, "").replace(r#""stoppingAt":"2026-11-20T11:00:00.25Z","#, "").replace(r#""exitCode":143,"#, "");
    let running = running
        .replace(r#""stoppedAt":"2026-11-20T11:00:30Z","#, "")
        .replace(r#""desiredStatus":"STOPPED""#, r#""desiredStatus":"RUNNING","connectivityAt":"2026-11-20T10:00:03Z""#);
    let faults = [FORGOTTEN, groups(&["/aws/events/ecs-trace"]), ("logs:FilterLogEvents", filtered(&[running]))];
    let aws = FakeAws::with(CASE, &[faults.to_vec(), vec![("cloudtrail:LookupEvents", remembered())]].concat(), Duration::ZERO);
    let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
    assert_eq!((&document["verdict"]["cause"], &document["stoppedBy"]["actor"]), (&"stop-requested".into(), &"vera".into()));
    let witness = |text: &str| document["timeline"].as_array().unwrap().iter().find(|line| line["text"].as_str().unwrap().contains(text)).map(|line| line["witness"].clone());
    assert_eq!((witness("connected"), witness("stopping: moved")), (Some("archive".into()), Some("cloudtrail".into())));
}

const OWN_DEPLOYMENT: &str = "ecs-svc/8002";

/// A task of a service whose end the archive keeps; `more` of its fields stand beside.
fn scheduled(arn: &str, more: &str) -> String {
    let (base, name) = arn.split_once(":task/").unwrap();
    let cluster = name.split('/').next().unwrap();
    let parts: Vec<&str> = base.split(':').collect();
    format!(
        r#"{{"detail-type":"ECS Task State Change","source":"aws.ecs","account":"{}","region":"{}","detail":{{"taskArn":"{arn}","clusterArn":"{base}:cluster/{cluster}","version":6,
        "lastStatus":"STOPPED","desiredStatus":"STOPPED","group":"service:web","startedBy":"{OWN_DEPLOYMENT}","createdAt":"2026-11-20T10:00:00Z","stoppingAt":"2026-11-20T11:00:00.25Z",
        "stoppedAt":"2026-11-20T11:00:30Z","stopCode":"ServiceSchedulerInitiated","taskDefinitionArn":"{base}:task-definition/web:42",{more}"containers":[{{"name":"app","exitCode":143,"lastStatus":"STOPPED"}}]}}}}"#,
        parts[4], parts[3]
    )
}

/// An event about the service `web` of the task's cluster.
fn of_service(arn: &str, kind: &str, at: &str, detail: &str) -> String {
    let service = arn.replace(":task/", ":service/").rsplit_once('/').unwrap().0.to_owned() + "/web";
    format!(
        r#"{{"id":"{at}","detail-type":"{kind}","source":"aws.ecs","time":"2020-05-23T12:31:14Z","resources":["{service}"],"detail":{{"updatedAt":"{at}","createdAt":"{at}",{detail}}}}}"#
    )
}

const SERVICE_GONE: (&str, Fault) = ("ecs:DescribeServices", Fault::Answers(200, r#"{"services": [], "failures": [{"arn": "x", "reason": "MISSING"}]}"#));
const HISTORY_GONE: (&str, Fault) = ("ecs:ListServiceDeployments", Fault::Answers(400, r#"{"__type":"ServiceNotFoundException","message":"Service not found."}"#));

#[test]
fn a_rollback_that_the_archive_alone_remembers_is_told_with_who_had_begun_it() {
    let arn = FakeAws::serving(CASE).task_arn;
    let turned = |at: &str, name: &str, deployment: &str, reason: &str| {
        of_service(&arn, "ECS Deployment State Change", at, &format!(r#""eventName":"SERVICE_DEPLOYMENT_{name}","deploymentId":"{deployment}","reason":"{reason}""#))
    };
    let events = [
        scheduled(&arn, r#""stoppedReason":"Scaling activity initiated by (deployment ecs-svc/8001)","#),
        turned("2026-11-20T09:59:50Z", "IN_PROGRESS", OWN_DEPLOYMENT, "ECS deployment ecs-svc/8002 in progress."),
        turned("2026-11-20T10:59:49Z", "FAILED", OWN_DEPLOYMENT, "ECS deployment circuit breaker: tasks failed to start."),
        turned("2026-11-20T10:59:50Z", "IN_PROGRESS", "ecs-svc/8001", "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/8001."),
    ];
    let faults = [FORGOTTEN, groups(&["/aws/events/ecs-trace"]), SERVICE_GONE, HISTORY_GONE, ("logs:FilterLogEvents", filtered(&events))];
    let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
    let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
    assert_eq!((&document["verdict"]["cause"], &document["verdict"]["detail"]), (&"rollback".into(), &"circuit-breaker".into()));
    let told: Vec<_> = document["timeline"].as_array().unwrap().iter().filter(|line| line["text"].as_str().unwrap().starts_with("SERVICE_DEPLOYMENT_")).collect();
    assert_eq!((told.len(), told.iter().all(|line| line["witness"] == "archive")), (3, true), "{told:?}");
    let proof = told.iter().find(|line| line["text"].as_str().unwrap().contains("rolling back")).unwrap();
    assert!(document["verdict"]["evidence"].as_array().unwrap().contains(&proof["n"]), "{}", document["verdict"]);
    let chain = document["stoppedBy"]["chain"].as_array().unwrap();
    assert!(chain.iter().any(|hop| hop["id"] == OWN_DEPLOYMENT && hop["time"] == "2026-11-20T09:59:50Z"), "{chain:?}");
    let looked: Vec<String> = aws.journal().into_iter().filter(|asked| asked.body.contains("UpdateService")).map(|asked| asked.body).collect();
    assert!(looked.iter().any(|body| body.contains("StartTime\":1763632")) || !looked.is_empty(), "{looked:?}");
}

#[test]
fn the_host_is_told_as_the_stop_found_it_and_not_as_it_is_now() {
    let arn = FakeAws::serving(CASE).task_arn;
    let (base, name) = arn.split_once(":task/").unwrap();
    let instance = format!("{base}:container-instance/{}/c1c1", name.split('/').next().unwrap());
    let was = |at: &str, version: i64, status: &str| {
        let detail = format!(r#""containerInstanceArn":"{instance}","ec2InstanceId":"i-0abc","status":"{status}","agentConnected":true,"version":{version}"#);
        of_service(&arn, "ECS Container Instance State Change", at, &detail)
    };
    let own = scheduled(&arn, &format!(r#""launchType":"EC2","containerInstanceArn":"{instance}","stoppedReason":"Scaling activity initiated by (deployment {OWN_DEPLOYMENT})","#));
    let now = r#"{"containerInstances": [{"ec2InstanceId": "i-0abc", "status": "ACTIVE", "agentConnected": true}], "failures": []}"#;
    let listed = r#"{"services": [{"serviceName": "web", "status": "ACTIVE", "desiredCount": 2, "deployments": [{"id": "ecs-svc/8002", "status": "PRIMARY", "createdAt": 1763000000, "rolloutState": "COMPLETED"}], "events": []}], "failures": []}"#;
    let judged_with = |states: &[String], fault: &[(&'static str, Fault)]| {
        let events = [std::slice::from_ref(&own), states].concat();
        let faults = [
            FORGOTTEN,
            groups(&["/aws/events/ecs-trace"]),
            HISTORY_GONE,
            ("ecs:DescribeServices", Fault::Answers(200, listed)),
            ("ecs:DescribeContainerInstances", Fault::Answers(200, now)),
            ("logs:FilterLogEvents", filtered(&events)),
        ];
        let aws = FakeAws::with(CASE, &[&faults, fault].concat(), Duration::ZERO);
        run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json()
    };
    let judged = |states: &[String]| judged_with(states, &[]);
    let drained = judged(&[was("2026-11-20T10:00:00Z", 1, "ACTIVE"), was("2026-11-20T10:59:00Z", 2, "DRAINING"), was("2026-11-20T12:00:00Z", 3, "ACTIVE")]);
    assert_eq!(drained["verdict"]["cause"], "host-draining", "{}", drained["verdict"]["summary"]);
    let cited = drained["timeline"].as_array().unwrap().iter().find(|line| line["text"] == "instance i-0abc was DRAINING, agent connected").unwrap();
    assert!(drained["verdict"]["evidence"].as_array().unwrap().contains(&cited["n"]) && cited["witness"] == "archive");
    assert_ne!(judged(&[was("2026-11-20T10:00:00Z", 1, "ACTIVE")])["verdict"]["cause"], "host-draining");
    // As it is now it says nothing of then, where what was kept of then could not be read.
    let hidden = judged_with(&[], &[("logs:FilterLogEvents", Fault::HangOf("Container Instance State Change"))]);
    assert_eq!((hidden["verdict"]["confidence"] == "certain", &hidden["stoppedBy"]["status"]), (false, &"unreadable".into()), "{}", hidden["verdict"]);
    let unchecked = hidden["verdict"]["unchecked"].as_array().unwrap();
    assert!(unchecked.iter().any(|other| other["cause"] == "host-draining"), "{}", hidden["verdict"]);
}

#[test]
fn where_the_archive_of_deployments_was_not_read_a_rollback_stays_open_and_nobody_is_said_to_be_unrecorded() {
    let arn = FakeAws::serving(CASE).task_arn;
    let listed = r#"{"services": [{"serviceName": "web", "status": "ACTIVE", "desiredCount": 2, "deployments": [{"id": "ecs-svc/8001", "status": "PRIMARY", "createdAt": 1795172390, "rolloutState": "COMPLETED"}], "events": []}], "failures": []}"#;
    let own = scheduled(&arn, r#""stoppedReason":"Scaling activity initiated by (deployment ecs-svc/8001)","#);
    let faults = [
        FORGOTTEN,
        groups(&["/aws/events/ecs-trace"]),
        HISTORY_GONE,
        ("ecs:DescribeServices", Fault::Answers(200, listed)),
        ("logs:FilterLogEvents", filtered(&[own])),
        ("logs:FilterLogEvents", Fault::HangOf("service/")),
    ];
    let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
    let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
    assert_eq!((&document["verdict"]["cause"], &document["verdict"]["confidence"]), (&"deployment".into(), &"possible".into()));
    assert_eq!(document["verdict"]["unchecked"][0]["cause"], "rollback");
    assert_eq!(document["stoppedBy"]["status"], "unreadable");
}

/// No archive, nothing in CloudTrail, and services that lead nowhere.
pub fn of_no_service() -> Vec<(&'static str, Fault)> {
    vec![
        FORGOTTEN,
        ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": []}"#)),
        ("cloudtrail:LookupEvents", Fault::Answers(200, r#"{"Events": []}"#)),
        ("ecs:ListServices", Fault::Answers(200, r#"{"serviceArns": []}"#)),
    ]
}

#[test]
fn a_task_of_no_service_is_found_by_its_logs_through_the_accounts_families() {
    let aws = FakeAws::with(CASE, &of_no_service(), Duration::ZERO);
    let ran = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[3]);
    assert!(ran.stderr.contains("all that is left of it are its logs") && ran.stderr.contains("where task definition family importer logs"), "{}", ran.stderr);
    let document = ran.json();
    assert_eq!((&document["verdict"]["cause"], &document["stoppedBy"]["status"], &document["task"]["family"]), (&"unknown".into(), &"not-yet".into(), &"importer".into()));
    assert!(document["timeline"].as_array().unwrap().iter().all(|line| line["witness"] == "logs"), "{document:#}");

    // Where services led to its logs, no family is asked about.
    let aws = FakeAws::with(CASE, &of_no_service()[..3], Duration::ZERO);
    run(&mut against(&aws, &["timeline", &aws.task_arn])).code(&[3]);
    assert!(aws.journal().iter().all(|asked| asked.action != "ecs:ListTaskDefinitionFamilies"));
    // Nor is a family that services have led to already.
    let aws = FakeAws::with(CASE, &[&of_no_service()[..3], &[NO_STREAM]].concat(), Duration::ZERO);
    run(&mut against(&aws, &["timeline", &aws.task_arn])).code(&[4]);
    let described = aws.journal().iter().filter(|asked| asked.action == "ecs:DescribeTaskDefinition").count();
    assert_eq!((described, aws.journal().iter().filter(|asked| asked.action == "ecs:ListTaskDefinitionFamilies").count()), (1, 1));
}

#[test]
fn families_that_may_not_be_listed_leave_no_such_task_what_it_was_and_are_named() {
    for (fault, says) in [(Fault::Denied, "AccessDenied, needs ecs:ListTaskDefinitionFamilies"), (Fault::Hang, "ecs:ListTaskDefinitionFamilies: timed-out")] {
        let aws = FakeAws::with(CASE, &[of_no_service(), vec![("ecs:ListTaskDefinitionFamilies", fault)]].concat(), Duration::ZERO);
        let ran = run(&mut against(&aws, &["timeline", &aws.task_arn, "--timeout", "3s"])).code(&[4]);
        assert!(ran.stderr.starts_with("ecs-trace: no task") && ran.stderr.contains(says) && ran.stderr.contains("of no service"), "{}", ran.stderr);
    }
    let many: Vec<String> = (0..120).map(|at| format!("family-{at}")).collect();
    let families = ("ecs:ListTaskDefinitionFamilies", Fault::Answers(200, serde_json::json!({"families": many}).to_string().leak()));
    let definition = ("ecs:DescribeTaskDefinition", Fault::Answers(200, r#"{"taskDefinition": {"family": "x", "containerDefinitions": []}}"#));
    let aws = FakeAws::with(CASE, &[of_no_service(), vec![families, definition]].concat(), Duration::ZERO);
    let ran = run(&mut against(&aws, &["timeline", &aws.task_arn])).code(&[4]);
    assert!(ran.stderr.contains("only 100 of the account's task definition families"), "{}", ran.stderr);
    assert_eq!(aws.journal().iter().filter(|asked| asked.action == "ecs:DescribeTaskDefinition").count(), 100);
}

const INSIGHTS: (&str, Fault) = (
    "logs:DescribeLogGroups",
    Fault::Answers(
        200,
        r#"{"logGroups": [{"logGroupName": "/aws/ecs/containerinsights/data/performance", "retentionInDays": 1, "arn": "arn:aws:logs:us-east-2:111122223333:log-group:/aws/ecs/containerinsights/data/performance:*"},
            {"logGroupName": "/aws/ecs/containerinsights/other/performance"}]}"#,
    ),
);

/// The minutes of a task before its end, of another task's, and a line that only has its id in it.
pub fn sampled() -> Fault {
    let aws = FakeAws::serving(CASE);
    let id = aws.task_id();
    let record = |kind: &str, id: &str, minute: i64, more: serde_json::Value| {
        let mut record = serde_json::json!({"Type": kind, "TaskId": id, "ClusterName": "data", "ServiceName": "importer", "TaskDefinitionFamily": "importer", "TaskDefinitionRevision": "31",
            "Timestamp": 1_795_000_000_000_i64 + minute * 60_000, "MemoryUtilized": 200 + minute, "MemoryReserved": 512, "CpuUtilized": 4.2, "CpuReserved": 256.0});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record.to_string()
    };
    let whole = serde_json::json!({"KnownStatus": "RUNNING", "LaunchType": "FARGATE", "CreatedAt": 1_794_990_000_000_i64, "StartedAt": "2026-11-18T08:21:00Z"});
    let app = serde_json::json!({"ContainerName": "app", "Image": "importer:31", "ContainerKnownStatus": "RUNNING"});
    let messages = [
        record("Task", id, 0, whole.clone()),
        record("Container", id, 0, app.clone()),
        record("Task", id, 1, whole.clone()),
        record("Container", id, 1, app),
        record("Task", &"0".repeat(32), 2, whole),
        format!("{{\"msg\": \"TaskId {id} is mine\"}}"),
    ];
    filtered(&messages)
}

pub fn only_in_insights() -> Vec<(&'static str, Fault)> {
    vec![FORGOTTEN, INSIGHTS, ("logs:FilterLogEvents", sampled()), ("cloudtrail:LookupEvents", Fault::Answers(200, r#"{"Events": []}"#))]
}

#[test]
fn a_task_that_container_insights_alone_remembers_is_told_by_its_records_without_cause_and_caller() {
    let aws = FakeAws::with(CASE, &only_in_insights(), Duration::ZERO);
    let ran = run(&mut against(&aws, &["timeline", aws.task_id(), "-o", "json"])).code(&[3]);
    assert!(ran.stderr.contains("put together from what Container Insights keeps of it (/aws/ecs/containerinsights/data/performance)"), "{}", ran.stderr);
    let document = ran.json();
    assert_eq!((&document["verdict"]["cause"], &document["stoppedBy"]["status"]), (&"unknown".into(), &"not-yet".into()));
    let task = &document["task"];
    assert_eq!((&task["cluster"], &task["service"], &task["family"], &task["revision"]), (&"data".into(), &"importer".into(), &"importer".into(), &31.into()));
    assert!(task["containers"][0]["name"] == "app" && task["containers"][0]["exitCode"].is_null() && task["stopCode"].is_null(), "{task}");
    let lines = document["timeline"].as_array().unwrap();
    let line = |text: &str| lines.iter().find(|line| line["text"].as_str().unwrap().starts_with(text)).unwrap_or_else(|| panic!("{text} of {lines:#?}"));
    assert_eq!((&line("created by service importer")["witness"], &line("started")["time"]), (&"metric".into(), &"2026-11-18T08:21:00Z".into()));
    assert!(lines.iter().any(|line| line["witness"] == "logs"), "its task definition names its logs: {lines:#?}");
    let note = document["verdict"]["notes"].as_array().unwrap().iter().find(|note| note["code"] == "forgotten").unwrap();
    assert!(note["text"].as_str().unwrap().contains("told here by Container Insights' records"), "{note}");
    // A cluster that is named has one group.
    let aws = FakeAws::with(CASE, &only_in_insights(), Duration::ZERO);
    run(&mut against(&aws, &["timeline", &aws.task_arn])).code(&[3]);
    assert!(aws.journal().iter().all(|asked| asked.action != "logs:FilterLogEvents" || !asked.body.contains("/other/")));
}

#[test]
fn records_add_to_what_cloudtrail_remembers_and_change_nothing_of_it() {
    let aws = FakeAws::with(CASE, &[only_in_insights(), vec![("cloudtrail:LookupEvents", remembered())]].concat(), Duration::ZERO);
    let ran = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]);
    assert!(ran.stderr.contains("what CloudTrail does not tell of it is from Container Insights"), "{}", ran.stderr);
    let document = ran.json();
    assert_eq!(
        (&document["verdict"]["cause"], &document["stoppedBy"]["actor"], &document["task"]["containers"][0]["exitCode"]),
        (&"stop-requested".into(), &"vera".into(), &143.into())
    );
    let lines = document["timeline"].as_array().unwrap();
    let witness = |text: &str| lines.iter().find(|line| line["text"].as_str().unwrap().starts_with(text)).unwrap_or_else(|| panic!("{text} of {lines:#?}"))["witness"].clone();
    assert_eq!((witness("StopTask: created"), witness("StopTask: stopping: moved")), ("cloudtrail".into(), "cloudtrail".into()));
}

#[test]
fn insights_that_cannot_be_read_are_named_and_those_that_hold_nothing_say_since_when() {
    let nothing = ("logs:FilterLogEvents", Fault::Answers(200, r#"{"events": []}"#));
    for (faults, says) in [
        (vec![nothing], "Container Insights holds no record of it since 20"),
        (vec![("logs:FilterLogEvents", Fault::Denied)], "Container Insights, which may still tell of it, could not be read: AccessDenied, needs logs:FilterLogEvents"),
        (vec![("logs:FilterLogEvents", Fault::Hang)], "could not be read: logs:FilterLogEvents: timed-out"),
    ] {
        let aws = FakeAws::with(CASE, &[only_in_insights(), vec![NO_STREAM], faults].concat(), Duration::ZERO);
        let ran = run(&mut against(&aws, &["why", &aws.task_arn, "--timeout", "3s"])).code(&[4]);
        assert!(ran.stdout.is_empty() && ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
}
