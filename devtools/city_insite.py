"""Legistar's calendar pages as ASP.NET serves them: every step posts back the state of the page before."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs

from devtools.city_site import Answer, Request, page


def row(number: int, body: str, day: str, *, minutes: bool) -> str:
    year, month, date = map(int, day.split("-"))
    view = f'href="View.ashx?M=M&amp;ID={number}&amp;GUID=X"' if minutes else ""
    return (
        f'<tr class="rgRow"><td><a id="c_hypBody" href="DepartmentDetail.aspx?ID=7">{body}</a></td>'
        f"<td>{month}/{date}/{year}</td><td>7:00 PM</td>"
        f'<td><a href="MeetingDetail.aspx?ID={number}&amp;GUID=X">Meeting&#160;details</a></td>'
        f'<td><a id="c_hypAgenda">Not&#160;available</a></td><td><a id="c_hypMinutes" {view}>Recap</a></td></tr>'
    )


def calendar(rows: list[str], *, number: int, pages: int, year: str, grid: str = "") -> Answer:
    here = {number: 'class="rgCurrentPage"'}
    pager = "".join(
        f"<a {here.get(n, '')} href=\"javascript:__doPostBack('ctl00$pg{n}','')\">{n}</a>" for n in range(1, pages + 1)
    )
    table = (
        f'<table class="rgMasterTable"><tbody><tr class="rgPager"><td>{pager}</td></tr>{"".join(rows)}</tbody></table>'
    )
    return page(
        f'<form><input type="hidden" name="__VIEWSTATE" value="state-{year}-{number}">'
        '<input name="ctl00$Main$lstYears" type="text" value="This Month">'
        f'<div id="{grid}">{table}</div></form>'
    )


def server(rows_by_year: dict[int, list[list[str]]], *, grid: str = "") -> Callable[[Request], Answer]:
    """Behave as ASP.NET does: what is shown follows from what is posted back with the last page's state."""

    def answer(request: Request) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        target = form.get("__EVENTTARGET", "")
        if not target:
            return calendar([], number=1, pages=1, year="none", grid=grid)
        assert form["__VIEWSTATE"].startswith("state-"), "a post without the state of a page"
        if target.endswith("$lstYears"):
            state = f"{target.replace('$', '_')}_ClientState"
            year, number = int(json.loads(form[state])["value"]), 1
        else:
            year, number = int(form["__VIEWSTATE"].split("-")[1]), int(target.removeprefix("ctl00$pg"))
        pages = rows_by_year.get(year, [[]])
        return calendar(pages[number - 1], number=number, pages=len(pages), year=str(year), grid=grid)

    return answer
