"""Describe the arguments of a job type as a form asks for them: on the command line, or on a page."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from docstring_parser import Docstring, ParseError, parse
from pydantic import TypeAdapter

from clerk_tasks.job_types.signatures import Parameter, signature


class Kind(StrEnum):
    """What is typed into a field."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    DATE = "date"
    TIME = "time"
    CHOICE = "choice"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class FormField:
    """One argument: what it is called, what is typed for it, and what it is without."""

    name: str
    kind: Kind
    help: str
    required: bool
    default: str | None = None  # as it would be typed; None where there is nothing to show
    choices: tuple[str, ...] = ()
    many: bool = False  # several values, each of this kind


_SIMPLE: Mapping[object, Kind] = {
    bool: Kind.FLAG,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    Decimal: Kind.NUMBER,
    dt.date: Kind.DATE,
    dt.datetime: Kind.TIME,
    str: Kind.TEXT,
    Path: Kind.TEXT,
    UUID: Kind.TEXT,
    dt.time: Kind.TEXT,
    dt.timedelta: Kind.TEXT,
}
_COLLECTIONS = (list, set, frozenset, Collection)


def summary(function: Callable[..., Any]) -> str:
    """Return the first paragraph of a job function's docstring, in one line."""
    paragraph = (inspect.getdoc(_plain(function)) or "").partition("\n\n")[0]
    return " ".join(paragraph.split())


def fields(function: Callable[..., Any]) -> tuple[FormField, ...]:
    """Return the arguments of a job function, in its order; what `**kwargs` takes is not among them.

    The help is what `Annotated` holds (a text, or what Typer and pydantic take), else what the docstring says of it.
    Raises UsageError for a function that cannot be a job type.
    """
    documented = _documented(function)
    return tuple(
        _field(parameter, documented.get(parameter.name, "")) for parameter in signature(function).parameters.values()
    )


def _field(parameter: Parameter, documented: str) -> FormField:
    plain, notes = _unwrapped(parameter.annotation)
    help_text = next(filter(None, map(_help_of, notes)), documented)
    inner = _element(plain)
    kind, choices = _kind(plain if inner is None else inner)
    if inner is not None and kind in (Kind.JSON, Kind.FLAG):
        inner, kind, choices = None, Kind.JSON, ()
    default = None if parameter.required else _as_typed(parameter.default)
    return FormField(
        parameter.name, kind, " ".join(help_text.split()), parameter.required, default, choices, many=inner is not None
    )


def _unwrapped(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return an annotation without `Annotated` and `| None`, and what `Annotated` held."""
    notes: tuple[Any, ...] = ()
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *held = get_args(annotation)
            notes += tuple(held)
        elif get_origin(annotation) in (Union, types.UnionType):
            kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
            if len(kinds) != 1:
                return annotation, notes
            (annotation,) = kinds
        elif isinstance(annotation, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
            annotation = annotation.__value__
        else:
            return annotation, notes


def _element(annotation: Any) -> Any:
    """Return the type of a collection's elements, None for anything else."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return None
    if origin is tuple:
        return inside[0] if len(inside) == 2 and inside[1] is Ellipsis else None
    if inspect.isclass(origin) and issubclass(origin, _COLLECTIONS) and len(inside) == 1:
        return inside[0]
    return None


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    annotation, _ = _unwrapped(annotation)
    if get_origin(annotation) is Literal:
        return Kind.CHOICE, tuple(_as_typed(value) or "" for value in get_args(annotation))
    if inspect.isclass(annotation) and issubclass(annotation, enum.Enum):
        return Kind.CHOICE, tuple(_as_typed(member) or "" for member in annotation)
    if annotation is Any or annotation is inspect.Parameter.empty:
        return Kind.TEXT, ()
    for kind in getattr(annotation, "__mro__", ()):
        if kind in _SIMPLE:
            return _SIMPLE[kind], ()
    return Kind.JSON, ()


def _as_typed(value: Any) -> str | None:
    """Return a value as an operator would type it."""
    if value is None:
        return None
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(Any)
        plain = adapter.dump_python(value, mode="json")
        return plain if isinstance(plain, str) else adapter.dump_json(value).decode()
    except Exception:  # an object of the author's own: it has no text that could be typed
        return None


def _help_of(note: Any) -> str:
    """Return the help text in what `Annotated` holds: a text, typer.Option, pydantic's Field, or `Doc`."""
    if isinstance(note, str):
        return note
    texts = (getattr(note, name, None) for name in ("help", "description", "documentation"))
    return next((text for text in texts if isinstance(text, str)), "")


def _documented(function: Callable[..., Any]) -> dict[str, str]:
    """Return what the docstring says of each parameter, in the style of Google, numpy, Sphinx or Epydoc."""
    try:
        found: Docstring = parse(inspect.getdoc(_plain(function)) or "")
    except ParseError:
        return {}
    return {param.arg_name: param.description or "" for param in found.params}


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    while hasattr(function, "func"):  # a partial's docstring is not the author's
        function = function.func
    return function
