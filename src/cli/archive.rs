//! `archive`: what keeps stopped tasks for longer than ECS does, as a template, and whether one is on.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::diagnosis::task::last_segment;
use crate::diagnosis::words::{list, value};
use crate::render::columns::{padded, width, wrapped};
use crate::render::printable::printable;
use crate::sources::archive::{Keeps, Kept, Survey, survey};
use crate::sources::deadline::Deadline;
use crate::sources::task::NotFound;

use super::Done;
use super::args::{Everywhere, Format};
use super::failure::{Exit, Failure};
use super::gathering::{Wanted, cluster_region, interrupted, open, runtime};
use super::output::rendered;
use super::screen::Screen;

/// Keep stopped tasks for longer than an hour, and see whether that is on
///
/// ECS forgets a stopped task after about an hour. An EventBridge rule can keep its events in a CloudWatch log group;
/// where there is one, every command reads it once ECS has forgotten. Without one such a task is put together from what
/// CloudTrail, Container Insights and its own logs keep: what ran and until when, and seldom why it ended.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  ecs-trace archive template > ecs-archive.yaml
  ecs-trace archive status --region eu-west-1"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the CloudFormation template that keeps them
    ///
    /// One EventBridge rule for ECS's task, service, deployment and container instance events, a log group with a
    /// retention, and the permission to write there. ecs-trace itself creates nothing.
    #[command(after_help = "Examples:
  ecs-trace archive template > ecs-archive.yaml
  ecs-trace archive template | less

Then, for instance:
  aws cloudformation deploy --stack-name ecs-archive \\
    --template-file ecs-archive.yaml --parameter-overrides RetentionInDays=90")]
    Template,
    /// Show what keeps ECS's events in the region or of a cluster, and for how long
    #[command(after_help = "Examples:
  ecs-trace archive status
  ecs-trace archive status --cluster prod
  ecs-trace archive status -o json --query 'groups[?archive].group'")]
    Status,
}

pub fn run(arguments: &Arguments, options: &Everywhere, screen: &Screen) -> Done {
    match arguments.command {
        Command::Template if options.output != Format::Text && !options.output_is_usual() => Err(Failure::usage("the template is YAML, whatever -o says: leave it out")),
        Command::Template => {
            screen.answer(include_str!("../../templates/archive.yaml"))?;
            Ok(Exit::Answered)
        }
        Command::Status => {
            let runtime = runtime()?;
            runtime.block_on(status(options, screen))
        }
    }
}

async fn status(options: &Everywhere, screen: &Screen) -> Done {
    let deadline = Deadline::after(options.limit());
    let cluster = options.cluster.as_deref().map(last_segment);
    let asked = async {
        let account = open(options, cluster_region(options), Wanted::default(), screen, screen.observer(), &deadline).await?;
        let Survey { mut kept, unlisted } =
            survey(&account, crate::cli::stops::before(deadline.at())).await.map_err(|failing| NotFound::Refused { action: "logs:DescribeLogGroups", failing })?;
        kept.retain(|kept| kept.keeps.is_of(cluster));
        Ok::<_, Failure>((account.region.clone(), kept, unlisted))
    };
    let (region, kept, unlisted) = tokio::select! {
        answered = asked => answered?,
        () = deadline.passed() => return Err(Failure::new(Exit::Other, format!("CloudWatch Logs did not answer within {:?}", options.limit())).hint("give it more time: --timeout 60s")),
        () = interrupted() => return Err(Failure::new(Exit::Interrupted, "interrupted")),
    };
    let document = || {
        let group = |kept: &Kept| {
            let (keeps, cluster) = words(&kept.keeps);
            let mut told = json!({"group": kept.group, "keeps": keeps, "archive": kept.keeps.is_archive(), "storedBytes": kept.stored});
            // What is not known, or does not end, is left out.
            told.as_object_mut().into_iter().for_each(|told| {
                told.extend(kept.only_queried.then(|| ("onlyQueried".to_owned(), json!(true))));
                told.extend(cluster.map(|cluster| ("cluster".to_owned(), json!(cluster))));
                told.extend(kept.retention_days.map(|days| ("retentionDays".to_owned(), json!(days))));
            });
            told
        };
        json!({"schemaVersion": 1, "region": region, "groups": kept.iter().map(group).collect::<Vec<_>>()})
    };
    screen.answer(&rendered(options, document, || table(&kept, (cluster, !unlisted.is_empty()), &region, screen))?)?;
    for (prefix, failing) in &unlisted {
        screen.note(&format!("log groups below {prefix} could not be listed: {}", failing.words()));
    }
    Ok(if unlisted.is_empty() { Exit::Answered } else { Exit::Inconclusive })
}

/// What a group keeps, and of which cluster.
fn words(keeps: &Keeps) -> (&'static str, Option<&str>) {
    match keeps {
        Keeps::Events => ("events", None),
        Keeps::EventsOf(cluster) => ("events", Some(cluster)),
        Keeps::ActionLogs(cluster) => ("action-logs", Some(cluster)),
        Keeps::Insights(cluster) => ("container-insights", Some(cluster)),
    }
}

fn table(kept: &[Kept], (cluster, in_part): (Option<&str>, bool), region: &str, screen: &Screen) -> String {
    let look = &screen.page.look;
    let is_read = |kept: &&Kept| kept.keeps.is_archive() && !kept.only_queried;
    let only_queried = kept.iter().any(|kept| kept.keeps.is_archive() && kept.only_queried);
    let archives = kept.iter().filter(is_read).count();
    let captured: Option<Vec<String>> = kept.iter().filter(is_read).map(|kept| words(&kept.keeps).1.map(|name| printable(name).into_owned())).collect();
    let asked = cluster.map(|name| format!(" of cluster {}", printable(name)));
    let headline = match (archives, &asked, captured) {
        (0, asked, _) if only_queried => {
            let of = asked.as_deref().unwrap_or_default();
            format!("ECS events{of} are kept in {region} in class INFREQUENT_ACCESS alone: stops --since reads them by a query, and no single task is looked for there.")
        }
        (0, asked, _) if in_part => {
            let of = asked.as_deref().unwrap_or_default();
            format!("No archive of ECS events{of} was seen in {region}, and not all log groups could be listed.")
        }
        (0, asked, _) => {
            let of = asked.as_deref().unwrap_or_default();
            format!("No archive of ECS events{of} in {region}: what stopped more than about an hour ago is lost.")
        }
        // Captured cluster by cluster: of any other one nothing is kept.
        (_, None, Some(clusters)) => {
            let of = if clusters.len() == 1 { format!("cluster {} alone", clusters[0]) } else { format!("{} clusters alone ({})", clusters.len(), few(&clusters)) };
            format!("ECS events of {of} are kept in {region}; a task of there that ECS has forgotten is looked for.")
        }
        (_, asked, _) => {
            let of = asked.as_deref().unwrap_or_default();
            format!("ECS events{of} are kept in {region}; a task that ECS has forgotten is looked for there.")
        }
    };
    // In a pipe it stays on one line, to be found again.
    let room = screen.page.width.map_or(100_000, |_| screen.page.measure());
    let mark = if archives == 0 { look.paint(&look.bad, "✗") } else { look.paint(&look.good, "✓") };
    let mut out = format!("{mark}  {}\n", wrapped(&headline, room.saturating_sub(INDENT)).join(&format!("\n{:INDENT$}", "")));
    let groups: Vec<String> = kept.iter().map(|kept| printable(&kept.group).into_owned()).collect();
    let columns = groups.iter().map(|group| width(group)).max().unwrap_or(0);
    if !kept.is_empty() {
        out.push('\n');
    }
    for (kept, group) in kept.iter().zip(&groups) {
        let mark = if is_read(&kept) { look.paint(&look.good, "✓") } else { look.paint(&look.faint, "·") };
        let (keeps, cluster) = words(&kept.keeps);
        let of = cluster.map_or_else(|| "every cluster its rule lets through".to_owned(), |cluster| format!("cluster {}", printable(cluster)));
        let days = kept.retention_days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"));
        let class = if kept.only_queried { ", class INFREQUENT_ACCESS" } else { "" };
        let rest = format!("{}  {}  {of}{class}", padded(&days, 9), padded(keeps, 18));
        let line = format!("{}  {rest}", padded(group, columns));
        // A name is whole, to be copied; what does not fit beside it stands below.
        let fits = INDENT + width(&line) <= room;
        out.push_str(&if fits { format!("{mark}  {line}\n") } else { format!("{mark}  {group}\n{:INDENT$}{rest}\n", "") });
    }
    if archives == 0 && kept.iter().any(|kept| matches!(kept.keeps, Keeps::Insights(_))) {
        out.push_str("\nContainer Insights still tells what such a task was and when it was last there, and neither why nor how it ended.\n");
    }
    if archives == 0 {
        out.push_str("\nTo keep them from now on:\n  ecs-trace archive template > ecs-archive.yaml\n");
        out.push_str(&format!("  aws cloudformation deploy --stack-name ecs-archive --template-file ecs-archive.yaml --region{}\n", printable(&value(region))));
    }
    out
}

/// The mark before each line, and what parts it from the words.
const INDENT: usize = 3;

/// The first of many names.
fn few(names: &[String]) -> String {
    const MOST: usize = 5;
    if names.len() > MOST { format!("{} and {} more", names[..MOST].join(", "), names.len() - MOST) } else { list(names) }
}
