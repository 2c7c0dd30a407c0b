"""Name the schedule, and the line of its plugin, in an error of what it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clerk.errors import ClerkError, ConflictError, NotFoundError, UnavailableError, UsageError
from clerk.plugin.source_place import place_of, place_of_error
from clerk.schedule import Schedule
from clerk_tasks.schedules.maintenance import Chore


def explained(schedule: Schedule, error: Exception) -> str:
    """Return an error as one line, with the schedule and the line that raised it, else that of its function."""
    text = str(error) if isinstance(error, ClerkError) else f"{type(error).__name__}: {error}"
    if isinstance(schedule, Chore):
        return text  # it is no author's
    return f"{text} (schedule {schedule.name}, {place_of_error(error) or place_of(schedule.jobs)})"


@contextmanager
def naming(schedule: Schedule) -> Iterator[None]:
    """Raise an error of a with block again, explained, with the exit code that it has."""
    try:
        yield
    except UnavailableError:
        raise
    except Exception as error:
        kinds = (UsageError, NotFoundError, ConflictError)  # an error of a kind of these may need more than a text
        kind = next((kind for kind in kinds if isinstance(error, kind)), ClerkError)
        raise kind(explained(schedule, error)) from error
