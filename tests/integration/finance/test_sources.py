"""Getting files: from a folder, and from a server that has its moods."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from threading import Thread

import pytest

from clerk.fetching.visitor import NotServed, Trouble, Validators, VisitLimits
from clerk.jobs import Discard, Retry
from devtools.netfile_site import PAGE, Answer, NetFileSite, serving
from plugins.election_finance.errors import BadSource
from plugins.election_finance.extract import take
from plugins.election_finance.inputs import inputs_of
from plugins.election_finance.manifest import SourceFile
from plugins.election_finance.site_paths import FinanceSite
from plugins.election_finance.sources import Arrival, Served, drop_files, from_drop, ignored_files, make_visitor

PATH = NetFileSite.path("XALD", 2022)
NOT_READ = "only .xlsx files, .csv files, e-filings (.txt), and .zip files that hold these, are read"
UNKNOWN_TEXT = (
    "it is no file of a known source: an e-filing begins with HDR,CAL; a CSV has the columns of a cal201 export or of "
    "one sheet of a workbook"
)


def ignore(_message: str) -> None:
    pass


@pytest.fixture
def site() -> Iterator[NetFileSite]:
    with serving() as site:
        yield site


Get = Callable[..., Arrival]


def served(url: str, **limits: float) -> Served:
    """Return what is served at an address, to a visitor that hardly waits."""
    visitor = make_visitor(url, VisitLimits(pause=0, patience=0.01, **limits))  # type: ignore[arg-type]
    return Served(visitor, url, "XALD")


@pytest.fixture
def get(site: NetFileSite, tmp_path: Path) -> Get:
    def run(known: Validators | None = None, **limits: float) -> Arrival:
        (arrival,) = served(site.url, **limits).files(
            range(2022, 2023), tmp_path, {2022: known} if known else {}, ignore
        )
        return arrival

    return run


def test_a_file_is_saved_as_it_is(get: Get, site: NetFileSite, tmp_path: Path) -> None:
    assert get().validators.etag
    assert (tmp_path / "2022.zip").read_bytes() == site.answers[PATH].body


def test_a_file_that_has_not_changed_is_not_sent_again(get: Get, site: NetFileSite) -> None:
    first = get()
    again = get(first.validators)
    assert (again.path, again.validators) == (None, first.validators)
    site.answers[PATH] = site.answers[NetFileSite.path("XALD", 2023)]
    changed = get(first.validators)
    assert changed.path
    assert changed.validators != first.validators
    assert [status for _, status in site.requests] == [200, 304, 200]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"gone", 404), "no such year"),
        (Answer(b"no", 403), "access refused"),
        (Answer(b"?", 418), "HTTP 418"),
        (PAGE, "a web page instead of a zip file"),
        (Answer(b"<html>", kind="application/zip"), "a web page instead of a zip file"),
        (Answer(b"%PDF-1.4"), "another kind of file instead of a zip file"),
        (Answer(b""), "nothing instead of a zip file"),
    ],
    ids=["404", "403", "418", "html", "html-as-zip", "pdf", "empty"],
)
def test_what_is_no_file_is_not_served(get: Get, site: NetFileSite, answer: Answer, reason: str) -> None:
    site.answers[PATH] = answer
    error = get().error
    assert isinstance(error, NotServed)
    assert reason in str(error)
    assert len(site.requests) == 1, "asking again would not help"


@pytest.mark.parametrize("status", [500, 503, 429])
def test_trouble_is_tried_again(get: Get, site: NetFileSite, status: int) -> None:
    site.answers[PATH] = Answer(b"", status)
    arrival = get()
    assert isinstance(arrival.error, Trouble)
    assert str(arrival.error) == f"HTTP {status}"
    assert len(site.requests) == 3


def test_trouble_that_passes_is_forgotten(get: Get, site: NetFileSite) -> None:
    good = site.answers[PATH]

    class Moody(dict[str, Answer]):
        def get(self, path: str, default: Answer | None = None) -> Answer:  # type: ignore[override]
            return good if len(site.requests) == 2 else Answer(b"", 500)

    site.answers = Moody()
    assert get().validators.etag
    assert [status for _, status in site.requests] == [500, 500, 200]


def test_a_file_over_the_limit_of_size_is_a_bad_source(get: Get) -> None:
    error = get(size=1000).error
    assert isinstance(error, BadSource)
    assert "more than the 1,000 bytes" in str(error)


def test_reasons_are_put_into_one_sentence(tmp_path: Path) -> None:
    site = FinanceSite("oakland.ca", "Oakland", "COAK", 2022, tmp_path)
    errors = {2022: "damaged. Get it again.", 2023: "empty"}
    arrivals = [Arrival(year, "drop", "drop", error=BadSource(error)) for year, error in errors.items()]
    with (
        inputs_of(site) as inputs,
        pytest.raises(Discard, match=r"no usable source: 2022: damaged\. Get it again; 2023: empty\.$"),
    ):
        take(inputs, arrivals, ignore)
    with inputs_of(site) as inputs, pytest.raises(Discard, match=r"no usable source: 2022: damaged\. Get it again\.$"):
        take(inputs, arrivals[:1], ignore)


@contextmanager
def dripping(start: bytes) -> Iterator[str]:
    """Answer one request with `start`, then with a byte every 20 ms, for two seconds or until the client hangs up."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(start)
            for _ in range(100):
                if select([connection], [], [], 0.02)[0]:
                    return
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/2022.zip"
        thread.join()


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\nPK"], ids=["headers", "body"]
)
def test_a_server_that_drips_is_hung_up_on(start: bytes, tmp_path: Path) -> None:
    with dripping(start) as url:
        arrivals = list(served(url, total_time=0.2).files(range(2022, 2023), tmp_path, {}, ignore))
    assert [str(arrival.error) for arrival in arrivals] == ["not finished after 0.2 s"]


@pytest.mark.parametrize(("asked", "waited"), [(None, None), (61.0, 61.0), (1e9, 3600.0)])
def test_the_job_waits_as_long_as_the_server_wants(tmp_path: Path, asked: float | None, waited: float | None) -> None:
    site = FinanceSite("oakland.ca", "Oakland", "COAK", 2022, tmp_path)
    arrival = Arrival(2022, "netfile", "http://netfile.test", error=Trouble("HTTP 429", after=asked))
    with inputs_of(site) as inputs, pytest.raises(Retry, match="HTTP 429") as error:
        take(inputs, [arrival], ignore)
    assert error.value.after == waited


def test_years_are_not_asked_of_a_server_that_is_down(tmp_path: Path) -> None:
    arrivals = list(served("http://127.0.0.1:1", attempts=1).files(range(2018, 2023), tmp_path, {}, ignore))
    assert [arrival.year for arrival in arrivals] == [2018, 2019, 2020, 2021, 2022]
    assert all(isinstance(arrival.error, Trouble) for arrival in arrivals)
    assert "ConnectError" in str(arrivals[0].error)
    assert ["not tried" in str(arrival.error) for arrival in arrivals] == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("name", "year"),
    [
        ("efile_COAK_2013.xlsx", 2013),
        ("2013.zip", 2013),
        ("COAK2013.XLSX", 2013),
        ("efile_newest_COAK_2013 (1).xlsx", 2013),
        ("efile_20140131_2013.zip", 2013),
        ("2012_and_2013.zip", 2013),
        ("efile_20122013.zip", 2013),
        ("notes_2013.txt", None),
        ("efile.xlsx", None),
        ("~$efile_2013.xlsx", None),
        (".2013.xlsx", None),
        ("efile_0213.xlsx", None),
        ("efile_2013.xls", 2013),
    ],
)
def test_the_year_is_in_the_name(tmp_path: Path, name: str, year: int | None) -> None:
    (tmp_path / name).touch()
    assert list(drop_files(tmp_path)) == ([year] if year else [])


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def test_everything_in_the_folder_that_is_not_used_is_named(drop: Path) -> None:
    names = ["2024.xlsx", "2024.xls", "2023.xls", "latest.xlsx", "notes_2024.csv", "~$2024.xlsx", ".DS_Store", "README"]
    for name in names:
        (drop / name).touch()
    (drop / "old").mkdir()
    (drop / os.fsdecode(b"b\xff\n.txt")).touch()
    failed = SourceFile(2023, "drop", "drop/2023.xls", "failed", "save it as .xlsx")
    assert ignored_files(drop, [failed]) == [
        ".DS_Store is not used: hidden files and lock files are not read",
        "2023.xls is not used: save it as .xlsx",
        "2024.xls is not used: 2024.xlsx is for the same year, and can be read",
        f"README is not used: {NOT_READ}",
        rf"b\udcff\n.txt is not used: {UNKNOWN_TEXT}",
        "latest.xlsx is not used: its name has no year; rename it to end in one, like 2024.xlsx",
        f"notes_2024.csv is not used: {UNKNOWN_TEXT}",
        "old is not used: it is a folder; put its files into the drop folder itself",
        "~$2024.xlsx is not used: hidden files and lock files are not read",
    ]
    assert ignored_files(drop / "gone") == []


def test_an_older_file_for_a_year_is_named(drop: Path) -> None:
    for name, age in (("a_2024.xlsx", 1_000), ("b_2024.zip", 2_000)):
        (drop / name).touch()
        os.utime(drop / name, (age, age))
    assert ignored_files(drop) == ["a_2024.xlsx is not used: b_2024.zip is for the same year, and newer"]


def test_what_cannot_be_read_is_the_trouble_of_its_year_alone(tmp_path: Path) -> None:
    drop, work = tmp_path / "drop", tmp_path / "copies"
    for folder in (drop, work, drop / "2021.xlsx"):
        folder.mkdir()
    for name in ("2022.xlsx", "2023.xlsx"):
        (drop / name).symlink_to("/nowhere")
    for name in ("b_2023.xlsx", "2024.xlsx"):
        (drop / name).write_bytes(b"PK")
    arrivals = {arrival.year: arrival for arrival in from_drop(drop, work, ignore)}
    assert {year for year, arrival in arrivals.items() if not arrival.error} == {2023, 2024}
    assert str(arrivals[2022].error) == "2022.xlsx cannot be read: No such file or directory"
    assert arrivals[2023].url == "drop/b_2023.xlsx"


def test_of_two_files_for_a_year_the_newer_wins(tmp_path: Path) -> None:
    for name, age in (("b_2013.xlsx", 1_000), ("a_2013.zip", 2_000), ("c_2013.xlsx", 500)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    newest, others = drop_files(tmp_path)[2013]
    assert (newest.name, [other.name for other in others]) == ("a_2013.zip", ["b_2013.xlsx", "c_2013.xlsx"])
