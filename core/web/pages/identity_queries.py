"""Questions of counties to their province about somebody on file twice: asked on one side, answered on the other (异地重复)."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput
from core.exchange.envelopes import UNHEARD_ZH, unheard
from core.exchange.identity_index import ON_FILE
from core.exchange.identity_queries import ANSWER as REPLY
from core.exchange.identity_queries import (
    ANSWERING,
    ASKED,
    ASKING,
    OUTCOMES,
    STATES,
    WITHDRAWING,
    answer_query,
    ask_province,
    matches,
    names_asked_of,
    nobody_elsewhere,
    queries,
    query_received,
    withdraw_query,
)
from core.exchange.identity_told import SEEING, see, told_here
from core.exchange.identity_told import STATES as TOLD_STATES
from core.exchange.query_models import IdentityQuery
from core.people.repository import household_named
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.pages import words
from core.web.typed import id_typed

router = APIRouter()

ASKED_HERE = Depends(requires(ASKED))
ASK = Depends(requires(ASKING))
ANSWER = Depends(requires(ANSWERING))
SEE = Depends(requires(SEEING))
WITHDRAW = Depends(requires(WITHDRAWING))
Reason = Annotated[str, Form(max_length=2000)]


@router.get("/province-queries", dependencies=[ASKED_HERE])
def asked_list(request: Request) -> HTMLResponse:
    """What this county asked, with the answers."""
    return _asked(request)


def _asked(request: Request, refused: BangfuError | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        rows = queries(session, "out")
        told = told_here(session)
        names = names_asked_of(session, [*rows, *told])
    unions = words.union_names({row.keeper for row in rows if row.keeper})
    return show(
        request,
        "province_queries.html",
        refusal=refused,
        rows=rows,
        told=told,
        told_states=TOLD_STATES,
        may_see=current_scope().may("people.write"),
        may_withdraw=current_scope().may("people.reveal"),
        names=names,
        unions=unions,
        states=STATES,
        outcomes=OUTCOMES,
    )


@router.post("/province-queries/{told_id}/seen", dependencies=[SEE])
def seen(request: Request, tenant: str, told_id: uuid.UUID) -> Response:
    """Note that the office has seen what the province told."""
    return changed(
        lambda session: see(session, told_id),
        lambda _: go(f"/{tenant}/province-queries", "已标记为已阅"),
        lambda error: _asked(request, error),
    )


@router.post("/province-queries/{query_id}/withdraw", dependencies=[WITHDRAW])
def withdraw(request: Request, tenant: str, query_id: uuid.UUID) -> Response:
    """Take back what was asked by mistake."""
    return changed(
        lambda session: withdraw_query(session, query_id),
        lambda _: go(f"/{tenant}/province-queries", "已撤回"),
        lambda error: _asked(request, error),
    )


@router.get("/households/{household_id}/province-query", dependencies=[ASK])
def ask_form(request: Request, household_id: uuid.UUID) -> HTMLResponse:
    """The form that asks of a member."""
    return _form(request, household_id)


@router.post("/households/{household_id}/province-query", dependencies=[ASK])
def ask_one(
    request: Request,
    tenant: str,
    household_id: uuid.UUID,
    person_id: Annotated[str, Form(max_length=36)] = "",
    reason: Reason = "",
) -> Response:
    """Ask; that the number was used is logged."""

    def act(session: Session) -> IdentityQuery | None:
        nobody = InvalidInput("请选择查询何人", "a member of the household is needed", where="person_id")
        return ask_province(session, household_id, id_typed(person_id, nobody), reason)

    def again(error: BangfuError) -> HTMLResponse:
        return _form(request, household_id, error, {"person_id": person_id, "reason": reason})

    return changed(
        act,
        lambda asked: (
            go(f"/{tenant}/province-queries", "已提交省级查询，答复后在此显示") if asked else again(nobody_elsewhere())
        ),
        again,
    )


@router.get("/identity-queries", dependencies=[ANSWER])
def received_list(request: Request) -> HTMLResponse:
    """What the counties asked, open questions first."""
    with unit_of_work() as session:
        rows = queries(session, "in")
        unheard_of = unheard(session, REPLY, [row.envelope_id for row in rows if row.outcome])
    unions = words.union_names({row.peer for row in rows})
    return show(
        request,
        "identity_queries.html",
        rows=rows,
        unheard_of=unheard_of,
        unions=unions,
        states=STATES,
        outcomes=OUTCOMES,
    )


@router.get("/identity-queries/{query_id}", dependencies=[ANSWER])
def one_query(request: Request, query_id: uuid.UUID) -> HTMLResponse:
    """One question with the counties in which the hash is marked."""
    return _one(request, query_id)


@router.post("/identity-queries/{query_id}/answer", dependencies=[ANSWER])
def answer_one(
    request: Request,
    tenant: str,
    query_id: uuid.UUID,
    outcome: Annotated[str, Form(max_length=20)] = "",
    keeper: Annotated[str, Form(max_length=6)] = "",
    answer: Reason = "",
) -> Response:
    """Answer the county."""
    return changed(
        lambda session: answer_query(session, query_id, outcome, answer, keeper=keeper or None),
        lambda _: go(f"/{tenant}/identity-queries", "已答复"),
        lambda error: _one(request, query_id, error, {"outcome": outcome, "keeper": keeper, "answer": answer}),
    )


def _form(
    request: Request, household_id: uuid.UUID, refused: BangfuError | None = None, typed: dict[str, str] | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        view = household_named(session, household_id)
    return show(
        request,
        "province_query_new.html",
        refusal=refused,
        view=view,
        typed={"person_id": "", "reason": ""} | (typed or {}),
    )


def _one(
    request: Request, query_id: uuid.UUID, refused: BangfuError | None = None, typed: dict[str, str] | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        query = query_received(session, query_id)
        found = matches(session, query)
        unheard_of = unheard(session, REPLY, [query.envelope_id] if query.outcome else [])
    titles = {ON_FILE: "建档"} | {f"aided:{code}": f"受助（{title}）" for code, title in words.programme_titles().items()}
    unions = words.union_names({query.peer} | {match.tenant for match in found})
    return show(
        request,
        "identity_query.html",
        refusal=refused,
        query=query,
        unheard=UNHEARD_ZH if unheard_of else "",
        found=found,
        titles=titles,
        unions=unions,
        keepers=[(code, unions[code]) for code in sorted({match.tenant for match in found})],
        states=STATES,
        outcomes=OUTCOMES,
        where=refused.where if refused else "",
        typed={"outcome": "", "keeper": "", "answer": ""} | (typed or {}),
    )
