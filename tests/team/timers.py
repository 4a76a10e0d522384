"""What packaging/export ships, run as systemd, launchd and GitHub run it: these lines, and no more of a shell's surroundings than
they give."""
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


class Home:
    """Somebody who works with Claude Code and installed whycap for himself."""

    def __init__(self, binary):
        self.temporary = tempfile.TemporaryDirectory()
        self.path = Path(self.temporary.name)
        shutil.copytree(HISTORY, self.path / ".claude")
        (self.path / ".local/bin").mkdir(parents=True)
        (self.path / ".local/bin/whycap").symlink_to(binary)

    def run(self, command, path, target, **environment):
        """Whether it went well, and how many rows it wrote."""
        done = subprocess.run(command, cwd="/", env={"HOME": str(self.path), "PATH": path, **environment}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stderr, bool(rows_of(self.path / target, "spend"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.temporary.cleanup()


def unit(name, home):
    """Its settings, with the directory of whoever runs it. A setting that is given twice is a list."""
    found = {}
    for line in (SHIPPED / name).read_text().splitlines():
        if line and line[0] not in "#;[":
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value.replace("%h", str(home)))
    return found


def systemd(binary, check):
    with Home(binary) as home:
        service = unit("whycap-export.service", home.path)
        given = dict(one.split("=", 1) for value in service["Environment"] for one in shlex.split(value))
        path = given.pop("PATH")
        (command,) = service["ExecStart"]
        check("systemd's service exports", home.run(shlex.split(command), path, "whycap-team", **given), (0, "", True))
        check("and once more, when nothing changed", home.run(shlex.split(command), path, "whycap-team", **given), (0, "", True))
        timer = unit("whycap-export.timer", home.path)
        check("systemd's timer belongs to it", (timer["WantedBy"], timer["Persistent"]), (["timers.target"], ["true"]))
        if not shutil.which("systemd-analyze"):
            print("skipped: systemd's own look at its units: systemd-analyze is not installed")
            return
        units = Path(shutil.copytree(SHIPPED, home.path / ".config/systemd/user", ignore=lambda _, names: [name for name in names if "whycap-export" not in name]))
        (home.path / "run").mkdir()
        environment = {"HOME": str(home.path), "XDG_RUNTIME_DIR": str(home.path / "run"), "PATH": os.environ["PATH"]}

        def analyze(*arguments):
            done = subprocess.run(["systemd-analyze", *arguments], env=environment, capture_output=True, text=True, check=False)
            return done.returncode, [line for line in done.stderr.splitlines() if "whycap" in line]

        names = [str(path) for path in sorted(units.iterdir())]
        check("systemd finds nothing wrong with them", analyze("--user", "verify", *names), (0, []))
        check("nor with when it runs", [analyze("calendar", when)[0] for when in timer["OnCalendar"]], [0])
        wrong = units / "whycap-wrong.service"
        wrong.write_text((units / "whycap-export.service").read_text().replace("oneshot", "onceshot"))
        check("and would with others", len(analyze("--user", "verify", str(wrong))[1]), 1)


def launchd(binary, check):
    with Home(binary) as home:
        agent = plistlib.loads((SHIPPED / "dev.whycap.export.plist").read_bytes())
        check("launchd's agent has the name of its file", agent["Label"], "dev.whycap.export")
        check("and comes every hour", (agent["StartInterval"], agent["RunAtLoad"]), (3600, True))
        # What launchd gives to an agent.
        done = home.run(agent["ProgramArguments"], "/usr/bin:/bin:/usr/sbin:/sbin", "whycap-team")
        check("launchd's agent exports", done, (0, "", True))


def github(binary, check):
    steps = (SHIPPED / "github-actions.yml").read_text()
    with Home(binary) as home:
        own = home.path / ".config/whycap/config.toml"
        own.parent.mkdir(parents=True)
        own.write_text('[export]\nperson = "Ada"\n')
        temporary = home.path / "temp"
        temporary.mkdir()
        block = re.search(r"^  run: \|\n((?:    .*\n)+)", steps, re.MULTILINE)[1]
        script = temporary / "step.sh"
        script.write_text(textwrap.dedent(block))
        given = {name: value.replace("${{ runner.temp }}", str(temporary)) for name, value in re.findall(r"^    (WHYCAP_\w+): (.*)$", steps, re.MULTILINE)}
        # As GitHub starts `shell: bash`.
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        done = home.run(command, f"{home.path}/.local/bin:/usr/bin:/bin", "temp/whycap-team", RUNNER_TEMP=str(temporary), **given)
        check("GitHub's step exports", done, (0, "", True))
        check("as ci, and leaves the settings of who runs it alone",
              ({row["person"] for row in rows_of(temporary / "whycap-team", "spend")}, own.read_text()), ({"ci"}, '[export]\nperson = "Ada"\n'))


def loader(binary, check):
    """What loads, with a stand-in for ClickHouse that writes down what it was asked."""
    with Home(binary) as home:
        log, target = home.path / "asked", home.path / "whycap-team"
        stand_in = home.path / ".local/bin/clickhouse"
        stand_in.write_text(f'#!/bin/sh\n[ "$2" = --multiquery ] && {{ cat > /dev/null; echo sums >> {log}; }} || echo "$3" "$(wc -l)" >> {log}\n')
        stand_in.chmod(0o755)
        path = f"{home.path}/.local/bin:/usr/bin:/bin"
        home.run([binary, "export", str(target)], path, "whycap-team")
        load = [str(SHIPPED / "load-clickhouse.sh"), str(target)]
        rows = len(rows_of(target, "spend"))
        asked = []
        for _ in range(2):
            log.write_text("")
            done = home.run(load, path, "whycap-team")
            asked.append((done[:2], log.read_text().splitlines()))
        insert = "INSERT INTO whycap.spend_rows FORMAT JSONEachRow"
        check("the loader makes tables, loads all, and sums up", asked[0], ((0, ""), ["sums", f"{insert} {rows}", "sums"]))
        check("and the next time only what is new", asked[1], ((0, ""), [f"{insert} 0", "sums"]))


def timers(binary, check):
    systemd(binary, check)
    launchd(binary, check)
    github(binary, check)
    loader(binary, check)
