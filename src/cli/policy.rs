//! The IAM policy that allows what ecs-trace can ask, or a part of it: printed from the list the wire enforces.

use serde::Serialize;

use crate::diagnosis::access::group;
use crate::diagnosis::evidence::Source;
use crate::sources::actions::{ACTIONS, Action};

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

/// One source's actions. Most of them know no narrower resource than `*`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: &'static str,
    action: Vec<&'static str>,
    resource: &'static str,
}

/// The policy for every action on the list.
#[must_use]
pub fn whole() -> String {
    printed(|_| true)
}

/// The policy for some of them.
#[must_use]
pub fn of(names: &[&str]) -> String {
    printed(|action| names.contains(&action.name))
}

fn printed(wanted: impl Fn(&Action) -> bool) -> String {
    let sources = Source::ALL.into_iter().map(Some).chain([None]);
    let statement = |source: Option<Source>| {
        let action: Vec<&str> = ACTIONS.iter().filter(|action| action.source == source && wanted(action)).map(|action| action.name).collect();
        let name = group(source);
        let (first, rest) = name.split_at(1);
        (!action.is_empty()).then(|| Statement { sid: format!("EcsTrace{}{rest}", first.to_uppercase()), effect: "Allow", action, resource: "*" })
    };
    let policy = Policy { version: "2012-10-17", statement: sources.filter_map(statement).collect() };
    serde_json::to_string_pretty(&policy).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_stands_once_under_its_own_source() {
        let policy: serde_json::Value = serde_json::from_str(&whole()).expect("JSON");
        let statements = policy["Statement"].as_array().expect("statements");
        let mut named: Vec<&str> = statements.iter().flat_map(|statement| statement["Action"].as_array().expect("actions")).filter_map(|name| name.as_str()).collect();
        let mut listed: Vec<&str> = ACTIONS.iter().map(|action| action.name).collect();
        named.sort_unstable();
        listed.sort_unstable();
        assert_eq!(named, listed);
        let cloudtrail = statements.iter().find(|statement| statement["Sid"] == "EcsTraceCloudtrail").expect("a statement for CloudTrail");
        assert!(cloudtrail["Action"].as_array().expect("actions").iter().all(|name| name.as_str().is_some_and(|name| name.starts_with("cloudtrail:"))));
    }

    #[test]
    fn what_is_missing_is_a_policy_of_its_own() {
        let policy: serde_json::Value = serde_json::from_str(&of(&["cloudtrail:LookupEvents"])).expect("JSON");
        assert_eq!(policy["Statement"].as_array().map(Vec::len), Some(1));
        assert_eq!(policy["Statement"][0]["Action"], serde_json::json!(["cloudtrail:LookupEvents"]));
    }
}
