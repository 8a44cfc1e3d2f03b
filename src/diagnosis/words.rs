//! Small words that several sentences share: durations, moments, counts, lists.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Milliseconds as a person says them: `0.4 s`, `14.2 s`, `1m 20s`, `2h 05m`, `3d 4h`.
#[must_use]
pub fn duration(milliseconds: i64) -> String {
    let whole = milliseconds.unsigned_abs();
    // Half up to the tenth, so that 59.96 s is a minute and never "60.0 s".
    let tenths = (whole + 50) / 100;
    let seconds = (whole + 500) / 1000;
    match seconds {
        0..=59 if tenths < 600 => format!("{}.{} s", tenths / 10, tenths % 10),
        0..=3599 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
        _ if seconds % 86_400 < 3600 => format!("{}d", seconds / 86_400),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// How a moment is written in a sentence, and the zone behind it: a page with a clock of its own finds it by that.
pub const MOMENT: &str = "2026-11-24 15:47";
pub const UTC: &str = " UTC";

/// `2026-11-24 15:47 UTC`
#[must_use]
pub fn moment(at: Timestamp) -> String {
    format!("{}{UTC}", at.strftime("%F %H:%M"))
}

/// The moment that was written so, its zone left out.
#[must_use]
pub fn moment_in(text: &str) -> Option<Timestamp> {
    let written = DateTime::strptime("%Y-%m-%d %H:%M", text).ok()?;
    written.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// `1 line`, `2 lines`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// The beginning of what somebody else wrote, for a sentence that cites the whole line.
#[must_use]
pub fn quoted(text: &str) -> String {
    let most = 160;
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("“{}…”", text[..at].trim_end()),
        None => format!("“{text}”"),
    }
}

/// A word that sh, bash, zsh and fish take as one argument: bare where that is safe, else in single quotes.
#[must_use]
pub fn shell(word: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    // zsh takes `=name` for the path of a program.
    if !word.is_empty() && !word.starts_with('=') && word.chars().all(bare) {
        return word.to_owned();
    }
    // Neither a quote nor a backslash stands inside the quotes: in fish a backslash would keep them open.
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('\'');
    for letter in word.chars() {
        match letter {
            '\'' => quoted.push_str(r"'\''"),
            '\\' => quoted.push_str(r"'\\'"),
            letter => quoted.push(letter),
        }
    }
    quoted.push('\'');
    quoted
}

/// The value behind an option, the blank in front of it included. One that looks like an option itself is tied to its
/// own by `=`, so that nobody's name is ever read as one.
#[must_use]
pub fn value(word: &str) -> String {
    format!("{}{}", if word.starts_with('-') { '=' } else { ' ' }, shell(word))
}

/// The values behind an option that takes several. What looks like an option is no id of AWS's, and is left out.
#[must_use]
pub fn values<W: AsRef<str>>(words: &[W]) -> String {
    words.iter().map(AsRef::as_ref).filter(|word| !word.starts_with('-')).map(|word| format!(" {}", shell(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_a_person_says_them() {
        assert_eq!(duration(380), "0.4 s");
        assert_eq!(duration(14_221), "14.2 s");
        assert_eq!(duration(59_960), "1m 00s");
        assert_eq!(duration(249_000), "4m 09s");
        assert_eq!(duration(7_500_000), "2h 05m");
        assert_eq!(duration(90_000_000), "1d 1h");
        assert_eq!(duration(7 * 86_400_000), "7d");
    }

    #[test]
    fn what_a_shell_would_read_is_quoted() {
        assert_eq!(shell("prod/9f2c"), "prod/9f2c");
        assert_eq!(shell("$(touch x)"), "'$(touch x)'");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell(""), "''");
        assert_eq!(shell(r"a\'b"), r"'a'\\''\''b'");
        assert_eq!(shell("=ls"), "'=ls'");
        assert_eq!(value("--endpoint-url=http://x"), "=--endpoint-url=http://x");
        assert_eq!((value("prod").as_str(), values(&["sg-1", "--debug", "sg 2"]).as_str()), (" prod", " sg-1 'sg 2'"));
    }
}
