"""`@job(queue=…)`: a job type's settings beside its function, which stays a function."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypedDict, TypeVar, Unpack, overload

from clerk.errors import UsageError
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
    if unknown := [name for name in settings if name not in JobSettings.__annotations__]:
        near = get_close_matches(unknown[0], JobSettings.__annotations__, n=1)
        advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(JobSettings.__annotations__)}"
        raise UsageError(f"@job has no setting {unknown[0]}; {advice}")

    def mark(marked: Function) -> Function:
        inner = marked.__func__ if isinstance(marked, staticmethod | classmethod) else marked
        setattr(inner, _SETTINGS, settings)
        return marked

    if function is None:
        return mark
    if not (callable(function) or isinstance(function, staticmethod | classmethod)):
        raise UsageError(f"@job takes its settings by name, as in @job(queue={function!r:.80})")
    return mark(function)


def as_job_type(function: Callable[..., Any]) -> JobType:
    """Return the job type of a function: with the settings that `job` marked it with, or the defaults."""
    return JobType(function, **getattr(function, _SETTINGS, {}))
