"""The search index follows what is published, and writes only what changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from devtools.cities import City
from plugins.local_publish.deploy import index_everything, publish_site
from plugins.local_publish.versions import roll_back
from tests.integration.reading.conftest import Write


def ask(city: City, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask the index."""
    with closing(sqlite3.connect(f"file:{index_of(city)}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, values).fetchall()


def index_of(city: City) -> Path:
    return city.published.parent / "all-cities.db"


def found(city: City, words: str) -> list[str]:
    """Return the texts with these words."""
    sql = "SELECT p.text FROM pages_fts JOIN pages p ON p.page_id = pages_fts.rowid WHERE pages_fts MATCH ? ORDER BY 1"
    return [text for (text,) in ask(city, sql, words)]


def test_only_pages_that_changed_are_written(write: Write) -> None:
    city = write({"txt/Council/2026-01-02/1": "A budget.", "txt/Council/2026-01-02/2": "A park."})
    with closing(sqlite3.connect(index_of(city))) as connection:
        connection.execute("UPDATE documents SET first_published = 'before', changed_at = 'before'")
        connection.execute("UPDATE pages SET id = 'before'")
        connection.commit()
    write(
        {
            "txt/Council/2026-01-02/1": "A budget.",
            "txt/Council/2026-01-02/2": "A bridge.",
            "_agendas/txt/Council/2026-02-02/1": "A tower.",
        }
    )
    assert ask(city, "SELECT text FROM pages WHERE id = 'before'") == [("A budget.",)]
    assert (found(city, "park"), found(city, "bridges"), found(city, "tower")) == ([], ["A bridge."], ["A tower."])
    times = ask(city, "SELECT first_published = 'before', changed_at = 'before' FROM documents ORDER BY date")
    assert times == [(1, 0), (0, 0)]


def test_what_is_gone_and_what_is_rolled_back_is_found_no_more(write: Write) -> None:
    city = write({"txt/Council/2026-01-02/1": "A budget.", "txt/Council/2026-02-02/1": "A budget again."})
    write({"txt/Council/2026-01-02/1": "A budget.", "txt/Council/2026-01-02/2": "More of it."})
    assert (found(city, "budget"), found(city, "more")) == (["A budget."], ["More of it."])
    roll_back(city.subdomain, "meetings", None)
    assert (found(city, "budget"), found(city, "more")) == (["A budget again.", "A budget."], [])
    city.live.unlink()
    index_everything()
    assert (found(city, "budget"), ask(city, "SELECT * FROM databases")) == ([], [])


@pytest.mark.parametrize("damage", [b"no database at all" * 500, b""], ids=["damaged", "empty"])
def test_a_damaged_index_is_made_again(write: Write, damage: bytes) -> None:
    city = write({"txt/Council/2026-01-02/1": "A budget."})
    write({"txt/Board/2026-01-02/1": "A budget of schools."}, subdomain="albany-usd.ca", name="Albany Schools")
    index_of(city).write_bytes(damage)
    publish_site(city.subdomain)
    assert found(city, "budget") == ["A budget of schools.", "A budget."]
    assert index_everything() == ["albany--usd-ca-meetings", "oakland-ca-meetings"]


def test_an_index_of_an_earlier_release_is_made_again(write: Write) -> None:
    city = write({"txt/Council/2026-01-02/1": "A budget."})
    with closing(sqlite3.connect(index_of(city))) as connection:
        connection.executescript("DROP TABLE pages_fts; PRAGMA user_version = 999")
    index_everything()
    assert found(city, "budget") == ["A budget."]


def test_two_meetings_of_a_day_are_two_documents(write: Write) -> None:
    city = write({"txt/Council/2026-01-02/1": "The first.", "txt/Council/2026-01-02.2/1": "The second."})
    assert ask(city, "SELECT stem, date FROM documents ORDER BY stem") == [
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02.2", "2026-01-02"),
    ]
