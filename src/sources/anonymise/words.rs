//! A sentence without the names and addresses in it: some by their form, all else because it was met as a name somewhere in
//! the case.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::encoded;
use super::forms::{FORMS, account, is_account};
use super::known::{In, Known};
use super::names::{Names, Of};
use super::spelling::ends_encoded;
use super::structure;

/// Where AWS's sentences name something, whatever the name.
static SAID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"triggered policy (?P<policy>[^\s,;]+)|scheduled action name (?P<action>\S+)|alarm (?P<alarm>\S+) in state|\(service (?P<service>[\w-]+)\)|\(container (?P<container>[\w.-]+)\)|^Service (?P<named>[\w-]+):").expect("a pattern")
});

/// Parts of a text, with what stands for each of them.
#[derive(Debug, Default)]
pub struct Spans {
    by_start: BTreeMap<usize, (usize, String)>,
}

impl Spans {
    #[must_use]
    pub fn is_free(&self, range: &Range<usize>) -> bool {
        self.by_start.range(..range.end).next_back().is_none_or(|(_, (end, _))| *end <= range.start)
    }

    pub fn insert(&mut self, range: Range<usize>, told: String) {
        self.by_start.insert(range.start, (range.end, told));
    }

    fn applied(self, text: &str) -> String {
        let (mut told, mut at) = (String::with_capacity(text.len()), 0);
        for (start, (end, replacement)) in self.by_start {
            told.push_str(&text[at..start]);
            told.push_str(&replacement);
            at = end;
        }
        told.push_str(&text[at..]);
        told
    }
}

/// Replaces what it knows in sentences: built once all names of a case are known.
pub struct Words {
    known: Option<Known>,
}

impl Words {
    /// Knows forms alone.
    #[must_use]
    pub fn without_names() -> Self {
        Self { known: None }
    }

    #[must_use]
    pub fn with(names: &Names) -> Self {
        Self { known: Known::of(names) }
    }

    /// The sentence in other words.
    pub fn replaced(&self, text: &str, names: &mut Names) -> String {
        let mut spans = Spans::default();
        for run in encoded::runs(text).filter(|_| self.known.is_some()) {
            if encoded::texts(&text[run.clone()]).iter().any(|hidden| self.tells(hidden, names)) {
                let told = names.formed("base64", &text[run.clone()], |n| format!("[base64-{n}]"));
                spans.insert(run, told);
            }
        }
        self.plain(text, In::Sentence, spans, names)
    }

    /// What a caller's tool says of itself: its name, and those that it has from its caller.
    pub fn of_agent(&self, text: &str, names: &mut Names) -> String {
        self.plain(text, In::Agent, Spans::default(), names)
    }

    /// Whether what was hidden has a name in it.
    fn tells(&self, hidden: &str, names: &mut Names) -> bool {
        /// A shorter text may have come about by chance.
        const LONG: usize = 12;
        match &self.known {
            Some(_) if hidden.len() >= LONG => self.plain(hidden, In::Sentence, Spans::default(), names) != hidden,
            Some(known) => known.is_told_in(hidden),
            None => false,
        }
    }

    fn plain(&self, text: &str, place: In, mut spans: Spans, names: &mut Names) -> String {
        for form in FORMS.iter().filter(|form| form.may_be_in(text)) {
            for found in form.pattern.find_iter(text) {
                let range = found.range();
                if spans.is_free(&range)
                    && (form.fits)(text, &range)
                    && let Some(told) = (form.replace)(found.as_str(), names)
                {
                    spans.insert(range, told);
                }
            }
        }
        if place == In::Sentence {
            said(text, &mut spans, names);
        }
        if let Some(known) = &self.known {
            known.replace(text, place, &mut spans, names);
        }
        spans.applied(text)
    }
}

/// What a form takes as a whole: an address, an account or an id in the place of a name.
pub fn formed(word: &str, names: &mut Names) -> Option<String> {
    if is_account(word) {
        return Some(account(word, names));
    }
    let form = FORMS
        .iter()
        .filter(|form| form.may_be_in(word))
        .find(|form| form.pattern.find(word).is_some_and(|found| found.len() == word.len() && (form.fits)(word, &found.range())))?;
    (form.replace)(word, names)
}

fn said(text: &str, spans: &mut Spans, names: &mut Names) {
    for said in SAID.captures_iter(text) {
        let kinds = [("policy", Of::Other), ("action", Of::Other), ("alarm", Of::Other), ("service", Of::Service), ("container", Of::Container), ("named", Of::Service)];
        for (name, of) in kinds.into_iter().filter_map(|(group, of)| Some((said.name(group)?, of))) {
            if spans.is_free(&name.range()) {
                spans.insert(name.range(), structure::path(of, name.as_str(), names));
            }
        }
    }
}

/// A part of a longer word is none.
#[must_use]
pub fn stands_alone(text: &str, range: &std::ops::Range<usize>) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    // `%2Fweb`
    let begins = text[range.clone()].starts_with(is_word) && text[..range.start].ends_with(is_word) && !ends_encoded(&text[..range.start]);
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
            ("by=%3Ajane.zorg%2Bx%40acme.io&of=jane.zorg@acme.io, Jane Zorg", "by=%3Aperson.1%2Btag-1%40host.example&of=person.1@host.example, Jane Zorg"),
            ("from 0a:1b:2c:3d:4e:5f and 0A-1B-2C-3D-4E-5F, ::ffff:10.0.3.4, v1.2.3.4", "from 02:00:00:00:00:01 and 02-00-00-00-00-01, ::ffff:10.255.0.1, v1.2.3.4"),
            ("https://github.com/aws/aws-sdk-go-v2 of git@github.com:acme/pay.git", "https://github.com/aws/aws-sdk-go-v2 of git@github.com:image-1/image-2.git"),
        ] {
            assert_eq!(words.replaced(said, &mut names), told);
        }
    }

    /// What the first pass knows afterwards.
    fn knowing(names: &[(Of, &str)], met: &[&str]) -> (Names, Words) {
        let mut known = Names::default();
        for (of, name) in names {
            known.of(*of, name);
        }
        for text in met {
            Words::without_names().replaced(text, &mut known);
        }
        let words = Words::with(&known);
        (known, words)
    }

    #[test]
    fn an_id_far_too_long_is_none_and_digits_of_other_scripts_are_no_digits() {
        let (mut names, words) = knowing(&[], &[]);
        let long = format!("mount fs-{}.efs.eu-west-1.amazonaws.com", "a".repeat(70_000));
        assert_eq!(words.replaced(&long, &mut names), "mount host-1.efs.eu-west-1.amazonaws.com");
        assert_eq!(words.replaced("fs-0a1b2c3d.efs.eu-west-1.amazonaws.com", &mut names), "fs-00000001.efs.eu-west-1.amazonaws.com");
        for foreign in ["०१२३-४५६७-८९०१", "x०१२३४५६७८९०1", "०१२३४५६७८९०१", "account ०१२३४५६७८९०1", "१.२.३.४", "१-१-१-१", "10.0.0.१"]
        {
            let said = format!("of {foreign} here");
            words.replaced(&said, &mut names);
        }
    }

    /// What begins and ends the forms, and what may stand between for long.
    const ENDS: [&str; 32] = [
        "",
        "fs-",
        ".efs.eu-west-1.amazonaws.com",
        "arn:aws:ecs:eu-west-1:",
        "arn:aws:logs:",
        "https://github.com/",
        "git@",
        ".git",
        ":",
        "repo:a/",
        "repo%3Aa%2F",
        "@",
        "%40",
        "@example.com",
        "s3://",
        "com.",
        ".com",
        ".io:443",
        "ip-10-",
        "10-0-0-",
        "203-0-113-",
        "0a:1b:2c:",
        "2001:db8:",
        "10.0.0.",
        "eni-",
        "AKIA",
        "account ",
        "AWSReservedSSO_",
        "_0123456789abcdef",
        "\\u00",
        "v10.",
        "/",
    ];
    const RUNS: [&str; 18] = ["a", "0", "7f", ".", "-", "_", ":", "/", "%41", "%2F", "é", "०", "a.", "a-", "1.", "\\u002e", "Ab", "A/1:"];

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 16, max_shrink_iters: 64, ..proptest::prelude::ProptestConfig::default() })]
        #[test]
        fn nothing_is_too_long_and_time_grows_as_the_text_does(head in 0..ENDS.len(), run in 0..RUNS.len(), tail in 0..ENDS.len(), letters in 1_usize..100_000) {
            let run = RUNS[run];
            let text = format!("x {}{}{} y", ENDS[head], run.repeat(letters / run.len() + 1), ENDS[tail]);
            let (mut names, words) = knowing(&[(Of::Service, "payzilla-api"), (Of::Service, "aaaaaaaaab-b")], &["account 410988887777"]);
            let began = std::time::Instant::now();
            words.replaced(&text, &mut names);
            structure::path(Of::User, &text, &mut names);
            structure::arn(&text[2..], &mut names);
            // A text of that length takes a second at most; one gone through anew for each letter, minutes.
            proptest::prop_assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
        }
    }

    #[test]
    fn a_permission_set_is_known_without_what_aws_puts_around_it() {
        for met in ["as AWSReservedSSO_ZorgAdmins_0123456789abcdef/jane", "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_ZorgAdmins_0123456789abcdef/jane"] {
            let (mut names, words) = knowing(&[], &[met]);
            for said in ["permission set ZorgAdmins", "role/ZorgAdmins", "for zorg_admins here", "ZORG-ADMINS", "AWSReservedSSO_ZorgAdmins_fedcba9876543210"] {
                let told = words.replaced(said, &mut names);
                assert!(!told.to_lowercase().contains("zorg"), "{told}");
            }
            assert_eq!(words.replaced("permission set ZorgAdmins, x", &mut names), "permission set PermissionSet1, x");
            assert!(words.replaced("by AWSReservedSSO_ZorgAdmins_0123456789abcdef", &mut names).starts_with("by AWSReservedSSO_PermissionSet1_"));
        }
        let (mut names, words) = knowing(&[(Of::Role, "AWSReservedSSO_AdministratorAccess_0123456789abcdef")], &[]);
        assert_eq!(words.replaced("needs AdministratorAccess", &mut names), "needs AdministratorAccess", "AWS's own says nothing");
    }

    #[test]
    fn of_an_address_nothing_before_the_at_is_left() {
        for (said, told) in [
            ("müllerzorg@example.com", "person-1@host.example"),
            ("by josé.zorg@example.com,", "by person.1@host.example,"),
            ("jose\u{301}.zorg@example.com", "person.1@host.example"),
            ("o'zorg@example.com", "person-1@host.example"),
            ("m%C3%BCller.zorg%40example.com", "person.1%40host.example"),
            (r"m\u00fcller.zorg@example.com", "person.1@host.example"),
            (r"jos\u00e9@example.com", "person-1@host.example"),
            (r"\u003czorg@example.com\u003e", r"\u003cperson-1@host.example\u003e"),
            (r"\nzorg@example.com", r"\nperson-1@host.example"),
            ("zorg@müller-müller.example", "person-1@host.example"),
            ("佐藤zorg@example.co.jp", "person-1@host.example"),
        ] {
            let (mut names, words) = knowing(&[], &[]);
            assert_eq!(words.replaced(said, &mut names), told, "{said}");
        }
    }

    #[test]
    fn whatever_looks_like_a_joint_or_stands_for_one_joins() {
        let (mut names, words) = knowing(&[(Of::Service, "shop-prod"), (Of::User, "jane.zorg")], &[]);
        for said in [
            "shop\u{2010}prod",
            "shop\u{2011}prod",
            "shop\u{2013}prod",
            "shop\u{2014}prod",
            "shop\u{2212}prod",
            "shop\u{ff0d}prod",
            "shop\u{ad}prod",
            "jane\u{b7}zorg",
            "jane\u{2022}zorg",
            "jane\u{a0}zorg",
            "jane\u{200b}zorg",
            r"jane\u002ezorg",
            r"jane\u002Ezorg",
            r"jane\\u002ezorg",
            r"shop\u002dprod",
            r"shop\u2011prod",
            r"Jane\u0020Zorg",
            r"\u0022jane.zorg\u0022",
            r"\u003dshop-prod",
        ] {
            let told = words.replaced(&format!("of {said}, x"), &mut names).to_lowercase();
            assert!(!told.contains("zorg") && !told.contains("jane") && !told.contains("shop"), "{said}: {told}");
        }
        assert_eq!(words.replaced(r"jane\u002ezorg", &mut names), r"user\u002e1");
    }

    #[test]
    fn an_address_of_the_network_is_one_in_every_writing() {
        let (mut names, words) = knowing(&[], &["10.11.12.13 and 203.0.113.9"]);
        for (said, told) in [
            ("v10.11.12.13", "v10.255.0.1"),
            ("10.11.12.013", "10.255.0.1"),
            ("010.011.012.013", "10.255.0.1"),
            ("203-0-113-9 ec2_203_0_113_9", "192-0-2-2 ec2_192_0_2_2"),
            ("10.11.12.13.443 > 203.0.113.9.51234:", "10.255.0.1.443 > 192.0.2.2.51234:"),
            ("from 203-0-113-77", "from 192-0-2-3"),
            ("v1.2.3.4 1-2-3-4 2026-03-03-14 12-30-45-07 1.3.6.1.4.1", "v1.2.3.4 1-2-3-4 2026-03-03-14 12-30-45-07 1.3.6.1.4.1"),
        ] {
            assert_eq!(words.replaced(said, &mut names), told);
        }
    }

    #[test]
    fn a_number_is_an_account_only_where_one_stands() {
        let (mut names, words) = knowing(&[], &["account 410988887777"]);
        for stays in [
            "size=104857600000 bytes",
            "took 104857600000ns",
            "n104857600000",
            "104857600000",
            "ids 1048576000001 9104857600000",
            "6f1d2c3b-1000-0000-0002-000000000001",
            "request_104857600000_of",
        ] {
            assert_eq!(words.replaced(stays, &mut names), stays);
        }
        for said in [
            "in account 555566667777",
            "account_id=555566667777",
            r#"{\"accountId\": \"555566667777\"}"#,
            "account%3A555566667777",
            "acct555566667777x",
            "registry with id '555566667777'",
            "555566667777.dkr.ecr.eu-west-1.amazonaws.com/x",
            "iam::555566667777:root",
            "arn%3Aaws%3Aiam%3A%3A555566667777%3Arole",
            "https://sqs.eu-west-1.amazonaws.com/555566667777/x",
            "5555-6666-7777",
        ] {
            let (mut names, words) = knowing(&[], &[]);
            let told = words.replaced(said, &mut names);
            assert!(!told.replace('-', "").contains("555566667777"), "{said}: {told}");
        }
        assert_eq!(words.replaced("size=410988887777 bytes", &mut names), "size=100000000001 bytes", "one of the case is one everywhere");
    }

    #[test]
    fn a_dotted_word_of_code_is_no_host() {
        let (mut names, words) = knowing(&[], &[]);
        for stays in [
            "System.Net.Http",
            "at System.Net.Sockets.Socket",
            "socket.io",
            "self.app",
            "self.app.dev(x)",
            "client.net(1)",
            "require('socket.io')",
            "Microsoft.Net",
            "web.dev",
            "svc.payzilla-api.shop-prod:443",
            "lib.de-DE",
        ] {
            assert_eq!(words.replaced(stays, &mut names), stays);
        }
        for said in [
            "https://acme.io",
            "jane:x@acme.io",
            "acme.app:443",
            "acme.dev/x",
            "db.acme.io",
            "acme.com",
            "acme.de.",
            "DB.ACME.COM",
            "wss://svc.acme.shop-prod:443",
            "redis.acme.internal",
            "acme.co.uk",
            "db.acme.com.Then",
            "Acme.Com",
            "müller-acme.de",
            "von acme.bücher.example",
        ] {
            let told = words.replaced(said, &mut names).to_lowercase();
            assert!(!told.contains("acme"), "{said}: {told}");
        }
    }
}
