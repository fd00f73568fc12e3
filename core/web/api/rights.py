"""Personal rights (个人信息权利): requests, views of a file, erasures by two people. The copy itself is taken on a page."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from core.db.session import unit_of_work
from core.errors import Misconfigured
from core.rights.emptying import settle
from core.rights.erasing import decide, propose, proposed, withdraw
from core.rights.hindrances import due_files
from core.rights.names import DECIDE, HANDLE, SEE_VIEWS
from core.rights.partners import answer_partner, partner_erasures
from core.rights.requests import NewRequest, answer, register, request_named, requests_open
from core.rights.views import Period, View, statement, views_of
from core.web.context import requires
from core.web.paging import After, Limit, cut, tell_next
from core.web.step_up import fresh_proof

router = APIRouter(tags=["rights"])
HANDLES = Depends(requires(HANDLE))
DECIDES = Depends(requires(DECIDE))
PROVES = Depends(fresh_proof())

Since = Annotated[date | None, Query(description="first day")]
Until = Annotated[date | None, Query(description="last day")]


class ViewOut(BaseModel):
    """One look at a file: when, who with which posts, how, of whom, at what, why."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    at: datetime
    who: str
    posts: str
    act: str
    whom: str
    fields: str
    reason: str


class ViewsOut(BaseModel):
    """One page of looks, newest first; ``after`` starts the next one."""

    items: list[ViewOut]
    after: uuid.UUID | None


class RequestOut(BaseModel):
    """What a person asked for by right."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    number: str
    kind: str
    household_id: uuid.UUID
    person_id: uuid.UUID
    asker: str
    evidence: str
    reason: str
    asked_on: date
    due_on: date
    state: str
    answer: str | None
    answered_on: date | None


class RequestsOut(BaseModel):
    """One page of requests; ``after`` starts the next one."""

    items: list[RequestOut]
    after: uuid.UUID | None


class RequestIn(BaseModel):
    """A request to be registered; ``agent_name`` where somebody asks for another."""

    kind: Literal["view_log", "export", "correction", "erasure", "withdrawal"]
    household_id: uuid.UUID
    person_id: uuid.UUID
    evidence: str = Field(max_length=500)
    agent_name: str = Field("", max_length=100)
    reason: str = Field("", max_length=500)
    asked_on: date | None = None


class AnswerIn(BaseModel):
    """How a request ends, and what the person is told."""

    outcome: Literal["answered", "refused", "withdrawn"]
    why: str = Field(max_length=500)


class DueOut(BaseModel):
    """A file whose period of retention is over."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    household_id: uuid.UUID
    file_number: str
    status: str
    ended_on: date
    aided: bool


class ErasureOut(BaseModel):
    """An erasure: of whom, on which ground, how far it is."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    household_id: uuid.UUID
    whole: bool
    persons: list[uuid.UUID]
    ground: str
    reason: str
    state: str
    proposed_on: date
    decided_on: date | None


class PartnerOut(BaseModel):
    """An erasure of a household that moved between two counties: ``in`` told by the other one, ``out`` told to it."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    direction: str
    peer: str
    household_id: uuid.UUID
    whole: bool
    persons: list[uuid.UUID]
    ground: str
    told_on: date
    outcome: str | None
    answer: str | None
    answered_on: date | None


class PartnerAnswerIn(BaseModel):
    """Whether the data are erased here too, or kept, and on what ground."""

    outcome: Literal["erasing", "kept"]
    answer: str = Field(min_length=1, max_length=500)


class ErasureIn(BaseModel):
    """A household's file, or one person of it, to be erased; ``request_id`` where the person asked for it."""

    household_id: uuid.UUID
    person_id: uuid.UUID | None = None
    request_id: uuid.UUID | None = None
    reason: str = Field(max_length=500)


class DecisionIn(BaseModel):
    """The second person's word."""

    confirmed: bool
    why: str = Field("", max_length=500)


@router.get("/households/{household_id}/views", dependencies=[Depends(requires(SEE_VIEWS))])
def views(
    request: Request,
    response: Response,
    household_id: uuid.UUID,
    since: Since = None,
    until: Until = None,
    after: After = None,
    limit: Limit = 50,
) -> ViewsOut:
    """Looks at a household's file, its members and its cases, newest first."""
    with unit_of_work() as session:
        found = views_of(session, household_id, Period(since, until), after=after, limit=limit + 1)
    page = cut(found, limit, lambda row: row.id)
    tell_next(request, response, page.after)
    return ViewsOut(items=_views(page.rows), after=page.after)


def _views(rows: Sequence[View]) -> list[ViewOut]:
    return [ViewOut.model_validate(row) for row in rows]


@router.get("/rights/requests", dependencies=[HANDLES])
def request_list(
    request: Request, response: Response, ended: bool = False, after: After = None, limit: Limit = 50
) -> RequestsOut:
    """Requests that wait for an answer, or that ``ended``."""
    with unit_of_work() as session:
        page = cut(requests_open(session, after, limit + 1, ended=ended), limit, lambda row: row.id)
    tell_next(request, response, page.after)
    return RequestsOut(items=[RequestOut.model_validate(row) for row in page.rows], after=page.after)


@router.post("/rights/requests", status_code=201, dependencies=[HANDLES])
def request_registered(wanted: RequestIn) -> RequestOut:
    """Register a request."""
    with unit_of_work() as session:
        return RequestOut.model_validate(register(session, NewRequest(**wanted.model_dump())))


@router.get("/rights/requests/{request_id}", dependencies=[HANDLES])
def one_request(request_id: uuid.UUID) -> RequestOut:
    """One request."""
    with unit_of_work() as session:
        return RequestOut.model_validate(request_named(session, request_id))


@router.post("/rights/requests/{request_id}/answer", dependencies=[HANDLES])
def request_answered(request_id: uuid.UUID, wanted: AnswerIn) -> RequestOut:
    """Answer a request."""
    with unit_of_work() as session:
        return RequestOut.model_validate(answer(session, request_id, outcome=wanted.outcome, why=wanted.why))


@router.post("/rights/requests/{request_id}/statement", dependencies=[HANDLES])
def statement_given(request_id: uuid.UUID, since: Since = None, until: Until = None) -> list[ViewOut]:
    """The looks that the person asked to be told of, the oldest first. Giving it is on record and answers the request."""
    with unit_of_work() as session:
        return _views(statement(session, request_id, Period(since, until))[1])


@router.get("/rights/due", dependencies=[HANDLES])
def due_list(after: After = None, limit: Limit = 50) -> list[DueOut]:
    """Files whose period of retention is over."""
    with unit_of_work() as session:
        return [DueOut.model_validate(row) for row in due_files(session, after, limit)]


@router.get("/rights/partners", dependencies=[HANDLES])
def partner_list() -> list[PartnerOut]:
    """Erasures of households that moved: what this county was told, and what it has told."""
    with unit_of_work() as session:
        return [PartnerOut.model_validate(row) for row in partner_erasures(session)]


@router.post("/rights/partners/{told_id}/answer", dependencies=[HANDLES])
def partner_answered(told_id: uuid.UUID, wanted: PartnerAnswerIn) -> PartnerOut:
    """Answer the county that erased."""
    with unit_of_work() as session:
        return PartnerOut.model_validate(answer_partner(session, told_id, wanted.outcome, wanted.answer))


@router.get("/rights/erasures", dependencies=[DECIDES])
def erasure_list() -> list[ErasureOut]:
    """Erasures that wait for their second person."""
    with unit_of_work() as session:
        return [ErasureOut.model_validate(row) for row in proposed(session)]


@router.post("/rights/erasures", status_code=201, dependencies=[HANDLES, PROVES])
def erasure_proposed(wanted: ErasureIn) -> ErasureOut:
    """Propose an erasure."""
    with unit_of_work() as session:
        return ErasureOut.model_validate(propose(session, **wanted.model_dump()))


@router.post("/rights/erasures/{erasure_id}/decision", dependencies=[DECIDES, PROVES])
def erasure_decided(erasure_id: uuid.UUID, wanted: DecisionIn) -> ErasureOut:
    """The second person's word; confirmed, the data are destroyed at once."""
    with unit_of_work() as session:
        made = ErasureOut.model_validate(decide(session, erasure_id, confirmed=wanted.confirmed, why=wanted.why))
    if made.state == "done":
        # the erasure is committed whatever becomes of the list; bangfu doctor and the nightly job tell where it is damaged
        with suppress(Misconfigured), unit_of_work() as session:
            settle(session)
    return made


@router.post("/rights/erasures/{erasure_id}/withdraw", dependencies=[HANDLES])
def erasure_withdrawn(erasure_id: uuid.UUID) -> ErasureOut:
    """Take back what was proposed."""
    with unit_of_work() as session:
        return ErasureOut.model_validate(withdraw(session, erasure_id))
