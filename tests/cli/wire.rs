//! What goes over the wire: only reads, at most three rounds, CloudTrail's pace, nothing twice.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::fake_aws::{FakeAws, Fault};
use super::program::{against, run};

#[test]
fn only_actions_on_the_list_are_asked_and_none_twice() {
    let allowed: BTreeSet<&str> = ecs_trace::sources::actions::ACTIONS.iter().map(|action| action.name).collect();
    for name in ["app-error", "deployment", "elb-health-check", "out-of-memory", "scale-in", "stopped-by-sso-user"] {
        let aws = FakeAws::serving(name);
        for command in ["timeline", "who-stopped", "why", "logs"] {
            let before = aws.journal().len();
            run(&mut against(&aws, &[command, &aws.task_arn])).code(&[0]);
            let mut seen = BTreeSet::new();
            for asked in &aws.journal()[before..] {
                assert!(allowed.contains(asked.action.as_str()), "{command} {name} asked {}", asked.action);
                assert!(seen.insert((asked.action.clone(), asked.body.clone())), "{command} {name} asked twice: {} {}", asked.action, asked.body);
            }
        }
    }
}

#[test]
fn an_arn_takes_three_dependent_rounds_beside_further_pages() {
    for name in ["elb-health-check", "out-of-memory", "scale-in", "stopped-by-sso-user"] {
        let aws = FakeAws::with(name, &[], Duration::from_millis(400));
        run(&mut against(&aws, &["timeline", &aws.task_arn])).code(&[0]);
        // The second page of a log stream is what proves its end.
        let pages = aws.journal().iter().filter(|asked| asked.action == "logs:GetLogEvents").count().saturating_sub(1).min(1);
        assert!(aws.rounds() <= 3 + pages, "{name}: {} rounds", aws.rounds());
    }
}

#[test]
fn cloudtrail_is_never_asked_more_than_twice_a_second_retries_among_them() {
    let aws = FakeAws::with("deployment", &[("cloudtrail:LookupEvents", Fault::Throttled(3))], Duration::ZERO);
    run(&mut against(&aws, &["who-stopped", &aws.task_arn])).code(&[0]);
    let times: Vec<_> = aws.journal().into_iter().filter(|asked| asked.action == "cloudtrail:LookupEvents").map(|asked| asked.came).collect();
    assert!(times.len() >= 5, "two names and three retries, {}", times.len());
    for three in times.windows(3) {
        assert!(three[2] - three[0] >= Duration::from_millis(1000), "three within {:?}", three[2] - three[0]);
    }
}

#[test]
fn logs_asks_only_ecs_and_the_logs() {
    let aws = FakeAws::serving("elb-health-check");
    run(&mut against(&aws, &["logs", &aws.task_arn])).code(&[0]);
    let services: BTreeSet<String> = aws.journal().into_iter().map(|asked| asked.action.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(services.into_iter().collect::<Vec<_>>(), ["ecs", "logs"]);
}

#[test]
fn ten_terminals_share_cloudtrails_two_requests_a_second_and_all_are_answered() {
    let aws = FakeAws::with("stopped-by-sso-user", &[("cloudtrail:LookupEvents", Fault::PerSecond(2))], Duration::ZERO);
    let one = || against(&aws, &["who-stopped", &aws.task_arn, "-q", "--timeout", "60s"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let running: Vec<_> = (0..10).map(|_| one()).collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).trim()), (Some(0), "ines@example.com"));
    }
    let mut came: Vec<Instant> = aws.journal().iter().filter(|asked| asked.action == "cloudtrail:LookupEvents").map(|asked| asked.came).collect();
    came.sort();
    assert!(came.len() >= 10, "{}", came.len());
    // They leave a second apart; on a busy machine some arrive closer, and are refused and asked again.
    let refused = came.windows(3).filter(|window| window[2] - window[0] < Duration::from_secs(1)).count();
    assert!(refused * 3 <= came.len(), "{refused} of {} were refused", came.len());
}
