"""Supporting documents (证明材料): taken in, read back, withdrawn; never deleted."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.cases.models import Case
from core.cases.repository import cases_named
from core.cases.workflows import STANDING, standing_of, workflows_of
from core.codes import code_list
from core.db.base import new_id
from core.documents import store
from core.documents.models import Document
from core.documents.repository import document_named, kinds_of
from core.documents.sealing import PaperKeys
from core.errors import Conflict, InvalidInput
from core.host.declarations import WorkflowDecl
from core.scope import current_scope
from core.settings import settings
from core.trail.service import record

TITLE_LENGTH = 200
DOCUMENT = Kind("document", "证明材料", {"held": "在卷", "withdrawn": "已撤回"})
ADD = Demand("document.add", of=STANDING, states=frozenset({"open", "outside"}))
READ = Demand("document.read")
WITHDRAW = Demand("document.withdraw", of=DOCUMENT, states=frozenset({"held"}))


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A paper to take in, for a case or for a household's file. ``media_type`` is what the sender claims, or None."""

    kind: str
    title: str
    data: bytes
    media_type: str | None = None
    case_id: uuid.UUID | None = None
    household_id: uuid.UUID | None = None


def add_documents(session: Session, papers: Sequence[NewDocument]) -> list[Document]:
    """Take in papers, sealed each under a key of its own. Size and type are those of the bytes, not of a name; papers of a
    case are seen by whoever sees it.

    Raises ``InvalidInput`` (type, size, kind) and ``Conflict`` for a case that is closed.
    """
    scope = current_scope()
    require(ADD)
    types = [_checked(paper) for paper in papers]
    cases = _open_cases(session, [paper.case_id for paper in papers if paper.case_id])
    keys, ids = PaperKeys(session), [new_id() for _ in papers]
    sealed = [keys.seal(id_, paper.data) for id_, paper in zip(ids, papers, strict=True)]
    names = store.put_all(session, sealed)
    made = []
    for id_, paper, media_type, kept, name in zip(ids, papers, types, sealed, names, strict=True):
        case = cases.get(paper.case_id) if paper.case_id else None
        made.append(
            Document(
                id=id_,
                case_id=paper.case_id,
                household_id=paper.household_id,
                kind=paper.kind,
                title=paper.title.strip() or code_list("document_kind").item(paper.kind).zh,
                storage_name=name,
                media_type=media_type,
                size=len(paper.data),
                sha256=hashlib.sha256(paper.data).digest(),
                sealed_sha256=kept.digest,
                wrapped_key=kept.wrapped_key,
                received_on=scope.business_date,
                received_by=scope.actor,
                handlers=case.handlers if case else None,
            )
        )
    session.add_all(made)
    session.flush()
    for document in made:
        fields = {"case": document.case_id, "household": document.household_id, "kind": document.kind}
        record(session, "document.add", "document", document.id, fields, handlers=document.handlers)
    return made


def _checked(paper: NewDocument) -> str:
    if (paper.case_id is None) == (paper.household_id is None):
        raise InvalidInput("材料应属于一个个案或一个家庭", "a paper belongs to a case or to a household", where="case_id")
    code_list("document_kind").item(paper.kind)
    if len(paper.title) > TITLE_LENGTH:
        raise InvalidInput(f"材料名称不能超过 {TITLE_LENGTH} 字", "the title is too long", where="title")
    limit = settings().upload_limit_bytes
    if not 0 < len(paper.data) <= limit:
        raise InvalidInput(
            f"材料不能为空，也不能超过 {limit // 1024 // 1024} MB",
            f"a paper has at least one byte and at most {limit}",
            where=paper.kind,
            mend_zh="请压缩或降低扫描分辨率",
            mend_en="scan it at a lower resolution",
        )
    found = store.sniffed_type(paper.data, where=paper.kind)
    if paper.media_type is not None and paper.media_type != found:
        raise InvalidInput("文件内容与声明的类型不符", f"the bytes are {found}, not {paper.media_type}", where=paper.kind)
    return found


def _open_cases(session: Session, case_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Case]:
    if not case_ids:
        return {}
    # locked, so that its handlers do not change between reading them here and writing them on the papers
    cases = cases_named(session, case_ids, lock=True)
    for case in cases:
        if not ADD.fits(standing_of(case)):
            raise Conflict("个案已办结，不能再添加材料", "the case is closed", where=case.number)
    return {case.id: case for case in cases}


def read_document(session: Session, document_id: uuid.UUID, *, case_id: uuid.UUID | None = None) -> tuple[Document, bytes]:
    """A paper with its bytes, proved against the digest; raises ``Altered``, and ``NotFound`` also for a paper of another
    case than ``case_id``."""
    require(READ)
    document = document_named(session, document_id, case_id=case_id)
    return document, PaperKeys(session).stored(document).read()


def withdraw_document(session: Session, document_id: uuid.UUID, reason: str, *, case_id: uuid.UUID | None = None) -> Document:
    """Mark a paper as withdrawn (撤回), with the reason; row and file stay, for decisions that rested on it.

    Raises ``NotFound``, also for a paper of another case than ``case_id``, ``InvalidInput`` without a reason, ``Conflict``
    where it was withdrawn before.
    """
    scope = current_scope()
    require(WITHDRAW)
    if not reason.strip():
        raise InvalidInput("请填写撤回理由", "a withdrawal needs a reason", where="reason")
    document = document_named(session, document_id, case_id=case_id, lock=True)
    if not WITHDRAW.fits("held" if document.withdrawn_on is None else "withdrawn"):
        raise Conflict("该材料已撤回", "the paper was withdrawn before", where=str(document_id))
    document.withdrawn_on = scope.business_date
    document.withdrawn_by = scope.actor
    document.withdrawn_reason = reason.strip()
    session.flush()
    record(session, "document.withdraw", "document", document.id, {"case": document.case_id}, handlers=document.handlers)
    return document


def required_kinds(workflow: WorkflowDecl, programme: str | None) -> list[str]:
    """Kinds of papers that a case of this programme needs, in the order of the declaration."""
    return [need.kind for need in workflow.documents if need.programme in (None, programme)]


def missing_kinds(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, list[str]]:
    """Kinds of papers that each case still needs: required by its pinned workflow, and absent or withdrawn."""
    flows = workflows_of(session, cases)
    present = kinds_of(session, [case.id for case in cases])
    return {
        case.id: [
            kind
            for kind in required_kinds(flows[case.workflow, case.workflow_version], case.programme)
            if kind not in present[case.id]
        ]
        for case in cases
    }
