#!/usr/bin/env python3
"""Attacks whycap in a cage: hostile input, hostile disks, failing system calls, kills, many processes at once, and poisoned files.

usage: tests/faults/run.py [--all] [--only AREA|AREA.ATTACK|'AREA.ATTACK[row]']... [--seed N] [--binary PATH] [--jobs N] [--times] [--list]

Without --all, the seed selects a subset of the attacks, which takes less than five minutes. The script needs root (for
a mount namespace, other users, and devices), Linux 5.12, and gcc. If the system does not allow a cage, it runs nothing
and says so. It attacks `target/release/whycap` unless --binary names another program. Each failure is one line, which
ends with the arguments that repeat it. The last line is 'N passed, N failed'. The exit code is 1 if anything failed,
and 2 if the cage has a hole.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import cage  # noqa: E402
import suite  # noqa: E402
from machine import Tools  # noqa: E402

REPOSITORY = HERE.parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="everything, which takes an hour")
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
        help="an area, an attack or one case; may be given again")
    parser.add_argument("--seed", type=int, default=0, help="which part of the long tables the short run takes (default 0)")
    parser.add_argument("--binary", type=Path, default=REPOSITORY / "target/release/whycap", help="the program to attack")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cases at a time (default: one a processor)")
    parser.add_argument("--times", action="store_true", help="say how long each attack took")
    parser.add_argument("--list", action="store_true", help="name the areas and attacks, and stop")
    wanted = parser.parse_args()

    import attacks  # noqa: F401  each of its files registers attacks
    if wanted.list:
        for attack in suite.ATTACKS:
            print(f"{attack.name:48} {attack.promise}")
        return 0
    for part in wanted.only:
        if not any(part.split("[")[0] in (attack.area, attack.name) for attack in suite.ATTACKS) and part != "cage":
            sys.exit(f"nothing is called {part}; --list names all areas and attacks")
    if not wanted.binary.is_file():
        sys.exit(f"there is no {wanted.binary}; build it (cargo build --release) or name another with --binary")
    if not shutil.which("gcc"):
        print("skipped: gcc is missing, with which the suite builds its launcher")
        return 0
    chosen = suite.Chosen(wanted.all, wanted.only, wanted.seed, max(1, wanted.jobs), wanted.times)
    program = wanted.binary.read_bytes()
    directories = [REPOSITORY, Path.cwd(), Path.home()]
    try:
        # One more worker than jobs, because one worker does the planning.
        return cage.run_inside(lambda scratch: inside(scratch, chosen, program, directories),
                               [HERE, sys.executable, sys.prefix, shutil.which("gcc")], chosen.jobs + 1)
    except cage.Unavailable as why:
        print(f"skipped: the attacks run only in a cage, and there is none here: {why}")
        return 0


def inside(scratch, chosen, program, directories):
    begun = time.monotonic()
    tried, holes = cage.holes(scratch, directories)
    for hole in holes:
        print(f"FAILED cage: nothing outside the scratch directory can be changed: {hole} -- run.py --only cage")
    if holes:
        print("The cage does not hold; nothing was run.\n0 passed, %d failed" % len(holes))
        return 2
    os.nice(5)
    tools = build_tools(scratch, program)
    table = {"cage": (tried, 0, 0, time.monotonic() - begun)}
    table.update(suite.run(chosen, scratch, tools, lambda line: print(line, flush=True)))
    print(f"\n{'area':14} {'tried':>7} {'failed':>7} {'left out':>9} {'seconds':>8}")
    for area, (passed, failed, left_out, seconds) in table.items():
        print(f"{area:14} {passed + failed:7} {failed:7} {left_out:9} {seconds:8.1f}")
    passed, failed = (sum(row[column] for row in table.values()) for column in (0, 1))
    left_out = sum(row[2] for row in table.values())
    print(f"{'all':14} {passed + failed:7} {failed:7} {left_out:9} {time.monotonic() - begun:8.1f}")
    if left_out:
        print("Left out: cases like others that had not ended at all, and in the short run what there was no time for.")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def build_tools(scratch, program):
    """Installs the program and the suite's own tools where every user can run them."""
    bin = scratch / "bin"
    bin.mkdir()
    (bin / "whycap").write_bytes(program)
    (bin / "whycap").chmod(0o755)
    # whycap treats a process with this name as Claude Code.
    shutil.copy("/bin/sleep", bin / "claude")
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", bin / "launch", HERE / "tools/launch.c"], check=True)
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", bin / "clock.so", HERE / "tools/clock.c"],
        check=True)
    tools = Tools(bin / "whycap", bin / "launch", bin / "clock.so", REPOSITORY)
    tools.has_wait = subprocess.run([bin / "whycap", "wait", "--help"], capture_output=True).returncode == 0
    return tools


if __name__ == "__main__":
    sys.exit(main())
