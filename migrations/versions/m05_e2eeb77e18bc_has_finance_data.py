"""Add has_finance_data to sites."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_columns, add_index, drop_columns

revision = "e2eeb77e18bc"
down_revision = "9daf09ff2554"


def upgrade() -> None:
    add_columns("sites", sa.Column("has_finance_data", sa.Boolean, server_default=sa.false(), nullable=False))
    add_index("idx_sites_has_finance_data", "sites", ["has_finance_data"])


def downgrade() -> None:
    op.drop_index("idx_sites_has_finance_data", table_name="sites", if_exists=True)
    drop_columns("sites", has_finance_data=sa.false())
