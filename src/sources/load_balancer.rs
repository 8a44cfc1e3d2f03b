//! Asks for the load balancer whose checks a task failed: its network, to compare with the task's, and whether it
//! kept logs of its checks.

use aws_sdk_elasticloadbalancingv2::types as sdk;

use crate::diagnosis::evidence::{Source, Status};
use crate::diagnosis::service::{Balancer, KeptLogs};

use super::Reach;
use super::failing::{Failing, failing};
use super::ledger::Inquiry;

/// What either answer gives is told, whichever fails.
pub(super) async fn tell(reach: &Reach<'_>, arn: &str) {
    let (network, kept) = futures::join!(network(reach, arn), kept_logs(reach, arn));
    if network.is_none() && kept.is_none() {
        return;
    }
    let mut balancer = network.unwrap_or_default();
    arn.clone_into(&mut balancer.arn);
    if let Some((health_checks, access)) = kept {
        (balancer.health_check_logs, balancer.access_logs) = (Some(health_checks), Some(access));
    }
    reach.ledger.tell_balancer(balancer);
}

async fn network(reach: &Reach<'_>, arn: &str) -> Option<Balancer> {
    let inquiry = reach.ledger.ask(Source::Elb, "elasticloadbalancing:DescribeLoadBalancers", arn);
    inquiry.request();
    match reach.account.load_balancing().describe_load_balancers().load_balancer_arns(arn).send().await {
        Ok(answer) => {
            let found = answer.load_balancers().iter().find(|balancer| balancer.load_balancer_arn() == Some(arn)).map(read);
            inquiry.count(usize::from(found.is_some()));
            inquiry.done();
            found
        }
        Err(error) => {
            gone_or_failed(inquiry, &failing(&error));
            None
        }
    }
}

/// Health check logs and access logs. An attribute AWS does not name is off: Network Load Balancers have no health
/// check logs.
async fn kept_logs(reach: &Reach<'_>, arn: &str) -> Option<(KeptLogs, KeptLogs)> {
    let inquiry = reach.ledger.ask(Source::Elb, "elasticloadbalancing:DescribeLoadBalancerAttributes", arn);
    inquiry.request();
    match reach.account.load_balancing().describe_load_balancer_attributes().load_balancer_arn(arn).send().await {
        Ok(answer) => {
            inquiry.count(answer.attributes().len());
            inquiry.done();
            Some((read_logs(answer.attributes(), "health_check_logs"), read_logs(answer.attributes(), "access_logs")))
        }
        Err(error) => {
            gone_or_failed(inquiry, &failing(&error));
            None
        }
    }
}

fn gone_or_failed(inquiry: Inquiry<'_>, failing: &Failing) {
    if failing.is("LoadBalancerNotFound") {
        inquiry.detail("the load balancer is gone");
        inquiry.end(Status::Empty);
    } else {
        inquiry.fail(failing);
    }
}

fn read(balancer: &sdk::LoadBalancer) -> Balancer {
    Balancer {
        arn: balancer.load_balancer_arn().unwrap_or_default().to_owned(),
        name: balancer.load_balancer_name().unwrap_or_default().to_owned(),
        security_groups: balancer.security_groups().to_vec(),
        subnets: balancer.availability_zones().iter().filter_map(|zone| zone.subnet_id().map(str::to_owned)).collect(),
        ..Balancer::default()
    }
}

fn read_logs(attributes: &[sdk::LoadBalancerAttribute], kind: &str) -> KeptLogs {
    let value = |name: &str| {
        let key = format!("{kind}.s3.{name}");
        attributes.iter().find(|attribute| attribute.key() == Some(&key)).and_then(|attribute| attribute.value()).filter(|value| !value.is_empty()).map(str::to_owned)
    };
    KeptLogs { enabled: value("enabled").is_some_and(|value| value.eq_ignore_ascii_case("true")), bucket: value("bucket"), prefix: value("prefix") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_on_only_where_an_attribute_says_so() {
        let attribute = |key: &str, value: &str| sdk::LoadBalancerAttribute::builder().key(key).value(value).build();
        let attributes = [attribute("health_check_logs.s3.enabled", "true"), attribute("health_check_logs.s3.bucket", "probes"), attribute("health_check_logs.s3.prefix", "")];
        assert_eq!(read_logs(&attributes, "health_check_logs"), KeptLogs { enabled: true, bucket: Some("probes".to_owned()), prefix: None });
        assert_eq!(read_logs(&attributes, "access_logs"), KeptLogs::default());
    }
}
