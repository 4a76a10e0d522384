#!/usr/bin/env python3
"""Lists the claims in the README and the commands that prove them: docs/claims.py [--run] [PART OF A CLAIM ...]

It checks that the README still contains each claim of docs/claims.md. --run also runs each command once, which takes
many minutes for all claims. The last line is 'N passed, N failed'.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def claims():
    """Returns the claim and the command of each row."""
    rows = re.findall(r"^\| (.+) \| `(.+)` \|$", (ROOT / "docs/claims.md").read_text(), re.M)
    return [(claim.replace("\\|", "|"), command) for claim, command in rows]


def main():
    requested = [word for word in sys.argv[1:] if word != "--run"]
    readme = " ".join((ROOT / "README.md").read_text().split())
    selected = [row for row in claims() if not requested or any(part in row[0] for part in requested)]
    failed = [claim for claim, _ in selected if claim.strip("`") not in readme]
    for claim in failed:
        print(f"FAILED: the README no longer contains: {claim}")
    results = {}
    for claim, command in selected:
        if "--run" not in sys.argv:
            print(f"{claim}: {command}")
            continue
        if command not in results:
            results[command] = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
        if results[command].returncode:
            failed.append(claim)
        print(f"{'FAILED' if results[command].returncode else 'ok'}: {claim}: {command}", flush=True)
    print(f"{len(selected) - len(set(failed))} passed, {len(set(failed))} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
