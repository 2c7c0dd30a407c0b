"""Keep secrets out of logs and errors."""

import re

#: The password of an address: //user:password@host, also where the user is missing, as Redis allows.
_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*):([^\s/@]+)@")
#: Keys and tokens in a query string or a header.
_TOKEN = re.compile(r"(?i)\b((?:api[_-]?key|access[_-]?token|token|secret|password|authorization)[=:]\s*)[^\s&'\"]+")


def redact(text: str) -> str:
    """Return the text with passwords in addresses, and tokens in queries and headers, replaced by ***."""
    return _TOKEN.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


def storable(text: str) -> str:
    """Return text that every database takes: without secrets, NULs and halves of characters."""
    return redact(text).replace("\x00", "?").encode(errors="replace").decode()
