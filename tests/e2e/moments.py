"""Checks the status line at every moment: forks, /branch, /clear, a resume, kill -9, and two sessions at once, in the
real client.

At each step, three figures are compared with what the mock served: the session's status line, `whycap spend`, and the
client's own `/cost`. If `/cost` differs, `whycap spend --why` must show its figure as the last total of a process.
"""

import contextlib
import json
import os
import re
import signal

from client import Session, flat, prompt_line
from program import whycap, whycap_json
from report import expect

NEW_SESSION = "a session without a response yet"


def dollars(amount):
    return f"${amount:.2f}"


class Walk:
    """An afternoon of work on one account. Calculates the cost of the responses that each session received, and checks
    that all figures agree with this cost."""

    def __init__(self, stage, report, home, api, one_answer):
        self.stage, self.report, self.home, self.api = stage, report, home, api
        self.one_answer = one_answer

    def served(self, session=None):
        """Returns the dollars served so far, to one session or to all sessions."""
        # When a terminal resumes a session, it sends the model a test request with a response of one token. No file
        # contains this response.
        asked = [request for request in self.api.questions() if request["max_tokens"] != 1]
        expect({request["model"] for request in asked} <= {"claude-opus-5-5"}, {request["model"] for request in asked})
        return self.one_answer * sum(1 for request in asked if session in (None, request["session"]))

    def newest(self):
        """Returns the session that sent the last request."""
        return self.api.questions()[-1]["session"]

    def asks(self, session, prompt, response):
        """Sends a prompt, waits for the response, and returns the session's ID."""
        self.api.play(response)
        session.ask(prompt)
        session.wait(f"the response to {prompt!r}", lambda text: response["text"] in flat(text).rsplit(prompt, 1)[-1])
        return self.newest()

    def agrees(self, step, session, name):
        """Checks after a step that all figures of a session agree. `name` is the session's ID, or NEW_SESSION."""
        own, today = 0.0 if name == NEW_SESSION else self.served(name), self.served()
        line = re.compile(rf"session {re.escape(dollars(own))} .*today {re.escape(dollars(today))}( |$)")
        with self.report.check(f"{step}: the line says session {dollars(own)}, today {dollars(today)}"):
            session.wait_footer(f"session {dollars(own)} and today {dollars(today)}", line.search)
        with self.report.check(f"{step}: `whycap spend` says the same, to a billionth"):
            spent = whycap_json(self.home, "spend", "--by", "session")
            by_session = {group["key"]: group["cost_usd"] for group in spent["groups"]}
            expect(abs(spent["total"]["cost_usd"] - today) < 1e-9, f"{spent['total']}, served: {today}")
            expect(abs(by_session.get(name, 0.0) - own) < 1e-9, f"{by_session}, served to {name}: {own}")
        with self.report.check(f"{step}: `/cost` says the same, or `whycap spend --why` shows its figure"):
            total = self.cost(session)
            if dollars(total) != dollars(own):
                why = whycap(self.home, "spend", "--why", self.registered_session(session)).stdout
                expect(dollars(total) in why, f"/cost says {total}, served were {own}; --why says:\n{why}")

    def registered_session(self, session):
        """Returns the ID of the session in this terminal, which Claude Code registers under its PID."""
        return json.loads((self.home.path / ".claude/sessions" / f"{session.pid()}.json").read_text())["sessionId"]

    def cost(self, session):
        """Returns the figure that `/cost` shows, in dollars."""
        # The client's list of commands may open below the typed text, so this waits for the prompt's own line.
        session.type("/cost")
        session.wait("the typed /cost", lambda text: prompt_line(text).endswith("/cost"))
        session.key("Enter")
        text = session.wait("the figure of /cost", re.compile(r"cost:\s+\$[\d.]+"))
        session.key("Escape")
        session.wait("the prompt again", lambda text: "Esc to close" not in text)
        return float(re.search(r"cost:\s+\$([\d.]+)", text)[1])

    @contextlib.contextmanager
    def terminal(self, *arguments):
        with Session(
            self.stage.program,
            self.home,
            self.api,
            arguments=arguments,
            columns=self.stage.columns,
            rows=self.stage.rows,
        ) as session:
            session.ready()
            yield session

    def kill(self, session):
        """Kills the client in this terminal with SIGKILL."""
        os.kill(session.pid(), signal.SIGKILL)
        session.wait_dead()


def walk(way, response):
    """Runs the afternoon. `response` creates one successful response."""
    with way.terminal() as session:
        first = way.asks(session, "say hello", response("First."))
        way.agrees("one response", session, first)
        way.asks(session, "say more", response("Second."))
        way.agrees("two responses", session, first)

        session.ask("/branch")
        session.wait("the new branch", "Branched session")
        way.agrees("after /branch, before a response", session, NEW_SESSION)
        branch = way.asks(session, "and here", response("Third."))
        expect(branch != first, "the branch is the same session")
        way.agrees("a response in the branch", session, branch)

        session.ask("/clear")
        session.wait("an empty conversation", lambda text: "Third." not in text)
        way.agrees("after /clear", session, NEW_SESSION)
        cleared = way.asks(session, "a new subject", response("Fourth."))
        way.agrees("a response after /clear", session, cleared)
        session.leave()

    with way.terminal("--resume", first, "--fork-session") as session:
        way.agrees("a fork of an ended session, before a response", session, NEW_SESSION)
        fork = way.asks(session, "another way", response("Fifth."))
        way.agrees("a response in the fork", session, fork)
        session.leave()

    with way.terminal("--resume", first) as session:
        way.agrees("resumed", session, first)
        way.asks(session, "go on", response("Sixth."))
        way.agrees("a response after the resume", session, first)
        way.kill(session)

    with way.terminal("--resume", first) as one:
        way.agrees("resumed after kill -9", one, first)
        with way.terminal() as other:
            beside = way.asks(other, "a second terminal", response("Seventh."))
            way.agrees("two sessions at once, the second", other, beside)
            way.asks(one, "and the first", response("Eighth."))
            way.agrees("two sessions at once, the first", one, first)
            way.asks(other, "and again", response("Ninth."))
            way.agrees("two sessions at once, the second again", other, beside)
            other.leave()
        one.leave()
    with way.report.check("at the end `whycap spend` has all that was served"):
        spent = whycap_json(way.home, "spend")["total"]
        expect(abs(spent["cost_usd"] - way.served()) < 1e-9, json.dumps(spent))
