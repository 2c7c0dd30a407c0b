"""The schedule of the meetings pipeline: its sites take turns through the day."""

from __future__ import annotations

from sqlalchemy import Connection

from clerk.jobs import JobRequest
from clerk.schedule import CatchUp, Schedule
from clerk.settings import settings
from clerk.sites.rows import take_oldest_sites


def schedules() -> list[Schedule]:
    """Return the one schedule: fetch the sites that were updated longest ago."""
    chosen = settings()
    about = f"meetings: the {chosen.meetings_sites} sites longest untouched"
    return [
        Schedule("meetings-next-site", chosen.meetings_cron, _oldest_sites, catch_up=CatchUp.SKIP, description=about)
    ]


def _oldest_sites(connection: Connection) -> list[JobRequest]:
    return [JobRequest("fetch-site", site) for site in take_oldest_sites(connection, settings().meetings_sites)]
