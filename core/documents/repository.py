"""Queries of documents: many cases at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.cases.models import Case
from core.cases.repository import of_lines_read
from core.db.statements import among
from core.documents.models import Document
from core.errors import NotFound
from core.scope import current_scope


def documents_of(session: Session, case_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Document]]:
    """Documents of each case, withdrawn ones too, oldest first."""
    found: dict[uuid.UUID, list[Document]] = {case_id: [] for case_id in case_ids}
    for paper in session.scalars(select(Document).where(among(Document.case_id, found)).order_by(Document.id)):
        if paper.case_id is not None:
            found[paper.case_id].append(paper)
    return found


def kinds_of(session: Session, case_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, set[str]]:
    """Kinds of the papers that each case has and that are not withdrawn."""
    found: dict[uuid.UUID, set[str]] = {case_id: set() for case_id in case_ids}
    rows = session.execute(
        select(Document.case_id, Document.kind).where(among(Document.case_id, found), Document.withdrawn_on.is_(None))
    )
    for case_id, kind in rows:
        if case_id is not None:
            found[case_id].add(kind)
    return found


def document_named(
    session: Session, document_id: uuid.UUID, *, case_id: uuid.UUID | None = None, lock: bool = False
) -> Document:
    """One document, of the case ``case_id`` where one is named; raises ``NotFound``, also for a paper of a case that is
    confidential to others or of a line that the actor does not read."""
    query = select(Document).where(Document.id == document_id)
    if current_scope().case_lines is not None:
        query = query.where(Document.case_id.in_(select(Case.id).where(of_lines_read())))
    if case_id is not None:
        query = query.where(Document.case_id == case_id)
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound("没有此份材料", "no such document", where=str(document_id))
    return found
