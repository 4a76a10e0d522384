"""The exports of a generated team: people who work in a few repositories, and plans of several sizes that fill up."""
import gzip
import json
from pathlib import Path

from history import History, runner

# The people, each with the number of sessions in two months and the number of responses per session.
PEOPLE = [("Ada", 160, 28), ("Bruno", 120, 26), ("Chiara", 100, 24), ("Dragan", 70, 22), ("Eun-ji", 60, 20), ("Farid", 40, 18), ("Greta", 15, 12)]


def made_up(place, program, end, seed=1, people=PEOPLE):
    """Gives each person a machine with a history below `place`, and exports it."""
    target = Path(place) / "team"
    for number, (person, sessions, answers) in enumerate(people):
        home = Path(place) / f"home{number}"
        history = History(home, seed + number, projects=3, account=f"account{number}")
        history.write(end, 61, sessions, answers)
        (home / ".config/whycap").mkdir(parents=True)
        (home / ".config/whycap/config.toml").write_text('[export]\nperson = "he"\n')
        runner(program, home, "UTC")(["export", str(target)], end)
        # The names are inserted after the export, because whycap itself would not write some of them.
        for path in target.rglob("*.gz"):
            path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b'"he"', json.dumps(person).encode())))
    return target
