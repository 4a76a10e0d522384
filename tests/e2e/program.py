"""whycap as a person installs it, and its verbs as a person calls them."""
import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _build_tools():
    """What cargo needs of the caller's environment: a fresh HOME has no toolchain in it."""
    real = Path.home()
    return {
        "CARGO_HOME": os.environ.get("CARGO_HOME") or str(real / ".cargo"),
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME") or str(real / ".rustup"),
        **{name: os.environ[name] for name in ("CARGO_TARGET_DIR", "RUSTUP_TOOLCHAIN") if name in os.environ},
    }


def install_sh(home, *arguments):
    """Runs ./install.sh for this home, as it stands in the repository."""
    cargo = shutil.which("cargo") or str(Path(_build_tools()["CARGO_HOME"]) / "bin" / "cargo")
    return subprocess.run(
        ["./install.sh", *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        env={"HOME": str(home.path), "PATH": f"{Path(cargo).parent}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC",
             **_build_tools()})


def whycap(home, *arguments, **variables):
    """Runs an installed whycap from a shell of this home."""
    return subprocess.run(
        [str(home.path / ".local/bin/whycap"), *arguments], cwd=home.project, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=30,
        env={"HOME": str(home.path), "PATH": f"{home.path}/.local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "COLUMNS": "120",
             **variables})


def whycap_json(home, *arguments):
    """What a verb answers with --json."""
    done = whycap(home, *arguments, "--json")
    try:
        assert done.returncode == 0
        return json.loads(done.stdout)
    except (AssertionError, ValueError):
        raise AssertionError(f"whycap {' '.join(arguments)} --json ended with {done.returncode} and printed: {told(done)}") from None


def told(done):
    """Both outputs of a program that was run, for a report."""
    return (done.stdout + done.stderr).strip()[-3000:] or "(nothing was printed)"
