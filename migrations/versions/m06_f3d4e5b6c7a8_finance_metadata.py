"""Add what is known about a site's finance data."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.steps import add_columns, add_index, refuse_downgrade

revision = "f3d4e5b6c7a8"
down_revision = "e2eeb77e18bc"
downgrade = refuse_downgrade


def upgrade() -> None:
    add_columns(
        "sites",
        sa.Column("finance_last_updated", sa.DateTime(timezone=True)),
        sa.Column("finance_source", sa.String(100)),
        sa.Column("finance_coverage_start", sa.Date),
        sa.Column("finance_coverage_end", sa.Date),
        sa.Column("finance_record_count", sa.Integer),
        sa.Column("finance_data_types", sa.JSON),
    )
    add_index("idx_sites_finance_metadata", "sites", ["has_finance_data", "finance_last_updated", "state"])
