"""Pause and resume what operators name, and say what is paused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from clerk import pauses
from clerk.acts import operator, record_act
from clerk.database.transactions import reading, transaction
from clerk.errors import UsageError
from clerk.pauses import EVERYTHING, PAUSABLE, Pause
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger.paused import count_held
from clerk_tasks.operations.job_filters import check_queue
from clerk_tasks.operations.known import check_filters, check_site
from clerk_tasks.schedules.slots import find as find_schedule

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def pause(kind: str, name: str | None, *, reason: str, seconds: float | None) -> Pause:
    """Pause a thing for so many seconds, or until it is resumed.

    Raises UsageError for an unknown kind, a missing or needless name and an empty reason, NotFoundError for a name that
    nothing has, ConflictError if it is paused already.
    """
    if not reason.strip():
        raise UsageError("Give a --reason: who finds it paused reads that.")
    named = _checked_name(kind, name)
    with transaction() as connection:
        made = pauses.pause(connection, kind, named, reason=reason.strip(), by=operator(), seconds=seconds)
        record_act(connection, "pause", made.what, reason=made.reason)
        return made


def resume(kind: str, name: str | None, *, reason: str | None = None) -> Pause:
    """End a pause and return it; UsageError for an unknown kind, NotFoundError if the thing is not paused."""
    _require_kind(kind, name)
    with transaction() as connection:
        ended = pauses.resume(connection, kind, EVERYTHING if kind == "all" else str(name))
        record_act(connection, "resume", ended.what, reason=reason)
        return ended


def list_pauses() -> list[dict[str, Any]]:
    """Return what is paused: `kind`, `name`, `reason`, `by`, `since`, `until` (None: until it is resumed), `waiting`.

    That is the number of available jobs that the pause holds, None for hosts and schedules.
    """
    with reading() as connection:
        return [
            {
                "kind": pause.kind,
                "name": pause.name,
                "reason": pause.reason,
                "by": pause.by,
                "since": pause.since,
                "until": pause.until,
                "waiting": count_held(connection, pause.kind, pause.name),
            }
            for pause in pauses.active_pauses(connection)
        ]


def foresee_pause(kind: str, name: str | None) -> int | None:
    """Return how many available jobs a pause of a thing would hold, None for hosts and schedules.

    Raises UsageError and NotFoundError as `pause` does.
    """
    named = _checked_name(kind, name)
    with reading() as connection:
        return count_held(connection, kind, named)


def _require_kind(kind: str, name: str | None) -> None:
    if kind not in PAUSABLE:
        raise UsageError(f"{kind!r} cannot be paused: name one of {', '.join(PAUSABLE)}.")
    if (kind == "all") != (name is None):
        raise UsageError("`all` takes no name." if name else f"Name the {kind}.")


def _checked_name(kind: str, name: str | None) -> str:
    """Return the name by which a thing is paused, checked; plugins are asked outside of any transaction."""
    _require_kind(kind, name)
    if name is None:
        return EVERYTHING
    if kind == "host":
        _check_host(name)
    elif kind == "schedule":
        find_schedule(name)
    else:
        registry()
        with reading() as connection:
            _CHECKS[kind](connection, name)
    return name


_CHECKS: dict[str, Callable[[Connection, str], object]] = {
    "site": check_site,
    "type": lambda connection, name: check_filters(connection, job_type=name),
    "queue": check_queue,
}


def _check_host(name: str) -> None:
    if not _HOST.fullmatch(name):
        raise UsageError(f"{name!r} is no host: write it in small letters without scheme or port, as legistar.com")
