"""Which version of a report counts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.election_finance.amendments import DAILY_FORMS, Reason, ReportVersion, overlaps, superseded


def version(name: str, period: tuple[str, str], filed: str, number: int = 0, **other: str) -> ReportVersion:
    who = {"committee_id": "1", "form": "460", "report_id": "", **other}
    return ReportVersion(
        from_date=period[0], thru_date=period[1], report_date=filed, report_num=number, filing_id=name, **who
    )


HALF = ("2013-01-01", "2013-06-30")
QUARTER = ("2013-01-01", "2013-03-31")


def verdicts(*versions: ReportVersion) -> dict[str, tuple[str, str]]:
    return {name: (found.by, found.reason.value) for name, found in superseded(versions).items()}


def test_the_highest_report_number_counts_whenever_it_was_filed() -> None:
    original, amendment = version("o", HALF, "2013-09-01"), version("a", HALF, "2013-08-01", 1)
    assert verdicts(original, amendment) == {"o": ("a", "amended")}


def test_of_two_originals_for_a_period_the_later_counts() -> None:
    assert verdicts(version("a", HALF, "2013-07-24"), version("b", HALF, "2013-07-31")) == {"a": ("b", "refiled")}


def test_a_period_within_a_wider_one_filed_later_is_dropped() -> None:
    narrow, wide = version("n", QUARTER, "2013-04-20"), version("w", HALF, "2013-07-31")
    assert verdicts(narrow, wide) == {"n": ("w", "contained")}


def test_a_period_within_a_wider_one_filed_the_same_day_is_dropped() -> None:
    assert verdicts(version("n", QUARTER, "2013-07-31"), version("w", HALF, "2013-07-31")) == {"n": ("w", "contained")}


def test_a_period_filed_after_the_wider_one_stays() -> None:
    assert verdicts(version("n", QUARTER, "2013-08-01"), version("w", HALF, "2013-07-31")) == {}


def test_partly_overlapping_periods_both_stay() -> None:
    assert verdicts(version("a", HALF, "2013-07-31"), version("b", ("2013-06-01", "2013-12-31"), "2014-01-31")) == {}


@pytest.mark.parametrize(
    "period",
    [
        ("2013-01-01", "2013-06-29"),
        ("2013-01-02", "2013-06-30"),
        ("2013-01-01", "2013-07-01"),
        ("2012-12-31", "2013-06-29"),
        ("2013-02-01", "2013-05-31"),
    ],
)
def test_an_amendment_may_correct_the_period(period: tuple[str, str]) -> None:
    original = version("o", HALF, "2013-07-31")
    assert verdicts(original, version("a", period, "2013-08-09", 1)) == {"o": ("a", "amended")}
    assert verdicts(original, version("a", period, "2013-07-31", 1)) == {"o": ("a", "amended")}


def test_an_amendment_of_an_amendment_may_correct_the_period_back() -> None:
    wrong = ("2013-01-01", "2013-06-29")
    versions = [
        version("o", HALF, "2013-07-31"),
        version("a", wrong, "2013-08-09", 1),
        version("b", HALF, "2013-08-10", 2),
    ]
    assert verdicts(*versions) == {"o": ("b", "amended"), "a": ("b", "amended")}


@pytest.mark.parametrize(
    ("period", "number", "other"),
    [
        (("2013-03-01", "2013-08-31"), 1, {}),  # moved by months
        (("2013-02-01", "2013-07-31"), 0, {}),  # no amendment
        (("2013-07-01", "2013-07-31"), 1, {}),  # the next period
        (("2013-01-02", "2013-07-01"), 1, {"form": "461"}),
        (("2013-01-02", "2013-07-01"), 1, {"committee_id": "2"}),
    ],
)
def test_what_is_no_correction_leaves_both(period: tuple[str, str], number: int, other: dict[str, str]) -> None:
    assert verdicts(version("o", HALF, "2013-07-31"), version("x", period, "2013-08-09", number, **other)) == {}


def test_an_amendment_filed_before_a_report_does_not_correct_it() -> None:
    early = version("a", ("2013-01-02", "2013-07-01"), "2013-07-01", 1)
    assert verdicts(version("o", HALF, "2013-07-31"), early) == {}


def test_reports_that_share_a_day_overlap() -> None:
    half, next_half = version("a", HALF, "2013-07-31"), version("b", ("2013-06-30", "2013-12-31"), "2014-01-31")
    year = version("c", ("2013-01-01", "2013-12-31"), "2013-07-01")
    other = version("d", HALF, "2013-07-31", committee_id="2")
    daily_report = version("e", HALF, "2013-07-31", form="497", report_id="1")
    found = overlaps([half, next_half, year, other, daily_report])
    assert {one.filing_id + two.filing_id for one, two in found} == {"ac", "ab", "cb"}
    after = version("b", ("2013-07-01", "2013-12-31"), "2014-01-31")
    assert list(overlaps([half, after, version("n", ("", "2013-06-30"), "2013-07-31")])) == []


def test_only_the_newest_version_of_the_wider_report_decides() -> None:
    early, late = version("w0", HALF, "2013-07-31"), version("w1", HALF, "2013-02-01", 1)
    narrow = version("n", QUARTER, "2013-04-20")
    assert verdicts(early, late, narrow) == {"w0": ("w1", "amended")}


def test_other_filers_and_other_forms_are_other_reports() -> None:
    assert (
        verdicts(
            version("a", HALF, "2013-07-31"),
            version("b", HALF, "2013-08-31", committee_id="2"),
            version("c", HALF, "2013-09-30", form="465"),
        )
        == {}
    )


def test_a_daily_report_is_known_by_its_id_not_its_period() -> None:
    day, next_day = ("2014-10-20", "2014-10-20"), ("2014-10-22", "2014-10-22")
    original = version("o", day, "2014-10-20", form="497", report_id="229")
    amended = version("a", next_day, "2014-10-22", 1, form="497", report_id="229")
    other = version("x", day, "2014-10-20", form="497", report_id="230")
    spending = version("s", day, "2014-10-20", 2, form="496", report_id="229")
    assert verdicts(original, amended, other, spending) == {"o": ("a", "amended")}


def test_report_ids_start_again_each_year() -> None:
    first = version("a", ("2014-10-20", "2014-10-20"), "2014-10-20", form="497", report_id="1")
    second = version("b", ("2018-10-20", "2018-10-20"), "2018-10-20", form="497", report_id="1")
    assert verdicts(first, second) == {}


def daily(name: str, filed: str, number: int = 0) -> ReportVersion:
    return version(name, ("", ""), filed, number, form="497", report_id="229")


def test_a_daily_report_may_be_amended_after_new_year() -> None:
    first, amended = daily("o1", "2014-12-30"), daily("a1", "2015-01-05", 1)
    assert verdicts(first, amended) == {"o1": ("a1", "amended")}
    second, amended_again = daily("o2", "2015-10-20"), daily("a2", "2016-01-02", 1)
    assert verdicts(first, amended, second) == {"o1": ("a1", "amended")}
    assert verdicts(first, amended, second, amended_again) == {"o1": ("a1", "amended"), "o2": ("a2", "amended")}


def test_amendments_whose_original_is_not_there_are_a_report_of_their_own() -> None:
    """So it is with those of January, in the files of a site that begins with that year."""
    amended, again, next_report = daily("a1", "2015-01-05", 1), daily("a2", "2015-01-09", 2), daily("o", "2015-10-20")
    assert verdicts(amended, again, next_report) == {"a1": ("a2", "amended")}


def test_daily_reports_without_an_id_all_count() -> None:
    day = ("2014-10-20", "2014-10-20")
    assert (
        verdicts(*(version(name, day, "2014-10-20", number, form="496") for name, number in [("a", 0), ("b", 1)])) == {}
    )


def test_reports_without_a_period_contain_nothing() -> None:
    assert verdicts(version("a", ("", "2013-12-31"), "2014-01-31"), version("b", HALF, "2013-07-31")) == {}


days = st.sampled_from(
    ["", "2013-01-01", "2013-01-02", "2013-03-31", "2013-06-29", "2013-06-30", "2013-12-31", "2014-01-15"]
)
histories = st.builds(
    lambda filer, form, start, end, number, filed, report_id: ReportVersion(
        *(filer, form, start, end, number, filed, report_id),
        filing_id=f"{filer}/{form}/{start}/{end}/{number}/{filed}/{report_id}",
    ),
    st.sampled_from("AB"), st.sampled_from(["460", "461", "497"]), days, days, st.integers(0, 2), days,
    st.sampled_from(["", "1", "2"]),
)  # fmt: skip
filed = st.lists(histories, unique=True, max_size=14)


def current(versions: list[ReportVersion]) -> list[ReportVersion]:
    return [each for each in versions if each.filing_id not in superseded(versions)]


@given(filed, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(versions: list[ReportVersion], random: object) -> None:
    shuffled = list(versions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert superseded(shuffled) == superseded(versions)


@given(filed)
def test_what_counts_counts_still_when_the_rest_is_gone(versions: list[ReportVersion]) -> None:
    """Not so with daily reports: an amendment without its original belongs to what was filed before it."""
    assert superseded(v for v in current(versions) if v.form not in DAILY_FORMS) == {}


@given(filed)
def test_one_version_of_a_period_counts_at_most(versions: list[ReportVersion]) -> None:
    periods = [
        (v.committee_id, v.form, v.from_date, v.thru_date) for v in current(versions) if v.form not in DAILY_FORMS
    ]
    assert len(periods) == len(set(periods))


@given(filed)
def test_no_counting_period_lies_within_one_filed_later(versions: list[ReportVersion]) -> None:
    reports = [v for v in current(versions) if v.form not in DAILY_FORMS and v.from_date and v.thru_date]
    by_width = sorted(reports, key=lambda v: (v.committee_id, v.form, v.from_date, v.thru_date))
    for one, other in pairwise(by_width):
        same_start = (one.committee_id, one.form, one.from_date) == (other.committee_id, other.form, other.from_date)
        assert not same_start or other.report_date < one.report_date


@given(filed)
def test_every_superseded_version_leads_to_one_that_counts(versions: list[ReportVersion]) -> None:
    found = superseded(versions)
    for filing_id in found:
        steps = 0
        while filing_id in found:
            filing_id, steps = found[filing_id].by, steps + 1
            assert steps <= 4, "amended with its period, corrected for each higher number, contained: at most"
        assert filing_id in {each.filing_id for each in versions}


@given(filed)
def test_one_filer_has_no_say_about_another(versions: list[ReportVersion]) -> None:
    apart = [superseded(v for v in versions if v.committee_id == filer) for filer in "AB"]
    assert apart[0] | apart[1] == superseded(versions)


@given(filed, st.data())
def test_an_amendment_takes_the_place_of_what_it_amends(versions: list[ReportVersion], data: st.DataObject) -> None:
    reports = [v for v in current(versions) if v.form == "460"]
    if not reports:
        return
    old = data.draw(st.sampled_from(reports))
    new = ReportVersion(old.committee_id, old.form, old.from_date, old.thru_date, 9, old.report_date, "", "new")
    found = superseded([*versions, new])
    assert found[old.filing_id].by == "new"
    assert found[old.filing_id].reason is Reason.AMENDED
    assert "new" not in found
