"""What packaging/export ships, run as systemd, launchd and GitHub run it: with no more of a shell's surroundings than they give."""
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

from engines import rows_of

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ROOT / "packaging/export"
HISTORY = ROOT / "tests/data/histories/two-terminals/home/.claude"


def ran(home, command, path, target="whycap-team", **environment):
    """Whether it went well, and whether there are rows."""
    done = subprocess.run(command, cwd="/", env={"HOME": str(home), "PATH": path, **environment}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, bool(rows_of(home / target, "spend"))


def unit(name, home):
    """Its settings, with the directory of whoever runs it."""
    lines = (line.split("=", 1) for line in (SHIPPED / name).read_text().splitlines() if line and line[0] not in "#;[")
    return {key: value.replace("%h", str(home)) for key, value in lines}


def systemd(home, check):
    service, timer = unit("whycap-export.service", home), unit("whycap-export.timer", home)
    key, path = service["Environment"].split("=", 1)
    runs = [ran(home, shlex.split(service["ExecStart"]), path) for _ in range(2)]
    check("systemd's service exports, and once more when nothing changed", (key, runs), ("PATH", [(0, "", True)] * 2))
    check("systemd's timer belongs to it", (timer["WantedBy"], timer["Persistent"]), ("timers.target", "true"))
    if not shutil.which("systemd-analyze"):
        print("skipped: systemd's own look at its units: systemd-analyze is not installed")
        return
    names, wrong = sorted(map(str, SHIPPED.glob("whycap-export.*"))), home / "whycap-wrong.service"
    wrong.write_text(Path(names[0]).read_text().replace("oneshot", "onceshot"))

    def analyze(*arguments):
        environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": os.environ["PATH"]}
        done = subprocess.run(["systemd-analyze", *arguments], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, len([line for line in done.stderr.splitlines() if "whycap" in line])

    found = analyze("--user", "verify", *names), analyze("calendar", timer["OnCalendar"])[0], analyze("--user", "verify", str(wrong))[1]
    check("systemd finds nothing wrong with them and with when it runs, and would with others", found, ((0, 0), 0, 1))


def launchd(home, check):
    agent = plistlib.loads((SHIPPED / "dev.whycap.export.plist").read_bytes())
    told = agent["Label"], agent["StartInterval"], agent["RunAtLoad"]
    # What launchd gives to an agent.
    done = ran(home, agent["ProgramArguments"], "/usr/bin:/bin:/usr/sbin:/sbin")
    check("launchd's agent has the name of its file, comes every hour and exports", (*told, *done), ("dev.whycap.export", 3600, True, 0, "", True))


def github(home, check):
    steps, own = (SHIPPED / "github-actions.yml").read_text(), home / ".config/whycap/config.toml"
    own.parent.mkdir(parents=True)
    own.write_text('[export]\nperson = "Ada"\n')
    (home / "temp").mkdir()
    script = home / "step.sh"
    script.write_text(textwrap.dedent(re.search(r"^  run: \|\n((?:    .*\n)+)", steps, re.MULTILINE)[1]))
    given = {name: value.replace("${{ runner.temp }}", f"{home}/temp") for name, value in re.findall(r"^    (WHYCAP_\w+): (.*)$", steps, re.MULTILINE)}
    # As GitHub starts `shell: bash`.
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    done = ran(home, command, f"{home}/.local/bin:/usr/bin:/bin", "temp/whycap-team", RUNNER_TEMP=f"{home}/temp", **given)
    people = {row["person"] for row in rows_of(home / "temp/whycap-team", "spend")}
    check("GitHub's step exports as ci, and leaves the settings of who runs it alone", (*done, people, own.read_text()), (0, "", True, {"ci"}, '[export]\nperson = "Ada"\n'))


def loader(home, check):
    """What loads, with a stand-in for ClickHouse that writes down what it was asked."""
    log, target, path = home / "asked", home / "whycap-team", f"{home}/.local/bin:/usr/bin:/bin"
    stand_in = home / ".local/bin/clickhouse"
    stand_in.write_text(f'#!/bin/sh\n[ "$2" = --multiquery ] && {{ cat > /dev/null; echo sums >> {log}; }} || echo "$3" "$(wc -l)" >> {log}\n')
    stand_in.chmod(0o755)
    ran(home, ["whycap", "export", str(target)], path)
    rows = len(rows_of(target))
    runs = [ran(home, [str(SHIPPED / "load-clickhouse.sh"), str(target)], path)[:2] for _ in range(2)]
    insert = "INSERT INTO whycap.rows FORMAT JSONEachRow"
    check("the loader makes tables, loads all, and sums up; the next time only what is new", (runs, log.read_text().splitlines()),
          ([(0, "")] * 2, ["sums", f"{insert} {rows}", "sums", f"{insert} 0", "sums"]))


def timers(binary, check):
    for run in (systemd, launchd, github, loader):
        # Somebody who works with Claude Code and installed whycap for himself.
        with tempfile.TemporaryDirectory() as directory:
            home = Path(directory)
            shutil.copytree(HISTORY, home / ".claude")
            (home / ".local/bin").mkdir(parents=True)
            (home / ".local/bin/whycap").symlink_to(binary)
            run(home, check)
