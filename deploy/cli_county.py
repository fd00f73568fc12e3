"""``bangfu county``: tenants opened from the tree of divisions, shown, let go live, suspended, resumed and recoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import select

from core.db.session import ScopedSession, reference_work
from core.divisions import Division, below, division
from core.divisions import Level as DivisionLevel
from core.errors import InvalidInput
from core.identity.first import seat_first_administrator
from core.scope import Level
from core.tenancy.life import ACTS, STATES_ZH, history
from core.tenancy.models import Tenant
from core.tenancy.service import business_date, tenant_named
from deploy.cli_common import HOME, Home, SummaryFile, console, group, write_json
from deploy.cli_staff import told_password
from deploy.connection import connected, owner_engine
from deploy.story.staff import acting_as, by_platform
from tenants import lifecycle
from tenants.divisions_of import covered
from tenants.divisions_of import recode as recode_tenant
from tenants.keeping_list import Kept, described
from tenants.onboarding import open_tenants, plant_tree
from tenants.opening import add as add_tenants
from tenants.opening import go_live as let_go_live
from tenants.opening import prepare_all
from tenants.profiles import DEFAULT, profile_named, profiles, set_profile

county_app = group("单位 · tenants")

Code = Annotated[str, typer.Argument(help="单位代码，或其新旧区划代码 · tenant code, or a division's")]
Reason = Annotated[str, typer.Option(help="原因或依据 · why")]
As = Annotated[str | None, typer.Option("--as", help="以谁的账号办理，不填为平台 · the account that acts")]


@contextmanager
def _above(province: str, login: str | None) -> Iterator[ScopedSession]:
    """One transaction in the province's scope, of a person or of the platform."""
    with acting_as(login, province) if login else by_platform(province, "cli") as session:
        yield session


def _home_of(code: str) -> tuple[str, str]:
    """(tenant code, province) of a tenant by whichever code; a closed one too."""
    with reference_work() as session:
        found = tenant_named(session, code, closed=True)
        return found.code, found.province


def _have_tree(province: str) -> None:
    """Plant the province's tree, as the owner, where it is not there yet, and give the province its key."""
    with reference_work() as session:
        if session.get(Tenant, province) is not None:
            return
        on = business_date(session)
    engine = owner_engine()
    with engine.begin() as connection:
        plant_tree(connection, province, on)
    engine.dispose()
    open_tenants({province: []}, on, "安装平台")


@county_app.command("add")
def add(
    codes: Annotated[list[str] | None, typer.Argument(help="行政区划代码 · codes of divisions")] = None,
    every: Annotated[str | None, typer.Option("--all", help="该省（市、州）所属全部未开通单位 · all below")] = None,
    profile: Annotated[str, typer.Option(help="开通方案 · profile")] = DEFAULT,
    reason: Reason = "开通单位",
    admin_login: Annotated[str, typer.Option(help="首任本级管理员登录名 · login of its first administrator")] = "",
    admin_name: Annotated[str, typer.Option(help="首任本级管理员姓名 · his name")] = "",
    login: As = None,
    summary: SummaryFile = None,
    home: Home = HOME,
) -> None:
    """着手开通单位，并列出开通清单 · open tenants for preparation."""
    wanted = [division(code) for code in codes or ()]
    if admin_login:
        _refuse_unseatable(wanted, every, admin_name, login)
    if every is not None:
        wanted += below(every)
    if not wanted:
        raise InvalidInput("请写明区划代码，或用 --all", "name divisions, or give --all", where="CODES")
    provinces = {item.code[:2] + "0000" for item in wanted}
    if len(provinces) > 1:
        raise InvalidInput("一次只能开通一个省的单位", "one province at a time", where="CODES")
    (province,) = provinces
    with connected(home):
        _have_tree(province)
        chosen = [item.code for item in wanted if item.level is not DivisionLevel.PROVINCE]
        with _above(province, login) as session:
            if every is not None:
                planned = select(Tenant.code).where(Tenant.code.in_(chosen), Tenant.state == "planned")
                chosen = sorted({*session.scalars(planned), *(codes or ())})
            settings = profile_named(session, profile).settings
            changes = add_tenants(session, _with_parents(session, chosen), reason, profile=profile)
            opened = [change.tenant_code for change in changes]
        prepare_all(opened, settings)
        if admin_login:
            console.print(_seated(wanted[0].code, admin_login, admin_name, reason), highlight=False)
        with _above(province, login) as session:
            mine = select(Tenant).where(Tenant.code.in_(opened)).order_by(Tenant.code)
            rows = described(session, session.scalars(mine).all())
        _tell(rows)
        if summary:
            write_json(summary, {"opened": [_plain(row) for row in rows]})


def _refuse_unseatable(wanted: Sequence[Division], every: str | None, name: str, login: str | None) -> None:
    """Before anything is opened: one tenant, a name, and the platform's word, which alone seats a first administrator."""
    if every is not None or len(wanted) != 1:
        raise InvalidInput(
            "设首任管理员的，一次只开通一个单位", "open one tenant with its administrator", where="--admin-login"
        )
    if not name.strip():
        raise InvalidInput("请填写首任管理员姓名", "the administrator's name is missing", where="--admin-name")
    if login is not None:
        raise InvalidInput(
            "本级管理员由安全管理员授予，不能与开通单位一并办理",
            "the security administrator gives that post, not whoever opens the tenant",
            where="--admin-login",
            mend_zh="请先开通单位，再由安全管理员执行 bangfu staff invite",
            mend_en="open it first, then let the security administrator run bangfu staff invite",
        )


def _seated(code: str, login: str, name: str, reason: str) -> str:
    """Seat the first administrator of a tenant that was opened; what is told of the first password, once."""
    with by_platform(code, "first-administrator") as session:
        return told_password(seat_first_administrator(session, login, name, "tenant_admin", reason=reason))


def _with_parents(session: ScopedSession, codes: Sequence[str]) -> list[str]:
    """The divisions with the prefectures above them that nobody has opened: the platform opens both."""
    parents = select(Tenant.parent).where(Tenant.code.in_(codes))
    planned = select(Tenant.code).where(Tenant.code.in_(parents), Tenant.state == "planned")
    return sorted({*codes, *session.scalars(planned)})


@county_app.command("list")
def county_list(
    home: Home = HOME,
    level: Annotated[Level | None, typer.Option(help="级别 · level")] = None,
    state: Annotated[str | None, typer.Option(help=" / ".join(f"{code} {zh}" for code, zh in STATES_ZH.items()))] = None,
    summary: SummaryFile = None,
) -> None:
    """列出单位及状态 · list tenants; those that nobody opened by --state planned."""
    wanted = select(Tenant).order_by(Tenant.code)
    wanted = wanted.where(Tenant.state == state) if state else wanted.where(Tenant.state.not_in(["planned", "closed"]))
    if level is not None:
        wanted = wanted.where(Tenant.level == level)
    with connected(home), reference_work() as session:
        rows = session.scalars(wanted).all()
    for row in rows:
        console.print(f"{row.code} {row.union_name} {STATES_ZH[row.state]}", highlight=False)
    if summary:
        told = [{"code": row.code, "union_name": row.union_name, "level": row.level, "state": row.state} for row in rows]
        write_json(summary, {"tenants": told})


@county_app.command("profiles")
def profile_list(province: Annotated[str, typer.Argument(help="省级代码 · the province")], home: Home = HOME) -> None:
    """开通方案 · the profiles with which a county may begin."""
    table = Table("方案", "名称", "业务", "来自")
    with connected(home), by_platform(province, "cli") as session:
        for one in profiles(session).values():
            table.add_row(one.code, one.title, "、".join(one.plugins), one.tenant or "平台")
    console.print(table)


@county_app.command("profile")
def profile_set(
    province: Annotated[str, typer.Argument(help="省级代码 · the province")],
    code: Annotated[str, typer.Argument(help="方案代码 · code of the profile")],
    title: Annotated[str, typer.Option(help="名称 · title")],
    reason: Reason,
    line: Annotated[list[str] | None, typer.Option("--line", help="业务，可多次 · a line")] = None,
    retired: Annotated[bool, typer.Option("--retired", help="不再使用 · take it out of use")] = False,
    valid_from: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="从哪天起 · from")] = None,
    login: As = None,
    home: Home = HOME,
) -> None:
    """设定开通方案 · make a profile, or give it other content."""
    with connected(home), _above(province, login) as session:
        day = valid_from.date() if valid_from else None
        row = set_profile(session, code, title, plugins=line or [], reason=reason, valid_from=day, retired=retired)
        said = f"{row.code} {row.title} 自 {row.valid_from} 起：{'、'.join(row.plugins) or '不启用业务'}"
    console.print(said, highlight=False)


@county_app.command("show")
def show(code: Code, summary: SummaryFile = None, home: Home = HOME) -> None:
    """一个单位的状态、开通清单、区划与变更 · one tenant with its checklist and history."""
    with connected(home):
        tenant, province = _home_of(code)
        with by_platform(province, "cli") as session:
            (row,) = described(session, [session.get_one(Tenant, tenant)])
            changes = history(session, tenant)
            divisions = covered(session, tenant)
    _tell([row])
    for point in row.points:
        said = f"完成 {point.zh}" if point.done else f"待办 {point.zh}：{point.mend_zh}"
        console.print(f"  {said}", highlight=False, soft_wrap=True)
    for held in divisions:
        taken = f"（撤并承接自 {held.former_tenant}）" if held.former_tenant else ""
        console.print(f"  区划 {held.valid_from} 起 {held.division_code} {held.name}{taken}", highlight=False)
    for change in changes:
        console.print(f"  {change.business_date} {ACTS[change.act].zh}：{change.reason}", highlight=False)
    if summary:
        write_json(
            summary,
            _plain(row)
            | {
                "divisions": [{"code": d.division_code, "name": d.name, "valid_from": str(d.valid_from)} for d in divisions],
                "changes": [
                    {"act": c.act, "state": c.state, "reason": c.reason, "business_date": str(c.business_date)} for c in changes
                ],
            },
        )


@county_app.command("go-live")
def go_live(code: Code, reason: Reason, login: As = None, home: Home = HOME) -> None:
    """正式开通；清单未完成的不予开通 · let a tenant go live."""
    with connected(home):
        tenant, province = _home_of(code)
        with _above(province, login) as session:
            let_go_live(session, tenant, reason)
    console.print(f"{tenant} 已正式开通", highlight=False)


@county_app.command("suspend")
def suspend(
    code: Code,
    reason: Reason,
    contact: Annotated[str, typer.Option(help="联系人和电话 · whom to call")] = "",
    login: As = None,
    home: Home = HOME,
) -> None:
    """暂停办理 · suspend a tenant."""
    with connected(home):
        tenant, province = _home_of(code)
        with _above(province, login) as session:
            lifecycle.suspend(session, tenant, reason, contact)
    console.print(f"{tenant} 已暂停办理", highlight=False)


@county_app.command("resume")
def resume(code: Code, reason: Reason, login: As = None, home: Home = HOME) -> None:
    """恢复办理 · resume a tenant."""
    with connected(home):
        tenant, province = _home_of(code)
        with _above(province, login) as session:
            lifecycle.resume(session, tenant, reason)
    console.print(f"{tenant} 已恢复办理", highlight=False)


@county_app.command("recode")
def recode(
    code: Code,
    new: Annotated[str, typer.Argument(help="新区划代码 · the new division")],
    reason: Reason,
    name: Annotated[str, typer.Option(help="新名称，不填按区划名称 · new name")] = "",
    union_name: Annotated[str, typer.Option(help="工会名称 · name of the union")] = "",
    valid_from: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="批准生效日期 · from")] = None,
    login: As = None,
    home: Home = HOME,
) -> None:
    """区划变更：更名、换码，单位代码不变 · rename or recode; the tenant code stays."""
    with connected(home):
        tenant, province = _home_of(code)
        with _above(province, login) as session:
            made = recode_tenant(
                session,
                tenant,
                new,
                reason,
                name=name,
                union_name=union_name,
                valid_from=valid_from.date() if valid_from else None,
            )
            said = f"{tenant} 现为 {made.detail['division']} {made.detail['name']}"
    console.print(said, highlight=False)


def _tell(rows: Sequence[Kept]) -> None:
    table = Table("代码", "单位", "状态", "清单", "待办")
    for row in rows:
        waiting = "；".join(point.zh for point in row.points if not point.done)
        counted = f"{row.done}/{len(row.points)}" if row.points else ""
        table.add_row(row.tenant.code, row.tenant.union_name, row.state_zh, counted, waiting)
    console.print(table)


def _plain(row: Kept) -> dict[str, Any]:
    return {
        "code": row.tenant.code,
        "division": row.division,
        "union_name": row.tenant.union_name,
        "level": row.tenant.level,
        "state": row.tenant.state,
        "lines": list(row.lines),
        "points": [{"code": p.code, "done": p.done, "mend": "" if p.done else p.mend_zh} for p in row.points],
    }
