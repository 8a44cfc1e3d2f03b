//! `<task>`: every form of one task gives the same trace; what is none says why.

use std::time::Duration;

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, program, run, run_with_input};

#[test]
fn every_form_of_one_task_gives_the_same_trace() {
    let aws = FakeAws::serving("app-error");
    let (id, cluster, region) = (aws.task_id(), &aws.cluster, &aws.region);
    let forms = [
        id.to_owned(),
        id[..6].to_owned(),
        format!("{cluster}/{id}"),
        format!("https://{region}.console.aws.amazon.com/ecs/v2/clusters/{cluster}/tasks/{id}/configuration?region={region}"),
        format!("importer/app/{id}"),
        "service/importer".to_owned(),
        format!("service/{cluster}/importer"),
    ];
    let wanted = run(&mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"])).code(&[0]).json();
    for form in forms {
        let document = run(&mut against(&aws, &["timeline", &form, "-o", "json"])).code(&[0]).json();
        for part in ["task", "verdict", "stoppedBy", "timeline"] {
            assert_eq!(document[part], wanted[part], "{form}: {part}");
        }
    }
    let latest = run(&mut against(&aws, &["timeline", "@latest", "-c", cluster, "-o", "json"])).code(&[0]).json();
    assert_eq!(latest["verdict"], wanted["verdict"]);
}

#[test]
fn a_cluster_that_hangs_holds_up_no_task_that_another_has() {
    let clusters =
        ("ecs:ListClusters", Fault::Answers(200, r#"{"clusterArns": ["arn:aws:ecs:us-east-2:111122223333:cluster/data", "arn:aws:ecs:us-east-2:111122223333:cluster/staging"]}"#));
    let hangs = [clusters, ("ecs:DescribeTasks", Fault::HangOf("staging")), ("ecs:ListTasks", Fault::HangOf("staging"))];
    let id = FakeAws::serving("app-error").task_id().to_owned();
    for (typed, most) in [(id.as_str(), 4), (&id[..5], 9), ("@latest", 9)] {
        let aws = FakeAws::with("app-error", &hangs, Duration::ZERO);
        let began = std::time::Instant::now();
        let ran = run(&mut against(&aws, &["why", typed, "-o", "json"])).code(&[0, 3]);
        assert_eq!(ran.json()["verdict"]["cause"], "app-error", "{typed}");
        assert!(began.elapsed().as_secs() < most, "{typed}: {:?}", began.elapsed());
        assert_eq!(ran.stderr.contains("a later stop may be missing: cluster staging"), typed == "@latest", "{}", ran.stderr);
    }
}

#[test]
fn an_event_and_a_describe_tasks_answer_on_standard_input_are_tasks() {
    let aws = FakeAws::serving("app-error");
    let event = serde_json::json!({"detail-type": "ECS Task State Change", "detail": {"taskArn": aws.task_arn, "clusterArn": format!("arn:aws:ecs:{}:111122223333:cluster/{}", aws.region, aws.cluster), "version": 1, "lastStatus": "RUNNING"}});
    let document = run_with_input(&mut against(&aws, &["why", "-", "-o", "json"]), event.to_string().as_bytes()).code(&[0]).json();
    assert_eq!(document["verdict"]["cause"], "app-error", "ECS knows a newer state");
    let forgotten = serde_json::json!({"tasks": [{"taskArn": "arn:aws:ecs:us-east-2:111122223333:task/data/00000000000000000000000000000001", "clusterArn": "arn:aws:ecs:us-east-2:111122223333:cluster/data", "version": 9,
        "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited", "stoppingAt": "2026-01-01T00:00:00.5Z", "containers": [{"name": "app", "exitCode": 139}]}]});
    let document = run_with_input(&mut against(&aws, &["why", "-", "-o", "json"]), forgotten.to_string().as_bytes()).code(&[0]).json();
    assert_eq!(document["verdict"]["cause"], "crashed", "what was pasted stands where ECS has forgotten");
}

#[test]
fn a_task_that_is_not_there_is_4_and_says_what_to_try() {
    let aws = FakeAws::serving("app-error");
    let gone = "00000000000000000000000000000001";
    let missing = run(&mut against(&aws, &["timeline", gone])).code(&[4]);
    assert!(missing.stdout.is_empty() && missing.stderr.contains("hour") && missing.stderr.contains("--region"), "{}", missing.stderr);
    let elsewhere = run(&mut against(&aws, &["timeline", aws.task_id(), "-c", "other"])).code(&[4]);
    assert!(elsewhere.stderr.contains(&format!("{}/{}", aws.cluster, aws.task_id())), "{}", elsewhere.stderr);
}

#[test]
fn a_task_of_another_account_is_4_and_says_that_the_account_differs() {
    let aws = FakeAws::serving("app-error");
    let arn = format!("arn:aws:ecs:{}:999900001111:task/{}/{}", aws.region, aws.cluster, aws.task_id().replace(|_: char| true, "0"));
    let ran = run(&mut against(&aws, &["timeline", &arn])).code(&[4]);
    assert!(ran.stderr.contains("account 999900001111") && ran.stderr.contains("--profile"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hour"), "{}", ran.stderr);
}

#[test]
fn an_option_that_contradicts_the_task_is_bad_usage() {
    let arn = "arn:aws:ecs:eu-west-1:1:task/prod/00000000000000000000000000000001";
    for options in [["--region", "us-east-1"], ["--cluster", "staging"]] {
        let ran = run(&mut program(&[["timeline", arn].as_slice(), &options].concat())).code(&[252]);
        assert!(ran.stderr.contains(options[0]), "{}", ran.stderr);
    }
}

#[test]
fn an_option_that_contradicts_a_case_is_bad_usage_too() {
    for options in [["--region", "eu-west-3"], ["--cluster", "staging"], ["--region", "eu west"]] {
        run(&mut program(&[["timeline", "demo:app-error"].as_slice(), &options].concat())).code(&[252]);
    }
    run(&mut program(&["timeline", "demo:app-error", "--region", "us-east-2", "--cluster", "data"])).code(&[0]);
}

#[test]
fn suggested_commands_ask_as_this_run_did() {
    let aws = FakeAws::serving("app-error");
    let live = run(&mut against(&aws, &["why", &aws.task_arn, "--endpoint-url", &aws.url, "-o", "json"])).code(&[0]).json();
    assert!(live["verdict"]["nextSteps"][0]["command"].as_str().unwrap().ends_with(&format!("--endpoint-url {}", aws.url)), "{}", live["verdict"]["nextSteps"]);
    let replayed = run(&mut program(&["why", "demo:app-error", "-o", "json"])).code(&[0]).json();
    assert_eq!(replayed["verdict"]["nextSteps"][0]["command"], "ecs-trace logs demo:app-error");
}

#[test]
fn the_region_of_an_arn_wins_and_that_is_said() {
    let aws = FakeAws::serving("app-error");
    let ran = run(against(&aws, &["timeline", &aws.task_arn]).env("AWS_REGION", "ap-south-1")).code(&[0]);
    assert!(ran.stderr.contains(&aws.region) && ran.stderr.contains("ap-south-1"), "{}", ran.stderr);
}

#[test]
fn bad_input_is_252_with_one_line_that_says_what_was_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign.json");
    std::fs::write(&foreign, r#"{"hello": 1}"#).unwrap();
    let newer = folder.path().join("newer.json");
    std::fs::write(&newer, r#"{"ecsTraceCase": 99}"#).unwrap();
    for (arguments, says) in [
        (vec!["timeline", "$(touch pwned)"], "digits"),
        (vec!["timeline", "9f2"], "4 characters"),
        (vec!["timeline", "demo:nosuch"], "out-of-memory"),
        (vec!["timeline"], "no task given"),
        (vec!["timeline", "./nosuch.json"], "cannot read"),
        (vec!["timeline", foreign.to_str().unwrap()], "no task in it"),
        (vec!["timeline", newer.to_str().unwrap()], "newer"),
        (vec!["timeline", "demo:app-error", "--timeout", "soon"], "20s"),
        (vec!["timeline", "demo:app-error", "--query", "a"], "-o json"),
        (vec!["timeline", "demo:app-error", "-o", "json", "--query", "a["], "JMESPath"),
        (vec!["timelin", "x"], "timeline"),
        (vec!["timeline", "demo:app-error", "-o", "yaml"], "json"),
    ] {
        let ran = run(&mut program(&arguments)).code(&[252]);
        assert!(ran.stdout.is_empty() && ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn no_other_name_is_taken_for_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/app-error/case.json"), folder.path().join("cafe")).unwrap();
    let ran = run(program(&["timeline", "cafe"]).current_dir(folder.path()));
    assert_eq!(ran.code, 253, "a prefix needs an account: {}", ran.stderr);
}
