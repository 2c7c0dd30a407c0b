"""Who may see the board and act: this machine, a password, a token, a proxy's header; no other site's forms."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest

from clerk.application import application
from clerk_tasks.board.access import MOST_FAILURES, READ_ONLY
from clerk_tasks.operations.acts import list_acts
from tests.integration.board.conftest import Connect

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PASSWORD, TOKEN = "correct horse", "a-token-of-the-board"
Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, engine: object) -> Configure:
    def call(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f"CLERK_BOARD_{name}", value)
        application.close()

    return call


def pause(board: httpx.Client, token: str | None = None, **headers: str) -> httpx.Response:
    """Pause everything, by the form that the board gives."""
    if token is None:
        found = re.search(r'name="csrf" value="(\w+)"', board.get("/act/pause?kind=all").text)
        token = found[1] if found else ""
    form = {"csrf": token, "kind": "all", "reason": "a test"}
    return board.post("/act/pause", data=form, headers=headers)


def paused_by() -> list[str]:
    return [act["by"] for act in list_acts()]


def test_on_this_machine_no_password_is_needed(board: httpx.Client) -> None:
    assert pause(board).status_code == 200
    assert len(paused_by()) == 1


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8400", "127.0.0.1.evil.example", ""])
def test_another_host_name_is_refused(board: httpx.Client, host: str) -> None:
    """DNS rebinding: a stranger's page reaches this machine under the stranger's name."""
    assert board.get("/", headers={"host": host}).status_code == 421
    assert pause(board, host=host).status_code == 421
    assert paused_by() == []


@pytest.mark.parametrize("host", ["localhost:8400", "127.0.0.1", "[::1]:8400", "LOCALHOST"])
def test_the_names_of_this_machine_are_its_own(board: httpx.Client, host: str) -> None:
    assert board.get("/acts", headers={"host": host}).status_code == 200


def test_a_name_that_is_configured_is_its_own(connect: Connect, configure: Configure) -> None:
    configure(HOSTS="board.example.org")
    board = connect()
    assert board.get("/acts", headers={"host": "board.example.org"}).status_code == 200
    assert board.get("/acts", headers={"host": "other.example.org"}).status_code == 421


def test_beyond_this_machine_it_only_reads_without_a_password(connect: Connect) -> None:
    board = connect("0.0.0.0")
    page = board.get("/acts")
    assert READ_ONLY in page.text
    assert "/act/" not in board.get("/queues").text
    assert board.get("/act/pause?kind=all").status_code == 403
    assert pause(board, token="").status_code == 403
    assert paused_by() == []


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_password_is_asked_for_and_names_who_acts(connect: Connect, configure: Configure, host: str) -> None:
    configure(PASSWORD=PASSWORD)
    board = connect(host)
    for address in ("/", "/json/", "/live?page=/", "/static/board.js", "/act/pause", "/nope"):
        answer = board.get(address)
        assert answer.status_code == 401, address
        assert answer.headers["www-authenticate"].startswith("Basic ")
    board.auth = ("maria", "wrong")
    assert board.get("/").status_code == 401
    board.auth = ("maria", PASSWORD)
    assert pause(board).status_code == 200
    assert paused_by() == ["maria (board)"]


def test_a_token_needs_no_form(connect: Connect, configure: Configure) -> None:
    configure(TOKEN=TOKEN)
    board = connect("0.0.0.0")
    assert pause(board, token="").status_code == 401
    answer = pause(board, token="", authorization=f"Bearer {TOKEN}")
    assert set(answer.json()) == {"done"}
    assert paused_by() == ["a program with the board's token"]


def test_a_proxy_names_who_acts_if_that_is_configured(connect: Connect, configure: Configure) -> None:
    board = connect("0.0.0.0", headers={"x-forwarded-user": "li"})
    assert pause(board).status_code == 403
    configure(USER_HEADER="X-Forwarded-User")
    board = connect("0.0.0.0", headers={"x-forwarded-user": "li"})
    assert pause(board).status_code == 200
    assert connect("0.0.0.0").get("/").status_code == 401
    assert paused_by() == ["li (board)"]


def test_wrong_logins_are_slowed_down(connect: Connect, configure: Configure) -> None:
    configure(PASSWORD=PASSWORD)
    board = connect()
    found = [board.get("/acts", auth=("x", f"guess {n}")).status_code for n in range(MOST_FAILURES)]
    assert found == [401] * MOST_FAILURES
    answer = board.get("/acts", auth=("x", PASSWORD))
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_a_form_of_another_site_or_session_is_refused(board: httpx.Client, connect: Connect) -> None:
    assert pause(connect(), token="").status_code == 403  # no session
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert pause(board, **headers).status_code == 403
    other = connect()
    found = re.search(r'name="csrf" value="(\w+)"', other.get("/act/pause?kind=all").text)
    assert found
    board.get("/act/pause?kind=all")
    assert pause(board, token=found[1]).status_code == 403
    assert paused_by() == []


def test_an_act_by_get_changes_nothing(board: httpx.Client) -> None:
    assert board.get("/act/pause?kind=all&reason=x").status_code == 200
    assert paused_by() == []


def test_the_headers_keep_other_sites_out(board: httpx.Client) -> None:
    for address in ("/", "/json/", "/static/board.js", "/nope", "/act/pause"):
        headers = board.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "date" in headers


def test_the_way_back_leads_to_this_board_only(board: httpx.Client) -> None:
    for referer in ("http://evil.example/x", f"http://evil.example//{board.base_url.netloc.decode()}//evil.example"):
        text = board.get("/act/pause?kind=all", headers={"referer": referer}).text
        assert "evil" not in text
