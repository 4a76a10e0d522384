#!/usr/bin/env python3
"""Tests whycap from npm, from publishing to uninstalling, with a registry on the loopback interface.

usage: tests/e2e/npm.py PROGRAM [--client 2.1.328]

PROGRAM is a release build for this system (in a release for Linux, a static build for musl). packaging/archive.sh creates its
archive, and packaging/npm/make.js creates the packages. The script needs npm, tmux, and verdaccio, which npm installs once into
E2E_CACHE. If it cannot install verdaccio, the exit code is 77. Nothing is published elsewhere, and only temporary home directories
are used.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import journeys
from claude_home import ClaudeHome
from client import NEWEST, Session, client
from mock_api import MockApi
from program import ROOT, output_of
from report import Report, expect
from screen import POLL, Screen

VERDACCIO = "6.1.2"
ARCHITECTURE = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
SYSTEM = {"Linux": "linux", "Darwin": "darwin"}[platform.system()]
TARGET = {
    "linux-x64": "x86_64-unknown-linux-musl",
    "linux-arm64": "aarch64-unknown-linux-musl",
    "darwin-x64": "x86_64-apple-darwin",
    "darwin-arm64": "aarch64-apple-darwin",
}[f"{SYSTEM}-{ARCHITECTURE}"]
NODE_PATH = f"{Path(shutil.which('npm')).parent}:/usr/local/bin:/usr/bin:/bin"


def verdaccio():
    """Returns the registry's program, which npm installs on first use."""
    cache = Path(os.environ.get("E2E_CACHE") or Path.home() / ".cache" / "whycap-e2e") / f"verdaccio-{VERDACCIO}"
    program = cache / "node_modules" / "verdaccio" / "bin" / "verdaccio"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # Some registries lack the tag that one of verdaccio's dependencies requires, so the same version is requested
        # by number.
        wanted = {"private": True, "dependencies": {"verdaccio": VERDACCIO}, "overrides": {"node-fetch": "2.7.0"}}
        (cache / "package.json").write_text(json.dumps(wanted))
        process = subprocess.run(
            ["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts"],
            cwd=cache,
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            print(f"skipped: npm could not install verdaccio: {output_of(process)}")
            sys.exit(77)
    return program


@contextlib.contextmanager
def registry(scratch):
    """Runs a registry that contains only the packages published to it. Yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = scratch / "verdaccio.yaml"
    config.write_text(
        f"storage: {scratch / 'storage'}\nmax_body_size: 100mb\nauth:\n  htpasswd:\n    file: {scratch / 'htpasswd'}\nuplinks: {{}}\n"
        "packages:\n  '**':\n    access: $all\n    publish: $all\n    unpublish: $all\nlog: { type: stdout, format: json, level: warn }\n"
    )
    process = subprocess.Popen(
        ["node", str(verdaccio()), "--config", str(config), "--listen", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=scratch,
        env={"HOME": str(scratch), "PATH": NODE_PATH},
    )
    try:
        address = f"http://127.0.0.1:{port}/"
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(address + "-/ping", timeout=5).close()
                break
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("verdaccio does not start")
            time.sleep(POLL)
        yield address
    finally:
        process.terminate()
        process.wait()


class Shell:
    """Runs commands as a person types them, in a HOME whose npm uses only this registry."""

    def __init__(self, home, address):
        self.home = home
        self.prefix = home / "npm-global"
        host = address.removeprefix("http:")
        (home / ".npmrc").write_text(
            f"registry={address}\n{host}:_authToken=nobody\nprefix={self.prefix}\nfund=false\naudit=false\nupdate-notifier=false\n"
        )
        self.environment = {
            "HOME": str(home),
            "PATH": f"{self.prefix}/bin:{NODE_PATH}",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "COLUMNS": "120",
        }

    def run(self, *command, stdin=None, cwd=None):
        return subprocess.run(
            command,
            cwd=cwd or self.home,
            input=stdin,
            stdin=None if stdin else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
            env=self.environment,
        )

    def well(self, *command, **more):
        process = self.run(*command, **more)
        expect(process.returncode == 0, f"{' '.join(command)} exited with {process.returncode}: {output_of(process)}")
        return process.stdout


def packages(program, scratch):
    """Returns the packages for this program in the order of publishing, and its version."""
    archive = subprocess.run(
        [str(ROOT / "packaging/archive.sh"), str(program), TARGET, str(scratch / "dist")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    version = re.search(r"whycap-(.*?)-" + re.escape(TARGET), archive).group(1)
    made = subprocess.run(
        [
            "node",
            str(ROOT / "packaging/npm/make.js"),
            "--partial",
            version,
            str(scratch / "dist"),
            str(scratch / "npm"),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return [Path(folder) for folder in made], version


def publish(shell, folders, report):
    for folder in folders:
        said = json.loads(shell.well("npm", "publish", "--json", cwd=folder))
        said = said.get("id") and said or next(iter(said.values()))
        report.note(
            f"{said['id']}: {said['size'] / 1e6:.2f} MB packed, {said['unpackedSize'] / 1e6:.2f} MB unpacked, {len(said['files'])} files"
        )


def next_version(folders, version):
    """Creates the same packages with the next version."""
    major, minor, patch = version.split(".")
    newer = f"{major}.{minor}.{int(patch) + 1}"
    for folder in folders:
        manifest = folder / "package.json"
        manifest.write_text(manifest.read_text().replace(f'"{version}"', f'"{newer}"'))
    return newer


def milliseconds(shell, *command):
    """Returns the median time that a command takes."""
    times = []
    for _ in range(15):
        began = time.perf_counter()
        shell.well(*command, stdin="{}")
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def journey(program, version_of_client, report):
    with tempfile.TemporaryDirectory(prefix="npm-", ignore_cleanup_errors=True) as directory, MockApi() as api:
        scratch = Path(directory).resolve()
        folders, version = packages(program, scratch)
        with registry(scratch) as address:
            home = ClaudeHome(scratch / "home", "max")
            shell = Shell(home.path, address)
            with report.check("npm publish takes the packages"):
                publish(shell, folders, report)
            with report.check("no package runs a script"):
                manifests = [json.loads((folder / "package.json").read_text()) for folder in folders]
                expect(not any("scripts" in manifest for manifest in manifests), manifests)
            with report.check("npm install -g whycap"):
                shell.well("npm", "install", "-g", "whycap")
            with report.check("whycap --version"):
                expect(shell.well("whycap", "--version") == f"whycap {version}\n", "another version")
            with report.check("a failure and its code come through"):
                process = shell.run("whycap", "spend", "--by", "year")
                expect(process.returncode == 2 and process.stderr.count("\n") == 1, output_of(process))
            with report.check("Ctrl-C ends a command that waits for its input"):
                with Screen(
                    ["/bin/sh", "-c", "trap : INT; echo waiting; whycap explain --stream; echo over $?; read answer"],
                    environment=shell.environment,
                    directory=home.path,
                ) as screen:
                    screen.wait("the command", "waiting")
                    screen.key("C-c")
                    screen.wait("the shell again", re.compile(r"over (0|130)"))
            with report.check("npx whycap --version, in a HOME that has nothing"):
                bare = scratch / "bare"
                bare.mkdir()
                npx = Shell(bare, address)
                expect(npx.well("npx", "--yes", "whycap", "--version") == f"whycap {version}\n", "another version")
            with report.check("npx whycap install is refused, with what to do"):
                process = npx.run("npx", "--yes", "whycap", "install")
                expect(process.returncode == 1 and "npm install -g whycap" in process.stderr, output_of(process))
                expect(not (bare / ".claude").exists(), "there is a ~/.claude")
                report.note(process.stderr.strip())
            with report.check("whycap install"):
                shell.well("whycap", "install")
            settings = json.loads(home.settings.read_text())
            command = settings["statusLine"]["command"]
            native = Path(command.split("'")[1] if command.startswith("'") else command.split()[0])
            report.note(f"statusLine: {command}")
            with report.check("the settings name the program itself, not Node.js"):
                expect(
                    native.read_bytes()[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe") and os.access(native, os.X_OK), native
                )
            with report.check("a status line costs what the program costs, and not what Node.js costs"):
                itself, by_node = (
                    milliseconds(shell, str(native), "statusline"),
                    milliseconds(shell, "whycap", "statusline"),
                )
                report.note(f"{itself:.1f} ms; through npm's command it would be {by_node:.0f} ms")
                expect(itself < by_node / 2, "no difference")
            real = client(version_of_client)
            draws(report, real, home, api, "the real client draws it")
            with report.check("npm update -g brings the next version"):
                newer = next_version(folders, version)
                publish(shell, folders, report)
                shell.well("npm", "update", "-g", "whycap")
                listed = json.loads(shell.well("npm", "ls", "-g", "--json"))
                expect(listed["dependencies"]["whycap"]["version"] == newer, listed)
            with report.check("the settings still name a program that is there, and doctor agrees"):
                expect(native.exists(), native)
                said = json.loads(shell.run("whycap", "doctor", "--json").stdout)
                found = [check for check in said["checks"] if check["check"] == "program"]
                expect([check["verdict"] for check in found] == ["ok"], found)
            draws(report, real, home, api, "the real client draws it after the update")
            with report.check("whycap uninstall, npm uninstall -g whycap"):
                shell.well("whycap", "uninstall")
                shell.well("npm", "uninstall", "-g", "whycap")
                expect(not home.settings.exists(), "settings.json is left")
                left = [str(path) for path in shell.prefix.rglob("*whycap*")]
                expect(not left, left)


def brought_by_plugin(program, version_of_client, report):
    """Installs the plugin with Claude Code's own commands, from a marketplace that refers to the package. This must
    provide the program, the hooks, and /whycap without a compiler."""
    with tempfile.TemporaryDirectory(prefix="npm-", ignore_cleanup_errors=True) as directory, MockApi() as api:
        scratch = Path(directory).resolve()
        folders, version = packages(program, scratch)
        plugin = [folder for folder in folders if folder.name == "plugin"]
        with registry(scratch) as address:
            home = ClaudeHome(scratch / "home", "max")
            shell = Shell(home.path, address)
            real = client(version_of_client)
            publish(shell, plugin, report)
            market = scratch / "market" / ".claude-plugin"
            market.mkdir(parents=True)
            listed = json.loads((ROOT / ".claude-plugin/marketplace.json").read_text())
            listed["plugins"][0]["source"] = {"source": "npm", "package": "@whycap/plugin", "registry": address}
            (market / "marketplace.json").write_text(json.dumps(listed))
            with report.check("claude plugin marketplace add, claude plugin install"):
                began = time.monotonic()
                shell.well(str(real), "plugin", "marketplace", "add", str(market.parent))
                shell.well(str(real), "plugin", "install", "whycap@whycap")
                report.note(f"{time.monotonic() - began:.1f} s")
            with report.check("its hooks run the program that came along"):
                with asked(real, home, api, "/whycap", "No limit error"):
                    pass
            with report.check("/whycap line on: the status line is drawn at once, and in the next session"):
                with asked(real, home, api, "/whycap line on", "The status line is on") as session:
                    session.wait_footer("the line", "session $0.00")
                draws(report, real, home, api, "the next session draws it")
            with report.check("claude plugin update brings the next version"):
                newer = next_version(plugin, version)
                manifest = plugin[0] / ".claude-plugin" / "plugin.json"
                manifest.write_text(manifest.read_text().replace(f'"{version}"', f'"{newer}"'))
                publish(shell, plugin, report)
                shell.well(str(real), "plugin", "marketplace", "update", "whycap")
                shell.well(str(real), "plugin", "update", "whycap@whycap")
                installed = json.loads((home.path / ".claude/plugins/installed_plugins.json").read_text())
                expect(newer in json.dumps(installed), installed)
                draws(report, real, home, api, "the updated plugin draws the line")
            with report.check("/whycap line off"):
                with asked(real, home, api, "/whycap line off", "The status line is off"):
                    pass
                expect("statusLine" not in home.settings.read_text(), home.settings.read_text())
            with report.check("claude plugin uninstall"):
                shell.well(str(real), "plugin", "uninstall", "whycap@whycap")
                installed = json.loads((home.path / ".claude/plugins/installed_plugins.json").read_text())
                expect("whycap@whycap" not in json.dumps(installed), installed)


@contextlib.contextmanager
def asked(real, home, api, question, answer):
    """Runs a session in which this prompt is sent and answered, and then quits it."""
    with Session(real, home, api) as session:
        session.ready()
        session.ask(question)
        session.wait("a response", answer)
        yield session
        session.leave()


def draws(report, real, home, api, what):
    with report.check(what):
        with Session(real, home, api) as session:
            session.ready()
            journeys.ask_and_read(session, api, journeys.successful_response(journeys.Stage(NEWEST, real, True, "max")), "say hello")
            footer = session.wait_footer("the cost of the response", "session $0.07")
            report.note(journeys.below_prompt(footer).strip().splitlines()[0].strip())
            session.leave()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--client", default=NEWEST, help=f"version of Claude Code (default {NEWEST})")
    options = parser.parse_args()
    report = Report(f"npm · client {options.client}")
    try:
        journey(options.program.resolve(), options.client, report)
        brought_by_plugin(options.program.resolve(), options.client, report)
    except Exception as error:  # a journey that raises an exception is reported as a failure
        with report.check("the journey comes to its end"):
            raise error
    print(report.text())
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
