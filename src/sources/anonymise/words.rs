//! A sentence without the names and addresses in it: ARNs, hosts, people, IP and MAC addresses, ids of AWS's network,
//! accounts and keys by their form, all else because it was met as a name somewhere in the case.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::Regex;

use super::names::{Names, Of};
use super::structure;

struct Form {
    pattern: Regex,
    /// `None` where it only looks like one.
    replace: fn(&str, &mut Names) -> Option<String>,
}

/// In order: what one of them has taken is not another's.
static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let form = |pattern: &str, replace| Form { pattern: Regex::new(pattern).expect("a pattern"), replace };
    vec![
        form(r#"arn:aws[\w-]*:[^\s"'<>(){}\[\],;\\]*[^\s"'<>(){}\[\],;:.\\]"#, |text, names| Some(structure::arn(text, names))),
        form(r"(?i)\b[a-z0-9._%+-]+@(?:[a-z0-9-]+\.)+[a-z]{2,}\b", |text, names| Some(names.quietly(Of::User, text))),
        form(r#"\bs3://[^\s"'<>(){}\[\],;:]+"#, |text, names| Some(structure::path(Of::Other, text, names))),
        // A package of somebody's own, with what stands before it.
        form(r#"(?:^|[\s(\[="':])(?:com|org|net|io|dev|de|fr|uk)(?:\.[a-z_][a-z0-9_]*){2,}"#, |text, names| {
            let (top, own) = text.split_once('.')?;
            if PUBLIC_PACKAGES.iter().any(|package| own.starts_with(package)) {
                return Some(text.to_owned());
            }
            let own: Vec<String> = own.split('.').map(|part| names.formed("package", part, |n| format!("part{n}"))).collect();
            Some(format!("{top}.{}", own.join(".")))
        }),
        // The host of a URL, of an image, and what ends as hosts do.
        form(
            r"(?i)(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.)+(?:amazonaws\.com(?:\.cn)?|com|net|org|io|dev|cloud|internal|local|localdomain|lan|corp|intranet|home|example|test|invalid|eu|de|fr|uk|us|nl|ch|at|se|no|it|es|pl|jp|in|au|ca|br|ai|app|xyz|co|tech|biz|tv|gg|online|digital|museum|svc|cluster|consul|dk|be|fi|pt|gr|cz|ro|hu|tr|ru|ua|kr|cn|hk|tw|sg|nz|za|mx|ar|cl|ie|lu|lt|lv|ee|il|ae|th|vn|ph)\b",
            host,
        ),
        form(r"(?i)\bip-\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3}\b", |text, names| Some(names.formed("host", text, |n| format!("host-{n}")))),
        // What ends programs' own words, too, is a host behind two names.
        form(
            r"(?i)(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.){2,}(?:info|me|site|store|shop|global|systems|services|solutions|network|agency|company|work|team|media|games|software|health|finance|bank|prod)\b",
            host,
        ),
        form(r"\b(?:10|172|192)(?:-\d{1,3}){3}\b", |text, names| Some(names.formed("host", text, |n| format!("host-{n}")))),
        form(r"(?i)\b(?:[0-9a-f]{2}-){5}[0-9a-f]{2}\b", |text, names| {
            Some(names.formed("mac", text, |n| format!("02-00-00-{:02x}-{:02x}-{:02x}", n >> 16 & 255, n >> 8 & 255, n & 255)))
        }),
        form(r"(?i)\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", |text, names| {
            Some(names.formed("mac", text, |n| format!("02:00:00:{:02x}:{:02x}:{:02x}", n >> 16 & 255, n >> 8 & 255, n & 255)))
        }),
        form(r"(?i)[0-9a-f]{0,4}:(?:[0-9a-f]{0,4}:){1,6}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]{0,4})", ipv6),
        form(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", ipv4),
        form(r"\b(?:eni|eni-attach|subnet|sg|vpc|vol|fs|fsap|fsmt|rtb|igw|nat|acl|eipalloc|eipassoc|lt|ami|snap|i|mi|pl|vpce)-[0-9a-f]{8,17}\b", |text, names| {
            let (kind, id) = text.rsplit_once('-')?;
            let (kind, width) = (kind.to_owned(), id.len());
            Some(names.formed("id", text, |n| format!("{kind}-{n:0width$x}")))
        }),
        form(r"\b(?:AKIA|ASIA|AROA|AIDA|AIPA|ANPA|ANVA|ABIA|ACCA|AGPA|ASCA)[A-Z0-9]{4,}\b", |text, names| {
            let kind = text.get(..4)?.to_owned();
            Some(names.formed("key", text, |n| format!("{kind}EXAMPLE{n:09}")))
        }),
        form(r"\b\d{12}\b", |text, names| Some(account(text, names))),
    ]
});

/// An account; one of the case's own is never invented.
pub fn account(text: &str, names: &mut Names) -> String {
    if text.len() != 12 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.to_owned();
    }
    names.formed("account", text, |n| format!("{:012}", 100_000_000_000_usize + n))
}

/// Behind `com.`, `org.` and the like.
const PUBLIC_PACKAGES: [&str; 14] =
    ["amazonaws.", "sun.", "fasterxml.", "zaxxer.", "google.", "apache.", "springframework.", "hibernate.", "postgresql.", "eclipse.", "jboss.", "slf4j.", "netty.", "micrometer."];

/// Registries, identity providers and consoles that everybody uses.
const EVERYBODYS: [&str; 22] = [
    "docker.io",
    "registry-1.docker.io",
    "index.docker.io",
    "auth.docker.io",
    "ghcr.io",
    "quay.io",
    "gcr.io",
    "k8s.gcr.io",
    "registry.k8s.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
    "github.com",
    "signin.aws.amazon.com",
    "console.aws.amazon.com",
    "docs.aws.amazon.com",
    "hooks.slack.com",
    "www.opentofu.org",
    "oidc.circleci.com",
    "agent.buildkite.com",
];

/// Labels of AWS's own hosts; what else stands there is somebody's name.
static AWS_LABEL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:[a-z]{2}(?:-[a-z]+)+-\d[a-z]?|amazonaws|com|cn|dkr|ecr|api|fips|ecs|ecs-[at]\w*|ecs-telemetry|ecs-tasks|elb|s3|s3-[a-z0-9-]+|logs|monitoring|secretsmanager|ssm|ssmmessages|kms|sts|iam|ec2|ec2messages|efs|rds|cache|sqs|sns|dynamodb|lambda|batch|states|events|[a-z0-9-]*autoscaling|cloudtrail|cloudformation|codedeploy|codepipeline|codebuild|elasticloadbalancing|sso|signin|config|spot|ecr-public|oidc|eks|execute-api|elasticfilesystem|guardduty|fsx|scheduler|pipes|backup|console|compute|vpce|dualstack)$").expect("a pattern")
});

fn host(text: &str, names: &mut Names) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if EVERYBODYS.contains(&lower.as_str()) || lower.starts_with("java.") || lower.starts_with("javax.") || lower == "node.js" {
        return Some(text.to_owned());
    }
    if lower.ends_with(".amazonaws.com") || lower.ends_with(".amazonaws.com.cn") {
        // A name of one label before `amazonaws` is a service that acts by itself.
        let labels = lower.trim_end_matches(".cn").trim_end_matches(".amazonaws.com").split('.').count();
        let told = text.split('.').map(|label| match label {
            label if label.len() == 12 && label.bytes().all(|byte| byte.is_ascii_digit()) => account(label, names),
            label if labels == 1 || AWS_LABEL.is_match(label) || label.starts_with("fs-") => resource_id(label, names),
            label => names.formed("host", label, |n| format!("host-{n}")),
        });
        return Some(told.collect::<Vec<_>>().join("."));
    }
    Some(names.quietly(Of::Host, text))
}

fn resource_id(label: &str, names: &mut Names) -> String {
    match label.strip_prefix("fs-") {
        Some(id) => {
            let width = id.len();
            names.formed("id", label, |n| format!("fs-{n:0width$x}"))
        }
        None => label.to_owned(),
    }
}

/// Private addresses stay private, public ones become documentation's.
fn ipv4(text: &str, names: &mut Names) -> Option<String> {
    let address: Ipv4Addr = text.parse().ok()?;
    if address.is_loopback() || address.is_unspecified() || address.is_link_local() || address.is_broadcast() {
        return Some(text.to_owned());
    }
    let [a, b, _, _] = address.octets();
    let low = |n: usize| (n >> 8 & 255, n & 255);
    Some(names.formed("ip", text, |n| match (address.is_private(), low(n)) {
        (true, (high, low)) if a == 10 => format!("10.255.{high}.{low}"),
        (true, (high, low)) if a == 172 => format!("172.31.{high}.{low}"),
        (true, (high, low)) => format!("192.168.{high}.{low}"),
        // Shared between carriers, and in use within VPCs.
        (false, (high, low)) if a == 100 && (64..128).contains(&b) => format!("100.127.{high}.{low}"),
        (false, (0, low)) => format!("192.0.2.{low}"),
        (false, (high, low)) => format!("198.18.{high}.{low}"),
    }))
}

fn ipv6(text: &str, names: &mut Names) -> Option<String> {
    let address: Ipv6Addr = text.parse().ok()?;
    if address.is_loopback() || address.is_unspecified() || text.matches(':').count() < 3 && !text.contains("::") || text.len() < 5 {
        return None;
    }
    Some(names.formed("ipv6", &address.to_string(), |n| format!("2001:db8::{n:x}")))
}

/// Where AWS's sentences name something, whatever the name.
static SAID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"triggered policy (?P<policy>[^\s,;]+)|scheduled action name (?P<action>\S+)|alarm (?P<alarm>\S+) in state|\(service (?P<service>[\w-]+)\)|\(container (?P<container>[\w.-]+)\)|^Service (?P<named>[\w-]+):").expect("a pattern")
});

/// Replaces what it knows in sentences: built once all names of a case are known.
pub struct Words {
    spoken: Option<Regex>,
}

impl Words {
    /// Knows forms alone.
    #[must_use]
    pub fn without_names() -> Self {
        Self { spoken: None }
    }

    #[must_use]
    pub fn with(names: &Names) -> Self {
        // A long name is one in any letters; a short one may be a word that begins a sentence.
        let said = |name: &str| if name.len() >= LONG { format!("(?i:{})", regex::escape(name)) } else { regex::escape(name) };
        let spoken: Vec<String> = names.spoken().into_iter().map(said).collect();
        let whole = (!spoken.is_empty()).then(|| regex::RegexBuilder::new(&spoken.join("|")).size_limit(1 << 28).build());
        Self { spoken: whole.and_then(Result::ok) }
    }

    /// The sentence in other words.
    pub fn replaced(&self, text: &str, names: &mut Names) -> String {
        let mut spans: Vec<(std::ops::Range<usize>, String)> = Vec::new();
        let is_free =
            |spans: &[(std::ops::Range<usize>, String)], range: &std::ops::Range<usize>| spans.iter().all(|(taken, _)| taken.end <= range.start || range.end <= taken.start);
        for form in FORMS.iter() {
            let found: Vec<_> = form.pattern.find_iter(text).map(|found| found.range()).filter(|range| is_free(&spans, range) && stands_alone(text, range)).collect();
            for range in found {
                if let Some(told) = (form.replace)(&text[range.clone()], names) {
                    spans.push((range, told));
                }
            }
        }
        for said in SAID.captures_iter(text) {
            let kinds = [("policy", Of::Other), ("action", Of::Other), ("alarm", Of::Other), ("service", Of::Service), ("container", Of::Container), ("named", Of::Service)];
            for (name, of) in kinds.into_iter().filter_map(|(group, of)| Some((said.name(group)?, of))) {
                if is_free(&spans, &name.range()) {
                    spans.push((name.range(), structure::path(of, name.as_str(), names)));
                }
            }
        }
        let mut from = 0;
        while let Some(found) = self.spoken.as_ref().and_then(|spoken| spoken.find_at(text, from)) {
            let range = found.range();
            if is_free(&spans, &range) && stands_alone(text, &range) {
                spans.push((range.clone(), names.heard(found.as_str())));
                from = range.end;
            } else {
                from = range.start + text[range.start..].chars().next().map_or(1, char::len_utf8);
            }
        }
        spans.sort_by_key(|(range, _)| range.start);
        let (mut told, mut at) = (String::with_capacity(text.len()), 0);
        for (range, replacement) in spans {
            told.push_str(&text[at..range.start]);
            told.push_str(&replacement);
            at = range.end;
        }
        told.push_str(&text[at..]);
        without_accounts(told, names)
    }
}

const LONG: usize = 5;

/// An account is one beside a letter, too: `tf_111122223333_state`, `%3A111122223333%3A`.
fn without_accounts(mut told: String, names: &Names) -> String {
    if told.bytes().filter(u8::is_ascii_digit).count() < 12 {
        return told;
    }
    for (account, other) in names.accounts() {
        let mut from = 0;
        while let Some(at) = told[from..].find(&account).map(|at| from + at) {
            let end = at + account.len();
            let is_digit = |letter: char| letter.is_ascii_digit();
            let is_whole = !told[..at].ends_with(is_digit) || told[..at].ends_with("%3") || told[..at].ends_with("%2");
            if is_whole && !told[end..].starts_with(is_digit) {
                told.replace_range(at..end, &other);
            }
            from = end;
        }
    }
    told
}

/// Whether it is a registry, an identity provider or a console that everybody uses.
#[must_use]
pub fn is_everybodys(host: &str) -> bool {
    EVERYBODYS.contains(&host.to_ascii_lowercase().as_str())
}

/// A part of a longer word is none.
fn stands_alone(text: &str, range: &std::ops::Range<usize>) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let before = &text.as_bytes()[..range.start];
    // `%2Fweb`
    let is_encoded = matches!(before, [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    let begins = text[range.clone()].starts_with(is_word) && text[..range.start].ends_with(is_word) && !is_encoded;
    let ends = text[range.clone()].ends_with(is_word) && text[range.end..].starts_with(is_word);
    !begins && !ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_in_a_sentence_are_replaced_and_its_grammar_stays() {
        let mut names = Names::default();
        for (of, name) in [(Of::Service, "web"), (Of::Service, "web-api"), (Of::Cluster, "prod")] {
            names.of(of, name);
        }
        let words = Words::with(&names);
        for (said, told) in [
            (
                "(service web-api) has started 1 tasks: (task 3c59dc048e8850243be8079a5c74d079).",
                "(service service-2) has started 1 tasks: (task 3c59dc048e8850243be8079a5c74d079).",
            ),
            ("web and web-api of prod, webs", "service-1 and service-2 of cluster-1, webs"),
            (
                "(target-group arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web/88c2f39520c8f939).",
                "(target-group arn:aws:elasticloadbalancing:eu-west-1:100000000001:targetgroup/service-1/88c2f39520c8f939).",
            ),
            ("dial tcp 10.0.3.4:443 from 20.55.12.9 via 127.0.0.1", "dial tcp 10.255.0.1:443 from 192.0.2.2 via 127.0.0.1"),
            ("java.lang.OutOfMemoryError at com.acme.export.run(Export.java:71)", "java.lang.OutOfMemoryError at com.part1.part2.part3(Export.java:71)"),
            ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/web:41", "100000000001.dkr.ecr.eu-west-1.amazonaws.com/service-1:41"),
            ("by ecs.amazonaws.com on eni-0a9b8c7d6e5f40312 0a:1b:2c:3d:4e:5f at 12:34:56", "by ecs.amazonaws.com on eni-00000000000000001 02:00:00:00:00:01 at 12:34:56"),
            ("peer 2a05:d018:1::7 is gone", "peer 2001:db8::1 is gone"),
        ] {
            assert_eq!(words.replaced(said, &mut names), told);
        }
    }
}
