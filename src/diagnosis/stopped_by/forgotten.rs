//! A task that ECS has forgotten, of whose stop no reason was kept: what is known of who may be behind it.

use super::super::actors;
use super::super::call::STOP_TASK;
use super::super::evidence::{Reading, Source};
use super::super::task::Teller;
use super::super::timeline::Timeline;
use super::super::words;

use super::calls;

/// Why nobody can be named, and not even that nobody was.
pub(super) fn untold(timeline: &Timeline) -> String {
    let task = &timeline.evidence.task;
    if let Some(gap) = timeline.may_still_run() {
        return format!("Unknown: not every cluster could be asked for the task ({}), so it is not known whether it has stopped; its logs name nobody.", gap.sentence());
    }
    if task.told_by == Teller::Logs {
        return match timeline.unread_memory().as_slice() {
            [] => "Unknown: all that is left of the task are its logs, and they name nobody.".to_owned(),
            unread => format!("Unknown: its logs name nobody, and not every other witness could be read ({}).", words::list(&sentences(unread))),
        };
    }
    let dated = task.times.stopping.or(task.times.execution_stopped).or(task.times.stopped).is_some();
    let known = if dated { "ECS has forgotten the task, and its reason for the stop is lost" } else { "ECS has forgotten the task, and when and how it ended was not kept" };
    if let Some((line, call)) = calls(timeline, STOP_TASK).find(|(_, call)| call.succeeded()) {
        let who = actors::describe(call).name;
        return format!("Unknown: {known}. {who} called StopTask for it [{}], and nothing shows that this stopped it.", line.n);
    }
    match stop_calls(timeline) {
        Asked::Gap(gap) => format!("Unknown: {known}; whether somebody called StopTask is not known either ({}).", gap.sentence()),
        Asked::Read => format!("Unknown: {known}. CloudTrail holds no StopTask call for it."),
        Asked::Not => format!("Unknown: {known}."),
    }
}

/// How the search for StopTask calls ended, near the stop or in all that CloudTrail keeps.
enum Asked<'a> {
    Not,
    Read,
    Gap(&'a Reading),
}

fn stop_calls(timeline: &Timeline) -> Asked<'_> {
    let all = || timeline.evidence.readings.iter().filter(|reading| reading.source == Source::Cloudtrail && reading.about.as_deref() == Some(STOP_TASK));
    match all().find(|reading| reading.status.is_gap()) {
        Some(gap) => Asked::Gap(gap),
        None if all().next().is_some() => Asked::Read,
        None => Asked::Not,
    }
}

/// Why a StopTask call that came before all that are known may be unread, where such a call is all that dates the stop.
pub(super) fn earlier_call_unread(timeline: &Timeline) -> Option<&Reading> {
    let times = &timeline.evidence.task.times;
    let undated = times.stopping.is_none() && times.asked_to_stop.is_some();
    match stop_calls(timeline) {
        Asked::Gap(gap) if undated => Some(gap),
        _ => None,
    }
}

fn sentences(readings: &[&Reading]) -> Vec<String> {
    let mut all: Vec<String> = readings.iter().map(|reading| reading.sentence()).collect();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::super::super::call::{ApiCall, Identity};
    use super::super::super::event::{Event, Level, Precision, What, Witness};
    use super::super::super::evidence::{Evidence, Status};
    use super::super::super::rules::fixtures::{at, judged, stopped};
    use super::super::super::task::{Reported, Times};
    use super::*;

    /// Known by recorded calls alone, with the search for StopTask calls ended so.
    fn remembered(status: Status) -> Evidence {
        let mut evidence = stopped("", "", None);
        evidence.task.told_by = Teller::Cloudtrail;
        (evidence.task.stopped_reason, evidence.task.service, evidence.task.group) = (None, None, Some("family:job".to_owned()));
        evidence.task.times = Times { created: Some(at(-600_000)), ..Times::default() };
        evidence.task.containers[0].last_status = None;
        evidence.readings.push(Reading { about: Some("StopTask".to_owned()), aside: true, ..Reading::new(Source::Cloudtrail, status) });
        evidence
    }

    fn asked_to_stop(mut evidence: Evidence, calls: &[(&str, i64)]) -> Evidence {
        evidence.task.times.asked_to_stop = calls.iter().map(|(_, offset)| at(*offset)).min();
        for (user, offset) in calls {
            let identity = Identity { kind: "IAMUser".to_owned(), user_name: Some((*user).to_owned()), ..Identity::default() };
            let call = ApiCall { event_id: (*user).to_owned(), name: "StopTask".to_owned(), time: at(*offset), identity, ..ApiCall::default() };
            let what = What::Called(Box::new(call));
            evidence.events.push(Event { at: at(*offset), precision: Precision::Second, witness: Witness::Cloudtrail, level: Level::Info, container: None, what });
        }
        evidence
    }

    #[test]
    fn of_a_forgotten_task_it_is_never_said_that_it_was_not_stopped() {
        for (teller, status) in [(Teller::Cloudtrail, "RUNNING"), (Teller::Archive, "RUNNING"), (Teller::Cloudtrail, "PENDING")] {
            let mut evidence = remembered(Status::Ok);
            (evidence.task.told_by, evidence.task.last_status, evidence.task.desired_status) = (teller, Some(status.to_owned()), Some("RUNNING".to_owned()));
            evidence.task.containers[0].last_status = Some(status.to_owned());
            let trace = judged(evidence);
            assert_eq!((trace.stopped_by.status.as_str(), trace.verdict.is_conclusive()), ("unreadable", false));
            assert!(!trace.verdict.headline.contains("not stopped") && trace.verdict.summary.contains("not kept"), "{}", trace.verdict.summary);
            assert_eq!(trace.timeline.container_line("app").map(|line| line.event.text()), None, "nobody told how it ended");
        }
        let unread = judged(remembered(Status::Failed)).stopped_by.sentence;
        assert!(unread.contains("not known either (cloudtrail: failed"), "{unread}");
    }

    #[test]
    fn of_two_calls_without_a_time_of_the_stop_the_first_made_it_and_one_that_may_be_unread_names_nobody() {
        let calls = [("bob", 600_000), ("alice", 0)];
        let read = judged(asked_to_stop(remembered(Status::Ok), &calls));
        assert_eq!((read.stopped_by.status.as_str(), read.stopped_by.actor.as_deref()), ("found", Some("alice")));
        assert_eq!((read.verdict.cause.as_str(), read.verdict.confidence.as_str()), ("stop-requested", "likely"));
        let unread = judged(asked_to_stop(remembered(Status::Failed), &calls)).stopped_by;
        assert_eq!((unread.status.as_str(), unread.actor), ("unreadable", None));
        assert!(unread.sentence.contains("an earlier one may be unread"), "{}", unread.sentence);
    }

    #[test]
    fn a_reported_end_of_its_own_has_its_cause_and_one_that_an_order_leaves_behind_has_not() {
        let reported = |exit_code: Option<i64>, reason: Option<&str>, group: &str| {
            let mut evidence = remembered(Status::Empty);
            evidence.task.group = Some(group.to_owned());
            evidence.task.times.execution_stopped = Some(at(0));
            let app = &mut evidence.task.containers[0];
            (app.exit_code, app.reason, app.last_status) = (exit_code, reason.map(str::to_owned), Some("STOPPED".to_owned()));
            app.reported = Some(Reported { call: "SubmitTaskStateChange".to_owned(), event_id: "e".to_owned(), at: at(0) });
            judged(evidence).verdict
        };
        let memory = Some("OutOfMemoryError: Container killed due to memory usage");
        for (exit_code, reason, group, cause) in [
            (Some(137), memory, "service:web", "out-of-memory"),
            (None, memory, "service:web", "out-of-memory"),
            (Some(139), None, "service:web", "crashed"),
            (Some(1), None, "family:job", "app-error"),
            (Some(1), None, "service:web", "unknown"),
            (Some(143), None, "service:web", "unknown"),
        ] {
            let verdict = reported(exit_code, reason, group);
            assert_eq!(verdict.cause.as_str(), cause, "{exit_code:?} {group}: {}", verdict.summary);
            assert!(verdict.confidence.as_str() != "certain");
        }
    }

    #[test]
    fn what_calls_tell_is_marked_as_theirs_and_free_text_as_such() {
        let mut evidence = remembered(Status::Ok);
        evidence.task.started_by = Some("nightly".to_owned());
        evidence.task.kept = vec![(super::super::super::task::Station::Created, Reported { call: "RunTask".to_owned(), event_id: "e1".to_owned(), at: at(-600_000) })];
        let line = judged(evidence).timeline.lines.into_iter().next().expect("a line");
        assert_eq!(
            (line.event.text().as_str(), line.event.witness, line.event.reference().as_deref()),
            ("RunTask: created (startedBy “nightly”)", Witness::Cloudtrail, Some("e1"))
        );
    }

    #[test]
    fn a_task_known_by_container_insights_alone_has_stopped_and_neither_a_cause_nor_anybody_behind_it() {
        let mut evidence = remembered(Status::Empty);
        (evidence.task.told_by, evidence.task.last_status, evidence.task.service) = (Teller::Insights, Some("STOPPED".to_owned()), Some("web".to_owned()));
        evidence.task.times = Times { created: Some(at(-600_000)), last_word: Some(at(0)), ..Times::default() };
        let unread = Reading { aside: true, ..Reading::new(Source::Metrics, Status::TimedOut) };
        evidence.readings.push(Reading { action: Some("ecs:ListClusters".to_owned()), ..Reading::new(Source::Ecs, Status::Denied) });
        evidence.readings.push(unread);
        let trace = judged(evidence);
        assert_eq!((trace.verdict.cause.as_str(), trace.stopped_by.status.as_str(), trace.stopped_by.actor), ("unknown", "unreadable", None));
        assert!(trace.stopped_by.sentence.contains("when and how it ended was not kept"), "{}", trace.stopped_by.sentence);
        assert!(!trace.verdict.summary.contains("may still run") && trace.verdict.summary.contains("Not read: ecs and metrics"), "{}", trace.verdict.summary);
        let created = trace.timeline.lines.first().expect("a line");
        assert_eq!((created.event.text().as_str(), created.event.witness), ("created by service web, deployment ecs-svc/1", Witness::Metric));
        assert_eq!(trace.timeline.lines.len(), 1, "nobody told an end: {:?}", trace.timeline.lines);
    }

    #[test]
    fn a_task_known_by_its_logs_may_still_run_where_not_every_cluster_could_be_asked() {
        let mut evidence = remembered(Status::Denied);
        evidence.task.told_by = Teller::Logs;
        let sentence = judged(evidence.clone()).stopped_by.sentence;
        assert!(sentence.contains("not every other witness could be read (cloudtrail: AccessDenied"), "{sentence}");
        evidence.readings.push(Reading { action: Some("ecs:ListClusters".to_owned()), ..Reading::new(Source::Ecs, Status::Denied) });
        let trace = judged(evidence);
        assert!(trace.stopped_by.sentence.contains("not known whether it has stopped") && trace.verdict.summary.contains("may still run"), "{}", trace.verdict.summary);
        assert!(trace.verdict.notes.iter().any(|note| note.code == "forgotten" && note.text.contains("may be in another")));
    }
}
