"""Who works with a service line here, what is under way in it, and what switching it would change (业务使用情况)."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.cases.models import Case, Deadline
from core.cases.workflows import declared_workflows
from core.errors import NotFound
from core.host.declarations import JobKindDecl, NavEntry, PermissionDecl, RoleDecl, WorkflowDecl
from core.host.manager import host
from core.identity.mapping import own_mapping
from core.identity.models import Account, Post
from core.identity.service import holds, permissions_of, roles
from core.scope import current_scope


@dataclass(frozen=True, slots=True)
class Users:
    """The roles that hold permissions of a line while it is on, and how many people hold one of them today."""

    roles: tuple[RoleDecl, ...] = ()
    people: int = 0


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What is under way in a line: open cases by workflow and step, and their clocks. Confidential cases are seen by their
    handlers alone and are not counted."""

    steps: tuple[tuple[str, str, int], ...] = ()
    """(workflow, step at which they stand, cases), as the workflow orders its steps."""
    clocks: int = 0
    overdue: int = 0

    @property
    def cases(self) -> tuple[tuple[str, int], ...]:
        """Open cases by workflow."""
        counted: dict[str, int] = defaultdict(int)
        for title, _, count in self.steps:
            counted[title] += count
        return tuple(counted.items())

    @property
    def total(self) -> int:
        """All open cases."""
        return sum(count for _, _, count in self.steps)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a line brings where it is on, and what is silent where it is off."""

    navigation: tuple[str, ...]
    work: tuple[str, ...]
    """Background work, what recurs by itself included."""
    permissions: int
    requires: tuple[str, ...]
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a role would have of a line that is on: entries, permissions, cases to open, and steps by workflow."""

    role: RoleDecl
    navigation: tuple[str, ...]
    permissions: tuple[str, ...]
    opens: tuple[str, ...]
    steps: tuple[tuple[str, tuple[str, ...]], ...]


def _of(hook: str, plugin: str) -> list[Any]:
    """What one plugin declares under a hook."""
    return [one for name, answer in host().installed(hook) if name == plugin for one in answer]


def users(session: Session) -> Mapping[str, Users]:
    """Who works with each line: two statements, however many lines there are."""
    scope = current_scope()
    rows = session.execute(
        select(Post.role, Post.account_id)
        .join(Account, Account.id == Post.account_id)
        .where(Post.tenant_code == scope.tenant, holds(scope.business_date), Account.disabled_at.is_(None))
    ).all()
    accounts: dict[str, set[uuid.UUID]] = defaultdict(set)
    for role, account in rows:
        accounts[role].add(account)
    here = {code: role for code, role in roles().items() if scope.level in role.levels}
    lines = [name for name, info in host().infos.items() if not info.always_on]
    own = own_mapping(session, sorted(here), frozenset(lines), scope.business_date)
    found = {}
    for line in lines:
        codes = {declared.code for declared in _of("bangfu_permissions", line)}
        held = [role for code, role in here.items() if codes & permissions_of([code], frozenset({line}), own)]
        found[line] = Users(tuple(held), len(set().union(*(accounts[role.code] for role in held))))
    return found


def open_work(session: Session) -> Mapping[str, OpenWork]:
    """What is under way in each line: two statements."""
    flows = {flow.name: flow for _, flow in sorted(declared_workflows().items())}
    steps: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    counted = select(Case.plugin, Case.workflow, Case.state, func.count()).where(Case.closed_on.is_(None))
    rows = session.execute(counted.group_by(Case.plugin, Case.workflow, Case.state)).all()
    for plugin, workflow, state, number in sorted(rows, key=lambda row: (row[1], _place(flows.get(row[1]), row[2]))):
        _, title = _place(flow := flows.get(workflow), state)
        steps[plugin].append((flow.zh if flow else workflow, title, number))
    late = func.count().filter(Deadline.due_on < current_scope().business_date)
    running = (
        select(Case.plugin, func.count(), late)
        .join(Case, (Case.tenant == Deadline.tenant) & (Case.id == Deadline.case_id))
        .where(Deadline.met_on.is_(None), Deadline.cancelled_on.is_(None))
        .group_by(Case.plugin)
    )
    clocks = {plugin: (number, overdue) for plugin, number, overdue in session.execute(running)}
    return {name: OpenWork(tuple(steps[name]), *clocks.get(name, (0, 0))) for name in host().infos}


def _place(flow: WorkflowDecl | None, state: str) -> tuple[int, str]:
    """Where a state stands among those of the newest workflow, and its name; last and by its code where that has none."""
    states = {one.code: (place, one.zh) for place, one in enumerate(flow.states)} if flow else {}
    return states.get(state, (len(states), state))


def effect_of(plugin: str) -> Effect:
    """What a line brings, by its declarations alone."""
    level, info = current_scope().level, host().info(plugin)
    entries: Sequence[NavEntry] = _of("bangfu_navigation", plugin)
    kinds: Sequence[JobKindDecl] = _of("bangfu_job_kinds", plugin)
    infos = host().infos
    return Effect(
        navigation=tuple(entry.zh for entry in entries if level in entry.levels),
        work=tuple(kind.zh for kind in kinds if level in kind.levels),
        permissions=len(_of("bangfu_permissions", plugin)),
        requires=tuple(infos[name].title_zh if name in infos else name for name in info.requires),
        conflicts=tuple(infos[name].title_zh if name in infos else name for name in info.conflicts),
    )


def preview(session: Session, plugin: str, role: str) -> Preview:
    """What a role would see and do with the line on, by the tenant's own mapping too: one statement. Raises ``NotFound``."""
    scope = current_scope()
    decl = roles().get(role)
    host().info(plugin)
    if decl is None or scope.level not in decl.levels:
        raise NotFound("没有这个岗位", "no such role here", where="role")
    on = scope.plugins | {plugin}
    held = permissions_of([role], on, own_mapping(session, [role], on, scope.business_date))
    entries: Sequence[NavEntry] = _of("bangfu_navigation", plugin)
    declared: Sequence[PermissionDecl] = _of("bangfu_permissions", plugin)
    newest: dict[str, WorkflowDecl] = {}
    for flow in _of("bangfu_workflows", plugin):
        if flow.name not in newest or newest[flow.name].version < flow.version:
            newest[flow.name] = flow
    return Preview(
        role=decl,
        navigation=tuple(entry.zh for entry in entries if entry.permission in held and scope.level in entry.levels),
        permissions=tuple(one.zh for one in declared if one.code in held),
        opens=tuple(flow.zh for flow in newest.values() if flow.open_permission in held),
        steps=tuple(
            (flow.zh, tuple(step.zh for step in flow.transitions if step.permission in held)) for flow in newest.values()
        ),
    )


def previewable() -> list[RoleDecl]:
    """The roles of this level."""
    return [role for role in roles().values() if current_scope().level in role.levels]
