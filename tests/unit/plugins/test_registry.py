"""Job types and worker pools, gathered from the plugins."""

from __future__ import annotations

import pytest

from clerk import JobType
from clerk.errors import ConflictError, NotFoundError
from clerk.jobs import Discard
from clerk.queue import get_job_function_map
from clerk_tasks.job_types.registry import registry
from tests.unit.plugins.conftest import Write, quarantined

BUILT_IN = ["coordinator", "db-compilation", "deploy-site", "extract-site", "fetch-site", "ocr-page"]

JOBS = """
from clerk import Backoff, JobType


def work(subdomain, run_id=None, *, year: int = 2024, label: str = ""):
    return year


class Unreadable:
    def __call__(self, subdomain):
        pass

    def __getattr__(self, name):
        return 1 / 0


class Plugin:
    @hookimpl
    def register_job_types(self):
        return {jobs}

    @hookimpl
    def register_worker_functions(self):
        return {pools}
"""


def jobs(types: str, pools: str = "{}") -> str:
    return JOBS.replace("{jobs}", types).replace("{pools}", pools)


def problems() -> list[tuple[str, str, str]]:
    registry()
    return [(entry.name, entry.phase, entry.error) for entry in quarantined()]


def test_a_plain_function_becomes_a_job_type_with_the_defaults(write: Write) -> None:
    write("acme.py", jobs('{"acme-work": work}'))
    found = registry().get("acme-work")
    assert (found.name, found.plugin) == ("acme-work", "acme")
    assert found.job_type == JobType(get_job_function_map()["acme-work"])
    assert [str(parameter) for parameter in found.parameters] == ["year: int", "label: str"]
    pool = registry().pool_of_queue(found.job_type.queue)
    assert pool is not None
    assert pool.name == "default"
    assert problems() == []


def test_the_built_in_job_types_are_there() -> None:
    functions = get_job_function_map()
    assert [name for name in BUILT_IN if name not in functions] == []
    assert problems() == []
    with pytest.raises(Discard, match="no plugin extracts people and votes"):
        functions["extract-site"]("berkeley.ca")


def test_an_unknown_job_type_lists_the_known_ones() -> None:
    with pytest.raises(NotFoundError) as caught:
        registry().get("fetch-sight")
    assert isinstance(caught.value, ValueError)
    message = str(caught.value)
    assert message.startswith("Unknown job type 'fetch-sight'. Known: ")
    assert ", fetch-site," in message
    assert message.endswith("Did you mean fetch-site?")


def test_an_unknown_pool_lists_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match=r"Unknown pool 'nobody'. Known: compilation, default, deploy, extraction"):
        registry().pool("nobody")


def test_two_plugins_of_one_job_type_are_told_apart_by_an_error_that_names_both(write: Write) -> None:
    write("first.py", jobs('{"same": work, "mine": work}'))
    write("second.py", jobs('{"same": work}'))
    with pytest.raises(ConflictError) as caught:
        registry().get("same")
    assert "plugin first (" in str(caught.value)
    assert "plugin second (" in str(caught.value)
    assert registry().get("mine").plugin == "first"
    assert "same" not in registry().job_types
    assert [(name, phase) for name, phase, _ in problems()] == [("second", "job type same")]


def test_the_very_same_job_type_twice_is_no_conflict(write: Write) -> None:
    write("acme.py", jobs('{"acme-work": JobType(work, queue="fetch")}') + "\n\nclass Child(Plugin):\n    pass\n")
    assert registry().get("acme-work").plugin == "acme:Plugin"
    assert problems() == []


def test_a_built_in_is_replaced_only_by_saying_so(write: Write) -> None:
    write("silent.py", jobs('{"fetch-site": work}'))
    write("open.py", jobs('{"ocr-page": JobType(work, replaces=True)}'))
    assert registry().get("ocr-page").plugin == "open"
    with pytest.raises(ConflictError, match=r"plugin clerk .*plugin silent .*replaces=True"):
        registry().get("fetch-site")


def test_two_plugins_that_replace_the_same_built_in_are_in_conflict(write: Write) -> None:
    for name in ("first", "second"):
        write(f"{name}.py", jobs('{"fetch-site": JobType(work, replaces=True)}'))
    with pytest.raises(ConflictError, match=r"plugin first .*plugin second"):
        registry().get("fetch-site")


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ('"Has_Capitals": work', "the name 'Has_Capitals'"),
        ("5: work", "the name 5"),
        ('"bad": "work"', "function: 'work' is neither"),
        ('"bad": lambda: None', "function: it must be a function whose first parameter is the subdomain"),
        ('"bad": JobType(work, queue="A B")', "queue: 'A B'"),
        ('"bad": JobType(work, max_attempts=0)', "max_attempts: 0"),
        ('"bad": JobType(work, max_attempts=2.5)', "max_attempts: 2.5"),
        ('"bad": JobType(work, time_limit=0)', "time_limit: 0"),
        ('"bad": JobType(work, time_limit=float("inf"))', "time_limit: inf"),
        ('"bad": JobType(work, time_limit="1h")', "time_limit: '1h'"),
        ('"bad": JobType(work, backoff=Backoff(base=-1))', "backoff.base: -1"),
        ('"bad": JobType(work, unique="{jobtype}")', "unique: {jobtype} is unknown"),
        ('"bad": JobType(work, unique="{subdomain")', "unique: '{subdomain' is no template"),
        ('"bad": JobType(work, unique="{subdomain.x}")', "unique: {subdomain.x} is unknown"),
        ('"bad": JobType(work, unique="{}")', "unique: {} is unknown"),
        ('"bad": JobType(work, unique="")', "unique: '' must be True, False or a template"),
        ('"bad": JobType(work, unique=None)', "unique: None must be"),
        ('"bad": JobType(work, backoff=None)', "backoff: None must be a clerk.Backoff"),
        ('"bad": JobType(work, backoff=5)', "backoff: 5"),
        ('"bad": JobType(work, replaces="yes")', "replaces: 'yes'"),
        ('"bad": JobType(work, queue="q" * 101)', "queue: qqqqqqqqqqqqqqqqqqqq... has 101 characters"),
        ('"b" * 101: work', "the name bbbbbbbbbbbbbbbbbbbb... has 101 characters"),
        ('"bad": Unreadable()', "ZeroDivisionError"),
    ],
)
def test_a_job_type_that_could_not_work_is_set_aside_alone(write: Write, entry: str, field: str) -> None:
    write("acme.py", jobs("{" + entry + ', "good": work}'))
    assert registry().get("good").plugin == "acme"
    ((name, phase, error),) = problems()
    assert name == "acme"
    assert phase.startswith("job type ")
    assert error.startswith(field)


def test_what_a_call_would_not_run_is_refused(write: Write) -> None:
    bodies = """

async def later(subdomain): ...


def drip(subdomain):
    yield


class Later:
    async def __call__(self, subdomain): ...


class Drip:
    def __call__(self, subdomain):
        yield
"""
    write("acme.py", jobs('{"a": later, "b": drip, "c": Later(), "d": Drip()}') + bodies)
    assert [error.partition("function: ")[2] for *_, error in problems()] == [
        f"{name} must be a plain function, not async and no generator" for name in ("later", "drip", "Later", "Drip")
    ]


def test_a_class_is_no_job_function_but_its_object_is(write: Write) -> None:
    body = "\n\nclass Work:\n    def __call__(self, subdomain): ...\n"
    write("acme.py", jobs('{"a": Work}') + body)
    write("roads.py", jobs('{"b": Work()}') + body)
    assert problems() == [("acme", "job type a", "function: Work is a class, not a function")]


def test_unique_templates_may_name_the_arguments(write: Write) -> None:
    write("acme.py", jobs('{"acme": JobType(work, unique="{job_type}:{subdomain}:{year}")}'))
    assert registry().get("acme").job_type.unique == "{job_type}:{subdomain}:{year}"


def test_a_hook_that_returns_nonsense_is_reported(write: Write) -> None:
    write("acme.py", jobs('["acme"]', '"workers"'))
    assert [(phase, error.split(",")[0]) for _, phase, error in problems()] == [
        ("hook register_job_types", "it must return a dict of name -> function or JobType"),
        ("hook register_worker_functions", "it must return a dict of pool -> settings"),
    ]


def test_a_pool_brings_its_queues_its_initialiser_and_its_concurrency(write: Write) -> None:
    pools = '{"tax": {"queues": ["tax", "tax-slow"], "function": print, "concurrency": 4}}'
    write("acme.py", jobs('{"acme": JobType(work, queue="tax-slow")}', pools))
    pool = registry().pool_of_queue("tax-slow")
    assert pool is registry().pool("tax")
    assert (pool.queues, pool.function, pool.concurrency, pool.plugin) == (
        ("tax", "tax-slow"),
        print,
        4,
        "acme",
    )
    assert problems() == []


def test_a_queue_that_no_pool_works_on_is_reported(write: Write) -> None:
    write("acme.py", jobs('{"acme": JobType(work, queue="lonely")}'))
    assert registry().unserved_queues() == {"lonely": ["acme"]}
    ((name, phase, error),) = problems()
    assert (name, phase) == ("acme", "queue lonely")
    assert "job type acme" in error


def test_one_queue_with_different_settings_names_both_and_the_first_keeps_it(write: Write) -> None:
    write("first.py", jobs("{}", '{"one": {"queues": ["shared"], "concurrency": 1}}'))
    write("second.py", jobs("{}", '{"two": {"queues": ["shared"], "concurrency": 2}}'))
    assert sorted(set(registry().pools) & {"one", "two"}) == ["one"]
    ((name, phase, error),) = problems()
    assert (name, phase) == ("second", "pool two")
    assert "queue shared is claimed with different settings by plugin first (pool one) and by plugin second" in error


def test_one_pool_with_the_same_settings_is_shared(write: Write) -> None:
    write("first.py", jobs("{}", '{"one": {"queues": ["a"]}}'))
    write("second.py", jobs("{}", '{"one": {"queues": ["a", "b"]}}'))
    assert registry().pool("one").queues == ("a", "b")
    assert problems() == []


def test_a_pool_of_the_same_name_with_other_settings_is_refused(write: Write) -> None:
    write("acme.py", jobs("{}", '{"default": {"queues": ["mine"], "concurrency": 9}}'))
    assert registry().pool("default").queues == ("default",)
    assert [phase for _, phase, _ in problems()] == ["pool default"]


@pytest.mark.parametrize(
    ("pool", "complaint"),
    [
        ('"acme": print', "write it as"),
        ('"acme": {}', "queues: None"),
        ('"acme": {"queues": "acme"}', "queues: 'acme'"),
        ('"acme": {"queues": ["A B"]}', "queue: 'A B'"),
        ('"acme": {"queues": ["q" * 101]}', "queue: qqqqqqqqqqqqqqqqqqqq... has 101 characters"),
        ('"acme": {"queues": ["a"], "concurrency": 0}', "concurrency: 0"),
        ('"acme": {"queues": ["a"], "concurrency": 1001}', "concurrency: 1001 must be a whole number from 1 to 1000"),
        ('"acme": {"queues": ["a"], 5: 5, "x": 5}', "unknown 'x', 5"),
        ('"acme": type("Unreadable", (dict,), {"__iter__": lambda self: 1 / 0})()', "ZeroDivisionError"),
        ('"acme": {"queues": ["a"], "function": 5}', "function must be a function without arguments"),
        ('"acme": {"queues": ["a"], "workers": 5}', "unknown 'workers'"),
        ('"A": {"queues": ["a"]}', "the name 'A'"),
    ],
)
def test_a_pool_that_could_not_work_is_set_aside(write: Write, pool: str, complaint: str) -> None:
    write("acme.py", jobs("{}", "{" + pool + "}"))
    assert "acme" not in registry().pools
    ((name, _, error),) = problems()
    assert name == "acme"
    assert error.startswith(complaint)


def test_a_plugin_that_joins_later_is_seen(write: Write) -> None:
    assert "acme-work" not in registry().job_types
    path = write("../later/acme.py", jobs('{"acme-work": work}'))
    from clerk.plugin.loader import load_plugins_from_directory

    load_plugins_from_directory(path.parent)
    assert registry().get("acme-work").plugin == "acme"
