"""Changing who handles a confidential case, and the emergency way to it: asking, agreeing, being told (承办人变更)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.cases.handler_changes import (
    BREAK_GLASS,
    TAKE_BACK,
    Emergency,
    SamePerson,
    ask_change,
    ask_emergency,
    decide_change,
    withdraw_change,
)
from core.cases.handler_lists import (
    HandledCase,
    changes_of_mine,
    changes_to_decide,
    emergency_candidates,
    handled_case,
    handler_news,
    put_away,
)
from core.cases.handlers import Candidate
from core.db.session import unit_of_work
from core.errors import BangfuError, NotFound
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages import words
from core.web.step_up import fresh_proof
from core.web.typed import id_typed

T = TypeVar("T")

router = APIRouter(dependencies=[Depends(requires("home.read"))])

_FRESH = Depends(fresh_proof())
_CASES = Depends(requires("case.read"))
_EMERGENCY = Depends(requires(BREAK_GLASS))
_STATES: Mapping[str, tuple[str, str]] = {
    "asked": ("待同意", "info"),
    "agreed": ("已变更", "ok"),
    "refused": ("未同意", "bad"),
    "withdrawn": ("已撤回", ""),
    "lapsed": ("已失效", "warn"),
}
_NEWS: Mapping[str, str] = {
    "joined": "您已被指定为 %(number)s 号件的承办人",
    "left": "您承办的 %(number)s 号件已变更承办人，您不再承办",
    "stays": "您承办的 %(number)s 号件已变更承办人，您仍为承办人",
}
_NOTHING_TYPED = dict.fromkeys(("form", "reason", "why", "number", "ground", "order_number", "clears"), "")
_GROUNDS = (("nobody_left", "承办人均已离岗或停用，无人能够办理"), ("order", "法院、纪检监察等机关书面要求"))

Text = Annotated[str, Form(max_length=200)]
Reason = Annotated[str, Form(max_length=2000)]
Actors = Annotated[list[str] | None, Form(max_length=100)]


@router.get("/cases/handlers")
def overview(request: Request, case: uuid.UUID | None = None) -> HTMLResponse:
    """What waits for whoever asks, what he asked and is told, and the forms that are his: for a case that he handles
    (``case``), and for an emergency."""
    return _page(request, case)


@router.post("/cases/handlers", dependencies=[_CASES, _FRESH])
def ask(
    request: Request, tenant: str, case: Text = "", add: Actors = None, remove: Actors = None, reason: Reason = ""
) -> Response:
    """A handler asks for a change on his case."""
    case_id = id_typed(case, NotFound("没有此个案", "no such case", where="case"))
    return changed(
        lambda session: ask_change(session, case_id, add=add or (), remove=remove or (), reason=reason),
        lambda made: go(f"/{tenant}/cases/handlers", _SENT[made.decides]),
        lambda error: _page(request, case_id, error, {"form": "ask", "reason": reason}, [*(add or ()), *(remove or ())]),
    )


_SENT: Mapping[str, str] = {
    "handler": "已提出，等待另一名承办人同意",
    "vice_chair": "已提出，等待分管主席同意",
    "leader": "已提出，等待本单位领导同意",
}


@router.post("/cases/handlers/emergency", dependencies=[_EMERGENCY, _FRESH])
def ask_in_emergency(
    request: Request,
    tenant: str,
    number: Text = "",
    add: Actors = None,
    ground: Text = "",
    order_number: Text = "",
    clears: Text = "",
    reason: Reason = "",
) -> Response:
    """The vice chair in charge asks by the case's number alone."""
    what = Emergency(ground, order_number, bool(clears))
    typed = {"form": "emergency", "number": number, "ground": ground, "order_number": order_number, "clears": clears}

    def act(session: Session) -> str:
        return ask_emergency(session, number, add=add or (), what=what, reason=reason).decides

    return _told(
        act,
        lambda decides: go(f"/{tenant}/cases/handlers", _SENT[decides]),
        lambda error: _page(request, None, error, typed | {"reason": reason}, add),
    )


@router.post("/cases/handlers/{change_id}", dependencies=[_FRESH])
def decide(request: Request, tenant: str, change_id: uuid.UUID, outcome: Text = "", why: Reason = "") -> Response:
    """The second person's word."""
    if outcome not in ("agreed", "refused"):
        raise NotFound("没有这一操作", "no such outcome", where="outcome")
    agreed = outcome == "agreed"
    return _told(
        lambda session: decide_change(session, change_id, agreed=agreed, why=why),
        lambda _: go(f"/{tenant}/cases/handlers", "已同意，承办人已变更" if agreed else "已答复不同意"),
        lambda error: _page(request, None, error, {"form": str(change_id), "why": why}),
    )


@router.post("/cases/handlers/{change_id}/withdraw", dependencies=[Depends(requires(TAKE_BACK))])
def withdraw(request: Request, tenant: str, change_id: uuid.UUID) -> Response:
    """Take back what one asked."""
    return changed(
        lambda session: withdraw_change(session, change_id),
        lambda _: go(f"/{tenant}/cases/handlers", "已撤回"),
        lambda error: _page(request, None, error),
    )


@router.post("/cases/handlers/news/{news_id}")
def seen(request: Request, tenant: str, news_id: uuid.UUID) -> Response:
    """What was told has been read."""
    return changed(
        lambda session: put_away(session, news_id),
        lambda _: go(f"/{tenant}/cases/handlers"),
        lambda error: _page(request, None, error),
    )


def _told(act: Callable[[Session], T], then: Callable[[T], Response], again: Callable[[BangfuError], HTMLResponse]) -> Response:
    """``changed``, where the refusal of the same person is shown with what was typed as well."""
    try:
        return changed(act, then, again)
    except SamePerson as error:
        return again(error)


def _page(
    request: Request,
    case_id: uuid.UUID | None,
    refused: BangfuError | None = None,
    typed: Mapping[str, str] | None = None,
    ticked: Sequence[str] | None = None,
) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        waiting, mine, news = changes_to_decide(session), changes_of_mine(session), handler_news(session)
        handled = handled_case(session, case_id) if case_id is not None else None
        people = emergency_candidates(session) if scope.may(BREAK_GLASS) else None
    changes = [line.change for line in (*waiting, *mine)]
    actors = {actor for change in changes for actor in (change.asked_by, change.decided_by, *change.added, *change.removed)}
    return show(
        request,
        "handlers.html",
        refusal=refused,
        waiting=waiting,
        mine=mine,
        news=[(item, _NEWS[item.part] % {"number": item.number}) for item in news],
        handled=handled.case if handled else None,
        candidates=_offered(handled.candidates) if handled else [],
        people=None if people is None else _offered(people),
        names=words.staff_names({*actors, *_handlers(handled)}),
        states=_STATES,
        grounds=_GROUNDS,
        typed={**_NOTHING_TYPED, **(typed or {})},
        ticked=ticked or [],
        where=refused.where if refused else None,
        me=scope.actor,
    )


def _offered(people: Sequence[Candidate]) -> list[tuple[str, str]]:
    return [(one.actor, f"{one.name}（{'、'.join(one.titles)}）") for one in people]


def _handlers(handled: HandledCase | None) -> Sequence[str]:
    return handled.case.handlers or () if handled else ()
