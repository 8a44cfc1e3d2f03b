//! One cause of a closed set, reached by rules that cite numbered lines.

use super::call::REPORTS;
use super::commands;
use super::event::{Level, What};
use super::evidence::{Source, Status};
use super::notes;
use super::rules::RULES;
use super::service::MessageKind;
use super::stopped_by::{Status as Who, StoppedBy};
use super::task::{StopCode, Teller, may_follow_an_order};
use super::timeline::Timeline;
use super::words;

macro_rules! causes {
    ($($variant:ident => $name:literal),* $(,)?) => {
        /// Why a task stopped. The names are stable: added to, never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Cause { $($variant),* }

        impl Cause {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As it stands in `verdict.cause`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

causes! {
    Completed => "completed",
    AppError => "app-error",
    OutOfMemory => "out-of-memory",
    Crashed => "crashed",
    Killed => "killed",
    Terminated => "terminated",
    EntrypointFailed => "entrypoint-failed",
    ElbHealthCheck => "elb-health-check",
    ContainerHealthCheck => "container-health-check",
    HostLost => "host-lost",
    HostDraining => "host-draining",
    SpotInterruption => "spot-interruption",
    Maintenance => "maintenance",
    AzRebalancing => "az-rebalancing",
    ScaleIn => "scale-in",
    Deployment => "deployment",
    Rollback => "rollback",
    ServiceDeleted => "service-deleted",
    StopRequested => "stop-requested",
    ImagePull => "image-pull",
    ResourceInitialization => "resource-initialization",
    ContainerStart => "container-start",
    NetworkInterface => "network-interface",
    Volume => "volume",
    Placement => "placement",
    Capacity => "capacity",
    Quota => "quota",
    Dependency => "dependency",
    Unknown => "unknown",
}

/// How well the cause is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Compatible; something is missing.
    Possible,
    /// The evidence agrees, one step is inferred.
    Likely,
    /// A witness says so about this task.
    Certain,
}

impl Confidence {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// What to do next; a command is complete and quoted for a shell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NextStep {
    pub text: String,
    pub command: Option<String>,
    pub doc: Option<String>,
}

impl NextStep {
    #[must_use]
    pub fn say(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    #[must_use]
    pub fn run(text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { text: text.into(), command: Some(command.into()), doc: None }
    }
}

/// Something worth knowing beside the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub code: &'static str,
    pub text: String,
    pub evidence: Vec<usize>,
}

/// What a rule found. Line numbers cite the timeline.
#[derive(Debug, Clone)]
pub struct Finding {
    pub detail: Option<&'static str>,
    pub confidence: Confidence,
    /// Business as usual: a deployment, a scale-in, a finished job.
    pub expected: bool,
    pub container: Option<String>,
    /// Two to five words.
    pub headline: String,
    /// One to three sentences that cite lines as `[n]`.
    pub summary: String,
    pub evidence: Vec<usize>,
    pub next_steps: Vec<NextStep>,
    pub alternatives: Vec<(Cause, String)>,
    pub unchecked: Vec<(Cause, String)>,
}

impl Finding {
    #[must_use]
    pub fn new(confidence: Confidence, headline: impl Into<String>) -> Self {
        Self {
            detail: None,
            confidence,
            expected: false,
            container: None,
            headline: headline.into(),
            summary: String::new(),
            evidence: Vec::new(),
            next_steps: Vec::new(),
            alternatives: Vec::new(),
            unchecked: Vec::new(),
        }
    }
}

/// What a rule says of one timeline.
#[derive(Debug, Clone)]
pub enum Judgement {
    Fits(Box<Finding>),
    No,
    /// It would have to look where it could not; the words say where.
    CannotTell(String),
}

impl From<Finding> for Judgement {
    fn from(finding: Finding) -> Self {
        Self::Fits(Box::new(finding))
    }
}

/// Recognises one cause. Lives in the file of its name.
pub struct Rule {
    pub cause: Cause,
    /// What `verdict.detail` may be; empty where the cause has none. It may be absent all the same.
    pub details: &'static [&'static str],
    /// What it says, in one line, for the list of causes.
    pub about: &'static str,
    pub judge: fn(&Timeline, &StoppedBy) -> Judgement,
}

/// The answer: one cause, what it rests on, and what was left open.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub cause: Cause,
    pub detail: Option<&'static str>,
    pub confidence: Confidence,
    pub expected: bool,
    pub container: Option<String>,
    pub headline: String,
    pub summary: String,
    /// Ascending line numbers.
    pub evidence: Vec<usize>,
    pub next_steps: Vec<NextStep>,
    pub notes: Vec<Note>,
    pub alternatives: Vec<(Cause, String)>,
    pub unchecked: Vec<(Cause, String)>,
}

impl Verdict {
    /// Asks every rule in order of precedence; the first that fits is the cause.
    #[must_use]
    pub fn reach(timeline: &Timeline, stopped_by: &StoppedBy) -> Self {
        let mut fitting: Option<(Cause, Finding)> = None;
        let mut alternatives = Vec::new();
        let mut unchecked = Vec::new();
        for rule in RULES {
            match (rule.judge)(timeline, stopped_by) {
                Judgement::Fits(finding) if fitting.is_none() => fitting = Some((rule.cause, *finding)),
                // What a witness says outright has no second reading.
                Judgement::Fits(finding) if fitting.as_ref().is_none_or(|(_, first)| first.confidence < Confidence::Certain) => alternatives.push((rule.cause, finding.summary)),
                Judgement::Fits(_) => {}
                Judgement::CannotTell(why) => unchecked.push((rule.cause, why)),
                Judgement::No => {}
            }
        }
        let (cause, mut finding) = fitting.unwrap_or_else(|| (Cause::Unknown, unknown(timeline)));
        if timeline.evidence.task.stop_code.is_none() && timeline.stop_code().is_some() {
            // Without ECS's code, how the stop began is read from its words.
            finding.confidence = finding.confidence.min(Confidence::Likely);
        }
        if let Some((confidence, gap)) = unsure_of_container(timeline, &finding) {
            finding.confidence = finding.confidence.min(confidence);
            finding.unchecked.push((cause, gap));
        }
        if timeline.evidence.readings.iter().any(|reading| reading.status == Status::TooEarly && reading.about.as_deref() == Some(REPORTS[0])) {
            let why = "ECS does not tell how a container ended, and its agent's report of it may still come";
            finding.unchecked.push((cause, format!("cloudtrail: {why}")));
            finding.summary.push_str(&format!(" {why}: ask again with --wait."));
        }
        let notes = notes::all(timeline, cause, &finding);
        if cause != Cause::OutOfMemory && notes::was_ordered(timeline) {
            killed_for_memory_on_the_way(timeline, &mut finding);
        }
        // Two rules may offer the same other reading.
        let mut others: Vec<(Cause, String)> = finding.alternatives;
        for (other, why) in alternatives {
            if !others.iter().any(|(known, _)| *known == other) {
                others.push((other, why));
            }
        }
        match ask_again(timeline, stopped_by) {
            // Who it was is all that is asked of such a stop.
            Some(step) if cause == Cause::StopRequested => finding.next_steps.insert(0, step),
            step => finding.next_steps.extend(step),
        }
        if let Some(queries) = &stopped_by.queries {
            let place = "Ask CloudTrail Lake, if the account has an event data store: put its id into the query; AWS bills it by the data scanned";
            finding.next_steps.push(NextStep::run(place, queries.command()));
            finding.next_steps.push(NextStep::run("Or paste into Athena, over the table of a trail in S3", queries.athena.clone()));
        }
        let mut evidence = finding.evidence;
        // Where somebody is named, the line that names them belongs to the proof.
        evidence.extend(stopped_by.deciding_line());
        evidence.sort_unstable();
        evidence.dedup();
        Self {
            cause,
            detail: finding.detail,
            confidence: finding.confidence,
            expected: finding.expected,
            notes,
            container: finding.container,
            headline: finding.headline,
            summary: finding.summary,
            evidence,
            next_steps: finding.next_steps,
            alternatives: others,
            unchecked: finding.unchecked.into_iter().chain(unchecked).collect(),
        }
    }

    /// The steps towards who it was.
    pub fn steps_towards_who(&self) -> impl Iterator<Item = &NextStep> {
        self.next_steps.iter().filter(|step| step.command.as_deref().is_some_and(|command| command.starts_with("ecs-trace who-stopped ")))
    }

    /// Whether the cause can be acted on: 0 if so, 3 if not.
    #[must_use]
    pub fn is_conclusive(&self) -> bool {
        match (self.cause, self.confidence) {
            (Cause::Unknown, _) => false,
            (_, Confidence::Possible) => self.unchecked.is_empty(),
            _ => true,
        }
    }
}

/// How to learn who stopped it, where CloudTrail has not spoken or was not heard.
fn ask_again(timeline: &Timeline, stopped_by: &StoppedBy) -> Option<NextStep> {
    let again = || commands::ecs_trace("who-stopped", &timeline.evidence.task);
    match stopped_by.status {
        Who::NotYet => Some(NextStep::run("Ask CloudTrail again until it has delivered the call", again() + " --wait")),
        Who::Unreadable => {
            let gap = timeline.seen_by(Source::Cloudtrail).err()?;
            match gap.status {
                Status::Denied => {
                    let action = gap.action.as_deref().unwrap_or("cloudtrail:LookupEvents");
                    Some(NextStep::run(format!("Have {action} allowed or take a profile that may, then ask again who it was"), again()))
                }
                Status::Expired => None,
                _ => Some(NextStep::run("Ask CloudTrail again, with more time", again() + " --timeout 60s")),
            }
        }
        _ => None,
    }
}

/// The order came first, and still memory may have ended a container before it had obeyed: then its 137 is no consequence.
fn killed_for_memory_on_the_way(timeline: &Timeline, finding: &mut Finding) {
    let marked = |container: &&super::task::Container| container.exit_code == Some(137) && container.was_killed_for_memory();
    for container in timeline.evidence.task.containers.iter().filter(marked) {
        let Some(line) = timeline.container_line(&container.name) else { continue };
        finding.evidence.push(line.n);
        finding.summary.push_str(&format!(" While it was being stopped, {} was killed for memory [{}].", container.name, line.n));
        finding.alternatives.push((Cause::OutOfMemory, format!("ECS names memory for the end of {} [{}], though the order to stop came first", container.name, line.n)));
    }
}

/// Which containers are essential stands in the task definition alone. Without it, of several that ended the wrong one
/// may be taken for the one that ended the task.
fn unsure_of_container(timeline: &Timeline, finding: &Finding) -> Option<(Confidence, String)> {
    let evidence = &timeline.evidence;
    let by_itself = matches!(timeline.stop_code(), Some(StopCode::EssentialContainerExited));
    let chosen = finding.container.as_deref().filter(|_| by_itself && evidence.definition.is_none())?;
    let others = || evidence.task.containers.iter().filter(|container| container.name != chosen && container.has_ended() && container.injected_by().is_none());
    others().next()?;
    let gap = timeline.seen_by(Source::Ecs).err().map_or_else(|| "ecs: the task definition was not read".to_owned(), super::evidence::Reading::sentence);
    let own = evidence.task.containers.iter().find(|container| container.name == chosen).and_then(|container| container.exit_code);
    let rivals = others().any(|other| !other.exit_code.is_some_and(may_follow_an_order) || own.is_none_or(may_follow_an_order));
    Some((if rivals { Confidence::Possible } else { Confidence::Likely }, format!("which container is essential, {gap}")))
}

/// How many of a service's newest events are cited where none of them names a cause.
const MOST_CITED: usize = 2;

/// What bears on a service that has no stopped task: events since it was last steady, a failed deployment, a count of 0.
fn told_of_the_service(timeline: &Timeline) -> Vec<(usize, String)> {
    let Some(service) = &timeline.evidence.service else { return Vec::new() };
    let mut told: Vec<(usize, String)> = Vec::new();
    let said: Vec<_> = timeline.messages().collect();
    let steady = said.iter().rposition(|(_, message)| matches!(message.kind, MessageKind::SteadyState | MessageKind::DeploymentCompleted)).map_or(0, |at| at + 1);
    for (n, message) in said[steady..].iter().rev().take(MOST_CITED) {
        told.push((*n, format!("ECS: {}", words::quoted(message.text.trim_end_matches('.')))));
    }
    for deployment in &service.deployments {
        let line = timeline.lines.iter().find(|line| line.event.is_of_deployment(&deployment.id)).map(|line| line.n);
        let Some(n) = line else { continue };
        if deployment.rollout_state.as_deref() == Some("FAILED") {
            let reason = deployment.rollout_reason.as_deref().map(|reason| format!(": {}", words::quoted(reason.trim_end_matches('.')))).unwrap_or_default();
            told.push((n, format!("Its deployment {} failed{reason}", deployment.id)));
        }
        if deployment.status == "PRIMARY" && service.desired_count == 0 {
            told.push((n, "Its desired count is 0: it runs 0 tasks because none are wanted".to_owned()));
        }
    }
    told
}

/// No rule fits: say what was seen, in ECS's words, and claim nothing.
fn unknown(timeline: &Timeline) -> Finding {
    let task = &timeline.evidence.task;
    let stop = timeline.stop_line();
    if let (false, Some(service)) = (task.exists(), &task.service) {
        let mut finding = Finding::new(Confidence::Possible, "No cause can be shown");
        let unread = timeline.seen_by(Source::Service).err().map(|gap| format!(", and its events could not be read ({})", gap.gap())).unwrap_or_default();
        finding.summary = format!("ECS remembers no stopped task of service {service}{unread}.");
        for (n, told) in told_of_the_service(timeline) {
            finding.summary.push_str(&format!(" {told} [{n}]."));
            finding.evidence.push(n);
        }
        return finding;
    }
    let mut finding = if task.is_stopping() { Finding::new(Confidence::Possible, "No cause can be shown") } else { Finding::new(Confidence::Possible, "The task has not stopped") };
    let mut sentences = Vec::new();
    match (task.is_stopping(), stop) {
        (false, _) => sentences.push(format!("ECS says it is {}.", task.last_status.as_deref().unwrap_or("in an unknown state"))),
        (true, Some(line)) => {
            sentences.push(match &task.stopped_reason {
                Some(reason) => format!("ECS's reason is “{}” [{}].", reason.trim_end_matches('.'), line.n),
                None if task.told_by != Teller::Ecs => format!("ECS's reason is lost [{}].", line.n),
                None => format!("ECS gives no reason [{}].", line.n),
            });
            finding.evidence.push(line.n);
        }
        (true, None) if timeline.may_still_run().is_some() => {
            sentences.push("Its logs do not say whether it stopped, and not every cluster could be asked for it: it may still run.".to_owned());
        }
        (true, None) if task.told_by == Teller::Logs => {
            let left = if timeline.unread_memory().is_empty() { "All that is left of it are its logs, and they" } else { "Only its logs could be read, and they" };
            sentences.push(format!("{left} do not say why it stopped."));
        }
        (true, None) if task.is_forgotten() => {
            let lost = if task.times.execution_stopped.or(task.times.stopped).is_some() { "ECS's reason is lost." } else { "When and how it ended was not kept." };
            sentences.push(lost.to_owned());
        }
        (true, None) => sentences.push("ECS gives neither a reason nor a time.".to_owned()),
    }
    for container in task.containers.iter().filter(|container| container.exit_code.is_some_and(|code| code != 0) || container.reason.is_some()) {
        if let Some(line) = timeline.container_line(&container.name) {
            sentences.push(format!("{} [{}].", line.event.text().trim_end_matches('.'), line.n));
            finding.evidence.push(line.n);
        }
    }
    if matches!(task.told_by, Teller::Insights | Teller::Logs)
        && let Some(last) = timeline.lines.iter().rfind(|line| line.event.level == Level::Error && matches!(line.event.what, What::Logged(_)))
    {
        let whose = if task.told_by == Teller::Logs { "them" } else { "its logs" };
        sentences.push(format!("The last error in {whose} is {} [{}].", words::quoted(&last.event.text()), last.n));
        finding.evidence.push(last.n);
    }
    let mut unread: Vec<String> =
        Source::ALL.into_iter().filter_map(|source| timeline.seen_by(source).err()).filter(|gap| gap.status != Status::Skipped).map(|gap| gap.source.as_str().to_owned()).collect();
    // What was only asked whether it remembers the task tells of it no less.
    for gap in timeline.unread_memory().into_iter().filter(|_| task.is_forgotten()) {
        if !unread.iter().any(|known| known == gap.source.as_str()) {
            unread.push(gap.source.as_str().to_owned());
        }
    }
    if !unread.is_empty() {
        sentences.push(format!("Not read: {}.", words::list(&unread)));
    }
    finding.summary = sentences.join(" ");
    finding
}
