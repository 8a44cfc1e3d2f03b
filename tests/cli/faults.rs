//! What single faults make of single answers. Everything that can go wrong with every operation: `fault_matrix`.

use std::time::Duration;

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, run, statuses};

const CASE: &str = "elb-health-check";

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
        let told = statuses(&document, "cloudtrail");
        assert!(!told.is_empty() && told.iter().all(|told| told == status), "{fault:?}: {told:?}");
    }
}

#[test]
fn who_refuses_until_the_deadline_cuts_the_run_is_throttled_live_and_replayed_and_not_late() {
    let aws = FakeAws::with("stopped-by-sso-user", &[("cloudtrail:LookupEvents", Fault::Throttled(9_999)), ("logs:GetLogEvents", Fault::Hang)], Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json");
    let told = |ran: super::program::Ran| {
        let document = ran.json();
        let refused = document["sources"].as_array().unwrap().iter().filter(|source| source["source"] == "cloudtrail");
        let refused: Vec<_> = refused.map(|source| (source["status"].clone(), source["detail"].as_str().unwrap_or_default().to_owned())).collect();
        assert!(refused.iter().all(|(status, detail)| status == "throttled" && detail.ends_with("ThrottlingException: Rate exceeded")) && !refused.is_empty(), "{refused:?}");
        assert!(statuses(&document, "logs").contains(&"timed-out".to_owned()));
        document
    };
    let live = told(run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json", "--timeout", "3s", "--save", file.to_str().unwrap()])).code(&[3]));
    let replayed = told(run(&mut super::program::program(&["who-stopped", file.to_str().unwrap(), "-o", "json"])).code(&[3]));
    assert_eq!(live["sources"], replayed["sources"]);
}

#[test]
fn an_answer_that_is_slower_than_half_the_run_still_counts_and_one_that_hung_is_asked_once_more() {
    let slow = ("cloudtrail:LookupEvents", Fault::Slow(Duration::from_millis(3_500)));
    let aws = FakeAws::with("stopped-by-sso-user", &[slow], Duration::ZERO);
    let ran = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json", "-v", "--timeout", "6s"])).code(&[0]);
    let calls = ran.stderr.lines().filter(|line| line.contains("cloudtrail:LookupEvents")).collect::<Vec<_>>();
    assert!(calls.iter().any(|call| call.contains("no answer in time")) && calls.iter().any(|call| call.contains("  200")), "{calls:?}");
    let document = ran.json();
    assert!(document["stoppedBy"]["actor"].is_string(), "{}", document["stoppedBy"]);
    assert!(statuses(&document, "cloudtrail").iter().all(|status| status == "ok" || status == "empty"));
    let first = ("elasticloadbalancing:DescribeTargetHealth", Fault::HangFirst);
    let aws = FakeAws::with(CASE, &[first], Duration::ZERO);
    let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json", "--timeout", "5s"])).code(&[0, 3]).json();
    assert!(statuses(&document, "elb").contains(&"ok".to_owned()), "{}", document["sources"]);
}

#[test]
fn a_question_that_only_spares_another_holds_up_no_line_of_a_log() {
    let aws = FakeAws::with(CASE, &[("logs:GetLogEvents", Fault::HangOf("\"startFromHead\":true"))], Duration::ZERO);
    let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
    assert!(document["timeline"].as_array().unwrap().iter().any(|line| line["witness"] == "logs"), "{}", document["sources"]);
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
