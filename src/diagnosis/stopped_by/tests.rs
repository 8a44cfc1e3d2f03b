//! The chain from the stop to who began it, on evidence bent by hand.

use super::super::call::ToldDeployment;
use super::super::evidence::{Evidence, Reading, Source, Status as Read};
use super::super::rules::fixtures::{at, called as call, hide, judged, scaled, stopped};
use super::super::service::{Deployment, ServiceMessage};
use super::*;

fn read(mut evidence: Evidence, name: &str, status: Read) -> Evidence {
    evidence.readings.push(Reading { about: Some(name.to_owned()), ..Reading::new(Source::Cloudtrail, status) });
    evidence
}

fn ordered() -> Evidence {
    read(stopped("UserInitiated", "Task stopped by user", Some(0)), "StopTask", Read::Ok)
}

fn told(evidence: Evidence) -> String {
    let by = judged(evidence).stopped_by;
    format!("{} {}", by.status.as_str(), by.actor.unwrap_or_else(|| "-".to_owned()))
}

#[test]
fn the_first_accepted_call_counts_and_neither_a_refused_nor_a_later_one() {
    let evidence = call(ordered(), -40_000, "StopTask", "eve", |call| call.error_code = Some("AccessDenied".to_owned()));
    let evidence = call(call(evidence, -1_000, "StopTask", "jane", |_| {}), 20_000, "StopTask", "larry", |_| {});
    let by = judged(evidence).stopped_by;
    assert_eq!(by.actor.as_deref(), Some("jane"));
    assert_eq!(by.attempts.len(), 1);
}

#[test]
fn a_call_that_gave_another_reason_than_ecs_repeats_is_not_the_cause() {
    let evidence = || read(stopped("UserInitiated", "INC-1 restart", Some(0)), "StopTask", Read::Ok);
    let given = |reason: &'static str| move |call: &mut ApiCall| call.parameters.reason = Some(reason.to_owned());
    assert_eq!(told(call(evidence(), -1_000, "StopTask", "mallory", given("something else"))), "not-yet -");
    assert_eq!(told(call(evidence(), -1_000, "StopTask", "jane", given("INC-1 restart"))), "found jane");
    assert_eq!(told(call(evidence(), -1_000, "StopTask", "jane", |_| {})), "found jane");
    assert_eq!(told(call(evidence(), -90_000, "StopTask", "early", |_| {})), "not-yet -");
}

#[test]
fn a_typed_reason_that_sounds_like_the_hosts_is_still_a_call() {
    for reason in ["Host EC2 (instance i-0abc) is old, moving", "instance DRAINING before patching"] {
        let evidence = read(stopped("UserInitiated", reason, Some(0)), "StopTask", Read::Ok);
        assert_eq!(told(call(evidence, -1_000, "StopTask", "jane", |_| {})), "found jane", "{reason}");
    }
}

#[test]
fn a_call_of_another_time_is_not_the_cause() {
    assert_eq!(told(call(ordered(), 30_000, "StopTask", "late", |_| {})), "not-yet -");
    assert_eq!(told(call(ordered(), -400_000, "StopTask", "early", |_| {})), "not-yet -");
}

#[test]
fn absence_is_not_yet_then_not_recorded_then_expired() {
    assert_eq!(told(ordered()), "not-yet -");
    let mut old = ordered();
    old.taken_at = at(3 * 3_600_000);
    assert_eq!(told(old), "not-recorded -");
    let mut older = ordered();
    older.taken_at = at(91 * 86_400_000);
    assert_eq!(told(older.clone()), "expired -");
    let trace = judged(older.clone());
    assert!(trace.stopped_by.summary().contains("FROM cloudtrail_logs") && trace.stopped_by.summary().contains("LIKE '%5d6c7b8a"), "{}", trace.stopped_by.summary());
    let commands: Vec<_> = trace.verdict.next_steps.iter().filter_map(|step| step.command.as_deref()).collect();
    assert!(commands.iter().any(|command| command.contains("start-query")) && commands.iter().any(|command| command.contains("FROM cloudtrail_logs")), "{commands:?}");
    older.readings.last_mut().expect("a reading").action = Some(LAKE_QUERY.to_owned());
    assert_eq!(told(older), "not-recorded -", "an event data store was read");
}

#[test]
fn what_could_not_be_read_is_unreadable_however_old() {
    for status in [Read::Denied, Read::Throttled, Read::Failed, Read::TimedOut, Read::Skipped] {
        let mut evidence = read(stopped("UserInitiated", "Task stopped by user", Some(0)), "StopTask", status);
        evidence.taken_at = at(3 * 3_600_000);
        assert_eq!(told(evidence), "unreadable -", "{status:?}");
    }
}

#[test]
fn half_read_a_call_is_believed_only_where_it_fits_to_the_second() {
    let half = || read(stopped("UserInitiated", "Task stopped by user", Some(0)), "StopTask", Read::Throttled);
    assert_eq!(told(call(half(), -1_000, "StopTask", "jane", |_| {})), "found jane");
    assert_eq!(told(call(half(), -60_000, "StopTask", "jane", |_| {})), "unreadable -");
}

fn listed(id: &str, created: Option<i64>) -> ToldDeployment {
    ToldDeployment { id: id.to_owned(), created_at: created.map(at), definition: None }
}

fn replaced() -> Evidence {
    let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(143)), "UpdateService", Read::Ok);
    evidence.service.as_mut().expect("a service").deployments.push(Deployment { id: "ecs-svc/2".to_owned(), created_at: Some(at(-90_000)), ..Deployment::default() });
    evidence
}

#[test]
fn a_deployment_that_ecs_names_and_lists_no_longer_is_known_by_the_answer_to_a_call_if_it_brought_what_is_newer() {
    let by = |definition: Option<&str>| {
        let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(143)), "UpdateService", Read::Ok);
        (evidence.task.family, evidence.task.revision) = (Some("web".to_owned()), Some(42));
        evidence.service.as_mut().expect("a service").deployments.retain(|deployment| deployment.id != "ecs-svc/1");
        let newer = ToldDeployment { definition: definition.map(str::to_owned), ..listed("ecs-svc/2", Some(-90_000)) };
        let evidence = call(evidence, -91_000, "UpdateService", "carol", |call| call.response_deployments = vec![newer.clone(), listed("ecs-svc/1", Some(-900_000))]);
        let trace = judged(evidence);
        (trace.verdict.cause.as_str(), trace.verdict.confidence.as_str(), trace.stopped_by.actor)
    };
    assert_eq!(by(Some("web:43")), ("deployment", "likely", Some("carol".to_owned())));
    for untold in [None, Some("web:41"), Some("other:99")] {
        let (cause, _, actor) = by(untold);
        assert_eq!((cause, actor), ("unknown", None), "{untold:?} may be a way back");
    }
}

#[test]
fn the_call_in_the_deployments_own_second_began_it_and_an_earlier_one_did_not() {
    assert_eq!(told(call(replaced(), -91_000, "UpdateService", "rosa", |_| {})), "found rosa");
    assert_eq!(told(call(replaced(), -140_000, "UpdateService", "nora", |_| {})), "not-yet -");
    let other = call(replaced(), -91_000, "UpdateService", "nora", |call| call.response_deployments = vec![listed("ecs-svc/3", None)]);
    assert_eq!(told(other), "not-yet -");
}

#[test]
fn a_hand_that_raised_the_count_did_not_scale_in() {
    let scaled = || {
        let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), "UpdateService", Read::Ok);
        evidence.service.as_mut().expect("a service").desired_count = 2;
        evidence
    };
    assert_eq!(told(call(scaled(), -20_000, "UpdateService", "olga", |call| call.parameters.desired_count = Some(2))), "found olga");
    assert_eq!(told(call(scaled(), -20_000, "UpdateService", "olga", |call| call.parameters.desired_count = Some(6))), "not-yet -");
    assert_eq!(told(call(scaled(), -20_000, "UpdateService", "olga", |_| {})), "not-yet -");
}

#[test]
fn of_several_counts_the_one_that_lowered_is_named_and_a_later_restoring_one_is_not() {
    let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), "UpdateService", Read::Ok);
    evidence.service.as_mut().expect("a service").desired_count = 4;
    let set = |count, running| move |call: &mut ApiCall| (call.parameters.desired_count, call.response_running) = (Some(count), running);
    let told_both = call(call(evidence.clone(), -30_000, "UpdateService", "alice", set(1, Some(4))), -5_000, "UpdateService", "bob", set(4, Some(4)));
    assert_eq!(told(told_both), "found alice");
    let untold = call(call(evidence.clone(), -30_000, "UpdateService", "alice", set(1, None)), -5_000, "UpdateService", "bob", set(4, None));
    assert_eq!(told(untold), "not-yet -");
    assert_eq!(told(call(evidence, -1_000, "UpdateService", "scaling", set(3, Some(3)))), "found scaling");
}

fn lowered(cause: &str) -> Evidence {
    let evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143));
    scaled(evidence, -12_500, 3, cause, |activity| (activity.id, activity.set_before) = ("a1".to_owned(), Some(8)))
}

fn by_scaling(evidence: Evidence, offset: i64, count: i64) -> Evidence {
    call(evidence, offset, "UpdateService", "scaling", |call| {
        let role = Some("AWSServiceRoleForApplicationAutoScaling_ECSService".to_owned());
        call.identity = Identity { kind: "AssumedRole".to_owned(), role, ..Identity::default() };
        call.parameters.desired_count = Some(count);
    })
}

#[test]
fn a_schedule_that_lowered_the_count_is_named_and_needs_no_cloudtrail() {
    let evidence = lowered("maximum capacity was set to 3; scheduled action name night-shift was triggered");
    let by = judged(read(evidence, "UpdateService", Read::Denied)).stopped_by;
    assert_eq!((by.status, by.kind, by.actor.as_deref()), (Status::Found, Some(Kind::Autoscaling), Some("night-shift")));
    let hop = &by.chain[0];
    assert_eq!((by.chain.len(), hop.kind, hop.id.as_deref(), hop.time), (1, "autoscaling", Some("a1"), Some(at(-12_500))));
    assert!(hop.what.contains("from 8 to 3: maximum capacity"), "{}", hop.what);
    assert_eq!((by.began_at(), by.call.is_none()), (Some(at(-12_500)), true));
    assert_eq!(by.sentence, "night-shift did, a scheduled action: it set the desired count from 8 to 3.");
}

#[test]
fn the_call_of_an_activity_is_the_same_act_and_stands_behind_it() {
    let evidence = by_scaling(lowered("monitor alarm quiet in state ALARM triggered policy step"), -12_000, 3);
    let by = judged(read(evidence, "UpdateService", Read::Ok)).stopped_by;
    assert_eq!(by.actor.as_deref(), Some("step"));
    assert_eq!(by.call.as_ref().map(|(_, call)| call.event_id.as_str()), Some("scaling--12000"));
    let ids: Vec<_> = by.chain.iter().map(|hop| (hop.id.as_deref(), hop.event_id.as_deref())).collect();
    assert_eq!(ids, [(Some("a1"), None), (None, Some("scaling--12000"))]);
}

#[test]
fn without_the_activities_the_call_alone_is_autoscalings() {
    let mut evidence = by_scaling(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), -12_000, 3);
    evidence.service.as_mut().expect("a service").desired_count = 3;
    evidence.readings.push(Reading::new(Source::Autoscaling, Read::Denied));
    let by = judged(read(evidence, "UpdateService", Read::Ok)).stopped_by;
    assert_eq!((by.status, by.kind, by.actor.as_deref()), (Status::Found, Some(Kind::Autoscaling), Some("Application Auto Scaling")));
    assert_eq!(by.call.map(|(_, call)| call.event_id).as_deref(), Some("scaling--12000"));
}

#[test]
fn with_nothing_that_lowered_the_count_unread_activities_are_said() {
    let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), "UpdateService", Read::Ok);
    evidence.taken_at = at(3 * 3_600_000);
    let sentence = |evidence: &Evidence| judged(evidence.clone()).stopped_by.sentence;
    assert!(!sentence(&evidence).contains("scaling activities"), "{}", sentence(&evidence));
    evidence.readings.push(Reading::new(Source::Autoscaling, Read::Expired));
    assert!(sentence(&evidence).contains("scaling activities"), "{}", sentence(&evidence));
    assert_eq!(told(evidence), "not-recorded -");
}

#[test]
fn with_the_service_hidden_an_activity_is_told_and_nobody_is_named() {
    let evidence = hide(lowered("monitor alarm TargetTracking-a-AlarmLow-b in state ALARM triggered policy cpu60"), Source::Service);
    let by = judged(read(evidence, "UpdateService", Read::Ok)).stopped_by;
    assert_eq!((by.status, by.actor), (Status::Unreadable, None));
    assert!(by.sentence.contains("Policy cpu60 lowered the desired count just before"), "{}", by.sentence);
    assert_eq!(by.chain[0].id.as_deref(), Some("a1"));
}

#[test]
fn nobody_rests_on_ecs_own_word_and_needs_no_cloudtrail() {
    for (code, reason) in [
        ("EssentialContainerExited", "Essential container in task exited"),
        ("TaskFailedToStart", "Task failed to start"),
        ("SpotInterruption", "Your Spot Task was interrupted."),
        ("ServiceSchedulerInitiated", "Task failed container health checks"),
        ("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn:t)"),
    ] {
        assert_eq!(told(read(stopped(code, reason, Some(1)), "StopTask", Read::Denied)), "nobody -", "{code}");
    }
    assert_eq!(told(stopped("InfrastructureHealth", "Something new", Some(1))), "unreadable -");
}

const HOST: &str = "i-06aab15feb4568492";

fn lost(end: &str) -> Evidence {
    read(stopped("", &format!("Host EC2 (instance {HOST}) {end}."), None), if end == "stopped" { "StopInstances" } else { "TerminateInstances" }, Read::Ok)
}

fn of_host(call: &mut ApiCall) {
    call.parameters.instances = vec![HOST.to_owned()];
}

#[test]
fn a_lost_host_leads_to_who_took_it_away_and_a_refused_try_is_an_attempt() {
    let evidence = call(lost("stopped"), -75_000, "StopInstances", "anna", of_host);
    let evidence = call(evidence, -300_000, "StopInstances", "ben", |call| call.error_code = Some("Client.UnauthorizedOperation".to_owned()));
    let by = judged(evidence).stopped_by;
    assert_eq!((by.actor.as_deref(), by.attempts.len()), (Some("anna"), 1));
    assert_eq!(told(call(lost("stopped"), 60_000, "StopInstances", "late", of_host)), "not-yet -");
    let mut unread = lost("stopped");
    unread.readings.last_mut().expect("a reading").status = Read::Denied;
    assert_eq!(told(unread), "unreadable -");
}

#[test]
fn auto_scaling_carries_out_what_somebody_asked_it_to() {
    let scaling = |call: &mut ApiCall| call.identity = Identity { kind: "AWSService".to_owned(), invoked_by: Some("autoscaling.amazonaws.com".to_owned()), ..Identity::default() };
    let alone = call(lost("terminated"), -60_000, "TerminateInstances", "x", scaling);
    assert_eq!(told(alone.clone()), "found EC2 Auto Scaling");
    let by = judged(call(alone, -90_000, "TerminateInstanceInAutoScalingGroup", "rosa", of_host)).stopped_by;
    assert_eq!(by.actor.as_deref(), Some("rosa"));
    let calls: Vec<_> = by.chain.iter().filter_map(|hop| hop.call.as_deref()).collect();
    assert_eq!(calls, ["TerminateInstances", "TerminateInstanceInAutoScalingGroup"]);
}

#[test]
fn a_spot_eviction_of_the_host_was_nobody_and_is_told_as_what_it_is() {
    let trace = judged(call(lost("terminated"), -30_000, "BidEvictedEvent", "x", of_host));
    assert_eq!((trace.stopped_by.status, trace.stopped_by.kind), (Status::Nobody, Some(Kind::Aws)));
    assert_eq!(trace.stopped_by.chain[0].event_id.as_deref(), Some("x--30000"));
    assert_eq!((trace.verdict.cause.as_str(), trace.verdict.confidence.as_str()), ("spot-interruption", "certain"));
}

#[test]
fn a_drained_host_leads_to_who_drained_it() {
    let mut evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143));
    evidence.host = Some(super::super::service::Host { status: Some("DRAINING".to_owned()), ..Default::default() });
    let evidence = read(read(evidence, "UpdateContainerInstancesState", Read::Ok), "UpdateService", Read::Ok);
    let drains = |call: &mut ApiCall| call.parameters.status = Some("DRAINING".to_owned());
    let trace = judged(call(evidence.clone(), -40_000, "UpdateContainerInstancesState", "dora", drains));
    assert_eq!((trace.stopped_by.actor.as_deref(), trace.verdict.cause.as_str()), (Some("dora"), "host-draining"));
    let back = call(evidence, -40_000, "UpdateContainerInstancesState", "dora", |call| call.parameters.status = Some("ACTIVE".to_owned()));
    assert_eq!(told(back), "not-yet -");
}

#[test]
fn a_drain_that_was_undone_after_the_stop_is_behind_it_and_one_that_was_undone_before_is_not() {
    let mut evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143));
    evidence.task.container_instance_arn = Some("arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/c1".to_owned());
    evidence.host = Some(super::super::service::Host { status: Some("ACTIVE".to_owned()), ..Default::default() });
    let evidence = read(read(evidence, "UpdateContainerInstancesState", Read::Ok), "UpdateService", Read::Ok);
    let set = |evidence: Evidence, offset: i64, status: &'static str| {
        call(evidence, offset, "UpdateContainerInstancesState", "dora", move |call| call.parameters.status = Some(status.to_owned()))
    };
    let undone_after = judged(set(set(evidence.clone(), -40_000, "DRAINING"), 60_000, "ACTIVE"));
    assert_eq!((undone_after.stopped_by.actor.as_deref(), undone_after.verdict.cause.as_str()), (Some("dora"), "host-draining"));
    let undone_before = judged(set(set(evidence, -80_000, "DRAINING"), -40_000, "ACTIVE"));
    assert_ne!(undone_before.verdict.cause.as_str(), "host-draining");
}

fn rolled_back(how: &str) -> Evidence {
    let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(143)), "UpdateService", Read::Ok);
    let service = evidence.service.as_mut().expect("a service");
    service.deployments = vec![Deployment { id: "ecs-svc/2".to_owned(), created_at: Some(at(-20_000)), ..Deployment::default() }];
    let rollback = super::super::service::Rollback { reason: Some(how.to_owned()), started_at: Some(at(-20_000)) };
    evidence.service_deployments = vec![super::super::service::ServiceDeployment {
        status: "ROLLBACK_SUCCESSFUL".to_owned(),
        created_at: Some(at(-540_000)),
        target_revision: Some("1".to_owned()),
        rollback: Some(rollback),
        ..Default::default()
    }];
    evidence
}

#[test]
fn behind_an_automatic_rollback_is_who_began_the_deployment_that_failed() {
    let evidence = call(rolled_back("circuit breaker threshold exceeded"), -541_000, "UpdateService", "rosa", |_| {});
    let by = judged(call(evidence, -21_000, "UpdateService", "nora", |_| {})).stopped_by;
    assert_eq!(by.actor.as_deref(), Some("rosa"));
    let ids: Vec<_> = by.chain.iter().filter_map(|hop| hop.id.as_deref().or(hop.event_id.as_deref())).collect();
    assert_eq!(ids, ["ecs-svc/2", "ecs-svc/1", "rosa--541000"]);
}

#[test]
fn where_the_history_is_unread_an_answer_dates_the_deployment_that_failed_and_without_one_nobody_is_guessed() {
    let unread = || {
        let mut evidence = rolled_back("circuit breaker threshold exceeded");
        evidence.service_deployments.clear();
        let back = "(service web) (deployment ecs-svc/1) deployment failed: tasks failed to start.";
        let service = evidence.service.as_mut().expect("a service");
        service.messages = vec![ServiceMessage::read("f", at(-21_000), back), ServiceMessage::read("r", at(-20_000), "(service web) rolling back to deployment ecs-svc/2.")];
        evidence.readings.push(Reading { action: Some("ecs:ListServiceDeployments".to_owned()), ..Reading::new(Source::Service, Read::Denied) });
        evidence
    };
    let lists = |created: Option<i64>| move |call: &mut ApiCall| call.response_deployments = vec![listed("ecs-svc/1", created)];
    assert_eq!(told(call(unread(), -541_000, "UpdateService", "rosa", lists(Some(-541_000)))), "found rosa");
    // A later one lists it, too, and tells when it began.
    let scaled = || call(unread(), -300_000, "UpdateService", "sam", lists(Some(-541_000)));
    assert_eq!(told(call(scaled(), -541_000, "UpdateService", "rosa", |_| {})), "found rosa");
    assert_eq!(told(scaled()), "not-yet -");
    for near_the_way_back in [lists(None), lists(Some(-20_000))] {
        assert_ne!(told(call(unread(), -21_000, "UpdateService", "sam", near_the_way_back)), "not-recorded -");
    }
    let by = judged(call(unread(), -21_000, "UpdateService", "sam", lists(None))).stopped_by;
    assert_eq!((by.status.as_str(), by.actor), ("unreadable", None));
    assert!(by.sentence.contains("ecs:ListServiceDeployments") && by.sentence.contains("when it began"), "{}", by.sentence);
}

#[test]
fn behind_a_rollback_by_hand_is_who_asked_for_it() {
    let by_hand = || read(call(rolled_back("rolled back by request"), -541_000, "UpdateService", "rosa", |_| {}), "StopServiceDeployment", Read::Ok);
    assert_eq!(told(call(by_hand(), -21_000, "StopServiceDeployment", "ines", |_| {})), "found ines");
    assert_eq!(told(by_hand()), "not-yet -");
}

fn session(call: &mut ApiCall, role: &str, session: &str, key: &str) {
    call.identity = Identity {
        kind: "AssumedRole".to_owned(),
        role: Some(role.to_owned()),
        principal_id: Some(format!("AROA:{session}")),
        access_key_id: Some(key.to_owned()),
        session_created: Some(at(-60_000)),
        ..Identity::default()
    };
}

#[test]
fn a_roles_session_leads_to_the_pipeline_that_began_it_and_an_unrelated_one_does_not() {
    let stop = || call(ordered(), -1_000, "StopTask", "x", |call| session(call, "deploy", "GitHubActions", "ASIA1"));
    let began = |key: &'static str| {
        move |call: &mut ApiCall| {
            call.issued_key = Some(key.to_owned());
            call.identity = Identity { kind: "WebIdentityUser".to_owned(), user_name: Some("repo:shop/web-api:ref:refs/heads/main".to_owned()), ..Identity::default() };
        }
    };
    let by = judged(call(stop(), -60_000, "AssumeRoleWithWebIdentity", "y", began("ASIA1"))).stopped_by;
    assert_eq!((by.actor.as_deref(), by.kind), (Some("shop/web-api (refs/heads/main)"), Some(Kind::Pipeline)));
    assert_eq!(by.call.as_ref().map(|(_, call)| call.event_id.as_str()), Some("x--1000"));
    assert_eq!(by.chain.last().and_then(|hop| hop.event_id.as_deref()), Some("y--60000"));
    assert_eq!(told(call(stop(), -60_000, "AssumeRoleWithWebIdentity", "y", began("ASIA2"))), "found GitHubActions");
}

#[test]
fn role_chains_are_followed_to_the_person_and_keys_that_lead_in_a_circle_end() {
    let evidence = call(ordered(), -1_000, "StopTask", "x", |call| session(call, "ops", "1700000000", "ASIA1"));
    let evidence = call(evidence, -50_000, "AssumeRole", "y", |call| {
        session(call, "jump", "botocore-session-1", "ASIA2");
        call.issued_key = Some("ASIA1".to_owned());
    });
    let person = call(evidence.clone(), -70_000, "AssumeRole", "jane", |call| call.issued_key = Some("ASIA2".to_owned()));
    assert_eq!(told(person), "found jane");
    let circle = call(evidence, -70_000, "AssumeRole", "z", |call| {
        session(call, "ops", "1700000000", "ASIA1");
        call.issued_key = Some("ASIA2".to_owned());
    });
    assert_eq!(told(circle), "found role ops");
}

#[test]
fn a_service_that_lends_a_role_says_what_the_session_is() {
    let evidence = call(ordered(), -1_000, "StopTask", "x", |call| session(call, "reaper", "nightly-reaper", "ASIA1"));
    let lent = call(evidence, -60_000, "AssumeRole", "y", |call| {
        call.issued_key = Some("ASIA1".to_owned());
        call.parameters.session = Some("nightly-reaper".to_owned());
        call.identity = Identity { kind: "AWSService".to_owned(), invoked_by: Some("lambda.amazonaws.com".to_owned()), ..Identity::default() };
    });
    let by = judged(lent).stopped_by;
    assert_eq!((by.actor.as_deref(), by.kind), (Some("function nightly-reaper"), Some(Kind::Workload)));
}

fn standalone(started_by: &str) -> Evidence {
    let mut evidence = ordered();
    evidence.task.service = None;
    evidence.task.started_by = Some(started_by.to_owned());
    evidence.service = None;
    evidence
}

fn by_service(service: &'static str) -> impl Fn(&mut ApiCall) {
    move |call| {
        call.identity = Identity {
            kind: "AssumedRole".to_owned(),
            role: Some("nightly".to_owned()),
            role_arn: Some("arn:aws:iam::123456789012:role/nightly".to_owned()),
            invoked_by: Some(service.to_owned()),
            ..Identity::default()
        };
        call.response_tasks = vec![super::super::rules::fixtures::ID.to_owned()];
    }
}

#[test]
fn a_task_stopped_by_the_very_thing_that_ran_it_is_said_so() {
    let states = by_service("states.amazonaws.com");
    let evidence = call(standalone("AWS Step Functions"), -1_000, "StopTask", "x", &states);
    let by = judged(call(evidence.clone(), -600_000, "RunTask", "y", &states)).stopped_by;
    assert_eq!((by.actor.as_deref(), by.kind), (Some("Step Functions"), Some(Kind::Aws)));
    assert!(by.sentence.contains("having run the task itself"), "{}", by.sentence);
    assert_eq!(by.chain.iter().filter_map(|hop| hop.call.as_deref()).collect::<Vec<_>>(), ["StopTask", "RunTask"]);
    let by = judged(call(evidence, -600_000, "RunTask", "mallory", |call| call.response_tasks = vec!["other".to_owned()])).stopped_by;
    assert_eq!(by.chain.len(), 1, "another task's start is none of this one's");
}

#[test]
fn who_ran_a_task_that_somebody_else_stopped_is_not_named_for_it() {
    let evidence = call(standalone("nightly"), -1_000, "StopTask", "jane", |_| {});
    let by = judged(call(evidence, -600_000, "RunTask", "robot", |call| call.response_tasks = vec![super::super::rules::fixtures::ID.to_owned()])).stopped_by;
    assert_eq!((by.actor.as_deref(), by.chain.len()), (Some("jane"), 1));
    assert_eq!(by.sentence, "jane did, by StopTask.");
}

#[test]
fn without_a_record_the_service_that_ran_it_is_a_remark_and_no_name() {
    let by = judged(standalone("events-rule/nightly-report")).stopped_by;
    assert_eq!((by.status, by.actor), (Status::NotYet, None));
    assert!(by.sentence.contains("EventBridge ran the task"), "{}", by.sentence);
}

#[test]
fn behind_a_bound_that_was_moved_is_who_moved_it() {
    let moved = |most: i64| move |call: &mut ApiCall| call.parameters.max_capacity = Some(most);
    let evidence = || read(by_scaling(lowered("maximum capacity was set to 3"), -12_000, 3), "UpdateService", Read::Ok);
    let by = judged(call(evidence(), -14_000, "RegisterScalableTarget", "rosa", moved(3))).stopped_by;
    assert_eq!((by.status, by.actor.as_deref(), by.kind), (Status::Found, Some("rosa"), Some(Kind::Person)));
    assert_eq!(by.chain.iter().map(|hop| hop.kind).collect::<Vec<_>>(), ["autoscaling", "autoscaling", "person"]);
    for (offset, most) in [(-14_000, 5), (-200_000, 3), (-5_000, 3)] {
        let told = told(call(evidence(), offset, "RegisterScalableTarget", "rosa", moved(most)));
        assert_eq!(told, "found Application Auto Scaling", "{offset} {most}");
    }
    let policy = read(lowered("monitor alarm quiet in state ALARM triggered policy step"), "UpdateService", Read::Ok);
    assert_eq!(told(call(policy, -14_000, "RegisterScalableTarget", "rosa", moved(3))), "found step");
}

#[test]
fn a_service_and_its_first_deployment_are_made_by_one_call() {
    let mut evidence = rolled_back("circuit breaker threshold exceeded");
    evidence.service.as_mut().expect("a service").created_at = Some(at(-540_000));
    assert_eq!(told(call(evidence, -540_000, "CreateService", "rosa", |_| {})), "found rosa");
}

#[test]
fn a_task_set_taken_away_leads_to_who_did_and_another_set_does_not() {
    let of = |set: &'static str| move |call: &mut ApiCall| call.parameters.task_set = Some(set.to_owned());
    let scaled = || {
        let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), "DeleteTaskSet", Read::Ok);
        evidence.service.as_mut().expect("a service").controller = Some("EXTERNAL".to_owned());
        read(evidence, "UpdateService", Read::Ok)
    };
    assert_eq!(told(call(scaled(), -20_000, "DeleteTaskSet", "rosa", of("arn:aws:ecs:eu-west-1:123456789012:task-set/prod/web/ecs-svc/1"))), "found rosa");
    assert_eq!(told(call(scaled(), -20_000, "DeleteTaskSet", "rosa", of("ecs-svc/2"))), "not-yet -");
    let share = |scale: i64| move |call: &mut ApiCall| (call.parameters.task_set, call.parameters.scale) = (Some("ecs-svc/1".to_owned()), Some(scale));
    assert_eq!(told(call(scaled(), -20_000, "UpdateTaskSet", "rosa", share(0))), "found rosa");
    assert_eq!(told(call(scaled(), -20_000, "UpdateTaskSet", "rosa", share(50))), "not-yet -");
}

#[test]
fn each_act_of_a_deployment_by_task_sets_is_a_hop_and_who_made_the_set_is_named() {
    let of = |set: &'static str| move |call: &mut ApiCall| call.parameters.task_set = Some(set.to_owned());
    let evidence = call(replaced(), -91_000, "CreateTaskSet", "rosa", |call| call.response_deployments = vec![listed("ecs-svc/2", None)]);
    let evidence = call(call(evidence, -60_000, "UpdateServicePrimaryTaskSet", "sam", of("ecs-svc/2")), -10_000, "DeleteTaskSet", "tom", of("ecs-svc/1"));
    let by = judged(call(evidence, -50_000, "UpdateServicePrimaryTaskSet", "mallory", of("ecs-svc/9"))).stopped_by;
    assert_eq!(by.actor.as_deref(), Some("rosa"));
    assert_eq!(by.chain.iter().filter_map(|hop| hop.actor.as_deref()).collect::<Vec<_>>(), ["tom", "sam", "rosa"]);
    assert_eq!(told(call(replaced(), -10_000, "DeleteTaskSet", "tom", of("ecs-svc/1"))), "found tom");
}

#[test]
fn of_two_accepted_calls_with_the_same_reason_the_one_in_the_seconds_before_made_the_stop() {
    let both = |evidence: Evidence| call(call(evidence, -100_000, "StopTask", "mallory", |_| {}), -1_000, "StopTask", "alice", |_| {});
    assert_eq!(judged(both(ordered())).stopped_by.actor.as_deref(), Some("alice"));
    let near = call(call(ordered(), -4_000, "StopTask", "rosa", |_| {}), -1_000, "StopTask", "alice", |_| {});
    assert_eq!(judged(near).stopped_by.actor.as_deref(), Some("rosa"), "the first of those");
}

#[test]
fn a_call_that_asks_for_another_revision_or_for_none_did_not_begin_the_deployment() {
    let replaced = || {
        let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", Some(143)), "UpdateService", Read::Ok);
        let newer = Deployment { id: "ecs-svc/2".to_owned(), definition: Some("web:42".to_owned()), created_at: Some(at(-90_000)), ..Deployment::default() };
        evidence.service.as_mut().expect("a service").deployments.insert(0, newer);
        evidence
    };
    let by = |change: &dyn Fn(&mut ApiCall)| judged(call(replaced(), -91_000, "UpdateService", "zoe", |call| change(call))).stopped_by.actor;
    let asks = |definition: &'static str| by(&move |call| call.parameters.task_definition = Some(definition.to_owned()));
    assert_eq!(asks("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:42").as_deref(), Some("zoe"));
    assert_eq!(asks("web").as_deref(), Some("zoe"), "the newest revision");
    assert_eq!(asks("web:43"), None);
    assert_eq!(by(&|call| (call.parameters.desired_count, call.parameters.begins_none) = (Some(5), true)), None);
    assert_eq!(by(&|call| call.parameters.force_new_deployment = true), None, "the same revision anew");
}

#[test]
fn a_drain_that_was_undone_before_the_stop_is_behind_nothing() {
    let on_a_gone_host = |calls: &[(i64, &str)]| {
        let mut evidence = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143));
        evidence.task.container_instance_arn = Some("arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/aafcf67445c52f67fe9b954939233b4d".to_owned());
        let set = |evidence: Evidence, (offset, status): &(i64, &str)| {
            call(evidence, *offset, "UpdateContainerInstancesState", "oskar", |call| call.parameters.status = Some((*status).to_owned()))
        };
        judged(calls.iter().fold(evidence, set)).stopped_by.actor
    };
    assert_eq!(on_a_gone_host(&[(-100_000, "DRAINING")]).as_deref(), Some("oskar"));
    assert_eq!(on_a_gone_host(&[(-100_000, "DRAINING"), (-60_000, "ACTIVE")]), None);
}

#[test]
fn a_call_that_may_have_set_it_off_is_named_beside_a_stop_that_cannot_be_told_and_chosen_by_nobody() {
    let unclear = |days: i64| {
        let mut evidence = read(stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", Some(143)), "UpdateService", Read::Ok);
        evidence.service.as_mut().expect("a service").deployments = vec![Deployment { id: "ecs-svc/9".to_owned(), created_at: Some(at(3_600_000)), ..Deployment::default() }];
        evidence.taken_at = at(0) + jiff::SignedDuration::from_hours(24 * days);
        evidence
    };
    let deployed = |call: &mut ApiCall| call.parameters.task_definition = Some("web:42".to_owned());
    let by = judged(call(unclear(5), -100_000, "UpdateService", "alice", deployed)).stopped_by;
    assert_eq!((by.status.as_str(), by.actor), ("unreadable", None));
    assert!(by.sentence.contains("UpdateService by alice [") && !by.sentence.contains("no UpdateService call"), "{}", by.sentence);
    assert_eq!(by.chain.len(), 1);
    let fresh = judged(call(unclear(0), -100_000, "UpdateService", "alice", deployed)).stopped_by;
    assert_eq!(fresh.status.as_str(), "not-yet");
    assert!(fresh.sentence.contains("UpdateService by alice ["), "{}", fresh.sentence);
    // One that cannot have set it off proves nothing.
    let raised =
        call(unclear(5), -100_000, "UpdateService", "olga", |call| (call.parameters.desired_count, call.parameters.begins_none, call.response_running) = (Some(6), true, Some(2)));
    assert_eq!(told(raised), "not-recorded -");
    assert_eq!(told(call(unclear(5), 60_000, "UpdateService", "late", deployed)), "not-recorded -");
}
