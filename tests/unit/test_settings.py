"""What the environment says wrongly is told by the variable's name."""

import pytest

from clerk.errors import SettingError
from clerk.settings import settings


@pytest.mark.parametrize(
    ("variable", "value", "advice"),
    [
        ("CLERK_FINANCE_CRON", "nightly", "five fields, minute first"),
        ("CLERK_MEETINGS_CRON", "0 0 30 2 *", "no time that ever comes"),
        ("CLERK_FINANCE_TIMEZONE", "Pacific", "not a time zone"),
        ("CLERK_FINANCE_TIMEZONE", "America", "not a time zone"),
        ("CLERK_FINANCE_TIMEZONE", "../UTC", "not a time zone"),
        ("CLERK_FINANCE_BASE_URL", "public.netfile.com", "begins with https://"),
        ("CLERK_FINANCE_BASE_URL", "ftp://public.netfile.com", "begins with https://"),
        ("CLERK_FINANCE_BASE_URL", "https://", "names a host"),
        ("CLERK_FINANCE_BASE_URL", "http://localhost:http", "port"),
        ("CLERK_FINANCE_STATES", ", ", "at least 1"),
    ],
)
def test_a_bad_value_is_told_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, advice: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingError) as error:
        settings()
    assert str(error.value).startswith(f"{variable}=")
    assert advice in str(error.value)


def test_good_values_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_FINANCE_CRON", "30 2 * * 0")
    monkeypatch.setenv("CLERK_FINANCE_TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("CLERK_FINANCE_BASE_URL", "http://127.0.0.1:8000/excel/")
    monkeypatch.setenv("CLERK_FINANCE_STATES", "CA, NV")
    found = settings()
    assert (found.finance_cron, found.finance_timezone) == ("30 2 * * 0", "Europe/Berlin")
    assert (found.finance_base_url, found.finance_states) == ("http://127.0.0.1:8000/excel/", ("CA", "NV"))


def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_FINANCE_STATES", "")
    assert settings().finance_states == ("CA",)
