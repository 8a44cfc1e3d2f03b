//! What a case says already: no pseudonym may be among it.

use std::collections::{HashMap, HashSet};

/// What stands before the last digits of a pseudonym is searched for once: thousands of them are numbered alike.
const DIGITS: usize = 3;

#[derive(Debug, Default)]
pub struct Taken {
    text: String,
    /// By how a pseudonym begins and how long it is: how those end that are there.
    ends: HashMap<(String, usize), HashSet<Vec<u8>>>,
}

impl Taken {
    pub fn of(text: String) -> Self {
        Self { text, ends: HashMap::new() }
    }

    /// Whether the text has these letters anywhere.
    pub fn has(&mut self, given: &str) -> bool {
        let number = given.rfind(|letter: char| letter.is_ascii_digit()).and_then(|last| (last + 1).checked_sub(DIGITS));
        let Some((begin, end)) = number.filter(|at| *at > 0 && given.is_ascii()).map(|at| given.split_at(at)) else {
            return self.text.contains(given);
        };
        let text = &self.text;
        let ends = self.ends.entry((begin.to_owned(), given.len())).or_insert_with(|| {
            let mut ends = HashSet::new();
            let mut from = 0;
            while let Some(at) = text[from..].find(begin).map(|at| from + at) {
                ends.extend(text.as_bytes().get(at + begin.len()..at + given.len()).map(<[u8]>::to_vec));
                from = at + 1;
            }
            ends
        });
        ends.contains(end.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_text_has_is_taken_and_its_neighbours_are_free() {
        let mut taken = Taken::of("service-1, xservice-17 and 10.255.0.12:80".to_owned());
        for (given, is) in [
            ("service-1", true),
            ("service-17", true),
            ("service-2", false),
            ("service-171", false),
            ("10.255.0.1", true),
            ("10.255.0.2", false),
            ("12", true),
            ("ü-1", false),
            ("xservice-17 and", true),
            ("xservice-18 and", false),
        ] {
            assert_eq!(taken.has(given), is, "{given}");
        }
    }
}
