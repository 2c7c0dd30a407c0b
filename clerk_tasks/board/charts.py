"""Charts as SVG: made here, without a script or a style of their own, with titles that a screen reader reads."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from clerk.visible import visible

_SIDE, _GAP = 12, 3


def squares(title: str, cells: Sequence[tuple[str, str]]) -> Markup:
    """Return a strip of squares, each a tone (good, busy, warn, bad, idle) and its title."""
    width = max(len(cells) * (_SIDE + _GAP) - _GAP, 1)
    drawn = Markup("").join(
        Markup('<rect class="tone-{}" x="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>').format(
            tone, at * (_SIDE + _GAP), _SIDE, _SIDE, visible(said)
        )
        for at, (tone, said) in enumerate(cells)
    )
    return _svg(title, width, _SIDE, drawn)


def stages(title: str, cells: Sequence[tuple[str, str, float]]) -> Markup:
    """Return a strip of stages, each a tone, its title and the share (0 to 1) that is done."""
    side, height = 36, 12
    width = max(len(cells) * (side + _GAP) - _GAP, 1)
    drawn = Markup("").join(
        Markup(
            '<g><title>{}</title><rect class="tone-idle" x="{}" width="{}" height="{}" rx="2"/>'
            '<rect class="tone-{}" x="{}" width="{:.1f}" height="{}" rx="2"/></g>'
        ).format(visible(said), at * (side + _GAP), side, height, tone, at * (side + _GAP), side * _share(done), height)
        for at, (tone, said, done) in enumerate(cells)
    )
    return _svg(title, width, height, drawn)


def shares(title: str, cells: Sequence[tuple[str, str, int]]) -> Markup:
    """Return one bar of counts side by side, each a tone, its title and its number; nothing is drawn of zeros."""
    total, width, height = sum(number for _, _, number in cells), 480.0, 14
    drawn, at = Markup(""), 0.0
    for tone, said, number in cells:
        size = width * number / total if total else 0.0
        drawn += Markup('<rect class="tone-{}" x="{:.1f}" width="{:.1f}" height="{}"><title>{}</title></rect>').format(
            tone, at, size, height, visible(said)
        )
        at += size
    return _svg(title, int(width), height, drawn, wide=True)


def _share(done: float) -> float:
    return min(max(done, 0.0), 1.0)


def _svg(title: str, width: int, height: int, drawn: Markup, *, wide: bool = False) -> Markup:
    return Markup('<svg class="{}" role="img" aria-label="{}" viewBox="0 0 {} {}" {}>{}</svg>').format(
        "chart wide" if wide else "chart",
        escape(visible(title)),
        width,
        height,
        Markup('preserveAspectRatio="none"') if wide else Markup('width="{}" height="{}"').format(width, height),
        drawn,
    )
