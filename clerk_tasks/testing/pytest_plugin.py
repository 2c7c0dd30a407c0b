"""The pytest plugin: fixtures of the test kit, which is imported when a test asks for one."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clerk_tasks.testing.harness import Harness
    from clerk_tasks.testing.website import Website


@pytest.fixture
def clerk_harness(tmp_path: Path) -> Iterator[Harness]:
    """Give the test a system of its own: an empty database and storage, the plugins, and a worker in this process."""
    folder = tmp_path / "clerk"
    folder.mkdir()
    with importlib.import_module("clerk.testing").Harness(folder) as harness:
        yield harness


@pytest.fixture
def clerk_website() -> Iterator[Website]:
    """Give the test a website on 127.0.0.1 without any page yet: `clerk_website.routes["/minutes"] = "<a href=…"`."""
    with importlib.import_module("clerk.testing").Website.serving() as site:
        yield site
