"""Which database this code can use: the chain of revisions, and how a newer database keeps older code going.

A generation is a place in the chain. The database stores its own, and the oldest that may still use it: while machines
are upgraded one by one, older code goes on working with a newer database as long as that one allows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import migrations

_MIGRATIONS = Path(str(migrations.__file__)).parent / "versions"

#: Every revision in order, as the files are numbered: mNN_REVISION_words.py.
REVISIONS = tuple(path.name.split("_")[1] for path in sorted(_MIGRATIONS.glob("m[0-9]*_*.py")))
HEAD = REVISIONS[-1]
GENERATION = len(REVISIONS)


@dataclass(frozen=True, slots=True)
class SchemaStamp:
    """What a database says of itself; `revision` is None when nothing was ever stamped."""

    revision: str | None
    generation: int | None
    oldest_code: int | None

    @classmethod
    def of(cls, revisions: Iterable[str], meta: Mapping[str, str]) -> SchemaStamp:
        """Return the stamp that the rows of `alembic_version` and of `clerk_meta` make."""
        return cls(
            revision=",".join(sorted(revisions)) or None,
            generation=int(meta["generation"]) if "generation" in meta else None,
            oldest_code=int(meta["oldest_code"]) if "oldest_code" in meta else None,
        )

    @property
    def newer(self) -> bool:
        """Return whether newer code made this database and lets ours use it."""
        return (self.generation or 0) > GENERATION and (self.oldest_code or 0) <= GENERATION

    @property
    def reached(self) -> str | None:
        """Return the revision of the tables: the stamped one or, where the stamp is lost, that of the generation."""
        if self.revision is None and self.generation is not None:
            return REVISIONS[self.generation - 1] if self.generation <= GENERATION else f"generation {self.generation}"
        return self.revision

    @property
    def lost(self) -> bool:
        """Return whether the tables show a revision that the stamp lacks."""
        return self.revision is None and self.reached in REVISIONS

    def problem(self) -> str | None:
        """Return why this code cannot use the database, and what to do; None if it can."""
        if (self.oldest_code or 0) > GENERATION:
            return (
                f"needs code of generation {self.oldest_code} or later, and this is {GENERATION}: "
                "install a newer clerk-tasks."
            )
        if self.revision == HEAD or self.newer:
            return None
        if self.revision is None:
            return "has no recorded revision: run `clerk-tasks db upgrade`."
        if self.revision in REVISIONS:
            return f"is at revision {self.revision}, older than this code: run `clerk-tasks db upgrade`."
        return (
            f"is at the unknown revision {self.revision}: it was made by another program or another release. "
            "Check DATABASE_URL, or use the code that made it."
        )
