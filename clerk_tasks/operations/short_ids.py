"""Ids as operators write them: whole, or as much of the beginning as no other id has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs
from clerk.database.transactions import reading
from clerk.errors import UsageError
from clerk_tasks.ledger import short_ids as ledger


def full_job_id(text: str) -> str:
    """Return the id of the job that begins with a text, or the text; UsageError if several do."""
    return full_job_ids([text])[0]


def full_job_ids(texts: Sequence[str]) -> list[str]:
    """Return the ids of the jobs that begin with these texts; UsageError if one fits several."""
    return _full(texts, of="job")


def full_run_id(text: str) -> str:
    """Return the id of the run that begins with a text, or the text; UsageError if several do."""
    return _full([text], of="run")[0]


def _full(texts: Sequence[str], *, of: str) -> list[str]:
    with reading() as connection:
        return [_of_one(connection, text, of) for text in texts]


def _of_one(connection: Connection, text: str, of: str) -> str:
    column = jobs.c.id if of == "job" else runs.c.id
    if len(text) < ledger.FEWEST or connection.execute(select(column).where(column == text)).first():
        return text
    found = ledger.beginning_with(connection, text, of=of)
    if len(found) > 1:
        more = " …" if len(found) > ledger.MOST_LISTED else ""
        listed = ", ".join(found[: ledger.MOST_LISTED]) + more
        raise UsageError(f"Several {of}s begin with {text!r}: {listed}. Write more of the id.")
    return found[0] if found else text


def short_job_ids(ids: Iterable[str | None]) -> dict[str, str]:
    """Return {id: the beginning of it that no other job has}."""
    with reading() as connection:
        return ledger.short_ids(connection, [each for each in ids if each])


def short_run_ids(ids: Iterable[str | None]) -> dict[str, str]:
    """Return {id: the beginning of it that no other run has}."""
    with reading() as connection:
        return ledger.short_ids(connection, [each for each in ids if each], of="run")
