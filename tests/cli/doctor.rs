//! `doctor`: what may be read, what not, why, and what to do about it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::fake_aws::{FakeAws, Fault};
use super::program::{Ran, against, program, run};

const CASE: &str = "app-error";

/// The JSON, held against the published schema.
#[track_caller]
fn document(ran: &Ran) -> Value {
    let value: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {ran:?}"));
    let schema: Value = serde_json::from_str(include_str!("../../docs/json/v1-doctor.schema.json")).unwrap();
    if let Err(error) = jsonschema::validate(&schema, &value) {
        panic!("not of the published schema: {error}");
    }
    value
}

fn action<'a>(document: &'a Value, name: &str) -> &'a Value {
    let actions = document["sources"].as_array().unwrap().iter().flat_map(|source| source["actions"].as_array().unwrap());
    actions.into_iter().find(|action| action["action"] == name).unwrap_or_else(|| panic!("{name} is not told of"))
}

#[test]
fn every_action_is_asked_or_said_not_to_be_and_nothing_missing_is_0() {
    let aws = FakeAws::with(CASE, &[("sts:*", Fault::Clock(1))], Duration::ZERO);
    let document = document(&run(&mut against(&aws, &["doctor", "-o", "json"])).code(&[0]));
    for listed in ecs_trace::sources::actions::ACTIONS {
        let told = action(&document, listed.name);
        let billed = listed.name.ends_with(":StartQuery") || listed.name.ends_with(":GetQueryResults");
        assert_eq!(told["status"], if billed { "not-tried" } else { "may-read" }, "{told}");
        assert_eq!(aws.journal().iter().any(|asked| asked.action == listed.name), !billed, "{}", listed.name);
    }
    assert_eq!(document["identity"]["account"], "111122223333");
    assert_eq!(document["region"]["from"], "AWS_REGION");
    assert_eq!(document["credentials"]["from"], "the environment (AWS_ACCESS_KEY_ID)");
    assert_eq!(document["clock"]["status"], "right");
    assert_eq!(document["archive"]["status"], "none");
    let told: Vec<(&str, &str)> = document["containerInsights"].as_array().unwrap().iter().map(|one| (one["cluster"].as_str().unwrap(), one["status"].as_str().unwrap())).collect();
    assert_eq!(told, [("other", "off"), (aws.cluster.as_str(), "on")]);
}

#[test]
fn no_question_is_about_a_task_and_none_waits_for_another_without_need() {
    let aws = FakeAws::with(CASE, &[], Duration::from_millis(40));
    let began = Instant::now();
    run(&mut against(&aws, &["doctor"])).code(&[0]);
    assert!(began.elapsed() < Duration::from_secs(3) && aws.rounds() <= 4, "{:?}, {} rounds", began.elapsed(), aws.rounds());
    assert!(aws.journal().iter().all(|asked| !asked.body.contains(aws.task_id())));
}

#[test]
fn a_denial_names_the_action_the_resource_the_policy_and_what_to_add() {
    const FORBIDDEN: &str = r#"{"__type":"AccessDeniedException","Message":"User: arn:aws:sts::1:assumed-role/reader/x is not authorized to perform: ecs:DescribeServices on resource: arn:aws:ecs:eu-west-1:1:service/prod/web with an explicit deny in a service control policy"}"#;
    let faults = [("cloudtrail:LookupEvents", Fault::Denied), ("elasticloadbalancing:*", Fault::Denied), ("ecs:DescribeServices", Fault::Answers(400, FORBIDDEN))];
    let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
    let told = document(&run(&mut against(&aws, &["doctor", "-o", "json"])).code(&[3]));
    let cloudtrail = action(&told, "cloudtrail:LookupEvents");
    assert_eq!((cloudtrail["status"].as_str(), cloudtrail["denial"]["explicit"].as_bool()), (Some("denied"), Some(false)));
    assert_eq!(cloudtrail["denial"]["policy"], "identity-based policy");
    let service = action(&told, "ecs:DescribeServices");
    assert_eq!((service["denial"]["explicit"].as_bool(), service["denial"]["policy"].as_str()), (Some(true), Some("service control policy")));
    assert_eq!(service["denial"]["resource"], "arn:aws:ecs:eu-west-1:1:service/prod/web");
    let missing: Vec<&str> = told["missing"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(missing.contains(&"cloudtrail:LookupEvents") && missing.contains(&"elasticloadbalancing:DescribeTargetHealth"), "{missing:?}");
    assert!(!missing.contains(&"ecs:DescribeServices"), "an allow changes nothing there: {missing:?}");
    for columns in ["80", "120"] {
        let text = run(against(&aws, &["doctor"]).env("COLUMNS", columns)).code(&[3]).stdout;
        assert!(text.contains("no identity-based policy allows it") && text.contains("an explicit deny in a service control policy"), "{text}");
        let policy = &text[text.find("{\n").unwrap()..];
        let policy: Value = serde_json::Deserializer::from_str(policy).into_iter::<Value>().next().unwrap().unwrap();
        let of_policy = policy["Statement"].as_array().unwrap().iter().flat_map(|statement| statement["Action"].as_array().unwrap());
        assert_eq!(of_policy.count(), missing.len());
        assert!(text.lines().all(|line| line.chars().count() <= columns.parse().unwrap()), "{text}");
    }
}

#[test]
fn a_source_that_throttles_fails_or_hangs_is_said_to_and_hides_no_other() {
    let faults = [("logs:*", Fault::Throttled(99)), ("cloudwatch:GetMetricData", Fault::ServerError(99)), ("application-autoscaling:DescribeScalingActivities", Fault::Hang)];
    let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
    let began = Instant::now();
    let told = document(&run(against(&aws, &["doctor", "-o", "json", "--timeout", "3s"]).env("AWS_MAX_ATTEMPTS", "1")).code(&[3]));
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(action(&told, "logs:GetLogEvents")["status"], "throttled");
    assert_eq!(action(&told, "cloudwatch:GetMetricData")["status"], "failed");
    assert_eq!(action(&told, "application-autoscaling:DescribeScalingActivities")["status"], "timed-out");
    assert_eq!(action(&told, "ecs:DescribeTasks")["status"], "may-read");
    assert_eq!(told["archive"]["status"], "unknown");
}

#[test]
fn a_cluster_that_is_named_and_not_there_is_said_to_be_so() {
    let aws = FakeAws::serving(CASE);
    let told = document(&run(&mut against(&aws, &["doctor", "-o", "json", "--cluster", "no-such"])).code(&[3]));
    assert_eq!(action(&told, "ecs:DescribeClusters")["status"], "not-there");
    assert_eq!((told["cluster"]["value"].as_str(), told["cluster"]["from"].as_str()), (Some("no-such"), Some("--cluster")));
}

#[test]
fn clusters_that_may_not_be_listed_are_not_said_to_be_none() {
    let faults = [("ecs:ListClusters", Fault::Denied), ("ecs:DescribeClusters", Fault::Answers(200, r#"{"clusters": [], "failures": []}"#))];
    let aws = FakeAws::with(CASE, &faults, Duration::ZERO);
    let ran = run(&mut against(&aws, &["doctor"])).code(&[3]);
    let insights = ran.stdout.lines().find(|line| line.trim_start().starts_with("insights")).unwrap_or_default();
    assert!(insights.contains("not seen") && !insights.contains("none"), "{}", ran.stdout);
}

#[test]
fn an_archive_is_found_by_its_name() {
    const GROUPS: &str = r#"{"logGroups":[{"logGroupName":"/aws/events/ECSStoppedTasksEvent"},{"logGroupName":"/ecs/web"}]}"#;
    let aws = FakeAws::with(CASE, &[("logs:DescribeLogGroups", Fault::Answers(200, GROUPS))], Duration::ZERO);
    let told = document(&run(&mut against(&aws, &["doctor", "-o", "json"])).code(&[0, 3]));
    assert_eq!(told["archive"]["status"], "there");
    assert!(told["archive"]["logGroups"].as_array().unwrap().iter().any(|group| group == "/aws/events/ECSStoppedTasksEvent"));
    // A policy may allow the groups of tasks alone, so one of them is asked.
    assert!(aws.journal().iter().any(|asked| asked.action == "logs:GetLogEvents" && asked.body.contains("/ecs/web")));
}

#[test]
fn a_clock_that_is_far_off_is_said_to_be_and_how_far() {
    let aws = FakeAws::with(CASE, &[("sts:*", Fault::Clock(-430))], Duration::ZERO);
    let ran = run(against(&aws, &["doctor"]).env("COLUMNS", "80")).code(&[3]);
    assert!(ran.stdout.starts_with("✗ The clock here is 7m ") && ran.stdout.contains("ahead of AWS's") && ran.stdout.contains("timedatectl"), "{}", ran.stdout);
    let told = document(&run(&mut against(&aws, &["doctor", "-o", "json"])).code(&[3]));
    assert_eq!(told["clock"]["status"], "off");
    assert!((425..=435).contains(&told["clock"]["skewSeconds"].as_i64().unwrap()), "{}", told["clock"]);
}

#[test]
fn without_region_or_credentials_it_tells_what_it_knows_and_what_to_do() {
    let ran = run(&mut program(&["doctor"])).code(&[3]);
    assert!(ran.stdout.starts_with("✗ Nothing could be asked") && ran.stdout.contains("none: not by --region, nor in AWS_REGION"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Name one: --region eu-west-1"), "{}", ran.stdout);
    // Both at once, so that nobody signs in only after the second try.
    assert!(ran.stdout.contains("no region, and no credentials") && ran.stdout.contains("Sign in:"), "{}", ran.stdout);
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let ran = run(program(&["doctor"]).envs(keys)).code(&[3]);
    assert!(ran.stdout.contains("no region") && !ran.stdout.contains("no credentials"), "{}", ran.stdout);
    let told = document(&run(program(&["doctor", "-o", "json"]).env("AWS_REGION", "eu-west-1")).code(&[3]));
    assert_eq!((told["region"]["value"].as_str(), told["region"]["from"].as_str()), (Some("eu-west-1"), Some("AWS_REGION")));
    assert!(told["identity"]["detail"].as_str().is_some_and(|why| why.starts_with("no credentials")) && told["credentials"].is_null(), "{told}");
    assert!(told["sources"].as_array().is_some_and(|sources| sources.iter().all(|source| source["status"] == "not-tried")), "{told}");
}

#[test]
fn credentials_that_are_refused_are_said_to_be() {
    const EXPIRED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error><RequestId>1</RequestId></ErrorResponse>";
    let aws = FakeAws::with(CASE, &[("sts:GetCallerIdentity", Fault::Answers(403, EXPIRED))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["doctor"])).code(&[3]);
    assert!(ran.stdout.contains("the request is expired") && ran.stdout.contains("aws sso login"), "{}", ran.stdout);
}

#[test]
fn the_policy_needs_no_account_and_is_the_published_one() {
    let ran = run(&mut program(&["doctor", "--policy"])).code(&[0]);
    assert_eq!(ran.stdout, include_str!("../../docs/iam-policy.json"));
}

#[test]
fn a_profile_and_its_region_are_said_to_come_from_it() {
    let aws = FakeAws::serving(CASE);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, format!("[profile oncall]\nregion = {}\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n", aws.region)).unwrap();
    let mut command = program(&["doctor", "-o", "json", "--profile", "oncall"]);
    let told = document(&run(command.env("AWS_CONFIG_FILE", &config).env("AWS_ENDPOINT_URL", &aws.url)).code(&[0]));
    assert_eq!(told["profile"]["from"], "--profile");
    assert_eq!(told["region"]["from"], "profile oncall");
    assert_eq!(told["credentials"]["from"], "profile oncall");
    assert_eq!(told["endpoint"]["from"], "AWS_ENDPOINT_URL");
}
