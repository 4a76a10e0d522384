#!/usr/bin/env python3
"""Measures status-line calls as users experience them, in an empty home directory and in a typical user's home
directory.

run.py uses `measure`. It starts this file in a process named `claude`, because Claude Code is the parent process of a
status line. The process reads the programs from standard input and prints their times in milliseconds.

Before each call, a response is appended to the session's transcript, and the totals and durations of the payload grow.
The programs alternate round by round, so that a busy moment affects all of them.

To count the instructions of a call with callgrind, preload a library in which `clock_nanosleep` sleeps a minute longer.
Otherwise, the call usually reaches its deadline of 600 ms, and only a part of it is counted.
"""

import datetime
import json
import os
import shutil
import subprocess
import sys
import time

import corpus

SESSIONS = ["00000000-0000-4000-8000-%012d" % number for number in range(20)]
# The journal of version ff5fd09 of a user who has had it for weeks.
JOURNAL_BYTES = 256 * 1024
READINGS = 200
CONFIG = """[statusline]
segments = ["model", "session", "today", "windows", "pace", "context"]
[budget]
month = 300.0
warn_at = 0.8
"""
SETTINGS = {
    "model": "opus",
    "cleanupPeriodDays": 30,
    "env": {"EDITOR": "vi"},
    "permissions": {"allow": ["Bash(cargo test:*)", "Read(~/src/**)"], "deny": ["Read(./.env)"]},
}
GLOBAL_STATE = {
    "numStartups": 40,
    "oauthAccount": {
        "accountUuid": "11111111-2222-4333-8444-555555555555",
        "emailAddress": "dev@example.com",
        "organizationUuid": "66666666-7777-4888-8999-aaaaaaaaaaaa",
    },
}


def environment_of(home, data, now=None):
    environment = {
        "HOME": home,
        "WHYCAP_DATA_DIR": data,
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "COLUMNS": "120",
    }
    if now is not None:
        environment["WHYCAP_NOW"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return environment


def payload_without_windows(session, transcript, cost):
    """Returns the JSON that Claude Code sends for a status-line call, without the usage windows."""
    return {
        "session_id": session,
        "transcript_path": transcript,
        "cwd": "/home/dev/p0",
        "version": "2.1.328",
        "model": {"id": "claude-opus-4-6", "display_name": "Opus 4.6"},
        "workspace": {"current_dir": "/home/dev/p0", "project_dir": "/home/dev/p0"},
        "output_style": {"name": "default"},
        "cost": cost,
        "context_window": {
            "total_input_tokens": 20000,
            "total_output_tokens": 100,
            "context_window_size": 200000,
            "used_percentage": 10,
            "remaining_percentage": 90,
        },
        "exceeds_200k_tokens": False,
    }


def payload_of(session, transcript, calls, five_hour, seven_day):
    """Returns the JSON that Claude Code sends for the call with this number. A window is a percentage and a reset."""
    cost = {
        "total_cost_usd": 0.01 * calls,
        "total_duration_ms": 1000 + 700 * calls,
        "total_api_duration_ms": 500 + 400 * calls,
        "total_lines_added": calls,
        "total_lines_removed": 0,
    }
    return {
        **payload_without_windows(session, transcript, cost),
        "rate_limits": {
            "five_hour": {"used_percentage": five_hour[0], "resets_at": five_hour[1]},
            "seven_day": {"used_percentage": seven_day[0], "resets_at": seven_day[1]},
        },
    }


def transcript_of(home, session):
    return os.path.join(home, ".claude", "projects", "-home-dev-p0", session + ".jsonl")


def append_response(transcript, session, seed):
    now = datetime.datetime.now(datetime.timezone.utc)
    line, _ = corpus.live_line(seed, session, now)
    os.makedirs(os.path.dirname(transcript), exist_ok=True)
    with open(transcript, "a", encoding="ascii") as out:
        out.write(line)


def call(program, environment, payload):
    subprocess.run(
        program + ["statusline"],
        env=environment,
        input=json.dumps(payload).encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def fill_journal(program, home, data, now):
    """Lets the program itself record readings: several weeks of them, and 200 for the current window."""
    journal = os.path.join(data, "journal")

    def size():
        return sum(entry.stat().st_size for entry in os.scandir(journal)) if os.path.isdir(journal) else 0

    def record(at, session, percent, reset):
        payload = payload_of(
            session,
            transcript_of(home, session),
            1,
            (percent, int(reset.timestamp())),
            (percent / 4, int((reset + datetime.timedelta(days=3)).timestamp())),
        )
        call(program, environment_of(home, data, at), payload)

    # This takes about one call per reading. Versions since 2026-11-30 store readings in the ledger.
    for number in range(660):
        if size() >= JOURNAL_BYTES * 3 // 4:
            break
        day = now - datetime.timedelta(days=3, minutes=-6 * number)
        record(day, SESSIONS[10 + number % 3], number * 7 % 90, day + datetime.timedelta(hours=2))
    window_start = now - datetime.timedelta(hours=4)
    for number in range(READINGS):
        at = window_start + datetime.timedelta(seconds=number * 3.9 * 3600 / READINGS)
        record(at, SESSIONS[14 + number % 2], 10 + number // 2 * 0.7, window_start + datetime.timedelta(hours=5))
    return window_start + datetime.timedelta(hours=5)


def prepare(kind, home, programs, write_history):
    """Fills a home directory and returns what to measure in it, one subject for each program. `programs` maps a name to
    a command, or to None for `true`."""
    now = datetime.datetime.now(datetime.timezone.utc)
    reset = now + datetime.timedelta(hours=1)
    os.makedirs(os.path.join(home, ".claude", "projects"), exist_ok=True)
    if kind == "user":
        write_history(home)
        with open(os.path.join(home, ".claude", "settings.json"), "w", encoding="ascii") as out:
            json.dump(SETTINGS, out, indent=2)
        with open(os.path.join(home, ".claude.json"), "w", encoding="ascii") as out:
            json.dump(GLOBAL_STATE, out, indent=2)
    subjects = []
    for number, (name, program) in enumerate(programs.items()):
        data = os.path.join(home, "data-%d" % number)
        environment = environment_of(home, data)
        if name.startswith("whycap") and kind == "user":
            config = os.path.join(home, "config-%d.toml" % number)
            with open(config, "w", encoding="ascii") as out:
                out.write(CONFIG)
            subprocess.run(program + ["spend", "--json"], env=environment, stdout=subprocess.DEVNULL, check=True)
            reset = fill_journal(program, home, data, now)
            environment["WHYCAP_CONFIG"] = config
        session = SESSIONS[number]
        subjects.append(
            {
                "name": name,
                "home": kind,
                "session": session,
                "transcript": transcript_of(home, session),
                "command": ["/bin/true"] if name == "true" else program + ([] if name == "cship" else ["statusline"]),
                "environment": environment,
                "reset": int(reset.timestamp()),
                "payload": os.path.join(home, "payload-%d.json" % number),
            }
        )
    return subjects


def measure(subjects, rounds, temporary):
    """Runs the rounds in a process named `claude`. Returns the times by home and name."""
    claude = os.path.join(temporary, "claude")
    if not os.path.exists(claude):
        shutil.copy(os.path.realpath(sys.executable), claude)
    environment = dict(os.environ, PYTHONHOME=sys.prefix)
    process = subprocess.run(
        [claude, os.path.abspath(__file__)],
        env=environment,
        check=True,
        capture_output=True,
        input=json.dumps({"subjects": subjects, "rounds": rounds}).encode(),
    )
    return json.loads(process.stdout)


def timed(subject):
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, subject["payload"], os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    command = subject["command"]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, subject["environment"], file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall_ms = (time.perf_counter() - start) * 1e3
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit("%s ended with %d" % (" ".join(command), os.waitstatus_to_exitcode(status)))
    return wall_ms, (usage.ru_utime + usage.ru_stime) * 1e3


def main():
    request = json.load(sys.stdin)
    for subject in request["subjects"]:
        # Claude Code sets this for its status line and hooks.
        subject["environment"]["CLAUDE_PID"] = str(os.getpid())
    times = []
    for number in range(request["rounds"] + 2):
        for subject in request["subjects"]:
            append_response(subject["transcript"], subject["session"], "%s %d" % (subject["payload"], number))
            payload = payload_of(
                subject["session"],
                subject["transcript"],
                number + 1,
                (80.4, subject["reset"]),
                (30, subject["reset"] + 259200),
            )
            with open(subject["payload"], "w", encoding="ascii") as out:
                json.dump(payload, out)
            wall_ms, cpu = timed(subject)
            # The first two rounds do not count, because each program then also reads what the other programs left
            # behind.
            if number >= 2:
                times.append([subject["home"], subject["name"], wall_ms, cpu])
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    main()
