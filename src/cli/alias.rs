//! `alias`: the AWS CLI alias, so that `aws ecs-trace …` works. Printed, or written after the difference was shown.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use similar::TextDiff;

use super::Done;
use super::alias_file::{Alias, Change, with};
use super::failure::{Exit, Failure};
use super::screen::{Screen, say};

const COMMAND: &str = "!ECS_TRACE_VIA=aws-alias ecs-trace";
const ALIASES: [Alias; 2] = [Alias { section: "toplevel", name: "ecs-trace", value: COMMAND }, Alias { section: "command ecs", name: "trace", value: COMMAND }];

/// Print or install the AWS CLI alias: aws ecs-trace, aws ecs trace
///
/// Prints the lines for ~/.aws/cli/alias, or writes them there with --install, after it has shown the change and
/// asked. `aws ecs-trace …` then works in version 1 and 2 of the AWS CLI, `aws ecs trace …` in version 2.
///
/// `aws` takes its own options (--profile, --region, --output, --query, --endpoint-url …) for itself wherever they
/// stand; ecs-trace wins them back from the command line of aws on Linux and macOS and says so. -p, -r, -o and --format
/// pass through everywhere. An alias takes 0.5 to 1 s longer, for the start of aws, and TAB works for `ecs-trace` only.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace alias --install
  aws ecs-trace timeline service/web-api --profile oncall --region eu-west-1")]
pub struct Arguments {
    /// Write the aliases into ~/.aws/cli/alias, after showing the change and asking
    #[arg(long)]
    install: bool,
    /// Do not ask
    #[arg(short, long, requires = "install")]
    yes: bool,
}

pub fn run(arguments: &Arguments, screen: &Screen) -> Done {
    if arguments.install {
        return install(arguments.yes, screen);
    }
    let lines: Vec<String> = ALIASES.iter().map(|alias| format!("[{}]\n{} = {}\n", alias.section, alias.name, alias.value)).collect();
    screen.answer(&lines.join("\n"))?;
    screen.note("these are lines of ~/.aws/cli/alias, where a section may stand only once; to have them written: ecs-trace alias --install");
    Ok(Exit::Answered)
}

fn install(is_agreed: bool, screen: &Screen) -> Done {
    let Some(home) = std::env::home_dir().filter(|home| !home.as_os_str().is_empty()) else {
        return Err(Failure::new(Exit::Other, "no home directory; wanted is the one with .aws/cli/alias in it").hint("name it: HOME=/home/me ecs-trace alias --install"));
    };
    let file = written_through(&home.join(".aws").join("cli").join("alias"));
    let shown = file.display().to_string();
    let before = read(&file)?;
    let mut text = before.clone().unwrap_or_default();
    let mut replaced = Vec::new();
    for alias in &ALIASES {
        match with(&text, alias) {
            Change::None => {}
            Change::Added(changed) => text = changed,
            Change::Replaced(changed) => {
                text = changed;
                replaced.push(alias.name);
            }
        }
    }
    if before.as_ref() == Some(&text) {
        screen.answer(&format!("the aliases are in {shown} already; nothing to change\n"))?;
        return Ok(Exit::Answered);
    }
    for line in difference(&shown, before.as_deref(), &text).lines() {
        say(line);
    }
    if !is_agreed {
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(Failure::usage("the change must be agreed to, and there is no terminal to ask on").hint("agree beforehand: ecs-trace alias --install --yes"));
        }
        let question = if replaced.is_empty() { format!("write {shown}?") } else { format!("replace the alias {} that is there, and write {shown}?", replaced.join(" and ")) };
        if !agrees(&question) {
            screen.answer("nothing was changed\n")?;
            return Ok(Exit::Answered);
        }
    }
    if read(&file)? != before {
        return Err(Failure::new(Exit::Other, format!("`{shown}` was changed by somebody else in the meantime; nothing was written")).hint("try again: ecs-trace alias --install"));
    }
    write(&text, &file).map_err(|error| Failure::new(Exit::Other, format!("cannot write `{shown}`: {error}")))?;
    screen.answer(&format!("written to {shown}; try it: aws ecs-trace why demo:out-of-memory\n"))?;
    let is_on_path = std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join("ecs-trace").is_file()));
    if !is_on_path {
        screen.note("there is no `ecs-trace` on PATH, where the alias looks for it");
    }
    Ok(Exit::Answered)
}

/// Where a file is that is a symbolic link: it is followed, also to a place where nothing is yet.
fn written_through(file: &Path) -> PathBuf {
    if let Ok(real) = std::fs::canonicalize(file) {
        return real;
    }
    match std::fs::read_link(file) {
        Ok(to) => file.parent().unwrap_or(Path::new("/")).join(to),
        Err(_) => file.to_owned(),
    }
}

fn read(file: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(Exit::Other, format!("cannot read `{}`: {error}", file.display()))),
    }
}

fn difference(shown: &str, before: Option<&str>, after: &str) -> String {
    let old = if before.is_some() { shown } else { "/dev/null" };
    TextDiff::from_lines(before.unwrap_or_default(), after).unified_diff().context_radius(3).header(old, shown).to_string()
}

fn agrees(question: &str) -> bool {
    let _ = write!(io::stderr().lock(), "{} [y/n] ", crate::render::printable::printable(question));
    let mut answer = String::new();
    let _ = io::stdin().lock().read_line(&mut answer);
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Whole or not at all, with the mode it had; readable by its owner alone where it is new.
fn write(text: &str, file: &Path) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    create_private(folder)?;
    let _whole = super::interrupt::writing();
    let mut beside = tempfile::Builder::new().prefix(".ecs-trace-").tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    if let Ok(there) = std::fs::metadata(file) {
        beside.as_file().set_permissions(there.permissions())?;
    }
    beside.as_file().sync_all()?;
    beside.persist(file).map_err(|error| error.error)?;
    Ok(())
}

/// A folder of `.aws`, which also holds credentials.
fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[cfg(test)]
mod tests {
    use super::super::won_back;
    use super::*;

    #[test]
    fn the_alias_sets_what_makes_options_be_won_back() {
        assert_eq!(COMMAND, format!("!{}={} ecs-trace", won_back::VARIABLE, won_back::ALIAS));
    }
}
