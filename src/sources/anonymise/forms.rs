//! What is recognised by its form: ARNs, hosts, repositories, people, IP and MAC addresses, ids of AWS's network, accounts
//! and keys.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::decoded;
use super::names::{Names, Of};
use super::structure;
use super::words::stands_alone;

pub struct Form {
    pub pattern: Regex,
    /// Without any of these it is nowhere in a text.
    pub signs: &'static [&'static str],
    /// Whether it is one where it stands in a text.
    pub fits: fn(&str, &Range<usize>) -> bool,
    /// `None` where it only looks like one.
    pub replace: fn(&str, &mut Names) -> Option<String>,
}

impl Form {
    #[must_use]
    pub fn may_be_in(&self, text: &str) -> bool {
        self.signs.is_empty() || self.signs.iter().any(|sign| text.contains(sign))
    }
}

/// In order: what one of them has taken is not another's.
pub static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let form = |signs, pattern: &str, replace| Form { pattern: Regex::new(pattern).expect("a pattern"), signs, fits: stands_alone, replace };
    // One that is recognised beside letters, too.
    let glued = |signs, pattern: &str, replace| Form { fits: |_, _| true, ..form(signs, pattern, replace) };
    let hosts = |pattern| Form { fits: is_host, ..form(&["."], pattern, host) };
    vec![
        form(&["arn:aws"], r#"arn:aws[\w-]*:[^\s"'<>(){}\[\],;\\]*[^\s"'<>(){}\[\],;:.\\]"#, |text, names| Some(structure::arn(text, names))),
        form(&["/", ":"], &format!(r"(?i){REPOSITORY}"), repository),
        form(&[".git"], r#"(?i)(?:[a-z][a-z0-9+]*://(?:[^\s/@"'<>]+@)?|[\w.-]+@)[a-z0-9.-]+(?::[0-9]+)?[:/][^\s"'<>(){}\[\],;?#]+\.git\b"#, |text, names| {
            let start = text.find("://").map_or(0, |at| at + 3);
            let start = start + text[start..].find('@').map_or(0, |at| at + 1);
            let end = start + text[start..].find([':', '/'])?;
            let port = text[end..].strip_prefix(':').map_or(0, |port| port.bytes().take_while(u8::is_ascii_digit).count());
            let path = end + if port > 0 && text[end + 1 + port..].starts_with('/') { port + 1 } else { 0 };
            Some(format!("{}{}{}{}", &text[..start], host(&text[start..end], names)?, &text[end..path], structure::written(Of::Image, &text[path..], names)))
        }),
        // An image of a registry that everybody knows.
        form(
            &["/"],
            r"(?i)(?:[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?|(?:[a-z0-9-]+\.)*(?:azurecr\.io|pkg\.dev|gcr\.io|docker\.io|ghcr\.io|quay\.io)|public\.ecr\.aws|registry\.gitlab\.com)/[a-z0-9_][a-z0-9_./-]*[a-z0-9_](?::[a-z0-9_][\w.-]*)?",
            |text, names| {
                let (registry, path) = text.split_at(text.find('/')?);
                Some(host(registry, names)? + &structure::written(Of::Image, path, names))
            },
        ),
        // Whom a pipeline calls itself.
        form(&["repo:", "project_path:"], r"\b(?:repo|project_path):[\w.-]+/[\w./-]*\w(?::[\w./-]*\w)*", |text, names| Some(structure::written(Of::User, text, names))),
        form(&["%3A"], r"(?i)\brepo%3A[\w.-]+?%2F(?:[\w.-]|%2F|%3A)*\w", |text, names| {
            let plain = text.replace("%3A", ":").replace("%3a", ":").replace("%2F", "/").replace("%2f", "/");
            Some(structure::written(Of::User, &plain, names).replace(':', "%3A").replace('/', "%2F"))
        }),
        // What is written in place of a sign before it, such as `%3A` or `\u003c`, is none of it.
        form(
            &["@", "%40"],
            r"(?i)(?:%[0-7][0-9a-f]|\\u00[0-7][0-9a-f]|\\[nrt])*(?:[\p{L}\p{M}\p{N}._+-]|%2b|%[89a-f][0-9a-f]|\\u(?:00[89a-f]|0[1-9a-f][0-9a-f]|[1-9a-f][0-9a-f]{2})[0-9a-f]|\b[od]['’])*(?:[\p{L}\p{M}\p{N}_+-]|%[89a-f][0-9a-f]|\\u(?:00[89a-f]|0[1-9a-f][0-9a-f]|[1-9a-f][0-9a-f]{2})[0-9a-f])(?:@|%40)(?:[\p{L}\p{M}\p{N}-]+\.)+[\p{L}\p{M}]{2,}\b",
            |text, names| {
                let mut address = text;
                while let Some(found) = SIGN.find(address) {
                    address = &address[found.end()..];
                }
                let plain =
                    UNICODE.replace_all(address, |found: &Captures<'_>| u32::from_str_radix(&found[1], 16).ok().and_then(char::from_u32).map_or_else(String::new, String::from));
                let plain = decoded(&plain.replace('+', "%2B"));
                let told = names.quietly(Of::User, &plain);
                let told = if address.contains('%') { told.replace('@', "%40").replace('+', "%2B") } else { told };
                Some(format!("{}{told}", &text[..text.len() - address.len()]))
            },
        ),
        form(&["s3://"], r#"\bs3://[^\s"'<>(){}\[\],;:]+"#, |text, names| Some(structure::path(Of::Other, text, names))),
        // A package of somebody's own, with what stands before it.
        form(&["."], r#"(?:^|[\s(\[="':])(?:com|org|net|io|dev|de|fr|uk)(?:\.[a-z_][a-z0-9_]*){2,}"#, |text, names| {
            let (top, own) = text.split_once('.')?;
            if PUBLIC_PACKAGES.iter().any(|package| own.starts_with(package)) {
                return Some(text.to_owned());
            }
            let own: Vec<String> = own.split('.').map(|part| names.formed("package", part, |n| format!("part{n}"))).collect();
            Some(format!("{top}.{}", own.join(".")))
        }),
        // A role of IAM Identity Center, which has its permission set's name in it.
        glued(&["AWSReservedSSO_"], r"AWSReservedSSO_[A-Za-z0-9+=,.@-]+(?:_[A-Za-z0-9+=,.@-]+)*_[0-9a-f]{16}", |text, names| Some(names.of(Of::Role, text))),
        // The host of a URL, of an image, and what ends as hosts do.
        hosts(
            r"(?i)(?:[\p{L}\p{N}_](?:[\p{L}\p{M}\p{N}_-]*[\p{L}\p{M}\p{N}])?\.)+(?:amazonaws\.com(?:\.cn)?|com|net|org|io|dev|cloud|internal|local|localdomain|lan|corp|intranet|home|example|test|invalid|eu|de|fr|uk|us|nl|ch|at|se|no|it|es|pl|jp|in|au|ca|br|ai|app|xyz|co|tech|biz|tv|gg|online|digital|museum|svc|cluster|consul|dk|be|fi|pt|gr|cz|ro|hu|tr|ru|ua|kr|cn|hk|tw|sg|nz|za|mx|ar|cl|ie|lu|lt|lv|ee|il|ae|th|vn|ph)\b",
        ),
        glued(&["ip"], r"(?i)ip[-_][0-9]{1,3}[-_][0-9]{1,3}[-_][0-9]{1,3}[-_][0-9]{1,3}", |text, names| Some(names.formed("host", text, |n| format!("host-{n}")))),
        // What ends programs' own words, too, is a host behind two names.
        hosts(
            r"(?i)(?:[\p{L}\p{N}_](?:[\p{L}\p{M}\p{N}_-]*[\p{L}\p{M}\p{N}])?\.){2,}(?:info|me|site|store|shop|global|systems|services|solutions|network|agency|company|work|team|media|games|software|health|finance|bank|prod)\b",
        ),
        glued(&["10", "172", "192"], r"(?:\b|_)(?:10|172|192)(?:[-_][0-9]{1,3}){3}\b", |text, names| {
            let address = text.trim_start_matches('_');
            Some(format!("{}{}", &text[..text.len() - address.len()], names.formed("host", address, |n| format!("host-{n}"))))
        }),
        glued(&["-", "_"], r"(?:\b|[A-Za-z_])[0-9]{1,3}(?:-[0-9]{1,3}){3}\b|(?:\b|[A-Za-z_])[0-9]{1,3}(?:_[0-9]{1,3}){3}\b", joined_ipv4),
        glued(&[":", "-"], r"(?i)(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", |text, names| {
            let sign = if text.contains(':') { ":" } else { "-" };
            let told = names.formed("mac", &text.replace(sign, "").to_ascii_lowercase(), |n| format!("0200{:08x}", n & 0xffff_ffff));
            let pairs: Vec<&str> = (0..6).filter_map(|pair| told.get(2 * pair..2 * pair + 2)).collect();
            Some(pairs.join(sign))
        }),
        glued(&[":"], r"(?i)[0-9a-f]{0,4}:(?:[0-9a-f]{0,4}:){1,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]{0,4})", ipv6),
        glued(&["."], r"(?i)(?:\bv)?[0-9]+(?:\.[0-9]+){3,}", ipv4),
        glued(
            &["-"],
            r"(?:eni|eni-attach|subnet|sg|sgr|vpc|vol|fs|fsap|fsmt|rtb|igw|eigw|nat|acl|dopt|eipalloc|eipassoc|lt|ami|snap|i|mi|pl|vpce|vpce-svc|pcx|tgw|tgw-attach|vgw|cgw|vpn)-(?:[0-9a-f]{17}|[0-9a-f]{8})\b",
            |text, names| {
                let (kind, id) = text.rsplit_once('-')?;
                let (kind, width) = (kind.to_owned(), id.len());
                Some(names.formed("id", text, |n| format!("{kind}-{n:0width$x}")))
            },
        ),
        form(&["A"], r"\b(?:AKIA|ASIA|AROA|AIDA|AIPA|ANPA|ANVA|ABIA|ACCA|AGPA|ASCA)[A-Z0-9]{4,}\b", |text, names| {
            let kind = text.get(..4)?.to_owned();
            Some(names.formed("key", text, |n| format!("{kind}EXAMPLE{n:09}")))
        }),
        // An account where one is spoken of. Those that were met are known wherever they stand; other numbers are as long.
        glued(&[], r"(?i)(?:account|acct|registry|owner|aws)(?:[^0-9a-z%]|%[0-9a-f]{2}|\\u00[0-9a-f]{2}|ids?|with|number|num|no|is|of|was){0,8}[0-9]{12,}", |text, names| {
            let end = text.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
            let start = end
                + if text[..end].ends_with('%') {
                    2
                } else if text[..end].ends_with("\\u") {
                    4
                } else {
                    0
                };
            let digits = text.get(start..).filter(|digits| is_account(digits))?;
            Some(format!("{}{}", &text[..start], account(digits, names)))
        }),
        // Where an ARN or a path of AWS's has it.
        glued(
            &[":", "/", "%3A", "%3a", "%2F", "%2f"],
            r"(?i)(?:::|%3A|%2F|/)[0-9]{12}(?:[:/]|%3A|%2F)|:[0-9]{12}:(?:root|role|user|group|policy|assumed-role|federated-user|cluster|service|task|container|function|log-group|repository|targetgroup|loadbalancer|table|key|secret|parameter)",
            |text, names| {
                let (start, sign) = ["::", "%3A", "%3a", "%2F", "%2f", ":", "/"].iter().find(|sign| text.starts_with(**sign)).map(|sign| (sign.len(), sign))?;
                let (digits, after) = text[start..].split_at_checked(ACCOUNT_DIGITS)?;
                Some(format!("{sign}{}{after}", account(digits, names)))
            },
        ),
        // Groups of a longer id are none.
        Form {
            fits: |text, range| !text[..range.start].ends_with('-') && !text[range.end..].starts_with('-'),
            ..form(&["-"], r"\b[0-9]{4}-[0-9]{4}-[0-9]{4}\b", |text, names| {
                let told = account(&text.replace('-', ""), names);
                Some(format!("{}-{}-{}", told.get(..4)?, told.get(4..8)?, told.get(8..)?))
            })
        },
    ]
});

/// A sign before an address, as a URL and JSON write it.
static SIGN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?i)^(?:%[0-7][0-9a-f]|\\u00[0-7][0-9a-f]|\\[nrt])").expect("a pattern"));

/// `\u00fc`
static UNICODE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\\u([0-9a-fA-F]{4})").expect("a pattern"));

/// A path behind the host of a forge: `https://github.com/org/repo.git`, `git@gitlab.com:org/repo`.
const REPOSITORY: &str = r#"(?P<head>(?:[a-z][a-z0-9+]*://)?(?:[^\s/@"'<>(){}\[\],;=]+@)?)(?P<host>(?:[a-z0-9-]+\.)*(?:git(?:hub|lab|ea)?[a-z0-9-]*|bitbucket|codeberg|dev\.azure|visualstudio|stash)(?:\.[a-z0-9-]+)+)(?P<port>:[0-9]+)?(?P<path>[:/][^\s"'<>(){}\[\],;?#]*[^\s"'<>(){}\[\],;?#:./])"#;

fn repository(text: &str, names: &mut Names) -> Option<String> {
    static PARTS: LazyLock<Regex> = LazyLock::new(|| Regex::new(&format!("(?i)^{REPOSITORY}$")).expect("a pattern"));
    let parts = PARTS.captures(text)?;
    let part = |name: &str| parts.name(name).map_or("", |part| part.as_str());
    let path = part("path");
    let is_public = is_everybodys(part("host")) && PUBLIC_OWNERS.iter().any(|owner| path[1..].strip_prefix(owner).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    let path = if is_public { path.to_owned() } else { structure::written(Of::Image, path, names) };
    Some(format!("{}{}{}{path}", part("head"), host(part("host"), names)?, part("port")))
}

/// Whose code everybody uses.
const PUBLIC_OWNERS: [&str; 20] = [
    "aws",
    "aws-actions",
    "actions",
    "hashicorp",
    "golang",
    "google",
    "googleapis",
    "docker",
    "moby",
    "kubernetes",
    "containerd",
    "opencontainers",
    "grpc",
    "spf13",
    "sirupsen",
    "nodejs",
    "npm",
    "python",
    "rust-lang",
    "open-telemetry",
];

const ACCOUNT_DIGITS: usize = 12;

/// Whether it may be one.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An account; one of the case's own is never invented.
pub fn account(text: &str, names: &mut Names) -> String {
    if !is_account(text) {
        return text.to_owned();
    }
    names.formed("account", text, |n| format!("{:012}", 100_000_000_000_usize + n))
}

/// Behind `com.`, `org.` and the like.
const PUBLIC_PACKAGES: [&str; 14] =
    ["amazonaws.", "sun.", "fasterxml.", "zaxxer.", "google.", "apache.", "springframework.", "hibernate.", "postgresql.", "eclipse.", "jboss.", "slf4j.", "netty.", "micrometer."];

/// Registries, identity providers and consoles that everybody uses.
const EVERYBODYS: [&str; 32] = [
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
    "ssh.github.com",
    "api.github.com",
    "raw.githubusercontent.com",
    "codeload.github.com",
    "registry.gitlab.com",
    "bitbucket.org",
    "api.bitbucket.org",
    "dev.azure.com",
    "ssh.dev.azure.com",
    "codeberg.org",
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
    Regex::new(r"^(?:[a-z]{2}(?:-[a-z]+)+-[0-9][a-z]?|amazonaws|com|cn|dkr|ecr|api|fips|ecs|ecs-[at]\w*|ecs-telemetry|ecs-tasks|elb|s3|s3-[a-z0-9-]+|logs|monitoring|secretsmanager|ssm|ssmmessages|kms|sts|iam|ec2|ec2messages|efs|rds|cache|sqs|sns|dynamodb|lambda|batch|states|events|[a-z0-9-]*autoscaling|cloudtrail|cloudformation|codedeploy|codepipeline|codebuild|elasticloadbalancing|sso|signin|config|spot|ecr-public|oidc|eks|execute-api|elasticfilesystem|guardduty|fsx|scheduler|pipes|backup|console|compute|vpce|dualstack|git-codecommit)$").expect("a pattern")
});

/// By which programs call what is theirs.
const OF_CODE: [&str; 8] = ["self", "this", "cls", "super", "window", "document", "module", "exports"];

/// Ends of hosts and of programs' own words.
const WEAK: [&str; 4] = ["io", "app", "shop", "dev"];

/// Whether a dotted word is a host where it stands: what is before it or behind it says so, or how it ends.
fn is_host(text: &str, range: &Range<usize>) -> bool {
    if !stands_alone(text, range) {
        return false;
    }
    let (before, said, after) = (&text[..range.start], &text[range.clone()], &text[range.end..]);
    let lower = said.to_ascii_lowercase();
    let has_sign = ["//", "@", "%2F%2F", "%2f%2f", "%40"].iter().any(|sign| before.ends_with(sign));
    let is_followed = |sign: char, by: fn(&u8) -> bool| after.strip_prefix(sign).and_then(|rest| rest.as_bytes().first()).is_some_and(by);
    // `node_modules/socket.io/lib` is a path.
    if has_sign
        || is_followed(':', u8::is_ascii_digit)
        || after.starts_with('/') && !before.ends_with('/')
        || lower.ends_with(".amazonaws.com")
        || lower.ends_with(".amazonaws.com.cn")
    {
        return true;
    }
    let (first, last) = (lower.split('.').next().unwrap_or_default(), lower.rsplit('.').next().unwrap_or_default());
    let end = &said[said.len() - last.len()..];
    let is_mixed = end.starts_with(|letter: char| letter.is_ascii_uppercase()) && end.contains(|letter: char| letter.is_ascii_lowercase());
    let is_weak = WEAK.contains(&last) && said.matches('.').count() == 1;
    // `System.Net.Http`, `api.shop-prod`, `client.net(`; nothing but a host has `.com` within it.
    let is_hosts_own = matches!(last, "com" | "org");
    let goes_on = after.starts_with('(') || !is_hosts_own && (is_followed('.', u8::is_ascii_alphanumeric) || is_followed('-', u8::is_ascii_alphanumeric));
    (!is_mixed || is_hosts_own) && !is_weak && !goes_on && !OF_CODE.contains(&first)
}

fn host(text: &str, names: &mut Names) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if EVERYBODYS.contains(&lower.as_str()) || lower.starts_with("java.") || lower.starts_with("javax.") || lower == "node.js" {
        return Some(text.to_owned());
    }
    if lower.ends_with(".amazonaws.com") || lower.ends_with(".amazonaws.com.cn") {
        // A name of one label before `amazonaws` is a service that acts by itself.
        let labels = lower.trim_end_matches(".cn").trim_end_matches(".amazonaws.com").split('.').count();
        let told = text.split('.').map(|label| match label {
            label if is_account(label) => account(label, names),
            label if labels == 1 || AWS_LABEL.is_match(label) || label.starts_with("fs-") => aws_label(label, names),
            label => names.formed("host", label, |n| format!("host-{n}")),
        });
        return Some(told.collect::<Vec<_>>().join("."));
    }
    Some(names.quietly(Of::Host, text))
}

/// No id of AWS's has more digits than this; it has 8 or 17 of them.
const LONGEST_ID: usize = 40;

/// `fs-0a9b8c7d`, and a label of AWS's as it is.
fn aws_label(label: &str, names: &mut Names) -> String {
    match label.strip_prefix("fs-") {
        Some(id) if id.len() <= LONGEST_ID => {
            let width = id.len();
            names.formed("id", label, |n| format!("fs-{n:0width$x}"))
        }
        Some(_) => names.formed("host", label, |n| format!("host-{n}")),
        None => label.to_owned(),
    }
}

/// Four numbers; those of an address may have zeros before them.
fn four(parts: &[&str]) -> Option<Ipv4Addr> {
    let octet = |at: usize| parts.get(at).filter(|part| part.len() <= 3)?.parse::<u8>().ok();
    Some(Ipv4Addr::new(octet(0)?, octet(1)?, octet(2)?, octet(3)?))
}

/// An address of four numbers, maybe with a port behind another dot. A version has as many, and one with a `v` before it is
/// an address only if it was met as one.
fn ipv4(text: &str, names: &mut Names) -> Option<String> {
    let digits = text.trim_start_matches(['v', 'V']);
    let is_plain = digits.len() == text.len();
    let parts: Vec<&str> = digits.split('.').collect();
    let (mut told, mut at, mut is_one) = (Vec::new(), 0, false);
    while at < parts.len() {
        let found = parts.get(at..at + 4).and_then(|parts| Some((parts, four(parts)?))).filter(|(four, address)| {
            let has_zeros = four.iter().any(|part| part.len() > 1 && part.starts_with('0'));
            let stands = match parts.len() {
                4 => !has_zeros || address.is_private(),
                5 => at == 0 && address.is_private(),
                _ => false,
            };
            is_plain && stands || names.known("ip", &address.to_string()).is_some()
        });
        if let Some((said, address)) = found {
            told.push(plain_ipv4(address, names).unwrap_or_else(|| said.join(".")));
            (at, is_one) = (at + 4, true);
        } else {
            told.push(parts[at].to_owned());
            at += 1;
        }
    }
    is_one.then(|| format!("{}{}", &text[..text.len() - digits.len()], told.join(".")))
}

/// `203-0-113-77`: one that was met, or is no date, time or version.
fn joined_ipv4(text: &str, names: &mut Names) -> Option<String> {
    /// No hour, minute, day or month is more.
    const MOST_OF_A_TIME: u8 = 59;
    /// A version has fewer digits.
    const FEWEST: usize = 7;
    let digits = text.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let before = &text[..text.len() - digits.len()];
    let joint = if digits.contains('-') { "-" } else { "_" };
    let parts: Vec<&str> = digits.split(joint).collect();
    let address = four(&parts)?;
    let is_met = names.known("ip", &address.to_string()).is_some();
    let is_plain = !before.ends_with(char::is_alphabetic) && parts.iter().all(|part| part.len() == 1 || !part.starts_with('0'));
    let is_long = digits.len() - 3 >= FEWEST && address.octets().iter().any(|octet| *octet > MOST_OF_A_TIME);
    let is_one = is_met || is_plain && is_long;
    let told = is_one.then(|| plain_ipv4(address, names))??;
    Some(format!("{before}{}", told.replace('.', joint)))
}

/// Private addresses stay private, public ones become documentation's.
fn plain_ipv4(address: Ipv4Addr, names: &mut Names) -> Option<String> {
    if address.is_loopback() || address.is_unspecified() || address.is_link_local() || address.is_broadcast() {
        return None;
    }
    let [a, b, _, _] = address.octets();
    Some(names.formed("ip", &address.to_string(), |n| match (address.is_private(), n >> 16, n >> 8 & 255, n & 255) {
        (true, 0, high, low) if a == 10 => format!("10.255.{high}.{low}"),
        (true, 0, high, low) if a == 172 => format!("172.31.{high}.{low}"),
        (true, 0, high, low) => format!("192.168.{high}.{low}"),
        // Shared between carriers, and in use within VPCs.
        (false, 0, high, low) if a == 100 && (64..128).contains(&b) => format!("100.127.{high}.{low}"),
        (false, 0, 0, low) => format!("192.0.2.{low}"),
        (false, 0, high, low) => format!("198.18.{high}.{low}"),
        // Nobody's, for more than a network has.
        (_, more, high, low) => format!("{}.{}.{high}.{low}", 240 + (more >> 8 & 15), more & 255),
    }))
}

/// An address with what may stand beside it: `addr:2001:db8::1`, `2001:db8::1:`.
fn ipv6(text: &str, names: &mut Names) -> Option<String> {
    let mut end = text.len();
    let found = loop {
        let starts =
            std::iter::once(0).chain(text.char_indices().filter(|(at, sign)| *sign == ':' && !text[*at..].starts_with("::")).map(|(at, _)| at + 1)).filter(|start| *start < end);
        let parsed = starts.filter_map(|start| Some((start, text[start..end].parse::<Ipv6Addr>().ok()?))).next();
        match parsed {
            Some(found) => break found,
            None if text[..end].ends_with(':') => end -= 1,
            None => return None,
        }
    };
    let (start, address) = found;
    let said = &text[start..end];
    if address.is_loopback() || address.is_unspecified() || said.matches(':').count() < 3 && !said.contains("::") || said.len() < 5 {
        return None;
    }
    let told = match IpAddr::V6(address).to_canonical() {
        IpAddr::V4(mapped) => plain_ipv4(mapped, names).map_or_else(|| said.to_owned(), |other| format!("::ffff:{other}")),
        IpAddr::V6(_) => names.formed("ipv6", &address.to_string(), |n| format!("2001:db8::{n:x}")),
    };
    Some(format!("{}{told}{}", &text[..start], &text[end..]))
}

/// Whether it is a registry, an identity provider or a console that everybody uses.
#[must_use]
pub fn is_everybodys(host: &str) -> bool {
    EVERYBODYS.contains(&host.to_ascii_lowercase().as_str())
}
