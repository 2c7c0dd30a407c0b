"""Every night, the sites whose turn it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clerk.finance_db import next_finance_sites
from clerk.jobs import JobRequest
from clerk.schedule import Schedule
from clerk.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import Connection


def next_sites(connection: Connection) -> Sequence[JobRequest]:
    """Return tonight's jobs: the sites tried longest ago, CLERK_FINANCE_SITES_PER_NIGHT of them."""
    subdomains = next_finance_sites(connection, settings().finance_sites_per_night)
    return [JobRequest("finance-etl", subdomain) for subdomain in subdomains]


def schedules() -> list[Schedule]:
    """Return the plugin's one schedule; CLERK_FINANCE_CRON and CLERK_FINANCE_TIMEZONE say when."""
    return [
        Schedule(
            "finance-next-site",
            settings().finance_cron,
            jobs=next_sites,
            timezone=settings().finance_timezone,
            description="update the election finance of the sites tried longest ago",
        )
    ]
