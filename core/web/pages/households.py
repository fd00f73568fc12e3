"""Files of workers in difficulty: the list, one household's paper form, why it was determined so, the search box (档案)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.authorisation import Verdict, answer
from core.cases.models import Case
from core.cases.repository import CaseLine, cases_of_households
from core.centre.settings import centre_settings
from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden, NotFound
from core.exchange.identity_index import Elsewhere, elsewhere
from core.funds.models import Grant
from core.funds.sources import source_names
from core.people.fields import FIELDS, HEALTH_COSTS, sees
from core.people.finding import Found, find
from core.people.repository import HouseholdView, MemberView, count_files, household_view, list_files
from core.people.service import reveal
from core.scope import Scope, current_scope
from core.transfers.departing import MOVED
from core.transfers.offers import OFFERING
from core.transfers.service import came_as, settle_twice, transfers_of, twice_waiting
from core.web.context import changed, go, requires, show
from core.web.pages import queries, words
from core.web.paging import After, cut, next_url
from core.web.render import Message
from core.web.unsaid import without_numbers

router = APIRouter()

READ = Depends(requires("people.read"))
_PAGE = 50
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


@dataclass(frozen=True, slots=True)
class Shown:
    """A value that was looked at in full, and of whom."""

    name: str
    label: str
    value: str


@router.get("/files", dependencies=[READ])
@router.get("/households", dependencies=[READ])
def file_list(
    request: Request,
    tenant: str,
    status: Annotated[str | None, Query(max_length=40)] = None,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    after: After = None,
) -> HTMLResponse:
    """Files in the order in which they were recorded, by kind of difficulty."""
    with unit_of_work() as session:
        page = cut(list_files(session, status, kind, after, _PAGE + 1), _PAGE, lambda row: row.file_id)
        counts = count_files(session)
        waiting = len(twice_waiting(session))
    kinds = words.words_of("difficulty_category")
    tabs = [words.Tab("全部", f"/{tenant}/files", kind is None, sum(counts.values()))]
    for code, label in kinds.items():
        number = sum(count for (_, found), count in counts.items() if found == code)
        tabs.append(words.Tab(label, f"/{tenant}/files?kind={code}", kind == code, number))
    return show(
        request,
        "files.html",
        rows=page.rows,
        next=next_url(request, page.after),
        tabs=tabs,
        kinds=kinds,
        states=words.FILE_STATES,
        waiting=waiting,
    )


@router.get("/files/twice", dependencies=[READ])
def twice(request: Request) -> HTMLResponse:
    """Households that came from another county and hold somebody who was on file here already."""
    return _twice(request)


@router.post("/files/twice/{transfer_id}", dependencies=[Depends(requires("people.write"))])
def look_at_twice(
    request: Request,
    tenant: str,
    transfer_id: uuid.UUID,
    keep: Annotated[str, Form(max_length=10)] = "",
    why: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Say of one of them that it is a household of its own, or that its file is cancelled."""
    return changed(
        lambda session: settle_twice(session, transfer_id, keep=keep == "yes", why=why),
        lambda made: go(f"/{tenant}/files/twice", f"已核对 {made.file_number}"),
        lambda error: _twice(request, error, {"form": str(transfer_id), "why": why}),
    )


def _twice(request: Request, refused: BangfuError | None = None, typed: dict[str, str] | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        rows = twice_waiting(session)
    return show(
        request,
        "files_twice.html",
        refusal=refused,
        rows=rows,
        union_names=words.union_names({row.peer for row in rows}),
        typed={"form": "", "why": ""} | (typed or {}),
        may_settle=current_scope().may("people.write"),
    )


@router.get("/households/{household_id}", dependencies=[READ])
def household(request: Request, tenant: str, household_id: uuid.UUID) -> Response:
    """One household as its paper form says it; numbers masked. An address from a county that closed leads on."""
    with unit_of_work() as session:
        came = came_as(session, household_id)
    if came is not None:
        return go(f"/{tenant}/households/{came.household_id}", f"该户已转入本单位，现档案号 {came.file_number}")
    return _household(request, household_id)


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
            member = _member(session, household_id, person_id)
            value = reveal(session, member.person.id, field, reason)
            shown = Shown(member.person.name, dict(_REVEALABLE).get(field, field), value)
    except Forbidden:
        raise
    except BangfuError as error:
        return _household(request, household_id, refused=error, typed=typed)
    return _household(request, household_id, shown=shown, typed=typed | {"reason": ""})


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
            member = _member(session, household_id, person_id)
            number = reveal(session, member.person.id, "identity_number", reason)
            this_year = current_scope().business_date.year
            answers = [elsewhere(session, number, year, reason) for year in (this_year, this_year - 1)]
            told = Message(f"{member.person.name}：{_said(answers)}（查询已记入日志）")
    except Forbidden:
        raise
    except BangfuError as error:
        typed = {"person_id": str(person_id or ""), "field": field, "reason": reason}
        return _household(request, household_id, refused=error, typed=typed)
    return _household(request, household_id, told=told)


def _said(answers: Sequence[Elsewhere]) -> str:
    # Files are asked for whatever their year, aid for this year and the last.
    on_file = "已" if any(answer.on_file for answer in answers) else "未"
    aided = "曾" if any(answer.aided for answer in answers) else "未"
    return f"{on_file}在其他单位建档，今年和去年{aided}在其他单位受助"


@router.get("/find", dependencies=[READ])
def search_page(request: Request) -> HTMLResponse:
    """The search as a page before anything was asked."""
    return _results(request, "find.html", [], None, "")


@router.post("/find", dependencies=[READ])
def search(request: Request, q: Annotated[str, Form(max_length=60)] = "") -> HTMLResponse:
    """People by name, pinyin, last four or file number, and the case with a number; a fragment for the box, else a page.

    Asked by POST alone: a whole identity number may be typed, and no address holds it.
    """
    with unit_of_work() as session:
        people = find(session, q, 20) if q.strip() else []
        case = queries.case_numbered(session, q) if "-" in q and current_scope().may("case.read") else None
    fragment = request.headers.get("hx-request") == "true"
    return _results(request, "found.html" if fragment else "find.html", people, case, q)


def _results(request: Request, template: str, people: Sequence[Found], case: Case | None, q: str) -> HTMLResponse:
    said, kinds = without_numbers(q), words.words_of("difficulty_category")
    return show(request, template, people=people, case=case, q=said, kinds=kinds, line_title=words.line_title)


def _view(session: Session, household_id: uuid.UUID) -> HouseholdView:
    view = household_view(session, household_id)
    if view is None:
        raise NotFound("没有这户家庭", "no such household", where=str(household_id))
    return view


def _member(session: Session, household_id: uuid.UUID, person_id: uuid.UUID | None) -> MemberView:
    found = next((one for one in _view(session, household_id).members if one.person.id == person_id), None)
    if found is None:
        raise NotFound("该户没有此人", "no such member of the household", where="person_id")
    return found


def _household(
    request: Request,
    household_id: uuid.UUID,
    *,
    refused: BangfuError | None = None,
    told: Message | None = None,
    **values: object,
) -> HTMLResponse:
    """The page; ``values`` stand in for what it shows by itself (a value looked at, what was typed before a refusal)."""
    with unit_of_work() as session:
        everything = _everything(session, household_id)
    messages = [told] if told else []
    return show(request, "household.html", refusal=refused, messages=messages, **everything | values)


def _everything(session: Session, household_id: uuid.UUID) -> dict[str, Any]:
    view, scope = _view(session, household_id), current_scope()
    cases: list[CaseLine] = []
    if scope.may("case.read"):
        cases = cases_of_households(session, [household_id])
    grants = queries.grants_of_household(session, household_id) if sees("aid", scope) else ()
    latest = queries.latest_determination(session, household_id) if sees("determination", scope) else None
    moves = [move for move in transfers_of(session, household_id) if move.state in ("sent", "arrived")]
    return {
        "view": view,
        "seen": {kind.code for kind in FIELDS if sees(kind.code, scope)},
        "letterhead": centre_settings(session).seal_text or scope.union_name,
        "why": queries.sheet_of(session, latest.id if latest else None),
        "cases": cases,
        "aid": [_aid(grant) for grant in grants],
        "costs": _costs(view, scope),
        "revealable": _REVEALABLE if scope.may("people.reveal") else (),
        "shown": None,
        "typed": {"person_id": "", "field": "identity_number", "reason": ""},
        "kinds": words.words_of("difficulty_category"),
        "relations": words.words_of("relationship_form"),
        "identities": words.words_of("identity_status"),
        "unions": _UNIONS,
        "genders": words.words_of("gender"),
        "states": words.FILE_STATES,
        "case_states": words.state_titles(),
        "line_title": words.line_title,
        "lines": _lines_for_households() if view.file is None or view.file.status != MOVED else [],
        "moves": moves,
        "may_offer": answer(OFFERING, scope) is Verdict.ALLOWED,
        "union_names": words.union_names({move.peer for move in moves}),
    }


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
