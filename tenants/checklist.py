"""The checklist to go-live (开通清单): computed from what is there, each point with what is left to do and where.

One question travels for each tenant, under row-level security in its own scope, and holds no personal data: whether keys,
lines, figures and balances are there, never whose. Posts stand in a reference table. So a list of all counties costs a few
statements, and nobody ticks anything off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.centre.settings import CentreSettings
from core.db.session import ask_each
from core.host.manager import host
from core.identity.changes import kept_elsewhere
from core.identity.directory.models import DirectoryEntry
from core.identity.models import Account, Post
from core.identity.service import holds, roles
from core.parameters.models import NationalParameter
from core.parameters.service import declared_parameters
from core.scope import Level, current_scope
from core.tenancy.models import Tenant
from core.tenancy.plugin_state import Own, Place, Rule, State, states
from core.tenancy.service import scope_of

MOST_NAMED = 5
_POSTS: Mapping[Level, tuple[str, ...]] = {
    Level.COUNTY: ("tenant_admin", "caseworker", "case_approver", "fund_manager", "payment_approver", "payer"),
    Level.PREFECTURE: ("tenant_admin",),
    Level.PROVINCE: ("tenant_admin",),
}
"""Posts without which a tenant of a level cannot do its work; their duties exclude each other, which the database holds."""

_OF_CENTRE = ("centre_name", "phone", "leaders")
"""What a county's own papers cannot do without: letterhead, whom to call, who leads."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the checklist; ``mend`` says what is left to do, ``path`` where in the county's own pages, ``above``
    where in those of the union above."""

    code: str
    zh: str
    en: str
    done: bool
    said: str = ""
    mend_zh: str = ""
    mend_en: str = ""
    path: str = ""
    above: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the question found of one tenant."""

    has_key: bool
    own: Mapping[str, Own]
    rules: Sequence[Rule]
    parameters: Collection[str]
    centre: Collection[str]
    told: int
    confirmed: int


_QUESTION = """
select jsonb_build_object(
 'key', exists (select from tenant_key where tenant = %(tenant)s),
 'own', (select coalesce(jsonb_agg(jsonb_build_array(plugin, enabled, on_from, version)), '[]') from tenant_plugin
         where tenant = %(tenant)s),
 'rules', (select coalesce(jsonb_agg(jsonb_build_array(tenant, plugin, prefecture, word, valid_from, version)), '[]')
           from plugin_rule where tenant = any (line.codes) and tenant <> %(tenant)s),
 'parameters', (select coalesce(jsonb_agg(distinct name), '[]') from
                (select distinct on (tenant, name) name, value from tenant_parameter
                 where tenant = any (line.codes) and valid_from <= %(day)s
                 order by tenant, name, valid_from desc, recorded_at desc) as words where value is not null),
 'centre', (select coalesce(jsonb_agg(distinct field), '[]') from
            (select distinct on (c.tenant, said.field) said.field, said.given from plugin_setting_change c
             cross join lateral (select jsonb_object_keys(c.given) as field, true as given
                                 union all select unnest(c.resets), false) as said
             where c.plugin = 'core' and c.tenant = any (line.codes) and c.valid_from <= %(day)s
               and not exists (select from plugin_setting_change w
                               where w.tenant = c.tenant and w.plugin = c.plugin and c.version = any (w.withdraws))
             order by c.tenant, said.field, c.valid_from desc, c.version desc) as held where given),
 'told', (select count(*) from opening_balance where tenant = %(tenant)s and state = 'told'),
 'confirmed', (select count(*) from opening_balance where tenant = %(tenant)s and state = 'confirmed'))
from (select array[%(tenant)s, nullif(current_setting('app.prefecture', true), ''),
                   nullif(current_setting('app.province', true), '')]::char(6)[] as codes) as line
"""


def checklists(session: Session, codes: Sequence[str]) -> dict[str, list[Point]]:
    """The checklists of tenants, by code: three statements and one question for each of them, which travel together."""
    tenants = session.scalars(select(Tenant).where(Tenant.code.in_(codes)).order_by(Tenant.code)).all()
    if not tenants:
        return {}
    on = current_scope().business_date
    found = gathered(tenants, on)
    national = set(session.scalars(select(NationalParameter.name).where(NationalParameter.valid_from <= on).distinct()))
    held, behind = _posts(session, codes, on)
    return {
        tenant.code: points(tenant, found[tenant.code], national, held[tenant.code], behind[tenant.code], on)
        for tenant in tenants
    }


def gathered(tenants: Sequence[Tenant], on: date) -> dict[str, Found]:
    """What is there in each of the tenants."""
    answers = ask_each([scope_of(tenant, "system:checklist", on) for tenant in tenants], _QUESTION, {"day": on})
    return {code: _read(answer) for code, answer in answers.items()}


def _read(answer: Mapping[str, Any]) -> Found:
    def day(text: str | None) -> date | None:
        return date.fromisoformat(text) if text else None

    return Found(
        answer["key"],
        {plugin: Own(enabled, day(since), version) for plugin, enabled, since, version in answer["own"]},
        [
            Rule(tenant, plugin, prefecture, word, date.fromisoformat(since), version)
            for tenant, plugin, prefecture, word, since, version in answer["rules"]
        ],
        frozenset(answer["parameters"]),
        frozenset(answer["centre"]),
        answer["told"],
        answer["confirmed"],
    )


def _posts(session: Session, codes: Sequence[str], on: date) -> tuple[dict[str, set[str]], dict[str, int]]:
    """The roles that somebody holds in each tenant, and how many of these people the directory has yet to follow."""
    counted = (
        select(
            Post.tenant_code,
            Post.role,
            func.count().filter(DirectoryEntry.done != DirectoryEntry.told).label("behind"),
        )
        .join(Account, Account.id == Post.account_id)
        .outerjoin(DirectoryEntry, DirectoryEntry.account_id == Account.id)
        .where(Post.tenant_code.in_(codes), holds(on), Account.disabled_at.is_(None))
        .group_by(Post.tenant_code, Post.role)
    )
    held: dict[str, set[str]] = defaultdict(set)
    behind: dict[str, int] = defaultdict(int)
    for row in session.execute(counted):
        held[row.tenant_code].add(row.role)
        behind[row.tenant_code] += row.behind
    return held, behind


def lines_of(tenant: Tenant, found: Found, on: date) -> dict[str, State]:
    """How the lines stand in a tenant."""
    return states(host().infos, found.own, found.rules, Place(Level(tenant.level), tenant.province, tenant.prefecture), on)


def missing_parameters(lines: Mapping[str, State], found: Found, national: Collection[str]) -> list[str]:
    """The figures of the lines that are on for which no level has a value, by their Chinese names."""
    of_lines = {
        declared.name
        for plugin, all_of in host().installed("bangfu_parameters")
        if plugin in lines and lines[plugin].on
        for declared in all_of
    }
    names = declared_parameters()
    return [names[name].zh for name in sorted(of_lines - set(found.parameters) - set(national))]


def points(
    tenant: Tenant, found: Found, national: Collection[str], held: Collection[str], behind: int, on: date
) -> list[Point]:
    """The checklist of one tenant."""
    lines = lines_of(tenant, found, on)
    staff = f"/staff?of={tenant.code}"
    every = [
        Point(
            "key",
            "数据密钥已生成",
            "data key made",
            found.has_key,
            mend_zh="系统正在办理，数秒后刷新；仍未完成的请重新执行开通",
            mend_en="it is on its way; run the opening again if it does not come",
        ),
        _lines(lines),
        _figures(missing_parameters(lines, found, national)),
        _staffed(_POSTS[Level(tenant.level)], held, staff),
    ]
    if tenant.level == Level.COUNTY.value:
        every += [_centre(found), _balances(found)]
    if kept_elsewhere():
        every.append(_directory(behind, staff))
    return every


def _lines(lines: Mapping[str, State]) -> Point:
    on = [host().infos[name].title_zh for name, state in lines.items() if state.on]
    broken = [host().infos[name].title_zh for name, state in lines.items() if state.why in ("lacks", "conflicts")]
    return Point(
        "lines",
        "业务已启用",
        "service lines on",
        bool(on) and not broken,
        "、".join(on),
        f"{'、'.join(broken)}缺少依赖或相互冲突，请调整" if broken else "请启用至少一项业务",
        "mend the lines that do not fit together" if broken else "switch at least one line on",
        "/plugins",
    )


def _figures(missing: Sequence[str]) -> Point:
    named = "、".join(missing[:MOST_NAMED]) + ("等" if len(missing) > MOST_NAMED else "")
    return Point(
        "parameters",
        "政策参数有取值",
        "policy figures set",
        not missing,
        "" if missing else "全部沿用上级或已设定",
        f"{len(missing)} 项没有取值：{named}；请由本级或上级设定",
        f"{len(missing)} figures have no value at any level",
        "/parameters",
        "/parameters",
    )


def _staffed(needed: Sequence[str], held: Collection[str], staff: str) -> Point:
    known = roles()
    vacant = [known[role].zh for role in needed if role in known and role not in held]
    return Point(
        "posts",
        "岗位人员已到位",
        "posts filled",
        not vacant,
        f"{len(needed) - len(vacant)}/{len(needed)} 个必备岗位有人",
        f"缺{'、'.join(vacant)}；不相容岗位须由不同人员担任",
        "vacant: " + ", ".join(role for role in needed if role not in held),
        "/staff",
        staff,
    )


def _centre(found: Found) -> Point:
    missing = [str(CentreSettings.model_fields[name].title) for name in _OF_CENTRE if name not in found.centre]
    return Point(
        "centre",
        "单位信息与领导小组已填写",
        "centre and leading group stated",
        not missing,
        "",
        f"缺{'、'.join(missing)}",
        "missing: " + ", ".join(name for name in _OF_CENTRE if name not in found.centre),
        "/plugins/core/settings",
    )


def _balances(found: Found) -> Point:
    return Point(
        "opening",
        "期初余额已登记复核",
        "opening balances confirmed",
        bool(found.confirmed) and not found.told,
        f"已复核 {found.confirmed} 项" if found.confirmed else "",
        f"{found.told} 项待复核，请支付审批人复核"
        if found.told
        else "请资金专管员登记期初余额，没有的登记“无期初余额”，由支付审批人复核",
        "opening balances, or that there are none, are to be told and confirmed by two people",
        "/opening-balances",
    )


def _directory(behind: int, staff: str) -> Point:
    return Point(
        "directory",
        "统一身份认证已同步",
        "directory in step",
        not behind,
        "",
        f"{behind} 个岗位的账号待同步",
        f"{behind} posts are yet to follow",
        "/staff",
        staff,
    )
