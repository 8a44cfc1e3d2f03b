"""TAB in the shells themselves, under a terminal: loaded as the README says, driven by keys, with AWS fast, hung and absent."""

import itertools
import os
import subprocess
import time

import pytest
from conftest import BINARY, need
from fake_ecs import TASKS, FakeEcs
from screen import Screen

ID = TASKS[0][0]
PROMPT = "ready> "
COUNT = itertools.count()

# How each shell is started, and what is typed into it or read by it before the first TAB.
SHELLS = {
    "bash": ("bash --noprofile --rcfile {home}/rc -i", f"PS1='{PROMPT}'\n"),
    "zsh": ("zsh -f -i", f"PS1='{PROMPT}'; {{before}}autoload -U compinit; compinit -u -D"),
    "fish": ("fish -i", f"function fish_prompt; echo -n '{PROMPT}'; end; set fish_greeting"),
    "elvish": ("elvish -norc", f"set edit:prompt = {{ put '{PROMPT}' }}; set edit:rprompt = {{ nop }}"),
}

SOURCED = {
    "bash": "source <(ecs-trace completions bash)",
    "zsh": "source <(ecs-trace completions zsh)",
    "fish": "ecs-trace completions fish | source",
    "elvish": "eval (ecs-trace completions elvish | slurp)",
}

# Where a package would put the file, and what loads it there.
DROPPED = {
    "bash": (".local/share/bash-completion/completions/ecs-trace", "source /usr/share/bash-completion/bash_completion"),
    "zsh": ("functions/_ecs-trace", ""),
    "fish": (".config/fish/completions/ecs-trace.fish", ""),
    "elvish": (".config/elvish/lib/ecs-trace.elv", "use ecs-trace"),
}


class Shell:
    """One shell under a terminal, with a home of its own and an ECS to ask."""

    def __init__(self, name, way, on_path, home, url):
        need(name)
        need("tmux")
        self.name = name
        self.env = {
            "PATH": f"{on_path}:{os.environ['PATH']}", "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", "AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_EC2_METADATA_DISABLED": "true",
        }
        command, setup = SHELLS[name]
        before = ""
        if way == "dropped":
            place, load = DROPPED[name]
            file = home / place
            file.parent.mkdir(parents=True)
            file.write_text(subprocess.run([BINARY, "completions", name], capture_output=True, text=True, check=True).stdout)
            before = f"fpath=({file.parent} $fpath); "
        else:
            load = SOURCED[name]
        setup = setup.replace("{before}", before)
        (home / "rc").write_text(f"{setup}{load}\n")
        folder = home / "work"
        folder.mkdir()
        # A server of its own: the last one may still be going down.
        self.screen = Screen(f"{name}-{next(COUNT)}", f"cd {folder} && exec {command.format(home=home)}", self.env, columns=160)
        if name != "bash":
            time.sleep(0.7)
            for line in filter(None, [setup, load]):
                self.screen.keys("-l", line)
                self.screen.keys("Enter")
        self.screen.wait(f"\n{PROMPT.rstrip()}" if name != "bash" else PROMPT.rstrip())
        time.sleep(0.7)
        self.clear()

    def tab(self, line, wanted, times=1):
        """Types a line, presses TAB, waits for what must appear, and takes the line back."""
        self.screen.keys("-l", line)
        for _ in range(times):
            time.sleep(0.2)
            self.screen.keys("Tab")
        text = self.screen.wait(wanted)
        self.clear()
        return text

    def clear(self):
        for _ in range(2):
            self.screen.keys("C-c")
            time.sleep(0.2)
        # What stood there before must not be taken for an answer to the next line.
        self.screen.keys("-l", "clear")
        self.screen.keys("Enter")
        # Keys that come before the prompt would be shown twice.
        end = time.monotonic() + 10
        while self.screen.text().strip() != PROMPT.strip():
            assert time.monotonic() < end, self.screen.text()
            time.sleep(0.05)

    def know(self):
        """Until AWS's answers are on the disk, however slow the machine: the screen is what is tested then."""
        ask = {**self.env, "ECS_TRACE_COMPLETE": "fish"}
        end = time.monotonic() + 20
        while ID[:8] not in subprocess.run([BINARY, "--", "ecs-trace", "why", ""], env=ask, capture_output=True, text=True, check=True).stdout:
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.fixture
def ecs():
    fake = FakeEcs()
    yield fake
    fake.close()


@pytest.fixture
def hung():
    fake = FakeEcs(delay=60)
    yield fake
    fake.close()


@pytest.fixture
def shell(on_path, tmp_path):
    opened = []

    def start(name, url, way="sourced"):
        opened.append(Shell(name, way, on_path, tmp_path, url))
        return opened[-1]

    yield start
    for one in opened:
        one.screen.close()


@pytest.mark.parametrize("way", ["sourced", "dropped"])
@pytest.mark.parametrize("name", sorted(SHELLS))
def test_tab_completes_commands_tasks_and_options(name, way, shell, ecs):
    at = shell(name, ecs.url, way)
    at.tab("ecs-trace timel", "ecs-trace timeline")
    at.know()
    at.tab(f"ecs-trace why {ID[:3]}", f"ecs-trace why {ID[:8]}")
    at.tab("ecs-trace why demo:out-of", "demo:out-of-memory")
    at.tab("ecs-trace why x --region=eu-no", "--region=eu-north-1")
    at.tab("ecs-trace why -c d", "ecs-trace why -c dev")
    at.tab(f"ecs-trace why arn:aws:ecs:eu-west-1:111122223333:task/prod/{ID[:2]}", f"task/prod/{ID}")
    text = at.tab("ecs-trace why --clus", "ecs-trace why --cluster")
    assert "error" not in text.lower() and "command not found" not in text


@pytest.mark.parametrize("name", ["zsh", "fish", "elvish"])
def test_age_service_and_reason_stand_beside_a_task(name, shell, ecs):
    at = shell(name, ecs.url)
    at.know()
    text = at.tab("ecs-trace why ", "web-api:42, app exited 137", times=2)
    assert f"{ID[:8]}" in text and " ago, " in text, text
    assert "the latest stopped task of the cluster" in text, text
    if name != "elvish":
        order = [text.rindex(id[:8]) for id, *_ in TASKS]
        assert order == sorted(order), text


def test_bash_completes_behind_colons_equals_signs_and_quotes(shell, ecs):
    at = shell("bash", ecs.url)
    at.know()
    at.tab("ecs-trace why --region=eu-c", "ecs-trace why --region=eu-central-")
    assert "eu-central-2" in at.tab("ecs-trace why --region=eu-c", "eu-central-1", times=3)
    at.tab("ecs-trace why arn:", "ecs-trace why arn:aws:ecs:eu-west-1:111122223333:task/")
    at.tab("ecs-trace why arn:aws:ecs:eu-west-1:111122223333:task/d", f"task/dev/{TASKS[2][0]}")
    at.tab('ecs-trace why "arn:aws:ecs:eu-west-1:111122223333:task/d', f'"arn:aws:ecs:eu-west-1:111122223333:task/dev/{TASKS[2][0]}"')
    at.tab("ecs-trace why 'demo:out", "ecs-trace why 'demo:out-of-memory'")
    at.tab("ecs-trace why @", "ecs-trace why @latest")
    at.tab("ecs-trace why x --output=js", "ecs-trace why x --output=json")
    at.tab("cat /dev/null; AWS_PAGER= ecs-trace why --cluster=d", "ecs-trace why --cluster=dev")
    # Words behind the cursor are read, too.
    at.screen.keys("-l", "ecs-trace why 4 -c dev")
    at.screen.keys(*["Left"] * len(" -c dev"))
    at.screen.keys("Tab")
    at.screen.wait(f"ecs-trace why {TASKS[2][0][:8]}")


def test_bash_completes_the_same_where_bash_completion_is_loaded_and_where_its_breaks_are_gone(shell, ecs):
    at = shell("bash", ecs.url)
    at.know()
    for setup in ["source /usr/share/bash-completion/bash_completion", "COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]}", "set -u"]:
        at.screen.keys("-l", setup)
        at.screen.keys("Enter")
        at.tab("ecs-trace why --region=eu-no", "ecs-trace why --region=eu-north-1")
        at.tab("ecs-trace why demo:out", "ecs-trace why demo:out-of-memory")


def test_files_with_blanks_and_quotes_are_one_word_in_bash(shell, ecs, tmp_path):
    at = shell("bash", ecs.url)
    (tmp_path / "work" / "odd $(touch owned) it's.json").write_text("{}")
    at.tab("ecs-trace why ./od", r"ecs-trace why ./odd\ \$\(touch\ owned\)\ it\'s.json")
    at.tab('ecs-trace why "./od', r'''ecs-trace why "./odd \$(touch owned) it's.json"''')
    assert not (tmp_path / "work" / "owned").exists()
    at.screen.keys("-l", "ecs-trace why x > od")
    at.screen.keys("Tab")
    at.screen.wait("> odd")


@pytest.mark.parametrize("name", sorted(SHELLS))
def test_a_hung_or_absent_network_is_not_noticed(name, shell, hung):
    at = shell(name, hung.url)
    for url in [None, "http://127.0.0.1:1"]:
        if url:
            at.screen.keys("-l", f"set E:AWS_ENDPOINT_URL = {url}" if name == "elvish" else f"set -gx AWS_ENDPOINT_URL {url}" if name == "fish" else f"export AWS_ENDPOINT_URL={url}")
            at.screen.keys("Enter")
            at.clear()
        for _ in range(3):
            began = time.monotonic()
            at.screen.keys("-l", "ecs-trace why 9f")
            at.screen.keys("Tab")
            # The shell reads the next key when the TAB has been answered.
            at.screen.keys("-l", "x")
            text = at.screen.wait("ecs-trace why 9fx", seconds=5)
            assert time.monotonic() - began < 2.5
            # Elvish says so itself, of any command, where nothing fits.
            told = [line.rstrip() for line in text.splitlines() if line.strip() and line.strip() != "error: no candidates"]
            assert told == [f"{PROMPT}ecs-trace why 9fx"], text
            at.clear()


def test_hostile_answers_change_neither_line_nor_screen(shell, tmp_path):
    evil = "\x1b]0;owned\x07\x1b[2J\n$(touch owned)`touch owned`"
    fake = FakeEcs(tasks=[(ID, "prod", "web-api", 60, evil, 1), ("77ab00d07ab84e5f9d3c2b1a60f7e8d9", "prod", evil, 90, "x", 1)])
    try:
        for name in ["zsh", "fish"]:
            home = tmp_path / name
            home.mkdir()
            at = Shell(name, "sourced", tmp_path / "bin", home, fake.url)
            try:
                at.know()
                text = at.tab("ecs-trace why ", "the latest stopped task", times=2)
                assert ID[:8] in text and "\\e]0;owned" in text, text
                assert not (home / "work" / "owned").exists()
            finally:
                at.screen.close()
    finally:
        fake.close()


def test_the_powershell_loader_speaks_the_completion_protocol(ecs, tmp_path):
    """PowerShell is in no Debian archive: what its loader sends, and what it must get, is checked in its place."""
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": ecs.url, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example", "AWS_EC2_METADATA_DISABLED": "true", "ECS_TRACE_COMPLETE": "powershell",
    }

    def ask(*words, index):
        ran = subprocess.run([BINARY, "--", *words], env={**env, "_CLAP_COMPLETE_INDEX": str(index)}, capture_output=True, text=True, check=True)
        assert ran.stderr == ""
        return [line.split("\t") for line in ran.stdout.splitlines()]

    script = subprocess.run([BINARY], env=env, capture_output=True, text=True, check=True).stdout
    assert "Register-ArgumentCompleter -Native -CommandName 'ecs-trace'" in script
    assert "Invoke-Expression" not in script
    assert ask("ecs-trace", "timel", index=1)[0][0] == "timeline"
    end = time.monotonic() + 20
    # An empty word is dropped on its way by Windows PowerShell: the index tells.
    while (offered := ask("ecs-trace", "why", index=2))[0][0] != ID[:8]:
        assert time.monotonic() < end, offered
        time.sleep(0.1)
    assert "web-api:42, app exited 137" in offered[0][1]
    assert all(len(line) == 2 for line in offered)
    assert ask("ecs-trace", "why", "--region=eu-no", index=2) == [["--region=eu-north-1", "Europe (Stockholm)"]]
