"""The contents of a home: transcripts, settings, state, locks, and the input that Claude Code sends."""

import contextlib
import fcntl
import json
import os

from machine import NOW_SECONDS

HOUR = 3600
FIVE_HOUR_RESET, WEEK_RESET = NOW_SECONDS + 2 * HOUR, NOW_SECONDS + 50 * HOUR
DEAD_PROCESS = 4194305  # higher than any PID that Linux assigns

# Sessions of the fixture and their responses. `gamma` ends in a limit error.
SESSIONS = {"alpha": 12, "beta": 12, "gamma": 6}
SUBAGENT = 4
PROJECTS = {"alpha": "-home-work-api", "beta": "-home-work-api", "gamma": "-home-work-web"}

LIMIT_TEXT = "You've hit your 5-hour limit · resets 8:30am (UTC)"
WEEKLY_TEXT = "You've hit your weekly limit · resets Nov 22, 8:30am (UTC)"
DOTFILES_SETTINGS = {
    "permissions": {"allow": ["Bash(ls:*)"]},
    "env": {"EDITOR": "vi"},
    "model": "opus",
    "cleanupPeriodDays": 30,
}
PREVIOUS_STATUS_LINE = {"type": "command", "command": "printf kept", "padding": 0}


def transcript(session):
    return f".claude/projects/{PROJECTS.get(session, '-home-work-api')}/{session}.jsonl"


def response(session, number, **changes):
    """Returns an assistant line that costs $0.02. `changes` replaces fields of the line, and its `usage` replaces
    fields of the usage."""
    usage = {"input_tokens": 0, "output_tokens": 1000, **changes.pop("usage", {})}
    line = {
        "parentUuid": None,
        "isSidechain": False,
        "type": "assistant",
        "uuid": f"u-{session}-{number}",
        "timestamp": f"2026-11-20T06:{number % 60:02}:00.000Z",
        "sessionId": session,
        "version": "2.1.328",
        "cwd": "/home/work/api",
        "gitBranch": "main",
        "requestId": f"req_{session}_{number}",
        "message": {
            "id": f"msg_{session}_{number}",
            "model": "claude-opus-5-5",
            "role": "assistant",
            "content": [{"type": "text", "text": "x" * 200}],
            "stop_reason": "end_turn",
            "usage": usage,
        },
    }
    line["message"].update(changes.pop("message", {}))
    line.update(changes)
    return line


def lines(values):
    """Returns the lines of a transcript. A value that is not JSON is a text with its line break."""
    return "".join(value if isinstance(value, str) else json.dumps(value) + "\n" for value in values)


def error_line(session, text=LIMIT_TEXT, at="2026-11-20T06:29:00.000Z", **changes):
    """Returns the line that a plan limit leaves in a transcript."""
    return {
        "type": "assistant",
        "uuid": f"e-{session}",
        "timestamp": at,
        "sessionId": session,
        "version": "2.1.328",
        "cwd": "/home/work/web",
        "isApiErrorMessage": True,
        "error": "rate_limit",
        "apiErrorStatus": 429,
        "apiErrorType": "rate_limit_error",
        "apiError": "usage_limit_reached",
        "apiErrorCode": "",
        "errorDetails": "429 Too Many Requests",
        "apiErrorIsTransient": False,
        "quotaLimits": {
            "status": "rejected",
            "resetsAt": FIVE_HOUR_RESET,
            "rateLimitType": "five_hour",
            "overageStatus": "rejected",
            "overageDisabledReason": "out_of_credits",
            "overageResetsAt": WEEK_RESET,
            "isUsingOverage": False,
        },
        "message": {
            "model": "<synthetic>",
            "role": "assistant",
            "content": [{"type": "text", "text": text}],
            "usage": {"input_tokens": 0, "output_tokens": 0},
        },
        **changes,
    }


def weekly_error_line(session, **changes):
    """Returns the line that the weekly limit leaves. `gamma` waits for another limit, and all sessions that wait for
    the same limit are one incident."""
    line = error_line(session, **{"text": WEEKLY_TEXT, **changes})
    line["quotaLimits"].update(resetsAt=WEEK_RESET, rateLimitType="seven_day")
    return line


def cost_state(session, total=0.2, started=1795150000000, **models):
    usage = {
        "inputTokens": 0,
        "outputTokens": 10000,
        "cacheReadInputTokens": 0,
        "cacheCreationInputTokens": 0,
        "webSearchRequests": 0,
        "costUSD": total,
    }
    return {
        "type": "cost-state",
        "sessionId": session,
        "totalCostUSD": total,
        "startTime": started,
        "modelUsage": models or {"claude-opus-5-5": usage},
    }


def with_value(value, path, new):
    """Returns a copy of a JSON value, with another value at `path`."""
    copy = json.loads(json.dumps(value))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = new
    return copy


def status_payload(machine, session="alpha", **changes):
    """Returns the input of a status-line call. `changes` replaces fields."""
    # Reported spend that is not in any transcript is counted, so a session without a transcript reports nothing.
    cost = 0.01 if session in SESSIONS else 0
    return {
        "session_id": session,
        "transcript_path": str(machine.path(transcript(session))),
        "cwd": str(machine.project),
        "version": "2.1.328",
        "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
        "workspace": {"current_dir": str(machine.project), "project_dir": str(machine.project), "added_dirs": []},
        "output_style": {"name": "default"},
        "cost": {"total_cost_usd": cost, "total_duration_ms": 57277, "total_api_duration_ms": 31},
        "context_window": {"used_percentage": 12, "context_window_size": 1000000},
        "fast_mode": False,
        "rate_limits": {
            "five_hour": {"used_percentage": 42, "resets_at": FIVE_HOUR_RESET},
            "seven_day": {"used_percentage": 17, "resets_at": WEEK_RESET},
        },
        **changes,
    }


def hook_event(machine, name, session="alpha", **changes):
    """Returns the input of a hook. A name that begins with `/whycap` is a prompt."""
    base = {
        "session_id": session,
        "transcript_path": str(machine.path(transcript(session))),
        "cwd": str(machine.project),
        "prompt_id": "p",
        "permission_mode": "default",
    }
    fields_by_event = {
        "SessionStart": {"source": "startup", "model": "claude-opus-5-5"},
        "UserPromptSubmit": {"prompt": "hello"},
        "Stop": {"stop_hook_active": False, "last_assistant_message": "done"},
        "StopFailure": {
            "error": "rate_limit",
            "error_details": "429 Too Many Requests",
            "last_assistant_message": LIMIT_TEXT,
        },
        "SessionEnd": {"reason": "other"},
    }
    if name.startswith("/"):
        return {**base, "hook_event_name": "UserPromptSubmit", "prompt": name, **changes}
    return {**base, "hook_event_name": name, **fields_by_event.get(name, {}), **changes}


EVENTS = ("SessionStart", "UserPromptSubmit", "Stop", "StopFailure", "SessionEnd")
PROMPTS = (
    "/whycap",
    "/whycap spend",
    "/whycap locks",
    "/whycap doctor",
    "/whycap incidents",
    "/whycap report",
    "/whycap continue",
)

# The commands that people type, by name. Each command that changes something has a separate name.
READING = {
    "spend": ("spend",),
    "spend json": ("spend", "--json"),
    "spend by session": ("spend", "--by", "session"),
    "spend by project": ("spend", "--by", "project"),
    "spend by model": ("spend", "--by", "model"),
    "spend by block": ("spend", "--by", "block"),
    "spend why": ("spend", "--why", "alpha"),
    "spend why json": ("spend", "--why", "alpha", "--json"),
    "explain": ("explain",),
    "explain json": ("explain", "--json"),
    "explain session": ("explain", "--session", "gamma"),
    "incidents": ("incidents",),
    "incidents json": ("incidents", "--json"),
    "report": ("report",),
    "doctor": ("doctor",),
    "doctor json": ("doctor", "--json"),
    "locks": ("locks",),
    "locks json": ("locks", "--json"),
    "prices": ("prices",),
    "install dry": ("install", "--dry-run"),
    "uninstall dry": ("uninstall", "--dry-run"),
    "clear dry": ("--clear-stale-locks", "--dry-run"),
    "clear dry json": ("--clear-stale-locks", "--dry-run", "--json"),
}
CHANGING = {
    "install": ("install",),
    "install wrap": ("install", "--wrap"),
    "install project": ("install", "--scope", "project"),
    "uninstall": ("uninstall",),
    "clear": ("--clear-stale-locks",),
    "clear json": ("--clear-stale-locks", "--json"),
    "restore": ("locks", "--restore"),
    "restore json": ("locks", "--restore", "--json"),
}
COMMANDS = {**READING, **CHANGING}


def all_calls():
    """Returns the names of all calls to the program (see `call`)."""
    return ["statusline", *(f"hook {name}" for name in (*EVENTS, *PROMPTS)), *COMMANDS]


def call(machine, name, session="alpha", changes=None, **options):
    """Runs a call by name, with the input that Claude Code would send, and checks the contract."""
    changes = changes or {}
    if name == "statusline":
        return machine.statusline(status_payload(machine, session, **changes), **options)
    if name.startswith("hook "):
        name = name.removeprefix("hook ")
        session = "gamma" if name == "StopFailure" and session == "alpha" else session
        return machine.hook(hook_event(machine, name, session, **changes), **options)
    return machine.command(*COMMANDS[name], **options)


# --- homes ------------------------------------------------------------------------------------------


def write_transcripts(machine):
    for session, count in SESSIONS.items():
        entries = [
            {
                "type": "user",
                "sessionId": session,
                "timestamp": "2026-11-20T06:00:00.000Z",
                "message": {"role": "user", "content": "hi"},
            }
        ]
        entries += [response(session, number) for number in range(count)]
        if session == "gamma":
            entries.append(error_line(session))
        machine.write(transcript(session), lines(entries), mode=0o600)
        machine.response_counts[session] = count
    machine.write(
        ".claude/projects/-home-work-api/alpha/subagents/agent-1.jsonl",
        lines(response("alpha", 100 + number, isSidechain=True, agentId="1") for number in range(SUBAGENT)),
        mode=0o600,
    )
    machine.response_counts["alpha"] += SUBAGENT


def append_lines(machine, session, *values):
    """Appends lines to a transcript, as Claude Code does."""
    path = machine.path(transcript(session))
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        file.write(lines(values))


def add_responses(machine, session="alpha", numbers=(50,)):
    """Adds responses that have not been counted yet."""
    append_lines(machine, session, *(response(session, number) for number in numbers))
    machine.response_counts[session] = machine.response_counts.get(session, 0) + len(numbers)


def write_state(machine):
    """Writes settings, a login, and an account in the form that Claude Code uses."""
    machine.project.mkdir(parents=True, exist_ok=True)
    machine.write(".claude/settings.json", json.dumps(DOTFILES_SETTINGS, indent=2) + "\n", mode=0o600)
    machine.write(
        ".claude.json",
        {
            "hasCompletedOnboarding": True,
            "numStartups": 20,
            "projects": {str(machine.project): {"hasTrustDialogAccepted": True}},
            "oauthAccount": {
                "accountUuid": "11111111-1111-4111-8111-111111111111",
                "emailAddress": "dev@example.com",
                "organizationUuid": "22222222-2222-4222-8222-222222222222",
                "organizationName": "Example",
                "organizationType": "claude_max",
                "organizationRole": "admin",
                "billingType": "stripe_subscription",
                "hasExtraUsageEnabled": False,
            },
        },
        mode=0o600,
    )
    machine.write(
        ".claude/.credentials.json",
        {
            "claudeAiOauth": {
                "accessToken": "dummy",
                "refreshToken": "dummy",
                "subscriptionType": "max",
                "expiresAt": (NOW_SECONDS + 300 * 24 * HOUR) * 1000,
            }
        },
        mode=0o600,
    )
    machine.write(".config/whycap/config.toml", '[budget]\nday = 500.0\naction = "warn"\n')


# The locks that whycap clears, and how: directories are removed, and files are moved to quarantine.
REMOVED_LOCKS = (".claude.json.lock", ".claude/history.jsonl.lock")
QUARANTINED_LOCKS = {
    ".local/state/claude/locks/1.lock": {"pid": DEAD_PROCESS},
    ".local/state/claude/locks/2#7.lock": {"pid": DEAD_PROCESS, "sessionId": "x"},
    "work/api/.claude/scheduled_tasks.lock": {"sessionId": "x", "pid": DEAD_PROCESS, "acquiredAt": 1},
    ".local/state/claude/locks/2.1.328.lock": {"pid": DEAD_PROCESS, "version": "2.1.328"},
}


def write_locks(machine):
    for path in REMOVED_LOCKS:
        machine.path(path).mkdir(parents=True)
        machine.age(path, HOUR)
    for path, content in QUARANTINED_LOCKS.items():
        machine.write(path, content, age=HOUR)


def fresh(machine):
    """Creates a home in which whycap has never run."""

    def make(machine):
        write_transcripts(machine)
        write_state(machine)

    return machine.snapshot("fresh", make)


def used(machine):
    """Creates a home in which whycap has counted responses, recorded a limit error, and cleared locks. There are new
    stale locks, so both clearing and restoring have something to do. Facts are waiting in the journal, because the
    ledger was busy during the last calls."""

    def make(machine):
        write_transcripts(machine)
        write_state(machine)
        machine.check_spend()
        machine.statusline(status_payload(machine))
        machine.statusline(status_payload(machine, "gamma"))
        machine.hook(hook_event(machine, "StopFailure", "gamma"))
        machine.hook(hook_event(machine, "Stop", "beta"))
        write_locks(machine)
        machine.command("--clear-stale-locks", exits=(0,))
        write_locks_again(machine)
        machine.check_spend()
        queue_facts(machine)

    return machine.snapshot("used", make)


# The bytes of the ledger's shared memory that a process locks while it writes to the ledger, and while it has opened the
# ledger (SQLite's WAL_WRITE_LOCK and UNIX_SHM_DMS).
WRITE_LOCK, OPEN_LOCK = 120, 128


@contextlib.contextmanager
def busy_ledger(machine):
    """Keeps the ledger busy, like another process that writes to it. What hooks and status lines report meanwhile goes to
    the journal. The ledger is not opened, because SQLite would merge and delete its log afterward."""
    with open(machine.data / "ledger.sqlite3-shm", "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_SH, 1, OPEN_LOCK)
        fcntl.lockf(file, fcntl.LOCK_EX, 1, WRITE_LOCK)
        yield


def journal(machine):
    return machine.data / "journal.jsonl"


def queue_facts(machine):
    """Lets a status line and a hook report facts while the ledger is busy. The next call stores them."""
    windows = {
        "five_hour": {"used_percentage": 43, "resets_at": FIVE_HOUR_RESET},
        "seven_day": {"used_percentage": 18, "resets_at": WEEK_RESET},
    }
    machine.statusline(status_payload(machine))  # A report deletes the ledger's log, and a status line creates it.
    with busy_ledger(machine):
        machine.statusline(status_payload(machine, "gamma", rate_limits=windows))
        machine.hook(hook_event(machine, "StopFailure", "gamma"))
    content = journal(machine).read_text()
    machine.check('"refused"' in content and '"read"' in content, f"no facts are waiting in the journal: {content[:200]!r}")


def write_locks_again(machine):
    """Creates a new lock in place of every second lock that was moved to quarantine, so that clearing has something to
    do. The other locks can be restored. Restoring never overwrites a lock."""
    for index, (path, content) in enumerate(QUARANTINED_LOCKS.items()):
        is_second = index % 2 == 1
        if is_second:
            machine.write(path, content, age=HOUR)
    for path in REMOVED_LOCKS:
        machine.path(path).mkdir(exist_ok=True)
        machine.age(path, HOUR)


def installed(machine):
    """Creates a home in which whycap was used, with whycap in the settings and another status line preserved."""

    def make(machine):
        used(machine)
        machine.write(
            ".claude/settings.json",
            json.dumps({**DOTFILES_SETTINGS, "statusLine": PREVIOUS_STATUS_LINE}, indent=2) + "\n",
            mode=0o600,
        )
        machine.command("install", "--wrap", exits=(0,))

    return machine.snapshot("installed", make)


HOMES = {"fresh": fresh, "used": used, "installed": installed}


def data_files(machine):
    """Returns every file and directory below the data directory, relative to the home."""
    paths = [machine.data]
    for directory, directories, files in os.walk(machine.data):
        paths += [machine.data / directory / name for name in directories + files]
    return sorted(str(path.relative_to(machine.home)) for path in paths)
