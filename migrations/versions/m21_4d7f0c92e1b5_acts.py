"""Keep what operators do, who, when, what, to how many and why; and the sizes that they give worker pools."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4d7f0c92e1b5"
down_revision = "5d0c7e91a3b8"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "acts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("hostname", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("matched", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("began_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("stopped_by", sa.Text),
        if_not_exists=True,
    )
    op.create_table(
        "pool_sizes",
        sa.Column("pool", sa.Text, primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("since", TIME, nullable=False),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("pool_sizes")
    op.drop_table("acts")
