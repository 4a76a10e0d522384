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
    return [(said.replace("\\|", "|"), command) for said, command in rows]


def main():
    wanted = [word for word in sys.argv[1:] if word != "--run"]
    readme = " ".join((ROOT / "README.md").read_text().split())
    found = [row for row in claims() if not wanted or any(word in row[0] for word in wanted)]
    failed = [said for said, _ in found if said.strip("`") not in readme]
    for said in failed:
        print(f"FAILED: the README no longer contains: {said}")
    results = {}
    for said, command in found:
        if "--run" not in sys.argv:
            print(f"{said}: {command}")
            continue
        if command not in results:
            results[command] = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
        if results[command].returncode:
            failed.append(said)
        print(f"{'FAILED' if results[command].returncode else 'ok'}: {said}: {command}", flush=True)
    print(f"{len(found) - len(set(failed))} passed, {len(set(failed))} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
