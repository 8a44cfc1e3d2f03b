//! An AWS that answers from a case, over HTTP/1.1, moved in time so that the stop was minutes ago; with faults and
//! a journal of what was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::bent::{Bend, bent, without_token};
use aws_smithy_types::base64;
use ecs_trace::sources::case::Case;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What goes wrong with the answers to one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Denied,
    /// Where the request names this.
    DeniedOf(&'static str),
    /// From the request behind the first N on.
    DeniedAfter(usize),
    /// The first N.
    Throttled(usize),
    /// Whatever comes when N have come within a second, refused ones among them.
    PerSecond(usize),
    /// The first N: as many queries are running as AWS lets an account run.
    Busy(usize),
    /// The first N.
    ServerError(usize),
    Reset,
    Hang,
    /// Where the request names this.
    HangOf(&'static str),
    /// The first request alone.
    HangFirst,
    /// The right answer, so much later.
    Slow(Duration),
    Truncated,
    NotReadable,
    Empty,
    /// The first N: this status, code and message, spelled as the protocol spells them; `{action}` stands for its name.
    Says(usize, u16, &'static str, &'static str),
    /// The first half of the body, then the connection is reset.
    ResetInBody,
    /// One byte after another, and too slowly for any run of a test.
    Drip,
    /// The right answer under another content type.
    OfType(&'static str),
    /// The right answer, bent.
    Bent(Bend),
    /// CloudTrail finds nothing, and ECS lists nothing, until so long after it was first asked.
    Late(Duration),
    /// This status and body instead.
    Answers(u16, &'static str),
    /// With this much on its clock beside the one here; on every action where it stands for `:*`.
    Clock(i64),
}

#[derive(Debug, Clone)]
pub struct Asked {
    pub action: String,
    /// The access key id that signed it.
    pub key: String,
    pub body: String,
    pub came: Instant,
    pub left: Option<Instant>,
}

/// What an archive holds between two times in milliseconds, both among them: when, and the event.
pub type Archive = Box<dyn Fn(i64, i64) -> Vec<(i64, String)> + Send + Sync>;

/// A query of Logs Insights that was started.
struct Running {
    asked: Value,
    polled: bool,
}

#[derive(Default)]
struct Insights {
    archive: Option<Archive>,
    /// Queries that end before this second never do.
    stuck_before: i64,
    running: Mutex<Vec<Running>>,
    /// As many as ever ran at once.
    most: Mutex<(usize, usize)>,
}

pub struct FakeAws {
    pub url: String,
    pub task_arn: String,
    pub cluster: String,
    pub region: String,
    journal: Arc<Mutex<Vec<Asked>>>,
    insights: Arc<Insights>,
}

struct World {
    case: Arc<Case>,
    insights: Arc<Insights>,
    faults: Vec<(String, Fault)>,
    latency: Duration,
    journal: Arc<Mutex<Vec<Asked>>>,
}

impl FakeAws {
    pub fn serving(name: &str) -> Self {
        Self::with(name, &[], Duration::ZERO)
    }

    pub fn with(name: &str, faults: &[(&str, Fault)], latency: Duration) -> Self {
        Self::changed(name, faults, latency, |_| ())
    }

    /// With an archive that Logs Insights can query; what ends before the second stays unanswered.
    pub fn archiving(name: &str, faults: &[(&str, Fault)], archive: Archive, stuck_before: i64) -> Self {
        Self::made(&Self::present(name, |_| ()), faults, Duration::ZERO, Insights { archive: Some(archive), stuck_before, ..Insights::default() })
    }

    /// As many queries of Logs Insights as ever ran at once.
    pub fn most_queries(&self) -> usize {
        self.insights.most.lock().unwrap().1
    }

    /// A case bent into another one before its times are moved.
    pub fn changed(name: &str, faults: &[(&str, Fault)], latency: Duration, change: impl FnOnce(&mut Case)) -> Self {
        Self::made(&Self::present(name, change), faults, latency, Insights::default())
    }

    /// A case whose stop was minutes ago.
    pub fn present(name: &str, change: impl FnOnce(&mut Case)) -> Arc<Case> {
        let bytes = std::fs::read(format!("{}/tests/cases/{name}/case.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut case = Case::read(&bytes).unwrap();
        change(&mut case);
        #[expect(clippy::disallowed_methods, reason = "the fake moves its world to the present")]
        let moved = Timestamp::now().as_millisecond() - case.taken_at.as_millisecond();
        for exchange in &mut case.exchanges {
            if exchange.is_binary() {
                exchange.response = json!(base64::encode(moved_binary(exchange.response_bytes(), moved)));
            } else {
                move_times(&mut exchange.response, moved);
                if exchange.action == "cloudtrail:LookupEvents" {
                    // One name is asked for in several windows: each goes where its calls went.
                    move_times(&mut exchange.request, moved);
                }
            }
        }
        Arc::new(case)
    }

    /// One case may be served many times at once, with other faults each time.
    pub fn of(case: &Arc<Case>, faults: &[(&str, Fault)], latency: Duration) -> Self {
        Self::made(case, faults, latency, Insights::default())
    }

    fn made(case: &Arc<Case>, faults: &[(&str, Fault)], latency: Duration, insights: Insights) -> Self {
        let case = Arc::clone(case);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let journal = Arc::new(Mutex::new(Vec::new()));
        let (task_arn, cluster, region) = (case.task.arn.clone(), case.task.cluster.clone(), case.region.clone());
        let faults = faults.iter().map(|(action, fault)| ((*action).to_owned(), *fault)).collect();
        let insights = Arc::new(insights);
        let world = Arc::new(World { case, insights: Arc::clone(&insights), faults, latency, journal: Arc::clone(&journal) });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let world = Arc::clone(&world);
                std::thread::spawn(move || world.serve(stream));
            }
        });
        Self { url, task_arn, cluster, region, journal, insights }
    }

    /// The log group the case's first container writes to.
    pub fn log_group(name: &str) -> String {
        let bytes = std::fs::read(format!("{}/tests/cases/{name}/case.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let case = Case::read(&bytes).unwrap();
        let asked = case.exchanges.iter().find(|exchange| exchange.action == "logs:GetLogEvents").unwrap();
        asked.request["logGroupName"].as_str().unwrap().to_owned()
    }

    pub fn task_id(&self) -> &str {
        self.task_arn.rsplit('/').next().unwrap()
    }

    pub fn journal(&self) -> Vec<Asked> {
        self.journal.lock().unwrap().clone()
    }

    /// The longest chain of requests each of which came after the one before it had been answered.
    pub fn rounds(&self) -> usize {
        let mut done: Vec<(Instant, usize)> = Vec::new();
        let mut longest = 0;
        for asked in self.journal() {
            let level = 1 + done.iter().filter(|(left, _)| *left <= asked.came).map(|(_, level)| *level).max().unwrap_or(0);
            longest = longest.max(level);
            if let Some(left) = asked.left {
                done.push((left, level));
            }
        }
        longest
    }
}

/// Adds milliseconds to every time in a body: epoch seconds, epoch milliseconds, and those inside CloudTrail records.
fn move_times(value: &mut Value, by: i64) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::String(record) if name == "CloudTrailEvent" => {
                        let mut inner: Value = serde_json::from_str(record).unwrap();
                        for place in ["/eventTime", "/userIdentity/sessionContext/attributes/creationDate"] {
                            let Some(told) = inner.pointer_mut(place) else { continue };
                            let at: Timestamp = told.as_str().unwrap().parse().unwrap();
                            *told = json!(Timestamp::from_second((at.as_millisecond() + by).div_euclid(1000)).unwrap().to_string());
                        }
                        *record = inner.to_string();
                    }
                    // Container Insights keeps the minute of a sample inside its log line.
                    Value::String(line) if name == "message" && line.starts_with('{') && line.contains("\"Timestamp\"") => {
                        let mut inner: Value = serde_json::from_str(line).unwrap();
                        move_times(&mut inner, by);
                        *line = inner.to_string();
                    }
                    _ => move_times(value, by),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| move_times(item, by)),
        Value::Number(number) => {
            let told = number.as_f64().unwrap_or_default();
            if (1.5e9..2.1e9).contains(&told) {
                *value = json!(((told * 1000.0).round() as i64 + by) as f64 / 1000.0);
            } else if (1.5e12..2.1e12).contains(&told) {
                *value = json!(told as i64 + by);
            }
        }
        _ => {}
    }
}

/// Adds milliseconds to every time in a CBOR body: what is marked as one (tag 1), whole seconds or with a fraction.
fn moved_binary(mut body: Vec<u8>, by: i64) -> Vec<u8> {
    for at in 2..body.len() {
        let (mark, rest) = body[at - 2..].split_at_mut(2);
        match (mark, rest) {
            ([0xc1, 0x1a], [a, b, c, d, ..]) => {
                let seconds = u32::from_be_bytes([*a, *b, *c, *d]);
                [*a, *b, *c, *d] = u32::try_from(i64::from(seconds) + by.div_euclid(1000)).unwrap().to_be_bytes();
            }
            ([0xc1, 0xfb], rest) if rest.len() >= 8 => {
                let seconds = f64::from_be_bytes(rest[..8].try_into().unwrap());
                rest[..8].copy_from_slice(&(seconds + by as f64 / 1000.0).to_be_bytes());
            }
            _ => {}
        }
    }
    body
}

impl Insights {
    fn started(&self, body: &str) -> (u16, &'static str, Vec<u8>) {
        let mut running = self.running.lock().unwrap();
        running.push(Running { asked: serde_json::from_str(body).unwrap(), polled: false });
        let mut most = self.most.lock().unwrap();
        most.0 += 1;
        most.1 = most.1.max(most.0);
        (200, "application/x-amz-json-1.1", json!({"queryId": format!("12ab3456-12ab-123a-789e-{:012}", running.len() - 1)}).to_string().into_bytes())
    }

    /// Running first, then the newest rows up to the limit: texts alone, with a pointer in each that nobody asked for.
    fn results(&self, body: &str) -> (u16, &'static str, Vec<u8>) {
        let asked: Value = serde_json::from_str(body).unwrap();
        let at: usize = asked["queryId"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap();
        let (query, polled) = {
            let mut running = self.running.lock().unwrap();
            let polled = std::mem::replace(&mut running[at].polled, true);
            (running[at].asked.clone(), polled)
        };
        let (from, to) = (query["startTime"].as_i64().unwrap(), query["endTime"].as_i64().unwrap());
        let statistics = json!({"recordsMatched": 0.0, "recordsScanned": 12.0, "bytesScanned": 40960.0});
        let answer =
            |status: &str, rows: Vec<Value>| (200, "application/x-amz-json-1.1", json!({"results": rows, "statistics": statistics, "status": status}).to_string().into_bytes());
        if !polled || to < self.stuck_before {
            return answer(if polled { "Running" } else { "Scheduled" }, Vec::new());
        }
        self.most.lock().unwrap().0 -= 1;
        let text = query["queryString"].as_str().unwrap();
        let limit: usize = text.rsplit("limit ").next().unwrap().trim().parse().unwrap();
        assert!(limit <= 10_000 && text.contains("sort @timestamp desc") && from <= to, "{query}");
        let wanted: Vec<&str> = text.split(" | filter @message like '").skip(1).map(|rest| rest.split('\'').next().unwrap()).collect();
        let mut found = self.archive.as_ref().unwrap()(from * 1000, to * 1000);
        found.retain(|(_, message)| wanted.iter().all(|wanted| message.contains(wanted)) && message.contains("\"stoppedAt\""));
        found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let row = |(at, message): (i64, String)| {
            let time = Timestamp::from_millisecond(at).unwrap().strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
            json!([{"field": "@timestamp", "value": time}, {"field": "@message", "value": message}, {"field": "@ptr", "value": "CmEKJgoiMTIzNDU2"}])
        };
        answer("Complete", found.into_iter().take(limit).map(row).collect())
    }
}

impl World {
    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(mut writer) = stream.try_clone() else { return };
        let mut reader = BufReader::new(stream);
        while let Some((head, bytes)) = read_request(&mut reader) {
            let came = Instant::now();
            let body = String::from_utf8_lossy(&bytes).into_owned();
            let action = action_of(&head, &body);
            let at = {
                let mut journal = self.journal.lock().unwrap();
                let key = head.split("Credential=").nth(1).and_then(|scope| scope.split('/').next()).unwrap_or_default().to_owned();
                journal.push(Asked { action: action.clone(), key, body: body.clone(), came, left: None });
                journal.len() - 1
            };
            std::thread::sleep(self.latency);
            let earlier = self.journal.lock().unwrap()[..at].iter().filter(|asked| asked.action == action).count();
            // A token of the fake's own is none of the case's.
            let (mut status, mut kind, mut answer) = self.answer(&action, &head, &without_token(&action, &bytes));
            let (mut cut, mut drips, mut resets) = (false, false, false);
            let is_of = |of: &str| of == action || (of.ends_with(":*") && action.starts_with(of.trim_end_matches('*')));
            for fault in self.faults.iter().filter(|(of, _)| is_of(of)).map(|(_, fault)| *fault) {
                match fault {
                    Fault::DeniedOf(name) if !body.contains(name) => {}
                    Fault::DeniedAfter(most) if earlier < most => {}
                    Fault::Denied | Fault::DeniedOf(_) | Fault::DeniedAfter(_) => {
                        (status, answer) = (
                            400,
                            error(
                                &action,
                                kind,
                                "AccessDeniedException",
                                &format!(
                                    "User: arn:aws:sts::1:assumed-role/reader/x is not authorized to perform: {action} because no identity-based policy allows the {action} action"
                                ),
                            ),
                        )
                    }
                    Fault::Throttled(times) if earlier < times => {
                        (status, answer) = (400, error(&action, kind, if kind == "text/xml" { "Throttling" } else { "ThrottlingException" }, "Rate exceeded"))
                    }
                    Fault::PerSecond(most) if self.within_a_second(&action, at) > most => (status, answer) = (400, error(&action, kind, "ThrottlingException", "Rate exceeded")),
                    Fault::Busy(times) if earlier < times => {
                        (status, answer) = (400, error(&action, kind, "LimitExceededException", "Account maximum query concurrency limit of [30] reached."))
                    }
                    Fault::ServerError(times) if earlier < times => (status, answer) = (500, error(&action, kind, "InternalFailure", "internal")),
                    Fault::Says(times, told, code, message) if earlier < times => (status, answer) = (told, error(&action, kind, code, &message.replace("{action}", &action))),
                    Fault::Reset => return,
                    Fault::Hang => std::thread::sleep(Duration::from_secs(60)),
                    Fault::HangOf(name) if body.contains(name) => std::thread::sleep(Duration::from_secs(60)),
                    Fault::HangFirst if earlier == 0 => std::thread::sleep(Duration::from_secs(60)),
                    Fault::Slow(by) => std::thread::sleep(by),
                    Fault::Truncated => cut = true,
                    Fault::ResetInBody => (cut, resets) = (true, true),
                    Fault::Drip => drips = true,
                    Fault::OfType(other) => kind = other,
                    Fault::Bent(bend) => answer = bent(bend, &action, kind, answer, at),
                    Fault::NotReadable => answer = b"<html><body>It works!</body></html} ".to_vec(),
                    Fault::Empty => answer.clear(),
                    Fault::Late(until) if self.first_asked(&action).is_some_and(|first| first.elapsed() < until) => {
                        answer = if action == "ecs:ListTasks" { b"{\"taskArns\":[]}".to_vec() } else { b"{\"Events\":[]}".to_vec() }
                    }
                    Fault::Answers(told, body) => (status, answer) = (told, body.as_bytes().to_vec()),
                    _ => {}
                }
            }
            let length = answer.len();
            if cut {
                answer.truncate(length / 2);
            }
            let sent = write!(writer, "HTTP/1.1 {status} X\r\n{}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n", self.date())
                .and_then(|()| if drips { dripped(&mut writer, &answer) } else { writer.write_all(&answer) })
                .and_then(|()| writer.flush());
            if resets {
                // What is closed without a word still to be said is reset.
                let _ = socket2::SockRef::from(&writer).set_linger(Some(Duration::ZERO));
            }
            self.journal.lock().unwrap()[at].left = Some(Instant::now());
            if sent.is_err() || cut {
                return;
            }
        }
    }

    /// A Date header, where the fake has a clock.
    fn date(&self) -> String {
        let clock = self.faults.iter().find_map(|(_, fault)| if let Fault::Clock(ahead) = fault { Some(*ahead) } else { None });
        #[expect(clippy::disallowed_methods, reason = "the fake has a clock of its own")]
        let told = clock.map(|ahead| Timestamp::now() + jiff::SignedDuration::from_secs(ahead));
        told.map(|at| format!("Date: {}\r\n", at.strftime("%a, %d %b %Y %H:%M:%S GMT"))).unwrap_or_default()
    }

    /// How many of the action's requests came in the second up to this one, which counts.
    fn within_a_second(&self, action: &str, at: usize) -> usize {
        let journal = self.journal.lock().unwrap();
        let now = journal[at].came;
        journal.iter().filter(|asked| asked.action == action && asked.came <= now && now.duration_since(asked.came) < Duration::from_secs(1)).count()
    }

    fn first_asked(&self, action: &str) -> Option<Instant> {
        self.journal.lock().unwrap().iter().find(|asked| asked.action == action).map(|asked| asked.came)
    }

    /// The case's own task and, where it was given some, its neighbours.
    fn tasks(&self) -> impl Iterator<Item = &Value> {
        let described = self.case.exchanges.iter().filter(|exchange| exchange.action == "ecs:DescribeTasks");
        described.filter_map(|exchange| exchange.response["tasks"].as_array()).flatten()
    }

    fn definitions(&self) -> impl Iterator<Item = &Value> {
        let described = self.case.exchanges.iter().filter(|exchange| exchange.action == "ecs:DescribeTaskDefinition");
        described.map(|exchange| &exchange.response["taskDefinition"])
    }

    fn answer(&self, action: &str, head: &str, bytes: &[u8]) -> (u16, &'static str, Vec<u8>) {
        let body = &*String::from_utf8_lossy(bytes);
        let arn = &self.case.task.arn;
        let (base, _) = arn.split_once(":task/").unwrap();
        let json = "application/x-amz-json-1.1";
        match action {
            "sts:GetCallerIdentity" => return (200, "text/xml", CALLER.as_bytes().to_vec()),
            "sts:AssumeRole" => return (200, "text/xml", ASSUMED.as_bytes().to_vec()),
            "ecs:ListClusters" => {
                return (200, json, json!({"clusterArns": [format!("{base}:cluster/other"), format!("{base}:cluster/{}", self.case.task.cluster)]}).to_string().into_bytes());
            }
            "ecs:ListTasks" if body.contains("\"STOPPED\"") && cluster_in(body) == self.case.task.cluster => {
                let others = self.tasks().filter_map(|task| task["taskArn"].as_str()).filter(|other| other != arn);
                let arns: Vec<&str> = others.chain([arn.as_str()]).collect();
                return (200, json, json!({"taskArns": arns}).to_string().into_bytes());
            }
            "ecs:ListTasks" => return (200, json, json!({"taskArns": []}).to_string().into_bytes()),
            "ecs:ListServices" => {
                let described = self.case.exchanges.iter().filter(|exchange| exchange.action == "ecs:DescribeServices");
                let services = described.filter_map(|exchange| exchange.response["services"].as_array()).flatten().filter_map(|service| service["serviceArn"].as_str());
                let arns: Vec<&str> = services.filter(|_| cluster_in(body) == self.case.task.cluster).collect();
                return (200, json, json!({"serviceArns": arns}).to_string().into_bytes());
            }
            "ecs:ListTaskDefinitionFamilies" => {
                let mut families: Vec<&str> = self.definitions().filter_map(|definition| definition["family"].as_str()).collect();
                families.dedup();
                return (200, json, json!({"families": families}).to_string().into_bytes());
            }
            // By its family alone: the newest.
            "ecs:DescribeTaskDefinition" if !body.contains("arn:") && !body.contains("ecs-trace-doctor") => {
                let asked: Value = serde_json::from_str(body).unwrap_or_default();
                return match self.definitions().find(|definition| definition["family"] == asked["taskDefinition"]) {
                    Some(definition) => (200, json, json!({"taskDefinition": definition}).to_string().into_bytes()),
                    None => (400, json, error(action, json, "ClientException", "Unable to describe task definition.")),
                };
            }
            "ecs:DescribeTasks" => {
                let asked = |task: &&Value| task["taskArn"].as_str().is_some_and(|arn| body.contains(arn.rsplit('/').next().unwrap()));
                let tasks: Vec<&Value> = self.tasks().filter(asked).filter(|_| cluster_in(body) == self.case.task.cluster).collect();
                let failures = if tasks.is_empty() { vec![json!({"arn": arn, "reason": "MISSING"})] } else { Vec::new() };
                return (200, json, json!({"tasks": tasks, "failures": failures}).to_string().into_bytes());
            }
            "logs:StartQuery" => return self.insights.started(body),
            "logs:GetQueryResults" => return self.insights.results(body),
            _ => {}
        }
        let region = head.split("Credential=").nth(1).and_then(|scope| scope.split('/').nth(2)).unwrap_or_default();
        match self.case.answer(action, region, bytes) {
            Some(exchange) => (exchange.status, exchange.content_type(), exchange.response_bytes()),
            None if action.starts_with("elasticloadbalancing:Describe") && body.contains("ecs-trace-doctor") => {
                (400, "text/xml", error(action, "text/xml", if body.contains("targetgroup") { "TargetGroupNotFound" } else { "LoadBalancerNotFound" }, "not found"))
            }
            None if action == "elasticloadbalancing:DescribeTargetGroups" || action == "elasticloadbalancing:DescribeLoadBalancers" => {
                let operation = action.rsplit(':').next().unwrap();
                (200, "text/xml", format!("<{operation}Response><{operation}Result/></{operation}Response>").into_bytes())
            }
            None if action.starts_with("logs:") && body.contains("ecs-trace-doctor") => (400, json, error(action, json, "ResourceNotFoundException", "not there")),
            None if action == "logs:DescribeLogGroups" => (200, json, br#"{"logGroups":[]}"#.to_vec()),
            None if action == "cloudtrail:LookupEvents" => (200, json, br#"{"Events":[]}"#.to_vec()),
            None if action == "application-autoscaling:DescribeScalingActivities" => (200, json, br#"{"ScalingActivities":[]}"#.to_vec()),
            None if action == "ecs:DescribeClusters" => {
                let clusters: Value = serde_json::from_str(body).unwrap_or_default();
                let told: Vec<Value> = clusters["clusters"].as_array().unwrap().iter().filter_map(Value::as_str).filter(|asked| !asked.contains("no-such")).map(|asked| {
                    let name = asked.rsplit('/').next().unwrap();
                    json!({"clusterArn": format!("{base}:cluster/{name}"), "clusterName": name, "status": "ACTIVE", "settings": [{"name": "containerInsights", "value": if name == "other" { "disabled" } else { "enhanced" }}]})
                }).collect();
                (200, json, json!({"clusters": told, "failures": []}).to_string().into_bytes())
            }
            None if action == "cloudwatch:GetMetricData" && !body.contains("Dimensions") => (200, CBOR, [b"\xa1\x71MetricDataResults".as_slice(), b"\x80"].concat()),
            None if action.starts_with("cloudwatch:") => (400, CBOR, error(action, CBOR, "InvalidParameterValue", "not in this world")),
            None => (400, json, error(action, json, "InvalidParameterException", "not in this world")),
        }
    }
}

/// What AssumeRole answers: the key of the assumed role signs everything after it.
pub const ASSUMED_KEY: &str = "ASIAIOSFODNN7EXAMPLE";
const CALLER: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:sts::111122223333:assumed-role/reader/alice</Arn><UserId>AROAEXAMPLE:alice</UserId><Account>111122223333</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>";
const ASSUMED: &str = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:oncall</AssumedRoleId><Arn>arn:aws:sts::111122223333:assumed-role/reader/oncall</Arn></AssumedRoleUser><Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>";

fn cluster_in(body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    value["cluster"].as_str().unwrap_or("default").rsplit('/').next().unwrap_or_default().to_owned()
}

pub const CBOR: &str = "application/cbor";

fn dripped(writer: &mut TcpStream, answer: &[u8]) -> std::io::Result<()> {
    for byte in answer {
        writer.write_all(std::slice::from_ref(byte))?;
        std::thread::sleep(Duration::from_millis(700));
    }
    Ok(())
}

/// A map of two texts.
fn cbor_error(code: &str, message: &str) -> Vec<u8> {
    let mut bytes = vec![0xa2];
    for text in ["__type", code, "message", message] {
        bytes.push(0x79);
        bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn error(action: &str, kind: &str, code: &str, message: &str) -> Vec<u8> {
    if kind == CBOR {
        return cbor_error(code, message);
    }
    if kind == "text/xml" || action.starts_with("elasticloadbalancing:") {
        let code = match code {
            "UnrecognizedClientException" => "InvalidClientTokenId",
            "InvalidSignatureException" => "SignatureDoesNotMatch",
            "AccessDeniedException" | "ThrottlingException" | "ExpiredTokenException" => code.trim_end_matches("Exception"),
            other => other,
        };
        return format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>").into_bytes();
    }
    // Access errors of JSON services spell the key with a capital.
    let key = if code.starts_with("AccessDenied") { "Message" } else { "message" };
    json!({"__type": code, key: message}).to_string().into_bytes()
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").and_then(|length| length.trim().parse().ok())).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn action_of(head: &str, body: &str) -> String {
    if let Some((_, path)) = head.lines().next().unwrap_or_default().split_once("/service/GraniteServiceVersion20100801/operation/") {
        return format!("cloudwatch:{}", path.split_whitespace().next().unwrap_or("?"));
    }
    let target = head.lines().find_map(|line| line.strip_prefix("x-amz-target: ").or_else(|| line.strip_prefix("X-Amz-Target: ")));
    match target.and_then(|target| target.trim().rsplit_once('.')) {
        Some((service, operation)) if service.contains("ContainerService") => format!("ecs:{operation}"),
        Some((service, operation)) if service.contains("AnyScaleFrontend") => format!("application-autoscaling:{operation}"),
        Some((service, operation)) if service.contains("CloudTrail") => format!("cloudtrail:{operation}"),
        Some((_, operation)) => format!("logs:{operation}"),
        None if body.contains("Version=2011-06-15") => format!("sts:{}", body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or("?")),
        None => format!("elasticloadbalancing:{}", body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or("?")),
    }
}
