"""The pages of acts: a preview with a form, and what became of it; complete without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyio import to_thread
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from clerk.acts import acting_as
from clerk.errors import NotFoundError
from clerk.redaction import redact
from clerk.settings import settings
from clerk.visible import visible_json
from clerk_tasks.board.access import Denied, Person
from clerk_tasks.board.act import Act, Done, Given
from clerk_tasks.board.acts import ACTS
from clerk_tasks.board.forms import Forms
from clerk_tasks.board.rendering import templates
from clerk_tasks.operations.enqueue_form import FormErrors

#: The fields of a form that are not about the act's object.
_OWN = frozenset({"csrf", "back", "reason", "step"})


class ActPages:
    """Serves `/act/NAME`: GET is the form or the preview; POST does it, or goes to the `step` that it names."""

    def __init__(self, forms: Forms, banner: str | None) -> None:
        self._forms, self._banner = forms, banner

    async def preview(self, request: Request) -> Response:
        """Ask what is to be done, or say what would be, and ask for a reason."""
        person: Person = request.state.person
        if not person.can_act:
            raise Denied(403, "This board is read-only.")
        act = _find(request)
        given = _given(request.query_params)
        if act.form:
            return await self._ask(request, act, given, _back(request))
        return await self._foresee(request, act, given, _back(request))

    async def perform(self, request: Request) -> Response:
        """Do an act, and say what was done; or show its form or its preview, with what was typed."""
        person: Person = request.state.person
        form = await request.form(max_files=0, max_fields=2000)
        self._forms.check(request, _text(form, "csrf"), person)
        act, step, back = _find(request), _text(form, "step"), _local(_text(form, "back"))
        given = _given(form)
        try:
            if act.form and step == "form":
                return await self._ask(request, act, given, back)
            if step == "preview":
                return await self._foresee(request, act, given, back)
            done = await to_thread.run_sync(_perform, act, given, person, _text(form, "reason") or None)
        except FormErrors as error:
            if person.by_token:
                fields = {name: redact(said) for name, said in error.errors.items()}
                return _json({"error": redact(str(error)), "fields": fields}, 400)
            return await self._ask(request, act, given, back, error.errors)
        if person.by_token:
            return _json({"done": done.sentence} | ({"link": done.link.href} if done.link else {}))
        return self._page(request, "done.html", act, done=done, back=back)

    async def _ask(
        self, request: Request, act: Act, given: Given, back: str, errors: Mapping[str, str] | None = None
    ) -> Response:
        assert act.form is not None, "only acts with a form ask"  # noqa: S101
        form = await to_thread.run_sync(act.form, given, errors or {})
        status, reason = 400 if errors else 200, given.text("reason") or ""
        return self._page(request, "form.html", act, status, form=form, reason=reason, back=back)

    async def _foresee(self, request: Request, act: Act, given: Given, back: str) -> Response:
        foreseen = await to_thread.run_sync(act.preview, given)
        asked = {field.name for field in foreseen.fields}
        kept = [(name, value) for name, value in given.values.multi_items() if name not in _OWN | asked]
        reason = given.text("reason") or ""
        has_form = act.form is not None
        return self._page(
            request, "act.html", act, preview=foreseen, given=kept, reason=reason, has_form=has_form, back=back
        )

    def _page(self, request: Request, template: str, act: Act, status: int = 200, **parts: Any) -> Response:
        person: Person = request.state.person
        session = self._forms.session(request)
        html = templates().get_template(template).render(
            title=act.title,
            here="",
            banner=self._banner,
            user=person.name,
            action=request.url.path,
            token=self._forms.token(session),
            **parts,
        )  # fmt: skip
        response = HTMLResponse(html, status)
        self._forms.remember(response, request, session)
        return response


def _given(values: QueryParams | FormData) -> Given:
    return Given(values, settings().board_arguments == "show")


def _json(said: Any, status: int = 200) -> Response:
    return Response(visible_json(said, indent=None), status, media_type="application/json")


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
