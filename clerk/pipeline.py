"""Where plugins import `Stage` from."""

from clerk.stage import Stage

__all__ = ["Stage"]
