"""What the ETL makes of drop folders, bad files, interruptions and what somebody else left."""

import os
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from clerk.jobs import Cancel, Discard, JobContext, running
from devtools.netfile_books import Year, rows_of, workbook, zipped
from devtools.netfile_site import NetFileSite, expected, year_file
from tests.integration.finance.conftest import Town
from tests.integration.finance.towns import ALDER, BRIAR, CEDAR, AddTown, dump, place, report

pytestmark = pytest.mark.slow


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


def test_a_file_without_a_year_is_told_of_as_long_as_it_is_there(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    town.drop_rows("2023.xlsx", rows_of(report()))
    nameless = town.drop("latest.xlsx", b"PK")
    issues = "SELECT source_id, detail FROM row_issues WHERE code = 'ignored_file'"
    town.etl()
    ((source, detail),) = town.query(issues)
    assert (source, detail[:23]) == (None, "latest.xlsx is not used")
    nameless.unlink()
    assert town.etl()["outcome"] == "unchanged"
    assert town.query(issues) == []


def test_an_old_workbook_is_named_as_such_everywhere(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    town.drop("2022.xls", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504) + "Workbook".encode("utf-16-le"))
    with pytest.raises(Discard, match=r"2022: an Excel workbook of before 2007 \(\.xls\); save it as \.xlsx"):
        town.etl()
    town.drop_rows("2023.xlsx", rows_of(report()))
    assert town.etl()["unavailable"] == [2022]
    said = "an Excel workbook of before 2007 (.xls); save it as .xlsx"
    assert town.query("SELECT detail FROM sources WHERE year = 2022") == [(said,)]
    issues = "SELECT detail FROM row_issues WHERE code = 'ignored_file'"
    assert town.query(issues) == [(f"2022.xls is not used: {said}",)]
    town.drop_rows("2022.xlsx", rows_of(report(2, year=2022)))
    town.etl()
    assert town.query(issues) == [("2022.xls is not used: 2022.xlsx is for the same year, and can be read",)]
    town.drop("2022.xlsx", b"PK")
    town.etl()
    ((damaged,), _) = town.query(f"{issues} AND detail LIKE '2022.xlsx %' UNION ALL SELECT NULL")
    assert damaged.startswith("2022.xlsx is not used: the copy of ")
    assert "a damaged zip file" in damaged


def test_a_folder_of_other_files_says_what_they_are(add_town: AddTown, caplog: pytest.LogCaptureFixture) -> None:
    town = add_town("oakland.ca")
    town.drop("export.csv", b"")
    with pytest.raises(
        Discard, match=r"no other file of a known source; export\.csv is not used: it is no file of a known source"
    ):
        town.etl()
    town.drop("2023.xlsx", b"")
    caplog.clear()
    with pytest.raises(Discard, match="2023: not a zip file or a workbook: it is empty"):
        town.etl()
    assert any("export.csv is not used: it is no file of a known source" in line for line in caplog.messages), (
        "although the job failed"
    )


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


def foreign(town: Town, *tables: str, rows: int = 40) -> None:
    """Put a database that something else has made where ours goes."""
    town.finance.mkdir(parents=True)
    with closing(sqlite3.connect(town.database)) as connection:
        for table in tables:
            connection.execute(f'CREATE TABLE "{table}" (id)')
            connection.executemany(f'INSERT INTO "{table}" VALUES (?)', [(number,) for number in range(rows)])
        connection.commit()


@pytest.mark.parametrize("tables", [("A_Contributions", "monetary_contributions"), ()], ids=["upstream", "empty"])
def test_an_upstream_database_is_replaced_by_one_as_large(add_town: AddTown, tables: tuple[str, ...]) -> None:
    town = add_town("oakland.ca")
    foreign(town, *tables, rows=32)
    town.drop_rows("2023.xlsx", rows_of(report(4)))
    assert town.etl()["rows"] == 16


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        (("A_Contributions", "monetary_contributions"), "all years together have 16 rows, had 40"),
        (("payments_made", "summaries"), "all years together have 16 rows, had 80"),
        (
            ("meetings",),
            "was not made by this plugin, and its rows cannot be counted. Nothing was replaced; move it away",
        ),
        (None, "was not made by this plugin"),
    ],
    ids=["upstream", "friendly", "other", "no-database"],
)
def test_somebody_elses_larger_database_is_not_replaced_unasked(
    add_town: AddTown, tables: tuple[str, ...] | None, reason: str
) -> None:
    town = add_town("oakland.ca")
    foreign(town, *(tables or ()))
    if tables is None:
        town.database.write_bytes(b"made by something else")
    before = town.database.read_bytes()
    town.drop_rows("2023.xlsx", rows_of(report(4)))
    with pytest.raises(Discard, match=reason):
        town.etl()
    assert town.database.read_bytes() == before
    assert town.etl(accept_shrink=True)["rows"] == 16
