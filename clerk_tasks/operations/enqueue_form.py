"""Enqueue a job by a form: all that is wrong is said at once, and a form that is sent twice records one job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import uuid_utils
from sqlalchemy import Connection, select

from clerk.acts import record_act
from clerk.database.tables import jobs_table as jobs
from clerk.database.transactions import reading, serialise
from clerk.errors import ConflictError, NotFoundError, UsageError
from clerk.jobs import JobRequest
from clerk.paths import validate_subdomain
from clerk_tasks import dispatcher
from clerk_tasks.job_types.arguments import parse_texts, typing_errors
from clerk_tasks.job_types.registry import registry
from clerk_tasks.ledger.insert import NewJob
from clerk_tasks.operations.times import seconds_until
from clerk_tasks.recording import new_job, parse_priority, require_free, require_site

#: What the field of an argument is called in FormErrors, before its name.
ARGUMENT = "arg-"


class FormErrors(UsageError):
    """What is wrong with a form, by field; "" is the form as a whole."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {said}" if name else said for name, said in errors.items()))
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueueForm:
    """What was typed into the form of a job type; its texts are those of the command `enqueue`."""

    job_type: str
    subdomain: str
    arguments: Mapping[str, str | Sequence[str]]  # only those that are given
    others: Sequence[str] = ()  # as NAME=VALUE, for a function that takes any
    priority: str = "normal"
    after: str | None = None
    at: str | None = None

    def check(self) -> tuple[JobRequest, NewJob]:
        """Return the request and the job that it would be.

        Raises FormErrors for all that is wrong, NotFoundError for an unknown job type.
        """
        function = registry().get(self.job_type).job_type.function
        wrong = {f"{ARGUMENT}{name}": said for name, said in typing_errors(function, self.arguments).items()}
        delay = priority = None
        with _noted(wrong, "subdomain"), reading() as connection:
            require_site(connection, validate_subdomain(self.subdomain))
        with _noted(wrong, "priority"):
            priority = parse_priority(self.priority)
        with _noted(wrong, "in" if self.after else "at"):
            delay = seconds_until(self.after, self.at, names=("a duration", "a time"))
        if wrong or priority is None:
            raise FormErrors(wrong)
        with _noted(wrong, "others" if self.others else ""):
            arguments = parse_texts(function, self.others, self.arguments)
            request = JobRequest(self.job_type, self.subdomain, arguments, priority=priority)
            return request, new_job(request, registry(), delay=delay or 0.0)
        raise FormErrors(wrong)

    def foresee(self) -> NewJob:
        """Return the job that would be recorded; FormErrors too while an unfinished job has its unique key."""
        _, job = self.check()
        wrong: dict[str, str] = {}
        with _noted(wrong, ""), reading() as connection:
            require_free(connection, job)
            return job
        raise FormErrors(wrong)

    def enqueue(self, job_id: str, *, reason: str | None) -> bool:
        """Enqueue the job under an id of `new_job_id`, and record the act with it; return False if it is recorded.

        Raises what `check` and `dispatcher.enqueue` raise.
        """
        _check_id(job_id)
        with reading() as connection:
            if _is_recorded(connection, job_id):
                return False
        request, job = self.check()

        def once(connection: Connection) -> None:
            serialise(connection, f"job {job_id}")
            if _is_recorded(connection, job_id):
                raise _SentBefore
            record_act(connection, "enqueue", f"{job.job_type} of {job.subdomain}, job {job_id}", reason=reason)

        wrong: dict[str, str] = {}
        with _noted(wrong, ""):
            try:
                dispatcher.enqueue(request, delay=job.delay, always_publish=True, job_id=job_id, alongside=once)
            except _SentBefore:
                return False
            return True
        raise FormErrors(wrong)


class _SentBefore(Exception):
    """The form was sent twice at the same time."""


def new_job_id() -> str:
    """Return an id for a job that a form may become."""
    return str(uuid_utils.uuid7())


@contextmanager
def _noted(wrong: dict[str, str], name: str) -> Iterator[None]:
    """Note what is wrong with a field."""
    try:
        yield
    except (UsageError, NotFoundError, ConflictError) as error:
        wrong[name] = str(error)


def _check_id(job_id: str) -> None:
    try:
        is_ours = str(UUID(job_id)) == job_id and UUID(job_id).version == 7
    except ValueError:
        is_ours = False
    if not is_ours:
        raise UsageError(f"{job_id!r} is not an id that a job can have: open the form again, or leave the id out.")


def _is_recorded(connection: Connection, job_id: str) -> bool:
    return connection.execute(select(jobs.c.id).where(jobs.c.id == job_id)).scalar() is not None
