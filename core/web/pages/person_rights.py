"""The rights desk: what persons ask for by right, the copy of their data, and erasures by two people (个人信息权利)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from tempfile import TemporaryFile
from typing import IO, Annotated, Final

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput, Misconfigured
from core.exchange.envelopes import UNHEARD_ZH, unheard
from core.rights.copies import take, write
from core.rights.emptying import settle
from core.rights.erasing import (
    decide,
    erasure_named,
    files_going,
    files_of_wish,
    files_together,
    propose,
    proposed,
    withdraw,
)
from core.rights.hindrances import due_files, hindrances
from core.rights.models import KINDS, REQUEST_STATES, Erasure, RightsRequest
from core.rights.names import DECIDE, HANDLE
from core.rights.partners import ANSWER, ENDED, OUTCOMES, answer_partner, files_here, names_here, partner_erasures
from core.rights.requests import (
    NewRequest,
    answer,
    names_of,
    persons_of,
    register,
    request_named,
    requests_of,
    requests_open,
)
from core.rights.views import members_of
from core.scope import current_scope
from core.web.context import changed, go, requires, show
from core.web.handing_out import streamed
from core.web.pages import words
from core.web.paging import After, cut, next_url
from core.web.step_up import fresh_proof
from core.web.typed import day_typed, id_typed

router = APIRouter()
HANDLES = Depends(requires(HANDLE))
DECIDES = Depends(requires(DECIDE))
PROVES = Depends(fresh_proof())
_PAGE: Final = 50
_NOTHING_TYPED: Final = dict.fromkeys(("form", "kind", "person_id", "agent_name", "evidence", "reason", "asked_on", "why"), "")

Line = Annotated[str, Form(max_length=200)]
Words = Annotated[str, Form(max_length=2000)]


@router.get("/rights", dependencies=[HANDLES])
def desk(request: Request, after: After = None, ended: Annotated[bool, Query()] = False) -> HTMLResponse:
    """Requests that wait for an answer, and files whose period of retention is over."""
    with unit_of_work() as session:
        page = cut(requests_open(session, after, _PAGE + 1, ended=ended), _PAGE, lambda row: row.id)
        names = names_of(session, {row.person_id for row in page.rows})
        due = due_files(session, limit=_PAGE)
    return show(
        request,
        "rights.html",
        rows=page.rows,
        next=next_url(request, page.after),
        ended=ended,
        names=names,
        due=due,
        kinds=KINDS,
        states=REQUEST_STATES,
        file_states=words.FILE_STATES,
    )


@router.get("/rights/partners", dependencies=[HANDLES])
def partners(request: Request) -> HTMLResponse:
    """What other counties erased of households that moved here, and what was told of those that moved away."""
    return _partners(request)


@router.post("/rights/partners/{told_id}", dependencies=[HANDLES])
def partner_answered(request: Request, tenant: str, told_id: uuid.UUID, outcome: Line = "", why: Words = "") -> Response:
    """Answer the county that erased."""
    return changed(
        lambda session: answer_partner(session, told_id, outcome, why),
        lambda _: go(f"/{tenant}/rights/partners", "已答复"),
        lambda error: _partners(request, error, {"form": str(told_id), "kind": outcome, "why": why}),
    )


def _partners(request: Request, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        rows = partner_erasures(session)
        names, files = names_here(session, rows), files_here(session, rows)
        answered = [row.envelope_id for row in rows if row.direction == "in" and row.outcome]
        unheard_of = unheard(session, ANSWER, answered)
    return show(
        request,
        "rights_partners.html",
        refusal=refused,
        told=[row for row in rows if row.direction == "in"],
        sent=[row for row in rows if row.direction == "out"],
        names=names,
        files=files,
        unions=words.union_names({row.peer for row in rows}),
        outcomes=OUTCOMES,
        ended=ENDED,
        unheard_of=unheard_of,
        unheard=UNHEARD_ZH,
        where=refused.where if refused else "",
        typed=_NOTHING_TYPED | dict(typed or {}),
    )


@router.get("/rights/erasures", dependencies=[DECIDES])
def waiting(request: Request) -> HTMLResponse:
    """Erasures that wait for their second person."""
    return _waiting(request)


def _waiting(request: Request, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        rows = proposed(session)
        names = names_of(session, {person for row in rows for person in row.persons})
        files = files_going(session, rows)
    return show(
        request,
        "rights_erasures.html",
        refusal=refused,
        rows=rows,
        names=names,
        files=files,
        states=words.FILE_STATES,
        staff=words.staff_names(row.proposed_by for row in rows),
        me=current_scope().persons,
        typed=_NOTHING_TYPED | dict(typed or {}),
    )


@router.post("/rights/erasures/{erasure_id}", dependencies=[DECIDES, PROVES])
def decided(request: Request, tenant: str, erasure_id: uuid.UUID, outcome: Line = "", why: Words = "") -> Response:
    """The second person's word; confirmed, the data are destroyed at once."""

    def act(session: Session) -> str:
        if outcome not in ("confirmed", "refused"):
            raise InvalidInput("请选择复核结果", "no such outcome", where="outcome")
        return decide(session, erasure_id, confirmed=outcome == "confirmed", why=why).state

    def then(state: str) -> Response:
        if state == "done":
            # the erasure is committed whatever becomes of the list; bangfu doctor and the nightly job tell where it is damaged
            with suppress(Misconfigured), unit_of_work() as session:
                settle(session)
        return go(f"/{tenant}/rights/erasures", "已删除，不能恢复" if state == "done" else "已退回，未删除")

    return changed(act, then, lambda error: _waiting(request, error, {"form": str(erasure_id), "why": why}))


@router.post("/rights/erasures/{erasure_id}/withdraw", dependencies=[HANDLES])
def withdrawn(request: Request, tenant: str, erasure_id: uuid.UUID) -> Response:
    """Take back what was proposed; where somebody was quicker, the page of the household says so."""

    def refused(error: BangfuError) -> HTMLResponse:
        with unit_of_work() as session:
            home = erasure_named(session, erasure_id).household_id
        return _household(request, home, error)

    return changed(
        lambda session: withdraw(session, erasure_id).household_id,
        lambda household: go(f"/{tenant}/rights/households/{household}", "已撤回"),
        refused,
    )


@router.get("/rights/households/{household_id}", dependencies=[HANDLES])
def household(request: Request, household_id: uuid.UUID) -> HTMLResponse:
    """What the persons of a household asked for, with the form for more, and what stands in the way of an erasure."""
    return _household(request, household_id)


@router.post("/rights/households/{household_id}", dependencies=[HANDLES])
def registered(
    request: Request,
    tenant: str,
    household_id: uuid.UUID,
    kind: Line = "",
    person_id: Line = "",
    agent_name: Line = "",
    evidence: Words = "",
    reason: Words = "",
    asked_on: Line = "",
) -> Response:
    """Register a request."""
    typed = {
        "form": "register", "kind": kind, "person_id": person_id, "agent_name": agent_name, "evidence": evidence,
        "reason": reason, "asked_on": asked_on,
    }  # fmt: skip

    def act(session: Session) -> RightsRequest:
        members_of(session, household_id)
        new = NewRequest(kind, household_id, _id_of(person_id), evidence, agent_name, reason, _day_of(asked_on))
        return register(session, new)

    return changed(
        act,
        lambda made: go(f"/{tenant}/rights/{made.id}", f"已登记 {made.number}，请在 {made.due_on} 前答复"),
        lambda error: _household(request, household_id, error, typed),
    )


@router.post("/rights/households/{household_id}/erasure", dependencies=[HANDLES, PROVES])
def erasure_proposed(
    request: Request, tenant: str, household_id: uuid.UUID, person_id: Line = "", request_id: Line = "", reason: Words = ""
) -> Response:
    """Propose to erase the household's file, or one person of it; at the person's wish from the page of the request, which is
    shown again where it is refused."""
    typed = {"form": "erasure", "person_id": person_id, "reason": reason}

    def act(session: Session) -> Erasure:
        asked = _id_of(request_id, "request_id") if request_id else None
        if not person_id and asked is None:
            raise InvalidInput("请选择删除何人", "say whose data: one person's or the whole household's", where="person_id")
        alone = _id_of(person_id) if person_id not in ("", "all") else None
        return propose(session, household_id, person_id=alone, reason=reason, request_id=asked)

    def refused(error: BangfuError) -> HTMLResponse:
        if request_id:
            return _one(request, _id_of(request_id, "request_id"), error, typed)
        return _household(request, household_id, error, typed)

    return changed(
        act,
        lambda _made: go(f"/{tenant}/rights/households/{household_id}", "已提出，等待另一人复核；复核前可以撤回"),
        refused,
    )


@router.get("/rights/{request_id}", dependencies=[HANDLES])
def one(request: Request, request_id: uuid.UUID) -> HTMLResponse:
    """One request with what can be done about it."""
    return _one(request, request_id)


@router.post("/rights/{request_id}", dependencies=[HANDLES])
def answered(request: Request, tenant: str, request_id: uuid.UUID, outcome: Line = "", why: Words = "") -> Response:
    """Answer a request with the reason that the person is told."""
    return changed(
        lambda session: answer(session, request_id, outcome=outcome, why=why),
        lambda made: go(f"/{tenant}/rights", f"{made.number} {REQUEST_STATES[made.state]}"),
        lambda error: _one(request, request_id, error, {"form": "answer", "why": why}),
    )


@router.post("/rights/{request_id}/copy", dependencies=[HANDLES, PROVES])
def copied(request: Request, request_id: uuid.UUID) -> Response:
    """The copy of everything about the person, as a zip, once. Nothing of it is kept here: it is written while it is sent."""

    def act(session: Session) -> tuple[IO[bytes], str]:
        made = take(session, request_id)
        file = TemporaryFile()  # noqa: SIM115 - closed by what sends it
        try:
            # before the commit: a copy that cannot be written is not taken out
            write(made, file)
        except BaseException:
            file.close()
            raise
        return file, made.number

    return changed(
        act, lambda made: streamed(made[0], "application/zip", f"{made[1]}.zip"), lambda error: _one(request, request_id, error)
    )


def _household(
    request: Request, household_id: uuid.UUID, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        names = members_of(session, household_id)
        people = persons_of(session, household_id)
        standing = [person.id for person in people if person.erased_at is None]
        held = hindrances(session, household_id, standing, whole=True, wish=False) if standing else []
        rows = requests_of(session, household_id)
        waiting = [row for row in proposed(session) if row.household_id == household_id]
        files = files_going(session, waiting) if waiting else {None: files_together(session, household_id)}
    return show(
        request,
        "rights_household.html",
        refusal=refused,
        household_id=household_id,
        names=names,
        people=[(str(person.id), person.name) for person in people if person.erased_at is None],
        erased=[person for person in people if person.erased_at is not None],
        rows=rows,
        held=held,
        waiting=waiting,
        files=files,
        file_states=words.FILE_STATES,
        kinds=KINDS,
        states=REQUEST_STATES,
        typed=_NOTHING_TYPED | dict(typed or {}),
        where=refused.where if refused else None,
    )


def _one(
    request: Request, request_id: uuid.UUID, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        row = request_named(session, request_id)
        names = names_of(session, [row.person_id])
        files = files_of_wish(session, row)
    staff = words.staff_names([row.registered_by, row.answered_by, row.taken_by])
    return show(
        request,
        "rights_request.html",
        refusal=refused,
        row=row,
        name=names.get(row.person_id, ""),
        staff=staff,
        kinds=KINDS,
        states=REQUEST_STATES,
        mine=row.registered_by == current_scope().actor,
        files=files,
        file_states=words.FILE_STATES,
        typed=_NOTHING_TYPED | dict(typed or {}),
        where=refused.where if refused else None,
    )


def _id_of(text: str, where: str = "person_id") -> uuid.UUID:
    return id_typed(text, InvalidInput("请选择人员", "choose a person", where=where))


def _day_of(text: str) -> date | None:
    wrong = InvalidInput("没有这一天", "there is no such day", where="asked_on")
    return day_typed(text, wrong) if text.strip() else None
