"""Keep which workers were asked to finish what they run and end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import add_columns, columns_of

revision = "91c4b0e7d2a8"
down_revision = "3e9a5d20b7c1"


def upgrade() -> None:
    add_columns(
        "workers",
        sa.Column("drain_requested_at", sa.DateTime(timezone=True)),
        sa.Column("drain_timeout", sa.Float),
    )


def downgrade() -> None:
    for column in ("drain_requested_at", "drain_timeout"):
        if column in columns_of("workers"):
            op.execute(f"ALTER TABLE workers DROP COLUMN {column}")
