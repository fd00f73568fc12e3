"""Matters between unions: what arrived, what was handed on, one matter with taking and answering it (移交与接收)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError
from core.exchange.envelopes import UNHEARD_ZH, envelopes, unheard
from core.exchange.matters import ANSWER, MATTER, OPEN_HERE, REPLY, TAKE, answer, matter_content, open_here, take
from core.exchange.models import Envelope
from core.scope import Level, current_scope
from core.web.context import changed, go, requires, show
from core.web.pages import case_drawing, queries, words

router = APIRouter()

READ = Depends(requires("exchange.take"))
_ANSWERED = frozenset({"answered", "returned"})


@router.get("/matters", dependencies=[READ])
def matter_list(request: Request) -> HTMLResponse:
    """Matters received and sent, newest first."""
    with unit_of_work() as session:
        received = envelopes(session, "in", kind=MATTER)
        sent = envelopes(session, "out", kind=MATTER)
        unheard_of = _unheard_of(session, received)
    unions = words.union_names(envelope.peer for envelope in [*received, *sent])
    return show(
        request,
        "matters.html",
        received=received,
        sent=sent,
        unheard_of=unheard_of,
        unions=unions,
        states=words.ENVELOPE_STATES,
        line_title=words.line_title,
        in_county=current_scope().level is Level.COUNTY,
        may_answer=current_scope().level is Level.PROVINCE,
    )


@router.get("/matters/{envelope_id}", dependencies=[READ])
def one_matter(request: Request, envelope_id: uuid.UUID) -> HTMLResponse:
    """A matter that arrived."""
    return _page(request, envelope_id)


@router.post("/matters/{envelope_id}/take", dependencies=[Depends(requires(TAKE))])
def take_matter(request: Request, tenant: str, envelope_id: uuid.UUID) -> Response:
    """Acknowledge it; the giver sees that it was taken."""
    return _change(request, tenant, envelope_id, "已签收", lambda session: take(session, envelope_id))


@router.post("/matters/{envelope_id}/open", dependencies=[Depends(requires(OPEN_HERE))])
def open_case_here(request: Request, tenant: str, envelope_id: uuid.UUID) -> Response:
    """Open a case of this union's own for it; the account becomes its clerk."""
    return changed(
        lambda session: open_here(session, envelope_id),
        lambda case: go(f"/{tenant}/cases/{case.id}", f"已立案 {case.number}"),
        lambda error: _page(request, envelope_id, error),
    )


@router.post("/matters/{envelope_id}/answer", dependencies=[Depends(requires(REPLY))])
def answer_matter(
    request: Request,
    tenant: str,
    envelope_id: uuid.UUID,
    text: Annotated[str, Form()] = "",
    outcome: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Send it back with its answer, or because it is not ours."""
    return _change(
        request,
        tenant,
        envelope_id,
        "答复已登记，由平台送达移交单位",
        lambda session: answer(session, envelope_id, text, outcome=outcome),
        {"text": text, "outcome": outcome},
    )


def _change(
    request: Request,
    tenant: str,
    envelope_id: uuid.UUID,
    done: str,
    act: Callable[[Session], object],
    typed: Mapping[str, str] | None = None,
) -> Response:
    return changed(
        act, lambda _: go(f"/{tenant}/matters/{envelope_id}", done), lambda error: _page(request, envelope_id, error, typed)
    )


def _page(
    request: Request, envelope_id: uuid.UUID, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    with unit_of_work() as session:
        envelope = queries.envelope_named(session, envelope_id, "in")
        content = matter_content(session, envelope_id)
        unheard_of = _unheard_of(session, [envelope])
    return show(
        request,
        "matter.html",
        refusal=refused,
        envelope=envelope,
        parties=content.get("parties", []),
        answers=_answers(str(envelope.body.get("workflow", "")), content.get("form", {})),
        unions=words.union_names([envelope.peer]),
        unheard=UNHEARD_ZH if unheard_of else "",
        states=words.ENVELOPE_STATES,
        roles=words.PARTY_ROLES,
        line=words.line_title(str(envelope.body.get("plugin", ""))),
        where=refused.where if refused else "",
        typed={"text": "", "outcome": ""} | dict(typed or {}),
        may_open=_may_open(envelope),
    )


def _unheard_of(session: Session, received: Sequence[Envelope]) -> set[uuid.UUID]:
    """Matters whose answer did not reach the union that handed them over."""
    return unheard(session, ANSWER, [one.envelope_id for one in received if one.state in _ANSWERED])


def _may_open(envelope: Envelope) -> bool:
    """Whether the account may open a case of the matter's line here; one that needs a household's file starts from it."""
    scope, flow = current_scope(), words.newest_workflows().get(str(envelope.body.get("workflow", "")))
    here = flow is not None and flow.plugin in scope.plugins and not flow.needs_household and scope.may(flow.open_permission)
    return here and envelope.case_id is None and OPEN_HERE.fits(envelope.state)


def _answers(workflow: str, form: dict[str, Any]) -> list[tuple[str, str]]:
    """The giver's form in words; field by field where its workflow is not installed here."""
    flow = words.newest_workflows().get(workflow)
    return case_drawing.form_words(flow.form, form) if flow else [(name, str(value)) for name, value in form.items()]
