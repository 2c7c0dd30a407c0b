"""Chromium, as the tests and the screenshots drive it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

#: Where Debian's package, and others, put it; CHROMIUM names another.
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """Return the path of Chromium, None without one."""
    if named := os.environ.get("CHROMIUM"):
        return named
    return next((path for path in map(shutil.which, _NAMES) if path), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """Run Chromium for the length of a with block."""
    # Its sandbox needs rights that a container may lack; only our own pages are shown.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
