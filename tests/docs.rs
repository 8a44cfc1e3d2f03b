//! What the documents say is what the program does. `UPDATE_DOCS=1 cargo test` writes the printed ones anew.

use super::cli::program::{program, run};

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap_or_default()
}

fn same(path: &str, printed: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(format!("{}/{path}", env!("CARGO_MANIFEST_DIR")), printed).unwrap();
    }
    assert_eq!(read(path), printed, "{path} is not what the code prints: run UPDATE_DOCS=1 cargo test");
}

#[test]
fn the_iam_policy_is_the_list_of_actions() {
    same("docs/iam-policy.json", &run(&mut program(&["doctor", "--policy"])).code(&[0]).stdout);
    let mut page = String::from(
        "# Permissions\n\necs-trace only reads. These are all the actions it can call; without one, what it answers is said to be missing.\nThe same list as a policy, which `ecs-trace doctor --policy` prints: [iam-policy.json](iam-policy.json). `ecs-trace doctor` tries them, but for the queries that AWS bills by the data scanned (StartQuery and GetQueryResults).\n\n| action | witness | answers |\n| --- | --- | --- |\n",
    );
    for action in ecs_trace::sources::actions::ACTIONS {
        page.push_str(&format!("| `{}` | {} | {} |\n", action.name, ecs_trace::diagnosis::access::group(action.source), action.answers));
    }
    same("docs/permissions.md", &page);
}

#[test]
fn the_page_of_causes_is_the_list_of_rules() {
    let mut page = String::from(
        "# Causes\n\nThe causes this version can show, in the order in which they are tried: the first that fits is the verdict.\nWhere none can be shown the cause is `unknown`, and what was seen is told all the same.\n\n| cause | when | details |\n| --- | --- | --- |\n",
    );
    for rule in ecs_trace::diagnosis::rules::RULES {
        let details: Vec<String> = rule.details.iter().map(|detail| format!("`{detail}`")).collect();
        page.push_str(&format!("| `{}` | {} | {} |\n", rule.cause.as_str(), rule.about, details.join(" ")));
    }
    page.push_str("\n## Codes and messages\n\nWhat `ecs-trace explain` knows.\n\n| code or text | means | look at |\n| --- | --- | --- |\n");
    for entry in ecs_trace::diagnosis::catalogue::entries() {
        page.push_str(&format!("| `{}` | {} | {} |\n", entry.key, entry.means, entry.then));
    }
    same("docs/causes.md", &page);
}

/// The program and all its commands, by the words that call them; those that stand in no help apart.
fn commands() -> Vec<Vec<String>> {
    fn below(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
        found.push(words.to_vec());
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            below(inner, &[words, &[inner.get_name().to_owned()]].concat(), found);
        }
    }
    let mut found = Vec::new();
    below(&ecs_trace::cli::command(), &[], &mut found);
    assert!(found.len() > 8, "{found:?}");
    found
}

fn help(words: &[String], columns: &str) -> String {
    let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
    run(program(&arguments).env("COLUMNS", columns)).code(&[0]).stdout
}

#[test]
fn the_page_of_the_command_line_is_its_help() {
    let mut page = String::from("# Command line\n\nPrinted from the program's own help. The same as [man pages](man).\n");
    for words in commands() {
        page.push_str(&format!("\n## {}\n\n```text\n{}\n```\n", [&["ecs-trace".to_owned()], words.as_slice()].concat().join(" "), help(&words, "80").trim_end()));
    }
    same("docs/cli.md", &page);
}

#[test]
fn every_command_has_a_man_page_and_no_page_is_left_over() {
    let mut printed = Vec::new();
    for words in commands() {
        let name = [&["ecs-trace".to_owned()], words.as_slice()].concat().join("-") + ".1";
        let arguments: Vec<&str> = ["man"].into_iter().chain(words.iter().map(String::as_str)).collect();
        same(&format!("docs/man/{name}"), &run(&mut program(&arguments)).code(&[0]).stdout);
        printed.push(name);
    }
    let folder = format!("{}/docs/man", env!("CARGO_MANIFEST_DIR"));
    let mut there: Vec<String> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    printed.sort();
    assert_eq!(there, printed);
}

#[test]
fn every_help_fits_80_columns_and_shows_two_examples_that_can_be_typed() {
    for words in commands() {
        for columns in ["80", "200"] {
            for line in help(&words, columns).lines() {
                assert!(line.chars().count() <= 80, "{words:?}: {line}");
            }
        }
        let help = help(&words, "80");
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{words:?} has no examples"));
        let typed: Vec<&str> = examples.lines().take_while(|line| line.starts_with("  ")).collect();
        assert!(typed.len() >= 2, "{words:?}: {typed:?}");
        for line in typed {
            // Behind two blanks stands what it is for; before a bar, a bracket or a redirection its end.
            let Some((_, command)) = line.split_once("ecs-trace ") else { panic!("{words:?}: {line}") };
            let end = ["  ", " | ", " > ", ")"].into_iter().filter_map(|end| command.find(end)).min().unwrap_or(command.len());
            let command = if line.contains("\"Task failed") { command } else { &command[..end] };
            let arguments = shlex::split(&format!("ecs-trace {command}")).unwrap();
            if let Err(error) = ecs_trace::cli::command().try_get_matches_from(arguments) {
                panic!("{words:?}: {line}: {error}");
            }
        }
    }
}

#[test]
fn what_the_page_on_security_names_is_there() {
    let page = read("SECURITY.md");
    let (mut files, mut tests) = (0, 0);
    for row in page.lines().filter(|line| line.starts_with("| ") && line.matches(" | ").count() == 3) {
        let mut file = String::new();
        for name in row.split('`').skip(1).step_by(2) {
            if name.contains('/') || name.ends_with(".toml") {
                file = read(name);
                assert!(!file.is_empty(), "{name} is not there: {row}");
                files += 1;
            } else if name.contains('_') {
                assert!(file.contains(&format!("fn {name}(")) || file.contains(&format!("def {name}(")), "no test {name} in the file named before it");
                tests += 1;
            }
        }
    }
    assert!(files > 30 && tests > 20, "{files} files, {tests} tests");
}

#[test]
fn the_answers_in_the_readme_are_the_programs_own() {
    let readme = read("README.md");
    let mut printed = String::new();
    let mut shown = 0;
    for (at, block) in readme.split("```console\n").enumerate() {
        let answer = block.split_once('\n').filter(|_| at > 0).and_then(|(command, _)| command.strip_prefix("$ ecs-trace "));
        if at > 0 {
            printed.push_str("```console\n");
        }
        let Some(arguments) = answer else {
            printed.push_str(block);
            continue;
        };
        let words: Vec<&str> = arguments.split(' ').collect();
        let told = run(program(&words).env("COLUMNS", "100")).code(&[0]).stdout;
        let (_, rest) = block.split_once("```").unwrap();
        printed.push_str(&format!("$ ecs-trace {arguments}\n{told}```{rest}"));
        shown += 1;
    }
    assert!(shown >= 2, "the README shows {shown} answers");
    same("README.md", &printed);
}
