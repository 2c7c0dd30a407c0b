"""Checks of values of settings: each returns the value, or raises a ValueError that says what is wrong with it."""

from __future__ import annotations

from base64 import b64decode
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

#: What webhooks are about.
WEBHOOK_EVENTS = ("run.failed", "failure.new", "site.published", "source.silent", "night.unfinished")


def check_timezone(name: str) -> str:
    """Check a time zone's name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("not a time zone; one is named as in America/Los_Angeles") from None
    return name


def check_web_address(url: str) -> str:
    """Check a web address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("not a web address; it begins with https:// or http://, and names a host")
    return url


def _is_inside(host: str) -> bool:
    """Return whether a host is, as it is written, inside the machine or its network."""
    with suppress(ValueError):
        return not ip_address(host).is_global
    return host == "localhost" or host.endswith(".localhost")


def check_webhook(address: str, *, private: bool) -> str:
    """Check a webhook: a web address, and after # the events that it is for, with + between them."""
    url, _, events = address.partition("#")
    host = urlsplit(check_web_address(url)).hostname or ""
    if unknown := sorted(set(events.split("+")) - {*WEBHOOK_EVENTS, ""}):
        raise ValueError(f"no such event: {', '.join(unknown)}; there are {', '.join(WEBHOOK_EVENTS)}")
    if not private and _is_inside(host):
        raise ValueError(f"{host} is inside this machine or network: CLERK_WEBHOOKS_PRIVATE=1 allows that")
    return address


def check_secret(text: str) -> str:
    """Check a secret: any text, or base64 after whsec_."""
    if text.startswith("whsec_"):
        try:
            b64decode(text.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise ValueError("what follows whsec_ is not base64") from None
    return text


def check_time_of_day(text: str) -> str:
    """Check a time of day, perhaps with its time zone; return it with one, by default UTC."""
    clock, _, zone = text.strip().partition(" ")
    try:
        datetime.strptime(clock, "%H:%M")
    except ValueError:
        raise ValueError(
            "not a time of day; one is written 07:00, or with its time zone 07:00 America/New_York"
        ) from None
    return f"{clock} {check_timezone(zone.strip() or 'UTC')}"
