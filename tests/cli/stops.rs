//! Many stops at a glance, counted, and told as they happen.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::fake_aws::{FakeAws, Fault};
use super::handed_on::{is_inert_markdown, is_inert_page};
use super::program::{against, program, run};

#[test]
fn the_stops_of_a_cluster_are_listed_newest_first_and_each_with_its_cause() {
    let aws = FakeAws::serving("others-stopped");
    let ran = run(against(&aws, &["stops", "-c", "prod"]).env("COLUMNS", "80")).code(&[0]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].contains("AGE") && lines[0].contains("CAUSE"), "{}", ran.stdout);
    assert_eq!(lines.len(), 5, "{}", ran.stdout);
    assert!(lines[1..].iter().all(|line| line.contains("app-error") && line.chars().count() <= 80), "{}", ran.stdout);

    let document = run(&mut against(&aws, &["stops", "-o", "json"])).code(&[0]).json();
    let stops = document["stops"].as_array().unwrap();
    let times: Vec<&str> = stops.iter().map(|stop| stop["task"]["stoppedAt"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    assert!(stops.iter().all(|stop| stop["verdict"]["cause"] == "app-error" && stop["stoppedBy"]["status"] == "nobody"));
    let line = run(&mut against(&aws, &["stops", "-o", "jsonl"])).code(&[0]);
    assert_eq!(line.stdout.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["task"]["id"].is_string()).count(), 4);
    let asked = run(&mut against(&aws, &["stops", "-o", "json", "--query", "length(stops)"])).code(&[0]);
    assert_eq!(asked.stdout.trim(), "4");
}

#[test]
fn one_service_is_picked_from_the_whole_clusters_list_since_a_list_by_service_leaves_tasks_out() {
    let aws = FakeAws::serving("others-stopped");
    let document = run(&mut against(&aws, &["stops", "cart", "-o", "json"])).code(&[0]).json();
    assert_eq!(document["stops"].as_array().unwrap().len(), 2, "{document}");
    assert!(aws.journal().iter().filter(|asked| asked.action == "ecs:ListTasks").all(|asked| !asked.body.contains("serviceName")));
    for typed in ["service/cart", "prod/cart", "service/prod/cart"] {
        assert_eq!(run(&mut against(&aws, &["stops", typed, "-o", "json"])).code(&[0]).json()["stops"], document["stops"], "{typed}");
    }
    run(&mut against(&aws, &["stops", "prod/cart", "-c", "dev"])).code(&[252]);
}

#[test]
fn they_are_counted_by_what_they_share() {
    let aws = FakeAws::serving("others-stopped");
    let by = |what: &str| run(&mut against(&aws, &["stops", "--by", what, "-o", "json"])).code(&[0]).json()["groups"].clone();
    assert_eq!((&by("cause")[0]["key"], &by("cause")[0]["count"]), (&"app-error".into(), &4.into()));
    assert_eq!((&by("service")[0]["key"], &by("service")[0]["count"]), (&"cart".into(), &2.into()));
    assert_eq!(by("revision").as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).sum::<u64>(), 4);
    let text = run(&mut against(&aws, &["stops", "--by", "service"])).code(&[0]).stdout;
    assert!(text.starts_with("STOPS") && text.lines().count() == 4, "{text}");
}

#[test]
fn handed_on_they_have_whole_ids_and_times_and_what_was_not_seen() {
    let aws = FakeAws::serving("others-stopped");
    let told = |aws: &FakeAws, arguments: &[&str], codes: &[i32]| run(&mut against(aws, &[&["stops"], arguments].concat())).code(codes).stdout;
    let document = run(&mut against(&aws, &["stops", "-o", "json"])).code(&[0]).json();
    let (markdown, page) = (told(&aws, &["-c", "prod", "-o", "markdown"], &[0]), told(&aws, &["-c", "prod", "-o", "html"], &[0]));
    is_inert_markdown(&markdown, "stops");
    let found = is_inert_page(&page, "stops");
    assert!(
        markdown.starts_with("## Stopped tasks of cluster prod, ") && markdown.contains("As of ") && page.contains("<h1 id=\"stops\">Stopped tasks of cluster prod, "),
        "{markdown}"
    );
    let ids: Vec<&str> = document["stops"].as_array().unwrap().iter().map(|stop| stop["task"]["id"].as_str().unwrap()).collect();
    let heads: Vec<&str> = found.iter().filter(|element| element.attribute("scope") == Some("row")).map(|element| element.text.as_str()).collect();
    assert_eq!(heads, ids);
    assert!(ids.iter().all(|id| markdown.contains(&format!("| `{id}` |"))) && markdown.matches(" UTC |").count() == ids.len(), "{markdown}");
    let counted = told(&aws, &["--by", "cause", "-o", "markdown"], &[0]);
    assert!(counted.contains("| Cause | Stops |") && counted.contains("| `app-error` | 4 |"), "{counted}");
    let nothing = FakeAws::with("app-error", &[("ecs:ListTasks", Fault::Late(Duration::from_secs(600)))], Duration::ZERO);
    for (format, empty) in [("markdown", "\nNo stopped task.\n"), ("html", "<p>No stopped task.</p>")] {
        assert!(told(&nothing, &["-o", format], &[0]).contains(empty));
    }
    let unseen = FakeAws::with("rollback-circuit-breaker", &[("ecs:DescribeServices", Fault::Denied)], Duration::ZERO);
    assert!(told(&unseen, &["-o", "markdown"], &[3]).contains("- **Not seen:** service: AccessDenied, needs `ecs:DescribeServices`"));
    is_inert_page(&told(&unseen, &["-o", "html"], &[3]), "stops with a gap");
}

#[test]
fn what_the_scheduler_stopped_is_judged_with_its_services_deployments_and_unknown_without() {
    for (case, cause) in [("rollback-circuit-breaker", "rollback"), ("scale-in", "scale-in"), ("deployment", "deployment"), ("az-rebalancing", "az-rebalancing")] {
        let aws = FakeAws::serving(case);
        let told = |arguments: &[&str], aws: &FakeAws| run(&mut against(aws, arguments)).code(&[0]).json()["stops"][0]["verdict"]["cause"].clone();
        assert_eq!(told(&["stops", "-o", "json"], &aws), cause, "{case}");
    }
    let aws = FakeAws::with("rollback-circuit-breaker", &[("ecs:DescribeServices", Fault::Denied)], Duration::ZERO);
    let ran = run(&mut against(&aws, &["stops", "-o", "json"])).code(&[3]);
    assert!(ran.json()["sources"].as_array().unwrap().iter().any(|source| source["source"] == "service" && source["status"] == "denied"));
    assert!(ran.stderr.contains("may stay unknown") && ran.stderr.contains("ecs:DescribeServices"), "{}", ran.stderr);
    assert_ne!(ran.json()["stops"][0]["verdict"]["expected"], true, "no deployment is claimed unseen");
}

#[test]
fn nothing_is_said_to_be_nothing_and_an_unknown_service_to_be_unknown() {
    let aws = FakeAws::with("app-error", &[("ecs:ListTasks", Fault::Late(Duration::from_secs(600)))], Duration::ZERO);
    let ran = run(&mut against(&aws, &["stops"])).code(&[0]);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("no stopped task in ") && ran.stderr.contains("--since 7d"), "{} {}", ran.stdout, ran.stderr);
    assert_eq!(run(&mut against(&aws, &["stops", "-o", "json"])).code(&[0]).json()["stops"], serde_json::json!([]));
    let aws = FakeAws::with("app-error", &[("ecs:ListTasks", Fault::Denied)], Duration::ZERO);
    run(&mut against(&aws, &["stops"])).code(&[254]);
    run(&mut program(&["stops", "a/b/c"])).code(&[252]);
    run(&mut program(&["stops", "--watch", "-o", "json"])).code(&[252]);
    run(&mut program(&["stops", "--watch=1s"])).code(&[252]);
}

#[test]
fn of_a_cluster_that_is_read_in_part_what_came_is_listed_and_the_rest_named() {
    let aws = FakeAws::serving("app-error");
    let page = format!(r#"{{"taskArns": ["{}"], "nextToken": "more"}}"#, aws.task_arn);
    let faults = [("ecs:ListTasks", Fault::Answers(200, page.leak())), ("ecs:ListTasks", Fault::DeniedOf("nextToken"))];
    for scope in [[].as_slice(), &["--cluster", &aws.cluster]] {
        let aws = FakeAws::with("app-error", &faults, Duration::ZERO);
        let ran = run(&mut against(&aws, &[&["stops", "-o", "json"], scope].concat())).code(&[3]);
        assert!(ran.stderr.contains(&format!("cluster {} was not read to its end: ", aws.cluster)), "{}", ran.stderr);
        assert_eq!(ran.json()["stops"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_cluster_that_hangs_is_named_and_those_beside_it_are_listed_in_time() {
    let clusters =
        ("ecs:ListClusters", Fault::Answers(200, r#"{"clusterArns": ["arn:aws:ecs:us-east-2:111122223333:cluster/data", "arn:aws:ecs:us-east-2:111122223333:cluster/staging"]}"#));
    let aws = FakeAws::with("app-error", &[clusters, ("ecs:ListTasks", Fault::HangOf("staging"))], Duration::ZERO);
    let began = Instant::now();
    let ran = run(&mut against(&aws, &["stops", "-o", "json", "--timeout", "4s"])).code(&[3]);
    assert!(ran.stderr.contains("cluster staging is missing here: ") && began.elapsed() < Duration::from_secs(6), "{} {:?}", ran.stderr, began.elapsed());
    assert_eq!(ran.json()["stops"].as_array().unwrap().len(), 1);
}

#[test]
fn the_latest_stop_is_told_with_the_clusters_in_which_a_later_one_may_be() {
    let clusters =
        ("ecs:ListClusters", Fault::Answers(200, r#"{"clusterArns": ["arn:aws:ecs:us-east-2:111122223333:cluster/data", "arn:aws:ecs:us-east-2:111122223333:cluster/staging"]}"#));
    let aws = FakeAws::with("app-error", &[clusters, ("ecs:ListTasks", Fault::DeniedOf("staging"))], Duration::ZERO);
    assert_eq!(aws.cluster, "data");
    let ran = run(&mut against(&aws, &["why", "@latest"])).code(&[0, 3]);
    assert!(ran.stderr.contains("a later stop may be missing: cluster staging could not be read (AccessDenied"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_read_while_it_is_watched_is_named_once_and_old_stops_are_no_news() {
    let aws = FakeAws::with("app-error", &[("ecs:DescribeTasks", Fault::Throttled(5))], Duration::ZERO);
    let child = against(&aws, &["stops", "--watch=5s"]).env("AWS_MAX_ATTEMPTS", "1").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(13));
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended = child.wait_with_output().unwrap();
    let (told, notes) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(notes.matches(&format!("cluster {} is missing here: ", aws.cluster)).count(), 1, "{notes}");
    assert!(notes.contains("what stops there may not be told"), "{notes}");
    assert!(told.is_empty(), "{told}");
}

#[test]
fn a_stop_that_happens_while_it_is_watched_is_told_in_full_and_ctrl_c_ends_it() {
    let aws = FakeAws::with("app-error", &[("ecs:ListTasks", Fault::Late(Duration::from_secs(3)))], Duration::ZERO);
    let mut child = against(&aws, &["stops", "--watch=5s", "-o", "jsonl"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(began.elapsed() < Duration::from_secs(30));
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(told["verdict"]["cause"], "app-error");
    assert!(!told["timeline"].as_array().unwrap().is_empty(), "every source was asked");
    let pid = child.id().to_string();
    std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
