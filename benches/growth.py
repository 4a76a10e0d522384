#!/usr/bin/env python3
"""Checks that status-line calls do not get slower as the history grows.

    growth.py [--program PATH] [--rounds N] [--size N]

The script tests each thing that can grow, such as the number of sessions. It fills two home directories: one like a
user's after a week, and one with a hundred times as much of this thing. It calls the status line in both of them
alternately, and prints the shortest time for each and the ratio. The exit code is 1 if a ratio is above 1.1.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile

import calls
import corpus

ALLOWED = 1.1
SESSION = calls.SESSIONS[0]
NOW = datetime.datetime.now(datetime.timezone.utc)
LIMIT_TEXT = "You've hit your 5-hour limit"


class Home:
    """A home directory with an active session."""

    def __init__(self, path, program):
        self.path, self.program = path, program
        self.data = os.path.join(path, "data")
        self.transcript = calls.transcript_of(path, SESSION)
        self.environment = calls.environment_of(path, self.data)
        self.reset = int((NOW + datetime.timedelta(hours=1)).timestamp())
        self.call_count = 0

    def write_session(self, number, at, project=0, responses=2):
        session = "%08x-0000-4000-8000-000000000001" % number
        path = os.path.join(self.path, ".claude", "projects", "-home-dev-p%d" % project, session + ".jsonl")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "a", encoding="ascii") as out:
            for response in range(responses):
                out.write(corpus.live_line("%d %d" % (number, response), session, at)[0])
        os.utime(path, (at.timestamp(), at.timestamp()))
        return session, path

    def run(self, *arguments, stdin=b"", now=None):
        environment = dict(self.environment)
        if now is not None:
            environment["WHYCAP_NOW"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        subprocess.run(
            [self.program, *arguments],
            env=environment,
            input=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    def hook(self, event, session, transcript, **fields):
        payload = {"hook_event_name": event, "session_id": session, "transcript_path": transcript, "cwd": "/", **fields}
        self.run("hook", stdin=json.dumps(payload).encode())

    def fill(self):
        """Writes a week of a single user's history."""
        for number in range(20):
            self.write_session(number, NOW - datetime.timedelta(hours=8 * number + 6), number % 4)
        self.append(3)
        self.run("spend", "--json")
        self.record_readings(40, self.reset - 5 * 3600, 3600 * 3)

    def append(self, count):
        for _ in range(count):
            self.call_count += 1
            calls.append_response(self.transcript, SESSION, "own %d" % self.call_count)

    def record_readings(self, count, since, period):
        """Lets the program record readings from another session."""
        for number in range(count):
            at = datetime.datetime.fromtimestamp(since + period * number / count, datetime.timezone.utc)
            payload = calls.payload_of(
                calls.SESSIONS[14],
                calls.transcript_of(self.path, calls.SESSIONS[14]),
                1,
                (10 + 40 * number / count, self.reset),
                (10 * number / count, self.reset + 259200),
            )
            self.run("statusline", stdin=json.dumps(payload).encode(), now=at)

    def subject(self, name, kind):
        return {
            "name": name,
            "home": kind,
            "session": SESSION,
            "transcript": self.transcript,
            "command": [self.program, "statusline"],
            "environment": self.environment,
            "reset": self.reset,
            "payload": os.path.join(self.path, "payload.json"),
        }


def grow_age(home, factor):
    for number in range(20 * factor):
        home.write_session(1000 + number, NOW - datetime.timedelta(days=8, hours=8 * number), number % 4)
    home.run("spend", "--json")


def grow_journal(home, factor):
    with open(os.path.join(home.data, "journal.jsonl"), "ab") as journal:
        journal.write(b'\n{"said":{"what":"broken config 2026-11-20 s","by":1}}' * 100 * factor)


def grow_sessions(home, factor):
    for number in range(20 * factor):
        home.write_session(1000 + number, NOW - datetime.timedelta(hours=5 + 160 * number / (20 * factor)), number % 4)
    home.run("spend", "--json")


def grow_transcripts(home, factor):
    for number in range(40 * factor):
        home.write_session(1000 + number, NOW - datetime.timedelta(days=40), 10 + number, responses=1)
    home.run("spend", "--json")


def grow_readings(home, factor):
    home.record_readings(40 * factor, home.reset - 5 * 3600, 3600 * 3)


def grow_incidents(home, factor):
    for number in range(factor):
        session, path = home.write_session(1000 + number, NOW - datetime.timedelta(minutes=10), number % 4)
        home.hook("StopFailure", session, path, error="rate_limit", last_assistant_message=LIMIT_TEXT)


def grow_responses(home, factor):
    """Adds responses that a hook has read since the last status-line call."""
    home.run(
        "statusline",
        stdin=json.dumps(
            calls.payload_of(SESSION, home.transcript, 1, (50, home.reset), (20, home.reset + 259200))
        ).encode(),
    )
    home.append(26 * factor)
    home.hook("Stop", SESSION, home.transcript)


DIMENSIONS = {
    "age of the ledger": grow_age,
    "journal": grow_journal,
    "sessions of this week": grow_sessions,
    "transcripts, each in its own project": grow_transcripts,
    "readings": grow_readings,
    "open incidents": grow_incidents,
    "responses since the last sample": grow_responses,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/whycap", help="default: target/release/whycap")
    parser.add_argument("--rounds", type=int, default=40, help="how often each is measured")
    parser.add_argument("--size", type=int, default=100, help="the factor of the larger size")
    parser.add_argument("--only", help="a part of the name of what grows")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    has_grown = False
    with tempfile.TemporaryDirectory(prefix="whycap-growth-") as temporary:
        print(
            "| what grows | once | %d times | ratio | processor time once | %d times | ratio |"
            % (options.size, options.size)
        )
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for name, grow in DIMENSIONS.items():
            if options.only and options.only not in name:
                continue
            subjects = []
            for factor in (1, options.size):
                home = Home(os.path.join(temporary, "%s %d" % (name, factor)), program)
                home.fill()
                grow(home, factor)
                subjects.append(home.subject(str(factor), name))
            walls, cpus = ({"1": [], str(options.size): []} for _ in range(2))
            for _, factor, wall, cpu in calls.measure(subjects, options.rounds, temporary):
                walls[factor].append(wall)
                cpus[factor].append(cpu)
            cells = []
            for times in (walls, cpus):
                once, many = (min(times[str(factor)]) for factor in (1, options.size))
                cells.append("%.2f ms | %.2f ms | %.2f" % (once, many, many / once))
            print("| %s | %s |" % (name, " | ".join(cells)), flush=True)
            has_grown |= many > ALLOWED * once
    return 1 if has_grown else 0


if __name__ == "__main__":
    sys.exit(main())
