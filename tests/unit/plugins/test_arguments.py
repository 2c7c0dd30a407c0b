"""Arguments are checked before they are recorded, and come back as they went."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from clerk.errors import UsageError
from clerk_tasks.job_types.arguments import (
    MAX_BYTES,
    call_arguments,
    parse_texts,
    prepare,
    restore,
)
from clerk_tasks.job_types.rq_keywords import seconds, split_rq_keywords


class Kind(Enum):
    CITY = "city"
    COUNTY = "county"


def job(
    subdomain: str,
    run_id: str,
    year: int,
    since: date | None = None,
    labels: list[str] | None = None,
    mode: Literal["full", "quick"] = "full",
    extra: Any = None,
    share: Annotated[float, Field(ge=0, le=1)] = 1.0,
    force: bool = False,
    weights: dict[str, float] | None = None,
) -> None: ...


def untyped(subdomain, run_id=None, thing=None): ...  # type: ignore[no-untyped-def]


def anything(subdomain: str, **rest: Any) -> None: ...


def refused(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(UsageError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_recorded_is_json_and_comes_back_as_declared() -> None:
    stored = prepare(job, {"year": 2024, "since": date(2024, 2, 29), "labels": ["a"], "extra": {"x": [1, None]}})
    assert stored == {"year": 2024, "since": "2024-02-29", "labels": ["a"], "extra": {"x": [1, None]}}
    restored = restore(job, json.loads(json.dumps(stored)))
    assert restored == {"year": 2024, "since": date(2024, 2, 29), "labels": ["a"], "extra": {"x": [1, None]}}


def test_the_run_id_is_passed_to_those_who_take_it() -> None:
    def small(subdomain: str, year: int) -> None: ...

    assert call_arguments(job, "r1", {"year": 2024}) == {"run_id": "r1", "year": 2024}
    assert call_arguments(small, "r1", {"year": 2024}) == {"year": 2024}
    assert call_arguments(anything, "r1", {}) == {"run_id": "r1"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"year": 2024, "yeer": 1}, "unknown argument 'yeer'"),
        ({}, "argument 'year' is missing"),
        ({"year": "soon"}, "argument 'year': input should be a valid integer"),
        ({"year": 2024, "labels": ["a", 5]}, "argument 'labels[1]': input should be a valid string"),
        ({"year": 2024, "mode": "slow"}, "argument 'mode': input should be 'full' or 'quick', not 'slow'"),
        ({"year": 2024, "share": 2}, "argument 'share': input should be less than or equal to 1"),
        ({"year": 2024, "extra": object()}, "argument 'extra' is not JSON"),
        ({"year": 2024, "extra": float("nan")}, "argument 'extra' is not JSON"),
        ({"year": 2024, "weights": {"a": float("inf")}}, "argument 'weights' is not JSON"),
        ({"year": 2024, "extra": "\udcff"}, "argument 'extra' is not JSON"),
        ({"year": 2024, "run_id": "x"}, "argument 'run_id' is set by clerk"),
        ({"year": 2024, "subdomain": "x"}, "argument 'subdomain' is set by clerk"),
    ],
)
def test_a_wrong_argument_is_named_and_so_are_the_right_ones(arguments: dict[str, Any], complaint: str) -> None:
    message = refused(prepare, job, arguments)
    assert message.startswith(complaint)
    accepted = "accepted: year: int, since: datetime.date | None, labels: list[str] | None"
    assert ("is not JSON" in complaint) != (accepted in message)


def test_a_near_miss_is_suggested() -> None:
    assert refused(prepare, job, {"year": 1, "lables": []}).endswith("did you mean labels?")


def test_a_circle_is_not_json() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert "is not JSON" in refused(prepare, untyped, {"thing": circle})


def test_size_is_measured_in_bytes_of_json() -> None:
    frame = len(json.dumps({"thing": ""}))
    assert prepare(untyped, {"thing": "x" * (MAX_BYTES - frame)})
    assert "64.0 kB of JSON, the limit is 64 kB" in refused(prepare, untyped, {"thing": "x" * (MAX_BYTES - frame + 1)})
    assert "kB of JSON" in refused(prepare, untyped, {"thing": "é" * (MAX_BYTES // 2)})


def test_a_function_that_takes_anything_is_given_anything() -> None:
    assert prepare(anything, {"a": 1, "b": {"c": None}}) == {"a": 1, "b": {"c": None}}
    assert parse_texts(anything, ["a=1", "b=x y"]) == {"a": 1, "b": "x y"}


def test_arguments_of_a_class_pydantic_does_not_know_take_json() -> None:
    class Own: ...

    def own(subdomain: str, thing: Own) -> None: ...

    assert prepare(own, {"thing": [1]}) == {"thing": [1]}


def test_a_pydantic_model_comes_back_as_the_model() -> None:
    class Options(BaseModel):
        years: list[int]

    def with_model(subdomain: str, options: Options) -> None: ...

    with_model.__annotations__["options"] = Options
    assert prepare(with_model, {"options": {"years": ["2024"]}}) == {"options": {"years": [2024]}}
    assert restore(with_model, {"options": {"years": [2024]}}) == {"options": Options(years=[2024])}


def texts_job(  # type: ignore[no-untyped-def]
    subdomain: str,
    text: str = "",
    maybe: str | None = None,
    number: int | None = None,
    flag: bool = False,
    day: date | None = None,
    years: list[int] | None = None,
    table: dict[str, int] | None = None,
    either: str | list[str] = "",
    kind: Kind = Kind.CITY,
    digit: Literal[1, 2] = 1,
    free=None,
) -> None: ...


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("text=5", "5"),
        ('text={"a": 1}', '{"a": 1}'),
        ("text=a=b", "a=b"),
        ("text=", ""),
        ("maybe=null", "null"),
        ("number=5", 5),
        ("number=null", None),
        ("flag=yes", True),
        ("flag=false", False),
        ("day=2024-02-29", date(2024, 2, 29)),
        ("years=[2023, 2024]", [2023, 2024]),
        ('table={"a": 1}', {"a": 1}),
        ("either=a", "a"),
        ("kind=county", Kind.COUNTY),
        ("digit=2", 2),
        ("free=5", 5),
        ("free=[1]", [1]),
        ("free=null", None),
        ("free=a b", "a b"),
    ],
)
def test_the_command_line_s_text_is_converted_by_the_annotation(text: str, value: object) -> None:
    (converted,) = parse_texts(texts_job, [text]).values()
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["number=five"], "argument 'number': input should be a valid integer"),
        (["years=2023"], "argument 'years'"),
        (["years=[2023,"], "argument 'years': invalid JSON"),
        (['years=["x"]'], "argument 'years[0]': input should be a valid integer"),
        (["nonsense=1"], "unknown argument 'nonsense'"),
        (["text"], "--arg text: write NAME=VALUE"),
        (["=1"], "--arg =1: write NAME=VALUE"),
        (["text=a", "text=b"], "argument 'text' is given twice"),
    ],
)
def test_text_that_does_not_fit_is_refused(texts: list[str], complaint: str) -> None:
    assert refused(parse_texts, texts_job, texts).startswith(complaint)


def test_rq_s_keywords_are_swallowed_and_its_timeout_is_the_time_limit() -> None:
    keywords = {"year": 2024, "job_timeout": "10m", "result_ttl": 500, "at_front": True, "meta": {}, "depends_on": None}
    assert split_rq_keywords(job, keywords) == ({"year": 2024}, 600.0)
    taken = """job_timeout description result_ttl ttl failure_ttl depends_on job_id at_front meta retry repeat
        on_success on_failure on_stopped rate_limit webhooks pipeline unique"""  # all that RQ 3 pops
    assert split_rq_keywords(anything, {"a": 1, **dict.fromkeys(taken.split())}) == ({"a": 1}, None)
    assert split_rq_keywords(job, {"year": 1, "job_timeout": -1})[1] is None


def test_a_name_of_rq_s_that_the_function_declares_is_the_function_s() -> None:
    def own(subdomain: str, description: str, job_timeout: int = 5) -> None: ...

    assert split_rq_keywords(own, {"description": "x", "job_timeout": 7, "ttl": 1}) == (
        {"description": "x", "job_timeout": 7},
        None,
    )


@pytest.mark.parametrize(
    ("limit", "value"),
    [(45, 45.0), (1.5, 1.5), ("90", 90.0), ("30s", 30.0), ("10m", 600.0), ("1h", 3600.0), ("1D", 86400.0)],
)
def test_time_limits(limit: float | str, value: float) -> None:
    assert seconds(limit) == value


@pytest.mark.parametrize("limit", [0, -5, "", "soon", "10x", True, "1h30", float("inf"), [1], 1e9, "31d"])
def test_what_is_no_time_limit(limit: Any) -> None:
    assert "job_timeout" in refused(seconds, limit)


SUPPORTED: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bool, st.booleans()),
    (str, st.text()),
    (date, st.dates()),
    (datetime, st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]))),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (UUID, st.uuids()),
    (Path, st.text("abc. é", min_size=1).map(Path)),
    (Kind, st.sampled_from(Kind)),
    (int | None, st.none() | st.integers()),
    (int | str, st.integers() | st.text()),
    (Literal["a", 1, True], st.sampled_from(["a"])),
    (list[date], st.lists(st.dates())),
    (set[int], st.sets(st.integers())),
    (tuple[int, str], st.tuples(st.integers(), st.text())),
    (dict[str, list[int]], st.dictionaries(st.text(), st.lists(st.integers()))),
    (dict[int, str], st.dictionaries(st.integers(), st.text())),
    (
        Any,
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    ),
]


@given(st.data())
def test_what_is_recorded_comes_back_the_same(data: st.DataObject) -> None:
    annotation, values = data.draw(st.sampled_from(SUPPORTED))

    def job_of(subdomain: str, value: Any) -> None: ...

    job_of.__annotations__["value"] = annotation
    value = data.draw(values)
    restored = restore(job_of, json.loads(json.dumps(prepare(job_of, {"value": value}))))["value"]
    assert restored == value
    assert type(restored) is type(value)


@given(st.text(), st.integers(), st.booleans(), st.dates())
def test_text_of_the_command_line_means_the_value_it_prints_as(text: str, number: int, flag: bool, day: date) -> None:
    texts = [f"text={text}", f"number={number}", f"flag={flag}", f"day={day}"]
    assert parse_texts(texts_job, texts) == {"text": text, "number": number, "flag": flag, "day": day}
