//! TAB: the completion protocol, without a shell. The shells themselves are driven in tests/real.

use super::program::{program, run};

fn offered(words: &[&str]) -> Vec<String> {
    let mut command = program(&[["--", "ecs-trace"].as_slice(), words].concat());
    command.env("ECS_TRACE_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string()).env("_CLAP_IFS", "\n");
    let ran = run(&mut command).code(&[0]);
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    ran.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn commands_options_and_demos_are_offered() {
    assert!(offered(&["time"]).contains(&"timeline".to_owned()));
    assert!(offered(&["timeline", "--prof"]).contains(&"--profile".to_owned()));
    assert!(offered(&["timeline", "demo:o"]).iter().any(|word| word == "demo:out-of-memory"));
    assert!(offered(&["timeline", "x", "--output", "j"]).contains(&"json".to_owned()));
    assert!(offered(&["explain", "13"]).contains(&"137".to_owned()));
    assert!(offered(&["explain", "Essential"]).contains(&"EssentialContainerExited".to_owned()));
    assert!(offered(&["completions", "f"]).contains(&"fish".to_owned()));
}

#[test]
fn every_shell_has_a_loader_that_asks_the_program() {
    for (shell, file) in [("bash", "ecs-trace.bash"), ("zsh", "_ecs-trace"), ("fish", "ecs-trace.fish"), ("powershell", "ecs-trace.ps1"), ("elvish", "ecs-trace.elv")] {
        let printed = run(&mut program(&["completions", shell])).code(&[0]).stdout;
        let kept = std::fs::read_to_string(format!("{}/completions/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(printed, kept);
        assert!(printed.contains("ECS_TRACE_COMPLETE"), "{shell}");
        let script = run(program(&[]).env("ECS_TRACE_COMPLETE", shell)).code(&[0]).stdout;
        assert!(script.contains("ecs-trace"), "{shell}");
    }
}
