"""Secrets in other programs' files are neither stored nor printed, but the text around them is still used. Prompts and
responses are not stored at all."""

import json
import os
import re
import string

import world
from launcher import BrokenPromise
from suite import attack, product


def letters(count, seed, alphabet=string.ascii_letters + string.digits):
    """Returns letters that look random but are always the same."""
    value, found = seed * 2654435761 + 12345, []
    for _ in range(count):
        value = (value * 1103515245 + 12345) % 2**31
        found.append(alphabet[(value >> 8) % len(alphabet)])
    return "".join(found)


# The text as it appears in a message, and the part of it that must not appear anywhere.
def secret(form, count, seed, alphabet=string.ascii_letters + string.digits):
    core = letters(count, seed, alphabet)
    return form.replace("CORE", core), core


SECRETS = {
    "an Anthropic key": secret("sk-ant-api03-CORE-AA", 80, 1),
    "an admin key": secret("sk-ant-admin01-CORE", 60, 2),
    "an OAuth token": secret("sk-ant-oat01-CORE", 80, 3),
    "a refresh token": secret("sk-ant-ort01-CORE", 80, 4),
    "a session key": secret("sk-ant-sid01-CORE", 60, 19),
    "a short key": secret("sk-CORE", 48, 5),
    "a project key": secret("sk-proj-CORE", 60, 20),
    "a bearer token": secret("Authorization: Bearer CORE", 40, 6),
    "a bearer token alone": secret("bearer CORE", 40, 21),
    "a web token": secret("eyJhbGciOiJIUzI1NiJ9.eyJCORE.SflKxwRJSMeKKF2QT4fw", 60, 7),
    "an API key header": secret("x-api-key: CORE", 40, 8),
    "an AWS key id": secret("AKIACORE", 16, 9, string.ascii_uppercase + string.digits),
    "a passing AWS key id": secret("ASIACORE", 16, 22, string.ascii_uppercase + string.digits),
    "an AWS secret": secret("aws_secret_access_key=CORE", 40, 10),
    "an AWS session token": secret("AWS_SESSION_TOKEN=CORE", 120, 23),
    "a Google key": secret("AIzaCORE", 35, 11),
    "a Google token": secret("ya29.CORE", 60, 24),
    "a GitHub token": secret("ghp_CORE", 36, 12),
    "a fine GitHub token": secret("github_pat_CORE", 60, 13),
    "a GitLab token": secret("glpat-CORE", 20, 25),
    "a Slack token": secret("xoxb-123456789012-CORE", 24, 14),
    "a private key": secret("-----BEGIN PRIVATE KEY-----\nCORE\n-----END PRIVATE KEY-----", 64, 15),
    "a password in a URL": secret("https://user:CORE@gateway.example/v1", 20, 16),
    "a key in a URL": secret("https://gateway.example/v1?api_key=CORE&x=1", 32, 17),
    "a password": secret("password=CORE", 24, 18),
    "a token in JSON": secret('{"access_token":"CORE"}', 48, 26),
    "an Azure key": secret("api-key: CORE", 32, 27, "0123456789abcdef"),
    "basic authorisation": secret("Authorization: Basic CORE==", 40, 28),
    "a cookie": secret("Cookie: sessionKey=CORE", 50, 29),
    "an npm token": secret("npm_CORE", 36, 30),
    "a long hexadecimal": secret("token CORE", 64, 31, "0123456789abcdef"),
}
FRAMES = {
    "alone": "SECRET",
    "at the end": "API Error: 401 Invalid authentication credentials SECRET",
    "at the start": "SECRET rejected: You've hit your 5-hour limit · resets 8:30am (UTC)",
    "inside": "You've hit your 5-hour limit (key SECRET) · resets 8:30am (UTC)",
    "quoted": 'Failed with "SECRET".',
    "in brackets": "[SECRET]",
    "with a comma": "keys SECRET, and others",
    "twice": "SECRET / SECRET",
}


def check_absent(machine, core, outputs=()):
    """Checks that none of whycap's files and no output contains the secret."""
    # Leaking half of a secret is as bad as leaking all of it.
    part = core[: max(12, len(core) // 2)]
    for directory, _, files in os.walk(machine.data):
        for name in [*files, directory]:
            path = os.path.join(directory, name)
            if part in path:
                raise BrokenPromise(f"it is in the name {path}")
            if os.path.isfile(path) and part.encode() in open(path, "rb").read():
                raise BrokenPromise(f"it is stored in {os.path.relpath(path, machine.home)}")
    for call, run in outputs:
        if part.encode() in run.stdout + run.stderr or part.encode() in run.stdout.replace(b"\n", b"").replace(
            b" ", b""
        ):
            raise BrokenPromise(f"{call} prints it")


CALLS_THAT_SHOW_ERRORS = (
    "statusline",
    "hook UserPromptSubmit",
    "hook SessionStart",
    "hook Stop",
    "hook /whycap",
    "hook /whycap report",
    "hook /whycap incidents",
    "hook /whycap doctor",
    "explain",
    "explain json",
    "incidents",
    "incidents json",
    "report",
    "doctor",
    "doctor json",
    "spend",
    "spend by session",
    "spend why",
    "locks",
    "install dry",
)


def outputs_of(machine, session, calls=CALLS_THAT_SHOW_ERRORS):
    return [(call, world.call(machine, call, session)) for call in calls]


@attack(
    "secrets",
    "{secret} in an error's text ({frame}) is neither stored nor printed when {way}",
    over=product(
        SECRETS, FRAMES, ("the hook brings it", "the transcript brings it", "it is the details", "it is an argument")
    ),
    quick=110,
)
def in_errors(machine, secret, frame, way):
    world.used(machine)
    text, core = SECRETS[secret]
    message = FRAMES[frame].replace("SECRET", text)
    outputs = []
    if way == "the hook brings it":
        outputs.append(
            ("hook", machine.hook(world.hook_event(machine, "StopFailure", "delta", last_assistant_message=message)))
        )
    elif way == "the transcript brings it":
        world.append_lines(machine, "delta", world.error_line("delta", text=message))
    elif way == "it is the details":
        outputs.append(("hook", machine.hook(world.hook_event(machine, "StopFailure", "delta", error_details=message))))
        world.append_lines(machine, "delta", world.error_line("delta", errorDetails=message))
    else:
        outputs += [
            ("explain --text", machine.command("explain", "--text", message)),
            ("explain --json --text", machine.command("explain", "--json", "--text", message)),
        ]
    outputs += outputs_of(machine, "delta")
    check_absent(machine, core, outputs)
    if frame == "inside" and way == "it is an argument":
        limit = json.loads(outputs[1][1].stdout)["incident"]["limit"]
        machine.check(limit == "five_hour", f"the rest of the message is not understood any more: {limit}")


def leaves(value, path=()):
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))


def field_rows(machine):
    sources = {
        "StopFailure": world.hook_event(machine, "StopFailure", "delta"),
        "error line": world.error_line("delta"),
        "UserPromptSubmit": world.hook_event(machine, "UserPromptSubmit", "delta"),
        "SessionStart": world.hook_event(machine, "SessionStart", "delta"),
        "status payload": world.status_payload(machine, "delta"),
    }
    # The names of sessions, directories, and models are stored on purpose, and they do not contain secrets.
    kept = (
        "session_id",
        "sessionId",
        "cwd",
        "transcript_path",
        "model",
        "current_dir",
        "project_dir",
        "display_name",
        "id",
        "version",
        "uuid",
        "timestamp",
        "hook_event_name",
        "type",
        "role",
    )
    return [
        (name, ".".join(map(str, path)), secret)
        for name, value in sources.items()
        for path in leaves(value)
        if path[-1] not in kept
        for secret in ("an Anthropic key", "a bearer token", "an AWS key id", "a password in a URL")
    ]


@attack("secrets", "{secret} in {field} of a {source} is neither stored nor printed", over=field_rows, quick=50)
def in_fields(machine, source, field, secret):
    world.used(machine)
    text, core = SECRETS[secret]
    base = {
        "error line": lambda: world.error_line("delta"),
        "status payload": lambda: world.status_payload(machine, "delta"),
    }.get(source, lambda: world.hook_event(machine, source, "delta"))()
    path = next(path for path in leaves(base) if ".".join(map(str, path)) == field)
    value = world.with_value(base, path, f"x {text} y")
    outputs = []
    if source == "error line":
        world.append_lines(machine, "delta", value)
    elif source == "status payload":
        outputs.append(("statusline", machine.statusline(value)))
    else:
        outputs.append(("hook", machine.hook(value)))
        outputs.append(("hook", machine.hook(world.hook_event(machine, "StopFailure", "delta"))))
    check_absent(machine, core, outputs + outputs_of(machine, "delta"))


ON_ONE_LINE = " on one line"
PLACES = (
    "env ANTHROPIC_API_KEY",
    "env ANTHROPIC_AUTH_TOKEN",
    "env CLAUDE_CODE_OAUTH_TOKEN",
    "env ANTHROPIC_BASE_URL",
    "env ANTHROPIC_CUSTOM_HEADERS",
    "settings env",
    "settings env" + ON_ONE_LINE,
    "settings apiKeyHelper",
    "settings apiKeyHelper" + ON_ONE_LINE,
    "settings otherwise",
    "settings otherwise" + ON_ONE_LINE,
    "project settings env",
    "login",
    "state",
    "lock of an editor",
)


@attack(
    "secrets",
    "{secret} in {place} is neither stored nor printed",
    over=product(
        ("an Anthropic key", "an OAuth token", "a bearer token", "a password in a URL", "an AWS secret"), PLACES
    ),
    quick=None,
)
def in_settings(machine, secret, place):
    world.used(machine)
    text, core = SECRETS[secret]
    environment = {}
    if place.startswith("env "):
        environment = {place.removeprefix("env "): text}
    elif place == "login":
        machine.write(
            ".claude/.credentials.json",
            {"claudeAiOauth": {"accessToken": text, "refreshToken": text, "subscriptionType": "max", "expiresAt": 1}},
        )
    elif place == "state":
        machine.write(
            ".claude.json",
            {
                "primaryApiKey": text,
                "oauthAccount": {
                    "accountUuid": text,
                    "organizationUuid": text,
                    "emailAddress": text,
                    "organizationType": "claude_max",
                },
                "customApiKeyResponses": {"approved": [text]},
            },
        )
    elif place == "lock of an editor":
        machine.write(
            ".local/state/claude/locks/99.lock",
            {"pid": world.DEAD_PROCESS, "authToken": text, "ideName": "x"},
            age=world.HOUR,
        )
    else:
        settings = {
            "settings env": {"env": {"ANTHROPIC_API_KEY": text, "MY_TOKEN": text}},
            "settings apiKeyHelper": {"apiKeyHelper": f"echo {text}"},
            "settings otherwise": {
                "mcpServers": {"x": {"headers": {"Authorization": text}}},
                "statusLine": world.PREVIOUS_STATUS_LINE,
            },
            "project settings env": {"env": {"ANTHROPIC_API_KEY": text}},
        }[place.removesuffix(ON_ONE_LINE)]
        machine.write(
            "work/api/.claude/settings.json" if "project" in place else ".claude/settings.json",
            json.dumps({**world.DOTFILES_SETTINGS, **settings}, indent=None if place.endswith(ON_ONE_LINE) else 1),
        )
    world.append_lines(
        machine,
        "delta",
        world.response("delta", 1),
        world.error_line("delta", text="Credit balance is too low", quotaLimits=None),
    )
    outputs = [
        (call, world.call(machine, call, "delta", environment=environment))
        for call in (
            *CALLS_THAT_SHOW_ERRORS,
            "hook StopFailure",
            "install",
            "install wrap",
            "uninstall dry",
            "uninstall",
        )
    ]
    check_absent(machine, core, outputs)


@attack(
    "secrets",
    "neither prompts nor responses are stored: {what}",
    over=(
        "a user's line",
        "an answer",
        "thinking",
        "a tool's input",
        "a tool's result",
        "a prompt to the hook",
        "the last answer to the hook",
        "a summary",
        "a title",
    ),
)
def prompts(machine, what):
    world.used(machine)
    core = letters(40, 99)
    session = "delta"
    block = {
        "an answer": {"type": "text", "text": core},
        "thinking": {"type": "thinking", "thinking": core, "signature": core},
        "a tool's input": {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": core}},
    }.get(what)
    if block:
        world.append_lines(machine, session, world.response(session, 1, message={"content": [block]}))
    elif what == "a user's line":
        world.append_lines(
            machine, session, {"type": "user", "sessionId": session, "message": {"role": "user", "content": core}}
        )
    elif what == "a tool's result":
        world.append_lines(
            machine,
            session,
            {
                "type": "user",
                "sessionId": session,
                "toolUseResult": {"stdout": core},
                "message": {"role": "user", "content": [{"type": "tool_result", "content": core}]},
            },
        )
    elif what == "a summary":
        world.append_lines(machine, session, {"type": "summary", "summary": core, "leafUuid": "x"})
    elif what == "a title":
        world.append_lines(machine, session, {"type": "custom-title", "customTitle": core, "sessionId": session})
    elif what == "a prompt to the hook":
        machine.hook(world.hook_event(machine, "UserPromptSubmit", session, prompt=core))
    else:
        machine.hook(world.hook_event(machine, "Stop", session, last_assistant_message=core))
    world.append_lines(machine, session, world.response(session, 2))
    outputs = outputs_of(machine, session)
    machine.check(not re.search(core[:20], "".join(run.text for _, run in outputs)), "it is printed")
    check_absent(machine, core, outputs)
