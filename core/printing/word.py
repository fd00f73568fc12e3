"""Filling a form as .docx (docxtpl), for an office that goes on writing in it. Values are escaped: nothing typed is read as
markup of the template or of the document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

from docx.oxml.ns import qn
from docx.shared import Mm
from docxtpl import DocxTemplate, InlineImage
from jinja2.sandbox import SandboxedEnvironment

from core.printing.forms import Foot, PrintedForm, Printing, Sheet

DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PICTURE_MM: Final = (24, 33)
# XML 1.0 has no way to write these.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def filled(form: PrintedForm, sheet: Sheet, foot: Foot) -> Printing:
    """One filled form. The word processor chooses the font of a rare character, so none is told as undrawn."""
    template = DocxTemplate(BytesIO(form.word.read_bytes()))
    told, extra = sheet.values, list[dict[str, str]]()
    if form.shortened is not None and "extra" in template.get_undeclared_template_variables():
        told, extra = form.shortened(told)
    values: dict[str, Any] = {**_plain(told), "extra": _plain(extra), "foot": foot.line(1), "picture": "照片"}
    if sheet.picture is not None:
        values["picture"] = InlineImage(template, BytesIO(sheet.picture), *(Mm(side) for side in _PICTURE_MM))
    template.render(values, SandboxedEnvironment(autoescape=True), autoescape=True)
    _set_close(template)
    out = BytesIO()
    template.save(out)
    return Printing(out.getvalue(), DOCX, ".docx")


def _set_close(template: DocxTemplate) -> None:
    """No distance around pictures: LibreOffice takes 3 mm where none is said, and pushes a picture over its cell's edge."""
    for inline in template.docx.element.iter(qn("wp:inline")):
        for side in ("distT", "distB", "distL", "distR"):
            inline.set(side, "0")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _UNWRITABLE.sub("", value)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
