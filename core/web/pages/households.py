"""One household: its paper form, means, life of the file, and how it came to be so (家庭档案)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.authorisation import Verdict, answer
from core.cases.repository import CaseLine, cases_of_households
from core.centre.settings import centre_settings
from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden
from core.exchange.identity_index import Elsewhere, elsewhere, this_and_last_year
from core.funds.models import Grant
from core.funds.sources import source_names
from core.parameters.service import resolve
from core.people.duplicates.merging import merged_files, survivors_of
from core.people.fields import FIELDS, HEALTH_COSTS, sees
from core.people.history import HEALTH, fact_history, membership_history, today_of
from core.people.life.proposals import is_stale
from core.people.life.steps import ENDED
from core.people.repository import HouseholdView, household_named, member_named
from core.people.service import reveal
from core.rights.names import HANDLE, SEE_VIEWS
from core.scope import Scope, current_scope
from core.surveys.service import newest_determinations
from core.transfers.departing import MOVING
from core.transfers.models import HouseholdTransfer
from core.transfers.offers import OFFERING
from core.transfers.service import came_as, transfers_of
from core.web.context import go, requires, show
from core.web.pages import household_life, queries, words
from core.web.pages.household_means import means_of
from core.web.render import Message

router = APIRouter()

READ = Depends(requires("people.read"))
_REVEALABLE = (("identity_number", "身份证号"), ("phone", "电话"), ("account", "银行账号"), ("address", "详细住址"))
_UNIONS = {"unit": "单位工会", "county": "县总工会", "upper": "上级工会"}
_COSTS = (
    ("illness", "医疗"),
    ("disability", "残疾康复"),
    ("schooling", "教育"),
    ("housing", "住房"),
    ("long_term_care", "长期照护"),
    ("work_cost", "就业成本"),
    ("other", "其他"),
)

UNTYPED = MappingProxyType(
    dict.fromkeys(
        (
            *("person_id", "reason", "step", "note", "evidence", "done_on", "proposal"),
            *("consent_kind", "consent_person", "guardian", "reference", "given_on", "until", "withdrawing", "why"),
        ),
        "",
    )
    | {"field": "identity_number"}
)
"""What the forms of the page hold before anybody typed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A value that was looked at in full, and of whom."""

    name: str
    label: str
    value: str


@router.get("/households/{household_id}", dependencies=[READ])
def household(request: Request, tenant: str, household_id: uuid.UUID) -> Response:
    """One household as its paper form says it; numbers masked. An address from a county that closed, or of a file that
    was merged, leads on."""
    with unit_of_work() as session:
        came = came_as(session, household_id)
        kept = survivors_of(session, [household_id]).get(household_id)
    if came is not None:
        return go(f"/{tenant}/households/{came.household_id}", f"该户已转入本单位，现档案号 {came.file_number}")
    if kept is not None:
        return go(f"/{tenant}/households/{kept}", "该档案已并入本档案")
    return household_page(request, household_id)


@router.post("/households/{household_id}/reveal", dependencies=[Depends(requires("people.reveal"))])
def reveal_value(
    request: Request,
    household_id: uuid.UUID,
    person_id: Annotated[uuid.UUID | None, Form()] = None,
    field: Annotated[str, Form(max_length=40)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> HTMLResponse:
    """Show one value in full, once; who looked, at what and why is recorded in the same transaction."""
    typed = {"person_id": str(person_id or ""), "field": field, "reason": reason}
    try:
        with unit_of_work() as session:
            member = member_named(household_named(session, household_id), person_id)
            value = reveal(session, member.person.id, field, reason)
            shown = Shown(member.person.name, dict(_REVEALABLE).get(field, field), value)
    except Forbidden:
        raise
    except BangfuError as error:
        return household_page(request, household_id, refused=error, typed=typed)
    return household_page(request, household_id, shown=shown, typed=typed | {"reason": ""})


@router.post("/households/{household_id}/elsewhere", dependencies=[Depends(requires("people.reveal"))])
def ask_elsewhere(
    request: Request,
    household_id: uuid.UUID,
    person_id: Annotated[uuid.UUID | None, Form()] = None,
    field: Annotated[str, Form(max_length=40)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> HTMLResponse:
    """Ask the identity index whether a member is on file in another tenant, or was aided there this year or last; it is logged.

    The answer stands on this page and nowhere else: what is said of a person is not left in a cookie of the browser.
    """
    try:
        with unit_of_work() as session:
            member = member_named(household_named(session, household_id), person_id)
            number = reveal(session, member.person.id, "identity_number", reason)
            [answer] = elsewhere(session, [number], this_and_last_year(), reason)
            told = Message(f"{member.person.name}：{_said(answer)}（查询已记入日志）")
    except Forbidden:
        raise
    except BangfuError as error:
        typed = {"person_id": str(person_id or ""), "field": field, "reason": reason}
        return household_page(request, household_id, refused=error, typed=typed)
    return household_page(request, household_id, told=told)


def _said(answer: Elsewhere) -> str:
    # Files are asked for whatever their year, aid for this year and the last.
    on_file = "已" if answer.on_file else "未"
    aided = "曾" if answer.aided else "未"
    return f"{on_file}在其他单位建档，今年和去年{aided}在其他单位受助"


def household_page(
    request: Request,
    household_id: uuid.UUID,
    *,
    refused: BangfuError | None = None,
    told: Message | None = None,
    **values: Any,
) -> HTMLResponse:
    """The page; ``values`` stand in for what it shows by itself (a value looked at, what was typed before a refusal)."""
    with unit_of_work() as session:
        everything = _everything(session, household_id) | _over_time(session, household_id)
    everything["typed"] = UNTYPED | values.pop("typed", {})
    everything["names"] = words.staff_names(_actors(everything))
    messages = [told] if told else []
    return show(request, "household.html", refusal=refused, messages=messages, **everything | values)


def _everything(session: Session, household_id: uuid.UUID) -> dict[str, Any]:
    view, scope = household_named(session, household_id), current_scope()
    cases: list[CaseLine] = []
    if scope.may("case.read"):
        cases = cases_of_households(session, [household_id])
    grants = queries.grants_of_household(session, household_id) if sees("aid", scope) else ()
    latest = newest_determinations(session, [household_id]).get(household_id) if sees("determination", scope) else None
    parameters = resolve(session, scope.business_date)
    moves = [move for move in transfers_of(session, household_id) if move.state in ("sent", "arrived")]
    return {
        "view": view,
        "seen": {kind.code for kind in FIELDS if sees(kind.code, scope)},
        "merged_files": merged_files(session, household_id),
        "letterhead": centre_settings(session).seal_text or scope.union_name,
        "why": queries.sheet_of(session, latest.id if latest else None),
        "cases": cases,
        "aid": [_aid(grant) for grant in grants],
        "costs": _costs(view, scope),
        "revealable": _REVEALABLE if scope.may("people.reveal") else (),
        "shown": None,
        "kinds": words.words_of("difficulty_category"),
        "relations": words.words_of("relationship_form"),
        "identities": words.words_of("identity_status"),
        "unions": _UNIONS,
        "genders": words.words_of("gender"),
        "states": words.FILE_STATES,
        "case_states": words.state_titles(),
        "line_title": words.line_title,
        "lines": _lines_for_households() if view.file is None or view.file.status == "on_file" else [],
        "moves": moves,
        "means": means_of(session, view, parameters, with_working=sees("determination", scope)),
        "life": household_life.life_of(session, view.file, twice=_twice(moves)) if view.file else None,
        "consents": household_life.consent_lines(session, view),
        "consent_kinds": list(words.words_of("consent_kind").items()),
        "properties": [words.words_of("property_exclusion").get(one, one) for one in _flags(view)],
        "former_kinds": words.words_of("difficulty_category_former") | words.words_of("difficulty_category_oldest"),
        # A file that has ended is only read.
        "may_write": scope.may("people.write") and not (view.file and view.file.status in ENDED),
        "may_rights": scope.may(HANDLE),
        "may_views": scope.may(SEE_VIEWS),
        "today": scope.business_date.isoformat(),
        "is_stale": is_stale(view.file, parameters),
        "movable": MOVING,
        "may_offer": answer(OFFERING, scope) is Verdict.ALLOWED,
        "union_names": words.union_names({move.peer for move in moves}),
    }


def _twice(moves: Sequence[HouseholdTransfer]) -> bool:
    return any(move.direction == "in" and move.twice and move.settled_as is None for move in moves)


def _flags(view: HouseholdView) -> Sequence[str]:
    return view.fact.property_flags if view.fact else ()


def _over_time(session: Session, household_id: uuid.UUID) -> dict[str, Any]:
    """Who belonged to the household and when, and what was recorded of it; of health only for who may see that."""
    spells = membership_history(session, household_id)
    here = today_of(spells)
    names = {one.person_id: one.name for one in spells}
    hidden = () if sees("health", current_scope()) else HEALTH
    return {
        "belongs": here,
        "former": [one for one in spells if here.get(one.person_id) is not one],
        "records": fact_history(session, household_id, names, hidden=hidden),
    }


def _actors(everything: Mapping[str, Any]) -> set[str | None]:
    """Everybody of the office whose name the page says."""
    steps = everything["life"].steps if everything["life"] else ()
    found = {step.actor for step in steps} | {one.recorded_by for one in everything["records"]}
    for line in everything["consents"]:
        found |= {line.row.recorded_by, line.row.withdrawn_by}
    return found


def _costs(view: HouseholdView, scope: Scope) -> list[tuple[str, int]]:
    """The yearly rigid costs that the post may see, in fen; some tell of somebody's health."""
    told = [one for one in _COSTS if one[0] not in HEALTH_COSTS or sees("health", scope)]
    return [(label, getattr(view.fact, f"cost_{name}_fen")) for name, label in told] if view.fact else []


def _aid(grant: Grant) -> tuple[str, str, int, str, str]:
    """A line of the aid record: when, what, fen, source, state."""
    states = {"reserved": "待发放", "paid": "已发放", "released": "已撤销"}
    programme = words.programme_titles().get(grant.programme, grant.programme)
    source = source_names().get(grant.source, grant.source)
    return grant.approved_on.isoformat(), programme, grant.amount_fen, source, states[grant.state]


def _lines_for_households() -> list[tuple[str, str]]:
    """Service lines for which this post may open a case of a household: (workflow, name)."""
    scope = current_scope()
    flows = sorted(words.newest_workflows().values(), key=lambda flow: (not flow.needs_household, flow.number_prefix))
    return [(flow.name, flow.zh) for flow in flows if flow.plugin in scope.plugins and scope.may(flow.open_permission)]
