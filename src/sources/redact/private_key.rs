//! A private key that was logged line by line, plain, behind what the logger puts before a line, or in records.

use std::sync::LazyLock;

use regex::Regex;

use super::GONE;

static BEGINS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|---- BEGIN SSH2 [A-Z ]*PRIVATE KEY|^\s*PuTTY-User-Key-File").expect("a pattern"));
static ENDS: LazyLock<Regex> = LazyLock::new(|| Regex::new("-----END|---- END|Private-MAC:").expect("a pattern"));
/// The key itself, and what may stand above it.
static PART: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\s*(?:[A-Za-z0-9+/=_-]{4,}|(?:Proc-Type|DEK-Info|Version|Comment|Hash|Encryption|Public-Lines|Private-Lines|Key-Derivation|Argon2-[A-Za-z]+): ?.*|)\s*$|[\s:|\]"'>][A-Za-z0-9+/=_-]{16,}["'}\s\\nr]*$"#)
        .expect("a pattern")
});
/// Lines of somebody else's that may stand in between, and lines that a key may have.
const MOST_STRANGERS: usize = 3;
const MOST_LINES: usize = 200;

/// Line after line of one log.
#[derive(Debug, Default)]
pub struct Lines {
    is_in_key: bool,
    strangers: usize,
    lines: usize,
}

impl Lines {
    /// Whether the line holds a part of a key that was begun before.
    pub fn holds(&mut self, line: &str) -> bool {
        if BEGINS.is_match(line) {
            let begun = BEGINS.find(line).map_or("", |begun| &line[begun.end()..]);
            *self = Self { is_in_key: !ENDS.is_match(begun), ..Self::default() };
            return false;
        }
        if !self.is_in_key {
            return false;
        }
        self.lines += 1;
        if ENDS.is_match(line) || self.lines > MOST_LINES {
            self.is_in_key = false;
            return false;
        }
        let is_part = line == GONE || PART.is_match(line);
        if !is_part {
            self.strangers += 1;
            self.is_in_key = self.strangers <= MOST_STRANGERS;
        }
        is_part && !line.trim().is_empty()
    }
}
