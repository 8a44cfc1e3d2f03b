//! What a case says already: no pseudonym may be among it.

use std::collections::{HashMap, HashSet};

/// All but the end of a pseudonym is searched for once: thousands of them are numbered alike.
const END: usize = 3;

#[derive(Debug, Default)]
pub struct Taken {
    text: String,
    ends: HashMap<String, HashSet<Vec<u8>>>,
}

impl Taken {
    pub fn of(text: String) -> Self {
        Self { text, ends: HashMap::new() }
    }

    /// Whether the text has these letters anywhere.
    pub fn has(&mut self, given: &str) -> bool {
        let Some((begin, end)) = given.len().checked_sub(END).filter(|at| *at > 0 && given.is_ascii()).map(|at| given.split_at(at)) else {
            return self.text.contains(given);
        };
        if !self.ends.contains_key(begin) {
            let mut ends = HashSet::new();
            let mut from = 0;
            while let Some(at) = self.text[from..].find(begin).map(|at| from + at) {
                ends.extend(self.text.as_bytes().get(at + begin.len()..at + given.len()).map(<[u8]>::to_vec));
                from = at + 1;
            }
            self.ends.insert(begin.to_owned(), ends);
        }
        self.ends[begin].contains(end.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_text_has_is_taken_and_its_neighbours_are_free() {
        let mut taken = Taken::of("service-1, xservice-17 and 10.255.0.12:80".to_owned());
        for (given, is) in [("service-1", true), ("service-17", true), ("service-2", false), ("service-171", false), ("10.255.0.1", true), ("10.255.0.2", false), ("12", true), ("ü-1", false)] {
            assert_eq!(taken.has(given), is, "{given}");
        }
    }
}
