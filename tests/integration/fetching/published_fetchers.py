"""Uses the published clerk-fetchers package as the pipeline would; run by Python 3.12 with only that and our project.

`python published_fetchers.py URL` prints, as JSON, what each of its fetchers has put where.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

from clerk.fetching.fetcher_factory import get_fetcher
from clerk.fetching.overriding import overridden

LABELS = (
    "example_city",
    "alamedausd.ca",
    "berkeley.ca",
    "houston.tx",
    "sanfrancisco.ca",
    "senado.pr",
    "swagit",
    "bryan-county.ga",
)


def main(url: str) -> None:
    """Construct every fetcher, run those that can be pointed at `url` or at local files."""
    extras: dict[str, dict[str, Any]] = {
        "example_city": {"base_url": url},
        "sanfrancisco.ca": {"calendar_url": f"{url}/Calendar.aspx"},
        "swagit": {"swagit_subdomain": "upland", "view_id": "299"},
    }
    fetchers = {label: made(label, extras.get(label, {})) for label in LABELS}
    for label in ("bryan-county.ga", "swagit"):
        fetchers[label].base_url = url
    fetchers["senado.pr"].url = url
    for label in ("houston.tx", "alamedausd.ca"):
        folder = Path("input") / fetchers[label].subdomain
        folder.mkdir(parents=True)
        (folder / "Minutes_2024_01_09.pdf").write_bytes(b"%PDF-1.4 local")
    for label in LABELS:
        if label != "berkeley.ca":  # whose address is written into it
            fetchers[label].fetch_events()
    root = Path(os.environ["STORAGE_DIR"])
    found = {
        label: sorted(
            path.relative_to(root / fetcher.subdomain).as_posix() for path in root.glob(f"{fetcher.subdomain}/**/*.pdf")
        )
        for label, fetcher in fetchers.items()
    }
    answer = {"found": found, "languages": fetchers["senado.pr"].ocr_lang}
    sys.stdout.write(f"{json.dumps(answer)}\n")


def made(label: str, extra: dict[str, Any]) -> Any:
    """Return a fetcher as a site's row asks for it; its extra is text, as in the database."""
    site = {
        "subdomain": label.replace("_", "-"),
        "scraper": label,
        "start_year": date.today().year - 1,
        "pages": 3,
        "extra": json.dumps(extra),
    }
    fetcher = get_fetcher(site, all_agendas=True)
    assert type(fetcher).__module__.startswith("clerk_fetchers.")
    assert fetcher.start_date.year == fetcher.start_year == date.today().year - 1
    assert overridden(fetcher) == frozenset()
    return fetcher


if __name__ == "__main__":
    main(sys.argv[1])
