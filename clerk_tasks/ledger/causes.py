"""The cause of a failure: an error without its particulars, and its fingerprint."""

from __future__ import annotations

import hashlib
import re

#: What differs between two cases of one error: addresses, paths, quoted words, ids, numbers; the first that fits wins.
_PARTICULARS = re.compile(
    r"https?://\S+|(?:/[\w.@+-]+){2,}|'[^']*'|\"[^\"]*\"|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b0x[0-9a-f]+\b"
    r"|\b\d{4}-\d\d-\d\d(?:[T ][\d:.+-]+)?|\d[\d.,:]*"
)
#: Stands for an error that was not recorded.
_UNKNOWN = "no reason is recorded"


def general_form(error: str | None, subdomain: str) -> str:
    """Return an error without its particulars: the same for each job that fails for the same reason."""
    return " ".join(_PARTICULARS.sub("…", (error or _UNKNOWN).replace(subdomain, "…")).split())[:300]


def fingerprint(job_type: str, error: str | None, subdomain: str) -> str:
    """Return eight hexadecimal digits that name the cause of a failure of a job type; stable."""
    return fingerprint_of(job_type, general_form(error, subdomain))


def fingerprint_of(job_type: str, cause: str) -> str:
    """Return the fingerprint of a job type and a cause in its general form."""
    return hashlib.sha256(f"{job_type}\n{cause}".encode()).hexdigest()[:8]
