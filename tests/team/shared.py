"""Tests an export directory that several users share: each can write only their own files, the group can read all
files, and others can read none."""
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from engines import files_of, rows_of

HISTORIES = Path(__file__).resolve().parent.parent / "data/histories"
# Unused IDs: two people with their own groups, the group that they share, and a stranger.
ADA, BOB, TEAM, STRANGER = 61001, 61002, 61010, 61003
# The modes of a directory, of the directories below it, and of its files. Files are shared only if the directory is
# setgid and its group may write to it.
MODES = ((0o755, 0o700, 0o600), (0o775, 0o700, 0o600), (0o2755, 0o700, 0o600), (0o2770, 0o2770, 0o640), (0o2777, 0o2770, 0o640),
         (0o3770, 0o3770, 0o640), (0o2730, 0o2730, 0o600))


def shared(binary, check):
    if os.geteuid():
        print("skipped: a directory of several people: only root can be several")
        return
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o711)
        program = shutil.copy(binary, root / "whycap")

        def made(name, mode, owner=0, group=TEAM):
            (root / name).mkdir()
            os.chown(root / name, owner, group)
            (root / name).chmod(mode)
            return root / name

        def run(user, *arguments, groups=(TEAM,)):
            environment = {"HOME": str(root / str(user)), "PATH": "/usr/bin:/bin", "TZ": "UTC"}
            done = subprocess.run([program, *map(str, arguments)], env=environment, cwd="/", umask=0o077, user=user, group=user,
                                  extra_groups=groups, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr

        def modes(target, mask):
            below = list(target.rglob("*"))
            return [{path.stat().st_mode & mask for path in below if path.is_dir() == is_dir} for is_dir in (True, False)]

        for user, history in ((ADA, "two-terminals"), (BOB, "rewound"), (STRANGER, "rewound")):
            home = shutil.copytree(HISTORIES / history / "home", root / str(user))
            for path in [home, *home.rglob("*")]:
                os.chown(path, user, user)
        target = made("team", 0o2770)
        check("the first to export makes the directories, and others write into them", [run(user, "export", target)[0] for user in (ADA, BOB)], [0, 0])
        check("somebody else gets nothing in", run(STRANGER, "export", target, groups=())[0], 1)
        ada, bob = (run(user, "spend", "--from", target, "--by", "machine", "--json") for user in (ADA, BOB))
        machines = {group["key"] for group in json.loads(ada[1])["groups"]}
        check("all read the same, from both", (bob, machines, len(machines)), (ada, {row["machine"] for row in rows_of(target, "spend")}, 2))
        for mode, directories, files in MODES:
            target = made(f"{mode:o}", mode, ADA, ADA)
            run(ADA, "export", target)
            # Subdirectories inherit a directory's setgid bit automatically.
            found = modes(target, 0o777 if directories == 0o700 else 0o7777)
            target.chmod(0o2770)
            (root / str(ADA) / ".config/whycap").mkdir(parents=True, exist_ok=True)
            (root / str(ADA) / ".config/whycap/config.toml").write_text(f'[export]\nperson = "{mode}"\n')
            run(ADA, "export", target)
            check(f"in a directory of mode {mode:o} the group reads what it was made for, and all with the next change when it is given",
                  (found, modes(target, 0o777)[1]), ([{directories}, {files}], {0o640}))
        before, rows = files_of(target), target / "whycap-1"
        shutil.rmtree(rows)
        made(f"{target.name}/whycap-1", 0o2770, BOB, ADA)
        check("what was taken away comes again though others of the group began anew", (run(ADA, "export", target)[1][:5], files_of(target)), ("Wrote", before))
        shutil.rmtree(rows)
        rows.symlink_to(made("private", 0o777))
        done = run(ADA, "export", target)
        check("where others may write no link of theirs is followed", (done[0], "it is a symlink" in done[2], os.listdir(rows)), (1, True, []))
