//! What the line being completed already says of whom to ask: `--profile`, `--region`, `--cluster` and the way there.

/// The options of the line, the last of each; empty ones are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    pub profile: Option<String>,
    pub region: Option<String>,
    pub cluster: Option<String>,
    pub endpoint_url: Option<String>,
    pub ca_bundle: Option<String>,
    /// The cluster of the environment or the config file, where the line names none.
    pub default_cluster: Option<String>,
    /// A value that only the shell could tell, such as `$PROFILE`: nobody may be asked on a guess.
    pub is_unclear: bool,
}

impl Typed {
    /// Reads every word but the one at `current`, which is not finished.
    #[must_use]
    pub fn read(words: &[String], current: usize) -> Self {
        let mut typed = Self::default();
        let mut at = 1;
        while let Some(word) = words.get(at) {
            at += 1;
            if at - 1 == current {
                continue;
            }
            if word == "--" {
                break;
            }
            let Some((option, attached)) = option(word) else { continue };
            let value = match attached {
                Some(value) => value,
                // The value is the word being typed, or still to come.
                None if at == current || at >= words.len() => continue,
                None => {
                    at += 1;
                    words[at - 1].clone()
                }
            };
            typed.is_unclear |= value.contains(['$', '`']);
            let value = Some(value).filter(|value| !value.is_empty());
            match option {
                'p' => typed.profile = value,
                'r' => typed.region = value,
                'c' => typed.cluster = value,
                'b' => typed.ca_bundle = value,
                _ => typed.endpoint_url = value,
            }
        }
        typed
    }
}

/// Which of the options a word is, by its letter, and the value that hangs on it: `--region=x`, `-rx`, `-qr=x`.
fn option(word: &str) -> Option<(char, Option<String>)> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
        let letter = match name {
            "profile" => 'p',
            "region" => 'r',
            "cluster" => 'c',
            "endpoint-url" => 'e',
            "ca-bundle" => 'b',
            _ => return None,
        };
        return Some((letter, value));
    }
    let short = word.strip_prefix('-')?;
    let (at, letter) = short.char_indices().find(|(_, letter)| !matches!(letter, 'q' | 'v'))?;
    let rest = &short[at + letter.len_utf8()..];
    let value = (!rest.is_empty()).then(|| rest.strip_prefix('=').unwrap_or(rest).to_owned());
    matches!(letter, 'p' | 'r' | 'c').then_some((letter, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, current: usize) -> Typed {
        Typed::read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>(), current)
    }

    #[test]
    fn an_option_is_read_in_every_way_it_can_be_written() {
        for line in [
            "ecs-trace why X --profile oncall --region eu-west-1 --cluster prod",
            "ecs-trace -p oncall -r eu-west-1 -c prod why X",
            "ecs-trace why X --profile=oncall --region=eu-west-1 --cluster=prod",
            "ecs-trace why X -poncall -reu-west-1 -c=prod",
            "ecs-trace why X -p a -qvp oncall -qreu-west-1 -qc=prod",
        ] {
            let typed = read(line, 99);
            assert_eq!((typed.profile.as_deref(), typed.region.as_deref(), typed.cluster.as_deref()), (Some("oncall"), Some("eu-west-1"), Some("prod")), "{line}");
        }
        assert_eq!(read("ecs-trace why --endpoint-url http://localhost:4566 X", 4).endpoint_url.as_deref(), Some("http://localhost:4566"));
    }

    #[test]
    fn the_word_being_typed_is_no_value_yet_and_words_behind_it_count() {
        assert_eq!(read("ecs-trace why --region eu", 3), Typed::default());
        assert_eq!(read("ecs-trace why --region=eu", 2), Typed::default());
        assert_eq!(read("ecs-trace why X -c prod", 2).cluster.as_deref(), Some("prod"));
        assert_eq!(read("ecs-trace why X -- -c prod", 2), Typed::default());
        assert_eq!(read("ecs-trace why -c", 99), Typed::default());
        assert_eq!(read("ecs-trace why -o cjson -", 4), Typed::default());
    }

    #[test]
    fn what_only_the_shell_knows_is_unclear() {
        assert!(read("ecs-trace why X -p $PROFILE", 2).is_unclear && read("ecs-trace why X --region=`r`", 2).is_unclear);
        assert!(!read("ecs-trace why $X -p a", 3).is_unclear);
    }
}
