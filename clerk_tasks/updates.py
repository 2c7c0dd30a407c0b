"""What `update` enqueues: a site's meetings, or its election finance; one site, or the one whose turn it is."""

from __future__ import annotations

from typing import Any

from clerk.db import reading
from clerk.errors import ConflictError, NotFoundError
from clerk.finance_sites import next_finance_sites
from clerk.jobs import JobRequest
from clerk.plugin_loader import call_hook
from clerk.sites import get_oldest_site, require_site
from clerk_tasks import dispatcher
from clerk_tasks.dispatcher import Enqueued

FINANCE = "finance-etl"
MEETINGS = "fetch-site"


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


def update_meetings(subdomain: str | None, **arguments: Any) -> Enqueued:
    """Enqueue the meetings pipeline of a site, or of the one longest untouched when None; nothing, if all are fresh."""
    chosen = subdomain or get_oldest_site()
    if chosen is None:
        return Enqueued([], {}, published=True)
    return dispatcher.enqueue(JobRequest(MEETINGS, chosen, arguments))
