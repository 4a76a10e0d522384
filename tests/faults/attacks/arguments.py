"""Hostile arguments: every option of every command, with values that nobody would type."""

import world
from launcher import NeverClosed
from suite import attack, product

VALUES = {
    "empty": "",
    "space": " ",
    "dash": "-",
    "dashes": "--",
    "option": "-rf",
    "long option": "--no-such-option",
    "newline": "a\nb",
    "carriage return": "a\rb",
    "tab": "a\tb",
    "escape": "\x1b[2J",
    "clipboard": "\x1b]52;c;cm0=\x07",
    "C1": "\u009b2J",
    "override": "\u202egpj",
    "zero width": "a\u200bb",
    "tags": "\U000e0041\U000e0042",
    "not UTF-8": b"\xff\xfe\xc3",
    "long": "x" * 100_000,
    "long path": "/" + "a/" * 30_000,
    "path up": "../../../../etc/passwd",
    "device": "/dev/urandom",
    "zero device": "/dev/zero",
    "directory": "/",
    "process": "/proc/self/mem",
    "number": "0",
    "minus": "-1",
    "minus days": "-7d",
    "no days": "0d",
    "many days": "99999999999d",
    "more days": "184467440737095516160d",
    "year 0": "0000-01-01",
    "year 10000": "10000-01-01",
    "last year": "262142-12-31",
    "no date": "2026-02-30",
    "leap": "2026-02-29",
    "time": "2026-11-20T25:61:61Z",
    "wide digits": "７d",
    "format": "%s%n%x{}",
    "shell": "$(touch /tmp/x)`id`;id",
    "regex": "(((((((((a+)+)+)+)+)+)+)+)+$",
    "zone": "Europe/../../../etc/passwd",
    "zone with NUL name": "Etc/GMT+99",
    "posix zone": "<-99>99:99:99<+99>,J0/-999,J365/999",
    "zone of nowhere": "posixrules",
}

# Every option that takes a value, and the other arguments that it requires.
OPTIONS = {
    "spend --by": ("spend", "--by"),
    "spend --since": ("spend", "--since"),
    "spend --until": ("spend", "--until"),
    "spend --timezone": ("spend", "--timezone"),
    "spend since until": ("spend", "--until", "2026-11-20", "--since"),
    "explain --text": ("explain", "--text"),
    "explain --session": ("explain", "--session"),
    "explain json text": ("explain", "--json", "--text"),
    "incidents --session": ("incidents", "--session"),
    "report --session": ("report", "--session"),
    "prices": ("prices",),
    "prices json": ("prices", "--json"),
    "install --scope": ("install", "--dry-run", "--scope"),
    "uninstall --scope": ("uninstall", "--dry-run", "--scope"),
    "completions": ("completions",),
    "no command": (),
    "spend extra": ("spend",),
    "doctor extra": ("doctor",),
    "locks extra": ("locks",),
    "clear extra": ("--clear-stale-locks",),
    "help": ("--help",),
    "version": ("--version",),
}
# Options of a newer program. A program without these options treats them like any other invalid argument.
NEWER_OPTIONS = {
    "wait --session": ("wait", "--timeout", "1s", "--session"),
    "wait --timeout": ("wait", "--timeout"),
    "explain exit code": ("explain", "--exit-code", "--text"),
    "explain long": ("explain", "--long", "--text"),
    "spend by branch": ("spend", "--by", "branch", "--since"),
}
OPTIONS |= NEWER_OPTIONS


@attack(
    "arguments", "{option} with {value} succeeds or is refused in one line", over=product(OPTIONS, VALUES), quick=420
)
def values(machine, option, value):
    world.used(machine)
    arguments = OPTIONS[option]
    exits = (0, 1, 2, 10, 11, 12, 124) if option in NEWER_OPTIONS else (0, 1, 2)
    if (option, value) == ("wait --timeout", "many days"):
        # The value is a valid duration, and the limit lasts for hours, so waiting is the correct behavior.
        run = machine.run(*arguments, VALUES[value], timeout=1.0)
        machine.check(run.timed_out or run.exit_code in exits, f"ended with {run.exit_code}")
        return
    machine.command(*arguments, VALUES[value], exits=exits)
    if arguments and arguments[-1].startswith("--"):
        glued = VALUES[value]
        glued = arguments[-1].encode() + b"=" + (glued if isinstance(glued, bytes) else glued.encode())
        machine.command(*arguments[:-1], glued, exits=exits)


@attack("arguments", "{host} ignores unknown arguments: {value}", over=product(("statusline", "hook"), VALUES))
def host_values(machine, host, value):
    world.used(machine)
    machine.command(host, VALUES[value], stdin=b"{}")


@attack("arguments", "a command called {value} is refused in one line", over=list(VALUES))
def commands(machine, value):
    world.used(machine)
    run = machine.command(VALUES[value])
    machine.check(run.exit_code == 2 or run.stdout, f"ended with {run.exit_code} and printed nothing")


COMBINATIONS = {
    "wrap and replace": ("install", "--wrap", "--replace"),
    "why and by": ("spend", "--why", "alpha", "--by", "day"),
    "dry without clear": ("--dry-run",),
    "json without clear": ("--json",),
    "clear and command": ("--clear-stale-locks", "spend"),
    "json twice": ("spend", "--json", "--json"),
    "since after until": ("spend", "--since", "2026-11-20", "--until", "2020-01-01"),
    "by twice": ("spend", "--by", "day", "--by", "week"),
    "text twice": ("explain", "--text", "a", "--text", "b"),
    "session and text": ("explain", "--text", "a", "--session", "alpha"),
    "value missing": ("spend", "--since"),
    "text missing": ("explain", "--text"),
    "scope missing": ("install", "--scope"),
    "help of nothing": ("help",),
    "many": tuple(["--json"] * 5000),
    "many values": ("prices", *["x"] * 5000),
    "statusline second": ("--json", "statusline"),
}


@attack(
    "arguments", "arguments that contradict each other are refused in one line: {combination}", over=list(COMBINATIONS)
)
def combinations(machine, combination):
    world.used(machine)
    machine.command(*COMBINATIONS[combination])


@attack("arguments", "a message of {size} bytes is explained in time", over=(10_000, 100_000))
def long_messages(machine, size):
    world.used(machine)
    parts = (
        "You've hit your limit · resets ",
        "$1 / $2 ",
        "429 ",
        "(",
        "reset at 5:00pm, ",
        "hit your hit your ",
        'First "Context low · Run /compact" and then later ',
        'Context low · Run /compact, error: "',
    )
    for part in parts:
        machine.command("explain", "--text", (part * size)[:size])


@attack(
    "arguments",
    "a message on standard input ({what}) is explained or refused in time",
    over=("endless", "never closed", "empty", "not UTF-8", "NUL", "32 MB"),
)
def text_from_stdin(machine, what):
    world.used(machine)
    sources = {
        "empty": b"",
        "not UTF-8": b"\xff\xfe",
        "NUL": b"\0" * 1000,
        "32 MB": b"You've hit your limit " * 1_500_000,
        "never closed": NeverClosed(world.LIMIT_TEXT.encode()),
    }
    if what == "endless":
        with open("/dev/zero", "rb") as zero:
            machine.command("explain", "--text", "-", stdin=zero.fileno())
    elif what == "never closed":
        # A person may take any amount of time to type, so this command ends only when its input ends. The test does not
        # wait for it.
        run = machine.run("explain", "--text", "-", stdin=sources[what], timeout=1.0)
        machine.check(run.timed_out or run.exit_code in (0, 1, 2), f"ended with {run.exit_code}")
    else:
        machine.command("explain", "--text", "-", stdin=sources[what])


@attack(
    "arguments",
    "the program works in the same way when it is called {name}",
    over=("", "-whycap", "a b", "\x1b[31mwhycap", "whycap\n"),
)
def program_names(machine, name):
    world.used(machine)
    if "/" in name or not name.strip():
        name = name or " "
    link = machine.outside / name
    link.symlink_to(machine.tools.program)
    machine.command("--version", program=link, exits=(0,))
    machine.command("no-such-command", program=link, exits=(2,))
    machine.command("install", "--dry-run", program=link)
