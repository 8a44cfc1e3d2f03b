//! `logs`: each container's last words.

use clap::Args;
use jiff::Timestamp;

use crate::render::json::v1::Document;
use crate::render::text;

use super::Done;
use super::args::{Everywhere, TaskArgument};
use super::failure::Exit;
use super::gathering::{Wanted, gathered};
use super::output::rendered;
use super::screen::Screen;

/// Each container's last words: the errors and last lines before its exit
///
/// Reads the group, region and stream that the task's own definition names, backwards from the end. A stack trace
/// is one line with a count.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace logs 9f2c
  ecs-trace logs service/web-api -o json --query 'timeline[].text'")]
pub struct Arguments {
    #[command(flatten)]
    task: TaskArgument,
}

pub fn run(arguments: &Arguments, options: &Everywhere, screen: &Screen, now: Timestamp) -> Done {
    let gathered = gathered(arguments.task.task.as_deref(), options, Wanted { only_logs: true, ..Wanted::default() }, screen, now)?;
    let trace = &gathered.trace;
    screen.answer(&rendered(options, || Document::logs_only(trace), || text::logs(trace, &screen.page))?)?;
    let unread = trace.timeline.seen_by(crate::diagnosis::evidence::Source::Logs).is_err();
    Ok(gathered.exit(if unread { Exit::Inconclusive } else { Exit::Answered }))
}
