//! Profiles that the SDK cannot serve are served by the installed AWS CLI, here a stand-in on PATH: its question is seen
//! and waited for, and whatever it does instead of answering is told.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::fake_aws::FakeAws;
use super::program::{BINARY, Ran, program, run, run_with_input};

const LENT: &str = "ASIALENTBYTHEAWSCLI1";
const ASKS: &str = "stty -echo </dev/tty; printf 'Enter MFA code: ' >/dev/tty; read code </dev/tty; stty echo </dev/tty; echo >/dev/tty; test \"$code\" = 123456 || exit 255\n";

/// Profiles, and an `aws` that does as the script says.
struct World {
    folder: tempfile::TempDir,
    aws: FakeAws,
}

impl World {
    fn new(script: Option<&str>) -> Self {
        let aws = FakeAws::serving("app-error");
        let folder = tempfile::tempdir().unwrap();
        let region = &aws.region;
        let config = format!(
            "[profile base]\nregion = {region}\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n\
             [profile mfa]\nregion = {region}\nrole_arn = arn:aws:iam::111122223333:role/reader\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/ines\n\
             [profile over-mfa]\nregion = {region}\nrole_arn = arn:aws:iam::111122223333:role/other\nsource_profile = mfa\n\
             [profile console]\nregion = {region}\nlogin_session = arn:aws:iam::111122223333:user/ines\n"
        );
        std::fs::write(folder.path().join("config"), config).unwrap();
        if let Some(script) = script {
            let path = folder.path().join("aws");
            std::fs::write(&path, format!("#!/bin/sh\necho \"$@\" >> '{}'\n{script}", folder.path().join("asked").display())).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder, aws }
    }

    fn lending(before: &str) -> Self {
        let script = format!(
            "{before}\necho '{{\"Version\": 1, \"AccessKeyId\": \"{LENT}\", \"SecretAccessKey\": \"s\", \"SessionToken\": \"t\", \"Expiration\": \"2099-01-01T00:00:00+00:00\"}}'\n"
        );
        Self::new(Some(&script))
    }

    fn dressed(&self, mut command: Command) -> Command {
        let beside: Vec<&Path> = if self.folder.path().join("aws").exists() { vec![Path::new("/usr/bin"), Path::new("/bin")] } else { Vec::new() };
        let path = std::env::join_paths(std::iter::once(self.folder.path()).chain(beside)).unwrap();
        command.env("PATH", path).env("AWS_CONFIG_FILE", self.folder.path().join("config")).env("AWS_ENDPOINT_URL", &self.aws.url);
        command
    }

    fn why(&self, profile: &str) -> Command {
        self.dressed(program(&["why", self.aws.task_id(), "--profile", profile]))
    }

    /// The same under a program of util-linux that takes the terminal away, or gives one.
    fn why_under(&self, tool: &[&str], profile: &str, more: &str) -> Command {
        let line = format!("{BINARY} why {} --profile {profile} {more}", self.aws.task_id());
        let like = program(&[]);
        let mut command = Command::new(tool[0]);
        command.args(&tool[1..]).arg(line).args(if tool[0] == "script" { ["/dev/null"].as_slice() } else { &[] }).env_clear();
        command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(like.get_current_dir().unwrap()).stdin(std::process::Stdio::null());
        self.dressed(command)
    }

    fn on_a_terminal(&self, profile: &str, more: &str, typed: &[u8]) -> Ran {
        run_with_input(&mut self.why_under(&["script", "-qec"], profile, more), typed)
    }

    fn without_a_terminal(&self, profile: &str) -> Ran {
        run(&mut self.why_under(&["setsid", "-w", "sh", "-c"], profile, ""))
    }

    fn asked(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default()
    }

    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.aws.journal().into_iter().map(|asked| asked.key).collect();
        keys.dedup();
        keys
    }
}

#[test]
fn a_profile_with_mfa_is_asked_for_its_code_on_the_terminal() {
    for profile in ["mfa", "over-mfa"] {
        let world = World::lending(ASKS);
        let ran = world.on_a_terminal(profile, "", b"123456\n").code(&[0]);
        assert!(ran.stdout.contains("Enter MFA code: "), "{}", ran.stdout);
        assert_eq!(world.keys(), [LENT]);
        assert_eq!(world.asked(), format!("configure export-credentials --profile {profile} --format process\n"));
    }
    let world = World::lending(ASKS);
    let refused = world.on_a_terminal("mfa", "", b"000000\n").code(&[253]);
    assert!(refused.stdout.contains("return code 255") && world.keys().is_empty(), "{}", refused.stdout);
}

#[test]
fn the_seconds_a_person_types_are_not_the_runs() {
    let slow = World::lending(&format!("stty -echo </dev/tty; sleep 3; {ASKS}"));
    slow.on_a_terminal("mfa", "--timeout 2s", b"123456\n").code(&[0]);
    let hung = World::lending("sleep 30");
    let began = Instant::now();
    let ran = hung.on_a_terminal("mfa", "--timeout 2s", b"").code(&[253]);
    assert!(ran.stdout.contains("did not answer in time") && began.elapsed() < Duration::from_secs(8), "{}", ran.stdout);
}

#[test]
fn an_end_amid_the_question_leaves_the_terminal_as_it_was() {
    let world = World::lending("stty -echo </dev/tty; kill -INT $PPID; sleep 30");
    let ran = run(&mut world.why_under(&["script", "-qec"], "mfa", "; echo code $?; stty -a"));
    assert!(ran.stdout.contains("code 130") && ran.stdout.contains(" echo "), "{}", ran.stdout);
}

#[test]
fn where_nobody_can_be_asked_the_aws_cli_is_not() {
    let world = World::lending("");
    let ran = world.without_a_terminal("mfa").code(&[253]);
    assert!(ran.stderr.contains("MFA code") && ran.stderr.contains("no terminal to ask on") && ran.stderr.contains("--profile mfa --format env"), "{}", ran.stderr);
    assert_eq!(world.asked(), "");
    // A kind that asks nothing needs no terminal.
    world.without_a_terminal("console").code(&[0]);
    assert_eq!(world.keys(), [LENT]);
}

#[test]
fn what_the_sdk_serves_well_is_not_asked_of_the_aws_cli() {
    let world = World::lending("");
    run(&mut world.why("base")).code(&[0]);
    run(world.dressed(program(&["why", world.aws.task_id()])).env("AWS_PROFILE", "mfa").env("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT00001").env("AWS_SECRET_ACCESS_KEY", "x"))
        .code(&[0]);
    let nothing = run(&mut world.dressed(program(&["why", world.aws.task_id(), "--region", "eu-west-1"]))).code(&[253]);
    assert!(nothing.stderr.contains("aws sso login"), "{}", nothing.stderr);
    assert_eq!((world.asked().as_str(), world.keys()), ("", vec!["AKIAIOSFODNN7EXAMPLE".to_owned(), "AKIAENVIRONMENT00001".to_owned()]));
}

#[test]
fn a_profile_that_was_named_comes_before_keys_in_the_environment() {
    let world = World::new(None);
    run(world.why("base").env("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT00001").env("AWS_SECRET_ACCESS_KEY", "x")).code(&[0]);
    assert_eq!(world.keys(), ["AKIAIOSFODNN7EXAMPLE"]);
}

#[test]
fn an_aws_cli_that_lends_nothing_is_told_for_what_it_did() {
    let told = |script: Option<&str>, wanted: &[&str]| {
        let world = World::new(script);
        let ran = run(&mut world.why("console")).code(&[253]);
        for word in wanted {
            assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        }
        assert!(!ran.stderr.contains("s3cr3t") && ran.stdout.is_empty(), "{ran:?}");
    };
    told(None, &["no credentials", "there is no `aws` on PATH", "2.9 or newer"]);
    told(Some("echo 'aws: error: argument subcommand: Invalid choice' >&2; exit 252"), &["Invalid choice", "too old", "2.9 or newer"]);
    told(Some("exit 2"), &["too old", "version 1 has no such command"]);
    told(
        Some("echo 'Unable to retrieve credentials' >&2; exit 255"),
        &["Unable to retrieve credentials", "failed with return code 255", "see for yourself: aws configure export-credentials --profile console"],
    );
    told(Some("echo AWS_SECRET_ACCESS_KEY=s3cr3t"), &["printed no credentials"]);
    told(Some("yes s3cr3t"), &["failed"]);
}
