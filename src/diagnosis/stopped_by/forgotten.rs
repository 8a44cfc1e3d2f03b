//! A task that ECS has forgotten, of whose stop no reason was kept: what is known of who may be behind it.

use jiff::Timestamp;

use super::super::actors::{self, Kind};
use super::super::call::{ApiCall, STOP_TASK};
use super::super::evidence::{Reading, Source};
use super::super::task::Teller;
use super::super::timeline::Timeline;
use super::super::words;

use super::host::SPOT_EVICTION;
use super::{SETTLES_AFTER, Status, StoppedBy, TAKES_THE_HOST, call_hop, calls};

/// That nobody can be named, and not even that nobody was, and why.
pub(super) fn untold(timeline: &Timeline) -> StoppedBy {
    let unknown = |status: Status, sentence: String| StoppedBy { kind: Some(Kind::Unknown), ..StoppedBy::without(status, sentence) };
    let task = &timeline.evidence.task;
    if let Some(gap) = timeline.may_still_run() {
        let sentence = format!("Unknown: not every cluster could be asked for the task ({}), so it is not known whether it has stopped; its logs name nobody.", gap.sentence());
        return unknown(Status::Unreadable, sentence);
    }
    let dated = task.times.stopping.or(task.times.execution_stopped).or(task.times.stopped).is_some();
    let known = match (task.told_by, dated) {
        (Teller::Logs, _) => "all that is left of the task are its logs, and they name nobody",
        (_, true) => "ECS has forgotten the task, and its reason for the stop is lost",
        (_, false) => "ECS has forgotten the task, and when and how it ended was not kept",
    };
    if task.told_by == Teller::Logs
        && let unread = timeline.unread_memory()
        && !unread.is_empty()
    {
        return unknown(Status::Unreadable, format!("Unknown: its logs name nobody, and not every other witness could be read ({}).", words::list(&sentences(&unread))));
    }
    if let Some((line, call)) = calls(timeline, STOP_TASK).find(|(_, call)| call.succeeded()) {
        let who = actors::describe(call).name;
        return unknown(Status::Unreadable, format!("Unknown: {known}. {who} called StopTask for it [{}], and nothing shows that this stopped it.", line.n));
    }
    let by = match (stop_calls(timeline), settles_at(timeline)) {
        (Asked::Gap(gap), _) => unknown(Status::Unreadable, format!("Unknown: {known}; whether somebody called StopTask is not known either ({}).", gap.sentence())),
        (Asked::Read, Some(settles)) => {
            let left = words::duration(i64::try_from(settles.duration_since(timeline.evidence.taken_at).as_millis()).unwrap_or_default());
            let sentence = format!("Not known yet: {known}. CloudTrail may not have delivered a StopTask call for it: for another {left} its absence proves nothing.");
            StoppedBy { settles_at: Some(settles), ..unknown(Status::NotYet, sentence) }
        }
        (Asked::Read, None) if task.told_by != Teller::Logs => unknown(Status::Unreadable, format!("Unknown: {known}. CloudTrail holds no StopTask call for it.")),
        (Asked::Read | Asked::Not, _) => unknown(Status::Unreadable, format!("Unknown: {known}.")),
    };
    by.with_host_taken(timeline).with_calls_beside(timeline)
}

impl StoppedBy {
    /// With who took the host away at that time.
    fn with_host_taken(mut self, timeline: &Timeline) -> Self {
        let task = &timeline.evidence.task;
        let before = |call: &ApiCall| call.succeeded() && task.may_have_been_asked(call.time);
        let taken = TAKES_THE_HOST.iter().flat_map(|name| calls(timeline, name)).filter(|(_, call)| before(call)).min_by_key(|(_, call)| call.time);
        if let Some((line, call)) = taken {
            self.sentence.push_str(&match call.name == SPOT_EVICTION {
                true => format!(" Spot took its host back [{}], which ends the tasks on it.", line.n),
                false => format!(" {} called {} for its host [{}], which ends the tasks on it.", actors::describe(call).name, call.name, line.n),
            });
            self.chain.push(call_hop(line.n, call));
        }
        self
    }
}

/// Until when the absence of a call proves nothing, where that is still to come.
fn settles_at(timeline: &Timeline) -> Option<Timestamp> {
    let settles = timeline.evidence.task.stop_anchor()?.checked_add(SETTLES_AFTER).ok()?;
    (settles > timeline.evidence.taken_at).then_some(settles)
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
        evidence.taken_at = at(3 * 3_600_000);
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
        let memory = Some("OutOfMemoryError: Container killed due to memory usage");
        for (exit_code, reason, group, cause, confidence, who) in [
            (Some(137), memory, "family:job", "out-of-memory", "likely", "nobody"),
            (Some(1), None, "family:job", "app-error", "likely", "nobody"),
            (Some(0), None, "family:job", "completed", "possible", "unreadable"),
            // A host that is shut down sends the same signals.
            (Some(143), None, "family:job", "unknown", "possible", "unreadable"),
            (Some(137), None, "family:job", "unknown", "possible", "unreadable"),
            // A service may have asked for the stop, and a mark of memory may be older than that.
            (Some(137), memory, "service:web", "out-of-memory", "possible", "unreadable"),
            (None, memory, "service:web", "out-of-memory", "possible", "unreadable"),
            (Some(139), None, "service:web", "crashed", "possible", "unreadable"),
            (Some(1), None, "service:web", "unknown", "possible", "unreadable"),
            (Some(143), None, "service:web", "unknown", "possible", "unreadable"),
        ] {
            let trace = judged(reported(exit_code, reason, group));
            let told = (trace.verdict.cause.as_str(), trace.verdict.confidence.as_str(), trace.stopped_by.status.as_str());
            assert_eq!(told, (cause, confidence, who), "{exit_code:?} {group}: {}", trace.verdict.summary);
            assert_eq!(trace.verdict.summary.contains("ECS's reason for the stop is lost:"), cause != "unknown" && confidence == "possible", "{}", trace.verdict.summary);
        }
    }

    fn reported(exit_code: Option<i64>, reason: Option<&str>, group: &str) -> Evidence {
        let mut evidence = remembered(Status::Empty);
        evidence.task.group = Some(group.to_owned());
        evidence.task.service = group.strip_prefix("service:").map(str::to_owned);
        evidence.task.times.execution_stopped = Some(at(0));
        let app = &mut evidence.task.containers[0];
        (app.exit_code, app.reason, app.last_status) = (exit_code, reason.map(str::to_owned), Some("STOPPED".to_owned()));
        app.reported = Some(Reported { call: "SubmitTaskStateChange".to_owned(), event_id: "e".to_owned(), at: at(0) });
        evidence.readings.extend(TAKES_THE_HOST.map(|name| Reading { about: Some(name.to_owned()), ..Reading::new(Source::Cloudtrail, Status::Empty) }));
        evidence
    }

    fn called(evidence: &mut Evidence, name: &str, who: &str, offset: i64) {
        let identity = Identity { kind: "IAMUser".to_owned(), user_name: Some(who.to_owned()), ..Identity::default() };
        let call = ApiCall { event_id: who.to_owned(), name: name.to_owned(), time: at(offset), identity, ..ApiCall::default() };
        let what = What::Called(Box::new(call));
        evidence.events.push(Event { at: at(offset), precision: Precision::Second, witness: Witness::Cloudtrail, level: Level::Info, container: None, what });
    }

    fn said(evidence: &mut Evidence, offset: i64, text: &str) {
        evidence.task.id = "5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8".to_owned();
        let text = text.replace("OWN", &evidence.task.id);
        evidence.events.push(Event::said(super::super::super::service::ServiceMessage::read(&text, at(offset), &text), Precision::Second));
    }

    fn told(evidence: Evidence) -> (&'static str, &'static str, Option<String>) {
        let trace = judged(evidence);
        (trace.verdict.cause.as_str(), trace.stopped_by.status.as_str(), trace.stopped_by.actor)
    }

    #[test]
    fn of_the_schedulers_stop_and_somebodys_call_the_first_counts() {
        let both = |call: i64| {
            let mut evidence = reported(Some(143), None, "service:web");
            evidence.task.times.execution_stopped = None;
            said(&mut evidence, -30_000, "(service web) has stopped 1 running tasks: (task OWN).");
            called(&mut evidence, "StopTask", "walter", call);
            evidence
        };
        assert_eq!(told(both(-25_000)), ("unknown", "unreadable", None), "it was being stopped when he called");
        assert_eq!(told(both(-60_000)), ("stop-requested", "found", Some("walter".to_owned())));
        let mut moved = reported(Some(143), None, "service:web");
        said(&mut moved, -30_000, "(service web) has stopped 1 running tasks in eu-west-1a due to AZ rebalancing: (task OWN).");
        assert_eq!(told(moved), ("az-rebalancing", "nobody", None));
    }

    #[test]
    fn a_call_after_an_end_of_its_own_did_not_stop_it_and_one_that_was_delivered_late_did() {
        let mut crashed = reported(Some(139), None, "family:job");
        called(&mut crashed, "StopTask", "walter", 1_000);
        assert_eq!(told(crashed), ("crashed", "nobody", None));
        let mut late = reported(Some(143), None, "family:job");
        called(&mut late, "StopTask", "walter", -31_000);
        assert_eq!(told(late), ("stop-requested", "found", Some("walter".to_owned())));
        let mut cleaned_up = reported(Some(1), None, "family:job");
        called(&mut cleaned_up, "TerminateInstances", "eve", 20_000);
        assert_eq!(told(cleaned_up), ("app-error", "nobody", None), "the instance went when the task was over");
    }

    #[test]
    fn nobody_needs_the_host_to_be_known_and_of_several_containers_to_know_which_is_essential() {
        let mut no_host = reported(Some(1), None, "family:job");
        no_host.readings.retain(|reading| reading.about.as_deref() != Some("BidEvictedEvent"));
        assert_eq!(told(no_host), ("unknown", "unreadable", None));
        let two = |has_definition: bool| {
            let mut evidence = reported(Some(1), None, "family:job");
            let mut app = evidence.task.containers[0].clone();
            (app.name, app.exit_code) = ("other".to_owned(), Some(137));
            evidence.task.containers.push(app);
            evidence.definition = evidence.definition.filter(|_| has_definition);
            told(evidence)
        };
        assert_eq!((two(true).1, two(false).1), ("nobody", "unreadable"));
    }

    #[test]
    fn an_end_is_dated_by_its_report_and_not_by_the_last_line() {
        let mut quiet = reported(Some(1), None, "family:job");
        (quiet.task.times.execution_stopped, quiet.task.times.last_word) = (None, Some(at(-7_200_000)));
        assert_eq!(quiet.task.stop_anchor(), Some(at(0)));
    }

    #[test]
    fn beside_a_deployment_of_that_time_an_unhealthy_target_rules_out_nobody() {
        let mut evidence = reported(Some(143), None, "service:web");
        said(&mut evidence, -31_000, "(service web) (task OWN) (port 80) is unhealthy in (target-group arn:t) due to (reason Request timed out)");
        said(&mut evidence, -30_000, "(service web) has stopped 1 running tasks: (task OWN).");
        assert_eq!(told(evidence.clone()), ("elb-health-check", "nobody", None));
        called(&mut evidence, "UpdateService", "carol", -90_000);
        let by = judged(evidence).stopped_by;
        assert_eq!((by.status.as_str(), by.actor), ("unreadable", None));
        assert!(by.sentence.contains("UpdateService by carol"), "{}", by.sentence);
    }

    #[test]
    fn a_start_that_failed_is_one_by_its_agents_words() {
        let reason = "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found";
        let (cause, status, _) = told(reported(None, Some(reason), "service:web"));
        assert_eq!((cause, status), ("image-pull", "nobody"));
    }

    #[test]
    fn nobody_is_said_only_where_a_call_would_have_been_delivered_and_nobody_took_the_host() {
        let early = judged(Evidence { taken_at: at(4_800_000), ..reported(Some(1), None, "family:job") }).stopped_by;
        assert_eq!((early.status.as_str(), early.settles_at), ("not-yet", Some(at(7_200_000))), "{}", early.sentence);
        let identity = Identity { kind: "IAMUser".to_owned(), user_name: Some("eve".to_owned()), ..Identity::default() };
        let call = ApiCall { event_id: "t".to_owned(), name: "TerminateInstances".to_owned(), time: at(-5_000), identity, ..ApiCall::default() };
        let what = What::Called(Box::new(call));
        let mut taken = reported(Some(1), None, "family:job");
        taken.events.push(Event { at: at(-5_000), precision: Precision::Second, witness: Witness::Cloudtrail, level: Level::Info, container: None, what });
        let taken = judged(taken).stopped_by;
        assert_eq!((taken.status.as_str(), taken.actor), ("unreadable", None));
        assert!(taken.sentence.contains("eve called TerminateInstances for its host") && taken.chain.len() == 1, "{}", taken.sentence);
        let mut unread = reported(Some(1), None, "family:job");
        unread.readings.push(Reading { about: Some("StopInstances".to_owned()), ..Reading::new(Source::Cloudtrail, Status::Throttled) });
        assert_eq!(judged(unread).stopped_by.status.as_str(), "unreadable");
    }

    #[test]
    fn a_load_balancers_word_seconds_before_a_lost_stop_is_its_cause_and_an_older_one_is_not() {
        let judged_after = |lead: i64, task: &str| {
            let mut evidence = reported(Some(143), None, "service:web");
            evidence.task.id = "5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8".to_owned();
            let said = |at: Timestamp, text: String| Event::said(super::super::super::service::ServiceMessage::read(&text, at, &text), Precision::Second);
            let why = "is unhealthy in (target-group arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1f) due to (reason Health checks failed with these codes: [502])";
            evidence.events.push(said(at(-30_000 - lead), format!("(service web) (task {task}) (port 80) {why}")));
            evidence.events.push(said(at(-30_000), format!("(service web) has stopped 1 running tasks: (task {}).", evidence.task.id)));
            let trace = judged(evidence);
            (trace.verdict.cause.as_str(), trace.verdict.detail, trace.stopped_by.status.as_str(), trace.verdict.evidence.len())
        };
        let own = "5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8";
        assert_eq!(judged_after(1_000, own), ("elb-health-check", Some("codes"), "nobody", 2));
        assert_eq!(judged_after(60_000, own).0, "unknown");
        assert_eq!(judged_after(1_000, &own.replace('5', "0")).0, "unknown");
    }

    #[test]
    fn a_service_event_that_names_the_task_tells_that_the_scheduler_stopped_it() {
        let mut evidence = reported(Some(137), Some("OutOfMemoryError: Container killed due to memory usage"), "service:web");
        evidence.task.id = "5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8".to_owned();
        let text = "(service web) has stopped 1 running tasks: (task 5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8).";
        let said = |text: &str| Event::said(super::super::super::service::ServiceMessage::read("m", at(-30_000), text), Precision::Millisecond);
        evidence.events.push(said(text));
        let trace = judged(evidence.clone());
        assert_eq!((trace.verdict.cause.as_str(), trace.stopped_by.status.as_str()), ("unknown", "unreadable"));
        assert!(trace.stopped_by.sentence.contains("the service scheduler stopped it"), "{}", trace.stopped_by.sentence);
        evidence.events = vec![said(&text.replace("5d6c7b8a", "00000000"))];
        assert_eq!(judged(evidence).verdict.cause.as_str(), "out-of-memory", "another task's");
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
