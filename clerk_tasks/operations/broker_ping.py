"""Ask a broker whether it is there, by its own protocol, without a client library: these take long to import."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack
from urllib.parse import SplitResult, unquote, urlsplit

from clerk.errors import BrokerUnavailable
from clerk_tasks.broker.tls import SECURE, Tls, split_tls

#: How long one step may take, in seconds; who asks may be less patient.
STEP_TIMEOUT = 5.0
_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}
#: How an AMQP 0-9-1 client begins; the server answers with a method frame, whose first byte is 1.
_AMQP_HEADER = b"AMQP\x00\x00\x09\x01"


def ping(url: str) -> None:
    """Connect to the broker of an address and have one answer.

    A password is tried on Redis, not on RabbitMQ, which asks for it later. Raises OSError or BrokerUnavailable.
    """
    bare, tls = split_tls(url)
    parts = urlsplit(bare)
    with ExitStack() as opened:
        connection = opened.enter_context(_connect(parts))
        connection.settimeout(STEP_TIMEOUT)
        if parts.scheme in SECURE:
            assert tls is not None  # noqa: S101 - split_tls returns it for these schemes
            connection = opened.enter_context(_context(tls).wrap_socket(connection, server_hostname=parts.hostname))
        if parts.scheme.startswith("redis"):
            _ping_redis(connection, parts)
        else:
            connection.sendall(_AMQP_HEADER)
            if connection.recv(1) != b"\x01":
                raise BrokerUnavailable("what answers is no RabbitMQ")


def _connect(parts: SplitResult) -> socket.socket:
    if parts.scheme.endswith("+socket"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(STEP_TIMEOUT)
        try:
            connection.connect(unquote(parts.netloc + parts.path))
        except OSError:
            connection.close()
            raise
        return connection
    return socket.create_connection((parts.hostname or "localhost", parts.port or _PORTS[parts.scheme]), STEP_TIMEOUT)


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.files.get("ca_certs"))
    context.check_hostname = tls.check_hostname
    context.verify_mode = tls.verify
    if "certfile" in tls.files:
        context.load_cert_chain(tls.files["certfile"], tls.files.get("keyfile"))
    return context


def _ping_redis(connection: socket.socket, parts: SplitResult) -> None:
    if parts.password:
        names = [unquote(parts.username)] if parts.username else []
        _expect(connection, b"+OK", "AUTH", *names, unquote(parts.password))
    # A server that cannot write to its full disk, or still reads its file, is there.
    _expect(connection, (b"+PONG", b"-MISCONF"), "PING")


def _expect(connection: socket.socket, answers: bytes | tuple[bytes, ...], *words: str) -> None:
    encoded = [word.encode() for word in words]
    command = b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
    connection.sendall(command)
    answer = connection.recv(200)
    if not answer.startswith(answers):
        line = answer.decode(errors="replace").strip().lstrip("-")
        raise BrokerUnavailable(f"it answers {line[:100]!r}" if line else "it closes the connection")
