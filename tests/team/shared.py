"""One directory for several people of a system: each writes what is his, all read all, nobody else anything."""
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from engines import rows_of

HISTORIES = Path(__file__).resolve().parent.parent / "data/histories"
# Numbers that nobody has: people with groups of their own, what they are together, and somebody else.
ADA, BOB, TEAM, STRANGER = 61001, 61002, 61010, 61003


def shared(binary, check):
    if os.geteuid():
        print("skipped: a directory of several people: only root can be several")
        return
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o711)
        program = root / "whycap"
        shutil.copy(binary, program)
        program.chmod(0o755)
        target = root / "team"
        target.mkdir()
        os.chown(target, 0, TEAM)
        target.chmod(0o2770)

        def run(user, *arguments, groups=(TEAM,)):
            home = root / str(user)
            done = subprocess.run([program, *arguments], env={"HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": "UTC"}, cwd="/", umask=0o077,
                                  user=user, group=user, extra_groups=groups, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr

        for user, history in ((ADA, "two-terminals"), (BOB, "rewound"), (STRANGER, "rewound")):
            home = root / str(user)
            shutil.copytree(HISTORIES / history / "home/.claude", home / ".claude")
            for path in [home, *home.rglob("*")]:
                os.chown(path, user, user)
        check("the first to export makes the directories, and others write into them", [run(user, "export", str(target))[0] for user in (ADA, BOB)], [0, 0])
        said = {user: run(user, "spend", "--from", str(target), "--by", "machine", "--json") for user in (ADA, BOB)}
        check("all read the same", said[ADA], said[BOB])
        machines = {row["machine"] for row in rows_of(target, "spend")}
        check("from both", {group["key"] for group in json.loads(said[ADA][1])["groups"]}, machines)
        check("of whom there are two", len(machines), 2)
        check("somebody else gets nothing in", run(STRANGER, "export", str(target), groups=())[0], 1)
        for path in [target, *target.rglob("*")]:
            mode = path.stat().st_mode
            if mode & 0o007 or (path.is_file() and mode & 0o020):
                check(f"{path.name} is for the team alone, and for its owner to write", oct(mode), "")
