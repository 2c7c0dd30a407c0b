"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.steps import refuse_downgrade

# Append the id to REVISIONS of clerk/database/schema_version.py. Only add: older code may still be running. Where it could
# not, raise `oldest_code` in clerk_meta to this migration's place in that list.
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
downgrade = refuse_downgrade


def upgrade() -> None:
    ${upgrades if upgrades else "raise NotImplementedError"}
