"""axe-core, which checks accessibility, and biome, which checks style sheets and scripts. npm installs both once."""

import json
import os
import subprocess
from pathlib import Path

DIRECTORY = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whycap-ci" / "page"
PACKAGES = ["axe-core@4.14.1", "@biomejs/biome@2.6.8"]

RUN_AXE = """axe.run().then(results => JSON.stringify(results.violations.map(violation => ({
    id: violation.id,
    help: violation.help,
    elements: violation.nodes.slice(0, 3).map(node => node.html.slice(0, 150)),
}))))"""


def package_file(path):
    """Returns the path of a file below node_modules. Installs the packages if the file is missing."""
    file = DIRECTORY / "node_modules" / path
    if not file.exists():
        install_packages()
    return file


def install_packages():
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-fund", "--no-audit", "--no-save", "--prefix", str(DIRECTORY), *PACKAGES]
    npm = subprocess.run(command, capture_output=True, text=True, check=False)
    if npm.returncode != 0:
        raise SystemExit(f"npm could not install {', '.join(PACKAGES)}: {npm.stderr[-2000:]}")


def accessibility_violations(browser):
    """Returns the problems that axe-core finds in the page when everything is expanded."""
    browser.expand_details()
    browser.evaluate(package_file("axe-core/axe.min.js").read_text() + "; 0")
    return json.loads(browser.evaluate(RUN_AXE))


def lint_problems(repository, *files):
    """Returns the output of biome if it finds a problem in these files, or an empty string."""
    command = [str(package_file(".bin/biome")), "lint", "--error-on-warnings", *files]
    biome = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    return biome.stderr + biome.stdout if biome.returncode != 0 else ""
