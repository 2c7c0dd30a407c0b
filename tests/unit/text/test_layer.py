"""Which text layers are believed, and what becomes of their characters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk.text.layer import is_sane, size, tidy, words

ENGLISH = "The council approved the minutes of the previous meeting, and heard three speakers on the water rates. " * 3

SANE = {
    "nothing": "",
    "one line": "Page 3 of 7",
    "English": ENGLISH,
    "Spanish": "El Senado aprobó las enmiendas al proyecto según el informe de la Comisión de Hacienda. " * 3,
    "Chinese": "市議會批准了上次會議的記錄並聽取了三位居民關於水費的意見" * 5,
    "numbers": "12,345.67 89.10 11/12/2026 (4,567) 8 9 10 $1,000\n" * 30,
    "table of contents": "1. Call to order ........................... 3\n2. Roll call . . . . . . . . . . . . . 4\n"
    * 9,
    "form": "Name: ______________________ Date: ____________\n" * 9,
    "capitals": "RESOLUTION NO. 2026-17 OF THE CITY COUNCIL OF THE CITY OF ALAMEDA " * 4,
}

INSANE = {
    "private characters": "\ue001\ue002\ue003 \ue004\ue005" * 20,
    "replacements": "M\ufffd\ufffdting of th\ufffd C\ufffdty C\ufffdunc\ufffdl",
    "control characters": "\x03\x04\x05 \x06\x07" * 20,
    "signs": "!\"#$ %&'() *+,-. /:;<= >?@[\\" * 10,
    "shifted letters": "".join(chr(ord(char) - 29) if char.isalpha() else char for char in ENGLISH),
    "next letters": "".join(chr(ord(char) + 1) if char in "aeiou" else char for char in ENGLISH),
    "letters apart": " ".join(ENGLISH.replace(" ", "")),
}


@pytest.mark.parametrize("text", SANE.values(), ids=SANE)
def test_writing_is_sane(text: str) -> None:
    assert is_sane(text)


@pytest.mark.parametrize("text", INSANE.values(), ids=INSANE)
def test_glyph_numbers_are_not(text: str) -> None:
    assert not is_sane(text)


def test_tidy_text_can_be_searched() -> None:
    assert tidy("of\ufb01ce\r\nco\ufffe\r\noperate\x00\x0c\rend\tof\u00a0it") == "office\nco-\noperate\nend\tof\u00a0it"


@given(st.text())
def test_tidy_text_is_plain_and_stays_so(text: str) -> None:
    once = tidy(text)
    assert tidy(once) == once
    assert {unicodedata.category(char) for char in once if char not in "\n\t"}.isdisjoint({"Cc", "Cs"})
    assert once.encode().decode() == once


def test_words_and_size() -> None:
    assert words("A man, a plan: año 2026") == 3
    assert size(" a b\n c ") == 3
