"""Which system a city's site runs: by the address, else by its page."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from clerk.errors import NotFoundError, UsageError
from clerk.fetching.detect import detect
from devtools.city_site import Answer, CitySite, page
from devtools.processes import script
from tests.integration.fetching.conftest import recorded

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("url", "system", "label", "extra"),
    [
        ("https://olympia.legistar.com/Calendar.aspx", "legistar", "legistar", {"client": "olympia"}),
        ("olympia.legistar.com", "legistar", "legistar", {"client": "olympia"}),
        ("https://webapi.legistar.com/v1/sfgov/events", "legistar", "legistar", {"client": "sfgov"}),
        ("https://legistar.granicus.com/olympia/meetings/2026/8/a.pdf", "legistar", "legistar", {"client": "olympia"}),
        ("https://laceywa.portal.civicclerk.com/event/1", "civicclerk", "civicclerk", {"tenant": "laceywa"}),
        ("https://laceywa.api.civicclerk.com/v1/Events", "civicclerk", "civicclerk", {"tenant": "laceywa"}),
        (
            "http://www.nashcountync.gov/agendacenter/Search/?term=",
            "agendacenter",
            "agendacenter",
            {"base_url": "http://www.nashcountync.gov"},
        ),
        (
            "www.nashcountync.gov/AgendaCenter",
            "agendacenter",
            "agendacenter",
            {"base_url": "https://www.nashcountync.gov"},
        ),
        ("https://oakland.granicus.com/ViewPublisher.php?view_id=2", "granicus", None, {}),
        ("https://longbeach.primegov.com/public/portal", "primegov", None, {}),
        ("https://go.boarddocs.com/ca/ausd/Board.nsf/Public", "boarddocs", None, {}),
    ],
)
def test_most_addresses_tell(url: str, system: str, label: str | None, extra: dict[str, Any]) -> None:
    found = detect(url)
    assert (found.system, found.label, found.extra) == (system, label, extra)


@pytest.mark.parametrize(
    ("html", "system", "extra"),
    [
        (
            '<a href="https://x.example"></a><iframe src="https://olympia.legistar.com/Calendar.aspx">',
            "legistar",
            {"client": "olympia"},
        ),
        (
            '<a href="/AgendaCenter">Agendas</a><a href="https://laceywa.portal.civicclerk.com">All</a>',
            "civicclerk",
            {"tenant": "laceywa"},
        ),
        ('<a href="https://support.granicus.com/x">help</a><a href="//marin.granicus.com/x">m</a>', "granicus", {}),
    ],
)
def test_else_the_page_s_links_do(city: CitySite, html: str, system: str, extra: dict[str, Any]) -> None:
    city.routes["/meetings"] = page(html)
    found = detect(f"{city.url}/meetings")
    assert (found.system, found.extra) == (system, extra)


def test_a_redirect_to_a_system_tells(city: CitySite) -> None:
    city.routes["/meetings"] = Answer(status=302, headers={"Location": "/AgendaCenter"})
    city.routes["/AgendaCenter"] = page("<html></html>")
    assert detect(f"{city.url}/meetings").label == "agendacenter"


@pytest.mark.parametrize(
    ("recording", "system", "setting", "path"),
    [
        ("legistar/insite_calendar_chicago.html", "legistar", "calendar_url", "/meetings"),
        ("civicplus/agendacenter_alameda_water.html", "agendacenter", "base_url", ""),
        ("municode/meetings_page_tumwater.html", "municode", None, ""),
    ],
)
def test_a_system_under_the_city_s_own_domain_is_told_by_its_marks(
    city: CitySite, recording: str, system: str, setting: str | None, path: str
) -> None:
    city.routes["/meetings"] = page(recorded(recording))
    found = detect(f"{city.url}/meetings")
    assert found.system == system
    assert found.extra == ({setting: f"{city.url}{path}"} if setting else {})


def test_what_is_unknown_or_cannot_be_read_is_an_error(city: CitySite) -> None:
    city.routes["/meetings"] = page("<html>Welcome to Millbrook</html>")
    with pytest.raises(NotFoundError, match="no known system"):
        detect(f"{city.url}/meetings")
    with pytest.raises(NotFoundError, match=r"cannot be read, .*HTTP 404"):
        detect(f"{city.url}/elsewhere")
    with pytest.raises(UsageError, match="not the address of a website"):
        detect("mailto:clerk@millbrook.example")


def test_the_command_prints_what_sites_add_wants(city: CitySite) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(script("clerk-tasks")), "sites", "detect", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    found = json.loads(run("https://olympia.legistar.com", "--json").stdout)
    assert found.items() >= {"system": "legistar", "label": "legistar", "extra": {"client": "olympia"}}.items()
    assert 'extra    {"client": "olympia"}' in run("olympia.legistar.com").stdout
    city.routes["/"] = page("<html>Welcome</html>")
    unknown = run(f"{city.url}/")
    assert (unknown.returncode, unknown.stdout) == (3, "")
    assert "no known system" in unknown.stderr
    assert run("not an address").returncode == 2
