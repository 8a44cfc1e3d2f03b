//! Options every command shares, named as in the AWS CLI.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{StringValueParser, TypedValueParser};
use clap::{Args, ValueEnum, ValueHint};

use super::settings::Setting;
use crate::sources::trail_lake::EventDataStore;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
    Jsonl,
    Markdown,
    Html,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Zone {
    Local,
    Utc,
}

/// Given before or after the command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options everywhere")]
pub struct Everywhere {
    /// Profile of the AWS config files
    #[arg(short, long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Region; the one in an ARN or URL wins over the environment's and the profile's
    #[arg(short, long, global = true, value_name = "NAME")]
    pub region: Option<String>,
    /// Cluster by name or ARN; without one, every cluster of the region is asked
    #[arg(short, long, global = true, value_name = "NAME", env = "ECS_CLUSTER", hide_env_values = true)]
    pub cluster: Option<String>,
    /// Send every request there instead of to AWS
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Trust the certificates in this PEM file instead of the system's, as AWS_CA_BUNDLE does
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ca_bundle: Option<String>,
    /// How to print the answer; markdown to paste into an issue or a ticket, html as one file to hand on
    #[arg(short, long, visible_alias = "format", global = true, value_name = "FORMAT", default_value = "text")]
    pub output: Format,
    /// Part of the JSON to print, as a JMESPath expression; needs -o json
    #[arg(long, global = true, value_name = "EXPRESSION")]
    pub query: Option<String>,
    /// Paint the text
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: When,
    /// Zone of the times in text, markdown and html; always shown
    #[arg(long, global = true, value_name = "ZONE", default_value = "local")]
    pub time: Zone,
    /// Limit of the whole run, 20s unless it is given; what had arrived is shown
    #[arg(long, global = true, value_name = "DURATION", value_parser = StringValueParser::new().try_map(|text| duration(&text)))]
    pub timeout: Option<Duration>,
    /// Show secrets found in logs and reasons
    #[arg(long, global = true)]
    pub no_redact: bool,
    /// No progress and no notes; who-stopped prints the actor alone, or on stderr why nobody is named
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Each request, its time and its outcome on stderr
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Print long text at once, not through $AWS_PAGER, $PAGER or less
    #[arg(long, visible_alias = "no-cli-pager", global = true)]
    pub no_pager: bool,
    /// The cluster was not asked for on this command line, and yields to what a task says of itself.
    #[arg(skip)]
    pub cluster_is_default: bool,
    /// The config file's timeout: one on the command line limits even --wait, this one does not.
    #[arg(skip)]
    pub usual_timeout: Option<Duration>,
    /// What is in force, and from where.
    #[arg(skip)]
    pub settings: Vec<Setting>,
}

/// The limit of a run where none was given.
const LIMIT: Duration = Duration::from_secs(20);

impl Everywhere {
    /// How long the sources may take together.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.timeout.or(self.usual_timeout).unwrap_or(LIMIT)
    }

    /// Whether the format is the config file's: one that was not asked for gives way where it cannot be had.
    #[must_use]
    pub fn output_is_usual(&self) -> bool {
        self.from("output").is_some_and(|setting| setting.line.is_some())
    }

    /// Where an option's value came from.
    #[must_use]
    pub fn from(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }
}

/// How patiently, where and how far calls are looked for.
#[derive(Debug, Clone, Args)]
pub struct Waiting {
    /// Where CloudTrail may not have delivered the call yet, ask again about every 20 seconds for so long; 15m without a
    /// value, and a value only behind =. It is the limit of the run, unless --timeout is given too
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "15m", value_parser = StringValueParser::new().try_map(|text| duration(&text)))]
    pub wait: Option<Duration>,
    /// Look for calls in this event data store of CloudTrail Lake instead of the event history, which keeps 90 days. AWS
    /// bills it by the data scanned
    #[arg(long, value_name = "ID or ARN", value_parser = StringValueParser::new().try_map(|text| store(&text)))]
    pub trail_lake: Option<EventDataStore>,
    /// Ask CloudTrail also for what else it keeps of the task: its agent's reports, its load balancer targets, later
    /// service events, who ran it. Some seconds more, at two look-ups a second
    #[arg(long)]
    pub deep: bool,
}

/// Whether what was gathered is kept beside the answer.
#[derive(Debug, Clone, Args)]
pub struct Saving {
    /// Also save AWS's answers as a case file, as `ecs-trace save` does
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub save: Option<PathBuf>,
    /// In the saved file, replace accounts, addresses and names by others
    #[arg(long, visible_alias = "anonymize", requires = "save")]
    pub anonymise: bool,
}

fn store(text: &str) -> Result<EventDataStore, String> {
    EventDataStore::parse(text).ok_or_else(|| "wanted the id or the ARN of an event data store: aws cloudtrail list-event-data-stores".to_owned())
}

/// The task, in whatever form it was at hand.
#[derive(Debug, Clone, Args)]
pub struct TaskArgument {
    /// Task id, prefix of one, cluster/id, ARN, console URL, log stream, service/NAME, @latest, case file, - or demo:NAME;
    /// without one, on a terminal, pick from a list
    #[arg(value_name = "TASK")]
    pub task: Option<String>,
}

/// `20s`, `2m`, `1m 30s`, `500ms`; a bare number is seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return positive(Duration::from_secs(seconds));
    }
    // A day is 24 hours here, whatever the clocks do.
    if let Some(days) = text.strip_suffix('d').and_then(|days| days.trim().parse::<u64>().ok()).filter(|days| *days <= 3_650) {
        return positive(Duration::from_secs(days * 86_400));
    }
    let span: jiff::SignedDuration = text.parse().map_err(|_| "wanted a duration such as 20s, 2m, 1h 30m, 7d or 500ms".to_owned())?;
    positive(Duration::try_from(span).map_err(|_| "wanted a duration above zero, such as 20s".to_owned())?)
}

fn positive(duration: Duration) -> Result<Duration, String> {
    if duration.is_zero() { Err("wanted a duration above zero, such as 20s".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        assert!(duration("soon").is_err() && duration("0").is_err() && duration("-3s").is_err());
    }
}
