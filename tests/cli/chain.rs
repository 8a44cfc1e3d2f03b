//! How far CloudTrail is asked: at most three names for the chain, whatever the stop.

use std::collections::BTreeSet;

use super::program::{program, run};

/// Names that CloudTrail was asked for in one answer, without those that every started task is asked for and those
/// that lead from a key to who began its session.
fn names(document: &serde_json::Value) -> BTreeSet<String> {
    let asked = document["sources"].as_array().unwrap().iter().filter(|source| source["action"] == "cloudtrail:LookupEvents");
    let named = asked.filter_map(|source| source["detail"].as_str()).map(|detail| detail.split([':', ' ']).next().unwrap().to_owned());
    named.filter(|name| !matches!(name.as_str(), "StopTask" | "ExecuteCommand") && !name.starts_with("AssumeRole")).collect()
}

#[test]
fn at_most_three_names_are_asked_for_the_chain_of_any_stop() {
    let folder = format!("{}/tests/cases", env!("CARGO_MANIFEST_DIR"));
    let mut most = 0;
    for case in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path().join("case.json")).filter(|path| path.exists()) {
        let document = run(&mut program(&["timeline", case.to_str().unwrap(), "-o", "json"])).json();
        let names = names(&document);
        assert!(names.len() <= 3, "{}: {names:?}", case.display());
        most = most.max(names.len());
    }
    assert!(most > 0, "no name was asked for at all");
}
