"""A generated history of Claude Code: days of work in several projects, with usage windows that fill up and stop the work."""
import datetime
import json
import random
import subprocess
from pathlib import Path

UTC = datetime.timezone.utc
FIVE_HOURS = datetime.timedelta(hours=5)
WEEK = datetime.timedelta(days=7)
PROJECTS = ["api", "web-shop", "billing", "infra", "mobile-app", "docs", "data-pipeline", "cli", "search", "auth",
            "design-system", "prototypes", "notes", "migrations"]
TASKS = ["Fix the flaky login test", "Move billing to the new API", "Why is the search slow", "Add dark mode",
         "Upgrade the database driver", "Write the release notes", "Clean up the build", "Review the auth changes",
         "Import the old orders", "Cache the product pages", "Make the installer work offline"]
# The models, each with the point at which its use begins, as a fraction of the whole period.
MODELS = [(0.0, "claude-opus-4-6"), (0.0, "claude-sonnet-4-5-20250929"), (0.0, "claude-haiku-4-5-20251001"),
          (0.4, "claude-opus-4-8"), (0.7, "claude-opus-5-5")]
# The mean number of output tokens in a response, and the number of typical days whose tokens fill each window.
OUTPUT = 2350
SHORT, LONG = 0.8, 5.6

FULL = "You've hit your {} limit \u00b7 resets {:%b %-d, %-I%p} (UTC)"


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Meter:
    """A usage window of the plan, which begins with its first response."""

    def __init__(self, name, words, length, worth):
        self.name, self.words, self.length, self.worth = name, words, length, worth
        self.reset, self.used, self.told = datetime.datetime.min.replace(tzinfo=UTC), 0.0, None

    def adds(self, at, tokens):
        """Adds tokens. If the window has reached another whole percentage, returns the reading that a session
        receives."""
        if at >= self.reset:
            self.reset, self.used, self.told = at.replace(minute=0, second=0) + self.length, 0.0, None
        self.used = min(100.0, self.used + 100 * tokens / self.worth)
        if self.told == int(self.used):
            return None
        self.told = int(self.used)
        return {"used_percent": self.told, "resets_at": stamp(self.reset)}


class History:
    """Writes transcripts and the history of the windows below a home directory."""

    def __init__(self, home, seed=1, own_names=(), projects=len(PROJECTS), account=None):
        self.projects, self.account = PROJECTS[:projects], account
        self.home, self.chance, self.own_names = Path(home), random.Random(seed), list(own_names)
        self.errors = []
        self.answers = self.sessions = 0
        self.readings = {}
        self.meters = []

    def write(self, end, days, sessions, answers):
        """Writes this many sessions, spread over the days before `end`, with this many responses each on average."""
        usual = sessions * answers * OUTPUT / days
        self.meters = [Meter("five_hour", "5-hour", FIVE_HOURS, SHORT * usual), Meter("seven_day", "weekly", WEEK, LONG * usual)]
        starts = []
        for _ in range(sessions):
            back = self.chance.randrange(days)
            day = end - datetime.timedelta(days=back)
            if day.weekday() >= 5 and self.chance.random() < .8:
                continue
            hour = self.chance.choice((8, 9, 9, 10, 10, 11, 13, 14, 14, 15, 15, 16, 17, 20, 22))
            start = day.replace(hour=hour, minute=self.chance.randrange(60), second=self.chance.randrange(60), microsecond=0)
            if start < end - datetime.timedelta(hours=2):
                starts.append(start)
        for start in sorted(starts):
            self.session(start, 1 - (end - start) / datetime.timedelta(days=days), answers, end)
        journal = self.home / ".local/share/whycap/journal"
        journal.mkdir(parents=True, mode=0o700)
        journal.parent.chmod(0o700)
        for month, readings in self.readings.items():
            lines = (json.dumps({"reading": reading}, separators=(",", ":")) for reading in readings)
            (journal / f"{month}.jsonl").write_text("\n".join(lines))

    def session(self, at, share, answers, end):
        chance = self.chance
        name = "%08x-0000-4000-a000-%012x" % (self.sessions, chance.getrandbits(48))
        self.sessions += 1
        project = self.projects[min(int(chance.expovariate(.35)), len(self.projects) - 1)]
        directory = self.home / ".claude/projects" / f"-home-dev-{project}"
        cwd = f"/home/dev/{project}"
        title = chance.choice(TASKS)
        if self.own_names:
            cwd, title = self.own_names.pop()
        model = chance.choice([model for since, model in MODELS if since <= share])
        place = {"sessionId": name, "cwd": cwd, "version": "2.1.328", "gitBranch": "main"}
        lines = [{"type": "ai-title", "aiTitle": title, "sessionId": name},
                 {"type": "user", "uuid": "u", "timestamp": stamp(at), **place, "message": {"role": "user", "content": "go"}}]
        for number in range(max(1, int(chance.expovariate(1 / answers)))):
            at += datetime.timedelta(seconds=min(chance.expovariate(1 / 60), 5000))
            full = next((meter for meter in self.meters if at < meter.reset and meter.used >= 100), None)
            if full:
                text = FULL.format(full.words, full.reset)
                lines.append({"type": "assistant", "uuid": f"e{number}", "timestamp": stamp(at), **place, "error": "rate_limit",
                              "isApiErrorMessage": True, "apiErrorStatus": 429,
                              "message": {"model": "<synthetic>", "role": "assistant", "content": [{"type": "text", "text": text}]}})
                self.errors.append((name, at, text, directory / f"{name}.jsonl"))
                if chance.random() < .4:
                    break
                # The user waits for the reset or returns the next morning.
                at = full.reset + datetime.timedelta(minutes=chance.choice((2, 9, 40, 900)))
            if at >= end:
                break
            used = chance.choice((model, model, model, "claude-haiku-4-5-20251001"))
            tokens = chance.randrange(200, 4500)
            lines.append({"type": "assistant", "uuid": f"a{number}", "timestamp": stamp(at), **place, "requestId": f"r{name}{number}",
                          "message": {"id": f"m{name}{number}", "model": used, "role": "assistant",
                                      "content": [{"type": "text", "text": "done"}],
                                      "usage": {"input_tokens": 30, "output_tokens": tokens, "cache_read_input_tokens": tokens * 30,
                                                "cache_creation_input_tokens": tokens}}})
            self.answers += 1
            told = {meter.name: meter.adds(at, tokens) for meter in self.meters}
            if any(told.values()):
                now = stamp(at)
                sample = {"since": now, "at": now, "measured": now, "api_ms": None, "account": self.account, "model": None,
                          "fast_mode": False, "version": None, **told}
                reading = {"session": name, "login": None, "sample": sample}
                self.readings.setdefault(at.strftime("%Y-%m"), []).append(reading)
        directory.mkdir(parents=True, exist_ok=True)
        with open(directory / f"{name}.jsonl", "w", encoding="utf-8") as transcript:
            transcript.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)

    def meet(self, run, most):
        """Reports the latest errors to the hook, as Claude Code would have done when they occurred."""
        for name, at, text, transcript in self.errors[-most:]:
            event = {"session_id": name, "transcript_path": str(transcript), "cwd": "/home/dev", "hook_event_name": "StopFailure",
                     "error": "rate_limit", "last_assistant_message": text}
            run(["hook"], at, json.dumps(event))

    def false_alarm(self, run, at, used):
        """Adds a false limit: a request that was refused while the windows were not full and that succeeded minutes
        later."""
        name = "%08x-0000-4000-a000-00000000face" % self.sessions
        self.sessions += 1
        transcript = self.home / ".claude/projects/-home-dev-api" / f"{name}.jsonl"
        transcript.parent.mkdir(parents=True, exist_ok=True)
        place = {"sessionId": name, "cwd": "/home/dev/api", "version": "2.1.328"}
        reset = at + datetime.timedelta(hours=2)
        text = FULL.format("5-hour", reset)
        message = {"model": "<synthetic>", "role": "assistant", "content": [{"type": "text", "text": text}]}
        error = {"type": "assistant", "uuid": f"e{name}", "timestamp": stamp(at), **place, "error": "rate_limit", "isApiErrorMessage": True,
                 "apiErrorStatus": 429, "message": message}
        later = at + datetime.timedelta(minutes=14)
        answer = {"type": "assistant", "uuid": f"a{name}", "timestamp": stamp(later), **place, "requestId": f"r{name}",
                  "message": {"id": f"m{name}", "model": "claude-opus-4-8", "role": "assistant", "content": [{"type": "text", "text": "done"}],
                              "usage": {"input_tokens": 30, "output_tokens": 400}}}
        status = {"session_id": name, "transcript_path": str(transcript), "version": "2.1.328", "cwd": "/home/dev/api",
                  "model": {"id": "claude-opus-4-8"}, "cost": {"total_cost_usd": 0, "total_api_duration_ms": 900},
                  "rate_limits": {"five_hour": {"used_percentage": used, "resets_at": int(reset.timestamp())}}}
        run(["statusline"], at - datetime.timedelta(seconds=30), json.dumps(status))
        transcript.write_text(json.dumps(error, separators=(",", ":")) + "\n")
        event = {"session_id": name, "transcript_path": str(transcript), "cwd": "/home/dev/api", "hook_event_name": "StopFailure",
                 "error": "rate_limit", "last_assistant_message": text}
        run(["hook"], at, json.dumps(event))
        run(["statusline"], at + datetime.timedelta(seconds=5), json.dumps(status))
        with transcript.open("a") as lines:
            lines.write(json.dumps(answer, separators=(",", ":")) + "\n")
        run(["statusline"], later + datetime.timedelta(seconds=1), json.dumps(status))


def runner(program, home, zone):
    """Runs whycap with this home and without the caller's environment."""
    def run(arguments, now, stdin="", check=True):
        variables = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": zone, "WHYCAP_NOW": stamp(now), "CLAUDECODE": "1"}
        return subprocess.run([str(program), *arguments], env=variables, input=stdin, capture_output=True, text=True, check=check)
    return run
