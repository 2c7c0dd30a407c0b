"""What is not fit to be published is refused, and what is says where it comes from."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from clerk.jobs import Discard
from clerk.publication import (
    Refused,
    accepting_shrink,
    check_database,
    last_row_count,
    provenance,
    shrink_accepted,
    stamp,
)
from devtools.cities import City


@pytest.fixture
def sound(city: City) -> Path:
    return city.compile(*(f"The council approved item {n}. " * 40 for n in range(30)))


def run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def test_a_sound_database_passes_and_stays_as_it_is(sound: Path) -> None:
    before = sound.read_bytes()
    assert check_database(sound) == {"agendas": 0, "minutes": 30}
    assert sound.read_bytes() == before
    assert [path.name for path in sound.parent.glob("*.db*")] == ["meetings.db"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwrite_a_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) - 4096 * 3 : len(content) - 4096 * 2] = b"\x7f" * 4096
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "no database": lambda path: path.write_text("<html>Not found</html>" * 100),
    "cut short": cut,
    "overwritten": overwrite_a_page,
    "a row that is not in the index": lambda path: run(
        path, "INSERT INTO minutes (id, text) VALUES ('x', 'a word that nobody can find')"
    ),
    "a word that is not in the index": lambda path: run(path, "UPDATE minutes SET text = 'zebra' WHERE page = 3"),
    "an index without its content": lambda path: run(path, "DELETE FROM minutes WHERE page = 3"),
    "an index that is damaged": lambda path: run(path, "UPDATE minutes_fts_data SET block = x'00' WHERE id > 10"),
    "an FTS4 index that is damaged": lambda path: run(
        path,
        "CREATE VIRTUAL TABLE old_fts USING FTS4 (text); INSERT INTO old_fts VALUES ('zebra crossing');"
        "DELETE FROM old_fts_segdir",
    ),
    "a reference to nowhere": lambda path: run(
        path, "CREATE TABLE votes (minute TEXT REFERENCES minutes (id)); INSERT INTO votes VALUES ('nobody')"
    ),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_refused_also_from_those_who_accept_less(sound: Path, damage: Callable[[Path], object]) -> None:
    damage(sound)
    there = sound.exists()
    with pytest.raises(Refused, match=r"meetings\.db was not published, it is damaged \(.+\): make it again"):
        check_database(sound, accept_shrink=True)
    assert sound.exists() == there


def test_a_refusal_ends_the_job_at_once() -> None:
    assert issubclass(Refused, Discard)


@pytest.mark.parametrize(("last", "accepted"), [(None, True), (29, True), (60, True), (61, False), (10_000, False)])
def test_half_of_last_time_is_the_least(sound: Path, last: int | None, accepted: bool) -> None:
    if accepted:
        check_database(sound, last_rows=last)
    else:
        with pytest.raises(Refused, match=f"it has 30 rows after {last}: .*--accept-shrink"):
            check_database(sound, last_rows=last)
    assert sum(check_database(sound, last_rows=last, accept_shrink=True).values()) == 30


def test_how_much_less_is_suspicious_can_be_said(sound: Path) -> None:
    check_database(sound, last_rows=33, tolerance=0.9)
    with pytest.raises(Refused):
        check_database(sound, last_rows=34, tolerance=0.9)


@pytest.mark.parametrize("last", [None, 0, 5])
def test_nothing_is_refused(city: City, last: int | None) -> None:
    empty = city.compile()
    with pytest.raises(Refused, match="it is empty"):
        check_database(empty, last_rows=last)
    assert sum(check_database(empty, last_rows=last, accept_shrink=True).values()) == 0


def test_a_file_without_a_byte_is_empty(tmp_path: Path) -> None:
    (tmp_path / "meetings.db").touch()
    with pytest.raises(Refused, match="it is empty"):
        check_database(tmp_path / "meetings.db")


def test_a_stamped_database_says_what_it_is(sound: Path) -> None:
    sources = {"minutes/Council/2026-01-02": "ab" * 32}
    rows = check_database(sound)
    for run_id in ("first", "second"):  # the second replaces the first
        stamp(sound, run_id=run_id, content_hash="cd" * 32, rows=rows, sources=sources)
    known = provenance(sound)
    assert known is not None
    assert (known.run_id, known.content_hash, known.rows) == ("second", "cd" * 32, rows)
    assert known.stamped_at.tzinfo is not None
    with closing(sqlite3.connect(sound)) as connection:
        assert dict(connection.execute("SELECT source, sha256 FROM clerk_sources")) == sources
    assert check_database(sound) == rows, "its own tables count"


def test_a_stamped_database_is_one_file(sound: Path) -> None:
    run(sound, "PRAGMA journal_mode = WAL; UPDATE minutes SET date = date")
    stamp(sound, run_id="r", content_hash="c", rows={}, sources={})
    with closing(sqlite3.connect(f"file:{sound}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert [path.name for path in sound.parent.glob("*.db*")] == ["meetings.db"]


def test_the_row_count_of_last_time(sound: Path, tmp_path: Path) -> None:
    assert last_row_count(sound) == 30, "counted, since nobody stamped it"
    stamp(sound, run_id="r", content_hash="c", rows={"minutes": 7, "agendas": 4}, sources={})
    assert last_row_count(sound) == 11, "its own word"
    assert last_row_count(tmp_path / "none.db") is None
    sound.write_text("no database")
    assert last_row_count(sound) is None
    assert provenance(sound) is None


def test_accepting_less_ends_with_the_block() -> None:
    assert not shrink_accepted()
    with accepting_shrink():
        assert shrink_accepted()
        with accepting_shrink(False):
            assert not shrink_accepted()
    assert not shrink_accepted()
