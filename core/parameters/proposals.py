"""Changing a figure of policy by two people (政策参数调整): one proposes with value, day and source, another adopts or refuses.

What was proposed never changes. A roll-back is a proposal too, of a value that was in force before; a proposal without a value
has the level above hold again. Whoever proposed, or stands in for him, does not adopt: the database refuses it as well.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.db.base import new_id
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.host.declarations import ParameterDecl
from core.parameters import forecasts, repository
from core.parameters.models import ParameterProposal, TenantParameter
from core.parameters.service import NewParameter, check_value, declared_parameter, set_by_levels, write
from core.scope import current_scope
from core.trail.service import record

PROPOSAL = Kind(
    "parameter_proposal",
    "政策参数调整",
    {"open": "待核准", "adopted": "已核准", "refused": "不予核准", "withdrawn": "已撤回"},
)
READ = Demand("parameters.read")
PROPOSE = Demand("parameters.write")
WITHDRAW = Demand("parameters.write", of=PROPOSAL, states=frozenset({"open"}))
DECIDE = Demand("parameters.adopt", of=PROPOSAL, states=frozenset({"open"}))
MOST_TEXT = 1000


class TwoPeopleNeeded(Forbidden):
    """Whoever proposed it, or stands in for him, does not decide on it."""

    code = "two_people_needed"


def propose(session: Session, new: NewParameter, *, reason: str, restores: uuid.UUID | None = None) -> ParameterProposal:
    """Propose that the tenant in scope sets a figure for itself and those below it; ``new.value`` None has the level above hold
    again. ``restores`` names the former value of one's own that is to hold again.

    Raises ``NotFound`` (no such figure, no such former value), ``InvalidInput`` (value, source or reason), ``Conflict`` (a
    proposal for the figure waits already, or nothing would change).
    """
    scope = current_scope()
    if not scope.is_system:
        require(PROPOSE)
    declared = declared_parameter(new.name)
    _check_texts(new, reason)
    if restores is not None:
        _refuse_unknown(session, new.name, restores)
    if new.value is None:
        _check_reset(session, declared)
    else:
        check_value(declared, new.value)
        _refuse_looser(session, declared, new.value, new.valid_from)
    waiting = select(ParameterProposal).where(ParameterProposal.name == new.name, ParameterProposal.state == "open")
    if session.scalar(waiting) is not None:
        raise Conflict(
            f"“{declared.zh}”已有待核准的调整",
            f"a change of {new.name} waits already",
            where=new.name,
            mend_zh="请先核准或撤回该调整，再提出新的调整",
            mend_en="have it decided or withdraw it first",
        )
    _refuse_same(session, declared, new)
    row = ParameterProposal(
        id=new_id(),
        name=new.name,
        valid_from=new.valid_from,
        value=new.value,
        source=new.source.strip(),
        clause=new.clause.strip(),
        reason=reason.strip(),
        restores=restores,
        state="open",
        proposed_by=scope.actor,
        business_date=scope.business_date,
    )
    session.add(row)
    session.flush()
    told = {"name": row.name, "valid_from": row.valid_from, "value": row.value}
    record(session, "parameter.proposed", "parameter_proposal", row.id, told)
    return row


def _check_texts(new: NewParameter, reason: str) -> None:
    for text, where, zh in ((new.source, "source", "依据"), (reason, "reason", "调整原因")):
        if not text.strip():
            raise InvalidInput(
                f"请填写{zh}",
                f"{where} is needed",
                where=where,
                mend_zh="写明文件名称、文号或会议决定",
                mend_en="name the document or the decision",
            )
    for text, where in ((new.source, "source"), (new.clause, "clause"), (reason, "reason")):
        if len(text) > MOST_TEXT:
            raise InvalidInput(f"不能超过 {MOST_TEXT} 个字", f"at most {MOST_TEXT} characters", where=where)


def _refuse_unknown(session: Session, name: str, restores: uuid.UUID) -> None:
    asked = select(TenantParameter.id).where(TenantParameter.id == restores, TenantParameter.name == name)
    if session.scalar(asked) is None:
        raise NotFound("没有这一版取值", "there is no such former value", where="restores")


def _check_reset(session: Session, declared: ParameterDecl) -> None:
    scope = current_scope()
    own = [row for row in repository.all_words(session, scope, declared.name) if row.tenant == scope.tenant]
    if not own or own[-1].value is None:
        raise Conflict(f"本单位没有自行设定“{declared.zh}”", f"{declared.name} is not set here", where=declared.name)


def _refuse_looser(session: Session, declared: ParameterDecl, value: Any, on: date) -> None:
    """A figure that counts by its strictest word is not loosened below: it would say something that does not hold."""
    scope = current_scope()
    if declared.strictest is None:
        return
    above = {code: held for code, held in set_by_levels(session, declared.name, on).items() if code != scope.tenant}
    national = [row.value for row in repository.national_until(session, on) if row.name == declared.name][-1:]
    held = [*national, *above.values()]
    if declared.strictest == "longest" and held and value < max(held):
        raise InvalidInput(
            f"不得短于上级规定的 {max(held)}",
            f"not shorter than the {max(held)} set above",
            where="value",
            mend_zh="本级只能延长",
            mend_en="a lower level may only lengthen it",
        )
    # the province sets its own limit, which the nation's only stands in for
    limits = list(above.values()) or ([] if scope.tenant == scope.province else national)
    if declared.strictest == "least" and limits and value > min(limits):
        raise InvalidInput(
            f"不得高于上级规定的 {min(limits)}",
            f"not more than the {min(limits)} set above",
            where="value",
            mend_zh="本级只能调低",
            mend_en="a lower level may only lower it",
        )
    if declared.strictest == "common" and any(set(value) - set(codes) for codes in held):
        raise InvalidInput(
            "超出上级规定的范围",
            "beyond what the level above allows",
            where="value",
            mend_zh="本级只能在上级范围内收窄",
            mend_en="a lower level may only narrow it",
        )


def _refuse_same(session: Session, declared: ParameterDecl, new: NewParameter) -> None:
    scope = current_scope()
    words = [row for row in repository.all_words(session, scope, new.name) if row.tenant == scope.tenant]
    same = next((row for row in reversed(words) if row.valid_from <= new.valid_from), None)
    if same is not None and (same.value, same.source) == (new.value, new.source.strip()):
        raise Conflict(f"“{declared.zh}”已是该取值", f"{declared.name} stands so already", where="value")


def proposal_named(session: Session, proposal_id: uuid.UUID, *, lock: bool = False) -> ParameterProposal:
    """A proposal of the tenant in scope; raises ``NotFound``."""
    asked = select(ParameterProposal).where(ParameterProposal.id == proposal_id)
    row = session.scalar(asked.with_for_update() if lock else asked)
    if row is None:
        raise NotFound("没有这项调整", "no such proposal", where=str(proposal_id))
    return row


def proposals(
    session: Session, *, name: str | None = None, state: str | None = None, limit: int = 50
) -> Sequence[ParameterProposal]:
    """The tenant's newest proposals, newest first."""
    asked = select(ParameterProposal)
    if name is not None:
        asked = asked.where(ParameterProposal.name == name)
    if state is not None:
        asked = asked.where(ParameterProposal.state == state)
    return session.scalars(asked.order_by(ParameterProposal.id.desc()).limit(limit)).all()


def adopt(session: Session, proposal_id: uuid.UUID, *, note: str = "") -> TenantParameter:
    """Adopt a proposal as the second person: from its day the value holds here and below.

    Raises ``TwoPeopleNeeded`` for whoever proposed it, ``Conflict`` where it was decided already, or where the rules read the
    figure and nobody has counted yet what would follow (测算).
    """
    row = _to_decide(session, proposal_id)
    declared = declared_parameter(row.name)
    if row.value is not None:
        check_value(declared, row.value)
        _refuse_looser(session, declared, row.value, row.valid_from)
    if forecasts.readers(row.name) and forecasts.newest(session, row.id) is None:
        raise Conflict(
            "该参数影响困难认定或救助金额，核准前须先测算",
            "the rules read this figure: count what would follow first",
            where=row.name,
            mend_zh="请先点“测算影响”，看过受影响的户数和金额后再核准",
            mend_en="start the forecast, look at it, then adopt",
        )
    _decide(row, "adopted", note)
    made = write(session, NewParameter(row.name, row.valid_from, row.value, row.source, row.clause), row.id)
    session.flush()
    told = {"name": row.name, "valid_from": row.valid_from, "value": row.value, "proposal": row.id}
    record(session, "parameter.adopted", "parameter", made.id, told)
    return made


def refuse(session: Session, proposal_id: uuid.UUID, *, note: str) -> ParameterProposal:
    """Refuse a proposal as the second person, with the reason. Raises as ``adopt``, and ``InvalidInput`` without a reason."""
    row = _to_decide(session, proposal_id)
    _check_note(note)
    _decide(row, "refused", note)
    record(session, "parameter.refused", "parameter_proposal", row.id, {"name": row.name})
    return row


def withdraw(session: Session, proposal_id: uuid.UUID, *, note: str) -> ParameterProposal:
    """Take a proposal back before it is decided: whoever proposed it, or a colleague who may propose. Raises ``Conflict``."""
    if not current_scope().is_system:
        require(WITHDRAW)
    row = _open(session, proposal_id, WITHDRAW)
    _check_note(note)
    _decide(row, "withdrawn", note)
    record(session, "parameter.withdrawn", "parameter_proposal", row.id, {"name": row.name})
    return row


def _check_note(note: str) -> None:
    if not note.strip() or len(note) > MOST_TEXT:
        raise InvalidInput(f"请填写原因，不超过 {MOST_TEXT} 字", "a reason is needed", where="note")


def _open(session: Session, proposal_id: uuid.UUID, demand: Demand) -> ParameterProposal:
    row = proposal_named(session, proposal_id, lock=True)
    if not demand.fits(row.state):
        raise Conflict(
            f"该项调整{PROPOSAL.states[row.state]}，不能再办理",
            f"cannot make the step: the proposal is {row.state}",
            where=row.name,
        )
    return row


def _to_decide(session: Session, proposal_id: uuid.UUID) -> ParameterProposal:
    scope = current_scope()
    require(DECIDE)
    row = _open(session, proposal_id, DECIDE)
    if row.proposed_by in scope.persons:
        raise TwoPeopleNeeded(
            "拟订人不能核准或否决自己提出的调整",
            "whoever proposed it does not decide on it",
            where=row.name,
            mend_zh="请由另一位有核准职责的人员办理；不再需要的，可以撤回",
            mend_en="another person who may adopt must do it; what is no longer wanted can be withdrawn",
        )
    return row


def _decide(row: ParameterProposal, state: str, note: str) -> None:
    scope = current_scope()
    row.state, row.decided_by, row.decided_on = state, scope.actor, scope.business_date
    row.note = note.strip() or None
