//! `save`: a case file, to replay tomorrow when AWS has forgotten.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use jiff::Timestamp;

use crate::diagnosis::evidence::{Reading, Status};
use crate::sources::case::Case;
use crate::sources::redact;

use super::Done;
use super::args::{Everywhere, TaskArgument};
use super::failure::{Exit, Failure};
use super::gathering::{Wanted, gathered};
use super::screen::Screen;

/// Save every answer AWS gave about a task as a case file
///
/// Redacted as it is written, readable by you alone (0600). Replay it with any command: the file's path stands for
/// the task. A name that ends in .gz is compressed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace save 9f2c ./inc-4711.json.gz
  ecs-trace timeline ./inc-4711.json.gz")]
pub struct Arguments {
    #[command(flatten)]
    task: TaskArgument,
    /// Where to write it; an existing file is replaced
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Keep also what CloudTrail alone remembers, for a replay with --deep
    #[arg(long)]
    deep: bool,
}

pub fn run(arguments: &Arguments, options: &Everywhere, screen: &Screen, now: Timestamp) -> Done {
    let Some(file) = &arguments.file else {
        return Err(Failure::usage("no file given; wanted is a path that ends in .json or .json.gz").hint("for example: ecs-trace save 9f2c ./9f2c.json.gz"));
    };
    let name = file.to_string_lossy();
    if !(name.ends_with(".json") || name.ends_with(".json.gz")) {
        return Err(Failure::usage(format!("`{name}` is no name for a case file; wanted is a path that ends in .json or .json.gz")));
    }
    if std::fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return Err(Failure::usage(format!("`{name}` is there and is no file")));
    }
    let gathered = gathered(arguments.task.task.as_deref(), options, Wanted { record: true, deep: arguments.deep, ..Wanted::default() }, screen, now)?;
    if !gathered.trace.timeline.evidence.task.exists() {
        return Err(Failure::new(Exit::NoSuchTask, "the service has no stopped task, and a case is of one task")
            .hint("keep the answer itself: ecs-trace why service/NAME -o json > why.json"));
    }
    let Some(mut case) = gathered.case() else {
        return Err(
            Failure::new(Exit::NoSuchTask, "ECS no longer describes this task, and a case holds AWS's own answers").hint("keep what you pasted: it can be traced again with -")
        );
    };
    if !options.no_redact {
        case = redact::case(case);
    }
    write(&case, file).map_err(|error| Failure::new(Exit::Other, format!("cannot write `{}`: {error}", file.display())))?;
    // An older case has no answer to what only a note would need.
    let older = |reading: &Reading| reading.aside && reading.status == Status::Skipped;
    let mut missing: Vec<String> =
        gathered.trace.timeline.evidence.readings.iter().filter(|reading| reading.status.is_gap() && reading.action.is_some() && !older(reading)).map(Reading::sentence).collect();
    missing.dedup();
    for gap in &missing {
        screen.note(&format!("not in the case: {gap}"));
    }
    screen.note(&format!(
        "{} answers about task {} saved; replay: ecs-trace timeline {}",
        case.exchanges.len(),
        gathered.trace.timeline.evidence.task.id,
        crate::diagnosis::words::shell(&pasteable(file))
    ));
    Ok(gathered.exit(if missing.is_empty() { Exit::Answered } else { Exit::Inconclusive }))
}

/// A path in a form that is read as one.
fn pasteable(file: &Path) -> String {
    let shown = file.display().to_string();
    if ["/", "./", "../"].iter().any(|begin| shown.starts_with(begin)) { shown } else { format!("./{shown}") }
}

/// Whole or not at all: written beside its place and moved there, readable by its owner alone.
fn write(case: &Case, file: &Path) -> std::io::Result<()> {
    let text = serde_json::to_vec_pretty(case)?;
    let bytes = if file.extension().is_some_and(|extension| extension == "gz") {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&text)?;
        packer.finish()?
    } else {
        text
    };
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such folder"));
    }
    let _whole = super::interrupt::writing();
    let mut beside = tempfile::Builder::new().prefix(".ecs-trace-").tempfile_in(folder)?;
    beside.write_all(&bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(file).map_err(|error| error.error)?;
    Ok(())
}
