"""Which report a row is of, and what is said where two reports count the same days."""

from datetime import date
from typing import Any

from devtools.netfile_books import Gift, Report, Year
from tests.integration.finance.conftest import Load, Town
from tests.integration.finance.towns import AddTown, report

OAK = {"Filer_ID": "1234567", "Filer_NamL": "Oak PAC", "Report_Num": "000", "Rpt_Date": date(2023, 10, 2)}


def spending(report_id: str, **cells: Any) -> dict[str, Any]:
    return {**OAK, "Form_Type": "F496", "Tran_ID": "S1", "Rpt_ID_Num": report_id, "Amount": 900.0, **cells}


def given(name: str, **cells: Any) -> dict[str, Any]:
    about = {"Form_Type": "F496P3", "Tran_ID": name, "Tran_NamL": name, "Tran_Amt1": 10.0}
    return {**OAK, **about, "Tran_Date": date(2023, 10, 1), **cells}


def tied(town: Town) -> list[tuple[Any, ...]]:
    return town.query(
        "SELECT g.transaction_id, f.report_id, g.is_current FROM ie_contributions g "
        "LEFT JOIN filings f USING (filing_id) ORDER BY g.transaction_id"
    )


def test_a_gift_of_part_3_belongs_to_the_496_of_its_date_and_number(load: Load) -> None:
    amended, day = {"Report_Num": "001", "Rpt_Date": date(2023, 10, 5)}, {"Rpt_Date": date(2023, 10, 9)}
    elm = {"Filer_ID": "7654321", "Filer_NamL": "Elm PAC"}
    town = load(
        late496=[spending("1"), spending("1", **amended), spending("2", **day), spending("9", **elm)],
        F496P3_Contributions=[given("a"), given("b", **amended), given("c", **day), given("d", **elm)],
    )
    assert tied(town) == [("a", "1", 0), ("b", "1", 1), ("c", "2", 1), ("d", "9", 1)]
    assert town.one("SELECT COUNT(*) FROM filings") == 4
    raw = 'SELECT COUNT(*) FROM "F496P3_Contributions" r JOIN ie_contributions g ON r._filing_id = g.filing_id'
    assert town.one(raw) == 4
    assert town.query("SELECT * FROM row_issues WHERE code = 'no_report'") == []


def test_of_two_496s_of_one_day_and_number_part_3_belongs_to_one_that_counts(load: Load) -> None:
    amended = spending("1", Report_Num="001", Rpt_Date=date(2023, 10, 5))
    town = load(late496=[spending("1"), amended, spending("2")], F496P3_Contributions=[given("a")])
    assert tied(town) == [("a", "2", 1)]


def test_part_3_without_its_496_makes_no_filing(load: Load) -> None:
    town = load(late496=[spending("1")], F496P3_Contributions=[given("a"), given("b", Rpt_Date=date(2023, 11, 1))])
    assert tied(town) == [("a", "1", 1), ("b", None, 1)]
    assert town.query("SELECT report_id FROM filings") == [("1",)]
    assert town.query("SELECT sheet, detail FROM row_issues WHERE code = 'no_report'") == [
        (
            "F496P3-Contributions",
            "Oak PAC (1234567): no 496 dated 2023-11-01, report number 0, is among the reports",
        )
    ]
    assert town.query("SELECT year, filings, rows FROM coverage") == [(2023, 1, 3)]


def test_an_amendment_with_another_last_day_replaces_its_original(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    amended = report(number="001", filed=date(2023, 8, 9), end=date(2023, 6, 29))
    town.drop_rows("2023.xlsx", Year([report(), amended]).rows())
    town.etl()
    assert town.query("SELECT contributions, reports FROM committee_totals") == [(400.0, 1)]
    assert town.one("SELECT SUM(total) FROM top_contributors") == 400.0
    assert town.query("SELECT * FROM row_issues WHERE code IN ('overlapping_periods', 'no_original')") == []


def test_two_reports_that_count_the_same_days_are_named(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    gifts = [Gift("Cole", "Ben", "Oakland", "94611", date(2023, 6, 1), 5.0)]
    later = Report("1234567", "Oak PAC", "001", date(2023, 9, 9), date(2023, 3, 1), date(2023, 8, 31), gifts)
    town.drop_rows("2023.xlsx", Year([report(), later]).rows())
    town.etl()
    assert town.query("SELECT detail FROM row_issues WHERE code = 'overlapping_periods'") == [
        (
            "Oak PAC (1234567): the reports 460 of 2023-01-01 to 2023-06-30 and 2023-03-01 to 2023-08-31 overlap, "
            "and both count",
        )
    ]


def test_an_amendment_of_another_year_is_named(add_town: AddTown) -> None:
    town = add_town("oakland.ca")
    mistyped = report(number="001", filed=date(2023, 8, 9), start=date(2022, 1, 1), end=date(2022, 6, 30))
    alone = report(number="001", filer="7654321", name="Elm PAC")
    town.drop_rows("2023.xlsx", Year([report(), mistyped, alone]).rows())
    town.etl()
    assert town.query("SELECT detail FROM row_issues WHERE code = 'no_original'") == [
        (
            "Oak PAC (1234567): report 460 of 2022-01-01 to 2022-06-30, number 1, amends no loaded report. "
            "If its period is wrong, its original counts too",
        )
    ]


def test_an_amount_that_may_mean_two_is_null_also_where_transactions_share_an_id(load: Load) -> None:
    """Rows that share an id are read back from the raw table, which must have kept the text."""
    cover = {**OAK, "From_Date": date(2023, 1, 1), "Thru_Date": date(2023, 6, 30), "Form_Type": "A", "Tran_ID": "A1"}
    typed = ["1.234", "1e3", "(5.00)", 7.0, "7", 0.0]
    town = load(A_Contributions=[{**cover, "Tran_NamL": f"D{at}", "Tran_Amt1": t} for at, t in enumerate(typed)])
    found = town.query("SELECT amount FROM monetary_contributions ORDER BY last_name")
    assert [amount for (amount,) in found] == [None, None, -5.0, 7.0, 7.0, 0.0]
    raw = town.query('SELECT Tran_Amt1, typeof(Tran_Amt1) FROM "A_Contributions" ORDER BY Tran_NamL')
    assert raw == [(cell, "text" if isinstance(cell, str) else "real") for cell in typed]
    assert town.one("SELECT COUNT(*) FROM row_issues WHERE code = 'bad_amount'") == 2
    assert town.one("SELECT COUNT(DISTINCT id) FROM monetary_contributions") == 6
