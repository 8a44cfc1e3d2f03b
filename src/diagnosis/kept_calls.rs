//! Calls older than CloudTrail's event history: the queries that find them where an account keeps them longer.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::call::STOP_TASK;
use super::service::in_parentheses;
use super::task::{Task, last_segment};
use super::words::value;

/// The same question for CloudTrail Lake and for Athena over a trail in S3, ready to paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queries {
    pub lake: String,
    pub athena: String,
    region: String,
}

/// Stands where only the account knows the name.
pub const EVENT_DATA_STORE: &str = "EVENT_DATA_STORE_ID";

impl Queries {
    /// For calls of that name that can be behind the task's stop; `None` where ECS gives no time for it.
    #[must_use]
    pub fn for_call(task: &Task, name: &str) -> Option<Self> {
        let stop = task.stop_anchor()?;
        let (before, after) =
            if name == STOP_TASK { (SignedDuration::from_mins(3), SignedDuration::from_mins(1)) } else { (SignedDuration::from_hours(2), SignedDuration::from_mins(1)) };
        let (from, to) = (stop - before, stop + after);
        let (parameter, pattern) = subject(task, name);
        let (name, pattern) = (quoted(name), quoted(&pattern));
        let source = quoted(source_of(name.trim_matches('\'')));
        let time = |at: Timestamp, form: &str| quoted(&at.to_zoned(TimeZone::UTC).strftime(form).to_string());
        let (lake, athena) = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ");
        Some(Self {
            lake: format!(
                "SELECT eventTime, eventID, userIdentity.arn, sourceIPAddress, userAgent, errorCode FROM {EVENT_DATA_STORE} WHERE eventSource = {source} AND eventName = {name} AND element_at(requestParameters, {}) LIKE {pattern} AND eventTime >= {} AND eventTime <= {}",
                quoted(parameter),
                time(from, lake),
                time(to, lake)
            ),
            athena: format!(
                "SELECT eventtime, eventid, useridentity.arn, sourceipaddress, useragent, errorcode FROM cloudtrail_logs WHERE eventsource = {source} AND eventname = {name} AND requestparameters LIKE {pattern} AND eventtime >= {} AND eventtime <= {}",
                time(from, athena),
                time(to, athena)
            ),
            region: task.region.clone(),
        })
    }

    /// Both, behind a sentence.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("CloudTrail Lake, if the account has an event data store: {} · Athena, over a trail in S3: {}", self.lake, self.athena)
    }

    /// The command that asks CloudTrail Lake; AWS bills it by the data scanned.
    #[must_use]
    pub fn command(&self) -> String {
        format!("aws cloudtrail start-query --query-statement{} --region{}", value(&self.lake), value(&self.region))
    }
}

/// The parameter by which a call names what it is about, and what of it is in there however it was typed.
fn subject(task: &Task, name: &str) -> (&'static str, String) {
    let service = task.service.as_deref().unwrap_or_default();
    let instance = || in_parentheses(task.stopped_reason.as_deref().unwrap_or_default(), "instance").unwrap_or_default().to_owned();
    let container_instance = || task.container_instance_arn.as_deref().map(last_segment).unwrap_or_default();
    match name {
        STOP_TASK => ("task", format!("%{}%", task.id)),
        "StopServiceDeployment" => ("serviceDeploymentArn", format!("%/{service}/%")),
        "TerminateInstances" | "StopInstances" => ("instancesSet", format!("%{}%", instance())),
        "UpdateContainerInstancesState" => ("containerInstances", format!("%{}%", container_instance())),
        "DeregisterContainerInstance" => ("containerInstance", format!("%{}%", container_instance())),
        _ => ("service", format!("%{service}%")),
    }
}

fn source_of(name: &str) -> &'static str {
    if matches!(name, "TerminateInstances" | "StopInstances") { "ec2.amazonaws.com" } else { "ecs.amazonaws.com" }
}

/// A text in SQL: a quote inside it is doubled.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::super::rules::fixtures::{ID, stopped};
    use super::*;

    #[test]
    fn the_queries_hold_the_task_the_window_and_the_name() {
        let queries = Queries::for_call(&stopped("UserInitiated", "Task stopped by user", Some(0)).task, "StopTask").expect("queries");
        for (query, time) in [(&queries.lake, "eventTime >= '"), (&queries.athena, "eventtime >= '")] {
            assert!(query.contains(ID) && query.contains("'StopTask'") && query.contains("'ecs.amazonaws.com'") && query.contains(time), "{query}");
        }
        assert!(queries.command().starts_with("aws cloudtrail start-query --query-statement ") && queries.command().ends_with(" --region eu-west-1"));
    }

    #[test]
    fn a_lost_host_is_asked_for_by_its_instance_and_a_quote_cannot_end_a_text() {
        let mut task = stopped("", "Host EC2 (instance i-0abc) terminated.", None).task;
        let queries = Queries::for_call(&task, "TerminateInstances").expect("queries");
        assert!(queries.lake.contains("element_at(requestParameters, 'instancesSet') LIKE '%i-0abc%'") && queries.lake.contains("'ec2.amazonaws.com'"), "{}", queries.lake);
        task.service = Some("o'web".to_owned());
        assert!(Queries::for_call(&task, "UpdateService").expect("queries").athena.contains("'%o''web%'"));
    }
}
