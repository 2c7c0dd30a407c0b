"""Cities with published meetings and money, and a reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clerk.database.transactions import transaction
from clerk.sites.rows import insert_site
from devtools.cities import City, city
from devtools.netfile_books import Year
from devtools.netfile_site import MUNICIPALITIES, daily, reports
from devtools.readers import Reader
from devtools.trees import write_tree
from plugins.local_publish.deploy import publish_site, publish_sites
from tests.integration.finance.conftest import Town, add_town

__all__ = ["add_town", "city"]

Write = Callable[..., City]


@pytest.fixture
def write(city: City, sqlite_url: str) -> Write:
    """Return a function that publishes a city with documents: {"txt/Council/2026-01-02/1": text of a page}."""
    added = set()

    def written(texts: dict[str, str], *, subdomain: str = "oakland.ca", name: str = "Oakland") -> City:
        place = City(subdomain)
        if subdomain not in added:
            with transaction() as connection:
                insert_site(connection, {"subdomain": subdomain, "name": name, "state": "CA"})
            added.add(subdomain)
        for folder in ("txt", "_agendas"):
            place.clear(folder)
        write_tree(place.storage, texts)
        place.compile_tree()
        publish_site(subdomain)
        publish_sites()
        return place

    return written


@pytest.fixture
def reader(city: City) -> Iterator[Callable[[], Reader]]:
    """Return a function that opens what is published."""
    readers = []

    def opened() -> Reader:
        readers.append(Reader(city.published.parent))
        return readers[-1]

    yield opened
    for each in readers:
        each.close()


@pytest.fixture
def money(city: City, add_town: Callable[..., Town], tmp_path: Path) -> Town:
    """Publish the campaign money of Alder Bay in 2022."""
    alder = MUNICIPALITIES[0]
    town = add_town(alder.subdomain, name=alder.name, extra={"netfile_agency": alder.shortcut})
    town.drop_rows("efile_XALD_2022.xlsx", Year(reports(alder, 2022), daily(alder, 2022)).rows())
    town.etl()
    return town
