"""Staff and their posts: the list, letting people in, one person with posts, account and sessions (人员与岗位)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from core.errors import BangfuError, NotFound
from core.identity.changes import kept_elsewhere
from core.identity.directory.standing import sessions_there, sids_here, standing_of
from core.identity.grants import END, MOVE, NotYours, end_post, grant_post, grantable_roles, is_administrators
from core.identity.moves import move
from core.identity.names import WRITE_STAFF
from core.identity.staff import (
    DISABLE,
    ENABLE,
    LOOK_AFTER,
    Invited,
    OpenSession,
    disable,
    enable,
    end_sessions_of,
    invite,
    list_staff,
    looks_after,
    member,
    reset_password,
    sessions_of,
)
from core.identity.subtree import administering
from core.scope import current_scope
from core.web.context import go, requires, show, visit_of
from core.web.pages import words
from core.web.pages.staff_common import LOOKS_AFTER, Of, Typed, day_of, day_or_none, kept, tail, unions
from core.web.paging import After, cut, next_url

router = APIRouter(dependencies=[Depends(requires(WRITE_STAFF))])

_PAGE = 30
Text = Annotated[str, Form(max_length=120)]
Day = Annotated[str, Form(max_length=20)]
Reason = Annotated[str, Form(max_length=500)]


@router.get("/staff")
def staff(request: Request, of: Of = None, q: Typed = "", former: bool = False, after: After = None) -> HTMLResponse:
    """Who works here, or in a tenant below; and a form to let somebody in."""
    return _list(request, of, q=q, former=former, after=after)


@router.post("/staff")
def let_in(
    request: Request,
    of: Of = None,
    kind: Annotated[str, Form(max_length=10)] = "new",
    login: Text = "",
    display_name: Text = "",
    role: Text = "",
    valid_from: Day = "",
    valid_to: Day = "",
    reason: Reason = "",
) -> Response:
    """Let somebody in. A new account's first password is shown on the answer, and nowhere else."""
    typed = {"kind": kind, "login": login, "display_name": display_name, "role": role}
    typed |= {"valid_from": valid_from, "valid_to": valid_to, "reason": reason}
    try:
        with administering(of, LOOKS_AFTER) as session:
            invited = invite(
                session,
                login,
                display_name,
                role,
                reason=reason,
                valid_from=day_of(valid_from, "valid_from", otherwise=current_scope().business_date),
                valid_to=day_or_none(valid_to, "valid_to"),
                existing=kind == "existing",
            )
    except BangfuError as error:
        return _list(request, of, refused=_shown(error), typed=typed)
    return _done(request, of, invited, "已增加人员")


def _shown(error: BangfuError) -> BangfuError:
    """Refusals that the page tells beside what was typed; others answer for themselves."""
    if error.status in {409, 422} or isinstance(error, NotYours):
        return error
    raise error


def _done(request: Request, of: str | None, invited: Invited, told: str) -> Response:
    url = f"/{visit_of(request).scope.tenant}/staff/{invited.account.id}{tail(of)}"
    if invited.first_password is None:
        return go(url, told)
    return show(
        request,
        "staff_password.html",
        account=invited.account,
        password=invited.first_password,
        on_its_way=invited.on_its_way,
        url=url,
        told=told,
    )


def _list(
    request: Request,
    of: str | None,
    *,
    q: str = "",
    former: bool = False,
    after: uuid.UUID | None = None,
    refused: BangfuError | None = None,
    typed: Mapping[str, str] | None = None,
) -> HTMLResponse:
    with administering(of, LOOKS_AFTER) as session:
        found = list_staff(session, text=q, former=former, after=after, limit=_PAGE + 1)
        grantable = grantable_roles(session)
    page = cut(found, _PAGE, lambda row: row.account.id)
    base = f"/{visit_of(request).scope.tenant}/staff"
    return show(
        request,
        "staff.html",
        refusal=refused,
        rows=page.rows,
        next=next_url(request, page.after),
        tabs=[
            words.Tab("在岗", base + tail(of, q=q), not former),
            words.Tab("已离岗", base + tail(of, q=q, former="true"), former),
        ],
        of=of or "",
        tail=tail(of),
        unions=unions(visit_of(request).scope.union_name),
        roles=[(role.code, role.zh) for role in grantable],
        q=q,
        former=former,
        typed=kept(typed),
        where=refused.where if refused else None,
    )


@router.get("/staff/{account_id}")
def person(request: Request, account_id: uuid.UUID, of: Of = None) -> HTMLResponse:
    """One member of the staff: posts held here, the account, its sessions."""
    return _person(request, account_id, of)


def _person(
    request: Request,
    account_id: uuid.UUID,
    of: str | None,
    refused: BangfuError | None = None,
    typed: Mapping[str, str] | None = None,
) -> HTMLResponse:
    with administering(of, LOOKS_AFTER) as session:
        account, posts = member(session, account_id)
        mine = str(account_id) == current_scope().actor
        whole = looks_after(session, account_id)
        sessions: list[OpenSession] = sessions_of(session, account_id) if whole else []
        directory = standing_of(session, account)
        here = sids_here(session, account_id)
        grantable = grantable_roles(session)
        today = current_scope().business_date
        endable = [
            post.id
            for post in posts
            if not mine
            and (post.valid_to is None or post.valid_to > max(today, post.valid_from))
            and (not is_administrators(post.role) or current_scope().may("staff.grant_administrators"))
        ]
    looked_at = unions(visit_of(request).scope.union_name)
    # Asked for when the transaction is over: the provider may let us wait.
    there = sessions_there(account.subject, here) if whole else None
    return show(
        request,
        "staff_person.html",
        refusal=refused,
        account=account,
        posts=posts,
        endable=endable,
        mine=mine,
        whole=whole,
        sessions=sessions,
        sessions_there=there,
        directory=directory,
        second_factor=account.totp_cipher is not None or kept_elsewhere(),
        roles=[] if mine else [(role.code, role.zh) for role in grantable],
        moves=[(code, name) for code, name in looked_at if code != (of or current_scope().tenant)] if endable else [],
        names=words.staff_names([*(post.granted_by for post in posts), *(post.ended_by for post in posts)]),
        base=f"/{visit_of(request).scope.tenant}/staff/{account_id}",
        list_url=f"/{visit_of(request).scope.tenant}/staff{tail(of)}",
        tail=tail(of),
        typed=kept(typed),
        today=today,
        dormant=account.disabled_why == "dormant",
    )


def _act(
    request: Request,
    account_id: uuid.UUID,
    of: str | None,
    act: Callable[[Session], object],
    told: str,
    typed: Mapping[str, str],
) -> Response:
    """Carry out ``act`` on one person and show that person again, with the refusal and what was typed where it fails."""
    try:
        with administering(of, LOOKS_AFTER) as session:
            done: Any = act(session)
    except BangfuError as error:
        return _person(request, account_id, of, _shown(error), typed)
    if isinstance(done, Invited):
        return _done(request, of, done, told)
    return go(f"/{visit_of(request).scope.tenant}/staff/{account_id}{tail(of)}", told)


@router.post("/staff/{account_id}/posts")
def give(
    request: Request,
    account_id: uuid.UUID,
    of: Of = None,
    role: Text = "",
    valid_from: Day = "",
    valid_to: Day = "",
    reason: Reason = "",
) -> Response:
    """Give a further post."""
    typed = {"form": "give", "role": role, "valid_from": valid_from, "valid_to": valid_to, "reason": reason}
    today = current_scope().business_date

    def act(session: Session) -> object:
        since = day_of(valid_from, "valid_from", otherwise=today)
        until = day_or_none(valid_to, "valid_to")
        return grant_post(session, account_id, role, reason=reason, valid_from=since, valid_to=until)

    return _act(request, account_id, of, act, "已授予岗位", typed)


@router.post("/staff/{account_id}/posts/{post_id}/end", dependencies=[Depends(requires(END))])
def end(
    request: Request, account_id: uuid.UUID, post_id: uuid.UUID, of: Of = None, on: Day = "", reason: Reason = ""
) -> Response:
    """End a post: today, or from a later day on."""
    today = current_scope().business_date

    def act(session: Session) -> object:
        _, posts = member(session, account_id)
        if post_id not in {post.id for post in posts}:
            raise NotFound("没有该岗位", "no such post", where="post")
        return end_post(session, post_id, on=day_of(on, "on", otherwise=today), reason=reason)

    return _act(request, account_id, of, act, "已终止岗位", {"form": str(post_id), "on": on, "reason": reason})


@router.post("/staff/{account_id}/move", dependencies=[Depends(requires(MOVE))])
def move_on(
    request: Request,
    account_id: uuid.UUID,
    of: Of = None,
    to: Annotated[str, Form(max_length=6)] = "",
    on: Day = "",
    reason: Reason = "",
) -> Response:
    """Move the working posts to another tenant of the subtree."""
    today = current_scope().business_date

    def act(session: Session) -> object:
        return move(session, account_id, to, on=day_of(on, "on", otherwise=today), reason=reason)

    return _act(request, account_id, of, act, "已办理调动", {"form": "move", "to": to, "on": on, "reason": reason})


@router.post("/staff/{account_id}/disable", dependencies=[Depends(requires(DISABLE))])
def switch_off(request: Request, account_id: uuid.UUID, of: Of = None, reason: Reason = "") -> Response:
    """Switch the account off; its sessions end at once."""
    typed = {"form": "account", "reason": reason}
    return _act(request, account_id, of, lambda s: disable(s, account_id, reason=reason), "账号已停用，会话已结束", typed)


@router.post("/staff/{account_id}/enable", dependencies=[Depends(requires(ENABLE))])
def switch_on(request: Request, account_id: uuid.UUID, of: Of = None, reason: Reason = "") -> Response:
    """Let the account in again."""
    typed = {"form": "account", "reason": reason}
    return _act(request, account_id, of, lambda s: enable(s, account_id, reason=reason), "账号已启用", typed)


@router.post("/staff/{account_id}/password", dependencies=[Depends(requires(LOOK_AFTER))])
def new_password(
    request: Request, account_id: uuid.UUID, of: Of = None, reason: Reason = "", second_factor: bool = Form(default=False)
) -> Response:
    """A first password again; it is shown on the answer, and nowhere else. On demand the second factor goes too."""

    def act(session: Session) -> object:
        return reset_password(session, account_id, reason=reason, second_factor_too=second_factor)

    typed = {"form": "password", "reason": reason, "second_factor": "true" if second_factor else ""}
    return _act(request, account_id, of, act, "密码已重置", typed)


@router.post("/staff/{account_id}/sessions/end", dependencies=[Depends(requires(LOOK_AFTER))])
def sign_out_elsewhere(
    request: Request, account_id: uuid.UUID, of: Of = None, handle: Annotated[str, Form(pattern=r"^[0-9a-f]{0,16}$")] = ""
) -> Response:
    """End one session, or all of them."""

    def act(session: Session) -> object:
        return end_sessions_of(session, account_id, handle=handle or None)

    return _act(request, account_id, of, act, "会话已结束", {})
