//! Pseudonyms: which words are names, what each is called instead, and in what form, so that what the diagnosis reads from
//! a name (a pipeline's, a person's, an archive's) can still be read from its pseudonym.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::diagnosis::actors::PIPELINES;
use crate::diagnosis::service::is_task_id;

use super::known::ACCOUNT;
use super::spelling::{Spelling, shaped};
use super::taken::Taken;

/// What a name is of. The same name is called the same whatever it is of: joins go across.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    Cluster,
    Service,
    Family,
    Container,
    Image,
    Logs,
    User,
    Role,
    Host,
    Person,
    PermissionSet,
    Tag,
    Other,
}

impl Of {
    fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Service => "service",
            Self::Family => "family",
            Self::Container => "container",
            Self::Image => "image",
            Self::Logs => "logs",
            Self::User => "user",
            Self::Role => "role",
            Self::Host => "host",
            Self::Person => "person",
            Self::PermissionSet => "permission-set",
            Self::Tag => "tag",
            Self::Other => "name",
        }
    }
}

/// AWS's own names, and those that everybody has: they tell nothing, and verdicts rest on some of them.
const WELL_KNOWN: [&str; 34] = [
    "default",
    "aws",
    "ecs",
    "root",
    "FARGATE",
    "FARGATE_SPOT",
    "CODE_DEPLOY",
    "EXTERNAL",
    "GitHubActions",
    "ecs-service-scheduler",
    "aws-batch",
    "AutoScaling",
    "ecsTaskExecutionRole",
    "ecsInstanceRole",
    "ecsServiceRole",
    "ecsAutoscaleRole",
    "AWSCLI-Session",
    "latest",
    "library",
    "main",
    "master",
    "log-stream",
    "events",
    "containerinsights",
    "performance",
    "vendedlogs",
    "action-logs",
    "ECSStoppedTasksEvent",
    "FargateTelemetry",
    "AWS Internal",
    "HIDDEN_DUE_TO_SECURITY_REASONS",
    "assumed-role",
    "Action",
    "None",
];

/// Words of AWS, of loggers and of runtimes. A name that is one of them is replaced where a name stands, and left in
/// sentences, where it says nothing of anybody and the verdict may rest on it.
pub static VOCABULARY: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    "access account action address agent alarm allocation an and application arn as at attempt attribute auth availability balancer because bucket by bytes call cannot capacity check checks circuit \
     client closed cloudtrail cloudwatch cluster code codes command completed configuration connect connection container containers could cpu create created credentials daemon data database day debug default \
     definition denied deployment deregistered desired detail direct dns does down drain draining due ecr ecs efs elb end endpoint environment error errors essential event events exceeded exception exec exit exited \
     failed failure fargate fatal file for from get go gpu group has health healthy heap host http https id image in info initialization instance instances interface internal is java job kernel key kill killed \
     lambda launch limit line linux listener load local log logs maintenance manifest maximum memory message minimum monitor name network no node none not null of ok on oom open or out panic placement platform policy port ports post process \
     progress provider public pull put python reached reason rebalancing refused region registry request resource response restart retry revision role rollback rolled root rule run running runtime scale scaling scheduled scheduler secret \
     secrets security segment server service services session shutdown signal size space spot stack start started state status stop stopped stopping subnet success system tag target task tasks terminated the thread time timeout to token \
     trace triggered type unable unavailable unhealthy unknown unreachable up user using value version volume wait warn warning was with zone"
        .split_whitespace()
        .collect()
});

/// Permission sets that IAM Identity Center and Control Tower offer to everybody.
const EVERYBODYS_SETS: [&str; 14] = [
    "AdministratorAccess",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "ViewOnlyAccess",
    "SecurityAudit",
    "SystemAdministrator",
    "NetworkAdministrator",
    "DatabaseAdministrator",
    "DataScientist",
    "SupportUser",
    "Billing",
    "AWSAdministratorAccess",
    "AWSPowerUserAccess",
    "AWSReadOnlyAccess",
];

/// More systems by whose name a pipeline is known: it stays at the head of the pseudonym, as that of the others.
const SYSTEMS: [&str; 3] = ["codebuild", "travis-ci", "githubusercontent"];

/// Prefixes by which ECS and the SDKs name what is theirs.
const KEPT_PREFIXES: [&str; 10] = [
    "AWSServiceRoleFor",
    "ecs-service-connect-",
    "aws-guardduty-agent-",
    "AWSCodeBuild-",
    "botocore-session-",
    "aws-go-sdk-",
    "aws-sdk-js-",
    "AWSCLI-Session-",
    "FargateTelemetry-",
    "aws:",
];

static IDENTIFIER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)^(?:
          [0-9a-fA-F]{8,64}(?:-[0-9a-fA-F]{1,16})* | \d[\d.-]* | v?\d+(?:\.\d+)* | \* | d-[A-Z0-9]{9} | sha256
        | (?:us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-iso[a-z]?|eu-isoe|eusc-de)-(?:north|south|central|(?:north|south)?(?:east|west))-[1-9](?:-[a-z]{3}-\d)?[a-z]? | (?:i|mi|eni|subnet|sg|vpc|vol|fs|lt|ami|acl)-[0-9a-f]{3,}
        | [\w.-]+\.amazonaws\.com(?:\.cn)? | \[redacted\]
    )$",
    )
    .expect("a pattern")
});

/// As AWS builds them; a name that is nearly one is somebody's.
static REGION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^(?:us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|us-iso[a-z]?|eu-isoe|eusc-de)-(?:north|south|central|(?:north|south)?(?:east|west))-[1-9](?:-[a-z]{3}-[0-9])?[a-z]?$")
        .expect("a pattern")
});

/// A name of digits alone is looked for in sentences if it is no shorter.
const SHORTEST_ODD: usize = 6;

/// The digits of an id are known without what it begins with if they are no fewer.
const SHORTEST_ID: usize = 12;

/// Of those, what is no name even where a name stands: session names that are instances, versions, AWS's own.
static NO_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:v?\d{1,5}(?:\.\d+)*|\*|d-[A-Z0-9]{9}|sha256|(?:i|mi|eni|subnet|sg|vpc|vol|fs|lt|ami|acl)-[0-9a-f]{3,}|[\w.-]+\.amazonaws\.com(?:\.cn)?|\[redacted\])$")
        .expect("a pattern")
});

/// Everything by its other name.
#[derive(Debug, Default)]
pub struct Names {
    given: HashMap<String, String>,
    /// Pseudonyms that are somebody's.
    used: HashSet<String>,
    /// Names that have more than one spelling, by their letters: as they were met first, and what each is called.
    loose: HashMap<Vec<u8>, (String, String)>,
    counted: BTreeMap<&'static str, usize>,
    /// Names that are replaced wherever they stand, in sentences, too.
    spoken: BTreeSet<String>,
    /// All of the case's text: no pseudonym may be in it.
    taken: Taken,
}

impl Names {
    #[must_use]
    pub fn beside(taken: String) -> Self {
        Self { taken: Taken::of(taken), ..Self::default() }
    }

    /// Whether a word is no name but an id, a number or AWS's own.
    #[must_use]
    pub fn stays(word: &str) -> bool {
        word.is_empty() || WELL_KNOWN.contains(&word) || IDENTIFIER.is_match(word) || KEPT_PREFIXES.iter().any(|prefix| word.starts_with(prefix)) || is_task_id(word)
    }

    /// Of a name that is one by its place: it may look like a number, an id or nearly a region.
    pub fn placed(&mut self, of: Of, name: &str) -> String {
        let is_odd = Self::stays(name) && IDENTIFIER.is_match(name) && !NO_NAME.is_match(name) && !is_task_id(name) && !REGION.is_match(name);
        if !is_odd {
            return self.of(of, name);
        }
        if name.len() >= SHORTEST_ODD {
            self.spoken.insert(name.to_owned());
        }
        self.kept_as(of, name)
    }

    /// The pseudonym of a name that is known as one wherever it stands.
    pub fn of(&mut self, of: Of, name: &str) -> String {
        if Self::stays(name) {
            return self.given.get(name).map_or_else(|| name.to_owned(), String::clone);
        }
        if name.len() >= 2 && !VOCABULARY.contains(name.to_ascii_lowercase().as_str()) {
            self.spoken.insert(name.to_owned());
        }
        self.quietly(of, name)
    }

    /// The pseudonym of a name that may as well be an ordinary word, as the parts of paths are.
    pub fn quietly(&mut self, of: Of, name: &str) -> String {
        if Self::stays(name) {
            return self.given.get(name).map_or_else(|| name.to_owned(), String::clone);
        }
        self.kept_as(of, name)
    }

    /// The pseudonym of a name that somebody wrote: one that is no ordinary word is known wherever it stands.
    pub fn met(&mut self, of: Of, name: &str) -> String {
        let spelling = Spelling::of(name);
        if spelling.is_within() && !spelling.begins.is_empty() { self.of(of, name) } else { self.quietly(of, name) }
    }

    /// What was met as that name in a sentence, maybe in another spelling.
    pub fn heard(&mut self, said: &str, name: &str) -> String {
        if let Some(given) = self.given.get(said) {
            return given.clone();
        }
        let first = self.loose.get(&Spelling::of(name).bare).cloned();
        let (first, given) = first.unwrap_or_else(|| (name.to_owned(), self.kept_as(Of::Other, name)));
        shaped(said, &first, &given)
    }

    /// What an account is called, if it was met.
    #[must_use]
    pub fn account(&self, account: &str) -> Option<&str> {
        self.known("account", account)
    }

    /// What something of a fixed form is called, if it was met.
    #[must_use]
    pub fn known(&self, of: &str, told: &str) -> Option<&str> {
        self.given.get(&format!("{of} {told}")).map(String::as_str)
    }

    /// Accounts, ids and hardware addresses that were met: their digits, those that stand for them, and after how many of
    /// them a sign may stand.
    pub fn digits(&self) -> impl Iterator<Item = (String, String, usize)> {
        self.given.iter().filter_map(|(key, given)| {
            let (of, told) = key.split_once(' ')?;
            let last = |text: &str| text.rsplit('-').next().unwrap_or_default().to_owned();
            match of {
                "account" => Some((told.to_owned(), given.clone(), ACCOUNT)),
                "mac" => Some((told.to_owned(), given.clone(), 2)),
                "id" => Some((last(told), last(given), usize::MAX)).filter(|(digits, ..)| digits.len() >= SHORTEST_ID),
                _ => None,
            }
        })
    }

    fn kept_as(&mut self, of: Of, name: &str) -> String {
        if let Some(given) = self.given.get(name) {
            return given.clone();
        }
        let given = self.spelled(of, name);
        self.used.insert(given.clone());
        self.given.insert(name.to_owned(), given.clone());
        given
    }

    /// That of the same name in another spelling, in this one; else one of its own.
    fn spelled(&mut self, of: Of, name: &str) -> String {
        let spelling = Spelling::of(name);
        if of == Of::Host || !spelling.is_loose() {
            return self.invented(of, name);
        }
        let (first, pseudonym) = match self.loose.get(&spelling.bare) {
            Some(known) => known.clone(),
            None => {
                let known = (name.to_owned(), self.invented(of, name));
                self.loose.insert(spelling.bare, known.clone());
                known
            }
        };
        let given = shaped(name, &first, &pseudonym);
        let is_free = !self.used.contains(&given) && !self.taken.has(&given);
        if is_free || given == pseudonym && first == name { given } else { self.invented(of, name) }
    }

    /// One of a fixed form, such as an address.
    pub fn formed(&mut self, of: &'static str, told: &str, form: impl Fn(usize) -> String) -> String {
        let key = format!("{of} {told}");
        if let Some(given) = self.given.get(&key) {
            return given.clone();
        }
        let given = self.next(of, form);
        self.used.insert(given.clone());
        self.given.insert(key, given.clone());
        given
    }

    /// Those to be looked for in sentences.
    pub fn spoken(&self) -> impl Iterator<Item = &str> {
        self.spoken.iter().map(String::as_str)
    }

    fn next(&mut self, of: &'static str, form: impl Fn(usize) -> String) -> String {
        let counted = self.counted.entry(of).or_default();
        loop {
            *counted += 1;
            let given = form(*counted);
            if !self.used.contains(&given) && !self.taken.has(&given) {
                return given;
            }
        }
    }

    /// `jane.zorg+x@example.com`: the same person as `jane.zorg@example.com` and, without an address, `jane.zorg`.
    fn person(&mut self, address: &str) -> String {
        let (local, host) = address.rsplit_once('@').unwrap_or((address, ""));
        let (name, tag) = local.split_once('+').map_or((local, None), |(name, tag)| (name, Some(tag)));
        let spelling = Spelling::of(name);
        let is_name = spelling.is_loose() && !spelling.begins.is_empty();
        let person = if is_name { self.of(Of::Person, name) } else { self.formed("person", &name.to_ascii_lowercase(), |n| format!("person-{n}")) };
        let tag = tag.map(|tag| format!("+{}", self.quietly(Of::Tag, tag))).unwrap_or_default();
        let given = format!("{person}{tag}@host.example");
        if !self.used.contains(&given) && !self.taken.has(&given) {
            return given;
        }
        format!("{person}{tag}@{}", self.quietly(Of::Host, &host.to_ascii_lowercase()))
    }

    /// A set of somebody's own is a name wherever it stands; one that everybody has is one in a role's name alone.
    fn permission_set(&mut self, set: &str) -> String {
        if EVERYBODYS_SETS.contains(&set) { self.quietly(Of::PermissionSet, set) } else { self.placed(Of::PermissionSet, set) }
    }

    fn invented(&mut self, of: Of, name: &str) -> String {
        let lower = name.to_ascii_lowercase();
        if let Some(set) = name.strip_prefix("AWSReservedSSO_") {
            let set = set.rsplit_once('_').map_or(set, |(set, _hash)| set);
            let set = self.permission_set(set);
            return self.next("reserved", |n| format!("AWSReservedSSO_{set}_{n:016x}"));
        }
        if of == Of::PermissionSet {
            return self.next("permission-set", |n| format!("PermissionSet{n}"));
        }
        if name.contains('@') {
            return self.person(name);
        }
        let pod = name.strip_prefix("eks-").and_then(|rest| rest.split_at_checked(rest.len().checked_sub(36)?)).filter(|(_, id)| is_task_id(id));
        if let Some((_, id)) = pod {
            return self.next("pod", |n| format!("eks-pod-{n}-{id}"));
        }
        let system = PIPELINES.iter().chain(&SYSTEMS).find(|system| lower.contains(**system));
        if of == Of::Host {
            return match system {
                Some(system) => self.next("host", |n| format!("{system}.host-{n}.example")),
                None => self.next("host", |n| format!("host-{n}.example")),
            };
        }
        if let Some(system) = system {
            return self.next("pipeline", |n| format!("{system}-{n}"));
        }
        // An archive of events is known by its name.
        if of == Of::Logs && lower.contains("ecs") {
            let events = if lower.contains("event") || lower.contains("stoppedtask") { "events-" } else { "" };
            return self.next("logs", |n| format!("ecs-{events}{n}"));
        }
        self.next(of.word(), |n| format!("{}-{n}", of.word()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_has_one_pseudonym_which_is_nowhere_in_the_case() {
        let mut names = Names::beside("a case that has service-1 in it".to_owned());
        assert_eq!(
            (names.of(Of::Service, "web-api"), names.of(Of::Family, "web-api"), names.of(Of::Service, "cart")),
            ("service-2".into(), "service-2".into(), "service-3".into())
        );
        assert_eq!(names.spoken().collect::<Vec<_>>(), ["cart", "web-api"]);
    }

    #[test]
    fn what_the_diagnosis_reads_from_a_name_stands_in_its_pseudonym() {
        let mut names = Names::default();
        assert_eq!(names.of(Of::Role, "AWSReservedSSO_Admin_0123456789abcdef"), "AWSReservedSSO_PermissionSet1_0000000000000001");
        assert_eq!(names.of(Of::User, "jenkins-storefront-991"), "jenkins-1");
        assert_eq!(names.of(Of::User, "ines@acme.io"), "person-1@host.example");
        assert_eq!(names.of(Of::Logs, "acme-ECS-stop-events"), "ecs-events-1");
        for kept in ["AWSServiceRoleForECS", "FARGATE_SPOT", "77ab0c1d2e3f4a5b8c6d7e8f90a1b2c3", "42", "eu-west-1", "i-07c6c45abc990e794", "default", "ecs.amazonaws.com"] {
            assert_eq!(names.of(Of::Other, kept), kept);
        }
    }

    #[test]
    fn a_name_by_its_place_is_one_whatever_it_looks_like() {
        let mut names = Names::default();
        for (of, name) in [(Of::Cluster, "eu-prod-1"), (Of::Service, "hr-payroll-2"), (Of::User, "20314455"), (Of::User, "decafbad")] {
            let told = names.placed(of, name);
            assert!(told.starts_with(of.word()), "{name}: {told}");
            assert!(names.spoken().any(|spoken| spoken == name), "{name}");
            assert_eq!(names.quietly(Of::Other, name), told, "everywhere the same");
        }
        for kept in ["eu-west-1", "us-gov-east-1", "i-07c6c45abc990e794", "42", "77ab0c1d2e3f4a5b8c6d7e8f90a1b2c3"] {
            assert_eq!(names.placed(Of::User, kept), kept);
        }
    }

    #[test]
    fn a_name_that_is_a_word_of_aws_is_not_looked_for_in_sentences() {
        let mut names = Names::default();
        assert_eq!(names.of(Of::Container, "agent"), "container-1");
        assert!(names.spoken().next().is_none());
    }
}
