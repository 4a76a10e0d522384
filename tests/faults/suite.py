"""Defines attacks, selects and runs the attacks of all areas, and reports their results.

An attack is a function that attacks a `Machine` and raises `BrokenPromise` if a promise does not hold. The attack's
sentence states the promise. With `over`, the function runs once for each row of a table. Each row is a case with a name
that `run.py --only` accepts.
"""

import inspect
import itertools
import math
import multiprocessing
import multiprocessing.connection
import random
import re
import signal
import time
import traceback
from dataclasses import dataclass, field

from launcher import BrokenPromise
from machine import Machine
from messages import DistinctMessages

# A case may be slow only because the machine is busy, so it gets this many attempts, each in a new home.
ATTEMPTS = 3
# A case that hangs gets fewer attempts, because each takes several seconds.
ATTEMPTS_IF_HANGING = 2
SECONDS_BETWEEN_ATTEMPTS = 0.2
# After this many similar cases of an attack hang, the remaining similar cases are skipped, because each takes ten
# seconds. In the long run, cases are similar only if their first values are the same, too.
MAX_HANGS = 1
MAX_HANGS_IN_LONG_RUN = 2
CASE_SECONDS = 240
# The short run starts no more cases after this time, so that it ends within five minutes no matter how many cases hang.
SHORT_RUN_SECONDS = 270

# Longer values are shortened in the names of cases.
MAX_VALUE_LENGTH = 60
LENGTH_OF_SHORTENED_VALUE = 52
MAX_PROBLEM_LENGTH = 400

ATTACKS = []


@dataclass
class Attack:
    """A registered attack (see `attack`)."""

    area: str
    promise: str
    function: object
    over: object
    quick: object
    similar_by: object

    @property
    def name(self):
        return f"{self.area}.{self.function.__name__.rstrip('_')}"

    @property
    def parameters(self):
        """The names of the function's parameters, except the machine."""
        return list(inspect.signature(self.function).parameters)[1:]

    def cases(self, machine):
        if not self.parameters:
            return [Case(self, ())]
        rows = self.over(machine) if callable(self.over) else self.over
        return [Case(self, row if isinstance(row, tuple) else (row,)) for row in rows]


@dataclass
class Case:
    """An attack with one row of its table."""

    attack: Attack
    row: tuple

    @property
    def name(self):
        if not self.row:
            return self.attack.name
        values = ",".join(map(value_name, self.row)).replace(" ", "_")
        return f"{self.attack.name}[{values}]"

    @property
    def promise(self):
        values = dict(zip(self.attack.parameters, map(value_name, self.row), strict=True))
        return self.attack.promise.format(**values)

    def outcome(self, problem=None, is_skipped=False):
        return Outcome(self.name, self.attack.area, self.promise, problem=problem, is_skipped=is_skipped)


def value_name(value):
    """Returns a row's value for use in a case's name. This is the value's own name, if any, and at most a few words."""
    text = getattr(value, "name", None) or (value if isinstance(value, str) else repr(value))
    text = re.sub(r"[^\x20-\x7e]", "_", str(text)).replace("[", "(").replace("]", ")")
    if len(text) <= MAX_VALUE_LENGTH:
        return text
    checksum = sum(text.encode()) % 10**6
    return f"{text[:LENGTH_OF_SHORTENED_VALUE]}~{checksum}"


def attack(area, promise, over=None, quick=None, similar_by=lambda row: row[-1:]):
    """Registers an attack. `quick` is the number of cases in the short run, which are selected by the seed. None means
    all cases, and with 0, the attack is part of the long run only. Cases for which `similar_by` returns the same value
    are similar (see MAX_HANGS)."""

    def register(function):
        ATTACKS.append(Attack(area, promise, function, over, quick, similar_by))
        return function

    return register


def product(*tables):
    return list(itertools.product(*tables))


@dataclass
class Outcome:
    """The result of a case. `problem` is None if the promise was kept."""

    name: str
    area: str
    promise: str
    seconds: float = 0.0
    problem: str = None
    is_skipped: bool = False
    error_messages: list = field(default_factory=list)


@dataclass
class AreaResult:
    """The number of cases in an area by result, and the time that they took."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def add(self, outcome):
        if outcome.is_skipped:
            self.skipped += 1
        elif outcome.problem:
            self.failed += 1
        else:
            self.passed += 1


@dataclass
class Selection:
    """The options from the command line. `only` contains the names of areas, attacks, and cases."""

    everything: bool
    only: list
    seed: int
    jobs: int
    prints_times: bool = False

    @property
    def max_hangs(self):
        return MAX_HANGS_IN_LONG_RUN if self.everything else MAX_HANGS

    def unknown_names(self):
        """Returns the names in `only` that are neither an area nor an attack."""
        known = {"cage"}
        for attack in ATTACKS:
            known |= {attack.area, attack.name}
        return [name for name in self.only if name.split("[")[0] not in known]

    def includes_area(self, area):
        return not self.only or any(name.split(".")[0] == area for name in self.only)

    def includes(self, attack):
        return not self.only or any(name.split("[")[0] in (attack.area, attack.name) for name in self.only)

    def select(self, attack, cases):
        """Returns the cases of an attack that are run."""
        names = [name for name in self.only if name.split("[")[0] == attack.name and "[" in name]
        if names:
            return [case for case in cases if case.name in names]
        if self.everything or attack.quick is None or len(cases) <= attack.quick:
            return cases
        chosen = random.Random(f"{self.seed} {attack.name}").sample(range(len(cases)), attack.quick)
        return [cases[index] for index in sorted(chosen)]


# --- workers -----------------------------------------------------------------------------------------


class OutOfTime(Exception):
    """Raised if the attack itself does not end."""


def raise_out_of_time(*_):
    raise OutOfTime


class Worker:
    """Runs cases in one process. `hangs` counts the cases that hung, by similarity."""

    def __init__(self, directory, tools, selection):
        self.machine = Machine(directory, tools, selection.seed)
        self.selection = selection
        self.hangs = {}

    def serve(self, connection):
        """Runs the cases that arrive on a connection until there are no more."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, raise_out_of_time)
        while (task := connection.recv()) is not None:
            connection.send(self.run(case_of(task)))

    def run(self, case):
        start = time.monotonic()
        similarity = self.similarity(case)
        if self.hangs.get(similarity, 0) >= self.selection.max_hangs:
            return case.outcome(is_skipped=True)
        outcome = case.outcome()
        for attempt in range(1, ATTEMPTS + 1):
            outcome.problem = None
            try:
                self.attempt(case)
            except BrokenPromise as broken:
                outcome.problem = str(broken)
                attempts = ATTEMPTS_IF_HANGING if broken.hang else ATTEMPTS
                if broken.slow and attempt < attempts:
                    time.sleep(SECONDS_BETWEEN_ATTEMPTS)
                    continue
                if broken.hang:
                    self.hangs[similarity] = self.hangs.get(similarity, 0) + 1
            except OutOfTime:
                outcome.problem = f"the attack itself did not end in {CASE_SECONDS} s"
            except Exception:
                last_lines = traceback.format_exc().strip().splitlines()[-3:]
                outcome.problem = "the attack itself failed: " + " | ".join(last_lines)
            break
        outcome.error_messages = self.machine.error_messages
        self.machine.error_messages = []
        outcome.seconds = time.monotonic() - start
        return outcome

    def attempt(self, case):
        signal.alarm(CASE_SECONDS)
        try:
            self.machine.reset(case.name)
            case.attack.function(self.machine, *case.row)
        finally:
            signal.alarm(0)

    def similarity(self, case):
        """Returns a value that is the same for similar cases."""
        first_values = case.row[:1] if self.selection.everything else ()
        values = (*first_values, *case.attack.similar_by(case.row))
        return (case.attack.name, *map(value_name, values))


def case_of(task):
    """Returns the case for a task, which is the index of an attack and a row. Tasks are sent between processes."""
    index, row = task
    return Case(ATTACKS[index], row)


class Workers:
    """The processes that run cases. Python's own pools need /dev/shm, which the cage does not have."""

    def __init__(self, selection, scratch, tools):
        self.context = multiprocessing.get_context("fork")
        self.selection = selection
        self.scratch = scratch
        self.tools = tools
        self.idle = [self.start(number) for number in range(selection.jobs)]

    def start(self, number):
        """Starts a worker. Returns its number and the connection to it."""
        connection, connection_of_worker = self.context.Pipe()
        worker = Worker(worker_directory(self.scratch, number), self.tools, self.selection)
        process = self.context.Process(target=worker.serve, args=(connection_of_worker,), daemon=True)
        process.start()
        connection_of_worker.close()
        return number, connection

    def run(self, tasks, deadline):
        """Yields each outcome as it arrives. Cases that have not started by the deadline are skipped."""
        tasks = list(reversed(tasks))
        busy = {}
        while tasks or busy:
            while tasks and time.monotonic() > deadline:
                yield case_of(tasks.pop()).outcome(is_skipped=True)
            while tasks and self.idle:
                number, connection = self.idle.pop()
                task = tasks.pop()
                busy[connection] = (number, task)
                connection.send(task)
            ready = multiprocessing.connection.wait(list(busy)) if busy else []
            for connection in ready:
                number, task = busy.pop(connection)
                try:
                    outcome = connection.recv()
                    self.idle.append((number, connection))
                except EOFError:
                    outcome = case_of(task).outcome(problem="the process of the attack ended")
                    self.idle.append(self.start(number))
                yield outcome


def worker_directory(scratch, number):
    return scratch / f"w{number}"


# --- running everything ------------------------------------------------------------------------------


def run(selection, scratch, tools, report):
    """Runs the selected cases, and passes a line about each failure to `report` when it occurs. Returns an `AreaResult`
    for each area, in the order of the areas."""
    results = {}
    times = AttackTimes()
    messages = DistinctMessages()
    planner = Machine(worker_directory(scratch, selection.jobs), tools, selection.seed)
    workers = Workers(selection, scratch, tools)
    is_limited = not selection.everything and not selection.only
    deadline = time.monotonic() + (SHORT_RUN_SECONDS if is_limited else math.inf)
    areas = dict.fromkeys(attack.area for attack in ATTACKS)
    for area in filter(selection.includes_area, areas):
        start = time.monotonic()
        result = AreaResult()
        tasks = planned_tasks(area, selection, planner, result, report)
        for outcome in workers.run(tasks, deadline):
            result.add(outcome)
            messages.add(outcome)
            times.add(outcome)
            if outcome.problem:
                report(failure_line(outcome.area, outcome.promise, outcome.problem, outcome.name, selection.seed))
        result.seconds = time.monotonic() - start
        results[area] = result
    good_messages, bad_messages = messages.check()
    for problem, case in bad_messages:
        promise = "an error message is one line that names the file and a remedy"
        report(failure_line("messages", promise, problem, case, selection.seed))
    results["messages"] = AreaResult(passed=good_messages, failed=len(bad_messages))
    if selection.prints_times:
        times.report(report)
    return results


def planned_tasks(area, selection, planner, result, report):
    """Returns the tasks for the selected cases of an area, in random order, because neighboring rows in a table are
    often slow together. An attack without cases is a failure."""
    tasks = []
    for index, attack in enumerate(ATTACKS):
        if attack.area != area or not selection.includes(attack):
            continue
        try:
            planner.reset(attack.name)
            cases = attack.cases(planner)
        except BrokenPromise as broken:
            problem = f"there are no cases: {broken}"
            report(failure_line(area, attack.promise, problem, attack.name, selection.seed))
            result.failed += 1
            continue
        tasks += [(index, case.row) for case in selection.select(attack, cases)]
    random.Random(selection.seed).shuffle(tasks)
    return tasks


class AttackTimes:
    """The number of cases of each attack, and the time that they took."""

    def __init__(self):
        self.counts = {}
        self.seconds = {}

    def add(self, outcome):
        attack = outcome.name.split("[")[0]
        self.counts[attack] = self.counts.get(attack, 0) + 1
        self.seconds[attack] = self.seconds.get(attack, 0.0) + outcome.seconds

    def report(self, report):
        for attack in sorted(self.seconds, key=self.seconds.get, reverse=True):
            report(f"{self.seconds[attack]:8.1f} s {self.counts[attack]:6} cases  {attack}")


def failure_line(area, promise, problem, name, seed):
    problem = " ".join(problem.split())
    if len(problem) > MAX_PROBLEM_LENGTH:
        problem = problem[: MAX_PROBLEM_LENGTH - 3] + "..."
    if not problem.isprintable():
        problem = problem.encode("unicode_escape").decode()
    return f"FAILED {area}: {promise}: {problem} -- run.py --seed {seed} --only '{name}'"
