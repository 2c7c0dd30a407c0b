"""The shipped fetchers on recordings of an invented city; one that asks for anything else than was recorded fails."""

from __future__ import annotations

import pytest

from clerk.testing import Harness, replay, run_job
from devtools.fetcher_recordings import CITIES, FOLDER
from tests.integration.fetching.conftest import waiting

#: What each fetcher puts in place: minutes, and agendas of meetings to come.
PLACED = {
    "legistar_api": [
        "_agendas/pdfs/ParksAndRecreationCommission/2026-03-17.pdf",
        "_agendas/pdfs/PlanningCommission/2026-03-10.pdf",
        "pdfs/CityCouncil/2026-02-10.pdf",
        "pdfs/ParksAndRecreationCommission/2026-02-24.pdf",
        "pdfs/PlanningCommission/2026-02-17.pdf",
    ],
    "legistar_insite": ["pdfs/CityCouncil/2026-01-06.pdf", "pdfs/CityCouncil/2026-02-03.pdf"],
    "civicclerk": [
        "_agendas/pdfs/ZoningBoard/2026-03-12.2.pdf",
        "_agendas/pdfs/ZoningBoard/2026-03-12.pdf",
        "pdfs/CityCouncil/2026-02-03.2.pdf",
        "pdfs/CityCouncil/2026-02-03.pdf",
    ],
    "agendacenter": [
        "_agendas/pdfs/BoardofCommissioners/2026-03-12.2.pdf",
        "_agendas/pdfs/BoardofCommissioners/2026-03-12.pdf",
        "pdfs/BoardofCommissioners/2026-02-03.pdf",
    ],
}
#: What the report says of a document that is not there yet, and of a row of the list that cannot be read.
REMARKS = {"legistar_api": {"unavailable": 1, "owed": 1}, "agendacenter": {"left_out": 1}}


@pytest.mark.parametrize("name", CITIES)
def test_a_recorded_city_is_fetched(clerk_harness: Harness, name: str) -> None:
    with replay(FOLDER / f"{name}.yaml") as found:
        clerk_harness.add_site(found.subdomain, **found.site)
        job = run_job("fetch-site", found.subdomain, start_date=found.options["start_date_str"])
    assert job.completed, job.error
    assert waiting(clerk_harness.storage / found.subdomain) == PLACED[name]
    remarks = {key: number for key, number in job.result.items() if number and key not in ("fetched", "reasons")}
    assert (job.result["fetched"], remarks) == (len(PLACED[name]), REMARKS.get(name, {}))
