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
