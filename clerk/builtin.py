"""Our own job types and worker pools, registered through the same public hooks as anybody else's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clerk.hookspecs import hookimpl
from clerk.jobs import DEFAULT_QUEUE, Discard, JobType

MISSING = (
    "the meetings pipeline is not part of this release, so {job_type} cannot run for {subdomain}; "
    "a plugin may supply it with JobType(..., replaces=True)"
)


def fetch_site(subdomain: str, **_: Any) -> None:
    """Fetch a site's agendas and minutes."""
    raise Discard(MISSING.format(job_type="fetch-site", subdomain=subdomain))


def ocr_page(subdomain: str, **_: Any) -> None:
    """Turn one document into text."""
    raise Discard(MISSING.format(job_type="ocr-page", subdomain=subdomain))


def extract_site(subdomain: str, **_: Any) -> None:
    """Extract people and votes from a site's text."""
    raise Discard(MISSING.format(job_type="extract-site", subdomain=subdomain))


def deploy_site(subdomain: str, **_: Any) -> None:
    """Publish a site's databases."""
    raise Discard(MISSING.format(job_type="deploy-site", subdomain=subdomain))


def db_compilation(subdomain: str, **_: Any) -> None:
    """Compile a site's meetings.db."""
    raise Discard(MISSING.format(job_type="db-compilation", subdomain=subdomain))


def coordinator(subdomain: str, **_: Any) -> None:
    """Go on once a site's documents are text."""
    raise Discard(MISSING.format(job_type="coordinator", subdomain=subdomain))


class BuiltinPlugin:
    """What clerk brings along."""

    @hookimpl
    def register_job_types(self) -> Mapping[str, JobType]:
        """Return the six job types of the meetings pipeline."""
        return {
            "fetch-site": JobType(fetch_site, queue="fetch"),
            "ocr-page": JobType(ocr_page, queue="ocr"),
            "extract-site": JobType(extract_site, queue="extraction"),
            "deploy-site": JobType(deploy_site, queue="deploy"),
            "db-compilation": JobType(db_compilation, queue="compilation"),
            "coordinator": JobType(coordinator, queue="compilation"),
        }

    @hookimpl
    def register_worker_functions(self) -> Mapping[str, Mapping[str, Any]]:
        """Return a pool for each queue of the pipeline, and `default` for plain functions."""
        names = (DEFAULT_QUEUE, "fetch", "ocr", "compilation", "extraction", "deploy")
        return {name: {"queues": [name]} for name in names}
