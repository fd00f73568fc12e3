"""Words for codes on pages: service lines, states, programmes, people of the office (页面用语)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import select

from core.cases.workflows import declared_workflows
from core.codes import code_list
from core.db.session import reference_work
from core.host.declarations import WorkflowDecl
from core.host.manager import host
from core.identity.models import Account
from core.people.life.steps import FILE
from core.tenancy.models import Tenant

FILE_STATES: Mapping[str, str] = FILE.states
SEVERITIES: Mapping[str, str] = MappingProxyType({"critical": "严重", "major": "较重", "minor": "一般"})
ENVELOPE_STATES: Mapping[str, str] = MappingProxyType(
    {
        "sealed": "待送达",
        "delivered": "待签收",
        "taken": "已签收",
        "answered": "已答复",
        "returned": "已退回",
        "closed": "已办结",
        "undelivered": "未能送达，已退回",
    }
)
PARTY_ROLES: Mapping[str, str] = MappingProxyType(
    {
        "applicant": "申请人",
        "beneficiary": "受益人",
        "representative": "代表人",
        "agent": "代理人",
        "employer": "用人单位",
        "anonymous": "匿名",
        "household": "家庭",
    }
)


@dataclass(frozen=True, slots=True)
class Tab:
    """One filter of a list, as the macro ``segment`` takes it."""

    label: str
    href: str
    current: bool
    count: int | None = None


def line_title(plugin: str) -> str:
    """The Chinese name of a service line; its code where it is not installed any more."""
    info = host().infos.get(plugin)
    return info.title_zh if info else plugin


def newest_workflows() -> dict[str, WorkflowDecl]:
    """The newest installed version of every workflow by name."""
    found: dict[str, WorkflowDecl] = {}
    for flow in declared_workflows().values():
        if flow.name not in found or found[flow.name].version < flow.version:
            found[flow.name] = flow
    return found


def state_titles() -> dict[tuple[str, str], str]:
    """Chinese names of states by (service line, state)."""
    return {(flow.plugin, state.code): state.zh for flow in newest_workflows().values() for state in flow.states}


def programme_titles() -> dict[str, str]:
    """Chinese names of programmes by code."""
    return {programme.code: programme.zh for programme in host().collected("bangfu_programmes")}


def words_of(list_name: str) -> dict[str, str]:
    """Chinese labels of a code list by code."""
    return {item.code: item.zh for item in code_list(list_name).items}


def purposes() -> dict[str, str]:
    """Names of the purposes of funds: the code list's, and those that programmes name beside it."""
    return {programme.purpose: programme.zh for programme in host().collected("bangfu_programmes")} | words_of("fund_purpose")


def staff_names(actors: Iterable[str | None]) -> dict[str, str]:
    """Names of the office's people by actor; one question, whatever their number. The platform's own acts are 系统."""
    wanted: dict[str, uuid.UUID] = {}
    names: dict[str, str] = {}
    for actor in {actor for actor in actors if actor}:
        try:
            wanted[actor] = uuid.UUID(actor)
        except ValueError:
            names[actor] = "系统" if actor.startswith("system") else actor
    if wanted:
        with reference_work() as session:
            rows = session.execute(select(Account.id, Account.display_name).where(Account.id.in_(wanted.values())))
            known = dict(rows.all())
        names |= {actor: known.get(account, "（已撤销的账号）") for actor, account in wanted.items()}
    return names


def union_names(codes: Iterable[str]) -> dict[str, str]:
    """Names of unions by tenant code."""
    wanted = set(codes)
    if not wanted:
        return {}
    with reference_work() as session:
        rows = session.execute(select(Tenant.code, Tenant.union_name).where(Tenant.code.in_(wanted)))
        return dict(rows.all())
