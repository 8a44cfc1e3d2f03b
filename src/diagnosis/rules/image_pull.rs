//! The image could not be pulled: absent, refused, limited, out of reach, too large for the disk, or for another CPU.

use super::super::image::{Image, Registry};
use super::super::network;
use super::super::start_failure::{self, DENIED, Kind, NETWORK, Reader, Told, kind, says, with_detail};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::super::words::{value, values};

pub const RULE: Rule = Rule {
    cause: Cause::ImagePull,
    details: &["not-found", "access-denied", "rate-limited", "unreachable", "no-space", "platform-mismatch", "other"],
    about: "the image could not be pulled",
    judge,
};

pub const READER: Reader = Reader { cause: Cause::ImagePull, kinds: KINDS, reads };

const KINDS: &[Kind] = &[
    kind(
        Some("rate-limited"),
        "toomanyrequests",
        "the registry allows no more pulls for now",
        "Docker Hub counts anonymous pulls by address: give the container repositoryCredentials, or pull through a cache in ECR.",
        &["toomanyrequests", "too many requests", "pull rate limit", "rate exceeded"],
    ),
    kind(
        Some("no-space"),
        "no space left on device",
        "the disk is too full for the image",
        "On EC2 clean or enlarge the instance's disk; on Fargate raise ephemeralStorage.sizeInGiB.",
        &["no space left on device"],
    ),
    kind(
        Some("platform-mismatch"),
        "no matching manifest",
        "the image was not built for the task's CPU or operating system",
        "Build it for that platform (docker buildx build --platform …), or set runtimePlatform in the task definition.",
        &[
            "no matching manifest",
            "does not match the specified platform",
            "descriptor matching platform",
            "no match for platform",
            "cannot be used on this platform",
            "image operating system",
        ],
    ),
    kind(
        Some("access-denied"),
        "pull access denied",
        "the registry refused the pull",
        "With ECR the execution role needs ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer, and a repository of another account its own policy; a private registry needs repositoryCredentials.",
        &[
            "no basic auth credentials",
            "authorization token",
            "check that the role has the permissions",
            "incorrect username or password",
            "authentication required",
            "denied: user:",
        ],
    ),
    kind(
        Some("not-found"),
        "manifest unknown",
        "the registry has no such image, tag or digest",
        "Compare repository and tag letter by letter; a tag may have been deleted or overwritten since the service pinned its digest.",
        &[
            "manifest unknown",
            "name unknown",
            "does not exist in the registry",
            "check whether the image exists",
            "repositorynotfound",
            "imagenotfound",
            "api error (404)",
            "status code: 404",
            "status code 404",
            "not found",
            "no such image",
        ],
    ),
    kind(
        Some("unreachable"),
        "registry unreachable",
        "the registry could not be reached from the task's network",
        "From a private subnet the way out is a NAT gateway or VPC endpoints (ecr.api, ecr.dkr and S3 for the layers); a public subnet needs assignPublicIp ENABLED.",
        &["context canceled"],
    ),
    kind(
        Some("other"),
        "CannotPullContainerError",
        "the image could not be pulled",
        "Network, permission or absence: the rest of the message tells. `pull access denied` may be either of the last two.",
        &["cannotpull"],
    ),
];

/// Docker's one phrase for "you may not" and "there is none".
const EITHER: &str = "repository does not exist or may require";

/// What Docker says beside its phrase for either, and beside the heading of that phrase.
fn without_either(plain: &str) -> String {
    plain.replace(EITHER, "").replace("pull access denied", "")
}

fn reads(plain: &str) -> Option<&'static Kind> {
    let is_pull = says(
        plain,
        &[
            "cannotpull",
            "can't pull the image",
            "cannot pull the image",
            "pull image manifest has been retried",
            "ref pull has been retried",
            "inspect image has been retried",
            "failed to resolve ref",
        ],
    ) || plain.contains("pull access denied")
        || plain.contains("manifest unknown")
        || (plain.contains("could not transition to pulled"))
        || plain.starts_with("toomanyrequests");
    if !is_pull {
        return None;
    }
    let told = without_either(plain);
    for detail in ["rate-limited", "no-space", "platform-mismatch"] {
        let kind = with_detail(KINDS, detail)?;
        if kind.entry.stands_in(&told) {
            return Some(kind);
        }
    }
    // AWS's lead sentence is a guess where Docker's own words behind it say more.
    let refused = with_detail(KINDS, "access-denied").filter(|kind| says(&told, DENIED) || kind.entry.marks_stand_in(&told));
    let absent = with_detail(KINDS, "not-found").filter(|kind| kind.entry.stands_in(&told));
    let unreached = with_detail(KINDS, "unreachable").filter(|kind| says(&told, NETWORK) || kind.entry.stands_in(&told));
    let either = with_detail(KINDS, "access-denied").filter(|_| plain.contains("pull access denied"));
    refused.or(absent).or(unreached).or(either).or_else(|| with_detail(KINDS, "other"))
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(told) = start_failure::of_cause(timeline, Cause::ImagePull) else { return Judgement::No };
    let name = image_name(timeline, &told);
    let image = name.as_deref().map(Image::named);
    let container = told.container.clone().or_else(|| container_of(timeline, name.as_deref()));
    let credentials = container.as_deref().and_then(|container| timeline.definition_of(container)).and_then(|definition| definition.repository_credentials.clone());
    let mut finding = told.finding(timeline, "The image could not be pulled");
    finding.container = container;
    let n = told.n;
    let what = match (&name, &image) {
        (Some(name), Some(image)) => format!("Image {name} ({} in {})", image.reference(), image.place()),
        _ => "The image".to_owned(),
    };
    finding.summary = format!("{what} could not be pulled: {} [{n}].", told.kind.entry.means);
    weigh_either(&told, image.as_ref(), credentials.as_deref(), &mut finding);
    match finding.detail {
        Some("access-denied") => refused(timeline, &told, image.as_ref(), credentials.as_deref(), &mut finding),
        Some("not-found") => absent(image.as_ref(), name.as_deref(), &mut finding),
        Some("unreachable") => unreached(timeline, image.as_ref(), &mut finding),
        Some("rate-limited") => limited(image.as_ref(), credentials.as_deref(), &mut finding),
        Some("no-space") => full(timeline, &mut finding),
        Some("platform-mismatch") => mismatched(timeline, name.as_deref(), &mut finding),
        _ => finding.summary.push_str(&format!(" AWS's words: “{}”.", told.quoted())),
    }
    finding.into()
}

/// The image in the text, else the container's, else the only one there is.
fn image_name(timeline: &Timeline, told: &Told) -> Option<String> {
    let task = &timeline.evidence.task;
    let of = |container: &str| {
        let listed = task.containers.iter().find(|other| other.name == container).and_then(|container| container.image.clone());
        listed.or_else(|| timeline.definition_of(container).and_then(|definition| definition.image.clone()))
    };
    if let Some(name) = told.container.as_deref().and_then(of) {
        return Some(name);
    }
    let defined = timeline.evidence.definition.iter().flat_map(|definition| &definition.containers).filter_map(|container| container.image.as_ref());
    let mut all: Vec<&String> = task.containers.iter().filter_map(|container| container.image.as_ref()).chain(defined).collect();
    all.sort();
    all.dedup();
    let named = |name: &&String| told.text.contains(&Image::named(name).repository) || told.text.contains(name.as_str());
    let mut fitting = all.iter().filter(|name| named(name));
    match (fitting.next(), fitting.next(), all.as_slice()) {
        (Some(name), None, _) => Some((*name).clone()),
        (None, _, [only]) => Some((*only).clone()),
        _ => None,
    }
}

fn container_of(timeline: &Timeline, image: Option<&str>) -> Option<String> {
    let mut with = timeline.evidence.task.containers.iter().filter(|container| container.image.as_deref() == image && image.is_some());
    with.next().filter(|_| with.next().is_none()).map(|container| container.name.clone())
}

/// "Does not exist or may require login" without another word: AWS cannot tell, so the registry and the login decide.
fn weigh_either(told: &Told, image: Option<&Image>, credentials: Option<&str>, finding: &mut Finding) {
    let plain = told.text.to_lowercase();
    let rest = without_either(&plain).replace("requested access to the resource is denied", "");
    let refusal = says(&rest, DENIED) || says(&rest, &["no basic auth", "authorization token", "denied: user:", "check that the role has"]);
    if !plain.contains(EITHER) || refusal {
        return;
    }
    finding.confidence = Confidence::Likely;
    let registry = image.map(|image| &image.registry);
    let guessed = plain.contains("check whether the image exists");
    let absent = guessed || matches!(registry, Some(Registry::DockerHub)) && credentials.is_none();
    let (detail, other) = if absent {
        ("not-found", "access-denied: a private repository looks the same without a login")
    } else {
        ("access-denied", "not-found: the registry answers the same for a repository that does not exist")
    };
    finding.detail = Some(detail);
    finding.summary = match finding.summary.rsplit_once(": ") {
        Some((what, _)) => format!("{what}: the registry's answer is the same for a repository that is absent and for one that is closed [{}].", told.n),
        None => finding.summary.clone(),
    };
    finding.summary.push_str(match (absent, credentials) {
        (true, _) if guessed => " ECS takes it for absent.",
        (true, _) => " It is on Docker Hub and the container has no repositoryCredentials, so most likely no such public repository exists.",
        (false, Some(_)) => " The container has a login, so most likely that is not accepted.",
        (false, None) => " Most likely the task may not read it.",
    });
    finding.alternatives.push((Cause::ImagePull, other.to_owned()));
}

fn refused(timeline: &Timeline, told: &Told, image: Option<&Image>, credentials: Option<&str>, finding: &mut Finding) {
    let task = &timeline.evidence.task;
    let definition = timeline.evidence.definition.as_ref();
    let missing =
        ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability", "ecr-public:GetAuthorizationToken", "kms:Decrypt"]
            .into_iter()
            .find(|action| told.says(&[&action.to_lowercase()]));
    finding.summary.push_str(" It is a matter of permission.");
    match image.map(|image| &image.registry) {
        Some(Registry::Ecr { account, region, .. }) => {
            let needs = missing.unwrap_or("ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer");
            finding.summary.push_str(&format!(" It pulls as {}, which lacks {needs}.", network::role(task, definition)));
            finding.next_steps.extend(network::simulate(definition, &["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]));
            let repository = image.map(|image| image.repository.as_str()).unwrap_or_default();
            let foreign = *account != task.account;
            let why = if foreign {
                "The repository is another account's: its own policy must allow this account"
            } else {
                "See whether the repository has a policy of its own that denies"
            };
            finding.next_steps.push(NextStep::run(
                why,
                format!("aws ecr get-repository-policy --registry-id{} --repository-name{} --region{}", value(account), value(repository), value(region)),
            ));
        }
        _ => match credentials {
            Some(secret) => {
                finding.summary.push_str(&format!(" The login is the secret {secret} (repositoryCredentials)."));
                finding.next_steps.push(NextStep::run(
                    "See when the login was last changed",
                    format!("aws secretsmanager describe-secret --secret-id{} --region{}", value(secret), value(&task.region)),
                ));
            }
            None => finding.next_steps.push(NextStep::say("Give the container repositoryCredentials: the ARN of a secret with username and password of that registry.")),
        },
    }
}

fn absent(image: Option<&Image>, name: Option<&str>, finding: &mut Finding) {
    let Some(image) = image else { return };
    finding.summary.push_str(" It is a matter of absence, not of permission or network.");
    match &image.registry {
        Registry::Ecr { account, region, .. } => {
            let place = format!("--registry-id{} --repository-name{} --region{}", value(account), value(&image.repository), value(region));
            let id = match (&image.digest, &image.tag) {
                (Some(digest), _) => format!("imageDigest={digest}"),
                (None, tag) => format!("imageTag={}", tag.as_deref().unwrap_or("latest")),
            };
            finding.next_steps.push(NextStep::run(format!("See whether {} is there", image.reference()), format!("aws ecr describe-images {place} --image-ids{}", value(&id))));
            finding
                .next_steps
                .push(NextStep::run("See the newest tags there are", format!("aws ecr describe-images {place} --query 'sort_by(imageDetails,&imagePushedAt)[-5:].imageTags'")));
        }
        _ => {
            if let Some(name) = name {
                finding.next_steps.push(NextStep::run("Ask the registry yourself", format!("docker manifest inspect{}", values(&[name]))));
            }
        }
    }
    finding.next_steps.push(NextStep::say("A service pins the digest at deployment: where the tag was overwritten or a lifecycle policy removed the image, deploy again."));
}

fn unreached(timeline: &Timeline, image: Option<&Image>, finding: &mut Finding) {
    finding.summary.push_str(" It is a matter of network.");
    finding.summary.push_str(&network::sentence(timeline));
    if let Some(Registry::Ecr { region, host, .. }) = image.map(|image| &image.registry) {
        finding.next_steps.push(NextStep::say(format!(
            "The task must reach api.ecr.{region}.amazonaws.com, {host} and, for the layers, S3 (prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com), all on 443."
        )));
    } else if let Some(image) = image {
        finding.next_steps.push(NextStep::say(format!("The task must reach {} on 443; VPC endpoints do not lead there, a NAT gateway or a public address does.", image.place())));
    }
    finding.next_steps.extend(network::steps(timeline));
}

fn limited(image: Option<&Image>, credentials: Option<&str>, finding: &mut Finding) {
    if matches!(image.map(|image| &image.registry), Some(Registry::DockerHub)) {
        let login = if credentials.is_some() {
            "the login in repositoryCredentials has reached its limit"
        } else {
            "pulls without a login are counted by address, and a NAT gateway's is shared"
        };
        finding.summary.push_str(&format!(" On Docker Hub {login}."));
        finding.next_steps.push(NextStep::say("Give the container repositoryCredentials, or copy the image to ECR."));
    }
    finding.next_steps.push(NextStep::run(
        "Pull through a cache in ECR from now on",
        "aws ecr create-pull-through-cache-rule --ecr-repository-prefix docker-hub --upstream-registry-url registry-1.docker.io --credential-arn SECRET_ARN",
    ));
}

fn full(timeline: &Timeline, finding: &mut Finding) {
    let task = &timeline.evidence.task;
    if task.runs_on_fargate() {
        finding.next_steps.push(NextStep::say("Raise ephemeralStorage.sizeInGiB in the task definition (20 by default, 200 at most), or make the image smaller."));
        return;
    }
    let host = timeline.evidence.host.as_ref().and_then(|host| host.instance_id.clone());
    finding.summary.push_str(&format!(" It is the disk of {}.", host.as_ref().map_or_else(|| "the container instance".to_owned(), |id| format!("instance {id}"))));
    if let Some(id) = host {
        finding.next_steps.push(NextStep::run("Look at the instance's disk", format!("aws ssm start-session --target{} --region{}", value(&id), value(&task.region))));
    }
    finding.next_steps.push(NextStep::say("There: `df -h` and `docker system prune -a`; lower ECS_IMAGE_CLEANUP_INTERVAL, or give the instances larger disks."));
}

fn mismatched(timeline: &Timeline, name: Option<&str>, finding: &mut Finding) {
    let wanted = timeline.evidence.definition.as_ref().and_then(|definition| definition.cpu_architecture.as_deref());
    let platform = if wanted == Some("ARM64") { "linux/arm64" } else { "linux/amd64" };
    let by = wanted.map_or_else(|| "sets no runtimePlatform, which means X86_64 on Fargate".to_owned(), |cpu| format!("asks for {cpu}"));
    finding.summary.push_str(&format!(" The task definition {by}."));
    if let Some(name) = name {
        finding.next_steps.push(NextStep::run("See for which platforms the image is built", format!("docker manifest inspect{}", values(&[name]))));
        finding.next_steps.push(NextStep::run("Build and push it for the task's", format!("docker buildx build --platform {platform} --tag{} --push .", value(name))));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;
    use crate::diagnosis::evidence::Evidence;
    use crate::diagnosis::task::Container;

    fn told(reason: &str) -> Evidence {
        let mut evidence = stopped("TaskFailedToStart", reason, None);
        evidence.task.containers[0].image = Some("123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:41".to_owned());
        evidence
    }

    fn on_ec2(image: &str, reason: &str) -> Evidence {
        let mut evidence = stopped("TaskFailedToStart", "Task failed to start", None);
        evidence.task.launch_type = Some("EC2".to_owned());
        evidence.task.containers[0].image = Some(image.to_owned());
        evidence.task.containers[0].reason = Some(reason.to_owned());
        evidence
    }

    #[test]
    fn both_generations_of_words_give_the_same_detail() {
        for (reason, detail) in [
            (
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref 123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:41: not found",
                "not-found",
            ),
            ("CannotPullContainerError: Error response from daemon: manifest for web:41 not found: manifest unknown: Requested image not found", "not-found"),
            (
                "CannotPullContainerError: The task can’t pull the image. Check that the role has the permissions to pull images from the registry. Error response from daemon: p",
                "access-denied",
            ),
            (
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref: pulling from host failed with status code [manifests 41]: 403 Forbidden",
                "access-denied",
            ),
            (
                "CannotPullContainerError: inspect image has been retried 5 time(s): httpReadSeeker: failed open: toomanyrequests: You have reached your pull rate limit",
                "rate-limited",
            ),
            ("CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob1: no space left on device", "no-space"),
            (
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'",
                "platform-mismatch",
            ),
            (
                "CannotPullContainerError: The task cannot pull x from the registry y. There is a connection issue between the task and the registry. Check your task network configuration. : dial tcp 1.2.3.4:443: i/o timeout",
                "unreachable",
            ),
            ("CannotPullContainerError: context canceled", "unreachable"),
            ("CannotPullContainerError: failed to unpack image on snapshotter overlayfs: failed to extract layer sha256:1", "other"),
        ] {
            assert_eq!(verdict(told(reason)), format!("image-pull {detail} certain"), "{reason}");
        }
    }

    #[test]
    fn a_refusal_that_also_speaks_of_absence_is_a_refusal() {
        let reason = "CannotPullContainerError: The task can’t pull the image. Check whether the image exists. pull access denied for web, repository does not exist or may require 'docker login': denied: User: arn:aws:sts::123456789012:assumed-role/exec/1 is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:eu-west-1:123456789012:repository/web";
        let trace = judged(told(reason));
        assert_eq!((trace.verdict.detail, trace.verdict.confidence.as_str()), (Some("access-denied"), "certain"));
        assert!(trace.verdict.summary.contains("ecr:BatchGetImage"));
    }

    #[test]
    fn words_for_either_are_weighed_by_registry_and_login_and_are_never_certain() {
        let reason = "CannotPullContainerError: failed to resolve ref: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed";
        assert_eq!(verdict(on_ec2("ngin:latest", reason)), "image-pull not-found likely");
        assert_eq!(verdict(on_ec2("123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:41", reason)), "image-pull access-denied likely");
        let mut private = on_ec2("shop/web:1", reason);
        private.definition.as_mut().expect("a definition").containers[0].repository_credentials = Some("arn:aws:secretsmanager:eu-west-1:1:secret:hub".to_owned());
        assert_eq!(verdict(private), "image-pull access-denied likely");
    }

    #[test]
    fn the_sibling_whose_pull_failed_is_named_and_not_the_one_it_took_along() {
        let mut evidence = on_ec2("redis:8", "CannotPullContainerError: context canceled");
        let reason = "CannotPullContainerError: Error response from daemon: Get \"https://registry-1.docker.io/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)";
        evidence.task.containers.push(Container { name: "proxy".to_owned(), reason: Some(reason.to_owned()), last_status: Some("STOPPED".to_owned()), ..Container::default() });
        let trace = judged(evidence);
        assert_eq!((trace.verdict.detail, trace.verdict.container.as_deref()), (Some("unreachable"), Some("proxy")));
    }

    #[test]
    fn what_somebody_typed_or_a_stop_broke_off_is_no_failed_pull() {
        assert!(verdict(stopped("UserInitiated", "CannotPullContainerError: manifest unknown", None)).starts_with("stop-requested"));
        let mut scaled = stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)", None);
        scaled.task.containers[0].reason = Some("CannotPullContainerError: context canceled".to_owned());
        assert!(verdict(scaled).starts_with("scale-in"));
    }

    #[test]
    fn a_task_whose_pull_never_began_gives_no_cause() {
        assert!(verdict(on_ec2("redis:8", "TaskStoppedBeforePullBeginError: Task stopped before image pull could begin for task: x")).starts_with("unknown"));
    }

    #[test]
    fn digits_of_an_account_or_a_digest_are_no_status() {
        let timeout = "CannotPullContainerError: inspect image has been retried 5 time(s): failed to resolve ref \"240404123456.dkr.ecr.eu-west-1.amazonaws.com/web:41\": failed to do request: dial tcp 10.0.1.4:443: i/o timeout";
        assert_eq!(verdict(told(timeout)), "image-pull unreachable certain");
        assert_eq!(verdict(told("CannotPullContainerError: failed to extract layer sha256:1c404ab91534477b: unexpected EOF")), "image-pull other certain");
        assert_eq!(verdict(told("CannotPullContainerError: ref pull has been retried 1 time(s): unexpected status code: 404 Not Found")), "image-pull not-found certain");
    }
}
