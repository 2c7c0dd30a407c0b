"""What attempts have said: lines, kept in parts, the oldest dropped where there are too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Integer, SmallInteger, Text, bindparam, delete, exists, insert, select

from clerk.database.tables import attempt_logs_table as logs
from clerk.database.tables import jobs_table as jobs


class Line(NamedTuple):
    """One line: when its worker read it, its level (OUTPUT of what was printed), and the text, without secrets."""

    at: datetime
    level: str
    text: str

    def __str__(self) -> str:
        """Return the line as it is stored."""
        return f"{self.at.isoformat(timespec='milliseconds')}\t{self.level}\t{self.text}"


class LogPart(NamedTuple):
    """Some lines of an attempt; the first one's number, from 0, and their size in characters."""

    first_line: int
    lines: Sequence[Line]
    size: int


_KEY = (
    logs.c.job_id == bindparam("b_job", type_=Text),
    logs.c.attempt == bindparam("b_attempt", type_=SmallInteger),
)
# Of a job that is there, and once: the answer of a commit may be lost.
_APPEND = insert(logs).from_select(
    ["job_id", "attempt", "first_line", "lines"],
    select(
        bindparam("b_job", type_=Text),
        bindparam("b_attempt", type_=SmallInteger),
        bindparam("b_first", type_=Integer),
        bindparam("b_lines", type_=Text),
    ).where(
        exists().where(jobs.c.id == bindparam("b_job", type_=Text)),
        ~exists().where(*_KEY, logs.c.first_line == bindparam("b_first", type_=Integer)),
    ),
)
_DROP = delete(logs).where(*_KEY, logs.c.first_line < bindparam("b_keep", type_=Integer))


def append(connection: Connection, job_id: str, attempt: int, parts: Sequence[LogPart], *, keep: int | None) -> None:
    """Add parts to an attempt's log; drop those before the line `keep`. Nothing is added to a job that is gone."""
    key = {"b_job": job_id, "b_attempt": attempt}
    for part in parts:
        connection.execute(_APPEND, key | {"b_first": part.first_line, "b_lines": "\n".join(map(str, part.lines))})
    if keep is not None:
        connection.execute(_DROP, key | {"b_keep": keep})


def read(connection: Connection, job_id: str, attempt: int, *, start: int = 0) -> tuple[int, list[Line]]:
    """Return the lines of an attempt from the number `start` on, and the number of the first of them."""
    key = (logs.c.job_id == job_id, logs.c.attempt == attempt)
    query = select(logs.c.first_line, logs.c.lines).where(*key, logs.c.first_line >= start)
    rows = connection.execute(query.order_by(logs.c.first_line)).all()
    return rows[0].first_line if rows else start, [line for row in rows for line in _parsed(row.lines)]


def _parsed(text: str) -> Iterator[Line]:
    for line in text.split("\n"):
        at, _, rest = line.partition("\t")
        level, _, said = rest.partition("\t")
        try:
            yield Line(datetime.fromisoformat(at).astimezone(UTC), level, said)
        except ValueError:  # another program wrote it
            yield Line(datetime.min.replace(tzinfo=UTC), "", line)
