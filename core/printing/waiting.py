"""Documents of background work until they are fetched: kept sealed, handed out once to whoever had them made, then gone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session, defer

from core.db.base import new_id
from core.db.statements import tenant_core
from core.errors import NotFound
from core.printing.forms import Printing
from core.printing.models import PrintedFile
from core.scope import current_scope
from core.tenancy.keys import tenant_key

KEPT_DAYS: Final = 3


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a batch a document is: its batch, its number, what it is called, how many files stand in it."""

    batch: uuid.UUID
    no: int
    title: str
    items: int
    masked: bool = True


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document that is handed out."""

    file_name: str
    media_type: str
    masked: bool
    data: bytes = field(repr=False)


def keep(session: Session, printing: Printing, part: Part) -> None:
    """Keep a document for the actor in scope; a part that is kept already stays as it is."""
    scope, made = current_scope(), new_id()
    row = {
        "tenant": scope.tenant,
        "id": made,
        "batch": part.batch,
        "no": part.no,
        "title": part.title,
        "file_name": part.title + printing.ending,
        "media_type": printing.media_type,
        "items": part.items,
        "masked": part.masked,
        "sealed": tenant_key(session).seal(_place(part.batch, part.no), printing.data),
        "made_by": scope.actor,
        "made_on": scope.business_date,
        "expires_on": scope.business_date + timedelta(days=KEPT_DAYS),
    }
    session.execute(tenant_core(pg_insert(PrintedFile).values(row).on_conflict_do_nothing()))


def waiting(session: Session) -> Sequence[PrintedFile]:
    """What waits for the actor in scope and has not expired, newest first, without its content."""
    scope = current_scope()
    asked = select(PrintedFile).where(PrintedFile.made_by == scope.actor, PrintedFile.expires_on >= scope.business_date)
    newest = asked.order_by(PrintedFile.batch.desc(), PrintedFile.no)
    return session.scalars(newest.options(defer(PrintedFile.sealed, raiseload=True))).all()


def fetch(session: Session, file_id: uuid.UUID) -> Fetched:
    """Hand a document out, once: the row goes in the same transaction. Raises ``NotFound`` for another's, a fetched or an
    expired one."""
    scope = current_scope()
    taken = (
        delete(PrintedFile)
        .where(
            PrintedFile.id == file_id,
            PrintedFile.made_by == scope.actor,
            PrintedFile.expires_on >= scope.business_date,
        )
        .returning(PrintedFile)
    )
    found = session.scalars(taken).one_or_none()
    if found is None:
        raise NotFound(
            "没有此文件，或已下载、已过期",
            "no such document: fetched before, or expired",
            where=str(file_id),
            mend_zh="如仍需要，请重新制作",
            mend_en="have it made again",
        )
    data = tenant_key(session).open(_place(found.batch, found.no), found.sealed)
    return Fetched(found.file_name, found.media_type, found.masked, data)


def expire(session: Session) -> int:
    """Delete the tenant's documents that nobody fetched in time; how many."""
    gone = delete(PrintedFile).where(PrintedFile.expires_on < current_scope().business_date).returning(PrintedFile.id)
    return len(session.scalars(gone).all())


def discard(session: Session) -> None:
    """Delete all of the tenant's documents that wait: somebody's data are erased, and they may stand in any."""
    session.execute(delete(PrintedFile).execution_options(synchronize_session=False))


def _place(batch: uuid.UUID, no: int) -> str:
    return f"printed_file/{batch}/{no}"
