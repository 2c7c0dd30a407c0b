"""The stages of a site's election finance, each leaving its result in place for the next."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from clerk.finance_db import update_site_finance_metadata
from clerk.jobs import Discard, current_job
from clerk.settings import settings
from plugins.election_finance import manifest as manifests
from plugins.election_finance import published
from plugins.election_finance.build import build, now, restate
from plugins.election_finance.errors import BadSource
from plugins.election_finance.extract import Extraction, refuse_shrinking, stored, take, validators
from plugins.election_finance.manifest import Manifest
from plugins.election_finance.published import Published
from plugins.election_finance.schema import SCHEMA_VERSION
from plugins.election_finance.site_paths import Place, workspace
from plugins.election_finance.sources import FIRST_YEAR, Arrival, Served, from_drop, ignored_files, make_visitor

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """An operator's options: every year there is, also unchanged input, and a smaller result."""

    all_years: bool = False
    force: bool = False
    accept_shrink: bool = False


def extract(place: Place, run_id: str, options: Options = Options()) -> Manifest:
    """Get the year's files, put those that are new into finance/raw/ with the manifest, and return it."""
    if reason := place.why_not():
        raise Discard(reason)
    previous = manifests.load(place.manifest)
    with workspace(place) as work, _arrivals(place, work, previous, options) as arrivals:
        extraction = take(place, arrivals, previous, _say)
        if previous and not options.accept_shrink:
            refuse_shrinking(previous.rows, extraction.manifest.rows, place)
        manifest = replace(
            extraction.manifest,
            run_id=run_id,
            checked_at=now(),
            outcome="unchanged" if is_published(place, extraction.manifest) else "changed",
            ignored=tuple(ignored_files(place.drop)),
        )
        for reason in manifest.ignored:
            logger.warning("%s: %s", place.drop, reason)
        _commit(place, replace(extraction, manifest=manifest), work)
    return manifest


@contextmanager
def _arrivals(place: Place, work: Path, previous: Manifest | None, options: Options) -> Iterator[Iterator[Arrival]]:
    if place.drop.is_dir():
        yield from_drop(place.drop, work, _say)
        return

    first = FIRST_YEAR if options.all_years or not place.start_year else place.start_year
    this_year = datetime.now(ZoneInfo(settings().finance_timezone)).year
    known = {} if options.force else validators(place, previous)
    served = Served(make_visitor(), settings().finance_base_url, str(place.shortcut))
    yield served.files(range(min(first, this_year), this_year + 1), work, known, _say)


def _commit(place: Place, extraction: Extraction, work: Path) -> None:
    text = work / "manifest.json"
    text.write_text(extraction.manifest.to_json(), encoding="utf-8")
    current_job().commit_files({**extraction.moves, text: place.manifest})
    named = {source.file for source in extraction.manifest.loaded}
    for path in place.raw.glob("[12][0-9][0-9][0-9].*"):
        if path.name not in named:  # a year that was a .zip and is now an .xlsx, say
            path.unlink(missing_ok=True)


def transform(place: Place, run_id: str) -> dict[str, Any]:
    """Make a new database from finance/raw/ and leave it beside the published one."""
    manifest = _manifest(place)
    files = {source.year: stored(place, source) for source in manifest.loaded}
    missing = [str(year) for year, path in files.items() if path is None]
    if missing:
        raise Discard(f"{place.raw}: the files of {', '.join(missing)} are gone or were changed; run finance-extract")
    with workspace(place) as work:
        path = work / "new.db"
        try:
            built = build(
                path,
                manifest,
                {year: file for year, file in files.items() if file},
                run_id=run_id,
                say=_say,
            )
        except BadSource as error:
            raise Discard(f"{place.subdomain}: {error}") from error
        current_job().commit_files({path: place.staged})
    return {"rows": built.rows_in, "rows_out": built.rows_out}


def load(place: Place, options: Options = Options()) -> dict[str, Any]:
    """Publish the database that `transform` made, unless it is suspiciously small; return what it holds."""
    manifest = _manifest(place)
    fingerprint = manifest.fingerprint(SCHEMA_VERSION)
    old, new = published.inspect(place.database), published.inspect(place.staged)
    if new is None or new.fingerprint != fingerprint:
        if old is None or old.fingerprint != fingerprint:
            raise Discard(f"{place.subdomain}: nothing is ready to load; run finance-transform, or finance-etl, first")
    else:
        if not new.rows:
            raise Discard(f"{place.subdomain}: the new database has no rows; nothing was replaced")
        if old and not options.accept_shrink:
            _refuse_loss(place, old, new)
        _say("publishing")
        current_job().commit_files({place.staged: place.database})
    return record(place)


def _refuse_loss(place: Place, old: Published, new: Published) -> None:
    if old.others is None:
        raise Discard(
            f"{place.subdomain}: {place.database} was not made by this plugin, and its rows cannot be counted. "
            "Nothing was replaced; move it away, or run finance-load with --arg accept_shrink=true"
        )
    refuse_shrinking(old.rows, new.rows, place, besides=old.others)


def run(place: Place, run_id: str, options: Options = Options()) -> dict[str, Any]:
    """Extract, transform and load a site; input that the published database was made from is not loaded again."""
    manifest = extract(place, run_id, options)
    if manifest.outcome == "unchanged" and not options.force:
        result = record(place)
    else:
        transform(place, run_id)
        result = load(place, options)
    unavailable = [source.year for source in manifest.sources if source.status in ("unavailable", "failed")]
    return {"outcome": manifest.outcome, "unavailable": unavailable, **result}


def record(place: Place) -> dict[str, Any]:
    """Write what the published database holds to the site's row; a repeat is harmless."""
    manifest = _manifest(place)
    _restate(place, manifest)
    found = published.contents(place.database)
    update_site_finance_metadata(
        place.subdomain,
        "NetFile",
        coverage_start=found.coverage_start,
        coverage_end=found.coverage_end,
        record_count=found.records,
        data_types=found.data_types,
        has_finance_data=True,
    )
    years = [source.year for source in manifest.loaded]
    return {"years": years, "rows": found.records, "filings": found.filings, "database": str(place.database)}


def _restate(place: Place, manifest: Manifest) -> None:
    """Write tonight's sources into the published database, whose rows stay the same."""
    if published.says(place.database, manifest):
        return
    with workspace(place) as work:
        shutil.copyfile(place.database, work / "new.db")
        restate(work / "new.db", manifest)
        current_job().commit_files({work / "new.db": place.database})


def is_published(place: Place, manifest: Manifest) -> bool:
    """Return whether the published database was made from exactly these files, by this code."""
    old = published.inspect(place.database)
    return old is not None and old.fingerprint == manifest.fingerprint(SCHEMA_VERSION)


def _manifest(place: Place) -> Manifest:
    manifest = manifests.load(place.manifest)
    if manifest is None:
        raise Discard(f"{place.subdomain}: nothing was extracted yet; run finance-extract, or finance-etl, first")
    return manifest


def _say(message: str) -> None:
    """Say what is being done, and stop here if the job is no longer wanted."""
    job = current_job()
    job.checkpoint()
    job.progress(message)
