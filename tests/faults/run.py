#!/usr/bin/env python3
"""Attacks whycap in a cage: hostile input, hostile disks, failing system calls, kills, many processes at once, and
poisoned files.

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
from launcher import Tools  # noqa: E402

REPOSITORY = HERE.parent.parent
# The attacks leave some time to other programs.
NICENESS = 5


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="run everything, which takes an hour")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="run an area, an attack, or one case; can be repeated",
    )
    parser.add_argument("--seed", type=int, default=0, help="select other cases for the short run (default: 0)")
    parser.add_argument(
        "--binary", type=Path, default=REPOSITORY / "target/release/whycap", help="the program to attack"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="the number of cases that run at a time (default: the number of processors)",
    )
    parser.add_argument("--times", action="store_true", help="print the time that each attack took")
    parser.add_argument("--list", action="store_true", help="list the areas and attacks, and exit")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    import attacks  # noqa: F401  each of its files registers attacks

    if arguments.list:
        for attack in suite.ATTACKS:
            print(f"{attack.name:48} {attack.promise}")
        return 0
    selection = suite.Selection(
        everything=arguments.all,
        only=arguments.only,
        seed=arguments.seed,
        jobs=max(1, arguments.jobs),
        prints_times=arguments.times,
    )
    if unknown := selection.unknown_names():
        sys.exit(f"there is no attack called {unknown[0]}; --list shows all areas and attacks")
    if not arguments.binary.is_file():
        sys.exit(f"there is no {arguments.binary}; build it (cargo build --release) or use --binary")
    gcc = shutil.which("gcc")
    if not gcc:
        print("skipped: the suite needs gcc to build its launcher")
        return 0
    program = arguments.binary.read_bytes()
    outside = [REPOSITORY, Path.cwd(), Path.home()]
    needed = [HERE, sys.executable, sys.prefix, gcc]
    # There is one more worker than jobs, because one worker does the planning.
    workers = selection.jobs + 1
    try:
        return cage.run_inside(lambda scratch: run_attacks(scratch, selection, program, outside), needed, workers)
    except cage.Unavailable as error:
        print(f"skipped: the attacks run only in a cage, which is not available: {error}")
        return 0


def run_attacks(scratch, selection, program, outside):
    """Runs the selected attacks in the cage and prints the results. Returns the exit code."""
    start = time.monotonic()
    attempts, holes = cage.find_holes(scratch, outside)
    for hole in holes:
        print(f"FAILED cage: nothing outside the scratch directory can be changed: {hole} -- run.py --only cage")
    if holes:
        print(f"The cage has holes, so no attack was run.\n0 passed, {len(holes)} failed")
        return 2
    os.nice(NICENESS)
    tools = build_tools(scratch, program)
    results = {"cage": suite.AreaResult(passed=attempts, seconds=time.monotonic() - start)}
    results.update(suite.run(selection, scratch, tools, lambda line: print(line, flush=True)))
    total = suite.AreaResult(
        passed=sum(result.passed for result in results.values()),
        failed=sum(result.failed for result in results.values()),
        skipped=sum(result.skipped for result in results.values()),
        seconds=time.monotonic() - start,
    )
    print(f"\n{'area':14} {'tried':>7} {'failed':>7} {'skipped':>9} {'seconds':>8}")
    for area, result in {**results, "all": total}.items():
        tried = result.passed + result.failed
        print(f"{area:14} {tried:7} {result.failed:7} {result.skipped:9} {result.seconds:8.1f}")
    if total.skipped:
        print("Skipped: cases that are similar to cases that hung, and those for which the short run had no time.")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


def build_tools(scratch, program):
    """Installs the program and the suite's own tools where every user can run them."""
    directory = scratch / "bin"
    directory.mkdir()
    whycap = directory / "whycap"
    whycap.write_bytes(program)
    whycap.chmod(0o755)
    # whycap treats a process with this name as Claude Code.
    shutil.copy("/bin/sleep", directory / "claude")
    compile_c("launch.c", directory / "launch")
    compile_c("clock.c", directory / "clock.so", "-shared", "-fPIC")
    return Tools(
        program=whycap,
        launch=directory / "launch",
        clock=directory / "clock.so",
        repository=REPOSITORY,
    )


def compile_c(source, output, *options):
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", *options, "-o", output, HERE / "tools" / source], check=True)


if __name__ == "__main__":
    sys.exit(main())
