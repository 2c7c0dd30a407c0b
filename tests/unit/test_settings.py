"""Settings: bad values, second names, names of older programs, names that are none, and those wanted early."""

from __future__ import annotations

from pathlib import Path

import pytest

from clerk.early_settings import early_setting
from clerk.errors import SettingError
from clerk.plugin.containment import patience
from clerk.plugin.loader import plugins_directory
from clerk.settings import Settings, settings, unknown_variables


def test_older_programs_find_what_they_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///a.db")
    monkeypatch.setenv("STORAGE_DIR", "here")
    assert (Settings().DATABASE_URL, Settings().REDIS_URL, Settings().STORAGE_DIR) == ("sqlite:///a.db", None, "here")
    monkeypatch.setenv("REDIS_URL", "redis://host")
    assert Settings().REDIS_URL == "redis://host"


def test_the_languages_have_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_OCR_LANGUAGES", "fra")
    assert Settings().ocr_languages == "fra"
    monkeypatch.setenv("OCR_LANGS", "spa")
    assert Settings().ocr_languages == "spa"


def test_a_name_that_is_no_setting_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLERK_LEASE", "CLERK_LAESE", "CLERK_XYZ", "CLERK_INSTANCE"):
        monkeypatch.setenv(name, "10")
    Path(".env").write_text("CLERK_PUBLISHDIR=x\nCLERK_RELAY_INTERVAL=3\n")
    assert unknown_variables() == {
        "CLERK_LAESE": "CLERK_LEASE",
        "CLERK_PUBLISHDIR": "CLERK_PUBLISH_DIR",
        "CLERK_XYZ": None,
    }


@pytest.mark.parametrize("in_environment", ["7", "", None])
def test_what_is_wanted_early_is_what_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, in_environment: str | None
) -> None:
    if in_environment is not None:
        monkeypatch.setenv("CLERK_PLUGIN_PATIENCE", in_environment)
    assert patience() == settings().plugin_patience
    settings.discard()
    Path(".env").write_text("CLERK_PLUGIN_PATIENCE=5\n")
    assert patience() == settings().plugin_patience == float(in_environment or 5)
    assert early_setting("CLERK_HOME") == str(settings().home)


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


def test_a_tilde_in_env_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/clerk")
    for name in ("STORAGE_DIR", "DATABASE_URL", "CLERK_HOME", "CLERK_PLUGINS_DIR"):
        monkeypatch.delenv(name, raising=False)
    lines = ("STORAGE_DIR=~/sites", "DATABASE_URL=sqlite:///~/civic.db", "CLERK_HOME=~", "CLERK_PLUGINS_DIR=~/plugins")
    (tmp_path / ".env").write_text("\n".join((*lines, "CLERK_PUBLISH_DIR=/srv/~/public")))
    found = settings()
    assert (found.STORAGE_DIR, found.database_url) == ("/home/clerk/sites", "sqlite:////home/clerk/civic.db")
    assert (found.home, found.publish_dir) == (Path("/home/clerk"), Path("/srv/~/public"))
    assert found.plugins_dir == plugins_directory() == Path("/home/clerk/plugins")


def test_a_home_folder_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_DIR", "~no-such-user/sites")
    with pytest.raises(SettingError, match="STORAGE_DIR="):
        settings()


@pytest.mark.parametrize("value", ["http://10.0.0.1/", "10.0.0.0/99"])
def test_private_hosts_are_hosts_or_networks(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CLERK_FETCH_PRIVATE_HOSTS", value)
    with pytest.raises(SettingError, match="CLERK_FETCH_PRIVATE_HOSTS="):
        settings()


def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_FINANCE_STATES", "")
    assert settings().finance_states == ("CA",)
