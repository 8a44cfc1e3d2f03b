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
            let encoded = (first == '%').then(|| sign_encoded(&text.as_bytes()[at..])).flatten();
            let end = at + if encoded.is_some() { 3 } else { first.len_utf8() };
            match encoded.unwrap_or(first) {
                letter if letter.is_alphanumeric() => {
                    if letter.is_ascii() {
                        bare.push(letter.to_ascii_lowercase() as u8, at..end, gap);
                    } else {
                        let mut bytes = [0; 4];
                        for lower in letter.to_lowercase() {
                            lower.encode_utf8(&mut bytes).bytes().for_each(|byte| bare.push(byte, at..end, gap));
                        }
                    }
                    (gap, signs) = (Gap::None, 0);
                }
                sign => {
                    signs += 1;
                    let is_far = matches!(sign, ' ' | '/' | ':' | '+' | '~' | '\\');
                    if !is_far && !matches!(sign, '-' | '_' | '.') || signs > MOST_SIGNS {
                        if bare.letters.last() != Some(&0) {
                            bare.push(0, at..end, Gap::None);
                        }
                    } else if is_far {
                        gap = Gap::Far;
                    } else if gap == Gap::None {
                        gap = Gap::Near;
                    }
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

/// `%2D`; a letter is never written so.
fn sign_encoded(bytes: &[u8]) -> Option<char> {
    let hex = std::str::from_utf8(bytes.get(1..3)?).ok()?;
    let sign = char::from(u8::from_str_radix(hex, 16).ok()?);
    (sign.is_ascii() && !sign.is_ascii_alphanumeric()).then_some(sign)
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
        Some(first) if first.is_uppercase() => part[..1].to_ascii_uppercase() + &part[1..],
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
