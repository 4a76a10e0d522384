"""Installs whycap and runs its commands as a person would."""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _build_tools():
    """Returns the variables that cargo needs, since a fresh HOME contains no toolchain."""
    real = Path.home()
    return {
        "CARGO_HOME": os.environ.get("CARGO_HOME") or str(real / ".cargo"),
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME") or str(real / ".rustup"),
        **{name: os.environ[name] for name in ("CARGO_TARGET_DIR", "RUSTUP_TOOLCHAIN") if name in os.environ},
    }


def install_sh(home, *arguments):
    """Runs the repository's ./install.sh for this home."""
    cargo = shutil.which("cargo") or str(Path(_build_tools()["CARGO_HOME"]) / "bin" / "cargo")
    return subprocess.run(
        ["./install.sh", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={
            "HOME": str(home.path),
            "PATH": f"{home.tools}:{Path(cargo).parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            **_build_tools(),
        },
    )


def whycap(home, *arguments, **variables):
    """Runs the installed whycap from a shell of this home."""
    return subprocess.run(
        [str(home.path / ".local/bin/whycap"), *arguments],
        cwd=home.project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={
            "HOME": str(home.path),
            "PATH": f"{home.path}/.local/bin:{home.tools}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "COLUMNS": "120",
            **variables,
        },
    )


def whycap_json(home, *arguments, **variables):
    """Returns the --json output of a command."""
    process = whycap(home, *arguments, "--json", **variables)
    try:
        assert process.returncode == 0
        return json.loads(process.stdout)
    except (AssertionError, ValueError):
        raise AssertionError(
            f"whycap {' '.join(arguments)} --json ended with {process.returncode} and printed: {output_of(process)}"
        ) from None


def output_of(process):
    """Returns both outputs of a finished program for a report."""
    return (process.stdout + process.stderr).strip()[-3000:] or "(nothing was printed)"
