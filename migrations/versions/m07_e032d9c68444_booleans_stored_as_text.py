"""Turn SQLite's text booleans into 0 and 1; PostgreSQL has nothing to mend."""

from __future__ import annotations

from migrations.steps import normalise_booleans

revision = "e032d9c68444"
down_revision = "f3d4e5b6c7a8"


def upgrade() -> None:
    normalise_booleans("sites", "has_finance_data", "coordinator_enqueued")


def downgrade() -> None:
    """Leave the numbers as they are: older code reads them too."""
