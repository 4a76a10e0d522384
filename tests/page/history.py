"""A generated history of Claude Code: days of work in several projects, with usage windows that fill up and stop the
work."""

import datetime
import json
import random
import subprocess
from pathlib import Path
from typing import NamedTuple

UTC = datetime.timezone.utc
FIVE_HOURS = datetime.timedelta(hours=5)
WEEK = datetime.timedelta(days=7)

PROJECTS = (
    "api web-shop billing infra mobile-app docs data-pipeline cli search auth design-system prototypes notes migrations"
).split()
TITLES = [
    "Fix the flaky login test",
    "Move billing to the new API",
    "Why is the search slow",
    "Add dark mode",
    "Upgrade the database driver",
    "Write the release notes",
    "Clean up the build",
    "Review the auth changes",
    "Import the old orders",
    "Cache the product pages",
    "Make the installer work offline",
]
HAIKU = "claude-haiku-4-5-20251001"
# The models, each with the point at which its use begins, as a fraction of the whole period.
MODELS = [
    (0.0, "claude-opus-4-6"),
    (0.0, "claude-sonnet-4-5-20250929"),
    (0.0, HAIKU),
    (0.4, "claude-opus-4-8"),
    (0.7, "claude-opus-5-5"),
]
# The hours at which sessions start. Frequent hours occur several times.
STARTING_HOURS = (8, 9, 9, 10, 10, 11, 13, 14, 14, 15, 15, 16, 17, 20, 22)
SHARE_OF_WEEKENDS_WITHOUT_WORK = 0.8

MEAN_OUTPUT_TOKENS = 2350
# The numbers of typical days whose tokens fill the 5-hour window and the weekly window.
DAYS_PER_FIVE_HOUR_WINDOW = 0.8
DAYS_PER_WEEKLY_WINDOW = 5.6

# The share of sessions that the user gives up when a limit is reached. In the others, the user continues this many
# minutes after the reset.
SHARE_OF_ABANDONED_SESSIONS = 0.4
MINUTES_AFTER_RESET = (2, 9, 40, 900)

LIMIT_MESSAGE = "You've hit your {} limit \u00b7 resets {:%b %-d, %-I%p} (UTC)"


def timestamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def json_line(value):
    return json.dumps(value, separators=(",", ":")) + "\n"


# The end of the ID of a session with a false limit.
FALSE_LIMIT_SESSION = "-0000-4000-a000-00000000face"


class SessionName(NamedTuple):
    """A working directory and a title for a session."""

    directory: str
    title: str


class LimitError(NamedTuple):
    """A limit error in a transcript."""

    session: str
    at: datetime.datetime
    message: str
    transcript: Path


class UsageWindow:
    """A usage window of the plan, which begins with its first response. `capacity` is the number of output tokens that
    fill the window."""

    def __init__(self, key, name, length, capacity):
        self.key = key
        self.name = name
        self.length = length
        self.capacity = capacity
        self.reset = datetime.datetime.min.replace(tzinfo=UTC)
        self.used_percent = 0.0
        self.reported_percent = None

    def is_full(self, at):
        return at < self.reset and self.used_percent >= 100

    def add(self, at, tokens):
        """Adds tokens. If the window has reached another whole percentage, returns the new usage in the form in which a
        session receives it. Otherwise, returns None."""
        if at >= self.reset:
            self.reset = at.replace(minute=0, second=0) + self.length
            self.used_percent = 0.0
            self.reported_percent = None
        self.used_percent = min(100.0, self.used_percent + 100 * tokens / self.capacity)
        whole_percent = int(self.used_percent)
        if whole_percent == self.reported_percent:
            return None
        self.reported_percent = whole_percent
        return {"percent": whole_percent, "resets_at": timestamp(self.reset)}


class Transcript:
    """The lines of one session."""

    def __init__(self, session, directory, branch=None):
        self.session = session
        self.common_fields = {"sessionId": session, "cwd": directory, "version": "2.1.328"}
        if branch:
            self.common_fields["gitBranch"] = branch
        self.lines = []

    def add_start(self, at, title):
        self.lines.append({"type": "ai-title", "aiTitle": title, "sessionId": self.session})
        self.add("user", f"u{self.session}", at, message={"role": "user", "content": "go"})

    def add_response(self, number, at, model, usage):
        content = [{"type": "text", "text": "done"}]
        message = {
            "id": f"m{self.session}{number}",
            "model": model,
            "role": "assistant",
            "content": content,
            "usage": usage,
        }
        self.add("assistant", f"a{self.session}{number}", at, requestId=f"r{self.session}{number}", message=message)

    def add_limit_error(self, number, at, text):
        content = [{"type": "text", "text": text}]
        message = {"model": "<synthetic>", "role": "assistant", "content": content}
        error = {"error": "rate_limit", "isApiErrorMessage": True, "apiErrorStatus": 429}
        self.add("assistant", f"e{self.session}{number}", at, **error, message=message)

    def add(self, kind, uuid, at, **fields):
        line = {"type": kind, "uuid": uuid, "timestamp": timestamp(at), **self.common_fields, **fields}
        self.lines.append(line)

    def text(self):
        return "".join(map(json_line, self.lines))


class History:
    """Writes transcripts and the readings of the usage windows below a home directory. `session_names` replaces the
    generated directories and titles of as many sessions."""

    def __init__(self, home, seed=1, session_names=(), project_count=len(PROJECTS)):
        self.home = Path(home)
        self.random = random.Random(seed)
        self.session_names = list(session_names)
        self.projects = PROJECTS[:project_count]
        self.errors = []
        self.response_count = 0
        self.session_count = 0
        self.facts = []
        self.windows = []

    def write(self, end, days, session_count, mean_responses):
        """Writes sessions on the days before `end`. The number of sessions is a maximum, because most weekends have
        none. `mean_responses` is the mean number of responses per session."""
        tokens_per_day = session_count * mean_responses * MEAN_OUTPUT_TOKENS / days
        self.windows = [
            UsageWindow("five_hour", "5-hour", FIVE_HOURS, DAYS_PER_FIVE_HOUR_WINDOW * tokens_per_day),
            UsageWindow("weekly", "weekly", WEEK, DAYS_PER_WEEKLY_WINDOW * tokens_per_day),
        ]
        for start in self.session_starts(end, days, session_count):
            elapsed_fraction = 1 - (end - start) / datetime.timedelta(days=days)
            self.write_session(start, end, elapsed_fraction, mean_responses)
        self.write_journal()

    def session_starts(self, end, days, session_count):
        """Returns the times at which sessions start, in ascending order."""
        starts = []
        for _ in range(session_count):
            days_back = self.random.randrange(days)
            day = end - datetime.timedelta(days=days_back)
            is_weekend = day.weekday() >= 5
            if is_weekend and self.random.random() < SHARE_OF_WEEKENDS_WITHOUT_WORK:
                continue
            hour = self.random.choice(STARTING_HOURS)
            minute = self.random.randrange(60)
            second = self.random.randrange(60)
            start = day.replace(hour=hour, minute=minute, second=second, microsecond=0)
            if start < end - datetime.timedelta(hours=2):
                starts.append(start)
        return sorted(starts)

    def write_session(self, at, end, elapsed_fraction, mean_responses):
        session = f"{self.session_count:08x}-0000-4000-a000-{self.random.getrandbits(48):012x}"
        self.session_count += 1
        project = self.projects[min(int(self.random.expovariate(0.35)), len(self.projects) - 1)]
        name = SessionName(f"/home/dev/{project}", self.random.choice(TITLES))
        if self.session_names:
            name = self.session_names.pop()
        session_model = self.random.choice([model for start, model in MODELS if start <= elapsed_fraction])
        path = self.home / ".claude/projects" / f"-home-dev-{project}" / f"{session}.jsonl"
        transcript = Transcript(session, name.directory, branch="main")
        transcript.add_start(at, name.title)

        for number in range(max(1, int(self.random.expovariate(1 / mean_responses)))):
            at += datetime.timedelta(seconds=min(self.random.expovariate(1 / 60), 5000))
            full_window = next((window for window in self.windows if window.is_full(at)), None)
            if full_window:
                message = LIMIT_MESSAGE.format(full_window.name, full_window.reset)
                transcript.add_limit_error(number, at, message)
                self.errors.append(LimitError(session, at, message, path))
                if self.random.random() < SHARE_OF_ABANDONED_SESSIONS:
                    break
                minutes = self.random.choice(MINUTES_AFTER_RESET)
                at = full_window.reset + datetime.timedelta(minutes=minutes)
            if at >= end:
                break
            self.add_response(transcript, number, at, session_model)

        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(transcript.text(), encoding="utf-8")

    def add_response(self, transcript, number, at, session_model):
        """Adds a response to a transcript and to the usage windows."""
        model = self.random.choice((session_model, session_model, session_model, HAIKU))
        tokens = self.random.randrange(200, 4500)
        usage = {
            "input_tokens": 30,
            "output_tokens": tokens,
            "cache_read_input_tokens": tokens * 30,
            "cache_creation_input_tokens": tokens,
        }
        transcript.add_response(number, at, model, usage)
        self.response_count += 1
        usage_by_window = {window.key: window.add(at, tokens) for window in self.windows}
        if any(usage_by_window.values()):
            self.add_reading(transcript.session, at, usage_by_window)

    def add_reading(self, session, at, usage_by_window):
        read = [{"window": window, **usage} for window, usage in usage_by_window.items() if usage]
        fact = {"at": timestamp(at), "session": session, "source": "sample", "event": {"read": read}}
        self.facts.append(fact)

    def write_journal(self):
        data = self.home / ".local/share/whycap"
        data.mkdir(parents=True, mode=0o700)
        lines = "".join("\n" + json_line({"fact": fact}).rstrip() for fact in self.facts)
        (data / "journal.jsonl").write_text(lines)

    def report_errors(self, run, count):
        """Reports the latest errors to the hook, as Claude Code would have done when they occurred."""
        for error in self.errors[-count:]:
            report_error(run, error, "/home/dev")

    def add_false_limit(self, run, at, used_percent):
        """Adds a false limit: a request is refused although the windows are not full, and the same request succeeds
        minutes later."""
        session = f"{self.session_count:08x}{FALSE_LIMIT_SESSION}"
        self.session_count += 1
        directory = "/home/dev/api"
        path = self.home / ".claude/projects/-home-dev-api" / f"{session}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        reset = at + datetime.timedelta(hours=2)
        message = LIMIT_MESSAGE.format("5-hour", reset)
        retried_at = at + datetime.timedelta(minutes=14)
        payload = {
            "session_id": session,
            "transcript_path": str(path),
            "version": "2.1.328",
            "cwd": directory,
            "model": {"id": "claude-opus-4-8"},
            "cost": {"total_cost_usd": 0, "total_api_duration_ms": 900},
            # Without the weekly window, the newest reading of it would be another session's, which may be full.
            "rate_limits": {
                "five_hour": {"used_percentage": used_percent, "resets_at": int(reset.timestamp())},
                "seven_day": {"used_percentage": 17, "resets_at": int((at + WEEK).timestamp())},
            },
        }
        transcript = Transcript(session, directory)

        def call_status_line(call_time):
            run(["statusline"], call_time, json.dumps(payload))

        call_status_line(at - datetime.timedelta(seconds=30))
        transcript.add_limit_error(0, at, message)
        path.write_text(transcript.text())
        report_error(run, LimitError(session, at, message, path), directory)
        call_status_line(at + datetime.timedelta(seconds=5))
        transcript.add_response(1, retried_at, "claude-opus-4-8", {"input_tokens": 30, "output_tokens": 400})
        path.write_text(transcript.text())
        call_status_line(retried_at + datetime.timedelta(seconds=1))


def report_error(run, error, directory):
    """Reports an error to the hook."""
    event = {
        "session_id": error.session,
        "transcript_path": str(error.transcript),
        "cwd": directory,
        "hook_event_name": "StopFailure",
        "error": "rate_limit",
        "last_assistant_message": error.message,
    }
    run(["hook"], error.at, json.dumps(event))


def runner(program, home, zone):
    """Returns a function that runs whycap with this home, and without the caller's environment."""

    def run(arguments, now, stdin=""):
        variables = {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "TZ": zone,
            "WHYCAP_NOW": timestamp(now),
            "CLAUDECODE": "1",
        }
        return subprocess.run(
            [str(program), *arguments], env=variables, input=stdin, capture_output=True, text=True, check=True
        )

    return run
