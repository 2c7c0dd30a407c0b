"""Checks a job's arguments against its function before anything is recorded, and gives them back when it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError

from clerk.errors import UsageError
from clerk_tasks.job_types.signatures import CallSignature, Parameter, signature

#: The largest JSON text of a job's arguments, in bytes.
MAX_BYTES = 64 * 1024

_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False)

#: Set by us for every job, never among its arguments.
_OURS = frozenset({"subdomain", "site_id", "run_id"})


class MistypedError(UsageError):
    """An argument is not of its type; `problem` says so without its name and the accepted arguments."""

    def __init__(self, message: str, problem: str) -> None:
        super().__init__(message)
        self.problem = problem


def prepare(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as JSON values; UsageError names what is unknown, missing, mistyped or too large."""
    wanted = signature(function)
    _check_names(wanted, arguments)
    prepared = {name: _to_json(wanted, name, value) for name, value in arguments.items()}
    size = _size(prepared) if prepared else 0
    if size > MAX_BYTES:
        raise UsageError(
            f"the arguments are {size / 1024:.1f} kB of JSON, the limit is {MAX_BYTES // 1024} kB: "
            "put the data in a file or a table and pass its name"
        )
    return prepared


def restore(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Turn recorded JSON values back into what the function's annotations declare."""
    wanted = signature(function)
    _check_names(wanted, arguments)
    return {name: _validate(wanted, name, value) for name, value in arguments.items()}


def call_arguments(function: Callable[..., Any], run_id: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments to call the function with: the restored ones, and `run_id` if it takes one."""
    restored = restore(function, arguments)
    return {"run_id": run_id, **restored} if signature(function).takes_run_id else restored


def parse_texts(
    function: Callable[..., Any], texts: Iterable[str], typed: Mapping[str, str | bool | Sequence[str]] | None = None
) -> dict[str, Any]:
    """Turn NAME=VALUE texts, and what was `typed` into the fields of a form, into arguments, each by its annotation.

    `str` stays text, lists and dicts are JSON; without an annotation it is JSON if it parses, else text. A field of
    many values gives a sequence of texts. Raises UsageError as `prepare` does, and for a name that is given twice.
    """
    wanted = signature(function)
    arguments: dict[str, Any] = {name: _from_typed(wanted, name, value) for name, value in (typed or {}).items()}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"--arg {text}: write NAME=VALUE; accepted: {wanted.accepted}")
        if name in arguments:
            raise UsageError(f"argument {name!r} is given twice")
        arguments[name] = _from_text(wanted, name, value)
    _check_names(wanted, arguments)
    return arguments


def typing_errors(function: Callable[..., Any], typed: Mapping[str, str | bool | Sequence[str]]) -> dict[str, str]:
    """Return what is wrong with each field of a form; `parse_texts` raises an error for the first of them."""
    wanted = signature(function)
    missing = [each.name for each in wanted.parameters.values() if each.required and each.name not in typed]
    wrong = dict.fromkeys(missing, "is missing")
    for name, value in typed.items():
        try:
            _from_typed(wanted, name, value)
        except MistypedError as error:
            wrong[name] = error.problem
    return wrong


def _check_names(wanted: CallSignature, arguments: Mapping[str, Any]) -> None:
    for name in arguments:
        if name in _OURS and name not in wanted.parameters:
            raise UsageError(f"argument {name!r} is set by clerk; accepted: {wanted.accepted}")
        if wanted.parameter(name) is None:
            near = get_close_matches(name, wanted.parameters, n=1)
            advice = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"unknown argument {name!r}; accepted: {wanted.accepted}{advice}")
    for parameter in wanted.parameters.values():
        if parameter.required and parameter.name not in arguments:
            raise UsageError(f"argument {parameter.name!r} is missing; accepted: {wanted.accepted}")


def _to_json(wanted: CallSignature, name: str, value: Any) -> Any:
    value = _validate(wanted, name, value)
    try:
        return _adapter_for(wanted, name).dump_python(value, mode="json")
    except (TypeError, ValueError, RecursionError) as error:
        raise _not_json(name, error) from None


def _size(prepared: Mapping[str, Any]) -> int:
    """Return the bytes of JSON; find a value that JSON cannot hold (NaN, half a character) one by one."""
    try:
        return len(_encode(prepared))
    except ValueError:
        for name, value in prepared.items():
            try:
                _encode(value)
            except ValueError as error:
                raise _not_json(name, error) from None
        raise


def _encode(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()


def _not_json(name: str, error: Exception) -> UsageError:
    return UsageError(f"argument {name!r} is not JSON: {' '.join(str(error).split())}")


def _validate(wanted: CallSignature, name: str, value: Any) -> Any:
    try:
        return _adapter_for(wanted, name).validate_python(value)
    except ValidationError as error:
        raise _mistyped(wanted, name, error.errors()[0]) from None


def _from_typed(wanted: CallSignature, name: str, value: str | bool | Sequence[str]) -> Any:
    return _from_text(wanted, name, value) if isinstance(value, str) else _validate(wanted, name, value)


def _from_text(wanted: CallSignature, name: str, text: str) -> Any:
    parameter = wanted.parameter(name)
    if parameter is None:
        return text  # the check of names says what is wrong with it
    if parameter.annotation is Any:
        return _json_or_text(text)
    adapter = _adapter_for(wanted, name)
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        try:
            return adapter.validate_json(text)
        except ValidationError as json_error:
            first = json_error.errors()[0]
            # For a number or a date, "invalid JSON" would be no help: the first complaint is the one to hear.
            raise _mistyped(wanted, name, error.errors()[0], first) from None


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _mistyped(
    wanted: CallSignature, name: str, error: Mapping[str, Any], json: Mapping[str, Any] | None = None
) -> MistypedError:
    wants_json = json is not None and error["type"] in ("list_type", "dict_type", "tuple_type", "set_type")
    shown = json if json is not None and wants_json else error
    place = "".join(f"[{part!r}]" for part in shown["loc"])
    message = str(shown["msg"])
    given = repr(shown["input"])
    given = given if len(given) <= 80 else f"{given[:77]}..."
    hint = " (give it as JSON)" if wants_json else ""
    problem = f"{message[:1].lower()}{message[1:]}, not {given}{hint}"
    said = f"argument {name + place!r}: {problem}; accepted: {wanted.accepted}"
    return MistypedError(said, f"{place}: {problem}" if place else problem)


def _adapter_for(wanted: CallSignature, name: str) -> TypeAdapter[Any]:
    parameter = wanted.parameter(name)
    assert parameter is not None, "names are checked first"  # noqa: S101
    try:
        return _cached_adapter(parameter)
    except TypeError:  # an annotation that cannot be hashed
        return _adapter(parameter)


def _adapter(parameter: Parameter) -> TypeAdapter[Any]:
    # NaN stays NaN, so that we can refuse it; pydantic would record it as null.
    config = ConfigDict(ser_json_inf_nan="constants")
    try:
        return TypeAdapter(parameter.annotation, config=config)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation):
        return TypeAdapter(Any, config=config)  # some class of the author's own: it takes what JSON can hold
    except PydanticUserError:
        return TypeAdapter(parameter.annotation)  # a model has a configuration of its own


_cached_adapter = lru_cache(maxsize=1024)(_adapter)
