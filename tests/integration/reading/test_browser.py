"""A journalist with Chromium: from a city's page to the row of a filing, and from a search to a page of minutes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from clerk.fetching.layout import Layout
from clerk.fetching.origins import note_origin
from clerk.paths import site_dir
from devtools.browser import chromium, find_chromium
from devtools.city_papers import text_pdf
from devtools.processes import Programs, wait_for
from plugins.local_publish.static import store
from tests.integration.finance.conftest import Town
from tests.integration.reading.conftest import Write

pytestmark = pytest.mark.slow
#: Where the city has the document.
CITY_PDF = "https://oakland.example/council/2026-01-02.pdf"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium: install Debian's package chromium, or set CHROMIUM")
    with chromium(path) as running:
        yield running


@pytest.fixture
def address(write: Write, money: Town, programs: Programs, tmp_path: Path) -> str:
    """Serve a city's minutes and another's money with `clerk-tasks publish serve`; return the address."""
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(text_pdf("MINUTES", "The council approved the heron bridge."))
    store(paper, "oakland.ca/_pdfs/CityCouncil/2026-01-02.pdf")
    texts = {
        1: "The meeting was called to order.",
        2: "The council approved the heron bridge on a vote of five to two.",
    }
    place = ("minutes", "CityCouncil", "2026-01-02")
    note_origin(Layout(site_dir("oakland.ca")), place, url=CITY_PDF)
    write({f"txt/CityCouncil/2026-01-02/{n}": text for n, text in texts.items()})
    server = programs.clerk("publish", "serve", "--port", "0")
    wait_for(lambda: "serving http" in server.log, "the server listens", deadline=60, logs=lambda: server.log)
    (found,) = re.findall(r"serving (http\S+)/", server.log)
    return str(found)


@pytest.fixture(params=[(360, False), (1000, True)], ids=["telephone, no scripts", "desk"])
def visit(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Callable[[str], Page]]:
    """Return a function that opens a page of the server; the policy may refuse nothing that the page needs."""
    width, scripts = request.param
    context = browser.new_context(java_script_enabled=scripts, viewport={"width": width, "height": 800})
    complaints: list[str] = []

    def opened(path: str) -> Page:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{page.url}: {message.text}"))
        page.goto(address + path)
        return page

    yield opened
    context.close()
    assert complaints == []


def fits(page: Page) -> bool:
    """Return whether nothing is wider than the window."""
    box = page.locator("html").bounding_box()
    boxes = [part.bounding_box() for part in page.locator("main > *, figure > *").all()]
    return box is not None and all(each is None or each["x"] + each["width"] <= box["width"] + 1 for each in boxes)


def dollars(text: str) -> float:
    return float(text.strip("$").replace(",", ""))


def test_a_journalist_finds_what_a_figure_and_a_sentence_are_from(visit: Callable[[str], Page]) -> None:
    from_the_front_page_to_the_row_of_the_source_file(visit("/"))
    from_a_number_to_the_rows_that_it_is_the_sum_of(visit("/city/alderbay.ca"))
    from_a_search_to_the_page_of_minutes_and_the_pdf(visit("/"))
    page = visit("/freshness")
    expect(page.locator("tbody tr td:first-child")).to_have_text(["Alder Bay, CA", "Oakland, CA"])
    assert fits(page)


def from_the_front_page_to_the_row_of_the_source_file(page: Page) -> None:
    page.get_by_role("link", name="Alder Bay, CA").first.click()
    chart = page.locator("#money-by-committee svg")
    expect(chart).to_have_attribute("role", "img")
    assert (chart.locator("rect").count() > 0, fits(page)) == (True, True)
    name, total = page.locator("#money-by-committee tbody tr").first.locator("td").all_inner_texts()[:2]
    assert (name, total) == ("Castro for Alder Bay Mayor 2024", "$20,000.00")
    page.locator("#money-by-committee tbody").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    assert fits(page)
    page.get_by_role("link", name=re.compile("Form 460")).first.click()
    expect(page.locator("dl")).to_contain_text(re.compile("SHA-256 [0-9a-f]{64}"))
    assert fits(page)
    line = page.locator("tbody tr").filter(has_text="$").first
    _, giver, amount = line.locator("td").all_inner_texts()[:3]
    line.get_by_role("link").click()
    page.wait_for_url("**/alderbay-ca-finance/A_Contributions/*")
    cells = page.locator("table").first.inner_text()
    assert (giver.split()[-1] in cells, f"{dollars(amount):g}" in cells) == (True, True)


def from_a_number_to_the_rows_that_it_is_the_sum_of(page: Page) -> None:
    number = page.locator("#top-contributors tbody tr").first.locator("td").nth(1)
    total = dollars(number.inner_text())
    number.get_by_role("link").click()
    page.wait_for_url("**/contributions?*")
    assert sum(map(dollars, page.locator("td.col-amount").all_inner_texts())) == total
    page.locator("td.col-filing_id a").first.click()
    page.wait_for_url("**/city/alderbay.ca/filing/*")


def from_a_search_to_the_page_of_minutes_and_the_pdf(page: Page) -> None:
    page.get_by_label("Words").fill("heron bridges")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".found li mark")).to_have_text(["heron", "bridge"])
    assert fits(page)
    page.locator(".found li").get_by_role("link").click()
    expect(page.locator("article mark")).to_have_text(["heron", "bridge"])
    assert fits(page)
    citation = page.get_by_label("Citation").input_value()
    assert citation.startswith("Oakland, CA, City Council, 2026-01-02: Minutes, page 2.")
    assert page.url.partition("?")[0] in citation
    page.get_by_role("link", name="← Previous page").first.click()
    expect(page.locator("article")).to_contain_text("called to order")
    expect(page.get_by_role("link", name="The city's document")).to_have_attribute("href", CITY_PDF)
    paper = page.get_by_role("link", name="PDF").get_attribute("href")
    answer = page.request.get(page.url.partition("/city/")[0] + str(paper))
    assert (answer.headers["content-type"], answer.body()[:5]) == ("application/pdf", b"%PDF-")
