#!/usr/bin/env python3
"""Runs the shell steps of the workflows in a copy of the repository, and reports which steps ran and why others did not.

usage: .github/dry_run.py [--program PROGRAM] [--long]

--program  a release build for x86_64-unknown-linux-musl, which is used in place of every system's build
--long     also run the steps that take minutes (building, testing, cargo install)

Commands that would change anything outside the copy are only recorded: sudo, gh, rustup, and publishing with npm are
replaced. The script needs PyYAML (pip install pyyaml), bash, and Node.js. The exit code is 1 if a step failed.
"""
import argparse
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
HERE = "x86_64-unknown-linux-musl"
STAND_INS = ["sudo", "gh", "rustup", "npx"]
# Commands that publish something are never run, even if this machine is logged in to an account.
PUBLISHES = re.compile(r"cargo (\S+ )?(publish|yank|owner)")
LONG = re.compile(r"cargo (\S+ )?(test|build|clippy|install|check|deny|run)|\.ci/run")


def entries(job):
    """Returns the combinations of values that a job's matrix defines."""
    matrix = job.get("strategy", {}).get("matrix", {})
    if "include" in matrix:
        return matrix["include"]
    names = list(matrix)
    return [{names[0]: value} for value in matrix[names[0]]] if names else [{}]


def filled(text, values):
    """Replaces expressions such as `${{ matrix.x }}` with their values, and expressions that only GitHub can evaluate
    with a placeholder."""
    def value(found):
        expression = found.group(1).strip()
        return str(values.get(expression.removeprefix("matrix."), "unknown-here"))
    return re.sub(r"\$\{\{(.*?)\}\}", value, str(text))


def applies(step, values):
    """Evaluates the condition of a step. The workflows use only `contains(matrix.x, 'y')`."""
    said = re.fullmatch(r"contains\(matrix\.(\w+), '(.*)'\)", step.get("if", "").strip())
    if step.get("if") and not said:
        raise SystemExit(f"this script does not understand: if: {step['if']}")
    return not said or said.group(2) in values.get(said.group(1), "")


def reason_not_to(script, job, values, given):
    """Returns the reason why a shell step cannot run on this machine, or None."""
    system = filled(job["runs-on"], values)
    if not system.startswith("ubuntu") and LONG.search(script):
        return f"is for {system}"
    if values.get("target", HERE) != HERE and LONG.search(script):
        return f"builds for {values['target']}"
    if PUBLISHES.search(script):
        return "publishes"
    if LONG.search(script) and not given.long:
        return "takes minutes (--long)"
    if "try_homebrew.sh" in script and (not shutil.which("brew") or os.geteuid() == 0):
        return "needs Homebrew, and a user who is not root"
    # The release and the npm packages are made from the archives.
    if re.search(r"target/\$TARGET|\*\.sha256|packaging/npm", script) and not given.program:
        return "needs --program"
    return None


def prepare(scratch):
    """Creates stand-ins for programs that would change anything outside the copy."""
    bin_directory = scratch / "bin"
    bin_directory.mkdir()
    for name in STAND_INS:
        script = bin_directory / name
        script.write_text(f'#!/bin/sh\nprintf "     would run: {name} %s\\n" "$*"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return bin_directory


def copy_to(place):
    """Returns the existing files in the repository, except those that git ignores."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name, follow_symlinks=False)


class Run:
    def __init__(self, given, scratch):
        self.given, self.scratch = given, scratch
        self.bin = prepare(scratch)
        self.artifacts = scratch / "artifacts"
        self.count = {"ran": 0, "failed": 0, "not run": 0, "action": 0}
        manifest = (ROOT / "Cargo.toml").read_text()
        self.version = re.search(r'^version = "(.*)"', manifest, re.MULTILINE).group(1)

    def note(self, kind, what, why=""):
        self.count[kind] += 1
        print(f"  {kind:8} {what}{': ' + why if why else ''}", flush=True)

    def action(self, step, checkout, values):
        """Simulates the three actions that later steps need. Other actions are only mentioned."""
        name = step["uses"].split("@")[0]
        if name == "actions/upload-artifact" and (checkout / "dist").exists():
            shutil.copytree(checkout / "dist", self.artifacts / values["target"])
        if name == "actions/download-artifact":
            (checkout / "dist").mkdir(exist_ok=True)
            for file in self.artifacts.glob("*/*"):
                shutil.copy2(file, checkout / "dist")
        if not re.search(r"@[0-9a-f]{40}$", step["uses"]):
            self.note("failed", name, "is not pinned by a commit")
        else:
            self.note("action", name)

    def step(self, workflow, job, step, checkout, values):
        script = step["run"]
        what = step.get("name") or script.strip().splitlines()[0]
        if not applies(step, values):
            return
        why = reason_not_to(script, job, values, self.given)
        if why:
            self.note("not run", what, why)
            return
        variables = {**workflow.get("env", {}), **job.get("env", {}), **step.get("env", {})}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", filled(script, values)], cwd=checkout, check=False,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env={**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "GITHUB_REF_NAME": f"v{self.version}",
                 **{name: filled(value, values) for name, value in variables.items()}})
        self.note("failed" if done.returncode else "ran", what)
        shown = done.stdout + done.stderr if done.returncode else "\n".join(line for line in done.stdout.splitlines() if "would run" in line)
        if shown.strip():
            print(shown.rstrip()[-3000:])

    def workflow(self, path):
        workflow = yaml.safe_load(path.read_text())
        for name, job in workflow["jobs"].items():
            for values in entries(job):
                print(f"{path.name}: {name} {' '.join(map(str, values.values()))}".rstrip())
                checkout = self.scratch / f"{path.stem}-{name}-{'-'.join(map(str, values.values()))}"
                checkout.mkdir()
                copy_to(checkout)
                if self.given.program and values.get("target"):
                    built = checkout / "target" / values["target"] / "release"
                    built.mkdir(parents=True)
                    shutil.copy2(self.given.program, built / "whycap")
                for step in job["steps"]:
                    if "uses" in step:
                        self.action(step, checkout, values)
                    else:
                        self.step(workflow, job, step, checkout, values)
                if not self.given.long:
                    shutil.rmtree(checkout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--long", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="whycap-dry-run-") as directory:
        run = Run(given, Path(directory))
        for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
            run.workflow(path)
    print(", ".join(f"{count} {kind}" for kind, count in run.count.items()))
    return 1 if run.count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
