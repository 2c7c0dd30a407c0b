"""Keep what webhooks deliver, and which causes of failures are known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "b83e1f6a7d42"
down_revision = "4d7f0c92e1b5"

TIME = sa.DateTime(timezone=True)
PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("subdomain", sa.Text),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.SmallInteger, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("error", sa.Text),
        sa.UniqueConstraint("key", "url", name="ux_deliveries_key_url"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["due_at"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
        if_not_exists=True,
    )
    op.create_table(
        "failure_causes",
        sa.Column("fingerprint", sa.Text, primary_key=True),
        sa.Column("seen_at", TIME, nullable=False),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("failure_causes")
    op.drop_table("deliveries")
