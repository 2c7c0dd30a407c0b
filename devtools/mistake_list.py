"""The mistakes of a plugin author that docs/reference/mistakes.md shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import dedent, indent
from typing import Any

CHECK, CALL, RUN = "Found by `plugins check`", "Said when it is called", "Shown when it runs"


@dataclass(frozen=True)
class Mistake:
    """One mistake: a plugin's file, and the command, or the job, that shows it."""

    title: str
    source: str
    part: str = CHECK
    command: str = "plugins check"
    job: str = ""
    site: Mapping[str, Any] = field(default_factory=dict)
    other: str = ""  # the file of another plugin

    def files(self) -> dict[str, str]:
        """Return the files of the plugins directory."""
        head = "from clerk import hookimpl\n\n"
        files = {"acme.py": head + self.source}
        return files | ({"beta.py": head + self.other} if self.other else {})


def plugin(answer: str, before: str = "", hook: str = "register_job_types(self)") -> str:
    """Return a plugin whose hook returns something."""
    body = f"class Acme:\n    @hookimpl\n    def {hook}:\n        return {answer}\n"
    return f"{dedent(before).strip()}\n\n\n{body}" if before else body


def called(title: str, function: str, options: str, before: str = "") -> Mistake:
    source = plugin('{"work": work}', f"{dedent(before)}\n\n{dedent(function)}" if before else function)
    return Mistake(title, source, CALL, f"enqueue work alameda.ca {options}".strip())


def run(title: str, body: str, before: str = "", answer: str = '{"work": work}', others: str = "") -> Mistake:
    function = f"def work(subdomain, run_id):\n{indent(dedent(body).strip(), '    ')}"
    head = f"{before}\n\n\n" if before else ""
    return Mistake(title, plugin(answer, f"{head}{function}{others}"), RUN, job="work")


def schedule(title: str, body: str) -> Mistake:
    imports = "from clerk import JobRequest, Schedule"
    hooks = (
        '{"work": work}\n\n    @hookimpl\n    def register_schedules(self):\n'
        '        return [Schedule("acme", "0 4 * * *", choose)]'
    )
    functions = f"{WORK}\n\n\ndef choose(connection):\n    {body}"
    return Mistake(title, plugin(hooks, f"{imports}\n\n\n{functions}"), CALL, "schedule tick acme")


def fetcher(title: str, answer: str, before: str = "") -> Mistake:
    source = plugin(f'{answer} if label == "acme" else None', before, "fetcher_class(self, label)")
    return Mistake(title, source, RUN, job="fetch-site", site={"scraper": "acme"})


def source(title: str, meetings: str, before: str = "") -> Mistake:
    imports = (
        "from datetime import date",
        "",
        "from clerk.fetching.listing import Meeting, PublishedFile",
        "from clerk.fetching.source import SourceFetcher",
    )
    functions = f"{before}\n\n\n" if before else ""
    listing = f'    source = "acme"\n\n    def meetings(self, window):\n        {meetings}'
    head = "\n".join(imports)
    return fetcher(title, "AcmeFetcher", f"{head}\n\n\n{functions}class AcmeFetcher(SourceFetcher):\n{listing}")


WORK = "def work(subdomain, run_id): ..."
METRIC = "from clerk import PluginMetric"
METRICS, SCHEDULES = "register_metrics(self)", "register_schedules(self)"
JOBTYPE = "from clerk import JobType\n\n\n" + WORK

MISTAKES = [
    Mistake("A misspelt hook", plugin('{"work": work}', WORK, "register_job_typs(self)")),
    Mistake("A hook's argument under another name", plugin("None", "", "fetcher_class(self, lable)")),
    Mistake("A hook that is not marked", plugin('{"work": work}', WORK).replace("    @hookimpl\n", "")),
    Mistake(
        "A hook outside of a class", WORK + '\n\n\n@hookimpl\ndef register_job_types():\n    return {"work": work}\n'
    ),
    Mistake("A syntax error", "def work(subdomain:\n    ...\n"),
    Mistake("A module that is not there", "import acme_tools\n"),
    Mistake("An exit at import", "import sys\n\nsys.exit(1)\n"),
    Mistake(
        "A constructor that fails",
        plugin("{}").replace("    @hook", '    def __init__(self):\n        open("acme.key")\n\n    @hook'),
    ),
    Mistake("A hook that fails", plugin("{}[0]")),
    Mistake("A wrapper", plugin("{}").replace("@hookimpl", "@hookimpl(wrapper=True)")),
    Mistake("An async function", plugin('{"work": work}', "async def work(subdomain, run_id): ...")),
    Mistake("A generator", plugin('{"work": work}', "def work(subdomain, run_id):\n    yield 1")),
    Mistake("No parameters", plugin('{"work": work}', "def work(): ...")),
    Mistake("The run id before the subdomain", plugin('{"work": work}', "def work(run_id, subdomain): ...")),
    Mistake("Another parameter before the subdomain", plugin('{"work": work}', "def work(year, subdomain): ...")),
    Mistake(
        "A method without its instance",
        plugin('{"work": Acme.work}').replace("    @hook", "    def work(self, subdomain): ...\n\n    @hook"),
    ),
    Mistake("A positional-only parameter", plugin('{"work": work}', "def work(subdomain, year, /): ...")),
    Mistake("An annotation that is not defined", plugin('{"work": work}', 'def work(subdomain, *, day: "Datum"): ...')),
    Mistake("Not a function", plugin('{"work": 7}')),
    Mistake("A value for a type", plugin('{"work": work}', "def work(subdomain, *, years: [int]): ...")),
    Mistake("A text for a type", plugin('{"work": work}', 'def work(subdomain, *, year: "the first year"): ...')),
    Mistake("No subdomain", plugin('{"work": work}', "def work(year: int): ...")),
    Mistake(
        "A setting of @job that is not there",
        plugin('{"work": work}', 'from clerk import job\n\n\n@job(quue="acme")\n' + WORK),
    ),
    Mistake(
        "A setting of @job without its name",
        plugin('{"work": work}', 'from clerk import job\n\n\n@job("acme")\n' + WORK),
    ),
    Mistake("A list instead of a dict", plugin("[work]", WORK)),
    Mistake("A bad name", plugin('{"Do Work": work}', WORK)),
    Mistake("A bad setting", plugin('{"work": JobType(work, max_attempts="3")}', JOBTYPE)),
    Mistake("A bad time limit", plugin('{"work": JobType(work, time_limit=0)}', JOBTYPE)),
    Mistake("A unique key of an unknown argument", plugin('{"work": JobType(work, unique="{year}")}', JOBTYPE)),
    Mistake("A queue without a pool", plugin('{"work": JobType(work, queue="acme")}', JOBTYPE)),
    Mistake("The name of a built-in job type", plugin('{"fetch-site": work}', WORK)),
    Mistake(
        "The name of another plugin's job type",
        plugin('{"work": work}', WORK),
        other=plugin('{"work": work}', WORK).replace("Acme", "Beta"),
    ),
    Mistake("A command that is no Typer app", plugin("hours", "def hours(): ...", "register_cli_commands(self)")),
    Mistake(
        "A bad cron expression",
        plugin('[Schedule("acme", "61 * * * *", list)]', "from clerk import Schedule", "register_schedules(self)"),
    ),
    Mistake(
        "A time zone that does not exist",
        plugin(
            '[Schedule("acme", "0 6 * * *", list, timezone="Pacific")]',
            "from clerk import Schedule",
            "register_schedules(self)",
        ),
    ),
    Mistake(
        "A schedule's function without a connection",
        plugin('[Schedule("acme", "0 6 * * *", due)]', "from clerk import Schedule\n\n\ndef due(): ...", SCHEDULES),
    ),
    Mistake("A bad name of a metric", plugin('[PluginMetric("Acme Jobs", "Jobs.", int)]', METRIC, METRICS)),
    Mistake("A metric that is no function", plugin('[PluginMetric("acme_jobs", "Jobs.", 7)]', METRIC, METRICS)),
    Mistake(
        "A page of the board without parameters",
        plugin(
            '[BoardPage("acme", "Acme", show)]',
            "from clerk import BoardPage\n\n\ndef show():\n    return []",
            "register_board_pages(self)",
        ),
    ),
    Mistake(
        "A worker's function with an argument",
        plugin(
            '{"acme": {"queues": ["acme"], "function": start}}',
            "def start(worker): ...",
            "register_worker_functions(self)",
        ),
    ),
    Mistake("A command that is a function", plugin("print", "", "register_cli_commands(self)")),
    Mistake(
        "The running job at import", "from clerk import current_job\n\nJOB = current_job().job_id\n\n\n" + plugin("{}")
    ),
    called("An unknown argument", "def work(subdomain, *, year: int): ...", "--arg yaer=2026"),
    called("A missing argument", "def work(subdomain, *, year: int): ...", ""),
    called("An argument of another type", "def work(subdomain, *, year: int): ...", "--year soon"),
    called(
        "A value that is no choice (Literal)",
        'def work(subdomain, *, kind: Literal["minutes", "agenda"]): ...',
        "--kind notes",
        "from typing import Literal\n",
    ),
    called(
        "A value that is no choice (Enum)",
        'class Kind(Enum):\n    MINUTES = "minutes"\n\n\ndef work(subdomain, *, kind: Kind): ...',
        "--kind notes",
        "from enum import Enum\n",
    ),
    called(
        "A date that does not exist",
        "def work(subdomain, *, day: date): ...",
        "--day 31.12.2026",
        "from datetime import date\n",
    ),
    called("JSON that cannot be read", "def work(subdomain, *, rows: list[int]): ...", "--arg rows=[1,"),
    called("An option that is not there", "def work(subdomain, *, year: int): ...", "--yaer 2026"),
    Mistake("An unknown job type", plugin('{"work": work}', WORK), CALL, "enqueue wrok alameda.ca"),
    Mistake(
        "A job type of a quarantined plugin",
        plugin('{"work": work}', "def work(run_id, subdomain): ..."),
        CALL,
        "enqueue work alameda.ca",
    ),
    schedule("A schedule that fails", 'raise KeyError("website")'),
    schedule("A schedule that asks for an unknown job type", 'return [JobRequest("wrok", "alameda.ca")]'),
    schedule("A schedule that gives a wrong argument", 'return [JobRequest("work", "alameda.ca", {"year": 2026})]'),
    run("An exception", 'return subdomain["name"]'),
    run("Not implemented", "raise NotImplementedError"),
    run("An exit", "sys.exit(3)", "import sys"),
    run("No memory", "raise MemoryError"),
    run("A result that is not JSON", "return {1, 2}"),
    run("A result of NaN", 'return float("nan")'),
    run("A result that is too large", 'return "x" * 5_000_000'),
    run(
        "A wait that is no number",
        'raise Retry("not yet", after="soon")',
        "from clerk import JobType, Retry",
        '{"work": JobType(work, max_attempts=1)}',
    ),
    run("A coroutine that a function returns", "return later()", others="\n\n\nasync def later(): ..."),
    run("A child of an unknown type", 'current_job().spawn("wrok", subdomain)', "from clerk import current_job"),
    run(
        "A child with a wrong argument",
        'current_job().spawn("work", subdomain, year=2026)',
        "from clerk import current_job",
    ),
    fetcher("A fetcher that is a text", '"acme.Fetcher"'),
    fetcher(
        "A fetcher whose constructor takes no site",
        "AcmeFetcher",
        "class AcmeFetcher:\n    def fetch_events(self): ...",
    ),
    fetcher(
        "An async fetch_events",
        "AcmeFetcher",
        "from clerk import Fetcher\n\n\nclass AcmeFetcher(Fetcher):\n    async def fetch_events(self): ...",
    ),
    fetcher(
        "A fetcher without fetch_events",
        "AcmeFetcher",
        "from clerk import Fetcher\n\n\nclass AcmeFetcher(Fetcher): ...",
    ),
    source("A fetcher that lists nothing", "window.years()"),
    source("A fetcher that lists something else", 'return [{"day": "2026-03-03"}]'),
    source(
        "Rows that cannot be read",
        'return self.read_rows([{"number": 7}], read)',
        'def read(row):\n    return Meeting(row["id"], "Council", date(2026, 3, 3))',
    ),
    source(
        "A file of an unknown kind",
        'return self.read_rows(["minutes/7.pdf"], read)',
        'def read(row):\n    return Meeting(row, "Council", date(2026, 3, 3), [PublishedFile("minute", row)])',
    ),
]
