"""Add what is known about a site's finance data."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_columns, add_index, drop_columns

revision = "f3d4e5b6c7a8"
down_revision = "e2eeb77e18bc"


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


def downgrade() -> None:
    op.drop_index("idx_sites_finance_metadata", table_name="sites", if_exists=True)
    known = ("last_updated", "source", "coverage_start", "coverage_end", "record_count", "data_types")
    drop_columns("sites", **dict.fromkeys(f"finance_{name}" for name in known))
