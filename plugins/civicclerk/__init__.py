"""Agendas and minutes from CivicClerk, the portal of CivicPlus; also what is called CivicText."""

from clerk.plugin.fetcher_plugin import FetcherPlugin


class CivicClerkPlugin(FetcherPlugin):
    """Answers to the scraper labels "civicclerk" and "civictext"."""

    labels = ("civicclerk", "civictext")
    fetcher = "plugins.civicclerk.fetcher:CivicClerkFetcher"
    extra = ("tenant",)  # the name before .portal.civicclerk.com
