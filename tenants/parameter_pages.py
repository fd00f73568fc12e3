"""Pages of the figures of policy: what holds and why, a change proposed, what would follow, the second person (政策参数)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput, NotFound
from core.host.declarations import ParameterDecl
from core.parameters import forecasts
from core.parameters.forecasts import START, forecast
from core.parameters.models import ParameterForecast, ParameterProposal
from core.parameters.names import ADOPT_RIGHT, FORECAST_RIGHT
from core.parameters.proposals import (
    DECIDE,
    PROPOSAL,
    PROPOSE,
    READ,
    WITHDRAW,
    adopt,
    proposal_named,
    proposals,
    propose,
    refuse,
    withdraw,
)
from core.parameters.service import NewParameter, declared_parameter
from core.parameters.typed import field_of, read, said, texts_of
from core.scope import current_scope
from core.tenancy.setting_fields import SettingField, bounds_of
from core.web.context import changed, go, refusal_message, requires, show
from core.web.pages import words
from core.web.pages.staff_common import day_of, kept
from core.web.paging import After, cut, next_url
from core.web.step_up import fresh_proof
from tenants import parameters as seen
from tenants.settings_pages import Sent, sent_form
from tenants.words import union_names

T = TypeVar("T")

router = APIRouter(dependencies=[Depends(requires(READ))])

Note = Annotated[str, Form(max_length=1000)]
WAYS = {"gain": "受益增加", "lose": "受益减少", "other": "类别变化、金额不变"}
_TONES = {"open": "warn", "adopted": "ok", "refused": "bad", "withdrawn": ""}
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """The field of a form that takes the value, as the macro of settings draws it."""

    field: SettingField
    texts: Sequence[str]
    bounds: tuple[str, str]
    error: str = ""


@router.get("/parameters")
def list_page(request: Request) -> HTMLResponse:
    """All figures that are known here, by what they belong to, with what waits for a decision."""
    with unit_of_work() as session:
        found = seen.lines(session)
        waiting = proposals(session, state="open", limit=200)
    return show(
        request,
        "plugin/tenants/parameters.html",
        groups=[(code, title, [found[one.name] for one in declared]) for code, title, declared in seen.groups()],
        waiting=waiting,
        titles={row.name: declared_parameter(row.name).zh for row in waiting},
        unset=sum(line.held is None for line in found.values()),
        names=words.staff_names(row.proposed_by for row in waiting),
    )


@router.get("/parameters/{name}")
def one_page(
    request: Request,
    name: str,
    former: Annotated[uuid.UUID | None, Query(description="a former value to be proposed again")] = None,
    again: Annotated[uuid.UUID | None, Query(description="a proposal whose words are taken over")] = None,
) -> HTMLResponse:
    """One figure with its history and the form that proposes a change."""
    declared = declared_parameter(name)
    with unit_of_work() as session:
        typed = _prefilled(session, declared, former, again)
    return _page(request, declared, typed=typed)


def _prefilled(session: Session, declared: ParameterDecl, former: uuid.UUID | None, again: uuid.UUID | None) -> Sent | None:
    if former is not None:
        row = seen.former(session, declared, former)
        texts = {"restores": [str(row.id)], "reason": [f"恢复为 {row.valid_from.isoformat()} 起的取值"]}
        return Sent({**texts, **_words(declared, row.value, row.source, row.clause)})
    if again is not None:
        before = proposal_named(session, again)
        if before.name != declared.name:
            raise NotFound("没有这项调整", "no such proposal", where=str(again))
        texts = {"valid_from": [before.valid_from.isoformat()], "reason": [before.reason]}
        return Sent({**texts, **_words(declared, before.value, before.source, before.clause)})
    return None


def _words(declared: ParameterDecl, value: Any, source: str, clause: str) -> dict[str, list[str]]:
    return {"field.value": texts_of(declared, value), "source": [source], "clause": [clause]}


@router.post("/parameters/{name}", dependencies=[Depends(requires(PROPOSE))])
def propose_change(request: Request, tenant: str, name: str, sent: Annotated[Sent, Depends(sent_form)]) -> Response:
    """Propose another value, or that the level above holds again."""
    declared = declared_parameter(name)
    return changed(
        lambda session: _propose(session, declared, sent),
        lambda row: go(f"/{tenant}/parameters/proposals/{row.id}", "已提出调整，由另一人核准后生效"),
        lambda error: _page(request, declared, error, sent),
    )


def _propose(session: Session, declared: ParameterDecl, sent: Sent) -> ParameterProposal:
    follows = sent.one("follow") == "yes"
    value = None if follows else read(declared, sent.texts.get("field.value", ()))
    day = day_of(sent.one("valid_from"), "valid_from")
    new = NewParameter(declared.name, day, value, sent.one("source"), sent.one("clause"))
    return propose(session, new, reason=sent.one("reason"), restores=_id_or_none(sent.one("restores")))


def _id_or_none(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise InvalidInput("没有这一版取值", "there is no such former value", where="restores") from None


def _page(
    request: Request, declared: ParameterDecl, refused: BangfuError | None = None, typed: Sent | None = None
) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        line = seen.lines(session, [declared.name])[declared.name]
        history = seen.history(session, declared)
        made = proposals(session, name=declared.name, limit=20)
    sent = typed or Sent()
    field = field_of(declared)
    held = texts_of(declared, line.held.value) if line.held else []
    wrong = refused.where if isinstance(refused, InvalidInput) else None
    told = refused.zh + (f"（{refused.mend_zh}）" if refused.mend_zh else "") if refused else ""
    at = "value" if wrong in {"value", declared.name} else wrong or ""
    return show(
        request,
        "plugin/tenants/parameter.html",
        status=refused.status if refused else 200,
        messages=[refusal_message(refused)] if refused and at not in {"value", "valid_from", "source", "reason"} else [],
        declared=declared,
        line=line,
        asked=Asked(field, sent.texts.get("field.value", held), bounds_of(field), told if at == "value" else ""),
        wrong=kept({at: told} if refused else {}),
        typed=sent,
        history=history,
        proposals=[(row, said(declared, row.value), PROPOSAL.states[row.state], _TONES[row.state]) for row in made],
        own=any(entry.own and entry.words != "沿用上级" for entry in history),
        tightens=seen.TIGHTENS.get(declared.strictest or ""),
        above=seen.is_above(),
        counted=bool(forecasts.readers(declared.name)),
        may_propose=scope.may("parameters.write"),
        today=scope.business_date,
        names=words.staff_names([*(entry.actor for entry in history), *(row.proposed_by for row in made)]),
    )


@router.get("/parameters/proposals/{proposal_id}")
def proposal_page(request: Request, proposal_id: uuid.UUID) -> HTMLResponse:
    """One proposal: what was and would be, what would follow, and the second person's decision."""
    return _proposal(request, proposal_id)


@router.post("/parameters/proposals/{proposal_id}/forecast", dependencies=[Depends(requires(START))])
def count(request: Request, tenant: str, proposal_id: uuid.UUID) -> Response:
    """Count what would follow; large counties and levels above get a job."""

    def then(row: ParameterForecast) -> Response:
        said_ = "已开始测算，完成后显示结果" if row.figures is None else "测算完成"
        return go(f"/{tenant}/parameters/proposals/{proposal_id}#forecast", said_)

    return _change(request, proposal_id, lambda session: forecast(session, proposal_id), then)


@router.post("/parameters/proposals/{proposal_id}/adopt", dependencies=[Depends(requires(DECIDE)), Depends(fresh_proof())])
def adopt_it(request: Request, tenant: str, proposal_id: uuid.UUID, note: Note = "") -> Response:
    """The second person adopts."""
    return _change(
        request,
        proposal_id,
        lambda session: adopt(session, proposal_id, note=note).name,
        lambda name: go(f"/{tenant}/parameters/{name}", "已核准"),
        {"note": note},
    )


@router.post("/parameters/proposals/{proposal_id}/refuse", dependencies=[Depends(requires(DECIDE)), Depends(fresh_proof())])
def refuse_it(request: Request, tenant: str, proposal_id: uuid.UUID, note: Note = "") -> Response:
    """The second person refuses, with the reason."""
    return _change(
        request,
        proposal_id,
        lambda session: refuse(session, proposal_id, note=note),
        lambda _: go(f"/{tenant}/parameters/proposals/{proposal_id}", "已作出不予核准的决定"),
        {"why": note},
    )


@router.post("/parameters/proposals/{proposal_id}/withdraw", dependencies=[Depends(requires(WITHDRAW))])
def withdraw_it(request: Request, tenant: str, proposal_id: uuid.UUID, note: Note = "") -> Response:
    """Take the proposal back."""
    return _change(
        request,
        proposal_id,
        lambda session: withdraw(session, proposal_id, note=note),
        lambda _: go(f"/{tenant}/parameters/proposals/{proposal_id}", "已撤回"),
        {"back": note},
    )


def _change(
    request: Request,
    proposal_id: uuid.UUID,
    act: Callable[[Session], T],
    then: Callable[[T], Response],
    typed: Mapping[str, str] | None = None,
) -> Response:
    return changed(act, then, lambda error: _proposal(request, proposal_id, error, typed))


def _proposal(
    request: Request, proposal_id: uuid.UUID, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        found = seen.weighed(session, proposal_id)
        figures = found.forecast.figures if found.forecast is not None else None
        counties = list((figures or {}).get("counties", ()))
        unions = union_names(session, [one["tenant"] for one in counties])
    row = found.row
    mine = row.proposed_by in scope.persons
    programmes = words.programme_titles()
    return show(
        request,
        "plugin/tenants/proposal.html",
        refusal=refused,
        found=found,
        row=row,
        state=(PROPOSAL.states[row.state], _TONES[row.state]),
        figures=figures,
        costs=[(programmes.get(code, code), cost) for code, cost in (figures or {}).get("programmes", {}).items()],
        counties=[(unions.get(one["tenant"], one["tenant"]), one, _delta(one)) for one in counties],
        delta=_delta(figures) if figures else 0,
        ways=WAYS,
        above=seen.is_above(),
        may_decide=scope.may(ADOPT_RIGHT) and not mine,
        may_withdraw=scope.may("parameters.write"),
        may_count=scope.may(FORECAST_RIGHT),
        may_see_homes=scope.may("people.read") and not seen.is_above(),
        may_see_job=scope.may("job.read"),
        mine=mine and scope.may(ADOPT_RIGHT),
        past=row.valid_from < row.business_date,
        typed={"note": "", "why": "", "back": "", **(typed or {})},
        names=words.staff_names([row.proposed_by, row.decided_by, found.forecast.actor if found.forecast else None]),
    )


def _delta(figures: Mapping[str, Any]) -> int:
    """What all programmes would cost more a year, in fen."""
    return sum(cost["fen_after"] - cost["fen_before"] for cost in figures["programmes"].values())


@router.get("/parameters/proposals/{proposal_id}/households", dependencies=[Depends(requires("people.read"))])
def homes_page(
    request: Request,
    proposal_id: uuid.UUID,
    way: Annotated[str | None, Query(pattern="^(gain|lose|other)$")] = None,
    after: After = None,
) -> HTMLResponse:
    """The households that would change, names masked, for whoever may read files."""
    with unit_of_work() as session:
        found = seen.weighed(session, proposal_id)
        if found.forecast is None:
            raise NotFound("该项调整尚未测算", "nothing was counted of this proposal", where=str(proposal_id))
        rows = seen.homes(session, found.forecast.id, way, after, _PAGE + 1)
    page = cut(rows, _PAGE, lambda home: home.change.household_id)
    here = f"/{current_scope().tenant}/parameters/proposals/{proposal_id}/households"
    tabs = [words.Tab("全部", here, way is None)]
    tabs += [words.Tab(label, f"{here}?way={code}", way == code) for code, label in WAYS.items()]
    return show(
        request,
        "plugin/tenants/proposal_households.html",
        found=found,
        rows=page.rows,
        next=next_url(request, page.after),
        tabs=tabs,
        ways=WAYS,
        kinds=words.words_of("difficulty_category"),
    )
