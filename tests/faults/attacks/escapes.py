"""Text that controls a terminal, called a bomb, in every field that a file, an argument, or a name can contain. The
contract checks the output of every run for such text."""

import itertools
import json
import os
import random
import re
from dataclasses import dataclass

import world
from launcher import BrokenPromise
from suite import attack, product

BOMBS = {
    "clipboard": "\x1b]52;c;QkFE\x07",
    "clipboard ended by ST": "\x1b]52;c;QkFE\x1b\\",
    "clipboard without an end": "\x1b]52;c;QkFE",
    "clear screen": "\x1b[2J",
    "answer back": "\x1b[6n",
    "private": "\x1b[?1049h",
    "device control": "\x1bP+q544e\x1b\\",
    "application": "\x1b_x\x1b\\",
    "hyperlink": "\x1b]8;;https://evil\x07",
    "title": "\x1b]0;x\x07",
    "reset": "\x1bc",
    "escape at the end": "\x1b",
    "nested": "\x1b\x1b[[2J",
    "charset": "\x1b(0",
    "C1 CSI": "\u009b2J",
    "C1 OSC": "\u009d52;c;QkFE\u009c",
    "C1 DCS": "\u0090q\u009c",
    "next line": "\u0085",
    "bell": "\a",
    "backspace": "\b\b\b",
    "delete": "\x7f",
    "carriage return": "\rFAKE",
    "newline": "\nFAKE-ROW",
    "vertical tab": "\x0b",
    "form feed": "\x0c",
    "shift out": "\x0e",
    "tab": "\t",
    "NUL": "\0",
    "override": "\u202etxt",
    "embedding": "\u202b",
    "isolate": "\u2067a\u2069",
    "marks": "\u200e\u200f\u061c",
    "zero width space": "\u200b",
    "joiner": "\u200d",
    "non-joiner": "\u200c",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "tags": "\U000e0041\U000e0042\U000e007f",
    "soft hyphen": "\u00ad",
    "line separator": "\u2028FAKE",
    "paragraph separator": "\u2029FAKE",
    "annotation": "\ufff9\ufffa\ufffb",
    "invisible times": "\u2062",
    "deprecated": "\u206e",
    "vowel separator": "\u180e",
    "surrogate": "\ud800",
    "not a character": "\uffff",
}
# For hundreds of fields, characters that do not interfere with each other are combined.
FORMATS = (
    "override",
    "embedding",
    "isolate",
    "marks",
    "zero width space",
    "joiner",
    "non-joiner",
    "word joiner",
    "byte order mark",
    "tags",
    "soft hyphen",
    "line separator",
    "paragraph separator",
    "annotation",
    "invisible times",
    "deprecated",
    "vowel separator",
)
FIELD_BOMBS = {
    "all formats": "a".join(BOMBS[name] for name in FORMATS),
    **{
        name: BOMBS[name]
        for name in (
            "clipboard",
            "clipboard ended by ST",
            "clipboard without an end",
            "clear screen",
            "escape at the end",
            "nested",
            "C1 CSI",
            "C1 OSC",
            "next line",
            "newline",
            "carriage return",
            "tab",
            "NUL",
            "delete",
            "surrogate",
        )
    },
}
# The calls whose output may show a file's text to a person or the client.
SHOWING = (
    "statusline",
    "hook SessionStart",
    "hook UserPromptSubmit",
    "hook StopFailure",
    "hook Stop",
    "hook /whycap",
    "hook /whycap spend",
    "hook /whycap locks",
    "hook /whycap doctor",
    "hook /whycap incidents",
    "hook /whycap report",
    "spend",
    "spend json",
    "spend by session",
    "spend by project",
    "spend by model",
    "spend by block",
    "spend why",
    "spend why json",
    "explain",
    "explain json",
    "incidents",
    "incidents json",
    "report",
    "doctor",
    "doctor json",
    "locks",
    "locks json",
    "clear dry",
    "clear dry json",
    "install dry",
    "uninstall dry",
    "prices",
)
CHANGING = ("install", "install wrap", "install project", "clear", "clear json", "restore", "restore json", "uninstall")


def shown_by(machine, *calls, session="gamma"):
    for call in calls:
        run = world.call(machine, call, session)
        if call == "statusline" and re.search(r"^\s*FAKE", run.text, re.M):
            raise BrokenPromise(f"a row was invented: {run.text!r}")


# --- messages -----------------------------------------------------------------------------------------


def messages(machine):
    """Returns the Claude Code messages in the test data."""
    found = set()
    for path in (machine.tools.repository / "tests/data/diagnosis").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            content = ((json.loads(line).get("line") or {}).get("message") or {}).get("content") or []
            found.update(block["text"] for block in content if "text" in block)
    if len(found) < 50:
        raise BrokenPromise(f"only {len(found)} messages found: where do they stand now?")
    return sorted(found)


def message_rows(machine):
    return product(messages(machine), BOMBS)


@attack(
    "escapes",
    "{bomb} between the words of a message is never printed unescaped: {message}",
    over=message_rows,
    quick=60,
)
def in_messages(machine, message, bomb):
    world.used(machine)
    places = [match.start() for match in re.finditer(r"\b|$", message)]
    for place in places[:: max(1, len(places) // 24)]:
        text = message[:place] + BOMBS[bomb] + message[place:]
        argument = text.replace("\0", "").encode("utf-8", "surrogatepass")
        machine.command("explain", "--text", argument)
        machine.command("explain", "--json", "--text", argument)


@attack(
    "escapes",
    "{bomb} in an error's text is never printed unescaped, wherever the error is shown: {message}",
    over=message_rows,
    quick=100,
)
def in_errors(machine, message, bomb):
    world.used(machine)
    places = [match.start() for match in re.finditer(r"\b|$", message)]
    place = places[(len(message) * 7 + len(bomb)) % len(places)]
    text = message[:place] + BOMBS[bomb] + message[place:]
    world.append_lines(machine, "delta", world.error_line("delta", text=text, errorDetails=text))
    machine.hook(world.hook_event(machine, "StopFailure", "epsilon", last_assistant_message=text, error_details=text))
    for session in ("delta", "epsilon"):
        shown_by(machine, "statusline", "hook UserPromptSubmit", "hook /whycap", "hook /whycap report", session=session)
        for arguments in (("explain", "--session", session), ("explain", "--json", "--session", session)):
            machine.command(*arguments)
    # These commands show the errors of all sessions.
    shown_by(machine, "incidents", "incidents json", "report")


@attack("escapes", "{bomb} in an amount that the headline quotes never reaches the terminal", over=list(BOMBS))
def in_amounts(machine, bomb):
    world.used(machine)
    text = f"API Error: 400 Monthly spend limit reached. Current usage: $1{BOMBS[bomb]} / $2{BOMBS[bomb]} limit."
    world.append_lines(machine, "delta", world.error_line("delta", text=text, quotaLimits=None))
    machine.hook(world.hook_event(machine, "StopFailure", "epsilon", last_assistant_message=text))
    for session in ("delta", "epsilon"):
        shown_by(machine, "statusline", "hook UserPromptSubmit", "hook /whycap", session=session)
        machine.command("explain", "--session", session)
        machine.command("explain", "--json", "--session", session)
    shown_by(machine, "incidents", "report")
    for arguments in (("explain", "--text"), ("explain", "--json", "--text")):
        machine.command(*arguments, text.replace("\0", "").encode("utf-8", "surrogatepass"))


# --- fields -------------------------------------------------------------------------------------------


def leaves(value, path=()):
    """Yields the paths of all strings in a JSON value, and of all names in objects."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key, "NAME")
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))


def field_name(path):
    """Returns a name for the field at `path` that is the same in each home. Our account file has one entry for each
    configuration directory, whose key is a hash of the directory's path."""
    return ".".join("DIRECTORY" if re.fullmatch("[0-9a-f]{16}", str(step)) else str(step) for step in path)


def with_bomb(value, path, change):
    """Returns a copy in which the string at `path` is changed."""
    copy = json.loads(json.dumps(value))
    place = copy
    last = len(path) - (2 if path[-1] == "NAME" else 1)
    for key in path[:last]:
        place = place[key]
    if path[-1] == "NAME":
        place[change(path[last])] = place.pop(path[last])
    else:
        place[path[last]] = change(place[path[last]])
    return copy


def documents(machine):
    """Returns an example of each kind of JSON that other programs write, with a function that passes such JSON to
    whycap."""

    def transcript(session, value):
        world.append_lines(machine, session, value)

    def file(path):
        return lambda value: machine.write(path, value)

    def line_of(path):
        return lambda value: path.write_text(path.read_text() + "\n" + json.dumps(value, separators=(",", ":")))

    settings = {
        **world.DOTFILES_SETTINGS,
        "statusLine": world.PREVIOUS_STATUS_LINE,
        "disableAllHooks": True,
        "apiKeyHelper": "helper",
        "env": {
            "ANTHROPIC_API_KEY": "x",
            "ANTHROPIC_BASE_URL": "https://gateway.example",
            "CLAUDE_CODE_USE_BEDROCK": "1",
        },
        "hooks": {"Stop": [{"matcher": "m", "hooks": [{"type": "command", "command": "other"}]}]},
        "modelPricing": {"claude-opus-5-5": {"input": "x"}},
    }
    found = {
        "status payload": (world.status_payload(machine, "gamma"), machine.statusline),
        "event StopFailure": (world.hook_event(machine, "StopFailure", "delta"), machine.hook),
        "event SessionStart": (world.hook_event(machine, "SessionStart", "gamma"), machine.hook),
        "event UserPromptSubmit": (world.hook_event(machine, "UserPromptSubmit", "gamma"), machine.hook),
        "event question": (world.hook_event(machine, "/whycap spend", "gamma"), machine.hook),
        "response": (world.response("gamma", 80), lambda value: transcript("gamma", value)),
        "error line": (world.error_line("gamma", uuid="other"), lambda value: transcript("gamma", value)),
        "error with parameters": (
            world.error_line(
                "gamma",
                uuid="third",
                quotaLimits=None,
                apiErrorParams={
                    "rate_limit_info": {
                        "status": "rejected",
                        "rateLimitType": "five_hour",
                        "overageDisabledReason": "org_level_disabled",
                    }
                },
            ),
            lambda value: transcript("gamma", value),
        ),
        "running total": (world.cost_state("gamma", 0.5), lambda value: transcript("gamma", value)),
        "settings": (settings, file(".claude/settings.json")),
        "project settings": (settings, file("work/api/.claude/settings.json")),
        "local settings": (settings, file("work/api/.claude/settings.local.json")),
        "state": (json.loads(machine.path(".claude.json").read_text()), file(".claude.json")),
        "login": (json.loads(machine.path(".claude/.credentials.json").read_text()), file(".claude/.credentials.json")),
        "registry": (
            {"pid": 1, "sessionId": "gamma", "cwd": "/x", "name": "n", "procStart": "1", "kind": "k"},
            file(f".claude/sessions/{os.getpid()}.json"),
        ),
        "lock of a process": (
            {"pid": world.DEAD_PROCESS, "sessionId": "s", "procStart": "p", "acquiredAt": 1, "host": "h"},
            file(".local/state/claude/locks/1.lock"),
        ),
    }
    # whycap's own files, as another program or an older version may have left them.
    journal = world.journal(machine)
    facts = [line for line in journal.read_text().split("\n") if line.startswith('{"fact":') and "gamma" in line]
    for name in ("refused", "read"):
        fact = next(line for line in facts if f'"event":{{"{name}":' in line)
        found[f"our fact ({name})"] = (json.loads(fact), line_of(journal))
    manifest = next(machine.data.glob("quarantine/*/manifest.json"))
    found["our manifest"] = (json.loads(manifest.read_text()), file(manifest))
    return found


WAYS = {
    "replaced by": lambda bomb: lambda text: bomb,
    "followed by": lambda bomb: lambda text: f"{text}{bomb}x",
    "cut by": lambda bomb: lambda text: f"{text[: len(text) // 2]}{bomb}{text[len(text) // 2 :]}",
}


@dataclass
class BombInField:
    document: str
    field: str
    way: str
    bomb: str

    def __str__(self):
        return f"{self.field} of the {self.document} that is {self.way} {self.bomb}"


@dataclass
class Bombs:
    """Bombs in different documents. They are tried at the same time, because each call that may show one of them starts
    a process."""

    members: list

    @property
    def name(self):
        return ", ".join(map(str, self.members))


# How many documents contain a bomb at the same time.
AT_ONCE = 4


def field_rows(machine):
    """Yields groups of bombs in such a way that every bomb occurs in every field."""
    world.used(machine)
    found = documents(machine)
    bombs_of = {}
    for document, (value, _) in found.items():
        bombs = [
            BombInField(document, field_name(path), way, bomb)
            for path in leaves(value)
            for way in WAYS
            for bomb in FIELD_BOMBS
            if path[-1] != "NAME" or way == "followed by"
        ]
        random.Random(document).shuffle(bombs)
        bombs_of[document] = bombs
    rows = []
    groups = -(-len(found) // AT_ONCE)
    for group in range(groups):
        of_documents = [bombs_of[document] for document in list(found)[group::groups]]
        count = max(map(len, of_documents))
        rows += [
            (Bombs(list(members)),) for members in itertools.islice(zip(*map(itertools.cycle, of_documents)), count)
        ]
    return rows


@attack("escapes", "{bombs} are never printed unescaped", over=field_rows, quick=28)
def in_fields(machine, bombs):
    world.used(machine)
    found = documents(machine)
    for bomb in bombs.members:
        value, bring = found[bomb.document]
        path = next(path for path in leaves(value) if field_name(path) == bomb.field)
        bring(with_bomb(value, path, WAYS[bomb.way](FIELD_BOMBS[bomb.bomb])))
    shown_by(machine, *SHOWING)
    machine.command("explain", "--session", "gamma")
    machine.command("explain", "--json", "--session", "gamma")
    shown_by(machine, *CHANGING)


@attack(
    "escapes",
    "{bomb} in config.toml, as {what}, is never printed unescaped",
    over=product(BOMBS, ("a value", "a key", "a section", "a comment", "outside of all")),
    quick=40,
)
def in_configuration(machine, bomb, what):
    world.used(machine)
    quoted = json.dumps(f"a{BOMBS[bomb]}b")
    text = {
        "a value": f"[statusline]\nsegments = [{quoted}]\n[budget]\naction = {quoted}\n",
        "a key": f"[budget]\n{quoted} = 1\n",
        "a section": f"[{quoted}]\nx = 1\n",
        "a comment": f"# a{BOMBS[bomb]}b\n[budget]\nday = 1\n",
        "outside of all": f"a{BOMBS[bomb]}b\n",
    }[what]
    machine.write(".config/whycap/config.toml", text.encode("utf-8", "surrogatepass"))
    shown_by(
        machine,
        "statusline",
        "doctor",
        "doctor json",
        "hook UserPromptSubmit",
        "hook /whycap doctor",
        "hook /whycap continue",
    )


# --- names --------------------------------------------------------------------------------------------


def as_name(bomb):
    """Returns a hostile string as part of a file name."""
    return BOMBS[bomb].replace("\0", "").replace("/", "_").encode("utf-8", "surrogatepass")


NAMES = {
    "a session": (b".claude/projects/-home-work-api/", b".jsonl"),
    "a project": (b".claude/projects/", b""),
    "a subagent": (b".claude/projects/-home-work-api/alpha/subagents/agent-", b".jsonl"),
    "a version's lock": (b".local/state/claude/locks/", b".lock"),
    "a task": (b".claude/tasks/", b"/.lock.lock"),
    "a market": (b".claude/plugins/marketplaces/", b"/.git/index.lock"),
    "a plugin": (b".claude/plugins/store/", b".json.lock"),
    "a registry entry": (b".claude/sessions/", b".json"),
    "a quarantined item": (b".local/share/whycap/quarantine/", b"/manifest.json"),
    "a backup": (b".claude/settings.json.whycap-backup", b""),
    "a drop-in": (b".claude/commands/", b".md"),
}


@attack(
    "escapes",
    "{bomb} in the names of sessions, projects, locks, and other files is never printed unescaped",
    over=list(BOMBS),
    quick=24,
)
def in_names(machine, bomb):
    world.used(machine)
    if not as_name(bomb):
        return
    for what in NAMES:
        create_with_name(machine, what, bomb)
    shown_by(machine, *SHOWING)
    shown_by(machine, *CHANGING)


def create_with_name(machine, what, bomb):
    before, after = NAMES[what]
    path = os.fsencode(machine.home) + b"/" + before + b"n" + as_name(bomb) + after
    if what == "a project":
        path += b"/epsilon.jsonl"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    content = {
        b".jsonl": world.lines(
            [world.response("epsilon", 1, sessionId=None), world.error_line("epsilon", sessionId=None)]
        ),
        b"/manifest.json": json.dumps(
            {
                "original": os.fsdecode(os.fsencode(machine.home) + b"/x" + as_name(bomb)),
                "moved_at": world.NOW_SECONDS,
                "why": BOMBS[bomb],
            }
        ),
    }
    with open(path, "w", errors="surrogatepass") as file:
        file.write(
            next(
                (text for ending, text in content.items() if path.endswith(ending)),
                json.dumps({"pid": world.DEAD_PROCESS}),
            )
        )
    os.utime(path, (world.NOW_SECONDS - world.HOUR,) * 2)


@attack(
    "escapes",
    "{bomb} in the path of {what} is never printed unescaped",
    over=product(
        ("the home", "the working directory", "CLAUDE_CONFIG_DIR", "the data directory", "the configuration"), BOMBS
    ),
    quick=50,
)
def in_paths(machine, what, bomb):
    world.used(machine)
    if not as_name(bomb):
        return
    place = os.path.join(os.fsencode(machine.outside), b"p" + as_name(bomb))
    environment, cwd = {}, None
    if what == "the home":
        os.rename(machine.home, place)
        environment = {"HOME": place}
    elif what == "the working directory":
        os.makedirs(os.path.join(place, b".claude"))
        with open(os.path.join(place, b".claude/settings.json"), "w") as file:
            file.write('{"statusLine": {"type": "command", "command": "other"}, "disableAllHooks": true}')
        cwd = os.fsdecode(place)
    elif what == "CLAUDE_CONFIG_DIR":
        os.rename(machine.claude, place)
        environment = {"CLAUDE_CONFIG_DIR": place}
    elif what == "the data directory":
        os.rename(machine.data, place)
        environment = {"WHYCAP_DATA_DIR": place}
    else:
        with open(place, "w") as file:
            file.write("rubbish\n")
        environment = {"WHYCAP_CONFIG": place}
    for call in (
        "statusline",
        "hook SessionStart",
        "hook /whycap",
        "hook /whycap doctor",
        "doctor",
        "doctor json",
        "locks",
        "locks json",
        "clear dry",
        "install dry",
        "install",
        "uninstall dry",
        "uninstall",
        "clear",
        "restore",
        "spend",
        "explain",
    ):
        world.call(machine, call, "gamma", environment=environment, cwd=cwd)
    # A file with this name also takes the place of the directory.
    if what in ("the data directory", "CLAUDE_CONFIG_DIR"):
        os.rename(place, place + b"-moved")
        with open(place, "w") as file:
            file.write("in the way")
        for call in (
            "spend",
            "doctor",
            "locks",
            "install",
            "uninstall",
            "clear",
            "restore",
            "explain",
            "statusline",
            "hook Stop",
        ):
            world.call(machine, call, "gamma", environment=environment, cwd=cwd)


@attack(
    "escapes",
    "{bomb} in the variable {name} is never printed unescaped",
    over=product(
        (
            "TZ",
            "WHYCAP_NOW",
            "COLUMNS",
            "TERM",
            "LANG",
            "ANTHROPIC_BASE_URL",
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_MODEL",
            "CLAUDE_CODE_USE_BEDROCK",
            "CLAUDE_PROJECT_DIR",
            "PATH",
            "XDG_STATE_HOME",
        ),
        BOMBS,
    ),
    quick=60,
)
def in_variables(machine, name, bomb):
    world.used(machine)
    value = b"v" + BOMBS[bomb].replace("\0", "").encode("utf-8", "surrogatepass")
    for call in (
        "statusline",
        "hook StopFailure",
        "hook SessionStart",
        "hook /whycap",
        "spend",
        "spend json",
        "explain",
        "explain json",
        "doctor",
        "doctor json",
        "report",
        "install dry",
        "locks",
    ):
        world.call(machine, call, "gamma", environment={name: value})


@attack(
    "escapes",
    "{bomb} in a command in the settings is shown safely by {call}",
    over=product(BOMBS, ("install dry", "install wrap", "install replace", "uninstall dry", "uninstall")),
    quick=50,
)
def in_commands(machine, bomb, call):
    world.used(machine)
    command = f"printf kept # {BOMBS[bomb]}".replace("\0", "")
    machine.write(
        ".claude/settings.json",
        json.dumps({**world.DOTFILES_SETTINGS, "statusLine": {"type": "command", "command": command}}),
    )
    if call.startswith("uninstall"):
        machine.command("install", "--wrap")
    arguments = {"install replace": ("install", "--replace"), **world.COMMANDS}[call]
    machine.command(*arguments)
    machine.command("doctor")
    machine.command("install", "--dry-run")
