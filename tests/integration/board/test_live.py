"""One change signal and one rendering feed all that look at a page; while no one looks, nothing is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from clerk_tasks.board.live import Live, View
from clerk_tasks.board.signal import Signal
from tests.integration.operations.conftest import Enqueue

VIEW: View = ("/jobs", True)


@pytest.mark.every_database
def test_the_signal_changes_with_the_ledger_and_only_then(engine: Engine, enqueue: Enqueue) -> None:
    signal = Signal()
    before = signal.read()
    assert before is not None
    assert signal.read() == before
    enqueue("fine")
    assert signal.read() != before
    signal.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_rendering_feeds_all_and_the_last_to_leave_ends_it(engine: Engine, enqueue: Enqueue) -> None:
    asyncio.run(_watch(enqueue))


async def _watch(enqueue: Enqueue) -> None:
    rendered: list[View] = []

    def render(view: View) -> str:
        rendered.append(view)
        return f"rendering {len(rendered)}"

    live = Live(render)
    tabs = [live.watch(VIEW) for _ in range(10)]
    assert {await anext(tab) for tab in tabs} == {"rendering 1"}
    await asyncio.to_thread(enqueue, "fine")
    assert {await asyncio.wait_for(anext(tab), 10) for tab in tabs} == {"rendering 2"}
    for tab in tabs:
        await tab.aclose()
    await _until(lambda: live.idle)
    looks = live.looks
    await asyncio.to_thread(enqueue, "fine", name="another")
    assert (live.looks, len(rendered)) == (looks, 2)
    again = live.watch(VIEW)
    assert await anext(again) == "rendering 3"
    await again.aclose()
    await _until(lambda: live.idle)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.to_thread(lambda: None)
