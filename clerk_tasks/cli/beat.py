"""`clerk-tasks beat`: keep the schedules."""

from __future__ import annotations


def command() -> None:
    """Keep the schedules until interrupted; any number of beats may run, each slot fires once."""
    from clerk.db import engine
    from clerk.schema_version import ensure_usable
    from clerk_tasks import schedules  # noqa: F401 - Celery's SIGTERM handler needs it from the first moment
    from clerk_tasks.cli.worker import application

    ensure_usable(engine())
    application().Beat(loglevel="INFO", quiet=True).run()
