//! `why`: the verdict alone, with the lines it cites and what to do next.

use clap::Args;
use jiff::Timestamp;

use crate::render::json::v1::Document;
use crate::render::sheet::Sheet;
use crate::render::text;

use super::Done;
use super::args::{Everywhere, Saving, TaskArgument, Waiting};
use super::case_file::CaseFile;
use super::failure::Exit;
use super::gathering::{Wanted, gathered};
use super::output::handed_on;
use super::screen::Screen;

/// Why a task stopped: the cause, its evidence, and what to do next
///
/// The verdict alone, with the lines it cites, the exact next commands, and what could not be checked.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace why @latest --cluster prod
  aws ecs describe-tasks --cluster prod --tasks 9f2c… | ecs-trace why -
  ecs-trace why 9f2c -o markdown    to paste into a ticket")]
pub struct Arguments {
    #[command(flatten)]
    task: TaskArgument,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    saving: Saving,
}

pub fn run(arguments: &Arguments, options: &Everywhere, screen: &Screen, now: Timestamp) -> Done {
    let file = CaseFile::wanted(&arguments.saving, options)?;
    let gathered = gathered(arguments.task.task.as_deref(), options, Wanted { record: file.is_some(), ..Wanted::waiting(&arguments.waiting) }, screen, now)?;
    let saved = file.map(|file| file.save(&gathered, options));
    let trace = &gathered.trace;
    screen.answer(&handed_on(options, || Document::from(trace), || text::why(trace, &screen.page), || Sheet::why(trace, &screen.page.clock))?)?;
    let exit = gathered.exit(if trace.verdict.is_conclusive() { Exit::Answered } else { Exit::Inconclusive });
    screen.saved(saved, exit)
}
