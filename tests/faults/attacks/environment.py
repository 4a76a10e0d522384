"""Hostile variables. A project's settings may set any of them for the programs that Claude Code starts."""

import json
import os

import world
from attacks.stdin import bind_socket
from machine import SOMEBODY
from suite import attack, product

VARIABLES = (
    "HOME",
    "WHYCAP_DATA_DIR",
    "WHYCAP_CONFIG",
    "CLAUDE_CONFIG_DIR",
    "XDG_DATA_HOME",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "TZ",
    "TZDIR",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "TERM",
    "LANG",
    "LC_ALL",
    "WHYCAP_NOW",
    "WHYCAP_FROM",
    "CLAUDE_PROJECT_DIR",
    "CLAUDE_PLUGIN_DATA",
    "CLAUDE_CODE_SESSION_ID",
    "PATH",
    "TMPDIR",
    "SQLITE_TMPDIR",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "RUST_MIN_STACK",
    "CLICOLOR_FORCE",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDECODE",
)

VALUES = {
    "missing": None,
    "empty": "",
    "space": " ",
    "dot": ".",
    "relative": "d",
    "up": "../../../..",
    "root": "/",
    "nowhere": "/no/such/place",
    "under a file": "/etc/passwd/x",
    "a file": "/etc/passwd",
    "null": "/dev/null",
    "urandom": "/dev/urandom",
    "colon urandom": ":/dev/urandom",
    "zero": "/dev/zero",
    "process": "/proc/self",
    "memory": "/proc/self/mem",
    "long": "x" * 100_000,
    "long path": "/" + "d/" * 20_000,
    "long name": "/" + "n" * 5000,
    "not UTF-8": b"\xff\xfe",
    "newline": "/a\nb",
    "escape": "/\x1b[2J",
    "override": "/\u202e",
    "commas": ",,,,",
    "many": ",".join(["/no"] * 5000),
    "zero number": "0",
    "minus": "-1",
    "huge number": "9" * 50,
    "one": "1",
    "float": "80.5",
    "words": "eighty",
    "full": "full",
    "1": "1",
    "tilde": "~",
    "tilde path": "~/x",
    "dollar": "$HOME",
    "shell": "`id`;id",
    "GMT+99": "GMT+99",
    "Turkish": "tr_TR.UTF-8",
    "Arabic": "ar_EG.ISO-8859-6",
    "POSIX": "POSIX",
    "zone file": "Europe/Berlin",
    "posix zone": "CET-1CEST,M3.5.0,M10.5.0/3",
    "wrong posix": "<<<<>>>,,,,",
    "1970": "1970-01-01T00:00:00Z",
    "year 9999": "9999-12-31T23:59:60Z",
    "FIFO": "FIFO",
    "socket": "SOCKET",
    "plain file": "FILE",
    "unreadable": "UNREADABLE",
}

CALLS = (
    "statusline",
    "hook Stop",
    "hook SessionStart",
    "hook UserPromptSubmit",
    "hook StopFailure",
    "hook /whycap doctor",
    "spend",
    "doctor",
    "explain",
    "locks",
    "install dry",
)


def real_value(machine, value):
    """Returns the value of a variable. Creates the file that the value names, if it must exist."""
    made = machine.outside / "made"
    if value == "FIFO":
        os.mkfifo(made)
    elif value == "SOCKET":
        bind_socket(made)
    elif value == "FILE":
        made.write_text("precious")
    elif value == "UNREADABLE":
        made.mkdir(mode=0)
    else:
        return value
    return str(made)


@attack(
    "environment",
    "{call} keeps its contract when {variable} is {value}",
    over=product(CALLS, VARIABLES, VALUES),
    quick=900,
)
def values(machine, call, variable, value):
    world.used(machine)
    world.call(machine, call, environment={variable: real_value(machine, VALUES[value])})
    if value == "plain file":
        machine.check(
            (machine.outside / "made").read_text() == "precious", f"the file that {variable} names was changed"
        )


@attack(
    "environment",
    "{call} does not wait for a time zone file that is {value}",
    over=product(
        ("statusline", "hook Stop", "hook UserPromptSubmit", "spend", "explain"),
        ("urandom", "colon urandom", "zero", "FIFO", "memory", "directory"),
    ),
)
def zones(machine, call, value):
    world.used(machine)
    place = "/" if value == "directory" else real_value(machine, VALUES[value])
    world.call(machine, call, environment={"TZ": place})


@attack("environment", "{call} keeps its contract without environment variables", over=world.all_calls())
def bare(machine, call):
    world.used(machine)
    world.call(machine, call, environment=dict.fromkeys(machine.variables))


@attack(
    "environment",
    "{call} keeps its contract in a directory that is {what}",
    over=product(world.all_calls(), ("deleted", "unreadable", "the root", "a very deep one")),
    quick=60,
)
def directories(machine, call, what):
    world.used(machine)
    here = machine.outside / "here"
    here.mkdir()
    if what == "deleted":
        # The launcher changes to this directory and starts the program there (see `sh`).
        run_in_deleted(machine, call, here)
        return
    if what == "unreadable":
        here.chmod(0)
    elif what == "the root":
        here = "/"
    else:
        for _ in range(40):
            here = here / ("d" * 90)
        os.makedirs(here)
    world.call(machine, call, cwd=here)


def run_in_deleted(machine, call, here):
    """Changes to a directory, deletes it, and runs the program from there."""
    before = os.getcwd()
    os.chdir(here)
    os.rmdir(here)
    try:
        world.call(machine, call, cwd="/proc/self/cwd")
    finally:
        os.chdir(before)


# --- a project that wants to be run -------------------------------------------------------------------


def plant(machine, project, data):
    """Creates a cloned repository that contains whycap data, with a status-line command that creates a marker file.
    Returns the path of the marker."""
    mark = machine.outside / "mark"
    command = {"command": f"echo run >> {mark}; echo planted"}
    # A wrapped status line is stored under a hash of the settings' path, which anybody can calculate. Here, the program
    # itself writes the file.
    helper = machine.root / "helper"
    for settings in (
        machine.claude / "settings.json",
        project / ".claude/settings.json",
        project / ".claude/settings.local.json",
    ):
        keep = settings.read_bytes() if settings.exists() else None
        machine.write(settings, {"statusLine": {"type": "command", "command": command["command"]}})
        scope = {"settings.local.json": "local"}.get(
            settings.name, "project" if project in settings.parents else "user"
        )
        machine.command(
            "install",
            "--wrap",
            "--statusline",
            "--scope",
            scope,
            exits=(0,),
            cwd=project,
            environment={"WHYCAP_DATA_DIR": str(helper)},
        )
        if keep is None:
            settings.unlink()
        else:
            settings.write_bytes(keep)
    os.makedirs(data.parent, exist_ok=True)
    os.rename(helper, data)
    mark.unlink(missing_ok=True)
    return mark


@attack(
    "environment",
    "a project's settings cannot make the status line run a command: WHYCAP_DATA_DIR {how}",
    over=(
        "relative",
        "relative with dots",
        "absolute, in the project",
        "absolute, through a link out of the project",
        "absolute, another user's",
        "absolute, writable by all",
        "through XDG_DATA_HOME",
    ),
)
def planted_command(machine, how):
    world.used(machine)
    project = machine.project
    place = (
        machine.outside / "d"
        if how.startswith("absolute, ") and "project" not in how
        else project / ("whycap" if "XDG" in how else "d")
    )
    mark = plant(machine, project, place)
    environment = {"WHYCAP_DATA_DIR": str(place)}
    if how == "relative":
        environment = {"WHYCAP_DATA_DIR": "d"}
    elif how == "relative with dots":
        environment = {"WHYCAP_DATA_DIR": "./../api/d"}
    elif "through a link" in how:
        link = machine.home / "link"
        link.symlink_to(project)
        environment = {"WHYCAP_DATA_DIR": str(link / "d")}
    elif "another user" in how:
        machine.change_owner(SOMEBODY, place)
    elif "writable by all" in how:
        place.chmod(0o777)
    elif "XDG" in how:
        environment = {"XDG_DATA_HOME": str(project)}
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    run = machine.statusline(world.status_payload(machine), environment=environment, cwd=project)
    machine.check(not mark.exists() and "planted" not in run.text, "the planted command was run")
    for name in world.EVENTS:
        machine.hook(world.hook_event(machine, name, "gamma"), environment=environment, cwd=project)
    machine.check(not mark.exists(), "a hook ran the planted command")
    after = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    machine.check(
        before == after,
        f"wrote into the foreign directory: {sorted({p.name for p in after if before.get(p) != after[p]})}",
    )


@attack(
    "environment",
    "a project whose {settings} sets HOME to {where} cannot make the status line run a command kept there",
    over=product(
        ("settings.json", "settings.local.json"), ("a directory of its own", "another directory of the user's")
    ),
)
def planted_home(machine, settings, where):
    world.used(machine)
    evil = (machine.project if "its own" in where else machine.outside) / "evil"
    mark = machine.outside / "mark"
    machine.write(
        evil / ".claude/settings.json",
        {"statusLine": {"type": "command", "command": f"echo run >> {mark}; echo planted"}},
    )
    environment = {"HOME": str(evil)}
    machine.command("install", "--wrap", "--statusline", exits=(0,), environment=environment, cwd=machine.outside)
    machine.write(machine.project / ".claude" / settings, {"env": environment})
    run = machine.statusline(world.status_payload(machine), environment=environment, cwd=machine.project)
    machine.check(not mark.exists() and "planted" not in run.text, "the planted command was run")


@attack(
    "environment",
    "a session that was started in the home directory uses the user's own data: {where}",
    over=("home", "root", "beside the data"),
)
def project_above_the_data(machine, where):
    world.used(machine)
    project = {"home": machine.home, "root": "/", "beside the data": machine.data.parent}[where]
    payload = world.status_payload(
        machine, workspace={"current_dir": str(project), "project_dir": str(project)}, cwd=str(project)
    )
    run = machine.statusline(payload, cwd=project)
    # The reported total is less than the cost of the responses, so another process may have spent more.
    machine.check(
        f"today ${machine.response_count() * 0.02:.2f}" in run.text.replace("≥", ""),
        f"the ledger's figure is missing: {run.text!r}",
    )


@attack(
    "environment",
    "a project's own config.toml cannot hold a prompt back: WHYCAP_CONFIG {how}",
    over=(
        "relative",
        "absolute, in the project",
        "absolute, another user's",
        "absolute, writable by all",
        "through XDG_CONFIG_HOME",
    ),
)
def planted_config(machine, how):
    world.used(machine)
    place = (
        machine.project / "whycap/config.toml"
        if "project" in how or "relative" in how or "XDG" in how
        else machine.outside / "config.toml"
    )
    machine.write(place, '[budget]\nday = 0.0001\naction = "stop"\n')
    if "another user" in how:
        machine.change_owner(SOMEBODY, place.parent)
        os.chown(place, SOMEBODY, SOMEBODY)
    elif "writable" in how:
        place.chmod(0o666)
        place.parent.chmod(0o777)
    environment = {"WHYCAP_CONFIG": "whycap/config.toml" if how == "relative" else str(place)}
    if "XDG" in how:
        environment = {"XDG_CONFIG_HOME": str(machine.project)}
    run = machine.hook(world.hook_event(machine, "UserPromptSubmit"), environment=environment, cwd=machine.project)
    machine.check(b"block" not in run.stdout, f"the prompt was held back: {run.text!r}")


@attack(
    "environment",
    "a previous status line runs in the system's shell, regardless of a project's PATH",
    over=("relative", "absolute"),
)
def planted_shell(machine, how):
    world.installed(machine)
    mark = machine.outside / "mark"
    for name in ("sh", "whycap", "node"):
        machine.write(machine.project / "bin" / name, f"#!/bin/sh\necho run >> {mark}\necho planted\n", mode=0o755)
    path = "bin:/usr/bin:/bin" if how == "relative" else f"{machine.project}/bin:/usr/bin:/bin"
    run = machine.statusline(world.status_payload(machine), environment={"PATH": path}, cwd=machine.project)
    machine.check(not mark.exists(), f"the project's sh was run: {run.text!r}")


@attack("environment", "a previous status line runs only if the settings that it was taken from still contain it")
def stale_wrapped(machine):
    world.used(machine)
    mark = machine.outside / "mark"
    settings = machine.project / ".claude/settings.json"
    machine.write(settings, {"statusLine": {"type": "command", "command": f"echo run >> {mark}; echo kept"}})
    machine.command("install", "--wrap", "--statusline", "--scope", "project", exits=(0,), cwd=machine.project)
    machine.statusline(world.status_payload(machine), cwd=machine.project)
    machine.check(mark.exists(), "the previous status line did not run at all")
    mark.unlink()
    # Another repository is now at the same path.
    machine.write(settings, {"statusLine": {"type": "command", "command": "other"}})
    machine.statusline(world.status_payload(machine), cwd=machine.project)
    machine.check(not mark.exists(), "it ran for another project's settings")


@attack(
    "environment",
    "a previous status line that {does} neither delays nor damages whycap's line",
    over=(
        "sleeps",
        "sleeps and ignores TERM",
        "prints for ever",
        "leaves a child behind",
        "forks a lot",
        "kills its parent",
        "prints no UTF-8",
        "prints NUL",
        "closes everything",
        "reads nothing",
        "fails",
        "does not exist",
        "stops itself",
    ),
)
def kept_command(machine, does):
    world.used(machine)
    command = {
        "sleeps": "sleep 5",
        "sleeps and ignores TERM": "trap '' TERM INT HUP; sleep 5",
        "prints for ever": "while :; do echo y; done",
        "leaves a child behind": "sleep 5 & echo kept",
        "forks a lot": "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 3 & done; wait",
        "kills its parent": "kill -STOP $$; echo kept",
        "prints no UTF-8": "printf '\\377\\376\\n'",
        "prints NUL": "printf 'a\\000b\\n'",
        "closes everything": "exec >&- 2>&- <&-; sleep 5",
        "reads nothing": "exec <&-; echo kept",
        "fails": "echo no; exit 7",
        "does not exist": "/no/such/program",
        "stops itself": "kill -STOP $$",
    }[does]
    machine.write(".claude/settings.json", {"statusLine": {"type": "command", "command": command}})
    machine.command("install", "--wrap", "--statusline", exits=(0,))
    for _ in range(2):
        run = machine.statusline(world.status_payload(machine), previous_line=True)
        machine.check("Opus" in run.text, f"whycap's line is missing: {run.text!r}")


SHELLS = [
    shell for shell in ("/bin/dash", "/bin/bash", "/bin/busybox", "/bin/zsh", "/bin/ksh") if os.path.exists(shell)
]


@attack(
    "environment",
    "the plugin's launcher, run by {shell}, prints nothing and exits with 0 when whycap {does}",
    over=product(
        SHELLS,
        ("is killed", "is missing", "is a directory", "cannot be run", "is not for this machine", "crashes", "fails"),
    ),
)
def launcher(machine, shell, does):
    world.used(machine)
    script = machine.tools.repository / "hooks/whycap-hook"
    machine.check(script.is_file(), f"there is no {script}")
    place = machine.path(".local/bin/whycap")
    texts = {
        "is killed": "#!/bin/sh\nkill -9 $$\n",
        "cannot be run": "#!/no/such/interpreter\n",
        "is not for this machine": b"\x7fELF\x02\x01\x01" + bytes(60),
        "crashes": "#!/bin/sh\nkill -SEGV $$\n",
        "fails": "#!/bin/sh\necho oops >&2\nexit 3\n",
    }
    if does in texts:
        machine.write(place, texts[does], mode=0o755)
    elif does == "is a directory":
        place.mkdir(parents=True)
    for name in world.EVENTS:
        applet = ("sh",) if shell.endswith("busybox") else ()
        run = machine.run(
            *applet,
            str(script),
            name,
            program=shell,
            stdin=json.dumps(world.hook_event(machine, name)).encode(),
            environment={"CLAUDE_PLUGIN_DATA": str(machine.outside)},
        )
        machine.check(run.exit_code == 0 and not run.signal, f"it ended with {run.exit_code}, signal {run.signal}")
        machine.check(not run.stderr, f"it wrote to standard error: {run.stderr!r}")
        if run.stdout:
            run.json()
