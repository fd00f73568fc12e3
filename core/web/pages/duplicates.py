"""Persons who may be here twice: the list, two of them side by side, told apart or merged, and a merge undone (疑似重复)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.authorisation import Demand
from core.cases.repository import CaseLine, cases_of_households
from core.db.session import unit_of_work
from core.errors import BangfuError, InvalidInput, NotFound
from core.host.declarations import COUNTIES
from core.people.duplicates.by_hand import SeveralMeant, pair_by_hand
from core.people.duplicates.merging import MERGING, households_of, merge, merge_of_pair, undo_merge
from core.people.duplicates.models import DuplicateProposal
from core.people.duplicates.scores import REASONS
from core.people.duplicates.service import count_open, keep_apart, proposal_named, proposals
from core.people.fields import sees
from core.people.models import Household, Person, WorkerFile
from core.people.repository import HouseholdView, household_named, household_view
from core.scope import current_scope
from core.text.normalise import fold
from core.trail.service import record_page
from core.web.context import changed, go, requires, show
from core.web.pages import queries, words
from core.web.paging import After, cut, next_url
from core.web.render import Message
from core.web.typed import id_typed

router = APIRouter()

READ = Depends(requires(Demand("people.read", levels=COUNTIES)))
DECIDE = Depends(requires(MERGING))
STATES = {"open": "待核对", "different": "核为不是同一人", "merged": "已合并"}
_PAGE = 50
Reason = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True)
class Row:
    """What the two sides say under one heading."""

    label: str
    first: str
    second: str

    @property
    def differ(self) -> bool:
        """Whether they say something different, beyond width and case."""
        return fold(self.first) != fold(self.second)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two, with the household and what was done for it."""

    person: Person
    household: Household | None
    file: WorkerFile | None
    view: HouseholdView | None
    cases: Sequence[CaseLine]
    aid: Sequence[tuple[str, str, int, str]]
    """Day, programme, fen, state."""


@router.get("/duplicates", dependencies=[READ])
def duplicate_list(
    request: Request,
    tenant: str,
    state: Annotated[Literal["open", "different", "merged"], Query()] = "open",
    after: After = None,
) -> HTMLResponse:
    """Pairs in a state, most alike first."""
    with unit_of_work() as session:
        page = cut(proposals(session, state, after, _PAGE + 1), _PAGE, lambda row: row.id)
        waiting = count_open(session)
    base = f"/{tenant}/duplicates"
    tabs = [
        words.Tab(title, f"{base}?state={code}", code == state, waiting if code == "open" else None)
        for code, title in STATES.items()
    ]
    return show(
        request,
        "duplicates.html",
        rows=page.rows,
        next=next_url(request, page.after),
        tabs=tabs,
        reasons=REASONS,
    )


@router.get("/duplicates/{duplicate_id}", dependencies=[READ])
def one_pair(request: Request, duplicate_id: uuid.UUID) -> HTMLResponse:
    """The two side by side: what is recorded, files, cases, aid; numbers masked."""
    return _page(request, duplicate_id)


@router.post("/duplicates/{duplicate_id}/different", dependencies=[DECIDE])
def tell_apart(request: Request, tenant: str, duplicate_id: uuid.UUID, reason: Reason = "") -> Response:
    """Say that they are not the same person."""
    return _change(
        request,
        f"/{tenant}/duplicates",
        duplicate_id,
        "已核为不是同一人，不再提示",
        lambda session: keep_apart(session, duplicate_id, reason),
        {"different": reason},
    )


@router.post("/duplicates/{duplicate_id}/merge", dependencies=[DECIDE])
def merge_pair(
    request: Request,
    tenant: str,
    duplicate_id: uuid.UUID,
    keep: Annotated[str, Form(max_length=10)] = "",
    files: Annotated[str, Form(max_length=10)] = "",
    reason: Reason = "",
) -> Response:
    """Merge them, or the households of both, into the side that is kept; it can be undone."""
    if keep not in ("", "first", "second"):
        raise NotFound("没有这一操作", "no such side", where="keep")

    def act(session: Session) -> uuid.UUID:
        if not keep:
            raise InvalidInput("请选择保留哪一方", "say which of the two is kept", where="keep")
        pair = proposal_named(session, duplicate_id)
        kept, other = (pair.first_id, pair.second_id) if keep == "first" else (pair.second_id, pair.first_id)
        return merge(session, other, kept, reason, households=files == "yes")

    typed = {"merge": reason, "keep": keep, "files": files}
    return _change(request, f"/{tenant}/duplicates/{duplicate_id}", duplicate_id, "已合并；如有差错可以撤销", act, typed)


@router.post("/duplicates/{duplicate_id}/undo", dependencies=[DECIDE])
def undo_pair(request: Request, tenant: str, duplicate_id: uuid.UUID, reason: Reason = "") -> Response:
    """Undo the merge: both are as they were."""

    def act(session: Session) -> None:
        pair = proposal_named(session, duplicate_id)
        standing = merge_of_pair(session, pair.first_id, pair.second_id)
        if standing is None:
            raise NotFound("这一对没有合并", "the pair is not merged", where=str(duplicate_id))
        undo_merge(session, standing.act_id, reason)

    return _change(request, f"/{tenant}/duplicates/{duplicate_id}", duplicate_id, "已撤销合并", act, {"undo": reason})


@router.get("/households/{household_id}/same-person", dependencies=[DECIDE])
def same_person_form(request: Request, household_id: uuid.UUID) -> HTMLResponse:
    """The form that puts a member side by side with somebody else of the county."""
    return _same_person(request, household_id)


@router.post("/households/{household_id}/same-person", dependencies=[DECIDE])
def same_person(
    request: Request,
    tenant: str,
    household_id: uuid.UUID,
    person_id: Annotated[str, Form(max_length=36)] = "",
    who: Annotated[str, Form(max_length=200)] = "",
    other_id: Annotated[str, Form(max_length=36)] = "",
) -> Response:
    """Put the two side by side; several who belong to the file that was named are offered for a choice."""
    typed = {"person_id": person_id, "who": who, "other_id": other_id}

    def act(session: Session) -> uuid.UUID:
        household_named(session, household_id)
        one = id_typed(person_id, InvalidInput("请选择本户何人", "a member of the household is needed", where="person_id"))
        other = id_typed(other_id, InvalidInput("请选择哪一人", "say which one", where="other_id")) if other_id else None
        return pair_by_hand(session, one, who, other).id

    return changed(
        act,
        lambda pair: go(f"/{tenant}/duplicates/{pair}", "请并排核对后再决定是否合并"),
        lambda error: _same_person(request, household_id, error, typed),
    )


def _same_person(
    request: Request, household_id: uuid.UUID, refused: BangfuError | None = None, typed: dict[str, str] | None = None
) -> HTMLResponse:
    several = refused if isinstance(refused, SeveralMeant) else None
    with unit_of_work() as session:
        view = household_named(session, household_id)
        if several is not None:
            # the answer's own row names the household of the address; those who are offered belong to another
            what = "/households/{household_id}/same-person"
            record_page(session, what, MERGING.permission, "household", several.household_id)
    return show(
        request,
        "same_person.html",
        refusal=None if several else refused,  # a choice that is offered is no refusal
        messages=[Message(several.zh, "info")] if several else (),
        view=view,
        several=several.persons if several else (),
        typed={"person_id": "", "who": "", "other_id": ""} | (typed or {}),
    )


def _change(
    request: Request, then: str, duplicate_id: uuid.UUID, done: str, act: Callable[[Session], object], typed: dict[str, str]
) -> Response:
    return changed(act, lambda _: go(then, done), lambda error: _page(request, duplicate_id, error, typed))


def _page(
    request: Request, duplicate_id: uuid.UUID, refused: BangfuError | None = None, typed: dict[str, str] | None = None
) -> HTMLResponse:
    scope = current_scope()
    with unit_of_work() as session:
        pair = proposal_named(session, duplicate_id)
        standing = merge_of_pair(session, pair.first_id, pair.second_id)
        first, second = _sides(session, pair)
    blank = {"different": "", "merge": "", "undo": "", "keep": "", "files": ""}
    two_homes = first.household is not None and second.household is not None and first.household.id != second.household.id
    return show(
        request,
        "duplicate.html",
        refusal=refused,
        pair=pair,
        sides=(first, second),
        rows=_rows(first, second),
        standing=standing,
        deciders=words.staff_names([pair.decided_by, standing.merged_by if standing else None]),
        reasons=[REASONS.get(code, code) for code in pair.reasons],
        states=STATES,
        file_states=words.FILE_STATES,
        case_states=words.state_titles(),
        line_title=words.line_title,
        sees_aid=sees("aid", scope),
        may_decide=scope.may("people.write"),
        two_homes=two_homes,
        where=refused.where if refused else "",
        typed=blank | (typed or {}),
    )


def _sides(session: Session, pair: DuplicateProposal) -> tuple[Side, Side]:
    ids = [pair.first_id, pair.second_id]
    people = {person.id: person for person in session.scalars(select(Person).where(Person.id.in_(ids)))}
    homes = households_of(session, ids)
    first, second = (_side(session, people[one], homes.get(one, [])) for one in ids)
    return first, second


def _side(session: Session, person: Person, homes: Sequence[uuid.UUID]) -> Side:
    scope = current_scope()
    view = household_view(session, homes[0]) if homes else None
    cases = cases_of_households(session, homes, alone=True) if homes and scope.may("case.read") else []
    grants = queries.grants_of_household(session, homes[0], alone=True) if homes and sees("aid", scope) else ()
    titles, states = words.programme_titles(), {"reserved": "待发放", "paid": "已发放", "released": "已撤销"}
    aid = [
        (grant.approved_on.isoformat(), titles.get(grant.programme, grant.programme), grant.amount_fen, states[grant.state])
        for grant in grants
    ]
    return Side(person, view.household if view else None, view.file if view else None, view, cases, aid)


def _rows(first: Side, second: Side) -> list[Row]:
    scope, genders, kinds = current_scope(), words.words_of("gender"), words.words_of("difficulty_category")
    relations = words.words_of("relationship_form")

    def row(label: str, value: Callable[[Side], Any]) -> Row:
        return Row(label, str(value(first) or ""), str(value(second) or ""))

    def members(side: Side) -> str:
        return (
            "、".join(f"{one.person.name}（{relations.get(one.relation, one.relation)}）" for one in side.view.members)
            if side.view
            else ""
        )

    rows = [
        row("姓名", lambda side: side.person.name),
        row("性别", lambda side: genders.get(side.person.gender)),
        row("出生日期", lambda side: side.person.birth_date),
        row("身份证号", lambda side: side.person.identity_masked),
        row("电话", lambda side: side.person.phone_masked),
        row("档案编号", lambda side: side.file.file_number if side.file else "未建档"),
        row("档案状态", lambda side: words.FILE_STATES[side.file.status] if side.file else ""),
        row("困难类别", lambda side: kinds.get(side.file.kind or "", "未认定") if side.file else ""),
        row("住址", lambda side: side.household.address if side.household else ""),
        row("工作单位", lambda side: side.file.employer_name if side.file else ""),
        row("家庭成员", members),
    ]
    if sees("account", scope):
        rows.insert(5, row("银行账号", lambda side: side.file.account_masked if side.file else ""))
    return rows
