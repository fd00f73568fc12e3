"""The yearly review of access, and which role holds which permission here (权限复核, 岗位权限)."""

from __future__ import annotations

import re
import uuid
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from core.db.session import unit_of_work
from core.errors import PreconditionFailed
from core.identity.mapping import MAP, Mapped, map_permission, mapping_table, mapping_version
from core.identity.names import SEE_REVIEW
from core.identity.review import Held, behind, confirm, ends_on, posts_to_review, standing
from core.identity.subtree import administering
from core.web.context import requires
from core.web.errors import VersionNeeded
from core.web.pages.staff_common import LOOKS_AFTER, Of
from core.web.paging import After, Limit, cut, tell_next

router = APIRouter(tags=["access"])
SEES = Depends(requires(SEE_REVIEW))
MAPS = Depends(requires(MAP))
_ETAG = re.compile(r'"([0-9]{1,9})"')

Code = Annotated[str, Path(pattern=r"^[a-z_.]{1,80}$")]


class RightOut(BaseModel):
    """A permission that a post brings; ``last_used_on`` is None where its holder never used it in the tenant."""

    permission: str
    zh: str
    last_used_on: date | None


class HeldOut(BaseModel):
    """A post that holds today, as the review lists it."""

    id: uuid.UUID
    account: uuid.UUID
    login: str
    name: str
    disabled: bool
    role: str
    title: str
    valid_from: date
    valid_to: date | None
    granted_by: str | None
    reason: str | None
    last_used_on: date | None
    rights: list[RightOut]
    confirmed: bool
    reviewed_on: date | None
    reviewed_by: str | None


class StandingOut(BaseModel):
    """How far this year's review is, and its last day."""

    posts: int
    unconfirmed: int
    ends_on: date


class BehindOut(BaseModel):
    """A tenant below that has not done this year's review in time."""

    model_config = ConfigDict(from_attributes=True)

    tenant: str
    union_name: str
    posts: int
    unconfirmed: int


class ConfirmIn(BaseModel):
    """The posts that their holders still need."""

    posts: list[uuid.UUID] = Field(max_length=500)


class ConfirmedOut(BaseModel):
    """How many posts were confirmed now; those confirmed before are not counted."""

    confirmed: int


class MappingOut(BaseModel):
    """A permission of a service line with the roles that hold it today, and what the tenant itself has said, by role."""

    plugin: str
    permission: str
    zh: str
    roles: list[str]
    own: dict[str, bool]


class MapIn(BaseModel):
    """Whether the role holds the permission, why, and from which day (today)."""

    granted: bool
    reason: str = Field(max_length=500)
    valid_from: date | None = None


def _held(row: Held) -> HeldOut:
    post = row.post
    return HeldOut(
        id=post.id,
        account=post.account_id,
        login=row.login,
        name=row.name,
        disabled=row.disabled,
        role=post.role,
        title=post.title,
        valid_from=post.valid_from,
        valid_to=post.valid_to,
        granted_by=post.granted_by,
        reason=post.reason,
        last_used_on=post.last_used_on,
        rights=[RightOut(permission=r.permission, zh=r.zh, last_used_on=r.last_used_on) for r in row.rights],
        confirmed=row.confirmed,
        reviewed_on=post.reviewed_on,
        reviewed_by=post.reviewed_by,
    )


@router.get("/access-review", dependencies=[SEES])
def review(
    request: Request, response: Response, of: Of = None, unconfirmed: bool = False, after: After = None, limit: Limit = 50
) -> list[HeldOut]:
    """The posts that hold today in the tenant, or in one below, oldest first."""
    with administering(of, LOOKS_AFTER) as session:
        page = cut(
            posts_to_review(session, unconfirmed=unconfirmed, after=after, limit=limit + 1), limit, lambda row: row.post.id
        )
        tell_next(request, response, page.after)
        return [_held(row) for row in page.rows]


@router.post("/access-review", dependencies=[SEES])
def confirm_posts(wanted: ConfirmIn, of: Of = None) -> ConfirmedOut:
    """Confirm posts for this year; all or none."""
    with administering(of, LOOKS_AFTER) as session:
        return ConfirmedOut(confirmed=confirm(session, wanted.posts))


@router.get("/access-review/standing", dependencies=[SEES])
def how_far(of: Of = None) -> StandingOut:
    """How far this year's review is."""
    with administering(of, LOOKS_AFTER) as session:
        stands = standing(session)
        return StandingOut(posts=stands.posts, unconfirmed=stands.unconfirmed, ends_on=ends_on(session))


@router.get("/access-review/behind", dependencies=[SEES])
def tenants_behind() -> list[BehindOut]:
    """The tenants below that have not done this year's review in time."""
    with unit_of_work() as session:
        return [BehindOut.model_validate(one) for one in behind(session)]


def _mapping(row: Mapped) -> MappingOut:
    return MappingOut(
        plugin=row.plugin,
        permission=row.permission.code,
        zh=row.permission.zh,
        roles=[role.code for role in row.holders],
        own=dict(row.own),
    )


@router.get("/role-permissions", dependencies=[MAPS])
def role_permissions(response: Response) -> list[MappingOut]:
    """The permissions of the lines that are on; the version of the whole table is the ETag."""
    with unit_of_work() as session:
        response.headers["ETag"] = f'"{mapping_version(session)}"'
        return [_mapping(row) for row in mapping_table(session)]


@router.put("/role-permissions/{permission}/{role}", dependencies=[MAPS])
def map_one(
    permission: Code,
    role: Code,
    wanted: MapIn,
    response: Response,
    if_match: Annotated[str | None, Header(description="the ETag of the table that was read")] = None,
) -> MappingOut:
    """Give the permission to the role, or take it away; 428 without ``If-Match``, 412 where the table was changed meanwhile."""
    version = _version(if_match)
    with unit_of_work() as session:
        map_permission(
            session,
            permission,
            role,
            granted=wanted.granted,
            reason=wanted.reason,
            valid_from=wanted.valid_from,
            expected_version=version,
        )
        response.headers["ETag"] = f'"{version + 1}"'
        return next(_mapping(row) for row in mapping_table(session) if row.permission.code == permission)


def _version(if_match: str | None) -> int:
    if if_match is None:
        raise VersionNeeded(
            "请注明所依据的版本",
            "If-Match is missing",
            where="If-Match",
            mend_zh="先读取岗位权限表，把 ETag 放入 If-Match",
            mend_en="read the table and send its ETag as If-Match",
        )
    named = _ETAG.fullmatch(if_match.strip())
    if named is None:
        raise PreconditionFailed("版本不符", "If-Match is not an ETag of the table", where="If-Match")
    return int(named.group(1))
