"""Makes run ids, and checks those that others have made."""

import re
import secrets
import string
import time

from clerk.errors import UsageError

_ALPHABET = string.ascii_lowercase + string.digits
_RANDOM = secrets.SystemRandom()
#: Ours is one, with the longest subdomain too.
_FORM = re.compile(r"[A-Za-z0-9._-]{1,300}")


def generate_run_id(subdomain: str) -> str:
    """Return `{subdomain}_{unix seconds}_{6 lowercase alphanumerics}`."""
    tail = "".join(_RANDOM.choices(_ALPHABET, k=6))
    return f"{subdomain}_{int(time.time())}_{tail}"


def validate_run_id(run_id: str) -> str:
    """Return a run id as it is; UsageError unless it is up to 300 letters, digits, dots, hyphens and underscores."""
    if _FORM.fullmatch(run_id):
        return run_id
    raise UsageError(f"bad run id {run_id[:80]!r}: use letters, digits, '.', '-' and '_', at most 300, or leave it out")
