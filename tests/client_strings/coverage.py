#!/usr/bin/env python3
"""Compares a client's sentences about limits, and every text that it shows for a refused request, with whycap's rows.

usage: tests/client_strings/coverage.py [--whycap PROGRAM] [--list known|not-limits|new] [VERSION|cached|newest …]

VERSION is a version of Claude Code, which npm installs on first use (in E2E_CACHE). `cached`, the default, is the newest version
that is installed already, and `newest` is the newest on npm. Each sentence is one of these:
  known        `whycap explain` recognizes it as a row's message, based on more than a status code.
  not a limit  The sentence is not a refusal. A pattern in not_limits.txt matches it and gives a reason.
  denied       whycap classifies it as code or as another program's message, although Claude Code shows it.
  new          Somebody has to look at it: see CONTRIBUTING.md, "A new version of Claude Code".
The exit code is 1 if a sentence is new or denied, or if there are far fewer texts than in 2.1.332. The client's code has
then changed its form, and the extraction misses texts.
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

# Rows that state only that there is some limit, or nothing at all.
DENIALS = {"other-program", "code"}
VAGUE = {"unknown", "status-429", "class-billing", "class-server", "class-auth"}
NOT_LIMITS = HERE / "not_limits.txt"
# The number of texts of each description in 2.1.332.
COUNTS = {"sentences": 697, "texts of refused requests": 344}


def reasons(text):
    """Returns the list of sentences that are deliberately not treated as limits: (reason, [patterns]). A reason ends
    with a colon."""
    reasons_found = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith("  "):
            reasons_found.append((line.rstrip(":"), []))
        else:
            reasons_found[-1][1].append(re.compile(line[2:]))
    return reasons_found


def known_as(whycap, sentences):
    """Returns the row of each sentence."""
    with tempfile.TemporaryDirectory() as home, concurrent.futures.ThreadPoolExecutor(8) as pool:
        environment = {"HOME": home, "TZ": "UTC", "WHYCAP_NOW": "2026-11-20T12:00:00Z"}

        def recognize(sentence):
            # A placeholder before a colon stands for Claude Code's own "API Error".
            sentence = re.sub(r"^…: ", "API Error: ", sentence)
            run = subprocess.run(
                [whycap, "explain", "--json", "--text", "-"],
                input=sentence,
                env=environment,
                cwd=home,
                capture_output=True,
                text=True,
                check=True,
            )
            # A text that may be a question, such as "What is my limit?", is about the current error, and there is none.
            incident = json.loads(run.stdout)["incident"]
            return incident["known_as"] if incident else None

        return list(pool.map(recognize, sentences))


def sorted_sentences(sentences, rows, reasons_and_patterns):
    """Returns four lists of (reason, sentence): the known sentences, those that are not limits, the new ones, and those
    that are denied."""
    known, not_limits, new, denied = [], [], [], []
    for sentence, row in zip(sentences, rows):
        reason = next(
            (reason for reason, patterns in reasons_and_patterns if any(p.search(sentence) for p in patterns)), None
        )
        if row in DENIALS:
            denied.append((row, sentence))
        elif row is not None and row not in VAGUE:
            known.append((row, sentence))
        elif reason is not None:
            not_limits.append((reason, sentence))
        else:
            new.append(("", sentence))
    return known, not_limits, new, denied


def has_too_few(description, number):
    """Returns true if the number of texts has fallen by more than a tenth."""
    return number < 0.9 * COUNTS[description]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", default=["cached"], metavar="VERSION|cached|newest")
    parser.add_argument("--whycap", default=ROOT / "target" / "debug" / "whycap")
    parser.add_argument("--list", choices=["known", "not-limits", "new", "denied"], default="new")
    arguments = parser.parse_args()
    if not Path(arguments.whycap).is_file():
        raise SystemExit(f"{arguments.whycap} does not exist: run `cargo build`, or name a program with --whycap")
    reasons_and_patterns = reasons(NOT_LIMITS.read_text())
    has_new = has_lost = False
    for version in arguments.versions:
        version = {"cached": client.newest_cached, "newest": client.newest_published}.get(version, lambda: version)()
        program = client.client(version)
        for description, texts in (
            ("sentences", literals(program)),
            ("texts of refused requests", sorted({text for *_, text in refusals(program)})),
        ):
            lists = sorted_sentences(texts, known_as(Path(arguments.whycap).resolve(), texts), reasons_and_patterns)
            known, not_limits, new, denied = lists
            print(
                f"{version}: {len(texts)} {description}: {len(known)} known, {len(not_limits)} not a limit, {len(new)} new, {len(denied)} denied"
            )
            for reason, text in dict(zip(("known", "not-limits", "new", "denied"), lists))[arguments.list]:
                print(f"  {reason + ': ' if reason else ''}{text}")
            has_new = has_new or bool(new or denied)
            if has_too_few(description, len(texts)):
                print(f"  There were {COUNTS[description]} {description} in 2.1.332: repair the extraction.")
                has_lost = True
    return 1 if has_new or has_lost else 0


if __name__ == "__main__":
    sys.exit(main())
