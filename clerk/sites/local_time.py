"""The time of day at a site, whatever the server's time zone is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from clerk.errors import UsageError

#: Time zone -> the states and provinces that have it; of two in one state the western, where days end later.
_ZONES = {
    "America/New_York": "CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
    "America/Chicago": "AL AR FL IA IL IN KY LA MI MN MO MS OK TN WI",
    "America/Denver": "CO KS MT ND NE NM SD TX UT WY",
    "America/Phoenix": "AZ",
    "America/Los_Angeles": "CA ID NV OR WA",
    "America/Anchorage": "AK",
    "Pacific/Honolulu": "HI",
    "America/Puerto_Rico": "PR VI",
    "Pacific/Guam": "GU MP",
    "Pacific/Pago_Pago": "AS",
    "America/Halifax": "NB NS PE",
    "America/Toronto": "ON QC",
    "America/Winnipeg": "MB",
    "America/Regina": "SK",
    "America/Edmonton": "AB NT",
    "America/Vancouver": "BC YT",
    "America/St_Johns": "NL",
}
_ZONE_OF_STATE = {state: zone for zone, states in _ZONES.items() for state in states.split()}


def local_time(site: Mapping[str, Any]) -> datetime:
    """Return the time at a site, without a time zone: by the `timezone` of its extra, else by its state.

    In a state that is not known it is the server's time. Raises UsageError for a time zone that does not exist.
    """
    zone = _named_zone(site) or _zone_of_state(site)
    if zone is None:
        return datetime.now()
    try:
        return datetime.now(ZoneInfo(zone)).replace(tzinfo=None)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"{site.get('subdomain')}: the extra's timezone {zone!r} does not exist") from None


def _named_zone(site: Mapping[str, Any]) -> str | None:
    extra = site.get("extra")
    try:
        named = json.loads(extra) if isinstance(extra, str) else extra
    except ValueError:
        return None
    return str(named["timezone"]) if isinstance(named, Mapping) and named.get("timezone") else None


def _zone_of_state(site: Mapping[str, Any]) -> str | None:
    country = str(site.get("country") or "US").upper()
    return _ZONE_OF_STATE.get(str(site.get("state") or "").upper()) if country in ("US", "CA") else None
