"""A Datasette that runs sees what is published, and what is gone back to, from its next query on."""

from __future__ import annotations

import socket
import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import httpx
import pytest

from devtools.cities import City
from devtools.processes import Programs, script, wait_for
from plugins.local_publish.deploy import publish_site, shelves

#: More than Datasette has threads, so that each is likely to answer.
REQUESTS = 24

#: The one is opened as Datasette does by default, the other as immutable.
SERVED = ("meetings", "election_finance")


class Reader:
    """Somebody who asks one Datasette."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def starts(self) -> bool:
        """Whether it answers."""
        with suppress(httpx.TransportError):
            return self.client.get("/-/versions.json").is_success
        return False

    def search(self, database: str, word: str) -> Counter[str]:
        """Search in many requests at once; return which answers came how often."""
        query = "SELECT text FROM minutes WHERE rowid IN (SELECT rowid FROM minutes_fts WHERE minutes_fts MATCH :word)"

        def ask(_: int) -> str:
            return self.client.get(
                f"/{database}.json", params={"sql": query, "word": word, "_shape": "arrayfirst"}
            ).text

        with ThreadPoolExecutor(8) as crowd:
            return Counter(crowd.map(ask, range(REQUESTS)))

    def rows(self, database: str) -> int:
        """Return the row count that the page of the database shows."""
        (table,) = [t for t in self.client.get(f"/{database}.json").json()["tables"] if t["name"] == "minutes"]
        return int(table["count"])


@pytest.fixture
def datasette(city: City, programs: Programs) -> Iterator[Reader]:
    """Run a real Datasette on the published databases."""
    city.compile("The old budget.")
    (city.storage / "finance").mkdir()
    publish(city)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    files = [str(city.live), "--immutable", str(city.published / "finance" / "election_finance.db")]
    program = programs.run(script("datasette"), "serve", "--port", str(port), *files)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        reader = Reader(client)
        wait_for(reader.starts, "Datasette answers", deadline=30, logs=lambda: program.log)
        yield reader


def publish(city: City) -> None:
    """Publish the compiled database, and a copy of it as the other one."""
    with (
        closing(sqlite3.connect(city.storage / "meetings.db")) as source,
        closing(sqlite3.connect(city.storage / "finance" / "election_finance.db")) as copy,
    ):
        source.backup(copy)
    publish_site(city.subdomain)


def test_datasette_sees_the_swap_and_the_rollback(city: City, datasette: Reader) -> None:
    def seen() -> dict[str, tuple[Counter[str], int]]:
        return {name: (datasette.search(name, "budget"), datasette.rows(name)) for name in SERVED}

    def all_see(text: str, *, rows: int) -> dict[str, tuple[Counter[str], int]]:
        return dict.fromkeys(SERVED, (Counter({f'["{text}"]': REQUESTS}), rows))

    assert seen() == all_see("The old budget.", rows=1)
    city.compile("The new budget.", "No more.")
    publish(city)
    assert seen() == all_see("The new budget.", rows=2)
    for shelf in shelves(city.subdomain):
        shelf.roll_back()
    assert seen() == all_see("The old budget.", rows=1)
