"""Keep what attempts say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "5d0c7e91a3b8"
down_revision = "b7e04c93d5f1"


def upgrade() -> None:
    op.create_table(
        "attempt_logs",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("attempt", sa.SmallInteger, nullable=False),
        sa.Column("first_line", sa.Integer, nullable=False),
        sa.Column("lines", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt", "first_line", name="pk_attempt_logs"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("attempt_logs")
