"""Our own job types, worker pools and schedule, registered through the same public hooks as anybody else's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clerk.hookspecs import hookimpl
from clerk.jobs import DEFAULT_QUEUE, Backoff, JobRequest, JobType
from clerk.meetings import jobs as meetings
from clerk.schedule import CatchUp, Schedule

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: A city's server that is down is asked again over some hours, not minutes.
_PATIENT = Backoff(base=120, cap=3600)


class BuiltinPlugin:
    """What clerk brings along."""

    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType]:
        """Return the six job types of the meetings pipeline."""
        return {
            "fetch-site": JobType(
                meetings.fetch_site, queue="fetch", time_limit=4 * 3600, max_attempts=4, backoff=_PATIENT, unique=True
            ),
            "coordinator": JobType(meetings.coordinator, queue="compilation", unique=True),
            "ocr-page": JobType(
                meetings.ocr_page, queue="ocr", time_limit=3600, unique="ocr:{subdomain}:{kind}:{meeting}:{date}"
            ),
            "db-compilation": JobType(meetings.db_compilation, queue="compilation", unique=True),
            "extract-site": JobType(meetings.extract_site, queue="extraction", unique=True),
            "deploy-site": JobType(meetings.deploy_site, queue="deploy", unique=True),
        }

    @hookimpl
    def register_worker_functions(self) -> Mapping[str, Mapping[str, Any]]:
        """Return a pool for each queue of the pipeline, and `default` for plain functions."""
        names = (DEFAULT_QUEUE, "fetch", "ocr", "compilation", "extraction", "deploy")
        return {name: {"queues": [name]} for name in names}

    @hookimpl
    def register_schedules(self) -> list[Schedule]:
        """Keep all sites with a fetcher fresh through the day, the one longest untouched first."""
        from clerk.settings import settings

        chosen = settings()
        about = f"meetings: the {chosen.meetings_sites} sites longest untouched"
        schedule = Schedule(
            "meetings-next-site", chosen.meetings_cron, _oldest_sites, catch_up=CatchUp.SKIP, description=about
        )
        return [schedule]


def _oldest_sites(connection: Connection) -> list[JobRequest]:
    from clerk.settings import settings
    from clerk.sites.rows import take_oldest_sites

    return [JobRequest("fetch-site", site) for site in take_oldest_sites(connection, settings().meetings_sites)]
