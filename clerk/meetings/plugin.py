"""Our own job types, worker pools and schedule, registered through the same hooks as every other plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clerk.hookspecs import hookimpl
from clerk.jobs import DEFAULT_QUEUE, Backoff, JobType
from clerk.schedule import Schedule

#: A city's server that is down is asked again over some hours, not minutes.
_PATIENT = Backoff(base=120, cap=3600)


class BuiltinPlugin:
    """The job types, pools and schedule of the meetings pipeline."""

    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType]:
        """Return the six job types of the meetings pipeline."""
        from clerk.meetings import jobs  # on demand: `--help` runs none

        return {
            "fetch-site": JobType(
                jobs.fetch_site, queue="fetch", time_limit=4 * 3600, max_attempts=4, backoff=_PATIENT, unique=True
            ),
            "coordinator": JobType(jobs.coordinator, queue="compilation", unique=True),
            "ocr-page": JobType(
                jobs.ocr_page, queue="ocr", time_limit=3600, unique="ocr:{subdomain}:{kind}:{meeting}:{date}"
            ),
            "db-compilation": JobType(jobs.db_compilation, queue="compilation", unique=True),
            "extract-site": JobType(jobs.extract_site, queue="extraction", unique=True),
            "deploy-site": JobType(jobs.deploy_site, queue="deploy", unique=True),
        }

    @hookimpl
    def register_worker_functions(self) -> Mapping[str, Mapping[str, Any]]:
        """Return a pool for each queue of the pipeline, and `default` for plain functions."""
        names = (DEFAULT_QUEUE, "fetch", "ocr", "compilation", "extraction", "deploy")
        return {name: {"queues": [name]} for name in names}

    @hookimpl
    def register_schedules(self) -> list[Schedule]:
        """Keep all sites with a fetcher fresh through the day, the one longest untouched first."""
        from clerk.meetings.schedules import schedules  # on demand: `--help` needs no database

        return schedules()
