"""What a job function's signature says."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from clerk.errors import UsageError
from clerk_tasks.job_types.signatures import signature

if TYPE_CHECKING:
    from decimal import Decimal


def test_the_first_parameter_is_the_subdomain_whatever_its_name() -> None:
    def old_style(site_id: str, run_id: str | None = None, years: list[int] | None = None) -> None: ...

    wanted = signature(old_style)
    assert list(wanted.parameters) == ["years"]
    assert wanted.takes_run_id
    assert wanted.accepted == "years: list[int] | None"


def test_a_function_need_not_take_the_run_id() -> None:
    def small(subdomain: str) -> None: ...

    assert not signature(small).takes_run_id
    assert signature(small).accepted == "none"


def test_an_annotation_only_type_checkers_can_see_costs_no_other_its_type() -> None:
    def job(subdomain: str, amount: Decimal, year: int) -> None: ...

    wanted = signature(job)
    assert (wanted.parameters["amount"].annotation, wanted.parameters["year"].annotation) == (Any, int)


def test_a_name_that_the_module_binds_somewhere_is_no_typo() -> None:
    class Option: ...

    def job(subdomain: str, option: Option, year: int) -> nowhere: ...  # type: ignore[name-defined] # noqa: F821

    wanted = signature(job)
    assert (wanted.parameters["option"].annotation, wanted.parameters["year"].annotation) == (Any, int)


def test_a_name_that_nobody_binds_would_switch_validation_off() -> None:
    def job(subdomain: str, year: itn) -> None: ...  # type: ignore[name-defined] # noqa: F821

    with pytest.raises(UsageError, match="annotation of 'year': name 'itn' is not defined"):
        signature(job)


def test_bound_methods_partials_and_keyword_catchers() -> None:
    class Jobs:
        def run(self, subdomain: str, *, year: int = 2024, **rest: Any) -> None: ...

    wanted = signature(partial(Jobs().run, dry=True))
    assert [str(parameter) for parameter in wanted.parameters.values()] == ["year: int"]
    assert wanted.takes_run_id
    assert wanted.parameter("anything") is wanted.others


@pytest.mark.parametrize(
    "function",
    [lambda: None, lambda *, subdomain: None, lambda **rest: None, lambda subdomain, year, /: None],
    ids=["nothing", "by keyword", "any keyword", "positional-only"],
)
def test_what_cannot_be_called_is_refused(function: Any) -> None:
    with pytest.raises(UsageError):
        signature(function)
