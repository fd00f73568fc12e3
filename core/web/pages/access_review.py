"""The yearly review of access: who holds what, confirmed post by post (权限复核)."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from core.db.session import unit_of_work
from core.errors import BangfuError, Forbidden, NotFound
from core.identity.grants import NotYours
from core.identity.names import REVIEW_ACCESS, SEE_REVIEW
from core.identity.review import behind, confirm, ends_on, posts_to_review, standing
from core.identity.review_file import review_file
from core.identity.subtree import administering
from core.scope import current_scope
from core.web.context import go, requires, show, visit_of
from core.web.handing_out import saved_as
from core.web.pages import words
from core.web.pages.staff_common import LOOKS_AFTER, Of, codes_of, tail, unions
from core.web.paging import After, cut, next_url
from core.web.typed import id_typed

router = APIRouter(dependencies=[Depends(requires(SEE_REVIEW))])
_PAGE = 50
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/staff/review")
def review(request: Request, of: Of = None, everything: bool = False, after: After = None) -> HTMLResponse:
    """Posts that hold today: those not confirmed this year, or all."""
    return _page(request, of, everything, after)


@router.get("/staff/review/file")
def to_file(of: Of = None) -> Response:
    """The list of this year as a workbook, for the file (存档)."""
    with administering(of, LOOKS_AFTER) as session:
        name, data = review_file(session)
    headers = {"Content-Disposition": saved_as(name)}
    return Response(data, media_type=XLSX, headers=headers)


@router.post("/staff/review")
def confirm_posts(
    request: Request, tenant: str, of: Of = None, post: Annotated[list[str] | None, Form(max_length=200)] = None
) -> Response:
    """Confirm the posts that were ticked."""
    ticked = codes_of(post or [])
    try:
        with administering(of, LOOKS_AFTER) as session:
            unknown = NotFound("没有该岗位", "no such post", where="post")
            done = confirm(session, [id_typed(text, unknown) for text in ticked])
    except (Forbidden, NotFound) as error:
        if not isinstance(error, NotYours):
            raise
        return _page(request, of, False, None, error, ticked)
    except BangfuError as error:
        return _page(request, of, False, None, error, ticked)
    return go(f"/{tenant}/staff/review{tail(of)}", f"已确认 {done} 个岗位")


def _page(
    request: Request,
    of: str | None,
    everything: bool,
    after: uuid.UUID | None,
    refused: BangfuError | None = None,
    ticked: list[str] | None = None,
) -> HTMLResponse:
    with administering(of, LOOKS_AFTER) as session:
        found = posts_to_review(session, unconfirmed=not everything, after=after, limit=_PAGE + 1)
        stands, until = standing(session), ends_on(session)
        may_confirm = current_scope().may(REVIEW_ACCESS)
    with unit_of_work() as session:
        late = behind(session) if of is None else []
    page = cut(found, _PAGE, lambda row: row.post.id)
    scope = visit_of(request).scope
    base = f"/{scope.tenant}/staff/review"
    return show(
        request,
        "access_review.html",
        refusal=refused,
        rows=page.rows,
        next=next_url(request, page.after),
        standing=stands,
        tabs=[
            words.Tab("未确认", base + tail(of), not everything),
            words.Tab("全部", base + tail(of, everything="true"), everything),
        ],
        of=of or "",
        tail=tail(of),
        unions=unions(visit_of(request).scope.union_name),
        names=words.staff_names([*(row.post.granted_by for row in page.rows), *(row.post.reviewed_by for row in page.rows)]),
        year=current_scope().business_date.year,
        until=until,
        overdue=current_scope().business_date > until,
        behind=late,
        ticked=ticked or [],
        me=scope.actor,
        may_confirm=may_confirm,
    )
