//! A task somebody pasted as JSON: an EventBridge event, a describe-tasks answer, or a case.

use jiff::Timestamp;
use serde_json::Value;

use crate::diagnosis::task::{Attachment, Container, EcsArn, StopCode, Task, Teller, last_segment};

use super::case::{Case, Unreadable, json_of};
use super::task::{EXEC_AGENT, definition_name, plausible};

/// What stood on standard input or in a file.
#[derive(Debug)]
pub enum Document {
    Case(Box<Case>),
    /// ECS's word on a task, at the time it was written, and the JSON it was read from.
    Task(Box<Task>, Value),
}

/// Of the tasks in a text that has too many.
const MOST_NAMED: usize = 10;

#[derive(Debug, thiserror::Error)]
pub enum NotADocument {
    #[error(transparent)]
    Case(#[from] Unreadable),
    #[error("it is empty")]
    Empty,
    #[error("no task in it; wanted is an `ECS Task State Change` event, a describe-tasks answer, or a case file")]
    NoTask,
    #[error("{many} tasks in it; wanted is one ({})", .first.join(", "))]
    Several { many: usize, first: Vec<String> },
}

impl Document {
    /// # Errors
    /// If it is none of the three, or tells of more than one task.
    pub fn read(bytes: &[u8]) -> Result<Self, NotADocument> {
        // PowerShell puts a mark in front of what it pipes.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(Self::Case(Box::new(Case::read(bytes)?)));
        }
        if bytes.trim_ascii().is_empty() {
            return Err(NotADocument::Empty);
        }
        let value = json_of(bytes)?;
        if value.get("ecsTraceCase").is_some() {
            return Ok(Self::Case(Box::new(Case::from_value(value)?)));
        }
        Self::of_value(value)
    }

    /// The task in JSON that was pasted, or kept in a case.
    ///
    /// # Errors
    /// If it tells of none, or of more than one.
    pub fn of_value(value: Value) -> Result<Self, NotADocument> {
        let mut tasks = tasks_in(&value);
        match tasks.len() {
            0 => Err(NotADocument::NoTask),
            1 => Ok(Self::Task(Box::new(tasks.remove(0)), value)),
            _ => {
                // The same task in several states: the newest word counts.
                let first = tasks[0].arn.clone();
                if tasks.iter().all(|task| task.arn == first) {
                    tasks.sort_by_key(|task| task.version);
                    return tasks.pop().map(|task| Self::Task(Box::new(task), value)).ok_or(NotADocument::NoTask);
                }
                Err(NotADocument::Several { many: tasks.len(), first: tasks.into_iter().map(|task| task.id).take(MOST_NAMED).collect() })
            }
        }
    }
}

fn tasks_in(value: &Value) -> Vec<Task> {
    if let Some(items) = value.as_array() {
        return items.iter().flat_map(tasks_in).collect();
    }
    if let Some(items) = field(value, "tasks").and_then(Value::as_array) {
        return items.iter().filter_map(task_from).collect();
    }
    if let Some(detail) = field(value, "detail") {
        return task_from(detail).map(|task| dated_by_event(task, value, detail)).into_iter().collect();
    }
    task_from(value).into_iter().collect()
}

/// The tasks an archived event tells of, marked as such; none where it is no event of ECS about a task of the account and
/// region that it came from: any line may hold the ARN of a task.
#[must_use]
pub fn tasks_of_event(message: &str) -> Vec<Task> {
    let Ok(value) = serde_json::from_str::<Value>(message) else { return Vec::new() };
    let says = |name: &str| value.get(name).and_then(Value::as_str);
    if says("source") != Some("aws.ecs") || says("detail-type") != Some("ECS Task State Change") {
        return Vec::new();
    }
    let mut tasks = tasks_in(&value);
    tasks.retain(|task| says("account").is_none_or(|account| account == task.account) && says("region").is_none_or(|region| region == task.region));
    tasks.iter_mut().for_each(|task| task.told_by = Teller::Archive);
    tasks
}

/// A task that was told to stop, or has stopped, need not say when that was: no later than its event.
fn dated_by_event(mut task: Task, event: &Value, detail: &Value) -> Task {
    let told = || time(detail, "updatedAt").or_else(|| time(event, "time"));
    let ends = task.stop_code.is_some() && task.desired_status.as_deref() == Some("STOPPED");
    match task.last_status.as_deref() {
        _ if task.stop_anchor().is_some() => {}
        Some("STOPPED") if !ends => task.times.stopped = told(),
        _ if ends => task.times.stopping = told(),
        _ => {}
    }
    task
}

/// A field in ECS's camelCase or Step Functions' PascalCase.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let capital = || {
        let mut letters = name.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
    };
    value.get(name).or_else(|| value.get(capital()?)).filter(|found| !found.is_null())
}

pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    field(value, name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

pub(super) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    field(value, name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// ISO 8601 with 0 to 6 fraction digits (events, AWS CLI v2), or epoch seconds (API, v1) or milliseconds (Step Functions).
pub(super) fn time(value: &Value, name: &str) -> Option<Timestamp> {
    match field(value, name)? {
        Value::String(text) => {
            let at: Timestamp = text.parse().ok()?;
            plausible(at.as_millisecond())
        }
        Value::Number(number) => {
            let number = number.as_f64()?;
            let milliseconds = if number.abs() > 1e11 { number } else { number * 1000.0 };
            #[expect(clippy::cast_possible_truncation, reason = "a time far outside i64 is refused by the next call")]
            plausible(milliseconds.round() as i64)
        }
        _ => None,
    }
}

fn integer(value: &Value, name: &str) -> Option<i64> {
    field(value, name).and_then(Value::as_i64)
}

pub(super) fn task_from(value: &Value) -> Option<Task> {
    let arn = text(value, "taskArn")?;
    let parsed = EcsArn::parse(&arn)?;
    let group = text(value, "group");
    let definition_arn = text(value, "taskDefinitionArn");
    let (family, revision) = definition_name(definition_arn.as_deref());
    let cluster = text(value, "clusterArn").map(|arn| last_segment(&arn).to_owned()).or_else(|| parsed.cluster.clone()).unwrap_or_else(|| "default".to_owned());
    let mut task = Task {
        id: parsed.name.clone(),
        cluster,
        region: parsed.region.clone(),
        account: parsed.account,
        service: group.as_deref().and_then(|group| group.strip_prefix("service:")).map(str::to_owned),
        group,
        started_by: text(value, "startedBy"),
        definition_arn,
        family,
        revision,
        launch_type: text(value, "launchType"),
        capacity_provider: text(value, "capacityProviderName"),
        platform_version: text(value, "platformVersion"),
        availability_zone: text(value, "availabilityZone"),
        container_instance_arn: text(value, "containerInstanceArn"),
        last_status: text(value, "lastStatus"),
        desired_status: text(value, "desiredStatus"),
        health_status: text(value, "healthStatus"),
        stop_code: text(value, "stopCode").map(|code| StopCode::named(&code)),
        stopped_reason: text(value, "stoppedReason"),
        cpu: text(value, "cpu"),
        memory: text(value, "memory"),
        version: integer(value, "version"),
        execute_command: field(value, "enableExecuteCommand").and_then(Value::as_bool).unwrap_or_default(),
        containers: items(value, "containers").iter().map(container_from).collect(),
        attachments: items(value, "attachments").iter().map(attachment_from).collect(),
        arn,
        ..Task::default()
    };
    task.times.created = time(value, "createdAt");
    task.times.connected = time(value, "connectivityAt");
    task.times.pull_started = time(value, "pullStartedAt");
    task.times.pull_stopped = time(value, "pullStoppedAt");
    task.times.started = time(value, "startedAt");
    task.times.stopping = time(value, "stoppingAt");
    task.times.execution_stopped = time(value, "executionStoppedAt");
    task.times.stopped = time(value, "stoppedAt");
    Some(task)
}

fn container_from(value: &Value) -> Container {
    Container {
        name: text(value, "name").unwrap_or_default(),
        image: text(value, "image"),
        image_digest: text(value, "imageDigest"),
        runtime_id: text(value, "runtimeId"),
        last_status: text(value, "lastStatus"),
        exit_code: integer(value, "exitCode"),
        reason: text(value, "reason"),
        health_status: text(value, "healthStatus"),
        private_ips: items(value, "networkInterfaces").iter().filter_map(|interface| text(interface, "privateIpv4Address")).collect(),
        ports: items(value, "networkBindings").iter().filter_map(|binding| Some((integer(binding, "containerPort")?, integer(binding, "hostPort")?))).collect(),
        exec_agent: items(value, "managedAgents").iter().any(is_exec_agent),
        reported: None,
    }
}

/// An event calls the agent's state `status`, the API `lastStatus`.
fn is_exec_agent(agent: &Value) -> bool {
    let running = [text(agent, "lastStatus"), text(agent, "status")].into_iter().flatten().any(|status| status == "RUNNING");
    text(agent, "name").as_deref() == Some(EXEC_AGENT) && (running || field(agent, "lastStartedAt").is_some())
}

fn attachment_from(value: &Value) -> Attachment {
    Attachment {
        id: text(value, "id").unwrap_or_default(),
        kind: text(value, "type").unwrap_or_default(),
        status: text(value, "status").unwrap_or_default(),
        details: items(value, "details").iter().filter_map(|pair| Some((text(pair, "name")?, text(pair, "value")?))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(json: &str) -> Task {
        match Document::read(json.as_bytes()) {
            Ok(Document::Task(task, _)) => *task,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_event_with_an_old_arn_and_short_fractions_is_a_task() {
        let task = task(
            r#"{"detail-type":"ECS Task State Change","detail":{"taskArn":"arn:aws:ecs:us-east-2:1:task/e9511a82-9247-4239-89e9-ffd548ed9ee4","clusterArn":"arn:aws:ecs:us-east-2:1:cluster/primary",
            "createdAt":"2019-11-19T20:38:07.78Z","executionStoppedAt":"2019-11-19T21:13:24Z","stoppingAt":"2019-11-19T21:13:34.795Z","stopCode":"EssentialContainerExited","group":"family:v","containers":[{"name":"v","exitCode":0}]}}"#,
        );
        assert_eq!((task.cluster.as_str(), task.id.as_str()), ("primary", "e9511a82-9247-4239-89e9-ffd548ed9ee4"));
        assert_eq!(task.times.created.map(Timestamp::as_millisecond), Some(1_574_195_887_780));
        assert_eq!(task.containers[0].exit_code, Some(0));
    }

    #[test]
    fn only_an_event_of_ecs_about_its_own_account_and_region_tells_of_an_archived_task() {
        let event = |head: &str| tasks_of_event(&format!(r#"{{{head}"detail":{{"taskArn":"arn:aws:ecs:eu-west-1:111122223333:task/c/5c70","version":3}}}}"#));
        let whole = r#""source":"aws.ecs","detail-type":"ECS Task State Change","account":"111122223333","region":"eu-west-1","#;
        assert_eq!(event(whole).len(), 1);
        for (what, other) in
            [("aws.ecs", "shop"), ("ECS Task State Change", "Task seen"), ("111122223333", "999988887777"), ("\"region\":\"eu-west-1\"", "\"region\":\"us-east-1\"")]
        {
            assert!(event(&whole.replace(what, other)).is_empty(), "{other}");
        }
        assert!(event(r#""source":"aws.ecs","#).is_empty() && event(r#""detail-type":"ECS Task State Change","#).is_empty() && event("").is_empty());
        assert!(tasks_of_event(r#"{"msg":"saw it","taskArn":"arn:aws:ecs:eu-west-1:111122223333:task/c/5c70","version":99}"#).is_empty(), "an application's line");
    }

    #[test]
    fn a_spot_task_that_is_told_to_stop_began_to_by_the_time_of_its_event() {
        let spot = r#""taskArn":"arn:aws:ecs:us-east-1:3:task/c/5c704c7e4f1348f3969072b112bdaaf0","lastStatus":"RUNNING","desiredStatus":"STOPPED","stopCode":"SpotInterruption""#;
        let stopping = |event: String| task(&event).times.stopping.map(|at| at.to_string());
        assert_eq!(stopping(format!(r#"{{"time":"2026-03-03T14:00:02Z","detail":{{{spot},"updatedAt":"2026-03-03T14:00:01.5Z"}}}}"#)).as_deref(), Some("2026-03-03T14:00:01.5Z"));
        assert_eq!(stopping(format!(r#"{{"time":"2026-03-03T14:00:02Z","detail":{{{spot}}}}}"#)).as_deref(), Some("2026-03-03T14:00:02Z"));
        assert_eq!(stopping(format!("{{{spot}}}")), None, "ECS's own answer has no time of its own");
    }

    #[test]
    fn step_functions_capitals_and_milliseconds_are_read() {
        let task = task(
            r#"{"TaskArn":"arn:aws:ecs:us-east-1:3:task/c/5c704c7e4f1348f3969072b112bdaaf0","ClusterArn":"arn:aws:ecs:us-east-1:3:cluster/c","StoppingAt":1568727886597,"Containers":[{"Name":"m","ExitCode":0}]}"#,
        );
        assert_eq!(task.times.stopping.map(Timestamp::as_millisecond), Some(1_568_727_886_597));
        assert_eq!(task.containers[0].name, "m");
    }

    #[test]
    fn epoch_seconds_of_the_api_are_rounded_to_milliseconds() {
        let task = task(r#"{"tasks":[{"taskArn":"arn:aws:ecs:us-east-1:3:task/c/5c704c7e4f1348f3969072b112bdaaf0","stoppingAt":1772546923.771}],"failures":[]}"#);
        assert_eq!(task.times.stopping.map(Timestamp::as_millisecond), Some(1_772_546_923_771));
    }

    #[test]
    fn an_absent_exit_code_is_not_0_and_no_containers_are_none() {
        let task = task(r#"{"taskArn":"arn:aws:ecs:us-east-1:3:task/c/5c704c7e4f1348f3969072b112bdaaf0","containers":[{"name":"m","exitCode":null}]}"#);
        assert_eq!(task.containers[0].exit_code, None);
    }

    #[test]
    fn exec_shows_in_the_task_or_in_its_agent() {
        let exec = |fields: &str| task(&format!(r#"{{"taskArn":"arn:aws:ecs:us-east-1:3:task/c/5c704c7e4f1348f3969072b112bdaaf0",{fields}}}"#)).allows_exec();
        assert!(exec(r#""enableExecuteCommand":true"#));
        assert!(exec(r#""containers":[{"name":"m","managedAgents":[{"name":"ExecuteCommandAgent","lastStatus":"STOPPED","lastStartedAt":"2026-03-03T14:00:00Z"}]}]"#));
        assert!(exec(r#""containers":[{"name":"m","managedAgents":[{"name":"ExecuteCommandAgent","status":"RUNNING"}]}]"#));
        assert!(!exec(r#""enableExecuteCommand":false,"containers":[{"name":"m","managedAgents":[{"name":"ExecuteCommandAgent","lastStatus":"PENDING"}]}]"#));
    }

    #[test]
    fn a_time_outside_the_calendar_is_no_time() {
        for time in ["9999-12-30T21:59:59Z", "-009999-01-02T02:00:00Z"] {
            let task = task(&format!(r#"{{"taskArn":"arn:aws:ecs:us-east-1:3:task/c/5c704c7e4f1348f3969072b112bdaaf0","stoppingAt":"{time}"}}"#));
            assert_eq!(task.times.stopping, None);
        }
    }

    #[test]
    fn several_tasks_no_task_and_no_json_are_refused_with_words() {
        let two = r#"{"tasks":[{"taskArn":"arn:aws:ecs:r:3:task/c/a"},{"taskArn":"arn:aws:ecs:r:3:task/c/b"}]}"#;
        assert!(matches!(Document::read(two.as_bytes()), Err(NotADocument::Several { many: 2, first }) if first == ["a", "b"]));
        assert!(matches!(Document::read(b"{}"), Err(NotADocument::NoTask)));
        assert!(matches!(Document::read(b"hello"), Err(NotADocument::Case(Unreadable::NotJson(_)))));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_at_all_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Document::read(&bytes);
        }
    }
}
