"""Tests an export directory that several users share: each can write only their own files, the group can read all
files, and others can read none."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from engines import export_files, exported_rows

HISTORIES = Path(__file__).resolve().parent.parent / "data/histories"
# Unused IDs: two people with their own groups, the group that they share, and a stranger.
ADA, BOB, TEAM, STRANGER = 61001, 61002, 61010, 61003
# The modes of a directory, of the directories below it, and of its files. Files are shared only if the directory is
# setgid and its group may write to it.
MODES = (
    (0o755, 0o700, 0o600),
    (0o775, 0o700, 0o600),
    (0o2755, 0o700, 0o600),
    (0o2770, 0o2770, 0o640),
    (0o2777, 0o2770, 0o640),
    (0o3770, 0o3770, 0o640),
    (0o2730, 0o2730, 0o600),
)


def check_shared_directory(binary, check):
    if os.geteuid():
        print("skipped: only root can test a directory that several users share")
        return
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        root.chmod(0o711)
        program = shutil.copy(binary, root / "whycap")

        def create_directory(name, mode, owner=0, group=TEAM):
            path = root / name
            path.mkdir()
            os.chown(path, owner, group)
            path.chmod(mode)
            return path

        def run(user, *arguments, groups=(TEAM,)):
            environment = {"HOME": str(root / str(user)), "PATH": "/usr/bin:/bin", "TZ": "UTC"}
            process = subprocess.run(
                [program, *map(str, arguments)],
                env=environment,
                cwd="/",
                umask=0o077,
                user=user,
                group=user,
                extra_groups=groups,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            return process.returncode, process.stdout, process.stderr

        def modes(target, mask):
            """Returns the modes of the directories below a directory, and those of its files."""
            directories, files = set(), set()
            for path in target.rglob("*"):
                modes_of_type = directories if path.is_dir() else files
                modes_of_type.add(path.stat().st_mode & mask)
            return [directories, files]

        for user, history in ((ADA, "two-terminals"), (BOB, "rewound"), (STRANGER, "rewound")):
            home = shutil.copytree(HISTORIES / history / "home", root / str(user))
            for path in [home, *home.rglob("*")]:
                os.chown(path, user, user)
        target = create_directory("team", 0o2770)
        check(
            "the first user creates the directories, and others can write into them",
            [run(user, "export", target)[0] for user in (ADA, BOB)],
            [0, 0],
        )
        check("a user outside the group cannot export", run(STRANGER, "export", target, groups=())[0], 1)
        ada, bob = (run(user, "spend", "--from", target, "--by", "machine", "--json") for user in (ADA, BOB))
        machines = {group["key"] for group in json.loads(ada[1])["groups"]}
        check(
            "both users read the same rows of both",
            (bob, machines, len(machines)),
            (ada, {row["machine"] for row in exported_rows(target, "spend")}, 2),
        )
        for mode, directories, files in MODES:
            target = create_directory(f"{mode:o}", mode, ADA, ADA)
            run(ADA, "export", target)
            # Subdirectories inherit a directory's setgid bit automatically.
            first_modes = modes(target, 0o777 if directories == 0o700 else 0o7777)
            target.chmod(0o2770)
            (root / str(ADA) / ".config/whycap").mkdir(parents=True, exist_ok=True)
            (root / str(ADA) / ".config/whycap/config.toml").write_text(f'[export]\nperson = "{mode}"\n')
            run(ADA, "export", target)
            check(
                f"in a directory of mode {mode:o}, the group can read what the mode allows, and all files after a change of the mode",
                (first_modes, modes(target, 0o777)[1]),
                ([{directories}, {files}], {0o640}),
            )
        before = export_files(target)
        rows = target / "whycap-1"
        shutil.rmtree(rows)
        create_directory(f"{target.name}/whycap-1", 0o2770, BOB, ADA)
        check(
            "deleted files are exported again although another user created the directory",
            (run(ADA, "export", target)[1][:5], export_files(target)),
            ("Wrote", before),
        )
        shutil.rmtree(rows)
        rows.symlink_to(create_directory("private", 0o777))
        exit_code, _, errors = run(ADA, "export", target)
        check(
            "a link is not followed in a directory that others can write to",
            (exit_code, "it is a symlink" in errors, os.listdir(rows)),
            (1, True, []),
        )
