"""The city on localhost as a program of its own, as the demo starts it."""

from __future__ import annotations

import sys
from pathlib import Path

from clerk.fetching.fetcher_factory import get_fetcher
from devtools.city_site import CitySite
from devtools.processes import Programs, wait_for

ROOT = Path(__file__).parents[3]


def test_it_says_its_port_and_is_fetched_by_the_extra_it_shows(programs: Programs, tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = (sys.executable, "-m", "devtools.city_site", "--port-file", port_file, "--meetings", "4")
    program = programs.run(*command, cwd=ROOT)
    wait_for(port_file.exists, "the city is served", logs=lambda: program.log)
    extra = CitySite(url=f"http://127.0.0.1:{port_file.read_text()}").extra
    site = {"subdomain": "millbrook.ca", "scraper": "legistar", "start_year": 2020, "extra": extra}
    fetcher = get_fetcher(site, all_agendas=True)
    fetcher.fetch_events()
    assert (fetcher.total_events, fetcher.total_agendas, fetcher.total_minutes) == (4, 4, 2)
