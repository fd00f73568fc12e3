"""What a tenant itself says about permissions of service lines and roles (岗位权限).

A line proposes which roles get its permissions (``RoleGrant``); a tenant may give one to another role, or take it from one,
from a day on. Never does a role get what would break its duty (domain 7.1), nor do administrators and those who read
figures only get what shows persons (domain 12).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import Conflict, Forbidden, InvalidInput, NotFound, PreconditionFailed
from core.host.declarations import PermissionDecl, RoleDecl
from core.host.manager import host
from core.identity.models import RolePermission
from core.scope import current_scope
from core.tenancy.models import TenantCounter
from core.tenancy.service import next_numbers
from core.trail.service import record

MAP = "parameters.write"
_MONEY = frozenset({"fund_manager", "payer"})
_VERSION = "role_permission"


class BreaksDuty(Forbidden):
    """The role's duty, or what it may see, does not allow the permission."""

    code = "breaks_duty"


@dataclass(frozen=True, slots=True)
class OwnMapping:
    """What the tenant in scope has said itself, by role and permission."""

    said: Mapping[tuple[str, str], bool]

    def applied(self, role: str, proposed: set[str]) -> set[str]:
        """The permissions of ``role`` out of those that declarations give it."""
        mine = {permission: granted for (code, permission), granted in self.said.items() if code == role}
        added = {permission for permission, granted in mine.items() if granted}
        return (proposed | added) - (mine.keys() - added)


@dataclass(frozen=True, slots=True)
class Mapped:
    """One permission of a line with the roles that hold it here: proposed by the line, or by the tenant's own word."""

    plugin: str
    permission: PermissionDecl
    holders: Sequence[RoleDecl]
    own: Mapping[str, bool]
    """What the tenant said itself, by role."""


def mappable(plugins: frozenset[str] | None = None) -> dict[str, tuple[str, PermissionDecl]]:
    """The permissions that a tenant may map, by code, with their line: those of the service lines that are on."""
    return {
        permission.code: (plugin, permission)
        for plugin, declared in host().asked("bangfu_permissions", plugins)
        if host().infos[plugin].service_line
        for permission in declared
    }


def own_mapping(session: Session, roles: Sequence[str], plugins: frozenset[str], on: date) -> OwnMapping:
    """What the tenant in scope has said about these roles that holds on a day, for lines that are on: one statement."""
    rows = session.execute(
        select(RolePermission.role, RolePermission.permission, RolePermission.granted)
        .where(RolePermission.role.in_(roles), RolePermission.valid_from <= on)
        .order_by(RolePermission.valid_from, RolePermission.id)
    ).all()
    if not rows:
        return OwnMapping({})
    known = mappable(plugins)
    return OwnMapping({(role, permission): granted for role, permission, granted in rows if permission in known})


def mapping_table(session: Session) -> list[Mapped]:
    """All permissions that can be mapped here, with who holds each today."""
    scope = current_scope()
    roles: list[RoleDecl] = host().collected_here("bangfu_roles")
    own = own_mapping(session, [role.code for role in roles], scope.plugins, scope.business_date)
    grants = host().collected_here("bangfu_role_grants")
    held = {
        role.code: own.applied(
            role.code, set(role.permissions).union(*(grant.permissions for grant in grants if grant.role == role.code))
        )
        for role in roles
    }
    return [
        Mapped(
            plugin,
            permission,
            [role for role in roles if code in held[role.code]],
            {role: granted for (role, permitted), granted in own.said.items() if permitted == code},
        )
        for code, (plugin, permission) in mappable().items()
    ]


def mapping_version(session: Session) -> int:
    """How often the tenant in scope has changed its mapping: the version of the whole table."""
    counted = select(TenantCounter.last).where(TenantCounter.kind == _VERSION, TenantCounter.year == 0)
    return session.scalar(counted) or 0


def map_permission(
    session: Session,
    permission: str,
    role: str,
    *,
    granted: bool,
    reason: str,
    valid_from: date | None = None,
    expected_version: int | None = None,
) -> RolePermission:
    """Give a permission of a service line to a role of the tenant in scope, or take it away, from a day on (today).

    Needs ``parameters.write``. Raises ``NotFound`` for an unknown permission or role, ``BreaksDuty``, ``InvalidInput``
    without a reason or with a day that has passed, ``Conflict`` where it stands so already, ``PreconditionFailed`` where the
    table is not in ``expected_version`` any more. Changes of a tenant wait for each other.
    """
    scope = current_scope()
    scope.require(MAP)
    version = next_numbers(session, _VERSION, 0).start
    if expected_version is not None and version != expected_version + 1:
        raise PreconditionFailed(
            "岗位权限已被他人更改",
            "the mapping was changed meanwhile",
            where="If-Match",
            mend_zh="请重新读取后再更改",
            mend_en="read it again",
        )
    found = mappable().get(permission)
    decl = next((known for known in host().collected_here("bangfu_roles") if known.code == role), None)
    if found is None or decl is None:
        raise NotFound("没有该业务权限或岗位", "no such permission or role", where=role if found else permission)
    if not reason.strip():
        raise InvalidInput(
            "请填写原因", "a reason is needed", where="reason", mend_zh="写明依据或会议决定", mend_en="state why"
        )
    day = valid_from or scope.business_date
    if day < scope.business_date:
        raise InvalidInput("起始日期不得早于今天", "it cannot hold from a day that has passed", where="valid_from")
    if granted:
        refuse_breaking(found[1], decl)
    stands = next(entry for entry in mapping_table(session) if entry.permission.code == permission)
    if day == scope.business_date and (decl in stands.holders) == granted:
        raise Conflict("该岗位的此项权限已是如此", "it stands so already", where=role)
    row = RolePermission(
        role=role, permission=permission, granted=granted, valid_from=day, reason=reason.strip(), actor=scope.actor
    )
    session.add(row)
    session.flush()
    said = {"role": role, "permission": permission, "granted": granted, "valid_from": day}
    record(session, "permission.mapped", "role_permission", row.id, said)
    return row


def breaks(permission: PermissionDecl, role: RoleDecl) -> bool:
    """Whether the role may never hold the permission: its duty is another, it audits, or it may see no persons. Whoever keeps
    or pays the money has no part in deciding about it, so he gets no other duty's work at all."""
    wrong_duty = role.duty != permission.duty and (permission.duty is not None or role.duty in _MONEY)
    return wrong_duty or role.audit_side == "auditor" or (permission.personal and not role.sees_persons)


def refuse_breaking(permission: PermissionDecl, role: RoleDecl) -> None:
    """Raise ``BreaksDuty`` where the role may never hold the permission."""
    if breaks(permission, role):
        raise BreaksDuty(
            f"“{permission.zh}”与{role.zh}的职责不相容，不能授予",
            f"{permission.code} does not go with the duty of {role.code}",
            where=role.code,
            mend_zh="请授予职责相符的岗位",
            mend_en="choose a role whose duty it is",
        )
