"""The day of a site, on a server in another time zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clerk.errors import UsageError
from clerk.sites.local_time import local_time


def hours_from(zone: str, found: datetime) -> float:
    """Return how many hours a time without a zone is away from the time of a zone."""
    return abs(found - datetime.now(ZoneInfo(zone)).replace(tzinfo=None)) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("site", "zone"),
    [
        ({"state": "CA"}, "America/Los_Angeles"),
        ({"state": "ny", "country": "us"}, "America/New_York"),
        ({"state": "HI", "extra": None}, "Pacific/Honolulu"),
        ({"state": "BC", "country": "CA", "extra": "damaged {"}, "America/Vancouver"),
        ({"state": "CA", "extra": '{"timezone": "Asia/Tokyo"}'}, "Asia/Tokyo"),
        ({"state": "CA", "extra": {"timezone": "Asia/Tokyo"}}, "Asia/Tokyo"),
    ],
)
def test_the_time_is_that_of_the_site(site: dict[str, Any], zone: str) -> None:
    assert hours_from(zone, local_time(site)) < 0.1


@pytest.mark.parametrize("site", [{}, {"state": "CA", "country": "DE"}, {"state": "Bavaria"}])
def test_where_the_zone_is_not_known_it_is_the_server_s(site: dict[str, Any]) -> None:
    assert abs(local_time(site) - datetime.now()) < timedelta(minutes=1)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd"])
def test_a_time_zone_that_does_not_exist_is_named(zone: str) -> None:
    with pytest.raises(UsageError, match="timezone"):
        local_time({"subdomain": "x.ca", "extra": {"timezone": zone}})
