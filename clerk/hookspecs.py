"""The hooks a plugin may implement, and the markers that it implements them with."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click
    import typer

    from clerk.jobs import JobType
    from clerk.schedule import Schedule
    from clerk.stage import Stage

PROJECT = "civicband.clerk"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class ClerkSpec:
    """What pluggy checks every plugin against; a plugin implements what it needs and leaves the rest."""

    @hookspec
    def fetcher_class(self, label: str) -> type | Callable[..., Any] | None:
        """Return the fetcher class (or factory) for a scraper label, or None."""

    @hookspec
    def fetcher_extra(self, label: str) -> dict[str, Any] | None:
        """Return extra configuration to keep with a new site of this scraper label, or None."""

    @hookspec
    def deploy_municipality(self, subdomain: str) -> None:
        """Publish a municipality's databases."""

    @hookspec
    def post_deploy(self, site: Mapping[str, Any]) -> None:
        """Act after a site was deployed; `site` is its row."""

    @hookspec
    def upload_static_file(self, file_path: str, storage_path: str) -> None:
        """Store one static file (a page image, a PDF) under `storage_path`."""

    @hookspec
    def post_create(self, subdomain: str) -> None:
        """Act after a site was added."""

    @hookspec
    def register_cli_commands(self) -> "click.Command | typer.Typer | None":
        """Return a click command or group, or a Typer app, to mount under its own name."""

    @hookspec
    def register_job_types(self) -> "Mapping[str, Callable[..., Any] | JobType] | None":
        """Return job types: name -> function, or name -> JobType where the defaults do not do."""

    @hookspec
    def register_worker_functions(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Return worker pools: name -> {"queues": [...], "function": initialiser?, "concurrency": int?}."""

    @hookspec
    def get_data_processors(self, data_type: str) -> type | None:
        """Return the processor class for a kind of data ("finance"), or None."""

    @hookspec
    def pre_compilation(self, subdomain: str, run_id: str) -> None:
        """Act before a municipality's meetings.db is compiled."""

    @hookspec
    def post_compilation(self, subdomain: str, database_path: str, run_id: str) -> None:
        """Act after a municipality's meetings.db was compiled at `database_path`."""

    @hookspec
    def register_schedules(self) -> "Sequence[Schedule] | None":
        """Return the schedules that beat should keep for this plugin."""

    @hookspec
    def register_stages(self) -> "Sequence[Stage] | None":
        """Return stages to add to the meetings pipeline, each with the job type that it begins with."""
