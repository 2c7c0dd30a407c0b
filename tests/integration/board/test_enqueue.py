"""The act *enqueue*: a form with the arguments of a job type, mistakes at their fields, and one job of one form."""

from __future__ import annotations

import html
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from clerk.application import application
from clerk.plugin.loader import forget_plugins
from clerk_tasks.operations.acts import list_acts
from clerk_tasks.operations.listing import list_jobs, show_job
from tests.integration.board.conftest import Connect
from tests.integration.operations.conftest import Enqueue

PLUGIN = '''
from datetime import date, datetime
from typing import Annotated, Literal
from clerk import JobType, hookimpl

def greet(
    subdomain, run_id, name: Annotated[str, "Who is greeted."], *, often: int = 3, since: date | None = None,
    at: datetime | None = None, tone: Literal["warm", "cold"] = "warm", dry_run: bool = False, loud: bool = True,
    sure: bool | None = None, days: list[Literal["mon", "tue", "wed"]] = ["mon"],
    tags: list[str] = ["a", "b"], extra: dict[str, int] = {}, note: str = "hello",
):
    """Greet a city.

    Args:
        often: How many times.
    """

def anything(subdomain, run_id, **arguments):
    pass

class Forms:
    @hookimpl
    def register_job_types(self):
        types = {"greet": greet, "anything": anything}
        return types | {"alone": JobType(anything, unique=True)}
'''
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Fields(HTMLParser):
    """Reads the form of an act as a browser does: what it would send, and what each field is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.kinds: dict[str, dict[str, str]] = {}
        self._inside = False
        self._area: str | None = None
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self._inside = self._inside or (tag == "form" and given.get("class") == "act")
        if not self._inside or tag not in ("input", "select", "textarea", "option"):
            return
        name, kind = given.get("name", self._select), given.get("type", tag)
        if kind != "hidden" and tag != "option":
            self.kinds[name] = given | {"type": kind}
        if (tag == "input" and (kind != "checkbox" or "checked" in given)) or (tag == "option" and "selected" in given):
            self.sent.append((name, given["value"]))
        elif tag == "select":
            self._select = name
        elif tag == "textarea":
            self._area = name

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.sent.append((self._area, data.removeprefix("\n")))

    def handle_endtag(self, tag: str) -> None:
        self._area = None if tag == "textarea" else self._area
        self._inside = self._inside and tag != "form"


def send(
    board: httpx.Client, page: httpx.Response, step: str = "", act: str = "enqueue", **typed: Any
) -> httpx.Response:
    """Type into the form of a page and press one of its buttons."""
    changed = {f"arg-{name.removeprefix('arg_')}" if name.startswith("arg_") else name: typed[name] for name in typed}
    kept = [(name, value) for name, value in Fields(page.text).sent if name not in changed]
    form: dict[str, Any] = {"step": step}
    for name, value in kept:
        form.setdefault(name, []).append(value)
    return board.post(f"/act/{act}", data=form | changed)


@pytest.fixture
def forms(engine: Engine) -> None:
    Path("plugins/forms.py").write_text(PLUGIN)
    forget_plugins()


@pytest.mark.usefixtures("forms")
def test_a_form_is_filled_in_previewed_and_enqueued_once(board: httpx.Client) -> None:
    opened = board.get("/act/enqueue?job_type=greet&subdomain=alameda.ca")
    asked = send(board, opened, "preview", arg_name="Ada", arg_since="2024-01-02", arg_often="5", arg_loud="false")
    assert asked.status_code == 200, asked.text
    assert "1 job of type greet would be enqueued for alameda.ca." in asked.text
    command = (
        "clerk-tasks enqueue greet alameda.ca --arg name=Ada --arg since=2024-01-02 --arg often=5 --arg loud=false"
    )
    assert sorted(command.split()) == sorted(re.findall(r"<code>(.*)</code>", asked.text)[0].split())
    assert list_jobs() == []
    done = [send(board, asked, reason="a test") for _ in range(2)]
    (job,) = list_jobs()
    assert f'href="/jobs/{job["id"]}"' in done[0].text
    assert "sent before" in done[1].text
    assert f'href="/jobs/{job["id"]}"' in done[1].text
    arguments = show_job(job["id"])["arguments"]
    assert arguments == {"name": "Ada", "since": "2024-01-02", "often": 5, "loud": False}
    ((act, what, reason),) = [(each["act"], each["what"], each["reason"]) for each in list_acts()]
    assert (act, what, reason) == ("enqueue", f"greet of alameda.ca, job {job['id']}", "a test")


@pytest.mark.usefixtures("forms")
def test_a_form_that_is_sent_many_times_at_once_records_one_job(board: httpx.Client, connect: Connect) -> None:
    for job_type in ("greet", "alone"):
        opened = board.get(f"/act/enqueue?job_type={job_type}&subdomain=alameda.ca&arg-name=Ada")
        asked = send(board, opened, "preview")
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda page: send(board, page).status_code, [asked] * 6))
        assert answers == [200] * 6
        assert len(list_jobs(job_type=job_type)) == 1
    assert len(list_acts()) == 2


@SQLITE
@pytest.mark.usefixtures("forms")
def test_each_argument_is_asked_for_by_its_type(board: httpx.Client) -> None:
    page = board.get("/act/enqueue?job_type=greet")
    kinds = Fields(page.text).kinds
    found = {name.removeprefix("arg-"): given["type"] for name, given in kinds.items() if name.startswith("arg-")}
    assert found == {
        "name": "text", "often": "number", "since": "date", "at": "datetime-local", "tone": "select",
        "dry_run": "checkbox", "loud": "checkbox", "sure": "select", "tags": "textarea", "extra": "textarea",
        "note": "text", "days": "select",
    }  # fmt: skip
    assert {name for name, given in kinds.items() if "required" in given} == {"arg-name", "subdomain"}
    assert "multiple" in kinds["arg-days"]
    sent = dict(Fields(page.text).sent)
    shown = {name: sent[f"arg-{name}"] for name in ("often", "tone", "dry_run", "loud", "tags", "note", "days")}
    assert shown == {
        "often": "3", "tone": "warm", "dry_run": "false", "loud": "true", "tags": "a\nb", "note": "hello",
        "days": "mon",
    }  # fmt: skip
    for text in ("greet: Greet a city.", "Who is greeted.", "How many times."):
        assert text in page.text


@SQLITE
@pytest.mark.usefixtures("forms")
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_is_kept(board: httpx.Client) -> None:
    opened = board.get("/act/enqueue?job_type=greet&subdomain=nowhere.ca")
    typed = {
        "arg_often": "x3",
        "arg_since": "soon",
        "arg_extra": '{"a": "<b>"}',
        "arg_note": "token=abc\x07",
        "at": "now",
    }
    for step in ("preview", ""):
        wrong = send(board, opened, step, arg_tags="one\r\ntwo", reason="why not", **typed)
        assert wrong.status_code == 400
        said = dict(re.findall(r'<p class="error" id="act-([\w-]+)-error">(.+)</p>', wrong.text))
        assert set(said) == {"arg-name", "arg-often", "arg-since", "arg-extra", "subdomain", "at"}
        assert said["arg-name"] == "Is missing"
        assert "valid integer" in said["arg-often"]
        assert list_jobs() == [] == list_acts()
        kept = dict(Fields(wrong.text).sent)
        assert kept["reason"] == "why not"
        assert kept["arg-tags"] == "one\ntwo"
        assert kept["at"] == "now"
        assert {name: kept[f"arg-{name}"] for name in ("often", "since", "extra", "note")} == {
            "often": "x3", "since": "soon", "extra": '{"a": "<b>"}', "note": "token=abc\x07",
        }  # fmt: skip


@SQLITE
@pytest.mark.usefixtures("forms")
def test_a_secret_that_is_typed_is_recorded_as_it_is_and_a_cleared_default_is_an_empty_text(
    board: httpx.Client,
) -> None:
    opened = board.get("/act/enqueue?job_type=greet&subdomain=alameda.ca")
    note = "password=hunter2 \u202e"
    asked = send(
        board, opened, "preview", arg_name=note, arg_note="", arg_tags="", arg_sure="false", arg_days=["", "mon", "wed"]
    )
    day = f"{date.today().year + 1}-11-01"
    changed = send(board, send(board, asked, "form"), "preview", priority="high", at=f"{day} 18:30")
    assert f"--priority high --at {day}T18:30:00+00:00" in changed.text
    send(board, changed)
    job = show_job(list_jobs()[0]["id"])
    assert job["arguments"] == {"name": note, "note": "", "tags": [], "sure": False, "days": ["mon", "wed"]}
    assert (job["priority"], job["state"]) == ("high", "scheduled")


@SQLITE
@pytest.mark.usefixtures("forms")
def test_a_job_type_that_takes_any_argument_and_one_that_is_taken(board: httpx.Client, enqueue: Enqueue) -> None:
    opened = board.get("/act/enqueue?job_type=anything&subdomain=alameda.ca")
    assert "NAME=VALUE" in send(board, opened, "preview", others="a").text
    send(board, send(board, opened, "preview", others="a=1\r\nb=x y\r\n"))
    assert show_job(list_jobs()[0]["id"])["arguments"] == {"a": 1, "b": "x y"}
    winner = enqueue("alone")
    taken = send(board, board.get("/act/enqueue?job_type=alone&subdomain=alameda.ca"), "preview")
    assert taken.status_code == 400
    assert f"Job {winner} is doing this" in taken.text


@SQLITE
def test_an_act_is_done_to_what_its_preview_names_though_it_looks_like_a_secret(
    board: httpx.Client, enqueue: Enqueue
) -> None:
    enqueue("fine", name="password=hunter2")
    opened = board.get("/act/cancel", params={"arg": "name=password=hunter2"})
    assert "1 job would be cancelled" in opened.text
    assert "1 job cancelled" in send(board, opened, act="cancel").text


@SQLITE
@pytest.mark.usefixtures("forms")
def test_the_job_types_lead_to_their_forms(board: httpx.Client) -> None:
    for address in ("/jobs", "/jobs?subdomain=alameda.ca", "/queues", "/sites/alameda.ca"):
        assert 'href="/job-types' in board.get(address).text
    page = board.get("/job-types?subdomain=alameda.ca").text
    assert "name, often=3, since" in page
    form = "/act/enqueue?job_type=greet&subdomain=alameda.ca"
    assert f'href="{html.escape(form)}"' in page
    assert ("subdomain", "alameda.ca") in Fields(board.get(form).text).sent
    (greet,) = [each for each in board.get("/json/job-types").json() if each["job_type"] == "greet"]
    assert (greet["summary"], greet["queue"]) == ("Greet a city.", "default")
    fields = {each["name"]: (each["kind"], each["required"], each["help"]) for each in greet["arguments"]}
    assert fields["name"] == ("text", True, "Who is greeted.")
    assert fields["often"] == ("integer", False, "How many times.")
    assert board.get("/act/enqueue").status_code == 400
    assert board.get("/act/enqueue?job_type=none").status_code == 404


@SQLITE
@pytest.mark.usefixtures("forms")
def test_only_who_may_act_enqueues(connect: Connect, board: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    form = {"job_type": "greet", "subdomain": "alameda.ca", "arg-name": "Ada"}
    for step in ("", "preview", "form"):
        assert board.post("/act/enqueue", data=form | {"step": step}).status_code == 403
        assert connect("0.0.0.0").post("/act/enqueue", data=form | {"step": step}).status_code == 403
    assert connect("0.0.0.0").get("/act/enqueue").status_code == 403
    monkeypatch.setenv("CLERK_BOARD_TOKEN", "a-token-of-the-board")
    application.close()
    program = connect("0.0.0.0", headers={"authorization": "Bearer a-token-of-the-board"})
    assert list_jobs() == []
    wrong = program.post("/act/enqueue", data=form | {"arg-often": "x"})
    assert (wrong.status_code, set(wrong.json()["fields"])) == (400, {"arg-often"})
    assert program.post("/act/enqueue", data=form | {"job": "x"}).status_code == 400
    link = program.post("/act/enqueue", data=form).json()["link"]
    assert link == f"/jobs/{list_jobs()[0]['id']}"
