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

from engines import printed, rows_of, write

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ROOT / "packaging/export"
HISTORY = ROOT / "tests/data/histories/two-terminals/home/.claude"


def ran(home, command, path, target="whycap-team", **environment):
    """Returns whether the command succeeded, and whether there are rows."""
    done = subprocess.run(command, cwd="/", env={"HOME": str(home), "PATH": path, **environment}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, bool(rows_of(home / target, "spend"))


def unit(name, home):
    """Returns the settings, with the directory of the user who runs the timer."""
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
    # The variables that launchd passes to an agent.
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
    # The command with which GitHub starts `shell: bash`.
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
    done = ran(home, command, f"{home}/.local/bin:/usr/bin:/bin", "temp/whycap-team", RUNNER_TEMP=f"{home}/temp", **given)
    people = {row["person"] for row in rows_of(home / "temp/whycap-team", "spend")}
    check("GitHub's step exports as ci, and leaves the settings of who runs it alone", (*done, people, own.read_text()), (0, "", True, {"ci"}, '[export]\nperson = "Ada"\n'))


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
    ran(home, ["whycap", "export", str(target)], path)
    script = home / "load.sh"
    script.write_text(printed(home / ".local/bin/whycap", "--print", "clickhouse-loader"))

    def ask(query):
        done = subprocess.run([str(client), "client", "--query", query], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def load():
        code, errors, _ = ran(home, ["sh", str(script), str(target)], path)
        return code, errors.strip()

    def end_overlap():
        """Ends the hour in which the loader reads files again. Stores the time of another load, one second from now, and
        waits until that time has passed."""
        began = int(time.time()) + 1
        ask(f"INSERT INTO whycap.loads SELECT directory, toDateTime({began}) FROM whycap.loads LIMIT 1")
        while time.time() <= began + 0.1:
            time.sleep(0.05)

    def spent():
        return float(ask("SELECT round(sum(usd), 6) FROM whycap.spend_by_month"))

    def expected():
        done = subprocess.run([str(home / ".local/bin/whycap"), "spend", "--from", str(target), "--json"], env={"HOME": str(home)}, capture_output=True, text=True, check=True)
        return round(json.loads(done.stdout)["total"]["cost_usd"], 6)

    rows = len(rows_of(target))
    first = load()
    end_overlap()
    check("the loader loads everything first, and nothing on a quiet day", (first, load(), spent()), ((0, f"{rows} rows"), (0, ""), expected()))
    write(target, "spend", "other", "2026-11-05", ["rubbish", json.dumps({"key": "f" * 16, "version": 1 << 30, "time": "2026-11-05 10:00:00", "person": "ada", "machine": "other", "session": "s",
                                                    "model": "m", "kind": "response", "cost_pico": 5 * 10**12, "labels": {}})])
    (target / "whycap-1/spend/day=2026-11-05/damaged.ndjson.gz").write_bytes(b"rubbish")
    code, errors = load()
    # `spend --from` reports both problems, so its exit code is 1.
    done = subprocess.run([str(home / ".local/bin/whycap"), "spend", "--from", str(target), "--json"], env={"HOME": str(home)}, capture_output=True, text=True, check=False)
    total = round(json.loads(done.stdout)["total"]["cost_usd"], 6)
    check("then only what is new, without what cannot be read", (code, "1 rows" in errors, spent()), (0, True, total))
    end_overlap()
    # A file is cut off inside a string, and the next file in the list contains a single row. The order of the files depends on the file system.
    lines = [json.dumps({"key": f"{number:016x}", "version": 1 << 30, "time": "2026-11-07 10:00:00", "person": "cut", "machine": "cut", "session": "s", "model": "m", "kind": "response",
                         "cost_pico": 10**12, "labels": {}}) for number in range(1, 4)]
    for name in ("a", "z"):
        write(target, "spend", name, "2026-11-07", [lines[0 if name == "a" else 2].replace('"cut"', f'"{name}"')])
    write(target, "spend", "m", "2026-11-07", lines[1:2])
    cut = target / "whycap-1/spend/day=2026-11-07/m.ndjson.gz"
    for length, kept in ((60, 2), (len(lines[1]), 2)):
        for other in ("a", "z"):
            os.utime(target / f"whycap-1/spend/day=2026-11-07/{other}.ndjson.gz")
        # The same order for all files: the cut file comes both before and after another file.
        cut.write_bytes(gzip.compress(lines[1][:length].encode(), mtime=0)[:-4])
        code, errors = load()
        found = ask("SELECT count() FROM whycap.rows WHERE toDate(time) = '2026-11-07' AND person IN ('a', 'z')")
        check(f"a file that is cut off after {length} characters costs only its own row, and the loader says so", (code, found, "m.ndjson.gz" in errors), (0, str(kept), True))
        shutil.rmtree(home / "database")
    cut.unlink()
    total += 2
    check("an empty database gets everything again", (load()[0], spent()), (0, total))
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
