//! How far CloudTrail is asked: at most three names for the chain, whatever the stop; and again, where it is late.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, program, run};

const LOOKUP: &str = "cloudtrail:LookupEvents";

/// Names that CloudTrail was asked for in one answer, without those that every started task is asked for and those
/// that lead from a key to who began its session.
fn names(document: &serde_json::Value) -> BTreeSet<String> {
    let asked = document["sources"].as_array().unwrap().iter().filter(|source| source["action"] == LOOKUP);
    let named = asked.filter_map(|source| source["detail"].as_str()).map(|detail| detail.split([':', ' ']).next().unwrap().to_owned());
    named.filter(|name| !matches!(name.as_str(), "StopTask" | "ExecuteCommand") && !name.starts_with("AssumeRole")).collect()
}

#[test]
fn at_most_three_names_are_asked_for_the_chain_of_any_stop() {
    let folder = format!("{}/tests/cases", env!("CARGO_MANIFEST_DIR"));
    let mut most = 0;
    for case in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path().join("case.json")).filter(|path| path.exists()) {
        let document = run(&mut program(&["timeline", case.to_str().unwrap(), "-o", "json"])).json();
        let names = names(&document);
        assert!(names.len() <= 3, "{}: {names:?}", case.display());
        most = most.max(names.len());
    }
    assert!(most > 0, "no name was asked for at all");
}

/// How often each name was asked for.
fn asked(aws: &FakeAws, name: &str) -> usize {
    aws.journal().iter().filter(|asked| asked.action == LOOKUP && asked.body.contains(&format!("\"{name}\""))).count()
}

#[test]
fn a_call_that_is_delivered_while_it_is_waited_for_is_found() {
    let aws = FakeAws::with("stopped-by-sso-user", &[(LOOKUP, Fault::Late(Duration::from_secs(2)))], Duration::ZERO);
    let without = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json"])).code(&[3]).json();
    assert_eq!(without["stoppedBy"]["status"], "not-yet");

    let aws = FakeAws::with("stopped-by-sso-user", &[(LOOKUP, Fault::Late(Duration::from_secs(2)))], Duration::ZERO);
    let document = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json", "--wait=8s"])).code(&[0]).json();
    assert_eq!((&document["stoppedBy"]["status"], &document["stoppedBy"]["actor"]), (&"found".into(), &"ines@example.com".into()));
    let of_cloudtrail: Vec<&str> =
        document["sources"].as_array().unwrap().iter().filter(|source| source["source"] == "cloudtrail").map(|source| source["status"].as_str().unwrap()).collect();
    assert!(!of_cloudtrail.contains(&"too-early"), "{of_cloudtrail:?}");
    assert_eq!(asked(&aws, "StopTask"), 2);
    assert!(asked(&aws, "ExecuteCommand") <= 1, "a shell decides nothing, so it is not asked for again");
}

#[test]
fn a_call_that_is_waited_for_where_cloudtrail_can_be_read_no_longer_is_said_to_be_so() {
    let late = (LOOKUP, Fault::Late(Duration::from_secs(600)));
    let aws = FakeAws::with("stopped-by-sso-user", &[late], Duration::ZERO);
    run(&mut against(&aws, &["who-stopped", &aws.task_arn])).code(&[3]);
    let once = aws.journal().iter().filter(|asked| asked.action == LOOKUP).count();
    let aws = FakeAws::with("stopped-by-sso-user", &[late, (LOOKUP, Fault::DeniedAfter(once))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json", "--wait=8s"])).code(&[3]);
    assert!(ran.stderr.contains("CloudTrail could not be read when it was asked again: AccessDenied"), "{}", ran.stderr);
    assert_eq!(ran.json()["stoppedBy"]["status"], "not-yet");
    // What was refused for the moment is waited for, too.
    let aws = FakeAws::with("stopped-by-sso-user", &[(LOOKUP, Fault::Throttled(once * 5))], Duration::ZERO);
    let document = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json", "--wait=25s"])).code(&[0]).json();
    assert_eq!(document["stoppedBy"]["actor"], "ines@example.com");
}

#[test]
fn waiting_ends_by_itself_and_says_what_there_is() {
    let aws = FakeAws::with("stopped-by-sso-user", &[(LOOKUP, Fault::Late(Duration::from_secs(60)))], Duration::ZERO);
    let began = Instant::now();
    let ran = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "--wait=60s", "--timeout", "4s"])).code(&[3]);
    assert!(began.elapsed() < Duration::from_secs(8), "the limit of the run was given: {:?}", began.elapsed());
    assert!(ran.stdout.contains("Not known yet"), "{}", ran.stdout);
    assert_eq!(asked(&aws, "StopTask"), 2);
}

#[test]
fn what_is_known_is_not_waited_for_and_a_value_stands_only_behind_its_sign() {
    let aws = FakeAws::serving("stopped-by-sso-user");
    let began = Instant::now();
    run(&mut against(&aws, &["why", &aws.task_arn, "--wait"])).code(&[0]);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(asked(&aws, "StopTask"), 1);
    run(&mut program(&["who-stopped", "demo:app-error", "--wait", "5m"])).code(&[252]);
    let replayed = run(&mut program(&["timeline", "demo:app-error", "--wait=5m"])).code(&[0]);
    assert!(replayed.stderr.contains("nothing to wait for"), "{}", replayed.stderr);
}

const STORE: &str = "c1f5a3b2-8d47-4e57-9d0e-2f3f2b1c0d9e";
const STARTED: &str = r#"{"QueryId":"7e5cb6ef-4d67-4312-ac16-7c578bbc9e37"}"#;

#[test]
fn an_event_data_store_is_asked_instead_where_it_is_named() {
    let aws = FakeAws::with(
        "stopped-by-sso-user",
        &[("cloudtrail:StartQuery", Fault::Answers(200, STARTED)), ("cloudtrail:GetQueryResults", Fault::Answers(200, r#"{"QueryStatus":"FINISHED","QueryResultRows":[]}"#))],
        Duration::ZERO,
    );
    let ran = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json", "--trail-lake", STORE])).code(&[3]);
    let document = ran.json();
    assert_eq!(document["stoppedBy"]["status"], "not-yet", "a stop of minutes ago is as late there");
    assert!(aws.journal().iter().all(|asked| asked.action != LOOKUP), "the event history is left alone");
    let asked: Vec<String> = aws.journal().into_iter().filter(|asked| asked.action == "cloudtrail:StartQuery").map(|asked| asked.body).collect();
    assert!(asked.len() == 1 && asked[0].contains("'StopTask'") && asked[0].contains(&format!("FROM {STORE}")), "{asked:?}");
    assert!(ran.stderr.contains("bills by the data scanned") && ran.stderr.contains(" UTC"), "{}", ran.stderr);
}

#[test]
fn an_event_data_store_that_cannot_be_asked_is_unreadable_and_its_action_is_named() {
    for (faults, action) in [
        (vec![("cloudtrail:StartQuery", Fault::Denied)], "cloudtrail:StartQuery"),
        (vec![("cloudtrail:StartQuery", Fault::Answers(200, STARTED)), ("cloudtrail:GetQueryResults", Fault::Denied)], "cloudtrail:GetQueryResults"),
        (
            vec![
                ("cloudtrail:StartQuery", Fault::Answers(200, STARTED)),
                ("cloudtrail:GetQueryResults", Fault::Answers(200, r#"{"QueryStatus":"FAILED","ErrorMessage":"no such column"}"#)),
            ],
            "FAILED: no such column",
        ),
    ] {
        let aws = FakeAws::with("stopped-by-sso-user", &faults, Duration::ZERO);
        let document = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json", "--trail-lake", STORE])).code(&[3]).json();
        assert_eq!(document["stoppedBy"]["status"], "unreadable");
        assert!(document["stoppedBy"]["summary"].as_str().unwrap().contains(action), "{}", document["stoppedBy"]);
    }
    run(&mut program(&["who-stopped", "demo:app-error", "--trail-lake", "x; DROP TABLE y"])).code(&[252]);
}

#[test]
fn a_call_that_an_event_data_store_tells_is_matched_like_any_other() {
    let row = |id: &str| {
        format!(
            r#"[{{"c0":"lake-{id}"}},{{"c1":"StopTask"}},{{"c2":"ecs.amazonaws.com"}},{{"c3":"TIME"}},{{"c9":"IAMUser"}},{{"c12":"{id}"}},{{"c25":"CLUSTER"}},{{"c26":"TASK-{id}"}}]"#
        )
    };
    let case = FakeAws::serving("stopped-by-sso-user");
    let told = run(&mut against(&case, &["who-stopped", &case.task_arn, "-o", "json"])).code(&[0]).json();
    let time = told["stoppedBy"]["time"].as_str().unwrap().replace('T', " ").replace('Z', ".000");
    let rows = [row("tina"), row("mallory")]
        .join(",")
        .replace("TIME", &time)
        .replace("CLUSTER", &case.cluster)
        .replace("TASK-tina", case.task_id())
        .replace("TASK-mallory", &"0".repeat(32));
    let answer: &'static str = Box::leak(format!(r#"{{"QueryStatus":"FINISHED","QueryResultRows":[{rows}]}}"#).into_boxed_str());
    let aws = FakeAws::with(
        "stopped-by-sso-user",
        &[("cloudtrail:StartQuery", Fault::Answers(200, STARTED)), ("cloudtrail:GetQueryResults", Fault::Answers(200, answer))],
        Duration::ZERO,
    );
    let ran = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json", "--trail-lake", &format!("arn:aws:cloudtrail:us-east-1:111122223333:eventdatastore/{STORE}")]));
    let document = ran.json();
    // The case's reason is its own caller's; a call that gave none fits to the second alone.
    assert!(!document["stoppedBy"].to_string().contains("mallory"), "{document}");
    assert!(document["timeline"].as_array().unwrap().iter().any(|line| line["text"].as_str().unwrap().starts_with("StopTask by tina")), "{}", document["timeline"]);
}

#[test]
fn what_cloudtrail_alone_remembers_is_asked_for_only_where_it_is_wanted() {
    let aws = FakeAws::serving("scale-in-deep");
    let plain = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0]).json();
    let journal = aws.journal();
    assert!(!journal.iter().any(|asked| asked.body.contains("RegisterTargets") || asked.body.contains("SubmitTaskStateChange")), "nothing of it could change the answer");

    let aws = FakeAws::serving("scale-in-deep");
    let deep = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json", "--deep"])).code(&[0]).json();
    assert_eq!(plain["verdict"]["cause"], deep["verdict"]["cause"]);
    assert_eq!(plain["stoppedBy"]["eventId"], deep["stoppedBy"]["eventId"]);
    let of_cloudtrail: Vec<&str> = deep["timeline"].as_array().unwrap().iter().filter(|line| line["witness"] == "cloudtrail").map(|line| line["text"].as_str().unwrap()).collect();
    for begin in ["RegisterTargets by ECS, target i-", "DeregisterTargets by ECS, target i-", "SubmitTaskStateChange by instance i-", "UpdateService by pavel"] {
        assert_eq!(of_cloudtrail.iter().filter(|text| text.starts_with(begin)).count(), 1, "{begin} of {of_cloudtrail:#?}");
    }
}

#[test]
fn an_end_that_ecs_does_not_tell_is_its_agents_to_tell_and_where_that_cannot_be_read_nothing_is_made_up() {
    let aws = FakeAws::serving("app-error-told-by-its-agent");
    let told = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0]).json();
    assert_eq!((&told["verdict"]["cause"], &told["task"]["containers"][0]["exitCode"]), (&"app-error".into(), &78.into()));
    let line = told["timeline"].as_array().unwrap().iter().find(|line| line["container"] == "app" && line["witness"] == "cloudtrail").expect("the agent's word");
    assert!(line["text"].as_str().unwrap().starts_with("SubmitTaskStateChange: app exited 78") && line["ref"].is_string(), "{line}");
    assert!(told["verdict"]["evidence"].as_array().unwrap().contains(&line["n"]), "the verdict cites it");

    let aws = FakeAws::with("app-error-told-by-its-agent", &[(LOOKUP, Fault::Denied)], Duration::ZERO);
    let untold = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
    assert!(untold["task"]["containers"][0]["exitCode"].is_null(), "{}", untold["task"]);
    assert_ne!(untold["verdict"]["confidence"], "certain", "{}", untold["verdict"]);
}

#[test]
fn a_service_event_that_only_an_answer_in_cloudtrail_has_kept_decides_like_any_other() {
    let aws = FakeAws::serving("elb-health-check-kept");
    let told = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0]).json();
    assert_eq!((&told["verdict"]["cause"], &told["verdict"]["detail"]), (&"elb-health-check".into(), &"codes".into()));
    assert_eq!(asked(&aws, "UpdateService"), 1);
    let aws = FakeAws::with("elb-health-check-kept", &[(LOOKUP, Fault::Denied)], Duration::ZERO);
    let untold = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0, 3]).json();
    assert_eq!((&untold["verdict"]["cause"], &untold["verdict"]["detail"]), (&"elb-health-check".into(), &"unknown".into()));
}

#[test]
fn whoever_asked_codedeploy_is_named_and_where_that_is_not_known_codedeploy_is() {
    let aws = FakeAws::serving("deployment-codedeploy");
    let by = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json"])).code(&[0]).json()["stoppedBy"].clone();
    assert_eq!((&by["actor"], &by["kind"], &by["call"]), (&"BuildAndRelease-4812".into(), &"pipeline".into(), &"CreateDeployment".into()));
    let calls: Vec<&str> = by["chain"].as_array().unwrap().iter().filter_map(|hop| hop["call"].as_str()).collect();
    assert_eq!(calls, ["DeleteTaskSet", "CreateTaskSet", "CreateDeployment"]);

    let without = |case: &mut ecs_trace::sources::case::Case| case.exchanges.retain(|exchange| !exchange.request.to_string().contains("\"CreateDeployment\""));
    let aws = FakeAws::changed("deployment-codedeploy", &[], Duration::ZERO, without);
    let by = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json"])).json()["stoppedBy"].clone();
    assert_ne!(by["actor"], "mallory");
    assert_eq!((&by["actor"], &by["kind"]), (&"CodeDeploy".into(), &"aws".into()));
}

#[test]
fn a_task_that_stopped_another_is_told_with_its_service_and_without_where_ecs_has_forgotten_it() {
    let aws = FakeAws::serving("stop-requested-by-a-task");
    let ran = run(&mut against(&aws, &["who-stopped", &aws.task_arn])).code(&[0]);
    assert!(ran.stdout.contains("(service render-queue) did, by StopTask"), "{}", ran.stdout);
    let quiet = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-q"])).code(&[0]);
    assert_eq!(quiet.stdout.trim(), "task eb0a191797624dd3a48fa681d3061212");

    let forgotten = |case: &mut ecs_trace::sources::case::Case| {
        for exchange in case.exchanges.iter_mut().filter(|exchange| exchange.request.to_string().contains("\"eb0a191797624dd3a48fa681d3061212\"")) {
            exchange.response = serde_json::json!({"tasks": [], "failures": [{"arn": "x", "reason": "MISSING"}]});
        }
    };
    let aws = FakeAws::changed("stop-requested-by-a-task", &[], Duration::ZERO, forgotten);
    let ran = run(&mut against(&aws, &["who-stopped", &aws.task_arn])).code(&[0]);
    assert!(ran.stdout.starts_with("task eb0a191797624dd3a48fa681d3061212 did, by StopTask"), "{}", ran.stdout);
}

#[test]
fn a_services_first_deployment_is_its_creators() {
    let first = |case: &mut ecs_trace::sources::case::Case| {
        for exchange in &mut case.exchanges {
            match exchange.action.as_str() {
                "ecs:DescribeServices" => {
                    let created = exchange.response["services"][0]["deployments"][0]["createdAt"].clone();
                    exchange.response["services"][0]["createdAt"] = created;
                }
                "cloudtrail:LookupEvents" => {
                    for value in [&mut exchange.request, &mut exchange.response] {
                        let told = value.to_string().replace("UpdateService", "CreateService").replace(r#"\"service\":\"web-api\""#, r#"\"serviceName\":\"web-api\""#);
                        *value = serde_json::from_str(&told).unwrap();
                    }
                }
                _ => {}
            }
        }
    };
    let aws = FakeAws::changed("deployment", &[], Duration::ZERO, first);
    let by = run(&mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json"])).code(&[0]).json()["stoppedBy"].clone();
    assert_eq!((&by["status"], &by["call"]), (&"found".into(), &"CreateService".into()), "{by}");
    assert_eq!(asked(&aws, "UpdateService"), 0, "the likelier name has answered");
}
