"""Fetchers that others wrote for the RQ-based clerk run unchanged: the published package, and the style before it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clerk.fetching.fetcher_factory import get_fetcher
from devtools.city_insite import row, server
from devtools.city_papers import text_pdf
from devtools.city_site import Answer, CitySite, page
from devtools.plugin_files import imports_undone, install
from tests.integration.fetching.conftest import TODAY, waiting

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("published_fetchers.py")
PACKAGE = "clerk-fetchers==0.0.6"

#: In the manner of clerk-fetchers 0.0.4: a start year by position, directories made by itself, headers along.
OLD_STYLE = """
import json
import os

from clerk import Fetcher, hookimpl


class SmallTownFetcher(Fetcher):
    def __init__(self, site, start_year=None, all_agendas=False):
        super().__init__(site, start_year, all_agendas)

    def child_init(self):
        extra = self.site.get("extra", "{}")
        self.base_url = (json.loads(extra) if isinstance(extra, str) else extra)["base_url"]
        self.headers = {"X-Who-Am-I": "SmallTown"}

    def fetch_events(self):
        for year in range(self.start_year, self.today.year + 1):
            response = self.request("GET", f"{self.base_url}/{year}.json", None, None, self.headers, None)
            if response.status_code != 200:
                self.logger.log(f"Error fetching year {year}", level="error")
                continue
            for meeting in response.json():
                self.total_events += 1
                name = self.simplified_meeting_name(meeting["body"])
                if self.check_if_exists(name, meeting["date"], "minutes"):
                    continue
                self.fetch_and_write_pdf(
                    f"{self.base_url}{meeting['url']}", "minutes", name, meeting["date"], headers=self.headers
                )
                self.total_minutes += 1
        direct = f"{self.minutes_output_dir}/Direct"
        if not os.path.exists(direct):
            os.makedirs(direct)
        with open(f"{direct}/2024-01-01.pdf", "wb") as file:
            file.write(b"%PDF-")
        return self.total_events, self.total_minutes


class SmallTownPlugin:
    @hookimpl
    def fetcher_class(self, label):
        return {"smalltown": SmallTownFetcher}.get(label)

    @hookimpl
    def fetcher_extra(self, label):
        return {"smalltown": {"base_url": "https://smalltown.example"}}.get(label)
"""


@pytest.mark.slow
def test_a_fetcher_of_the_older_generation_is_found_constructed_and_fetches(
    city: CitySite, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site-packages"
    install(folder, "smalltown", {"smalltown": "smalltown_fetchers:SmallTownPlugin"})
    (folder / "smalltown_fetchers.py").write_text(OLD_STYLE)
    monkeypatch.syspath_prepend(folder)
    last = TODAY.year - 1
    meetings = [{"body": "City Council", "date": f"{last}-03-04", "url": "/m.pdf"}]
    city.routes[f"/{last}.json"] = page(json.dumps(meetings))
    city.publish("/m.pdf", text_pdf("minutes"))
    site = {
        "subdomain": "millbrook.ca",
        "scraper": "smalltown",
        "start_year": last - 5,
        "last_updated": f"{last}-12-31 10:00",
        "extra": json.dumps({"base_url": city.url}),
    }
    with imports_undone(tmp_path):
        fetcher = get_fetcher(site)
        assert fetcher.fetch_events() == (1, 1)
        assert get_fetcher(site).fetch_events() == (1, 0)
    assert waiting(root) == [f"pdfs/CityCouncil/{last}-03-04.pdf", "pdfs/Direct/2024-01-01.pdf"]
    assert f"/{last - 1}.json" not in city.paths()
    assert {request.headers["X-Who-Am-I"] for request in city.requests} == {"SmallTown"}


def interpreter() -> str:
    """Return a Python that the published package runs on; skip where there is none."""
    if sys.version_info >= (3, 12):
        return sys.executable
    found = [path for name in ("python3.12", "python3.13", "python3.14") if (path := shutil.which(name))]
    found += map(str, sorted(Path.home().glob(".pyenv/versions/3.1[2-9].*/bin/python")))
    for path in found:
        if subprocess.run([path, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return path
    pytest.skip(f"{PACKAGE} needs Python 3.12, and there is none on PATH nor in ~/.pyenv")


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Make an environment of our project and the published package, without what that requires; return its Python."""
    home = tmp_path / "venv"
    subprocess.run([interpreter(), "-m", "venv", home], check=True, timeout=120)
    made = home / "bin" / "python"
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist"))
    for what in ([str(source)], ["--no-deps", PACKAGE]):
        pip = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
        subprocess.run(pip, check=True, timeout=600, env={**os.environ, "PIP_REQUIRE_VIRTUALENV": "1"})
    return made


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_published_package_works_unchanged(python: Path, city: CitySite, tmp_path: Path) -> None:
    last = TODAY.year - 1
    years = {last: [[row(1, "City Council", f"{last}-03-04", minutes=True)]]}
    answer = server(years, grid="ctl00_ContentPlaceHolder1_gridCalendar")
    city.routes |= {"/Calendar.aspx": answer, "/View.ashx": Answer(text_pdf("San Francisco"))}
    city.routes["/"] = page(EXAMPLE_CITY)
    city.routes["/index.cfm"] = page(SENADO)
    city.routes["/diary.pdf"] = city.routes["/files/minutes.pdf"] = Answer(text_pdf("words"))
    city.routes["/views/299/city-council-archived-meetings"] = page("<table></table>")
    bryan(city, last)
    environment = {**os.environ, "STORAGE_DIR": str(tmp_path / "published"), "PYTHONWARNINGS": "ignore"}
    command = [str(python), str(PROGRAM), city.url]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    answered: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert answered["languages"] == "spa"
    assert answered["found"] == {
        "example_city": ["pdfs/CityCouncilRegularMeeting/2025-01-15.pdf"],
        "alamedausd.ca": ["pdfs/BoardOfEducation/2024-01-09.pdf"],
        "berkeley.ca": [],
        "houston.tx": ["pdfs/CityCouncil/2024-01-09.pdf"],
        "sanfrancisco.ca": [f"pdfs/CityCouncil/{last}-03-04.pdf"],
        "senado.pr": ["pdfs/Sesion--Diario/2024-02-03.pdf"],
        "swagit": [],
        "bryan-county.ga": [f"_agendas/pdfs/RegularMeeting/{last}-02-11.pdf"],
    }


EXAMPLE_CITY = """<table><tr class="meeting-row"><td class="meeting-date">2025-01-15</td>
<td class="meeting-title">City Council Regular Meeting</td>
<td><a class="minutes-link" href="/files/minutes.pdf">Minutes</a></td></tr></table>"""

SENADO = """<table><tbody><tr><td><a href="diary.pdf">x</a></td><td>Diario</td><td>Sesion</td><td>2024-02-03</td></tr>
</tbody></table>"""


def bryan(city: CitySite, year: int) -> None:
    """Serve a county's pages: a list of years, and one of a year's agendas."""
    base = "/government/board-of-commissioners"
    city.routes[f"{base}/agendas"] = page(
        f'<ul id="widget_321_442_169"><li><a href="/agendas-{year}">1/1/{year}</a></li></ul>'
    )
    agenda = f'<a href="/files/minutes.pdf">February 11, {year} Regular Meeting Agenda</a>'
    city.routes[f"/agendas-{year}"] = page(f'<ul id="widget_321_442_169"><li>{agenda}</li></ul>')
    city.routes[f"{base}/minutes"] = page("<ul></ul>")
