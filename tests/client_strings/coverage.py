#!/usr/bin/env python3
"""Holds what a client says about limits, and every text of a refused request, against the rows of whycap.

usage: tests/client_strings/coverage.py [--whycap PROGRAM] [--list known|not-limits|new] [VERSION|cached|newest …]

VERSION is a version of Claude Code, which npm brings on first use (E2E_CACHE says where it is kept);
`cached` (the default) is the newest that is there already, `newest` the newest on npm. Each sentence is
  known       whycap explain recognizes it as the message of a row, by more than a status,
  not a limit it refuses nothing and stands in not_limits.txt, by a pattern with its reason,
  denied      whycap calls it another program's, or code, though Claude Code says it, or
  new         somebody has to look at it: see CONTRIBUTING.md, "A new version of Claude Code".
Exit 1 if one is new or denied.
"""
import argparse
import concurrent.futures
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "e2e")]

import client  # noqa: E402  (of the end-to-end suite)
from literals import literals  # noqa: E402
from refusals import refusals  # noqa: E402

# Rows that say no more than "some limit", or nothing.
DENIALS = {"other-program", "code"}
VAGUE = {"unknown", "status-429", "class-billing", "class-server", "class-auth"}
NOT_LIMITS = HERE / "not_limits.txt"


def reasons(text):
    """The list of what is deliberately no limit: (reason, [patterns]); a reason ends with a colon."""
    found = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith("  "):
            found.append((line.rstrip(":"), []))
        else:
            found[-1][1].append(re.compile(line[2:]))
    return found


def known_as(whycap, sentences):
    """The row of each sentence."""
    with tempfile.TemporaryDirectory() as home, concurrent.futures.ThreadPoolExecutor(8) as pool:
        environment = {"HOME": home, "TZ": "UTC", "WHYCAP_NOW": "2026-11-20T12:00:00Z"}

        def ask(sentence):
            # What is filled in before a colon is Claude Code's own "API Error".
            sentence = re.sub(r"^…: ", "API Error: ", sentence)
            run = subprocess.run([whycap, "explain", "--json", "--text", "-"], input=sentence, env=environment, cwd=home,
                                 capture_output=True, text=True, check=True)
            return json.loads(run.stdout)["incident"]["known_as"]

        return list(pool.map(ask, sentences))


def sorted_out(sentences, rows, listed):
    """What is known, what is no limit, what is new: three lists of (why, sentence)."""
    known, not_limits, new, denied = [], [], [], []
    for sentence, row in zip(sentences, rows):
        reason = next((reason for reason, patterns in listed if any(p.search(sentence) for p in patterns)), None)
        if row in DENIALS:
            denied.append((row, sentence))
        elif row not in VAGUE:
            known.append((row, sentence))
        elif reason is not None:
            not_limits.append((reason, sentence))
        else:
            new.append(("", sentence))
    return known, not_limits, new, denied


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("versions", nargs="*", default=["cached"], metavar="VERSION|cached|newest")
    options.add_argument("--whycap", default=ROOT / "target" / "debug" / "whycap")
    options.add_argument("--list", choices=["known", "not-limits", "new", "denied"], default="new")
    given = options.parse_args()
    listed = reasons(NOT_LIMITS.read_text())
    is_new = False
    for version in given.versions:
        version = {"cached": client.newest_cached, "newest": client.newest_published}.get(version, lambda: version)()
        program = client.client(version)
        for what, texts in (("sentences", literals(program)), ("texts of refused requests", sorted({text for *_, text in refusals(program)}))):
            sorts = sorted_out(texts, known_as(given.whycap, texts), listed)
            known, not_limits, new, denied = sorts
            print(f"{version}: {len(texts)} {what}: {len(known)} known, {len(not_limits)} not a limit, {len(new)} new, {len(denied)} denied")
            for why, text in dict(zip(("known", "not-limits", "new", "denied"), sorts))[given.list]:
                print(f"  {why + ': ' if why else ''}{text}")
            is_new = is_new or bool(new or denied)
    return 1 if is_new else 0


if __name__ == "__main__":
    sys.exit(main())
