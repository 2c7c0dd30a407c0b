"""A process that publishes is killed at every line in turn: readers find the whole old or the whole new."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from devtools.cities import City
from plugins.local_publish.deploy import publish_site

ROOT = Path(__file__).parents[3]

#: Forks for each line that publishing comes to, and there kills the fork. It is one thread, and opens no civic.db.
KILLER = """
import json, os, shutil, signal, sys
from pathlib import Path

what, subdomain, published, aside = sys.argv[1:]

from clerk.publication import check_database
from clerk.settings import settings
from plugins.local_publish.deploy import publish_site, shelves
from devtools.cities import texts_of
import clerk.fetching.layout, clerk.text.tree, plugins.local_publish.content

WATCHED = ("clerk/jobs.py", "plugins/local_publish/shelf.py", "plugins/local_publish/deploy.py")
shelf = shelves(subdomain)[0]
settings()

def work():
    publish_site(subdomain) if what == "publish" else shelf.roll_back()

def kill_at(number):
    seen = set()
    def trace(frame, event, _):
        if not frame.f_code.co_filename.endswith(WATCHED):
            return None
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
            if len(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)

found = []
for number in range(1, 1000):
    shutil.rmtree(published, ignore_errors=True)
    shutil.copytree(aside, published, copy_function=os.link)
    child = os.fork()
    if child == 0:
        kill_at(number)
        work()
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    check_database(shelf.live)
    after = texts_of(shelf.live)
    if what == "publish" or after != ["old"]:
        work()
    kept = [texts_of(version.path) for version in shelf.versions()]
    found.append((after, texts_of(shelf.live), kept))
    if not killed:
        break
print(json.dumps(found))
"""


def killed_everywhere(what: str, city: City, tmp_path: Path) -> list[tuple[list[str], list[str], list[list[str]]]]:
    """Return, for each line: what readers then found, what after another try, and the versions."""
    city.published.rename(tmp_path / "aside")
    command = [sys.executable, "-c", KILLER, what, city.subdomain, str(city.published), str(tmp_path / "aside")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return [(after, again, kept) for after, again, kept in json.loads(result.stdout)]


@pytest.mark.slow
@pytest.mark.fault("F22")
def test_publishing(city: City, tmp_path: Path) -> None:
    for text in ("first", "old"):
        city.compile(text)
        publish_site(city.subdomain)
    city.compile("new")
    found = killed_everywhere("publish", city, tmp_path)
    assert len(found) > 80, "that many lines there are, at the least"
    assert {tuple(after) for after, _, _ in found} == {("old",), ("new",)}
    assert {tuple(again) for _, again, _ in found} == {("new",)}
    assert all(kept == [["first"], ["old"], ["new"]] for _, _, kept in found)


@pytest.mark.slow
@pytest.mark.fault("F22")
def test_going_back(city: City, tmp_path: Path) -> None:
    for text in ("old", "new"):
        city.compile(text)
        publish_site(city.subdomain)
    found = killed_everywhere("roll back", city, tmp_path)
    assert len(found) > 20
    assert {tuple(after) for after, _, _ in found} == {("old",), ("new",)}
    assert {tuple(again) for _, again, _ in found} == {("old",)}
    assert all(kept == [["old"], ["new"]] for _, _, kept in found)
