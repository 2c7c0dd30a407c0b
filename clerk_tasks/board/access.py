"""Who may see the board and act on it: hosts, passwords, tokens, a proxy's header, and how often they may be wrong."""

from __future__ import annotations

import base64
import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from clerk.acts import operator
from clerk.settings import Settings
from clerk.visible import visible

#: How many logins of one address may fail in how many seconds before it must wait.
MOST_FAILURES, WINDOW = 10, 60.0
#: How many addresses are remembered.
_MOST_ADDRESSES = 1000
#: The names by which a browser on this machine reaches the board.
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

READ_ONLY = (
    "Read-only: this board listens beyond this machine and has no password. "
    "Set CLERK_BOARD_PASSWORD or CLERK_BOARD_TOKEN to act."
)


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks; `by_token` is a program, which no other site can make send a form."""

    name: str
    can_act: bool
    by_token: bool = False


class Denied(Exception):
    """A request that is not answered, with its HTTP status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def is_loopback(host: str) -> bool:
    """Return whether an address to listen on is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Access:
    """What the settings and the address to listen on allow."""

    def __init__(self, host: str, chosen: Settings) -> None:
        self._loopback = is_loopback(host)
        self._password, self._token = chosen.board_password, chosen.board_token
        self._header = chosen.board_user_header.lower() if chosen.board_user_header else None
        self._hosts = {name.lower() for name in chosen.board_hosts}
        self._needs_login = bool(self._password or self._token or self._header)
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def banner(self) -> str | None:
        """What every page says where no one can act."""
        return None if self._loopback or self._needs_login else READ_ONLY

    def admit(self, headers: Mapping[str, str], address: str) -> Person:
        """Return who asks; Denied for a wrong host name (DNS rebinding), and for wrong or missing credentials."""
        self._check_host(headers.get("host", ""))
        if not self._needs_login:
            return Person(operator(), can_act=self._loopback)
        self._check_failures(address)
        given = headers.get("authorization", "")
        person = self._by_header(headers) or self._by_basic(given) or self._by_bearer(given)
        if person is None:
            if given:
                self._failed(address)
            raise Denied(401, "Log in with the board's password, or send its token.")
        return person

    def _check_host(self, given: str) -> None:
        name = given.rsplit(":", 1)[0] if not given.endswith("]") else given
        name = name.strip("[]").lower()
        if name in self._hosts or (not self._hosts and not self._loopback):
            return
        if self._loopback and name in _LOOPBACK_NAMES:
            return
        raise Denied(421, f"This board is not {visible(name)[:100]!r}: CLERK_BOARD_HOSTS lists the names that it has.")

    def _by_header(self, headers: Mapping[str, str]) -> Person | None:
        name = headers.get(self._header, "").strip() if self._header else ""
        return Person(_name(name), can_act=True) if name else None

    def _by_basic(self, given: str) -> Person | None:
        scheme, _, encoded = given.partition(" ")
        if self._password is None or scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except ValueError:
            return None
        right = hmac.compare_digest(password.encode(), self._password.encode())
        return Person(_name(name or "an operator"), can_act=True) if right else None

    def _by_bearer(self, given: str) -> Person | None:
        scheme, _, token = given.partition(" ")
        if self._token is None or scheme.lower() != "bearer":
            return None
        right = hmac.compare_digest(token.strip().encode(), self._token.encode())
        return Person("a program with the board's token", can_act=True, by_token=True) if right else None

    def _check_failures(self, address: str) -> None:
        failed, moment = self._failures.get(address, deque[float]()), time.monotonic()
        while failed and moment - failed[0] > WINDOW:
            failed.popleft()
        if len(failed) >= MOST_FAILURES:
            raise Denied(429, f"Too many wrong logins from here: wait {WINDOW:.0f} s.")

    def _failed(self, address: str) -> None:
        self._failures.setdefault(address, deque(maxlen=MOST_FAILURES)).append(time.monotonic())
        self._failures.move_to_end(address)
        while len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)


def _name(given: str) -> str:
    return f"{visible(given)[:60]} (board)"
