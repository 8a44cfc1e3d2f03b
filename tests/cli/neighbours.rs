//! The tasks that stopped beside the one asked about: two requests at most, never the same one twice, and no verdict
//! that rests on them.

use std::collections::BTreeSet;
use std::time::Duration;

use ecs_trace::sources::case::{Case, Exchange};
use serde_json::{Value, json};

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, program, run, statuses};

const CASE: &str = "app-error";

/// Three stops of the same service before this one, each of which ended as it did.
fn looping(case: &mut Case) {
    let own = case.exchanges.iter().find(|exchange| exchange.action == "ecs:DescribeTasks").unwrap();
    let tasks: Vec<Value> = (1..=3)
        .map(|number| {
            let mut task = own.response["tasks"][0].clone();
            let arn = task["taskArn"].as_str().unwrap();
            task["taskArn"] = json!(format!("{}/{:032x}", arn.rsplit_once('/').unwrap().0, 0x00fe_ed00 + number));
            for name in ["createdAt", "startedAt", "stoppingAt", "executionStoppedAt", "stoppedAt"] {
                task[name] = json!(task[name].as_f64().unwrap() - 300.0 * f64::from(number));
            }
            task
        })
        .collect();
    let exchange = Exchange { response: json!({"tasks": tasks, "failures": []}), request: json!({}), ..own.clone() };
    case.exchanges.push(exchange);
}

fn served(faults: &[(&str, Fault)], latency: Duration) -> FakeAws {
    FakeAws::changed(CASE, faults, latency, looping)
}

fn notes(document: &Value) -> Vec<String> {
    document["verdict"]["notes"].as_array().unwrap().iter().map(|note| note["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_row_of_stops_is_noted_within_three_rounds_and_two_requests() {
    let aws = served(&[], Duration::from_millis(400));
    let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0]).json();
    let note = document["verdict"]["notes"].as_array().unwrap().iter().find(|note| note["code"] == "repeated").expect("a note");
    assert!(note["text"].as_str().unwrap().contains("stop number 4 in a row of service importer"), "{note}");
    let cited = note["evidence"][0].as_u64().unwrap();
    assert!(document["timeline"].as_array().unwrap().iter().any(|line| line["n"] == cited && line["text"].as_str().unwrap().starts_with("first of 4 stops in a row")), "{note}");
    let count = |action: &str| aws.journal().iter().filter(|asked| asked.action == action).count();
    assert_eq!((count("ecs:ListTasks"), count("ecs:DescribeTasks")), (1, 2));
    let pages = aws.journal().iter().filter(|asked| asked.action == "logs:GetLogEvents").count().saturating_sub(1).min(1);
    assert!(aws.rounds() <= 3 + pages, "{} rounds", aws.rounds());
}

#[test]
fn however_the_task_was_pasted_nothing_is_asked_twice_and_the_row_is_seen() {
    let aws = served(&[], Duration::ZERO);
    let id = aws.task_id().to_owned();
    for form in [aws.task_arn.clone(), id.clone(), id[..6].to_owned(), format!("{}/{id}", aws.cluster), format!("service/{}/importer", aws.cluster), "@latest".to_owned()] {
        let before = aws.journal().len();
        let document = run(&mut against(&aws, &["timeline", &form, "-o", "json"])).code(&[0]).json();
        assert!(notes(&document).contains(&"repeated".to_owned()), "{form}: {:?}", notes(&document));
        let mut seen = BTreeSet::new();
        for asked in &aws.journal()[before..] {
            assert!(seen.insert((asked.action.clone(), asked.body.clone())), "{form} asked twice: {} {}", asked.action, asked.body);
        }
    }
}

#[test]
fn logs_does_not_ask_for_them() {
    let aws = served(&[], Duration::ZERO);
    run(&mut against(&aws, &["logs", &aws.task_arn])).code(&[0]);
    assert!(aws.journal().iter().all(|asked| asked.action != "ecs:ListTasks"));
}

#[test]
fn where_they_cannot_be_read_the_verdict_is_the_same_and_the_reading_says_so() {
    let plain = run(&mut against(&FakeAws::serving(CASE), &["timeline", &FakeAws::serving(CASE).task_arn, "-o", "json"])).code(&[0]).json();
    for (fault, wanted) in [(Fault::Denied, "denied"), (Fault::Throttled(99), "throttled"), (Fault::Hang, "timed-out"), (Fault::NotReadable, "failed"), (Fault::Reset, "failed")] {
        let aws = served(&[("ecs:ListTasks", fault)], Duration::ZERO);
        let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json", "--timeout", "6s"])).code(&[0]).json();
        for part in ["cause", "confidence", "summary", "unchecked", "alternatives"] {
            assert_eq!(document["verdict"][part], plain["verdict"][part], "{fault:?} {part}");
        }
        assert!(statuses(&document, "ecs").iter().any(|status| status == wanted || status == "timed-out"), "{fault:?}: {:?}", statuses(&document, "ecs"));
        assert!(!notes(&document).iter().any(|code| code == "repeated" || code == "others-stopped"), "{fault:?}");
    }
}

#[test]
fn nobody_waits_long_for_them() {
    let aws = served(&[("ecs:ListTasks", Fault::Hang)], Duration::ZERO);
    let began = std::time::Instant::now();
    let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json", "--timeout", "60s"])).code(&[0]).json();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(statuses(&document, "ecs").contains(&"timed-out".to_owned()), "{:?}", statuses(&document, "ecs"));
}

#[test]
fn a_saved_case_keeps_them_however_the_task_was_pasted() {
    let aws = served(&[], Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let id = aws.task_id().to_owned();
    for (at, form) in [aws.task_arn.clone(), id[..6].to_owned(), "service/importer".to_owned(), "@latest".to_owned()].iter().enumerate() {
        let file = folder.path().join(format!("{at}.json"));
        let path = file.to_str().unwrap();
        run(&mut against(&aws, &["save", form, path])).code(&[0]);
        let live = run(&mut against(&aws, &["timeline", form, "-o", "json"])).code(&[0]).json();
        let replayed = run(&mut program(&["timeline", path, "-o", "json"])).code(&[0]).json();
        assert_eq!(live["verdict"]["notes"], replayed["verdict"]["notes"], "{form}");
        assert_eq!(live["timeline"], replayed["timeline"], "{form}");
        assert_eq!(statuses(&replayed, "ecs"), statuses(&live, "ecs"), "{form}");
    }
}
