//! What clap says of a command line that it cannot read, with a tip that leads on where its own would not.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::args::duration;
use super::nearest::nearest;
use crate::sources::target::Target;

/// The same error, its tips changed where somebody who types them would fail again. `words` are those that were typed.
#[must_use]
pub fn told(mut error: clap::Error, words: &[String], command: &clap::Command) -> clap::Error {
    let named = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    // A name that is hardly like what was typed is no tip.
    for (typed, suggested) in [(ContextKind::InvalidValue, ContextKind::SuggestedValue), (ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand)] {
        let names = match error.get(suggested) {
            Some(ContextValue::String(name)) => vec![name.clone()],
            Some(ContextValue::Strings(names)) => names.clone(),
            _ => continue,
        };
        if named(&error, typed).is_some_and(|typed| nearest(&typed, names.iter()).is_none()) {
            error.remove(suggested);
        }
    }
    let tip = match error.kind() {
        ErrorKind::UnknownArgument => named(&error, ContextKind::InvalidArg).and_then(|typed| of_argument(&typed, words, command)),
        ErrorKind::InvalidSubcommand if error.get(ContextKind::SuggestedSubcommand).is_none() => {
            let typed = named(&error, ContextKind::InvalidSubcommand).filter(|typed| Target::parse(typed).is_ok());
            typed.map(|typed| format!("a task stands behind a command: ecs-trace timeline {}", crate::diagnosis::words::shell(&typed)))
        }
        _ => None,
    };
    if let Some(tip) = tip {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}

fn of_argument(typed: &str, words: &[String], command: &clap::Command) -> Option<String> {
    let before = |word: &str| words.iter().position(|other| other == word).and_then(|at| at.checked_sub(1)).map(|at| words[at].as_str());
    // `-3` is what clap has read of `-3h`.
    let whole = words.iter().find(|word| *word == typed || typed.starts_with('-') && !typed.starts_with("--") && word.starts_with(typed))?;
    if let Some(option) = before(whole).filter(|option| option.starts_with("--")) {
        if matches!(option, "--wait" | "--watch") && duration(whole).is_ok() {
            return Some(format!("a value stands behind = alone: {option}={whole}"));
        }
        if let Some(positive) = whole.strip_prefix('-').filter(|positive| duration(positive).is_ok()) {
            return Some(format!("a duration has no sign: {option} {positive}"));
        }
    }
    let option = typed.strip_prefix("--")?;
    let has = |command: &&clap::Command| command.get_arguments().any(|argument| argument.get_long() == Some(option));
    let commands: Vec<String> = command.get_subcommands().filter(has).map(|command| format!("ecs-trace {}", command.get_name())).collect();
    (!commands.is_empty()).then(|| format!("--{option} is an option of {}", crate::diagnosis::words::list(&commands)))
}
