//! The AWS CLI alias: printed, written after the change was shown, and what is said where `aws` is nowhere above.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{program, run};

const LINES: &str = "[toplevel]\necs-trace = !ECS_TRACE_VIA=aws-alias ecs-trace\n\n[command ecs]\ntrace = !ECS_TRACE_VIA=aws-alias ecs-trace\n";

fn at_home(home: &Path, arguments: &[&str]) -> Command {
    let mut command = program(arguments);
    command.env("HOME", home);
    command
}

fn alias_file(home: &Path, text: &str) -> PathBuf {
    let file = home.join(".aws/cli/alias");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

fn mode(file: &Path) -> u32 {
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_lines_are_printed_and_nothing_is_written() {
    let home = tempfile::tempdir().unwrap();
    let ran = run(&mut at_home(home.path(), &["alias"])).code(&[0]);
    assert_eq!(ran.stdout, LINES);
    assert!(ran.stderr.contains("--install") && !home.path().join(".aws").exists(), "{}", ran.stderr);
}

#[test]
fn without_a_terminal_the_change_is_shown_and_must_be_agreed_to_beforehand() {
    let home = tempfile::tempdir().unwrap();
    let ran = run(&mut at_home(home.path(), &["alias", "--install"])).code(&[252]);
    assert!(ran.stderr.contains("+ecs-trace = !ECS_TRACE_VIA=aws-alias ecs-trace") && ran.stderr.contains("--yes"), "{}", ran.stderr);
    assert!(!home.path().join(".aws").exists());
    run(&mut at_home(home.path(), &["alias", "--yes"])).code(&[252]);
}

#[test]
fn a_new_file_is_its_owners_alone_and_a_second_time_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".aws/cli/alias");
    let first = run(&mut at_home(home.path(), &["alias", "--install", "--yes"])).code(&[0]);
    assert!(first.stdout.contains(".aws/cli/alias") && first.stderr.contains("no `ecs-trace` on PATH"), "{first:?}");
    assert_eq!((std::fs::read_to_string(&file).unwrap().as_str(), mode(&file), mode(&home.path().join(".aws"))), (LINES, 0o600, 0o700));
    let second = run(&mut at_home(home.path(), &["alias", "--install"])).code(&[0]);
    assert!(second.stdout.contains("already") && second.stderr.is_empty(), "{second:?}");
}

#[test]
fn what_stands_there_stays_with_its_mode_behind_a_link_too() {
    let home = tempfile::tempdir().unwrap();
    let mine = "# mine\r\n[toplevel]\r\nwhoami = sts get-caller-identity\r\n";
    let file = alias_file(home.path(), mine);
    let real = home.path().join("dotfiles-alias");
    std::fs::rename(&file, &real).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, &file).unwrap();
    run(&mut at_home(home.path(), &["alias", "--install", "--yes"])).code(&[0]);
    let text = std::fs::read_to_string(&real).unwrap();
    assert!(text.starts_with(mine) && text.ends_with("[command ecs]\r\ntrace = !ECS_TRACE_VIA=aws-alias ecs-trace\r\n"), "{text:?}");
    assert!(file.is_symlink() && mode(&real) == 0o640);
    // A link to where nothing is yet.
    std::fs::remove_file(&real).unwrap();
    run(&mut at_home(home.path(), &["alias", "--install", "--yes"])).code(&[0]);
    assert_eq!((std::fs::read_to_string(&real).unwrap().as_str(), file.is_symlink()), (LINES, true));
}

#[test]
fn another_alias_of_the_name_is_shown_before_it_is_replaced() {
    let home = tempfile::tempdir().unwrap();
    let file = alias_file(home.path(), "[toplevel]\necs-trace = !my-own \u{1b}[31m\n");
    let asked = run(&mut at_home(home.path(), &["alias", "--install"])).code(&[252]);
    assert!(asked.stderr.contains("-ecs-trace = !my-own \\e[31m"), "{}", asked.stderr);
    assert!(std::fs::read_to_string(&file).unwrap().contains("my-own"));
    run(&mut at_home(home.path(), &["alias", "--install", "--yes"])).code(&[0]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), LINES);
}

#[test]
fn what_cannot_be_read_or_written_is_said() {
    let home = tempfile::tempdir().unwrap();
    let file = alias_file(home.path(), "");
    std::fs::write(&file, b"[toplevel]\nx = \xff\n").unwrap();
    let garbled = run(&mut at_home(home.path(), &["alias", "--install", "--yes"])).code(&[255]);
    assert!(garbled.stderr.contains("cannot read") && std::fs::read(&file).unwrap().ends_with(b"\xff\n"), "{}", garbled.stderr);
    let blocked = tempfile::tempdir().unwrap();
    std::fs::write(blocked.path().join(".aws"), "a file").unwrap();
    let ran = run(&mut at_home(blocked.path(), &["alias", "--install", "--yes"])).code(&[255]);
    assert!(ran.stderr.contains(".aws/cli/alias"), "{}", ran.stderr);
}

#[test]
fn without_an_aws_above_the_loss_is_said_and_the_answer_is_the_same() {
    let plain = run(&mut program(&["why", "demo:out-of-memory"])).code(&[0]);
    let via = |arguments: &[&str], value: &str| run(program(&[["why", "demo:out-of-memory"].as_slice(), arguments].concat()).env("ECS_TRACE_VIA", value)).code(&[0]);
    let lost = via(&[], "aws-alias");
    assert!(lost.stdout == plain.stdout && lost.stderr.contains("--profile, --region") && lost.stderr.contains("-r NAME"), "{}", lost.stderr);
    let half = via(&["-r", "eu-west-1"], "aws-alias");
    assert!(half.stderr.contains("is lost") && !half.stderr.contains("-r NAME"), "{}", half.stderr);
    for silent in [via(&["-q"], "aws-alias"), via(&["-r", "eu-west-1", "-p", "x"], "aws-alias"), via(&[], ""), via(&[], "kubectl")] {
        assert_eq!(silent.stderr, "");
    }
}
