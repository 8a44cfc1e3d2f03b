//! Run as an alias of the AWS CLI: `aws` parses its global options wherever they stand, and passes none of them on.
//! They are won back from its own command line, or missed aloud.

use clap::parser::ValueSource;
use clap::{ArgMatches, ValueEnum};

use super::ancestors;
use super::args::{Everywhere, Format, When};
use super::failure::Failure;
use super::screen::Screen;
use crate::diagnosis::words::shell;

/// Set by the alias that `ecs-trace alias` writes.
pub const VARIABLE: &str = "ECS_TRACE_VIA";
pub const ALIAS: &str = "aws-alias";

/// Global options of the AWS CLI, versions 1.46 and 2.36, and whether a value follows. The ones of no use here count
/// too: an abbreviation fits only one, or `aws` had refused it.
const OPTIONS: [(&str, bool); 20] = [
    ("debug", false),
    ("v2-debug", false),
    ("endpoint-url", true),
    ("no-verify-ssl", false),
    ("no-paginate", false),
    ("output", true),
    ("query", true),
    ("profile", true),
    ("region", true),
    ("version", false),
    ("color", true),
    ("no-sign-request", false),
    ("ca-bundle", true),
    ("cli-read-timeout", true),
    ("cli-connect-timeout", true),
    ("cli-binary-format", true),
    ("cli-error-format", true),
    ("no-cli-pager", false),
    ("cli-auto-prompt", false),
    ("no-cli-auto-prompt", false),
];

/// What `aws` kept of its command line (of two the later) and what it passed on.
#[derive(Debug, Default, PartialEq, Eq)]
struct Swallowed {
    options: Vec<(&'static str, String)>,
    rest: Vec<String>,
}

impl Swallowed {
    /// Reads a command line of `aws` as its parser does: options anywhere, abbreviated, `--x v` or `--x=v`; nothing behind `--`.
    fn read(arguments: &[String]) -> Self {
        let mut swallowed = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                swallowed.rest.push(word.clone());
                swallowed.rest.extend(words.cloned());
                break;
            }
            let Some((name, takes_value, attached)) = option(word) else {
                swallowed.rest.push(word.clone());
                continue;
            };
            let value = match attached {
                Some(value) => value.to_owned(),
                None if takes_value => words.next().cloned().unwrap_or_default(),
                None => String::new(),
            };
            swallowed.options.retain(|(earlier, _)| *earlier != name);
            swallowed.options.push((name, value));
        }
        swallowed
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(of, _)| *of == name).map(|(_, value)| value.as_str())
    }

    /// Whether what was passed on, without the word or the two that name the alias, is what came in here. Else it was
    /// another command line: `aws` can also ask for one (auto-prompt).
    fn came_in_as(&self, own: &[String]) -> bool {
        let names: Vec<usize> = (0..self.rest.len()).filter(|at| !self.rest[*at].starts_with('-')).take(2).collect();
        let is_below_ecs = names.first().is_some_and(|at| self.rest[*at] == "ecs");
        (1..=names.len().min(if is_below_ecs { 2 } else { 1 })).any(|count| {
            let passed = self.rest.iter().enumerate().filter(|(at, _)| !names[..count].contains(at)).map(|(_, word)| word);
            if ancestors::LEAVES_OUT_EMPTY || self.value("cli-auto-prompt").is_some() {
                return passed.eq(own.iter().filter(|word| !word.is_empty()));
            }
            // An alias of the user's own may have added to it.
            let mut own = own.iter();
            passed.into_iter().all(|word| own.any(|other| other == word))
        })
    }
}

/// The one global option that the word names, whether it takes a value, and the value behind `=`.
fn option(word: &str) -> Option<(&'static str, bool, Option<&str>)> {
    let typed = word.strip_prefix("--").filter(|typed| !typed.is_empty())?;
    let (typed, attached) = typed.split_once('=').map_or((typed, None), |(typed, value)| (typed, Some(value)));
    let exact = OPTIONS.iter().find(|(name, _)| *name == typed);
    let mut abbreviated = OPTIONS.iter().filter(|(name, _)| name.starts_with(typed) && !typed.is_empty());
    let (name, takes_value) = exact.or_else(|| abbreviated.next().filter(|_| abbreviated.next().is_none()))?;
    Some((name, *takes_value, attached))
}

/// What there is to say of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// What was won back, in one line.
    pub using: Option<String>,
    /// What could not be.
    pub missed: Vec<String>,
    /// Names of the options that are in force by it.
    pub taken: Vec<&'static str>,
}

impl Told {
    pub fn say(&self, screen: &Screen) {
        self.using.iter().for_each(|using| screen.aside(using));
        self.missed.iter().for_each(|missed| screen.note(missed));
    }
}

/// Completes `options` by what `aws` was given, if this is run as its alias. What was given to ecs-trace itself wins.
///
/// # Errors
/// If `aws` was given an output format that there is none of here.
pub fn complete(options: &mut Everywhere, matches: &ArgMatches) -> Result<Told, Failure> {
    if std::env::var_os(VARIABLE).is_none_or(|via| via != ALIAS) {
        return Ok(Told::default());
    }
    let own: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let swallowed = ancestors::aws_arguments().map(|arguments| Swallowed::read(&arguments)).filter(|swallowed| swallowed.came_in_as(&own));
    let is_given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    match swallowed {
        Some(swallowed) => fill(options, &swallowed, is_given),
        None => Ok(Told { missed: missed(is_given("profile"), is_given("region")), ..Told::default() }),
    }
}

fn fill(options: &mut Everywhere, swallowed: &Swallowed, is_given: impl Fn(&str) -> bool) -> Result<Told, Failure> {
    let (mut using, mut taken) = (Vec::new(), Vec::new());
    let mut take = |name: &'static str, argument: &str, to: &mut Option<String>| {
        if let Some(value) = swallowed.value(name).filter(|_| !is_given(argument)) {
            using.push(format!("--{name} {}", shell(value)));
            taken.push(name);
            *to = Some(value.to_owned());
        }
    };
    take("profile", "profile", &mut options.profile);
    take("region", "region", &mut options.region);
    take("endpoint-url", "endpoint_url", &mut options.endpoint_url);
    take("query", "query", &mut options.query);
    take("ca-bundle", "ca_bundle", &mut options.ca_bundle);
    let (mut output, mut color) = (None, None);
    take("output", "output", &mut output);
    take("color", "color", &mut color);
    if let Some(output) = output {
        options.output = Format::from_str(&output, false).map_err(|_| {
            let there_are: Vec<String> = Format::value_variants().iter().filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned())).collect();
            Failure::usage(format!("`--output {output}`, given to aws, is no format of ecs-trace; there are: {}", there_are.join(", ")))
                .hint("name one that reaches ecs-trace itself: -o text")
        })?;
    }
    match color.as_deref() {
        Some("on") => options.color = When::Always,
        Some("off") => options.color = When::Never,
        Some("auto") => options.color = When::Auto,
        _ => {}
    }
    if swallowed.value("debug").is_some() && !options.verbose {
        using.push("--debug (as -v)".to_owned());
        options.verbose = true;
        taken.push("verbose");
    }
    if swallowed.value("no-cli-pager").is_some() {
        options.no_pager = true;
        taken.push("no-pager");
    }
    let not_taken = [
        ("no-verify-ssl", "certificates are always verified; name the one to trust: --ca-bundle FILE or AWS_CA_BUNDLE"),
        ("no-sign-request", "every request is signed"),
        ("cli-read-timeout", "the whole run has one limit: --timeout 20s"),
        ("cli-connect-timeout", "the whole run has one limit: --timeout 20s"),
    ];
    let missed = not_taken.iter().filter(|(name, _)| swallowed.value(name).is_some()).map(|(name, instead)| format!("--{name}, given to aws, is not taken over: {instead}"));
    Ok(Told { taken, missed: missed.collect(), using: (!using.is_empty()).then(|| format!("using {} from the aws command line", using.join(" "))) })
}

/// What is said where the command line of `aws` cannot be read: a wrong region must not answer as if it were the right one.
fn missed(is_profile_given: bool, is_region_given: bool) -> Vec<String> {
    let lost = "run as an alias of the AWS CLI, whose own command line cannot be read: what `aws` was given as --profile, --region and --output is lost";
    match (is_profile_given, is_region_given) {
        (true, true) => Vec::new(),
        (false, false) => vec![format!("{lost}; these reach ecs-trace: -p NAME, -r NAME, -o FORMAT")],
        _ => vec![lost.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn read(line: &str) -> Swallowed {
        Swallowed::read(&words(line))
    }

    #[test]
    fn options_are_taken_wherever_they_stand_and_the_rest_is_passed_on() {
        for line in [
            "--region eu-west-1 ecs-trace why 9f2c --profile oncall",
            "--profile=oncall ecs-trace --region=eu-west-1 why 9f2c",
            "ecs-trace why --region us-east-1 9f2c --profile oncall --region eu-west-1",
        ] {
            let swallowed = read(line);
            assert_eq!((swallowed.value("region"), swallowed.value("profile")), (Some("eu-west-1"), Some("oncall")), "{line}");
            assert_eq!(swallowed.rest, words("ecs-trace why 9f2c"), "{line}");
        }
    }

    #[test]
    fn abbreviations_that_fit_one_option_are_that_option() {
        for (typed, name) in [
            ("--out json", "output"),
            ("--reg x", "region"),
            ("--r=x", "region"),
            ("--prof x", "profile"),
            ("--q a.b", "query"),
            ("--e u", "endpoint-url"),
            ("--ca f", "ca-bundle"),
            ("--col on", "color"),
        ] {
            let swallowed = read(&format!("ecs-trace why {typed} 9f2c"));
            assert!(swallowed.value(name).is_some_and(|value| !value.is_empty()), "{typed}");
            assert_eq!(swallowed.rest, words("ecs-trace why 9f2c"), "{typed}");
        }
        let flags = read("ecs-trace why --d --no-p --no-v 9f2c");
        assert!(["debug", "no-paginate", "no-verify-ssl"].iter().all(|name| flags.value(name) == Some("")));
        assert_eq!(flags.rest, words("ecs-trace why 9f2c"));
    }

    #[test]
    fn what_is_longer_than_an_option_fits_several_or_is_short_is_passed_on() {
        for typed in ["--regions", "--no-redact", "--c", "--cli", "--no", "--v", "--quiet", "--verbose", "--format", "--cluster", "-r", "-o", "-", "--timeout", "-region", "--=x"] {
            let swallowed = read(&format!("ecs-trace why {typed} 9f2c"));
            assert_eq!(swallowed.options, [], "{typed}");
            assert_eq!(swallowed.rest, words(&format!("ecs-trace why {typed} 9f2c")));
        }
    }

    #[test]
    fn an_exact_name_is_not_ambiguous_and_nothing_is_an_option_behind_two_dashes() {
        assert_eq!(option("--debug").map(|(name, ..)| name), Some("debug"));
        let swallowed = read("--region x ecs-trace explain -- --region y");
        assert_eq!(swallowed.value("region"), Some("x"));
        assert_eq!(swallowed.rest, words("ecs-trace explain -- --region y"));
    }

    #[test]
    fn a_value_may_look_like_anything() {
        let typed: Vec<String> = ["ecs-trace", "why", "--query", "stops[?a=='b c']", "--profile", "", "--region=a=b", "x"].map(str::to_owned).to_vec();
        let swallowed = Swallowed::read(&typed);
        assert_eq!((swallowed.value("query"), swallowed.value("profile"), swallowed.value("region")), (Some("stops[?a=='b c']"), Some(""), Some("a=b")));
        assert_eq!(Swallowed::read(&words("ecs-trace why --region")).value("region"), Some(""));
    }

    #[test]
    fn a_text_that_begins_like_an_option_is_a_text() {
        let typed: Vec<String> = ["ecs-trace", "explain", "--region is missing"].map(str::to_owned).to_vec();
        assert_eq!(Swallowed::read(&typed).options, []);
    }

    #[test]
    fn only_the_command_line_that_led_here_is_believed() {
        assert!(read("ecs-trace why 9f2c --region x").came_in_as(&words("why 9f2c")));
        assert!(read("ecs trace why 9f2c --region x").came_in_as(&words("why 9f2c")));
        assert!(read("-v et why 9f2c").came_in_as(&words("-v why 9f2c -o json")));
        assert!(!read("--region x s3 ls").came_in_as(&words("why 9f2c")));
        assert!(!read("ecs-trace why 9f2c --region x").came_in_as(&words("why 77ab")));
        assert!(!read("").came_in_as(&words("why 9f2c")));
        assert!(!read("ecs-trace --cli-auto-prompt").came_in_as(&words("why 9f2c")));
    }

    fn options() -> Everywhere {
        use clap::Parser;
        crate::cli::Cli::try_parse_from(["ecs-trace", "explain", "137"]).unwrap().everywhere
    }

    #[test]
    fn what_was_given_to_ecs_trace_itself_wins() {
        let mut filled = Everywhere { region: Some("eu-west-1".to_owned()), ..options() };
        let told = fill(&mut filled, &read("ecs-trace why x --region us-east-1 --out json --color off --debug --ca-bundle b.pem"), |name| name == "region").unwrap();
        assert_eq!(filled.region.as_deref(), Some("eu-west-1"));
        assert_eq!((filled.output, filled.color, filled.verbose, filled.ca_bundle.as_deref()), (Format::Json, When::Never, true, Some("b.pem")));
        assert_eq!(told.using.as_deref(), Some("using --ca-bundle b.pem --output json --color off --debug (as -v) from the aws command line"));
        assert_eq!(told.missed, [""; 0]);
    }

    #[test]
    fn nothing_swallowed_is_nothing_to_tell() {
        let mut filled = options();
        assert_eq!(fill(&mut filled, &read("ecs-trace why x --no-paginate"), |_| false).unwrap(), Told::default());
        let told = fill(&mut filled, &read("ecs-trace why x --no-cli-pager"), |_| false).unwrap();
        assert!(told.using.is_none() && told.missed.is_empty() && filled.no_pager);
    }

    #[test]
    fn a_format_that_only_aws_has_is_bad_usage_unless_one_was_given_here() {
        let failure = fill(&mut options(), &read("ecs-trace why x --output yaml"), |_| false).unwrap_err();
        assert_eq!(failure.exit, crate::cli::failure::Exit::Usage);
        assert!(failure.message.contains("--output yaml") && failure.message.contains("text, json"), "{}", failure.message);
        assert!(fill(&mut options(), &read("ecs-trace why x --output yaml"), |name| name == "output").is_ok());
    }

    #[test]
    fn what_cannot_be_taken_over_is_said() {
        let told = fill(&mut options(), &read("ecs-trace why x --no-verify-ssl --cli-read-timeout 5"), |_| false).unwrap();
        assert!(told.missed[0].contains("AWS_CA_BUNDLE") && told.missed[1].contains("--timeout"), "{told:?}");
    }

    #[test]
    fn where_nothing_can_be_read_the_options_that_pass_are_named() {
        assert!(missed(false, false)[0].contains("-r NAME"));
        assert!(!missed(true, false)[0].contains("-r NAME"));
        assert!(missed(true, true).is_empty());
    }
}
