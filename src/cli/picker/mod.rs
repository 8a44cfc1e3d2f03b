//! Picking a task: the stopped ones in a list that fills while it is open, narrowed down by what is typed.
//!
//! Drawn on stderr, so that the answer can be piped; the keys come from the terminal.

mod choice;
mod view;

use std::cell::RefCell;
use std::io::{IsTerminal, Stderr, stderr, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

use crate::diagnosis::brief::Stop;
use crate::diagnosis::task::Task;
use crate::sources::account::Account;
use crate::sources::deadline::Deadline;
use crate::sources::failing::{Failing, Kind};
use crate::sources::ledger::Ledger;
use crate::sources::stops::{Scope, list};
use crate::sources::task::NotFound;

use super::args::Everywhere;
use super::failure::{Exit, Failure};
use super::gathering::{Wanted, cluster_region, interrupted, open};
use super::interrupt;
use super::letters;
use super::screen::Screen;
use super::stops::judged_with_services;

use choice::{Choice, Turn};

/// Whether there is somebody to ask, and a terminal that can be drawn on.
#[must_use]
pub fn is_possible() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    stdin().is_terminal() && stderr().is_terminal() && !dumb
}

/// Lists the stopped tasks and lets one be picked; gives its ARN.
///
/// # Errors
/// 130 where nothing was picked, 4 where there is nothing to pick from, and whatever kept ECS from being asked.
pub async fn pick(options: &Everywhere, screen: &Screen, now: Timestamp) -> Result<String, Failure> {
    let deadline = Deadline::after(options.limit());
    let account = tokio::select! {
        opened = open(options, cluster_region(options), Wanted::default(), screen, None, &deadline) => opened?,
        () = interrupted() => return Err(Failure::new(Exit::Interrupted, "interrupted")),
    };
    let mut choice = Choice::new(now);
    let picked = shown(&account, options, screen, now, &mut choice).await?;
    picked.ok_or_else(|| Failure::new(Exit::Interrupted, "nothing picked"))
}

/// How often the screen is drawn anew at the least: ages and the spinner move on.
const DRAWN_EVERY: Duration = Duration::from_millis(120);

async fn shown(account: &Account, options: &Everywhere, screen: &Screen, now: Timestamp, choice: &mut Choice) -> Result<Option<String>, Failure> {
    let cannot = |error: std::io::Error| Failure::new(Exit::Other, format!("cannot draw on the terminal: {error}"));
    let _listening = interrupt::listening();
    let mut stage = Stage::open().map_err(cannot)?;
    let mut keys = stage.keys();
    let ledger = Ledger::new(|_| {});
    let arrived: RefCell<Vec<Stop>> = RefCell::default();
    let told = |tasks: Vec<Task>| arrived.borrow_mut().extend(tasks.into_iter().map(|task| Stop::of(task, now)));
    let scope = Scope { cluster: options.cluster.as_deref(), service: None };
    let deadline = Deadline::after(options.limit());
    let listing = async {
        let listed = tokio::time::timeout(options.limit(), list(account, &ledger, scope, super::stops::soon(options.limit()), |_| true, told)).await;
        listed
            .unwrap_or_else(|_| Err(NotFound::Refused { action: "ecs:ListTasks", failing: Failing { kind: Kind::TimedOut, code: None, message: "no answer in time".to_owned() } }))
    };
    tokio::pin!(listing);
    // The scheduler's stops are listed at once and get their cause from their services while the list is looked at.
    let mut judging = FuturesUnordered::new();
    let mut tick = tokio::time::interval(DRAWN_EVERY);
    loop {
        let stops = arrived.take();
        let of_the_scheduler: Vec<Stop> = stops.iter().filter(|stop| stop.may_be_told_by_its_service()).cloned().collect();
        if !of_the_scheduler.is_empty() {
            judging.push(judged_with_services(of_the_scheduler, account, &ledger, &deadline, now));
        }
        choice.add(stops);
        let drawn = stage.terminal.draw(|frame| {
            view::draw(frame, choice, &screen.page);
            if letters::are_ascii_alone() {
                view::spell_in_ascii(frame);
            }
        });
        drawn.map_err(cannot)?;
        tokio::select! {
            listed = &mut listing, if choice.is_filling() => {
                let has_none = choice.is_empty() && arrived.borrow().is_empty();
                match listed {
                    // What has arrived can be picked all the same.
                    Err(error) if has_none => return Err(error.into()),
                    Err(error) => choice.end(Some(error.to_string())),
                    Ok(listed) if has_none && listed.unread.is_empty() => {
                        let region = account.region.clone();
                        return Err(NotFound::NothingStopped { service: None, region, looked_in: listed.clusters, cluster: None }.into());
                    }
                    Ok(listed) => choice.end(listed.unread.into_iter().map(|unread| format!("{}: {}", unread.cluster, unread.why)).next()),
                }
            }
            Some(judged) = judging.next() => choice.judge_anew(judged),
            key = keys.recv() => match key.map(|key| choice.press(key)) {
                Some(Turn::On) => {}
                Some(Turn::Picked(arn)) => return Ok(Some(arn)),
                Some(Turn::Left) | None => return Ok(None),
            },
            // The key itself is no signal here; one that another program sends is.
            () = interrupted() => return Ok(None),
            _ = tick.tick() => {}
        }
    }
}

/// The terminal as long as it is drawn on; put back as it was, however the drawing ends.
struct Stage {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    is_over: Arc<AtomicBool>,
}

impl Stage {
    fn open() -> std::io::Result<Self> {
        // A mistake of ours is told on the screen that stays.
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _ = execute!(stderr(), LeaveAlternateScreen);
            let _ = disable_raw_mode();
            told(panic);
        }));
        enable_raw_mode()?;
        let opened = execute!(stderr(), EnterAlternateScreen).and_then(|()| Terminal::new(CrosstermBackend::new(stderr())));
        match opened {
            Ok(terminal) => Ok(Self { terminal, is_over: Arc::default() }),
            Err(error) => {
                let _ = disable_raw_mode();
                Err(error)
            }
        }
    }

    /// The keys as they are pressed: reading them blocks, so a thread of its own does.
    fn keys(&self) -> tokio::sync::mpsc::UnboundedReceiver<event::KeyEvent> {
        let (send, keys) = tokio::sync::mpsc::unbounded_channel();
        let is_over = Arc::clone(&self.is_over);
        std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                match event::poll(Duration::from_millis(50)) {
                    Ok(false) => {}
                    Ok(true) => match event::read() {
                        Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                            if send.send(key).is_err() {
                                return;
                            }
                        }
                        Ok(_) => {}
                        Err(_) => return,
                    },
                    Err(_) => return,
                }
            }
        });
        keys
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = execute!(stderr(), LeaveAlternateScreen);
        let _ = disable_raw_mode();
        let _ = self.terminal.show_cursor();
    }
}
