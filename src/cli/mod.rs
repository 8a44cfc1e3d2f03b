//! The command line: one subcommand, one file. Reads what was typed, has it gathered and judged, prints it.

mod alias;
mod alias_file;
mod ancestors;
mod archive;
mod args;
mod case_file;
pub mod complete;
mod completions;
mod config;
mod doctor;
mod explain;
pub mod failure;
mod gathering;
mod interrupt;
mod letters;
mod logs;
mod man;
mod mistaken;
mod nearest;
mod output;
mod pager;
mod picker;
mod policy;
mod save;
mod screen;
mod settings;
mod stops;
mod timeline;
mod who_stopped;
mod why;
mod won_back;

use std::borrow::Cow;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use args::{Everywhere, Format};
use failure::{Exit, Failure};
use screen::Screen;
use settings::File;

use crate::render::printable::printable;

/// Why an ECS task stopped, and who stopped it
///
/// Asks ECS, CloudTrail, CloudWatch Logs and the load balancer at once and prints one timeline, a verdict that
/// cites its lines, and the person, pipeline or policy behind the stop. It only reads.
#[derive(Debug, Parser)]
#[command(name = "ecs-trace", version, max_term_width = 80, subcommand_required = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    everywhere: Everywhere,
}

const EXAMPLES: &str = "Examples:
  ecs-trace timeline demo:out-of-memory     try it, no AWS account needed
  ecs-trace timeline service/web-api        the latest stopped task of a service
  ecs-trace who-stopped 77ab                by the beginning of its id

Return codes: 0 answered, 3 inconclusive, 4 no such task, 130 interrupted (143
by SIGTERM), 252 usage, 253 no region or credentials, 254 refused by AWS,
255 anything else";

#[derive(Debug, Subcommand)]
enum Command {
    Timeline(timeline::Arguments),
    WhoStopped(who_stopped::Arguments),
    Why(why::Arguments),
    Logs(logs::Arguments),
    Stops(stops::Arguments),
    Save(save::Arguments),
    Archive(archive::Arguments),
    Explain(explain::Arguments),
    Doctor(doctor::Arguments),
    Config(config::Arguments),
    Completions(completions::Arguments),
    Alias(alias::Arguments),
    Man(man::Arguments),
}

impl Command {
    /// Whether it has the format. One that only the config file asks for gives way to text.
    fn fits(&self, options: &mut Everywhere, matches: &ArgMatches) -> Result<(), Failure> {
        let has = match self {
            Self::Timeline(_) | Self::WhoStopped(_) | Self::Why(_) | Self::Logs(_) | Self::Stops(_) => return Ok(()),
            Self::Archive(_) | Self::Explain(_) | Self::Doctor(_) | Self::Config(_) => "text, json and jsonl",
            Self::Save(_) | Self::Completions(_) | Self::Alias(_) | Self::Man(_) => "text alone",
        };
        if !matches!(options.output, Format::Markdown | Format::Html) {
            return Ok(());
        }
        if options.output_is_usual() {
            options.output = Format::Text;
            return Ok(());
        }
        let mut name = Vec::new();
        let mut inner = matches.subcommand();
        while let Some((word, below)) = inner {
            name.push(word);
            inner = below.subcommand();
        }
        let format = options.output.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        Err(Failure::usage(format!("{} has no {format}; it has {has}", name.join(" "))))
    }
}

/// The command as clap knows it, for completion.
#[must_use]
pub fn command() -> clap::Command {
    opened(Cli::command())
}

/// Help begins with what a command answers and with examples; the options, which are the same everywhere, come last.
fn opened(command: clap::Command) -> clap::Command {
    command.help_template("{before-help}{about-with-newline}\n{usage-heading} {usage}{after-help}\n\n{all-args}").mut_subcommands(opened)
}

/// Runs one command line. `now` is the moment everything is judged from.
#[must_use]
pub fn run(now: Timestamp) -> ExitCode {
    // AWS counts in milliseconds; a finer "now" would only be noise in every answer.
    let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    interrupt::listen();
    let parsed = command().try_get_matches().and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (mut cli, matches) = match parsed {
        Ok(parsed) => parsed,
        // Help and version are answers; everything else is bad usage, with the AWS CLI's code for it.
        Err(error) => {
            if error.use_stderr() {
                let typed: Vec<String> = std::env::args().skip(1).collect();
                let error = mistaken::told(error, &typed, &command());
                let told = error.render().to_string();
                match told.lines().any(|line| matches!(printable(line), Cow::Owned(_))) {
                    // What was typed is repeated, and may have been pasted.
                    true => told.lines().for_each(screen::say),
                    false => drop(error.print()),
                }
                return ExitCode::from(Exit::Usage as u8);
            }
            return exit(Screen::help(&error.render(), pages_help).map(|()| Exit::Answered));
        }
    };
    // An exported but empty ECS_CLUSTER names no cluster.
    cli.everywhere.cluster = cli.everywhere.cluster.filter(|name| !name.is_empty());
    let file = match File::read() {
        Ok(file) => file,
        // A broken file must not take the shell's completion away.
        Err(_) if matches!(cli.command, Command::Completions(_) | Command::Man(_)) => File::default(),
        Err(failure) => return exit(Err(failure)),
    };
    let told = match won_back::complete(&mut cli.everywhere, &matches) {
        Ok(told) => told,
        Err(failure) => return exit(Err(failure)),
    };
    cli.everywhere.settings = settings::apply(&mut cli.everywhere, &matches, &told.taken, &file);
    if let Err(failure) = cli.command.fits(&mut cli.everywhere, &matches) {
        return exit(Err(failure));
    }
    let screen = Screen::new(&cli.everywhere);
    told.say(&screen);
    let everywhere = &cli.everywhere;
    exit(output::check(everywhere).and_then(|()| match &cli.command {
        Command::Timeline(arguments) => timeline::run(arguments, everywhere, &screen, now),
        Command::WhoStopped(arguments) => who_stopped::run(arguments, everywhere, &screen, now),
        Command::Why(arguments) => why::run(arguments, everywhere, &screen, now),
        Command::Logs(arguments) => logs::run(arguments, everywhere, &screen, now),
        Command::Stops(arguments) => stops::run(arguments, everywhere, &screen, now),
        Command::Save(arguments) => save::run(arguments, everywhere, &screen, now),
        Command::Archive(arguments) => archive::run(arguments, everywhere, &screen),
        Command::Explain(arguments) => explain::run(arguments, everywhere, &screen),
        Command::Doctor(arguments) => doctor::run(arguments, everywhere, &screen, now),
        Command::Config(_) => config::run(everywhere, &file, &screen),
        Command::Completions(arguments) => completions::run(arguments, &screen),
        Command::Alias(arguments) => alias::run(arguments, &screen),
        Command::Man(arguments) => man::run(arguments, &screen),
    }))
}

/// Whether neither the command line, of which clap has kept nothing, nor the config file switches the pager off.
fn pages_help() -> bool {
    let is_off = std::env::args_os().any(|word| word == "--no-pager" || word == "--no-cli-pager") || File::read().is_ok_and(|file| file.pages_nothing());
    !is_off
}

fn exit(done: Done) -> ExitCode {
    match done {
        Ok(_) if interrupt::was_put_off() => code(Exit::Interrupted),
        Ok(exit) => code(exit),
        Err(failure) => {
            Screen::failure(&failure);
            code(failure.exit)
        }
    }
}

fn code(exit: Exit) -> ExitCode {
    let exit = if exit == Exit::Interrupted { interrupt::exit() } else { exit };
    ExitCode::from(exit as u8)
}

type Done = Result<Exit, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
