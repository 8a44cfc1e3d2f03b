//! A task of which nothing is left but its logs: its streams are named by its id, so they can be asked for without it.
//!
//! Where they are is told by the pasted log stream, or by the task definitions that the cluster's services use now: a
//! service seldom changes its log group, and a stream that bears the task's id is the task's whatever led there.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;

use crate::diagnosis::evidence::Source;
use crate::diagnosis::task::{Container, EcsArn, LogStream, Task, TaskDefinition, Teller, Times, last_segment};
use crate::diagnosis::words;

use super::account::Account;
use super::failing::{Failing, failing};
use super::ledger::Ledger;
use super::logs::stream_of;
use super::target::Place;
use super::task::{Finder, definition_name, plausible, read_definition};

/// Definitions and streams asked about at the same time.
const AT_ONCE: usize = 8;
/// What one DescribeServices takes.
const MOST_SERVICES: usize = 10;
/// Accounts with more services than this are not searched to their end, and that is said.
const MOST_DEFINITIONS: usize = 100;

/// A stream that would be the task's, and how it came to be looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    stream: LogStream,
    /// `cluster/service`; none where the stream was pasted.
    service: Option<String>,
    /// The ARN of the definition that names the stream.
    definition: Option<String>,
}

/// What its streams still tell of the task: that it was, in which containers, and when it last wrote; and where they are,
/// in a sentence. Leaves a reading.
pub async fn find(account: &Account, ledger: &Ledger, place: &Place) -> Option<(Task, String)> {
    let candidates = match &place.stream {
        Some(stream) if !stream.group.is_empty() => vec![Candidate { stream: stream.clone(), service: None, definition: None }],
        pasted => {
            let mut named = named_by_services(account, ledger, place).await;
            named.retain(|candidate| pasted.as_ref().is_none_or(|pasted| pasted.name == candidate.stream.name));
            named
        }
    };
    if candidates.is_empty() {
        return None;
    }
    let inquiry = ledger.ask(Source::Logs, "logs:GetLogEvents", "*");
    inquiry.aside();
    let distinct: BTreeSet<&LogStream> = candidates.iter().map(|candidate| &candidate.stream).collect();
    let answers: Vec<(&LogStream, Result<Option<Timestamp>, Failing>)> = stream::iter(distinct)
        .map(|stream| {
            inquiry.request();
            async move { (stream, last_word(account, stream).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let (mut written, mut refused) = (BTreeMap::new(), None);
    for (stream, answer) in answers {
        match answer {
            Ok(Some(at)) => drop(written.insert(stream.clone(), at)),
            Ok(None) => {}
            Err(failing) => refused = Some(failing),
        }
    }
    inquiry.count(written.len());
    inquiry.detail(format!("looked for a log stream of its id in {}", words::count(candidates.len(), "place")));
    match &refused {
        Some(failing) if written.is_empty() => inquiry.fail(failing),
        _ => inquiry.done(),
    }
    let found: Vec<&Candidate> = candidates.iter().filter(|candidate| written.contains_key(&candidate.stream)).collect();
    let mut task = rebuilt(&account.region, place, &found, written.values().max().copied())?;
    // What was not found where one could look may be in a cluster that could not be asked.
    if ledger.was_kept_from_clusters() {
        (task.last_status, task.desired_status, task.cluster) = (None, None, String::new());
    }
    let names: BTreeSet<&str> = task.streams.iter().map(|stream| stream.name.as_str()).collect();
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let services: BTreeSet<&String> = found.iter().filter_map(|candidate| candidate.service.as_ref()).collect();
    let by: Vec<String> = services.into_iter().cloned().collect();
    let by = if by.is_empty() { String::new() } else { format!(", where service {} logs", words::list(&by)) };
    Some((task, format!("{}{by}", words::list(&names))))
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
    let arn = || format!("arn:{partition}:ecs:{region}:{account_id}:task/{cluster}/{}", place.id);
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

/// The streams this task would have, had it run by any definition that a service of its cluster uses now.
async fn named_by_services(account: &Account, ledger: &Ledger, place: &Place) -> Vec<Candidate> {
    let finder = Finder { account, ledger };
    let Ok(clusters) = finder.clusters_or(place.cluster.as_deref()).await else { return Vec::new() };
    let used: BTreeSet<(String, String)> = join_all(clusters.iter().map(|cluster| definitions_of(&finder, cluster))).await.into_iter().flatten().collect();
    let mut by_definition: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (definition, service) in used {
        by_definition.entry(definition).or_default().push(service);
    }
    let inquiry = ledger.ask(Source::Logs, "ecs:DescribeTaskDefinition", "*");
    inquiry.aside();
    let is_cut = by_definition.len() > MOST_DEFINITIONS;
    let asked = by_definition.into_iter().take(MOST_DEFINITIONS).map(|(definition, services)| {
        inquiry.request();
        async move {
            let answer = account.ecs().describe_task_definition().task_definition(&definition).send().await.map_err(|error| failing(&error))?;
            let streams: Vec<LogStream> = answer.task_definition().map(|told| streams_in(&read_definition(told), &place.id, &account.region)).unwrap_or_default();
            let of = |(stream, service): (&LogStream, &String)| Candidate { stream: stream.clone(), service: Some(service.clone()), definition: Some(definition.clone()) };
            Ok::<Vec<Candidate>, Failing>(streams.iter().flat_map(|stream| services.iter().map(move |service| (stream, service))).map(of).collect())
        }
    });
    let (mut candidates, mut refused) = (BTreeSet::new(), None);
    for answer in stream::iter(asked).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
        match answer {
            Ok(some) => candidates.extend(some),
            Err(failing) => refused = Some(failing),
        }
    }
    match refused {
        Some(failing) => inquiry.fail(&failing),
        None if is_cut => inquiry.fail(&Failing::unreadable(format!("only {MOST_DEFINITIONS} task definitions of services were searched for log streams"))),
        None => inquiry.done(),
    }
    candidates.into_iter().collect()
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
        assert!(rebuilt("eu-west-1", &place, &[], None).is_none());
    }
}
