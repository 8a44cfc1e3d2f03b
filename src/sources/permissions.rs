//! Asks one cheap question for every action on the list, all at once, to learn what this identity may read.
//!
//! A question about something made up shows it as well as one about a task: AWS looks at permission first, and "not
//! found" is only said to whoever may ask. Nothing here costs more than the smallest request.

use std::error::Error;
use std::sync::Mutex;

use aws_sdk_cloudwatch::types::{Metric, MetricDataQuery, MetricStat};
use aws_sdk_ecs::types::ClusterField;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::FutureExt;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::diagnosis::access::{Access, Checkup, Denial, Identity, Insights, Presence, Probe, Unidentified, Unreached};
use crate::diagnosis::evidence::{Source, Status};
use crate::diagnosis::task::{EcsArn, last_segment};

use super::Ended;
use super::account::{Account, Session};
use super::actions::{ACTIONS, named};
use super::archive;
use super::failing::{Failing, Kind, failing};
use super::ledger::Progress;
use super::origin;
use super::pages::{Pages, Turn};

/// Clusters whose tasks and services are asked about; a policy may name some and not others.
const MOST_CLUSTERS: usize = 3;
/// What one DescribeClusters takes.
const MOST_DESCRIBED: usize = 100;
/// Asked only where the account has none, or may not list any.
const USUAL_CLUSTER: &str = "default";
/// Names and ids of the right form that nothing has.
const NO_NAME: &str = "ecs-trace-doctor";
const NO_TASK: &str = "00000000000000000000000000000000";
const NO_DEPLOYMENT: &str = "0000000000000000000";

/// What is asked, of whom and from when.
pub struct Examined<'a> {
    pub account: &'a Account,
    /// Named by the user; else those that ListClusters tells.
    pub cluster: Option<&'a str>,
    pub now: Timestamp,
    /// When the clock said `now`.
    pub began: Instant,
    pub deadline: Instant,
}

struct Round<'a> {
    of: &'a Examined<'a>,
    progress: &'a (dyn Fn(Progress) + 'a),
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    answers: Vec<Probe>,
    identity: Option<Result<Identity, Unidentified>>,
    /// Names of log groups below the prefixes that archives have.
    log_groups: Option<Result<Vec<String>, String>>,
    insights: Vec<Insights>,
}

/// Asks everything, until the deadline or an interrupt; what did not answer by then is said not to have.
pub async fn examine(examined: &Examined<'_>, progress: &dyn Fn(Progress), interrupt: impl Future<Output = ()>) -> (Checkup, Ended) {
    let round = Round { of: examined, progress, heard: Mutex::default() };
    let ended = tokio::select! {
        () = round.ask_all() => Ended::Complete,
        () = tokio::time::sleep_until(examined.deadline) => Ended::OutOfTime,
        () = interrupt => Ended::Interrupted,
    };
    (round.checkup(ended), ended)
}

/// What is known where no account could be reached: nothing was asked, and the settings are those of the environment and
/// the config files.
#[must_use]
pub fn unasked(session: &Session, unreached: Unreached, now: Timestamp) -> Checkup {
    let untried = |action: &super::actions::Action| Probe {
        action: action.name,
        source: action.source,
        answers: action.answers,
        access: Access::NotTried,
        about: None,
        denial: None,
        detail: Some(unreached.why.clone()),
    };
    let (profile, region, endpoint) = origin::known(session);
    Checkup {
        taken_at: now,
        identity: Err(Unidentified { why: unreached.why.clone(), credentials_are_refused: false }),
        profile,
        region,
        credentials: None,
        expires: None,
        endpoint,
        cluster: None,
        probes: ACTIONS.iter().map(untried).collect(),
        archive: Presence::Unknown(unreached.why.clone()),
        insights: Vec::new(),
        skew: None,
        interrupted: false,
        unreached: Some(unreached),
    }
}

impl Round<'_> {
    async fn ask_all(&self) {
        let identity = self.identity().boxed_local().shared();
        let clusters = self.clusters().boxed_local().shared();
        let groups = self.log_groups().boxed_local().shared();
        let of_clusters = async {
            let clusters = clusters.clone().await;
            let asked: Vec<&str> = clusters.iter().map(String::as_str).chain(clusters.is_empty().then_some(USUAL_CLUSTER)).take(MOST_CLUSTERS).collect();
            futures::join!(
                join_all(asked.iter().map(|cluster| self.one_cluster(cluster))),
                self.described(&clusters),
                self.deployments(asked.first().copied().unwrap_or(USUAL_CLUSTER), async { identity.clone().await }),
            );
        };
        futures::join!(
            identity.clone(),
            of_clusters,
            async { self.logs(groups.clone().await).await },
            self.task_definitions(),
            self.cloudtrail(),
            self.load_balancing(async { identity.clone().await }),
            self.metrics(),
            self.scaling(),
        );
    }

    /// Takes down one answer; whether it was one.
    fn hear<T, E, R>(&self, action: &'static str, about: impl Into<String>, answer: &Result<T, SdkError<E, R>>) -> bool
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        match answer {
            Ok(_) => self.note(action, about, Access::MayRead, None),
            Err(error) => {
                let failing = failing(error);
                let access = self.access(action, &failing);
                let words = match &failing.code {
                    Some(code) if access == Access::Failed => format!("{code}: {}", failing.message),
                    _ => failing.message,
                };
                self.note(action, about, access, Some(words).filter(|_| access != Access::MayRead));
            }
        }
        answer.is_ok()
    }

    /// What a refusal says of the permission. An answer that something does not exist comes after the permission.
    fn access(&self, action: &str, failing: &Failing) -> Access {
        let code = failing.code.as_deref().unwrap_or_default();
        match failing.kind {
            Kind::Denied => Access::Denied,
            Kind::Throttled => Access::Throttled,
            Kind::TimedOut => Access::TimedOut,
            Kind::Unexpected if code == "ClusterNotFoundException" && self.of.cluster.is_some() => Access::NotThere,
            Kind::Unexpected if code.ends_with("NotFoundException") || code.ends_with("NotFound") => Access::MayRead,
            Kind::Unexpected if action.starts_with("ecs:") && matches!(code, "ClientException" | "InvalidParameterException") => Access::MayRead,
            Kind::Unexpected | Kind::Credentials | Kind::Unreachable | Kind::NotRecorded => Access::Failed,
        }
    }

    fn note(&self, name: &'static str, about: impl Into<String>, access: Access, words: Option<String>) {
        let Some(action) = named(name) else { return };
        let denial = words.as_deref().filter(|_| access == Access::Denied).map(Denial::read);
        if let Some(source) = action.source {
            let status = match access {
                Access::MayRead | Access::NotThere => Status::Ok,
                Access::NotTried => Status::Skipped,
                Access::Denied => Status::Denied,
                Access::Throttled => Status::Throttled,
                Access::TimedOut => Status::TimedOut,
                Access::Failed => Status::Failed,
            };
            (self.progress)(Progress::Answered(source, status));
        }
        let probe = Probe { action: action.name, source: action.source, answers: action.answers, access, about: Some(about.into()), denial, detail: words };
        self.book().answers.push(probe);
    }

    fn begin(&self, source: Source) {
        (self.progress)(Progress::Asking(source));
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn identity(&self) -> Option<Identity> {
        let answer = self.of.account.sts().get_caller_identity().send().await;
        self.hear("sts:GetCallerIdentity", "the credentials", &answer);
        let identity = match &answer {
            Ok(told) => match (told.account(), told.arn()) {
                (Some(account), Some(arn)) => Ok(Identity { account: account.to_owned(), arn: arn.to_owned() }),
                _ => Err(Unidentified { why: "an answer without account and ARN".to_owned(), credentials_are_refused: false }),
            },
            Err(error) => {
                let failing = failing(error);
                Err(Unidentified { credentials_are_refused: failing.kind == Kind::Credentials, why: failing.message })
            }
        };
        let told = identity.clone().ok();
        self.book().identity = Some(identity);
        told
    }

    /// The cluster that was named, else the ARNs of all there are.
    async fn clusters(&self) -> Vec<String> {
        self.begin(Source::Ecs);
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        loop {
            let answer = self.of.account.ecs().list_clusters().set_next_token(pages.token()).send().await;
            if !self.hear("ecs:ListClusters", "*", &answer) {
                break;
            }
            let Ok(answer) = answer else { break };
            found.extend(answer.cluster_arns.unwrap_or_default());
            if self.of.cluster.is_some() || found.len() >= MOST_DESCRIBED || pages.turn(answer.next_token) != Turn::Next {
                break;
            }
        }
        match self.of.cluster {
            Some(cluster) => vec![cluster.to_owned()],
            None => found.into_iter().take(MOST_DESCRIBED).collect(),
        }
    }

    async fn one_cluster(&self, cluster: &str) {
        self.begin(Source::Service);
        self.begin(Source::Host);
        let ecs = self.of.account.ecs();
        let about = format!("cluster {}", last_segment(cluster));
        futures::join!(
            async { self.hear("ecs:ListTasks", &about, &ecs.list_tasks().cluster(cluster).desired_status("STOPPED".into()).max_results(1).send().await) },
            async { self.hear("ecs:DescribeTasks", &about, &ecs.describe_tasks().cluster(cluster).tasks(NO_TASK).send().await) },
            async { self.hear("ecs:ListServices", &about, &ecs.list_services().cluster(cluster).max_results(1).send().await) },
            async { self.hear("ecs:DescribeServices", &about, &ecs.describe_services().cluster(cluster).services(NO_NAME).send().await) },
            async { self.hear("ecs:ListServiceDeployments", &about, &ecs.list_service_deployments().cluster(cluster).service(NO_NAME).max_results(1).send().await) },
            async { self.hear("ecs:DescribeContainerInstances", &about, &ecs.describe_container_instances().cluster(cluster).container_instances(NO_TASK).send().await) },
        );
    }

    async fn task_definitions(&self) {
        let ecs = self.of.account.ecs();
        futures::join!(async { self.hear("ecs:DescribeTaskDefinition", "*", &ecs.describe_task_definition().task_definition(NO_NAME).send().await) }, async {
            self.hear("ecs:ListTaskDefinitionFamilies", "*", &ecs.list_task_definition_families().max_results(1).send().await)
        },);
    }

    /// Deployments and revisions are asked by ARN, which needs the account.
    async fn deployments(&self, cluster: &str, identity: impl Future<Output = Option<Identity>>) {
        let name = last_segment(cluster);
        let base = match (EcsArn::parse(cluster), identity.await) {
            (Some(_), _) => cluster.split_once(":cluster/").map(|(base, _)| base.to_owned()),
            (None, Some(identity)) => Some(base("ecs", &identity, &self.of.account.region)),
            (None, None) => None,
        };
        let Some(base) = base else {
            for action in ["ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions"] {
                self.note(action, "*", Access::NotTried, Some(NO_ACCOUNT.to_owned()));
            }
            return;
        };
        let ecs = self.of.account.ecs();
        let arn = |kind: &str| format!("{base}:{kind}/{name}/{NO_NAME}/{NO_DEPLOYMENT}");
        let about = format!("cluster {name}");
        futures::join!(
            async {
                let answer = ecs.describe_service_deployments().service_deployment_arns(arn("service-deployment")).send().await;
                self.hear("ecs:DescribeServiceDeployments", &about, &answer)
            },
            async {
                let answer = ecs.describe_service_revisions().service_revision_arns(arn("service-revision")).send().await;
                self.hear("ecs:DescribeServiceRevisions", &about, &answer)
            },
        );
    }

    /// Container Insights, by the cluster's own setting or, where that may not be read, by the log group it fills.
    async fn described(&self, clusters: &[String]) {
        let ecs = self.of.account.ecs();
        let asked = if clusters.is_empty() { vec![USUAL_CLUSTER.to_owned()] } else { clusters.to_vec() };
        let answer = ecs.describe_clusters().set_clusters(Some(asked)).include(ClusterField::Settings).send().await;
        if let Some(named) = self.of.cluster
            && let Ok(told) = &answer
            && told.clusters().is_empty()
        {
            self.note("ecs:DescribeClusters", format!("cluster {named}"), Access::NotThere, Some(format!("no cluster `{}` in {}", last_segment(named), self.of.account.region)));
            return;
        }
        let about = self.of.cluster.map_or_else(|| "*".to_owned(), |cluster| format!("cluster {}", last_segment(cluster)));
        self.hear("ecs:DescribeClusters", about, &answer);
        let insights = match &answer {
            Ok(told) => told
                .clusters()
                .iter()
                .map(|cluster| {
                    let setting = cluster.settings().iter().find(|setting| setting.name().is_some_and(|name| name.as_str() == "containerInsights"));
                    Insights { cluster: cluster.cluster_name().unwrap_or_default().to_owned(), setting: setting.and_then(|setting| setting.value()).map(str::to_owned) }
                })
                .collect(),
            Err(_) => join_all(clusters.iter().take(MOST_CLUSTERS).map(|cluster| self.insights_by_log_group(last_segment(cluster)))).await,
        };
        self.book().insights = insights;
    }

    async fn insights_by_log_group(&self, cluster: &str) -> Insights {
        let name = format!("/aws/ecs/containerinsights/{cluster}/performance");
        let found = self.of.account.logs(&self.of.account.region).describe_log_groups().log_group_name_prefix(&name).limit(1).send().await;
        let setting = found.ok().map(|found| if found.log_groups().iter().any(|group| group.log_group_name() == Some(&name)) { "enabled" } else { "disabled" });
        Insights { cluster: cluster.to_owned(), setting: setting.map(str::to_owned) }
    }

    /// Names of the groups there are.
    async fn log_groups(&self) -> Vec<String> {
        self.begin(Source::Logs);
        let logs = self.of.account.logs(&self.of.account.region);
        let answers = join_all(PROBED.map(|prefix| {
            let asked = logs.describe_log_groups().log_group_name_prefix(prefix).send();
            async move {
                let answer = asked.await;
                self.hear("logs:DescribeLogGroups", prefix, &answer);
                answer
                    .map(|found| found.log_groups().iter().filter_map(|group| group.log_group_name().map(str::to_owned)).collect::<Vec<_>>())
                    .map_err(|error| failing(&error).message)
            }
        }))
        .await;
        let all: Result<Vec<Vec<String>>, String> = answers.into_iter().collect();
        let all = all.map(|found| found.concat());
        self.book().log_groups = Some(all.clone());
        all.unwrap_or_default()
    }

    /// A real group where one is known, since a policy may name groups; what is asked of it is not there.
    async fn logs(&self, groups: Vec<String>) {
        self.begin(Source::Metrics);
        let made_up = format!("/ecs/{NO_NAME}");
        let group = groups.iter().find(|name| !archive::is_archive(name, None)).or(groups.first()).unwrap_or(&made_up);
        let logs = self.of.account.logs(&self.of.account.region);
        let now = self.of.now.as_millisecond();
        futures::join!(async { self.hear("logs:GetLogEvents", group, &logs.get_log_events().log_group_name(group).log_stream_name(NO_NAME).limit(1).send().await) }, async {
            let asked = logs.filter_log_events().log_group_name(group).start_time(now - 1).end_time(now).limit(1);
            self.hear("logs:FilterLogEvents", group, &asked.send().await)
        },);
    }

    async fn cloudtrail(&self) {
        self.begin(Source::Cloudtrail);
        let now = self.of.now.as_millisecond();
        let asked = self.of.account.cloudtrail().lookup_events().start_time(DateTime::from_millis(now - 1_000)).end_time(DateTime::from_millis(now)).max_results(1);
        self.hear("cloudtrail:LookupEvents", "*", &asked.send().await);
        for (action, why) in BILLED {
            self.note(action, "*", Access::NotTried, Some(why.to_owned()));
        }
    }

    async fn load_balancing(&self, identity: impl Future<Output = Option<Identity>>) {
        self.begin(Source::Elb);
        let elb = self.of.account.load_balancing();
        let (groups, balancers) = futures::join!(elb.describe_target_groups().page_size(1).send(), elb.describe_load_balancers().page_size(1).send());
        self.hear("elasticloadbalancing:DescribeTargetGroups", "*", &groups);
        self.hear("elasticloadbalancing:DescribeLoadBalancers", "*", &balancers);
        let real_group = groups.ok().and_then(|found| found.target_groups().first()?.target_group_arn().map(str::to_owned));
        let real_balancer = balancers.ok().and_then(|found| found.load_balancers().first()?.load_balancer_arn().map(str::to_owned));
        let base =
            if real_group.is_some() && real_balancer.is_some() { None } else { identity.await.map(|identity| base("elasticloadbalancing", &identity, &self.of.account.region)) };
        let made_up = |kind: &str| base.as_ref().map(|base| format!("{base}:{kind}/{NO_NAME}/0000000000000000"));
        let untried = |action: &'static str| self.note(action, "*", Access::NotTried, Some(NO_ACCOUNT.to_owned()));
        futures::join!(
            async {
                let Some(group) = real_group.clone().or_else(|| made_up("targetgroup")) else {
                    untried("elasticloadbalancing:DescribeTargetGroupAttributes");
                    untried("elasticloadbalancing:DescribeTargetHealth");
                    return;
                };
                let (attributes, health) =
                    futures::join!(elb.describe_target_group_attributes().target_group_arn(&group).send(), elb.describe_target_health().target_group_arn(&group).send());
                self.hear("elasticloadbalancing:DescribeTargetGroupAttributes", &group, &attributes);
                self.hear("elasticloadbalancing:DescribeTargetHealth", &group, &health);
            },
            async {
                let Some(balancer) = real_balancer.clone().or_else(|| made_up("loadbalancer/app")) else {
                    return untried("elasticloadbalancing:DescribeLoadBalancerAttributes");
                };
                let answer = elb.describe_load_balancer_attributes().load_balancer_arn(&balancer).send().await;
                self.hear("elasticloadbalancing:DescribeLoadBalancerAttributes", &balancer, &answer);
            },
        );
    }

    async fn metrics(&self) {
        let metric = Metric::builder().namespace("AWS/ECS").metric_name("CPUUtilization").build();
        let query = MetricDataQuery::builder().id("m0").metric_stat(MetricStat::builder().metric(metric).period(60).stat("Average").build()).build();
        let now = self.of.now.as_second();
        let asked = self.of.account.cloudwatch().get_metric_data().metric_data_queries(query).start_time(DateTime::from_secs(now - 60)).end_time(DateTime::from_secs(now));
        self.hear("cloudwatch:GetMetricData", "*", &asked.send().await);
    }

    async fn scaling(&self) {
        self.begin(Source::Autoscaling);
        let asked = self.of.account.scaling().describe_scaling_activities().service_namespace("ecs".into()).max_results(1);
        self.hear("application-autoscaling:DescribeScalingActivities", "*", &asked.send().await);
    }

    fn checkup(self, ended: Ended) -> Checkup {
        let account = self.of.account;
        let heard = self.heard.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let unheard = |action: &super::actions::Action| {
            let billed = BILLED.iter().find(|(name, _)| *name == action.name);
            let (access, detail) = match (billed, ended) {
                (Some((_, why)), _) => (Access::NotTried, *why),
                (None, Ended::Interrupted) => (Access::TimedOut, "interrupted before its answer"),
                (None, Ended::Complete | Ended::OutOfTime) => (Access::TimedOut, "no answer within the run's time"),
            };
            Probe { action: action.name, source: action.source, answers: action.answers, access, about: None, denial: None, detail: Some(detail.to_owned()) }
        };
        // Of several answers to one action the worst counts: what is denied for one cluster is missing there.
        let worst = |name: &str| heard.answers.iter().filter(|probe| probe.action == name).max_by_key(|probe| probe.access).cloned();
        let probes = ACTIONS.iter().map(|action| worst(action.name).unwrap_or_else(|| unheard(action))).collect();
        let cluster = self.of.cluster.map(last_segment);
        let archive = match heard.log_groups {
            Some(Ok(names)) => match names.into_iter().filter(|name| archive::is_archive(name, cluster)).collect::<Vec<_>>() {
                archives if archives.is_empty() => Presence::None,
                archives => Presence::There(archives),
            },
            Some(Err(why)) => Presence::Unknown(why),
            None if ended == Ended::Interrupted => Presence::Unknown("interrupted before its answer".to_owned()),
            None => Presence::Unknown("no answer within the run's time".to_owned()),
        };
        // A date is cut to its second: half a second is what it is off by on average.
        let skew = account.dated().map(|(theirs, at)| {
            let ours = self.of.now + SignedDuration::try_from(at - self.of.began).unwrap_or_default();
            ours.duration_since(theirs + SignedDuration::from_millis(500))
        });
        let origins = &account.origins;
        Checkup {
            taken_at: self.of.now,
            identity: heard.identity.unwrap_or_else(|| Err(Unidentified { why: "no answer within the run's time".to_owned(), credentials_are_refused: false })),
            interrupted: ended == Ended::Interrupted,
            unreached: None,
            profile: origins.profile.clone(),
            region: Some(origins.region.clone()),
            credentials: Some(origins.credentials.clone()),
            expires: origins.expires,
            endpoint: origins.endpoint.clone(),
            cluster: None,
            probes,
            archive,
            insights: heard.insights,
            skew,
        }
    }
}

/// Where archives are, and where applications log: what may be read of the one may not be of the other.
const PROBED: [&str; 2] = [archive::EVENTS, "/ecs/"];

/// Never asked to see whether they may be.
const BILLED: [(&str, &str); 4] =
    [("cloudtrail:StartQuery", NEEDS_TRAIL_LAKE), ("cloudtrail:GetQueryResults", NEEDS_TRAIL_LAKE), ("logs:StartQuery", NEEDS_SINCE), ("logs:GetQueryResults", NEEDS_SINCE)];
const NEEDS_TRAIL_LAKE: &str = "needed only with --trail-lake, and AWS bills such a query by the data it scans";
const NEEDS_SINCE: &str = "needed only by stops with --since beyond an hour, and AWS bills such a query by the data it scans";

const NO_ACCOUNT: &str = "it is asked by ARN, and AWS did not say which account this is";

/// `arn:aws:SERVICE:REGION:ACCOUNT`, in the partition of the identity.
fn base(service: &str, identity: &Identity, region: &str) -> String {
    let partition = identity.arn.split(':').nth(1).unwrap_or("aws");
    format!("arn:{partition}:{service}:{region}:{}", identity.account)
}
