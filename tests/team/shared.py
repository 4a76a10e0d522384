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
        program, target = shutil.copy(binary, root / "whycap"), root / "team"
        target.mkdir()
        os.chown(target, 0, TEAM)
        target.chmod(0o2770)

        def run(user, *arguments, groups=(TEAM,)):
            environment = {"HOME": str(root / str(user)), "PATH": "/usr/bin:/bin", "TZ": "UTC"}
            done = subprocess.run([program, *arguments], env=environment, cwd="/", umask=0o077, user=user, group=user, extra_groups=groups,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout

        for user, history in ((ADA, "two-terminals"), (BOB, "rewound"), (STRANGER, "rewound")):
            home = shutil.copytree(HISTORIES / history / "home", root / str(user))
            for path in [home, *home.rglob("*")]:
                os.chown(path, user, user)
        check("the first to export makes the directories, and others write into them", [run(user, "export", str(target))[0] for user in (ADA, BOB)], [0, 0])
        check("somebody else gets nothing in", run(STRANGER, "export", str(target), groups=())[0], 1)
        ada, bob = (run(user, "spend", "--from", str(target), "--by", "machine", "--json") for user in (ADA, BOB))
        machines = {group["key"] for group in json.loads(ada[1])["groups"]}
        check("all read the same, from both", (bob, machines, len(machines)), (ada, {row["machine"] for row in rows_of(target, "spend")}, 2))
        modes = {path.name: path.stat().st_mode for path in [target, *target.rglob("*")]}
        check("all is for the team alone, and files are for their owners to write",
              [name for name, mode in modes.items() if mode & 0o007 or (name.endswith(".gz") and mode & 0o020)], [])
