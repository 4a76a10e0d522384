#!/usr/bin/env python3
"""Compares whycap with /bin/true and ccusage on generated histories, and checks the totals.

    python3 benches/run.py [--quick | --big] [--json] [--rounds N] [--calls] [--program NAME=PATH]

The script builds the release program, writes the histories (see corpus.py) into a temporary directory, installs ccusage if
npm is available, and prints a Markdown table. It reads and writes nothing outside the temporary directory and target/. It
needs Linux or macOS and no Python packages.

Status-line calls are measured as users experience them, as children of a process named `claude`, in an empty home
directory and in a typical user's home directory (see calls.py). `--calls` measures nothing else. `--program` adds a
program to compare with: `cship=PATH`, or another build of whycap, such as `whycap-ff5fd09=PATH`. `--program
whycap=PATH` replaces the build.

A measurement is the wall-clock time of a whole process, from its start (posix_spawn) to its exit. The programs
alternate round by round, so that a busy moment affects all of them. The histories have just been written, so they are
in the page cache for every program. All ratios are ratios of medians.

The peak memory is VmHWM from /proc. It is read while the process waits for a full pipe to take its output, because the
figure that wait4 reports would include the size of this Python program. It is available only on Linux.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import calls
import corpus

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CCUSAGE = "20.0.24"
AT_ONCE = 8
# After this many seconds, three rounds are enough.
PATIENCE = 45


def note(text):
    print(text, file=sys.stderr, flush=True)


class Failed(Exception):
    """A problem that makes the measurements meaningless."""


# Processes


def spawn(command, environment, stdin, stdout):
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, stdout, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    return os.posix_spawn(command[0], command, environment, file_actions=actions)


def reap(pid, command):
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise Failed("%s exited with %d" % (" ".join(command), code))


def timed(command, environment, stdin=os.devnull):
    """Returns the milliseconds from start to exit."""
    start = time.perf_counter()
    pid = spawn(command, environment, stdin, os.devnull)
    reap(pid, command)
    return (time.perf_counter() - start) * 1e3


def peak_megabytes(command, environment, stdin=os.devnull):
    """Returns the peak memory at the time of the output, or None if there is no /proc."""
    if not os.path.exists("/proc/self/status"):
        return None
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"\n" * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, stdin, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, writing, 1),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    pid = os.posix_spawn(command[0], command, environment, file_actions=actions)
    os.close(writing)
    peak = 0
    idle_checks = 0
    previous_usage = None
    # The process is blocked on the pipe if it is sleeping and none of its threads has used the processor for a while.
    while idle_checks < 40:
        time.sleep(0.005)
        with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        with open("/proc/%d/status" % pid, encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    peak = int(line.split()[1])
        usage = (fields[11], fields[12])
        if fields[0] == "Z":
            raise Failed("%s exited without printing" % " ".join(command))
        is_idle = fields[0] == "S" and usage == previous_usage
        idle_checks = idle_checks + 1 if is_idle else 0
        previous_usage = usage
    while os.read(reading, 1 << 16):
        pass
    os.close(reading)
    reap(pid, command)
    return peak / 1024


def together(commands, environment):
    """Returns how many milliseconds each call takes if all are started at once, each from its own thread. A call is a
    command with the file for its standard input."""
    with concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(lambda call: timed(call[0], environment, call[1]), commands))


def summary(times):
    ordered = sorted(times)
    return {
        "median_ms": statistics.median(ordered),
        "min_ms": ordered[0],
        "p95_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
        "rounds": len(ordered),
    }


def alternate(rounds, subjects):
    """Measures `subjects`, which maps each name to a function that performs one run and returns its milliseconds."""
    times = {name: [] for name in subjects}
    for run in subjects.values():
        run()
    start = time.monotonic()
    for number in range(rounds):
        if number >= 3 and time.monotonic() - start > PATIENCE:
            break
        for name, run in subjects.items():
            times[name].append(run())
    return {name: summary(values) for name, values in times.items()}


# Programs


def build():
    note("building whycap")
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    return os.path.abspath(os.path.join(target, "release", "whycap"))


def ccusage():
    """Returns the path of ccusage's native program. Its launcher would add the time that Node.js takes to start."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    package = "ccusage-%s-%s" % (sys.platform, machine.get(platform.machine().lower(), "none"))
    place = os.path.join(ROOT, "target", "ccusage-" + CCUSAGE)
    binary = os.path.join(place, "node_modules", "@ccusage", package, "bin", "ccusage")
    if not os.path.exists(binary):
        npm = shutil.which("npm")
        if npm is None:
            note("npm is not installed: ccusage is skipped")
            return None
        note("installing ccusage %s into target/" % CCUSAGE)
        os.makedirs(place, exist_ok=True)
        packages = ["ccusage@" + CCUSAGE, "@ccusage/%s@%s" % (package, CCUSAGE)]
        process = subprocess.run(
            [npm, "install", "--no-fund", "--no-audit", "--prefix", place] + packages,
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode != 0 or not os.path.exists(binary):
            note("npm could not install %s: ccusage is skipped" % " ".join(packages))
            return None
    os.chmod(binary, 0o755)
    return binary


class Live:
    """A live session, whose transcript grows between status-line calls."""

    appended_lines = 0

    def __init__(self, home, relative, temporary):
        self.transcript = os.path.join(home, relative)
        self.session = os.path.splitext(os.path.basename(relative))[0]
        self.appended = 0
        self.payload = os.path.join(temporary, self.session + ".json")
        cost = {
            "total_cost_usd": 0.01,
            "total_duration_ms": 1000,
            "total_api_duration_ms": 500,
            "total_lines_added": 1,
            "total_lines_removed": 0,
        }
        with open(self.payload, "w", encoding="utf-8") as out:
            json.dump(calls.payload_without_windows(self.session, self.transcript, cost), out)

    def append(self):
        Live.appended_lines += 1
        now = datetime.datetime.now(datetime.timezone.utc)
        line, cost = corpus.live_line("live %d" % Live.appended_lines, self.session, now)
        with open(self.transcript, "a", encoding="ascii") as out:
            out.write(line)
        self.appended += cost


# What is measured


class Bench:
    def __init__(self, whycap, other, rounds, temporary):
        self.whycap = whycap
        self.other = other
        self.rounds = rounds
        self.temporary = temporary
        self.rows = []
        self.checks = []

    def row(self, size, what, ratio, goal, whycap_times, against, memory=None, other_memory=None):
        self.rows.append(
            {
                "history": size,
                "what": what,
                "ratio": ratio,
                "goal": goal[0],
                "goal_ratio": goal[1],
                "met": ratio <= goal[1],
                "whycap": whycap_times,
                "against": against,
                "whycap_peak_mb": memory,
                "other_peak_mb": other_memory,
            }
        )

    def history(self, label, files, megabytes):
        note("writing a history of %g MB in %d files" % (megabytes, files))
        home = os.path.join(self.temporary, label)
        end = datetime.datetime.now(datetime.timezone.utc)
        truth = corpus.write_history(home, files, megabytes, 28, 1, end)
        # All writes to the disk must have finished before anything is timed.
        os.sync()
        size = "%.0f MB, %d files" % (truth["bytes"] / 1e6, truth["files"])
        data = os.path.join(home, "data")
        environment = {**calls.environment_of(home, data), "TMPDIR": self.temporary}
        self.first_read(size, truth, environment, data)
        self.again(size, environment)
        sessions = [Live(home, relative, self.temporary) for relative in truth["sessions"][:AT_ONCE]]
        self.status_line(size, sessions[0], environment)
        self.check(size, "after the status lines", truth, sessions, environment)
        self.at_once(size, sessions, environment)
        self.check(size, "after %d status lines at once" % len(sessions), truth, sessions, environment)
        shutil.rmtree(home)

    def first_read(self, size, truth, environment, data):
        note("the first read")
        whycap_command = [self.whycap, "spend", "--json"]
        ccusage_command = [self.other, "daily", "--offline", "--json"]

        def fresh():
            shutil.rmtree(data, ignore_errors=True)
            return timed(whycap_command, environment)

        subjects = {"whycap": fresh}
        if self.other:
            subjects["ccusage"] = lambda: timed(ccusage_command, environment)
        times_by_name = alternate(max(3, self.rounds // 3), subjects)
        if self.other:
            shutil.rmtree(data, ignore_errors=True)
            self.row(
                size,
                "first read and report, no ledger yet, against `ccusage daily`",
                times_by_name["whycap"]["median_ms"] / times_by_name["ccusage"]["median_ms"],
                ("<= 0.4 x", 0.4),
                times_by_name["whycap"],
                times_by_name["ccusage"],
                peak_megabytes(whycap_command, environment),
                peak_megabytes(ccusage_command, environment),
            )
        self.check(size, "after the first read", truth, [], environment)

    def again(self, size, environment):
        note("again, with nothing changed")
        command = [self.whycap, "spend", "--json"]
        times_by_name = alternate(self.rounds, {"whycap": lambda: timed(command, environment)})
        self.row(
            size,
            "`spend` again, nothing changed, against 15 ms",
            times_by_name["whycap"]["median_ms"] / 15,
            ("<= 15 ms", 1.0),
            times_by_name["whycap"],
            None,
            peak_megabytes(command, environment),
        )

    def status_line(self, size, session, environment):
        note("the status line")
        whycap_command = [self.whycap, "statusline"]
        ccusage_command = [self.other, "statusline", "--offline"]

        def call_after_response(command):
            session.append()
            return timed(command, environment, session.payload)

        times_by_name = {"/bin/true": [], "whycap": [], "ccusage": []}
        # ccusage takes half a second or much longer, so it is measured in only some of the rounds.
        subjects = {
            "/bin/true": lambda: timed(["/bin/true"], environment),
            "whycap": lambda: call_after_response(whycap_command),
        }
        for run in subjects.values():
            run()
        if self.other:
            call_after_response(ccusage_command)
        start = time.monotonic()
        for number in range(self.rounds * 2):
            for name, run in subjects.items():
                times_by_name[name].append(run())
            has_time = len(times_by_name["ccusage"]) < 3 or time.monotonic() - start < PATIENCE
            if self.other and number % 4 == 0 and has_time:
                times_by_name["ccusage"].append(call_after_response(ccusage_command))
        session.append()
        memory = peak_megabytes(whycap_command, environment, session.payload)
        baseline = summary(times_by_name["/bin/true"])
        line = summary(times_by_name["whycap"])
        self.row(
            size,
            "`statusline` after a line was appended, against `/bin/true`",
            line["median_ms"] / baseline["median_ms"],
            ("<= 4 x", 4.0),
            line,
            baseline,
            memory,
        )
        if self.other:
            other = summary(times_by_name["ccusage"])
            session.append()
            self.row(
                size,
                "the same, against `ccusage statusline`",
                line["median_ms"] / other["median_ms"],
                ("<= 1/200 x", 1 / 200),
                line,
                other,
                memory,
                peak_megabytes(ccusage_command, environment, session.payload),
            )
        if memory is not None:
            self.row(size, "the same, peak memory against 12 MB", memory / 12, ("<= 12 MB", 1.0), line, None, memory)

    def at_once(self, size, sessions, environment):
        note("%d status lines at once" % len(sessions))
        command = [self.whycap, "statusline"]

        def slowest_status_line(sessions):
            for session in sessions:
                session.append()
            return max(together([(command, session.payload) for session in sessions], environment))

        def slowest_true(count):
            return max(together([(["/bin/true"], os.devnull)] * count, environment))

        times_by_name = alternate(
            self.rounds,
            {
                "alone": lambda: slowest_status_line(sessions[:1]),
                "at once": lambda: slowest_status_line(sessions),
                "true alone": lambda: slowest_true(1),
                "true at once": lambda: slowest_true(len(sessions)),
            },
        )
        floor = times_by_name["true at once"]["median_ms"] / times_by_name["true alone"]["median_ms"]
        self.row(
            size,
            "%d status lines at once, the slowest against one alone (`/bin/true`, in the "
            "same way: %.2f)" % (len(sessions), floor),
            times_by_name["at once"]["median_ms"] / times_by_name["alone"]["median_ms"],
            ("<= 3 x", 3.0),
            times_by_name["at once"],
            times_by_name["alone"],
        )

    def check(self, size, when, truth, sessions, environment):
        """Compares whycap's total with the true total."""

        def report(command):
            process = subprocess.run(command, env=environment, capture_output=True, check=True)
            return json.loads(process.stdout)

        expected = truth["cost_usd"] + sum(session.appended for session in sessions) / 1e9
        whycap_usd = report([self.whycap, "spend", "--json"])["total"]["cost_usd"]
        ccusage_usd = None
        if self.other:
            totals = report([self.other, "daily", "--offline", "--json"])["totals"]
            ccusage_usd = totals.get("totalCost")
        self.checks.append(
            {
                "history": size,
                "when": when,
                "truth_usd": expected,
                "whycap_usd": whycap_usd,
                "ccusage_usd": ccusage_usd,
                "exact": abs(whycap_usd - expected) <= 1e-9,
            }
        )


def calls_in_use(programs, rounds, temporary, files, megabytes_in_all):
    """Returns the wall-clock and processor times of status-line calls in milliseconds, by home directory and program."""

    def with_history(home):
        note("writing the history of a user")
        corpus.write_history(home, files, megabytes_in_all, 28, 1, datetime.datetime.now(datetime.timezone.utc))

    subjects = []
    for kind in ("bare", "user"):
        home = os.path.join(temporary, "home-" + kind)
        subjects += calls.prepare(kind, home, programs, with_history)
    note("status-line calls")
    times_by_name = {}
    for kind, name, wall, cpu in calls.measure(subjects, rounds, temporary):
        walls, cpus = times_by_name.setdefault((kind, name), ([], []))
        walls.append(wall)
        cpus.append(cpu)
    return {key: (summary(walls), summary(cpus)) for key, (walls, cpus) in times_by_name.items()}


def markdown_of_calls(times_by_name):
    lines = [
        "| home | program | minimum | median | of `true` | of cship | processor time, minimum |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (kind, name), (wall, cpu) in times_by_name.items():

        def ratio(other):
            compared = times_by_name.get((kind, other))
            return "%.2f ×" % (wall["min_ms"] / compared[0]["min_ms"]) if compared else ""

        lines.append(
            "| %s | %s | %.2f ms | %.2f ms | %s | %s | %.2f ms |"
            % (kind, name, wall["min_ms"], wall["median_ms"], ratio("true"), ratio("cship"), cpu["min_ms"])
        )
    return "\n".join(lines)


def milliseconds(figures):
    if figures is None:
        return "", ""
    return ("%.2f" % figures["median_ms"], "%.2f, %.2f" % (figures["min_ms"], figures["p95_ms"]))


def megabytes(figure):
    return "" if figure is None else "%.1f MB" % figure


def markdown(bench):
    lines = [
        "| what | ratio | goal | met | whycap: median (min, p95) ms | against: median (min, p95) ms "
        "| peak memory | history |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in bench.rows:
        whycap_times, other_times = milliseconds(row["whycap"]), milliseconds(row["against"])
        ratio = row["ratio"]
        shown = "%.2f" % ratio if ratio >= 0.02 else "1/%.0f" % (1 / ratio)
        memory = megabytes(row["whycap_peak_mb"])
        if row["other_peak_mb"] is not None:
            memory += " against " + megabytes(row["other_peak_mb"])
        lines.append(
            "| %s | **%s** | %s | %s | %s (%s) | %s | %s | %s |"
            % (
                row["what"],
                shown,
                row["goal"],
                "yes" if row["met"] else "no",
                whycap_times[0],
                whycap_times[1],
                "%s (%s)" % other_times if other_times[0] else "",
                memory,
                row["history"],
            )
        )
    lines += [
        "",
        "| checked | truth | whycap | ccusage | exact to 1e-9 | history |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for check in bench.checks:
        ccusage_usd = check["ccusage_usd"]
        lines.append(
            "| %s | %.9f | %.9f | %s | %s | %s |"
            % (
                check["when"],
                check["truth_usd"],
                check["whycap_usd"],
                "%.9f" % ccusage_usd if ccusage_usd is not None else "",
                "yes" if check["exact"] else "NO",
                check["history"],
            )
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="a small history: does it all work?")
    sizes.add_argument("--big", action="store_true", help="also 3.9 GB in 4000 files")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=30, help="how often each is measured")
    parser.add_argument("--calls", action="store_true", help="only status-line calls")
    parser.add_argument("--program", action="append", default=[], metavar="NAME=PATH", help="a program to compare with")
    options = parser.parse_args()
    programs = {name: os.path.abspath(path) for name, _, path in (text.partition("=") for text in options.program)}
    whycap = programs.pop("whycap", None) or build()
    programs = {"true": None, "whycap": [whycap], **{name: [path] for name, path in programs.items()}}
    with tempfile.TemporaryDirectory(prefix="whycap-bench-") as temporary:
        size = (40, 39) if options.quick else (400, 390)
        in_use = calls_in_use(programs, max(25, options.rounds), temporary, *size)
    print(markdown_of_calls(in_use) + "\n")
    if options.calls:
        return 0
    other = ccusage()
    histories = [("quick", 40, 39)] if options.quick else [("usual", 400, 390)]
    if options.big:
        histories.append(("big", 4000, 3900))
    with tempfile.TemporaryDirectory(prefix="whycap-bench-") as temporary:
        bench = Bench(whycap, other, options.rounds, temporary)
        for label, files, megabytes_in_all in histories:
            bench.history(label, files, megabytes_in_all)
    if options.json:
        print(json.dumps({"rows": bench.rows, "checks": bench.checks}, indent=2))
    else:
        print(markdown(bench))
    return 0 if all(check["exact"] for check in bench.checks) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, subprocess.CalledProcessError) as error:
        sys.exit("run.py: %s" % error)
