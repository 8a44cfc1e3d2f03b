"""A terminal that is driven by keys and read as a picture: tmux."""

import os
import subprocess
import time


class Screen:
    def __init__(self, name, command, env, columns=120, rows=30):
        self.name = f"ecs-trace-{name}-{os.getpid()}"
        subprocess.run(["tmux", "-L", self.name, "-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), command], env=env, check=True)

    def keys(self, *keys):
        subprocess.run(["tmux", "-L", self.name, "send-keys", *keys], check=True)

    def text(self):
        return subprocess.run(["tmux", "-L", self.name, "capture-pane", "-p"], capture_output=True, text=True, check=True).stdout

    def wait(self, wanted, seconds=15):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if wanted in self.text():
                return self.text()
            time.sleep(0.1)
        raise AssertionError(f"{wanted!r} never came:\n{self.text()}")

    def close(self):
        subprocess.run(["tmux", "-L", self.name, "kill-server"], capture_output=True)
