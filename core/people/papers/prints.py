"""Printing one household's file (打印档案表): what goes on paper, put together in the transaction and set after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy.orm import Session

from core.authorisation import require
from core.centre.settings import centre_settings
from core.errors import NotFound
from core.people.papers.attachments import READ, photos_of
from core.people.papers.form import WORKER_FILE, sheets_of
from core.people.whole_files import full_values, whole_files
from core.printing.forms import Foot, Printing, Sheet
from core.printing.typesetting import typeset
from core.printing.word import filled
from core.scope import current_scope

Made = Literal["pdf", "docx"]


@dataclass(frozen=True, slots=True)
class ToPrint:
    """One file ready for paper, and what it is called."""

    sheet: Sheet
    foot: Foot
    title: str

    def printed(self, made: Made) -> Printing:
        """The document; needs no session."""
        if made == "docx":
            return filled(WORKER_FILE, self.sheet, self.foot)
        return typeset(WORKER_FILE, [self.sheet], self.foot)


def file_to_print(session: Session, household_id: UUID, reason: str | None = None) -> ToPrint:
    """One household's form, masked without a reason; with one, every full value on it is logged (留痕查阅).

    Raises ``NotFound``, ``Forbidden`` without people.read, or people.reveal for full values, ``InvalidInput`` for a reason
    that says nothing.
    """
    require(READ)
    files = whole_files(session, [household_id])
    if not files:
        raise NotFound("没有这户家庭", "no such household", where=str(household_id))
    scope = current_scope()
    full = full_values(session, files, reason) if reason is not None else None
    union = centre_settings(session).seal_text or scope.union_name
    (sheet,) = sheets_of(files, union, full=full, photos=photos_of(session, files))
    number = files[0].file.file_number if files[0].file else ""
    foot = Foot(scope.union_name, scope.actor_name, scope.business_date, masked=full is None)
    return ToPrint(sheet, foot, f"困难职工档案表 {number}".strip())
