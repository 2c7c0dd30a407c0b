"""A fetch walks through no folder of documents; the coordinator walks through each once."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from clerk.database.transactions import transaction
from clerk.meetings import jobs
from clerk.paths import site_dir
from clerk.sites.rows import insert_site

SITE = "alderbay.ca"

listed: Counter[str] = Counter()
sys.addaudithook(lambda event, arguments: listed.update([str(arguments[0])]) if event == "os.scandir" else None)


@pytest.fixture
def pdfs(sqlite_url: str) -> Path:
    with transaction() as connection:
        insert_site(connection, {"subdomain": SITE, "name": "Alder Bay", "state": "CA", "scraper": "custom"})
    folder = site_dir(SITE) / "pdfs"
    for day in ("2024-01-02", " 2024-01-03"):
        pdf = folder / "Council" / f"{day}.pdf"
        pdf.parent.mkdir(parents=True, exist_ok=True)
        pdf.write_bytes(b"%PDF-1.4")
    return folder


def test_a_fetch_walks_through_no_folder(pdfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Quiet:
        def __init__(self, *_: object) -> None: ...

        def fetch_events(self) -> None: ...

    module = ModuleType("fetchers.custom.alderbay_ca")
    vars(module)["custom_fetcher"] = Quiet
    for name in ("fetchers", "fetchers.custom"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    listed.clear()
    assert jobs.fetch_site(SITE) == {}
    assert listed[str(pdfs)] == listed[str(pdfs / "Council")] == 0


def test_the_coordinator_walks_the_folders_once(pdfs: Path) -> None:
    listed.clear()
    assert jobs.coordinator(SITE, "run-1") == {"documents": 2, "passed_over": 0}
    assert listed[str(pdfs / "Council")] == 1
    assert sorted(pdf.name for pdf in pdfs.rglob("*.pdf")) == ["2024-01-02.pdf", "2024-01-03.pdf"]


def test_looking_renames_nothing(pdfs: Path) -> None:
    assert len(jobs.waiting_documents(SITE)) == 2
    assert (pdfs / "Council" / " 2024-01-03.pdf").exists()
