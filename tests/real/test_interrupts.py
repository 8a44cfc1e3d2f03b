"""A real terminal under Ctrl-C, without TERM, and with letters that are not UTF-8: what is shown, and how it is left."""

import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest
from conftest import BINARY, need
from fake_ecs import FakeEcs

DEAD = "http://127.0.0.1:1"


class Terminal:
    """The program on a terminal of its own, 80 by 24; what it printed, and whether the terminal is as it was."""

    def __init__(self, words, env):
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.before = termios.tcgetattr(self.slave)
        # The terminal is the child's own, so that its keys are signals.
        self.process = subprocess.Popen([BINARY, *words], env=env, stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
                                        preexec_fn=lambda: __import__("fcntl").ioctl(0, termios.TIOCSCTTY, 0))
        self.shown = b""

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            self.shown += os.read(self.master, 65536)
            return True
        return False

    def until(self, is_so, what, seconds=20):
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, f"{what} never came: {self.shown.decode(errors='replace')}"
            self.read(0.05)

    def keys(self, keys):
        os.write(self.master, keys)

    def ended(self):
        self.until(lambda: self.process.poll() is not None, "the end")
        while self.read(0.2):
            pass
        assert termios.tcgetattr(self.slave)[:4] == self.before[:4], "the terminal is not as it was"
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def on_terminal(tmp_path):
    opened = []
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TZ": "UTC", "TERM": "xterm-256color", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEONCALL001",
           "AWS_SECRET_ACCESS_KEY": "example", "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": DEAD, "AWS_MAX_ATTEMPTS": "1"}

    def run(*words, **more):
        terminal = Terminal(words, {name: value for name, value in {**env, **more}.items() if value is not None})
        opened.append(terminal)
        return terminal

    yield run
    for terminal in opened:
        terminal.close()


@pytest.fixture
def slow():
    fake = FakeEcs(delay=8)
    yield fake
    fake.close()


@pytest.mark.parametrize("words", [["timeline", "9f2c"], ["why", "@latest"], ["stops"], ["stops", "--watch"]])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_the_end_while_ecs_is_asked_is_heard_at_once(on_terminal, slow, words, end):
    terminal = on_terminal(*words, AWS_ENDPOINT_URL_ECS=slow.url)
    terminal.until(lambda: slow.asked, "a request")
    if end == signal.SIGTERM:
        os.kill(terminal.process.pid, end)
    else:
        terminal.keys(b"\x03")
    began = time.monotonic()
    assert terminal.ended() == 128 + end
    assert time.monotonic() - began < 4
    assert b"panicked" not in terminal.shown


@pytest.mark.parametrize("leave", [b"\x03", b"\x1b", signal.SIGINT, signal.SIGTERM])
def test_the_list_to_pick_from_is_left_and_the_terminal_is_as_it_was(on_terminal, leave):
    fake = FakeEcs()
    terminal = on_terminal("why", AWS_ENDPOINT_URL_ECS=fake.url)
    terminal.until(lambda: b"web-api" in terminal.shown, "the list")
    if isinstance(leave, signal.Signals):
        os.kill(terminal.process.pid, leave)
    else:
        terminal.keys(leave)
    assert terminal.ended() == (143 if leave == signal.SIGTERM else 130)
    assert terminal.shown.count(b"\x1b[?1049h") == terminal.shown.count(b"\x1b[?1049l") == 1, "the other screen is left"
    fake.close()


def test_what_the_list_asks_is_in_the_policy(on_terminal):
    fake = FakeEcs()
    terminal = on_terminal("why", "--no-pager", AWS_ENDPOINT_URL_ECS=fake.url)
    terminal.until(lambda: b"web-api" in terminal.shown, "the list")
    terminal.keys(b"\r")
    terminal.ended()
    here = os.path.dirname(__file__)
    policy = json.load(open(os.path.join(here, "../../docs/iam-policy.json")))
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    asked = {f"ecs:{action}" for action, _ in fake.asked}
    assert {"ecs:ListClusters", "ecs:ListTasks", "ecs:DescribeTasks"} <= asked <= allowed, asked
    fake.close()


@pytest.mark.parametrize("term", [None, "", "dumb"])
def test_a_terminal_that_can_do_nothing_is_told_plain_lines_and_opens_no_pager_and_no_list(on_terminal, slow, term):
    terminal = on_terminal("timeline", "demo:deployment", TERM=term)
    assert terminal.ended() == 0
    assert b"deployment" in terminal.shown and b"\x1b" not in terminal.shown
    terminal = on_terminal("why", TERM=term)
    assert terminal.ended() == 252
    assert b"no task given" in terminal.shown
    slow.delay = 1
    terminal = on_terminal("why", "9f2c", TERM=term, AWS_ENDPOINT_URL_ECS=slow.url)
    terminal.ended()
    assert b"\x1b" not in terminal.shown, "no bars are drawn"


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LANG": "de_DE.ISO-8859-1"}, {"LC_ALL": "", "LC_CTYPE": "C", "LANG": "en_GB.UTF-8"}])
def test_a_terminal_of_other_letters_is_shown_ascii(on_terminal, locale):
    for words in (["timeline", "demo:out-of-memory", "--no-pager"], ["explain", "137"], ["why", "demo:nosuch"], ["timeline", "demo:out-of-memory", "--no-pager", "-q", "-o", "json"]):
        terminal = on_terminal(*words, **locale)
        terminal.ended()
        assert terminal.shown.isascii(), terminal.shown
        if "json" in words:
            assert json.loads(terminal.shown)["verdict"]["cause"] == "out-of-memory"


def test_the_list_to_pick_from_is_ascii_on_a_terminal_of_other_letters(on_terminal):
    fake = FakeEcs()
    terminal = on_terminal("why", AWS_ENDPOINT_URL_ECS=fake.url, LC_ALL="C")
    terminal.until(lambda: b"web-api" in terminal.shown, "the list")
    terminal.keys(b"\x1b")
    assert terminal.ended() == 130
    assert b"Esc leaves" in terminal.shown and terminal.shown.isascii()
    fake.close()


def test_a_pager_is_told_what_letters_it_is_given(on_terminal):
    need("less")
    terminal = on_terminal("timeline", "demo:deployment")
    terminal.until(lambda: "✗".encode() in terminal.shown or "…".encode() in terminal.shown, "a letter of UTF-8")
    terminal.keys(b"q")
    assert terminal.ended() == 0
    assert b"<E2>" not in terminal.shown


@pytest.mark.parametrize("locale", [{}, {"LANG": "C.UTF-8"}, {"LC_ALL": "en_GB.UTF-8"}, {"LC_ALL": "", "LANG": "en_US.utf8"}])
def test_a_terminal_of_utf_8_is_shown_what_it_is(on_terminal, locale):
    terminal = on_terminal("timeline", "demo:out-of-memory", "--no-pager", **locale)
    assert terminal.ended() == 0
    assert "✗" in terminal.shown.decode()
