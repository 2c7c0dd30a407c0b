"""Create sites."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.steps import columns, create_or_complete, drop_empty

revision = "45db71312424"
down_revision = None


def upgrade() -> None:
    create_or_complete(
        "sites",
        sa.Column("subdomain", sa.String, primary_key=True),
        *columns(sa.String(), "name", "state", "kind", "scraper"),
        *columns(sa.Integer(), "pages", "start_year"),
        *columns(sa.String(), "extra", "country", "status", "last_updated", "last_deployed", "lat", "lng"),
        sa.Column("extraction_status", sa.String, server_default="pending"),
        sa.Column("last_extracted", sa.String),
    )


def downgrade() -> None:
    drop_empty("sites")
