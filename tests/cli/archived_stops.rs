//! Stops of days: what ECS remembers and what its archives keep, in one list.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fake_aws::{Archive, FakeAws, Fault};
use super::program::{Ran, against, run, statuses};

const CASE: &str = "others-stopped";
/// One of those that ECS still remembers.
const REMEMBERED: &str = "1cb5b311bfff18a476435eb2f70af1ed";
const GROUP: (&str, Fault) = (
    "logs:DescribeLogGroups",
    Fault::Answers(200, r#"{"logGroups": [{"logGroupName": "/aws/events/ecs-trace", "arn": "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/events/ecs-trace:*"}]}"#),
);
const NO_GROUP: (&str, Fault) = ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": []}"#));
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

#[expect(clippy::disallowed_methods, reason = "the fake's world is of the present")]
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn id(at: usize) -> String {
    format!("{:032x}", 0xa000_0000_0000_0000_u128 + at as u128 * 0x9e37_79b9_7f4a_7c15)
}

/// An event as EventBridge delivers it.
fn event(id: &str, stopped: i64, version: i64, exit: i64, service: &str) -> (i64, String) {
    let time = |at: i64| Timestamp::from_millisecond(at).unwrap().to_string();
    let arn = "arn:aws:ecs:eu-west-1:111122223333";
    // Written by hand: some tests need tens of thousands.
    let message = format!(
        r#"{{"version":"0","detail-type":"ECS Task State Change","source":"aws.ecs","account":"111122223333","time":"{at}","region":"eu-west-1","detail":{{"taskArn":"{arn}:task/prod/{id}","clusterArn":"{arn}:cluster/prod","version":{version},"lastStatus":"STOPPED","desiredStatus":"STOPPED","group":"service:{service}","launchType":"FARGATE","stopCode":"EssentialContainerExited","stoppedReason":"Essential container in task exited","createdAt":"{created}","startedAt":"{started}","stoppingAt":"{stopping}","stoppedAt":"{at}","taskDefinitionArn":"{arn}:task-definition/{service}:31","containers":[{{"name":"app","exitCode":{exit},"lastStatus":"STOPPED"}}]}}}}"#,
        at = time(stopped),
        created = time(stopped - HOUR),
        started = time(stopped - HOUR + MINUTE),
        stopping = time(stopped - 30_000),
    );
    (stopped + 700, message)
}

fn holding(events: Vec<(i64, String)>) -> Archive {
    Box::new(move |from, to| events.iter().filter(|(at, _)| (from..=to).contains(at)).cloned().collect())
}

/// That many stops, evenly over the days before now, of two services.
fn many(count: usize, days: i64) -> Archive {
    let (end, span) = (now() - 2 * HOUR, (days * 24 - 4) * HOUR);
    let at = move |number: usize| end - span * number as i64 / count as i64;
    Box::new(move |from, to| {
        let newest = ((end - (to - 700)).max(0) as i128 * count as i128 / span as i128) as usize;
        let mut found = Vec::new();
        for number in newest.saturating_sub(2)..count {
            let event = event(&id(number), at(number), 6, number as i64 % 2, if number.is_multiple_of(4) { "cart" } else { "web" });
            if event.0 < from {
                break;
            }
            // A query gives the newest alone: the fake need not make the others.
            if event.0 <= to && found.len() < 10_000 {
                found.push(event);
            }
        }
        found
    })
}

fn archiving(faults: &[(&str, Fault)], archive: Archive) -> FakeAws {
    FakeAws::archiving(CASE, &[&[GROUP], faults].concat(), archive, 0)
}

fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(stops: &[Value]) -> Vec<&str> {
    stops.iter().map(|stop| stop["task"]["id"].as_str().unwrap()).collect()
}

#[test]
fn what_ecs_remembers_and_what_the_archive_keeps_is_one_list_with_each_task_once() {
    let (ago, mut events) = (|hours: i64| now() - hours * HOUR, Vec::new());
    events.push(event(REMEMBERED, now() - 10 * MINUTE, 6, 0, "session"));
    events.push(event(&id(1), ago(5), 6, 3, "importer"));
    events.push(event(&id(1), ago(5), 6, 3, "importer"));
    events.push(event(&id(2), ago(30), 5, 1, "importer"));
    events.push(event(&id(2), ago(30), 7, 0, "importer"));
    // Older than asked for, of another account, of another region, and none of a task.
    events.push(event(&id(3), ago(24 * 8), 6, 1, "importer"));
    events.push((ago(6), event(&id(4), ago(6), 6, 1, "importer").1.replace("111122223333", "999988887777")));
    events.push((ago(6), event(&id(5), ago(6), 6, 1, "importer").1.replace("eu-west-1", "us-east-1")));
    events.push((ago(6), json!({"detail-type": "ECS Service Action", "detail": {"eventName": "SERVICE_STEADY_STATE", "note": "\"stoppedAt\""}}).to_string()));
    let aws = archiving(&[], holding(events));
    let ran = run(&mut against(&aws, &["stops", "--since", "7d", "-o", "json"])).code(&[0]);
    let document = ran.json();
    let stops = document["stops"].as_array().unwrap();
    assert_eq!(ids(&stops[4..]), [id(1), id(2)], "{document}");
    let of_both: Vec<&Value> = stops.iter().filter(|stop| stop["task"]["id"] == REMEMBERED).collect();
    assert_eq!((of_both.len(), &of_both[0]["witness"], &of_both[0]["verdict"]["cause"]), (1, &"ecs".into(), &"app-error".into()), "ECS's own word stays");
    assert_eq!((&stops[4]["witness"], &stops[4]["verdict"]["cause"]), (&"archive".into(), &"app-error".into()));
    assert_eq!(stops[5]["verdict"]["cause"], "completed", "of two events the one with the higher version counts");
    assert!(statuses(&document, "archive").contains(&"ok".to_owned()), "{document}");
    assert!(ran.stderr.contains("reading the archive /aws/events/ecs-trace from ") && ran.stderr.contains("bills"), "{}", ran.stderr);

    let started: Vec<Value> = aws.journal().iter().filter(|asked| asked.action == "logs:StartQuery").map(|asked| serde_json::from_str(&asked.body).unwrap()).collect();
    assert!(started.iter().all(|query| query["logGroupNames"] == json!(["/aws/events/ecs-trace"])));
    let seconds: Vec<i64> = started.iter().map(|query| query["startTime"].as_i64().unwrap()).collect();
    assert!((now() / 1000 - 7 * 86_400 - seconds.iter().min().unwrap()).abs() < 60, "seconds, not milliseconds");

    let of_service = run(&mut against(&aws, &["stops", "prod/importer", "--since", "7d", "-o", "jsonl"])).code(&[0]);
    assert_eq!(ids(&lines(&of_service)), [id(1), id(2)]);
    let text = run(against(&aws, &["stops", "--since", "7d"]).env("COLUMNS", "80")).code(&[0]).stdout;
    assert!(text.lines().count() == 7 && text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn what_the_scheduler_stopped_days_ago_is_judged_with_the_deployments_of_those_days() {
    let stopped = now() - 1_549_000;
    let (at, message) = event("1679091c5a880faf6fb5e6087eb1b2dc", stopped, 6, 143, "web-api");
    let message = message
        .replace("EssentialContainerExited", "ServiceSchedulerInitiated")
        .replace("Essential container in task exited", "Scaling activity initiated by (deployment ecs-svc/4669201609102990671)")
        .replace(r#""launchType""#, r#""startedBy":"ecs-svc/4669201609102990671","launchType""#)
        .replace("eu-west-1", "eu-north-1");
    let none_live = ("ecs:ListTasks", Fault::Answers(200, r#"{"taskArns": []}"#));
    for (faults, cause, code) in [
        (vec![], "deployment", 0),
        (vec![("ecs:DescribeServices", Fault::Denied)], "deployment", 0),
        (vec![("ecs:DescribeServices", Fault::Denied), ("ecs:ListServiceDeployments", Fault::Denied)], "unknown", 3),
    ] {
        let group = ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": [{"logGroupName": "/aws/events/ecs-trace"}]}"#));
        let aws = FakeAws::archiving("deployment", &[vec![group, none_live], faults].concat(), holding(vec![(at, message.clone())]), 0);
        let ran = run(&mut against(&aws, &["stops", "--since", "7d", "-o", "json"])).code(&[code]);
        let document = ran.json();
        assert_eq!((&document["stops"][0]["witness"], &document["stops"][0]["verdict"]["cause"]), (&"archive".into(), &cause.into()), "{document}");
        assert_eq!(ran.stderr.contains("may stay unknown"), code == 3, "{}", ran.stderr);
    }
}

#[test]
fn within_the_hour_that_ecs_remembers_no_archive_is_asked() {
    let aws = archiving(&[], holding(Vec::new()));
    run(&mut against(&aws, &["stops", "--since", "1h"])).code(&[0]);
    run(&mut against(&aws, &["stops"])).code(&[0]);
    assert!(aws.journal().iter().all(|asked| !asked.action.starts_with("logs:")));
}

#[test]
fn more_stops_than_one_query_gives_are_read_in_slices_each_once_and_the_newest_first() {
    // All of them within the newest third of the window: its slices come back full.
    let count = 12_500;
    let aws = archiving(&[], many(count, 1));
    let ran = run(&mut against(&aws, &["stops", "--since", "3d", "-o", "jsonl", "--timeout", "100s"])).code(&[0]);
    let stops = lines(&ran);
    assert_eq!(stops.len(), count + 4);
    assert_eq!(ids(&stops).into_iter().collect::<BTreeSet<_>>().len(), count + 4);
    let times: Vec<&str> = stops.iter().map(|stop| stop["task"]["stoppedAt"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a.parse::<Timestamp>().unwrap() >= b.parse::<Timestamp>().unwrap()));
    assert!((2..=5).contains(&aws.most_queries()), "{} queries at once", aws.most_queries());

    let count = 5_000;
    let aws = archiving(&[], many(count, 1));
    let groups = run(&mut against(&aws, &["stops", "--since", "3d", "--by", "cause", "-o", "json", "--timeout", "100s"])).code(&[0]).json()["groups"].clone();
    let told: Vec<(&str, i64)> = groups.as_array().unwrap().iter().map(|group| (group["key"].as_str().unwrap(), group["count"].as_i64().unwrap())).collect();
    assert_eq!(told, [("app-error", 2_504), ("completed", 2_500)]);
    let table = run(&mut against(&aws, &["stops", "--since", "3d", "--timeout", "100s"])).code(&[0]).stdout;
    assert_eq!((table.lines().count(), table.matches("WHAT ECS SAYS").count()), (count + 5, 1));
    let document = run(&mut against(&aws, &["stops", "web", "--since", "3d", "-o", "json", "--timeout", "100s"])).code(&[0]).json();
    assert_eq!(document["stops"].as_array().unwrap().len(), count * 3 / 4);
}

#[test]
fn a_crowd_within_one_second_is_read_as_far_as_aws_gives_it_and_then_said_to_be_short() {
    let at = now() - 30 * HOUR;
    let crowd = |count: usize| holding((0..count).map(|number| event(&id(number), at, 6, 1, "web")).collect());
    let grouped = |aws: &FakeAws, code: i32| run(&mut against(aws, &["stops", "--since", "2d", "--by", "service", "-o", "json", "--timeout", "100s"])).code(&[code]);
    let aws = archiving(&[], crowd(4_000));
    assert_eq!(grouped(&aws, 0).json()["groups"][0]["count"], 4_000);
    let aws = archiving(&[], crowd(10_001));
    let ran = grouped(&aws, 3);
    assert!(ran.json()["groups"][0]["count"] == 10_000 && ran.stderr.contains("more than 10000 events within a second"), "{}", ran.stderr);
}

#[test]
fn an_archive_that_cannot_be_read_hides_nothing_that_ecs_remembers_and_is_named() {
    let failed = Fault::Answers(200, r#"{"status": "Failed", "results": []}"#);
    for (faults, says) in [
        (vec![GROUP, ("logs:StartQuery", Fault::Denied)], "AccessDenied, needs logs:StartQuery"),
        (vec![GROUP, ("logs:GetQueryResults", Fault::Denied)], "AccessDenied, needs logs:GetQueryResults"),
        (vec![("logs:DescribeLogGroups", Fault::Denied)], "AccessDenied, needs logs:DescribeLogGroups"),
        (vec![GROUP, ("logs:GetQueryResults", failed)], "the query ended as Failed"),
        (vec![GROUP, ("logs:StartQuery", Fault::Busy(9_999))], "LimitExceededException"),
        (vec![GROUP, ("logs:GetQueryResults", Fault::NotReadable)], "was not read there"),
    ] {
        let aws = FakeAws::archiving(CASE, &faults, holding(Vec::new()), 0);
        let ran = run(&mut against(&aws, &["stops", "--since", "7d", "-o", "json", "--timeout", "60s"])).code(&[3]);
        assert_eq!(ran.json()["stops"].as_array().unwrap().len(), 4, "{says}");
        assert!(ran.stderr.contains(says) && ran.stderr.matches(says).count() == 1, "{says}: {}", ran.stderr);
        assert!(statuses(&ran.json(), "archive").iter().any(|status| ["denied", "failed", "throttled"].contains(&status.as_str())), "{says}: {}", ran.stdout);
    }
}

#[test]
fn where_others_run_as_many_queries_as_aws_lets_them_it_waits_its_turn() {
    let aws = archiving(&[("logs:StartQuery", Fault::Busy(2))], holding(vec![event(&id(1), now() - 5 * HOUR, 6, 3, "importer")]));
    let document = run(&mut against(&aws, &["stops", "--since", "1d", "-o", "json"])).code(&[0]).json();
    assert_eq!(document["stops"].as_array().unwrap().len(), 5);
}

#[test]
fn without_an_archive_one_line_says_so_and_what_to_type() {
    let aws = FakeAws::with(CASE, &[NO_GROUP], Duration::ZERO);
    let ran = run(&mut against(&aws, &["stops", "--since", "7d"])).code(&[0]);
    assert_eq!((ran.stderr.lines().count(), ran.stdout.lines().count()), (1, 5), "{}", ran.stderr);
    assert!(ran.stderr.contains("no archive of its events in eu-west-1") && ran.stderr.contains("ecs-trace archive template"), "{}", ran.stderr);
    let aws = FakeAws::with(CASE, &[NO_GROUP, ("ecs:ListTasks", Fault::Answers(200, r#"{"taskArns": []}"#))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["stops", "--since", "7d"])).code(&[0]);
    assert!(ran.stdout.is_empty() && ran.stderr.lines().count() == 1 && ran.stderr.contains("no stopped task in ") && ran.stderr.contains("archive template"), "{}", ran.stderr);
}

#[test]
fn an_archive_that_begins_later_than_asked_for_says_since_when_it_holds_anything() {
    let group = |fields: String| Fault::Answers(200, format!(r#"{{"logGroups": [{{"logGroupName": "/aws/events/ecs-trace", {fields}}}]}}"#).leak());
    let made = now() - 50 * HOUR;
    for (fields, says) in [
        (format!(r#""creationTime": {made}"#), "when its log group was made"),
        (format!(r#""creationTime": {}, "retentionInDays": 1"#, now() - 400 * 24 * HOUR), "since it keeps 1 day"),
    ] {
        let aws = FakeAws::archiving(CASE, &[("logs:DescribeLogGroups", group(fields))], holding(vec![event(&id(1), now() - 5 * HOUR, 6, 3, "importer")]), 0);
        let ran = run(&mut against(&aws, &["stops", "--since", "7d", "-o", "jsonl"])).code(&[0]);
        assert!(ran.stderr.contains("the archive begins at ") && ran.stderr.contains(says) && lines(&ran).len() == 5, "{says}: {}", ran.stderr);
        // AWS refuses a query of a time before the group's.
        let first = aws
            .journal()
            .iter()
            .filter(|asked| asked.action == "logs:StartQuery")
            .map(|asked| serde_json::from_str::<Value>(&asked.body).unwrap()["startTime"].as_i64().unwrap())
            .min();
        assert!(first.unwrap() >= now() / 1000 - 51 * 3600, "{says}");
    }
    let captures = r#"{"logGroups": [{"logGroupName": "/aws/events/ecs/containerinsights/other/performance"}, {"logGroupName": "/aws/ecs/containerinsights/prod/performance"}]}"#;
    let aws = FakeAws::archiving(CASE, &[("logs:DescribeLogGroups", Fault::Answers(200, captures))], holding(Vec::new()), 0);
    let ran = run(&mut against(&aws, &["stops", "--since", "7d"])).code(&[0]);
    assert!(ran.stderr.contains("no archive keeps the events of cluster prod"), "{}", ran.stderr);
    assert!(aws.journal().iter().filter(|asked| asked.action == "logs:StartQuery").all(|asked| asked.body.contains("/aws/events/ecs/containerinsights/other/performance")));
}

/// An archive whose older half never answers.
fn stuck() -> FakeAws {
    let events = (1..60).map(|hours| event(&id(hours), now() - hours as i64 * HOUR - 30 * MINUTE, 6, 1, "importer")).collect();
    FakeAws::archiving(CASE, &[GROUP], holding(events), (now() - 30 * HOUR) / 1000)
}

#[test]
fn what_did_not_come_in_time_is_named_and_everything_else_is_shown() {
    let aws = stuck();
    let began = Instant::now();
    let ran = run(&mut against(&aws, &["stops", "--since", "60h", "-o", "json", "--timeout", "4s"])).code(&[3]);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let told = ran.json()["stops"].as_array().unwrap().len();
    assert!((20..40).contains(&told), "{told}");
    assert!(ran.stderr.contains("stops before ") && ran.stderr.contains("within 4s; more time with --timeout"), "{}", ran.stderr);
    assert!(statuses(&ran.json(), "archive").contains(&"timed-out".to_owned()));
}

#[test]
fn lines_come_while_older_slices_are_still_read_and_ctrl_c_names_what_is_missing() {
    let aws = stuck();
    let mut child = against(&aws, &["stops", "--since", "60h", "-o", "jsonl", "--timeout", "60s"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let came: Vec<Value> = lines.by_ref().take(10).map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!((&came[0]["witness"], &came[9]["witness"]), (&"ecs".into(), &"archive".into()));
    assert!(child.try_wait().unwrap().is_none(), "it is still reading");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let rest: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted: what had arrived is shown") && stderr.contains("stops before "), "{stderr}");
    assert!(10 + rest.len() < 45, "{}", rest.len());
}

#[test]
fn it_ends_when_nobody_reads_on() {
    let aws = archiving(&[], many(8_000, 3));
    let began = Instant::now();
    let mut child = against(&aws, &["stops", "--since", "3d", "-o", "jsonl", "--timeout", "100s"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let read = aws.journal().iter().filter(|asked| asked.action == "logs:GetQueryResults").count();
    assert!(read < 20 && began.elapsed() < Duration::from_secs(60), "{read} answers, {:?}", began.elapsed());
}

#[test]
#[cfg(target_os = "linux")]
fn a_week_of_stops_is_counted_in_bounded_memory() {
    let peak = |count: usize| {
        let aws = archiving(&[], many(count, 7));
        let mut child =
            against(&aws, &["stops", "--since", "7d", "--by", "revision", "-o", "json", "--timeout", "300s"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let told = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|told| told.trim().trim_end_matches(" kB").parse::<usize>().ok());
            most = most.max(told.unwrap_or_default());
            std::thread::sleep(Duration::from_millis(20));
        }
        let document: Value = serde_json::from_reader(child.stdout.take().unwrap()).unwrap();
        assert_eq!(document["groups"].as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).sum::<u64>(), count as u64 + 4);
        most / 1024
    };
    // `STOPS=100000` measures a whole week of a large account.
    let count = std::env::var("STOPS").ok().and_then(|count| count.parse().ok()).unwrap_or(30_000);
    let most = peak(count);
    assert!((10..220).contains(&most), "{most} MiB for {count} stops");
}
