"""The pages of acts: a preview with a form, and what became of it; complete without JavaScript."""

from __future__ import annotations

from anyio import to_thread
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from clerk.acts import acting_as
from clerk.errors import NotFoundError
from clerk.settings import settings
from clerk.visible import visible_json
from clerk_tasks.board.access import Denied, Person
from clerk_tasks.board.act import Act, Done, Given
from clerk_tasks.board.acts import ACTS
from clerk_tasks.board.forms import Forms
from clerk_tasks.board.rendering import templates

#: The fields of a form that are not about the act's object.
_OWN = frozenset({"csrf", "back", "reason"})


class ActPages:
    """Serves `/act/NAME`: GET is the preview, POST does it."""

    def __init__(self, forms: Forms, banner: str | None) -> None:
        self._forms, self._banner = forms, banner

    async def preview(self, request: Request) -> Response:
        """Say what an act would do, and ask for a reason."""
        person: Person = request.state.person
        if not person.can_act:
            raise Denied(403, "This board is read-only.")
        act = _find(request)
        given = Given(request.query_params, settings().board_arguments == "show")
        foreseen = await to_thread.run_sync(act.preview, given)
        session = self._forms.session(request)
        asked = {field.name for field in foreseen.fields}
        html = templates().get_template("act.html").render(
            title=act.title,
            here="",
            banner=self._banner,
            user=person.name,
            preview=foreseen,
            action=request.url.path,
            token=self._forms.token(session),
            back=_back(request),
            hidden=[(name, value) for name, value in request.query_params.multi_items() if name not in _OWN | asked],
        )  # fmt: skip
        response = HTMLResponse(html)
        self._forms.remember(response, request, session)
        return response

    async def perform(self, request: Request) -> Response:
        """Do an act, and say what was done."""
        person: Person = request.state.person
        form = await request.form(max_files=0, max_fields=2000)
        self._forms.check(request, _text(form, "csrf"), person)
        act = _find(request)
        given = Given(form, settings().board_arguments == "show")
        done = await to_thread.run_sync(_perform, act, given, person, _text(form, "reason") or None)
        if person.by_token:
            return Response(visible_json({"done": done.sentence}, indent=None), media_type="application/json")
        html = templates().get_template("done.html").render(
            title=act.title,
            here="",
            banner=self._banner,
            user=person.name,
            done=done,
            back=_local(_text(form, "back")),
        )  # fmt: skip
        return HTMLResponse(html)


def _perform(act: Act, given: Given, person: Person, reason: str | None) -> Done:
    with acting_as(person.name):
        return act.perform(given, reason)


def _find(request: Request) -> Act:
    name = request.path_params["act"]
    if name not in ACTS:
        raise NotFoundError(f"There is no act {name!r}.")
    return ACTS[name]


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def _back(request: Request) -> str:
    """Return the page that led here; the first one if that is on another site."""
    given, host = request.headers.get("referer", ""), request.headers.get("host", "")
    _, _, path = given.partition(f"//{host}/")
    return _local(f"/{path}" if path else "")


def _local(address: str) -> str:
    """Return an address on this board; the first page for any other."""
    return address if address.startswith("/") and not address.startswith(("//", "/\\")) else "/"
