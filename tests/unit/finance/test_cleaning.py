"""Cells as they really come."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.election_finance import cleaning
from plugins.election_finance.cleaning import Cell


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        (100.0, "100.00"),
        (250, "250.00"),
        (0.1 + 0.2, "0.30"),
        (2.675, "2.68"),
        ("$-100.00", "-100.00"),
        ("$ 1,234.50", "1234.50"),
        ("- 100", "-100.00"),
        ("12 34", None),
        ("1,234.5", "1234.50"),
        ("(1,234.50)", "-1234.50"),
        (-0.001, "0.00"),
        ("", None),
        ("  ", None),
        (None, None),
        ("n/a", None),
        ("inf", None),
        (float("nan"), None),
        (True, None),
        ("2020-01-01", None),
        ("9" * 40, None),
        ("(100.00)", "-100.00"),
        ("$(10.00)", "-10.00"),
        ("($10.00)", "-10.00"),
        ("$ (10.00)", "-10.00"),
        ("(-100.00)", "-100.00"),
        ("100.00-", "-100.00"),
        ("$1,234.50-", "-1234.50"),
        ("-$5", "-5.00"),
        ("$ -5", "-5.00"),
        ("\u2212 5", "-5.00"),
        ("+5", "5.00"),
        ("\u202d5.00\u202c", "5.00"),
        ("5\xa0", "5.00"),
        ("1,234,567.895", "1234567.90"),
        ("100.", "100.00"),
        (".5", "0.50"),
        ("0.125", "0.13"),
        ("1234.567", "1234.57"),
        (1.234, "1.23"),
        ("1.234,50", "1234.50"),
        ("(1.234.567,5)", "-1234567.50"),
        ("1.234.567", "1234567.00"),
        *(
            (unclear, None)
            for unclear in (
                *(
                    "1.234",
                    "1,2,3",
                    "12,34",
                    "100,50",
                    "1234,50",
                    "1,23,456",
                    "1,234,56",
                    "0,123",
                    "1.23.4",
                    "1,234.5,0",
                ),
                *(
                    "1.234,567",
                    "1.234.50",
                    "1,234 .50",
                    "1 234.50",
                    "1'234.50",
                    "1_000",
                    "1e3",
                    "0x10",
                    "\u0661\u0662",
                    "\uff11\uff10",
                ),
                *(
                    "--5",
                    "-5-",
                    "-(5)",
                    "(5",
                    "5)",
                    "((5))",
                    "(+5)",
                    "()",
                    "$",
                    "-",
                    "$$5",
                    "$($5)",
                    "5$",
                    "5 USD",
                    "€5",
                ),
                *("5%", "5CR", "=5", "'5", ",", ".", "5/6", "(5)-"),
            )
        ),
    ],
)
def test_money(cell: Cell, amount: str | None) -> None:
    found = cleaning.money(cell)
    assert found == (None if amount is None else Decimal(amount))
    assert found is None or not found.is_signed() or found < 0


@pytest.mark.parametrize(
    ("cell", "iso"),
    [
        ("2013-07-31", "2013-07-31"),
        ("2013-07-31T23:59:00", "2013-07-31"),
        ("12:30:00", None),
        (41486.0, "2013-07-31"),
        ("41486", "2013-07-31"),
        ("09/06/2019", "2019-09-06"),
        ("9/6/19", "2019-09-06"),
        ("1/2/99", "1999-01-02"),
        ("2015-01-07T00:00:00.0000000-08:00", "2015-01-07"),
        ("20150107", "2015-01-07"),
        (20150107.0, "2015-01-07"),
        ("2015-02-30", None),
        ("13/45/2019", None),
        ("0213-05-01", None),
        ("soon", None),
        ("", None),
        (None, None),
        (-3.0, None),
        (1e300, None),
        (True, None),
        (2013.0, None),
        ("2013", None),
        ("41486.75", "2013-07-31"),
        ("9" * 400, None),
    ],
)
def test_dates(cell: Cell, iso: str | None) -> None:
    assert cleaning.iso_date(cell) == iso


@pytest.mark.parametrize("cell", [40024.0, "40024", 40024.5, "7/31/2013", "20130731", 20130731.0])
def test_serial_numbers_count_from_the_workbooks_epoch(cell: Cell) -> None:
    assert cleaning.iso_date(cell, date(1904, 1, 1)) == "2013-07-31"


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("A\x00B\x1bC\x7f\x85D", "ABC D"),
        ("\u202eevil\u202c \u2066x\u2069\u200f", "evil x"),
        ("Oak\u200b\ufeff\u2060\xadPAC", "OakPAC"),
        ("Oak\xa0\u2003\tPAC\u2028", "Oak PAC"),
        ("Jose\u0301", "Jos\xe9"),
        ("a\ud800b", "ab"),
        ("\u200b\x01", None),
    ],
)
def test_text_is_what_a_person_sees(cell: Cell, shown: str | None) -> None:
    assert cleaning.text(cell) == shown


@given(st.dates(date(1950, 1, 1), date(2090, 12, 31)))
def test_every_way_of_writing_a_date_is_the_same_date(day: date) -> None:
    serial = float((day - date(1899, 12, 30)).days)
    written: list[Cell] = [serial, day.isoformat(), f"{day.month}/{day.day}/{day.year}", f"{day:%Y%m%d}"]
    assert {cleaning.iso_date(cell) for cell in written} == {day.isoformat()}


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none()))
def test_no_cell_is_too_strange_to_clean(cell: Cell) -> None:
    for clean in (cleaning.text, cleaning.money, cleaning.iso_date, cleaning.postcode, cleaning.yes, cleaning.rate):
        clean(cell)
    assert cleaning.report_number(cell) >= 0
    assert cleaning.is_memo(cell) in (0, 1)
    assert cleaning.committee_key(cell, "Somebody")


@pytest.mark.parametrize(
    ("cell", "number"),
    [("000", 0), ("001", 1), ("1", 1), (1.0, 1), ("2.0", 2), ("", 0), (None, 0), ("012", 12), ("x", 0)],
)
def test_report_numbers(cell: Cell, number: int) -> None:
    assert cleaning.report_number(cell) == number


@pytest.mark.parametrize("nobody", ["Pending", "PENDING", "Applied", "N/A", "", None, "  ", "#", "0", "000000", "-"])
def test_a_word_for_no_id_is_keyed_with_the_name(nobody: Cell) -> None:
    one, other = (cleaning.committee_key(nobody, name) for name in ("Friends of Oak", "Oak  PAC"))
    assert one == "pending:friends of oak"
    assert other == "pending:oak pac"


@pytest.mark.parametrize(
    ("cell", "key", "state_id"),
    [
        ("1310647", "1310647", "1310647"),
        (1310647.0, "1310647", "1310647"),
        ("#1234567", "1234567", "1234567"),
        (" 983545 ", "983545", "983545"),
        ("S10088", "S10088", None),
        ("s10088", "S10088", None),
        ("99-1330", "99-1330", None),
        ("CSHA-113892", "CSHA-113892", None),
    ],
)
def test_ids_are_ids_however_they_are_written(cell: Cell, key: str, state_id: str | None) -> None:
    assert cleaning.committee_key(cell, "Any") == key
    assert cleaning.fppc_id(key) == state_id


@pytest.mark.parametrize(
    ("cell", "zip_code"),
    [
        ("94611", "94611"),
        ("94618-1113", "94618"),
        ("946181113", "94618"),
        ("92102`", "92102"),
        ("94605-", "94605"),
        ("2138", "02138"),
        (2138.0, "02138"),
        (94611.0, "94611"),
        ("M4J 3L2", "M4J 3L2"),
        ("m4j 3l2", "M4J 3L2"),
        ("", None),
    ],
)
def test_postcodes(cell: Cell, zip_code: str | None) -> None:
    assert cleaning.postcode(cell) == zip_code


def test_names_are_put_together_as_one_says_them() -> None:
    assert cleaning.person("Tagami", "Phillip H.") == "Phillip H. Tagami"
    assert cleaning.person("Cole", "Nat", "Jr") == "Nat Cole Jr"
    assert cleaning.person("  Safeway  Inc ", "") == "Safeway Inc"
    assert cleaning.person(None, " ") is None


def test_names_compare_equal_whatever_case_comma_or_lost_character() -> None:
    spellings = ["Safeway, Inc.", "SAFEWAY  INC", "Safeway ? Inc", "safeway inc"]
    assert {cleaning.normal_name(name) for name in spellings} == {"safeway inc"}
    assert {cleaning.normal_name(name) for name in ("O'Brien & Müller", "O\u2019BRIEN, MULLER")} == {"obrien muller"}


def test_names_without_a_latin_letter_are_not_one_name() -> None:
    names = ["???", "?? ??", "中文", "日本", "中文 PAC", "日本 PAC", "...", "Иван", "Анна"]
    assert len({cleaning.normal_name(name) for name in names}) == len(names)
    assert len({cleaning.committee_key("Pending", name) for name in names}) == len(names)
    assert cleaning.normal_name(" ??  ?? ") == "?? ??"
    assert cleaning.normal_name("ИВАН") == cleaning.normal_name("Иван")
    assert cleaning.normal_name(" ") == cleaning.normal_name(None) == ""


def test_only_a_literal_x_marks_a_memo() -> None:
    assert [cleaning.is_memo(cell) for cell in ("X", "x", "PAY9", "", None, False)] == [1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("cell", "percent"), [("0.00%", 0.0), ("5", 5.0), ("5.5 %", 5.5), (".5", 0.5), ("prime + 1", None), ("", None)]
)
def test_rates(cell: Cell, percent: float | None) -> None:
    assert cleaning.rate(cell) == percent


def test_places_compare_equal_with_or_without_their_rank() -> None:
    spellings = ["Oakland", "OAKLAND", "City of Oakland", "Oakland, City of"]
    assert {cleaning.place_name(name) for name in spellings} == {"oakland"}


def test_self_employment_marks() -> None:
    assert [cleaning.yes(cell) for cell in ("y", "Y", "X", True, "n", "0", "", None)] == [1, 1, 1, 1, 0, 0, None, None]
