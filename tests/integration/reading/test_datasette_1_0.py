"""The pages in Datasette 1.0, which is not out yet: in an environment of its own, made on demand."""

from __future__ import annotations

import re

import httpx
import pytest

from devtools.bench.environments import Unavailable, python_of
from devtools.bench.table import Peer
from devtools.cities import City
from devtools.laws.source import ROOT
from devtools.processes import Program, Programs, wait_for
from plugins.local_publish.deploy import publish_sites
from tests.integration.finance.conftest import Town
from tests.integration.reading.conftest import Write

pytestmark = pytest.mark.slow

ALPHA = "datasette==1.0a41"

SERVE = """
import sys
from pathlib import Path
from clerk.reading.server import run
run(Path(sys.argv[1]), "127.0.0.1", 0, lambda address: print("serving", address, flush=True))
"""


@pytest.fixture
def server(write: Write, money: Town, city: City, programs: Programs) -> Program:
    """Serve the money of a city, and the minutes of one whose tables are described like another's."""
    try:
        python = python_of(Peer("Datasette", "datasette", (ALPHA,)))
    except Unavailable as reason:
        pytest.skip(f"{ALPHA} cannot be installed: {reason}")
    for subdomain in ("oakland.ca", "albany.ca"):
        write({"txt/Council/2026-01-02/1": "A heron bridge."}, subdomain=subdomain, name=subdomain)
    publish_sites()
    program = programs.run(python, "-c", SERVE, city.published.parent, env={"PYTHONPATH": str(ROOT)})
    wait_for(lambda: "serving http" in program.log, "the server listens", deadline=60, logs=lambda: program.log)
    return program


def test_the_pages_and_the_configuration_work_in_1_0(server: Program, write: Write) -> None:
    (address,) = re.findall(r"serving (http\S+)/", server.log)
    with httpx.Client(base_url=address, timeout=30) as client:

        def page(path: str) -> str:
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.text[:500], server.log[-2000:])
            return answer.text

        assert "1.0a" in page("/-/versions.json")
        (place,) = re.findall(r'href="(/city/albany\.ca/minutes/[^"]*)"', page("/search?q=bridge&city=albany.ca"))
        assert "<mark>bridge</mark>" in page(place.replace("&amp;", "&"))
        (figure,) = re.findall(r'href="(/alderbay-ca-finance/money-by-month)"', page("/city/alderbay.ca"))
        assert "Contributions by month" in page(figure)
        (row,) = re.findall(
            r'href="(/alderbay-ca-finance/contributions\?[^"]*2022-03[^"]*)"', page("/city/alderbay.ca")
        )
        (filing, *_) = re.findall(r'href="(/city/alderbay\.ca/filing/\w+)"', page(row.replace("&amp;", "&")))
        assert "SHA-256" in page(filing)
        for city in ("albany", "oakland"):
            assert "One row per page of the minutes" in page(f"/{city}-ca-meetings/minutes")
        assert '<h3><a href="/alderbay-ca-finance/superseded_' not in page("/alderbay-ca-finance")
        write({"txt/Council/2026-01-02/1": "A new tower."}, subdomain="berkeley.ca", name="Berkeley")
        wait_for(lambda: "Berkeley" in page("/"), "the new city is served", deadline=10)
        assert "One row per page of the minutes" in page("/berkeley-ca-meetings/minutes")
        assert "tower" in page("/search?q=tower")
