"""A browser, a real system, and a board over it that can be killed and started again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from devtools.browser import chromium, find_chromium
from devtools.processes import Program
from devtools.services import free_port
from devtools.system import System
from tests.faults.conftest import make_system, system

__all__ = ["Board", "Open", "act", "board", "browser", "make_system", "open_page", "sentence", "system"]

expect.set_options(timeout=15_000)

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium: install Debian's package chromium, or set CHROMIUM")
    with chromium(path) as running:
        yield running


class Board:
    """The program that serves the board; it can be killed, and started again on its port."""

    def __init__(self, system: System) -> None:
        self._system, self._address = system, f"127.0.0.1:{free_port()}"
        self.url = f"http://{self._address}"
        self.program: Program
        self.start()

    def start(self) -> None:
        self.program = self._system.programs.clerk("board", "--listen", self._address)
        self.program.wait_for_log("The board is at", deadline=60)


@pytest.fixture
def board(system: System) -> Board:
    return Board(system)


@pytest.fixture
def open_page(browser: Browser, board: Board) -> Iterator[Open]:
    """Open pages; at the end none of them may have reported an error, such as a script that the policy blocks."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def call(address: str = "/", *, scripts: bool = True, dark: bool = False, width: int = 1280) -> Page:
        context = browser.new_context(
            base_url=board.url,
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": 800},
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Refused" in said.text else None)
        page.goto(address, wait_until="domcontentloaded")
        return page

    yield call
    for context in contexts:
        context.close()
    assert wrong == []
    assert "cannot be rendered" not in board.program.log


def sentence(page: Page) -> str:
    return page.locator("p.answer").inner_text()


def act(page: Page, button: str, **fields: str) -> str:
    """Press a button that opens a preview, fill its form in, confirm, and return what was done."""
    page.get_by_role("link", name=button, exact=True).first.click()
    expect(page.locator("form.act")).to_be_visible()
    for label, value in ({"reason": "a test"} | fields).items():
        page.locator(f"#act-{label}").fill(value)
    page.locator("form.act button").click()
    expect(page.get_by_role("link", name="Back")).to_be_visible()
    return sentence(page)
