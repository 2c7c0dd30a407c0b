"""A reader of one's own, and files to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from clerk.text import Reader

SaveAs = Callable[[bytes], Path]


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Reader() as reader:
        yield reader


@pytest.fixture
def saved(tmp_path: Path) -> SaveAs:
    """Save bytes as CityCouncil/2026-08-03.pdf."""

    def save(content: bytes) -> Path:
        path = tmp_path / "CityCouncil" / "2026-08-03.pdf"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    return save


def readers_of(parent: psutil.Process | None = None) -> list[psutil.Process]:
    """Return the processes that read documents for this one, or for another."""
    children = (parent or psutil.Process()).children(recursive=True)
    return [child for child in children if "clerk.text.child" in child.cmdline()]
