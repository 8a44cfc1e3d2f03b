//! What AWS says of a start that failed, wherever it says it: of the task, a container, a volume, or in a service event.
//!
//! Fargate writes it into `stoppedReason`, EC2 into the container's reason, and a service without tasks into its
//! events. Texts are matched in lower case with straight quotes, by parts that both generations of AWS's words share.

use super::catalogue::{Entry, entry};
use super::event::What;
use super::rules::{capacity, container_start, dependency, entrypoint_failed, image_pull, network_interface, placement, quota, resource_initialization, volume};
use super::service::{MessageKind, straight_quotes};
use super::task::StopCode;
use super::timeline::{Timeline, is_essential};
use super::verdict::{Cause, Confidence, Finding};

/// One way in which a cause shows itself, with the words that `explain` and the verdict share.
pub struct Kind {
    pub detail: Option<&'static str>,
    pub entry: Entry,
}

impl Kind {
    /// Whether it says no more than that something went wrong there.
    fn is_vague(&self) -> bool {
        matches!(self.detail, Some("other"))
    }
}

/// Recognises one cause in a text. `reads` is given lower case and straight quotes.
pub struct Reader {
    pub cause: Cause,
    pub kinds: &'static [Kind],
    pub reads: fn(&str) -> Option<&'static Kind>,
}

/// In order of precedence: a text may name what it wraps. Docker's word on the command stands inside an initialisation
/// error, a pull inside "unable to place a task".
pub const READERS: &[Reader] = &[
    entrypoint_failed::READER,
    volume::READER,
    resource_initialization::READER,
    image_pull::READER,
    network_interface::READER,
    dependency::READER,
    container_start::READER,
    quota::READER,
    capacity::READER,
    placement::READER,
];

/// The first kind whose marks stand in the text.
#[must_use]
pub fn first(kinds: &'static [Kind], plain: &str) -> Option<&'static Kind> {
    kinds.iter().find(|kind| kind.entry.stands_in(plain))
}

#[must_use]
pub fn with_detail(kinds: &'static [Kind], detail: &str) -> Option<&'static Kind> {
    kinds.iter().find(|kind| kind.detail == Some(detail))
}

/// Whether any of the words stands in the text.
#[must_use]
pub fn says(plain: &str, words: &[&str]) -> bool {
    words.iter().any(|word| plain.contains(word))
}

/// Words by which AWS and Docker tell that something could not be reached.
pub const NETWORK: &[&str] = &[
    "dial tcp",
    "dial udp",
    "i/o timeout",
    "tls handshake timeout",
    "connection timed out",
    "client.timeout exceeded",
    "request canceled",
    "context deadline exceeded",
    "signal: killed",
    "no such host",
    "connection refused",
    "connection reset",
    "no route to host",
    "network is unreachable",
    "temporary failure in name resolution",
    "server misbehaving",
    "connection issue between",
    "check your network configuration",
    "check your task network configuration",
    "send request failed",
];

/// Words by which AWS tells that an identity may not.
pub const DENIED: &[&str] = &["accessdenied", "access denied", "is not authorized to perform", "not authorized to", "unauthorized", "forbidden", "access to kms is not allowed"];

/// What a text of AWS's says of a failed start, if anything.
#[must_use]
pub fn read(text: &str) -> Option<(Cause, &'static Kind)> {
    let plain = straight_quotes(text).to_lowercase();
    READERS.iter().find_map(|reader| (reader.reads)(&plain).map(|kind| (reader.cause, kind)))
}

/// The statement that decides why a task did not start, and the line it stands in.
pub struct Told {
    pub cause: Cause,
    pub kind: &'static Kind,
    /// Straight quotes, letter case as AWS wrote it.
    pub text: String,
    pub n: usize,
    pub container: Option<String>,
    /// A service event, not a word about this task.
    pub of_service: bool,
}

impl Told {
    #[must_use]
    pub fn says(&self, words: &[&str]) -> bool {
        says(&self.text.to_lowercase(), words)
    }

    /// The ARNs in the text, without the punctuation behind them.
    #[must_use]
    pub fn arns(&self) -> Vec<&str> {
        let ends = |letter: char| letter.is_whitespace() || "'\"`,()[]<>".contains(letter);
        self.text.split(ends).filter_map(|word| word.find("arn:aws").map(|at| word[at..].trim_end_matches(['.', ':', ';']))).collect()
    }

    /// AWS's own words, cut where they are long: the line holds them whole.
    #[must_use]
    pub fn quoted(&self) -> String {
        let most = 220;
        let text = self.text.trim();
        if text.chars().count() <= most { text.trim_end_matches('.').to_owned() } else { format!("{}…", text.chars().take(most).collect::<String>().trim_end()) }
    }

    /// `Service web could not start a task`, or, of this task, `The task could not start`.
    #[must_use]
    pub fn could_not_start(&self, timeline: &Timeline) -> String {
        match &timeline.evidence.task.service {
            Some(service) if self.of_service => format!("Service {service} could not start a task"),
            _ => "The task could not start".to_owned(),
        }
    }

    /// A finding that cites the statement, with its detail and container.
    #[must_use]
    pub fn finding(&self, timeline: &Timeline, headline: &str) -> Finding {
        let mut finding = Finding::new(Confidence::Certain, headline);
        finding.detail = self.kind.detail;
        finding.container.clone_from(&self.container);
        finding.evidence.push(self.n);
        finding.evidence.extend(timeline.stop_line().map(|line| line.n));
        finding
    }
}

/// The statement for this cause, if it is the one that decides.
#[must_use]
pub fn of_cause(timeline: &Timeline, cause: Cause) -> Option<Told> {
    deciding(timeline).filter(|told| told.cause == cause)
}

/// Of everything AWS said about the start, the statement that tells most.
///
/// Nothing where an order or an end came first: what a pull or a start says after that is a consequence.
#[must_use]
pub fn deciding(timeline: &Timeline) -> Option<Told> {
    let task = &timeline.evidence.task;
    if !task.exists() {
        return of_service(timeline);
    }
    let by_itself = match timeline.stop_code() {
        None | Some(StopCode::TaskFailedToStart | StopCode::Other(_)) => false,
        Some(StopCode::EssentialContainerExited) => true,
        Some(_) => return None,
    };
    if !task.is_stopping() {
        return None;
    }
    let mut all: Vec<Told> = Vec::new();
    let mut hear = |text: &str, n: Option<usize>, container: Option<&str>| {
        if let (Some((cause, kind)), Some(n)) = (read(text), n) {
            all.push(Told { cause, kind, text: straight_quotes(text), n, container: container.map(str::to_owned), of_service: false });
        }
    };
    if let Some(reason) = &task.stopped_reason {
        hear(reason, timeline.stop_line().map(|line| line.n), None);
    }
    for container in &task.containers {
        // An end of its own tells more than what Docker says beside it; 125 to 128 are Docker's and the shell's own.
        let never_ran = container.exit_code.is_none_or(|code| (125..=128).contains(&code));
        let counts = !by_itself || never_ran && is_essential(&timeline.evidence, container);
        if let Some(reason) = container.reason.as_deref().filter(|_| counts) {
            hear(reason, timeline.container_line(&container.name).map(|line| line.n), Some(&container.name));
        }
    }
    for line in &timeline.lines {
        // What failed is known by its type, whatever the reason says of it.
        if let What::AttachmentFailed { .. } = &line.event.what {
            hear(&line.event.text(), Some(line.n), None);
        }
    }
    if all.is_empty() {
        return dependency::unmet(timeline);
    }
    // What a container says because another one failed comes last.
    let weight = |told: &Told| if told.cause == Cause::Dependency || is_cancelled(&told.text) { 1 } else { 0 };
    let best = (0..all.len()).min_by_key(|at| (weight(&all[*at]), all[*at].kind.is_vague(), *at))?;
    let mut told = all.swap_remove(best);
    if told.container.is_none() {
        told.container = all.iter().find(|other| other.cause == told.cause).and_then(|other| other.container.clone()).or_else(|| only_container(timeline));
    }
    Some(told)
}

/// A pull that was broken off, mostly because another container's failed.
fn is_cancelled(text: &str) -> bool {
    let plain = text.to_lowercase();
    plain.contains("context canceled") && !plain.contains("client.timeout")
}

fn only_container(timeline: &Timeline) -> Option<String> {
    let mut own = timeline.evidence.task.containers.iter().filter(|container| container.injected_by().is_none());
    own.next().filter(|_| own.next().is_none()).map(|container| container.name.clone())
}

/// The newest service event that tells why no task starts: one that a steady state followed is over.
fn of_service(timeline: &Timeline) -> Option<Told> {
    let messages: Vec<_> = timeline.messages().collect();
    let since_steady = messages.iter().rev().take_while(|(_, message)| message.kind != MessageKind::SteadyState);
    since_steady.into_iter().find_map(|(n, message)| {
        let (cause, kind) = read(&message.text)?;
        Some(Told { cause, kind, text: straight_quotes(&message.text), n: *n, container: None, of_service: true })
    })
}

#[must_use]
pub const fn kind(detail: Option<&'static str>, key: &'static str, means: &'static str, then: &'static str, marks: &'static [&'static str]) -> Kind {
    Kind { detail, entry: entry(key, means, then, marks) }
}
