"""The end of a load: plugins publish the finance database, as they publish meetings."""

from __future__ import annotations

from clerk.database.transactions import reading
from clerk.plugin.loader import plugin_manager
from clerk.publication import accepting_shrink, publishing_only
from clerk.sites.rows import require_site

#: The database's path below the site's folder.
DATABASE = "finance/election_finance.db"


def publish(subdomain: str, *, accept_shrink: bool = False) -> None:
    """Call the plugins' deploy_municipality for the finance database alone.

    Raises Refused if it must not be published.
    """
    with accepting_shrink(accept_shrink), publishing_only(DATABASE):
        plugin_manager().hook.deploy_municipality(subdomain=subdomain)


def announce(subdomain: str) -> None:
    """Call the plugins' post_deploy with the site's row, whose `last_deployed` is that of its meetings."""
    with reading() as connection:
        site = require_site(connection, subdomain)
    plugin_manager().hook.post_deploy(site=site)
