"""California election finance, from NetFile's yearly exports to one SQLite database a municipality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clerk.hookspecs import hookimpl
from plugins.election_finance.commands import app

if TYPE_CHECKING:
    import typer

    from clerk.jobs import JobType
    from clerk.schedule import Schedule


class ElectionFinancePlugin:
    """What clerk asks of this plugin; everything is imported when it is asked for."""

    @hookimpl
    def register_job_types(self) -> dict[str, JobType]:
        """Return finance-etl, and its three stages one by one."""
        from plugins.election_finance.jobs import job_types  # on demand: `--help` runs none

        return job_types()

    @hookimpl
    def register_worker_functions(self) -> dict[str, dict[str, Any]]:
        """Return the pool that serves the queue of those."""
        return {"finance": {"queues": ["finance"]}}

    @hookimpl
    def get_data_processors(self, data_type: str) -> type | None:
        """Return the processor of "finance" data."""
        if data_type != "finance":
            return None
        from plugins.election_finance.processor import FinanceProcessor  # on demand: as above

        return FinanceProcessor

    @hookimpl
    def register_schedules(self) -> list[Schedule]:
        """Return the nightly update of the sites whose turn it is."""
        from plugins.election_finance.schedules import schedules  # on demand: as above

        return schedules()

    @hookimpl
    def register_cli_commands(self) -> typer.Typer:
        """Return the command `finance`."""
        return app
