//! Case files: what is in them, how they are written, and that they replay as the run that saved them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::fake_aws::{FakeAws, Fault};
use super::program::{Ran, against, program, run};

fn cases() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    let mut names: Vec<String> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Many at once: most of a run is waiting.
fn each_case(check: impl Fn(&str) + Sync) {
    let names = cases();
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    check(name);
                }
            });
        }
    });
}

/// One live run that saves, and the replay of what it saved with the same options on another machine: another home, no
/// environment, no network.
fn live_and_replayed(aws: &FakeAws, command: &str, task: &str, file: &Path, options: &[&str]) -> (Ran, Ran) {
    let path = file.to_str().unwrap();
    let live = run(against(aws, &[&[command, task, "--save", path], options].concat()).env("COLUMNS", "100"));
    assert!(file.exists(), "{live:?}");
    let home = tempfile::tempdir().unwrap();
    let replayed = run(program(&[&[command, path], options].concat()).env("HOME", home.path()).env("COLUMNS", "100"));
    (live, replayed)
}

#[track_caller]
fn same(name: &str, live: &Ran, replayed: &Ran) {
    if live.stdout != replayed.stdout {
        let diff = similar::TextDiff::from_lines(&live.stdout, &replayed.stdout);
        panic!("{name}\n{}\n{}", diff.unified_diff().header("live", "replayed"), live.stderr);
    }
    assert_eq!(live.code, replayed.code, "{name}: {} {}", live.stderr, replayed.stderr);
}

#[test]
fn every_case_replays_byte_for_byte_as_text_and_as_json() {
    let folder = tempfile::tempdir().unwrap();
    each_case(|name| {
        let aws = FakeAws::serving(name);
        let prefix = &aws.task_id()[..8];
        for (task, options, ending) in [(prefix, ["-o", "text"], "json"), (&aws.task_arn, ["-o", "json"], "json.gz")] {
            let (live, replayed) = live_and_replayed(&aws, "timeline", task, &folder.path().join(format!("{name}.{ending}")), &options);
            same(name, &live, &replayed);
            assert!(live.stderr.contains("saved; replay: ecs-trace timeline"), "{}", live.stderr);
        }
    });
}

#[test]
fn every_fault_replays_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let faults = [
        ("cloudtrail:LookupEvents", Fault::Denied),
        ("logs:GetLogEvents", Fault::Throttled(99)),
        ("ecs:DescribeServices", Fault::ServerError(99)),
        ("ecs:DescribeTaskDefinition", Fault::Reset),
        ("elasticloadbalancing:DescribeTargetGroups", Fault::Truncated),
        ("cloudwatch:GetMetricData", Fault::NotReadable),
        ("application-autoscaling:DescribeScalingActivities", Fault::Empty),
        ("ecs:ListTasks", Fault::Hang),
        ("cloudtrail:LookupEvents", Fault::Hang),
        ("logs:GetLogEvents", Fault::Hang),
        ("cloudwatch:GetMetricData", Fault::Denied),
        ("elasticloadbalancing:DescribeTargetHealth", Fault::Throttled(2)),
    ];
    std::thread::scope(|scope| {
        for (at, fault) in faults.into_iter().enumerate() {
            let folder = folder.path();
            scope.spawn(move || {
                let aws = FakeAws::with("elb-health-check", &[fault], Duration::ZERO);
                let (live, replayed) = live_and_replayed(&aws, "timeline", &aws.task_arn, &folder.join(format!("{at}.json")), &["-o", "json", "--timeout", "5s"]);
                same(&format!("{fault:?}"), &live, &replayed);
            });
        }
    });
}

/// What a case tells of its owner, read from where AWS puts it and not by the program's own reckoning.
fn secrets_of(case: &Value, names: &mut BTreeSet<String>) {
    fn at(value: &Value, parent: &str, names: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                let dimension = fields.get("Name").and_then(Value::as_str).unwrap_or_default();
                for (name, value) in fields {
                    if let (Value::String(text), true) = (value, dimension.ends_with("Name") && name == "Value") {
                        names.insert(text.clone());
                    }
                    let is_name = matches!(
                        name.as_str(),
                        "cluster"
                            | "serviceName"
                            | "family"
                            | "containerName"
                            | "userName"
                            | "Username"
                            | "roleSessionName"
                            | "logGroupName"
                            | "awslogs-group"
                            | "policyName"
                            | "applicationName"
                            | "deploymentGroupName"
                            | "image"
                    ) || name == "name" && matches!(parent, "containers" | "containerDefinitions");
                    match value {
                        Value::String(record) if name == "CloudTrailEvent" => at(&serde_json::from_str(record).unwrap(), "", names),
                        Value::String(text) if is_name => {
                            let bare = text.rsplit_once('.').map_or(text.as_str(), |(_, last)| if name == "image" { last } else { text });
                            names.extend(bare.split([':', '/']).map(str::to_owned));
                        }
                        _ => at(value, name, names),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| at(item, parent, names)),
            _ => {}
        }
    }
    at(case, "", names);
    let text = case.to_string();
    for pattern in [
        r"\b\d{12}\b",
        r"\b(?:10|20|172|198|203)\.\d+\.\d+\.\d+\b",
        r"\b(?:eni|subnet|sg|i|fs|vpc)-[0-9a-f]{12,}",
        r"[a-z.]+@[a-z.]+\.[a-z]+",
        r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{8,}",
        r":role/([\w-]+)",
        r":user/([\w-]+)",
        r"assumed-role/([\w-]+)",
        r"targetgroup/([\w-]+)",
        r"loadbalancer/app/([\w-]+)",
        r"triggered policy ([\w-]+)",
    ] {
        let pattern = regex::Regex::new(pattern).unwrap();
        names.extend(pattern.captures_iter(&text).map(|found| found.get(1).unwrap_or_else(|| found.get(0).unwrap()).as_str().to_owned()));
    }
    // AWS's own words, ids that are not names, and what everybody calls so.
    const KEPT: [&str; 22] = [
        "",
        "ecs",
        "aws",
        "amazonaws",
        "com",
        "repo",
        "ref",
        "refs",
        "heads",
        "main",
        "latest",
        "performance",
        "containerinsights",
        "ecs-service-scheduler",
        "GitHubActions",
        "ecsTaskExecutionRole",
        "ecsInstanceRole",
        "ecsAutoscaleRole",
        "aws-service-role",
        "aws-reserved",
        "library",
        "environment",
    ];
    let is_id = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && name.len() < 12 && !name.contains('.') || name.len() >= 32;
    names.retain(|name| !KEPT.contains(&name.as_str()) && !is_id(name) && !name.starts_with("AWSServiceRoleFor") && !name.ends_with("@amazonaws.com") && !name.starts_with("d-"));
}

#[test]
fn every_case_anonymised_tells_nobody_and_comes_to_the_same_cause() {
    let folder = tempfile::tempdir().unwrap();
    each_case(|name| {
        let original = format!("{}/tests/cases/{name}/case.json", env!("CARGO_MANIFEST_DIR"));
        let file = folder.path().join(format!("{name}.json"));
        let path = file.to_str().unwrap();
        run(&mut program(&["save", &original, path, "--anonymise"])).code(&[0, 3]);
        let told = |case: &str| {
            let ran = run(&mut program(&["timeline", case, "-o", "json"])).code(&[0, 3]);
            let who = run(&mut program(&["who-stopped", case, "-o", "json"]));
            let (json, by) = (ran.json(), who.json()["stoppedBy"].clone());
            let lines = json["timeline"].as_array().unwrap().len();
            let verdict = &json["verdict"];
            let statuses: Vec<(Value, Value)> = json["sources"].as_array().unwrap().iter().map(|source| (source["source"].clone(), source["status"].clone())).collect();
            let verdict = [&verdict["cause"], &verdict["detail"], &verdict["confidence"], &verdict["expected"], &verdict["evidence"]].map(Clone::clone);
            let notes: Vec<Value> = json["verdict"]["notes"].as_array().into_iter().flatten().map(|note| note["code"].clone()).collect();
            let hops = by["chain"].as_array().map(Vec::len);
            (verdict, notes, (by["status"].clone(), by["kind"].clone(), by["eventId"].clone(), by["tool"].clone(), hops), statuses, lines, (ran.code, who.code))
        };
        assert_eq!(told(path), told(&original), "{name}");
        let mut names = BTreeSet::new();
        secrets_of(&serde_json::from_slice(&std::fs::read(&original).unwrap()).unwrap(), &mut names);
        assert!(names.len() > 5, "{names:?}");
        let written = std::fs::read_to_string(&file).unwrap();
        for secret in names {
            // In an ARN of a load balancer `app` is its kind.
            let whole = regex::Regex::new(&format!(r#"(?:^|[^\w/-]|[^p]/){}(?:[^\w-]|$)"#, regex::escape(&secret))).unwrap();
            let found = whole.find_iter(&written).find(|found| !written[..found.start() + 2].ends_with("loadbalancer/") && !written[found.start()..].starts_with("\"app/"));
            if let Some(found) = found {
                panic!("{name} still tells of {secret}: {}", &written[found.start().saturating_sub(80)..(found.end() + 60).min(written.len())]);
            }
        }
    });
}
