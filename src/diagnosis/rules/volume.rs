//! An EBS volume could not be created or attached.

use super::super::start_failure::{self, Kind, Reader, kind, says};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Judgement, NextStep, Rule};
use super::super::words::value;

pub const RULE: Rule = Rule { cause: Cause::Volume, details: &[], about: "an EBS volume could not be created or attached", judge };

pub const READER: Reader = Reader { cause: Cause::Volume, kinds: KINDS, reads };

pub const KINDS: &[Kind] = &[kind(
    None,
    "EBS volume",
    "an EBS volume could not be created or attached",
    "The reason behind it tells: the infrastructure role and its permissions, size and type, quota, or a snapshot that is not there.",
    &["amazonelasticblockstorage"],
)];

fn reads(plain: &str) -> Option<&'static Kind> {
    let of_ebs = says(
        plain,
        &[
            "ebs volume",
            "amazonelasticblockstorage",
            "volume attachment",
            "attach volume",
            "create volume",
            "createvolume",
            "attachvolume",
            "volumelimitexceeded",
            "maxiopslimitexceeded",
        ],
    );
    of_ebs.then(|| &KINDS[0])
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(told) = start_failure::of_cause(timeline, Cause::Volume) else { return Judgement::No };
    let task = &timeline.evidence.task;
    let mut finding = told.finding(timeline, "Its EBS volume was not ready");
    finding.container = None;
    let details = || task.attachments.iter().filter(|attachment| attachment.is_volume()).flat_map(|attachment| &attachment.details);
    let detail = |name: &str| details().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let which = match (detail("volumeId"), detail("volumeName")) {
        (Some(id), _) => format!("EBS volume {id}"),
        (None, Some(name)) => format!("the EBS volume for {name}"),
        (None, None) => "an EBS volume".to_owned(),
    };
    finding.summary = format!("The task could not start: {which} could not be created or attached [{}]. AWS's words: “{}”.", told.n, told.quoted());
    if let Some(role) = detail("roleArn") {
        finding.summary.push_str(&format!(" ECS acts as the infrastructure role {role}."));
        finding.next_steps.push(NextStep::run(
            "Ask IAM what the infrastructure role may do",
            format!("aws iam simulate-principal-policy --policy-source-arn{} --action-names ec2:CreateVolume ec2:AttachVolume ec2:CreateTags", value(role)),
        ));
    }
    if let Some(id) = detail("volumeId") {
        finding.next_steps.push(NextStep::run("See the volume", format!("aws ec2 describe-volumes --volume-ids{} --region{}", value(id), value(&task.region))));
    }
    finding.next_steps.push(NextStep::say(told.kind.entry.then));
    finding.into()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::task::Attachment;

    fn attached(kind: &str, details: &[(&str, &str)]) -> crate::diagnosis::evidence::Evidence {
        let mut evidence = stopped("TaskFailedToStart", "Task failed to start", None);
        let details = details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        evidence.task.attachments.push(Attachment { id: "a".to_owned(), kind: kind.to_owned(), status: "DELETED".to_owned(), details });
        evidence
    }

    #[test]
    fn the_attachments_own_word_is_the_evidence() {
        let evidence =
            attached("AmazonElasticBlockStorage", &[("volumeName", "data"), ("statusReason", "ECS was unable to assume the role 'arn:aws:iam::111122223333:role/infra'")]);
        let trace = judged(evidence);
        assert_eq!((trace.verdict.cause.as_str(), trace.verdict.confidence.as_str()), ("volume", "certain"));
        let cited = &trace.timeline.lines[trace.verdict.evidence[0] - 1].event;
        assert!(trace.verdict.summary.contains("data") && cited.text().contains("unable to assume"), "{}", cited.text());
    }

    #[test]
    fn an_efs_volume_is_another_cause() {
        let reason = "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: access denied by server";
        assert!(verdict(stopped("TaskFailedToStart", reason, None)).starts_with("resource-initialization efs"));
    }

    #[test]
    fn an_attached_volume_without_a_complaint_is_no_cause() {
        assert!(verdict(attached("AmazonElasticBlockStorage", &[("volumeId", "vol-0a1b2c3d")])).starts_with("unknown"));
    }
}
