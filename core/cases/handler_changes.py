"""Changing who handles a confidential case (承办人变更), and opening one that nobody sees any more (紧急变更), each by two
people (domain 4.2.4).

A handler asks, and another handler agrees, or the vice chair in charge where no other can. In an emergency the vice chair in
charge asks by the case's number alone, and the leader agrees; neither sees the case, and neither may be named. What is agreed
rewrites ``handlers`` on every row of the case in one transaction. Doors in front of these functions ask for a fresh proof.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import Demand, Kind, require
from core.cases.handler_rewrite import Team, carry_out, lapse
from core.cases.handlers import Office
from core.cases.models import HandlerChange, SealedCase
from core.cases.repository import cases_named
from core.cases.workflows import declared_workflows, workflow_of
from core.centre.numbering import line_of_case
from core.db.base import new_id
from core.db.statements import tenant_sql
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.host.declarations import WorkflowDecl
from core.parameters.service import resolve
from core.scope import current_scope
from core.text.lines import line_ends
from core.trail.service import record

BREAK_GLASS, AGREE, AGREE_BREAK_GLASS = "handlers.break_glass", "handlers.agree", "handlers.agree_break_glass"
_RIGHTS = {"handler": "case.read", "vice_chair": AGREE, "leader": AGREE_BREAK_GLASS}
CHANGE = Kind(
    "handler_change",
    "承办人变更",
    {"asked": "待同意", "agreed": "已变更", "refused": "未同意", "withdrawn": "已撤回", "lapsed": "已失效"},
)
TAKE_BACK = Demand(of=CHANGE, states=frozenset({"asked"}))
"""By whoever asked; of what another asked, nobody learns that it is there."""
LASTS = "handler_change_days"
GROUNDS = ("nobody_left", "order")
REASON_LENGTH, ORDER_LENGTH, MOST_NAMED = 500, 100, 20


class SamePerson(Forbidden):
    """Whoever asked, is named, or stands in for one of them, does not agree."""

    code = "two_people_needed"


def deciding(decides: str) -> Demand:
    """What the second person's word asks for, by who decides: a ``handler``, the ``vice_chair`` or the ``leader``."""
    return Demand(_RIGHTS[decides], hidden=True, of=CHANGE, states=frozenset({"asked"}))


@dataclass(frozen=True, slots=True)
class Emergency:
    """What the vice chair in charge asks for: the ground (``nobody_left`` or ``order``), the number of the written order, and
    whether the former handlers leave, which with ``nobody_left`` they always do."""

    ground: str
    order_number: str = ""
    clears: bool = True


def ask_change(
    session: Session, case_id: uuid.UUID, *, add: Sequence[str] = (), remove: Sequence[str] = (), reason: str
) -> HandlerChange:
    """A handler asks that colleagues be added, or that handlers leave; ``add`` and ``remove`` are actor keys.

    Raises ``NotFound`` for a case that the actor does not handle, ``Conflict`` for one that is not confidential or while
    another such change waits, ``InvalidInput`` for people who cannot be named, without a reason, and where nobody who is left
    could work on the case.
    """
    scope = current_scope()
    scope.require("case.read")
    one_by_one(session)
    [case] = cases_named(session, [case_id], lock=True)
    if case.handlers is None:
        raise Conflict("该个案不是保密件，没有指定的承办人", "the case is not confidential", where=case.number)
    added, removed = _named(add, remove)
    if strangers := [actor for actor in removed if actor not in case.handlers]:
        raise InvalidInput("要移出的人员不是本件承办人", f"{len(strangers)} of them are no handlers", where="remove")
    if set(added) & set(case.handlers):
        raise InvalidInput("所选人员已是本件承办人", "somebody to be added handles it already", where="handlers")
    team = Team(session, workflow_of(session, case), case.handlers)
    team.office.chosen(team.flow, added)
    if not team.after(added, removed) & team.able:
        raise InvalidInput(
            "变更后本件将没有能够办理的承办人",
            "nobody who is left could work on the case",
            where="handlers",
            mend_zh="请同时指定一名能够办理的承办人",
            mend_en="name somebody who can work on it",
        )
    others = (team.able & set(case.handlers)) - scope.persons - {*added, *removed}
    change = _asked(session, case_id, reason, added, removed, decides="handler" if others else "vice_chair")
    change.handlers = list(case.handlers) if others else None
    return _stored(session, change, {})


def ask_emergency(session: Session, number: str, *, add: Sequence[str], what: Emergency, reason: str) -> HandlerChange:
    """The vice chair in charge asks that people be named on a confidential case that he does not see.

    ``number`` is what the receipt or the paper file says. Needs ``handlers.break_glass``. Raises ``InvalidInput`` for a number
    that is no confidential case's, alike whether there is an open case of that number or none, for people who cannot be named
    and for what is missing; ``SamePerson`` where the actor names himself, ``Conflict`` while another such change waits.
    """
    scope = current_scope()
    scope.require(BREAK_GLASS)
    one_by_one(session)
    added, _ = _named(add, ())
    if scope.persons & set(added):
        raise SamePerson(
            "不能指定本人或所代理的人员为承办人",
            "nobody opens a case to himself, or to whom he stands in for",
            where="handlers",
            mend_zh="请指定其他人员",
            mend_en="name somebody else",
        )
    order = what.order_number.strip()
    if what.ground not in GROUNDS:
        raise InvalidInput("请选择紧急变更的情形", "the ground is missing", where="ground")
    if (what.ground == "order") != bool(order) or len(order) > ORDER_LENGTH:
        raise InvalidInput(
            f"依书面要求办理的，须填写文号（不超过 {ORDER_LENGTH} 字）；其他情形不填",
            "a written order has a number, another ground has none",
            where="order_number",
        )
    case_id = _sealed(session, number)
    Office(session).chosen(_flow_of(number), added)
    change = _asked(session, case_id, reason, added, (), decides="leader")
    change.ground, change.order_number = what.ground, order or None
    change.clears = what.clears or what.ground == "nobody_left"
    return _stored(session, change, {"number": number.strip(), "ground": what.ground})


def decide_change(session: Session, change_id: uuid.UUID, *, agreed: bool, why: str = "") -> HandlerChange:
    """The second person's word. Agreed, the case is its new handlers' from the commit on; ``why`` is needed to refuse.

    Repeated by the same person it changes nothing. Raises ``NotFound`` for what is not his to decide, ``SamePerson``,
    ``Conflict`` where it is decided, has run out, or does not fit the case any more (somebody left, or, where nobody was said
    to be left, a handler still can act).
    """
    scope = current_scope()
    one_by_one(session)
    change = _locked(session, change_id)
    if _may_decide(change):
        require(deciding(change.decides))
    elif change.asked_by not in scope.persons:
        raise _unknown()
    outcome = "agreed" if agreed else "refused"
    if (change.state, change.decided_by) == (outcome, scope.actor):
        return change
    _refuse_undecidable(change)
    why = line_ends(why).strip()
    if (not agreed and not why) or len(why) > REASON_LENGTH:
        raise InvalidInput(f"请填写理由，不超过 {REASON_LENGTH} 字", "a refusal needs a reason", where="why")
    change.state, change.decided_by, change.decided_on = outcome, scope.actor, scope.business_date
    change.decided_why = why or None
    session.flush()
    number = _number_of(session, change)
    told = {"number": number, "ground": change.ground} if change.is_emergency else {}
    record(session, f"handlers.{outcome}", "handler_change", change.id, {"emergency": change.is_emergency} | told)
    if agreed:
        carry_out(session, change, number)
    return change


def withdraw_change(session: Session, change_id: uuid.UUID) -> HandlerChange:
    """Take back what one asked. Raises ``NotFound`` for what another asked, ``Conflict`` where it is decided."""
    change = _locked(session, change_id)
    if change.asked_by != current_scope().actor:
        raise _unknown()
    if not TAKE_BACK.fits(change.state):
        raise _settled()
    change.state = "withdrawn"
    session.flush()
    record(session, "handlers.withdrawn", "handler_change", change.id, {"emergency": change.is_emergency})
    return change


def one_by_one(session: Session) -> None:
    """Let the tenant's changes of handlers wait for each other until the commit."""
    session.execute(tenant_sql("select pg_advisory_xact_lock(hashtext('handler_change' || :tenant))"))


def _named(add: Sequence[str], remove: Sequence[str]) -> tuple[list[str], list[str]]:
    added, removed = list(dict.fromkeys(add)), list(dict.fromkeys(remove))
    if not added and not removed:
        raise InvalidInput("请选择要指定或移出的承办人", "nobody is named", where="handlers")
    if len(added) + len(removed) > MOST_NAMED or set(added) & set(removed):
        raise InvalidInput(
            f"一次最多变更 {MOST_NAMED} 人，同一人不能既指定又移出",
            f"at most {MOST_NAMED} people, each once",
            where="handlers",
        )
    return added, removed


def _sealed(session: Session, number: str) -> uuid.UUID:
    found = session.scalar(select(SealedCase.id).where(SealedCase.number == number.strip()))
    if found is None:
        raise InvalidInput(
            "本单位没有这一编号的保密件",
            "no confidential case has that number",
            where="number",
            mend_zh="请按受理回执或纸质卷宗核对编号；不保密的个案由经办人员照常办理",
            mend_en="check it against the receipt or the paper file; cases that are not confidential need no such change",
        )
    return found


def _flow_of(number: str) -> WorkflowDecl:
    """The workflow that the number's letters stand for, in its newest version."""
    prefix = line_of_case(number)
    flows = [flow for flow in declared_workflows().values() if flow.number_prefix == prefix]
    if not flows:
        raise Conflict(
            "办理该件的业务未安装",
            "no installed workflow has that number's prefix",
            where="number",
            mend_zh="请联系系统管理员安装该业务",
            mend_en="have the service line installed again",
        )
    return max(flows, key=lambda flow: flow.version)


def _asked(
    session: Session, case_id: uuid.UUID, reason: str, added: Sequence[str], removed: Sequence[str], *, decides: str
) -> HandlerChange:
    scope = current_scope()
    reason = line_ends(reason).strip()
    if not reason or len(reason) > REASON_LENGTH:
        raise InvalidInput(
            f"请填写变更原因，不超过 {REASON_LENGTH} 字",
            f"a reason of at most {REASON_LENGTH} characters is needed",
            where="reason",
            mend_zh="写明依据即可，不写信访内容",
            mend_en="state the ground, not what the matter is about",
        )
    lapse(session, case_id, HandlerChange.expires_on < scope.business_date)
    same = HandlerChange.decides == "leader" if decides == "leader" else HandlerChange.decides != "leader"
    waits = select(HandlerChange.id).where(HandlerChange.case_id == case_id, HandlerChange.state == "asked", same)
    if session.scalar(waits) is not None:
        raise Conflict(
            "该件已有待同意的变更",
            "another change of its handlers waits",
            where="number",
            mend_zh="请等待办理，或由提出人撤回",
            mend_en="wait for it, or have it withdrawn by who asked",
        )
    days = int(resolve(session, scope.business_date).value(LASTS))
    return HandlerChange(
        id=new_id(),
        case_id=case_id,
        added=list(added),
        removed=list(removed),
        clears=False,
        reason=reason,
        decides=decides,
        asked_by=scope.actor,
        asked_persons=sorted(scope.persons),
        asked_on=scope.business_date,
        expires_on=scope.business_date + timedelta(days=days),
        state="asked",
    )


def _stored(session: Session, change: HandlerChange, told: dict[str, str]) -> HandlerChange:
    session.add(change)
    session.flush()
    record(session, "handlers.asked", "handler_change", change.id, {"emergency": change.is_emergency} | told)
    return change


def _locked(session: Session, change_id: uuid.UUID) -> HandlerChange:
    wanted = select(HandlerChange).where(HandlerChange.id == change_id).with_for_update()
    change = session.scalar(wanted.execution_options(populate_existing=True))
    if change is None:
        raise _unknown()
    return change


def _may_decide(change: HandlerChange) -> bool:
    scope = current_scope()
    named = change.decides != "handler" or scope.actor in (change.handlers or ())
    return named and scope.may(_RIGHTS[change.decides])


def _refuse_undecidable(change: HandlerChange) -> None:
    scope = current_scope()
    if not deciding(change.decides).fits(change.state):
        raise _settled()
    if change.expires_on < scope.business_date:
        raise Conflict(
            f"该申请已于 {change.expires_on} 过期",
            f"it ran out on {change.expires_on}",
            where="state",
            mend_zh="仍需变更的，请重新提出",
            mend_en="have it asked anew",
        )
    if scope.persons & {*change.asked_persons, *change.added, *change.removed}:
        raise SamePerson(
            "提出人、所涉承办人及其代理关系中的人员不能决定该变更",
            "who asked, who is named, and who stands in for one of them, does not decide it",
            where="state",
            mend_zh="请由其他有权人员办理",
            mend_en="let somebody else decide it",
        )


def _number_of(session: Session, change: HandlerChange) -> str:
    return session.scalars(select(SealedCase.number).where(SealedCase.id == change.case_id)).one()


def _unknown() -> NotFound:
    return NotFound("没有该项承办人变更", "no such change of handlers", where="change")


def _settled() -> Conflict:
    return Conflict("该变更已有处理结果", "the change is settled", where="state", mend_zh="请刷新查看", mend_en="load it again")
