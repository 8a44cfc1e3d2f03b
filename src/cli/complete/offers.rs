//! What fits at one place of the line: tasks, services, clusters, profiles, regions, case files, codes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::sync::OnceLock;
use std::time::Instant;

use clap_complete::CompletionCandidate;
use clap_complete::engine::{PathCompleter, ValueCompleter};
use jiff::Timestamp;

use crate::diagnosis::catalogue;
use crate::diagnosis::words::count;
use crate::render::printable::printable;
use crate::render::stops::age;
use crate::sources::demos;
use crate::sources::profiles::Profiles;

use super::refresh::recall;
use super::regions::REGIONS;
use super::remembered::{Piece, Remembered, Stopped};
use super::scope::Scope;
use super::typed::Typed;

/// As many tasks as anybody reads through.
const MOST_TASKS: usize = 50;
/// Services beside them, where the word does not say that a service is wanted.
const MOST_SERVICES_BESIDE: usize = 20;
const MOST_NAMES: usize = 200;
/// The fewest letters of an id that are offered.
const FEWEST_LETTERS: usize = 8;

/// The line so far, and what is looked up for it.
pub struct Offers {
    now: Timestamp,
    began: Instant,
    typed: Typed,
    profiles: OnceLock<Profiles>,
}

impl Offers {
    #[must_use]
    pub fn new(typed: Typed, now: Timestamp, began: Instant) -> Self {
        Self { now, began, typed, profiles: OnceLock::new() }
    }

    fn profiles(&self) -> &Profiles {
        self.profiles.get_or_init(Profiles::load)
    }

    fn scope(&self, region: Option<&str>) -> Option<Scope> {
        let mut typed = self.typed.clone();
        // The region inside an ARN wins, as it does when the line is run.
        typed.region = region.map(str::to_owned).or(typed.region);
        Scope::of(&typed, self.profiles())
    }

    fn recall(&self, region: Option<&str>, pieces: &[Piece]) -> Remembered {
        self.scope(region).map(|scope| recall(&scope, pieces, self.now, self.began)).unwrap_or_default()
    }

    /// Everything a `<task>` can be, tasks first.
    #[must_use]
    pub fn tasks(&self, word: &str) -> Vec<CompletionCandidate> {
        let mut offered = Vec::new();
        let may_be_service = "service/".starts_with(word) || word.starts_with("service/");
        if may_be_known_to_aws(word) {
            let pieces: &[Piece] = if may_be_service { &[Piece::Tasks, Piece::Services] } else { &[Piece::Tasks] };
            let remembered = self.recall(region_in(word), pieces);
            offered.extend(task_forms(&remembered.tasks.what, word, self.now));
            if may_be_service {
                let most = if word.is_empty() { MOST_SERVICES_BESIDE } else { MOST_NAMES };
                offered.extend(services(&remembered, word, "service/", self.now).into_iter().take(most));
            }
        }
        let has_services = offered.iter().any(|candidate| candidate.get_value().to_string_lossy().starts_with("service/"));
        let names = [("@latest", "the latest stopped task of the cluster"), ("service/", "the latest stopped task of a service")];
        offered.extend(names.into_iter().filter(|(name, _)| !(has_services && *name == "service/")).map(|(name, about)| candidate(name, about)));
        offered.extend(demos::names().map(|(name, about)| candidate(&format!("demo:{name}"), about)));
        if !word.is_empty() {
            offered.extend(case_files(word));
        }
        offered.retain(|candidate| candidate.get_value().to_string_lossy().starts_with(word));
        offered
    }

    /// A service by its bare name, `cluster/name` or `service/name`.
    #[must_use]
    pub fn services(&self, word: &str) -> Vec<CompletionCandidate> {
        let remembered = self.recall(None, &[Piece::Tasks, Piece::Services]);
        let form = if word.starts_with("service/") { "service/" } else { "" };
        let mut offered = services(&remembered, word, form, self.now);
        offered.truncate(MOST_NAMES);
        offered
    }

    #[must_use]
    pub fn clusters(&self, word: &str) -> Vec<CompletionCandidate> {
        let Some(scope) = self.scope(None) else { return Vec::new() };
        let remembered = recall(&scope.without_cluster(self.profiles()), &[Piece::Clusters], self.now, self.began);
        let mut stops: BTreeMap<&str, usize> = BTreeMap::new();
        for task in &remembered.tasks.what {
            *stops.entry(&task.cluster).or_default() += 1;
        }
        let known = remembered.clusters.what.iter().filter(|name| is_name(name) && name.starts_with(word));
        known.take(MOST_NAMES).map(|name| candidate(name, &stops.get(name.as_str()).map(|stops| count(*stops, "stopped task")).unwrap_or_default())).collect()
    }

    /// Containers of the stopped tasks, each once, with what ran it.
    #[must_use]
    pub fn containers(&self, word: &str) -> Vec<CompletionCandidate> {
        let remembered = self.recall(None, &[Piece::Tasks]);
        let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for task in &remembered.tasks.what {
            for name in task.containers.iter().filter(|name| is_name(name) && name.starts_with(word)) {
                known.entry(name).or_default().insert(task.of_what.as_str());
            }
        }
        known.into_iter().take(MOST_NAMES).map(|(name, of)| candidate(name, &of.into_iter().take(3).collect::<Vec<_>>().join(", "))).collect()
    }

    #[must_use]
    pub fn profiles_named(&self, word: &str) -> Vec<CompletionCandidate> {
        self.profiles().names().into_iter().filter(|(name, _)| name.starts_with(word)).map(|(name, about)| candidate(&name, &about)).collect()
    }
}

#[must_use]
pub fn regions(word: &str) -> Vec<CompletionCandidate> {
    REGIONS.iter().filter(|(name, _)| name.starts_with(word)).map(|(name, about)| candidate(name, about)).collect()
}

/// Codes and names that `explain` knows, with what they mean.
#[must_use]
pub fn explainable(word: &str) -> Vec<CompletionCandidate> {
    catalogue::entries().filter(|entry| entry.key.starts_with(word)).map(|entry| candidate(entry.key, entry.means)).collect()
}

/// Files that can be a case. Folders too, but only where the word reads as a path: no other name is ever taken for one.
#[must_use]
pub fn case_files(word: &str) -> Vec<CompletionCandidate> {
    let is_case = |path: &std::path::Path| path.is_file() && (path.to_string_lossy().ends_with(".json") || path.to_string_lossy().ends_with(".json.gz"));
    let mut found = PathCompleter::any().filter(is_case).complete(OsStr::new(word));
    let is_path = word.contains('/') || word.starts_with('~');
    found.retain(|candidate| {
        let name = candidate.get_value().to_string_lossy();
        // A file may be called like an option.
        (is_path || !name.ends_with('/')) && !name.starts_with('-')
    });
    found.truncate(MOST_NAMES);
    found
}

fn candidate(value: &str, about: &str) -> CompletionCandidate {
    CompletionCandidate::new(value).help((!about.is_empty()).then(|| about.to_owned().into()))
}

/// Whether the word can be the beginning of something that only AWS knows.
fn may_be_known_to_aws(word: &str) -> bool {
    !(word.starts_with(['@', '-', '.', '/', '~']) || word.starts_with("demo:") || word.starts_with("http"))
}

/// The region of an ARN that is typed so far.
fn region_in(word: &str) -> Option<&str> {
    let mut parts = word.split(':');
    let region = (parts.next() == Some("arn")).then(|| parts.nth(2)).flatten()?;
    // Without a colon behind it, it may go on.
    parts.next().map(|_| region).filter(|region| !region.is_empty())
}

/// The tasks in the form the word begins: bare, behind their cluster, or as an ARN.
fn task_forms(tasks: &[Stopped], word: &str, now: Timestamp) -> Vec<CompletionCandidate> {
    let tasks: Vec<&Stopped> = tasks.iter().filter(|task| is_id(&task.id) && is_name(&task.cluster)).collect();
    let short = short_ids(&tasks);
    let is_arn = word.starts_with("arn:") || word.len() > 1 && "arn:".starts_with(word);
    let behind_cluster = word.split_once('/').filter(|(cluster, _)| is_name(cluster));
    let mut offered = Vec::new();
    for (task, short) in tasks.into_iter().zip(short) {
        // Who has typed more letters than the short form has wants them all.
        let id = |typed: &str| if typed.len() > short.len() { task.id.as_str() } else { short };
        let value = match behind_cluster {
            _ if is_arn => Some(task.arn.clone()).filter(|arn| is_arn_text(arn)),
            Some((_, typed)) => Some(format!("{}/{}", task.cluster, id(typed))),
            None if task.id.starts_with(word) => Some(id(word).to_owned()),
            None => Some(format!("{}/{short}", task.cluster)),
        };
        if let Some(value) = value.filter(|value| value.starts_with(word)) {
            let when = if task.is_over { format!("{} ago", age(task.at, now)) } else { "stopping".to_owned() };
            offered.push(candidate(&value, &format!("{when}, {}, {}", printable(&task.of_what), printable(&task.told))));
        }
        if offered.len() == MOST_TASKS {
            break;
        }
    }
    offered
}

/// Of each id the beginning that no other has.
fn short_ids<'a>(tasks: &[&'a Stopped]) -> Vec<&'a str> {
    let sorted: BTreeSet<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
    let shared = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    tasks
        .iter()
        .map(|task| {
            let id = task.id.as_str();
            let before = sorted.range(..id).next_back().map_or(0, |other| shared(id, other));
            let behind = sorted.range(id..).nth(1).map_or(0, |other| shared(id, other));
            &id[..(before.max(behind) + 1).max(FEWEST_LETTERS).min(id.len())]
        })
        .collect()
}

/// Services by name behind `form`, those that stopped something last first; behind their cluster where the word is.
fn services(remembered: &Remembered, word: &str, form: &str, now: Timestamp) -> Vec<CompletionCandidate> {
    let with_cluster = word.strip_prefix(form).is_some_and(|rest| rest.contains('/'));
    let named = |cluster: &str, name: &str| if with_cluster { format!("{form}{cluster}/{name}") } else { format!("{form}{name}") };
    let are_names = |cluster: &str, name: &str| is_name(cluster) && is_name(name);
    let mut stops: BTreeMap<String, (usize, Option<Timestamp>)> = BTreeMap::new();
    for (cluster, name) in &remembered.services.what {
        if are_names(cluster, name) {
            stops.entry(named(cluster, name)).or_default();
        }
    }
    for task in &remembered.tasks.what {
        if let Some(name) = task.service.as_deref().filter(|name| are_names(&task.cluster, name)) {
            let (stops, latest) = stops.entry(named(&task.cluster, name)).or_default();
            (*stops, *latest) = (*stops + 1, task.at.max(*latest));
        }
    }
    let mut found: Vec<(String, (usize, Option<Timestamp>))> = stops.into_iter().filter(|(value, _)| value.starts_with(word)).collect();
    found.sort_by_key(|(_, (_, latest))| std::cmp::Reverse(*latest));
    let about = |stops: usize, latest: Option<Timestamp>| if stops == 0 { String::new() } else { format!("{}, the latest {} ago", count(stops, "stop"), age(latest, now)) };
    found.into_iter().map(|(value, (stops, latest))| candidate(&value, &about(stops, latest))).collect()
}

/// AWS's own alphabets: nothing else is put on anybody's command line.
fn is_id(text: &str) -> bool {
    (FEWEST_LETTERS..=36).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn is_arn_text(text: &str) -> bool {
    text.starts_with("arn:") && text.len() < 512 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::complete::remembered::Dated;

    const NOW: i64 = 2_000_000_000;

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn task(id: &str, cluster: &str, service: &str, ago: i64) -> Stopped {
        Stopped {
            arn: format!("arn:aws:ecs:eu-west-1:111122223333:task/{cluster}/{id}"),
            id: id.to_owned(),
            cluster: cluster.to_owned(),
            service: Some(service.to_owned()),
            of_what: service.to_owned(),
            at: Timestamp::from_second(NOW - ago).ok(),
            is_over: true,
            told: "app exited 137".to_owned(),
            containers: vec!["app".to_owned()],
        }
    }

    fn tasks() -> Vec<Stopped> {
        vec![
            task("9f2c41d07ab84e5f9d3c2b1a60f7e8d9", "prod", "web-api", 60),
            task("9f2c41d07abf4e5f9d3c2b1a60f7e8d9", "prod", "worker", 240),
            task("77ab00d07ab84e5f9d3c2b1a60f7e8d9", "dev", "web-api", 300),
        ]
    }

    fn values(offered: &[CompletionCandidate]) -> Vec<String> {
        offered.iter().map(|candidate| candidate.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn an_id_is_as_short_as_it_is_unique_and_whole_for_who_types_on() {
        let offered = |word: &str| values(&task_forms(&tasks(), word, now()));
        assert_eq!(offered(""), ["9f2c41d07ab8", "9f2c41d07abf", "77ab00d0"]);
        assert_eq!(offered("77a"), ["77ab00d0"]);
        assert_eq!(offered("77ab00d0"), ["77ab00d0"]);
        assert_eq!(offered("77ab00d07"), ["77ab00d07ab84e5f9d3c2b1a60f7e8d9"]);
        assert_eq!(offered("77ab00d08"), [""; 0]);
    }

    #[test]
    fn a_word_that_names_a_cluster_or_begins_an_arn_goes_on_in_its_own_form() {
        let offered = |word: &str| values(&task_forms(&tasks(), word, now()));
        assert_eq!(offered("prod/9"), ["prod/9f2c41d07ab8", "prod/9f2c41d07abf"]);
        assert_eq!(offered("de"), ["dev/77ab00d0"]);
        assert_eq!(offered("dev/77ab00d07a"), ["dev/77ab00d07ab84e5f9d3c2b1a60f7e8d9"]);
        assert_eq!(offered("arn:aws:ecs:eu-west-1:111122223333:task/dev/7"), ["arn:aws:ecs:eu-west-1:111122223333:task/dev/77ab00d07ab84e5f9d3c2b1a60f7e8d9"]);
        assert_eq!(offered("ar").len(), 3);
        assert_eq!(region_in("arn:aws:ecs:eu-west-1:1"), Some("eu-west-1"));
        assert_eq!((region_in("arn:aws:ecs:eu-we"), region_in("arn:aws:ecs"), region_in("prod/9f")), (None, None, None));
    }

    #[test]
    fn age_service_and_reason_stand_beside_a_task() {
        let help = task_forms(&tasks(), "77", now())[0].get_help().unwrap().to_string();
        assert_eq!(help, "5m ago, web-api, app exited 137");
    }

    #[test]
    fn a_service_that_stopped_something_last_comes_first_and_each_name_once() {
        let remembered = Remembered {
            tasks: Dated { what: tasks(), ..Dated::default() },
            services: Dated { what: vec![("prod".to_owned(), "idle".to_owned()), ("dev".to_owned(), "web-api".to_owned())], ..Dated::default() },
            ..Remembered::default()
        };
        let offered = |word: &str, form: &str| values(&services(&remembered, word, form, now()));
        assert_eq!(offered("", "service/"), ["service/web-api", "service/worker", "service/idle"]);
        assert_eq!(offered("service/dev/", "service/"), ["service/dev/web-api"]);
        assert_eq!(offered("w", ""), ["web-api", "worker"]);
        assert_eq!(services(&remembered, "service/we", "service/", now())[0].get_help().unwrap().to_string(), "2 stops, the latest 60s ago");
    }

    #[test]
    fn what_is_not_of_awss_alphabets_is_not_offered() {
        let mut hostile = tasks();
        hostile[0].id = "9f2c41d0$(touch x)".to_owned();
        hostile[1].cluster = "prod\u{1b}[2J".to_owned();
        hostile[2].service = Some("web\n$(id)".to_owned());
        assert_eq!(values(&task_forms(&hostile, "", now())), ["77ab00d0"]);
        let remembered = Remembered {
            tasks: Dated { what: hostile, ..Dated::default() },
            services: Dated { what: vec![("prod".to_owned(), "`id`".to_owned())], ..Dated::default() },
            ..Remembered::default()
        };
        assert_eq!(values(&services(&remembered, "", "", now())), ["web-api"]);
    }
}
