//! `timeline`: everything that happened to the task, in order, under a verdict.

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

/// Everything that happened to a task, in order, under a verdict
///
/// Asks every witness at once and puts what they say on one time axis. `~` marks a line whose place among its
/// neighbours the clocks do not settle.
///
/// Below it: `seen` names who was read, ✓ with something to say, – with nothing; `not` who could not be read, and why;
/// `n/a` who cannot exist for this task (no load balancer, no host of its own). The verdict's mark is ✗ for a failure,
/// ✓ for business as usual, ? where it is open.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace timeline 9f2c
  ecs-trace timeline service/web-api -o json | jq .verdict
  ecs-trace timeline 9f2c -o html > stop.html    one file to hand on")]
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
    screen.answer(&handed_on(options, || Document::from(trace), || text::timeline(trace, &screen.page), || Sheet::timeline(trace, &screen.page.clock))?)?;
    let exit = gathered.exit(if trace.verdict.is_conclusive() { Exit::Answered } else { Exit::Inconclusive });
    screen.saved(saved, exit)
}
