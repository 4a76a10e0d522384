#!/usr/bin/env python3
"""A terminal that a test can read. The program runs in tmux, on a separate socket.

Nothing here relies on sleeps. `wait` checks the screen repeatedly until it shows the expected text. If the deadline
passes first, `wait` reports what the screen showed instead.
"""

import itertools
import os
import re
import shlex
import subprocess
import time

POLL = 0.05
DEADLINE = 30
_numbers = itertools.count(1)


class NotSeen(AssertionError):
    """The expected text never appeared on the screen."""


class Screen:
    """A program in a terminal of `columns` by `rows`. Use it in a `with` block."""

    def __init__(self, command, *, environment, directory, columns=120, rows=40):
        self.columns, self.rows = columns, rows
        self._socket = f"whycap-e2e-{os.getpid()}-{next(_numbers)}"
        # tmux starts the program in the environment of its server, so the server gets ours.
        self._environment = {**environment, "TERM": "xterm-256color"}
        self._command = shlex.join(["cd", str(directory)]) + " && exec " + shlex.join(command)

    def __enter__(self):
        # remain-on-exit: the last output of a program that has ended must stay readable.
        self._tmux(
            "-f",
            "/dev/null",
            "start-server",
            ";",
            "set-option",
            "-g",
            "remain-on-exit",
            "on",
            ";",
            "set-option",
            "-g",
            "default-terminal",
            "tmux-256color",
            ";",
            "set-option",
            "-g",
            "status",
            "off",
            ";",
            "set-option",
            "-g",
            "escape-time",
            "0",
            ";",
            "set-option",
            "-g",
            "history-limit",
            "5000",
            ";",
            "new-session",
            "-d",
            "-s",
            "main",
            "-x",
            str(self.columns),
            "-y",
            str(self.rows),
            "/bin/sh",
            "-c",
            self._command,
        )
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False)

    def _tmux(self, *arguments):
        process = subprocess.run(
            ["tmux", "-L", self._socket, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=self._environment,
            check=False,
        )
        if process.returncode:
            raise RuntimeError(f"tmux {' '.join(arguments[:4])}: {process.stderr.strip()}")
        return process.stdout

    def text(self):
        """Returns the terminal's current text without colors."""
        return self._tmux("capture-pane", "-p", "-t", "main")

    def colored(self):
        """Returns the terminal's current text with the escape sequences for its colors."""
        return self._tmux("capture-pane", "-e", "-p", "-t", "main")

    def everything(self):
        """Returns the terminal's current text and everything that has scrolled off its top."""
        return self._tmux("capture-pane", "-p", "-S", "-", "-t", "main")

    def alive(self):
        return self._tmux("display-message", "-p", "-t", "main", "#{pane_dead}").strip() == "0"

    def pid(self):
        """Returns the PID of the process in the terminal."""
        return int(self._tmux("display-message", "-p", "-t", "main", "#{pane_pid}"))

    def key(self, *names):
        """Presses keys by tmux's names: Enter, Escape, C-c."""
        self._tmux("send-keys", "-t", "main", *names)

    def type(self, text):
        """Types text literally."""
        self._tmux("send-keys", "-t", "main", "-l", "--", text)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self._tmux("resize-window", "-t", "main", "-x", str(columns), "-y", str(rows))

    def wait(self, what, condition, deadline=DEADLINE):
        """Waits until the screen's text meets the condition, and returns that text. The condition is a string, a
        compiled pattern, or a function of the text.
        """
        if isinstance(condition, str):
            holds = lambda text: condition in text
        elif isinstance(condition, re.Pattern):
            holds = condition.search
        else:
            holds = condition
        end = time.monotonic() + deadline
        while True:
            text = self.text()
            if holds(text):
                return text
            if not self.alive():
                raise NotSeen(f"the program ended before the screen showed {what}; the screen:\n{framed(text)}")
            if time.monotonic() > end:
                raise NotSeen(f"after {deadline} s the screen does not show {what}; the screen:\n{framed(text)}")
            time.sleep(POLL)

    def wait_dead(self, deadline=DEADLINE):
        """Waits until the program has ended."""
        end = time.monotonic() + deadline
        while self.alive():
            if time.monotonic() > end:
                raise NotSeen(f"after {deadline} s the program still runs; the screen:\n{framed(self.text())}")
            time.sleep(POLL)


def framed(text):
    """Formats a screen for a report: each line is marked with a bar, and empty lines at the end are dropped."""
    return "\n".join("    │ " + line for line in text.rstrip().splitlines())
