//! A case for strangers: nothing of its owner is left in it, however it was spelled.

use std::time::Duration;

use ecs_trace::sources::case::Case;
use serde_json::{Value, json};

use super::archive::of_no_service;
use super::fake_aws::{FakeAws, Fault};
use super::program::{against, program, run};

/// The owner's words in spellings that no field of AWS's has.
const LINES: [&str; 34] = [
    "payzilla_api payzillaApi PayzillaApi PAYZILLA_API payzilla.api payzilla%2Dapi payzilla api Payzilla Api payzilla/api PAYZILLA-API payzilla - api",
    "payzilla-apiv2 xpayzilla-api payzilla-api42 jobOfPayzillaApi payzilla_api_db HTTPPayzillaApi my.payzilla.api.metric payzilla~api payzilla+api payzilla\\api",
    "payzilla-api: payzilla-api, \"payzilla_api\" 'PayzillaApi' [payzillaApi] <PAYZILLA_API> (payzilla-api) payzilla-api@2 payzilla_api=1 $payzillaApi",
    "BLUEPLUM_HOST=blueplum-7.x blueplumv2 xblueplum Blueplum",
    "git clone https://github.com/payzilla/payzilla-api.git and git@github.com:payzilla/payzilla-api.git, ssh://git@gitlab.com:2222/zorgcorp/payzilla-infra",
    "https://gitlab.com/zorgcorp/deep/group/payzilla-infra/-/jobs/17 https://bitbucket.org/zorgcorp/payzilla-infra/src/main",
    "git@bitbucket.org:zorgcorp/payzilla-infra.git https://dev.azure.com/zorgcorp/platform/_git/payzilla-infra https://git.zorgcorp.example/scm/pay/payzilla-infra.git",
    "https://github.com/zorgcorp/payzilla-infra/actions/runs/88: github.com/zorgcorp/payzilla-infra. https://source.zorgcorp.example/pay/payzilla-infra.git",
    "pulling ghcr.io/zorgcorp/payzilla-infra:1.2 docker.io/zorgcorp/payzilla-infra@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "410988887777.dkr.ecr.eu-west-2.amazonaws.com/zorgcorp/payzilla-infra:41 registry.gitlab.com/zorgcorp/payzilla-infra/web:2",
    "for repo:zorgcorp/payzilla-infra:ref:refs/heads/main and repo%3Azorgcorp%2Fpayzilla-infra%3Aref%3Arefs%2Fheads%2Fmain",
    "for project_path:zorgcorp/payzilla-infra:ref_type:branch:ref:main",
    "jane.zorg jane_zorg jane-zorg janezorg JaneZorg Jane Zorg JANE.ZORG jane.zorg%40example.com jane.zorg+x@example.com Jane.Zorg@Example.com jane.zorg@elsewhere.org",
    "<jane.zorg@example.com> mailto:jane.zorg@example.com user=jane.zorg@example.com; /home/jane.zorg/.aws jane.zorg%2Bx%40example.com",
    "milo.quist@example.com, MILO.QUIST milo_quist Milo Quist",
    "ip10.0.3.7 10.0.3.7:443 ip-10-0-3-7.ec2.internal 10.0.3.7/32 (10.0.3.7) 10.0.3.7x host_10_0_3_7 ip-10-0-3-7 xip-10-0-3-7 srv10.0.3.7 10.0.3.7.",
    "[2001:db8:77::1]:80 ::ffff:10.0.3.7 addr:2001:db8:77::1 2001:db8:77::1: 2001:db8:77::1/64 face:2001:db8:77::1",
    "0a:1b:2c:3d:4e:5f 0A-1B-2C-3D-4E-5F mac0a:1b:2c:3d:4e:5fx 0a1b2c3d4e5f",
    "eni-0a9b8c7d6e5f40312 eni_0a9b8c7d6e5f40312 xeni-0a9b8c7d6e5f40312 ENI0A9B8C7D6E5F40312 subnet-0d4c1b2a39485f6e7 vpc-0ff1ee2dd3cc4bb5a sg-0123456789abcdef0 i-07c6c45abc990e794",
    "acct410988887777x 4109-8888-7777 4109 8888 7777 tf_410988887777_state %3A410988887777%3A acct:410988887777 x410988887777 410988887777a",
    "never heard of: acct555566667777x 5555-6666-7777",
    r#"{"msg": "payzilla_api", "payzillaApi": {"payzilla api": 1}, "note": "for Jane Zorg", "at": "acct410988887777", "n": 410988887777}"#,
    r#"{"nested": "{\"who\": \"Jane Zorg\\npayzilla_api\"}"}"#,
    r#"escaped: {\"who\": \"Jane Zorg\npayzilla_api\", \"cluster\": \"blueplum\"}"#,
    "s3://payzilla_api/key arn%3Aaws%3Aecs%3Aeu-west-2%3A410988887777%3Acluster%2Fblueplum arn:aws:iam::410988887777:role/payzilla-410988887777",
    // {"service":"payzilla-api","by":"jane.zorg"}: alone, behind a word, in a URL; and {"account":"410988887777","x":1}.
    "eyJzZXJ2aWNlIjoicGF5emlsbGEtYXBpIiwiYnkiOiJqYW5lLnpvcmcifQ==",
    "state eyJzZXJ2aWNlIjoicGF5emlsbGEtYXBpIiwiYnkiOiJqYW5lLnpvcmcifQ, blob_eyJzZXJ2aWNlIjoicGF5emlsbGEtYXBpIiwiYnkiOiJqYW5lLnpvcmcifQ",
    "https://x.example/?q=eyJzZXJ2aWNlIjoicGF5emlsbGEtYXBpIiwiYnkiOiJqYW5lLnpvcmcifQ%3D%3D",
    "data:application/json;base64,eyJhY2NvdW50IjoiNDEwOTg4ODg3Nzc3IiwieCI6MX0=",
    "permission set ZorgAdmins of role/ZorgAdmins, zorg_admins, ZORG-ADMINS, AWSReservedSSO_ZorgAdmins_fedcba9876543210",
    r"müllerzorg@example.com, for josé.zorg@example.com; m%C3%BCllerzorg%40example.com m\u00fcllerzorg@example.com",
    "payzilla\u{2011}api jane\u{b7}zorg payzilla\u{2013}api jane\\u002ezorg payzilla\\u002dapi payzilla\u{ad}api \\u0022jane.zorg\\u0022",
    "v10.0.3.7 10.0.3.007 10.0.3.7.443 203-0-113-77 of sqs.eu-west-2.amazonaws.com/555566667777/q and account 555566667777",
    "plain words stay: the web api of prod is up, health check passed, ResourceInitializationError, eu-west-2, UpdateService, v1.2.3.4, 2026-03-03T14:00:00Z, size=104857600000 bytes, System.Net.Http, socket.io, self.shop",
];

/// What must not be left, without signs and in lower case.
const GONE: [&str; 26] = [
    "payzilla",
    "blueplum",
    "zorg",
    "jane",
    "quist",
    "milo",
    "elsewhere",
    "410988887777",
    "555566667777",
    "10037",
    "1003007",
    "203011377",
    "josé",
    "müller",
    "llerz",
    "2001db8771",
    "0a1b2c3d4e5f",
    "0a9b8c7d6e5f40312",
    "0d4c1b2a39485f6e7",
    "0ff1ee2dd3cc4bb5a",
    "sg0123456789abcdef0",
    "07c6c45abc990e794",
    // The same in base64.
    "eyjzzxj2awnlijo",
    "cgf5emlsbge",
    "eyjhy2nvdw50ijo",
    "ndewotg4odg3nzc3",
];

fn bare(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase()
}

fn owned(case: &mut Case) {
    let mut text = serde_json::to_string(case).unwrap();
    for (said, told) in [
        ("111122223333", "410988887777"),
        ("billing", "payzilla-api"),
        ("/core", "/blueplum"),
        ("\"core\"", "\"blueplum\""),
        (r#"\"core\""#, r#"\"blueplum\""#),
        ("10.60.9.3", "10.0.3.7"),
        ("AWSReservedSSO_PowerUser", "AWSReservedSSO_ZorgAdmins"),
    ] {
        text = text.replace(said, told);
    }
    text = regex::Regex::new("[a-z.]+@[a-z]+[.][a-z.]+").unwrap().replace_all(&text, "jane.zorg@example.com").into_owned();
    *case = serde_json::from_str(&text).unwrap();
    for exchange in &mut case.exchanges {
        if let Some(task) = exchange.response.pointer_mut("/tasks/0").filter(|_| exchange.action == "ecs:DescribeTasks") {
            task["startedBy"] = json!("milo.quist");
            task["stoppedReason"] = json!("by Jane Zorg for payzilla api, see https://github.com/zorgcorp/payzilla-infra");
            task["attachments"][0]["details"].as_array_mut().unwrap().push(json!({"name": "macAddress", "value": "0a:1b:2c:3d:4e:5f"}));
        }
        if let Some(events) = exchange.response.pointer_mut("/events").and_then(Value::as_array_mut).filter(|_| exchange.action == "logs:GetLogEvents") {
            let (event, end) = (events[0].clone(), events.len());
            events.splice(end.., LINES.iter().map(|line| Value::Object(event.as_object().unwrap().clone().into_iter().chain([("message".to_owned(), json!(line))]).collect())));
        }
    }
}

#[test]
fn nothing_of_its_owner_is_left_however_it_was_spelled() {
    let aws = FakeAws::changed("stopped-by-sso-user", &[], Duration::ZERO, owned);
    let folder = tempfile::tempdir().unwrap();
    let (plain, file) = (folder.path().join("plain.json"), folder.path().join("case.json"));
    let (plain, file) = (plain.to_str().unwrap(), file.to_str().unwrap());
    run(&mut against(&aws, &["save", &aws.task_arn, plain])).code(&[0]);
    run(&mut against(&aws, &["save", &aws.task_arn, file, "--anonymise"])).code(&[0]);
    let text = |file: &str| std::fs::read_to_string(file).unwrap();
    for gone in ["payzilla", "blueplum", "zorg", "quist", "410988887777"] {
        assert!(bare(&text(plain)).contains(gone), "{gone} is in the case");
    }
    // Line by line, so that what is joined here was beside each other there.
    let told: Value = serde_json::from_str(&text(file)).unwrap();
    let mut left = Vec::new();
    each(&told, &mut |text| {
        let bare = bare(text);
        left.extend(GONE.iter().filter(|gone| bare.contains(**gone)).map(|gone| format!("{gone}: {text}")));
    });
    assert!(left.is_empty(), "{}", left.join("\n"));
    // What is nobody's stays, and spellings go by the spelling of one pseudonym.
    let text = text(file);
    assert!(text.contains(LINES[LINES.len() - 1]), "{text}");
    let service = regex::Regex::new(
        "service_([0-9]+) service([0-9]+) Service([0-9]+) SERVICE_([0-9]+) service.([0-9]+) service%2D([0-9]+) service ([0-9]+) Service ([0-9]+) service/([0-9]+)",
    )
    .unwrap();
    let spelled = service.captures(&text).unwrap_or_else(|| panic!("{text}"));
    assert!((2..=9).all(|at| spelled[at] == spelled[1]), "{}", &spelled[0]);
    assert!(text.contains(":cluster/cluster-"), "{text}");
    // And it comes to the same.
    let judged = |case: &str| {
        let why = run(&mut program(&["timeline", case, "-o", "json"])).json();
        let who = run(&mut program(&["who-stopped", case, "-o", "json"])).json();
        (
            why["verdict"]["cause"].clone(),
            why["verdict"]["evidence"].clone(),
            why["timeline"].as_array().unwrap().len(),
            who["stoppedBy"]["status"].clone(),
            who["stoppedBy"]["kind"].clone(),
        )
    };
    assert_eq!(judged(file), judged(plain));
}

/// All texts of a document, keys among them.
fn each(value: &Value, then: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            then(key);
            each(value, then);
        }),
        Value::Array(items) => items.iter().for_each(|item| each(item, then)),
        Value::String(text) => then(text),
        other => then(&other.to_string()),
    }
}

#[test]
fn a_case_of_more_families_than_are_read_replays_the_same_under_other_names() {
    let many: Vec<String> = (0..130).map(|at| format!("family-{:02}-{at}", (at * 37) % 100)).collect();
    let families = ("ecs:ListTaskDefinitionFamilies", Fault::Answers(200, json!({"families": many}).to_string().leak()));
    let case = FakeAws::present("app-error", |_| ());
    let definition = case.exchanges.iter().find(|exchange| exchange.action == "ecs:DescribeTaskDefinition").unwrap();
    let definition = ("ecs:DescribeTaskDefinition", Fault::Answers(200, definition.response.to_string().leak()));
    let aws = FakeAws::of(&case, &[of_no_service(), vec![families, definition]].concat(), Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.json");
    let file = file.to_str().unwrap();
    let live = run(&mut against(&aws, &["save", &aws.task_arn, file, "--anonymise"])).code(&[0, 3]);
    let told = run(&mut program(&["timeline", file, "-o", "json"])).code(&[0, 3]).json();
    let logs: Vec<_> = told["timeline"].as_array().unwrap().iter().filter(|line| line["witness"] == "logs").collect();
    assert!(!logs.is_empty() && !std::fs::read_to_string(file).unwrap().contains("family-37-1"), "{}", live.stderr);
    assert!(!told["sources"].to_string().contains("the case holds no answer"), "{}", told["sources"]);
}
