#!/usr/bin/env python3
"""Compares builds of whycap by the time that they take to read a whole history.

    python3 benches/first_read.py NAME=PATH … [--rounds N] [--home DIR] [--count-instructions]

Each round runs every program once for each measurement: the first `spend`, a second `spend` with nothing new to read, and
the first `incidents`. The programs alternate, so that a busy moment affects all of them. The table shows the minimum of
the wall-clock time and the minimum of the processor time of all threads, in milliseconds. On a busy machine, the
processor time is the better figure. `--count-instructions` runs each program once more under callgrind and adds the number
of instructions of the first `spend` in millions.

`--home` is a home directory with a history. Without it, the script writes one of 390 MB in 400 files (see corpus.py). The
script fails if the programs disagree about the total.
"""

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import calls
import corpus

MEASUREMENTS = ("first spend", "second spend", "first incidents")


def run(command, environment):
    """Returns the wall-clock time and the processor time in milliseconds, and the output."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit("%s ended with %d" % (" ".join(command), os.waitstatus_to_exitcode(status)))
    return seconds * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, output


def remove(data):
    shutil.rmtree(data, ignore_errors=True)


def instructions(path, environment, data):
    remove(data)
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", path, "spend", "--json"]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", process.stderr).group(1)) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", metavar="NAME=PATH")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--home")
    parser.add_argument("--count-instructions", action="store_true")
    options = parser.parse_args()
    programs = dict(program.split("=", 1) for program in options.programs)
    with tempfile.TemporaryDirectory() as temporary:
        home = options.home
        if home is None:
            home = os.path.join(temporary, "home")
            corpus.write_history(home, 400, 390, 28, 1, datetime.datetime.now(datetime.timezone.utc))
            os.sync()
        data = os.path.join(temporary, "data")
        environment = calls.environment_of(home, data)
        walls = {(name, what): [] for name in programs for what in MEASUREMENTS}
        processors = {key: [] for key in walls}
        totals = set()
        for _ in range(options.rounds):
            for name, path in programs.items():
                for what, command in zip(MEASUREMENTS, ("spend", "spend", "incidents")):
                    if not what.startswith("second"):
                        remove(data)
                    seconds, processor, output = run([path, command, "--json"], environment)
                    walls[name, what].append(seconds)
                    processors[name, what].append(processor)
                    if command == "spend":
                        total = json.loads(output).get("total", {})
                        totals.add((round(total.get("cost_usd", 0), 6), total.get("responses")))
        print("%-16s %-18s %10s %14s" % ("program", "measurement", "wall, ms", "processor, ms"))
        for what in MEASUREMENTS:
            for name in programs:
                print("%-16s %-18s %10.1f %14.1f" % (name, what, min(walls[name, what]), min(processors[name, what])))
        if options.count_instructions:
            for name, path in programs.items():
                print("%-16s %.0f million instructions" % (name, instructions(path, environment, data)))
        if len(totals) > 1:
            raise SystemExit("the totals differ: %s" % totals)


if __name__ == "__main__":
    main()
