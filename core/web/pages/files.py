"""Files of workers in difficulty: the list with its filters, those that may be here twice, the search box (档案)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from core.cases.models import Case
from core.db.session import unit_of_work
from core.errors import BangfuError
from core.people.duplicates.service import count_open
from core.people.employers.models import Employer
from core.people.life.proposals import KINDS
from core.people.listing import NEVER, FileCounts, FileFilter, count_files, list_files, townships
from core.people.search.finding import Found, find, find_employers
from core.rights.names import HANDLE
from core.scope import current_scope
from core.transfers.service import settle_twice, twice_waiting
from core.vault.unsaid import without_numbers
from core.web.context import changed, go, requires, show
from core.web.file_filter import Asked, query_of
from core.web.pages import queries, words
from core.web.paging import After, cut, next_url

router = APIRouter()

READ = Depends(requires("people.read"))
_PAGE = 50


@router.get("/files", dependencies=[READ])
@router.get("/households", dependencies=[READ])
def file_list(request: Request, tenant: str, wanted: Asked, after: After = None) -> HTMLResponse:
    """Files by the pinyin of the heads' names; every filter is an address, so a list can be kept as a bookmark."""
    with unit_of_work() as session:
        page = cut(list_files(session, wanted, after, _PAGE + 1), _PAGE, lambda row: row.file_id)
        counts, known = count_files(session), townships(session)
        waiting = len(twice_waiting(session))
        duplicates = count_open(session)
    return show(
        request,
        "files.html",
        rows=page.rows,
        next=next_url(request, page.after),
        tabs=_kind_tabs(tenant, counts, wanted),
        state_tabs=_state_tabs(tenant, counts, wanted),
        work_tabs=_work_tabs(tenant, counts, wanted),
        kinds=words.words_of("difficulty_category"),
        former_kinds=words.words_of("difficulty_category_former") | words.words_of("difficulty_category_oldest"),
        states=words.FILE_STATES,
        asked=wanted,
        query=query_of(wanted),
        choices=choices(known),
        any_files=counts.all > 0,
        waiting=waiting,
        duplicates=duplicates,
        may_register=current_scope().may("people.write"),
        may_import=current_scope().may("people.import"),
        may_rights=current_scope().may(HANDLE),
    )


def choices(named: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """What can be chosen of each filter, in words; ``named`` are the townships."""
    return {
        "status": [("", "全部状态"), *words.FILE_STATES.items()],
        "kind": [("", "全部困难类别"), *words.words_of("difficulty_category").items(), (NEVER, "未认定")],
        "category": [("", "全部帮扶对象类别"), *words.words_of("worker_category").items()],
        "township": [("", "全部乡镇（街道）"), *((name, name) for name in named), (NEVER, "未登记乡镇（街道）")],
    }


def _kind_tabs(tenant: str, counts: FileCounts, wanted: FileFilter) -> list[words.Tab]:
    base = f"/{tenant}/files"
    tabs = [words.Tab("全部", base, wanted == FileFilter(), counts.all)]
    for code, label in words.words_of("difficulty_category").items():
        tabs.append(words.Tab(label, f"{base}?kind={code}", wanted.kind == code, counts.by_kind.get(code, 0)))
    return tabs


def _state_tabs(tenant: str, counts: FileCounts, wanted: FileFilter) -> list[words.Tab]:
    """States in which there are files, and the one that is asked for."""
    return [
        words.Tab(label, f"/{tenant}/files?status={code}", wanted.status == code, counts.by_state[code])
        for code, label in words.FILE_STATES.items()
        if counts.by_state[code] or wanted.status == code
    ]


def _work_tabs(tenant: str, counts: FileCounts, wanted: FileFilter) -> list[words.Tab]:
    """What waits for somebody, where anything does."""
    base = f"/{tenant}/files"
    tabs = [
        words.Tab("待重新认定", f"{base}?reassess=yes", wanted.reassess, counts.reassess),
        words.Tab("一年未更新", f"{base}?stale=yes", wanted.stale, counts.stale),
    ]
    for code, label in KINDS.items():
        if code != "stale":
            tabs.append(words.Tab(label, f"{base}?proposed={code}", wanted.proposed == code, counts.proposed[code]))
    return [tab for tab in tabs if tab.count or tab.current]


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


@router.get("/find", dependencies=[READ])
def search_page(request: Request) -> HTMLResponse:
    """The search as a page before anything was asked."""
    return _results(request, "find.html", [], [], [], "")


@router.post("/find", dependencies=[READ])
def search(request: Request, q: Annotated[str, Form(max_length=60)] = "") -> HTMLResponse:
    """People by name, pinyin, last four or file number, employers by name or code, cases by number or party; a fragment for
    the box, else a page.

    Asked by POST alone: a whole identity number may be typed, and no address holds it.
    """
    with unit_of_work() as session:
        people = find(session, q, 20) if q.strip() else []
        employers = find_employers(session, q)
        cases = queries.cases_found(session, q) if current_scope().may("case.read") else []
    fragment = request.headers.get("hx-request") == "true"
    return _results(request, "found.html" if fragment else "find.html", people, employers, cases, q)


def _results(
    request: Request, template: str, people: Sequence[Found], employers: Sequence[Employer], cases: Sequence[Case], q: str
) -> HTMLResponse:
    return show(
        request,
        template,
        people=people,
        employers=employers,
        cases=cases,
        q=without_numbers(q),
        kinds=words.words_of("difficulty_category"),
        line_title=words.line_title,
    )
