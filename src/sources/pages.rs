//! The way through an answer of several pages, which ends even where AWS repeats a token.

use std::collections::BTreeSet;

/// The token to ask with, and those AWS gave before.
#[derive(Default)]
pub(super) struct Pages {
    token: Option<String>,
    seen: BTreeSet<String>,
}

/// What comes behind a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Next,
    End,
    /// A token that was there before: nobody knows what is missing.
    Repeated,
}

impl Pages {
    /// The token of the page to ask for; none for the first.
    pub fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Takes the token a page ends with. An empty one is none.
    pub fn turn(&mut self, next: Option<String>) -> Turn {
        match next.filter(|next| !next.is_empty()) {
            None => Turn::End,
            Some(next) if self.seen.insert(next.clone()) => {
                self.token = Some(next);
                Turn::Next
            }
            Some(_) => Turn::Repeated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lead_on_until_there_is_none_or_one_comes_again() {
        let mut pages = Pages::default();
        assert_eq!((pages.token(), pages.turn(Some("a".to_owned()))), (None, Turn::Next));
        assert_eq!((pages.token().as_deref(), pages.turn(Some("b".to_owned()))), (Some("a"), Turn::Next));
        assert_eq!(pages.turn(Some("a".to_owned())), Turn::Repeated);
        assert_eq!((pages.turn(Some(String::new())), pages.turn(None)), (Turn::End, Turn::End));
    }
}
