"""Keep secrets out of logs and errors, and leave what people wrote as it is."""

import re

#: The password of an address: //user:password@host, also where the user is missing, as Redis allows.
_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*):([^\s/'\"]+)@")

#: Tokens of paging are no secrets, such as OData's $skiptoken.
_PAGING = [f"{word}{end}" for word in ("skip", "page", "next", "sync", "continuation") for end in ("", "_", "-")]
_TOKEN = "token" + "".join(f"(?<!{word}token)" for word in _PAGING)
_KEY = (
    rf"(?:{_TOKEN}|(?:api|access|private|secret|account|shared)[_-]?key|secret|passw(?:or)?d|passphrase|pwd|authorization"
    r"|x-amz-signature|(?<![a-z])sig)"
)
_QUOTE = r"\\?['\"]"  # as it is, or inside JSON
_VALUE = r"(?:[^\s&'\"\\]|\\(?!['\"]))"

#: What gives a credential away: the shape around it, for prose too says "password:" and "authorization".
_CREDENTIALS = tuple(
    re.compile(rf"(?i)({before}){value}")
    for before, value in (
        (rf"(?:{_KEY}{_QUOTE}\s*:\s*|{_KEY}=){_QUOTE}", r"[^'\"\\]+"),  # of a dict, of a call
        (rf"{_KEY}=", rf"{_VALUE}+"),  # of a query, of a variable
        (r"authorization\s*:\s*(?:basic|bearer|digest|token)\s+", rf"{_VALUE}+"),
        (r"\bx-[\w-]{0,40}(?:key|token)\s*:\s*", rf"{_VALUE}+"),
        (r"(?:token|secret|passw(?:or)?d)\s*:\s*", rf"(?=\S*\d){_VALUE}{{6,}}"),  # our own words hold no digit
    )
)

#: Every credential has one of these near it; most lines of a log have none, and are not searched further.
_NEAR = ("://", "key", "token", "secret", "passw", "passphrase", "pwd", "sig=", "signature=", "authorization")


def redact(text: str) -> str:
    """Return the text with the passwords of addresses, and whatever else looks like a credential, replaced by ***."""
    lower = text.lower()
    for word in _NEAR:  # a generator takes three times as long
        if word in lower:
            break
    else:
        return text
    text = _PASSWORD.sub(r"\1:***@", text)
    for credential in _CREDENTIALS:
        text = credential.sub(r"\1***", text)
    return text


def storable(text: str) -> str:
    """Return text that every database takes: without secrets, NULs and halves of characters."""
    return redact(text).replace("\x00", "?").encode(errors="replace").decode()
