"""Extract: get each year's file, look at it, and decide what the next database is to be made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from clerk.fetching.visitor import Trouble, Validators
from clerk.jobs import Discard, Retry
from clerk.visible import visible
from plugins.election_finance import manifest as manifests
from plugins.election_finance.errors import BadSource
from plugins.election_finance.inputs import Inputs
from plugins.election_finance.manifest import NOTHING, Manifest, Source
from plugins.election_finance.site_paths import FinanceSite
from plugins.election_finance.sources import Arrival, ignored_files

#: A year, or all of them together, with fewer rows than this share of what it had is refused.
FLOOR = 0.5

#: How many files of a drop folder an error names.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Extraction:
    """What to make the database from, and which new files to put in place."""

    manifest: Manifest
    moves: Mapping[Path, Path]


def validators(inputs: Inputs) -> dict[int, Validators]:
    """Return {year: the server's validators} of the stored files that are unchanged."""
    return {
        source.year: Validators(source.etag, source.last_modified)
        for source in _had(inputs).values()
        if source.route == "netfile"
    }


def _had(inputs: Inputs) -> dict[int, Source]:
    return {source.year: source for source in (inputs.manifest or NOTHING).loaded if inputs.stored(source)}


def take(inputs: Inputs, arrivals: Iterable[Arrival], say: Callable[[str], None]) -> Extraction:
    """Look at what arrived and make the manifest; a year that we had and cannot have now keeps its stored file.

    Raises Retry if nothing usable came and the network may be why, else Discard.
    """
    site, had = inputs.site, _had(inputs)
    hashes = {year: source.sha256 for year, source in had.items()}
    sources: dict[int, Source] = {}
    moves: dict[Path, Path] = {}
    errors: list[Exception] = []
    for arrival in arrivals:
        say(f"checking {arrival.year}")
        source = _judged(inputs, arrival, had.get(arrival.year))
        if arrival.error or source.status == "failed":
            errors.append(arrival.error or BadSource(source.detail))
        elif arrival.path and source.file and source.sha256 != hashes.get(arrival.year):
            moves[arrival.path] = site.raw / source.file
        sources[arrival.year] = source
    _require_something(site, sources, errors)
    for year in had.keys() - sources.keys():
        sources[year] = had[year].kept("it was not among tonight's files")
    for year in had.keys() & sources.keys():
        if not sources[year].file:
            sources[year] = had[year].kept(sources[year].detail)
    return Extraction(manifests.make(site.agency, site.municipality, list(sources.values())), moves)


def _judged(inputs: Inputs, arrival: Arrival, had: Source | None) -> Source:
    """Turn what came of a year into its entry."""
    where = (arrival.year, arrival.route, arrival.url)
    if isinstance(arrival.error, BadSource):
        return Source(*where, status="failed", detail=visible(str(arrival.error)))
    if arrival.error:
        return Source(*where, status="unavailable", detail=str(arrival.error))
    digest = inputs.sha256(arrival.path) if arrival.path else None
    if had and digest in (None, had.sha256):  # no file: the server says that ours is the newest
        seen = arrival.validators
        return replace(had, status="ok", detail=arrival.note, etag=seen.etag, last_modified=seen.last_modified)
    if arrival.path is None:
        return Source(*where, status="failed", detail="the server says that nothing has changed, but there was nothing")
    try:
        rows = inputs.workbook(arrival.path).rows
    except BadSource as error:
        return Source(*where, status="failed", detail=visible(str(error)))
    return Source(
        *where,
        status="ok",
        detail=arrival.note,
        file=f"{arrival.year}{arrival.suffix}",
        fetched_at=arrival.fetched_at,
        bytes=arrival.path.stat().st_size,
        sha256=digest,
        rows=rows,
        etag=arrival.validators.etag,
        last_modified=arrival.validators.last_modified,
    )


def _require_something(site: FinanceSite, sources: Mapping[int, Source], errors: list[Exception]) -> None:
    usable = [source for source in sources.values() if source.status == "ok"]
    if any(source.rows for source in usable):
        return
    kept = " The published database stays as it is." if site.database.exists() else ""
    reasons = "; ".join(_reasons(sources.values()) or _empty_drop(site))
    message = f"{site.subdomain}: no usable source: {reasons}.{kept}"
    trouble = [error for error in errors if isinstance(error, Trouble)]
    if trouble:
        wait = max(error.after or 0.0 for error in trouble)
        raise Retry(message, after=min(3600.0, wait) if wait else None)
    raise Discard(message)


def _empty_drop(site: FinanceSite) -> list[str]:
    ignored = ignored_files(site.drop)
    more = [f"and {len(ignored) - _NAMED} more"] if len(ignored) > _NAMED else []
    return [f"{site.drop} holds no .xlsx or .zip with a year in its name", *ignored[:_NAMED], *more]


def _reasons(sources: Iterable[Source]) -> list[str]:
    """Say each reason once, with the years that it holds for."""
    years: dict[str, list[int]] = {}
    for source in sources:
        years.setdefault("0 rows" if source.status == "ok" else source.detail.rstrip("."), []).append(source.year)
    return [f"{_span(found)}: {reason}" for reason, found in years.items()]


def _span(years: list[int]) -> str:
    first, last = min(years), max(years)
    if first == last:
        return str(first)
    return f"{first} to {last}" if len(years) == last - first + 1 else ", ".join(map(str, sorted(years)))


def refuse_shrinking(had: Mapping[int, int], has: Mapping[int, int], site: FinanceSite, *, besides: int = 0) -> None:
    """Raise Discard if a year, or all together, has suspiciously fewer rows than before ({year: rows}).

    `besides` are rows of years that are not known.
    """
    shrunk = [
        f"{year} has {has.get(year, 0):,} rows, had {rows:,}"
        for year, rows in sorted(had.items())
        if has.get(year, 0) < rows * FLOOR
    ]
    before, after = sum(had.values()) + besides, sum(has.values())
    if not shrunk and after < before * FLOOR:
        shrunk = [f"all years together have {after:,} rows, had {before:,}"]
    if shrunk:
        raise Discard(
            f"{site.subdomain}: suspiciously small: {'; '.join(shrunk)}. Nothing was replaced; if that is right, "
            f"run finance-etl again with --arg accept_shrink=true"
        )
