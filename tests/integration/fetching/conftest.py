"""A city on localhost, and the fetching of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from clerk.fetching.fetcher_factory import get_fetcher
from clerk.fetching.report import FetchReport
from devtools.city_papers import text_pdf
from devtools.city_site import CitySite, serving

RECORDED = Path(__file__).parents[4] / "shared" / "data" / "meetings"
TODAY = date.today()

Fetch = Callable[..., FetchReport]


def recorded(name: str) -> str:
    """Return a recorded reply; skip where there are none."""
    path = RECORDED / name
    if not path.exists():
        pytest.skip(f"no recorded reply {name} beside this checkout (../shared/data/meetings)")
    return path.read_text()


def ago(days: int) -> str:
    """Return a day in the past as a source writes it; of today, which may have become another day since we began."""
    return (date.today() - timedelta(days=days)).isoformat()


@pytest.fixture
def city() -> Iterator[CitySite]:
    """Serve a city without any meetings yet."""
    with serving() as site:
        yield site


@pytest.fixture
def fetch(city: CitySite) -> Fetch:
    """Fetch the city's documents as the pipeline would; what is not said is a Legistar city's, since ten years ago."""

    def run(*, scraper: str = "legistar", extra: dict[str, Any] | None = None, **options: Any) -> FetchReport:
        row = {
            "subdomain": "millbrook.ca",
            "scraper": scraper,
            "start_year": TODAY.year - 10,
            "pages": 0,
            "extra": json.dumps(city.extra if extra is None else extra),
        }
        city.requests.clear()
        report: FetchReport = get_fetcher(row, **options).fetch_events()
        return report

    return run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the folder of the site."""
    return tmp_path / "sites" / "millbrook.ca"


def waiting(root: Path) -> list[str]:
    """List the PDFs that wait to be read."""
    return sorted(path.relative_to(root).as_posix() for path in root.glob("**/pdfs/*/*.pdf"))


def publish(city: CitySite, number: int, kind: str, words: str, *, when: str) -> dict[str, str]:
    """Serve a file of a meeting, and return the columns that say so."""
    url = city.publish(f"/files/{number}_{kind}.pdf", text_pdf(words))
    return {
        f"Event{kind}File": url,
        f"Event{kind}LastPublishedUTC": f"{when}T16:28:16.1",
        "EventLastModifiedUtc": f"{when}T16:28:16.197",
    }
