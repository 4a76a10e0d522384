"""Checks `whycap run` with the real client: what it waits for, and that only standard error differs."""

import json
import os
import re
import signal
import subprocess
import time

from mock_api import DAY, limit, refusal, response
from program import ROOT
from report import expect

PAGE = ROOT / "docs" / "headless.md"
FORMATS = {
    "text": [],
    "json": ["--output-format", "json"],
    "stream-json": ["--output-format", "stream-json", "--verbose"],
}

# The time that the client needs to start and to be refused.
START = 12
NO_CREDITS = "Your credit balance is too low to access the Anthropic API."
RESUME = "whycap wait && claude --resume"
GOES_ON = "Claude Code continues this session by itself"


class Scripts:
    """Runs commands as a script would, without a terminal."""

    def __init__(self, home, api):
        self.home, self.api = home, api
        # Without retries, the client does not wait either.
        self.environment = {k: v for k, v in home.environment(api.url).items() if k != "CLAUDE_CODE_MAX_RETRIES"}

    def start(self, *command, **variables):
        return subprocess.Popen(
            command,
            env={**self.environment, **variables},
            cwd=self.home.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A terminal sends Ctrl-C to the process group of the command.
            start_new_session=True,
        )

    def run(self, *command, **variables):
        process = self.start(*command, **variables)
        output, error = process.communicate(timeout=120)
        return process.returncode, output, error

    def until_refused(self, count=1):
        """Waits until the mock has refused this many requests, and whycap has had time to report it."""
        seen = len(self.api.questions())
        end = time.monotonic() + 60
        while len(self.api.questions()) < seen + count:
            expect(time.monotonic() < end, "the client sends no request")
            time.sleep(0.05)
        time.sleep(START)


# The IDs of messages, requests, tool calls, and sessions, and all numbers.
VARYING = re.compile(r"\b(msg|req|toolu)_\w+|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}|\d+")


def contents(output):
    """Returns an output without IDs and numbers. Claude Code reports a plugin's commands when it has loaded them, which is
    sometimes before its first line and sometimes after the end."""
    lines = [line.replace(',"whycap"', "") for line in output.splitlines(True) if '"commands_changed"' not in line]
    return [VARYING.sub("#", line) for line in lines]


def waiting(report, home, api):
    scripts = Scripts(home, api)
    run = ["whycap", "run", "--", "claude", "-p", "say hello"]
    for name, options in FORMATS.items():
        with report.check(f"{name}: the answer after the reset is the same as without whycap, and one line says why it was late"):
            results = []
            for command, more in ((run, {}), (run[3:], {"CLAUDE_CODE_RETRY_WATCHDOG": "1"})):
                api.play(limit(resets_in=START + 12))
                process = scripts.start(*command, *options, **more)
                scripts.until_refused()
                api.play(response("done"))
                output, error = process.communicate(timeout=90)
                results.append((process.returncode, output if name == "text" else contents(output)))
                lines = error.splitlines()
                expect([GOES_ON in line for line in lines] == [True] * (not more), error)
            expect(results[0] == results[1] and results[0][0] == 0, results)
    never = {
        "a reset beyond --max-wait": (limit("seven_day", seven_day=1.0, week_resets_in=3 * DAY), RESUME),
        "a server that forbids the retry": (forbidding(limit()), RESUME),
        "no credits": (refusal(400, "invalid_request_error", NO_CREDITS), "First: "),
    }
    for case, (scenario, advice) in never.items():
        with report.check(f"{case}: it ends at once, and one line says what to do"):
            api.play(scenario)
            code, _, error = scripts.run(*run)
            expect(code == 1 and advice in error and len(error.splitlines()) == 1, (code, error))
    with report.check("a limit after a tool has run: the command goes on, and the tool has run once"):
        results = []
        for command, more in ((run, {}), (run[3:], {"CLAUDE_CODE_RETRY_WATCHDOG": "1"})):
            (home.project / "runs").unlink(missing_ok=True)
            api.play(limit_after_tool(limit(resets_in=START + 14)))
            process = scripts.start(*command, "--permission-mode", "bypassPermissions", **more)
            scripts.until_refused(2)
            api.play(response("done"))
            output, _ = process.communicate(timeout=90)
            results.append((process.returncode, output, (home.project / "runs").read_text()))
        expect(results == [(0, "done\n", "ran\n")] * 2, results)
    signals = {
        "SIGTERM": lambda process: process.terminate(),
        "SIGINT": lambda process: process.send_signal(signal.SIGINT),
        "Ctrl-C": lambda process: os.killpg(process.pid, signal.SIGINT),
    }
    for name, send in signals.items():
        with report.check(f"{name} ends the wait as it ends the client's own"):
            ends = []
            for command, more in ((run, {}), (run[3:], {"CLAUDE_CODE_RETRY_WATCHDOG": "1"})):
                api.play(limit(resets_in=600))
                process = scripts.start(*command, **more)
                scripts.until_refused()
                send(process)
                output, _ = process.communicate(timeout=20)
                ends.append((process.returncode, output))
            expect(ends[0] == ends[1], ends)
    with report.check("two runs of one session wait at once, and both are answered"):
        api.play(response("first"))
        _, output, _ = scripts.run(*run[3:], *FORMATS["json"])
        resumed = ["--resume", json.loads(output)["session_id"]]
        api.play(limit(resets_in=START + 15))
        both = [scripts.start(*run, *resumed) for _ in range(2)]
        scripts.until_refused(2)
        api.play(response("done"))
        for process in both:
            output, error = process.communicate(timeout=90)
            expect((process.returncode, output, error.count(GOES_ON)) == (0, "done\n", 1), (output, error))
    page(report, scripts)


def forbidding(scenario):
    return {**scenario, "headers": {**scenario["headers"], "x-should-retry": "false"}}


def limit_after_tool(refused):
    """Returns a scenario in which the model runs a tool, and the request with its result is refused."""
    tool = ("Bash", {"command": "echo ran >> runs", "description": "note that it runs"})
    runs_tool = response("I run it.", tool=tool)
    return lambda request: refused if "tool_result" in json.dumps(request.get("messages")) else runs_tool


def page(report, scripts):
    """Executes every command of docs/headless.md that starts whycap."""
    blocks = "".join(re.findall(r"```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL))
    commands = re.findall(r"^ *(?:- )?(?:run: )?(whycap .*)$", blocks, re.MULTILINE)
    summary = scripts.home.path / "summary.md"
    with report.check("the commands of docs/headless.md work, and the summary names the limit and the cost"):
        expect(len(commands) == 6, commands)
        scripts.api.play(response("done"))
        stream = scripts.run("claude", "-p", "hi", *FORMATS["stream-json"])[1]
        (scripts.home.project / "claude.jsonl").write_text(stream)
        for command in commands:
            code, output, error = scripts.run("sh", "-c", command, GITHUB_STEP_SUMMARY=str(summary))
            expect(code == 0, (command, output, error))
        scripts.api.play(limit(resets_in=9 * 3600))
        code, _, _ = scripts.run("sh", "-c", commands[0])
        scripts.run("sh", "-c", commands[2], GITHUB_STEP_SUMMARY=str(summary))
        text = summary.read_text()
        expect(code == 1 and "### Your 5-hour limit is used up" in text and "has cost $" in text, text)
