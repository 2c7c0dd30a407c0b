"""Agendas and minutes from the AgendaCenter of CivicPlus websites."""

from clerk.plugin.fetcher_plugin import FetcherPlugin


class AgendaCenterPlugin(FetcherPlugin):
    """Answers to the scraper label "agendacenter"."""

    labels = ("agendacenter",)
    fetcher = "plugins.agendacenter.fetcher:AgendaCenterFetcher"
    extra = ("base_url",)  # the address of the city's website
