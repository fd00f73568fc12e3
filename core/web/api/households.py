"""Households on file (困难职工家庭). Identity numbers are masked here; no address of the interface shows one in full."""

from __future__ import annotations

import uuid
from datetime import date

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from core.db.session import unit_of_work
from core.errors import NotFound
from core.people.listing import list_files
from core.people.repository import HouseholdView, MemberView, household_view
from core.web.context import requires
from core.web.file_filter import Asked
from core.web.paging import After, Limit, cut, tell_next

router = APIRouter(tags=["households"], dependencies=[Depends(requires("people.read"))])


class FileOut(BaseModel):
    """A worker's file as lists show it."""

    model_config = ConfigDict(from_attributes=True)

    file_id: uuid.UUID
    household_id: uuid.UUID
    file_number: str
    name: str
    identity_masked: str | None
    employer_name: str | None
    township: str | None
    status: str
    kind: str | None
    former_kind: str | None
    opened_on: date
    updated_on: date


class FilesOut(BaseModel):
    """One page of files; ``after`` starts the next one."""

    items: list[FileOut]
    after: uuid.UUID | None


class IncomeOut(BaseModel):
    """A member's monthly income by kind, in fen; ``monthly_income_fen`` of the member is their sum."""

    model_config = ConfigDict(from_attributes=True)

    income_wage_fen: int
    income_business_fen: int
    income_property_fen: int
    income_pension_fen: int
    residents_pension_fen: int
    income_transfer_fen: int
    income_union_grant_fen: int
    income_other_fen: int
    income_unsorted_fen: int


class MemberOut(BaseModel):
    """A member with what is known of the person on the business date; the income is fen a month."""

    person_id: uuid.UUID
    name: str
    relation: str
    gender: str
    birth_date: date | None
    identity_masked: str | None
    monthly_income_fen: int | None
    income: IncomeOut | None
    identity_status: str | None


class HouseholdOut(BaseModel):
    """A household with its file and members; ``version`` is the file's, none before there is one."""

    id: uuid.UUID
    address: str
    township: str | None
    file_number: str | None
    status: str | None
    kind: str | None
    former_kind: str | None
    opened_on: date | None
    other_yearly_income_fen: int | None
    members: list[MemberOut]
    version: int | None


@router.get("/households")
def household_list(
    request: Request,
    response: Response,
    wanted: Asked,
    after: After = None,
    limit: Limit = 50,
) -> FilesOut:
    """Files of the tenant by the pinyin of the heads' names."""
    with unit_of_work() as session:
        page = cut(list_files(session, wanted, after, limit + 1), limit, lambda row: row.file_id)
    tell_next(request, response, page.after)
    return FilesOut(items=[FileOut.model_validate(row) for row in page.rows], after=page.after)


@router.get("/households/{household_id}")
def one_household(household_id: uuid.UUID, response: Response) -> HouseholdOut:
    """One household; the version of its file, which every act on it raises, is the ETag."""
    with unit_of_work() as session:
        view = household_view(session, household_id)
    if view is None:
        raise NotFound("没有此家庭档案", "no such household", where="household_id")
    if view.file is not None:
        response.headers["ETag"] = f'"{view.file.version}"'
    return _household(view)


def _household(view: HouseholdView) -> HouseholdOut:
    file, fact = view.file, view.fact
    return HouseholdOut(
        id=view.household.id,
        address=view.household.address,
        township=file.township if file else None,
        file_number=file.file_number if file else None,
        status=file.status if file else None,
        kind=file.kind if file else None,
        former_kind=file.former_kind if file else None,
        opened_on=file.opened_on if file else None,
        other_yearly_income_fen=fact.other_yearly_income_fen if fact else None,
        members=[_member(member) for member in view.members],
        version=file.version if file else None,
    )


def _member(member: MemberView) -> MemberOut:
    person, fact = member.person, member.fact
    return MemberOut(
        person_id=person.id,
        name=person.name,
        relation=member.relation,
        gender=person.gender,
        birth_date=person.birth_date,
        identity_masked=person.identity_masked,
        monthly_income_fen=fact.monthly_income_fen if fact else None,
        income=IncomeOut.model_validate(fact) if fact else None,
        identity_status=fact.identity_status if fact else None,
    )
