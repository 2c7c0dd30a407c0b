"""What pages are made of: a sentence, then tables, lines, facts and charts, whose cells are links, times and states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from markupsafe import Markup
from starlette.datastructures import QueryParams

from clerk_tasks.operations.wording import percent

#: How a state or a fate is coloured; others are idle.
_TONES = {
    **dict.fromkeys(("completed", "ok", "done", "enqueued", "closed", "delivered"), "good"),
    **dict.fromkeys(("running", "open", "available", "started"), "busy"),
    **dict.fromkeys(("retryable", "attention", "held", "missed", "stopped", "lost", "handed-back", "paused"), "warn"),
    **dict.fromkeys(("discarded", "failed", "down", "interrupted"), "bad"),
}


def tone_of(state: str) -> str:
    """Return the tone of a state: good, busy, warn, bad or idle."""
    return _TONES.get(state, "idle")


def address(path: str, /, *names: str, **query: Any) -> str:
    """Return the address of a page, with names in its path and a query; None and False leave a part out."""
    whole = "/".join([path.rstrip("/"), *(quote(name, safe="") for name in names)]) or "/"
    given = {key: value for key, value in query.items() if value not in (None, False, "")}
    return f"{whole}?{urlencode(given, doseq=True)}" if given else whole


@dataclass(frozen=True, slots=True)
class Link:
    """A link; `code` marks an id."""

    kind: ClassVar[str] = "link"
    text: str
    href: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in its colour, which its word says too."""

    kind: ClassVar[str] = "badge"
    text: str
    tone: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in UTC; the time of day alone if it is less than twelve hours away."""

    kind: ClassVar[str] = "moment"
    iso: str
    text: str


@dataclass(frozen=True, slots=True)
class ProgressBar:
    """How far something is, in percent."""

    kind: ClassVar[str] = "bar"
    percent: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG that the server has made."""

    kind: ClassVar[str] = "drawing"
    svg: Markup


@dataclass(frozen=True, slots=True)
class Button:
    """A link to an act; shown to those who may act."""

    kind: ClassVar[str] = "button"
    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Buttons:
    """Some buttons in one cell or in one row of the page."""

    kind: ClassVar[str] = "buttons"
    buttons: Sequence[Button]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column headings; `keys` name the rows, so that an update moves none that is there."""

    kind: ClassVar[str] = "table"
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str = "Nothing to show."
    keys: Sequence[str] = ()
    more: Link | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of text, such as an explanation or a traceback."""

    kind: ClassVar[str] = "lines"
    title: str
    lines: Sequence[str]
    follows: bool = False  # it grows at its end, which stays in view


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A text."""

    kind: ClassVar[str] = "paragraph"
    title: ClassVar[str] = ""
    text: str


@dataclass(frozen=True, slots=True)
class FactList:
    """Names with values, empty ones left out."""

    kind: ClassVar[str] = "facts"
    title: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PageField:
    """One field of a form; `widget` is the type of its input, or checkbox, select, multiple or textarea.

    The values of `multiple` are the lines of `value`.
    """

    name: str
    label: str
    value: str = ""
    choices: Sequence[str] = ()
    suggestions: Sequence[str] = ()
    widget: str = "text"
    help: str = ""
    required: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is asked for: the names in its path, the query, and whether arguments may be shown."""

    path: Mapping[str, str]
    query: QueryParams
    shows_arguments: bool = True

    def text(self, name: str) -> str | None:
        """Return a value of the query, None if it is missing or empty."""
        return self.query.get(name, "").strip() or None


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """A page: the sentence, the command that does the same, what that prints with --json, and the parts."""

    sentence: str
    command: str
    data: Any
    parts: Sequence[Any] = ()
    level: str = "ok"
    title: str | None = None
    buttons: Sequence[Button] = ()
    fields: Sequence[PageField] = ()


def badge(state: str) -> Badge:
    """Return a state in its colour."""
    return Badge(state, tone_of(state))


def moment(value: datetime | str | None) -> Moment | None:
    """Return a moment as a cell; None without one."""
    at = _moment(value)
    if at is None:
        return None
    near = abs((datetime.now(UTC) - at).total_seconds()) < 12 * 3600
    return Moment(at.isoformat(), f"{at:%H:%M:%S}" if near else f"{at:%Y-%m-%d %H:%M}")


def _moment(value: datetime | str | None) -> datetime | None:
    if isinstance(value, datetime) or value is None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:  # another program wrote it
        return None


def bar(value: float) -> ProgressBar:
    """Return how far something is as a cell."""
    return ProgressBar(value, percent(value) or "")


def job_link(job_id: str, short: Mapping[str, str] | None = None) -> Link:
    """Return the link to a job."""
    return Link((short or {}).get(job_id, job_id), address("/jobs", job_id), code=True)


def run_link(run_id: str, short: Mapping[str, str] | None = None) -> Link:
    """Return the link to a run."""
    return Link((short or {}).get(run_id, run_id), address("/runs", run_id), code=True)


def site_link(subdomain: str) -> Link:
    """Return the link to a site."""
    return Link(subdomain, address("/sites", subdomain))


def act_button(text: str, act: str, **query: Any) -> Button:
    """Return the button that opens an act's preview."""
    return Button(text, address("/act", act, **query))


def enqueue_button(subdomain: str | None = None) -> Button:
    """Return the button that leads to the job types, whose forms are then for a site."""
    return Button("Enqueue a job…", address("/job-types", subdomain=subdomain))
