"""Opening tenants (开通): from a division of the tree to a county in preparation, and its going live.

``add`` is said in the scope of the level above and moves any number of counties in a handful of statements. What belongs to
each, its key, its first lines and their settings, is written in its own scope by ``prepare``, which is safe to do twice: an
item of the outbox has it done even where the process that said it is killed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from core.db.session import reference_work
from core.divisions import Division, above, all_divisions
from core.errors import Conflict, InvalidInput, NotFound
from core.jobs.outbox import on_topic, post
from core.scope import Level, Standing, current_scope
from core.tenancy.life import below_scope, is_there, move
from core.tenancy.models import Tenant, TenantChange, TenantDivision
from core.tenancy.service import business_date, scope_of
from core.trail.service import record
from tenants.checklist import checklists
from tenants.configuring import change_settings
from tenants.lifecycle import require_keeper
from tenants.onboarding import covering, each_by_itself, equip, tenant_row
from tenants.profiles import DEFAULT, profile_named

TOPIC = "tenant.prepare"

Settings = Mapping[str, Mapping[str, Any]]
"""Plugin to field to value."""


class NotReady(Conflict):
    """The checklist of a tenant has open points, which are named."""

    code = "not_ready"


def add(session: Session, codes: Sequence[str], reason: str, *, profile: str = DEFAULT) -> list[TenantChange]:
    """Open tenants below the one in scope for preparation, with the lines and settings of a profile.

    ``codes`` are divisions below; one that is not in the tree yet, since it was made after the tree was planted, enters it.
    The caller has them prepared after the commit (``prepare``); the outbox does so in any case. Raises as ``require_keeper``,
    ``NotFound`` (a division that is not below, or no such profile), ``Conflict`` (opened already, or the level between is not).
    """
    wanted = sorted(dict.fromkeys(codes))
    if not wanted:
        raise InvalidInput("请选择要开通的单位", "no tenant was chosen", where="code")
    require_keeper(session)
    chosen = profile_named(session, profile)
    _refuse_covered(session, wanted)
    _enter_tree(session, wanted)
    _refuse_orphans(session, wanted)
    changes = move(session, wanted, "add", reason=reason, detail={"profile": chosen.code, "plugins": list(chosen.plugins)})
    post(session, TOPIC, *({"tenant": code, "settings": chosen.settings} for code in wanted))
    return changes


def _refuse_covered(session: Session, codes: Sequence[str]) -> None:
    """A division that a tenant of another code covers is opened already, under that code."""
    held = (
        select(TenantDivision.division_code, Tenant.code, Tenant.union_name)
        .join(Tenant, Tenant.code == TenantDivision.tenant_code)
        .where(TenantDivision.division_code.in_(codes), Tenant.code != TenantDivision.division_code, is_there())
    )
    for division, tenant, union in session.execute(held):
        raise Conflict(
            f"{division} 已由{union}（单位代码 {tenant}）管辖，无须另行开通",
            f"{division} is covered by the tenant {tenant}",
            where=division,
        )


def _enter_tree(session: Session, codes: Sequence[str]) -> None:
    scope = current_scope()
    there = set(session.scalars(select(Tenant.code).where(Tenant.code.in_(codes))))
    rows = []
    for code in codes:
        if code in there:
            continue
        item = all_divisions().get(code)
        if item is None or scope.tenant not in above(code):
            raise NotFound(f"本级下没有行政区划 {code}", f"no division below has the code {code}", where=code)
        rows.append(tenant_row(item, scope.province))
    if rows:
        session.execute(pg_insert(Tenant).on_conflict_do_nothing(), rows)
        session.execute(insert(TenantDivision), [covering(row, scope.business_date) for row in rows])


def _refuse_orphans(session: Session, codes: Sequence[str]) -> None:
    """A county is opened under a prefecture that is: its parameters and matters come from there."""
    parents = select(Tenant.parent).where(Tenant.code.in_(codes), Tenant.parent.not_in(codes))
    closed = select(Tenant.code, Tenant.union_name).where(Tenant.code.in_(parents), ~is_there()).order_by(Tenant.code).limit(1)
    for code, union in session.execute(closed):
        raise Conflict(
            f"上级{union}尚未开通",
            f"the level between is not open: {code}",
            where=code,
            mend_zh="请先开通上级单位，或与其一并开通",
            mend_en="open it first, or together with these",
        )


def prepare(code: str, settings: Settings | None = None) -> bool:
    """``prepare_all`` of one tenant."""
    return bool(prepare_all([code], settings))


def prepare_all(codes: Sequence[str], settings: Settings | None = None) -> int:
    """Give tenants that were added their key, their first lines and these settings, and have their groups in the directory
    made, each in one transaction of its own; how many lacked anything. Done twice it changes nothing."""
    with reference_work() as session:
        found = session.scalars(select(Tenant).where(Tenant.code.in_(codes), is_there()).order_by(Tenant.code)).all()
        on = business_date(session)
    scopes = [scope_of(tenant, "system:onboarding", on) for tenant in found]
    return each_by_itself(scopes, lambda session: _prepare(session, settings or {}))


def _prepare(session: Session, settings: Settings) -> bool:
    said = session.scalar(
        select(TenantChange)
        .where(TenantChange.tenant_code == current_scope().tenant, TenantChange.act == "add")
        .order_by(TenantChange.id.desc())
        .limit(1)
    )
    if said is None or not equip(session, said.detail["plugins"], said.reason):
        return False
    for name, values in settings.items():
        change_settings(session, name, values=values, reason=f"按开通方案预设：{said.reason}")
    record(session, "tenant.prepared", "tenant_change", said.id, {"profile": said.detail["profile"]})
    return True


@on_topic(TOPIC)
def _prepare_later(_session: Session, payload: Mapping[str, Any]) -> None:
    prepare(payload["tenant"], payload["settings"])


def go_live(session: Session, code: str, reason: str) -> TenantChange:
    """Let a tenant in preparation go live (正式开通), today. Raises ``NotReady`` with the open points of its checklist, and as
    ``require_keeper`` and ``move``."""
    require_keeper(session)
    (change,) = move(session, [code], "go_live", reason=reason)
    ready = checklists(session, [code])[code]
    if open_points := [item for item in ready if not item.done]:
        raise NotReady(
            f"开通清单还有 {len(open_points)} 项未完成：" + "；".join(item.zh for item in open_points),
            "open points: " + "; ".join(item.en for item in open_points),
            where=code,
            mend_zh="；".join(item.mend_zh for item in open_points),
            mend_en="; ".join(item.mend_en for item in open_points),
        )
    return change


def divisions_to_open(session: Session) -> list[Division]:
    """The divisions below the tenant in scope that nobody has opened: counties, and for a province its prefectures."""
    scope = current_scope()
    opened = (
        select(Tenant.code, TenantDivision.division_code)
        .outerjoin(TenantDivision, Tenant.code == TenantDivision.tenant_code)
        .where(below_scope(), Tenant.state != Standing.PLANNED.value)
    )
    held = {code for row in session.execute(opened) for code in row}
    levels = (Level.COUNTY.value,) if scope.level is Level.PREFECTURE else (Level.PREFECTURE.value, Level.COUNTY.value)
    return [
        item
        for item in all_divisions().values()
        if item.code not in held and str(item.level) in levels and scope.tenant in above(item.code)
    ]
