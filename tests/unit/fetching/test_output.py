"""What older plugins log with, and read their settings by."""

from __future__ import annotations

import json
import logging

import pytest

from clerk.errors import SettingError
from clerk.output import ClerkLogger, JsonFormatter, configure, log
from clerk.settings import get_env, get_env_bool, get_env_float, get_env_int
from clerk_tasks.logs import LogLines


def test_a_line_of_json_has_the_fields_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logger = ClerkLogger("alderbay.ca", job_id="7", run_id="r", stage="fetch")
    logger.log("asked https://x.example/?token=hush", level="warning", pages=3, nothing=None, parent_job_id="6")
    line = json.loads(JsonFormatter().format(caplog.records[0]))
    assert (
        line.items()
        >= {"level": "WARNING", "subdomain": "alderbay.ca", "job_id": "7", "pages": 3, "parent_job_id": "6"}.items()
    )
    assert line["message"] == "asked https://x.example/?token=***"
    assert "nothing" not in line
    assert "backend" not in line


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "failed", None, (type(error), error, error.__traceback__)
        )
    assert "ValueError: no" in json.loads(JsonFormatter().format(record))["exception"]


def test_the_process_s_site_is_the_default(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    configure(quiet=True, subdomain="briarhill.ca")
    try:
        log("hello")
        ClerkLogger("alderbay.ca").log("there")
    finally:
        configure()
    log("no site")
    assert caplog.messages == ["hello", "there", "no site"]
    sites = [getattr(record, "subdomain", None) for record in caplog.records]
    assert sites == ["briarhill.ca", "alderbay.ca", None]
    shown = [LogLines("%(message)s").format(record) for record in caplog.records]
    assert shown == ["briarhill.ca: hello", "alderbay.ca: there", "no site"], "a person sees which site it is"


def test_plugins_read_their_settings_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"A": "text", "B": "Yes", "C": "12", "D": "0.5", "E": "twelve", "F": "", "G": "off"}.items():
        monkeypatch.setenv(f"MY_{name}", value)
    assert (get_env("MY_A"), get_env("MY_Z"), get_env("MY_Z", "z")) == ("text", None, "z")
    assert (get_env_bool("MY_B"), get_env_bool("MY_G", True), get_env_bool("MY_F", True)) == (True, False, True)
    assert (get_env_int("MY_C"), get_env_int("MY_F", 4), get_env_float("MY_D")) == (12, 4, 0.5)
    with pytest.raises(SettingError, match="MY_E='twelve'"):
        get_env_int("MY_E")
