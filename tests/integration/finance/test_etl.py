"""From files to a published database, night after night."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clerk.jobs import Cancel, Discard, JobContext, Retry, running
from tests.integration.finance.conftest import Town
from tests.support.netfile_books import Gift, Report, Year, rows_of, workbook, zipped
from tests.support.netfile_site import MUNICIPALITIES, PAGE, Answer, Municipality, NetFileSite, expected, year_file

ALDER, BRIAR, CEDAR = MUNICIPALITIES
AddTown = Callable[..., Town]


def report(count: int = 4, *, year: int = 2023, **other: Any) -> Report:
    given = [Gift("Boone", f"Ada {number}", "Oakland", "94611", date(year, 2, 1), 100.0) for number in range(count)]
    about = {"filer": "1234567", "name": "Oak PAC", "number": "000", "filed": date(year, 7, 30)}
    return Report(**{**about, "start": date(year, 1, 1), "end": date(year, 6, 30), "gifts": given, **other})


def place(add_town: AddTown, which: Municipality) -> Town:
    return add_town(
        which.subdomain, name=which.name, start_year=which.first_year, extra={"netfile_agency": which.shortcut}
    )


def dump(town: Town) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, full-text indexes included, but the times of the run."""
    tables = town.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    rows = {name: town.query(f'SELECT * FROM "{name}" ORDER BY rowid') for (name,) in tables if not is_opaque(name)}
    rows["etl_runs"] = town.query("SELECT run_id, stage, status, rows_in, rows_out, message FROM etl_runs")
    return rows


def is_opaque(name: str) -> bool:
    return name.endswith(("_fts_idx", "_fts_config", "_fts_docsize", "_fts_data"))


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
    assert briar.query(status, 2022) == [("unavailable", "the server sent a web page instead of a file")]
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
    assert "a web page instead of a file" in detail
    assert town.one("SELECT COUNT(*) FROM monetary_contributions WHERE source_id = 2022") > 0
    assert town.one("SELECT rows FROM coverage WHERE year = 2022") > 0


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


def test_a_site_with_a_drop_folder_asks_nobody(add_town: AddTown, netfile: NetFileSite) -> None:
    town = place(add_town, ALDER)
    (town.finance / "drop").mkdir(parents=True)
    with pytest.raises(Discard, match=r"holds no \.xlsx or \.zip with a year in its name"):
        town.etl()
    town.drop("efile_2023.zip", zipped({"efile.xlsx": workbook(rows_of(report()))}))
    assert town.etl()["years"] == [2023]
    assert netfile.requests == []
    assert town.query("SELECT route, url, status FROM sources") == [("drop", "drop/efile_2023.zip", "ok")]


def test_one_bad_file_does_not_spoil_the_others(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    town.drop_rows("2023.xlsx", rows_of(report()))
    town.drop("2022.zip", b"<html>Not found</html>")
    assert town.etl()["unavailable"] == [2022]
    status, detail = town.query("SELECT status, detail FROM sources WHERE year = 2022")[0]
    assert status == "failed"
    assert "is a web page" in detail


def test_a_corrupt_workbook_alone_fails_in_one_line(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    town.drop("2023.xlsx", workbook({})[:3000])
    with pytest.raises(Discard, match="2023: a damaged zip file") as error:
        town.etl()
    assert "\n" not in str(error.value)
    assert not town.database.exists()
    assert not (town.finance / "raw").exists()


def test_a_year_may_change_its_kind_of_file(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    xlsx = town.drop_rows("2023.xlsx", rows_of(report(4)))
    town.etl()
    xlsx.unlink()
    town.drop("2023.zip", zipped({"a.xlsx": workbook(rows_of(report(5)))}))
    town.etl()
    assert sorted(path.name for path in (town.finance / "raw").iterdir()) == ["2023.zip", "manifest.json"]


def test_a_filing_that_two_years_files_hold_counts_once(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    same = report(4, start=date(2022, 7, 1), end=date(2023, 1, 20), filed=date(2023, 1, 31))
    town.drop_rows("2022.xlsx", rows_of(same))
    town.drop_rows("2023.xlsx", Year([same, report(2)]).rows())
    town.etl()
    assert town.query("SELECT COUNT(*), SUM(amount) FROM monetary_contributions") == [(6, 600.0)]
    assert town.one('SELECT COUNT(*) FROM "A_Contributions"') == 10
    assert town.query("SELECT year, contributions FROM committee_totals") == [(2023, 600.0)]
    assert town.one("SELECT COUNT(*) FROM row_issues WHERE code = 'repeated_rows'") == 2
    assert town.query("SELECT * FROM reconciliation WHERE difference <> 0") == []


def test_a_site_without_an_agency(add_town: AddTown) -> None:
    with pytest.raises(Discard, match=r"no NetFile agency is known for nowhere\.ca: put netfile_agency into"):
        add_town("nowhere.ca").etl()


def test_a_bad_agency_and_no_site(add_town: AddTown) -> None:
    with pytest.raises(Discard, match="is not a NetFile shortcut"):
        add_town("odd.ca", extra={"netfile_agency": "../x"}).etl()
    with pytest.raises(Discard, match=r"no site 'gone\.ca'"):
        Town("gone.ca", Path()).etl()


def test_stage_by_stage_is_the_same(add_town: AddTown, netfile: NetFileSite) -> None:
    from plugins.election_finance.jobs import finance_extract, finance_load, finance_transform

    town, other = place(add_town, CEDAR), place(add_town, BRIAR)
    assert finance_extract(town.subdomain, run_id="r")["rows"] == expected(CEDAR).rows
    assert not town.database.exists()
    finance_transform(town.subdomain, run_id="r")
    assert not town.database.exists()
    assert finance_load(town.subdomain, run_id="r")["rows"] == expected(CEDAR).rows
    by_stages = dump(town)
    town.etl(force=True)
    assert dump(town) == by_stages
    assert finance_load(town.subdomain, run_id="r")["rows"] == expected(CEDAR).rows, "a repeat is harmless"
    with pytest.raises(Discard, match="nothing was extracted yet"):
        finance_transform(other.subdomain, run_id="r")
    finance_extract(other.subdomain, run_id="r")
    with pytest.raises(Discard, match="nothing is ready to load"):
        finance_load(other.subdomain, run_id="r")


def test_loading_a_smaller_database_has_to_be_accepted_too(add_town: AddTown) -> None:
    from plugins.election_finance.jobs import finance_extract, finance_load, finance_transform

    town = add_town("oakland.ca")
    town.drop_rows("2023.xlsx", rows_of(report(40)))
    town.etl()
    town.drop_rows("2023.xlsx", rows_of(report(4)))
    finance_extract(town.subdomain, run_id="r", accept_shrink=True)
    finance_transform(town.subdomain, run_id="r")
    with pytest.raises(Discard, match="2023 has 16 rows, had 52"):
        finance_load(town.subdomain, run_id="r")
    assert town.one("SELECT COUNT(*) FROM monetary_contributions") == 40
    assert finance_load(town.subdomain, run_id="r", accept_shrink=True)["rows"] == 16


def test_what_a_dead_process_left_is_swept_up(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    old, fresh = town.finance / ".work-old", town.finance / ".work-fresh"
    for folder in (old, fresh):
        folder.mkdir(parents=True)
        (folder / "new.db").touch()
    os.utime(old, (1_000_000_000, 1_000_000_000))
    town.drop_rows("2023.xlsx", rows_of(report()))
    town.etl()
    assert (old.exists(), fresh.exists()) == (False, True)


def test_raw_files_that_somebody_changed_are_not_trusted(add_town: AddTown, netfile: NetFileSite) -> None:
    from plugins.election_finance.jobs import finance_transform

    town = place(add_town, CEDAR)
    town.etl()
    raw = town.finance / "raw" / "2022.zip"
    raw.write_bytes(b"PK?")
    with pytest.raises(Discard, match="the files of 2022 are gone or were changed; run finance-extract"):
        finance_transform(town.subdomain, run_id="r")
    assert town.etl()["outcome"] == "unchanged"
    assert raw.read_bytes() == year_file(CEDAR, 2022)


class Cancelled(JobContext):
    """A job that is cancelled at its n-th checkpoint."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after
        self.said: list[str] = []

    def checkpoint(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancel("cancelled while it ran")

    def progress(self, message: str) -> None:
        self.said.append(message)


def test_wherever_it_is_cancelled_nothing_is_half_done(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    town.drop_rows("2023.xlsx", rows_of(report(4)))
    steps = Cancelled(after=1000)
    with running(steps):
        town.etl()
    assert {"copying 2023.xlsx", "checking 2023", "loading 2023", "deriving totals", "publishing"} <= set(steps.said)
    before = dump(town)
    town.drop_rows("2023.xlsx", rows_of(report(5)))
    for step in range(1000 - steps.left):
        with running(Cancelled(step)), pytest.raises(Cancel):
            town.etl(force=True)
        assert dump(town) == before
        assert not list(town.finance.glob(".work-*"))


def test_an_upstream_database_is_replaced(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    town.finance.mkdir(parents=True)
    town.database.write_bytes(b"made by something else")
    town.drop_rows("2023.xlsx", rows_of(report(4)))
    assert town.etl()["outcome"] == "changed"
    assert town.one("SELECT COUNT(*) FROM monetary_contributions") == 4
