"""A value of a JSON column as text, on both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class json_text(FunctionElement[str]):  # noqa: N801 - it reads as the SQL function that it is
    """The text of a key's value: `json_text(jobs.c.arguments, "key")`; a number or boolean as JSON, NULL without it."""

    type = Text()
    inherit_cache = True

    def __init__(self, column: Column[Any], name: str) -> None:
        super().__init__(column, literal(name, Text))


@compiles(json_text, "sqlite")
def _sqlite_json_text(element: json_text, compiler: SQLCompiler, **kw: Any) -> str:
    column, name = (compiler.process(clause, **kw) for clause in element.clauses)
    path = f"""'$."' || {name} || '"'"""
    kind, value = f"json_type({column}, {path})", f"CAST(json_extract({column}, {path}) AS TEXT)"
    # What is no JSON would be an error of the whole statement.
    return f"CASE WHEN json_valid({column}) THEN CASE WHEN {kind} IN ('true', 'false') THEN {kind} ELSE {value} END END"


@compiles(json_text, "postgresql")
def _postgresql_json_text(element: json_text, compiler: SQLCompiler, **kw: Any) -> str:
    column, name = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({column} ->> {name})"
