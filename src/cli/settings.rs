//! Defaults below the command line: the environment, then the config file's section for the profile, then its top.
//!
//! The file's keys are the names of the options. What is in force, and from where, is kept for `config` and `doctor`.

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, ValueEnum};
use toml::de::{DeTable, DeValue};

use crate::diagnosis::task::EcsArn;
use crate::diagnosis::words;

use super::args::{Everywhere, Format, When, Zone, duration};
use super::failure::Failure;
use super::nearest::nearest;

/// Options that the config file can set.
const KEYS: [&str; 8] = ["cluster", "output", "color", "time", "timeout", "quiet", "verbose", "no-pager"];
/// Options that it cannot, and what to do instead.
const ELSEWHERE: [(&str, &str); 6] = [
    ("region", "the region belongs to the AWS profile: aws configure set region NAME"),
    ("profile", "the profile is AWS_PROFILE's or --profile's; here it begins a section: [profile.NAME]"),
    ("endpoint-url", "the endpoint belongs to the AWS profile: endpoint_url, or AWS_ENDPOINT_URL"),
    ("no-redact", "secrets are shown only where it is asked for each time: --no-redact"),
    ("query", "a query belongs to one command: --query"),
    ("format", "its name is output"),
];
/// More is no config file.
const MOST_BYTES: u64 = 1 << 20;

/// One option's value, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    /// Empty where there is none.
    pub value: String,
    /// `--cluster`, `ECS_CLUSTER`, `built in` …
    pub from: String,
    /// The line of the config file.
    pub line: Option<usize>,
}

/// The config file, read and found to be right.
#[derive(Debug, Default)]
pub struct File {
    /// Absent where no home is known.
    pub path: Option<PathBuf>,
    pub exists: bool,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    profile: Option<String>,
    key: &'static str,
    value: Value,
    line: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Flag(bool),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `$XDG_CONFIG_HOME/ecs-trace/config.toml`, or below `~/.config`.
fn path() -> Option<PathBuf> {
    // A relative one is to be ignored: XDG Base Directory Specification.
    let base = set("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || set("HOME").or_else(|| set("USERPROFILE")).map(|home| PathBuf::from(home).join(".config"));
    base.or_else(home).map(|base| base.join("ecs-trace").join("config.toml"))
}

impl File {
    /// Reads it, if there is one.
    ///
    /// # Errors
    /// If it is there and cannot be read, or says what it cannot say: one line with its place.
    pub fn read() -> Result<Self, Failure> {
        let Some(path) = path() else { return Ok(Self::default()) };
        let cannot = |why: String| Failure::usage(format!("cannot read the config file `{}`: {why}", path.display())).hint("it is not needed: move it away, or mend it");
        let mut bytes = Vec::new();
        match std::fs::File::open(&path) {
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(Self { path: Some(path), ..Self::default() }),
            Err(error) => return Err(cannot(error.to_string())),
            Ok(file) => file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| cannot(error.to_string()))?,
        };
        if bytes.len() as u64 > MOST_BYTES {
            return Err(cannot("it is larger than any config file".to_owned()));
        }
        let text = String::from_utf8(bytes).map_err(|error| cannot(format!("line {} is no UTF-8", line_of(error.as_bytes(), error.utf8_error().valid_up_to()))))?;
        let entries = entries(&text).map_err(|wrong| wrong.told(&path, &text))?;
        Ok(Self { path: Some(path), exists: true, entries })
    }

    /// The cluster it names for a profile.
    #[must_use]
    pub fn cluster(&self, profile: &str) -> Option<String> {
        match &self.entry(profile, "cluster")?.value {
            Value::Text(cluster) => Some(cluster.clone()),
            _ => None,
        }
    }

    /// Whether it switches the pager off.
    #[must_use]
    pub fn pages_nothing(&self) -> bool {
        let profile = set("AWS_PROFILE");
        self.entry(profile.as_deref().unwrap_or("default"), "no-pager").is_some_and(|entry| entry.value == Value::Flag(true))
    }

    /// The entry for a key: of the profile's section, else of the top.
    fn entry(&self, profile: &str, key: &str) -> Option<&Entry> {
        let of = |profile: Option<&str>| self.entries.iter().find(|entry| entry.key == key && entry.profile.as_deref() == profile);
        of(Some(profile)).or_else(|| of(None))
    }
}

/// What is wrong in the file, and where.
#[derive(Debug, PartialEq)]
struct Wrong {
    at: Range<usize>,
    message: String,
    hint: Option<String>,
}

impl Wrong {
    fn new(at: &Range<usize>, message: String) -> Self {
        Self { at: at.clone(), message, hint: None }
    }

    fn told(self, path: &Path, text: &str) -> Failure {
        let line = line_of(text.as_bytes(), self.at.start);
        let failure = Failure::usage(format!("config file `{}` line {line}: {}", path.display(), self.message));
        failure.hint(self.hint.unwrap_or_else(|| "see what can be set: ecs-trace config --help".to_owned()))
    }
}

fn line_of(text: &[u8], at: usize) -> usize {
    1 + text.iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// Everything the file sets, or the first thing that is wrong with it.
fn entries(text: &str) -> Result<Vec<Entry>, Wrong> {
    let table = DeTable::parse(text).map_err(|error| {
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        Wrong::new(&error.span().unwrap_or_default(), message)
    })?;
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for (key, value) in table.get_ref() {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("profile", DeValue::Table(profiles)) => {
                for (name, section) in profiles {
                    let DeValue::Table(section) = section.get_ref() else {
                        wrong.push(Wrong::new(&name.span(), format!("`profile.{}` is no section; wanted is [profile.{}]", name.get_ref(), name.get_ref())));
                        continue;
                    };
                    for (key, value) in section {
                        match entry(key.get_ref(), value.get_ref(), (&key.span(), &value.span())) {
                            Ok((key, value, at)) => found.push(Entry { profile: Some(name.get_ref().to_string()), key, value, line: line_of(text.as_bytes(), at) }),
                            Err(error) => wrong.push(error),
                        }
                    }
                }
            }
            (name, inner) => match entry(name, inner, (&key.span(), &value.span())) {
                Ok((key, value, at)) => found.push(Entry { profile: None, key, value, line: line_of(text.as_bytes(), at) }),
                Err(error) => wrong.push(error),
            },
        }
    }
    match wrong.into_iter().min_by_key(|wrong| wrong.at.start) {
        Some(first) => Err(first),
        None => Ok(found),
    }
}

/// One key with its value, each held against the option of that name.
fn entry(name: &str, value: &DeValue<'_>, (at, value_at): (&Range<usize>, &Range<usize>)) -> Result<(&'static str, Value, usize), Wrong> {
    let Some(key) = KEYS.into_iter().find(|key| *key == name) else {
        let mut wrong = Wrong::new(at, format!("`{name}` is nothing that can be set here; wanted is one of {}", KEYS.join(", ")));
        let known = ELSEWHERE.into_iter().find(|(key, _)| *key == name).map(|(_, hint)| hint.to_owned());
        wrong.hint = known.or_else(|| nearest(name, KEYS).map(|key| format!("did you mean `{key}`?")));
        return Err(wrong);
    };
    let wrong = |wanted: &str| Wrong::new(value_at, format!("`{key}` is {}; wanted is {wanted}", shown(value)));
    let choice = |wanted: &[String]| match value {
        DeValue::String(text) if wanted.iter().any(|one| one == text) => Ok(Value::Text(text.to_string())),
        _ => Err(wrong(&words::list(wanted).replace(" and ", " or "))),
    };
    let value = match key {
        "output" => choice(&names::<Format>()),
        "color" => choice(&names::<When>()),
        "time" => choice(&names::<Zone>()),
        "timeout" => {
            let text = match value {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
                _ => return Err(wrong("a duration such as \"30s\"")),
            };
            duration(&text).map_err(|_| wrong("a duration such as \"30s\""))?;
            Ok(Value::Text(text))
        }
        "cluster" => match value {
            DeValue::String(text) if !text.is_empty() => Ok(Value::Text(text.to_string())),
            _ => Err(wrong("the name or ARN of a cluster, in quotes")),
        },
        _ => match value {
            DeValue::Boolean(flag) => Ok(Value::Flag(*flag)),
            _ => Err(wrong("true or false")),
        },
    }?;
    Ok((key, value, at.start))
}

fn names<T: ValueEnum>() -> Vec<String> {
    T::value_variants().iter().filter_map(|variant| Some(variant.to_possible_value()?.get_name().to_owned())).collect()
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("`{text}`"),
        DeValue::Integer(number) => format!("`{}`", number.as_str()),
        DeValue::Boolean(flag) => format!("`{flag}`"),
        DeValue::Table(_) => "a section".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        _ => "of another kind".to_owned(),
    }
}

/// Fills what the command line leaves open, and says for every option what is in force and from where.
///
/// `taken` names the options that `aws` was given, where this is run as its alias: they are as good as typed here.
pub fn apply(options: &mut Everywhere, matches: &ArgMatches, taken: &[&str], file: &File) -> Vec<Setting> {
    let profile = match (&options.profile, set("AWS_PROFILE")) {
        (Some(name), _) => (name.clone(), if taken.contains(&"profile") { "aws --profile" } else { "--profile" }),
        (None, Some(name)) => (name, "AWS_PROFILE"),
        (None, None) => ("default".to_owned(), BUILT_IN),
    };
    let mut settings = vec![Setting { name: "profile", value: profile.0.clone(), from: profile.1.to_owned(), line: None }];
    for key in KEYS {
        let given = if taken.contains(&key) { Some(format!("aws --{key}")) } else { above(key, matches) };
        let entry = file.entry(&profile.0, key).filter(|_| given.is_none());
        if let Some(entry) = entry {
            take(options, key, &entry.value);
        }
        let from = match (given, entry) {
            (Some(given), _) => given,
            (None, Some(Entry { profile: Some(name), .. })) => format!("config file, [profile.{name}]"),
            (None, Some(_)) => "config file".to_owned(),
            (None, None) => BUILT_IN.to_owned(),
        };
        settings.push(Setting { name: key, value: in_force(options, key), from, line: entry.map(|entry| entry.line) });
    }
    options.cluster_is_default = settings.iter().any(|setting| setting.name == "cluster" && setting.from != "--cluster");
    let elsewhere = |cluster: &String| EcsArn::parse(cluster).is_some_and(|arn| options.region.as_ref().is_some_and(|region| *region != arn.region));
    // A default yields to what was asked for: in another region than its own it is none.
    if options.cluster_is_default && options.cluster.as_ref().is_some_and(elsewhere) {
        options.cluster = None;
    }
    settings
}

const BUILT_IN: &str = "built in";

/// What stands above the config file for an option, if anything does: the option itself, or a variable.
fn above(key: &str, matches: &ArgMatches) -> Option<String> {
    match matches.value_source(key.replace('-', "_").as_str()) {
        Some(ValueSource::CommandLine) => Some(format!("--{key}")),
        Some(ValueSource::EnvVariable) if key == "cluster" => set("ECS_CLUSTER").map(|_| "ECS_CLUSTER".to_owned()),
        _ if key == "color" => {
            let decides = |name: &str| set(name).is_some_and(|value| name == "NO_COLOR" || (value == "0") == (name == "CLICOLOR"));
            ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR"].into_iter().find(|name| decides(name)).map(str::to_owned)
        }
        _ => None,
    }
}

fn take(options: &mut Everywhere, key: &str, value: &Value) {
    let text = value.to_string();
    let on = *value == Value::Flag(true);
    match key {
        "cluster" => options.cluster = Some(text),
        "output" => options.output = Format::from_str(&text, false).unwrap_or(options.output),
        "color" => options.color = When::from_str(&text, false).unwrap_or(options.color),
        "time" => options.time = Zone::from_str(&text, false).unwrap_or(options.time),
        "timeout" => options.usual_timeout = duration(&text).ok(),
        "quiet" => options.quiet = on,
        "verbose" => options.verbose = on,
        "no-pager" => options.no_pager = on,
        _ => {}
    }
}

fn in_force(options: &Everywhere, key: &str) -> String {
    fn name(value: &impl ValueEnum) -> String {
        value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
    match key {
        "cluster" => options.cluster.clone().unwrap_or_default(),
        "output" => name(&options.output),
        "color" => name(&options.color),
        "time" => name(&options.time),
        "timeout" => format!("{:?}", options.limit()),
        "quiet" => options.quiet.to_string(),
        "verbose" => options.verbose.to_string(),
        "no-pager" => options.no_pager.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (usize, String, Option<String>) {
        let wrong = entries(text).expect_err("it is wrong");
        (line_of(text.as_bytes(), wrong.at.start), wrong.message, wrong.hint)
    }

    #[test]
    fn a_profiles_section_comes_before_the_top() {
        let entries = entries("cluster = \"prod\"\ntimeout = 30\n\n[profile.dev]\ncluster = \"dev\"\nquiet = true\n").expect("it is right");
        let file = File { path: None, exists: true, entries };
        let told = |profile: &str, key: &str| file.entry(profile, key).map(|entry| (entry.value.to_string(), entry.line));
        assert_eq!(told("dev", "cluster"), Some(("dev".to_owned(), 5)));
        assert_eq!(told("default", "cluster"), Some(("prod".to_owned(), 1)));
        assert_eq!(told("dev", "timeout"), Some(("30".to_owned(), 2)));
        assert_eq!((told("default", "quiet"), told("dev", "quiet")), (None, Some(("true".to_owned(), 6))));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_the_first_of_it() {
        let (line, message, hint) = wrong("output = \"text\"\ncolour = \"never\"\n");
        assert_eq!((line, hint.as_deref()), (2, Some("did you mean `color`?")));
        assert!(message.starts_with("`colour` is nothing that can be set here; wanted is one of cluster, "), "{message}");
        assert_eq!(wrong("\ncolor = \"blue\"\noutput = 3\n"), (2, "`color` is `blue`; wanted is auto, always or never".to_owned(), None));
        assert_eq!(wrong("[profile.dev]\nquiet = \"yes\"\n").0, 2);
        assert_eq!(wrong("timeout = \"soon\"").1, "`timeout` is `soon`; wanted is a duration such as \"30s\"");
        assert_eq!(wrong("cluster = \"a\"\nthis is no toml\n").0, 2);
        assert!(wrong("region = \"eu-west-1\"").2.expect("a hint").contains("aws configure set region"));
        assert!(wrong("profile = \"dev\"").2.expect("a hint").contains("[profile.NAME]"));
    }
}
