//! `save`: a case file, to replay tomorrow when AWS has forgotten.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use jiff::Timestamp;

use crate::diagnosis::evidence::{Reading, Status};

use super::Done;
use super::args::{Everywhere, TaskArgument};
use super::case_file::CaseFile;
use super::failure::{Exit, Failure};
use super::gathering::{Wanted, gathered};
use super::screen::Screen;

/// Save every answer AWS gave about a task as a case file
///
/// Redacted as it is written, readable by you alone (0600), whole or not at all. Replay it with any command, offline and
/// on any machine: the file's path stands for the task, and the same options give the same answer. A name that ends in
/// .gz is compressed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace save 9f2c ./inc-4711.json.gz
  ecs-trace timeline ./inc-4711.json.gz
  ecs-trace save 9f2c ./to-share.json --anonymise")]
pub struct Arguments {
    #[command(flatten)]
    task: TaskArgument,
    /// Where to write it; a case that is there is replaced
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Keep also what CloudTrail alone remembers, for a replay with --deep
    #[arg(long)]
    deep: bool,
    /// Replace accounts, addresses and names of clusters, services, containers, images, users, roles, hosts and the like by
    /// others, each always by the same: the replay comes to the same cause
    #[arg(long, visible_alias = "anonymize")]
    anonymise: bool,
}

pub fn run(arguments: &Arguments, options: &Everywhere, screen: &Screen, now: Timestamp) -> Done {
    let Some(file) = &arguments.file else {
        return Err(Failure::usage("no file given; wanted is a path that ends in .json or .json.gz").hint("for example: ecs-trace save 9f2c ./9f2c.json.gz"));
    };
    let file = CaseFile::at(file, arguments.anonymise, options)?;
    file.probe()?;
    let gathered = gathered(arguments.task.task.as_deref(), options, Wanted { record: true, deep: arguments.deep, ..Wanted::default() }, screen, now)?;
    let saved = file.save(&gathered, options)?;
    // An older case has no answer to what only a note would need.
    let older = |reading: &Reading| reading.aside && reading.status == Status::Skipped;
    let mut missing: Vec<String> =
        gathered.trace.timeline.evidence.readings.iter().filter(|reading| reading.status.is_gap() && reading.action.is_some() && !older(reading)).map(Reading::sentence).collect();
    missing.dedup();
    for gap in &missing {
        screen.note(&format!("not in the case: {gap}"));
    }
    for line in saved {
        screen.note(&line);
    }
    Ok(gathered.exit(if missing.is_empty() { Exit::Answered } else { Exit::Inconclusive }))
}
