"""What a form is to the printer, and what of the person at the desk stands under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class PrintedForm:
    """A form (表格) as it is printed. ``layout`` is a typst template that reads ``data.json``; ``word`` the same form as a
    .docx template of docxtpl, which the office may restyle in its word processor. ``shortened`` gives the values for that one
    with texts that are too long for their places taken out, and these as ``title`` and ``text``, which the template lists as
    ``extra``; a template without such a list gets every text in its place."""

    name: str
    zh: str
    layout: Path
    word: Path
    shortened: Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], list[dict[str, str]]]] | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One filled form: texts (and lists of texts) by name, and the picture that stands on it, JPEG or PNG."""

    values: Mapping[str, Any]
    picture: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Foot:
    """Who printed, when, and with whose full values: the line at the foot of every page."""

    union: str
    by: str
    on: date
    masked: bool = True
    total: int | None = None
    """How many forms the whole of it has, where this document is a part."""

    def line(self, count: int) -> str:
        """``打印：王芳 2026-03-02 · 共 3 份 · 证件号码已遮盖``."""
        told = "证件号码等已遮盖" if self.masked else "含完整证件号码，请妥善保管"
        return f"{self.union} · 打印：{self.by} {self.on.isoformat()} · 共 {self.total or count} 份 · {told}"


@dataclass(frozen=True, slots=True)
class Printing:
    """A finished document."""

    data: bytes = field(repr=False)
    media_type: str
    ending: str
    undrawn: Sequence[str] = ()
    """Characters that no font here draws."""
