"""Keep the replies of a fetch in a file, without secrets, and answer from the file later, without a network.

The file is a cassette of VCR.py (YAML): it holds what was asked and answered, the site, and when that was.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clerk.errors import UsageError
from clerk.fetching.response_body import PDF
from clerk.redaction import redact

#: The headers of a reply that are kept: what fetchers read, and no cookies.
_KEPT = {"content-type", "etag", "last-modified", "link", "location", "retry-after"}
#: A body of a request that is longer is kept as its hash: pages post back their whole state.
_LONGEST_BODY = 500
_MATCH_ON = ("method", "uri", "body")


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording in use: its site's columns, without the subdomain, and what was asked for that it does not have."""

    subdomain: str
    site: Mapping[str, Any]
    recorded_at: datetime
    options: Mapping[str, Any]  # of the fetch
    requests: list[str]  # METHOD URL of each that was recorded
    missing: list[str] = field(default_factory=list)


@contextmanager
def recorded(
    path: Path, *, subdomain: str, site: Mapping[str, Any], options: Mapping[str, Any], bodies: bool = False
) -> Iterator[list[str]]:
    """Write each request of a with block, and its reply, to `path`, also if the block raises; yield their names.

    Passwords, tokens, cookies and the headers of requests are left out. A PDF becomes a small one, unless `bodies`.
    Raises UsageError if VCR.py is not installed.
    """
    facts = {
        "subdomain": subdomain,
        "site": {name: redact(value) if isinstance(value, str) else value for name, value in site.items()},
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": dict(options),
    }
    vcr = _library("vcr").VCR(
        match_on=_MATCH_ON,
        before_record_request=_redacted_request,
        before_record_response=lambda reply: _redacted_reply(reply, bodies=bodies),
        decode_compressed_response=True,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    unfinished.unlink(missing_ok=True)
    names: list[str] = []
    try:
        with vcr.use_cassette(str(unfinished), record_mode="all") as cassette:
            cassette._metadata |= facts  # public is only what reads it
            yield names
            names += _names(cassette)
    finally:
        if unfinished.exists():
            unfinished.replace(path)


@contextmanager
def replayed(path: str | Path, *, repeats: bool = False) -> Iterator[Recording]:
    """Answer the requests of a with block from a recording, at the time at which it was made, in the recorded order.

    Raises AssertionError at the end of the block if something was asked for that was not recorded, or more often than
    it was, unless `repeats`. Raises UsageError if there is no such recording, or VCR.py or time-machine is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"there is no recording {path}: `clerk-tasks sites record SUBDOMAIN` makes one")
    missing: list[str] = []
    vcr = _library("vcr").VCR(match_on=_MATCH_ON, before_record_request=_redacted_request)
    with vcr.use_cassette(str(path), record_mode="none", allow_playback_repeats=repeats) as cassette:
        recording = _read(cassette, path, missing)
        can_play = cassette.can_play_response_for

        def can_play_response_for(request: Any) -> bool:
            found = bool(can_play(request)) and (repeats or _is_left(cassette, request))
            if not found:
                missing.append(f"{request.method} {redact(request.uri)}")
            return found

        cassette.can_play_response_for = can_play_response_for
        with _library("time_machine").travel(recording.recorded_at.timestamp()):
            try:
                yield recording
            except Exception as error:
                _refuse(path, missing, error)
                raise
    _refuse(path, missing, None)


def _refuse(path: Path, missing: list[str], error: Exception | None) -> None:
    if missing:
        raise AssertionError(f"{path} has no reply to {', '.join(dict.fromkeys(missing))}: record it again") from error


def _is_left(cassette: Any, request: Any) -> bool:
    """Return whether a reply to a request has not been played yet."""
    return any(not cassette.play_counts[index] for index, _ in cassette._responses(request))


def _read(cassette: Any, path: Path, missing: list[str]) -> Recording:
    facts = {name: cassette._metadata.get(name) for name in ("subdomain", "site", "recorded_at", "options")}
    if None in facts.values():
        raise UsageError(f"{path} is not a recording of `clerk-tasks sites record`")
    moment = datetime.fromisoformat(str(facts.pop("recorded_at")))
    return Recording(**facts, recorded_at=moment, requests=_names(cassette), missing=missing)


def _names(cassette: Any) -> list[str]:
    return [f"{request.method} {request.uri}" for request in cassette.requests]


def _redacted_request(request: Any) -> Any:
    """Return a copy of a request without its headers, and without secrets."""
    body = request.body or b""
    text = redact(body.decode(errors="replace") if isinstance(body, bytes) else str(body))
    if len(text) > _LONGEST_BODY:
        text = f"sha256 {hashlib.sha256(text.encode()).hexdigest()}"
    return type(request)(request.method, redact(request.uri), text.encode(), {})


def _redacted_reply(reply: dict[str, Any], *, bodies: bool) -> dict[str, Any]:
    headers = {name.lower(): values for name, values in reply["headers"].items() if name.lower() in _KEPT}
    headers = {name: [redact(value) for value in values] for name, values in headers.items()}
    body: bytes = reply["body"]["string"]
    if PDF.includes(body, ""):
        body = body if bodies else stub_pdf(f"A PDF of {len(body)} bytes was here.")
    else:
        body = _redacted_body(body)
    return {**reply, "headers": headers, "body": {"string": body}}


def _redacted_body(body: bytes) -> bytes:
    try:
        return redact(body.decode()).encode()
    except UnicodeDecodeError:  # an archive, a picture, or a page in another charset: no rule of redaction reads it
        return body


def stub_pdf(*lines: str) -> bytes:
    """Return a small PDF of one page with these lines, of which a PDF has only letters of Latin-1."""
    shown = [line.encode("latin-1", errors="replace").replace(b"\\", b"\\\\") for line in lines]
    shown = [line.replace(b"(", b"\\(").replace(b")", b"\\)") for line in shown]
    drawn = b"BT /F 12 Tf 16 TL 50 730 Td %s ET" % b" ".join(b"(%s) Tj T*" % line for line in shown)
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    made, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    return (
        made
        + head
        + table
        + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
        % (
            len(objects) + 1,
            len(made),
        )
    )


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UsageError("recordings need more libraries: pip install 'clerk-tasks[testing]'") from None
