//! stdout is the answer, stderr the conversation; pipes, colours, full disks.

use std::process::Stdio;

use super::fake_aws::FakeAws;
use super::program::{against, program, run};

#[test]
fn a_pipe_gets_no_escapes_and_colour_can_be_forced() {
    let plain = run(&mut program(&["timeline", "demo:out-of-memory"])).code(&[0]);
    assert!(!plain.stdout.contains('\u{1b}') && plain.stderr.is_empty());
    let forced = run(&mut program(&["timeline", "demo:out-of-memory", "--color", "always"])).code(&[0]);
    assert!(forced.stdout.contains("\u{1b}["));
    let refused = run(program(&["timeline", "demo:out-of-memory", "--color", "never"]).env("CLICOLOR_FORCE", "1")).code(&[0]);
    assert!(!refused.stdout.contains('\u{1b}'));
    let by_environment = run(program(&["timeline", "demo:out-of-memory"]).env("CLICOLOR_FORCE", "1")).code(&[0]);
    assert!(by_environment.stdout.contains("\u{1b}["));
}

#[test]
fn a_pipe_is_never_paged() {
    let ran = run(program(&["timeline", "demo:out-of-memory"]).env("AWS_PAGER", "no-such-pager").env("PAGER", "no-such-pager")).code(&[0]);
    assert!(ran.stdout.lines().count() > 30 && ran.stderr.is_empty(), "{}", ran.stderr);
}

#[test]
fn a_closed_pipe_is_success_and_a_full_disk_is_not() {
    let mut child = program(&["timeline", "demo:out-of-memory"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    if cfg!(target_os = "linux") {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = program(&["timeline", "demo:out-of-memory"]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(255));
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write"));
    }
}

#[test]
fn no_line_is_wider_than_the_page() {
    for columns in ["60", "80", "100", "120"] {
        for (demo, _) in ecs_trace::sources::demos::names() {
            for command in ["timeline", "why", "who-stopped", "logs"] {
                let ran = run(program(&[command, &format!("demo:{demo}")]).env("COLUMNS", columns)).code(&[0]);
                // Commands are there to be copied, and stay whole.
                for line in ran.stdout.lines().filter(|line| !line.starts_with("         aws ") && !line.starts_with("         ecs-trace ")) {
                    assert!(line.chars().count() <= columns.parse().unwrap(), "{command} {demo} at {columns}: {line}");
                }
            }
        }
    }
}

#[test]
fn verbose_tells_each_request_on_stderr() {
    let aws = FakeAws::serving("app-error");
    let ran = run(&mut against(&aws, &["timeline", &aws.task_arn, "-v", "-o", "json"])).code(&[0]);
    ran.json();
    assert!(ran.stderr.contains("ecs:DescribeTasks  200") && ran.stderr.contains("cloudtrail:LookupEvents  200"), "{}", ran.stderr);
}

#[test]
fn a_query_picks_from_the_json_as_in_the_aws_cli() {
    let ran = run(&mut program(&["why", "demo:out-of-memory", "-o", "json", "--query", "verdict.cause"])).code(&[0]);
    assert_eq!(ran.stdout, "\"out-of-memory\"\n");
}

#[test]
fn jsonl_is_one_line() {
    assert_eq!(run(&mut program(&["why", "demo:out-of-memory", "-o", "jsonl"])).code(&[0]).stdout.lines().count(), 1);
}

#[test]
fn quiet_who_stopped_is_the_name_alone() {
    assert_eq!(run(&mut program(&["who-stopped", "demo:stopped-by-sso-user", "-q"])).code(&[0]).stdout, "ines@example.com\n");
}

#[test]
fn quiet_who_stopped_prints_no_status_for_a_name() {
    let ran = run(&mut program(&["who-stopped", "demo:out-of-memory", "-q"])).code(&[0]);
    assert!(ran.stdout.is_empty() && ran.stderr.starts_with("Nobody"), "{ran:?}");
}

#[test]
fn help_and_version_are_answers() {
    for arguments in [vec!["--help"], vec!["--version"], vec!["timeline", "--help"], vec!["who-stopped", "-h"]] {
        let ran = run(&mut program(&arguments)).code(&[0]);
        assert!(!ran.stdout.is_empty() && ran.stderr.is_empty(), "{arguments:?}");
    }
}
