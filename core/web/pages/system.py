"""How the installation does, for its system administrator: plugins, jobs, accounts, without anybody's data (系统状况); and how
the identity provider's directory follows the accounts (名录)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.authorisation import Demand
from core.db.session import reference_work, unit_of_work
from core.errors import BangfuError
from core.host.faults import recent_faults
from core.host.manager import host
from core.identity.changes import kept_elsewhere
from core.identity.directory.comparison import KINDS_ZH
from core.identity.directory.drift import KIND
from core.identity.directory.mending import count_behind, list_differences, list_failing, mend
from core.identity.models import Account, StaffSession
from core.identity.names import READ_SYSTEM
from core.identity.sessions import IDLE_MINUTES
from core.jobs.models import Job, OutboxItem
from core.jobs.recovery import is_swept, swept_at
from core.jobs.service import STATES_ZH, Started, start_for_year
from core.scope import Level, current_scope
from core.tenancy.life import at_work
from core.tenancy.models import Tenant
from core.web.context import changed, go, platform_version, requires, show, visit_of
from core.web.pages import words
from core.web.paging import After, cut, next_url

router = APIRouter(dependencies=[Depends(requires(READ_SYSTEM))])

_PAGE = 50
COMPARE = Demand(READ_SYSTEM, levels=frozenset({Level.PROVINCE}))
"""The province's directory is compared as a whole, by the province alone."""


@router.get("/system")
def system(request: Request) -> HTMLResponse:
    """Version, plugins that are installed or left out, background work, tenants, accounts and sessions in figures."""
    with unit_of_work() as session:
        jobs: Mapping[str, int] = dict(session.execute(select(Job.state, func.count()).group_by(Job.state)).all())
        failed = {fault.plugin for fault in recent_faults(session)}
        unsent = session.scalar(select(func.count()).select_from(OutboxItem).where(OutboxItem.sent_at.is_(None)))
    return show(
        request,
        "system.html",
        version=platform_version(),
        plugins=list(host().infos.values()),
        left_out=host().left_out,
        failed=[words.line_title(name) for name in sorted(failed)],
        mends=current_scope().level is Level.PROVINCE,
        swept=is_swept(),
        swept_at=swept_at(),
        jobs=[(STATES_ZH[state], jobs.get(state, 0)) for state in STATES_ZH],
        unsent=unsent,
        figures=_figures(),
        elsewhere=kept_elsewhere(),
    )


def _figures() -> list[tuple[str, int]]:
    """Counts of tenants, accounts and sessions of the installation."""
    now = datetime.now(UTC)
    live = (
        StaffSession.ended_at.is_(None)
        & (StaffSession.expires_at > now)
        & (StaffSession.last_seen_at > now - timedelta(minutes=IDLE_MINUTES))
    )
    wanted = (
        ("已开通单位", select(func.count()).select_from(Tenant).where(at_work())),
        ("账号", select(func.count()).select_from(Account)),
        ("已停用账号", select(func.count()).select_from(Account).where(Account.disabled_at.is_not(None))),
        ("登录中的会话", select(func.count()).select_from(StaffSession).where(live)),
    )
    with reference_work() as session:
        return [(label, session.scalar(question) or 0) for label, question in wanted]


@router.get("/system/directory")
def directory(request: Request, after: After = None) -> HTMLResponse:
    """In what the identity provider's directory differs from the accounts here, and what waits to be carried over."""
    return _directory(request, after)


def _directory(request: Request, after: After = None, refused: BangfuError | None = None) -> HTMLResponse:
    with unit_of_work() as session:
        page = cut(list_differences(session, after=after, limit=_PAGE + 1), _PAGE, lambda found: found.row.id)
        behind, failing = count_behind(session), list_failing(session)
        latest = session.scalars(select(Job).where(Job.kind == KIND).order_by(Job.created_at.desc()).limit(1)).first()
    return show(
        request,
        "system_directory.html",
        refusal=refused,
        elsewhere=kept_elsewhere(),
        rows=page.rows,
        next=next_url(request, page.after),
        kinds=KINDS_ZH,
        behind=behind,
        failing=failing,
        latest=latest,
        states=STATES_ZH,
        compares=current_scope().level is Level.PROVINCE,
    )


@router.post("/system/directory/compare", dependencies=[Depends(requires(COMPARE))])
def compare(request: Request) -> Response:
    """Compare the directory now."""
    url = f"/{visit_of(request).scope.tenant}/system/directory"

    def told(started: Started) -> Response:
        return go(url, "已发起核对，完成后在此显示" if started.new else "核对正在办理，未另行发起")

    def act(session: Session) -> Started:
        return start_for_year(session, KIND, current_scope().business_date.year)

    return changed(act, told, lambda error: _directory(request, refused=error))


@router.post("/system/directory/mend")
def mend_all(request: Request) -> Response:
    """Have what differs put right as the platform has it."""
    url = f"/{visit_of(request).scope.tenant}/system/directory"
    told = "已交后台同步，约数秒后生效"
    return changed(mend, lambda count: go(url, f"{told}（{count} 处）"), lambda error: _directory(request, refused=error))
