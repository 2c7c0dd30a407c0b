"""The stages of a site's election finance, each leaving its result in place for the next."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from clerk.finance_db import update_site_finance_metadata
from clerk.jobs import Discard, Retry, current_job
from clerk.settings import settings
from plugins.election_finance import published
from plugins.election_finance.build import build, now, restate
from plugins.election_finance.deploy import announce, publish
from plugins.election_finance.errors import BadSource
from plugins.election_finance.extract import Extraction, refuse_shrinking, stored_files, take, validators
from plugins.election_finance.inputs import Inputs
from plugins.election_finance.manifest import Manifest
from plugins.election_finance.published import Published
from plugins.election_finance.schema import SCHEMA_VERSION
from plugins.election_finance.site_paths import FinanceSite
from plugins.election_finance.sources import FIRST_YEAR, KNOWN_SOURCES, Arrival, Asking, from_drop, ignored_files

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """An operator's options: every year there is, also unchanged input, and a smaller result."""

    all_years: bool = False
    force: bool = False
    accept_shrink: bool = False


def extract(inputs: Inputs, run_id: str, options: Options = Options()) -> Manifest:
    """Get the year's files, put those that are new into finance/raw/ with the manifest, and return it."""
    site, previous = inputs.site, inputs.manifest
    if reason := site.why_not():
        raise Discard(reason)
    try:
        extraction = take(inputs, _arrivals(inputs, options), _say)
    except (Discard, Retry):
        _warn(site, ignored_files(site.drop))
        raise
    ignored = ignored_files(site.drop, extraction.manifest.sources)
    _warn(site, ignored)
    if previous and not options.accept_shrink:
        refuse_shrinking(previous.rows, extraction.manifest.rows, site)
    manifest = replace(
        extraction.manifest,
        run_id=run_id,
        checked_at=now(),
        outcome="unchanged" if is_published(site, extraction.manifest) else "changed",
        ignored=tuple(ignored),
    )
    _commit(inputs, replace(extraction, manifest=manifest))
    return manifest


def _warn(site: FinanceSite, ignored: Iterable[str]) -> None:
    for reason in ignored:
        logger.warning("%s: %s", site.drop, reason)


def _arrivals(inputs: Inputs, options: Options) -> Iterator[Arrival]:
    """Yield the files of the drop folder, then what each source fetches."""
    site = inputs.site
    if site.drop.is_dir():
        yield from from_drop(site.drop, inputs.work, _say)
    first = FIRST_YEAR if options.all_years or not site.start_year else site.start_year
    this_year = datetime.now(ZoneInfo(settings().finance_timezone)).year
    known, stored = ({}, {}) if options.force else (validators(inputs), stored_files(inputs))
    asking = Asking(site, range(min(first, this_year), this_year + 1), inputs.work, known, stored, _say)
    for source in KNOWN_SOURCES.values():
        yield from source.fetch(asking)


def _commit(inputs: Inputs, extraction: Extraction) -> None:
    site, text = inputs.site, inputs.work / "manifest.json"
    text.write_text(extraction.manifest.to_json(), encoding="utf-8")
    current_job().commit_files({**extraction.moves, text: site.manifest})
    inputs.replaced(extraction.moves, extraction.manifest)
    named = {source.file for source in extraction.manifest.loaded}
    for path in site.raw.glob("[0-9]*.*"):
        if path.name not in named:  # a year that was a .zip and is now an .xlsx, say
            path.unlink(missing_ok=True)


def transform(inputs: Inputs, run_id: str) -> dict[str, Any]:
    """Make a new database from finance/raw/ and leave it beside the published one."""
    site, manifest = inputs.site, _manifest(inputs)
    found = {source.key: inputs.stored(source) for source in manifest.loaded}
    files = {key: path for key, path in found.items() if path}
    if missing := [key for key in found if key not in files]:
        raise Discard(f"{site.raw}: the files of {', '.join(missing)} are gone or were changed; run finance-extract")
    path = inputs.work / "new.db"
    try:
        built = build(
            path, manifest, lambda source: inputs.workbook(files[source.key], source), run_id=run_id, say=_say
        )
    except BadSource as error:
        raise Discard(f"{site.subdomain}: {error}") from error
    current_job().commit_files({path: site.staged})
    return {"rows": built.rows_in, "rows_out": built.rows_out}


def load(inputs: Inputs, options: Options = Options()) -> dict[str, Any]:
    """Publish the database that `transform` made, unless it is suspiciously small; return what it holds."""
    site, manifest = inputs.site, _manifest(inputs)
    fingerprint = manifest.fingerprint(SCHEMA_VERSION)
    old, new = published.inspect(site.database), published.inspect(site.staged)
    if new is None or new.fingerprint != fingerprint:
        if old is None or old.fingerprint != fingerprint:
            raise Discard(f"{site.subdomain}: nothing is ready to load; run finance-transform, or finance-etl, first")
    else:
        if not new.rows:
            raise Discard(f"{site.subdomain}: the new database has no rows; nothing was replaced")
        if old and not options.accept_shrink:
            _refuse_loss(site, old, new)
        _say("publishing")
        current_job().commit_files({site.staged: site.database})
    return _finish(inputs, options)


def _refuse_loss(site: FinanceSite, old: Published, new: Published) -> None:
    if old.others is None:
        raise Discard(
            f"{site.subdomain}: {site.database} was not made by this plugin, and its rows cannot be counted. "
            "Nothing was replaced; move it away, or run finance-load with --arg accept_shrink=true"
        )
    refuse_shrinking(old.rows, new.rows, site, besides=old.others)


def run(inputs: Inputs, run_id: str, options: Options = Options()) -> dict[str, Any]:
    """Extract, transform and load a site; input that the published database was made from is not loaded again."""
    manifest = extract(inputs, run_id, options)
    if manifest.outcome == "unchanged" and not options.force:
        result = _finish(inputs, options)
    else:
        transform(inputs, run_id)
        result = load(inputs, options)
    unavailable = [
        source.year or source.url for source in manifest.sources if source.status in ("unavailable", "failed")
    ]
    return {"outcome": manifest.outcome, "unavailable": unavailable, **result}


def _finish(inputs: Inputs, options: Options) -> dict[str, Any]:
    """Publish the database, and record what it holds; a repeat is harmless."""
    _restate(inputs, _manifest(inputs))
    publish(inputs.site.subdomain, accept_shrink=options.accept_shrink)
    result = _record(inputs)
    announce(inputs.site.subdomain)
    return result


def _record(inputs: Inputs) -> dict[str, Any]:
    """Write what the database holds to the site's row."""
    site, manifest = inputs.site, _manifest(inputs)
    found = published.contents(site.database)
    update_site_finance_metadata(
        site.subdomain,
        "NetFile",
        coverage_start=found.coverage_start,
        coverage_end=found.coverage_end,
        record_count=found.records,
        data_types=found.data_types,
        has_finance_data=True,
    )
    return {"years": manifest.years, "rows": found.records, "filings": found.filings, "database": str(site.database)}


def _restate(inputs: Inputs, manifest: Manifest) -> None:
    """Write tonight's sources into the published database, whose rows stay the same."""
    database, new = inputs.site.database, inputs.work / "new.db"
    if published.says(database, manifest):
        return
    shutil.copyfile(database, new)
    restate(new, manifest)
    current_job().commit_files({new: database})


def is_published(site: FinanceSite, manifest: Manifest) -> bool:
    """Return whether the published database was made from exactly these files, by this code."""
    old = published.inspect(site.database)
    return old is not None and old.fingerprint == manifest.fingerprint(SCHEMA_VERSION)


def _manifest(inputs: Inputs) -> Manifest:
    if inputs.manifest is None:
        raise Discard(f"{inputs.site.subdomain}: nothing was extracted yet; run finance-extract, or finance-etl, first")
    return inputs.manifest


def _say(message: str) -> None:
    """Say what is being done, and stop here if the job is no longer wanted."""
    job = current_job()
    job.checkpoint()
    job.progress(message)
