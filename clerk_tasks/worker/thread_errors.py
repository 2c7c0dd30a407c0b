"""What the threads of a worker's parent do about errors: log them, and go on."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from clerk.errors import UnavailableError

logger = logging.getLogger(__name__)


class errors_logged(AbstractContextManager[None]):  # noqa: N801 - used as a function
    """Log what went wrong and go on: these threads must outlive the database, the broker, and our own mistakes.

    Of what is away, one line is logged, and one when it is back.
    """

    _away: ClassVar[set[str]] = set()

    def __init__(self, what: str) -> None:
        self.what = what

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: Any) -> bool:
        if isinstance(error, UnavailableError):
            logger.log(logging.DEBUG if self.what in self._away else logging.WARNING, "%s: %s", self.what, error)
            self._away.add(self.what)
        elif error is None and self.what in self._away:
            logger.info("%s: it works again", self.what)
            self._away.discard(self.what)
        elif isinstance(error, Exception):
            logger.exception("%s failed", self.what, exc_info=error)
        return isinstance(error, Exception)
