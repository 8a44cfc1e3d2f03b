"""TAB in the shells themselves, under a terminal: loaded as the README says, driven by keys."""

import os
import subprocess
import time

import pytest
from conftest import need
from screen import Screen

RC = {
    "bash": ("bash --noprofile --rcfile {rc} -i", "source <(ecs-trace completions bash)\nPS1='ready> '\n"),
    "zsh": ("zsh -f -i", "autoload -U compinit; compinit -u -D; PS1='ready> '; source <(ecs-trace completions zsh)\n"),
    "fish": ("fish --no-config -i", "function fish_prompt; echo -n 'ready> '; end; ecs-trace completions fish | source\n"),
    "elvish": ("elvish -norc", "eval (ecs-trace completions elvish | slurp); set edit:prompt = { put 'ready> ' }\n"),
}


@pytest.mark.parametrize("shell", sorted(RC))
def test_tab_completes_commands_options_and_demos(shell, on_path, tmp_path):
    need(shell)
    need("tmux")
    command, setup = RC[shell]
    rc = tmp_path / "rc"
    rc.write_text(setup)
    env = {**os.environ, "PATH": f"{on_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "xterm-256color", "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    screen = Screen(shell, command.format(rc=rc), env)
    try:
        if shell != "bash":
            time.sleep(1)
            screen.keys("-l", setup.strip())
            screen.keys("Enter")
        screen.wait("ready>")
        time.sleep(0.5)
        screen.keys("-l", "ecs-trace timel")
        screen.keys("Tab")
        screen.wait("ecs-trace timeline")
        # Some shells put a blank behind a completed word and some wait; two blanks are as good as one.
        screen.keys("-l", " demo:out-of")
        screen.keys("Tab")
        screen.wait("demo:out-of-memory")
        assert "error" not in screen.text().lower().replace("app-error", "")
    finally:
        screen.close()


def test_the_powershell_loader_speaks_the_completion_protocol():
    from conftest import BINARY

    env = {"PATH": os.environ["PATH"], "ECS_TRACE_COMPLETE": "powershell"}
    script = subprocess.run([BINARY], env=env, capture_output=True, text=True, check=True).stdout
    assert "Register-ArgumentCompleter" in script
    offered = subprocess.run([BINARY, "--", "ecs-trace", "timel"], env={**env, "_CLAP_COMPLETE_INDEX": "1"}, capture_output=True, text=True, check=True).stdout
    assert offered.startswith("timeline"), offered
