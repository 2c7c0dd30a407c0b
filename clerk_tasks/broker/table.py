"""The brokers that there are: to add one, write its class in a file beside this one, and name it here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from clerk.errors import SettingError
from clerk.settings import settings
from clerk_tasks.broker import embedded

if TYPE_CHECKING:
    from clerk_tasks.broker.base import Broker

#: The transport in an address's scheme -> module and class. It is imported when a broker is first needed, since
#: kombu and a broker's driver take longer to import than most commands take to run.
BROKERS = {
    "redis": "clerk_tasks.broker.redis:Redis",
    "rediss": "clerk_tasks.broker.redis:Redis",
    "amqp": "clerk_tasks.broker.rabbitmq:RabbitMQ",
    "amqps": "clerk_tasks.broker.rabbitmq:RabbitMQ",
}


def broker_url() -> str:
    """Return the broker's address: configured, else the embedded broker's; SettingError if its scheme is unknown."""
    url = settings().broker_url or embedded.broker_url()
    _place_of(url)
    return url


def load_broker(url: str) -> Broker:
    """Return the broker of an address; SettingError lists the schemes if its own is unknown."""
    module, _, name = _place_of(url).partition(":")
    broker: Broker = getattr(importlib.import_module(module), name)(url)
    return broker


def _place_of(url: str) -> str:
    scheme = url.partition("://")[0].partition("+")[0]
    if scheme not in BROKERS:
        raise SettingError(f"BROKER_URL: {scheme!r} is not supported; use one of {', '.join(BROKERS)}")
    return BROKERS[scheme]
