"""Standing in for somebody on leave: naming a delegate, the delegations that run, taking one back (岗位代理)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response

from core.db.session import unit_of_work
from core.errors import BangfuError, NotFound
from core.identity.delegation import delegable_posts, delegate, delegations, revoke
from core.identity.grants import NotYours
from core.identity.names import WRITE_STAFF
from core.scope import current_scope
from core.web.context import go, requires, show
from core.web.pages import words
from core.web.pages.staff_common import day_of, day_or_none, kept
from core.web.typed import id_typed

router = APIRouter(dependencies=[Depends(requires("home.read"))])

Text = Annotated[str, Form(max_length=120)]
Day = Annotated[str, Form(max_length=20)]
Reason = Annotated[str, Form(max_length=500)]


@router.get("/delegations")
def running(request: Request) -> HTMLResponse:
    """Delegations that concern whoever asks, or all of the tenant for its administrator; and a form to name a delegate."""
    return _page(request)


@router.post("/delegations")
def name_delegate(
    request: Request,
    tenant: str,
    post: Text = "",
    login: Text = "",
    valid_from: Day = "",
    valid_to: Day = "",
    reason: Reason = "",
) -> Response:
    """Name a delegate for a post."""
    typed = {"post": post, "login": login, "valid_from": valid_from, "valid_to": valid_to, "reason": reason}
    try:
        with unit_of_work() as session:
            delegate(
                session,
                id_typed(post, NotFound("请选择岗位", "choose a post", where="post")),
                login,
                valid_from=day_of(valid_from, "valid_from", otherwise=current_scope().business_date),
                valid_to=day_or_none(valid_to, "valid_to"),
                reason=reason,
            )
    except BangfuError as error:
        if error.status in {404, 409, 422} or isinstance(error, NotYours):
            return _page(request, error, typed)
        raise
    return go(f"/{tenant}/delegations", "已指定代理人")


@router.post("/delegations/{post_id}/revoke")
def take_back(request: Request, tenant: str, post_id: uuid.UUID, reason: Reason = "") -> Response:
    """End a delegation from today."""
    try:
        with unit_of_work() as session:
            revoke(session, post_id, reason=reason)
    except NotFound:
        raise
    except BangfuError as error:
        return _page(request, error, {"form": str(post_id), "reason": reason})
    return go(f"/{tenant}/delegations", "已终止代理")


def _page(request: Request, refused: BangfuError | None = None, typed: Mapping[str, str] | None = None) -> HTMLResponse:
    of_all = current_scope().may(WRITE_STAFF)
    with unit_of_work() as session:
        rows = delegations(session, of_all=of_all)
        posts = delegable_posts(session, of_all=of_all)
    me = current_scope().actor
    return show(
        request,
        "delegations.html",
        refusal=refused,
        rows=rows,
        posts=[(str(post.id), f"{post.title}（{name}）" if of_all else post.title) for post, name in posts],
        of_all=of_all,
        me=me,
        names=words.staff_names(row.post.granted_by for row in rows),
        typed=kept(typed),
        where=refused.where if refused else None,
        today=current_scope().business_date,
    )
