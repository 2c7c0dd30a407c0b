"""A virtual environment for each task system, made on demand from PyPI and kept under .cache/peers."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from devtools.bench.table import Peer

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "peers"
#: How long pip may take, in seconds.
PATIENCE = 300
#: The newest Python 3 that is looked for.
NEWEST = 16


class Unavailable(Exception):
    """A task system that cannot be installed, and why, in one line."""


def python_of(peer: Peer) -> Path:
    """Return the Python of the peer's environment, which is made if it is not there; raises Unavailable."""
    if not peer.requirements:
        return Path(sys.executable)
    base = _base_python(peer.python)
    wanted = "\n".join([str(base), *peer.requirements])
    folder = CACHE / f"{peer.module}-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
    stamp = folder / "installed"
    CACHE.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _run([str(base), "-m", "venv", str(folder)])
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run([*pip, *peer.requirements])
            stamp.write_text(wanted)
    return folder / "bin" / "python"


def version_of(python: Path) -> str:
    """Return the version of a Python."""
    return _ask(str(python), {}) or "?"


def _base_python(least: tuple[int, int]) -> Path:
    """Return the Python to make an environment with: this one, else the oldest on PATH that is new enough."""
    if sys.version_info >= least:
        return Path(sys.executable)
    for minor in range(least[1], NEWEST + 1):
        name = f"python3.{minor}"
        # A pyenv shim runs only if a version is chosen.
        found = shutil.which(name) and _ask(name, {"PYENV_VERSION": f"3.{minor}"}, "sys.executable")
        if found:
            return Path(found)
    raise Unavailable(f"needs Python {least[0]}.{least[1]} or newer on PATH")


def _ask(python: str, environment: dict[str, str], what: str = "sys.version.split()[0]") -> str | None:
    command = [python, "-c", f"import sys; print({what})"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, env={**os.environ, **environment})
    return done.stdout.strip() if done.returncode == 0 else None


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"pip did not finish within {PATIENCE} s") from error
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stderr.splitlines() if line.startswith("ERROR")] or error.stderr.splitlines()
        raise Unavailable(said[-1] if said else f"{command[2]} ended with {error.returncode}") from error
