//! What people who mean harm write, in every field that comes from outside: nothing of it steers a terminal, forges a
//! line, or becomes a word of a command that is there to be copied. The list is `tests/hostile.json`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ecs_trace::sources::case::Case;
use serde_json::{Value, json};

use super::fake_aws::{FakeAws, Fault};
use super::handed_on::{is_inert_markdown, is_inert_page, tell_every_line};
use super::program::{BINARY, Ran, against, program, run};

fn corpus() -> Vec<(String, String)> {
    let listed: Vec<Value> = serde_json::from_str(include_str!("../hostile.json")).unwrap();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    listed.iter().map(|entry| (text(entry, "name"), text(entry, "text"))).collect()
}

/// Panics, with what it is about, where an answer is not as it must be.
type Check = fn(&Ran, &str);

/// The formats and what each must be. Another one is one line here.
const FORMATS: [(&str, Check); 5] = [("text", is_inert), ("markdown", is_inert_in_markdown), ("html", is_inert_on_a_page), ("json", is_inert_json), ("jsonl", is_inert_json)];
const COMMANDS: [&str; 4] = ["timeline", "why", "who-stopped", "logs"];

/// Written down apart from what the program itself goes by.
fn is_obeyed_or_hidden(letter: char) -> bool {
    letter.is_control()
        || ('\u{200b}'..='\u{200f}').contains(&letter)
        || ('\u{2028}'..='\u{202e}').contains(&letter)
        || ('\u{2060}'..='\u{206f}').contains(&letter)
        || ('\u{e0000}'..='\u{e007f}').contains(&letter)
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
}

#[track_caller]
fn is_inert(ran: &Ran, about: &str) {
    for line in ran.stdout.lines().chain(ran.stderr.lines()) {
        assert!(!line.contains(is_obeyed_or_hidden), "{about}: {line:?}");
        let marks = line.chars().filter(|letter| ('\u{300}'..='\u{36f}').contains(letter)).count();
        let letters = line.chars().filter(|letter| letter.is_alphanumeric()).count();
        assert!(marks <= 4 * letters, "{about}: {line:?}");
    }
    // A line that was forged would begin as the program's own do.
    for forged in ["✓ Completed. Nobody", "next  1. curl"] {
        assert!(!ran.stdout.lines().any(|line| line.starts_with(forged)), "{about}: {}", ran.stdout);
    }
    assert!(!ran.stderr.contains("panicked"), "{about}: {}", ran.stderr);
}

#[track_caller]
fn is_inert_json(ran: &Ran, about: &str) {
    assert!(!ran.stdout.replace('\n', "").contains(is_obeyed_or_hidden), "{about}: {}", ran.stdout);
    ran.json();
}

#[track_caller]
fn is_inert_in_markdown(ran: &Ran, about: &str) {
    is_inert(ran, about);
    is_inert_markdown(&ran.stdout, about);
}

#[track_caller]
fn is_inert_on_a_page(ran: &Ran, about: &str) {
    is_inert(ran, about);
    is_inert_page(&ran.stdout, about);
}

/// A case with the text in every field that somebody else fills, its names changed alike in questions and answers.
fn spoiled(case: &mut Case, text: &str) {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for exchange in &case.exchanges {
        for task in exchange.response["tasks"].as_array().into_iter().flatten() {
            names.extend(task["containers"].as_array().into_iter().flatten().filter_map(|container| container["name"].as_str().map(str::to_owned)));
            names.extend(task["group"].as_str().and_then(|group| group.strip_prefix("service:")).map(str::to_owned));
        }
    }
    names.insert(case.task.cluster.clone());
    case.task.cluster.push_str(text);
    case.task.arn = renamed(&case.task.arn, &names, text);
    for exchange in &mut case.exchanges {
        rename(&mut exchange.request, &names, text);
        if !exchange.is_binary() {
            rename(&mut exchange.response, &names, text);
            spoil(&mut exchange.response, text);
        }
    }
}

/// The names wherever they are a part of a path, an ARN or a group.
fn renamed(value: &str, names: &BTreeSet<String>, text: &str) -> String {
    value
        .split_inclusive(['/', ':'])
        .map(|part| {
            let bare = part.trim_end_matches(['/', ':']);
            if names.contains(bare) { format!("{bare}{text}{}", &part[bare.len()..]) } else { part.to_owned() }
        })
        .collect()
}

fn rename(value: &mut Value, names: &BTreeSet<String>, text: &str) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| match value {
            Value::String(record) if name == "CloudTrailEvent" => {
                let mut inner: Value = serde_json::from_str(record).unwrap();
                rename(&mut inner, names, text);
                *record = inner.to_string();
            }
            value => rename(value, names, text),
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names, text)),
        Value::String(told) => *told = renamed(told, names, text),
        _ => {}
    }
}

/// What is nobody's free text: without it the answers would be no answers.
const KEPT: [&str; 34] = [
    "eventID",
    "eventName",
    "eventTime",
    "eventSource",
    "awsRegion",
    "recipientAccountId",
    "accountId",
    "type",
    "EventId",
    "EventName",
    "lastStatus",
    "desiredStatus",
    "stopCode",
    "launchType",
    "status",
    "nextToken",
    "NextToken",
    "nextForwardToken",
    "nextBackwardToken",
    "taskArn",
    "clusterArn",
    "task",
    "cluster",
    "containerName",
    "logDriver",
    "awslogs-group",
    "awslogs-region",
    "awslogs-stream-prefix",
    "id",
    "createdAt",
    "updatedAt",
    "rolloutState",
    "essential",
    "StatusCode",
];

fn spoil(value: &mut Value, text: &str) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| match value {
            Value::String(record) if name == "CloudTrailEvent" => {
                let mut inner: Value = serde_json::from_str(record).unwrap();
                spoil(&mut inner, text);
                *record = inner.to_string();
            }
            Value::String(told) if KEPT.contains(&name.as_str()) || told.starts_with("arn:") || told.parse::<jiff::Timestamp>().is_ok() || told.contains(text) => {}
            Value::String(told) => told.push_str(text),
            value if !name.ends_with("At") => spoil(value, text),
            _ => {}
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| match item {
            Value::String(_) => {}
            item => spoil(item, text),
        }),
        // A load balancer answers in XML, which has no place for control characters.
        Value::String(body) if body.contains("<Description>") && !text.contains(char::is_control) => {
            let plain = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            *body = body.replace("</Description>", &format!("{plain}</Description>"));
        }
        _ => {}
    }
}

fn read(name: &str) -> Case {
    Case::read(&std::fs::read(format!("{}/tests/cases/{name}/case.json", env!("CARGO_MANIFEST_DIR"))).unwrap()).unwrap()
}

fn case_names() -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(format!("{}/tests/cases", env!("CARGO_MANIFEST_DIR"))).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// All in parallel, two at a time.
fn side_by_side<T: Sync>(items: &[T], each: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        let (each, halves) = (&each, items.chunks(items.len().div_ceil(2)));
        halves.map(|half| scope.spawn(move || half.iter().for_each(each))).collect::<Vec<_>>().into_iter().for_each(|half| half.join().unwrap());
    });
}

#[test]
fn in_every_field_of_every_answer_it_is_inert_in_every_format_and_kept_in_json() {
    let folder = tempfile::tempdir().unwrap();
    // Every second case gets one of the texts: between them they have every kind of answer.
    let (corpus, names) = (corpus(), case_names());
    assert!(names.len() >= corpus.len());
    let pairs: Vec<(&String, &(String, String))> = corpus.iter().enumerate().map(|(at, text)| (&names[at * 2 % names.len()], text)).collect();
    side_by_side(&pairs, |(name, (about, text))| {
        let mut case = read(name);
        spoiled(&mut case, text);
        let file = folder.path().join(format!("{name}.json"));
        std::fs::write(&file, serde_json::to_vec(&case).unwrap()).unwrap();
        let about = format!("{name}, {about}");
        for command in COMMANDS {
            // What is in one command's document is in all of them.
            let formats = FORMATS.into_iter().filter(|(format, _)| command == "timeline" || !format.starts_with("json"));
            let (mut markdown, mut page) = (Vec::new(), Vec::new());
            for (format, is_as_it_must_be) in formats {
                let columns = if command == "why" { "60" } else { "110" };
                let ran = run(program(&[command, file.to_str().unwrap(), "-o", format]).env("COLUMNS", columns)).code(&[0, 3]);
                is_as_it_must_be(&ran, &about);
                match format {
                    "markdown" => markdown = is_inert_markdown(&ran.stdout, &about),
                    "html" => page = is_inert_page(&ran.stdout, &about),
                    _ => {}
                }
                if format == "json" {
                    let document = ran.json();
                    tell_every_line(&document, &markdown, &page, &about);
                    let cluster = document["task"]["cluster"].as_str().unwrap();
                    assert!(cluster.ends_with(text.rsplit('/').next().unwrap()), "{about}: as it was written, {cluster:?}");
                }
            }
        }
    });
}

/// What a real shell makes of a command: its words, none of them run.
fn words_in(shell: &str, command: &str, folder: &Path) -> Vec<String> {
    let script = format!("printf '%s\\0' {command}");
    let output = Command::new(shell).args(["-c", &script]).current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {command}\n{}", String::from_utf8_lossy(&output.stderr));
    let words = String::from_utf8(output.stdout).unwrap();
    words.split_terminator('\0').map(str::to_owned).collect()
}

/// The shells that are here; sh and bash always are.
fn shells() -> Vec<&'static str> {
    let is_here = |shell: &&str| Command::new(shell).args(["-c", "exit 0"]).status().is_ok_and(|status| status.success());
    let here: Vec<&str> = ["sh", "bash", "zsh", "fish"].into_iter().filter(is_here).collect();
    assert!(here.starts_with(&["sh", "bash"]), "{here:?}");
    here
}

fn options_in(words: &[String]) -> BTreeSet<String> {
    words.iter().filter(|word| word.starts_with('-')).map(|word| word.split('=').next().unwrap().to_owned()).collect()
}

#[test]
fn a_command_there_to_be_copied_has_the_same_words_in_every_shell_and_no_option_of_somebody_elses() {
    let (folder, shells) = (tempfile::tempdir().unwrap(), shells());
    let tempting: Vec<(String, String)> = corpus()
        .into_iter()
        .filter(|(about, _)| {
            [
                "substitution",
                "single quotes",
                "double quotes",
                "backslashes",
                "operators",
                "globs",
                "newlines",
                "quotes of others",
                "option",
                "short option",
                "csi clear",
                "bidi override",
            ]
            .contains(&about.as_str())
        })
        .collect();
    assert_eq!(tempting.len(), 12);
    let names = case_names();
    let jobs: Vec<(&String, &(String, String))> = names.iter().enumerate().map(|(at, name)| (name, &tempting[at % tempting.len()])).collect();
    let commands = |ran: &Ran| -> Vec<String> {
        let steps = ran.json()["verdict"]["nextSteps"].as_array().cloned().unwrap_or_default();
        steps.iter().filter_map(|step| step["command"].as_str().filter(|command| !command.starts_with("SELECT")).map(str::to_owned)).collect()
    };
    // Every option that a command has where nobody means harm.
    let harmless = std::sync::Mutex::new(BTreeSet::new());
    side_by_side(&names, |name| {
        let file = format!("{}/tests/cases/{name}/case.json", env!("CARGO_MANIFEST_DIR"));
        let told = run(&mut program(&["why", &file, "-o", "json"])).code(&[0, 3]);
        harmless.lock().unwrap().extend(commands(&told).iter().flat_map(|command| options_in(&shlex::split(command).unwrap())));
    });
    let harmless = harmless.into_inner().unwrap();
    let seen = std::sync::atomic::AtomicUsize::new(0);
    side_by_side(&jobs, |(name, (about, text))| {
        let file = folder.path().join(format!("{name}-{about}.json"));
        let tell = |case: &Case, more: &[&str]| {
            std::fs::write(&file, serde_json::to_vec(case).unwrap()).unwrap();
            // By its own path a case would be suggested again: what counts here is the suggested place.
            run(program(&[&["why", file.to_str().unwrap()], more].concat()).current_dir(folder.path())).code(&[0, 3])
        };
        let mut case = read(name);
        spoiled(&mut case, text);
        let told = tell(&case, &[]);
        let raw = commands(&tell(&case, &["-o", "json"]));
        // As JSON has it, to be run by a program, and as a person copies it from the screen.
        let shown: Vec<String> =
            told.stdout.lines().map(str::trim_start).filter(|line| ["aws ", "ecs-trace ", "docker "].iter().any(|begin| line.starts_with(begin))).map(str::to_owned).collect();
        assert!(shown.len() >= raw.len(), "{name}, {about}: {shown:?} {raw:?}");
        for command in raw.iter().chain(&shown) {
            let words = shlex::split(command).unwrap_or_else(|| panic!("{name}, {about}: {command}"));
            for shell in &shells {
                assert_eq!(words_in(shell, command, folder.path()), words, "{shell}, {name}, {about}: {command}");
            }
            // What a witness that was not heard makes us add, whatever the names are.
            const OURS: [&str; 3] = ["--", "--timeout", "--wait"];
            let strangers: Vec<String> = options_in(&words).difference(&harmless).filter(|option| !OURS.contains(&option.as_str())).cloned().collect();
            assert!(strangers.is_empty(), "{name}, {about}: {strangers:?} in {command}");
            seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    assert!(seen.into_inner() > 150, "commands were looked at");
    assert!(!folder.path().join("PWNED").exists());
}

#[test]
fn in_lists_and_in_awss_own_errors_it_is_inert() {
    let corpus: Vec<(usize, (String, String))> = corpus().into_iter().enumerate().collect();
    side_by_side(&corpus, |(at, (about, text))| {
        let aws = FakeAws::changed("others-stopped", &[], Duration::ZERO, |case| {
            for exchange in case.exchanges.iter_mut().filter(|exchange| exchange.action == "ecs:DescribeTasks") {
                spoil(&mut exchange.response, text);
            }
        });
        let lists: [&[&str]; 8] = [
            &["stops", "-o", "text"],
            &["stops", "--by", "service"],
            &["stops", "-o", "json"],
            &["stops", "-o", "jsonl"],
            &["stops", "-o", "markdown"],
            &["stops", "--by", "service", "-o", "markdown"],
            &["stops", "-o", "html"],
            &["stops", "--by", "cause", "-o", "html"],
        ];
        for arguments in lists {
            let ran = run(against(&aws, arguments).env("COLUMNS", "100")).code(&[0, 3]);
            let columns = if arguments.contains(&"--by") { 5 } else { 7 };
            if arguments.contains(&"markdown") {
                let found = is_inert_markdown(&ran.stdout, about);
                assert_eq!(found.iter().filter(|element| element.name == "td").count() % columns, 0, "{about}");
            }
            if arguments.contains(&"html") {
                let found = is_inert_page(&ran.stdout, about);
                assert_eq!(found.iter().filter(|element| element.name == "td").count() % (columns - 1), 0, "{about}");
            }
            let is_text = !arguments.iter().any(|word| word.starts_with("json"));
            is_inert(&Ran { stdout: if is_text { ran.stdout.clone() } else { ran.stdout.replace('\n', "") }, ..ran }, about);
        }
        // An error's text, and its code, are whatever the far end says.
        let body: &'static str = json!({"__type": format!("AccessDeniedException{text}"), "message": format!("User: arn:aws:sts::1:assumed-role/x is not authorized to perform: ecs:DescribeTasks on resource: {text}"), "Message": text}).to_string().leak();
        let aws =
            FakeAws::with("app-error", &[("ecs:*", Fault::Answers(400, body)), ("logs:*", Fault::Answers(400, body)), ("cloudtrail:*", Fault::Answers(500, body))], Duration::ZERO);
        let why = ["why", aws.task_arn.as_str(), "-v"];
        let each = [why.as_slice(), &["stops", "-v"], &["archive", "status"], &["doctor"]];
        // A check-up asks a good deal; some of the texts are enough for it.
        for arguments in each.into_iter().take(if at % 4 == 0 { 4 } else { 2 }) {
            let ran = run(against(&aws, arguments).env("COLUMNS", "90").env("AWS_MAX_ATTEMPTS", "1"));
            assert!([3, 4, 254, 255].contains(&ran.code), "{about}, {arguments:?}: {ran:?}");
            is_inert(&ran, about);
        }
        if at % 8 == 0 {
            let json = run(against(&aws, &["doctor", "-o", "json"]).env("AWS_MAX_ATTEMPTS", "1"));
            serde_json::from_str::<Value>(&json.stdout).unwrap();
            is_inert(&json, about);
        }
    });
}

#[test]
fn in_what_is_typed_in_files_and_in_their_names_it_is_inert() {
    let corpus = corpus();
    side_by_side(&corpus, |(about, text)| {
        let home = tempfile::tempdir().unwrap();
        let here = |arguments: &[&str]| {
            let mut command = program(arguments);
            command.current_dir(home.path()).env("XDG_CONFIG_HOME", home.path().join("config"));
            command
        };
        // Names no argument and no file may have are nobody's.
        if !text.contains('\0') {
            for arguments in [
                vec!["why", text],
                vec!["stops", text, "-r", "eu-west-1"],
                vec!["explain", text],
                vec!["why", "9f2c", "--color", text],
                vec!["why", "9f2c", "-o", "json", "--query", text],
                vec!["why", "9f2c", "-r", text],
                vec![text],
            ] {
                let ran = run(&mut here(&arguments));
                assert!(ran.code != 101 && ran.code != -1, "{about}: {ran:?}");
                is_inert(&ran, about);
            }
            let ran = run(here(&["why", "9f2c", "-p", text]).env("AWS_REGION", "eu-west-1")).code(&[252, 253]);
            is_inert(&ran, about);
            if !text.contains('/') {
                let name = format!("{text}.json");
                std::fs::write(home.path().join(&name), serde_json::to_vec(&read("out-of-memory")).unwrap()).unwrap();
                let ran = run(&mut here(&["timeline", &format!("./{name}")])).code(&[0]);
                is_inert(&ran, about);
                // What `save` says to type next is the file it wrote.
                let saved = run(&mut here(&["save", "--", "demo:out-of-memory", &name])).code(&[0]);
                is_inert(&saved, about);
                let (_, next) = saved.stderr.trim_end().rsplit_once("replay: ").unwrap();
                let words = words_in("sh", next, home.path());
                assert_eq!(words.len(), 3, "{about}: {next}");
                if !text.contains(is_obeyed_or_hidden) && !text.contains("\u{305}\u{306}") && !text.contains("\u{fe0f}\u{fe0f}") {
                    assert_eq!(words[2], format!("./{name}"), "{about}");
                }
                std::fs::write(home.path().join(&name), text).unwrap();
                is_inert(&run(&mut here(&["timeline", &format!("./{name}")])).code(&[252]), about);
            }
        }
        std::fs::create_dir(home.path().join("config")).unwrap();
        std::fs::create_dir(home.path().join("config/ecs-trace")).unwrap();
        let quoted = serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f");
        for config in [
            format!("cluster = {quoted}\n"),
            format!("{quoted} = 1\n"),
            format!("color = {quoted}\n"),
            format!("[profile.{quoted}]\ncluster = {quoted}\nx = {quoted}\n"),
            text.clone(),
        ] {
            std::fs::write(home.path().join("config/ecs-trace/config.toml"), config).unwrap();
            for arguments in [["config"].as_slice(), &["config", "-o", "json"]] {
                let ran = run(&mut here(arguments));
                assert!([0, 252].contains(&ran.code), "{about}: {ran:?}");
                is_inert(&ran, about);
            }
        }
    });
}

#[test]
fn half_a_surrogate_is_a_clear_line_or_a_gap_and_never_a_letter() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("half.json");
    let text = std::fs::read_to_string(format!("{}/tests/cases/app-error/case.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for half in ["\\ud800", "\\udfff", "\\ud800\\u0041", "\\ude00\\ud83d", "\\ud83d\""] {
        std::fs::write(&file, text.replacen("Essential container", &format!("{half}Essential container"), 1)).unwrap();
        let ran = run(&mut program(&["timeline", file.to_str().unwrap()])).code(&[252]);
        assert!(ran.stdout.is_empty() && ran.stderr.lines().count() == 1, "{}", ran.stderr);
        is_inert(&ran, half);
        let body: &'static str = format!("{{\"events\":[{{\"timestamp\":1,\"message\":\"{half}x\"}}],\"Events\":[{{\"EventId\":\"{half}\"}}]}}").leak();
        let aws = FakeAws::with("app-error", &[("logs:GetLogEvents", Fault::Answers(200, body)), ("cloudtrail:LookupEvents", Fault::Answers(200, body))], Duration::ZERO);
        let ran = run(&mut against(&aws, &["timeline", aws.task_arn.as_str(), "-o", "json"])).code(&[0, 3]);
        let document = ran.json();
        assert!(!document.to_string().contains('\u{fffd}') || document["sources"].to_string().contains("failed"), "{document}");
    }
    // Inside a record, it is a record that cannot be read.
    let mut case = read("stopped-by-sso-user");
    for exchange in case.exchanges.iter_mut().filter(|exchange| exchange.action == "cloudtrail:LookupEvents") {
        for event in exchange.response["Events"].as_array_mut().into_iter().flatten() {
            event["CloudTrailEvent"] = json!(event["CloudTrailEvent"].as_str().unwrap().replacen('{', "{\"x\":\"\\ud800\",", 1));
        }
    }
    std::fs::write(&file, serde_json::to_vec(&case).unwrap()).unwrap();
    let told = run(&mut program(&["who-stopped", file.to_str().unwrap(), "-o", "json"])).code(&[0, 3]).json();
    assert!(told["stoppedBy"]["actor"].is_null() && told["stoppedBy"]["status"] != "nobody", "{}", told["stoppedBy"]);
}

/// In 900 MB of addresses, of which a debug build takes 530 for itself, and 15 seconds of the processor's time, of which a debug build needs twenty times as much.
fn within_bounds(arguments: &[&str]) -> Ran {
    let plain = program(arguments);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -v 900000; ulimit -t 15; exec \"$0\" \"$@\"", BINARY])
        .args(arguments)
        .env_clear()
        .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if cfg!(target_os = "linux") { run(&mut command) } else { run(&mut { plain }) }
}

#[test]
fn a_megabyte_in_one_line_and_five_in_one_answer_cost_a_moment_and_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.json");
    let floods = [
        "x".repeat(1 << 20),
        "\u{1b}[31m".repeat(200_000),
        "Z\u{301}".repeat(300_000),
        "password=".repeat(110_000),
        "{\"a\":".repeat(200_000),
        " ".repeat(1 << 20),
        "a\n".repeat(500_000),
        "\u{1b}]8;;".repeat(200_000),
        "(((((a:".repeat(150_000),
    ];
    for flood in &floods {
        let mut case = read("app-error");
        for exchange in &mut case.exchanges {
            if let Some(events) = exchange.response.get_mut("events").and_then(Value::as_array_mut).filter(|events| !events.is_empty()) {
                let last = events.last().unwrap().clone();
                events[0]["message"] = json!(flood);
                events.push(last);
            }
            if exchange.action == "ecs:DescribeTasks" {
                exchange.response["tasks"][0]["containers"][0]["image"] = json!(flood);
            }
        }
        std::fs::write(&file, serde_json::to_vec(&case).unwrap()).unwrap();
        let ran = within_bounds(&["timeline", file.to_str().unwrap()]).code(&[0, 3]);
        let about: String = flood.chars().take(12).collect();
        assert!(ran.stdout.len() < 64 << 10, "{about:?}: {} bytes", ran.stdout.len());
        is_inert(&ran, &about);
    }
    // Five megabytes of ordinary lines.
    let mut case = read("app-error");
    for exchange in &mut case.exchanges {
        if let Some(events) = exchange.response.get_mut("events").and_then(Value::as_array_mut).filter(|events| !events.is_empty()) {
            let first = events[0].clone();
            let more = (0..30_000)
                .map(|n| json!({"timestamp": first["timestamp"], "ingestionTime": first["timestamp"], "message": format!("GET /health/{n} 200 {}", "abcdefgh ".repeat(15))}));
            let more: Vec<Value> = more.collect();
            drop(events.splice(0..0, more));
        }
    }
    let bytes = serde_json::to_vec(&case).unwrap();
    assert!(bytes.len() > 5 << 20, "{}", bytes.len());
    std::fs::write(&file, bytes).unwrap();
    let ran = within_bounds(&["timeline", file.to_str().unwrap()]).code(&[0, 3]);
    assert!(ran.stdout.len() < 64 << 10 && ran.stdout.contains("exited"), "{}", ran.stdout.len());
}
