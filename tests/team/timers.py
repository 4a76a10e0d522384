"""Runs the templates in packaging/export in the same way as systemd, launchd, and GitHub Actions, which do not use a
shell's environment."""

import gzip
import json
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from engines import printed_script, exported_rows, write_rows

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATES = ROOT / "packaging/export"
HISTORY = ROOT / "tests/data/histories/two-terminals/home/.claude"


def run_export(home, command, path, target="whycap-team", **environment):
    """Runs a command. Returns its exit code, its error output, and whether it has exported any rows."""
    process = subprocess.run(
        command,
        cwd="/",
        env={"HOME": str(home), "PATH": path, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return process.returncode, process.stderr, bool(exported_rows(home / target, "spend"))


def unit_settings(name, home):
    """Returns the settings, with the directory of the user who runs the timer."""
    settings = {}
    for line in (TEMPLATES / name).read_text().splitlines():
        if line and line[0] not in "#;[":
            key, value = line.split("=", 1)
            settings[key] = value.replace("%h", str(home))
    return settings


def systemd(home, check):
    service = unit_settings("whycap-export.service", home)
    timer = unit_settings("whycap-export.timer", home)
    key, path = service["Environment"].split("=", 1)
    runs = [run_export(home, shlex.split(service["ExecStart"]), path) for _ in range(2)]
    check("systemd's service exports, and again when nothing has changed", (key, runs), ("PATH", [(0, "", True)] * 2))
    check(
        "systemd's timer is enabled and catches up", (timer["WantedBy"], timer["Persistent"]), ("timers.target", "true")
    )
    if not shutil.which("systemd-analyze"):
        print("skipped: systemd-analyze is not installed, so systemd does not check its units")
        return
    names = sorted(map(str, TEMPLATES.glob("whycap-export.*")))
    wrong = home / "whycap-wrong.service"
    wrong.write_text(Path(names[0]).read_text().replace("oneshot", "onceshot"))

    def analyze(*arguments):
        environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": os.environ["PATH"]}
        process = subprocess.run(
            ["systemd-analyze", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        return process.returncode, len([line for line in process.stderr.splitlines() if "whycap" in line])

    problems = (
        analyze("--user", "verify", *names),
        analyze("calendar", timer["OnCalendar"])[0],
        analyze("--user", "verify", str(wrong))[1],
    )
    check("systemd accepts the units and the schedule, but not a wrong unit", problems, ((0, 0), 0, 1))


def launchd(home, check):
    agent = plistlib.loads((TEMPLATES / "dev.whycap.export.plist").read_bytes())
    settings = agent["Label"], agent["StartInterval"], agent["RunAtLoad"]
    # The variables that launchd passes to an agent.
    result = run_export(home, agent["ProgramArguments"], "/usr/bin:/bin:/usr/sbin:/sbin")
    check(
        "launchd's agent has the name of its file, runs every hour, and exports",
        (*settings, *result),
        ("dev.whycap.export", 3600, True, 0, "", True),
    )


def github(home, check):
    steps = (TEMPLATES / "github-actions.yml").read_text()
    config = home / ".config/whycap/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[export]\nperson = "Ada"\n')
    (home / "temp").mkdir()
    script = home / "step.sh"
    script.write_text(textwrap.dedent(re.search(r"^  run: \|\n((?:    .*\n)+)", steps, re.MULTILINE)[1]))
    variables = {
        name: value.replace("${{ runner.temp }}", f"{home}/temp")
        for name, value in re.findall(r"^    (WHYCAP_\w+): (.*)$", steps, re.MULTILINE)
    }
    # The command with which GitHub starts `shell: bash`.
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    result = run_export(
        home, command, f"{home}/.local/bin:/usr/bin:/bin", "temp/whycap-team", RUNNER_TEMP=f"{home}/temp", **variables
    )
    people = {row["person"] for row in exported_rows(home / "temp/whycap-team", "spend")}
    check(
        "GitHub's step exports as ci, and does not change the user's configuration",
        (*result, people, config.read_text()),
        (0, "", True, {"ci"}, '[export]\nperson = "Ada"\n'),
    )


# A stand-in for the ClickHouse client: the same engine, with a database in a directory. Like the client, it rejects an
# empty INSERT.
CLICKHOUSE = """#!{python}
import re, sys, tempfile
from chdb import session
arguments, options = sys.argv[2:], dict()
while arguments:
    name = arguments.pop(0)
    options[name] = arguments.pop(0) if name not in ("--multiquery",) and "=" not in name else ""
directory = [name.split("=", 1)[1] for name in options if name.startswith("--param_directory=")]
database = session.Session({database!r})
def run(sql):
    value = (directory or [""])[0].replace("'", "''")
    print(database.query(sql.replace("{{directory:String}}", "'%s'" % value), "TSV"), end="")
query = options.get("--query")
if query is None:
    for statement in re.sub(r"(?m)^ *--.*$", "", sys.stdin.read()).split(";\\n"):
        if statement.strip():
            run(statement)
elif "FORMAT JSONEachRow" in query:
    rows = sys.stdin.read()
    if rows.strip():
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(rows)
            file.flush()
            print(rows.count(chr(10) + chr(123)) + rows.startswith(chr(123)), "rows", file=sys.stderr)
            run("INSERT INTO whycap.rows SELECT * FROM file('%s', JSONEachRow) SETTINGS input_format_skip_unknown_fields = 1, input_format_allow_errors_num = %s" % (file.name, options["--input_format_allow_errors_num"]))
    elif options.get("--throw_if_no_data_to_insert") != "0":
        sys.exit("Code: 108. DB::Exception: No data to insert. (NO_DATA_TO_INSERT)")
else:
    run(query)
database.close()
"""


def loader(home, check):
    """Returns the script that whycap prints, with a database in a directory."""
    target, path = home / "whycap team's", f"{home}/.local/bin:/usr/bin:/bin"
    client = home / ".local/bin/clickhouse"
    client.write_text(CLICKHOUSE.format(python=sys.executable, database=str(home / "database")))
    client.chmod(0o755)
    run_export(home, ["whycap", "export", str(target)], path)
    script = home / "load.sh"
    script.write_text(printed_script(home / ".local/bin/whycap", "--print", "clickhouse-loader"))

    def ask(query):
        process = subprocess.run([str(client), "client", "--query", query], capture_output=True, text=True, check=True)
        return process.stdout.strip()

    def load():
        code, errors, _ = run_export(home, ["sh", str(script), str(target)], path)
        return code, errors.strip()

    def end_overlap():
        """Ends the hour after a load in which the loader reads the same files again: stores another load, which takes
        place one second from now, and waits until then."""
        load_time = int(time.time()) + 1
        ask(f"INSERT INTO whycap.loads SELECT directory, toDateTime({load_time}) FROM whycap.loads LIMIT 1")
        while time.time() <= load_time + 0.1:
            time.sleep(0.05)

    def loaded_dollars():
        return float(ask("SELECT round(sum(usd), 6) FROM whycap.spend_by_month"))

    def expected_dollars():
        process = subprocess.run(
            [str(home / ".local/bin/whycap"), "spend", "--from", str(target), "--json"],
            env={"HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
        )
        return round(json.loads(process.stdout)["total"]["cost_usd"], 6)

    rows = len(exported_rows(target))
    first = load()
    end_overlap()
    check(
        "the loader first loads everything, and then nothing if nothing has changed",
        (first, load(), loaded_dollars()),
        ((0, f"{rows} rows"), (0, ""), expected_dollars()),
    )
    write_rows(
        target,
        "spend",
        "other",
        "2026-11-05",
        [
            "rubbish",
            json.dumps(
                {
                    "key": "f" * 16,
                    "version": 1 << 30,
                    "time": "2026-11-05 10:00:00",
                    "person": "ada",
                    "machine": "other",
                    "session": "s",
                    "model": "m",
                    "kind": "response",
                    "cost_pico": 5 * 10**12,
                    "labels": {},
                }
            ),
        ],
    )
    (target / "whycap-1/spend/day=2026-11-05/damaged.ndjson.gz").write_bytes(b"rubbish")
    code, errors = load()
    # `spend --from` reports both problems, so its exit code is 1.
    process = subprocess.run(
        [str(home / ".local/bin/whycap"), "spend", "--from", str(target), "--json"],
        env={"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    total = round(json.loads(process.stdout)["total"]["cost_usd"], 6)
    check(
        "the loader then loads only new rows, and skips those that cannot be read",
        (code, "1 rows" in errors, loaded_dollars()),
        (0, True, total),
    )
    end_overlap()
    # A file is cut off inside a string, and the next file in the list contains a single row. The order of the files depends on the file system.
    lines = [
        json.dumps(
            {
                "key": f"{number:016x}",
                "version": 1 << 30,
                "time": "2026-11-07 10:00:00",
                "person": "cut",
                "machine": "cut",
                "session": "s",
                "model": "m",
                "kind": "response",
                "cost_pico": 10**12,
                "labels": {},
            }
        )
        for number in range(1, 4)
    ]
    for name in ("a", "z"):
        write_rows(target, "spend", name, "2026-11-07", [lines[0 if name == "a" else 2].replace('"cut"', f'"{name}"')])
    write_rows(target, "spend", "m", "2026-11-07", lines[1:2])
    cut = target / "whycap-1/spend/day=2026-11-07/m.ndjson.gz"
    for length in (60, len(lines[1])):
        for other in ("a", "z"):
            os.utime(target / f"whycap-1/spend/day=2026-11-07/{other}.ndjson.gz")
        # The same order for all files: the cut file comes both before and after another file.
        cut.write_bytes(gzip.compress(lines[1][:length].encode(), mtime=0)[:-4])
        code, errors = load()
        other_rows = ask("SELECT count() FROM whycap.rows WHERE toDate(time) = '2026-11-07' AND person IN ('a', 'z')")
        check(
            f"a file that is cut off after {length} characters loses only its own row, and the loader reports it",
            (code, other_rows, "m.ndjson.gz" in errors),
            (0, "2", True),
        )
        shutil.rmtree(home / "database")
    cut.unlink()
    total += 2
    check("the loader loads everything into an empty database", (load()[0], loaded_dollars()), (0, total))
    # A nightly job must fail if the statements for erased rows are missing.
    list_of_erased_rows = target / "whycap-1/erased.json"
    list_of_erased_rows.write_text("{")
    code, errors = load()
    check("a damaged list of erased rows makes the load fail", (code != 0, "erased.json" in errors), (True, True))
    list_of_erased_rows.unlink()


def timers(binary, check):
    for run in (systemd, launchd, github, loader):
        # A user who works with Claude Code and installed whycap only for their own account.
        with tempfile.TemporaryDirectory() as directory:
            home = Path(directory)
            shutil.copytree(HISTORY, home / ".claude")
            (home / ".local/bin").mkdir(parents=True)
            (home / ".local/bin/whycap").symlink_to(binary)
            run(home, check)
