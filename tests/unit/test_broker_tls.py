"""An encrypted broker must prove who it is, unless its address says otherwise."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest

from clerk.errors import SettingError
from clerk_tasks.broker.table import load_broker

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

#: Makes a server whose certificate names a host; returns its port and what becomes of each handshake.
Serve = Callable[[str], tuple[int, "Queue[bool]"]]


def certify(folder: Path, host: str) -> None:
    """Write cert.pem and key.pem of a host, signed by itself."""
    names = f"subjectAltName=DNS:{host}" if host == "elsewhere" else f"subjectAltName=IP:{host}"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={host}"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-addext", names]
    subprocess.run([*command, *files], check=True, capture_output=True)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    listeners = []

    def start(host: str) -> tuple[int, Queue[bool]]:
        certify(tmp_path, host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        outcomes: Queue[bool] = Queue()
        threading.Thread(target=answer, args=(listener, context, outcomes), daemon=True).start()
        return listener.getsockname()[1], outcomes

    yield start
    for listener in listeners:
        listener.close()


def answer(listener: socket.socket, context: ssl.SSLContext, outcomes: Queue[bool]) -> None:
    while True:
        try:
            raw, _ = listener.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(raw, server_side=True) as connection:
                outcomes.put(bool(connection.recv(1)))  # what TLS 1.3 refuses, it refuses after our handshake
        except OSError:
            outcomes.put(False)


CASES = [
    ("127.0.0.1", "", False),
    ("127.0.0.1", "?ssl_ca_certs={cert}", True),
    ("127.0.0.1", "?ssl_cert_reqs=none", True),
    ("elsewhere", "?ssl_ca_certs={cert}", False),
    ("elsewhere", "?ssl_ca_certs={cert}&ssl_check_hostname=false", True),
]


@pytest.mark.parametrize("scheme", ["rediss", "amqps"])
@pytest.mark.parametrize(("host", "query", "accepted"), CASES)
def test_a_certificate_is_verified(
    serve: Serve, tmp_path: Path, scheme: str, host: str, query: str, accepted: bool
) -> None:
    port, outcomes = serve(host)
    broker = load_broker(f"{scheme}://127.0.0.1:{port}/" + query.format(cert=tmp_path / "cert.pem"))
    with pytest.raises(broker.errors):  # the server hangs up after the handshake
        broker.connect().channel()
    assert outcomes.get(timeout=10) is accepted


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("rediss://h/0?ssl_cert_reqs=CERT_NONE", "certificate is not verified"),
        ("amqps://h//?ssl_check_hostname=false", "certificate may be that of another host"),
        ("amqps://h//", None),
        ("amqp://h//", None),
    ],
)
def test_the_doctor_says_what_is_not_verified(url: str, said: str | None) -> None:
    found = next(load_broker(url).problems(None), None)
    assert bool(found) is bool(said)
    assert found is None or str(said) in found.problem


def test_a_bad_argument_is_refused() -> None:
    with pytest.raises(SettingError, match="ssl_cert_reqs=required, optional or none"):
        load_broker("rediss://h/0?ssl_cert_reqs=maybe")
