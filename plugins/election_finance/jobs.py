"""The job functions, called `function(subdomain, run_id=…, **arguments)`; what they return is kept with the job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clerk.errors import NotFoundError, UsageError
from clerk.jobs import Discard, JobType
from plugins.election_finance import etl
from plugins.election_finance.inputs import inputs_of
from plugins.election_finance.site_paths import find_finance_site

if TYPE_CHECKING:
    from plugins.election_finance.inputs import Inputs

QUEUE = "finance"


def finance_etl(
    subdomain: str, *, run_id: str, all_years: bool = False, force: bool = False, accept_shrink: bool = False
) -> dict[str, Any]:
    """Extract, transform and load a site: from its sources to a published election_finance.db.

    :param all_years: Go back beyond the site's start_year.
    :param force: Load input that has not changed.
    :param accept_shrink: Publish a database that is suspiciously smaller than the last one.
    """
    with _inputs(subdomain) as inputs:
        return etl.run(inputs, run_id, etl.Options(all_years, force, accept_shrink))


def finance_extract(
    subdomain: str, *, run_id: str, all_years: bool = False, force: bool = False, accept_shrink: bool = False
) -> dict[str, Any]:
    """Get a site's yearly files into finance/raw/.

    :param all_years: Go back beyond the site's start_year.
    :param force: Get files again that have not changed.
    :param accept_shrink: Accept files with suspiciously fewer rows than before.
    """
    with _inputs(subdomain) as inputs:
        manifest = etl.extract(inputs, run_id, etl.Options(all_years, force, accept_shrink))
    return {"outcome": manifest.outcome, "years": manifest.years, "rows": sum(manifest.rows.values())}


def finance_transform(subdomain: str, *, run_id: str) -> dict[str, Any]:
    """Make a new database from finance/raw/, beside the published one."""
    with _inputs(subdomain) as inputs:
        return etl.transform(inputs, run_id)


def finance_load(
    subdomain: str,
    *,
    run_id: str,  # noqa: ARG001 - part of every job function's signature
    accept_shrink: bool = False,
) -> dict[str, Any]:
    """Publish the database that finance-transform made.

    :param accept_shrink: Publish it even if it is suspiciously smaller than the last one.
    """
    with _inputs(subdomain) as inputs:
        return etl.load(inputs, etl.Options(accept_shrink=accept_shrink))


def job_types() -> dict[str, JobType]:
    """Return the job types; a site has at most one unfinished finance job, of whichever type."""
    functions = {
        "finance-etl": finance_etl,
        "finance-extract": finance_extract,
        "finance-transform": finance_transform,
        "finance-load": finance_load,
    }
    return {
        name: JobType(function, queue=QUEUE, unique="finance:{subdomain}", time_limit=3600)
        for name, function in functions.items()
    }


@contextmanager
def _inputs(subdomain: str) -> Iterator[Inputs]:
    """Find the site; what another attempt would not mend makes a dead letter at once."""
    try:
        with inputs_of(find_finance_site(subdomain)) as inputs:
            yield inputs
    except (NotFoundError, UsageError) as error:
        raise Discard(str(error)) from error
