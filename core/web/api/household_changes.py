"""Households registered and changed by a program (登记与变动), by the functions that pages use."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel, Field
from sqlalchemy import select

from core.db.session import unit_of_work
from core.errors import Conflict, InvalidInput, NotFound
from core.people.changes.act import Succession, Why
from core.people.changes.corrections import Ground, correct_identity, correct_name
from core.people.changes.facts import (
    change_address,
    change_particulars,
    change_person_particulars,
    record_household_facts,
    record_person_facts,
)
from core.people.changes.membership import Founding, change_head, changes_of, join, leave, move_between, split, undo
from core.people.changes.models import HouseholdChange
from core.people.changes.persons import Newcomer
from core.people.models import Household
from core.people.registering import NewHousehold, look_up, register_household
from core.web.context import requires

router = APIRouter(tags=["households"])

READ = Depends(requires("people.read"))
WRITE = Depends(requires("people.write"))
Text = Annotated[str, Field(max_length=500)]
IfMatch = Annotated[str | None, Header(description="the ETag of the household that was read")]


class NewcomerIn(BaseModel):
    """Somebody who joins; a newborn without an identity number is told with ``gender`` and ``birth_date``."""

    name: Text
    relation: Text
    identity_number: Text = ""
    phone: Text = ""
    gender: Text = ""
    birth_date: date | None = None

    def newcomer(self) -> Newcomer:
        """As services take it."""
        return Newcomer(**self.model_dump())


class HouseholdIn(BaseModel):
    """A household; the first member is the head. ``seen_elsewhere`` says that what the identity index knows was looked at."""

    members: list[NewcomerIn] = Field(min_length=1, max_length=20)
    address: Text
    particulars: dict[str, Text] = Field(default_factory=dict)
    employer_id: uuid.UUID | None = None
    reason: Text = "登记新户查重"
    seen_elsewhere: bool = False


class HouseholdMade(BaseModel):
    """The file that was drawn."""

    household_id: uuid.UUID
    file_number: str
    status: str


class SuccessionIn(BaseModel):
    """The new head and how the others are related to that person."""

    head: uuid.UUID
    relations: dict[uuid.UUID, Text] = Field(default_factory=dict)

    def succession(self) -> Succession:
        """As services take it."""
        return Succession(self.head, self.relations)


class ChangeIn(BaseModel):
    """One act. ``newcomer`` for birth, moved_in and marriage; ``person_id`` for death, moved_out and divorce, and with ``to``
    (a household) and ``relation`` for a move to another household here; ``succession`` where the head leaves or changes;
    ``founder``, ``relations`` and ``address`` for a split."""

    kind: Literal["birth", "death", "moved_in", "moved_out", "marriage", "divorce", "head_changed", "split"]
    valid_from: date
    reason: Text
    document_id: uuid.UUID | None = None
    newcomer: NewcomerIn | None = None
    person_id: uuid.UUID | None = None
    to: uuid.UUID | None = None
    relation: Text = ""
    succession: SuccessionIn | None = None
    founder: uuid.UUID | None = None
    relations: dict[uuid.UUID, Text] = Field(default_factory=dict)
    address: Text = ""


class StepOut(BaseModel):
    """A person in a household: relation before and after."""

    household: uuid.UUID
    person: uuid.UUID
    was: str | None
    now: str | None


class ChangeOut(BaseModel):
    """An act on record."""

    id: uuid.UUID
    kind: str
    valid_from: date
    reason: str
    steps: list[StepOut]
    undoes: uuid.UUID | None
    business_date: date


class FactsIn(BaseModel):
    """Facts by column as texts, the way the form writes them; a column that is left out stays as it is known for the day."""

    valid_from: date
    source: Literal["visit", "correction"]
    facts: dict[str, Text]


class ParticularsIn(BaseModel):
    """What stands on the file, by column as texts."""

    particulars: dict[str, Text] = Field(default_factory=dict)
    employer_id: uuid.UUID | None = None
    account: Text = ""


class PersonParticularsIn(BaseModel):
    """What stands of a member apart from facts: nationality, status, registration, by column as texts; a phone where it
    changes."""

    particulars: dict[str, Text] = Field(default_factory=dict)
    phone: Text = ""


class AddressIn(BaseModel):
    """An address (blank leaves it), and ``housing``: postcode, housing_kind, township as texts."""

    address: Text = ""
    housing: dict[str, Text] = Field(default_factory=dict)


class CorrectionIn(BaseModel):
    """A name or identity number put right; ``asked_on`` where the person asked for it, ``document_id`` the paper that proves
    it."""

    name: Text = ""
    identity_number: Text = ""
    reason: Text
    asked_on: date | None = None
    document_id: uuid.UUID | None = None


@router.post("/households", status_code=201, dependencies=[WRITE])
def register(body: HouseholdIn) -> HouseholdMade:
    """Register a household. Where somebody is on file or aided elsewhere: 409 until ``seen_elsewhere``; the look is logged."""
    typed = NewHousehold(
        [one.newcomer() for one in body.members], body.address, body.particulars, body.employer_id, body.reason
    )
    with unit_of_work() as session:
        known = look_up(session, typed)
    if known and not body.seen_elsewhere:
        places = "、".join(f"members.{one.place}" for one in known)
        raise Conflict(
            "有成员已在其他单位建档或受助", "somebody is on file or aided elsewhere", where=places,
            mend_zh="核对后以 seen_elsewhere 重新提交", mend_en="check, then send it again with seen_elsewhere",
        )  # fmt: skip
    with unit_of_work() as session:
        file = register_household(session, typed)
        return HouseholdMade(household_id=file.household_id, file_number=file.file_number, status=file.status)


@router.get("/households/{household_id}/changes", dependencies=[READ])
def changes(household_id: uuid.UUID) -> list[ChangeOut]:
    """The acts on a household, the newest first."""
    with unit_of_work() as session:
        if session.scalar(select(Household.id).where(Household.id == household_id)) is None:
            raise NotFound("没有此家庭档案", "no such household", where="household_id")
        return [_out(change) for change in changes_of(session, household_id)]


@router.post("/households/{household_id}/changes", status_code=201, dependencies=[WRITE])
def change(household_id: uuid.UUID, body: ChangeIn) -> ChangeOut:
    """Record one act on the household's membership."""
    why = Why(body.reason, body.document_id)
    heir = body.succession.succession() if body.succession else None
    with unit_of_work() as session:
        if body.kind == "head_changed":
            if heir is None:
                raise _missing("succession")
            change_head(session, household_id, heir, valid_from=body.valid_from, why=why)
        elif body.founder is not None:
            founding = Founding(body.founder, body.relations, body.address)
            split(session, household_id, founding, kind=body.kind, valid_from=body.valid_from, why=why, succession=heir)
        elif body.newcomer is not None:
            join(session, household_id, body.newcomer.newcomer(), kind=body.kind, valid_from=body.valid_from, why=why)
        elif body.person_id is None:
            raise _missing("person_id")
        elif body.to is not None:
            move_between(
                session, household_id, body.person_id, body.to, relation=body.relation, kind=body.kind,
                valid_from=body.valid_from, why=why, succession=heir,
            )  # fmt: skip
        else:
            leave(session, household_id, body.person_id, kind=body.kind, valid_from=body.valid_from, why=why, succession=heir)
        return _out(changes_of(session, household_id)[0])


@router.post("/households/{household_id}/changes/{change_id}/undo", status_code=201, dependencies=[WRITE])
def undo_change(household_id: uuid.UUID, change_id: uuid.UUID, reason: Annotated[str, Field(max_length=500)] = "") -> ChangeOut:
    """Take a slip of today back."""
    with unit_of_work() as session:
        return _out(undo(session, change_id, reason=reason, of=household_id))


@router.post("/households/{household_id}/facts", status_code=204, dependencies=[WRITE])
def household_facts(household_id: uuid.UUID, body: FactsIn, if_match: IfMatch = None) -> None:
    """Record facts of the household from a day on; 409 where ``If-Match`` is not the present version."""
    with unit_of_work() as session:
        record_household_facts(
            session, household_id, body.facts, valid_from=body.valid_from, source=body.source, version=_version(if_match)
        )


@router.post("/households/{household_id}/people/{person_id}/facts", status_code=204, dependencies=[WRITE])
def person_facts(household_id: uuid.UUID, person_id: uuid.UUID, body: FactsIn, if_match: IfMatch = None) -> None:
    """Record facts of a member from a day on; 409 where ``If-Match`` is not the present version."""
    with unit_of_work() as session:
        record_person_facts(
            session, household_id, person_id, body.facts, valid_from=body.valid_from, source=body.source,
            version=_version(if_match),
        )  # fmt: skip


@router.post("/households/{household_id}/particulars", status_code=204, dependencies=[WRITE])
def particulars(household_id: uuid.UUID, body: ParticularsIn, if_match: IfMatch = None) -> None:
    """Change what stands on the file; 409 where ``If-Match`` is not the present version."""
    with unit_of_work() as session:
        change_particulars(
            session, household_id, body.particulars, employer_id=body.employer_id, account=body.account,
            version=_version(if_match),
        )  # fmt: skip


@router.post("/households/{household_id}/address", status_code=204, dependencies=[WRITE])
def address(household_id: uuid.UUID, body: AddressIn, if_match: IfMatch = None) -> None:
    """Change the address and the housing; 409 where ``If-Match`` is not the present version."""
    with unit_of_work() as session:
        change_address(session, household_id, body.address, body.housing, version=_version(if_match))


@router.post("/households/{household_id}/people/{person_id}/particulars", status_code=204, dependencies=[WRITE])
def person_particulars(
    household_id: uuid.UUID, person_id: uuid.UUID, body: PersonParticularsIn, if_match: IfMatch = None
) -> None:
    """Change a member's particulars and phone; 409 where ``If-Match`` is not the present version."""
    with unit_of_work() as session:
        change_person_particulars(
            session, household_id, person_id, body.particulars, phone=body.phone, version=_version(if_match)
        )


@router.post("/people/{person_id}/corrections", status_code=204, dependencies=[WRITE])
def correct(person_id: uuid.UUID, body: CorrectionIn) -> None:
    """Put a name or an identity number right, with history. The paper that proves it is one of the household's papers."""
    ground = Ground(body.reason, body.asked_on, body.document_id)
    with unit_of_work() as session:
        if body.name.strip() or not body.identity_number.strip():
            correct_name(session, person_id, body.name, ground)
        if body.identity_number.strip():
            correct_identity(session, person_id, body.identity_number, ground)


def _out(change: HouseholdChange) -> ChangeOut:
    return ChangeOut(
        id=change.id,
        kind=change.kind,
        valid_from=change.valid_from,
        reason=change.reason,
        steps=[StepOut(**step) for step in change.steps],
        undoes=change.undoes,
        business_date=change.business_date,
    )


def _missing(name: str) -> InvalidInput:
    return InvalidInput("缺少必填项", f"{name} is missing", where=name)


def _version(if_match: str | None) -> int | None:
    if if_match is None:
        return None
    text = if_match.strip().strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidInput("If-Match 应为档案版本", "If-Match is the version of the file", where="If-Match")
    return int(text)
