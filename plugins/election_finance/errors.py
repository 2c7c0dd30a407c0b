"""What can be wrong with an input file; the message names the file's fault and what to do about it."""

from clerk.archive import BadSource

__all__ = ["BadSource"]
