"""The model and the chain of migrations describe the same tables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from clerk.database import migrate
from clerk.database.engine import create_engine
from clerk.database.tables import metadata, sites_table
from tests.integration.db import samples


def test_alembic_finds_nothing_to_do(database_url: str) -> None:
    engine = create_engine(database_url)
    config = migrate.alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.check(config)
    engine.dispose()


@pytest.mark.parametrize(
    ("damage", "shows"),
    [
        ("DROP INDEX ix_jobs_available", "ix_jobs_available"),
        ("ALTER TABLE attempts DROP COLUMN error", "error"),
        ("DROP TABLE pauses", "pauses"),
    ],
)
def test_check_names_what_differs(damage: str, shows: str, database_url: str) -> None:
    samples.execute(database_url, damage)

    problems = migrate.check(database_url)

    assert len(problems) == 1
    assert shows in problems[0]


def test_what_others_add_to_our_tables_is_no_difference(database_url: str) -> None:
    samples.execute(
        database_url,
        "CREATE TABLE hats (name VARCHAR PRIMARY KEY)",
        "ALTER TABLE workers ADD COLUMN hat VARCHAR REFERENCES hats (name)",
        "CREATE INDEX theirs ON jobs (subdomain, created_at)",
        "CREATE INDEX by_lower_name ON sites (lower(name))",
    )

    assert migrate.check(database_url) == []


def test_migrations_make_what_the_model_says(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Down to partial indexes and checks, which Alembic does not compare."""
    made_at_once = (
        f"sqlite:///{tmp_path}/at-once.db"
        if database_url.startswith("sqlite")
        else request.getfixturevalue("empty_postgres_url")
    )
    engine = create_engine(made_at_once, migrating=True)
    metadata.create_all(engine)
    engine.dispose()

    assert described(database_url) == described(made_at_once)


def test_no_column_is_added_to_sites(database_url: str) -> None:
    """Other programs map that table: 45 columns and no more."""
    engine = create_engine(database_url)
    columns = [column["name"] for column in sa.inspect(engine).get_columns("sites")]
    engine.dispose()

    assert len(columns) == 45
    assert columns == list(sites_table.c.keys())


def described(url: str) -> dict[str, Any]:
    """Return columns, keys, checks and indexes of our tables, indexes as the database itself writes them."""
    engine = create_engine(url)
    inspector = sa.inspect(engine)
    tables = {
        table: {
            "columns": [
                {**c, "type": str(c["type"]), "default": bare(c["default"])} for c in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign": [
                (key["constrained_columns"], key["referred_table"]) for key in inspector.get_foreign_keys(table)
            ],
            "checks": sorted(str(check["name"]) for check in inspector.get_check_constraints(table)),
        }
        for table in metadata.tables
    }
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            query = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        else:
            query = "SELECT indexdef FROM pg_indexes WHERE indexname !~ '(pkey|pkc)$' AND schemaname = 'public'"
        indexes = sorted(
            re.sub(r"\s+", " ", sql).replace('"', "") for sql in connection.exec_driver_sql(query).scalars()
        )
    engine.dispose()
    return {"tables": tables, "indexes": indexes}


def bare(default: str | None) -> str | None:
    """Return a default without the quotes and brackets that SQLite keeps as they were written."""
    return None if default is None else default.strip("()'").lower()
