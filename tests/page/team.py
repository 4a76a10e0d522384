"""The exports of a generated team: people who work in a few repositories, and plans of several sizes whose usage
windows fill up."""

import json
from pathlib import Path
from typing import NamedTuple

from history import History, runner


class Person(NamedTuple):
    """A member of the team. `sessions` is the number of sessions in two months, and `responses` is the mean number of
    responses per session."""

    name: str
    sessions: int
    responses: int


TEAM = [
    Person("Ada", 160, 28),
    Person("Bruno", 120, 26),
    Person("Chiara", 100, 24),
    Person("Dragan", 70, 22),
    Person("Eun-ji", 60, 20),
    Person("Farid", 40, 18),
    Person("Greta", 15, 12),
]
DAYS = 61
PROJECT_COUNT = 3

# The name in the exports until it is replaced, because whycap itself would not write some of the names.
PLACEHOLDER = "placeholder"


def export_team(directory, program, end, seed=1, people=TEAM):
    """Gives each person a machine with a history, and exports the histories. Returns the directory of the exports,
    which is below `directory`."""
    exports = Path(directory) / "team"
    for index, person in enumerate(people):
        home = Path(directory) / f"home{index}"
        history = History(home, seed + index, project_count=PROJECT_COUNT, account=f"account{index}")
        history.write(end, DAYS, person.sessions, person.responses)
        config = home / ".config/whycap/config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(f'[export]\nperson = "{PLACEHOLDER}"\n')
        runner(program, home, "UTC")(["export", str(exports)], end)
        for path in exports.glob("*.ndjson"):
            replace_placeholder(path, person.name)
    return exports


def replace_placeholder(path, name):
    path.write_text(path.read_text().replace(json.dumps(PLACEHOLDER), json.dumps(name)))
