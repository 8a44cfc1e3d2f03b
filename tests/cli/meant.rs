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
