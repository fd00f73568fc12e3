"""A household that a clerk registers by hand (登记新户): rows of members, looked up before anything is written.

Without a script: "add a person" sends the form and draws it anew with one row more; nothing that was typed is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden
from core.people.changes.persons import Newcomer
from core.people.employers.service import named
from core.people.entry import Fault, Item, Refused, value_of
from core.people.listing import townships
from core.people.registering import MOST_MEMBERS, PARTICULARS, LookedUp, NewHousehold, look_up, register_household
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages.employers import employer_choice
from core.web.pages.entry_forms import Field, Group, Told, fields_of, maybe_id, offering, posted, told

router = APIRouter(dependencies=[Depends(requires("people.write"))])

Filled = Annotated[dict[str, str], Depends(posted)]
_FIRST_ROWS = 2
_MEMBER = (
    Item("name", "姓名", "name", required=True, most=50),
    Item("relation", "与户主关系", "relation", "code", codes="relationship_form", required=True),
    Item("identity_number", "身份证号", "identity number", most=30),
    Item("phone", "手机", "phone", most=30),
    Item("gender", "性别", "sex", "code", codes="gender"),
    Item("birth_date", "出生日期", "birth date", "date"),
)
_BY_NUMBER = ("gender", "birth_date")
_HINTS = {"identity_number": "出生日期和性别按号码登记", "gender": "尚无号码的子女填写", "birth_date": "尚无号码的子女填写"}


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member's row of the form."""

    place: int
    fields: Sequence[Field]


@router.get("/households/new")
def new_household(request: Request) -> HTMLResponse:
    """The empty form: a row for the head and one more."""
    return _form(request, {"rows": str(_FIRST_ROWS), "members.0.relation": "head"})


@router.post("/households/new")
def register(request: Request, tenant: str, filled: Filled) -> Response:
    """Add or take out a row; or look the household up and, where nothing is known elsewhere or that was seen, write it down."""
    act = filled.get("act", "")
    if act == "add" or act.startswith("remove."):
        return _form(request, _with_rows(filled, act))
    try:
        new = _household(filled)
        with unit_of_work() as session:
            elsewhere = look_up(session, new)
    except Forbidden:
        raise
    except BangfuError as refusal:
        return _form(request, filled, refusal)
    if elsewhere and filled.get("seen") != "yes":
        return _form(request, filled, elsewhere=elsewhere)
    return changed(
        lambda session: register_household(session, new),
        lambda file: go(f"/{tenant}/households/{file.household_id}", f"已登记，档案编号 {file.file_number}，待初审"),
        lambda refusal: _form(request, filled, refusal),
    )


def _rows(filled: Mapping[str, str]) -> int:
    text = filled.get("rows", "")
    return min(max(int(text), 1), MOST_MEMBERS) if text.isascii() and text.isdigit() and len(text) < 4 else _FIRST_ROWS


def _with_rows(filled: Mapping[str, str], act: str) -> dict[str, str]:
    """The form with a row more, or without one; the others keep their order."""
    rows = _rows(filled)
    members = [{item.name: filled.get(f"members.{at}.{item.name}", "") for item in _MEMBER} for at in range(rows)]
    gone = act.removeprefix("remove.")
    if act == "add" and rows < MOST_MEMBERS:
        members.append({})
    elif gone.isascii() and gone.isdigit() and 0 < int(gone) < rows:
        del members[int(gone)]
    kept = {name: value for name, value in filled.items() if not name.startswith("members.")}
    typed = {f"members.{at}.{name}": value for at, member in enumerate(members) for name, value in member.items()}
    return kept | typed | {"rows": str(len(members))}


def _household(filled: Mapping[str, str]) -> NewHousehold:
    """What was typed; rows left wholly blank count for nothing."""
    members, faults = [], []
    for at in range(_rows(filled)):
        typed = {item.name: filled.get(f"members.{at}.{item.name}", "").strip() for item in _MEMBER}
        if at and not any(typed.values()):
            continue
        where = f"members.{at}.birth_date"
        try:
            day = value_of(_MEMBER[-1], typed["birth_date"], where, current_scope().business_date)
        except BangfuError as refusal:
            faults.append(Fault(where, "出生日期", refusal))
            day = None
        members.append(Newcomer(**{**typed, "birth_date": day}))
    if faults:
        raise Refused(faults)
    return NewHousehold(
        members,
        filled.get("address", ""),
        {item.name: filled.get(item.name, "") for item in PARTICULARS},
        maybe_id(filled, "employer_id"),
        filled.get("lookup_reason", "").strip() or "登记新户查重",
    )


def _form(
    request: Request,
    filled: Mapping[str, str],
    refused: BangfuError | None = None,
    elsewhere: Sequence[LookedUp] = (),
) -> HTMLResponse:
    rows = _rows(filled)
    names = [f"members.{at}.{item.name}" for at in range(rows) for item in _MEMBER]
    every = told(refused, [*names, "address", "employer_id", *(item.name for item in PARTICULARS)])
    with unit_of_work() as session:
        typed_name = filled.get("employer_name", "")
        fitting = named(session, typed_name) if typed_name and not filled.get("employer_id") else None
        choice = employer_choice(session, filled.get("employer_id", ""), typed_name)
        known = townships(session)
    hint = f"“{fitting.name}”已在单位名录中，可在此选择关联" if fitting else "名录中没有的，在“工作单位”中填写"
    link = Field(
        "employer_id",
        "用人单位（从名录选择）",
        "code",
        filled.get("employer_id", ""),
        choice,
        False,
        hint,
        every.at("employer_id"),
        blank="不关联",
    )
    hint_of_place = "填到门牌号；门牌号加密保存"
    place = Field("address", "住址", "text", filled.get("address", ""), (), True, hint_of_place, every.at("address"), most=200)
    members = [MemberRow(at, _member_fields(at, filled, every)) for at in range(rows)]
    about = offering(fields_of(PARTICULARS, filled, every), "township", known)
    file = Group("住址、单位和致困原因", [place, *about[:1], link, *about[1:]])
    fields = [(field, f"第 {row.place + 1} 人 {field.label}") for row in members for field in row.fields]
    fields += [(field, field.label) for field in file.fields]
    return show(
        request,
        "household_new.html",
        status=every.status,
        members=members,
        file=file,
        rows=rows,
        most=MOST_MEMBERS,
        errors=[(f"f-{field.name}", label, field.error) for field, label in fields if field.error],
        general=every.general,
        elsewhere=elsewhere,
        seen=filled.get("seen", ""),
    )


def _member_fields(at: int, filled: Mapping[str, str], every: Told) -> list[Field]:
    items = [item for item in _MEMBER if at or item.name not in _BY_NUMBER]
    drawn = []
    for field, item in zip(fields_of(items, filled, every, prefix=f"members.{at}."), items, strict=True):
        options = field.options
        if item.name == "relation":
            options = tuple(one for one in options if (one[0] == "head") == (at == 0))
        drawn.append(
            replace(
                field,
                options=options,
                required=at == 0 and item.name in ("name", "identity_number"),
                hint=_HINTS.get(item.name, ""),
                blank="请选择" if item.name == "relation" else "",
            )
        )
    return drawn
