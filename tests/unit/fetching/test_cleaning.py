"""Text of sources, cleaned where it enters: names that look the same are the same."""

from __future__ import annotations

import json

import pytest

from clerk.fetching.cleaning import clean
from clerk.fetching.layout import safe_name
from clerk.fetching.listing import Meeting, PublishedFile
from tests.integration.fetching.conftest import TODAY

COUNCIL = [
    "City Council",
    "City\u00a0Council",
    "City Council\u200b",
    "City\u00ad Council",
    "\u202eCity Council\u202c",
    "City\tCouncil\x00",
    "\ufeffCity  Council ",
    json.loads('"City Council \\ud83c"'),
]


@pytest.mark.parametrize("text", COUNCIL, ids=ascii)
def test_what_looks_the_same_is_the_same(text: str) -> None:
    assert clean(text) == "City Council"
    assert safe_name(text) == "City Council"
    assert Meeting(text, text, TODAY) == Meeting("City Council", "City Council", TODAY)
    assert PublishedFile("agenda", "http://x", text, text, text).title == "City Council"


def test_an_accent_is_one_character() -> None:
    assert clean("Comite\u0301") == "Comit\u00e9"


@pytest.mark.parametrize("text", ["\u200b", "\ud83c", "\x00", ""], ids=ascii)
def test_a_body_without_a_visible_name_has_a_common_one(text: str) -> None:
    assert Meeting("1", text, TODAY).body == "Meeting"


@pytest.mark.parametrize("text", ["東京都議会", "Ayuntamiento de Peñasco", "مجلس المدينة", "Δήμος 🏛"])
def test_other_scripts_stay(text: str) -> None:
    assert clean(text) == text
