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
        kept.push(letter);
        // Measured together: a selector behind a sign may widen it.
        if width(&kept) + 1 > columns {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

/// Lines of at most `columns`, broken between words, or within a word that is longer than a line.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(10);
    let broken = |columns: usize| -> Vec<String> {
        // Balanced lines may overflow by a letter; these may not.
        let options = textwrap::Options::new(columns)
            .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        textwrap::wrap(text, options).into_iter().map(std::borrow::Cow::into_owned).collect()
    };
    let mut lines = broken(columns);
    // A sign that is asked to be an emoji takes two columns, and counts as one letter by letter.
    if lines.iter().any(|line| width(line) > columns) {
        lines = broken(columns / 2);
    }
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
        assert!(wrapped(&"❤\u{fe0f}".repeat(30), 20).iter().all(|line| width(line) <= 20));
    }
}
