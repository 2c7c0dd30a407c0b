"""Reads what a job function can be called with."""

from __future__ import annotations

import ast
import datetime as dt
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from clerk.errors import UsageError


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument that a job function takes, besides the subdomain and the run id."""

    name: str
    annotation: Any
    required: bool
    default: Any = None

    def __str__(self) -> str:
        plain = get_args(self.annotation)[0] if get_origin(self.annotation) is Annotated else self.annotation
        return self.name if plain is Any else f"{self.name}: {inspect.formatannotation(plain)}"


@dataclass(frozen=True, slots=True)
class CallSignature:
    """What a job function can be called with."""

    parameters: Mapping[str, Parameter]
    others: Parameter | None  # what `**kwargs` takes, if there is one
    takes_run_id: bool

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter that takes an argument of this name."""
        return self.parameters.get(name) or self.others

    @property
    def defaults(self) -> dict[str, Any]:
        """Return what the function takes where an argument is not given."""
        return {name: parameter.default for name, parameter in self.parameters.items() if not parameter.required}

    @property
    def accepted(self) -> str:
        """List the arguments for an error message."""
        names = [str(parameter) for parameter in self.parameters.values()]
        return ", ".join([*names, "any other"] if self.others else names) or "none"


_METHOD = "register a method of an instance, such as self.work"
#: Why a parameter of this name cannot be the first, which is given the subdomain.
_WRONG_FIRST = {
    "run_id": "the subdomain comes first, and run_id is passed by name, as in work(subdomain, run_id)",
    "self": _METHOD,
    "cls": _METHOD,
}


@lru_cache(maxsize=1024)
def signature(function: Callable[..., Any]) -> CallSignature:
    """Read a job function's signature; its first parameter is the subdomain, whatever its name.

    Raises UsageError if it cannot be called as `function(subdomain, run_id=..., **arguments)`.
    """
    hints = _hints(function)
    for name, hint in hints.items():
        _check_type(name, hint)
    parameters: dict[str, Parameter] = {}
    others, takes_run_id = None, False
    first, *rest = _raw_parameters(function)
    _check_first(first, hints.get(first.name, Any))
    for raw in rest:
        required = raw.default is raw.empty
        if required and raw.name == "subdomain":
            raise UsageError("its parameter subdomain must be the first, as in work(subdomain, run_id)")
        default = None if required else raw.default
        parameter = Parameter(raw.name, hints.get(raw.name, Any), required, default)
        if raw.kind is raw.VAR_KEYWORD:
            others, takes_run_id = parameter, True
        elif raw.kind is raw.POSITIONAL_ONLY and parameter.required:
            raise UsageError(f"parameter {raw.name!r} is positional-only, but arguments are passed by name")
        elif raw.name == "run_id":
            takes_run_id = True
        elif raw.kind not in (raw.VAR_POSITIONAL, raw.POSITIONAL_ONLY):
            parameters[raw.name] = parameter
    return CallSignature(parameters, others, takes_run_id)


def _raw_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return a function's parameters, one at least."""
    with suppress(TypeError, ValueError):  # not written in Python
        if parameters := list(inspect.signature(function).parameters.values()):
            return parameters
    raise UsageError("it must be a function whose first parameter is the subdomain")


def _check_first(first: inspect.Parameter, hint: Any) -> None:
    if first.name in ("run_id", "self", "cls"):
        raise UsageError(f"its first parameter is {first.name}: {_WRONG_FIRST[first.name]}")
    if first.kind in (first.KEYWORD_ONLY, first.VAR_KEYWORD):
        raise UsageError("its first parameter, the subdomain, must be positional")
    if hint in (int, float, bool, bytes, list, dict, dt.date, dt.datetime):
        raise UsageError(f"its first parameter is {first.name}: {hint.__name__}, but it is given the subdomain, a str")


def _check_type(name: str, hint: Any) -> None:
    """Raise UsageError for an annotation that is a value, such as `7`, `[int]` or the function `any`."""
    if isinstance(hint, int | float | list | tuple | dict | set | types.BuiltinFunctionType):
        raise UsageError(f"annotation of {name!r}: {hint!r:.80} is no type")


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Resolve annotations one by one, so that one that only type checkers can see costs no other its type.

    Raises UsageError for an undefined one, which would switch its argument's validation off.
    """
    plain = inspect.unwrap(getattr(function, "func", function))
    try:
        return get_type_hints(plain, include_extras=True)
    except Exception:  # an annotation may hold anything
        hints = {name: hint for name, hint in getattr(plain, "__annotations__", {}).items() if name != "return"}
        return {name: _evaluate(name, hint, plain) if isinstance(hint, str) else hint for name, hint in hints.items()}


def _evaluate(name: str, hint: str, function: Callable[..., Any]) -> Any:
    try:
        return eval(hint, getattr(function, "__globals__", {}))  # noqa: S307 - the plugin author's own annotation
    except NameError as error:
        if _may_be_bound_near(function, str(error.name)):
            return Any
        raise UsageError(f"annotation of {name!r}: {error}") from None
    except SyntaxError:
        advice = "write a text about an argument as Annotated[int, 'the year']"
        raise UsageError(f"annotation of {name!r}: {hint!r:.80} is no type; {advice}") from None
    except Exception:
        return Any


def _may_be_bound_near(function: Callable[..., Any], wanted: str) -> bool:
    """Return whether the function's module binds a name anywhere, for type checkers say, or keeps us from seeing it."""
    try:
        nodes = [*ast.walk(ast.parse(inspect.getsource(sys.modules[function.__module__])))]
    except (AttributeError, KeyError, OSError, SyntaxError, TypeError):
        return True
    bound = {str(getattr(node, field, None)).partition(".")[0] for node in nodes for field in ("name", "asname")}
    bound |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return bool(bound & {wanted, "*"})
