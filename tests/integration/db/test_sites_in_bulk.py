"""`sites edit`, `sites import` and `sites export`: what is said of a site is changed, and goes to a file and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clerk_tasks.cli.main import main

pytestmark = pytest.mark.usefixtures("database_url")
Capture = pytest.CaptureFixture[str]

SITES: list[dict[str, Any]] = [
    {
        "subdomain": "alameda.ca",
        "name": "Alameda",
        "state": "CA",
        "scraper": "legistar",
        "extra": {"client": "alameda"},
    },
    {"subdomain": "brook.nv", "name": "Brook, the", "state": "NV", "start_year": 2015, "has_finance_data": True},
]


def answer(capsys: Capture, *command: str) -> Any:
    """Run a command and return its JSON."""
    capsys.readouterr()
    assert main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def written(records: Any, name: str = "sites.json") -> str:
    Path(name).write_text(json.dumps(records) if name.endswith(".json") else records)
    return name


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_what_is_exported_is_imported_as_it_was(capsys: Capture, kind: str) -> None:
    assert answer(capsys, "sites", "import", written(SITES))["added"] == ["alameda.ca", "brook.nv"]
    before = answer(capsys, "sites", "export")
    assert main(["sites", "export", "--format", kind]) == 0
    Path(f"out.{kind}").write_text(capsys.readouterr().out)
    done = answer(capsys, "sites", "import", f"out.{kind}")
    assert done == {"added": [], "changed": [], "unchanged": ["alameda.ca", "brook.nv"]}
    for subdomain in ("alameda.ca", "brook.nv"):
        assert main(["sites", "remove", subdomain, "--yes"]) == 0
    assert answer(capsys, "sites", "import", f"out.{kind}")["added"] == ["alameda.ca", "brook.nv"]
    assert answer(capsys, "sites", "export") == before


def test_only_what_a_record_says_is_changed(capsys: Capture) -> None:
    answer(capsys, "sites", "import", written(SITES))
    changes = "subdomain,name,start_year\nbrook.nv,,2019\nalameda.ca,Alameda,\n"
    assert main(["sites", "import", written(changes, "some.csv"), "--dry-run"]) == 0
    assert capsys.readouterr().out == "1 sites would be changed\n1 sites unchanged\n"
    assert answer(capsys, "sites", "show", "brook.nv")["start_year"] == 2015
    assert main(["sites", "import", "some.csv"]) == 0
    site = answer(capsys, "sites", "show", "brook.nv")
    assert (site["start_year"], site["name"], site["has_finance_data"]) == (2019, "Brook, the", True)


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        ([{"subdomain": "a.ca", "name": "A"}], "x.json", "record 1 (a.ca): state: Field required"),
        ([{**SITES[0], "citty": "x"}], "x.json", "record 1 (alameda.ca): no such column: citty; there are subdomain"),
        ([SITES[1], {**SITES[0], "start_year": "soon"}], "x.json", "record 2 (alameda.ca): start_year: Input should"),
        ([SITES[0], {**SITES[1], "subdomain": "Not a name"}], "x.json", "record 2 (Not a name): bad subdomain"),
        (
            [{**SITES[0], "lat": 91}],
            "x.json",
            "record 1 (alameda.ca): the site's lat is 91.0: it is between -90 and 90",
        ),
        (
            [{**SITES[0], "subdomain": ["a.ca"]}],
            "x.json",
            "record 1 (['a.ca']): subdomain: Input should be a valid string",
        ),
        (f"subdomain,name,state,extra\na.ca,A,CA,{'[' * 100_000}\n", "x.csv", "x.csv, line 2: extra is not JSON"),
        ([SITES[0], SITES[0]], "x.json", "named more than once: alameda.ca"),
        ({"alameda.ca": {}}, "x.json", "x.json is no JSON array of objects"),
        ("[", "x.csv.txt", "a file of sites is named *.csv or *.json"),
        ("subdomain,name\na.ca\n", "x.csv", "x.csv, line 2: it has not as many cells as the header"),
        ("subdomain,name,state,extra\na.ca,A,CA,{\n", "x.csv", "x.csv, line 2: extra is not JSON"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing(capsys: Capture, content: Any, name: str, reason: str) -> None:
    assert main(["sites", "import", written(content, name)]) == 2
    assert reason in capsys.readouterr().err
    assert answer(capsys, "sites", "list") == []


def test_a_site_is_edited(capsys: Capture) -> None:
    answer(capsys, "sites", "import", written(SITES))
    options = ["--name", "Brook", "--no-finance", "--extra", '{"a": 1}', "--lat", "39.5"]
    site = answer(capsys, "sites", "edit", "brook.nv", *options)
    assert (site["name"], site["has_finance_data"], json.loads(site["extra"])) == ("Brook", False, {"a": 1})
    assert (site["lat"], site["start_year"], site["status"]) == ("39.5", 2015, "new")
    assert main(["sites", "edit", "brook.nv", "--name", " "]) == 2
    assert "site brook.nv: the site's name is empty" in capsys.readouterr().err
    assert main(["sites", "edit", "brook.nv", "--scraper", "legistarr"]) == main(["sites", "edit", "brook.nv"]) == 2
    assert main(["sites", "edit", "nowhere.ca", "--name", "N"]) == 3


def test_a_scraper_label_that_no_plugin_knows_is_refused(capsys: Capture) -> None:
    file = written([SITES[0], {**SITES[1], "scraper": "legistarr"}])
    for words in ([], ["--dry-run"]):
        assert main(["sites", "import", file, *words]) == 2
        said = capsys.readouterr().err
        assert "record 2 (brook.nv): " in said
        assert "add --force if its plugin is installed later" in said
    assert answer(capsys, "sites", "list") == []
    assert main(["sites", "import", file, "--force"]) == 0
    assert main(["sites", "import", file]) == 0, "it has that label already"
