//! Profiles, regions, credentials: found as the AWS CLI finds them, or one line that says what to type.

use super::fake_aws::{ASSUMED_KEY, FakeAws};
use super::program::{against, program, run};

const ID: &str = "00000000000000000000000000000001";

#[test]
fn no_region_and_no_credentials_are_253_and_say_what_to_type() {
    let no_region = run(&mut program(&["timeline", ID])).code(&[253]);
    assert!(no_region.stderr.contains("no region") && no_region.stderr.contains("--region"), "{}", no_region.stderr);
    let no_credentials = run(program(&["timeline", ID]).env("AWS_REGION", "eu-west-1")).code(&[253]);
    assert!(no_credentials.stderr.contains("no credentials") && no_credentials.stderr.contains("aws sso login"), "{}", no_credentials.stderr);
}

#[test]
fn a_profile_gives_region_and_credentials_and_an_unknown_one_is_named() {
    let aws = FakeAws::serving("app-error");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, format!("[profile oncall]\nregion = {}\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n[profile expired]\nregion = eu-west-1\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = reader\n[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n[profile process]\nregion = {}\ncredential_process = echo '{{\"Version\":1,\"AccessKeyId\":\"AKIAIOSFODNN7EXAMPLE\",\"SecretAccessKey\":\"x\"}}'\n", aws.region, aws.region)).unwrap();
    let with = |arguments: &[&str]| {
        let mut command = program(arguments);
        command.env("AWS_CONFIG_FILE", &config).env("AWS_ENDPOINT_URL", &aws.url);
        run(&mut command)
    };
    with(&["timeline", aws.task_id(), "--profile", "oncall"]).code(&[0]);
    with(&["timeline", aws.task_id(), "--profile", "process"]).code(&[0]);
    for more in [["--region", "eu-west-1"].as_slice(), &[]] {
        let unknown = with(&[["timeline", aws.task_id(), "--profile", "nosuch"].as_slice(), more].concat()).code(&[253]);
        assert!(unknown.stderr.contains("no profile `nosuch`"), "{}", unknown.stderr);
    }
    let expired = with(&["timeline", aws.task_id(), "--profile", "expired"]).code(&[253]);
    assert!(expired.stderr.contains("aws sso login --profile expired"), "{}", expired.stderr);
}

#[test]
fn a_profile_that_assumes_a_role_asks_with_that_roles_key() {
    let aws = FakeAws::serving("app-error");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let text = format!(
        "[profile base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n[profile reader]\nregion = {}\nrole_arn = arn:aws:iam::111122223333:role/reader\nsource_profile = base\n",
        aws.region
    );
    std::fs::write(&config, text).unwrap();
    run(program(&["timeline", &aws.task_arn, "--profile", "reader"]).env("AWS_CONFIG_FILE", &config).env("AWS_ENDPOINT_URL", &aws.url)).code(&[0]);
    let (assuming, asking): (Vec<_>, Vec<_>) = aws.journal().into_iter().partition(|asked| asked.action == "sts:AssumeRole");
    assert_eq!(assuming.iter().map(|asked| asked.key.as_str()).collect::<Vec<_>>(), ["AKIAIOSFODNN7EXAMPLE"]);
    assert!(asking.len() > 5 && asking.iter().all(|asked| asked.key == ASSUMED_KEY), "{asking:?}");
}

#[test]
fn an_endpoint_can_be_given_for_all_or_for_one_service() {
    let aws = FakeAws::serving("app-error");
    run(against(&aws, &["timeline", &aws.task_arn, "--endpoint-url", &aws.url]).env_remove("AWS_ENDPOINT_URL")).code(&[0]);
    let only_ecs = run(against(&aws, &["timeline", &aws.task_arn, "--timeout", "3s", "-o", "json"])
        .env_remove("AWS_ENDPOINT_URL")
        .env("AWS_ENDPOINT_URL_ECS", &aws.url)
        .env("AWS_ENDPOINT_URL_LOGS", "http://127.0.0.1:1")
        .env("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://127.0.0.1:1")
        .env("AWS_ENDPOINT_URL_CLOUDTRAIL", "http://127.0.0.1:1"));
    let document = only_ecs.code(&[0, 3]).json();
    assert_eq!(document["verdict"]["cause"], "app-error");
    assert_ne!(super::program::statuses(&document, "logs"), ["ok"]);
}

#[test]
fn credentials_that_run_out_while_it_is_watched_are_asked_for_again() {
    let aws = FakeAws::serving("app-error");
    let folder = tempfile::tempdir().unwrap();
    let (config, script, count) = (folder.path().join("config"), folder.path().join("give.sh"), folder.path().join("count"));
    // The first are good for seconds, those after them for an hour; each under its own key.
    let text = format!(
        "#!/bin/sh\necho x >> {0}\nn=$(wc -l < {0})\nexp=$(date -u -d \"+$([ $n = 1 ] && echo 33 || echo 3600) seconds\" +%Y-%m-%dT%H:%M:%SZ)\necho \"{{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"AKIAIOSFODNN7EXAMPL$n\\\",\\\"SecretAccessKey\\\":\\\"x\\\",\\\"SessionToken\\\":\\\"t\\\",\\\"Expiration\\\":\\\"$exp\\\"}}\"\n",
        count.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::write(&config, format!("[profile p]\nregion = {}\ncredential_process = sh {}\n", aws.region, script.display())).unwrap();
    let mut child = program(&["stops", "--watch=5s", "--profile", "p"])
        .env("AWS_CONFIG_FILE", &config)
        .env("AWS_ENDPOINT_URL", &aws.url)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let asked_by = |key: &str| aws.journal().iter().any(|asked| asked.key == key);
    let began = std::time::Instant::now();
    while !asked_by("AKIAIOSFODNN7EXAMPL2") && began.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(asked_by("AKIAIOSFODNN7EXAMPL1") && asked_by("AKIAIOSFODNN7EXAMPL2"), "{:?}", aws.journal().iter().map(|asked| asked.key.clone()).collect::<Vec<_>>());
}

#[test]
fn an_endpoint_that_is_set_and_empty_is_none() {
    let aws = FakeAws::serving("app-error");
    let names = ["AWS_ENDPOINT_URL_ECS", "AWS_ENDPOINT_URL_CLOUDTRAIL", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "AWS_ENDPOINT_URL_STS"];
    run(against(&aws, &["timeline", &aws.task_arn]).envs(names.map(|name| (name, "")))).code(&[0]);
    run(against(&aws, &["doctor"]).envs(names.map(|name| (name, "")))).code(&[0, 3]);
    run(against(&aws, &["timeline", &aws.task_arn, "--endpoint-url", &aws.url]).env("AWS_ENDPOINT_URL", "")).code(&[0]);
    // Then it is AWS's own that is asked, and not there.
    let none = run(against(&aws, &["timeline", &aws.task_arn, "--timeout", "2s"]).env("AWS_ENDPOINT_URL", "").env("HTTPS_PROXY", "http://127.0.0.1:1")).code(&[255]);
    assert!(!none.stderr.contains("panicked"), "{}", none.stderr);
}

#[test]
fn what_no_request_can_carry_and_what_is_no_region_is_253_in_one_line() {
    let aws = FakeAws::serving("app-error");
    for (name, value, says) in [
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE\r\n", "the access key id holds a letter that no request can carry"),
        ("AWS_SESSION_TOKEN", "token\nmore", "the session token holds a letter that no request can carry"),
        ("AWS_REGION", "eu west 1", "`eu west 1` is no region; wanted is a name such as eu-west-1"),
        ("AWS_REGION", "../x", "`../x` is no region"),
    ] {
        let ran = run(against(&aws, &["timeline", aws.task_id()]).env(name, value)).code(&[253]);
        assert!(ran.stderr.contains(says), "{name}: {}", ran.stderr);
    }
}

#[test]
fn a_bundle_without_certificates_is_said_to_be_one() {
    let aws = FakeAws::serving("app-error");
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.pem");
    std::fs::write(&bundle, "no certificate").unwrap();
    let ran = run(against(&aws, &["timeline", &aws.task_arn]).env("AWS_CA_BUNDLE", &bundle)).code(&[253]);
    assert!(ran.stderr.contains("AWS_CA_BUNDLE"), "{}", ran.stderr);
}
