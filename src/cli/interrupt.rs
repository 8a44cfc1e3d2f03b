//! Ctrl-C and SIGTERM, from the first moment to the last: whoever gathers is told, and shows what had arrived; a file that
//! is being written is written to its end; a pager keeps Ctrl-C for itself. At any other moment the program ends. A terminal
//! that hangs up is left to the system: `nohup` could not be told from it.

use std::sync::Mutex;

use tokio::sync::Notify;

use super::failure::Exit;

/// Who does what at the next one.
struct Watch {
    /// Those who show what had arrived.
    listening: usize,
    /// Files that are half written.
    writing: usize,
    /// Programs whose it is.
    lent: usize,
    /// One came that nobody has answered yet.
    was_put_off: bool,
    /// Another process asked for the end, and not a person at the terminal.
    is_by_another: bool,
}

static WATCH: Mutex<Watch> = Mutex::new(Watch { listening: 0, writing: 0, lent: 0, was_put_off: false, is_by_another: false });
static HEARD: Notify = Notify::const_new();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    ControlC,
    Terminate,
}

/// Begins to listen. Where that is not possible, Ctrl-C ends the process as it ends any other.
pub fn listen() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let Ok(mut signals) = runtime.block_on(async { Signals::new() }) else { return };
    // Without a thread for it there is only the usual end.
    let _ = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        runtime.block_on(async {
            while let Some(heard) = signals.next().await {
                came(heard);
            }
        });
    });
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// A limit on the size of files is an error to be told, and no end amid a file. Unheard, but kept.
    _file_too_large: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, _file_too_large: signal(too_large).ok() })
    }

    async fn next(&mut self) -> Option<Heard> {
        tokio::select! {
            heard = self.interrupt.recv() => heard.map(|()| Heard::ControlC),
            heard = self.terminate.recv() => heard.map(|()| Heard::Terminate),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<Heard> {
        tokio::signal::ctrl_c().await.ok().map(|()| Heard::ControlC)
    }
}

fn watch() -> std::sync::MutexGuard<'static, Watch> {
    WATCH.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn came(heard: Heard) {
    let mut watch = watch();
    if watch.lent > 0 && heard == Heard::ControlC {
        return;
    }
    watch.is_by_another |= heard == Heard::Terminate;
    if watch.listening == 0 && watch.writing == 0 {
        end(code(&watch));
    }
    watch.was_put_off = true;
    HEARD.notify_waiters();
}

#[expect(clippy::exit, reason = "the one who would return is waiting for a pipe, a disk or a person")]
fn end(exit: Exit) -> ! {
    std::process::exit(exit as i32)
}

fn code(watch: &Watch) -> Exit {
    if watch.is_by_another { Exit::Terminated } else { Exit::Interrupted }
}

/// What an interrupted command returns: who interrupted it decides.
#[must_use]
pub fn exit() -> Exit {
    code(&watch())
}

/// Something that is so for as long as this lives.
#[must_use]
pub struct While(fn(&mut Watch) -> &mut usize);

impl While {
    fn new(count: fn(&mut Watch) -> &mut usize) -> Self {
        *count(&mut watch()) += 1;
        Self(count)
    }
}

impl Drop for While {
    fn drop(&mut self) {
        *self.0(&mut watch()) -= 1;
    }
}

/// Ends at Ctrl-C; never, where that cannot be listened for.
pub async fn interrupted() {
    // In this order, or one that comes between the two is lost.
    let heard = HEARD.notified();
    let _listening = listening();
    if !was_put_off() {
        heard.await;
    }
    watch().was_put_off = false;
}

/// There is something to show, and [`interrupted`] is asked again and again.
pub fn listening() -> While {
    While::new(|watch| &mut watch.listening)
}

/// A file is being written: it will be whole or not there.
pub fn writing() -> While {
    While::new(|watch| &mut watch.writing)
}

/// Another program has the terminal.
pub fn lent() -> While {
    While::new(|watch| &mut watch.lent)
}

/// Whether one came, amid a file or between two questions, that nobody has answered yet.
#[must_use]
pub fn was_put_off() -> bool {
    watch().was_put_off
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_comes_amid_a_file_is_remembered_and_a_pager_keeps_its_own() {
        {
            let _pager = lent();
            came(Heard::ControlC);
            assert!(!was_put_off());
        }
        let file = writing();
        came(Heard::ControlC);
        drop(file);
        assert!(was_put_off());
        // Whoever asks later is told, and once.
        futures::executor::block_on(interrupted());
        assert!(!was_put_off());
    }
}
