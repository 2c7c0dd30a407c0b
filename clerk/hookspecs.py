"""The hooks a plugin may implement, and the markers that it implements them with.

Each hook is a protocol of its own. A type checker checks the hooks of a class that has their protocols as its bases, as
`class Library(RegisterJobTypes)` has; without them it works all the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    import click
    import typer

    from clerk.contributions import BoardPage, PluginMetric
    from clerk.jobs import JobFunction, JobType
    from clerk.schedule import Schedule
    from clerk.stage import Stage

PROJECT = "civicband.clerk"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class FetcherClass(Protocol):
    """A plugin with the hook `fetcher_class`."""

    @hookspec
    def fetcher_class(self, label: str) -> type | Callable[..., Any] | None:
        """Return the fetcher class (or factory) for a scraper label, or None."""


class FetcherExtra(Protocol):
    """A plugin with the hook `fetcher_extra`."""

    @hookspec
    def fetcher_extra(self, label: str) -> dict[str, Any] | None:
        """Return extra configuration to keep with a new site of this scraper label, or None."""


class DeployMunicipality(Protocol):
    """A plugin with the hook `deploy_municipality`."""

    @hookspec
    def deploy_municipality(self, subdomain: str) -> None:
        """Publish a municipality's databases."""


class PostDeploy(Protocol):
    """A plugin with the hook `post_deploy`."""

    @hookspec
    def post_deploy(self, site: Mapping[str, Any]) -> None:
        """Act after a site was deployed; `site` is its row."""


class UploadStaticFile(Protocol):
    """A plugin with the hook `upload_static_file`."""

    @hookspec
    def upload_static_file(self, file_path: str, storage_path: str) -> None:
        """Store one static file (a page image, a PDF) under `storage_path`."""


class PostCreate(Protocol):
    """A plugin with the hook `post_create`."""

    @hookspec
    def post_create(self, subdomain: str) -> None:
        """Act after a site was added."""


class RegisterCliCommands(Protocol):
    """A plugin with the hook `register_cli_commands`."""

    @hookspec
    def register_cli_commands(self) -> "click.Command | typer.Typer | None":
        """Return a click command or group, or a Typer app, to mount under its own name."""


class RegisterJobTypes(Protocol):
    """A plugin with the hook `register_job_types`."""

    @hookspec
    def register_job_types(self) -> "Mapping[str, JobFunction | JobType] | None":
        """Return job types: name -> function, or name -> JobType where the defaults do not do."""


class RegisterWorkerFunctions(Protocol):
    """A plugin with the hook `register_worker_functions`."""

    @hookspec
    def register_worker_functions(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Return worker pools: name -> {"queues": [...], "function": initialiser?, "concurrency": int?}."""


class GetDataProcessors(Protocol):
    """A plugin with the hook `get_data_processors`."""

    @hookspec
    def get_data_processors(self, data_type: str) -> type | None:
        """Return the processor class for a kind of data ("finance"), or None."""


class PreCompilation(Protocol):
    """A plugin with the hook `pre_compilation`."""

    @hookspec
    def pre_compilation(self, subdomain: str, run_id: str) -> None:
        """Act before a municipality's meetings.db is compiled."""


class PostCompilation(Protocol):
    """A plugin with the hook `post_compilation`."""

    @hookspec
    def post_compilation(self, subdomain: str, database_path: str, run_id: str) -> None:
        """Act after a municipality's meetings.db was compiled at `database_path`."""


class RegisterSchedules(Protocol):
    """A plugin with the hook `register_schedules`."""

    @hookspec
    def register_schedules(self) -> "Sequence[Schedule] | None":
        """Return the schedules that beat should keep for this plugin."""


class RegisterStages(Protocol):
    """A plugin with the hook `register_stages`."""

    @hookspec
    def register_stages(self) -> "Sequence[Stage] | None":
        """Return stages to add to the meetings pipeline, each with the job type that it begins with."""


class RegisterMetrics(Protocol):
    """A plugin with the hook `register_metrics`."""

    @hookspec
    def register_metrics(self) -> "Sequence[PluginMetric] | None":
        """Return the plugin's own metrics, which `/metrics` shows beside ours."""


class RegisterBoardPages(Protocol):
    """A plugin with the hook `register_board_pages`."""

    @hookspec
    def register_board_pages(self) -> "Sequence[BoardPage] | None":
        """Return the plugin's own pages of the board."""


class PublishedVersions(Protocol):
    """A plugin with the hook `published_versions`."""

    @hookspec
    def published_versions(self, subdomain: str) -> Sequence[Mapping[str, Any]] | None:
        """Return the versions that are kept of a site's published databases, newest first, or None.

        Each has `version`, `database`, `live` (whether readers see it), `published_at` (ISO 8601), `rows` and `run_id`.
        """


class PublishVersion(Protocol):
    """A plugin with the hook `publish_version`."""

    @hookspec
    def publish_version(
        self, subdomain: str, database: str, version: str, reason: str | None
    ) -> Mapping[str, Any] | None:
        """Publish an older version of a site's database again, record the act, and return that version, or None."""


class ClerkSpec(
    FetcherClass,
    FetcherExtra,
    DeployMunicipality,
    PostDeploy,
    UploadStaticFile,
    PostCreate,
    RegisterCliCommands,
    RegisterJobTypes,
    RegisterWorkerFunctions,
    GetDataProcessors,
    PreCompilation,
    PostCompilation,
    RegisterSchedules,
    RegisterStages,
    RegisterMetrics,
    RegisterBoardPages,
    PublishedVersions,
    PublishVersion,
    Protocol,
):
    """What pluggy checks every plugin against; a plugin implements what it needs and leaves the rest."""
