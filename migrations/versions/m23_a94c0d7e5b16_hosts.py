"""Keep which job visits a host, and until when the host is left alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "a94c0d7e5b16"
down_revision = "b83e1f6a7d42"


def upgrade() -> None:
    op.create_table(
        "hosts",
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.Text),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("hosts", if_exists=True)
