"""What an act on the board is: what its form says, its preview, and what it has done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData, QueryParams

from clerk.errors import UsageError
from clerk_tasks.board.parts import Link, PageField


@dataclass(frozen=True, slots=True)
class Given:
    """What a link or a form says."""

    values: QueryParams | FormData
    shows_arguments: bool = True

    def text(self, name: str) -> str | None:
        """Return a value, None if it is missing or empty."""
        value = self.values.get(name)
        return (value.strip() or None) if isinstance(value, str) else None

    def need(self, name: str) -> str:
        """Return a value; UsageError without one."""
        value = self.text(name)
        if value is None:
            raise UsageError(f"The form says no {name}.")
        return value

    def typed(self, name: str) -> list[str]:
        """Return all values of a name as they were typed, empty ones too."""
        return [value.replace("\r\n", "\n") for value in self.values.getlist(name) if isinstance(value, str)]

    def every(self, name: str) -> list[str]:
        """Return all values of a name."""
        return [value for value in self.values.getlist(name) if isinstance(value, str) and value.strip()]


@dataclass(frozen=True, slots=True)
class Form:
    """What an act asks for before its preview; `chosen` goes along with the fields."""

    sentence: str
    fields: Sequence[PageField]
    command: str
    chosen: Mapping[str, str]
    is_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """What an act would do: a sentence that says to how many things, the first of them, and the command."""

    sentence: str
    button: str
    command: str
    lines: Sequence[str] = ()
    fields: Sequence[PageField] = ()
    needs_reason: bool = False
    undo: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What an act has done, the address of the act that undoes it, and a link to what it has made, if there is one."""

    sentence: str
    undo: str | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One act: `preview` changes nothing; both raise ClerkError if it cannot be done.

    A `form` is shown first, with what is wrong by field when they raise FormErrors.
    """

    title: str
    preview: Callable[[Given], Preview]
    perform: Callable[[Given, str | None], Done]
    form: Callable[[Given, Mapping[str, str]], Form] | None = None
