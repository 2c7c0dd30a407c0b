"""A tree of texts becomes one sound, searchable file, the same each time."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import clerk.compilation.compile
from clerk.compilation.compile import (
    Counts,
    build_table_from_text,
    compile_meetings,
    create_meetings_schema,
    page_id,
)
from clerk.compilation.pages import hash_text_content
from clerk.errors import ClerkError
from devtools.trees import write_tree

TEXTS = {
    "txt/CityCouncil/2026-08-03/1": "The council approved the budget.",
    "txt/CityCouncil/2026-08-03/10": "Adjourned at ten.",
    "txt/CityCouncil/2026-08-03/2": "",
    "txt/Planning/2026-01-09/1": "Une façade de café.",
    "_agendas/txt/CityCouncil/2026-08-03/1": "Agenda: the budget",
}
SUBDOMAIN = "alameda.ca"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "site", TEXTS)


def query(path: Path, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def test_each_page_is_a_row_in_reading_order(site: Path, tmp_path: Path) -> None:
    compiled = compile_meetings(site, SUBDOMAIN, into=tmp_path / "new.db")
    assert (compiled.minutes, compiled.agendas, compiled.pages) == (Counts(4, 2, 0), Counts(1, 1, 0), 5)
    assert query(compiled.path, "SELECT meeting, date, page, text, page_image FROM minutes") == [
        ("CityCouncil", "2026-08-03", 1, "The council approved the budget.", "/CityCouncil/2026-08-03/1.png"),
        ("CityCouncil", "2026-08-03", 2, "", "/CityCouncil/2026-08-03/2.png"),
        ("CityCouncil", "2026-08-03", 10, "Adjourned at ten.", "/CityCouncil/2026-08-03/10.png"),
        ("Planning", "2026-01-09", 1, "Une façade de café.", "/Planning/2026-01-09/1.png"),
    ]
    assert query(compiled.path, "SELECT page_image, text FROM agendas") == [
        ("/_agendas/CityCouncil/2026-08-03/1.png", "Agenda: the budget")
    ]


def test_the_text_can_be_searched_as_datasette_does(site: Path, tmp_path: Path) -> None:
    path = compile_meetings(site, SUBDOMAIN, into=tmp_path / "new.db").path
    search = "SELECT page_image FROM minutes WHERE rowid IN (SELECT rowid FROM minutes_fts WHERE minutes_fts MATCH ?)"
    assert query(path, search, "budget") == [("/CityCouncil/2026-08-03/1.png",)]
    assert query(path, search, "cafe facade") == [("/Planning/2026-01-09/1.png",)]
    assert query(path, search.replace("minutes", "agendas"), "budget") == [("/_agendas/CityCouncil/2026-08-03/1.png",)]
    utils = pytest.importorskip("datasette.utils")
    with closing(sqlite3.connect(path)) as connection:
        assert utils.detect_fts(connection, "minutes") == "minutes_fts"
        assert utils.detect_primary_keys(connection, "agendas") == ["id"]


def test_the_columns_are_those_of_0_1_3(site: Path, tmp_path: Path) -> None:
    path = compile_meetings(site, SUBDOMAIN, into=tmp_path / "new.db").path
    assert [(name, kind, key) for _, name, kind, _, _, key in query(path, "PRAGMA table_info(minutes)")] == [
        ("id", "TEXT", 1), ("legacy_id", "TEXT", 0), ("content_hash", "TEXT", 0), ("meeting", "TEXT", 0),
        ("date", "TEXT", 0), ("page", "INTEGER", 0), ("text", "TEXT", 0), ("page_image", "TEXT", 0),
        ("entities_json", "TEXT", 0), ("votes_json", "TEXT", 0),
    ]  # fmt: skip
    indexed = "SELECT tbl_name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%legacy_id%' ORDER BY 1"
    assert query(path, indexed) == [("agendas",), ("minutes",)]


def test_the_same_tree_gives_the_same_bytes(site: Path, tmp_path: Path) -> None:
    first, second = (compile_meetings(site, SUBDOMAIN, into=tmp_path / name).path for name in ("1.db", "2.db"))
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*.db*")) == ["1.db", "2.db"]


def test_ids_outlive_a_new_reading(site: Path, tmp_path: Path) -> None:
    ids = "SELECT id, legacy_id = ?, content_hash = ? FROM agendas"
    before = query(compile_meetings(site, SUBDOMAIN, into=tmp_path / "1.db").path, ids, "", "")
    write_tree(site, {"_agendas/txt/CityCouncil/2026-08-03/1": "Agenda: the BUDGET"})
    after = compile_meetings(site, SUBDOMAIN, into=tmp_path / "2.db").path
    assert [row[0] for row in query(after, ids, "", "")] == [row[0] for row in before]
    both = "SELECT content_hash, legacy_id FROM agendas"
    assert not set(query(after, both)[0]) & set(query(tmp_path / "1.db", both)[0])


def test_two_meetings_of_one_body_on_one_day_are_both_there(site: Path, tmp_path: Path) -> None:
    write_tree(site, {"txt/CityCouncil/2026-08-03.2/1": "The council approved the budget."})
    path = compile_meetings(site, SUBDOMAIN, into=tmp_path / "new.db").path
    sql = "SELECT id, legacy_id, page_image FROM minutes WHERE date = '2026-08-03' AND page = 1"
    first, second = query(path, sql)
    assert first[0] == page_id("minutes", "CityCouncil", "2026-08-03", 1, SUBDOMAIN)
    assert (first[2], second[2]) == ("/CityCouncil/2026-08-03/1.png", "/CityCouncil/2026-08-03.2/1.png")
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_valid_extractions_are_carried_along(site: Path, tmp_path: Path) -> None:
    folder = site / "txt/CityCouncil/2026-08-03"
    cache = {"content_hash": hash_text_content("Adjourned at ten."), "entities": {"persons": ["Ñandú"]}}
    (folder / "0010.txt.extracted.json").write_text(json.dumps(cache))
    (folder / "0001.txt.extracted.json").write_text(json.dumps({**cache, "votes": {"votes": ["of another text"]}}))
    compiled = compile_meetings(site, SUBDOMAIN, into=tmp_path / "new.db")
    assert compiled.minutes.extracted == 1
    nothing = ('{"persons": [], "orgs": [], "locations": []}', '{"votes": []}')
    rows = query(compiled.path, "SELECT entities_json, votes_json FROM minutes WHERE meeting = 'CityCouncil'")
    assert rows == [nothing, nothing, ('{"persons": ["\\u00d1and\\u00fa"]}', '{"votes": []}')]


def test_a_municipality_adds_the_columns_of_aggregates(site: Path, tmp_path: Path) -> None:
    path = compile_meetings(site, SUBDOMAIN, municipality="Alameda", into=tmp_path / "new.db").path
    plain = compile_meetings(site, SUBDOMAIN, into=tmp_path / "plain.db").path
    assert query(path, "SELECT DISTINCT subdomain, municipality FROM agendas") == [(SUBDOMAIN, "Alameda")]
    assert query(path, "SELECT id FROM minutes") == query(plain, "SELECT id FROM minutes")
    assert query(path, "SELECT legacy_id FROM minutes") != query(plain, "SELECT legacy_id FROM minutes")


def test_sites_are_gathered_in_one_database(site: Path, tmp_path: Path) -> None:
    sqlite_utils = pytest.importorskip("sqlite_utils")
    db = sqlite_utils.Database(tmp_path / "all.db")
    create_meetings_schema(db)
    for subdomain in ("a.ca", "b.ca", "b.ca"):
        assert build_table_from_text(subdomain, str(site / "txt"), db, "minutes", subdomain) == Counts(4, 2, 0)
    db.close()
    assert query(tmp_path / "all.db", "SELECT subdomain, count(*) FROM minutes GROUP BY 1") == [
        ("a.ca", 4),
        ("b.ca", 4),
    ]


def test_a_site_without_texts_gives_an_empty_database(tmp_path: Path) -> None:
    compiled = compile_meetings(tmp_path / "nothing", SUBDOMAIN, into=tmp_path / "new.db")
    assert (compiled.pages, query(compiled.path, "SELECT count(*) FROM minutes_fts")) == (0, [(0,)])


def test_what_a_crash_left_is_overwritten(site: Path, tmp_path: Path) -> None:
    (tmp_path / "new.db").write_bytes(b"half a database")
    assert compile_meetings(site, SUBDOMAIN, into=tmp_path / "new.db").pages == 5


def test_a_failure_leaves_no_file(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "txt/CityCouncil/2026-08-03/3.txt").mkdir()
    with pytest.raises(IsADirectoryError):
        compile_meetings(site, SUBDOMAIN, into=tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def test_a_search_index_that_is_wrong_is_found(site: Path, tmp_path: Path) -> None:
    path = compile_meetings(site, SUBDOMAIN, into=tmp_path / "new.db").path
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE minutes SET text = 'something else' WHERE page = 1")
        with pytest.raises(ClerkError, match=r"new.db came out damaged \(.*\): check the disk, then compile again"):
            clerk.compilation.compile._check(connection, path)


def test_pages_of_a_packet_that_repeat_its_agenda_have_no_row(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path / "site",
        {
            "_agendas/txt/Council/2026-08-03/1": "Agenda: the budget.",
            "_agendas/txt/Council/2026-08-03.2/1": "AGENDA:\nthe  budget",
            "_agendas/txt/Council/2026-08-03.2/2": "Staff report",
            "_agendas/txt/Council/2026-08-03.2/3": "",
            "_agendas/txt/Council/2026-08-03.3/1": "Agenda: the budget.",
            "txt/Council/2026-08-03.2/1": "Agenda: the budget.",
        },
    )
    packet = {("agenda", "Council", "2026-08-03.2"): ("agenda", "Council", "2026-08-03")}
    compiled = compile_meetings(root, SUBDOMAIN, packets=packet, into=tmp_path / "new.db")
    assert query(compiled.path, "SELECT page_image FROM agendas") == [
        ("/_agendas/Council/2026-08-03/1.png",),
        ("/_agendas/Council/2026-08-03.2/2.png",),
        ("/_agendas/Council/2026-08-03.2/3.png",),
        ("/_agendas/Council/2026-08-03.3/1.png",),  # another meeting
    ]
    assert (compiled.minutes.pages, compiled.agendas.documents) == (1, 3)
