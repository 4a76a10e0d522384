"""The exports of a made-up team: people who work in a few repositories, and plans of several sizes that fill up."""
import datetime
import gzip
import json
import random
import zlib
from pathlib import Path

from history import FIVE_HOURS, UTC, WEEK, Meter

# Who, how many answers on a usual day, and how many of these fill the five hours and the week of the seat.
PEOPLE = [("Ada", 110, 60, 520), ("Bruno", 85, 90, 900), ("Chiara", 70, 34, 420), ("Dragan", 45, 90, 900),
          ("Eun-ji", 38, 26, 300), ("Farid", 24, 90, 900), ("Greta", 9, 90, 900)]
PROJECTS = ["acme/api", "acme/web-shop", "acme/billing"]
MODELS = [("claude-opus-5-5", 900), ("claude-opus-4-8", 700), ("claude-haiku-4-5-20251001", 60)]
# Passing states of the service, and who can do something about them.
OTHERS = [("overloaded", "not_a_limit", "nobody", 300), ("auth", "not_a_limit", "you", 1500)]
VERSION = (1000 << 30) + 5


def machine_of(person):
    return f"{zlib.crc32(person.encode()):016x}"


def hour_of(at):
    return at.replace(minute=0, second=0, microsecond=0)


class Team:
    """Makes rows up, and writes them as whycap does."""

    def __init__(self, seed=1, people=PEOPLE):
        self.chance, self.people = random.Random(seed), people
        self.files, self.keys = {}, 0

    def row(self, rows, at, person, **fields):
        self.keys += 1
        step = datetime.timedelta(minutes=60 if rows == "windows" else 15)
        time = at - (at - hour_of(at)) % step
        line = {"key": f"{self.keys:016x}", "version": VERSION, "time": f"{time:%Y-%m-%d %H:%M:%S}", "person": person,
                "machine": machine_of(person), **fields}
        self.files.setdefault((rows, f"{at:%Y-%m-%d}", machine_of(person)), []).append(json.dumps(line))

    def write(self, target, end, days):
        """All that they did in so many days before `end`."""
        for person in self.people:
            self.live(person, end, days)
        for (rows, day, machine), lines in self.files.items():
            path = Path(target) / "whycap-1" / rows / f"day={day}" / f"{machine}.ndjson.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            with gzip.open(path, "wt", encoding="utf-8") as file:
                file.writelines(line + "\n" for line in lines)

    def live(self, who, end, days):
        chance = self.chance
        person, usual, short, long = who
        meters = [Meter("five_hour", "", FIVE_HOURS, short), Meter("weekly", "", WEEK, long)]
        steps = {meter.name: [] for meter in meters}
        day, number = end - datetime.timedelta(days=days), 0
        while day < end:
            day += datetime.timedelta(days=1)
            if day.weekday() >= 5 and chance.random() < .9:
                continue
            now = day.replace(hour=chance.choice((7, 8, 8, 9)), minute=chance.randrange(60))
            left = int(usual * chance.uniform(.4, 1.5))
            while left > 0 and now < end and now.date() == day.date():
                number += 1
                session = f"{number:08x}-0000-4000-a000-{machine_of(person)[-12:]}"
                project = chance.choices(PROJECTS, (5, 3, 2))[0]
                for _ in range(max(2, int(chance.expovariate(1 / 12)))):
                    full = next((meter for meter in meters if now < meter.reset and meter.used >= 100), None)
                    if full:
                        now = self.stopped(person, session, now, full, end)
                        break
                    self.spend(person, now, session, project, *chance.choices(MODELS, (5, 2, 3))[0])
                    for meter in meters:
                        meter.adds(now, 1)
                        steps[meter.name].append((now, meter.used, meter.reset))
                    left -= 1
                    now += datetime.timedelta(seconds=chance.expovariate(1 / 300))
                    if now >= end:
                        break
                if chance.random() < .015:
                    kind, verdict, who_can_fix, seconds = chance.choice(OTHERS)
                    self.limit(person, session, now, kind, verdict, who_can_fix, None, int(seconds * (1 + chance.random())))
                now += datetime.timedelta(minutes=chance.randrange(5, 40))
        for window, told in steps.items():
            self.hours(person, window, told, end)

    def hours(self, person, window, told, end):
        """A window stays as full as it was told until it is told anew or resets."""
        fullest = {}
        for (at, percent, reset), (next_at, *_) in zip(told, told[1:] + [(end,)]):
            hour = hour_of(at)
            while True:
                fullest[hour] = max(percent, fullest.get(hour, 0))
                hour += datetime.timedelta(hours=1)
                if hour >= min(next_at, reset):
                    break
        for hour, percent in fullest.items():
            self.row("windows", hour, person, account=f"a-{person}", window=window, percent=float(int(percent)))

    def stopped(self, person, session, now, meter, end):
        """Refused; gives when the work went on."""
        if self.chance.random() < .06:
            self.limit(person, session, now, meter.name, "false_likely", "nobody", meter.reset, 840)
            return now + datetime.timedelta(minutes=14)
        on = min(meter.reset, now + datetime.timedelta(hours=40))
        is_open = on >= end
        blocked = (min(on, end) - now).total_seconds()
        self.limit(person, session, now, meter.name, "real", "nobody", meter.reset, int(blocked), "open" if is_open else "seen")
        return on

    def limit(self, person, session, at, kind, verdict, who_can_fix, reset, blocked, ended="seen"):
        self.row("limits", at, person, session=session, kind=kind, verdict=verdict, service="plan", who_can_fix=who_can_fix,
                 waiting_helps=who_can_fix == "nobody", resets_at=reset and f"{reset:%Y-%m-%d %H:%M:%S}", blocked_s=blocked, ended=ended)

    def spend(self, person, at, session, project, model, cents):
        output = self.chance.randrange(200, 4500)
        self.row("spend", at, person, project=project, branch="main", session=session, model=model, kind="response", subagent=False,
                 fast=False, us=False, input=30, output=output, cache_read=output * 30, cache_write_5m=output, cache_write_1h=0,
                 web_searches=0, cost_pico=int(cents * self.chance.random() * 10**9), unpriced=False)


def made_up(target, end, days=61, **more):
    Team(**more).write(target, end.astimezone(UTC), days)
    return Path(target)
