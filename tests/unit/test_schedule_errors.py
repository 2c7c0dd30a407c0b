"""Errors of what a schedule asks for."""

from __future__ import annotations

import pytest

from clerk.errors import ClerkError, NotFoundError, UsageError, missing
from clerk.schedule import Schedule
from clerk_tasks.job_types.arguments import MistypedError
from clerk_tasks.schedules.author_errors import naming

NIGHTLY = Schedule("nightly", "0 1 * * *", lambda _: [])


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (MistypedError("argument 'year' must be an int", "must be an int"), UsageError, 2),
        (missing("site", "a.ca"), NotFoundError, 3),
        (ZeroDivisionError("by zero"), ClerkError, 1),
    ],
)
def test_the_schedule_is_named_and_the_exit_code_kept(error: Exception, kind: type[ClerkError], code: int) -> None:
    """Also of an error that is made of more than its text."""
    with (
        pytest.raises(kind, match=r"\(schedule nightly, .*\)$") as caught,
        naming(NIGHTLY),
    ):
        raise error
    assert caught.value.exit_code == code
    assert str(error) in str(caught.value)
