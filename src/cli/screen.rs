//! The streams: stdout is the answer, stderr the conversation. Colour and width are decided here, once.

use std::borrow::Cow;
use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::OwoColorize;

use crate::diagnosis::evidence::Source;
use crate::diagnosis::words;
use crate::render::Page;
use crate::render::clock::Clock;
use crate::render::look::Look;
use crate::render::printable::printable;
use crate::sources::ledger::Progress;

use super::args::{Everywhere, Format, When, Zone};
use super::failure::{Exit, Failure};
use super::{letters, pager};

/// Told of each request when it has ended.
pub type Observer = std::sync::Arc<dyn Fn(crate::sources::Passed) + Send + Sync>;

pub struct Screen {
    choice: ColorChoice,
    choice_of_stderr: ColorChoice,
    quiet: bool,
    verbose: bool,
    /// Unless it was switched off, a long answer is paged on a terminal.
    pages: bool,
    profile: Option<String>,
    /// The answer is JSON, in which every letter can be spelled in ASCII.
    is_json: bool,
    /// Whoever read the answer has seen enough.
    is_closed: Cell<bool>,
    pub page: Page,
}

impl Screen {
    #[must_use]
    pub fn new(options: &Everywhere) -> Self {
        let (choice, choice_of_stderr) = match options.color {
            When::Always => (ColorChoice::Always, ColorChoice::Always),
            When::Never => (ColorChoice::Never, ColorChoice::Never),
            // A terminal without a name can no more than a dumb one.
            When::Auto if !can_move() && std::env::var_os("CLICOLOR_FORCE").is_none() => (ColorChoice::Never, ColorChoice::Never),
            When::Auto => (AutoStream::choice(&io::stdout()), AutoStream::choice(&io::stderr())),
        };
        if let (Zone::Local, false, Some(zone)) = (options.time, options.quiet, unknown_zone()) {
            say(&format!("note: TZ={zone} names no time zone that is known here: times are in UTC"));
        }
        let coloured = !matches!(choice, ColorChoice::Never);
        let width = io::stdout().is_terminal().then(|| terminal_width().unwrap_or(80)).or_else(|| std::env::var("COLUMNS").ok()?.parse().ok());
        let page = Page {
            width,
            look: if coloured { Look::coloured() } else { Look::plain() },
            clock: match options.time {
                Zone::Local => Clock::local(),
                Zone::Utc => Clock::utc(),
            },
        };
        Self {
            choice,
            choice_of_stderr,
            quiet: options.quiet,
            verbose: options.verbose,
            pages: !options.no_pager,
            profile: options.profile.clone(),
            is_json: matches!(options.output, Format::Json | Format::Jsonl),
            is_closed: Cell::new(false),
            page,
        }
    }

    /// Prints the answer, through the pager where it is long and stdout a terminal.
    ///
    /// # Errors
    /// If it cannot be written, as on a full disk.
    pub fn answer(&self, text: &str) -> Result<(), Failure> {
        let text = &*self.spelled(text);
        let paged = if self.pages { pager::of(text, self.profile.as_deref()) } else { None };
        match paged.map(|command| (pager::show(text, &command), command)) {
            Some((Ok(()), _)) => Ok(()),
            Some((Err(error), command)) => {
                self.note(&format!("no pager, `{command}` cannot be started: {error}"));
                self.tell(text)
            }
            None => self.tell(text),
        }
    }

    /// Prints at once, as what comes piece by piece must be. A closed pipe is success: whoever read it has seen enough.
    ///
    /// # Errors
    /// If it cannot be written, as on a full disk.
    pub fn tell(&self, text: &str) -> Result<(), Failure> {
        self.tell_while_heard(text).map(drop)
    }

    /// The same; whether somebody still reads it.
    ///
    /// # Errors
    /// If it cannot be written, as on a full disk.
    pub fn tell_while_heard(&self, text: &str) -> Result<bool, Failure> {
        let is_open = written(&self.spelled(text), self.choice)?;
        self.is_closed.set(!is_open);
        Ok(is_open)
    }

    /// Prints help or the version, through the pager where it is long and `pages` lets it.
    ///
    /// # Errors
    /// If it cannot be written, as on a full disk.
    pub fn help(text: &clap::builder::StyledStr, pages: impl FnOnce() -> bool) -> Result<(), Failure> {
        let choice = AutoStream::choice(&io::stdout());
        let text = if choice == ColorChoice::Never { text.to_string() } else { text.ansi().to_string() };
        let is_shown = pager::of(&text, None).filter(|_| pages()).is_some_and(|command| pager::show(&text, &command).is_ok());
        if is_shown { Ok(()) } else { written(&text, choice).map(drop) }
    }

    /// Whether nobody reads the answer any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// As the terminal's letters allow it. A pipe is given the text as it is.
    fn spelled<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match io::stdout().is_terminal() && letters::are_ascii_alone() {
            true if self.is_json => letters::in_json(text),
            true => letters::in_text(text),
            false => Cow::Borrowed(text),
        }
    }

    /// Whether a long answer goes through the pager, and so has to be whole.
    #[must_use]
    pub fn is_paging(&self) -> bool {
        self.pages && pager::of_any(self.profile.as_deref()).is_some()
    }

    /// A note beside the answer; silenced by `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            say(&format!("note: {text}"));
        }
    }

    /// A line that matters less than a note: dim where there is colour; silenced by `--quiet`.
    pub fn aside(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(AutoStream::new(io::stderr().lock(), self.choice_of_stderr), "{}", printable(text).dimmed());
        }
    }

    /// Behind an answer, what became of saving it: the answer's own return code, unless it could not be saved.
    ///
    /// # Errors
    /// If it could not.
    pub fn saved(&self, saved: Option<Result<Vec<String>, Failure>>, exit: Exit) -> Result<Exit, Failure> {
        saved.transpose()?.into_iter().flatten().for_each(|line| self.note(&line));
        Ok(exit)
    }

    pub fn failure(failure: &Failure) {
        say(&format!("ecs-trace: {}", failure.message));
        for hint in &failure.hints {
            say(&format!("  {hint}"));
        }
    }

    /// Under `-v`, prints each request as it ends.
    #[must_use]
    pub fn observer(&self) -> Option<Observer> {
        self.verbose.then(|| {
            let budget = Mutex::default();
            let observer: Observer = std::sync::Arc::new(move |passed| super::gathering::print_request(&passed, &budget));
            observer
        })
    }

    /// One line a source on a terminal's stderr; elsewhere nothing.
    #[must_use]
    pub fn progress(&self) -> Bars {
        let shown = io::stderr().is_terminal() && can_move() && !self.quiet && !self.verbose && std::env::var_os("CI").is_none();
        Bars::new(shown)
    }
}

/// One line to stderr, with nothing in it that the terminal obeys; a closed stderr is no reason to stop.
pub fn say(line: &str) {
    let line = printable(line);
    let line = if letters::are_ascii_alone() && io::stderr().is_terminal() { letters::in_text(&line) } else { line };
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// What `TZ` says, where it names no zone.
fn unknown_zone() -> Option<String> {
    let named = std::env::var("TZ").ok().filter(|named| !named.is_empty())?;
    (!Clock::knows_the_local_zone()).then_some(named)
}

/// Whether what is a terminal moves its cursor and paints, as far as its name tells.
fn can_move() -> bool {
    cfg!(not(unix)) || std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Whether somebody still reads. A closed pipe is success.
fn written(text: &str, choice: ColorChoice) -> Result<bool, Failure> {
    let mut out = AutoStream::new(io::stdout().lock(), choice);
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(Exit::Other, format!("cannot write the answer: {error}"))),
        Ok(()) => Ok(true),
    }
}

fn minutes(left: Duration) -> String {
    let seconds = left.as_secs();
    if seconds < 60 { format!("{seconds} s") } else { format!("{}m {:02}s", seconds / 60, seconds % 60) }
}

#[cfg(unix)]
fn echoes_control_keys() -> bool {
    use rustix::termios::{LocalModes, tcgetattr};
    tcgetattr(io::stderr()).is_ok_and(|modes| modes.local_modes.contains(LocalModes::ECHO | LocalModes::ECHOCTL))
}

#[cfg(not(unix))]
fn echoes_control_keys() -> bool {
    false
}

fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// Progress of the sources. Gone before the first byte of the answer.
pub struct Bars {
    shown: bool,
    all: MultiProgress,
    bars: Mutex<Vec<(Source, ProgressBar)>>,
}

impl Bars {
    fn new(shown: bool) -> Self {
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { shown, all: MultiProgress::with_draw_target(target), bars: Mutex::default() }
    }

    pub fn update(&self, progress: Progress) {
        let mut bars = self.bars.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match progress {
            Progress::Asking(source) => {
                if !bars.iter().any(|(of, _)| *of == source) {
                    let bar = self.all.add(ProgressBar::new_spinner());
                    let style = ProgressStyle::with_template("{spinner} {prefix:12} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
                    bar.set_style(if letters::are_ascii_alone() { style.tick_chars("|/-\\ ") } else { style });
                    bar.set_prefix(source.as_str());
                    bar.set_message("asking");
                    bar.enable_steady_tick(Duration::from_millis(120));
                    bars.push((source, bar));
                }
            }
            Progress::Answered(source, status) => {
                if let Some((_, bar)) = bars.iter().find(|(of, _)| *of == source) {
                    bar.set_message(if status.was_read() { (if letters::are_ascii_alone() { "ok" } else { "✓" }).to_owned() } else { status.as_str().to_owned() });
                }
            }
        }
    }

    /// Tells, beside CloudTrail, that it is waited for: when it is asked the next time, and how long that may still go on.
    pub fn wait_for_cloudtrail(&self, asked: u32, next: Duration, left: Duration) {
        self.update(Progress::Asking(Source::Cloudtrail));
        let bars = self.bars.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, bar)) = bars.iter().find(|(of, _)| *of == Source::Cloudtrail) {
            let again = if asked == 0 { String::new() } else { format!(" asked {asked}× again,") };
            bar.set_message(format!("waiting,{again} next in {} s, {} left; Ctrl-C ends it", next.as_secs_f64().ceil(), minutes(left)));
        }
    }

    /// Tells, beside the archive, how far reading it has come.
    pub fn tell_archive(&self, read: usize, slices: usize, stops: usize) {
        let bars = self.bars.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, bar)) = bars.iter().find(|(of, _)| *of == Source::Archive) {
            bar.set_message(format!("{read} of {slices} slices, {}; Ctrl-C ends it", words::count(stops, "stop")));
        }
    }

    /// Takes them off the screen while something else is written there.
    pub fn hidden_while<T>(&self, write: impl FnOnce() -> T) -> T {
        self.all.suspend(write)
    }

    /// As `clear`, after Ctrl-C: the last row is full, so the `^C` that the terminal echoes stands in a row of its own.
    pub fn clear_after_interrupt(&self) {
        let drawn = !self.bars.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_empty();
        if self.shown && drawn && echoes_control_keys() {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[K\u{1b}[A");
        }
        self.clear();
    }

    pub fn clear(&self) {
        // The ticks stop before anything is wiped, or one of them draws a line anew behind it.
        let bars: Vec<ProgressBar> = self.bars.lock().unwrap_or_else(std::sync::PoisonError::into_inner).drain(..).map(|(_, bar)| bar).collect();
        bars.iter().for_each(ProgressBar::disable_steady_tick);
        let _ = self.all.clear();
        self.all.set_draw_target(ProgressDrawTarget::hidden());
    }
}
