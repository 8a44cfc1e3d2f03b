//! Every operation on the list × everything that goes wrong on the way to AWS, over real HTTP: a trace or a clear
//! failure, inside the deadline, with the right code; no wrong cause, no wrong name, and what was not read is named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ecs_trace::sources::actions::{ACTIONS, named};
use ecs_trace::sources::case::Case;
use serde_json::{Value, json};

use super::bent::{Bend, page_token};
use super::fake_aws::{FakeAws, Fault};
use super::program::{Ran, against, run};

const FOREVER: usize = usize::MAX;
/// Most of a run is waiting, so many go at once; their own deadlines are short.
const AT_ONCE: usize = 16;
const LIMIT: Duration = Duration::from_secs(4);
/// What may be won by asking again takes its pauses.
const LIMIT_OF_RETRIES: Duration = Duration::from_secs(15);
/// For a process to start and to end on a machine that has other things to do.
const GRACE: Duration = Duration::from_secs(4);

/// What a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prints {
    Trace,
    Stops,
    Doctor,
    Groups,
}

/// One undisturbed run, in which some of the operations are called.
struct World {
    name: &'static str,
    case: &'static str,
    /// `ARN`, `ID` and `CLUSTER` are the case's.
    command: &'static [&'static str],
    prints: Prints,
    /// Without these there is no answer.
    must: &'static [&'static str],
    /// Operations that are tried here even where another world calls them too.
    also: &'static [&'static str],
    base: fn(&Case) -> Vec<(&'static str, Fault)>,
}

fn nothing(_: &Case) -> Vec<(&'static str, Fault)> {
    Vec::new()
}

/// An operation is tried in the first world that calls it.
const WORLDS: &[World] = &[
    World { name: "a failed health check", case: "elb-health-check", command: &["timeline", "ARN"], prints: Prints::Trace, must: &["ecs:DescribeTasks"], also: &[], base: nothing },
    World {
        name: "a deployment",
        case: "deployment",
        command: &["timeline", "ARN"],
        prints: Prints::Trace,
        must: &["ecs:DescribeTasks"],
        also: &["ecs:DescribeServices", "ecs:ListServiceDeployments"],
        base: nothing,
    },
    World { name: "a lost host", case: "host-lost", command: &["timeline", "ARN"], prints: Prints::Trace, must: &["ecs:DescribeTasks"], also: &[], base: nothing },
    World {
        name: "a scale-in",
        case: "scale-in",
        command: &["timeline", "ARN"],
        prints: Prints::Trace,
        must: &["ecs:DescribeTasks"],
        also: &["application-autoscaling:DescribeScalingActivities"],
        base: nothing,
    },
    World {
        name: "a call to StopTask",
        case: "stopped-by-sso-user",
        command: &["who-stopped", "ARN"],
        prints: Prints::Trace,
        must: &["ecs:DescribeTasks"],
        also: &["cloudtrail:LookupEvents"],
        base: nothing,
    },
    World {
        name: "out of memory",
        case: "out-of-memory",
        command: &["why", "ARN"],
        prints: Prints::Trace,
        must: &["ecs:DescribeTasks"],
        also: &["cloudwatch:GetMetricData", "logs:GetLogEvents"],
        base: nothing,
    },
    World {
        name: "an event data store",
        case: "stopped-by-sso-user",
        command: &["who-stopped", "ARN", "--trail-lake", "c1f5a3b2-8d47-4e57-9d0e-2f3f2b1c0d9e"],
        prints: Prints::Trace,
        must: &["ecs:DescribeTasks"],
        also: &[],
        base: lake,
    },
    World {
        name: "a task by its id",
        case: "app-error",
        command: &["why", "ID"],
        prints: Prints::Trace,
        must: &["ecs:ListClusters", "ecs:DescribeTasks"],
        also: &[],
        base: nothing,
    },
    World {
        name: "the latest of a service",
        case: "app-error",
        command: &["why", "service/importer"],
        prints: Prints::Trace,
        must: &["ecs:ListClusters", "ecs:ListTasks", "ecs:DescribeTasks"],
        also: &["ecs:ListTasks"],
        base: nothing,
    },
    World {
        name: "a forgotten task",
        case: "app-error",
        command: &["timeline", "ARN"],
        prints: Prints::Trace,
        must: &[],
        also: &["logs:FilterLogEvents", "logs:DescribeLogGroups"],
        base: archive,
    },
    World {
        name: "a forgotten task of no service",
        case: "app-error",
        command: &["timeline", "ARN"],
        prints: Prints::Trace,
        must: &[],
        also: &["ecs:DescribeTaskDefinition"],
        base: of_no_service,
    },
    World {
        name: "a forgotten task in Container Insights",
        case: "app-error",
        command: &["timeline", "ARN"],
        prints: Prints::Trace,
        must: &[],
        also: &["logs:FilterLogEvents", "logs:DescribeLogGroups"],
        base: insights,
    },
    World {
        name: "the stops of a region",
        case: "others-stopped",
        command: &["stops"],
        prints: Prints::Stops,
        must: &["ecs:ListClusters", "ecs:ListTasks"],
        also: &["ecs:ListTasks", "ecs:DescribeTasks"],
        base: nothing,
    },
    World {
        name: "the archives there are",
        case: "app-error",
        command: &["archive", "status"],
        prints: Prints::Groups,
        must: &["logs:DescribeLogGroups"],
        also: &["logs:DescribeLogGroups"],
        base: archive,
    },
    World {
        name: "the stops of a week",
        case: "others-stopped",
        command: &["stops", "--since", "7d"],
        prints: Prints::Stops,
        must: &["ecs:ListClusters", "ecs:ListTasks"],
        also: &[],
        base: week,
    },
    World { name: "a check-up", case: "app-error", command: &["doctor"], prints: Prints::Doctor, must: &[], also: &[], base: nothing },
];

/// The caller's own stop, as an event data store tells it.
pub fn lake(case: &Case) -> Vec<(&'static str, Fault)> {
    let task = &described(case)["tasks"][0];
    let second = task["stoppingAt"].as_f64().unwrap() as i64;
    let at = jiff::Timestamp::from_second(second).unwrap().strftime("%F %T.000").to_string();
    let reason = task["stoppedReason"].as_str().unwrap();
    let id = case.task.arn.rsplit('/').next().unwrap();
    let row = json!([{"c0": "lake-1"}, {"c1": "StopTask"}, {"c2": "ecs.amazonaws.com"}, {"c3": at}, {"c9": "IAMUser"}, {"c12": "tina"}, {"c25": case.task.cluster}, {"c26": id}, {"c31": reason}]);
    let rows = json!({"QueryStatus": "FINISHED", "QueryResultRows": [row]}).to_string();
    vec![("cloudtrail:StartQuery", Fault::Answers(200, r#"{"QueryId":"7e5cb6ef-4d67-4312-ac16-7c578bbc9e37"}"#)), ("cloudtrail:GetQueryResults", Fault::Answers(200, rows.leak()))]
}

/// ECS has forgotten the task, and a log group has not.
pub fn archive(case: &Case) -> Vec<(&'static str, Fault)> {
    let arn = &case.task.arn;
    let (base, _) = arn.split_once(":task/").unwrap();
    let message = json!({"detail-type": "ECS Task State Change", "source": "aws.ecs", "detail": {
        "taskArn": arn, "clusterArn": format!("{base}:cluster/{}", case.task.cluster), "version": 6, "lastStatus": "STOPPED", "desiredStatus": "STOPPED",
        "group": "service:importer", "launchType": "FARGATE", "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
        "startedAt": "2026-11-20T10:00:00.5Z", "stoppingAt": "2026-11-20T11:00:00.25Z", "stoppedAt": "2026-11-20T11:00:30Z",
        "taskDefinitionArn": format!("{base}:task-definition/importer:31"), "containers": [{"name": "app", "exitCode": 3, "lastStatus": "STOPPED"}]}});
    let events = json!({"events": [{"timestamp": 1_795_000_000_000_i64, "message": message.to_string()}]}).to_string();
    vec![
        ("ecs:DescribeTasks", Fault::Answers(200, r#"{"tasks": [], "failures": [{"arn": "x", "reason": "MISSING"}]}"#)),
        ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": [{"logGroupName": "/aws/events/ecs-trace", "retentionInDays": 30, "storedBytes": 7}]}"#)),
        ("logs:FilterLogEvents", Fault::Answers(200, events.leak())),
        // Nor did it log: what the archive tells is told by nobody else.
        ("logs:GetLogEvents", Fault::Answers(400, r#"{"__type": "ResourceNotFoundException", "message": "The specified log stream does not exist."}"#)),
    ]
}

/// Only its logs are left, and no service leads to them.
pub fn of_no_service(_: &Case) -> Vec<(&'static str, Fault)> {
    super::archive::of_no_service()
}

/// Container Insights has its records, and nobody else anything.
pub fn insights(_: &Case) -> Vec<(&'static str, Fault)> {
    let mut base = super::archive::only_in_insights();
    base.push(super::archive::NO_STREAM);
    base
}

/// A log group that Logs Insights finds a stop of two days ago in.
pub fn week(case: &Case) -> Vec<(&'static str, Fault)> {
    let (base, _) = case.task.arn.split_once(":task/").unwrap();
    let stopped = jiff::Timestamp::from_second(described(case)["tasks"][0]["stoppedAt"].as_f64().unwrap() as i64 - 2 * 24 * 3600).unwrap();
    let message = json!({"detail-type": "ECS Task State Change", "source": "aws.ecs", "detail": {
        "taskArn": format!("{base}:task/{}/0123456789abcdef0123456789abcdef", case.task.cluster), "clusterArn": format!("{base}:cluster/{}", case.task.cluster),
        "version": 6, "lastStatus": "STOPPED", "desiredStatus": "STOPPED", "group": "service:importer", "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited", "stoppedAt": stopped.to_string(), "containers": [{"name": "app", "exitCode": 3, "lastStatus": "STOPPED"}]}});
    let row = json!([{"field": "@timestamp", "value": stopped.strftime("%F %T.000").to_string()}, {"field": "@message", "value": message.to_string()}, {"field": "@ptr", "value": "CmEK"}]);
    let rows = json!({"status": "Complete", "results": [row], "statistics": {"recordsMatched": 1.0, "recordsScanned": 1.0, "bytesScanned": 1.0}}).to_string();
    vec![
        ("logs:DescribeLogGroups", Fault::Answers(200, r#"{"logGroups": [{"logGroupName": "/aws/events/ecs-trace", "retentionInDays": 30, "storedBytes": 7}]}"#)),
        ("logs:StartQuery", Fault::Answers(200, r#"{"queryId": "12ab3456-12ab-123a-789e-1234567890ab"}"#)),
        ("logs:GetQueryResults", Fault::Answers(200, rows.leak())),
    ]
}

fn described(case: &Case) -> &Value {
    &case.exchanges.iter().find(|exchange| exchange.action == "ecs:DescribeTasks").unwrap().response
}

/// What must come of a fault.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    /// What the undisturbed run tells.
    Same,
    /// The operation is told to be one of these, and where it must work the code is one of those.
    Gap(&'static [&'static str], &'static [i32]),
    /// Anything that claims no more than the undisturbed run does.
    NoMore,
    /// No other cause than the undisturbed run's, unless it is called possible and no more.
    NoOther,
}

const DENIED: Wanted = Wanted::Gap(&["denied"], &[254]);
const THROTTLED: Wanted = Wanted::Gap(&["throttled"], &[254, 255]);

const REFUSED: Wanted = Wanted::Gap(&["failed"], &[254, 255]);
const UNREACHABLE: Wanted = Wanted::Gap(&["failed", "timed-out"], &[255]);
const CREDENTIALS: Wanted = Wanted::Gap(&["failed"], &[253]);

const WHO: &str = "User: arn:aws:sts::111122223333:assumed-role/reader/alice is not authorized to perform: {action}";

/// AWS's refusals in every wording, each with the code of some protocol.
fn refusals() -> Vec<(&'static str, &'static str, String)> {
    let with = |rest: &str| format!("{WHO}{rest}");
    vec![
        ("identity policy", "AccessDeniedException", with(" on resource: arn:aws:x:eu-west-1:111122223333:y because no identity-based policy allows the {action} action")),
        ("service control policy", "AccessDeniedException", with(" with an explicit deny in a service control policy")),
        ("explicit deny", "AccessDeniedException", with(" on resource: * with an explicit deny in an identity-based policy")),
        ("no service control policy", "AccessDenied", with(" because no service control policy allows the {action} action")),
        ("permissions boundary", "AccessDeniedException", with(" because no permissions boundary allows the {action} action")),
        ("session policy", "AccessDeniedException", with(" on resource: * because no session policy allows the {action} action")),
        ("VPC endpoint policy", "AccessDenied", with(" because no VPC endpoint policy allows the {action} action")),
        ("VPC endpoint's deny", "AccessDeniedException", with(" with an explicit deny in a VPC endpoint policy")),
        ("resource policy", "AccessDeniedException", with(" on resource: arn:aws:x:::y because no resource-based policy allows the {action} action")),
        ("resource control policy", "AccessDeniedException", with(" with an explicit deny in a resource control policy: arn:aws:organizations::1:policy/o-1/p-1")),
        ("nothing said", "AccessDenied", "Access Denied".to_owned()),
        ("as EC2 spells it", "UnauthorizedOperation", "You are not authorized to perform this operation.".to_owned()),
    ]
}

const THROTTLES: [&str; 6] = ["ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "ThrottledException", "RequestThrottled"];

/// Fields that AWS's shapes promise, or that a verdict or a name rests on.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "ecs:DescribeTasks",
        &[
            "taskArn",
            "clusterArn",
            "taskDefinitionArn",
            "startedBy",
            "group",
            "stopCode",
            "stoppedReason",
            "containers",
            "name",
            "exitCode",
            "reason",
            "createdAt",
            "startedAt",
            "stoppingAt",
            "executionStoppedAt",
            "stoppedAt",
            "lastStatus",
            "desiredStatus",
            "launchType",
            "containerInstanceArn",
            "attachments",
        ],
    ),
    ("ecs:DescribeTaskDefinition", &["taskDefinition", "containerDefinitions", "name", "essential", "memory", "logConfiguration"]),
    (
        "ecs:DescribeServices",
        &["serviceArn", "serviceName", "status", "desiredCount", "deployments", "id", "taskDefinition", "createdAt", "events", "message", "loadBalancers", "deploymentController"],
    ),
    ("ecs:ListServiceDeployments", &["serviceDeploymentArn", "createdAt"]),
    ("ecs:DescribeServiceDeployments", &["serviceDeploymentArn", "targetServiceRevision", "createdAt", "finishedAt", "status", "rollback"]),
    ("ecs:DescribeServiceRevisions", &["serviceRevisionArn", "taskDefinition"]),
    ("ecs:DescribeContainerInstances", &["containerInstanceArn", "ec2InstanceId", "status", "agentConnected"]),
    ("cloudtrail:LookupEvents", &["EventId", "EventName", "EventTime", "CloudTrailEvent"]),
    ("application-autoscaling:DescribeScalingActivities", &["ActivityId", "Cause", "Description", "StartTime", "StatusCode"]),
    ("logs:GetLogEvents", &["timestamp", "message"]),
    ("cloudwatch:GetMetricData", &["Id", "Timestamps", "Values"]),
];

/// Everything that goes wrong. Of the wordings each operation meets some, those of each protocol together all; with
/// `EVERY_FAULT` set, each meets all.
fn faults(turn: usize, action: &str) -> Vec<(String, Fault, Wanted)> {
    let every = std::env::var_os("EVERY_FAULT").is_some();
    let mut all = Vec::new();
    let mut add = |name: &str, fault: Fault, wanted: Wanted| all.push((name.to_owned(), fault, wanted));
    let refusals = refusals();
    let many = refusals.len();
    for (at, (name, code, message)) in refusals.into_iter().enumerate() {
        if every || at == 0 || (turn * 2 + 1..=turn * 2 + 2).any(|place| place % many == at) {
            add(name, Fault::Says(FOREVER, if action.contains("load") { 403 } else { 400 }, code, message.leak()), DENIED);
        }
    }
    for (at, code) in THROTTLES.into_iter().enumerate() {
        if every || at == turn % THROTTLES.len() {
            let (first, then) = (THROTTLES[0], if code.starts_with("Request") { 503 } else { 400 });
            add("throttled once", Fault::Says(1, 400, first, "Rate exceeded"), Wanted::Same);
            add("throttled three times", Fault::Says(3, then, code, "Rate exceeded"), Wanted::Same);
            add(&format!("{code} for ever"), Fault::Says(FOREVER, then, code, "Rate exceeded"), THROTTLED);
        }
    }
    add("500 twice", Fault::Says(2, 500, "InternalFailure", "internal"), Wanted::Same);
    add("500 for ever", Fault::Says(FOREVER, 500, "InternalServerError", "internal"), REFUSED);
    add("503 from a proxy", Fault::Answers(503, "<html><head><title>503 Service Temporarily Unavailable</title></head></html>"), UNREACHABLE);
    add("a captive portal", Fault::NotReadable, UNREACHABLE);
    add("another content type", Fault::OfType("text/html; charset=utf-8"), Wanted::Same);
    add("reset", Fault::Reset, UNREACHABLE);
    add("reset in its body", Fault::ResetInBody, UNREACHABLE);
    add("cut short", Fault::Truncated, UNREACHABLE);
    add("an empty body", Fault::Empty, UNREACHABLE);
    add("no answer", Fault::Hang, Wanted::Gap(&["timed-out"], &[255]));
    add("drop by drop", Fault::Drip, Wanted::Gap(&["timed-out"], &[255]));
    add("expired", Fault::Says(FOREVER, 400, "ExpiredTokenException", "The security token included in the request is expired"), CREDENTIALS);
    add("no such key", Fault::Says(FOREVER, 403, "UnrecognizedClientException", "The security token included in the request is invalid."), CREDENTIALS);
    add(
        "a clock that is off",
        Fault::Says(FOREVER, 403, "InvalidSignatureException", "Signature expired: 20261120T100000Z is now earlier than 20261120T101000Z (20261120T101500Z - 5 min.)"),
        CREDENTIALS,
    );
    add("a clock that is far off", Fault::Says(FOREVER, 403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."), CREDENTIALS);
    add("more fields", Fault::Bent(Bend::MoreFields), Wanted::Same);
    add("no fields", Fault::Bent(Bend::Bare), Wanted::NoMore);
    add("hollow lists", Fault::Bent(Bend::Hollow), Wanted::NoMore);
    add("half of the fields", Fault::Bent(Bend::Half), Wanted::NoMore);
    add("new words", Fault::Bent(Bend::NewWords), Wanted::NoMore);
    if page_token(action).is_some() {
        add("pages without end", Fault::Bent(Bend::Endless), Wanted::NoMore);
        add("the same page again", Fault::Bent(Bend::Repeating), Wanted::NoMore);
    }
    all
}

/// A world that is ready to be asked in, and what it tells undisturbed.
struct Ready {
    world: &'static World,
    case: Arc<Case>,
    base: Vec<(&'static str, Fault)>,
    told: Ran,
    document: Value,
    called: BTreeSet<String>,
}

impl Ready {
    fn of(world: &'static World) -> Self {
        let case = FakeAws::present(world.case, |_| ());
        let base = (world.base)(&case);
        let aws = FakeAws::of(&case, &base, Duration::ZERO);
        let told = asked(world, &aws, LIMIT_OF_RETRIES, &[]);
        assert!([0, 3].contains(&told.code), "{}: {told:?}", world.name);
        let document = serde_json::from_str(&told.stdout).unwrap();
        let called = aws.journal().into_iter().map(|asked| asked.action).collect();
        Self { world, case, base, told, document, called }
    }
}

fn asked(world: &World, aws: &FakeAws, limit: Duration, environment: &[(String, String)]) -> Ran {
    let limit = format!("{}ms", limit.as_millis());
    let arguments: Vec<&str> = world
        .command
        .iter()
        .map(|word| match *word {
            "ARN" => aws.task_arn.as_str(),
            "ID" => aws.task_id(),
            other => other,
        })
        .chain(["-o", "json", "--timeout", &limit])
        .collect();
    let mut command = against(aws, &arguments);
    // The system's hundreds of certificates would be read for each client; none is needed here.
    command.env("AWS_CA_BUNDLE", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/unused-ca.pem"));
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    run(&mut command)
}

/// One fault in one world.
struct Cell<'a> {
    ready: &'a Ready,
    /// The operations that suffer from it.
    actions: Vec<&'a str>,
    name: String,
    faults: Vec<(&'a str, Fault)>,
    environment: Vec<(String, String)>,
    wanted: Wanted,
}

#[test]
fn every_fault_of_every_operation_ends_in_time_with_a_trace_or_a_clear_failure_and_no_wrong_word() {
    let ready: Vec<Ready> = at_once(WORLDS.iter().collect(), Ready::of);
    let every = std::env::var_os("EVERY_FAULT").is_some();
    let mut cells = Vec::new();
    for (turn, action) in ACTIONS.iter().enumerate() {
        let first = ready.iter().find(|ready| ready.called.contains(action.name)).unwrap_or_else(|| panic!("{} is called in no world: add one", action.name));
        let others = ready.iter().filter(|ready| ready.world.name != first.world.name && ready.world.also.contains(&action.name));
        for (at, home) in [first].into_iter().chain(others).enumerate() {
            assert!(home.called.contains(action.name), "{} does not call {}", home.world.name, action.name);
            // Where it was tried already, some of the faults will do.
            let all = faults(turn + at * 5, action.name).into_iter().enumerate();
            for (_, (name, fault, wanted)) in all.filter(|(place, _)| at == 0 || every || place % 3 == turn % 3) {
                if every || !matches!(wanted, Wanted::Same) {
                    cells.push(Cell { ready: home, actions: vec![action.name], name, faults: vec![(action.name, fault)], environment: Vec::new(), wanted });
                }
            }
        }
    }
    cells.extend(ready.iter().flat_map(of_whole_services));
    cells.extend(ready.iter().flat_map(everywhere_at_once));
    cells.extend(without_a_field(&ready, every));
    // What waits longest goes first.
    cells.sort_by_key(|cell| !matches!(cell.faults.first(), Some((_, Fault::Hang | Fault::Drip | Fault::Says(FOREVER, ..)))));
    let count = cells.len();
    let only = std::env::var("FAULT").unwrap_or_default();
    cells.retain(|cell| cell.to_string().contains(&only));
    let suspects: Vec<Cell> = at_once(cells, |cell| cell.wrong().map(|_| cell)).into_iter().flatten().collect();
    // A crowd on a busy machine is late for reasons of its own: what is wrong is wrong alone, too.
    let wrong: Vec<String> = suspects.into_iter().filter_map(|cell| cell.wrong().map(|why| format!("{cell}: {why}"))).collect();
    assert!(wrong.is_empty(), "{} of {count} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// One field is missing: in some world each, or in all.
fn without_a_field(ready: &[Ready], every: bool) -> Vec<Cell<'_>> {
    let mut cells = Vec::new();
    for (action, fields) in FIELDS {
        let homes: Vec<&Ready> = ready.iter().filter(|ready| ready.world.prints == Prints::Trace && ready.called.contains(*action)).collect();
        for (turn, field) in fields.iter().enumerate() {
            for (_, home) in homes.iter().enumerate().filter(|(at, _)| every || turn % homes.len() == *at) {
                let faults = vec![(*action, Fault::Bent(Bend::Without(field)))];
                cells.push(Cell { ready: home, actions: vec![action], name: format!("without {field}"), faults, environment: Vec::new(), wanted: Wanted::NoOther });
            }
        }
    }
    cells
}

/// What must change nothing changes nothing even where it befalls every operation of a run.
fn everywhere_at_once(ready: &Ready) -> Vec<Cell<'_>> {
    let mut by_name: BTreeMap<String, Vec<(&str, Fault)>> = BTreeMap::new();
    for (turn, action) in ready.called.iter().enumerate() {
        for (name, fault, _) in faults(turn, action).into_iter().filter(|(_, _, wanted)| matches!(wanted, Wanted::Same)) {
            by_name.entry(name).or_default().push((action, fault));
        }
    }
    let actions: Vec<&str> = ready.called.iter().map(String::as_str).collect();
    by_name.into_iter().map(|(name, faults)| Cell { ready, actions: actions.clone(), name, faults, environment: Vec::new(), wanted: Wanted::Same }).collect()
}

/// Nobody listens, or nobody who speaks TLS: so for all operations of a service.
fn of_whole_services(ready: &Ready) -> Vec<Cell<'_>> {
    const SERVICES: [(&str, &str); 7] = [
        ("ecs", "ECS"),
        ("cloudtrail", "CLOUDTRAIL"),
        ("logs", "CLOUDWATCH_LOGS"),
        ("cloudwatch", "CLOUDWATCH"),
        ("elasticloadbalancing", "ELASTIC_LOAD_BALANCING_V2"),
        ("application-autoscaling", "APPLICATION_AUTO_SCALING"),
        ("sts", "STS"),
    ];
    if !["a failed health check", "a check-up"].contains(&ready.world.name) {
        return Vec::new();
    }
    let mut cells = Vec::new();
    for (service, variable) in SERVICES {
        let actions: Vec<&str> = ready.called.iter().map(String::as_str).filter(|action| action.split(':').next() == Some(service)).collect();
        for (name, url) in [("nobody listens", "http://127.0.0.1:1"), ("no TLS", "https://FAKE")] {
            if !actions.is_empty() {
                let environment = vec![(format!("AWS_ENDPOINT_URL_{variable}"), url.to_owned())];
                cells.push(Cell { ready, actions: actions.clone(), name: format!("{service}: {name}"), faults: Vec::new(), environment, wanted: UNREACHABLE });
            }
        }
    }
    cells
}

fn at_once<T: Send, R: Send>(work: Vec<T>, each: impl Fn(T) -> R + Sync) -> Vec<R> {
    let many = work.len();
    let work: Vec<Mutex<Option<T>>> = work.into_iter().map(|one| Mutex::new(Some(one))).collect();
    let done: Vec<Mutex<Option<R>>> = (0..many).map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let at = work.iter().position(|other| std::ptr::eq(other, one)).unwrap();
                    let result = each(one.lock().unwrap().take().unwrap());
                    *done[at].lock().unwrap() = Some(result);
                }
            });
        }
    });
    done.into_iter().map(|one| one.into_inner().unwrap().unwrap()).collect()
}

impl std::fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let actions = match self.actions.as_slice() {
            [one] => one,
            _ => "all",
        };
        write!(f, "{} / {actions} / {}", self.ready.world.name, self.name)
    }
}

impl Cell<'_> {
    /// What is wrong with the answer, if anything is.
    fn wrong(&self) -> Option<String> {
        let Ready { world, case, base, .. } = self.ready;
        let mut faults = base.clone();
        faults.extend(self.faults.iter().copied());
        let aws = FakeAws::of(case, &faults, Duration::ZERO);
        let tls = aws.url.replacen("http", "https", 1);
        let mut environment: Vec<(String, String)> =
            self.environment.iter().map(|(name, url)| (name.clone(), if url == "https://FAKE" { tls.clone() } else { url.clone() })).collect();
        if !matches!(self.wanted, Wanted::Same) {
            // What never gets better need not be asked for long.
            environment.push(("AWS_MAX_ATTEMPTS".to_owned(), "3".to_owned()));
        }
        let limit = if matches!(self.wanted, Wanted::Same) { LIMIT_OF_RETRIES } else { LIMIT };
        let began = Instant::now();
        let ran = asked(world, &aws, limit, &environment);
        let took = began.elapsed();
        self.judged(&ran, took, limit).err().map(|why| if std::env::var_os("FAULT").is_some() { format!("{why}\n{}\n{}", ran.stdout, ran.stderr) } else { why })
    }

    fn judged(&self, ran: &Ran, took: Duration, limit: Duration) -> Result<(), String> {
        let world = self.ready.world;
        ensure(!ran.stderr.contains("panicked") && ran.code != 101 && ran.code >= 0, || format!("a panic, or killed: {ran:?}"))?;
        ensure(took < limit + GRACE, || format!("it took {took:?}"))?;
        let must = self.actions.iter().any(|action| world.must.contains(action));
        if !ran.stdout.is_empty() {
            ensure([0, 3, 253].contains(&ran.code), || format!("code {} beside an answer", ran.code))?;
        } else {
            ensure(![0, 3].contains(&ran.code) && ran.stderr.starts_with("ecs-trace: ") && ran.stderr.lines().count() < 12, || format!("no answer and no clear failure: {ran:?}"))?;
            ensure(ran.stderr.lines().next().is_some_and(|line| line.len() < 400), || format!("a failure nobody reads: {}", ran.stderr))?;
        }
        match self.wanted {
            Wanted::Gap(_, codes) if must => {
                ensure(codes.contains(&ran.code), || format!("code {}, wanted one of {codes:?}: {}", ran.code, ran.stderr))?;
                let is_named = self.actions.iter().any(|action| ran.stderr.contains(action)) || ran.stderr.contains("did not answer");
                return ensure(is_named, || format!("the failure does not say what failed: {}", ran.stderr));
            }
            // Of a forgotten task what is left of it may be lost.
            Wanted::NoMore | Wanted::NoOther if ran.stdout.is_empty() => {
                let is_claimed_away = ran.code == 4 && !world.name.starts_with("a forgotten task");
                return ensure(!is_claimed_away, || format!("there is a task: {}", ran.stderr));
            }
            Wanted::Gap(..) if ran.stdout.is_empty() && world.prints == Prints::Stops => {
                return ensure(ran.code == 255 && ran.stderr.contains("did not answer"), || format!("no clear failure: {ran:?}"));
            }
            // What an archive held of a forgotten task is lost with it, and said to be.
            Wanted::Gap(..) if ran.code == 4 && world.name.starts_with("a forgotten task") => {
                return ensure(ran.stderr.contains("could not be read") && ran.stderr.contains(self.actions[0]), || format!("what could not be read is not named: {}", ran.stderr));
            }
            _ => {}
        }
        let document: Value = serde_json::from_str(&ran.stdout).map_err(|error| format!("no JSON ({error}): {} {}", ran.stdout, ran.stderr))?;
        match world.prints {
            Prints::Trace => self.trace(ran, &document),
            Prints::Doctor => self.checkup(&document),
            Prints::Stops => {
                // An archive is named by its log group, with the time that was not read.
                let is_named = !matches!(self.wanted, Wanted::Gap(..))
                    || self.actions.iter().any(|action| ran.stderr.contains(action))
                    || ran.stderr.contains("/aws/events/ecs-trace was not read there");
                ensure(is_named, || format!("what is missing is not named: {}", ran.stderr))?;
                ensure(!matches!(self.wanted, Wanted::Gap(..)) || ran.code == 3 || !self.actions.contains(&"ecs:DescribeTasks"), || "a whole answer".to_owned())?;
                self.stops(&document)
            }
            Prints::Groups => match self.wanted {
                Wanted::Same => ensure(document == self.ready.document, || format!("another answer: {document}")),
                _ => Ok(()),
            },
        }
    }

    fn trace(&self, ran: &Ran, document: &Value) -> Result<(), String> {
        let base = &self.ready.document;
        let inconclusive = match self.ready.world.command[0] {
            "who-stopped" => !["found", "nobody"].contains(&word(document, "/stoppedBy/status")),
            _ => {
                let unchecked = document["verdict"]["unchecked"].as_array().is_some_and(|unchecked| !unchecked.is_empty());
                word(document, "/verdict/cause") == "unknown" || word(document, "/verdict/confidence") == "possible" && unchecked
            }
        };
        ensure(ran.code == if inconclusive { 3 } else { 0 }, || format!("code {} for {} {}", ran.code, document["verdict"], document["stoppedBy"]))?;
        if matches!(self.wanted, Wanted::Same) {
            for part in ["/verdict/cause", "/verdict/confidence", "/stoppedBy/status", "/stoppedBy/actor"] {
                ensure(document.pointer(part) == base.pointer(part), || format!("{part} is {:?}, and was {:?}", document.pointer(part), base.pointer(part)))?;
            }
            ensure(ran.code == self.ready.told.code, || format!("code {}", ran.code))?;
            // What a revision brought is waited for a moment only, and a target drains but for a while.
            let told = |document: &Value| -> BTreeSet<(String, String)> {
                let lasting = |(witness, text): &(String, String)| witness != "deployment" && !text.starts_with("when asked, target");
                texts(document, |_| true).into_iter().filter(lasting).collect()
            };
            return ensure(told(document) == told(base), || "other lines".to_owned());
        }
        self.claims_no_more(document)?;
        let Wanted::Gap(statuses, _) = self.wanted else { return Ok(()) };
        // Of a whole service some are not asked where others have failed.
        for action in self.actions.iter().filter(|action| !self.faults.is_empty() || sources(document).any(|source| source["action"] == ***action)) {
            let told: Vec<&str> = sources(document).filter(|source| source["action"] == **action).filter_map(|source| source["status"].as_str()).collect();
            ensure(told.iter().any(|status| statuses.contains(status)), || format!("{action} is told as {told:?}, wanted one of {statuses:?}"))?;
        }
        let hidden: BTreeSet<&str> = self.actions.iter().flat_map(|action| hides(action)).copied().collect();
        let (before, now) = (texts(base, |line| !hidden.contains(word(line, "/witness")) && !word(line, "/text").starts_with("when asked, target")), texts(document, |_| true));
        // How a session began is asked last, and only as long as there is time.
        let lost: Vec<&(String, String)> = before.difference(&now).filter(|(_, text)| !text.starts_with("AssumeRole")).collect();
        ensure(lost.is_empty(), || format!("lines of others are gone: {lost:?}"))
    }

    /// The same cause or a weaker one, the same name or none, and nobody only where there was nobody.
    fn claims_no_more(&self, document: &Value) -> Result<(), String> {
        let base = &self.ready.document;
        let (cause, was) = (word(document, "/verdict/cause"), word(base, "/verdict/cause"));
        let now = rank(word(document, "/verdict/confidence"));
        let weaker = if matches!(self.wanted, Wanted::NoOther) { now <= rank("possible") } else { now < rank(word(base, "/verdict/confidence")) };
        ensure(cause == was || cause == "unknown" || weaker, || format!("the cause is {cause}, and was {was}: {}", document["verdict"]))?;
        ensure(cause != was || rank(word(document, "/verdict/confidence")) <= rank(word(base, "/verdict/confidence")), || {
            format!("surer than with everything read: {}", document["verdict"])
        })?;
        // Of the same call, a session may be named whose beginning could not be followed in time.
        let is_same_call = ["eventId", "kind", "call"].iter().all(|part| base["stoppedBy"][*part].is_string() && document["stoppedBy"][*part] == base["stoppedBy"][*part]);
        let (status, before) = (word(document, "/stoppedBy/status"), word(base, "/stoppedBy/status"));
        let fits = match status {
            // Without its activities, it is the scaling itself that is named, and not its policy.
            "found" => {
                before == "found"
                    && (document["stoppedBy"]["actor"] == base["stoppedBy"]["actor"]
                        || is_same_call
                        || word(document, "/stoppedBy/actor") == "Application Auto Scaling" && word(base, "/stoppedBy/kind") == "autoscaling")
            }
            "nobody" | "expired" => before == status,
            // That no such call was recorded is a claim too.
            "not-recorded" | "not-yet" => before == status || !matches!(self.wanted, Wanted::Gap(..)) || !self.actions.iter().any(|action| action.starts_with("cloudtrail:")),
            "unreadable" => true,
            _ => false,
        };
        ensure(fits, || format!("stopped by {}, and was by {}", document["stoppedBy"], base["stoppedBy"]))
    }

    fn checkup(&self, document: &Value) -> Result<(), String> {
        let access = |document: &Value, action: &str| {
            let actions = document["sources"].as_array().unwrap().iter().flat_map(|source| source["actions"].as_array().unwrap());
            actions.into_iter().find(|told| told["action"] == action).map_or("", |told| word(told, "/status")).to_owned()
        };
        for action in &self.actions {
            let told = access(document, action);
            let fits = match self.wanted {
                Wanted::Same => told == "may-read",
                Wanted::Gap(statuses, _) => statuses.contains(&told.as_str()),
                Wanted::NoMore | Wanted::NoOther => true,
            };
            ensure(fits, || format!("{action} is told to be {told}"))?;
        }
        for other in ACTIONS.iter().filter(|other| !self.actions.contains(&other.name)) {
            let (told, was) = (access(document, other.name), access(&self.ready.document, other.name));
            // Asked by ARN, which needs an account or a cluster.
            let needs = self.actions.iter().any(|action| ["sts:GetCallerIdentity", "ecs:ListClusters"].contains(action) || action.starts_with("elasticloadbalancing:Describe"));
            ensure(told == was || needs && ["not-tried", "not-there", "timed-out"].contains(&told.as_str()), || format!("{} is told to be {told}, and was {was}", other.name))?;
        }
        Ok(())
    }

    fn stops(&self, document: &Value) -> Result<(), String> {
        let base = &self.ready.document;
        let of = |document: &Value| -> BTreeMap<String, (String, String)> {
            let stops = document["stops"].as_array().unwrap().iter();
            stops.map(|stop| (word(stop, "/task/id").to_owned(), (word(stop, "/verdict/cause").to_owned(), word(stop, "/stoppedBy/status").to_owned()))).collect()
        };
        let (told, was) = (of(document), of(base));
        match self.wanted {
            Wanted::Same => ensure(told == was, || format!("{told:?}, and was {was:?}")),
            _ => {
                let fits = told.iter().all(|(id, (cause, status))| {
                    was.get(id).is_some_and(|(had, by)| (cause == had || cause == "unknown") && (status == by || status != "nobody" && status != "found"))
                });
                ensure(fits || matches!(self.faults.first(), Some((_, Fault::Bent(Bend::Half | Bend::Hollow | Bend::NewWords)))), || format!("{told:?}, and was {was:?}"))
            }
        }
    }
}

fn ensure(is: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if is { Ok(()) } else { Err(why()) }
}

fn word<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn rank(confidence: &str) -> usize {
    ["", "possible", "likely", "certain"].iter().position(|of| *of == confidence).unwrap()
}

fn sources(document: &Value) -> impl Iterator<Item = &Value> {
    document["sources"].as_array().unwrap().iter()
}

/// Witness and words of each line.
fn texts(document: &Value, which: impl Fn(&Value) -> bool) -> BTreeSet<(String, String)> {
    let lines = document["timeline"].as_array().unwrap().iter().filter(|line| which(line));
    lines.map(|line| (word(line, "/witness").to_owned(), word(line, "/text").to_owned())).collect()
}

/// Witnesses whose lines need the operation.
fn hides(action: &str) -> &'static [&'static str] {
    match action {
        // It names the logs, and the limits that metrics are held against.
        "ecs:DescribeTaskDefinition" => &["logs", "metric"],
        "ecs:DescribeServices" => &["service", "deployment", "elb"],
        "ecs:ListServiceDeployments" | "ecs:DescribeServiceDeployments" | "ecs:DescribeServiceRevisions" => &["service", "deployment"],
        // A balancer's metrics are asked for by its name, which the group tells.
        "elasticloadbalancing:DescribeTargetGroups" => &["elb", "metric"],
        _ => match named(action).unwrap().source.map(|source| source.as_str()) {
            Some("cloudtrail") => &["cloudtrail"],
            Some("logs") => &["logs"],
            Some("metrics") => &["metric", "archive"],
            Some("elb") => &["elb"],
            Some("autoscaling") => &["autoscaling"],
            Some("host") => &["host", "cloudtrail"],
            _ => &[],
        },
    }
}
