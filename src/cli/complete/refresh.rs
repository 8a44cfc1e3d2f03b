//! Asks AWS behind the prompt: a child without a terminal that ends within seconds, and never starts a sign-on, a
//! question or a program that might put one.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::diagnosis::brief::Stop;
use crate::diagnosis::task::Task;
use crate::sources::account::{Account, Session};
use crate::sources::ledger::Ledger;
use crate::sources::profiles::Profiles;
use crate::sources::{names, redact, stops};

use super::remembered::{Dated, Memory, Piece, Remembered, Stopped, Turn};
use super::scope::Scope;
use super::typed::Typed;

/// The first word of the child's command line. No command of the program: its help and documents know nothing of it.
pub const WORD: &str = "__refresh";
/// The child's whole life.
const BOUND: Duration = Duration::from_secs(10);
const ATTEMPT: Duration = Duration::from_secs(4);
/// How long a TAB that has nothing to show waits for the child, from its own beginning.
const PATIENCE: Duration = Duration::from_millis(300);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Newest first; beyond them nobody looks.
const MOST_TASKS: usize = 500;
const LONGEST: usize = 300;

/// What is remembered, after a moment's wait where that is nothing; starts the child where it is not new.
#[must_use]
pub fn recall(scope: &Scope, pieces: &[Piece], now: Timestamp, began: Instant) -> Remembered {
    let Some(memory) = Memory::open(&scope.key) else { return Remembered::default() };
    let mut remembered = memory.read();
    let wanted: Vec<Piece> = pieces.iter().copied().filter(|piece| !remembered.is_new(*piece, now)).collect();
    if wanted.is_empty() || !scope.is_silent {
        return remembered.known_at(now);
    }
    let (mut child, mut patience) = (None, PATIENCE.saturating_sub(began.elapsed()));
    match memory.take_turn(now) {
        Turn::Mine => match start(scope, &wanted) {
            Some(started) => child = Some(started),
            None => {
                memory.give_turn_back();
                patience = Duration::ZERO;
            }
        },
        // One patience for each child, however often TAB is pressed.
        Turn::Taken(since) => patience = patience.saturating_sub(now.duration_since(since).unsigned_abs()),
        Turn::Nowhere => patience = Duration::ZERO,
    }
    let until = Instant::now() + patience;
    let lacks = |remembered: &Remembered| wanted.iter().any(|piece| !remembered.is_usable(*piece, now) && !remembered.is_new(*piece, now));
    while lacks(&remembered) && Instant::now() < until {
        let has_ended = child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)));
        remembered = memory.read();
        if has_ended {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    remembered.known_at(now)
}

/// Starts this very binary, with nothing of the terminal in its hands.
fn start(scope: &Scope, pieces: &[Piece]) -> Option<Child> {
    let pieces: Vec<&str> = pieces.iter().map(|piece| piece.as_str()).collect();
    Command::new(std::env::current_exe().ok()?)
        .arg(WORD)
        .arg(pieces.join(","))
        .args(scope.as_options())
        .env_remove(super::VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

/// The child's life. `words` is its command line behind [`WORD`]'s place.
pub fn run(words: &[String], now: Timestamp) -> ExitCode {
    // A session of its own: no terminal to ask on, and no Ctrl-C of the shell's.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
    let profiles = Profiles::load();
    let Some(scope) = Scope::of(&Typed::read(words, usize::MAX), &profiles).filter(|scope| scope.is_silent) else { return ExitCode::FAILURE };
    let Some(memory) = Memory::open(&scope.key) else { return ExitCode::FAILURE };
    let named: Vec<&str> = words.get(1).map(|pieces| pieces.split(',').collect()).unwrap_or_default();
    let pieces: Vec<Piece> = Piece::ALL.into_iter().filter(|piece| named.contains(&piece.as_str())).collect();
    let book = Book { memory: &memory, now, page: RefCell::new(memory.read()) };
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
        runtime.block_on(async { tokio::time::timeout(BOUND, ask(&scope, &pieces, &book)).await.ok() });
        // A name that no server resolves keeps a thread for half a minute: it is left behind.
        runtime.shutdown_background();
    }
    book.write(|page| pieces.iter().for_each(|piece| page.mark_tried(*piece, now)));
    memory.tidy(now);
    memory.give_turn_back();
    ExitCode::SUCCESS
}

/// What is remembered, written out at each change.
struct Book<'a> {
    memory: &'a Memory,
    now: Timestamp,
    page: RefCell<Remembered>,
}

impl Book<'_> {
    fn write(&self, change: impl FnOnce(&mut Remembered)) {
        change(&mut self.page.borrow_mut());
        self.memory.keep(&self.page.borrow());
    }

    fn dated<T>(&self, what: Vec<T>) -> Dated<T> {
        Dated { at: Some(self.now), tried: Some(self.now), what }
    }
}

async fn ask(scope: &Scope, pieces: &[Piece], book: &Book<'_>) {
    // Without `aws_cli`: nobody is asked for a code behind the prompt.
    let session = Session {
        profile: scope.profile.clone(),
        region: Some(scope.region.clone()),
        endpoint_url: scope.endpoint_url.clone(),
        ca_bundle: scope.ca_bundle.clone(),
        attempt: ATTEMPT,
        limit: BOUND,
        ..Session::default()
    };
    let Ok(account) = Account::open(&session, None).await else { return };
    let ledger = Ledger::new(|_| ());
    let cluster = scope.cluster.as_deref();
    // The tasks first: they are what a TAB is for, and their list brings the clusters along.
    if pieces.contains(&Piece::Tasks) {
        tasks(&account, &ledger, cluster, book).await;
    }
    let has_clusters = book.page.borrow().clusters.at == Some(book.now);
    if cluster.is_none() && !has_clusters && !pieces.iter().all(|piece| *piece == Piece::Tasks) {
        let Ok(found) = names::clusters(&account, &ledger).await else { return };
        book.write(|page| page.clusters = book.dated(found));
    }
    if pieces.contains(&Piece::Services) {
        let clusters = cluster.map_or_else(|| book.page.borrow().clusters.what.clone(), |cluster| vec![cluster.to_owned()]);
        if let Ok(found) = names::services(&account, &ledger, &clusters).await {
            book.write(|page| page.services = book.dated(found));
        }
    }
}

/// Describes only what is not known yet: what a stopped task was does not change.
async fn tasks(account: &Account, ledger: &Ledger, cluster: Option<&str>, book: &Book<'_>) {
    let known: HashMap<String, Stopped> = book.page.borrow().tasks.what.iter().filter(|task| task.is_over).map(|task| (task.arn.clone(), task.clone())).collect();
    let (seen, fresh) = (RefCell::new(HashSet::new()), RefCell::new(Vec::new()));
    let wanted = |arn: &str| {
        seen.borrow_mut().insert(arn.to_owned());
        !known.contains_key(arn)
    };
    let told = |tasks: Vec<Task>| {
        fresh.borrow_mut().extend(tasks.into_iter().map(|task| stopped(task, book.now)));
        // Somebody may be waiting for a first word.
        if known.is_empty() {
            book.write(|page| page.tasks = book.dated(newest(fresh.borrow().clone())));
        }
    };
    let Ok(listed) = stops::list(account, ledger, stops::Scope { cluster, service: None }, tokio::time::Instant::now() + BOUND, wanted, told).await else { return };
    let unread: HashSet<&str> = listed.unread.iter().map(|unread| unread.cluster.as_str()).collect();
    let seen = seen.into_inner();
    let mut all = fresh.into_inner();
    all.extend(known.into_values().filter(|task| seen.contains(&task.arn) || unread.contains(task.cluster.as_str())));
    book.write(|page| {
        page.tasks = book.dated(newest(all));
        if cluster.is_none() {
            page.clusters = book.dated(listed.clusters.clone());
        }
    });
}

fn newest(mut tasks: Vec<Stopped>) -> Vec<Stopped> {
    tasks.sort_by(|a, b| (b.at, &a.id).cmp(&(a.at, &b.id)));
    tasks.truncate(MOST_TASKS);
    tasks
}

fn stopped(task: Task, now: Timestamp) -> Stopped {
    let stop = Stop::of(task, now);
    let mut told = stop.words();
    if let Some(reason) = stop.task().stopped_reason.as_deref().filter(|reason| !told.contains(reason)) {
        told = format!("{told}; {reason}");
    }
    let told = redact::sentence(&told).chars().take(LONGEST).collect();
    let (at, of_what, task) = (stop.at(), stop.of_what(), stop.task());
    Stopped {
        arn: task.arn.clone(),
        id: task.id.clone(),
        cluster: task.cluster.clone(),
        service: task.service.clone(),
        of_what,
        at,
        is_over: task.times.stopped.is_some(),
        told,
        containers: task.containers.iter().map(|container| container.name.clone()).collect(),
    }
}
