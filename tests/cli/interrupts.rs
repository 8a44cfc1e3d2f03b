//! Ctrl-C at any moment, pipes that close, disks that are full, homes that are none: what had arrived is told, the code
//! is right, and nothing is left half written.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::fake_aws::{FakeAws, Fault};
use super::program::{Ran, against, program, run, statuses};

/// As the terminal does it at Ctrl-C.
fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

fn started(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Interrupted as soon as this was asked; without one, after a moment.
fn interrupted_at(aws: &FakeAws, command: &mut Command, action: &str) -> Ran {
    let child = started(command);
    let end = Instant::now() + Duration::from_secs(20);
    while !aws.journal().iter().any(|asked| asked.action == action) {
        assert!(Instant::now() < end, "{action} was never asked");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Answers that were under way arrive.
    std::thread::sleep(Duration::from_millis(700));
    interrupt(&child);
    ended(child)
}

fn ended(child: Child) -> Ran {
    let began = Instant::now();
    let ran = finished(child);
    assert!(began.elapsed() < Duration::from_secs(5), "it went on for {:?}", began.elapsed());
    ran
}

fn finished(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran { code: output.status.code().unwrap_or(-1), stdout: String::from_utf8(output.stdout).unwrap(), stderr: String::from_utf8(output.stderr).unwrap() }
}

fn left_in(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn before_there_are_credentials_it_ends_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (config, begun) = (folder.path().join("config"), folder.path().join("begun"));
    std::fs::write(&config, format!("[profile slow]\nregion = eu-west-1\ncredential_process = sh -c 'touch {}; exec sleep 20'\n", begun.display())).unwrap();
    for command in [&["timeline", "00000000000000000000000000000001"][..], &["doctor"], &["stops"], &["archive", "status"]] {
        let _ = std::fs::remove_file(&begun);
        let child = started(program(&[command, &["--profile", "slow"]].concat()).env("AWS_CONFIG_FILE", &config).env("PATH", std::env::var_os("PATH").unwrap()));
        let end = Instant::now() + Duration::from_secs(20);
        while !begun.exists() {
            assert!(Instant::now() < end, "{command:?} never asked for credentials");
            std::thread::sleep(Duration::from_millis(10));
        }
        interrupt(&child);
        let ran = ended(child).code(&[130]);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("interrupted"), "{command:?}: {ran:?}");
    }
}

#[test]
fn before_the_task_is_found_it_ends_and_says_so() {
    for (command, action) in [(["timeline", "ARN"], "ecs:DescribeTasks"), (["why", "@latest"], "ecs:ListClusters"), (["save", "ARN"], "ecs:DescribeTasks")] {
        let aws = FakeAws::with("app-error", &[(action, Fault::Hang)], Duration::ZERO);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("case.json");
        let mut words = vec![command[0], if command[1] == "ARN" { &aws.task_arn } else { command[1] }];
        if command[0] == "save" {
            words.push(file.to_str().unwrap());
        }
        let ran = interrupted_at(&aws, &mut against(&aws, &words), action).code(&[130]);
        assert!(ran.stdout.is_empty() && ran.stderr.contains("interrupted before the task was found"), "{ran:?}");
        assert!(left_in(folder.path()).is_empty());
    }
}

#[test]
fn amid_the_sources_what_had_arrived_is_told_and_what_had_not_is_named() {
    for (action, source) in [("cloudtrail:LookupEvents", "cloudtrail"), ("logs:GetLogEvents", "logs"), ("ecs:DescribeServices", "service")] {
        let aws = FakeAws::with("elb-health-check", &[(action, Fault::Hang)], Duration::ZERO);
        let ran = interrupted_at(&aws, &mut against(&aws, &["timeline", &aws.task_arn, "-o", "json"]), action).code(&[130]);
        let document = ran.json();
        let told = document["sources"].as_array().unwrap().iter().find(|told| told["action"] == action).unwrap().clone();
        assert_eq!((told["status"].as_str(), told["source"].as_str()), (Some("skipped"), Some(source)));
        assert!(told["detail"].as_str().unwrap().ends_with("interrupted"), "{told}");
        assert!(ran.stderr.contains("what had arrived is shown"), "{}", ran.stderr);
        let (seen, witness) = if source == "logs" { ("metrics", "metric") } else { ("logs", "logs") };
        assert!(statuses(&document, seen).contains(&"ok".to_owned()), "{document}");
        assert!(document["timeline"].as_array().unwrap().iter().any(|line| line["witness"] == witness));
        let text = interrupted_at(&aws, &mut against(&aws, &["timeline", &aws.task_arn]), action);
        assert!(text.stdout.contains("\nnot ") && text.stdout.contains(&format!("{source}: skipped (")) && text.stdout.contains("interrupted)"), "{}", text.stdout);
    }
}

#[test]
fn while_a_name_is_waited_for_what_is_known_is_told() {
    let aws = FakeAws::with("stopped-by-sso-user", &[("cloudtrail:LookupEvents", Fault::Answers(200, r#"{"Events":[]}"#))], Duration::ZERO);
    let ran = interrupted_at(&aws, &mut against(&aws, &["who-stopped", &aws.task_arn, "-o", "json", "--wait=5m"]), "cloudtrail:LookupEvents").code(&[130]);
    assert_eq!(ran.json()["stoppedBy"]["status"], "not-yet");
}

#[test]
fn a_check_up_and_lists_end_at_once() {
    let hangs = [("logs:DescribeLogGroups", Fault::Hang), ("ecs:DescribeTasks", Fault::Hang)];
    let aws = FakeAws::with("others-stopped", &hangs, Duration::ZERO);
    let told = interrupted_at(&aws, &mut against(&aws, &["doctor"]), "logs:DescribeLogGroups").code(&[130]);
    assert!(told.stdout.contains("ListClusters") && told.stdout.contains("interrupted before its answer"), "{}", told.stdout);
    assert!(!told.stdout.contains("more time") && !told.stdout.contains("--timeout") && told.stdout.contains("Let it run to its end"), "{}", told.stdout);
    interrupted_at(&aws, &mut against(&aws, &["archive", "status"]), "logs:DescribeLogGroups").code(&[130]);
    interrupted_at(&aws, &mut against(&aws, &["stops"]), "ecs:DescribeTasks").code(&[130]);
}

#[test]
fn while_it_is_saved_the_case_is_whole_or_not_there() {
    let aws = FakeAws::with("app-error", &[("cloudtrail:LookupEvents", Fault::Hang)], Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json.gz");
    let ran = interrupted_at(&aws, &mut against(&aws, &["save", &aws.task_arn, file.to_str().unwrap()]), "cloudtrail:LookupEvents").code(&[130]);
    assert!(ran.stderr.contains("not in the case: cloudtrail: skipped (interrupted)"), "{}", ran.stderr);
    assert_eq!(left_in(folder.path()), ["case.json.gz"]);
    run(&mut program(&["why", file.to_str().unwrap(), "-o", "json"])).code(&[0, 3]).json();
}

#[test]
fn while_nobody_reads_what_it_prints_or_types_what_it_reads_it_ends_with_130() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    // What a pipe holds, up to a few bytes.
    writer.write_all(&vec![b'\n'; 64 * 1024 - 64]).unwrap();
    let mut child = program(&["timeline", "demo:deployment", "-o", "json"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1_000));
    assert!(child.try_wait().unwrap().is_none(), "nothing held it up");
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(130), b"".as_slice()));
    drop(reader);

    let child = started(program(&["why", "-"]).stdin(Stdio::piped()));
    std::thread::sleep(Duration::from_millis(700));
    interrupt(&child);
    ended(child).code(&[130]);
}

/// Every form of answer that needs no account.
const ANSWERS: &[&[&str]] = &[
    &["timeline", "demo:deployment"],
    &["timeline", "demo:deployment", "-o", "json"],
    &["timeline", "demo:deployment", "-o", "jsonl"],
    &["timeline", "demo:deployment", "-o", "json", "--query", "timeline[].text"],
    &["timeline", "demo:deployment", "--color", "always"],
    &["why", "demo:deployment"],
    &["who-stopped", "demo:stopped-by-sso-user"],
    &["who-stopped", "demo:stopped-by-sso-user", "-q"],
    &["logs", "demo:app-error"],
    &["logs", "demo:app-error", "-o", "jsonl"],
    &["explain", "137"],
    &["doctor", "--policy"],
    &["archive", "template"],
    &["config"],
    &["completions", "zsh"],
    &["alias"],
    &["man", "timeline"],
    &["--help"],
    &["timeline", "--help"],
    &["--version"],
];

/// The same of an account.
const ASKED: &[&[&str]] = &[
    &["timeline", "@latest"],
    &["stops"],
    &["stops", "-o", "json"],
    &["stops", "-o", "jsonl"],
    &["stops", "--by", "cause"],
    &["doctor"],
    &["doctor", "-o", "json"],
    &["archive", "status"],
];

fn every_answer(each: impl Fn(&[&str], Command) + Sync) {
    let aws = FakeAws::serving("others-stopped");
    std::thread::scope(|scope| {
        for words in ANSWERS {
            let each = &each;
            scope.spawn(move || each(words, program(words)));
        }
        for words in ASKED {
            let (each, aws) = (&each, &aws);
            scope.spawn(move || each(words, against(aws, words)));
        }
    });
}

#[test]
fn a_pipe_that_closes_early_is_success_for_every_form_of_answer() {
    every_answer(|words, mut command| {
        // Closed at once, and after the first bytes, as by `head -1`.
        for bytes in [0, 1] {
            let mut child = started(&mut command);
            let mut out = child.stdout.take().unwrap();
            out.read_exact(&mut vec![0; bytes]).unwrap();
            drop(out);
            let ran = finished(child);
            assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
            assert!(ran.stderr.lines().all(|line| line.starts_with("note: ")), "{words:?}: {}", ran.stderr);
        }
    });
}

#[test]
fn whoever_watches_stops_and_leaves_ends_it_with_success() {
    let aws = FakeAws::with("app-error", &[("ecs:ListTasks", Fault::Late(Duration::from_secs(3)))], Duration::ZERO);
    let mut child = started(&mut against(&aws, &["stops", "--watch=5s", "-o", "jsonl", "-q"]));
    drop(child.stdout.take());
    let end = Instant::now() + Duration::from_secs(40);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("it watches for nobody");
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(status.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_one_line_and_255_for_every_form_of_answer() {
    every_answer(|words, mut command| {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(255), "{words:?}: {told}");
        assert!(told.starts_with("ecs-trace: cannot write the answer: ") && told.lines().count() == 1, "{words:?}: {told}");
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        assert!(matches!(command.stdout(Stdio::null()).stderr(full).output().unwrap().status.code(), Some(0..=3)), "{words:?}: a lost note is no failure");
    });
}

/// A shell that allows no file larger than so many blocks.
fn limited(blocks: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -f \"$0\"; exec \"$@\"", blocks]).arg(command.get_program()).args(command.get_args()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(command.get_current_dir().unwrap()).stdin(Stdio::null());
    shell
}

#[test]
fn a_case_that_does_not_fit_leaves_one_line_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["case.json", "case.json.gz"] {
        let file = folder.path().join(name);
        let ran = run(&mut limited("1", &program(&["save", "demo:deployment", file.to_str().unwrap()]))).code(&[255]);
        assert!(ran.stderr.starts_with(&format!("ecs-trace: cannot write `{}`: ", file.display())) && ran.stderr.lines().count() == 1, "{}", ran.stderr);
        assert!(!ran.stderr.contains("/.ecs-trace-"), "no file that nobody knows is named: {}", ran.stderr);
        assert!(left_in(folder.path()).is_empty(), "{:?}", left_in(folder.path()));
    }
    // One that was there before stays as it was.
    let file = folder.path().join("kept.json");
    let before = r#"{"ecsTraceCase": 1, "takenAt": "2026-11-24T12:00:00Z", "region": "r", "task": {"arn": "a", "cluster": "c"}, "exchanges": []}"#;
    std::fs::write(&file, before).unwrap();
    run(&mut limited("1", &program(&["save", "demo:deployment", file.to_str().unwrap()]))).code(&[255]);
    assert_eq!((std::fs::read_to_string(&file).unwrap().as_str(), left_in(folder.path()).len()), (before, 1));
}

#[test]
fn without_a_cache_a_home_or_room_for_either_the_answer_is_the_same() {
    let aws = FakeAws::serving("stopped-by-sso-user");
    let asked = || against(&aws, &["who-stopped", &aws.task_arn, "-q"]);
    let name = run(&mut asked()).code(&[0]).stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mut worlds = vec![
        ("no home", asked()),
        ("an empty home", asked()),
        ("no room for files", limited("0", &asked())),
        ("a file for a cache", asked()),
        ("a runtime folder that is gone", asked()),
    ];
    worlds[0].1.env_remove("HOME");
    worlds[1].1.env("HOME", "");
    worlds[2].1.env("HOME", folder.path());
    worlds[3].1.env("XDG_CACHE_HOME", &file).env("HOME", &file);
    worlds[4].1.env("XDG_RUNTIME_DIR", folder.path().join("gone/and/away")).env("HOME", &file);
    if cfg!(target_os = "linux") {
        // Nobody can write there, not even root.
        worlds.push(("a read-only home", asked()));
        worlds.last_mut().unwrap().1.env("HOME", "/proc/self");
        worlds.push(("a read-only cache", asked()));
        worlds.last_mut().unwrap().1.env("XDG_CACHE_HOME", "/proc/self").env("XDG_RUNTIME_DIR", "/proc/self");
    }
    for (what, mut command) in worlds {
        let ran = run(&mut command).code(&[0]);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (name.as_str(), ""), "{what}");
        // A TAB offers what needs no memory, and is silent.
        let mut tab = Command::new(command.get_program());
        tab.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(folder.path()).stdin(Stdio::null());
        if what != "no room for files" {
            tab.args(["--", "ecs-trace", "tim"]).env("ECS_TRACE_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "1");
            let ran = run(&mut tab).code(&[0]);
            assert!(ran.stdout.starts_with("timeline") && ran.stderr.is_empty(), "{what}: {ran:?}");
        }
    }
}

#[test]
fn a_pipe_is_given_utf_8_whatever_the_locale_says() {
    for locale in ["C", "POSIX", "de_DE.ISO-8859-1"] {
        let told = run(program(&["timeline", "demo:deployment"]).env("LC_ALL", locale)).code(&[0]).stdout;
        assert_eq!(told, run(&mut program(&["timeline", "demo:deployment"])).code(&[0]).stdout, "{locale}");
    }
}

#[test]
fn without_a_home_no_profile_is_looked_for_in_the_folder_one_is_in() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".aws")).unwrap();
    std::fs::write(folder.path().join(".aws/config"), "[profile planted]\nregion = eu-west-1\n").unwrap();
    let mut command = program(&["doctor", "--profile", "planted"]);
    let ran = run(command.env_remove("HOME").env_remove("AWS_CONFIG_FILE").env_remove("AWS_SHARED_CREDENTIALS_FILE").current_dir(folder.path())).code(&[3]);
    assert!(ran.stdout.contains("no profile `planted`"), "{}", ran.stdout);
}
