"""Agendas and minutes from Legistar: its Web API, or the calendar pages of InSite where the API is not for us."""

from clerk.plugin.fetcher_plugin import FetcherPlugin


class LegistarPlugin(FetcherPlugin):
    """Answers to the scraper label "legistar"."""

    labels = ("legistar",)
    fetcher = "plugins.legistar.fetcher:LegistarFetcher"
    extra = ("client",)  # the name before .legistar.com
