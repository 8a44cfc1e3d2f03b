//! One name in many spellings: `payzilla-api`, `payzilla_api`, `payzillaApi`, `PAYZILLA_API`, `payzilla%2Dapi`, `payzilla api`.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use super::names::VOCABULARY;

/// What stands before a letter or digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Another one.
    None,
    /// A hyphen, an underscore or a dot.
    Near,
    /// A space, a slash or a colon: what joins other words than those of a name, too.
    Far,
}

/// The letters and digits of a text, in lower case; where something stands that joins no name, a zero.
#[derive(Debug, Default)]
pub struct Bare {
    pub letters: Vec<u8>,
    pub spans: Vec<Range<usize>>,
    pub gaps: Vec<Gap>,
}

/// More signs than these between two words do not join them.
const MOST_SIGNS: usize = 3;

impl Bare {
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut bare = Self { letters: Vec::with_capacity(text.len()), spans: Vec::with_capacity(text.len()), gaps: Vec::with_capacity(text.len()) };
        let (mut gap, mut signs, mut at) = (Gap::None, 0, 0);
        while let Some(first) = text[at..].chars().next() {
            let encoded = if matches!(first, '%' | '\\') { letter_encoded(&text[at..]) } else { None };
            let (letter, length) = encoded.unwrap_or((first, first.len_utf8()));
            let end = at + length;
            // A mark is a part of the letter that it stands on.
            if letter.is_alphanumeric() || matches!(letter, '\u{300}'..='\u{36f}') {
                let mut bytes = [0; 4];
                for lower in letter.to_lowercase() {
                    // What is before a letter is before the first of its bytes.
                    lower.encode_utf8(&mut bytes).bytes().for_each(|byte| bare.push(byte, at..end, std::mem::replace(&mut gap, Gap::None)));
                }
                signs = 0;
            } else {
                signs += 1;
                let joined = joint(letter).filter(|_| signs <= MOST_SIGNS);
                match joined {
                    None if bare.letters.last() != Some(&0) => bare.push(0, at..end, Gap::None),
                    None => {}
                    Some(Gap::Near) if gap != Gap::None => {}
                    Some(joint) => gap = joint,
                }
            }
            at = end;
        }
        bare
    }

    fn push(&mut self, letter: u8, span: Range<usize>, gap: Gap) {
        self.letters.push(letter);
        self.spans.push(span);
        self.gaps.push(gap);
    }

    /// Where in the text these of its letters stand.
    #[must_use]
    pub fn range(&self, letters: &Range<usize>) -> Range<usize> {
        self.spans[letters.start].start..self.spans[letters.end - 1].end
    }
}

/// How a sign joins two words; `None` where it parts them.
fn joint(sign: char) -> Option<Gap> {
    match sign {
        ' ' | '/' | ':' | '+' | '~' | '\\' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => Some(Gap::Far),
        // Hyphens and dashes, dots in the middle and at the foot, and what is not seen at all.
        '-'
        | '_'
        | '.'
        | '\u{ad}'
        | '\u{b7}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2010}'..='\u{2015}'
        | '\u{2022}'
        | '\u{2024}'
        | '\u{2027}'
        | '\u{203f}'
        | '\u{2043}'
        | '\u{2060}'
        | '\u{2212}'
        | '\u{2219}'
        | '\u{22c5}'
        | '\u{30fb}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{feff}'
        | '\u{ff0d}'
        | '\u{ff0e}'
        | '\u{ff3f}' => Some(Gap::Near),
        _ => None,
    }
}

/// `%2D` or `\u002d`, also with more backslashes, and how long it is. A letter of ASCII is never written so.
fn letter_encoded(text: &str) -> Option<(char, usize)> {
    /// So many where JSON stands in JSON's text twice.
    const MOST_BACKSLASHES: usize = 4;
    let bytes = text.as_bytes();
    let backslashes = bytes.iter().take(MOST_BACKSLASHES).take_while(|byte| **byte == b'\\').count();
    let (start, digits) = if backslashes == 0 { (1, 2) } else { (backslashes + 1, 4) };
    if backslashes > 0 && bytes.get(backslashes) != Some(&b'u') {
        return None;
    }
    let hex = text.get(start..start + digits).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let letter = char::from_u32(u32::from_str_radix(hex, 16).ok()?)?;
    let may_be = if backslashes == 0 { letter.is_ascii() } else { true };
    (may_be && !letter.is_ascii_alphanumeric()).then_some((letter, start + digits))
}

/// Whether the last of a text is a sign, written as `%2F` or `\u002f`.
#[must_use]
pub fn ends_encoded(text: &str) -> bool {
    let ends = |sign: &[u8], digits: usize| {
        let rest = text.len().checked_sub(digits).map(|at| text.as_bytes().split_at(at));
        rest.is_some_and(|(before, hex)| before.ends_with(sign) && hex.iter().all(u8::is_ascii_hexdigit))
    };
    ends(b"%", 2) || ends(b"\\u", 4)
}

/// Words of AWS's sentences and operations beside those of `VOCABULARY`: two of them are no name in another spelling.
static AWSS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    "actions active activity already amazon attached attempted attempts autoscaling aws before began begun being below beyond blue builder change changed \
     circuitbreaker cloud complete connected count crash created delete deleted deploy deployed deployments describe disabled disconnected discovery \
     enabled essential execute execution failing failover function green groups healthcheck images inactive increase increased initialize initiated inside \
     insights instances insufficient internet keys limited limits list listening live located logging longer manage managed manager match matching max \
     metric metrics min mode most must names new next nodes number old only operation operations over own page parameter part pending pid poll pulled \
     pulling push queue reads ready rebalance receive recycle register registered release remaining removed replace replaced replacement replica requested \
     requests required responses results returned rollout safe scaled schedule script send sent set setup since single sleep source stable standard steady \
     stops stored submit suite support systems table targets terminate their this threshold throttled throttling times total tracking types undefined under \
     update updated updates upgrade uploaded url valid via volumes waiting watch went when who will within without write"
        .split_whitespace()
        .collect()
});

/// Words that stand beside each other in anybody's sentence.
static COMMON: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    "api app application applications apps backend batch build component config core cron dev frontend global home main my prod production side sidecar \
     site stage staging store team test tests tool tools web work worker workers"
        .split_whitespace()
        .collect()
});

/// A name, taken apart.
#[derive(Debug)]
pub struct Spelling {
    /// Its letters and digits, by which it is known in any spelling.
    pub bare: Vec<u8>,
    /// Where a part of it begins, by the letters.
    pub begins: Vec<usize>,
    letters: usize,
    /// Letters of its longest part that is no word of AWS's.
    own: usize,
    /// The same of those that are nobody else's either.
    rare: usize,
}

impl Spelling {
    #[must_use]
    pub fn of(name: &str) -> Self {
        let bare = Bare::of(name);
        let letter = |at: usize| name[bare.spans[at].clone()].chars().next().unwrap_or_default();
        let begins: Vec<usize> = (1..bare.letters.len()).filter(|at| bare.gaps[*at] != Gap::None || letter(*at).is_uppercase() && letter(*at - 1).is_lowercase()).collect();
        let (mut own, mut rare, mut start) = (0, 0, 0);
        for end in begins.iter().copied().chain([bare.letters.len()]) {
            let part = String::from_utf8_lossy(&bare.letters[start..end]);
            let word = part.trim_matches(|letter: char| letter.is_ascii_digit());
            if !VOCABULARY.contains(word) && !AWSS.contains(word) {
                let letters = letters_of(word.as_bytes());
                own = own.max(letters);
                rare = rare.max(if COMMON.contains(word) { 0 } else { letters });
            }
            start = end;
        }
        Self { begins, letters: letters_of(&bare.letters), own, rare, bare: bare.letters }
    }

    /// Whether it is the same name however its parts are joined.
    #[must_use]
    pub fn is_loose(&self) -> bool {
        let has_parts = !self.begins.is_empty() && self.letters >= 4 && self.bare.len() >= 5;
        !self.bare.contains(&0) && self.own >= 2 && has_parts || self.is_within()
    }

    /// Whether it is known within longer words, too.
    #[must_use]
    pub fn is_within(&self) -> bool {
        !self.bare.contains(&0) && self.letters >= 8 && self.rare >= 3
    }

    /// Whether its parts are known with a space or a slash between them.
    #[must_use]
    pub fn is_spaced(&self) -> bool {
        self.letters >= 6 && self.rare >= 3
    }
}

fn letters_of(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii()).count()
}

/// The pseudonym, spelled as the name is here: `payzilla_api` is `service_1`, `PayzillaApi` is `Service1`.
#[must_use]
pub fn shaped(said: &str, name: &str, pseudonym: &str) -> String {
    if !pseudonym.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return pseudonym.to_owned();
    }
    let bare = Bare::of(said);
    let joint = (1..bare.letters.len()).find(|at| bare.gaps[*at] != Gap::None).map(|at| &said[bare.spans[at - 1].end..bare.spans[at].start]);
    let is_one = joint.is_none() && Spelling::of(said).begins.is_empty();
    let joint = match joint {
        Some(joint) => joint,
        None if is_one && Spelling::of(name).begins.is_empty() => "-",
        None => "",
    };
    let is_upper = |letter: char| letter.is_uppercase();
    let parts = pseudonym.split('-').map(|part| match said.chars().next() {
        _ if !said.contains(char::is_lowercase) && said.contains(is_upper) => part.to_ascii_uppercase(),
        Some(first) if first.is_uppercase() => {
            let (head, tail) = part.split_at(part.len().min(1));
            head.to_ascii_uppercase() + tail
        }
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(joint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_spelled_as_the_name_is() {
        for (said, told) in [
            ("payzilla-api", "service-1"),
            ("payzilla_api", "service_1"),
            ("payzilla.api", "service.1"),
            ("payzillaApi", "service1"),
            ("PayzillaApi", "Service1"),
            ("PAYZILLA_API", "SERVICE_1"),
            ("PAYZILLAAPI", "SERVICE1"),
            ("Payzilla-Api", "Service-1"),
            ("payzilla%2Dapi", "service%2D1"),
            ("Payzilla Api", "Service 1"),
            ("payzillaapi", "service1"),
        ] {
            assert_eq!(shaped(said, "payzilla-api", "service-1"), told);
        }
        assert_eq!(shaped("PAYZILLA", "payzilla", "cluster-1"), "CLUSTER-1");
        assert_eq!(shaped("-é-payzilla", "payzilla-api", "service-1"), "service-1", "signs before it are none of its joints");
        assert_eq!(shaped("X_Y", "x-y", "person-1@host.example"), "person-1@host.example");
    }

    #[test]
    fn words_of_awss_are_no_name_in_another_spelling() {
        let sorts = |name: &str| {
            let spelling = Spelling::of(name);
            (spelling.is_loose(), spelling.is_spaced(), spelling.is_within())
        };
        assert_eq!(sorts("payzilla-api"), (true, true, true));
        assert_eq!(sorts("payzilla"), (true, true, true));
        assert_eq!(sorts("shop-api"), (true, true, false));
        assert_eq!(sorts("web-api"), (true, false, false));
        for name in ["web", "prod", "health-check", "healthCheck", "stop-task", "UpdateService", "scaling-activity", "essential-container", "web-1", "app", "deployments"] {
            assert!(!sorts(name).0 && !sorts(name).2, "{name}");
        }
    }
}
