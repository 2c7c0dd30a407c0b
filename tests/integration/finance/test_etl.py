"""From files to a published database, night after night."""

import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clerk.jobs import Discard, Retry
from devtools.netfile_books import Year, rows_of, workbook, zipped
from devtools.netfile_site import MUNICIPALITIES, PAGE, Answer, Municipality, NetFileSite, expected, year_file
from tests.integration.finance.towns import ALDER, BRIAR, CEDAR, AddTown, dump, place, report

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("which", MUNICIPALITIES, ids=lambda which: which.shortcut)
def test_a_site_from_nothing(add_town: AddTown, netfile: NetFileSite, which: Municipality) -> None:
    town, hoped = place(add_town, which), expected(which)
    result = town.etl()
    assert (result["outcome"], result["rows"], result["years"]) == ("changed", hoped.rows, list(which.years))
    current = "FROM monetary_contributions WHERE is_current = 1"
    assert town.query(f"SELECT COUNT(*), SUM(amount) {current}") == [(hoped.gifts, hoped.money)]
    found = town.query("SELECT committee_id, year, contributions, expenditures FROM committee_totals")
    assert {(who, year): (came, went) for who, year, came, went in found} == hoped.totals
    assert town.query("SELECT contributor_name, total FROM top_contributors LIMIT 1") == [hoped.top]
    assert town.query("SELECT * FROM reconciliation WHERE difference <> 0") == []
    assert town.one("SELECT COUNT(*) FROM reconciliation") > len(which.years)
    assert not list(town.finance.glob(".work-*"))


def test_what_cannot_be_had_is_told(add_town: AddTown, netfile: NetFileSite) -> None:
    briar, cedar = place(add_town, BRIAR), place(add_town, CEDAR)
    assert 2022 in briar.etl()["unavailable"]
    assert 2023 in cedar.etl()["unavailable"]
    status = "SELECT status, detail FROM sources WHERE year = ?"
    assert briar.query(status, 2022) == [("unavailable", "the server sent a web page instead of a zip file")]
    assert cedar.query(status, 2023) == [("unavailable", "HTTP 404: no such year")]
    assert cedar.query("SELECT status, rows FROM coverage WHERE year = 2023") == [("unavailable", 0)]


def test_the_site_is_told(add_town: AddTown, netfile: NetFileSite) -> None:
    town = place(add_town, ALDER)
    town.etl()
    row = town.row()
    assert row["has_finance_data"] is True
    assert (row["finance_source"], row["finance_record_count"]) == ("NetFile", expected(ALDER).rows)
    assert (row["finance_coverage_start"], row["finance_coverage_end"]) == (date(2022, 1, 1), date(2024, 12, 31))
    assert "monetary_contributions" in row["finance_data_types"]
    assert "loans_made" not in row["finance_data_types"]
    assert row["finance_last_updated"] is not None
    assert row["updated_at"] is not None
    assert row["last_updated"] is None, "that column orders the meetings' rotation"


def test_the_second_night_loads_nothing(add_town: AddTown, netfile: NetFileSite) -> None:
    town = place(add_town, ALDER)
    town.etl()
    published, updated = town.database.stat(), town.row()["finance_last_updated"]
    netfile.requests.clear()
    assert town.etl()["outcome"] == "unchanged"
    assert town.manifest()["outcome"] == "unchanged"
    assert [status for _, status in netfile.requests[:3]] == [304, 304, 304]
    assert (town.database.stat().st_ino, town.database.stat().st_mtime_ns) == (published.st_ino, published.st_mtime_ns)
    assert town.row()["finance_last_updated"] > updated, "else it would be this site's turn every night"


def test_the_same_input_gives_the_same_rows(add_town: AddTown, netfile: NetFileSite) -> None:
    town = place(add_town, ALDER)
    town.etl()
    first, inode = dump(town), town.database.stat().st_ino
    town.etl(force=True)
    assert town.database.stat().st_ino != inode, "it was not made anew, so this test shows nothing"
    assert dump(town) == first


def test_other_code_makes_the_database_anew(add_town: AddTown, netfile: NetFileSite) -> None:
    town = place(add_town, CEDAR)
    town.etl()
    with closing(sqlite3.connect(town.database)) as connection:
        connection.execute("UPDATE database_info SET value = 'of an older schema' WHERE key = 'fingerprint'")
        connection.commit()
    assert town.etl()["outcome"] == "changed"


def test_a_year_that_vanishes_is_not_lost(add_town: AddTown, netfile: NetFileSite) -> None:
    town = place(add_town, ALDER)
    town.etl()
    netfile.answers[NetFileSite.path("XALD", 2022)] = PAGE
    netfile.answers[NetFileSite.path("XALD", 2023)] = Answer(year_file(BRIAR, 2023))  # something new to load
    result = town.etl(accept_shrink=True)
    assert (result["outcome"], result["years"]) == ("changed", [2022, 2023, 2024])
    status, detail = town.query("SELECT status, detail FROM sources WHERE year = 2022")[0]
    assert status == "unchanged"
    assert "a web page instead of a zip file" in detail
    assert town.one("SELECT COUNT(*) FROM monetary_contributions WHERE source_id = 2022") > 0
    assert town.one("SELECT rows FROM coverage WHERE year = 2022") > 0


def test_what_became_of_a_year_is_told_though_nothing_is_loaded(add_town: AddTown, netfile: NetFileSite) -> None:
    town = place(add_town, CEDAR)
    town.etl()
    before = dump(town)
    netfile.answers |= {NetFileSite.path("XCED", year): Answer(b"no", 403) for year in (2022, 2023)}
    assert town.etl()["outcome"] == "unchanged"
    found = dict(town.query("SELECT year, status FROM coverage"))
    assert (found[2022], found[2023], found[2024]) == ("unchanged", "unavailable", "ok")
    assert town.one("SELECT detail FROM sources WHERE year = 2023") == "HTTP 403: access refused"
    after = dump(town)
    assert {name for name in before if before[name] != after[name]} == {"sources", "coverage"}
    inode = town.database.stat().st_ino
    town.etl()
    assert town.database.stat().st_ino == inode


def test_a_file_that_is_damaged_tonight_is_not_used(add_town: AddTown, netfile: NetFileSite) -> None:
    town = place(add_town, ALDER)
    town.etl()
    path = NetFileSite.path("XALD", 2023)
    netfile.answers[path] = Answer(netfile.answers[path].body[:-500])
    assert town.etl()["outcome"] == "unchanged"
    kept = {source["year"]: source for source in town.manifest()["sources"]}[2023]
    assert kept["status"] == "unchanged"
    assert "damaged" in kept["detail"]


def test_a_smaller_year_replaces_nothing_unless_told_to(add_town: AddTown, netfile: NetFileSite) -> None:
    town = place(add_town, ALDER)
    town.etl()
    before, raw = dump(town), (town.finance / "raw" / "2024.zip").read_bytes()
    few = zipped({"efile.xlsx": workbook(Year([report(year=2024)]).rows())})
    netfile.answers[NetFileSite.path("XALD", 2024)] = Answer(few)
    with pytest.raises(Discard, match=r"suspiciously small: 2024 has 16 rows, had 181\. Nothing was replaced"):
        town.etl()
    assert dump(town) == before
    assert (town.finance / "raw" / "2024.zip").read_bytes() == raw
    assert town.etl(accept_shrink=True)["outcome"] == "changed"
    assert town.one("SELECT rows FROM coverage WHERE year = 2024") == 16


def test_an_amendment_that_shrinks_a_report_removes_its_rows(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    town.drop_rows("2023.xlsx", rows_of(report(6)))
    town.etl()
    town.drop_rows("2023.xlsx", Year([report(6), report(2, number="001", filed=date(2023, 9, 1))]).rows())
    town.etl()
    current = "FROM monetary_contributions WHERE is_current = 1"
    assert town.query(f"SELECT COUNT(*), SUM(amount) {current}") == [(2, 200.0)]
    assert town.one("SELECT contributions FROM committee_totals") == 200.0


def test_nothing_to_be_had_fails_and_keeps_what_is_there(add_town: AddTown, netfile: NetFileSite) -> None:
    town = place(add_town, CEDAR)
    town.etl()
    netfile.answers.clear()
    with pytest.raises(Discard, match=r"no usable source: 2022 to \d+: HTTP 404: no such year. The published database"):
        town.etl()
    assert town.one("SELECT COUNT(*) FROM monetary_contributions") > 0


def test_a_server_that_is_down_is_tried_again_later(add_town: AddTown, monkeypatch: pytest.MonkeyPatch) -> None:
    town = place(add_town, CEDAR)
    monkeypatch.setenv("CLERK_FINANCE_BASE_URL", "http://127.0.0.1:1")
    with pytest.raises(Retry, match=r"no usable source: 2022 to 2023: ConnectError"):
        town.etl()


def test_workbooks_that_hold_nothing_are_no_success(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    town.drop_rows("2023.xlsx", {})
    with pytest.raises(Discard, match="no usable source: 2023: 0 rows"):
        town.etl()
    assert not town.database.exists()


@pytest.fixture
def events() -> Iterator[list[str]]:
    """Return the manifests and archives that are opened, and the programs that are started, as they happen."""
    seen: list[str] = []
    listening = True

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if (
            listening
            and event == "open"
            and str(arguments[0]).endswith((".zip", ".json"))
            and "finance" in Path(str(arguments[0])).parts
            and str(arguments[1]) in ("r", "rb")
        ):
            seen.append(Path(arguments[0]).name)
        elif listening and event == "subprocess.Popen":
            seen.extend(Path(word).name for word in arguments[1] if "workbook" in str(word))

    sys.addaudithook(note)
    yield seen
    listening = False  # a hook stays for good


def test_a_night_opens_nothing_more_often_than_it_must(
    add_town: AddTown, netfile: NetFileSite, events: list[str]
) -> None:
    town = place(add_town, ALDER)
    town.etl()
    files = {f"{year}.zip": 2 for year in ALDER.years}  # once to hash it, once to read it
    assert Counter(events) == {"manifest.json": 1, "workbook_process.py": len(files), **files}
    events.clear()
    town.etl()
    assert Counter(events) == {"manifest.json": 1, **dict.fromkeys(files, 1)}
    events.clear()
    netfile.answers[NetFileSite.path("XALD", 2023)] = Answer(year_file(BRIAR, 2023))
    town.etl(accept_shrink=True)
    assert Counter(events) == {
        "manifest.json": 1,
        "workbook_process.py": 3,
        "2022.zip": 2,
        "2023.zip": 3,
        "2024.zip": 2,
    }
