//! Case files: what is in them, how they are written, and that they replay as the run that saved them.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::archive::{FORGOTTEN, GROUP, NO_STREAM, archived, only_in_insights, remembered};
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
        ("cloudtrail:LookupEvents", Fault::Throttled(9_999)),
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

fn saved(case: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("saved.json");
    let aws = FakeAws::serving(case);
    run(&mut against(&aws, &["save", &aws.task_arn, file.to_str().unwrap()])).code(&[0]);
    (folder, file)
}

/// A world with a secret wherever one can be.
fn world_with_secrets() -> FakeAws {
    FakeAws::changed("stopped-by-sso-user", &[], Duration::ZERO, |case| {
        for exchange in &mut case.exchanges {
            if exchange.action == "ecs:DescribeTasks"
                && let Some(task) = exchange.response.pointer_mut("/tasks/0")
            {
                task["overrides"] = json!({"containerOverrides": [{"name": "app", "environment": [{"name": "LEVEL", "value": "geheim-1"}]}]});
                task["stoppedReason"] = json!("see https://bot:geheim-2@wiki.example.com/x password=geheim-3");
            }
            if exchange.action == "ecs:DescribeTaskDefinition" {
                exchange.response["taskDefinition"]["containerDefinitions"][0]["environment"] = json!([{"name": "LEVEL", "value": "geheim-4"}]);
                exchange.response["taskDefinition"]["containerDefinitions"][0]["logConfiguration"]["options"]["splunk-token"] = json!("geheim-5");
            }
            if exchange.action == "logs:GetLogEvents"
                && let Some(events) = exchange.response["events"].as_array_mut()
                && let Some(event) = events.last_mut()
            {
                event["message"] = json!("ERROR Authorization: Bearer geheim-6-0123456789 Cookie: sid=geheim-7; id=geheim-8");
            }
            if exchange.action == "cloudtrail:LookupEvents" {
                for event in exchange.response["Events"].as_array_mut().unwrap() {
                    let mut record: Value = serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap();
                    record["responseElements"] = json!({"credentials": {"accessKeyId": "ASIAEXAMPLEHANDEDOUT", "sessionToken": "geheim-9"}});
                    record["requestParameters"]["password"] = json!("geheim-10");
                    event["CloudTrailEvent"] = json!(record.to_string());
                }
            }
        }
    })
}

#[test]
fn secrets_are_neither_saved_nor_shown_unless_asked_for() {
    let aws = world_with_secrets();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json");
    let (live, replayed) = live_and_replayed(&aws, "timeline", &aws.task_arn, &file, &["-o", "json"]);
    same("secrets", &live, &replayed);
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(!written.contains("geheim") && !live.stdout.contains("geheim"), "{written}");
    assert!(written.contains("ASIAEXAMPLEHANDEDOUT"), "an identity's key id links hops");
    let raw = folder.path().join("raw.json");
    let (live, replayed) = live_and_replayed(&aws, "timeline", &aws.task_arn, &raw, &["-o", "json", "--no-redact"]);
    same("no redaction", &live, &replayed);
    let written = std::fs::read_to_string(&raw).unwrap();
    for at in 1..=10 {
        assert!(written.contains(&format!("geheim-{at}")), "{at}");
    }
    assert!(live.stdout.contains("geheim-3"), "{}", live.stdout);
    // Shown without the option, a raw case keeps its secrets to itself; saved again, it loses them.
    let careful = run(&mut program(&["timeline", raw.to_str().unwrap(), "--save", file.to_str().unwrap()])).code(&[0]);
    assert!(!careful.stdout.contains("geheim") && !std::fs::read_to_string(&file).unwrap().contains("geheim"), "{}", careful.stdout);
    let ran = run(&mut program(&["save", raw.to_str().unwrap(), file.to_str().unwrap(), "--anonymise", "--no-redact"])).code(&[252]);
    assert!(ran.stderr.contains("leave one of the two out"), "{}", ran.stderr);
}

#[test]
fn the_answer_is_the_same_with_and_without_saving() {
    let aws = FakeAws::serving("deployment");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json");
    for command in ["timeline", "why", "who-stopped"] {
        let plain = run(against(&aws, &[command, &aws.task_arn]).env("COLUMNS", "100")).code(&[0]);
        let (saving, replayed) = live_and_replayed(&aws, command, &aws.task_arn, &file, &["--anonymize"]);
        assert_eq!((&plain.stdout, plain.code), (&saving.stdout, saving.code), "{command}");
        assert!(saving.stderr.contains("saved, anonymised") && !replayed.stdout.contains(&aws.cluster), "{}", saving.stderr);
        std::fs::remove_file(&file).unwrap();
    }
}

/// Names a case, and is none.
const FOREIGN: &str = r#"{"name": "shop", "keywords": {"ecsTraceCase": 1}}"#;

#[test]
fn what_cannot_be_written_takes_no_answer_away_and_leaves_nothing() {
    let aws = FakeAws::serving("app-error");
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent/case.json");
    for place in [absent.to_str().unwrap(), "/proc/case.json", "/dev/null/case.json"] {
        if cfg!(not(target_os = "linux")) && place.starts_with("/proc") {
            continue;
        }
        let ran = run(&mut against(&aws, &["timeline", &aws.task_arn, "--save", place])).code(&[255]);
        assert!(ran.stdout.contains("app exited") && ran.stderr.contains("cannot write"), "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        // Nobody waits for an answer that cannot be kept.
        let before = aws.journal().len();
        run(&mut against(&aws, &["save", &aws.task_arn, place])).code(&[255]);
        assert_eq!(aws.journal().len(), before);
    }
    let other = folder.path().join("package.json");
    std::fs::write(&other, FOREIGN).unwrap();
    let sub = folder.path().join("folder.json");
    std::fs::create_dir(&sub).unwrap();
    for (place, says) in
        [(other.to_str().unwrap(), "is no case file"), (sub.to_str().unwrap(), "is no file"), ("/dev/stdout", "no name for a case file"), ("-", "no name for a case file")]
    {
        for arguments in [["save", "demo:deployment", place].as_slice(), ["timeline", "demo:deployment", "--save", place].as_slice()] {
            let ran = run(&mut program(arguments)).code(&[252]);
            assert!(ran.stdout.is_empty() && ran.stderr.contains(says), "{place}: {}", ran.stderr);
        }
    }
    assert_eq!(std::fs::read_to_string(&other).unwrap(), FOREIGN);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing half-written beside them");
}

#[cfg(unix)]
#[test]
fn a_case_an_empty_file_and_a_link_are_replaced_and_what_a_link_leads_to_stays() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("empty.json"), "").unwrap();
    std::fs::set_permissions(at("empty.json"), std::fs::Permissions::from_mode(0o644)).unwrap();
    symlink(at("nowhere"), at("dangling.json")).unwrap();
    for name in ["empty.json", "dangling.json", "new.json.gz", "new.json.gz"] {
        run(&mut program(&["save", "demo:deployment", at(name).to_str().unwrap()])).code(&[0]);
        let found = std::fs::symlink_metadata(at(name)).unwrap();
        assert!(found.is_file() && found.permissions().mode() & 0o777 == 0o600, "{name}: {found:?}");
    }
    symlink(at("empty.json"), at("link.json")).unwrap();
    let before = std::fs::read(at("empty.json")).unwrap();
    run(&mut program(&["save", "demo:app-error", at("link.json").to_str().unwrap()])).code(&[0]);
    assert_eq!(std::fs::read(at("empty.json")).unwrap(), before);
    assert!(std::fs::read(at("new.json.gz")).unwrap().starts_with(&[0x1f, 0x8b]) && !at("nowhere").exists());
    assert_eq!(run(&mut program(&["why", at("link.json").to_str().unwrap(), "-o", "json", "--query", "verdict.cause"])).code(&[0]).stdout, "\"app-error\"\n");
}

#[cfg(unix)]
#[test]
fn after_ctrl_c_the_file_holds_what_had_arrived_and_replays_it() {
    let aws = FakeAws::with("app-error", &[("cloudtrail:LookupEvents", Fault::Hang)], Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json");
    let path = file.to_str().unwrap();
    let child =
        against(&aws, &["timeline", &aws.task_arn, "-o", "json", "--save", path]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let began = std::time::Instant::now();
    while !aws.journal().iter().any(|asked| asked.action == "logs:GetLogEvents" && asked.left.is_some()) && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(800));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let replayed = run(&mut program(&["timeline", path, "-o", "json"])).code(&[0, 3]);
    assert_eq!(replayed.stdout, String::from_utf8_lossy(&output.stdout));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn suggested_commands_repeat_the_options_of_whoever_replays_and_none_from_the_file() {
    let aws = FakeAws::serving("app-error");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json");
    let path = file.to_str().unwrap();
    let (live, replayed) = live_and_replayed(&aws, "why", &aws.task_arn, &file, &["--endpoint-url", &aws.url]);
    same("options", &live, &replayed);
    assert!(live.stdout.contains(&format!("--endpoint-url {}", aws.url)), "{}", live.stdout);
    assert!(!run(&mut program(&["why", path])).code(&[0]).stdout.contains("--endpoint-url"));
    assert!(!std::fs::read_to_string(&file).unwrap().contains(&aws.url));
}

#[test]
fn a_wait_replays_to_where_it_ended() {
    let aws = FakeAws::with("stopped-by-sso-user", &[("cloudtrail:LookupEvents", Fault::Late(Duration::from_secs(4)))], Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let (live, replayed) = live_and_replayed(&aws, "who-stopped", &aws.task_arn, &folder.path().join("case.json"), &["-o", "json", "--wait=12s"]);
    assert_eq!(live.json()["stoppedBy"]["status"], "found", "{}", live.stderr);
    same("wait", &live, &replayed);
    let without = run(&mut program(&["who-stopped", folder.path().join("case.json").to_str().unwrap(), "-o", "json"]));
    assert_eq!(without.stdout, live.stdout);
}

#[test]
fn a_forgotten_a_pasted_and_an_unplaced_task_replay_to_the_same_answer() {
    let folder = tempfile::tempdir().unwrap();
    let no_group = ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": []}"#));
    let worlds: [Vec<(&str, Fault)>; 5] = [
        vec![FORGOTTEN, GROUP, ("logs:FilterLogEvents", archived(6))],
        vec![FORGOTTEN, no_group, ("cloudtrail:LookupEvents", remembered())],
        vec![FORGOTTEN, no_group],
        vec![FORGOTTEN, no_group, ("ecs:ListServices", Fault::Answers(200, r#"{"serviceArns": []}"#))],
        only_in_insights(),
    ];
    for (at, faults) in worlds.iter().enumerate() {
        let aws = FakeAws::with("app-error", faults, Duration::ZERO);
        let file = folder.path().join(format!("{at}.json"));
        let (live, replayed) = live_and_replayed(&aws, "timeline", &aws.task_arn, &file, &["-o", "json"]);
        same("forgotten", &live, &replayed);
        assert!(["app-error", "stop-requested", "unknown"].contains(&live.json()["verdict"]["cause"].as_str().unwrap()), "{}", live.stdout);
        let other = folder.path().join("anonymous.json");
        run(&mut program(&["save", file.to_str().unwrap(), other.to_str().unwrap(), "--anonymise"])).code(&[0, 3]);
        let told = run(&mut program(&["timeline", other.to_str().unwrap(), "-o", "json"])).code(&[0, 3]).json();
        assert_eq!((&told["verdict"]["cause"], &told["stoppedBy"]["status"]), (&live.json()["verdict"]["cause"], &live.json()["stoppedBy"]["status"]));
        assert!(!std::fs::read_to_string(&other).unwrap().contains("importer"));
        std::fs::remove_file(&other).unwrap();
    }
    // A service that has no task at all is answered from its events.
    let aws = FakeAws::with("rollback-circuit-breaker", &[("ecs:ListTasks", Fault::Answers(200, r#"{"taskArns": []}"#))], Duration::ZERO);
    let (live, replayed) = live_and_replayed(&aws, "why", "service/prod/checkout", &folder.path().join("service.json"), &["-o", "json"]);
    same("service", &live, &replayed);
    assert!([0, 3].contains(&live.code), "{}", live.stderr);
    // Known nowhere.
    let aws = FakeAws::with("app-error", &[FORGOTTEN, no_group, NO_STREAM], Duration::ZERO);
    let file = folder.path().join("none.json");
    let ran = run(&mut against(&aws, &["save", &aws.task_arn, file.to_str().unwrap()])).code(&[4]);
    assert!(!file.exists() && ran.stderr.contains("no task"), "{}", ran.stderr);
    // Pasted, and of another form than AWS gives it.
    let pasted = json!({"taskArn": aws.task_arn, "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited", "stoppingAt": "2026-11-20T11:00:00Z",
        "overrides": {"containerOverrides": [{"environment": [{"name": "A", "value": "geheim"}]}]}, "containers": [{"name": "app", "exitCode": 3, "lastStatus": "STOPPED"}]});
    let file = folder.path().join("pasted.json");
    let live = super::program::run_with_input(&mut against(&aws, &["timeline", "-", "-o", "json", "--save", file.to_str().unwrap()]), pasted.to_string().as_bytes()).code(&[0, 3]);
    same("pasted", &live, &run(&mut program(&["timeline", file.to_str().unwrap(), "-o", "json"])));
    assert!(!std::fs::read_to_string(&file).unwrap().contains("geheim"));
}

/// Peak of resident memory in KiB, while it runs on a file from outside.
#[cfg(target_os = "linux")]
fn peak_of(arguments: &[&str]) -> (Ran, u64) {
    let mut child = program(arguments).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let told = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(told.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    (
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        },
        peak,
    )
}

#[test]
fn who_pipes_nothing_is_waited_for_no_longer_than_the_run_may_take() {
    let mut child = program(&["timeline", "-", "--timeout", "1s"]).stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let silent = child.stdin.take();
    let began = std::time::Instant::now();
    let told = child.wait_with_output().unwrap();
    drop(silent);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(told.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&told.stderr).contains("standard input did not come to its end within 1s"), "{told:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_no_case_is_one_line_and_costs_little() {
    let (_kept, good) = saved("app-error");
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(&good).unwrap();
    let gzipped = |bytes: &mut dyn Read| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::copy(bytes, &mut packed).unwrap();
        packed.finish().unwrap()
    };
    let head = br#"{"ecsTraceCase":1,"takenAt":"2026-11-24T12:00:00Z","region":"eu-west-1","task":{"arn":"a","cluster":"c"},"exchanges":["#;
    let many = |one: &[u8], times: usize| [head.as_slice(), &one.repeat(times), b"0]}"].concat();
    let changed = |from: &str, to: &str| String::from_utf8(whole.clone()).unwrap().replacen(from, to, 1).into_bytes();
    let hostile: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "it is empty"),
        ("binary", (0..=255).cycle().take(10_000).collect(), "no JSON"),
        ("truncated", whole[..whole.len() / 2].to_vec(), "no JSON"),
        ("truncated.gz", gzipped(&mut whole.as_slice())[..900].to_vec(), "gzip data is damaged"),
        ("garbage.gz", [[0x1f, 0x8b, 8, 0].as_slice(), &[7; 400]].concat(), "gzip data is damaged"),
        ("foreign", br#"{"name": "shop", "version": 3}"#.to_vec(), "no task in it"),
        ("foreign.gz", gzipped(&mut br#"{"name": "shop"}"#.as_slice()), "no `ecsTraceCase`"),
        ("list", b"[]".to_vec(), "no task in it"),
        ("newer", changed("\"ecsTraceCase\": 1", "\"ecsTraceCase\": 2"), "a newer ecs-trace wrote it"),
        ("odd version", changed("\"ecsTraceCase\": 1", "\"ecsTraceCase\": \"one\""), "is no number"),
        ("other shape", br#"{"ecsTraceCase": 1, "exchanges": 3}"#.to_vec(), "not a case file"),
        ("long word", [br#"{"ecsTraceCase":1,"takenAt":""#.as_slice(), &b"x".repeat(1 << 20), b"\"}"].concat(), "not a case file"),
        ("long name", changed("\"typed\": \"", &format!("\"typed\": \"{}", "x".repeat(1 << 20))), "is no name"),
        ("typed a file", changed("\"typed\": \"", "\"typed\": \"/etc/passwd"), "which is no task of AWS"),
        ("odd time", changed("\"takenAt\": \"20", "\"takenAt\": \"90"), "no time at which"),
        (
            "asked again for ever",
            changed("\"run\": {", &format!("\"run\": {{\"again\": [{}\"2026-11-24T12:00:00Z\"],", "\"2026-11-24T12:00:00Z\",".repeat(100_000))),
            "asked again 100001 times",
        ),
        ("deep", [head.as_slice(), &b"[".repeat(100_000)].concat(), "no JSON: recursion limit"),
        ("many answers", many(b"{},", 1_500_000), "so many"),
        ("many values", many(b"1,", 2_000_000), "so many"),
        ("large", many(b"\"0123456789012345678901234567890123456789\",", 1_800_000), "larger than 64 MiB"),
        ("bomb.gz", gzipped(&mut std::io::repeat(b' ').take(80 << 20)), "larger than 64 MiB"),
        ("bomb of answers.gz", gzipped(&mut many(b"{},", 1_500_000).as_slice()), "so many"),
    ];
    for (name, bytes, says) in &hostile {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let began = std::time::Instant::now();
        let (ran, peak) = peak_of(&["timeline", file.to_str().unwrap()]);
        assert!(ran.code == 252 && ran.stdout.is_empty() && ran.stderr.contains(says), "{name}: {} {}", ran.code, ran.stderr.chars().take(600).collect::<String>());
        assert!(ran.stderr.lines().count() == 1 && ran.stderr.len() < 600, "{name}: {}", ran.stderr.chars().take(600).collect::<String>());
        assert!(peak < 300_000, "{name} took {peak} KiB");
        assert!(began.elapsed() < Duration::from_secs(20), "{name} took {:?}", began.elapsed());
    }
    let pipe = folder.path().join("pipe.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, says) in [
        (folder.path().to_str().unwrap(), "it is a folder"),
        ("/dev/zero", "it is a pipe or a device"),
        (pipe.to_str().unwrap(), "it is a pipe or a device"),
        ("./none.json", "No such file"),
    ] {
        let (ran, peak) = peak_of(&["timeline", path]);
        assert!(ran.code == 252 && ran.stderr.contains(says) && ran.stderr.lines().count() == 1, "{path}: {ran:?}");
        assert!(peak < 300_000, "{path} took {peak} KiB");
    }
    // What it says of itself is text like any other.
    let steering = changed(&format!("\"region\": \"{}", FakeAws::serving("app-error").region), "\"region\": \"\\u001b]52;c;eA==\\u0007eu");
    let file = folder.path().join("steering.json");
    std::fs::write(&file, steering).unwrap();
    let ran = run(&mut program(&["timeline", file.to_str().unwrap()]));
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}') && !ran.stderr.contains("panicked"), "{ran:?}");
}
