"""What is recorded of a household and its members from a day on, and what stands on the file (核实情况与档案信息)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError
from core.people.changes.facts import (
    FILE_ITEMS,
    HOUSEHOLD_ITEMS,
    HOUSING_ITEMS,
    PERSON_ITEMS,
    TOWNSHIP,
    change_address,
    change_particulars,
    record_household_facts,
    record_person_facts,
)
from core.people.employers.service import named
from core.people.entry import Item
from core.people.fields import sees
from core.people.listing import townships
from core.people.repository import member_named
from core.scope import current_scope
from core.web.context import requires
from core.web.pages.employers import employer_choice
from core.web.pages.entry_forms import Field, Group, day_of, fields_of, maybe_id, offering, posted, told, version_of
from core.web.pages.household_forms import act_on, as_is, page_of, seen, typed, view_of, was_of

router = APIRouter(dependencies=[Depends(requires("people.write"))])

Filled = Annotated[dict[str, str], Depends(posted)]
_FROM = (
    Item("valid_from", "起始日期", "from", "date", required=True, hint_zh="从这一天起生效；原有情况保留"),
    Item("source", "依据", "source", "code", required=True),
)
_PLACE = (TOWNSHIP, *HOUSING_ITEMS)
_SOURCES = (("visit", "入户核实"), ("correction", "更正"))


def _from_groups(filled: Mapping[str, str], refused: BangfuError | None) -> Group:
    every = told(refused, ("valid_from", "source"))
    day, source = fields_of(_FROM, filled, every)
    chosen = Field("source", source.label, "code", source.value, _SOURCES, True, "", source.error)
    return Group("从何时起、依据", [day, chosen])


@router.get("/households/{household_id}/people/{person_id}/facts")
def person_facts(request: Request, household_id: uuid.UUID, person_id: uuid.UUID) -> HTMLResponse:
    """The form of a member's income, work, health and schooling from a day on."""
    return _person_form(request, household_id, person_id, None)


@router.post("/households/{household_id}/people/{person_id}/facts")
def save_person_facts(request: Request, household_id: uuid.UUID, person_id: uuid.UUID, filled: Filled) -> Response:
    """Record them; former ones stay."""

    def act(session: Session) -> Any:
        return record_person_facts(
            session,
            household_id,
            person_id,
            typed(seen(PERSON_ITEMS), filled),
            valid_from=day_of(filled, "valid_from", "起始日期"),
            source=filled.get("source", ""),
            version=version_of(filled),
        )

    return act_on(
        household_id,
        act,
        lambda error: _person_form(request, household_id, person_id, filled, error),
        "已登记，原有情况保留",
    )


def _person_form(
    request: Request,
    household_id: uuid.UUID,
    person_id: uuid.UUID,
    filled: Mapping[str, str] | None,
    refused: BangfuError | None = None,
) -> HTMLResponse:
    with unit_of_work() as session:
        view = view_of(session, household_id)
    member, items = member_named(view, person_id), seen(PERSON_ITEMS)
    given = filled if filled is not None else as_is(items, member.fact) | _today()
    said_of = told(refused, [item.name for item in items])
    drawn = fields_of(items, given, said_of, was_of(items, member.fact))
    income = [field for field in drawn if field.kind == "money"]
    rest = [field for field in drawn if field.kind != "money"]
    groups = [_from_groups(given, refused), Group("月收入", income, "合计由系统按各项相加。"), Group("就业、就学和健康", rest)]
    return page_of(request, view, f"{member.person.name}：核实情况", f"/people/{person_id}/facts", groups, refused)


def _today() -> dict[str, str]:
    return {"valid_from": current_scope().business_date.isoformat(), "source": "visit"}


@router.get("/households/{household_id}/facts")
def household_facts(request: Request, household_id: uuid.UUID) -> HTMLResponse:
    """The form of the household's rigid costs, property and loss from a day on."""
    return _household_form(request, household_id, None)


@router.post("/households/{household_id}/facts")
def save_household_facts(request: Request, household_id: uuid.UUID, filled: Filled) -> Response:
    """Record them; former ones stay."""

    def act(session: Session) -> Any:
        return record_household_facts(
            session,
            household_id,
            typed(seen(HOUSEHOLD_ITEMS), filled),
            valid_from=day_of(filled, "valid_from", "起始日期"),
            source=filled.get("source", ""),
            version=version_of(filled),
        )

    return act_on(
        household_id, act, lambda error: _household_form(request, household_id, filled, error), "已登记，原有情况保留"
    )


def _household_form(
    request: Request, household_id: uuid.UUID, filled: Mapping[str, str] | None, refused: BangfuError | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        view = view_of(session, household_id)
    items = seen(HOUSEHOLD_ITEMS)
    given = filled if filled is not None else as_is(items, view.fact) | _today()
    drawn = fields_of(items, given, told(refused, [item.name for item in items]), was_of(items, view.fact))
    groups = [_from_groups(given, refused), Group("收入、刚性支出（元/年）、财产和损失", drawn)]
    return page_of(request, view, "家庭支出、财产和损失", "/facts", groups, refused)


@router.get("/households/{household_id}/particulars")
def particulars(request: Request, household_id: uuid.UUID) -> HTMLResponse:
    """The form of what stands on the file: employer, causes, account, contact."""
    return _file_form(request, household_id, None)


@router.post("/households/{household_id}/particulars")
def save_particulars(request: Request, household_id: uuid.UUID, filled: Filled) -> Response:
    """Change it; an employer of the list whose name was typed is offered for the link."""

    def act(session: Session) -> Any:
        return change_particulars(
            session,
            household_id,
            typed(FILE_ITEMS, filled),
            employer_id=maybe_id(filled, "employer_id"),
            account=filled.get("account", ""),
            version=version_of(filled),
        )

    return act_on(household_id, act, lambda error: _file_form(request, household_id, filled, error))


def _file_form(
    request: Request, household_id: uuid.UUID, filled: Mapping[str, str] | None, refused: BangfuError | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        view = view_of(session, household_id)
        name = (filled or {}).get("employer_name") or (view.file.employer_name if view.file else None) or ""
        linked = view.file.employer_id if view.file else None
        fitting = named(session, name) if name and linked is None else None
        choice = employer_choice(session, (filled or {}).get("employer_id", str(linked or "")), name)
    given = filled if filled is not None else as_is(FILE_ITEMS, view.file)
    names = [item.name for item in FILE_ITEMS]
    said_of = told(refused, [*names, "account", "employer_id"])
    masked = view.file.account_masked if view.file and sees("account", current_scope()) else ""
    account = Field(
        "account", "银行卡号", "text", given.get("account", ""), (), False, "加密保存；不更改的不填",
        said_of.at("account"), masked or None, 40,
    )  # fmt: skip
    drawn = fields_of(FILE_ITEMS, given, said_of, was_of(FILE_ITEMS, view.file))
    hint = (
        f"“{fitting.name}”已在单位名录中，可在此选择关联" if fitting else "从单位名录选择后，名称、性质、状况和行业以名录为准"
    )
    link = Field("employer_id", "关联用人单位", "code", given.get("employer_id", str(linked or "")), choice, False, hint,
                 said_of.at("employer_id"), blank="不关联")  # fmt: skip
    groups = [Group("", [link, *drawn, account])]
    return page_of(request, view, "更改档案信息", "/particulars", groups, refused)


@router.get("/households/{household_id}/address")
def address(request: Request, household_id: uuid.UUID) -> HTMLResponse:
    """The form of the address and the housing."""
    return _address_form(request, household_id, None)


@router.post("/households/{household_id}/address")
def save_address(request: Request, household_id: uuid.UUID, filled: Filled) -> Response:
    """Change them."""
    return act_on(
        household_id,
        lambda session: change_address(
            session, household_id, filled.get("address", ""), typed(_PLACE, filled), version=version_of(filled)
        ),
        lambda error: _address_form(request, household_id, filled, error),
    )


def _address_form(
    request: Request, household_id: uuid.UUID, filled: Mapping[str, str] | None, refused: BangfuError | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        view, known = view_of(session, household_id), townships(session)
    given = filled if filled is not None else as_is(HOUSING_ITEMS, view.household) | as_is([TOWNSHIP], view.file)
    said_of = told(refused, ["address", *(item.name for item in _PLACE)])
    hint = "门牌号加密保存；不更改住址的不填"
    place = Field(
        "address", "住址", "text", given.get("address", ""), (), False, hint, said_of.at("address"), view.household.address, 200
    )
    was = was_of(HOUSING_ITEMS, view.household) | was_of([TOWNSHIP], view.file)
    groups = [Group("", offering([place, *fields_of(_PLACE, given, said_of, was)], "township", known))]
    return page_of(request, view, "更改住址", "/address", groups, refused)
