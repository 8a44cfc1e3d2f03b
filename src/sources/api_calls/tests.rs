//! Records as CloudTrail writes them: read, matched, and never mistaken for another task's.

use serde_json::{Value, json};

use crate::diagnosis::service::Host;
use crate::diagnosis::task::Task;

use super::subject::concerns_task;
use super::*;

const ID: &str = "5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8";

fn task(cluster: &str) -> Task {
    Task { id: ID.into(), cluster: cluster.into(), region: "eu-west-1".into(), account: "1".into(), ..Task::default() }
}

fn call(parameters: Value) -> ApiCall {
    call_from(&json!({"eventID": "e", "eventName": "StopTask", "eventTime": "2026-03-03T14:00:00Z", "awsRegion": "eu-west-1", "recipientAccountId": "1", "requestParameters": parameters}))
        .expect("a call")
}

#[test]
fn the_task_may_be_typed_as_id_or_arn_and_the_cluster_as_name_or_arn() {
    for parameters in [
        json!({"cluster": "prod", "task": ID}),
        json!({"cluster": "arn:aws:ecs:eu-west-1:1:cluster/prod", "task": ID}),
        json!({"cluster": "prod", "task": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")}),
    ] {
        assert!(concerns_task(&call(parameters.clone()), &task("prod")), "{parameters}");
    }
    assert!(concerns_task(&call(json!({"task": ID})), &task("default")));
    assert!(concerns_task(&call(json!({"task": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")})), &task("prod")));
    assert!(!concerns_task(&call(json!({"cluster": "staging", "task": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")})), &task("prod")));
}

#[test]
fn another_cluster_task_region_or_account_is_another_task() {
    for parameters in [
        json!({"cluster": "staging", "task": ID}),
        json!({"task": ID}),
        json!({"cluster": "prod", "task": "5d6c7b8a99a8b7c6d5e4f3a2b1c0d900"}),
        json!({"cluster": "prod", "task": format!("arn:aws:ecs:us-east-1:1:task/prod/{ID}")}),
        json!({"cluster": "prod", "task": format!("arn:aws:ecs:eu-west-1:2:task/prod/{ID}")}),
        json!({"cluster": "prod"}),
    ] {
        assert!(!concerns_task(&call(parameters.clone()), &task("prod")), "{parameters}");
    }
    let elsewhere = ApiCall { region: Some("us-east-1".into()), ..call(json!({"cluster": "prod", "task": ID})) };
    assert!(!concerns_task(&elsewhere, &task("prod")));
}

#[test]
fn a_session_names_its_task_its_container_and_what_was_run() {
    let session = call_from(&json!({"eventID": "e", "eventName": "ExecuteCommand", "eventTime": "2026-03-03T14:00:00Z", "awsRegion": "eu-west-1", "recipientAccountId": "1",
        "requestParameters": {"cluster": "prod", "task": ID, "command": "/bin/sh", "interactive": true},
        "responseElements": {"containerName": "app", "taskArn": format!("arn:aws:ecs:eu-west-1:1:task/prod/{ID}")}}))
    .expect("a call");
    assert!(concerns_task(&session, &task("prod")) && !concerns_task(&session, &task("staging")));
    assert_eq!((session.parameters.container.as_deref(), session.parameters.command.as_deref()), (Some("app"), Some("/bin/sh")));
}

#[test]
fn the_response_outweighs_what_was_typed() {
    let mut other = call(json!({"cluster": "prod", "task": ID}));
    other.response_task_arn = Some(format!("arn:aws:ecs:eu-west-1:1:task/staging/{ID}"));
    assert!(!concerns_task(&other, &task("prod")));
}

#[test]
fn a_record_without_id_name_or_time_is_none() {
    assert_eq!(call_from(&json!({"eventName": "StopTask", "eventTime": "2026-03-03T14:00:00Z"})), None);
    assert_eq!(call_from(&json!(null)), None);
}

#[test]
fn a_host_is_known_by_each_of_the_ways_in_which_a_record_names_it() {
    let read = |text: &str| call_from(&serde_json::from_str(text).expect("JSON")).expect("a record");
    let head = r#""eventID":"1","eventTime":"2026-03-03T14:00:00Z""#;
    let stop = read(&format!(r#"{{{head},"eventName":"StopInstances","requestParameters":{{"instancesSet":{{"items":[{{"instanceId":"i-1"}},{{"instanceId":"i-2"}}]}}}}}}"#));
    assert_eq!(stop.parameters.instances, ["i-1", "i-2"]);
    let scaling =
        read(&format!(r#"{{{head},"eventName":"TerminateInstanceInAutoScalingGroup","requestParameters":{{"instanceId":"i-3","shouldDecrementDesiredCapacity":true}}}}"#));
    assert_eq!(scaling.parameters.instances, ["i-3"]);
    let spot = read(&format!(r#"{{{head},"eventName":"BidEvictedEvent","requestParameters":null,"serviceEventDetails":{{"instanceIdSet":["i-4"]}}}}"#));
    assert_eq!(spot.parameters.instances, ["i-4"]);
    let drain =
        read(&format!(r#"{{{head},"eventName":"UpdateContainerInstancesState","requestParameters":{{"cluster":"lab","containerInstances":["7979"],"status":"DRAINING"}}}}"#));
    let task = Task { cluster: "lab".to_owned(), container_instance_arn: Some("arn:aws:ecs:eu-west-2:1:container-instance/lab/7979".to_owned()), ..Task::default() };
    let subject = Subject::Host { instance: None, container_instance: task.container_instance_arn.clone() };
    assert!(subject.concerns(&drain, &task));
    assert!(!subject.concerns(&drain, &Task { cluster: "prod".to_owned(), ..task }));
    assert!(!Subject::Host { instance: Some("i-9".to_owned()), container_instance: None }.concerns(&stop, &Task::default()));
}

/// Whole records as CloudTrail delivers them, one for every type of identity: `name, kind, through`.
const IDENTITIES: &[(&str, &str)] = &[
    ("another-account", "jump of account 222233334444, unknown, another account"),
    ("autoscaling", "Application Auto Scaling, autoscaling, role AWSServiceRoleForApplicationAutoScaling_ECSService"),
    ("aws-service", "Step Functions, aws, states.amazonaws.com"),
    ("batch", "AWS Batch, aws, role AWSServiceRoleForBatch"),
    ("cloudformation-for-a-person", "alice, person, IAM user"),
    ("codebuild", "AWSCodeBuild-4f6a1d3e-0b5e-4a39-9a0e-2f3f2b1c0d9e, pipeline, role codebuild-web-service-role"),
    ("codedeploy", "CodeDeploy, aws, role CodeDeployRole"),
    ("codedeploy-session", "CodeDeploy, aws, role CodeDeployRole, deployment d-7KQ2M41XA"),
    ("codedeploy-session-by-hand", "d-7KQ2M41XA, person, role CodeDeployRole"),
    ("codepipeline", "CodePipeline, pipeline, role pipeline-role"),
    ("directory", "CORP, unknown, directory"),
    ("ecs-task", "task 5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8, workload, role worker-task-role"),
    ("ecs-task-issued", "task 5d6c7b8a99a8b7c6d5e4f3a2b1c0d9e8 of cluster jobs, workload, role worker-task-role"),
    ("eventbridge", "EventBridge, aws, role ecsEventsRole"),
    ("fault-injection", "Fault Injection Service, aws, role fis-experiments"),
    ("federated-user", "build, person, federated user, let in by alice"),
    ("github", "shop/web-api (refs/heads/main), session run-1841, pipeline, web identity"),
    ("github-environment", "shop/web-api (environment production), pipeline, web identity"),
    ("github-session", "GitHubActions, pipeline, role deploy"),
    ("gitlab", "shop/back/api (branch main), pipeline, web identity"),
    ("iam-user", "alice, person, IAM user"),
    ("iam-user-of-another-account", "alice of account 222233334444, person, IAM user"),
    ("identity-center-user", "Identity Center user 544894e8-80c1-707f-60e3-3ba6510dfac1, person, Identity Center"),
    ("instance", "instance i-0090e844314b41b0f, workload, role runner"),
    ("jenkins-on-an-instance", "role jenkins-deploy on instance i-0090e844314b41b0f, pipeline, role jenkins-deploy"),
    ("kubernetes", "service account ops/reaper, workload, web identity"),
    ("kubernetes-session", "role reaper, workload, role reaper"),
    ("lambda", "function janitor, workload, role janitor-role"),
    ("role-taken-on-in-a-task", "reaper, workload, role dev-reaper"),
    ("role-with-a-person", "ravi@example.com, person, role admin"),
    ("role-with-source-identity", "jane, person, role breakglass, session botocore-session-1772546000"),
    ("role-without-a-name", "role deploy, unknown, role deploy, session botocore-session-1772546000"),
    ("root", "root of account 123456789012, person, root user"),
    ("saml", "ann@example.com, person, SAML"),
    ("single-sign-on", "jane@example.com, person, permission set PowerUserAccess"),
    ("step-functions", "Step Functions, aws, role StepFunctions-nightly-role"),
    ("unknown", "an unknown caller, unknown, -"),
];

#[test]
fn every_type_of_identity_is_named_from_its_whole_record() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cloudtrail");
    let mut files: Vec<String> = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").file_name().to_string_lossy().replace(".json", "")).collect();
    files.sort();
    let told: Vec<(String, String)> = files
        .into_iter()
        .map(|name| {
            let text = std::fs::read_to_string(format!("{folder}/{name}.json")).expect("a record");
            let actor = actors::describe(&call_from(&serde_json::from_str(&text).expect("JSON")).expect("a call"));
            let words = format!("{}, {}, {}", actor.name, actor.kind.as_str(), actor.through.unwrap_or_else(|| "-".to_owned()));
            (name, words)
        })
        .collect();
    let wanted: Vec<(String, String)> = IDENTITIES.iter().map(|(name, words)| ((*name).to_owned(), (*words).to_owned())).collect();
    assert_eq!(told, wanted);
}

/// What the task's own call would say, and one value of it that makes it another's.
#[derive(Debug, Clone)]
struct Stranger {
    name: &'static str,
    foreign: usize,
    value: String,
    typed_as_arn: bool,
    offset: i64,
    refused: bool,
}

fn strangers() -> impl proptest::strategy::Strategy<Value = Stranger> {
    use proptest::prelude::*;
    let names = prop::sample::select(vec![
        "StopTask",
        "RunTask",
        "UpdateService",
        "CreateService",
        "DeleteService",
        "StopServiceDeployment",
        "CreateTaskSet",
        "DeleteTaskSet",
        "UpdateTaskSet",
        "UpdateServicePrimaryTaskSet",
        "RegisterScalableTarget",
        "PutScalingPolicy",
        "PutScheduledAction",
        "CreateDeployment",
        "SubmitTaskStateChange",
        "DeregisterTargets",
        "TerminateInstances",
        "StopInstances",
        "TerminateInstanceInAutoScalingGroup",
        "BidEvictedEvent",
        "UpdateContainerInstancesState",
        "DeregisterContainerInstance",
    ]);
    (names, 0_usize..4, "[a-z0-9]{1,12}", any::<bool>(), -120_i64..3, prop::bool::weighted(0.1)).prop_map(|(name, foreign, value, typed_as_arn, offset, refused)| Stranger {
        name,
        foreign,
        // No value drawn is one of the task's own.
        value: format!("other{value}"),
        typed_as_arn,
        offset,
        refused,
    })
}

const STOP: i64 = 1_772_546_880;

/// The record of a call by the same hand in the same seconds, about another account, region, cluster or thing.
fn record(stranger: &Stranger, at: usize) -> Value {
    let mut own = [("123456789012", "999988887777"), ("eu-west-1", "us-east-1"), ("prod", stranger.value.as_str()), ("", "")].map(|(own, _)| own.to_owned());
    let (mut task, mut service, mut thing) = (ID.to_owned(), "web".to_owned(), "7979".to_owned());
    match stranger.foreign {
        0 => own[0] = "999988887777".to_owned(),
        1 => own[1] = "us-east-1".to_owned(),
        // A host's instance is known by its id whatever cluster it served: for those the thing itself differs.
        2 if !["TerminateInstances", "StopInstances", "TerminateInstanceInAutoScalingGroup", "BidEvictedEvent", "CreateDeployment", "DeregisterTargets"]
            .contains(&stranger.name) =>
        {
            own[2].clone_from(&stranger.value)
        }
        _ => (task, service, thing) = ("0".repeat(32), stranger.value.clone(), stranger.value.clone()),
    }
    let [account, region, cluster, _] = own;
    let arn = |kind: &str, name: &str| format!("arn:aws:ecs:{region}:{account}:{kind}/{cluster}/{name}");
    let typed = |kind: &str, name: &str| if stranger.typed_as_arn { arn(kind, name) } else { name.to_owned() };
    let instance = format!("i-0{thing}");
    let (source, parameters, response) = match stranger.name {
        "StopTask" => ("ecs", json!({"cluster": cluster, "task": typed("task", &task)}), json!({})),
        "RunTask" => ("ecs", json!({"cluster": cluster}), json!({"tasks": [{"taskArn": arn("task", &task)}]})),
        "StopServiceDeployment" => ("ecs", json!({"serviceDeploymentArn": format!("{}/x", arn("service-deployment", &service))}), json!({})),
        "CreateService" => ("ecs", json!({"cluster": cluster, "serviceName": service}), json!({"service": {"deployments": [{"id": "ecs-svc/2"}]}})),
        "PutScalingPolicy" => ("application-autoscaling", json!({"resourceId": format!("service/{cluster}/{service}"), "policyName": "cpu"}), json!({})),
        "PutScheduledAction" => ("application-autoscaling", json!({"resourceId": format!("service/{cluster}/{service}"), "scheduledActionName": "night"}), json!({})),
        "CreateDeployment" => ("codedeploy", json!({}), json!({"deploymentId": format!("d-{thing}")})),
        "SubmitTaskStateChange" => {
            let end = json!({"containerName": "app", "status": "STOPPED", "exitCode": 3});
            ("ecs", json!({"cluster": cluster, "task": arn("task", &task), "status": "STOPPED", "containers": [end]}), json!({}))
        }
        "DeregisterTargets" => ("elasticloadbalancing", json!({"targetGroupArn": "arn:t", "targets": [{"id": format!("10.0.0.{thing}"), "port": 80}]}), json!({})),
        "RegisterScalableTarget" => ("application-autoscaling", json!({"resourceId": format!("service/{cluster}/{service}"), "maxCapacity": 3}), json!({})),
        "TerminateInstances" | "StopInstances" => ("ec2", json!({"instancesSet": {"items": [{"instanceId": instance}]}}), json!({})),
        "TerminateInstanceInAutoScalingGroup" => ("autoscaling", json!({"instanceId": instance}), json!({})),
        "BidEvictedEvent" => ("ec2", json!({}), json!({})),
        "UpdateContainerInstancesState" => ("ecs", json!({"cluster": cluster, "containerInstances": [typed("container-instance", &thing)], "status": "DRAINING"}), json!({})),
        "DeregisterContainerInstance" => ("ecs", json!({"cluster": cluster, "containerInstance": typed("container-instance", &thing), "force": true}), json!({})),
        _ => (
            "ecs",
            json!({"cluster": cluster, "service": typed("service", &service), "taskSet": "ecs-svc/1", "scale": {"value": 0.0}, "desiredCount": 0}),
            json!({"service": {"runningCount": 9, "deployments": [{"id": "ecs-svc/2"}]}}),
        ),
    };
    json!({
        "eventID": format!("stranger-{at}"), "eventName": stranger.name, "eventSource": format!("{source}.amazonaws.com"),
        "eventTime": Timestamp::from_second(STOP + stranger.offset).expect("a time").to_string(),
        "awsRegion": region, "recipientAccountId": account, "errorCode": stranger.refused.then_some("AccessDenied"),
        "userIdentity": {"type": "IAMUser", "userName": "mallory", "accountId": account},
        "requestParameters": parameters, "responseElements": response,
        "serviceEventDetails": (stranger.name == "BidEvictedEvent").then(|| json!({"instanceIdSet": [instance]})),
    })
}

/// Every way in which a call may concern a task: a stranger's call must fit none of them.
fn subjects(task: &Task) -> Vec<Subject> {
    let host = |instance: Option<&str>| Subject::Host { instance: instance.map(str::to_owned), container_instance: task.container_instance_arn.clone() };
    let named = ["cpu", "night"].map(|name| Subject::Policy(name.to_owned()));
    let others = [
        Subject::CodeDeployment("d-7979".to_owned()),
        Subject::Targets { groups: vec!["arn:t".to_owned()], ids: vec!["10.0.0.7979".to_owned(), "i-07979".to_owned()], ports: vec![32_768] },
    ];
    [Subject::Task, Subject::Service, Subject::Start, Subject::ScalableTarget, host(Some("i-07979")), host(None)].into_iter().chain(named).chain(others).collect()
}

fn told(code: &str, reason: &str, calls: &[ApiCall]) -> crate::diagnosis::stopped_by::StoppedBy {
    let mut task = Task {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:task/prod/{ID}"),
        account: "123456789012".into(),
        service: Some("web".into()),
        started_by: Some("ecs-svc/1".into()),
        container_instance_arn: Some("arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/7979".into()),
        last_status: Some("STOPPED".into()),
        desired_status: Some("STOPPED".into()),
        stop_code: (!code.is_empty()).then(|| StopCode::named(code)),
        stopped_reason: Some(reason.into()),
        ..task("prod")
    };
    let at = |offset: i64| Timestamp::from_second(STOP + offset).ok();
    (task.times.created, task.times.started, task.times.stopping, task.times.stopped) = (at(-3_600), at(-3_500), at(0), at(30));
    let deployment = |id: &str, offset: i64| crate::diagnosis::service::Deployment { id: id.into(), created_at: at(offset), ..Default::default() };
    let service = crate::diagnosis::service::Service {
        name: "web".into(),
        status: "ACTIVE".into(),
        created_at: at(-90),
        deployments: if reason.contains("svc/2") { vec![deployment("ecs-svc/2", -90), deployment("ecs-svc/1", -7_200)] } else { vec![deployment("ecs-svc/1", -7_200)] },
        ..Default::default()
    };
    let host = Host { status: Some("DRAINING".into()), instance_id: Some("i-07979".into()), ..Default::default() };
    let concerned = calls.iter().filter(|call| is_of_its_service(call) && subjects(&task).iter().any(|subject| subject.concerns(call, &task)));
    let events = concerned.map(|call| Event {
        at: call.time,
        precision: Precision::Second,
        witness: Witness::Cloudtrail,
        level: Level::Info,
        container: None,
        what: What::Called(Box::new(call.clone())),
    });
    let evidence = crate::diagnosis::evidence::Evidence {
        taken_at: Timestamp::from_second(STOP + 600).expect("a time"),
        events: events.collect(),
        task: task.clone(),
        service: Some(service),
        host: Some(host),
        ..Default::default()
    };
    crate::diagnosis::trace(evidence).stopped_by
}

const STOPS: [(&str, &str); 6] = [
    ("UserInitiated", "Task stopped by user"),
    ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"),
    ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)"),
    ("", "Host EC2 (instance i-07979) terminated."),
    ("", "Host EC2 (instance i-07979) stopped."),
    ("", "Container instance deregistration forced by user"),
];

proptest::proptest! {
    #[test]
    fn no_calls_of_others_ever_name_anybody(strangers in proptest::collection::vec(strangers(), 0..40)) {
        let calls: Vec<ApiCall> = strangers.iter().enumerate().map(|(at, stranger)| call_from(&record(stranger, at)).expect("a call")).collect();
        for (code, reason) in STOPS {
            let by = told(code, reason, &calls);
            proptest::prop_assert!(by.status != crate::diagnosis::stopped_by::Status::Found, "{code} {reason}: {} {:?}", by.sentence, by.call);
            proptest::prop_assert!(by.actor.is_none() && by.attempts.is_empty() && by.call.is_none());
        }
    }
}

#[test]
fn the_same_calls_about_the_task_itself_do_name_somebody() {
    // What the law above is worth: with nothing foreign in it, each of these stops leads to its caller.
    let own = |name: &'static str, offset: i64| {
        let mut text = record(&Stranger { name, foreign: 0, value: String::new(), typed_as_arn: false, offset, refused: false }, 0).to_string();
        text = text.replace("999988887777", "123456789012");
        call_from(&serde_json::from_str(&text).expect("JSON")).expect("a call")
    };
    let names = ["StopTask", "UpdateService", "CreateService", "TerminateInstances", "StopInstances", "DeregisterContainerInstance"];
    for ((code, reason), (name, offset)) in STOPS.into_iter().zip(names.into_iter().zip([-1, -20, -90, -60, -60, -20])) {
        assert_eq!(told(code, reason, &[own(name, offset)]).actor.as_deref(), Some("mallory"), "{name}: {reason}");
    }
}

#[test]
fn an_update_that_deploys_nothing_is_known_by_what_it_changes() {
    let begins_none = |parameters: Value| {
        call_from(&json!({"eventID": "e", "eventName": "UpdateService", "eventTime": "2026-03-03T14:00:00Z", "requestParameters": parameters}))
            .expect("a call")
            .parameters
            .begins_none
    };
    assert!(begins_none(json!({"cluster": "prod", "service": "web", "desiredCount": 5, "forceNewDeployment": false})));
    assert!(!begins_none(json!({"cluster": "prod", "service": "web", "desiredCount": 5, "forceNewDeployment": true})));
    assert!(!begins_none(json!({"service": "web", "taskDefinition": "web:42"})));
    assert!(!begins_none(json!({"service": "web", "somethingNew": {"a": 1}})), "what is not known may deploy");
}

/// The UpdateService record of a real cluster in its own notation, shortened; the half of the day behind a narrow
/// no-break space, as newer runtimes write it.
const UPDATED: &str = r#"{"eventID":"49e351ce","eventTime":"2026-04-27T02:18:03Z","eventSource":"ecs.amazonaws.com","eventName":"UpdateService","awsRegion":"us-east-1",
 "requestParameters":{"cluster":"overwatch-platform","service":"aria-console","forceNewDeployment":true},
 "responseElements":{"service":{"serviceName":"aria-console","runningCount":1,"deployments":[{"id":"ecs-svc/8262522039826280063","createdAt":"Apr 27, 2026, 2:18:03 AM"}],
  "events":[{"id":"e1","createdAt":"Apr 26, 2026, 9:34:33\u202fPM","message":"(service aria-console) has reached a steady state."},
   {"id":"e2","createdAt":"Apr 26, 2026, 12:05:09 AM","message":"(service aria-console) has stopped 1 running tasks: (task da13604f7d5245dcbc9548588bdf7a8f)."},
   {"id":"e3","createdAt":"2026-04-26T09:34:33Z","message":"x"},
   {"id":"e5","createdAt":"Apr 26, 2026 9:34:33 PM","message":"z"},
   {"id":"e4","createdAt":"yesterday","message":"y"},{"message":"no id, no time"}]}}}"#;

#[test]
fn an_answer_that_holds_the_service_tells_its_events_with_their_times() {
    let recorded = recorded(&serde_json::from_str(UPDATED).expect("JSON")).expect("a record");
    let told: Vec<(String, String)> = recorded.messages.iter().map(|message| (message.id.clone(), message.at.to_string())).collect();
    let wanted = [("e1", "2026-04-26T21:34:33Z"), ("e2", "2026-04-26T00:05:09Z"), ("e3", "2026-04-26T09:34:33Z"), ("e5", "2026-04-26T21:34:33Z")];
    assert_eq!(told, wanted.map(|(id, at)| (id.to_owned(), at.to_owned())), "what has no time is none");
    assert_eq!(recorded.messages[1].tasks, ["da13604f7d5245dcbc9548588bdf7a8f"]);
    let told = recorded.call.deployment("ecs-svc/8262522039826280063").expect("the deployment that the call made");
    assert_eq!(told.created_at, "2026-04-27T02:18:03Z".parse().ok());
}

/// What an agent submitted when the kernel killed a container, in its own notation.
const SUBMITTED: &str = r#"{"eventID":"e","eventTime":"2026-09-11T06:43:59Z","eventSource":"ecs.amazonaws.com","eventName":"SubmitTaskStateChange","awsRegion":"ap-southeast-2","recipientAccountId":"123456789012",
 "userAgent":"Amazon ECS Agent - v1.106.2 (*cfabccdd) (linux; LINUX)",
 "requestParameters":{"cluster":"production","task":"arn:aws:ecs:ap-southeast-2:123456789012:task/production/0056d389848141b6a5d81c274ff15c58","status":"STOPPED","reason":"",
  "containers":[{"containerName":"webapp","imageDigest":"sha256:53e4","runtimeId":"c0899049","networkBindings":[{"bindIP":"0.0.0.0","containerPort":3000,"hostPort":32823,"protocol":"tcp"}],
   "reason":"OutOfMemoryError: Container killed due to memory usage","status":"STOPPED"}],
  "pullStartedAt":"2026-09-11T02:27:24Z","pullStoppedAt":"2026-09-11T02:27:28Z","executionStoppedAt":"2026-09-11T06:43:59Z"}}"#;

#[test]
fn an_agents_report_gives_each_container_and_an_absent_code_stays_absent() {
    let call = call_from(&serde_json::from_str(SUBMITTED).expect("JSON")).expect("a call");
    let own =
        Task { id: "0056d389848141b6a5d81c274ff15c58".into(), cluster: "production".into(), region: "ap-southeast-2".into(), account: "123456789012".into(), ..Task::default() };
    assert!(concerns_task(&call, &own) && !concerns_task(&call, &Task { id: ID.into(), ..own }));
    let report = call.report.expect("a report");
    let webapp = &report.containers[0];
    assert_eq!((webapp.name.as_str(), webapp.exit_code, webapp.runtime_id.as_deref()), ("webapp", None, Some("c0899049")));
    assert_eq!((webapp.reason.as_deref(), report.reason), (Some("OutOfMemoryError: Container killed due to memory usage"), None));
    assert_eq!(report.execution_stopped.map(|at| at.to_string()).as_deref(), Some("2026-09-11T06:43:59Z"));

    let alone = json!({"eventID": "e", "eventName": "SubmitContainerStateChange", "eventTime": "2026-03-03T14:00:00Z",
        "requestParameters": {"cluster": "prod", "task": "arn:t", "containerName": "app", "status": "STOPPED", "exitCode": 137, "reason": "x"}});
    let report = call_from(&alone).expect("a call").report.expect("a report");
    assert_eq!((report.containers[0].exit_code, report.status, report.reason), (Some(137), None, None), "it speaks of the container, not of the task");
}

#[test]
fn of_the_targets_of_a_call_only_the_tasks_own_is_told() {
    let call = |targets: Value| {
        call_from(&json!({"eventID": "e", "eventName": "DeregisterTargets", "eventTime": "2026-03-03T14:00:00Z", "awsRegion": "eu-west-1", "recipientAccountId": "1",
            "requestParameters": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/7a", "targets": targets}}))
        .expect("a call")
    };
    let groups = vec!["arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/7a".to_owned()];
    let address = Subject::Targets { groups: groups.clone(), ids: vec!["10.0.1.2".into()], ports: Vec::new() };
    let mut both = call(json!([{"id": "10.0.9.9", "port": 8080}, {"id": "10.0.1.2", "port": 8080}]));
    assert!(address.concerns(&both, &task("prod")));
    address.narrow(&mut both);
    assert_eq!(both.parameters.targets.iter().map(|target| (target.id.as_str(), target.port)).collect::<Vec<_>>(), [("10.0.1.2", Some(8080))]);
    assert!(!address.concerns(&call(json!([{"id": "10.0.1.22", "port": 8080}])), &task("prod")));

    let elsewhere = Subject::Targets { groups: vec!["arn:another".into()], ids: vec!["10.0.1.2".into()], ports: Vec::new() };
    assert!(!elsewhere.concerns(&both, &task("prod")), "the same address in another network");
    let instance = Subject::Targets { groups, ids: vec!["i-1".into()], ports: vec![32_823] };
    assert!(instance.concerns(&call(json!([{"id": "i-1", "port": 32_823}])), &task("prod")));
    for other in [json!([{"id": "i-1", "port": 32_999}]), json!([{"id": "i-1"}]), json!([{"id": "i-2", "port": 32_823}])] {
        assert!(!instance.concerns(&call(other.clone()), &task("prod")), "another task of that instance, or another instance: {other}");
    }
}
