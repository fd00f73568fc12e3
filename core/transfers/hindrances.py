"""What keeps a single household from moving yet (转移前须办结): aid that is being decided or paid here would be lost between
two counties, or given in both (domain 4.4, one aid a year).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from core.cases.models import Case, Party
from core.cases.workflows import declared_workflows
from core.errors import Conflict
from core.funds.models import Grant
from core.people.duplicates.merging import as_one
from core.people.models import WorkerFile
from core.transfers.departing import MOVING, travelling_workflows
from core.transfers.models import HouseholdTransfer, may_be_here_twice


def refuse_unfinished(session: Session, file: WorkerFile) -> None:
    """Refuse with ``Conflict`` while a case of the household has to be finished here, an approved aid is unpaid, an open matter
    concerns another household as well, or nobody has looked whether the file is here twice. The file is locked before."""
    home = file.household_id
    merged = sorted(as_one(session, [home])[home] - {home})
    if merged and session.scalar(select(Case.id).where(*_open(merged)).limit(1)) is not None:
        raise _not_yet(
            file, "并入该户的档案还有未办结的事项", "a matter of a file that was merged into this one is open", "请先办结该事项"
        )
    workflows = set(session.scalars(select(Case.workflow).where(*_open([home]))))
    titles = {flow.name: flow.zh for flow in declared_workflows().values()}
    if stay := sorted(workflows - set(travelling_workflows())):
        names = "、".join(titles.get(name, name) for name in stay)
        raise _not_yet(
            file, f"该户的{names}事项尚未办结", f"open here: {', '.join(stay)}", "请先办结或由申请人撤回，再办理转出"
        )
    reserved = select(Grant.id).where(Grant.household_id.in_([home, *merged]), Grant.state == "reserved").limit(1)
    if session.scalar(reserved) is not None:
        raise _not_yet(
            file, "该户已审批的救助尚未发放", "an approved grant is unpaid", "请先发放完毕，或撤销救助决定，再办理转出"
        )
    if session.scalar(_shared(home)) is not None:
        raise _not_yet(file, "该户的在办事项还涉及其他家庭", "an open matter concerns another household", "请先办结该事项")
    unsettled = select(HouseholdTransfer.id).where(HouseholdTransfer.household_id == home, *may_be_here_twice())
    if session.scalar(unsettled) is not None:
        raise _not_yet(file, "该户是疑似重复档案，尚未核对", "it may be on file twice", "请先核对疑似重复档案，再办理转出")


def lines_of(session: Session, household_id: uuid.UUID) -> list[str]:
    """The service lines of the open ordinary cases that go along with a household."""
    wanted = select(Case.plugin).where(*_open([household_id]), Case.workflow.in_(travelling_workflows()))
    return sorted(set(session.scalars(wanted)))


def _open(households: Sequence[uuid.UUID]) -> tuple[ColumnElement[bool], ...]:
    mine = select(Party.case_id).where(Party.household_id.in_(households))
    return (Case.id.in_(mine), Case.closed_on.is_(None), Case.handlers.is_(None))


def _shared(household_id: uuid.UUID) -> Select[uuid.UUID]:
    """Another household, alive here, of an open case of this one."""
    mine = select(Case.id).where(*_open([household_id]))
    return (
        select(Party.id)
        .join(WorkerFile, (WorkerFile.tenant == Party.tenant) & (WorkerFile.household_id == Party.household_id))
        .where(Party.case_id.in_(mine), Party.household_id != household_id, WorkerFile.status.in_(MOVING))
        .limit(1)
    )


def _not_yet(file: WorkerFile, zh: str, en: str, mend_zh: str) -> Conflict:
    return Conflict(
        f"{zh}，暂不能转出", en, where=file.file_number, files=[file.file_number], mend_zh=mend_zh, mend_en="finish it first"
    )
