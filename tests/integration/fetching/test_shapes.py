"""What sources and operators write in a shape that it should not have: said in one line, and nobody else's trouble."""

from __future__ import annotations

import math
from typing import Any

import pytest

from clerk.errors import UsageError
from devtools.city_legistar import event
from devtools.city_site import CLIENT, CitySite, as_json
from tests.integration.fetching.conftest import Fetch, ago, publish

BAD_ROWS: tuple[Any, ...] = (
    {"EventId": None},
    {"EventDate": None},
    {"EventDate": "soon"},
    {"EventMinutesFile": 7},
    {"EventBodyName": None},
    {"EventBodyName": "***"},
    "no row",
    None,
)


def test_a_row_that_cannot_be_read_costs_no_other(
    city: CitySite, fetch: Fetch, caplog: pytest.LogCaptureFixture
) -> None:
    good = [event(n, "Council", ago(9), **publish(city, n, "Minutes", f"{n}", when=ago(2))) for n in range(9)]
    bad = [
        {**row, **change} if isinstance(change, dict) else change for row, change in zip(good, BAD_ROWS, strict=False)
    ]
    del bad[0]["EventBodyName"]
    city.routes[f"/v1/{CLIENT}/events"] = lambda request: as_json([*bad, good[8]] if "skip=0" in request.path else [])
    report = fetch()
    day = ago(9)
    assert sorted(report.fetched) == [
        f"Council/{day}.2 (minutes)",  # the first has an address that is none
        f"Meeting/{day} (minutes)",
        f"Meeting/{day}.2 (minutes)",
    ]
    left_out = [record for record in caplog.records if "a row of the list is left out" in record.getMessage()]
    assert len(left_out) == 5


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"client": ""}, r'needs {"client": "…"}'),
        ({}, r'needs {"client": "…"}'),
        ({"client": "x", "mode": "fax"}, "not 'fax'"),
        ({"client": "x", "limits": {"pause": "2"}}, "limit pause is '2': give a number"),
        ({"client": "x", "limits": {"attempts": True}}, "limit attempts is True: give a number"),
        ({"client": "x", "limits": {"longest_wait": math.nan}}, "limit longest_wait is nan: give a number"),
        ({"client": "x", "limits": {"size": -1}}, "limit size is -1: give a number"),
        ({"client": "x", "limits": {"speed": 1}}, "limits are size, total_time"),
        ({"client": "x", "limits": None}, "limits are size, total_time"),
    ],
)
def test_what_the_extra_lacks_is_named(fetch: Fetch, extra: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        fetch(extra=extra)
