"""TLS of a broker's address: certificates are verified unless the address says otherwise."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from clerk.errors import SettingError

#: The schemes whose connections are encrypted.
SECURE = ("rediss", "amqps")
_VERIFY = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
_FILES = ("ca_certs", "certfile", "keyfile")


@dataclass(frozen=True, slots=True)
class Tls:
    """What to verify of the server's certificate; `files` are authorities and our own certificate."""

    verify: ssl.VerifyMode
    check_hostname: bool
    files: dict[str, str]

    @property
    def problem(self) -> str | None:
        """Return what is not verified, None if all is."""
        if self.verify is not ssl.CERT_REQUIRED:
            return "the broker's certificate is not verified: others on the way can read and change messages"
        return None if self.check_hostname else "the broker's certificate may be that of another host"


def split_tls(url: str) -> tuple[str, Tls | None]:
    """Take the `ssl_` arguments out of an address; SettingError for a bad one. None for a connection without TLS.

    They are `ssl_cert_reqs` (required, optional, none), `ssl_check_hostname` (true, false), and the paths
    `ssl_ca_certs`, `ssl_certfile` and `ssl_keyfile`.
    """
    parts = urlsplit(url)
    if parts.scheme not in SECURE:
        return url, None
    query = parse_qsl(parts.query)
    given = {name.removeprefix("ssl_"): value for name, value in query if name.startswith("ssl_")}
    verify = given.pop("cert_reqs", "required").lower().removeprefix("cert_")
    check_hostname = given.pop("check_hostname", "true").lower()
    if verify not in _VERIFY or check_hostname not in ("true", "false") or not given.keys() <= set(_FILES):
        known = ", ".join(f"ssl_{name}" for name in _FILES)
        known = f"ssl_cert_reqs=required, optional or none, ssl_check_hostname=true or false, {known}"
        raise SettingError(f"BROKER_URL: of TLS it may say {known}")
    rest = urlencode([(name, value) for name, value in query if not name.startswith("ssl_")])
    verified = _VERIFY[verify]
    tls = Tls(verified, check_hostname == "true" and verified is not ssl.CERT_NONE, given)
    return urlunsplit(parts._replace(query=rest)), tls
