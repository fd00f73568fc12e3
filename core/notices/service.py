"""Public notices (公示) and objections (异议): names masked, a period in working days, each objection with an answer
(domain 7.3, 7.4)."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence

from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.cases import engine
from core.cases.deadlines import working_calendar
from core.cases.engine import SamePerson
from core.cases.models import Case, Party
from core.cases.repository import cases_named, parties_of
from core.cases.sealing import seal, unseal
from core.cases.workflows import POST_NOTICE, programme_named, workflows_of
from core.codes import code_list
from core.db.base import new_id
from core.db.bulk import insert_rows
from core.errors import Conflict, InvalidInput, NotFound
from core.notices.models import NoticeBatch, NoticeItem, Objection
from core.notices.repository import batch_named, hands_in, items_of, objection_named
from core.scope import Scope, current_scope
from core.tenancy.service import next_numbers
from core.trail.service import record, record_read
from core.vault.masking import public_name

CLAUSE = "domain 7.4"
PERIOD = "notice_working_days"
OBJECTION = Kind("objection", "异议", {"open": "待答复", "answered": "已答复"})
POST = Demand("notice.post")
REGISTER = Demand("notice.register_objection")
ANSWER = Demand("notice.answer_objection", of=OBJECTION, states=frozenset({"open"}))
CONTACT = Demand("notice.answer_objection")
_TEXT_LENGTH = 4000
_LINE_LENGTH = 200


def post_notice(session: Session, case_ids: Sequence[uuid.UUID], title: str) -> NoticeBatch:
    """Post the names of cases, masked, and move each case to being under notice (张贴公示).

    Raises ``Conflict`` for a confidential case or one that is not ready for notice; all cases are posted, or none.
    """
    require(POST)
    if not case_ids:
        raise InvalidInput("请选择个案并填写公示标题", "a notice needs cases and a title", where="title")
    cases = cases_named(session, case_ids, lock=True)
    if sealed := [case.number for case in cases if case.handlers is not None]:
        raise Conflict("保密个案不得公示", "a confidential case is never posted", where=sealed[0])
    batch = open_batch(session, title)
    insert_rows(session, NoticeItem, _items(session, batch, cases))
    engine.make(session, [case.id for case in cases], POST_NOTICE)
    record(session, "notice.post", "notice_batch", batch.id, {"number": batch.number, "cases": len(cases)})
    return batch


def open_batch(session: Session, title: str) -> NoticeBatch:
    """A batch without names, posted today for the period that holds here; raises ``InvalidInput`` without a fitting title."""
    from core.parameters.service import resolve

    scope = current_scope()
    if not title.strip() or len(title) > _LINE_LENGTH:
        raise InvalidInput(
            f"请填写公示标题，不超过 {_LINE_LENGTH} 字", f"a title has at most {_LINE_LENGTH} characters", where="title"
        )
    days = int(resolve(session, scope.business_date).value(PERIOD))
    due = working_calendar(session).add_working_days(scope.business_date, days)
    batch = NoticeBatch(
        number=_number(session, "GS", scope),
        title=title.strip(),
        posted_on=scope.business_date,
        ends_on=due.on,
        working_days=days,
        provisional=due.provisional,
        clause=CLAUSE,
        posted_by=scope.actor,
    )
    session.add(batch)
    session.flush()
    return batch


def _number(session: Session, prefix: str, scope: Scope) -> str:
    year = scope.business_date.year
    return f"{prefix}-{year}-{next_numbers(session, f'notice:{prefix}', year)[0]:04d}"


def _items(session: Session, batch: NoticeBatch, cases: Sequence[Case]) -> list[dict[str, object]]:
    parties, flows = parties_of(session, [case.id for case in cases]), workflows_of(session, cases)
    matters = {code: programme_named(code).zh for code in {case.programme for case in cases} if code is not None}
    return [
        {
            "id": new_id(),
            "batch_id": batch.id,
            "case_id": case.id,
            "masked_name": public_name(_public_label(parties[case.id])),
            "matter": matters[case.programme] if case.programme else flows[case.workflow, case.workflow_version].zh,
            "amount_fen": case.requested_fen,
        }
        for case in cases
    ]


def _public_label(parties: Sequence[Party]) -> str:
    return next((party.label for party in parties if party.label and party.role != "household"), "")


def raise_objection(
    session: Session,
    text: str,
    *,
    batch_id: uuid.UUID | None = None,
    case_id: uuid.UUID | None = None,
    household_id: uuid.UUID | None = None,
    contact: str | None = None,
) -> Objection:
    """Register an objection against a name under notice, a whole batch, or (without either) a question on an announcement.

    A name under notice is a case's, or that of a household whose file is to be opened.

    ``contact`` is how to reach whoever objects; it is stored sealed. Raises ``InvalidInput`` for a case that is not under
    this notice: an objection that misses its case would count against all the others.
    """
    scope = current_scope()
    require(REGISTER)
    if not text.strip() or len(text) > _TEXT_LENGTH:
        raise InvalidInput(f"请填写异议内容，不超过 {_TEXT_LENGTH} 字", "an objection needs a text", where="text")
    if contact is not None and len(contact) > _LINE_LENGTH:
        raise InvalidInput(
            f"联系方式不超过 {_LINE_LENGTH} 字", f"a contact has at most {_LINE_LENGTH} characters", where="contact"
        )
    if batch_id is not None:
        batch_named(session, batch_id)
    clerk = cases_named(session, [case_id])[0].clerk if case_id is not None else None
    if batch_id is not None and (case_id is not None or household_id is not None):
        _refuse_strangers(session, batch_id, case_id, household_id)
    elif household_id is not None:
        raise not_listed()
    objection_id = new_id()
    objection = Objection(
        id=objection_id,
        number=_number(session, "YY", scope),
        batch_id=batch_id,
        case_id=case_id,
        household_id=household_id,
        clerk=clerk,
        raised_on=scope.business_date,
        text=text.strip(),
        contact=base64.b64encode(seal(session, objection_id, "contact", contact.strip())).decode() if contact else None,
    )
    session.add(objection)
    session.flush()
    record(session, "objection.raise", "objection", objection.id, {"number": objection.number, "case": case_id})
    return objection


def _refuse_strangers(session: Session, batch_id: uuid.UUID, case_id: uuid.UUID | None, household_id: uuid.UUID | None) -> None:
    if (case_id, household_id) not in {(item.case_id, item.household_id) for item in items_of(session, batch_id)}:
        raise not_listed()


def not_listed() -> InvalidInput:
    """The refusal of an objection against a case that the notice does not name."""
    return InvalidInput(
        "该批公示名单中没有此个案",
        "the case is not under this notice",
        where="case",
        mend_zh="请从名单中选择；针对整批的，请选“整批”",
        mend_en="choose one of the list, or the whole batch",
    )


def contact_of(session: Session, batch_id: uuid.UUID, objection_id: uuid.UUID, reason: str) -> str:
    """How to reach whoever objected to a notice, only for those who answer; the look and its ``reason`` are recorded.

    Raises ``NotFound`` where the notice has no such objection or none left a contact, ``InvalidInput`` without a reason.
    """
    require(CONTACT)
    if not reason.strip() or len(reason) > _LINE_LENGTH:
        raise InvalidInput(f"请填写查阅事由，不超过 {_LINE_LENGTH} 字", "say why the contact is looked at", where="reason")
    objection = objection_named(session, objection_id)
    if objection.batch_id != batch_id or objection.contact is None:
        raise NotFound("该异议没有留下联系方式", "no contact was left", where=str(objection_id))
    record_read(session, "contact", "objection", objection.id, reason.strip())
    return unseal(session, objection.id, "contact", base64.b64decode(objection.contact))


def answer_objection(session: Session, objection_id: uuid.UUID, outcome: str, answer: str) -> Objection:
    """Answer an objection (答复异议). ``outcome`` is a code of the list objection_outcome; one that is upheld keeps the
    case from being approved for good.

    Raises ``SamePerson`` for the clerk of the case, or of any case of the batch where it is against the whole batch.
    """
    scope = current_scope()
    require(ANSWER)
    code_list("objection_outcome").item(outcome)
    if not answer.strip() or len(answer) > _TEXT_LENGTH:
        raise InvalidInput("请填写答复内容", "an objection is answered in words", where="answer")
    objection = objection_named(session, objection_id)
    if not ANSWER.fits("open" if objection.answered_on is None else "answered"):
        raise Conflict("该异议已答复", "the objection was answered before", where=objection.number)
    if is_clerks_own(session, objection):
        raise SamePerson(
            "您是异议所涉个案的经办人，不能答复该异议",
            "you are the clerk of a case that the objection is against",
            where=objection.number,
            mend_zh="请由经办人以外的审批人答复",
            mend_en="an approver other than the clerk answers it",
        )
    objection.outcome = outcome
    objection.answer = answer.strip()
    objection.answered_on = scope.business_date
    objection.answered_by = scope.actor
    session.flush()
    record(session, "objection.answer", "objection", objection.id, {"outcome": outcome, "case": objection.case_id})
    return objection


def is_clerks_own(session: Session, objection: Objection) -> bool:
    """Whether the actor is the clerk of the case that the objection is against, or of one of those of a whole batch, or had a
    hand in the file that is to be opened: the answer must be another's."""
    persons = current_scope().persons
    if objection.clerk is not None or objection.batch_id is None:
        return objection.clerk in persons
    if objection.household_id is not None:
        return bool(persons & hands_in(session, [objection.household_id]))
    items = items_of(session, objection.batch_id)
    cases = cases_named(session, [item.case_id for item in items if item.case_id is not None])
    homes = [item.household_id for item in items if item.household_id is not None]
    return any(case.clerk in persons for case in cases) or bool(persons & hands_in(session, homes))


def notice_view(session: Session, batch_id: uuid.UUID) -> tuple[NoticeBatch, Sequence[NoticeItem]]:
    """A batch with its items as the public sees them; raises ``NotFound``."""
    batch, items = batch_named(session, batch_id), items_of(session, batch_id)
    if not items:
        raise NotFound("没有此批公示", "no such notice", where=str(batch_id))
    return batch, items
