"""Answers as HTML and as JSON: every text escaped, visible and without secrets."""

from __future__ import annotations

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from clerk import __version__
from clerk.application import part
from clerk.redaction import redact
from clerk.visible import visible, visible_json
from clerk_tasks.board.pages import OwnPage, menu
from clerk_tasks.board.parts import PageAnswer
from clerk_tasks.operations.wording import plain


def shown(value: Any) -> Any:
    """Return what a template prints of a value: a text without secrets and control characters, a dash for None."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(redact(value))
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else value


@part
def templates() -> Environment:
    """Return the templates."""
    made = Environment(
        loader=PackageLoader("clerk_tasks.board"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["typed"] = escape
    made.globals["menu"] = menu
    made.globals["version"] = __version__
    return made


def answer_html(answer: PageAnswer, page: OwnPage, *, can_act: bool) -> Markup:
    """Return the part of a page that changes."""
    text = templates().get_template("answer.html").render(answer=answer, page=page, can_act=can_act)
    return Markup(text)  # noqa: S704 - the template has escaped it


def answer_json(answer: PageAnswer) -> str:
    """Return what the page's command prints with --json, without secrets."""
    text = visible_json(answer.data, default=plain, indent=2)
    clean = redact(text)
    try:
        json.loads(clean)
    except ValueError:  # what was taken out had a part in the form
        return visible_json(_redacted(json.loads(text)), indent=2)
    return clean


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _redacted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_redacted(each) for each in value]
    return redact(value) if isinstance(value, str) else value
