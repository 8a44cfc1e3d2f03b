//! A case without accounts, addresses and names in it, to be shown to strangers: each is replaced by another, always by the
//! same one, so that what AWS said still fits together and the replay comes to the same cause and the same actor's status.
//!
//! The case is gone through twice. What stands where AWS puts a name is learnt first; then it is replaced there and in
//! every sentence.

mod encoded;
mod forms;
mod known;
mod names;
mod spelling;
mod structure;
mod taken;
mod words;

use aws_smithy_types::base64;
use serde_json::Value;

use super::case::{Case, Exchange, Run};
use super::cbor;
use super::target::Target;

use forms::is_account;
use names::{Names, Of};
use words::Words;

/// The case with other names. Secrets must be gone from it before.
#[must_use]
pub fn case(mut case: Case) -> Case {
    let taken = serde_json::to_string(&case).unwrap_or_default();
    let mut names = Names::beside(taken);
    let mut pass = Pass { names: &mut names, words: Words::without_names(), in_logs: false };
    for exchange in case.exchanges.iter().filter(|exchange| exchange.action == "ecs:DescribeTasks") {
        pass.task(&exchange.response);
    }
    // The first pass changes a copy, and leaves what it learnt.
    pass.case(&mut case.clone());
    let words = Words::with(pass.names);
    Pass { names: &mut names, words, in_logs: false }.case(&mut case);
    case
}

struct Pass<'a> {
    names: &'a mut Names,
    words: Words,
    /// In an answer of CloudWatch Logs, whose messages are anybody's.
    in_logs: bool,
}

/// Fields that hold one of few words of AWS's, or an id or a time: what is in them may look like somebody's name.
const CLOSED: [&str; 44] = [
    "type",
    "Type",
    "status",
    "lastStatus",
    "desiredStatus",
    "launchType",
    "eventName",
    "EventName",
    "eventSource",
    "EventSource",
    "AttributeKey",
    "AttributeValue",
    "stopCode",
    "rolloutState",
    "healthStatus",
    "connectivity",
    "protocol",
    "networkMode",
    "logDriver",
    "schedulingStrategy",
    "Stat",
    "MetricName",
    "Namespace",
    "awsRegion",
    "region",
    "availabilityZone",
    "unit",
    "mode",
    "condition",
    "ReadOnly",
    "eventType",
    "eventCategory",
    "ServiceNamespace",
    "serviceNamespace",
    "ScalableDimension",
    "scalableDimension",
    "__type",
    "errorCode",
    "eventID",
    "EventId",
    "requestID",
    "StatusCode",
    "propagateTags",
    "detail-type",
];

/// What the value of a field is a name of.
fn of_field(name: &str, parent: &str) -> Option<Of> {
    Some(match name {
        "cluster" | "clusterName" | "ClusterName" | "clusterArn" | "clusters" => Of::Cluster,
        "service" | "serviceName" | "ServiceName" | "services" | "serviceArn" | "resourceId" | "ResourceId" | "group" => Of::Service,
        "family" | "families" | "taskDefinition" | "TaskDefinitionFamily" => Of::Family,
        "container" | "containerName" | "ContainerName" => Of::Container,
        "name" if matches!(parent, "containers" | "containerDefinitions" | "containerOverrides" | "volumes" | "capacityProviders") => Of::Container,
        "image" | "repositoryName" => Of::Image,
        "logGroupName" | "logGroupNamePrefix" | "logGroupIdentifier" | "awslogs-group" => Of::Logs,
        "logStreamName" | "logStreamNames" | "logStreamNamePrefix" | "awslogs-stream-prefix" => Of::Container,
        "userName"
        | "Username"
        | "roleSessionName"
        | "assumedRoleId"
        | "principalId"
        | "startedBy"
        | "sourceIdentity"
        | "userId"
        | "subjectFromWebIdentityToken"
        | "identityId" => Of::User,
        "user" => Of::User,
        "hostname" | "dnsSearchDomains" => Of::Host,
        "roleName" | "instanceProfileName" => Of::Role,
        "applicationName"
        | "deploymentGroupName"
        | "alarmNames"
        | "triggeredAlarmNames"
        | "alarmName"
        | "policyName"
        | "PolicyName"
        | "scheduledActionName"
        | "loadBalancerName"
        | "LoadBalancerName"
        | "targetGroupName"
        | "TargetGroupName"
        | "TargetGroup"
        | "LoadBalancer"
        | "autoScalingGroupName"
        | "capacityProvider"
        | "capacityProviderName"
        | "bucket"
        | "sourceVolume"
        | "namespace"
        | "discoveryName"
        | "portName"
        | "splunk-source"
        | "splunk-index"
        | "log_group_name"
        | "log_stream_prefix"
        | "delivery_stream"
        | "stream"
        | "tag"
        | "awslogs-datetime-format-name" => Of::Other,
        _ => return None,
    })
}

impl Pass<'_> {
    fn case(&mut self, case: &mut Case) {
        if let Some(title) = &mut case.title {
            *title = self.words.replaced(title, self.names);
        }
        case.task.cluster = structure::path(Of::Cluster, &case.task.cluster, self.names);
        case.task.arn = structure::path(Of::Other, &case.task.arn, self.names);
        case.exchanges.iter_mut().for_each(|exchange| self.exchange(exchange));
        if let Some(run) = &mut case.run {
            self.run(run);
        }
    }

    /// What a task and its service, definition and containers are called, before anything else that is called alike.
    fn task(&mut self, value: &Value) {
        for task in value.get("tasks").and_then(Value::as_array).into_iter().flatten() {
            let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
            text(task, "clusterArn").map(|arn| structure::path(Of::Cluster, &arn, self.names));
            text(task, "group").map(|group| structure::path(Of::Service, &group, self.names));
            text(task, "taskDefinitionArn").map(|arn| structure::path(Of::Family, &arn, self.names));
            for container in task.get("containers").and_then(Value::as_array).into_iter().flatten() {
                text(container, "name").map(|name| structure::path(Of::Container, &name, self.names));
            }
        }
    }

    fn run(&mut self, run: &mut Run) {
        run.cluster = run.cluster.take().map(|cluster| structure::path(Of::Cluster, &cluster, self.names));
        if let Some(given) = &mut run.given {
            self.value("", "", given);
        }
        run.typed = run.typed.take().map(|typed| self.typed(&typed));
    }

    /// What was pasted, in the shortest form that asks the same.
    fn typed(&mut self, typed: &str) -> String {
        let names = &mut *self.names;
        let in_cluster = |names: &mut Names, cluster: Option<String>, id: String| match cluster {
            Some(cluster) => format!("{}/{id}", names.of(Of::Cluster, &cluster)),
            None => id,
        };
        match Target::parse(typed) {
            Ok(Target::Task(place)) => match place.arn {
                Some(arn) => structure::arn(&arn, names),
                None => in_cluster(names, place.cluster, place.id),
            },
            Ok(Target::Prefix { prefix, cluster }) => in_cluster(names, cluster, prefix),
            Ok(Target::Service { cluster, name, .. }) => format!("service/{}", {
                let name = names.of(Of::Service, &name);
                in_cluster(names, cluster, name)
            }),
            _ => typed.to_owned(),
        }
    }

    fn exchange(&mut self, exchange: &mut Exchange) {
        self.in_logs = exchange.action.starts_with("logs:");
        match &mut exchange.request {
            Value::String(form) => *form = self.form(form),
            request => self.value("", "", request),
        }
        match &mut exchange.response {
            Value::String(body) if exchange.response_encoding.is_some() => {
                let told = base64::decode(&*body).ok().and_then(|bytes| cbor::with_texts(&bytes, &mut |text| self.words.replaced(text, self.names)));
                *body = told.map_or_else(String::new, base64::encode);
            }
            Value::String(body) if body.trim_start().starts_with('<') => *body = self.xml(body),
            Value::String(body) => *body = self.words.replaced(body, self.names),
            response => self.value("", "", response),
        }
    }

    /// `Action=DescribeTargetGroups&TargetGroupArns.member.1=arn%3Aaws…`
    fn form(&mut self, form: &str) -> String {
        let pairs = form.split('&').map(|pair| match pair.split_once('=') {
            Some((name, told)) if !matches!(name, "Action" | "Version") => {
                let plain = decoded(told);
                let other = self.words.replaced(&plain, self.names);
                if other == plain { pair.to_owned() } else { format!("{name}={}", encoded(&other)) }
            }
            _ => pair.to_owned(),
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    fn xml(&mut self, body: &str) -> String {
        let mut told = String::with_capacity(body.len());
        let (mut tag, mut key) = ("", "");
        for piece in body.split_inclusive('>') {
            let (text, mark) = piece.split_at(piece.find('<').unwrap_or(piece.len()));
            if !text.trim().is_empty() {
                // Where a load balancer keeps its logs is an attribute among others.
                let told_name = if tag == "Value" && (key.ends_with(".bucket") || key.ends_with(".prefix")) { "bucket" } else { tag };
                told.push_str(&self.text(told_name, "", text));
                key = if tag == "Key" { text } else { key };
            }
            told.push_str(mark);
            tag = mark.trim_matches(['<', '>']);
        }
        told
    }

    fn value(&mut self, name: &str, parent: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                let dimension = fields.get("Name").and_then(Value::as_str).map(str::to_owned);
                let tag = matches!(name, "tags" | "Tags" | "tagSet" | "TagSet");
                if matches!(name, "dockerLabels" | "labels" | "tags" | "Labels") {
                    fields.clear();
                }
                for (field, value) in fields.iter_mut() {
                    match (field.as_str(), &mut *value) {
                        // Their values are gone, and their names are an application's own.
                        ("environment" | "environmentFiles" | "secrets", Value::Array(items)) => items.clear(),
                        ("Value", Value::String(told)) if dimension.is_some() => *told = self.text(dimension.as_deref().unwrap_or_default(), "", told),
                        ("key" | "Key" | "value" | "Value", Value::String(told)) if tag => {
                            if !told.starts_with("aws:") {
                                *told = structure::path(Of::Tag, told, self.names);
                            }
                        }
                        (field, value) => self.value(field, name, value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(name, if matches!(item, Value::Object(_)) { name } else { parent }, item)),
            Value::String(told) => *told = self.text(name, parent, told),
            Value::Number(_) => self.number(name, value),
            _ => {}
        }
    }

    /// An application's own words and keys: no field of it is AWS's, whatever it is called.
    fn logged(&mut self, name: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                let told = std::mem::take(fields).into_iter().map(|(key, mut value)| {
                    self.logged(&key, &mut value);
                    (self.words.replaced(&key, self.names), value)
                });
                *fields = told.collect();
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.logged(name, item)),
            Value::String(told) if CLOSED.contains(&name) => *told = self.words.replaced(told, self.names),
            Value::String(told) => *told = self.text(name, "", told),
            Value::Number(_) => self.number(name, value),
            _ => {}
        }
    }

    /// An account that was written as a number.
    fn number(&mut self, name: &str, value: &mut Value) {
        let told = value.to_string();
        if is_account(&told) && (is_of_account(name) || self.names.account(&told).is_some()) {
            *value = forms::account(&told, self.names).parse::<u64>().map_or(Value::Null, Value::from);
        }
    }

    /// The text of a field.
    fn text(&mut self, name: &str, parent: &str, told: &str) -> String {
        if CLOSED.contains(&name) {
            return told.to_owned();
        }
        if is_account(told) && (is_of_account(name) || !self.in_logs) {
            return forms::account(told, self.names);
        }
        if told.trim_start().starts_with(['{', '['])
            && let Ok(mut inner) = serde_json::from_str::<Value>(told)
        {
            match self.in_logs && matches!(name, "message" | "value") && !is_awss(&inner) {
                true => self.logged("", &mut inner),
                false => self.value("", "", &mut inner),
            }
            return inner.to_string();
        }
        if name == "userAgent" {
            return self.words.of_agent(told, self.names);
        }
        if let Some(of) = of_field(name, parent).filter(|_| !told.contains(' ')) {
            return structure::path(of, told, self.names);
        }
        self.words.replaced(told, self.names)
    }
}

/// Whether a field, of whomever it is, holds an account.
fn is_of_account(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["account", "acct", "owner", "registryid", "requesterid"].iter().any(|word| name.contains(word))
}

/// An event of ECS or a record of CloudTrail, kept in a log group.
fn is_awss(value: &Value) -> bool {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    text("source") == "aws.ecs" || text("eventSource").ends_with(".amazonaws.com") && value.get("userIdentity").is_some() || value.get("taskArn").is_some()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(hex.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = &behind[if hex.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As the SDK writes it into a form.
fn encoded(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => told.push(char::from(byte)),
            _ => told.push_str(&format!("%{byte:02X}")),
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_like_others_and_an_applications_own_fields_are_replaced() {
        let message = serde_json::json!({"acct": 111_122_223_333_u64, "status": "of eu-prod-1", "type": "jane@acme.io", "keys": {"10.7.1.1": 1, "hr-payroll-2": 2}, "id": "tf_111122223333_state"}).to_string();
        let exchange = |action: &str, response: Value| serde_json::json!({"action": action, "region": "eu-west-1", "request": {}, "status": 200, "response": response});
        let tasks = serde_json::json!({"tasks": [{"taskArn": "arn:aws:ecs:eu-west-1:111122223333:task/eu-prod-1/77ab0c1d2e3f4a5b8c6d7e8f90a1b2c3", "clusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/eu-prod-1",
            "group": "service:hr-payroll-2", "startedBy": "decafbad", "containers": [{"name": "20314455", "image": "harbor.acme.zone/team/pay:41"}]}]});
        let definition = serde_json::json!({"taskDefinition": {"containerDefinitions": [{"hostname": "acme-host", "user": "acme-user", "extraHosts": [{"hostname": "acme-extra", "ipAddress": "10.7.7.7"}], "dnsSearchDomains": ["x.acme.app"]}]}});
        let logs = serde_json::json!({"events": [{"message": message}, {"message": "at arn%3Aaws%3Aecs%3Aeu-west-1%3A111122223333%3Acluster%2Feu-prod-1, EU-PROD-1, 10-7-1-1, 0A-1B-2C-3D-4E-5F, q.acme.xyz, 20314455"}]});
        let case = serde_json::json!({"ecsTraceCase": 1, "takenAt": "2026-03-03T14:00:00Z", "region": "eu-west-1", "task": {"arn": "arn:aws:ecs:eu-west-1:111122223333:task/eu-prod-1/77ab0c1d2e3f4a5b8c6d7e8f90a1b2c3", "cluster": "eu-prod-1"},
            "exchanges": [exchange("ecs:DescribeTasks", tasks), exchange("ecs:DescribeTaskDefinition", definition), exchange("logs:GetLogEvents", logs)]});
        let told = serde_json::to_string(&super::case(Case::from_value(case).expect("a case"))).expect("JSON");
        for gone in ["eu-prod-1", "EU-PROD-1", "hr-payroll", "decafbad", "20314455", "acme", "111122223333", "jane", "10.7.1.1", "10-7-1-1", "10.7.7.7", "0A-1B"] {
            assert!(!told.contains(gone), "{gone}: {told}");
        }
        assert!(told.contains("eu-west-1") && told.contains("77ab0c1d2e3f4a5b8c6d7e8f90a1b2c3"), "{told}");
    }

    #[test]
    fn a_form_is_read_and_written_as_the_sdk_does() {
        let form = "arn%3Aaws%3Aelasticloadbalancing%3Aeu-west-1%3A1%3Atargetgroup%2Fweb%2F88";
        assert_eq!(encoded(&decoded(form)), form);
    }
}
