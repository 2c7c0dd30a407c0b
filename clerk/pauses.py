"""What operators have paused: sites, hosts, queues, job types, schedules, or everything; each with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from clerk.database.clock import now
from clerk.database.tables import pauses_table as pauses
from clerk.errors import ConflictError, NotFoundError

#: What can be paused.
PAUSABLE = ("site", "host", "queue", "type", "schedule", "all")
#: The name of the pause of everything.
EVERYTHING = "everything"


def thing(kind: str, name: str) -> str:
    """Return what a pause of this kind and name holds, as a reader knows it: `site alameda.ca`, or `everything`."""
    return EVERYTHING if kind == "all" else f"{kind} {name}"


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause; `until` None means until it is resumed."""

    kind: str
    name: str
    reason: str
    by: str
    since: datetime | None
    until: datetime | None

    @property
    def what(self) -> str:
        """The thing that is paused, as a reader knows it."""
        return thing(self.kind, self.name)

    def __str__(self) -> str:
        until = "until it is resumed" if self.until is None else f"until {self.until:%Y-%m-%d %H:%M} UTC"
        # Another program may have written a time that cannot be read.
        since = f"since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else "since an unknown time"
        return f"{self.what} is paused by {self.by} {since}, {until}: {self.reason}"


class Paused(NamedTuple):
    """What may not be claimed now."""

    everything: bool = False
    queues: frozenset[str] = frozenset()
    job_types: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()

    def __str__(self) -> str:
        named = (("queue", self.queues), ("type", self.job_types), ("site", self.sites))
        parts = [f"{kind} {name}" for kind, names in named for name in sorted(names)]
        return ", ".join([EVERYTHING] * self.everything + parts) or "nothing"


_ACTIVE = or_(pauses.c.until.is_(None), pauses.c.until > now())
_COLUMNS = (pauses.c.kind, pauses.c.name, pauses.c.reason, pauses.c.by, pauses.c.since, pauses.c.until)
_NAMES = select(pauses.c.kind, pauses.c.name).where(_ACTIVE)


def active_pauses(connection: Connection) -> list[Pause]:
    """Return the pauses that hold now, the oldest first."""
    rows = connection.execute(select(*_COLUMNS).where(_ACTIVE).order_by(pauses.c.since, pauses.c.kind, pauses.c.name))
    return [Pause(*row) for row in rows]


def paused_now(connection: Connection) -> Paused:
    """Return what may not be claimed now."""
    found: dict[str, set[str]] = {kind: set() for kind in PAUSABLE}
    for kind, name in connection.execute(_NAMES):
        found.setdefault(kind, set()).add(name)
    return Paused(bool(found["all"]), *(frozenset(found[kind]) for kind in ("queue", "type", "site")))


def find_pause(connection: Connection, kind: str, name: str) -> Pause | None:
    """Return the pause that holds a thing now, its own or that of everything, or None."""
    both = or_(_is(kind, name), _is("all", EVERYTHING))
    row = connection.execute(select(*_COLUMNS).where(both, _ACTIVE).order_by(pauses.c.since)).first()
    return None if row is None else Pause(*row)


def pause(connection: Connection, kind: str, name: str, *, reason: str, by: str, seconds: float | None) -> Pause:
    """Pause a thing for so many seconds, or until it is resumed; ConflictError if it is paused already."""
    found = connection.execute(select(*_COLUMNS).where(_is(kind, name), _ACTIVE)).first()
    if found is not None:
        raise ConflictError(f"{Pause(*found)} (`clerk-tasks resume` ends that)")
    connection.execute(delete(pauses).where(_is(kind, name)))  # one that has ended
    until = None if seconds is None else now(seconds)
    values = {"kind": kind, "name": name, "reason": reason, "by": by, "since": now(), "until": until}
    connection.execute(insert(pauses).values(values))
    return Pause(*connection.execute(select(*_COLUMNS).where(_is(kind, name))).one())


def resume(connection: Connection, kind: str, name: str) -> Pause:
    """End a pause and return it; NotFoundError if the thing is not paused."""
    found = connection.execute(select(*_COLUMNS).where(_is(kind, name), _ACTIVE)).first()
    if found is None:
        raise NotFoundError(f"{thing(kind, name)} is not paused: see `clerk-tasks pauses`")
    connection.execute(update(pauses).where(_is(kind, name)).values(until=now()))
    return Pause(*found)


def last_end(connection: Connection, kind: str, name: str) -> datetime | None:
    """Return when the last pause of a thing ended, or None."""
    return connection.execute(select(pauses.c.until).where(_is(kind, name), pauses.c.until <= now())).scalar()


def _is(kind: str, name: str) -> ColumnElement[bool]:
    return (pauses.c.kind == kind) & (pauses.c.name == name)
