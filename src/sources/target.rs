//! `<task>`: what the user pasted, and what it means.

use std::path::PathBuf;

use crate::diagnosis::service::is_task_id;
use crate::diagnosis::task::{EcsArn, LogStream};

/// What was pasted, read in the documented order; no other name is ever taken for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Stdin,
    Latest,
    Demo(String),
    /// A full id whose cluster and region are known as far as the text told them.
    Task(Place),
    /// 4 characters or more of an id.
    Prefix {
        prefix: String,
        cluster: Option<String>,
    },
    Service {
        cluster: Option<String>,
        name: String,
        region: Option<String>,
    },
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    pub id: String,
    pub cluster: Option<String>,
    pub region: Option<String>,
    pub account: Option<String>,
    /// As pasted: an old ARN must be asked for as it is.
    pub arn: Option<String>,
    /// The log stream that was pasted; its group is empty where only the stream's name was.
    pub stream: Option<LogStream>,
}

/// Why a text is no `<task>`; says what is wrong and what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no task: {why}")]
pub struct NotATarget {
    pub text: String,
    pub why: String,
}

impl Target {
    /// # Errors
    /// If the text is none of the forms.
    pub fn parse(text: &str) -> Result<Self, NotATarget> {
        let text = text.trim();
        let no = |why: &str| NotATarget { text: text.to_owned(), why: why.to_owned() };
        if text == "-" {
            return Ok(Self::Stdin);
        }
        if let Some(name) = text.strip_prefix('@') {
            return if name == "latest" { Ok(Self::Latest) } else { Err(no("the only name behind `@` is `@latest`")) };
        }
        if let Some(name) = text.strip_prefix("demo:") {
            return Ok(Self::Demo(name.to_owned()));
        }
        if text.starts_with("arn:") {
            return from_arn(text).ok_or_else(|| no("the ARN is not that of an ECS task or service"));
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return from_url(text).ok_or_else(|| no("the URL is not that of a task in the ECS console or of a log stream"));
        }
        if text.starts_with('/') || text.starts_with("./") || text.starts_with("../") || text.starts_with('~') || text.ends_with(".json") || text.ends_with(".json.gz") {
            return Ok(Self::File(expand_home(text)));
        }
        if text.is_empty() {
            return Err(no("it is empty"));
        }
        let segments: Vec<&str> = text.split('/').collect();
        if let [.., id] = segments.as_slice()
            && segments.len() > 1
            && is_task_id(id)
        {
            return Ok(from_segments(&segments));
        }
        if segments[0] == "service" {
            return match segments.as_slice() {
                [_, name] if is_name(name) => Ok(Self::Service { cluster: None, name: (*name).to_owned(), region: None }),
                [_, cluster, name] if is_name(cluster) && is_name(name) => Ok(Self::Service { cluster: Some((*cluster).to_owned()), name: (*name).to_owned(), region: None }),
                _ => Err(no("a service is `service/NAME` or `service/CLUSTER/NAME`")),
            };
        }
        match segments.as_slice() {
            [id] if is_task_id(id) => Ok(Self::Task(Place { id: id.to_ascii_lowercase(), ..Place::default() })),
            [prefix] => is_prefix(prefix).map_err(no).map(|prefix| Self::Prefix { prefix, cluster: None }),
            [cluster, prefix] if is_name(cluster) => is_prefix(prefix).map_err(no).map(|prefix| Self::Prefix { prefix, cluster: Some((*cluster).to_owned()) }),
            _ => Err(no("paste a task id, a prefix of one, `cluster/id`, an ARN, a console URL, a log stream, `service/NAME`, `@latest`, a case file, `-` or `demo:NAME`")),
        }
    }

    /// The region that the text itself names.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Task(place) => place.region.as_deref(),
            Self::Service { region, .. } => region.as_deref(),
            _ => None,
        }
    }

    /// The cluster that the text itself names.
    #[must_use]
    pub fn cluster(&self) -> Option<&str> {
        match self {
            Self::Task(place) => place.cluster.as_deref(),
            Self::Prefix { cluster, .. } | Self::Service { cluster, .. } => cluster.as_deref(),
            _ => None,
        }
    }
}

/// `cluster/id`, or a log stream `prefix/container/id`, whose first segment is no cluster.
fn from_segments(segments: &[&str]) -> Target {
    let id = segments.last().map(|id| id.to_ascii_lowercase()).unwrap_or_default();
    let (cluster, stream) = match segments {
        [cluster, _] if is_name(cluster) => (Some((*cluster).to_owned()), None),
        [_, _, _, ..] => (None, Some(LogStream { name: segments.join("/"), ..LogStream::default() }).filter(|stream| is_stream(&stream.name))),
        _ => (None, None),
    };
    Target::Task(Place { id, cluster, stream, ..Place::default() })
}

fn from_arn(text: &str) -> Option<Target> {
    let arn = EcsArn::parse(text)?;
    match arn.kind.as_str() {
        "task" if is_task_id(&arn.name) => {
            Some(Target::Task(Place { id: arn.name, cluster: arn.cluster, region: Some(arn.region), account: Some(arn.account), arn: Some(text.to_owned()), ..Place::default() }))
        }
        "service" => Some(Target::Service { cluster: arn.cluster, name: arn.name, region: Some(arn.region) }),
        _ => None,
    }
}

/// The console's task page, old and new, and CloudWatch's log stream page.
fn from_url(text: &str) -> Option<Target> {
    let rest = text.split_once("://")?.1;
    let (host, path) = rest.split_once('/')?;
    if !(host.ends_with("console.aws.amazon.com") || host.ends_with("console.amazonaws-us-gov.com") || host.ends_with("console.amazonaws.cn")) {
        return None;
    }
    let region = path
        .split(['?', '&', '#'])
        .find_map(|part| part.strip_prefix("region="))
        .map(str::to_owned)
        // A console with several sessions puts the account in front of the region.
        .or_else(|| host.split('.').find(|part| is_region(part)).map(str::to_owned));
    if region.as_ref().is_some_and(|region| region.is_empty() || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')) {
        return None;
    }
    // CloudWatch writes `/` as `$252F`, twice encoded; twice decoded it is a path again.
    let plain = decoded(&decoded(&path.replace('$', "%")));
    let segments: Vec<&str> = plain.split(['/', '?', '#', '&', ';', '=']).filter(|segment| !segment.is_empty()).collect();
    let id = segments.iter().rev().find(|segment| is_task_id(segment)).map(|id| id.to_ascii_lowercase());
    let after = |name: &str| segments.iter().position(|segment| *segment == name).and_then(|at| segments.get(at + 1)).map(|next| (*next).to_owned());
    // A log group may hold any words; only the ECS console's own path names a cluster.
    let cluster = after("clusters").filter(|name| is_name(name) && !plain.starts_with("cloudwatch/"));
    match (id, after("services").filter(|name| is_name(name))) {
        (Some(id), _) => Some(Target::Task(Place { id, cluster, region, stream: stream_in(path), ..Place::default() })),
        (None, Some(name)) => Some(Target::Service { cluster, name, region }),
        (None, None) => None,
    }
}

/// Group and stream of CloudWatch's page of one: `…/log-group/GROUP/log-events/STREAM`, each encoded twice.
fn stream_in(path: &str) -> Option<LogStream> {
    let (group, stream) = path.split_once("/log-group/")?.1.split_once("/log-events/")?;
    let plain = |text: &str| decoded(&decoded(&text.replace('$', "%")));
    // What is behind a question mark, however encoded, are the page's own filters.
    let name = plain(stream).split(['?', '&', '#']).next().unwrap_or_default().to_owned();
    let group = plain(group);
    let is_group = !group.is_empty() && group.len() <= 512 && group.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/#".contains(&byte));
    (is_group && is_stream(&name) && name.rsplit('/').next().is_some_and(is_task_id)).then_some(LogStream { group, region: String::new(), name })
}

/// What CloudWatch Logs lets a stream be called, as far as the awslogs driver makes such names.
fn is_stream(name: &str) -> bool {
    name.len() <= 512 && name.bytes().all(|byte| byte.is_ascii_graphic() && !b":*".contains(&byte))
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok()).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `eu-west-1`, `us-gov-east-1`: letters, hyphens, and a digit at the end.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() >= 3
        && parts[0].len() == 2
        && parts.last().is_some_and(|last| last.len() == 1 && last.bytes().all(|byte| byte.is_ascii_digit()))
        && parts[..parts.len() - 1].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// Names of clusters and services: letters, digits, hyphens, underscores.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_prefix(text: &str) -> Result<String, &'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return Err("a task id has only the digits 0-9 and a-f; a service is `service/NAME`, a file is `./NAME`");
    }
    match text.len() {
        0..4 => Err("a prefix needs 4 characters or more"),
        4..=36 => Ok(text.to_ascii_lowercase()),
        _ => Err("it is longer than a task id"),
    }
}

fn expand_home(text: &str) -> PathBuf {
    match (text.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "9ce3d7dbf27dd659235f76cf8e9ea852";

    fn task(text: &str) -> Place {
        match Target::parse(text) {
            Ok(Target::Task(place)) => place,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_pasted_log_stream_keeps_its_name_and_its_page_its_group() {
        assert_eq!(task(&format!("ecs/app/{ID}")).stream, Some(LogStream { name: format!("ecs/app/{ID}"), ..LogStream::default() }));
        assert_eq!(task(&format!("prod/{ID}")).stream, None);
        let page = format!(
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252Fecs$252Fweb/log-events/ecs$252Fapp$252F{ID}$3FfilterPattern$3Dx"
        );
        let stream = task(&page).stream.expect("a stream");
        assert_eq!((stream.group.as_str(), stream.container(), stream.name.as_str()), ("/ecs/web", Some("app"), format!("ecs/app/{ID}").as_str()));
    }

    #[test]
    fn every_form_of_one_task_has_the_same_id() {
        for text in [
            ID,
            &format!("prod/{ID}"),
            &format!("arn:aws:ecs:eu-west-1:123456789012:task/prod/{ID}"),
            &format!("arn:aws:ecs:eu-west-1:123456789012:task/{ID}"),
            &format!("https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/prod/tasks/{ID}/configuration?region=eu-west-1"),
            &format!("https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/prod/services/web/tasks/{ID}/logs?region=eu-west-1"),
            &format!("https://eu-west-1.console.aws.amazon.com/ecs/home?region=eu-west-1#/clusters/prod/tasks/{ID}/details"),
            &format!("ecs/app/{ID}"),
            &format!("a/b/app/{ID}"),
            &format!("https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252Fecs$252Fapp/log-events/ecs$252Fapp$252F{ID}"),
        ] {
            assert_eq!(task(text).id, ID, "{text}");
        }
    }

    #[test]
    fn a_log_stream_names_no_cluster_and_cluster_slash_id_does() {
        assert_eq!(task(&format!("ecs/app/{ID}")).cluster, None);
        assert_eq!(task(&format!("prod/{ID}")).cluster.as_deref(), Some("prod"));
    }

    #[test]
    fn a_console_url_gives_region_and_cluster() {
        let place = task(&format!("https://us-east-1.console.aws.amazon.com/ecs/v2/clusters/prod/tasks/{ID}?region=eu-west-2"));
        assert_eq!((place.cluster.as_deref(), place.region.as_deref()), (Some("prod"), Some("eu-west-2")));
    }

    #[test]
    fn a_session_in_front_of_the_host_and_clusters_inside_a_log_group_mislead_nobody() {
        let place = task(&format!("https://123456789012-ab12cd34.eu-west-1.console.aws.amazon.com/ecs/v2/clusters/prod/tasks/{ID}"));
        assert_eq!(place.region.as_deref(), Some("eu-west-1"));
        let place = task(&format!(
            "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/$252Fclusters$252Fweb/log-events/ecs$252Fapp$252F{ID}"
        ));
        assert_eq!(place.cluster, None);
    }

    #[test]
    fn an_id_in_capitals_is_the_same_id() {
        assert_eq!(task(&ID.to_ascii_uppercase()).id, ID);
    }

    #[test]
    fn services_demos_files_and_the_rest() {
        assert_eq!(Target::parse("service/web"), Ok(Target::Service { cluster: None, name: "web".into(), region: None }));
        assert_eq!(Target::parse("service/prod/web"), Ok(Target::Service { cluster: Some("prod".into()), name: "web".into(), region: None }));
        assert_eq!(Target::parse("demo:x"), Ok(Target::Demo("x".into())));
        assert_eq!(Target::parse("@latest"), Ok(Target::Latest));
        assert_eq!(Target::parse("-"), Ok(Target::Stdin));
        assert_eq!(Target::parse("case.json.gz"), Ok(Target::File("case.json.gz".into())));
        assert_eq!(Target::parse("9f2c"), Ok(Target::Prefix { prefix: "9f2c".into(), cluster: None }));
        assert_eq!(Target::parse("prod/9f2c"), Ok(Target::Prefix { prefix: "9f2c".into(), cluster: Some("prod".into()) }));
    }

    #[test]
    fn what_is_none_of_them_says_why() {
        for (text, why) in [
            ("$(touch pwned)", "digits"),
            ("9f2", "4 characters"),
            ("arn:aws:s3:::b", "ARN"),
            ("https://example.com/x", "URL"),
            ("", "empty"),
            ("@newest", "@latest"),
            ("service/", "service/NAME"),
            ("README", "digits"),
            (&format!("arn:aws:ecs:evil.example/#:1:task/prod/{ID}"), "ARN"),
            (&format!("https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/prod/tasks/{ID}?region=evil.example/x"), "URL"),
        ] {
            assert!(Target::parse(text).expect_err(text).why.contains(why), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_at_all_makes_it_panic(text in "\\PC*") {
            let _ = Target::parse(&text);
        }
    }
}
