//! Schema version 1: frozen. Keys are camelCase, absent values are left out, times are RFC 3339 in UTC.

use serde::Serialize;

use crate::diagnosis::Trace;
use crate::diagnosis::actors;
use crate::diagnosis::brief as inner_brief;
use crate::diagnosis::call::ApiCall;
use crate::diagnosis::evidence as inner_evidence;
use crate::diagnosis::stopped_by as inner_stopped_by;
use crate::diagnosis::task as inner_task;
use crate::diagnosis::timeline as inner_timeline;
use crate::diagnosis::verdict as inner_verdict;

/// What `timeline`, `who-stopped` and `why` print.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub schema_version: u32,
    pub taken_at: String,
    pub task: Task,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<StoppedBy>,
    pub timeline: Vec<Line>,
    pub sources: Vec<Source>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Absent, as is all that belongs to a task, where a service is asked about that has none to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub cluster: String,
    pub region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopping_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_stopped_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<String>,
    pub containers: Vec<Container>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Container {
    pub name: String,
    /// Absent where the task definition could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub essential: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Absent is not 0: ECS reported none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// One of a closed set.
    pub cause: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// `certain`, `likely` or `possible`.
    pub confidence: String,
    /// Business as usual.
    pub expected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    pub headline: String,
    pub summary: String,
    /// Numbers of timeline lines.
    pub evidence: Vec<usize>,
    pub next_steps: Vec<NextStep>,
    pub notes: Vec<Note>,
    pub alternatives: Vec<OtherCause>,
    pub unchecked: Vec<OtherCause>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NextStep {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Note {
    pub code: String,
    pub text: String,
    pub evidence: Vec<usize>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OtherCause {
    pub cause: String,
    pub why: String,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StoppedBy {
    /// `found`, `nobody`, `not-yet`, `not-recorded`, `unreadable` or `expired`.
    pub status: String,
    /// The answer as one sentence.
    pub summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// How the actor came to act: `IAM user`, `role deploy`, `permission set PowerUser`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// From the stop outward.
    pub chain: Vec<Hop>,
    /// Refused calls for this task: never the cause.
    pub attempts: Vec<Attempt>,
    /// `not-yet` only: from when on the absence of a call proves something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settles_at: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    pub r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    pub what: String,
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    pub event_id: String,
    pub actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    pub time: String,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Counts from 1; the verdict cites it.
    pub n: usize,
    pub time: String,
    /// `ms`, `s` (within the second that begins there), `min` (of the whole minute that begins there) or `at-or-before`.
    pub precision: String,
    pub witness: String,
    /// `info`, `warn` or `error`.
    pub level: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#ref: Option<String>,
    /// `before`, `provision`, `pull`, `start`, `run`, `stop` or `after`.
    pub phase: String,
    /// Another witness's line may have come first: their clocks do not tell.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(test, schemars(default))]
    pub tied: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Source {
    pub source: String,
    pub status: String,
    pub events: usize,
    pub requests: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_to: Option<String>,
}

impl From<&Trace> for Document {
    fn from(trace: &Trace) -> Self {
        let evidence = &trace.timeline.evidence;
        Self {
            schema_version: 1,
            taken_at: evidence.taken_at.to_string(),
            task: Task::from(evidence),
            verdict: Some(Verdict::from(&trace.verdict)),
            stopped_by: Some(StoppedBy::from(&trace.stopped_by)),
            timeline: trace.timeline.lines.iter().map(Line::from).collect(),
            sources: sources(&evidence.readings),
        }
    }
}

impl Document {
    /// What `logs` prints: only ECS and the logs were asked, so nothing is judged.
    #[must_use]
    pub fn logs_only(trace: &Trace) -> Self {
        Self { verdict: None, stopped_by: None, ..Self::from(trace) }
    }
}

/// What `stops` prints; with `-o jsonl` each stop alone.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stops {
    pub schema_version: u32,
    /// Newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stops: Option<Vec<Stop>>,
    /// With `--by`: the most frequent first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<Group>>,
    /// What was asked, and what could not be read: then the list may be short.
    pub sources: Vec<Source>,
}

/// One stop, judged by what ECS says of the task alone.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// Who told of it: `ecs`, or `archive` where ECS has forgotten it.
    pub witness: String,
    pub task: Task,
    pub verdict: BriefVerdict,
    /// Present where the task itself says that nobody asked for the stop; `who-stopped` looks for those who did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<StoppedBy>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BriefVerdict {
    pub cause: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    pub confidence: String,
    pub expected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    pub headline: String,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The cause with its detail, the service, or `service:revision`.
    pub key: String,
    pub count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
    /// Id of the latest task.
    pub task: String,
    /// How many of each cause; where grouped by cause, of each service.
    pub split: std::collections::BTreeMap<String, usize>,
}

impl From<&inner_brief::Stop> for Stop {
    fn from(stop: &inner_brief::Stop) -> Self {
        let verdict = Verdict::from(&stop.trace.verdict);
        let is_nobody = stop.trace.stopped_by.status == inner_stopped_by::Status::Nobody;
        Self {
            witness: if stop.task().told_by == inner_task::Teller::Ecs { "ecs" } else { "archive" }.to_owned(),
            task: Task::from(&stop.trace.timeline.evidence),
            verdict: BriefVerdict {
                cause: verdict.cause,
                detail: verdict.detail,
                confidence: verdict.confidence,
                expected: verdict.expected,
                container: verdict.container,
                headline: verdict.headline,
            },
            stopped_by: is_nobody.then(|| StoppedBy::from(&stop.trace.stopped_by)),
        }
    }
}

impl Stops {
    #[must_use]
    pub fn listed(stops: &[inner_brief::Stop], readings: &[inner_evidence::Reading]) -> Self {
        Self { schema_version: 1, stops: Some(stops.iter().map(Stop::from).collect()), groups: None, sources: sources(readings) }
    }

    #[must_use]
    pub fn grouped(groups: &[inner_brief::Group], readings: &[inner_evidence::Reading]) -> Self {
        let group = |group: &inner_brief::Group| Group {
            key: group.key.clone(),
            count: group.count,
            latest: group.latest.map(|at| at.to_string()),
            task: group.sample.clone(),
            split: group.split.clone(),
        };
        Self { schema_version: 1, stops: None, groups: Some(groups.iter().map(group).collect()), sources: sources(readings) }
    }
}

impl From<&inner_evidence::Evidence> for Task {
    fn from(evidence: &inner_evidence::Evidence) -> Self {
        let task = &evidence.task;
        let at = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string());
        let told = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Self {
            arn: told(&task.arn),
            id: told(&task.id),
            cluster: task.cluster.clone(),
            region: task.region.clone(),
            account: told(&task.account),
            service: task.service.clone(),
            family: task.family.clone(),
            revision: task.revision,
            launch_type: task.launch_type.clone(),
            availability_zone: task.availability_zone.clone(),
            last_status: task.last_status.clone(),
            stop_code: task.stop_code.as_ref().map(|code| code.as_str().to_owned()),
            stopped_reason: task.stopped_reason.clone(),
            created_at: at(task.times.created),
            started_at: at(task.times.started),
            stopping_at: at(task.times.stopping),
            execution_stopped_at: at(task.times.execution_stopped),
            stopped_at: at(task.times.stopped),
            containers: task.containers.iter().map(|container| Container::read(container, evidence.definition.as_ref())).collect(),
        }
    }
}

impl Container {
    fn read(container: &inner_task::Container, definition: Option<&inner_task::TaskDefinition>) -> Self {
        Self {
            name: container.name.clone(),
            essential: definition.and_then(|definition| definition.container(&container.name)).map(|defined| defined.essential),
            image: container.image.clone(),
            exit_code: container.exit_code,
            reason: container.reason.clone(),
        }
    }
}

impl From<&inner_verdict::Verdict> for Verdict {
    fn from(verdict: &inner_verdict::Verdict) -> Self {
        let others = |causes: &[(inner_verdict::Cause, String)]| causes.iter().map(|(cause, why)| OtherCause { cause: cause.as_str().to_owned(), why: why.clone() }).collect();
        Self {
            cause: verdict.cause.as_str().to_owned(),
            detail: verdict.detail.map(str::to_owned),
            confidence: verdict.confidence.as_str().to_owned(),
            expected: verdict.expected,
            container: verdict.container.clone(),
            headline: verdict.headline.clone(),
            summary: verdict.summary.clone(),
            evidence: verdict.evidence.clone(),
            next_steps: verdict.next_steps.iter().map(|step| NextStep { text: step.text.clone(), command: step.command.clone(), doc: step.doc.clone() }).collect(),
            notes: verdict.notes.iter().map(|note| Note { code: note.code.to_owned(), text: note.text.clone(), evidence: note.evidence.clone() }).collect(),
            alternatives: others(&verdict.alternatives),
            unchecked: others(&verdict.unchecked),
        }
    }
}

impl From<&inner_stopped_by::StoppedBy> for StoppedBy {
    fn from(by: &inner_stopped_by::StoppedBy) -> Self {
        let call: Option<&ApiCall> = by.call.as_ref().map(|(_, call)| call);
        let identity = by.identity();
        Self {
            status: by.status.as_str().to_owned(),
            summary: by.summary(),
            kind: by.kind.map(|kind| kind.as_str().to_owned()),
            actor: by.actor.clone(),
            through: by.through.clone(),
            call: call.map(|call| call.name.clone()),
            event_id: call.map(|call| call.event_id.clone()),
            time: by.began_at().map(|time| time.to_string()),
            reason: call.and_then(|call| call.parameters.reason.clone()),
            source_ip: call.and_then(|call| call.source_ip.clone()),
            user_agent: call.and_then(|call| call.user_agent.clone()),
            tool: call.and_then(actors::tool),
            mfa: identity.and_then(|identity| identity.mfa),
            principal: identity.map(|identity| Principal {
                r#type: identity.kind.clone(),
                arn: identity.arn.clone(),
                role: identity.role_name().map(str::to_owned),
                session: identity.session().map(str::to_owned),
                account: identity.account.clone(),
                access_key_id: identity.access_key_id.clone(),
            }),
            chain: by
                .chain
                .iter()
                .map(|hop| Hop {
                    what: hop.what.clone(),
                    kind: hop.kind.to_owned(),
                    id: hop.id.clone(),
                    time: hop.time.map(|time| time.to_string()),
                    call: hop.call.clone(),
                    event_id: hop.event_id.clone(),
                    actor: hop.actor.clone(),
                })
                .collect(),
            attempts: by
                .attempts
                .iter()
                .map(|(_, call)| Attempt { event_id: call.event_id.clone(), actor: actors::describe(call).name, error_code: call.error_code.clone(), time: call.time.to_string() })
                .collect(),
            settles_at: by.settles_at.map(|time| time.to_string()),
        }
    }
}

impl From<&inner_timeline::Line> for Line {
    fn from(line: &inner_timeline::Line) -> Self {
        Self {
            n: line.n,
            time: line.event.at.to_string(),
            precision: line.event.precision.as_str().to_owned(),
            witness: line.event.witness.as_str().to_owned(),
            level: line.event.level.as_str().to_owned(),
            container: line.event.container.clone(),
            text: line.event.text(),
            r#ref: line.event.reference(),
            phase: line.phase.as_str().to_owned(),
            tied: line.tied,
        }
    }
}

/// One entry per operation and outcome; what CloudTrail was asked by several names is told once where it ended alike.
fn sources(readings: &[inner_evidence::Reading]) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for reading in readings {
        let at = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string());
        let about = reading.about.as_ref().map(|about| if reading.kept { format!("{about} answers") } else { about.clone() });
        let detail = match (&about, &reading.detail) {
            (Some(about), Some(detail)) => Some(format!("{about}: {detail}")),
            (Some(about), None) => Some(about.clone()),
            (None, detail) => detail.clone(),
        };
        let source = Source {
            source: reading.source.as_str().to_owned(),
            status: reading.status.as_str().to_owned(),
            events: reading.events,
            requests: reading.requests,
            detail,
            action: reading.action.clone(),
            resource: reading.resource.clone(),
            looked_from: at(reading.looked_from),
            looked_to: at(reading.looked_to),
        };
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_DOCS=1 cargo test` writes them anew.
    #[test]
    fn the_published_schemas_are_these() {
        let documents = [
            ("v1", schemars::schema_for!(Document)),
            ("v1-stops", schemars::schema_for!(Stops)),
            ("v1-doctor", schemars::schema_for!(super::super::doctor::Doctor)),
            ("v1-config", schemars::schema_for!(super::super::config::Config)),
        ];
        for (name, schema) in documents {
            let schema = serde_json::to_string_pretty(&schema).expect("a schema") + "\n";
            let path = format!("{}/docs/json/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("UPDATE_DOCS").is_some() {
                std::fs::write(&path, &schema).expect("docs/ can be written");
            }
            let published = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(published, schema, "docs/json/{name}.schema.json is not what the code prints: run UPDATE_DOCS=1 cargo test");
        }
    }
}
