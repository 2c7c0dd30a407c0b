"""Turns: within a priority, the jobs of a queue are claimed one of each site after the other.

A job's turn is a number that it gets when it becomes available: one more than that of the site's job before it, and no
lower than the turn that its queue has reached. So a site with ten thousand jobs takes ten thousand turns, and the
single job of another site has the next one. This is start-time fair queueing with jobs of equal cost (Goyal, Vin and
Cheng, 1996).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Update

from clerk.database.literals import batched, constant, one_of
from clerk.database.states import JobState
from clerk.database.tables import jobs_table as jobs
from clerk.database.tables import turns_table as turns
from clerk_tasks.ledger.compiled import Compiled
from clerk_tasks.ledger.operator_limits import key_of

#: The key of a row: whose turn it is. The row without a site has the turn that the queue has reached.
_KEY = (turns.c.queue, turns.c.priority, turns.c.subdomain)
_QUEUE = literal_column("''", Text)
_of_queue = turns.alias("of_queue")
_of = jobs.alias("of")
_KEY_OF_LIMIT = func.coalesce(jobs.c.limit_key, key_of(jobs.c.job_type))
_DUE = {
    "limit_key": _KEY_OF_LIMIT,
    "state": case((_KEY_OF_LIMIT.is_(None), constant(JobState.AVAILABLE)), else_=constant(JobState.HELD)),
}
_ADMITTED = {"state": constant(JobState.AVAILABLE)}


def reached(queue: ColumnElement[str], priority: ColumnElement[int]) -> ColumnElement[int]:
    """Return the turn that a queue has reached at a priority, as an expression."""
    found = select(_of_queue.c.turn).where(
        _of_queue.c.queue == queue, _of_queue.c.priority == priority, _of_queue.c.subdomain == _QUEUE
    )
    return func.coalesce(found.scalar_subquery(), literal_column("0", BigInteger))


def _unless_taken(insert: Any, count: ColumnElement[int]) -> Any:
    """Return the insertion of a site's last turn, which follows on the site's row if that has a later one."""
    following, lowest = turns.c.turn + count, insert.excluded.turn
    latest = case((following > lowest, following), else_=lowest)
    return insert.on_conflict_do_update(index_elements=_KEY, set_={"turn": latest}).returning(turns.c.turn)


def take_one(given: CTE) -> CTE:
    """Return PostgreSQL's expression that takes a turn for the one row (queue, priority, subdomain) of another."""
    of = select(given.c.queue, given.c.priority, given.c.subdomain, reached(given.c.queue, given.c.priority))
    row = postgresql.insert(turns).from_select([*_KEY, turns.c.turn], of)
    taken: CTE = _unless_taken(row, literal_column("1", BigInteger)).cte("taken")
    return taken


def _take(dialect: Any) -> Compiled:
    queue: BindParameter[str] = bindparam("b_queue")
    priority: BindParameter[int] = bindparam("b_priority")
    count = bindparam("b_count", type_=BigInteger)
    last = reached(queue, priority) + count - literal_column("1")
    row = dialect.insert(turns).values(queue=queue, priority=priority, subdomain=bindparam("b_subdomain"), turn=last)
    return Compiled(_unless_taken(row, count))


def _reach(dialect: Any) -> Compiled:
    row = dialect.insert(turns).values(
        queue=bindparam("b_queue"), priority=bindparam("b_priority"), subdomain=_QUEUE, turn=bindparam("b_turn")
    )
    later = row.on_conflict_do_update(
        index_elements=_KEY, set_={"turn": row.excluded.turn}, where=turns.c.turn < row.excluded.turn
    )
    return Compiled(later)


_TAKE = {"sqlite": _take(sqlite), "postgresql": _take(postgresql)}
_REACH = {"sqlite": _reach(sqlite), "postgresql": _reach(postgresql)}


def take(connection: Connection, queue: str, priority: int, subdomain: str, *, count: int = 1) -> int:
    """Take turns for jobs of a site that become available; return the first, the others follow.

    It locks the site's row until the transaction ends.
    """
    values = {"b_queue": queue, "b_priority": priority, "b_subdomain": subdomain, "b_count": count}
    row = _TAKE[connection.dialect.name](connection, values)
    assert row is not None, "an INSERT that returns"  # noqa: S101
    return int(row[0]) - count + 1


def reach(connection: Connection, queue: str, priority: int, turn: int) -> None:
    """Note the turn that a queue has reached: no job gets a lower one from now on."""
    _REACH[connection.dialect.name](connection, {"b_queue": queue, "b_priority": priority, "b_turn": turn})


def forget(connection: Connection, sites: Collection[str]) -> None:
    """Forget the turns that sites have taken, for jobs that are cancelled: their next jobs do not wait for those.

    It waits for no transaction that takes turns: that one may wait for the stages of the jobs.
    """
    for some in batched(sorted(sites)):
        chosen = select(*_KEY).where(turns.c.subdomain.in_(some)).with_for_update(skip_locked=True)
        connection.execute(delete(turns).where(tuple_(*_KEY).in_(chosen)))


def spread(connection: Connection, sites: Collection[str], job_types: Collection[str]) -> None:
    """Give the available jobs of sites and job types new turns: they were paused while others had theirs."""
    if not sites and not job_types:
        return
    named = or_(jobs.c.subdomain.in_(sorted(sites)), jobs.c.job_type.in_(sorted(job_types)))
    held = select(jobs.c.id).where(one_of(jobs.c.state, (JobState.AVAILABLE, JobState.HELD)), named)
    connection.execute(given_turns(held.with_for_update(skip_locked=True)))


def _of_site() -> ColumnElement[int]:
    """Return the rank of a job among the chosen jobs of its site, from 1."""
    site = (_of.c.queue, _of.c.priority, _of.c.subdomain)
    return func.row_number().over(partition_by=site, order_by=(_of.c.turn, _of.c.id))


def _placed(which: Select[tuple[str]], turn: ColumnElement[int], values: Mapping[str, Any]) -> Update:
    chosen = which.cte("chosen")  # PostgreSQL would run a subquery again for each row, and choose others
    placed = select(_of.c.id, turn.label("turn")).where(_of.c.id == chosen.c.id).subquery("placed")
    return update(jobs).where(jobs.c.id == placed.c.id).values({**values, "turn": placed.c.turn})


def given_turns(which: Select[tuple[str]]) -> Update:
    """Return the update that gives the due jobs of a query new turns: those of a site follow each other.

    They begin at the turn that their queue has reached. A limit that has admitted a job goes on counting it.
    """
    return _placed(which, reached(_of.c.queue, _of.c.priority) + _of_site() - literal_column("1"), {})


def made_available(which: Select[tuple[str]], values: Mapping[str, Any], *, admitted: bool = False) -> Update:
    """Return the update that makes the jobs of a query available, or held if they have a limit, and gives them turns.

    Those of a site follow each other from the turn that their queue has reached. Those that a limit has `admitted`
    become available, and keep their turns if these have not passed.
    """
    begin = reached(_of.c.queue, _of.c.priority)
    if admitted:
        turn: ColumnElement[int] = case((_of.c.turn > begin, _of.c.turn), else_=begin)
    else:
        turn = begin + _of_site() - literal_column("1")
    return _placed(which, turn, {**values, **(_ADMITTED if admitted else _DUE)})
