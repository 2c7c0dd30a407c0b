"""Hands Datasette 1.0 what it keeps in a database of its own: which tables there are, what is said of them, queries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

#: What is said of a database or a table as a whole.
_WORDS = {"title", "description", "license", "source", "about", "about_url"}

_LISTED = "SELECT 1 FROM catalog_tables WHERE database_name = ? LIMIT 1"

#: How often it is asked whether the tables of a database are listed, and the pause before the next time in seconds.
_TRIES, _PAUSE = 100, 0.05


def has_catalog(datasette: Any) -> bool:
    """Return whether this is Datasette 1.0; 0.65 reads the tables, and asks its plugins, for each page."""
    return hasattr(datasette, "set_database_metadata")


async def list_tables(datasette: Any, name: str) -> None:
    """Make Datasette list the tables of a database that was just attached: until then they do not exist for it.

    It does so by itself at most once a second, and not while it does so for another request.
    """
    for _ in range(_TRIES):
        await datasette.refresh_schemas(force=True)
        if (await datasette.get_internal_database().execute(_LISTED, [name])).rows:
            return
        await asyncio.sleep(_PAUSE)


async def describe_database(datasette: Any, name: str, known: Mapping[str, Any]) -> None:
    """Hand over what the configuration says of a database as a whole, and its queries."""
    for word in _WORDS & known.keys():
        await datasette.set_database_metadata(name, word, known[word])
    for key, query in known.get("queries", {}).items():
        words = {word: query.get(word) for word in ("title", "description")}
        await datasette.add_query(name, key, query["sql"], is_trusted=True, **words)


async def describe_table(datasette: Any, name: str, table: str, said: Mapping[str, Any]) -> None:
    """Hand over what the configuration says of a table and its columns."""
    for word in _WORDS & said.keys():
        await datasette.set_resource_metadata(name, table, word, said[word])
    for column, sentence in said.get("columns", {}).items():
        await datasette.set_column_metadata(name, table, column, "description", sentence)
