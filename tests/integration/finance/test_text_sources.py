"""Text files in the drop folder: which are read, which of two counts, and what is said of bad ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clerk.jobs import Discard
from plugins.election_finance import etl
from plugins.election_finance.inputs import inputs_of
from plugins.election_finance.site_paths import FinanceSite
from tests.integration.finance.conftest import Town
from tests.integration.finance.text_files import COVER, GIFT, cal201, efile, gifts, sheet, zipped


@pytest.fixture
def town(add_town: Callable[..., Town]) -> Town:
    return add_town("elm.ca", name="Elm")


def verdicts(town: Town) -> list[tuple[Any, ...]]:
    return town.query("SELECT DISTINCT superseded_reason FROM filings WHERE NOT is_current ORDER BY 1")


def test_a_filing_in_a_workbook_and_other_files_counts_once(town: Town) -> None:
    town.drop_rows("2023.xlsx", {"A-Contributions": [GIFT]})
    town.drop("cal201.csv", cal201({}))
    town.drop("150000001.txt", efile("100.00"))
    town.drop("a.csv", sheet("A-Contributions", {**GIFT, "Report_Num": "0", "Tran_Amt1": "$100.00"}))
    assert town.etl()["rows"] >= 4
    assert gifts(town) == [(100.0, "workbook")]
    assert verdicts(town) == [("duplicate",)]
    assert town.query("SELECT format, duplicates FROM coverage ORDER BY format") == [
        *(("cal201", 1), ("efile", 1), ("sheet", 1), ("workbook", 0))
    ]
    assert town.one("SELECT COUNT(*) FROM A_Contributions") == 4


def test_a_filing_that_only_a_lesser_source_has_counts(town: Town) -> None:
    town.drop_rows("2023.xlsx", {"A-Contributions": [GIFT]})
    other = {"FilingId": "150000002", "FilingStartDate": "2023-07-01", "FilingEndDate": "2023-12-31"}
    town.drop("cal201.csv", cal201({}, {**other, "Tran_Amt1": "7"}))
    town.etl()
    assert gifts(town) == [(7.0, "cal201"), (100.0, "workbook")]


def test_an_e_filed_amendment_replaces_the_workbooks_original(town: Town) -> None:
    town.drop_rows("2023.xlsx", {"A-Contributions": [GIFT]})
    town.drop("150000002.txt", efile("40.00", number="001", day="20230901"))
    town.etl()
    assert gifts(town) == [(40.0, "efile")]
    assert verdicts(town) == [("amended",)]


def test_the_source_with_more_schedules_wins(town: Town) -> None:
    town.drop("a.csv", sheet("A-Contributions", GIFT))
    town.drop("cal201.csv", cal201({}, {"Form_Type": "C", "Tran_Id": "C1", "Tran_Amt1": "5"}))
    town.etl()
    assert gifts(town) == [(100.0, "cal201")]
    assert town.one("SELECT SUM(amount) FROM non_monetary_contributions WHERE is_current") == 5.0


def test_of_the_versions_in_an_export_the_last_that_arrived_counts(town: Town) -> None:
    newer = {"FilingId": "150000010", "Tran_Amt1": "60"}
    town.drop("cal201.csv", cal201(newer, {}))
    town.etl()
    assert gifts(town) == [(60.0, "cal201")]


@pytest.mark.parametrize("period", ["", "2023-05-02"])
def test_a_24_hour_report_of_an_export_is_found_by_its_rows(town: Town, period: str) -> None:
    late = {
        **COVER, "From_Date": "", "Thru_Date": "", "Form_Type": "F497P1", "Rpt_ID_Num": "7", "Entity_Cd": "IND",
    }  # fmt: skip
    town.drop_rows(
        "2023.xlsx",
        {
            "497": [
                {
                    **late,
                    "Tran_ID": "L1",
                    "Enty_NamL": "Oak",
                    "Enty_NamF": "Ann",
                    "Ctrib_Date": "2023-05-01",
                    "Amount": 1000.0,
                }
            ]
        },
    )
    no_period = {"FilingStartDate": period, "FilingEndDate": period, "Form_Type": "F497P1", "Tran_Date": "2023-05-01"}
    same = {**no_period, "Tran_NamL": "Oak", "Tran_NamF": "Ann", "Tran_Amt1": "1000"}
    town.drop(
        "cal201.csv", cal201(same, {**no_period, "FilingId": "150000009", "Tran_Amt1": "1000", "Tran_NamL": "Ash"})
    )
    town.etl()
    assert town.query(
        "SELECT contributor_or_recipient FROM contribution_reports_24_hours WHERE is_current ORDER BY 1"
    ) == [*(("Ann Oak",), ("Ash",))]


def test_a_filing_replaces_the_one_that_it_names(town: Town) -> None:
    town.drop("filings.zip", zipped(**{
        "150000001/Efile.txt": efile("10.00"),
        "150000002/Efile.txt": efile("20.00", supersedes="150000001"),
        "read me.txt": b"hello",
    }))  # fmt: skip
    town.etl()
    assert gifts(town) == [(20.0, "efile")]
    assert town.query("SELECT url FROM sources ORDER BY url") == [
        *(("drop/filings.zip/150000001/Efile.txt",), ("drop/filings.zip/150000002/Efile.txt",))
    ]
    assert town.query("SELECT detail FROM row_issues WHERE code = 'ignored_file'")[0][0].startswith(
        "filings.zip/read me.txt is not used: it is no file of a known source"
    )


def test_socrata_writes_dollars_and_american_dates(town: Town) -> None:
    row = {
        **GIFT, "Report_Num": 0, "Rpt_Date": "07/31/2023", "From_Date": "01/01/2023", "Thru_Date": "06/30/2023",
        "Tran_Date": "02/01/2023", "Tran_Amt1": "$-1,100.00",
    }  # fmt: skip
    town.drop("a.csv", sheet("A-Contributions", row))
    town.etl()
    assert town.query("SELECT date, amount, from_date, report_num FROM monetary_contributions") == [
        ("2023-02-01", -1100.0, "2023-01-01", 0)
    ]


def test_the_same_files_give_the_same_rows_in_any_order(town: Town, add_town: Callable[..., Town]) -> None:
    rows = [{"Tran_Id": "same", "Tran_Amt1": str(amount)} for amount in (1, 2, 2, 3)]
    town.drop("cal201.csv", cal201(*rows))
    town.etl()
    query = "SELECT id, amount FROM monetary_contributions ORDER BY id"
    before = town.query(query)
    assert sorted(amount for _, amount in before) == [1.0, 2.0, 2.0, 3.0]
    town.drop("cal201.csv", cal201(*reversed(rows)))
    town.etl(force=True)
    assert town.query(query) == before


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", cal201({})[:-20], "line 2 has 11 cells, and the header 14: the file is damaged, or cut off"),
        ("a.csv", cal201({}) + b'"open', "is damaged"),
        ("a.csv", sheet("A-Contributions", GIFT, columns=["Filer_ID", "Filer_NamL", "Form_Type"]), "those of no sheet"),
        (
            "a.csv",
            b"NetFileKey,FilingId\n1,2\n",
            "not a cal201 export: it has no column FilerName, Form_Type, Tran_Amt1",
        ),
        ("a.txt", efile("1").replace(b"2.01", b"1.05"), "not an e-filing in CAL 2.01"),
        ("a.txt", efile("1").split(b"\r\n")[0], "it has no cover"),
        ("a.txt", efile(), "a filing of form F460, which has no rows of money"),
        ("a.txt", efile("1").replace(b"CVR,", b"RCPT,"), "before the cover"),
        ("a.zip", zipped(**{"1.txt": efile("1")})[:-30], "damaged zip file"),
    ],
    # Without the bytes, some of which say when they were made: two processes must find the same names.
    ids=lambda value: value if isinstance(value, str) else "content",
)
def test_a_bad_file_gets_one_line_and_the_others_count(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    town = Town("elm.ca", tmp_path / "finance")
    town.drop(name, content)
    town.drop("2024.txt", efile("9.00"))
    with inputs_of(FinanceSite("elm.ca", "Elm", None, None, town.finance)) as inputs:
        manifest = etl.extract(inputs, "r")
    assert manifest.rows == {"drop/2024.txt": 1}
    (detail,) = manifest.ignored
    assert detail.startswith(f"{name} is not used: ")
    assert reason in detail
    assert "\n" not in detail


def test_a_bad_file_alone_is_a_dead_letter(town: Town) -> None:
    town.drop("a.csv", cal201({})[:-20])
    with pytest.raises(Discard, match=r"no usable source: drop/a\.csv: line 2 has 11 cells"):
        town.etl()


def test_rows_of_other_schedules_are_named(town: Town) -> None:
    town.drop("a.csv", cal201({}, {"Form_Type": "F401A", "Tran_Amt1": "33"}))
    town.etl()
    assert town.query("SELECT row, detail FROM row_issues WHERE code = 'unknown_schedule'") == [
        (3, "F401A: 1400001, 33")
    ]


def test_a_year_that_no_source_was_asked_for_is_missing(town: Town) -> None:
    town.drop(
        "a.csv", cal201({}, {"FilingId": "150000002", "FilingStartDate": "2020-01-01", "FilingEndDate": "2020-06-30"})
    )
    town.etl()
    assert town.query("SELECT year, status FROM coverage ORDER BY year") == [
        *((2020, "ok"), (2021, "missing"), (2022, "missing"), (2023, "ok"))
    ]


def test_headers_and_schedules_are_read_as_exports_write_them(town: Town) -> None:
    content = sheet("A-Contributions", {**GIFT, "Form_Type": "F460A"})
    header, rest = content.split(b"\r\n", 1)
    town.drop("a.csv", b"\xef\xbb\xbf" + header.replace(b"_", b" ").upper() + b"\n" + rest)
    town.etl()
    assert gifts(town) == [(100.0, "sheet")]
