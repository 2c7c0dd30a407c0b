"""`@job(queue=…)`: a job type's settings beside its function, which stays a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict, TypeVar, Unpack, overload

from clerk.jobs import Backoff, JobType, Limit

#: A callable of any kind.
Function = TypeVar("Function", bound=Callable[..., Any])

_SETTINGS = "__clerk_job_settings__"


class JobSettings(TypedDict, total=False):
    """What `job` takes: the fields of JobType, each with its default there."""

    queue: str
    max_attempts: int
    time_limit: float
    backoff: Backoff
    unique: bool | str
    replaces: bool
    limit: Limit | None


@overload
def job(function: Function, /) -> Function: ...
@overload
def job(**settings: Unpack[JobSettings]) -> Callable[[Function], Function]: ...
def job(function: Function | None = None, /, **settings: Unpack[JobSettings]) -> Any:
    """Mark a function, as `@job` or `@job(queue="library")`, with the settings of its job type; return it unchanged.

    `register_job_types` then returns the function itself: `{"library-hours": count_hours}`.
    """

    def mark(marked: Function) -> Function:
        setattr(marked, _SETTINGS, settings)
        return marked

    return mark if function is None else mark(function)


def as_job_type(function: Callable[..., Any]) -> JobType:
    """Return the job type of a function: with the settings that `job` marked it with, or the defaults."""
    return JobType(function, **getattr(function, _SETTINGS, {}))
