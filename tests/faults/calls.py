"""The names of system calls, and the system calls that each command makes when nothing fails."""
import errno
import re
from pathlib import Path

import world
from machine import Broken

ERRORS = {name: getattr(errno, name) for name in ("EIO", "ENOSPC", "EACCES", "ENOMEM", "EINTR", "EAGAIN", "ENOLCK")}

# These calls cannot fail, or fail only in ways that do not occur on any real system.
UNFAILING = {"getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getppid", "sched_yield", "sched_getaffinity",
    "rt_sigaction", "rt_sigprocmask", "sigaltstack", "set_robust_list", "rseq", "set_tid_address",
             "futex", "exit", "exit_group", "munmap", "arch_prctl", "prctl", "umask", "gettimeofday", "clock_gettime"}
# These calls can fail in only one way.
ONLY = {"clock_nanosleep": ("EINTR",), "nanosleep": ("EINTR",), "brk": ("ENOMEM",), "mmap": ("ENOMEM", "EACCES", "EAGAIN"),
    "mprotect": ("ENOMEM", "EACCES"), "madvise": ("ENOMEM", "EAGAIN"),
        "mremap": ("ENOMEM", "EAGAIN"), "close": ("EIO", "ENOSPC", "EINTR"), "clone": ("EAGAIN", "ENOMEM"),
        "clone3": ("EAGAIN", "ENOMEM"), "vfork": ("EAGAIN", "ENOMEM"), "fork": ("EAGAIN", "ENOMEM")}


def read_names():
    for header in ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h",
            "/usr/include/asm-generic/unistd.h"):
        if Path(header).is_file():
            return {int(number): name for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)",
                Path(header).read_text())}
    return {}


NAMES = read_names()
NUMBERS = {name: number for number, name in NAMES.items()}

# The command to run, the home to run it in, and how to prepare the home.
SCENES = {
    "statusline": ("lived", "grow"), "statusline at first": ("fresh", ""), "statusline in an error": ("lived", ""),
    "statusline of a new session": ("lived", ""), "statusline wrapped": ("installed", ""),
    "hook SessionStart": ("lived", "grow"), "hook UserPromptSubmit": ("lived", ""), "hook Stop": ("lived", "grow"),
    "hook StopFailure": ("lived", ""), "hook StopFailure at first": ("fresh", ""),
    "hook SessionEnd": ("lived", "grow"), "hook /whycap": ("lived", ""), "hook /whycap spend": ("lived", "grow"),
    "hook /whycap locks": ("lived", ""), "hook /whycap doctor": ("lived", ""), "hook /whycap continue": ("lived", ""),
    "spend json": ("lived", "grow"), "spend at first": ("fresh", ""), "spend": ("lived", "grow"), "spend why": ("lived", ""),
    "explain": ("lived", ""), "incidents": ("lived", ""), "doctor": ("lived", ""), "locks": ("lived", ""),
    "clear": ("lived", ""), "restore": ("lived", ""), "install": ("lived", ""), "install wrap": ("foreign line", ""),
    "install project": ("lived", ""), "uninstall": ("installed", ""),
}


def foreign_line(machine):
    world.lived(machine)
    machine.write(".claude/settings.json", {**world.DOTFILES_SETTINGS, "statusLine": world.FOREIGN_LINE}, mode=0o600)
    return machine


def prepare(machine, scene):
    """Prepares a scene's home."""
    state, more = SCENES[scene]
    (foreign_line if state == "foreign line" else world.HOMES[state])(machine)
    if more == "grow":
        world.grow(machine)


def play(machine, scene, **how):
    """Runs the scene's command and checks the contract."""
    if scene.startswith("statusline"):
        session = {"statusline in an error": "gamma", "statusline of a new session": "delta"}.get(scene, "alpha")
        return world.call(machine, "statusline", session, foreign="wrapped" in scene, **how)
    if scene.startswith("spend at first"):
        return machine.verb("spend", "--json", **how)
    return world.call(machine, scene.removesuffix(" at first"), **how)


def recorded(machine, scene):
    """Returns the system calls of a scene, each with its name and first argument."""
    prepare(machine, scene)
    run = play(machine, scene, count=True)
    if not run.counting or not run.listed:
        raise Broken("the launcher did not find the beginning of main: see `entered` in tools/launch.c")
    return [(NAMES.get(number, str(number)), number) for number, *_ in run.listed]


def each(machine, errors, scenes=None):
    """Yields (scene, "nth:name", error) each time a scene makes a certain system call. The calls are counted by name,
    because threads make the overall order random."""
    rows = []
    for scene in scenes or SCENES:
        count = {}
        for name, _ in recorded(machine, scene):
            count[name] = count.get(name, 0) + 1
            rows += [(scene, f"{count[name]}:{name}", error) for error in errors if can_fail(name, error)]
    return rows


def place_of(which):
    """Returns the options that cause a fault at "nth:name"."""
    nth, name = which.split(":")
    return {"nth": int(nth), "number": NUMBERS[name] if name in NUMBERS else int(name)}


def can_fail(name, error):
    return name not in UNFAILING and error in ONLY.get(name, ERRORS)
