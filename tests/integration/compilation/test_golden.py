"""The rows that the RQ-based releases built from a real tree are the rows that we build."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clerk.compilation.compile import compile_meetings

DATA = Path(__file__).parents[4] / "shared" / "data" / "meetings" / "sites"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"real sites are not part of the repository, and {DATA} does not exist"
)

SITES = sorted(path.name for path in DATA.glob("*") if path.is_dir())

#: Release 0.1.3 lost the extractions that 0.1.2 had; we have them.
EXTRACTED = ("entities_json", "votes_json")


def golden(site: str, release: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((DATA / f"{site}.golden{release}.json").read_text())["rows"]
    return rows


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rows(site: str, tmp_path: Path) -> list[dict[str, Any]]:
    """Compile, and return the rows as the golden files have them: text by its hash."""
    path = compile_meetings(DATA / site, site, into=tmp_path / "meetings.db").path
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        found = [
            {"table": table, **dict(row)}
            for table in ("minutes", "agendas")
            for row in connection.execute(f"SELECT * FROM {table}")
        ]
    for row in found:
        row["text_sha256"] = hashlib.sha256(row.pop("text").encode()).hexdigest()
    return found


def test_all_but_extractions_is_as_0_1_3_has_it(site: str, rows: list[dict[str, Any]]) -> None:
    def without(row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in row.items() if name not in EXTRACTED}

    assert [without(row) for row in rows] == [without(row) for row in golden(site, "-0.1.3")]


def test_old_ids_and_extractions_are_as_0_1_2_has_them(site: str, rows: list[dict[str, Any]]) -> None:
    old = golden(site, "")
    kept = set(old[0]) - {"id"}
    assert [row["legacy_id"] for row in rows] == [row["id"] for row in old]
    assert [{name: row[name] for name in kept} for row in rows] == [{name: row[name] for name in kept} for row in old]


def test_each_row_is_a_page_of_a_document_of_a_meeting(site: str, tmp_path: Path) -> None:
    path = compile_meetings(DATA / site, site, into=tmp_path / "meetings.db").path
    with closing(sqlite3.connect(path)) as connection:
        pages = connection.execute("SELECT id, body, kind FROM page JOIN document USING (document_id, body, kind)")
        found = {row_id: (body, kind) for row_id, body, kind in pages}
        counted = connection.execute("SELECT SUM(agenda_pages), SUM(minutes_pages) FROM meeting").fetchone()
    rows = golden(site, "-0.1.3")
    assert found.keys() == {row["id"] for row in rows}
    kinds = [row["table"] for row in rows]
    assert counted == (kinds.count("agendas"), kinds.count("minutes"))
    bodies = {body.replace(" ", "").casefold() for body, _kind in found.values()}
    assert bodies == {row["meeting"].casefold() for row in rows}
