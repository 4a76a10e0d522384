"""A team's sums, as printed by `whycap spend` and as returned by the engines."""

import datetime
import itertools
import json
import subprocess

from engines import ClickHouse

USD = 10**12
# The columns of the sums, and the columns that only rows have.
SUMMED_COLUMNS = ("day", "model", "person", "machine", "project")
COLUMNS = (*SUMMED_COLUMNS, "session")
# As in reality, every run happens in a different second.
NOW = (datetime.datetime(2026, 11, 20, 6, 30) + datetime.timedelta(seconds=number) for number in itertools.count())
RESULTS = {"passed": 0, "failed": 0}


def check(name, actual, expected):
    """Counts and prints whether two values are equal."""
    if actual == expected:
        RESULTS["passed"] += 1
        print(f"ok: {name}", flush=True)
    else:
        RESULTS["failed"] += 1
        print(f"FAILED: {name}: {actual!r} is not {expected!r}", flush=True)


def run_whycap(binary, home, *arguments):
    """Runs whycap without checking its exit code."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": "UTC", "WHYCAP_NOW": f"{next(NOW).isoformat()}Z"}
    return subprocess.run(
        [binary, *map(str, arguments)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def spend_groups(binary, home, *arguments, by=COLUMNS):
    """Yields each column together with the groups that `whycap spend` prints for it."""
    # In rows, values that no transcript contains are empty.
    keys = {"(unknown)": ""}
    for name in by:
        process = run_whycap(binary, home, "spend", "--json", "--by", name, *arguments)
        assert process.returncode == 0, process.stderr
        for group in json.loads(process.stdout)["groups"]:
            yield (name, keys.get(group["key"], group["key"])), group


def whycap_sums(binary, home, *arguments, by=COLUMNS):
    """Returns the pico-dollars of each value of each column, from `whycap spend`."""
    return {
        key: round(group["cost_usd"] * USD)
        for key, group in spend_groups(binary, home, *arguments, by=by)
        if group["cost_usd"]
    }


def whycap_lower_bounds(binary, home, *arguments, by=COLUMNS):
    """Returns the values of each column whose sum is a lower bound, from `whycap spend`."""
    return {key for key, group in spend_groups(binary, home, *arguments, by=by) if group["at_least"]}


def engine_groups(engine, by, aggregate):
    """Yields each value of each column with an aggregate of its rows, from an engine."""
    text = "String" if isinstance(engine, ClickHouse) else "VARCHAR"
    for name in by:
        table = "spend" if name == "session" else "days"
        for key, value in engine.run(
            f"SELECT CAST({name} AS {text}) AS k, {aggregate} AS value FROM whycap.{table} GROUP BY k"
        ):
            yield (name, key), value


def engine_sums(engine, by=COLUMNS):
    """Returns the pico-dollars of each value of each column, from an engine."""
    return {
        key: round(pico) for key, pico in engine_groups(engine, by, "CAST(sum(cost_pico) AS DOUBLE PRECISION)") if pico
    }


def engine_lower_bounds(engine, by=COLUMNS):
    """Returns the values of each column whose sum is a lower bound, from an engine."""
    return {key for key, is_lower_bound in engine_groups(engine, by, "max(at_least)") if is_lower_bound}
