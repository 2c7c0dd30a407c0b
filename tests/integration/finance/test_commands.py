"""`clerk-tasks finance …`, as an operator types it; no worker runs, so what is enqueued stays."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import typer

from clerk.hookspecs import ClerkSpec
from clerk.jobs import JobType
from clerk_tasks.cli.main import main
from plugins.election_finance import ElectionFinancePlugin
from tests.integration.finance.conftest import Town

AddTown = Callable[..., Town]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def run(
    sqlite_url: str, redis_url: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Run `clerk-tasks` with these arguments."""
    monkeypatch.setenv("BROKER_URL", redis_url)
    monkeypatch.setattr("sys.argv", ["clerk-tasks"])

    def call(*arguments: str) -> Result:
        code = main(arguments)
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return call


Run = Callable[..., Result]


def jobs() -> list[tuple[str, str, dict[str, object]]]:
    """Return (job type, site, arguments) of every job, oldest first."""
    from sqlalchemy import select

    from clerk.database.tables import jobs_table
    from clerk.database.transactions import reading

    c = jobs_table.c
    with reading() as connection:
        found = connection.execute(select(c.job_type, c.subdomain, c.arguments).order_by(c.id))
        return [(kind, site, arguments) for kind, site, arguments in found]


def test_update_finance_says_for_which_site(run: Run, add_town: AddTown) -> None:
    add_town("oakland.ca", has_finance_data=True)
    result = run("update", "--finance", "--next-site")
    assert result.code == 0
    assert "Enqueued finance ETL for oakland.ca" in result.err.splitlines()
    assert len(result.out.split()) == 1, "the answer is the job's id"


def test_one_site(run: Run, add_town: AddTown) -> None:
    add_town("oakland.ca")
    result = run("finance", "etl", "--subdomain", "oakland.ca", "--all-years", "--force")
    assert result.code == 0
    assert result.out.startswith("enqueued finance-etl for oakland.ca: job ")
    assert jobs() == [("finance-etl", "oakland.ca", {"all_years": True, "force": True})]


@pytest.mark.parametrize("command", ["etl --all", "etl --next-site", "extract a.ca", "transform a.ca", "load a.ca"])
def test_what_was_enqueued_as_json(run: Run, add_town: AddTown, command: str) -> None:
    (add_town("a.ca", has_finance_data=True).finance / "drop").mkdir(parents=True)
    (job,) = json.loads(run("finance", *command.split(), "--json").out)
    assert (job["subdomain"], job["state"], job["job_type"]) == ("a.ca", "available", f"finance-{command.split()[0]}")
    assert json.loads(run("finance", "etl", "--all", "--json").out) == []


def test_a_site_has_one_finance_job_at_a_time(run: Run, add_town: AddTown) -> None:
    add_town("oakland.ca")
    assert run("finance", "extract", "oakland.ca").code == 0
    again = run("finance", "etl", "--subdomain", "oakland.ca")
    assert again.code == 4
    assert "is already doing this" in again.err
    assert len(jobs()) == 1


@pytest.mark.parametrize(
    ("command", "job"),
    [
        (("extract", "--all-years"), ("finance-extract", {"all_years": True})),
        (("extract", "--accept-shrink"), ("finance-extract", {"accept_shrink": True})),
        (("transform",), ("finance-transform", {})),
        (("load", "--accept-shrink"), ("finance-load", {"accept_shrink": True})),
    ],
    ids=["extract", "extract-less", "transform", "load"],
)
def test_the_stages(run: Run, add_town: AddTown, command: tuple[str, ...], job: tuple[str, dict[str, object]]) -> None:
    add_town("oakland.ca")
    assert run("finance", *command, "oakland.ca").code == 0
    assert jobs() == [(job[0], "oakland.ca", job[1])]


def test_every_site_that_can_be_done(run: Run, add_town: AddTown) -> None:
    for subdomain in ("oakland.ca", "nowhere.ca", "berkeley.ca"):
        add_town(subdomain, has_finance_data=True)
    add_town("fresno.ca")
    assert run("finance", "etl", "--subdomain", "berkeley.ca").code == 0
    result = run("finance", "etl", "--all")
    assert result.code == 0
    assert result.out.count("enqueued") == 1
    assert "skipped nowhere.ca: no NetFile agency is known" in result.err
    assert "skipped berkeley.ca: Job" in result.err
    assert [site for _, site, _ in jobs()] == ["berkeley.ca", "oakland.ca"]


def test_the_next_site(run: Run, add_town: AddTown) -> None:
    for subdomain in ("oakland.ca", "berkeley.ca"):
        add_town(subdomain, has_finance_data=True)
    assert [run("finance", "etl", "--next-site").code for _ in range(3)] == [0, 0, 0]
    assert sorted(site for _, site, _ in jobs()) == ["berkeley.ca", "oakland.ca"]


def test_a_next_site_without_an_agency_does_not_bar_the_way(run: Run, add_town: AddTown) -> None:
    add_town("aaa.ca", has_finance_data=True)
    add_town("oakland.ca", has_finance_data=True)
    assert [run("finance", "etl", "--next-site").code for _ in range(2)] == [0, 0]
    assert [site for _, site, _ in jobs()] == ["aaa.ca", "oakland.ca"]
    empty = run("finance", "etl", "--next-site")
    assert (empty.code, empty.out) == (0, "")
    assert "no site with finance data is waiting" in empty.err


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("etl",), 2, "one of --all, --subdomain SUBDOMAIN, --next-site"),
        (("etl", "--all", "--next-site"), 2, "one of --all"),
        (("etl", "--subdomain", "../x"), 2, "bad subdomain"),
        (("etl", "--subdomain", ""), 2, "bad subdomain"),
        (("etl", "--subdomain", "gone.ca"), 3, "no site 'gone.ca'"),
        (("extract", "nowhere.ca"), 3, "no NetFile agency is known for nowhere.ca"),
    ],
    ids=["no-site", "two-sites", "path", "empty", "unknown", "no-agency"],
)
def test_mistakes(run: Run, add_town: AddTown, arguments: tuple[str, ...], code: int, line: str) -> None:
    add_town("nowhere.ca")
    result = run("finance", *arguments)
    assert result.code == code
    assert line in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert jobs() == []


def test_a_site_without_an_agency_may_have_a_drop_folder(run: Run, add_town: AddTown) -> None:
    (add_town("nowhere.ca").finance / "drop").mkdir(parents=True)
    assert run("finance", "extract", "nowhere.ca").code == 0


def test_the_agencies(run: Run) -> None:
    listed = run("finance", "agencies")
    assert "COAK    oakland.ca" in listed.out
    assert "OAK is Oakley" in listed.out
    rows = json.loads(run("finance", "agencies", "--json").out)
    assert {"subdomain", "shortcut", "name", "kind", "note"} == set(rows[0])
    assert len(rows) == len(listed.out.splitlines())


def test_the_plugin_answers_hooks_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = ElectionFinancePlugin()
    hooks = [name for name in vars(ElectionFinancePlugin) if not name.startswith("_")]
    assert all(hasattr(ClerkSpec, name) for name in hooks)
    kinds = plugin.register_job_types()
    assert sorted(kinds) == ["finance-etl", "finance-extract", "finance-load", "finance-transform"]
    assert all(isinstance(kind, JobType) and kind.queue == "finance" for kind in kinds.values())
    assert plugin.register_worker_functions() == {"finance": {"queues": ["finance"]}}
    assert plugin.get_data_processors("meetings") is None
    assert isinstance(plugin.register_cli_commands(), typer.Typer)
    monkeypatch.setenv("CLERK_FINANCE_CRON", "30 2 * * 0")
    (schedule,) = plugin.register_schedules()
    assert (schedule.name, schedule.cron, schedule.timezone) == (
        "finance-next-site",
        "30 2 * * 0",
        "America/Los_Angeles",
    )


def test_the_schedule_takes_as_many_sites_as_it_may(add_town: AddTown, monkeypatch: pytest.MonkeyPatch) -> None:
    from clerk.database.transactions import transaction

    monkeypatch.setenv("CLERK_FINANCE_SITES_PER_NIGHT", "2")
    for subdomain in ("a.ca", "b.ca", "c.ca"):
        add_town(subdomain, has_finance_data=True)
    (schedule,) = ElectionFinancePlugin().register_schedules()
    with transaction() as connection:
        requests = schedule.jobs(connection)
    assert [(request.job_type, request.subdomain) for request in requests] == [
        ("finance-etl", "a.ca"),
        ("finance-etl", "b.ca"),
    ]


def test_the_processor_does_it_here_and_now(add_town: AddTown) -> None:
    from devtools.netfile_books import rows_of
    from tests.integration.finance.towns import report

    town = add_town("oakland.ca")
    town.drop_rows("2023.xlsx", rows_of(report()))
    processor_class = ElectionFinancePlugin().get_data_processors("finance")
    assert processor_class is not None
    processor = processor_class("oakland.ca")
    assert processor.extract() == [2023]
    processor.transform()
    assert processor.load()["rows"] == 16
    assert processor.run()["outcome"] == "unchanged"
    assert processor.database == town.database
