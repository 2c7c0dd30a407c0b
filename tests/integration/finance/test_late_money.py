"""Gifts of 24-hour reports that no periodic report has covered yet: each once, and none that a report covers."""

from datetime import date
from typing import Any

import pytest

from tests.integration.finance.conftest import Load

pytestmark = pytest.mark.slow

OAK = {"Filer_ID": "1234567", "Filer_NamL": "Oak PAC", "Report_Num": "000", "Rpt_Date": date(2023, 7, 30)}
FIRST = {**OAK, "From_Date": date(2023, 1, 1), "Thru_Date": date(2023, 3, 31)}
THIRD = {**OAK, "From_Date": date(2023, 7, 1), "Thru_Date": date(2023, 9, 30)}


def late(report: str, day: date, amount: float, tran_id: str | None = "L1", **cells: Any) -> dict[str, Any]:
    about = {"Form_Type": "F497P1", "Tran_ID": tran_id, "Entity_Cd": "IND", "Enty_NamL": "Quill", "Enty_NamF": "Jo"}
    return {**OAK, **about, "Rpt_ID_Num": report, "Ctrib_Date": day, "Amount": amount, **cells}


def summary(cover: dict[str, Any]) -> dict[str, Any]:
    return {**cover, "Form_Type": "F460", "Line_Item": "5", "Amount_A": 1.0}


def test_a_gift_is_open_in_a_gap_between_two_reports(load: Load) -> None:
    days = [date(2023, 3, 31), date(2023, 4, 1), date(2023, 6, 30), date(2023, 7, 1), date(2023, 10, 1)]
    rows = [late(str(at), day, 1000.0 + at, f"L{at}") for at, day in enumerate(days)]
    town = load(late497=rows, Summary=[summary(FIRST), summary(THIRD)])
    assert town.query("SELECT date, last_thru_date FROM late_contributions_open") == [
        ("2023-10-01", "2023-09-30"),
        ("2023-06-30", "2023-09-30"),
        ("2023-04-01", "2023-09-30"),
    ]


def test_a_gift_that_several_reports_list_is_open_once(load: Load) -> None:
    day = date(2023, 9, 1)
    again = late("2", day, 1000.0, Rpt_Date=date(2023, 8, 2), Enty_NamL="QUILL")
    others = [
        late("3", day, 1000.0, "L2"),
        late("4", day, 1500.0),
        late("5", date(2023, 9, 2), 1000.0),
        late("6", day, 1000.0, Enty_NamF="Ann"),
        late("7", day, 1000.0, Filer_ID="7654321", Filer_NamL="Elm PAC"),
    ]
    town = load(late497=[late("1", day, 1000.0), again, *others])
    found = town.query("SELECT report_id FROM late_contributions_open ORDER BY report_id")
    assert [report for (report,) in found] == ["1", "3", "4", "5", "6", "7"]


def test_gifts_without_a_transaction_id_are_as_many_as_one_report_lists(load: Load) -> None:
    day = date(2023, 9, 1)
    rows = [late(report, day, 1000.0, None) for report in ("1", "1", "2")]
    assert load(late497=rows).query("SELECT report_id FROM late_contributions_open") == [("1",), ("1",)]
