"""Create sites."""

from __future__ import annotations

import sqlalchemy as sa

from migrations.steps import create_or_complete, refuse_downgrade

revision = "45db71312424"
down_revision = None


def upgrade() -> None:
    create_or_complete(
        "sites",
        sa.Column("subdomain", sa.String, primary_key=True),
        sa.Column("name", sa.String),
        sa.Column("state", sa.String),
        sa.Column("kind", sa.String),
        sa.Column("scraper", sa.String),
        sa.Column("pages", sa.Integer),
        sa.Column("start_year", sa.Integer),
        sa.Column("extra", sa.String),
        sa.Column("country", sa.String),
        sa.Column("status", sa.String),
        sa.Column("last_updated", sa.String),
        sa.Column("last_deployed", sa.String),
        sa.Column("lat", sa.String),
        sa.Column("lng", sa.String),
        sa.Column("extraction_status", sa.String, server_default="pending"),
        sa.Column("last_extracted", sa.String),
    )


def downgrade() -> None:
    refuse_downgrade(revision)
