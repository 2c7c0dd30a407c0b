"""Refuse what another user of this machine could have written: code that we would run, settings that we would obey."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from pathlib import Path

#: Set to 1, this variable (or the option --trust) switches the refusal off.
TRUST = "CLERK_TRUST"


def why_untrusted(path: Path) -> str | None:
    """Return whose a file or folder is if others may change it, and the command that mends it; None if it is safe.

    Safe is what belongs to us or to root and only its owner may write, or also our own group.
    """
    if os.environ.get(TRUST, "").strip().lower() in ("1", "true", "yes", "on"):
        return None
    status, name = path.stat(), shlex.quote(str(path))
    if status.st_uid not in (os.geteuid(), 0):
        return _advise(f"{path} belongs to the user {_user(status.st_uid)}", f"chown {_user(os.geteuid())} {name}")
    if status.st_mode & stat.S_IWOTH:
        return _advise(f"every user may write {path}", f"chmod o-w {name}")
    if status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid():
        return _advise(f"the group {status.st_gid} may write {path}", f"chmod g-w {name}")
    return None


def _advise(reason: str, command: str) -> str:
    return f"{reason}: run `{command}`, or trust it with --trust or {TRUST}=1"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
