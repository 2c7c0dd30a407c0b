"""The tree of texts is read in the order of meetings, days and numbers, and forgives what is not a page."""

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk.compilation.citations import body_in_words
from clerk.compilation.compile import MeetingDateGroup, PageFile, collect_page_files, group_pages_by_meeting_date
from clerk.compilation.pages import extraction_of, hash_text_content, split_date
from devtools.trees import write_tree


def test_pages_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"Council/2026-08-03/{n}": f"page {n}" for n in (10, 2, 1, 11, 100)})
    assert [page.page_num for page in collect_page_files(tmp_path)] == [1, 2, 10, 11, 100]


def test_meetings_and_days_come_in_order(tmp_path: Path) -> None:
    days = ["Planning/2025-01-01", "Council/2026-08-03.10", "Council/2026-08-03.2", "Council/2026-08-03", "Council/2"]
    write_tree(tmp_path, {f"{day}/1": "" for day in days})
    found = [f"{page.meeting}/{page.date}" for page in collect_page_files(str(tmp_path))]
    assert found == [
        "Council/2", "Council/2026-08-03", "Council/2026-08-03.2", "Council/2026-08-03.10", "Planning/2025-01-01",
    ]  # fmt: skip


def test_a_page_knows_its_place(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Council/2026-08-03.2/7": "año"})
    (page,) = collect_page_files(tmp_path)
    assert page == PageFile("Council", "2026-08-03.2", 7, "año", "/Council/2026-08-03.2/7.png")
    assert page.day == "2026-08-03"


def test_what_is_not_a_page_is_left_alone(tmp_path: Path) -> None:
    write_tree(
        tmp_path, {"Council/d/1": "", "Council/d/notes": "", "Council/d/1.2": "", ".tmp/d/1": "", "Council/.d~x/1": ""}
    )
    (tmp_path / "Council" / "d" / "0001.txt.extracted.json").write_text("{}")
    (tmp_path / "Council" / "empty").mkdir()
    (tmp_path / "Council" / "file").touch()
    assert [(page.date, page.page_num) for page in collect_page_files(tmp_path)] == [("d", 1)]
    assert collect_page_files(tmp_path / "nowhere") == []


def test_a_page_that_was_once_padded_counts_once(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Council/d/0001": "old", "Council/d/1": "new", "Council/d/0002": "two"})
    pages = collect_page_files(tmp_path)
    assert [(page.page_num, page.text) for page in pages] == [(1, "new"), (2, "two")]
    assert pages[1].page_image_path == "/Council/d/0002.png"


def test_a_name_becomes_an_address_that_leads_back_to_it(tmp_path: Path) -> None:
    name = "Levee District #5: 100% Review? — Ñandú"
    (tmp_path / name / "2024-01-02").mkdir(parents=True)
    (tmp_path / name / "2024-01-02/1.txt").write_text("text")
    (page,) = collect_page_files(tmp_path)
    assert unquote(urlsplit(f"https://city.example{page.page_image_path}").path) == f"/{name}/2024-01-02/1.png"


def test_bytes_that_are_not_utf8_do_not_stop_a_site(tmp_path: Path) -> None:
    write_tree(tmp_path, {"Council/d/1": ""})
    (tmp_path / "Council/d/1.txt").write_bytes(b"caf\xe9\r\nau lait")
    assert collect_page_files(tmp_path)[0].text == "caf\ufffd\nau lait"


def test_neighbours_are_grouped() -> None:
    pages = [PageFile(meeting, date, 1, "", "") for meeting, date in ("ab", "ab", "ac", "bc", "ab")]
    assert group_pages_by_meeting_date(pages) == [
        MeetingDateGroup("a", "b", [0, 1]),
        MeetingDateGroup("a", "c", [2]),
        MeetingDateGroup("b", "c", [3]),
        MeetingDateGroup("a", "b", [4]),
    ]
    assert group_pages_by_meeting_date([]) == []


@given(st.dates(), st.integers(2, 99))
def test_a_further_meeting_of_a_day_is_of_that_day(day: object, number: int) -> None:
    assert split_date(f"{day}.{number}") == (str(day), number)
    assert split_date(str(day)) == (str(day), 1)


@pytest.mark.parametrize("name", ["2026-08-03.", "2026-08-03.x", "2026-08.2", "2026-08-03.2.3", "x2026-08-03.2"])
def test_other_names_are_taken_as_they_are(name: str) -> None:
    assert split_date(name) == (name, 1)


@pytest.mark.parametrize(
    "cache",
    ["not json", "[]", "null", "{}", '{"content_hash": "stale", "entities": {}}', "\xff"],
    ids=["text", "list", "null", "no hash", "stale", "bytes"],
)
def test_only_an_extraction_of_this_very_text_counts(tmp_path: Path, cache: str) -> None:
    page = PageFile("Council", "d", 12, "the text", "")
    assert extraction_of(tmp_path, page) is None
    (tmp_path / "0012.txt.extracted.json").write_text(cache, encoding="latin-1")
    assert extraction_of(tmp_path, page) is None
    valid = {"content_hash": hash_text_content("the text"), "votes": {"votes": [1]}}
    (tmp_path / "0012.txt.extracted.json").write_text(json.dumps(valid))
    assert extraction_of(tmp_path, page) == valid


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("PlanningCommission", "Planning Commission"),
        ("BoardOfCommissioners", "Board of Commissioners"),
        ("ADAAdvisoryCommittee", "ADA Advisory Committee"),
        ("Parks And Recreation", "Parks and Recreation"),
        ("City_Council", "City Council"),
        ("OfficeOfTheMayor", "Office of the Mayor"),
        ("Council", "Council"),
        ("_", "_"),
    ],
)
def test_a_folder_names_a_body_in_words(folder: str, words: str) -> None:
    assert body_in_words(folder) == words
