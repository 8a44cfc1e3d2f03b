//! Nothing from outside steers the terminal: control, direction and invisible characters are shown, not obeyed.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// As many marks as any script puts upon one letter. More of them grow over the lines above and below.
const MOST_MARKS: usize = 4;

/// The text on one line, every character that a terminal would act on or hide written as an escape.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let Some(first) = first_unprintable(text) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    // The letter at `first` is written as an escape whatever stands before it.
    let mut marks = MOST_MARKS;
    for letter in text[first..].chars() {
        marks = if is_mark(letter) { marks + 1 } else { 0 };
        match letter {
            '\t' => out.push(' '),
            '\n' | '\r' => out.push('␤'),
            '\u{1b}' => out.push_str("\\e"),
            letter if is_unprintable(letter) || marks > MOST_MARKS => out.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    Cow::Owned(out)
}

fn first_unprintable(text: &str) -> Option<usize> {
    let mut marks = 0;
    text.char_indices().find_map(|(at, letter)| {
        marks = if is_mark(letter) { marks + 1 } else { 0 };
        (is_unprintable(letter) || marks > MOST_MARKS).then_some(at)
    })
}

/// Takes no column of its own: an accent, a vowel sign, a variation selector.
fn is_mark(letter: char) -> bool {
    !letter.is_ascii() && letter.width() == Some(0)
}

/// Whether a terminal would act on it or hide it.
#[must_use]
pub fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_directions_and_invisible_characters_are_shown() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\\e[31mb");
        assert_eq!(printable("a\u{202e}b\u{200b}c"), "a\\u{202e}b\\u{200b}c");
        assert_eq!(printable("a\rb\nc\td"), "a␤b␤c d");
        assert_eq!(printable("\u{9b}2J"), "\\u{9b}2J");
    }

    #[test]
    fn ordinary_text_in_any_script_is_left_alone() {
        for text in ["Größe 日本 ✗ can’t", "Tie\u{302}\u{301}ng Vie\u{323}\u{302}t", "น้ำที่นี่", "בְּרֵאשִׁ֖ית", "ध्वनि क्ष्म्य", "☀\u{fe0f} 👍🏽"]
        {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{}", printable(text));
        }
    }

    #[test]
    fn a_tower_of_marks_stays_on_its_line() {
        assert_eq!(printable(&format!("Z{}a", "\u{301}".repeat(6))), format!("Z{}\\u{{301}}\\u{{301}}a", "\u{301}".repeat(4)));
        assert_eq!(printable(&"\u{fe0f}".repeat(5)).matches("\\u{fe0f}").count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn what_comes_out_holds_nothing_a_terminal_obeys(text in "\\PC*|[\\x00-\\x9f]*") {
            let shown = printable(&text);
            proptest::prop_assert!(!shown.chars().any(is_unprintable));
            proptest::prop_assert_eq!(&printable(&shown), &shown, "twice is once");
        }
    }
}
