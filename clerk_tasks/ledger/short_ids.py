"""Short ids of jobs and runs: as much of the beginning as no other has."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Column, Connection, func, select

from clerk.database.literals import batched
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import runs_table as runs

#: The least that is shown of an id, and the least that is accepted, in characters.
SHORTEST, FEWEST = 8, 4
#: How many of the ids that a beginning fits are named.
MOST_LISTED = 3
_LOWEST, _HIGHEST = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
_BEGINNING = re.compile(r"[0-9a-f-]+\Z")


def short_ids(connection: Connection, ids: Sequence[str], *, of: str = "job") -> dict[str, str]:
    """Return {id: how it can be written short} of jobs or of runs.

    The ids before and after it, in their order, share the most with it.
    """
    column = _column(of)
    other = column.table.alias()
    before = select(func.max(other.c.id)).where(other.c.id < column).scalar_subquery()
    after = select(func.min(other.c.id)).where(other.c.id > column).scalar_subquery()
    found: dict[str, str] = {}
    for some in batched(sorted(set(ids))):
        for row in connection.execute(select(column, before, after).where(column.in_(some))):
            shared = max(_shared(row[0], each or "") for each in row[1:])
            found[row[0]] = row[0][: max(shared + 1, SHORTEST)].rstrip("-")
    return found


def beginning_with(connection: Connection, text: str, *, of: str = "job") -> list[str]:
    """Return some of the ids of jobs or of runs that begin with a text, no more than MOST_LISTED and one."""
    column = _column(of)
    query = select(column).order_by(column).limit(MOST_LISTED + 1)
    if of == "job":
        if not _BEGINNING.match(text) or len(text) > len(_LOWEST):
            return []
        size = len(text)
        return list(connection.scalars(query.where(column.between(text + _LOWEST[size:], text + _HIGHEST[size:]))))
    fits = func.substr(column, 1, len(text)) == text
    site = text.partition("_")[0]
    of_site = list(connection.scalars(query.where(runs.c.subdomain == site, fits))) if "_" in text else []
    if connection.dialect.name == "sqlite":  # whose order is that of the characters: by the index
        fits = column.between(text, f"{text}\U0010ffff")
    return of_site or list(connection.scalars(query.where(fits)))


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    same = (at for at, (here, there) in enumerate(zip(one, other, strict=False)) if here != there)
    return next(same, min(len(one), len(other)))


def _column(of: str) -> Column[str]:
    return jobs.c.id if of == "job" else runs.c.id
