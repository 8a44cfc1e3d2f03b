//! The processes above this one: whether the AWS CLI is among them, and what was typed behind its name.

use std::path::Path;

/// An alias is run by a shell that `aws` starts; a wrapper or two may stand between.
const FURTHEST: usize = 8;

/// Whether empty arguments are missing in what the system tells.
pub const LEAVES_OUT_EMPTY: bool = cfg!(target_os = "macos");

/// The arguments of the nearest `aws` above this process; `None` where there is none or the system does not tell.
#[must_use]
pub fn aws_arguments() -> Option<Vec<String>> {
    let mut above = parent_of_this()?;
    for _ in 0..FURTHEST {
        let (parent, command_line) = process(above)?;
        if let Some(arguments) = behind_aws(&command_line) {
            return Some(arguments.to_vec());
        }
        above = parent.filter(|parent| *parent > 1)?;
    }
    None
}

/// What follows the program in a command line of the AWS CLI: its own binary, its script under an interpreter, or its module.
fn behind_aws(command_line: &[String]) -> Option<&[String]> {
    let (program, mut rest) = command_line.split_first()?;
    if is_aws(program) {
        return Some(rest);
    }
    if !name(program).to_ascii_lowercase().starts_with("python") {
        return None;
    }
    loop {
        let (word, after) = rest.split_first()?;
        match word.as_str() {
            "-m" => return after.split_first().filter(|(module, _)| *module == "awscli").map(|(_, arguments)| arguments),
            "-c" | "-" => return None,
            "-W" | "-X" => rest = after.get(1..)?,
            option if option.starts_with('-') => rest = after,
            script => return is_aws(script).then_some(after),
        }
    }
}

fn is_aws(program: &str) -> bool {
    name(program) == "aws"
}

fn name(program: &str) -> &str {
    Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems do not tell it")]
fn parent_of_this() -> Option<u32> {
    Some(std::os::unix::process::parent_id())
}

#[cfg(not(unix))]
fn parent_of_this() -> Option<u32> {
    None
}

/// The parent and the command line of a process.
#[cfg(target_os = "linux")]
fn process(id: u32) -> Option<(Option<u32>, Vec<String>)> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
    let bytes = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    Some((parent, text.strip_suffix('\0').unwrap_or(&text).split('\0').map(str::to_owned).collect()))
}

#[cfg(target_os = "macos")]
fn process(id: u32) -> Option<(Option<u32>, Vec<String>)> {
    by_system_call::process(id)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn process(_: u32) -> Option<(Option<u32>, Vec<String>)> {
    None
}

/// `ps` would join the arguments with blanks and lose where one ends.
#[cfg(any(target_os = "macos", test))]
mod by_system_call {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

    pub fn process(id: u32) -> Option<(Option<u32>, Vec<String>)> {
        let id = Pid::from_u32(id);
        let mut system = System::new();
        let wanted = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always).without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[id]), true, wanted);
        let process = system.process(id)?;
        let command_line: Vec<String> = process.cmd().iter().map(|word| word.to_string_lossy().into_owned()).collect();
        (!command_line.is_empty()).then(|| (process.parent().map(Pid::as_u32), command_line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(line: &str) -> Option<Vec<String>> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        behind_aws(&words).map(<[String]>::to_vec)
    }

    #[test]
    fn aws_is_known_as_a_binary_as_a_script_and_as_a_module() {
        let typed = Some(vec!["ecs-trace".to_owned(), "why".to_owned()]);
        for line in [
            "aws ecs-trace why",
            "/usr/local/bin/aws ecs-trace why",
            "/usr/bin/python3 /usr/bin/aws ecs-trace why",
            "/venv/bin/python3.11 -W ignore -s /venv/bin/aws ecs-trace why",
            "/Library/Frameworks/Python.framework/Versions/3.12/Resources/Python.app/Contents/MacOS/Python /opt/homebrew/bin/aws ecs-trace why",
            "python -m awscli ecs-trace why",
        ] {
            assert_eq!(behind(line), typed, "{line}");
        }
    }

    #[test]
    fn what_only_speaks_of_aws_is_not_aws() {
        for line in ["sh -c aws ecs-trace why", "python -c aws", "python -m aws", "python", "aws-vault exec x -- aws ecs-trace why", "python3 run.py aws why", "vim aws", ""] {
            assert_eq!(behind(line), None, "{line}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn this_very_process_is_told_as_it_was_started() {
        let own: Vec<String> = std::env::args().collect();
        let (parent, told) = by_system_call::process(std::process::id()).unwrap();
        assert_eq!((parent, &told), (parent_of_this(), &own));
        let (parent, told) = process(std::process::id()).unwrap();
        assert_eq!((parent, &told), (parent_of_this(), &own));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn blanks_and_empty_arguments_stay_what_they_were() {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};
        let mut child = Command::new("sh").args(["-c", "echo ready; read end", "a b", "", "c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        let (parent, told) = process(child.id()).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(parent, Some(std::process::id()));
        assert_eq!(told[3..], ["a b", "", "c"]);
    }
}
