//! The house keeps its own rules: who may know whom, where AWS is spoken to, that nothing is left out.

use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(at) = open.pop() {
        if at.is_dir() {
            open.extend(std::fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path()));
        } else if at.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&at).unwrap();
            found.push((at, text));
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}

/// Code lines only: comments may speak of anything, and a file's own tests may use what they need.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[track_caller]
fn never(folder: &str, words: &[&str], why: &str) {
    for (file, text) in sources(folder) {
        for line in code(&text) {
            for word in words {
                assert!(!line.contains(word), "{}: `{}`: {why}", file.display(), line.trim());
            }
        }
    }
}

#[test]
fn the_diagnosis_knows_jiff_and_std_and_nothing_else() {
    never(
        "diagnosis",
        &[
            "aws_sdk",
            "aws_smithy",
            "aws_config",
            "serde",
            "tokio",
            "async ",
            "crate::sources",
            "crate::render",
            "crate::cli",
            "clap",
            "regex",
            "Timestamp::now",
            "std::env",
            "std::fs",
            "std::net",
        ],
        "the diagnosis is pure",
    );
}

#[test]
fn rendering_is_pure_and_never_meets_the_sources() {
    never(
        "render",
        &["aws_sdk", "aws_smithy", "aws_config", "tokio", "async ", "crate::sources", "crate::cli", "clap", "Timestamp::now", "std::env::var", "println!"],
        "a renderer gives text and nothing else",
    );
}

#[test]
fn only_the_sources_speak_to_aws_and_only_the_command_line_knows_clap() {
    never("cli", &["aws_sdk", "aws_config", "aws_smithy"], "AWS is spoken to in sources/ alone");
    never("sources", &["crate::render", "crate::cli", "clap::"], "sources gather evidence and know no renderer");
}

#[test]
fn every_client_of_aws_is_made_where_the_wire_is_put_in() {
    for (file, text) in sources("sources") {
        if file.ends_with("sources/account.rs") {
            continue;
        }
        for line in code(&text) {
            for word in ["Client::new(", "Client::from_conf(", "http_client(", "aws_smithy_http_client", "hyper::", "TcpStream"] {
                assert!(!line.contains(word), "{}: `{}`: a way past the wire", file.display(), line.trim());
            }
        }
    }
}

#[test]
fn the_clock_is_read_in_main_alone() {
    for (file, text) in sources("") {
        if file.ends_with("src/main.rs") {
            continue;
        }
        for line in code(&text) {
            assert!(!line.contains("Timestamp::now") && !line.contains("SystemTime::now") && !line.contains("Zoned::now"), "{}: {}", file.display(), line.trim());
        }
    }
}

#[test]
fn every_rule_has_its_slot_and_its_three_tests() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/diagnosis/rules");
    let list = std::fs::read_to_string(format!("{folder}/mod.rs")).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name == "mod" {
            continue;
        }
        files += 1;
        assert!(list.contains(&format!("    {name}::RULE,")), "rules/{name}.rs is in no slot of RULES");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.matches("#[test]").count() >= 3, "rules/{name}.rs: a rule has three tests: fits, near miss, cannot tell");
    }
    assert_eq!(files, ecs_trace::diagnosis::rules::RULES.len());
}

#[test]
fn every_file_says_what_it_is_and_no_name_says_nothing() {
    for (file, text) in sources("") {
        assert!(text.starts_with("//!"), "{} has no first line that says what it is", file.display());
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(!["util", "utils", "helpers", "common", "manager", "handler", "types", "misc"].contains(&name), "{}", file.display());
        for word in ["TODO", "FIXME", "todo!(", "unimplemented!(", "dbg!("] {
            assert!(!text.contains(word), "{}: {word}", file.display());
        }
    }
}
