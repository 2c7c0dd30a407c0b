"""Take a picture of each page of the board, in both themes, from the demo's data, into docs/images/."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import demo  # noqa: E402
import demo_finance as finance  # noqa: E402
import demo_meetings as meetings  # noqa: E402
from demo_steps import clerk_tasks, say  # noqa: E402

from clerk_tasks.operations.listing import list_jobs, list_runs  # noqa: E402
from devtools import city_site, netfile_site  # noqa: E402
from devtools.browser import chromium, find_chromium  # noqa: E402
from devtools.services import free_port  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser

THEMES = ("light", "dark")
#: The size of the pictures, and of that of a phone, in pixels.
SIZE, PHONE = (1280, 800), (360, 740)


def main() -> int:
    """Run the demo, then take the pictures while its system runs."""
    parser = argparse.ArgumentParser(prog="script/screenshots", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "screenshots", help="where the demo works")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images", help="where the pictures go")
    options = parser.parse_args()
    browser = find_chromium()
    if browser is None:
        sys.exit("no Chromium: install Debian's package chromium, or set CHROMIUM")
    folder, to = options.folder.resolve(), options.to.resolve()
    demo.empty(folder)
    to.mkdir(parents=True, exist_ok=True)
    with city_site.serving() as city, netfile_site.serving() as netfile:
        city_site.fill(city)
        demo.prepare(folder, CLERK_FINANCE_BASE_URL=netfile.url, CLERK_PUBLISH_DIR=str(folder / "published"))
        os.environ["CLERK_BOARD_LISTEN"] = f"127.0.0.1:{free_port()}"
        with demo.system(folder):
            finance.run()
            meetings.run(city)
            clerk_tasks("pause", "host", "legistar.com", "--for", "2h", "--reason", "the city asked us to")
            with chromium(browser) as running:
                take_all(running, f"http://{os.environ['CLERK_BOARD_LISTEN']}", to)
    return 0


def pages() -> dict[str, str]:
    """Return the name of each picture, and the address of its page."""
    dead = list_jobs(state="discarded", limit=1)[0]["id"]
    run = list_runs(subdomain=meetings.SITE, limit=1)[0]["id"]
    known = ("sites", "jobs", "job-types", "failures", "queues", "schedules", "workers", "published", "acts")
    return {
        "now": "/",
        **{name: f"/{name}" for name in known},
        "site": f"/sites/{meetings.SITE}",
        "job": f"/jobs/{dead}",
        "run": f"/runs/{run}",
        "act": f"/act/retry?job={dead}",
        "enqueue": f"/act/enqueue?job_type=fetch-site&subdomain={meetings.SITE}",
    }


def take_all(browser: Browser, url: str, to: Path) -> None:
    """Take a picture of each page in each theme, and of Now on a phone."""
    for theme in THEMES:
        for name, address in pages().items():
            take(browser, url + address, to / f"board-{name}-{theme}.png", theme, SIZE)
        take(browser, url, to / f"board-phone-{theme}.png", theme, PHONE)


def take(browser: Browser, address: str, file: Path, theme: str, size: tuple[int, int]) -> None:
    """Take one picture."""
    context = browser.new_context(
        color_scheme="dark" if theme == "dark" else "light", viewport={"width": size[0], "height": size[1]}
    )
    page = context.new_page()
    page.goto(address, wait_until="load")
    page.screenshot(path=file)
    context.close()
    say(f"{file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}")


if __name__ == "__main__":
    sys.exit(main())
