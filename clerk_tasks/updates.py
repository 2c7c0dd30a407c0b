"""What `update` enqueues: a site's meetings, or its election finance; one site, or the one whose turn it is."""

from __future__ import annotations

from typing import Any

from clerk.db import reading
from clerk.errors import ConflictError, NotFoundError
from clerk.finance_sites import next_finance_sites
from clerk.jobs import JobRequest
from clerk.pipeline import job_type_of
from clerk.plugin_loader import call_hook
from clerk.sites import require_site, take_oldest_sites
from clerk_tasks import dispatcher
from clerk_tasks.dispatcher import Enqueued

FINANCE = "finance-etl"


def update_finance(subdomain: str | None, **arguments: Any) -> Enqueued:
    """Enqueue the finance ETL of a site, or of the next one when None; nothing, if it is nobody's turn.

    Raises NotFoundError without a finance plugin or for an unknown site, ConflictError for a site without finance data.
    """
    if not call_hook("get_data_processors", data_type="finance"):
        raise NotFoundError("No plugin processes finance data; install or enable one, such as election-finance.")
    if subdomain is None:
        return dispatcher.enqueue_chosen(
            lambda connection: [JobRequest(FINANCE, site, arguments) for site in next_finance_sites(connection)]
        )
    with reading() as connection:
        site = require_site(connection, subdomain)
    if not site["has_finance_data"]:
        raise ConflictError(
            f"Site {subdomain} has no finance data; run `clerk-tasks finance etl --subdomain {subdomain}`."
        )
    return dispatcher.enqueue(JobRequest(FINANCE, subdomain, arguments))


def update_meetings(subdomain: str | None, *, start: str = "fetch", **arguments: Any) -> Enqueued:
    """Enqueue a passage through the meetings pipeline from a stage on, for a site or for the one longest untouched.

    `arguments` are those of fetch-site, or of deploy-site, and left out for the stages between. From "ocr" on, what
    was given up before is tried again. Nothing is enqueued if every site is fresh.
    """
    job_type = job_type_of(start)
    taken = {"fetch": {"all_years", "all_agendas"}, "deploy": {"accept_shrink"}}.get(start, set())
    given = {name: value for name, value in arguments.items() if name in taken}
    if start == "ocr":
        given["failed_too"] = True
    if subdomain is None:
        return dispatcher.enqueue_chosen(
            lambda connection: [JobRequest(job_type, site, given) for site in take_oldest_sites(connection)]
        )
    return dispatcher.enqueue(JobRequest(job_type, subdomain, given))
