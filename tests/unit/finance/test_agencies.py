"""Which agency a site is."""

import json
from typing import Any

import pytest

from clerk.errors import UsageError
from plugins.election_finance.agencies import file_url, known_agencies, shortcut_for


@pytest.mark.parametrize(
    ("subdomain", "shortcut"),
    [
        ("oakland.ca", "COAK"),
        ("oakley.ca", "OAK"),
        ("alameda-county.ca", "COA"),
        ("alameda.ca", None),
        ("sanjose.ca", None),
        ("sanjoaquin-county.ca", "SJC"),
        ("santaana.ca", "CSA"),
        ("orange-county.ca", "COC"),
        ("orange.ca", "COO"),
        ("santaclara-county.ca", "SCC"),
        ("santaclara.ca", "CSC"),
        ("murrieta.ca", "CMA"),
        ("marin-county.ca", "CMAR"),
        ("anaheim.ca", "ANA"),
        ("sf.ca", "SFO"),
    ],
)
def test_the_table_knows_its_traps(subdomain: str, shortcut: str | None) -> None:
    assert shortcut_for(subdomain, None) == shortcut


def test_one_shortcut_is_one_municipality() -> None:
    names: dict[str, set[str]] = {}
    for agency in known_agencies().values():
        if agency.shortcut is None:
            continue
        names.setdefault(agency.shortcut, set()).add(agency.name)
    assert {shortcut: found for shortcut, found in names.items() if len(found) > 1} == {}
    assert len(names) > 200


@pytest.mark.parametrize("extra", ['{"netfile_agency": "xyz"}', {"netfile_agency": " XYZ "}])
def test_what_the_site_says_comes_first(extra: Any) -> None:
    assert shortcut_for("oakland.ca", extra) == "XYZ"


@pytest.mark.parametrize(
    "extra", [None, "", "not json", "[]", "3", "{}", {"netfile_agency": ""}, {"netfile_agency": None}]
)
def test_an_extra_that_says_nothing_leaves_it_to_the_table(extra: Any) -> None:
    assert shortcut_for("oakland.ca", extra) == "COAK"


@pytest.mark.parametrize("shortcut", ["../COAK", "CO AK", "C/K", "?", "A" * 40, 7])
def test_what_is_no_shortcut_never_gets_into_an_address(shortcut: Any) -> None:
    with pytest.raises(UsageError, match="is not a NetFile shortcut"):
        shortcut_for("oakland.ca", json.dumps({"netfile_agency": shortcut}))


def test_addresses() -> None:
    assert (
        file_url("https://h/pub2/excel/", "COAK", 2013)
        == "https://h/pub2/excel/COAKBrowsable/efile_newest_COAK_2013.zip"
    )
    assert file_url("https://h", "SFO", 2013) == "https://h/SFOBrowsable/efile_SFO_2013.zip"
