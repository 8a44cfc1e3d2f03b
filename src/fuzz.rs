//! Seven targets under random bytes and bent recordings, for as long as `ECS_TRACE_FUZZ_SECONDS` says: two each by default.
//!
//! What must hold stands above each. `just fuzz` runs each for ten minutes; a finding is shrunk, printed and kept in
//! `proptest-regressions/`, which every later run tries first.
#![expect(clippy::print_stderr, reason = "how much was tried is what a long run is for")]

use std::cell::Cell;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use serde_json::{Value, json};

use crate::diagnosis::actors;
use crate::diagnosis::brief::Stop;
use crate::diagnosis::event::{Event, Level, Precision, What, Witness};
use crate::diagnosis::rules::fixtures::stopped;
use crate::diagnosis::task::last_segment;
use crate::diagnosis::{Trace, trace, words};
use crate::render::clock::Clock;
use crate::render::columns::{cut, width, wrapped};
use crate::render::json::v1;
use crate::render::look::Look;
use crate::render::printable::printable;
use crate::render::sheet::Sheet;
use crate::render::{Page, html, markdown, stops as table, text};
use crate::sources::account::Account;
use crate::sources::api_calls::record::recorded;
use crate::sources::archived_events::told_around;
use crate::sources::case::Case;
use crate::sources::document::{Document, tasks_of_event};
use crate::sources::ledger::Ledger;
use crate::sources::log_lines::{MOST_CHARACTERS, RawLine, Reader, TERMINAL};
use crate::sources::target::{Place, Target};
use crate::sources::{Limits, Reach, gather, redact, task};

/// What one input may cost, in time on the processor: the machine may be busy with other things.
const MOST_TIME: Duration = Duration::from_secs(5);

fn fuzz<S: Strategy>(target: &str, inputs: S, law: impl Fn(&S::Value) -> TestCaseResult) {
    let seconds = std::env::var("ECS_TRACE_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(2.0);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let config = Config { cases: 16, max_shrink_iters: 10_000, max_shrink_time: 60_000, source_file: Some(file!()), ..Config::default() };
    let tried = Cell::new(0_u64);
    while Instant::now() < end {
        // A runner counts what it has done, and one that is done does nothing more.
        let found = TestRunner::new(config.clone()).run(&inputs, |input| {
            tried.set(tried.get() + 1);
            let began = time_used();
            law(&input)?;
            let took = time_used().saturating_sub(began);
            prop_assert!(took < MOST_TIME, "took {took:?}");
            Ok(())
        });
        if let Err(found) = found {
            panic!("{target}, after {} inputs: {found}", tried.get());
        }
    }
    eprintln!("{target}: {} inputs, no finding", tried.get());
}

#[cfg(unix)]
fn time_used() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or_default())
}

#[cfg(not(unix))]
fn time_used() -> Duration {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed()
}

// The inputs.

/// What people who mean harm write, by kind. Other tests put the same into every field.
pub(crate) static HOSTILE: LazyLock<Vec<String>> = LazyLock::new(|| {
    let listed: Vec<Value> = serde_json::from_str(include_str!("../tests/hostile.json")).expect("a list");
    listed.iter().map(|entry| entry["text"].as_str().expect("a text").to_owned()).collect()
});

/// The recorded cases, by their folders.
static CASES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases")).expect("cases");
    let mut read: Vec<(String, Vec<u8>)> = folder
        .map(|entry| {
            let path = entry.expect("a folder").path();
            (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), std::fs::read(path.join("case.json")).expect("a case"))
        })
        .collect();
    read.sort();
    read
});

/// The cases as JSON, and what is JSON inside of texts taken out of them, to be bent as well.
static DOCUMENTS: LazyLock<Vec<Value>> = LazyLock::new(|| CASES.iter().map(|(_, bytes)| unfolded(serde_json::from_slice(bytes).expect("JSON"))).collect());

/// Marks what was JSON inside of a text.
const FOLDED: &str = "\u{0}folded";

fn unfolded(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, value)| (name, unfolded(value))).collect()),
        Value::Array(items) => Value::Array(items.into_iter().map(unfolded).collect()),
        Value::String(text) if text.starts_with('{') => match serde_json::from_str::<Value>(&text) {
            Ok(inner) => json!({FOLDED: unfolded(inner)}),
            Err(_) => Value::String(text),
        },
        other => other,
    }
}

fn folded(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => match fields.remove(FOLDED) {
            Some(inner) => Value::String(folded(inner).to_string()),
            None => Value::Object(fields.into_iter().map(|(name, value)| (name, folded(value))).collect()),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(folded).collect()),
        other => other,
    }
}

/// Every text in it, in small letters: what an answer may be made of.
fn texts(value: &Value, into: &mut String) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            into.push_str(&name.to_lowercase());
            into.push('\n');
            texts(value, into);
        }),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::String(text) => {
            into.push_str(&text.to_lowercase());
            into.push('\n');
        }
        other => {
            into.push_str(&other.to_string());
            into.push('\n');
        }
    }
}

/// One change to a document that was whole.
#[derive(Debug, Clone)]
enum Bend {
    Set(Index, Value),
    Drop(Index),
    Repeat(Index, usize),
    /// One of the numbers, to be reckoned with.
    Number(Index, Value),
    /// The one gets what the other has.
    Copy(Index, Index),
}

fn bend() -> impl Strategy<Value = Bend> {
    let at = any::<Index>;
    prop_oneof![
        5 => (at(), strange()).prop_map(|(at, value)| Bend::Set(at, value)),
        2 => at().prop_map(Bend::Drop),
        1 => (at(), 2..30_usize).prop_map(|(at, times)| Bend::Repeat(at, times)),
        3 => (at(), at()).prop_map(|(to, from)| Bend::Copy(to, from)),
        4 => (at(), number()).prop_map(|(at, number)| Bend::Number(at, number)),
    ]
}

fn bent(document: &Value, bends: &[Bend]) -> Value {
    let mut document = document.clone();
    for bend in bends {
        let mut places = Vec::new();
        pointers(&document, &mut String::new(), &mut places);
        if places.is_empty() {
            break;
        }
        let place = |at: &Index| places[at.index(places.len())].as_str();
        match bend {
            Bend::Set(at, value) => *document.pointer_mut(place(at)).expect("a place") = value.clone(),
            Bend::Copy(to, from) => {
                let from = document.pointer(place(from)).cloned().unwrap_or_default();
                *document.pointer_mut(place(to)).expect("a place") = from;
            }
            Bend::Number(at, number) => {
                let numbers: Vec<&String> = places.iter().filter(|place| document.pointer(place).is_some_and(Value::is_number)).collect();
                let place = (!numbers.is_empty()).then(|| numbers[at.index(numbers.len())].clone());
                if let Some(value) = place.and_then(|place| document.pointer_mut(&place)) {
                    *value = number.clone();
                }
            }
            Bend::Drop(at) => {
                let (before, name) = place(at).rsplit_once('/').unwrap_or_default();
                match document.pointer_mut(before) {
                    Some(Value::Object(fields)) => drop(fields.remove(&name.replace("~1", "/").replace("~0", "~"))),
                    Some(Value::Array(items)) => drop(name.parse::<usize>().ok().filter(|at| *at < items.len()).map(|at| items.remove(at))),
                    _ => {}
                }
            }
            Bend::Repeat(at, times) => {
                let lists: Vec<&String> =
                    places.iter().filter(|place| document.pointer(place).is_some_and(|value| value.as_array().is_some_and(|items| !items.is_empty()))).collect();
                if let Some(Value::Array(items)) = (!lists.is_empty()).then(|| at.get(&lists)).and_then(|place| document.pointer_mut(place)) {
                    let first = items[0].clone();
                    items.extend(std::iter::repeat_n(first, *times));
                }
            }
        }
    }
    document
}

/// Every place but the whole.
fn pointers(value: &Value, at: &mut String, into: &mut Vec<String>) {
    let mut step = |name: &str, value: &Value, into: &mut Vec<String>| {
        let length = at.len();
        at.push('/');
        at.push_str(name);
        into.push(at.clone());
        pointers(value, at, into);
        at.truncate(length);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| step(&name.replace('~', "~0").replace('/', "~1"), value, into)),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, value)| step(&n.to_string(), value, into)),
        _ => {}
    }
}

fn number() -> impl Strategy<Value = Value> {
    let edges = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::from(i32::MAX), 946_684_800, 7_258_118_399_999, i64::MAX - 1, i64::MAX];
    prop_oneof![3 => prop::sample::select(edges.to_vec()).prop_map(Value::from), 1 => any::<i64>().prop_map(Value::from), 1 => any::<i32>().prop_map(Value::from), 1 => any::<f64>().prop_map(|number| json!(number))]
}

/// What AWS never sends.
fn strange() -> impl Strategy<Value = Value> {
    let times = [0.0, -1.0, 1.7e9, 1.7e12, 1e18, -62_135_596_801.0, 253_402_300_800.0, f64::MAX];
    let written = ["2026-03-03T14:00:00Z", "9999-12-31T23:59:59.999Z", "-009999-01-02T02:00:00Z", "0000-00-00T00:00:00Z", "Apr 26, 2026, 9:34:33\u{202f}PM", "137", "-1"];
    prop_oneof![
        2 => hostile().prop_map(Value::from),
        2 => "\\PC{0,40}".prop_map(Value::from),
        1 => prop::sample::select(written.to_vec()).prop_map(Value::from),
        1 => prop::sample::select(times.to_vec()).prop_map(|number| json!(number)),
        1 => any::<i64>().prop_map(Value::from),
        1 => (0..60_usize).prop_map(|depth| (0..depth).fold(Value::Null, |inner, _| json!([inner]))),
        1 => (1..4_000_usize, any::<char>()).prop_map(|(length, letter)| Value::from(letter.to_string().repeat(length))),
        2 => prop::sample::select(vec![Value::Null, json!(true), json!(""), json!([]), json!({}), json!([null]), json!([{}]), json!([""]), json!(u64::MAX), json!(i64::MIN)]),
    ]
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![3 => any::<Index>().prop_map(|at| at.get(&HOSTILE).clone()), 1 => "[\\x00-\\xff]{0,30}", 1 => prop::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter)]
}

/// One change to bytes.
#[derive(Debug, Clone)]
enum Cut {
    Flip(Index, u8),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    End(Index),
    Double(Index, usize),
}

fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    let at = any::<Index>;
    let cut = prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Cut::Flip(at, byte)),
        2 => (at(), 1..400_usize).prop_map(|(at, length)| Cut::Remove(at, length)),
        3 => (at(), hostile()).prop_map(|(at, text)| Cut::Insert(at, text.into_bytes())),
        2 => (at(), prop::sample::select(vec!["\\ud800", "\\udfff\\ud800", "\\u0000", "\"", "{", "[[[[[[[[", "1e999", "-", "}", "\u{feff}", "\\"])).prop_map(|(at, text)| Cut::Insert(at, text.into())),
        1 => at().prop_map(Cut::End),
        1 => (at(), 1..2_000_usize).prop_map(|(at, length)| Cut::Double(at, length)),
    ];
    prop::collection::vec(cut, 0..6)
}

fn cut_up(bytes: &[u8], cuts: &[Cut]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for cut in cuts {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match cut {
            Cut::Flip(at, byte) => bytes[at.index(length)] = *byte,
            Cut::Remove(at, many) => drop(bytes.drain(at.index(length)..(at.index(length) + many).min(length))),
            Cut::Insert(at, more) => drop(bytes.splice(at.index(length)..at.index(length), more.iter().copied())),
            Cut::End(at) => bytes.truncate(at.index(length)),
            Cut::Double(at, many) => {
                let piece = bytes[at.index(length)..(at.index(length) + many).min(length)].to_vec();
                drop(bytes.splice(at.index(length)..at.index(length), piece));
            }
        }
    }
    bytes
}

// What every answer must keep to.

fn page(columns: Option<usize>) -> Page {
    Page { width: columns, look: Look::plain(), clock: Clock::utc() }
}

/// Lines of plain letters, and nothing that a terminal obeys or hides.
fn is_inert(told: &str) -> TestCaseResult {
    for line in told.split('\n') {
        prop_assert_eq!(printable(line), line);
    }
    Ok(())
}

fn every_telling_is_inert(trace: &Trace) -> TestCaseResult {
    for page in [page(None), page(Some(40)), page(Some(100))] {
        for told in [text::timeline(trace, &page), text::why(trace, &page), text::who_stopped(trace, &page), text::logs(trace, &page)] {
            is_inert(&told)?;
        }
    }
    let clock = Clock::utc();
    for sheet in [Sheet::timeline(trace, &clock), Sheet::why(trace, &clock), Sheet::who_stopped(trace, &clock), Sheet::logs(trace, &clock)] {
        let (page, text) = (html::sheet(&sheet).expect("a page"), markdown::sheet(&sheet));
        is_inert(&page)?;
        is_inert(&text)?;
        holds_no_foreign_tag(&page)?;
        // Raw HTML is let through, to be seen; of its own GitHub makes links, pictures and notes.
        let mut github = comrak::Options::default();
        let knows = &mut github.extension;
        (knows.table, knows.autolink, knows.strikethrough, knows.tasklist, knows.footnotes) = (true, true, true, true, true);
        github.render.r#unsafe = true;
        holds_no_foreign_tag(&comrak::markdown_to_html(&text, &github))?;
    }
    let whole = serde_json::to_string(&v1::Document::from(trace)).expect("JSON");
    let back: Value = serde_json::from_str(&whole).expect("the same JSON");
    prop_assert_eq!(&back["schemaVersion"], &json!(1));
    // A command is one command: the shell that splits it finds no other in it.
    for command in trace.verdict.next_steps.iter().filter_map(|step| step.command.as_deref()).filter(|command| !command.starts_with("SELECT")) {
        let split = shlex::split(command);
        prop_assert!(split.as_ref().is_some_and(|split| ["aws", "ecs-trace", "docker"].contains(&split[0].as_str())), "{command}: {split:?}");
    }
    let lines = trace.timeline.lines.len();
    prop_assert!(trace.verdict.evidence.iter().all(|n| (1..=lines).contains(n)), "{:?} of {lines}", trace.verdict.evidence);
    Ok(())
}

/// Tags that our own pages have, and those that Markdown is rendered to where it holds words, tables and code alone.
const OWN_TAGS: &str = "!DOCTYPE html head meta title style body main header section footer h1 h2 h3 p ul ol li b strong em span code pre div table thead tbody tr th td time";

/// Every `<` that is no text begins one of ours; a link leads to a line of the same page.
fn holds_no_foreign_tag(page: &str) -> TestCaseResult {
    for tag in page.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap_or_default().trim_start_matches('/');
        let name = inside.split_whitespace().next().unwrap_or_default();
        let line = inside.strip_prefix("a href=\"#line-").and_then(|rest| rest.strip_suffix('"'));
        let is_link = inside == "a" || line.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()));
        prop_assert!(is_link || OWN_TAGS.split(' ').any(|own| own == name), "<{inside}>");
    }
    Ok(())
}

/// The words that names are put together with; every other word of a name stands in what was read.
const OWN_WORDS: &str = "root of account unknown an iam user a saml user federated identity center directory aws service batch step functions eventbridge scheduler \
    cloudformation codedeploy ec2 auto scaling ecs fault injection lambda systems manager codebuild codepipeline application task function instance eks pod role session \
    github actions run gitlab pipeline project job circleci bitbucket terraform cloud workspace caller policy schedule alarm redacted spot by the console and in with from \
    jenkins build azure devops buildkite spacelift internal amazon agent capacity provider";

fn invents_nobody(name: &str, known: &str) -> TestCaseResult {
    for word in name.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        prop_assert!(known.contains(word) || OWN_WORDS.split_whitespace().any(|own| own == word), "{name}: nobody wrote {word}");
    }
    Ok(())
}

fn names_nobody_else(trace: &Trace, known: &str) -> TestCaseResult {
    let by = &trace.stopped_by;
    by.actor.iter().try_for_each(|actor| invents_nobody(actor, known))?;
    by.chain.iter().filter_map(|hop| hop.actor.as_ref()).try_for_each(|actor| invents_nobody(actor, known))?;
    by.attempts.iter().try_for_each(|(_, call)| invents_nobody(&actors::describe(call).name, known))
}

fn replayed(case: Case) -> Option<Trace> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let place = Place { id: last_segment(&case.task.arn).to_owned(), cluster: Some(case.task.cluster.clone()), arn: Some(case.task.arn.clone()), ..Place::default() };
        let now = case.taken_at;
        let account = Account::replay(Arc::new(case), true, None);
        let ledger = Ledger::new(|_| ());
        let found = task::find(&account, &ledger, &Target::Task(place), None).await.ok()?;
        let reach = Reach { task: &found, account: &account, ledger: &ledger, now, redact: true, before: None, deep: true, archives: &[], trail_lake: None };
        let limits = Limits { deadline: tokio::time::Instant::now() + Duration::from_secs(60), only_logs: false };
        let (evidence, _) = gather(&reach, limits, std::future::pending()).await;
        Some(trace(evidence))
    })
}

// The targets.

/// A text is one thing or none, the same again when it is written out, and no name but a path is ever a file.
#[test]
fn target_parser() {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "arn:aws:ecs:",
            "arn:",
            "eu-west-1",
            "us-gov-east-1",
            ":123456789012:",
            "task/",
            "service/",
            "/",
            ":",
            "prod",
            "web-api",
            "https://",
            "http://",
            "eu-west-1.console.aws.amazon.com/ecs/v2/",
            "console.amazonaws.cn/",
            "clusters/",
            "services/",
            "tasks/",
            "?region=",
            "#",
            "&",
            ";",
            "=",
            "cloudwatch/home",
            "$252F",
            "%2F",
            "%25",
            "%",
            "@",
            "@latest",
            "demo:",
            "demo:out-of-memory",
            "./",
            "../",
            "~",
            "~/",
            "-",
            ".json",
            ".json.gz",
            ".gz",
            " ",
            "9ce3d7dbf27dd659235f76cf8e9ea852",
            "9CE3D7DB-F27D-D659-235F-76CF8E9EA852",
            "9f2c",
            "ab",
        ])
        .prop_map(str::to_owned),
        hostile(),
        "[0-9a-fA-F-]{1,40}",
    ];
    let inputs = prop_oneof![2 => prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat()), 1 => "\\PC{0,80}"];
    fuzz("target parser", inputs, |text| {
        let is_name = |name: &str| !name.is_empty() && !name.chars().any(|letter| letter.is_control() || letter == '/');
        let parsed = match Target::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => return is_inert(&printable(&error.to_string())),
        };
        let region = parsed.region().map(str::to_owned);
        prop_assert!(region.iter().all(|region| region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')), "{region:?}");
        let written = match &parsed {
            Target::Stdin => "-".to_owned(),
            Target::Latest => "@latest".to_owned(),
            Target::Demo(name) => format!("demo:{name}"),
            Target::File(path) => {
                let bare = text.trim();
                prop_assert!(["/", "./", "../", "~"].iter().any(|begin| bare.starts_with(begin)) || bare.ends_with(".json") || bare.ends_with(".json.gz"), "{text}");
                path.to_string_lossy().into_owned()
            }
            Target::Prefix { prefix, cluster } => {
                prop_assert!((4..=36).contains(&prefix.len()) && prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')), "{prefix}");
                cluster.iter().map(|cluster| format!("{cluster}/")).chain([prefix.clone()]).collect()
            }
            Target::Service { cluster, name, region } => {
                prop_assert!(is_name(name));
                match (region, cluster) {
                    (Some(region), Some(cluster)) => format!("arn:aws:ecs:{region}:1:service/{cluster}/{name}"),
                    (Some(region), None) => format!("arn:aws:ecs:{region}:1:service/{name}"),
                    (None, cluster) => cluster.iter().map(|cluster| format!("service/{cluster}/{name}")).next().unwrap_or_else(|| format!("service/{name}")),
                }
            }
            Target::Task(Place { arn: Some(arn), .. }) => arn.clone(),
            Target::Task(Place { id, cluster, region: Some(region), .. }) => match cluster {
                Some(cluster) => format!("https://console.aws.amazon.com/ecs/v2/clusters/{cluster}/tasks/{id}?region={region}"),
                None => format!("https://console.aws.amazon.com/x/{id}?region={region}"),
            },
            Target::Task(Place { id, cluster, .. }) => cluster.iter().map(|cluster| format!("{cluster}/")).chain([id.clone()]).collect(),
        };
        // A `~` that was read as the home folder is a path from the root now.
        if !matches!(parsed, Target::File(_)) || !text.trim().starts_with('~') {
            // A log stream leads to the same task as its id.
            let bare = |target: Target| match target {
                Target::Task(place) => Target::Task(Place { stream: None, ..place }),
                other => other,
            };
            prop_assert_eq!(Target::parse(&written).map(bare), Ok(bare(parsed)), "written as {}", written);
        }
        Ok(())
    });
}

/// Any bytes are a case or one clear line; what a bent recording tells is inert, cites lines there are, and names nobody
/// who does not stand in it.
#[test]
fn case_reader() {
    let raw = (any::<Index>(), cuts(), any::<bool>()).prop_map(|(of, cuts, packed)| (of, Vec::new(), Some((cuts, packed))));
    let whole = (any::<Index>(), prop::collection::vec(bend(), 0..6)).prop_map(|(of, bends)| (of, bends, None));
    let inputs = prop_oneof![1 => raw, 3 => whole];
    fuzz("case reader", inputs, |(of, bends, cuts)| {
        let bytes = match cuts {
            Some((cuts, false)) => cut_up(&of.get(&CASES).1, cuts),
            // The gzip data itself is damaged.
            Some((cuts, true)) => cut_up(&packed(&of.get(&CASES).1), cuts),
            None => serde_json::to_vec(&folded(bent(of.get(&DOCUMENTS), bends))).expect("JSON"),
        };
        if let Err(error) = Document::read(&bytes) {
            is_inert(&printable(&error.to_string()))?;
        }
        let case = match Case::read(&bytes) {
            Ok(case) => case,
            Err(error) => return is_inert(&printable(&error.to_string())),
        };
        let mut known = String::new();
        texts(&unfolded(serde_json::to_value(&case).expect("JSON")), &mut known);
        let written = serde_json::to_vec(&redact::case(case.clone())).expect("JSON");
        prop_assert!(Case::read(&written).is_ok(), "what was written can be read");
        if let Some(trace) = replayed(case) {
            every_telling_is_inert(&trace)?;
            names_nobody_else(&trace, &known)?;
        }
        Ok(())
    });
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).expect("memory");
    packer.finish().expect("memory")
}

/// Any JSON is a call or none; whoever it names stands in it, and what is told of it is inert.
#[test]
fn cloudtrail_document() {
    let seeds: Vec<Value> = DOCUMENTS
        .iter()
        .flat_map(|case| case["exchanges"].as_array().cloned().unwrap_or_default())
        .flat_map(|exchange| exchange["response"]["Events"].as_array().cloned().unwrap_or_default())
        .filter_map(|event| event["CloudTrailEvent"].get(FOLDED).cloned())
        .collect();
    assert!(seeds.len() > 50, "{}", seeds.len());
    let names =
        ["StopTask", "UpdateService", "AssumeRole", "AssumeRoleWithWebIdentity", "SubmitTaskStateChange", "SubmitContainerStateChange", "DeregisterTargets", "ExecuteCommand"];
    let inputs = (any::<Index>(), prop::collection::vec(bend(), 0..8), prop::option::of(prop::sample::select(names.to_vec())), any::<bool>());
    fuzz("cloudtrail document", inputs, |(of, bends, name, is_ours)| {
        let mut document = bent(of.get(&seeds), bends);
        let mut evidence = stopped("UserInitiated", "Task stopped by user", Some(143));
        if let Some(fields) = document.as_object_mut() {
            fields.extend(name.map(|name| ("eventName".to_owned(), json!(name))));
            if *is_ours {
                let at = evidence.task.times.stopping.unwrap_or_default().to_string();
                fields.extend([("eventTime".to_owned(), json!(at)), ("awsRegion".to_owned(), json!("eu-west-1")), ("recipientAccountId".to_owned(), json!("123456789012"))]);
                fields.insert("requestParameters".to_owned(), json!({"cluster": "prod", "task": evidence.task.arn, "reason": document_text(fields)}));
            }
        }
        let mut known = String::new();
        texts(&document, &mut known);
        let Some(recorded) = recorded(&document) else { return Ok(()) };
        let call = recorded.call;
        prop_assert!(known.contains(&call.event_id.to_lowercase()) && known.contains(&call.name.to_lowercase()));
        invents_nobody(&actors::describe(&call).name, &known)?;
        let _ = (actors::tool(&call), actors::place(&call));
        evidence.events.push(Event {
            at: call.time,
            precision: Precision::Second,
            witness: Witness::Cloudtrail,
            level: Level::Info,
            container: None,
            what: What::Called(Box::new(call)),
        });
        evidence.events.extend(recorded.messages.into_iter().map(|message| Event::said(message, Precision::Second)));
        let trace = trace(evidence);
        every_telling_is_inert(&trace)?;
        names_nobody_else(&trace, &known)
    });
}

/// Some text of it, to stand where a caller gives a reason.
fn document_text(fields: &serde_json::Map<String, Value>) -> Value {
    fields.values().find(|value| value.is_string()).cloned().unwrap_or_default()
}

/// Any text is an event of a task or none; the task is the one it names, and what is told of it is inert.
#[test]
fn eventbridge_event() {
    let seeds: Vec<Value> = DOCUMENTS
        .iter()
        .flat_map(|case| case["exchanges"].as_array().cloned().unwrap_or_default())
        .flat_map(|exchange| exchange["response"]["tasks"].as_array().cloned().unwrap_or_default())
        .map(|task| json!({"version": "0", "detail-type": "ECS Task State Change", "source": "aws.ecs", "account": "123456789012", "time": "2026-03-03T14:00:00Z", "region": "eu-west-1", "resources": [task["taskArn"]], "detail": task}))
        .collect();
    assert!(seeds.len() > 50, "{}", seeds.len());
    let inputs = (any::<Index>(), prop::collection::vec(bend(), 0..8), cuts());
    fuzz("eventbridge event", inputs, |(of, bends, cuts)| {
        let whole = folded(bent(of.get(&seeds), bends)).to_string();
        let event = String::from_utf8_lossy(&cut_up(whole.as_bytes(), cuts)).into_owned();
        let read = match Document::read(event.as_bytes()) {
            Ok(Document::Task(task, _)) => vec![*task],
            Ok(Document::Case(_)) => Vec::new(),
            Err(error) => {
                is_inert(&printable(&error.to_string()))?;
                Vec::new()
            }
        };
        let mut known = String::new();
        // What was pasted may begin with a mark of its encoding.
        texts(&serde_json::from_str(event.trim_start_matches('\u{feff}')).unwrap_or_default(), &mut known);
        let now = Timestamp::from_second(1_790_000_000).expect("a time");
        for task in read.into_iter().chain(tasks_of_event(&event)) {
            prop_assert!(known.contains(&task.arn.to_lowercase()) && task.arn.ends_with(&task.id), "{}", task.arn);
            prop_assert!(task.region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{}", task.region);
            let stop = Stop::of(task, now);
            every_telling_is_inert(&stop.trace)?;
            names_nobody_else(&stop.trace, &known)?;
            for page in [page(None), page(Some(60)), page(Some(200))] {
                is_inert(&table::table(std::slice::from_ref(&stop), now, &page))?;
            }
        }
        Ok(())
    });
}

/// What an archive keeps of service, deployments and host is inert, and of the task's own time; a verdict cites it or not.
#[test]
fn archived_service_event() {
    let evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(143));
    let (task, stop) = (evidence.task.clone(), evidence.task.stop_anchor().expect("a stop"));
    let head = format!("arn:aws:ecs:{}:{}", task.region, task.account);
    let own = task.started_by.clone().unwrap_or_default();
    let event = |kind: &str, at: i64, detail: Value| {
        let at = (stop + jiff::SignedDuration::from_secs(at)).to_string();
        let mut detail = detail;
        detail["updatedAt"] = json!(at);
        detail["createdAt"] = json!(at);
        let service = format!("{head}:service/{}/{}", task.cluster, task.service.as_deref().unwrap_or_default());
        json!({"id": at, "detail-type": kind, "source": "aws.ecs", "time": at, "resources": [service], "detail": detail})
    };
    let turned = |at: i64, name: &str, id: &str, reason: &str| {
        event("ECS Deployment State Change", at, json!({"eventName": format!("SERVICE_DEPLOYMENT_{name}"), "deploymentId": id, "reason": reason}))
    };
    let mut host = task.clone();
    host.container_instance_arn = Some(format!("{head}:container-instance/{}/c1", task.cluster));
    let seeds = [
        turned(-900, "IN_PROGRESS", &own, "ECS deployment in progress."),
        turned(-20, "FAILED", &own, "ECS deployment circuit breaker: tasks failed to start."),
        turned(-10, "IN_PROGRESS", "ecs-svc/2", "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/2."),
        turned(30, "COMPLETED", "ecs-svc/2", "ECS deployment completed."),
        event("ECS Service Action", -60, json!({"eventName": "SERVICE_TASK_PLACEMENT_FAILURE", "reason": "RESOURCE:CPU", "containerInstanceArns": [host.container_instance_arn]})),
        event(
            "ECS Container Instance State Change",
            -30,
            json!({"containerInstanceArn": host.container_instance_arn, "ec2InstanceId": "i-0abc", "status": "DRAINING", "version": 3}),
        ),
    ];
    let inputs = prop::collection::vec((any::<Index>(), prop::collection::vec(bend(), 0..4)), 0..8);
    fuzz("archived service event", inputs, |picked| {
        let events = picked.iter().map(|(of, bends)| folded(bent(of.get(&seeds), bends)));
        let (archived, lines) = told_around(events, &host, stop);
        let is_near = |at: Timestamp| (at.as_second() - stop.as_second()).abs() <= 24 * 3600 + 1;
        prop_assert!(lines.iter().all(|line| is_near(line.at) && line.witness == Witness::Archive));
        prop_assert!(archived.deployments.iter().all(|deployment| !deployment.arn.is_empty() && deployment.created_at.is_none_or(is_near)));
        let mut evidence = evidence.clone();
        evidence.task = host.clone();
        evidence.service_deployments = archived.deployments;
        evidence.host = archived.host;
        evidence.events.extend(lines);
        every_telling_is_inert(&trace(evidence))
    });
}

/// No line is made up or grows beyond its bound, memory runs out only where a line says so, and what was redacted once is
/// redacted.
#[test]
fn log_line_classifier() {
    let seeds: Vec<String> = DOCUMENTS
        .iter()
        .flat_map(|case| case["exchanges"].as_array().cloned().unwrap_or_default())
        .flat_map(|exchange| exchange["response"]["events"].as_array().cloned().unwrap_or_default())
        .filter_map(|event| folded(event["message"].clone()).as_str().map(str::to_owned))
        .collect();
    assert!(seeds.len() > 50, "{}", seeds.len());
    let begin = prop::sample::select(vec![
        "",
        "\tat ",
        "  File \"",
        "Caused by: ",
        "Traceback (most recent call last):",
        "During handling of",
        "thread 'main' panicked at ",
        "goroutine 1 [running]:",
        "panic: ",
        "/app/x.js:10",
        "    ^",
        "Node.js v22",
        "{\"level\":\"error\",\"msg\":\"",
        "{\"level\":50,\"err\":{\"message\":\"",
        "E0303 14:00:00 ",
        "[ERROR] ",
        "level=warn ",
        "2026-03-03T14:00:00Z error: ",
        "password=",
        "Authorization: Bearer ",
        "--token ",
        "postgres://a:",
        "-----BEGIN PRIVATE KEY-----",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOi.eyJzdWIiOi.",
        "\u{1b}[31m",
        "\u{1b}]8;;",
        "\u{1b}P",
    ]);
    let seed = any::<Index>().prop_map(move |at| at.get(&seeds).clone());
    let line = prop_oneof![
        10 => (begin, prop_oneof![hostile(), "\\PC{0,60}", "[ -~]{0,60}"]).prop_map(|(begin, rest)| format!("{begin}{rest}")),
        10 => (seed, cuts()).prop_map(|(seed, cuts)| String::from_utf8_lossy(&cut_up(seed.as_bytes(), &cuts)).into_owned()),
        1 => (hostile(), 1..800_usize).prop_map(|(piece, times)| piece.repeat(times)),
    ];
    let later = prop_oneof![9 => 0..20_000_i64, 1 => any::<i64>()];
    let inputs = prop::collection::vec((line, later), 0..12);
    fuzz("log-line classifier", inputs, |lines| {
        let mut at = 0;
        let mut told = Vec::new();
        let mut reader = Reader::new(|statement| told.push(statement));
        let mut said = String::new();
        for (line, later) in lines {
            at = later.checked_add(at).unwrap_or(*later);
            let clean = redact::log_message(line);
            prop_assert_eq!(redact::log_message(&clean), clean.clone(), "redacted twice: {}", line);
            reader.read(&RawLine { at, text: clean.clone() });
            // A sequence that does not end in its line takes nothing of the next.
            said.push_str(&TERMINAL.replace_all(&clean, ""));
            said.push('\n');
        }
        reader.finish();
        prop_assert!(told.len() <= said.lines().count());
        let says_memory = ["emory", "bad_alloc", "ENOMEM", "heap limit", "\\u"].iter().any(|word| said.contains(word));
        for statement in &told {
            prop_assert!(statement.text.chars().count() <= 2 * MOST_CHARACTERS + 3, "{} letters", statement.text.chars().count());
            prop_assert!(!statement.out_of_memory || says_memory, "{}", statement.text);
            is_inert(&printable(&statement.text))?;
        }
        Ok(())
    });
}

/// Nothing that is shown is obeyed, hidden or wider than asked; a quoted word is one word to a shell.
#[test]
fn what_is_printable() {
    let letters = prop::collection::vec(
        prop_oneof![
            any::<char>(),
            prop::char::range('\0', '\u{ff}'),
            prop::char::range('\u{300}', '\u{36f}'),
            prop::char::range('\u{2000}', '\u{206f}'),
            prop::char::range('\u{e0000}', '\u{e01ff}'),
            prop::char::range('\u{fe00}', '\u{ffff}')
        ],
        0..200,
    );
    let inputs = prop_oneof![2 => letters.prop_map(String::from_iter), 2 => prop::collection::vec(hostile(), 0..6).prop_map(|pieces| pieces.concat()), 1 => (hostile(), 0..500_usize).prop_map(|(piece, times)| piece.repeat(times))];
    fuzz("printable", (inputs, 1..150_usize), |(text, columns)| {
        let shown = printable(text);
        prop_assert!(!shown.chars().any(char::is_control), "{shown}");
        prop_assert!(
            !shown.contains([
                '\u{200b}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}', '\u{feff}', '\u{061c}'
            ]),
            "{shown}"
        );
        prop_assert_eq!(printable(&shown), shown.clone());
        prop_assert!(shown.len() <= 10 * text.len());
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            prop_assert_eq!(shown.as_ref(), text.as_str());
        }
        prop_assert!(width(&cut(&shown, *columns)) <= (*columns).max(1));
        for line in wrapped(&shown, *columns) {
            prop_assert!(width(&line) <= (*columns).max(10), "{line:?} in {columns}");
            prop_assert_eq!(printable(&line), line.clone());
        }
        if !text.contains('\0') {
            prop_assert_eq!(shlex::split(&format!("x {}", words::shell(text))), Some(vec!["x".to_owned(), text.clone()]));
        }
        Ok(())
    });
}
