"""The fields of a job type's arguments: what a browser asks with, and what it has sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime

from clerk_tasks.board.act import Given
from clerk_tasks.board.parts import PageField
from clerk_tasks.job_types.fields import FormField, Kind
from clerk_tasks.operations.enqueue_form import ARGUMENT

_INPUTS = {Kind.DATE: "date", Kind.TIME: "datetime-local", Kind.INTEGER: "number", Kind.NUMBER: "number"}


def argument_field(field: FormField, given: Given, errors: Mapping[str, str]) -> PageField:
    """Return the field of an argument, with what was typed into it, or its default."""
    name = f"{ARGUMENT}{field.name}"
    typed = given.typed(name)
    shown = _default(field) if not typed else "\n".join(typed) if field.many else typed[-1]
    choices, widget = field.choices, _widget(field, shown)
    if widget == "select" and (field.required or field.default is None):
        choices = ("", *(choices or ("true", "false")))
    notes = {"textarea": "one a line" if field.many else "JSON" if field.kind is Kind.JSON else ""}
    help_text = " · ".join(filter(None, [field.help, notes.get(widget, "")]))
    required = field.required and widget not in ("checkbox", "multiple")
    error = errors.get(name, "")
    return PageField(
        name,
        field.name,
        shown,
        choices,
        widget=widget,
        help=help_text,
        required=required,
        error=error[:1].upper() + error[1:],
    )


def given_argument(field: FormField, given: Given) -> str | list[str] | None:
    """Return what was typed for an argument; None if that is nothing, or its default."""
    typed = given.typed(f"{ARGUMENT}{field.name}")
    if not typed:
        return None
    default = _default(field)
    if field.many:
        lines = [line for text in typed for line in text.split("\n") if line.strip()]
        return None if lines == default.split("\n") or not (lines or default) else lines
    return None if typed[-1] == default else typed[-1]


def _default(field: FormField) -> str:
    """Return an argument's default as it is typed: several values are lines."""
    if not (field.many and field.default):
        return field.default or ""
    values = json.loads(field.default)
    return "\n".join(value if isinstance(value, str) else json.dumps(value) for value in values)


def _widget(field: FormField, shown: str) -> str:
    if field.kind is Kind.CHOICE:
        return "multiple" if field.many else "select"
    if field.kind is Kind.FLAG:
        return "select" if field.default is None and not field.required else "checkbox"
    if field.many or field.kind is Kind.JSON or "\n" in shown:
        return "textarea"
    widget = _INPUTS.get(field.kind, "text")
    return widget if not shown or _fits(widget, shown) else "text"


def _fits(widget: str, text: str) -> bool:
    """Return whether a browser shows a text in an input: it leaves one empty that does not have its form."""
    try:
        if widget == "date":
            date.fromisoformat(text)
        elif widget == "number":
            float(text)
        elif widget == "datetime-local":
            return datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False
    return True
