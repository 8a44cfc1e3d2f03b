//! Whole reasoning: each case's text and JSON as snapshots. `INSTA_UPDATE=always cargo test` writes them anew.

use super::cli::program::{program, run};

#[test]
fn every_case_reads_as_it_did() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    let mut names: Vec<String> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(!names.is_empty());
    for name in names {
        // By a relative path: suggested commands repeat it, and must not differ from one checkout to another.
        let (home, case) = (format!("{folder}/{name}"), "./case.json");
        insta::with_settings!({ snapshot_path => format!("cases/{name}"), prepend_module_to_snapshot => false, omit_expression => true }, {
            let text = run(program(&["timeline", case]).current_dir(&home).env("COLUMNS", "100")).code(&[0, 3]);
            insta::assert_snapshot!("timeline", text.stdout);
            let who = run(program(&["who-stopped", case]).current_dir(&home).env("COLUMNS", "80")).code(&[0, 3]);
            insta::assert_snapshot!("who-stopped", who.stdout);
            let json = run(program(&["timeline", case, "-o", "json"]).current_dir(&home)).code(&[0, 3]).json();
            insta::assert_json_snapshot!("json", json);
        });
    }
}

#[test]
fn every_cause_and_every_detail_has_a_case() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");
    let told: std::collections::BTreeSet<(String, Option<String>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let case = entry.unwrap().path().join("case.json");
            let verdict = run(&mut program(&["why", case.to_str().unwrap(), "-o", "json"])).code(&[0, 3]).json()["verdict"].clone();
            (verdict["cause"].as_str().unwrap().to_owned(), verdict["detail"].as_str().map(str::to_owned))
        })
        .collect();
    for rule in ecs_trace::diagnosis::rules::RULES {
        let cause = rule.cause.as_str();
        assert!(told.iter().any(|(of, _)| of == cause), "no case is of {cause}");
        for detail in rule.details {
            assert!(told.contains(&(cause.to_owned(), Some((*detail).to_owned()))), "no case is of {cause}, {detail}");
        }
    }
    for (cause, detail) in told {
        let rule = ecs_trace::diagnosis::rules::RULES.iter().find(|rule| rule.cause.as_str() == cause);
        if let (Some(rule), Some(detail)) = (rule, detail) {
            assert!(rule.details.contains(&detail.as_str()), "{cause} says {detail}, which it does not list");
        }
    }
}
