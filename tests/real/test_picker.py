"""The list of stopped tasks under a terminal: it opens without a task, narrows down, picks, and leaves no trace."""

import time

from conftest import BINARY, need
from screen import Screen
from test_emulators import run_a_task


def test_a_task_is_picked_by_what_is_typed_and_escape_leaves_with_130(ministack, tmp_path):
    need("tmux")
    for family in ("picked", "passed-over"):
        ecs = run_a_task(ministack, family)
        task = ecs.run_task(cluster="prod", taskDefinition=family, count=1)["tasks"][0]["taskArn"]
        ministack.aws("ecs", "stop-task", "--cluster", "prod", "--task", task, "--reason", f"the reason of {family}")
    env = {**ministack.env, "TERM": "xterm-256color", "HOME": str(tmp_path)}
    screen = Screen("picker", "bash --norc --noprofile -i", env, columns=100, rows=24)
    try:
        screen.keys("-l", "PS1='ready> '; clear")
        screen.keys("Enter")
        screen.wait("ready>")
        screen.keys("-l", f"{BINARY} why; echo code $?")
        screen.keys("Enter")
        screen.wait("stopped task")
        screen.wait("picked:1")
        screen.keys("-l", "passed")
        screen.wait("> passed ")
        # Other tests' tasks may stand in the same list; the best fit stands first.
        screen.wait("▌ ✗")
        shown = screen.text()
        assert "the reason of passed-over" in shown and "Esc leaves" in shown, shown
        screen.keys("Enter")
        # The list is gone from the screen, and the answer stands where the cursor was.
        answered = screen.wait("\ncode ")
        assert "Esc leaves" not in answered and "the reason of passed-over" in answered, answered

        screen.keys("-l", f"clear; {BINARY} timeline; echo code $?")
        screen.keys("Enter")
        screen.wait("Esc leaves")
        time.sleep(0.3)
        screen.keys("Escape")
        left = screen.wait("code 130")
        assert "Esc leaves" not in left, left
        # What is typed is echoed again: the terminal is as it was.
        screen.keys("-l", "echo still-here")
        screen.wait("echo still-here")
    finally:
        screen.close()
