"""The tables under the name that plugins import."""

from clerk.database.operator_tables import metadata
from clerk.database.tables import job_tracking_table, site_progress_table, sites_table

__all__ = ["job_tracking_table", "metadata", "site_progress_table", "sites_table"]
