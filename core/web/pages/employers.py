"""Employers (用人单位): the list, one employer with its tests and workers, and the forms (domain 3.1, 3.4)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError, Conflict
from core.people.employers.service import (
    ITEMS,
    TEST_ITEMS,
    as_filled,
    employer_view,
    list_employers,
    record_test,
    save_employer,
)
from core.people.entry import Item, said
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages import words
from core.web.pages.entry_forms import Group, errors_of, fields_of, posted, told, version_of
from core.web.paging import After, cut, next_url

router = APIRouter()

READ = Depends(requires("people.read"))
WRITE = Depends(requires("people.write"))
Filled = Annotated[dict[str, str], Depends(posted)]
_PAGE = 50
_CHOICES = 200
_REASON = Item("reason", "更改原因", "reason", "long_text", required=True, most=500)
SIGNS: Mapping[str, tuple[str, str]] = {
    "losses": ("连续两年以上亏损", "warn"),
    "bankrupt": ("已宣告破产", "bad"),
    "allowance_unpaid": ("基本生活费未按规定发放", "warn"),
    "majority_below": ("多数职工低于低保标准", "bad"),
}
"""What of domain 3.1 holds of a firm, in words with a tone."""


def employer_choice(session: Session, chosen: str, asked: str = "") -> tuple[tuple[str, str], ...]:
    """Employers to choose from on a household's form: those whose name fits first, then the list; the chosen one among them."""
    fitting = list_employers(session, asked, limit=20) if asked.strip() else []
    rows = [*fitting, *list_employers(session, limit=_CHOICES)]
    found = {str(row.employer.id): row.employer.name for row in rows}
    if chosen and chosen not in found:
        try:
            found[chosen] = employer_view(session, uuid.UUID(chosen), limit=1).employer.name
        except (ValueError, BangfuError):
            found.pop(chosen, None)
    return tuple(found.items())


@router.get("/employers", dependencies=[READ])
def employer_list(request: Request, q: Annotated[str, Query(max_length=60)] = "", after: After = None) -> HTMLResponse:
    """Employers by pinyin, or those whom a name, pinyin, initials or a credit code fits."""
    with unit_of_work() as session:
        page = cut(list_employers(session, q, after, _PAGE + 1), _PAGE, lambda row: row.employer.id)
    return show(
        request,
        "employers.html",
        rows=page.rows,
        next=next_url(request, page.after),
        q=q,
        natures=words.words_of("employer_nature"),
        conditions=words.words_of("employer_condition"),
        may=current_scope().may("people.write"),
    )


@router.get("/employers/new", dependencies=[WRITE])
def new_employer(request: Request) -> HTMLResponse:
    """The empty form."""
    return _form(request, None, {}, None)


@router.post("/employers", dependencies=[WRITE])
def add_employer(request: Request, tenant: str, filled: Filled) -> Response:
    """Put an employer on the list."""
    return changed(
        lambda session: save_employer(session, None, filled),
        lambda made: go(f"/{tenant}/employers/{made.id}", f"已登记 {made.name}"),
        lambda error: _form(request, None, filled, error),
    )


@router.get("/employers/{employer_id}", dependencies=[READ])
def one_employer(request: Request, employer_id: uuid.UUID, after: After = None) -> HTMLResponse:
    """One employer: what it is, its tests, its workers' files seen together, what was changed."""
    return _one(request, employer_id, after)


def _one(
    request: Request,
    employer_id: uuid.UUID,
    after: uuid.UUID | None = None,
    filled: Mapping[str, str] | None = None,
    refused: BangfuError | None = None,
) -> HTMLResponse:
    with unit_of_work() as session:
        view = employer_view(session, employer_id, after, _PAGE + 1)
    page = cut(view.workers, _PAGE, lambda row: row.household_id)
    said_of = told(refused, [item.name for item in TEST_ITEMS])
    test = Group("", fields_of(TEST_ITEMS, filled or {}, said_of))
    labels = {item.name: item for item in ITEMS}
    return show(
        request,
        "employer.html",
        status=said_of.status,
        view=view,
        workers=page.rows,
        next=next_url(request, page.after),
        facts=[(item.zh, _said(item, getattr(view.employer, item.name))) for item in ITEMS],
        signs=[SIGNS[sign] for sign in view.difficulty],
        changes=[(row, _changed(row.changed, labels)) for row in view.changes],
        matters=[(words.line_title(line), count) for line, count in view.matters.items()],
        kinds=words.words_of("difficulty_category"),
        states=words.FILE_STATES,
        test=test,
        errors=errors_of([test]),
        general=said_of.general,
        may=current_scope().may("people.write"),
    )


def _changed(changed: Mapping[str, Any], labels: Mapping[str, Item]) -> list[str]:
    return [
        f"{labels[name].zh}：{_said(labels[name], was)} → {_said(labels[name], now)}" for name, (was, now) in changed.items()
    ]


def _said(item: Item, value: object) -> str:
    if isinstance(value, list):
        return "、".join(map(str, value)) or "未登记"
    return said(item, value)


@router.get("/employers/{employer_id}/edit", dependencies=[WRITE])
def edit_employer(request: Request, employer_id: uuid.UUID) -> HTMLResponse:
    """The form with what is on record."""
    return _form(request, employer_id, None, None)


@router.post("/employers/{employer_id}", dependencies=[WRITE])
def change_employer(request: Request, tenant: str, employer_id: uuid.UUID, filled: Filled) -> Response:
    """Change the employer; files that are linked follow."""
    return changed(
        lambda session: save_employer(
            session, employer_id, filled, reason=filled.get("reason", ""), version=version_of(filled)
        ),
        lambda made: go(f"/{tenant}/employers/{made.id}", "已保存，更改已留记录"),
        lambda error: _form(request, employer_id, filled, error),
    )


@router.post("/employers/{employer_id}/tests", dependencies=[WRITE])
def test_employer(request: Request, tenant: str, employer_id: uuid.UUID, filled: Filled) -> Response:
    """Record a test of the firm."""
    return changed(
        lambda session: record_test(session, employer_id, filled),
        lambda made: go(f"/{tenant}/employers/{employer_id}", "已登记：" + ("多数低于标准" if made.majority else "未过半数")),
        lambda error: _one(request, employer_id, None, filled, error),
    )


def _form(
    request: Request, employer_id: uuid.UUID | None, filled: Mapping[str, str] | None, refused: BangfuError | None
) -> HTMLResponse:
    tenant, was, version = current_scope().tenant, None, ""
    trail, action, heading = [("用人单位", f"/{tenant}/employers")], f"/{tenant}/employers", "登记用人单位"
    items: tuple[Item, ...] = ITEMS
    if employer_id is not None:
        with unit_of_work() as session:
            employer = employer_view(session, employer_id, limit=1).employer
        was = {item.name: _said(item, getattr(employer, item.name)) for item in ITEMS}
        items, version = (*ITEMS, _REASON), str(employer.version)
        action, heading = f"{action}/{employer_id}", "更改用人单位"
        trail.append((employer.name, action))
        filled = as_filled(employer) if filled is None else filled
    said_of = told(refused, [item.name for item in items])
    groups = [Group("", fields_of(items, filled or {}, said_of, was))]
    return show(
        request,
        "entry_form.html",
        status=said_of.status,
        heading=heading,
        trail=trail,
        action=action,
        back=action,
        groups=groups,
        errors=errors_of(groups),
        general=said_of.general,
        hidden={"version": version},
        submit="保存",
        note="",
        conflict=isinstance(refused, Conflict) and refused.where == "version",
    )
