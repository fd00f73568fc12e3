"""The life of a file, and consents (档案办理、授权同意): the same acts as on the household's page."""

from __future__ import annotations

import uuid
from datetime import date

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from core.db.session import unit_of_work
from core.errors import NotFound
from core.people.life.consents import consents_of, give_consent, withdraw_consent
from core.people.life.service import next_steps, steps_of, take_step
from core.people.life.steps import DECIDE, STEP
from core.people.models import WorkerFile
from core.people.repository import require_household
from core.scope import current_scope
from core.web.context import requires

router = APIRouter(tags=["file life"], dependencies=[Depends(requires("people.read"))])
_WRITE = Depends(requires("people.write"))


class StepOut(BaseModel):
    """A step that was made; ``reason`` is a code of the list that the step's declaration names."""

    model_config = ConfigDict(from_attributes=True)

    step: str
    from_state: str | None
    to_state: str
    reason: str | None
    note: str
    evidence: str | None
    actor: str
    done_on: date


class OfferOut(BaseModel):
    """A step that can come next; ``lacks`` says in words what it still needs, ``mine`` whether the account may make it."""

    step: str
    title: str
    mine: bool
    lacks: list[str]


class LifeOut(BaseModel):
    """The life of a household's file: its state, the steps so far, and what can come next."""

    status: str
    steps: list[StepOut]
    next: list[OfferOut]


class StepIn(BaseModel):
    """A step to be made. What a step needs of these, its declaration says (docs/people.md)."""

    model_config = ConfigDict(extra="forbid")

    step: str = Field(max_length=60)
    note: str = Field(default="", max_length=1000)
    reason: str | None = Field(default=None, max_length=60)
    evidence: str | None = Field(default=None, max_length=200)
    done_on: date | None = None


class ConsentOut(BaseModel):
    """A paper that was signed; without ``person_id`` for the whole household."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    kind: str
    person_id: uuid.UUID | None
    guardian_id: uuid.UUID | None
    given_on: date
    until: date | None
    reference: str
    withdrawn_on: date | None
    withdrawn_why: str | None


class ConsentIn(BaseModel):
    """A paper to be recorded; ``given_on`` is today where it is left out."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(max_length=60)
    reference: str = Field(max_length=200)
    person_id: uuid.UUID | None = None
    guardian_id: uuid.UUID | None = None
    given_on: date | None = None
    until: date | None = None


class WithdrawalIn(BaseModel):
    """Why a consent was withdrawn."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(max_length=200)


class ConsentsOut(BaseModel):
    """The papers of a household, the newest first."""

    items: list[ConsentOut]


@router.get("/households/{household_id}/life")
def life(household_id: uuid.UUID) -> LifeOut:
    """The life of a household's file."""
    return _life(household_id)


@router.post("/households/{household_id}/steps", dependencies=[_WRITE])
def make_step(household_id: uuid.UUID, step: StepIn) -> LifeOut:
    """Make a step that is a clerk's."""
    return _made(household_id, step, decides=False)


@router.post("/households/{household_id}/decisions", dependencies=[Depends(requires(DECIDE))])
def decide(household_id: uuid.UUID, step: StepIn) -> LifeOut:
    """Make a step that is the approver's."""
    return _made(household_id, step, decides=True)


def _made(household_id: uuid.UUID, asked: StepIn, *, decides: bool) -> LifeOut:
    declared = STEP.get(asked.step)
    if declared is None or not declared.hand or declared.decides != decides:
        raise NotFound("没有这一环节", "no such step of a file", where="step")
    with unit_of_work() as session:
        take_step(
            session,
            household_id,
            asked.step,
            note=asked.note,
            reason=asked.reason,
            evidence=asked.evidence,
            done_on=asked.done_on,
        )
    return _life(household_id)


def _life(household_id: uuid.UUID) -> LifeOut:
    with unit_of_work() as session:
        file = session.scalar(select(WorkerFile).where(WorkerFile.household_id == household_id))
        if file is None:
            raise NotFound("该户没有档案", "the household has no file", where="household_id")
        made = steps_of(session, household_id)
        return LifeOut(
            status=file.status,
            steps=[StepOut.model_validate(step) for step in made],
            next=[
                OfferOut(step=one.step.code, title=one.step.zh, mine=one.mine, lacks=list(one.lacks))
                for one in next_steps(session, file, made)
            ],
        )


@router.get("/households/{household_id}/consents")
def consent_list(household_id: uuid.UUID) -> ConsentsOut:
    """The papers that a household signed, also those that are withdrawn or over."""
    with unit_of_work() as session:
        require_household(session, household_id)
        return ConsentsOut(items=[ConsentOut.model_validate(one) for one in consents_of(session, household_id)])


@router.post("/households/{household_id}/consents", dependencies=[_WRITE], status_code=201)
def add_consent(household_id: uuid.UUID, paper: ConsentIn) -> ConsentOut:
    """Record a paper that the family signed."""
    with unit_of_work() as session:
        made = give_consent(
            session,
            household_id,
            paper.kind,
            reference=paper.reference,
            given_on=paper.given_on or current_scope().business_date,
            person_id=paper.person_id,
            guardian_id=paper.guardian_id,
            until=paper.until,
        )
        return ConsentOut.model_validate(made)


@router.post("/households/{household_id}/consents/{consent_id}/withdraw", dependencies=[_WRITE])
def take_back(household_id: uuid.UUID, consent_id: uuid.UUID, asked: WithdrawalIn) -> ConsentOut:
    """Record that a consent was withdrawn."""
    with unit_of_work() as session:
        return ConsentOut.model_validate(withdraw_consent(session, consent_id, asked.why, of=household_id))
