//! `logs`: each container's last words.

use clap::Args;
use jiff::Timestamp;

use crate::diagnosis::timeline::Timeline;
use crate::render::json::v1::Document;
use crate::render::sheet::Sheet;
use crate::render::text;

use super::Done;
use super::args::{Everywhere, TaskArgument};
use super::failure::{Exit, Failure};
use super::gathering::{Wanted, gathered};
use super::output::handed_on;
use super::screen::Screen;

/// Each container's last words: the errors and last lines before its exit
///
/// Reads the group, region and stream that the task's own definition names, backwards from the end. A stack trace
/// is one line with a count.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace logs 9f2c --container app
  ecs-trace logs service/web-api -o json --query 'timeline[].text'")]
pub struct Arguments {
    #[command(flatten)]
    task: TaskArgument,
    /// Only this container's
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
}

pub fn run(arguments: &Arguments, options: &Everywhere, screen: &Screen, now: Timestamp) -> Done {
    let mut gathered = gathered(arguments.task.task.as_deref(), options, Wanted { only_logs: true, ..Wanted::default() }, screen, now)?;
    if let Some(name) = &arguments.container {
        only(&mut gathered.trace.timeline, name)?;
    }
    let trace = &gathered.trace;
    screen.answer(&handed_on(options, || Document::logs_only(trace), || text::logs(trace, &screen.page), || Sheet::logs(trace, &screen.page.clock))?)?;
    let unread = trace.timeline.seen_by(crate::diagnosis::evidence::Source::Logs).is_err();
    Ok(gathered.exit(if unread { Exit::Inconclusive } else { Exit::Answered }))
}

/// Leaves one container's lines, and what was read of them.
fn only(timeline: &mut Timeline, name: &str) -> Result<(), Failure> {
    let names: Vec<String> = timeline.evidence.task.containers.iter().map(|container| container.name.clone()).collect();
    if !names.iter().any(|known| known == name) {
        return Err(Failure::usage(format!("the task has no container `{name}`")).hint(format!("it has: {}", names.join(", "))));
    }
    timeline.evidence.task.containers.retain(|container| container.name == name);
    timeline.evidence.readings.retain(|reading| reading.container.as_ref().is_none_or(|of| of == name));
    timeline.lines.retain(|line| line.event.container.as_ref().is_none_or(|of| of == name));
    Ok(())
}
