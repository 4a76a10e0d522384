"""The user's experience of whycap in the real client, from the first day to the last.

A journey receives a Stage, creates its own HOME and mock API, and records its checks in a Report. To add a
journey, write a function and list it in all_journeys.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import program
from claude_home import DUMMY_KEY, ClaudeHome
from client import NEWEST, Session, above_prompt, below_prompt, flat, prompt_line, worded
from mock_api import DAY, HOUR, MockApi, response, limit, windows
from moments import Walk, walk
from program import install_sh, output_of, whycap, whycap_json
from report import expect
from screen import POLL, NotSeen, framed
from usage_endpoint import UsageEndpoint
from waiting import waiting as waiting_in_scripts

# The cost of one response from the mock with the newest client's default model, Opus 5.5 (mock_api.USAGE).
ONE_RESPONSE_USD = 0.0683

# The start of the sentence that every client shows when a plan's window stops it.
PLAN_LIMIT = "You've hit your"

# Settings like those of real users: tabs, an unusual order of keys, the user's own hook, and no final newline.
OWN_SETTINGS = """{
\t"includeCoAuthoredBy": false,
\t"env": { "MY_OWN": "1" },
\t"hooks": {
\t\t"Stop": [ { "hooks": [ { "type": "command", "command": "touch ~/own-hook-ran" } ] } ]
\t},
\t"cleanupPeriodDays": 99
}"""


@dataclass
class Stage:
    """The client and the account with which a journey runs."""

    version: str
    program: Path
    newest: bool
    plan: str = "key"
    role: str = "admin"
    columns: int = 120
    rows: int = 40

    @property
    def account(self):
        return "API key" if self.plan == "key" else f"{self.plan} plan"


@contextlib.contextmanager
def fresh_home(stage, settings=None):
    """Creates a new HOME and a mock. Both are removed afterward."""
    # The client may still write a last line while the directory is being removed.
    with tempfile.TemporaryDirectory(prefix="e2e-", ignore_cleanup_errors=True) as directory, MockApi() as api:
        home = ClaudeHome(directory, stage.plan, stage.role)
        if settings is not None:
            home.settings.write_text(settings)
        # A user's shell finds the client, and `whycap install` reads its version.
        home.tools.mkdir()
        (home.tools / "claude").symlink_to(stage.program)
        yield home, api


def install(report, home, *arguments):
    with report.check("./install.sh ends well"):
        process = install_sh(home, *arguments)
        expect(process.returncode == 0, f"it exited with {process.returncode}: {output_of(process)}")


def successful_response(stage, five_hour=0.42, seven_day=0.17, text="Hello from the mock."):
    """Returns a successful response for this account. A response on a plan reports the windows, and a response to an
    API key does not."""
    return response(text, headers=None if stage.plan == "key" else windows(five_hour, seven_day))


DROPPED = "Connection dropped"


def ask_and_read(session, api, scenario, prompt):
    """Sends a prompt and waits until the mock's response is on the screen.

    The client runs without retries, so a connection that the system resets ends the turn. The prompt is then sent once more."""
    api.play(scenario)
    session.ask(prompt)
    session.wait(
        f"the response to {prompt!r}",
        lambda text: scenario["text"] in latest_turn(text, prompt) or DROPPED in latest_turn(text, prompt),
    )
    if DROPPED in latest_turn(session.text(), prompt):
        session.ask(prompt)
        session.wait(f"the response to {prompt!r}", lambda text: scenario["text"] in latest_turn(text, prompt))


def latest_turn(text, prompt):
    """Returns what the screen shows after the last occurrence of the prompt."""
    return flat(text).rsplit(prompt, 1)[-1]


def reported_incident(home, deadline=5):
    """Returns the incident that `explain --json` reports. It may appear a moment after the error is on the screen."""
    end = time.monotonic() + deadline
    while True:
        incident = whycap_json(home, "explain")["incident"]
        if incident is not None:
            return incident
        expect(time.monotonic() < end, f"for {deadline} s `whycap explain --json` reports no incident")
        time.sleep(POLL)


def without_mode_row(footer):
    """Returns the footer without the client's last row, which shows the mode."""
    return "\n".join(line for line in footer.splitlines() if not re.search(r"(auto|manual) mode|for shortcuts", line))


def wait_until_steady(session):
    """Waits until the screen has stopped changing, so that late or repeated output has had time to appear."""
    last = {"text": None, "same": 0}

    def unchanged(text):
        last["same"] = last["same"] + 1 if text == last["text"] else 0
        last["text"] = text
        return last["same"] >= 30

    session.wait("a screen at rest", unchanged)


def clock_times(moment):
    """Returns a pattern for a time of day in the form that whycap uses. It does not match the client's own form, which
    has am or pm."""
    at = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return re.compile(rf"\b0?{at.hour}:{at.minute:02}\b(?!\s*[ap]m)")


def first_words(session, home, error_seen, deadline=10, **variables):
    """Runs `explain` with these variables repeatedly, from the moment of the error until the status line shows the
    badge of the incident.

    Returns the incident that both agree on and every verdict that `explain` gave in the meantime. The client writes
    the error's details and the new readings a moment later, and the earlier verdicts must not be wrong either.
    """
    verdicts = []
    incident = {}

    def agrees(text):
        latest = whycap_json(home, "explain", **variables)["incident"]
        if latest and error_seen(flat(text)):
            incident.clear()
            incident.update(latest)
            verdicts.append((latest["verdict"], latest["badge"]))
        if not incident:
            return False
        badge = worded(incident["badge"])
        # A narrow terminal has no room for "at".
        forms = [badge[:40], badge.replace("resets at ", "resets ")[:40]]
        return any(form in worded(below_prompt(text)) for form in forms)

    try:
        session.wait("the badge of `whycap explain` below the prompt", agrees, deadline)
    except NotSeen as missed:
        raise NotSeen(f"`whycap explain` says: {verdicts[-3:] or 'no incident'}; {missed}") from None
    return incident, verdicts


def limit_is_explained(report, session, home, prompt, says, real=True, **variables):
    """Sends a prompt that hits a limit, and checks everything that the user then sees, also in a shell with these
    variables."""

    def error_seen(text):
        return says in text.rsplit(prompt, 1)[-1].replace("’", "'")

    session.ask(prompt)
    with report.check("the client's own error is on the screen"):
        session.wait("the client's error", lambda text: error_seen(flat(text)))
    incident, verdicts = {}, []
    if says == PLAN_LIMIT:
        session.wait_menu()
    if not session.menu_hides_status_line():
        # We promise one second. Two seconds allow for a busy machine.
        with report.check("within two seconds the status line shows the badge that `whycap explain --json` has"):
            incident, verdicts = first_words(session, home, error_seen, deadline=2, **variables)
        session.put_away_menu()
    else:
        session.put_away_menu()
        with report.check(
            "the status line shows the badge that `whycap explain --json` has, once the client's menu is closed"
        ):
            incident, verdicts = first_words(session, home, error_seen, **variables)
    with report.check("the incident is open, and its badge fits in 60 columns"):
        expect(incident.get("open") is True, json.dumps(incident, indent=1)[:1500])
        expect(len(incident["badge"]) <= 60, incident["badge"])
    if real:
        with report.check("at no moment was the real limit called false"):
            wrong = [entry for entry in verdicts if entry[0] == "false_likely"]
            expect(
                not wrong,
                f"in the first moments `whycap explain --json` said: {wrong[0] if wrong else None}, then: {verdicts[-1:]}",
            )
    with report.check("below the badge it says what to do"):
        rows = worded(session.footer()).split(worded(incident.get("badge", "?")))[-1]
        expect(len(rows) > 30, f"no row of explanation follows the badge; the screen:\n{framed(session.text())}")
    if incident.get("resets_at") and incident.get("waiting_helps"):
        with report.check("the status line says at what time waiting ends"):
            session.wait_footer("the reset time", clock_times(incident["resets_at"]).search)
    return incident


def answers_to(command, text):
    """Returns the number of replies on the screen, whether from a hook that blocked the command or from the plugin's
    module."""
    of_module = rf"❯\s{re.escape(command)}\s*\n\s*⎿\s+whycap:\s"
    return above_prompt(text).count("Original prompt: " + command) + len(re.findall(of_module, above_prompt(text)))


def whycap_answers_without_the_model(report, session, home, api, command):
    """Types a whycap command while every request is refused. Returns the number of earlier questions and the headline,
    which `nothing_was_sent` needs later."""
    headline = reported_incident(home)["headline"]

    def answers():
        return answers_to(command, session.text())

    asked, before = len(api.questions()), answers()
    session.ask(command)
    with report.check(f"{command} answers on the screen while every request is refused"):
        session.wait(f"the reply to {command}", lambda _: answers() > before, deadline=10)
    with report.check("the line is empty for the next prompt"):
        wait_until_steady(session)
        expect(prompt_line(session.text()) == "❯", framed(session.text()))
    with report.check("the reply's first sentence is on the screen, not above it"):
        wait_until_steady(session)
        expect(worded(headline) in worded(above_prompt(session.text())), framed(session.text()))
    with report.check("it does not say that nothing was spent, for there was a response before the limit"):
        expect("$0.00" not in above_prompt(session.text()), framed(session.text()))
    return asked, headline


def nothing_was_sent(report, api, asked, command, names_it=False):
    """Checks that the command sent nothing. Call this after a later question has been answered, because only then are
    all requests known. With `names_it`, the client may mention the command to the model, as it does for its own
    commands."""
    before, headline = asked
    with report.check(f"{command} sent no request, and nothing of its reply reached the model later"):
        later = api.questions()[before:]
        expect(later, "the later question never arrived, so nothing is known")
        for request in later:
            text = json.dumps(request["messages"])
            for ours in (headline,) if names_it else (command, headline):
                position = text.find(ours)
                excerpt = text[max(0, position - 300) : position + 300]
                expect(position < 0, f"a request contains {ours!r}: …{excerpt}…")


def first_day(stage, report):
    """Covers a fresh HOME, install.sh, the first prompt, a limit, /whycap, recovery, and uninstalling."""
    own = OWN_SETTINGS if stage.plan == "key" else None
    with fresh_home(stage, own) as (home, api):
        install(report, home)
        with report.check("settings.json has the status line and the hooks by absolute path, and all that was there"):
            settings = json.loads(home.settings.read_text())
            expect("/" in settings["statusLine"]["command"] and "whycap" in settings["statusLine"]["command"], settings)
            expect("StopFailure" in settings["hooks"], settings)
            expect(own is None or settings["cleanupPeriodDays"] == 99, settings)
        with Session(stage.program, home, api, columns=stage.columns, rows=stage.rows) as session:
            session.ready()
            with report.check("the status line is there before the first prompt"):
                session.wait_footer("the model", re.compile(r"Opus|Sonnet|Haiku|Fable").search)
            with report.check("after a response, the status line shows model and spend"):
                ask_and_read(session, api, successful_response(stage), "say hello")
                session.wait_footer("the spend", re.compile(r"\$0?\.\d\d").search)
            if stage.newest:
                with report.check("the spend is what the mock served, in cents"):
                    session.wait_footer("$0.07", "$0.07")
            if stage.plan != "key":
                with report.check("the status line shows both windows"):
                    session.wait_footer(
                        "42 % and 17 %", lambda text: re.search(r"42\s?%", text) and re.search(r"17\s?%", text)
                    )
            if stage.plan == "key":
                with report.check("the user's own hook still runs"):
                    session.wait(
                        "the mark of the user's own hook", lambda _: (home.path / "own-hook-ran").exists(), deadline=5
                    )
            answers = 1

            api.play("console_spend" if stage.plan == "key" else "spend_limit")
            limit_is_explained(
                report,
                session,
                home,
                "go on please",
                "Monthly spend limit reached" if stage.plan == "key" else PLAN_LIMIT,
            )
            asked = whycap_answers_without_the_model(report, session, home, api, "/whycap")

            with report.check("the next successful response is shown"):
                ask_and_read(session, api, successful_response(stage, text="Back at work."), "and now")
                answers += 1
            nothing_was_sent(report, api, asked, "/whycap", names_it=True)
            with report.check("the badge is gone"):
                badge = reported_incident(home)["badge"]
                session.wait_footer("the badge no more", lambda text: worded(badge) not in worded(text) and "$" in text)
            with report.check("`whycap explain --json` says that it is over"):
                expect(reported_incident(home)["open"] is False, "open is still true")
            session.leave()
        if stage.newest:
            with report.check("`whycap spend` agrees with what the mock served"):
                spent = whycap_json(home, "spend")["total"]
                expect(
                    abs(spent["cost_usd"] - answers * ONE_RESPONSE_USD) < 1e-9,
                    f"{spent}, served: {answers} × {ONE_RESPONSE_USD}",
                )
        uninstall(report, stage, home, own)


def uninstall(report, stage, home, own):
    with report.check("uninstall ends well"):
        process = whycap(home, "uninstall") if stage.plan == "key" else install_sh(home, "--uninstall")
        expect(process.returncode == 0, f"it exited with {process.returncode}: {output_of(process)}")
    with report.check("settings.json is as before, byte for byte" if own else "no settings.json is left, as before"):
        now = home.settings.read_text() if home.settings.exists() else None
        expect(now == own, f"before:\n{own}\nnow:\n{now}")
    with report.check("no command file of ours is left"):
        left = [str(path) for path in (home.path / ".claude").rglob("whycap*") if "backup" not in path.name]
        expect(not left, left)
    if stage.plan != "key":
        with report.check("install.sh --uninstall took the binary too"):
            expect(not (home.path / ".local/bin/whycap").exists(), "it is still there")


def claude(stage, home, api, *arguments, timeout=120):
    """Runs the client without its screen, for example for its plugin commands."""
    return subprocess.run(
        [str(stage.program), *arguments],
        cwd=home.project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env=home.environment(api.url),
    )


def add_plugin(stage, report, home, api):
    """Installs the plugin from a local folder and returns the folder."""
    # The folder is a clean clone because the client copies the whole folder, and the working copy may hold gigabytes of
    # build files.
    folder = home.path / "clone"
    shutil.copytree(
        program.ROOT,
        folder,
        symlinks=True,
        ignore=shutil.ignore_patterns("target", ".git", "node_modules", "__pycache__"),
    )
    with report.check("`claude plugin marketplace add` takes the folder"):
        process = claude(stage, home, api, "plugin", "marketplace", "add", str(folder))
        expect(process.returncode == 0, output_of(process))
    with report.check("`claude plugin install whycap@whycap` ends well"):
        process = claude(stage, home, api, "plugin", "install", "whycap@whycap")
        expect(process.returncode == 0, output_of(process))
    return folder


def plugin(stage, report):
    """Runs /whycap:explain from a plugin in a local folder while every request is refused."""
    with fresh_home(stage) as (home, api):
        install(report, home, "--no-settings")
        with report.check("install.sh --no-settings left settings.json alone"):
            expect(not home.settings.exists(), home.settings.exists() and home.settings.read_text())
        folder = add_plugin(stage, report, home, api)
        if stage.newest:
            with report.check("`claude plugin validate --strict --profile directory` passes"):
                process = claude(
                    stage, home, api, "plugin", "validate", str(folder), "--strict", "--profile", "directory"
                )
                expect(process.returncode == 0, output_of(process))
        with Session(stage.program, home, api) as session:
            session.ready()
            with report.check("a response arrives as usual"):
                ask_and_read(session, api, successful_response(stage), "say hello")
            with report.check("no hook error is on the screen"):
                expect(
                    "hook error" not in session.text() and "hook failed" not in session.text(), framed(session.text())
                )
            api.play("console_spend" if stage.plan == "key" else "spend_limit")
            with report.check("the limit's error is on the screen"):
                session.ask("go on please")
                session.wait("the client's error", re.compile(r"limit reached|hit your"))
                if stage.plan != "key":
                    session.wait_menu()
            session.put_away_menu()
            asked = whycap_answers_without_the_model(report, session, home, api, "/whycap:explain")
            with report.check("a successful response follows"):
                ask_and_read(session, api, successful_response(stage, text="Back at work."), "and now")
            nothing_was_sent(report, api, asked, "/whycap:explain", names_it=True)
            session.leave()


def plugin_and_settings(stage, report):
    """The plugin and the settings both run whycap's hooks, and nothing is announced or counted twice."""
    with fresh_home(stage) as (home, api):
        install(report, home)
        add_plugin(stage, report, home, api)
        with Session(stage.program, home, api) as session:
            session.ready()
            ask_and_read(session, api, successful_response(stage), "say hello")
            api.play("spend_limit")
            limit_is_explained(report, session, home, "go on please", PLAN_LIMIT)
            whycap_answers_without_the_model(report, session, home, api, "/whycap")
            with report.check("the reply is shown once"):
                wait_until_steady(session)
                expect(answers_to("/whycap", session.text()) == 1, framed(session.text()))
            with report.check("/whycap:explain spend from the plugin answers too, once"):
                session.ask("/whycap:explain spend")
                session.wait("the reply", lambda text: answers_to("/whycap:explain", text))
                wait_until_steady(session)
                answer_text = re.split("operation blocked by hook:|⎿ whycap:", flat(above_prompt(session.text())))[-1]
                expect(
                    answer_text.count("$0.07") and answers_to("/whycap:explain", session.text()) == 1,
                    framed(session.text()),
                )
            session.leave()
        with report.check("`whycap spend` counts the response once"):
            spent = whycap_json(home, "spend")["total"]
            expect(abs(spent["cost_usd"] - ONE_RESPONSE_USD) < 1e-9, spent)


def plugin_alone(stage, report):
    """With the plugin but without the program, the user reads once how to get the program, and nothing breaks."""
    with fresh_home(stage) as (home, api):
        add_plugin(stage, report, home, api)
        for first in (True, False):
            with Session(stage.program, home, api) as session:
                session.ready()
                ask_and_read(session, api, successful_response(stage), "say hello")
                if first:
                    with report.check("the first session says what is missing"):
                        session.wait(
                            "how to get whycap", lambda text: "needs the whycap program" in flat(text), deadline=10
                        )
                else:
                    with report.check("the second session says nothing of it"):
                        expect("needs the whycap program" not in flat(session.everything()), framed(session.text()))
                with report.check("no hook error is on the screen"):
                    expect(
                        "hook error" not in session.text() and "hook failed" not in session.text(),
                        framed(session.text()),
                    )
                session.leave()


CONTINUES = re.compile("continuing automatically", re.IGNORECASE)


def meet_five_hour_limit(stage, session, home, api, resets_in):
    """Hits a limit that resets soon. The client says that it will continue automatically.

    For a few hundred milliseconds, the client still reports the usage from before the error, which contradicts it."""
    ask_and_read(session, api, successful_response(stage), "say hello")
    api.play(limit(overage="rejected", overage_reason="out_of_credits", resets_in=resets_in))
    session.ask("go on please")
    session.wait_footer("the client's notice", CONTINUES.search)
    session.wait("the verdict", lambda _: reported_incident(home)["verdict"] == "real", deadline=10)


def automatic_continue(stage, report):
    """The client waits for the reset on its own. The plugin's /whycap does not interfere, and the work continues."""
    with fresh_home(stage) as (home, api):
        install(report, home, "--no-settings")
        add_plugin(stage, report, home, api)
        with Session(stage.program, home, api) as session:
            session.ready()
            meet_five_hour_limit(stage, session, home, api, resets_in=20)
            headline, before = reported_incident(home)["headline"], len(api.questions())
            session.ask("/whycap")
            with report.check("/whycap answers"):
                session.wait("the reply", lambda text: answers_to("/whycap", text) == 1, deadline=10)
            with report.check("the client still says that it continues by itself"):
                wait_until_steady(session)
                expect(CONTINUES.search(session.footer()), framed(session.text()))
                expect("Because you ran /whycap" not in flat(session.text()), framed(session.text()))
            api.play(successful_response(stage, 0.02, text="Back at work."))
            with report.check("after the reset the work goes on, with nobody at the keyboard"):
                # The client waits up to a minute and a half longer than it announces.
                session.wait("the next response", "Back at work.", deadline=150)
            nothing_was_sent(report, api, (before, headline), "/whycap", names_it=True)
            session.leave()


ASKING_ENDS_IT = "Claude Code does not continue this session by itself, because a prompt"


def asking(stage, report):
    """Checks how each way of asking affects the client's auto-resume, and that the reply mentions the effect."""
    for way, options, command, goes_on in (
        ("the default installation's /whycap", [], "/whycap", True),
        ("the marketplace plugin's /whycap", ["--no-settings"], "/whycap", True),
        ("the marketplace plugin's /whycap:explain", ["--no-settings"], "/whycap:explain", False),
    ):
        with fresh_home(stage) as (home, api):
            install(report, home, *options)
            if options == ["--no-settings"]:
                add_plugin(stage, report, home, api)
            with Session(stage.program, home, api) as session:
                session.ready()
                meet_five_hour_limit(stage, session, home, api, resets_in=HOUR)
                with report.check(f"{way}: before it `explain --json` says when the session goes on"):
                    expect(reported_incident(home)["continues_at"], reported_incident(home))
                session.ask(command)
                with report.check(f"{way}: the reply begins with what happened"):
                    session.wait(
                        "the reply",
                        lambda text: re.search(
                            "(blocked by hook|⎿ whycap): Your 5-hour limit is used up", flat(above_prompt(text))
                        ),
                        deadline=10,
                    )
                    wait_until_steady(session)
                report.note(
                    f"client {stage.version}, {way}: the waiting {'goes on' if CONTINUES.search(session.footer()) else 'has ended'}"
                )
                with report.check(
                    f"{way}: the client's waiting {'goes on' if goes_on else 'has ended'}, and the reply says {'nothing of it' if goes_on else 'so'}"
                ):
                    expect(bool(CONTINUES.search(session.footer())) == goes_on, framed(session.text()))
                    expect((ASKING_ENDS_IT in flat(session.text())) != goes_on, framed(session.text()))
                with report.check(f"{way}: so says `explain --json`"):
                    expect(bool(reported_incident(home)["continues_at"]) == goes_on, reported_incident(home))
                session.leave()


def cancelled(stage, report):
    """If a user cancels the auto-resume, whycap must not say that the session continues by itself."""
    with fresh_home(stage) as (home, api):
        install(report, home)
        with Session(stage.program, home, api) as session:
            session.ready()
            meet_five_hour_limit(stage, session, home, api, resets_in=HOUR)

            def running():
                return whycap_json(home, "now")["sessions"][0]

            with report.check("`now` says that the session goes on by itself"):
                session.wait("the session in `now`", lambda _: running()["continues"] == "yes", deadline=5)
            session.key("Escape")
            with report.check("cancelled with Esc, it says that it does not, and why"):
                session.wait("the cancelled session", lambda _: running()["continues"] == "no", deadline=5)
                expect("canceled" in running()["why"], running())
                expect(reported_incident(home)["continues_at"] is None, reported_incident(home))
            session.leave()


def situations(stage, report):
    """Covers missing credits, payment, another login, two sessions, and overload with the real client."""
    with fresh_home(stage) as (home, api):
        install(report, home)
        with Session(stage.program, home, api, rows=60) as session:
            session.ready()
            ask_and_read(session, api, successful_response(stage, 0.99), "say hello")
            api.play("five_hour")
            incident = limit_is_explained(report, session, home, "go on please", PLAN_LIMIT)
            report.note(f"client {stage.version} says: {incident['message']}")
            with report.check("a window whose message adds that no credits are left is that window"):
                expect((incident["limit"], incident["verdict"]) == ("five_hour", "real"), incident)
            with report.check("what is free comes before what costs, which is named with what it takes"):
                commands = {step["command"] for step in incident["actions"]}
                expect({"/rate-limit-options", "/usage-credits"} <= commands, incident["actions"])
                costs = [step["costs_money"] for step in incident["actions"]]
                expect(costs == sorted(costs), incident["actions"])
                expect("costs money" in incident["actions"][-1]["do"], incident["actions"])
            with report.check("the row below the badge says how to let Claude Code wait again"):
                session.wait_footer("the way to wait", "To let Claude Code wait for the reset")
            with Session(stage.program, home, api, rows=60) as second:
                second.ready()
                with report.check("a response in another session ends it everywhere"):
                    ask_and_read(second, api, successful_response(stage, 0.03, text="Back at work."), "and here")
                    session.wait_footer("the end of the limit", lambda text: "5-hour limit" not in text, deadline=20)
                    expect(whycap(home, "explain", "--exit-code").returncode == 0, whycap(home, "explain").stdout)
                    expect(whycap(home, "wait", "--timeout", "1s").returncode == 0, "wait")
                second.leave()
            session.leave()
    with fresh_home(stage) as (home, api):
        install(report, home)
        with Session(stage.program, home, api) as session:
            session.ready()
            api.play("overloaded")
            session.ask("say hello")
            session.wait("the client's error", re.compile("529|verloaded"))
            with report.check("an overload is waited for: explain 10, wait waits"):
                expect(reported_incident(home)["limit"] == "overloaded", reported_incident(home))
                expect(whycap(home, "explain", "--exit-code").returncode == 10, "explain")
                expect(whycap(home, "wait", "--timeout", "1s").returncode == 124, "wait")
            with report.check("after it nothing is blocked"):
                ask_and_read(session, api, successful_response(stage, 1.0, text="Back at work."), "and now")
                session.wait(
                    "the end of it",
                    lambda _: whycap(home, "explain", "--exit-code").returncode == 0,
                    deadline=10,
                )
            session.wait_footer("the full window", "5h 100%")
            session.leave()


def usage_page(stage, report):
    """The client's saved copy of its /usage page is shown with its age, in `now` and in configured segments."""
    with fresh_home(stage) as (home, api), UsageEndpoint(home.path / "endpoint") as endpoint:
        config = home.path / "config.toml"
        config.write_text('[statusline]\nsegments = ["model", "model_weeks", "credits"]\n')
        install(report, home)
        with Session(
            stage.program,
            home,
            api,
            WHYCAP_CONFIG=str(config),
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="",
            **endpoint.variables(),
        ) as session:
            session.ready()
            ask_and_read(session, api, successful_response(stage), "say hello")
            session.type("/usage")
            session.wait("the typed command", "/usage")
            session.key("Enter")
            with report.check("the client shows the page of the endpoint, with cents as cents"):
                session.wait("the page", lambda text: "$12.34 / $50.00 spent" in flat(text), deadline=20)
            session.key("Escape")
            session.wait("the page closed", lambda text: "$50.00 spent" not in flat(text))
            with report.check("it keeps the page, and `now` tells what no other witness does"):
                session.wait(
                    "the page kept",
                    lambda _: "Fable week 63%, usage credits $12.34 of $50.00 used" in flat(whycap(home, "now").stdout),
                    deadline=15,
                )
                kept = json.loads((home.path / ".claude.json").read_text())["cachedUsageUtilization"]
                report.note(f"client {stage.version} keeps: {json.dumps(kept)[:700]}")
            with report.check("the chosen segments show it with its age"):
                ask_and_read(session, api, successful_response(stage, text="Once more."), "and now")
                session.wait_footer(
                    "the segments",
                    re.compile(r"Fable week 63% \(\d+ s ago\).*credits \$12\.34 of \$50\.00, \$37\.66 left").search,
                )
            session.leave()


def size(stage, report):
    """The status line and the explanation fit a terminal of one size."""
    with fresh_home(stage) as (home, api):
        install(report, home)
        with Session(stage.program, home, api, columns=stage.columns, rows=stage.rows) as session:
            session.ready()
            wanted = ["$0.07", "42%"] + (["Opus 5.5"] if stage.columns >= 80 else [])
            with report.check(f"{', '.join(wanted)} can be read"):
                ask_and_read(session, api, successful_response(stage), "say hello")
                session.wait_footer(", ".join(wanted), lambda text: all(word in text for word in wanted))
            with report.check("no row of the status line was cut by the client"):
                expect("…" not in without_mode_row(session.footer()), framed(session.text()))
            api.play("spend_limit")
            session.ask("go on please")
            with report.check("the badge of the limit can be read"):
                incident, _ = first_words(session, home, lambda text: "hit your" in text)
            with report.check("the time of the reset can be read"):
                session.wait_footer("the reset time", clock_times(incident["resets_at"]).search)
            with report.check("the prompt is still there to type in"):
                session.wait_menu()
                session.put_away_menu()
                session.type("still typing")
                session.wait("the typed text", "still typing")
            report.note("the screen:")
            report.lines.append(framed(session.text()))
            session.key("C-u")
            session.ask("/whycap")
            with report.check("the reply to /whycap begins on the screen, not above it"):
                session.wait("the reply", "/whycap")
                wait_until_steady(session)
                start = worded(incident["headline"])[:40]
                expect(start in worded(above_prompt(session.text())), framed(session.text()))
            session.leave()


def false_limit(stage, report):
    """The server refuses requests although the windows have hardly been used. The user must not be told to wait or
    pay."""
    with fresh_home(stage) as (home, api):
        install(report, home)
        with Session(stage.program, home, api) as session:
            session.ready()
            with report.check("a response brings a new reading of the windows"):
                ask_and_read(session, api, successful_response(stage, 0.04, 0.09), "say hello")
                session.wait_footer("4 %", re.compile(r"\b4\s?%").search)
            api.play("false_credits")
            incident = limit_is_explained(report, session, home, "go on please", "out of extra usage", real=False)
            with report.check("the verdict is false_likely, and no action says to buy"):
                # For a few seconds after the error, the windows of the refusal may still arrive.
                session.wait("the verdict", lambda _: reported_incident(home)["verdict"] == "false_likely", deadline=10)
                incident = reported_incident(home)
                bad = [a["do"] for a in incident["actions"] if re.match(r"(?i)(buy|purchase|top up)\b", a["do"])]
                expect(not bad, bad)
            with report.check("`whycap --clear-stale-locks` ends well and says that a lock causes no limit"):
                process = whycap(home, "--clear-stale-locks")
                expect(process.returncode == 0 and "limit" in process.stdout, output_of(process))
            with report.check("the session goes on after it"):
                ask_and_read(session, api, successful_response(stage, 0.05, 0.09, text="Back at work."), "and now")
            session.leave()


def is_held(prompt):
    """Returns a condition for a screen on which whycap has blocked this prompt because of a budget."""
    return lambda text: (
        "budget" in above_prompt(text).rsplit("blocked by hook", 1)[-1]
        and f"Original prompt: {prompt}" in above_prompt(text)
    )


def budget(stage, report):
    """A user's own budget warns near its limit and blocks prompts beyond it, without sending a request."""
    with fresh_home(stage) as (home, api):
        config = home.path / "budget.toml"
        # Two responses from the newest client's model, or one from any other model, use up the budget.
        config.write_text(f'[budget]\nsession = {0.08 if stage.newest else 0.02}\naction = "stop"\n')
        install(report, home)
        with Session(stage.program, home, api, WHYCAP_CONFIG=str(config)) as session:
            session.ready()
            ask_and_read(session, api, successful_response(stage), "say hello")
            if stage.newest:
                with report.check("near the budget one warning names it"):
                    # The spend appears after the response, or with the next prompt if the transcript lagged behind.
                    session.wait_footer("the spend", "$0.07")
                    ask_and_read(session, api, successful_response(stage, text="Second answer."), "once more")
                    session.wait("a warning of the budget", re.compile(r"(?i)budget"), deadline=10)
            session.wait_footer("the used budget", re.compile(r"1\d\d% of|[2-9]\d\d% of").search)
            before = len(api.questions())
            with report.check("beyond the budget the prompt is held back, with the reason"):
                session.ask("third prompt")
                session.wait("the reason", is_held("third prompt"), deadline=10)
            with report.check("the held prompt is kept: in the line, or under the up arrow"):
                # While the client shows its history, the border of the input line has a title.
                in_line = lambda text: text.rsplit("❯", 1)[-1].strip().startswith("third prompt")
                if not in_line(session.text()):
                    session.key("Up")
                session.wait("the prompt", in_line, deadline=5)
            with report.check("put aside by Ctrl+S, it comes back after `/whycap continue`, and is sent"):
                session.key("C-s")
                session.wait("an empty line", lambda text: not in_line(text), deadline=5)
                session.ask("/whycap continue")
                session.wait("the reply", "You can keep using this session")
                session.wait("the prompt again", in_line, deadline=5)
                held = api.questions()[before:]
                api.play(successful_response(stage, text="On we go."))
                session.key("Enter")
                session.wait("the response", "On we go.")
            with report.check("while it was held, no request was sent, and none ever has the warning or the reply"):
                expect(not held, f"{len(held)} requests were sent")
                sent = json.dumps([request["messages"] for request in api.questions()])
                # The client itself adds the name of the command, but not the module's reply.
                expect(
                    "third prompt" in sent and "budget" not in sent and "You can keep using this session" not in sent,
                    sent[-1500:],
                )
            session.leave()


def raised_budget(stage, report):
    """A user raises a budget that stopped the work. The prompt goes through, and the new limit is announced as well."""
    with fresh_home(stage) as (home, api):
        config = home.path / "budget.toml"

        def limit(dollars):
            config.write_text(f'[budget]\nsession = {dollars}\naction = "stop"\n')

        # A response from the newest client's model costs seven cents.
        limit(0.08)
        install(report, home)
        with Session(stage.program, home, api, WHYCAP_CONFIG=str(config)) as session:
            session.ready()
            ask_and_read(session, api, successful_response(stage), "say hello")
            session.wait_footer("the spend", "$0.07")
            ask_and_read(session, api, successful_response(stage, text="Second answer."), "once more")
            session.wait_footer("the used budget", re.compile(r"1\d\d% of").search)
            before = len(api.questions())
            with report.check("beyond the budget the prompt is held back"):
                session.ask("third prompt")
                session.wait("the reason", is_held("third prompt"), deadline=10)
                expect(len(api.questions()) == before, "it was sent")
            session.key("C-u")
            limit(0.3)
            with report.check("raised, the prompt is sent"):
                ask_and_read(session, api, successful_response(stage, text="Third answer."), "third prompt again")
            with report.check("near the new limit there is a warning again"):
                ask_and_read(session, api, successful_response(stage, text="Fourth answer."), "a fourth")
                session.wait_footer("the spend", "$0.27")
                ask_and_read(session, api, successful_response(stage, text="Fifth answer."), "a fifth")
                session.wait("the warning", re.compile(r"budget of \$0\.30 is"), deadline=10)
            session.wait_footer("the used budget", re.compile(r"1\d\d% of").search)
            before = len(api.questions())
            with report.check("and beyond it the prompt is held back"):
                session.ask("a sixth")
                session.wait("the reason", is_held("a sixth"), deadline=10)
                expect(len(api.questions()) == before, "it was sent")
            session.key("C-u")
            session.leave()


def written_again(stage, report):
    """A server loses the prompt cache three times, and drain counts each loss to the token."""
    with fresh_home(stage) as (home, api):
        install(report, home)
        kept, forgotten, asked = 60_000, 0, 0

        def ask(is_forgotten):
            nonlocal kept, forgotten, asked
            read, asked = 0 if is_forgotten else kept, asked + 1
            written = kept + 500 - read
            forgotten += kept if is_forgotten else 0
            kept += 500
            usage = {
                "input_tokens": 10,
                "output_tokens": 20,
                "cache_read_input_tokens": read,
                "cache_creation_input_tokens": written,
            }
            ask_and_read(session, api, response(f"Answer {asked}.", usage=usage), f"prompt {asked}")

        with Session(stage.program, home, api) as session:
            session.ready()
            kept -= 500
            ask(True)
            forgotten = 0
            for _ in range(3):
                ask(False)
                ask(True)
            # The client writes its last response when it exits, if not before.
            session.leave()
            with report.check("`whycap drain` finds these three, to the token, and calls them the server's"):
                incident = whycap_json(home, "drain")
                expect(
                    (incident["needless"]["answers"], incident["needless"]["tokens"]) == (3, forgotten),
                    f"{incident['needless']}, not {forgotten}",
                )
                expect(
                    [cause["cause"] for cause in incident["causes"] if cause["needless"]] == ["server"],
                    incident["causes"],
                )


def own_status_line(stage, report):
    """The user's own status line is kept, --wrap shows both, and uninstalling restores the same bytes."""
    settings = '{"statusLine": {"type": "command", "command": "cat >/dev/null; echo MY-OWN-LINE"}}\n'
    with fresh_home(stage, settings) as (home, api):
        install(report, home)
        with report.check("the user's own status line is not replaced unasked"):
            expect(
                "MY-OWN-LINE" in json.loads(home.settings.read_text())["statusLine"]["command"],
                home.settings.read_text(),
            )
        with report.check("`whycap install --wrap` ends well"):
            process = whycap(home, "install", "--wrap")
            expect(process.returncode == 0, output_of(process))
        with Session(stage.program, home, api) as session:
            session.ready()
            with report.check("both lines are shown"):
                ask_and_read(session, api, successful_response(stage), "say hello")
                session.wait_footer("both lines", lambda text: "MY-OWN-LINE" in text and "$0.07" in text)
            session.leave()
        with report.check("uninstall gives back the same bytes"):
            process = whycap(home, "uninstall")
            expect(process.returncode == 0, output_of(process))
            expect(home.settings.read_text() == settings, home.settings.read_text())


def binary_gone(stage, report):
    """The binary was deleted without uninstalling. The client must work as if whycap had never been installed."""
    with fresh_home(stage) as (home, api):
        install(report, home)
        (home.path / ".local/bin/whycap").unlink(missing_ok=True)
        with Session(stage.program, home, api) as session:
            session.ready()
            with report.check("prompts are answered"):
                ask_and_read(session, api, successful_response(stage), "say hello")
            with report.check("a limit ends the turn as ever"):
                api.play("console_spend" if stage.plan == "key" else "spend_limit")
                session.ask("go on please")
                session.wait("the client's error", re.compile(r"limit reached|hit your"))
            report.note("the screen:")
            report.lines.append(framed(session.text()))
            session.put_away_menu()
            session.leave()


def stray_key(stage, report):
    """An API key in the environment overrides a subscription, so the limit is the key's and not the plan's."""
    with fresh_home(stage) as (home, api):
        install(report, home)
        with Session(stage.program, home, api, ANTHROPIC_API_KEY=DUMMY_KEY) as session:
            session.ready()
            api.play("no_credit")
            # A shell without the key is not blocked, so it gives another answer.
            incident = limit_is_explained(
                report,
                session,
                home,
                "say hello",
                "Credit balance too low",
                real=False,
                ANTHROPIC_API_KEY=DUMMY_KEY,
            )
            with report.check("the verdict is wrong_credential, and the reply names the variable but never its value"):
                expect(incident.get("verdict") == "wrong_credential", json.dumps(incident, indent=1)[:2000])
                expect("ANTHROPIC_API_KEY" in json.dumps(incident), json.dumps(incident, indent=1)[:2000])
                expect(DUMMY_KEY not in json.dumps(incident) + session.everything(), "the key's value was shown")
            with report.check("no file of ours holds the key"):
                kept = own_files_with(home, DUMMY_KEY)
                expect(not kept, kept)
            session.leave()


def own_files_with(home, value):
    """Returns whycap's files that contain this value. The client's own files may disappear while they are listed."""
    return [
        str(path)
        for path in home.path.rglob("*")
        if "whycap" in str(path.relative_to(home.path)) and path.is_file() and value.encode() in path.read_bytes()
    ]


def token_beside_login(stage, report):
    """A token may belong to another account than the login. The usage and the limits of one are not those of the other,
    although the client does not pass the token to hooks and the status line."""
    token = "sk-ant-oat01-of-another-account"
    with fresh_home(stage) as (home, api):
        install(report, home)
        with (
            Session(stage.program, home, api) as of_login,
            Session(stage.program, home, api, CLAUDE_CODE_OAUTH_TOKEN=token) as with_token,
        ):
            ask_and_read(of_login, api, successful_response(stage, 0.23), "say hello")
            of_login.wait_footer("the usage of the login", "5h 23%")
            ask_and_read(with_token, api, successful_response(stage, 0.02), "say hello")
            with report.check("the usage of the token is not shown as the usage of the login"):
                with_token.wait_footer("the usage of the token", "5h 2%")
                wait_until_steady(with_token)
                reported = whycap_json(home, "now")["windows"]
                expect(reported["five_hour"]["used_percentage"] == 23, reported)

            api.play("five_hour")
            with_token.ask("go on please")
            with_token.wait_footer("the limit of the token", "5-hour limit")
            ask_and_read(of_login, api, successful_response(stage, 0.24), "say hello again")
            with report.check("a limit of the token is not shown as a limit of the login"):
                of_login.wait_footer("the usage of the login", "5h 24%")
                wait_until_steady(of_login)
                expect("5-hour limit" not in of_login.footer(), of_login.footer())
            with report.check("a response of the login does not end the limit of the token"):
                wait_until_steady(with_token)
                footer = with_token.footer()
                expect("5-hour limit" in footer and "another session" not in footer, footer)
            with report.check("a shell whose login has room says that only the session with the token is affected"):
                explained = output_of(whycap(home, "explain"))
                expect("Only that session is stopped. New sessions can work." in flat(explained), explained)
            with report.check("no file of ours holds the token"):
                kept = own_files_with(home, token)
                expect(not kept, kept)
            with_token.leave()
            of_login.leave()


def headless(stage, report):
    """With `claude -p`, whycap reports the same figures and the same incident, even without a screen."""
    with fresh_home(stage) as (home, api):
        install(report, home)

        def ask(prompt):
            return claude(stage, home, api, "-p", prompt, timeout=60)

        with report.check("the response is printed, and nothing of ours with it"):
            api.play(successful_response(stage))
            process = ask("say hello")
            expect((process.returncode, process.stdout.strip()) == (0, "Hello from the mock."), output_of(process))
        with report.check("`whycap spend` has it"):
            spent = whycap_json(home, "spend")["total"]
            expect(abs(spent["cost_usd"] - ONE_RESPONSE_USD) < 1e-9, spent)
        with report.check("the error is printed as ever"):
            api.play("spend_limit")
            process = ask("go on please")
            expect("hit your" in process.stdout, output_of(process))
        with report.check("`whycap explain` knows of it"):
            # The client may kill its hooks when it exits. The transcript still contains the error.
            expect(reported_incident(home)["open"] is True, reported_incident(home))


def waiting(stage, report):
    """With `whycap run`, `claude -p` waits for a reset, and a script learns why."""
    with fresh_home(stage) as (home, api):
        install(report, home)
        with report.check("only the hooks remain, and doctor misses no status line"):
            for arguments in (["uninstall"], ["install", "--headless"]):
                whycap(home, *arguments)
            settings = home.settings.read_text()
            expect("StopFailure" in settings and "statusLine" not in settings, settings)
            expect("status line" not in whycap(home, "doctor").stdout, whycap(home, "doctor").stdout)
        waiting_in_scripts(report, home, api)


def moments(stage, report):
    """Covers each event at which a figure could jump: fork, /branch, /clear, resume, kill -9, two sessions at once."""
    with fresh_home(stage) as (home, api):
        install(report, home)
        walk(Walk(stage, report, home, api, ONE_RESPONSE_USD), lambda text: successful_response(stage, text=text))


def stuck_lock(stage, report):
    """With a stale lock, each start waits for the lock and loses data that it should save. After whycap clears the
    lock, starts are normal."""

    def directory_of_tomorrow(lock):
        lock.mkdir()
        os.utime(lock, (time.time() + DAY, time.time() + DAY))

    def directory_with_a_file(lock):
        lock.mkdir()
        (lock / "left").write_text("")
        os.utime(lock, (time.time() - DAY, time.time() - DAY))

    def a_file(lock):
        lock.write_text("")
        os.utime(lock, (time.time() - DAY, time.time() - DAY))

    def start(home, api):
        began = time.monotonic()
        with Session(stage.program, home, api) as session:
            session.ready()
            session.wait_footer("the status line", re.compile("Opus|Sonnet").search)
            took = time.monotonic() - began
            session.leave()
        return took

    with fresh_home(stage) as (home, api):
        install(report, home)
        lock = home.path / ".claude.json.lock"
        start(home, api)
        report.note(f"a start without a lock takes {start(home, api):.1f} s")
        for name, leave in (
            ("a lock dated tomorrow", directory_of_tomorrow),
            ("a lock with a file in it", directory_with_a_file),
            ("a file where the lock belongs", a_file),
        ):
            leave(lock)
            with_lock = start(home, api)
            with report.check(f"{name} is called stuck, and cleared"):
                expect(lock.exists(), f"the client itself cleared {name}: it is not stuck on {stage.version}")
                before = {entry["path"]: entry["verdict"] for entry in whycap_json(home, "locks")["locks"]}
                expect(before.get(str(lock)) == "stuck", before)
                process = whycap(home, "--clear-stale-locks")
                expect(process.returncode == 0 and not lock.exists(), output_of(process))
            if lock.is_dir():
                shutil.rmtree(lock)
            lock.unlink(missing_ok=True)
            report.note(f"{name}: the start takes {with_lock:.1f} s, and {start(home, api):.1f} s once it is gone")
        with report.check("the lock of a running client stays"):
            with Session(stage.program, home, api) as session:
                session.ready()
                session.wait("no lock of the client's own", lambda _: not lock.exists())
                lock.mkdir()
                process = whycap(home, "--clear-stale-locks")
                expect(process.returncode == 0 and lock.exists(), output_of(process))
                lock.rmdir()
                session.leave()


SIZES = [(80, 24), (120, 40), (200, 50), (50, 30)]


def files_in(home):
    """Returns every file in a home with its bytes, except the files of whycap and of the client itself."""
    return {
        str(path.relative_to(home.path)): path.read_bytes()
        for path in sorted(home.path.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and not re.search(r"\.local/(bin|share)/|/(backups|telemetry|cache)/", str(path))
    }


def in_and_out(stage, report):
    """Installing and uninstalling leaves every file unchanged, byte for byte, although the client ran in between."""
    for settings in (OWN_SETTINGS, None):
        way = f"{'own' if settings else 'no'} settings"
        with fresh_home(stage, settings) as (home, api):
            before = files_in(home)
            install(report, home)
            with report.check(f"{way}: the backup is the original"):
                backup = home.path / ".claude/settings.json.whycap-backup"
                expect(not settings or backup.read_text() == settings, backup.exists() and backup.read_text())
            with report.check(f"{way}: the data directory is private"):
                mode = (home.path / ".local/share/whycap").stat().st_mode & 0o777
                expect(mode == 0o700, oct(mode))
            process = install_sh(home, "--uninstall")
            with report.check(f"{way}: every file is as before"):
                after = files_in(home)
                changed = [name for name in {*before, *after} if before.get(name) != after.get(name)]
                expect(process.returncode == 0 and not changed, f"{changed}: {output_of(process)}")

            install(report, home)
            with Session(stage.program, home, api) as session:
                session.ready()
                ask_and_read(session, api, successful_response(stage), "say hello")
                session.ask("/whycap")
                session.wait("the reply", lambda text: answers_to("/whycap", text) == 1, deadline=10)
                session.leave()
            process = install_sh(home, "--uninstall")
            with report.check(f"{way}: after a session too, settings.json is as before"):
                now = home.settings.read_text() if home.settings.exists() else None
                expect(now == settings, f"{now}: {output_of(process)}")
            with report.check(f"{way}: what remains is listed with the command that deletes it"):
                commands = re.findall(r"^  - [^:]+: (rm .*)$", process.stdout, re.MULTILINE)
                expect(commands == ["rm -r ~/.local/share/whycap"], output_of(process))
                for command in commands:
                    subprocess.run(
                        ["sh", "-c", command], env={"HOME": str(home.path), "PATH": "/usr/bin:/bin"}, check=True
                    )
                left = [str(path) for path in home.path.rglob("*whycap*")]
                expect(not left, left)


def open_session(stage, report):
    """A session that was open during the installation shows the status line at once, and knows /whycap after
    /reload-plugins, as the installation says."""
    with fresh_home(stage) as (home, api), Session(stage.program, home, api) as session:
        session.ready()
        ask_and_read(session, api, successful_response(stage), "say hello")
        install(report, home)
        with report.check("the status line appears by itself"):
            session.wait_footer("the status line", "5h 42%", deadline=20)
        session.ask("/whycap")
        with report.check("the session does not know /whycap yet"):
            session.wait("the client's answer", "Unknown command: /whycap")
        session.ask("/reload-plugins")
        session.wait("the client's answer", "Reloaded: 1 plugin")
        session.ask("/whycap")
        with report.check("the session knows /whycap after /reload-plugins"):
            session.wait("whycap's answer", lambda text: answers_to("/whycap", text) == 1, deadline=10)
        session.leave()


def advice_of_doctor(stage, report):
    """After a default installation, doctor has no warnings. After its later advice is followed, /whycap still replies,
    the client's auto-resume is unaffected, and the status line and the hooks work."""

    def turn_off(home, api):
        claude(stage, home, api, "plugin", "disable", "whycap@skills-dir")
        whycap(home, "install")

    def remove_command(home, _):
        shutil.rmtree(home.path / ".claude/skills/whycap")

    def turn_off_line(home, _):
        settings = json.loads(home.settings.read_text())
        del settings["statusLine"]
        home.settings.write_text(json.dumps(settings))

    for cause, advised in (
        (None, None),
        (turn_off, "claude plugin enable"),
        (remove_command, "whycap install --hooks"),
        (turn_off_line, "whycap install --statusline"),
    ):
        with fresh_home(stage) as (home, api):
            install(report, home)
            name = cause.__name__.replace("_", " ") if cause else "default installation"
            if cause:
                cause(home, api)
                with report.check(f"{name}: doctor advises {advised}"):
                    fixes = [check["fix"] for check in whycap_json(home, "doctor")["checks"] if check["fix"]]
                    expect(len(fixes) == 1 and fixes[0].startswith(advised), fixes)
                with report.check(f"{name}: the advice can be carried out"):
                    process = subprocess.run(
                        ["sh", "-c", fixes[0].split("  (")[0]],
                        cwd=home.project,
                        env=home.environment(api.url),
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    expect(process.returncode == 0, output_of(process))
            with report.check(f"{name}: doctor has no warning"):
                process = whycap(home, "doctor")
                expect("OK, with no warnings." in process.stdout, output_of(process))
            with Session(stage.program, home, api) as session:
                session.ready()
                meet_five_hour_limit(stage, session, home, api, resets_in=HOUR)
                with report.check(f"{name}: the hook has noticed the limit, and the status line shows it"):
                    expect(reported_incident(home)["limit"] == "five_hour", reported_incident(home))
                    session.wait_footer("the badge", "5-hour limit · ")
                session.ask("/whycap")
                with report.check(f"{name}: /whycap answers once, and the client still continues by itself"):
                    session.wait("the reply", lambda text: answers_to("/whycap", text) == 1, deadline=10)
                    wait_until_steady(session)
                    expect(CONTINUES.search(session.footer()), framed(session.text()))
                session.leave()


def secrets_in_settings(stage, report):
    """No command that shows settings prints a key, a token, or a helper, regardless of how the settings are
    formatted."""
    canary = "canary0value"
    settings = {"env": {"MY_TOKEN": canary}, "apiKeyHelper": f"echo {canary}", "model": "opus"}
    for layout in (json.dumps(settings), json.dumps(settings, indent=1)):
        with fresh_home(stage, layout) as (home, api):
            process = install_sh(home)
            shown = output_of(process) + "".join(
                output_of(whycap(home, *words.split()))
                for words in (
                    "install --dry-run",
                    "uninstall --dry-run",
                    "doctor",
                    "doctor --json",
                    "config",
                    "now",
                    "report",
                    "explain",
                )
            )
            with Session(stage.program, home, api, rows=60) as session:
                session.ready()
                session.ask("/whycap doctor")
                session.wait("the reply", lambda text: "warning" in above_prompt(text), deadline=10)
                wait_until_steady(session)
                shown += session.everything()
                session.leave()
            shown += output_of(install_sh(home, "--uninstall"))
            with report.check("nothing shows the value"):
                expect(canary not in shown, shown[max(0, shown.find(canary) - 500) :][:1000])
            with report.check("the settings are as before"):
                expect(home.settings.read_text() == layout, home.settings.read_text())


def all_journeys(clients):
    """Returns every journey as (name, function, stage). `clients` contains (version, program) pairs."""
    planned = []
    for version, path in clients:
        for plan in ("key", "max"):
            planned += [("first_day", first_day, Stage(version, path, version == NEWEST, plan))]
        planned += [("plugin", plugin, Stage(version, path, version == NEWEST, "max"))]
        if version >= "2.1.328":
            newer = (asking, cancelled, situations, usage_page, waiting)
            planned += [
                (journey.__name__, journey, Stage(version, path, version == NEWEST, "max")) for journey in newer
            ]
        # What happens to a blocked prompt differs by version.
        planned += [("budget", budget, Stage(version, path, version == NEWEST))]
    if NEWEST not in dict(clients):
        return planned
    newest = dict(clients)[NEWEST]

    def on_newest(plan, **more):
        return Stage(NEWEST, newest, True, plan, **more)

    planned += [("first_day", first_day, on_newest("team", role="user")), ("plugin", plugin, on_newest("key"))]
    planned += [("size", size, on_newest("max", columns=columns, rows=rows)) for columns, rows in SIZES]
    planned += [
        ("automatic_continue", automatic_continue, on_newest("max")),
        ("false_limit", false_limit, on_newest("max")),
        ("raised_budget", raised_budget, on_newest("key")),
        ("written_again", written_again, on_newest("key")),
        ("own_status_line", own_status_line, on_newest("key")),
        ("binary_gone", binary_gone, on_newest("max")),
        ("stray_key", stray_key, on_newest("max")),
        ("token_beside_login", token_beside_login, on_newest("max")),
        ("headless", headless, on_newest("max")),
        ("moments", moments, on_newest("max")),
        ("plugin_and_settings", plugin_and_settings, on_newest("max")),
        ("plugin_alone", plugin_alone, on_newest("key")),
        ("in_and_out", in_and_out, on_newest("max")),
        ("open_session", open_session, on_newest("max")),
        ("advice_of_doctor", advice_of_doctor, on_newest("max")),
        ("secrets_in_settings", secrets_in_settings, on_newest("max")),
        ("stuck_lock", stuck_lock, on_newest("key")),
    ]
    return planned
