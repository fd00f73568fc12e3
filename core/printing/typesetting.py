"""Setting filled forms as one PDF (打印): in a child process under limits, all forms of a job in one document.

Values reach the layout as JSON and come out of it as text: nothing that somebody typed is ever read as typst's markup. Pictures
go along inside an SVG, since all that the child is given is text; no file with personal data is written anywhere.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, Literal

from core.errors import BangfuError, InvalidInput
from core.printing import press
from core.printing.fonts import fonts, texts_of, undrawn
from core.printing.forms import Foot, PrintedForm, Printing, Sheet
from core.printing.pictures import size_of

PDF: Final = "application/pdf"
MOST_SHEETS: Final = 200
"""Forms in one document: some 20 MB and a few seconds."""
_SECONDS: Final = 60


class NotPrinted(BangfuError):
    """The typesetter failed: a fault of the layout or of the installation, never of what was typed."""

    code = "not_printed"
    status = 500


def typeset(form: PrintedForm, sheets: Sequence[Sheet], foot: Foot, *, as_png: bool = False) -> Printing:
    """The forms one after the other, each from a new page on with pages counted by itself. ``as_png`` gives the first page as a
    picture instead.

    Raises ``InvalidInput`` for none or more than ``MOST_SHEETS``, ``NotPrinted``, and ``Misconfigured`` without fonts.
    """
    if not 0 < len(sheets) <= MOST_SHEETS:
        raise InvalidInput(
            f"一次打印 1 至 {MOST_SHEETS} 份", f"from 1 to {MOST_SHEETS} forms are printed at a time", where=form.name
        )
    missing = undrawn(texts_of([dict(sheet.values) for sheet in sheets]))
    files = {"main.typ": form.layout.read_text(encoding="utf-8")}
    told = []
    for number, sheet in enumerate(sheets):
        values = dict(sheet.values)
        if sheet.picture is not None:
            values["picture"] = name = f"picture-{number}.svg"
            files[name] = _svg(sheet.picture)
        told.append(values)
    note = f"下列字符打印字库未收，请手工填写：{'、'.join(f'U+{ord(sign):X}' for sign in missing)}" if missing else ""
    files["data.json"] = json.dumps({"sheets": told, "foot": foot.line(len(sheets)), "note": note}, ensure_ascii=False)
    data = _pressed(files, "png" if as_png else "pdf")
    return Printing(data, "image/png" if as_png else PDF, ".png" if as_png else ".pdf", missing)


def _svg(picture: bytes) -> str:
    media_type, width, height = size_of(picture)
    data = base64.b64encode(picture).decode()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:{media_type};base64,{data}"/></svg>'
    )


def _pressed(files: dict[str, str], made: Literal["pdf", "png"]) -> bytes:
    plain, rare = fonts()
    job = {"files": files, "fonts": [str(plain), str(rare)], "seconds": _SECONDS, "format": made, "ppi": 110.0}
    try:
        done = subprocess.run(  # noqa: S603 - our own argument list, no shell
            [sys.executable, "-I", str(press.__file__)],
            input=json.dumps(job).encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired as error:
        raise NotPrinted("打印超时", "setting the document took too long") from error
    if done.returncode != 0:
        # What typst says names places in the layout, not values; still it is for the log alone.
        raise NotPrinted("打印失败", "the typesetter failed") from RuntimeError(done.stderr.decode(errors="replace")[-2000:])
    return done.stdout
