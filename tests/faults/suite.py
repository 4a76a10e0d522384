"""Defines attacks, selects and runs the attacks of all areas, and reports their results.

An attack is a function that attacks a `Machine` and raises `Broken` if a promise does not hold. The attack's sentence
states the promise. With `over`, the function runs once for each row of a table. Each row is a case with a name that
`run.py --only` accepts.
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

import messages
from machine import Broken, Machine

# A case may be slow only because the machine is busy, so it gets this many chances, each in a new home.
CHANCES = 3
# A case that hangs gets fewer chances, because each takes several seconds.
CHANCES_OF_HANGS = 2
# After this many similar cases of an attack hang, the remaining similar cases are skipped, because each takes ten
# seconds. In the long run, cases are similar only if their first values are the same, too.
HANGS = {False: 1, True: 2}
CASE_SECONDS = 240
# The short run starts no more cases after this time, so that it ends within five minutes no matter how many cases hang.
SHORT_RUN_SECONDS = 270

ATTACKS = []


@dataclass
class Attack:
    area: str
    promise: str
    function: object
    over: object
    quick: object
    tires: object

    @property
    def name(self):
        return f"{self.area}.{self.function.__name__.rstrip('_')}"

    @property
    def parameters(self):
        return list(inspect.signature(self.function).parameters)[1:]

    def cases(self, machine):
        if not self.parameters:
            return [Case(self, ())]
        rows = self.over(machine) if callable(self.over) else self.over
        return [Case(self, row if isinstance(row, tuple) else (row,)) for row in rows]


@dataclass
class Case:
    attack: Attack
    row: tuple

    @property
    def name(self):
        shown = ",".join(shown_value(value) for value in self.row).replace(" ", "_")
        return f"{self.attack.name}[{shown}]" if self.row else self.attack.name

    @property
    def promise(self):
        return self.attack.promise.format(**{key: shown_value(value) for key, value in zip(self.attack.parameters, self.row)})


def shown_value(value):
    """Returns a row's value for use in a case's name. This is the value's own name, if any, and at most a few words."""
    text = getattr(value, "name", None) or (value if isinstance(value, str) else repr(value))
    text = re.sub(r"[^\x20-\x7e]", "_", str(text)).replace("[", "(").replace("]", ")")
    return text if len(text) <= 60 else text[:52] + f"~{sum(text.encode()) % 10**6}"


def attack(area, promise, over=None, quick=None, tires=lambda row: row[-1:]):
    """Registers an attack. `quick` is the number of cases in the short run, which are selected by the seed. None means
    all cases, and with 0, the attack is part of the long run only. Cases for which `tires` returns the same value are
    similar (see HANGS)."""
    def register(function):
        ATTACKS.append(Attack(area, promise, function, over, quick, tires))
        return function
    return register


def product(*tables):
    return list(itertools.product(*tables))


@dataclass
class Outcome:
    name: str
    area: str
    promise: str
    seconds: float
    trouble: str = None
    left_out: bool = False
    said: list = field(default_factory=list)


@dataclass
class Chosen:
    """The options from the command line."""
    everything: bool
    only: list
    seed: int
    jobs: int
    times: bool = False

    def wants_area(self, area):
        return not self.only or any(part.split(".")[0] == area for part in self.only)

    def wants(self, attack):
        return not self.only or any(attack.area == part or part.split("[")[0] in (attack.name,) for part in self.only)

    def take(self, attack, cases):
        named = [part for part in self.only if "[" in part]
        if any(part.split("[")[0] == attack.name for part in named):
            return [case for case in cases if case.name in named]
        if self.everything or attack.quick is None or len(cases) <= attack.quick:
            return cases
        picked = random.Random(f"{self.seed} {attack.name}").sample(range(len(cases)), attack.quick)
        return [cases[index] for index in sorted(picked)]


# Each process has one of these: the worker's machine, and the cases that hung in it.
WORKER = {}


def work(connection, own, tools, chosen):
    """Runs the cases that this worker is sent until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    WORKER.update(machine=Machine(own, tools, chosen.seed), hangs={}, thorough=chosen.everything)
    while (task := connection.recv()) is not None:
        connection.send(run_case(*task))


class Workers:
    """The processes that run cases. Python's own pools need /dev/shm, which the cage does not have."""

    def __init__(self, chosen, scratch, tools):
        self.context = multiprocessing.get_context("fork")
        self.chosen, self.scratch, self.tools = chosen, scratch, tools
        self.idle = [self.start(number) for number in range(chosen.jobs)]

    def start(self, number):
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=work, args=(theirs, self.scratch / f"w{number}", self.tools, self.chosen),
            daemon=True)
        process.start()
        theirs.close()
        return number, ours

    def run(self, tasks, until):
        """Yields each outcome as it arrives. Cases that have not started when time is up are left out."""
        tasks = list(reversed(tasks))
        busy = {}
        while tasks or busy:
            while tasks and time.monotonic() > until:
                case = Case(ATTACKS[tasks[-1][0]], tasks.pop()[1])
                yield Outcome(case.name, case.attack.area, case.promise, 0, left_out=True)
            while tasks and self.idle:
                worker = self.idle.pop()
                busy[worker[1]] = (worker, tasks.pop())
                worker[1].send(busy[worker[1]][1])
            for connection in multiprocessing.connection.wait(list(busy)) if busy else ():
                worker, task = busy.pop(connection)
                try:
                    outcome = connection.recv()
                except EOFError:
                    case = Case(ATTACKS[task[0]], task[1])
                    outcome = Outcome(case.name, case.attack.area, case.promise, 0, trouble="the attack itself died")
                    worker = self.start(worker[0])
                self.idle.append(worker)
                yield outcome


class OutOfTime(Exception):
    pass


def out_of_time(*_):
    raise OutOfTime


def run_case(index_of_attack, row):
    case = Case(ATTACKS[index_of_attack], row)
    machine, hangs = WORKER["machine"], WORKER["hangs"]
    begun = time.monotonic()
    outcome = Outcome(case.name, case.attack.area, case.promise, 0)
    kind = (case.attack.name, *map(shown_value, (row[:1] if WORKER["thorough"] else ()) + tuple(case.attack.tires(row))))
    if hangs.get(kind, 0) >= HANGS[WORKER["thorough"]]:
        outcome.left_out = True
        return outcome
    signal.signal(signal.SIGALRM, out_of_time)
    for chance in range(CHANCES):
        outcome.trouble = None
        signal.alarm(CASE_SECONDS)
        try:
            machine.anew(case.name)
            case.attack.function(machine, *row)
        except Broken as broken:
            outcome.trouble = str(broken)
            if broken.slow and chance + 1 < (CHANCES_OF_HANGS if broken.hang else CHANCES):
                time.sleep(0.2)
                continue
            if broken.hang:
                hangs[kind] = hangs.get(kind, 0) + 1
        except OutOfTime:
            outcome.trouble = f"the attack itself did not end in {CASE_SECONDS} s"
        except Exception:
            outcome.trouble = "the attack broke off: " + " | ".join(traceback.format_exc().strip().splitlines()[-3:])
        finally:
            signal.alarm(0)
        break
    outcome.said = machine.said
    machine.said = []
    outcome.seconds = time.monotonic() - begun
    return outcome


def run(chosen, scratch, tools, tell):
    """Runs the selected cases and reports each failure when it occurs. Returns (passed, failed, left out) and the time
    in seconds for each area, in the order of the areas."""
    table, took = {}, {}
    spoken = messages.Spoken()
    planner = Machine(scratch / f"w{chosen.jobs}", tools, chosen.seed)
    workers = Workers(chosen, scratch, tools)
    until = time.monotonic() + (math.inf if chosen.everything or chosen.only else SHORT_RUN_SECONDS)
    areas = list(dict.fromkeys(attack.area for attack in ATTACKS))
    for area in filter(chosen.wants_area, areas):
        begun = time.monotonic()
        passed = failed = left_out = 0
        planned = []
        for index, attack in enumerate(ATTACKS):
            if attack.area == area and chosen.wants(attack):
                try:
                    planner.anew(attack.name)
                    cases = attack.cases(planner)
                except Broken as broken:
                    tell(failure(area, attack.promise, f"there are no cases: {broken}", attack.name, chosen.seed))
                    failed += 1
                    continue
                planned += [(index, case.row) for case in chosen.take(attack, cases)]
        # Neighboring rows in a table are often slow together.
        random.Random(chosen.seed).shuffle(planned)
        for outcome in workers.run(planned, until):
            spoken.add(outcome)
            attack = outcome.name.split("[")[0]
            count, seconds = took.get(attack, (0, 0.0))
            took[attack] = count + 1, seconds + outcome.seconds
            if outcome.left_out:
                left_out += 1
            elif outcome.trouble:
                failed += 1
                tell(failure(outcome.area, outcome.promise, outcome.trouble, outcome.name, chosen.seed))
            else:
                passed += 1
        table[area] = (passed, failed, left_out, time.monotonic() - begun)
    passed, complaints = spoken.judged()
    for trouble, name in complaints:
        tell(failure("messages", "a failure is one line that names the file and a remedy", trouble, name, chosen.seed))
    table["messages"] = (passed, len(complaints), 0, 0.0)
    if chosen.times:
        for attack, (count, seconds) in sorted(took.items(), key=lambda entry: -entry[1][1]):
            tell(f"{seconds:8.1f} s {count:6} cases  {attack}")
    return table


def failure(area, promise, trouble, name, seed):
    trouble = " ".join(trouble.split())
    if len(trouble) > 400:
        trouble = trouble[:397] + "..."
    trouble = trouble.encode("unicode_escape").decode() if not trouble.isprintable() else trouble
    return f"FAILED {area}: {promise}: {trouble} -- run.py --seed {seed} --only '{name}'"
