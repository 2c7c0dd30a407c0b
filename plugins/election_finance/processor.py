"""What `get_data_processors("finance")` hands out: the stages, callable for a site without a queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clerk.jobs import current_job
from plugins.election_finance import etl
from plugins.election_finance.inputs import inputs_of
from plugins.election_finance.site_paths import find_finance_site


class FinanceProcessor:
    """Works on one site's election finance, here and now; inside a job it reports to that job and obeys it.

    The steps are `extract`, `transform` and `load`; `run` does the three, and skips the last two for input that
    the published database was made from. Each raises a ClerkError that says what is wrong.
    """

    #: The job type that does what `run` does, on a worker.
    job_type = "finance-etl"

    def __init__(self, subdomain: str) -> None:
        self.site = find_finance_site(subdomain)

    @property
    def database(self) -> Path:
        """Return where the published database is, or will be."""
        return self.site.database

    def extract(self, *, all_years: bool = False, force: bool = False, accept_shrink: bool = False) -> list[int]:
        """Get the yearly files into finance/raw/ and return the years that there are."""
        with inputs_of(self.site) as inputs:
            return etl.extract(inputs, current_job().run_id, etl.Options(all_years, force, accept_shrink)).years

    def transform(self) -> dict[str, Any]:
        """Make a new database from finance/raw/, beside the published one."""
        with inputs_of(self.site) as inputs:
            return etl.transform(inputs, current_job().run_id)

    def load(self, *, accept_shrink: bool = False) -> dict[str, Any]:
        """Publish the new database and update the site's row."""
        with inputs_of(self.site) as inputs:
            return etl.load(inputs, etl.Options(accept_shrink=accept_shrink))

    def run(self, *, all_years: bool = False, force: bool = False, accept_shrink: bool = False) -> dict[str, Any]:
        """Do the three stages and return figures about the result."""
        with inputs_of(self.site) as inputs:
            return etl.run(inputs, current_job().run_id, etl.Options(all_years, force, accept_shrink))
