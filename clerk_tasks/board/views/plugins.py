"""The pages that plugins bring."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from clerk.contributions import BoardTable
from clerk.errors import NotFoundError
from clerk_tasks.board.parts import Asked, PageAnswer, Paragraph, Table, moment
from clerk_tasks.operations.contributions import board_pages, page_content


def page(asked: Asked) -> PageAnswer:
    """Answer with what a plugin shows; its first paragraph is the sentence."""
    name = asked.path["page"]
    if name not in board_pages():
        raise NotFoundError(f"No plugin brings a page {name!r}.")
    plugin, brought = board_pages()[name]
    content = page_content(plugin, brought, dict(asked.query))
    texts = [part for part in content if isinstance(part, str)]
    sentence = texts[0] if texts else f"This is shown by plugin {plugin.name}."
    rest = content[1:] if content[:1] == texts[:1] else content
    data = [part if isinstance(part, str) else _plain(part) for part in content]
    return PageAnswer(sentence, "", data, [_part(part) for part in rest], title=brought.title)


def _part(part: str | BoardTable) -> Paragraph | Table:
    if isinstance(part, str):
        return Paragraph(part)
    rows = [[_cell(value) for value in row] for row in part.rows]
    return Table(part.title, [str(column) for column in part.columns], rows)


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _plain(table: BoardTable) -> dict[str, Any]:
    return {"title": table.title, "columns": list(table.columns), "rows": [list(row) for row in table.rows]}
