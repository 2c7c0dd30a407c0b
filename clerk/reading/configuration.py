"""Writes datasette.yaml: one configuration for every published database, in the words of descriptions.yaml."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from clerk.fsync import flush
from clerk.publication import open_database
from clerk.reading.index_schema import Shape, index_connection, shape_of
from clerk.reading.published import CONFIGURATION, INDEX, INDEX_NAME, LIST_OF_SITES, SITES_NAME

#: The name of our Datasette plugin; it does nothing in a Datasette whose configuration does not name it.
PLUGIN_NAME = "clerk-reading"

_DATABASES = "SELECT name, kind, tables, subdomain FROM databases ORDER BY name"

_HEADER = """\
# Written by clerk-tasks at each publication: changes are lost.
# Datasette 0.65 reads it with -m, 1.0 with -m and -c.
"""


def write_configuration(folder: Path) -> None:
    """Write datasette.yaml for everything that the index of a published folder lists, and put it in place.

    The tables of cities with the same tables are written once: the file grows by a few lines for each city.
    """
    titles, sites = _list_of_sites(folder / LIST_OF_SITES)
    with index_connection(folder / INDEX) as index:
        content = _configuration(index, titles, sites)
    text = _HEADER + yaml.dump(content, Dumper=_dumper(), sort_keys=False, width=120, allow_unicode=True)
    target = folder / CONFIGURATION
    temporary = target.with_name(f".{CONFIGURATION}.new")
    temporary.write_text(text, encoding="utf-8")
    flush(temporary)
    temporary.replace(target)
    flush(folder)


def _dumper() -> Any:
    return getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _list_of_sites(path: Path) -> tuple[dict[str, str], Shape]:
    """Return {subdomain: "Alameda, CA"} and the shape of the list of sites, which need not exist."""
    try:
        with closing(open_database(path, "ro")) as sites:
            rows = sites.execute("SELECT subdomain, name, state FROM sites").fetchall()
            shape = shape_of(sites)
    except sqlite3.OperationalError:
        return {}, {}
    titles = {subdomain: ", ".join(filter(None, (name or subdomain, state))) for subdomain, name, state in rows}
    return titles, shape


def _configuration(index: sqlite3.Connection, titles: Mapping[str, str], sites: Shape) -> dict[str, Any]:
    known = descriptions()
    tables = cache(_tables)
    databases = {
        name: _database(known[name], known[name]["title"]) | tables(name, json.dumps(shape))
        for name, shape in ((INDEX_NAME, shape_of(index)), (SITES_NAME, sites))
    }
    for name, kind, shape, subdomain in index.execute(_DATABASES):
        title = titles.get(subdomain, subdomain)
        about = {"about": title, "about_url": f"/city/{subdomain}"}
        databases[name] = _database(known[kind], title) | about | tables(kind, shape)
    return {
        **known["instance"],
        "plugins": {PLUGIN_NAME: {"active": True}},
        "settings": {"allow_download": False, "default_page_size": 50, "sql_time_limit_ms": 3000},
        "databases": databases,
    }


@cache
def descriptions() -> dict[str, Any]:
    """Return what descriptions.yaml says."""
    found = yaml.safe_load(Path(__file__).with_name("descriptions.yaml").read_text(encoding="utf-8"))
    return dict(found)


def _database(known: dict[str, Any], city: str) -> dict[str, Any]:
    words = ("title", "description", "license", "source")
    return {word: known[word].replace("{city}", city) for word in words if word in known}


def _tables(kind: str, shape: str) -> dict[str, Any]:
    """Return what is said of tables, and the queries that they allow; `shape` is JSON of {table: columns}."""
    known, columns = descriptions()[kind], json.loads(shape)
    tables = {table: _table(known, table, columns[table]) for table in columns}
    queries = {
        key: {word: text for word, text in query.items() if word != "needs"}
        for key, query in known.get("queries", {}).items()
        if query["needs"] in columns
    }
    return {"tables": tables, "queries": queries} if queries else {"tables": tables}


def _table(known: dict[str, Any], name: str, columns: list[str]) -> dict[str, Any]:
    if any(fnmatchcase(name, pattern) for pattern in known["hidden"]):
        return {**_said_of_hidden(known, name), "hidden": True}
    found = known["tables"].get(name, {})
    said = known["columns"] | found.get("columns", {})
    inherited = {word: known[word] for word in ("license", "source") if word in known}
    return {**inherited, **found, "columns": {column: said[column] for column in columns if column in said}}


def _said_of_hidden(known: dict[str, Any], name: str) -> dict[str, str]:
    """Return the words about a hidden table: its own, or those of the table whose rows it has."""
    for prefix, reason in (("superseded_", "Rows of superseded reports"), ("memo_", "Rows that only inform")):
        if table := known["tables"].get(name.removeprefix(prefix)) if name.startswith(prefix) else None:
            return {"title": f"{table['title']}: {reason.lower()}", "description": f"{reason}; they do not count."}
    for table, raw in known.get("raw", {}).items():
        if raw == name:
            title = known["tables"][table]["title"]
            return {"title": f"{title}: as read", "description": "The cells of the source files, as they were read."}
    return {key: known["tables"][name][key] for key in ("title", "description") if name in known["tables"]}
