"""Queries of notices and objections: many cases at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core.db.statements import among
from core.errors import NotFound
from core.notices.models import NoticeBatch, NoticeItem, Objection
from core.people.life.models import FileStep


@dataclass(frozen=True, slots=True)
class NoticeOf:
    """The latest notice of a case."""

    batch_id: uuid.UUID
    number: str
    posted_on: date
    ends_on: date


def notices_of(session: Session, case_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, NoticeOf]:
    """The latest notice under which each case stands or stood; cases without one are absent."""
    rows = session.execute(
        select(NoticeItem.case_id, NoticeBatch.id, NoticeBatch.number, NoticeBatch.posted_on, NoticeBatch.ends_on)
        .join(NoticeBatch, (NoticeBatch.tenant == NoticeItem.tenant) & (NoticeBatch.id == NoticeItem.batch_id))
        .where(among(NoticeItem.case_id, case_ids))
        .order_by(NoticeBatch.id)
    )
    return {row[0]: NoticeOf(row[1], row[2], row[3], row[4]) for row in rows if row[0] is not None}


def notice_of_file(session: Session, household_id: uuid.UUID) -> NoticeOf | None:
    """The latest notice under which a household's file stands or stood before it was opened."""
    row = session.execute(
        select(NoticeBatch.id, NoticeBatch.number, NoticeBatch.posted_on, NoticeBatch.ends_on)
        .join(NoticeItem, (NoticeBatch.tenant == NoticeItem.tenant) & (NoticeBatch.id == NoticeItem.batch_id))
        .where(NoticeItem.household_id == household_id)
        .order_by(NoticeBatch.id.desc())
        .limit(1)
    ).one_or_none()
    return NoticeOf(*row) if row else None


def objections_to_file(session: Session, household_id: uuid.UUID, notice: NoticeOf) -> Sequence[Objection]:
    """Objections against a household's file, or the whole of its batch, that are unanswered or were upheld."""
    whole_batch = and_(Objection.case_id.is_(None), Objection.household_id.is_(None))
    return session.scalars(
        select(Objection)
        .where(
            Objection.batch_id == notice.batch_id,
            or_(Objection.household_id == household_id, whole_batch),
            or_(Objection.answered_on.is_(None), Objection.outcome == "upheld"),
        )
        .order_by(Objection.id)
    ).all()


def hands_in(session: Session, households: Iterable[uuid.UUID]) -> set[str]:
    """Who made a step in the lives of these households' files."""
    return set(session.scalars(select(FileStep.actor).where(among(FileStep.household_id, households)).distinct()))


def standing_objections(session: Session, notices: dict[uuid.UUID, NoticeOf]) -> dict[uuid.UUID, list[Objection]]:
    """Objections, by case, that are unanswered or were upheld; one against a whole batch counts for each of its cases."""
    found: dict[uuid.UUID, list[Objection]] = {case_id: [] for case_id in notices}
    batches = {notice.batch_id for notice in notices.values()}
    rows = session.scalars(
        select(Objection)
        .where(or_(among(Objection.case_id, notices), among(Objection.batch_id, batches)))
        .where(or_(Objection.answered_on.is_(None), Objection.outcome == "upheld"))
    ).all()
    for case_id, notice in notices.items():
        for objection in rows:
            against_all = objection.case_id is None and objection.household_id is None
            whole_batch = against_all and objection.batch_id == notice.batch_id
            if objection.case_id == case_id or whole_batch:
                found[case_id].append(objection)
    return found


def objection_named(session: Session, objection_id: uuid.UUID) -> Objection:
    """One objection, locked; raises ``NotFound``."""
    found = session.scalar(select(Objection).where(Objection.id == objection_id).with_for_update())
    if found is None:
        raise NotFound("没有此项异议", "no such objection", where=str(objection_id))
    return found


def batch_named(session: Session, batch_id: uuid.UUID) -> NoticeBatch:
    """One batch; raises ``NotFound``."""
    found = session.scalar(select(NoticeBatch).where(NoticeBatch.id == batch_id))
    if found is None:
        raise NotFound("没有此批公示", "no such notice", where=str(batch_id))
    return found


def batches(session: Session, after: uuid.UUID | None, limit: int) -> Sequence[NoticeBatch]:
    """Batches, newest first, after the batch ``after``."""
    query = select(NoticeBatch).order_by(NoticeBatch.id.desc()).limit(limit)
    return session.scalars(query if after is None else query.where(NoticeBatch.id < after)).all()


def items_of(session: Session, batch_id: uuid.UUID) -> Sequence[NoticeItem]:
    """The items of a batch in the order of posting."""
    return session.scalars(select(NoticeItem).where(NoticeItem.batch_id == batch_id).order_by(NoticeItem.id)).all()


def open_objections(session: Session) -> Sequence[Objection]:
    """Objections without an answer, oldest first."""
    return session.scalars(select(Objection).where(Objection.answered_on.is_(None)).order_by(Objection.id)).all()
