"""RabbitMQ: classic queues with priorities."""

from __future__ import annotations

from typing import Any, ClassVar

from kombu.transport import pyamqp

from clerk.jobs import Priority
from clerk_tasks.broker.base import Broker


class RabbitMQ(Broker):
    """RabbitMQ through kombu's own transport; the highest number is the most urgent."""

    priorities: ClassVar = {Priority.HIGH: 9, Priority.NORMAL: 5, Priority.LOW: 1}
    transport_options: ClassVar = {
        "confirm_publish": False,
        "read_timeout": 10,
        "write_timeout": 10,
        "connect_timeout": 5,
    }
    driver_errors = pyamqp.Transport.connection_errors

    @property
    def ssl(self) -> dict[str, Any] | bool:
        """The TLS options as py-amqp knows them: it checks the host's name only where `server_hostname` is given."""
        if self.tls is None:
            return False
        # kombu puts the address's host in the place of None.
        hostname = {"server_hostname": None} if self.tls.check_hostname else {}
        return {"cert_reqs": self.tls.verify, **hostname, **self.tls.files}
