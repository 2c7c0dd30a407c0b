"""What can be wrong with an input file; the message names the file's fault and what to do about it."""

from clerk.errors import ClerkError


class BadSource(ClerkError):
    """A file that cannot be used: not what it should be, damaged, or too large."""


class NotServed(ClerkError):
    """A file that is not there to be had: no such year, a page instead of a file, access refused."""


class NetworkTrouble(NotServed):
    """A file that could not be had now, and may be had later: in `after` seconds, if the server says so."""

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after
