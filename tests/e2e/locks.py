#!/usr/bin/env python3
"""Measures the effect of stuck locks on the real client, and checks that whycap clears them: start times before and
after.

usage: CLIENT=/path/to/claude WHYCAP=/path/to/whycap tests/e2e/locks.py [RUNS]

The script needs the client's binary (any 2.1.x) and a built whycap. It connects only to its own server on the loopback
interface, and every home directory is temporary. It prints a table, and the exit code is 1 if a stuck lock was not
cleared or if the client did not start as quickly afterward as without any lock.
"""

import json
import os
import pty
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DAY = 86400
# A stuck lock costs about 2.8 s. Half of that is far more than the usual difference between runs.
TOLERANCE = 1.4

try:
    from mock_api import MockApi
except ImportError:

    class MockApi:
        """A minimal server that can answer a one-word prompt, for use when mock_api.py is not next to this file."""

        def __enter__(self):
            self._server = ThreadingHTTPServer(("127.0.0.1", 0), _OneWord)
            self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
            threading.Thread(target=self._server.serve_forever, daemon=True).start()
            return self

        def __exit__(self, *_):
            self._server.shutdown()
            self._server.server_close()


class _OneWord(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Prints nothing."""

    def _reply(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self):
        self._reply("application/json", b"")

    def do_GET(self):
        self._reply("application/json", b"{}")

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        if self.path.split("?")[0] != "/v1/messages":
            return self._reply("application/json", b"{}")
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": asked.get("model"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        text = {"type": "text", "text": "Hello."}
        if not asked.get("stream"):
            return self._reply(
                "application/json", json.dumps({**message, "content": [text], "stop_reason": "end_turn"}).encode()
            )
        parts = [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello."}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ]
        return self._reply(
            "text/event-stream",
            "".join(f"event: {part['type']}\ndata: {json.dumps(part)}\n\n" for part in parts).encode(),
        )


class Home:
    """A home in which the client starts without asking questions."""

    def __init__(self, root, api_url, client, whycap):
        self.path = Path(root).resolve()
        self.client, self.whycap = client, whycap
        self.project = self.path / "proj"
        self.project.mkdir()
        (self.path / ".claude").mkdir()
        self.state = self.path / ".claude.json"
        self.first_state = json.dumps(
            {
                "hasCompletedOnboarding": True,
                "theme": "dark",
                "numStartups": 20,
                "autoUpdates": False,
                "customApiKeyResponses": {"approved": ["sk-ant-dummy"], "rejected": []},
                "projects": {
                    str(self.project): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
                },
            }
        )
        self.state.write_text(self.first_state)
        self.variables = {
            "HOME": str(self.path),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "ANTHROPIC_BASE_URL": api_url,
            "ANTHROPIC_API_KEY": "sk-ant-dummy",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }

    def run(self, command, variables, timeout=60):
        """Runs a command in the project, without standard input, and returns the finished process."""
        return subprocess.run(
            command,
            cwd=self.project,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ask(self):
        """Runs `claude -p hi` with data to save. Returns the time in seconds, and whether the data was saved."""
        self.state.write_text(self.first_state)
        began = time.monotonic()
        process = self.run([self.client, "-p", "hi"], self.variables)
        took = time.monotonic() - began
        if process.returncode:
            sys.exit(f"the client failed: {process.stdout} {process.stderr}")
        return took, self.state.read_text() != self.first_state

    def start(self, say=None):
        """Starts the client in a terminal, optionally sends a prompt, and quits. Returns the seconds until the prompt
        appeared and until the client ended, and whether this start was counted in .claude.json."""
        before = self.startups()
        began = time.monotonic()
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.project)
            os.execve(self.client, [self.client], self.variables)
        seen, took, keys = b"", None, []
        while time.monotonic() - began < 30:
            ready, _, _ = select.select([terminal], [], [], 0.2)
            if ready:
                try:
                    seen += os.read(terminal, 65536)
                except OSError:
                    break
            if took is None and "\u276f".encode() in seen:
                took = time.monotonic() - began
                # If text and Return arrive together, the client treats them as pasted text.
                keys = (
                    [(0.5, b"\x03"), (0.7, b"\x03")]
                    if say is None
                    else [(1.0, say.encode()), (1.5, b"\r"), (3.5, b"\x03"), (3.8, b"\x03")]
                )
            while keys and time.monotonic() - began - took > keys[0][0]:
                os.write(terminal, keys.pop(0)[1])
            if os.waitpid(child, os.WNOHANG)[0]:
                child = None
                break
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        os.close(terminal)
        if took is None:
            sys.exit("the client showed no prompt: " + seen[-500:].decode(errors="replace"))
        return took, time.monotonic() - began, self.startups() != before

    def prompts(self):
        """Returns the number of prompts in the history."""
        history = self.path / ".claude" / "history.jsonl"
        return len(history.read_text().splitlines()) if history.exists() else 0

    def startups(self):
        return json.loads(self.state.read_text()).get("numStartups")

    def clear(self):
        """Clears stale locks with whycap. Returns a map from each path, relative to the home, to (verdict, action), and
        the exit code."""
        process = self.run([self.whycap, "--clear-stale-locks", "--json"], self.variables)
        locks = json.loads(process.stdout)["locks"]
        return {
            os.path.relpath(lock["path"], self.path): (lock["verdict"], lock["action"]) for lock in locks
        }, process.returncode


def directory(age):
    def make(lock):
        lock.mkdir()
        os.utime(lock, (time.time() - age,) * 2)

    return make


def full_directory(lock):
    lock.mkdir()
    (lock / "left").write_text("")
    os.utime(lock, (time.time() - DAY,) * 2)


def regular_file(lock):
    lock.write_text("")
    os.utime(lock, (time.time() - DAY,) * 2)


# the name, a function that creates the lock, and whether the client removes the lock on its own
STATES = [
    ("empty directory, a day old", directory(DAY), True),
    ("directory dated tomorrow", directory(-DAY), False),
    ("regular file", regular_file, False),
    ("directory with a file in it", full_directory, False),
]


def measured(home, make, lock, runs):
    """Returns the medians with a lock that `make` creates before each run, and whether the client saved its data and
    removed the lock."""
    asked, started = [], []
    for run, into in ((home.ask, asked), (home.start, started)):
        for _ in range(runs):
            if make and not os.path.lexists(lock):
                make(lock)
            into.append(run())
    return {
        "ask": statistics.median(seconds for seconds, _ in asked),
        "prompt": statistics.median(seconds for seconds, _, _ in started),
        "session": statistics.median(seconds for _, seconds, _ in started),
        "saved": all(saved for _, saved in asked) and all(saved for _, _, saved in started),
        "lost": not any(saved for _, saved in asked) and not any(saved for _, _, saved in started),
        "healed": not os.path.lexists(lock),
    }


def row(name, whycap, with_it):
    saved = "yes" if with_it["saved"] else "no" if with_it["lost"] else "sometimes"
    print(
        f"| {name} | {whycap} | {with_it['ask']:.2f} s | {with_it['prompt']:.2f} s | {with_it['session']:.2f} s | {saved} |"
        f" {'yes' if with_it['healed'] else 'no'} |",
        flush=True,
    )


def state_file_lock(home, runs):
    """Tests the lock of .claude.json in each state: start times with the lock, whycap's verdict, and start times after
    clearing."""
    lock = home.path / ".claude.json.lock"
    home.ask()
    home.start()
    print(
        "| .claude.json.lock | whycap | claude -p hi | prompt after | start and leave | state saved | gone afterwards |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    plain = measured(home, None, lock, runs)
    row("none", "", plain)
    wrong = []
    for name, make, heals in STATES:
        before = measured(home, make, lock, runs)
        row(name, "", before)
        judged, code = home.clear()
        verdict = judged.get(".claude.json.lock", ("-", "-"))
        after = measured(home, None, lock, runs)
        row("… after whycap --clear-stale-locks", ", ".join(verdict), after)
        if before["healed"] != heals:
            wrong.append(f"{name}: the client {'healed' if before['healed'] else 'did not heal'} it")
        if not heals and (verdict != ("stuck", "cleared") or code):
            wrong.append(f"{name}: {verdict}, exit code {code}")
        if os.path.lexists(lock) or not after["saved"]:
            wrong.append(f"{name}: the client still cannot save")
        if any(after[what] > plain[what] + TOLERANCE for what in ("ask", "prompt", "session")):
            wrong.append(f"{name}: still slow afterwards")
    return wrong


def history_lock(home):
    """Tests the lock of the prompt history in each state: whether a prompt is stored, and how long a session with one
    prompt takes."""
    lock = home.path / ".claude" / "history.jsonl.lock"
    home.start()

    def session():
        before = home.prompts()
        _, seconds, _ = home.start(say="hello there")
        return seconds, home.prompts() > before

    print("\n| history.jsonl.lock | whycap | one prompt and leave | prompt stored |\n| --- | --- | --- | --- |")
    wrong = []
    for name, make, heals in [("none", None, True), *STATES]:
        if make:
            make(lock)
        seconds, stored = session()
        print(f"| {name} | | {seconds:.2f} s | {'yes' if stored else 'no'} |", flush=True)
        if stored != heals:
            wrong.append(f"history, {name}: prompt {'stored' if stored else 'lost'}")
        if heals:
            continue
        verdict = home.clear()[0].get(".claude/history.jsonl.lock", ("-", "-"))
        seconds, stored = session()
        print(
            f"| … after whycap --clear-stale-locks | {', '.join(verdict)} | {seconds:.2f} s | {'yes' if stored else 'no'} |",
            flush=True,
        )
        if verdict != ("stuck", "cleared") or not stored:
            wrong.append(f"history, {name}: {verdict}, and the next prompt was {'stored' if stored else 'lost'}")
    return wrong


class RefusingProxy:
    """Responds with 502 to every request for a tunnel. The login server is never reached, but the proxy records that
    the client tried to reach it."""

    def __enter__(self):
        self.asked = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked += connection.recv(4096).startswith(b"CONNECT platform.claude.com:")
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")


def login_lock(home, name):
    """Tests the lock for refreshing the login in each state, with an expired login: whether the client tries to refresh
    it."""
    lock = home.path / name
    (home.path / ".claude" / ".credentials.json").write_text(
        json.dumps(
            {
                "claudeAiOauth": {
                    "accessToken": "sk-ant-oat01-dummy",
                    "refreshToken": "sk-ant-ort01-dummy",
                    "expiresAt": int((time.time() - 3600) * 1000),
                    "scopes": ["user:inference", "user:profile"],
                    "subscriptionType": "max",
                }
            }
        )
    )
    variables = {key: value for key, value in home.variables.items() if key != "ANTHROPIC_API_KEY"}

    def ask():
        with RefusingProxy() as proxy:
            began = time.monotonic()
            process = home.run(
                [home.client, "-p", "hi"],
                {**variables, "HTTPS_PROXY": proxy.url, "NO_PROXY": "127.0.0.1"},
                timeout=90,
            )
            return time.monotonic() - began, proxy.asked > 0, (process.stdout + process.stderr).strip()[:60]

    print(f"\n| {name}, login due | whycap | claude -p hi | refresh tried | answer |\n| --- | --- | --- | --- | --- |")
    wrong = []
    for state, make, heals in [("none", None, True), *STATES]:
        if make:
            make(lock)
        seconds, tried, answer = ask()
        print(f"| {state} | | {seconds:.2f} s | {'yes' if tried else 'no'} | {answer} |", flush=True)
        if heals:
            continue
        verdict = home.clear()[0].get(name, ("-", "-"))
        seconds, tried, answer = ask()
        print(
            f"| … after whycap --clear-stale-locks | {', '.join(verdict)} | {seconds:.2f} s | {'yes' if tried else 'no'} | {answer} |",
            flush=True,
        )
        if verdict != ("stuck", "cleared") or not tried or seconds > 2 * TOLERANCE:
            wrong.append(f"{name}, {state}: {verdict}, refresh {'tried' if tried else 'not tried'}")
    return wrong


def crash(home):
    """Tests the locks of a client that is killed: whycap keeps all of them while the client runs, and clears them
    afterward."""
    began = time.monotonic()
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(home.project)
        os.execve(home.client, [home.client], home.variables)
    seen = b""
    while "\u276f".encode() not in seen and time.monotonic() - began < 30:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536)
    registry = f".claude/sessions/{child}.json"
    while not (home.path / registry).exists() and time.monotonic() - began < 30:
        time.sleep(0.05)
    living = home.clear()[0]
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(terminal)
    dead = home.clear()[0]
    print("\n| left by kill -9 | while it ran | after |\n| --- | --- | --- |")
    for path in sorted({*living, *dead}):
        before, after = (", ".join(locks.get(path, ("not there",))) for locks in (living, dead))
        print(f"| {path.replace(str(child), 'PID')} | {before} | {after} |")
    wrong = []
    if living.get(registry) != ("held", "kept"):
        wrong.append(f"a live session was judged {living.get(registry)}")
    if dead.get(registry) != ("stale", "cleared"):
        wrong.append(f"a killed session was judged {dead.get(registry)}")
    return wrong


def main():
    client, whycap = (os.environ.get(name) for name in ("CLIENT", "WHYCAP"))
    if not client or not whycap:
        sys.exit(__doc__)
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with MockApi() as api, tempfile.TemporaryDirectory(prefix="whycap-locks-") as root:

        def home(name):
            (Path(root) / name).mkdir()
            return Home(Path(root) / name, api.url, os.path.abspath(client), os.path.abspath(whycap))

        wrong = state_file_lock(home("state"), runs)
        wrong += history_lock(home("history"))
        wrong += login_lock(home("login"), ".claude/.oauth_refresh.lock")
        wrong += login_lock(home("login-of-old"), ".claude.lock")
        # A natively installed client holds a lock for each version that is running.
        native = home("native")
        versions = native.path / ".local" / "share" / "claude" / "versions"
        versions.mkdir(parents=True)
        version = subprocess.run(
            [client, "--version"], env=native.variables, capture_output=True, text=True, check=True
        )
        native.client = str(versions / version.stdout.split()[0])
        shutil.copy(client, native.client)
        wrong += crash(native)
    for problem in wrong:
        print(f"WRONG: {problem}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
