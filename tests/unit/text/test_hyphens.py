"""Words that are broken at the end of a line are found by a search."""

import pytest

from clerk.text.hyphens import rejoined, rejoined_across
from clerk.text.layer import tidy

BROKEN = {
    "in small letters": ("a hearing on trans-\nportation and fees", "a hearing on transportation\nand fees"),
    "in capitals": ("PUBLIC TRANS-\nPORTATION FEES", "PUBLIC TRANSPORTATION\nFEES"),
    "soft hyphen": ("trans\u00ad\nportation", "transportation"),
    "soft hyphen inside a line": ("trans\u00adportation", "transportation"),
    "sign in place of a soft hyphen": ("trans\u00ac\nPortation", "transPortation"),
    "hyphen of Unicode": ("trans\u2010\nportation", "transportation"),
    "twice": ("trans-\nporta-\ntion, and", "transportation,\nand"),
    "before the end of a sentence": ("the fees are permit-\nted. Next", "the fees are permitted.\nNext"),
    "with spaces": ("trans- \n  portation and\nfees", "transportation\nand\nfees"),
    "before an empty line, as OCR has it": ("trans-\n\nportation", "transportation"),
    "accents": ("la admi-\nnistración pública", "la administración\npública"),
    "compound": ("a long-\nterm plan", "a long-term\nplan"),
    "compound by its first part": ("a self-\ninsured city", "a self-insured\ncity"),
    "compound that the page has elsewhere": (
        "mixed-income housing, and mixed-\nincome lots",
        "mixed-income housing, and mixed-income\nlots",
    ),
}


@pytest.mark.parametrize(("text", "whole"), BROKEN.values(), ids=BROKEN)
def test_a_broken_word_is_put_together(text: str, whole: str) -> None:
    assert rejoined(text) == whole
    assert rejoined(whole) == whole


@pytest.mark.parametrize(
    "text",
    [
        "Council member Garcia-\nThompson moved",
        "Ordinance 2026-\n17 was read",
        "Item 4 -\nbudget",
        "A total of 5-\nand more",
        "one\n- two\n- three",
        "the end of a page-",
        "trans-\n\n\nportation",
    ],
)
def test_other_hyphens_stay(text: str) -> None:
    assert rejoined(text) == text


def test_what_pdfium_says_of_a_line_end_is_a_hyphen_and_a_line_end() -> None:
    assert rejoined(tidy("trans\ufffeportation and\r\nfees permit\ufffe\r\nted")) == (
        "transportation\nand\nfees permitted"
    )


@pytest.mark.parametrize(
    ("first", "second", "whole", "rest"),
    [
        ("the trans-", "portation plan", "the transportation", "plan"),
        ("the trans-\nPage 3 of 7\n", "portation.\nAyes: all", "the transportation.\nPage 3 of 7\n", "Ayes: all"),
        ("the trans- \n\n- 3 -", "portation", "the transportation\n\n- 3 -", ""),
        ("a long-term plan for long-", "term care", "a long-term plan for long-term", "care"),
    ],
)
def test_a_word_that_a_page_breaks_is_whole_on_the_first(first: str, second: str, whole: str, rest: str) -> None:
    assert rejoined_across(first, second) == (whole, rest)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Council member Garcia-", "Thompson moved"),
        ("Ordinance 2026-", "17 was read"),
        ("Item 4 -", "budget"),
        ("trans-\nCity of Example", "portation"),
        ("trans-", ""),
        ("", "portation"),
    ],
)
def test_pages_that_break_no_word_stay(first: str, second: str) -> None:
    assert rejoined_across(first, second) == (first, second)
