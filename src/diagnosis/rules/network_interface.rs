//! The task got no network interface.

use super::super::network;
use super::super::start_failure::{self, Kind, Reader, kind, says, with_detail};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Judgement, NextStep, Rule};
use super::super::words::{value, values};

pub const RULE: Rule = Rule { cause: Cause::NetworkInterface, details: &["no-addresses", "timeout", "other"], about: "no network interface", judge };

pub const READER: Reader = Reader { cause: Cause::NetworkInterface, kinds: KINDS, reads };

const KINDS: &[Kind] = &[
    kind(
        Some("no-addresses"),
        "InsufficientFreeAddressesInSubnet",
        "the subnet has no free address left",
        "Add a subnet to the service, or free addresses: every awsvpc task takes one.",
        &["insufficientfreeaddresses", "insufficientcidrblocks", "privateipaddresslimitexceeded"],
    ),
    kind(
        Some("timeout"),
        "Timeout waiting for network interface",
        "its network interface was not ready in time",
        "It passes mostly; where it stays, look at EC2's limits of network interfaces in the region.",
        &["timeout waiting for network interface", "timed out waiting for network interface"],
    ),
    kind(
        Some("other"),
        "Unexpected EC2 error while attempting to Create Network Interface",
        "EC2 gave the task no network interface",
        "The EC2 error behind it tells: limits of interfaces, a deleted subnet or security group, or ECS's own role.",
        &["network interface", "containernetworkingerror", "unused device index", "networkinterfacelimitexceeded"],
    ),
];

fn reads(plain: &str) -> Option<&'static Kind> {
    // A file system's mount target has a network interface too.
    if plain.contains("efs") && !plain.contains("create network interface") {
        return None;
    }
    if plain.contains("network interface") && says(plain, &["timeout waiting", "timed out"]) {
        return with_detail(KINDS, "timeout");
    }
    start_failure::first(KINDS, plain)
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(told) = start_failure::of_cause(timeline, Cause::NetworkInterface) else { return Judgement::No };
    let region = &timeline.evidence.task.region;
    let mut finding = told.finding(timeline, "No network interface");
    finding.container = None;
    let named = told.text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-')).find(|word| word.starts_with("subnet-")).map(str::to_owned);
    let subnets = named.map_or_else(|| network::subnets(timeline), |id| vec![id]);
    finding.summary = format!("The task could not start: {} [{}].", told.kind.entry.means, told.n);
    if !subnets.is_empty() {
        finding.summary.push_str(&format!(" It was to be in {}.", subnets.join(", ")));
    }
    finding.summary.push_str(&format!(" AWS's words: “{}”.", told.quoted()));
    if !subnets.is_empty() {
        let query = "'Subnets[].[SubnetId,AvailabilityZone,AvailableIpAddressCount]'";
        finding.next_steps.push(NextStep::run(
            "See how many addresses are free",
            format!("aws ec2 describe-subnets --subnet-ids{} --query {query} --output table --region{}", values(&subnets), value(region)),
        ));
    }
    finding.next_steps.push(NextStep::say(told.kind.entry.then));
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    #[test]
    fn each_way_to_get_no_interface_has_its_detail() {
        for (reason, detail) in [
            (
                "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-0a1b2c3d': InsufficientFreeAddressesInSubnet",
                "no-addresses",
            ),
            ("Timeout waiting for network interface provisioning to complete.", "timeout"),
            ("Rate limit exceeded while preparing network interface to be attached to instance", "other"),
            ("Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-0a1b2c3d': AuthFailure", "other"),
        ] {
            assert_eq!(verdict(stopped("TaskFailedToStart", reason, None)), format!("network-interface {detail} certain"), "{reason}");
        }
        let trace = judged(stopped(
            "TaskFailedToStart",
            "Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-0a1b2c3d': InsufficientFreeAddressesInSubnet",
            None,
        ));
        assert!(trace.verdict.summary.contains("subnet-0a1b2c3d") && trace.verdict.next_steps[0].command.as_ref().is_some_and(|command| command.contains("subnet-0a1b2c3d")));
    }

    #[test]
    fn a_pull_that_timed_out_is_no_missing_interface() {
        assert!(verdict(stopped("TaskFailedToStart", "CannotPullContainerError: dial tcp 1.2.3.4:443: i/o timeout", None)).starts_with("image-pull"));
    }

    #[test]
    fn what_somebody_typed_is_no_missing_interface() {
        assert!(verdict(stopped("UserInitiated", "Timeout waiting for network interface provisioning to complete.", None)).starts_with("stop-requested"));
    }
}
