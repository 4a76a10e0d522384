#!/usr/bin/env python3
"""Compares the output of two builds of whycap byte for byte, to check a change that must not change the output.

    tests/same_json.py OLD NEW                  every recorded history and 25 generated homes: --json of every command
    tests/same_json.py OLD NEW --homes 200      more generated homes (200 take some minutes)
    tests/same_json.py OLD NEW --text           text as well: tables at four widths, answers in a conversation,
                                                status lines, CSV, and the page
    tests/same_json.py OLD NEW --only spend     only calls that contain this text
    tests/same_json.py OLD NEW --home made-7    only this home; --keep DIR keeps it
    tests/same_json.py OLD NEW --more           NEW may have fields that OLD does not have

OLD and NEW are programs, such as target/debug/whycap. Both programs process the same events in the same directory, one
after the other, with the clock set to the time of each event: first the status-line calls and hooks, as Claude Code
runs them, and then every command. Each difference is shown, and the exit code is then 1. Homes with a difference are
repeated with both programs. A difference that appears only once is reported as flaky and does not count. No real home
directory is read.
"""
import argparse
import copy
import difflib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"
PROJECTS = ".claude/projects"
BY = ["day", "week", "month", "session", "project", "model", "block", "branch", "agent"]
MODELS = ["claude-opus-5-5", "claude-sonnet-4-6", "claude-fable-5-2", "claude-haiku-4-5-20251001", "claude-of-tomorrow-9"]
JSON_CALLS = [
    *(["spend", "--json", "--by", by] for by in BY),
    ["spend", "--json", "--since", "7d", "--limit", "3"],
    ["spend", "--json", "--by", "session", "--project", "alpha"],
    ["spend", "--json", "--by", "month", "--timezone", "Pacific/Auckland"],
    ["spend", "--json", "--why", "SESSION"],
    ["now", "--json"], ["budget", "--json"], ["incidents", "--json"], ["explain", "--json"],
    ["explain", "--json", "--exit-code"], ["explain", "--json", "--text", "You've hit your weekly limit · resets 9am (UTC)"],
    ["locks", "--json"], ["--clear-stale-locks", "--dry-run", "--json"], ["doctor", "--json"], ["prices", "--json"],
    ["export", "-", "--rows", "spend"], ["export", "-", "--rows", "limits"], ["export", "-", "--rows", "windows"],
    ["export", "HOME/exports"], ["spend", "--json", "--by", "person", "--from", "HOME/exports"], ["incidents", "--json", "--from", "HOME/exports"],
]
TEXT_CALLS = [
    *(["spend", "--by", by] for by in BY),
    ["spend", "--limit", "2"], ["spend", "--csv", "--by", "session"], ["spend", "--html", "-"], ["spend", "--html", "-", "--anonymous"],
    ["spend", "--why", "SESSION"], ["spend", "--since", "2031-01-01"], ["now"], ["budget"], ["incidents"], ["incidents", "--from", "HOME/exports"],
    ["spend", "--by", "machine", "--from", "HOME/exports"], ["spend", "--html", "-", "--from", "HOME/exports"], ["explain"],
    ["explain", "--long"], ["locks"], ["doctor"], ["prices"], ["report"], ["config"], ["install", "--dry-run"],
    ["statusline", "--preview"], ["wait", "--timeout", "1s"], ["no-such-verb"],
]
WIDTHS = ["44", "72", "100", "170"]
ANSWERS = ["", "spend", "spend by session", "now", "budget", "locks", "doctor", "incidents", "report", "nonsense"]


def instant(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def row(fields):
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


class Home:
    """The initial files in a home, and the events in it: (time, arguments, standard input, variables) or, for a file to
    write, (path, bytes)."""

    def __init__(self, name):
        self.name, self.life, self.now = name, [], 1795177800.0
        self.files = {".local/share/whycap/export/machine": b"00c0ffee00c0ffee"}

    def copy(self, tree):
        for path in sorted(tree.rglob("*")):
            if path.is_file():
                self.files[str(path.relative_to(tree))] = path.read_bytes()

    def call(self, at, arguments, stdin=None, **variables):
        self.life.append((at, arguments, json.dumps(stdin).encode() if stdin is not None else b"", variables))


def recorded(directory):
    home = Home(directory.name)
    home.copy(directory / "home")
    moments = directory / "moments.jsonl"
    for line in moments.read_text().splitlines()[:40] if moments.exists() else []:
        moment = json.loads(line)
        transcript = f"{PROJECTS}/{moment['transcript']}"
        for below, size in moment["files"].items():
            home.life.append((f"{PROJECTS}/{below}", home.files[f"{PROJECTS}/{below}"][:size]))
        home.call(moment["at"], ["statusline"], {"session_id": moment["session_id"], "transcript_path": f"HOME/{transcript}",
                                                 "cost": moment["cost"], "model": {"id": "claude-opus-5-5"}})
        home.now = moment["at"] + 90
    home.life += [(path, content) for path, content in home.files.items() if path.endswith(".jsonl")]
    return home


def start_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]


def made(seed, histories, cases, error_lines, clients):
    """Two months of one user's work: sessions in several projects and with several models, two recorded histories,
    totals, limits, and budgets."""
    dice = random.Random(seed)
    home = Home(f"made-{seed}")
    home.now = 1795177800.0 + dice.randrange(86400 * 40)
    case = dice.choice(cases)
    if dice.random() < 0.85:
        role = case.get("role") or "member"
        account = {"accountUuid": "11111111-1111-4111-8111-111111111111", "emailAddress": "dev@example.org", "organizationRole": role,
                   "organizationUuid": "22222222-2222-4222-8222-222222222222", "organizationType": f"claude_{case['plan']}",
                   "hasExtraUsageEnabled": dice.random() < 0.5}
        home.files[".claude.json"] = json.dumps({"oauthAccount": account}).encode()
    for history in dice.sample(histories, dice.randrange(3)):
        home.copy(history / "home")
        for path, content in list(home.files.items()):
            if path.endswith(".jsonl") and dice.random() < 0.3:
                home.files[path] = content[: dice.randrange(len(content) + 1)]
    if dice.random() < 0.6:
        home.files[".config/whycap/config.toml"] = config(dice).encode()
    if dice.random() < 0.4:
        home.files[".local/state/claude/locks/4711.lock"] = b'{"pid":4711,"workspaceFolders":["/home/dev/alpha"]}'
        home.files[".claude/history.jsonl.lock/of-somebody"] = home.files[".claude.json.lock"] = b""
        home.files[".claude/settings.json"] = b'{"statusLine":{"type":"command","command":"echo other"}}'
    sessions = [session(dice, home) for _ in range(dice.randrange(12))]
    if not sessions:
        return home
    for (identifier, _, cwd), pid in zip(sessions, dice.choice([[], clients, clients])):
        state = dice.choice(["busy", "waiting", "idle", "shell", None])
        registered = {"pid": pid, "sessionId": identifier, "cwd": cwd, "status": state, "updatedAt": int(home.now * 1000) - 95000}
        home.files[f".claude/sessions/{pid}.json"] = json.dumps(registered | {"procStart": start_of(pid)}).encode()
    clock = home.now - 3600 * 5
    for _ in range(dice.randrange(10)):
        clock += dice.randrange(30, 1500)
        identifier, transcript, cwd = dice.choice(sessions)
        payload = status(dice, clock, identifier, transcript, cwd, home.name)
        home.call(clock, ["statusline"], payload, COLUMNS=dice.choice(["60", "100", "160"]))
    for _ in range(dice.randrange(5)):
        clock += dice.randrange(30, 900)
        identifier, transcript, cwd = dice.choice(sessions)
        error = copy.deepcopy(dice.choice(error_lines + [case])["line"])
        error.update(sessionId=identifier, timestamp=instant(clock), cwd=cwd, uuid=f"error-{clock}")
        quota = error.get("quotaLimits") or {}
        if "resetsAt" in quota:
            quota["resetsAt"] = int(clock) + dice.choice([600, 7000, 200000])
        home.files[transcript] += row(error) + b"\n"
        home.life.append((transcript, home.files[transcript]))
        if dice.random() < 0.8:
            text = error["message"]["content"][0]["text"]
            home.call(clock + 1, ["hook"], {"hook_event_name": "StopFailure", "session_id": identifier, "transcript_path": f"HOME/{transcript}",
                                            "cwd": cwd, "error": error.get("error"), "last_assistant_message": text})
        home.call(clock + 2, ["statusline"], status(dice, clock, identifier, transcript, cwd, home.name))
    identifier, transcript, cwd = sessions[0]
    event = {"session_id": identifier, "transcript_path": f"HOME/{transcript}", "cwd": cwd}
    home.call(clock + 9, ["hook"], event | {"hook_event_name": "UserPromptSubmit", "prompt": "go on"})
    home.call(clock + 9, ["hook"], event | {"hook_event_name": "Stop"})
    home.call(clock + 9, ["hook"], event | {"hook_event_name": "SessionStart", "source": "startup"})
    return home


def config(dice):
    text = "[budget]\n" + "".join(f"{what} = {dice.choice([0.01, 1.5, 400.0])}\n" for what in ["session", "day", "month"] if dice.random() < 0.6)
    text += dice.choice(["", 'action = "stop"\n'])
    text += dice.choice(["", '[statusline]\nsegments = ["directory", "branch", "model", "session", "today", "windows", "pace", "hint"]\n'])
    return text + dice.choice(["", "[spend]\nplan = 100.0\n", "[spend]\nnonsense = 1\n"])


def session(dice, home):
    identifier = "%08x-0000-4000-8000-%012x" % (dice.randrange(1 << 32), dice.randrange(1 << 40))
    project = dice.choice(["alpha", "beta", "gam ma"])
    cwd = f"/home/dev/{project}"
    transcript = f"{PROJECTS}/-home-dev-{project.replace(' ', '-')}/{identifier}.jsonl"
    at = home.now - dice.choice([3600, 86400, 86400 * 50]) * dice.random() - 60
    version, rows, total = dice.choice(["2.1.119", "2.1.285", "2.1.328", "2.1.329"]), [], 0.0
    if dice.random() < 0.7:
        rows.append({"type": "ai-title", "aiTitle": dice.choice(["A small task", "Größer\u202e & <b>", "Look at the slow query, again"]), "sessionId": identifier})
    for number in range(dice.randrange(1, 25)):
        at = min(at + dice.randrange(1, 4000), home.now - 5)
        usage = {"input_tokens": dice.randrange(3000), "output_tokens": dice.randrange(9000), "cache_read_input_tokens": dice.randrange(90000),
                 "cache_creation_input_tokens": 2 * (half := dice.randrange(9000)),
                 "cache_creation": {"ephemeral_5m_input_tokens": half, "ephemeral_1h_input_tokens": half},
                 "server_tool_use": {"web_search_requests": dice.randrange(2)}, "service_tier": "standard"}
        message = {"id": f"msg_{identifier}_{number}", "type": "message", "role": "assistant", "model": dice.choice(MODELS), "content": [], "usage": usage}
        rows += [{"type": "assistant", "message": message, "requestId": f"req_{identifier}_{number}", "uuid": f"{identifier}-{number}-{copies}",
                  "timestamp": instant(at), "sessionId": identifier, "version": version, "cwd": cwd, "isSidechain": False,
                  "gitBranch": dice.choice(["main", "topic", ""])} for copies in range(dice.randrange(1, 3))]
        total += dice.random()
        if version > "2.1.2" and dice.random() < 0.1:
            rows.append({"type": "cost-state", "sessionId": identifier, "totalCostUSD": total, "totalDuration": number * 1000,
                         "startTime": int(at * 1000) - 5000, "modelUsage": {}, "hasUnknownModelCost": False})
    lines = [row(fields) for fields in rows]
    if dice.random() < 0.15:
        lines.insert(dice.randrange(len(lines)), b'{"type":"assistant","message":{"id":"cut')
    home.files[transcript] = b"\n".join(lines) + b"\n"
    return identifier, transcript, cwd


def status(dice, clock, identifier, transcript, cwd, name):
    windows = {"five_hour": {"used_percentage": dice.choice([3, 42.5, 81, 97, 100]), "resets_at": int(clock) + 7200},
               "seven_day": {"used_percentage": dice.choice([9, 60, 99.7]), "resets_at": int(clock) + 200000}}
    payload = {"session_id": identifier, "session_name": name, "transcript_path": f"HOME/{transcript}", "cwd": cwd, "version": "2.1.328",
               "model": {"id": dice.choice(MODELS), "display_name": "Opus 5.5"}, "workspace": {"current_dir": cwd, "project_dir": cwd},
               "cost": {"total_cost_usd": round(dice.random() * 9, 4), "total_duration_ms": dice.randrange(1, 3600000)},
               "context_window": {"used_percentage": dice.randrange(100)}}
    return payload | ({"rate_limits": windows} if dice.random() < 0.8 else {})


class Machine:
    """Runs a program in a home, which is always at the same path."""

    def __init__(self, program, root, with_text, only):
        self.program, self.root, self.with_text, self.only = program, root, with_text, only

    def lives(self, home):
        place = self.root / home.name
        shutil.rmtree(place, ignore_errors=True)
        for path, content in home.files.items():
            write(place / path, content)
        answers = {}
        for number, step in enumerate(home.life):
            if len(step) == 2:
                write(place / step[0], step[1])
                continue
            at, arguments, stdin, variables = step
            answer = self.run(place, at, arguments, stdin, variables)
            if arguments[0] == "hook" or self.with_text:
                answers[f"{number}: {' '.join(arguments)}"] = answer
        session = next((Path(path).stem for path in home.files if path.startswith(PROJECTS) and path.endswith(".jsonl")), "none")
        for arguments in JSON_CALLS:
            self.ask(answers, place, home.now, of_session(arguments, session), {})
        for arguments in TEXT_CALLS if self.with_text else []:
            for width in WIDTHS:
                self.ask(answers, place, home.now, of_session(arguments, session), {"COLUMNS": width})
        for words in ANSWERS if self.with_text else []:
            event = {"hook_event_name": "UserPromptSubmit", "prompt": f"/whycap {words}", "session_id": "asks", "cwd": "/home/dev/alpha"}
            self.ask(answers, place, home.now, ["hook"], {"COLUMNS": "90", "LINES": "50"}, json.dumps(event).encode(), f" /whycap {words}")
        return answers

    def ask(self, answers, place, now, arguments, variables, stdin=b"", said=""):
        name = " ".join(arguments) + said + "".join(f" {value} columns" for key, value in variables.items() if key == "COLUMNS")
        if self.only in name:
            answers[name] = self.run(place, now, arguments, stdin, variables)

    def run(self, place, now, arguments, stdin, variables):
        environment = {"HOME": str(place), "PATH": "/usr/bin:/bin", "TZ": "Europe/Berlin", "WHYCAP_NOW": instant(now), **variables}
        arguments = [word.replace("HOME/", f"{place}/") for word in arguments]
        done = subprocess.run([self.program, *arguments], input=stdin.replace(b"HOME/", f"{place}/".encode()), env=environment,
                              cwd=self.root, capture_output=True, timeout=120)
        # A page's number depends on its content, so only the difference in content is reported.
        said = re.sub(rb'nonce(-|=")[0-9a-f]{32}', b"nonce", done.stdout)
        return done.returncode, said, done.stderr


def of_session(arguments, session):
    return [session if word == "SESSION" else word for word in arguments]


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    for dated in (path, path.parent):
        os.utime(dated, (1795000000, 1795000000))


def without_more(old, new):
    """Returns NEW's value without the fields that OLD's value does not have."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: without_more(old.get(key), value) for key, value in new.items() if key in old}
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [without_more(*pair) for pair in zip(old, new)]
    return new


def is_same(old, new, may_have_more):
    if old == new or not may_have_more or (old[0], old[2]) != (new[0], new[2]):
        return old == new
    try:
        [old, new] = [[json.loads(line) for line in answer[1].splitlines()] if answer[1][:2] != b"{\n" else json.loads(answer[1]) for answer in (old, new)]
    except ValueError:
        return False
    return without_more(old, new) == old


def shown(answer):
    code, out, err = answer
    text = out.decode(errors="replace")
    try:
        text = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except ValueError:
        pass
    return [f"exit code {code}", *text.splitlines(), *(f"stderr: {line}" for line in err.decode(errors="replace").splitlines())]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--homes", type=int, default=25, help="how many homes are made up")
    parser.add_argument("--text", action="store_true", help="compare plain text too")
    parser.add_argument("--only", default="", help="only calls that contain this")
    parser.add_argument("--home", help="only this home")
    parser.add_argument("--more", action="store_true", help="NEW may have more fields")
    parser.add_argument("--keep", type=Path, help="leave the homes in this directory")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    alone = ["unshare", "-rmpf", "--mount-proc"]
    if "ALONE" not in os.environ and subprocess.run([*alone, "true"], capture_output=True).returncode == 0:
        # Other programs on this machine start and exit, and whycap looks for Claude Code among
        # them.
        sys.exit(subprocess.run([*alone, sys.executable, *sys.argv], env=os.environ | {"ALONE": "1"}).returncode)
    histories = sorted((DATA / "histories").iterdir())
    read = lambda name: [json.loads(line) for line in (DATA / "diagnosis" / name).read_text().splitlines()]
    cases, error_lines = read("cases.jsonl"), read("error_lines.jsonl")
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.jobs) as pool, running_clients(Path(scratch)) as clients:
        homes = [recorded(directory) for directory in histories]
        homes += [made(seed, histories, cases, error_lines, clients) for seed in range(options.homes)]
        homes = [home for home in homes if options.home in (None, home.name)]
        root = options.keep.resolve() if options.keep else Path(scratch)
        root.mkdir(exist_ok=True)
        said = []
        for program in (options.old, options.new) * 2:
            there = root / "whycap"
            there.unlink(missing_ok=True)
            shutil.copy2(program, there)
            machine = Machine(there, root, options.text, options.only)
            # Only homes with a difference are repeated.
            asked = homes if len(said) < 2 else [home for home in homes if said[0][home.name] != said[1][home.name]]
            said.append(dict(zip([home.name for home in asked], pool.map(machine.lives, asked))))
    return judge(*said, options.more)


@contextmanager
def running_clients(scratch):
    """Returns the IDs of processes that look like Claude Code. Returns none if other users' processes would be
    visible."""
    program = scratch / "claude"
    shutil.copy2("/bin/sleep", program)
    clients = [subprocess.Popen([program, "86400"]) for _ in range(3 if "ALONE" in os.environ else 0)]
    try:
        yield [client.pid for client in clients]
    finally:
        for client in clients:
            client.kill()
            client.wait()


def judge(old, new, old_again, new_again, may_have_more):
    count, differences, unsteady = 0, 0, 0
    for home, answers in old.items():
        for call, answer in answers.items():
            count += 1
            other = new[home].get(call)
            if is_same(answer, other, may_have_more):
                continue
            again = [old_again[home][call], new_again[home][call]]
            if again[0] != answer or is_same(*again, may_have_more):
                unsteady += 1
                print(f"unsteady: {home}: {call}")
                continue
            differences += 1
            print(f"\n{home}: {call}")
            lines = difflib.unified_diff(shown(answer), shown(other), "old", "new", lineterm="", n=1)
            print("\n".join(line[:220] for line in list(lines)[2:26]))
    print(f"{count} answers in {len(old)} homes: {differences} differ, {unsteady} unsteady")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
