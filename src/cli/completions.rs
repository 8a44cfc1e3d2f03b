//! `completions`: the loader for a shell. Thin on purpose: it asks this very binary, so it is never out of date.

use clap::{Args, ValueEnum};

use super::Done;
use super::failure::Exit;
use super::screen::Screen;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
}

/// Print the completion loader for a shell
///
/// Put its line into the shell's rc file, or the file into its completion folder. TAB then completes commands, options
/// and values: stopped tasks with age, service and reason, services, clusters, profiles, regions, demos, case files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  source <(ecs-trace completions bash)              in ~/.bashrc
  ecs-trace completions fish > ~/.config/fish/completions/ecs-trace.fish")]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

impl Shell {
    /// What the shell must read to complete.
    #[must_use]
    pub fn loader(self) -> &'static str {
        match self {
            Self::Bash => include_str!("../../completions/ecs-trace.bash"),
            Self::Zsh => include_str!("../../completions/_ecs-trace"),
            Self::Fish => include_str!("../../completions/ecs-trace.fish"),
            Self::Powershell => include_str!("../../completions/ecs-trace.ps1"),
            Self::Elvish => include_str!("../../completions/ecs-trace.elv"),
        }
    }
}

pub fn run(arguments: &Arguments, screen: &Screen) -> Done {
    screen.answer(arguments.shell.loader())?;
    Ok(Exit::Answered)
}
