"""Whether an act is allowed, answered in one place (办理权限, domain 12): tenant, line, permission, level, proof, state.

Pure: it reads no database and no request. What an act asks for is a ``Demand``, kept beside the service that carries it out;
the web's dependencies and the services ask here, and so does the table of all permissions (docs/permissions.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from core.errors import Forbidden
from core.scope import Level, Scope, current_scope


class Verdict(StrEnum):
    """What the answer to an act will be."""

    ALLOWED = "allowed"
    NOT_FOUND = "not_found"
    """Another tenant's, or of a line that is off: 404 (law 1)."""
    FORBIDDEN = "forbidden"
    """The post lacks the right, or the tenant's level has no such work: 403."""
    PROOF = "proof"
    """A fresh proof of the person comes first."""
    CONFLICT = "conflict"
    """The object's state does not allow it: 409."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object whose state decides what may be done to it; ``states`` gives each state its Chinese name."""

    code: str
    zh: str
    states: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Demand:
    """What an act asks for before it is carried out. Duties that exclude each other, and conditions of a workflow beyond its
    state, are asked for by the services besides."""

    permission: str | None = None
    plugin: str | None = None
    """The line that must be on."""
    levels: frozenset[Level] = frozenset(Level)
    fresh_proof: bool = False
    of: Kind | None = None
    """What it is done to, where that has states."""
    states: frozenset[str] = frozenset()
    """The states in which it is done."""
    again: frozenset[str] = frozenset()
    """The states that the act leads to and in which it changes nothing, told a second time by whoever may."""

    def fits(self, state: str) -> bool:
        """Whether an object in ``state`` allows the act."""
        return state in self.states

    def is_proven(self, fresh: bool) -> bool:
        """Whether the person's proof, ``fresh`` or not, is enough."""
        return fresh or not self.fresh_proof


def enters(scope: Scope | None, tenant: str) -> bool:
    """Whether the holder of ``scope`` (None: of no post) is let into ``tenant``: his own, and none above, below, beside."""
    return scope is not None and scope.tenant == tenant


def answer(demand: Demand, scope: Scope, *, proven: bool = False) -> Verdict:
    """What ``demand`` says to the holder of ``scope`` inside his tenant, whatever the object's state."""
    if demand.plugin is not None and demand.plugin not in scope.plugins:
        return Verdict.NOT_FOUND
    if demand.permission is not None and not scope.may(demand.permission):
        return Verdict.FORBIDDEN
    if scope.level not in demand.levels:
        return Verdict.FORBIDDEN
    if not demand.is_proven(proven):
        return Verdict.PROOF
    return Verdict.ALLOWED


def require(demand: Demand) -> None:
    """Refuse with ``Forbidden`` unless the actor in scope holds the permission, in a tenant of a level that has such work; the
    state is asked by the service once it has the object."""
    scope = current_scope()
    if demand.permission is not None:
        scope.require(demand.permission)
    if scope.level not in demand.levels:
        raise Forbidden(
            "本级单位不办理此事项",
            f"a tenant of this level has no such work: {scope.level}",
            where=demand.permission,
            mend_zh="请由有权办理的上级单位办理",
            mend_en="let the level above do it",
        )


def judge(
    demands: Iterable[Demand],
    scope: Scope | None,
    tenant: str,
    *,
    states: Mapping[str, str] | None = None,
    proven: bool = False,
) -> Verdict:
    """What an act in ``tenant`` that makes ``demands``, in this order, is answered; ``states`` gives the state of what it is
    done to, by kind. Whoever lacks the right learns nothing of the state."""
    if scope is None or not enters(scope, tenant):
        return Verdict.NOT_FOUND
    asked = list(demands)
    for demand in asked:
        verdict = answer(demand, scope, proven=proven)
        if verdict is not Verdict.ALLOWED:
            return verdict
    for demand in asked:
        state = (states or {}).get(demand.of.code) if demand.of is not None else None
        if state is not None and not demand.fits(state) and state not in demand.again:
            return Verdict.CONFLICT
    return Verdict.ALLOWED
