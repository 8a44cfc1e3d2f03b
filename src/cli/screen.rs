//! The streams: stdout is the answer, stderr the conversation. Colour and width are decided here, once.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::OwoColorize;

use crate::diagnosis::evidence::Source;
use crate::render::Page;
use crate::render::clock::Clock;
use crate::render::look::Look;
use crate::render::printable::printable;
use crate::sources::ledger::Progress;

use super::args::{Everywhere, When, Zone};
use super::failure::{Exit, Failure};
use super::pager;

/// Told of each request when it has ended.
pub type Observer = std::sync::Arc<dyn Fn(crate::sources::Passed) + Send + Sync>;

pub struct Screen {
    choice: ColorChoice,
    choice_of_stderr: ColorChoice,
    quiet: bool,
    verbose: bool,
    /// Unless it was switched off, a long answer is paged on a terminal.
    pages: bool,
    pub page: Page,
}

impl Screen {
    #[must_use]
    pub fn new(options: &Everywhere) -> Self {
        let (choice, choice_of_stderr) = match options.color {
            When::Always => (ColorChoice::Always, ColorChoice::Always),
            When::Never => (ColorChoice::Never, ColorChoice::Never),
            When::Auto => (AutoStream::choice(&io::stdout()), AutoStream::choice(&io::stderr())),
        };
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
        Self { choice, choice_of_stderr, quiet: options.quiet, verbose: options.verbose, pages: !options.no_pager, page }
    }

    /// Prints the answer, through the pager where it is long and stdout a terminal.
    ///
    /// # Errors
    /// If it cannot be written, as on a full disk.
    pub fn answer(&self, text: &str) -> Result<(), Failure> {
        let size = terminal_size::terminal_size_of(io::stdout()).map(|(width, height)| (usize::from(width.0), usize::from(height.0)));
        let paged = size.filter(|size| self.pages && io::stdout().is_terminal() && pager::is_long(text, *size)).and_then(|_| pager::command());
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
        let mut out = AutoStream::new(io::stdout().lock(), self.choice);
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(Exit::Other, format!("cannot write the answer: {error}"))),
            _ => Ok(()),
        }
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
            let observer: Observer = std::sync::Arc::new(|passed| super::gathering::print_request(&passed));
            observer
        })
    }

    /// One line a source on a terminal's stderr; elsewhere nothing.
    #[must_use]
    pub fn progress(&self) -> Bars {
        let shown = io::stderr().is_terminal() && !self.quiet && !self.verbose && std::env::var_os("CI").is_none();
        Bars::new(shown)
    }
}

/// One line to stderr, with nothing in it that the terminal obeys; a closed stderr is no reason to stop.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", printable(line));
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
                    bar.set_style(ProgressStyle::with_template("{spinner} {prefix:12} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
                    bar.set_prefix(source.as_str());
                    bar.set_message("asking");
                    bar.enable_steady_tick(Duration::from_millis(120));
                    bars.push((source, bar));
                }
            }
            Progress::Answered(source, status) => {
                if let Some((_, bar)) = bars.iter().find(|(of, _)| *of == source) {
                    bar.set_message(if status.was_read() { "✓".to_owned() } else { status.as_str().to_owned() });
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
