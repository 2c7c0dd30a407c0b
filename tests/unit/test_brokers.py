"""The table of brokers: every address that the settings accept has a class, and a class has all that we ask of one."""

from __future__ import annotations

import pytest

from clerk.errors import SettingError
from clerk.jobs import Priority
from clerk.settings import BROKER_SCHEMES as SCHEMES
from clerk_tasks.broker.table import load_broker


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if not scheme.startswith("valkey")])
def test_every_scheme_of_the_settings_has_a_broker(scheme: str) -> None:
    broker = load_broker(f"{scheme}://localhost")
    assert set(broker.priorities) == set(Priority)
    assert OSError in broker.errors


def test_an_unknown_scheme_names_those_that_there_are() -> None:
    with pytest.raises(SettingError, match="BROKER_URL: 'pigeon' is not supported; use one of redis"):
        load_broker("pigeon://localhost")


def test_an_address_is_shown_without_its_password() -> None:
    assert "hunter2" not in load_broker("redis://me:hunter2@localhost/1").shown
