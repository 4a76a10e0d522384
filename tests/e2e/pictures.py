#!/usr/bin/env python3
"""Creates docs/pictures/*.svg, which show whycap in the real client, from real runs with the mock.

usage: tests/e2e/pictures.py [--only story,normal,at-limit,…] [--out DIRECTORY]

`story` is animated and shows an afternoon that is interrupted by a false limit.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from ansi_svg import cells, moving, plain, svg
from client import BORDER, NEWEST, Session, client, flat
from journeys import Stage, first_words, fresh_home, wait_until_steady
from mock_api import response, windows
from program import ROOT, install_sh, output_of
from screen import Screen, framed

QUESTION = "Why does the login test fail after midnight?"
ANSWER = (
    "The test builds its token with local time and the server checks it in UTC. I moved both to UTC; all 48 tests pass."
)
NEXT = "Now do the same for the billing tests"
# A morning of work in which a response costs about two dollars.
BUSY = {
    "input_tokens": 2400,
    "output_tokens": 74000,
    "cache_read_input_tokens": 141000,
    "cache_creation_input_tokens": 62000,
}


def busy(five_hour, seven_day, status="allowed"):
    return response(ANSWER, usage=BUSY, headers=windows(five_hour, seven_day, status=status))


def paid():
    return response(ANSWER, usage=BUSY)


# name: the subject of the picture, the account, the width, the successful response, and the refusal (if any)
PICTURES = {
    "normal": dict(title="a normal day", first=lambda: busy(0.42, 0.17)),
    "near-limit": dict(title="near a limit", first=lambda: busy(0.91, 0.38, "allowed_warning")),
    "at-limit": dict(title="at a limit", first=lambda: busy(0.96, 0.39), then="spend_limit"),
    "org-limit": dict(
        title="an organization's limit, seen by a member",
        plan="team",
        role="user",
        first=lambda: busy(0.96, 0.39),
        then="spend_limit",
    ),
    "api-key": dict(title="paying by API key", plan="key", first=paid),
    "narrow": dict(title="50 columns", columns=50, first=lambda: busy(0.96, 0.39), then="spend_limit"),
    "no-colour": dict(
        title="NO_COLOR", first=lambda: busy(0.96, 0.39), then="spend_limit", variables={"NO_COLOR": "1"}
    ),
}


def shot(program, title, first, plan="max", role="admin", columns=110, rows=44, then=None, variables=None):
    """Plays the scene, and returns the colored screen at its end."""
    stage = Stage(NEWEST, program, True, plan, role, columns, rows)
    with fresh_home(stage) as (home, api):
        process = install_sh(home)
        if process.returncode:
            raise SystemExit(f"install.sh exited with {process.returncode}: {output_of(process)}")
        with Session(program, home, api, columns=columns, rows=rows, **(variables or {})) as session:
            session.ready()
            api.play(first())
            session.ask(QUESTION)
            session.wait("the response", lambda text: "all 48 tests pass." in flat(text))
            session.wait_footer("the spend", re.compile(r"\$\d").search)
            if plan != "key":
                share = first()["headers"]["anthropic-ratelimit-unified-5h-utilization"]
                session.wait_footer("the window", f"{round(float(share) * 100)}%")
            if then:
                api.play(then)
                session.ask(NEXT)
                session.wait("the error", re.compile(r"hit your|out of extra"))
                # The countdown stays open, because closing it would cancel the auto-resume.
                first_words(session, home, lambda text: NEXT in text)
            wait_until_steady(session)
            return session.colored()


def story(program, columns=100, rows=36):
    """Plays a session that hits a false limit and asks whycap for the reason. Returns (seconds, colored screen) for
    each frame."""
    stage = Stage(NEWEST, program, True, "max", "admin", columns, rows)
    frames = []
    with fresh_home(stage) as (home, api):
        process = install_sh(home)
        if process.returncode:
            raise SystemExit(f"install.sh exited with {process.returncode}: {output_of(process)}")
        with Session(program, home, api, columns=columns, rows=rows) as session:
            session.ready()
            api.play(busy(0.42, 0.17))
            session.ask(QUESTION)
            session.wait("the response", lambda text: "all 48 tests pass." in flat(text))
            session.wait_footer("the window", "42%")
            wait_until_steady(session)
            frames.append((3, session.colored()))
            session.type(NEXT)
            session.wait("the typed prompt", NEXT)
            frames.append((1.5, session.colored()))
            api.play("false_credits")
            session.key("Enter")
            session.wait("the error", "out of extra")
            first_words(session, home, lambda text: NEXT in text)
            wait_until_steady(session)
            frames.append((6, session.colored()))
            session.ask("/whycap")
            session.wait(
                "the reply to the command",
                lambda text: "whycap explain --long" in flat(text),
            )
            wait_until_steady(session)
            frames.append((9, session.colored()))
    return frames


def drain(columns=100, rows=40):
    """Runs `whycap drain` on a session that was recorded with a mock that loses its cache. Returns the colored
    screen."""
    with tempfile.TemporaryDirectory(prefix="drain-") as directory:
        home = Path(directory) / "home"
        shutil.copytree(ROOT / "tests/data/drain/lies-and-a-flapping-server/home", home)
        program = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release" / "whycap"
        newest = max(re.findall(r'"timestamp":"([^"]+)"', next(home.rglob("*.jsonl")).read_text()))
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "TZ": "UTC", "WHYCAP_NOW": newest}
        # The script adds the shell prompt to the picture itself, because shells differ.
        command = ["/bin/sh", "-c", f"echo '❯ whycap drain'; {program} drain; exec cat"]
        with Screen(command, environment=environment, directory=home, columns=columns, rows=rows) as screen:
            screen.wait("the report", "Costs are net")
            return screen.colored()


def cropped(rows):
    """Returns the conversation from its first prompt on, with consecutive empty lines reduced to one."""
    start = next((place for place, row in enumerate(rows) if plain(row).startswith("❯ ") and len(plain(row)) > 2), 0)
    borders = [place for place, row in enumerate(rows) if BORDER.match(plain(row))]
    kept = []
    for place, row in enumerate(rows[start:], start):
        # The row above the prompt contains the client's notices about its terminal and its settings, which are not part
        # of the picture.
        if len(borders) > 1 and place == borders[-2] - 1 and plain(row).startswith("  "):
            row = []
        if plain(row) or (kept and plain(kept[-1])):
            kept.append(row)
    while kept and not plain(kept[-1]):
        kept.pop()
    return kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names, separated by commas: " + ", ".join(PICTURES))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    chosen = parser.parse_args()
    all_names = ["story", "drain", *PICTURES]
    names = [name for name in chosen.only.split(",") if name] or all_names
    unknown = [name for name in names if name not in all_names]
    if unknown:
        sys.exit(f"no picture is called {', '.join(unknown)}; there are {', '.join(all_names)}")
    chosen.out.mkdir(parents=True, exist_ok=True)
    program = client(NEWEST)
    for name in names:
        if name == "story":
            frames = [(seconds, cropped(cells(screen))) for seconds, screen in story(program)]
            text = "\n".join(plain(row) for row in frames[-1][1])
            (chosen.out / "story.svg").write_text(moving(frames, 100, "an error at 42%, and what it really was", text))
            print(f"{chosen.out}/story.svg\n{framed(text)}")
            continue
        if name == "drain":
            picture, rows = {"title": "whycap drain", "columns": 100}, cropped(cells(drain()))
        else:
            picture = PICTURES[name]
            rows = cropped(cells(shot(program, **picture)))
        text = "\n".join(plain(row) for row in rows)
        (chosen.out / f"{name}.svg").write_text(svg(rows, picture.get("columns", 110), picture["title"], text))
        print(f"{chosen.out / name}.svg\n{framed(text)}")


if __name__ == "__main__":
    main()
