"""Which day it is for a site, on a server in another time zone."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from devtools.city_legistar import event
from devtools.city_site import CitySite
from tests.integration.fetching.conftest import Fetch, publish


def test_tonight_s_agenda_is_wanted_until_midnight_at_the_site(
    city: CitySite, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = datetime.now(ZoneInfo("Pacific/Pago_Pago")).date().isoformat()
    city.events = [event(1, "Council", there, **publish(city, 1, "Agenda", "Tonight", when=there))]
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")  # 25 hours ahead
    time.tzset()
    try:
        assert len(fetch(extra={**city.extra, "timezone": "Pacific/Pago_Pago"}).fetched) == 1
    finally:
        monkeypatch.undo()
        time.tzset()
