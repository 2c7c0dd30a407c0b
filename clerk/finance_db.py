"""The names of the RQ-based clerk's finance helpers, none of which takes a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clerk.database.transactions import reading, transaction
from clerk.sites import rows as sites
from clerk.sites.finance import (
    get_finance_metadata,
    get_next_finance_site,
    get_sites_with_finance_data,
    next_finance_sites,
    update_site_finance_metadata,
    update_site_finance_status,
)

__all__ = [
    "get_all_sites",
    "get_finance_metadata",
    "get_next_finance_site",
    "get_sites_with_finance_data",
    "next_finance_sites",
    "update_site",
    "update_site_finance_metadata",
    "update_site_finance_status",
]


def get_all_sites() -> list[dict[str, Any]]:
    """Return every site's row."""
    with reading() as connection:
        return sites.get_all_sites(connection)


def update_site(subdomain: str, updates: Mapping[str, Any]) -> None:
    """Set columns of a site; nothing happens without columns, or without the site."""
    with transaction() as connection:
        sites.update_site(connection, subdomain, updates)
