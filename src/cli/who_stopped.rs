//! `who-stopped`: the person, pipeline, policy or AWS process behind the stop.

use clap::Args;
use jiff::Timestamp;

use crate::render::json::v1::Document;
use crate::render::printable::printable;
use crate::render::sheet::Sheet;
use crate::render::text;

use super::Done;
use super::args::{Everywhere, Saving, TaskArgument, Waiting};
use super::case_file::CaseFile;
use super::failure::Exit;
use super::gathering::{Wanted, gathered};
use super::output::handed_on;
use super::screen::Screen;

/// Who or what stopped a task, back to the person or pipeline
///
/// One line first, then the chain that leads there, then the calls that were refused. Says "nobody" only where ECS
/// itself says that nobody asked; where CloudTrail is late, unreadable or too old, it says that.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace who-stopped 77ab
  ecs-trace who-stopped 77ab -q            the name alone
  ecs-trace who-stopped 77ab --wait=30m    until CloudTrail has the call")]
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
    let told = || match (&trace.stopped_by.actor, options.quiet) {
        (Some(actor), true) => format!("{}\n", printable(actor)),
        (None, true) => {
            // A name or nothing: a script must not take a status for somebody.
            super::screen::say(&trace.stopped_by.sentence);
            String::new()
        }
        (_, false) => text::who_stopped(trace, &screen.page),
    };
    screen.answer(&handed_on(options, || Document::from(trace), told, || Sheet::who_stopped(trace, &screen.page.clock))?)?;
    let exit = gathered.exit(if trace.stopped_by.is_answered() { Exit::Answered } else { Exit::Inconclusive });
    screen.saved(saved, exit)
}
