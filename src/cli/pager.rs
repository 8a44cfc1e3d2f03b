//! Long text on a terminal goes through a pager, chosen as the AWS CLI chooses it: `$AWS_PAGER`, the profile's
//! `cli_pager`, `$PAGER`, less.

use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

use unicode_width::UnicodeWidthStr;

use crate::sources::profiles::Profiles;

use super::interrupt;

const LESS: &str = if cfg!(windows) { "more" } else { "less -R" };
/// Ends where everything fits, keeps colours, leaves the text on the screen.
const LESS_OPTIONS: &str = "FRX";

/// The command that pages this text, or none where it is not long, not for a terminal, or paging is switched off.
pub fn of(text: &str, profile: Option<&str>) -> Option<String> {
    let (columns, rows) = terminal_size::terminal_size_of(io::stdout())?;
    if is_long(text, (usize::from(columns.0), usize::from(rows.0))) { of_any(profile) } else { None }
}

/// The command that pages whatever is long, or none where stdout is no terminal or paging is switched off.
pub fn of_any(profile: Option<&str>) -> Option<String> {
    if io::stdout().is_terminal() { command(|| Profiles::load().setting(profile, "cli_pager")) } else { None }
}

fn command(configured: impl FnOnce() -> Option<String>) -> Option<String> {
    let set = |name: &str| std::env::var(name).ok();
    // `aws` leaves at Ctrl-C, and would leave a pager behind that reads the shell's keys.
    if set(super::won_back::VARIABLE).is_some_and(|via| !via.is_empty()) {
        return None;
    }
    match (set("AWS_PAGER").or_else(configured).or_else(|| set("PAGER")), set("TERM")) {
        // An empty one switches it off.
        (Some(command), _) => Some(command).filter(|command| !command.trim().is_empty()),
        // less asks to be believed on such a terminal, at every answer.
        (None, term) if term.as_deref().is_none_or(|term| term.is_empty() || term == "dumb") && cfg!(unix) => None,
        (None, _) => Some(LESS.to_owned()),
    }
}

/// Whether the text is longer than a terminal of so many columns and rows, the prompt's own row apart.
fn is_long(text: &str, (columns, rows): (usize, usize)) -> bool {
    let mut taken = 0;
    text.lines().any(|line| {
        taken += anstream::adapter::strip_str(line).to_string().width().div_ceil(columns.max(1)).max(1);
        taken + 1 > rows
    })
}

/// Shows the text, and returns when it has been left. Leaving early is no failure.
///
/// # Errors
/// If the command cannot be started: nothing has been shown then.
pub fn show(text: &str, command: &str) -> io::Result<()> {
    let words = shlex::split(command).filter(|words| !words.is_empty()).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "its quotes do not end"))?;
    let mut pager = Command::new(&words[0]);
    pager.args(&words[1..]).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        pager.env("LESS", LESS_OPTIONS);
    }
    // Where no locale says so, less would spell every such letter out.
    if std::env::var_os("LESSCHARSET").is_none() && !super::letters::are_ascii_alone() {
        pager.env("LESSCHARSET", "utf-8");
    }
    // Ctrl-C is the pager's: whoever left it alone would leave the terminal as the pager had set it.
    let _lent = interrupt::lent();
    let mut pager = pager.spawn()?;
    if let Some(mut input) = pager.stdin.take() {
        let _ = input.write_all(text.as_bytes());
    }
    pager.wait().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_is_what_does_not_leave_a_row_for_the_prompt() {
        let lines = |count: usize| "a line\n".repeat(count);
        assert!(!is_long(&lines(23), (80, 24)) && is_long(&lines(24), (80, 24)));
        assert!(is_long(&format!("{}\n", "x".repeat(81)).repeat(12), (80, 24)), "a line that wraps takes two rows");
        assert!(!is_long(&format!("\u{1b}[31m{}\u{1b}[0m\n", "x".repeat(80)).repeat(23), (80, 24)), "colours take no room");
        assert!(!is_long("", (80, 24)));
    }
}
