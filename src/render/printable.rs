//! Nothing from outside steers the terminal: control, direction and invisible characters are shown, not obeyed.

use std::borrow::Cow;

/// The text on one line, every character that a terminal would act on or hide written as an escape.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '\t' => out.push(' '),
            '\n' | '\r' => out.push('␤'),
            '\u{1b}' => out.push_str("\\e"),
            letter if is_unprintable(letter) => out.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    Cow::Owned(out)
}

fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
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
        assert_eq!(printable("Größe 日本 ✗ can’t"), "Größe 日本 ✗ can’t");
    }

    proptest::proptest! {
        #[test]
        fn what_comes_out_holds_nothing_a_terminal_obeys(text in "\\PC*|[\\x00-\\x9f]*") {
            proptest::prop_assert!(!printable(&text).chars().any(is_unprintable));
        }
    }
}
