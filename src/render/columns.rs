//! Widths as a terminal counts them: laid out bare, painted afterwards.

use unicode_width::UnicodeWidthStr;

#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text with blanks behind it up to `columns`; longer text stays whole.
#[must_use]
pub fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The text in at most `columns`, the end of longer text as `…`.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        if width(&kept) + width(letter.encode_utf8(&mut [0; 4])) + 1 > columns {
            break;
        }
        kept.push(letter);
    }
    kept.push('…');
    kept
}

/// Lines of at most `columns`, broken between words, or within a word that is longer than a line.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    // Balanced lines may overflow by a letter; these may not.
    let options = textwrap::Options::new(columns.max(10))
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let lines: Vec<String> = textwrap::wrap(text, options).into_iter().map(std::borrow::Cow::into_owned).collect();
    if lines.is_empty() { vec![String::new()] } else { lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(width("日本"), 4);
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(padded("日", 4), "日  ");
    }

    #[test]
    fn no_line_is_longer_than_asked() {
        let text = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/73e2d6bc24d8a067 is long";
        assert!(wrapped(text, 30).iter().all(|line| width(line) <= 30));
    }
}
