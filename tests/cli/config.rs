//! The config file: defaults below the command line and the environment, or one line that says what is wrong.

use std::process::Command;

use serde_json::Value;

use super::fake_aws::FakeAws;
use super::program::{against, program, run};

struct Home(tempfile::TempDir);

impl Home {
    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("ecs-trace")).unwrap();
        std::fs::write(folder.path().join("ecs-trace/config.toml"), config).unwrap();
        Self(folder)
    }

    fn of(&self, mut command: Command) -> Command {
        command.env("XDG_CONFIG_HOME", self.0.path());
        command
    }

    /// Name, value and origin of every setting.
    fn settings(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Vec<(String, String, String)> {
        let mut command = self.of(program(&[&["config", "-o", "json"], arguments].concat()));
        let ran = run(command.envs(environment.iter().copied())).code(&[0]);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        let schema: Value = serde_json::from_str(include_str!("../../docs/json/v1-config.schema.json")).unwrap();
        jsonschema::validate(&schema, &document).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        document["settings"].as_array().unwrap().iter().map(|one| (text(&one["name"]), text(&one["value"]), text(&one["from"]))).collect()
    }
}

fn one(settings: &[(String, String, String)], name: &str) -> (String, String) {
    settings.iter().find(|(of, ..)| of == name).map(|(_, value, from)| (value.clone(), from.clone())).unwrap()
}

#[track_caller]
fn is(settings: &[(String, String, String)], name: &str, value: &str, from: &str) {
    assert_eq!(one(settings, name), (value.to_owned(), from.to_owned()), "{name}");
}

const TWO: &str = "cluster = \"top\"\ntime = \"utc\"\ncolor = \"always\"\n\n[profile.oncall]\ncluster = \"section\"\ntimeout = \"7s\"\n";

#[test]
fn the_command_line_comes_before_the_environment_the_section_and_the_top() {
    let home = Home::with(TWO);
    let plain = home.settings(&[], &[]);
    is(&plain, "cluster", "top", "config file");
    is(&plain, "time", "utc", "config file");
    is(&plain, "timeout", "20s", "built in");
    is(&plain, "output", "json", "--output");
    let section = home.settings(&["--profile", "oncall"], &[]);
    is(&section, "cluster", "section", "config file, [profile.oncall]");
    is(&section, "timeout", "7s", "config file, [profile.oncall]");
    is(&section, "time", "utc", "config file");
    is(&home.settings(&[], &[("AWS_PROFILE", "oncall")]), "cluster", "section", "config file, [profile.oncall]");
    let environment = home.settings(&[], &[("ECS_CLUSTER", "exported"), ("NO_COLOR", "1")]);
    is(&environment, "cluster", "exported", "ECS_CLUSTER");
    is(&environment, "color", "auto", "NO_COLOR");
    let option = home.settings(&["--cluster", "typed", "--color", "never", "--timeout", "3s"], &[("ECS_CLUSTER", "exported"), ("NO_COLOR", "1")]);
    is(&option, "cluster", "typed", "--cluster");
    is(&option, "color", "never", "--color");
    is(&option, "timeout", "3s", "--timeout");
}

#[test]
fn what_it_sets_is_what_the_commands_do() {
    let home = Home::with("color = \"always\"\ntime = \"utc\"\n[profile.scripts]\noutput = \"json\"\ncolor = \"never\"\n");
    let painted = run(home.of(program(&["why", "demo:out-of-memory"])).env("TZ", "Europe/Berlin")).code(&[0]);
    assert!(painted.stdout.contains("\u{1b}[") && painted.stdout.contains("UTC"), "{}", painted.stdout);
    let scripts = run(home.of(program(&["why", "demo:out-of-memory", "--query", "verdict.cause"])).env("AWS_PROFILE", "scripts")).code(&[0]);
    assert_eq!(scripts.stdout, "\"out-of-memory\"\n");
    let text = run(home.of(program(&["why", "demo:out-of-memory", "-o", "text"])).env("AWS_PROFILE", "scripts")).code(&[0]);
    assert!(text.stdout.contains("Out of memory"), "{}", text.stdout);
    assert!(!run(home.of(program(&["why", "demo:out-of-memory"])).env("NO_COLOR", "1")).code(&[0]).stdout.contains('\u{1b}'));
}

#[test]
fn its_cluster_is_a_default_that_a_tasks_own_word_overrules_and_the_option_is_none() {
    let aws = FakeAws::serving("app-error");
    let home = Home::with("cluster = \"elsewhere\"\n");
    run(&mut home.of(against(&aws, &["timeline", &aws.task_arn]))).code(&[0]);
    run(&mut against(&aws, &["timeline", &aws.task_arn, "--cluster", "elsewhere"])).code(&[252]);
    // It is taken where nothing else names one.
    run(&mut home.of(against(&aws, &["timeline", aws.task_id()]))).code(&[4]);
    let own = Home::with(&format!("cluster = \"{}\"\n", aws.cluster));
    run(&mut own.of(against(&aws, &["timeline", aws.task_id()]))).code(&[0]);
    assert!(aws.journal().iter().filter(|asked| asked.action == "ecs:DescribeTasks").all(|asked| !asked.body.contains("\"other\"")));
}

#[test]
fn its_timeout_does_not_cut_a_wait_short_and_ends_a_run() {
    use super::fake_aws::Fault;
    let aws = FakeAws::with("app-error", &[("logs:*", Fault::Hang)], std::time::Duration::ZERO);
    let home = Home::with("timeout = \"1s\"\n");
    let began = std::time::Instant::now();
    run(&mut home.of(against(&aws, &["timeline", &aws.task_arn]))).code(&[0, 3]);
    assert!(began.elapsed() < std::time::Duration::from_secs(6), "{:?}", began.elapsed());
    let late = FakeAws::with("stopped-by-sso-user", &[("cloudtrail:LookupEvents", Fault::Late(std::time::Duration::from_secs(3)))], std::time::Duration::ZERO);
    run(&mut home.of(against(&late, &["who-stopped", &late.task_arn, "--wait=10s", "-q"]))).code(&[0]);
}

#[test]
fn a_broken_file_is_one_line_with_its_place_and_help_goes_on() {
    for (text, line, word) in [
        ("cluster = \"prod\"\ncolour = \"never\"\n", 2, "colour"),
        ("\n\ncolor = \"blue\"\n", 3, "blue"),
        ("cluster = \n", 1, ""),
        ("[profile.dev]\n\nquiet = \"yes\"\n", 3, "quiet"),
        ("quiet = true\nquiet = false\n", 2, "duplicate"),
    ] {
        let home = Home::with(text);
        for arguments in [["why", "demo:out-of-memory"].as_slice(), &["config"]] {
            let ran = run(&mut home.of(program(arguments))).code(&[252]);
            let first = ran.stderr.lines().next().unwrap();
            assert!(ran.stdout.is_empty() && first.contains(&format!("config.toml` line {line}: ")) && first.contains(word), "{}", ran.stderr);
            assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
        }
        run(&mut home.of(program(&["why", "--help"]))).code(&[0]);
        run(&mut home.of(program(&["completions", "bash"]))).code(&[0]);
    }
    assert!(run(&mut Home::with("colour = \"never\"\n").of(program(&["config"]))).stderr.contains("did you mean `color`?"));
}

#[test]
fn no_file_is_needed_and_its_place_is_told() {
    let ran = run(program(&["config"]).env("XDG_CONFIG_HOME", "/nowhere")).code(&[0]);
    assert!(ran.stdout.contains("/nowhere/ecs-trace/config.toml (not there, and not needed)"), "{}", ran.stdout);
    let relative = run(program(&["config"]).env("XDG_CONFIG_HOME", "relative")).code(&[0]);
    assert!(relative.stdout.contains("/.config/ecs-trace/config.toml"), "{}", relative.stdout);
    run(program(&["why", "demo:out-of-memory"]).env_remove("HOME")).code(&[0]);
}

#[test]
fn json_by_default_gives_way_where_it_could_never_end() {
    let home = Home::with("output = \"json\"\n");
    let watched = run(&mut home.of(program(&["stops", "--watch"]))).code(&[253]);
    assert!(watched.stderr.contains("no region"), "{}", watched.stderr);
    let typed = run(&mut home.of(program(&["stops", "--watch", "-o", "json"]))).code(&[252]);
    assert!(typed.stderr.contains("use -o jsonl"), "{}", typed.stderr);
}
