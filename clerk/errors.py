"""Every error that an operator or a plugin author may meet, each with its exit code.

    ClerkError                1  the work failed
    ├── UsageError            2  the call is wrong: an argument, a name, a size
    ├── SettingError          2  an environment variable holds what it may not
    ├── NotFoundError         3  no such job type, site, job, run, pool or plugin
    ├── ConflictError         4  something else is already so
    └── UnavailableError      5  the database or the broker cannot be reached

A message says what happened and what to do next. It never holds a password.
"""


class ClerkError(Exception):
    """Anything that went wrong for a reason worth one clear line."""

    exit_code = 1


class UsageError(ClerkError, ValueError):
    """A bad argument, priority, subdomain or size."""

    exit_code = 2


class SettingError(UsageError):
    """An environment variable holds a value that it may not."""


class NotFoundError(ClerkError, ValueError):
    """An unknown job type, site, job, run, pool or plugin."""

    exit_code = 3


def missing(kind: str, key: str) -> NotFoundError:
    """Return the error for a job, run or site that is not there, with what to do."""
    add = ", `clerk-tasks sites add` adds one" if kind == "site" else ""
    return NotFoundError(f"There is no {kind} {key!r}: `clerk-tasks {kind}s list` lists them{add}.")


class ConflictError(ClerkError):
    """The thing asked for is already there, or already being done."""

    exit_code = 4


class UnavailableError(ClerkError):
    """The database or the broker cannot be reached."""

    exit_code = 5


class DatabaseUnavailable(UnavailableError, RuntimeError):
    """The database cannot be reached, or cannot be used by this code."""


class BrokerUnavailable(UnavailableError):
    """The broker cannot be reached."""


class BrokerRefused(BrokerUnavailable):
    """The broker is there and refuses an order: about a queue that was declared in another way, say."""
