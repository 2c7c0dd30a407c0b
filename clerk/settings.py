"""Everything that the environment decides, read once and typed; each name here is documented in docs/reference."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from clerk.application import part
from clerk.early_settings import dotenv
from clerk.errors import SettingError
from clerk.redaction import redact
from clerk.setting_checks import check_secret, check_time_of_day, check_timezone, check_web_address, check_webhook

Names = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(lambda text: tuple(text.replace(",", " ").split()) if isinstance(text, str) else text),
]


Number = TypeVar("Number", int, float)


#: Variables whose values errors do not quote.
_MAY_HOLD_SECRETS = frozenset(
    {
        *("BROKER_URL", "CLERK_CIVIC_OBSERVER", "CLERK_WEBHOOKS", "CLERK_WEBHOOK_SECRET", "DATABASE_URL", "REDIS_URL"),
        *("CLERK_BOARD_PASSWORD", "CLERK_BOARD_TOKEN"),
    }
)

#: What our programs say to their children by CLERK_ variables that are no settings.
INTERNAL = frozenset({"BURST", "CHILDREN", "EVENTS", "INSTANCE"})


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _database(url: str) -> str:
    scheme, _, path = url.partition(":///")
    return f"{scheme}:///{_expanded(Path(path))}" if scheme.startswith("sqlite") and path.startswith("~") else url


def _broker(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError("not a broker's address, such as redis://localhost:6379/0")
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise ValueError("not a broker's address: its host or port is malformed") from None
    return f"{scheme.replace('valkey', 'redis')}://{rest}"  # Valkey speaks Redis


def _cron(line: str) -> str:
    try:
        next(CronSim(line, datetime.now(UTC)))
    except (CronSimError, StopIteration) as error:
        raise ValueError(f"no time that ever comes ({error}); five fields, minute first, as in 0 6 * * *") from None
    return line


def _private_hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if "://" in name:
            raise ValueError(f"{name!r} is not a host: write it as host, host:port, or a network such as 10.0.0.0/8")
        if "/" in name:
            ip_network(name, strict=False)
    return names


#: Our own defaults are not looked at: it takes as long as reading all the rest.
Cron = Annotated[str, AfterValidator(_cron), Field(validate_default=False)]
Timezone = Annotated[str, AfterValidator(check_timezone), Field(validate_default=False)]
WebAddress = Annotated[str, AfterValidator(check_web_address)]
Folder = Annotated[Path, AfterValidator(_expanded)]
Secret = Annotated[str, AfterValidator(check_secret)]
TimeOfDay = Annotated[str, AfterValidator(check_time_of_day)]
PrivateHosts = Annotated[Names, AfterValidator(_private_hosts)]


class Settings(BaseSettings):
    """The environment of this process; `.env` in the working directory fills in what is not set."""

    model_config = SettingsConfigDict(
        env_prefix="CLERK_", env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    database_url: Annotated[str, AfterValidator(_database)] = Field(
        "sqlite:///civic.db", validation_alias="DATABASE_URL"
    )
    broker_url: Annotated[str, AfterValidator(_broker)] | None = Field(
        None, validation_alias=AliasChoices("BROKER_URL", "REDIS_URL")
    )
    storage_dir: Folder = Field(Path("../sites"), validation_alias="STORAGE_DIR")

    home: Folder = Path(".clerk")
    trust: bool = False
    valkey_server: Folder | None = None
    plugins_dir: Folder = Path("plugins")
    plugin_patience: float = Field(60.0, gt=0, le=3600)  # seconds
    lease: float = Field(30.0, ge=0.5, le=3600)  # seconds
    relay_interval: float = Field(5.0, ge=0.1, le=300)  # seconds
    shutdown_grace: float = Field(20.0, ge=0, le=3600)  # seconds
    prune_days: int = Field(365, ge=0, le=36500)  # 0: never
    job_log_limit: int = Field(256, ge=0, le=1 << 16)  # KiB of one attempt; 0: no log is kept
    log_format: Literal["text", "json"] = "text"
    memory_limit: int = Field(4096, ge=0, le=1 << 20)  # MiB for one job; 0: none

    fetch_private_hosts: PrivateHosts = ()
    withdrawn: Literal["keep", "take-down"] = "keep"
    failed_documents: float = Field(1.0, ge=0, le=1)  # share of a run's documents
    meetings_cron: Cron = "*/10 * * * *"
    meetings_sites: int = Field(1, ge=1, le=1000)  # each time
    pause_after_failures: int = Field(7, ge=0, le=365)  # days on which each run of a site failed; 0: never

    ocr_engine: str | None = None
    ocr_languages: str = Field("eng+spa", validation_alias=AliasChoices("OCR_LANGS", "CLERK_OCR_LANGUAGES"))

    publish_dir: Folder | None = None
    publish_keep: int = Field(3, ge=1, le=1000)

    finance_states: Names = Field(("CA",), min_length=1)
    finance_cron: Cron = "0 6 * * *"
    finance_timezone: Timezone = "America/Los_Angeles"
    finance_sites_per_night: int = Field(1, ge=1, le=1000)
    finance_base_url: WebAddress = "https://public.netfile.com/pub2/excel"
    finance_search_url: WebAddress = "https://netfile.com/Connect2/api"
    finance_portal_url: WebAddress = "https://netfile.com/api/public/sites/api"

    board_listen: str = "127.0.0.1:8400"
    board_hosts: Names = ()
    board_password: str | None = Field(None, min_length=8)
    board_token: str | None = Field(None, min_length=16)
    board_user_header: str | None = None
    board_arguments: Literal["show", "hide"] = "show"

    webhooks_private: bool = False
    webhooks: Names = ()
    webhook_secret: Secret | None = None
    civic_observer: WebAddress | None = None
    civic_observer_secret: str | None = None
    night_ends: TimeOfDay | None = None

    @field_validator("webhooks", "civic_observer")
    @classmethod
    def _outside(cls, value: Any, info: ValidationInfo) -> Any:
        """Check the webhooks; one that is inside the machine or its network must be allowed."""
        for address in [value] if isinstance(value, str) else value or ():
            check_webhook(address, private=bool(info.data.get("webhooks_private")))
        return value

    @property
    def DATABASE_URL(self) -> str:  # noqa: N802 - these three are what older plugins read
        """The database's address."""
        return self.database_url

    @property
    def REDIS_URL(self) -> str | None:  # noqa: N802
        """The broker's address; None for the embedded one."""
        return self.broker_url

    @property
    def STORAGE_DIR(self) -> str:  # noqa: N802
        """The folder of all sites."""
        return str(self.storage_dir)

    @property
    def lease_term(self) -> float:
        """How long a renewal lasts, in seconds; the other half of a lease is for noticing that it ended."""
        return self.lease / 2

    @property
    def renewal(self) -> float:
        """How long it is from one renewal to the next, in seconds: two may fail."""
        return self.lease_term / 3


@part
def settings() -> Settings:
    """Return the settings of this process; SettingError names the variable that holds a bad value."""
    dotenv()
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        variable = name if name.isupper() else f"CLERK_{name.upper()}"
        message = str(first["msg"]).removeprefix("Value error, ")
        # A malformed address may hold a password where no rule of redaction finds it.
        given = "" if variable in _MAY_HOLD_SECRETS else f"={first['input']!r}"
        raise SettingError(redact(f"{variable}{given}: {message[:1].lower()}{message[1:]}")) from None


def variables() -> list[str]:
    """Return the names of all variables that settings are read from."""
    aliases = {name: field.validation_alias or f"CLERK_{name.upper()}" for name, field in Settings.model_fields.items()}
    choices = [alias.choices if isinstance(alias, AliasChoices) else [alias] for alias in aliases.values()]
    return [str(name) for names in choices for name in names]


def unknown_variables() -> dict[str, str | None]:
    """Return the unknown CLERK_ variables, each with the known one that may be meant."""
    known = {name.removeprefix("CLERK_"): name for name in variables()}
    given = {name.removeprefix("CLERK_") for name in {*os.environ, *dotenv()} if name.startswith("CLERK_")}
    unknown = sorted(given - known.keys() - INTERNAL)
    return {f"CLERK_{name}": next(map(known.get, get_close_matches(name, known, n=1)), None) for name in unknown}


def get_env(name: str, default: str | None = None) -> str | None:
    """Return a variable of the environment as text: what older plugins read their own settings with."""
    return os.environ.get(name, default)


def get_env_bool(name: str, default: bool = False) -> bool:
    """Return whether a variable says yes: 1, true, yes or on; the default where it is unset or empty."""
    text = os.environ.get(name, "").strip().lower()
    return text in ("1", "true", "yes", "on") if text else default


def get_env_int(name: str, default: int = 0) -> int:
    """Return a variable as a whole number; SettingError if it holds something else."""
    return _number(name, default, int)


def get_env_float(name: str, default: float = 0.0) -> float:
    """Return a variable as a number; SettingError if it holds something else."""
    return _number(name, default, float)


def _number(name: str, default: Number, kind: Callable[[str], Number]) -> Number:
    text = os.environ.get(name, "").strip()
    try:
        return kind(text) if text else default
    except ValueError:
        raise SettingError(f"{name}={text!r}: not a number") from None
