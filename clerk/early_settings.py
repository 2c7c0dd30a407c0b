"""Reads a setting before there is time for all of them: `--help` need not wait for pydantic."""

import os
from pathlib import Path

from dotenv import dotenv_values

from clerk.errors import SettingError
from clerk.trust import why_untrusted


def early_setting(name: str) -> str | None:
    """Return a variable's text as `settings()` finds it, in the environment or else in `.env`; None if it is unset."""
    return os.environ.get(name) or dotenv().get(name) or None


def dotenv() -> dict[str, str | None]:
    """Return the variables of `.env` in the working directory; SettingError if others may change that file."""
    path = Path(".env")
    if not path.is_file():
        return {}
    if reason := why_untrusted(path):
        raise SettingError(f"{reason}.")
    return dotenv_values(path)
