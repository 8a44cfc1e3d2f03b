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
        "# Permissions\n\necs-trace only reads. These are all the actions it can call; without one, what it answers is said to be missing.\nThe same list as a policy, which `ecs-trace doctor --policy` prints: [iam-policy.json](iam-policy.json). `ecs-trace doctor` tries them.\n\n| action | witness | answers |\n| --- | --- | --- |\n",
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

#[test]
fn the_page_of_the_command_line_is_its_help() {
    let mut page = String::from("# Command line\n\nPrinted from the program's own help.\n");
    for command in [
        vec!["--help"],
        vec!["timeline", "--help"],
        vec!["who-stopped", "--help"],
        vec!["why", "--help"],
        vec!["logs", "--help"],
        vec!["save", "--help"],
        vec!["explain", "--help"],
        vec!["doctor", "--help"],
        vec!["config", "--help"],
        vec!["completions", "--help"],
    ] {
        let name = if command.len() == 1 { "ecs-trace".to_owned() } else { format!("ecs-trace {}", command[0]) };
        page.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", run(program(&command).env("COLUMNS", "100")).code(&[0]).stdout.trim_end()));
    }
    same("docs/cli.md", &page);
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
