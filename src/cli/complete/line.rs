//! A command line as bash or fish has it: cut into words, quotes and backslashes taken off, and put on again.

/// One word of an unfinished line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// What the program would be given.
    pub text: String,
    /// As it was typed.
    pub raw: String,
    /// The quote that is still open at its end.
    pub quote: Option<char>,
}

/// Cut at blanks as a shell does. The last word is the one being typed: empty behind a blank.
#[must_use]
pub fn words(line: &str) -> Vec<Word> {
    let mut words = vec![Word::default()];
    let mut is_empty = true;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let word = words.last_mut().expect("there is always one");
        if word.quote.is_none() && letter.is_whitespace() {
            if !is_empty {
                words.push(Word::default());
            }
            is_empty = true;
            continue;
        }
        is_empty = false;
        word.raw.push(letter);
        match (word.quote, letter) {
            (None, '\'' | '"') => word.quote = Some(letter),
            (Some(quote), letter) if quote == letter => word.quote = None,
            (None, '\\') => {
                if let Some(next) = letters.next() {
                    word.raw.push(next);
                    word.text.push(next);
                }
            }
            (Some('"'), '\\') if letters.peek().is_some_and(|next| matches!(next, '"' | '\\' | '$' | '`')) => {
                let next = letters.next().unwrap_or_default();
                word.raw.push(next);
                word.text.push(next);
            }
            _ => word.text.push(letter),
        }
    }
    words
}

/// The text such that bash reads it as it is, behind an open quote or bare. None where no quoting could.
#[must_use]
pub fn quoted(text: &str, quote: Option<char>) -> Option<String> {
    let is_special: fn(char) -> bool = match quote {
        Some('\'') => return (!text.contains('\'')).then(|| text.to_owned()),
        Some(_) => |letter| matches!(letter, '"' | '\\' | '$' | '`' | '!'),
        None => |letter| !(letter.is_alphanumeric() || "-_./:=@%+,~^".contains(letter)),
    };
    // In double quotes the backslash before `!` stays in the word.
    if quote == Some('"') && text.contains('!') {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_special(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        words(line).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn a_line_is_cut_at_blanks_and_never_at_a_colon_or_an_equals_sign() {
        assert_eq!(texts("ecs-trace why arn:aws:ecs:eu-west-1:1:task/p/9f --region=eu"), ["ecs-trace", "why", "arn:aws:ecs:eu-west-1:1:task/p/9f", "--region=eu"]);
        assert_eq!(texts("ecs-trace  why "), ["ecs-trace", "why", ""]);
        assert_eq!(texts(""), [""]);
    }

    #[test]
    fn quotes_and_backslashes_are_taken_off_and_an_open_quote_is_known() {
        assert_eq!(texts(r#"x --profile "my prod" 'a b'c d\ e """#), ["x", "--profile", "my prod", "a bc", "d e", ""]);
        let last = words(r#"x --profile="my pr"#).pop().unwrap();
        assert_eq!((last.text.as_str(), last.raw.as_str(), last.quote), ("--profile=my pr", r#"--profile="my pr"#, Some('"')));
        assert_eq!(texts(r#"x "a \$b \"c"#), ["x", r#"a $b "c"#]);
        assert_eq!(texts("x a\\"), ["x", "a"]);
    }

    #[test]
    fn what_is_put_on_a_line_reads_as_itself() {
        for text in ["my prod", "a$(touch x)`b`", "it's", "a\"b", "arn:aws:ecs:eu-west-1:1:task/p/9f", "*?[x]", "a;b&c|d>e<f", "größe", "!x"] {
            for quote in [None, Some('\''), Some('"')] {
                let Some(told) = quoted(text, quote) else { continue };
                let line = format!("{}{told}", quote.map(String::from).unwrap_or_default());
                assert_eq!(words(&line).pop().unwrap().text, text, "{line}");
            }
        }
        assert_eq!(quoted("it's", Some('\'')), None);
        assert_eq!(quoted("service/web-api", None).as_deref(), Some("service/web-api"));
    }
}
