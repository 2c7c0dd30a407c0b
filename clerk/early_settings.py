"""Reads a setting before there is time for all of them: `--help` need not wait for pydantic."""

import os
from pathlib import Path

from dotenv import dotenv_values


def early_setting(name: str) -> str | None:
    """Return a variable's text as `settings()` finds it, in the environment or else in `.env`; None if it is unset."""
    text = os.environ.get(name)
    if not text and Path(".env").is_file():
        text = dotenv_values(".env").get(name)
    return text or None
