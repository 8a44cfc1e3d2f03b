//! TAB: the shell's loader asks this very binary with `ECS_TRACE_COMPLETE` set, and clap's dynamic engine finds the place.
//!
//! Silent whatever happens. What only AWS knows comes from the disk (`remembered`) and is asked for behind the prompt
//! (`refresh`), so that a TAB is instant and never waits for a network.

mod line;
mod offers;
mod refresh;
pub(super) mod regions;
mod remembered;
mod scope;
mod shells;
mod typed;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Arg, Command, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCompleter, complete};
use jiff::Timestamp;

use super::completions::Shell;
use super::failure::Failure;
use super::screen::Screen;
use offers::Offers;
use shells::Asked;
use typed::Typed;

/// Which shell asks; with nothing behind `--` it wants its loader.
pub const VARIABLE: &str = "ECS_TRACE_COMPLETE";
/// Where among the words the cursor is.
const INDEX: &str = "_CLAP_COMPLETE_INDEX";

/// Answers a TAB, prints a loader or refreshes what is remembered, if this run is one of those.
#[must_use]
pub fn answered(now: Timestamp) -> Option<ExitCode> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let readable = |words: &[OsString]| words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>();
    if words.first().is_some_and(|word| word == refresh::WORD) {
        return Some(refresh::run(&readable(&words), now));
    }
    let shell = std::env::var(VARIABLE).ok().filter(|shell| !shell.is_empty() && shell != "0")?;
    match words.iter().position(|word| word == "--") {
        Some(at) if at + 1 < words.len() => Some(tab(&shell, readable(&words[at + 1..]), now)),
        _ => Some(loader(&shell)),
    }
}

fn tab(shell: &str, given: Vec<String>, now: Timestamp) -> ExitCode {
    let began = Instant::now();
    // Not even a mistake of ours is a reason to write over the line being typed.
    std::panic::set_hook(Box::new(|_| ()));
    let asked = Asked::read(shell, given, std::env::var(INDEX).ok().and_then(|index| index.parse().ok()));
    let mut typed = Typed::read(&asked.words, asked.current);
    typed.default_cluster = scope::default_cluster(typed.profile.as_deref());
    let mut command = with_values(super::command(), &Arc::new(Offers::new(typed, now, began)));
    let found = fitting(&mut command, &asked);
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(asked.answer(shell, &found).as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

/// What the engine finds for the word, which it is given in the form it knows.
fn fitting(command: &mut Command, asked: &Asked) -> Vec<CompletionCandidate> {
    let mut words: Vec<OsString> = asked.words.iter().map(OsString::from).collect();
    let folder = std::env::current_dir().ok();
    let aliased = own_name(command, asked.word());
    if let Some(word) = words.get_mut(asked.current) {
        // To a bare dash the engine answers with letters alone.
        if word == "-" {
            *word = "--".into();
        }
        if let Some((alias, name)) = &aliased {
            *word = asked.word().replacen(alias, name, 1).into();
        }
    }
    let mut found = complete(command, words, asked.current, folder.as_deref()).unwrap_or_default();
    if let Some((alias, name)) = aliased {
        found.iter_mut().for_each(|candidate| *candidate = CompletionCandidate::new(candidate.get_value().to_string_lossy().replacen(&name, &alias, 1)));
    }
    found
}

/// `--format=` and `--output=`: behind `=` the engine knows an option by its own name only.
fn own_name(command: &Command, word: &str) -> Option<(String, String)> {
    let (alias, _) = word.strip_prefix("--")?.split_once('=')?;
    let option = command.get_arguments().find(|arg| arg.get_visible_aliases().is_some_and(|aliases| aliases.contains(&alias)))?;
    Some((format!("--{alias}="), format!("--{}=", option.get_long()?)))
}

fn loader(shell: &str) -> ExitCode {
    let name = std::path::Path::new(shell).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let Ok(shell) = Shell::from_str(if name == "pwsh" { "powershell" } else { &name }, true) else {
        let failure = Failure::usage(format!("no completion for `{name}`")).hint("there is one for bash, zsh, fish, powershell and elvish");
        Screen::failure(&failure);
        return ExitCode::from(failure.exit as u8);
    };
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(shell.loader().as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

/// Every option and argument that takes something a TAB can know, by its name.
fn with_values(command: Command, offers: &Arc<Offers>) -> Command {
    command.mut_args(|arg| with_value(arg, offers)).mut_subcommands(|command| with_values(command, offers))
}

fn with_value(arg: Arg, offers: &Arc<Offers>) -> Arg {
    let offers = Arc::clone(offers);
    let completer = match arg.get_id().as_str() {
        "task" => ArgValueCompleter::new(Values(move |word: &str| offers.tasks(word))),
        "service" => ArgValueCompleter::new(Values(move |word: &str| offers.services(word))),
        "cluster" => ArgValueCompleter::new(Values(move |word: &str| offers.clusters(word))),
        "container" => ArgValueCompleter::new(Values(move |word: &str| offers.containers(word))),
        "profile" => ArgValueCompleter::new(Values(move |word: &str| offers.profiles_named(word))),
        "region" => ArgValueCompleter::new(Values(offers::regions)),
        "file" => ArgValueCompleter::new(Values(offers::case_files)),
        "text" => ArgValueCompleter::new(Values(offers::explainable)),
        _ => return arg,
    };
    arg.add(completer)
}

/// A function of the word so far. One that is no text has no value that fits.
struct Values<F>(F);

impl<F: Fn(&str) -> Vec<CompletionCandidate> + Send + Sync> clap_complete::engine::ValueCompleter for Values<F> {
    fn complete(&self, word: &OsStr) -> Vec<CompletionCandidate> {
        word.to_str().map(&self.0).unwrap_or_default()
    }
}
