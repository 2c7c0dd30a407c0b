"""Gathers job types from the plugins and refuses those that could not work."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from clerk.errors import UsageError
from clerk.job_decorator import as_job_type
from clerk.jobs import LONGEST_TIME_LIMIT, Backoff, JobType, Limit, parse_rate
from clerk.plugin.calls import is_async, is_generator
from clerk.plugin.containment import BROKEN
from clerk.plugin.registered import Plugin, PluginSet
from clerk.plugin.source_place import place_of
from clerk_tasks.job_types.signatures import CallSignature, Parameter, signature

PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
QUEUE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
LONGEST_NAME = 100  # characters
MOST_ATTEMPTS = 1000
MOST_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class RegisteredJobType:
    """A job type, its name, the plugin that brought it, and the arguments that it takes."""

    name: str
    plugin: str
    job_type: JobType
    parameters: tuple[Parameter, ...]

    @property
    def origin(self) -> str:
        """The plugin that brings it, and FILE:LINE of its function if that is known."""
        place = place_of(self.job_type.function)
        return f"job type {self.name} of plugin {self.plugin}{f', {place}' if place else ''}"


@dataclass(frozen=True, slots=True)
class _Claim:
    registered: RegisteredJobType
    by: Plugin


def gather_job_types(found: PluginSet) -> tuple[dict[str, RegisteredJobType], dict[str, str]]:
    """Return the job types by name, and for each name that several plugins claim, what is wrong with it."""
    claims: dict[str, list[_Claim]] = {}
    for plugin, answer in reversed(found.call("register_job_types")):
        for name, value in _items(found, plugin, answer).items():
            try:
                registered = register(plugin.name, name, value)
            except BROKEN as error:
                function = value.function if isinstance(value, JobType) else value
                place = place_of(function)
                found.quarantine(plugin.name, plugin.where, phase=f"job type {name}", error=error, place=place)
            else:
                claims.setdefault(name, []).append(_Claim(registered, plugin))
    job_types, disputed = {}, {}
    for name, claimants in claims.items():
        winner, *others = _without_replaced(claimants)
        # A class and one derived from it bring the very same.
        others = [other for other in others if other.registered.job_type != winner.registered.job_type]
        if others:
            disputed[name] = _dispute(name, winner.by, others[0].by)
            loser, place = others[0].by, place_of(others[0].registered.job_type.function)
            found.quarantine(loser.name, loser.where, phase=f"job type {name}", error=disputed[name], place=place)
        else:
            job_types[name] = winner.registered
    return job_types, disputed


def register(plugin: str, name: str, value: Callable[..., Any] | JobType) -> RegisteredJobType:
    """Make a registered job type of what a plugin returned; UsageError says which field is wrong."""
    check_name(name)
    job_type = value if isinstance(value, JobType) else as_job_type(value)
    wanted = _check_function(job_type.function)
    _check_fields(job_type, wanted)
    return RegisteredJobType(name, plugin, job_type, tuple(wanted.parameters.values()))


def check_name(name: object) -> None:
    """Raise UsageError unless this can be the name of a job type or a pool."""
    if not (isinstance(name, str) and PLAIN_NAME.fullmatch(name)):
        raise UsageError(f"the name {name!r} may hold lower-case letters, digits and hyphens only")
    if len(name) > LONGEST_NAME:
        raise UsageError(f"the name {name[:20]}... has {len(name)} characters; {LONGEST_NAME} is the most")


def check_queue(queue: object) -> None:
    """Raise UsageError unless this can be the name of a queue."""
    if not (isinstance(queue, str) and QUEUE_NAME.fullmatch(queue)):
        raise UsageError(f"queue: {queue!r} may hold lower-case letters, digits, '_', '.' and '-' only")
    if len(queue) > LONGEST_NAME:
        raise UsageError(f"queue: {queue[:20]}... has {len(queue)} characters; {LONGEST_NAME} is the most")


def _items(found: PluginSet, plugin: Plugin, answer: object) -> Mapping[str, Any]:
    if isinstance(answer, Mapping):
        return answer
    error = f"it must return a dict of name -> function or JobType, not {type(answer).__name__}"
    place = place_of(getattr(plugin.implementation, "register_job_types", None))
    found.quarantine(plugin.name, plugin.where, phase="hook register_job_types", error=error, place=place)
    return {}


def _without_replaced(claimants: list[_Claim]) -> list[_Claim]:
    replaced = any(claim.registered.job_type.replaces for claim in claimants)
    return [claim for claim in claimants if not (replaced and claim.by.source == "built-in")]


def _dispute(name: str, first: Plugin, second: Plugin) -> str:
    built_in = first.source == "built-in"
    advice = "say JobType(..., replaces=True) to take a built-in's place" if built_in else "rename one of them"
    return (
        f"job type {name} is claimed by plugin {first.name} ({first.where}) "
        f"and by plugin {second.name} ({second.where}): {advice}"
    )


def _check_function(function: object) -> CallSignature:
    if not callable(function):
        raise UsageError(f"function: {function!r:.80} is neither a function nor a JobType")
    if inspect.isclass(function):
        raise UsageError(f"function: {function.__name__} is a class, not a function")
    if is_async(function) or is_generator(function):
        name = getattr(getattr(function, "func", function), "__name__", type(function).__name__)
        raise UsageError(f"function: {name} must be a plain function, not async and no generator")
    try:
        return signature(function)
    except UsageError as error:
        raise UsageError(f"function: {error}") from None


def _check_fields(job_type: JobType, wanted: CallSignature) -> None:
    check_queue(job_type.queue)
    attempts = job_type.max_attempts
    if not (type(attempts) is int and 1 <= attempts <= MOST_ATTEMPTS):
        raise UsageError(f"max_attempts: {attempts!r} must be a whole number from 1 to {MOST_ATTEMPTS}")
    _check_seconds("time_limit", job_type.time_limit)
    if not isinstance(job_type.backoff, Backoff):
        raise UsageError(f"backoff: {job_type.backoff!r} must be a clerk.Backoff")
    _check_seconds("backoff.base", job_type.backoff.base)
    _check_seconds("backoff.cap", job_type.backoff.cap)
    if not isinstance(job_type.replaces, bool):
        raise UsageError(f"replaces: {job_type.replaces!r} must be True or False")
    if not isinstance(job_type.unique, bool):
        _check_template("unique", job_type.unique, wanted)
    _check_limit(job_type.limit, wanted)


def _check_limit(limit: object, wanted: CallSignature) -> None:
    if limit is None:
        return
    if not isinstance(limit, Limit):
        raise UsageError(f"limit: {limit!r} must be a clerk.Limit")
    if limit.concurrency is None and limit.rate is None:
        raise UsageError("limit: give a concurrency, a rate or both")
    number = limit.concurrency
    if number is not None and not (type(number) is int and 1 <= number <= MOST_AT_ONCE):
        raise UsageError(f"limit: the concurrency {number!r} must be a whole number from 1 to {MOST_AT_ONCE}")
    if limit.rate is not None:
        try:
            parse_rate(limit.rate)
        except ValueError as error:
            raise UsageError(f"limit: {error}") from None
    if limit.key != "":
        _check_template("limit", limit.key, wanted)


def _check_seconds(field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_TIME_LIMIT:
        raise UsageError(f"{field}: {value!r} must be a positive number of seconds, at most 30 days")


def _check_template(name: str, template: object, wanted: CallSignature) -> None:
    if not (isinstance(template, str) and template):
        other = "True, False or " if name == "unique" else ""
        raise UsageError(f"{name}: {template!r} must be {other}a template such as '{{job_type}}:{{subdomain}}'")
    known = {"job_type", "subdomain", *wanted.parameters}
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise UsageError(f"{name}: {template!r} is no template: {error}") from None
    for field in fields:
        if field not in known:
            raise UsageError(f"{name}: {{{field}}} is unknown; {template!r} may use {', '.join(sorted(known))}")
