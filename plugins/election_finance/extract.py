"""Extract: get each source's files, look at them, and decide what the next database is to be made from."""

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
from plugins.election_finance.manifest import NOTHING, Manifest, SourceFile
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


def validators(inputs: Inputs) -> dict[str, Validators]:
    """Return {key of a file: the server's validators} of the stored files that are unchanged."""
    return {
        source.key: Validators(source.etag, source.last_modified)
        for source in _had(inputs).values()
        if source.route != "drop"
    }


def stored_files(inputs: Inputs) -> dict[str, Path]:
    """Return {key of a file: where it is stored}."""
    found = {key: inputs.stored(source) for key, source in _had(inputs).items()}
    return {key: path for key, path in found.items() if path}


def _had(inputs: Inputs) -> dict[str, SourceFile]:
    return {source.key: source for source in (inputs.manifest or NOTHING).loaded if inputs.stored(source)}


def take(inputs: Inputs, arrivals: Iterable[Arrival], say: Callable[[str], None]) -> Extraction:
    """Look at what arrived and make the manifest; a file that we had and cannot have now stays.

    Raises Retry if nothing usable came and the network may be why, else Discard.
    """
    site, had = inputs.site, _had(inputs)
    hashes = {key: source.sha256 for key, source in had.items()}
    sources: dict[str, SourceFile] = {}
    moves: dict[Path, Path] = {}
    errors: list[Exception] = []
    for arrival in arrivals:
        say(f"checking {arrival.year or arrival.url}")
        source = _judged(inputs, arrival, had.get(arrival.key))
        if arrival.error or source.status == "failed":
            errors.append(arrival.error or BadSource(source.detail))
        elif arrival.path and source.file and source.sha256 != hashes.get(arrival.key):
            moves[arrival.path] = site.raw / source.file
        sources[arrival.key] = source
    _require_something(site, sources, errors)
    for key in had.keys() - sources.keys():
        sources[key] = had[key].kept("it was not among tonight's files")
    for key in had.keys() & sources.keys():
        if not sources[key].file:
            sources[key] = had[key].kept(sources[key].detail)
    return Extraction(manifests.make(site.agency, site.municipality, list(sources.values())), moves)


def _judged(inputs: Inputs, arrival: Arrival, had: SourceFile | None) -> SourceFile:
    """Turn what came of a file into its entry."""
    about = SourceFile(arrival.year, arrival.route, arrival.url, "failed", format=arrival.format)
    if isinstance(arrival.error, BadSource):
        return replace(about, detail=visible(str(arrival.error)))
    if arrival.error:
        return replace(about, status="unavailable", detail=str(arrival.error))
    digest = inputs.sha256(arrival.path) if arrival.path else None
    if had and digest in (None, had.sha256):  # no file: the server says that ours is the newest
        seen = arrival.validators
        return replace(had, status="ok", detail=arrival.note, etag=seen.etag, last_modified=seen.last_modified)
    if arrival.path is None:
        return replace(about, detail="the server says that nothing has changed, but there was nothing")
    try:
        rows = inputs.workbook(arrival.path, about).rows
    except BadSource as error:
        return replace(about, detail=visible(str(error)))
    return replace(
        about,
        status="ok",
        detail=arrival.note,
        file=f"{about.source_id}{arrival.suffix}",
        fetched_at=arrival.fetched_at,
        bytes=arrival.path.stat().st_size,
        sha256=digest,
        rows=rows,
        etag=arrival.validators.etag,
        last_modified=arrival.validators.last_modified,
    )


def _require_something(site: FinanceSite, sources: Mapping[str, SourceFile], errors: list[Exception]) -> None:
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
    return [
        f"{site.drop} holds no .xlsx or .zip with a year in its name, and no other file of a known source",
        *ignored[:_NAMED],
        *more,
    ]


def _reasons(sources: Iterable[SourceFile]) -> list[str]:
    """Say each reason once, with the years that it holds for."""
    years: dict[str, list[int]] = {}
    others = []
    for source in sources:
        reason = "0 rows" if source.status == "ok" else source.detail.rstrip(".")
        if source.year is None:
            others.append(f"{source.url}: {reason}")
        else:
            years.setdefault(reason, []).append(source.year)
    more = [f"and {len(others) - _NAMED} more"] if len(others) > _NAMED else []
    return [*(f"{_span(found)}: {reason}" for reason, found in years.items()), *others[:_NAMED], *more]


def _span(years: list[int]) -> str:
    first, last = min(years), max(years)
    if first == last:
        return str(first)
    return f"{first} to {last}" if len(years) == last - first + 1 else ", ".join(map(str, sorted(years)))


def refuse_shrinking(had: Mapping[str, int], has: Mapping[str, int], site: FinanceSite, *, besides: int = 0) -> None:
    """Raise Discard if a file, a year, or all together, has suspiciously fewer rows than before ({which: rows}).

    `besides` are rows of years that are not known.
    """
    shrunk = [
        f"{which} has {has.get(which, 0):,} rows, had {rows:,}"
        for which, rows in sorted(had.items())
        if has.get(which, 0) < rows * FLOOR
    ]
    before, after = sum(had.values()) + besides, sum(has.values())
    if not shrunk and after < before * FLOOR:
        shrunk = [f"all years together have {after:,} rows, had {before:,}"]
    if shrunk:
        raise Discard(
            f"{site.subdomain}: suspiciously small: {'; '.join(shrunk)}. Nothing was replaced; if that is right, "
            f"run finance-etl again with --arg accept_shrink=true"
        )
