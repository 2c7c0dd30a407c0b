"""What the documentation tells a reader to do works, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from devtools.pages import blocks, is_example, run_page
from devtools.processes import Programs

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page in PAGES if any(map(is_example, blocks(page)))], ids=name)
def test_the_examples_work(page: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a reader has it: a folder of his own and no settings but those that the page makes.
    monkeypatch.delenv("CLERK_HOME")
    monkeypatch.setenv("STORAGE_DIR", "sites")
    assert run_page(page, Path.cwd(), programs) > 0


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_to_files_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_to_headings_lead_to_headings(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)#([^)\s]+)\)", page.read_text())
    assert [link for link in links if link[1] not in anchors(page.parent / link[0] if link[0] else page)] == []


PAGE = """
```python title=lib/hello.py
print("hello 1234 world")
```

```sh
exit 7  # only read
```

```sh run
test -f lib/hello.py
echo done > first
```

```console run
$ python lib/hello.py
hello ... world
$ cat first
done
```
"""


def test_a_page_is_done_from_top_to_bottom(tmp_path: Path, programs: Programs) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert run_page(page, tmp_path, programs) == 3
    assert (tmp_path / "first").read_text() == "done\n"


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("```sh run\ntrue\nfalse\ntrue\n```", r"page.md:1: exit 1"),
        ("\n```console run\n$ echo this\nthat\n```", r"page.md:2: \$ echo this"),
    ],
    ids=["exit code", "output"],
)
def test_an_example_that_does_not_work_is_found(tmp_path: Path, programs: Programs, wrong: str, complaint: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(wrong)
    with pytest.raises(AssertionError, match=complaint):
        run_page(page, tmp_path, programs)


def linked(page: Path) -> set[Path]:
    """Return the files that a page links to."""
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    return {(page.parent / link).resolve() for link in links}


def test_the_indexes_list_every_page() -> None:
    indexes = [ROOT / "docs/README.md", ROOT / "docs/decisions/README.md"]
    listed = set[Path]().union(*map(linked, indexes))
    assert set((ROOT / "docs").rglob("*.md")) - listed == {indexes[0]}
    assert indexes[0] in linked(ROOT / "README.md")


@pytest.mark.parametrize("page", sorted((ROOT / "docs/decisions").glob("0*.md")), ids=name)
def test_a_decision_says_why_and_by_what_evidence(page: Path) -> None:
    headings = re.findall(r"^## (.*)$", page.read_text(), flags=re.MULTILINE)
    assert headings == ["Context", "Decision", "Evidence", "Consequences"]
