"""Optional content: the layers of a PDF that are off, and a copy of the PDF without them, through qpdf.

pdfium draws no layer that is off, but gives its text like any other (ISO 32000-2, 8.11).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf

ObjGen = tuple[int, int]

#: Operators that show something; a path that is not painted still has to be ended.
_SHOWS = frozenset({"Tj", "TJ", "'", '"', "Do", "sh", "INLINE IMAGE"})
_PAINTS = frozenset({"f", "F", "f*", "B", "B*", "b", "b*", "S", "s"})

#: How deep an expression of visibility may be nested.
_DEEPEST = 32


def without_hidden_layers(pdf: pikepdf.Pdf) -> bytes | None:
    """Return the PDF without what is in layers that are off; None if all are on."""
    off = _layers_off(pdf)
    if not off:
        return None
    seen: set[ObjGen] = set()
    for page in pdf.pages:
        _strip_annotations(page.obj, off)
        instructions = _strip(pikepdf.parse_content_stream(page), page.obj.get("/Resources"), off, pdf, seen)
        page.obj["/Contents"] = pdf.make_stream(pikepdf.unparse_content_stream(instructions))
    made = io.BytesIO()
    pdf.save(made)
    return made.getvalue()


def _layers_off(pdf: pikepdf.Pdf) -> set[ObjGen]:
    """Return the layers that are off when a reader opens the file: by its default configuration, for viewing."""
    properties = pdf.Root.get("/OCProperties")
    if not isinstance(properties, pikepdf.Dictionary):
        return set()
    config = _dictionary(properties.get("/D"))
    layers = _groups(properties.get("/OCGs"))
    off = set(layers) if config.get("/BaseState") == "/OFF" else set()
    off = (off - set(_groups(config.get("/ON")))) | set(_groups(config.get("/OFF")))
    for rule in _dictionaries(config.get("/AS")):
        if rule.get("/Event") == "/View":
            for name, layer in _groups(rule.get("/OCGs")).items():
                state = _dictionary(_dictionary(layer.get("/Usage")).get("/View")).get("/ViewState")
                off = off | {name} if state == "/OFF" else off - {name} if state == "/ON" else off
    return off


def _is_hidden(content: Any, off: set[ObjGen]) -> bool:
    """Return whether a layer is off, or a membership in layers says that what is in it is not seen."""
    if not isinstance(content, pikepdf.Dictionary):
        return False
    if content.get("/Type") != "/OCMD":
        return content.objgen in off
    if isinstance(expression := content.get("/VE"), pikepdf.Array):
        return not _is_true(expression, off)
    layers = content.get("/OCGs")
    states = [name not in off for name in _groups([layers] if isinstance(layers, pikepdf.Dictionary) else layers)]
    policies: dict[str, Callable[[], bool]] = {
        "/AllOn": lambda: all(states),
        "/AnyOff": lambda: not all(states),
        "/AllOff": lambda: not any(states),
    }
    visible = policies.get(str(content.get("/P")), lambda: any(states))
    return bool(states) and not visible()


def _is_true(expression: Any, off: set[ObjGen], depth: int = 0) -> bool:
    if isinstance(expression, pikepdf.Dictionary):
        return expression.objgen not in off
    if not isinstance(expression, pikepdf.Array) or not len(expression) or depth > _DEEPEST:
        return True
    values = [_is_true(part, off, depth + 1) for part in list(expression)[1:]]
    operator = str(expression[0])
    return not all(values) if operator == "/Not" else any(values) if operator == "/Or" else all(values)


def _strip(instructions: Any, resources: Any, off: set[ObjGen], pdf: pikepdf.Pdf, seen: set[ObjGen]) -> list[Any]:
    """Return the instructions of a page or a form that are seen; forms that they draw are stripped in place."""
    resources = _dictionary(resources)
    properties, drawn = (_dictionary(resources.get(kind)) for kind in ("/Properties", "/XObject"))
    open_marks: list[bool] = []
    kept: list[Any] = []
    for instruction in instructions:
        name, operands = str(instruction.operator), list(instruction.operands)
        if name in ("BDC", "BMC"):
            marked = properties.get(str(operands[1])) if len(operands) > 1 and operands[0] == "/OC" else None
            open_marks.append(_is_hidden(marked, off))
        elif name == "EMC" and open_marks:
            open_marks.pop()
        elif any(open_marks) and name in _PAINTS:
            kept.append(pikepdf.ContentStreamInstruction([], pikepdf.Operator("n")))
            continue
        elif any(open_marks) and name in _SHOWS:
            continue
        elif name == "Do" and operands:
            item = drawn.get(str(operands[0]))
            if isinstance(item, pikepdf.Stream) and not _keep(item, resources, off, pdf, seen):
                continue
        kept.append(instruction)
    return kept


def _keep(drawn: Any, resources: Any, off: set[ObjGen], pdf: pikepdf.Pdf, seen: set[ObjGen]) -> bool:
    """Return whether an image or a form is seen; strip a form."""
    if _is_hidden(drawn.get("/OC"), off):
        return False
    if drawn.get("/Subtype") == "/Form" and drawn.objgen not in seen:
        seen.add(drawn.objgen)
        inside = _strip(pikepdf.parse_content_stream(drawn), drawn.get("/Resources", resources), off, pdf, seen)
        drawn.write(pikepdf.unparse_content_stream(inside))
    return True


def _strip_annotations(page: Any, off: set[ObjGen]) -> None:
    annotations = page.get("/Annots")
    if isinstance(annotations, pikepdf.Array):
        page["/Annots"] = pikepdf.Array([a for a in annotations if not _is_hidden(_dictionary(a).get("/OC"), off)])


def _groups(layers: Any) -> dict[ObjGen, Any]:
    return {layer.objgen: layer for layer in _dictionaries(layers)}


def _dictionaries(values: Any) -> Iterator[Any]:
    if isinstance(values, pikepdf.Array | list):
        yield from (value for value in values if isinstance(value, pikepdf.Dictionary))


def _dictionary(value: Any) -> Any:
    return value if isinstance(value, pikepdf.Dictionary | pikepdf.Stream) else pikepdf.Dictionary()
