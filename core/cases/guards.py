"""Conditions of transitions (流转条件) that the core brings: papers complete, notice posted, notice over.

Each judges many cases in a fixed number of statements.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from core.cases.models import Case
from core.codes import label
from core.documents.service import missing_kinds
from core.host.declarations import GuardVerdict
from core.notices.models import Objection
from core.notices.repository import NoticeOf, notices_of, standing_objections
from core.scope import current_scope

_COMPLETE = GuardVerdict(True, "材料齐全", "documents complete")
_NOT_POSTED = GuardVerdict(False, "尚未公示", "not posted yet")


def documents_complete(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """All papers that the workflow asks for are there and not withdrawn (材料齐全)."""
    missing = missing_kinds(session, cases)
    return {case.id: _papers(missing[case.id]) for case in cases}


def _papers(missing: Sequence[str]) -> GuardVerdict:
    if not missing:
        return _COMPLETE
    names = "、".join(label("document_kind", kind) for kind in missing)
    return GuardVerdict(False, f"缺少材料：{names}", f"missing documents: {', '.join(missing)}")


def notice_posted(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """The case stands in a batch of names that was posted (已张贴公示)."""
    notices = notices_of(session, [case.id for case in cases])
    return {
        case.id: GuardVerdict(True, f"已在第 {notices[case.id].number} 批公示", f"posted in {notices[case.id].number}")
        if case.id in notices
        else _NOT_POSTED
        for case in cases
    }


def notice_over(session: Session, cases: Sequence[Case]) -> Mapping[uuid.UUID, GuardVerdict]:
    """The notice period is over and no objection stands (公示期满无异议, domain 7.4)."""
    notices = notices_of(session, [case.id for case in cases])
    objections = standing_objections(session, notices)
    return {case.id: _notice(notices.get(case.id), objections.get(case.id, ())) for case in cases}


def _notice(notice: NoticeOf | None, objections: Sequence[Objection]) -> GuardVerdict:
    if notice is None:
        return _NOT_POSTED
    for objection in objections:
        if objection.answered_on is None:
            return GuardVerdict(False, f"异议 {objection.number} 尚未答复", f"objection {objection.number} is unanswered")
        return GuardVerdict(False, f"异议 {objection.number} 成立", f"objection {objection.number} was upheld")
    if current_scope().business_date <= notice.ends_on:
        return GuardVerdict(
            False, f"公示期至 {notice.ends_on.isoformat()}，尚未届满", f"the notice stands until {notice.ends_on.isoformat()}"
        )
    return GuardVerdict(True, f"公示已于 {notice.ends_on.isoformat()} 期满，无异议", "the notice is over without objection")
