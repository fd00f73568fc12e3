"""Steps in the life of a file, each on record with who, when and why (档案办理, domain 10)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.authorisation import require
from core.codes.loader import code_list
from core.db.bulk import insert_rows
from core.db.statements import among, tenant_sql
from core.errors import Conflict, InvalidInput, NotFound
from core.people.duplicates.merging import hold_merges
from core.people.life.consents import missing_consents
from core.people.life.models import FileProposal, FileStep
from core.people.life.steps import FILE, STATE, STEP, FileStepDecl, demand_of, steps_from
from core.people.models import Person, WorkerFile
from core.people.repository import members_on, refuse_members_elsewhere
from core.scope import current_scope
from core.text.lines import line_ends
from core.trail.service import record

NOTE_LENGTH: Final = 1_000
EVIDENCE_LENGTH: Final = 200
_SETTLES: Final = {
    "confirm_unchanged": ("stale",),
    "end_difficulty": ("above_line", "stale"),
}
"""Proposals that a step answers; one that closes the file answers all."""
_REVIVING: Final = ("reopen", "take_back_death")
"""Steps after which a file that had ended lives again: its members may be on file elsewhere by now. One that came back from a
transfer to be checked anew is looked at when it is put on file."""
_UNSETTLED: Final = """
select household_id from household_transfer
where tenant = :tenant and direction = 'in' and household_id = any (:households) and twice <> '[]'::jsonb
    and settled_as is null
"""


class SameHand(Conflict):
    """Whoever made an earlier step must not make this one (domain 7.4)."""

    def __init__(self, step: FileStepDecl, former: Sequence[str], file_number: str) -> None:
        titles = "、".join(STEP[code].zh for code in former)
        super().__init__(
            f"“{step.zh}”须由未办理过“{titles}”的人员办理",
            f"whoever made {', '.join(former)} must not make {step.code}",
            where=file_number,
            files=[file_number],
            mend_zh="请由另一名有权人员办理",
            mend_en="let another person who may do it",
        )


@dataclass(frozen=True, slots=True)
class StepNeeds:
    """A step that can be made from the file's state, and what it still needs, in words; ``mine`` whether the actor may."""

    step: FileStepDecl
    mine: bool
    lacks: tuple[str, ...]


def take_step(
    session: Session,
    household_id: uuid.UUID,
    code: str,
    *,
    note: str = "",
    reason: str | None = None,
    evidence: str | None = None,
    done_on: date | None = None,
) -> WorkerFile:
    """Make one declared step with a household's file; by hand, or by the act that alone brings it about.

    ``done_on`` is the day on which it was done (today by default). Raises ``Forbidden``, ``NotFound`` without a file or step,
    ``Conflict`` from another state or before what the step needs, ``SameHand``, and ``InvalidInput`` for a missing or overlong
    reason, a day to come or before the step before.
    """
    step = STEP.get(code)
    if step is None:
        raise NotFound("没有这一环节", "no such step of a file", where=code)
    scope = current_scope()
    if not scope.is_system:
        require(demand_of(step))
    if step.code in _REVIVING:
        hold_merges(session)
    [file] = _locked(session, [household_id])
    said, paper = line_ends(note).strip(), line_ends(evidence or "").strip()
    _check_words(step, said, reason, paper)
    _check_state(session, step, file)
    former = steps_of(session, household_id)
    if step.code in _REVIVING or (step.code == "put_on_file" and any(one.step == "come_back_open" for one in former)):
        _refuse_erased(session, file)
        refuse_members_elsewhere(session, household_id, f"不能{step.zh}")
    day = _day(step, done_on, former)
    unlike = _barred(step, former)
    if clash := [code for code, actor in unlike.items() if actor in scope.persons]:
        raise SameHand(step, clash, file.file_number)
    lacks = _lacking(session, step, file)
    if lacks:
        raise Conflict(
            f"暂不能{step.zh}：{'；'.join(lacks)}",
            f"{step.code} still needs something",
            where=file.file_number,
            files=[file.file_number],
            mend_zh="请先补齐后再办理",
            mend_en="complete it first",
        )
    by = list(unlike.values())
    apply(session, step, [file], note=said, reason=reason, evidence=paper or None, done_on=day, unlike=by)
    return file


def apply(
    session: Session,
    step: FileStepDecl,
    files: Sequence[WorkerFile],
    *,
    note: str = "",
    reason: str | None = None,
    evidence: str | None = None,
    done_on: date | None = None,
    unlike: Sequence[str] = (),
    told: bool = False,
) -> None:
    """Put a step on record for files that are locked and were found fit, and lead them to its state: a fixed number of
    statements, however many files. What a file was proposed for is settled by it. ``told``: the act that brings it about
    stands in the trail itself."""
    if not files:
        return
    scope, day = current_scope(), done_on or current_scope().business_date
    rows = [
        {
            "household_id": file.household_id,
            "step": step.code,
            "from_state": file.status if step.sources else None,
            "to_state": step.target,
            "reason": reason,
            "note": note,
            "evidence": evidence,
            "actor": scope.actor,
            "unlike": list(unlike),
            "done_on": day,
        }
        for file in files
    ]
    insert_rows(session, FileStep, rows)
    values: dict[str, Any] = {"status": step.target, "version": WorkerFile.version + 1, "updated_on": scope.business_date}
    if step.code == "put_on_file":
        values["opened_on"] = day
    session.execute(update(WorkerFile).where(among(WorkerFile.id, [file.id for file in files])).values(**values))
    settled = ("above_line", "stale", "head_died") if STATE[step.target].closed else _SETTLES.get(step.code, ())
    settle(session, [file.household_id for file in files], settled, "done")
    for file in () if told else files:
        fields = {"step": step.code, "reason": reason, "done_on": day, "file": file.file_number}
        record(session, "file.step", "household", file.household_id, fields)


def settle(session: Session, households: Iterable[uuid.UUID], kinds: Sequence[str], how: str, note: str | None = None) -> int:
    """Settle open proposals of these households; how many there were."""
    if not kinds:
        return 0
    scope = current_scope()
    ended: Any = session.execute(
        update(FileProposal)
        .where(
            among(FileProposal.household_id, households),
            FileProposal.kind.in_(kinds),
            FileProposal.settled_on.is_(None),
        )
        .values(settled_on=scope.business_date, settled_as=how, settled_by=scope.actor, note=note)
    )
    return int(ended.rowcount)


def decline(session: Session, household_id: uuid.UUID, kind: str, note: str) -> None:
    """Say no to what the platform proposed of a file, with the reason (不予采纳). Raises ``Forbidden``, ``NotFound`` where
    nothing of the kind is open, ``InvalidInput`` without a reason."""
    scope = current_scope()
    if not scope.is_system:
        scope.require("people.write")
    said = _word(note, "请说明不予采纳的理由", "note")
    if not settle(session, [household_id], (kind,), "declined", said):
        raise NotFound("没有这项待核事项", "no such proposal is open", where=kind)
    record(session, "file.proposal_declined", "household", household_id, {"kind": kind})


def open_proposals(session: Session, household_id: uuid.UUID) -> Sequence[FileProposal]:
    """What the platform proposed of a file and nobody has answered."""
    asked = select(FileProposal).where(FileProposal.household_id == household_id, FileProposal.settled_on.is_(None))
    return session.scalars(asked.order_by(FileProposal.kind)).all()


def steps_of(session: Session, household_id: uuid.UUID) -> Sequence[FileStep]:
    """The steps of a household's file, the first one first."""
    return session.scalars(select(FileStep).where(FileStep.household_id == household_id).order_by(FileStep.id)).all()


def next_steps(session: Session, file: WorkerFile, former: Sequence[FileStep], *, twice: bool | None = None) -> list[StepNeeds]:
    """What can be done next with a file, and what each step still needs. Writes nothing.

    ``twice``: whether the household may be here twice, where the caller knows.
    """
    scope, found = current_scope(), []
    if twice is None:
        twice = _may_be_here_twice(session, file.household_id)
    for step in steps_from(file.status):
        mine = scope.may(step.permission)
        clash = [code for code, actor in _barred(step, former).items() if actor in scope.persons] if mine else []
        lacks = (*_lacking(session, step, file), *(("疑似重复建档，须先核对",) if twice else ()))
        if clash:
            lacks = (*lacks, f"须由未办理过“{'、'.join(STEP[code].zh for code in clash)}”的人员办理")
        found.append(StepNeeds(step, mine and not clash, lacks))
    return found


def files_in(session: Session, households: Sequence[uuid.UUID], step: FileStepDecl) -> list[WorkerFile]:
    """Files of these households, locked, all in a state from which ``step`` leads on; raises ``NotFound``, ``Conflict``."""
    files = _locked(session, households)
    for file in files:
        _check_state(session, step, file)
    return files


def _locked(session: Session, households: Sequence[uuid.UUID]) -> list[WorkerFile]:
    wanted = select(WorkerFile).where(among(WorkerFile.household_id, households)).order_by(WorkerFile.id)
    found = list(session.scalars(wanted.with_for_update().execution_options(populate_existing=True)))
    if len(found) != len(set(households)):
        raise NotFound("该户没有档案", "the household has no file", where="household_id")
    return found


def _refuse_erased(session: Session, file: WorkerFile) -> None:
    if session.scalar(select(Person.erased_at).where(Person.id == file.worker_id)) is not None:
        raise Conflict(
            "该户信息已按规定删除，不能恢复办理",
            "the household's data were erased",
            where=file.file_number,
            files=[file.file_number],
            mend_zh="需要救助的，请重新建档",
            mend_en="open a new file where aid is needed",
        )


def _check_words(step: FileStepDecl, note: str, reason: str | None, evidence: str) -> None:
    if step.reasons is not None:
        if not reason:
            raise InvalidInput("请选择原因", "a reason is chosen from the list", where="reason")
        code_list(step.reasons).item(reason)
    elif reason is not None:
        raise InvalidInput("该环节不用选择原因", "this step takes no reason from a list", where="reason")
    if step.note:
        _word(note, f"请填写{step.zh}的情况", "note")
    if step.evidence is not None and not evidence:
        raise InvalidInput(f"请填写{step.evidence}", "say on which paper it rests", where="evidence")
    if len(note) > NOTE_LENGTH or len(evidence) > EVIDENCE_LENGTH:
        raise InvalidInput(
            f"情况说明不超过 {NOTE_LENGTH} 字，编号不超过 {EVIDENCE_LENGTH} 字",
            f"at most {NOTE_LENGTH} characters, and {EVIDENCE_LENGTH} for the paper",
            where="note",
        )


def _word(text: str, wanted_zh: str, where: str) -> str:
    said = line_ends(text).strip()
    if not said or len(said) > NOTE_LENGTH:
        raise InvalidInput(f"{wanted_zh}，不超过 {NOTE_LENGTH} 字", f"at most {NOTE_LENGTH} characters are needed", where=where)
    return said


def _check_state(session: Session, step: FileStepDecl, file: WorkerFile) -> None:
    if file.status not in step.sources:
        raise Conflict(
            f"档案现为“{FILE.states[file.status]}”，不能{step.zh}",
            f"{step.code} does not start from {file.status}",
            where=file.file_number,
            files=[file.file_number],
            mend_zh="请刷新页面，按档案现在的状态办理",
            mend_en="look at the file anew",
        )
    if step.hand and _may_be_here_twice(session, file.household_id):
        raise Conflict(
            "该户由其他单位转入，疑似重复建档，核对前不能办理",
            "the household came from another county and may be here twice: settle that first",
            where=file.file_number,
            files=[file.file_number],
            mend_zh="请先在“疑似重复”中核对",
            mend_en="settle it on the page of possible duplicates",
        )


def _may_be_here_twice(session: Session, household_id: uuid.UUID) -> bool:
    """Whether a household came from another county and nobody has looked yet whether it was here before."""
    return session.scalars(tenant_sql(_UNSETTLED), {"households": [household_id]}).first() is not None


def _day(step: FileStepDecl, done_on: date | None, former: Sequence[FileStep]) -> date:
    today = current_scope().business_date
    day = done_on or today
    if step.decides and day != today:
        raise InvalidInput(
            "审批以当天为准，办理日期不能改为其他日期", "a decision holds from the day on which it is made", where="done_on"
        )
    before = former[-1].done_on if former else date.min
    if day > today:
        raise InvalidInput("办理日期不能晚于今天", "the day is still to come", where="done_on")
    if day < before:
        raise InvalidInput(
            f"办理日期不能早于上一环节（{before.isoformat()}）",
            f"the day is before the step before, {before.isoformat()}",
            where="done_on",
        )
    return day


def _barred(step: FileStepDecl, former: Sequence[FileStep]) -> dict[str, str]:
    """Steps since the file was last taken up, or sent back, whose makers must not make this one, each with its maker."""
    if not step.unlike:
        return {}
    since = next((at for at in range(len(former) - 1, -1, -1) if former[at].to_state == "draft"), 0)
    # Sent back or not, whoever took the application in stays its clerk.
    begun = [made for made in former[:since] if made.step == "apply"]
    return {made.step: made.actor for made in (*begun, *former[since:]) if made.step in step.unlike}


def _lacking(session: Session, step: FileStepDecl, file: WorkerFile) -> tuple[str, ...]:
    lacks = [f"缺少{label}" for label in missing_consents(session, file.household_id, step.consents)] if step.consents else []
    if step.after_notice:
        from core.notices.files import notice_hinders

        lacks += notice_hinders(session, file.household_id)
        head = members_on(session, file.household_id, current_scope().business_date).get(file.worker_id)
        if head is None or head.relation != "head":
            lacks.append("户主不在该户成员中，须先登记户主")
    return tuple(lacks)
