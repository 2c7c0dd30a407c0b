"""`/metrics` of the board, for a Prometheus that may reach it."""

from __future__ import annotations

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from clerk_tasks.metrics.exposition import CONTENT_TYPE, exposition


async def metrics(_: Request) -> Response:
    """Answer a scrape; with a password or token configured, it must carry that."""
    return Response(await to_thread.run_sync(exposition), headers={"Content-Type": CONTENT_TYPE})
