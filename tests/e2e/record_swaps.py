#!/usr/bin/env python3
"""Records sessions whose responses come from another model than the selected one, and states of the weeks of models.

usage: tests/e2e/record_swaps.py [NAME…]     (writes tests/data/swaps/NAME; without a name, all of them)

Each directory contains what the real client left behind: its home, with shortened texts, and the last payload of its
status line. `truth.json` follows from what the mock served and from what was selected, and not from whycap.
"""

import collections
import json
import re
import shutil
import sys
import tempfile
import time

from claude_home import ClaudeHome
from client import NEWEST, Session, client
from mock_api import MockApi, refusal, response, stopped_by_safeguards, windows
from program import ROOT
from usage_endpoint import UsageEndpoint

DATA = ROOT / "tests" / "data" / "swaps"
OPUS, SONNET, HAIKU, FABLE = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5-20251001", "claude-fable-5-1"
OLDER_OPUS = "claude-opus-4-8"
PLAN = windows(0.42, 0.17)
ANSWER = "Answer number {}."
OF_SUBAGENT = "Three files."

# The lines of a transcript that concern what happened. The others contain the client's own prompts.
KINDS = ("assistant", "user", "system", "session-owner", "file-history-snapshot", "queue-operation", "cost-state")


class Recording:
    """A session in the real client, and what is true about it."""

    def __init__(self, home, api, session):
        self.home, self.api, self.session = home, api, session
        self.answers = 0
        # The model that the user has selected, and the responses of the main conversation: when, for which selected
        # model, and from which model.
        self.selected = None
        self.main = []

    def ask(self, scenario=None):
        """Sends a prompt, and waits for the answer. `scenario` returns None for a request that gets the usual one."""
        self.answers += 1
        answer = ANSWER.format(self.answers)
        known = len(self.api.served())

        def chosen(request):
            return (scenario and scenario(request)) or response(answer, headers=PLAN)

        self.api.play(chosen)
        self.session.ask(f"go on {self.answers}")
        self.session.wait(answer, answer, 60)
        new = [it for it in self.api.served()[known:] if it["text"] != OF_SUBAGENT]
        # Everything but the last response was stopped by safeguards, or started a subagent.
        self.main.append((new[-1]["at"], self.selected, new[-1]["model"]))

    def select(self, model):
        """Selects a model as a person does, and confirms that the cache is lost."""
        self.session.ask(f"/model {model}")
        self.session.wait("the question or the reply", lambda text: "Yes, switch" in text or "Set model to" in text)
        if "Yes, switch" in self.session.text():
            self.session.key("Enter")
            self.session.wait("the reply", "Set model to")
        self.selected = model

    def open_usage(self):
        self.session.type("/usage")
        self.session.wait("the typed command", "/usage")
        self.session.key("Enter")
        self.session.wait("the page", lambda text: "spent" in text, 20)
        self.session.key("Escape")
        state = self.home.path / ".claude.json"
        self.session.wait("the page kept", lambda _: "cachedUsageUtilization" in json.loads(state.read_text()), 15)

    def substitute(self):
        """Returns the model that answers instead of the selected one, and the time of the first of these answers."""
        first = None
        for at, selected, model in reversed(self.main):
            if model == selected or (first and model != first["model"]):
                break
            first = {"at": round(1000 * at), "model": model}
        return first if self.main[-1][1] == self.selected else None

    def swaps(self):
        """Returns how often which model answered instead of which selected one."""
        swapped = [(selected, model) for _, selected, model in self.main]
        # Nothing but the server's own replies shows who was asked to answer a subagent.
        swapped += [(it["asked"], it["model"]) for it in self.api.served() if it["text"] == OF_SUBAGENT]
        swapped = collections.Counter(pair for pair in swapped if pair[0] != pair[1])
        return [{"selected": it[0], "model": it[1], "responses": count} for it, count in sorted(swapped.items())]


def down(model):
    """Returns a scenario in which a model is overloaded."""
    return lambda request: refusal(529, "overloaded_error", "Overloaded") if request.get("model") == model else None


def flagged(request):
    return stopped_by_safeguards(headers=PLAN) if request.get("model") == FABLE else None


def starts_agent(answer):
    """Returns a scenario in which the main conversation starts an agent, whose requests `answer` answers."""
    task = {"description": "count", "prompt": "count the files", "subagent_type": "general-purpose"}
    starts = iter([response("I start an agent.", headers=PLAN, tool=("Agent", task))])

    def scenario(request):
        if "go on" not in json.dumps(request["messages"]):
            return answer(request)
        return next(starts, None)

    return scenario


def overloaded(it):
    it.ask()
    it.ask(down(OPUS))


def overloaded_twice(it):
    overloaded(it)
    time.sleep(61)
    it.ask(down(OPUS))


def overload_is_over(it):
    overloaded(it)
    it.ask()


def safeguards(it):
    it.ask()
    it.ask(flagged)


def safeguards_resumed(it):
    safeguards(it)
    it.ask()


def safeguards_and_back(it):
    safeguards(it)
    it.select(FABLE)
    it.ask()


def substitute_selected(it):
    safeguards(it)
    it.select(OLDER_OPUS)


def selected(it):
    it.ask()
    it.select(SONNET)
    it.ask()


def in_subagent(it):
    it.ask(starts_agent(lambda _: response(OF_SUBAGENT, model=HAIKU, headers=PLAN)))


def subagent_overloaded(it):
    is_down = down(OPUS)
    it.ask(starts_agent(lambda request: is_down(request) or response(OF_SUBAGENT, headers=PLAN)))


def by_server(it):
    it.ask()
    it.ask(lambda _: response(ANSWER.format(it.answers), model=SONNET, headers=PLAN))


def week(it):
    it.ask()
    it.open_usage()
    it.ask()


def one_answer(it):
    it.ask()


FALLBACK = ("--fallback-model", SONNET)
ACCEPTS = ("--permission-mode", "acceptEdits")
# The name of each recording: the selected model, more arguments, what happens, and the figures of /usage.
RECORDINGS = {
    "overloaded": (OPUS, FALLBACK, overloaded, None),
    "overloaded-twice": (OPUS, FALLBACK, overloaded_twice, None),
    "overload-is-over": (OPUS, FALLBACK, overload_is_over, None),
    "safeguards": (FABLE, (), safeguards, None),
    "safeguards-then-more": (FABLE, (), safeguards_resumed, None),
    "safeguards-and-back": (FABLE, (), safeguards_and_back, None),
    "substitute-selected": (FABLE, (), substitute_selected, None),
    "selected": (OPUS, (), selected, None),
    "in-subagent": (OPUS, ACCEPTS, in_subagent, None),
    "subagent-overloaded": (OPUS, (*FALLBACK, *ACCEPTS), subagent_overloaded, None),
    "by-server": (OPUS, (), by_server, None),
    "week-unknown": (OPUS, (), one_answer, None),
    "week-30": (OPUS, (), week, 30),
    "week-55": (OPUS, (), week, 55),
    "week-100": (OPUS, (), week, 100),
}


def record(name):
    model, arguments, happens, fable = RECORDINGS[name]
    with tempfile.TemporaryDirectory(prefix="swaps-", ignore_cleanup_errors=True) as directory, MockApi() as api:
        home = ClaudeHome(directory, "max")
        payload = home.path / "payload.json"
        home.settings.write_text(json.dumps({"statusLine": {"type": "command", "command": f"tee {payload}"}}))
        with UsageEndpoint(home.path / "endpoint", fable=fable or 0) as endpoint:
            variables = {"CLAUDE_CODE_MAX_RETRIES": "3"}
            if fable is not None:
                variables |= {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "", **endpoint.variables()}
            with Session(
                client(NEWEST), home, api, arguments=["--model", model, *arguments], rows=50, **variables
            ) as session:
                session.ready()
                recording = Recording(home, api, session)
                recording.selected = model
                happens(recording)
                # The client calls its status line a moment later.
                time.sleep(3)
                save(name, recording, payload, fable)


def save(name, recording, payload, fable):
    root, home = DATA / name, recording.home.path
    shutil.rmtree(root, ignore_errors=True)
    source = home / ".claude" / "projects"
    for file in sorted(source.rglob("*.jsonl")):
        target = root / "home" / ".claude" / "projects" / anonymous(str(file.relative_to(source)), home)
        target.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.loads(anonymous(line, home)) for line in file.read_text().splitlines()]
        kept = [short(line) for line in lines if line["type"] in KINDS or is_model(line)]
        target.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in kept))
    state = json.loads((home / ".claude.json").read_text())
    state = {key: state[key] for key in ("oauthAccount", "cachedUsageUtilization") if key in state}
    (root / "home" / ".claude.json").write_text(json.dumps(state, indent=1) + "\n")
    (root / "payload.json").write_text(json.dumps(json.loads(anonymous(payload.read_text(), home)), indent=1) + "\n")
    served = collections.Counter(it["model"] for it in recording.api.served())
    truth = {
        "client": NEWEST,
        "now": round(1000 * time.time()),
        "substitute": recording.substitute(),
        "swaps": recording.swaps(),
        "served": dict(sorted(served.items())),
        "fable_week": fable,
    }
    (root / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    print(name, json.dumps(truth), flush=True)


def is_model(line):
    return line["type"] == "attachment" and line["attachment"].get("type") in ("model", "credential_org")


def anonymous(text, home):
    slug = re.sub(r"[^A-Za-z0-9]", "-", str(home))
    return re.sub(r"/tmp/claude-\d+", "/home/dev/.tmp", text.replace(str(home), "/home/dev").replace(slug, "-home-dev"))


def short(value):
    """Cuts long texts, which are the client's own."""
    if isinstance(value, str):
        return value if len(value) <= 160 else value[:80] + "…"
    if isinstance(value, list):
        return [short(item) for item in value[:6]]
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    return value


if __name__ == "__main__":
    for wanted in sys.argv[1:] or RECORDINGS:
        record(wanted)
