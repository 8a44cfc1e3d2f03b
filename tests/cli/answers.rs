//! Every demo with every command; every live answer the same as the replayed one.

use super::fake_aws::FakeAws;
use super::program::{against, program, run};

const DEMOS: [(&str, &str, &str); 11] = [
    ("app-error", "app-error", "nobody"),
    ("deployment", "deployment", "found"),
    ("elb-health-check", "elb-health-check", "nobody"),
    ("host-lost", "host-lost", "found"),
    ("image-pull-access-denied", "image-pull", "nobody"),
    ("others-stopped", "app-error", "nobody"),
    ("out-of-memory", "out-of-memory", "nobody"),
    ("repeated", "app-error", "nobody"),
    ("rollback-circuit-breaker", "rollback", "found"),
    ("scale-in", "scale-in", "found"),
    ("stopped-by-sso-user", "stop-requested", "found"),
];

#[test]
fn every_demo_works_with_every_command() {
    assert!(ecs_trace::sources::demos::names().all(|(name, _)| DEMOS.iter().any(|(of, ..)| *of == name)));
    for (name, cause, status) in DEMOS {
        let demo = format!("demo:{name}");
        for command in ["timeline", "why", "who-stopped"] {
            let document = run(&mut program(&[command, &demo, "-o", "json"])).code(&[0]).json();
            assert_eq!(document["verdict"]["cause"], cause, "{command} {name}");
            assert_eq!(document["stoppedBy"]["status"], status, "{command} {name}");
            run(&mut program(&[command, &demo])).code(&[0]);
        }
        let logs = run(&mut program(&["logs", &demo, "-o", "json"])).code(&[0]).json();
        assert!(logs.get("verdict").is_none() && logs["timeline"].as_array().is_some_and(|lines| !lines.is_empty()), "{name}");
        run(&mut program(&["logs", &demo])).code(&[0]);
    }
}

#[test]
fn what_aws_answers_live_is_judged_as_its_recording_is() {
    for (name, cause, status) in DEMOS {
        let aws = FakeAws::serving(name);
        let document = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0]).json();
        let replayed = run(&mut program(&["timeline", &format!("demo:{name}"), "-o", "json"])).code(&[0]).json();
        assert_eq!((&document["verdict"]["cause"], &document["stoppedBy"]["status"]), (&cause.into(), &status.into()), "{name}");
        assert_eq!(document["verdict"]["evidence"], replayed["verdict"]["evidence"], "{name}");
        let texts = |document: &serde_json::Value| document["timeline"].as_array().unwrap().iter().map(|line| line["text"].clone()).collect::<Vec<_>>();
        assert_eq!(texts(&document), texts(&replayed), "{name}");
    }
}

#[test]
fn decoys_are_never_named() {
    for (name, decoys) in
        [("stopped-by-sso-user", ["viktor", "lena", "reaper"].as_slice()), ("out-of-memory", &["marta"]), ("app-error", &["omar"]), ("deployment", &["nora", "paul"])]
    {
        let mut document = run(&mut program(&["who-stopped", &format!("demo:{name}"), "-o", "json"])).code(&[0]).json();
        document["stoppedBy"].as_object_mut().unwrap().remove("attempts");
        let told = document["stoppedBy"].to_string() + &document["verdict"].to_string();
        for decoy in decoys {
            assert!(!told.contains(decoy), "{name} names {decoy}: {told}");
        }
    }
}

#[test]
fn the_refused_attempt_is_told_as_an_attempt() {
    let document = run(&mut program(&["who-stopped", "demo:stopped-by-sso-user", "-o", "json"])).code(&[0]).json();
    assert_eq!(document["stoppedBy"]["actor"], "ines@example.com");
    assert_eq!(document["stoppedBy"]["attempts"][0]["actor"], "viktor");
    assert_eq!(document["stoppedBy"]["attempts"][0]["errorCode"], "AccessDenied");
}

#[test]
fn a_saved_case_replays_the_same_trace_and_is_private() {
    let aws = FakeAws::serving("stopped-by-sso-user");
    let folder = tempfile::tempdir().unwrap();
    for name in ["case.json", "case.json.gz"] {
        let file = folder.path().join(name);
        let path = file.to_str().unwrap();
        run(&mut against(&aws, &["save", &aws.task_arn, path])).code(&[0]);
        let live = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0]).json();
        let replayed = run(&mut program(&["timeline", path, "-o", "json"])).code(&[0]).json();
        for part in ["task", "verdict", "stoppedBy", "timeline"] {
            assert_eq!(live[part], replayed[part], "{part}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}

#[test]
fn a_case_replays_however_the_task_was_pasted_when_it_was_saved() {
    let aws = FakeAws::serving("app-error");
    let folder = tempfile::tempdir().unwrap();
    let (id, cluster) = (aws.task_id().to_owned(), aws.cluster.clone());
    for (at, form) in [id.clone(), id[..5].to_owned(), format!("{cluster}/{id}"), "service/importer".to_owned(), "@latest".to_owned()].iter().enumerate() {
        let file = folder.path().join(format!("{at}.json"));
        run(&mut against(&aws, &["save", form, file.to_str().unwrap()])).code(&[0]);
        let document = run(&mut program(&["why", file.to_str().unwrap(), "-o", "json"])).code(&[0]).json();
        assert_eq!(document["verdict"]["cause"], "app-error", "{form}");
    }
}

#[test]
fn what_could_not_be_saved_is_said_and_a_demo_can_be() {
    let aws = FakeAws::with("app-error", &[("cloudtrail:LookupEvents", super::fake_aws::Fault::Denied)], std::time::Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json");
    let ran = run(&mut against(&aws, &["save", &aws.task_arn, file.to_str().unwrap()])).code(&[3]);
    assert!(ran.stderr.contains("not in the case: cloudtrail"), "{}", ran.stderr);
    run(&mut program(&["save", "demo:deployment", file.to_str().unwrap()])).code(&[0]);
    run(&mut program(&["why", file.to_str().unwrap()])).code(&[0]);
    for name in ["/dev/null", "-", "notes.txt"] {
        run(&mut program(&["save", "demo:deployment", name])).code(&[252]);
    }
}

#[test]
fn a_case_that_lacks_an_answer_leaves_a_gap_and_no_failure() {
    let whole = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/stopped-by-sso-user/case.json")).unwrap();
    let mut case: serde_json::Value = serde_json::from_str(&whole).unwrap();
    case["exchanges"].as_array_mut().unwrap().retain(|exchange| exchange["action"] != "cloudtrail:LookupEvents");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("older.json");
    std::fs::write(&file, case.to_string()).unwrap();
    let document = run(&mut program(&["who-stopped", file.to_str().unwrap(), "-o", "json"])).code(&[3]).json();
    assert_eq!(document["verdict"]["cause"], "stop-requested");
    assert_eq!(document["stoppedBy"]["status"], "unreadable");
    assert_eq!(super::program::statuses(&document, "cloudtrail"), ["skipped"]);
}

#[test]
fn explain_answers_offline_and_at_once() {
    for (text, says) in [(vec!["137"], "SIGKILL"), (vec!["RESOURCE:MEMORY"], "placement"), (vec!["exit", "code", "139"], "SIGSEGV"), (vec!["-1073741510"], "Ctrl-C")] {
        let ran = run(&mut program(&[["explain"].as_slice(), &text].concat())).code(&[0]);
        assert!(ran.stdout.contains(says), "{text:?}: {}", ran.stdout);
    }
    run(&mut program(&["explain", "hello"])).code(&[252]);
}

#[test]
fn logs_can_be_of_one_container_and_an_unknown_one_is_told_the_names_there_are() {
    let all = run(&mut program(&["logs", "demo:app-error", "-o", "json"])).code(&[0]).json();
    let names: std::collections::BTreeSet<&str> = all["timeline"].as_array().unwrap().iter().filter_map(|line| line["container"].as_str()).collect();
    assert!(names.len() > 1, "{names:?}");
    let one = run(&mut program(&["logs", "demo:app-error", "--container", "app", "-o", "json"])).code(&[0]).json();
    let told: std::collections::BTreeSet<&str> = one["timeline"].as_array().unwrap().iter().filter_map(|line| line["container"].as_str()).collect();
    assert_eq!(told.into_iter().collect::<Vec<_>>(), ["app"]);
    let ran = run(&mut program(&["logs", "demo:app-error", "--container", "nope"])).code(&[252]);
    assert!(ran.stderr.contains("no container `nope`") && ran.stderr.contains("it has: "), "{}", ran.stderr);
}
