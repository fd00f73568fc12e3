"""What persons ask for by right (个人信息权利请求): registered with who asked and how that was checked, answered by a day."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.authorisation import Demand, require
from core.cases.deadlines import working_calendar
from core.db.statements import among
from core.errors import Conflict, InvalidInput, NotFound
from core.parameters.service import resolve
from core.people.models import Membership, Person
from core.people.repository import require_household
from core.rights.models import KINDS, RightsRequest
from core.rights.names import ANSWER_DAYS, HANDLE
from core.scope import current_scope
from core.tenancy.service import next_numbers
from core.trail.service import record

HANDLING = Demand(HANDLE)
TEXT_LENGTH: Final = 500


@dataclass(frozen=True, slots=True)
class NewRequest:
    """What is asked for: whose right, which, who asks and what was seen of him."""

    kind: str
    household_id: uuid.UUID
    person_id: uuid.UUID
    evidence: str
    agent_name: str = ""
    """Of somebody who asks for another (代理人、监护人); empty where the person asks himself."""
    reason: str = ""
    asked_on: date | None = None
    """The day on which it was asked; today where none is named."""


def register(session: Session, new: NewRequest) -> RightsRequest:
    """Register a request. Raises ``Forbidden`` without rights.handle, ``NotFound`` for a person who never belonged to the
    household, ``InvalidInput``, ``Conflict`` where the same is asked for already or the data are erased."""
    require(HANDLING)
    scope = current_scope()
    if new.kind not in KINDS:
        raise InvalidInput("请选择请求事项", "no such kind of request", where="kind")
    evidence = text_of(new.evidence, "evidence", "核验方式")
    asked_on = new.asked_on or scope.business_date
    if asked_on > scope.business_date:
        raise InvalidInput("提出日期不能晚于今天", "asked on a day to come", where="asked_on")
    person = person_of_household(session, new.household_id, new.person_id)
    if person.erased_at is not None:
        raise Conflict("此人信息已按规定删除", "the person's data were erased", where="person_id")
    open_one = select(RightsRequest.number).where(
        RightsRequest.person_id == person.id, RightsRequest.kind == new.kind, RightsRequest.state == "open"
    )
    if (number := session.scalar(open_one.limit(1))) is not None:
        raise Conflict("此人的同类请求正在办理", "the same is asked for already", where=number, mend_zh="请先答复该请求")
    due = working_calendar(session).add_working_days(asked_on, int(resolve(session, scope.business_date).value(ANSWER_DAYS)))
    year = scope.business_date.year
    (running,) = next_numbers(session, "rights_request", year)
    agent = new.agent_name.strip()[:100]
    made = RightsRequest(
        number=f"QL-{year}-{running:04d}",
        kind=new.kind,
        household_id=new.household_id,
        person_id=person.id,
        asker="agent" if agent else "self",
        agent_name=agent or None,
        evidence=evidence,
        reason=new.reason.strip()[:TEXT_LENGTH],
        asked_on=asked_on,
        due_on=due.on,
        provisional=due.provisional,
        registered_by=scope.actor,
    )
    session.add(made)
    session.flush()
    record(session, "rights.asked", "rights_request", made.id, {"kind": made.kind, "household": made.household_id})
    return made


def answer(session: Session, request_id: uuid.UUID, *, outcome: str, why: str) -> RightsRequest:
    """Answer a request, ``outcome`` being answered, refused or withdrawn, with the reason that the person is told. Raises
    ``NotFound``, ``InvalidInput``, ``Conflict`` where it was answered before or, for an erasure and a copy, before the act."""
    require(HANDLING)
    if outcome not in ("answered", "refused", "withdrawn"):
        raise InvalidInput("请选择办理结果", "no such outcome", where="outcome")
    found = request_named(session, request_id, lock=True)
    told = text_of(why, "answer", "答复内容")
    if found.state != "open":
        raise Conflict("该请求已答复", "it was answered before", where=found.number)
    if outcome == "answered" and (found.kind == "erasure" or (found.kind == "export" and found.taken_at is None)):
        raise Conflict(
            "尚未办理，不能答复为已办理",
            "nothing was done yet",
            where=found.number,
            mend_zh="删除由两人办理后自动答复；个人信息副本须先取出",
            mend_en="an erasure answers it by itself; the copy has to be taken out first",
        )
    close(found, outcome, told)
    session.flush()
    record(session, f"rights.{outcome}", "rights_request", found.id, {"kind": found.kind})
    return found


def close(found: RightsRequest, outcome: str, told: str) -> None:
    """Note how a request ended, by whom and on which day."""
    scope = current_scope()
    found.state, found.answer = outcome, told
    found.answered_by, found.answered_on = scope.actor, scope.business_date


def request_named(session: Session, request_id: uuid.UUID, *, lock: bool = False) -> RightsRequest:
    """One request of the tenant in scope; raises ``NotFound``."""
    asked = select(RightsRequest).where(RightsRequest.id == request_id)
    found = session.scalar(asked.with_for_update() if lock else asked)
    if found is None:
        raise NotFound("没有这项请求", "no such request", where="request_id")
    return found


def requests_open(
    session: Session, after: uuid.UUID | None = None, limit: int = 50, *, ended: bool = False
) -> list[RightsRequest]:
    """Requests that wait for an answer, or that ``ended``, by keyset of their ids: what was asked first comes first, of those
    that ended the last."""
    require(HANDLING)
    asked = select(RightsRequest).where((RightsRequest.state == "open").is_(not ended)).limit(limit)
    if after is not None:
        asked = asked.where(RightsRequest.id < after if ended else RightsRequest.id > after)
    return list(session.scalars(asked.order_by(RightsRequest.id.desc() if ended else RightsRequest.id)))


def open_count(session: Session) -> int:
    """How many requests wait for an answer."""
    return session.scalar(select(func.count()).select_from(RightsRequest).where(RightsRequest.state == "open")) or 0


def requests_of(session: Session, household_id: uuid.UUID) -> list[RightsRequest]:
    """All requests of a household's persons, the newest first."""
    require(HANDLING)
    asked = select(RightsRequest).where(RightsRequest.household_id == household_id).order_by(RightsRequest.id.desc())
    return list(session.scalars(asked.limit(200)))


def person_of_household(session: Session, household_id: uuid.UUID, person_id: uuid.UUID) -> Person:
    """A person who belongs or belonged to the household; raises ``NotFound``."""
    require_household(session, household_id)
    belonged = select(Membership.person_id).where(Membership.household_id == household_id)
    found = session.scalar(select(Person).where(Person.id == person_id, Person.id.in_(belonged)))
    if found is None:
        raise NotFound("该户没有此人", "no such member of the household", where="person_id")
    return found


def persons_of(session: Session, household_id: uuid.UUID) -> Sequence[Person]:
    """Everybody who belongs or ever belonged to a household."""
    belonged = select(Membership.person_id).where(Membership.household_id == household_id)
    return session.scalars(select(Person).where(Person.id.in_(belonged)).order_by(Person.id)).all()


def names_of(session: Session, persons: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Names by person, in one question."""
    rows = session.execute(select(Person.id, Person.name).where(among(Person.id, persons)))
    return dict(rows.all())


def text_of(value: str, where: str, label: str) -> str:
    """A text that must be there; raises ``InvalidInput``."""
    given = value.strip()
    if not given:
        raise InvalidInput(f"请填写{label}", f"{where} is missing", where=where)
    if len(given) > TEXT_LENGTH:
        raise InvalidInput(f"{label}不能超过 {TEXT_LENGTH} 字", f"{where} has at most {TEXT_LENGTH} characters", where=where)
    return given
