"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import refuse_downgrade

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Say what changes; additive only, since older code may still be running."""
    ${upgrades if upgrades else "raise NotImplementedError"}


def downgrade() -> None:
    refuse_downgrade(revision)
