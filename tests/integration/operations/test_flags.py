"""A job type's arguments are options of `enqueue`, with help and completion; names and ids complete too."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from clerk.plugin.loader import forget_plugins
from clerk_tasks.cli.main import main
from clerk_tasks.job_types.fields import FormField, Kind, fields
from clerk_tasks.job_types.registry import registry
from clerk_tasks.operations.job_type_list import list_job_types
from clerk_tasks.operations.listing import list_jobs, list_runs, show_job
from tests.integration.operations.conftest import Enqueue

GREETING = '''
from datetime import date
from enum import Enum
from typing import Annotated, Literal
from clerk import hookimpl

class Size(Enum):
    SMALL = "small"
    BIG = "big"

def greet(subdomain, run_id, *, name: Annotated[str, "Who is greeted."], since: date = date(2024, 1, 1),
          dry_run: bool = False, size: Size = Size.SMALL, tone: Literal["warm", "cold"] | None = None,
          branches: list[str] | None = None, priority: int = 3, rows: dict[str, int] | None = None):
    """Greet a person.

    Args:
        since: The first day
            to greet.
    """

class Greeting:
    @hookimpl
    def register_job_types(self):
        return {"greet": greet}
'''

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def greeting(engine: Engine) -> None:
    Path("plugins/greeting.py").write_text(GREETING)
    forget_plugins()


def test_what_is_typed_becomes_the_arguments(greeting: None) -> None:
    typed = "--name Ada --since 2024-02-01 --dry-run --branches a --branches b --tone cold --size big"
    assert main(["enqueue", "greet", "alameda.ca", *typed.split(), "--rows", '{"a": 1}', "--arg", "priority=7"]) == 0
    (job,) = list_jobs()
    expected = {"name": "Ada", "since": "2024-02-01", "dry_run": True, "branches": ["a", "b"], "tone": "cold"}
    assert show_job(job["id"])["arguments"] == {**expected, "size": "big", "rows": {"a": 1}, "priority": 7}
    assert main(["enqueue", "--name", "greet", "--no-dry-run", "greet", "alameda.ca", "--priority", "low"]) == 0
    assert show_job(list_jobs()[0]["id"])["arguments"] == {"name": "greet", "dry_run": False}
    assert [job["priority"] for job in list_jobs()] == ["low", "normal"]


def test_each_argument_of_a_shipped_job_type_has_help() -> None:
    shipped = [each for each in list_job_types() if each["plugin"] in ("clerk", "election-finance")]
    arguments = [(each["job_type"], argument) for each in shipped for argument in each["arguments"]]
    assert len(arguments) > 15
    assert [(name, argument["name"]) for name, argument in arguments if not argument["help"]] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("greet alameda.ca --name x --size huge", 2, "argument 'size': input should be 'small' or 'big', not 'huge'"),
        ("greet alameda.ca --name x --since soon", 2, "argument 'since': input should be a valid date"),
        ("greet alameda.ca --size big", 2, "argument 'name' is missing; accepted: name: str, since: datetime.date"),
        ("greet alameda.ca --name x --arg name=y", 2, "argument 'name' is given twice"),
        ("greet alameda.ca --nome x", 2, "No such option: --nome"),
        ("nothing alameda.ca --name x", 3, "Unknown job type 'nothing'"),
        ("fine alameda.ca --size big", 2, "No such option: --size"),
    ],
)
def test_what_is_wrong_is_said(greeting: None, capsys: Capture, words: str, code: int, said: str) -> None:
    assert main(["enqueue", *words.split()]) == code
    assert said in capsys.readouterr().err
    assert list_jobs() == []


def test_the_help_of_a_job_type_is_in_the_help(greeting: None, capsys: Capture) -> None:
    assert main(["enqueue", "greet", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "greet: Greet a person." in text
    assert "--name TEXT Who is greeted. [required]" in text
    assert "--since YYYY-MM-DD The first day to greet. [default: 2024-01-01]" in text
    assert "--dry-run / --no-dry-run [default: false]" in text
    assert "--size small|big [default: small]" in text
    assert "--branches TEXT [may be repeated]" in text
    assert "--arg priority=INTEGER: [default: 3]" in text  # the name of an option of `enqueue`


def test_a_form_can_be_made_of_the_fields(greeting: None) -> None:
    found = {field.name: field for field in fields(registry().get("greet").job_type.function)}
    assert found["name"] == FormField("name", Kind.TEXT, "Who is greeted.", required=True)
    assert found["tone"] == FormField("tone", Kind.CHOICE, "", required=False, choices=("warm", "cold"))
    kinds = {"since": Kind.DATE, "dry_run": Kind.FLAG, "size": Kind.CHOICE, "priority": Kind.INTEGER}
    assert {name: found[name].kind for name in kinds} == kinds
    assert (found["branches"].kind, found["branches"].many, found["rows"].kind) == (Kind.TEXT, True, Kind.JSON)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("enqueue gre", ["greet"]),
        ("enqueue fine al", ["alameda.ca"]),
        ("enqueue greet alameda.ca --siz", ["--size"]),
        ("enqueue greet alameda.ca --size b", ["big"]),
        ("sites show al", ["alameda.ca"]),
        ("why al", ["alameda.ca"]),
        ("jobs list --queue def", ["default"]),
        ("update --from com", ["compilation"]),
        ("runs retry RUN --from f", ["fetch"]),
        ("runs show RU", ["RUN"]),
        ("jobs show JO", ["JOB"]),
        ("jobs retry JO", ["JOB"]),
        ("jobs show 100%", []),
        ("sites show al%", []),
    ],
)
def test_names_and_ids_complete(
    greeting: None, enqueue: Enqueue, words: str, offered: list[str],
    monkeypatch: pytest.MonkeyPatch, capsys: Capture,
) -> None:  # fmt: skip
    job_id = enqueue("fine")
    ids = {"RUN": list_runs()[0]["id"], "JOB": job_id, "RU": list_runs()[0]["id"][:9], "JO": job_id[:9]}
    typed = ["clerk-tasks", *(ids.get(word, word) for word in words.split())]
    monkeypatch.setattr("sys.argv", ["clerk-tasks"])
    monkeypatch.setenv("_CLERK_TASKS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(typed))
    monkeypatch.setenv("COMP_CWORD", str(len(typed) - 1))
    main([])
    assert capsys.readouterr().out.split() == [ids.get(word, word) for word in offered]


def test_without_a_database_nothing_is_offered_and_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none/civic.db")
    monkeypatch.setattr("sys.argv", ["clerk-tasks"])
    monkeypatch.setenv("_CLERK_TASKS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "clerk-tasks sites show a")
    monkeypatch.setenv("COMP_CWORD", "3")
    main([])
    assert capsys.readouterr() == ("\n", "")
