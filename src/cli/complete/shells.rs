//! How each shell hands over its line, and how it is answered.

use std::borrow::Cow;

use clap_complete::CompletionCandidate;

use crate::render::columns::cut;
use crate::render::printable::printable;

use super::line::{self, Word};

/// What PowerShell reads as `'`, beside that itself.
const CURLY_QUOTES: [char; 4] = ['\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}'];
/// Columns of help beside a value; what a shell has no room for it cuts itself.
const HELP: usize = 120;

/// The words of a line, which of them is being typed, and what bash will put the answer in place of.
pub struct Asked {
    pub words: Vec<String>,
    pub current: usize,
    bash: Option<Bash>,
}

struct Bash {
    /// The beginning of the word that stays where it is.
    kept: String,
    quote: Option<char>,
}

/// Bash cuts its words at `:` and `=`: its loader sends the line up to the cursor, the rest of it, and the piece of the
/// word that bash is going to replace.
const BASH_LINE: &str = "bash-line";

impl Asked {
    /// `given` is what stands behind `--`; `index` is where the shell says the cursor is.
    #[must_use]
    pub fn read(shell: &str, given: Vec<String>, index: Option<usize>) -> Self {
        if shell == BASH_LINE {
            return Self::of_line(&given);
        }
        let mut words = given;
        let current = index.unwrap_or_else(|| words.len().saturating_sub(1));
        // PowerShell drops an empty word.
        if words.len() <= current {
            words.resize(current + 1, String::new());
        }
        // Fish takes the quotes off every word but the one being typed.
        if shell == "fish" {
            words[current] = line::words(&words[current]).pop().map(|word| word.text).unwrap_or_default();
        }
        Self { words, current, bash: None }
    }

    fn of_line(given: &[String]) -> Self {
        let part = |at: usize| given.get(at).map(String::as_str).unwrap_or_default();
        let mut words = line::words(part(0));
        let current = words.len() - 1;
        let Word { raw, quote, .. } = words[current].clone();
        let kept = raw.strip_suffix(part(2)).unwrap_or_default();
        let kept = line::words(kept).pop().map(|word| word.text).unwrap_or_default();
        // What is left of this word behind the cursor is not finished either.
        let rest = part(1).trim_start_matches(|letter: char| !letter.is_whitespace()).trim();
        if !rest.is_empty() {
            words.extend(line::words(rest));
        }
        Self { words: words.into_iter().map(|word| word.text).collect(), current, bash: Some(Bash { kept, quote }) }
    }

    #[must_use]
    pub fn word(&self) -> &str {
        self.words.get(self.current).map(String::as_str).unwrap_or_default()
    }

    /// One candidate a line, with its help behind a tab where the shell shows one.
    #[must_use]
    pub fn answer(&self, shell: &str, candidates: &[CompletionCandidate]) -> String {
        let options_too = candidates.iter().all(|candidate| candidate.get_value().to_string_lossy().starts_with('-'));
        let is_wanted = |value: &str| {
            // Shells write a value to the terminal as it is, and PowerShell takes curly quotes for straight ones.
            let is_plain = matches!(printable(value), Cow::Borrowed(_)) && !(shell == "powershell" && value.contains(CURLY_QUOTES));
            // Thirty options behind the tasks nobody asked for; a dash asks for them.
            let is_option = value.starts_with('-') && value != "-";
            is_plain && (!self.word().is_empty() || options_too || !is_option)
        };
        let offered = candidates.iter().filter_map(|candidate| Some((candidate.get_value().to_str()?, candidate.get_help()))).filter(|(value, _)| is_wanted(value));
        if let Some(bash) = &self.bash {
            return offered.filter_map(|(value, _)| bash.told(value)).collect::<Vec<_>>().join("\n");
        }
        if shell == "bash" {
            let between = std::env::var("_CLAP_IFS").unwrap_or_else(|_| "\n".to_owned());
            return offered.map(|(value, _)| value.to_owned()).collect::<Vec<_>>().join(&between);
        }
        let mut told = String::new();
        for (value, help) in offered {
            told.push_str(value);
            let help = help.map(ToString::to_string).unwrap_or_default();
            let help = help.lines().next().map(|line| cut(&printable(line), HELP)).unwrap_or_default();
            if !help.is_empty() {
                told.push('\t');
                told.push_str(&help);
            }
            told.push('\n');
        }
        told
    }
}

impl Bash {
    /// Quoted, without what stays in front of it, and with the blank that ends a finished word.
    fn told(&self, value: &str) -> Option<String> {
        let rest = line::quoted(value.strip_prefix(&self.kept)?, self.quote)?;
        let goes_on = self.quote.is_some() || value.ends_with(['/', ':', '=']);
        Some(if goes_on { rest } else { format!("{rest} ") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, behind: &str, replaced: &str, candidates: &[&str]) -> String {
        let given = [before, behind, replaced].map(str::to_owned).to_vec();
        let candidates: Vec<CompletionCandidate> = candidates.iter().copied().map(CompletionCandidate::new).collect();
        Asked::read(BASH_LINE, given, None).answer(BASH_LINE, &candidates)
    }

    #[test]
    fn bash_gets_what_it_will_put_behind_its_own_cut() {
        assert_eq!(told("ecs-trace why --region=eu", "", "eu", &["--region=eu-west-1"]), "eu-west-1 ");
        assert_eq!(told("ecs-trace why --region=", "", "", &["--region=eu-west-1"]), "eu-west-1 ");
        assert_eq!(told("ecs-trace why arn:aws:ecs:eu-west-1:1:task/p/9", "", "task/p/9", &["arn:aws:ecs:eu-west-1:1:task/p/9f2c"]), "task/p/9f2c ");
        assert_eq!(told("ecs-trace why demo:", "", "", &["demo:a", "demo:b"]), "a \nb ");
        assert_eq!(told("ecs-trace why @l", "", "@l", &["@latest"]), "@latest ");
        // Where the breaks were taken out of COMP_WORDBREAKS, the whole word is replaced.
        assert_eq!(told("ecs-trace why demo:o", "", "demo:o", &["demo:out-of-memory"]), "demo:out-of-memory ");
        assert_eq!(told("ecs-trace why service/w", "", "service/w", &["service/", "service/web"]), "service/\nservice/web ");
    }

    #[test]
    fn bash_gets_a_value_quoted_as_the_word_is() {
        assert_eq!(told("ecs-trace -p my", "", "my", &["my prod"]), "my\\ prod ");
        assert_eq!(told("ecs-trace -p \"my", "", "my", &["my prod"]), "my prod");
        assert_eq!(told("ecs-trace -p 'my", "", "my", &["my prod"]), "my prod");
        assert_eq!(told("ecs-trace --profile=my\\ p", "", "my\\ p", &["--profile=my prod"]), "my\\ prod ");
        assert_eq!(told("ecs-trace --profile=\"my p", "", "my p", &["--profile=my prod"]), "my prod");
        assert_eq!(told("ecs-trace -p $(", "", "$(", &["$(touch x)"]), "\\$\\(touch\\ x\\) ");
    }

    #[test]
    fn words_behind_the_cursor_are_read_and_the_rest_of_the_own_word_is_not() {
        let given = ["ecs-trace why 9f", "2c  -c prod", "9f"].map(str::to_owned).to_vec();
        let asked = Asked::read(BASH_LINE, given, None);
        assert_eq!(asked.words, ["ecs-trace", "why", "9f", "-c", "prod"]);
        assert_eq!((asked.current, asked.word()), (2, "9f"));
    }

    #[test]
    fn an_empty_word_is_offered_no_options_unless_there_is_nothing_else() {
        let asked = Asked::read("fish", vec!["ecs-trace".to_owned(), "why".to_owned(), String::new()], None);
        let answer = |values: &[&str]| asked.answer("fish", &values.iter().copied().map(CompletionCandidate::new).collect::<Vec<_>>());
        assert_eq!(answer(&["9f2c", "-", "--quiet"]), "9f2c\n-\n");
        assert_eq!(answer(&["--quiet"]), "--quiet\n");
    }

    #[test]
    fn nothing_a_terminal_obeys_is_in_an_answer() {
        let asked = Asked::read("zsh", vec!["ecs-trace".to_owned(), "x".to_owned()], Some(1));
        let candidates = [CompletionCandidate::new("x\u{1b}[2J"), CompletionCandidate::new("x\ny"), CompletionCandidate::new("x").help(Some("a\u{202e}\tb\nc".into()))];
        let answer = asked.answer("zsh", &candidates);
        assert_eq!(answer, "x\ta\\u{202e} b\n");
        assert!(!answer.trim_end().trim_start_matches("x\t").chars().any(char::is_control));
    }

    #[test]
    fn whatever_a_value_or_its_help_holds_each_shell_gets_one_plain_line_of_it_or_none() {
        for text in crate::fuzz::HOSTILE.iter() {
            let offered = [CompletionCandidate::new(text.as_str()), CompletionCandidate::new("x").help(Some(text.clone().into()))];
            for shell in ["fish", "zsh", "elvish", "powershell", "bash"] {
                let asked = Asked::read(shell, vec!["ecs-trace".to_owned(), "x".to_owned()], Some(1));
                let answer = asked.answer(shell, &offered);
                let lines: Vec<&str> = answer.lines().collect();
                assert!(lines.len() <= 2 && lines.last().is_some_and(|line| line.split('\t').next() == Some("x")), "{shell}: {answer:?}");
                for line in lines {
                    let (value, help) = line.split_once('\t').unwrap_or((line, ""));
                    assert!(matches!(printable(value), Cow::Borrowed(_)) && matches!(printable(help), Cow::Borrowed(_)), "{shell}: {line:?}");
                    assert!(value == "x" || value == text);
                    assert!(shell != "powershell" || !value.contains('’'), "{value}");
                }
            }
            // Bash puts it on the line as it comes: there it must read as itself and as nothing else.
            for line in told("ecs-trace why ", "", "", &[text]).lines() {
                assert_eq!(shlex::split(line.strip_suffix(' ').unwrap_or(line)).as_deref(), Some([text.clone()].as_slice()), "{line}");
            }
        }
    }

    #[test]
    fn a_word_that_powershell_dropped_is_there_again() {
        let asked = Asked::read("powershell", vec!["ecs-trace".to_owned(), "why".to_owned()], Some(2));
        assert_eq!((asked.words.len(), asked.word()), (3, ""));
    }
}
