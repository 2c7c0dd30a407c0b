"""Names, addresses, charts and passages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clerk.reading.addresses import address, web_address, words
from clerk.reading.pages.charts import bars, month_columns
from clerk.reading.pages.passages import CLOSE, OPEN, marked
from clerk.reading.pages.web import dollars, number
from clerk.reading.published import database_name

subdomains = st.from_regex(r"[ab](-{0,2}[ab]){0,2}(\.[ab](-[ab])?){0,1}", fullmatch=True)


@settings(max_examples=50)
@given(subdomains, subdomains, st.sampled_from(["meetings", "finance"]), st.sampled_from(["meetings", "finance"]))
def test_no_two_databases_share_a_name(one: str, other: str, kind: str, another: str) -> None:
    same = (one, kind) == (other, another)
    assert (database_name(one, kind) == database_name(other, another)) is same


def test_a_database_is_named_by_its_city() -> None:
    assert database_name("alameda.ca", "meetings") == "alameda-ca-meetings"


@pytest.mark.parametrize(
    "given", ["javascript:alert(1)", "java\nscript:x", "data:text/html,x", "//evil", "ftp://x/", "http://[", None, 7]
)
def test_an_address_that_is_not_of_the_web_is_no_link(given: object) -> None:
    assert web_address(given) is None


def test_addresses_are_encoded() -> None:
    assert web_address("https://city.gov/a.pdf?x=1") == "https://city.gov/a.pdf?x=1"
    assert address("city", 'a/"b', q="c&d", empty="", none=None) == "/city/a%2F%22b?q=c%26d"


def test_a_passage_is_escaped_and_only_the_search_marks_words() -> None:
    text = f"<b>{OPEN}bud<get{CLOSE}</b> {CLOSE}{OPEN} x"
    assert str(marked(text)) == "&lt;b&gt;<mark>bud&lt;get</mark>&lt;/b&gt;  x"


def test_months_without_money_are_drawn_empty() -> None:
    drawn = month_columns([("2024-11", 50.0), ("2025-01", 100.0), ("2025-99", 7.0), ("none", 1.0)])
    assert [(column.month, column.height, column.year) for column in drawn] == [
        ("2024-11", 60.0, "2024"),
        ("2024-12", 0.0, ""),
        ("2025-01", 120.0, "2025"),
    ]
    assert len(month_columns([("1999-01", 1.0), ("2025-01", 2.0)])) == 36
    assert month_columns([]) == []


def test_bars_are_shares_of_the_largest_and_returns_have_none() -> None:
    drawn = bars([("A" * 40, 200.0), ("B", 50.0), ("C", -10.0), ("D", None)])
    assert [bar.width for bar in drawn] == [100.0, 25.0, 0.0, 0.0]
    assert (drawn[0].label, drawn[2].text) == ("A" * 29 + "…", "-$10.00")
    assert bars([("A", 0.0)])[0].width == 0.0


def test_words_and_numbers() -> None:
    assert [words(name) for name in ("PlanningCommission", "ABAGBoard", "Ward2Council")] == [
        "Planning Commission",
        "ABAG Board",
        "Ward2 Council",
    ]
    assert (dollars(1234.5), dollars(None)) == ("$1,234.50", "")
    assert [number(text) for text in ("7", "0", "-1", "x", None, "9" * 30)] == [7, 1, 1, 1, 1, 1]
