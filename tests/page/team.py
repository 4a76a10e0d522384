"""The exports of a made-up team: people who work in a few repositories, and plans of several sizes that fill up."""
import gzip
import json
from pathlib import Path

from history import History, runner

# Who, how many sessions and answers in each, in two months.
PEOPLE = [("Ada", 160, 28), ("Bruno", 120, 26), ("Chiara", 100, 24), ("Dragan", 70, 22), ("Eun-ji", 60, 20), ("Farid", 40, 18), ("Greta", 15, 12)]


def made_up(place, program, end, seed=1, people=PEOPLE):
    """Each has a machine of his own below `place`, with a history, and exports it."""
    target = Path(place) / "team"
    for number, (person, sessions, answers) in enumerate(people):
        home = Path(place) / f"home{number}"
        history = History(home, seed + number, projects=3, account=f"account{number}")
        history.write(end, 61, sessions, answers)
        (home / ".config/whycap").mkdir(parents=True)
        (home / ".config/whycap/config.toml").write_text('[export]\nperson = "he"\n')
        runner(program, home, "UTC")(["export", str(target)], end)
        # No whycap writes down what some are called here.
        for path in target.rglob("*.gz"):
            path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b'"he"', json.dumps(person).encode())))
    return target
