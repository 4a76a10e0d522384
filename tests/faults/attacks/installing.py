"""install.sh: interrupted, misplaced, and in strange surroundings."""

import os
import subprocess

from launcher import BrokenPromise
from suite import attack, product

SIGNALS = ("TERM", "INT", "HUP", "QUIT", "PIPE")
# Programs that install.sh starts. Each of them sends the signal in turn.
STEPS = ("cargo", "sed", "mkdir", "cp", "chmod", "mv", "date", "mktemp", "dirname", "rm")


def checkout(machine):
    """Creates a checkout like that of a user, with a cargo that builds instantly. Returns its directory and the
    directory of programs."""
    repository = machine.tools.repository
    place = machine.outside / "whycap"
    for name in ("install.sh", "Cargo.toml", "packaging/sample.jsonl"):
        machine.write(place / name, (repository / name).read_bytes(), mode=0o755 if name.endswith(".sh") else 0o644)
    programs = machine.outside / "programs"
    log = machine.outside / "log"
    machine.write(
        programs / "cargo",
        f"""#!/bin/sh
echo "$PWD: $*" >>{log}
case $1 in
--version) echo 'cargo 1.99.0 (x 2026-01-01)' ;;
build | rustc) mkdir -p "$CARGO_TARGET_DIR/source" && cp {machine.tools.program} "$CARGO_TARGET_DIR/source/whycap" ;;
esac
""",
        mode=0o755,
    )
    machine.home.mkdir(exist_ok=True)
    (machine.root / "tmp").mkdir()
    return place, programs, log


def run_command(machine, command, programs, cwd, **how):
    variables = {**machine.variables, "PATH": f"{programs}:/usr/bin:/bin", "TMPDIR": str(machine.root / "tmp")}
    return subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, timeout=60, start_new_session=True, **how
    )


def leftover_paths(machine):
    found = [path for path in machine.home.rglob("*") if ".whycap.new" in path.name or path.name.startswith(".whycap-")]
    return found + list((machine.root / "tmp").iterdir())


@attack(
    "installing",
    "install.sh that is ended by {name} while {step} runs leaves nothing incomplete, and the next run succeeds",
    over=product(SIGNALS, STEPS, ("itself", "everything")),
)
def interrupted(machine, name, step, whom):
    place, programs, _ = checkout(machine)
    real = {"cargo": programs / "real-cargo"}.get(step, f"/usr/bin/{step}")
    if step == "cargo":
        os.rename(programs / "cargo", real)
    if not os.path.exists(real):
        real = f"/bin/{step}"
    once = machine.outside / "once"
    target = "$PPID" if whom == "itself" else "0"
    machine.write(
        programs / step,
        f'#!/bin/sh\n{real} "$@"\ncode=$?\nif [ ! -e {once} ]; then : >{once}; kill -{name} {target}; fi\nexit $code\n',
        mode=0o755,
    )
    try:
        run_command(machine, [str(place / "install.sh")], programs, place)
    except subprocess.TimeoutExpired as error:
        raise BrokenPromise("it did not end") from error
    left = leftover_paths(machine)
    machine.check(not left, f"left behind: {left[0].name}" if left else "")
    settings = machine.claude / "settings.json"
    if settings.exists():
        machine.check(settings.read_text().count("whycap") >= 6, "the settings are half changed")
    run = run_command(machine, [str(place / "install.sh")], programs, place)
    machine.check(run.returncode == 0, f"the next run ends with {run.returncode}: {run.stderr[-200:]!r}")
    machine.check(
        (machine.home / ".local/bin/whycap").exists() and not leftover_paths(machine),
        "the next run did not complete it, or left something behind",
    )


@attack(
    "installing",
    "install.sh piped into a shell {where} builds nothing there",
    over=("in another Rust project", "in the home", "in a checkout of whycap", "in a project that calls itself whycap"),
)
def piped(machine, where):
    place, programs, log = checkout(machine)
    project = machine.project
    project.mkdir(parents=True)
    if "project" in where:
        name = "whycap" if "itself" in where else "other"
        machine.write(project / "Cargo.toml", f'[package]\nname = "{name}"\nversion = "0.1.0"\nrust-version = "1.70"\n')
        machine.write(project / "build.rs", "fn main() { panic!() }")
    cwd = {"in the home": machine.home, "in a checkout of whycap": place}.get(where, project)
    run = run_command(machine, ["/bin/sh"], programs, cwd, input=(place / "install.sh").read_bytes())
    built = [line for line in log.read_text().splitlines() if "build" in line] if log.exists() else []
    if where == "in a checkout of whycap":
        machine.check(not leftover_paths(machine), "something was left behind")
        return
    machine.check(not built, f"it built: {built}")
    machine.check(
        run.returncode != 0 and len(run.stderr.decode().strip().split("\n")) == 1,
        f"it did not refuse in one line: {run.returncode}, {run.stderr[-200:]!r}",
    )
    machine.check(not (machine.home / ".local").exists(), "it created directories nevertheless")


@attack(
    "installing",
    "install.sh {how} succeeds or prints one line",
    over=(
        "without HOME",
        "with a read-only prefix",
        "with a prefix that is a file",
        "with a prefix that has spaces",
        "without cargo",
        "with a cargo that fails",
        "with a cargo that builds nothing",
        "with a full disk",
        "twice",
        "with a directory in the program's place",
        "with a link in the program's place",
        "from a path with quotes",
        "with nobody reading",
        "uninstall of another program",
        "uninstall of nothing",
    ),
)
def surroundings(machine, how):
    place, programs, _ = checkout(machine)
    prefix = machine.home / "prefix"
    command = [str(place / "install.sh"), "--prefix", str(prefix)]
    victim = machine.outside / "victim"
    if how == "without HOME":
        machine.variables["HOME"] = ""
        command = command[:1]
    elif how == "with a read-only prefix":
        command[2] = "/usr"
    elif how == "with a prefix that is a file":
        prefix.write_text("precious")
    elif how == "with a prefix that has spaces":
        command[2] = str(machine.home / "a b'c")
    elif how == "without cargo":
        (programs / "cargo").unlink()
    elif how == "with a cargo that fails":
        machine.write(
            programs / "cargo",
            "#!/bin/sh\n[ \"$1\" = --version ] && echo 'cargo 1.99.0' && exit 0\necho no >&2\nexit 101\n",
            mode=0o755,
        )
    elif how == "with a cargo that builds nothing":
        machine.write(
            programs / "cargo", "#!/bin/sh\n[ \"$1\" = --version ] && echo 'cargo 1.99.0'\nexit 0\n", mode=0o755
        )
    elif how == "with a full disk":
        command[2] = str(machine.small / "prefix")
    elif how == "with a directory in the program's place":
        (prefix / "bin/whycap").mkdir(parents=True)
    elif how == "with a link in the program's place":
        (prefix / "bin").mkdir(parents=True)
        victim.write_text("precious")
        (prefix / "bin/whycap").symlink_to(victim)
    elif how == "from a path with quotes":
        other = machine.outside / 'it\'s "here" $HOME'
        os.rename(place, other)
        place, command[0] = other, str(other / "install.sh")
    elif how == "uninstall of another program":
        machine.write(prefix / "bin/whycap", "#!/bin/sh\necho other 1.0\n", mode=0o755)
        command.append("--uninstall")
    elif how == "uninstall of nothing":
        command.append("--uninstall")
    if how == "with nobody reading":
        reader, writer = os.pipe()
        os.close(reader)
        variables = {**machine.variables, "PATH": f"{programs}:/usr/bin:/bin", "TMPDIR": str(machine.root / "tmp")}
        subprocess.run(
            command, cwd=place, env=variables, stdout=writer, stderr=subprocess.PIPE, timeout=60, start_new_session=True
        )
        os.close(writer)
    else:
        run = run_command(machine, command, programs, place)
        if how == "twice":
            run = run_command(machine, command, programs, place)
            machine.check(run.returncode == 0, f"the second time it ends with {run.returncode}")
        if run.returncode not in (0, 1):
            raise BrokenPromise(f"it ended with {run.returncode}: {run.stderr[-200:]!r}")
        if run.returncode == 1 and how != "without cargo":
            machine.check("install.sh: " in run.stderr.decode(), f"it failed without saying why: {run.stderr[-200:]!r}")
    machine.check(not leftover_paths(machine), f"left behind: {leftover_paths(machine)}")
    if victim.exists():
        machine.check(victim.read_text() == "precious", "what the link led to was overwritten")
    if how == "with a prefix that is a file":
        machine.check(prefix.read_text() == "precious", "the file was changed")
    if how == "uninstall of another program":
        machine.check((prefix / "bin/whycap").exists(), "another program was deleted")
