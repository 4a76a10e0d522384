"""A team's sums, as printed by `whycap spend` and as returned by the engines."""
import datetime
import itertools
import json
import subprocess

from engines import ClickHouse

USD = 10**12
# The columns of the sums, and the columns that only rows have.
SUMMED = ("day", "model", "person", "machine", "project")
BY = (*SUMMED, "session")
# As in reality, every run happens in a different second.
NOW = (datetime.datetime(2026, 11, 20, 6, 30) + datetime.timedelta(seconds=number) for number in itertools.count())
RESULTS = {"passed": 0, "failed": 0}


def check(name, found, expected):
    holds = found == expected
    RESULTS["passed" if holds else "failed"] += 1
    print(f"{'ok' if holds else 'FAILED'}: {name}" + ("" if holds else f": {found!r} is not {expected!r}"), flush=True)


def whycap(binary, home, *arguments):
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": "UTC", "WHYCAP_NOW": f"{next(NOW).isoformat()}Z"}
    return subprocess.run([binary, *map(str, arguments)], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def groups_of(binary, home, *arguments, by=BY):
    """Yields each column together with the groups that `whycap spend` prints for it."""
    # In rows, values that no transcript contains are empty.
    keys = {"(unknown)": ""}
    for name in by:
        done = whycap(binary, home, "spend", "--json", "--by", name, *arguments)
        assert done.returncode == 0, done.stderr
        for group in json.loads(done.stdout)["groups"]:
            yield (name, keys.get(group["key"], group["key"])), group


def said(binary, home, *arguments, by=BY):
    """Returns the pico-dollars of each value of each column, from `whycap spend`."""
    return {key: round(group["cost_usd"] * USD) for key, group in groups_of(binary, home, *arguments, by=by) if group["cost_usd"]}


def lower_bounds_said(binary, home, *arguments, by=BY):
    """Returns the values of each column whose sum is a lower bound, from `whycap spend`."""
    return {key for key, group in groups_of(binary, home, *arguments, by=by) if group["at_least"]}


def grouped(engine, by, aggregate):
    """Yields each value of each column with an aggregate of its rows, from an engine."""
    text = "String" if isinstance(engine, ClickHouse) else "VARCHAR"
    for name in by:
        table = "spend" if name == "session" else "days"
        for key, value in engine.run(f"SELECT CAST({name} AS {text}) AS k, {aggregate} AS value FROM whycap.{table} GROUP BY k"):
            yield (name, key), value


def found_in(engine, by=BY):
    """Returns the pico-dollars of each value of each column, from an engine."""
    return {key: round(pico) for key, pico in grouped(engine, by, "CAST(sum(cost_pico) AS DOUBLE PRECISION)") if pico}


def lower_bounds_in(engine, by=BY):
    """Returns the values of each column whose sum is a lower bound, from an engine."""
    return {key for key, is_lower_bound in grouped(engine, by, "max(at_least)") if is_lower_bound}
