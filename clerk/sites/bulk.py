"""Edit a site, and add or change many at once: what is said of sites, in a file of CSV or JSON and back."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from clerk.acts import named, record_act
from clerk.database.lenient import parse_json
from clerk.database.transactions import reading, transaction
from clerk.errors import UsageError
from clerk.plugin.loader import call_hook
from clerk.sites.admin import NewSite, show_site
from clerk.sites.rows import get_all_sites, get_site_by_subdomain, hold_site, insert_site, require_site, update_site

#: The columns of a file of sites, in its order.
COLUMNS = tuple(field.name for field in fields(NewSite))
#: The formats of a file of sites.
FORMATS = ("csv", "json")
_NEW_SITE = TypeAdapter(NewSite)


def edit_site(subdomain: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change columns of COLUMNS of a site, and return its row.

    Raises UsageError for a value that `sites add` refuses and if there is nothing to change, NotFoundError for an
    unknown site.
    """
    if not changes:
        raise UsageError("Nothing to change: give at least one option.")
    with reading() as connection:
        said = described(require_site(connection, subdomain))
    row = _checked(said | dict(changes), f"site {subdomain}").row()
    with transaction() as connection:
        hold_site(connection, subdomain)
        update_site(connection, subdomain, _changes(require_site(connection, subdomain), row, changes))
        record_act(connection, "edit", named("site", [subdomain]))
    return show_site(subdomain)


def described(site: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a site, from its row: COLUMNS, None for what is not set."""
    said = {name: None if site[name] == "" else site[name] for name in COLUMNS}
    extra = site["extra"]
    return said | {"extra": parse_json(extra) if isinstance(extra, str) else extra}


def import_sites(
    records: Sequence[Mapping[str, Any]],
    *,
    dry_run: bool = False,
    check_scraper: Callable[[str, str], object] = lambda _subdomain, _scraper: None,
) -> dict[str, list[str]]:
    """Add the sites that are new and change those that are there, all or none; return them by what was done.

    A column that a record lacks stays as it is; a new site needs subdomain, name and state. Sites that no record names
    stay. `check_scraper(subdomain, scraper)` raises UsageError for a scraper label that a site cannot get. Raises
    UsageError that names the record. `dry_run` only checks.
    """
    with reading() as connection:
        known = {site["subdomain"]: described(site) for site in get_all_sites(connection)}
    rows = {}
    for number, record in enumerate(records, 1):
        where = f"record {number} ({record.get('subdomain')})"
        row = _checked(known.get(str(record.get("subdomain")), {}) | dict(record), where).row()
        rows[row["subdomain"]] = row, record
        before = known.get(row["subdomain"], {}).get("scraper")
        if row["scraper"] and row["scraper"] != before:
            try:
                check_scraper(row["subdomain"], row["scraper"])
            except UsageError as error:
                raise UsageError(f"{where}: {error}") from None
    if twice := [name for name, times in Counter(record["subdomain"] for record in records).items() if times > 1]:
        raise UsageError(f"named more than once: {', '.join(twice)}")
    done: dict[str, list[str]] = {"added": [], "changed": [], "unchanged": []}
    with transaction() as connection:
        for subdomain, (row, record) in sorted(rows.items()):
            site = get_site_by_subdomain(connection, subdomain)
            changes = row if site is None else _changes(site, row, record)
            done["added" if site is None else "changed" if changes else "unchanged"].append(subdomain)
            if not dry_run:
                insert_site(connection, row) if site is None else update_site(connection, subdomain, changes)
        if (written := done["added"] + done["changed"]) and not dry_run:
            record_act(connection, "import", named("site", written), number=len(written))
    for subdomain in () if dry_run else done["added"]:
        call_hook("post_create", subdomain=subdomain)
    return done


def _checked(said: Mapping[str, Any], where: str) -> NewSite:
    """Return what is said of a site, checked as `sites add` does; UsageError begins with `where`."""
    if unknown := sorted(said.keys() - set(COLUMNS)):
        raise UsageError(f"{where}: no such column: {', '.join(unknown)}; there are {', '.join(COLUMNS)}")
    given = {name: value for name, value in said.items() if value is not None}
    try:
        return _NEW_SITE.validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        reason = first.get("ctx", {}).get("error", first["msg"])  # our own error as it is
        raise UsageError(f"{where}: {': '.join([*map(str, first['loc']), str(reason)])}") from None


def _changes(site: Mapping[str, Any], row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a site's row that differ, among those that were given."""
    before, after = described(site), described(row)
    return {name: row[name] for name in COLUMNS if name in given and before[name] != after[name]}


def export_sites() -> list[dict[str, Any]]:
    """Return what is said of every site, by subdomain: what `import_sites` takes."""
    with reading() as connection:
        return [described(site) for site in get_all_sites(connection, order_by="subdomain")]


def format_of(path: Path) -> str:
    """Return the format of a file of sites, by its name; UsageError for another than FORMATS."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise UsageError(f"{path.name}: a file of sites is named *.csv or *.json")
    return kind


def as_csv(sites: Sequence[Mapping[str, Any]]) -> str:
    """Return sites as CSV with a header; `extra` is JSON, what is not set an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for site in sites:
        extra = None if site["extra"] is None else json.dumps(site["extra"], ensure_ascii=False)
        writer.writerow({**site, "extra": extra})
    return text.getvalue()


def read_sites(path: Path) -> list[dict[str, Any]]:
    """Read a file of sites, CSV with a header or a JSON array of objects; UsageError if it cannot be read as that.

    An empty cell of CSV is a column that is not given.
    """
    kind = format_of(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    return _from_json(text, path) if kind == "json" else _from_csv(text, path)


def _from_json(text: str, path: Path) -> list[dict[str, Any]]:
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise UsageError(f"{path} is no JSON array of objects, one per site")
    return records


def _from_csv(text: str, path: Path) -> list[dict[str, Any]]:
    records = []
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            if None in row or None in row.values():
                raise UsageError(f"{path}, line {reader.line_num}: it has not as many cells as the header")
            record: dict[str, Any] = {name.strip(): cell.strip() for name, cell in row.items() if cell.strip()}
            if "extra" in record:
                record["extra"] = json.loads(record["extra"])
            records.append(record)
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}, line {reader.line_num}: extra is not JSON: {error}") from None
    return records
