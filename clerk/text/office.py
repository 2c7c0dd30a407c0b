"""The text of documents that are not PDF: .docx, .rtf, .html and .txt; only the child process imports this."""

from __future__ import annotations

import codecs
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import mammoth
from bs4 import BeautifulSoup, Comment, Doctype, Tag
from defusedxml import ElementTree
from striprtf.striprtf import rtf_to_text

from clerk.text import layer
from clerk.text.document import DocumentError, Page, ReadingLimits
from clerk.text.embedded import EmbeddedPicture, chosen
from clerk.text.formats import Format
from clerk.text.hyphens import rejoined
from clerk.text.ocr import Recogniser

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_UNSEEN = ("script", "style", "noscript", "template", "head", "select", "svg", "iframe", "object")
_BLOCKS = (
    *("address", "article", "aside", "blockquote", "caption", "center", "dd", "details", "div", "dl", "dt", "fieldset"),
    *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main"),
    *("nav", "ol", "p", "pre", "section", "summary", "table", "tr", "ul"),
)

#: A group of hidden text, and the end of a page, in RTF.
_RTF_HIDDEN, _RTF_PAGE = re.compile(rb"\{\\v\b[^{}]*\}"), re.compile(rb"\\page\b ?")

#: Characters that stand for the end of a line and of a page while white space is made simple.
_LINE, _PAGE = "\ue000", "\ue001"

#: What stands for a picture of a .docx, in HTML and in text, with its place among the document's pictures.
_OURS = "clerk-picture:"
_PICTURE = "\ue002%d\ue003"
_PICTURES = re.compile("\ue002(\\d+)\ue003")


class TextPage:
    """A page of a document that is text, perhaps with pictures at marks in it."""

    def __init__(self, text: str, pictures: Mapping[int, EmbeddedPicture]) -> None:
        self._text = text
        self._pictures = pictures

    def read(self, number: int, recogniser: Recogniser) -> Page:
        """Return the text, with what the engine sees in each picture at its place."""
        parts = _PICTURES.split(self._text)  # text, place of a picture, text, and so on
        seen = {place: self._pictures[int(place)].text(recogniser) for place in parts[1::2]}
        text = "\n".join(filter(None, (seen.get(part, part.strip("\n")) for part in parts)))
        return Page(number, text, "ocr" if any(seen.values()) else "layer" if text.strip() else "empty")

    def draw(self, file: Path) -> None:
        """Draw nothing."""

    def require_whole_pictures(self) -> None:
        """Raise damaged for a picture that cannot be decoded."""
        for place in _PICTURES.findall(self._text):
            self._pictures[int(place)].require_whole()


class TextPages:
    """The pages of a document that is not a PDF; one page if it does not say where pages end."""

    def __init__(self, content: bytes, kind: Format, limits: ReadingLimits) -> None:
        found: list[bytes] = []
        try:
            texts = (_docx(content, found) if kind == "docx" else _READERS[kind](content)).split("\f")
        except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, ValueError, RecursionError) as error:
            raise DocumentError("damaged", f"is a damaged .{kind} file ({error}): fetch it again") from None
        self._pictures, self.left_out = chosen(found, limits.pixels)
        self._texts = [self._without_ornaments(rejoined(layer.tidy(text))).strip() for text in texts]
        if not any(self._texts):
            raise DocumentError("unsupported", "holds no text, only pictures if anything: put a PDF of it in its place")

    def _without_ornaments(self, text: str) -> str:
        return _PICTURES.sub(lambda mark: mark[0] if int(mark[1]) in self._pictures else "", text)

    def __len__(self) -> int:
        return len(self._texts)

    @contextmanager
    def page(self, number: int) -> Iterator[TextPage]:
        """Return a page."""
        yield TextPage(self._texts[number - 1], self._pictures)


def _docx(content: bytes, pictures: list[bytes]) -> str:
    """Return the body of a document, below its pages' headers and above their footers, without hidden text.

    `pictures` gets those of the body, each of which has a mark in the text.
    """
    made = io.BytesIO()
    edges: dict[str, list[str]] = {"header": [], "footer": []}
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(made, "w") as visible:
        for name in archive.namelist():
            part = archive.read(name)
            if found := re.fullmatch(r"word/(document|header|footer)\d*\.xml", name):
                root = ElementTree.fromstring(part)
                _strip_hidden(root)
                if found[1] in edges:
                    edges[found[1]] += [text for text in map(_paragraph, root.iter(f"{_W}p")) if text]
                part = ElementTree.tostring(root)
            visible.writestr(name, part)
    made.seek(0)
    body = mammoth.convert_to_html(
        made, style_map="br[type='page'] => hr", convert_image=mammoth.images.img_element(partial(_picture, pictures))
    ).value
    above, below = ("\n".join(dict.fromkeys(edges[kind])) for kind in ("header", "footer"))
    return "\n".join(filter(None, (above, _of_page(body, hr=_PAGE), below)))


def _picture(pictures: list[bytes], image: Any) -> dict[str, str]:
    with image.open() as file:
        pictures.append(file.read())
    return {"src": f"{_OURS}{len(pictures) - 1}"}


def _strip_hidden(root: Any) -> None:
    for parent in root.iter():
        for run in parent.findall(f"{_W}r"):
            hidden = run.find(f"{_W}rPr/{_W}vanish")
            if hidden is not None and hidden.get(f"{_W}val", "1") not in ("0", "false", "off"):
                parent.remove(run)


def _paragraph(element: Any) -> str:
    return "".join(part.text or "" if part.tag == f"{_W}t" else " " for part in element.iter() if part.tag in _SHOWN)


_SHOWN = frozenset({f"{_W}t", f"{_W}tab", f"{_W}br"})


def _rtf(content: bytes) -> str:
    content = _RTF_HIDDEN.sub(b"", _RTF_PAGE.sub(rb"\\'0c ", content))
    return str(rtf_to_text(content.decode("latin-1"), errors="replace"))


def _html(content: bytes) -> str:
    return _of_page(content, hr=_LINE)


def _is_hidden(tag: Tag) -> bool:
    return tag.has_attr("hidden") or _HIDDEN_STYLE.search(str(tag.get("style", ""))) is not None


def _of_page(content: bytes | str, *, hr: str) -> str:
    """Return what a web page shows, with an end of a line or a page for each rule."""
    soup = BeautifulSoup(content, "html.parser")
    for element in soup(_UNSEEN):
        element.decompose()
    for element in soup.find_all(_is_hidden):
        element.decompose()
    for note in soup.find_all(string=lambda text: isinstance(text, Comment | Doctype)):
        note.extract()
    for element in soup.select("td > p:only-child, th > p:only-child"):
        element.unwrap()
    for element in soup.select(f'img[src^="{_OURS}"]'):
        element.replace_with(f"{_LINE}{_PICTURE % int(str(element['src']).removeprefix(_OURS))}{_LINE}")
    for element in soup.find_all(["br", "hr", *_BLOCKS]):
        if element.name == "hr":
            element.replace_with(hr)
        elif element.name == "br":
            element.replace_with(_LINE)
        else:
            element.insert_before(_LINE)
            element.append(_LINE)
    for element in soup.find_all(["td", "th"]):
        element.append(" ")
    text = re.sub(r"\s+", " ", soup.get_text()).replace(_PAGE, f"{_LINE}\f{_LINE}")
    lines = [line.strip(" ") for line in text.split(_LINE)]
    return "\n".join(line for line in lines if line)


def _txt(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


_READERS: dict[Format, Callable[[bytes], str]] = {"rtf": _rtf, "html": _html, "txt": _txt}
