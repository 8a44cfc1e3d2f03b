//! A task of which nothing is left but its logs: its streams are named by its id, so they can be asked for without it.
//!
//! Where they are is told by the pasted log stream, or by the task definitions that the cluster's services use now: a
//! service seldom changes its log group, and a stream that bears the task's id is the task's whatever led there. Where
//! they lead nowhere, as for a task of no service, by the newest definitions of the account's families. A family whose
//! definitions were all deregistered since is INACTIVE and not listed: where its tasks logged is not found.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use aws_sdk_ecs::types::TaskDefinitionFamilyStatus;
use futures::FutureExt;
use futures::future::join_all;
use futures::stream::{self, FuturesUnordered, Stream, StreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::diagnosis::evidence::Source;
use crate::diagnosis::task::{Container, EcsArn, LogStream, Task, TaskDefinition, Teller, Times, last_segment};
use crate::diagnosis::words;

use super::account::Account;
use super::failing::{Failing, failing};
use super::ledger::Ledger;
use super::logs::stream_of;
use super::pages::{Pages, Turn};
use super::target::Place;
use super::task::{Finder, definition_name, plausible, read_definition};

/// By which an account's families are listed.
pub const LIST_FAMILIES: &str = "ecs:ListTaskDefinitionFamilies";
/// Definitions and streams asked about at the same time.
const AT_ONCE: usize = 8;
/// What one DescribeServices takes.
const MOST_SERVICES: usize = 10;
/// Accounts with more services, or with more families beside them, are not searched to their end, and that is said.
const MOST_DEFINITIONS: usize = 100;
/// What one ListTaskDefinitionFamilies gives.
const FAMILIES_A_PAGE: i32 = 100;
/// Families that services use are listed among the others.
const MOST_PAGES: usize = 50;

/// A stream that would be the task's, and how it came to be looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    stream: LogStream,
    /// `cluster/service`; none where the stream was pasted, or a family alone led to it.
    service: Option<String>,
    /// The ARN of the definition that names the stream.
    definition: Option<String>,
}

/// What its streams still tell of the task, as far as that is read `until` then: that it was, in which containers, and when
/// it last wrote; and where they are, in a sentence. Leaves a reading.
pub async fn find(account: &Account, ledger: &Ledger, place: &Place, until: Instant) -> Option<(Task, String)> {
    let search = Search { account, ledger, place, until };
    if let Some(stream) = place.stream.as_ref().filter(|stream| !stream.group.is_empty()) {
        return search.told_by(vec![Candidate { stream: stream.clone(), service: None, definition: None }]).await;
    }
    let used = search.used_by_services().await;
    let covered: BTreeSet<String> = used.iter().filter_map(|(definition, _)| definition_name(Some(definition)).0).collect();
    let candidates = search.named_by(used, "task definitions of services").await;
    if let Some(found) = search.told_by(candidates).await {
        return Some(found);
    }
    let others = search.families_beside(&covered).await;
    let candidates = search.named_by(others, "of the account's task definition families").await;
    search.told_by(candidates).await
}

struct Search<'a> {
    account: &'a Account,
    ledger: &'a Ledger,
    place: &'a Place,
    until: Instant,
}

/// Definitions, by ARN or family, each with the services that use it; in the order in which AWS lists them, whatever they
/// are called.
type Definitions = Vec<(String, Vec<String>)>;

impl Search<'_> {
    /// Half of what is left: what is found in it still has to be asked.
    fn halfway(&self) -> Instant {
        let now = Instant::now();
        now + self.until.saturating_duration_since(now) / 2
    }

    async fn told_by(&self, candidates: Vec<Candidate>) -> Option<(Task, String)> {
        if candidates.is_empty() {
            return None;
        }
        let inquiry = self.ledger.ask(Source::Logs, "logs:GetLogEvents", "*");
        inquiry.aside();
        let distinct: BTreeSet<&LogStream> = candidates.iter().map(|candidate| &candidate.stream).collect();
        inquiry.detail(format!("looked for a log stream of its id in {}", words::count(distinct.len(), "place")));
        let asked = distinct.into_iter().map(|stream| {
            inquiry.request();
            async move { last_word(self.account, stream).await.map(|at| (stream.clone(), at)) }
        });
        let (answers, is_late) = come_until(self.until, stream::iter(asked).buffer_unordered(AT_ONCE)).await;
        let (answers, refused) = apart(answers);
        let written: BTreeMap<LogStream, Timestamp> = answers.into_iter().filter_map(|(stream, at)| Some((stream, at?))).collect();
        inquiry.count(written.len());
        match &refused {
            _ if !written.is_empty() => inquiry.done(),
            Some(failing) => inquiry.fail(failing),
            None if is_late => inquiry.fail(&self.account.out_of_time("logs:GetLogEvents", "")),
            None => inquiry.done(),
        }
        let found: Vec<&Candidate> = candidates.iter().filter(|candidate| written.contains_key(&candidate.stream)).collect();
        let mut task = rebuilt(&self.account.region, self.place, &found, written.values().max().copied())?;
        // What was not found where one could look may be in a cluster that could not be asked.
        if self.ledger.was_kept_from_clusters() {
            (task.last_status, task.desired_status, task.cluster) = (None, None, String::new());
        }
        Some((task, where_found(&found)))
    }

    /// The streams this task would have, had it run by any of these definitions; `of` what they are.
    async fn named_by(&self, definitions: Definitions, of: &str) -> Vec<Candidate> {
        if definitions.is_empty() {
            return Vec::new();
        }
        let inquiry = self.ledger.ask(Source::Logs, "ecs:DescribeTaskDefinition", "*");
        inquiry.aside();
        let is_cut = definitions.len() > MOST_DEFINITIONS;
        let asked = definitions.into_iter().take(MOST_DEFINITIONS).map(|(name, services)| {
            inquiry.request();
            async move {
                let answer = self.account.ecs().describe_task_definition().task_definition(&name).send().await.map_err(|error| failing(&error))?;
                Ok::<_, Failing>(answer.task_definition().map(|told| {
                    let streams = streams_in(&read_definition(told), &self.place.id, &self.account.region);
                    candidates(streams, told.task_definition_arn().unwrap_or(&name), &services)
                }))
            }
        });
        let (answers, is_late) = come_until(self.halfway(), stream::iter(asked).buffer_unordered(AT_ONCE)).await;
        let (answers, refused) = apart(answers);
        match refused {
            Some(failing) => inquiry.fail(&failing),
            None if is_late => inquiry.fail(&self.account.out_of_time("ecs:DescribeTaskDefinition", "")),
            None if is_cut => inquiry.fail(&Failing::unreadable(format!("only {MOST_DEFINITIONS} {of} were searched for log streams"))),
            None => inquiry.done(),
        }
        let pasted = self.place.stream.as_ref().map(|stream| &stream.name);
        let named: BTreeSet<Candidate> = answers.into_iter().flatten().flatten().collect();
        named.into_iter().filter(|candidate| pasted.is_none_or(|pasted| *pasted == candidate.stream.name)).collect()
    }

    /// What the cluster's services use now.
    async fn used_by_services(&self) -> Definitions {
        let finder = Finder { account: self.account, ledger: self.ledger };
        let then = self.halfway();
        let Ok(Ok(clusters)) = timeout_at(then, finder.clusters_or(self.place.cluster.as_deref())).await else { return Definitions::new() };
        let asked = clusters.iter().enumerate().map(|(at, cluster)| definitions_of(&finder, cluster).map(move |used| (at, used)));
        let mut used = come_until(then, asked.collect::<FuturesUnordered<_>>()).await.0;
        used.sort_by_key(|(at, _)| *at);
        let mut definitions = Definitions::new();
        for (definition, service) in used.into_iter().flat_map(|(_, used)| used) {
            match definitions.iter_mut().find(|(known, _)| *known == definition) {
                Some((_, services)) => services.push(service),
                None => definitions.push((definition, vec![service])),
            }
        }
        definitions
    }

    /// Families of the account that no service led to: more of them than are asked about, where there are more.
    async fn families_beside(&self, covered: &BTreeSet<String>) -> Definitions {
        let inquiry = self.ledger.ask(Source::Logs, LIST_FAMILIES, "*");
        inquiry.aside();
        let (mut found, mut pages, then) = (Definitions::new(), Pages::default(), self.halfway());
        for page in 0.. {
            if page == MOST_PAGES {
                inquiry.fail(&Failing::unreadable(format!("not read to its end after {MOST_PAGES} pages")));
                return found;
            }
            inquiry.request();
            let asked = self.account.ecs().list_task_definition_families().status(TaskDefinitionFamilyStatus::Active).max_results(FAMILIES_A_PAGE);
            let turn = match timeout_at(then, asked.set_next_token(pages.token()).send()).await {
                Ok(Ok(answer)) => {
                    found.extend(answer.families().iter().filter(|family| !covered.contains(*family)).map(|family| (family.clone(), Vec::new())));
                    pages.turn(answer.next_token)
                }
                Ok(Err(error)) => {
                    inquiry.fail(&failing(&error));
                    return found;
                }
                Err(_) => {
                    inquiry.fail(&self.account.out_of_time(LIST_FAMILIES, ""));
                    return found;
                }
            };
            match turn {
                Turn::Next if found.len() <= MOST_DEFINITIONS => {}
                Turn::Next | Turn::End => break,
                Turn::Repeated => {
                    inquiry.fail(&Failing::repeated_token());
                    return found;
                }
            }
        }
        inquiry.count(found.len());
        inquiry.done();
        found
    }
}

/// What has come until then, and whether more would have.
async fn come_until<T>(then: Instant, answers: impl Stream<Item = T>) -> (Vec<T>, bool) {
    let (mut answers, mut come) = (pin!(answers), Vec::new());
    loop {
        match timeout_at(then, answers.next()).await {
            Ok(Some(answer)) => come.push(answer),
            Ok(None) => return (come, false),
            Err(_) => return (come, true),
        }
    }
}

/// The answers and, of several refusals, always the same one.
fn apart<T>(answers: Vec<Result<T, Failing>>) -> (Vec<T>, Option<Failing>) {
    let (mut good, mut refusals) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(answer) => good.push(answer),
            Err(failing) => refusals.push(failing),
        }
    }
    (good, refusals.into_iter().min_by(|a, b| a.message.cmp(&b.message)))
}

fn candidates(streams: Vec<LogStream>, definition: &str, services: &[String]) -> Vec<Candidate> {
    let services: Vec<Option<String>> = if services.is_empty() { vec![None] } else { services.iter().cloned().map(Some).collect() };
    let of = |stream: LogStream| services.iter().map(move |service| Candidate { stream: stream.clone(), service: service.clone(), definition: Some(definition.to_owned()) });
    streams.into_iter().flat_map(of).collect()
}

/// The streams by name, and who logs there.
fn where_found(found: &[&Candidate]) -> String {
    let listed = |names: BTreeSet<String>| words::list(&names.into_iter().collect::<Vec<_>>());
    let names = listed(found.iter().map(|candidate| candidate.stream.name.clone()).collect());
    let services: BTreeSet<String> = found.iter().filter_map(|candidate| candidate.service.clone()).collect();
    let families: BTreeSet<String> = found.iter().filter_map(|candidate| definition_name(candidate.definition.as_deref()).0).collect();
    match (services.is_empty(), families.is_empty()) {
        (false, _) => format!("{names}, where service {} logs", listed(services)),
        (true, false) => format!("{names}, where task definition family {} logs", listed(families)),
        (true, true) => names,
    }
}

/// The task as far as its streams tell it: what is not the same for all that led to them is left open.
fn rebuilt(region: &str, place: &Place, found: &[&Candidate], last_word: Option<Timestamp>) -> Option<Task> {
    let streams: BTreeSet<LogStream> = found.iter().map(|candidate| candidate.stream.clone()).collect();
    if streams.is_empty() {
        return None;
    }
    let only = |of: &dyn Fn(&Candidate) -> Option<String>| {
        let all: BTreeSet<String> = found.iter().filter_map(|candidate| of(candidate)).collect();
        if all.len() == 1 { all.into_iter().next() } else { None }
    };
    let cluster = place.cluster.as_deref().map(|cluster| last_segment(cluster).to_owned());
    let cluster = cluster.or_else(|| only(&|candidate| Some(candidate.service.as_ref()?.split('/').next()?.to_owned()))).unwrap_or_default();
    let owner = only(&|candidate| Some(EcsArn::parse(candidate.definition.as_deref()?)?.account));
    let account_id = place.account.clone().or(owner).unwrap_or_default();
    let partition = only(&|candidate| Some(candidate.definition.as_deref()?.split(':').nth(1)?.to_owned())).unwrap_or_else(|| "aws".to_owned());
    let within = if cluster.is_empty() { place.id.clone() } else { format!("{cluster}/{}", place.id) };
    let arn = || format!("arn:{partition}:ecs:{region}:{account_id}:task/{within}");
    let mut names: Vec<String> = streams.iter().filter_map(|stream| stream.container().map(str::to_owned)).collect();
    names.dedup();
    Some(Task {
        arn: place.arn.clone().unwrap_or_else(arn),
        id: place.id.clone(),
        region: region.to_owned(),
        family: only(&|candidate| definition_name(candidate.definition.as_deref()).0),
        // ECS forgets no task that runs.
        last_status: Some("STOPPED".to_owned()),
        desired_status: Some("STOPPED".to_owned()),
        told_by: Teller::Logs,
        times: Times { last_word, ..Times::default() },
        containers: names.into_iter().map(|name| Container { name, ..Container::default() }).collect(),
        streams: streams.into_iter().collect(),
        account: account_id,
        cluster,
        ..Task::default()
    })
}

/// Task definitions that the cluster's services run, each with the service that does.
async fn definitions_of(finder: &Finder<'_>, cluster: &str) -> Vec<(String, String)> {
    let names = finder.services_of(&[cluster.to_owned()]).await;
    let asked = names.chunks(MOST_SERVICES).map(|names| async move {
        let inquiry = finder.ledger.ask(Source::Logs, "ecs:DescribeServices", cluster);
        inquiry.aside();
        inquiry.request();
        match finder.account.ecs().describe_services().cluster(last_segment(cluster)).set_services(Some(names.to_vec())).send().await {
            Ok(answer) => {
                inquiry.done();
                answer.services.unwrap_or_default()
            }
            Err(error) => {
                inquiry.fail(&failing(&error));
                Vec::new()
            }
        }
    });
    let services = join_all(asked).await.into_iter().flatten();
    services
        .flat_map(|service| {
            let name = format!("{}/{}", last_segment(cluster), service.service_name().unwrap_or_default());
            let of_deployments = service.deployments().iter().filter_map(|deployment| deployment.task_definition());
            let used: BTreeSet<String> = service.task_definition().into_iter().chain(of_deployments).map(str::to_owned).collect();
            used.into_iter().map(move |definition| (definition, name.clone())).collect::<Vec<_>>()
        })
        .collect()
}

fn streams_in(definition: &TaskDefinition, id: &str, region: &str) -> Vec<LogStream> {
    definition.containers.iter().filter_map(|container| stream_of(container, id, region)).collect()
}

/// When the stream was last written to; none where there is no such stream, or nothing in it.
async fn last_word(account: &Account, stream: &LogStream) -> Result<Option<Timestamp>, Failing> {
    let region = if stream.region.is_empty() { &account.region } else { &stream.region };
    let asked = account.logs(region).get_log_events().log_group_name(&stream.group).log_stream_name(&stream.name).start_from_head(false).limit(1);
    match asked.send().await {
        Ok(answer) => Ok(answer.events().last().and_then(|event| event.timestamp()).and_then(plausible)),
        Err(error) => match failing(&error) {
            failing if failing.is("ResourceNotFoundException") => Ok(None),
            failing => Err(failing),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, service: Option<&str>, definition: Option<&str>) -> Candidate {
        let stream = LogStream { group: "/ecs/web".to_owned(), region: "eu-west-1".to_owned(), name: name.to_owned() };
        let definition = definition.map(|name| format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}"));
        Candidate { stream, service: service.map(str::to_owned), definition }
    }

    #[test]
    fn what_all_ways_to_the_stream_agree_on_is_known_and_nothing_else() {
        let place = Place { id: "5d6c".to_owned(), ..Place::default() };
        let at = Timestamp::from_second(1_000).ok();
        let one = candidate("ecs/app/5d6c", Some("prod/web"), Some("web:7"));
        let task = rebuilt("eu-west-1", &place, &[&one], at).expect("a task");
        assert_eq!((task.cluster.as_str(), task.family.as_deref(), task.account.as_str()), ("prod", Some("web"), "123456789012"));
        assert_eq!(task.arn, "arn:aws:ecs:eu-west-1:123456789012:task/prod/5d6c");
        assert_eq!((task.service, task.revision, task.definition_arn), (None, None, None), "whose it was is not told by where it logs");
        assert_eq!((task.containers.len(), task.containers[0].name.as_str(), task.times.last_word), (1, "app", at));
        let other = candidate("ecs/app/5d6c", Some("dev/web"), Some("web-dev:1"));
        let task = rebuilt("eu-west-1", &place, &[&one, &other], at).expect("a task");
        assert_eq!((task.cluster.as_str(), task.family, task.streams.len()), ("", None, 1));
        assert_eq!(task.arn, "arn:aws:ecs:eu-west-1:123456789012:task/5d6c");
        assert!(rebuilt("eu-west-1", &place, &[], None).is_none());
    }

    #[test]
    fn who_logs_there_is_a_service_or_else_a_family() {
        let of_service = candidate("ecs/app/5d6c", Some("prod/web"), Some("web:7"));
        let of_family = candidate("run/job/5d6c", None, Some("nightly:3"));
        assert_eq!(where_found(&[&of_service]), "ecs/app/5d6c, where service prod/web logs");
        assert_eq!(where_found(&[&of_family]), "run/job/5d6c, where task definition family nightly logs");
        assert_eq!(where_found(&[&candidate("run/job/5d6c", None, None)]), "run/job/5d6c");
        let place = Place { id: "5d6c".to_owned(), ..Place::default() };
        let task = rebuilt("eu-west-1", &place, &[&of_family], None).expect("a task");
        assert_eq!((task.family.as_deref(), task.revision, task.cluster.as_str()), (Some("nightly"), None, ""), "which revision it ran is not known");
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_in_time_is_kept_and_of_several_refusals_always_the_same_is_told() {
        let waits = |seconds: u64| async move {
            tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
            seconds
        };
        let then = Instant::now() + std::time::Duration::from_secs(5);
        assert_eq!(come_until(then, stream::iter([1, 60, 2]).map(waits).buffer_unordered(AT_ONCE)).await, (vec![1, 2], true));
        let then = Instant::now() + std::time::Duration::from_secs(5);
        assert_eq!(come_until(then, stream::iter([1, 2]).map(waits).buffer_unordered(AT_ONCE)).await, (vec![1, 2], false));
        let refused = |words: &str| Err(Failing::unreadable(words));
        let told = |answers| apart(answers).1.map(|failing| failing.message);
        assert_eq!(told(vec![refused("b"), Ok(1), refused("a")]), told(vec![refused("a"), refused("b"), Ok(1)]));
    }
}
