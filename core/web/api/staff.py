"""Staff, posts and delegations of a tenant (人员与岗位): a thin door to the services that the pages use."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from core.db.session import unit_of_work
from core.identity.delegation import delegate, revoke
from core.identity.directory.standing import Standing, standing_of
from core.identity.grants import END, MOVE, end_post, grant_post
from core.identity.models import Account, Post
from core.identity.moves import move
from core.identity.names import WRITE_STAFF
from core.identity.staff import (
    DISABLE,
    ENABLE,
    LOOK_AFTER,
    Invited,
    disable,
    enable,
    end_sessions_of,
    invite,
    list_staff,
    member,
    reset_password,
)
from core.identity.subtree import administering
from core.scope import current_scope
from core.web.context import requires
from core.web.pages.staff_common import LOOKS_AFTER, Of
from core.web.paging import After, Limit, cut, tell_next

router = APIRouter(tags=["staff"])
WRITE = Depends(requires(WRITE_STAFF))
OWN = Depends(requires("home.read"))


class PostOut(BaseModel):
    """A post; ``valid_to`` is the first day on which it holds no more."""

    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    tenant_code: str
    role: str
    title: str
    valid_from: date
    valid_to: date | None
    delegated_from: uuid.UUID | None
    granted_by: str | None
    last_used_on: date | None
    reviewed_on: date | None


class MemberOut(BaseModel):
    """A member of the staff with posts held in the tenant."""

    id: uuid.UUID
    login: str
    name: str
    disabled: bool
    signed_in_at: datetime | None
    in_step: bool | None = None
    """Whether the identity provider's directory follows the account; None where accounts are kept here alone."""
    posts: list[PostOut]


class InvitedOut(BaseModel):
    """An account with its first password, which is shown in this answer alone; None where the account was there already.

    ``on_its_way``: the password holds once it has been carried to the identity provider.
    """

    id: uuid.UUID
    login: str
    first_password: str | None
    on_its_way: bool = False


def _invited(made: Invited) -> InvitedOut:
    return InvitedOut(
        id=made.account.id, login=made.account.login, first_password=made.first_password, on_its_way=made.on_its_way
    )


class Why(BaseModel):
    """The reason of an act."""

    reason: str = Field(max_length=500)


class ResetIn(Why):
    """A reset of the password; ``second_factor`` takes that away as well."""

    second_factor: bool = False


class PostIn(Why):
    """A post to be given: role and days; today and without end where they are left out."""

    role: str = Field(pattern=r"^[a-z_]{1,60}$")
    valid_from: date | None = None
    valid_to: date | None = None


class InviteIn(PostIn):
    """Somebody to be let in: a new account, or with ``existing`` the one that has the login."""

    login: str = Field(min_length=1, max_length=60)
    name: str = Field(default="", max_length=40)
    existing: bool = False


class EndIn(Why):
    """The end of a post: the first day on which it holds no more, today where it is left out."""

    on: date | None = None


class MoveIn(EndIn):
    """A move to another tenant of the subtree."""

    to: str = Field(pattern=r"^[0-9]{6}$")


class DelegateIn(Why):
    """A delegate for a post: somebody of the tenant's staff, from a first day to the one before ``valid_to``."""

    login: str = Field(min_length=1, max_length=60)
    valid_from: date | None = None
    valid_to: date


def _posts(posts: list[Post]) -> list[PostOut]:
    return [PostOut.model_validate(post) for post in posts]


def _out(account: Account, posts: list[Post], standing: Standing | None) -> MemberOut:
    return MemberOut(
        id=account.id,
        login=account.login,
        name=account.display_name,
        disabled=account.disabled_at is not None,
        signed_in_at=account.signed_in_at,
        in_step=standing.in_step if standing is not None else None,
        posts=_posts(posts),
    )


@router.get("/staff", dependencies=[WRITE])
def staff_list(
    request: Request, response: Response, of: Of = None, former: bool = False, after: After = None, limit: Limit = 50
) -> list[MemberOut]:
    """The staff of the tenant, or of one below; with ``former`` those whose posts have all ended."""
    with administering(of, LOOKS_AFTER) as session:
        page = cut(list_staff(session, former=former, after=after, limit=limit + 1), limit, lambda row: row.account.id)
        tell_next(request, response, page.after)
        return [_out(row.account, list(row.posts), row.directory) for row in page.rows]


@router.post("/staff", status_code=201, dependencies=[WRITE])
def let_in(wanted: InviteIn, of: Of = None) -> InvitedOut:
    """Let somebody in with a post."""
    with administering(of, LOOKS_AFTER) as session:
        invited = invite(
            session,
            wanted.login,
            wanted.name,
            wanted.role,
            reason=wanted.reason,
            valid_from=wanted.valid_from or current_scope().business_date,
            valid_to=wanted.valid_to,
            existing=wanted.existing,
        )
        return _invited(invited)


@router.get("/staff/{account_id}", dependencies=[WRITE])
def one_member(account_id: uuid.UUID, of: Of = None) -> MemberOut:
    """One member of the staff with all posts ever held in the tenant."""
    with administering(of, LOOKS_AFTER) as session:
        account, posts = member(session, account_id)
        return _out(account, list(posts), standing_of(session, account))


@router.post("/staff/{account_id}/posts", status_code=201, dependencies=[WRITE])
def give(account_id: uuid.UUID, wanted: PostIn, of: Of = None) -> PostOut:
    """Give a further post."""
    with administering(of, LOOKS_AFTER) as session:
        since = wanted.valid_from or current_scope().business_date
        given = grant_post(session, account_id, wanted.role, reason=wanted.reason, valid_from=since, valid_to=wanted.valid_to)
        return PostOut.model_validate(given)


@router.post("/staff/{account_id}/move", dependencies=[Depends(requires(MOVE))])
def move_on(account_id: uuid.UUID, wanted: MoveIn, of: Of = None) -> list[PostOut]:
    """Move the working posts to another tenant; the posts given there."""
    with administering(of, LOOKS_AFTER) as session:
        on = wanted.on or current_scope().business_date
        return _posts(move(session, account_id, wanted.to, on=on, reason=wanted.reason))


@router.post("/staff/{account_id}/disable", status_code=204, dependencies=[Depends(requires(DISABLE))])
def switch_off(account_id: uuid.UUID, wanted: Why, of: Of = None) -> None:
    """Switch the account off; its sessions end at once."""
    with administering(of, LOOKS_AFTER) as session:
        disable(session, account_id, reason=wanted.reason)


@router.post("/staff/{account_id}/enable", status_code=204, dependencies=[Depends(requires(ENABLE))])
def switch_on(account_id: uuid.UUID, wanted: Why, of: Of = None) -> None:
    """Let the account in again."""
    with administering(of, LOOKS_AFTER) as session:
        enable(session, account_id, reason=wanted.reason)


@router.post("/staff/{account_id}/password", dependencies=[Depends(requires(LOOK_AFTER))])
def new_password(account_id: uuid.UUID, wanted: ResetIn, of: Of = None) -> InvitedOut:
    """A first password again, shown in this answer alone."""
    with administering(of, LOOKS_AFTER) as session:
        done = reset_password(session, account_id, reason=wanted.reason, second_factor_too=wanted.second_factor)
        return _invited(done)


@router.delete("/staff/{account_id}/sessions", status_code=204, dependencies=[Depends(requires(LOOK_AFTER))])
def end_all_sessions(account_id: uuid.UUID, of: Of = None) -> None:
    """End all sessions of the account."""
    with administering(of, LOOKS_AFTER) as session:
        end_sessions_of(session, account_id)


@router.post("/posts/{post_id}/end", dependencies=[Depends(requires(END))])
def end(post_id: uuid.UUID, wanted: EndIn, of: Of = None) -> PostOut:
    """End a post, and what was delegated from it."""
    with administering(of, LOOKS_AFTER) as session:
        on = wanted.on or current_scope().business_date
        return PostOut.model_validate(end_post(session, post_id, on=on, reason=wanted.reason))


@router.post("/posts/{post_id}/delegate", status_code=201, dependencies=[OWN])
def name_delegate(post_id: uuid.UUID, wanted: DelegateIn) -> PostOut:
    """Name a delegate for a post of one's own, or of the tenant for its administrator."""
    with unit_of_work() as session:
        since = wanted.valid_from or current_scope().business_date
        given = delegate(session, post_id, wanted.login, valid_from=since, valid_to=wanted.valid_to, reason=wanted.reason)
        return PostOut.model_validate(given)


@router.post("/posts/{post_id}/revoke", dependencies=[OWN])
def take_back(post_id: uuid.UUID, wanted: Why) -> PostOut:
    """End a delegation from today."""
    with unit_of_work() as session:
        return PostOut.model_validate(revoke(session, post_id, reason=wanted.reason))
