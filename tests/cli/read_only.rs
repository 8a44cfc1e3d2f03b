//! It only reads: all commands are walked, and what they asked is held against the list in the source and the policy.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ecs_trace::sources::actions::ACTIONS;
use ecs_trace::sources::case::Case;
use serde_json::{Value, json};

use super::fake_aws::{FakeAws, Fault};
use super::fault_matrix::{archive, insights, lake, of_no_service, week};
use super::program::{against, run, run_with_input};

/// A case, a command line in it, and what AWS answers beside the case. `ARN`, `ID`, `PREFIX`, `CLUSTER` and `FILE` are filled in.
type Walk = (&'static str, &'static [&'static str], fn(&Case) -> Vec<(&'static str, Fault)>);

fn nothing(_: &Case) -> Vec<(&'static str, Fault)> {
    Vec::new()
}

/// A log group that GetLogEvents may not read, so that the group itself is asked.
fn refusing_logs(_: &Case) -> Vec<(&'static str, Fault)> {
    vec![("logs:GetLogEvents", Fault::Answers(400, r#"{"__type": "InvalidParameterException", "message": "not for this group"}"#))]
}

/// Forgotten by ECS, and by no archive kept.
fn forgotten(case: &Case) -> Vec<(&'static str, Fault)> {
    archive(case).into_iter().filter(|(action, _)| *action == "ecs:DescribeTasks").collect()
}

const WALKS: &[Walk] = &[
    ("elb-health-check", &["timeline", "ARN"], nothing),
    ("deployment", &["timeline", "ARN", "--deep"], nothing),
    ("deployment-task-sets", &["timeline", "ARN"], nothing),
    ("host-lost", &["timeline", "ARN", "--deep"], nothing),
    ("scale-in-deep", &["timeline", "ARN", "--deep"], nothing),
    ("exec-session", &["timeline", "ARN"], nothing),
    ("out-of-memory", &["timeline", "ARN", "-o", "jsonl"], nothing),
    ("stop-requested-by-a-task", &["who-stopped", "ARN"], nothing),
    ("stopped-by-sso-user", &["who-stopped", "ID", "--wait=1s"], nothing),
    ("stopped-by-sso-user", &["who-stopped", "ARN", "--trail-lake", "c1f5a3b2-8d47-4e57-9d0e-2f3f2b1c0d9e"], lake),
    ("rollback-circuit-breaker", &["why", "ARN"], nothing),
    ("app-error", &["why", "PREFIX"], nothing),
    ("app-error", &["why", "@latest"], nothing),
    ("app-error", &["why", "service/importer"], nothing),
    ("app-error", &["why", "service/no-such"], nothing),
    ("app-error", &["why", "ID", "-c", "no-such"], nothing),
    ("app-error", &["timeline", "ARN"], archive),
    ("app-error", &["timeline", "ARN"], forgotten),
    ("app-error", &["timeline", "ARN"], of_no_service),
    ("app-error", &["timeline", "ARN"], insights),
    ("app-error", &["logs", "CLUSTER/ID"], nothing),
    ("app-error", &["logs", "ARN"], refusing_logs),
    ("others-stopped", &["stops"], nothing),
    ("others-stopped", &["stops", "--by", "service"], nothing),
    ("others-stopped", &["stops", "--since", "7d"], week),
    ("app-error", &["save", "ARN", "FILE"], nothing),
    ("scale-in-deep", &["save", "ARN", "FILE", "--deep"], nothing),
    ("app-error", &["archive", "status"], archive),
    ("app-error", &["archive", "template"], nothing),
    ("app-error", &["doctor"], nothing),
    ("app-error", &["doctor", "--policy"], nothing),
    ("app-error", &["explain", "137"], nothing),
    ("app-error", &["config"], nothing),
    ("app-error", &["completions", "bash"], nothing),
    ("app-error", &["alias"], nothing),
    ("app-error", &["man"], nothing),
];

fn walked(walk: &Walk) -> BTreeSet<String> {
    let (name, words, base) = walk;
    let case = FakeAws::present(name, |_| ());
    let aws = FakeAws::of(&case, &base(&case), Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json");
    let words: Vec<String> = words
        .iter()
        .map(|word| match *word {
            "ARN" => aws.task_arn.clone(),
            "ID" => aws.task_id().to_owned(),
            "PREFIX" => aws.task_id()[..6].to_owned(),
            "CLUSTER/ID" => format!("{}/{}", aws.cluster, aws.task_id()),
            "FILE" => file.to_str().unwrap().to_owned(),
            other => other.to_owned(),
        })
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run(&mut against(&aws, &words)).code(&[0, 3, 4]);
    aws.journal().into_iter().map(|asked| asked.action).collect()
}

/// A TAB, and what the child behind it asks.
fn tab(words: &[&str], waits_for: &str) -> BTreeSet<String> {
    let aws = FakeAws::serving("app-error");
    let cache = tempfile::tempdir().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let mut command = against(&aws, &[["--", "ecs-trace"].as_slice(), words].concat());
        command.env("XDG_CACHE_HOME", cache.path()).env("ECS_TRACE_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
        run(&mut command).code(&[0]);
        let asked: BTreeSet<String> = aws.journal().into_iter().map(|asked| asked.action).collect();
        if asked.contains(waits_for) {
            return asked;
        }
        assert!(Instant::now() < end, "the child of {words:?} never asked {waits_for}: {asked:?}");
    }
}

#[test]
fn all_commands_together_ask_what_is_on_the_list_and_in_the_policy_and_nothing_else() {
    let commands: BTreeSet<String> = ecs_trace::cli::command().get_subcommands().map(|command| command.get_name().to_owned()).filter(|name| name != "help").collect();
    let walks: BTreeSet<String> = WALKS.iter().map(|(_, words, _)| words[0].to_owned()).collect();
    assert_eq!(walks, commands, "each command is walked");

    let seen: Vec<(&str, BTreeSet<String>)> = std::thread::scope(|scope| {
        let running: Vec<_> = WALKS.iter().map(|walk| scope.spawn(move || (walk.1[0], walked(walk)))).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut of_commands: BTreeSet<String> = seen.iter().filter(|(command, _)| *command != "doctor").flat_map(|(_, asked)| asked.clone()).collect();
    of_commands.extend(tab(&["timeline", ""], "ecs:DescribeTasks"));
    of_commands.extend(tab(&["stops", ""], "ecs:ListServices"));
    let of_doctor: BTreeSet<String> = seen.iter().filter(|(command, _)| *command == "doctor").flat_map(|(_, asked)| asked.clone()).collect();

    let listed: BTreeSet<String> = ACTIONS.iter().map(|action| action.name.to_owned()).collect();
    let policy: Value = serde_json::from_str(include_str!("../../docs/iam-policy.json")).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    assert!(statements.iter().all(|statement| statement["Effect"] == "Allow" && statement.get("NotAction").is_none()), "{policy}");
    let allowed: BTreeSet<String> = statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap()).map(|name| name.as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, allowed, "the list and the policy");
    assert_eq!(of_commands.union(&of_doctor).cloned().collect::<BTreeSet<_>>(), listed, "the journal and the list");
    // The check-up asks everything there is; each action is of use to somebody else, too.
    let of_doctor_alone: Vec<&String> = listed.difference(&of_commands).collect();
    assert_eq!(of_doctor_alone, ["ecs:DescribeClusters", "sts:GetCallerIdentity"]);
}

#[test]
fn every_action_on_the_list_is_named_as_one_that_reads() {
    for action in ACTIONS {
        let (_, operation) = action.name.split_once(':').unwrap();
        let reads = ["Describe", "List", "Get", "Lookup", "Filter"].iter().any(|verb| operation.starts_with(verb)) || operation == "StartQuery";
        assert!(reads, "{}", action.name);
    }
}

#[test]
fn what_was_pasted_is_asked_about_and_what_lies_at_hand_asks_nobody() {
    let aws = FakeAws::serving("app-error");
    let event = json!({"detail-type": "ECS Task State Change", "source": "aws.ecs", "region": aws.region, "detail": {"taskArn": aws.task_arn,
        "clusterArn": aws.task_arn.replace(":task/", ":cluster/").rsplit_once('/').unwrap().0, "version": 1, "lastStatus": "STOPPED", "containers": []}});
    run_with_input(&mut against(&aws, &["why", "-"]), event.to_string().as_bytes()).code(&[0, 3]);
    let listed: BTreeSet<&str> = ACTIONS.iter().map(|action| action.name).collect();
    assert!(!aws.journal().is_empty() && aws.journal().iter().all(|asked| listed.contains(asked.action.as_str())));

    let aws = FakeAws::serving("app-error");
    for command in ["timeline", "why", "who-stopped", "logs"] {
        run(&mut against(&aws, &[command, "demo:deployment"])).code(&[0]);
    }
    assert!(aws.journal().is_empty());
}
