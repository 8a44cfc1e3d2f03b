//! What is encoded in base64 within a sentence, as far as it is text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

static RUN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/_-]{24,}={0,2}").expect("a pattern"));

/// Shorter pieces of text come about by chance.
const SHORTEST: usize = 6;

/// Where something may be encoded; an id in hexadecimal digits is nothing of the kind.
pub fn runs(text: &str) -> impl Iterator<Item = Range<usize>> {
    RUN.find_iter(text).filter(|run| !run.as_str().bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')).map(|run| run.range())
}

/// The texts in it. A word that is joined to it shifts it, by up to three letters.
pub fn texts(run: &str) -> Vec<String> {
    let values: Vec<u8> = run.bytes().filter_map(value).collect();
    let mut texts = Vec::new();
    for from in 0..4.min(values.len()) {
        let bytes = values[from..].chunks(4).flat_map(|four| {
            let bits = four.iter().fold(0_u32, |bits, value| bits << 6 | u32::from(*value)) << (6 * (4 - four.len()));
            let [_, bytes @ ..] = bits.to_be_bytes();
            bytes.into_iter().take(four.len().saturating_sub(1))
        });
        let bytes: Vec<u8> = bytes.collect();
        let printed = bytes.split(|byte| !(byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte >= 0x80));
        texts.extend(printed.filter(|text| text.len() >= SHORTEST).map(|text| String::from_utf8_lossy(text).into_owned()));
    }
    texts
}

fn value(letter: u8) -> Option<u8> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_wherever_it_begins() {
        let encoded = aws_smithy_types::base64::encode(r#"{"service":"payzilla-api"}"#);
        for run in [encoded.clone(), format!("t_{encoded}"), format!("abc_{encoded}"), encoded.trim_end_matches('=').replace('/', "_")] {
            assert!(texts(&run).iter().any(|text| text.contains("payzilla-api")), "{run}");
        }
        let found: Vec<&str> = runs(&encoded).map(|run| &encoded[run]).collect();
        assert_eq!(found, [encoded.as_str()]);
        assert_eq!(runs("0af7651916cd43dd8448eb211c80319c 77ab0c1d-2e3f-4a5b-8c6d-7e8f90a1b2c3").count(), 0);
    }
}
