#!/usr/bin/env python3
"""Checks that the time needed for a single long session grows in proportion to its history.

    one_session.py [--program PATH] [--rounds N] [--only HISTORY]...

The script writes two sizes of each history, one four times as large as the other: a session that was resumed 2,500 or
10,000 times, 250 or 1,000 forks of forks, and a session with 500 or 2,000 errors, which are either only in the
transcript or were also reported by hooks. It measures the first read, later reports, the explanation of an amount and
of an error, a hook, and a status-line call, and prints the shortest time for each and the ratio. The exit code is 1 if
a ratio is above 5.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time

ALLOWED = 5.0
START = 1_795_000_000
SESSION = "00000000-0000-4000-8000-000000000000"
MODEL = "claude-opus-5-5"
ERROR_TEXT = "API Error: Repeated 529 Overloaded errors. The API is at capacity."
PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "target", "release", "whycap")


def timestamp(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def response(session, number, source=None):
    line = {
        "type": "assistant",
        "requestId": "req_%d" % number,
        "uuid": "u%d" % number,
        "sessionId": session,
        "timestamp": timestamp(START + 60 * number + 1),
        "cwd": "/home/dev/p",
        "version": "2.1.330",
        "message": {
            "id": "msg_%d" % number,
            "model": MODEL,
            "role": "assistant",
            "content": [],
            "usage": {"input_tokens": 10, "output_tokens": 100},
        },
    }
    if source:
        line["requestSessionId"] = source
    return line


def checkpoint(session, number):
    cost = 0.00204 * number
    usage = {
        "inputTokens": 10 * number,
        "outputTokens": 100 * number,
        "cacheReadInputTokens": 0,
        "cacheCreationInputTokens": 0,
        "webSearchRequests": 0,
        "costUSD": cost,
    }
    return {
        "type": "cost-state",
        "sessionId": session,
        "totalCostUSD": cost,
        "totalAPIDuration": number,
        "totalDuration": number,
        "startTime": START * 1000,
        "modelUsage": {MODEL: usage},
        "hasUnknownModelCost": False,
    }


def snapshot(number):
    message = "m%d" % number
    return {
        "type": "file-history-snapshot",
        "messageId": message,
        "isSnapshotUpdate": False,
        "snapshot": {"messageId": message, "trackedFileBackups": {}, "timestamp": timestamp(START + 60 * number)},
    }


def write(directory, session, lines):
    with open(os.path.join(directory, session + ".jsonl"), "w", encoding="ascii") as out:
        out.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def resumed_session(directory, count):
    lines = []
    for number in range(1, count + 1):
        lines += [snapshot(number), response(SESSION, number), checkpoint(SESSION, number)]
    write(directory, SESSION, lines)
    return SESSION, count


def forks(directory, count):
    names = ["%08x-0000-4000-8000-000000000000" % number for number in range(count)]
    for number, session in enumerate(names, 1):
        copied = [response(session, number - 1, names[number - 2])] if number > 1 else []
        write(directory, session, [snapshot(number), *copied, response(session, number), checkpoint(session, number)])
    return names[-1], count


def error(number):
    return {
        "type": "assistant",
        "uuid": "e%d" % number,
        "sessionId": SESSION,
        "timestamp": timestamp(START + 60 * number),
        "cwd": "/home/dev/p",
        "version": "2.1.330",
        "isApiErrorMessage": True,
        "error": "server_error",
        "apiErrorStatus": 529,
        "message": {
            "model": "<synthetic>",
            "role": "assistant",
            "content": [{"type": "text", "text": ERROR_TEXT}],
            "usage": {"input_tokens": 0, "output_tokens": 0},
        },
    }


def errors(directory, count):
    write(directory, SESSION, [snapshot(0), response(SESSION, 0), *map(error, range(1, count + 1))])
    return SESSION, 0


class Home:
    """A home directory that contains one history."""

    def __init__(self, path, program, fill, count):
        self.program, self.data, self.calls = program, os.path.join(path, "data"), 0
        self.directory = os.path.join(path, ".claude", "projects", "-home-dev-p")
        os.makedirs(self.directory)
        self.session, self.number = fill(self.directory, count)
        self.count = count
        self.environment = {
            "HOME": path,
            "WHYCAP_DATA_DIR": self.data,
            "PATH": "/usr/bin:/bin",
            "TZ": "UTC",
            "WHYCAP_NOW": timestamp(START + 60 * (count + 10)),
            "CLAUDE_PID": str(os.getpid()),
        }

    def run(self, *arguments, stdin="", environment=None):
        started = time.perf_counter()
        subprocess.run(
            [self.program, *arguments],
            env={**self.environment, **(environment or {})},
            input=stdin,
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - started

    def report_errors(self):
        """Reports every error to the hook, as Claude Code does when the error occurs."""
        for number in range(1, self.count + 1):
            event = {
                **self.payload(),
                "hook_event_name": "StopFailure",
                "error": "server_error",
                "last_assistant_message": ERROR_TEXT,
            }
            self.run("hook", stdin=json.dumps(event), environment={"WHYCAP_NOW": timestamp(START + 60 * number)})

    def first_read(self):
        if os.path.exists(self.data):
            os.rename(self.data, "%s-%d" % (self.data, time.perf_counter_ns()))
        return self.run("spend", "--json")

    def payload(self):
        self.calls += 1
        return {
            "session_id": self.session,
            "transcript_path": os.path.join(self.directory, self.session + ".jsonl"),
            "cwd": "/home/dev/p",
            "version": "2.1.330",
            "model": {"id": MODEL},
            "cost": {"total_cost_usd": 0.00204 * self.number + 0.001 * self.calls, "total_api_duration_ms": self.calls},
        }

    def hook(self):
        return self.run("hook", stdin=json.dumps({**self.payload(), "hook_event_name": "UserPromptSubmit"}))

    def status_line(self):
        return self.run("statusline", stdin=json.dumps(self.payload()))

    def spend_measures(self):
        return {
            "first read": self.first_read,
            "spend": lambda: self.run("spend", "--json"),
            "spend --why": lambda: self.run("spend", "--why", self.session, "--json"),
            "hook": self.hook,
            "status line": self.status_line,
        }

    def error_measures(self):
        return {
            "incidents": lambda: self.run("incidents", "--json"),
            "explain": lambda: self.run("explain", "--json"),
            "now": lambda: self.run("now", "--json"),
            "hook": self.hook,
            "status line": self.status_line,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", metavar="HISTORY", help="measure only this history")
    options = parser.parse_args()
    has_failed = False
    print("| history | measured | ms | ms with four times the history | ratio |\n| --- | --- | --- | --- | --- |")
    histories = (
        ("runs", resumed_session, 2500, Home.spend_measures),
        ("forks", forks, 250, Home.spend_measures),
        ("errors", errors, 500, Home.error_measures),
        ("reported errors", errors, 500, Home.error_measures),
    )
    for name, fill, count, measures in histories:
        if options.only and name not in options.only:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            homes = [
                Home(os.path.join(temporary, str(size)), options.program, fill, size) for size in (count, 4 * count)
            ]
            if name == "reported errors":
                for home in homes:
                    home.report_errors()
            for measure in measures(homes[0]):
                small, large = (min(measures(home)[measure]() for _ in range(options.rounds)) for home in homes)
                has_failed |= large > ALLOWED * small
                print(
                    "| %d %s | %s | %.1f | %.1f | %.2f |"
                    % (count, name, measure, small * 1e3, large * 1e3, large / small)
                )
    sys.exit(has_failed)


if __name__ == "__main__":
    main()
