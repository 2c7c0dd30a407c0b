"""Points at which an attempt can crash: right before and right after each effect that the kit can see."""

from __future__ import annotations

from clerk.jobs import current_job


class Crash(BaseException):
    """The attempt ends here, as if its process had been killed: no outcome is recorded."""


class CrashPoints:
    """The points that one attempt passes; it crashes at number `at`, counted from 1, or at no point if that is 0."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.passed: list[str] = []

    @property
    def crashed(self) -> str | None:
        """Where the attempt crashed; None if it did not."""
        return self.passed[self.at - 1] if 0 < self.at <= len(self.passed) else None

    def reach(self, name: str) -> None:
        """Pass a point, or crash there; an attempt that has crashed does nothing further."""
        if not self.crashed:
            self.passed.append(name)
        if self.crashed:
            raise Crash(self.crashed)


def crash_here(name: str) -> None:
    """Be a point at which `each_crash` ends an attempt; call it in what stands in for a server, after its effect.

    In an attempt that is to crash elsewhere, and outside of a job, it does nothing.
    """
    points = getattr(current_job(), "crash_points", None)
    if isinstance(points, CrashPoints):
        points.reach(name)
