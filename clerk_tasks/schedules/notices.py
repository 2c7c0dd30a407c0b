"""Find what happened, and put it into the outbox of the webhooks: beat looks every few seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from clerk.database.clock import database_time, parse_moment
from clerk.database.tables import clerk_meta_table as meta
from clerk.database.transactions import reading, transaction
from clerk.setting_checks import WEBHOOK_EVENTS
from clerk.settings import settings
from clerk_tasks.ledger.causes import fingerprint_of, general_form
from clerk_tasks.ledger.deliveries import NewDelivery, learn_cause, record_deliveries, unknown_causes
from clerk_tasks.ledger.failed import Alike, failed_since
from clerk_tasks.ledger.meta import remember
from clerk_tasks.ledger.news import Notice, failed_runs, published_sites, unfinished_night
from clerk_tasks.ledger.yields import silent_sources

#: The row of `clerk_meta` that says until when events were looked for.
SEEN = "notices_seen_at"
#: How far back the first look goes, and each later one before the last: a transaction may be recorded late.
_OVERLAP = timedelta(minutes=5)
#: How far back a look goes at most: what happened while no beat ran, or no webhook was set.
_FARTHEST = timedelta(days=1)
#: How far back the causes of failures are known from the beginning.
_KNOWN = timedelta(days=30)
#: A run that began less long before the end of the night does not belong to it.
NIGHT_GRACE = timedelta(minutes=30)
#: How long after its end a night is still looked at.
_NIGHT_LOOKS = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Target:
    """An address to deliver to, and the events that it is for."""

    url: str
    events: frozenset[str]
    format: str = "event"

    def delivery(self, notice: Notice, moment: datetime) -> NewDelivery:
        """Return a notice as what is delivered to this address."""
        if self.format == "civic-observer":
            url = f"{self.url.rstrip('/')}/munis/api/update/{notice.subdomain}/"
            payload = civic_observer_payload(notice.data)
        else:
            url = self.url
            payload = {"type": notice.event, "timestamp": moment.isoformat(), "data": notice.data}
        return NewDelivery(notice.key, notice.event, notice.subdomain, url, self.format, payload)

    def wants(self, notice: Notice) -> bool:
        """Return whether an event is for this address."""
        if self.format == "civic-observer" and notice.data.get("database") != "meetings":
            return False
        return notice.event in self.events


def targets() -> list[Target]:
    """Return the addresses that the settings name."""
    found = []
    for address in settings().webhooks:
        url, _, events = address.partition("#")
        found.append(Target(url, frozenset(events.split("+")) - {""} or frozenset(WEBHOOK_EVENTS)))
    if observer := settings().civic_observer:
        found.append(Target(observer, frozenset({"site.published"}), "civic-observer"))
    return found


def civic_observer_payload(site: dict[str, Any]) -> dict[str, Any]:
    """Return a published site as civic-observer takes it (its docs/webhook-api.md); what is not known is left out."""
    updated = parse_moment(site["last_updated"]) if site["last_updated"] else None
    payload = {
        "name": site["name"],
        "state": site["state"],
        "country": "USA" if site["country"] in (None, "", "US") else site["country"],
        "kind": site["kind"],
        "pages": site["pages"] or 0,
        "last_updated": updated and updated.date().isoformat(),
        "latitude": _degrees(site["lat"]),
        "longitude": _degrees(site["lng"]),
    }
    return {name: value for name, value in payload.items() if value is not None}


def _degrees(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def gather(chosen: Sequence[Target], *, silent_too: bool = True) -> int:
    """Look for what happened since the last look, and record each event once; return how many deliveries are new.

    With `silent_too`, look for silent sources, which reads the history of every site.
    """
    with reading() as connection:
        current = database_time(connection)
        seen = connection.execute(select(meta.c.value).where(meta.c.key == SEEN)).scalar()
        last = datetime.fromisoformat(seen) if seen else current
        since = max(last, current - _FARTHEST) - _OVERLAP
        notices = [*failed_runs(connection, since), *published_sites(connection, since)]
        notices += _night(connection, current)
        notices += _silent(connection) if silent_too else ()
        causes = _causes(connection, since)
        news = unknown_causes(connection, causes)
        known = set[str]()
        if not seen:
            before = _causes(connection, current - _KNOWN)
            known = {name for name, cause in before.items() if datetime.fromisoformat(cause["first"]) < since}
    if not (notices or news or known) and current - last < _OVERLAP / 5 and seen:
        return 0
    with transaction() as connection:
        for name in sorted(known):
            learn_cause(connection, name)
        for name in sorted(news - known):
            if learn_cause(connection, name):
                notices.append(Notice(f"failure.new:{name}", "failure.new", causes[name]["subdomain"], causes[name]))
        added = record_deliveries(connection, _deliveries(notices, chosen, current))
        remember(connection, SEEN, current.isoformat())
    return added


def _deliveries(notices: Iterable[Notice], chosen: Sequence[Target], current: datetime) -> Iterator[NewDelivery]:
    for notice in notices:
        yield from (target.delivery(notice, current) for target in chosen if target.wants(notice))


def _causes(connection: Connection, since: datetime) -> dict[str, dict[str, Any]]:
    """Return what failed since then by its fingerprint, each with an example."""
    found: dict[str, dict[str, Any]] = {}
    for kind, rows in zip(("dead_letters", "to_be_retried"), failed_since(connection, since), strict=True):
        for row in rows:
            cause = general_form(row.error, row.subdomain)
            entry = found.setdefault(fingerprint_of(row.job_type, cause), _example(row, cause))
            entry[kind] += row.number
            entry["sites"] = sorted({*entry["sites"], row.subdomain})
            entry["first"] = min(entry["first"], row.first.isoformat())
    return found


def _example(row: Alike, cause: str) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint_of(row.job_type, cause),
        "job_type": row.job_type,
        "cause": cause,
        "dead_letters": 0,
        "to_be_retried": 0,
        "sites": [],
        "first": row.first.isoformat(),
        "error": (row.error or "")[:1000],
        "job": row.newest,
        "subdomain": row.subdomain,
    }


def _silent(connection: Connection) -> list[Notice]:
    return [
        Notice(
            f"source.silent:{silent.subdomain}:{silent.last_new.isoformat()}",
            "source.silent",
            silent.subdomain,
            asdict(silent) | {"last_new": silent.last_new.isoformat(), "looked_at": silent.looked_at.isoformat()},
        )
        for silent in silent_sources(connection)
    ]


def _night(connection: Connection, current: datetime) -> list[Notice]:
    """Return the night that was to be over by now, if it is not."""
    if settings().night_ends is None:
        return []
    ends = last_end_of_night(settings().night_ends or "", current)
    if current - ends > _NIGHT_LOOKS:
        return []
    found = unfinished_night(connection, ends, grace=NIGHT_GRACE)
    return [] if found is None else [found]


def last_end_of_night(text: str, current: datetime) -> datetime:
    """Return when the last night was to end, in UTC, by a setting such as `07:00 America/New_York`."""
    clock, _, zone = text.partition(" ")
    local = current.astimezone(ZoneInfo(zone))
    ends = datetime.combine(local.date(), time.fromisoformat(clock), ZoneInfo(zone))
    if ends > local:
        ends = datetime.combine(local.date() - timedelta(days=1), time.fromisoformat(clock), ZoneInfo(zone))
    return ends.astimezone(UTC)
