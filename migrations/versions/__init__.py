"""The migrations, oldest first by file name; Alembic itself follows `down_revision`."""
