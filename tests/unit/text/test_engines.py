"""Which engine and which language data are used for what is asked."""

import sys
from pathlib import Path

import pytest

from clerk.errors import UsageError
from clerk.text.engines import choose_engine


@pytest.fixture(autouse=True)
def tessdata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep language data in a folder of the test's own, and engines off the path."""
    folder = tmp_path / "prefix" / "share" / "tessdata"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("TESSDATA_PREFIX", raising=False)
    return folder


def install(folder: Path, *languages: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for language in languages:
        (folder / f"{language}.traineddata").touch()


def install_tesseract(folder: Path) -> None:
    folder.mkdir()
    (folder / "tesseract").touch(0o755)


@pytest.mark.parametrize("name", ["", "tesseract", "tesserocr"])
def test_the_default_engine_has_several_names(tessdata: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    install(tessdata, "eng", "osd")
    engine = choose_engine(name)
    assert (engine.name, engine.languages, engine.tessdata) == ("tesserocr", "eng", str(tessdata))
    assert engine.orientation
    assert caplog.messages == []


@pytest.mark.parametrize("name", ["vision", "paddleocr"])
def test_old_backends_are_accepted_with_one_warning(
    tessdata: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(tessdata, "eng")
    for _ in range(3):
        assert choose_engine(name).name == "tesserocr"
    assert caplog.messages == [f"the OCR backend '{name}' of older releases is now read by tesserocr"]


def test_languages_that_are_not_there_are_left_out_with_one_warning(
    tessdata: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(tessdata, "eng", "fra")
    for _ in range(3):
        assert choose_engine("", "eng+spa+fra").languages == "eng+fra"
    assert caplog.messages == [f"no OCR data for spa in {tessdata}: reading without"]
    assert choose_engine("", "spa").languages == "eng"
    assert not choose_engine("", "spa").orientation


def test_the_folder_that_has_most_of_the_languages_is_used(
    tessdata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tessdata, "eng", "osd")
    install(tmp_path / "mine", "eng", "spa")
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path / "mine"))
    engine = choose_engine("", "eng+spa")
    assert (engine.languages, engine.tessdata) == ("eng+spa", str(tmp_path / "mine"))


def test_the_systems_program_can_be_asked_for(tessdata: Path, tmp_path: Path) -> None:
    install(tessdata, "eng")
    with pytest.raises(UsageError, match="'tesseract-cli' is not installed: install the system's package"):
        choose_engine("tesseract-cli")
    install_tesseract(tmp_path / "bin")
    assert choose_engine("tesseract-cli").name == "tesseract-cli"


def test_without_tesserocr_the_systems_program_is_the_default(
    tessdata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tessdata, "eng")
    install_tesseract(tmp_path / "bin")
    monkeypatch.setattr(sys, "path", [])
    sys.path_importer_cache.clear()
    monkeypatch.delitem(sys.modules, "tesserocr", raising=False)
    assert choose_engine("").name == "tesseract-cli"


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown OCR engine 'abbyy': use one of tesserocr, tesseract-cli, rapidocr"):
        choose_engine("abbyy")


@pytest.mark.parametrize("languages", ["", "../../etc", "-l", "eng/../../x", "+++"])
def test_languages_never_leave_their_folder(tessdata: Path, languages: str) -> None:
    install(tessdata, "eng")
    assert choose_engine("", languages).languages == "eng"
