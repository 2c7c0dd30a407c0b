"""What the publishing plugins keep of the sites' databases: list the versions, publish an older one again."""

from __future__ import annotations

from typing import Any

from clerk.database.transactions import reading
from clerk.errors import NotFoundError
from clerk.paths import is_subdomain
from clerk.plugin.loader import call_hook, plugin_manager
from clerk.sites.rows import get_all_sites, require_site


def list_versions(subdomain: str | None = None) -> list[dict[str, Any]]:
    """Return the versions that are kept of one site's databases, or of every site's, newest first.

    Each has `subdomain` and what the plugin says: `version`, `database`, `live`, `published_at`, `rows`, `run_id`.
    NotFoundError for an unknown site.
    """
    with reading() as connection:
        if subdomain is not None:
            require_site(connection, subdomain)
        every = [site["subdomain"] for site in get_all_sites(connection, order_by="subdomain")]
    chosen = [subdomain] if subdomain else [name for name in every if is_subdomain(name)]
    return [
        dict(version) | {"subdomain": name}
        for name in chosen
        for _plugin, versions in call_hook("published_versions", subdomain=name)
        for version in versions
    ]


def find_version(subdomain: str, database: str, version: str) -> dict[str, Any]:
    """Return one version; NotFoundError if it is not kept."""
    for found in list_versions(subdomain):
        if (found["database"], found["version"]) == (database, version):
            return found
    raise NotFoundError(f"No version {version!r} of {database} of {subdomain} is kept.")


def roll_back(subdomain: str, database: str, version: str, *, reason: str | None = None) -> dict[str, Any]:
    """Publish a version again, which readers see then; NotFoundError if no plugin keeps it.

    Raises what the plugin raises.
    """
    find_version(subdomain, database, version)
    given = {"subdomain": subdomain, "database": database, "version": version, "reason": reason}
    answers = plugin_manager().hook.publish_version(**given)
    if not answers:
        raise NotFoundError(f"No plugin publishes {database} of {subdomain}.")
    return dict(answers[0])
