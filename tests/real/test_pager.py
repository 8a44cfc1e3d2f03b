"""Long answers on a terminal go through the pager, as those of the AWS CLI do; the terminal is left as it was."""

import itertools
import os
import time

import pytest
from conftest import BINARY, need
from screen import Screen

LONG = f"{BINARY} timeline demo:deployment"
SHORT = f"{BINARY} explain 137"


@pytest.fixture
def shell(tmp_path):
    """A shell of 80 columns and 24 rows in which commands are typed; what they leave behind is told as `code N`."""
    need("tmux")
    need("less")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color", "TZ": "UTC", "LANG": "C.UTF-8"}
    # A server of its own: the one before may still be closing.
    screen = Screen(f"pager-{tmp_path.name}", "bash --norc --noprofile -i", env, columns=80, rows=24)

    commands = itertools.count(1)

    def typed(command):
        # Numbered, or the end of the one before would be taken for its own.
        screen.number = next(commands)
        screen.keys("-l", f"clear; {command}; echo code {screen.number}.$?")
        screen.keys("Enter")

    screen.typed = typed
    screen.ended = lambda code: screen.wait(f"code {screen.number}.{code}")
    screen.keys("-l", "PS1='ready> '; clear")
    screen.keys("Enter")
    screen.wait("ready>")
    yield screen
    screen.close()


def still_echoes(screen):
    screen.keys("-l", "echo still-$((1+1))-here")
    screen.wait("echo still-$((1+1))-here")
    screen.keys("Enter")
    screen.wait("still-2-here")


def test_a_long_answer_opens_less_and_leaving_it_early_is_success(shell):
    shell.typed(LONG)
    first = shell.wait("\n:")
    assert "task " in first and "code 1.0" not in first, first
    shell.keys("q")
    shell.ended(0)
    still_echoes(shell)


@pytest.mark.parametrize("command", [LONG, f"{BINARY} doctor --policy"])
def test_ctrl_c_in_the_pager_is_the_pagers_and_the_terminal_is_left_right(shell, command):
    shell.typed(command)
    shell.wait("\n:")
    shell.keys("C-c")
    time.sleep(0.5)
    assert "ready>" not in shell.text().strip().splitlines()[-1], "the program ended under its pager"
    shell.keys("q")
    shell.ended(0)
    still_echoes(shell)


def test_a_short_answer_is_printed(shell):
    shell.typed(SHORT)
    shell.ended(0)


@pytest.mark.parametrize("off", ["{} --no-pager", "{} --no-cli-pager", "AWS_PAGER= {}", "PAGER= {}", "TERM=dumb {}", "AWS_PAGER= PAGER=less {}"])
def test_it_can_be_switched_off(shell, off):
    shell.typed(off.format(LONG))
    shell.ended(0)


def test_long_help_is_paged_and_leaving_it_is_success(shell, tmp_path):
    shell.typed(f"{BINARY} timeline --help")
    first = shell.wait("\n:")
    assert "One timeline" in first or "Usage" in first, first
    shell.keys("q")
    shell.ended(0)
    kept = tmp_path / "kept"
    shell.typed(f"AWS_PAGER={pager(tmp_path, 'keeps', f'cat > {kept}')} {BINARY} help stops")
    shell.ended(0)
    assert "\x1b[" in kept.read_text() and "--watch" in kept.read_text()
    shell.typed(f"{BINARY} timeline --help --no-pager")
    shell.ended(0)
    # Bad usage is no answer.
    shell.typed(f"{BINARY} timeline --no-such-option")
    shell.ended(252)


def test_the_profiles_cli_pager_stands_between_aws_pager_and_pager(shell, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(f"[default]\ncli_pager =\n[profile own]\ncli_pager = {pager(tmp_path, 'own', 'echo its own; cat >/dev/null')}\n")
    shell.typed(f"PAGER=less {LONG}")
    shell.ended(0)
    shell.typed(f"PAGER=less {LONG} --profile own")
    assert "its own" in shell.ended(0)
    shell.typed(f"AWS_PAGER='{pager(tmp_path, 'first', 'echo the first; cat >/dev/null')}' {LONG} --profile own")
    assert "the first" in shell.ended(0)


def test_the_config_file_can_switch_it_off(shell, tmp_path):
    (tmp_path / ".config/ecs-trace").mkdir(parents=True)
    (tmp_path / ".config/ecs-trace/config.toml").write_text("no-pager = true\n")
    shell.typed(LONG)
    shell.ended(0)
    shell.typed(f"{BINARY} timeline --help")
    shell.ended(0)


def pager(folder, name, body):
    script = folder / name
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return script


def test_aws_pager_comes_before_pager_and_its_words_are_a_shells(shell, tmp_path):
    other = pager(tmp_path, "other", "echo other")
    own = pager(tmp_path, "own pager", 'echo "first=$1 LESS=$LESS"; wc -l >/dev/null')
    shell.typed(f"""AWS_PAGER="'{own}' 'two words'" PAGER={other} {LONG}""")
    told = shell.ended(0)
    assert "first=two words LESS=FRX" in told and "other" not in told.replace(str(other), ""), told
    shell.typed(f"LESS=R PAGER='{pager(tmp_path, 'third', 'echo LESS=$LESS; cat >/dev/null')}' {LONG}")
    assert "LESS=R\n" in shell.ended(0)


def test_colours_and_the_return_code_are_kept(shell, tmp_path):
    kept = tmp_path / "kept"
    script = pager(tmp_path, "keeps", f"cat > {kept}")
    shell.typed(f"AWS_PAGER={script} {LONG}")
    shell.ended(0)
    assert "\x1b[" in kept.read_text()
    shell.typed(f"NO_COLOR=1 AWS_PAGER={script} {LONG}")
    shell.ended(0)
    assert "\x1b[" not in kept.read_text() and "task " in kept.read_text()
    # Inconclusive stays inconclusive, whatever the pager says of itself.
    case = os.path.join(os.path.dirname(__file__), "../cases/unknown/case.json")
    shell.typed(f"AWS_PAGER='{pager(tmp_path, 'fails', 'exit 7')}' {BINARY} timeline {os.path.abspath(case)}")
    shell.ended(3)


def test_a_pager_that_is_not_there_is_said_to_be_and_the_answer_is_printed(shell):
    shell.typed(f"AWS_PAGER=no-such-pager {LONG} 2>$HOME/notes; cat $HOME/notes")
    told = shell.ended(0)
    assert "no pager, `no-such-pager` cannot be started" in told.replace("\n", " ") and "next  " in told, told
    shell.typed(f"""AWS_PAGER="less 'unended" {LONG} 2>$HOME/notes; cat $HOME/notes""")
    assert "its quotes do not end" in shell.ended(0).replace("\n", " ")


def test_json_is_paged_as_by_the_aws_cli_and_a_pipe_never_is(shell):
    shell.typed(f"{LONG} -o json")
    shell.wait("\n:")
    shell.keys("q")
    shell.ended(0)
    shell.typed(f"{LONG} | tail -2")
    shell.ended(0)
