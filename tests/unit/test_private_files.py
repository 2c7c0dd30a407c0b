"""What is ours is closed to other users of the machine, and what they could have written is refused."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from clerk.database.backup import back_up
from clerk.database.migrate import upgrade
from clerk.errors import BrokerUnavailable, ClerkError, SettingError
from clerk.fetching.layout import Layout
from clerk.own_database import own_database
from clerk.private import make_private_folder, open_private
from clerk.settings import settings
from clerk.trust import why_untrusted
from clerk_tasks.broker import embedded
from clerk_tasks.cli.main import main
from plugins.local_publish.shelf import locked

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
STRANGER = 54321


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLERK_TRUST", "")  # what --trust sets is undone
    return tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_is_closed_even_if_it_was_open(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o644)
    for name in ("old", "new"):
        open_private(tmp_path / name).close()
    make_private_folder(tmp_path / "folder")
    assert [mode(tmp_path / name) for name in ("old", "new", "folder")] == [0o600, 0o600, 0o700]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        open_private(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


@as_root
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.chown(tmp_path / "a", STRANGER, -1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        open_private(tmp_path / "a")


def test_the_embedded_broker_is_closed_to_others(tmp_path: Path) -> None:
    place = embedded.Place(tmp_path / "home")
    place.make()
    assert [mode(each) for each in (place.home, place.folder)] == [0o700, 0o700]


@as_root
def test_a_broker_that_another_user_runs_among_temporary_files_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket of a home whose path is too long for one."""
    with tempfile.TemporaryDirectory(prefix="c-") as short, socket.socket(socket.AF_UNIX) as server:
        monkeypatch.setattr(tempfile, "tempdir", short)
        place = embedded.Place(tmp_path / ("long" * 40))
        place.socket.parent.mkdir()
        server.bind(str(place.socket))
        server.listen()
        Thread(target=answer, args=(server,), daemon=True).start()
        assert embedded.answers(place)
        os.chown(place.socket.parent, STRANGER, -1)
        assert not embedded.answers(place)


def answer(server: socket.socket) -> None:
    """Answer each PING until the socket is closed."""
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(64)
                connection.sendall(b"+PONG\r\n")


def test_a_lock_that_another_process_keeps_hangs_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLERK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(embedded, "START_TIMEOUT", 0.2)
    settings.discard()
    place = embedded.Place(tmp_path / "home")
    place.make()
    with place.users.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BrokerUnavailable, match="Another process has locked"), embedded.attached():
            pass
    assert mode(place.users) == 0o600


@pytest.mark.parametrize("as_it_was", [0o600, 0o640])
def test_a_backup_is_as_private_as_what_it_copies(tmp_path: Path, as_it_was: int) -> None:
    upgrade(f"sqlite:///{tmp_path}/a.db")
    assert mode(tmp_path / "a.db") == 0o600
    (tmp_path / "a.db").chmod(as_it_was)
    assert mode(back_up(tmp_path / "a.db", "x")) == as_it_was


def test_what_we_own_alone_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "a").chmod(0o664)  # for our own group
    assert why_untrusted(tmp_path / "a") is None


def test_what_everyone_may_write_is_refused_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a b"
    path.touch()
    path.chmod(0o666)
    assert f"run `chmod o-w '{path}'`" in str(why_untrusted(path))
    monkeypatch.setenv("CLERK_TRUST", "1")
    assert why_untrusted(path) is None


@as_root
def test_what_another_user_or_group_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "a").chmod(0o664)
    os.chown(tmp_path / "a", -1, STRANGER)
    assert "chmod g-w" in str(why_untrusted(tmp_path / "a"))
    os.chown(tmp_path / "a", STRANGER, -1)
    assert "chown root" in str(why_untrusted(tmp_path / "a"))


@pytest.mark.parametrize("name", ["", "helper.py", "inner/deep.py"])
def test_plugins_that_others_may_change_are_not_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / "plugins" / name
    (path if not name else path.parent).mkdir(parents=True)
    if name:
        path.write_text("raise SystemExit('it was run')")
    path.chmod(0o777 if not name else 0o666)
    assert main(["plugins", "list"]) == 2
    assert "chmod o-w plugins" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert main(["--trust", "plugins", "list"]) == 0


def test_a_dotenv_that_others_may_change_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("CLERK_PUBLISH_KEEP=7\nCLERK_TRUST=1\n")
    (tmp_path / ".env").chmod(0o666)
    settings.discard()
    with pytest.raises(SettingError, match=r"run `chmod o-w \.env`"):
        settings()
    monkeypatch.setenv("CLERK_TRUST", "1")
    assert settings().publish_keep == 7


@as_root
def test_a_link_that_another_user_made_closes_no_folder_of_ours(tmp_path: Path) -> None:
    """Guard: a link among temporary files, in place of the socket's folder, made `chmod 700` of what it leads to."""
    ours, link = tmp_path / "ours", tmp_path / "link"
    ours.mkdir(mode=0o755)
    link.symlink_to(ours)
    os.chown(link, STRANGER, -1, follow_symlinks=False)
    with pytest.raises(PermissionError, match="belongs to another user"):
        make_private_folder(link)
    assert mode(ours) == 0o755


def test_what_others_could_lock_is_closed_to_them(tmp_path: Path) -> None:
    """Guard: a reader of published files who locked `.lock` kept everything from being published."""
    with locked(tmp_path / "public"), own_database(tmp_path / "own.db", []):
        assert [mode(tmp_path / name) for name in ("public/.lock", "own.db")] == [0o600, 0o600]


@as_root
def test_a_lock_of_another_user_is_named(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    os.chown(tmp_path / ".lock", STRANGER, -1)
    with pytest.raises(ClerkError, match=r"\.lock belongs to another user.*chown"), locked(tmp_path):
        pass


def test_what_killed_processes_left_goes(tmp_path: Path) -> None:
    """Guard: an unfinished backup, snapshot or workplace of a killed process stayed for ever."""
    upgrade(f"sqlite:///{tmp_path}/civic.db")
    layout = Layout(tmp_path / "site")
    with layout.workplace() as living:
        left = [
            tmp_path / "civic.db.backup-x-1.partial",
            tmp_path / ".ops.db.7.unfinished",
            living.parent / "a.part",
            living.parent / "b.work",
        ]
        for path in left:
            path.mkdir() if path.suffix == ".work" else path.touch()
        (left[-1] / "page.png").touch()
        for age, remain in ((0, left), (90_000, [])):
            for path in left:
                os.utime(path, (time.time() - age,) * 2)
            back_up(tmp_path / "civic.db", "x")
            layout.sweep()
            assert main(["ops", "snapshot", str(tmp_path / "ops.db")]) == 0
            assert [path for path in left if path.exists()] == remain
        assert living.is_dir()
    assert not living.exists()
