"""A member's particulars, and a name or identity number put right (基本信息与信息更正)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError
from core.people.changes.corrections import Ground, correct_identity, correct_name
from core.people.changes.facts import PERSON_ROW_ITEMS, change_person_particulars
from core.people.entry import Item
from core.people.repository import member_named
from core.web.context import requires
from core.web.pages.entry_forms import Field, Group, day_of, fields_of, posted, told, version_of
from core.web.pages.household_forms import act_on, as_is, page_of, typed, view_of, was_of

router = APIRouter(dependencies=[Depends(requires("people.write"))])

Filled = Annotated[dict[str, str], Depends(posted)]
_CORRECTION = (
    Item("name", "更正后的姓名", "name", most=50, hint_zh="不更正的不填"),
    Item("identity_number", "更正后的身份证号", "identity number", most=30, hint_zh="不更正的不填；性别和出生日期随号码更正"),
    Item("reason", "更正原因和依据", "reason", "long_text", required=True, most=500),
    Item("asked_on", "本人申请日期", "asked for on", "date", hint_zh="由本人或家属申请更正的填写"),
)


@router.get("/households/{household_id}/people/{person_id}/particulars")
def person_particulars(request: Request, household_id: uuid.UUID, person_id: uuid.UUID) -> HTMLResponse:
    """The form of a member's nationality, status, registration and phone."""
    return _row_form(request, household_id, person_id, None)


@router.post("/households/{household_id}/people/{person_id}/particulars")
def save_person_particulars(request: Request, household_id: uuid.UUID, person_id: uuid.UUID, filled: Filled) -> Response:
    """Change them."""
    return act_on(
        household_id,
        lambda session: change_person_particulars(
            session,
            household_id,
            person_id,
            typed(PERSON_ROW_ITEMS, filled),
            phone=filled.get("phone", ""),
            version=version_of(filled),
        ),
        lambda error: _row_form(request, household_id, person_id, filled, error),
    )


def _row_form(
    request: Request,
    household_id: uuid.UUID,
    person_id: uuid.UUID,
    filled: Mapping[str, str] | None,
    refused: BangfuError | None = None,
) -> HTMLResponse:
    with unit_of_work() as session:
        view = view_of(session, household_id)
    person = member_named(view, person_id).person
    given = filled if filled is not None else as_is(PERSON_ROW_ITEMS, person)
    said_of = told(refused, ["phone", *(item.name for item in PERSON_ROW_ITEMS)])
    phone = Field(
        "phone", "手机", "text", given.get("phone", ""), (), False, "加密保存；不更改的不填", said_of.at("phone"),
        person.phone_masked, 30,
    )  # fmt: skip
    groups = [Group("", [*fields_of(PERSON_ROW_ITEMS, given, said_of, was_of(PERSON_ROW_ITEMS, person)), phone])]
    return page_of(request, view, f"{person.name}：基本信息", f"/people/{person_id}/particulars", groups, refused)


@router.get("/households/{household_id}/people/{person_id}/correct")
def correct(request: Request, household_id: uuid.UUID, person_id: uuid.UUID) -> HTMLResponse:
    """The form that puts a member's name or identity number right."""
    return _correct_form(request, household_id, person_id, {})


@router.post("/households/{household_id}/people/{person_id}/correct")
def save_correction(request: Request, household_id: uuid.UUID, person_id: uuid.UUID, filled: Filled) -> Response:
    """Put them right; what stood before is sealed, that it changed stays on record."""

    def act(session: Session) -> None:
        member_named(view_of(session, household_id), person_id)
        asked: date | None = day_of(filled, "asked_on", "本人申请日期") if filled.get("asked_on", "").strip() else None
        ground = Ground(filled.get("reason", ""), asked)
        name, number = filled.get("name", "").strip(), filled.get("identity_number", "").strip()
        if name or not number:
            correct_name(session, person_id, name, ground)
        if number:
            correct_identity(session, person_id, number, ground)

    again = lambda error: _correct_form(request, household_id, person_id, filled, error)  # noqa: E731 - beside its act
    return act_on(household_id, act, again, "已更正，更正记录可查", "/changes")


def _correct_form(
    request: Request,
    household_id: uuid.UUID,
    person_id: uuid.UUID,
    filled: Mapping[str, str],
    refused: BangfuError | None = None,
) -> HTMLResponse:
    with unit_of_work() as session:
        view = view_of(session, household_id)
    person = member_named(view, person_id).person
    was = {"name": person.name, "identity_number": person.identity_masked or "未登记"}
    drawn = fields_of(_CORRECTION, filled, told(refused, [item.name for item in _CORRECTION]), was)
    heading = f"{person.name}：更正姓名、身份证号"
    note = "更正后原姓名、原号码加密留存，仅能核对是否相符。"
    return page_of(request, view, heading, f"/people/{person_id}/correct", [Group("", drawn)], refused, note, back="/changes")
