"""Many documents in one batch: the coordinator's children are recorded in one transaction."""

from __future__ import annotations

import time

import pytest

from devtools.papers import another_day, paper
from tests.integration.pipeline.city import City, stages_of

#: Seconds for each thousand children: measured 0.35 on SQLite and 0.75 on PostgreSQL, two busy cores.
A_THOUSAND = 5.0


@pytest.mark.slow
@pytest.mark.parametrize("number", [2000])
def test_two_thousand_documents_in_one_batch(every_city: City, number: int) -> None:
    city = every_city
    content = paper()
    folder = city.root / "pdfs/Council"
    folder.mkdir(parents=True)
    for day in range(number):
        (folder / f"{another_day(day)}.{day}.pdf").write_bytes(content)
    run_id = city.update(start="ocr")
    began = time.monotonic()
    city.work_one("coordinator")
    took = time.monotonic() - began
    print(f"\n{number} children in {took:.2f} s")  # noqa: T201
    assert stages_of(city.run(run_id))["ocr"] == ("open", number + 1, 0)
    assert len(city.ids("available", "ocr-page")) == number
    assert took < A_THOUSAND * number / 1000


def test_the_fan_out_is_whole_or_not_at_all(city: City) -> None:
    """A crash between two enqueues left a partial fan-out: here an attempt that is fenced off has made no child."""
    for day in range(5):
        city.publish(another_day(day))
    run_id = city.update()
    city.work_one("fetch-site")
    (coordinator,) = city.ids("available", "coordinator")
    city.lose_before_its_end(coordinator)
    assert city.ids("available", "ocr-page") == []
    city.work()
    assert city.run(run_id)["state"] == "completed"
    assert stages_of(city.run(run_id))["ocr"] == ("closed", 6, 0)
    assert len(city.rows()) == 5
