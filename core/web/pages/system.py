"""How the installation does, for its system administrator: plugins, jobs, accounts, without anybody's data (系统状况)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import func, select

from core.db.session import reference_work, unit_of_work
from core.host.manager import host
from core.identity.models import Account, StaffSession
from core.identity.names import READ_SYSTEM
from core.identity.sessions import IDLE_MINUTES
from core.jobs.models import Job, OutboxItem
from core.jobs.recovery import is_swept, swept_at
from core.jobs.service import STATES_ZH
from core.tenancy.models import Tenant
from core.web.context import platform_version, requires, show

router = APIRouter(dependencies=[Depends(requires(READ_SYSTEM))])


@router.get("/system")
def system(request: Request) -> HTMLResponse:
    """Version, plugins that are installed or left out, background work, tenants, accounts and sessions in figures."""
    with unit_of_work() as session:
        jobs: Mapping[str, int] = dict(session.execute(select(Job.state, func.count()).group_by(Job.state)).all())
        unsent = session.scalar(select(func.count()).select_from(OutboxItem).where(OutboxItem.sent_at.is_(None)))
    return show(
        request,
        "system.html",
        version=platform_version(),
        plugins=list(host().infos.values()),
        left_out=host().left_out,
        swept=is_swept(),
        swept_at=swept_at(),
        jobs=[(STATES_ZH[state], jobs.get(state, 0)) for state in STATES_ZH],
        unsent=unsent,
        figures=_figures(),
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
        ("已开通单位", select(func.count()).select_from(Tenant).where(Tenant.closed_on.is_(None))),
        ("账号", select(func.count()).select_from(Account)),
        ("已停用账号", select(func.count()).select_from(Account).where(Account.disabled_at.is_not(None))),
        ("登录中的会话", select(func.count()).select_from(StaffSession).where(live)),
    )
    with reference_work() as session:
        return [(label, session.scalar(question) or 0) for label, question in wanted]
