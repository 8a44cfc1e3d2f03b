"""What may be read, asked of emulators with the real protocols of every service, and read on a screen."""

import json

from conftest import BINARY, need
from screen import Screen
from test_emulators import run_a_task


def actions(cloud, *arguments):
    ran = cloud.ecs_trace("doctor", "-o", "json", *arguments)
    assert ran.returncode in (0, 3), ran.stderr
    document = json.loads(ran.stdout)
    return document, {action["action"]: action for source in document["sources"] for action in source["actions"]}


def test_every_question_is_understood_by_an_emulator(moto):
    run_a_task(moto, "doctor")
    document, told = actions(moto, "--cluster", "prod")
    assert document["identity"]["account"] == "123456789012"
    assert document["clock"]["status"] == "right"
    readable = {name for name, action in told.items() if action["status"] == "may-read"}
    for wanted in ("sts:GetCallerIdentity", "ecs:ListClusters", "ecs:ListTasks", "ecs:DescribeTasks", "ecs:DescribeServices", "ecs:DescribeClusters", "logs:DescribeLogGroups",
                   "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"):
        assert wanted in readable, (wanted, told[wanted])
    # What an emulator does not know is a failure with its own words, and no denial.
    assert all(action["status"] in ("may-read", "failed", "not-tried") for action in told.values()), told


def test_the_report_fits_a_terminal_of_80_columns(moto, tmp_path):
    need("tmux")
    run_a_task(moto, "doctor-screen")
    env = {**moto.env, "TERM": "xterm-256color", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    screen = Screen(f"doctor-{tmp_path.name}", "bash --norc --noprofile -i", env, columns=80, rows=60)
    try:
        screen.keys("-l", f"PS1='ready> '; clear; {BINARY} doctor --cluster prod; echo code $?")
        screen.keys("Enter")
        shown = screen.wait("\ncode ")
        assert "identity     ✓ may read   sts:GetCallerIdentity" in shown and "clock        ✓ right" in shown, shown
    finally:
        screen.close()
