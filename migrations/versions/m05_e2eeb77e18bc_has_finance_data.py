"""Add has_finance_data to sites."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.steps import add_columns, add_index, refuse_downgrade

revision = "e2eeb77e18bc"
down_revision = "9daf09ff2554"
downgrade = refuse_downgrade


def upgrade() -> None:
    add_columns("sites", sa.Column("has_finance_data", sa.Boolean, server_default=sa.false(), nullable=False))
    add_index("idx_sites_has_finance_data", "sites", ["has_finance_data"])
