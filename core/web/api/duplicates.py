"""Persons who may be here twice, merges, and questions to the province about somebody on file twice (重复档案)."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from core.authorisation import Demand
from core.db.session import unit_of_work
from core.exchange.identity_queries import (
    ANSWERING,
    ASKED,
    ASKING,
    WITHDRAWING,
    answer_query,
    ask_province,
    matches,
    nobody_elsewhere,
    queries,
    query_received,
    withdraw_query,
)
from core.exchange.identity_told import SEEING, see, told_here
from core.exchange.query_models import IdentityQuery
from core.host.declarations import COUNTIES
from core.people.duplicates.by_hand import WHO_LENGTH, pair_by_hand
from core.people.duplicates.merging import MERGING, merge, undo_merge
from core.people.duplicates.service import ProposalRow, keep_apart, proposal_named, proposals
from core.people.models import Person
from core.web.context import requires
from core.web.paging import After, Limit, cut, tell_next

router = APIRouter(tags=["duplicates"])

READ = Depends(requires(Demand("people.read", levels=COUNTIES)))
DECIDE = Depends(requires(MERGING))


class PersonOut(BaseModel):
    """One of a pair; the number is masked."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    name: str
    birth_date: date | None
    identity_masked: str | None


class PairOut(BaseModel):
    """Two persons who may be one: 60 to 100 points, and codes of what agrees."""

    id: uuid.UUID
    score: int
    reasons: list[str]
    state: str
    first: PersonOut
    second: PersonOut


class PairsOut(BaseModel):
    """One page of pairs; ``after`` starts the next one."""

    items: list[PairOut]
    after: uuid.UUID | None


class ReasonIn(BaseModel):
    """Why: what was compared."""

    reason: str = Field(min_length=1, max_length=500)


class PairIn(BaseModel):
    """Two persons who are one: ``who`` is the other's identity number, or the number of a file and ``other_id`` where several
    belong to it."""

    person_id: uuid.UUID
    who: str = Field(min_length=1, max_length=WHO_LENGTH)
    other_id: uuid.UUID | None = None


class PairMade(BaseModel):
    """The pair, which is decided as those that are found."""

    id: uuid.UUID


class MergeIn(ReasonIn):
    """``keep`` is the side that stays; ``files`` merges the households of both as well."""

    keep: Literal["first", "second"]
    files: bool = False


class MergeOut(BaseModel):
    """The act, by which it is undone."""

    act: uuid.UUID


class QuestionIn(ReasonIn):
    """A question to the province about a member of the household."""

    person_id: uuid.UUID


class QuestionOut(BaseModel):
    """A question and what was answered; ``keeper`` is the county whose file stays."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    peer: str
    person_id: uuid.UUID | None
    household_id: uuid.UUID | None
    reason: str
    asked_on: date
    state: str
    outcome: str | None
    keeper: str | None
    answer: str | None
    answered_on: date | None


class MatchOut(BaseModel):
    """Where the person is marked, in which year, what for."""

    model_config = ConfigDict(from_attributes=True)

    tenant: str
    year: int
    matter: str


class QuestionWithMatches(QuestionOut):
    """A question that the province got, with the counties in which the hash is marked."""

    matches: list[MatchOut]


class AnswerIn(BaseModel):
    """The province's answer."""

    outcome: Literal["duplicate", "different", "pending"]
    keeper: str | None = Field(None, max_length=6)
    answer: str = Field(min_length=1, max_length=500)


@router.get("/duplicates", dependencies=[READ])
def pair_list(
    request: Request,
    response: Response,
    state: Annotated[Literal["open", "different", "merged"], Query()] = "open",
    after: After = None,
    limit: Limit = 50,
) -> PairsOut:
    """Pairs in a state, most alike first."""
    with unit_of_work() as session:
        page = cut(proposals(session, state, after, limit + 1), limit, lambda row: row.id)
    tell_next(request, response, page.after)
    return PairsOut(items=[_pair(row) for row in page.rows], after=page.after)


@router.post("/duplicates", status_code=201, dependencies=[DECIDE])
def put_together(asked: PairIn) -> PairMade:
    """Put two persons side by side that the platform did not find."""
    with unit_of_work() as session:
        return PairMade(id=pair_by_hand(session, asked.person_id, asked.who, asked.other_id).id)


@router.post("/duplicates/{duplicate_id}/different", status_code=204, dependencies=[DECIDE])
def tell_apart(duplicate_id: uuid.UUID, asked: ReasonIn) -> None:
    """Say that they are not the same person."""
    with unit_of_work() as session:
        keep_apart(session, duplicate_id, asked.reason)


@router.post("/duplicates/{duplicate_id}/merge", status_code=201, dependencies=[DECIDE])
def merge_pair(duplicate_id: uuid.UUID, asked: MergeIn) -> MergeOut:
    """Merge them, or the households of both, into the side that is kept."""
    with unit_of_work() as session:
        pair = proposal_named(session, duplicate_id)
        kept, other = (pair.first_id, pair.second_id) if asked.keep == "first" else (pair.second_id, pair.first_id)
        return MergeOut(act=merge(session, other, kept, asked.reason, households=asked.files))


@router.post("/merges/{act_id}/undo", status_code=204, dependencies=[DECIDE])
def undo(act_id: uuid.UUID, asked: ReasonIn) -> None:
    """Undo a merge: the records are as they were."""
    with unit_of_work() as session:
        undo_merge(session, act_id, asked.reason)


@router.get("/province-queries", dependencies=[Depends(requires(ASKED))])
def asked_list() -> list[QuestionOut]:
    """What this county asked its province, with the answers."""
    with unit_of_work() as session:
        return [_question(row) for row in queries(session, "out")]


@router.post("/households/{household_id}/province-queries", status_code=201, dependencies=[Depends(requires(ASKING))])
def ask(household_id: uuid.UUID, asked: QuestionIn) -> QuestionOut:
    """Ask the province about a member; that the number was used is logged."""
    with unit_of_work() as session:
        made = ask_province(session, household_id, asked.person_id, asked.reason)
    if made is None:
        raise nobody_elsewhere()
    return _question(made)


@router.post("/province-queries/{query_id}/withdraw", dependencies=[Depends(requires(WITHDRAWING))])
def withdraw(query_id: uuid.UUID) -> QuestionOut:
    """Take back a question that the province has not looked at."""
    with unit_of_work() as session:
        return _question(withdraw_query(session, query_id))


@router.get("/province-notices", dependencies=[READ])
def told_list() -> list[QuestionOut]:
    """What the province told this county about files of its own; ``keeper`` is the county itself where its file stays."""
    with unit_of_work() as session:
        return [_question(row) for row in told_here(session)]


@router.post("/province-notices/{told_id}/seen", dependencies=[Depends(requires(SEEING))])
def seen(told_id: uuid.UUID) -> QuestionOut:
    """Note that the office has seen it."""
    with unit_of_work() as session:
        return _question(see(session, told_id))


@router.get("/identity-queries", dependencies=[Depends(requires(ANSWERING))])
def received_list() -> list[QuestionOut]:
    """What the counties asked, open questions first."""
    with unit_of_work() as session:
        return [_question(row) for row in queries(session, "in")]


@router.get("/identity-queries/{query_id}", dependencies=[Depends(requires(ANSWERING))])
def one_question(query_id: uuid.UUID) -> QuestionWithMatches:
    """One question with the counties in which the hash is marked."""
    with unit_of_work() as session:
        query = query_received(session, query_id)
        found = [MatchOut.model_validate(match) for match in matches(session, query)]
        return QuestionWithMatches(**_question(query).model_dump(), matches=found)


@router.post("/identity-queries/{query_id}/answer", dependencies=[Depends(requires(ANSWERING))])
def answer_one(query_id: uuid.UUID, said: AnswerIn) -> QuestionOut:
    """Answer the county."""
    with unit_of_work() as session:
        return _question(answer_query(session, query_id, said.outcome, said.answer, keeper=said.keeper))


def _pair(row: ProposalRow) -> PairOut:
    return PairOut(
        id=row.id, score=row.score, reasons=row.reasons, state=row.state, first=_person(row.first), second=_person(row.second)
    )


def _person(person: Person) -> PersonOut:
    return PersonOut.model_validate(person)


def _question(row: IdentityQuery) -> QuestionOut:
    return QuestionOut.model_validate(row)
