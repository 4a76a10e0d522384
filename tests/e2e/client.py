"""The real client: its versions, their downloads, and its use by a person."""

import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

from screen import POLL, NotSeen, Screen, framed

# The newest version when this was written, an intermediate version, and a version that called a full 5-hour window
# "your org's monthly usage limit".
NEWEST = "2.1.332"
VERSIONS = [NEWEST, "2.1.331", "2.1.330", "2.1.329", "2.1.328", "2.1.240", "2.1.119"]

BORDER = re.compile(r"^\s*─{20,}")


def _package():
    system = {"Linux": "linux", "Darwin": "darwin"}[platform.system()]
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x64"
    # Checks Python's own program, because tools for musl may be installed next to glibc.
    libc = "-musl" if system == "linux" and platform.libc_ver()[0] != "glibc" else ""
    return f"@anthropic-ai/claude-code-{system}-{machine}{libc}"


def _cache():
    return Path(os.environ.get("E2E_CACHE") or Path.home() / ".cache" / "whycap-e2e")


def newest_cached():
    """Returns the newest version in the cache, or NEWEST if the cache is empty."""
    programs = _cache().glob(f"*/node_modules/{_package()}/claude")
    versions = [program.relative_to(_cache()).parts[0] for program in programs]
    return max([*filter(re.compile(r"\d+(\.\d+)+").fullmatch, versions)], key=_number, default=NEWEST)


def newest_published():
    """Returns the newest version on npm."""
    process = subprocess.run(["npm", "view", _package(), "version"], capture_output=True, text=True, check=True)
    return process.stdout.strip()


def _number(version):
    return [int(part) for part in version.split(".")]


def client(version):
    """Returns the path of this version's program, which npm downloads on first use into E2E_CACHE."""
    cache = _cache() / version
    program = cache / "node_modules" / _package() / "claude"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        if not shutil.which("npm"):
            raise SystemExit("npm is missing: the client comes from its registry; install Node.js")
        process = subprocess.run(
            [
                "npm",
                "install",
                "--no-fund",
                "--no-audit",
                "--no-save",
                "--prefix",
                str(cache),
                f"{_package()}@{version}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode or not program.exists():
            raise SystemExit(f"npm could not install {_package()}@{version} in {cache}:\n{process.stderr[-2000:]}")
    return program


class Session(Screen):
    """The client in a terminal, used as a person would use it."""

    def __init__(self, program, home, api, *, columns=120, rows=40, arguments=(), **variables):
        super().__init__(
            [str(program), *arguments],
            environment=home.environment(api.url, **variables),
            directory=home.project,
            columns=columns,
            rows=rows,
        )

    def ready(self):
        """Waits for the prompt."""
        self.wait("the prompt", lambda text: "❯" in text and any(map(BORDER.match, text.splitlines())))

    def footer(self):
        """Returns the lines below the prompt: the status line and the client's own text beside it."""
        return below_prompt(self.text())

    def wait_footer(self, what, condition, deadline=10):
        """Like `wait`, but for the lines below the prompt, with every run of blanks reduced to one blank."""
        if isinstance(condition, str):
            wanted = condition
            condition = lambda text: wanted in text
        return self.wait(what + " below the prompt", lambda text: condition(flat(below_prompt(text))), deadline)

    def ask(self, prompt):
        """Types a prompt and sends it."""
        self.ready()
        self.type(prompt)
        self.wait("the typed prompt", lambda text: flat(prompt) in flat(text.rsplit("❯", 1)[-1]))
        self.key("Enter")
        # The prompt has been sent once the line is empty again. A prompt that a hook holds back immediately reappears
        # in the line.
        self.wait(
            "an empty prompt",
            lambda text: prompt not in _after_sign(text) or f"Original prompt: {prompt}" in above_prompt(text),
        )

    def wait_menu(self):
        """Waits for the display that the client opens when a plan's window stops it: a menu that replaces the
        prompt and the status line (old versions) or a countdown above the status line (new versions)."""
        self.wait("the client's own menu or countdown", lambda text: "esc to cancel" in flat(text).lower())

    def menu_hides_status_line(self):
        return "What do you want to do" in self.text()

    def put_away_menu(self):
        """Closes the menu or countdown. Call `wait_menu` first if one is expected."""
        if "esc to cancel" in flat(self.text()).lower():
            self.key("Escape")
            self.wait(
                "the prompt without the client's own menu",
                lambda text: (
                    "What do you want to do" not in text and "esc to cancel" not in flat(below_prompt(text)).lower()
                ),
            )

    def leave(self):
        """Quits the client as a person does, by pressing Ctrl-C twice."""
        end = time.monotonic() + 15
        while self.alive():
            if time.monotonic() > end:
                raise NotSeen(f"the client does not end; the screen:\n{framed(self.text())}")
            self.key("C-c")
            time.sleep(4 * POLL)


def _after_sign(text):
    """Returns the text in the prompt's own line, after the last prompt sign between two borders."""
    lines = text.splitlines()
    borders = [number for number, line in enumerate(lines) if BORDER.match(line)]
    if len(borders) < 2:
        return ""
    return "\n".join(lines[borders[-2] + 1 : borders[-1]])


def prompt_line(text):
    """Returns the text between the prompt's borders."""
    return _after_sign(text).strip()


def below_prompt(text):
    """Returns the lines below the prompt's lower border."""
    lines = text.rstrip().splitlines()
    borders = [number for number, line in enumerate(lines) if BORDER.match(line)]
    return "\n".join(line.rstrip() for line in lines[borders[-1] + 1 :]) if len(borders) > 1 else ""


def above_prompt(text):
    """Returns the conversation, which is the lines above the prompt's upper border."""
    lines = text.splitlines()
    borders = [number for number, line in enumerate(lines) if BORDER.match(line)]
    return "\n".join(lines[: borders[-2]]) if len(borders) > 1 else text


def flat(text):
    """Replaces every run of blanks and line ends with one blank, so that wrapped text compares equal."""
    return re.sub(r"\s+", " ", text).strip()


def worded(text):
    """Returns flat text with every number replaced by '#', so that texts from different minutes compare equal."""
    return re.sub(r"\d+", "#", flat(text))
