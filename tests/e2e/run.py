#!/usr/bin/env python3
"""The end-to-end suite: whycap in the real client, in a terminal, from install.sh to uninstall.

usage: tests/e2e/run.py [--clients newest|all|2.1.328,2.1.119] [--only first_day,plugin,…] [--jobs 2]

The suite needs tmux, npm, and cargo. Apart from the downloads of npm and cargo, it uses no network: the client connects
to a mock on the loopback interface, in a temporary HOME, with dummy credentials.
The last line is 'N passed, N failed'; the exit code is 1 if anything failed.
"""

import argparse
import concurrent.futures
import shutil
import sys
import time

from client import NEWEST, VERSIONS, client
from journeys import all_journeys
from report import Report


def run_one(name, function, stage):
    report = Report(
        f"{name.replace('_', ' ')} · client {stage.version} · {stage.account} · {stage.columns}x{stage.rows}"
    )
    try:
        function(stage, report)
    except Exception as error:  # a journey that raises an exception is a failure but does not end the suite
        with report.check("the journey ends without an exception"):
            raise error
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--clients", default="newest", help="versions, or 'newest' (default), or 'all': " + ", ".join(VERSIONS)
    )
    parser.add_argument("--only", default="", help="names of journeys, separated by commas")
    parser.add_argument("--jobs", type=int, default=2, help="the number of journeys that run at a time (default: 2)")
    parser.add_argument("--list", action="store_true", help="list the journeys and exit")
    options = parser.parse_args()

    versions = {"newest": [NEWEST], "all": VERSIONS}.get(options.clients) or options.clients.split(",")
    names = [name for name in options.only.split(",") if name]
    if options.list:
        for name, function, stage in all_journeys([(version, None) for version in versions]):
            print(f"{name:16} client {stage.version:8} {stage.account:10} {stage.columns}x{stage.rows}")
        return 0
    for tool in ("tmux", "cargo"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: the end-to-end suite needs it")
    journeys = all_journeys([(version, client(version)) for version in versions])
    planned = [entry for entry in journeys if not names or entry[0] in names]
    if not planned:
        sys.exit(f"there is no journey called {options.only}; --list shows all journeys")

    start = time.monotonic()
    passed = 0
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(run_one, *entry) for entry in planned]
        for future in concurrent.futures.as_completed(futures):
            report = future.result()
            passed += report.passed
            failed += report.failed
            print(report.text(), flush=True)
    print(f"{len(planned)} journeys in {time.monotonic() - start:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
