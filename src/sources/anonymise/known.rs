//! Names, accounts and ids that were met, found again in a sentence: all in one pass, in whatever spelling.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::names::Names;
use super::spelling::{Bare, Gap, Spelling, ends_encoded};
use super::words::{Spans, stands_alone};

/// One that is looked for, in any spelling.
#[derive(Debug)]
struct Sought {
    sort: Sort,
    /// The longest other one that it begins with.
    shorter: Option<usize>,
}

impl Sought {
    fn len(&self) -> usize {
        match &self.sort {
            Sort::Name { spelling, .. } => spelling.bare.len(),
            Sort::Digits { told, .. } => told.len(),
        }
    }
}

#[derive(Debug)]
enum Sort {
    Name {
        /// As it was met.
        name: String,
        spelling: Spelling,
    },
    /// An account, or the hexadecimal part of an id or address, with what stands for it.
    Digits { told: String, is_hex: bool, every: usize },
}

/// A name of so many letters is one in any letters; a shorter one may be a word that begins a sentence.
const LONG: usize = 5;

/// Where a name may be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum In {
    Sentence,
    /// What a caller's tool says of itself: a single word there is a tool's name.
    Agent,
}

#[derive(Debug)]
pub struct Known {
    finder: AhoCorasick,
    sought: Vec<Sought>,
    /// Names as they are written, those that are long in lower case.
    exact: HashSet<String>,
}

impl Known {
    /// `None` where nothing was met.
    #[must_use]
    pub fn of(names: &Names) -> Option<Self> {
        let mut exact = HashSet::new();
        let mut by_letters: HashMap<Vec<u8>, Sort> = HashMap::new();
        for name in names.spoken() {
            let spelling = Spelling::of(name);
            let sign = |letter: char| !letter.is_alphanumeric();
            let trimmed = name.trim_matches(sign);
            exact.insert(if trimmed.len() >= LONG { trimmed.to_lowercase() } else { trimmed.to_owned() });
            by_letters.entry(spelling.bare.clone()).or_insert_with(|| Sort::Name { name: name.to_owned(), spelling });
        }
        for (digits, told, every) in names.digits() {
            by_letters.insert(digits.clone().into_bytes(), Sort::Digits { told, is_hex: every != ACCOUNT, every });
        }
        by_letters.remove(&Vec::new());
        let mut sorted: Vec<(Vec<u8>, Sort)> = by_letters.into_iter().collect();
        sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (letters, sorts): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
        let shorter = shorter(&letters);
        let sought: Vec<Sought> = sorts.into_iter().zip(shorter).map(|(sort, shorter)| Sought { sort, shorter }).collect();
        let kind = if letters.len() > MANY { AhoCorasickKind::NoncontiguousNFA } else { AhoCorasickKind::ContiguousNFA };
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).kind(Some(kind)).build(&letters).ok().filter(|_| !letters.is_empty())?;
        Some(Self { finder, sought, exact })
    }

    /// Puts what stands for each of them among the spans that are free.
    pub fn replace(&self, text: &str, place: In, spans: &mut Spans, names: &mut Names) {
        self.each(text, place, spans, |spans, found| {
            let said = &text[found.range.clone()];
            let told = match &found.sought.sort {
                Sort::Name { name, .. } => {
                    let told = names.heard(said, name);
                    // Digits behind a number would make another one of it.
                    let runs_on = told.ends_with(|letter: char| letter.is_ascii_digit()) && text[found.range.end..].starts_with(|letter: char| letter.is_ascii_digit());
                    if runs_on { format!("{told}_") } else { told }
                }
                Sort::Digits { told, .. } => overlaid(text, told, &found.spans),
            };
            spans.insert(found.range, told);
        });
    }

    /// Whether one of them is in the text that says it beyond doubt.
    #[must_use]
    pub fn is_told_in(&self, text: &str) -> bool {
        let mut is_told = false;
        self.each(text, In::Sentence, &mut Spans::default(), |_, found| {
            is_told |= match &found.sought.sort {
                Sort::Name { spelling, .. } => spelling.is_within(),
                Sort::Digits { .. } => true,
            };
        });
        is_told
    }

    fn each(&self, text: &str, place: In, spans: &mut Spans, mut then: impl FnMut(&mut Spans, Found<'_>)) {
        let bare = Bare::of(text);
        let mut at = 0;
        while at < bare.letters.len() {
            let Some(found) = self.finder.find(Input::new(&bare.letters).span(at..bare.letters.len())) else { break };
            let start = found.start();
            at = start + 1;
            let mut candidate = Some(found.pattern().as_usize());
            while let Some(which) = candidate {
                let letters = start..start + self.sought[which].len();
                let range = bare.range(&letters);
                let sought = &self.sought[which];
                if spans.is_free(&range) && self.is_one(sought, text, &bare, &letters, place) {
                    at = letters.end;
                    then(spans, Found { range, sought, spans: bare.spans[letters].to_vec() });
                    break;
                }
                candidate = sought.shorter;
            }
        }
    }

    /// Whether these letters are spelled as that name may be, and are no part of another word.
    fn is_one(&self, sought: &Sought, text: &str, bare: &Bare, letters: &Range<usize>, place: In) -> bool {
        let range = bare.range(letters);
        let gaps = || (letters.start + 1..letters.end).map(|at| (at - letters.start, bare.gaps[at]));
        match &sought.sort {
            Sort::Digits { is_hex, every, .. } => {
                let is_digit = |letter: char| if *is_hex { letter.is_ascii_hexdigit() } else { letter.is_ascii_digit() };
                let before = &text[..range.start];
                gaps().all(|(at, gap)| gap == Gap::None || at % every == 0) && (!before.ends_with(is_digit) || ends_encoded(before)) && !text[range.end..].starts_with(is_digit)
            }
            Sort::Name { spelling, .. } => {
                let said = &text[range.clone()];
                let is_exact = self.exact.contains(said) || said.len() >= LONG && self.exact.contains(&said.to_lowercase());
                if is_exact && place == In::Sentence && stands_alone(text, &range) {
                    return true;
                }
                if !spelling.is_loose() || place == In::Agent && spelling.begins.is_empty() {
                    return false;
                }
                let joins = |at: usize| spelling.begins.contains(&at);
                let is_spelled = gaps().all(|(at, gap)| match gap {
                    Gap::None => true,
                    Gap::Near => spelling.is_within() || joins(at),
                    Gap::Far => spelling.is_spaced() && joins(at),
                });
                let has_far = || gaps().any(|(_, gap)| gap == Gap::Far);
                is_spelled && (is_delimited(text, &range) || spelling.is_within() && !has_far())
            }
        }
    }
}

struct Found<'a> {
    range: Range<usize>,
    sought: &'a Sought,
    spans: Vec<Range<usize>>,
}

/// Where an account may be parted: `1234-5678-9012`.
pub const ACCOUNT: usize = 4;

/// More of them are laid out in the way that is built fastest.
const MANY: usize = 20_000;

/// Of each, the longest of the others that it begins with; they are sorted.
fn shorter(sorted: &[Vec<u8>]) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let mut told = Vec::with_capacity(sorted.len());
    for (at, letters) in sorted.iter().enumerate() {
        while open.last().is_some_and(|last| !letters.starts_with(&sorted[*last])) {
            open.pop();
        }
        told.push(open.last().copied());
        open.push(at);
    }
    told
}

/// The digits in the places of those that are there.
fn overlaid(text: &str, digits: &str, spans: &[Range<usize>]) -> String {
    let mut told = String::new();
    let mut end = spans.first().map_or(0, |span| span.start);
    for (digit, span) in digits.chars().zip(spans) {
        told.push_str(&text[end..span.start]);
        told.push(if text[span.clone()].starts_with(|letter: char| letter.is_ascii_uppercase()) { digit.to_ascii_uppercase() } else { digit });
        end = span.end;
    }
    told
}

/// Whether no letter stands beside it, or one that begins another word: `jobOfPayzillaApi`, `payzilla_api_db`.
fn is_delimited(text: &str, range: &Range<usize>) -> bool {
    let (before, said, after) = (&text[..range.start], &text[range.clone()], &text[range.end..]);
    let is_lower = |letter: char| letter.is_lowercase() || letter.is_ascii_digit();
    let begins = !before.ends_with(char::is_alphanumeric)
        || ends_encoded(before)
        || before.ends_with("\\n")
        || before.ends_with("\\t")
        || before.ends_with("\\r")
        || before.ends_with(is_lower) && said.starts_with(char::is_uppercase);
    let ends = !after.starts_with(char::is_alphanumeric)
        || after.starts_with(|letter: char| letter.is_ascii_digit()) && !said.ends_with(|letter: char| letter.is_ascii_digit())
        || said.ends_with(is_lower) && after.starts_with(char::is_uppercase);
    begins && ends
}
