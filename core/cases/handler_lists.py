"""What waits, what was asked, and what people are told about changes of handlers (承办人变更): each person's own."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, and_, extract, not_, or_, select
from sqlalchemy.orm import Session

from core.cases.forms import can_be_confidential
from core.cases.handler_changes import AGREE, AGREE_BREAK_GLASS
from core.cases.handlers import Candidate, Office
from core.cases.models import Case, HandlerChange, HandlerNews, SealedCase
from core.cases.repository import cases_named
from core.cases.workflows import declared_workflows, workflow_of
from core.errors import NotFound
from core.host.declarations import FindingDraft
from core.scope import current_scope

_MOST = 50


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A change of handlers with the number of its case; ``state`` says ``lapsed`` also of one that has just run out."""

    change: HandlerChange
    number: str
    state: str


@dataclass(frozen=True, slots=True)
class HandledCase:
    """A confidential case as its own handler may change who handles it."""

    case: Case
    candidates: Sequence[Candidate]
    """Who could be added."""


def _lines(session: Session, wanted: Select[HandlerChange, str]) -> list[ChangeLine]:
    today = current_scope().business_date
    return [
        ChangeLine(change, number, "lapsed" if change.state == "asked" and change.expires_on < today else change.state)
        for change, number in session.execute(wanted)
    ]


def _with_numbers() -> Select[HandlerChange, str]:
    joined = (SealedCase.tenant == HandlerChange.tenant) & (SealedCase.id == HandlerChange.case_id)
    return select(HandlerChange, SealedCase.number).join(SealedCase, joined).limit(_MOST)


def changes_to_decide(session: Session) -> list[ChangeLine]:
    """What waits for the actor's word, the oldest first: never what he asked, stands in for, or is named in."""
    scope = current_scope()
    persons = sorted(scope.persons)
    posts = [post for post, right in (("vice_chair", AGREE), ("leader", AGREE_BREAK_GLASS)) if scope.may(right)]
    mine = or_(
        HandlerChange.decides.in_(posts),
        and_(HandlerChange.decides == "handler", HandlerChange.handlers.contains([scope.actor])),
    )
    wanted = _with_numbers().where(HandlerChange.state == "asked", HandlerChange.expires_on >= scope.business_date, mine)
    for named in (HandlerChange.asked_persons, HandlerChange.added, HandlerChange.removed):
        wanted = wanted.where(not_(named.overlap(persons)))
    return _lines(session, wanted.order_by(HandlerChange.id))


def changes_of_mine(session: Session, only: uuid.UUID | None = None) -> list[ChangeLine]:
    """The last changes that the actor asked or decided, the newest first; ``only`` one of them."""
    actor = current_scope().actor
    wanted = _with_numbers().where(or_(HandlerChange.asked_by == actor, HandlerChange.decided_by == actor))
    if only is not None:
        wanted = wanted.where(HandlerChange.id == only)
    return _lines(session, wanted.order_by(HandlerChange.id.desc()))


def handler_news(session: Session) -> list[HandlerNews]:
    """What the actor is told and has not yet put away, the oldest first."""
    mine = HandlerNews.handlers.contains([current_scope().actor])
    wanted = select(HandlerNews).where(mine, HandlerNews.seen_on.is_(None))
    return list(session.scalars(wanted.order_by(HandlerNews.id).limit(_MOST)))


def put_away(session: Session, news_id: uuid.UUID) -> None:
    """The actor has read it. Raises ``NotFound`` for what another is told."""
    wanted = select(HandlerNews).where(HandlerNews.id == news_id, HandlerNews.handlers.contains([current_scope().actor]))
    found = session.scalar(wanted)
    if found is None:
        raise NotFound("没有这条提示", "nothing of that kind was told", where="news")
    found.seen_on = found.seen_on or current_scope().business_date


def handled_case(session: Session, case_id: uuid.UUID) -> HandledCase:
    """A confidential case of the actor's, with whom he could add. Raises ``NotFound`` for any other."""
    current_scope().require("case.read")
    [case] = cases_named(session, [case_id])
    if case.handlers is None:
        raise NotFound("没有此保密件", "no such confidential case", where="case")
    found = Office(session).candidates(workflow_of(session, case))
    return HandledCase(case, [one for one in found if one.actor not in case.handlers])


def emergency_candidates(session: Session) -> list[Candidate]:
    """Whom an emergency may name: the people of all lines that have confidential cases, but the actor. Lines that were switched
    off are among them, since their clocks run on."""
    scope, office = current_scope(), Office(session)
    flows = [flow for flow in declared_workflows().values() if can_be_confidential(flow.form)]
    found = {one.actor: one for flow in flows for one in office.candidates(flow) if one.actor not in scope.persons}
    return sorted(found.values(), key=lambda one: (one.name, one.actor))


def emergencies_found(session: Session, year: int) -> list[FindingDraft]:
    """Each emergency of the year stands before the auditor: number, who, when, on which ground; nothing of the matter."""
    wanted = (
        _with_numbers()
        .limit(None)
        .where(
            HandlerChange.decides == "leader",
            HandlerChange.state == "agreed",
            extract("year", HandlerChange.decided_on) == year,
        )
    )
    return [_finding(line) for line in _lines(session, wanted.order_by(HandlerChange.id))]


def _finding(line: ChangeLine) -> FindingDraft:
    change, by_order = line.change, line.change.ground == "order"
    why = f"依书面要求（{change.order_number}）" if by_order else "承办人均不能办理"
    return FindingDraft(
        f"change:{change.id}",
        f"{line.number} 号保密件于 {_day(change.decided_on)} 紧急变更承办人：{why}",
        "handler_change",
        change.id,
        {"number": line.number, "asked_by": change.asked_by, "decided_by": change.decided_by, "ground": change.ground},
        # with an order in hand the case is taken from people who could still act
        "major" if by_order else None,
    )


def _day(day: date | None) -> str:
    return day.isoformat() if day is not None else ""
