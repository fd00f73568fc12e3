"""Changes of who belongs to a household, told on paper and written down by a clerk (家庭变动): the list, the forms, undoing."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.codes.loader import code_list
from core.db.session import unit_of_work
from core.db.statements import among
from core.documents.models import Document
from core.errors import BangfuError, Conflict, InvalidInput, NotFound
from core.people.changes.act import Succession, Why
from core.people.changes.corrections import corrections_of
from core.people.changes.membership import (
    JOINING,
    LEAVING,
    Founding,
    change_head,
    changes_of,
    join,
    leave,
    move_between,
    split,
    suggested,
    undo,
)
from core.people.changes.models import HouseholdChange
from core.people.changes.persons import Newcomer
from core.people.entry import SEPARATOR, Fault, Item, Refused
from core.people.models import Person, WorkerFile
from core.people.papers.attachments import papers_of
from core.people.repository import HouseholdView, household_named
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages import words
from core.web.pages.entry_forms import Field, Group, Told, day_of, errors_of, fields_of, id_of, maybe_id, posted, told

router = APIRouter()

READ = Depends(requires("people.read"))
WRITE = Depends(requires("people.write"))
FORMS: Mapping[str, str] = {
    "birth": "出生登记",
    "moved_in": "迁入登记",
    "marriage": "结婚登记（配偶等加入本户）",
    "death": "死亡登记",
    "moved_out": "迁出登记",
    "divorce": "离婚登记（成员离开本户）",
    "between": "迁往本单位另一户",
    "head_changed": "户主变更",
    "split": "分户",
}
_ACT = (
    Item("valid_from", "日期", "day", "date", required=True, hint_zh="从这一天起生效"),
    Item("reason", "原因和依据", "reason", "long_text", required=True, most=500),
)
_DAYS = {"birth": "入户日期", "death": "死亡日期", "moved_in": "迁入日期", "moved_out": "迁出日期"}
_PROOFS = {
    "birth": "出生医学证明、户口簿",
    "death": "死亡医学证明、户口注销证明",
    "marriage": "结婚证、户口簿",
    "divorce": "离婚证或判决书、户口簿",
}
"""Papers that prove a change, as its form names them; elsewhere the household register."""
_NEWCOMER = (
    Item("name", "姓名", "name", required=True, most=50),
    Item("relation", "与户主关系", "relation", "code", codes="relationship_form", required=True),
    Item("identity_number", "身份证号", "identity number", most=30, hint_zh="出生日期和性别按号码自动登记"),
    Item("phone", "手机", "phone", most=30),
)
_NEWBORN = (
    Item("gender", "性别", "sex", "code", codes="gender", hint_zh="尚无身份证号的填写"),
    Item("birth_date", "出生日期", "birth date", "date", hint_zh="尚无身份证号的填写"),
)
_BETWEEN_KINDS = (("moved_in", "迁入"), ("marriage", "结婚"), ("divorce", "离婚"))
_FOUNDING_KINDS = (("split", "分户"), ("divorce", "离婚"), ("marriage", "结婚"))
Filled = Annotated[dict[str, str], Depends(posted)]


@router.get("/households/{household_id}/changes", dependencies=[READ])
def change_list(request: Request, household_id: uuid.UUID) -> HTMLResponse:
    """What was changed of the household's membership, by whom and why; and what was put right of its members."""
    return _list(request, household_id)


@router.get("/households/{household_id}/changes/new", dependencies=[WRITE])
def new_change(
    request: Request, household_id: uuid.UUID, kind: Annotated[str, Query(max_length=20)] = "moved_in"
) -> HTMLResponse:
    """The form of one kind of change."""
    today = current_scope().business_date.isoformat()
    # A day of death is never proposed: whoever died hardly did so today.
    return _form(request, household_id, kind, {} if kind == "death" else {"valid_from": today})


@router.post("/households/{household_id}/changes", dependencies=[WRITE])
def record_change(request: Request, tenant: str, household_id: uuid.UUID, filled: Filled) -> Response:
    """Record a change; what was typed stays in the form where it is refused."""
    kind = filled.get("form", "")
    return changed(
        lambda session: _record(session, household_id, kind, filled),
        lambda to: go(f"/{tenant}/households/{to}/changes", f"已办理{FORMS[kind]}"),
        lambda error: _form(request, household_id, kind, filled, error),
    )


@router.post("/households/{household_id}/changes/{change_id}/undo", dependencies=[WRITE])
def undo_change(
    request: Request,
    tenant: str,
    household_id: uuid.UUID,
    change_id: uuid.UUID,
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Take a slip of today back."""
    return changed(
        lambda session: undo(session, change_id, reason=reason, of=household_id),
        lambda _: go(f"/{tenant}/households/{household_id}/changes", "已撤销，原登记留作记录"),
        lambda error: _list(request, household_id, error),
    )


def _list(request: Request, household_id: uuid.UUID, refused: BangfuError | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        view = household_named(session, household_id)
        rows = changes_of(session, household_id)
        ids = {uuid.UUID(step["person"]) for row in rows for step in row.steps} | {one.person.id for one in view.members}
        people = {one.id: one for one in session.scalars(select(Person).where(Person.id.in_(ids)))}
        corrections = corrections_of(session, list(ids))
        proofs = {row.document_id for row in rows} | {row.document_id for row in corrections}
        papers = {one.id: one for one in session.scalars(select(Document).where(among(Document.id, filter(None, proofs))))}
    undone = {row.undoes for row in rows}
    today = current_scope().business_date
    may = current_scope().may("people.write")
    return show(
        request,
        "household_changes.html",
        refusal=refused,
        view=view,
        rows=[(row, _steps(row, people)) for row in rows],
        undoable={
            row.id for row in rows if may and row.kind != "undone" and row.business_date == today and row.id not in undone
        },
        undone=undone,
        kinds=words.words_of("membership_reason"),
        corrections=corrections,
        papers=papers,
        names={one.id: one.name for one in people.values()},
        forms=FORMS if may else {},
    )


def _steps(row: HouseholdChange, people: Mapping[uuid.UUID, Person]) -> list[str]:
    """What a change did, a line for each person."""
    relations = words.words_of("relationship_form")
    said = []
    for step in row.steps:
        person = people.get(uuid.UUID(step["person"]))
        was = relations.get(step["was"], "") if step["was"] else "不在户内"
        now = relations.get(step["now"], "") if step["now"] else "不在户内"
        said.append(f"{person.name if person else ''}：{was} → {now}")
    return said


def _record(session: Session, household_id: uuid.UUID, form: str, filled: Mapping[str, str]) -> uuid.UUID:
    """Do what the form says; the household to go on with."""
    if form not in FORMS:
        raise InvalidInput("没有这类变动", "no such change", where="form")
    day, why = day_of(filled, "valid_from", "日期"), Why(filled.get("reason", ""), maybe_id(filled, "document_id"))
    kind = filled.get("kind") or form
    if form in JOINING:
        join(session, household_id, _newcomer(filled), kind=form, valid_from=day, why=why)
    elif form == "head_changed":
        named = _succession(filled) or Succession(id_of(filled, "new_head", "新户主"))
        change_head(session, household_id, named, valid_from=day, why=why)
    elif form == "split":
        gone = _ticked(filled, "leaving")
        head = id_of(filled, "founder", "新户的户主")
        relations = {one: filled.get(f"relation.{one}", "") for one in gone if one != head}
        founding = Founding(head, relations, filled.get("address", ""))
        made = split(
            session, household_id, founding, kind=kind, valid_from=day, why=why, succession=_succession(filled, without=gone)
        )
        return made.household_id
    else:
        person = id_of(filled, "person", "成员")
        heir = _succession(filled, without={person})
        if form == "between":
            to, relation = _household_numbered(session, filled.get("to", "")), filled.get("relation", "")
            move_between(
                session, household_id, person, to, relation=relation, kind=kind, valid_from=day, why=why, succession=heir
            )
        else:
            leave(session, household_id, person, kind=form, valid_from=day, why=why, succession=heir)
    return household_id


def _newcomer(filled: Mapping[str, str]) -> Newcomer:
    born = filled.get("birth_date", "").strip()
    return Newcomer(
        name=filled.get("name", ""),
        relation=filled.get("relation", ""),
        identity_number=filled.get("identity_number", ""),
        phone=filled.get("phone", ""),
        gender=filled.get("gender", ""),
        birth_date=day_of(filled, "birth_date", "出生日期") if born else None,
    )


def _ticked(filled: Mapping[str, str], name: str) -> set[uuid.UUID]:
    try:
        return {uuid.UUID(one) for one in filled.get(name, "").split(SEPARATOR) if one}
    except ValueError:
        raise NotFound("没有这名成员", "no such member", where=name) from None


def _succession(filled: Mapping[str, str], without: Iterable[uuid.UUID] = ()) -> Succession | None:
    head = maybe_id(filled, "new_head")
    if head is None:
        return None
    named = {name.removeprefix("relation."): value for name, value in filled.items() if name.startswith("relation.")}
    relations = {uuid.UUID(one): value for one, value in named.items() if _is_id(one)}
    return Succession(head, {one: value for one, value in relations.items() if one not in set(without)})


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _household_numbered(session: Session, number: str) -> uuid.UUID:
    found = session.scalar(select(WorkerFile.household_id).where(WorkerFile.file_number == number.strip()))
    if found is None:
        raise Refused(
            [Fault("to", "迁往的档案编号", InvalidInput("本单位没有这一编号的档案", "no such file here", where="to"))]
        )
    return found


def _form(
    request: Request, household_id: uuid.UUID, kind: str, filled: Mapping[str, str], refused: BangfuError | None = None
) -> HTMLResponse:
    if kind not in FORMS:
        raise NotFound("没有这类变动", "no such change", where="kind")
    with unit_of_work() as session:
        view = household_named(session, household_id)
        held = [(str(one.id), one.title) for one in papers_of(session, household_id) if one.withdrawn_on is None]
    if view.file is None:
        raise Conflict("该户尚未建档", "the household has no file", where="household_id")
    every = told(refused, ["document_id"])
    hint = "在“材料与照片”中先收件，再在此选择" if not held else ""
    chosen = filled.get("document_id", "")
    paper = Field("document_id", "依据材料", "code", chosen, tuple(held), False, hint, every.at("document_id"), blank="不选")
    groups = [*_groups(view, kind, filled, refused), Group("", [paper])]
    said = told(refused, [field.name for group in groups for field in group.fields])
    here = f"/{current_scope().tenant}/households/{household_id}"
    head = view.members[0].person.name if view.members else view.file.file_number
    return show(
        request,
        "entry_form.html",
        status=said.status,
        heading=FORMS[kind],
        trail=[("困难职工档案", f"/{current_scope().tenant}/files"), (head, here), ("家庭变动", f"{here}/changes")],
        action=f"{here}/changes",
        back=f"{here}/changes",
        groups=groups,
        errors=errors_of(groups),
        general=said.general,
        hidden={"form": kind},
        submit="登记",
        note="",
        conflict=False,
    )


def _groups(view: HouseholdView, kind: str, filled: Mapping[str, str], refused: BangfuError | None) -> list[Group]:
    every = told(refused, _names(view))
    act = Group("日期和依据", _act_fields(kind, filled, every))
    if kind in JOINING:
        items = (*_NEWCOMER, *_NEWBORN) if kind == "birth" else _NEWCOMER
        return [Group("", fields_of(items, filled, every)), act]
    people = tuple((str(one.person.id), one.person.name) for one in view.members)

    def choice(name: str, label: str, options: tuple[tuple[str, str], ...], *, must: bool = False, blank: str = "") -> Field:
        return Field(name, label, "code", filled.get(name, ""), options, must, "", every.at(name), blank=blank)

    titles = words.words_of("relationship_form")
    relations = [
        Field(
            f"relation.{one.person.id}", f"{one.person.name}（现为{titles.get(one.relation, '')}）",
            "code", filled.get(f"relation.{one.person.id}", _proposed(view, one.person.id, filled)), _relation_options(),
            error=every.at(f"relation.{one.person.id}"), blank="不填",
        )
        for one in view.members
    ]  # fmt: skip
    must = kind == "head_changed"
    heir = choice("new_head", "新户主", people, must=must, blank="" if must else "户主不变")
    heirs = Group("各成员与新户主的关系", [heir, *relations], "户主离开时必填：确定新户主，并填写其余成员与新户主的关系。")
    if kind == "head_changed":
        note = "原户主的银行账户不再使用，变更后请在“更改档案信息”中登记新户主的账户。"
        return [Group("", [heir]), Group("各成员与新户主的关系", relations, note), act]
    if kind == "split":
        leaving = Field("leaving", "分出的成员", "codes", filled.get("leaving", ""), people, True, "", every.at("leaving"))
        new = [
            leaving,
            choice("founder", "新户的户主", people, must=True),
            choice("kind", "原因类别", _FOUNDING_KINDS, must=True),
            Field("address", "新户住址", "text", filled.get("address", ""), (), True, "", every.at("address"), None, 200),
        ]
        note = "分出的成员填写与新户户主的关系；原户主分出的，其余成员填写与留下的新户主的关系。"
        return [Group("新户", new), Group("关系", [heir, *relations], note), act]
    first = [choice("person", "成员", people, must=True)]
    if kind == "between":
        number = Field("to", "迁往的档案编号", "text", filled.get("to", ""), (), True, "", every.at("to"), None, 40)
        first += [
            number,
            choice("relation", "与迁往户户主的关系", _relation_options(), must=True),
            choice("kind", "原因类别", _BETWEEN_KINDS, must=True),
        ]
    return [Group("", first), act, heirs] if kind in (*LEAVING, "between") else [act]


def _act_fields(kind: str, filled: Mapping[str, str], every: Told) -> list[Field]:
    """When and why, in the words of the change."""
    day, reason = fields_of(_ACT, filled, every)
    hint = f"如：依据{_PROOFS.get(kind, '户口簿、居住证明')}"
    return [replace(day, label=_DAYS.get(kind, day.label)), replace(reason, hint=hint)]


def _names(view: HouseholdView) -> list[str]:
    own = ("person", "to", "relation", "kind", "new_head", "leaving", "founder", "address")
    items = [item.name for item in (*_ACT, *_NEWCOMER, *_NEWBORN)]
    return [*own, *items, *(f"relation.{one.person.id}" for one in view.members)]


def _relation_options() -> tuple[tuple[str, str], ...]:
    return tuple((item.code, item.zh) for item in code_list("relationship_form").items if item.code != "head")


def _proposed(view: HouseholdView, person: uuid.UUID, filled: Mapping[str, str]) -> str:
    """How the member is probably related to the head that was chosen."""
    by_id = {str(one.person.id): one for one in view.members}
    chosen, one = by_id.get(filled.get("new_head", "")), by_id[str(person)]
    head = next((member for member in view.members if member.relation == "head"), None)
    if chosen is None or head is None or chosen is one:
        return ""
    return suggested(one.relation, head.person.gender, chosen.relation, one is head)
