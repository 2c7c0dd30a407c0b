"""A fetcher is constructed as it wants to be, whichever generation of the contract it was written for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clerk import Fetcher, hookimpl
from clerk.errors import NotFoundError, UsageError
from clerk.fetching.fetcher_factory import get_fetcher
from clerk.fetching.overriding import overridden
from clerk.plugin.loader import plugin_manager
from devtools.plugin_files import imports_undone

SITE = {"subdomain": "alderbay.ca", "scraper": "test", "start_year": 2015, "pages": 7, "extra": None}
THIS_YEAR = datetime.now().year


@pytest.fixture
def answer() -> Callable[[object], None]:
    """Make a plugin answer to label "test" with a fetcher."""

    class Plugin:
        def __init__(self, cls: object) -> None:
            self.cls = cls

        @hookimpl
        def fetcher_class(self, label: str) -> object:
            return self.cls if label == "test" else None

    def register(cls: object) -> None:
        plugin_manager().register(Plugin(cls))

    return register


class Inheriting(Fetcher):
    def child_init(self) -> None:
        self.seen = (self.start_year, self.start_date, self.end_date, self.all_agendas, self.today, self.total_events)


class Old(Fetcher):
    """As written for 0.1.2 and clerk-fetchers 0.0.4."""

    def __init__(self, site: dict[str, Any], start_year: int | None = None, all_agendas: bool = False) -> None:
        self.called_with = (start_year, all_agendas)
        super().__init__(site, start_year, all_agendas)


class New(Fetcher):
    """As written for 0.1.3."""

    def __init__(
        self,
        site: dict[str, Any],
        all_agendas: bool = False,
        start_date_str: str | None = None,
        end_date_str: str | None = None,
    ) -> None:
        self.called_with = (all_agendas, start_date_str, end_date_str)
        super().__init__(site, all_agendas, start_date_str, end_date_str)


class PassesAllOn(Fetcher):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class DuckOld:
    """No subclass, other names, and no room for further attributes."""

    __slots__ = ("agendas", "site", "subdomain", "year")

    def __init__(self, site: dict[str, Any], year: int, agendas: bool) -> None:
        self.site, self.subdomain, self.year, self.agendas = site, site["subdomain"], year, agendas

    def fetch_events(self) -> None: ...


class DuckSite:
    def __init__(self, site: dict[str, Any]) -> None:
        self.site = site


def test_the_base_class_understands_both_generations() -> None:
    assert Fetcher(SITE).start_date == datetime(2015, 1, 1)
    assert Fetcher(SITE, 2021, True).start_year == 2021
    assert Fetcher(SITE, 2021, True).all_agendas is True
    assert Fetcher(SITE, None, True).start_year == 2015
    fetcher = Fetcher(SITE, True, "2024-02-03", "2024-03-04")
    assert (fetcher.all_agendas, fetcher.start_date, fetcher.end_date) == (
        True,
        datetime(2024, 2, 3),
        datetime(2024, 3, 4),
    )
    assert Fetcher(SITE, start_date_str="2024-02-03").start_year == 2015
    assert Fetcher(SITE, False).end_date > datetime.now() + timedelta(days=150)
    with pytest.raises(TypeError, match="not speed"):
        Fetcher(SITE, speed=3)
    with pytest.raises(UsageError, match="2024-01-31"):
        Fetcher(SITE, start_date_str="next week")


def test_all_attributes_are_there_in_child_init() -> None:
    fetcher = Inheriting(SITE, all_agendas=True)
    year, start, end, agendas, today, events = fetcher.seen
    assert (year, start, agendas, events) == (2015, datetime(2015, 1, 1), True, 0)
    assert start < today < end
    assert fetcher.previous_page_count == 7
    assert fetcher.ocr_lang == "eng+spa"


def test_the_newer_generation_is_called_by_keyword(answer: Callable[[object], None]) -> None:
    answer(New)
    assert get_fetcher(SITE, all_agendas=True).called_with == (True, None, None)
    assert get_fetcher(SITE, all_years=True).called_with == (False, "2015-01-01", None)
    assert get_fetcher(SITE, start_date_str="2024-05-06", end_date_str="2024-06-07").end_date == datetime(2024, 6, 7)


@pytest.mark.parametrize(
    ("last_updated", "year"),
    [
        (None, 2015),
        ("2019-11-30T10:00:00", 2019),
        ("2019-11-30 10:00", 2019),
        ("2019-11-30T10:00:00.5+00:00", 2019),
        ("2020-02-01T10:00:00", 2019),  # minutes of last year's meetings are still to come
        ("1999-01-01T00:00:00", 2015),
        ("soon", 2015),
    ],
)
def test_the_older_generation_starts_from_the_year_of_the_last_update(
    answer: Callable[[object], None], last_updated: str | None, year: int
) -> None:
    answer(Old)
    fetcher = get_fetcher({**SITE, "last_updated": last_updated}, all_agendas=True)
    assert fetcher.called_with == (year, True)
    assert fetcher.start_date == datetime(year, 1, 1)
    assert get_fetcher({**SITE, "last_updated": last_updated}, all_years=True).called_with == (2015, False)


def test_a_last_update_in_the_future_does_not_skip_this_year(answer: Callable[[object], None]) -> None:
    answer(Old)
    far = (datetime.now(UTC) + timedelta(days=900)).isoformat()
    assert get_fetcher({**SITE, "last_updated": far}).called_with[0] <= THIS_YEAR


def test_one_that_passes_everything_on_gets_what_the_newer_one_gets(answer: Callable[[object], None]) -> None:
    answer(PassesAllOn)
    fetcher = get_fetcher(SITE, all_agendas=True, start_date_str="2024-05-06")
    assert (fetcher.start_date, fetcher.all_agendas) == (datetime(2024, 5, 6), True)


def test_fetchers_of_another_family_are_called_by_position(answer: Callable[[object], None]) -> None:
    answer(DuckOld)
    fetcher = get_fetcher(SITE, all_agendas=True)
    assert (fetcher.year, fetcher.agendas) == (2015, True)


def test_one_that_takes_the_site_only_gets_the_dates_afterwards(answer: Callable[[object], None]) -> None:
    answer(DuckSite)
    fetcher = get_fetcher(SITE, start_date_str="2024-05-06", end_date_str="2024-06-07")
    assert (fetcher.start_date, fetcher.end_date) == (datetime(2024, 5, 6), datetime(2024, 6, 7))


def test_a_factory_is_as_good_as_a_class(answer: Callable[[object], None]) -> None:
    answer(lambda site, **options: (site["subdomain"], options))
    subdomain, options = get_fetcher(SITE, all_agendas=True)
    assert subdomain == "alderbay.ca"
    assert options == {"all_agendas": True, "start_date_str": None, "end_date_str": None}


def test_nobody_answering_is_an_error_that_names_label_and_plugins() -> None:
    with pytest.raises(NotFoundError, match=r"label 'tset' of site alderbay.ca; asked: .*legistar"):
        get_fetcher({**SITE, "scraper": "tset"})
    with pytest.raises(NotFoundError, match="no scraper label"):
        get_fetcher({**SITE, "scraper": None})


def test_a_fetcher_class_that_is_no_class_is_named_with_its_plugin(answer: Callable[[object], None]) -> None:
    answer("acme.fetcher:Acme")
    with pytest.raises(UsageError, match=r"of plugin Plugin returned 'acme.fetcher:Acme' for label 'test'"):
        get_fetcher(SITE)


def test_a_plugin_that_breaks_is_named_and_the_others_are_asked(answer: Callable[[object], None]) -> None:
    class Broken:
        @hookimpl
        def fetcher_class(self, label: str) -> object:
            raise RuntimeError("no wifi")

    plugin_manager().register(Broken())
    with pytest.raises(NotFoundError, match="quarantined: Broken: RuntimeError: no wifi"):
        get_fetcher(SITE)
    answer(DuckSite)
    assert isinstance(get_fetcher(SITE), DuckSite)


@pytest.fixture
def custom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder for modules of `fetchers.custom`."""
    folder = tmp_path / "program" / "fetchers" / "custom"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "program")
    with imports_undone(tmp_path):
        yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "fetchers"]:
        del sys.modules[name]


def test_the_label_custom_finds_the_site_s_own_module(custom: Path) -> None:
    with pytest.raises(NotFoundError, match="label 'custom'"):
        get_fetcher({**SITE, "scraper": "custom"})
    (custom / "alderbay_ca.py").write_text(
        "class Mine:\n    pass\n\n"
        "def custom_fetcher(site, start_year, all_agendas):\n"
        "    mine = Mine()\n    mine.year = start_year\n    return mine\n"
    )
    assert get_fetcher({**SITE, "scraper": "custom"}).year == 2015


def test_an_import_that_fails_inside_a_custom_fetcher_is_not_hidden(custom: Path) -> None:
    (custom / "alderbay_ca.py").write_text("import no_such_module\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        get_fetcher({**SITE, "scraper": "custom"})


def test_what_a_fetcher_does_in_its_own_way_is_told() -> None:
    class Reads(Fetcher):
        def do_ocr_job(self, *arguments: Any, **named: Any) -> None: ...

        def transform(self) -> None: ...

    class Duck:
        def fetch_events(self) -> None: ...

        def ocr(self) -> None: ...

    assert overridden(Fetcher(SITE)) == frozenset()
    assert overridden(Reads(SITE)) == {"do_ocr_job", "transform"}
    assert overridden(Duck()) == {"ocr"}
    patched = Fetcher(SITE)
    patched.ocr = lambda backend="tesseract": None  # type: ignore[method-assign]
    assert overridden(patched) == {"ocr"}
