//! Every AWS action ecs-trace can call, on one list. The connector refuses all others.

use crate::diagnosis::evidence::Source;

/// One IAM action, which here is also one API operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// `service:Operation`, as IAM spells it.
    pub name: &'static str,
    /// The source that asks; none for who is asking.
    pub source: Option<Source>,
    /// What is lost without it.
    pub answers: &'static str,
}

const fn action(name: &'static str, source: Source, answers: &'static str) -> Action {
    Action { name, source: Some(source), answers }
}

/// All of them read; none changes anything.
pub const ACTIONS: &[Action] = &[
    Action { name: "sts:GetCallerIdentity", source: None, answers: "doctor: which account and identity the credentials are; AWS lets everybody ask it" },
    action("ecs:DescribeTasks", Source::Ecs, "the task itself, and the tasks that stopped beside it"),
    action("ecs:DescribeTaskDefinition", Source::Ecs, "limits, log groups, health checks, which containers are essential"),
    action("ecs:ListTaskDefinitionFamilies", Source::Logs, "where a task of no service logged, once ECS has forgotten it"),
    action("ecs:ListTasks", Source::Ecs, "finding a task by a prefix, by its service, or the latest one; which others stopped beside it"),
    action("ecs:ListClusters", Source::Ecs, "finding the cluster of a task id"),
    action("ecs:ListServices", Source::Service, "names of services, for TAB; which task definitions name the logs of a task that ECS has forgotten"),
    action("ecs:DescribeServices", Source::Service, "service events, deployments, load balancers"),
    action("ecs:ListServiceDeployments", Source::Service, "deployments that the service no longer lists"),
    action("ecs:DescribeServiceDeployments", Source::Service, "rollbacks, circuit breaker, alarms"),
    action("ecs:DescribeServiceRevisions", Source::Service, "which task definition such a deployment brought"),
    action("ecs:DescribeContainerInstances", Source::Host, "the EC2 instance under the task"),
    action("ecs:DescribeClusters", Source::Metrics, "doctor: whether Container Insights keeps memory and CPU of each task"),
    action("cloudtrail:LookupEvents", Source::Cloudtrail, "who called StopTask or UpdateService, who had a shell in the task"),
    action("cloudtrail:StartQuery", Source::Cloudtrail, "the same from an event data store, only with --trail-lake; billed by the data scanned"),
    action("cloudtrail:GetQueryResults", Source::Cloudtrail, "what that query found"),
    action("logs:GetLogEvents", Source::Logs, "the containers' last words"),
    action("logs:DescribeLogGroups", Source::Logs, "why a log group cannot be read, and which archives of ECS events and groups of Container Insights there are"),
    action(
        "logs:FilterLogEvents",
        Source::Metrics,
        "memory and CPU of the task before its end, from Container Insights; archived events, and Container Insights' records, of a task that ECS has forgotten",
    ),
    action("logs:StartQuery", Source::Archive, "stops of days, with --since beyond the hour that ECS remembers; billed by the data scanned"),
    action("logs:GetQueryResults", Source::Archive, "what that query found"),
    action("cloudwatch:GetMetricData", Source::Metrics, "memory and CPU of service and task, and what the load balancer counted, minute by minute"),
    action("elasticloadbalancing:DescribeTargetGroups", Source::Elb, "path, codes, interval and threshold of the health check"),
    action("elasticloadbalancing:DescribeTargetGroupAttributes", Source::Elb, "deregistration delay and slow start"),
    action("elasticloadbalancing:DescribeTargetHealth", Source::Elb, "what the load balancer says of the task's own target"),
    action("application-autoscaling:DescribeScalingActivities", Source::Autoscaling, "which policy or schedule changed the desired count"),
    action("elasticloadbalancing:DescribeLoadBalancers", Source::Elb, "the load balancer's security groups and subnets, to compare with the task's"),
    action("elasticloadbalancing:DescribeLoadBalancerAttributes", Source::Elb, "whether it keeps health check logs and access logs, and where"),
];

/// The action a request is for, if it is on the list.
#[must_use]
pub fn named(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.name == name)
}
