"""The database and the rows of `sites` under the names that plugins import."""

from typing import Any

from clerk.database.transactions import civic_db_connection, get_civic_db, get_db, reading, transaction
from clerk.providers import port
from clerk.sites.finance import get_next_finance_site, get_sites_with_finance_data, update_site_finance_status
from clerk.sites.rows import (
    delete_site,
    get_all_sites,
    get_oldest_site,
    get_site_by_subdomain,
    insert_site,
    update_site,
    upsert_site,
)

__all__ = [
    "civic_db_connection",
    "delete_site",
    "get_all_sites",
    "get_civic_db",
    "get_db",
    "get_next_finance_site",
    "get_oldest_site",
    "get_site_by_subdomain",
    "get_sites_with_finance_data",
    "insert_site",
    "reading",
    "transaction",
    "update_site",
    "update_site_finance_status",
    "upsert_site",
]


def __getattr__(name: str) -> Any:
    """Resolve `db`: the Typer app of `clerk-tasks db`."""
    if name == "db":
        return port("cli").database_commands()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
