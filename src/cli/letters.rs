//! Terminals that show ASCII alone, as `LC_ALL=C` says of one: other letters would come out as other ones there, and some
//! of their bytes are commands to it.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Whether the locale says so. One that says nothing is taken for what terminals are today: UTF-8.
#[must_use]
pub fn are_ascii_alone() -> bool {
    if cfg!(windows) {
        return false;
    }
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    locale.is_some_and(|locale| !speaks_utf_8(&locale))
}

fn speaks_utf_8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// As wide as before, so that columns stay columns.
#[must_use]
pub fn in_text(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut spelled = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if letter.is_ascii() => spelled.push(letter),
            '✓' => spelled.push('+'),
            '✗' | '×' => spelled.push('x'),
            '…' | '·' => spelled.push('.'),
            '–' | '—' | '─' => spelled.push('-'),
            '→' | '▌' => spelled.push('>'),
            '│' => spelled.push('|'),
            '↑' => spelled.push('^'),
            '↓' => spelled.push('v'),
            '“' | '”' => spelled.push('"'),
            '‘' | '’' => spelled.push('\''),
            other => spelled.extend(std::iter::repeat_n('?', other.width().unwrap_or(0))),
        }
    }
    Cow::Owned(spelled)
}

/// The same JSON: what is not ASCII stands only inside its strings, and there it has a second spelling.
#[must_use]
pub fn in_json(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut spelled = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            spelled.push(letter);
        } else {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| spelled.push_str(&format!("\\u{unit:04x}")));
        }
    }
    Cow::Owned(spelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_utf_8_only_where_it_says_so() {
        for locale in ["en_GB.UTF-8", "C.UTF-8", "C.utf8", "UTF-8"] {
            assert!(speaks_utf_8(locale), "{locale}");
        }
        for locale in ["C", "POSIX", "de_DE.ISO-8859-1", "en_US", "ja_JP.eucJP"] {
            assert!(!speaks_utf_8(locale), "{locale}");
        }
    }

    #[test]
    fn every_letter_is_as_wide_as_before_and_ascii() {
        assert_eq!(in_text("✗ Out of memory… 3× “日本” ’ö\u{1b}[0m"), "x Out of memory. 3x \"????\" '?\u{1b}[0m");
        assert!(matches!(in_text("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_says_the_same_in_ascii() {
        let told = serde_json::json!({"ö": "日本 𝄞 \"…\""}).to_string();
        let spelled = in_json(&told);
        assert!(spelled.is_ascii());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&spelled).expect("JSON"), serde_json::from_str::<serde_json::Value>(&told).expect("JSON"));
    }
}
