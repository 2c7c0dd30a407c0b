"""What can be wrong with an input file; the message names the file's fault and what to do about it."""

from clerk.errors import ClerkError


class BadSource(ClerkError):
    """A file that cannot be used: not what it should be, damaged, or too large."""
