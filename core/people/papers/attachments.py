"""The papers of a household's file (档案附件): photo, copies of cards and certificates; taken in, replaced, removed.

Nothing is lost by a slip: what is removed or replaced can be put back. Pictures are made anew on the way in, so that the place
and the camera that a telephone writes into them are not kept. Copies that show whole numbers open only with people.reveal and a
reason, each time on record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.codes.loader import code_list
from core.db.statements import among
from core.documents import store
from core.documents.models import Document
from core.documents.sealing import Altered, PaperKeys
from core.documents.service import NewDocument, add_documents
from core.errors import Conflict, InvalidInput, NotFound
from core.people.changes.act import refuse_ended
from core.people.models import WorkerFile
from core.people.repository import HouseholdView, require_household
from core.printing.pictures import made_anew
from core.scope import current_scope
from core.settings import settings
from core.text.lines import reason_given
from core.trail.service import record, record_read

PHOTO: Final = "photo"
KINDS: Final = (
    PHOTO, "identity_card", "household_book", "application_letter", "economy_check_authorisation", "kinship_proof",
    "income_proof", "work_unit_certificate", "minimum_living_certificate", "labour_contract", "residence_permit",
    "medical_record", "medical_receipt", "disability_certificate", "school_certificate", "admission_letter",
    "tuition_receipt", "disaster_proof", "divorce_or_death_proof", "laid_off_certificate", "unemployment_certificate",
    "model_worker_certificate", "housing_proof", "home_visit_record", "notice_record", "meeting_minutes", "bank_card_copy",
    "education_certificate", "hardship_certificate", "other",
)  # fmt: skip
"""Kinds of the list document_kind that belong into a household's file."""
WHOLE_NUMBERS: Final = frozenset(
    {"identity_card", "household_book", "residence_permit", "disability_certificate", "bank_card_copy"}
)
"""Kinds whose copies show whole identity numbers or accounts."""
OF_HEALTH: Final = frozenset({"medical_record", "medical_receipt", "disability_certificate"})
"""Kinds that tell of somebody's health: opened by whoever sees that on the file (``core.people.fields``)."""
PHOTO_PIXELS: Final = 640
"""The longer side of a photo as it is kept: enough for one inch at 300 dots, and for the screen."""
SCAN_PIXELS: Final = 4000
"""The longer side of a picture of a paper: A4 at 300 dots and more."""
REASON_LENGTH: Final = 500
REPLACED: Final = "已由新件替换"

_HELD_PHOTO: Final = (Document.kind == PHOTO, Document.withdrawn_on.is_(None), Document.erased_on.is_(None))

READ: Final = Demand("people.read")
OPEN: Final = Demand("document.read")
WRITE: Final = Demand("people.write")
REVEAL: Final = Demand("people.reveal")
HEALTH: Final = Demand("survey.read")


@dataclass(frozen=True, slots=True)
class NewPaper:
    """A paper to take in. ``media_type`` is what the sender claims, or None; ``replaces`` the paper in whose place it comes."""

    kind: str
    title: str
    data: bytes
    media_type: str | None = None
    replaces: UUID | None = None


def papers_of(session: Session, household_id: UUID) -> list[Document]:
    """The papers of a household, removed ones too, newest first; raises ``NotFound``, and ``Forbidden`` without people.read."""
    require(READ)
    _household(session, household_id)
    asked = select(Document).where(Document.household_id == household_id, Document.erased_on.is_(None))
    return list(session.scalars(asked.order_by(Document.id.desc())))


def add_paper(session: Session, household_id: UUID, new: NewPaper) -> Document:
    """Take in a paper; a new photo takes the former one's place on the file.

    Raises ``Forbidden`` without people.write and document.add, ``NotFound``, ``InvalidInput`` (kind, type, size, damaged
    picture), ``Conflict`` for a file that is only read.
    """
    require(WRITE)
    _household(session, household_id)
    file = _file(session, household_id)
    former = _paper(session, household_id, new.replaces, lock=True) if new.replaces else None
    if former is not None:
        new = replace(new, kind=former.kind, title=new.title.strip() or former.title)
    if new.kind not in KINDS:
        raise InvalidInput("请选择材料种类", "no such kind of paper for a file", where="kind")
    if new.kind == PHOTO and file is None:
        raise Conflict("该户尚未建档，不能登记照片", "the household has no file yet", where="kind")
    ready = NewDocument(new.kind, new.title, _cleaned(new), None, household_id=household_id)
    (made,) = add_documents(session, [ready])
    if new.kind == PHOTO:
        former = former or next((one for one in _photos(session, household_id) if one.id != made.id), None)
    if former is not None and former.withdrawn_on is None:
        _withdraw(session, former, REPLACED)
    _touch(file)
    session.flush()
    return made


def _cleaned(new: NewPaper) -> bytes:
    # Too large a body is refused by ``add_documents``; its pixels are not looked at before.
    if not new.data or len(new.data) > settings().upload_limit_bytes:
        return new.data
    found = store.sniffed_type(new.data, where="paper")
    if new.media_type is not None and new.media_type != found:
        raise InvalidInput("文件内容与声明的类型不符", f"the bytes are {found}, not {new.media_type}", where="paper")
    if found == store.PDF:
        if new.kind == PHOTO:
            raise InvalidInput("照片应为 JPEG 或 PNG 图片", "a photo is a JPEG or PNG", where="paper")
        return new.data
    return made_anew(new.data, where="paper", most=PHOTO_PIXELS if new.kind == PHOTO else SCAN_PIXELS)


def open_paper(session: Session, household_id: UUID, document_id: UUID, reason: str = "") -> tuple[Document, bytes]:
    """A paper with its bytes, proved against the digest. One of ``WHOLE_NUMBERS`` needs people.reveal and a reason, and is
    logged as a look at a full value; one of ``OF_HEALTH`` needs survey.read.

    Raises ``Forbidden``, ``NotFound``, ``InvalidInput`` without a reason, ``Altered``.
    """
    require(READ)
    require(OPEN)
    paper = _paper(session, household_id, document_id)
    if paper.kind in OF_HEALTH:
        require(HEALTH)
    if paper.kind in WHOLE_NUMBERS:
        require(REVEAL)
        why = reason_given(reason, "请填写查阅证件复印件的事由", REASON_LENGTH)
        record_read(session, f"paper.{paper.kind}", "household", household_id, why)
    return paper, PaperKeys(session).stored(paper).read()


def remove_paper(session: Session, household_id: UUID, document_id: UUID, reason: str) -> Document:
    """Take a paper off the file, with the reason; row and bytes stay, and it can be put back.

    Raises ``Forbidden`` without people.write and document.withdraw, ``NotFound``, ``InvalidInput``, ``Conflict``.
    """
    require(WRITE)
    require(Demand("document.withdraw"))
    said = reason_given(reason, "请填写移除理由", REASON_LENGTH)
    paper = _paper(session, household_id, document_id, lock=True)
    if paper.withdrawn_on is not None:
        raise Conflict("该材料已移除", "the paper was removed before", where=paper.title)
    file = _file(session, household_id)
    _withdraw(session, paper, said)
    _touch(file)
    session.flush()
    return paper


def restore_paper(session: Session, household_id: UUID, document_id: UUID) -> Document:
    """Put a removed or replaced paper back (恢复); a photo takes the present one's place.

    Raises ``Forbidden`` without people.write and document.withdraw, ``NotFound``, ``Conflict`` for one that is not removed.
    """
    require(WRITE)
    require(Demand("document.withdraw"))
    paper = _paper(session, household_id, document_id, lock=True)
    if paper.withdrawn_on is None:
        raise Conflict("该材料仍在卷，无需恢复", "the paper is not removed", where=paper.title)
    file = _file(session, household_id)
    if paper.kind == PHOTO:
        for present in _photos(session, household_id):
            _withdraw(session, present, REPLACED)
    paper.withdrawn_on = paper.withdrawn_by = paper.withdrawn_reason = None
    _touch(file)
    session.flush()
    record(session, "document.restore", "document", paper.id, {"household": household_id, "kind": paper.kind})
    return paper


def photos_of(session: Session, files: Sequence[HouseholdView]) -> dict[UUID, bytes]:
    """The workers' photos by household; a photo whose file is missing or altered in the store, or no picture, is left out: one
    bad paper holds no batch up."""
    homes = [view.household.id for view in files]
    pictures = Document.media_type.in_((store.JPEG, store.PNG))
    asked = select(Document).where(among(Document.household_id, homes), pictures, *_HELD_PHOTO).order_by(Document.id)
    papers = session.scalars(asked).all()
    if not papers:
        return {}
    found, keys = {}, PaperKeys(session)
    for paper in papers:
        try:
            if paper.household_id is not None:
                found[paper.household_id] = keys.stored(paper).read()
        except (NotFound, Altered):
            continue
    return found


def kinds() -> list[tuple[str, str]]:
    """The kinds of papers of a file with their names, for a choice."""
    known = code_list("document_kind")
    return [(kind, known.item(kind).zh) for kind in KINDS]


def _household(session: Session, household_id: UUID) -> None:
    require_household(session, household_id, str(household_id))


def _file(session: Session, household_id: UUID) -> WorkerFile | None:
    """The household's file, locked; raises ``Conflict`` for one that is only read."""
    file = session.scalar(select(WorkerFile).where(WorkerFile.household_id == household_id).with_for_update())
    if file is not None:
        refuse_ended(file)
    return file


def _paper(session: Session, household_id: UUID, document_id: UUID, *, lock: bool = False) -> Document:
    query = select(Document).where(
        Document.id == document_id, Document.household_id == household_id, Document.erased_on.is_(None)
    )
    found = session.scalar(query.with_for_update() if lock else query)
    if found is None:
        raise NotFound("没有此份材料", "no such document", where=str(document_id))
    return found


def _photos(session: Session, household_id: UUID) -> list[Document]:
    """The photo that is held: there is one at a time, since the file's row is locked by whoever takes one in."""
    return list(session.scalars(select(Document).where(Document.household_id == household_id, *_HELD_PHOTO)))


def _withdraw(session: Session, paper: Document, reason: str) -> None:
    scope = current_scope()
    paper.withdrawn_on, paper.withdrawn_by, paper.withdrawn_reason = scope.business_date, scope.actor, reason
    record(session, "document.withdraw", "document", paper.id, {"household": paper.household_id, "kind": paper.kind})


def _touch(file: WorkerFile | None) -> None:
    if file is not None:
        file.version += 1
