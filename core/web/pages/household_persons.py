"""A member's particulars, and a name or identity number put right (基本信息与信息更正)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, File, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.documents.models import Document
from core.errors import BangfuError
from core.people.changes.corrections import Ground, correct_identity, correct_name
from core.people.changes.facts import PERSON_ROW_ITEMS, change_person_particulars
from core.people.entry import Item
from core.people.papers.attachments import NewPaper, add_paper, kinds, papers_of
from core.people.repository import member_named
from core.scope import current_scope
from core.settings import settings
from core.web.context import requires
from core.web.pages.entry_forms import Field, Group, Told, day_of, fields_of, maybe_id, posted, told, version_of
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
def save_correction(
    request: Request,
    household_id: uuid.UUID,
    person_id: uuid.UUID,
    filled: Filled,
    paper: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Put them right; what stood before is sealed, that it changed stays on record. A paper that comes along is taken in."""
    data = paper.file.read(settings().upload_limit_bytes + 1) if paper and paper.filename else None

    def act(session: Session) -> None:
        member_named(view_of(session, household_id), person_id)
        asked: date | None = day_of(filled, "asked_on", "本人申请日期") if filled.get("asked_on", "").strip() else None
        proof = maybe_id(filled, "document_id")
        if data is not None:
            proof = add_paper(session, household_id, NewPaper(filled.get("kind", ""), filled.get("title", ""), data)).id
        ground = Ground(filled.get("reason", ""), asked, proof)
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
        held = [one for one in papers_of(session, household_id) if one.withdrawn_on is None]
    person = member_named(view, person_id).person
    was = {"name": person.name, "identity_number": person.identity_masked or "未登记"}
    said_of = told(refused, [*(item.name for item in _CORRECTION), "document_id", "kind", "title", "paper"])
    groups = [Group("", fields_of(_CORRECTION, filled, said_of, was)), _proof(filled, said_of, held)]
    heading = f"{person.name}：更正姓名、身份证号"
    note = "更正后原姓名、原号码加密留存，仅能核对是否相符。"
    return page_of(request, view, heading, f"/people/{person_id}/correct", groups, refused, note, back="/changes")


def _proof(filled: Mapping[str, str], said_of: Told, held: Sequence[Document]) -> Group:
    """Fields of the paper that proves it: one that is held already, or a new one."""

    def field(name: str, label: str, kind: str, options: Sequence[tuple[str, str]] = (), hint: str = "") -> Field:
        return Field(name, label, kind, filled.get(name, ""), tuple(options), False, hint, said_of.at(name), None, 200)

    fields = [field("document_id", "已登记的材料", "code", [(str(one.id), one.title) for one in held])]
    if current_scope().may("document.add"):
        fields += [
            field("paper", "上传新材料", "file", (), "PDF、JPG 或 PNG；保存后归入本户“材料与照片”。未通过时需重新选择文件"),
            field("kind", "新材料的种类", "code", kinds()),
            field("title", "新材料的名称", "text", (), "不填写时用材料种类作名称"),
        ]
    return Group("依据材料", fields, "可选择已登记的材料，或上传新材料；两者都有的，以新材料为准。")
