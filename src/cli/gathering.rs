//! From what was typed to a judged trace: which task, which account, then every source at once.

use std::io::Read;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use crate::diagnosis::call::REPORTS;
use crate::diagnosis::evidence::{Evidence, Reading, Source, Status as ReadingStatus};
use crate::diagnosis::stopped_by::{KEPT_FOR, Status};
use crate::diagnosis::task::{EcsArn, Task, Times, last_segment};
use crate::diagnosis::verdict::Cause;
use crate::diagnosis::words::{self, shell, value};
use crate::diagnosis::{Trace, trace};
use crate::sources::account::{Account, Session, is_host_label};
use crate::sources::api_calls;
use crate::sources::archive::Kept;
use crate::sources::archived_task::{self, Sought as SoughtInArchives};
use crate::sources::aws_cli::{AwsCli, has_terminal};
use crate::sources::case::{Asked, Case, FORMAT, MOST_BYTES, Run, Unreadable};
use crate::sources::deadline::Deadline;
use crate::sources::document::Document;
use crate::sources::failing::Kind;
use crate::sources::ledger::Ledger;
use crate::sources::target::{Place, Target};
use crate::sources::trail_lake::{self, EventDataStore};
use crate::sources::{Ended, Limits, Reach, ask_cloudtrail_again, attempt_limit, demos, gather, redact, task};
use crate::sources::{kept_insights, kept_logs};

use super::args::{Everywhere, Waiting};
use super::complete::regions::REGIONS;
use super::failure::{Exit, Failure};
use super::interrupt;
pub(super) use super::interrupt::interrupted;
use super::picker;
use super::screen::{Bars, Screen, say};

/// A judged trace and how its gathering ended.
pub struct Gathered {
    pub trace: Trace,
    pub ended: Ended,
    account: Account,
    /// The case it was replayed from.
    replayed: Option<Arc<Case>>,
    run: Run,
}

/// What a command wants gathered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Ask only ECS and the logs.
    pub only_logs: bool,
    /// Keep AWS's answers, to save them.
    pub record: bool,
    /// How long to ask CloudTrail again where it may not have delivered the call yet.
    pub wait: Option<Duration>,
    /// The event data store to ask instead of CloudTrail's event history.
    pub trail_lake: Option<&'a EventDataStore>,
    /// Ask CloudTrail for all it keeps of the task.
    pub deep: bool,
}

impl<'a> Wanted<'a> {
    /// The whole answer, as patiently as was asked for.
    #[must_use]
    pub fn waiting(waiting: &'a Waiting) -> Self {
        Self { wait: waiting.wait, trail_lake: waiting.trail_lake.as_ref(), deep: waiting.deep, ..Self::default() }
    }
}

impl Gathered {
    /// 130 after an interrupt, else what the command makes of it.
    #[must_use]
    pub fn exit(&self, exit: Exit) -> Exit {
        if self.ended == Ended::Interrupted { Exit::Interrupted } else { exit }
    }

    /// AWS's answers as a case, redacted unless that was switched off for this run.
    #[must_use]
    pub fn case(&self) -> Case {
        if let Some(case) = &self.replayed {
            return Case::clone(case);
        }
        let evidence = &self.trace.timeline.evidence;
        Case {
            ecs_trace_case: FORMAT,
            title: None,
            taken_at: evidence.taken_at,
            region: self.account.region.clone(),
            task: Asked { arn: evidence.task.arn.clone(), cluster: evidence.task.cluster.clone() },
            run: Some(self.run.clone()),
            exchanges: self.account.recorded(self.ended == Ended::Complete),
        }
    }
}

/// Where the answers come from.
enum From {
    Aws(Target),
    /// A task pasted as JSON: ECS is asked for a newer word, and this one stands where it has none.
    Given(Box<Task>, Value),
    Case(Arc<Case>),
}

/// What decides which task the answers are about: the same in a run and in its replay.
enum Sought {
    Target(Target),
    Given(Box<Task>),
}

/// What every command asks AWS on.
///
/// # Errors
/// If the system gives no threads or files for it.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    started(tokio::runtime::Builder::new_current_thread().enable_all())
}

/// In a replay nobody waits: where all else is done, the clock of the run jumps to what it waits for next.
fn runtime_of_a_replay() -> Result<tokio::runtime::Runtime, Failure> {
    started(tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true))
}

fn started(builder: &mut tokio::runtime::Builder) -> Result<tokio::runtime::Runtime, Failure> {
    builder.build().map_err(|error| Failure::new(Exit::Other, format!("cannot start: {error}")))
}

/// Finds the task, asks every source, judges.
///
/// # Errors
/// If what was typed is no task, no account can be reached, or the task cannot be found.
pub fn gathered(typed: Option<&str>, options: &Everywhere, wanted: Wanted<'_>, screen: &Screen, now: Timestamp) -> Result<Gathered, Failure> {
    let picked = match typed {
        None if picker::is_possible() => Some(runtime()?.block_on(picker::pick(options, screen, now))?),
        _ => None,
    };
    let Some(typed) = typed.or(picked.as_deref()) else {
        return Err(Failure::usage("no task given; wanted is a task id, a prefix of one, an ARN, a console URL, service/NAME, @latest or demo:NAME")
            .hint("without one, a list opens to pick from, but that needs a terminal")
            .hint("try it without an account: ecs-trace timeline demo:out-of-memory"));
    };
    let target = Target::parse(typed)?;
    contradictions(&target, options)?;
    let from = origin(target, options)?;
    let runtime = if matches!(from, From::Case(_)) { runtime_of_a_replay()? } else { runtime()? };
    runtime.block_on(gather_from(from, typed, options, wanted, screen, now))
}

/// The options that decide who is asked and where, as they were given.
fn session_options(options: &Everywhere) -> String {
    let given = [("--profile", &options.profile), ("--endpoint-url", &options.endpoint_url), ("--ca-bundle", &options.ca_bundle)];
    given.into_iter().filter_map(|(name, value)| value.as_ref().map(|value| format!(" {name} {}", shell(value)))).collect()
}

fn no_region(typed: &str) -> Failure {
    Failure::usage(format!("`{typed}` is no region; wanted is a name such as eu-west-1"))
}

/// An explicit option that says otherwise than the text itself is a mistake, not a preference.
fn contradictions(target: &Target, options: &Everywhere) -> Result<(), Failure> {
    if let Some(region) = &options.region
        && !is_host_label(region)
    {
        return Err(no_region(region));
    }
    if let Some(theirs) = target.region() {
        agree("task", ("region", theirs, "--region"), options.region.as_deref())?;
    }
    if let Some(theirs) = cluster_region(options).filter(|_| !options.cluster_is_default) {
        agree("cluster's ARN", ("region", &theirs, "--region"), options.region.as_deref())?;
        if let Some(region) = target.region() {
            agree("task", ("region", region, "the ARN of --cluster"), Some(&theirs))?;
        }
    }
    if let Some(theirs) = target.cluster() {
        agree("task", ("cluster", theirs, "--cluster"), explicit_cluster(options).map(last_segment))?;
    }
    Ok(())
}

/// Whether the cluster that was typed with a name is the one of `--cluster`.
///
/// # Errors
/// If it is another.
pub(super) fn agree_on_cluster(typed: &str, options: &Everywhere) -> Result<(), Failure> {
    agree("service", ("cluster", typed, "--cluster"), explicit_cluster(options).map(last_segment))
}

/// An exported `ECS_CLUSTER` and the config file's cluster are defaults and yield; the option itself does not.
fn explicit_cluster(options: &Everywhere) -> Option<&str> {
    options.cluster.as_deref().filter(|_| !options.cluster_is_default)
}

/// The region inside a cluster given as an ARN.
pub(super) fn cluster_region(options: &Everywhere) -> Option<String> {
    EcsArn::parse(options.cluster.as_deref()?).map(|arn| arn.region)
}

fn agree(what: &str, (kind, theirs, option): (&str, &str, &str), ours: Option<&str>) -> Result<(), Failure> {
    match ours {
        Some(ours) if ours != theirs => {
            Err(Failure::usage(format!("the {what} is of {kind} {theirs}, and {option} says {ours}")).hint(format!("leave {option} out, or name the other {kind}'s task")))
        }
        _ => Ok(()),
    }
}

fn origin(target: Target, options: &Everywhere) -> Result<From, Failure> {
    let of_document = |bytes: &[u8], name: &str| match Document::read(bytes) {
        Ok(Document::Case(case)) => Ok(From::Case(Arc::new(*case))),
        Ok(Document::Task(task, value)) => Ok(given(task, value, options)),
        Err(error) => Err(Failure::usage(format!("cannot read {name}: {error}"))),
    };
    match target {
        Target::Demo(name) => match demos::find(&name) {
            Some(Ok(case)) => Ok(From::Case(Arc::new(case))),
            Some(Err(error)) => Err(Failure::new(Exit::Other, format!("demo `{name}`: {error}"))),
            None => {
                let names: Vec<&str> = demos::names().map(|(name, _)| name).collect();
                Err(Failure::usage(format!("no demo `{name}`")).meant(&name, &names).hint(format!("there are: {}", names.join(", "))))
            }
        },
        Target::File(path) => of_document(&read_file(&path)?, &format!("`{}`", path.display())),
        Target::Stdin => of_document(&read_stdin(options.limit())?, "standard input"),
        target => Ok(From::Aws(target)),
    }
}

/// A pasted task without the secrets in it, as AWS's answers are without theirs.
fn given(task: Box<Task>, mut value: Value, options: &Everywhere) -> From {
    if !options.no_redact {
        redact::document(&mut value);
    }
    match Document::of_value(value.clone()) {
        Ok(Document::Task(task, _)) => From::Given(task, value),
        _ => From::Given(task, value),
    }
}

/// Who pipes may say nothing for ever: no longer is waited than the run may take.
fn read_stdin(limit: Duration) -> Result<Vec<u8>, Failure> {
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes);
        let _ = told.send(read.map(|_| bytes));
    });
    match heard.recv_timeout(limit) {
        Ok(read) => read.map_err(|error| Failure::new(Exit::Other, format!("cannot read standard input: {error}"))),
        Err(_) => {
            Err(Failure::new(Exit::Other, format!("standard input did not come to its end within {limit:?}")).hint("give it more time: --timeout 60s, or save it in a file first"))
        }
    }
}

/// What is no file, as a pipe that nobody writes to, may keep its reader for ever: it is not opened.
fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let cannot = |why: &dyn std::fmt::Display| Failure::usage(format!("cannot read the case file `{}`: {why}", path.display()));
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(cannot(&"it is a folder")),
        Ok(found) if !found.is_file() => return Err(cannot(&"it is a pipe or a device, and wanted is a file; `-` reads standard input")),
        Ok(found) if found.len() > MOST_BYTES as u64 => return Err(cannot(&Unreadable::TooLarge)),
        _ => {}
    }
    let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    Ok(bytes)
}

async fn gather_from(from: From, typed: &str, options: &Everywhere, wanted: Wanted<'_>, screen: &Screen, now: Timestamp) -> Result<Gathered, Failure> {
    let _listening = interrupt::listening();
    let began = tokio::time::Instant::now();
    let deadline = Deadline::new(began + options.limit());
    let bars = Arc::new(screen.progress());
    let painted = Arc::clone(&bars);
    let ledger = Ledger::new(move |progress| painted.update(progress));
    let observer = screen.observer();
    let replayed = match &from {
        From::Case(case) => Some(Arc::clone(case)),
        _ => None,
    };
    if let Some(case) = &replayed {
        agree("case", ("region", &case.region, "--region"), options.region.as_deref())?;
        agree("case", ("cluster", &case.task.cluster, "--cluster"), explicit_cluster(options).map(last_segment))?;
    }
    let mut run = Run { cluster: options.cluster.clone(), began: Some(now), ..Run::default() };
    match (&from, &replayed) {
        (From::Aws(_), _) => run.typed = Some(typed.to_owned()),
        (From::Given(_, value), _) => run.given = Some(value.clone()),
        // A run that is gone through again has its own cluster.
        (_, Some(case)) => run = case.run.clone().unwrap_or_default(),
        _ => {}
    }
    let (account, now, (found, archives)) = {
        let locate = async {
            let (account, now, sought) = match from {
                From::Case(case) => {
                    let sought = sought_in(&case)?;
                    let began = run.began.unwrap_or(case.taken_at);
                    (Account::replay(case, !options.no_redact, observer), began, sought)
                }
                From::Given(given, _) => {
                    agree("task", ("region", &given.region, "--region"), options.region.as_deref())?;
                    agree("task", ("cluster", &given.cluster, "--cluster"), explicit_cluster(options).map(last_segment))?;
                    let region = Some(given.region.clone()).filter(|region| !region.is_empty());
                    (open(options, region, wanted, screen, observer, &deadline).await?, now, Sought::Given(given))
                }
                From::Aws(target) => {
                    let region = target.region().map(str::to_owned).or_else(|| cluster_region(options));
                    (open(options, region, wanted, screen, observer, &deadline).await?, now, Sought::Target(target))
                }
            };
            let found = match sought {
                Sought::Given(given) => (newer_word(&account, &ledger, *given).await, Vec::new()),
                Sought::Target(target) => located(&account, &ledger, &target, (run.cluster.as_deref(), options.limit(), wanted), now).await?,
            };
            Ok::<_, Failure>((account, now, found))
        };
        tokio::select! {
            located = locate => located.inspect_err(|_| bars.clear())?,
            () = deadline.passed() => {
                bars.clear();
                let awaited = match ledger.awaited() {
                    actions if actions.is_empty() => "no credentials came".to_owned(),
                    actions => format!("{} did not answer in time", words::list(&actions)),
                };
                return Err(Failure::new(Exit::Other, format!("the task was not found within {:?}: {awaited}", options.limit())).hint("give it more time: --timeout 60s, or see each request with -v"));
            }
            () = interrupted() => {
                bars.clear_after_interrupt();
                return Err(Failure::new(Exit::Interrupted, "interrupted before the task was found"));
            }
        }
    };
    for remark in ledger.remarks() {
        screen.note(&remark);
    }
    // A store that was asked when the case was saved has its answers there.
    let trail_lake = wanted.trail_lake.filter(|_| replayed.as_ref().is_none_or(|case| case.exchanges.iter().any(|exchange| exchange.action == trail_lake::START)));
    if let (Some(store), Some(stop)) = (trail_lake, found.stop_anchor().filter(|_| replayed.is_none())) {
        let minutes = |offset: i64| (stop + jiff::SignedDuration::from_mins(offset)).strftime("%F %H:%M UTC").to_string();
        screen.note(&format!(
            "asking event data store {}, which AWS bills by the data scanned: calls from {} to {}, and of what led there in its own minutes",
            store.id,
            minutes(-15),
            minutes(1)
        ));
    }
    let reach = Reach { task: &found, account: &account, ledger: &ledger, now, redact: !options.no_redact, before: None, deep: wanted.deep, archives: &archives, trail_lake };
    let limits = Limits { deadline: deadline.at(), only_logs: wanted.only_logs };
    let interrupt = async {
        // In a replay the clock stands until nothing more comes: then Ctrl-C came.
        match replayed.is_some() && run.interrupted {
            true => tokio::time::sleep_until(deadline.at() - Duration::from_millis(1)).await,
            false => interrupted().await,
        }
    };
    let (mut evidence, mut ended) = gather(&reach, limits, interrupt).await;
    if replayed.is_some() {
        for at in &run.again {
            evidence = asked_again(&evidence, &reach, *at, &bars).await;
        }
    }
    let mut unheard = None;
    if let Some(wait) = wanted.wait.filter(|_| ended != Ended::Interrupted) {
        if replayed.is_some() {
            screen.note("a case does not change: nothing to wait for");
        } else {
            let until = began + options.timeout.unwrap_or(wait);
            let mut again = Vec::new();
            let late = tokio::select! {
                late = waited(evidence.clone(), &reach, &bars, (began, until), (&mut again, &mut unheard)) => Some(late),
                () = interrupted() => None,
            };
            match late {
                Some(late) => (evidence, run.again) = (late, again),
                None => ended = Ended::Interrupted,
            }
        }
    }
    if replayed.is_some() {
        // That it was interrupted then does not make this run incomplete.
        ended = Ended::Complete;
    } else {
        run.interrupted = ended == Ended::Interrupted;
    }
    if ended == Ended::Interrupted {
        bars.clear_after_interrupt();
        say("interrupted: what had arrived is shown");
    } else {
        bars.clear();
    }
    if let Some(why) = unheard {
        screen.note(&format!("CloudTrail could not be read when it was asked again: {why}"));
    }
    let mut trace = trace(evidence);
    let heard = trace.timeline.seen_by(Source::Service).is_ok();
    if !found.exists() && trace.verdict.cause == Cause::Unknown && trace.verdict.evidence.is_empty() && ended == Ended::Complete && heard {
        let (service, region, cluster) = (found.service.clone(), found.region.clone(), found.cluster.clone());
        return Err(task::NotFound::NothingStopped { service, region, looked_in: vec![cluster], cluster: None }.into());
    }
    let task = &trace.timeline.evidence.task;
    let place = format!("{} --region{}", shell(&task.place()), value(&task.region));
    for command in trace.verdict.next_steps.iter_mut().filter_map(|step| step.command.as_mut()) {
        // A suggested command asks as this run did: by the same identity and endpoint. In the replay of a run it is that
        // run's; of any other case, it asks the case.
        match replayed.as_ref().filter(|case| case.run.is_none() && command.starts_with("ecs-trace ")) {
            Some(_) => *command = command.replace(&place, &shell(typed)),
            None if command.starts_with("aws ") || command.starts_with("ecs-trace ") => command.push_str(&session_options(options)),
            None => {}
        }
    }
    Ok(Gathered { trace, ended, account, replayed, run })
}

/// What a case is about: as it was asked for when it was saved, else its task.
fn sought_in(case: &Case) -> Result<Sought, Failure> {
    let run = case.run.clone().unwrap_or_default();
    if let Some(given) = run.given {
        return match Document::of_value(given)? {
            Document::Task(task, _) => Ok(Sought::Given(task)),
            Document::Case(_) => Err(Failure::usage("the case holds no task, but another case")),
        };
    }
    let Some(typed) = run.typed else {
        let place = Place { id: last_segment(&case.task.arn).to_owned(), cluster: Some(case.task.cluster.clone()), arn: Some(case.task.arn.clone()), ..Place::default() };
        return Ok(Sought::Target(Target::Task(place)));
    };
    match Target::parse(&typed)? {
        Target::Stdin | Target::File(_) | Target::Demo(_) => Err(Failure::usage(format!("the case says that it was asked for `{typed}`, which is no task of AWS"))),
        target => Ok(Sought::Target(target)),
    }
}

/// The task that was asked for: from ECS, and where it has forgotten it from an archive or whoever else may remember it;
/// then with the archives that are there.
async fn located(
    account: &Account,
    ledger: &Ledger,
    target: &Target,
    (cluster, limit, wanted): (Option<&str>, Duration, Wanted<'_>),
    now: Timestamp,
) -> Result<(Task, Vec<Kept>), Failure> {
    let found = task::find(account, ledger, target, cluster).await;
    match found {
        // A service that could place no task at all still has its events to tell.
        Err(task::NotFound::NothingStopped { service: Some(service), cluster: Some(cluster), .. }) if !wanted.only_logs => {
            Ok((Task { cluster, region: account.region.clone(), service: Some(service), ..Task::default() }, Vec::new()))
        }
        Err(error @ task::NotFound::Missing { .. }) if !is_forgotten(&error) => Err(asked_in(error, &account.region)),
        // What ECS has forgotten, with its cluster or without, an archive of its events may still hold.
        Err(error @ (task::NotFound::Missing { .. } | task::NotFound::NoCluster { .. })) => {
            let (place, is_beginning) = match target {
                Target::Task(place) => (place.clone(), false),
                Target::Prefix { prefix, cluster } => (Place { id: prefix.clone(), cluster: cluster.clone(), ..Place::default() }, true),
                _ => return Err(error.into()),
            };
            let cluster = place.cluster.clone().or_else(|| cluster.map(|cluster| last_segment(cluster).to_owned()));
            let place = Place { cluster, ..place };
            // Neither may take all the time: one that hangs hides no other, and what is found leads further.
            let share = limit.mul_f64(0.4);
            let (mut found, beside) = archived_or_beyond(account, ledger, SoughtInArchives { place: &place, is_beginning }, share, now).await;
            let remembered = match found.tasks.len() {
                0 if is_beginning || !found.elsewhere.is_empty() => None,
                0 => match beside {
                    Beside::Told(told) => told.map(|told| *told),
                    Beside::NotAsked => beyond_ecs(account, ledger, &place, share, now, None).await,
                },
                1 => match found.tasks.pop() {
                    Some(task) if archived_task::tells_no_end(&task) => {
                        let place = Place { id: task.id.clone(), cluster: Some(task.cluster.clone()), ..place.clone() };
                        let elsewhere = beyond_ecs(account, ledger, &place, share.div_f64(2.0), now, Some(&task)).await;
                        Some(match elsewhere {
                            Some(elsewhere) => archived_task::with_the_end(task, elsewhere),
                            None => task,
                        })
                    }
                    found => found,
                },
                _ => return Err(task::ambiguous(&place.id, &found.tasks).into()),
            };
            let groups = found.take_readable();
            remembered.map(|task| (task, groups)).ok_or_else(|| forgotten(error, ledger, (&found, is_beginning), &account.region, now))
        }
        found => found.map(|task| (task, Vec::new())).map_err(|error| asked_in(error, &account.region)),
    }
}

/// Who else than an archive may remember a task.
const BEYOND_ECS: [Source; 3] = [Source::Cloudtrail, Source::Metrics, Source::Logs];

/// What others told of a task while its archives were still being read.
enum Beside {
    NotAsked,
    Told(Option<Box<Task>>),
}

/// The archives' word on a task. Where they are slow, whoever else may remember it is asked beside them; once one of these knows
/// why it stopped, the archives are waited for no longer.
async fn archived_or_beyond(account: &Account, ledger: &Ledger, sought: SoughtInArchives<'_>, share: Duration, now: Timestamp) -> (archived_task::Found, Beside) {
    let began = tokio::time::Instant::now();
    let until = watch::Sender::new(if sought.is_beginning { began + share } else { began + share.mul_f64(1.5) });
    let mut archived = pin!(archived_task::find(account, ledger, sought, now, (began + share, &until)));
    if sought.is_beginning {
        return (archived.await, Beside::NotAsked);
    }
    if let Ok(found) = tokio::time::timeout(share, &mut archived).await {
        return (found, Beside::NotAsked);
    }
    let told_before = ledger.told();
    let beyond = pin!(beyond_ecs(account, ledger, sought.place, share, now, None));
    match select(archived, beyond).await {
        Either::Left((found, beyond)) if found.tasks.is_empty() && found.elsewhere.is_empty() => (found, Beside::Told(beyond.await.map(Box::new))),
        Either::Left((found, _)) => {
            ledger.forget_told_since(told_before, &BEYOND_ECS);
            (found, Beside::NotAsked)
        }
        Either::Right((told, archived)) => {
            // Who knows the reason knows enough; where it is lost, the archive has it.
            if told.as_ref().is_some_and(|task| task.stopped_reason.is_some()) {
                until.send_replace(tokio::time::Instant::now());
            }
            let found = archived.await;
            if found.tasks.is_empty() {
                return (found, Beside::Told(told.map(Box::new)));
            }
            ledger.forget_told_since(told_before, &BEYOND_ECS);
            (found, Beside::NotAsked)
        }
    }
}

/// Whether ECS was asked everywhere and knows nothing of it.
fn is_forgotten(error: &task::NotFound) -> bool {
    matches!(error, task::NotFound::Missing { denied, clue, .. } if denied.is_empty() && matches!(clue.as_deref(), None | Some(task::Clue::Nearly(_))))
}

/// What CloudTrail, Container Insights and the task's own log streams still tell of it, where no archive does, or none tells
/// of its end.
async fn beyond_ecs(account: &Account, ledger: &Ledger, place: &Place, share: Duration, now: Timestamp, archived: Option<&Task>) -> Option<Task> {
    let until = tokio::time::Instant::now() + share;
    let called = api_calls::forgotten::find(account, ledger, place, now, until);
    let sampled = kept_insights::find(account, ledger, place, now, until);
    let logged = kept_logs::find(account, ledger, place, until);
    let (called, sampled, logged) = futures::join!(called, sampled, logged);
    if let Some((_, group)) = sampled.as_ref().filter(|_| archived.is_none()) {
        ledger.remark(match called {
            Some(_) => format!("what CloudTrail does not tell of it is from Container Insights ({group})"),
            None => format!("ECS has forgotten this task: it is put together from what Container Insights keeps of it ({group})"),
        });
    }
    let known = match (called, sampled) {
        (Some(called), Some((sampled, _))) => Some(kept_insights::filled(called, sampled)),
        (called, sampled) => called.or(sampled.map(|(task, _)| task)),
    };
    // Its task definition names its logs, wherever else they were looked for.
    if known.as_ref().is_some_and(|task| task.definition_arn.is_some()) {
        ledger.withdraw_asides_of(Source::Logs);
    }
    match (known, logged) {
        // An agent's report names no task definition, which would name the logs.
        (Some(task), Some((logged, _))) => {
            let containers = if task.containers.is_empty() { logged.containers } else { task.containers };
            let times = Times { last_word: logged.times.last_word.max(task.times.last_word), ..task.times };
            Some(Task { streams: logged.streams, containers, times, ..task })
        }
        (None, Some((logged, place))) => {
            if archived.is_some() {
                return Some(logged);
            }
            let readings = ledger.evidence(now).readings;
            let is_unread = readings.iter().any(|reading| reading.may_remember() && reading.status.is_gap());
            ledger.remark(match (logged.last_status.is_none(), is_unread) {
                (true, _) => format!("of this task only its logs were found ({place}); not every cluster could be asked for it, so it may still run"),
                (false, true) => format!("ECS has forgotten this task, and only its logs could be read ({place}): not every witness that may remember it was read"),
                (false, false) => format!("ECS has forgotten this task, and all that is left of it are its logs ({place})"),
            });
            Some(logged)
        }
        (known, None) => known,
    }
}

/// No such task, with what was asked of the archives.
fn forgotten(error: task::NotFound, ledger: &Ledger, (found, is_beginning): (&archived_task::Found, bool), region: &str, now: Timestamp) -> Failure {
    if let Some(task) = found.elsewhere.first() {
        return elsewhere(error, task, found.account.as_deref(), region);
    }
    let readings = ledger.evidence(now).readings;
    let of_memory = |reading: &&Reading| reading.may_remember() && reading.status.is_gap();
    let gaps: Vec<&Reading> = readings.iter().filter(of_memory).collect();
    // That there is none is not known where what may remember it could not be asked.
    let hidden = match &error {
        task::NotFound::Missing { id, .. } if !gaps.is_empty() => Some(format!("ECS does not know task `{id}` any more, and what may still remember it could not be read in full")),
        _ => None,
    };
    let mut failure = asked_in(error, region);
    failure.message = hidden.unwrap_or(failure.message);
    let day = |at: &Timestamp| at.strftime("%F").to_string();
    let of_it = if is_beginning { "a task that begins so" } else { "it" };
    match found.without.as_slice() {
        [] => {}
        [(group, since)] => failure = failure.hint(format!("the archive {group} holds no event of {of_it} since {}", day(since))),
        [(first, since), rest @ ..] => {
            let latest = rest.iter().map(|(_, since)| since).fold(since, |latest, since| latest.max(since));
            failure = failure.hint(format!("{} archives hold no event of {of_it} since {}: {first} and {} more", found.without.len(), day(latest), rest.len()));
        }
    }
    if let Some(why) = &found.no_archive {
        failure = failure.hint(format!("{why}, which would still know it; to have one from now on: ecs-trace archive template"));
    }
    for reading in readings.iter().filter(|reading| reading.source == Source::Archive) {
        match reading.status {
            status if status.is_gap() => {
                // Which log group it was stands in the gap itself.
                let resource = reading.resource.as_deref().filter(|resource| !reading.gap().contains(resource));
                let what = [reading.action.as_deref(), resource].into_iter().flatten().collect::<Vec<_>>().join(" of ");
                let what = if what.is_empty() { what } else { format!("{what}: ") };
                let hint = format!("an archive could not be read: {what}{}", reading.gap());
                failure = if failure.hints.contains(&hint) { failure } else { failure.hint(hint) };
            }
            _ => {}
        }
    }
    let mut of_insights = readings.iter().filter(|reading| reading.source == Source::Metrics);
    match of_insights.clone().find(|reading| reading.status.is_gap()) {
        Some(gap) => failure = failure.hint(format!("Container Insights, which may still tell of it, could not be read: {}", gap_with_action(gap))),
        None => {
            if let Some(since) = of_insights.find_map(|reading| reading.looked_from) {
                failure = failure.hint(format!("Container Insights holds no record of it since {}", day(&since)));
            }
        }
    }
    let (families, others): (Vec<&Reading>, Vec<&Reading>) = readings
        .iter()
        .filter(|reading| reading.source == Source::Logs && reading.status.is_gap())
        .partition(|reading| reading.action.as_deref() == Some(kept_logs::LIST_FAMILIES));
    if let Some(gap) = others.first() {
        failure = failure.hint(format!("its logs, which may be all that is left of it, could not be read: {}", gap_with_action(gap)));
    }
    if let Some(gap) = families.first() {
        failure = failure.hint(format!("if it was of no service, where it logged could not be read from the account's task definition families: {}", gap_with_action(gap)));
    }
    let of_cloudtrail: Vec<_> = readings.iter().filter(|reading| reading.source == Source::Cloudtrail).collect();
    match of_cloudtrail.iter().find(|reading| reading.status.is_gap()) {
        Some(gap) => failure = failure.hint(format!("CloudTrail, which may remember it for 90 days, was not read to the end: {}", gap.gap())),
        None if !of_cloudtrail.is_empty() => {
            failure = failure.hint(format!("CloudTrail remembers no call of the last 90 days, since {}, that started or stopped it", (now - KEPT_FOR).strftime("%F")))
        }
        None => {}
    }
    if is_beginning {
        failure = failure.hint("a task that ECS has forgotten may need its whole id; those that an archive keeps: ecs-trace stops --since 7d -o jsonl");
    }
    if gaps.iter().any(|gap| matches!(gap.status, ReadingStatus::TimedOut | ReadingStatus::Throttled)) { failure.hint("give it more time: --timeout 60s") } else { failure }
}

/// Why it could not be seen, with what was asked: a refusal says that itself.
fn gap_with_action(reading: &Reading) -> String {
    let action = reading.action.as_deref().filter(|_| reading.status != ReadingStatus::Denied);
    action.map(|action| format!("{action}: ")).unwrap_or_default() + &reading.gap()
}

/// An archive knows the task, of another place than was asked for.
fn elsewhere(error: task::NotFound, task: &Task, ours: Option<&str>, asked: &str) -> Failure {
    let (region, cluster) = (&task.region, &task.cluster);
    let hint = match ours.filter(|ours| *ours != task.account) {
        Some(ours) => format!("an archive holds it, of account {}, and account {ours} was asked: take a profile of the other account with --profile NAME", task.account),
        None if region != asked => {
            format!("an archive holds it, of region {region}: ecs-trace timeline {} --region{}", shell(&task.place()), value(region))
        }
        None => format!("an archive holds it, of cluster `{cluster}`: ecs-trace timeline {}", shell(&task.place())),
    };
    let failure = Failure::from(error);
    Failure { hints: vec![hint], ..failure }
}

/// CloudTrail is asked again no sooner than this.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(20);
/// What an answer may take: so long before the end of the waiting it is asked the last time.
const ANSWER_TAKES: Duration = Duration::from_secs(3);

/// The evidence after CloudTrail was asked again and again, until it names the caller or the time is up.
async fn waited(
    mut evidence: Evidence,
    reach: &Reach<'_>,
    bars: &Arc<Bars>,
    (began, until): (tokio::time::Instant, tokio::time::Instant),
    (told, unheard): (&mut Vec<Timestamp>, &mut Option<String>),
) -> Evidence {
    let mut asked = 0_u32;
    loop {
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        let status = trace(evidence.clone()).stopped_by.status;
        let is_late = status == Status::NotYet || status == Status::Unreadable && was_refused(&evidence).is_some() || awaits_a_report(&evidence);
        let pause = match left {
            _ if !is_late => return evidence,
            left if left >= ASK_AGAIN_AFTER + ANSWER_TAKES => ASK_AGAIN_AFTER,
            // The last question is asked just before the end, if that is not at once.
            left if left > ANSWER_TAKES * 2 || asked == 0 => left.saturating_sub(ANSWER_TAKES).max(left / 2),
            _ => return evidence,
        };
        let again = tokio::time::Instant::now() + pause;
        loop {
            let now = tokio::time::Instant::now();
            bars.wait_for_cloudtrail(asked, again.saturating_duration_since(now), until.saturating_duration_since(now));
            if now >= again {
                break;
            }
            tokio::time::sleep_until(again.min(now + Duration::from_secs(1))).await;
        }
        // The clock is read once, at the start: what has passed since is added.
        let passed = jiff::SignedDuration::try_from(began.elapsed()).unwrap_or_default();
        let now = jiff::Timestamp::from_millisecond((reach.now + passed).as_millisecond()).unwrap_or(reach.now);
        asked += 1;
        let mark = reach.account.mark();
        match tokio::time::timeout_at(until, asked_again(&evidence, reach, now, bars)).await {
            // One that could not be read takes nothing away from what had been.
            Ok(late) if trace(late.clone()).stopped_by.status != Status::Unreadable || unread(&late).is_none() => {
                evidence = late;
                told.push(now);
                *unheard = None;
            }
            Ok(late) => {
                reach.account.forget_since(mark);
                *unheard = unread(&late).map(Reading::gap);
            }
            Err(_) => {
                reach.account.forget_since(mark);
                *unheard = Some(reach.account.out_of_time("cloudtrail:LookupEvents", "").words());
                return evidence;
            }
        }
    }
}

/// Why CloudTrail was not read for what the answer rests on.
fn unread(evidence: &Evidence) -> Option<&Reading> {
    evidence.readings.iter().find(|reading| reading.source == Source::Cloudtrail && !reading.aside && reading.status.is_gap())
}

/// The same where it may be read the next time.
fn was_refused(evidence: &Evidence) -> Option<&Reading> {
    unread(evidence).filter(|reading| matches!(reading.status, ReadingStatus::Throttled | ReadingStatus::TimedOut))
}

async fn asked_again(evidence: &Evidence, reach: &Reach<'_>, now: Timestamp, bars: &Arc<Bars>) -> Evidence {
    let painted = Arc::clone(bars);
    let ledger = Ledger::new(move |progress| painted.update(progress));
    let again = Reach {
        task: reach.task,
        account: reach.account,
        ledger: &ledger,
        now,
        redact: reach.redact,
        before: Some(evidence),
        deep: false,
        archives: &[],
        trail_lake: reach.trail_lake,
    };
    ask_cloudtrail_again(&again, evidence).await
}

/// Whether an agent's report of the end, on which the verdict rests, may still come.
fn awaits_a_report(evidence: &Evidence) -> bool {
    evidence.readings.iter().any(|reading| reading.status == ReadingStatus::TooEarly && reading.about.as_deref() == Some(REPORTS[0]))
}

/// Where nothing answers at all, a region that does not exist looks like a network that is down.
fn asked_in(error: task::NotFound, region: &str) -> Failure {
    let unanswered = matches!(&error, task::NotFound::Refused { failing, .. } if matches!(failing.kind, Kind::TimedOut | Kind::Unreachable));
    let known: Vec<&str> = REGIONS.iter().map(|(name, _)| *name).collect();
    let failure = Failure::from(error);
    let failure = if known.contains(&region) { failure } else { failure.meant(region, &known) };
    if unanswered { failure.hint(format!("it was asked in region {region}: if that is not its name, --region NAME")) } else { failure }
}

/// How AWS is to be asked. `region` is the one that the task or the cluster names.
pub(super) fn session(options: &Everywhere, region: Option<String>, wanted: Wanted<'_>, deadline: &Deadline) -> Session {
    Session {
        profile: options.profile.clone(),
        region: options.region.clone().or(region),
        endpoint_url: options.endpoint_url.clone(),
        ca_bundle: options.ca_bundle.clone(),
        aws_cli: Some(AwsCli { until: deadline.clone(), may_ask: has_terminal() }),
        attempt: attempt_limit(options.limit()),
        // The run's own end comes first.
        limit: options.limit().mul_f64(1.2),
        record: wanted.record,
        shows_secrets: options.no_redact,
    }
}

pub(super) async fn open(
    options: &Everywhere,
    region: Option<String>,
    wanted: Wanted<'_>,
    screen: &Screen,
    observer: Option<super::screen::Observer>,
    deadline: &Deadline,
) -> Result<Account, Failure> {
    if let Some(typed) = options.region.as_ref().filter(|typed| !is_host_label(typed)) {
        return Err(no_region(typed));
    }
    let session = session(options, region.clone(), wanted, deadline);
    let account = Account::open(&session, observer).await?;
    if let Some(own) = region.filter(|_| options.region.is_none()) {
        let environment = std::env::var("AWS_REGION").or_else(|_| std::env::var("AWS_DEFAULT_REGION")).ok().filter(|name| !name.is_empty());
        match environment {
            Some(other) if other != own => screen.note(&format!("region {own}, which the task itself names (the environment says {other})")),
            _ => {}
        }
    }
    Ok(account)
}

/// ECS's own newer word on a pasted task, or the pasted one where ECS has forgotten it or cannot be asked.
async fn newer_word(account: &Account, ledger: &Ledger, given: Task) -> Task {
    let place = Place { id: given.id.clone(), cluster: Some(given.cluster.clone()), arn: Some(given.arn.clone()), ..Place::default() };
    match task::current(account, ledger, &place).await {
        Some(current) if current.version >= given.version => current,
        _ => given,
    }
}

/// What a run has taken of CloudTrail's two requests a second.
#[derive(Debug, Default)]
pub struct Budget {
    requests: usize,
    waited: Duration,
}

/// What a command prints of a request under `-v`; of CloudTrail's also what the run has taken of its budget by then.
pub fn print_request(passed: &crate::sources::Passed, budget: &std::sync::Mutex<Budget>) {
    let waited = match passed.action == "cloudtrail:LookupEvents" {
        true => {
            let mut budget = budget.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            budget.requests += 1;
            budget.waited += passed.waited;
            let Budget { requests, waited } = &*budget;
            format!("  (had waited {} ms for CloudTrail's two a second; {requests} by now, {} ms in all)", passed.waited.as_millis(), waited.as_millis())
        }
        false => String::new(),
    };
    say(&format!("{:>6} ms  {:<12} {}  {}{waited}", passed.took.as_millis(), passed.region, passed.action, passed.outcome));
}
