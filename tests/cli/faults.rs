//! Each source denied, throttled, failing, resetting, hanging, cut short or talking nonsense: the trace still comes.

use std::time::{Duration, Instant};

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, run, statuses};

const CASE: &str = "elb-health-check";
const SOURCES: [(&str, &str); 14] = [
    ("ecs:DescribeTaskDefinition", "ecs"),
    ("ecs:DescribeServices", "service"),
    ("ecs:ListServiceDeployments", "service"),
    ("cloudtrail:LookupEvents", "cloudtrail"),
    ("logs:GetLogEvents", "logs"),
    ("logs:FilterLogEvents", "metrics"),
    ("cloudwatch:GetMetricData", "metrics"),
    ("elasticloadbalancing:DescribeLoadBalancers", "elb"),
    ("elasticloadbalancing:DescribeLoadBalancerAttributes", "elb"),
    ("elasticloadbalancing:DescribeTargetGroups", "elb"),
    ("elasticloadbalancing:DescribeTargetGroupAttributes", "elb"),
    ("elasticloadbalancing:DescribeTargetHealth", "elb"),
    ("elasticloadbalancing:*", "elb"),
    ("application-autoscaling:DescribeScalingActivities", "autoscaling"),
];

fn faults() -> Vec<(Fault, &'static [&'static str])> {
    vec![
        (Fault::Denied, &["denied"]),
        (Fault::Throttled(3), &["ok", "empty"]),
        (Fault::ServerError(2), &["ok", "empty"]),
        (Fault::Throttled(99), &["throttled", "timed-out"]),
        (Fault::Reset, &["failed", "timed-out"]),
        (Fault::Hang, &["timed-out"]),
        (Fault::Truncated, &["failed", "timed-out"]),
        (Fault::NotReadable, &["failed"]),
        (Fault::Empty, &["failed", "timed-out"]),
    ]
}

#[test]
fn one_source_failing_hides_no_other_and_keeps_its_name() {
    let matrix: Vec<(&str, &str, Fault, &[&str])> =
        SOURCES.iter().flat_map(|(action, source)| faults().into_iter().map(move |(fault, wanted)| (*action, *source, fault, wanted))).collect();
    // Most of a run is waiting: many at once, each on a server of its own.
    for part in matrix.chunks(12) {
        std::thread::scope(|scope| {
            for (action, source, fault, wanted) in part {
                scope.spawn(move || one(action, source, *fault, wanted));
            }
        });
    }
}

fn one(action: &str, source: &str, fault: Fault, wanted: &[&str]) {
    let aws = FakeAws::with(CASE, &[(action, fault)], Duration::ZERO);
    let began = Instant::now();
    let ran = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json", "--timeout", "6s"])).code(&[0, 3]);
    assert!(began.elapsed() < Duration::from_secs(9), "{action} {fault:?} took {:?}", began.elapsed());
    let document = ran.json();
    assert_eq!(document["verdict"]["cause"], "elb-health-check", "{action} {fault:?}");
    assert_eq!(document["stoppedBy"]["status"], "nobody", "{action} {fault:?}");
    let told = statuses(&document, source);
    assert!(told.iter().any(|status| wanted.contains(&status.as_str())), "{action} {fault:?}: {source} is {told:?}, wanted one of {wanted:?}");
    for (_, other) in SOURCES.iter().filter(|(_, other)| *other != source) {
        // The logs need the task definition and the load balancer may need the service.
        let depends = matches!((source, *other), ("ecs", "logs") | ("service", "elb"));
        assert!(
            depends || statuses(&document, other).iter().all(|status| ["ok", "empty"].contains(&status.as_str())),
            "{action} {fault:?} hides {other}: {:?}",
            statuses(&document, other)
        );
    }
}

#[test]
fn each_of_the_two_witnesses_of_metrics_has_a_reading_of_its_own() {
    for (hidden, seen) in [("logs:FilterLogEvents", "cloudwatch:GetMetricData"), ("cloudwatch:GetMetricData", "logs:FilterLogEvents")] {
        let aws = FakeAws::with(CASE, &[(hidden, Fault::Denied)], Duration::ZERO);
        let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
        let of =
            |action: &str| document["sources"].as_array().unwrap().iter().filter(|source| source["action"] == action).map(|source| source["status"].clone()).collect::<Vec<_>>();
        assert_eq!(of(hidden), ["denied"], "{hidden}");
        assert_eq!(of(seen), ["ok"], "{seen}");
        let told = document["timeline"].as_array().unwrap().iter().filter(|line| line["witness"] == "metric").count();
        assert!(told > 0, "{hidden} hides {seen}");
    }
}

#[test]
fn a_hidden_cloudtrail_is_unreadable_and_never_nobody() {
    for (fault, status) in [(Fault::Denied, "denied"), (Fault::Throttled(99), "throttled"), (Fault::Hang, "timed-out"), (Fault::NotReadable, "failed")] {
        let aws = FakeAws::with("stopped-by-sso-user", &[("cloudtrail:LookupEvents", fault)], Duration::ZERO);
        let document = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json", "--timeout", "8s"])).code(&[3]).json();
        assert_eq!(document["stoppedBy"]["status"], "unreadable", "{fault:?}");
        assert!(document["stoppedBy"].get("actor").is_none(), "{fault:?}");
        assert!(statuses(&document, "cloudtrail").iter().any(|told| told == status || told == "timed-out"), "{fault:?}: {:?}", statuses(&document, "cloudtrail"));
    }
}

#[test]
fn the_one_call_that_must_work_gives_the_return_code() {
    for (fault, code) in
        [(Fault::Denied, 254), (Fault::Throttled(3), 0), (Fault::ServerError(2), 0), (Fault::Reset, 255), (Fault::Hang, 255), (Fault::NotReadable, 255), (Fault::Empty, 255)]
    {
        let aws = FakeAws::with(CASE, &[("ecs:DescribeTasks", fault)], Duration::ZERO);
        let ran = run(&mut against(&aws, &["timeline", &aws.task_arn, "--timeout", "5s"])).code(&[code]);
        assert_eq!(ran.stdout.is_empty(), code != 0, "{fault:?}");
        assert!(code == 0 || ran.stderr.lines().count() >= 1, "{fault:?}");
    }
}

#[test]
fn a_log_group_that_only_insights_can_read_is_skipped_with_the_command() {
    let refusal = r#"{"__type": "InvalidOperationException", "message": "The log group /ecs/catalog is of log-group-class INFREQUENT_ACCESS. GetLogEvents is not supported for this log class."}"#;
    let silent = r#"{"__type": "InvalidParameterException", "message": "not for this group"}"#;
    for (told, class) in [(refusal, "STANDARD"), (silent, "INFREQUENT_ACCESS")] {
        let group = FakeAws::log_group(CASE);
        let groups: &'static str = format!(r#"{{"logGroups": [{{"logGroupName": "{group}", "logGroupClass": "{class}"}}]}}"#).leak();
        let aws = FakeAws::with(CASE, &[("logs:GetLogEvents", Fault::Answers(400, told)), ("logs:DescribeLogGroups", Fault::Answers(200, groups))], Duration::ZERO);
        let document = run(&mut against(&aws, &["logs", &aws.task_arn, "-o", "json"])).code(&[3]).json();
        assert_eq!(statuses(&document, "logs"), ["skipped"]);
        let logs = document["sources"].as_array().unwrap().iter().find(|source| source["source"] == "logs").unwrap();
        assert!(logs["detail"].as_str().unwrap().contains("aws logs start-query --log-group-name"), "{logs}");
    }
}

#[test]
fn a_list_of_clusters_that_repeats_its_token_is_not_taken_for_all_there_are() {
    let endless = r#"{"clusterArns": ["arn:aws:ecs:eu-west-1:111122223333:cluster/other"], "nextToken": "again"}"#;
    let aws = FakeAws::with(CASE, &[("ecs:ListClusters", Fault::Answers(200, endless))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["timeline", aws.task_id()])).code(&[254]);
    assert!(ran.stderr.contains("not read to the end"), "{}", ran.stderr);
    run(&mut against(&aws, &["timeline", aws.task_id(), "--cluster", &aws.cluster])).code(&[0]);
}

#[test]
fn a_service_without_a_stopped_task_and_hidden_events_is_inconclusive_and_not_unknown_to_ecs() {
    let nothing = ("ecs:ListTasks", Fault::Answers(200, r#"{"taskArns": []}"#));
    let aws = FakeAws::with(CASE, &[nothing, ("ecs:DescribeServices", Fault::Denied)], Duration::ZERO);
    let document = run(&mut against(&aws, &["why", &format!("service/{}/catalog", aws.cluster), "-o", "json"])).code(&[3]).json();
    assert_eq!(document["verdict"]["cause"], "unknown");
    assert!(document["verdict"]["summary"].as_str().unwrap().contains("ecs:DescribeServices"), "{}", document["verdict"]["summary"]);
}
