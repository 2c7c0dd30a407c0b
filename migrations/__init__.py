"""The Alembic chain; shipped inside the wheel."""
