//! `doctor`: who is asking, what may be read, and what to do about what may not.

use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use crate::diagnosis::access::{Checkup, Told, Unreached};
use crate::diagnosis::task::last_segment;
use crate::render::{doctor as report, json};
use crate::sources::deadline::Deadline;
use crate::sources::permissions::{Examined, examine, unasked};
use crate::sources::{Ended, ledger::Progress};

use super::args::Everywhere;
use super::failure::{Exit, Failure};
use super::gathering::{Wanted, cluster_region, interrupted, open, runtime, session};
use super::output::rendered;
use super::screen::{Screen, say};
use super::{Done, policy};

/// Who am I, what may I read, and what is missing
///
/// Asks one cheap question for every action ecs-trace can use, all at once, and says which are allowed, which are
/// denied and by what kind of policy; queries that AWS bills (StartQuery) are not tried; whose credentials these are and where they came from; whether an archive of ECS
/// events and Container Insights are there; and whether the clock is right. Without region or credentials it tells what
/// it knows all the same. It returns 3 where something stands in the way.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ecs-trace doctor --profile oncall --cluster prod
  ecs-trace doctor --policy > ecs-trace.json     no AWS account needed")]
pub struct Arguments {
    /// Print the least IAM policy that allows everything, and ask nothing
    #[arg(long)]
    policy: bool,
}

pub fn run(arguments: &Arguments, options: &Everywhere, screen: &Screen, now: Timestamp) -> Done {
    if arguments.policy {
        screen.answer(&policy::whole())?;
        return Ok(Exit::Answered);
    }
    let runtime = runtime()?;
    runtime.block_on(examined(options, screen, now))
}

async fn examined(options: &Everywhere, screen: &Screen, now: Timestamp) -> Done {
    let _listening = super::interrupt::listening();
    let began = tokio::time::Instant::now();
    let deadline = Deadline::new(began + options.limit());
    let account = tokio::select! {
        opened = open(options, cluster_region(options), Wanted::default(), screen, screen.observer(), &deadline) => opened,
        () = deadline.passed() => Err(Failure::new(Exit::NoAccess, format!("no credentials came within {:?}", options.limit())).hint("give it more time: --timeout 60s")),
        () = interrupted() => return Err(Failure::new(Exit::Interrupted, "interrupted before anything was asked")),
    };
    let account = match account {
        Ok(account) => account,
        Err(Failure { message: why, hints: remedies, .. }) => {
            let session = session(options, cluster_region(options), Wanted::default(), &deadline);
            let mut unreached = Unreached { why, remedies };
            if cluster_region(options).is_none() && unreached.why == NO_REGION {
                add_credentials(&mut unreached, options, screen, &deadline).await;
            }
            let mut checkup = unasked(&session, unreached, now);
            settings(&mut checkup, options);
            print(&checkup, options, screen)?;
            return Ok(Exit::Inconclusive);
        }
    };
    let bars = Arc::new(screen.progress());
    let examined = Examined { account: &account, cluster: options.cluster.as_deref(), now, began, deadline: deadline.at() };
    let (mut checkup, ended) = examine(&examined, &|progress: Progress| bars.update(progress), interrupted()).await;
    if ended == Ended::Interrupted {
        bars.clear_after_interrupt();
        say("interrupted: what had arrived is shown");
    } else {
        bars.clear();
    }
    settings(&mut checkup, options);
    print(&checkup, options, screen)?;
    Ok(match ended {
        Ended::Interrupted => Exit::Interrupted,
        _ if checkup.is_clear() => Exit::Answered,
        _ => Exit::Inconclusive,
    })
}

/// Without a region nobody has looked for credentials yet: both are told at once. Whose they are depends on no region.
async fn add_credentials(unreached: &mut Unreached, options: &Everywhere, screen: &Screen, deadline: &Deadline) {
    let opened = tokio::select! {
        opened = open(options, Some(ANY_REGION.to_owned()), Wanted::default(), screen, None, deadline) => opened,
        () = deadline.passed() => return,
        () = interrupted() => return,
    };
    if let Err(Failure { message, hints, .. }) = opened {
        unreached.why = format!("{}, and {message}", unreached.why);
        unreached.remedies.extend(hints);
    }
}

const NO_REGION: &str = "no region";
/// No question leaves for it.
const ANY_REGION: &str = "us-east-1";

fn print(checkup: &Checkup, options: &Everywhere, screen: &Screen) -> Result<(), Failure> {
    screen.answer(&rendered(options, || json::doctor::Doctor::from(checkup), || report::report(checkup, &screen.page, policy::of))?)
}

/// What the command line itself knows of where a setting came from.
fn settings(checkup: &mut Checkup, options: &Everywhere) {
    if let (Some(profile), Some(setting)) = (&mut checkup.profile, options.from("profile")) {
        profile.from.clone_from(&setting.from);
    }
    let (Some(cluster), Some(setting)) = (&options.cluster, options.from("cluster")) else { return };
    checkup.cluster = Some(Told::new(last_segment(cluster), setting.from.clone()));
    if options.region.is_none()
        && cluster_region(options).is_some()
        && let Some(region) = &mut checkup.region
    {
        region.from = format!("the ARN of the cluster ({})", setting.from);
    }
}
