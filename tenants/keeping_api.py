"""The tenants below as resources (单位管理接口): list, open, go live, suspend, resume, recode."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from core.db.session import unit_of_work
from core.scope import Standing
from core.tenancy.life import history, tenant_below
from core.tenancy.models import TenantChange
from core.web.context import requires
from core.web.paging import cut, tell_next
from core.web.step_up import fresh_proof
from tenants import lifecycle
from tenants.divisions_of import covered, recode
from tenants.keeping_list import Kept, described, tenants_kept
from tenants.lifecycle import KEEPING
from tenants.opening import add, go_live, prepare_all
from tenants.profiles import DEFAULT, profile_named, profiles, set_profile

router = APIRouter(tags=["tenants"], dependencies=[Depends(requires(KEEPING))])
PROVES = Depends(fresh_proof())

Code = Annotated[str, Path(pattern=r"^[0-9]{6}$")]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
SixDigits = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class PointOut(BaseModel):
    """A point of the checklist; ``mend`` is empty where it is done."""

    code: str
    zh: str
    en: str
    done: bool
    mend: str


class TenantOut(BaseModel):
    """A tenant below. ``code`` never changes; ``division`` is that of today. ``points`` while it is in preparation."""

    code: str
    division: str
    name: str
    union_name: str
    level: str
    prefecture: str | None
    state: str
    lines: list[str]
    onboarded_on: date | None
    closed_on: date | None
    points: list[PointOut]


class ChangeOut(BaseModel):
    """One step in a tenant's life."""

    act: str
    state: str
    reason: str
    by: str
    business_date: date
    detail: dict[str, Any]


class DivisionOut(BaseModel):
    """A division that the tenant covers from a day on, with the names of that time."""

    code: str
    name: str
    union_name: str
    valid_from: date
    former_tenant: str | None = None
    """The closed tenant from which it was taken over; none for its own."""


class TenantDetailOut(TenantOut):
    """A tenant below with its history, newest first."""

    changes: list[ChangeOut]
    divisions: list[DivisionOut]


class AddIn(BaseModel):
    """Divisions to open, by which profile, on what ground."""

    divisions: list[SixDigits] = Field(min_length=1, max_length=1000)
    profile: str = Field(DEFAULT, max_length=40)
    reason: Reason


class WhyIn(BaseModel):
    """On what ground."""

    reason: Reason


class SuspendIn(WhyIn):
    """Why, and whom its staff may call."""

    contact: str = Field("", max_length=100)


class RecodeIn(WhyIn):
    """The new division, its name where it is another than the division's, and the day from which it holds (today)."""

    division: SixDigits
    name: str = Field("", max_length=40)
    union_name: str = Field("", max_length=60)
    valid_from: date | None = None


class ProfileIn(WhyIn):
    """A profile's title, lines and the settings of these (plugin to field to value), from a day on (today)."""

    title: str = Field(min_length=1, max_length=40)
    plugins: list[Annotated[str, Field(max_length=80)]] = Field(max_length=100)
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    valid_from: date | None = None
    retired: bool = False


class ProfileOut(BaseModel):
    """A profile of onboarding; ``tenant`` says whose it is, None is the platform's."""

    code: str
    title: str
    plugins: list[str]
    settings: dict[str, dict[str, Any]]
    tenant: str | None
    valid_from: date | None


def _out(one: Kept) -> dict[str, Any]:
    tenant = one.tenant
    return {
        "code": tenant.code,
        "division": one.division,
        "name": tenant.name,
        "union_name": tenant.union_name,
        "level": tenant.level,
        "prefecture": tenant.prefecture,
        "state": tenant.state,
        "lines": list(one.lines),
        "onboarded_on": tenant.onboarded_on,
        "closed_on": tenant.closed_on,
        "points": [PointOut(code=p.code, zh=p.zh, en=p.en, done=p.done, mend="" if p.done else p.mend_zh) for p in one.points],
    }


def _step(change: TenantChange) -> ChangeOut:
    return ChangeOut(
        act=change.act,
        state=change.state,
        reason=change.reason,
        by=change.by_tenant,
        business_date=change.business_date,
        detail=change.detail,
    )


@router.get("/tenants")
def tenant_list(
    request: Request,
    response: Response,
    q: Annotated[str, Query(max_length=40)] = "",
    state: Standing | None = None,
    after: Annotated[str, Query(pattern=r"^([0-9]{6})?$")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[TenantOut]:
    """The tenants below by code; ``q`` finds old and new codes and names of divisions."""
    with unit_of_work() as session:
        found = tenants_kept(session, text=q, state=state or "", after=after, limit=limit + 1)
    page = cut(found, limit, lambda one: one.tenant.code)
    tell_next(request, response, page.after)
    return [TenantOut(**_out(one)) for one in page.rows]


@router.post("/tenants", status_code=201, dependencies=[PROVES])
def tenants_opened(wanted: AddIn) -> list[ChangeOut]:
    """Open divisions for preparation."""
    with unit_of_work() as session:
        settings = profile_named(session, wanted.profile).settings
        changes = add(session, wanted.divisions, wanted.reason, profile=wanted.profile)
    prepare_all([change.tenant_code for change in changes], settings)
    return [_step(change) for change in changes]


@router.get("/tenant-profiles")
def profile_list() -> list[ProfileOut]:
    """The profiles with which a county may begin."""
    with unit_of_work() as session:
        return [
            ProfileOut(
                code=one.code,
                title=one.title,
                plugins=list(one.plugins),
                settings={name: dict(values) for name, values in one.settings.items()},
                tenant=one.tenant,
                valid_from=one.valid_from,
            )
            for one in profiles(session).values()
        ]


@router.put("/tenant-profiles/{profile}", dependencies=[PROVES])
def profile_put(profile: Annotated[str, Path(max_length=40)], wanted: ProfileIn) -> ProfileOut:
    """Give a profile this content."""
    with unit_of_work() as session:
        row = set_profile(
            session,
            profile,
            wanted.title,
            plugins=wanted.plugins,
            reason=wanted.reason,
            settings=wanted.settings,
            valid_from=wanted.valid_from,
            retired=wanted.retired,
        )
        return ProfileOut(
            code=row.code,
            title=row.title,
            plugins=row.plugins,
            settings=row.settings,
            tenant=row.tenant,
            valid_from=row.valid_from,
        )


@router.get("/tenants/{code}")
def one_tenant(code: Code) -> TenantDetailOut:
    """One tenant below."""
    with unit_of_work() as session:
        tenant = tenant_below(session, code)
        (one,) = described(session, [tenant])
        changes = [_step(change) for change in history(session, code)]
        divisions = [
            DivisionOut(
                code=row.division_code,
                name=row.name,
                union_name=row.union_name,
                valid_from=row.valid_from,
                former_tenant=row.former_tenant,
            )
            for row in covered(session, code)
        ]
    return TenantDetailOut(**_out(one), changes=changes, divisions=divisions)


@router.post("/tenants/{code}/go-live", dependencies=[PROVES])
def tenant_live(code: Code, wanted: WhyIn) -> ChangeOut:
    """Let it go live; 409 with the open points of its checklist."""
    with unit_of_work() as session:
        return _step(go_live(session, code, wanted.reason))


@router.post("/tenants/{code}/suspend", dependencies=[PROVES])
def tenant_suspended(code: Code, wanted: SuspendIn) -> ChangeOut:
    """Suspend it."""
    with unit_of_work() as session:
        return _step(lifecycle.suspend(session, code, wanted.reason, wanted.contact))


@router.post("/tenants/{code}/resume", dependencies=[PROVES])
def tenant_resumed(code: Code, wanted: WhyIn) -> ChangeOut:
    """Let it work on."""
    with unit_of_work() as session:
        return _step(lifecycle.resume(session, code, wanted.reason))


@router.post("/tenants/{code}/division", dependencies=[PROVES])
def tenant_recoded(code: Code, wanted: RecodeIn) -> ChangeOut:
    """Have it cover a division of another code or name."""
    with unit_of_work() as session:
        return _step(
            recode(
                session,
                code,
                wanted.division,
                wanted.reason,
                name=wanted.name,
                union_name=wanted.union_name,
                valid_from=wanted.valid_from,
            )
        )
