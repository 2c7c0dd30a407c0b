"""The board answers Prometheus as `clerk-tasks metrics` does."""

from __future__ import annotations

import httpx
import pytest

from clerk.application import application
from tests.integration.board.conftest import Connect


@pytest.mark.usefixtures("story")
def test_the_board_serves_metrics(board: httpx.Client) -> None:
    answer = board.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "clerk_jobs_total{" in answer.text


def test_metrics_need_the_password_that_the_board_has(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_BOARD_TOKEN", "a-token-of-32-characters-or-more")
    application.close()
    board = connect()
    assert board.get("/metrics").status_code == 401
    token = {"Authorization": "Bearer a-token-of-32-characters-or-more"}
    assert board.get("/metrics", headers=token).status_code == 200
