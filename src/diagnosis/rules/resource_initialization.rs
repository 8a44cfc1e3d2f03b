//! What a container needs before it starts could not be prepared: secrets, a login, a log, a file system, a file of variables.

use super::super::network;
use super::super::start_failure::{self, DENIED, Kind, NETWORK, Reader, Told, kind, says, with_detail};
use super::super::stopped_by::StoppedBy;
use super::super::timeline::Timeline;
use super::super::verdict::{Cause, Confidence, Finding, Judgement, NextStep, Rule};
use super::super::words::{self, value};

pub const RULE: Rule = Rule {
    cause: Cause::ResourceInitialization,
    details: &["secret-not-found", "secret-access-denied", "registry-auth", "log-group-missing", "log-driver", "efs", "env-file", "unreachable", "other"],
    about: "what it needs to start could not be prepared",
    judge,
};

pub const READER: Reader = Reader { cause: Cause::ResourceInitialization, kinds: KINDS, reads };

const KINDS: &[Kind] = &[
    kind(
        Some("secret-not-found"),
        "secret not found",
        "a secret or parameter that the task definition names does not exist",
        "Compare its ARN letter by letter, with region, suffix, version and JSON key.",
        &[],
    ),
    kind(
        Some("secret-access-denied"),
        "secret access denied",
        "the execution role may not read a secret or parameter, or not decrypt it",
        "It needs secretsmanager:GetSecretValue or ssm:GetParameters on it, and kms:Decrypt where the key is the user's own.",
        &[],
    ),
    kind(
        Some("registry-auth"),
        "registry auth",
        "the task got no login for the registry",
        "The execution role needs ecr:GetAuthorizationToken on *, or the secret of repositoryCredentials.",
        &[],
    ),
    kind(
        Some("log-group-missing"),
        "log group does not exist",
        "the log group that the task definition names does not exist",
        "Create it, or set awslogs-create-group to true and allow logs:CreateLogGroup.",
        &["log group does not exist"],
    ),
    kind(
        Some("log-driver"),
        "failed to initialize logging driver",
        "the log driver could not be started",
        "Look at the driver's options, and at logs:CreateLogStream and logs:PutLogEvents of the role.",
        &[],
    ),
    kind(
        Some("efs"),
        "failed to invoke EFS utils",
        "an EFS file system could not be mounted",
        "Mount targets must be in the task's zone and let in port 2049 from the task's security group; with IAM the task role needs elasticfilesystem:ClientMount.",
        &[],
    ),
    kind(
        Some("env-file"),
        "failed to download env files",
        "an environment file could not be fetched from S3",
        "It must exist, and the execution role needs s3:GetObject on it and s3:GetBucketLocation on the bucket.",
        &[],
    ),
    kind(
        Some("unreachable"),
        "unable to pull secrets or registry auth: timeout",
        "the AWS service that keeps it could not be reached from the task's network",
        "From a private subnet the way out is a NAT gateway or VPC endpoints; a public subnet needs assignPublicIp ENABLED. `signal: killed` means that it waited in vain.",
        &[],
    ),
    kind(
        Some("other"),
        "ResourceInitializationError",
        "secrets, logs, volumes or the registry login could not be prepared",
        "Network errors (timeouts) point at routes and endpoints, AccessDenied at the execution role, not found at the name.",
        &[],
    ),
];

/// AWS puts it before every failure of this kind, whichever of the two it was.
const EITHER: &str = "unable to pull secrets or registry auth";

fn reads(plain: &str) -> Option<&'static Kind> {
    let gates = [
        "resourceinitializationerror",
        "resource cannot be initialized",
        EITHER,
        "fetching secret data",
        "can't retrieve the secret",
        "failed to download env files",
        "failed to validate logger args",
        "failed to initialize logging driver",
        "failed to create cloudwatch log",
        "efs utils",
        "unable to assume the role",
    ];
    if !says(plain, &gates) {
        return None;
    }
    let told = plain.replace(EITHER, "");
    let denied = says(&told, DENIED);
    let absent = says(
        &told,
        &[
            "resourcenotfound",
            "can't find the specified",
            "does not exist",
            "parameternotfound",
            "invalid ssm parameters",
            "invalid parameters",
            "nosuchkey",
            "nosuchbucket",
            "not found",
            "did not contain json key",
            "marked for deletion",
        ],
    );
    let network = says(&told, NETWORK);
    let efs = says(&told, &["efs utils", "mount.nfs", "elasticfilesystem", "efs volume", ".efs."]);
    let log = says(&told, &["logger args", "log group", "log stream", "logging driver", "log driver"]);
    let env = says(&told, &["env file", "environment file", "environment variable file"]);
    let login = says(&told, &["registry auth", "getauthorizationtoken", "registry credential", "repositorycredentials", "repository credential"]);
    let secret = says(&told, &["secret", " asm", " ssm", "parameter", "kms"]);
    let detail = if efs {
        "efs"
    } else if network && !denied && !absent {
        "unreachable"
    } else if env {
        "env-file"
    } else if log {
        // On the log group itself "not found" is said of nothing else.
        if absent && !denied { "log-group-missing" } else { "log-driver" }
    } else if login {
        "registry-auth"
    } else if secret && denied {
        "secret-access-denied"
    } else if secret && absent {
        "secret-not-found"
    } else {
        "other"
    };
    with_detail(KINDS, detail)
}

fn judge(timeline: &Timeline, _: &StoppedBy) -> Judgement {
    let Some(told) = start_failure::of_cause(timeline, Cause::ResourceInitialization) else { return Judgement::No };
    let mut finding = told.finding(timeline, headline(told.kind.detail));
    let n = told.n;
    let means = told.kind.entry.means;
    let mut letters = means.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    finding.summary = format!("{first}{} [{n}].", letters.as_str());
    match told.kind.detail {
        Some("secret-not-found" | "secret-access-denied") => of_secret(timeline, &told, &mut finding),
        Some("registry-auth") => of_login(timeline, &told, &mut finding),
        Some("log-group-missing" | "log-driver") => of_log(timeline, &told, &mut finding),
        Some("efs") => of_efs(timeline, &told, &mut finding),
        Some("env-file") => of_file(timeline, &told, &mut finding),
        Some("unreachable") => of_network(timeline, &told, &mut finding),
        _ => {
            finding.summary.push_str(&format!(" AWS's words: “{}”.", told.quoted()));
            finding.next_steps.push(NextStep::say(told.kind.entry.then));
            if let Some(command) = super::super::commands::describe_task_definition(&timeline.evidence.task) {
                finding.next_steps.push(NextStep::run("See which secrets, logs and volumes the definition names", command));
            }
        }
    }
    if told.says(&["unable to assume the role"]) {
        finding.next_steps.push(NextStep::say("Let ecs-tasks.amazonaws.com assume the role: see its trust policy."));
    }
    finding.into()
}

fn headline(detail: Option<&str>) -> &'static str {
    match detail {
        Some("secret-not-found") => "A secret was not found",
        Some("secret-access-denied") => "A secret may not be read",
        Some("registry-auth") => "No login for the registry",
        Some("log-group-missing") => "Its log group does not exist",
        Some("log-driver") => "Its log driver could not start",
        Some("efs") => "Its file system could not be mounted",
        Some("env-file") => "An environment file could not be fetched",
        Some("unreachable") => "An AWS service was out of reach",
        _ => "It could not be prepared to start",
    }
}

/// The secret or parameter the text names; where AWS cut it off, the only one of the definition.
fn secret_of(timeline: &Timeline, told: &Told) -> (Option<String>, Vec<String>) {
    let definition = timeline.evidence.definition.as_ref();
    let mut defined: Vec<&String> =
        definition.iter().flat_map(|definition| &definition.containers).flat_map(|container| container.secrets.iter().chain(&container.repository_credentials)).collect();
    defined.sort();
    defined.dedup();
    let holds = |secret: &&&String| told.text.contains(secret_arn(secret)) || told.text.contains(super::super::task::last_segment(secret));
    // Of two names the longer one is meant where the other is its beginning.
    if let Some(named) = defined.iter().filter(holds).max_by_key(|secret| secret.len()) {
        return (Some((*named).clone()), Vec::new());
    }
    let is_secret = |arn: &&str| arn.contains(":secretsmanager:") || arn.contains(":ssm:");
    if let Some(arn) = told.arns().into_iter().find(is_secret) {
        return (Some(arn.to_owned()), Vec::new());
    }
    match defined.as_slice() {
        [only] => (Some((*only).clone()), Vec::new()),
        many => (None, many.iter().map(|secret| (*secret).clone()).collect()),
    }
}

/// `arn:…:secret:NAME` without the JSON key and version that `valueFrom` may carry.
fn secret_arn(value: &str) -> &str {
    let ends: Vec<usize> = value.match_indices(':').map(|(at, _)| at).collect();
    match ends.get(6) {
        Some(end) if value.contains(":secretsmanager:") => &value[..*end],
        _ => value,
    }
}

fn of_secret(timeline: &Timeline, told: &Told, finding: &mut Finding) {
    let task = &timeline.evidence.task;
    let definition = timeline.evidence.definition.as_ref();
    let (secret, several) = secret_of(timeline, told);
    let parameter = secret.as_deref().is_some_and(|secret| secret.contains(":ssm:") || !secret.starts_with("arn:")) || secret.is_none() && told.says(&["ssm"]);
    match &secret {
        Some(secret) => {
            finding.summary.push_str(&format!(" It is {secret}."));
            finding.container = finding.container.take().or_else(|| user_of(timeline, secret));
        }
        None if !several.is_empty() => finding.summary.push_str(&format!(" AWS's text does not name it; it is one of {}.", words::list(&several))),
        None => {}
    }
    let region = secret.as_deref().and_then(|secret| secret.split(':').nth(3)).filter(|region| !region.is_empty()).unwrap_or(&task.region);
    let show = secret.as_deref().map(|secret| {
        if parameter {
            let name = secret.split_once(":parameter").map_or(secret, |(_, name)| name);
            format!("aws ssm get-parameters --names{} --query InvalidParameters --region{}", value(name), value(region))
        } else {
            format!("aws secretsmanager describe-secret --secret-id{} --region{}", value(secret_arn(secret)), value(region))
        }
    });
    let lacking = told.text.split_once("did not contain json key").map(|(_, key)| key.trim().trim_end_matches('.').to_owned());
    if let Some(key) = lacking.filter(|_| finding.detail == Some("secret-not-found")) {
        finding.headline = "A secret lacks the key that is asked for".to_owned();
        finding.summary = format!("The secret is there, and has no JSON key {key} [{}].", told.n);
        if let Some(secret) = &secret {
            finding.summary.push_str(&format!(" It is {}.", secret_arn(secret)));
            let command = format!("aws secretsmanager list-secret-version-ids --secret-id{} --region{}", value(secret_arn(secret)), value(region));
            finding.next_steps.push(NextStep::run("See which version of it is current, and when it was changed", command));
        }
        finding.next_steps.push(NextStep::say(format!("Give the secret's JSON the key {key}, or correct the key behind its ARN in valueFrom.")));
    } else if finding.detail == Some("secret-access-denied") {
        let action = if told.says(&["kms:decrypt", "access to kms"]) {
            "kms:Decrypt"
        } else if parameter {
            "ssm:GetParameters"
        } else {
            "secretsmanager:GetSecretValue"
        };
        finding.summary.push_str(&format!(" It is a matter of permission: it is read as {}, which lacks {action}.", network::role(task, definition)));
        finding.next_steps.extend(network::simulate(definition, &[action]));
        if action != "kms:Decrypt" {
            finding.next_steps.push(NextStep::say("Where the role has it, look at the secret's own policy, and at kms:Decrypt on its key."));
        }
    } else {
        finding.summary.push_str(" It is a matter of absence: neither permission nor network is in the way.");
        if let Some(show) = show {
            finding.next_steps.push(NextStep::run("See whether it is there, in that region and under that name", show));
        }
        if let Some(command) = super::super::commands::describe_task_definition(task) {
            finding.next_steps.push(NextStep::run("See what the task definition asks for (valueFrom)", command));
        }
    }
}

fn user_of(timeline: &Timeline, secret: &str) -> Option<String> {
    let arn = secret_arn(secret);
    let mut users =
        timeline.evidence.definition.iter().flat_map(|definition| &definition.containers).filter(|container| container.secrets.iter().any(|own| secret_arn(own) == arn));
    users.next().filter(|_| users.next().is_none()).map(|container| container.name.clone())
}

fn of_login(timeline: &Timeline, told: &Told, finding: &mut Finding) {
    let task = &timeline.evidence.task;
    let definition = timeline.evidence.definition.as_ref();
    let credentials = definition.iter().flat_map(|definition| &definition.containers).find_map(|container| container.repository_credentials.clone());
    match credentials {
        Some(secret) => {
            finding.summary.push_str(&format!(" The login is the secret {secret} (repositoryCredentials), read as {}.", network::role(task, definition)));
            finding.next_steps.extend(network::simulate(definition, &["secretsmanager:GetSecretValue"]));
        }
        None => {
            let how = if told.says(DENIED) { "which lacks ecr:GetAuthorizationToken" } else { "which needs ecr:GetAuthorizationToken" };
            finding.summary.push_str(&format!(" It signs in to Amazon ECR as {}, {how}.", network::role(task, definition)));
            finding.next_steps.extend(network::simulate(definition, &["ecr:GetAuthorizationToken"]));
        }
    }
    if !told.says(DENIED) {
        finding.summary.push_str(&format!(" AWS's words: “{}”.", told.quoted()));
    }
}

fn of_log(timeline: &Timeline, told: &Told, finding: &mut Finding) {
    let task = &timeline.evidence.task;
    let definition = timeline.evidence.definition.as_ref();
    let own = finding.container.clone();
    let logs: Vec<_> = definition
        .iter()
        .flat_map(|definition| &definition.containers)
        .filter(|container| own.as_deref().is_none_or(|own| own == container.name))
        .filter_map(|container| Some((container, container.log.as_ref()?)))
        .collect();
    let mut groups: Vec<(&str, &str)> = logs.iter().filter_map(|(_, log)| Some((log.option("awslogs-group")?, log.option("awslogs-region").unwrap_or(&task.region)))).collect();
    groups.sort_unstable();
    groups.dedup();
    let names: Vec<String> = groups.iter().map(|(group, region)| format!("{group} in {region}")).collect();
    match names.as_slice() {
        [] => {}
        [only] => finding.summary.push_str(&format!(" It is {only}.")),
        many => finding.summary.push_str(&format!(" It is one of {}.", words::list(many))),
    }
    if finding.detail == Some("log-group-missing") {
        for (group, region) in groups {
            finding.next_steps.push(NextStep::run("Create it", format!("aws logs create-log-group --log-group-name{} --region{}", value(group), value(region))));
        }
        finding.next_steps.push(NextStep::say("Or set awslogs-create-group to \"true\" in the log options and allow logs:CreateLogGroup to the execution role."));
        return;
    }
    if told.says(DENIED) {
        finding.summary.push_str(&format!(" It is a matter of permission: it writes as {}.", network::role(task, definition)));
        finding.next_steps.extend(network::simulate(definition, &["logs:CreateLogStream", "logs:PutLogEvents", "logs:CreateLogGroup"]));
    }
    finding.summary.push_str(&format!(" AWS's words: “{}”.", told.quoted()));
}

fn of_efs(timeline: &Timeline, told: &Told, finding: &mut Finding) {
    let task = &timeline.evidence.task;
    let volumes = timeline.evidence.definition.iter().flat_map(|definition| &definition.volumes);
    let systems: Vec<&str> = volumes.filter_map(|volume| volume.file_system.as_deref()).collect();
    let named: Vec<&str> = systems.iter().copied().filter(|id| told.text.contains(id)).collect();
    let meant = if named.is_empty() { systems } else { named };
    if !meant.is_empty() {
        let all: Vec<String> = meant.iter().map(|id| (*id).to_owned()).collect();
        finding.summary.push_str(&format!(" It is {}.", words::list(&all)));
    }
    let kind = if told.says(DENIED) {
        " It is a matter of permission."
    } else if told.says(&["failed to resolve", "does not exist", "not found"]) {
        " Its name did not resolve: no mount target in the task's zone, no DNS in the VPC, or no such file system."
    } else if told.says(NETWORK) {
        " It is a matter of network."
    } else {
        ""
    };
    finding.summary.push_str(kind);
    // A mount target is in the VPC: a way out of it plays no part.
    let subnets = network::subnets(timeline);
    if !subnets.is_empty() {
        finding.summary.push_str(&format!(" The task was to be in {}.", words::list(&subnets)));
    }
    finding.summary.push_str(&format!(" AWS's words: “{}”.", told.quoted()));
    for id in meant {
        finding
            .next_steps
            .push(NextStep::run("See its mount targets, one a zone", format!("aws efs describe-mount-targets --file-system-id{} --region{}", value(id), value(&task.region))));
        if told.says(DENIED) {
            finding.next_steps.push(NextStep::run("See its policy", format!("aws efs describe-file-system-policy --file-system-id{} --region{}", value(id), value(&task.region))));
        }
    }
    finding.next_steps.push(NextStep::say("The mount target's security group must let in TCP 2049 from the task's."));
}

fn of_file(timeline: &Timeline, told: &Told, finding: &mut Finding) {
    let task = &timeline.evidence.task;
    let definition = timeline.evidence.definition.as_ref();
    let mut files: Vec<&String> = definition.iter().flat_map(|definition| &definition.containers).flat_map(|container| &container.environment_files).collect();
    files.sort();
    files.dedup();
    if !files.is_empty() {
        let names: Vec<String> = files.iter().map(|file| (*file).clone()).collect();
        finding.summary.push_str(&format!(" The definition names {}.", words::list(&names)));
    }
    let kind = if told.says(DENIED) {
        "It is a matter of permission: it"
    } else if told.says(&["nosuchkey", "nosuchbucket", "does not exist", "not found"]) {
        "It is a matter of absence: S3 has no such file. It"
    } else {
        "It"
    };
    finding.summary.push_str(&format!(" {kind} is read as {}. AWS's words: “{}”.", network::role(task, definition), told.quoted()));
    for file in files {
        if let Some((bucket, key)) = file.split_once(":::").and_then(|(_, path)| path.split_once('/')) {
            finding.next_steps.push(NextStep::run("See whether it is there", format!("aws s3api head-object --bucket{} --key{}", value(bucket), value(key))));
        }
    }
    if told.says(DENIED) || !told.says(&["nosuchkey", "nosuchbucket", "does not exist"]) {
        finding.next_steps.extend(network::simulate(definition, &["s3:GetObject", "s3:GetBucketLocation"]));
    }
}

fn of_network(timeline: &Timeline, told: &Told, finding: &mut Finding) {
    let region = &timeline.evidence.task.region;
    let wanted = [
        (["secretsmanager", "secrets manager", "from asm"].as_slice(), "secretsmanager"),
        (&["systems manager", "from ssm", "://ssm."], "ssm"),
        (&["ecr", "registry auth from"], "api.ecr"),
        (&["cloudwatch", "logger args"], "logs"),
        (&["s3", "env files"], "s3"),
    ];
    let endpoint = wanted.into_iter().find(|(words, _)| told.says(words)).map(|(_, name)| format!("{name}.{region}.amazonaws.com"));
    if let Some(endpoint) = &endpoint {
        finding.summary.push_str(&format!(" It waited for {endpoint}."));
    } else if told.says(&["signal: killed"]) {
        finding.summary.push_str(" AWS does not say for which it waited: secrets and the registry login are fetched together.");
        finding.confidence = Confidence::Likely;
    }
    let (secret, several) = secret_of(timeline, told);
    let secrets: Vec<String> = secret.into_iter().chain(several).collect();
    if !secrets.is_empty() && endpoint.as_deref().is_none_or(|endpoint| endpoint.starts_with("s")) {
        finding.summary.push_str(&format!(" The definition names {}.", words::list(&secrets)));
    }
    finding.summary.push_str(" It is a matter of network.");
    finding.summary.push_str(&network::sentence(timeline));
    let reach =
        endpoint.unwrap_or_else(|| format!("api.ecr.{region}.amazonaws.com, secretsmanager.{region}.amazonaws.com and ssm.{region}.amazonaws.com, as far as it uses them,"));
    finding.next_steps.push(NextStep::say(format!("The task must reach {reach} on 443.")));
    finding.next_steps.extend(network::steps(timeline));
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::*;

    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-k3J9aB";

    fn told(reason: &str) -> String {
        verdict(stopped("TaskFailedToStart", reason, None))
    }

    #[test]
    fn both_generations_of_words_give_the_same_detail() {
        let auth = "ResourceInitializationError: unable to pull secrets or registry auth:";
        for (reason, detail) in [
            (format!("{auth} execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {SECRET} from secrets manager: ResourceNotFoundException: Secrets Manager can’t find the specified secret."), "secret-not-found"),
            (format!("ResourceNotFoundException: The task can’t retrieve the secret with ARN '{SECRET}' from AWS Secrets Manager. Check whether the secret exists in the specified Region."), "secret-not-found"),
            (format!("Fetching secret data from AWS Secrets Manager in region eu-west-1: secret {SECRET}: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/exec/1 is not authorized to perform: secretsmanager:GetSecretValue on resource: {SECRET}"), "secret-access-denied"),
            (format!("{auth} execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): AccessDeniedException: not authorized to perform: ssm:GetParameters"), "secret-access-denied"),
            (format!("{auth} execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: User: x is not authorized to perform: ecr:GetAuthorizationToken on resource: *"), "registry-auth"),
            (format!("{auth} The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. RequestError: send request failed caused by: Post \"https://api.ecr.eu-west-1.amazonaws.com/\": dial tcp 1.2.3.4:443: i/o timeout"), "unreachable"),
            (format!("{auth} Check your task network configuration. : signal: killed"), "unreachable"),
            ("ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. Check your network configuration. : signal: killed".to_owned(), "unreachable"),
            ("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.".to_owned(), "log-group-missing"),
            ("CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.".to_owned(), "log-group-missing"),
            ("ResourceInitializationError: failed to initialize logging driver: dial of the splunk endpoint".to_owned(), "log-driver"),
            ("ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: Connection timed out : unsuccessful EFS utils command execution; code: 32".to_owned(), "efs"),
            ("ResourceInitializationError: failed to download env files: file download command: non empty error stream".to_owned(), "env-file"),
            (format!("{auth} something new"), "other"),
        ] {
            assert!(told(&reason).starts_with(&format!("resource-initialization {detail} ")), "{reason}: {}", told(&reason));
        }
    }

    #[test]
    fn a_command_that_docker_cannot_run_is_not_a_failed_initialisation() {
        let reason = "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/app/start\": executable file not found in $PATH: unknown";
        assert_eq!(told(reason), "entrypoint-failed - certain");
    }

    #[test]
    fn a_cut_text_names_the_only_secret_of_the_definition_and_lists_several() {
        let reason = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: ResourceNotFoundException";
        let mut evidence = stopped("TaskFailedToStart", reason, None);
        evidence.definition.as_mut().expect("a definition").containers[0].secrets = vec![format!("{SECRET}:password::")];
        assert!(judged(evidence.clone()).verdict.summary.contains(SECRET));
        evidence.definition.as_mut().expect("a definition").containers[0].secrets.push("/shop/key".to_owned());
        assert!(judged(evidence).verdict.summary.contains("one of"));
    }

    #[test]
    fn what_somebody_typed_is_no_failed_initialisation() {
        assert!(verdict(stopped("UserInitiated", "ResourceInitializationError: signal: killed", None)).starts_with("stop-requested"));
    }
}
