"""Publishes into a folder of this machine that Datasette serves: CLERK_PUBLISH_DIR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clerk.early_settings import early_setting
from clerk.hookspecs import hookimpl
from plugins.local_publish.commands import app, load_acts

if TYPE_CHECKING:
    import typer


class LocalPublishPlugin:
    """What clerk asks of this plugin; everything is imported when it is asked for."""

    def __init__(self) -> None:
        if early_setting("CLERK_PUBLISH_DIR") is None:
            # Without this hook no pictures of pages are drawn only to be deleted.
            self.upload_static_file = None  # type: ignore[method-assign, assignment]
            self.published_versions = self.publish_version = None  # type: ignore[method-assign, assignment]

    @hookimpl
    def deploy_municipality(self, subdomain: str) -> None:
        """Publish a site's databases, each if it is sound and not suspiciously small."""
        from plugins.local_publish.deploy import publish_site  # on demand: only when something is deployed

        publish_site(subdomain, wait=True)  # its meetings and its finances may be ready at the same time

    @hookimpl
    def post_deploy(self, site: Mapping[str, Any]) -> None:
        """Publish the list of sites again."""
        from plugins.local_publish.deploy import publish_sites  # on demand: as above

        publish_sites(str(site["subdomain"]))

    @hookimpl
    def upload_static_file(self, file_path: str, storage_path: str) -> None:
        """Keep a page's picture or a PDF below static/."""
        from plugins.local_publish.static import store  # on demand: as above

        store(Path(file_path), storage_path)

    @hookimpl
    def published_versions(self, subdomain: str) -> list[dict[str, Any]]:
        """Return the versions that are kept of a site's databases, newest first."""
        found: list[dict[str, Any]] = load_acts().kept(subdomain)
        return found

    @hookimpl
    def publish_version(self, subdomain: str, database: str, version: str, reason: str | None) -> dict[str, Any]:
        """Publish an older version again."""
        published: dict[str, Any] = load_acts().roll_back(subdomain, Path(database).stem, version, reason=reason)
        return published

    @hookimpl
    def register_cli_commands(self) -> typer.Typer:
        """Return the command `publish`."""
        return app
