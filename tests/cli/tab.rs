//! TAB: the completion protocol, without a shell. The shells themselves are driven in tests/real.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ecs_trace::sources::case::Case;
use serde_json::json;

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, program, run};

/// Longer than a TAB may take: a debug build on a busy machine starts slowly.
const COLD: Duration = Duration::from_millis(400);

fn press(command: &mut Command, shell: &str, words: &[&str]) -> Vec<String> {
    command.env("ECS_TRACE_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    command.args([["--", "ecs-trace"].as_slice(), words].concat());
    let ran = run(command).code(&[0]);
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    ran.stdout.lines().map(str::to_owned).collect()
}

/// Offline, without a home to remember anything in.
fn offered(words: &[&str]) -> Vec<String> {
    press(program(&[]).env_remove("HOME"), "bash", words)
}

/// One user with a memory of their own, in front of a fake AWS.
struct User<'a> {
    aws: &'a FakeAws,
    cache: tempfile::TempDir,
}

impl<'a> User<'a> {
    fn of(aws: &'a FakeAws) -> Self {
        Self { aws, cache: tempfile::tempdir().unwrap() }
    }

    fn command(&self) -> Command {
        let mut command = against(self.aws, &[]);
        command.env("XDG_CACHE_HOME", self.cache.path());
        command
    }

    fn command_at(&self, url: &str) -> Command {
        let mut command = self.command();
        command.env("AWS_ENDPOINT_URL", url);
        command
    }

    fn tab(&self, words: &[&str]) -> Vec<String> {
        press(&mut self.command(), "fish", words)
    }

    /// The same once a child had the time to ask, however slow the machine is.
    fn tab_when_known(&self, words: &[&str], wanted: &str) -> Vec<String> {
        self.until_known(&|| self.command(), words, wanted)
    }

    fn until_known(&self, command: &dyn Fn() -> Command, words: &[&str], wanted: &str) -> Vec<String> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let offered = press(&mut command(), "fish", words);
            if offered.iter().any(|line| line.starts_with(wanted)) {
                self.wait_for_the_child();
                return offered;
            }
            assert!(Instant::now() < end, "{words:?}: {wanted} never came: {offered:?}\n{:?}", self.aws.journal());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn kept(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.cache.path().join("ecs-trace")).into_iter().flatten().flatten();
        files.map(|entry| entry.path()).collect()
    }

    fn child_is_at_work(&self) -> bool {
        self.kept().iter().any(|path| path.extension().is_some_and(|extension| extension == "turn"))
    }

    fn wait_for_the_child(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while self.child_is_at_work() {
            assert!(Instant::now() < end, "a child outlives its bound");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn processes_of(cache: &Path) -> usize {
    let wanted = format!("XDG_CACHE_HOME={}\0", cache.display());
    let environments = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| std::fs::read(entry.path().join("environ")).ok());
    environments.filter(|bytes| String::from_utf8_lossy(bytes).contains(&wanted)).count()
}

#[test]
fn commands_options_and_demos_are_offered() {
    assert!(offered(&["time"]).contains(&"timeline".to_owned()));
    assert!(offered(&["timeline", "--prof"]).contains(&"--profile".to_owned()));
    assert!(offered(&["timeline", "demo:o"]).iter().any(|word| word == "demo:out-of-memory"));
    assert!(offered(&["timeline", ""]).iter().any(|word| word == "demo:out-of-memory"));
    assert!(offered(&["timeline", "x", "--output", "j"]).contains(&"json".to_owned()));
    assert_eq!(offered(&["timeline", "x", "--format=jsonl"]), ["--format=jsonl"]);
    assert!(offered(&["timeline", "x", "--color", ""]).contains(&"always".to_owned()) && offered(&["timeline", "x", "--time="]).contains(&"--time=utc".to_owned()));
    assert!(offered(&["explain", "13"]).contains(&"137".to_owned()));
    assert!(offered(&["explain", "Essential"]).contains(&"EssentialContainerExited".to_owned()));
    assert!(offered(&["completions", "f"]).contains(&"fish".to_owned()));
    assert!(offered(&["timeline", "-"]).contains(&"--cluster".to_owned()));
    assert_eq!(offered(&["timeline", "@"]), ["@latest"]);
}

#[test]
fn regions_of_every_open_partition_are_offered() {
    assert!(["eu-west-1", "us-gov-west-1", "cn-north-1"].iter().all(|region| offered(&["why", "x", "--region", ""]).contains(&(*region).to_owned())));
    assert_eq!(offered(&["why", "x", "--region=eu-west-1"]), ["--region=eu-west-1"]);
    assert_eq!(offered(&["why", "x", "-r", "eu-no"]), ["eu-north-1"]);
}

#[test]
fn profiles_of_both_files_are_offered_with_what_they_stand_for() {
    let folder = tempfile::tempdir().unwrap();
    let (config, credentials) = (folder.path().join("c"), folder.path().join("s"));
    std::fs::write(&config, "[default]\nregion = eu-west-1\n[profile on-call]\nrole_arn = arn:aws:iam::111122223333:role/reader\nsource_profile = keys\n").unwrap();
    std::fs::write(&credentials, "[keys]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n").unwrap();
    let mut command = program(&[]);
    command.env("AWS_CONFIG_FILE", &config).env("AWS_SHARED_CREDENTIALS_FILE", &credentials);
    assert_eq!(press(&mut command, "fish", &["why", "x", "--profile", ""]), ["default\teu-west-1", "keys", "on-call\t111122223333 reader"]);
}

#[test]
fn case_files_are_offered_and_no_other_file_is() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["inc-1.json", "inc-2.json.gz", "inc.txt"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    std::fs::create_dir(folder.path().join("incidents")).unwrap();
    let in_folder = |word: &str| press(program(&[]).env_remove("HOME").current_dir(folder.path()), "bash", &["why", word]);
    assert_eq!(in_folder("inc"), ["inc-1.json", "inc-2.json.gz"]);
    assert_eq!(in_folder("./inc"), ["./inc-1.json", "./inc-2.json.gz", "./incidents/"]);
    assert_eq!(press(program(&[]).env_remove("HOME").current_dir(folder.path()), "bash", &["save", "x", "inc-1"]), ["inc-1.json"]);
}

#[test]
fn stopped_tasks_come_newest_first_with_age_service_and_reason() {
    let aws = FakeAws::serving("others-stopped");
    let user = User::of(&aws);
    let own = &aws.task_id()[..8];
    let offered = user.tab_when_known(&["why", ""], own);
    let tasks: Vec<&String> = offered.iter().take_while(|line| line.as_bytes()[0].is_ascii_hexdigit() && line.as_bytes()[7].is_ascii_hexdigit()).collect();
    assert_eq!(tasks.len(), 4, "{offered:?}");
    assert!(tasks.iter().all(|line| line.contains(" ago, ") && line.contains("exited 1") && line.contains("Essential container in task exited")), "{tasks:?}");
    assert!(tasks.iter().any(|line| line.contains(", cart:")), "{tasks:?}");
    assert!(offered.iter().any(|line| line.starts_with("service/cart\t2 stops")), "{offered:?}");
    assert!(offered.iter().any(|line| line.starts_with("demo:out-of-memory\t")));
    // Only who begins an option is offered options.
    assert!(!offered.iter().any(|line| line.starts_with("--")), "{offered:?}");
}

#[test]
fn a_task_is_completed_in_the_form_it_was_begun_in() {
    let aws = FakeAws::serving("app-error");
    let user = User::of(&aws);
    let (arn, id, cluster) = (aws.task_arn.clone(), aws.task_id().to_owned(), aws.cluster.clone());
    user.tab_when_known(&["why", &id[..3]], &id[..8]);
    let first = |word: &str| user.tab(&["why", word]).first().map(|line| line.split('\t').next().unwrap().to_owned()).unwrap_or_default();
    assert_eq!(first(&id[..3]), id[..8]);
    assert_eq!(first(&id[..12]), id);
    assert_eq!(first(&format!("{cluster}/")), format!("{cluster}/{}", &id[..8]));
    assert_eq!(first(&arn[..arn.len() - 20]), arn);
    assert_eq!(first(&format!("service/{cluster}/")).rsplit_once('/').unwrap().0, format!("service/{cluster}"));
    assert_eq!(user.tab(&["why", "-c", &cluster[..1]]).first().unwrap().split('\t').next(), Some(cluster.as_str()));
    assert!(!user.tab(&["stops", ""]).is_empty());
}

#[test]
fn a_second_tab_asks_nobody_and_what_is_known_is_not_described_again() {
    let aws = FakeAws::serving("app-error");
    let user = User::of(&aws);
    user.tab_when_known(&["why", ""], &aws.task_id()[..8]);
    let asked = aws.journal().len();
    for _ in 0..5 {
        assert!(user.tab(&["why", ""]).iter().any(|line| line.starts_with(&aws.task_id()[..8])));
    }
    assert_eq!(aws.journal().len(), asked);
    // Made older than it is, it is still shown at once, and asked for again behind the prompt.
    let at = |seconds: i64| (jiff_now() - jiff::SignedDuration::from_secs(seconds)).to_string();
    for path in user.kept() {
        let mut told: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for piece in ["tasks", "clusters", "services"] {
            told[piece]["at"] = json!(at(60));
            told[piece]["tried"] = json!(at(60));
        }
        std::fs::write(&path, told.to_string()).unwrap();
    }
    assert!(user.tab(&["why", ""]).iter().any(|line| line.starts_with(&aws.task_id()[..8])));
    user.wait_for_the_child();
    let again: Vec<String> = aws.journal()[asked..].iter().map(|asked| asked.action.clone()).collect();
    assert!(again.contains(&"ecs:ListTasks".to_owned()) && !again.contains(&"ecs:DescribeTasks".to_owned()), "{again:?}");
}

#[expect(clippy::disallowed_methods, reason = "the test makes what is remembered older than it is")]
fn jiff_now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[test]
fn the_options_typed_so_far_say_whom_to_ask() {
    let (aws, other) = (FakeAws::serving("app-error"), FakeAws::serving("others-stopped"));
    let user = User::of(&aws);
    let theirs = &other.task_id()[..8];
    for words in [vec!["why", "", "--endpoint-url", &other.url, "-r", &other.region], vec!["--endpoint-url", &other.url, "-r", &other.region, "why", ""]] {
        let at = words.iter().position(|word| word.is_empty()).unwrap() + 1;
        let command = || {
            let mut command = user.command();
            command.env_remove("AWS_ENDPOINT_URL").args([["--", "ecs-trace"].as_slice(), words.as_slice()].concat());
            command.env("ECS_TRACE_COMPLETE", "fish").env("_CLAP_COMPLETE_INDEX", at.to_string());
            command
        };
        let end = Instant::now() + Duration::from_secs(20);
        while !run(&mut command()).code(&[0]).stdout.lines().any(|line| line.starts_with(theirs)) {
            assert!(Instant::now() < end, "{words:?}: {:?}", other.journal());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    assert!(aws.journal().is_empty());
    user.tab_when_known(&["--cluster", &aws.cluster, "why", ""], &aws.task_id()[..8]);
    assert!(aws.journal().iter().all(|asked| asked.action != "ecs:ListClusters" && !asked.body.contains("/other")), "{:?}", aws.journal());
    let asked = aws.journal().len();
    assert!(!user.tab(&["--cluster=nowhere", "why", ""]).iter().any(|line| line.starts_with(&aws.task_id()[..8])), "of another cluster");
    let (kept, asked_before) = (user.kept().len(), aws.journal().len());
    user.tab(&["--region=us-east-1", "why", ""]);
    user.wait_for_the_child();
    assert!(asked_before > asked && aws.journal().len() > asked_before && user.kept().len() > kept, "another region is asked for its own");
    // What only the shell knows is not guessed.
    let asked = aws.journal().len();
    user.tab(&["--region", "$R", "why", ""]);
    assert!(!user.child_is_at_work() && aws.journal().len() == asked);
}

#[test]
fn containers_of_the_stopped_tasks_are_offered() {
    let aws = FakeAws::serving("app-error");
    let user = User::of(&aws);
    user.tab_when_known(&["logs", "--container", "a"], "app\t");
    assert!(user.tab(&["logs", "--container=a"]).iter().any(|line| line.starts_with("--container=app") || line.starts_with("app")));
}

#[test]
fn the_config_files_cluster_is_the_one_that_is_asked() {
    let aws = FakeAws::serving("app-error");
    let user = User::of(&aws);
    let config = user.cache.path().join("ecs-trace/config.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::write(&config, format!("cluster = \"{}\"\n", aws.cluster)).unwrap();
    let command = || {
        let mut command = user.command();
        command.env("XDG_CONFIG_HOME", user.cache.path());
        command
    };
    user.until_known(&command, &["why", ""], &aws.task_id()[..8]);
    assert!(aws.journal().iter().all(|asked| asked.action != "ecs:ListClusters" && !asked.body.contains("/other")), "{:?}", aws.journal());
    // Who asks for a cluster is shown them all.
    user.until_known(&command, &["why", "--cluster", ""], "other");
}

#[test]
fn one_users_tasks_are_not_anothers() {
    let aws = FakeAws::serving("app-error");
    let (user, line) = (User::of(&aws), Line::to(&aws));
    user.until_known(&|| user.command_at(&line.url), &["why", ""], &aws.task_id()[..8]);
    // From here on nobody answers: what a stranger is shown can only come from the disk.
    line.cut.store(true, Ordering::SeqCst);
    let still = press(&mut user.command_at(&line.url), "fish", &["why", ""]);
    assert!(still.iter().any(|line| line.starts_with(&aws.task_id()[..8])), "{still:?}");
    for change in ["AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "AWS_ENDPOINT_URL_ECS", "AWS_REGION", "AWS_PROFILE", "ECS_CLUSTER"] {
        let value = if change == "AWS_ENDPOINT_URL_ECS" { "http://127.0.0.1:1" } else { "other" };
        let offered = press(user.command_at(&line.url).env(change, value), "fish", &["why", ""]);
        assert!(!offered.iter().any(|line| line.starts_with(&aws.task_id()[..8])), "{change}: {offered:?}");
        assert!(offered.iter().any(|line| line.starts_with("demo:")), "{change}");
    }
}

/// A way to the fake that can be cut: connections are then taken and never answered.
struct Line {
    url: String,
    cut: Arc<AtomicBool>,
}

impl Line {
    fn to(aws: &FakeAws) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (cut, far) = (Arc::new(AtomicBool::new(false)), aws.url.trim_start_matches("http://").to_owned());
        let is_cut = Arc::clone(&cut);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for near in listener.incoming().flatten() {
                if is_cut.load(Ordering::SeqCst) {
                    held.push(near);
                    continue;
                }
                let far = TcpStream::connect(&far).unwrap();
                for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
            }
        });
        Self { url, cut }
    }
}

#[test]
fn what_is_remembered_can_be_read_by_its_owner_alone_and_holds_no_secret() {
    use std::os::unix::fs::PermissionsExt;
    let aws = FakeAws::changed("app-error", &[], Duration::ZERO, |case| reasoned(case, "died of --password hunter22hunter"));
    let user = User::of(&aws);
    let offered = user.tab_when_known(&["why", ""], &aws.task_id()[..8]);
    assert!(offered[0].contains("[redacted]"), "{offered:?}");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&user.cache.path().join("ecs-trace")), 0o700);
    assert!(!user.kept().is_empty());
    for path in user.kept() {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let text = std::fs::read_to_string(&path).unwrap() + &path.display().to_string();
        assert!(!text.contains("AKIA") && !text.contains("hunter22"), "{text}");
    }
}

fn reasoned(case: &mut Case, reason: &str) {
    for exchange in case.exchanges.iter_mut().filter(|exchange| exchange.action == "ecs:DescribeTasks") {
        exchange.response["tasks"][0]["stoppedReason"] = json!(reason);
        exchange.response["tasks"][0]["containers"] = json!([]);
    }
}

#[test]
fn a_network_that_hangs_or_is_not_there_costs_a_moment_and_says_nothing() {
    let hung = FakeAws::with("app-error", &[("ecs:*", Fault::Hang)], Duration::ZERO);
    for url in [hung.url.as_str(), "http://127.0.0.1:1", "http://192.0.2.1", "not a url"] {
        let user = User::of(&hung);
        let press_once = || {
            let began = Instant::now();
            let offered = press(user.command().env("AWS_ENDPOINT_URL", url), "fish", &["why", ""]);
            assert!(offered.iter().any(|line| line.starts_with("demo:")) && !offered.iter().any(|line| line.starts_with(&hung.task_id()[..8])), "{url}");
            began.elapsed()
        };
        let (first, second) = (press_once(), press_once());
        assert!(first < COLD + Duration::from_millis(200) && second < COLD, "{url}: {first:?}, then {second:?}");
    }
    // Words that AWS could not complete do not even look.
    let user = User::of(&hung);
    user.tab(&["why", "demo:"]);
    user.tab(&["why", "@"]);
    user.tab(&["why", "x", "--region", ""]);
    assert!(user.kept().is_empty());
}

#[test]
fn no_child_outlives_its_bound_or_holds_a_terminal() {
    let hung = FakeAws::with("app-error", &[("ecs:*", Fault::Hang)], Duration::ZERO);
    let user = User::of(&hung);
    user.tab(&["why", ""]);
    user.tab(&["why", ""]);
    let began = Instant::now();
    assert_eq!(processes_of(user.cache.path()), 1, "one child however often TAB is pressed");
    let stat = std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let environment = std::fs::read(entry.path().join("environ")).ok()?;
        String::from_utf8_lossy(&environment).contains(&*user.cache.path().to_string_lossy()).then(|| std::fs::read_to_string(entry.path().join("stat")).ok())?
    });
    let stat = stat.expect("the child");
    // pid (comm) state ppid pgrp session tty_nr
    let pid = stat.split(' ').next().unwrap().to_owned();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!((fields[3], fields[4]), (pid.as_str(), "0"), "a session of its own and no terminal: {stat}");
    for descriptor in 0..3 {
        assert_eq!(std::fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).unwrap(), Path::new("/dev/null"));
    }
    while processes_of(user.cache.path()) > 0 {
        assert!(began.elapsed() < Duration::from_secs(12), "still there");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(!user.child_is_at_work());
}

#[test]
fn a_profile_that_might_ask_something_is_never_asked_behind_the_prompt() {
    let aws = FakeAws::serving("app-error");
    let folder = tempfile::tempdir().unwrap();
    let (config, ran) = (folder.path().join("config"), folder.path().join("ran"));
    let text = format!(
        "[profile process]\nregion = {0}\ncredential_process = touch {1}\n[profile behind]\nregion = {0}\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = process\n\
         [profile mfa]\nregion = {0}\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = keys\nmfa_serial = arn:aws:iam::1:mfa/x\n[profile keys]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n",
        aws.region,
        ran.display()
    );
    std::fs::write(&config, text).unwrap();
    for profile in ["process", "behind", "mfa"] {
        let user = User::of(&aws);
        for by_name in [true, false] {
            let mut command = user.command();
            command.env("AWS_CONFIG_FILE", &config).env_remove("AWS_REGION");
            let words = if by_name { vec!["--profile", profile, "why", ""] } else { vec!["why", ""] };
            if !by_name {
                command.env("AWS_PROFILE", profile).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
            }
            let offered = press(&mut command, "fish", &words);
            assert!(offered.iter().any(|line| line.starts_with("demo:")), "{offered:?}");
            assert!(user.kept().is_empty(), "{profile}");
        }
    }
    assert!(!ran.exists() && aws.journal().is_empty());
    // Exported keys need no program.
    let user = User::of(&aws);
    let command = || {
        let mut command = user.command();
        command.env("AWS_CONFIG_FILE", &config).env("AWS_PROFILE", "process");
        command
    };
    user.until_known(&command, &["why", ""], &aws.task_id()[..8]);
    assert!(!ran.exists());
}

#[test]
fn hostile_names_are_inert() {
    let evil = "x\u{1b}]0;owned\u{7}\n$(touch /tmp/owned)`id`\t\u{202e}\"';:";
    let aws = FakeAws::changed("app-error", &[], Duration::ZERO, |case| {
        reasoned(case, evil);
        for exchange in case.exchanges.iter_mut().filter(|exchange| exchange.action == "ecs:DescribeTasks") {
            exchange.response["tasks"][0]["group"] = json!(format!("service:{evil}"));
        }
    });
    let user = User::of(&aws);
    user.tab_when_known(&["why", ""], &aws.task_id()[..8]);
    for shell in ["fish", "zsh", "elvish", "powershell", "bash"] {
        for words in [["why", ""], ["stops", ""]] {
            for line in press(&mut user.command(), shell, &words) {
                let (value, help) = line.split_once('\t').unwrap_or((&line, ""));
                assert!(value.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_:/@.=".contains(letter)), "{shell}: {line:?}");
                assert!(!help.chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{shell}: {line:?}");
            }
        }
    }
}

#[test]
fn bash_is_told_what_belongs_behind_its_own_cut() {
    let line = |before: &str, replaced: &str| {
        let mut command = program(&["--", before, "", replaced]);
        command.env_remove("HOME").env("ECS_TRACE_COMPLETE", "bash-line");
        run(&mut command).code(&[0]).stdout
    };
    assert_eq!(line("ecs-trace why --region=eu-no", "eu-no"), "eu-north-1 ");
    assert_eq!(line("ecs-trace why demo:out", "out"), "out-of-memory ");
    assert_eq!(line("ecs-trace tim", "tim"), "timeline ");
    assert_eq!(line("ecs-trace \"tim", "tim"), "timeline");
}

#[test]
fn a_tab_that_makes_no_sense_is_answered_by_silence() {
    for shell in ["bash", "bash-line", "fish", "zsh", "elvish", "powershell", "tcsh"] {
        for words in [["ecs-trace", "nosuch", ""].as_slice(), &["ecs-trace"], &[""], &["--", "--"]] {
            for index in ["0", "1", "99", "x", ""] {
                let mut command = program(&[["--"].as_slice(), words].concat());
                let ran = run(command.env("ECS_TRACE_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", index).env_remove("HOME")).code(&[0]);
                assert!(ran.stderr.is_empty(), "{shell} {words:?}: {}", ran.stderr);
            }
        }
    }
    assert!(!offered(&[""]).iter().chain(&offered(&["_"])).any(|word| word.contains("refresh")));
}

#[test]
fn every_shell_has_a_loader_that_asks_the_program() {
    for (shell, file) in [("bash", "ecs-trace.bash"), ("zsh", "_ecs-trace"), ("fish", "ecs-trace.fish"), ("powershell", "ecs-trace.ps1"), ("elvish", "ecs-trace.elv")] {
        let printed = run(&mut program(&["completions", shell])).code(&[0]).stdout;
        let kept = std::fs::read_to_string(format!("{}/completions/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(printed, kept);
        assert!(printed.contains("ECS_TRACE_COMPLETE"), "{shell}");
        let script = run(program(&[]).env("ECS_TRACE_COMPLETE", shell)).code(&[0]).stdout;
        assert_eq!(script, kept, "{shell}");
    }
    assert!(run(program(&[]).env("ECS_TRACE_COMPLETE", "tcsh")).code(&[252]).stderr.contains("no completion for `tcsh`"));
}
