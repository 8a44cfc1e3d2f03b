//! A slip of the finger is answered with the name that was meant.

use super::fake_aws::FakeAws;
use super::program::{against, program, run};

#[test]
fn a_command_an_option_a_demo_and_a_code_are_named() {
    for (arguments, meant) in [
        (["timelin", "9f2c"].as_slice(), "timeline"),
        (&["why", "--clutser", "prod"], "--cluster"),
        (&["why", "demo:out-of-memroy"], "did you mean `out-of-memory`?"),
        (&["explain", "UserInitaited"], "did you mean `UserInitiated`?"),
        (&["man", "timelin"], "did you mean `timeline`?"),
    ] {
        let ran = run(&mut program(arguments)).code(&[252]);
        assert!(ran.stderr.contains(meant), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn a_usage_error_says_what_can_be_typed_and_nothing_that_fails_again() {
    for (arguments, says, never) in [
        (["who-stopped", "9f2c", "--wait", "10m"].as_slice(), "--wait=10m", "-- "),
        (&["who-stopped", "--wait", "30m"], "--wait=30m", "'--"),
        (&["stops", "--since", "-3h"], "--since 3h", "-- -3"),
        (&["timeline", "9f2c", "--since", "3h"], "--since is an option of ecs-trace stops", "-- --since"),
        (&["completions", "ksh"], "[possible values: bash", "similar value"),
        (&["9f2c"], "ecs-trace timeline 9f2c", "similar"),
        (&["explain", "144"], "nothing is known of `144`", "did you mean"),
        (&["stops", "./inc.json.gz"], "ecs-trace timeline ./inc.json.gz", "credentials"),
        (&["stops", "demo:repeated"], "ecs-trace timeline demo:repeated", "credentials"),
        (&["archive", "template", "-o", "json"], "the template is YAML", "AWSTemplate"),
    ] {
        let ran = run(&mut program(arguments)).code(&[252]);
        assert!(ran.stderr.contains(says) && !ran.stderr.contains(never), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn a_zone_that_is_none_is_said_once_and_times_stay_in_utc() {
    let ran = run(program(&["timeline", "demo:app-error"]).env("TZ", "Europe/Berln")).code(&[0]);
    assert_eq!(ran.stderr.matches("TZ=Europe/Berln").count(), 1, "{}", ran.stderr);
    assert!(ran.stdout.contains("TIME (UTC)"), "{}", ran.stdout);
    let known = run(program(&["timeline", "demo:app-error"]).env("TZ", "Europe/Berlin")).code(&[0]);
    assert!(known.stderr.is_empty() && known.stdout.contains("TIME (CET)"), "{}{}", known.stderr, known.stdout);
}

#[test]
fn who_may_not_list_tasks_is_told_how_to_do_without() {
    let aws = FakeAws::with("app-error", &[("ecs:ListTasks", super::fake_aws::Fault::Denied)], std::time::Duration::ZERO);
    let ran = run(&mut against(&aws, &["why", &aws.task_id()[..6]])).code(&[254]);
    assert!(ran.stderr.contains("ecs-trace timeline CLUSTER/ID"), "{}", ran.stderr);
}

#[test]
fn a_region_that_is_none_and_an_id_that_is_short_of_a_letter_are_said() {
    let aws = FakeAws::serving("app-error");
    let id = aws.task_id();
    let ran = run(&mut against(&aws, &["why", &format!("{}0", &"0123456789abcdef0123456789abcdef"[..30]), "--region", "eu-wset-1"])).code(&[4]);
    assert!(ran.stderr.contains("31 of the 32 characters") && ran.stderr.contains("did you mean `eu-west-1`?"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("leave the cluster out"), "{}", ran.stderr);
    let whole = run(&mut against(&aws, &["why", id])).code(&[0]);
    assert!(!whole.stderr.contains("did you mean"), "{}", whole.stderr);
}

#[test]
fn a_cluster_and_a_service_are_named() {
    let aws = FakeAws::with(
        "deployment",
        &[("ecs:ListTasks", super::fake_aws::Fault::Answers(400, r#"{"__type":"ClusterNotFoundException","message":"no"}"#))],
        std::time::Duration::ZERO,
    );
    let slip = format!("{}x", aws.cluster);
    let ran = run(&mut against(&aws, &["why", "@latest", "--cluster", &slip])).code(&[4]);
    assert!(ran.stderr.contains(&format!("did you mean `{}`?", aws.cluster)), "{}", ran.stderr);

    let unknown = super::fake_aws::Fault::Answers(400, r#"{"__type":"ServiceNotFoundException","message":"no"}"#);
    let aws = FakeAws::with("deployment", &[("ecs:ListTasks", unknown)], std::time::Duration::ZERO);
    let ran = run(&mut against(&aws, &["why", "service/web-apj"])).code(&[4]);
    assert!(ran.stderr.contains("did you mean `web-api`?"), "{}", ran.stderr);
    // It is a hint and no more: who may not list services is told the rest.
    let denied = FakeAws::with("deployment", &[("ecs:ListTasks", unknown), ("ecs:ListServices", super::fake_aws::Fault::Denied)], std::time::Duration::ZERO);
    let ran = run(&mut against(&denied, &["why", "service/web-apj"])).code(&[4]);
    assert!(ran.stderr.contains("no service `web-apj`") && !ran.stderr.contains("did you mean"), "{}", ran.stderr);
}

#[test]
fn a_task_whose_beginning_was_nearly_typed_is_named_and_a_stranger_is_not() {
    let aws = FakeAws::serving("app-error");
    let id = aws.task_id();
    let last = if id.chars().nth(7) == Some('f') { 'e' } else { 'f' };
    let ran = run(&mut against(&aws, &["why", &format!("{}{last}", &id[..7])])).code(&[4]);
    assert!(ran.stderr.contains(&format!("did you mean {}/{id}?", aws.cluster)), "{}", ran.stderr);
    let stranger: String = id[..8].chars().map(|letter| if letter == 'a' { 'b' } else { 'a' }).collect();
    let ran = run(&mut against(&aws, &["why", &stranger])).code(&[4]);
    assert!(!ran.stderr.contains("did you mean"), "{}", ran.stderr);
}
