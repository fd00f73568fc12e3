"""Two persons whom somebody knows to be one, though no feature that they share told it (人工提出): put side by side as a pair.

The pair is one like those that are found, with the same page, rights, record and undoing. Nothing is merged here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import require
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.db.statements import among
from core.errors import BangfuError, Conflict, InvalidInput, NotFound
from core.people.duplicates.merging import survivors_of
from core.people.duplicates.models import DuplicateProposal
from core.people.duplicates.scores import BY_HAND, score
from core.people.duplicates.service import DECIDING, compared
from core.people.identity_number import lengthened
from core.people.models import Person, WorkerFile
from core.people.repository import members_on
from core.scope import current_scope
from core.tenancy.keys import tokens
from core.text.normalise import squash
from core.trail.service import record
from core.vault.tokens import TokenKind

WHO_LENGTH: Final = 60
_NUMBER: Final = re.compile(r"[0-9]{17}[0-9X]")
_OLD_NUMBER: Final = re.compile(r"[0-9]{15}")
_WIDE: Final = str.maketrans("()", "（）")
"""Brackets may be wide in a file's number (``core.centre.numbering``); whoever types one types either."""


@dataclass(frozen=True, slots=True)
class Meant:
    """Somebody who may be meant, as a choice shows him."""

    id: UUID
    name: str
    identity_masked: str | None


class SeveralMeant(BangfuError):
    """A file number leads to several persons: ``persons`` lists them, and the caller says which one. The file is that of
    ``household_id``; whoever shows them notes the look at it."""

    code = "several_meant"
    status = 409

    def __init__(self, persons: Sequence[Person], household_id: UUID) -> None:
        super().__init__(
            f"该档案有 {len(persons)} 人，请选择是其中哪一人",
            f"{len(persons)} persons belong to the file",
            where="other_id",
            mend_zh="请选择后再提交",
            mend_en="say which one",
        )
        self.persons = tuple(Meant(one.id, one.name, one.identity_masked) for one in persons)
        self.household_id = household_id


def pair_by_hand(session: Session, person_id: UUID, who: str, other_id: UUID | None = None) -> DuplicateProposal:
    """Put ``person_id`` side by side with whom ``who`` names: an identity number, or a file's number with ``other_id`` where
    several belong to it. A pair that is there is taken up again, also where it was told apart.

    Somebody who counts as another one is that one here. Raises ``Forbidden`` without people.write, ``InvalidInput`` for an
    empty ``who`` or one and the same person, ``NotFound``, ``SeveralMeant``, ``Conflict`` for two who count as one already.
    """
    scope = current_scope()
    if not scope.is_system:
        require(DECIDING)
    home, named = _meant(session, who)
    meant = [one for one in named if one.id != person_id]
    chosen = [one for one in meant if one.id == other_id] or meant
    if not chosen:
        raise InvalidInput(
            "填写的就是此人本人",
            "this is the same person",
            where="who",
            mend_zh="请填写另一人的档案编号或身份证号",
            mend_en="give the other one's",
        )
    if len(chosen) > 1 and home is not None:
        raise SeveralMeant(chosen, home)
    counts_as = survivors_of(session, [person_id, chosen[0].id])
    first, second = sorted(counts_as.get(one, one) for one in (person_id, chosen[0].id))
    if first == second:
        raise Conflict("两人已合并为同一人", "the two count as one already", where="who")
    known = select(Person.id).where(Person.id.in_([first, second]), Person.erased_at.is_(None))
    if len(session.scalars(known).all()) != 2:
        raise NotFound("没有此人或其信息已删除", "no such person, or the person's data were erased", where="person_id")
    found = _pair(session, first, second)
    record(session, "people.paired_by_hand", "person", first, {"other": second, "pair": found.id})
    return found


def _meant(session: Session, who: str) -> tuple[UUID | None, Sequence[Person]]:
    """Who is named: by a file's number the worker and all members of today, with the household; else by an identity number.
    The file is asked first, since a county's pattern may make its numbers of digits alone."""
    typed = squash(who)
    if not typed or len(who) > WHO_LENGTH:
        raise InvalidInput("请填写档案编号或身份证号", "a file number or an identity number is needed", where="who")
    spelt = {one for plain in (who.strip(), typed, typed.upper()) for one in (plain, plain.translate(_WIDE))}
    file = select(WorkerFile.household_id, WorkerFile.worker_id).where(WorkerFile.file_number.in_(spelt))
    home, worker = session.execute(file.order_by(WorkerFile.id)).first() or (None, None)
    if home is not None:
        ids = {worker, *members_on(session, home, current_scope().business_date)}
        asked = select(Person).where(among(Person.id, [one for one in ids if one]), Person.erased_at.is_(None))
    else:
        asked = select(Person).where(Person.identity_token.in_(_tokens(typed.upper())), Person.erased_at.is_(None))
    found = session.scalars(asked.order_by(Person.id)).all()
    if not found:
        raise NotFound(
            "本单位没有此档案编号或身份证号",
            "no such file number or identity number here",
            where="who",
            mend_zh="请核对后重新填写；外县的人请用“向省级查询异地重复”",
            mend_en="check it; about another county's people ask the province",
        )
    return home, found


def _tokens(typed: str) -> list[bytes]:
    """By what an identity number is found, also one of 15 digits, of cards until 1999; nothing for what is none."""
    if _OLD_NUMBER.fullmatch(typed):
        typed = lengthened(typed)
    return [tokens().tenant_token(current_scope().tenant, TokenKind.IDENTITY, typed)] if _NUMBER.fullmatch(typed) else []


def _pair(session: Session, first: UUID, second: UUID) -> DuplicateProposal:
    """The pair, open for a decision unless it stands as merged; the smaller id is the first."""
    both = compared(session, [first, second])
    points, reasons = score(both[0], both[1]) if len(both) == 2 else (0, [])
    row = {"id": new_id(), "first_id": first, "second_id": second, "found_on": current_scope().business_date}
    told = {"score": points, "reasons": [BY_HAND, *reasons]}
    insert_rows(session, DuplicateProposal, [row | told], keep_former=True)
    asked = select(DuplicateProposal).where(DuplicateProposal.first_id == first, DuplicateProposal.second_id == second)
    found = session.scalars(asked.with_for_update().execution_options(populate_existing=True)).one()
    if BY_HAND not in found.reasons:
        found.reasons = [BY_HAND, *found.reasons]
    if found.state == "different":
        found.state, found.decided_on, found.decided_by, found.why = "open", None, None, None
    session.flush()
    return found
