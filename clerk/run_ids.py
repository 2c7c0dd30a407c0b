"""Makes run ids."""

import secrets
import string
import time

_ALPHABET = string.ascii_lowercase + string.digits


def generate_run_id(subdomain: str) -> str:
    """Return `{subdomain}_{unix seconds}_{6 lowercase alphanumerics}`."""
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    return f"{subdomain}_{int(time.time())}_{tail}"
