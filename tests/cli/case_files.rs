//! Case files: what is in them, how they are written, and that they replay as the run that saved them.

use std::path::Path;
use std::time::Duration;

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
