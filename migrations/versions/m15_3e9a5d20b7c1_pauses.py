"""Keep what operators have paused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3e9a5d20b7c1"
down_revision = "8c1e5b3f7a26"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "pauses",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("until", TIME),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("pauses")
