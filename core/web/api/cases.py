"""Cases of all service lines (个案). A change names the version that it changes; another version is refused."""

from __future__ import annotations

import re
import uuid
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from core.cases.handlers import Office
from core.cases.service import NewCase, NewParty, advance, case_view, list_cases, open_cases, openable
from core.db.session import unit_of_work
from core.errors import PreconditionFailed
from core.exchange.matters import answers_of
from core.web.context import requires
from core.web.errors import VersionNeeded
from core.web.paging import After, Limit, cut, tell_next

router = APIRouter(tags=["cases"], dependencies=[Depends(requires("case.read"))])

_ETAG = re.compile(r'"([0-9]{1,9})"')
Role = Literal["applicant", "beneficiary", "agent", "representative", "employer", "anonymous", "household"]


class CaseLineOut(BaseModel):
    """A case as lists show it; amounts are fen."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    number: str
    plugin: str
    workflow: str
    programme: str | None
    state: str
    names: list[str]
    opened_on: date
    closed_on: date | None
    requested_fen: int | None
    due_on: date | None
    confidential: bool


class CasesOut(BaseModel):
    """One page of cases; ``after`` starts the next one."""

    items: list[CaseLineOut]
    after: uuid.UUID | None


class PartyOut(BaseModel):
    """Who takes part, and as what."""

    model_config = ConfigDict(from_attributes=True)

    role: str
    label: str
    person_id: uuid.UUID | None
    household_id: uuid.UUID | None


class StepOut(BaseModel):
    """One transition that was made."""

    model_config = ConfigDict(from_attributes=True)

    seq: int
    transition: str
    source: str
    target: str
    business_date: date
    note: str | None


class DeadlineOut(BaseModel):
    """A clock on the case; ``provisional`` where its holidays are not published yet."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    started_on: date
    due_on: date
    provisional: bool
    met_on: date | None
    cancelled_on: date | None
    clause: str


class OfferOut(BaseModel):
    """A transition that the state offers, and what stands in its way."""

    transition: str
    zh: str
    en: str
    allowed: bool
    obstacles: list[str]


class AnswerOut(BaseModel):
    """What another union said of the matter that it had been handed; ``outcome`` is ``answered`` or ``returned``."""

    model_config = ConfigDict(from_attributes=True)

    peer: str
    outcome: str
    text: str
    arrived_on: date | None


class CaseOut(BaseModel):
    """One case in full; ``version`` is also the ETag."""

    id: uuid.UUID
    number: str
    plugin: str
    workflow: str
    workflow_version: int
    programme: str | None
    state: str
    state_zh: str
    opened_on: date
    closed_on: date | None
    requested_fen: int | None
    form: dict[str, Any]
    parties: list[PartyOut]
    steps: list[StepOut]
    deadlines: list[DeadlineOut]
    offers: list[OfferOut]
    outside_state: str | None
    answers: list[AnswerOut]
    version: int


class PartyIn(BaseModel):
    """A party of a new case: on file, or only the name given."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    person_id: uuid.UUID | None = None
    household_id: uuid.UUID | None = None
    label: str = Field(default="", max_length=100)


class HandlerOut(BaseModel):
    """An account that a confidential case may be given to; ``may_begin``: it may take the case up."""

    model_config = ConfigDict(from_attributes=True)

    actor: str
    name: str
    titles: list[str]
    may_begin: bool


class CaseIn(BaseModel):
    """A case to open. ``opening_key`` makes sending it twice safe.

    ``handlers`` makes it confidential: only they and who opens it see it. An appeal, accusation or report needs one who may
    take it up (``/cases/handlers`` lists them), unless who opens it may. ``requested_fen`` is not given for a case that rests
    on a determination.
    """

    model_config = ConfigDict(extra="forbid")

    plugin: str = Field(max_length=60)
    workflow: str = Field(max_length=60)
    parties: list[PartyIn] = Field(min_length=1, max_length=50)
    programme: str | None = Field(default=None, max_length=60)
    form: dict[str, Any] = Field(default_factory=dict)
    requested_fen: Annotated[int, Field(strict=True, ge=0, le=10**12)] | None = None
    opening_key: str | None = Field(default=None, max_length=200)
    handlers: list[Annotated[str, Field(max_length=80)]] | None = Field(default=None, max_length=20)


class StepIn(BaseModel):
    """What goes with a transition."""

    model_config = ConfigDict(extra="forbid")

    note: str | None = Field(default=None, max_length=2000)


@router.get("/cases")
def case_list(
    request: Request,
    response: Response,
    plugin: Annotated[str | None, Query(max_length=60)] = None,
    state: Annotated[str | None, Query(max_length=60)] = None,
    after: After = None,
    limit: Limit = 50,
) -> CasesOut:
    """Cases of the tenant, newest first; confidential ones only for their handlers."""
    with unit_of_work() as session:
        page = cut(list_cases(session, plugin, state, after, limit + 1), limit, lambda line: line.id)
    tell_next(request, response, page.after)
    return CasesOut(items=[CaseLineOut.model_validate(line) for line in page.rows], after=page.after)


@router.get("/cases/handlers")
def handler_list(workflow: Annotated[str, Query(max_length=60)]) -> list[HandlerOut]:
    """Whom a confidential case of a workflow may be given to, for those who may open one."""
    flow = openable(workflow)
    with unit_of_work() as session:
        return [HandlerOut.model_validate(one) for one in Office(session).candidates(flow)]


@router.get("/cases/{case_id}")
def one_case(case_id: uuid.UUID, response: Response) -> CaseOut:
    """One case with its history and what may be done next."""
    with unit_of_work() as session:
        return _told(session, case_id, response)


@router.post("/cases", status_code=201)
def open_case(tenant: str, body: CaseIn, response: Response) -> CaseOut:
    """Open a case; the account becomes its clerk (经办人)."""
    draft = NewCase(
        plugin=body.plugin,
        workflow=body.workflow,
        parties=tuple(NewParty(party.role, party.person_id, party.household_id, party.label) for party in body.parties),
        programme=body.programme,
        form=body.form,
        requested_fen=body.requested_fen,
        opening_key=body.opening_key,
        handlers=body.handlers,
    )
    with unit_of_work() as session:
        case = open_cases(session, [draft])[0]
        session.flush()
        response.headers["Location"] = f"/api/v1/{tenant}/cases/{case.id}"
        return _told(session, case.id, response)


@router.post("/cases/{case_id}/transitions/{code}")
def make_transition(
    case_id: uuid.UUID,
    code: str,
    response: Response,
    body: StepIn | None = None,
    if_match: Annotated[str | None, Header(description="the ETag of the case that was read")] = None,
) -> CaseOut:
    """Make one transition on the version of the case that ``If-Match`` names; 428 without it, 412 where it is not present."""
    version = _version(if_match)
    with unit_of_work() as session:
        advance(session, [case_id], code, body.note if body else None, versions={case_id: version})
        return _told(session, case_id, response)


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise VersionNeeded(
            "请说明所依据的版本",
            "say which version of the case this changes",
            where="If-Match",
            mend_zh="先读取个案，把 ETag 放入 If-Match",
            mend_en="read the case and send its ETag as If-Match",
        )
    named = _ETAG.fullmatch(if_match.strip())
    if named is None:
        raise PreconditionFailed("版本不符", "If-Match is not an ETag of a case", where="If-Match")
    return int(named.group(1))


def _told(session: Session, case_id: uuid.UUID, response: Response) -> CaseOut:
    view, answers = case_view(session, case_id), answers_of(session, case_id)
    case = view.case
    response.headers["ETag"] = f'"{case.version}"'
    names = {state.code: state.zh for state in view.workflow.states}
    return CaseOut(
        id=case.id,
        number=case.number,
        plugin=case.plugin,
        workflow=case.workflow,
        workflow_version=case.workflow_version,
        programme=case.programme,
        state=case.state,
        state_zh=names.get(case.state, case.state),
        opened_on=case.opened_on,
        closed_on=case.closed_on,
        requested_fen=case.requested_fen,
        form=dict(view.form),
        parties=[PartyOut.model_validate(party) for party in view.parties],
        steps=[StepOut.model_validate(step) for step in view.steps],
        deadlines=[DeadlineOut.model_validate(deadline) for deadline in view.deadlines],
        offers=[
            OfferOut(
                transition=offer.transition.code,
                zh=offer.transition.zh,
                en=offer.transition.en,
                allowed=offer.allowed,
                obstacles=[verdict.zh for verdict in offer.verdicts if not verdict.passed],
            )
            for offer in view.offers
        ],
        outside_state=case.outside_state,
        answers=[AnswerOut.model_validate(answer) for answer in answers],
        version=case.version,
    )
